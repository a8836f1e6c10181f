/* SPDX-License-Identifier: MIT
 *
 * error.h - how the library fails: a status, and one line of text that says where and why (apg.h).
 *
 * Every function that can fail returns an enum apg_status (0 is success) and takes a struct
 * apg_error * as its last argument, which may be NULL. The library never prints and never exits; a
 * command prints "apg COMMAND: TEXT". The text names the place first: "logs.csv:1204: price: not a
 * number: 'abc'".
 */
#ifndef APG_ERROR_H
#define APG_ERROR_H
#include "apg.h" /* enum apg_status, struct apg_error */

#if defined(__GNUC__)
#define APG_PRINTF(a, b) __attribute__((format(printf, a, b)))
#else
#define APG_PRINTF(a, b)
#endif

/* Fill *e (unless NULL) and return STATUS, so that `return apg_fail(e, APG_EIO, "...")` works. The
 * text is cut, never overrun. Control characters in it are replaced by '?', so a bad cell cannot
 * drive a terminal. */
enum apg_status apg_fail(struct apg_error *e, enum apg_status status, const char *fmt, ...) APG_PRINTF(3, 4);

/* As apg_fail with APG_EIO; the text ends in ": " and strerror(errno). errno is kept. */
enum apg_status apg_fail_errno(struct apg_error *e, const char *fmt, ...) APG_PRINTF(2, 3);

/* Put the formatted text and ": " before the text of *e. Returns e->status, or APG_EIO when E is
 * NULL. */
enum apg_status apg_fail_at(struct apg_error *e, const char *fmt, ...) APG_PRINTF(2, 3);

/* As apg_fail with APG_ENOMEM and the text "out of memory". */
enum apg_status apg_fail_memory(struct apg_error *e);

/* An analyser (make analyse) does not see that none of these returns APG_OK, and would follow
 * paths that cannot be taken. */
#ifdef APG_ANALYSE
#define apg_fail(e, status, ...) (apg_fail(e, status, __VA_ARGS__), (enum apg_status)(status))
#define apg_fail_errno(...) (apg_fail_errno(__VA_ARGS__), (enum apg_status)APG_EIO)
#define apg_fail_at(...) (apg_fail_at(__VA_ARGS__), (enum apg_status)APG_EIO)
#define apg_fail_memory(e) (apg_fail_memory(e), (enum apg_status)APG_ENOMEM)
#endif

#endif
