/* SPDX-License-Identifier: Apache-2.0
 *
 * Small files that ask for much: what nobody needs costs nothing, what is computed at load has a budget, every limit is
 * named when it is met, and time grows with the file and not with its square.
 */
#include "wire.h"

#include <time.h>

enum { MIB = 1 << 20 };

static char *name_of(const char *base, size_t i)
{
    static char text[4][64];
    static unsigned turn;
    char *s = text[turn++ % 4];

    snprintf(s, sizeof text[0], "%s%zu", base, i);
    return s;
}

static rnnp_load_options no_limits(void)
{
    OPTIONS(load, o);

    assert_int_equal(o.struct_size, sizeof o);
    return o;
}

/* Loads, frees the file and returns the status. */
static rnnp_status load_bytes(rnnp_context *context, buffer *file, const rnnp_load_options *options, rnnp_model **model)
{
    const rnnp_status status = rnnp_onnx_open_memory(context, file->at, file->size, options, model);

    assert_true((status == RNNP_OK) == (*model != NULL));
    free(file->at);
    *file = (buffer){0};
    return status;
}

/* The only output for an input [2]. */
static void run_two(const rnnp_model *model, const float x[2], float y[2])
{
    const rnnp_tensor in = {RNNP_DTYPE_F32, 1, {2}, .const_data = x};
    rnnp_tensor out = {.data = y};

    OWNED_NEW(plan, plan, model, NULL);
    OWNED_NEW(run, run, plan, &in, 1);
    OK(rnnp_run_output(run, 0, &out));
    assert_int_equal(rnnp_tensor_elements(&out), 2);
    out.data = y;
    OK(rnnp_run_execute(run, &in, 1, &out, 1));
}

static size_t notes(const rnnp_model *model, const char *words)
{
    size_t n = 0;

    for (size_t i = 0; i < rnnp_model_node_count(model); i++) {
        rnnp_node_info info = {.struct_size = sizeof info};

        OK(rnnp_model_node_info(model, i, &info));
        n += info.note && strstr(info.note, words);
    }
    return n;
}

/* ---- Nodes that are computed at load ---- */

TEST(test_dead_nodes)
{
    enum { NODES = 300 };
    const int64_t shape = 4 * MIB;
    WATCHED heap = {0};
    OWNED(context) context = make_context(&heap, 1);
    buffer graph = {0};
    OWNED(model) model = NULL;

    wire_ints(&graph, "shape", &shape, 1);
    for (size_t i = 0; i < NODES; i++) wire_node(&graph, "ConstantOfShape", "shape", name_of("dead", i), -1);
    wire_node(&graph, "Relu", "x", "y", -1);
    wire_port(&graph, 11, "x", "N");
    wire_port(&graph, 12, "y", "N");
    buffer file = wire_model(&graph, 17);
    OK(load_bytes(context, &file, NULL, &model));
    assert_int_equal(rnnp_model_node_count(model), 1);
    assert_true(atomic_load(&heap.peak_bytes) < 2 * MIB);
}

/* y = x + max(c0) + max(c1) + ..., each c a constant of 1 MiB. */
static buffer make_live(size_t nodes, size_t elements)
{
    const int64_t shape = (int64_t)elements;
    buffer graph = {0};

    wire_ints(&graph, "shape", &shape, 1);
    for (size_t i = 0; i < nodes; i++) {
        wire_node(&graph, "ConstantOfShape", "shape", name_of("c", i), -1);
        wire_node(&graph, "ReduceMax", name_of("c", i), name_of("m", i), 0);
        char *in = name_of("m", i);
        char pair[160];

        snprintf(pair, sizeof pair, "%s %s", i ? name_of("s", i - 1) : "x", in);
        wire_node(&graph, "Add", pair, i + 1 < nodes ? name_of("s", i) : "y", -1);
    }
    wire_port(&graph, 11, "x", "N");
    wire_port(&graph, 12, "y", "N");
    return wire_model(&graph, 17);
}

