/* SPDX-License-Identifier: Apache-2.0
 *
 * Conv and ConvTranspose of random sizes against sums in double precision, within the bound of a chain of FMAs; the
 * same bits on every instruction set and thread count, with constant weights and with weights of each run.
 */
#include "graph.h"
#include "tests/isas.h"

enum { AXES = 3, TEXT = 160 };

typedef struct geometry {
    int transposed;
    size_t axes, batch, groups, in, out; /* channels of a group */
    size_t size[AXES], result[AXES], kernel[AXES], stride[AXES], dilation[AXES], pad[2 * AXES], more[AXES];
    int bias;
} geometry;

static uint32_t seed = 1;

static size_t pick(const size_t *from, size_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return from[(seed >> 8) % n];
}
#define PICK(...) pick((const size_t[]){__VA_ARGS__}, sizeof((const size_t[]){__VA_ARGS__}) / sizeof(size_t))

static size_t extent(const geometry *g, size_t a) { return (g->kernel[a] - 1) * g->dilation[a] + 1; }

static geometry random_geometry(void)
{
    geometry g = {.transposed = (int)PICK(0, 0, 1), .axes = PICK(1, 1, 2, 2, 3), .batch = PICK(1, 1, 2, 3)};

    g.groups = PICK(1, 1, 1, 2, 5);
    g.in = PICK(1, 1, 2, 3, 17);
    g.out = PICK(1, 1, 2, 5, 8, 16, 33);
    g.bias = (int)PICK(0, 1);
    for (size_t a = 0; a < g.axes; a++) {
        g.kernel[a] = PICK(1, 1, 2, 3, 5);
        g.stride[a] = PICK(1, 1, 2, 3);
        g.dilation[a] = PICK(1, 1, 2, 3);
        g.pad[a] = PICK(0, 0, 1, 4);
        g.pad[g.axes + a] = PICK(0, 0, 1, 2);
        const size_t pads = g.pad[a] + g.pad[g.axes + a];
        if (g.transposed) {
            const size_t all = (g.stride[a] > g.dilation[a] ? g.stride[a] : g.dilation[a]) - 1;

            g.more[a] = all < 2 ? all : PICK(0, 1, 2);
            g.size[a] = PICK(1, 2, 3, 11);
            while ((g.size[a] - 1) * g.stride[a] + extent(&g, a) + g.more[a] <= pads) g.size[a]++;
            g.result[a] = (g.size[a] - 1) * g.stride[a] + extent(&g, a) + g.more[a] - pads;
        } else {
            g.size[a] = PICK(1, 2, 7, 20);
            while (g.size[a] + pads < extent(&g, a)) g.size[a]++;
            g.result[a] = (g.size[a] + pads - extent(&g, a)) / g.stride[a] + 1;
        }
    }
    return g;
}

static size_t product(const size_t *of, size_t n) { return n ? of[0] * product(of + 1, n - 1) : 1; }

static void list(char *to, const char *name, const size_t *of, size_t n)
{
    to += sprintf(to, ", %s={", name);
    for (size_t i = 0; i < n; i++) to += sprintf(to, "%s%zu", i ? "," : "", of[i]);
    sprintf(to, "}");
}

static void dims(char *to, size_t a, size_t b, const size_t *of, size_t n)
{
    to += sprintf(to, "[%zu,%zu", a, b);
    for (size_t i = 0; i < n; i++) to += sprintf(to, ",%zu", of[i]);
    sprintf(to, "]");
}

enum { X_SEED = 1, W_SEED = 2, B_SEED = 3 };

static void w_dims(const geometry *g, char *to)
{
    if (g->transposed)
        dims(to, g->groups * g->in, g->out, g->kernel, g->axes);
    else
        dims(to, g->groups * g->out, g->in, g->kernel, g->axes);
}

