/* SPDX-License-Identifier: Apache-2.0
 *
 * Shapes and known values, node by node. With symbolic dimensions when a model is closed, with concrete ones
 * for a run or a stream.
 */
#include "engine.h"

#include <string.h>

/* Values of any size are worth knowing when they are not much larger than what they are made of; others, when they are
 * small. */
enum { EVALUATE_BYTES = 1 << 20, EVALUATE_GROWTH = 8 };

/* All that is evaluated when a run is made: a run may as well compute it. */
enum { RUN_BYTES = 64 << 20, RUN_WORK = 1 << 30, RUN_WORK_PER_BYTE = 16, WORK_PER_ELEMENT = 4 };

size_t rnnp_node_slots_in(const rnnp_node *node)
{
    const size_t most = node->op->max_inputs == 255 ? 0 : node->op->max_inputs;

    return node->n_inputs > most ? node->n_inputs : most;
}

size_t rnnp_node_slots_out(const rnnp_node *node)
{
    const size_t most = node->op->max_outputs == 255 ? 0 : node->op->max_outputs;

    return node->n_outputs > most ? node->n_outputs : most;
}

rnnp_status rnnp_inference_begin(rnnp_inference *inf, const rnnp_model *model, struct rnnp_block **arena)
{
    const rnnp_context *context = model->context;
    size_t in = 0, out = 0;

    for (size_t i = 0; i < model->n_nodes; i++) {
        const rnnp_node *node = &model->nodes[i];

        in = rnnp_node_slots_in(node) > in ? rnnp_node_slots_in(node) : in;
        out = rnnp_node_slots_out(node) > out ? rnnp_node_slots_out(node) : out;
    }
    *inf = (rnnp_inference){.model = model, .arena = arena};
    inf->next_symbol = RNNP_SYMBOL - (int64_t)model->n_symbols;
    inf->meta = rnnp_arena_calloc(context, arena, model->n_values, sizeof *inf->meta);
    inf->partial = rnnp_arena_calloc(context, arena, model->n_values, sizeof *inf->partial);
    inf->guessed = rnnp_arena_calloc(context, arena, model->n_values, 1);
    inf->in = rnnp_arena_calloc(context, arena, in, sizeof *inf->in);
    inf->out = rnnp_arena_calloc(context, arena, out, sizeof *inf->out);
    inf->in_tensor = rnnp_arena_calloc(context, arena, in, sizeof *inf->in_tensor);
    inf->out_tensor = rnnp_arena_calloc(context, arena, out, sizeof *inf->out_tensor);
    if (!inf->meta || !inf->partial || !inf->guessed || !inf->in || !inf->out || !inf->in_tensor || !inf->out_tensor)
        return RNNP_ERR_MEMORY;
    inf->bytes_left = RUN_BYTES;
    for (size_t v = 0; v < model->n_values; v++) {
        if (!model->values[v].is_constant) continue;
        inf->meta[v] = model->values[v].meta;
        inf->bytes_left = rnnp_add_bytes(inf->bytes_left, rnnp_meta_bytes(&inf->meta[v]));
    }
    inf->work_left = RUN_WORK + RUN_WORK_PER_BYTE * (uint64_t)inf->bytes_left;
    return RNNP_OK;
}

size_t rnnp_view_source(const rnnp_node *node, const rnnp_meta *inputs, const rnnp_meta *outputs, size_t output)
{
    const rnnp_operator *op = node->op;

    if (op->source) return op->source(node, inputs, output);
    return output == 0 && (op->is_view || (op->view && op->view(node, inputs, outputs))) ? 0 : SIZE_MAX;
}

static rnnp_status infer(rnnp_inference *inf, const rnnp_node *node, int *guessed)
{
    rnnp_infer in = {inf->model->context, node, &inf->next_symbol, inf->part, *guessed, inf->concrete};
    const rnnp_status status = node->op->infer(&in, inf->in, inf->out);

    *guessed = in.guessed;
    if (status != RNNP_OK) return status;
    const size_t from = node->op->is_view ? rnnp_meta_elements(&inf->in[0]) : SIZE_MAX;
    const size_t to = node->op->is_view ? rnnp_meta_elements(&inf->out[0]) : SIZE_MAX;
    if (from != SIZE_MAX && to != SIZE_MAX && from != to) /* whatever infer() could not know */
        return rnnp_node_fail(in.context, node, RNNP_ERR_SHAPE, "%zu elements cannot be viewed as %zu", from, to);
    return RNNP_OK;
}

