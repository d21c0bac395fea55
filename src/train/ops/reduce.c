/* SPDX-License-Identifier: Apache-2.0
 *
 * Reductions, and pooling over whole planes, which is one over all axes but the first two. A result goes back to the
 * elements that it was made of.
 */
#include "back.h"

/* A result with the reduced axes in it, of length 1. Pooling has no parameters. */
static rnnp_tensor with_axes(const rnnp_gradient_call *call, void *result)
{
    const rnnp_node *node = call->shape.node;
    const unsigned mask = node->op->param_bytes ? rnnp_reduced_axes(node, call->inputs) : ~3u;
    rnnp_tensor whole = call->inputs[0];

    whole.data = result;
    for (size_t i = 0; i < whole.rank; i++) whole.shape[i] = mask >> i & 1 ? 1 : whole.shape[i];
    return whole;
}

/* ---- Sums and means: dy, or dy / count, to every element ---- */

static void repeat(const rnnp_gradient_call *call, const rnnp_tensor *dy)
{
    rnnp_walk walk;

    rnnp_walk_init(&walk, &call->d_inputs[0], 1);
    rnnp_walk_broadcast(&walk, &call->d_inputs[0], 0, dy);
    rnnp_copy_strided(rnnp_call_select(call), &call->d_inputs[0], dy->data, 0, walk.step[0]);
}

static rnnp_status sum_backward(const rnnp_gradient_call *call)
{
    const rnnp_tensor dy = with_axes(call, call->d_outputs[0].data);

    if (call->d_inputs[0].data) repeat(call, &dy);
    return RNNP_OK;
}

static size_t result_bytes(const rnnp_gradient_shape *shape) { return rnnp_meta_bytes(&shape->outputs[0]); }

static rnnp_status mean_backward(const rnnp_gradient_call *call)
{
    rnnp_tensor dy = with_axes(call, call->d_outputs[0].data);
    const size_t n = rnnp_tensor_elements(&dy);
    const float count = n ? (float)(rnnp_tensor_elements(&call->inputs[0]) / n) : 0.0f;
    const rnnp_binary_args divide = {.a = dy.data, .b = &count, .y = call->workspace, .n = n, .a_step = 1};

    if (!call->d_inputs[0].data) return RNNP_OK;
    rnnp_call_select(call)->op[RNNP_OP_div_f32]->fn.div_f32(&divide);
    dy.data = call->workspace;
    repeat(call, &dy);
    return RNNP_OK;
}

RNNP_GRADIENT_ROW(ReduceSum, .inputs = 1, .keeps_inputs = 2, .backward = sum_backward);
RNNP_GRADIENT_ROW(ReduceMean, .inputs = 1, .keeps_inputs = 2, .backward = mean_backward,
                  .workspace_bytes = result_bytes);
RNNP_GRADIENT_ROW(GlobalAveragePool, .inputs = 1, .backward = mean_backward, .workspace_bytes = result_bytes);

/* ---- The others go element by element ---- */

/* x[at] is one of the elements that y[of] was made of. */
typedef struct reduced {
    const float *x, *y, *dy;
    void *scratch; /* of any content at first */
} reduced;

typedef float element_rule(const reduced *r, size_t at, ptrdiff_t of);

/* to[at] = rule(at), in the order of x; to NULL: for what the rule does to the scratch. */
static void each(const rnnp_gradient_call *call, const reduced *r, element_rule *rule, float *to)
{
    const rnnp_tensor result = with_axes(call, NULL);
    rnnp_walk walk;

    rnnp_walk_init(&walk, &call->inputs[0], 1);
    rnnp_walk_broadcast(&walk, &call->inputs[0], 0, &result);
    for (rnnp_walk_begin(&walk, 1); walk.rows; rnnp_walk_next(&walk)) {
        for (size_t i = 0; i < rnnp_walk_inner_dim(&walk); i++) {
            const float d = rule(r, walk.row + i, walk.offset[0] + (ptrdiff_t)i * rnnp_walk_inner_step(&walk, 0));

            if (to) to[walk.row + i] = d;
        }
    }
}

static rnnp_status each_backward(const rnnp_gradient_call *call, element_rule *rule)
{
    const reduced r = {call->inputs[0].data, call->outputs[0].data, call->d_outputs[0].data, call->workspace};

    if (call->d_inputs[0].data) each(call, &r, rule, call->d_inputs[0].data);
    return RNNP_OK;
}

/* 0 at 0. */
static float absolute(const reduced *r, size_t at, ptrdiff_t of)
{
    return r->x[at] > 0.0f ? r->dy[of] : r->x[at] < 0.0f ? -r->dy[of] : 0.0f;
}

/* 0 where all elements are. */
static float norm(const reduced *r, size_t at, ptrdiff_t of)
{
    return r->y[of] == 0.0f ? 0.0f : (r->x[at] / r->y[of]) * r->dy[of];
}

static float square(const reduced *r, size_t at, ptrdiff_t of) { return (2.0f * r->x[at]) * r->dy[of]; }

