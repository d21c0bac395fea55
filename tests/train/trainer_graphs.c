/* SPDX-License-Identifier: Apache-2.0
 *
 * Models of many forms: gradients by all their parameters against differences of the loss, the bits of an exported
 * model's run, and equal bits for any number of threads and on every instruction set. Two trainers at once.
 */
#include "../isas.h"
#include "trainer.h"

#include <pthread.h>

enum { ROWS = 21, MOST = 4096 };

/* A model and a batch for it. */
typedef struct form {
    rnnp_context *context;
    rnnp_model *model;
    rnnp_trainer *trainer;
    rnnp_train_options options;
    rnnp_tensor inputs[3], target;
    size_t n_inputs;
    float x[MOST], y[MOST];
    int64_t index[MOST];
    int32_t lengths[ROWS];
    float shared[8];
    int32_t classes[MOST];
} form;

static rnnp_value input(form *f, const char *name, rnnp_dtype dtype, const rnnp_tensor *tensor,
                        const char *const *names)
{
    int64_t shape[RNNP_MAX_RANK];
    rnnp_value value;

    for (size_t d = 0; d < tensor->rank; d++) shape[d] = names && names[d] ? RNNP_DYNAMIC : tensor->shape[d];
    OK(rnnp_model_add_input(f->model, name, dtype, tensor->rank, shape, names, &value));
    f->inputs[f->n_inputs++] = *tensor;
    return value;
}

/* x [batch][width], or [batch][steps][width]. */
static rnnp_value rows_input(form *f, size_t steps, size_t width)
{
    static const char *const names2[] = {"batch", NULL}, *const names3[] = {"batch", "steps", NULL};
    rnnp_tensor x = {RNNP_DTYPE_F32, 2, {ROWS, (int64_t)width}, .data = f->x};

    fill(f->x, ROWS * (steps ? steps : 1) * width, 3, 1.0f);
    if (steps) x = tensor3(f->x, ROWS, (int64_t)steps, (int64_t)width);
    return input(f, "x", RNNP_DTYPE_F32, &x, steps ? names3 : names2);
}

static rnnp_value constant(form *f, const char *name, size_t rows, size_t columns, uint32_t seed)
{
    FREED float *w = numbers(rows * columns, seed, 0.5f);
    const rnnp_tensor tensor = {RNNP_DTYPE_F32, 2, {(int64_t)rows, (int64_t)columns}, .data = w};
    rnnp_value value;

    OK(rnnp_model_add_constant(f->model, name, &tensor, &value));
    return value;
}

static rnnp_value dense(form *f, rnnp_value x, size_t in, size_t out, const char *activation)
{
    FREED float *w = numbers((in + 1) * out, 7, 0.6f);
    rnnp_value y;

    OK(rnnp_model_add_dense(f->model, x, w, in, out, 0, w + in * out, activation, &y));
    return y;
}

static void target_f32(form *f, size_t rank, int64_t a, int64_t b, int64_t c)
{
    f->target = (rnnp_tensor){RNNP_DTYPE_F32, rank, {a, b, c}, .data = f->y};
    fill(f->y, rnnp_tensor_elements(&f->target), 11, 1.0f);
}

/* ---- Forms ---- */

/* One weight in two places, a value read three times, a residual. */
static rnnp_value tied(form *f)
{
    const rnnp_value x = rows_input(f, 0, 6), w = constant(f, "w", 6, 6, 5);
    const rnnp_value a = node1(f->model, "Tanh", node2(f->model, "MatMul", x, w));
    const rnnp_value b = node1(f->model, "Sigmoid", node2(f->model, "MatMul", a, w));

    f->options.loss = RNNP_LOSS_MSE;
    target_f32(f, 2, ROWS, 6, 0);
    return node2(f->model, "Add", node2(f->model, "Mul", a, a), node2(f->model, "Mul", a, b));
}

