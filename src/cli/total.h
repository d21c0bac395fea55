/* SPDX-License-Identifier: Apache-2.0
 *
 * The limit of a team: the best of some bursts, and whether it can be believed.
 */
#ifndef RNNP_CLI_TOTAL_H
#define RNNP_CLI_TOTAL_H

#include "rnnpack/limits.h"

typedef struct cli_total {
    double rate;
    int doubtful; /* the threads never ran at once, or the rate stayed below what is known to be possible */
} cli_total;

typedef struct cli_total_probe {
    rnnp_status (*burst)(void *user, double *rate, size_t *together); /* as the functions of limits.h */
    void *user;
    size_t threads; /* that must run at once */
    double least;   /* a rate that was reached already: a limit cannot be below it */
    int bursts;     /* of a turn, at least 1 */
    int again;      /* turns after the first, while the best cannot be believed */
} cli_total_probe;

/* A burst of a limit; of reading `bytes` where measure is NULL. */
typedef struct cli_burst {
    rnnp_context *context;
    double seconds;
    rnnp_status (*measure)(const rnnp_context *context, double seconds, double *rate, size_t *together);
    size_t bytes;
} cli_burst;

static inline rnnp_status cli_burst_run(void *user, double *rate, size_t *together)
{
    const cli_burst *const b = user;
    return b->measure ? b->measure(b->context, b->seconds, rate, together)
                      : rnnp_limit_read(b->context, b->seconds, b->bytes, rate, together);
}

/* Bursts in which all threads ran at once come before all others. Returns the status of the first burst that fails;
 * *total is then as it was. */
rnnp_status cli_total_best(const cli_total_probe *probe, cli_total *total);

#endif
