/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams: stepping gives the bits of a run over the whole sequence; what cannot be stepped is refused by name.
 */
#include "../model/graph.h"
#include "rnnpack/packed.h"

enum { INPUT = 5, HIDDEN = 8, STEPS = 12, CLASSES = 3 };
enum { MARK = 2 }; /* floats behind a state: they name the model */

ONE_CONTEXT(1)

/* Three different cells in a stack, a classifier over every step, and the last cell's state. */
static rnnp_model *make_stack(rnnp_context *where, int batch_first)
{
    const char *first = batch_first ? ", first" : "";

    return make_graph(where,
                      "x: f32[?,?,5]; a = lstm[5,8]#1(x%s); b = gru[8,8]#2(a%s); c = gru[8,8]#3(b, before%s);"
                      "d, h = rnn[8,8]#4(c%s); -> p = Softmax(MatMul(d, f32[8,3]~6), axis=-1), h",
                      first, first, first, first);
}

/* One call with one input and the outputs of the stack. */
static void step(rnnp_stream *stream, const float *x, float *p, float *h)
{
    rnnp_tensor in, out[2] = {{.data = p}, {.data = h}};

    OK(rnnp_stream_input(stream, 0, &in));
    in.data = (void *)x;
    OK(rnnp_stream_step(stream, &in, 1, out, 2));
}

/* p and h after a run over the first `steps`, time first. */
static void run_stack(const rnnp_plan *plan, const float *x, size_t steps, size_t batch, float *p, float *h)
{
    const rnnp_tensor in = tensor3(x, (int64_t)steps, (int64_t)batch, INPUT);
    rnnp_tensor out[] = {{.data = p}, {.data = h}};

    OWNED_NEW(run, run, plan, &in, 1);
    OK(rnnp_run_execute(run, &in, 1, out, 2));
}

TEST(test_same_bits)
{
    enum { MOST = 3 };
    FREED float *x = numbers(STEPS * MOST * INPUT, 5, 1.0f);
    OWNED(model) model = make_stack(context, 0);
    OWNED(plan) plan = make_plan(model);

    for (size_t batch = 1; batch <= MOST; batch++) {
        for (size_t steps = 1; steps <= 4; steps *= 2) {
            float p[STEPS * MOST * CLASSES], h[MOST * HIDDEN], q[4 * MOST * CLASSES], g[MOST * HIDDEN];
            OWNED(stream) stream = make_stream(plan, batch, steps);

            for (size_t t = 0; t < STEPS; t += steps) {
                run_stack(plan, x, t + steps, batch, p, h);
                step(stream, x + t * batch * INPUT, q, g);
                assert_memory_equal(q, p + t * batch * CLASSES, steps * batch * CLASSES * sizeof *p);
                assert_memory_equal(g, h, batch * HIDDEN * sizeof *h);
            }
        }
    }
}

/* batch_first: the same numbers with the first two axes swapped. */
TEST(test_batch_first)
{
    enum { BATCH = 2 };
    FREED float *x = numbers(STEPS * BATCH * INPUT, 5, 1.0f);
    float p[STEPS * BATCH * CLASSES], h[BATCH * HIDDEN];
    rnnp_model *model[] = {make_stack(context, 0), make_stack(context, 1)};
    rnnp_plan *plan[] = {make_plan(model[0]), make_plan(model[1])};
    rnnp_stream *stream = make_stream(plan[1], BATCH, 3);
    rnnp_tensor shape;

    OK(rnnp_stream_input(stream, 0, &shape));
    assert_int_equal(shape.shape[0], BATCH);
    assert_int_equal(shape.shape[1], 3);
    OK(rnnp_stream_output(stream, 0, &shape));
    assert_int_equal(shape.shape[1], 3);
    assert_null(shape.data);
    run_stack(plan[0], x, STEPS, BATCH, p, h);
    for (size_t t = 0; t < STEPS; t += 3) {
        float in[BATCH * 3 * INPUT], q[BATCH * 3 * CLASSES], turned[BATCH * 3 * CLASSES], g[BATCH * HIDDEN];

        swap_axes(x + t * BATCH * INPUT, in, 3, BATCH, INPUT);
        step(stream, in, q, g);
        swap_axes(q, turned, BATCH, 3, CLASSES);
        assert_memory_equal(turned, p + t * BATCH * CLASSES, sizeof turned);
        if (t + 3 == STEPS) assert_memory_equal(g, h, sizeof g);
    }
    rnnp_stream_destroy(stream);
    for (size_t i = 0; i < 2; i++) {
        rnnp_plan_destroy(plan[i]);
        rnnp_model_destroy(model[i]);
    }
}

