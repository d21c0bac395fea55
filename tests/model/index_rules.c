/* SPDX-License-Identifier: Apache-2.0
 *
 * The index rules of operators that move elements, against a slow reference that follows the ONNX standard's text word
 * by word, for random attributes of every opset that changed them. A case runs with fixed and with dynamic dimensions,
 * folded, and with its index lists as inputs of the run.
 */
#include "build.h"

enum { ELEMENTS = 4096, CASES = 600 };
enum { FIXED, DYNAMIC, FOLDED, LISTS_AT_RUN, MODES };

/* ---- Random numbers ---- */

static uint32_t seed;

static int64_t below(int64_t n) /* [0, n) */
{
    seed = seed * 1664525u + 1013904223u;
    return n > 0 ? (int64_t)(seed >> 8) % n : 0;
}

static int64_t between(int64_t low, int64_t high) { return low + below(high - low + 1); }

/* ---- Tensors of integers, whose elements tell where they come from ---- */

typedef struct cube {
    rnnp_dtype dtype;
    size_t rank;
    int64_t dim[RNNP_MAX_RANK];
    int64_t at[ELEMENTS];
} cube;

static size_t count(const cube *c)
{
    size_t n = 1;

    for (size_t i = 0; i < c->rank; i++) n *= (size_t)c->dim[i];
    assert_true(n <= ELEMENTS);
    return n;
}

static cube make(size_t rank, const int64_t *dim)
{
    static const rnnp_dtype types[] = {RNNP_DTYPE_F32, RNNP_DTYPE_I64, RNNP_DTYPE_U8, RNNP_DTYPE_I32};
    cube c = {.dtype = types[below(4)], .rank = rank};

    memcpy(c.dim, dim, rank * sizeof *dim);
    for (size_t i = 0; i < count(&c); i++) c.at[i] = (int64_t)i;
    return c;
}

static cube random_cube(size_t least_rank, size_t most_rank)
{
    int64_t dim[RNNP_MAX_RANK];
    const size_t rank = (size_t)between((int64_t)least_rank, (int64_t)most_rank);

    for (size_t i = 0; i < rank; i++) dim[i] = below(12) == 0 ? 0 : between(1, 4);
    return make(rank, dim);
}

static cube list_of(const int64_t *at, size_t n)
{
    cube c = {.dtype = below(2) ? RNNP_DTYPE_I64 : RNNP_DTYPE_I32, .rank = 1, .dim = {(int64_t)n}};

    for (size_t i = 0; i < n; i++) {
        c.at[i] = at[i];
        if (at[i] < INT32_MIN || at[i] > INT32_MAX) c.dtype = RNNP_DTYPE_I64;
    }
    return c;
}

static size_t offset_of(const cube *c, const int64_t *index)
{
    size_t at = 0;

    for (size_t i = 0; i < c->rank; i++) at = at * (size_t)c->dim[i] + (size_t)index[i];
    return at;
}

/* To the next index in row-major order. */
static void step_on(const cube *c, int64_t *index)
{
    for (size_t i = c->rank; i-- > 0;) {
        if (++index[i] < c->dim[i]) return;
        index[i] = 0;
    }
}

static rnnp_tensor to_tensor(const cube *c)
{
    rnnp_tensor t = {.dtype = c->dtype, .rank = c->rank, .data = calloc(count(c) + 1, 8)};

    assert_non_null(t.data);
    memcpy(t.shape, c->dim, c->rank * sizeof *c->dim);
    for (size_t i = 0; i < count(c); i++) {
        switch (c->dtype) {
        case RNNP_DTYPE_F32: ((float *)t.data)[i] = (float)c->at[i]; break;
        case RNNP_DTYPE_I64: ((int64_t *)t.data)[i] = c->at[i]; break;
        case RNNP_DTYPE_I32: ((int32_t *)t.data)[i] = (int32_t)c->at[i]; break;
        default: ((uint8_t *)t.data)[i] = (uint8_t)c->at[i]; break;
        }
    }
    return t;
}

