/* SPDX-License-Identifier: Apache-2.0
 *
 * Elements found or put by index: GatherElements, GatherND, ScatterElements (Scatter before opset 11), ScatterND and
 * OneHot. Indices are data: those out of range are an error of the run, negative ones count from the end. Where several
 * go to the same place, they do so in ascending order.
 */
#include "arithmetic.h"
#include "params.h"

#include <math.h>

#define INTEGERS (RNNP_BIT(RNNP_DTYPE_I64) | RNNP_BIT(RNNP_DTYPE_I32))

/* As rnnp_integer_at(), in line. */
static inline int64_t entry(const rnnp_tensor *index, size_t i)
{
    return index->dtype == RNNP_DTYPE_I64 ? ((const int64_t *)index->data)[i] : ((const int32_t *)index->data)[i];
}

static inline int64_t from_start(int64_t at, int64_t length) { return at < 0 ? at + length : at; }

static rnnp_status bad_index(const rnnp_exec *e, const rnnp_node *node, int64_t at, size_t axis, int64_t length)
{
    return rnnp_node_fail(e->context, node, RNNP_ERR_ARG, "index %lld, but axis %zu has %lld elements", (long long)at,
                          axis, (long long)length);
}

/* ---- One index for each element: along an axis ---- */

/* In front of its parameters, as rnnp_axis_of() wants it. */
typedef struct scatter_params {
    int64_t axis;
    const struct reduction *reduction;
} scatter_params;

static rnnp_status axis_parse(rnnp_parse *p, void *params)
{
    *(int64_t *)params = rnnp_parse_int(p, "axis", 0);
    return RNNP_OK;
}

/* Indices of the shape of one, and within the others' dimensions but for the axis. */
static rnnp_status elements_infer(rnnp_infer *in, const rnnp_meta *inputs)
{
    const int64_t attribute = *(const int64_t *)in->node->params;
    const rnnp_meta *x = &inputs[0], *index = &inputs[1];
    rnnp_status status;
    size_t axis = 0;

    if ((status = rnnp_infer_type(in, inputs, 1, INTEGERS)) != RNNP_OK ||
        (status = rnnp_infer_axis(in, attribute, x->rank, &axis)) != RNNP_OK)
        return status;
    if (index->rank != x->rank)
        return FAIL(in, RNNP_ERR_SHAPE, "the data has rank %zu and the indices %zu", x->rank, index->rank);
    for (size_t i = 0; i < x->rank; i++) {
        if (i != axis && !rnnp_dim_is_symbol(x->dim[i]) && !rnnp_dim_is_symbol(index->dim[i]) &&
            index->dim[i] > x->dim[i])
            return FAIL(in, RNNP_ERR_SHAPE, "%lld indices along axis %zu of %lld elements", (long long)index->dim[i], i,
                        (long long)x->dim[i]);
    }
    return RNNP_OK;
}

/* A walk over the indices; operand 0 is the tensor that they point into, at index 0 of the axis. */
static void elements_walk(rnnp_walk *walk, const rnnp_tensor *x, const rnnp_tensor *index, size_t axis,
                          ptrdiff_t *axis_step)
{
    ptrdiff_t step[RNNP_MAX_RANK];

    rnnp_dense_steps(x, step);
    *axis_step = step[axis];
    step[axis] = 0;
    rnnp_walk_init(walk, index, 1);
    memcpy(walk->step[0], step, x->rank * sizeof *step);
    rnnp_walk_begin(walk, 1);
}

static RNNP_INFER(gather_elements_infer)
{
    rnnp_meta_like(&outputs[0], &inputs[1]);
    outputs[0].dtype = inputs[0].dtype;
    return elements_infer(in, inputs);
}

