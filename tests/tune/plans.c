/* SPDX-License-Identifier: Apache-2.0
 *
 * Records seen from a model: the shapes of its layers, what a plan makes of a record and why, and plan options.
 */
#include "fixture.h"

enum { INPUT = 7, HIDDEN = 21 };

static rnnp_value add_cell(rnnp_model *model, rnnp_value x, rnnp_cell cell, rnnp_direction direction, size_t input)
{
    DROPPED(free_layer) layer l = make_layer(cell, input, HIDDEN, direction, 5);

    return add_layer(model, &l, x);
}

/* x -> LSTM -> LSTM -> LSTM (the last two alike) -> bidirectional GRU -> Softmax */
static subject make_subject(void)
{
    const subject s = begin_subject(1, NULL);
    rnnp_value y = input3(s.model, "x", RNNP_DYNAMIC, RNNP_DYNAMIC, INPUT);

    for (size_t i = 0; i < 3; i++) y = add_cell(s.model, y, RNNP_CELL_LSTM, RNNP_DIRECTION_FORWARD, i ? HIDDEN : INPUT);
    y = add_cell(s.model, y, RNNP_CELL_GRU, RNNP_DIRECTION_BIDIRECTIONAL, HIDDEN);
    OK(rnnp_model_add_softmax(s.model, y, -1, &y));
    close_with(s.model, "y", y);
    return s;
}

/* The first of its layers. */
static rnnp_recurrent lstm_of(const subject *s)
{
    return bare_layer(s->context, RNNP_CELL_LSTM, 0, RNNP_DIRECTION_FORWARD, INPUT, HIDDEN);
}

static rnnp_explanation explain(const rnnp_plan *plan, size_t index, size_t batch, size_t steps)
{
    rnnp_explanation e = {.struct_size = sizeof e};

    memset(&e, 0x5a, sizeof e);
    e.struct_size = sizeof e;
    OK(rnnp_plan_explain(plan, index, batch, steps, &e));
    return e;
}

/* ---- Shapes of a model ---- */

TEST(test_shapes)
{
    static const size_t batches[] = {1, 16}, steps[] = {50, 1, 7};
    DROPPED(destroy_subject) subject s = make_subject();
    rnnp_shape shapes[32] = {{.struct_size = sizeof *shapes}};
    size_t count = 99;

    OK(rnnp_model_shapes(s.model, batches, 2, steps, 3, NULL, 0, &count));
    assert_int_equal(count, 3 * 6); /* of the two equal layers one */
    memset(shapes, 0x5a, sizeof shapes);
    shapes[0].struct_size = sizeof *shapes;
    OK(rnnp_model_shapes(s.model, batches, 2, steps, 3, shapes, 32, &count));
    assert_int_equal(count, 18);
    for (size_t i = 0; i < count; i++) {
        const rnnp_shape *a = &shapes[i];
        const size_t which = i / 6;

        assert_int_equal(a->cell, which == 2 ? RNNP_CELL_GRU : RNNP_CELL_LSTM);
        assert_int_equal(a->direction, which == 2 ? RNNP_DIRECTION_BIDIRECTIONAL : RNNP_DIRECTION_FORWARD);
        assert_int_equal(a->input, which == 0 ? INPUT : HIDDEN);
        assert_int_equal(a->hidden, HIDDEN);
        if (which == 2) assert_int_equal(a->reset, RNNP_GRU_RESET_AFTER);
        for (size_t k = 0; k < i; k++)
            assert_false(which == k / 6 && a->batch == shapes[k].batch && a->steps == shapes[k].steps);
        assert_true(a->batch == 1 || a->batch == 16);
        assert_true(a->steps == 50 || a->steps == 1 || a->steps == 7);
    }
    memset(shapes, 0x5a, sizeof shapes);
    shapes[0].struct_size = sizeof *shapes;
    OK(rnnp_model_shapes(s.model, batches, 2, steps, 3, shapes, 4, &count)); /* no more than asked for is written */
    assert_int_equal(count, 18);
    assert_int_equal(shapes[3].hidden, HIDDEN);
    assert_int_equal(shapes[4].hidden, (size_t)0x5a5a5a5a5a5a5a5a);
    OK(rnnp_model_shapes(s.model, NULL, 0, steps, 3, shapes, 32, &count));
    assert_int_equal(count, 0);
    OK(rnnp_model_shapes(s.model, batches, 2, NULL, 0, shapes, 32, &count));
    assert_int_equal(count, 0);
}