static int same(const rnnp_tensor *t, const cube *want)
{
    rnnp_tensor expected = to_tensor(want);
    const int equal = t->dtype == expected.dtype && t->rank == expected.rank &&
                      memcmp(t->shape, expected.shape, t->rank * sizeof *t->shape) == 0 &&
                      memcmp(t->data, expected.data, count(want) * rnnp_dtype_bytes(t->dtype)) == 0;

    free(expected.data);
    return equal;
}

/* ---- A case: one node ---- */

typedef struct test_case {
    const char *op;
    int opset;
    size_t n_in, n_attrs, n_out;
    size_t n_data; /* the first so many inputs are data, the others index lists */
    cube in[6];
    int absent[6];
    rnnp_attr attr[3];
    int64_t numbers[3][RNNP_MAX_RANK];
    cube want[4];
    int is_error;    /* by the standard */
    int needs_sizes; /* cannot do with dynamic dimensions */
} test_case;

static cube *add_input(test_case *c, cube input)
{
    c->in[c->n_in] = input;
    return &c->in[c->n_in++];
}

static void add_absent(test_case *c) { c->absent[c->n_in++] = 1; }

static void add_int(test_case *c, const char *name, int64_t i)
{
    c->attr[c->n_attrs++] = (rnnp_attr){.name = name, .kind = RNNP_ATTR_INT, .i = i};
}

static void add_ints(test_case *c, const char *name, const int64_t *list, size_t n)
{
    memcpy(c->numbers[c->n_attrs], list, n * sizeof *list);
    c->attr[c->n_attrs] = (rnnp_attr){.name = name, .kind = RNNP_ATTR_INTS, .count = n};
    c->n_attrs++;
}

static rnnp_status build(test_case *c, rnnp_context *context, int mode, rnnp_model **model)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    rnnp_value in[6], out[4] = {0};
    rnnp_status status;

    OK(rnnp_model_create(context, model));
    for (size_t i = 0; i < c->n_in; i++) {
        int64_t shape[RNNP_MAX_RANK];
        rnnp_tensor t = to_tensor(&c->in[i]);

        for (size_t d = 0; d < t.rank; d++) shape[d] = mode == DYNAMIC ? RNNP_DYNAMIC : t.shape[d];
        in[i] = RNNP_NONE;
        if (c->absent[i])
            ;
        else if (mode == FOLDED || (i >= c->n_data && mode != LISTS_AT_RUN))
            OK(rnnp_model_add_constant(*model, NULL, &t, &in[i]));
        else
            OK(rnnp_model_add_input(*model, names[i], t.dtype, t.rank, shape, NULL, &in[i]));
        free(t.data);
    }
    for (size_t i = 0; i < c->n_attrs; i++) {
        if (c->attr[i].kind == RNNP_ATTR_INTS) c->attr[i].ints = c->numbers[i];
    }
    status = rnnp_model_add_node(*model, c->op, c->opset, "node", in, c->n_in, c->attr, c->n_attrs, out, c->n_out);
    for (size_t i = 0; status == RNNP_OK && i < c->n_out; i++)
        OK(rnnp_model_add_output(*model, (const char *[]){"p", "q", "r", "s"}[i], out[i]));
    return status == RNNP_OK ? rnnp_model_close(*model) : status;
}

static void print_case(const test_case *c, int mode)
{
    printf("%s-%d, mode %d\n", c->op, c->opset, mode);
    for (size_t i = 0; i < c->n_in; i++) {
        printf("  input %zu%s: [", i, c->absent[i] ? " (absent)" : "");
        for (size_t d = 0; d < c->in[i].rank; d++) printf(" %lld", (long long)c->in[i].dim[d]);
        printf(" ]:");
        for (size_t k = 0; k < count(&c->in[i]) && k < 8; k++) printf(" %lld", (long long)c->in[i].at[k]);
        printf("\n");
    }
    for (size_t i = 0; i < c->n_attrs; i++) {
        printf("  %s: %lld;", c->attr[i].name, (long long)c->attr[i].i);
        for (size_t k = 0; k < c->attr[i].count; k++) printf(" %lld", (long long)c->numbers[i][k]);
        printf("\n");
    }
}

