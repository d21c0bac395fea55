/* SPDX-License-Identifier: Apache-2.0
 *
 * RNN, LSTM and GRU, opsets 6 to 25.
 */
#include "../../../autotune/choice.h"
#include "../../cells/wavefront.h"
#include "../../cells/weights.h"
#include "recurrent_params.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- The layer behind a node ---- */

void rnnp_recurrent_of_node(const rnnp_node *node, int64_t input, int64_t hidden, rnnp_math math,
                            const rnnp_selection *select, rnnp_recurrent *layer)
{
    const recurrent_params *params = node->params;

    *layer = params->layer;
    layer->input = (size_t)input;
    layer->hidden = (size_t)hidden;
    layer->math = math;
    layer->select = select;
    layer->decays = !rnnp_absent(node, DECAY);
    layer->splits = !rnnp_absent(node, SPLIT);
}

/* Batch and steps of a run; of a plan what the model fixes, or else what it expects. */
static void call_shape(const rnnp_prepare *p, size_t *batch, size_t *steps)
{
    const recurrent_params *params = p->node->params;
    const int64_t *x = p->inputs[X].dim, time = x[params->batch_first ? 1 : 0], rows = x[params->batch_first ? 0 : 1];

    *steps = p->tuning->call || rnnp_dim_is_symbol(time) ? p->tuning->steps : (size_t)time;
    *batch = p->tuning->call || rnnp_dim_is_symbol(rows) ? p->tuning->batch : (size_t)rows;
}

/* Sets what a record says, and of runs keeps kernels that read the plan's packing. */
static void choose(const rnnp_prepare *p, rnnp_recurrent *layer, rnnp_record_found *found)
{
    const rnnp_recurrent *packed = p->planned;
    size_t batch = 0, steps = 0;

    *found = (rnnp_record_found){.match = RNNP_MATCH_NONE};
    if (p->tuning) call_shape(p, &batch, &steps);
    if (batch > 0 && steps > 0)
        rnnp_choice_find(p->context, p->tuning->records, &p->tuning->host, packed, batch, steps, p->threads, layer,
                         found);
    else
        snprintf(found->reason, sizeof found->reason, "%s",
                 p->tuning ? "the batch or the number of steps is not known"
                           : "the plan was made without looking for records");
    for (size_t i = 0; packed && i < packed->parts; i++) {
        if (!layer->choice.step[i]) layer->choice.step[i] = packed->part[i].step;
    }
}

static void plan(const rnnp_prepare *p, rnnp_planned *planned)
{
    const int64_t input = p->inputs[W].dim[2], hidden = p->inputs[R].dim[2];
    rnnp_recurrent layer;
    rnnp_record_found found;

    if (rnnp_dim_is_symbol(input) || rnnp_dim_is_symbol(hidden)) return;
    rnnp_recurrent_of_node(p->node, input, hidden, p->math, p->select, &layer);
    rnnp_format_of(p->inputs[W].dtype, &layer.format);
    choose(p, &layer, planned->found ? planned->found : &found);
    rnnp_recurrent_prepare(&layer);
    planned->variant = rnnp_recurrent_variant(&layer);
    planned->pack_bytes = rnnp_recurrent_pack_bytes(&layer);
    planned->step_bytes = rnnp_recurrent_step_bytes(&layer);
    planned->row_bytes = layer.hidden * sizeof(float);
    planned->tuned = 1;
    if (planned->layout) rnnp_recurrent_layout(&layer, planned->layout, RNNP_LAYOUT_CHARS);
    if (planned->own) memcpy(planned->own, &layer, sizeof layer);
}

