/* SPDX-License-Identifier: Apache-2.0
 *
 * Values that lie channels last between convolutions, and elementwise nodes that run with the convolution in front of
 * them: which ones do, and that nobody can tell. The same graph with the values between as outputs of the model, which
 * lie as their shape says and are seen, gives the same bits.
 */
#include "graph.h"
#include "tests/isas.h"

#include "src/graph/engine.h"

/* x has 12 channels, and one or two spatial axes. */
static const struct {
    const char *name, *text, *inside; /* values between, as outputs */
    size_t axes;
    size_t ends, calls; /* inputs and outputs of calls that lie channels last; calls */
    size_t more;        /* of both, with more than one batch row */
} graphs[] = {
    {"activation", "a = Relu(Conv(x, f32[16,12,5]~1, f32[16]~2, pads={2,2})); y = Conv(a, f32[9,16,3]~3)", "a", 1, 4, 3,
     0},
    {"three",
     "a = Conv(x, f32[16,12,1]~1); b = Tanh(Conv(Sigmoid(a), f32[33,16,4]~3*0.2, f32[33]~2, strides={2}, pads={1,2}));"
     "y = Conv(b, f32[8,33,3]~4, dilations={2})",
     "a, b", 1, 8, 5, 0},
    {"elementwise",
     "a = Conv(x, f32[16,12,3,3]~1, pads={1,1,1,1}); b = LeakyRelu(Clip(a, f32{-2}, f32{3}));"
     "c = Mul(PRelu(b, f32[16,1,1]~5), f32[1,16,1,1]~6); d = Div(Sub(f32[16,1,1]~7, Identity(c)), f32[1]{3});"
     "y = Conv(Max(d, b), f32[16,16,2,2]~3, strides={1,2})",
     "a", 2, 15, 9, 0},
    {"statistics",
     "a = Conv(x, f32[16,12,3,2]~1); b = BatchNormalization(a, f32[16]~2, f32[16]~3, f32[16]~4, p, epsilon=0.01);"
     "y = Conv(Relu(b), f32[8,16,1,1]~3)",
     "a, b", 2, 6, 4, 0},
    {"residual",
     "a = Conv(x, f32[16,12,3,3]~1, pads={1,1,1,1}); b = Conv(Relu(a), f32[16,16,3,3]~2*0.2, pads={1,1,1,1});"
     "y = Conv(Add(a, b), f32[8,16,1,3]~3)",
     "b", 2, 8, 5, 0},
    {"padded",
     "a = Pad(Conv(x, f32[16,12,1,1]~1), {0,0,1,2,0,0,-1,1}, f32{0.5}); b = Relu(Conv(a, f32[9,16,2,2]~2));"
     "y = Conv(Pad(b, {0,3,2,0,0,0,2,0}, mode=reflect), f32[8,12,3,1]~3)",
     "a, b", 2, 10, 6, 0},
    {"masks",
     "a = Conv(x, f32[16,12,1,1]~1); b = Mul(Slice(x, {3}, {4}, {1}), a);"
     "y = Conv(Sub(b, GlobalMaxPool(Conv(x, f32[16,12,1,1]~4))), f32[8,16,3,1]~3)",
     "b", 2, 5, 7, 0},
    {"groups",
     "a = Conv(x, f32[16,6,3,3]~1, group=2); b = Conv(a, f32[24,8,1,2]~2, f32[24]~4, group=2);"
     "y = Conv(b, f32[8,24,2,1]~3)",
     "a, b", 2, 4, 3, 0},
    {"transposed",
     "a = ConvTranspose(x, f32[12,16,3,4]~1, f32[16]~2, strides={2,3}, pads={1,0,0,1});"
     "y = ConvTranspose(Relu(a), f32[16,9,2,1]~3*0.2, strides={1,2}, output_padding={0,1})",
     "a", 2, 4, 3, 0},
    {"rows", "a = Conv(x, f32[16,12,3]~1); t = Transpose(a, perm={0,2,1}); y = MatMul(t, f32[16,5]~2)", "a", 1, 1, 2,
     0},
    {"steps", "a = Relu(Conv(x, f32[16,12,3]~1)); y, h = lstm[16,5]#3(Transpose(a, perm={2,0,1}))", "a", 1, 3, 3, 1},
    {"planes", "a = Conv(x, f32[16,12,3,1]~1); y = Relu(Transpose(a, perm={0,2,3,1}))", "a", 2, 1, 2, 0},
    {"planes turned", "a = Conv(x, f32[16,12,3,1]~1); y = Neg(Transpose(a, perm={3,0,2,1}))", "a", 2, 2, 3, 0},
    {"two readers",
     "a = Conv(x, f32[16,12,1]~1); b = Conv(a, f32[8,16,1]~2);"
     "y = Concat(Transpose(b, perm={0,2,1}), Transpose(a, perm={0,2,1}), axis=2)",
     "a, b", 1, 3, 3, 0},
    {"a row", "a = Conv(x, f32[16,12,3]~1); y = Conv(Add(a, f32[8]~4), f32[8,16,1]~2)", "a", 1, 4, 3, 0},
    /* those that stay */
    {"another reader", "a = Conv(x, f32[16,12,1]~1); y = Add(Conv(a, f32[8,16,1]~2), Slice(a, {0}, {8}, {1}))", "a", 1,
     0, 4, 0},
    {"few channels", "a = Conv(x, f32[7,12,1]~1); y = Conv(a, f32[8,7,1]~2)", "a", 1, 0, 2, 0},
    {"for few channels", "a = Conv(x, f32[16,12,1]~1); y = Conv(Relu(a), f32[7,16,1]~2)", "a", 1, 0, 3, 0},
    {"a plane", "a = Conv(x, f32[16,12,3]~1); y = Conv(Add(a, f32[16,8]~4), f32[8,16,1]~2)", "a", 1, 0, 3, 0},
    {"an input beside", "a = Conv(x, f32[12,12,1]~1); y = Conv(Add(x, a), f32[8,12,1]~2)", "a", 1, 0, 3, 0},
    {"planes of channels", "a = Conv(x, f32[16,12,1,1]~1); y = Transpose(a, perm={0,3,1,2})", "a", 2, 0, 2, 0},
    {"more axes", "a = Conv(x, f32[16,12,3]~1); y = Neg(Add(a, f32[1,1,1,8]~4))", "a", 1, 0, 3, 0},
};

