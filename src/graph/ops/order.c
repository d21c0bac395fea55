/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators that go along an axis in order: TopK, CumSum, ReverseSequence and Trilu.
 */
#include "arithmetic.h"
#include "params.h"

#define INTEGERS (RNNP_BIT(RNNP_DTYPE_I64) | RNNP_BIT(RNNP_DTYPE_I32))

/* ---- TopK: K is an attribute before opset 10, an input since ---- */

/* In front of it the axis, as rnnp_axis_of() wants it. */
typedef struct top_params {
    int64_t axis, k;
    int largest;
} top_params;

static rnnp_status top_parse(rnnp_parse *p, void *params)
{
    top_params *top = params;

    *top = (top_params){rnnp_parse_int(p, "axis", -1), -1, 1};
    if (p->node->opset < 10) {
        top->k = rnnp_parse_int(p, "k", -1);
        if (top->k < 0 || p->node->n_inputs > 1)
            return PARSE_FAIL(p, RNNP_ERR_ARG, "k must be an attribute of 0 or more before opset 10");
    } else if (rnnp_absent(p->node, 1)) {
        return PARSE_FAIL(p, RNNP_ERR_ARG, "K is missing");
    }
    if (p->node->opset >= 11) {
        top->largest = rnnp_parse_int(p, "largest", 1) != 0;
        rnnp_parse_int(p, "sorted", 1); /* if not, the order is ours to choose */
    }
    return RNNP_OK;
}

static RNNP_INFER(top_infer)
{
    const top_params *top = in->node->params;
    const unsigned types = INTEGERS | RNNP_BIT(RNNP_DTYPE_F32) | RNNP_BIT(RNNP_DTYPE_U8);
    rnnp_ints k = {.given = 1, .count = 1, .at = {top->k}};
    rnnp_status status;
    size_t axis = 0;
    int known = 1;

    if ((status = rnnp_infer_type(in, inputs, 0, types)) != RNNP_OK ||
        (status = rnnp_infer_axis(in, top->axis, inputs[0].rank, &axis)) != RNNP_OK ||
        (!rnnp_absent(in->node, 1) && (status = rnnp_infer_ints(in, inputs, 1, "K", &k, &known)) != RNNP_OK))
        return status;
    if (known && k.count != 1) return FAIL(in, RNNP_ERR_SHAPE, "K has %zu elements", k.count);
    const int64_t dim = inputs[0].dim[axis], n = known ? k.at[0] : rnnp_dim_unknown(in);
    if (!rnnp_dim_is_symbol(n) && (n < 0 || (n > dim && !rnnp_dim_is_symbol(dim))))
        return FAIL(in, RNNP_ERR_SHAPE, "K is %lld, but axis %zu has %s elements", (long long)n, axis,
                    rnnp_print_dims(1, &dim, ',').s);
    for (size_t i = 0; i < 2; i++) {
        rnnp_meta_like(&outputs[i], &inputs[0]);
        outputs[i].dim[axis] = n;
    }
    outputs[1].dtype = RNNP_DTYPE_I64;
    return RNNP_OK;
}

/* An element and where it is along the axis. Keys are in the order of the elements: all NaNs are equal and above the
 * numbers, and -0 equals 0. */
typedef struct top_entry {
    int64_t key, index;
} top_entry;

static int64_t top_key(const rnnp_tensor *x, size_t i)
{
    int32_t bits;

    if (x->dtype == RNNP_DTYPE_U8) return ((const uint8_t *)x->data)[i];
    if (x->dtype != RNNP_DTYPE_F32) return rnnp_integer_at(x, i);
    memcpy(&bits, (const float *)x->data + i, sizeof bits);
    const int64_t size = bits & INT32_MAX;
    return size > 0x7f800000 ? INT32_MAX : bits < 0 ? -size : size;
}

/* Of equal elements, the one with the lower index comes first. */
static int comes_first(const top_entry *a, const top_entry *b, int largest)
{
    if (a->key != b->key) return (a->key > b->key) == largest;
    return a->index < b->index;
}

/* heap[at] goes down to its place; no entry comes after its parent's. */
static void sift(top_entry *heap, size_t n, size_t at, int largest)
{
    const top_entry entry = heap[at];

    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && comes_first(&heap[child], &heap[child + 1], largest)) child++;
        if (comes_first(&heap[child], &entry, largest)) break;
        heap[at] = heap[child];
    }
    heap[at] = entry;
}

static RNNP_SCRATCH(top_workspace)
{
    const size_t axis = rnnp_axis_of(p->node, outputs[0].rank);

    return (size_t)outputs[0].dim[axis] * sizeof(top_entry);
}

