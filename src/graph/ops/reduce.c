/* SPDX-License-Identifier: Apache-2.0
 *
 * Reductions. The order of a sum depends on which axes are reduced and on nothing else: over the last axes it is
 * the row kernels' 16-lane tree, over any others each element adds its addends in ascending order from 0. Norms and
 * logarithms are sums of other elements: these are computed into scratch memory first.
 */
#include "arithmetic.h"
#include "params.h"

#include <math.h>
#include <string.h>

typedef enum reduction { REDUCE_SUM, REDUCE_MEAN, REDUCE_MAX, REDUCE_MIN, REDUCE_PROD } reduction;

typedef struct reduce_family {
    reduction kind;
    int input_opset; /* since when axes are an input */
    rnnp_op rows;    /* kernel over the last axes; RNNP_OP_COUNT: none */
    rnnp_op pair;    /* f32 kernel of two operands; RNNP_OP_COUNT: loops */
    const rnnp_loops *loops;
    unsigned types;
    enum { BEFORE_NOTHING, BEFORE_ABS, BEFORE_SQUARE, BEFORE_EXP } before; /* what is reduced in place of x */
    const rnnp_op *after;                                                  /* f32 kernel by math class; NULL: none */
} reduce_family;

/* Kernels by math class. */
static const rnnp_op exps[] = {[RNNP_MATH_U35] = RNNP_OP_exp_f32_u35,
                               [RNNP_MATH_U10] = RNNP_OP_exp_f32_u10,
                               [RNNP_MATH_FAST] = RNNP_OP_exp_f32_fast};
static const rnnp_op logs[] = {[RNNP_MATH_U35] = RNNP_OP_log_f32_u35,
                               [RNNP_MATH_U10] = RNNP_OP_log_f32_u10,
                               [RNNP_MATH_FAST] = RNNP_OP_log_f32_u35};
static const rnnp_op roots[] = {RNNP_OP_sqrt_f32, RNNP_OP_sqrt_f32, RNNP_OP_sqrt_f32};

typedef struct reduce_params {
    rnnp_ints axes;
    int keep, noop_when_empty;
} reduce_params;

static rnnp_status reduce_parse(rnnp_parse *p, void *params)
{
    const reduce_family *family = p->node->op->family;
    reduce_params *reduce = params;

    reduce->keep = rnnp_parse_int(p, "keepdims", 1) != 0;
    if (p->node->opset >= family->input_opset) {
        reduce->noop_when_empty = rnnp_parse_int(p, "noop_with_empty_axes", 0) != 0;
        return RNNP_OK;
    }
    if (p->node->n_inputs > 1)
        return PARSE_FAIL(p, RNNP_ERR_ARG, "axes are an attribute before opset %d", family->input_opset);
    return rnnp_parse_ints(p, "axes", &reduce->axes);
}

/* Axes given and checked -> those to reduce. */
static unsigned reduce_mask(const reduce_params *reduce, const rnnp_ints *axes, size_t rank)
{
    if (axes->count == 0) return reduce->noop_when_empty ? 0 : (1u << rank) - 1;
    return rnnp_axes_mask(axes, rank);
}

static void reduce_dims(rnnp_meta *out, const rnnp_meta *x, unsigned mask, int keep)
{
    out->rank = 0;
    for (size_t i = 0; i < x->rank; i++) {
        if (!(mask >> i & 1))
            out->dim[out->rank++] = x->dim[i];
        else if (keep)
            out->dim[out->rank++] = 1;
    }
}

static RNNP_INFER(reduce_infer)
{
    const reduce_family *family = in->node->op->family;
    const reduce_params *reduce = in->node->params;
    rnnp_ints axes = reduce->axes;
    rnnp_status status;
    unsigned mask;

    if ((status = rnnp_infer_type(in, inputs, 0, family->types)) != RNNP_OK) return status;
    if (!rnnp_absent(in->node, 1) && (status = rnnp_infer_ints(in, inputs, 1, "axes", &axes, NULL)) != RNNP_OK)
        return status;
    if ((status = rnnp_infer_axes(in, &axes, inputs[0].rank, &mask)) != RNNP_OK) return status;
    outputs[0].dtype = inputs[0].dtype;
    reduce_dims(&outputs[0], &inputs[0], reduce_mask(reduce, &axes, inputs[0].rank), reduce->keep);
    return RNNP_OK;
}

