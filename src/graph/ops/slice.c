/* SPDX-License-Identifier: Apache-2.0
 *
 * Slice and Split: parts of an axis.
 */
#include "params.h"

/* ---- Slice: attributes before opset 10, inputs since ---- */

/* Per entry of the lists; axes default to 0, 1, ... and steps to 1. */
typedef struct slice_lists {
    rnnp_ints starts, ends, axes, steps;
} slice_lists;

static rnnp_status slice_parse(rnnp_parse *p, void *params)
{
    slice_lists *lists = params;
    rnnp_status status;

    if (p->node->opset >= 10) {
        if (p->node->n_inputs < 3) return PARSE_FAIL(p, RNNP_ERR_ARG, "starts and ends are missing");
        return RNNP_OK;
    }
    if (p->node->n_inputs > 1) return PARSE_FAIL(p, RNNP_ERR_ARG, "starts are an attribute before opset 10");
    if ((status = rnnp_parse_ints(p, "starts", &lists->starts)) != RNNP_OK ||
        (status = rnnp_parse_ints(p, "ends", &lists->ends)) != RNNP_OK)
        return status;
    return rnnp_parse_ints(p, "axes", &lists->axes);
}

/* One axis of the input: elements start, start + step, ... */
typedef struct slice_axis {
    int64_t start, step, count;
    enum { SLICE_SOME, SLICE_ALL, SLICE_LAST } kind;
} slice_axis;

static int64_t clamp(int64_t i, int64_t low, int64_t high) { return i < low ? low : i > high ? high : i; }

/* By the text of Slice-13, which says in full what older texts mean: going backwards, a start before the first element
 * is the first element, while an end there is before it. step != 0; count is RNNP_DYNAMIC where a symbol decides. */
static slice_axis slice_one(int64_t dim, int64_t start, int64_t end, int64_t step)
{
    const int to_end = end >= INT32_MAX || end == dim;
    slice_axis s = {.step = step, .count = RNNP_DYNAMIC};

    if (step == 1 && start == 0 && to_end) s = (slice_axis){0, 1, dim, SLICE_ALL};
    if (step == 1 && start == -1 && to_end) s = (slice_axis){0, 1, 1, SLICE_LAST};
    if (step == -1 && start == -1 && end <= -INT32_MAX && !rnnp_dim_is_symbol(end)) s.count = dim; /* all, backwards */
    if (rnnp_dim_is_symbol(dim) || rnnp_dim_is_symbol(start) || rnnp_dim_is_symbol(end) || rnnp_dim_is_symbol(step))
        return s;
    const int64_t last = dim > 0 ? dim - 1 : 0;
    start += start < 0 ? dim : 0;
    end += end < 0 ? dim : 0;
    start = step > 0 ? clamp(start, 0, dim) : clamp(start, 0, last);
    end = step > 0 ? clamp(end, 0, dim) : clamp(end, -1, last);
    const uint64_t stride = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
    const int64_t span = dim == 0 ? 0 : step > 0 ? end - start : start - end;
    s.start = start;
    s.count = span <= 0 ? 0 : (int64_t)(((uint64_t)span - 1) / stride + 1);
    return s;
}

static int64_t list_at(const rnnp_ints *list, size_t i, int64_t fallback)
{
    return list->given ? list->at[i] : fallback;
}

/* For checked lists: what happens to each axis of x. */
static void slice_axes(const slice_lists *lists, size_t rank, const int64_t *dims, slice_axis *axes)
{
    for (size_t i = 0; i < rank; i++) axes[i] = (slice_axis){0, 1, dims[i], SLICE_ALL};
    for (size_t i = 0; i < lists->starts.count; i++) {
        const size_t axis = rnnp_axis(list_at(&lists->axes, i, (int64_t)i), rank);

        axes[axis] = slice_one(dims[axis], lists->starts.at[i], lists->ends.at[i], list_at(&lists->steps, i, 1));
    }
}

/* The lists of the inputs after infer(); 0 when one of them is not known. */
static int slice_lists_known(const rnnp_node *node, const rnnp_meta *inputs, slice_lists *lists)
{
    *lists = *(const slice_lists *)node->params;
    return rnnp_known_ints(node, inputs, 1, &lists->starts) && rnnp_known_ints(node, inputs, 2, &lists->ends) &&
           rnnp_known_ints(node, inputs, 3, &lists->axes) && rnnp_known_ints(node, inputs, 4, &lists->steps);
}

