/* SPDX-License-Identifier: Apache-2.0
 *
 * A program: the calls of a layout with all their arguments, ready in one block of memory. Executing it is
 * a loop over the calls; only the caller's pointers change between executions.
 */
#include "engine.h"
#include "../fpmode.h"

#include <string.h>

/* A root in the caller's memory: a model input, or an output that is written without a copy. */
typedef struct rnnp_bind {
    int32_t root;
    int is_output;
    size_t port;
    void *fallback;        /* outputs: own memory for when the caller does not want it */
} rnnp_bind;

typedef struct rnnp_patch {
    rnnp_tensor *tensor;
    int32_t root;
} rnnp_patch;

typedef struct rnnp_copy {
    size_t port, bytes;
    int32_t root;
} rnnp_copy;

/* ---- Placement: one pass counts, carving from nothing measures, carving from a block fills in ---- */

typedef struct cursor {
    char *base;            /* NULL: only measure */
    size_t used;           /* SIZE_MAX: does not fit */
} cursor;

static void *carve(cursor *c, size_t count, size_t bytes)
{
    const size_t at = c->used;
    size_t total;

    if (at == SIZE_MAX || rnnp_mul_overflow(count, bytes, &total) || total > SIZE_MAX - 63 ||
        rnnp_add_overflow(at, rnnp_align64(total), &c->used)) {
        c->used = SIZE_MAX;
        return NULL;
    }
    return c->base ? c->base + at : NULL;
}

/* Numbers that size the arrays. */
typedef struct counts {
    size_t calls, in_slots, out_slots, stateful, stateful_slots, binds, patches, copies, state_bytes;
} counts;

static int is_bound(const rnnp_layout *layout, int32_t root)
{
    return layout->storage[root] == RNNP_STORE_INPUT || layout->direct[root] >= 0;
}

static int has_state(const rnnp_layout *layout, const rnnp_node *node)
{
    return layout->is_stream && node->op->state_bytes;
}

static size_t state_bytes(const rnnp_layout *layout, const rnnp_node *node)
{
    const rnnp_prepare prepare = rnnp_layout_prepare(layout, node, layout->inf.in);

    return node->op->state_bytes(&prepare, layout->batch);
}

static counts count(const rnnp_layout *layout)
{
    const rnnp_model *model = layout->plan->model;
    counts c = {0};

    for (size_t n = 0; n < model->n_nodes; n++) {
        const rnnp_node *node = &model->nodes[n];

        if (!layout->called[n])
            continue;
        c.calls++;
        c.in_slots += rnnp_node_slots_in(node);
        c.out_slots += rnnp_node_slots_out(node);
        c.patches += node->n_inputs + node->n_outputs;
        if (has_state(layout, node)) {
            c.stateful++;
            c.stateful_slots += rnnp_node_slots_in(node);
            c.state_bytes += state_bytes(layout, node);
        }
    }
    for (size_t v = 0; v < model->n_values; v++)
        c.binds += layout->root[v] == (int32_t)v && is_bound(layout, (int32_t)v);
    for (size_t k = 0; k < model->n_outputs; k++)
        c.copies += layout->direct[layout->root[model->outputs[k].value]] != (int32_t)k;
    return c;
}

/* The arrays that filling in walks along. */
typedef struct room {
    rnnp_tensor *in, *out;
    rnnp_prepare *prepare;
    rnnp_meta *prepare_in;
    char *activations, *workspace, *known;
} room;

static void carve_all(rnnp_program *p, room *r, const counts *c, const rnnp_layout *layout, cursor *at)
{
    const rnnp_model *model = layout->plan->model;

    carve(at, 1, sizeof *p);
    p->calls = carve(at, c->calls, sizeof *p->calls);
    r->in = carve(at, c->in_slots, sizeof *r->in);
    r->out = carve(at, c->out_slots, sizeof *r->out);
    p->binds = carve(at, c->binds, sizeof *p->binds);
    p->patches = carve(at, c->patches, sizeof *p->patches);
    p->copies = carve(at, c->copies, sizeof *p->copies);
    p->inputs = carve(at, model->n_inputs, sizeof *p->inputs);
    p->outputs = carve(at, model->n_outputs, sizeof *p->outputs);
    p->skipped = carve(at, model->n_outputs, 1);
    p->data = carve(at, model->n_values, sizeof *p->data);
    p->root = carve(at, model->n_values, sizeof *p->root);
    p->live = carve(at, model->n_values, 1);
    r->prepare = carve(at, c->stateful, sizeof *r->prepare);
    r->prepare_in = carve(at, c->stateful_slots, sizeof *r->prepare_in);
    p->state = carve(at, c->state_bytes, 1);
    p->backup = carve(at, c->state_bytes, 1);
    for (size_t v = 0; v < model->n_values; v++) {
        if (layout->storage[v] == RNNP_STORE_KNOWN && layout->root[v] == (int32_t)v) {
            char *known = carve(at, 1, rnnp_meta_bytes(&layout->inf.meta[v]));

            r->known = r->known ? r->known : known;
        }
    }
    r->workspace = carve(at, 1, layout->workspace_bytes);
    r->activations = carve(at, 1, layout->activation_bytes);
}