static RNNP_RUN(gather_elements_run)
{
    const rnnp_tensor *x = &inputs[0], *index = &inputs[1];
    const size_t axis = rnnp_axis_of(node, x->rank), bytes = rnnp_dtype_bytes(x->dtype);
    ptrdiff_t axis_step;
    rnnp_walk walk;

    for (elements_walk(&walk, x, index, axis, &axis_step); walk.rows; rnnp_walk_next(&walk)) {
        char *to = (char *)outputs[0].data + walk.row * bytes;

        for (size_t i = 0; i < rnnp_walk_inner_dim(&walk); i++) {
            const int64_t given = entry(index, walk.row + i), at = from_start(given, x->shape[axis]);

            if (at < 0 || at >= x->shape[axis]) return bad_index(e, node, given, axis, x->shape[axis]);
            const ptrdiff_t from =
                walk.offset[0] + (ptrdiff_t)i * rnnp_walk_inner_step(&walk, 0) + (ptrdiff_t)at * axis_step;
            memcpy(to + i * bytes, (const char *)x->data + from * (ptrdiff_t)bytes, bytes);
        }
    }
    return RNNP_OK;
}

/* Every step takes its own elements where time is no axis of the indices' choice. */
static RNNP_TIME(gather_elements_time)
{
    const int axis = (int)rnnp_axis_of(node, inputs[0].rank);

    out_axis[0] = in_axis[1];
    if (in_axis[0] == axis) return RNNP_TIME_PICKED;
    if (in_axis[0] == in_axis[1] || (in_axis[0] == RNNP_TIME_NONE && in_axis[1] == axis)) return 0;
    return RNNP_TIME_ELSEWHERE;
}

RNNP_DEFINE(GatherElements, 2, 2, .since_opset = 11, .param_bytes = sizeof(int64_t), .parse = axis_parse,
            .infer = gather_elements_infer, .run = gather_elements_run, .moves = RNNP_MOVES_FIRST,
            .time = gather_elements_time);

/* ---- What becomes of an element that is already there ---- */

typedef struct reduction {
    const char *name;
    rnnp_op kernel; /* f32; RNNP_OP_COUNT: the loops */
    const rnnp_loops *loops;
} reduction;

static const reduction reductions[] = {
    {"none", RNNP_OP_COUNT, NULL},
    {"add", RNNP_OP_add_f32, &rnnp_loops_add},
    {"mul", RNNP_OP_mul_f32, &rnnp_loops_mul},
    {"max", RNNP_OP_COUNT, &rnnp_loops_max},
    {"min", RNNP_OP_COUNT, &rnnp_loops_min},
};

static rnnp_status reduction_parse(rnnp_parse *p, const reduction **r)
{
    const char *name = p->node->opset >= 16 ? rnnp_parse_string(p, "reduction", "none") : "none";
    size_t i = 0;

    while (i < sizeof reductions / sizeof *reductions && strcmp(reductions[i].name, name) != 0) i++;
    if (i == sizeof reductions / sizeof *reductions)
        return PARSE_FAIL(p, RNNP_ERR_UNSUPPORTED, "reduction %.40s", name);
    *r = &reductions[i];
    return RNNP_OK;
}

static rnnp_status updates_infer(rnnp_infer *in, const rnnp_meta *inputs, const reduction *r, const int64_t *dims,
                                 size_t rank)
{
    const unsigned numbers = INTEGERS | RNNP_BIT(RNNP_DTYPE_F32) | RNNP_BIT(RNNP_DTYPE_U8);
    rnnp_status status = rnnp_infer_same_type(in, inputs, 0, 2);
    int64_t ignored;

    if (status == RNNP_OK && r->loops) status = rnnp_infer_type(in, inputs, 0, numbers);
    if (status == RNNP_OK && inputs[2].rank != rank)
        return FAIL(in, RNNP_ERR_SHAPE, "the updates have rank %zu, expected %zu", inputs[2].rank, rank);
    for (size_t i = 0; status == RNNP_OK && i < rank; i++)
        status = rnnp_infer_same(in, "a dimension of the updates", inputs[2].dim[i], dims[i], &ignored);
    return status;
}