static void pack(const rnnp_node *node, const rnnp_meta *inputs, const void *own, void *packed, size_t part,
                 size_t parts)
{
    const rnnp_recurrent_source source = {
        .w = inputs[W].known,
        .r = inputs[R].known,
        .b = !rnnp_absent(node, B) ? inputs[B].known : NULL,
        .p = !rnnp_absent(node, P) ? inputs[P].known : NULL,
        .w_scale = !rnnp_absent(node, W_SCALE) ? inputs[W_SCALE].known : NULL,
        .r_scale = !rnnp_absent(node, R_SCALE) ? inputs[R_SCALE].known : NULL,
        .split = !rnnp_absent(node, SPLIT) ? inputs[SPLIT].known : NULL,
        .split_bias = !rnnp_absent(node, SPLIT_BIAS) ? inputs[SPLIT_BIAS].known : NULL,
    };

    rnnp_recurrent_pack(own, &source, packed, part, parts);
}

/* Weights that are not constants are packed by each run, in front of the layer's own workspace. */
static size_t packed_now_bytes(const rnnp_recurrent *layer) { return rnnp_align64(rnnp_recurrent_pack_bytes(layer)); }

static size_t workspace_bytes(const rnnp_prepare *p, const rnnp_meta *outputs)
{
    const rnnp_recurrent *layer = p->planned;
    size_t steps, batch;

    (void)outputs;
    rnnp_recurrent_sizes(p->node, p->inputs[X].dim, &steps, &batch);
    if (batch == 0) return 0;
    const size_t packed = rnnp_node_packs(p->node, p->inputs) ? 0 : packed_now_bytes(layer);
    const size_t lengths = !rnnp_absent(p->node, LENGTHS) ? rnnp_align64(batch * sizeof(int32_t)) : 0;
    return rnnp_add_bytes(rnnp_add_bytes(packed, lengths), rnnp_recurrent_workspace(layer, steps, batch, p->threads));
}

static int shape(const rnnp_prepare *p, rnnp_shape *out)
{
    const rnnp_recurrent *layer = &((const recurrent_params *)p->node->params)->layer;
    const int64_t input = p->inputs[W].dim[2], hidden = p->inputs[R].dim[2];

    rnnp_format format;

    if (rnnp_dim_is_symbol(input) || rnnp_dim_is_symbol(hidden)) return 0;
    rnnp_format_of(p->inputs[W].dtype, &format);
    *out = (rnnp_shape){.cell = layer->cell,
                        .reset = layer->reset_after ? RNNP_GRU_RESET_AFTER : RNNP_GRU_RESET_BEFORE,
                        .direction = layer->direction,
                        .input = (size_t)input,
                        .hidden = (size_t)hidden,
                        .weights = (rnnp_weights)format};
    call_shape(p, &out->batch, &out->steps);
    return 1;
}

/* ---- Execution ---- */

static rnnp_status check_lengths(const rnnp_context *context, const rnnp_node *node, const int32_t *lengths,
                                 size_t batch, size_t steps)
{
    for (size_t b = 0; lengths && b < batch; b++) {
        if (lengths[b] < 0 || (size_t)lengths[b] > steps)
            return rnnp_node_fail(context, node, RNNP_ERR_ARG, "sequence_lens[%zu] is %d, there are %zu steps", b,
                                  (int)lengths[b], steps);
    }
    return RNNP_OK;
}

static const void *pack_now(const rnnp_exec *e, const rnnp_node *node, const rnnp_tensor *inputs)
{
    const rnnp_recurrent_source source = {
        .w = inputs[W].data,
        .r = inputs[R].data,
        .b = inputs[B].data,
        .p = inputs[P].data,
        .split = !rnnp_absent(node, SPLIT) ? inputs[SPLIT].data : NULL,
        .split_bias = !rnnp_absent(node, SPLIT_BIAS) ? inputs[SPLIT_BIAS].data : NULL,
    };

    rnnp_recurrent_pack(e->planned, &source, e->workspace, 0, 1);
    return e->workspace;
}

static void copy_state(const rnnp_tensor *output, const float *state, size_t elements)
{
    if (output->data) memcpy(output->data, state, elements * sizeof *state);
}

void rnnp_recurrent_sizes(const rnnp_node *node, const int64_t *x, size_t *steps, size_t *batch)
{
    const recurrent_params *params = node->params;

    *steps = (size_t)x[params->batch_first ? 1 : 0];
    *batch = (size_t)x[params->batch_first ? 0 : 1];
}

