/* SPDX-License-Identifier: Apache-2.0
 *
 * Pooling. A row of results along the last axis is computed at once: for each element of the kernel, in ascending
 * order, the elements of x that it falls on are taken into all results of the row.
 */
#include "arithmetic.h"
#include "params.h"

#include <math.h>

typedef struct pool_params {
    rnnp_window window;
    int counts_padding; /* AveragePool: padding counts as elements of value 0 */
} pool_params;

static int is_max(const rnnp_node *node) { return node->op->family != NULL; }

void rnnp_pool_window(const rnnp_node *node, const rnnp_tensor *x, rnnp_window *w)
{
    rnnp_window_run(&((const pool_params *)node->params)->window, x, NULL, w);
}

/* ---- MaxPool, AveragePool ---- */

static rnnp_status max_parse(rnnp_parse *p, void *params)
{
    pool_params *pool = params;
    const int opset = p->node->opset;

    if (opset >= 8) rnnp_parse_int(p, "storage_order", 0); /* of Indices */
    if (rnnp_wanted(p->node, 1)) return PARSE_FAIL(p, RNNP_ERR_UNSUPPORTED, "output Indices is not supported");
    return rnnp_window_parse(p, opset >= 10 ? RNNP_WINDOW_DILATES | RNNP_WINDOW_ROUNDS : 0, &pool->window);
}

static rnnp_status average_parse(rnnp_parse *p, void *params)
{
    pool_params *pool = params;
    const int opset = p->node->opset;

    if (opset >= 7) pool->counts_padding = rnnp_parse_int(p, "count_include_pad", 0) != 0;
    return rnnp_window_parse(p, (opset >= 10 ? RNNP_WINDOW_ROUNDS : 0u) | (opset >= 19 ? RNNP_WINDOW_DILATES : 0u),
                             &pool->window);
}

static RNNP_INFER(pool_infer)
{
    const pool_params *pool = in->node->params;
    const unsigned types = RNNP_BIT(RNNP_DTYPE_F32) | (is_max(in->node) ? RNNP_BIT(RNNP_DTYPE_U8) : 0);
    const int64_t *dim = inputs[0].dim + 2;
    rnnp_status status;
    rnnp_window w;

    if ((status = rnnp_infer_type(in, inputs, 0, types)) != RNNP_OK ||
        (status = rnnp_window_infer(in, &pool->window, &inputs[0], NULL, &w)) != RNNP_OK)
        return status;
    rnnp_meta_like(&outputs[0], &inputs[0]);
    for (size_t i = 0; i < w.rank; i++) {
        if (dim[i] == 0) return FAIL(in, RNNP_ERR_SHAPE, "spatial axis %zu has no elements", i);
        if (w.pad_begin[i] >= rnnp_window_extent(&w, i) || w.pad_end[i] >= rnnp_window_extent(&w, i))
            return FAIL(in, RNNP_ERR_SHAPE, "pads %lld and %lld along spatial axis %zu, where windows cover %lld",
                        (long long)w.pad_begin[i], (long long)w.pad_end[i], i, (long long)rnnp_window_extent(&w, i));
    }
    return rnnp_window_counts(in, &w, dim, outputs[0].dim + 2);
}

/* The steps k in [from, to), to <= most, for which base + k * step is in [0, size). */
static void within(int64_t base, int64_t step, int64_t most, int64_t size, int64_t *from, int64_t *to)
{
    *from = base < 0 ? (step - 1 - base) / step : 0;
    *to = base >= size ? 0 : (size - 1 - base) / step + 1;
    if (*to > most) *to = most;
    if (*from > *to) *from = *to;
}

/* The next index in [from, to) of n axes, the last one fastest; 0 when there is none. */
static int next(int64_t *index, const int64_t *from, const int64_t *to, size_t n)
{
    while (n-- > 0) {
        if (++index[n] < to[n]) return 1;
        index[n] = from[n];
    }
    return 0;
}

/* How many elements window o of a spatial axis has that count for the mean. */
static int64_t counted(const pool_params *pool, const rnnp_window *w, size_t axis, int64_t size, int64_t o)
{
    int64_t base = o * w->stride[axis] - w->pad_begin[axis], from, to;

    if (pool->counts_padding) {
        base += w->pad_begin[axis];
        size += w->pad_begin[axis] + w->pad_end[axis];
    }
    within(base, w->dilation[axis], w->kernel[axis], size, &from, &to);
    return to - from;
}

