/* SPDX-License-Identifier: Apache-2.0
 *
 * Convolutions along time that look back alone: a stream keeps the inputs that its kernels still need, and has the bits
 * of a run over the whole sequence.
 */
#include "../model/graph.h"

enum { STEPS = 24, MOST = 4096 };

ONE_CONTEXT(1)

/* x [N][3][steps]; the result is [N][channels][steps] or [steps][N][channels]. */
static const struct model {
    const char *graph;
    int steps_first;
} models[] = {
    {"x: f32[N,3,T]; y = Conv(x, f32[6,3,3]~1, f32[6]~2, dilations={2}, pads={4,0}); -> y", 0},
    {"x: f32[N,3,T]; a = Relu(Conv(x, f32[16,3,4]~1, pads={3,0}));"
     "y = Conv(a, f32[16,1,3]~3, f32[16]~4, group=16, pads={2,0}); -> y",
     0},
    {"x: f32[N,3,T]; a = Conv(x, f32[8,3,5]~1, pads={4,0}); b = Conv(a, f32[5,8,1]~2);"
     "y, h = gru[5,7]#3(Transpose(b, perm={2,0,1})); -> y",
     1},
    /* time is the first of two axes, and the other one is padded on both sides */
    {"x: f32[N,3,T]; a = Conv(Transpose(Unsqueeze(x, {1}), perm={0,1,3,2}), f32[4,1,3,2]~1, pads={2,1,0,1});"
     "y = ReduceMean(a, axes={3}, keepdims=0); -> y",
     0},
};

static rnnp_stream *open_stream(const rnnp_plan *plan, size_t batch, size_t steps)
{
    OPTIONS(stream, options);
    options.batch = batch;
    options.steps = steps;
    options.time_axis = RNNP_AXIS(2);
    NEW(stream, stream, plan, &options);
    return stream;
}

static rnnp_tensor x_of(size_t batch, size_t steps, float *data)
{
    return (rnnp_tensor){RNNP_DTYPE_F32, 3, {(int64_t)batch, 3, (int64_t)steps}, .data = data};
}

/* Steps [from, from + n) of x [batch][3][all]. */
static void cut(const float *x, size_t batch, size_t all, size_t from, size_t n, float *to)
{
    for (size_t r = 0; r < batch * 3; r++) memcpy(to + r * n, x + r * all + from, n * sizeof *x);
}

/* A step of a result against the same of a run. */
static void check_step(const struct model *m, const rnnp_tensor *whole, const rnnp_tensor *part, size_t from)
{
    const size_t all = (size_t)whole->shape[m->steps_first ? 0 : 2], n = (size_t)part->shape[m->steps_first ? 0 : 2];
    const size_t rows = rnnp_tensor_elements(whole) / all;
    const float *a = whole->data, *b = part->data;

    assert_int_equal(rows * n, rnnp_tensor_elements(part));
    if (m->steps_first) {
        assert_memory_equal(a + from * rows, b, rows * n * sizeof *a);
        return;
    }
    for (size_t r = 0; r < rows; r++) assert_memory_equal(a + r * all + from, b + r * n, n * sizeof *a);
}

static void check_model(const struct model *m, size_t batch, size_t steps)
{
    OWNED(model) model = make_graph(context, "%s", m->graph);
    OWNED(plan) plan = make_plan(model);
    OWNED(stream) stream = open_stream(plan, batch, steps);
    FREED float *x = numbers(batch * 3 * STEPS, 5, 1.0f), *part = numbers(batch * 3 * steps, 1, 1.0f);
    FREED float *y = numbers(MOST, 1, 1.0f);
    const rnnp_tensor whole = x_of(batch, STEPS, x), in = x_of(batch, steps, part);
    DROPPED(free_outputs) produced want = run_plan(plan, &whole, 1);
    const size_t bytes = rnnp_stream_state_bytes(stream);
    FREED void *saved = malloc(bytes);

    OK(want.status);
    for (int again = 0; again < 2; again++) { /* the second time after a reset */
        for (size_t t = 0; t < STEPS; t += steps) {
            rnnp_tensor out = {.data = y};

            cut(x, batch, STEPS, t, steps, part);
            OK(rnnp_stream_save(stream, saved, bytes));
            OK(rnnp_stream_step(stream, &in, 1, &out, 1));
            check_step(m, &want.out[0], &out, t);
            OK(rnnp_stream_load(stream, saved, bytes)); /* once more from the state before it */
            OK(rnnp_stream_step(stream, &in, 1, &out, 1));
            check_step(m, &want.out[0], &out, t);
        }
        rnnp_stream_reset(stream);
    }
}

TEST(test_same_bits)
{
    for (size_t m = 0; m < sizeof models / sizeof models[0]; m++) {
        check_model(&models[m], 1, 1);
        check_model(&models[m], 2, 1);
        check_model(&models[m], 3, 4);
        check_model(&models[m], 1, STEPS);
    }
}

/* A channel that waits keeps its history. */
TEST(test_rows)
{
    enum { BATCH = 3 };
    OWNED(model) model = make_graph(context, "%s", models[1].graph);
    OWNED(plan) plan = make_plan(model);
    OWNED(stream) together = open_stream(plan, BATCH, 1);
    OWNED(stream) alone = open_stream(plan, 1, 1);
    float x[BATCH * 3], y[BATCH * 16], y1[16];

    for (uint32_t t = 0; t < STEPS; t++) {
        const uint8_t active[BATCH] = {t % 2 == 0, t % 3 != 0, 1};
        const rnnp_tensor in = x_of(BATCH, 1, x), in1 = x_of(1, 1, x + 3);
        rnnp_tensor out = {.data = y}, out1 = {.data = y1};

        fill(x, BATCH * 3, t, 1.0f);
        OK(rnnp_stream_step_rows(together, active, &in, 1, &out, 1));
        if (!active[1]) continue;
        OK(rnnp_stream_step(alone, &in1, 1, &out1, 1));
        assert_memory_equal(y + 16, y1, sizeof y1);
    }
}

TEST(test_refused)
{
    static const struct {
        const char *graph, *words;
    } bad[] = {
        {"x: f32[N,3,T]; y = Conv(x, f32[6,3,3]~1, pads={1,1}); -> y", "looks ahead in time"},
        {"x: f32[N,3,T]; y = Conv(x, f32[6,3,3]~1); -> y", "looks ahead in time"},
        {"x: f32[N,3,T]; y = Conv(x, f32[6,3,3]~1, pads={2,0}, strides={2}); -> y", "several time steps"},
        {"x: f32[N,3,T]; y = ConvTranspose(x, f32[3,6,3]~1); -> y", "several time steps"},
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        OWNED(model) model = make_graph(context, "%s", bad[i].graph);
        OWNED(plan) plan = make_plan(model);
        OPTIONS(stream, options);
        rnnp_stream *stream;

        options.time_axis = RNNP_AXIS(2);
        REFUSED(context, rnnp_stream_create(plan, &options, &stream), RNNP_ERR_UNSUPPORTED, bad[i].words);
    }
}
