/* SPDX-License-Identifier: Apache-2.0
 *
 * Dense layers and stacks, seen from a model: how they are listed, and what a plan makes of their records.
 */
#include "fixture.h"

enum { INPUT = DENSE_INPUT, HIDDEN = DENSE_HIDDEN, UNITS = DENSE_UNITS, LAYERS = DENSE_LAYERS };

/* ---- Shapes ---- */

static size_t count_kind(const rnnp_shape *shapes, size_t n, rnnp_shape_kind kind, size_t batch, size_t steps)
{
    size_t found = 0;

    for (size_t i = 0; i < n; i++)
        found += shapes[i].kind == kind && shapes[i].batch == batch && shapes[i].steps == steps;
    return found;
}

TEST(test_shapes)
{
    static const size_t batches[] = {1, 4}, steps[] = {1, 50};
    rnnp_shape shapes[64] = {{.struct_size = sizeof *shapes}};
    size_t count;

    for (size_t threads = 1; threads <= 2; threads++) {
        DROPPED(destroy_subject) subject s = dense_subject(threads, NULL, 0);
        const size_t stacks = threads > 1 ? 2 : 0;

        OK(rnnp_model_shapes(s.model, batches, 2, steps, 2, shapes, 64, &count));
        /* two layers (those above the lowest are alike) at four calls; rows 1, 4, 50, 200, of which the two products,
         * which are alike, share those of one step */
        assert_int_equal(count, 2 * 4 + 4 + stacks);
        for (size_t b = 0; b < 2; b++) {
            assert_int_equal(count_kind(shapes, count, RNNP_SHAPE_DENSE, batches[b], 1), 1);
            assert_int_equal(count_kind(shapes, count, RNNP_SHAPE_DENSE, 50 * batches[b], 1), 1);
            assert_int_equal(count_kind(shapes, count, RNNP_SHAPE_STACK, batches[b], 50), threads > 1);
            assert_int_equal(count_kind(shapes, count, RNNP_SHAPE_STACK, batches[b], 1), 0);
        }
        for (size_t i = 0; i < count; i++) {
            if (shapes[i].kind == RNNP_SHAPE_DENSE)
                assert_true(shapes[i].input == HIDDEN && shapes[i].hidden == UNITS && shapes[i].n_layers == 0);
            if (shapes[i].kind == RNNP_SHAPE_STACK)
                assert_true(shapes[i].input == INPUT && shapes[i].hidden == HIDDEN && shapes[i].n_layers == LAYERS);
        }
    }
}

/* Dimensions that the model fixes are what they are; layers that are not alike, and one alone, are no stack. */
TEST(test_fixed)
{
    static const size_t batches[] = {1, 16}, steps[] = {50, 7};
    OWNED(context) context = make_context(NULL, 2);
    OWNED(model) model = make_model(context);
    rnnp_value y = input3(model, "x", 9, RNNP_DYNAMIC, INPUT);
    rnnp_shape shapes[16] = {{.struct_size = sizeof *shapes}};
    size_t count;

    for (size_t i = 0; i < 2; i++) {
        DROPPED(free_layer)
        layer l = make_layer(RNNP_CELL_LSTM, i ? HIDDEN : INPUT, HIDDEN + i, RNNP_DIRECTION_FORWARD, (uint32_t)i);

        y = add_layer(model, &l, y);
    }
    close_with(model, "y", y);
    OK(rnnp_model_shapes(model, batches, 2, steps, 2, shapes, 16, &count));
    assert_int_equal(count, 2 * 2);
    for (size_t i = 0; i < count; i++) assert_true(shapes[i].kind == RNNP_SHAPE_LAYER && shapes[i].steps == 9);
}

/* ---- Plans ---- */

TEST(test_explain)
{
    DROPPED(destroy_subject) subject s = dense_subject(2, NULL, 0);
    OWNED(records) set = make_set(s.context);
    const rnnp_shape stack = stack_shape(RNNP_CELL_LSTM, 0, LAYERS, 2, 10), all = dense_shape(20);
    const size_t lstm = find_node(s.model, "LSTM", 0), matmul = find_node(s.model, "MatMul", 0);
    const size_t last = find_node(s.model, "Gemm", 0);
    const rnnp_variant *v = NULL;
    char words[RNNP_RECORD_CHOICE];

    for (size_t i = 0; usable_variant(s.context, RNNP_OP_gemm, i); i++) v = usable_variant(s.context, RNNP_OP_gemm, i);
    snprintf(words, sizeof words, "product=%s threads=1", v->name);
    put_shape(set, &s.host, &stack, 2, "schedule=wavefront task=3");
    put_shape(set, &s.host, &all, 2, words);
    rnnp_plan *plan = plan_with(&s, set, 2, 10);
    rnnp_explanation e = {.struct_size = sizeof e};

    OK(rnnp_plan_explain(plan, matmul, 2, 10, &e));
    assert_int_equal(e.match, RNNP_MATCH_EXACT);
    assert_string_equal(e.choice, words);
    assert_string_equal(e.variant, v->name);
    assert_string_equal(rnnp_plan_node_variant(plan, matmul), v->name);
    assert_true(e.batch == 20 && e.steps == 1 && e.stack_layers == 0);
    OK(rnnp_plan_explain(plan, matmul, 2, 11, &e));
    assert_int_equal(e.match, RNNP_MATCH_NEAREST);
    OK(rnnp_plan_explain(plan, last, 2, 10, &e)); /* as many rows as the batch */
    assert_int_equal(e.match, RNNP_MATCH_NONE);
    OK(rnnp_plan_explain(plan, last, 20, 10, &e));
    const rnnp_variant *usual = rnnp_product_kernel(&s.context->selection, RNNP_FORMAT_f32, all.hidden, all.input);
    assert_int_equal(e.match,
                     v->traits.panels.lanes == usual->traits.panels.lanes ? RNNP_MATCH_EXACT : RNNP_MATCH_NONE);
    OK(rnnp_plan_explain(plan, lstm, 2, 10, &e));
    assert_int_equal(e.match, RNNP_MATCH_NONE);
    assert_int_equal(e.stack_layers, LAYERS);
    assert_int_equal(e.stack_match, RNNP_MATCH_EXACT);
    assert_string_equal(e.stack_choice, "schedule=wavefront task=3");
    assert_string_equal(e.stack_reason, "");
    OK(rnnp_plan_explain(plan, lstm, 2, 100, &e));
    assert_int_equal(e.stack_match, RNNP_MATCH_NONE);
    assert_string_equal(e.stack_choice, "");
    assert_string_not_equal(e.stack_reason, "");
    OK(rnnp_plan_explain(plan, find_node(s.model, "LSTM", 1), 2, 10, &e)); /* not the lowest */
    assert_int_equal(e.stack_layers, 0);
    rnnp_plan_destroy(plan);

    plan = plan_with(&s, NULL, 2, 10);
    OK(rnnp_plan_explain(plan, matmul, 2, 10, &e));
    assert_int_equal(e.match, RNNP_MATCH_NONE);
    assert_string_equal(e.variant, e.usual);
    assert_string_not_equal(e.reason, "");
    rnnp_plan_destroy(plan);
}
