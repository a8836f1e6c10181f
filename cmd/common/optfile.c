/* SPDX-License-Identifier: MIT */
#include "common/optfile.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

static enum apg_status add(
    struct optfile *x, char *text, const char *file, uint64_t line, struct apg_error *err)
{
    if (!apg_grow(&x->word, &x->cap, x->n + 1, sizeof *x->word))
        return apg_fail_memory(err);
    x->word[x->n++] = (struct optfile_word){text, file, line};
    return APG_OK;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Blanks and comments before a word; *LINE counts line ends. */
static const char *skip(const char *s, uint64_t *line)
{
    for (; is_blank(*s) || *s == '#'; s++) {
        if (*s == '#')
            s += strcspn(s, "\n");
        if (!*s)
            break;
        *line += *s == '\n';
    }
    return s;
}

/* Copy the word at *S to OUT, without its quotes, and set *S behind it. False: a quote is not closed. */
static bool cut_word(const char **s, uint64_t *line, char *out)
{
    const char *c = *s;
    char quote = '\0';
    for (; *c && (quote || !is_blank(*c)); c++) {
        *line += *c == '\n';
        if (quote ? *c == quote : (*c == '\'' || *c == '"')) {
            quote = quote ? '\0' : *c;
        } else if (*c == '\\' && quote != '\'' && c[1] && (!quote || strchr("\"\\", c[1]))) {
            *line += *++c == '\n';
            if (*c != '\n') /* a line that goes on */
                *out++ = *c;
        } else {
            *out++ = *c;
        }
    }
    *out = '\0';
    *s = c;
    return !quote;
}

static enum apg_status read_words(
    struct optfile *x, const char *path, const char *text, struct apg_error *err)
{
    uint64_t line = 1;
    for (const char *s = skip(text, &line); *s; s = skip(s, &line)) {
        const uint64_t at = line;
        const bool names_file = *s == '@';
        char *word = malloc(strlen(s) + 1);
        if (!word)
            return apg_fail_memory(err);
        const bool closed = cut_word(&s, &line, word);
        enum apg_status status = APG_OK;
        if (!closed)
            status = apg_fail(
                err, APG_EUSAGE, "@%s:%llu: a quote that is not closed", path, (unsigned long long)at);
        else if (names_file && word[1])
            status = apg_fail(err, APG_EUSAGE, "@%s:%llu: '%s': a file of options names no other", path,
                (unsigned long long)at, word);
        else
            status = add(x, word, path, at, err);
        if (status) {
            free(word);
            return status;
        }
    }
    return APG_OK;
}

static enum apg_status read_file(struct optfile *x, const char *path, struct apg_error *err)
{
    FILE *f = fopen(path, "re");
    char *text = NULL;
    size_t cap = 0;
    if (!f)
        return apg_fail_errno(err, "@%s", path);
    const ssize_t n = getdelim(&text, &cap, '\0', f);
    enum apg_status status = APG_OK;
    if (ferror(f))
        status = apg_fail_errno(err, "@%s", path);
    else if (n > 0 && !text[n - 1]) /* it ended at one */
        status = apg_fail(err, APG_EUSAGE, "@%s: a NUL byte: this is no file of options", path);
    else if (n > 0)
        status = read_words(x, path, text, err);
    free(text);
    (void)fclose(f);
    return status;
}

enum apg_status optfile_expand(struct optfile *x, int argc, char **argv, struct apg_error *err)
{
    enum apg_status status = APG_OK;
    bool ended = false;
    for (int i = 0; !status && i < argc; i++) {
        const bool file = i > 0 && !ended && argv[i][0] == '@' && argv[i][1];
        status = file ? read_file(x, argv[i] + 1, err) : add(x, argv[i], NULL, 0, err);
        ended = ended || strcmp(argv[i], "--") == 0;
    }
    if (!status && !(x->argv = malloc((x->n + 1) * sizeof *x->argv)))
        status = apg_fail_memory(err);
    for (size_t i = 0; !status && i <= x->n; i++)
        x->argv[i] = i < x->n ? x->word[i].text : NULL;
    return status;
}

void optfile_release(struct optfile *x)
{
    for (size_t i = 0; i < x->n; i++)
        if (x->word[i].file)
            free(x->word[i].text);
    free(x->word);
    free(x->argv);
    *x = (struct optfile){0};
}

void optfile_at(const struct optfile *x, const char *text, struct apg_error *err)
{
    for (size_t i = 0; i < x->n; i++)
        if (x->word[i].text == text && x->word[i].file)
            (void)apg_fail_at(err, "@%s:%llu", x->word[i].file, (unsigned long long)x->word[i].line);
}
