/* SPDX-License-Identifier: Apache-2.0
 *
 * Recurrent nodes whose state decays: written as functions of an ONNX file and loaded again, also as what the functions
 * say; packed, with weights in other formats; the same bits for any number of threads, and in streams.
 */
#include "../model/answer.h"
#include "../model/graph.h"
#include "save.h"

ONE_CONTEXT(1)

#define WEIGHTS(gates) "w = f32[1," gates ",4]~1*0.5; r = f32[1," gates ",7]~2*0.5; "
#define SPLIT "d = f32[1,7,7]~5*0.5; e = f32[1,7]~6*0.5; "

static const char *const graphs[] = {
    "x: f32[t,b,4]; g: f32[t,b,7]; " WEIGHTS(
        "7") "b = f32[1,14]~3*0.5; "
             "y, h = RNN@22(x, w, r, b, _, _, _, _, _, _, g, hidden_size=7); -> y, h",
    "x: f32[t,b,4]; g: f32[t,b,7]; " WEIGHTS(
        "21") "b = f32[1,42]~3*0.5; "
              "y, h = GRU@22(x, w, r, b, _, _, _, _, _, _, g, hidden_size=7); -> y, h",
    "x: f32[t,b,4]; g: f32[t,b,1]; s: f32[1,b,7]; " WEIGHTS(
        "21") "b = f32[1,42]~3*0.5; "
              "y, h = GRU@22(x, w, r, b, _, s, _, _, _, _, g, hidden_size=7, linear_before_reset=1); -> y, h",
    "x: f32[t,b,4]; g: f32[t,b,1]; " WEIGHTS(
        "28") "b = f32[1,56]~3*0.5; p = f32[1,21]~4*0.5; " SPLIT
              "y, h, c = LSTM@22(x, w, r, b, _, _, _, p, _, _, g, d, e, hidden_size=7); -> y, h, c",
    "x: f32[t,b,4]; g: f32[t,b,7]; n: i32[b]; " WEIGHTS("28") SPLIT
    "y, h, c = LSTM@22(x, w, r, _, n, _, _, _, _, _, g, d, hidden_size=7); -> y, h, c",
    "x: f32[t,b,4]; g: f32[t,b,7]; n: i32[b]; " WEIGHTS(
        "21") "y, h = GRU@22(x, w, r, _, n, _, _, _, _, _, g, hidden_size=7, direction=reverse); -> y, h",
    "x: f32[t,b,4]; g: f32[t,b,1]; s: f32[t,1,7]; " WEIGHTS(
        "28") "y, h, c = LSTM@22(x, w, r, _, _, s, s, _, _, _, g, hidden_size=7, layout=1); -> y, h, c",
    "x: f32[t,b,4]; g: f32[t,b,7]; " WEIGHTS(
        "21") "y = GRU@22(x, w, r, _, _, _, _, _, _, _, g, hidden_size=7); "
              "a = Squeeze@22(y, {1}); v = f32[1,21,7]~7*0.5; "
              "z, h = GRU@22(a, v, r, _, _, _, _, _, _, _, g, hidden_size=7); -> z, h",
};
enum { GRAPHS = sizeof graphs / sizeof *graphs, STREAMED = 4 };

static void say(size_t i, int good)
{
    if (!good) printf("%s\n", graphs[i]);
    assert_true(good);
}

/* ---- Files ---- */

static void check_copies(const rnnp_model *model)
{
    DROPPED(free_buffer) buffer file = save(context, model), packed = write_for_all(model);
    OWNED(model) loaded = load(context, &file);
    OWNED(model) opened = NULL;
    DROPPED(free_buffer) buffer again = save(context, loaded);

    OK(rnnp_packed_open_memory(context, packed.at, packed.size, NULL, &opened));
    DROPPED(free_answer) answer a = ask(context, model), b = ask(context, loaded), c = ask(context, opened);
    assert_int_equal(a.got.status, RNNP_OK);
    assert_same_bytes(&file, &again);
    assert_same_answers(&a, &b);
    assert_same_answers(&a, &c);
}

TEST(test_files)
{
    for (size_t i = 0; i < GRAPHS; i++) {
        OWNED(model) model = make_graph(context, "%s", graphs[i]);
        check_copies(model);
    }
}

TEST(test_other_formats)
{
    static const rnnp_weights formats[] = {RNNP_WEIGHTS_F16, RNNP_WEIGHTS_BF16, RNNP_WEIGHTS_S8};

    for (size_t i = 0; i < GRAPHS; i++)
        for (size_t k = 0; k < 3; k++) {
            OWNED(model) model = make_graph(context, "%s", graphs[i]);
            OWNED(model) small = quantized_to(model, formats[k]);
            check_copies(small);
        }
}

/* With a domain that nobody knows, what remains of a node is its function: a loop of the standard's operators. */
TEST(test_functions_say_the_same)
{
    for (size_t i = 0; i < GRAPHS; i++) {
        OWNED(model) model = make_graph(context, "%s", graphs[i]);
        DROPPED(free_buffer) buffer file = save(context, model);

        for (size_t at = 0; at + 7 <= file.size; at++)
            if (memcmp(file.at + at, "rnnpack", 7) == 0) memcpy(file.at + at, "unknown", 7);
        OWNED(model) other = load(context, &file);
        DROPPED(free_answer) answer a = ask(context, model), b = ask(context, other);
        say(i, rnnp_model_node_count(other) > rnnp_model_node_count(model) && a.got.n == b.got.n);
        for (size_t k = 0; k < a.got.n; k++)
            assert_close(a.got.out[k].data, b.got.out[k].data, rnnp_tensor_elements(&a.got.out[k]), 1e-6f);
    }
}