/* Two channels of one plan, stepped by turns; saved, restored and reset in between. */
TEST(test_state)
{
    FREED float *x = numbers(2 * STEPS * INPUT, 5, 1.0f);
    float p[2][STEPS * CLASSES], h[HIDDEN], q[CLASSES];
    OWNED(model) model = make_stack(context, 0);
    OWNED(plan) plan = make_plan(model);
    rnnp_stream *stream[] = {make_stream(plan, 1, 1), make_stream(plan, 1, 1)};
    const size_t bytes = rnnp_stream_state_bytes(stream[0]);
    float saved[64], initial[64];

    assert_int_equal(bytes, (5 * HIDDEN + MARK) * sizeof(float)); /* h and c, h, h, h */
    OK(rnnp_stream_save(stream[0], initial, bytes));
    for (size_t i = 0; i < 5 * HIDDEN; i++) assert_true(initial[i] == 0.0f);
    for (size_t i = 0; i < 2; i++) run_stack(plan, x + i * STEPS * INPUT, STEPS, 1, p[i], h);
    for (size_t t = 0; t < STEPS; t++) {
        for (size_t i = 0; i < 2; i++) {
            step(stream[i], x + (i * STEPS + t) * INPUT, q, NULL);
            assert_memory_equal(q, p[i] + t * CLASSES, sizeof q);
        }
        if (t == 4) OK(rnnp_stream_save(stream[0], saved, bytes));
    }
    OK(rnnp_stream_load(stream[1], saved, bytes)); /* the other stream goes on where the first one was */
    step(stream[1], x + 5 * INPUT, q, NULL);
    assert_memory_equal(q, p[0] + 5 * CLASSES, sizeof q);
    for (int again = 0; again < 2; again++) {
        rnnp_stream_reset(stream[0]);
        step(stream[0], x, q, NULL);
        assert_memory_equal(q, p[0], sizeof q);
    }
    assert_int_equal(rnnp_stream_save(stream[0], saved, bytes - 1), RNNP_ERR_ARG);
    assert_int_equal(rnnp_stream_save(stream[0], NULL, bytes), RNNP_ERR_ARG);
    assert_int_equal(rnnp_stream_load(stream[0], saved, bytes + 4), RNNP_ERR_ARG);
    assert_int_equal(rnnp_stream_load(NULL, saved, bytes), RNNP_ERR_ARG);
    assert_int_equal(rnnp_stream_save(NULL, saved, bytes), RNNP_ERR_ARG);
    rnnp_stream_reset(NULL);
    assert_int_equal(rnnp_stream_state_bytes(NULL), 0);
    rnnp_stream_destroy(stream[0]);
    rnnp_stream_destroy(stream[1]);
    rnnp_stream_destroy(NULL);
}

static int take(void *user, const void *bytes, size_t size)
{
    char **end = user;

    memcpy(*end, bytes, size);
    *end += size;
    return 0;
}

enum { WIDE = 96 }; /* enough for rnnp_model_release_weights */

static rnnp_model *one_layer(rnnp_context *where, int seed)
{
    return make_graph(where, "x: f32[?,?,5]; -> y = lstm[5,%d]#%d(x)", WIDE, seed);
}

/* A state goes to streams of its own model alone: the same layers and weights, whoever made them, and their packed
 * file. */
