/* SPDX-License-Identifier: Apache-2.0
 *
 * Every allocation fails once while a shape is tuned, and while a plan with records is made: nothing is lost
 * and nothing leaks.
 */
#include "fixture.h"

enum { INPUT = 5, HIDDEN = 12, MOST = 400 };

static const rnnp_shape shape = SHAPE(.cell = RNNP_CELL_GRU, .reset = RNNP_GRU_RESET_BEFORE, .input = INPUT,
                                      .hidden = HIDDEN, .batch = 1, .steps = 4);

/* A record of another shape that must survive. */
static rnnp_records *set_with_one(const rnnp_context *context)
{
    const rnnp_record_host host = host_of(context);
    const rnnp_recurrent l = bare_layer(context, RNNP_CELL_RNN, 0, RNNP_DIRECTION_FORWARD, 100, 100);
    rnnp_records *set = make_set(context);

    put_for(set, &host, &l, 1, 1, 1, "chunk=2");
    return set;
}

/* The search ends when the default and some candidates have been run. */
static int stop_soon(void *user, const rnnp_tune_progress *progress)
{
    (void)progress;
    return ++*(size_t *)user >= 3;
}

/* A candidate for which memory does not suffice is left out; anything else that fails is told. */
TEST(test_tune)
{
    size_t failures = 0, n = 1;

    for (int reached = 1; reached; n += FEWER) {
        WATCHED heap = {0};
        OWNED(context) context = make_context(&heap, 1);
        OWNED(records) set = set_with_one(context);
        const size_t before = atomic_load(&heap.calls), blocks = atomic_load(&heap.live_blocks);
        size_t calls = 0;
        OPTIONS(tune, o);

        assert_true(n < MOST);
        o.seconds = 60; /* the search is stopped, also on a busy machine, before its time is */
        o.progress = stop_soon;
        o.progress_user = &calls;
        heap.fail_at = before + n;
        const rnnp_status status = rnnp_tune(context, &shape, 1, &o, set);
        reached = atomic_load(&heap.calls) >= heap.fail_at;
        if (status != RNNP_OK) {
            assert_true(reached);
            assert_int_equal(status, RNNP_ERR_MEMORY);
            assert_says(context, "cannot allocate");
            assert_int_equal(count_shapes(set), 1);
            failures++;
        }
        if (count_shapes(set) == 1) assert_int_equal(atomic_load(&heap.live_blocks), blocks);
    }
    assert_true(failures >= 8 / FEWER);    /* the machine's memory, the search, the stand, the default's weights */
    assert_true(n > FEWER * failures + 2); /* and candidates */
}

static rnnp_model *gru_model(rnnp_context *context)
{
    DROPPED(free_layer) layer l = make_layer(RNNP_CELL_GRU, INPUT, HIDDEN, RNNP_DIRECTION_FORWARD, 5);
    rnnp_model *model = make_model(context);
    rnnp_value y = input3(model, "x", RNNP_DYNAMIC, RNNP_DYNAMIC, INPUT);

    l.options.reset = shape.reset;
    y = add_layer(model, &l, y);
    close_with(model, "y", y);
    return model;
}

/* Making a plan with a record, and a run of it; then making a plan that measures, for which the shape is known. */
TEST(test_plan)
{
    float x[4 * INPUT] = {0}, y[4 * HIDDEN];
    const rnnp_tensor in = tensor3(x, 4, 1, INPUT);
    WATCHED heap = {0};
    OWNED(context) context = make_context(&heap, 1);
    const rnnp_record_host host = host_of(context);
    const rnnp_recurrent l = bare_layer(context, RNNP_CELL_GRU, 0, RNNP_DIRECTION_FORWARD, INPUT, HIDDEN);
    OWNED(records) set = make_set(context);
    OWNED(model) model = gru_model(context);
    const size_t blocks = atomic_load(&heap.live_blocks) + 1; /* and the set's room for a record */
    rnnp_tensor out = {.data = y};
    OPTIONS(plan, options);
    rnnp_plan *plan;
    rnnp_run *run;

    fill(x, 4 * INPUT, 1, 1.0f);
    put_for(set, &host, &l, 1, 4, 1,
            "chunk=1 second=gru_update_step_f32_split_generic step=gru_reset_step_f32_panel_generic");
    const size_t live = atomic_load(&heap.live_blocks);
    assert_true(live >= blocks);
    options.records = set;
    options.batch = 1;
    options.steps = 4;
    for (int measured = 0; measured < 2; measured++) {
        size_t failures = 0;

        UNTIL_OK(heap, measured ? rnnp_plan_create_measured(model, &options, NULL, set, &plan)
                                : rnnp_plan_create(model, &options, &plan)) {
            assert_null(plan);
            assert_int_equal(atomic_load(&heap.live_blocks), live);
            failures++;
        }
        assert_true(failures >= (measured ? 3 : 1));
        OK(rnnp_run_create(plan, &in, 1, &run));
        OK(rnnp_run_execute(run, &in, 1, &out, 1));
        rnnp_run_destroy(run);
        rnnp_plan_destroy(plan);
        assert_int_equal(atomic_load(&heap.live_blocks), live);
    }
}
