/* SPDX-License-Identifier: MIT
 *
 * schemafile.h - a schema in a container of tensors, the same in model and feature files.
 *
 *   metadata "schema"     JSON: label, delimiter, fields with kind and numbers (docs/files.md)
 *   metadata "settings"   JSON: settings that made it and are not in "schema", unless they are the defaults
 *   tensors vocab.NAME.text (U8), vocab.NAME.at (U64), vocab.NAME.slot (U64)   as in struct apg_vocab
 *   tensors edges.NAME (F32)
 */
#ifndef APG_SCHEMAFILE_H
#define APG_SCHEMAFILE_H
#include "base/error.h"
#include "data/safetensors.h"
#include "data/schema.h"

/* Add S to T. The arrays stay the schema's, so it must live until T is written. */
enum apg_status apg_schema_save(const struct apg_schema *s, struct apg_tensors *t, struct apg_error *err);
/* The schema that T holds. Its vocabularies borrow from T, which must outlive it; *out is freed
 * with apg_schema_free. Everything in it is checked and can be trusted; what is wrong is
 * APG_EFORMAT. */
enum apg_status apg_schema_load(struct apg_schema **out, const struct apg_tensors *t, struct apg_error *err);

#endif
