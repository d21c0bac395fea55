/* SPDX-License-Identifier: Apache-2.0
 *
 * Every operator of every opset beside a node of every later one: a file has one opset, so that the older node is saved
 * as a newer one. Loaded again it gives the same bits, or saving says that it would not.
 */
#include "save.h"

#include <float.h>

enum { FIRST = 6, LAST = 25, ROWS = 2, COLUMNS = 3, MOST_IN = 5, MOST_OUT = 2 };

static const float specials[ROWS * COLUMNS] = {INFINITY, -INFINITY, NAN, 1.5f, -0.0f, FLT_MAX};

/* Ways to call an operator; those that do not fit are refused when the node is added or the model is closed. */
enum {
    FLOATS,
    BOOLS,
    INTEGERS,
    INDEX,
    SHAPE,
    SHAPE_INPUT,
    BOUNDS,
    CHOICE,
    BRANCHES,
    WEIGHTS,
    RANGE,
    SCALED,
    PADS,
    UPDATES,
    DEPTH,
    CHANNELS,
    PLANES,
    KERNELS,
    NOTHING,
    WAYS
};

typedef struct built {
    rnnp_model *model;
    size_t n_out;
} built;

static rnnp_value number(rnnp_model *model, int64_t i)
{
    const rnnp_tensor t = {.dtype = RNNP_DTYPE_I64, .data = &i};
    rnnp_value value;

    OK(rnnp_model_add_constant(model, NULL, &t, &value));
    return value;
}

static rnnp_value scalar(rnnp_model *model, float x)
{
    const rnnp_tensor t = {.dtype = RNNP_DTYPE_F32, .data = &x};
    rnnp_value value;

    OK(rnnp_model_add_constant(model, NULL, &t, &value));
    return value;
}

static rnnp_value weights(rnnp_model *model, int64_t a, int64_t b, int64_t c)
{
    FREED float *w = numbers((size_t)(a * b * c), 3, 0.5f);
    const rnnp_tensor t = tensor3(w, a, b, c);
    rnnp_value value;

    OK(rnnp_model_add_constant(model, NULL, &t, &value));
    return value;
}

/* The inputs of a way. */
static size_t make_inputs(rnnp_model *model, const char *op, int way, size_t n, rnnp_value *in)
{
    static const int64_t shape[] = {RNNP_DYNAMIC, COLUMNS};
    const int64_t gates = strcmp(op, "LSTM") == 0 ? 4 : strcmp(op, "GRU") == 0 ? 3 : 1;
    const rnnp_attr to[] = {{.name = "to", .kind = RNNP_ATTR_INT, .i = way == BOOLS ? 9 : 7}};
    rnnp_value x;

    OK(rnnp_model_add_input(model, "x", RNNP_DTYPE_F32, 2, shape, NULL, &x));
    in[0] = way == BOOLS || way == INTEGERS || way == CHOICE ? node(model, "Cast", &x, 1, to, 1) : x;
    switch (way) {
    case NOTHING: return 0;
    case INDEX: in[1] = ints(model, (int64_t[]){1}, 1); return 2;
    case SHAPE: in[1] = ints(model, (int64_t[]){2, 3}, 2); return 2;
    case SHAPE_INPUT: in[0] = node1(model, "Shape", x); return 1;
    case PADS: in[1] = ints(model, (int64_t[]){0, 1, 0, 1}, 4); return 2;
    case UPDATES: /* of the first row */
        in[1] = node2(model, "Unsqueeze", ints(model, (int64_t[]){0, 0, 0}, strcmp(op, "ScatterND") ? COLUMNS : 1),
                      ints(model, (int64_t[]){0}, 1));
        in[2] = node2(model, "Squeeze", weights(model, 1, 1, COLUMNS), ints(model, (int64_t[]){0}, 1));
        return strncmp(op, "Gather", 6) == 0 ? 2 : 3;
    case DEPTH:
        in[1] = number(model, 4);
        in[2] = ints(model, (int64_t[]){0, 1}, 2);
        return 3;
    case BOUNDS:
        in[1] = ints(model, (int64_t[]){0, 1}, 2);
        in[2] = ints(model, (int64_t[]){2, 3}, 2);
        return 3;
    case CHOICE:
        in[0] = node2(model, "Less", x, node1(model, "Neg", x));
        in[1] = x;
        in[2] = node1(model, "Neg", x);
        return 3;
    case BRANCHES:
        in[0] = node1(model, "ReduceMax", x);
        in[0] = node2(model, "Less", in[0], node1(model, "Neg", in[0]));
        in[1] = x;
        in[2] = node1(model, "Neg", x);
        return 3;
    case WEIGHTS:
        in[0] = node2(model, "Unsqueeze", x, ints(model, (int64_t[]){0}, 1));
        in[1] = weights(model, 1, gates * 4, COLUMNS);
        in[2] = weights(model, 1, gates * 4, 4);
        return 3;
    case SCALED:
        in[1] = scalar(model, 0.25f);
        if (strcmp(op, "DequantizeLinear") == 0) in[0] = node2(model, "QuantizeLinear", x, in[1]);
        return 2;
    case CHANNELS:
        n = strcmp(op, "BatchNormalization") == 0 ? 5 : 3;
        for (size_t i = 1; i < n; i++)
            in[i] = node2(model, "Reshape", weights(model, 1, 1, COLUMNS), number(model, -1));
        return n;
    case PLANES: in[0] = node2(model, "Unsqueeze", x, ints(model, (int64_t[]){0}, 1)); return 1;
    case KERNELS:
        in[0] = node2(model, "Unsqueeze", x, ints(model, (int64_t[]){0}, 1));
        in[1] = weights(model, ROWS, ROWS, 2);
        return 2;
    case RANGE:
        in[0] = number(model, 0);
        in[1] = node2(model, "Gather", node1(model, "Shape", x), number(model, 0));
        in[2] = number(model, 1);
        return 3;
    default:
        for (size_t i = 1; i < n; i++) in[i] = in[0];
        return n;
    }
}

