/* SPDX-License-Identifier: MIT
 *
 * json.h - what jansson (2.14) leaves open. When out of memory, its json_dumps may drop a key and
 * go on. When it makes no string of a text, it does not tell whether the text is not UTF-8 or
 * memory is out.
 */
#ifndef APG_JSON_H
#define APG_JSON_H
#include <jansson.h>
#include <stdbool.h>

/* J as text in one line, with all digits of its numbers. It is freed with free(). NULL when out of
 * memory, or when J is NULL. */
char *apg_json_text(const json_t *j);

/* The text of a stranger as JSON, or NULL: when it is none, has a key twice, or when TEXT is NULL.
 * A text of over 64 KiB must also be as long as what it says: the tree of "[],[],[]" would take
 * forty times its bytes. */
json_t *apg_json_parse(const char *text);

/* Ends the making of J. BAD is not 0 when something could not be put into it: then J is released
 * and NULL is returned, else J. */
json_t *apg_json_whole(json_t *j, int bad);

/* Is the NUL-terminated S valid UTF-8? */
bool apg_is_utf8(const char *s);

#endif
