/* SPDX-License-Identifier: Apache-2.0
 *
 * From concrete input shapes to which nodes run and where every value lives.
 */
#include "../fpmode.h"
#include "engine.h"

#include <string.h>

/* ---- Shapes and known values ---- */

static rnnp_status check_outputs(const rnnp_layout *layout, const rnnp_node *node)
{
    for (size_t i = 0; i < node->n_outputs; i++) {
        const rnnp_meta *meta = node->outputs[i] == RNNP_NONE ? NULL : &layout->inf.meta[node->outputs[i]];

        for (size_t d = 0; meta && d < meta->rank; d++) {
            if (rnnp_dim_is_symbol(meta->dim[d]))
                return rnnp_node_fail(layout->plan->context, node, RNNP_ERR_UNSUPPORTED,
                                      "dimension %zu of output %zu depends on input data", d, i);
        }
        if (meta && rnnp_meta_bytes(meta) > SIZE_MAX / 4)
            return rnnp_node_fail(layout->plan->context, node, RNNP_ERR_SHAPE, "output %zu does not fit in memory", i);
    }
    return RNNP_OK;
}

static rnnp_status batch_fails(const rnnp_layout *layout, const rnnp_node *node, int64_t batch)
{
    return rnnp_node_fail(layout->plan->context, node, RNNP_ERR_SHAPE, "the stream has batch %zu, the model has %lld",
                          layout->batch, (long long)batch);
}

static rnnp_status check_batch(const rnnp_layout *layout, const rnnp_node *node)
{
    const int64_t batch = layout->inf.in[0].dim[node->op->batch_axis(node, 0, 0)];

    return batch == (int64_t)layout->batch ? RNNP_OK : batch_fails(layout, node, batch);
}

/* A stream found time in what was known at load, and a plan packed weights by it. */
static rnnp_status check_late(const rnnp_layout *layout, const rnnp_node *node)
{
    const rnnp_context *context = layout->plan->context;
    const rnnp_model *model = layout->plan->model;

    if (node->late && rnnp_layout_steps(layout))
        return rnnp_node_fail(context, node, RNNP_ERR_UNSUPPORTED,
                              "its shapes could not be known at load, so a stream cannot step it");
    if (node->late && rnnp_node_weights(model, node) != RNNP_WEIGHTS_F32)
        return rnnp_node_fail(context, node, RNNP_ERR_UNSUPPORTED,
                              "its shapes could not be known at load, so its weights must be f32");
    for (size_t i = 0; rnnp_layout_steps(layout) && node->op->source && i < node->n_outputs; i++) {
        const int32_t v = node->outputs[i];

        if (v != RNNP_NONE && layout->inf.meta[v].rank != model->values[v].meta.rank)
            return rnnp_node_fail(context, node, RNNP_ERR_UNSUPPORTED,
                                  "output %zu has rank %zu in the stream, but rank %zu by what was known at load", i,
                                  layout->inf.meta[v].rank, model->values[v].meta.rank);
    }
    return RNNP_OK;
}

static rnnp_status infer_node(rnnp_layout *layout, size_t n)
{
    const rnnp_plan *plan = layout->plan;
    const rnnp_node *node = &plan->model->nodes[n];
    rnnp_inference *inf = &layout->inf;
    rnnp_status status = rnnp_inference_node(inf, node);

    if (status != RNNP_OK || rnnp_inference_failed(inf, node)) return status;
    status = check_outputs(layout, node);
    if (status == RNNP_OK && rnnp_layout_keeps(layout, node)) status = check_batch(layout, node);
    if (status == RNNP_OK) status = check_late(layout, node);
    if (status == RNNP_OK && rnnp_inference_known(inf, node) == RNNP_KNOWN_FULLY) {
        status = rnnp_inference_evaluate(inf, node, plan->select, plan->math, &plan->nodes[n], &layout->arena);
        layout->evaluated[n] = status == RNNP_OK;
    }
    return rnnp_inference_fails(inf, node, status);
}

