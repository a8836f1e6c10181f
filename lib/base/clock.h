/* SPDX-License-Identifier: MIT
 *
 * clock.h - seconds of a clock that is never set, for how long something takes.
 */
#ifndef APG_CLOCK_H
#define APG_CLOCK_H
#include <time.h>

static inline double apg_clock_now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#endif
