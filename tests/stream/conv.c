/* SPDX-License-Identifier: Apache-2.0
 *
 * Convolutions and pooling along time that look back alone, or no further ahead than their stride: a stream keeps the
 * inputs that its windows still need, takes multiples of the strides, and has the bits of a run over the whole
 * sequence.
 */
#include "../model/graph.h"

enum { STEPS = 24, MOST = 4096 };

ONE_CONTEXT(2) /* of runs; a stream has one thread */

/* x [N][3][steps]; the result is [N][channels][steps] or [steps][N][channels], where `up` steps of it come with each
 * `down` of x. */
static const struct model {
    const char *graph;
    int steps_first;
    size_t multiple, down, up;
} models[] = {
    {"y = Conv(x, f32[6,3,3]~1, f32[6]~2, dilations={2}, pads={4,0}); -> y", 0, 1, 1, 1},
    {"a = Relu(Conv(x, f32[16,3,4]~1, pads={3,0}));"
     "y = Conv(a, f32[16,1,3]~3, f32[16]~4, group=16, pads={2,0}); -> y",
     0, 1, 1, 1},
    {"a = Conv(x, f32[8,3,5]~1, pads={4,0}); b = Conv(a, f32[5,8,1]~2);"
     "y, h = gru[5,7]#3(Transpose(b, perm={2,0,1})); -> y",
     1, 1, 1, 1},
    /* a, c and d lie channels last where there are several steps; b is the history of what follows */
    {"a = Relu(Conv(x, f32[16,3,4]~1, pads={3,0})); b = Tanh(Conv(a, f32[12,16,1]~2));"
     "c = Conv(b, f32[16,12,3]~3, dilations={2}, pads={4,0}); d = Conv(Add(c, a), f32[8,16,1]~4);"
     "y, h = gru[8,7]#3(Transpose(d, perm={2,0,1})); -> y",
     1, 1, 1, 1},
    /* time is the first of two axes, and the other one is padded on both sides */
    {"a = Conv(Transpose(Unsqueeze(x, {1}), perm={0,1,3,2}), f32[4,1,3,2]~1, pads={2,1,0,1});"
     "y = ReduceMean(a, axes={3}, keepdims=0); -> y",
     0, 1, 1, 1},
    /* padding in front by a Pad, as PyTorch writes it; twice; and some of it the Conv's own */
    {"y = Conv(Pad(x, {0,0,4,0,0,0}), f32[6,3,3]~1, f32[6]~2, dilations={2}); -> y", 0, 1, 1, 1},
    {"a = Pad(Pad(x, {0,0,1,0,0,0}), {0,0,1,0,0,0}); y = Conv(a, f32[6,3,3]~1, strides={2}); -> y", 0, 2, 2, 1},
    /* strides: all padding in front, as little of it as does, on both sides, none, and less kernel than stride */
    {"y = Conv(x, f32[6,3,3]~1, f32[6]~2, strides={2}, pads={2,0}); -> y", 0, 2, 2, 1},
    {"y = Conv(x, f32[9,3,5]~1, f32[9]~2, strides={3}, pads={2,2}); -> y", 0, 3, 3, 1},
    {"y = Conv(x, f32[9,3,3]~1, strides={2}, auto_pad=SAME_LOWER); -> y", 0, 2, 2, 1},
    {"y = Conv(x, f32[9,3,3]~1, strides={3}, auto_pad=VALID); -> y", 0, 3, 3, 1},
    {"y = Conv(x, f32[9,3,1]~1, strides={2}); -> y", 0, 2, 2, 1},
    {"y = Conv(x, f32[3,1,4]~1, group=3, strides={2}, dilations={3}, pads={9,0}); -> y", 0, 2, 2, 1},
    /* the rate is divided twice, and read by a recurrent layer */
    {"a = Relu(Conv(x, f32[8,3,4]~1, strides={2}, pads={3,0})); b = Conv(a, f32[5,8,3]~2, strides={3}, pads={1,0});"
     "y, h, c = lstm[5,7]#3(Transpose(b, perm={2,0,1})); -> y",
     1, 6, 6, 1},
    {"a = Conv(x, f32[8,3,2]~1, strides={2}); b = Conv(a, f32[5,8,3]~2, strides={2}, pads={1,1}); y = Tanh(b); -> y", 0,
     4, 4, 1},
    /* paths of one rate meet; those of others only in the multiple */
    {"a = Conv(x, f32[4,3,3]~1, strides={2}, pads={1,1}); b = Conv(a, f32[4,4,3]~2, pads={2,0});"
     "y = Concat(Add(a, b), MaxPool(x, kernel_shape={2}, strides={2}), axis=1); -> y",
     0, 2, 2, 1},
    {"a = Conv(x, f32[4,3,3]~1, strides={3}); y = Conv(x, f32[4,3,2]~2, strides={2}); -> y, a", 0, 6, 2, 1},
    /* down and up again, and up alone */
    {"a = Conv(x, f32[8,3,4]~1, strides={4}); b = ConvTranspose(Relu(a), f32[8,3,4]~2, f32[3]~3, strides={4});"
     "y = Add(x, b); -> y",
     0, 4, 1, 1},
    {"y = ConvTranspose(x, f32[3,10,5]~1, f32[10]~2, strides={2}, pads={0,3}); -> y", 0, 1, 1, 2},
    {"y = ConvTranspose(x, f32[3,4,3]~1, f32[4]~2, dilations={2}, pads={0,4}); -> y", 0, 1, 1, 1},
    {"y = ConvTranspose(x, f32[3,4,2]~1, f32[4]~2, strides={3}, output_padding={1}); -> y", 0, 1, 1, 3},
    {"a = ConvTranspose(x, f32[3,4,3]~1, strides={3}); y = Conv(a, f32[5,4,2]~2, strides={2}); -> y", 0, 2, 2, 3},
    /* pooling */
    {"y = MaxPool(x, kernel_shape={2}, strides={2}); -> y", 0, 2, 2, 1},
    {"y = MaxPool(x, kernel_shape={3}, strides={2}, pads={1,1}); -> y", 0, 2, 2, 1},
    {"y = MaxPool(x, kernel_shape={3}, dilations={2}, pads={4,0}); -> y", 0, 1, 1, 1},
    {"y = AveragePool(x, kernel_shape={3}, strides={3}); -> y", 0, 3, 3, 1},
    {"y = AveragePool(x, kernel_shape={1}, strides={2}); -> y", 0, 2, 2, 1},
    {"y = AveragePool(x, kernel_shape={4}, strides={2}, pads={2,0}, count_include_pad=1); -> y", 0, 2, 2, 1},
    /* of two axes, the first one time */
    {"a = MaxPool(Transpose(Unsqueeze(x, {1}), perm={0,1,3,2}), kernel_shape={3,2}, strides={2,1}, pads={2,1,0,1});"
     "y = ReduceMean(a, axes={3}, keepdims=0); -> y",
     0, 2, 2, 1},
};