static rnnp_status infer_all(rnnp_layout *layout, const rnnp_meta *inputs)
{
    const rnnp_model *model = layout->plan->model;
    rnnp_inference *inf = &layout->inf;
    rnnp_status status = rnnp_inference_tolerate(inf);

    inf->concrete = 1;
    for (size_t i = 0; i < model->n_inputs; i++) inf->meta[model->inputs[i]] = inputs[i];
    for (size_t n = 0; n < model->n_nodes && status == RNNP_OK; n++) status = infer_node(layout, n);
    return status == RNNP_OK ? rnnp_inference_outputs(inf) : status;
}

/* ---- What runs ---- */

/* Output i of a node is needed: if it shares the elements of an input, only that is, too. */
static void need_output(rnnp_layout *layout, size_t n, size_t i)
{
    const rnnp_node *node = &layout->plan->model->nodes[n];
    const size_t source = rnnp_view_source(node, layout->inf.in, layout->inf.out, i);

    layout->called[n] |= source == SIZE_MAX;
    if (source == SIZE_MAX) return;
    layout->root[node->outputs[i]] = node->inputs[source];
    layout->storage[node->inputs[source]] = RNNP_STORE_COMPUTED;
}

/* Backwards from the outputs: a view needs its data only, a call all its inputs; shapes are settled. Sets
 * storage of needed values, and roots through views. */
static void choose_calls(rnnp_layout *layout)
{
    const rnnp_model *model = layout->plan->model;
    uint8_t *storage = layout->storage;

    for (size_t k = 0; k < model->n_outputs; k++) storage[model->outputs[k].value] = RNNP_STORE_COMPUTED;
    for (size_t n = model->n_nodes; n-- > 0;) {
        const rnnp_node *node = &model->nodes[n];

        if (layout->evaluated[n]) continue;
        rnnp_inference_gather(&layout->inf, node);
        for (size_t i = 0; i < node->n_outputs; i++) {
            if (node->outputs[i] != RNNP_NONE && storage[node->outputs[i]] != RNNP_STORE_NONE)
                need_output(layout, n, i);
        }
        for (size_t i = 0; layout->called[n] && i < node->n_inputs; i++) {
            const int32_t v = node->inputs[i];

            if (v != RNNP_NONE && !(layout->inf.failed && layout->inf.failed[v])) storage[v] = RNNP_STORE_COMPUTED;
        }
    }
    for (size_t v = 0; v < model->n_values; v++) {
        const int32_t shares = layout->root[v], producer = model->values[v].producer;

        layout->root[v] = (int32_t)v;
        layout->direct[v] = -1;
        if (storage[v] == RNNP_STORE_NONE) continue;
        if (model->values[v].is_constant)
            storage[v] = RNNP_STORE_CONSTANT;
        else if (layout->inf.meta[v].known)
            storage[v] = RNNP_STORE_KNOWN;
        else if (producer < 0)
            storage[v] = RNNP_STORE_INPUT;
        else if (!layout->called[producer]) {
            layout->root[v] = layout->root[shares];
            storage[v] = storage[layout->root[v]];
        }
    }
}

/* ---- Where values live ---- */

/* Of roots: the first and last call that touches the memory. */
typedef struct lifetimes {
    size_t *first, *last; /* [n_values] */
    uint8_t *is_output;   /* [n_values] */
    int32_t *into;        /* [n_values]: the root whose memory it takes over */
    rnnp_span *spans;     /* [n_values] */
    int32_t *owner;       /* [n_values]: of each span */
    size_t *room;         /* of rnnp_spans_place */
} lifetimes;

/* What a call in a loop reads is read again by the next iteration, unless the loop itself makes it. */
static size_t last_use(const rnnp_layout *layout, const lifetimes *lt, int32_t root, size_t call)
{
    size_t last = call, loop = layout->end[call] ? call : layout->loop[call];
    const int made = layout->storage[root] == RNNP_STORE_COMPUTED;

    for (; loop != SIZE_MAX && (!made || lt->first[root] < loop); loop = layout->loop[loop]) last = layout->end[loop];
    return last;
}

static const rnnp_node *node_at(const rnnp_layout *layout, size_t call)
{
    return &layout->plan->model->nodes[layout->order[call]];
}

