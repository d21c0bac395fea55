/* SPDX-License-Identifier: Apache-2.0
 *
 * A program: the calls of a layout with all their arguments, ready in one block of memory. Executing it is
 * a loop over the calls; only the caller's pointers change between executions.
 */
#include "engine.h"

#include <string.h>

/* ---- Placement: one pass counts, carving from nothing measures, carving from a block fills in ---- */

typedef struct cursor {
    char *base;  /* NULL: only measure */
    size_t used; /* SIZE_MAX: does not fit */
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
    size_t planned; /* bytes */
    size_t calls, in_slots, out_slots, binds, patches, copies, carried, state_bytes;
} counts;

static size_t carried(const rnnp_layout *layout) { return layout->is_stream ? layout->carries->n : 0; }

static int is_carried(const rnnp_layout *layout, int32_t v)
{
    const rnnp_model *model = layout->plan->model;

    for (size_t i = 0; i < carried(layout); i++) {
        if (model->inputs[layout->carries->pair[i].input] == v) return 1;
    }
    return 0;
}

static int is_bound(const rnnp_layout *layout, int32_t root)
{
    return (layout->storage[root] == RNNP_STORE_INPUT && !is_carried(layout, root)) || layout->direct[root] >= 0;
}

static size_t state_bytes(const rnnp_layout *layout, const rnnp_node *node, size_t position)
{
    return layout->planned[position].row_bytes * rnnp_layout_arrays(layout, node, position) * layout->batch;
}