#define ELEMENTS(op_name, rule, keeps_y)                                                                    \
    static rnnp_status back_##op_name(const rnnp_gradient_call *call) { return each_backward(call, rule); } \
    RNNP_GRADIENT_ROW(op_name, .inputs = 1, .keeps_inputs = 3, .keeps_outputs = (keeps_y), .backward = back_##op_name)

ELEMENTS(ReduceL1, absolute, 0);
ELEMENTS(ReduceL2, norm, 1);
ELEMENTS(ReduceSumSquare, square, 0);

/* ---- Extremes: dy to the first element that equals the result ---- */

static float first_equal(const reduced *r, size_t at, ptrdiff_t of)
{
    uint8_t *taken = r->scratch;
    const int takes = !taken[of] && r->x[at] == r->y[of];

    taken[of] |= (uint8_t)takes;
    return takes ? r->dy[of] : 0.0f;
}

static size_t extreme_bytes(const rnnp_gradient_shape *shape) { return rnnp_meta_elements(&shape->outputs[0]); }

static rnnp_status extreme_backward(const rnnp_gradient_call *call)
{
    memset(call->workspace, 0, rnnp_tensor_elements(&call->outputs[0]));
    return each_backward(call, first_equal);
}

#define EXTREME(op_name)                                                                                         \
    RNNP_GRADIENT_ROW(op_name, .inputs = 1, .keeps_inputs = 3, .keeps_outputs = 1, .backward = extreme_backward, \
                      .workspace_bytes = extreme_bytes)

EXTREME(ReduceMax);
EXTREME(ReduceMin);
EXTREME(GlobalMaxPool);

/* ---- ReduceLogSum: dy / sum; the sum again, by rnnp_sum_broadcast ---- */

static float share(const reduced *r, size_t at, ptrdiff_t of)
{
    (void)at;
    return r->dy[of] / ((const float *)r->scratch)[of];
}

static rnnp_status log_sum_backward(const rnnp_gradient_call *call)
{
    const rnnp_tensor sum = with_axes(call, call->workspace);

    rnnp_sum_broadcast(rnnp_call_select(call), &call->inputs[0], &sum);
    return each_backward(call, share);
}

RNNP_GRADIENT_ROW(ReduceLogSum, .inputs = 1, .keeps_inputs = 3, .backward = log_sum_backward,
                  .workspace_bytes = result_bytes);

/* ---- ReduceLogSumExp: exp(x - y) dy, exp of class u35 ---- */

static rnnp_status log_sum_exp_backward(const rnnp_gradient_call *call)
{
    const rnnp_selection *select = rnnp_call_select(call);
    const rnnp_tensor *x = &call->inputs[0], *dx = &call->d_inputs[0];
    const rnnp_tensor y = with_axes(call, call->outputs[0].data), dy = with_axes(call, call->d_outputs[0].data);
    const rnnp_unary_args power = {.x = dx->data, .y = dx->data, .n = rnnp_tensor_elements(dx)};

    if (!dx->data) return RNNP_OK;
    rnnp_binary_f32(select, RNNP_OP_sub_f32, x, &y, dx);
    select->op[RNNP_OP_exp_f32_u35]->fn.exp_f32_u35(&power);
    rnnp_binary_f32(select, RNNP_OP_mul_f32, dx, &dy, dx);
    return RNNP_OK;
}

RNNP_GRADIENT_ROW(ReduceLogSumExp, .inputs = 1, .keeps_inputs = 3, .keeps_outputs = 1,
                  .backward = log_sum_exp_backward);

/* ---- ReduceProd: dy times the product of the other elements, in double: a division where none of them is 0 ---- */

typedef struct product {
    double others; /* of the elements that are not 0 */
    size_t zeros;
} product;

static float multiply(const reduced *r, size_t at, ptrdiff_t of)
{
    product *p = (product *)r->scratch + of;

    if (r->x[at] == 0.0f)
        p->zeros++;
    else
        p->others *= (double)r->x[at];
    return 0.0f;
}

static float without_one(const reduced *r, size_t at, ptrdiff_t of)
{
    const product *p = (const product *)r->scratch + of;
    const double x = (double)r->x[at];

    if (p->zeros > (x == 0)) return 0.0f;
    return (float)((double)r->dy[of] * (x == 0 ? p->others : p->others / x));
}

static size_t prod_bytes(const rnnp_gradient_shape *shape)
{
    size_t bytes;

    return rnnp_mul_overflow(rnnp_meta_elements(&shape->outputs[0]), sizeof(product), &bytes) ? SIZE_MAX : bytes;
}

static rnnp_status prod_backward(const rnnp_gradient_call *call)
{
    const reduced r = {.x = call->inputs[0].data, .scratch = call->workspace};

    for (size_t i = 0; i < rnnp_tensor_elements(&call->outputs[0]); i++)
        ((product *)call->workspace)[i] = (product){1, 0};
    each(call, &r, multiply, NULL);
    return each_backward(call, without_one);
}

RNNP_GRADIENT_ROW(ReduceProd, .inputs = 1, .keeps_inputs = 3, .backward = prod_backward, .workspace_bytes = prod_bytes);