static void fill_identity(reduction kind, rnnp_dtype dtype, void *y, size_t n)
{
    const int least = kind == REDUCE_MAX, most = kind == REDUCE_MIN, one = kind == REDUCE_PROD;

    for (size_t i = 0; i < n; i++) {
        switch (dtype) {
        case RNNP_DTYPE_F32: ((float *)y)[i] = least ? -INFINITY : most ? INFINITY : (float)one; break;
        case RNNP_DTYPE_I32: ((int32_t *)y)[i] = least ? INT32_MIN : most ? INT32_MAX : one; break;
        case RNNP_DTYPE_I64: ((int64_t *)y)[i] = least ? INT64_MIN : most ? INT64_MAX : one; break;
        default: ((uint8_t *)y)[i] = most ? UINT8_MAX : (uint8_t)one; break;
        }
    }
}

/* y[i] = pair(y[i], x[i]) */
static void accumulate(const rnnp_exec *e, const reduce_family *family, rnnp_dtype dtype, char *y, const char *x,
                       size_t n)
{
    if (dtype == RNNP_DTYPE_F32 && family->pair != RNNP_OP_COUNT) {
        float *to = (float *)(void *)y;
        const rnnp_binary_args args = {to, (const float *)(const void *)x, to, n, 1, 1};

        e->select->op[family->pair]->fn.add_f32(&args);
    } else {
        family->loops->of[dtype](y, x, y, n, 1, 1);
    }
}

/* Walks the input; the result is the operand that stands still along reduced axes. */
static void reduce_any(const rnnp_exec *e, const reduce_family *family, const rnnp_tensor *x, const rnnp_tensor *y,
                       unsigned mask)
{
    const size_t bytes = rnnp_dtype_bytes(x->dtype);
    ptrdiff_t step = 1;
    rnnp_walk walk;

    fill_identity(family->kind, x->dtype, y->data, rnnp_tensor_elements(y));
    rnnp_walk_init(&walk, x, 1);
    for (size_t i = x->rank; i-- > 0;) {
        walk.step[0][i] = mask >> i & 1 ? 0 : step;
        step *= mask >> i & 1 ? 1 : (ptrdiff_t)x->shape[i];
    }
    rnnp_walk_begin(&walk, 1);
    for (; walk.rows; rnnp_walk_next(&walk)) {
        char *to = (char *)y->data + (size_t)walk.offset[0] * bytes;
        const char *from = (const char *)x->data + walk.row * bytes;
        const size_t n = rnnp_walk_inner_dim(&walk);

        if (rnnp_walk_inner_step(&walk, 0) == 1) {
            accumulate(e, family, x->dtype, to, from, n);
            continue;
        }
        for (size_t i = 0; i < n; i++) accumulate(e, family, x->dtype, to, from + i * bytes, 1);
    }
}

unsigned rnnp_reduced_axes(const rnnp_node *node, const rnnp_tensor *inputs)
{
    const reduce_params *reduce = node->params;
    rnnp_ints axes = reduce->axes;

    if (!rnnp_absent(node, 1)) rnnp_run_ints(&inputs[1], &axes);
    return reduce_mask(reduce, &axes, inputs[0].rank);
}

static void reduce(const rnnp_exec *e, const reduce_family *family, const rnnp_tensor *x, const rnnp_tensor *y,
                   unsigned mask)
{
    const unsigned all = (1u << x->rank) - 1;
    size_t first = 0, count = 1;
    for (size_t i = 0; i < x->rank; i++) {
        count *= mask >> i & 1 ? (size_t)x->shape[i] : 1;
        first += mask >> i & 1 ? 0 : 1;
    }
    /* The last axes and no others: kept axes come first. */
    const int last_axes = mask && mask == (all & ~((1u << first) - 1));

    if (mask == 0) {
        rnnp_copy(y->data, x->data, rnnp_tensor_elements(x) * rnnp_dtype_bytes(x->dtype));
    } else if (last_axes && count > 0 && x->dtype == RNNP_DTYPE_F32 && family->rows != RNNP_OP_COUNT) {
        const rnnp_row_args args = {
            .x = x->data, .y = y->data, .rows = rnnp_tensor_elements(y), .cols = count, .ldx = count, .ldy = 1};

        e->select->op[family->rows]->fn.reduce_sum_f32(&args); /* all row kernels have one type */
    } else {
        reduce_any(e, family, x, y, mask);
        for (size_t i = 0; family->kind == REDUCE_MEAN && i < rnnp_tensor_elements(y); i++)
            ((float *)y->data)[i] /= (float)count;
    }
}