TEST(test_other_model)
{
    enum { SAME, ELSEWHERE, PACKED, RELEASED, OTHER, MODELS, ROOM = 1 << 20 };
    OWNED(context) other = make_context(NULL, 1);
    FREED char *file = aligned_alloc(64, ROOM);
    char *end = file;
    rnnp_model *models[MODELS] = {one_layer(context, 1), one_layer(other, 1), NULL, one_layer(context, 1),
                                  one_layer(context, 2)};
    float x[INPUT] = {1, 2, 3}, y[WIDE], saved[2 * WIDE + MARK], row[2 * WIDE + MARK], kept[2 * WIDE + MARK];
    size_t freed;

    assert_non_null(file);
    OK(rnnp_packed_write(models[SAME], NULL, take, &end));
    OK(rnnp_packed_open_memory(context, file, (size_t)(end - file), NULL, &models[PACKED]));
    for (int i = SAME; i < MODELS; i++) {
        rnnp_plan *plan = make_plan(models[i]);
        if (i == RELEASED) {
            OK(rnnp_model_release_weights(models[i], &freed));
            assert_true(freed > 0);
        }
        rnnp_stream *stream = make_stream(plan, 1, 1);
        const rnnp_tensor in = tensor3(x, 1, 1, INPUT);
        rnnp_tensor out = {.data = y};

        OK(rnnp_stream_step(stream, &in, 1, &out, 1));
        if (i == SAME) {
            OK(rnnp_stream_save(stream, saved, sizeof saved));
            rnnp_stream_reset(stream);
        }
        OK(rnnp_stream_save(stream, kept, sizeof kept));
        if (i == OTHER) {
            REFUSED(context, rnnp_stream_load(stream, saved, sizeof saved), RNNP_ERR_FORMAT, "another model");
            assert_int_equal(rnnp_stream_load_row(stream, 0, saved, sizeof saved), RNNP_ERR_FORMAT);
            OK(rnnp_stream_save(stream, row, sizeof row)); /* as it was */
            assert_memory_equal(row, kept, sizeof row);
            assert_true(memcmp(row, saved, sizeof row) != 0);
        } else {
            OK(rnnp_stream_load(stream, saved, sizeof saved));
            OK(rnnp_stream_load_row(stream, 0, saved, sizeof saved));
            OK(rnnp_stream_save_row(stream, 0, row, sizeof row));
            assert_memory_equal(row, saved, sizeof row);
        }
        rnnp_stream_destroy(stream);
        rnnp_plan_destroy(plan);
        rnnp_model_destroy(models[i]);
    }
}

/* ---- Initial states ---- */

/* From inputs: taken at the first step after a reset, ignored later. */
TEST(test_initial_state_input)
{
    DROPPED(free_layer) layer l = make_layer(RNNP_CELL_GRU, INPUT, HIDDEN, RNNP_DIRECTION_FORWARD, 2);
    FREED float *x = numbers(STEPS * INPUT, 5, 1.0f), *h0 = numbers(HIDDEN, 6, 1.0f), *other = numbers(HIDDEN, 7, 1.0f);
    float y[STEPS * HIDDEN], h[HIDDEN], c[HIDDEN], q[HIDDEN], saved[HIDDEN + MARK];
    OWNED(model) model = make_graph(context, "x: f32[?,?,5]; h0: f32[1,?,8]; -> y = gru[5,8]#2(x, _, Identity(h0))");
    OWNED(plan) plan = make_plan(model);
    OWNED(stream) stream = make_stream(plan, 1, 1);
    oracle(&l, STEPS, 1, x, NULL, h0, NULL, y, h, c);
    for (int again = 0; again < 2; again++) {
        REFUSED(context, rnnp_stream_save(stream, saved, sizeof saved), RNNP_ERR_STATE, "initial state");
        for (size_t t = 0; t < STEPS; t++) {
            const rnnp_tensor inputs[] = {tensor3(x + t * INPUT, 1, 1, INPUT), tensor3(t ? other : h0, 1, 1, HIDDEN)};
            rnnp_tensor out = {.data = q};

            OK(rnnp_stream_step(stream, inputs, 2, &out, 1));
            assert_close(q, y + t * HIDDEN, HIDDEN, 2e-6f);
        }
        OK(rnnp_stream_save(stream, saved, sizeof saved));
        assert_memory_equal(saved, q, sizeof q);
        rnnp_stream_reset(stream);
    }
}

