/* SPDX-License-Identifier: Apache-2.0
 *
 * The arithmetic of windows: attributes, sizes of results, padding.
 */
#include "window.h"

/* Of every number in the attributes, and of an extent: sums of a few of them and of a size do not overflow. */
#define MOST (INT64_C(1) << 31)

/* ---- Attributes ---- */

static rnnp_status parse_auto_pad(rnnp_parse *p, rnnp_auto_pad *auto_pad)
{
    static const char *const names[] = {"NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"};
    const char *name = rnnp_parse_string(p, "auto_pad", names[0]);

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) != 0) continue;
        *auto_pad = (rnnp_auto_pad)i;
        return RNNP_OK;
    }
    return PARSE_FAIL(p, RNNP_ERR_ARG, "auto_pad is %s", name);
}

/* One list of `ends` entries an axis, entries of end j in to[j]; the first list that is there sets the rank. */
static rnnp_status parse_list(rnnp_parse *p, const char *name, int64_t least, rnnp_window *given, size_t ends,
                              int64_t *const *to)
{
    const rnnp_attr *attr = rnnp_parse_attr(p, name, RNNP_ATTR_INTS);

    if (!attr) return RNNP_OK;
    if (attr->count == 0 || attr->count % ends || attr->count / ends > RNNP_SPATIAL)
        return PARSE_FAIL(p, RNNP_ERR_ARG, "%s has %zu entries", name, attr->count);
    if (given->rank && given->rank != attr->count / ends)
        return PARSE_FAIL(p, RNNP_ERR_ARG, "%s has %zu entries for %zu axes", name, attr->count, given->rank);
    given->rank = attr->count / ends;
    for (size_t i = 0; i < attr->count; i++) {
        if (attr->ints[i] < least || attr->ints[i] > MOST)
            return PARSE_FAIL(p, RNNP_ERR_ARG, "%s[%zu] is %lld", name, i, (long long)attr->ints[i]);
        to[i / given->rank][i % given->rank] = attr->ints[i];
    }
    return RNNP_OK;
}

rnnp_status rnnp_window_parse(rnnp_parse *p, unsigned has, rnnp_window *given)
{
    rnnp_status status;

    *given = (rnnp_window){0};
    for (size_t i = 0; i < RNNP_SPATIAL; i++) given->stride[i] = given->dilation[i] = 1;
    if (has & RNNP_WINDOW_ROUNDS) given->rounds_up = rnnp_parse_int(p, "ceil_mode", 0) != 0;
    if ((status = parse_auto_pad(p, &given->auto_pad)) != RNNP_OK ||
        (status = parse_list(p, "kernel_shape", 1, given, 1, (int64_t *[]){given->kernel})) != RNNP_OK)
        return status;
    given->kernel_given = given->rank != 0;
    if ((status = parse_list(p, "strides", 1, given, 1, (int64_t *[]){given->stride})) != RNNP_OK ||
        ((has & RNNP_WINDOW_DILATES) &&
         (status = parse_list(p, "dilations", 1, given, 1, (int64_t *[]){given->dilation})) != RNNP_OK))
        return status;
    if ((status = parse_list(p, "pads", 0, given, 2, (int64_t *[]){given->pad_begin, given->pad_end})) != RNNP_OK)
        return status;
    for (size_t i = 0; i < given->rank && given->auto_pad != RNNP_PAD_GIVEN; i++) {
        if (given->pad_begin[i] || given->pad_end[i])
            return PARSE_FAIL(p, RNNP_ERR_ARG, "pads of axis %zu are %lld and %lld, but auto_pad sets them", i,
                              (long long)given->pad_begin[i], (long long)given->pad_end[i]);
    }
    return RNNP_OK;
}

/* ---- The window ---- */

static void fill(const rnnp_window *given, size_t rank, const int64_t *kernel, rnnp_window *w)
{
    *w = *given;
    w->rank = rank;
    for (size_t i = 0; i < rank && !given->kernel_given; i++) w->kernel[i] = kernel[i];
}

rnnp_status rnnp_window_infer(rnnp_infer *in, const rnnp_window *given, const rnnp_meta *x, const int64_t *kernel,
                              rnnp_window *w)
{
    rnnp_status status;
    int64_t agreed, last;

    if (x->rank < 3) return FAIL(in, RNNP_ERR_SHAPE, "an input of rank %zu has no spatial axes", x->rank);
    const size_t rank = x->rank - 2;
    if (given->rank && given->rank != rank)
        return FAIL(in, RNNP_ERR_SHAPE, "attributes for %zu spatial axes, but the input has %zu", given->rank, rank);
    if (!kernel && !given->kernel_given) return FAIL(in, RNNP_ERR_ARG, "kernel_shape is missing");
    fill(given, rank, kernel, w);
    for (size_t i = 0; i < rank; i++) {
        if (kernel && (status = rnnp_infer_same(in, "a kernel size", w->kernel[i], kernel[i], &agreed)) != RNNP_OK)
            return status;
        if (rnnp_dim_is_symbol(w->kernel[i])) continue;
        if (w->kernel[i] < 1 || __builtin_mul_overflow(w->kernel[i] - 1, w->dilation[i], &last) || last >= MOST)
            return FAIL(in, RNNP_ERR_SHAPE, "a kernel of %lld with dilation %lld along spatial axis %zu",
                        (long long)w->kernel[i], (long long)w->dilation[i], i);
    }
    return RNNP_OK;
}