static const reduce_family maxima = {
    .kind = REDUCE_MAX, .rows = RNNP_OP_reduce_max_f32, .pair = RNNP_OP_COUNT, .loops = &rnnp_loops_max};

static void unary(const rnnp_exec *e, rnnp_op kernel, float *x, size_t n)
{
    e->select->op[kernel]->fn.relu_f32(
        &(rnnp_unary_args){.x = x, .y = x, .n = n}); /* all unary kernels have one type */
}

/* y, which has the elements of reduced axes, as an operand that is broadcast to x. */
static rnnp_tensor kept(const rnnp_tensor *x, void *y, unsigned mask)
{
    rnnp_tensor tensor = *x;

    for (size_t i = 0; i < x->rank; i++) tensor.shape[i] = mask >> i & 1 ? 1 : x->shape[i];
    tensor.data = y;
    return tensor;
}

/* log(sum of exp(x - m)) + m, m the maximum, or 0 where that is not finite: sums neither overflow nor vanish. */
static void log_sum_exp(const rnnp_exec *e, const reduce_family *family, const rnnp_tensor *x, const rnnp_tensor *y,
                        unsigned mask, float *scratch)
{
    const size_t n = rnnp_tensor_elements(x), results = rnnp_tensor_elements(y);
    const rnnp_tensor most = kept(x, scratch + n, mask);
    rnnp_tensor powers = *x;

    powers.data = scratch;
    reduce(e, &maxima, x, &(rnnp_tensor){x->dtype, 1, {(int64_t)results}, .data = most.data}, mask);
    for (size_t i = 0; i < results; i++) ((float *)most.data)[i] = isfinite(scratch[n + i]) ? scratch[n + i] : 0;
    rnnp_binary_f32(e->select, RNNP_OP_sub_f32, x, &most, &powers);
    unary(e, exps[e->math], scratch, n);
    reduce(e, family, &powers, y, mask);
    unary(e, logs[e->math], y->data, results);
    e->select->op[RNNP_OP_add_f32]->fn.add_f32(
        &(rnnp_binary_args){.a = y->data, .b = most.data, .y = y->data, .n = results, .a_step = 1, .b_step = 1});
}

/* scratch as reduce_scratch() says. */
static void reduce_whole(const rnnp_exec *e, const reduce_family *family, const rnnp_tensor *x, const rnnp_tensor *y,
                         unsigned mask, void *scratch)
{
    const size_t n = rnnp_tensor_elements(x);
    rnnp_tensor from = *x;

    if (family->before == BEFORE_EXP) {
        log_sum_exp(e, family, x, y, mask, scratch);
        return;
    }
    if (family->before != BEFORE_NOTHING) from.data = scratch;
    if (family->before == BEFORE_ABS)
        rnnp_loops_abs.of[x->dtype](x->data, x->data, scratch, n, 1, 1);
    else if (family->before == BEFORE_SQUARE && x->dtype == RNNP_DTYPE_F32)
        rnnp_binary_f32(e->select, RNNP_OP_mul_f32, x, x, &from);
    else if (family->before == BEFORE_SQUARE)
        rnnp_loops_mul.of[x->dtype](x->data, x->data, scratch, n, 1, 1);
    reduce(e, family, &from, y, mask);
    if (family->after) unary(e, family->after[e->math], y->data, rnnp_tensor_elements(y));
}

/* Bytes: what is reduced, and with it the maxima of LogSumExp. */
static size_t reduce_scratch(const reduce_family *family, const rnnp_meta *x, const rnnp_meta *y)
{
    if (family->before == BEFORE_NOTHING) return 0;
    return rnnp_add_bytes(rnnp_meta_bytes(x), family->before == BEFORE_EXP ? rnnp_meta_bytes(y) : 0);
}

static RNNP_SCRATCH(reduce_workspace) { return reduce_scratch(p->node->op->family, &p->inputs[0], &outputs[0]); }

static RNNP_RUN(reduce_run)
{
    reduce_whole(e, node->op->family, &inputs[0], &outputs[0], rnnp_reduced_axes(node, inputs), e->workspace);
    return RNNP_OK;
}

