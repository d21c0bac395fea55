/* SPDX-License-Identifier: Apache-2.0
 *
 * The channels of a stream one by one: each has the bits of a stream of its own, whatever the others do.
 */
#include "../model/graph.h"

enum { INPUT = 5, CLASSES = 3, OUTPUTS = 2 };
enum { MARK = 2, MARK_BYTES = MARK * sizeof(float) }; /* behind a state: names the model */

ONE_CONTEXT(1)

/* ---- Models: recurrent layers, a classifier over every step, and the last layer's state ---- */

typedef struct kind {
    const char *name;
    size_t layers;
    rnnp_cell cell[4];
    rnnp_gru_reset reset[4];
    size_t hidden, steps;
    int batch_first;
} kind;

#define AFTER RNNP_GRU_RESET_AFTER
#define BEFORE RNNP_GRU_RESET_BEFORE

static const kind kinds[] = {
    {"rnn", 1, {RNNP_CELL_RNN}, {AFTER}, 9, 1, 0},
    {"lstm", 1, {RNNP_CELL_LSTM}, {AFTER}, 12, 1, 0},
    {"gru, reset after", 1, {RNNP_CELL_GRU}, {AFTER}, 12, 1, 1},
    {"gru, reset before", 1, {RNNP_CELL_GRU}, {BEFORE}, 12, 3, 0},
    {"stack", 4, {RNNP_CELL_LSTM, RNNP_CELL_GRU, RNNP_CELL_GRU, RNNP_CELL_RNN}, {AFTER, AFTER, BEFORE}, 8, 1, 0},
    {"stack, batch first",
     4,
     {RNNP_CELL_LSTM, RNNP_CELL_GRU, RNNP_CELL_GRU, RNNP_CELL_RNN},
     {AFTER, AFTER, BEFORE},
     8,
     2,
     1},
};

static rnnp_model *make_kind(rnnp_context *where, const kind *k)
{
    FREED float *w = numbers(k->hidden * CLASSES, 6, 1.0f);
    rnnp_model *model = make_model(where);
    rnnp_value value = input3(model, "x", RNNP_DYNAMIC, RNNP_DYNAMIC, INPUT), h;

    for (size_t i = 0; i < k->layers; i++) {
        DROPPED(free_layer)
        layer l = make_layer(k->cell[i], i ? k->hidden : INPUT, k->hidden, RNNP_DIRECTION_FORWARD, (uint32_t)i + 1);

        l.options.reset = k->reset[i];
        l.options.batch_first = k->batch_first;
        OK(rnnp_model_add_recurrent(model, &l.options, l.weights, value, RNNP_NONE, RNNP_NONE, RNNP_NONE, &value, &h,
                                    NULL));
    }
    OK(rnnp_model_add_dense(model, value, w, k->hidden, CLASSES, 0, NULL, "Softmax", &value));
    OK(rnnp_model_add_output(model, "p", value));
    close_with(model, "h", h);
    return model;
}

/* ---- Many channels beside streams of their own ---- */

enum { CHANNELS = 64, TIMES = 500, MOST_STEPS = 3, MOST_HIDDEN = 12 };

typedef struct monitor {
    const kind *k;
    rnnp_stream *together, *alone[CHANNELS];
    uint8_t present[CHANNELS], active[CHANNELS];
    /* [channel][steps][...] */
    float x[CHANNELS][MOST_STEPS * INPUT], p[CHANNELS][MOST_STEPS * CLASSES], h[CHANNELS][MOST_HIDDEN];
    float in[CHANNELS * MOST_STEPS * INPUT], out[CHANNELS * MOST_STEPS * CLASSES], last[CHANNELS * MOST_HIDDEN];
    uint32_t random;
} monitor;

static uint32_t next(monitor *m, uint32_t below)
{
    m->random = m->random * 1664525u + 1013904223u;
    return (m->random >> 8) % below;
}

/* Between one channel's steps and its place in an array of all. */
static float *place(const monitor *m, float *all, size_t channel, size_t t, size_t width)
{
    return all + (m->k->batch_first ? channel * m->k->steps + t : t * CHANNELS + channel) * width;
}

static void step_alone(monitor *m, size_t c)
{
    rnnp_tensor in, out[OUTPUTS] = {{.data = m->p[c]}, {.data = m->h[c]}};

    OK(rnnp_stream_input(m->alone[c], 0, &in));
    in.data = m->x[c];
    OK(rnnp_stream_step(m->alone[c], &in, 1, out, OUTPUTS));
}

