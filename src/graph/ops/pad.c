/* SPDX-License-Identifier: Apache-2.0
 *
 * Pad: elements put around a tensor; a negative pad takes elements away. Pads are an attribute before opset 11, an
 * input since.
 */
#include "params.h"

enum { X, PADS, VALUE, AXES };

typedef enum pad_mode { PAD_CONSTANT, PAD_REFLECT, PAD_EDGE, PAD_WRAP } pad_mode;

typedef struct pad_params {
    pad_mode mode;
    float value;
    size_t n_pads; /* of the attribute */
    int64_t pads[2 * RNNP_MAX_RANK];
} pad_params;

static rnnp_status pad_parse_lists(rnnp_parse *p, pad_params *pad)
{
    const rnnp_attr *pads = rnnp_parse_attr(p, "pads", RNNP_ATTR_INTS);

    if (p->node->n_inputs > 1) return PARSE_FAIL(p, RNNP_ERR_ARG, "pads are an attribute before opset 11");
    if (!pads) return PARSE_FAIL(p, RNNP_ERR_ARG, "there are no pads");
    if (pads->count > 2 * RNNP_MAX_RANK)
        return PARSE_FAIL(p, RNNP_ERR_UNSUPPORTED, "pads has %zu entries, above %d", pads->count, 2 * RNNP_MAX_RANK);
    pad->n_pads = pads->count;
    rnnp_copy(pad->pads, pads->ints, pads->count * sizeof *pads->ints);
    pad->value = rnnp_parse_float(p, "value", 0.0f);
    return RNNP_OK;
}

static rnnp_status pad_parse(rnnp_parse *p, void *params)
{
    static const char *const modes[] = {"constant", "reflect", "edge", "wrap"};
    const char *mode = rnnp_parse_string(p, "mode", "constant");
    const int most = p->node->opset >= 19 ? PAD_WRAP : PAD_EDGE;
    pad_params *pad = params;
    int m = 0;

    while (m <= most && strcmp(mode, modes[m]) != 0) m++;
    if (m > most)
        return PARSE_FAIL(p, RNNP_ERR_UNSUPPORTED, "mode %.40s is not known in opset %d", mode, p->node->opset);
    pad->mode = (pad_mode)m;
    if (p->node->opset < 11) return pad_parse_lists(p, pad);
    if (rnnp_absent(p->node, PADS)) return PARSE_FAIL(p, RNNP_ERR_ARG, "there are no pads");
    if (p->node->opset < 18 && !rnnp_absent(p->node, AXES))
        return PARSE_FAIL(p, RNNP_ERR_ARG, "axes are an input since opset 18");
    return RNNP_OK;
}

/* ---- What happens to each axis ---- */

/* Pads by axis; symbols while they are not known in full. */
typedef struct pad_sides {
    int64_t before[RNNP_MAX_RANK], after[RNNP_MAX_RANK];
} pad_sides;

static int64_t pad_entry(const pad_params *pad, const rnnp_tensor *pads, size_t i)
{
    return pads->dtype ? rnnp_integer_at(pads, i) : pad->pads[i];
}

/* Of checked lists; 0 when they are not known. */
static int pad_sides_of(const rnnp_node *node, size_t rank, const rnnp_tensor *pads, const rnnp_tensor *axes,
                        pad_sides *sides)
{
    const pad_params *pad = node->params;
    rnnp_ints list;

    *sides = (pad_sides){{0}, {0}};
    if ((pads->dtype && !rnnp_tensor_known(pads)) || (axes->dtype && !rnnp_tensor_known(axes))) return 0;
    rnnp_run_ints(axes, &list);
    const size_t n = list.given ? list.count : rank;
    for (size_t i = 0; i < n; i++) {
        const size_t axis = list.given ? rnnp_axis(list.at[i], rank) : i;

        sides->before[axis] = pad_entry(pad, pads, i);
        sides->after[axis] = pad_entry(pad, pads, n + i);
    }
    return 1;
}