void rnnp_window_split(rnnp_window *w, size_t axis, int64_t total)
{
    const int64_t less = total / 2, more = total - less;

    w->pad_begin[axis] = w->auto_pad == RNNP_PAD_SAME_UPPER ? less : more;
    w->pad_end[axis] = total - w->pad_begin[axis];
}

static int pads_to_same(const rnnp_window *w)
{
    return w->auto_pad == RNNP_PAD_SAME_UPPER || w->auto_pad == RNNP_PAD_SAME_LOWER;
}

static void pad_to_same(rnnp_window *w, size_t i, int64_t dim)
{
    const int64_t before_last = (dim - 1) / w->stride[i] * w->stride[i];
    const int64_t total = before_last + rnnp_window_extent(w, i) - dim;

    if (pads_to_same(w)) rnnp_window_split(w, i, total > 0 && dim > 0 ? total : 0);
}

void rnnp_window_run(const rnnp_window *given, const rnnp_tensor *x, const int64_t *kernel, rnnp_window *w)
{
    fill(given, x->rank - 2, kernel, w);
    for (size_t i = 0; i < w->rank; i++) pad_to_same(w, i, x->shape[2 + i]);
}

/* ---- Sizes of results ---- */

/* 0 where not even one fits; only pads to the same size leave none over nothing. */
static int64_t windows(const rnnp_window *w, size_t i, int64_t dim)
{
    const int64_t stride = w->stride[i], rest = dim + w->pad_begin[i] + w->pad_end[i] - rnnp_window_extent(w, i);

    if (pads_to_same(w)) return dim / stride + (dim % stride != 0);
    if (rest < 0) return 0;
    const int64_t count = rest / stride + 1;
    /* One more, unless it would begin in the padding behind the input. */
    return count +
           (w->rounds_up && w->auto_pad == RNNP_PAD_GIVEN && rest % stride && count * stride < dim + w->pad_begin[i]);
}

static rnnp_status count_windows(rnnp_infer *in, const rnnp_window *w, size_t i, int64_t dim, int64_t *count)
{
    if (dim > INT64_MAX / 2) return FAIL(in, RNNP_ERR_SHAPE, "spatial axis %zu has %lld elements", i, (long long)dim);
    *count = windows(w, i, dim);
    if (*count == 0 && !pads_to_same(w))
        return FAIL(in, RNNP_ERR_SHAPE,
                    "a kernel that covers %lld elements along spatial axis %zu, which has %lld with pads %lld and %lld",
                    (long long)rnnp_window_extent(w, i), i, (long long)dim, (long long)w->pad_begin[i],
                    (long long)w->pad_end[i]);
    return RNNP_OK;
}

rnnp_status rnnp_window_counts(rnnp_infer *in, const rnnp_window *w, const int64_t *dim, int64_t *count)
{
    for (size_t i = 0; i < w->rank; i++) {
        const int kernel_known = !rnnp_dim_is_symbol(w->kernel[i]);

        if (!rnnp_dim_is_symbol(dim[i]) && (kernel_known || pads_to_same(w))) {
            const rnnp_status status = count_windows(in, w, i, dim[i], &count[i]);

            if (status != RNNP_OK) return status;
            continue;
        }
        /* With stride 1, padding that makes up for the kernel keeps a size of which nothing is known. */
        const int keeps =
            w->stride[i] == 1 &&
            (pads_to_same(w) || (kernel_known && w->pad_begin[i] + w->pad_end[i] == rnnp_window_extent(w, i) - 1));
        count[i] = keeps ? dim[i] : rnnp_dim_unknown(in);
    }
    return RNNP_OK;
}

/* ---- Streams ---- */

int rnnp_window_pace(const rnnp_window *given, size_t axis, int64_t kernel, rnnp_pace *pace)
{
    rnnp_window w = *given;

    w.kernel[axis] = kernel;
    const int64_t extent = rnnp_window_extent(&w, axis), stride = w.stride[axis];
    pad_to_same(&w, axis, extent * stride); /* any multiple of the stride in which a window fits */
    *pace = (rnnp_pace){stride, 1, (size_t)w.pad_begin[axis], extent, {w.pad_begin[axis], w.pad_end[axis]}};
    return w.pad_begin[axis] >= extent - stride && windows(&w, axis, extent * stride) == extent ? 0 : RNNP_TIME_AHEAD;
}

size_t rnnp_history_bytes(const rnnp_prepare *p)
{
    rnnp_tensor x = rnnp_meta_tensor(&p->inputs[0], NULL);

    x.shape[p->time_axis] += (int64_t)p->lead;
    return p->lead ? rnnp_align64(rnnp_tensor_elements(&x) * sizeof(float)) : 0;
}

rnnp_tensor rnnp_history_take(const rnnp_exec *e, const rnnp_tensor *x, void *memory)
{
    const size_t axis = (size_t)e->time_axis, inner = rnnp_shape_product(x, axis + 1, x->rank);
    const size_t blocks = rnnp_shape_product(x, 1, axis), step = (size_t)x->shape[axis] * inner, lead = e->lead * inner;
    rnnp_tensor longer = *x;
    const float *from = x->data;
    float *history = e->state, *to = memory;

    longer.shape[axis] += (int64_t)e->lead;
    longer.data = memory;
    for (size_t i = 0; i < (size_t)x->shape[0] * blocks; i++, to += lead + step, from += step, history += lead) {
        const size_t taken = e->lengths ? (size_t)e->lengths[i / blocks] * inner : step;

        memcpy(to, history, lead * sizeof *to);
        memcpy(to + lead, from, step * sizeof *to);
        memcpy(history, to + taken, lead * sizeof *to);
    }
    return longer;
}
