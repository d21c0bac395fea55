/* SPDX-License-Identifier: Apache-2.0
 *
 * Elementwise operators: one table row each. f32 goes through kernels where there are any, the rest through the
 * loops of arithmetic.h.
 */
#include "arithmetic.h"
#include "params.h"

#include <float.h>
#include <math.h>
#include <string.h>

static unsigned loop_types(const rnnp_loops *loops)
{
    unsigned types = 0;

    for (int t = 0; loops && t < RNNP_DTYPES; t++) types |= loops->of[t] ? RNNP_BIT(t) : 0;
    return types;
}

static size_t elements(const rnnp_tensor *tensor) { return rnnp_tensor_elements(tensor); }

/* What differs between them. */
typedef struct elementwise {
    rnnp_op kernel[3]; /* f32, by math class; RNNP_OP_COUNT: none */
    const rnnp_loops *loops;
    rnnp_dtype result; /* 0: that of the inputs */
    struct {
        const char *name;
        float fallback;
    } attr[2]; /* alpha, beta */
} elementwise;

static int has_kernel(const elementwise *family) { return family->kernel[0] != RNNP_OP_COUNT; }

static rnnp_status broadcast_infer(rnnp_infer *in, const rnnp_meta *inputs, rnnp_meta *out, unsigned types)
{
    rnnp_status status = rnnp_infer_type(in, inputs, 0, types);

    rnnp_meta_like(out, &inputs[0]);
    for (size_t i = 1; status == RNNP_OK && i < in->node->n_inputs; i++) {
        const rnnp_meta so_far = *out;

        if (rnnp_absent(in->node, i)) return FAIL(in, RNNP_ERR_ARG, "input %zu is absent", i);
        if ((status = rnnp_infer_same_type(in, inputs, 0, i)) == RNNP_OK)
            status = rnnp_infer_broadcast(in, &so_far, &inputs[i], out);
    }
    return status;
}

static RNNP_INFER(elementwise_infer)
{
    const elementwise *family = in->node->op->family;
    const unsigned types = loop_types(family->loops) | (has_kernel(family) ? RNNP_BIT(RNNP_DTYPE_F32) : 0);
    const rnnp_status status = broadcast_infer(in, inputs, &outputs[0], types);

    if (family->result) outputs[0].dtype = family->result;
    return status;
}

#define ONE(op)                                  \
    {                                            \
        RNNP_OP_##op, RNNP_OP_##op, RNNP_OP_##op \
    }
#define BY_MATH(op)                                                                 \
    {                                                                               \
        [RNNP_MATH_U35] = RNNP_OP_##op##_u35, [RNNP_MATH_U10] = RNNP_OP_##op##_u10, \
        [RNNP_MATH_FAST] = RNNP_OP_##op##_fast                                      \
    }
#define BY_PRECISION(op) /* one of them is as fast as class fast could be */        \
    {                                                                               \
        [RNNP_MATH_U35] = RNNP_OP_##op##_u35, [RNNP_MATH_U10] = RNNP_OP_##op##_u10, \
        [RNNP_MATH_FAST] = RNNP_OP_##op##_u35                                       \
    }
#define NO_KERNEL                                   \
    {                                               \
        RNNP_OP_COUNT, RNNP_OP_COUNT, RNNP_OP_COUNT \
    }
/* ---- y = f(x) ---- */

static rnnp_status unary_parse(rnnp_parse *p, void *params)
{
    const elementwise *family = p->node->op->family;
    float *value = params;

    for (size_t i = 0; i < 2; i++) {
        if (family->attr[i].name) value[i] = rnnp_parse_float(p, family->attr[i].name, family->attr[i].fallback);
    }
    return RNNP_OK;
}

static void unary_kernel(const rnnp_exec *e, rnnp_op kernel, const rnnp_tensor *x, float *y, const float *value)
{
    const rnnp_unary_args args = {.x = x->data, .y = y, .n = elements(x), .alpha = value[0], .beta = value[1]};

    e->select->op[kernel]->fn.relu_f32(&args); /* all unary kernels have one type */
}