static rnnp_model *make_one(const struct model *m) { return make_graph(context, "x: f32[N,3,T]; %s", m->graph); }

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

/* A step of a result against the same of a run; from: of x. */
static void check_step(const struct model *m, const rnnp_tensor *whole, const rnnp_tensor *part, size_t from)
{
    const size_t all = (size_t)whole->shape[m->steps_first ? 0 : 2], n = (size_t)part->shape[m->steps_first ? 0 : 2];
    const size_t rows = rnnp_tensor_elements(whole) / all, at = from / m->down * m->up;
    const float *a = whole->data, *b = part->data;

    assert_int_equal(rows * n, rnnp_tensor_elements(part));
    if (m->steps_first) {
        assert_memory_equal(a + at * rows, b, rows * n * sizeof *a);
        return;
    }
    for (size_t r = 0; r < rows; r++) assert_memory_equal(a + r * all + at, b + r * n, n * sizeof *a);
}

static void check_model(const struct model *m, size_t batch, size_t steps)
{
    OWNED(model) model = make_one(m);
    OWNED(plan) plan = make_plan(model);
    OWNED(stream) stream = open_stream(plan, batch, steps);
    FREED float *x = numbers(batch * 3 * STEPS, 5, 1.0f), *part = numbers(batch * 3 * steps, 1, 1.0f);
    FREED float *y = numbers(MOST, 1, 1.0f);
    const rnnp_tensor whole = x_of(batch, STEPS, x), in = x_of(batch, steps, part);
    DROPPED(free_outputs) produced want = run_plan(plan, &whole, 1);
    const size_t bytes = rnnp_stream_state_bytes(stream);
    FREED void *saved = malloc(bytes + 1); /* or nothing */
    size_t multiple;

    OK(want.status);
    OK(rnnp_stream_multiple(
        plan, &(rnnp_stream_options){.struct_size = sizeof(rnnp_stream_options), .time_axis = RNNP_AXIS(2)},
        &multiple));
    assert_int_equal(multiple, m->multiple);
    for (int again = 0; again < 2; again++) { /* the second time after a reset */
        for (size_t t = 0; t < STEPS; t += steps) {
            rnnp_tensor out[] = {{.data = y}, {.data = NULL}};

            cut(x, batch, STEPS, t, steps, part);
            OK(rnnp_stream_save(stream, saved, bytes));
            OK(rnnp_stream_step(stream, &in, 1, out, want.n));
            check_step(m, &want.out[0], out, t);
            OK(rnnp_stream_load(stream, saved, bytes)); /* once more from the state before it */
            OK(rnnp_stream_step(stream, &in, 1, out, want.n));
            check_step(m, &want.out[0], out, t);
        }
        rnnp_stream_reset(stream);
    }
}