/* Runs it; whether the results are right is told in *right. */
static rnnp_status answer(test_case *c, rnnp_context *context, int mode, int *right)
{
    OWNED(model) model = NULL;
    OWNED(plan) plan = NULL;
    rnnp_tensor in[6];
    size_t n = 0;
    DROPPED(free_outputs) produced got = {.status = build(c, context, mode, &model)};

    for (size_t i = 0; i < c->n_in && mode != FOLDED; i++) {
        if (!c->absent[i] && (i < c->n_data || mode == LISTS_AT_RUN)) in[n++] = to_tensor(&c->in[i]);
    }
    if (got.status == RNNP_OK) got.status = rnnp_plan_create(model, NULL, &plan);
    if (got.status == RNNP_OK) got = run_plan(plan, in, n);
    *right = got.status == RNNP_OK && !c->is_error && got.n == c->n_out;
    for (size_t i = 0; *right && i < c->n_out; i++) *right = same(&got.out[i], &c->want[i]);
    for (size_t i = 0; i < n; i++) free(in[i].data);
    const rnnp_status status = got.status;
    return status;
}

/* Lists at run time may be refused where the shapes depend on them, and must not lead anywhere else. */
static void check(test_case *c, rnnp_context *context)
{
    for (int mode = 0; mode < MODES; mode++) {
        int right;
        const rnnp_status status = answer(c, context, mode, &right);
        const int refused =
            status != RNNP_OK && (c->is_error || mode == LISTS_AT_RUN || (mode == DYNAMIC && c->needs_sizes));

        if (!right && !refused) {
            print_case(c, mode);
            printf("  %s: %s\n", c->is_error ? "must be refused" : "must be right",
                   status ? rnnp_last_error(context) : "other numbers");
            assert_true(0);
        }
    }
}

typedef void generator(test_case *c);

static void try_cases(generator *next, uint32_t from)
{
    OWNED(context) context = make_context(NULL, 1);
    FREED test_case *c = malloc(sizeof *c);
    size_t errors = 0;

    assert_non_null(c);
    for (uint32_t i = 0; i < CASES; i++) {
        seed = from + i * 7919;
        memset(c, 0, sizeof *c);
        c->n_data = c->n_out = 1;
        next(c);
        errors += c->is_error != 0;
        check(c, context);
    }
    assert_true(errors < CASES / 2);
}

/* ---- What several operators need ---- */

/* An axis as an attribute says it, now and then wrong; SIZE_MAX where it is. */
static size_t random_axis(size_t rank, int may_be_negative, int64_t *attr)
{
    const int64_t r = (int64_t)rank;

    *attr = below(15) == 0 ? between(-r - 2, r + 1) : between(may_be_negative ? -r : 0, r - 1);
    if (*attr < -r || *attr >= r) return SIZE_MAX;
    return (size_t)(*attr < 0 ? *attr + r : *attr);
}

static void shuffle(int64_t *list, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        const size_t k = (size_t)below((int64_t)i);
        const int64_t t = list[k];

        list[k] = list[i - 1];
        list[i - 1] = t;
    }
}

/* y, whose index along `axis` is an entry of `from`. */
static cube picked(const cube *x, size_t axis, const int64_t *from, size_t n)
{
    cube y = *x;
    int64_t index[RNNP_MAX_RANK] = {0};

    y.dim[axis] = (int64_t)n;
    for (size_t i = 0; i < count(&y); i++, step_on(&y, index)) {
        int64_t source[RNNP_MAX_RANK];

        memcpy(source, index, sizeof source);
        source[axis] = from[index[axis]];
        y.at[i] = x->at[offset_of(x, source)];
    }
    return y;
}

/* ---- Slice ---- */