/* Weights are the second input, or a constant. */
static rnnp_model *make_conv(rnnp_context *context, const geometry *g, int constant)
{
    char x[TEXT], w[TEXT], bias[TEXT] = "", stride[TEXT], dilation[TEXT], pads[TEXT], more[TEXT] = "";

    dims(x, g->batch, g->groups * g->in, g->size, g->axes);
    w_dims(g, w);
    if (g->bias) sprintf(bias, "b = f32[%zu]~%d;", g->groups * g->out, B_SEED);
    list(stride, "strides", g->stride, g->axes);
    list(dilation, "dilations", g->dilation, g->axes);
    list(pads, "pads", g->pad, 2 * g->axes);
    if (g->transposed) list(more, "output_padding", g->more, g->axes);
    return make_graph(context, "x: f32%s; w%sf32%s%s; %s y = %s(x, w%s, group=%zu%s%s%s%s); -> y", x,
                      constant ? " = " : ": ", w, constant ? "~2" : "", bias, g->transposed ? "ConvTranspose" : "Conv",
                      g->bias ? ", b" : "", g->groups, stride, dilation, pads, more);
}

/* Index along each axis of the at-th element. */
static void unravel(size_t at, const size_t *of, size_t n, size_t *index)
{
    while (n-- > 0) {
        index[n] = at % of[n];
        at /= of[n];
    }
}

/* The input's element that output o meets at kernel position k; -1: padding, or none. */
static ptrdiff_t met(const geometry *g, const size_t *o, const size_t *k)
{
    ptrdiff_t at = 0;

    for (size_t a = 0; a < g->axes; a++) {
        ptrdiff_t i = (ptrdiff_t)(o[a] * g->stride[a] + k[a] * g->dilation[a]) - (ptrdiff_t)g->pad[a];

        if (g->transposed) {
            const ptrdiff_t times = (ptrdiff_t)(o[a] + g->pad[a]) - (ptrdiff_t)(k[a] * g->dilation[a]);

            if (times < 0 || times % (ptrdiff_t)g->stride[a]) return -1;
            i = times / (ptrdiff_t)g->stride[a];
        }
        if (i < 0 || i >= (ptrdiff_t)g->size[a]) return -1;
        at = at * (ptrdiff_t)g->size[a] + i;
    }
    return at;
}

static void check_values(const geometry *g, const float *x, const float *w, const float *bias, const float *y)
{
    const size_t plane_in = product(g->size, g->axes), plane = product(g->result, g->axes);
    const size_t kernel = product(g->kernel, g->axes);
    size_t o[AXES], k[AXES];

    for (size_t at = 0; at < g->batch * g->groups * g->out * plane; at++) {
        const size_t m = at / plane % (g->groups * g->out), group = m / g->out,
                     image = at / plane / (g->groups * g->out);
        double sum = bias ? (double)bias[m] : 0, size = fabs(sum);

        unravel(at % plane, g->result, g->axes, o);
        for (size_t p = 0; p < kernel; p++) {
            unravel(p, g->kernel, g->axes, k);
            const ptrdiff_t from = met(g, o, k);
            for (size_t c = 0; c < g->in && from >= 0; c++) {
                const size_t channel = group * g->in + c;
                const size_t in_w = g->transposed ? channel * g->out + m % g->out : m * g->in + c;
                const double term = (double)x[(image * g->groups * g->in + channel) * plane_in + (size_t)from] *
                                    (double)w[in_w * kernel + p];

                sum += term;
                size += fabs(term);
            }
        }
        const double bound = ((double)(kernel * g->in) + 4) * 0x1p-24 * size;
        if (!(fabs((double)y[at] - sum) <= bound)) fail_msg("element %zu is %g, expected %g", at, (double)y[at], sum);
    }
}

