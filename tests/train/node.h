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

enum { NODE_PORTS = 13, NODE_ROWS = 512, NODE_SEED = 7, NODE_STEP = 3 };

/* What becomes of an input. */
typedef enum source { ABSENT, INPUT, CONSTANT } source;

typedef struct one_node {
    rnnp_context *context;
    rnnp_model *model;
    const rnnp_gradient *gradient;
    struct rnnp_block *arena;
    rnnp_inference inference;
    rnnp_selection select; /* the context's, to be changed before node_memory */
    rnnp_meta in_meta[NODE_PORTS], out_meta[NODE_PORTS];
    rnnp_tensor in[NODE_PORTS], out[NODE_PORTS], d_in[NODE_PORTS], d_out[NODE_PORTS];
    rnnp_slice slice;
    uint32_t rows[NODE_ROWS];
    void *memory[3]; /* kept, workspace, prepared */
    size_t workspace;
    rnnp_gradient_call call;
} one_node;

/* Exactly so many bytes; 0xFF makes NaN of floats, so what is read before it is written shows. */
static inline void *filled(size_t bytes, int byte)
{
    void *p = NULL;

    assert_int_equal(posix_memalign(&p, 64, bytes ? bytes : 1), 0);
    memset(p, byte, bytes);
    return p;
}

static inline size_t tensor_bytes(const rnnp_tensor *tensor)
{
    return rnnp_tensor_elements(tensor) * rnnp_dtype_bytes(tensor->dtype);
}

/* The model and the metas; tensors [n] hold data of their own (not copied for inputs). Bit i of `absent`: there is no
 * output i. */
static inline void node_open(one_node *one, rnnp_context *context, const char *op, int opset,
                             const rnnp_tensor *tensors, const source *sources, size_t n, const rnnp_attr *attrs,
                             size_t n_attrs, size_t n_outputs, unsigned absent)
{
    rnnp_value in[NODE_PORTS], out[NODE_PORTS];
    rnnp_gradient_shape *shape = &one->call.shape;
    char name[24];

    *one = (one_node){.context = context,
                      .model = make_model(context),
                      .select = context->selection,
                      .gradient = rnnp_gradient_find(op)};
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
    for (size_t i = 0; i < n_outputs; i++) out[i] = absent >> i & 1 ? RNNP_NONE : 0;
    if (rnnp_model_add_node(one->model, op, opset, "node", in, n, attrs, n_attrs, out, n_outputs) != RNNP_OK)
        fail_msg("%s", rnnp_last_error(context));
    for (size_t i = 0; i < n_outputs; i++) {
        snprintf(name, sizeof name, "o%zu", i);
        if (out[i] == RNNP_NONE) continue;
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
                                   .select = &one->select,
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
        if (the->outputs[i] == RNNP_NONE) continue;
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
    one->slice = (rnnp_slice){.seed = NODE_SEED, .step = NODE_STEP, .rows = one->rows};
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

/* With nothing in memory but what backward says it reads. */
static inline void node_backward(one_node *one)
{
    const one_node whole = *one;
    const rnnp_gradient *g = one->gradient;

    for (size_t i = 0; i < NODE_PORTS; i++) {
        one->in[i].data = rnnp_gradient_bit(g->keeps_inputs, i) ? one->in[i].data : NULL;
        one->out[i].data = rnnp_gradient_bit(g->keeps_outputs, i) ? one->out[i].data : NULL;
    }
    memset(one->memory[1], 0xFF, one->workspace);
    OK(g->backward(&one->call));
    memcpy(one->in, whole.in, sizeof one->in);
    memcpy(one->out, whole.out, sizeof one->out);
}

/* An output whose gradient is missing, an input whose gradient nobody wants. */
static inline void node_lose(rnnp_tensor *d)
{
    free(d->data);
    d->data = NULL;
}

/* 1 when outputs have the same bits, and so have the gradients that both have. */
static inline int node_same(const one_node *a, const one_node *b)
{
    int equal = 1;

    for (size_t k = 0; k < NODE_PORTS; k++) {
        if (a->out[k].data && b->out[k].data)
            equal &= memcmp(a->out[k].data, b->out[k].data, tensor_bytes(&a->out[k])) == 0;
        if (a->d_in[k].data && b->d_in[k].data)
            equal &= memcmp(a->d_in[k].data, b->d_in[k].data, tensor_bytes(&a->d_in[k])) == 0;
    }
    return equal;
}

/* 1 when a run of the model gives the bits of forward. */
static inline int node_is_run(const one_node *one)
{
    const rnnp_node *the = one->call.shape.node;
    rnnp_tensor inputs[NODE_PORTS], outputs[NODE_PORTS];
    size_t n = 0, m = 0;
    int equal = 1;

    for (size_t i = 0; i < one->model->n_inputs; i++) {
        for (size_t k = 0; k < the->n_inputs; k++) {
            if (the->inputs[k] == one->model->inputs[i]) inputs[n++] = one->in[k];
        }
    }
    OWNED_NEW(plan, plan, one->model, NULL);
    OWNED_NEW(run, run, plan, inputs, n);
    for (; m < one->model->n_outputs; m++) {
        OK(rnnp_run_output(run, m, &outputs[m]));
        outputs[m].data = filled(tensor_bytes(&outputs[m]), 0xFF);
    }
    OK(rnnp_run_execute(run, inputs, n, outputs, m));
    for (size_t k = 0, i = 0; k < the->n_outputs; k++) {
        if (the->outputs[k] == RNNP_NONE) continue;
        equal &= memcmp(outputs[i].data, one->out[k].data, tensor_bytes(&outputs[i])) == 0;
        free(outputs[i++].data);
    }
    return equal;
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