static void combine(const rnnp_exec *e, const reduction *r, rnnp_dtype dtype, char *y, const char *update, size_t n)
{
    if (!r->loops) {
        rnnp_copy(y, update, n * rnnp_dtype_bytes(dtype));
    } else if (dtype == RNNP_DTYPE_F32 && r->kernel != RNNP_OP_COUNT) {
        float *to = (float *)(void *)y;

        e->select->op[r->kernel]->fn.add_f32(
            &(rnnp_binary_args){.a = to, .b = (const float *)(const void *)update, .y = to, .n = n, 1, 1});
    } else {
        r->loops->of[dtype](y, update, y, n, 1, 1);
    }
}

static void copy_data(const rnnp_tensor *x, const rnnp_tensor *y)
{
    rnnp_copy(y->data, x->data, rnnp_tensor_elements(x) * rnnp_dtype_bytes(x->dtype));
}

/* ---- ScatterElements, Scatter ---- */

static rnnp_status scatter_elements_parse(rnnp_parse *p, void *params)
{
    scatter_params *scatter = params;

    scatter->axis = rnnp_parse_int(p, "axis", 0);
    return reduction_parse(p, &scatter->reduction);
}

static int scatter_elements_moves(const rnnp_node *node)
{
    return !((const scatter_params *)node->params)->reduction->loops;
}

static RNNP_INFER(scatter_elements_infer)
{
    const scatter_params *scatter = in->node->params;
    const rnnp_status status = elements_infer(in, inputs);

    rnnp_meta_like(&outputs[0], &inputs[0]);
    return status == RNNP_OK ? updates_infer(in, inputs, scatter->reduction, inputs[1].dim, inputs[1].rank) : status;
}

static RNNP_RUN(scatter_elements_run)
{
    const scatter_params *scatter = node->params;
    const rnnp_tensor *index = &inputs[1], *y = &outputs[0];
    const size_t axis = rnnp_axis_of(node, y->rank), bytes = rnnp_dtype_bytes(y->dtype);
    ptrdiff_t axis_step;
    rnnp_walk walk;

    copy_data(&inputs[0], y);
    for (elements_walk(&walk, y, index, axis, &axis_step); walk.rows; rnnp_walk_next(&walk)) {
        const char *update = (const char *)inputs[2].data + walk.row * bytes;

        for (size_t i = 0; i < rnnp_walk_inner_dim(&walk); i++) {
            const int64_t given = entry(index, walk.row + i), at = from_start(given, y->shape[axis]);

            if (at < 0 || at >= y->shape[axis]) return bad_index(e, node, given, axis, y->shape[axis]);
            const ptrdiff_t to =
                walk.offset[0] + (ptrdiff_t)i * rnnp_walk_inner_step(&walk, 0) + (ptrdiff_t)at * axis_step;
            combine(e, scatter->reduction, y->dtype, (char *)y->data + to * (ptrdiff_t)bytes, update + i * bytes, 1);
        }
    }
    return RNNP_OK;
}

/* All three have time at the same place, and it is not where the indices choose. */
static RNNP_TIME(scatter_elements_time)
{
    out_axis[0] = in_axis[0];
    if (in_axis[1] != in_axis[0] || in_axis[2] != in_axis[0]) return RNNP_TIME_MIXED;
    return in_axis[0] == (int)rnnp_axis_of(node, inputs[0].rank) ? RNNP_TIME_PICKED : 0;
}

#define SCATTER_ELEMENTS(op, since)                                                                            \
    RNNP_DEFINE(op, 3, 3, .since_opset = (since), .param_bytes = sizeof(scatter_params),                       \
                .parse = scatter_elements_parse, .infer = scatter_elements_infer, .run = scatter_elements_run, \
                .moves = RNNP_MOVES_FIRST | RNNP_MOVES_THIRD, .moves_when = scatter_elements_moves,            \
                .time = scatter_elements_time)

SCATTER_ELEMENTS(Scatter, 9);
SCATTER_ELEMENTS(ScatterElements, 11);

/* ---- Tuples of indices: the last axis of the indices holds one for each of the data's first axes ---- */

