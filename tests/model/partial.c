/* SPDX-License-Identifier: Apache-2.0
 *
 * Shape arithmetic where some dimensions are dynamic: what does not depend on them is folded when the model is closed,
 * whatever lies between, and what does is right in every run. Small random graphs from Shape to a slice of weights.
 */
#include "build.h"

enum { GRAPHS = 1500, MOST = 8, ROWS = 12, COLUMNS = 3, RANK = 4 };

static uint32_t seed;

static int64_t below(int64_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (int64_t)(seed >> 8) % n;
}

/* A vector of the graph: its elements for the shape that the run will have, and which of them no dynamic dimension
 * reaches. */
typedef struct vector {
    rnnp_value value;
    rnnp_dtype dtype;
    size_t n;
    int64_t at[MOST];
    int known[MOST];
} vector;

static vector constant(rnnp_model *model, rnnp_dtype dtype, size_t n, int64_t low, int64_t high)
{
    vector v = {.dtype = dtype, .n = n};
    int64_t i64[MOST];
    int32_t i32[MOST];
    float f32[MOST];
    const rnnp_tensor t = {dtype,
                           1,
                           {(int64_t)n},
                           .data = dtype == RNNP_DTYPE_I64   ? (void *)i64
                                   : dtype == RNNP_DTYPE_I32 ? (void *)i32
                                                             : (void *)f32};

    for (size_t i = 0; i < n; i++) {
        v.at[i] = i64[i] = low + below(high - low + 1);
        i32[i] = (int32_t)i64[i];
        f32[i] = (float)i64[i];
        v.known[i] = 1;
    }
    OK(rnnp_model_add_constant(model, NULL, &t, &v.value));
    return v;
}

/* ---- Sources ---- */

static vector shape_of(rnnp_model *model, rnnp_value x, const int64_t *dim, const int *is_fixed)
{
    const int64_t start = below(2) ? 0 : below(RANK + 1), end = below(2) ? RANK : below(RANK + 1);
    const rnnp_attr attrs[] = {
        {.name = "start", .kind = RNNP_ATTR_INT, .i = start - (below(2) && start < RANK ? RANK : 0)},
        {.name = "end", .kind = RNNP_ATTR_INT, .i = end - (below(2) && end < RANK ? RANK : 0)}};
    vector v = {.dtype = RNNP_DTYPE_I64};

    v.value = node(model, "Shape", &x, 1, attrs, 2);
    for (int64_t i = start; i < end; i++, v.n++) {
        v.at[v.n] = dim[i];
        v.known[v.n] = is_fixed[i];
    }
    return v;
}

/* ---- Steps ---- */

static vector take(rnnp_model *model, vector v)
{
    int64_t index[MOST];
    vector y = {.dtype = v.dtype, .n = 1 + (size_t)below(MOST / 2)};

    for (size_t i = 0; i < y.n; i++) {
        const int64_t k = below((int64_t)v.n);

        index[i] = below(2) ? k : k - (int64_t)v.n;
        y.at[i] = v.at[k];
        y.known[i] = v.known[k];
    }
    y.value = node2(model, "Gather", v.value, ints(model, index, y.n));
    return y;
}

static vector cut(rnnp_model *model, vector v)
{
    const int64_t n = (int64_t)v.n, start = below(n), backwards = below(2);
    const int64_t end = backwards ? -n - 1 : start + 1 + below(n - start), step = backwards ? -1 : 1 + below(2);
    const rnnp_value in[] = {v.value, ints(model, &start, 1), ints(model, &end, 1), ints(model, (int64_t[]){0}, 1),
                             ints(model, &step, 1)};
    vector y = {.dtype = v.dtype};

    y.value = node(model, "Slice", in, 5, NULL, 0);
    for (int64_t i = start; backwards ? i >= 0 : i < end; i += step, y.n++) {
        y.at[y.n] = v.at[i];
        y.known[y.n] = v.known[i];
    }
    return y;
}

