/* SPDX-License-Identifier: MIT */
#undef APG_ANALYSE
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Replaces C0 controls, DEL, and the C1 controls in UTF-8 (c2 80 .. c2 9f), which some terminals
 * obey too. */
static void make_printable(char *s)
{
    for (unsigned char *p = (unsigned char *)s; *p; p++) {
        if (*p < 0x20 || *p == 0x7f)
            *p = '?';
        else if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
            p[0] = p[1] = '?';
    }
}

/* The text is made apart from e->text, because the arguments may point into that. TAIL, unless
 * NULL, is put behind it and ": ". */
static void APG_PRINTF(3, 0) set_text(struct apg_error *e, const char *tail, const char *fmt, va_list ap)
{
    char text[sizeof e->text];
    int n = vsnprintf(text, sizeof text, fmt, ap);
    if (n < 0)
        n = 0, text[0] = '\0';
    if (tail && (size_t)n < sizeof text)
        (void)snprintf(text + n, sizeof text - (size_t)n, ": %s", tail);
    make_printable(text);
    memcpy(e->text, text, sizeof text);
}

enum apg_status apg_fail(struct apg_error *e, enum apg_status status, const char *fmt, ...)
{
    if (e) {
        va_list ap;
        va_start(ap, fmt);
        set_text(e, NULL, fmt, ap);
        va_end(ap);
        e->status = status;
    }
    return status;
}

enum apg_status apg_fail_errno(struct apg_error *e, const char *fmt, ...)
{
    int saved = errno;
    if (e) {
        char reason[128];
        va_list ap;
        va_start(ap, fmt);
        set_text(e, strerror_r(saved, reason, sizeof reason), fmt, ap);
        va_end(ap);
        e->status = APG_EIO;
    }
    errno = saved;
    return APG_EIO;
}

enum apg_status apg_fail_at(struct apg_error *e, const char *fmt, ...)
{
    if (!e)
        return APG_EIO;
    char old[sizeof e->text];
    memcpy(old, e->text, sizeof old);
    va_list ap;
    va_start(ap, fmt);
    set_text(e, old, fmt, ap);
    va_end(ap);
    return e->status;
}

enum apg_status apg_fail_memory(struct apg_error *e)
{
    return apg_fail(e, APG_ENOMEM, "out of memory");
}
