/* SPDX-License-Identifier: Apache-2.0
 *
 * Values that lie channels last between convolutions: which ones do, and that nobody can tell. The same graph with
 * these values as outputs of the model, which lie as their shape says, gives the same bits.
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

static rnnp_model *model_of(rnnp_context *context, size_t g, int inside)
{
    return make_graph(context, "x: f32[?,12,?%s]; p = f32[16]{1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16}; %s; -> y%s%s",
                      graphs[g].axes == 2 ? ",?" : "", graphs[g].text, inside ? ", " : "",
                      inside ? graphs[g].inside : "");
}

static void count(const rnnp_run *run, size_t *ends, size_t *calls)
{
    const rnnp_program *program = (const rnnp_program *)run;

    *ends = 0;
    *calls = program->n_calls;
    for (size_t c = 0; c < program->n_calls; c++) {
        const unsigned last = program->calls[c].exec.channels_last;

        *ends += (last & 1) + (last >> 1 & 1);
    }
}

static produced run_graph(size_t g, int inside, const char *isa, size_t threads, const rnnp_tensor *x, size_t *ends,
                          size_t *calls)
{
    OWNED(context) context = capped_context(NULL, isa, threads);
    OWNED(model) model = model_of(context, g, inside);
    OPTIONS(plan, options);
    options.threads = threads;
    OWNED_NEW(plan, plan, model, &options);
    OWNED_NEW(run, run, plan, x, 1);
    count(run, ends, calls);
    const produced o = execute_run(run, x, 1, SIZE_MAX);

    OK(o.status);
    return o;
}

static void check_graph(size_t g, const rnnp_tensor *x)
{
    size_t ends, calls;
    DROPPED(free_outputs) produced want = run_graph(g, 1, "generic", 1, x, &ends, &calls);

    if (ends != 0) fail_msg("%s: %zu ends lie channels last with the values as outputs", graphs[g].name, ends);
    for (size_t i = 0; i < 2 * build_isas(); i++) {
        DROPPED(free_outputs) produced got = run_graph(g, 0, build_isa(i / 2), 1 + i % 2, x, &ends, &calls);
        const rnnp_tensor *a = &want.out[0], *b = &got.out[0];

        assert_int_equal(rnnp_tensor_elements(a), rnnp_tensor_elements(b));
        if (memcmp(a->data, b->data, rnnp_tensor_elements(a) * sizeof(float)) != 0)
            fail_msg("%s: other bits on %s with %zu threads", graphs[g].name, build_isa(i / 2), 1 + i % 2);
        const size_t more = x->shape[0] > 1 ? graphs[g].more : 0;
        if (ends != graphs[g].ends + more || calls != graphs[g].calls + more)
            fail_msg("%s: %zu ends lie channels last, of %zu calls", graphs[g].name, ends, calls);
    }
}

TEST(test_graphs)
{
    for (size_t g = 0; g < sizeof graphs / sizeof graphs[0]; g++) {
        for (int64_t batch = 1; batch <= 3; batch += 2) {
            rnnp_tensor x = {RNNP_DTYPE_F32, graphs[g].axes + 2, {batch, 12, 10, 7}, .data = NULL};
            FREED float *data = numbers(rnnp_tensor_elements(&x), 5, 1.0f);

            x.data = data;
            check_graph(g, &x);
        }
    }
}

/* Nothing to do where there is no batch. */
TEST(test_empty)
{
    const rnnp_tensor x = {RNNP_DTYPE_F32, 3, {0, 12, 10}, .data = NULL};

    for (size_t g = 0; g < 2; g++) {
        size_t ends, calls;
        DROPPED(free_outputs) produced got = run_graph(g, 0, NULL, 1, &x, &ends, &calls);

        assert_int_equal(rnnp_tensor_elements(&got.out[0]), 0);
    }
}