static vector joined(rnnp_model *model, vector a, vector b)
{
    const rnnp_attr axis = {.name = "axis", .kind = RNNP_ATTR_INT};

    if (a.n + b.n > MOST || a.dtype != b.dtype) return a;
    a.value = node(model, "Concat", (rnnp_value[]){a.value, b.value}, 2, &axis, 1);
    for (size_t i = 0; i < b.n; i++, a.n++) {
        a.at[a.n] = b.at[i];
        a.known[a.n] = b.known[i];
    }
    return a;
}

/* There and back through another rank. */
static vector ranked(rnnp_model *model, vector v)
{
    const rnnp_value axes = ints(model, (int64_t[]){0, 2}, 2), all = ints(model, (int64_t[]){-1}, 1);

    v.value = node2(model, "Unsqueeze", v.value, axes);
    v.value = below(2) ? node2(model, "Squeeze", v.value, axes) : node2(model, "Reshape", v.value, all);
    return v;
}

static vector cast(rnnp_model *model, vector v)
{
    static const struct {
        rnnp_dtype dtype;
        int64_t onnx;
    } to[] = {{RNNP_DTYPE_F32, 1}, {RNNP_DTYPE_I32, 6}, {RNNP_DTYPE_I64, 7}};
    const int64_t k = below(3);
    const rnnp_attr attr = {.name = "to", .kind = RNNP_ATTR_INT, .i = to[k].onnx};

    v.value = node(model, "Cast", &v.value, 1, &attr, 1);
    v.dtype = to[k].dtype;
    return v;
}

static vector computed(rnnp_model *model, vector v)
{
    static const char *const names[] = {"Add", "Sub", "Mul", "Max", "Min", "Div"};
    const int64_t k = below(v.dtype == RNNP_DTYPE_F32 ? 5 : 6);
    const vector w = constant(model, v.dtype, below(2) ? v.n : 1, k == 5 ? 1 : -2, 3);

    v.value = node2(model, names[k], v.value, w.value);
    for (size_t i = 0; i < v.n; i++) {
        const int64_t a = v.at[i], b = w.at[w.n > 1 ? i : 0];

        v.at[i] = k == 0   ? a + b
                  : k == 1 ? a - b
                  : k == 2 ? a * b
                  : k == 3 ? (a > b ? a : b)
                  : k == 4 ? (a < b ? a : b)
                           : a / b;
    }
    return v;
}

/* As expand() with -1 is exported: -1 says 1. */
static vector chosen(rnnp_model *model, vector v)
{
    const vector minus = constant(model, v.dtype, 1, -1, -1), other = constant(model, v.dtype, v.n, 1, 5);
    const rnnp_value is = node2(model, "Equal", v.value, minus.value);

    v.value = node(model, "Where", (rnnp_value[]){is, other.value, v.value}, 3, NULL, 0);
    for (size_t i = 0; i < v.n; i++) v.at[i] = v.at[i] == -1 ? other.at[i] : v.at[i];
    return v;
}

static vector grow(rnnp_model *model, rnnp_value x, const int64_t *dim, const int *is_fixed)
{
    vector v = shape_of(model, x, dim, is_fixed);

    for (int64_t steps = below(7); steps > 0 && v.n > 0; steps--) {
        switch (below(8)) {
        case 0: v = take(model, v); break;
        case 1: v = cut(model, v); break;
        case 2: v = joined(model, v, constant(model, v.dtype, 1 + (size_t)below(2), 0, 4)); break;
        case 3: v = joined(model, v, shape_of(model, x, dim, is_fixed)); break;
        case 4: v = ranked(model, v); break;
        case 5: v = cast(model, v); break;
        case 6: v = computed(model, v); break;
        default: v = chosen(model, v); break;
        }
    }
    return v;
}

/* ---- One graph: rows of weights up to one element of the vector ---- */