static void find_lifetimes(const rnnp_layout *layout, lifetimes *lt)
{
    const rnnp_model *model = layout->plan->model;

    for (size_t v = 0; v < model->n_values; v++) lt->into[v] = layout->root[v];
    for (size_t p = 0, call = 0; p < layout->n_calls; p++) {
        const rnnp_node *node = node_at(layout, p);
        const int ends = node->op->loop == RNNP_LOOP_END; /* its outputs are written all the time */

        call = layout->stack[p] ? p : call; /* a stack is one call */
        for (size_t i = 0; i < node->n_inputs; i++) {
            const int32_t root = node->inputs[i] == RNNP_NONE ? RNNP_NONE : layout->root[node->inputs[i]];
            size_t last;

            if (root != RNNP_NONE && (last = last_use(layout, lt, root, call)) > lt->last[root]) lt->last[root] = last;
        }
        for (size_t i = 0; i < node->n_outputs; i++) {
            if (node->outputs[i] == RNNP_NONE) continue;
            lt->first[node->outputs[i]] = ends ? layout->loop[call] : call;
            lt->last[node->outputs[i]] = call;
        }
    }
    for (size_t k = 0; k < model->n_outputs; k++) lt->is_output[layout->root[model->outputs[k].value]] = 1;
}

/* Whether the node at this call may overwrite its first input: nobody looks at that memory afterwards. */
static int can_overwrite(const rnnp_layout *layout, const lifetimes *lt, const rnnp_node *node, size_t call)
{
    const int32_t in = node->inputs[0], out = node->outputs[0];

    if (!node->op->in_place || in == RNNP_NONE || out == RNNP_NONE) return 0;
    const int32_t root = layout->root[in];
    const rnnp_meta *a = &layout->inf.meta[in], *b = &layout->inf.meta[out];
    return layout->storage[root] == RNNP_STORE_COMPUTED && lt->last[root] == call && !lt->is_output[root] &&
           rnnp_same_dims(a, b) && rnnp_dtype_bytes(a->dtype) == rnnp_dtype_bytes(b->dtype);
}

static void merge_in_place(rnnp_layout *layout, lifetimes *lt)
{
    const rnnp_model *model = layout->plan->model;

    for (size_t p = 0, call = 0; p < layout->n_calls; p++) {
        const rnnp_node *node = node_at(layout, p);

        call = layout->stack[p] ? p : call;
        if (can_overwrite(layout, lt, node, call)) lt->into[node->outputs[0]] = lt->into[layout->root[node->inputs[0]]];
    }
    for (size_t v = 0; v < model->n_values; v++) {
        const int32_t old = layout->root[v], root = lt->into[old];

        if (lt->last[old] > lt->last[root]) lt->last[root] = lt->last[old];
        layout->root[v] = root;
    }
}

/* What a call makes. */
static void add_spans(const rnnp_layout *layout, lifetimes *lt, size_t call, size_t *n_spans)
{
    const rnnp_node *node = node_at(layout, call);

    for (size_t i = 0; i < node->n_outputs; i++) {
        const int32_t v = node->outputs[i];

        if (v == RNNP_NONE || layout->storage[v] != RNNP_STORE_COMPUTED || layout->root[v] != v) continue;
        lt->owner[*n_spans] = v;
        lt->spans[(*n_spans)++] = (rnnp_span){rnnp_meta_bytes(&layout->inf.meta[v]), lt->first[v], lt->last[v], 0};
    }
}

static rnnp_status place_values(rnnp_layout *layout, lifetimes *lt)
{
    const rnnp_model *model = layout->plan->model;
    size_t n_spans = 0;

    for (size_t k = 0; k < model->n_outputs; k++) {
        const int32_t root = layout->root[model->outputs[k].value];

        const int carried = layout->is_stream && layout->carries->output[k]; /* stays here */
        const int direct = layout->storage[root] == RNNP_STORE_COMPUTED && layout->direct[root] < 0 && !carried;

        if (direct) layout->direct[root] = (int32_t)k;
        if (!direct || (layout->is_stream && layout->batch > 1))
            lt->last[root] = SIZE_MAX; /* copied from when all is done: always, or when some channels wait */
    }
    for (size_t p = 0; p < layout->n_calls; p++) {
        if (layout->end[p]) add_spans(layout, lt, layout->end[p], &n_spans);
        if (node_at(layout, p)->op->loop != RNNP_LOOP_END) add_spans(layout, lt, p, &n_spans);
    }
    layout->activation_bytes = rnnp_spans_place(lt->spans, n_spans, lt->room);
    if (layout->activation_bytes == SIZE_MAX)
        return rnnp_fail(layout->plan->context, RNNP_ERR_MEMORY, "the activations do not fit in memory");
    for (size_t s = 0; s < n_spans; s++) layout->offset[lt->owner[s]] = lt->spans[s].offset;
    return RNNP_OK;
}