static RNNP_TIME(reduce_time)
{
    const reduce_params *reduce = node->params;
    rnnp_ints axes = reduce->axes;

    if (!rnnp_known_ints(node, inputs, 1, &axes)) return RNNP_TIME_UNKNOWN;
    return rnnp_time_without(in_axis[0], reduce_mask(reduce, &axes, inputs[0].rank), reduce->keep, &out_axis[0]);
}

#define REDUCE(op_name, math, opset, numbers, ...)                                                                 \
    static const reduce_family family_##op_name = {.input_opset = (opset), .types = (numbers), __VA_ARGS__};       \
    RNNP_DEFINE(op_name, 1, 2, .param_bytes = sizeof(reduce_params), .parse = reduce_parse, .infer = reduce_infer, \
                .run = reduce_run, .time = reduce_time, .workspace_bytes = reduce_workspace, .uses_math = (math),  \
                .family = &family_##op_name)

#define FLOATS RNNP_BIT(RNNP_DTYPE_F32)
#define NUMBERS (FLOATS | RNNP_BIT(RNNP_DTYPE_I32) | RNNP_BIT(RNNP_DTYPE_I64))
#define BYTES (NUMBERS | RNNP_BIT(RNNP_DTYPE_U8))
#define SUM .kind = REDUCE_SUM, .rows = RNNP_OP_reduce_sum_f32, .pair = RNNP_OP_add_f32, .loops = &rnnp_loops_add

REDUCE(ReduceSum, 0, 13, NUMBERS, SUM);
REDUCE(ReduceL1, 0, 18, NUMBERS, SUM, .before = BEFORE_ABS);
REDUCE(ReduceL2, 0, 18, FLOATS, SUM, .before = BEFORE_SQUARE, .after = roots);
REDUCE(ReduceSumSquare, 0, 18, NUMBERS, SUM, .before = BEFORE_SQUARE);
REDUCE(ReduceLogSum, 1, 18, FLOATS, SUM, .after = logs);
REDUCE(ReduceLogSumExp, 1, 18, FLOATS, SUM, .before = BEFORE_EXP);
REDUCE(ReduceMean, 0, 18, FLOATS, .kind = REDUCE_MEAN, .rows = RNNP_OP_reduce_mean_f32, .pair = RNNP_OP_add_f32);
REDUCE(ReduceProd, 0, 18, NUMBERS, .kind = REDUCE_PROD, .rows = RNNP_OP_COUNT, .pair = RNNP_OP_mul_f32,
       .loops = &rnnp_loops_mul);
REDUCE(ReduceMax, 0, 18, BYTES, .kind = REDUCE_MAX, .rows = RNNP_OP_reduce_max_f32, .pair = RNNP_OP_COUNT,
       .loops = &rnnp_loops_max);
REDUCE(ReduceMin, 0, 18, BYTES, .kind = REDUCE_MIN, .rows = RNNP_OP_COUNT, .pair = RNNP_OP_COUNT,
       .loops = &rnnp_loops_min);

/* ---- LpNormalization: x / |x| along an axis; a norm of 0 divides nothing ---- */

typedef struct lp_params {
    int64_t axis, p;
} lp_params;

int64_t rnnp_lp_of(const rnnp_node *node) { return ((const lp_params *)node->params)->p; }

static rnnp_status lp_parse(rnnp_parse *p, void *params)
{
    lp_params *lp = params;

    lp->axis = rnnp_parse_int(p, "axis", -1);
    lp->p = rnnp_parse_int(p, "p", 2);
    if (lp->p != 1 && lp->p != 2) return PARSE_FAIL(p, RNNP_ERR_ARG, "p is %lld, neither 1 nor 2", (long long)lp->p);
    return RNNP_OK;
}

static RNNP_INFER(lp_infer)
{
    const lp_params *lp = in->node->params;
    const rnnp_status status = rnnp_infer_type(in, inputs, 0, FLOATS);
    size_t axis;

    rnnp_meta_like(&outputs[0], &inputs[0]);
    return status == RNNP_OK ? rnnp_infer_axis(in, lp->axis, inputs[0].rank, &axis) : status;
}

/* What is summed, then the norms. */
static RNNP_SCRATCH(lp_workspace)
{
    rnnp_meta norms = outputs[0];

    norms.dim[rnnp_axis_of(p->node, norms.rank)] = 1;
    return rnnp_add_bytes(rnnp_meta_bytes(&outputs[0]), rnnp_meta_bytes(&norms));
}

static RNNP_RUN(lp_run)
{
    const lp_params *lp = node->params;
    const rnnp_tensor *x = &inputs[0];
    const unsigned mask = 1u << rnnp_axis_of(node, x->rank);
    float *norm = (float *)e->workspace + rnnp_tensor_elements(x);
    const rnnp_tensor norms = kept(x, norm, mask);

    reduce_whole(e, lp->p == 1 ? &family_ReduceL1 : &family_ReduceL2, x, &norms, mask, e->workspace);
    for (size_t i = 0; i < rnnp_tensor_elements(&norms); i++) norm[i] = norm[i] == 0 ? 1 : norm[i];
    rnnp_binary_f32(e->select, RNNP_OP_div_f32, x, &norms, &outputs[0]);
    return RNNP_OK;
}

static RNNP_TIME(lp_time)
{
    return rnnp_time_without(in_axis[0], 1u << rnnp_axis_of(node, inputs[0].rank), 1, &out_axis[0]);
}

RNNP_DEFINE(LpNormalization, 1, 1, .param_bytes = sizeof(lp_params), .parse = lp_parse, .infer = lp_infer,
            .run = lp_run, .time = lp_time, .workspace_bytes = lp_workspace, .in_place = 1);

/* ---- ArgMax, ArgMin: the first index of the extreme element, or the last (select_last_index) ---- */

typedef struct arg_params {
    int64_t axis;
    int keep, last;
} arg_params;

static rnnp_status arg_parse(rnnp_parse *p, void *params)
{
    arg_params *arg = params;

    arg->axis = rnnp_parse_int(p, "axis", 0);
    arg->keep = rnnp_parse_int(p, "keepdims", 1) != 0;
    if (p->node->opset >= 12) arg->last = rnnp_parse_int(p, "select_last_index", 0) != 0;
    return RNNP_OK;
}

static RNNP_INFER(arg_infer)
{
    const arg_params *arg = in->node->params;
    rnnp_status status;
    size_t axis = 0;

    if ((status = rnnp_infer_type(in, inputs, 0, BYTES)) != RNNP_OK ||
        (status = rnnp_infer_axis(in, arg->axis, inputs[0].rank, &axis)) != RNNP_OK)
        return status;
    if (inputs[0].dim[axis] == 0) return FAIL(in, RNNP_ERR_SHAPE, "axis %zu has no elements", axis);
    outputs[0].dtype = RNNP_DTYPE_I64;
    reduce_dims(&outputs[0], &inputs[0], 1u << axis, arg->keep);
    return RNNP_OK;
}

/* The two comparisons that decide: strictly better, and as good. A NaN is neither. */
static RNNP_RUN(arg_run)
{
    const rnnp_loops *better = node->op->family;
    const arg_params *arg = node->params;
    const rnnp_tensor *x = &inputs[0];
    const size_t axis = rnnp_axis_of(node, x->rank), bytes = rnnp_dtype_bytes(x->dtype);
    const size_t outer = rnnp_shape_product(x, 0, axis), length = (size_t)x->shape[axis];
    const size_t inner = rnnp_shape_product(x, axis + 1, x->rank);
    const char *data = x->data;
    int64_t *y = outputs[0].data;

    for (size_t i = 0; i < outer * inner; i++) {
        const char *row = data + (i / inner * length * inner + i % inner) * bytes;
        size_t best = 0;

        for (size_t k = 1; k < length; k++) {
            const char *candidate = row + k * inner * bytes, *so_far = row + best * inner * bytes;
            uint8_t wins, equals = 0;

            better->of[x->dtype](candidate, so_far, &wins, 1, 1, 1);
            if (arg->last) rnnp_loops_equal.of[x->dtype](candidate, so_far, &equals, 1, 1, 1);
            if (wins || equals) best = k;
        }
        y[i] = (int64_t)best;
    }
    return RNNP_OK;
}

static RNNP_TIME(arg_time)
{
    const arg_params *arg = node->params;

    return rnnp_time_without(in_axis[0], 1u << rnnp_axis_of(node, inputs[0].rank), arg->keep, &out_axis[0]);
}

#define ARG(op_name, better)                                                                              \
    RNNP_DEFINE(op_name, 1, 1, .param_bytes = sizeof(arg_params), .parse = arg_parse, .infer = arg_infer, \
                .run = arg_run, .time = arg_time, .family = &(better))

ARG(ArgMax, rnnp_loops_greater);
ARG(ArgMin, rnnp_loops_less);