/* A convolution and what runs with it; values between, as outputs; how many nodes run as one. */
static const struct {
    const char *name, *text, *inside;
    size_t joined;
} followed[] = {
    {"activation", "c = Conv(x, f32[16,12,5]~1, f32[16]~2, pads={2,2}); y = Relu(c)", "c", 2},
    {"many",
     "c = Conv(x, f32[16,12,3]~1, strides={2}); b = BatchNormalization(c, f32[16]~2, f32[16]~3, f32[16]~4, p);"
     "d = PRelu(Mul(Add(b, f32[16,1]~5), f32[1]{0.5}), f32[1,16,1]~6); y = Clip(Sigmoid(d), f32{0.2}, f32{0.7})",
     "c", 7},
    {"more than fit",
     "c = Conv(x, f32[16,12,1]~1); d = Tanh(Neg(Elu(Tanh(c)))); y = Elu(Sub(Tanh(Neg(Exp(d))), f32[16,1]~2))", "c", 8},
    {"transposed", "c = ConvTranspose(x, f32[12,16,3]~1, dilations={2}); y = Softplus(c)", "c", 2},
    {"between others", "c = Conv(Relu(x), f32[16,12,2]~1); y = ReduceSum(Relu(c), {2})", "c", 2},
    {"then another", "c = Conv(x, f32[16,12,1]~1); b = Conv(Tanh(c), f32[8,16,3]~2); y = Relu(b)", "c, b", 2},
    /* those that run alone */
    {"two readers", "c = Conv(x, f32[16,12,1]~1); y = Add(c, Relu(c))", "c", 1},
    {"a computed operand", "c = Conv(x, f32[16,12,1]~1); y = Mul(c, ReduceMax(x, axes={0,1,2}))", "c", 1},
    {"a row", "c = Conv(x, f32[16,12,1]~1); y = Add(c, f32[1300]~3)", "c", 1},
    {"second operand", "c = Conv(x, f32[16,12,1]~1); y = Sub(f32[16,1]~3, c)", "c", 1},
    {"more rows", "c = Conv(x, f32[16,12,1]~1); y = Add(c, f32[3,16,1]~3)", "c", 1},
    {"stride", "c = ConvTranspose(x, f32[12,16,3]~1, strides={2}); y = Relu(c)", "c", 1},
    {"groups", "c = Conv(x, f32[16,6,3]~1, group=2); y = Relu(c)", "c", 1},
    {"few channels", "c = Conv(x, f32[7,12,3]~1); y = Relu(c)", "c", 1},
};