/* Views above and below calls, two ways to one root. */
static rnnp_value views(form *f)
{
    const int64_t split[] = {0, 2, 3}, back[] = {0, 6};
    const rnnp_value x = rows_input(f, 0, 6), y = dense(f, x, 6, 6, "Tanh");
    const rnnp_value v = node2(f->model, "Reshape", y, ints(f->model, split, 3));
    const rnnp_value s = node1(f->model, "Sigmoid", v), flat = node2(f->model, "Reshape", s, ints(f->model, back, 2));

    f->options.loss = RNNP_LOSS_MSE;
    target_f32(f, 2, ROWS, 6, 0);
    return node1(f->model, "Identity", node2(f->model, "Sub", flat, y));
}

/* Words, two bidirectional layers with lengths, one class per step. */
static rnnp_value tagger(form *f)
{
    static const char *const names[] = {"batch", "steps"}, *const rows[] = {"batch"};
    enum { WORDS = 9, WIDTH = 4, CELLS = 5, TAGS = 3, TIME = 4 };
    const rnnp_tensor ids = {RNNP_DTYPE_I64, 2, {ROWS, TIME}, .data = f->index},
                      lengths = {RNNP_DTYPE_I32, 1, {ROWS}, .data = f->lengths};
    DROPPED(free_layer) layer one = make_layer(RNNP_CELL_LSTM, WIDTH, CELLS, RNNP_DIRECTION_BIDIRECTIONAL, 2);
    DROPPED(free_layer) layer two = make_layer(RNNP_CELL_GRU, 2 * CELLS, CELLS, RNNP_DIRECTION_BIDIRECTIONAL, 3);
    FREED float *table = numbers(WORDS * WIDTH, 6, 1.0f);
    rnnp_value y;

    for (size_t i = 0; i < ROWS * TIME; i++) {
        f->index[i] = (int64_t)(i * 7 % WORDS);
        f->classes[i] = (int32_t)(i * 5 % TAGS);
    }
    for (size_t r = 0; r < ROWS; r++) f->lengths[r] = (int32_t)(r % (TIME + 1));
    const rnnp_value x = input(f, "ids", RNNP_DTYPE_I64, &ids, names),
                     n = input(f, "lengths", RNNP_DTYPE_I32, &lengths, rows);
    OK(rnnp_model_add_embedding(f->model, x, table, WORDS, WIDTH, &y));
    one.options.batch_first = two.options.batch_first = 1;
    OK(rnnp_model_add_recurrent(f->model, &one.options, one.weights, y, n, RNNP_NONE, RNNP_NONE, &y, NULL, NULL));
    OK(rnnp_model_add_recurrent(f->model, &two.options, two.weights, y, n, RNNP_NONE, RNNP_NONE, &y, NULL, NULL));
    f->target = (rnnp_tensor){RNNP_DTYPE_I32, 2, {ROWS, TIME}, .data = f->classes};
    return dense(f, y, 2 * CELLS, TAGS, "Softmax");
}

/* A mean over time, several labels, and an input that all rows share. */
static rnnp_value labels(form *f)
{
    const rnnp_tensor shared = {RNNP_DTYPE_F32, 1, {4}, .data = f->shared};
    DROPPED(free_layer) layer rnn = make_layer(RNNP_CELL_RNN, 3, 4, RNNP_DIRECTION_FORWARD, 2);
    rnnp_value y = rows_input(f, 5, 3);

    fill(f->shared, 4, 9, 1.0f);
    const rnnp_value s = input(f, "shared", RNNP_DTYPE_F32, &shared, NULL);
    rnn.options.batch_first = 1;
    OK(rnnp_model_add_recurrent(f->model, &rnn.options, rnn.weights, y, RNNP_NONE, RNNP_NONE, RNNP_NONE, &y, NULL,
                                NULL));
    OK(rnnp_model_add_pool(f->model, y, RNNP_POOL_MEAN, 1, &y));
    f->options.loss = RNNP_LOSS_BINARY;
    target_f32(f, 2, ROWS, 2, 0);
    for (size_t i = 0; i < ROWS * 2; i++) f->y[i] = f->y[i] > 0 ? 1.0f : 0.0f;
    return dense(f, node2(f->model, "Mul", y, s), 4, 2, "Sigmoid");
}