static int64_t clamp(int64_t i, int64_t low, int64_t high) { return i < low ? low : i > high ? high : i; }

/* "All negative values in starts[i] and ends[i] have dims[axes[i]] added to them. Then start is clamped into the range
 * [0, dims[axes[i]]] for positive stepping and [0, dims[axes[i]]-1] for negative stepping. [The end] for positive
 * stepping is clamped to [0, dims[axes[i]]], while for negative stepping it is clamped to [-1, dims[axes[i]]-1]." */
static cube sliced(const cube *x, size_t axis, int64_t start, int64_t end, int64_t step)
{
    const int64_t dim = x->dim[axis];
    int64_t from[8];
    size_t n = 0;

    start += start < 0 ? dim : 0;
    end += end < 0 ? dim : 0;
    start = step > 0 ? clamp(start, 0, dim) : clamp(start, 0, dim - 1);
    end = step > 0 ? clamp(end, 0, dim) : clamp(end, -1, dim - 1);
    __extension__ __int128 i = start; /* clang wants the word in front of a declaration of its own */
    for (; dim > 0 && (step > 0 ? i < end : i > end); i += step) from[n++] = (int64_t)i;
    return picked(x, axis, from, n);
}

static int64_t random_bound(int64_t dim)
{
    static const int64_t far[] = {INT64_MIN, INT64_MIN + 1, INT32_MIN, INT32_MAX, INT64_MAX, -1000, 1000};

    return below(5) == 0 ? far[below(7)] : between(-2 * dim - 1, 2 * dim + 1);
}

static void slice_case(test_case *c)
{
    static const int opsets[] = {7, 9, 10, 11, 12, 13, 22};
    static const int64_t steps_of[] = {1, 1, 1, -1, -1, 2, -2, 3, -3, 7, -7, INT64_MAX, INT64_MIN, INT32_MIN};
    int64_t starts[8], ends[8], axes[8], steps[8], order[8];

    c->op = "Slice";
    c->opset = opsets[below(7)];
    add_input(c, random_cube(1, 4));
    const size_t rank = c->in[0].rank, n = (size_t)below((int64_t)rank + 1);
    const int with_axes = n < rank ? 1 : (int)below(2), with_steps = c->opset >= 10 && below(4);
    for (size_t i = 0; i < rank; i++) order[i] = (int64_t)i;
    if (with_axes) shuffle(order, rank);
    c->want[0] = c->in[0];
    for (size_t i = 0; i < n; i++) {
        starts[i] = random_bound(c->in[0].dim[order[i]]);
        ends[i] = random_bound(c->in[0].dim[order[i]]);
        axes[i] = order[i] - (below(2) && c->opset >= 10 ? (int64_t)rank : 0);
        steps[i] = with_steps ? steps_of[below(14)] : 1;
        c->want[0] = sliced(&c->want[0], (size_t)order[i], starts[i], ends[i], steps[i]);
    }
    if (n && below(40) == 0) {
        axes[0] = below(2) ? (int64_t)rank : -1 - (int64_t)rank;
        c->is_error = with_axes;
    }
    if (c->opset < 10) {
        add_ints(c, "starts", starts, n);
        add_ints(c, "ends", ends, n);
        if (with_axes) add_ints(c, "axes", axes, n);
        return;
    }
    add_input(c, list_of(starts, n));
    add_input(c, list_of(ends, n));
    if (with_axes)
        add_input(c, list_of(axes, n));
    else if (with_steps)
        add_absent(c);
    if (with_steps) add_input(c, list_of(steps, n));
}

/* ---- Gather ---- */