int64_t rnnp_pool_elements(const rnnp_node *node, const rnnp_window *w, size_t axis, int64_t size, int64_t o,
                           int64_t *first, int64_t *n)
{
    const int64_t base = o * w->stride[axis] - w->pad_begin[axis];
    int64_t from, to;

    within(base, w->dilation[axis], w->kernel[axis], size, &from, &to);
    *first = base + from * w->dilation[axis];
    *n = to - from;
    return counted(node->params, w, axis, size, o);
}

static void take(rnnp_dtype dtype, int max, const char *from, size_t step, char *to, size_t n)
{
    const float *a = (const float *)(const void *)from;
    float *y = (float *)(void *)to;

    if (max)
        rnnp_loops_max.of[dtype](to, from, to, n, 1, step);
    else
        for (size_t i = 0; i < n; i++) y[i] += a[i * step];
}

/* Results at o of all axes but the last, from a plane of x. */
static void pool_row(const pool_params *pool, const rnnp_window *w, const rnnp_tensor *x, int max, int64_t out,
                     const int64_t *o, const char *plane, char *y)
{
    const int64_t *in = x->shape + 2;
    const size_t bytes = rnnp_dtype_bytes(x->dtype), last = w->rank - 1;
    const int64_t stride = w->stride[last], dilation = w->dilation[last], pad = w->pad_begin[last];
    int64_t from[RNNP_SPATIAL], to[RNNP_SPATIAL], k[RNNP_SPATIAL], begin, end, unused, others = 1;
    int empty = 0;

    for (size_t i = 0; i < last; i++) {
        within(o[i] * w->stride[i] - w->pad_begin[i], w->dilation[i], w->kernel[i], in[i], &from[i], &to[i]);
        empty |= from[i] == to[i];
        k[i] = from[i];
        others *= counted(pool, w, i, in[i], o[i]);
    }
    /* Of the last axis, what some window needs: the last one begins first, the first one ends last. */
    within((out - 1) * stride - pad, dilation, w->kernel[last], in[last], &begin, &unused);
    within(-pad, dilation, w->kernel[last], in[last], &unused, &end);
    do {
        int64_t row = 0;

        for (size_t i = 0; i < last; i++)
            row = row * in[i] + o[i] * w->stride[i] - w->pad_begin[i] + k[i] * w->dilation[i];
        for (int64_t j = begin; j < end && !empty; j++) {
            int64_t first, beyond;

            within(j * dilation - pad, stride, out, in[last], &first, &beyond);
            if (first < beyond)
                take(x->dtype, max, plane + (size_t)(row * in[last] + first * stride + j * dilation - pad) * bytes,
                     (size_t)stride, y + (size_t)first * bytes, (size_t)(beyond - first));
        }
    } while (!empty && next(k, from, to, last));
    for (int64_t i = 0; i < out && !max; i++)
        ((float *)(void *)y)[i] /= (float)(others * counted(pool, w, last, in[last], i));
}

static RNNP_RUN(pool_run)
{
    static const int64_t zeros[RNNP_SPATIAL] = {0};
    const pool_params *pool = node->params;
    const rnnp_tensor longer = e->lead ? rnnp_history_take(e, &inputs[0], e->workspace) : inputs[0];
    const rnnp_tensor *x = &longer, *y = &outputs[0];
    const int max = is_max(node);
    const size_t bytes = rnnp_dtype_bytes(x->dtype), n = rnnp_tensor_elements(y);
    const size_t planes = n ? rnnp_shape_product(x, 0, 2) : 0, plane = rnnp_shape_product(x, 2, x->rank) * bytes;
    char *to = y->data;
    rnnp_window w;

    rnnp_window_run(&pool->window, &inputs[0], NULL, &w);
    if (e->lead) w.pad_begin[e->time_axis - 2] = 0; /* the history is there */
    const int64_t *out = y->shape + 2;
    const size_t last = w.rank - 1, row = (size_t)out[last] * bytes;
    for (size_t i = 0; i < n && max && x->dtype == RNNP_DTYPE_F32; i++) ((float *)y->data)[i] = -INFINITY;
    if (!max || x->dtype != RNNP_DTYPE_F32) memset(to, 0, n * bytes);
    for (size_t p = 0; p < planes; p++) {
        int64_t o[RNNP_SPATIAL] = {0};

        do {
            pool_row(pool, &w, x, max, out[last], o, (const char *)x->data + p * plane, to);
            to += row;
        } while (next(o, zeros, out, last));
    }
    return RNNP_OK;
}