/* Attributes to try, none first. */
static const int64_t one_axis[] = {1}, two[] = {2}, halves[] = {1, 2}, from[] = {0}, until[] = {2};
static const int64_t around[] = {0, 1, 0, 1};
static const rnnp_attr lists[][2] = {
    {{.name = NULL}},
    {{.name = "axes", .kind = RNNP_ATTR_INTS, .ints = one_axis, .count = 1}},
    {{.name = "axis", .kind = RNNP_ATTR_INT, .i = 1}},
    {{.name = "to", .kind = RNNP_ATTR_INT, .i = 7}},
    {{.name = "fmod", .kind = RNNP_ATTR_INT, .i = 1}},
    {{.name = "min", .kind = RNNP_ATTR_FLOAT, .f = -1.0f}, {.name = "max", .kind = RNNP_ATTR_FLOAT, .f = 1.0f}},
    {{.name = "min", .kind = RNNP_ATTR_FLOAT, .f = -1.0f}},
    {{.name = "starts", .kind = RNNP_ATTR_INTS, .ints = from, .count = 1},
     {.name = "ends", .kind = RNNP_ATTR_INTS, .ints = until, .count = 1}},
    {{.name = "split", .kind = RNNP_ATTR_INTS, .ints = halves, .count = 2},
     {.name = "axis", .kind = RNNP_ATTR_INT, .i = 1}},
    {{.name = "ratio", .kind = RNNP_ATTR_FLOAT, .f = 0.25f}},
    {{.name = "kernel_shape", .kind = RNNP_ATTR_INTS, .ints = two, .count = 1}},
    {{.name = "num_groups", .kind = RNNP_ATTR_INT, .i = COLUMNS}},
    {{.name = "spatial", .kind = RNNP_ATTR_INT, .i = 1}},
    {{.name = "value_float", .kind = RNNP_ATTR_FLOAT, .f = 2.5f}},
    {{.name = "pads", .kind = RNNP_ATTR_INTS, .ints = around, .count = 4}},
    {{.name = "k", .kind = RNNP_ATTR_INT, .i = 1}},
    {{.name = "equation", .kind = RNNP_ATTR_STRING, .s = "ij"}},
    {{.name = "batch_axis", .kind = RNNP_ATTR_INT, .i = 0}, {.name = "time_axis", .kind = RNNP_ATTR_INT, .i = 1}},
};

