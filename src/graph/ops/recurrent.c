/* SPDX-License-Identifier: Apache-2.0
 *
 * RNN, LSTM and GRU, opsets 6 to 25.
 */
#include "../../../autotune/choice.h"
#include "../../cells/wavefront.h"
#include "../../cells/weights.h"
#include "ops.h"
#include "recurrent.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Inputs and outputs by their short names. */
enum {
    X = RNNP_IN_X,
    W = RNNP_IN_W,
    R = RNNP_IN_R,
    B = RNNP_IN_B,
    LENGTHS = RNNP_IN_LENGTHS,
    H0 = RNNP_IN_H0,
    C0 = RNNP_IN_C0,
    P = RNNP_IN_P,
    W_SCALE = RNNP_IN_W_SCALE,
    R_SCALE = RNNP_IN_R_SCALE,
    DECAY = RNNP_IN_DECAY,
    SPLIT = RNNP_IN_SPLIT,
    SPLIT_BIAS = RNNP_IN_SPLIT_BIAS,
    INPUTS
};
enum { Y = RNNP_OUT_Y, Y_H = RNNP_OUT_H, Y_C = RNNP_OUT_C };

typedef struct recurrent_params {
    rnnp_recurrent layer; /* what the attributes say; sizes, math class and kernels come later */
    int64_t hidden;       /* 0: as R says */
    int batch_first;      /* layout=1 */
} recurrent_params;

/* ---- Attributes ---- */

/* Takes the next number of an optional list, for functions that want one; NAN stands for ONNX's default. */
static float next_number(const rnnp_attr *list, size_t *taken, int wants)
{
    return wants && list && *taken < list->count ? list->floats[(*taken)++] : NAN;
}

/* ONNX's definition gives RNN the names of two directions by default, and tools write that down for one direction too.
 * Names of a direction that is not there do no harm if they repeat the others. */
static int repeats(const rnnp_attr *names, size_t each)
{
    int same = names->count == 2 * each;
    for (size_t i = 0; same && i < each; i++) same = strcasecmp(names->strings[i], names->strings[each + i]) == 0;
    return same;
}

static rnnp_status parse_activations(rnnp_parse *p, recurrent_params *params)
{
    const rnnp_attr *names = rnnp_parse_attr(p, "activations", RNNP_ATTR_STRINGS);
    const rnnp_attr *alphas = rnnp_parse_attr(p, "activation_alpha", RNNP_ATTR_FLOATS);
    const rnnp_attr *betas = rnnp_parse_attr(p, "activation_beta", RNNP_ATTR_FLOATS);
    const size_t each = rnnp_cell_of(params->layer.cell)->activations;
    const size_t all = each * rnnp_directions(params->layer.direction);
    size_t alphas_taken = 0, betas_taken = 0;

    rnnp_act_defaults(params->layer.cell, params->layer.act[0]);
    rnnp_act_defaults(params->layer.cell, params->layer.act[1]);
    if (names && names->count != all && names->count != each && !repeats(names, each))
        return PARSE_FAIL(p, RNNP_ERR_ARG, "%zu activations where %zu are expected", names->count, all);
    for (size_t i = 0; names && i < all; i++) {
        const char *name = names->strings[i % names->count];
        rnnp_act_spec *act = &params->layer.act[i / each][i % each];

        if (rnnp_act_parse(name, NAN, NAN, act) != 0)
            return PARSE_FAIL(p, RNNP_ERR_UNSUPPORTED, "activation %s is not known", name);
        const int takes = rnnp_act_parameters(act->kind);
        const float alpha = next_number(alphas, &alphas_taken, takes > 0);
        const float beta = next_number(betas, &betas_taken, takes > 1);
        rnnp_act_parse(name, alpha, beta, act);
    }
    return RNNP_OK;
}

static rnnp_status parse_direction(rnnp_parse *p, recurrent_params *params)
{
    static const char *const names[] = {"forward", "reverse", "bidirectional"};
    const char *name = rnnp_parse_string(p, "direction", names[0]);

    for (int i = 0; i < 3; i++) {
        if (strcasecmp(names[i], name) == 0) {
            params->layer.direction = (rnnp_direction)i;
            return RNNP_OK;
        }
    }
    return PARSE_FAIL(p, RNNP_ERR_ARG, "direction is %s", name);
}

static rnnp_status parse(rnnp_parse *p, void *node_params)
{
    const rnnp_cell cell = rnnp_cell_of_op(p->node->op->name);
    recurrent_params *params = node_params;
    rnnp_status status;

    params->layer.cell = cell;
    params->hidden = rnnp_parse_int(p, "hidden_size", 0);
    params->layer.clip = rnnp_parse_float(p, "clip", 0.0f);
    params->batch_first = p->node->opset >= 14 && rnnp_parse_int(p, "layout", 0);
    params->layer.reset_after = rnnp_cell_has_reset(cell) && rnnp_parse_int(p, "linear_before_reset", 0);
    params->layer.input_forget = rnnp_cell_of(cell)->coupled && rnnp_parse_int(p, "input_forget", 0);
    rnnp_parse_int(p, "output_sequence", 0); /* of opsets before 7: which outputs are wanted says as much */
    if (params->hidden < 0) return PARSE_FAIL(p, RNNP_ERR_ARG, "hidden_size is %lld", (long long)params->hidden);
    if (!(params->layer.clip >= 0.0f)) return PARSE_FAIL(p, RNNP_ERR_ARG, "clip is %g", (double)params->layer.clip);
    if ((status = parse_direction(p, params)) != RNNP_OK) return status;
    return parse_activations(p, params);
}