static counts count(const rnnp_layout *layout)
{
    const rnnp_model *model = layout->plan->model;
    counts c = {.calls = layout->n_calls, .carried = carried(layout)};

    for (size_t i = 0; i < c.carried; i++)
        c.state_bytes += rnnp_meta_bytes(&layout->inf.meta[model->inputs[layout->carries->pair[i].input]]);
    for (size_t p = 0; p < layout->n_calls; p++) {
        const rnnp_node *node = &model->nodes[layout->order[p]];

        c.planned += rnnp_align64(node->op->plan_bytes);
        c.in_slots += rnnp_node_slots_in(node);
        c.out_slots += rnnp_node_slots_out(node);
        c.patches += node->n_inputs + node->n_outputs;
        c.state_bytes = rnnp_add_bytes(c.state_bytes, state_bytes(layout, node, p));
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
    char *activations, *workspace, *known, *planned;
} room;

static void carve_all(rnnp_program *p, room *r, const counts *c, const rnnp_layout *layout, cursor *at)
{
    const rnnp_model *model = layout->plan->model;

    carve(at, 1, sizeof *p);
    p->calls = carve(at, c->calls, sizeof *p->calls);
    p->sides = carve(at, layout->n_branches, sizeof *p->sides);
    r->in = carve(at, c->in_slots, sizeof *r->in);
    r->out = carve(at, c->out_slots, sizeof *r->out);
    p->binds = carve(at, c->binds, sizeof *p->binds);
    p->patches = carve(at, c->patches, sizeof *p->patches);
    p->copies = carve(at, c->copies, sizeof *p->copies);
    p->inputs = carve(at, model->n_inputs, sizeof *p->inputs);
    p->outputs = carve(at, model->n_outputs, sizeof *p->outputs);
    p->input = carve(at, model->n_inputs, sizeof *p->input);
    p->output = carve(at, model->n_outputs, sizeof *p->output);
    p->carried = carve(at, c->carried, sizeof *p->carried);
    p->skipped = carve(at, model->n_outputs, 1);
    p->data = carve(at, model->n_values, sizeof *p->data);
    p->root = carve(at, model->n_values, sizeof *p->root);
    p->live = carve(at, model->n_values, 1);
    p->state = carve(at, c->state_bytes, 1);
    p->backup = carve(at, c->state_bytes, 1);
    if (layout->is_stream) {
        p->fresh = carve(at, layout->batch, sizeof *p->fresh);
        p->lengths = carve(at, layout->batch, sizeof *p->lengths);
        p->rows = carve(at, model->n_outputs, sizeof *p->rows);
        p->time = carve(at, model->n_inputs, sizeof *p->time);
    }
    for (size_t v = 0; v < model->n_values; v++) {
        if (layout->storage[v] == RNNP_STORE_KNOWN && layout->root[v] == (int32_t)v) {
            char *known = carve(at, 1, rnnp_meta_bytes(&layout->inf.meta[v]));

            r->known = r->known ? r->known : known;
        }
    }
    r->planned = carve(at, 1, c->planned);
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
        if (layout->root[v] != (int32_t)v) continue;
        switch (layout->storage[v]) {
        case RNNP_STORE_CONSTANT: p->data[v] = (void *)model->values[v].meta.known; break;
        case RNNP_STORE_KNOWN:
            p->data[v] = r->known;
            if (rnnp_meta_bytes(meta)) memcpy(r->known, meta->known, rnnp_meta_bytes(meta));
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

        if (layout->is_stream && layout->carries->input[i]) continue;
        if (layout->storage[v] == RNNP_STORE_INPUT)
            p->binds[p->n_binds++] = (rnnp_bind){.root = v, .port = p->n_inputs};
        p->input[p->n_inputs] = i;
        p->inputs[p->n_inputs++] = rnnp_meta_tensor(&layout->inf.meta[v], NULL);
    }
    for (size_t k = 0; k < model->n_outputs; k++) {
        const int32_t v = model->outputs[k].value, root = layout->root[v];

        if (layout->is_stream && layout->carries->output[k]) continue;
        if (layout->direct[root] == (int32_t)k)
            p->binds[p->n_binds++] =
                (rnnp_bind){.root = root, .is_output = 1, .port = p->n_outputs, .own = p->data[root]};
        else
            p->copies[p->n_copies++] = (rnnp_output_copy){p->n_outputs, rnnp_meta_bytes(&layout->inf.meta[v]), root};
        p->output[p->n_outputs] = k;
        p->outputs[p->n_outputs++] = rnnp_meta_tensor(&layout->inf.meta[v], NULL);
    }
}

/* Carried values are the first part of the state. */
static void fill_carried(rnnp_program *p, const rnnp_layout *layout)
{
    const rnnp_model *model = layout->plan->model;

    for (size_t i = 0; i < carried(layout); i++) {
        const rnnp_carry *pair = &layout->carries->pair[i];
        const int32_t v = model->inputs[pair->input];
        const size_t bytes = rnnp_meta_bytes(&layout->inf.meta[v]);

        p->data[v] = p->state + p->state_bytes;
        p->carried[p->n_carried++] = (rnnp_program_carry){.state = p->state + p->state_bytes,
                                                          .input = pair->input,
                                                          .output = layout->root[model->outputs[pair->output].value],
                                                          .rows = {1, bytes / layout->batch}};
        p->state_bytes += bytes;
    }
}

static void fill_tensor(rnnp_program *p, const rnnp_layout *layout, rnnp_tensor *tensor, int32_t v)
{
    const int32_t root = layout->root[v];

    *tensor = rnnp_meta_tensor(&layout->inf.meta[v], NULL);
    if (layout->storage[v] == RNNP_STORE_NONE) return;
    tensor->data = p->data[root];
    if (is_bound(layout, root)) p->patches[p->n_patches++] = (rnnp_patch){tensor, root};
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

static int is_last(const rnnp_layout *layout, size_t n, const int32_t *values)
{
    return n > 0 && values[0] != RNNP_NONE && layout->inf.meta[values[0]].channels_last;
}

static void fill_sides(rnnp_program *p, const rnnp_layout *layout)
{
    for (size_t b = 0; b < layout->n_branches; b++) {
        const rnnp_branch *branch = &layout->branches[b];

        p->sides[b] = (rnnp_side){.condition = &p->calls[layout->position[branch->node]].inputs[0],
                                  .around = branch->around < 0 ? NULL : &p->sides[branch->around],
                                  .taken = branch->taken};
    }
}

static void fill_calls(rnnp_program *p, room *r, const rnnp_layout *layout)
{
    const rnnp_plan *plan = layout->plan;
    rnnp_team *team = layout->threads > 1 ? plan->context->team : NULL;

    for (size_t c = 0; c < layout->n_calls; c++) {
        const size_t n = layout->order[c];
        const rnnp_node *node = &plan->model->nodes[n];
        const int32_t branch = layout->branch ? layout->branch[n] : -1;
        rnnp_call *call = &p->calls[p->n_calls++];

        *call = (rnnp_call){.run = node->op->run,
                            .node = node,
                            .inputs = r->in,
                            .outputs = r->out,
                            .side = branch < 0 ? NULL : &p->sides[branch],
                            .end = layout->end[c],
                            .stack = layout->stack[c],
                            .needed = 1};
        rnnp_layout_stack_choice(layout, c, &call->choice);
        call->exec = (rnnp_exec){
            .context = plan->context,
            .select = plan->select,
            .math = plan->math,
            .team = team,
            .threads = layout->threads,
            .packed = plan->nodes[n].packed,
            .planned = layout->planned[c].own ? memcpy(r->planned, layout->planned[c].own, node->op->plan_bytes) : NULL,
            .time_axis = rnnp_layout_time(layout, node),
            .lead = layout->planned[c].lead,
            .channels_last = (is_last(layout, node->n_inputs, node->inputs) ? RNNP_LAST_TAKES : 0u) |
                             (is_last(layout, node->n_outputs, node->outputs) ? RNNP_LAST_GIVES : 0u),
            .workspace = r->workspace + layout->workspace[c],
        };
        r->planned += rnnp_align64(node->op->plan_bytes);
        r->in += rnnp_node_slots_in(node);
        r->out += rnnp_node_slots_out(node);
        for (size_t i = 0; i < node->n_inputs; i++) {
            if (node->inputs[i] != RNNP_NONE) fill_tensor(p, layout, &call->inputs[i], node->inputs[i]);
        }
        for (size_t i = 0; i < node->n_outputs; i++) {
            if (node->outputs[i] != RNNP_NONE) fill_tensor(p, layout, &call->outputs[i], node->outputs[i]);
        }
        if ((call->state_arrays = rnnp_layout_arrays(layout, node, c)) > 0) {
            call->starts_early = !node->op->state_arrays || starts_early(layout, node);
            call->exec.state = p->state + p->state_bytes;
            call->row_bytes = layout->planned[c].row_bytes;
            call->steps = (size_t)call->inputs[0].shape[rnnp_layout_time(layout, node)];
            p->state_bytes += state_bytes(layout, node, c);
        }
    }
}

rnnp_status rnnp_program_create(const rnnp_layout *layout, rnnp_program **program)
{
    const rnnp_context *context = layout->plan->context;
    const counts c = count(layout);
    const size_t bytes = rnnp_program_bytes(layout);
    room r = {0};

    if (bytes == SIZE_MAX) return rnnp_fail(context, RNNP_ERR_MEMORY, "the activations do not fit in memory");
    rnnp_program *p = rnnp_calloc(context, bytes);
    if (!p) return RNNP_ERR_MEMORY;
    p->plan = layout->plan;
    p->bytes = bytes;
    p->batch = layout->batch;
    carve_all(p, &r, &c, layout, &(cursor){.base = (char *)p});
    fill_roots(p, &r, layout);
    fill_carried(p, layout);
    fill_ports(p, layout);
    fill_calls(p, &r, layout);
    fill_sides(p, layout);
    for (size_t row = 0; layout->is_stream && row < layout->batch; row++) rnnp_program_reset(p, row);
    *program = p;
    return RNNP_OK;
}

void rnnp_program_destroy(rnnp_program *program)
{
    if (program) rnnp_free(program->plan->context, program, program->bytes);
}

rnnp_status rnnp_program_port(const rnnp_program *program, const char *what, const rnnp_tensor *ports, size_t n,
                              size_t index, rnnp_tensor *port)
{
    if (!port) return rnnp_fail(program->plan->context, RNNP_ERR_ARG, "%s is NULL", what);
    if (index >= n) return rnnp_fail(program->plan->context, RNNP_ERR_ARG, "%s %zu of %zu", what, index, n);
    *port = ports[index];
    return RNNP_OK;
}
