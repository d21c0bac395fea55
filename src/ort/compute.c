/* SPDX-License-Identifier: Apache-2.0
 *
 * What runs a part of a graph: a plan, and runs of it, one for each combination of shapes and each thread that calls at
 * the same time. A session may be run by any number of threads.
 */
#include "ep.h"

#include <pthread.h>
#include <stdlib.h>

/* Runs that nobody uses just now; beyond these, the one that has waited longest is freed. */
enum { IDLE_RUNS = 16 };

typedef struct idle_run {
    rnnp_run *run;
    rnnp_tensor *inputs; /* [n_inputs], the shapes that it was made for */
} idle_run;

typedef struct fused_node {
    OrtNodeComputeInfo base;
    const rnnp_ort_ep *ep;
    rnnp_model *model;
    rnnp_plan *plan;
    size_t n_inputs, n_outputs;
    size_t *input, *output; /* where ONNX Runtime has the model's inputs and outputs */
    pthread_mutex_t lock;
    idle_run idle[IDLE_RUNS]; /* the last used comes last */
    size_t n_idle;
} fused_node;

/* ---- Runs ---- */

static int same_shapes(const rnnp_tensor *a, const rnnp_tensor *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (a[i].dtype != b[i].dtype || a[i].rank != b[i].rank ||
            memcmp(a[i].shape, b[i].shape, a[i].rank * sizeof *a[i].shape) != 0)
            return 0;
    return 1;
}

static void free_run(idle_run *r)
{
    rnnp_run_destroy(r->run);
    free(r->inputs);
}

static void take_idle(fused_node *node, const rnnp_tensor *inputs, idle_run *taken)
{
    *taken = (idle_run){0};
    pthread_mutex_lock(&node->lock);
    for (size_t i = node->n_idle; i-- > 0 && !taken->run;) {
        if (!same_shapes(node->idle[i].inputs, inputs, node->n_inputs)) continue;
        *taken = node->idle[i];
        memmove(&node->idle[i], &node->idle[i + 1], (--node->n_idle - i) * sizeof *node->idle);
    }
    pthread_mutex_unlock(&node->lock);
}

static void give_back(fused_node *node, const idle_run *r)
{
    idle_run oldest = {0};
    pthread_mutex_lock(&node->lock);
    if (node->n_idle == IDLE_RUNS) {
        oldest = node->idle[0];
        memmove(&node->idle[0], &node->idle[1], --node->n_idle * sizeof *node->idle);
    }
    node->idle[node->n_idle++] = *r;
    pthread_mutex_unlock(&node->lock);
    free_run(&oldest);
}

static OrtStatus *make_run(const fused_node *node, const rnnp_tensor *inputs, idle_run *made)
{
    made->inputs = calloc(node->n_inputs + 1, sizeof *inputs);
    if (!made->inputs) return rnnp_ort_no_memory(node->ep);
    memcpy(made->inputs, inputs, node->n_inputs * sizeof *inputs);
    return rnnp_ort_status(node->ep, rnnp_run_create(node->plan, inputs, node->n_inputs, &made->run));
}

/* ---- Computing ---- */

static OrtStatus *read_inputs(const fused_node *node, const OrtKernelContext *context, rnnp_tensor *inputs)
{
    for (size_t i = 0; i < node->n_inputs; i++) {
        const OrtValue *value;
        ORT_TRY(node->ep->ort->KernelContext_GetInput(context, node->input[i], &value));
        if (!value) return node->ep->ort->CreateStatus(ORT_CODE_INVALID_ARGUMENT, "an input is absent");
        ORT_TRY(rnnp_ort_tensor(node->ep, value, &inputs[i]));
    }
    return NULL;
}

static OrtStatus *make_outputs(const fused_node *node, const rnnp_run *run, OrtKernelContext *context,
                               rnnp_tensor *outputs)
{
    for (size_t i = 0; i < node->n_outputs; i++) {
        OrtValue *value;
        ORT_TRY(rnnp_ort_status(node->ep, rnnp_run_output(run, i, &outputs[i])));
        ORT_TRY(node->ep->ort->KernelContext_GetOutput(context, node->output[i], outputs[i].shape, outputs[i].rank,
                                                       &value));
        if (value) ORT_TRY(node->ep->ort->GetTensorMutableData(value, &outputs[i].data));
    }
    return NULL;
}

static OrtStatus *compute_with(const fused_node *node, idle_run *run, OrtKernelContext *context,
                               const rnnp_tensor *inputs, rnnp_tensor *outputs)
{
    if (!run->run) ORT_TRY(make_run(node, inputs, run));
    ORT_TRY(make_outputs(node, run->run, context, outputs));
    return rnnp_ort_status(node->ep, rnnp_run_execute(run->run, inputs, node->n_inputs, outputs, node->n_outputs));
}