/* The k that come first among the n elements of a line; they end in order. */
static void top_line(const rnnp_tensor *x, size_t first, size_t n, size_t step, top_entry *heap, size_t k, int largest)
{
    for (size_t i = 0; i < n; i++) {
        const top_entry entry = {top_key(x, first + i * step), (int64_t)i};

        if (i < k) {
            heap[i] = entry;
            for (size_t at = i + 1 == k ? k / 2 : 0; at-- > 0;) sift(heap, k, at, largest);
        } else if (comes_first(&entry, &heap[0], largest)) {
            heap[0] = entry;
            sift(heap, k, 0, largest);
        }
    }
    for (size_t left = k; left-- > 1;) {
        const top_entry last = heap[0];

        heap[0] = heap[left];
        heap[left] = last;
        sift(heap, left, 0, largest);
    }
}

static RNNP_RUN(top_run)
{
    const rnnp_tensor *x = &inputs[0];
    const size_t axis = rnnp_axis_of(node, x->rank), n = (size_t)x->shape[axis], bytes = rnnp_dtype_bytes(x->dtype);
    const size_t outer = rnnp_shape_product(x, 0, axis), inner = rnnp_shape_product(x, axis + 1, x->rank);
    const size_t k = (size_t)outputs[outputs[0].data ? 0 : 1].shape[axis];
    top_entry *heap = e->workspace;

    for (size_t i = 0; k && i < outer * inner; i++) {
        const size_t from = i / inner * n * inner + i % inner, to = i / inner * k * inner + i % inner;

        top_line(x, from, n, inner, heap, k, ((const top_params *)node->params)->largest);
        for (size_t j = 0; j < k; j++) {
            const size_t at = to + j * inner;

            if (outputs[0].data)
                memcpy((char *)outputs[0].data + at * bytes,
                       (const char *)x->data + (from + (size_t)heap[j].index * inner) * bytes, bytes);
            if (outputs[1].data) ((int64_t *)outputs[1].data)[at] = heap[j].index;
        }
    }
    return RNNP_OK;
}

static RNNP_TIME(top_time)
{
    out_axis[0] = out_axis[1] = in_axis[0];
    if (in_axis[1] != RNNP_TIME_NONE) return RNNP_TIME_UNKNOWN;
    return in_axis[0] == (int)rnnp_axis_of(node, inputs[0].rank) ? RNNP_TIME_MIXED : 0;
}

RNNP_DEFINE_OUTPUTS(TopK, 1, 2, 1, 2, .param_bytes = sizeof(top_params), .parse = top_parse, .infer = top_infer,
                    .run = top_run, .time = top_time, .workspace_bytes = top_workspace);

/* ---- CumSum: from 0, in ascending order, or descending in reverse ---- */

typedef struct cumsum_params {
    int exclusive, reverse;
} cumsum_params;

static rnnp_status cumsum_parse(rnnp_parse *p, void *params)
{
    cumsum_params *cumsum = params;

    cumsum->exclusive = rnnp_parse_int(p, "exclusive", 0) != 0;
    cumsum->reverse = rnnp_parse_int(p, "reverse", 0) != 0;
    return RNNP_OK;
}

static RNNP_INFER(cumsum_infer)
{
    rnnp_status status;
    rnnp_ints axis;
    size_t ignored;
    int known;

    rnnp_meta_like(&outputs[0], &inputs[0]);
    if ((status = rnnp_infer_type(in, inputs, 0, INTEGERS | RNNP_BIT(RNNP_DTYPE_F32))) != RNNP_OK ||
        (status = rnnp_infer_ints(in, inputs, 1, "axis", &axis, &known)) != RNNP_OK)
        return status;
    if (inputs[0].rank == 0) return FAIL(in, RNNP_ERR_SHAPE, "the input is a scalar");
    if (!known) return rnnp_infer_scalar(in, inputs, 1, "axis");
    if (axis.count != 1) return FAIL(in, RNNP_ERR_SHAPE, "axis has %zu elements", axis.count);
    return rnnp_infer_axis(in, axis.at[0], inputs[0].rank, &ignored);
}

static void add_row(const rnnp_exec *e, rnnp_dtype dtype, const char *a, const char *b, char *y, size_t n)
{
    if (dtype == RNNP_DTYPE_F32)
        e->select->op[RNNP_OP_add_f32]->fn.add_f32(&(rnnp_binary_args){.a = (const float *)(const void *)a,
                                                                       .b = (const float *)(const void *)b,
                                                                       .y = (float *)(void *)y,
                                                                       .n = n,
                                                                       .a_step = 1,
                                                                       .b_step = 1});
    else
        rnnp_loops_add.of[dtype](a, b, y, n, 1, 1);
}

