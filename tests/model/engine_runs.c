/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine: shapes, folding, memory to the byte, outputs, threads, floating-point modes.
 */
#include "graph.h"

#include "src/fpmode.h"
#include "src/graph/engine.h"

enum { INPUT = 5, HIDDEN = 8 };

/* x -> LSTM -> dense -> softmax, everything dynamic: what most tests run. */
typedef struct net {
    rnnp_model *model;
    rnnp_plan *plan;
} net;

static net make_net(rnnp_context *context, int input, int hidden, const rnnp_plan_options *options)
{
    net n = {make_graph(context,
                        "x: f32[steps, batch, %d]; y, h = lstm[%d,%d]#5(x);"
                        "p = Softmax(Relu(Add(MatMul(y, f32[%d,3]~6), f32[3]~7)), axis=-1); -> p, h",
                        input, input, hidden, hidden),
             NULL};

    OK(rnnp_plan_create(n.model, options, &n.plan));
    return n;
}

static void free_net(net *n)
{
    rnnp_plan_destroy(n->plan);
    rnnp_model_destroy(n->model);
}

static rnnp_run *make_run(const rnnp_plan *plan, const rnnp_tensor *inputs, size_t n)
{

    NEW(run, run, plan, inputs, n);
    return run;
}

/* ---- Shapes and repeats ---- */

/* Any batch composition and any number of repeats give the same bits. */
TEST(test_dynamic_shapes)
{
    enum { STEPS = 7, BATCH = 5 };
    OWNED(context) context = make_context(NULL, 1);
    DROPPED(free_net) net n = make_net(context, INPUT, HIDDEN, NULL);
    FREED float *x = numbers(STEPS * BATCH * INPUT, 1, 1.0f);
    float p[STEPS * BATCH * 3], h[BATCH * HIDDEN];
    const rnnp_tensor in = tensor3(x, STEPS, BATCH, INPUT);
    rnnp_tensor out[] = {{.data = p}, {.data = h}};
    OWNED(run) whole = make_run(n.plan, &in, 1);

    OK(rnnp_run_execute(whole, &in, 1, out, 2));
    assert_int_equal(out[0].shape[0], STEPS);
    assert_int_equal(out[0].shape[1], BATCH);
    assert_int_equal(out[1].shape[2], HIDDEN);
    for (size_t steps = 0; steps <= STEPS; steps++) { /* one row alone, and only its first steps */
        float alone[STEPS * INPUT], q[STEPS * 3], g[HIDDEN];
        const rnnp_tensor row = tensor3(alone, (int64_t)steps, 1, INPUT);
        rnnp_tensor row_out[] = {{.data = q}, {.data = g}};
        rnnp_run *run = make_run(n.plan, &row, 1);

        for (size_t t = 0; t < steps; t++) memcpy(alone + t * INPUT, x + (t * BATCH + 2) * INPUT, INPUT * sizeof *x);
        for (int repeat = 0; repeat < 3; repeat++) {
            memset(q, 0xff, sizeof q);
            OK(rnnp_run_execute(run, &row, 1, row_out, 2));
            for (size_t t = 0; t < steps; t++) assert_memory_equal(q + t * 3, p + (t * BATCH + 2) * 3, 3 * sizeof *p);
            if (steps == STEPS) assert_memory_equal(g, h + 2 * HIDDEN, sizeof g);
        }
        rnnp_run_destroy(run);
    }
}

/* Shape arithmetic as exporters write it: zeros of [1, batch, hidden] as the initial state, and a Reshape to
 * [steps, batch, -1], both from Shape(x). */
