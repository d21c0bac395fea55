/* SPDX-License-Identifier: Apache-2.0
 *
 * Dropout: the rate, the scale, where numbers come from, backward's mask, slices, evaluation.
 */
#include "node.h"
#include "rnnpack/train.h"
#include "src/train/random.h"

enum { STEPS = 6, ROWS = 5, WIDTH = 301, N = STEPS * ROWS * WIDTH };

typedef struct setup {
    int opset;
    float rate;
    int absent;  /* the rate: 0.5 */
    size_t axis; /* of the batch, in [STEPS][ROWS][WIDTH] */
    size_t outputs;
} setup;

static const setup usual = {.opset = 17, .rate = 0.3f, .axis = 1, .outputs = 1};

static void open_dropout(one_node *one, rnnp_context *context, const setup *s, float *x, float *rate)
{
    rnnp_tensor tensors[2] = {tensor3(x, STEPS, ROWS, WIDTH), {.dtype = RNNP_DTYPE_F32, .data = rate}};
    const source sources[2] = {INPUT, CONSTANT};
    const rnnp_attr ratio = {.name = "ratio", .kind = RNNP_ATTR_FLOAT, .f = s->rate};
    const int attribute = s->opset < 12 && !s->absent;

    *rate = s->rate;
    node_open(one, context, "Dropout", s->opset, tensors, sources, s->opset < 12 || s->absent ? 1 : 2, &ratio,
              (size_t)attribute, s->outputs, 0);
    node_memory(one);
    OK(one->gradient->check(&one->call.shape));
    one->slice.training = 1;
    one->slice.n_rows = (size_t)tensors[0].shape[s->axis];
    one->call.batch_axis = s->axis;
}

static uint32_t row_place(size_t row) { return (uint32_t)(5000 - 7 * row); }

/* A mask by its definition, and everything that follows from it. */
static void check_dropout(const setup *s)
{
    OWNED(context) context = make_context(NULL, 1);
    FREED float *x = numbers(N, 3, 1);
    float rate;
    const size_t dim[3] = {STEPS, ROWS, WIDTH};
    one_node one;
    size_t kept = 0;

    open_dropout(&one, context, s, x, &rate);
    for (size_t i = 0; i < NODE_ROWS; i++) one.rows[i] = row_place(i);
    memcpy(one.d_out[0].data, x, N * sizeof *x);
    OK(node_forward(&one));
    OK(one.gradient->backward(&one.call));

    const float *y = one.out[0].data, *dx = one.d_in[0].data;
    const float p = s->absent ? 0.5f : s->rate, q = 1.0f - p, scale = 1.0f / q;
    const rnnp_random random = {.seed = NODE_SEED, .step = NODE_STEP, .use = RNNP_RANDOM_DROPOUT};
    for (size_t i = 0; i < N; i++) {
        const size_t at[3] = {i / (ROWS * WIDTH), i / WIDTH % ROWS, i % WIDTH};
        size_t place = 0;
        float number;

        for (size_t k = 0; k < 3; k++) place = k == s->axis ? place : place * dim[k] + at[k];
        rnnp_random_uniform(&random, (uint64_t)one.rows[at[s->axis]] * (N / dim[s->axis]) + place, 1, &number);
        const float expected = number >= p ? x[i] * scale : 0.0f;
        assert_true(y[i] == expected && dx[i] == expected);
        kept += number >= p;
        if (s->outputs > 1)
            assert_true(s->opset < 10 ? ((float *)one.out[1].data)[i] == (float)(number >= p)
                                      : ((uint8_t *)one.out[1].data)[i] == (number >= p));
    }
    assert_true(fabs((double)kept - (double)q * N) <= 5 * sqrt((double)(p * q) * N));
    node_close(&one);
}

TEST(test_masks)
{
    static const setup setups[] = {
        {.opset = 17, .rate = 0.3f, .axis = 0, .outputs = 1}, {.opset = 17, .rate = 0.3f, .axis = 1, .outputs = 2},
        {.opset = 17, .rate = 0.3f, .axis = 2, .outputs = 1}, {.opset = 17, .rate = 0.0f, .axis = 1, .outputs = 1},
        {.opset = 17, .rate = 0.9f, .axis = 1, .outputs = 1}, {.opset = 17, .absent = 1, .axis = 1, .outputs = 1},
        {.opset = 11, .rate = 0.2f, .axis = 1, .outputs = 2}, {.opset = 9, .rate = 0.2f, .axis = 1, .outputs = 2},
        {.opset = 11, .absent = 1, .axis = 1, .outputs = 1}};

    for (size_t i = 0; i < sizeof setups / sizeof setups[0]; i++) check_dropout(&setups[i]);

    /* The number of the first element: not below the rate, so kept. */
    const rnnp_random random = {.seed = NODE_SEED, .step = NODE_STEP, .use = RNNP_RANDOM_DROPOUT};
    setup edge = usual;
    rnnp_random_uniform(&random, (uint64_t)row_place(0) * (N / ROWS), 1, &edge.rate);
    check_dropout(&edge);
}

