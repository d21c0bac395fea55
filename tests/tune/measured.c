/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnp_plan_create_measured.
 */
#include "tuning.h"

static rnnp_model *lstm_model(rnnp_context *context)
{
    layer l = make_layer(RNNP_CELL_LSTM, INPUT, HIDDEN, RNNP_DIRECTION_FORWARD, 5);
    rnnp_model *model = make_model(context);
    rnnp_value y = input3(model, "x", RNNP_DYNAMIC, RNNP_DYNAMIC, INPUT);

    OK(rnnp_model_add_recurrent(model, &l.options, l.weights, y, RNNP_NONE, RNNP_NONE, RNNP_NONE, &y, NULL, NULL));
    OK(rnnp_model_add_output(model, "y", y));
    OK(rnnp_model_close(model));
    free_layer(&l);
    return model;
}

static void test_measured(void **state)
{
    static const rnnp_shape expected = {.struct_size = sizeof(rnnp_shape),
                                        .cell = RNNP_CELL_LSTM,
                                        .input = INPUT,
                                        .hidden = HIDDEN,
                                        .batch = 2,
                                        .steps = 6};
    static const rnnp_shape one = {.struct_size = sizeof(rnnp_shape),
                                   .cell = RNNP_CELL_LSTM,
                                   .input = INPUT,
                                   .hidden = HIDDEN,
                                   .batch = 1,
                                   .steps = 1};
    rnnp_context *context = capped_context(1, NULL);
    rnnp_model *model = lstm_model(context);
    rnnp_records *set = make_set(context);
    rnnp_tune_options tune = options_for(0.2 * FEWER * FEWER);
    rnnp_plan_options options;
    rnnp_explanation e = {.struct_size = sizeof e};
    rnnp_plan *plan;

    (void)state;
    rnnp_plan_options_init(&options);
    options.batch = 2;
    options.steps = 6;
    options.effort = RNNP_EFFORT_NONE; /* to measure is more effort */
    for (plan = NULL; rnnp_records_count(set) == 0; tune.seconds *= 2) {
        assert_true(tune.seconds < 100);
        rnnp_plan_destroy(plan);
        OK(rnnp_plan_create_measured(model, &options, &tune, set, &plan));
    }
    assert_int_equal(rnnp_records_count(set), 1);
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
    for (tune.seconds = 2 * FEWER * FEWER; rnnp_records_count(set) == 1; tune.seconds *= 2) { /* batch and steps 1 */
        assert_true(tune.seconds < 100);
        OK(rnnp_plan_create_measured(model, NULL, &tune, set, &plan));
        rnnp_plan_destroy(plan);
    }
    assert_int_equal(rnnp_records_count(set), 2);
    assert_sane(context, set, &one, 1);
    rnnp_records_destroy(set);
    rnnp_model_destroy(model);
    rnnp_context_destroy(context);
}

static void test_measured_errors(void **state)
{
    rnnp_context *context = capped_context(1, NULL);
    rnnp_model *model = lstm_model(context), *open = make_model(context);
    rnnp_records *set = make_set(context);
    rnnp_tune_options tune = options_for(0.01);
    rnnp_plan_options options;
    rnnp_plan *plan;

    (void)state;
#define REFUSED(status, ...)                                                     \
    do {                                                                         \
        plan = (rnnp_plan *)(void *)context;                                     \
        assert_int_equal(rnnp_plan_create_measured(__VA_ARGS__, &plan), status); \
        assert_null(plan);                                                       \
    } while (0)
    rnnp_plan_options_init(&options);
    assert_int_equal(rnnp_plan_create_measured(model, &options, &tune, set, NULL), RNNP_ERR_ARG);
    assert_says(context, "plan is NULL");
    assert_int_equal(rnnp_plan_create_measured(NULL, &options, &tune, set, NULL), RNNP_ERR_ARG);
    REFUSED(RNNP_ERR_ARG, NULL, &options, &tune, set);
    REFUSED(RNNP_ERR_ARG, model, &options, &tune, NULL);
    assert_says(context, "records is NULL");
    REFUSED(RNNP_ERR_STATE, open, &options, &tune, set);
    assert_says(context, "not closed");
    options.struct_size = 1;
    REFUSED(RNNP_ERR_ARG, model, &options, &tune, set);
    assert_says(context, "rnnp_plan_options: struct_size is 1");
    rnnp_plan_options_init(&options);
    tune.struct_size = 1;
    REFUSED(RNNP_ERR_ARG, model, &options, &tune, set);
    assert_says(context, "rnnp_tune_options: struct_size is 1");
    tune = options_for(-1);
    REFUSED(RNNP_ERR_ARG, model, &options, &tune, set);
    assert_says(context, "seconds");
    tune = options_for(0.01);
    options.batch = (1 << 20) + 1;
    REFUSED(RNNP_ERR_ARG, model, &options, &tune, set);
    assert_says(context, "1048577");
    rnnp_plan_options_init(&options);
    options.math = (rnnp_math)9;
    REFUSED(RNNP_ERR_ARG, model, &options, &tune, set);
    assert_says(context, "math");
#undef REFUSED
    rnnp_records_destroy(set);
    rnnp_model_destroy(open);
    rnnp_model_destroy(model);
    rnnp_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_measured),
        cmocka_unit_test(test_measured_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