TEST(test_shape_arithmetic)
{
    OWNED(context) context = make_context(NULL, 1);
    DROPPED(free_layer) layer l = make_layer(RNNP_CELL_GRU, INPUT, HIDDEN, RNNP_DIRECTION_FORWARD, 5);
    OWNED(model)
    model = make_graph(context, "x: f32[?,?,5]; shape = Shape(x); batch = Gather(shape, {1}, axis=0);"
                                "size = Concat({1}, batch, {8}, axis=0);"
                                "flat = Concat(Gather(shape, {0,1}, axis=0), {-1}, axis=0);"
                                "-> y = Reshape(gru[5,8]#5(x, _, ConstantOfShape(size)), flat)");
    FREED float *in = numbers(3 * 2 * INPUT, 1, 1.0f);
    float y[3 * 2 * HIDDEN], want[3 * 2 * HIDDEN], h[2 * HIDDEN], c[2 * HIDDEN];
    const rnnp_tensor input = tensor3(in, 3, 2, INPUT);
    rnnp_tensor out = {.data = y};
    rnnp_port_info port = {.struct_size = sizeof port};

    OK(rnnp_model_output_info(model, 0, &port));
    assert_int_equal(port.rank, 3);
    assert_int_equal(port.shape[0], RNNP_DYNAMIC);
    assert_int_equal(port.shape[2], HIDDEN);
    OWNED(plan) plan = make_plan(model);
    OWNED(run) run = make_run(plan, &input, 1);
    OK(rnnp_run_execute(run, &input, 1, &out, 1));
    oracle(&l, 3, 2, in, NULL, NULL, NULL, want, h, c);
    assert_close(y, want, 3 * 2 * HIDDEN, 2e-6f);
}

/* The symbol survives what leaves its number alone, so that equal dimensions are known to be equal. */
TEST(test_symbols_survive)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model)
    model = make_graph(context, "x: f32[batch, 5]; v = Div(Add({0,1}, Mul(Shape(x), {1,2})), {1,11});"
                                "-> y = ConstantOfShape(Where(Equal(v, {-1}), {1,1}, v))");
    rnnp_port_info port = {.struct_size = sizeof port};

    OK(rnnp_model_output_info(model, 0, &port));
    assert_int_equal(port.shape[0], RNNP_DYNAMIC);
    assert_string_equal(port.symbol[0], "batch");
    assert_int_equal(port.shape[1], 1);
}

/* ---- Closing ---- */

TEST(test_folding_and_dead_nodes)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model)
    model = make_graph(context, "x: f32[2,2,3]; three = f32[3]{1,2,3}; folded = Mul(three, three);"
                                "dead = Relu(x); dead2 = Relu(dead);"
                                /* Exp depends on the math class: left to the plan */
                                "math = Exp(three); -> y = Add(x, folded), e = math");
    rnnp_node_info info = {.struct_size = sizeof info};
    float in[12] = {0}, y[12], e[3];
    const rnnp_tensor input = tensor3(in, 2, 2, 3);
    rnnp_tensor out[] = {{.data = y}, {.data = e}};

    assert_int_equal(rnnp_model_node_count(model), 2);
    assert_int_equal(rnnp_model_constant_elements(model), 6);
    OK(rnnp_model_node_info(model, 1, &info));
    assert_string_equal(info.op, "Add");
    assert_int_equal(info.parameters, 3);
    assert_int_equal(info.n_inputs, 2);
    assert_null(info.note);
    OWNED(plan) plan = make_plan(model);
    OWNED(run) run = make_run(plan, &input, 1);
    OK(rnnp_run_execute(run, &input, 1, out, 2));
    assert_close(y, (float[]){1, 4, 9, 1, 4, 9, 1, 4, 9, 1, 4, 9}, 12, 0.0f);
    assert_close(e, (float[]){expf(1), expf(2), expf(3)}, 3, 1e-5f);
}

/* Constants as files rarely have them: a number in an attribute, and f64. */
TEST(test_rare_constants)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model)
    model = make_graph(context, "x: f32[2]; three = Cast(Constant(value_int=3), to=1);"
                                "-> y = Add(Mul(x, three), Cast(f64[2]{0.5, -2}, to=1))");
    OWNED(plan) plan = make_plan(model);
    DROPPED(free_outputs)
    produced o = run_plan(plan, &(rnnp_tensor){RNNP_DTYPE_F32, 1, {2}, .const_data = (const float[]){1, 2}}, 1);

    OK(o.status);
    assert_close(o.out[0].data, (float[]){3.5f, 4.0f}, 2, 0.0f);
}

typedef struct heard {
    int warnings;
    char text[256];
} heard;