static void forward(const setup *s, const rnnp_slice *slice, const float *x, float *y)
{
    OWNED(context) context = make_context(NULL, 1);
    FREED float *copy = numbers(N, 1, 1);
    float rate;
    one_node one;

    memcpy(copy, x, N * sizeof *x);
    open_dropout(&one, context, s, copy, &rate);
    if (slice) {
        const uint32_t *rows = slice->rows;

        one.slice = *slice;
        if (rows) memcpy(one.rows, rows, ROWS * sizeof *rows);
        one.slice.rows = one.rows;
    }
    OK(node_forward(&one));
    memcpy(y, one.out[0].data, N * sizeof *y);
    node_close(&one);
}

/* A row is what it is in any slice, at any place in it; another step or seed is another mask. */
TEST(test_slices)
{
    static const uint32_t mixed[ROWS] = {3, 0, 4, 2, 1};
    FREED float *x = numbers(N, 1, 0), *y = numbers(N, 1, 1), *other = numbers(N, 1, 1);
    rnnp_slice slice = {.seed = 7, .step = 3, .rows = mixed, .n_rows = ROWS, .training = 1};
    size_t equal = 0;

    for (size_t i = 0; i < N; i++) x[i] = 1;
    forward(&usual, NULL, x, y);
    forward(&usual, &slice, x, other);
    for (size_t t = 0; t < STEPS; t++) {
        for (size_t r = 0; r < ROWS; r++)
            assert_memory_equal(other + (t * ROWS + r) * WIDTH, y + (t * ROWS + mixed[r]) * WIDTH, WIDTH * sizeof *y);
    }
    for (int by = 0; by < 2; by++) {
        slice.rows = NULL;
        slice.step = by ? 3 : 4;
        slice.seed = by ? 8 : 7;
        forward(&usual, &slice, x, other);
        equal = 0;
        for (size_t i = 0; i < N; i++) equal += (y[i] == 0) == (other[i] == 0);
        assert_true(equal < N * 65 / 100); /* 0.3^2 + 0.7^2 = 0.58 */
    }
}

TEST(test_evaluation)
{
    OWNED(context) context = make_context(NULL, 1);
    FREED float *x = numbers(N, 3, 1);
    float rate;
    one_node one;

    open_dropout(&one, context, &usual, x, &rate);
    one.slice.training = 0;
    one.call.batch_axis = RNNP_NO_AXIS;
    OK(node_forward(&one));
    assert_memory_equal(one.out[0].data, x, N * sizeof *x);
    fill(one.d_out[0].data, N, 9, 1);
    OK(one.gradient->backward(&one.call));
    assert_memory_equal(one.d_in[0].data, one.d_out[0].data, N * sizeof *x);

    one.slice.training = 1; /* but nobody knows where the rows are */
    assert_int_equal(node_forward(&one), RNNP_ERR_SHAPE);
    assert_says(context, "Dropout node: the batch axis is not known");
    node_close(&one);
}

/* A mask of f32, as it was before opset 10, is an output like any other: a loss may read it and nothing else. */
TEST(test_loss_of_mask)
{
    static const char *const names[] = {"batch", NULL};
    static const int64_t shape[] = {RNNP_DYNAMIC, 3};
    float weights[] = {1, 2, 3}, data[] = {1, 2, 3, 4, 5, 6}, wanted[6] = {0}, gradient[3];
    const rnnp_tensor w = {RNNP_DTYPE_F32, 2, {1, 3}, .data = weights}, in = {RNNP_DTYPE_F32, 2, {2, 3}, .data = data};
    const rnnp_tensor target = {RNNP_DTYPE_F32, 2, {2, 3}, .data = wanted};
    const rnnp_train_batch batch = {.struct_size = sizeof batch, .inputs = &in, .n_inputs = 1, .target = &target};
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model) model = make_model(context);
    rnnp_value x, k, sum, out[2] = {0, 0};
    OPTIONS(train, options);
    rnnp_train_result result = {.struct_size = sizeof result};

    OK(rnnp_model_add_input(model, "x", RNNP_DTYPE_F32, 2, shape, names, &x));
    OK(rnnp_model_add_constant(model, "w", &w, &k));
    sum = node2(model, "Add", x, k);
    OK(rnnp_model_add_node(model, "Dropout", 8, "drop", &sum, 1, NULL, 0, out, 2));
    close_with(model, "mask", out[1]);
    options.loss = RNNP_LOSS_MSE;
    OWNED_NEW(trainer, trainer, model, &options);
    OK(rnnp_trainer_step(trainer, &batch, &result));
    OK(rnnp_trainer_get_gradient(trainer, 0, gradient));
    for (size_t i = 0; i < 3; i++) assert_true(gradient[i] == 0.0f); /* whatever x is, the mask is what it is */
}
