/* SPDX-License-Identifier: Apache-2.0
 *
 * One node trained without the engine: a model of that node, its metas, its memory, and a call ready to go forwards and
 * backwards. Parameters are constants of the model that have a gradient; the node sees them as the engine shows them.
 */
#ifndef RNNP_TESTS_NODE_H
#define RNNP_TESTS_NODE_H

#include "../isas.h"
#include "../model/build.h"
#include "src/train/gradient.h"

enum { NODE_PORTS = 6, NODE_ROWS = 512 };

/* What becomes of an input. */
typedef enum source { ABSENT, INPUT, CONSTANT } source;

typedef struct one_node {
    rnnp_context *context;
    rnnp_model *model;
    const rnnp_gradient *gradient;
    struct rnnp_block *arena;
    rnnp_inference inference;
    rnnp_meta in_meta[NODE_PORTS], out_meta[NODE_PORTS];
    rnnp_tensor in[NODE_PORTS], out[NODE_PORTS], d_in[NODE_PORTS], d_out[NODE_PORTS];
    rnnp_slice slice;
    uint32_t rows[NODE_ROWS];
    void *memory[3]; /* kept, workspace, prepared */
    size_t workspace;
    rnnp_gradient_call call;
} one_node;

static inline void *filled(size_t bytes, int byte)
{
    void *p = malloc(bytes ? bytes : 1);

    assert_non_null(p);
    memset(p, byte, bytes);
    return p;
}

static inline size_t tensor_bytes(const rnnp_tensor *tensor)
{
    return rnnp_tensor_elements(tensor) * rnnp_dtype_bytes(tensor->dtype);
}

/* The model and the metas; tensors [n] hold data of their own (not copied for inputs). */
static inline void node_open(one_node *one, rnnp_context *context, const char *op, int opset,
                             const rnnp_tensor *tensors, const source *sources, size_t n, const rnnp_attr *attrs,
                             size_t n_attrs, size_t n_outputs)
{
    rnnp_value in[NODE_PORTS], out[NODE_PORTS] = {0};
    rnnp_gradient_shape *shape = &one->call.shape;
    char name[24];

    *one = (one_node){.context = context, .model = make_model(context), .gradient = rnnp_gradient_find(op)};
    assert_non_null(one->gradient);
    for (size_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "i%zu", i);
        in[i] = RNNP_NONE;
        if (sources[i] == INPUT)
            OK(rnnp_model_add_input(one->model, name, tensors[i].dtype, tensors[i].rank, tensors[i].shape, NULL,
                                    &in[i]));
        else if (sources[i] == CONSTANT)
            OK(rnnp_model_add_constant(one->model, name, &tensors[i], &in[i]));
    }
    if (rnnp_model_add_node(one->model, op, opset, "node", in, n, attrs, n_attrs, out, n_outputs) != RNNP_OK)
        fail_msg("%s", rnnp_last_error(context));
    for (size_t i = 0; i < n_outputs; i++) {
        snprintf(name, sizeof name, "o%zu", i);
        OK(rnnp_model_add_output(one->model, name, out[i]));
    }
    if (rnnp_model_close(one->model) != RNNP_OK) fail_msg("%s", rnnp_last_error(context));
    assert_int_equal(one->model->n_nodes, 1);

    const rnnp_node *the = &one->model->nodes[0];
    OK(rnnp_inference_begin(&one->inference, one->model, &one->arena));
    for (size_t i = 0; i < n; i++) {
        if (sources[i] == INPUT)
            one->inference.meta[the->inputs[i]] = one->model->values[the->inputs[i]].meta;
        else if (sources[i] == CONSTANT && rnnp_gradient_bit(one->gradient->inputs, i))
            one->inference.meta[the->inputs[i]].known = NULL;
    }
    OK(rnnp_inference_node(&one->inference, the));
    for (size_t i = 0; i < n; i++) {
        one->in_meta[i] = one->inference.in[i];
        one->in[i] = sources[i] == ABSENT ? (rnnp_tensor){.dtype = 0} : tensors[i];
    }
    memcpy(one->out_meta, one->inference.out, n_outputs * sizeof *one->out_meta);
    *shape = (rnnp_gradient_shape){.context = context,
                                   .select = &context->selection,
                                   .math = RNNP_MATH_U35,
                                   .node = the,
                                   .inputs = one->in_meta,
                                   .outputs = one->out_meta};
}