/* Two branches joined, a distribution as target. */
static rnnp_value branches(form *f)
{
    const rnnp_value x = rows_input(f, 0, 5), a = dense(f, x, 5, 3, "Tanh"), b = dense(f, x, 5, 4, "Softplus");
    const rnnp_attr axis = {.name = "axis", .kind = RNNP_ATTR_INT, .i = 1};
    const rnnp_value both = node(f->model, "Concat", (rnnp_value[]){a, b}, 2, &axis, 1);

    f->options.loss = RNNP_LOSS_CROSS;
    f->options.label_smoothing = 0.1f;
    target_f32(f, 2, ROWS, 3, 0);
    for (size_t r = 0; r < ROWS; r++) {
        f->y[3 * r] = 0.25f;
        f->y[3 * r + 1] = r % 2 ? 0.5f : 0.75f;
        f->y[3 * r + 2] = r % 2 ? 0.25f : 0.0f;
    }
    return dense(f, both, 7, 3, NULL);
}

/* x [batch][channels][places] */
static rnnp_value signal_input(form *f, int64_t channels, int64_t places)
{
    static const char *const names[] = {"batch", NULL, NULL};
    const rnnp_tensor x = tensor3(f->x, ROWS, channels, places);

    fill(f->x, rnnp_tensor_elements(&x), 3, 1.0f);
    return input(f, "x", RNNP_DTYPE_F32, &x, names);
}

static rnnp_value tensor_of(form *f, rnnp_tensor shape, uint32_t seed, float from)
{
    FREED float *w = numbers(rnnp_tensor_elements(&shape), seed, 0.5f);
    rnnp_value value;

    for (size_t i = 0; i < rnnp_tensor_elements(&shape); i++) w[i] += from;
    shape.dtype = RNNP_DTYPE_F32;
    shape.data = w;
    OK(rnnp_model_add_constant(f->model, NULL, &shape, &value));
    return value;
}

/* Convolution, normalisation and pooling in front of a recurrent layer. */
static rnnp_value convolutions(form *f)
{
    enum { CHANNELS = 3, MAPS = 5, PLACES = 12, CELLS = 4 };
    const rnnp_tensor maps = {.rank = 1, .shape = {MAPS}};
    const rnnp_attr pads = {.name = "pads", .kind = RNNP_ATTR_INTS, .count = 2, .ints = (int64_t[]){1, 1}};
    const rnnp_attr pool[] = {{.name = "kernel_shape", .kind = RNNP_ATTR_INTS, .count = 1, .ints = (int64_t[]){2}},
                              {.name = "strides", .kind = RNNP_ATTR_INTS, .count = 1, .ints = (int64_t[]){2}}};
    const rnnp_attr turn = {.name = "perm", .kind = RNNP_ATTR_INTS, .count = 3, .ints = (int64_t[]){0, 2, 1}};
    DROPPED(free_layer) layer lstm = make_layer(RNNP_CELL_LSTM, MAPS, CELLS, RNNP_DIRECTION_FORWARD, 2);
    const rnnp_value x = signal_input(f, CHANNELS, PLACES);
    const rnnp_value w = tensor_of(f, (rnnp_tensor){.rank = 3, .shape = {MAPS, CHANNELS, 3}}, 5, 0);
    rnnp_value y = node(f->model, "Conv", (rnnp_value[]){x, w, tensor_of(f, maps, 6, 0)}, 3, &pads, 1);

    y = node(f->model, "BatchNormalization",
             (rnnp_value[]){y, tensor_of(f, maps, 7, 1), tensor_of(f, maps, 8, 0), tensor_of(f, maps, 9, 0),
                            tensor_of(f, maps, 10, 1)},
             5, NULL, 0);
    y = node(f->model, "MaxPool", (rnnp_value[]){node1(f->model, "Relu", y)}, 1, pool, 2);
    y = node(f->model, "Transpose", &y, 1, &turn, 1);
    lstm.options.batch_first = lstm.options.last_step = 1;
    OK(rnnp_model_add_recurrent(f->model, &lstm.options, lstm.weights, y, RNNP_NONE, RNNP_NONE, RNNP_NONE, &y, NULL,
                                NULL));
    for (size_t r = 0; r < ROWS; r++) f->classes[r] = (int32_t)(r % 3);
    f->target = (rnnp_tensor){RNNP_DTYPE_I32, 1, {ROWS}, .data = f->classes};
    return dense(f, y, CELLS, 3, "Softmax");
}