/* From a constant: there before the first step. */
TEST(test_initial_state_constant)
{
    DROPPED(free_layer) layer l = make_layer(RNNP_CELL_LSTM, INPUT, HIDDEN, RNNP_DIRECTION_FORWARD, 2);
    FREED float *x = numbers(INPUT, 5, 1.0f), *h0 = numbers(HIDDEN, 6, 1.0f), *c0 = numbers(HIDDEN, 7, 1.0f);
    float y[HIDDEN], h[HIDDEN], c[HIDDEN], q[HIDDEN], saved[2 * HIDDEN + MARK];
    OWNED(model) model = make_graph(context, "x: f32[?,1,5]; -> y = lstm[5,8]#2(x, _, f32[1,1,8]~6, f32[1,1,8]~7)");
    OWNED(plan) plan = make_plan(model);
    OWNED(stream) stream = make_stream(plan, 1, 1);
    oracle(&l, 1, 1, x, NULL, h0, c0, y, h, c);
    for (int again = 0; again < 2; again++) {
        const rnnp_tensor in = tensor3(x, 1, 1, INPUT);
        rnnp_tensor out = {.data = q};

        OK(rnnp_stream_save(stream, saved, sizeof saved));
        assert_memory_equal(saved, h0, sizeof q);
        assert_memory_equal(saved + HIDDEN, c0, sizeof q);
        OK(rnnp_stream_step(stream, &in, 1, &out, 1));
        assert_close(q, y, HIDDEN, 2e-6f);
        rnnp_stream_reset(stream);
    }
}

/* Zeros whose shape comes from Shape(x), as exporters write them. */
TEST(test_initial_state_from_shape)
{
    DROPPED(free_layer) layer l = make_layer(RNNP_CELL_GRU, INPUT, HIDDEN, RNNP_DIRECTION_FORWARD, 2);
    FREED float *x = numbers(2 * STEPS * INPUT, 5, 1.0f);
    float y[2 * STEPS * HIDDEN], h[2 * HIDDEN], c[2 * HIDDEN], q[2 * HIDDEN];
    OWNED(model)
    model = make_graph(context, "x: f32[?,?,5]; batch = Gather(Shape(x), {1}, axis=0);"
                                "shape = Concat({1}, batch, {8}, axis=0);"
                                "-> y = gru[5,8]#2(x, _, ConstantOfShape(shape))");
    OWNED(plan) plan = make_plan(model);
    OWNED(stream) stream = make_stream(plan, 2, 1);
    oracle(&l, STEPS, 2, x, NULL, NULL, NULL, y, h, c);
    for (size_t t = 0; t < STEPS; t++) {
        const rnnp_tensor step_in = tensor3(x + t * 2 * INPUT, 1, 2, INPUT);
        rnnp_tensor out = {.data = q};

        OK(rnnp_stream_step(stream, &step_in, 1, &out, 1));
        assert_close(q, y + t * 2 * HIDDEN, 2 * HIDDEN, 2e-6f);
    }
}

/* ---- Errors ---- */

/* A step that fails half way leaves the state as it was, also on the first step. */
TEST(test_failed_step)
{
    FREED float *x = numbers(STEPS * INPUT, 2, 1.0f);
    float q[2][HIDDEN];
    float saved[2][3 * HIDDEN + MARK];
    OWNED(model)
    model = make_graph(context, "x: f32[steps, batch, 5]; words: i64[steps, batch];"
                                "a = lstm[5,8]#2(x);" /* runs before the index is looked at */
                                "-> y = gru[8,8]#3(Add(a, Gather(f32[4,8]~1, words)))");
    OWNED(plan) plan = make_plan(model);
    rnnp_stream *stream[] = {make_stream(plan, 1, 1), make_stream(plan, 1, 1)};
    for (size_t t = 0; t < STEPS; t++) {
        int64_t word = 99;
        const rnnp_tensor inputs[] = {tensor3(x + t * INPUT, 1, 1, INPUT), {RNNP_DTYPE_I64, 2, {1, 1}, .data = &word}};
        rnnp_tensor out[] = {{.data = q[0]}, {.data = q[1]}};

        REFUSED(context, rnnp_stream_step(stream[0], inputs, 2, &out[0], 1), RNNP_ERR_ARG, "Gather");
        word = (int64_t)(t % 4);
        for (size_t i = 0; i < 2; i++) {
            OK(rnnp_stream_step(stream[i], inputs, 2, &out[i], 1));
            OK(rnnp_stream_save(stream[i], saved[i], sizeof saved[i]));
        }
        assert_memory_equal(q[0], q[1], sizeof q[0]);
        assert_memory_equal(saved[0], saved[1], sizeof saved[0]);
    }
    rnnp_stream_destroy(stream[0]);
    rnnp_stream_destroy(stream[1]);
}