/* ---- Shapes ---- */

/* An input, present or not, against what it should be; a symbol agrees with anything. */
static rnnp_status expect(rnnp_infer *in, const rnnp_meta *meta, const char *name, rnnp_dtype dtype, size_t rank,
                          const int64_t *dim)
{
    int fits = meta->rank == rank;

    if (!meta->dtype) return RNNP_OK;
    if (meta->dtype != dtype)
        return FAIL(in, RNNP_ERR_TYPE, "%s is %s, expected %s", name, rnnp_dtype_name(meta->dtype),
                    rnnp_dtype_name(dtype));
    for (size_t i = 0; fits && i < rank; i++)
        fits = meta->dim[i] == dim[i] || rnnp_dim_is_symbol(meta->dim[i]) || rnnp_dim_is_symbol(dim[i]);
    if (!fits)
        return FAIL(in, RNNP_ERR_SHAPE, "%s has shape [%s], expected [%s]", name,
                    rnnp_print_dims(meta->rank, meta->dim, ',').s, rnnp_print_dims(rank, dim, ',').s);
    return RNNP_OK;
}

typedef struct expectation {
    size_t input;
    const char *name;
    rnnp_dtype dtype;
    size_t rank;
    int64_t dim[3];
} expectation;

static rnnp_status check_weights(rnnp_infer *in, const rnnp_meta *inputs)
{
    rnnp_status status = rnnp_weights_check(in, inputs, W, "W", W_SCALE, "W_scale");

    if (status == RNNP_OK) status = rnnp_weights_check(in, inputs, R, "R", R_SCALE, "R_scale");
    if (status == RNNP_OK) status = rnnp_depth_check(in, &inputs[W], "W", inputs[W].dim[2]);
    if (status == RNNP_OK) status = rnnp_depth_check(in, &inputs[R], "R", inputs[R].dim[2]);
    if (status == RNNP_OK && inputs[W].dtype != inputs[R].dtype)
        status = FAIL(in, RNNP_ERR_TYPE, "W is %s and R is %s: the weights of a layer have one type",
                      rnnp_dtype_name(inputs[W].dtype), rnnp_dtype_name(inputs[R].dtype));
    return status;
}