static void step_together(monitor *m, int everyone)
{
    rnnp_tensor in, out[OUTPUTS] = {{.data = m->out}, {.data = m->last}};

    OK(rnnp_stream_input(m->together, 0, &in));
    in.data = m->in;
    if (everyone)
        OK(rnnp_stream_step(m->together, &in, 1, out, OUTPUTS));
    else
        OK(rnnp_stream_step_rows(m->together, m->active, &in, 1, out, OUTPUTS));
}

/* Rows of waiting channels are compared with what they were before, too. */
static void compare(monitor *m)
{
    for (size_t c = 0; c < CHANNELS; c++) {
        for (size_t t = 0; t < m->k->steps; t++)
            assert_memory_equal(place(m, m->out, c, t, CLASSES), m->p[c] + t * CLASSES, CLASSES * sizeof(float));
        assert_memory_equal(m->last + c * m->k->hidden, m->h[c], m->k->hidden * sizeof(float));
    }
}

static void save(const monitor *m, size_t c, char *state, size_t bytes)
{
    char same[1024];

    assert_true(bytes <= sizeof same);
    OK(rnnp_stream_save_row(m->together, c, state, bytes));
    OK(rnnp_stream_save(m->alone[c], same, bytes));
    assert_memory_equal(state, same, bytes);
}

/* Two channels change places in the large stream, and so do their own streams' states. */
static void swap(monitor *m, size_t a, size_t b)
{
    const size_t bytes = rnnp_stream_row_state_bytes(m->together);
    char state[2][1024];

    assert_int_equal(bytes, rnnp_stream_state_bytes(m->alone[a]));
    assert_int_equal((bytes - MARK_BYTES) * CHANNELS, rnnp_stream_state_bytes(m->together) - MARK_BYTES);
    save(m, a, state[0], bytes);
    save(m, b, state[1], bytes);
    OK(rnnp_stream_load_row(m->together, a, state[1], bytes));
    OK(rnnp_stream_load_row(m->together, b, state[0], bytes));
    OK(rnnp_stream_load(m->alone[a], state[1], bytes));
    OK(rnnp_stream_load(m->alone[b], state[0], bytes));
}

/* Who comes, goes, moves, and has data. */
static void happen(monitor *m)
{
    for (size_t c = 0; c < CHANNELS; c++) {
        if (!m->present[c] && next(m, 20) == 0) {
            m->present[c] = 1;
            OK(rnnp_stream_reset_row(m->together, c));
            rnnp_stream_reset(m->alone[c]);
        } else if (m->present[c] && next(m, 60) == 0) {
            m->present[c] = 0;
        }
        m->active[c] = m->present[c] && next(m, 4) != 0;
    }
    if (next(m, 3) == 0) swap(m, next(m, CHANNELS), next(m, CHANNELS));
}

static void run_kind(const kind *k)
{
    FREED monitor *m = calloc(1, sizeof *m);
    OWNED(model) model = make_kind(context, k);
    OWNED(plan) plan = make_plan(model);
    size_t steps = 0, most = 0;

    assert_non_null(m);
    m->k = k;
    m->random = 7;
    m->together = make_stream(plan, CHANNELS, k->steps);
    for (size_t c = 0; c < CHANNELS; c++) m->alone[c] = make_stream(plan, 1, k->steps);
    for (size_t t = 0; t < TIMES; t++) {
        const int everyone = t % 50 == 49;
        size_t active = 0;

        happen(m);
        for (size_t c = 0; c < CHANNELS; c++) {
            if (everyone) m->active[c] = m->present[c] = 1;
            if (!m->active[c]) { /* nonsense that nobody looks at */
                for (size_t s = 0; s < k->steps; s++) memset(place(m, m->in, c, s, INPUT), 0xFF, INPUT * sizeof(float));
                continue;
            }
            fill(m->x[c], k->steps * INPUT, (uint32_t)(t * CHANNELS + c), 2.0f);
            for (size_t s = 0; s < k->steps; s++)
                memcpy(place(m, m->in, c, s, INPUT), m->x[c] + s * INPUT, INPUT * sizeof(float));
            step_alone(m, c);
            active++;
        }
        step_together(m, everyone);
        compare(m);
        steps += active;
        most = active > most ? active : most;
    }
    assert_true(steps > TIMES * CHANNELS / 4 && steps < TIMES * CHANNELS && most == CHANNELS);
    for (size_t c = 0; c < CHANNELS; c++) rnnp_stream_destroy(m->alone[c]);
    rnnp_stream_destroy(m->together);
}