TEST(test_same_bits)
{
    for (size_t m = 0; m < sizeof models / sizeof models[0]; m++) {
        const size_t least = models[m].multiple;

        check_model(&models[m], 1, least);
        check_model(&models[m], 2, least);
        check_model(&models[m], 3, least * (least < 4 ? 4 : 2));
        check_model(&models[m], 1, STEPS);
    }
}

/* A channel that waits keeps its history, one that begins anew has none, and one that moves takes it along. */
static void check_rows(const struct model *m)
{
    enum { BATCH = 3 };
    const size_t n = m->multiple;
    OWNED(model) model = make_one(m);
    OWNED(plan) plan = make_plan(model);
    OWNED(stream) together = open_stream(plan, BATCH, n);
    OWNED(stream) alone = open_stream(plan, 1, n);
    const size_t bytes = rnnp_stream_row_state_bytes(together);
    FREED float *x = numbers(BATCH * 3 * n, 1, 1.0f), *y = numbers(MOST, 1, 1.0f), *y1 = numbers(MOST, 1, 1.0f);
    FREED void *saved = malloc(bytes + 1), *other = malloc(bytes + 1);

    for (uint32_t t = 0; t < 12; t++) {
        const uint8_t active[BATCH] = {t % 2 == 0, t % 3 != 0, t != 4};
        const rnnp_tensor in = x_of(BATCH, n, x), in1 = x_of(1, n, x + 3 * n);
        rnnp_tensor out[] = {{.data = y}, {.data = NULL}}, out1[] = {{.data = y1}, {.data = NULL}};
        const size_t n_out = rnnp_model_output_count(model);

        if (t == 7) {
            OK(rnnp_stream_reset_row(together, 1));
            rnnp_stream_reset(alone);
        }
        fill(x, BATCH * 3 * n, t, 1.0f);
        OK(rnnp_stream_step_rows(together, active, &in, 1, out, n_out));
        if (!active[1]) continue;
        OK(rnnp_stream_step(alone, &in1, 1, out1, n_out));
        const size_t each = rnnp_tensor_elements(&out1[0]);
        for (size_t i = 0; i < each; i++) {
            const size_t width = (size_t)out[0].shape[2];
            const size_t at = m->steps_first ? (i / width * BATCH + 1) * width + i % width : each + i;
            assert_memory_equal(&y[at], &y1[i], sizeof *y);
        }
        OK(rnnp_stream_save_row(together, 1, saved, bytes));
        OK(rnnp_stream_save(alone, other, bytes));
        assert_memory_equal(saved, other, bytes);
        OK(rnnp_stream_load_row(together, 2, saved, bytes));
    }
}

TEST(test_rows)
{
    for (size_t m = 0; m < sizeof models / sizeof models[0]; m++) check_rows(&models[m]);
}

/* Windows over channels, and over time where channels are not at the first axis. */
TEST(test_mixed)
{
    static const char *const graphs[] = {
        "x: f32[T,2,N]; y = MaxPool'pool'(x, kernel_shape={2}, pads={1,0}); -> y",
        "x: f32[2,N,T]; y = MaxPool'pool'(x, kernel_shape={2}, pads={1,0}); -> y",
    };

    for (int i = 0; i < 2; i++) {
        OWNED(model) model = make_graph(context, "%s", graphs[i]);
        OWNED(plan) plan = make_plan(model);
        OPTIONS(stream, options);
        const uint8_t one[] = {1, 0};
        float x[4] = {1, 2, 3, 4}, y[4];
        rnnp_tensor in, out = {.data = y};

        options.batch = 2;
        options.time_axis = RNNP_AXIS(i ? 2 : 0);
        OWNED_NEW(stream, stream, plan, &options);
        OK(rnnp_stream_input(stream, 0, &in));
        in.data = x;
        OK(rnnp_stream_step(stream, &in, 1, &out, 1));
        REFUSED(context, rnnp_stream_step_rows(stream, one, &in, 1, &out, 1), RNNP_ERR_UNSUPPORTED,
                "pool: mixes the channels");
    }
}

/* ---- Lengths: of the layer that reads them, in multiples ---- */