size_t rnnp_program_bytes(const rnnp_layout *layout)
{
    const counts c = count(layout);
    rnnp_program program;
    room r = {0};
    cursor at = {0};

    carve_all(&program, &r, &c, layout, &at);
    return at.used;
}

/* ---- Filling in ---- */

static void fill_roots(rnnp_program *p, room *r, const rnnp_layout *layout)
{
    const rnnp_model *model = layout->plan->model;

    for (size_t v = 0; v < model->n_values; v++) {
        const rnnp_meta *meta = &layout->inf.meta[v];

        p->root[v] = layout->root[v];
        if (layout->root[v] != (int32_t)v)
            continue;
        switch (layout->storage[v]) {
        case RNNP_STORE_CONSTANT: p->data[v] = (void *)model->values[v].meta.known; break;
        case RNNP_STORE_KNOWN:
            p->data[v] = r->known;
            if (rnnp_meta_bytes(meta))
                memcpy(r->known, meta->known, rnnp_meta_bytes(meta));
            r->known += rnnp_align64(rnnp_meta_bytes(meta));
            break;
        case RNNP_STORE_COMPUTED: p->data[v] = r->activations + layout->offset[v]; break;
        default: break;
        }
    }
}

static void fill_ports(rnnp_program *p, const rnnp_layout *layout)
{
    const rnnp_model *model = layout->plan->model;

    for (size_t i = 0; i < model->n_inputs; i++) {
        const int32_t v = model->inputs[i];

        p->inputs[i] = rnnp_meta_tensor(&layout->inf.meta[v], NULL);
        if (layout->storage[v] == RNNP_STORE_INPUT)
            p->binds[p->n_binds++] = (rnnp_bind){.root = v, .port = i};
    }
    for (size_t k = 0; k < model->n_outputs; k++) {
        const int32_t v = model->outputs[k].value, root = layout->root[v];

        p->outputs[k] = rnnp_meta_tensor(&layout->inf.meta[v], NULL);
        if (layout->direct[root] == (int32_t)k)
            p->binds[p->n_binds++] = (rnnp_bind){.root = root, .is_output = 1, .port = k, .fallback = p->data[root]};
        else
            p->copies[p->n_copies++] = (rnnp_copy){k, rnnp_meta_bytes(&layout->inf.meta[v]), root};
    }
}

static void fill_tensor(rnnp_program *p, const rnnp_layout *layout, rnnp_tensor *tensor, int32_t v)
{
    const int32_t root = layout->root[v];

    *tensor = rnnp_meta_tensor(&layout->inf.meta[v], NULL);
    if (layout->storage[v] == RNNP_STORE_NONE)
        return;
    tensor->data = p->data[root];
    if (is_bound(layout, root))
        p->patches[p->n_patches++] = (rnnp_patch){tensor, root};
}

/* Whether the initial state is known before the first input is. */
static int starts_early(const rnnp_layout *layout, const rnnp_node *node)
{
    for (size_t i = 1; i < node->n_inputs; i++) {
        const int32_t v = node->inputs[i];

        if (v != RNNP_NONE && layout->storage[v] != RNNP_STORE_CONSTANT && layout->storage[v] != RNNP_STORE_KNOWN)
            return 0;
    }
    return 1;
}

