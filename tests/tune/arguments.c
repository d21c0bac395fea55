/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnp_tune: options and shapes that are refused, before anything is measured.
 */
#include "tuning.h"

static void test_options(void **state)
{
    static const double bad[] = {-1, 1.1e6, NAN, INFINITY, -INFINITY};
    rnnp_context *context = capped_context(1, NULL);
    rnnp_records *set = make_set(context);
    rnnp_tune_options o;

    (void)state;
    memset(&o, 0x5a, sizeof o);
    rnnp_tune_options_init(&o);
    assert_int_equal(o.struct_size, sizeof o);
    assert_true(o.seconds == 0 && o.threads == 0 && o.now == 0 && o.again == 0 && !o.progress && !o.progress_user);

    assert_int_equal(rnnp_tune(NULL, small, 1, &o, set), RNNP_ERR_ARG);
    assert_int_equal(rnnp_tune(context, NULL, 1, &o, set), RNNP_ERR_ARG);
    assert_says(context, "shapes is NULL");
    assert_int_equal(rnnp_tune(context, small, 1, &o, NULL), RNNP_ERR_ARG);
    assert_says(context, "records is NULL");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        o.seconds = bad[i];
        assert_int_equal(rnnp_tune(context, small, 1, &o, set), RNNP_ERR_ARG);
        assert_says(context, "seconds is");
    }
    rnnp_tune_options_init(&o);
    o.struct_size = sizeof o.struct_size - 1;
    assert_int_equal(rnnp_tune(context, small, 1, &o, set), RNNP_ERR_ARG);
    assert_says(context, "struct_size is 7");
    OK(rnnp_tune(context, NULL, 0, NULL, set)); /* nothing to do */
    assert_int_equal(rnnp_records_count(set), 0);
    rnnp_records_destroy(set);
    rnnp_context_destroy(context);
}

static void *modest_alloc(void *user, size_t bytes, size_t align)
{
    return bytes > (size_t)1 << 30 ? NULL : test_heap_alloc(user, bytes, align);
}

/* Every size is allowed. All together are too much for any budget; weights that are too much for memory are an
 * error. */
static void test_huge(void **state)
{
    const rnnp_shape huge = {.struct_size = sizeof(rnnp_shape),
                             .cell = RNNP_CELL_LSTM,
                             .direction = RNNP_DIRECTION_BIDIRECTIONAL,
                             .input = 1 << 20,
                             .hidden = 1 << 20,
                             .batch = 1 << 20,
                             .steps = 1 << 20};
    const rnnp_shape large = {.struct_size = sizeof(rnnp_shape),
                              .cell = RNNP_CELL_RNN,
                              .input = 1 << 14,
                              .hidden = 1 << 14,
                              .batch = 1,
                              .steps = 1};
    const rnnp_tune_options o = options_for(60), long_one = options_for(1e6);
    test_heap heap = {0};
    rnnp_context_options options;
    rnnp_context *context;

    (void)state;
    rnnp_context_options_init(&options);
    options.allocator = (rnnp_allocator){&heap, modest_alloc, test_heap_free};
    OK(rnnp_context_create(&options, &context));
    rnnp_records *set = make_set(context);
    OK(rnnp_tune(context, &huge, 1, &o, set));
    assert_int_equal(rnnp_records_count(set), 0);
    assert_int_equal(rnnp_tune(context, &large, 1, &long_one, set), RNNP_ERR_MEMORY);
    assert_says(context, "cannot allocate");
    assert_int_equal(rnnp_records_count(set), 0);
    rnnp_records_destroy(set);
    rnnp_context_destroy(context);
    assert_int_equal(atomic_load(&heap.live_blocks), 0);
}

/* Every shape is looked at before anything is measured. */
static void test_shapes(void **state)
{
    rnnp_context *context = capped_context(1, NULL);
    rnnp_records *set = make_set(context);
    const rnnp_tune_options o = options_for(60);
    rnnp_shape two[2] = {small[0], small[0]};

    (void)state;
#define REFUSED(field, value, words)                                         \
    do {                                                                     \
        two[1] = small[0];                                                   \
        two[1].field = value;                                                \
        assert_int_equal(rnnp_tune(context, two, 2, &o, set), RNNP_ERR_ARG); \
        assert_says(context, "shape 1");                                     \
        assert_says(context, words);                                         \
    } while (0)
    REFUSED(cell, (rnnp_cell)0, "cell 0");
    REFUSED(cell, (rnnp_cell)4, "cell 4");
    REFUSED(direction, (rnnp_direction)3, "direction 3");
    REFUSED(reset, (rnnp_gru_reset)2, "reset 2");
    REFUSED(input, 0, "input 0");
    REFUSED(hidden, 0, "hidden 0");
    REFUSED(batch, 0, "batch 0");
    REFUSED(steps, 0, "steps 0");
    REFUSED(input, (1 << 20) + 1, "input 1048577");
    REFUSED(steps, SIZE_MAX, "steps 18446744073709551615");
    REFUSED(kind, (rnnp_shape_kind)3, "kind 3");
    REFUSED(n_layers, 1, "layers 1");
    REFUSED(weights, (rnnp_weights)99, "weights 99");
#undef REFUSED
    static const rnnp_shape bad[] = {
        {.struct_size = sizeof(rnnp_shape), .kind = RNNP_SHAPE_DENSE, .input = 3, .hidden = 4, .batch = 1, .steps = 2},
        {.struct_size = sizeof(rnnp_shape),
         .kind = RNNP_SHAPE_DENSE,
         .input = 3,
         .hidden = 4,
         .batch = 1,
         .steps = 1,
         .cell = RNNP_CELL_LSTM},
        {.struct_size = sizeof(rnnp_shape),
         .kind = RNNP_SHAPE_DENSE,
         .input = 3,
         .hidden = 4,
         .batch = 1,
         .steps = 1,
         .n_layers = 2},
        {.struct_size = sizeof(rnnp_shape),
         .kind = RNNP_SHAPE_STACK,
         .cell = RNNP_CELL_LSTM,
         .input = 3,
         .hidden = 4,
         .batch = 1,
         .steps = 2},
        {.struct_size = sizeof(rnnp_shape),
         .kind = RNNP_SHAPE_STACK,
         .cell = RNNP_CELL_LSTM,
         .input = 3,
         .hidden = 4,
         .batch = 1,
         .steps = 2,
         .n_layers = 1},
        {.struct_size = sizeof(rnnp_shape),
         .kind = RNNP_SHAPE_STACK,
         .cell = RNNP_CELL_LSTM,
         .input = 3,
         .hidden = 4,
         .batch = 1,
         .steps = 2,
         .n_layers = 9},
        {.struct_size = sizeof(rnnp_shape),
         .kind = RNNP_SHAPE_STACK,
         .cell = RNNP_CELL_LSTM,
         .input = 3,
         .hidden = 4,
         .batch = 1,
         .steps = 2,
         .n_layers = 2,
         .direction = RNNP_DIRECTION_BIDIRECTIONAL},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(rnnp_tune(context, &bad[i], 1, &o, set), RNNP_ERR_ARG);
        assert_says(context, "shape 0: kind");
    }
    assert_int_equal(rnnp_records_count(set), 0);
    rnnp_records_destroy(set);
    rnnp_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_huge),
        cmocka_unit_test(test_shapes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
