/* SPDX-License-Identifier: MIT */
#include "common/plot.h"

#include <errno.h>
#include <math.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/json.h"
#include "base/mem.h"
#include "common/page.h"

extern char **environ;

static enum apg_status no_gnuplot(struct apg_error *err)
{
    return apg_fail(
        err, APG_EIO, "plots are drawn by gnuplot, which is not there: apt-get install gnuplot-nox");
}

/* Run gnuplot with ARGUMENT (NULL: none) from IN to OUT and ERRORS, and wait for its end. *code: what it ended with. */
static enum apg_status run(
    char *argument, FILE *in, FILE *out, FILE *errors, int *code, struct apg_error *err)
{
    char *argv[] = {"gnuplot", "-d", argument, NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed)
        return apg_fail_memory(err);
    failed = posix_spawn_file_actions_adddup2(&actions, fileno(in), STDIN_FILENO);
    failed = failed ? failed : posix_spawn_file_actions_adddup2(&actions, fileno(out), STDOUT_FILENO);
    failed = failed ? failed : posix_spawn_file_actions_adddup2(&actions, fileno(errors), STDERR_FILENO);
    failed = failed ? failed : posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed == ENOENT)
        return no_gnuplot(err);
    if (failed) {
        errno = failed;
        return apg_fail_errno(err, "gnuplot");
    }
    int state;
    while (waitpid(pid, &state, 0) < 0)
        if (errno != EINTR)
            return apg_fail_errno(err, "gnuplot");
    *code = WIFEXITED(state) ? WEXITSTATUS(state) : -1;
    return APG_OK;
}

/* All of F, from its start, with a NUL behind; NULL: out of memory. */
static char *whole(FILE *f, size_t *n)
{
    char *text = NULL;
    size_t cap = 0, got;
    *n = 0;
    rewind(f);
    do {
        if (!apg_grow(&text, &cap, *n + 65536, 1)) {
            free(text);
            return NULL;
        }
        got = fread(text + *n, 1, 65535, f);
        *n += got;
    } while (got);
    text[*n] = '\0';
    return text;
}

/* SCRIPT through gnuplot. *out is freed with free(). */
static enum apg_status draw(
    char **out, char *argument, const char *script, size_t n_script, struct apg_error *err)
{
    FILE *f[3] = {tmpfile(), tmpfile(), tmpfile()}; /* its input, output and errors: no pipe can fill up */
    enum apg_status status = APG_OK;
    int code = 0;
    size_t n;
    *out = NULL;
    if (!f[0] || !f[1] || !f[2] || fwrite(script, 1, n_script, f[0]) < n_script || fflush(f[0]))
        status = apg_fail_errno(err, "a temporary file for gnuplot");
    if (!status) {
        rewind(f[0]);
        status = run(argument, f[0], f[1], f[2], &code, err);
    }
    if (!status && !(*out = whole(f[1], &n)))
        status = apg_fail_memory(err);
    char *said = status ? NULL : whole(f[2], &n);
    if (!status && (code || (!argument && !strstr(*out, "</svg>")))) {
        char *line = said ? said + strspn(said, " \t\n\"^") : NULL;
        status = apg_fail(err, APG_EIO, "gnuplot failed: %.*s", line && *line ? (int)strcspn(line, "\n") : 16,
            line && *line ? line : "it drew nothing");
    }
    free(said);
    for (int i = 0; i < 3; i++)
        if (f[i])
            (void)fclose(f[i]);
    if (status) {
        free(*out);
        *out = NULL;
    }
    return status;
}

enum apg_status plot_check(struct apg_error *err)
{
    char *version;
    const enum apg_status status = draw(&version, "--version", "", 0, err);
    free(version);
    return status;
}

double plot_step(double range, int most)
{
    const double rough = range / most, ten = pow(10, floor(log10(rough)));
    const double part = rough / ten;
    return (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10) * ten;
}

enum apg_status plot_begin(struct plot *p, int width, int height, struct apg_error *err)
{
    *p = (struct plot){.width = width, .height = height};
    p->script = open_memstream(&p->text, &p->n_text);
    if (!p->script)
        return apg_fail_memory(err);
    fprintf(p->script,
        "set terminal svg size %d,%d dynamic noenhanced font 'sans-serif,14'\n"
        "set encoding utf8\nset border 3 lc rgb '#010101'\nset tics nomirror\n"
        "set grid lc rgb '#808080' lw 0.5 dt 1\nset key noautotitle\n",
        width, height);
    return APG_OK;
}