/* What is known of a value that is chosen, is known of the output. */
static void store_output(rnnp_inference *inf, const rnnp_node *node, size_t i)
{
    const size_t source = node->op->source ? node->op->source(node, inf->in, i) : SIZE_MAX;
    const int32_t v = node->outputs[i];

    inf->out[i].known = NULL;
    inf->meta[v] = inf->out[i];
    if (source == SIZE_MAX) return;
    inf->meta[v].known = inf->in[source].known;
    inf->partial[v] = inf->partial[node->inputs[source]];
}

void rnnp_inference_gather(rnnp_inference *inf, const rnnp_node *node)
{
    memset(inf->in, 0, rnnp_node_slots_in(node) * sizeof *inf->in);
    memset(inf->out, 0, rnnp_node_slots_out(node) * sizeof *inf->out);
    for (size_t i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] != RNNP_NONE) inf->in[i] = inf->meta[node->inputs[i]];
    }
    for (size_t i = 0; i < node->n_outputs; i++) {
        if (node->outputs[i] != RNNP_NONE) inf->out[i] = inf->meta[node->outputs[i]];
    }
}

rnnp_status rnnp_inference_node(rnnp_inference *inf, const rnnp_node *node)
{
    int guessed = 0;

    memset(inf->in, 0, rnnp_node_slots_in(node) * sizeof *inf->in);
    memset(inf->out, 0, rnnp_node_slots_out(node) * sizeof *inf->out);
    for (size_t i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] == RNNP_NONE) continue;
        inf->in[i] = inf->meta[node->inputs[i]];
        guessed |= inf->guessed[node->inputs[i]];
    }
    if (!node->op->source && rnnp_inference_inherits(inf, node)) return RNNP_OK;
    const rnnp_status status = infer(inf, node, &guessed);
    if (status != RNNP_OK) return rnnp_inference_fails(inf, node, status);
    for (size_t i = 0; i < node->n_outputs; i++) {
        if (node->outputs[i] == RNNP_NONE) continue;
        store_output(inf, node, i);
        inf->guessed[node->outputs[i]] = (uint8_t)guessed;
    }
    if (node->op->source) rnnp_inference_inherits(inf, node);
    return RNNP_OK;
}

/* ---- Evaluation ---- */

static int has_symbol(const rnnp_meta *meta)
{
    for (size_t i = 0; i < meta->rank; i++) {
        if (rnnp_dim_is_symbol(meta->dim[i])) return 1;
    }
    return 0;
}

/* What evaluating the node costs: its elements, and the multiply-adds of a product. */
static uint64_t work_of(const rnnp_inference *inf, const rnnp_node *node)
{
    const rnnp_prepare prepare = {.context = inf->model->context,
                                  .node = node,
                                  .inputs = inf->in,
                                  .select = &inf->model->context->selection,
                                  .math = RNNP_MATH_U35,
                                  .threads = 1};
    size_t elements = 0;

    for (size_t i = 0; i < node->n_inputs && !node->op->shape_only; i++)
        elements = rnnp_add_bytes(elements, node->inputs[i] != RNNP_NONE ? rnnp_meta_elements(&inf->in[i]) : 0);
    for (size_t i = 0; i < node->n_outputs; i++)
        elements = rnnp_add_bytes(elements, node->outputs[i] != RNNP_NONE ? rnnp_meta_elements(&inf->out[i]) : 0);
    const uint64_t moved = elements < SIZE_MAX / WORK_PER_ELEMENT ? WORK_PER_ELEMENT * (uint64_t)elements : SIZE_MAX;
    return rnnp_add_bytes(moved, node->op->multiply_adds ? node->op->multiply_adds(&prepare, inf->out) : 0);
}

rnnp_known rnnp_inference_known(rnnp_inference *inf, const rnnp_node *node)
{
    size_t bytes_in = 0, bytes_out = 0;
    int symbolic = 0;

    if (node->op->state_arrays || node->op->source || node->op->loop) return RNNP_KNOWN_NOT;
    for (size_t i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] == RNNP_NONE) continue;
        if (node->op->shape_only) {
            if (inf->guessed[node->inputs[i]]) return RNNP_KNOWN_NOT;
            symbolic |= has_symbol(&inf->in[i]);
        } else {
            const int part = inf->partial[node->inputs[i]].unsure != NULL;

            if (!inf->in[i].known && !part) return RNNP_KNOWN_NOT;
            symbolic |= part;
            bytes_in = rnnp_add_bytes(bytes_in, rnnp_meta_bytes(&inf->in[i]));
        }
    }
    for (size_t i = 0; i < node->n_outputs; i++) {
        if (node->outputs[i] != RNNP_NONE) bytes_out = rnnp_add_bytes(bytes_out, rnnp_meta_bytes(&inf->out[i]));
    }
    if (bytes_out == SIZE_MAX || (bytes_out > EVALUATE_BYTES && bytes_out / EVALUATE_GROWTH > bytes_in))
        return RNNP_KNOWN_NOT;
    const uint64_t work = work_of(inf, node);
    if (bytes_out > inf->bytes_left || work > inf->work_left) {
        inf->left_out = inf->left_out ? inf->left_out : node;
        return RNNP_KNOWN_TOO_LATE;
    }
    inf->bytes_left -= bytes_out;
    inf->work_left -= work;
    return symbolic ? RNNP_KNOWN_SYMBOLIC : RNNP_KNOWN_FULLY;
}

