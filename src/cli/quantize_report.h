/* SPDX-License-Identifier: Apache-2.0
 *
 * What rnnpack quantize found.
 */
#ifndef RNNP_CLI_QUANTIZE_REPORT_H
#define RNNP_CLI_QUANTIZE_REPORT_H

#include "difference.h"
#include "timing.h"

/* The model with some choice of formats. */
typedef struct attempt {
    cli_model m; /* its context and records are those of the original */
    cli_tensors t;
    rnnp_quantized_layer *layers;
    size_t n_layers, room;
    double worst;  /* largest rms of an output */
    double excess; /* squares of what outputs have beyond the limit */
} attempt;

typedef struct report {
    const cli_call *call;
    const cli_model *before;
    const attempt *after;
    const difference *outputs;
    size_t n_outputs;
    size_t labelled; /* output of the labels */
    quality quality[2];
    cli_timing run[2], step[2];
    char *no_run, *no_stream;
    rnnp_weights weights;
    double limit; /* NAN: none */
    size_t bytes[2];
} report;

void report_text(const report *r);
void report_json(const report *r);

#endif
