/* SPDX-License-Identifier: Apache-2.0
 *
 * What lies between the outputs of a model before and after a change.
 */
#ifndef RNNP_CLI_DIFFERENCE_H
#define RNNP_CLI_DIFFERENCE_H

#include "model.h"

/* Between an output before and after. */
typedef struct difference {
    const char *name; /* of the model */
    size_t n;
    double rms, q999, max;     /* of f32: absolute; 0 for other dtypes */
    size_t decisions, changed; /* class scores: rows, and those whose largest score is another; other dtypes: elements
                                * and those that differ; 0: neither */
} difference;

/* Of class scores. NAN where it is not defined. */
typedef struct quality {
    double accuracy, auc;
} quality;

/* The inputs: from files, or the same pseudo-random numbers each time. */
int difference_inputs(const cli_call *call, const cli_model *m, cli_tensors *t);
/* Runs the inputs of `in` into the outputs of `out`, which get memory. */
int difference_run(const cli_model *m, const cli_tensors *in, cli_tensors *out);

double difference_rms(const rnnp_tensor *before, const rnnp_tensor *after); /* infinite where only one is finite */
void difference_measure(const rnnp_tensor *before, const rnnp_tensor *after, difference *d);

/* Reads labels, and finds the first output that scores as many rows. */
int labels_read(const char *path, const cli_tensors *outputs, rnnp_tensor *labels, size_t *output);
int labels_measure(const rnnp_tensor *labels, const rnnp_tensor *scores, quality *q);

#endif