/* How many axes a tuple is for; the data's first `batch` axes are those of the indices, too. */
static rnnp_status tuple_infer(rnnp_infer *in, const rnnp_meta *inputs, size_t batch, size_t *n)
{
    const rnnp_meta *x = &inputs[0], *index = &inputs[1];
    const rnnp_status status = rnnp_infer_type(in, inputs, 1, INTEGERS);

    if (status != RNNP_OK) return status;
    if (index->rank == 0) return FAIL(in, RNNP_ERR_SHAPE, "the indices are a scalar");
    const int64_t last = index->dim[index->rank - 1];
    if (rnnp_dim_is_symbol(last)) return FAIL(in, RNNP_ERR_UNSUPPORTED, "the last dimension of the indices is dynamic");
    if (last < 1 || last > (int64_t)(x->rank - batch))
        return FAIL(in, RNNP_ERR_SHAPE, "tuples of %lld indices into %zu axes", (long long)last, x->rank - batch);
    *n = (size_t)last;
    return RNNP_OK;
}

/* Tuples as offsets into the data, which has `batch` axes in front of those that they are for. */
typedef struct tuples {
    const rnnp_tensor *index;
    const int64_t *dim; /* of the data, [n] */
    size_t batch, n, count;
    ptrdiff_t step[RNNP_MAX_RANK]; /* in slices: [n] */
    size_t slice, per_batch;       /* elements; slices */
} tuples;

static tuples tuples_of(const rnnp_tensor *x, const rnnp_tensor *index, size_t batch)
{
    tuples t = {.index = index, .dim = x->shape + batch, .batch = batch, .per_batch = 1};

    t.n = (size_t)index->shape[index->rank - 1];
    t.count = rnnp_shape_product(index, 0, index->rank - 1);
    t.slice = rnnp_shape_product(x, batch + t.n, x->rank);
    for (size_t i = t.n; i-- > 0;) {
        t.step[i] = (ptrdiff_t)t.per_batch;
        t.per_batch *= (size_t)t.dim[i];
    }
    return t;
}

/* The slice of tuple i within its batch; SIZE_MAX, and which index it is, where one is out of range. */
static inline size_t slice_of(const tuples *t, size_t i, size_t *bad)
{
    ptrdiff_t offset = 0;

    for (size_t k = 0; k < t->n; k++) {
        const int64_t at = from_start(entry(t->index, i * t->n + k), t->dim[k]);

        *bad = k;
        if (at < 0 || at >= t->dim[k]) return SIZE_MAX;
        offset += (ptrdiff_t)at * t->step[k];
    }
    return (size_t)offset;
}

static inline rnnp_status tuple_slice(const rnnp_exec *e, const rnnp_node *node, const tuples *t, size_t i,
                                      size_t *slice)
{
    size_t bad = 0;

    if ((*slice = slice_of(t, i, &bad)) != SIZE_MAX) return RNNP_OK;
    return bad_index(e, node, entry(t->index, i * t->n + bad), t->batch + bad, t->dim[bad]);
}

/* The slice of tuple i, and how many tuples from there on, before `end`, are for neighbours: exporters write one index
 * for each element of a whole block. */
static rnnp_status tuple_run(const rnnp_exec *e, const rnnp_node *node, const tuples *t, size_t i, size_t end,
                             size_t *first, size_t *run)
{
    rnnp_status status = tuple_slice(e, node, t, i, first);
    size_t next = *first;

    for (*run = 1; status == RNNP_OK && i + *run < end; ++*run) {
        status = tuple_slice(e, node, t, i + *run, &next);
        if (next != *first + *run) break;
    }
    return status;
}

/* ---- GatherND ---- */

static rnnp_status gather_nd_parse(rnnp_parse *p, void *params)
{
    int64_t *batch = params;

    *batch = p->node->opset >= 12 ? rnnp_parse_int(p, "batch_dims", 0) : 0;
    if (*batch < 0) return PARSE_FAIL(p, RNNP_ERR_ARG, "batch_dims is %lld", (long long)*batch);
    return RNNP_OK;
}

static size_t batch_dims(const rnnp_node *node) { return (size_t) * (const int64_t *)node->params; }