/* Attention of one head with a residual, normalised: Einsum, Softmax, LayerNormalization, Gelu. */
static rnnp_value attention(form *f)
{
    enum { TIME = 6, WIDTH = 4 };
    const rnnp_attr scores = {.name = "equation", .kind = RNNP_ATTR_STRING, .s = "bqd,bkd->bqk"};
    const rnnp_attr mix = {.name = "equation", .kind = RNNP_ATTR_STRING, .s = "bqk,bkd->bqd"};
    const rnnp_tensor width = {.rank = 1, .shape = {WIDTH}};
    const rnnp_value x = rows_input(f, TIME, WIDTH), q = node2(f->model, "MatMul", x, constant(f, "q", 4, 4, 5));
    const rnnp_value k = node2(f->model, "MatMul", x, constant(f, "k", 4, 4, 6));
    rnnp_value y = node(f->model, "Einsum", (rnnp_value[]){q, k}, 2, &scores, 1);

    y = node(f->model, "Einsum", (rnnp_value[]){node1(f->model, "Softmax", y), x}, 2, &mix, 1);
    y = node(f->model, "LayerNormalization",
             (rnnp_value[]){node2(f->model, "Add", x, y), tensor_of(f, width, 7, 1), tensor_of(f, width, 8, 0)}, 3,
             NULL, 0);
    OK(rnnp_model_add_node(f->model, "Gelu", 20, NULL, &y, 1, NULL, 0, &y, 1));
    f->options.loss = RNNP_LOSS_MSE;
    target_f32(f, 3, ROWS, TIME, 2);
    return dense(f, y, WIDTH, 2, NULL);
}

typedef struct form_row {
    const char *name;
    rnnp_value (*build)(form *f);
    size_t parameters;
} form_row;

static const form_row forms[] = {
    {"tied", tied, 1},           {"views", views, 2},       {"tagger", tagger, 9},
    {"labels", labels, 5},       {"branches", branches, 6}, {"convolutions", convolutions, 9},
    {"attention", attention, 6},
};

enum { FORMS = sizeof forms / sizeof forms[0] };

static void begin(form *f, const form_row *row, const char *isa, size_t threads)
{
    memset(f, 0, sizeof *f);
    f->context = capped_context(NULL, isa, threads);
    f->model = make_model(f->context);
    rnnp_train_options_init(&f->options);
    rnnp_optimizer_init(&optimizer, RNNP_OPTIMIZER_ADAM);
    optimizer.rate = 0.01f;
    f->options.optimizer = &optimizer;
    close_with(f->model, "y", row->build(f));
    if (rnnp_trainer_create(f->model, &f->options, &f->trainer) != RNNP_OK)
        fail_msg("%s: %s", row->name, rnnp_last_error(f->context));
}

static void end(form *f)
{
    rnnp_trainer_destroy(f->trainer);
    rnnp_model_destroy(f->model);
    rnnp_context_destroy(f->context);
}

static rnnp_train_batch batch_of(form *f)
{
    return (rnnp_train_batch){
        .struct_size = sizeof(rnnp_train_batch), .inputs = f->inputs, .n_inputs = f->n_inputs, .target = &f->target};
}

/* Declares a form, begun, to the end of the scope. */
#define BEGUN(f, row, threads) \
    DROPPED(end) form f;       \
    begin(&f, row, NULL, threads)

/* ---- Tests ---- */