static void listen(void *user, rnnp_log_level level, const char *message)
{
    heard *h = user;

    h->warnings += level == RNNP_LOG_WARNING;
    snprintf(h->text, sizeof h->text, "%s", message);
}

/* A GRU from PyTorch that resets before the product draws a warning; others do not. */
TEST(test_lint)
{
    static const struct {
        rnnp_gru_reset reset;
        const char *producer;
        int warnings;
    } cases[] = {{RNNP_GRU_RESET_BEFORE, "pytorch", 1},
                 {RNNP_GRU_RESET_AFTER, "pytorch", 0},
                 {RNNP_GRU_RESET_BEFORE, "tf2onnx", 0},
                 {RNNP_GRU_RESET_BEFORE, NULL, 0}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        DROPPED(free_layer) layer l = make_layer(RNNP_CELL_GRU, INPUT, HIDDEN, RNNP_DIRECTION_FORWARD, 5);
        heard h = {0};
        OPTIONS(context, options);
        rnnp_node_info info = {.struct_size = sizeof info};
        rnnp_value y;

        options.log = listen;
        options.log_user = &h;
        OWNED_NEW(context, context, &options);
        OWNED(model) model = make_model(context);
        l.options.reset = cases[i].reset;
        OK(rnnp_model_set_producer(model, cases[i].producer));
        OK(rnnp_model_add_recurrent(model, &l.options, l.weights, input3(model, "x", 1, 1, INPUT), RNNP_NONE, RNNP_NONE,
                                    RNNP_NONE, &y, NULL, NULL));
        close_with(model, "y", y);
        OK(rnnp_model_node_info(model, 0, &info));
        assert_int_equal(h.warnings, cases[i].warnings);
        assert_int_equal(info.note != NULL, cases[i].warnings);
        if (info.note) assert_non_null(strstr(h.text, "linear_before_reset=0"));
        assert_true(info.weight_bytes_per_step >= 3 * HIDDEN * HIDDEN * sizeof(float));
    }
}

/* ---- Memory ---- */

/* Plans and runs are one block of exactly the bytes promised; executing allocates nothing. */
TEST(test_memory)
{
    WATCHED heap = {0};
    OWNED(context) context = make_context(&heap, 1);
    DROPPED(free_net) net n = make_net(context, INPUT, HIDDEN, NULL);
    FREED float *x = numbers(9 * 2 * INPUT, 1, 1.0f);
    float p[9 * 2 * 3];
    const rnnp_tensor in = tensor3(x, 9, 2, INPUT);
    rnnp_tensor out[] = {{.data = p}, {.data = NULL}};
    size_t bytes, blocks, live, calls;

    blocks = atomic_load(&heap.live_blocks);
    live = atomic_load(&heap.live_bytes);
    OK(rnnp_plan_bytes(n.model, NULL, &bytes));
    calls = atomic_load(&heap.calls);
    NEW(plan, plan, n.model, NULL);
    assert_true(atomic_load(&heap.calls) - calls <= 2); /* scratch, which is gone, and the plan */
    assert_int_equal(atomic_load(&heap.live_blocks), blocks + 1);
    assert_int_equal(atomic_load(&heap.live_bytes), live + bytes);
    rnnp_plan_destroy(plan);
    OK(rnnp_run_bytes(n.plan, &in, 1, &bytes));
    assert_int_equal(atomic_load(&heap.live_bytes), live);
    OWNED_NEW(run, run, n.plan, &in, 1);
    assert_int_equal(atomic_load(&heap.live_blocks), blocks + 1);
    assert_int_equal(atomic_load(&heap.live_bytes), live + bytes);
    calls = atomic_load(&heap.calls);
    OK(rnnp_run_execute(run, &in, 1, out, 2));
    out[1].data = out[0].data;
    out[0].data = NULL;
    OK(rnnp_run_execute(run, &in, 1, out, 2));
    assert_int_equal(atomic_load(&heap.calls), calls);
}

/* Best fit by the letter, in time that grows with the square: the lowest of the smallest gaps between the spans that
 * live and are placed already. */