static RNNP_INFER(gather_nd_infer)
{
    const rnnp_meta *x = &inputs[0], *index = &inputs[1];
    const size_t batch = batch_dims(in->node);
    rnnp_meta *out = &outputs[0];
    rnnp_status status;
    size_t n = 0;

    if (batch >= x->rank || batch >= index->rank)
        return FAIL(in, RNNP_ERR_SHAPE, "batch_dims is %zu, but the data has rank %zu and the indices %zu", batch,
                    x->rank, index->rank);
    if ((status = tuple_infer(in, inputs, batch, &n)) != RNNP_OK) return status;
    if (index->rank - 1 + x->rank - batch - n > RNNP_MAX_RANK)
        return FAIL(in, RNNP_ERR_UNSUPPORTED, "the result has rank %zu, above %d",
                    index->rank - 1 + x->rank - batch - n, RNNP_MAX_RANK);
    *out = (rnnp_meta){.dtype = x->dtype};
    for (size_t i = 0; i + 1 < index->rank; i++) out->dim[out->rank++] = index->dim[i];
    for (size_t i = 0; i < batch; i++) {
        if ((status = rnnp_infer_same(in, "a batch dimension", x->dim[i], index->dim[i], &out->dim[i])) != RNNP_OK)
            return status;
    }
    for (size_t i = batch + n; i < x->rank; i++) out->dim[out->rank++] = x->dim[i];
    return RNNP_OK;
}

static RNNP_RUN(gather_nd_run)
{
    const rnnp_tensor *x = &inputs[0];
    const size_t batch = batch_dims(node), batches = rnnp_shape_product(x, 0, batch);
    const tuples t = tuples_of(x, &inputs[1], batch);
    const size_t bytes = t.slice * rnnp_dtype_bytes(x->dtype), per_batch = batches ? t.count / batches : 0;

    for (size_t i = 0, run = 0; i < t.count; i += run) {
        size_t first = 0;
        const rnnp_status status = tuple_run(e, node, &t, i, i - i % per_batch + per_batch, &first, &run);

        if (status != RNNP_OK) return status;
        first += i / per_batch * t.per_batch;
        rnnp_copy((char *)outputs[0].data + i * bytes, (const char *)x->data + first * bytes, run * bytes);
    }
    return RNNP_OK;
}

static RNNP_TIME(gather_nd_time)
{
    const rnnp_meta *index = &inputs[1];
    const int batch = (int)batch_dims(node), last = (int)index->rank - 1, n = (int)index->dim[last];
    const int data = in_axis[0], tuple = in_axis[1];

    out_axis[0] = tuple;
    if (tuple == last) return RNNP_TIME_MIXED;
    if (data >= batch && data < batch + n) return RNNP_TIME_PICKED;
    if ((data != RNNP_TIME_NONE && data < batch) || (tuple != RNNP_TIME_NONE && tuple < batch))
        return data == tuple ? 0 : RNNP_TIME_ELSEWHERE;
    return rnnp_time_agree(data == RNNP_TIME_NONE ? data : last + data - batch - n, out_axis);
}

RNNP_DEFINE(GatherND, 2, 2, .since_opset = 11, .param_bytes = sizeof(int64_t), .parse = gather_nd_parse,
            .infer = gather_nd_infer, .run = gather_nd_run, .moves = RNNP_MOVES_FIRST, .time = gather_nd_time);

/* ---- ScatterND ---- */

static rnnp_status scatter_nd_parse(rnnp_parse *p, void *params) { return reduction_parse(p, params); }

static const reduction *scatter_nd_reduction(const rnnp_node *node) { return *(const reduction *const *)node->params; }

static int scatter_nd_moves(const rnnp_node *node) { return !scatter_nd_reduction(node)->loops; }

static RNNP_INFER(scatter_nd_infer)
{
    const rnnp_meta *x = &inputs[0], *index = &inputs[1];
    int64_t dims[2 * RNNP_MAX_RANK];
    size_t n = 0, rank = 0;
    const rnnp_status status = tuple_infer(in, inputs, 0, &n);

    rnnp_meta_like(&outputs[0], x);
    if (status != RNNP_OK) return status;
    for (size_t i = 0; i + 1 < index->rank; i++) dims[rank++] = index->dim[i];
    for (size_t i = n; i < x->rank; i++) dims[rank++] = x->dim[i];
    return updates_infer(in, inputs, scatter_nd_reduction(in->node), dims, rank);
}