static RNNP_RUN(unary_run)
{
    const elementwise *family = node->op->family;
    const rnnp_tensor *x = &inputs[0];

    if (x->dtype == RNNP_DTYPE_F32 && has_kernel(family)) {
        unary_kernel(e, family->kernel[e->math], x, outputs[0].data, node->params);
    } else {
        family->loops->of[x->dtype](x->data, x->data, outputs[0].data, elements(x), 1, 1);
    }
    return RNNP_OK;
}

#define UNARY(op_name, since, math, ...)                                                                           \
    static const elementwise family_##op_name = {__VA_ARGS__};                                                     \
    RNNP_DEFINE(op_name, 1, 1, .param_bytes = 2 * sizeof(float), .parse = unary_parse, .infer = elementwise_infer, \
                .run = unary_run, .in_place = 1, .uses_math = (math), .since_opset = (since),                      \
                .channels_last = rnnp_last_elementwise, .family = &family_##op_name)

UNARY(Exp, 0, 1, .kernel = BY_MATH(exp_f32));
UNARY(Tanh, 0, 1, .kernel = BY_MATH(tanh_f32));
UNARY(Sigmoid, 0, 1, .kernel = BY_MATH(sigmoid_f32));
UNARY(Log, 0, 1, .kernel = BY_PRECISION(log_f32));
UNARY(Sqrt, 0, 0, .kernel = ONE(sqrt_f32));
UNARY(Relu, 0, 0, .kernel = ONE(relu_f32), .loops = &rnnp_loops_relu);
UNARY(LeakyRelu, 0, 0, .kernel = ONE(leaky_relu_f32), .attr = {{"alpha", 0.01f}});
UNARY(ThresholdedRelu, 10, 0, .kernel = ONE(thresholded_relu_f32), .attr = {{"alpha", 1.0f}});
UNARY(Elu, 0, 1, .kernel = BY_PRECISION(elu_f32), .attr = {{"alpha", 1.0f}});
UNARY(HardSigmoid, 0, 0, .kernel = ONE(hard_sigmoid_f32), .attr = {{"alpha", 0.2f}, {"beta", 0.5f}});
UNARY(Selu, 0, 1, .kernel = BY_PRECISION(selu_f32), .attr = {{"alpha", 1.67326319f}, {"gamma", 1.05070102f}});
UNARY(Celu, 12, 0, .kernel = ONE(celu_f32), .attr = {{"alpha", 1.0f}});
UNARY(Mish, 18, 0, .kernel = ONE(mish_f32));
UNARY(HardSwish, 14, 0, .kernel = ONE(hard_swish_f32));
UNARY(Erf, 9, 0, .kernel = ONE(erf_f32));
UNARY(Softplus, 0, 1, .kernel = BY_PRECISION(softplus_f32));
UNARY(Softsign, 0, 0, .kernel = ONE(softsign_f32));
UNARY(Neg, 0, 0, .kernel = ONE(neg_f32), .loops = &rnnp_loops_neg);
UNARY(Abs, 0, 0, .kernel = NO_KERNEL, .loops = &rnnp_loops_abs);
UNARY(Sign, 9, 0, .kernel = NO_KERNEL, .loops = &rnnp_loops_sign);
UNARY(Floor, 0, 0, .kernel = NO_KERNEL, .loops = &rnnp_loops_floor);
UNARY(Ceil, 0, 0, .kernel = NO_KERNEL, .loops = &rnnp_loops_ceil);
UNARY(Round, 11, 0, .kernel = NO_KERNEL, .loops = &rnnp_loops_round);
UNARY(Reciprocal, 0, 0, .kernel = NO_KERNEL, .loops = &rnnp_loops_reciprocal);
UNARY(Not, 0, 0, .kernel = NO_KERNEL, .loops = &rnnp_loops_not);
UNARY(IsNaN, 9, 0, .kernel = NO_KERNEL, .loops = &rnnp_loops_isnan, .result = RNNP_DTYPE_BOOL);
UNARY(Sin, 0, 0, .kernel = NO_KERNEL, .loops = &rnnp_loops_sin);
UNARY(Cos, 0, 0, .kernel = NO_KERNEL, .loops = &rnnp_loops_cos);
UNARY(Tan, 0, 0, .kernel = NO_KERNEL, .loops = &rnnp_loops_tan);
UNARY(Asin, 0, 0, .kernel = NO_KERNEL, .loops = &rnnp_loops_asin);
UNARY(Acos, 0, 0, .kernel = NO_KERNEL, .loops = &rnnp_loops_acos);
UNARY(Atan, 0, 0, .kernel = NO_KERNEL, .loops = &rnnp_loops_atan);
UNARY(Sinh, 9, 0, .kernel = NO_KERNEL, .loops = &rnnp_loops_sinh);
UNARY(Cosh, 9, 0, .kernel = NO_KERNEL, .loops = &rnnp_loops_cosh);
UNARY(Asinh, 9, 0, .kernel = NO_KERNEL, .loops = &rnnp_loops_asinh);
UNARY(Acosh, 9, 0, .kernel = NO_KERNEL, .loops = &rnnp_loops_acosh);
UNARY(Atanh, 9, 0, .kernel = NO_KERNEL, .loops = &rnnp_loops_atanh);

/* ---- Gelu: by the normal distribution, or its approximation by tanh ---- */

static rnnp_status gelu_parse(rnnp_parse *p, void *params)
{
    const char *name = rnnp_parse_string(p, "approximate", "none");
    rnnp_op *kernel = params;

    *kernel = strcmp(name, "tanh") == 0 ? RNNP_OP_gelu_tanh_f32 : RNNP_OP_gelu_f32;
    if (*kernel == RNNP_OP_gelu_f32 && strcmp(name, "none") != 0)
        return PARSE_FAIL(p, RNNP_ERR_ARG, "approximate is %s, neither none nor tanh", name);
    return RNNP_OK;
}

static RNNP_RUN(gelu_run)
{
    unary_kernel(e, *(const rnnp_op *)node->params, &inputs[0], outputs[0].data, (const float[2]){0});
    return RNNP_OK;
}

static const elementwise family_Gelu = {.kernel = ONE(gelu_f32)};
RNNP_DEFINE(Gelu, 1, 1, .since_opset = 20, .param_bytes = sizeof(rnnp_op), .parse = gelu_parse,
            .infer = elementwise_infer, .run = gelu_run, .in_place = 1, .channels_last = rnnp_last_elementwise,
            .family = &family_Gelu);

/* ---- IsInf ---- */

typedef struct isinf_params {
    int positive, negative; /* whether infinities of that sign count */
} isinf_params;

static rnnp_status isinf_parse(rnnp_parse *p, void *params)
{
    isinf_params *which = params;

    which->positive = rnnp_parse_int(p, "detect_positive", 1) != 0;
    which->negative = rnnp_parse_int(p, "detect_negative", 1) != 0;
    return RNNP_OK;
}

static RNNP_RUN(isinf_run)
{
    const isinf_params *which = node->params;
    const float *x = inputs[0].data;
    uint8_t *y = outputs[0].data;

    for (size_t i = 0; i < elements(&inputs[0]); i++)
        y[i] = (which->positive && x[i] == INFINITY) || (which->negative && x[i] == -INFINITY);
    return RNNP_OK;
}

RNNP_DEFINE(IsInf, 1, 1, .since_opset = 10, .param_bytes = sizeof(isinf_params), .parse = isinf_parse,
            .infer = elementwise_infer, .run = isinf_run, .family = &family_IsNaN);

/* ---- y = f(a, b), broadcast ---- */

/* Before opset 7 the shape of b is a part of that of a: the last dimensions, or those from an axis on. The first is
 * what broadcasting is today. */
typedef struct limited {
    int is_placed;
    int64_t axis;
} limited;

static rnnp_status binary_parse(rnnp_parse *p, void *params)
{
    limited *l = params;

    if (p->node->opset >= 7 || p->node->op->since_opset) return RNNP_OK;
    l->is_placed = rnnp_parse_int(p, "broadcast", 0) != 0 && rnnp_parse_attr(p, "axis", RNNP_ATTR_INT);
    l->axis = rnnp_parse_int(p, "axis", 0);
    return RNNP_OK;
}

static rnnp_status check_limited(rnnp_infer *in, const rnnp_meta *a, const rnnp_meta *b)
{
    const limited *l = in->node->params;
    const int64_t rank = (int64_t)a->rank, from = l->axis < 0 ? l->axis + rank : l->axis;

    if (!l->is_placed || from + (int64_t)b->rank == rank) return RNNP_OK;
    return FAIL(in, RNNP_ERR_UNSUPPORTED, "rank %zu from axis %lld on against rank %zu: only the last axes can be met",
                b->rank, (long long)l->axis, a->rank);
}

static RNNP_INFER(binary_infer)
{
    const rnnp_status status = check_limited(in, &inputs[0], &inputs[1]);

    return status == RNNP_OK ? elementwise_infer(in, inputs, outputs) : status;
}

enum { REPEATED = 1024 }; /* floats */

/* The operand that is one short row for all rows of the other, which is dense; else 2. */
static size_t short_row(const rnnp_walk *walk)
{
    const size_t last = walk->rank - 1, n = rnnp_walk_inner_dim(walk);

    for (size_t k = 0; walk->rank > 1 && n <= REPEATED / 4 && k < 2; k++) {
        const ptrdiff_t *row = walk->step[k], *dense = walk->step[1 - k];

        if (row[last] == 1 && row[last - 1] == 0 && dense[last] == 1 && dense[last - 1] == (ptrdiff_t)n) return k;
    }
    return 2;
}

/* All rows that share a short one: that is repeated, so that the kernel is called for several rows at once. */
static void repeat_row(const rnnp_variant *kernel, const float *const operand[2], size_t row, float *y, size_t rows,
                       size_t n)
{
    float repeated[REPEATED];
    const size_t most = REPEATED / n, together = rows < most ? rows : most;

    for (size_t i = 0; i < together; i++) memcpy(repeated + i * n, operand[row], n * sizeof *repeated);
    for (size_t i = 0; i < rows; i += together) {
        const float *dense = operand[1 - row] + i * n;

        kernel->fn.add_f32(&(rnnp_binary_args){.a = row ? dense : repeated,
                                               .b = row ? repeated : dense,
                                               .y = y + i * n,
                                               .n = (rows - i < together ? rows - i : together) * n,
                                               .a_step = 1,
                                               .b_step = 1}); /* all have one type */
    }
}

static void kernel_rows(const rnnp_variant *kernel, rnnp_walk *walk, const float *a, const float *b, float *y)
{
    const size_t n = rnnp_walk_inner_dim(walk), row = short_row(walk), rows = row < 2 ? walk->dim[walk->rank - 2] : 1;

    walk->outer -= row < 2;
    walk->row_elements *= rows;
    walk->rows /= rows;
    for (; walk->rows; rnnp_walk_next(walk)) {
        const float *const operand[] = {a + walk->offset[0], b + walk->offset[1]};

        if (row < 2)
            repeat_row(kernel, operand, row, y + walk->row, rows, n);
        else
            kernel->fn.add_f32(&(rnnp_binary_args){.a = operand[0],
                                                   .b = operand[1],
                                                   .y = y + walk->row,
                                                   .n = n,
                                                   .a_step = (size_t)rnnp_walk_inner_step(walk, 0),
                                                   .b_step = (size_t)rnnp_walk_inner_step(walk, 1)});
    }
}

/* A kernel for f32, if there is one, else a loop. Returns 0, or -1 when a divisor is 0. */
static int binary_rows(const rnnp_selection *select, rnnp_op kernel, const rnnp_loops *loops, const rnnp_tensor *a,
                       const rnnp_tensor *b, const rnnp_tensor *y)
{
    const size_t bytes = rnnp_dtype_bytes(a->dtype), result_bytes = rnnp_dtype_bytes(y->dtype);
    rnnp_walk walk;

    rnnp_walk_over(&walk, y, (const rnnp_tensor *[]){a, b}, 2, 1);
    if (a->dtype == RNNP_DTYPE_F32 && kernel != RNNP_OP_COUNT) {
        if (walk.rows) kernel_rows(select->op[kernel], &walk, a->data, b->data, y->data);
        return 0;
    }
    for (; walk.rows; rnnp_walk_next(&walk)) {
        const void *pa = (const char *)a->data + (size_t)walk.offset[0] * bytes;
        const void *pb = (const char *)b->data + (size_t)walk.offset[1] * bytes;
        void *py = (char *)y->data + walk.row * result_bytes;
        const size_t n = rnnp_walk_inner_dim(&walk);
        const size_t a_step = (size_t)rnnp_walk_inner_step(&walk, 0), b_step = (size_t)rnnp_walk_inner_step(&walk, 1);

        if (loops->of[a->dtype](pa, pb, py, n, a_step, b_step) != 0) return -1;
    }
    return 0;
}

void rnnp_binary_f32(const rnnp_selection *select, rnnp_op kernel, const rnnp_tensor *a, const rnnp_tensor *b,
                     const rnnp_tensor *y)
{
    binary_rows(select, kernel, NULL, a, b, y);
}

static rnnp_status binary_apply(const rnnp_exec *e, const rnnp_node *node, rnnp_op kernel, const rnnp_loops *loops,
                                const rnnp_tensor *a, const rnnp_tensor *b, const rnnp_tensor *y)
{
    rnnp_tensor turned[3];

    if (e->channels_last) {
        turned[0] = rnnp_turned(a, y->rank);
        turned[1] = rnnp_turned(b, y->rank);
        turned[2] = rnnp_turned(y, y->rank);
        a = &turned[0];
        b = &turned[1];
        y = &turned[2];
    }
    if (binary_rows(e->select, kernel, loops, a, b, y) == 0) return RNNP_OK;
    return rnnp_node_fail(e->context, node, RNNP_ERR_ARG, "division by zero");
}

static RNNP_RUN(binary_run)
{
    const elementwise *family = node->op->family;

    return binary_apply(e, node, family->kernel[0], family->loops, &inputs[0], &inputs[1], &outputs[0]);
}

#define BINARY(op_name, since, may_overwrite, ...)                                                           \
    static const elementwise family_##op_name = {__VA_ARGS__};                                               \
    RNNP_DEFINE(op_name, 2, 2, .param_bytes = sizeof(limited), .parse = binary_parse, .infer = binary_infer, \
                .run = binary_run, .in_place = (may_overwrite), .since_opset = (since),                      \
                .channels_last = rnnp_last_elementwise, .family = &family_##op_name)

BINARY(Add, 0, 1, .kernel = ONE(add_f32), .loops = &rnnp_loops_add);
BINARY(Sub, 0, 1, .kernel = ONE(sub_f32), .loops = &rnnp_loops_sub);
BINARY(Mul, 0, 1, .kernel = ONE(mul_f32), .loops = &rnnp_loops_mul);
BINARY(Div, 0, 1, .kernel = ONE(div_f32), .loops = &rnnp_loops_div);
BINARY(And, 0, 1, .kernel = NO_KERNEL, .loops = &rnnp_loops_and);
BINARY(Or, 0, 1, .kernel = NO_KERNEL, .loops = &rnnp_loops_or);
BINARY(Xor, 0, 1, .kernel = NO_KERNEL, .loops = &rnnp_loops_xor);
BINARY(Equal, 0, 0, .kernel = NO_KERNEL, .loops = &rnnp_loops_equal, .result = RNNP_DTYPE_BOOL);
BINARY(Less, 0, 0, .kernel = NO_KERNEL, .loops = &rnnp_loops_less, .result = RNNP_DTYPE_BOOL);
BINARY(LessOrEqual, 12, 0, .kernel = NO_KERNEL, .loops = &rnnp_loops_less_equal, .result = RNNP_DTYPE_BOOL);
BINARY(Greater, 0, 0, .kernel = NO_KERNEL, .loops = &rnnp_loops_greater, .result = RNNP_DTYPE_BOOL);
BINARY(GreaterOrEqual, 12, 0, .kernel = NO_KERNEL, .loops = &rnnp_loops_greater_equal, .result = RNNP_DTYPE_BOOL);

/* ---- PRelu: the slope is broadcast to x, which keeps its shape ---- */

static RNNP_INFER(prelu_infer)
{
    const rnnp_status status = rnnp_infer_type(in, inputs, 0, RNNP_BIT(RNNP_DTYPE_F32));

    rnnp_meta_like(&outputs[0], &inputs[0]);
    return status == RNNP_OK ? rnnp_infer_broadcast_to_first(in, inputs, 1) : status;
}

static const elementwise family_PRelu = {.kernel = ONE(prelu_f32)};
RNNP_DEFINE(PRelu, 2, 2, .infer = prelu_infer, .run = binary_run, .in_place = 1, .channels_last = rnnp_last_elementwise,
            .family = &family_PRelu);

/* ---- Pow: the exponent may have another type ---- */

static RNNP_INFER(pow_infer)
{
    const unsigned integers = RNNP_BIT(RNNP_DTYPE_I32) | RNNP_BIT(RNNP_DTYPE_I64);
    rnnp_status status;

    if ((status = check_limited(in, &inputs[0], &inputs[1])) != RNNP_OK ||
        (status = rnnp_infer_type(in, inputs, 0, RNNP_BIT(RNNP_DTYPE_F32) | integers)) != RNNP_OK)
        return status;
    status = inputs[0].dtype == RNNP_DTYPE_F32 ? rnnp_infer_type(in, inputs, 1, RNNP_BIT(RNNP_DTYPE_F32) | integers)
                                               : rnnp_infer_same_type(in, inputs, 0, 1);
    outputs[0].dtype = inputs[0].dtype;
    return status == RNNP_OK ? rnnp_infer_broadcast(in, &inputs[0], &inputs[1], &outputs[0]) : status;
}

int rnnp_pow_converts(rnnp_dtype base, rnnp_dtype exponent)
{
    return base == RNNP_DTYPE_F32 && exponent != RNNP_DTYPE_F32;
}

void rnnp_pow_convert(const rnnp_tensor *exponent, float *converted)
{
    for (size_t i = 0; i < elements(exponent); i++)
        converted[i] = exponent->dtype == RNNP_DTYPE_I64 ? (float)((const int64_t *)exponent->data)[i]
                                                         : (float)((const int32_t *)exponent->data)[i];
}

static RNNP_SCRATCH(pow_workspace)
{
    if (!rnnp_pow_converts(p->inputs[0].dtype, p->inputs[1].dtype)) return 0;
    return rnnp_meta_elements(&p->inputs[1]) * sizeof(float);
}

static RNNP_RUN(pow_run)
{
    rnnp_tensor exponent = inputs[1];

    if (rnnp_pow_converts(inputs[0].dtype, exponent.dtype)) {
        rnnp_pow_convert(&exponent, e->workspace);
        exponent.dtype = RNNP_DTYPE_F32;
        exponent.data = e->workspace;
    }
    return binary_apply(e, node, RNNP_OP_pow_f32, &rnnp_loops_pow, &inputs[0], &exponent, &outputs[0]);
}

RNNP_DEFINE(Pow, 2, 2, .param_bytes = sizeof(limited), .parse = binary_parse, .infer = pow_infer, .run = pow_run,
            .in_place = 1, .channels_last = rnnp_last_elementwise, .workspace_bytes = pow_workspace);

/* ---- Mod: of integers with the divisor's sign, or C's remainder (fmod = 1) ---- */

static rnnp_status mod_parse(rnnp_parse *p, void *params)
{
    *(int *)params = rnnp_parse_int(p, "fmod", 0) != 0;
    return RNNP_OK;
}

static const rnnp_loops *mod_loops(const rnnp_node *node)
{
    return *(const int *)node->params ? &rnnp_loops_remainder : &rnnp_loops_modulo;
}

static RNNP_INFER(mod_infer) { return broadcast_infer(in, inputs, &outputs[0], loop_types(mod_loops(in->node))); }

static RNNP_RUN(mod_run)
{
    return binary_apply(e, node, RNNP_OP_COUNT, mod_loops(node), &inputs[0], &inputs[1], &outputs[0]);
}

RNNP_DEFINE(Mod, 2, 2, .since_opset = 10, .param_bytes = sizeof(int), .parse = mod_parse, .infer = mod_infer,
            .run = mod_run, .in_place = 1, .channels_last = rnnp_last_elementwise);

/* ---- Any number of inputs, folded from the left ---- */

static RNNP_RUN(variadic_run)
{
    const elementwise *family = node->op->family;
    ptrdiff_t step[RNNP_MAX_RANK];
    rnnp_status status = RNNP_OK;

    if (node->n_inputs == 1) {
        rnnp_dense_steps(&inputs[0], step);
        rnnp_copy_strided(e->select, &outputs[0], inputs[0].data, 0, step);
        return RNNP_OK;
    }
    for (size_t i = 1; status == RNNP_OK && i < node->n_inputs; i++)
        status = binary_apply(e, node, family->kernel[0], family->loops, i == 1 ? &inputs[0] : &outputs[0], &inputs[i],
                              &outputs[0]);
    return status;
}

#define VARIADIC(op_name, ...)                                                    \
    static const elementwise family_##op_name = {__VA_ARGS__};                    \
    RNNP_DEFINE(op_name, 1, 255, .infer = elementwise_infer, .run = variadic_run, \
                .channels_last = rnnp_last_elementwise, .family = &family_##op_name)

VARIADIC(Min, .kernel = NO_KERNEL, .loops = &rnnp_loops_min);
VARIADIC(Max, .kernel = NO_KERNEL, .loops = &rnnp_loops_max);
VARIADIC(Sum, .kernel = ONE(add_f32), .loops = &rnnp_loops_add);

/* ---- Clip: bounds are attributes before opset 11, optional inputs since ---- */

typedef struct clip_params {
    float low, high;
} clip_params;

static rnnp_status clip_parse(rnnp_parse *p, void *params)
{
    clip_params *clip = params;

    *clip = (clip_params){-INFINITY, INFINITY};
    if (p->node->opset >= 11) return RNNP_OK;
    if (p->node->n_inputs > 1) return PARSE_FAIL(p, RNNP_ERR_ARG, "bounds are attributes before opset 11");
    clip->low = rnnp_parse_float(p, "min", -FLT_MAX);
    clip->high = rnnp_parse_float(p, "max", FLT_MAX);
    return RNNP_OK;
}

static RNNP_INFER(clip_infer)
{
    rnnp_status status = rnnp_infer_type(in, inputs, 0, RNNP_BIT(RNNP_DTYPE_F32) | loop_types(&rnnp_loops_min));

    rnnp_meta_like(&outputs[0], &inputs[0]);
    for (size_t i = 1; status == RNNP_OK && i < 3; i++) {
        if (rnnp_absent(in->node, i)) continue;
        if ((status = rnnp_infer_same_type(in, inputs, 0, i)) == RNNP_OK)
            status = rnnp_infer_scalar(in, inputs, i, i == 1 ? "min" : "max");
    }
    return status;
}

void rnnp_clip_bounds(const rnnp_node *node, const rnnp_tensor *inputs, float *low, float *high)
{
    const clip_params *clip = node->params;

    *low = inputs[1].data ? *(const float *)inputs[1].data : clip->low;
    *high = inputs[2].data ? *(const float *)inputs[2].data : clip->high;
}

static RNNP_RUN(clip_run)
{
    const rnnp_tensor *x = &inputs[0], *low = &inputs[1], *high = &inputs[2], *y = &outputs[0];
    const size_t n = elements(x);

    if (x->dtype == RNNP_DTYPE_F32) {
        float bounds[2];

        rnnp_clip_bounds(node, inputs, &bounds[0], &bounds[1]);
        unary_kernel(e, RNNP_OP_clip_f32, x, y->data, bounds);
        return RNNP_OK;
    }
    if (low->data)
        rnnp_loops_max.of[x->dtype](x->data, low->data, y->data, n, 1, 0);
    else if (x->data != y->data)
        memcpy(y->data, x->data, n * rnnp_dtype_bytes(x->dtype));
    if (high->data) rnnp_loops_min.of[x->dtype](y->data, high->data, y->data, n, 1, 0);
    return RNNP_OK;
}

/* Bounds have no time, so the elementwise rule would do, except that they may be of rank 1. */
static RNNP_TIME(clip_time)
{
    for (size_t i = 1; i < node->n_inputs; i++) {
        if (in_axis[i] != RNNP_TIME_NONE) return -1;
    }
    out_axis[0] = in_axis[0];
    return 0;
}

RNNP_DEFINE(Clip, 1, 3, .param_bytes = sizeof(clip_params), .parse = clip_parse, .infer = clip_infer, .run = clip_run,
            .in_place = 1, .channels_last = rnnp_last_elementwise, .time = clip_time);