static size_t place_plainly(rnnp_span *spans, size_t n)
{
    size_t total = 0;

    for (size_t s = 0; s < n; s++) {
        const size_t bytes = rnnp_align64(spans[s].bytes);
        size_t at = 0, best = SIZE_MAX, smallest = SIZE_MAX;

        for (;;) { /* gaps from below: from `at` to the lowest span that ends above it */
            size_t next = SIZE_MAX, top = SIZE_MAX;

            for (size_t i = 0; i < s; i++) {
                if (spans[i].last >= spans[s].first && spans[i].bytes && spans[i].offset >= at &&
                    spans[i].offset < next) {
                    next = spans[i].offset;
                    top = next + rnnp_align64(spans[i].bytes);
                }
            }
            if (next == SIZE_MAX) break;
            if (next - at >= bytes && next - at < smallest) {
                smallest = next - at;
                best = at;
            }
            at = top;
        }
        spans[s].offset = bytes == 0 ? 0 : best == SIZE_MAX ? at : best;
        if (spans[s].offset + bytes > total) total = spans[s].offset + bytes;
    }
    return total;
}

/* Spans that meet in time never overlap in memory, and memory is used again: as best fit does it. */
TEST(test_spans)
{
    enum { N = 200, ROUNDS = 20 };
    rnnp_span spans[N], plain[N];
    FREED size_t *room = malloc(rnnp_spans_room(N) * sizeof *room);
    size_t sum = 0, total = 0;
    float r[3 * N];

    assert_non_null(room);
    for (unsigned round = 0; round < ROUNDS; round++) {
        fill(r, 3 * N, 3 + round, 1.0f);
        for (size_t i = 0; i < N; i++) {
            spans[i] = (rnnp_span){.bytes = (size_t)((r[3 * i] + 1.0f) * 500.0f), .first = i / 2};
            spans[i].last = spans[i].first + (size_t)((r[3 * i + 1] + 1.0f) * (float)(2 + 2 * round));
            if (i % 17 == 0) spans[i].bytes = 0;
            if (i % 19 == 0) spans[i].last = SIZE_MAX;
        }
        memcpy(plain, spans, sizeof plain);
        sum = 0;
        for (size_t i = 0; i < N; i++) sum += rnnp_align64(spans[i].bytes);
        total = rnnp_spans_place(spans, N, room);
        assert_int_equal(total, place_plainly(plain, N));
        assert_true(round > 0 || total < sum / 4);
        for (size_t i = 0; i < N; i++) {
            assert_int_equal(spans[i].offset, plain[i].offset);
            assert_true(spans[i].offset % 64 == 0 && spans[i].offset + spans[i].bytes <= total);
            for (size_t j = 0; j < i; j++) {
                const int meet = spans[j].last >= spans[i].first;
                const int overlap = spans[i].offset < spans[j].offset + spans[j].bytes &&
                                    spans[j].offset < spans[i].offset + spans[i].bytes;

                assert_false(meet && overlap);
            }
        }
    }
    spans[0] = (rnnp_span){.bytes = SIZE_MAX};
    assert_true(rnnp_spans_place(spans, 1, room) == SIZE_MAX);
}

/* A long chain of elementwise nodes needs no more memory than a short one. */
TEST(test_reuse)
{
    OWNED(context) context = make_context(NULL, 1);
    size_t bytes[2];

    for (size_t i = 0; i < 2; i++) {
        OWNED(model) model = make_model(context);
        rnnp_value x = input3(model, "x", 16, 64, 64), y = x;
        const rnnp_tensor in = tensor3(NULL, 16, 64, 64);

        for (size_t k = 0; k < 4 + 16 * i; k++) y = node2(model, "Add", node1(model, "Neg", y), x);
        close_with(model, "y", y);
        OWNED(plan) plan = make_plan(model);
        OK(rnnp_run_bytes(plan, &in, 1, &bytes[i]));
    }
    assert_true(bytes[0] < 2 * 16 * 64 * 64 * sizeof(float));
    assert_true(bytes[1] - bytes[0] < 64 * 1024);
}

/* ---- Outputs ---- */

