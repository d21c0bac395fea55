/* SPDX-License-Identifier: Apache-2.0
 *
 * What the examples of published models have in common: opening a model, stepping it, and telling what went wrong.
 */
#ifndef EXAMPLES_NETWORK_H
#define EXAMPLES_NETWORK_H

#include "rnnpack/onnx.h"

enum { NETWORK_MOST = 8 }; /* pairs of carried state, and inputs and outputs of a step */

typedef struct network {
    rnnp_context *context;
    rnnp_model *model;
    rnnp_plan *plan;
    rnnp_stream *stream;                             /* NULL until network_stream() */
    rnnp_tensor in[NETWORK_MOST], out[NETWORK_MOST]; /* of a step of the stream; data is the caller's */
    size_t n_in, n_out;
} network;

/* Context, model and plan. options may be NULL. Returns 0 after it printed an error; close the network then, too. */
int network_open(network *net, const char *path, const rnnp_load_options *options);

/* A stream that carries the state that the model has as inputs and outputs: pairs [n], or with NULL those that
 * rnnp_model_find_carried() proposes. What is left of inputs and outputs is in `in` and `out`. Returns as
 * network_open(). */
int network_stream(network *net, const rnnp_carried *pairs, size_t n);

/* One step of the stream with the data that `in` and `out` point to. Returns as network_open(). */
int network_step(network *net);

/* Does input or output `tensor` have this many elements? Prints an error otherwise. */
int network_expect(const rnnp_tensor *tensor, const char *what, size_t elements);

/* Prints the error of a call if there was one. Returns whether there was none. */
int network_ok(const network *net, rnnp_status status);

void network_close(network *net);

/* A monotonic clock. */
double seconds(void);

/* 64-bit FNV-1a of f32 values, least significant byte first on any machine; begin with HASH_BEGIN. */
#define HASH_BEGIN 0xcbf29ce484222325u
uint64_t hash_floats(uint64_t hash, const float *values, size_t n);

#endif