/* What a run consists of. */
typedef struct counts {
    size_t ends, calls; /* as above */
    size_t joined;      /* most calls that run as one */
} counts;

static counts count(const rnnp_run *run)
{
    const rnnp_program *program = (const rnnp_program *)run;
    counts n = {.calls = program->n_calls};

    for (size_t c = 0; c < program->n_calls; c++) {
        const unsigned last = program->calls[c].exec.channels_last;

        n.ends += (last & 1) + (last >> 1 & 1);
        n.joined = program->calls[c].stack > n.joined ? program->calls[c].stack : n.joined;
    }
    return n;
}

/* inside: NULL or the other outputs. */
static produced run_graph(const char *text, const char *inside, const char *isa, size_t threads, const rnnp_tensor *x,
                          counts *n)
{
    OWNED(context) context = capped_context(NULL, isa, threads);
    OWNED(model)
    model = make_graph(context, "x: f32[?,12,?%s]; p = f32[16]{1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16}; %s; -> y%s%s",
                       x->rank == 4 ? ",?" : "", text, inside ? ", " : "", inside ? inside : "");
    OPTIONS(plan, options);
    options.threads = threads;
    OWNED_NEW(plan, plan, model, &options);
    OWNED_NEW(run, run, plan, x, 1);
    *n = count(run);
    const produced o = execute_run(run, x, 1, SIZE_MAX);

    OK(o.status);
    return o;
}

static void check_graph(const char *name, const char *text, const char *inside, const rnnp_tensor *x,
                        const counts *want)
{
    counts n;
    DROPPED(free_outputs) produced whole = run_graph(text, inside, "generic", 1, x, &n);

    if (n.ends != 0 || (want->joined && n.joined > 1))
        fail_msg("%s: %zu ends, %zu joined, with values as outputs", name, n.ends, n.joined);
    for (size_t i = 0; i < 2 * build_isas(); i++) {
        DROPPED(free_outputs) produced got = run_graph(text, NULL, build_isa(i / 2), 1 + i % 2, x, &n);
        const rnnp_tensor *a = &whole.out[0], *b = &got.out[0];

        assert_int_equal(rnnp_tensor_elements(a), rnnp_tensor_elements(b));
        if (memcmp(a->data, b->data, rnnp_tensor_elements(a) * sizeof(float)) != 0)
            fail_msg("%s: other bits on %s with %zu threads", name, build_isa(i / 2), 1 + i % 2);
        if ((want->calls && (n.ends != want->ends || n.calls != want->calls)) ||
            (want->joined && n.joined != want->joined))
            fail_msg("%s: %zu ends, %zu calls, %zu joined", name, n.ends, n.calls, n.joined);
    }
}

TEST(test_graphs)
{
    for (size_t g = 0; g < sizeof graphs / sizeof graphs[0]; g++) {
        for (int64_t batch = 1; batch <= 3; batch += 2) {
            const size_t more = batch > 1 ? graphs[g].more : 0;
            const counts want = {.ends = graphs[g].ends + more, .calls = graphs[g].calls + more};
            rnnp_tensor x = {RNNP_DTYPE_F32, graphs[g].axes + 2, {batch, 12, 10, 7}, .data = NULL};
            FREED float *data = numbers(rnnp_tensor_elements(&x), 5, 1.0f);

            x.data = data;
            check_graph(graphs[g].name, graphs[g].text, graphs[g].inside, &x, &want);
        }
    }
}

/* Several blocks of each batch row. */
TEST(test_followed)
{
    for (size_t g = 0; g < sizeof followed / sizeof followed[0]; g++) {
        FREED float *data = numbers(3 * 12 * 1300, 5, 1.0f);
        const rnnp_tensor x = tensor3(data, 3, 12, 1300);

        check_graph(followed[g].name, followed[g].text, followed[g].inside, &x,
                    &(counts){.joined = followed[g].joined});
    }
}

/* Nothing to do where there is no batch. */
TEST(test_empty)
{
    const rnnp_tensor x = {RNNP_DTYPE_F32, 3, {0, 12, 10}, .data = NULL};

    for (size_t g = 0; g < 2; g++) {
        counts n;
        DROPPED(free_outputs) produced got = run_graph(graphs[g].text, NULL, NULL, 1, &x, &n);

        assert_int_equal(rnnp_tensor_elements(&got.out[0]), 0);
    }
}