rnnp_status rnnp_recurrent_call_of(const rnnp_context *context, const rnnp_node *node, const rnnp_tensor *inputs,
                                   const rnnp_tensor *outputs, rnnp_recurrent_call *call)
{
    const recurrent_params *params = node->params;
    const int has_c = node->op->state_arrays > 1, first = params->batch_first;
    const int64_t *x = inputs[X].shape;
    const size_t D = rnnp_directions(params->layer.direction), H = (size_t)inputs[R].shape[2], I = (size_t)x[2];
    size_t steps, batch;

    rnnp_recurrent_sizes(node, x, &steps, &batch);
    *call = (rnnp_recurrent_call){
        .steps = steps,
        .batch = batch,
        .x = inputs[X].data,
        .x_step = first ? I : batch * I,
        .x_row = first ? steps * I : I,
        .lengths = inputs[LENGTHS].data,
        .h0 = inputs[H0].data,
        .c0 = has_c ? inputs[C0].data : NULL,
        .h0_dir = first ? H : batch * H,
        .h0_row = first ? D * H : H,
        .y = outputs[Y].data,
        .y_step = first ? D * H : D * batch * H,
        .y_dir = first ? H : batch * H,
        .y_row = first ? steps * D * H : H,
        .h = outputs[Y_H].data,
        .c = has_c ? outputs[Y_C].data : NULL,
        .h_dir = first ? H : batch * H,
        .h_row = first ? D * H : H,
    };
    if (!rnnp_absent(node, DECAY)) {
        const size_t each = (size_t)inputs[DECAY].shape[2];

        call->g = inputs[DECAY].data;
        call->g_step = first ? each : batch * each;
        call->g_row = first ? steps * each : each;
        call->g_unit = each == H; /* with one unit that is the same */
    }
    return check_lengths(context, node, call->lengths, batch, steps);
}

/* The layer behind a node and its call. */
static rnnp_status describe(const rnnp_exec *e, const rnnp_node *node, const rnnp_tensor *inputs,
                            const rnnp_tensor *outputs, rnnp_stacked *s)
{
    const rnnp_status status = rnnp_recurrent_call_of(e->context, node, inputs, outputs, &s->call);

    if (status != RNNP_OK || s->call.batch == 0) /* no rows: no steps, however many there are */
        return status;
    const rnnp_recurrent *layer = e->planned;
    const size_t batch = s->call.batch, H = layer->hidden;
    s->layer = layer;
    s->call.packed = e->packed ? e->packed : pack_now(e, node, inputs);
    s->call.team = e->team;
    s->call.threads = e->threads;
    s->call.workspace = e->packed ? e->workspace : (char *)e->workspace + packed_now_bytes(layer);
    if (!rnnp_absent(node, LENGTHS)) {
        int32_t *lengths = s->call.workspace;

        s->call.workspace = (char *)s->call.workspace + rnnp_align64(batch * sizeof *lengths);
        for (size_t b = 0; e->lengths && b < batch; b++) /* channels that wait take no step */
            lengths[b] = e->lengths[b] < s->call.lengths[b] ? e->lengths[b] : s->call.lengths[b];
        s->call.lengths = e->lengths ? lengths : s->call.lengths;
    } else if (e->lengths) {
        s->call.lengths = e->lengths;
    }
    s->call.turn = e->turn;
    if (e->state) { /* one direction: the same order in both layouts */
        s->call.h0 = s->call.h = e->state;
        s->call.c0 = s->call.c = layer->has_c ? (float *)e->state + batch * H : NULL;
    }
    return RNNP_OK;
}

static rnnp_status run(const rnnp_exec *e, const rnnp_node *node, const rnnp_tensor *inputs, rnnp_tensor *outputs)
{
    rnnp_stacked s;
    const rnnp_status status = describe(e, node, inputs, outputs, &s);

    if (status != RNNP_OK || s.call.batch == 0) return status;
    rnnp_recurrent_forward(s.layer, &s.call);
    if (e->state) {
        copy_state(&outputs[Y_H], s.call.h, s.call.batch * s.layer->hidden);
        if (s.layer->has_c) copy_state(&outputs[Y_C], s.call.c, s.call.batch * s.layer->hidden);
    }
    return RNNP_OK;
}