/* One value under several names, views of it, an input and a constant as outputs; any of them unwanted. */
TEST(test_outputs)
{
    enum { OUTPUTS = 6 };
    static const float want[OUTPUTS][6] = {{1, 0, 3, 0, 5, 6},
                                           {1, 0, 3, 0, 5, 6},
                                           {1, 0, 3, 0, 5, 6},
                                           {1, -2, 3, -4, 5, 6},
                                           {-1, -0.0f, -3, -0.0f, -5, -6},
                                           {7, 8}};
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model)
    model = make_graph(context, "x: f32[1,2,3]; c = f32[2]{7,8}; r = Relu(x);"
                                "-> relu = r, again = r, flat = Reshape(r, {-1}), x, neg = Neg(r), c");
    const float in[] = {1, -2, 3, -4, 5, 6};
    const rnnp_tensor input = tensor3(in, 1, 2, 3);
    float y[OUTPUTS][6];

    OWNED(plan) plan = make_plan(model);
    OWNED(run) run = make_run(plan, &input, 1);
    for (unsigned wanted = 0; wanted < 1u << OUTPUTS; wanted++) {
        rnnp_tensor out[OUTPUTS];

        memset(y, 0, sizeof y);
        for (size_t k = 0; k < OUTPUTS; k++) out[k] = (rnnp_tensor){.data = wanted >> k & 1 ? y[k] : NULL};
        OK(rnnp_run_execute(run, &input, 1, out, OUTPUTS));
        for (size_t k = 0; k < OUTPUTS; k++) {
            if (wanted >> k & 1) assert_memory_equal(y[k], want[k], rnnp_tensor_elements(&out[k]) * sizeof(float));
        }
        assert_int_equal(out[2].rank, 1);
        assert_int_equal(out[2].shape[0], 6);
    }
}

/* Random graphs of elementwise nodes, sums over a broadcast axis and views, against plain arrays: whatever shares
 * memory, every output has its value, whichever others are wanted. */
typedef struct plain {
    float x[24];
    int flat; /* a view of 24 elements in one row */
} plain;

static uint32_t draw(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % below;
}

static void random_graph(rnnp_context *context, uint32_t seed)
{
    enum { NODES = 40, N = 24, OUTPUTS = 6 };
    static const char *const ops[] = {"Neg", "Relu", "Add", "Sub", "Reshape", "ReduceSum"};
    static const int64_t flat[] = {N}, full[] = {2, 3, 4}, last[] = {-1};
    OWNED(model) model = make_model(context);
    rnnp_value values[NODES + 1] = {input3(model, "x", 2, 3, 4)};
    plain plains[NODES + 1];
    size_t outputs[OUTPUTS];

    fill(plains[0].x, N, seed, 1.0f);
    plains[0].flat = 0;
    for (size_t i = 1; i <= NODES; i++) {
        const size_t recent = i > 6 ? i - 6 : 0, a = recent + draw(&seed, (uint32_t)(i - recent));
        size_t op = draw(&seed, 6), b = a;
        plain *y = &plains[i];

        for (size_t k = recent; k < i; k++) /* another operand of the same shape */
            b = plains[k].flat == plains[a].flat && draw(&seed, 2) ? k : b;
        *y = plains[a];
        for (size_t k = 0; k < N; k++) {
            const float p = plains[a].x[k], q = plains[b].x[k];

            y->x[k] = op == 0 ? -p : op == 1 ? (p > 0.0f ? p : 0.0f) : op == 2 ? p + q : op == 3 ? p - q : p;
        }
        if (op < 2) {
            values[i] = node1(model, ops[op], values[a]);
        } else if (op < 4) {
            values[i] = node2(model, ops[op], values[a], values[b]);
        } else if (op == 4 || plains[a].flat) {
            y->flat = !plains[a].flat;
            values[i] = node2(model, "Reshape", values[a], y->flat ? ints(model, flat, 1) : ints(model, full, 3));
        } else { /* x - sum of x over the last axis, by broadcasting */
            const rnnp_value sum = node2(model, "ReduceSum", values[a], ints(model, last, 1));

            values[i] = node2(model, "Sub", sum, values[a]); /* the narrow operand first: not in place */
            for (size_t k = 0; k < N; k++) {
                const float *row = &plains[a].x[k / 4 * 4];

                y->x[k] = (row[0] + row[1] + row[2] + row[3]) - plains[a].x[k];
            }
        }
    }
    for (size_t k = 0; k < OUTPUTS; k++) {
        const char name[] = {'y', (char)('0' + k), 0};

        outputs[k] = k ? draw(&seed, NODES + 1) : NODES;
        OK(rnnp_model_add_output(model, name, values[outputs[k]]));
    }
    OK(rnnp_model_close(model));
    OWNED(plan) plan = make_plan(model);
    const rnnp_tensor in = tensor3(plains[0].x, 2, 3, 4);
    OWNED(run) run = make_run(plan, &in, 1);
    for (int repeat = 0; repeat < 8; repeat++) {
        const uint32_t wanted = repeat ? draw(&seed, 1u << OUTPUTS) : ~0u;
        rnnp_tensor out[OUTPUTS];
        float y[OUTPUTS][N];

        for (size_t k = 0; k < OUTPUTS; k++) out[k] = (rnnp_tensor){.data = wanted >> k & 1 ? y[k] : NULL};
        OK(rnnp_run_execute(run, &in, 1, out, OUTPUTS));
        for (size_t k = 0; k < OUTPUTS; k++) {
            float scale = 1.0f;

            for (size_t e = 0; e < N; e++) scale = fmaxf(scale, fabsf(plains[outputs[k]].x[e]));
            if (wanted >> k & 1) assert_close(y[k], plains[outputs[k]].x, N, 1e-3f * scale);
        }
    }
}