static int pad_sides_known(const rnnp_node *node, const rnnp_meta *inputs, pad_sides *sides)
{
    rnnp_tensor pads = {0}, axes = {0};

    if (!rnnp_absent(node, PADS)) pads = rnnp_known_tensor(&inputs[PADS]);
    if (!rnnp_absent(node, AXES)) axes = rnnp_known_tensor(&inputs[AXES]);
    return pad_sides_of(node, inputs[X].rank, &pads, &axes, sides);
}

int rnnp_pad_is_zeros(const rnnp_node *node, const rnnp_meta *inputs, int64_t *before, int64_t *after)
{
    const pad_params *pad = node->params;
    const int given = !rnnp_absent(node, VALUE);
    const float *known = given ? inputs[VALUE].known : &pad->value;
    pad_sides sides;

    if (pad->mode != PAD_CONSTANT || inputs[X].dtype != RNNP_DTYPE_F32 || !known || *known != 0 || signbit(*known) ||
        !pad_sides_known(node, inputs, &sides))
        return 0;
    for (size_t i = 0; i < inputs[X].rank; i++) {
        if (sides.before[i] < 0 || sides.after[i] < 0 || rnnp_dim_is_symbol(sides.before[i]) ||
            rnnp_dim_is_symbol(sides.after[i]))
            return 0;
    }
    memcpy(before, sides.before, sizeof sides.before);
    memcpy(after, sides.after, sizeof sides.after);
    return 1;
}

/* Elements [low, high) of an axis stay, and the first of them is preceded by so many others. */
typedef struct pad_axis {
    int64_t before, low, high;
} pad_axis;

static pad_axis pad_axis_of(int64_t dim, int64_t before, int64_t after)
{
    pad_axis axis = {before, before < 0 ? -before : 0, after < 0 ? dim + after : dim};

    if (axis.low > axis.high) axis.low = axis.high = 0;
    return axis;
}

static rnnp_status padded_dim(rnnp_infer *in, size_t axis, int64_t dim, int64_t before, int64_t after, int64_t *out)
{
    const pad_params *pad = in->node->params;
    int64_t grown;

    if (rnnp_dim_is_symbol(before) || rnnp_dim_is_symbol(after) || rnnp_dim_is_symbol(dim)) {
        *out = !rnnp_dim_is_symbol(before) && before == -after ? dim : rnnp_dim_unknown(in);
        return RNNP_OK;
    }
    if (__builtin_add_overflow(dim, before, &grown) || __builtin_add_overflow(grown, after, out) || before == INT64_MIN)
        return FAIL(in, RNNP_ERR_SHAPE, "pads %lld and %lld of axis %zu are too large", (long long)before,
                    (long long)after, axis);
    if (*out < 0)
        return FAIL(in, RNNP_ERR_SHAPE, "axis %zu has %lld elements, too few for pads %lld and %lld", axis,
                    (long long)dim, (long long)before, (long long)after);
    const pad_axis kept = pad_axis_of(dim, before, after);
    if (pad->mode != PAD_CONSTANT && *out > 0 && kept.low == kept.high)
        return FAIL(in, RNNP_ERR_SHAPE, "axis %zu has no elements to repeat", axis);
    return RNNP_OK;
}

static rnnp_status pad_check(rnnp_infer *in, const rnnp_meta *inputs)
{
    const pad_params *pad = in->node->params;
    const rnnp_meta *pads = &inputs[PADS];
    const size_t rank = inputs[X].rank;
    rnnp_status status;
    rnnp_ints axes;
    unsigned mask;

    if ((status = rnnp_infer_ints(in, inputs, AXES, "axes", &axes, NULL)) != RNNP_OK ||
        (status = rnnp_infer_axes(in, &axes, rank, &mask)) != RNNP_OK)
        return status;
    if (pads->dtype) {
        if ((status = rnnp_infer_type(in, inputs, PADS, RNNP_BIT(RNNP_DTYPE_I64) | RNNP_BIT(RNNP_DTYPE_I32))) !=
            RNNP_OK)
            return status;
        if (pads->rank != 1) return FAIL(in, RNNP_ERR_SHAPE, "pads has rank %zu", pads->rank);
    }
    const int64_t n_pads = pads->dtype ? pads->dim[0] : (int64_t)pad->n_pads;
    const size_t n = axes.given ? axes.count : rank;
    if (!rnnp_dim_is_symbol(n_pads) && n_pads != (int64_t)(2 * n))
        return FAIL(in, RNNP_ERR_SHAPE, "%lld pads for %zu axes, expected %zu", (long long)n_pads, n, 2 * n);
    if (pad->value != 0.0f) return rnnp_infer_type(in, inputs, X, RNNP_BIT(RNNP_DTYPE_F32) | RNNP_BIT(RNNP_DTYPE_F64));
    if (pad->mode != PAD_CONSTANT || rnnp_absent(in->node, VALUE)) return RNNP_OK;
    status = rnnp_infer_same_type(in, inputs, X, VALUE);
    return status == RNNP_OK ? rnnp_infer_scalar(in, inputs, VALUE, "constant_value") : status;
}