/* ---- Stacks ---- */

/* Of y [steps, 1, batch, hidden], or [batch, steps, 1, hidden], what x sees must be the same steps and rows. */
static int stacks(const rnnp_node *below, const rnnp_meta *y, const rnnp_node *node, const rnnp_meta *x)
{
    const recurrent_params *a = below->params, *b = node->params;
    const int64_t steps = y->dim[a->batch_first ? 1 : 0], batch = y->dim[a->batch_first ? 0 : 2];

    return rnnp_absent(below, DECAY) && rnnp_absent(node, DECAY) && a->layer.direction == b->layer.direction &&
           a->layer.direction != RNNP_DIRECTION_BIDIRECTIONAL && x->dim[b->batch_first ? 1 : 0] == steps &&
           x->dim[b->batch_first ? 0 : 1] == batch && x->dim[2] == y->dim[3] &&
           (a->batch_first == b->batch_first || steps == 1 || batch == 1);
}

_Static_assert((int)RNNP_STACK_NODES <= (int)RNNP_STACK_LAYERS, "a stack of nodes must be one of layers");

static rnnp_status run_stack(const rnnp_stack_node *nodes, size_t n, const rnnp_stack_choice *choice)
{
    rnnp_stacked stack[RNNP_STACK_LAYERS];

    for (size_t i = 0; i < n; i++) {
        const rnnp_stack_node *s = &nodes[i];
        const rnnp_status status = describe(s->exec, s->node, s->inputs, s->outputs, &stack[i]);

        if (status != RNNP_OK || stack[i].call.batch == 0) return status;
    }
    rnnp_stack_forward(stack, n, choice);
    return RNNP_OK;
}

static void channels(const rnnp_node *node, const rnnp_meta *inputs, size_t i, rnnp_channels *c)
{
    const rnnp_meta *w = &inputs[node->op->weights[i].input];
    const size_t depth = (size_t)w->dim[2];

    *c = (rnnp_channels){(size_t)(w->dim[0] * w->dim[1]), depth, depth, 1};
}

/* PyTorch's GRU resets after the product; its exporter has written models that say otherwise. */
static const char *lint(const rnnp_node *node, const char *producer)
{
    const recurrent_params *params = node->params;

    if (!rnnp_cell_has_reset(params->layer.cell) || params->layer.reset_after || strcasecmp(producer, "pytorch") != 0)
        return NULL;
    return "exported from PyTorch with linear_before_reset=0: PyTorch's GRU resets after the product; see docs";
}

/* X W R B sequence_lens initial_h initial_c P, and scales; Y and a final value of each state. */
#define RNNP_CELL(cell, name_, states, peepholes, ...)                                                                 \
    RNNP_DEFINE_OUTPUTS(                                                                                               \
        cell, 3, INPUTS, 0, 1 + (states), .param_bytes = sizeof(recurrent_params), .parse = rnnp_recurrent_parse,      \
        .lint = lint, .infer = rnnp_recurrent_infer, .run = run, .uses_math = 1, .time = rnnp_recurrent_time_axis,     \
        .plan = plan, .plan_bytes = sizeof(rnnp_recurrent),                                                            \
        .packed_inputs =                                                                                               \
            1u << W | 1u << R | 1u << B | 1u << P | 1u << W_SCALE | 1u << R_SCALE | 1u << SPLIT | 1u << SPLIT_BIAS,    \
        .pack = pack, .weights = {{W, W_SCALE}, {R, R_SCALE}}, .channels = channels,                                   \
        .workspace_bytes = workspace_bytes, .shape = shape, .batch_axis = rnnp_recurrent_batch_axis, .stacks = stacks, \
        .run_stack = run_stack, .lengths_input = LENGTHS, .state_input = H0, .state_arrays = (states));
#include "../../../kernels/cells.def"