static OrtStatus *compute(OrtNodeComputeInfo *self, void *state, OrtKernelContext *context)
{
    enum { USUAL = 16 };
    fused_node *node = (fused_node *)self;
    rnnp_tensor few[USUAL] = {{0}}, *tensors = few;
    const size_t n = node->n_inputs + node->n_outputs;
    idle_run run = {0};
    (void)state;
    if (n > USUAL) tensors = calloc(n, sizeof *tensors);
    if (!tensors) return rnnp_ort_no_memory(node->ep);
    OrtStatus *status = read_inputs(node, context, tensors);
    if (!status) {
        take_idle(node, tensors, &run);
        status = compute_with(node, &run, context, tensors, tensors + node->n_inputs);
    }
    if (run.run)
        give_back(node, &run);
    else
        free_run(&run);
    if (tensors != few) free(tensors);
    return status;
}

static OrtStatus *create_state(OrtNodeComputeInfo *self, OrtNodeComputeContext *context, void **state)
{
    (void)context;
    *state = self;
    return NULL;
}

static void release_state(OrtNodeComputeInfo *self, void *state)
{
    (void)self;
    (void)state;
}

/* ---- Making ---- */

static void free_fused(fused_node *node)
{
    if (!node) return;
    for (size_t i = 0; i < node->n_idle; i++) free_run(&node->idle[i]);
    rnnp_plan_destroy(node->plan);
    rnnp_model_destroy(node->model);
    pthread_mutex_destroy(&node->lock);
    free(node->input);
    free(node->output);
    free(node);
}

/* Where the fused node has the values of these names. */
static OrtStatus *places_of(const rnnp_ort_ep *ep, const rnnp_ort_values *values, const char *const *names, size_t n,
                            size_t **places)
{
    *places = calloc(n + 1, sizeof **places);
    if (!*places) return rnnp_ort_no_memory(ep);
    for (size_t i = 0; i < n; i++) {
        size_t at = 0;
        for (; at < values->n; at++) {
            const char *name;
            ORT_TRY(rnnp_ort_name(ep, values->at[at], &name));
            if (strcmp(name, names[i]) == 0) break;
        }
        if (at == values->n) return ep->ort->CreateStatus(ORT_CODE_FAIL, "the fused node lacks a value of the graph");
        (*places)[i] = at;
    }
    return NULL;
}

static OrtStatus *fill(fused_node *node, const OrtGraph *graph, const rnnp_ort_values *in, const rnnp_ort_values *out)
{
    const rnnp_ort_ep *ep = node->ep;
    rnnp_ort_part part = {0};
    size_t n;
    ORT_TRY(ep->ort->Graph_GetNumNodes(graph, &n));
    const OrtNode **nodes = calloc(n + 1, sizeof *nodes);
    if (!nodes) return rnnp_ort_no_memory(ep);
    OrtStatus *status = ep->ort->Graph_GetNodes(graph, nodes, n);
    if (!status) status = rnnp_ort_part_make(ep, nodes, n, out->at, out->n, &part);
    free(nodes);
    if (status) return status;
    node->model = part.model;
    part.model = NULL; /* it is the node's */
    node->n_inputs = part.n_inputs;
    node->n_outputs = part.n_outputs;
    status = places_of(ep, in, part.inputs, part.n_inputs, &node->input);
    if (!status) status = places_of(ep, out, part.outputs, part.n_outputs, &node->output);
    rnnp_ort_part_free(&part);
    if (status) return status;
    ORT_TRY(rnnp_ort_status(ep, rnnp_plan_create(node->model, &ep->plan, &node->plan)));
    return rnnp_ort_status(ep, rnnp_model_release_weights(node->model, NULL));
}

static OrtStatus *make_fused(const rnnp_ort_ep *ep, const OrtGraph *graph, const OrtNode *fused,
                             OrtNodeComputeInfo **info)
{
    rnnp_ort_values in = {0}, out = {0};
    fused_node *node = calloc(1, sizeof *node);
    if (!node) return rnnp_ort_no_memory(ep);
    node->base = (OrtNodeComputeInfo){ORT_API_OF, create_state, compute, release_state};
    node->ep = ep;
    pthread_mutex_init(&node->lock, NULL);
    OrtStatus *status = rnnp_ort_values_of(ep, fused, RNNP_ORT_INPUTS, &in);
    if (!status) status = rnnp_ort_values_of(ep, fused, RNNP_ORT_OUTPUTS, &out);
    if (!status) status = fill(node, graph, &in, &out);
    free(in.at);
    free(out.at);
    *info = status ? NULL : &node->base;
    if (status) free_fused(node);
    return status;
}

void rnnp_ort_release(OrtEp *self, OrtNodeComputeInfo **infos, size_t n)
{
    (void)self;
    for (size_t i = 0; i < n; i++) {
        free_fused((fused_node *)infos[i]);
        infos[i] = NULL;
    }
}

OrtStatus *rnnp_ort_compile(OrtEp *self, const OrtGraph **graphs, const OrtNode **fused, size_t n,
                            OrtNodeComputeInfo **infos, OrtNode **context_nodes)
{
    (void)context_nodes; /* there is no compiled form to keep */
    for (size_t i = 0; i < n; i++) infos[i] = NULL;
    for (size_t i = 0; i < n; i++) {
        OrtStatus *status = make_fused((const rnnp_ort_ep *)self, graphs[i], fused[i], &infos[i]);
        if (!status) continue;
        rnnp_ort_release(self, infos, i);
        return status;
    }
    return NULL;
}