static RNNP_INFER(pad_infer)
{
    rnnp_status status = pad_check(in, inputs);
    pad_sides sides;

    rnnp_meta_like(&outputs[0], &inputs[X]);
    if (status != RNNP_OK) return status;
    const int known = pad_sides_known(in->node, inputs, &sides);
    for (size_t i = 0; status == RNNP_OK && i < inputs[X].rank; i++) {
        if (known)
            status = padded_dim(in, i, inputs[X].dim[i], sides.before[i], sides.after[i], &outputs[0].dim[i]);
        else
            outputs[0].dim[i] = rnnp_dim_unknown(in);
    }
    return status;
}

/* ---- Execution ---- */

/* The element that is at i of the result, or -1 for the constant. */
static int64_t pad_source(pad_mode mode, const pad_axis *axis, int64_t i)
{
    const int64_t at = i - axis->before, n = axis->high - axis->low, period = mode == PAD_REFLECT ? 2 * n - 2 : n;
    int64_t from = at - axis->low;

    if (from >= 0 && from < n) return at;
    if (mode == PAD_CONSTANT) return -1;
    if (mode == PAD_EDGE) return from < 0 ? axis->low : axis->high - 1;
    if (period == 0) return axis->low;
    from %= period;
    if (from < 0) from += period;
    return axis->low + (from < n ? from : period - from);
}

void rnnp_pad_sources(const rnnp_node *node, const rnnp_tensor *inputs, size_t axis, int64_t n, int64_t *from)
{
    pad_sides sides;

    pad_sides_of(node, inputs[X].rank, &inputs[PADS], &inputs[AXES], &sides);
    const pad_axis a = pad_axis_of(inputs[X].shape[axis], sides.before[axis], sides.after[axis]);
    for (int64_t i = 0; i < n; i++) from[i] = pad_source(((const pad_params *)node->params)->mode, &a, i);
}

typedef struct pad_line {
    pad_mode mode;
    pad_axis axis;
    size_t n, bytes, row; /* entries of the result, bytes of an element and of an entry */
    const void *value;
} pad_line;

/* Entries [from, to) that are not of the tensor itself. */
static void pad_around(const pad_line *line, const char *x, char *y, size_t from, size_t to)
{
    if (line->mode == PAD_CONSTANT) {
        rnnp_fill(y + from * line->row, line->value, line->bytes, (to - from) * (line->row / line->bytes));
        return;
    }
    for (size_t i = from; i < to; i++)
        rnnp_copy(y + i * line->row, x + (size_t)pad_source(line->mode, &line->axis, (int64_t)i) * line->row,
                  line->row);
}

/* The last axis that has pads, with all behind it; x is NULL outside of the tensor. */
static void pad_one_line(const pad_line *line, const char *x, char *y)
{
    const size_t kept = (size_t)(line->axis.high - line->axis.low);
    const size_t first = line->axis.before > 0 && kept ? (size_t)line->axis.before : 0;

    if (!x) {
        pad_around(line, NULL, y, 0, line->n);
        return;
    }
    pad_around(line, x, y, 0, first);
    rnnp_copy(y + first * line->row, x + (size_t)line->axis.low * line->row, kept * line->row);
    pad_around(line, x, y, first + kept, line->n);
}