/* Cut S to LETTERS letters, an ellipsis the last of them. */
static void cut(char *s, size_t letters)
{
    size_t n = 0, at = 0, before = 0;
    for (; s[at]; at++) {
        if ((s[at] & 0xc0) == 0x80)
            continue;
        if (++n == letters)
            before = at;
        if (n > letters) {
            memcpy(s + before, "\xe2\x80\xa6", 4);
            return;
        }
    }
}

const char *plot_label(struct plot *p, const char *text, size_t letters)
{
    if (p->n_labels == PLOT_LABELS)
        return "";
    char *label = p->label[p->n_labels], *token = p->token[p->n_labels];
    size_t n = strlen(text);
    n = n < PLOT_LABEL_BYTES - 5 ? n : PLOT_LABEL_BYTES - 5;
    while (n && text[n] && (text[n] & 0xc0) == 0x80) /* not amid a letter */
        n--;
    memcpy(label, text, n);
    label[n] = '\0';
    cut(label, letters);
    (void)snprintf(token, sizeof p->token[0], "@%02zu@", p->n_labels++);
    return token;
}

/* What stands at S in gnuplot's drawing, to be written as something else: its length, and *to; 0: nothing. */
static size_t other(const char *s, const char **to)
{
    static const struct {
        const char *from, *to;
    } table[] = {
        {"rgb(  1,   1,   1)", "currentColor"}, {"rgb(1,1,1)", "currentColor"},
        {"\"black\"", "\"currentColor\""}, {" color=\"black\"", ""}, {" color=\"white\"", ""},
        {" color=\"gray\"", ""}, {" color='white'", " color='transparent'"}, /* around points */
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const size_t n = strlen(table[i].from);
        if (strncmp(s, table[i].from, n) == 0) {
            *to = table[i].to;
            return n;
        }
    }
    if (strncmp(s, "<title>", 7) == 0) { /* of a curve: the name that gnuplot gave it */
        const char *end = strstr(s, "</title>");
        *to = "";
        return end ? (size_t)(end - s) + 8 : 0;
    }
    return 0;
}

/* Write gnuplot's DRAWING, its own head left out, in this page's colours, with the labels in their places. */
static void write_svg(
    FILE *f, const struct plot *p, const char *drawing, const char *title, int id, bool standalone)
{
    const char *to, *s = strstr(drawing, "<defs>");
    if (standalone)
        fputs("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n", f);
    fprintf(f, "<svg%s viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"",
        standalone ? " xmlns=\"http://www.w3.org/2000/svg\"" : "", p->width, p->height);
    page_text(f, title);
    fputs("\">\n", f);
    if (standalone)
        fputs("<style>svg{color:#1b1f24;background:#fff}@media(prefers-color-scheme:dark)"
              "{svg{color:#e4e7ea;background:#14171a}}</style>\n",
            f);
    fputs("<g>\n", f);
    for (; s && *s; s++) {
        const size_t n = other(s, &to);
        size_t label;
        if (n) {
            fputs(to, f);
            s += n - 1;
        } else if (*s == '@' && sscanf(s, "@%2zu@", &label) == 1 && s[3] == '@' && label < p->n_labels) {
            page_text(f, p->label[label]);
            s += 3;
        } else if (strncmp(s, "id='", 4) == 0 || strncmp(s, "id=\"", 4) == 0) {
            fprintf(f, "%.4sp%d-", s, id);
            s += 3;
        } else if (strncmp(s, "href='#", 7) == 0) {
            fprintf(f, "href='#p%d-", id);
            s += 6;
        } else if (strncmp(s, "xlink:href='#", 13) == 0) {
            fprintf(f, "href='#p%d-", id);
            s += 12;
        } else {
            putc(*s, f);
        }
    }
}

enum apg_status plot_end(
    struct plot *p, char **svg, const char *title, int id, bool standalone, struct apg_error *err)
{
    char *drawing = NULL;
    size_t n;
    enum apg_status status = fclose(p->script) ? apg_fail_memory(err) : APG_OK;
    *svg = NULL;
    if (!status)
        status = draw(&drawing, NULL, p->text, p->n_text, err);
    FILE *f = status ? NULL : open_memstream(svg, &n);
    if (f)
        write_svg(f, p, drawing, title, id, standalone);
    if (!status && (!f || fclose(f))) {
        free(*svg);
        *svg = NULL;
        status = apg_fail_memory(err);
    }
    free(drawing);
    free(p->text);
    *p = (struct plot){0};
    return status;
}