static const char *const counted =
    "x: f32[N,3,T]; n: %s[N]; a = Conv(x, f32[8,3,4]~1, strides={2}, pads={3,0}); m = MaxPool(a, kernel_shape={3}, "
    "pads={2,0}); b = Conv(m, f32[5,8,3]~2, strides={2}, pads={1,0});"
    "y, h, c = lstm[5,7]#3(Transpose(b, perm={2,0,1}), %s); -> y";

/* Each channel takes its own number of multiples in each call, and has the bits of a run of its own. */
static void check_lengths(rnnp_dtype dtype, const char *word, const char *cast)
{
    enum { BATCH = 3, CALLS = 4, MULTIPLE = 4, IN_CALL = 3, N = MULTIPLE * IN_CALL, WHOLE = CALLS * N, HIDDEN = 7 };
    static const int32_t takes[CALLS][BATCH] = {{3, 1, 0}, {2, 3, 1}, {0, 2, 3}, {3, 1, 1}};
    OWNED(model) model = make_graph(context, counted, word, cast);
    OWNED(plan) plan = make_plan(model);
    OWNED(stream) stream = open_stream(plan, BATCH, N);
    FREED float *x = numbers(BATCH * 3 * WHOLE, 5, 1.0f);
    float part[BATCH * 3 * N], y[IN_CALL * BATCH * HIDDEN];
    int32_t all[BATCH] = {CALLS * IN_CALL, CALLS * IN_CALL, CALLS * IN_CALL}, taken[BATCH] = {0};
    int64_t wide[BATCH];
    for (size_t b = 0; b < BATCH; b++) wide[b] = all[b];
    const rnnp_tensor whole[] = {x_of(BATCH, WHOLE, x),
                                 {dtype, 1, {BATCH}, .data = dtype == RNNP_DTYPE_I64 ? (void *)wide : all}};
    DROPPED(free_outputs) produced want = run_plan(plan, whole, 2);

    OK(want.status);
    for (size_t k = 0; k < CALLS; k++) {
        int32_t now[BATCH];
        const rnnp_tensor in[] = {x_of(BATCH, N, part),
                                  {dtype, 1, {BATCH}, .data = dtype == RNNP_DTYPE_I64 ? (void *)wide : now}};
        const uint8_t active[] = {1, k != 3, 1}; /* who waits takes nothing, whatever the lengths say */
        rnnp_tensor out = {.data = y};

        for (size_t b = 0; b < BATCH; b++) {
            const size_t from = (size_t)taken[b] * MULTIPLE, n = from + N > WHOLE ? WHOLE - from : N;

            wide[b] = now[b] = takes[k][b];
            for (size_t c = 0; c < 3; c++)
                memcpy(part + (b * 3 + c) * N, x + (b * 3 + c) * WHOLE + from, n * sizeof *x);
        }
        OK(rnnp_stream_step_rows(stream, active, in, 2, &out, 1));
        for (size_t b = 0; b < BATCH; b++) {
            for (int32_t i = 0; active[b] && i < now[b]; i++, taken[b]++)
                assert_memory_equal(y + ((size_t)i * BATCH + b) * HIDDEN,
                                    (float *)want.out[0].data + ((size_t)taken[b] * BATCH + b) * HIDDEN,
                                    HIDDEN * sizeof *y);
        }
    }
}

TEST(test_lengths)
{
    check_lengths(RNNP_DTYPE_I32, "i32", "n");
    check_lengths(RNNP_DTYPE_I64, "i64", "Cast(n, to=6)");
}

/* ---- What is refused ---- */