enum { LISTS = sizeof lists / sizeof *lists };

static size_t n_attrs(const rnnp_attr *list) { return (size_t)(list[0].name != NULL) + (size_t)(list[1].name != NULL); }

/* 0 where the way does not fit. */
static int build(rnnp_context *context, const char *op, int opset, int later, int way, const rnnp_attr *attrs,
                 size_t n_in, size_t n_out, built *b)
{
    rnnp_value in[MOST_IN], out[MOST_OUT] = {0}, last = 0;

    *b = (built){make_model(context), n_out};
    const size_t n = make_inputs(b->model, op, way, n_in, in);
    rnnp_status status = rnnp_model_add_node(b->model, op, opset, "old", in, n, attrs, n_attrs(attrs), out, n_out);
    for (size_t i = 0; i < n_out && status == RNNP_OK; i++) {
        OK(rnnp_model_add_node(b->model, "Identity", later, "new", &out[i], 1, NULL, 0, &last, 1));
        OK(rnnp_model_add_output(b->model, i ? "q" : "p", last));
    }
    if (status == RNNP_OK) status = rnnp_model_close(b->model);
    if (status != RNNP_OK) rnnp_model_destroy(b->model);
    return status == RNNP_OK;
}

static produced run_on_specials(const rnnp_model *model)
{
    OWNED(plan) plan = make_plan(model);
    const produced o = run_plan(plan, &(rnnp_tensor){RNNP_DTYPE_F32, 2, {ROWS, COLUMNS}, .const_data = specials},
                                rnnp_model_input_count(model));

    return o;
}

/* Saved and loaded; refusals are counted. The helpers' nodes are of opset 17, so no file has a lower one. */
static void round_trip(rnnp_context *context, const char *op, int opset, int later, const rnnp_model *model,
                       size_t *refused)
{
    DROPPED(free_buffer) buffer file = {0};

    if (rnnp_onnx_write(model, take_bytes, &file) != RNNP_OK) {
        assert_says(context, "an ONNX file has one opset");
        ++*refused;
        return;
    }
    OWNED(model) loaded = load(context, &file);
    DROPPED(free_outputs) produced a = run_on_specials(model), b = run_on_specials(loaded);
    if (!equal_outputs(&a, &b)) fail_msg("%s of opset %d beside one of opset %d: other bits", op, opset, later);
}

TEST(test_every_opset)
{
    static const int opsets[] = {FIRST, 7,  9,  10, 11,
                                 12,    13, 18, 21, LAST}; /* those that changed a form, and the last */
    OWNED(context) context = make_context(NULL, 1);
    size_t refused = 0, saved = 0;
    const char *op;

    for (size_t k = 0; (op = rnnp_operator_name(k)) != NULL; k++) {
        size_t fits = 0;

        if (strncmp(op, "Loop", 4) == 0) continue; /* come in pairs: loops.c */
        for (size_t o = 0; o < sizeof opsets / sizeof *opsets; o++) {
            const int opset = opsets[o];

            for (size_t at = 0; at < (size_t)WAYS * LISTS * 2 * MOST_OUT; at++) {
                const int way = (int)(at % WAYS);
                const rnnp_attr *attrs = lists[at / WAYS % LISTS];
                const size_t n_in = 1 + at / WAYS / LISTS % 2, n_out = 1 + at / WAYS / LISTS / 2;
                built b;

                if (!build(context, op, opset, opset, way, attrs, n_in, n_out, &b)) continue;
                rnnp_model_destroy(b.model);
                fits++;
                for (size_t j = o; j < sizeof opsets / sizeof *opsets; j++) {
                    if (!build(context, op, opset, opsets[j], way, attrs, n_in, n_out, &b)) continue;
                    round_trip(context, op, opset, opsets[j], b.model, &refused);
                    saved++;
                    rnnp_model_destroy(b.model);
                }
            }
        }
        if (!fits) printf("no way to call %s\n", op);
        assert_true(fits > 0);
    }
    print_message("%zu models, of which %zu cannot be saved with one opset\n", saved, refused);
    assert_true(refused > 0 && refused < saved / 2);
}