static rnnp_status infer(rnnp_infer *in, const rnnp_meta *inputs, rnnp_meta *outputs)
{
    const recurrent_params *params = in->node->params;
    const rnnp_cell_traits *cell = rnnp_cell_of(params->layer.cell);
    const int64_t D = (int64_t)rnnp_directions(params->layer.direction), G = (int64_t)cell->gates;
    const rnnp_meta *x = &inputs[X], *r = &inputs[R];
    const int first = params->batch_first;

    if (x->rank != 3 || r->rank != 3 || inputs[W].rank != 3)
        return FAIL(in, RNNP_ERR_SHAPE, "X, W and R have ranks %zu, %zu and %zu, expected 3", x->rank, inputs[W].rank,
                    r->rank);
    const int64_t hidden = params->hidden ? params->hidden : r->dim[2];
    const int64_t steps = x->dim[first ? 1 : 0], batch = x->dim[first ? 0 : 1];
    if (hidden != r->dim[2] && !rnnp_dim_is_symbol(r->dim[2]))
        return FAIL(in, RNNP_ERR_SHAPE, "hidden_size=%lld but R has %lld columns", (long long)hidden,
                    (long long)r->dim[2]);
    if (hidden == 0 || x->dim[2] == 0)
        return FAIL(in, RNNP_ERR_SHAPE, "hidden_size is %lld and X has %lld features", (long long)hidden,
                    (long long)x->dim[2]);
    const int64_t gated = rnnp_dim_mul(in, G, hidden);
    const int each_unit = inputs[DECAY].rank == 3 && inputs[DECAY].dim[2] != 1;
    const int64_t state[3] = {first ? batch : D, first ? D : batch, hidden};
    const expectation all[] = {
        {X, "X", RNNP_DTYPE_F32, 3, {x->dim[0], x->dim[1], x->dim[2]}},
        {W, "W", inputs[W].dtype, 3, {D, gated, x->dim[2]}},
        {R, "R", inputs[W].dtype, 3, {D, gated, hidden}},
        {B, "B", RNNP_DTYPE_F32, 2, {D, rnnp_dim_mul(in, 2, gated), 0}},
        {LENGTHS, "sequence_lens", RNNP_DTYPE_I32, 1, {batch, 0, 0}},
        {H0, "initial_h", RNNP_DTYPE_F32, 3, {state[0], state[1], state[2]}},
        {C0, "initial_c", RNNP_DTYPE_F32, 3, {state[0], state[1], state[2]}},
        {P, "P", RNNP_DTYPE_F32, 2, {D, rnnp_dim_mul(in, (int64_t)cell->peepholes, hidden), 0}},
        {W_SCALE, "W_scale", RNNP_DTYPE_F32, 2, {D, gated, 0}},
        {R_SCALE, "R_scale", RNNP_DTYPE_F32, 2, {D, gated, 0}},
        {DECAY, "decay", RNNP_DTYPE_F32, 3, {x->dim[0], x->dim[1], each_unit ? hidden : 1}},
        {SPLIT, "split", RNNP_DTYPE_F32, 3, {1, hidden, hidden}},
        {SPLIT_BIAS, "split_bias", RNNP_DTYPE_F32, 2, {1, hidden, 0}},
    };
    rnnp_status status = check_weights(in, inputs);
    for (size_t i = 0; status == RNNP_OK && i < INPUTS; i++)
        status = expect(in, &inputs[all[i].input], all[i].name, all[i].dtype, all[i].rank, all[i].dim);
    if (status != RNNP_OK) return status;
    if ((inputs[C0].dtype && cell->states < 2) || (inputs[P].dtype && !cell->peepholes))
        return FAIL(in, RNNP_ERR_ARG, "there are too many inputs");
    if (inputs[DECAY].dtype && D > 1) return FAIL(in, RNNP_ERR_ARG, "a decay is of one direction");
    if (inputs[SPLIT].dtype && (cell->states < 2 || !inputs[DECAY].dtype))
        return FAIL(in, RNNP_ERR_ARG, "a split is of an LSTM with a decay");
    if (inputs[SPLIT_BIAS].dtype && !inputs[SPLIT].dtype) return FAIL(in, RNNP_ERR_ARG, "a split's bias has no split");
    outputs[Y] = (rnnp_meta){.dtype = RNNP_DTYPE_F32, .rank = 4};
    memcpy(outputs[Y].dim, first ? (int64_t[]){batch, steps, D, hidden} : (int64_t[]){steps, D, batch, hidden},
           4 * sizeof(int64_t));
    for (size_t o = Y_H; o <= cell->states; o++) {
        outputs[o] = (rnnp_meta){.dtype = RNNP_DTYPE_F32, .rank = 3};
        memcpy(outputs[o].dim, state, sizeof state);
    }
    return RNNP_OK;
}

static int time_axis(const rnnp_node *node, const rnnp_meta *inputs, const int *in_axis, int *out_axis)
{
    const recurrent_params *params = node->params;
    const int axis = params->batch_first ? 1 : 0;

    (void)inputs;
    if (params->layer.direction != RNNP_DIRECTION_FORWARD) return RNNP_TIME_REVERSED;
    if (in_axis[X] != axis) return RNNP_TIME_ELSEWHERE;
    for (size_t i = 1; i < node->n_inputs; i++) {
        if (i == DECAY && in_axis[i] == axis) continue;
        if (in_axis[i] != RNNP_TIME_NONE) return RNNP_TIME_MIXED;
    }
    if (!rnnp_absent(node, DECAY) && in_axis[DECAY] != axis) return RNNP_TIME_ELSEWHERE;
    out_axis[Y] = axis; /* the final states have none */
    return 0;
}

static int batch_axis(const rnnp_node *node, int is_output, size_t port)
{
    const recurrent_params *params = node->params;

    if (is_output) return params->batch_first ? 0 : port == Y ? 2 : 1;
    switch (port) {
    case X:
    case DECAY:
    case H0:
    case C0: return params->batch_first ? 0 : 1;
    case LENGTHS: return 0;
    default: return -1;
    }
}

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
#define RNNP_CELL(cell, name_, states, peepholes, ...)                                                             \
    RNNP_DEFINE_OUTPUTS(cell, 3, INPUTS, 0, 1 + (states), .param_bytes = sizeof(recurrent_params), .parse = parse, \
                        .lint = lint, .infer = infer, .run = run, .uses_math = 1, .time = time_axis, .plan = plan, \
                        .plan_bytes = sizeof(rnnp_recurrent),                                                      \
                        .packed_inputs = 1u << W | 1u << R | 1u << B | 1u << P | 1u << W_SCALE | 1u << R_SCALE |   \
                                         1u << SPLIT | 1u << SPLIT_BIAS,                                           \
                        .pack = pack, .weights = {{W, W_SCALE}, {R, R_SCALE}}, .channels = channels,               \
                        .workspace_bytes = workspace_bytes, .shape = shape, .batch_axis = batch_axis,              \
                        .stacks = stacks, .run_stack = run_stack, .lengths_input = LENGTHS, .state_input = H0,     \
                        .state_arrays = (states));
#include "../../../kernels/cells.def"