static void fill_calls(rnnp_program *p, room *r, const rnnp_layout *layout)
{
    const rnnp_plan *plan = layout->plan;
    rnnp_team *team = layout->threads > 1 ? plan->context->team : NULL;

    for (size_t n = 0; n < plan->model->n_nodes; n++) {
        const rnnp_node *node = &plan->model->nodes[n];

        if (!layout->called[n])
            continue;
        rnnp_call *call = &p->calls[p->n_calls++];
        *call = (rnnp_call){.run = node->op->run, .node = node, .inputs = r->in, .outputs = r->out, .needed = 1};
        call->exec = (rnnp_exec){
            .context = plan->context,
            .select = &plan->context->selection,
            .math = plan->math,
            .team = team,
            .threads = layout->threads,
            .packed = plan->nodes[n].packed,
            .workspace = r->workspace,
        };
        r->in += rnnp_node_slots_in(node);
        r->out += rnnp_node_slots_out(node);
        for (size_t i = 0; i < node->n_inputs; i++) {
            if (node->inputs[i] != RNNP_NONE)
                fill_tensor(p, layout, &call->inputs[i], node->inputs[i]);
        }
        for (size_t i = 0; i < node->n_outputs; i++) {
            if (node->outputs[i] != RNNP_NONE)
                fill_tensor(p, layout, &call->outputs[i], node->outputs[i]);
        }
        if (has_state(layout, node)) {
            *r->prepare = rnnp_layout_prepare(layout, node, r->prepare_in);
            r->prepare_in += rnnp_node_slots_in(node);
            call->prepare = r->prepare++;
            call->starts_early = starts_early(layout, node);
            call->exec.state = p->state + p->state_bytes;
            p->state_bytes += node->op->state_bytes(call->prepare, layout->batch);
        }
    }
}

rnnp_status rnnp_program_create(const rnnp_layout *layout, rnnp_program **program)
{
    const rnnp_context *context = layout->plan->context;
    const counts c = count(layout);
    const size_t bytes = rnnp_program_bytes(layout);
    room r = {0};

    if (bytes == SIZE_MAX)
        return rnnp_fail(context, RNNP_ERR_MEMORY, "the activations do not fit in memory");
    rnnp_program *p = rnnp_calloc(context, bytes);
    if (!p)
        return RNNP_ERR_MEMORY;
    p->plan = layout->plan;
    p->bytes = bytes;
    p->batch = layout->batch;
    carve_all(p, &r, &c, layout, &(cursor){.base = (char *)p});
    fill_roots(p, &r, layout);
    fill_ports(p, layout);
    fill_calls(p, &r, layout);
    rnnp_program_reset(p);
    *program = p;
    return RNNP_OK;
}

void rnnp_program_destroy(rnnp_program *program)
{
    if (program)
        rnnp_free(program->plan->context, program, program->bytes);
}

rnnp_status rnnp_program_port(const rnnp_program *program, const char *what, const rnnp_tensor *ports, size_t n,
                              size_t index, rnnp_tensor *port)
{
    if (!port)
        return rnnp_fail(program->plan->context, RNNP_ERR_ARG, "%s is NULL", what);
    if (index >= n)
        return rnnp_fail(program->plan->context, RNNP_ERR_ARG, "%s %zu of %zu", what, index, n);
    *port = ports[index];
    return RNNP_OK;
}

/* ---- Execution ---- */

static rnnp_status input_fail(const rnnp_program *p, const rnnp_tensor *inputs, size_t i)
{
    const rnnp_context *context = p->plan->context;
    const rnnp_model *model = p->plan->model;
    const rnnp_tensor *want = &p->inputs[i], *got = &inputs[i];
    const char *name = model->values[model->inputs[i]].name;

    if (got->dtype != want->dtype)
        return rnnp_fail(context, RNNP_ERR_TYPE, "input %s is %s, expected %s", name, rnnp_dtype_name(got->dtype),
                         rnnp_dtype_name(want->dtype));
    if (got->rank != want->rank)
        return rnnp_fail(context, RNNP_ERR_SHAPE, "input %s has rank %zu, expected %zu", name, got->rank, want->rank);
    for (size_t d = 0; d < want->rank; d++) {
        if (got->shape[d] != want->shape[d])
            return rnnp_fail(context, RNNP_ERR_SHAPE, "input %s: dimension %zu is %lld, expected %lld", name, d,
                             (long long)got->shape[d], (long long)want->shape[d]);
    }
    return rnnp_fail(context, RNNP_ERR_ARG, "input %s has no data", name);
}

static int input_fits(const rnnp_tensor *want, const rnnp_tensor *got)
{
    int fits = got->dtype == want->dtype && got->rank == want->rank;

    for (size_t d = 0; fits && d < want->rank; d++)
        fits = got->shape[d] == want->shape[d];
    return fits && (got->data || rnnp_tensor_elements(want) == 0);
}