/* Models with one part that needs the whole sequence. */
TEST(test_refused)
{
    static const struct {
        const char *text, *why, *words;
        rnnp_status status;
    } cases[] = {
        {"-> y = gru[5,8](x, reverse)", "runs backwards in time", "GRU", RNNP_ERR_UNSUPPORTED},
        {"-> y = gru[5,8](x, both)", "runs backwards in time", "GRU", RNNP_ERR_UNSUPPORTED},
        {"-> y = ReduceMean(gru[5,8](x), axes={0}, keepdims=0)", "needs several time steps at once", "ReduceMean",
         RNNP_ERR_UNSUPPORTED},
        {"-> y = ReduceSum(Relu(gru[5,8](x)), {-3}, keepdims=0)", "needs several time steps at once", "ReduceSum",
         RNNP_ERR_UNSUPPORTED},
        {"a, h = gru[5,8](x); -> y = Mul(a, h)", "combines the result of all steps so far", "Mul",
         RNNP_ERR_UNSUPPORTED},
        /* 0, 1, 2, ... along time, from Shape(x) */
        {"range = Range(i64{0}, Gather(Shape(x), i64{0}, axis=0), i64{1});"
         "-> y = Add(gru[5,8](x), Unsqueeze(Cast(range, to=1), {1,2}))",
         "does not have time on the axis", "Add", RNNP_ERR_UNSUPPORTED},
        {"fixed: f32[7,1,5]; -> y = Reshape(gru[5,8](fixed), {7,1,2,4})", "the numbers of elements differ", "Reshape",
         RNNP_ERR_SHAPE},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        OWNED(model)
        model = make_graph(context, "%s%s", strstr(cases[i].text, "fixed") ? "" : "x: f32[?,?,5];", cases[i].text);
        OWNED(plan) plan = make_plan(model);
        rnnp_stream *stream;

        REFUSED(context, rnnp_stream_create(plan, NULL, &stream), cases[i].status, cases[i].why);
        assert_says(context, cases[i].words);
        assert_null(stream);
    }
}

/* The newest step is the last one so far: pooling by the last step can be stepped. A fixed number of steps in the
 * file does not matter where nothing depends on it. */
TEST(test_last_step)
{
    DROPPED(free_layer) layer l = make_layer(RNNP_CELL_LSTM, INPUT, HIDDEN, RNNP_DIRECTION_FORWARD, 2);
    FREED float *x = numbers(STEPS * INPUT, 5, 1.0f);
    float y[STEPS * HIDDEN], h[HIDDEN], c[HIDDEN], q[HIDDEN];
    OWNED(model) model = make_model(context);
    rnnp_value value = add_layer(model, &l, input3(model, "x", 140, 1, INPUT));

    OK(rnnp_model_add_pool(model, value, RNNP_POOL_LAST, 0, &value));
    close_with(model, "y", value);
    OWNED(plan) plan = make_plan(model);
    OWNED(stream) stream = make_stream(plan, 1, 3);
    oracle(&l, STEPS, 1, x, NULL, NULL, NULL, y, h, c);
    for (size_t t = 0; t < STEPS; t += 3) {
        const rnnp_tensor in = tensor3(x + t * INPUT, 3, 1, INPUT);
        rnnp_tensor out = {.data = q};

        OK(rnnp_stream_step(stream, &in, 1, &out, 1));
        assert_int_equal(out.rank, 2);
        assert_close(q, y + (t + 2) * HIDDEN, HIDDEN, 2e-6f);
    }
}