TEST(test_live_nodes)
{
    enum { NODES = 512 };
    static const float x[2] = {1.5f, -2.0f};
    WATCHED heap = {0};
    OWNED(context) context = make_context(&heap, 1);
    buffer file = make_live(NODES, MIB / sizeof(float));
    OWNED(model) model = NULL;
    float y[2];

    OK(load_bytes(context, &file, NULL, &model));
    assert_true(notes(model, "max_bytes") > NODES / 2);
    run_two(model, x, y);
    assert_memory_equal(y, x, sizeof x); /* plus zeros */
    assert_true(atomic_load(&heap.peak_bytes) < (size_t)200 * MIB);
}

/* y = x + the largest element of a^4, a being [SIZE][SIZE] of 1/SIZE. */
static buffer make_products(void)
{
    enum { SIZE = 64 };
    static float a[SIZE * SIZE];
    const int64_t shape[2] = {SIZE, SIZE};
    buffer graph = {0};

    for (size_t i = 0; i < SIZE * SIZE; i++) a[i] = 1.0f / SIZE;
    wire_constant(&graph, "a", WIRE_F32, shape, 2, a, sizeof a);
    wire_node(&graph, "MatMul", "a a", "a2", -1);
    wire_node(&graph, "MatMul", "a2 a2", "a4", -1);
    wire_node(&graph, "ReduceMax", "a4", "m", 0);
    wire_node(&graph, "Add", "x m", "y", -1);
    wire_port(&graph, 11, "x", "N");
    wire_port(&graph, 12, "y", "N");
    return wire_model(&graph, 17);
}

TEST(test_work)
{
    static const float x[2] = {1.5f, -2.0f};
    OWNED(context) context = make_context(NULL, 1);
    rnnp_load_options o = no_limits();

    /* a * a: 64^3 multiply-adds, and 3 * 64^2 elements of 4 each. */
    for (size_t products = 0; products <= 2; products++) {
        buffer file = make_products();
        OWNED(model) model = NULL;
        float y[2];

        o.max_work = products * (64 * 64 * 64 + 4 * 3 * 64 * 64) + 1;
        OK(load_bytes(context, &file, &o, &model));
        assert_int_equal(rnnp_model_node_count(model), 4 - products);
        assert_int_equal(notes(model, "max_work"), 1);
        run_two(model, x, y);
        assert_true(y[0] == x[0] + 1.0f / 64 && y[1] == x[1] + 1.0f / 64);
    }
}

/* Axes that a product has to be computed for. */
TEST(test_needed)
{
    const int64_t square[2] = {32, 32}, i64 = 7;
    static float one[32 * 32];
    OWNED(context) context = make_context(NULL, 1);
    rnnp_load_options o = no_limits();

    one[0] = 1.0f;
    for (size_t round = 0; round < 2; round++) {
        buffer graph = {0}, node = {0}, file;
        rnnp_model *model;

        wire_constant(&graph, "a", WIRE_F32, square, 2, one, sizeof one);
        wire_node(&graph, "MatMul", "a a", "a2", -1);
        wire_node(&graph, "ReduceMax", "a2", "m", 0);
        wire_text(&node, 1, "m");
        wire_text(&node, 2, "i");
        wire_text(&node, 4, "Cast");
        wire_attr_int(&node, "to", i64);
        wire_message(&graph, 1, &node);
        wire_ints(&graph, "flat", (const int64_t[]){-1}, 1);
        wire_node(&graph, "Reshape", "i flat", "shape", -1);
        wire_node(&graph, "Unsqueeze", "x shape", "y", -1);
        wire_port(&graph, 11, "x", "N");
        wire_port(&graph, 12, "y", "N M");
        file = wire_model(&graph, 17);
        o.max_work = round ? 1000 : 0;
        if (round) {
            assert_int_equal(load_bytes(context, &file, &o, &model), RNNP_ERR_LIMIT);
            assert_says(context, "MatMul");
            assert_says(context, "max_work (1000)");
            assert_says(context, "Unsqueeze");
        } else {
            OK(load_bytes(context, &file, &o, &model));
            rnnp_model_destroy(model);
        }
        free(node.at);
    }
}

/* ---- Limits that are met ---- */