/* The same when the node runs. */
static slice_lists slice_lists_of(const rnnp_node *node, const rnnp_tensor *inputs)
{
    slice_lists lists = *(const slice_lists *)node->params;
    rnnp_ints *const list[] = {&lists.starts, &lists.ends, &lists.axes, &lists.steps};

    for (size_t i = 1; i < node->n_inputs; i++) {
        if (!rnnp_absent(node, i)) rnnp_run_ints(&inputs[i], list[i - 1]);
    }
    return lists;
}

static rnnp_status slice_check(rnnp_infer *in, const slice_lists *lists, size_t rank)
{
    const size_t n = lists->starts.count;
    rnnp_ints axes = lists->axes;
    unsigned mask;

    if (lists->ends.count != n || (axes.given && axes.count != n) || (lists->steps.given && lists->steps.count != n))
        return FAIL(in, RNNP_ERR_SHAPE, "starts, ends, axes and steps have different lengths");
    for (size_t i = 0; i < n && !axes.given; i++) axes.at[i] = (int64_t)i;
    axes.count = n;
    for (size_t i = 0; i < n; i++) {
        const int64_t step = list_at(&lists->steps, i, 1);

        if (step == 0) return FAIL(in, RNNP_ERR_SHAPE, "a step is 0");
    }
    return rnnp_infer_axes(in, &axes, rank, &mask);
}

/* Lists that depend on data: which axes they cut. Their lengths are known when a run is made. */
static rnnp_status slice_unknown(rnnp_infer *in, const rnnp_meta *inputs, rnnp_meta *out)
{
    const rnnp_meta *starts = &inputs[1], *x = &inputs[0];
    const int64_t n = starts->rank == 0 ? 1 : starts->dim[0];
    unsigned mask = (1u << x->rank) - 1;
    rnnp_ints axes = {0};
    rnnp_status status;
    int known = 1;

    if ((status = rnnp_infer_ints(in, inputs, 3, "axes", &axes, &known)) != RNNP_OK) return status;
    if (!rnnp_dim_is_symbol(n) && (n > (int64_t)x->rank || (axes.given && known && n != (int64_t)axes.count)))
        return FAIL(in, RNNP_ERR_SHAPE, "%lld starts for %zu axes", (long long)n,
                    axes.given && known ? axes.count : x->rank);
    if (axes.given && known && (status = rnnp_infer_axes(in, &axes, x->rank, &mask)) != RNNP_OK) return status;
    if (!axes.given && !rnnp_dim_is_symbol(n)) mask = (1u << n) - 1;
    for (size_t i = 0; i < x->rank; i++) {
        if (mask >> i & 1) out->dim[i] = rnnp_dim_unknown(in);
    }
    return RNNP_OK;
}

static RNNP_INFER(slice_infer)
{
    static const char *const names[] = {"starts", "ends", "axes", "steps"};
    const rnnp_meta *x = &inputs[0];
    slice_axis axes[RNNP_MAX_RANK];
    slice_lists lists;
    rnnp_ints ignored;
    rnnp_status status;
    int known;

    for (size_t i = 1; i < in->node->n_inputs; i++) { /* types and lengths */
        if ((status = rnnp_infer_ints(in, inputs, i, names[i - 1], &ignored, &known)) != RNNP_OK) return status;
    }
    rnnp_meta_like(&outputs[0], x);
    if (!slice_lists_known(in->node, inputs, &lists)) return slice_unknown(in, inputs, &outputs[0]);
    if ((status = slice_check(in, &lists, x->rank)) != RNNP_OK) return status;
    slice_axes(&lists, x->rank, x->dim, axes);
    for (size_t i = 0; i < x->rank; i++)
        outputs[0].dim[i] = axes[i].count == RNNP_DYNAMIC ? rnnp_dim_unknown(in) : axes[i].count;
    return RNNP_OK;
}

void rnnp_slice_steps(const rnnp_node *node, const rnnp_tensor *inputs, ptrdiff_t *base, ptrdiff_t *step)
{
    const rnnp_tensor *x = &inputs[0];
    const slice_lists lists = slice_lists_of(node, inputs);
    slice_axis axes[RNNP_MAX_RANK];

    *base = 0;
    slice_axes(&lists, x->rank, x->shape, axes);
    rnnp_dense_steps(x, step);
    for (size_t i = 0; i < x->rank; i++) {
        *base += (ptrdiff_t)axes[i].start * step[i];
        step[i] = axes[i].count > 1 ? step[i] * (ptrdiff_t)axes[i].step : 0; /* a huge step is taken at most 0 times */
    }
}