TEST(test_shapes_errors)
{
    static const size_t one[] = {1}, none[] = {1, 0}, most[] = {1 << 20}, beyond[] = {(1 << 20) + 1};
    DROPPED(destroy_subject) subject s = make_subject();
    OWNED(model) open = make_model(s.context);
    rnnp_shape shape = {.struct_size = sizeof shape};
    size_t count = 99;

    assert_int_equal(rnnp_model_shapes(NULL, one, 1, one, 1, NULL, 0, &count), RNNP_ERR_ARG);
    REFUSED(s.context, rnnp_model_shapes(s.model, one, 1, one, 1, NULL, 0, NULL), RNNP_ERR_ARG, "count is NULL");
    REFUSED(s.context, rnnp_model_shapes(s.model, one, 1, one, 1, NULL, 1, &count), RNNP_ERR_ARG, "shapes is NULL");
    REFUSED(s.context, rnnp_model_shapes(s.model, NULL, 1, one, 1, &shape, 1, &count), RNNP_ERR_ARG, "batches is NULL");
    REFUSED(s.context, rnnp_model_shapes(s.model, one, 1, NULL, 1, &shape, 1, &count), RNNP_ERR_ARG, "steps is NULL");
    REFUSED(s.context, rnnp_model_shapes(s.model, none, 2, one, 1, &shape, 1, &count), RNNP_ERR_ARG, "batches[1] is 0");
    REFUSED(s.context, rnnp_model_shapes(s.model, one, 1, beyond, 1, &shape, 1, &count), RNNP_ERR_ARG,
            "steps[0] is 1048577");
    assert_int_equal(count, 99);
    REFUSED(s.context, rnnp_model_shapes(open, one, 1, one, 1, NULL, 0, &count), RNNP_ERR_STATE, "not closed");
    OK(rnnp_model_shapes(s.model, most, 1, most, 1, NULL, 0, &count));
    assert_int_equal(count, 3);
}

/* ---- What a plan makes of records ---- */