static void gather_case(test_case *c)
{
    static const int opsets[] = {7, 11, 13};
    int64_t axis;

    c->op = "Gather";
    c->opset = opsets[below(3)];
    const cube *x = add_input(c, random_cube(1, 3));
    const size_t a = random_axis(x->rank, 1, &axis);
    cube *index = add_input(c, random_cube(0, 2)), *y = &c->want[0];
    int64_t at[RNNP_MAX_RANK] = {0};
    index->dtype = below(2) ? RNNP_DTYPE_I64 : RNNP_DTYPE_I32;
    if (axis != 0 || below(2)) add_int(c, "axis", axis);
    c->is_error = a == SIZE_MAX;
    for (size_t i = 0; i < count(index) && !c->is_error; i++) {
        const int64_t dim = x->dim[a];

        index->at[i] = below(60) == 0 ? between(-dim - 2, dim + 1) : between(-dim, dim - 1);
        if (dim == 0) index->at[i] = 0;
        c->is_error = index->at[i] < -dim || index->at[i] >= dim;
    }
    if (c->is_error) return;
    y->dtype = x->dtype;
    for (size_t i = 0; i < a; i++) y->dim[y->rank++] = x->dim[i];
    for (size_t i = 0; i < index->rank; i++) y->dim[y->rank++] = index->dim[i];
    for (size_t i = a + 1; i < x->rank; i++) y->dim[y->rank++] = x->dim[i];
    for (size_t i = 0; i < count(y); i++, step_on(y, at)) {
        const int64_t k = index->at[offset_of(index, at + a)];
        int64_t source[RNNP_MAX_RANK];

        memcpy(source, at, a * sizeof *source);
        source[a] = k < 0 ? k + x->dim[a] : k;
        memcpy(source + a + 1, at + a + index->rank, (x->rank - a - 1) * sizeof *source);
        y->at[i] = x->at[offset_of(x, source)];
    }
}

/* ---- Squeeze, Unsqueeze ---- */

static void axes_input(test_case *c, const int64_t *axes, size_t n)
{
    if (c->opset < 13)
        add_ints(c, "axes", axes, n);
    else
        add_input(c, list_of(axes, n));
}

static void squeeze_case(test_case *c)
{
    static const int opsets[] = {7, 11, 13, 21};
    int64_t axes[8];
    size_t n = 0;
    cube x = random_cube(1, 4), *y = &c->want[0];
    const int all = below(4) == 0;

    c->op = "Squeeze";
    c->opset = opsets[below(4)];
    for (size_t i = 0; i < x.rank; i++) x.dim[i] = below(2) ? 1 : x.dim[i];
    x = make(x.rank, x.dim);
    *y = x;
    y->rank = 0;
    for (size_t i = 0; i < x.rank; i++) {
        const int out = x.dim[i] == 1 ? all || below(2) : !all && below(30) == 0;

        c->is_error |= out && x.dim[i] != 1;
        if (out)
            axes[n++] = (int64_t)i - (below(2) && c->opset >= 11 ? (int64_t)x.rank : 0);
        else
            y->dim[y->rank++] = x.dim[i];
    }
    shuffle(axes, n);
    add_input(c, x);
    if (!all) axes_input(c, axes, n);
    c->needs_sizes = all; /* the rank depends on them */
}

static void unsqueeze_case(test_case *c)
{
    static const int opsets[] = {7, 11, 13, 21};
    int64_t axes[8];
    const cube *x = add_input(c, random_cube(0, 3));
    const size_t n = (size_t)between(1, 3), rank = x->rank + n;
    int64_t order[8];
    int is_new[8] = {0};

    c->op = "Unsqueeze";
    c->opset = opsets[below(4)];
    for (size_t i = 0; i < rank; i++) order[i] = (int64_t)i;
    shuffle(order, rank);
    for (size_t i = 0; i < n; i++) {
        is_new[order[i]] = 1;
        axes[i] = order[i] - (below(2) && c->opset >= 11 ? (int64_t)rank : 0);
    }
    c->want[0] = *x;
    c->want[0].rank = rank;
    for (size_t i = 0, from = 0; i < rank; i++) c->want[0].dim[i] = is_new[i] ? 1 : x->dim[from++];
    if (below(20) == 0) {
        axes[0] = below(2) && n > 1 ? axes[1] : (int64_t)rank;
        c->is_error = 1;
    }
    axes_input(c, axes, n);
}