static void run_graph(rnnp_context *context)
{
    static const char *const names[] = {"batch", "steps", "a", "b"};
    const rnnp_attr to_i64 = {.name = "to", .kind = RNNP_ATTR_INT, .i = 7};
    int64_t dim[RANK], shape[RANK], picked[1], expected = 0;
    int is_fixed[RANK];
    OWNED(model) model = make_model(context);
    FREED float *weights = numbers(ROWS * COLUMNS, 3, 1.0f);
    float data[81], result[ROWS * COLUMNS];
    const rnnp_tensor w = {RNNP_DTYPE_F32, 2, {ROWS, COLUMNS}, .data = weights};
    rnnp_value x, matrix;

    for (size_t i = 0; i < RANK; i++) {
        dim[i] = 1 + below(3);
        is_fixed[i] = (int)below(2);
        shape[i] = is_fixed[i] ? dim[i] : RNNP_DYNAMIC;
    }
    OK(rnnp_model_add_input(model, "x", RNNP_DTYPE_F32, RANK, shape, names, &x));
    OK(rnnp_model_add_constant(model, "w", &w, &matrix));
    vector v = grow(model, x, dim, is_fixed);
    if (v.n == 0) v = constant(model, RNNP_DTYPE_I64, 1, 0, 4);
    const int64_t k = picked[0] = below((int64_t)v.n);
    rnnp_value end = node(model, "Cast", &v.value, 1, &to_i64, 1);
    end = node2(model, "Gather", end, ints(model, picked, 1));
    const rnnp_value zero = ints(model, (int64_t[]){0}, 1);
    const rnnp_value y = node(model, "Slice", (rnnp_value[]){matrix, zero, end, zero}, 4, NULL, 0);
    close_with(model, "y", y);
    if (v.known[k]) assert_int_equal(rnnp_model_node_count(model), 0);

    OWNED(plan) plan = make_plan(model);
    const rnnp_tensor in = {RNNP_DTYPE_F32, RANK, {dim[0], dim[1], dim[2], dim[3]}, .data = data};
    rnnp_tensor out = {.data = result};
    OWNED_NEW(run, run, plan, &in, 1);
    OK(rnnp_run_execute(run, &in, 1, &out, 1));
    expected = v.at[k] < 0 ? v.at[k] + ROWS : v.at[k];
    expected = expected < 0 ? 0 : expected > ROWS ? ROWS : expected;
    assert_int_equal(out.shape[0], expected);
    assert_memory_equal(result, weights, (size_t)expected * COLUMNS * sizeof *weights);
}

TEST(test_graphs)
{
    OWNED(context) context = make_context(NULL, 1);

    for (uint32_t i = 0; i < GRAPHS; i++) {
        seed = i * 7919 + 1;
        run_graph(context);
    }
}

/* The symbol survives what leaves its number alone, so that equal dimensions are known to be equal. */
TEST(test_symbols_survive)
{
    static const char *const names[] = {"batch", NULL};
    const int64_t shape[] = {RNNP_DYNAMIC, 5};
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model) model = make_model(context);
    rnnp_port_info port = {.struct_size = sizeof port};
    rnnp_value x, v;

    OK(rnnp_model_add_input(model, "x", RNNP_DTYPE_F32, 2, shape, names, &x));
    v = node1(model, "Shape", x);
    v = node2(model, "Mul", v, ints(model, (int64_t[]){1, 2}, 2));
    v = node2(model, "Add", ints(model, (int64_t[]){0, 1}, 2), v);
    v = node2(model, "Div", v, ints(model, (int64_t[]){1, 11}, 2));
    v = node(
        model, "Where",
        (rnnp_value[]){node2(model, "Equal", v, ints(model, (int64_t[]){-1}, 1)), ints(model, (int64_t[]){1, 1}, 2), v},
        3, NULL, 0);
    close_with(model, "y", node1(model, "ConstantOfShape", v));
    OK(rnnp_model_output_info(model, 0, &port));
    assert_int_equal(port.shape[0], RNNP_DYNAMIC);
    assert_string_equal(port.symbol[0], "batch");
    assert_int_equal(port.shape[1], 1);
}