TEST(test_explain)
{
    DROPPED(destroy_subject) subject s = make_subject();
    const rnnp_recurrent lstm = lstm_of(&s);
    OWNED(records) set = make_set(s.context);
    const size_t first = find_node(s.model, "LSTM", 0), second = find_node(s.model, "LSTM", 1);
    const rnnp_variant *const usual = s.context->selection.op[RNNP_OP_lstm_step];
    const char *const isa = rnnp_isa_names[usual->isa];
    char words[RNNP_RECORD_CHOICE], panel[RNNP_RECORD_WORD];

    snprintf(panel, sizeof panel, "lstm_step_f32_panel_%s", isa);
    snprintf(words, sizeof words, "chunk=32 step=%s", panel);

    rnnp_plan *plan = plan_with(&s, set, 2, 10); /* none */
    rnnp_explanation e = explain(plan, first, 2, 10);
    assert_int_equal(e.match, RNNP_MATCH_NONE);
    assert_string_equal(e.choice, "");
    assert_null(e.source);
    assert_string_equal(e.variant, e.usual);
    assert_non_null(strstr(e.reason, "there are no records"));
    assert_true(e.ns == 0 && e.default_ns == 0 && e.batch == 0 && e.steps == 0);
    rnnp_plan_destroy(plan);

    put_for(set, &s.host, &lstm, 2, 10, 1, words);
    plan = plan_with(&s, set, 2, 10);
    e = explain(plan, first, 2, 10); /* exact */
    assert_int_equal(e.match, RNNP_MATCH_EXACT);
    assert_string_equal(e.choice, words);
    assert_string_equal(e.source, "records");
    assert_string_equal(e.variant, panel);
    assert_string_equal(e.variant, rnnp_plan_node_variant(plan, first));
    assert_string_equal(e.reason, "");
    assert_true(e.ns == 900 && e.default_ns == 1000 && e.batch == 2 && e.steps == 10);
    e = explain(plan, first, 3, 19); /* nearest */
    assert_int_equal(e.match, RNNP_MATCH_NEAREST);
    assert_string_equal(e.choice, words);
    assert_non_null(strstr(e.reason, "nearest"));
    assert_true(e.batch == 2 && e.steps == 10);
    e = explain(plan, first, 5, 10); /* too far; the packing's kernel stays */
    assert_int_equal(e.match, RNNP_MATCH_NONE);
    assert_string_equal(e.variant, panel);
    assert_string_equal(e.choice, "");
    assert_non_null(strstr(e.reason, "within a factor of two"));
    e = explain(plan, second, 2, 10); /* input 21 is too far from 7 */
    assert_int_equal(e.match, RNNP_MATCH_NONE);
    assert_string_equal(e.variant, e.usual);
    rnnp_plan_destroy(plan);

    put_for(set, &s.host, &lstm, 2, 10, 1, "chunk=32 later=x"); /* refused */
    plan = plan_with(&s, set, 2, 10);
    e = explain(plan, first, 2, 10);
    assert_int_equal(e.match, RNNP_MATCH_NONE);
    assert_string_equal(e.choice, "");
    assert_string_equal(e.variant, e.usual);
    assert_non_null(strstr(e.reason, "later=x"));
    put_for(set, &s.host, &lstm, 2, 11, 1, "chunk=16"); /* refused, and one near */
    e = explain(plan, first, 2, 10);
    assert_int_equal(e.match, RNNP_MATCH_NEAREST);
    assert_string_equal(e.choice, "chunk=16");
    assert_non_null(strstr(e.reason, "nearest"));
    assert_non_null(strstr(e.reason, "later=x"));
    rnnp_plan_destroy(plan);
}

/* A run of another shape than the plan's takes no kernel that reads other panels. A GRU's panels differ between the
 * instruction sets on every CPU. */
TEST(test_packing_decides)
{
    DROPPED(destroy_subject) subject s = make_subject();
    OWNED(records) set = make_set(s.context);
    const size_t gru = find_node(s.model, "GRU", 0);
    const rnnp_recurrent bare = bare_layer(s.context, RNNP_CELL_GRU, 1, RNNP_DIRECTION_BIDIRECTIONAL, HIDDEN, HIDDEN);
    const int capped = s.context->selection.isa == RNNP_ISA_generic;

    if (!capped) {
        put_for(set, &s.host, &bare, 2, 10, 1, "step=gru_step_f32_split_generic");
        rnnp_plan *plan = plan_with(&s, set, 0, 0);
        rnnp_explanation e = explain(plan, gru, 2, 10);

        assert_int_equal(e.match, RNNP_MATCH_NONE);
        assert_string_equal(e.variant, e.usual);
        assert_non_null(strstr(e.reason, "gru_step_f32_split_generic"));
        rnnp_plan_destroy(plan);
        plan = plan_with(&s, set, 2, 10);
        assert_string_equal(rnnp_plan_node_variant(plan, gru), "gru_step_f32_split_generic");
        assert_int_equal(explain(plan, gru, 2, 10).match, RNNP_MATCH_EXACT);
        e = explain(plan, gru, 64, 10);
        assert_string_equal(e.variant, "gru_step_f32_split_generic");
        assert_string_not_equal(e.usual, e.variant);
        rnnp_plan_destroy(plan);
    }
}