/* Of constant indices: the length of the runs of neighbours that they are made of, 0 where these differ. */
typedef struct scatter_nd_own {
    size_t run;
} scatter_nd_own;

static size_t equal_runs(const tuples *t)
{
    size_t run = 0, at = 0, last = 0, bad;

    for (size_t i = 0; i < t->count; i++, at++) {
        const size_t slice = slice_of(t, i, &bad);

        if (slice == SIZE_MAX) return 0;
        if (i && (run ? at == run : slice != last + 1)) { /* a new run */
            run = run ? run : at;
            at = 0;
        }
        if (at && slice != last + 1) return 0;
        last = slice;
    }
    return run && at == run ? run : run ? 0 : at;
}

static void scatter_nd_plan(const rnnp_prepare *p, rnnp_planned *planned)
{
    scatter_nd_own *own = planned->own;
    const rnnp_tensor x = rnnp_known_tensor(&p->inputs[0]), index = rnnp_known_tensor(&p->inputs[1]);

    if (!own) return;
    own->run = 0;
    if (index.data && rnnp_meta_elements(&p->inputs[0]) != SIZE_MAX) {
        const tuples t = tuples_of(&x, &index, 0);

        own->run = equal_runs(&t);
    }
}

static RNNP_RUN(scatter_nd_run)
{
    const rnnp_tensor *y = &outputs[0];
    const tuples t = tuples_of(y, &inputs[1], 0);
    const size_t bytes = t.slice * rnnp_dtype_bytes(y->dtype);
    const size_t equal = e->planned ? ((const scatter_nd_own *)e->planned)->run : 0;

    copy_data(&inputs[0], y);
    for (size_t i = 0, run = equal; i < t.count; i += run) {
        size_t first = 0;
        const rnnp_status status =
            equal ? tuple_slice(e, node, &t, i, &first) : tuple_run(e, node, &t, i, t.count, &first, &run);

        if (status != RNNP_OK) return status;
        combine(e, scatter_nd_reduction(node), y->dtype, (char *)y->data + first * bytes,
                (const char *)inputs[2].data + i * bytes, run * t.slice);
    }
    return RNNP_OK;
}

/* Time may run along what a tuple leaves, in the updates as in the data. */
static RNNP_TIME(scatter_nd_time)
{
    const rnnp_meta *index = &inputs[1];
    const int before = (int)index->rank - 1, n = (int)index->dim[before];

    out_axis[0] = in_axis[0];
    return in_axis[1] != RNNP_TIME_NONE || in_axis[0] < n || in_axis[2] != in_axis[0] - n + before ? RNNP_TIME_MIXED
                                                                                                   : 0;
}

RNNP_DEFINE(ScatterND, 3, 3, .since_opset = 11, .param_bytes = sizeof(const reduction *), .parse = scatter_nd_parse,
            .infer = scatter_nd_infer, .run = scatter_nd_run, .moves = RNNP_MOVES_FIRST | RNNP_MOVES_THIRD,
            .moves_when = scatter_nd_moves, .plan = scatter_nd_plan, .plan_bytes = sizeof(scatter_nd_own),
            .time = scatter_nd_time);

/* ---- OneHot: a new axis, with the second of two values at the index and the first elsewhere ---- */

enum { INDEX, DEPTH, VALUES };

static rnnp_status one_hot_parse(rnnp_parse *p, void *params)
{
    *(int64_t *)params = rnnp_parse_int(p, "axis", -1);
    return RNNP_OK;
}

/* An index or depth of any type, fractions cut off; INT64_MIN for what is no index. */
static int64_t whole_number(const rnnp_tensor *t, size_t i)
{
    switch (t->dtype) {
    case RNNP_DTYPE_F32: {
        const float f = ((const float *)t->data)[i];

        return f > -0x1p62f && f < 0x1p62f ? (int64_t)f : INT64_MIN;
    }
    case RNNP_DTYPE_U8: return ((const uint8_t *)t->data)[i];
    case RNNP_DTYPE_I8: return ((const int8_t *)t->data)[i];
    default: return rnnp_integer_at(t, i);
    }
}

