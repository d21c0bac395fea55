/* SPDX-License-Identifier: Apache-2.0 */
#include "../../cells/weights.h"
#include "recurrent_params.h"

#include <string.h>

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

rnnp_status rnnp_recurrent_infer(rnnp_infer *in, const rnnp_meta *inputs, rnnp_meta *outputs)
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

int rnnp_recurrent_time_axis(const rnnp_node *node, const rnnp_meta *inputs, const int *in_axis, int *out_axis)
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

int rnnp_recurrent_batch_axis(const rnnp_node *node, int is_output, size_t port)
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