/* One result for all instruction sets and thread counts. */
static void check_bits(const geometry *g, int constant, const rnnp_tensor *in, produced *want)
{
    for (size_t i = 0; i < build_isas(); i++) {
        for (size_t threads = 1; threads <= 3; threads += 2) {
            OWNED(context) context = capped_context(NULL, build_isa(i), threads);
            OPTIONS(plan, options);
            options.threads = threads;
            OWNED(model) model = make_conv(context, g, constant);
            OWNED_NEW(plan, plan, model, &options);
            produced got = run_plan(plan, in, constant ? 1 : 2);

            OK(got.status);
            if (want->n) {
                assert_true(equal_outputs(want, &got));
                free_outputs(&got);
            } else {
                *want = got;
            }
        }
    }
}

static rnnp_tensor tensor_of(size_t a, size_t b, const size_t *of, size_t n, uint32_t number)
{
    rnnp_tensor t = {.dtype = RNNP_DTYPE_F32, .rank = n + 2, .shape = {(int64_t)a, (int64_t)b}};

    for (size_t i = 0; i < n; i++) t.shape[2 + i] = (int64_t)of[i];
    t.data = numbers(rnnp_tensor_elements(&t), number, 1.0f);
    return t;
}

static void check(const geometry *g)
{
    rnnp_tensor in[] = {tensor_of(g->batch, g->groups * g->in, g->size, g->axes, X_SEED),
                        tensor_of(g->groups * (g->transposed ? g->in : g->out), g->transposed ? g->out : g->in,
                                  g->kernel, g->axes, W_SEED)};
    FREED float *bias = g->bias ? numbers(g->groups * g->out, B_SEED, 1.0f) : NULL;
    produced want = {.n = 0};

    check_bits(g, 1, in, &want);
    check_bits(g, 0, in, &want);
    check_values(g, in[0].data, in[1].data, bias, want.out[0].data);
    free_outputs(&want);
    free(in[0].data);
    free(in[1].data);
}

TEST(test_random)
{
    for (size_t n = 0; n < 120; n++) {
        const geometry g = random_geometry();

        check(&g);
    }
}

/* Between two that are channels last: as when both values are outputs of the model and lie as their shapes say. */
static void check_last(const geometry *g, const rnnp_tensor *x)
{
    static const char *const perms[] = {"0,2,1", "0,2,3,1", "0,2,3,4,1"};
    char x_text[TEXT], before[TEXT], w[TEXT], stride[TEXT], dilation[TEXT], pads[TEXT], more[TEXT] = "";
    produced want = {.n = 0};

    dims(x_text, g->batch, g->groups * g->in, g->size, g->axes);
    dims(before, g->groups * g->in, g->groups * g->in, (const size_t[AXES]){1, 1, 1}, g->axes);
    w_dims(g, w);
    list(stride, "strides", g->stride, g->axes);
    list(dilation, "dilations", g->dilation, g->axes);
    list(pads, "pads", g->pad, 2 * g->axes);
    if (g->transposed) list(more, "output_padding", g->more, g->axes);
    for (size_t i = 0; i < 2 * build_isas(); i++) {
        OWNED(context) context = capped_context(NULL, build_isa(i / 2), 1 + 2 * (i % 2));
        OPTIONS(plan, options);
        options.threads = 1 + 2 * (i % 2);
        OWNED(model)
        model = make_graph(context,
                           "x: f32%s; a = Conv(x, f32%s~4); b = %s(a, f32%s~2, f32[%zu]~3, group=%zu%s%s%s%s);"
                           "y = Transpose(b, perm={%s}); -> y%s",
                           x_text, before, g->transposed ? "ConvTranspose" : "Conv", w, g->groups * g->out, g->groups,
                           stride, dilation, pads, more, perms[g->axes - 1], i == 0 ? ", a, b" : "");
        OWNED_NEW(plan, plan, model, &options);
        produced got = run_plan(plan, x, 1);

        OK(got.status);
        if (i == 0) {
            want = got;
            continue;
        }
        assert_memory_equal(want.out[0].data, got.out[0].data, rnnp_tensor_elements(&got.out[0]) * sizeof(float));
        free_outputs(&got);
    }
    free_outputs(&want);
}

