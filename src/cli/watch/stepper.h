/* SPDX-License-Identifier: Apache-2.0
 *
 * A model stepped through time on one signal: one step at a time, or a block of them at once, which gives the same bits
 * in less time.
 */
#ifndef RNNP_CLI_WATCH_STEPPER_H
#define RNNP_CLI_WATCH_STEPPER_H

#include "../model.h"
#include "window.h"

typedef struct stepper {
    rnnp_context *context;
    rnnp_stream *one, *many; /* many: of a block; NULL where a block is one step */
    size_t block, channels;
    size_t output, width; /* the output that is scored, and its numbers of a step */
    float *x, *y;         /* [block][channels], [block][width] */
    rnnp_tensor *inputs, *outputs, *block_inputs, *block_outputs;
    size_t n_inputs, n_outputs, data; /* data: the input that is the signal */
    int64_t lengths[2];               /* the other input, if there is one: of a step and of a block; I32 or I64 */
    int stepped;                      /* many, since it was reset */
    window window;                    /* of steps, in place of streams; steps 0: none */
    int scored;                       /* the last step gave y */
} stepper;

/* Streams of the plan, with states carried as --carry says, and blocks of `block` steps if the model allows it. A model
 * that cannot be streamed is refused with the library's reason. Close it either way. */
int stepper_open(stepper *s, const cli_model *m, const cli_call *call, const char *output, size_t block);
/* The model is run on windows of so many steps, every so many steps. */
int stepper_open_windows(stepper *s, const cli_model *m, const char *output, size_t steps, size_t every);
void stepper_close(stepper *s);
void stepper_reset(stepper *s);
/* Takes n steps x, up to a block, to y. Fewer than a block go through the stream of one step, after which no block may
 * come before a reset. */
int stepper_run(stepper *s, size_t n);

/* The recurrent state; it is of the stream of one step, as a block of one step leaves it. */
size_t stepper_state_bytes(const stepper *s);
int stepper_save(stepper *s, void *state);
int stepper_load(stepper *s, const void *state);

#endif
