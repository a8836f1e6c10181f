/* SPDX-License-Identifier: MIT */
#include "data/cell.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void trim(const char **text, size_t *len)
{
    while (*len && (**text == ' ' || **text == '\t'))
        (*text)++, (*len)--;
    while (*len && ((*text)[*len - 1] == ' ' || (*text)[*len - 1] == '\t'))
        (*len)--;
}

/* Up to 15 digits and a power of ten of up to 22 are both exact in a double, so one multiplication
 * or division rounds once: what strtod gives, at a tenth of its time. */
static const double power_of_ten[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12,
    1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

bool apg_cell_number(const char *text, size_t len, double *x)
{
    trim(&text, &len);
    const char *p = text, *end = text + len;
    bool minus = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    uint64_t digits = 0;
    size_t n_digits = 0, after_point = 0;
    for (; p < end && is_digit(*p); p++, n_digits++)
        digits = digits * 10 + (uint64_t)(*p - '0');
    if (p < end && *p == '.')
        for (p++; p < end && is_digit(*p); p++, n_digits++, after_point++)
            digits = digits * 10 + (uint64_t)(*p - '0');
    if (n_digits == 0)
        return false;
    if (p == end && n_digits <= 15) {
        double v = (double)digits / power_of_ten[after_point];
        *x = minus ? -v : v;
        return true;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '-' || *p == '+'))
            p++;
        if (p == end)
            return false;
        while (p < end && is_digit(*p))
            p++;
    }
    char *stop;
    *x = strtod(text, &stop); /* it ends there at the latest: a NUL or a blank follows the cell */
    return p == end && stop == end && isfinite(*x);
}

static bool is_one_of(const struct apg_list *list, const char *text, size_t len)
{
    for (size_t i = 0; i < list->n; i++) {
        const char *item = list->item[i];
        size_t n = strlen(item);
        trim(&item, &n);
        if (n == len && memcmp(item, text, len) == 0)
            return true;
    }
    return false;
}

bool apg_cell_label(const char *text, size_t len, const struct apg_list *positive, float *y)
{
    if (positive && positive->n) {
        trim(&text, &len);
        *y = is_one_of(positive, text, len);
        return len > 0;
    }
    if (len == 1 && (*text == '0' || *text == '1')) {
        *y = (float)(*text - '0');
        return true;
    }
    trim(&text, &len);
    double x;
    if (len == 4 && strncasecmp(text, "true", 4) == 0)
        x = 1;
    else if (len == 5 && strncasecmp(text, "false", 5) == 0)
        x = 0;
    else if (!apg_cell_number(text, len, &x) || (x != 0 && x != 1 && x != -1))
        return false;
    *y = x == 1 ? 1 : 0;
    return true;
}

bool apg_cell_weight(const char *text, size_t len, float *w)
{
    double x;
    if (!apg_cell_number(text, len, &x) || !(x >= 0 && x <= (double)FLT_MAX))
        return false;
    *w = x > 0 ? (float)x : 0; /* not -0 */
    return true;
}
