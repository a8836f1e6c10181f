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
static char *skip(char *s, uint64_t *line)
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

/* Cut the word at *S where it stands, without its quotes, and set *S behind it. False: a quote is not closed. */
static bool cut_word(char **s, uint64_t *line)
{
    char *c = *s, *out = c;
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
    if (*c) /* the blank behind it, where the word's NUL may come */
        *line += *c++ == '\n';
    *out = '\0';
    *s = c;
    return !quote;
}

static enum apg_status read_words(struct optfile *x, const char *path, char *text, struct apg_error *err)
{
    enum apg_status status = APG_OK;
    uint64_t line = 1;
    for (char *s = skip(text, &line); !status && *s; s = skip(s, &line)) {
        const uint64_t at = line;
        const bool names_file = *s == '@';
        char *word = s;
        if (!cut_word(&s, &line))
            status = apg_fail(
                err, APG_EUSAGE, "@%s:%llu: a quote that is not closed", path, (unsigned long long)at);
        else if (names_file && word[1])
            status = apg_fail(err, APG_EUSAGE, "@%s:%llu: '%s': a file of options names no other", path,
                (unsigned long long)at, word);
        else
            status = add(x, word, path, at, err);
    }
    return status;
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
    if (apg_grow(&x->text, &x->cap_text, x->n_text + 1, sizeof *x->text)) {
        x->text[x->n_text++] = text; /* words are parts of it */
    } else {
        free(text);
        status = apg_fail_memory(err);
    }
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
    for (size_t i = 0; i < x->n_text; i++)
        free(x->text[i]);
    free(x->text);
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