TEST(test_alone_and_together)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        printf("%s\n", kinds[i].name);
        run_kind(&kinds[i]);
    }
}

/* Nobody has data; then a stream of one channel, where this is the only way to wait. */
TEST(test_nobody)
{
    OWNED(model) model = make_kind(context, &kinds[4]);
    OWNED(plan) plan = make_plan(model);

    for (size_t batch = 1; batch <= 2; batch++) {
        rnnp_stream *stream[] = {make_stream(plan, batch, 1), make_stream(plan, batch, 1)};
        const uint8_t nobody[2] = {0, 0};
        float x[2 * INPUT] = {1, 2, 3}, p[2][2 * CLASSES], h[2][2 * 8], before[2 * CLASSES];
        rnnp_tensor in;

        OK(rnnp_stream_input(stream[0], 0, &in));
        in.data = x;
        for (size_t t = 0; t < 3; t++) {
            for (size_t i = 0; i < 2; i++) {
                rnnp_tensor out[OUTPUTS] = {{.data = p[i]}, {.data = h[i]}};

                OK(rnnp_stream_step(stream[i], &in, 1, out, OUTPUTS));
                if (i) continue;
                memcpy(before, p[0], sizeof before);
                OK(rnnp_stream_step_rows(stream[0], nobody, &in, 1, out, OUTPUTS));
                assert_memory_equal(p[0], before, batch * CLASSES * sizeof(float));
                assert_int_equal(out[0].rank, 3);
            }
            assert_memory_equal(p[0], p[1], batch * CLASSES * sizeof(float));
            assert_memory_equal(h[0], h[1], batch * 8 * sizeof(float));
        }
        rnnp_stream_destroy(stream[0]);
        rnnp_stream_destroy(stream[1]);
    }
}

/* ---- Initial states from an input: read when the channel steps for the first time after a reset ---- */

TEST(test_initial_states)
{
    enum { BATCH = 3, HIDDEN = 9, STEPS = 12 };
    FREED float *x = numbers(STEPS * BATCH * INPUT, 5, 1.0f), *h0 = numbers(STEPS * BATCH * HIDDEN, 6, 1.0f);
    const float zeros[HIDDEN] = {0};
    OWNED(model) model = make_graph(context, "x: f32[?,?,5]; h0: f32[1,?,9]; -> y = lstm[5,9]#2(x, _, h0)");
    float y[BATCH * HIDDEN], z[BATCH][HIDDEN], saved[2 * HIDDEN + MARK], same[2 * HIDDEN + MARK];

    OWNED(plan) plan = make_plan(model);
    rnnp_stream *together = make_stream(plan, BATCH, 1), *alone[BATCH];
    for (size_t b = 0; b < BATCH; b++) alone[b] = make_stream(plan, 1, 1);
    for (size_t t = 0; t < STEPS; t++) {
        /* 0 from the start; 1 joins at 2; 2 at 4 and again, reset, at 8, where it waits for a step */
        const uint8_t active[BATCH] = {1, t >= 2, t >= 4 && t != 8};
        const float *xt = x + t * BATCH * INPUT, *ht = h0 + t * BATCH * HIDDEN;
        const rnnp_tensor inputs[] = {tensor3(xt, 1, BATCH, INPUT), tensor3(ht, 1, BATCH, HIDDEN)};
        rnnp_tensor out = {.data = y};

        if (t == 8) {
            OK(rnnp_stream_reset_row(together, 2));
            rnnp_stream_reset(alone[2]);
        }
        OK(rnnp_stream_step_rows(together, active, inputs, 2, &out, 1));
        for (size_t b = 0; b < BATCH; b++) {
            const rnnp_tensor mine[] = {tensor3(xt + b * INPUT, 1, 1, INPUT), tensor3(ht + b * HIDDEN, 1, 1, HIDDEN)};
            rnnp_tensor one = {.data = z[b]};

            if (active[b]) {
                OK(rnnp_stream_step(alone[b], mine, 2, &one, 1));
                assert_memory_equal(y + b * HIDDEN, z[b], sizeof z[b]);
                OK(rnnp_stream_save_row(together, b, saved, sizeof saved));
                OK(rnnp_stream_save(alone[b], same, sizeof same));
                assert_memory_equal(saved, same, sizeof saved);
            } else {
                REFUSED(context, rnnp_stream_save_row(together, b, saved, sizeof saved), RNNP_ERR_STATE,
                        b == 1 ? "channel 1" : "channel 2");
            }
        }
        float all[BATCH * 2 * HIDDEN + MARK];
        assert_int_equal(rnnp_stream_save(together, all, sizeof all), t >= 4 && t != 8 ? RNNP_OK : RNNP_ERR_STATE);
    }
    /* A loaded state needs no initial one. */
    OK(rnnp_stream_reset_row(together, 1));
    OK(rnnp_stream_load_row(together, 1, saved, sizeof saved));
    OK(rnnp_stream_save_row(together, 1, same, sizeof same));
    assert_memory_equal(saved, same, sizeof saved);
    assert_true(memcmp(saved, zeros, sizeof zeros) != 0);
    rnnp_stream_destroy(together);
    for (size_t b = 0; b < BATCH; b++) rnnp_stream_destroy(alone[b]);
}