TEST(test_random_last)
{
    for (size_t n = 0; n < 60; n++) {
        geometry g = random_geometry();

        g.in = PICK(8, 9, 17);
        g.out = PICK(8, 9, 33);
        rnnp_tensor x = tensor_of(g.batch, g.groups * g.in, g.size, g.axes, X_SEED);
        check_last(&g, &x);
        free(x.data);
    }
}

/* Long rows, many rows, and work that several threads share. */
TEST(test_large)
{
    static const geometry large[] = {
        {.axes = 1,
         .batch = 2,
         .groups = 1,
         .in = 64,
         .out = 48,
         .size = {300},
         .kernel = {5},
         .stride = {1},
         .bias = 1},
        {.axes = 1, .batch = 1, .groups = 1, .in = 1, .out = 130, .size = {1500}, .kernel = {256}, .stride = {64}},
        {.axes = 2, .batch = 1, .groups = 64, .in = 1, .out = 1, .size = {9, 96}, .kernel = {3, 3}, .stride = {1, 2}},
        {.axes = 2, .batch = 1, .groups = 1, .in = 20, .out = 24, .size = {40, 40}, .kernel = {1, 1}, .stride = {1, 1}},
        {.transposed = 1,
         .axes = 1,
         .batch = 1,
         .groups = 1,
         .in = 40,
         .out = 40,
         .size = {120},
         .kernel = {4},
         .stride = {2}},
    };

    for (size_t n = 0; n < sizeof large / sizeof large[0]; n++) {
        geometry g = large[n];

        for (size_t a = 0; a < g.axes; a++) {
            g.dilation[a] = 1;
            g.result[a] = g.transposed ? (g.size[a] - 1) * g.stride[a] + g.kernel[a]
                                       : (g.size[a] - g.kernel[a]) / g.stride[a] + 1;
        }
        check(&g);
    }
}

/* ---- auto_pad, output_shape, symbols, sizes of 0 ---- */

static void check_shape(const char *text, const int64_t *in, const int64_t *out)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model) model = make_graph(context, "%s", text);
    OWNED(plan) plan = make_plan(model);
    rnnp_tensor x = {.dtype = RNNP_DTYPE_F32, .rank = 3};

    memcpy(x.shape, in, 3 * sizeof *in);
    FREED float *data = numbers(rnnp_tensor_elements(&x), 1, 1.0f);
    x.data = data;
    DROPPED(free_outputs) produced got = run_plan(plan, &x, 1);
    OK(got.status);
    assert_memory_equal(got.out[0].shape, out, 3 * sizeof *out);
}
#define CHECK_SHAPE(graph, a, b, c, d, e, f) check_shape(graph, (int64_t[]){a, b, c}, (int64_t[]){d, e, f})

TEST(test_shapes)
{
    CHECK_SHAPE("x: f32[?,2,?]; y = Conv(x, f32[3,2,4]~1, auto_pad=SAME_UPPER, strides={2}); -> y", 1, 2, 9, 1, 3, 5);
    CHECK_SHAPE("x: f32[?,2,?]; y = Conv(x, f32[3,2,4]~1, auto_pad=SAME_LOWER); -> y", 2, 2, 9, 2, 3, 9);
    CHECK_SHAPE("x: f32[?,2,?]; y = Conv(x, f32[3,2,4]~1, auto_pad=VALID); -> y", 1, 2, 9, 1, 3, 6);
    CHECK_SHAPE("x: f32[?,?,?]; y = Conv(x, f32[3,2,4]~1); -> y", 0, 2, 9, 0, 3, 6);
    CHECK_SHAPE("x: f32[?,2,?]; y = ConvTranspose(x, f32[2,3,4]~1, strides={3}, auto_pad=SAME_UPPER); -> y", 1, 2, 5, 1,
                3, 15);
    CHECK_SHAPE("x: f32[?,2,?]; y = ConvTranspose(x, f32[2,3,4]~1, strides={3}, output_shape={13}); -> y", 1, 2, 5, 1,
                3, 13);
    CHECK_SHAPE("x: f32[?,2,?]; y = ConvTranspose(x, f32[2,3,4]~1, strides={2}); -> y", 1, 2, 1, 1, 3, 4);
}