static RNNP_RUN(slice_run)
{
    ptrdiff_t step[RNNP_MAX_RANK], base;

    if (rnnp_tensor_elements(&outputs[0]) == 0) return RNNP_OK;
    rnnp_slice_steps(node, inputs, &base, step);
    rnnp_copy_strided(e->select, &outputs[0], inputs[0].data, base, step);
    return RNNP_OK;
}

static RNNP_VIEWS(slice_view)
{
    slice_axis axes[RNNP_MAX_RANK];
    slice_lists lists;

    if (!rnnp_same_dims(&inputs[0], &outputs[0]) || !slice_lists_known(node, inputs, &lists)) return 0;
    slice_axes(&lists, inputs[0].rank, inputs[0].dim, axes);
    for (size_t i = 0; i < inputs[0].rank; i++) {
        if (axes[i].step < 0) return 0;
    }
    return 1;
}

/* All of time, or the last step. */
static RNNP_TIME(slice_time)
{
    slice_axis axes[RNNP_MAX_RANK];
    slice_lists lists;

    out_axis[0] = in_axis[0];
    if (in_axis[0] == RNNP_TIME_NONE) return 0;
    if (!slice_lists_known(node, inputs, &lists)) return RNNP_TIME_UNKNOWN;
    slice_axes(&lists, inputs[0].rank, inputs[0].dim, axes);
    if (axes[in_axis[0]].kind == SLICE_LAST) out_axis[0] = RNNP_TIME_NONE;
    return axes[in_axis[0]].kind == SLICE_SOME ? RNNP_TIME_PICKED : 0;
}

RNNP_DEFINE(Slice, 1, 5, .param_bytes = sizeof(slice_lists), .parse = slice_parse, .infer = slice_infer,
            .run = slice_run, .moves = RNNP_MOVES_FIRST, .view = slice_view, .time = slice_time);

/* ---- Split: sizes from an attribute (before opset 13), an input, or equal parts ---- */

typedef struct split_params {
    int64_t axis;
    int64_t *sizes; /* NULL: not an attribute */
    size_t n_sizes;
    int rounds_up; /* num_outputs: the last part may be smaller */
} split_params;

static rnnp_status split_parse(rnnp_parse *p, void *params)
{
    split_params *split = params;

    split->axis = rnnp_parse_int(p, "axis", 0);
    if (p->node->opset < 13) {
        const rnnp_attr *sizes = rnnp_parse_attr(p, "split", RNNP_ATTR_INTS);

        if (p->node->n_inputs > 1) return PARSE_FAIL(p, RNNP_ERR_ARG, "split is an attribute before opset 13");
        if (!sizes) return RNNP_OK;
        split->n_sizes = sizes->count;
        split->sizes = rnnp_model_alloc(p->model, sizes->count * sizeof *split->sizes);
        if (!split->sizes) return RNNP_ERR_MEMORY;
        rnnp_copy(split->sizes, sizes->ints, sizes->count * sizeof *split->sizes);
    } else if (p->node->opset >= 18) {
        const int64_t n = rnnp_parse_int(p, "num_outputs", -1);

        split->rounds_up = n != -1;
        if (split->rounds_up && (n != (int64_t)p->node->n_outputs || !rnnp_absent(p->node, 1)))
            return PARSE_FAIL(p, RNNP_ERR_ARG, "num_outputs is %lld but there are %zu outputs, or sizes too",
                              (long long)n, p->node->n_outputs);
    }
    return RNNP_OK;
}

/* Size of part i, from checked numbers; sizes is the tensor of input 1 or absent. */
static int64_t split_size(const rnnp_node *node, const rnnp_tensor *sizes, int64_t dim, size_t i)
{
    const split_params *split = node->params;
    const int64_t n = (int64_t)node->n_outputs;

    if (split->sizes) return split->sizes[i];
    if (sizes->dtype) return rnnp_integer_at(sizes, i);
    const int64_t part = (dim + n - 1) / n, before = part * (int64_t)i;
    return dim - before < part ? dim - before : part;
}