TEST(test_gradients)
{
    const float step = 0.001f;

    for (size_t i = 0; i < FORMS; i++) {
        BEGUN(f, &forms[i], 1);
        rnnp_trainer *const trainer = f.trainer;
        const rnnp_train_batch batch = batch_of(&f);

        assert_int_equal(rnnp_trainer_parameter_count(trainer), forms[i].parameters);
        OK(rnnp_trainer_backward(trainer, &batch, NULL));
        for (size_t j = 0; j < forms[i].parameters; j++) {
            const size_t n = elements_of(trainer, j);
            FREED float *p = malloc(n * sizeof *p), *g = malloc(n * sizeof *g);

            OK(rnnp_trainer_get_parameter(trainer, j, p));
            OK(rnnp_trainer_get_gradient(trainer, j, g));
            for (size_t k = 0; k < n; k += 1 + n / 12) {
                const double want = slope(trainer, &batch, &p[k], step, j, p);

                if (!(fabs(want - (double)g[k]) < 3e-4))
                    fail_msg("%s: parameter %zu, element %zu: %g, the loss says %g", forms[i].name, j, k, (double)g[k],
                             want);
            }
        }
    }
}

TEST(test_bits)
{
    static float y[MOST], run_y[MOST];
    rnnp_tensor out = {.data = y}, run_out = {.data = run_y};

    for (size_t i = 0; i < FORMS; i++) {
        BEGUN(f, &forms[i], 1);
        BEGUN(g, &forms[i], 3);
        rnnp_trainer *const trainer = f.trainer, *const other = g.trainer;
        rnnp_train_batch batch = batch_of(&f), same = batch_of(&g);
        rnnp_train_result first = {.struct_size = sizeof first}, last = {.struct_size = sizeof last};

        OK(rnnp_trainer_evaluate(trainer, &batch, &first));
        for (size_t k = 0; k < 30; k++) {
            OK(rnnp_trainer_step(trainer, &batch, NULL));
            OK(rnnp_trainer_step(other, &same, NULL));
        }
        OK(rnnp_trainer_evaluate(trainer, &batch, &last));
        assert_true(last.loss < first.loss);
        assert_same(trainer, other, 0);
        OWNED(model) model = NULL;
        OK(rnnp_trainer_model(trainer, &model));
        OWNED(plan) plan = make_plan(model);
        OWNED_NEW(run, run, plan, f.inputs, f.n_inputs);
        OK(rnnp_run_execute(run, f.inputs, f.n_inputs, &run_out, 1));
        batch.outputs = &out;
        OK(rnnp_trainer_evaluate(trainer, &batch, NULL));
        assert_int_equal(rnnp_tensor_elements(&out), rnnp_tensor_elements(&run_out));
        assert_memory_equal(y, run_y, rnnp_tensor_elements(&out) * sizeof *y);
    }
}

/* On every instruction set, on one thread and on two. */
TEST(test_isas)
{
    for (size_t i = 0; i < FORMS; i++) {
        DROPPED(end) form first;
        begin(&first, &forms[i], build_isa(0), 1);
        const rnnp_train_batch batch = batch_of(&first);

        for (size_t k = 0; k < 5; k++) OK(rnnp_trainer_step(first.trainer, &batch, NULL));
        for (size_t c = 0; c < 2 * build_isas(); c++) {
            DROPPED(end) form f;
            begin(&f, &forms[i], build_isa(c / 2), 1 + c % 2);
            const rnnp_train_batch same = batch_of(&f);

            for (size_t k = 0; k < 5; k++) OK(rnnp_trainer_step(f.trainer, &same, NULL));
            assert_same(first.trainer, f.trainer, 0);
        }
    }
}

