/* SPDX-License-Identifier: Apache-2.0
 *
 * A model that takes a whole window, run on the last steps of a signal every so many steps: for models that cannot be
 * streamed, and for those that were trained on windows.
 */
#ifndef RNNP_CLI_WATCH_WINDOW_H
#define RNNP_CLI_WATCH_WINDOW_H

#include "../model.h"

typedef struct window {
    rnnp_context *context;
    rnnp_run *run;
    cli_tensors t;
    size_t steps, every, channels;
    size_t data, output, width; /* the input that is the signal; the output that is scored, and its numbers */
    float *ring;                /* [steps][channels]; step n is at n % steps */
    uint64_t seen;              /* steps since the beginning */
} window;

/* Close it either way. */
int window_open(window *w, const cli_model *m, const char *output, size_t steps, size_t every);
void window_close(window *w);
void window_begin(window *w);
/* The next step x [channels]. When a window is whole and due, *scored is 1 and y [width] what the model says of it. */
int window_put(window *w, const float *x, float *y, int *scored);

#endif