static RNNP_INFER(one_hot_infer)
{
    const unsigned types = INTEGERS | RNNP_BIT(RNNP_DTYPE_F32) | RNNP_BIT(RNNP_DTYPE_U8) | RNNP_BIT(RNNP_DTYPE_I8);
    const rnnp_meta *index = &inputs[INDEX], *values = &inputs[VALUES];
    const rnnp_tensor depth = rnnp_known_tensor(&inputs[DEPTH]);
    rnnp_meta *out = &outputs[0];
    rnnp_status status;
    size_t axis = 0;

    if ((status = rnnp_infer_type(in, inputs, INDEX, types)) != RNNP_OK ||
        (status = rnnp_infer_type(in, inputs, DEPTH, types)) != RNNP_OK ||
        (status = rnnp_infer_scalar(in, inputs, DEPTH, "depth")) != RNNP_OK ||
        (status = rnnp_infer_axis(in, *(const int64_t *)in->node->params, index->rank + 1, &axis)) != RNNP_OK)
        return status;
    if (values->rank != 1 || (values->dim[0] != 2 && !rnnp_dim_is_symbol(values->dim[0])))
        return FAIL(in, RNNP_ERR_SHAPE, "values has shape [%s], expected [2]",
                    rnnp_print_dims(values->rank, values->dim, ',').s);
    if (index->rank == RNNP_MAX_RANK)
        return FAIL(in, RNNP_ERR_UNSUPPORTED, "the result has rank %zu, above %d", index->rank + 1, RNNP_MAX_RANK);
    *out = (rnnp_meta){.dtype = values->dtype, .rank = index->rank + 1};
    for (size_t i = 0; i < index->rank; i++) out->dim[i + (i >= axis)] = index->dim[i];
    out->dim[axis] = depth.data ? whole_number(&depth, 0) : rnnp_dim_unknown(in);
    if (out->dim[axis] < 0 && !rnnp_dim_is_symbol(out->dim[axis]))
        return FAIL(in, RNNP_ERR_SHAPE, "depth is %lld", (long long)out->dim[axis]);
    return RNNP_OK;
}

static RNNP_RUN(one_hot_run)
{
    const rnnp_tensor *index = &inputs[INDEX], *y = &outputs[0];
    const size_t axis = rnnp_axis_of(node, y->rank), bytes = rnnp_dtype_bytes(y->dtype);
    const size_t inner = rnnp_shape_product(y, axis + 1, y->rank), depth = (size_t)y->shape[axis];
    const char *values = inputs[VALUES].data;

    if (rnnp_tensor_elements(y) == 0) return RNNP_OK;
    rnnp_fill(y->data, values, bytes, rnnp_tensor_elements(y));
    for (size_t i = 0; i < rnnp_tensor_elements(index); i++) {
        const int64_t given = whole_number(index, i);
        const int64_t at = node->opset >= 11 ? from_start(given, (int64_t)depth) : given;

        if (at < 0 || at >= (int64_t)depth) continue; /* nothing is hot */
        memcpy((char *)y->data + ((i / inner * depth + (size_t)at) * inner + i % inner) * bytes, values + bytes, bytes);
    }
    return RNNP_OK;
}

static RNNP_TIME(one_hot_time)
{
    out_axis[0] = in_axis[INDEX];
    if (in_axis[DEPTH] != RNNP_TIME_NONE || in_axis[VALUES] != RNNP_TIME_NONE) return RNNP_TIME_MIXED;
    if (in_axis[INDEX] >= (int)rnnp_axis_of(node, inputs[INDEX].rank + 1)) out_axis[0]++;
    return 0;
}

RNNP_DEFINE(OneHot, 3, 3, .since_opset = 9, .param_bytes = sizeof(int64_t), .parse = one_hot_parse,
            .infer = one_hot_infer, .run = one_hot_run, .time = one_hot_time);
