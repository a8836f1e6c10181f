/* SPDX-License-Identifier: MIT
 *
 * vocabfile.h - a vocabulary as three tensors of a file: PREFIX.text, PREFIX.at and PREFIX.slot (vocab.h).
 */
#ifndef APG_VOCABFILE_H
#define APG_VOCABFILE_H
#include "data/safetensors.h"
#include "data/vocab.h"

/* Add V to T, which borrows its arrays. */
enum apg_status apg_vocab_save(
    const struct apg_vocab *v, const char *prefix, struct apg_tensors *t, struct apg_error *err);
/* *v borrows its arrays of T. APG_EFORMAT: they are not there, or not those of a vocabulary; err has no text. */
enum apg_status apg_vocab_load(
    struct apg_vocab *v, const char *prefix, const struct apg_tensors *t, struct apg_error *err);

#endif
