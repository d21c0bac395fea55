/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnp_tune: options and shapes that are refused, before anything is measured.
 */
#include "tuning.h"

TEST(test_options)
{
    static const double bad[] = {-1, 1.1e6, NAN, INFINITY, -INFINITY};
    OWNED(context) context = make_context(NULL, 1);
    OWNED(records) set = make_set(context);
    rnnp_tune_options o;

    memset(&o, 0x5a, sizeof o);
    rnnp_tune_options_init(&o);
    assert_int_equal(o.struct_size, sizeof o);
    assert_true(o.seconds == 0 && o.threads == 0 && o.now == 0 && o.again == 0 && !o.progress && !o.progress_user);

    assert_int_equal(rnnp_tune(NULL, small, 1, &o, set), RNNP_ERR_ARG);
    REFUSED(context, rnnp_tune(context, NULL, 1, &o, set), RNNP_ERR_ARG, "shapes is NULL");
    REFUSED(context, rnnp_tune(context, small, 1, &o, NULL), RNNP_ERR_ARG, "records is NULL");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        o.seconds = bad[i];
        REFUSED(context, rnnp_tune(context, small, 1, &o, set), RNNP_ERR_ARG, "seconds is");
    }
    rnnp_tune_options_init(&o);
    o.struct_size = sizeof o.struct_size - 1;
    REFUSED(context, rnnp_tune(context, small, 1, &o, set), RNNP_ERR_ARG, "struct_size is 7");
    OK(rnnp_tune(context, NULL, 0, NULL, set)); /* nothing to do */
    assert_int_equal(count_shapes(set), 0);
}

static void *modest_alloc(void *user, size_t bytes, size_t align)
{
    return bytes > (size_t)1 << 30 ? NULL : test_heap_alloc(user, bytes, align);
}

/* Every size is allowed. All together are too much for any budget; weights that are too much for memory are an
 * error. */
TEST(test_huge)
{
    const rnnp_shape huge = SHAPE(.cell = RNNP_CELL_LSTM, .direction = RNNP_DIRECTION_BIDIRECTIONAL, .input = 1 << 20,
                                  .hidden = 1 << 20, .batch = 1 << 20, .steps = 1 << 20);
    const rnnp_shape large = SHAPE(.cell = RNNP_CELL_RNN, .input = 1 << 14, .hidden = 1 << 14, .batch = 1, .steps = 1);
    const rnnp_tune_options o = options_for(60), long_one = options_for(1e6);
    WATCHED heap = {0};
    OPTIONS(context, options);

    options.allocator = (rnnp_allocator){&heap, modest_alloc, test_heap_free};
    OWNED_NEW(context, context, &options);
    OWNED(records) set = make_set(context);
    OK(rnnp_tune(context, &huge, 1, &o, set));
    assert_int_equal(count_shapes(set), 0);
    REFUSED(context, rnnp_tune(context, &large, 1, &long_one, set), RNNP_ERR_MEMORY, "cannot allocate");
    assert_int_equal(count_shapes(set), 0);
}

/* Every shape is looked at before anything is measured. */
TEST(test_shapes)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(records) set = make_set(context);
    const rnnp_tune_options o = options_for(60);
    rnnp_shape two[2] = {small[0], small[0]};

#define NOT_TUNED(field, value, words)                                       \
    do {                                                                     \
        two[1] = small[0];                                                   \
        two[1].field = value;                                                \
        assert_int_equal(rnnp_tune(context, two, 2, &o, set), RNNP_ERR_ARG); \
        assert_says(context, "shape 1");                                     \
        assert_says(context, words);                                         \
    } while (0)
    NOT_TUNED(cell, (rnnp_cell)0, "cell 0");
    NOT_TUNED(cell, (rnnp_cell)4, "cell 4");
    NOT_TUNED(direction, (rnnp_direction)3, "direction 3");
    NOT_TUNED(reset, (rnnp_gru_reset)2, "reset 2");
    NOT_TUNED(input, 0, "input 0");
    NOT_TUNED(hidden, 0, "hidden 0");
    NOT_TUNED(batch, 0, "batch 0");
    NOT_TUNED(steps, 0, "steps 0");
    NOT_TUNED(input, (1 << 20) + 1, "input 1048577");
    NOT_TUNED(steps, SIZE_MAX, "steps 18446744073709551615");
    NOT_TUNED(kind, (rnnp_shape_kind)3, "kind 3");
    NOT_TUNED(n_layers, 1, "layers 1");
    NOT_TUNED(weights, (rnnp_weights)99, "weights 99");
#undef NOT_TUNED
    static const rnnp_shape bad[] = {
        SHAPE(.kind = RNNP_SHAPE_DENSE, .input = 3, .hidden = 4, .batch = 1, .steps = 2),
        SHAPE(.kind = RNNP_SHAPE_DENSE, .input = 3, .hidden = 4, .batch = 1, .steps = 1, .cell = RNNP_CELL_LSTM),
        SHAPE(.kind = RNNP_SHAPE_DENSE, .input = 3, .hidden = 4, .batch = 1, .steps = 1, .n_layers = 2),
        SHAPE(.kind = RNNP_SHAPE_STACK, .cell = RNNP_CELL_LSTM, .input = 3, .hidden = 4, .batch = 1, .steps = 2),
        SHAPE(.kind = RNNP_SHAPE_STACK, .cell = RNNP_CELL_LSTM, .input = 3, .hidden = 4, .batch = 1, .steps = 2,
              .n_layers = 1),
        SHAPE(.kind = RNNP_SHAPE_STACK, .cell = RNNP_CELL_LSTM, .input = 3, .hidden = 4, .batch = 1, .steps = 2,
              .n_layers = 9),
        SHAPE(.kind = RNNP_SHAPE_STACK, .cell = RNNP_CELL_LSTM, .input = 3, .hidden = 4, .batch = 1, .steps = 2,
              .n_layers = 2, .direction = RNNP_DIRECTION_BIDIRECTIONAL),
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        REFUSED(context, rnnp_tune(context, &bad[i], 1, &o, set), RNNP_ERR_ARG, "shape 0: kind");
    }
    assert_int_equal(count_shapes(set), 0);
}