static RNNP_RUN(cumsum_run)
{
    const cumsum_params *cumsum = node->params;
    const rnnp_tensor *x = &inputs[0];
    const int64_t given = rnnp_integer_at(&inputs[1], 0), rank = (int64_t)x->rank;
    if (given < -rank || given >= rank)
        return rnnp_node_fail(e->context, node, RNNP_ERR_ARG, "axis %lld of a tensor of rank %lld", (long long)given,
                              (long long)rank);
    const size_t axis = rnnp_axis(given, x->rank), n = (size_t)x->shape[axis];
    const size_t outer = rnnp_shape_product(x, 0, axis), inner = rnnp_shape_product(x, axis + 1, x->rank);
    const size_t row = inner * rnnp_dtype_bytes(x->dtype);

    if (rnnp_tensor_elements(x) == 0) return RNNP_OK;
    for (size_t o = 0; o < outer; o++) {
        const char *from = (const char *)x->data + o * n * row;
        char *to = (char *)outputs[0].data + o * n * row;

        for (size_t k = 0; k < n; k++) {
            const size_t at = (cumsum->reverse ? n - 1 - k : k) * row, before = cumsum->reverse ? at + row : at - row;

            if (k == 0) memset(to + at, 0, row);
            if (cumsum->exclusive && k > 0)
                add_row(e, x->dtype, to + before, from + before, to + at, inner);
            else if (!cumsum->exclusive)
                add_row(e, x->dtype, k ? to + before : to + at, from + at, to + at, inner);
        }
    }
    return RNNP_OK;
}

rnnp_status rnnp_cumsum_turned(const rnnp_exec *e, const rnnp_node *node, const rnnp_tensor *inputs,
                               rnnp_tensor *outputs)
{
    cumsum_params params = *(const cumsum_params *)node->params;
    rnnp_node turned = *node;

    params.reverse = !params.reverse;
    turned.params = &params;
    return cumsum_run(e, &turned, inputs, outputs);
}

static RNNP_TIME(cumsum_time)
{
    rnnp_ints axis;

    out_axis[0] = in_axis[0];
    if (in_axis[1] != RNNP_TIME_NONE || !rnnp_known_ints(node, inputs, 1, &axis)) return RNNP_TIME_UNKNOWN;
    return in_axis[0] == (int)rnnp_axis(axis.at[0], inputs[0].rank) ? RNNP_TIME_MIXED : 0;
}

RNNP_DEFINE(CumSum, 2, 2, .since_opset = 11, .param_bytes = sizeof(cumsum_params), .parse = cumsum_parse,
            .infer = cumsum_infer, .run = cumsum_run, .time = cumsum_time);

/* ---- ReverseSequence: the first steps of each row backwards, as many as its length says ---- */

typedef struct reverse_params {
    int64_t batch_axis, time_axis;
} reverse_params;

static rnnp_status reverse_parse(rnnp_parse *p, void *params)
{
    reverse_params *reverse = params;

    *reverse = (reverse_params){rnnp_parse_int(p, "batch_axis", 1), rnnp_parse_int(p, "time_axis", 0)};
    if (reverse->batch_axis + reverse->time_axis != 1 || (reverse->batch_axis != 0 && reverse->batch_axis != 1))
        return PARSE_FAIL(p, RNNP_ERR_ARG, "batch_axis is %lld and time_axis %lld, which must be 0 and 1 or 1 and 0",
                          (long long)reverse->batch_axis, (long long)reverse->time_axis);
    return RNNP_OK;
}

static RNNP_INFER(reverse_infer)
{
    const reverse_params *reverse = in->node->params;
    const rnnp_status status = rnnp_infer_type(in, inputs, 1, INTEGERS);
    int64_t ignored;

    rnnp_meta_like(&outputs[0], &inputs[0]);
    if (status != RNNP_OK) return status;
    if (inputs[0].rank < 2 || inputs[1].rank != 1)
        return FAIL(in, RNNP_ERR_SHAPE, "the data has rank %zu and the lengths %zu, expected 2 or more and 1",
                    inputs[0].rank, inputs[1].rank);
    return rnnp_infer_same(in, "the batch", inputs[0].dim[reverse->batch_axis], inputs[1].dim[0], &ignored);
}