static rnnp_status check_ports(const rnnp_program *p, const rnnp_tensor *inputs, size_t n_inputs,
                               const rnnp_tensor *outputs, size_t n_outputs)
{
    const rnnp_model *model = p->plan->model;

    if (n_inputs != model->n_inputs || n_outputs != model->n_outputs)
        return rnnp_fail(p->plan->context, RNNP_ERR_ARG,
                         "%zu inputs and %zu outputs were given, the model has %zu and %zu", n_inputs, n_outputs,
                         model->n_inputs, model->n_outputs);
    if ((n_inputs && !inputs) || !outputs)
        return rnnp_fail(p->plan->context, RNNP_ERR_ARG, "%s is NULL", outputs ? "inputs" : "outputs");
    for (size_t i = 0; i < n_inputs; i++) {
        if (!input_fits(&p->inputs[i], &inputs[i]))
            return input_fail(p, inputs, i);
    }
    return RNNP_OK;
}

static void bind_ports(rnnp_program *p, const rnnp_tensor *inputs, const rnnp_tensor *outputs)
{
    int changed = 0;

    for (size_t i = 0; i < p->n_binds; i++) {
        const rnnp_bind *b = &p->binds[i];
        void *data = b->is_output ? outputs[b->port].data : inputs[b->port].data;

        if (b->is_output && !data)
            data = b->fallback;
        changed |= p->data[b->root] != data;
        p->data[b->root] = data;
    }
    for (size_t i = 0; changed && i < p->n_patches; i++)
        p->patches[i].tensor->data = p->data[p->patches[i].root];
}

/* Which calls the wanted outputs need; a call with state always runs. */
static void choose_needed(rnnp_program *p)
{
    const rnnp_model *model = p->plan->model;

    memset(p->live, 0, model->n_values);
    for (size_t k = 0; k < model->n_outputs; k++)
        p->live[p->root[model->outputs[k].value]] |= !p->skipped[k];
    for (size_t c = p->n_calls; c-- > 0;) {
        rnnp_call *call = &p->calls[c];
        const rnnp_node *node = call->node;

        call->needed = call->prepare != NULL;
        for (size_t i = 0; i < node->n_outputs; i++)
            call->needed |= node->outputs[i] != RNNP_NONE && p->live[p->root[node->outputs[i]]];
        for (size_t i = 0; call->needed && i < node->n_inputs; i++) {
            if (node->inputs[i] != RNNP_NONE)
                p->live[p->root[node->inputs[i]]] = 1;
        }
    }
}

static rnnp_status run_calls(rnnp_program *p)
{
    for (size_t c = 0; c < p->n_calls; c++) {
        rnnp_call *call = &p->calls[c];

        if (!call->needed)
            continue;
        if (call->prepare && p->fresh && !call->starts_early)
            call->node->op->state_reset(call->prepare, call->inputs, p->batch, call->exec.state);
        const rnnp_status status = call->run(&call->exec, call->node, call->inputs, call->outputs);
        if (status != RNNP_OK)
            return status;
        call->exec.turn++;
    }
    return RNNP_OK;
}

rnnp_status rnnp_program_execute(rnnp_program *p, const rnnp_tensor *inputs, size_t n_inputs, rnnp_tensor *outputs,
                                 size_t n_outputs)
{
    int changed = 0;
    rnnp_status status = check_ports(p, inputs, n_inputs, outputs, n_outputs);

    if (status != RNNP_OK)
        return status;
    for (size_t k = 0; k < n_outputs; k++) {
        const uint8_t skipped = outputs[k].data == NULL;
        void *data = outputs[k].data;

        changed |= skipped != p->skipped[k];
        p->skipped[k] = skipped;
        outputs[k] = p->outputs[k];
        outputs[k].data = data;
    }
    if (changed)
        choose_needed(p);
    bind_ports(p, inputs, outputs);

    const rnnp_fpmode mode = rnnp_fpmode_enter(p->plan->flush_denormals);
    memcpy(p->backup, p->state, p->state_bytes);
    status = run_calls(p);
    rnnp_fpmode_set(mode);
    if (status != RNNP_OK) {
        memcpy(p->state, p->backup, p->state_bytes);
        return status;
    }
    p->fresh = 0;
    for (size_t i = 0; i < p->n_copies; i++) {
        const rnnp_copy *copy = &p->copies[i];

        if (outputs[copy->port].data && copy->bytes)
            memcpy(outputs[copy->port].data, p->data[copy->root], copy->bytes);
    }
    return RNNP_OK;
}

void rnnp_program_reset(rnnp_program *p)
{
    p->fresh = 1;
    memset(p->state, 0, p->state_bytes);
    for (size_t c = 0; c < p->n_calls; c++) {
        const rnnp_call *call = &p->calls[c];

        if (call->prepare && call->starts_early)
            call->node->op->state_reset(call->prepare, call->inputs, p->batch, call->exec.state);
    }
}