static RNNP_SCRATCH(pool_workspace) { return rnnp_history_bytes(p); }

static size_t pool_work(const rnnp_prepare *p, const rnnp_meta *outputs)
{
    const pool_params *pool = p->node->params;
    size_t work = rnnp_meta_elements(&outputs[0]);

    for (size_t i = 0; i + 2 < outputs[0].rank; i++)
        if (rnnp_mul_overflow(work, (size_t)pool->window.kernel[i], &work)) return SIZE_MAX;
    return work;
}

static RNNP_TIME(pool_time)
{
    out_axis[0] = in_axis[0];
    return 0;
}

/* A history stands for padding: -infinity or zeros, which must count then. */
static int pool_pace(const rnnp_node *node, const rnnp_meta *inputs, size_t time_axis, rnnp_pace *pace)
{
    const pool_params *pool = node->params;
    const rnnp_window *w = &pool->window;
    *pace = (rnnp_pace){.down = 1, .up = 1};
    const int reason = time_axis < 2 ? 0 : rnnp_window_pace(w, time_axis - 2, w->kernel[time_axis - 2], pace);

    if (reason || !pace->lead) return reason;
    if (inputs[0].dtype != RNNP_DTYPE_F32) return RNNP_TIME_MIXED;
    return is_max(node) || pool->counts_padding ? 0 : RNNP_TIME_COUNTED;
}

#define POOL(op_name, most_out, parser, ...)                                                                 \
    RNNP_DEFINE_OUTPUTS(op_name, 1, 1, 1, most_out, .param_bytes = sizeof(pool_params), .parse = (parser),   \
                        .infer = pool_infer, .run = pool_run, .time = pool_time, .multiply_adds = pool_work, \
                        .pace = pool_pace, .workspace_bytes = pool_workspace, __VA_ARGS__)

POOL(MaxPool, 2, max_parse, .family = &rnnp_loops_max, .history_begins = -INFINITY);
POOL(AveragePool, 1, average_parse, .family = NULL);

/* ---- GlobalMaxPool, GlobalAveragePool: a plane is a row of the kernels for rows ---- */

static RNNP_INFER(global_infer)
{
    const rnnp_status status = rnnp_infer_type(in, inputs, 0, RNNP_BIT(RNNP_DTYPE_F32));

    if (status == RNNP_OK && inputs[0].rank < 3)
        return FAIL(in, RNNP_ERR_SHAPE, "an input of rank %zu has no spatial axes", inputs[0].rank);
    rnnp_meta_like(&outputs[0], &inputs[0]);
    for (size_t i = 2; status == RNNP_OK && i < inputs[0].rank; i++) {
        if (inputs[0].dim[i] == 0) return FAIL(in, RNNP_ERR_SHAPE, "spatial axis %zu has no elements", i - 2);
        outputs[0].dim[i] = 1;
    }
    return status;
}

static RNNP_RUN(global_run)
{
    const rnnp_op *kernel = node->op->family;
    const rnnp_tensor *x = &inputs[0];
    const size_t cols = rnnp_shape_product(x, 2, x->rank);

    e->select->op[*kernel]->fn.reduce_max_f32(&(rnnp_row_args){.x = x->data,
                                                               .y = outputs[0].data,
                                                               .rows = rnnp_shape_product(x, 0, 2),
                                                               .cols = cols,
                                                               .ldx = cols,
                                                               .ldy = 1}); /* all row kernels have one type */
    return RNNP_OK;
}

static RNNP_TIME(global_time)
{
    out_axis[0] = in_axis[0];
    return in_axis[0] < 2 ? 0 : RNNP_TIME_MIXED;
}

#define GLOBAL(op_name, op)                                                                   \
    static const rnnp_op kernel_##op_name = RNNP_OP_##op;                                     \
    RNNP_DEFINE(op_name, 1, 1, .infer = global_infer, .run = global_run, .time = global_time, \
                .family = &kernel_##op_name)

GLOBAL(GlobalMaxPool, reduce_max_f32);
GLOBAL(GlobalAveragePool, reduce_mean_f32);