/* ---- Errors ---- */

TEST(test_arguments)
{
    OWNED(model) model = make_kind(context, &kinds[1]);
    OWNED(plan) plan = make_plan(model);
    OWNED(stream) stream = make_stream(plan, 2, 1);
    const size_t bytes = rnnp_stream_row_state_bytes(stream);
    float x[2 * INPUT] = {1, 2, 3}, p[2 * CLASSES], saved[2][2 * MOST_HIDDEN + MARK];
    const uint8_t active[] = {1, 0};
    rnnp_tensor in = {0}, out[OUTPUTS] = {{.data = p}, {.data = NULL}};

    OK(rnnp_stream_input(stream, 0, &in));
    in.data = x;
    assert_int_equal(bytes, sizeof saved[0]);
    OK(rnnp_stream_step_rows(stream, active, &in, 1, out, OUTPUTS));
    OK(rnnp_stream_save_row(stream, 0, saved[0], bytes));

    assert_int_equal(rnnp_stream_step_rows(NULL, active, &in, 1, out, OUTPUTS), RNNP_ERR_ARG);
    REFUSED(context, rnnp_stream_step_rows(stream, NULL, &in, 1, out, OUTPUTS), RNNP_ERR_ARG, "active is NULL");
    assert_int_equal(rnnp_stream_step_rows(stream, active, &in, 2, out, OUTPUTS), RNNP_ERR_ARG);
    assert_int_equal(rnnp_stream_step_rows(stream, active, &in, 1, NULL, OUTPUTS), RNNP_ERR_ARG);
    in.shape[1] = 3;
    assert_int_equal(rnnp_stream_step_rows(stream, active, &in, 1, out, OUTPUTS), RNNP_ERR_SHAPE);
    assert_int_equal(rnnp_stream_reset_row(NULL, 0), RNNP_ERR_ARG);
    REFUSED(context, rnnp_stream_reset_row(stream, 2), RNNP_ERR_ARG, "channel 2 does not exist: the stream has 2");
    assert_int_equal(rnnp_stream_row_state_bytes(NULL), 0);
    assert_int_equal(rnnp_stream_save_row(NULL, 0, saved[1], bytes), RNNP_ERR_ARG);
    assert_int_equal(rnnp_stream_save_row(stream, 2, saved[1], bytes), RNNP_ERR_ARG);
    assert_int_equal(rnnp_stream_save_row(stream, 0, saved[1], bytes + 1), RNNP_ERR_ARG);
    REFUSED(context, rnnp_stream_save_row(stream, 0, NULL, bytes), RNNP_ERR_ARG, "at NULL");
    assert_int_equal(rnnp_stream_load_row(NULL, 0, saved[0], bytes), RNNP_ERR_ARG);
    assert_int_equal(rnnp_stream_load_row(stream, SIZE_MAX, saved[0], bytes), RNNP_ERR_ARG);
    assert_int_equal(rnnp_stream_load_row(stream, 1, saved[0], 2 * bytes), RNNP_ERR_ARG);
    assert_int_equal(rnnp_stream_load_row(stream, 1, NULL, bytes), RNNP_ERR_ARG);
    OK(rnnp_stream_save_row(stream, 0, saved[1], bytes)); /* nothing of this changed it */
    assert_memory_equal(saved[0], saved[1], bytes);
}