TEST(test_random_graphs)
{
    OWNED(context) context = make_context(NULL, 1);

    for (uint32_t seed = 0; seed < 300; seed++) random_graph(context, seed * 7919u);
}

/* ---- Threads and modes ---- */

TEST(test_threads)
{
    enum { STEPS = 3, BATCH = 16, WIDE = 96 };
    FREED float *x = numbers(STEPS * BATCH * WIDE, 1, 1.0f);
    float *p[4];

    for (size_t i = 0; i < 4; i++) {
        OWNED(context) context = make_context(NULL, i == 0 ? 1 : 3);
        OPTIONS(plan, options);
        rnnp_tensor in = tensor3(x, STEPS, BATCH, WIDE), out[2] = {{0}};

        options.threads = i; /* 0: all; 1, 2, 3: at most so many */
        DROPPED(free_net) net n = make_net(context, WIDE, WIDE, &options);
        OWNED(run) run = make_run(n.plan, &in, 1);
        p[i] = numbers(STEPS * BATCH * 3, 1, 9.0f);
        out[0].data = p[i];
        OK(rnnp_run_execute(run, &in, 1, out, 2));
        assert_memory_equal(p[i], p[0], STEPS * BATCH * 3 * sizeof(float));
    }
    for (size_t i = 0; i < 4; i++) free(p[i]);
}

/* Denormals survive, whatever the caller's mode is, unless the plan flushes them; the mode comes back. */
TEST(test_fpmode)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model) model = make_graph(context, "x: f32[1,1,1]; -> y = Mul(x, f32{1})");
    const float in[] = {1e-40f};
    const rnnp_tensor input = tensor3(in, 1, 1, 1);
    const rnnp_fpmode caller = rnnp_fpmode_get();

    for (int flush = 0; flush < 2; flush++) {
        OPTIONS(plan, options);
        float y[1] = {9.0f};
        rnnp_tensor out = {.data = y};

        options.flush_denormals = flush;
        OWNED_NEW(plan, plan, model, &options);
        OWNED(run) run = make_run(plan, &input, 1);
        rnnp_fpmode_set(flush ? RNNP_FPMODE_KEEP : RNNP_FPMODE_FLUSH);
        OK(rnnp_run_execute(run, &input, 1, &out, 1));
        const rnnp_fpmode after = rnnp_fpmode_get();
        rnnp_fpmode_set(caller);
        assert_true((after & ~(rnnp_fpmode)0x3f) == (flush ? RNNP_FPMODE_KEEP : RNNP_FPMODE_FLUSH));
        assert_int_equal(memcmp(y, in, sizeof y) == 0, !flush);
    }
}

