/* SPDX-License-Identifier: MIT
 *
 * Any lines as the settings "NAME=VALUE" of a training: what is taken is in the range that its row has.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "model/arch_members.h"
#include "train/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINES_MAX = 100 };

/* Only what was given: a number that was not may be a NaN. */
static void check(const struct apg_setting *rows, const void *base, const struct apg_given *given)
{
    for (const struct apg_setting *row = rows; row->kind != APG_SETTING_END; row++) {
        const void *at = (const char *)base + row->at;
        char text[256];
        if (!row->name || !apg_given_has(given, row->name))
            continue;
        apg_setting_text(text, sizeof text, row, base);
        if (row->kind == APG_SETTING_SIZES) {
            const size_t *n = (const void *)((const char *)base + row->n_at), *item = at;
            if (*n > row->room)
                abort();
            for (size_t i = 0; i < *n; i++)
                if ((double)item[i] < row->least || (double)item[i] > row->most)
                    abort();
        }
        const double real = row->kind == APG_SETTING_REAL ? *(const double *)at : row->least;
        if (!(real >= row->least && real <= row->most))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct apg_train_settings s;
    const char *line[LINES_MAX + 1] = {NULL};
    size_t n = 0;
    char *text = malloc(size + 1), *rest = text;
    if (!text)
        return 0;
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    while (n < LINES_MAX && rest)
        line[n++] = strsep(&rest, "\n");
    apg_train_settings_init(&s);
    if (apg_train_settings_set(&s, line, NULL) == APG_OK) {
        check(apg_columns_format, &s.columns, &s.given);
        check(apg_columns_kinds, &s.columns, &s.given);
        check(apg_arch_members, &s.arch, &s.given);
        check(apg_fit_settings, &s.fit, &s.given);
        if (apg_columns_check(&s.columns, NULL) == APG_OK)
            (void)apg_arch_settle(&s.arch, &s.given, NULL);
    }
    apg_train_settings_release(&s);
    free(text);
    return 0;
}
