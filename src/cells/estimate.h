/* SPDX-License-Identifier: Apache-2.0
 *
 * How long a call takes, roughly: what the rules by which threads share it and the tuner's order of candidates have in
 * common. What depends on it are schedules, never bits.
 */
#ifndef RNNP_ESTIMATE_H
#define RNNP_ESTIMATE_H

#include "layer.h"

/* A call, as far as its time depends on it. */
typedef struct rnnp_estimate {
    const rnnp_recurrent *layer;
    size_t steps, batch, chunk; /* chunk: steps of an input product, 0: none */
    double bytes;               /* of a direction's weights */
    double product_ns;          /* of a direction's input product, for each step, on one thread */
    double alone_ns;            /* of a step on one thread, all directions */
} rnnp_estimate;

rnnp_estimate rnnp_estimate_of(const rnnp_recurrent *layer, size_t steps, size_t batch);

/* Nanoseconds of a step of one direction on `threads` threads, of a team of `all` which meet after each part. */
double rnnp_estimate_ns(const rnnp_estimate *estimate, size_t threads, size_t all);

/* Nanoseconds that so many threads take to meet, and to exchange so many bytes that one has written and others read. */
double rnnp_meeting_ns(const rnnp_machine *m, size_t threads, double bytes);

/* How threads share a call. */
typedef struct rnnp_sharing {
    size_t threads; /* 1: not at all */
    size_t rows;    /* in pieces (pieces.h), of so many parts of the rows; 0: by steps */
    double ns;      /* of a step */
} rnnp_sharing;

/* What finishes a step first: all of so many threads, half of them, and so on, as more threads make shares smaller and
 * barriers longer; or those that the layer's choice says. */
rnnp_sharing rnnp_estimate_sharing(const rnnp_estimate *estimate, int has_lengths, size_t threads);

/* Nanoseconds of a product of m rows with packed [k][n] weights, shared by so many threads. */
double rnnp_product_ns(const rnnp_selection *select, const rnnp_variant *kernel, size_t m, size_t n, size_t k,
                       size_t threads);

#endif