/* ---- Split ---- */

static void split_case(test_case *c)
{
    static const int opsets[] = {7, 11, 13, 18, 22};
    int64_t axis, sizes[4], from[8], at = 0;
    const cube *x = add_input(c, random_cube(1, 3));
    const size_t a = random_axis(x->rank, 1, &axis);

    c->op = "Split";
    c->opset = opsets[below(5)];
    c->n_out = (size_t)between(1, 4);
    c->is_error = a == SIZE_MAX;
    add_int(c, "axis", axis);
    if (c->is_error) return;
    const int64_t dim = x->dim[a], n = (int64_t)c->n_out;
    if (below(2)) { /* equal parts; with num_outputs the last may be smaller */
        const int64_t part = (dim + n - 1) / n;

        for (int64_t i = 0; i < n; i++) sizes[i] = i < n - 1 ? part : dim - part * (n - 1);
        c->is_error = sizes[n - 1] < 0 || (c->opset < 18 && dim % n);
        if (c->opset >= 18) add_int(c, "num_outputs", n);
    } else {
        for (int64_t i = 0, left = dim; i < n; i++) {
            sizes[i] = i == n - 1 ? left : below(left + 1);
            left -= sizes[i];
        }
        if (below(15) == 0) {
            sizes[n - 1] += below(2) ? 1 : -1 - dim;
            c->is_error = 1;
        }
        if (c->opset < 13)
            add_ints(c, "split", sizes, c->n_out);
        else
            add_input(c, list_of(sizes, c->n_out));
    }
    for (size_t i = 0; i < c->n_out && !c->is_error; i++) {
        for (int64_t k = 0; k < sizes[i]; k++) from[k] = at++;
        c->want[i] = picked(x, a, from, (size_t)sizes[i]);
    }
}

/* ---- Range: max(ceil((limit - start) / delta), 0) numbers ---- */

static cube number(rnnp_dtype dtype, int64_t i) { return (cube){.dtype = dtype, .at = {i}}; }

static void range_case(test_case *c)
{
    static const rnnp_dtype types[] = {RNNP_DTYPE_I64, RNNP_DTYPE_I32, RNNP_DTYPE_F32};
    const rnnp_dtype dtype = types[below(3)];
    const int64_t start = between(-20, 20), limit = between(-20, 20), delta = between(-6, 6);
    cube *y = &c->want[0];

    c->op = "Range";
    c->opset = 11;
    c->n_data = 0;
    add_input(c, number(dtype, start));
    add_input(c, number(dtype, limit));
    add_input(c, number(dtype, delta));
    c->is_error =
        delta == 0 && (dtype != RNNP_DTYPE_F32 || limit >= start); /* of floats, minus infinitely many are none */
    *y = (cube){.dtype = dtype, .rank = 1};
    for (int64_t i = start; delta && (delta > 0 ? i < limit : i > limit); i += delta) y->at[y->dim[0]++] = i;
}

/* ---- Expand, Tile, ConstantOfShape ---- */

static void expand_case(test_case *c)
{
    const cube *x = add_input(c, random_cube(0, 3));
    int64_t shape[4] = {0}, index[RNNP_MAX_RANK] = {0};
    const size_t n = (size_t)below(5);
    cube *y = &c->want[0];

    c->op = "Expand";
    c->opset = 8 + (int)below(2) * 5;
    *y = (cube){.dtype = x->dtype, .rank = x->rank > n ? x->rank : n};
    for (size_t i = 0; i < y->rank; i++) { /* from the last axis */
        const int64_t dx = i < x->rank ? x->dim[x->rank - 1 - i] : 1;
        const int64_t ds = i >= n ? 1 : below(25) == 0 ? between(0, 4) : below(2) ? 1 : dx == 1 ? between(0, 3) : dx;

        if (i < n) shape[n - 1 - i] = ds;
        c->is_error |= dx != ds && dx != 1 && ds != 1;
        y->dim[y->rank - 1 - i] = dx == 1 ? ds : dx;
    }
    add_input(c, list_of(shape, n));
    for (size_t i = 0; i < count(y) && !c->is_error; i++, step_on(y, index)) {
        int64_t source[RNNP_MAX_RANK];

        for (size_t d = 0; d < x->rank; d++) source[d] = x->dim[d] == 1 ? 0 : index[y->rank - x->rank + d];
        y->at[i] = x->at[offset_of(x, source)];
    }
}

