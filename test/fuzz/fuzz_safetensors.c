/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a container with a schema. The checksum is not looked at, or nothing would come past it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "data/safetensors.h"
#include "data/schemafile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every byte a tensor claims must be there: the address sanitizer watches. */
static unsigned touch(const struct apg_tensors *t)
{
    unsigned sum = 0;
    for (size_t i = 0; i < apg_tensors_count(t); i++) {
        const struct apg_tensor_view *v = apg_tensors_at(t, i);
        size_t n = apg_dtype_size[v->dtype];
        for (size_t d = 0; d < v->n_dims; d++)
            n *= v->dim[d];
        for (size_t k = 0; k < n; k++)
            sum += ((const unsigned char *)v->data)[k];
        if (apg_tensors_find(t, v->name) != v)
            abort();
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct apg_tensors *t;
    struct apg_schema *s;
    char *copy = apg_alloc(size, 1); /* aligned, as a mapping is */
    if (!copy)
        return 0;
    if (size)
        memcpy(copy, data, size);
    if (apg_tensors_open_memory(&t, copy, size, "fuzz", false, NULL) == APG_OK) {
        volatile unsigned sum = touch(t);
        (void)sum;
        if (apg_schema_load(&s, t, NULL) == APG_OK) {
            for (size_t i = 0; i < s->n_fields; i++)
                if (apg_field_has_vocab(&s->field[i]) &&
                    apg_vocab_find(&s->field[i].vocab, "a", 1, apg_vocab_hash("a", 1)) >= s->field[i].rows)
                    abort();
            (void)apg_schema_hash(s);
            apg_schema_free(s);
        }
        apg_tensors_free(t);
    }
    free(copy);
    return 0;
}
