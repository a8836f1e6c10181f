/* SPDX-License-Identifier: MIT */
#include "common/message.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *message_command = "";
static char last[sizeof((struct apg_error *)0)->text];

void message_warn(const char *fmt, ...)
{
    struct apg_error e;
    char text[sizeof e.text];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    apg_fail(&e, APG_OK, "%s", text); /* which replaces control characters */
    fflush(stdout);
    fprintf(stderr, "apg%s%s: %s\n", *message_command ? " " : "", message_command, e.text);
    (void)snprintf(last, sizeof last, "%s", e.text);
}

const char *message_last(void)
{
    return last;
}

int message_fail(const struct apg_error *err)
{
    message_warn("%s", err->text);
    return EXIT_FAILED;
}

static char clean(char c)
{
    return (unsigned char)c < ' ' || c == 0x7f ? '?' : c;
}

const char *message_text(const char *text)
{
    static char out[MESSAGE_TEXT_BYTES];
    size_t n = 0;
    for (; n < sizeof out - 1 && text[n]; n++)
        out[n] = clean(text[n]);
    out[n] = '\0';
    return out;
}

void message_lines(const char *text)
{
    fflush(stdout);
    while (*text) {
        size_t n = strcspn(text, "\n");
        fprintf(stderr, "apg %s: ", message_command);
        for (size_t i = 0; i < n; i++)
            putc(clean(text[i]), stderr);
        putc('\n', stderr);
        text += n + (text[n] == '\n');
    }
}
