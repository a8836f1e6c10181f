/* SPDX-License-Identifier: MIT */
#include "common/page.h"

#include <math.h>
#include <string.h>
#include "base/json.h"

static const char style[] =
    ":root{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--faint:#5a6470;--line:#d5dae0;--card:#f6f7f9}"
    "@media(prefers-color-scheme:dark){:root{--paper:#14171a;--ink:#e4e7ea;--faint:#9aa4ae;--line:#343b42;"
    "--card:#1d2125}}"
    "*{box-sizing:border-box}"
    "body{margin:0 auto;padding:1rem;max-width:84rem;background:var(--paper);color:var(--ink);"
    "font:15px/1.45 system-ui,sans-serif}"
    "h1{font-size:1.5rem;margin:.3rem 0;overflow-wrap:anywhere}h2{font-size:1.05rem;margin:0 0 .4rem}"
    "p{margin:.3rem 0;color:var(--faint);overflow-wrap:anywhere}"
    ".figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(9.5rem,1fr));gap:.6rem;margin:1rem 0;"
    "padding:0}"
    ".figures div{background:var(--card);border:1px solid var(--line);border-radius:.4rem;padding:.5rem .7rem}"
    ".figures dt{color:var(--faint);font-size:.85rem}"
    ".figures dd{margin:0;font-size:1.25rem;font-variant-numeric:tabular-nums}"
    ".plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,24rem),1fr));gap:1rem;"
    "margin:1rem 0}"
    "figure,section{margin:0;border:1px solid var(--line);border-radius:.4rem;padding:.7rem}"
    "section{margin:1rem 0;overflow-x:auto}"
    "svg{display:block;width:100%;height:auto;color:var(--ink)}"
    "figcaption{color:var(--faint);font-size:.88rem}"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}"
    "th,td{text-align:right;padding:.2rem .5rem;border-bottom:1px solid var(--line);white-space:nowrap}"
    "th:first-child,td:first-child{text-align:left;white-space:normal;overflow-wrap:anywhere;min-width:7rem}"
    "th{color:var(--faint);font-weight:600}";

int page_check_path(const char *name, const char *path, const char *output, const struct opt_command *command)
{
    if (path && (strcmp(path, "-") == 0 || strcmp(path, "/dev/stdout") == 0))
        return opt_usage(command, "--%s needs a file of its own, not standard output", name);
    if (path && output && strcmp(path, output) == 0)
        return opt_usage(command, "--%s and --output are the same file", name);
    return OPT_GO;
}

void page_text(FILE *f, const char *text)
{
    const bool utf8 = apg_is_utf8(text);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '<')
            fputs("&lt;", f);
        else if (*c == '>')
            fputs("&gt;", f);
        else if (*c == '&')
            fputs("&amp;", f);
        else if (*c == '"')
            fputs("&quot;", f);
        else
            putc(*c < ' ' || *c == 0x7f || (*c > 0x7f && !utf8) ? '?' : *c, f);
    }
}

static void element(FILE *f, const char *name, const char *text)
{
    fprintf(f, "<%s>", name);
    page_text(f, text);
    fprintf(f, "</%s>\n", name);
}

void page_begin(FILE *f, const char *title, const char *below)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n",
        f);
    element(f, "title", title);
    fprintf(f, "<style>%s</style>\n</head>\n<body>\n", style);
    element(f, "h1", title);
    element(f, "p", below);
}

void page_end(FILE *f)
{
    fputs("</body>\n</html>\n", f);
}

static void number(FILE *f, double x, int places)
{
    if (isnan(x))
        fputs("undefined", f);
    else
        fprintf(f, "%.*f", places, x);
}

void page_figures_begin(FILE *f)
{
    fputs("<dl class=\"figures\">\n", f);
}

void page_figure(FILE *f, const char *name, double x, int places)
{
    fputs("<div><dt>", f);
    page_text(f, name);
    fputs("</dt><dd>", f);
    number(f, x, places);
    fputs("</dd></div>\n", f);
}

void page_figures_end(FILE *f)
{
    fputs("</dl>\n", f);
}

void page_plots_begin(FILE *f)
{
    fputs("<div class=\"plots\">\n", f);
}

void page_plot(FILE *f, const char *title, const char *svg, const char *below)
{
    fputs("<figure>\n", f);
    element(f, "h2", title);
    fputs(svg, f);
    element(f, "figcaption", below);
    fputs("</figure>\n", f);
}

void page_plots_end(FILE *f)
{
    fputs("</div>\n", f);
}

void page_table_begin(FILE *f, const char *title, const char *head)
{
    fputs("<section>\n", f);
    element(f, "h2", title);
    fputs("<table>\n<tr>", f);
    while (*head) {
        const size_t n = strcspn(head, "|");
        fprintf(f, "<th>%.*s</th>", (int)n, head);
        head += n + (head[n] == '|');
    }
    fputs("</tr>\n", f);
}

void page_row_begin(FILE *f, const char *first)
{
    fputs("<tr><td>", f);
    page_text(f, first);
    fputs("</td>", f);
}

void page_cell(FILE *f, double x, int places)
{
    fputs("<td>", f);
    number(f, x, places);
    fputs("</td>", f);
}

void page_row_end(FILE *f)
{
    fputs("</tr>\n", f);
}

void page_table_end(FILE *f, const char *below)
{
    fputs("</table>\n", f);
    element(f, "p", below);
    fputs("</section>\n", f);
}