TEST(test_nodes)
{
    OWNED(context) context = make_context(NULL, 1);
    rnnp_load_options o = no_limits();
    rnnp_model *model;

    o.max_nodes = 3;
    buffer file = make_products();
    assert_int_equal(load_bytes(context, &file, &o, &model), RNNP_ERR_LIMIT);
    assert_says(context, "more than 3 nodes");
    assert_says(context, "max_nodes");
    o.max_nodes = 4;
    file = make_products();
    OK(load_bytes(context, &file, &o, &model));
    rnnp_model_destroy(model);
}

/* With every limit below what loading takes, it is refused with the sentence, and nothing is left. */
TEST(test_bytes)
{
    test_heap heap = {0};
    OWNED(context) context = make_context(&heap, 1);
    const size_t live = atomic_load(&heap.live_bytes);
    rnnp_load_options o = no_limits();
    rnnp_status status = RNNP_ERR_LIMIT;
    OWNED(model) model = NULL;

    for (o.max_bytes = 1; status != RNNP_OK; o.max_bytes += 5000) {
        char number[32];
        buffer file = make_products();

        status = load_bytes(context, &file, &o, &model);
        snprintf(number, sizeof number, "%zu bytes", o.max_bytes);
        if (status != RNNP_OK) {
            assert_int_equal(status, RNNP_ERR_LIMIT);
            assert_says(context, number);
            assert_says(context, "max_bytes");
            assert_int_equal(atomic_load(&heap.live_bytes), live);
        }
        assert_true(o.max_bytes < MIB);
    }
    assert_true(o.max_bytes > 50000);
}

/* A million empty messages of one field of the graph, two bytes each. */
TEST(test_empty_messages)
{
    static const unsigned fields[] = {1, 5, 11, 12, 13, 15};
    WATCHED heap = {0};
    OWNED(context) context = make_context(&heap, 1);

    for (size_t f = 0; f < sizeof fields / sizeof fields[0]; f++) {
        for (size_t million = 0; million <= 1; million++) {
            buffer graph = {0};
            rnnp_model *model;

            for (size_t i = 0; i < (million ? 1000000 : 500000); i++) wire_bytes(&graph, fields[f], NULL, 0);
            buffer file = wire_model(&graph, 17);
            assert_int_not_equal(load_bytes(context, &file, NULL, &model), RNNP_OK);
            assert_true(*rnnp_last_error(context));
        }
        assert_true(atomic_load(&heap.peak_bytes) < (size_t)256 * MIB);
    }
}

/* A file whose graph comes in pieces, which a parser would have to join one by one. */
TEST(test_pieces)
{
    OWNED(context) context = make_context(NULL, 1);
    buffer graph = {0}, file = make_products();
    rnnp_model *model;

    wire_node(&graph, "Relu", "x", "z", -1);
    wire_message(&file, 7, &graph);
    free(graph.at);
    assert_int_equal(load_bytes(context, &file, NULL, &model), RNNP_ERR_FORMAT);
    assert_says(context, "do not parse");
}

/* ---- Time ---- */

typedef enum kind { INPUTS, SYMBOLS, PREFIXES, CONSTANTS, LARGE, OUTPUTS, LIVE, CHAIN, KINDS } kind;