/* Closing folds, planning adds biases, making a run evaluates: with the contract's mode, which the caller's is not. */
TEST(test_fpmode_of_preparation)
{
#if defined(__x86_64__)
    enum { FOLDED, EVALUATED, PACKED, OUTPUTS };
    static const rnnp_fpmode modes[] = {RNNP_FPMODE_KEEP, RNNP_FPMODE_FLUSH, RNNP_FPMODE_KEEP | 0x4000 /* upwards */};
    const float tiny[] = {1e-40f, 3e-41f}, zero[] = {0.0f};
    const rnnp_tensor in = tensor3(zero, 1, 1, 1);
    rnnp_context *context = make_context(NULL, 1);
    const rnnp_fpmode caller = rnnp_fpmode_get();
    float y[3][OUTPUTS];

    for (size_t m = 0; m < 3; m++) {
        rnnp_tensor constant[2], out[OUTPUTS] = {{.data = &y[m][0]}, {.data = &y[m][1]}, {.data = &y[m][2]}};
        OWNED(model) model = make_model(context);
        rnnp_value value, c[2];
        OWNED(plan) plan = NULL;
        OWNED(run) run = NULL;
        DROPPED(free_layer) layer l = make_layer(RNNP_CELL_RNN, 1, 1, RNNP_DIRECTION_FORWARD, 1);
        OWNED(stream) stream = NULL;
        const float bias[] = {tiny[0], tiny[1]};

        l.weights[0].bias = bias;
        l.options.activations[0] = "Relu";
        for (size_t i = 0; i < 2; i++) {
            constant[i] = (rnnp_tensor){RNNP_DTYPE_F32, 0, {0}, .const_data = &tiny[i]};
            OK(rnnp_model_add_constant(model, NULL, &constant[i], &c[i]));
        }
        OK(rnnp_model_add_output(model, "folded", node2(model, "Add", c[0], c[1])));
        OK(rnnp_model_add_output(model, "evaluated", node1(model, "Tanh", c[0])));
        OK(rnnp_model_add_recurrent(model, &l.options, l.weights, input3(model, "x", RNNP_DYNAMIC, 1, 1), RNNP_NONE,
                                    RNNP_NONE, RNNP_NONE, &value, NULL, NULL));
        OK(rnnp_model_add_output(model, "packed", value));
        rnnp_fpmode_set(modes[m]);
        const rnnp_status closed = rnnp_model_close(model), planned = rnnp_plan_create(model, NULL, &plan);
        const rnnp_status made = rnnp_run_create(plan, &in, 1, &run);
        const rnnp_status streamed = rnnp_stream_create(plan, NULL, &stream);
        const rnnp_fpmode after = rnnp_fpmode_get();
        rnnp_fpmode_set(caller);
        assert_true((after & ~(rnnp_fpmode)0x3f) == modes[m]);
        assert_true(closed == RNNP_OK && planned == RNNP_OK && made == RNNP_OK && streamed == RNNP_OK);
        OK(rnnp_run_execute(run, &in, 1, out, OUTPUTS));
        assert_memory_equal(y[m], y[0], sizeof y[m]);
        OK(rnnp_stream_step(stream, &in, 1, out, OUTPUTS));
        assert_memory_equal(y[m], y[0], sizeof y[m]);
    }
    assert_true(y[0][FOLDED] == tiny[0] + tiny[1] && y[0][EVALUATED] == tiny[0] && y[0][PACKED] == y[0][FOLDED]);
    rnnp_context_destroy(context);
#else
#endif
}

/* A reduction over no axes copies; of nothing, from nowhere. */
TEST(test_empty_reduction)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model) model = make_graph(context, "x: f32[?,2,3]; -> y = ReduceSum(x, noop_with_empty_axes=1)");
    const rnnp_tensor in = tensor3(NULL, 0, 2, 3);
    float y[1] = {5.0f};
    rnnp_tensor out = {.data = y};

    OWNED(plan) plan = make_plan(model);
    OWNED(run) run = make_run(plan, &in, 1);
    OK(rnnp_run_execute(run, &in, 1, &out, 1));
    assert_int_equal(rnnp_tensor_elements(&out), 0);
    assert_true(y[0] == 5.0f);
}
