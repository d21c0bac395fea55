/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of attributions share: attribute.c has the calls, explaining.c what is computed.
 */
#ifndef RNNP_EXPLAINING_H
#define RNNP_EXPLAINING_H

#include "training.h"

enum { RNNP_ATTRIBUTION_PANEL = 4, RNNP_ATTRIBUTION_POINTS = 16 /* at first */ };

struct rnnp_attribution {
    const rnnp_context *context;
    rnnp_attribution_options options;
    rnnp_trainer *trainer;
    size_t items; /* of a batch, at most */
};

/* One input: [blocks][rows][inner]; a row's element e is number e % inner of block e / inner. */
typedef struct rnnp_explained {
    const rnnp_tensor *x, *b; /* b: NULL for zeros */
    float *out;               /* NULL: not wanted */
    float *d;                 /* of a batch of items: gradients */
    size_t blocks, inner, elements, bytes;
    int has_rows, attributed;
    size_t steps, after, window, windows; /* elements are [..][steps][after]; windows of a row */
} rnnp_explained;

typedef struct rnnp_explaining {
    rnnp_attribution *a;
    const rnnp_attribution_batch *batch;
    size_t rows, n, per_row; /* inputs; attributed elements of a row */
    rnnp_explained *parts;   /* [n] */
    rnnp_tensor *x, *dx;     /* [n]: a batch of items, and what training is asked for */
    size_t *target, *item_target;
    double *item_value, *sum; /* [items]; sum [group][per_row]: of weighted gradients, or attributions */
    rnnp_attribution_row *row;
    size_t *active; /* [group]: rows at work */
    struct rnnp_block *arena;
} rnnp_explaining;

/* Rows that were described, with memory: what the options ask for, into what the job's results are. */
rnnp_status rnnp_explain(const rnnp_explaining *job);

#endif