static pad_sides sides_turned(const pad_sides *sides, size_t rank)
{
    pad_sides turned;

    for (size_t i = 0; i < rank; i++) {
        turned.before[rnnp_place_last(i, rank)] = sides->before[i];
        turned.after[rnnp_place_last(i, rank)] = sides->after[i];
    }
    return turned;
}

static RNNP_RUN(pad_run)
{
    const pad_params *pad = node->params;
    const rnnp_tensor *x = &inputs[X], *y = &outputs[0];
    const size_t bytes = rnnp_dtype_bytes(x->dtype), rank = x->rank;
    const double wide = (double)pad->value;
    char value[8] = {0};
    pad_axis axis[RNNP_MAX_RANK];
    size_t index[RNNP_MAX_RANK] = {0}, last = 0;
    ptrdiff_t step[RNNP_MAX_RANK];
    rnnp_tensor turned[2];
    pad_sides sides;

    if (rnnp_tensor_elements(y) == 0) return RNNP_OK;
    pad_sides_of(node, rank, &inputs[PADS], &inputs[AXES], &sides);
    if (e->channels_last) {
        turned[0] = rnnp_turned(x, rank);
        turned[1] = rnnp_turned(y, rank);
        x = &turned[0];
        y = &turned[1];
        sides = sides_turned(&sides, rank);
    }
    if (rank == 0) {
        rnnp_copy(y->data, x->data, bytes);
        return RNNP_OK;
    }
    if (x->dtype == RNNP_DTYPE_F32) memcpy(value, &pad->value, sizeof pad->value);
    if (x->dtype == RNNP_DTYPE_F64) memcpy(value, &wide, sizeof wide);
    if (inputs[VALUE].data) memcpy(value, inputs[VALUE].data, bytes);
    rnnp_dense_steps(x, step);
    for (size_t i = 0; i < rank; i++) {
        axis[i] = pad_axis_of(x->shape[i], sides.before[i], sides.after[i]);
        if (sides.before[i] || sides.after[i]) last = i;
    }
    const pad_line line = {
        pad->mode, axis[last], (size_t)y->shape[last], bytes, bytes * rnnp_shape_product(y, last + 1, rank), value};
    char *to = y->data;
    for (size_t rows = rnnp_shape_product(y, 0, last); rows > 0; rows--, to += line.n * line.row) {
        const char *from = x->data;

        for (size_t i = 0; from && i < last; i++) {
            const int64_t at = pad_source(pad->mode, &axis[i], (int64_t)index[i]);

            from = at < 0 ? NULL : from + at * step[i] * (ptrdiff_t)bytes;
        }
        pad_one_line(&line, from, to);
        for (size_t i = last; i-- > 0;) {
            if (++index[i] < (size_t)y->shape[i]) break;
            index[i] = 0;
        }
    }
    return RNNP_OK;
}

static RNNP_VIEWS(pad_view)
{
    pad_sides sides;

    if (!pad_sides_known(node, inputs, &sides)) return 0;
    for (size_t i = 0; i < inputs[X].rank; i++) {
        if (sides.before[i] || sides.after[i]) return 0;
    }
    return 1;
}

static RNNP_LAST(pad_last) { return outputs[0].rank > 2 ? RNNP_LAST_TAKES | RNNP_LAST_ALIKE : 0; }

static RNNP_TIME(pad_time)
{
    pad_sides sides;

    out_axis[0] = in_axis[X];
    if (in_axis[VALUE] != RNNP_TIME_NONE) return RNNP_TIME_MIXED;
    if (!pad_sides_known(node, inputs, &sides)) return RNNP_TIME_UNKNOWN;
    return in_axis[X] != RNNP_TIME_NONE && (sides.before[in_axis[X]] || sides.after[in_axis[X]]) ? RNNP_TIME_MIXED : 0;
}

RNNP_DEFINE(Pad, 1, 4, .param_bytes = sizeof(pad_params), .parse = pad_parse, .infer = pad_infer, .run = pad_run,
            .moves = RNNP_MOVES_FIRST | RNNP_MOVES_THIRD, .view = pad_view, .channels_last = pad_last,
            .time = pad_time);
