/* SPDX-License-Identifier: Apache-2.0
 *
 * A node is planned once for a plan and once for each shape that is run: so often records are looked at, and what is
 * found then holds for packing, scratch and execution.
 */
#include "fixture.h"

enum { INPUT = 7, HIDDEN = 21, BATCH = 3, STEPS = 13, LAYERS = 3 };

/* ---- Counting: the linker puts this in the place of the search ---- */

static size_t searches;

typedef rnnp_status find_fn(const rnnp_records *records, const rnnp_record_host *host, const rnnp_record_key *key,
                            rnnp_record_usable_fn usable, void *user, rnnp_record_found *found);
find_fn __wrap_rnnp_records_find, __real_rnnp_records_find;

rnnp_status __wrap_rnnp_records_find(const rnnp_records *records, const rnnp_record_host *host,
                                     const rnnp_record_key *key, rnnp_record_usable_fn usable, void *user,
                                     rnnp_record_found *found)
{
    searches++;
    return __real_rnnp_records_find(records, host, key, usable, user, found);
}

static size_t searched(void)
{
    const size_t n = searches;

    searches = 0;
    return n;
}

/* x -> LSTM -> GRU -> dense: three that are tuned, and two that are not */
static rnnp_model *make_subject(rnnp_context *context)
{
    static const rnnp_cell cells[] = {RNNP_CELL_LSTM, RNNP_CELL_GRU};
    rnnp_model *model = make_model(context);
    rnnp_value y = input3(model, "x", RNNP_DYNAMIC, RNNP_DYNAMIC, INPUT);
    FREED float *w = numbers(HIDDEN * HIDDEN, 3, 1.0f);

    for (size_t i = 0; i < 2; i++) {
        DROPPED(free_layer)
        layer l = make_layer(cells[i], i ? HIDDEN : INPUT, HIDDEN, RNNP_DIRECTION_FORWARD, (uint32_t)(7 + i));

        OK(rnnp_model_add_recurrent(model, &l.options, l.weights, y, RNNP_NONE, RNNP_NONE, RNNP_NONE, &y, NULL, NULL));
    }
    OK(rnnp_model_add_dense(model, y, w, HIDDEN, HIDDEN, 0, w, "Relu", &y));
    close_with(model, "y", y);
    return model;
}

TEST(test_counts)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model) model = make_subject(context);
    FREED float *x = numbers(STEPS * BATCH * INPUT, 4, 1.0f), *y = numbers(STEPS * BATCH * HIDDEN, 5, 1.0f);
    rnnp_tensor in = tensor3(x, STEPS, BATCH, INPUT), out = {.data = y};
    OPTIONS(stream, stream_options);
    OPTIONS(plan, options);
    size_t bytes;

    options.batch = BATCH;
    options.steps = STEPS;
    searched();
    OK(rnnp_plan_bytes(model, &options, &bytes));
    assert_int_equal(searched(), LAYERS);
    NEW(plan, plan, model, &options);
    assert_int_equal(searched(), LAYERS);
    OK(rnnp_run_bytes(plan, &in, 1, &bytes));
    assert_int_equal(searched(), LAYERS);
    NEW(run, run, plan, &in, 1);
    assert_int_equal(searched(), LAYERS);
    OK(rnnp_run_execute(run, &in, 1, &out, 1));
    assert_int_equal(searched(), 0);
    rnnp_run_destroy(run);
    NEW(stream, stream, plan, &stream_options);
    assert_int_equal(searched(), 2 * LAYERS); /* of the stream's steps, and of one more, to see what depends on them */
    in = tensor3(x, 1, 1, INPUT);
    out = (rnnp_tensor){.data = y};
    OK(rnnp_stream_step(stream, &in, 1, &out, 1));
    assert_int_equal(searched(), 0);
    rnnp_stream_destroy(stream);
    rnnp_plan_destroy(plan);
    options.effort = RNNP_EFFORT_NONE;
    OK(rnnp_plan_create(model, &options, &plan));
    assert_int_equal(searched(), 0);
    rnnp_plan_destroy(plan);
}

/* ---- Weights that are inputs of the model: packed by each run, for the kernel that its scratch was measured for
 * ---- */

enum { WEIGHTS = 4 * HIDDEN * INPUT, RECURRENT = 4 * HIDDEN * HIDDEN, Y = STEPS * HIDDEN };

static void run_with(const rnnp_model *model, const rnnp_records *set, const rnnp_tensor in[3], float *y)
{
    rnnp_tensor out = {.data = y};
    OPTIONS(plan, options);

    options.records = set;
    OWNED_NEW(plan, plan, model, &options);
    OWNED_NEW(run, run, plan, in, 3);
    for (size_t i = 0; i < 2; i++) OK(rnnp_run_execute(run, in, 3, &out, 1));
}

TEST(test_weights_of_a_run)
{
    OWNED(context) context = make_context(NULL, 1);
    const rnnp_record_host host = host_of(context);
    const rnnp_recurrent bare = bare_layer(context, RNNP_CELL_LSTM, 0, RNNP_DIRECTION_FORWARD, INPUT, HIDDEN);
    OWNED(model) model = make_model(context);
    OWNED(records) set = make_set(context);
    FREED float *data = numbers(STEPS * INPUT + WEIGHTS + RECURRENT, 6, 0.3f);
    float want[Y], got[Y];
    const rnnp_tensor in[3] = {tensor3(data, STEPS, 1, INPUT), tensor3(data + STEPS * INPUT, 1, 4 * HIDDEN, INPUT),
                               tensor3(data + STEPS * INPUT + WEIGHTS, 1, 4 * HIDDEN, HIDDEN)};
    const rnnp_value values[3] = {input3(model, "x", RNNP_DYNAMIC, RNNP_DYNAMIC, INPUT),
                                  input3(model, "w", 1, 4 * HIDDEN, INPUT), input3(model, "r", 1, 4 * HIDDEN, HIDDEN)};
    rnnp_value y = 0;

    OK(rnnp_model_add_node(model, "LSTM", 14, "lstm", values, 3, NULL, 0, &y, 1));
    close_with(model, "y", y);
    run_with(model, set, in, want);
    for (size_t i = 0;; i++) { /* panels of other widths, whichever they are */
        const rnnp_variant *v = usable_variant(context, RNNP_OP_lstm_step, i);
        char words[RNNP_RECORD_CHOICE];

        if (!v) break;
        snprintf(words, sizeof words, "step=%s", v->name);
        put_for(set, &host, &bare, 1, STEPS, 1, words);
        memset(got, 0xff, sizeof got);
        run_with(model, set, in, got);
        assert_memory_equal(got, want, sizeof want);
    }
}