TEST(test_options)
{
    OWNED(model) stack = make_stack(context, 0);
    OWNED(model) plain = make_graph(context, "x: f32[4,?,2]; -> y = Relu(x)");
    OWNED(model)
    free_dim = make_graph(context, "x: f32[?,2,5]; other: f32[a,b]; -> y = rnn[5,8]#2(x), z = Relu(other)");
    OPTIONS(stream, options);
    rnnp_stream *stream;
    rnnp_tensor tensor;
    float data[64] = {0};

    rnnp_plan *plan = make_plan(stack);
    assert_int_equal(rnnp_stream_create(NULL, NULL, &stream), RNNP_ERR_ARG);
    REFUSED(context, rnnp_stream_create(plan, NULL, NULL), RNNP_ERR_ARG, "stream is NULL");
    options.batch = SIZE_MAX;
    assert_int_equal(rnnp_stream_create(plan, &options, &stream), RNNP_ERR_ARG);
    options.batch = 0;
    options.steps = SIZE_MAX;
    assert_int_equal(rnnp_stream_create(plan, &options, &stream), RNNP_ERR_ARG);
    options.steps = 0;
    options.time_axis = -1;
    assert_int_equal(rnnp_stream_create(plan, &options, &stream), RNNP_ERR_ARG);
    options.time_axis = RNNP_AXIS(3);
    assert_int_equal(rnnp_stream_create(plan, &options, &stream), RNNP_ERR_ARG);
    options.time_axis = RNNP_AXIS(1); /* that is the batch */
    REFUSED(context, rnnp_stream_create(plan, &options, &stream), RNNP_ERR_UNSUPPORTED, "LSTM");
    options.struct_size = 3;
    assert_int_equal(rnnp_stream_create(plan, &options, &stream), RNNP_ERR_ARG);
    OK(rnnp_stream_create(plan, NULL, &stream));
    assert_int_equal(rnnp_stream_input(stream, 1, &tensor), RNNP_ERR_ARG);
    assert_int_equal(rnnp_stream_output(stream, 2, &tensor), RNNP_ERR_ARG);
    assert_int_equal(rnnp_stream_input(NULL, 0, &tensor), RNNP_ERR_ARG);
    REFUSED(context, rnnp_stream_input(stream, 0, NULL), RNNP_ERR_ARG, "input is NULL");
    REFUSED(context, rnnp_stream_output(stream, 0, NULL), RNNP_ERR_ARG, "output is NULL");
    assert_int_equal(rnnp_stream_step(NULL, NULL, 0, NULL, 0), RNNP_ERR_ARG);
    assert_int_equal(rnnp_stream_step(stream, NULL, 1, NULL, 2), RNNP_ERR_ARG);
    rnnp_stream_destroy(stream);
    rnnp_plan_destroy(plan);

    /* Nothing recurrent: any axis could be time, so the caller says which. */
    plan = make_plan(plain);
    REFUSED(context, rnnp_stream_create(plan, NULL, &stream), RNNP_ERR_ARG, "time_axis");
    rnnp_stream_options_init(&options);
    options.time_axis = RNNP_AXIS(0);
    options.batch = 3;
    OK(rnnp_stream_create(plan, &options, &stream));
    OK(rnnp_stream_input(stream, 0, &tensor));
    assert_int_equal(tensor.shape[0], 1);
    assert_int_equal(tensor.shape[1], 3);
    tensor.data = data;
    rnnp_tensor out = {.data = data + 32};
    OK(rnnp_stream_step(stream, &tensor, 1, &out, 1));
    assert_int_equal(rnnp_stream_state_bytes(stream), 0);
    OK(rnnp_stream_save(stream, NULL, 0));
    rnnp_stream_destroy(stream);
    rnnp_plan_destroy(plan);

    /* A dimension that is neither time nor batch; a batch that is fixed. */
    plan = make_plan(free_dim);
    REFUSED(context, rnnp_stream_create(plan, NULL, &stream), RNNP_ERR_SHAPE, "input other: dimension 0, a");
    rnnp_plan_destroy(plan);
}

TEST(test_fixed_batch)
{
    OWNED(model) model = make_graph(context, "x: f32[?,2,5]; -> y = rnn[5,8]#2(x)");
    OWNED(plan) plan = make_plan(model);
    OWNED(stream) stream = NULL;
    REFUSED(context, rnnp_stream_create(plan, NULL, &stream), RNNP_ERR_SHAPE,
            "the stream has batch 1, the model has 2");
    stream = make_stream(plan, 2, 1);
}
