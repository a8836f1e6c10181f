/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a model, whose checksum is set right first: what opens must predict, collapse and be written again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "model/model.h"
#include "serve/handle.h"
#include "serve/stream.h"
#include "forge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS = 3, COLUMNS_MAX = 1000 };

static bool forget(void *arg, const void *p, size_t n)
{
    (void)arg, (void)p, (void)n;
    return true;
}

static void use(struct apg *a)
{
    static const char *const text[] = {"", "1", "-2.5e30", "a|b||a", "u1"};
    const size_t columns = apg_columns_count(a);
    double probability[ROWS];
    const char **cell = apg_alloc(ROWS * columns, sizeof *cell);
    if (!cell)
        abort();
    for (size_t i = 0; i < ROWS * columns; i++)
        cell[i] = text[(i / columns + i % columns) % (sizeof text / sizeof *text)];
    for (size_t i = 0; i < ROWS; i++) /* a row with a word in a column of numbers is refused */
        (void)apg_predict(a, cell + i * columns, 1, probability, NULL);
    free(cell);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct apg_tensors *t;
    struct apg_model *m;
    struct apg *a;
    struct apg_collapsed report[APG_COLLAPSE_STEPS];
    char *copy = apg_alloc(size, 1); /* aligned, as a mapping is */
    if (!copy)
        return 0;
    if (size)
        memcpy(copy, data, size);
    forge_container((uint8_t *)copy, size);
    if (apg_tensors_open_memory(&t, copy, size, "fuzz", true, NULL) == APG_OK &&
        apg_model_from(&m, t, APG_STREAM_ROWS, NULL) == APG_OK && apg_handle_new(&a, m, NULL) == APG_OK) {
        if (apg_columns_count(a) <= COLUMNS_MAX) {
            use(a);
            if (apg_collapse(a, true, report, NULL) == APG_OK)
                use(a);
            (void)apg_write(a, (struct apg_sink){forget, NULL, "fuzz"}, NULL);
        }
        apg_close(a);
    }
    free(copy);
    return 0;
}
