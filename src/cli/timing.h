/* SPDX-License-Identifier: Apache-2.0
 *
 * How long a model takes here.
 */
#ifndef RNNP_CLI_TIMING_H
#define RNNP_CLI_TIMING_H

#include "model.h"

typedef struct cli_timing {
    size_t calls;
    size_t steps;                  /* time steps of a call */
    double median, min, p99, p999; /* seconds per call */
    double shared;                 /* of the time: with a core whose sibling thread was busy */
} cli_timing;

/* Measure calls for about so many seconds, at least 10 of them, on pseudo-random inputs of the call's batch and steps.
 * Where the model cannot run or stream at that shape, *no_run or *no_stream becomes the reason, to be freed, and
 * *result stays; where it is NULL, that is a failure. */
int cli_time_run(const cli_call *call, const cli_model *m, double seconds, cli_timing *result, char **no_run);
int cli_time_stream(const cli_call *call, const cli_model *m, double seconds, cli_timing *result, char **no_stream);

/* A line of text; an object. Times of the text are divided by `scale`. */
void cli_timing_text(const char *name, const cli_timing *t, double scale);
void cli_timing_json(json *j, const char *key, const cli_timing *t);

#endif