TEST(test_explain_errors)
{
    DROPPED(destroy_subject) subject s = make_subject();
    OWNED(plan) plan = make_plan(s.model);
    const size_t nodes = rnnp_model_node_count(s.model), lstm = find_node(s.model, "LSTM", 0);
    const size_t softmax = find_node(s.model, "Softmax", 0);
    rnnp_explanation e = {.struct_size = sizeof e};

    assert_int_equal(rnnp_plan_explain(NULL, lstm, 1, 1, &e), RNNP_ERR_ARG);
    REFUSED(s.context, rnnp_plan_explain(plan, lstm, 1, 1, NULL), RNNP_ERR_ARG, "explanation is NULL");
    REFUSED(s.context, rnnp_plan_explain(plan, nodes, 1, 1, &e), RNNP_ERR_ARG, "of");
    assert_int_equal(rnnp_plan_explain(plan, SIZE_MAX, 1, 1, &e), RNNP_ERR_ARG);
    REFUSED(s.context, rnnp_plan_explain(plan, softmax, 1, 1, &e), RNNP_ERR_ARG, "neither a recurrent layer");
    assert_says(s.context, "Softmax");
    OK(rnnp_plan_explain(plan, lstm, 1, 1, &e));
}

TEST(test_effort)
{
    DROPPED(destroy_subject) subject s = make_subject();
    const rnnp_recurrent lstm = lstm_of(&s);
    OWNED(records) set = make_set(s.context);
    const size_t first = find_node(s.model, "LSTM", 0);
    OPTIONS(plan, options);
    rnnp_plan *plan;
    size_t bytes;

    put_for(set, &s.host, &lstm, 2, 10, 1, "chunk=32 step=lstm_step_f32_split_generic");
    plan = plan_with(&s, NULL, 2, 10);
    rnnp_explanation e = explain(plan, first, 2, 10);
    assert_int_equal(e.match, RNNP_MATCH_NONE);
    assert_string_equal(e.choice, "");
    assert_string_equal(e.variant, e.usual);
    assert_string_not_equal(e.reason, "");
    rnnp_plan_destroy(plan);

    options.effort = (rnnp_effort)7;
    assert_int_equal(rnnp_plan_create(s.model, &options, &plan), RNNP_ERR_ARG);
    assert_null(plan);
    assert_says(s.context, "unknown effort 7");
    assert_int_equal(rnnp_plan_bytes(s.model, &options, &bytes), RNNP_ERR_ARG);
}

/* Plans whose records ask for other panels than usual say their bytes exactly too. */
TEST(test_bytes)
{
    WATCHED heap = {0};
    OWNED(context) context = make_context(&heap, 1);
    const rnnp_record_host host = host_of(context);
    OWNED(records) set = make_set(context);
    OWNED(model) model = make_model(context);
    const rnnp_recurrent lstm = bare_layer(context, RNNP_CELL_LSTM, 0, RNNP_DIRECTION_FORWARD, INPUT, HIDDEN);
    const rnnp_variant *v;
    OPTIONS(plan, options);
    rnnp_plan *plan;
    size_t bytes;

    OK(rnnp_model_add_output(model, "y",
                             add_cell(model, input3(model, "x", RNNP_DYNAMIC, RNNP_DYNAMIC, INPUT), RNNP_CELL_LSTM,
                                      RNNP_DIRECTION_FORWARD, INPUT)));
    OK(rnnp_model_close(model));
    options.records = set;
    options.batch = options.steps = 1;
    for (size_t i = 0; (v = usable_variant(context, RNNP_OP_lstm_step, i)) != NULL; i++) {
        char words[RNNP_RECORD_CHOICE];

        snprintf(words, sizeof words, "step=%s", v->name);
        put_for(set, &host, &lstm, 1, 1, 1, words);
        OK(rnnp_plan_bytes(model, &options, &bytes));
        const size_t before = atomic_load(&heap.live_bytes);
        OK(rnnp_plan_create(model, &options, &plan));
        assert_int_equal(atomic_load(&heap.live_bytes) - before, bytes);
        assert_string_equal(rnnp_plan_node_variant(plan, find_node(model, "LSTM", 0)), v->name);
        rnnp_plan_destroy(plan);
    }
}