/* Models that mix channels, or have an output without them: together they can step, one by one they cannot. */
TEST(test_mixers)
{
    static const struct {
        const char *text, *words;
    } mixers[] = {
        {"x: f32[?,?,5]; -> y = Softmax(gru[5,8]#2(x), axis=1)", "Softmax"},
        {"x: f32[?,?,5]; -> y = Gather(gru[5,8]#2(x), {-1}, axis=1)", "Gather"},
        {"x: f32[?,?,5]; -> y = ReduceMean(gru[5,8]#2(x), axes={1}, keepdims=0)", "ReduceMean"},
        {"x: f32[?,?,5]; settings: f32[4]; -> copy = Relu(settings), y = gru[5,8]#2(x)", "output copy"},
        {"x: f32[?,2,5]; -> y = gru[5,8]#2(x)", NULL},
    };

    for (size_t i = 0; i < sizeof mixers / sizeof mixers[0]; i++) {
        OWNED(model) model = make_graph(context, "%s", mixers[i].text);
        OWNED(plan) plan = make_plan(model);
        OWNED(stream) stream = make_stream(plan, 2, 1);
        float x[2 * INPUT] = {1, 2, 3}, settings[4] = {1, 2, 3, 4}, y[2][16], saved[2][8 + MARK];
        const uint8_t active[] = {0, 1}, all[] = {1, 1};
        const size_t n = rnnp_model_input_count(model);
        const rnnp_tensor in[] = {tensor3(x, 1, 2, INPUT), {RNNP_DTYPE_F32, 1, {4}, .data = settings}};
        rnnp_tensor out[] = {{.data = y[0]}, {.data = y[1]}};

        OK(rnnp_stream_step_rows(stream, all, in, n, out, n));
        OK(rnnp_stream_save_row(stream, 1, saved[0], sizeof saved[0]));
        if (mixers[i].words) {
            REFUSED(context, rnnp_stream_step_rows(stream, active, in, n, out, n), RNNP_ERR_UNSUPPORTED,
                    mixers[i].words);
            OK(rnnp_stream_save_row(stream, 1, saved[1], sizeof saved[1]));
            assert_memory_equal(saved[0], saved[1], sizeof saved[0]);
        } else {
            OK(rnnp_stream_step_rows(stream, active, in, n, out, n));
        }
    }
}

/* A step of some channels that fails half way changes nothing: state, outputs, and who is new. */
TEST(test_failed_step)
{
    enum { HIDDEN = 8, BATCH = 3 };
    FREED float *x = numbers(BATCH * INPUT, 2, 1.0f);
    float y[BATCH * HIDDEN] = {0}, before[BATCH * HIDDEN], saved[2][BATCH * 3 * HIDDEN + MARK];
    int64_t word[BATCH] = {1, 2, 3};
    const uint8_t active[BATCH] = {1, 0, 1};
    OWNED(model)
    model = make_graph(context, "x: f32[steps, batch, 5]; words: i64[steps, batch]; a = lstm[5,8]#2(x);"
                                "-> y = gru[8,8]#3(Add(a, Gather(f32[4,8]~1, words)))");
    OWNED(plan) plan = make_plan(model);
    OWNED(stream) stream = make_stream(plan, BATCH, 1);
    const rnnp_tensor inputs[] = {tensor3(x, 1, BATCH, INPUT), {RNNP_DTYPE_I64, 2, {1, BATCH}, .data = word}};
    rnnp_tensor out = {.data = y};
    OK(rnnp_stream_step(stream, inputs, 2, &out, 1));
    OK(rnnp_stream_save(stream, saved[0], sizeof saved[0]));
    memcpy(before, y, sizeof y);
    word[2] = 99;
    REFUSED(context, rnnp_stream_step_rows(stream, active, inputs, 2, &out, 1), RNNP_ERR_ARG, "Gather");
    OK(rnnp_stream_save(stream, saved[1], sizeof saved[1]));
    assert_memory_equal(saved[0], saved[1], sizeof saved[0]);
    assert_memory_equal(before, y, sizeof y);
    word[2] = 3;
    OK(rnnp_stream_step_rows(stream, active, inputs, 2, &out, 1));
    assert_memory_equal(before + HIDDEN, y + HIDDEN, HIDDEN * sizeof *y);
    assert_true(memcmp(before, y, HIDDEN * sizeof *y) != 0);
    assert_true(memcmp(before + 2 * HIDDEN, y + 2 * HIDDEN, HIDDEN * sizeof *y) != 0);
}