/* ---- Pad in front ---- */

static produced run_text(const char *text, const rnnp_tensor *x, size_t *nodes)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model) model = make_graph(context, "%s", text);
    OWNED(plan) plan = make_plan(model);

    *nodes = rnnp_model_node_count(model);
    return run_plan(plan, x, 1);
}

/* A Pad with zeros is part of the Conv, with the same bits also where weights are not finite or -0; others stay. */
TEST(test_pad)
{
    static const struct {
        const char *pad, *pads, *rest; /* as a node, and as an attribute; NULL: it stays */
    } cases[] = {
        {"Pad(x, {0,0,3,0,0,0,0,0})", "pads={3,0,0,0}", ""},
        {"Pad(x, {0,0,1,2,0,0,0,4}, f32{0})", "pads={1,2,0,4}", ", strides={2,1}"},
        {"Pad(Pad(x, {0,0,1,0,0,0,0,0}), {0,0,0,0,0,0,1,2})", "pads={1,0,1,2}", ", auto_pad=VALID"},
        {"Pad@18(x, {2,1}, f32{0}, {-1})", "pads={0,2,0,1}", ", dilations={1,2}"},
        {"Pad(x, {0,0,3,0,0,0,0,0}, f32{1})", NULL, ""},
        {"Pad(x, {0,0,3,0,0,0,0,0}, f32{-0.0})", NULL, ""},
        {"Pad(x, {0,0,3,0,0,0,-1,0})", NULL, ""},
        {"Pad(x, {1,0,3,0,0,0,0,0})", NULL, ""},
        {"Pad(x, {0,0,3,0,0,0,0,0}, mode=edge)", NULL, ""},
        {"Pad(x, {0,0,3,0,0,0,0,0})", NULL, ", auto_pad=SAME_UPPER"},
    };
    static const char *const weights[] = {"f32[5,12,2,3]~1", "f32[12,1,2,3]~1, group=12", "f32[16,12,2,3]~1",
                                          "Sqrt(f32[16,12,2,3]~1), f32[16]~2", "Mul(f32[16,12,2,3]~1, f32{-0.0})"};
    rnnp_tensor x = {.dtype = RNNP_DTYPE_F32, .rank = 4, .shape = {2, 12, 7, 9}};
    FREED float *data = numbers(rnnp_tensor_elements(&x), 1, 1.0f);
    char text[256];

    x.data = data;
    for (size_t i = 0; i < sizeof cases / sizeof *cases * 5; i++) {
        const char *const w = weights[i % 5], *const rest = cases[i / 5].rest;
        const char *const pads = cases[i / 5].pads;
        size_t nodes, plain;

        snprintf(text, sizeof text, "x: f32[?,12,?,?]; y = Conv(%s, %s%s); -> y", cases[i / 5].pad, w, rest);
        DROPPED(free_outputs) produced got = run_text(text, &x, &nodes);
        OK(got.status);
        assert_int_equal(nodes, pads ? 1 : 2);
        if (!pads) continue;
        snprintf(text, sizeof text, "x: f32[?,12,?,?]; y = Conv(x, %s, %s%s); -> y", w, pads,
                 strstr(rest, "auto_pad") ? "" : rest);
        DROPPED(free_outputs) produced want = run_text(text, &x, &plain);
        OK(want.status);
        assert_memory_equal(got.out[0].data, want.out[0].data, rnnp_tensor_elements(&want.out[0]) * sizeof(float));
        /* a sum between them keeps the Pad */
        snprintf(text, sizeof text, "x: f32[?,12,?,?]; p = %s; z = Add(p, f32{0}); y = Conv(z, %s%s); -> y",
                 cases[i / 5].pad, w, rest);
        DROPPED(free_outputs) produced apart = run_text(text, &x, &plain);
        OK(apart.status);
        assert_true(plain > nodes);
        assert_memory_equal(got.out[0].data, apart.out[0].data, rnnp_tensor_elements(&want.out[0]) * sizeof(float));
    }
}

