/* SPDX-License-Identifier: MIT
 *
 * json.h - JSON by jansson, with its failures told apart. json_dumps of jansson 2.14 may drop a key and go on when
 * memory is out. NULL from its constructors does not tell that from text that is not UTF-8.
 */
#ifndef APG_JSON_H
#define APG_JSON_H
#include <jansson.h>
#include <stdbool.h>

/* J as text in one line, its numbers with all digits; freed with free(). NULL: memory is out, or J is NULL. */
char *apg_json_text(const json_t *j);

/* Returns J. If BAD, something could not be put into J: J is released and NULL returned. */
json_t *apg_json_whole(json_t *j, int bad);

bool apg_is_utf8(const char *s);

#endif