static RNNP_RUN(reverse_run)
{
    const rnnp_tensor *x = &inputs[0];
    const size_t time = (size_t)((const reverse_params *)node->params)->time_axis;
    const size_t steps = (size_t)x->shape[time], batch = (size_t)x->shape[1 - time];
    const size_t row = rnnp_shape_product(x, 2, x->rank) * rnnp_dtype_bytes(x->dtype);
    const size_t step = time == 0 ? batch * row : row, next = time == 0 ? row : steps * row;

    for (size_t b = 0; b < batch; b++) {
        const int64_t length = rnnp_integer_at(&inputs[1], b);
        const char *from = (const char *)x->data + b * next;
        char *to = (char *)outputs[0].data + b * next;

        if (length < 0 || length > (int64_t)steps)
            return rnnp_node_fail(e->context, node, RNNP_ERR_ARG, "length %zu is %lld, but there are %zu steps", b,
                                  (long long)length, steps);
        for (size_t t = 0; row && t < steps; t++)
            memcpy(to + t * step, from + (t < (size_t)length ? (size_t)length - 1 - t : t) * step, row);
    }
    return RNNP_OK;
}

/* The batch may be what is followed: rows with their lengths. */
static RNNP_TIME(reverse_time)
{
    const reverse_params *reverse = node->params;
    const int with_rows = in_axis[0] == (int)reverse->batch_axis;

    out_axis[0] = in_axis[0];
    if (in_axis[0] == (int)reverse->time_axis) return RNNP_TIME_REVERSED;
    return with_rows == (in_axis[1] != RNNP_TIME_NONE) ? 0 : RNNP_TIME_ELSEWHERE;
}

RNNP_DEFINE(ReverseSequence, 2, 2, .since_opset = 10, .param_bytes = sizeof(reverse_params), .parse = reverse_parse,
            .infer = reverse_infer, .run = reverse_run, .moves = RNNP_MOVES_FIRST, .time = reverse_time);

/* ---- Trilu: one side of a diagonal, zeros on the other ---- */

static rnnp_status trilu_parse(rnnp_parse *p, void *params)
{
    *(int *)params = rnnp_parse_int(p, "upper", 1) != 0;
    return RNNP_OK;
}

static RNNP_INFER(trilu_infer)
{
    rnnp_ints k;
    int known;
    const rnnp_status status = rnnp_infer_ints(in, inputs, 1, "k", &k, &known);

    rnnp_meta_like(&outputs[0], &inputs[0]);
    if (inputs[0].rank < 2)
        return FAIL(in, RNNP_ERR_SHAPE, "the input has rank %zu, expected 2 or more", inputs[0].rank);
    return status != RNNP_OK || rnnp_absent(in->node, 1) ? status : rnnp_infer_scalar(in, inputs, 1, "k");
}

static RNNP_RUN(trilu_run)
{
    const rnnp_tensor *x = &inputs[0];
    const int upper = *(const int *)node->params;
    const int64_t cols = x->shape[x->rank - 1], rows = x->shape[x->rank - 2];
    const size_t bytes = rnnp_dtype_bytes(x->dtype), row = (size_t)cols * bytes;
    int64_t k = inputs[1].data ? rnnp_integer_at(&inputs[1], 0) : 0;
    const char *from = x->data;
    char *to = outputs[0].data;

    if (rnnp_tensor_elements(x) == 0) return RNNP_OK;
    k = k < -rows ? -rows : k > cols ? cols : k; /* further away there is nothing */
    for (size_t i = 0; i < rnnp_shape_product(x, 0, x->rank - 1); i++, from += row, to += row) {
        int64_t first = (int64_t)(i % (size_t)rows) + k + !upper; /* of the upper side */

        first = first < 0 ? 0 : first > cols ? cols : first;
        const size_t split = (size_t)first * bytes;
        memset(upper ? to : to + split, 0, upper ? split : row - split);
        memcpy(upper ? to + split : to, upper ? from + split : from, upper ? row - split : split);
    }
    return RNNP_OK;
}

/* What is left of a step depends on its number. */
static RNNP_TIME(trilu_time)
{
    out_axis[0] = in_axis[0];
    if (in_axis[1] != RNNP_TIME_NONE) return RNNP_TIME_UNKNOWN;
    return in_axis[0] >= (int)inputs[0].rank - 2 ? RNNP_TIME_PICKED : 0;
}

RNNP_DEFINE(Trilu, 1, 2, .since_opset = 14, .param_bytes = sizeof(int), .parse = trilu_parse, .infer = trilu_infer,
            .run = trilu_run, .moves = RNNP_MOVES_FIRST, .time = trilu_time);
