/* SPDX-License-Identifier: MIT */
#include "common/stop.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

static const int signals[] = {SIGINT, SIGTERM};
enum { SIGNALS = sizeof signals / sizeof *signals };
static struct sigaction before[SIGNALS];
static bool caught[SIGNALS];
static atomic_int asked;

static void keep(int sig)
{
    int none = 0;
    if (atomic_compare_exchange_strong(&asked, &none, sig))
        return;
    for (size_t i = 0; i < SIGNALS; i++)
        if (caught[i])
            sigaction(signals[i], &before[i], NULL);
    raise(sig); /* delivered when this returns, to what was there before */
}

void stop_catch(void)
{
    static bool done;
    for (size_t i = 0; !done && i < SIGNALS; i++) {
        /* What a slow device interrupts goes on: a checkpoint is written whole. */
        const struct sigaction a = {.sa_handler = keep, .sa_flags = SA_RESTART};
        if (sigaction(signals[i], NULL, &before[i]) == 0 && before[i].sa_handler != SIG_IGN) {
            caught[i] = true;
            sigaction(signals[i], &a, NULL);
        }
    }
    done = true;
}

const char *stop_name(void)
{
    return stop_signal() == SIGINT ? "SIGINT" : "SIGTERM";
}

void stop_ask(int sig)
{
    int none = 0;
    (void)atomic_compare_exchange_strong(&asked, &none, sig);
}

int stop_signal(void)
{
    return atomic_load(&asked);
}
