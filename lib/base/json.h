/* SPDX-License-Identifier: MIT
 *
 * json.h - what jansson (2.14) does not tell: json_dumps, out of memory, may lose a key and go on; and a
 * string that could not be made may be not UTF-8, or too much.
 */
#ifndef APG_JSON_H
#define APG_JSON_H
#include <jansson.h>
#include <stdbool.h>

/* J in one line, numbers with all digits; freed with free(). NULL: out of memory, or J is NULL. */
char *apg_json_text(const json_t *j);

/* J; NULL, and J is released, if BAD: something could not be put into it. */
json_t *apg_json_whole(json_t *j, int bad);

bool apg_is_utf8(const char *s);

#endif
