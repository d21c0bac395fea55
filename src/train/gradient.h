/* SPDX-License-Identifier: Apache-2.0
 *
 * What training knows of an operator: one row of gradients.def and a handful of functions in src/train/ops/.
 *
 * A batch is cut into slices of RNNP_SLICE_ROWS rows. A slice is one pass forwards and backwards through the graph on
 * one thread, with memory of its own, and leaves one gradient of every parameter; gradients of slices are added in a
 * fixed tree. So bits depend on the batch and on nothing else: neither on threads nor on which process did which slice.
 *
 * Parameters are the model's f32 constants that the loss depends on; they lie in one block in the order and the layout
 * of the model (ONNX), and so do their gradients. To a node a parameter is an input like any other, whose elements
 * change from step to step.
 */
#ifndef RNNP_GRADIENT_H
#define RNNP_GRADIENT_H

#include "../graph/engine.h"

enum { RNNP_SLICE_ROWS = 16 };

/* What decides the dropout masks of a step (random.h): seed and step are the trainer's; rows[r] is the place of row r
 * of the slice in the whole batch, so that masks do not depend on slices. */
typedef struct rnnp_slice {
    uint64_t seed, step;
    const uint32_t *rows;
    size_t n_rows;
    int training;                 /* 0: evaluation, dropout is the identity */
    void (*meanwhile)(void *arg); /* NULL, or to be called every now and then by what takes long */
    void *arg;
} rnnp_slice;

static inline void rnnp_slice_meanwhile(const rnnp_slice *slice)
{
    if (slice->meanwhile) slice->meanwhile(slice->arg);
}

/* Sizes are concrete. It is also used to ask what memory a node needs. */
typedef struct rnnp_gradient_shape {
    const rnnp_context *context;
    const rnnp_selection *select;
    rnnp_math math;
    const rnnp_node *node;
    const rnnp_meta *inputs, *outputs; /* known: constants that are not parameters, evaluated shape arithmetic */
    int recompute;                     /* keep as little as possible from forward to backward */
    float recurrent_dropout;           /* of this node: rate of the mask on h_prev, constant over time; 0: none */
} rnnp_gradient_shape;

/* One node at work in one slice. */
typedef struct rnnp_gradient_call {
    rnnp_gradient_shape shape;
    const rnnp_slice *slice;
    const rnnp_tensor *inputs; /* an absent one has dtype 0 */
    rnnp_tensor *outputs;      /* data NULL: it is not wanted */
    void *kept;                /* kept_bytes: from forward to backward */
    void *workspace;           /* workspace_bytes, of any content */
    const void *prepared;      /* prepared_bytes, read by all slices of a step; NULL where there is no prepare */
    /* backward only */
    const rnnp_tensor *d_outputs; /* gradients by the outputs; data NULL: zeros */
    rnnp_tensor *d_inputs;        /* written whole, not added to; data NULL: not wanted */
    size_t batch_axis;            /* of output 0 and input 0, RNNP_NO_AXIS where not known; dropout needs it */
} rnnp_gradient_call;

#define RNNP_NO_AXIS SIZE_MAX

typedef struct rnnp_gradient {
    const char *op;
    /* Inputs that have a gradient (rnnp_gradient_bit); others (indices, shapes, lengths) have none. */
    unsigned inputs;
    /* Inputs and outputs whose elements backward reads: they stay in memory until then. */
    unsigned keeps_inputs, keeps_outputs;
    /* NULL: the operator's own run(), without packed weights. */
    rnnp_status (*forward)(const rnnp_gradient_call *call);
    /* Called when at least one output has a gradient. */
    rnnp_status (*backward)(const rnnp_gradient_call *call);
    size_t (*kept_bytes)(const rnnp_gradient_shape *shape);      /* NULL: 0 */
    size_t (*workspace_bytes)(const rnnp_gradient_shape *shape); /* of forward and of backward; NULL: 0. With forward
                                                                  * NULL the operator's own is asked for too */
    /* Once per step, before the slices: what is made of the parameters alone (packed weights); inputs that are neither
     * parameters nor constants (rnnp_gradient_constant) have no data. Parts may be written by different threads, and
     * together they write every byte. The same for any number of rows, as smaller slices read it too. NULL: nothing. */
    size_t (*prepared_bytes)(const rnnp_gradient_shape *shape);
    void (*prepare)(const rnnp_gradient_shape *shape, const rnnp_tensor *inputs, void *prepared, size_t part,
                    size_t parts);
    /* RNNP_OK, or why this node cannot be trained (an option without a gradient), with a sentence that names it. Asked
     * when a trainer is made: dimensions may be symbols. */
    rnnp_status (*check)(const rnnp_gradient_shape *shape);
} rnnp_gradient;

#define RNNP_GRADIENT_ROW(name, ...) const rnnp_gradient rnnp_gradient_##name = {.op = #name, __VA_ARGS__}

/* Input or output i of a mask; bit 31 stands for all from 31 on. */
static inline int rnnp_gradient_bit(unsigned mask, size_t i) { return (int)(mask >> (i < 31 ? i : 31) & 1); }

/* Whether a node passes its output 0 on as it is. A row with a forward of its own is never a view (Dropout). */
static inline int rnnp_gradient_is_view(const rnnp_node *node, const rnnp_gradient *row, const rnnp_meta *inputs,
                                        const rnnp_meta *outputs)
{
    return !(row && row->forward) && (node->op->is_view || (node->op->view && node->op->view(node, inputs, outputs)));
}

/* Whether input i has a gradient. Operators without a row are refused where that matters: all of theirs would have. */
static inline int rnnp_gradient_flows(const rnnp_gradient *row, int view, size_t i)
{
    return view ? i == 0 : !row || rnnp_gradient_bit(row->inputs, i);
}

/* Whether an input is a constant of the model, and so a parameter if it has a gradient. */
static inline int rnnp_gradient_constant(const rnnp_node *node, size_t input)
{
    return input < node->n_inputs && node->input_metas[input].known != NULL;
}

/* The row of an operator, or NULL when it has no gradient. Views need none: they share their root's. */
const rnnp_gradient *rnnp_gradient_find(const char *op);

#endif
