/* SPDX-License-Identifier: Apache-2.0
 *
 * Reshape and Flatten: dimensions regrouped, also when some are symbols.
 */
#include "ops.h"

/* ---- Products of dimensions that may be symbols ---- */

static int has_zero(const int64_t *dims, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (dims[i] == 0) return 1;
    }
    return 0;
}

/* product(a) / product(b). 1: *quotient is a size or a symbol; 0: undetermined, as beside a 0 in b; -1: none. */
static int divide_dims(const int64_t *a, size_t n_a, const int64_t *b, size_t n_b, int64_t *quotient)
{
    int64_t symbols[RNNP_MAX_RANK], above = 1, below = 1;
    size_t n_symbols = 0;
    int unmatched = 0;

    for (size_t i = 0; i < n_a; i++) {
        if (rnnp_dim_is_symbol(a[i]))
            symbols[n_symbols++] = a[i];
        else if (__builtin_mul_overflow(above, a[i], &above))
            return 0;
    }
    for (size_t i = 0; i < n_b; i++) {
        size_t s = 0;

        if (!rnnp_dim_is_symbol(b[i])) {
            if (__builtin_mul_overflow(below, b[i], &below)) return 0;
            continue;
        }
        while (s < n_symbols && symbols[s] != b[i]) s++;
        if (s < n_symbols)
            symbols[s] = symbols[--n_symbols];
        else
            unmatched = 1;
    }
    if (unmatched || below == 0) return 0;
    if (n_symbols == 0) {
        *quotient = above / below;
        return above % below == 0 ? 1 : -1;
    }
    *quotient = symbols[0];
    return n_symbols == 1 && above == below;
}

/* The axis of `out` that is axis `t` of `in`: as many elements before it, and the same size. */
static int axis_after_view(const rnnp_meta *in, int t, const rnnp_meta *out)
{
    int64_t quotient;

    if (t == RNNP_TIME_NONE) return RNNP_TIME_NONE;
    for (size_t u = 0; u < out->rank; u++) {
        if (out->dim[u] == in->dim[t] && divide_dims(in->dim, (size_t)t, out->dim, u, &quotient) == 1 && quotient == 1)
            return (int)u;
    }
    return RNNP_TIME_NONE;
}

static int view_time(const rnnp_meta *in, int t, const rnnp_meta *out, int *out_axis)
{
    *out_axis = axis_after_view(in, t, out);
    return t != RNNP_TIME_NONE && *out_axis == RNNP_TIME_NONE ? RNNP_TIME_MERGED : 0;
}

/* ---- Reshape ---- */

typedef struct reshape_params {
    int allow_zero;
} reshape_params;

static rnnp_status reshape_parse(rnnp_parse *p, void *params)
{
    reshape_params *reshape = params;

    if (p->node->opset >= 14) reshape->allow_zero = rnnp_parse_int(p, "allowzero", 0) != 0;
    return RNNP_OK;
}

/* Returns NULL, or what is wrong. next_symbol counts down. */
static const char *reshape_dims(const rnnp_meta *x, const rnnp_ints *shape, int allow_zero, int64_t *next_symbol,
                                rnnp_meta *out)
{
    int64_t rest[RNNP_MAX_RANK], quotient;
    size_t n_rest = 0, unknown = RNNP_MAX_RANK;

    out->dtype = x->dtype;
    out->rank = shape->count;
    for (size_t i = 0; i < shape->count; i++) {
        out->dim[i] = shape->at[i];
        if (shape->at[i] == 0 && !allow_zero) {
            if (i >= x->rank) return "a 0 has no dimension to copy";
            out->dim[i] = x->dim[i];
        }
        if (shape->at[i] == -1) {
            if (unknown < RNNP_MAX_RANK) return "there are two -1";
            unknown = i;
            continue;
        }
        if (out->dim[i] < 0 && !rnnp_dim_is_symbol(out->dim[i])) return "a dimension is negative";
        rest[n_rest++] = out->dim[i];
    }
    if (unknown == RNNP_MAX_RANK) {
        if (has_zero(x->dim, x->rank) != has_zero(rest, n_rest)) {
            for (size_t i = 0; i < x->rank; i++) {
                if (rnnp_dim_is_symbol(x->dim[i])) return NULL;
            }
            for (size_t i = 0; i < n_rest; i++) {
                if (rnnp_dim_is_symbol(rest[i])) return NULL;
            }
            return "the numbers of elements differ";
        }
        if (has_zero(rest, n_rest)) return NULL;
        const int determined = divide_dims(x->dim, x->rank, rest, n_rest, &quotient);
        return determined < 0 || (determined > 0 && quotient >= 0 && quotient != 1) ? "the numbers of elements differ"
                                                                                    : NULL;
    }
    if (has_zero(rest, n_rest)) return "-1 is combined with a 0";
    out->dim[unknown] = 0;
    if (has_zero(x->dim, x->rank)) return NULL;
    switch (divide_dims(x->dim, x->rank, rest, n_rest, &out->dim[unknown])) {
    case 1: return NULL;
    case 0: out->dim[unknown] = (*next_symbol)--; return NULL;
    default: return "the number of elements is not a multiple of the known dimensions";
    }
}