/* Tensors of the latest node; new memory for its wanted outputs. */
static rnnp_status make_tensors(rnnp_inference *inf, const rnnp_node *node, struct rnnp_block **arena)
{
    for (size_t i = 0; i < rnnp_node_slots_in(node); i++)
        inf->in_tensor[i] = rnnp_meta_tensor(&inf->in[i], inf->in[i].known);
    for (size_t i = 0; i < rnnp_node_slots_out(node); i++) {
        void *data = NULL;

        if (i < node->n_outputs && node->outputs[i] != RNNP_NONE) {
            data = rnnp_arena_alloc(inf->model->context, arena, rnnp_meta_bytes(&inf->out[i]));
            if (!data) return RNNP_ERR_MEMORY;
        }
        inf->out_tensor[i] = rnnp_meta_tensor(&inf->out[i], data);
    }
    return RNNP_OK;
}

static void outputs_known(rnnp_inference *inf, const rnnp_node *node)
{
    for (size_t i = 0; i < node->n_outputs; i++) {
        if (node->outputs[i] != RNNP_NONE) inf->meta[node->outputs[i]].known = inf->out_tensor[i].data;
    }
}

/* As a plan does it: the operator may count on its constant inputs being packed. */
rnnp_status rnnp_inference_evaluate(rnnp_inference *inf, const rnnp_node *node, const rnnp_selection *select,
                                    rnnp_math math, const rnnp_plan_node *plan, struct rnnp_block **arena)
{
    const rnnp_context *context = inf->model->context;
    const rnnp_operator *op = node->op;
    const void *packed = plan ? plan->packed : NULL;
    rnnp_prepare prepare = {
        .context = context, .node = node, .inputs = inf->in, .select = select, .math = math, .threads = 1};
    rnnp_planned planned = {.own = packed ? plan->planned.own : NULL};
    rnnp_exec exec = {.context = context, .select = select, .math = math, .packed = packed};
    size_t workspace_bytes = 0;
    void *pack = NULL;
    rnnp_status status = make_tensors(inf, node, arena);

    for (size_t i = 0; status == RNNP_OK && i < node->n_inputs; i++) {
        if (node->inputs[i] != RNNP_NONE && (!packed || rnnp_node_reads(node, i)))
            status = rnnp_constant_need(inf->model, node->inputs[i]);
    }
    for (size_t i = 0; i < node->n_inputs; i++) { /* a plan knows constants only */
        if (node->inputs[i] != RNNP_NONE && !inf->model->values[node->inputs[i]].is_constant) inf->in[i].known = NULL;
    }
    if (status == RNNP_OK && !packed && op->plan) {
        planned.own = rnnp_arena_alloc(context, inf->arena, op->plan_bytes);
        if (!planned.own) return RNNP_ERR_MEMORY;
        rnnp_node_plan(&prepare, &planned);
    }
    if (planned.pack_bytes) {
        if ((pack = rnnp_alloc(context, planned.pack_bytes)) != NULL)
            op->pack(node, inf->in, planned.own, pack, 0, 1);
        else
            status = RNNP_ERR_MEMORY;
        exec.packed = pack;
    }
    exec.planned = prepare.planned = planned.own;
    if (status == RNNP_OK && op->workspace_bytes) {
        /* An operator on no elements needs no bytes; it still adds 0 to the address, which NULL does not allow. */
        workspace_bytes = rnnp_add_bytes(op->workspace_bytes(&prepare, inf->out), 1);
        exec.workspace = rnnp_alloc(context, workspace_bytes);
        status = exec.workspace ? RNNP_OK : RNNP_ERR_MEMORY;
    }
    if (status == RNNP_OK) status = op->run(&exec, node, inf->in_tensor, inf->out_tensor);
    if (status == RNNP_OK) outputs_known(inf, node);
    rnnp_free(context, exec.workspace, workspace_bytes);
    rnnp_free(context, pack, planned.pack_bytes);
    return status;
}
