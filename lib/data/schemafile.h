/* SPDX-License-Identifier: MIT
 *
 * schemafile.h - a schema in a container of tensors, the same in model and feature files.
 *
 *   metadata "schema"     JSON: label, delimiter, fields with kind and numbers (docs/files.md)
 *   tensors vocab.NAME.text (U8), vocab.NAME.at (U64), vocab.NAME.slot (U64)   as in struct apg_vocab
 *   tensors edges.NAME (F32)
 */
#ifndef APG_SCHEMAFILE_H
#define APG_SCHEMAFILE_H
#include "base/error.h"
#include "data/safetensors.h"
#include "data/schema.h"

/* The arrays stay the schema's: it must live until T is written. */
enum apg_status apg_schema_save(const struct apg_schema *s, struct apg_tensors *t, struct apg_error *err);
/* Vocabularies borrow from T, which must outlive the schema. Everything is checked: what it gives can be
 * trusted. */
enum apg_status apg_schema_load(struct apg_schema **out, const struct apg_tensors *t, struct apg_error *err);

#endif