static RNNP_INFER(reshape_infer)
{
    const reshape_params *reshape = in->node->params;
    rnnp_ints shape;
    int known;
    rnnp_status status = rnnp_infer_ints(in, inputs, 1, "shape", &shape, &known);

    if (status != RNNP_OK) return status;
    outputs[0].dtype = inputs[0].dtype;
    if (!known) return rnnp_infer_unknown_shape(in, &inputs[1], 1, &outputs[0]);
    const char *wrong = reshape_dims(&inputs[0], &shape, reshape->allow_zero, in->next_symbol, &outputs[0]);
    if (!wrong) return RNNP_OK;
    return FAIL(in, RNNP_ERR_SHAPE, "[%s] to [%s]: %s", rnnp_print_dims(inputs[0].rank, inputs[0].dim, ' ').s,
                rnnp_print_dims(shape.count, shape.at, ' ').s, wrong);
}

static RNNP_TIME(reshape_time)
{
    const reshape_params *reshape = node->params;
    int64_t next_symbol = RNNP_SYMBOL + RNNP_SYMBOL / 4; /* far from those of the model */
    rnnp_meta out;
    rnnp_ints shape;

    if (in_axis[0] == RNNP_TIME_NONE || !rnnp_known_ints(node, inputs, 1, &shape)) return RNNP_TIME_UNKNOWN;
    if (reshape_dims(&inputs[0], &shape, reshape->allow_zero, &next_symbol, &out)) return RNNP_TIME_MERGED;
    return view_time(&inputs[0], in_axis[0], &out, &out_axis[0]);
}

RNNP_DEFINE(Reshape, 2, 2, .param_bytes = sizeof(reshape_params), .parse = reshape_parse, .infer = reshape_infer,
            .time = reshape_time, RNNP_VIEW);

/* ---- Flatten: two axes, the first of those before `axis` ---- */

typedef struct flatten_params {
    int64_t axis;
} flatten_params;

static rnnp_status flatten_parse(rnnp_parse *p, void *params)
{
    flatten_params *flatten = params;

    flatten->axis = rnnp_parse_int(p, "axis", 1);
    return RNNP_OK;
}

static void flatten_dims(rnnp_infer *in, const rnnp_meta *x, int64_t axis, rnnp_meta *out)
{
    const size_t split = rnnp_axis(axis, x->rank);

    *out = (rnnp_meta){.dtype = x->dtype, .rank = 2, .dim = {1, 1}};
    for (size_t i = 0; i < x->rank; i++) out->dim[i >= split] = rnnp_dim_mul(in, out->dim[i >= split], x->dim[i]);
}

static RNNP_INFER(flatten_infer)
{
    const flatten_params *flatten = in->node->params;
    const int64_t rank = (int64_t)inputs[0].rank;

    if (flatten->axis < -rank || flatten->axis > rank)
        return FAIL(in, RNNP_ERR_SHAPE, "axis %lld of a tensor of rank %lld", (long long)flatten->axis,
                    (long long)rank);
    flatten_dims(in, &inputs[0], flatten->axis, &outputs[0]);
    return RNNP_OK;
}

static RNNP_TIME(flatten_time)
{
    const flatten_params *flatten = node->params;
    int64_t next_symbol = RNNP_SYMBOL + RNNP_SYMBOL / 4;
    rnnp_infer in = {.node = node, .next_symbol = &next_symbol};
    rnnp_meta out;

    flatten_dims(&in, &inputs[0], flatten->axis, &out);
    return view_time(&inputs[0], in_axis[0], &out, &out_axis[0]);
}

RNNP_DEFINE(Flatten, 1, 1, .param_bytes = sizeof(flatten_params), .parse = flatten_parse, .infer = flatten_infer,
            .time = flatten_time, RNNP_VIEW);
