/* SPDX-License-Identifier: MIT */
#include "base/members.h"

#include <stdbool.h>

static const char not_json[] = "its header is not JSON";

/* Text from `at` on, up to `end`. */
struct text {
    const char *at, *end;
};

/* Go over white space, then over C if it stands there. */
static bool go_over(struct text *t, char c)
{
    while (t->at < t->end && (*t->at == ' ' || *t->at == '\t' || *t->at == '\n' || *t->at == '\r'))
        t->at++;
    if (t->at == t->end || *t->at != c)
        return false;
    t->at++;
    return true;
}

/* Go over the rest of a string, whose opening quote was gone over. */
static bool go_over_string(struct text *t)
{
    for (; t->at < t->end; t->at++)
        if (*t->at == '\\')
            t->at += t->end - t->at > 1;
        else if (*t->at == '"')
            return t->at++, true;
    return false;
}

/* Go over a string, array or object. How it is made inside is for the parser to say. *values: a
 * bound of how many values it has. */
static bool go_over_value(struct text *t, size_t *values)
{
    size_t depth = 0;
    *values = 0;
    do {
        if (go_over(t, '"')) {
            if (!go_over_string(t))
                return false;
        } else if (t->at < t->end) {
            const char c = *t->at++;
            *values += c == ',' || c == '[' || c == '{';
            depth += c == '[' || c == '{';
            if (c == ']' || c == '}') {
                if (depth == 0)
                    return false;
                depth--;
            } else if (depth == 0) {
                return false;
            }
        }
    } while (depth && t->at < t->end);
    return depth == 0;
}

/* Parse the next member. TEXT stands before its name, and then before the comma or brace behind it.
 * The two values are freed by the caller, also on failure. Returns what is wrong, or NULL. */
static const char *next_member(struct text *text, size_t values_max, json_t **name, json_t **value)
{
    size_t values;
    *name = *value = NULL;
    if (!go_over(text, '"'))
        return not_json;
    const char *from = text->at - 1;
    if (!go_over_string(text))
        return not_json;
    const size_t n_name = (size_t)(text->at - from);
    if (!go_over(text, ':'))
        return not_json;
    const char *begin = text->at;
    if (!go_over_value(text, &values))
        return not_json;
    if (values > values_max)
        return "its header says more than there is to say";
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY;
    *name = json_loadb(from, n_name, flags, NULL);
    *value = json_loadb(begin, (size_t)(text->at - begin), flags, NULL);
    return *name && *value ? NULL : not_json;
}

enum apg_status apg_members_each(const char *p, size_t n, size_t values_max,
    enum apg_status (*fn)(void *arg, const char *name, json_t *value, struct apg_error *err), void *arg,
    const char **what, struct apg_error *err)
{
    struct text text = {p, p + n};
    enum apg_status status = APG_OK;
    *what = go_over(&text, '{') ? NULL : not_json;
    bool more = !*what && !go_over(&text, '}');
    while (!status && !*what && more) {
        json_t *name, *value;
        if (!(*what = next_member(&text, values_max, &name, &value)))
            status = fn(arg, json_string_value(name), value, err);
        json_decref(name);
        json_decref(value);
        more = go_over(&text, ',');
        if (!status && !*what && !more && !go_over(&text, '}'))
            *what = not_json;
    }
    (void)go_over(&text, '\0'); /* white space */
    if (!status && !*what && text.at != text.end)
        *what = not_json;
    return *what ? APG_EFORMAT : status;
}