static rnnp_status place(rnnp_layout *layout)
{
    const rnnp_context *context = layout->plan->context;
    const size_t n = layout->plan->model->n_values;
    struct rnnp_block **arena = &layout->arena;
    lifetimes lt = {
        .first = rnnp_arena_calloc(context, arena, n, sizeof *lt.first),
        .last = rnnp_arena_calloc(context, arena, n, sizeof *lt.last),
        .is_output = rnnp_arena_calloc(context, arena, n, sizeof *lt.is_output),
        .into = rnnp_arena_calloc(context, arena, n, sizeof *lt.into),
        .spans = rnnp_arena_calloc(context, arena, n, sizeof *lt.spans),
        .owner = rnnp_arena_calloc(context, arena, n, sizeof *lt.owner),
        .room = rnnp_arena_calloc(context, arena, rnnp_spans_room(n), sizeof *lt.room),
    };

    if (!lt.first || !lt.last || !lt.is_output || !lt.into || !lt.spans || !lt.owner || !lt.room)
        return RNNP_ERR_MEMORY;
    find_lifetimes(layout, &lt);
    merge_in_place(layout, &lt);
    return place_values(layout, &lt);
}

/* ---- Scratch ---- */

rnnp_prepare rnnp_layout_prepare(const rnnp_layout *layout, const rnnp_node *node, rnnp_meta *in)
{
    const rnnp_model *model = layout->plan->model;
    rnnp_prepare prepare = rnnp_plan_prepare(layout->plan, node);

    memset(in, 0, rnnp_node_slots_in(node) * sizeof *in);
    for (size_t i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] == RNNP_NONE) continue;
        in[i] = layout->inf.meta[node->inputs[i]];
        if (!model->values[node->inputs[i]].is_constant || node->late)
            in[i].known = NULL; /* as when the plan decided what to pack */
    }
    prepare.inputs = in;
    prepare.threads = layout->threads;
    prepare.time_axis = rnnp_layout_time(layout, node);
    prepare.planned = layout->plan->nodes[node - layout->plan->model->nodes].planned.own;
    return prepare;
}

/* What a stream keeps of earlier steps for a node. */
static rnnp_status plan_history(rnnp_layout *layout, const rnnp_node *node, rnnp_prepare *prepare,
                                rnnp_planned *planned)
{
    const rnnp_meta *x = &layout->inf.in[0];
    const size_t axis = (size_t)prepare->time_axis;
    rnnp_pace pace = {.lead = 0};
    size_t bytes = sizeof(float);

    if (!node->op->pace || axis == 0 || node->op->pace(node, layout->inf.in, axis, &pace) < 0 || !pace.lead)
        return RNNP_OK;
    for (size_t d = 1; d < x->rank; d++) bytes = rnnp_mul_bytes(bytes, d == axis ? pace.lead : (size_t)x->dim[d]);
    if (x->dim[0] != (int64_t)layout->batch) return batch_fails(layout, node, x->dim[0]);
    if (rnnp_mul_bytes(bytes, layout->batch) > SIZE_MAX / 4)
        return rnnp_node_fail(layout->plan->context, node, RNNP_ERR_MEMORY, "%zu earlier steps do not fit in memory",
                              pace.lead);
    planned->row_bytes = bytes;
    planned->lead = prepare->lead = bytes ? pace.lead : 0;
    return RNNP_OK;
}

/* Plans a call's node for these shapes; inf.in and inf.out are its metas after that. */
static rnnp_status plan_call(rnnp_layout *layout, const rnnp_node *node, rnnp_prepare *prepare, rnnp_planned *planned)
{
    rnnp_inference_gather(&layout->inf, node);
    *prepare = rnnp_layout_prepare(layout, node, layout->inf.in);
    if (!node->op->plan) return plan_history(layout, node, prepare, planned);
    planned->own = rnnp_arena_alloc(layout->plan->context, &layout->arena, node->op->plan_bytes);
    if (!planned->own) return RNNP_ERR_MEMORY;
    rnnp_node_plan(prepare, planned);
    prepare->planned = planned->own;
    return plan_history(layout, node, prepare, planned);
}