/* ---- Threads and streams ---- */

enum { TIMES = 9, ROWS = 40, UNITS = 7, MOST_IN = 3 };

/* Inputs of a run of that many steps and rows; the caller frees their data. */
static size_t make_inputs(const rnnp_model *model, int64_t times, int64_t rows, rnnp_tensor *in)
{
    const size_t n = rnnp_model_input_count(model);

    assert_true(n <= MOST_IN);
    for (size_t i = 0; i < n; i++) {
        rnnp_port_info port = {.struct_size = sizeof port};
        OK(rnnp_model_input_info(model, i, &port));
        in[i] = (rnnp_tensor){port.dtype, 3, {port.shape[0] == 1 ? 1 : times, rows, port.shape[2]}, .data = NULL};
        in[i].data = numbers(rnnp_tensor_elements(&in[i]), (uint32_t)i + 20, 1.0f);
    }
    return n;
}

/* Long enough to be worth three threads, which share the rows. */
TEST(test_threads)
{
    static const char *const large[] = {
        "x: f32[t,b,4]; g: f32[t,b,64]; w = f32[1,192,4]~1*0.1; r = f32[1,192,64]~2*0.1; "
        "y, h = GRU@22(x, w, r, _, _, _, _, _, _, _, g, hidden_size=64); -> y, h",
        "x: f32[t,b,4]; g: f32[t,b,1]; w = f32[1,256,4]~1*0.1; r = f32[1,256,64]~2*0.1; d = f32[1,64,64]~5*0.1; "
        "y, h, c = LSTM@22(x, w, r, _, _, _, _, _, _, _, g, d, hidden_size=64); -> y, h, c",
    };

    for (size_t i = 0; i < 2; i++) {
        rnnp_context *three = make_context(NULL, 3);
        rnnp_model *model = make_graph(context, "%s", large[i]), *shared = make_graph(three, "%s", large[i]);
        rnnp_plan *alone = make_plan(model), *plan = make_plan(shared);
        rnnp_tensor in[MOST_IN];
        const size_t n = make_inputs(model, 8 * TIMES, 2 * ROWS - 1, in);
        produced a = run_plan(alone, in, n), b = run_plan(plan, in, n);

        assert_true(a.status == RNNP_OK && equal_outputs(&a, &b));
        free_outputs(&a);
        free_outputs(&b);
        for (size_t k = 0; k < n; k++) free(in[k].data);
        rnnp_plan_destroy(alone);
        rnnp_plan_destroy(plan);
        rnnp_model_destroy(model);
        rnnp_model_destroy(shared);
        rnnp_context_destroy(three);
    }
}

TEST(test_streams)
{
    for (size_t i = 0; i < STREAMED; i++) {
        if (i == 2) continue; /* its first state is an input */
        OWNED(model) model = make_graph(context, "%s", graphs[i]);
        OWNED(plan) plan = make_plan(model);
        rnnp_tensor in[MOST_IN], now[MOST_IN], out[3];
        const size_t n = make_inputs(model, TIMES, ROWS, in), outputs = rnnp_model_output_count(model);
        DROPPED(free_outputs) produced all = run_plan(plan, in, n);
        OWNED(stream) stream = make_stream(plan, ROWS, 1);

        for (size_t k = 0; k < outputs; k++) {
            OK(rnnp_stream_output(stream, k, &out[k]));
            out[k].data = numbers(rnnp_tensor_elements(&out[k]), 1, 1.0f);
        }
        for (size_t t = 0; t < TIMES; t++) {
            const size_t row = ROWS * UNITS;
            for (size_t k = 0; k < n; k++) {
                now[k] = in[k];
                now[k].shape[0] = 1;
                now[k].data = (float *)in[k].data + t * ROWS * (size_t)in[k].shape[2];
            }
            OK(rnnp_stream_step(stream, now, n, out, outputs));
            say(i, memcmp(out[0].data, (const float *)all.out[0].data + t * row, row * sizeof(float)) == 0);
        }
        for (size_t k = 1; k < outputs; k++)
            assert_memory_equal(out[k].data, all.out[k].data, rnnp_tensor_elements(&out[k]) * sizeof(float));
        for (size_t k = 0; k < outputs; k++) free(out[k].data);
        for (size_t k = 0; k < n; k++) free(in[k].data);
    }
}

/* ---- What is refused ---- */

TEST(test_errors)
{
    static const struct {
        const char *graph, *sentence;
    } wrong[] = {
        {"x: f32[t,b,4]; g: f32[t,b,3]; " WEIGHTS("21") "y = GRU@22(x, w, r, _, _, _, _, _, _, _, g); -> y",
         "decay has"},
        {"x: f32[t,b,4]; g: f32[t,b,7]; " WEIGHTS("21") SPLIT "y = GRU@22(x, w, r, _, _, _, _, _, _, _, g, d); -> y",
         "a split is of an LSTM"},
        {"x: f32[?,?,4]; " WEIGHTS("28") SPLIT "y = LSTM@22(x, w, r, _, _, _, _, _, _, _, _, d); -> y",
         "a split is of an LSTM with a decay"},
        {"x: f32[t,b,4]; g: f32[t,b,7]; w = f32[2,21,4]~1; r = f32[2,21,7]~2; "
         "y = GRU@22(x, w, r, _, _, _, _, _, _, _, g, direction=bidirectional); -> y",
         "a decay is of one direction"},
    };

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        rnnp_model *model = open_graph(context, "%s", wrong[i].graph);
        assert_int_not_equal(rnnp_model_close(model), RNNP_OK);
        assert_non_null(strstr(rnnp_last_error(context), wrong[i].sentence));
        rnnp_model_destroy(model);
    }
}
