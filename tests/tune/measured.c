/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnp_plan_create_measured.
 */
#include "tuning.h"

static rnnp_model *lstm_model(rnnp_context *context)
{
    DROPPED(free_layer) layer l = make_layer(RNNP_CELL_LSTM, INPUT, HIDDEN, RNNP_DIRECTION_FORWARD, 5);
    rnnp_model *model = make_model(context);
    rnnp_value y = input3(model, "x", RNNP_DYNAMIC, RNNP_DYNAMIC, INPUT);

    y = add_layer(model, &l, y);
    close_with(model, "y", y);
    return model;
}

TEST(test_measured)
{
    static const rnnp_shape expected =
        SHAPE(.cell = RNNP_CELL_LSTM, .input = INPUT, .hidden = HIDDEN, .batch = 2, .steps = 6);
    static const rnnp_shape one =
        SHAPE(.cell = RNNP_CELL_LSTM, .input = INPUT, .hidden = HIDDEN, .batch = 1, .steps = 1);
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model) model = lstm_model(context);
    OWNED(records) set = make_set(context);
    rnnp_tune_options tune = options_for(0.2 * FEWER * FEWER);
    OPTIONS(plan, options);
    rnnp_explanation e = {.struct_size = sizeof e};
    rnnp_plan *plan;

    options.batch = 2;
    options.steps = 6;
    options.effort = RNNP_EFFORT_NONE; /* to measure is more effort */
    for (plan = NULL; count_shapes(set) == 0; tune.seconds *= 2) {
        assert_true(tune.seconds < 100);
        rnnp_plan_destroy(plan);
        OK(rnnp_plan_create_measured(model, &options, &tune, set, &plan));
    }
    assert_int_equal(count_shapes(set), 1);
    assert_sane(context, set, &expected, 1);
    for (size_t i = 0; i < rnnp_model_node_count(model); i++) {
        rnnp_node_info info = {.struct_size = sizeof info};

        OK(rnnp_model_node_info(model, i, &info));
        if (strcmp(info.op, "LSTM") != 0) continue;
        OK(rnnp_plan_explain(plan, i, 2, 6, &e));
        assert_int_equal(e.match, RNNP_MATCH_EXACT);
        assert_string_equal(e.choice, record_of(context, set, &expected, 1)->choice);
    }
    rnnp_plan_destroy(plan);

    const rnnp_record before = *record_of(context, set, &expected, 1);
    OK(rnnp_plan_create_measured(model, &options, &tune, set, &plan)); /* known */
    rnnp_plan_destroy(plan);
    assert_memory_equal(record_of(context, set, &expected, 1), &before, sizeof before);
    for (tune.seconds = 2 * FEWER * FEWER; count_shapes(set) == 1; tune.seconds *= 2) { /* batch and steps 1 */
        assert_true(tune.seconds < 100);
        OK(rnnp_plan_create_measured(model, NULL, &tune, set, &plan));
        rnnp_plan_destroy(plan);
    }
    assert_int_equal(count_shapes(set), 2);
    assert_sane(context, set, &one, 1);
}

TEST(test_measured_errors)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model) model = lstm_model(context), *open = make_model(context);
    OWNED(records) set = make_set(context);
    rnnp_tune_options tune = options_for(0.01);
    rnnp_plan_options options;
    rnnp_plan *plan;

#define NO_PLAN(status, words, ...)                                                     \
    do {                                                                                \
        plan = (rnnp_plan *)(void *)context;                                            \
        REFUSED(context, rnnp_plan_create_measured(__VA_ARGS__, &plan), status, words); \
        assert_null(plan);                                                              \
    } while (0)
    rnnp_plan_options_init(&options);
    REFUSED(context, rnnp_plan_create_measured(model, &options, &tune, set, NULL), RNNP_ERR_ARG, "plan is NULL");
    assert_int_equal(rnnp_plan_create_measured(NULL, &options, &tune, set, NULL), RNNP_ERR_ARG);
    NO_PLAN(RNNP_ERR_ARG, "", NULL, &options, &tune, set);
    NO_PLAN(RNNP_ERR_ARG, "records is NULL", model, &options, &tune, NULL);
    NO_PLAN(RNNP_ERR_STATE, "not closed", open, &options, &tune, set);
    options.struct_size = 1;
    NO_PLAN(RNNP_ERR_ARG, "rnnp_plan_options: struct_size is 1", model, &options, &tune, set);
    rnnp_plan_options_init(&options);
    tune.struct_size = 1;
    NO_PLAN(RNNP_ERR_ARG, "rnnp_tune_options: struct_size is 1", model, &options, &tune, set);
    tune = options_for(-1);
    NO_PLAN(RNNP_ERR_ARG, "seconds", model, &options, &tune, set);
    tune = options_for(0.01);
    options.batch = (1 << 20) + 1;
    NO_PLAN(RNNP_ERR_ARG, "1048577", model, &options, &tune, set);
    rnnp_plan_options_init(&options);
    options.math = (rnnp_math)9;
    NO_PLAN(RNNP_ERR_ARG, "math", model, &options, &tune, set);
}