/* Plans all calls and places their scratch: in one place for all that run in turn; that of a stack lies behind each
 * other. */
static rnnp_status plan_calls(rnnp_layout *layout)
{
    rnnp_prepare prepare;

    for (size_t p = 0, end = 0; p < layout->n_calls; p++) {
        const rnnp_node *node = &layout->plan->model->nodes[layout->order[p]];
        const rnnp_status status = plan_call(layout, node, &prepare, &layout->planned[p]);

        if (status != RNNP_OK) return status;
        if (layout->loop[p] != SIZE_MAX && rnnp_layout_arrays(layout, node, p))
            return rnnp_node_fail(layout->plan->context, node, RNNP_ERR_UNSUPPORTED,
                                  "a stream keeps no state for the iterations of a loop");
        end = layout->stack[p] ? 0 : end;
        layout->workspace[p] = end;
        if (!node->op->workspace_bytes) continue;
        end = rnnp_align64(rnnp_add_bytes(end, node->op->workspace_bytes(&prepare, layout->inf.out)));
        if (end > layout->workspace_bytes) layout->workspace_bytes = end;
    }
    return RNNP_OK;
}

static rnnp_status make(rnnp_layout *layout, const rnnp_meta *inputs)
{
    const rnnp_model *model = layout->plan->model;
    const rnnp_context *context = layout->plan->context;
    struct rnnp_block **arena = &layout->arena;
    rnnp_status status = rnnp_inference_begin(&layout->inf, model, arena);

    layout->inf.part = rnnp_layout_steps(layout);

    layout->evaluated = rnnp_arena_calloc(context, arena, model->n_nodes, 1);
    layout->called = rnnp_arena_calloc(context, arena, model->n_nodes, 1);
    layout->storage = rnnp_arena_calloc(context, arena, model->n_values, 1);
    layout->root = rnnp_arena_calloc(context, arena, model->n_values, sizeof *layout->root);
    layout->direct = rnnp_arena_calloc(context, arena, model->n_values, sizeof *layout->direct);
    layout->offset = rnnp_arena_calloc(context, arena, model->n_values, sizeof *layout->offset);
    if (status != RNNP_OK || !layout->evaluated || !layout->called || !layout->storage || !layout->root ||
        !layout->direct || !layout->offset)
        return RNNP_ERR_MEMORY;
    const rnnp_fpmode mode = rnnp_fpmode_enter(0);
    status = infer_all(layout, inputs);
    rnnp_fpmode_set(mode);
    if (status != RNNP_OK || (status = rnnp_layout_last(layout)) != RNNP_OK) return status;
    choose_calls(layout);
    if ((status = rnnp_layout_branches(layout)) != RNNP_OK || (status = rnnp_layout_order(layout)) != RNNP_OK ||
        (status = rnnp_layout_decide(layout)) != RNNP_OK)
        return status;
    rnnp_layout_join(layout);
    layout->workspace = rnnp_arena_calloc(context, arena, layout->n_calls, sizeof *layout->workspace);
    layout->planned = rnnp_arena_calloc(context, arena, layout->n_calls, sizeof *layout->planned);
    if (!layout->workspace || !layout->planned) return RNNP_ERR_MEMORY;
    if ((status = plan_calls(layout)) != RNNP_OK) return status;
    return place(layout);
}

rnnp_status rnnp_layout_make(rnnp_layout *layout, const rnnp_plan *plan, const rnnp_meta *inputs,
                             const rnnp_carries *carries, size_t batch)
{
    *layout = (rnnp_layout){.plan = plan,
                            .is_stream = carries != NULL,
                            .carries = carries,
                            .batch = batch,
                            .threads = carries ? 1 : plan->threads};
    const rnnp_status status = make(layout, inputs);

    if (status != RNNP_OK) rnnp_layout_free(layout);
    return status;
}

void rnnp_layout_free(rnnp_layout *layout) { rnnp_arena_free(layout->plan->context, &layout->arena); }