/* Memory of exactly the sizes asked for, filled with what must not be read; gradients of f32 inputs are wanted. */
static inline void node_memory(one_node *one)
{
    rnnp_gradient_call *call = &one->call;
    const rnnp_gradient *g = one->gradient;
    const rnnp_node *the = call->shape.node;
    size_t workspace = g->workspace_bytes ? g->workspace_bytes(&call->shape) : 0;
    const size_t kept = g->kept_bytes ? g->kept_bytes(&call->shape) : 0;
    const size_t prepared = g->prepared_bytes ? g->prepared_bytes(&call->shape) : 0;

    if (!g->forward && the->op->workspace_bytes) {
        const rnnp_prepare prepare = {.context = one->context,
                                      .node = the,
                                      .inputs = one->in_meta,
                                      .select = call->shape.select,
                                      .math = call->shape.math,
                                      .threads = 1};
        const size_t own = the->op->workspace_bytes(&prepare, one->out_meta);

        workspace = own > workspace ? own : workspace;
    }
    for (size_t i = 0; i < the->n_outputs; i++) {
        one->out[i] = rnnp_meta_tensor(&one->out_meta[i], NULL);
        one->out[i].data = filled(tensor_bytes(&one->out[i]), 0xFF);
        one->d_out[i] = one->out[i];
        one->d_out[i].data = filled(tensor_bytes(&one->out[i]), 0xFF);
    }
    for (size_t i = 0; i < the->n_inputs; i++) {
        one->d_in[i] = one->in[i];
        one->d_in[i].data = NULL;
        if (one->in[i].dtype == RNNP_DTYPE_F32 && rnnp_gradient_bit(g->inputs, i))
            one->d_in[i].data = filled(tensor_bytes(&one->in[i]), 0xFF);
    }
    for (size_t i = 0; i < NODE_ROWS; i++) one->rows[i] = (uint32_t)i;
    one->slice = (rnnp_slice){.seed = 7, .step = 3, .rows = one->rows};
    one->memory[0] = filled(kept, 0xFF);
    one->memory[1] = filled(workspace, 0xFF);
    one->workspace = workspace;
    one->memory[2] = filled(prepared, 0xFF);
    call->slice = &one->slice;
    call->inputs = one->in;
    call->outputs = one->out;
    call->d_outputs = one->d_out;
    call->d_inputs = one->d_in;
    call->kept = one->memory[0];
    call->workspace = one->memory[1];
    call->prepared = prepared ? one->memory[2] : NULL;
    call->batch_axis = RNNP_NO_AXIS;
}

/* In three parts, out of order. */
static inline void node_prepare(one_node *one)
{
    rnnp_tensor known[NODE_PORTS];

    for (size_t i = 0; i < one->call.shape.node->n_inputs; i++) {
        known[i] = one->in[i];
        known[i].data = rnnp_gradient_constant(one->call.shape.node, i) ? one->in[i].data : NULL;
    }
    for (size_t part = 3; part-- > 0 && one->call.prepared;)
        one->gradient->prepare(&one->call.shape, known, one->memory[2], part, 3);
}

static inline rnnp_status node_forward(one_node *one)
{
    const rnnp_exec exec = {.context = one->context,
                            .select = one->call.shape.select,
                            .math = one->call.shape.math,
                            .workspace = one->call.workspace};

    if (one->gradient->forward) return one->gradient->forward(&one->call);
    return one->call.shape.node->op->run(&exec, one->call.shape.node, one->in, one->out);
}

static inline void node_close(one_node *one)
{
    for (size_t i = 0; i < NODE_PORTS; i++) {
        free(one->out[i].data);
        free(one->d_out[i].data);
        free(one->d_in[i].data);
    }
    for (size_t i = 0; i < 3; i++) free(one->memory[i]);
    rnnp_arena_free(one->context, &one->arena);
    rnnp_model_destroy(one->model);
}

#endif