/* Gradients by inputs: where the loss depends on them, and refusals where there are none. */
TEST(test_d_inputs)
{
    static float dx[MOST], again[MOST];
    rnnp_tensor wanted[3] = {{.data = dx}, {.data = NULL}, {.data = NULL}};
    size_t nonzero = 0;

    BEGUN(words, &forms[2], 1); /* which have none */
    rnnp_train_batch batch = batch_of(&words);
    batch.d_inputs = wanted;
    REFUSED(words.context, rnnp_trainer_backward(words.trainer, &batch, NULL), RNNP_ERR_TYPE, "ids is i64");

    BEGUN(f, &forms[3], 1); /* what all rows share is no row's */
    batch = batch_of(&f);
    batch.d_inputs = (rnnp_tensor[3]){{.data = NULL}, {.data = dx}, {.data = NULL}};
    REFUSED(f.context, rnnp_trainer_backward(f.trainer, &batch, NULL), RNNP_ERR_SHAPE, "shared has no batch");
    batch.d_inputs = wanted;
    OK(rnnp_trainer_backward(f.trainer, &batch, NULL));
    for (size_t i = 0; i < ROWS * 5 * 3; i++) nonzero += dx[i] != 0.0f;
    assert_int_equal(nonzero, ROWS * 5 * 3);
    /* all frozen, gradients by inputs stay the same */
    for (size_t i = 0; i < rnnp_trainer_parameter_count(f.trainer); i++) OK(rnnp_trainer_freeze(f.trainer, i, 1));
    wanted[0].data = again;
    OK(rnnp_trainer_backward(f.trainer, &batch, NULL));
    assert_memory_equal(dx, again, ROWS * 5 * 3 * sizeof *dx);
}

/* Below the parameters, where only the gradient by an input passes. */
static rnnp_value three_below(form *f)
{
    const rnnp_value x = rows_input(f, 0, 6);

    f->options.loss = RNNP_LOSS_MSE;
    target_f32(f, 2, ROWS, 2, 0);
    return dense(f, node(f->model, "Max", (rnnp_value[]){x, x, x}, 3, NULL, 0), 6, 2, NULL);
}

TEST(test_d_inputs_refused)
{
    static const form_row row = {"three", three_below, 2};
    static float dx[MOST];
    rnnp_tensor wanted = {.data = dx};

    BEGUN(f, &row, 1);
    rnnp_train_batch batch = batch_of(&f);
    OK(rnnp_trainer_backward(f.trainer, &batch, NULL));
    batch.d_inputs = &wanted;
    REFUSED(f.context, rnnp_trainer_backward(f.trainer, &batch, NULL), RNNP_ERR_UNSUPPORTED,
            "3 inputs, but there is a gradient");
}

/* An index out of range in the second slice: the node says so, and nothing has changed. */
TEST(test_failing_node)
{
    for (size_t threads = 1; threads <= 2; threads++) {
        BEGUN(f, &forms[2], threads);
        BEGUN(same, &forms[2], 1);
        const rnnp_train_batch batch = batch_of(&f), good = batch_of(&same);
        const int64_t was = f.index[ROWS * 4 - 1];

        f.index[ROWS * 4 - 1] = 99;
        REFUSED(f.context, rnnp_trainer_step(f.trainer, &batch, NULL), RNNP_ERR_ARG, "99");
        assert_int_equal(rnnp_trainer_step_count(f.trainer), 0);
        f.index[ROWS * 4 - 1] = was;
        OK(rnnp_trainer_step(f.trainer, &batch, NULL));
        OK(rnnp_trainer_step(same.trainer, &good, NULL));
        assert_same(f.trainer, same.trainer, 0);
    }
}

typedef struct job {
    rnnp_trainer *trainer;
    rnnp_train_batch batch;
    rnnp_status status;
} job;

static void *train(void *arg)
{
    job *j = arg;

    for (size_t i = 0; i < 20 && j->status == RNNP_OK; i++) j->status = rnnp_trainer_step(j->trainer, &j->batch, NULL);
    return NULL;
}

/* Two trainers on two threads share a context, its team and a model. */
TEST(test_two_at_once)
{
    BEGUN(f, &forms[2], 3);
    BEGUN(alone, &forms[2], 1);
    OWNED(trainer) b = make_trainer(f.model, &f.options);
    job jobs[3] = {{.trainer = f.trainer}, {.trainer = b}, {.trainer = alone.trainer}};
    pthread_t threads[2];

    for (size_t i = 0; i < 3; i++) jobs[i].batch = batch_of(i < 2 ? &f : &alone);
    for (size_t i = 0; i < 2; i++) assert_int_equal(pthread_create(&threads[i], NULL, train, &jobs[i]), 0);
    for (size_t i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    train(&jobs[2]);
    for (size_t i = 0; i < 3; i++) OK(jobs[i].status);
    assert_same(f.trainer, alone.trainer, 0);
    assert_same(b, alone.trainer, 0);
}