/* ---- Bad input ---- */

TEST(test_refused)
{
    static const struct {
        const char *text, *words;
        rnnp_status status;
    } cases[] = {
        {"x: f32[1,4,9]; y = Conv(x, f32[3,2,4]~1); -> y", "number of channels", RNNP_ERR_SHAPE},
        {"x: f32[1,3,9]; y = Conv(x, f32[4,1,4]~1, group=2); -> y", "3 channels do not divide into 2", RNNP_ERR_SHAPE},
        {"x: f32[1,4,9]; y = Conv(x, f32[3,2,4]~1, group=2); -> y", "3 output channels", RNNP_ERR_SHAPE},
        {"x: f32[1,4,9,9]; y = Conv(x, f32[3,4,4]~1); -> y", "rank 4 and W has rank 3", RNNP_ERR_SHAPE},
        {"x: f32[1,4]; y = Conv(x, f32[3,4]~1); -> y", "no spatial axes", RNNP_ERR_SHAPE},
        {"x: f32[1,2,3]; y = Conv(x, f32[3,2,4]~1); -> y", "which has 3", RNNP_ERR_SHAPE},
        {"x: f32[1,2,9]; y = Conv(x, f32[3,2,4]~1, f32[2]~1); -> y", "length of B", RNNP_ERR_SHAPE},
        {"x: f32[1,2,9]; y = Conv(x, f32[3,2,4]~1, kernel_shape={3}); -> y", "kernel size", RNNP_ERR_SHAPE},
        {"x: i32[1,2,9]; y = Conv(x, f32[3,2,4]~1); -> y", "i32", RNNP_ERR_TYPE},
        {"x: f32[1,2,2]; y = ConvTranspose(x, f32[2,3,3]~1, pads={2,2}); -> y", "pads 2 and 2", RNNP_ERR_SHAPE},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        OWNED(context) context = make_context(NULL, 1);
        OWNED(model) model = open_graph(context, "%s", cases[i].text);

        REFUSED(context, rnnp_model_close(model), cases[i].status, cases[i].words);
    }
}

TEST(test_attributes_refused)
{
    const struct {
        rnnp_attr attr;
        const char *words;
    } cases[] = {
        {{.name = "group", .kind = RNNP_ATTR_INT}, "group is 0"},
        {{.name = "strides", .kind = RNNP_ATTR_INTS, .ints = (int64_t[]){0}, .count = 1}, "strides[0] is 0"},
        {{.name = "pads", .kind = RNNP_ATTR_INTS, .ints = (int64_t[]){-1, 0}, .count = 2}, "pads[0] is -1"},
        {{.name = "dilations", .kind = RNNP_ATTR_INTS, .ints = (int64_t[]){INT64_MAX}, .count = 1}, "dilations[0]"},
        {{.name = "output_padding", .kind = RNNP_ATTR_INTS, .ints = (int64_t[]){1}, .count = 1},
         "output_padding[0] is 1"},
        {{.name = "output_shape", .kind = RNNP_ATTR_INTS, .ints = (int64_t[]){-4}, .count = 1},
         "output_shape[0] is -4"},
        {{.name = "auto_pad", .kind = RNNP_ATTR_STRING, .s = "SAME"}, "auto_pad is SAME"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        OWNED(context) context = make_context(NULL, 1);
        OWNED(model) model = make_model(context);
        const rnnp_value inputs[] = {input3(model, "x", 1, 2, 9), input3(model, "w", 2, 2, 3)};
        rnnp_value y;

        REFUSED(context, rnnp_model_add_node(model, "ConvTranspose", 17, NULL, inputs, 2, &cases[i].attr, 1, &y, 1),
                RNNP_ERR_ARG, cases[i].words);
    }
}