static RNNP_INFER(split_infer)
{
    const split_params *split = in->node->params;
    const rnnp_node *node = in->node;
    const rnnp_tensor sizes = rnnp_known_tensor(&inputs[1]);
    const int has_input = !rnnp_absent(node, 1);
    int64_t total = 0;
    rnnp_status status;
    size_t axis = 0;

    if ((status = rnnp_infer_axis(in, split->axis, inputs[0].rank, &axis)) != RNNP_OK ||
        (has_input &&
         (status = rnnp_infer_type(in, inputs, 1, RNNP_BIT(RNNP_DTYPE_I64) | RNNP_BIT(RNNP_DTYPE_I32))) != RNNP_OK))
        return status;
    const int64_t dim = inputs[0].dim[axis];
    if (dim > INT64_MAX / 2) return FAIL(in, RNNP_ERR_SHAPE, "axis %zu has %lld elements", axis, (long long)dim);
    const int sized = split->sizes || (has_input && sizes.data);
    const size_t n_sizes = split->sizes ? split->n_sizes : has_input ? rnnp_meta_elements(&inputs[1]) : node->n_outputs;
    if ((sized || (has_input && n_sizes != SIZE_MAX)) && n_sizes != node->n_outputs)
        return FAIL(in, RNNP_ERR_SHAPE, "%zu sizes for %zu outputs", n_sizes, node->n_outputs);
    if (!has_input && !split->sizes && !split->rounds_up && !rnnp_dim_is_symbol(dim) && dim % (int64_t)node->n_outputs)
        return FAIL(in, RNNP_ERR_SHAPE, "%lld elements do not split into %zu equal parts", (long long)dim,
                    node->n_outputs);
    for (size_t i = 0; i < node->n_outputs; i++) {
        rnnp_meta_like(&outputs[i], &inputs[0]);
        outputs[i].dim[axis] = rnnp_dim_unknown(in);
        if (!sized && (has_input || rnnp_dim_is_symbol(dim))) continue;
        const int64_t size = split_size(node, &sizes, dim, i);
        if (rnnp_dim_is_symbol(size)) {
            total = RNNP_DYNAMIC;
            outputs[i].dim[axis] = size;
            continue;
        }
        if (size < 0 || size > INT64_MAX / 2)
            return FAIL(in, RNNP_ERR_SHAPE, "part %zu has size %lld", i, (long long)size);
        outputs[i].dim[axis] = size;
        if (total != RNNP_DYNAMIC && __builtin_add_overflow(total, size, &total))
            return FAIL(in, RNNP_ERR_SHAPE, "the sizes are too large");
    }
    if (sized && total != RNNP_DYNAMIC && !rnnp_dim_is_symbol(dim) && total != dim)
        return FAIL(in, RNNP_ERR_SHAPE, "the sizes sum to %lld, but axis %zu has %lld elements", (long long)total, axis,
                    (long long)dim);
    return RNNP_OK;
}

size_t rnnp_split_size(const rnnp_node *node, const rnnp_tensor *inputs, size_t i)
{
    const int64_t dim = inputs[0].shape[rnnp_axis_of(node, inputs[0].rank)];

    return (size_t)split_size(node, &inputs[1], dim, i);
}

static RNNP_RUN(split_run)
{
    const rnnp_tensor *x = &inputs[0];
    const size_t axis = rnnp_axis_of(node, x->rank), outer = rnnp_shape_product(x, 0, axis);
    const size_t row = rnnp_shape_product(x, axis + 1, x->rank) * rnnp_dtype_bytes(x->dtype);
    const size_t whole = (size_t)x->shape[axis] * row;
    size_t at = 0;

    for (size_t i = 0; i < node->n_outputs && row > 0; i++) {
        const size_t part = rnnp_split_size(node, inputs, i) * row;

        for (size_t o = 0; o < outer && part && outputs[i].data; o++)
            rnnp_copy((char *)outputs[i].data + o * part, (const char *)x->data + o * whole + at, part);
        at += part;
    }
    return RNNP_OK;
}

static RNNP_TIME(split_time)
{
    for (size_t i = 0; i < node->n_outputs; i++) out_axis[i] = in_axis[0];
    return in_axis[0] == (int)rnnp_axis_of(node, inputs[0].rank) ? RNNP_TIME_PICKED : 0;
}

RNNP_DEFINE_OUTPUTS(Split, 1, 2, 1, 255, .param_bytes = sizeof(split_params), .parse = split_parse,
                    .infer = split_infer, .run = split_run, .moves = RNNP_MOVES_FIRST, .time = split_time);