static void tile_case(test_case *c)
{
    const cube *x = add_input(c, random_cube(0, 3));
    int64_t repeats[4], index[RNNP_MAX_RANK] = {0};
    cube *y = &c->want[0];

    c->op = "Tile";
    c->opset = 7 + (int)below(2) * 6;
    *y = *x;
    for (size_t i = 0; i < x->rank; i++) {
        repeats[i] = between(0, 3);
        y->dim[i] = x->dim[i] * repeats[i];
    }
    c->is_error = below(20) == 0;
    repeats[x->rank] = 1;
    if (c->is_error && x->rank > 0 && below(2))
        repeats[0] = -1;
    else if (c->is_error)
        c->is_error = 2;
    add_input(c, list_of(repeats, x->rank + (c->is_error == 2)));
    for (size_t i = 0; i < count(y) && !c->is_error; i++, step_on(y, index)) {
        int64_t source[RNNP_MAX_RANK];

        for (size_t d = 0; d < x->rank; d++) source[d] = index[d] % x->dim[d];
        y->at[i] = x->at[offset_of(x, source)];
    }
}

static void fill_case(test_case *c)
{
    int64_t shape[4];
    const size_t n = (size_t)below(5);

    c->op = "ConstantOfShape";
    c->opset = 9;
    c->n_data = 0;
    c->want[0] = (cube){.dtype = RNNP_DTYPE_F32, .rank = n};
    for (size_t i = 0; i < n; i++) {
        c->want[0].dim[i] = shape[i] = below(30) == 0 ? -between(1, 3) : below(4);
        c->is_error |= shape[i] < 0;
    }
    add_input(c, list_of(shape, n))->dtype = RNNP_DTYPE_I64;
}

/* ---- Reshape, Flatten, Transpose, Concat ---- */

/* "At most one dimension of the new shape can be -1 [...] inferred. A dimension could also be 0, in which case the
 * actual dimension value is unchanged"; with allowzero it is 0. */
static void reshape_case(test_case *c)
{
    static const int opsets[] = {7, 13, 14, 21};
    const cube *x = add_input(c, random_cube(0, 3));
    int64_t shape[8], elements = (int64_t)count(x), left = elements;
    const int allow_zero = below(3) == 0;
    size_t n = 0;
    cube *y = &c->want[0];

    c->op = "Reshape";
    c->opset = opsets[below(4)];
    while (n < 4 && (left != 1 || below(3) == 0)) { /* factors of the number of elements */
        int64_t f = left == 0 ? 0 : between(1, 4);

        while (left && left % f) f--;
        shape[n++] = f;
        left = left == 0 ? 1 : left / f;
    }
    if (left > 1) shape[n++] = left;
    for (size_t i = 0; i < n && i < x->rank; i++) {
        if (shape[i] == x->dim[i] && below(3) == 0) shape[i] = 0;
    }
    if (n && below(2)) shape[below((int64_t)n)] = -1;
    if (n && below(20) == 0) shape[below((int64_t)n)] = between(-2, 5);
    if (c->opset >= 14 && allow_zero) add_int(c, "allowzero", 1);
    add_input(c, list_of(shape, n));
    *y = *x;
    y->rank = n;
    int64_t known = 1, infer = -1;
    for (size_t i = 0; i < n; i++) {
        const int copies = shape[i] == 0 && !(c->opset >= 14 && allow_zero);

        y->dim[i] = copies && i < x->rank ? x->dim[i] : shape[i];
        c->is_error |= shape[i] < -1 || (copies && i >= x->rank) || (shape[i] == -1 && infer >= 0);
        if (shape[i] == -1)
            infer = (int64_t)i;
        else
            known *= y->dim[i];
    }
    if (infer >= 0 && known > 0) y->dim[infer] = elements / known;
    c->is_error |= infer >= 0 ? known == 0 || elements % (known ? known : 1) != 0 : known != elements;
}