TEST(test_refused)
{
    static const struct {
        const char *graph, *words;
    } bad[] = {
        {"y = Conv(x, f32[6,3,3]~1, pads={1,1}); -> y", "looks ahead in time"},
        {"y = Conv(x, f32[6,3,3]~1); -> y", "looks ahead in time"},
        {"y = Conv(x, f32[6,3,4]~1, strides={2}, pads={1,0}); -> y", "looks ahead in time"},
        {"y = Conv(x, f32[6,3,4]~1, strides={2}, pads={2,2}); -> y", "looks ahead in time"}, /* one result too many */
        {"y = Conv(x, f32[6,3,4]~1, strides={2}, auto_pad=SAME_UPPER); -> y", "looks ahead in time"},
        {"y = MaxPool(x, kernel_shape={2}, auto_pad=SAME_UPPER); -> y", "cover 2, with stride 1 and pads 0 and 1"},
        {"y = MaxPool(x, kernel_shape={4}, strides={2}, pads={3,0}, ceil_mode=1); -> y", "looks ahead in time"},
        {"y = MaxPool(Cast(x, to=2), kernel_shape={2}, pads={1,0}); -> y", "several time steps"},
        {"y = AveragePool(x, kernel_shape={3}, pads={2,0}); -> y", "needs count_include_pad"},
        {"y = ConvTranspose(x, f32[3,6,3]~1); -> y", "gives results for earlier steps"},
        {"y = ConvTranspose(x, f32[3,6,4]~1, strides={2}, pads={1,1}); -> y",
         "cover 4, with stride 2 and pads 1 and 1"},
        {"y = ConvTranspose(x, f32[3,6,2]~1, strides={2}, output_shape={8}); -> y", "gives results for earlier steps"},
        {"y = Add@17'join'(Conv(x, f32[3,3,2]~1, strides={2}), MaxPool(x, kernel_shape={3}, strides={3})); -> y",
         "join: joins inputs of different rates: input 0 has 1/2 of the time steps and input 1 has 1/3"},
        {"a = Conv(x, f32[3,3,1]~1, strides={65536}); y = Conv(a, f32[3,3,1]~1, strides={65536}); -> y", "too small"},
        {"y, h = gru[3,4]#1(Transpose(x, perm={2,0,1}), n); z = MaxPool(x, kernel_shape={2}, strides={2}, pads={1,0});"
         "-> y, z",
         "of the multiples of 2 time steps, but those of"},
        {"y, h = gru[3,4]#1(Transpose(Conv(x, f32[3,3,2]~1, pads={1,0}), perm={2,0,1}), n);"
         "z, i = gru[4,4]#1(y, m); -> y, z",
         "more than one input of lengths"},
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        OWNED(model) model = make_graph(context, "x: f32[N,3,T]; n: i32[N]; m: i32[N]; %s", bad[i].graph);
        OWNED(plan) plan = make_plan(model);
        OPTIONS(stream, options);
        rnnp_stream *stream;

        options.time_axis = RNNP_AXIS(2);
        REFUSED(context, rnnp_stream_create(plan, &options, &stream), RNNP_ERR_UNSUPPORTED, bad[i].words);
    }
}

/* Steps that are no multiple, when a stream is made and when it is stepped; which changes nothing. */
TEST(test_multiples)
{
    OWNED(model)
    model = make_graph(context, "x: f32[N,3,T]; a = Conv(x, f32[8,3,3]~1, strides={2}, pads={2,0});"
                                "y = Conv(a, f32[4,8,3]~2, strides={2}, pads={2,0}); -> y");
    OWNED(plan) plan = make_plan(model);
    OPTIONS(stream, options);
    OWNED(stream) stream = NULL;
    float x[3 * 8] = {1, 2, 3}, y[2 * 4], saved[2][64];
    size_t multiple = 0;
    rnnp_tensor in = x_of(1, 6, x), out = {.data = y};

    options.time_axis = RNNP_AXIS(2);
    options.steps = 6;
    REFUSED(context, rnnp_stream_create(plan, &options, &stream), RNNP_ERR_ARG,
            "steps is 6, but the strides of the model along time need a multiple of 4");
    REFUSED(context, rnnp_stream_multiple(plan, &options, &multiple), RNNP_ERR_ARG, "a multiple of 4");
    REFUSED(context, rnnp_stream_multiple(plan, &options, NULL), RNNP_ERR_ARG, "multiple is NULL");
    assert_int_equal(rnnp_stream_multiple(NULL, NULL, &multiple), RNNP_ERR_ARG);
    options.steps = 0;
    OK(rnnp_stream_multiple(plan, &options, &multiple));
    assert_int_equal(multiple, 4);
    OK(rnnp_stream_create(plan, &options, &stream)); /* as few as it takes */
    OK(rnnp_stream_input(stream, 0, &in));
    assert_int_equal(in.shape[2], 4);
    OK(rnnp_stream_output(stream, 0, &out));
    assert_int_equal(out.shape[2], 1);
    out.data = y;
    in.data = x;
    OK(rnnp_stream_step(stream, &in, 1, &out, 1));
    const size_t bytes = rnnp_stream_state_bytes(stream);
    assert_int_equal(bytes, (2 * 3 + 2 * 8 + 2) * sizeof(float));
    OK(rnnp_stream_save(stream, saved[0], bytes));
    in.shape[2] = 6;
    REFUSED(context, rnnp_stream_step(stream, &in, 1, &out, 1), RNNP_ERR_SHAPE,
            "dimension 2 is 6, expected 4: a step takes a multiple of 4");
    OK(rnnp_stream_save(stream, saved[1], bytes));
    assert_memory_equal(saved[0], saved[1], bytes);
}