static buffer make_many(kind what, size_t n)
{
    static float elements[2100];
    const int64_t shape[] = {1}, large[] = {2100};
    buffer graph = {0};
    char text[600];

    for (size_t i = 0; i < n; i++) {
        switch (what) {
        case INPUTS: wire_port(&graph, 11, name_of("x", i), "N"); break;
        case SYMBOLS:
            snprintf(text, sizeof text, "a%zu b%zu c%zu d%zu e%zu f%zu g%zu h%zu", i, i, i, i, i, i, i, i);
            wire_port(&graph, 11, name_of("x", i), text);
            break;
        case PREFIXES: /* which differ late */
            memset(text, 'p', 200);
            snprintf(text + 200, sizeof text - 200, "%zu", i);
            wire_port(&graph, 11, text, text);
            break;
        case CONSTANTS: wire_constant(&graph, name_of("c", i), WIRE_F32, shape, 1, elements, 4); break;
        case LARGE: wire_constant(&graph, name_of("c", i), WIRE_F32, large, 1, elements, sizeof elements); break;
        case OUTPUTS:
            wire_node(&graph, "Relu", "x", name_of("y", i), -1);
            wire_port(&graph, 12, name_of("y", i), "N");
            break;
        case LIVE: wire_node(&graph, i % 2 ? "Neg" : "Relu", "x", name_of("y", i), -1); break;
        case CHAIN: wire_node(&graph, "Relu", i ? name_of("y", i - 1) : "x", name_of("y", i), -1); break;
        default: break;
        }
    }
    if (what == LIVE) { /* all are read by one node, thousands at a time */
        buffer node = {0};
        size_t sums = 0;

        for (size_t i = 0; i <= n; i++) {
            if (i == n || (i && i % 30000 == 0)) {
                wire_text(&node, 2, name_of("s", sums++));
                wire_text(&node, 4, "Sum");
                wire_message(&graph, 1, &node);
            }
            if (i < n) wire_text(&node, 1, name_of("y", i));
        }
        for (size_t i = 0; i < sums; i++) wire_text(&node, 1, name_of("s", i));
        wire_text(&node, 2, "z");
        wire_text(&node, 4, "Sum");
        wire_message(&graph, 1, &node);
        free(node.at);
    }
    if (what > PREFIXES || what == INPUTS)
        wire_port(&graph, 11, "x", "N");
    else
        wire_port(&graph, 11, "x", what == SYMBOLS ? "a0" : "N");
    if (what != LIVE) wire_node(&graph, "Relu", what == CHAIN ? name_of("y", n - 1) : "x", "z", -1);
    wire_port(&graph, 12, "z", "N");
    return wire_model(&graph, 17);
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Of loading, planning and laying out the memory of a run; the least of some tries. */
static double load_time(rnnp_context *context, kind what, size_t n, size_t tries)
{
    DROPPED(free_buffer) buffer file = make_many(what, n);
    double least = 1e9;

    for (size_t i = 0; i < tries; i++) {
        const double start = seconds();
        rnnp_model *model;

        if (rnnp_onnx_open_memory(context, file.at, file.size, NULL, &model) != RNNP_OK)
            fail_msg("%s", rnnp_last_error(context));
        NEW(plan, plan, model, NULL);
        const size_t inputs = rnnp_model_input_count(model);
        rnnp_tensor *in = calloc(inputs, sizeof *in);
        size_t bytes;

        assert_non_null(in);
        for (size_t k = 0; k < inputs; k++) {
            rnnp_port_info port = {.struct_size = sizeof port};

            OK(rnnp_model_input_info(model, k, &port));
            in[k] = (rnnp_tensor){.dtype = port.dtype, .rank = port.rank};
            for (size_t d = 0; d < port.rank; d++) in[k].shape[d] = 2;
        }
        OK(rnnp_run_bytes(plan, in, inputs, &bytes));
        free(in);
        rnnp_plan_destroy(plan);
        rnnp_model_destroy(model);
        const double took = seconds() - start;
        least = took < least ? took : least;
    }
    return least;
}

/* Eight times as many take eight times as long, or somewhat longer when a cache no longer holds them; a square would
 * take 64 times. What else the machine does can only make it longer: so that counts which is right once. */
TEST(test_time)
{
    enum { ATTEMPTS = 5 };
    static const size_t few[KINDS] = {5000, 1500, 3000, 10000, 1000, 5000, 10000, 10000};
    OWNED(context) context = make_context(NULL, 1);

    for (kind what = 0; what < KINDS; what++) {
        int linear = 0;

        for (size_t attempt = 0; attempt < ATTEMPTS && !linear; attempt++) {
            const double one = load_time(context, what, few[what], 3),
                         eight = load_time(context, what, 8 * few[what], 2);

            print_message("kind %d: %zu in %.4f s, %zu in %.4f s\n", (int)what, few[what], one, 8 * few[what], eight);
            linear = eight < 32 * one;
        }
        assert_true(linear);
    }
}