static void flatten_case(test_case *c)
{
    static const int opsets[] = {7, 9, 11, 13};
    const cube *x = add_input(c, random_cube(0, 4));
    const int64_t r = (int64_t)x->rank;
    cube *y = &c->want[0];

    c->op = "Flatten";
    c->opset = opsets[below(4)];
    const int64_t axis = below(20) == 0 ? r + 1 : between(c->opset >= 11 ? -r : 0, r);
    if (axis != 1 || below(2)) add_int(c, "axis", axis);
    *y = *x;
    y->rank = 2;
    y->dim[0] = y->dim[1] = 1;
    c->is_error = axis > r;
    for (int64_t i = 0; i < r; i++) y->dim[i >= (axis < 0 ? axis + r : axis)] *= x->dim[i];
}

static void transpose_case(test_case *c)
{
    const cube *x = add_input(c, random_cube(0, 4));
    int64_t perm[4], index[RNNP_MAX_RANK] = {0};
    cube *y = &c->want[0];

    c->op = "Transpose";
    c->opset = 7 + (int)below(2) * 6;
    for (size_t i = 0; i < x->rank; i++) perm[i] = (int64_t)(x->rank - 1 - i);
    if (below(4)) {
        shuffle(perm, x->rank);
        c->is_error = x->rank > 1 && below(20) == 0;
        if (c->is_error) perm[0] = perm[1];
        add_ints(c, "perm", perm, x->rank);
    }
    *y = *x;
    for (size_t i = 0; i < x->rank; i++) y->dim[i] = x->dim[perm[i]];
    for (size_t i = 0; i < count(y) && !c->is_error; i++, step_on(y, index)) {
        int64_t source[RNNP_MAX_RANK];

        for (size_t d = 0; d < x->rank; d++) source[perm[d]] = index[d];
        y->at[i] = x->at[offset_of(x, source)];
    }
}

static void concat_case(test_case *c)
{
    int64_t axis, index[RNNP_MAX_RANK] = {0};
    const cube *x = add_input(c, random_cube(1, 3));
    const size_t a = random_axis(x->rank, 1, &axis);
    cube *y = &c->want[0];

    c->op = "Concat";
    c->opset = below(2) ? 11 : 13;
    c->n_data = (size_t)between(1, 4);
    c->is_error = a == SIZE_MAX;
    add_int(c, "axis", axis);
    while (c->n_in < c->n_data) {
        int64_t dim[RNNP_MAX_RANK];

        memcpy(dim, x->dim, sizeof dim);
        if (a != SIZE_MAX) dim[a] = below(4);
        add_input(c, make(x->rank, dim))->dtype = x->dtype;
    }
    *y = *x;
    for (size_t k = 1; k < c->n_in && !c->is_error; k++) y->dim[a] += c->in[k].dim[a];
    for (size_t i = 0; !c->is_error && i < count(y); i++, step_on(y, index)) {
        int64_t source[RNNP_MAX_RANK];
        size_t k = 0;

        memcpy(source, index, sizeof source);
        for (; source[a] >= c->in[k].dim[a]; k++) source[a] -= c->in[k].dim[a];
        y->at[i] = c->in[k].at[offset_of(&c->in[k], source)];
    }
}

#define RULES(name) \
    TEST(test_##name) { try_cases(name##_case, 12345); }

RULES(slice)
RULES(gather)
RULES(squeeze)
RULES(unsqueeze)
RULES(split)
RULES(range)
RULES(expand)
RULES(tile)
RULES(fill)
RULES(reshape)
RULES(flatten)
RULES(transpose)
RULES(concat)
