/* SPDX-License-Identifier: Apache-2.0
 *
 * Which floats are swept: all of them, or a sample that is dense where errors are made.
 */
#ifndef SWEEP_INPUTS_H
#define SWEEP_INPUTS_H

#include "measure.h"

enum {
    BLOCK = 4096,       /* inputs that are measured at a time */
    RUN_BLOCKS = 64,    /* at most so many blocks in a run */
    DENSE_STRIDE = 509, /* up to this stride the hard regions are swept without a gap */
};

/* The floats with the bits first, first + step, ...: of one sign, away from zero. */
typedef struct run {
    kind kind;
    uint32_t first, step, count;
} run;

typedef struct run_list {
    run *runs;
    size_t count, room;
    uint64_t inputs[KIND_COUNT];
} run_list;

/* Every stride-th float of the selected kinds, NaNs among them; with a stride above 1 also the hard regions, every
 * ceil(stride / DENSE_STRIDE)-th of theirs. Floats may occur twice. 0 when out of memory. */
int run_list_fill(run_list *list, const int selected[KIND_COUNT], uint32_t stride);

#endif
