/* SPDX-License-Identifier: Apache-2.0
 *
 * What a trainer refuses, and that it is as before then.
 */
#include "trainer.h"

#define REFUSED(status, context, words, call) \
    do {                                      \
        assert_int_equal((call), (status));   \
        assert_says(context, words);          \
    } while (0)

/* ---- Models ---- */

typedef struct graph {
    rnnp_context *context;
    rnnp_model *model;
    rnnp_value x; /* [batch][4] */
} graph;

static graph begin(rnnp_context *context, const char *symbol)
{
    const int64_t shape[] = {symbol ? RNNP_DYNAMIC : 8, 4};
    const char *const names[] = {symbol, NULL};
    graph g = {context, make_model(context), 0};

    OK(rnnp_model_add_input(g.model, "x", RNNP_DTYPE_F32, 2, shape, names, &g.x));
    return g;
}

static rnnp_value dense(const graph *g, rnnp_value x, size_t in, size_t out)
{
    float *w = numbers((in + 1) * out, 3, 0.5f);
    rnnp_value y;

    OK(rnnp_model_add_dense(g->model, x, w, in, out, 0, w + in * out, NULL, &y));
    free(w);
    return y;
}

static rnnp_status create(graph *g, rnnp_value y, const rnnp_train_options *options)
{
    rnnp_trainer *trainer = (rnnp_trainer *)g;

    OK(rnnp_model_add_output(g->model, "y", y));
    OK(rnnp_model_close(g->model));
    const rnnp_status status = rnnp_trainer_create(g->model, options, &trainer);
    if (status != RNNP_OK) assert_null(trainer);
    rnnp_trainer_destroy(trainer);
    rnnp_model_destroy(g->model);
    return status;
}

static void test_models(void **state)
{
    rnnp_context *context = context_of(1, NULL);
    rnnp_train_options options = default_options(), other = default_options();
    const int64_t axes[] = {0};
    graph g;

    (void)state;
    g = begin(context, "batch");
    OK(create(&g, dense(&g, g.x, 4, 3), &options));

    g = begin(context, NULL);
    REFUSED(RNNP_ERR_SHAPE, context, "no input has a dimension with the symbol batch",
            create(&g, dense(&g, g.x, 4, 3), &options));
    g = begin(context, "rows");
    REFUSED(RNNP_ERR_SHAPE, context, "symbol batch", create(&g, dense(&g, g.x, 4, 3), &options));
    other.batch = "rows";
    g = begin(context, "rows");
    OK(create(&g, dense(&g, g.x, 4, 3), &other));

    g = begin(context, "batch"); /* a mean over the batch */
    const rnnp_attr keep = {.name = "keepdims", .kind = RNNP_ATTR_INT, .i = 1};
    const rnnp_attr mean[] = {{.name = "axes", .kind = RNNP_ATTR_INTS, .count = 1, .ints = axes}, keep};
    const rnnp_value y = dense(&g, g.x, 4, 3), m = node(g.model, "ReduceMean", &y, 1, mean, 2);
    REFUSED(RNNP_ERR_SHAPE, context, "mixes the rows", create(&g, node2(g.model, "Sub", y, m), &options));

    g = begin(context, "batch"); /* nothing but inputs */
    REFUSED(RNNP_ERR_UNSUPPORTED, context, "nothing to train", create(&g, node1(g.model, "Tanh", g.x), &options));

    g = begin(context, "batch"); /* no gradient */
    REFUSED(RNNP_ERR_UNSUPPORTED, context, "Floor",
            create(&g, node1(g.model, "Floor", dense(&g, g.x, 4, 3)), &options));
    g = begin(context, "batch"); /* but below the parameters it does no harm */
    OK(create(&g, dense(&g, node1(g.model, "Floor", g.x), 4, 3), &options));

    g = begin(context, "batch");
    other = default_options();
    other.output = 1;
    REFUSED(RNNP_ERR_ARG, context, "output 1", create(&g, dense(&g, g.x, 4, 3), &other));

    const float class_weights[] = {1, 1};
    other = default_options();
    other.class_weights = class_weights;
    other.n_classes = 2;
    g = begin(context, "batch");
    REFUSED(RNNP_ERR_SHAPE, context, "3 classes, but 2", create(&g, dense(&g, g.x, 4, 3), &other));

    const rnnp_attr axis0 = {.name = "axis", .kind = RNNP_ATTR_INT, .i = 1};
    g = begin(context, "batch"); /* [batch][1][4], softmax over the middle */
    const rnnp_value list = ints(g.model, (const int64_t[]){1}, 1);
    rnnp_value z = node2(g.model, "Unsqueeze", dense(&g, g.x, 4, 4), list);
    z = node(g.model, "Softmax", &z, 1, &axis0, 1);
    REFUSED(RNNP_ERR_UNSUPPORTED, context, "last axis", create(&g, z, &options));

    g = begin(context, "batch"); /* the batch is where classes should be */
    z = dense(&g, g.x, 4, 4);
    z = node1(g.model, "Transpose", z);
    REFUSED(RNNP_ERR_SHAPE, context, "last dimension", create(&g, z, &options));

    rnnp_trainer *trainer;
    assert_int_equal(rnnp_trainer_create(NULL, NULL, &trainer), RNNP_ERR_ARG);
    assert_null(trainer);
    g = begin(context, "batch");
    assert_int_equal(rnnp_trainer_create(g.model, NULL, NULL), RNNP_ERR_ARG);
    REFUSED(RNNP_ERR_STATE, context, "not closed", rnnp_trainer_create(g.model, NULL, &trainer));
    rnnp_model_destroy(g.model);
    rnnp_context_destroy(context);
}

static void test_released(void **state)
{
    rnnp_context *context = context_of(1, NULL);
    graph g = begin(context, "batch");
    rnnp_trainer *trainer;
    size_t bytes;

    (void)state;
    OK(rnnp_model_add_output(g.model, "y", dense(&g, g.x, 4, 4096)));
    OK(rnnp_model_close(g.model));
    rnnp_plan *plan = make_plan(g.model);
    OK(rnnp_model_release_weights(g.model, &bytes));
    assert_true(bytes > 0);
    REFUSED(RNNP_ERR_STATE, context, "rnnp_model_release_weights", rnnp_trainer_create(g.model, NULL, &trainer));
    rnnp_plan_destroy(plan);
    rnnp_model_destroy(g.model);
    rnnp_context_destroy(context);
}

/* ---- Batches ---- */

typedef struct fixture {
    rnnp_context *context;
    rnnp_model *model;
    rnnp_trainer *trainer, *untouched;
    data d;
} fixture;

static void begin_batches(fixture *f)
{
    rnnp_train_options options = default_options();

    f->context = context_of(2, NULL);
    f->model = classifier(f->context, 0.1f);
    f->trainer = make_trainer(f->model, &options);
    f->untouched = make_trainer(f->model, &options);
    make_data(&f->d, 40, 3);
    OK(rnnp_trainer_step(f->trainer, &f->d.batch, NULL));
    OK(rnnp_trainer_step(f->untouched, &f->d.batch, NULL));
}

static void end_batches(fixture *f)
{
    rnnp_trainer_destroy(f->trainer);
    rnnp_trainer_destroy(f->untouched);
    rnnp_model_destroy(f->model);
    rnnp_context_destroy(f->context);
}

/* Refused by all three, nothing changed. */
static void refused(fixture *f, rnnp_status status, const char *words)
{
    rnnp_train_result r = {sizeof r, 7, 7, 7};

    REFUSED(status, f->context, words, rnnp_trainer_step(f->trainer, &f->d.batch, &r));
    REFUSED(status, f->context, words, rnnp_trainer_backward(f->trainer, &f->d.batch, &r));
    REFUSED(status, f->context, words, rnnp_trainer_evaluate(f->trainer, &f->d.batch, &r));
    assert_true(r.loss == 7 && r.weight == 7 && r.norm == 7);
    assert_int_equal(rnnp_trainer_step_count(f->trainer), 1);
    assert_same(f->trainer, f->untouched, 0);
    make_data(&f->d, 40, 3);
}

static void test_batches(void **state)
{
    static fixture f;
    static float dx[STEPS * 40 * INPUT];
    rnnp_tensor d_inputs[2] = {{.data = dx}, {.data = NULL}};
    rnnp_train_result r = {.struct_size = sizeof r};

    (void)state;
    begin_batches(&f);
    f.d.x[(3 * 40 + 39) * INPUT + 1] = NAN; /* step 3, row 39, feature 1 */
    refused(&f, RNNP_ERR_ARG, "input x: row 39, element 10 of it is nan");
    f.d.h0[8] = INFINITY;
    refused(&f, RNNP_ERR_ARG, "input h0: row 1, element 1 of it is inf");
    f.d.classes[17] = CLASSES;
    refused(&f, RNNP_ERR_ARG, "row 17");
    f.d.classes[0] = -1;
    refused(&f, RNNP_ERR_ARG, "row 0");
    f.d.batch.n_inputs = 1;
    refused(&f, RNNP_ERR_ARG, "1 inputs");
    f.d.inputs[1].shape[1] = 39;
    refused(&f, RNNP_ERR_SHAPE, "batch");
    f.d.inputs[0].dtype = RNNP_DTYPE_I32;
    refused(&f, RNNP_ERR_TYPE, "input x is i32");
    f.d.inputs[0].data = NULL;
    refused(&f, RNNP_ERR_ARG, "input x has no data");
    f.d.inputs[0].shape[1] = f.d.inputs[1].shape[1] = 0;
    refused(&f, RNNP_ERR_SHAPE, "0 rows");
    f.d.target.shape[0] = 39;
    refused(&f, RNNP_ERR_SHAPE, "target has shape [39], the loss of output y requires [40]");
    f.d.target.dtype = RNNP_DTYPE_F32;
    refused(&f, RNNP_ERR_TYPE, "target is f32");
    f.d.target.data = NULL;
    refused(&f, RNNP_ERR_ARG, "target has no data");
    f.d.batch.weights = &f.d.weight;
    f.d.weight.rank = 2;
    refused(&f, RNNP_ERR_SHAPE, "weights have shape");
    f.d.batch.weights = &f.d.weight;
    f.d.weight.dtype = RNNP_DTYPE_I32;
    refused(&f, RNNP_ERR_TYPE, "weights are i32");
    f.d.batch.weights = &f.d.weight;
    memset(f.d.weights, 0, sizeof f.d.weights);
    refused(&f, RNNP_ERR_ARG, "sum up to 0");
    f.d.batch.weights = &f.d.weight;
    f.d.weights[3] = -1;
    refused(&f, RNNP_ERR_ARG, "row 3");

    f.d.batch.target = NULL;
    REFUSED(RNNP_ERR_ARG, f.context, "no target", rnnp_trainer_step(f.trainer, &f.d.batch, &r));
    OK(rnnp_trainer_evaluate(f.trainer, &f.d.batch, &r));
    f.d.batch.weights = &f.d.weight;
    REFUSED(RNNP_ERR_ARG, f.context, "weights but no target", rnnp_trainer_evaluate(f.trainer, &f.d.batch, &r));
    make_data(&f.d, 40, 3);
    f.d.batch.d_inputs = d_inputs;
    REFUSED(RNNP_ERR_ARG, f.context, "no gradients", rnnp_trainer_evaluate(f.trainer, &f.d.batch, &r));
    f.d.batch.d_inputs = NULL;
    REFUSED(RNNP_ERR_ARG, f.context, "batch is NULL", rnnp_trainer_step(f.trainer, NULL, &r));
    assert_int_equal(rnnp_trainer_step(NULL, &f.d.batch, &r), RNNP_ERR_ARG);
    assert_int_equal(rnnp_trainer_backward(NULL, &f.d.batch, &r), RNNP_ERR_ARG);
    assert_int_equal(rnnp_trainer_evaluate(NULL, &f.d.batch, &r), RNNP_ERR_ARG);

    OK(rnnp_trainer_step(f.trainer, &f.d.batch, NULL));
    OK(rnnp_trainer_step(f.untouched, &f.d.batch, NULL));
    assert_same(f.trainer, f.untouched, 0);
    end_batches(&f);
}

/* What grows beyond all bounds is said, and lost is nothing. */
static void test_diverged(void **state)
{
    static fixture f;
    float w[HIDDEN * CLASSES], bias[CLASSES] = {3.4e38f, 3.4e38f};
    rnnp_train_result r = {.struct_size = sizeof r};

    (void)state;
    begin_batches(&f);
    const size_t dense_w = index_of(f.trainer, "MatMul", 1);
    for (size_t i = 0; i < HIDDEN * CLASSES; i++) w[i] = i % CLASSES == 0 ? 3e38f : i % CLASSES == 1 ? -3e38f : 0.0f;
    for (size_t i = 0; i < 2; i++) { /* whatever the sign of a row's features is, one of its logits is infinite */
        rnnp_trainer *trainer = i ? f.untouched : f.trainer;

        OK(rnnp_trainer_set_parameter(trainer, dense_w, w));
        OK(rnnp_trainer_set_parameter(trainer, index_of(trainer, "Add", 1), bias));
    }
    REFUSED(RNNP_ERR_STATE, f.context, "diverged", rnnp_trainer_step(f.trainer, &f.d.batch, &r));
    assert_int_equal(rnnp_trainer_step_count(f.trainer), 1);
    assert_same(f.trainer, f.untouched, 0);
    assert_int_equal(rnnp_trainer_get_gradient(f.trainer, dense_w, w), RNNP_ERR_STATE);
    end_batches(&f);
}

/* What fails on a worker is said by the thread that called, whatever the number of threads: of the first bad row. */
static void test_on_workers(void **state)
{
    enum { ROWS = 80, WORDS = 5 };
    const int64_t shape[] = {RNNP_DYNAMIC}, table_shape[] = {WORDS, 4};
    const char *const names[] = {"batch"};
    float *table = numbers(WORDS * 4, 5, 0.5f);
    int64_t words[ROWS] = {0};
    int32_t classes[ROWS] = {0};

    (void)state;
    words[35] = 100;
    words[ROWS - 1] = 200;
    for (size_t threads = 1; threads <= 5; threads++) {
        graph g = {context_of(threads, NULL), NULL, 0};
        const rnnp_train_options options = default_options();
        rnnp_value table_value, out;
        rnnp_train_result r = {.struct_size = sizeof r};

        OK(rnnp_model_create(g.context, &g.model));
        OK(rnnp_model_add_input(g.model, "words", RNNP_DTYPE_I64, 1, shape, names, &g.x));
        OK(rnnp_model_add_constant(g.model, "table",
                                   &(rnnp_tensor){RNNP_DTYPE_F32, 2, {table_shape[0], table_shape[1]}, .data = table},
                                   &table_value));
        out = dense(&g, node2(g.model, "Gather", table_value, g.x), 4, 3);
        OK(rnnp_model_add_output(g.model, "y", out));
        OK(rnnp_model_close(g.model));
        rnnp_trainer *trainer = make_trainer(g.model, &options);
        const rnnp_tensor in = {RNNP_DTYPE_I64, 1, {ROWS}, .data = words},
                          target = {RNNP_DTYPE_I32, 1, {ROWS}, .data = classes};
        const rnnp_train_batch batch = {.struct_size = sizeof batch, .inputs = &in, .n_inputs = 1, .target = &target};
        for (int i = 0; i < 20; i++) {
            REFUSED(RNNP_ERR_ARG, g.context, "NULL", rnnp_trainer_get_parameter(trainer, 0, NULL));
            REFUSED(RNNP_ERR_ARG, g.context, "index 100", rnnp_trainer_step(trainer, &batch, &r));
            REFUSED(RNNP_ERR_ARG, g.context, "index 100", rnnp_trainer_evaluate(trainer, &batch, &r));
        }
        rnnp_trainer_destroy(trainer);
        rnnp_model_destroy(g.model);
        rnnp_context_destroy(g.context);
    }
    free(table);
}

/* ---- Parameters ---- */

static void test_parameters(void **state)
{
    static fixture f;
    float w[4 * HIDDEN * HIDDEN], was[4 * HIDDEN * HIDDEN];
    rnnp_train_options options = default_options();
    rnnp_parameter_info p = {.struct_size = sizeof p};
    rnnp_model *model;
    size_t copied, bytes;

    (void)state;
    begin_batches(&f);
    const size_t n = rnnp_trainer_parameter_count(f.trainer), r = index_of(f.trainer, "LSTM", 2);
    assert_int_equal(n, 5);
    OK(rnnp_trainer_parameter_info(f.trainer, r, &p));
    assert_int_equal(p.rank, 3);
    assert_int_equal(p.shape[1], 4 * HIDDEN);
    assert_int_equal(p.shape[2], HIDDEN);
    assert_int_equal(p.frozen, 0);
    assert_non_null(p.name);
    assert_non_null(p.node);

    OK(rnnp_trainer_get_parameter(f.trainer, r, was));
    memcpy(w, was, sizeof w);
    w[5] = NAN;
    REFUSED(RNNP_ERR_ARG, f.context, "element 5 is nan", rnnp_trainer_set_parameter(f.trainer, r, w));
    OK(rnnp_trainer_get_parameter(f.trainer, r, w));
    assert_memory_equal(w, was, sizeof w);
    w[5] = 0.25f;
    OK(rnnp_trainer_set_parameter(f.trainer, r, w));
    OK(rnnp_trainer_get_parameter(f.trainer, r, was));
    assert_memory_equal(w, was, sizeof w);

    REFUSED(RNNP_ERR_ARG, f.context, "parameter 5 of 5", rnnp_trainer_get_parameter(f.trainer, n, w));
    REFUSED(RNNP_ERR_ARG, f.context, "parameter 5 of 5", rnnp_trainer_set_parameter(f.trainer, n, w));
    REFUSED(RNNP_ERR_ARG, f.context, "parameter 5 of 5", rnnp_trainer_get_gradient(f.trainer, n, w));
    REFUSED(RNNP_ERR_ARG, f.context, "parameter 5 of 5", rnnp_trainer_freeze(f.trainer, n, 1));
    REFUSED(RNNP_ERR_ARG, f.context, "parameter 5 of 5", rnnp_trainer_parameter_info(f.trainer, n, &p));
    REFUSED(RNNP_ERR_ARG, f.context, "NULL", rnnp_trainer_get_parameter(f.trainer, r, NULL));
    REFUSED(RNNP_ERR_ARG, f.context, "NULL", rnnp_trainer_set_parameter(f.trainer, r, NULL));
    REFUSED(RNNP_ERR_ARG, f.context, "NULL", rnnp_trainer_get_gradient(f.trainer, r, NULL));
    REFUSED(RNNP_ERR_ARG, f.context, "NULL", rnnp_trainer_parameter_info(f.trainer, r, NULL));
    assert_int_equal(rnnp_trainer_get_parameter(NULL, 0, w), RNNP_ERR_ARG);
    assert_int_equal(rnnp_trainer_set_parameter(NULL, 0, w), RNNP_ERR_ARG);
    assert_int_equal(rnnp_trainer_get_gradient(NULL, 0, w), RNNP_ERR_ARG);
    assert_int_equal(rnnp_trainer_freeze(NULL, 0, 1), RNNP_ERR_ARG);
    assert_int_equal(rnnp_trainer_parameter_info(NULL, 0, &p), RNNP_ERR_ARG);
    assert_int_equal(rnnp_trainer_initialize(NULL, 1), RNNP_ERR_ARG);
    assert_int_equal(rnnp_trainer_set_rate(NULL, 1), RNNP_ERR_ARG);
    assert_int_equal(rnnp_trainer_parameter_count(NULL), 0);
    assert_int_equal(rnnp_trainer_step_count(NULL), 0);
    REFUSED(RNNP_ERR_ARG, f.context, "nan", rnnp_trainer_set_rate(f.trainer, NAN));
    REFUSED(RNNP_ERR_ARG, f.context, "-1", rnnp_trainer_set_rate(f.trainer, -1.0f));
    REFUSED(RNNP_ERR_ARG, f.context, "inf", rnnp_trainer_set_rate(f.trainer, INFINITY));

    rnnp_trainer *fresh = make_trainer(f.model, &options);
    REFUSED(RNNP_ERR_STATE, f.context, "no gradient", rnnp_trainer_get_gradient(fresh, r, w));
    rnnp_trainer_destroy(fresh);

    assert_int_equal(rnnp_trainer_adopt(NULL, f.model, NULL), RNNP_ERR_ARG);
    REFUSED(RNNP_ERR_ARG, f.context, "NULL", rnnp_trainer_adopt(f.trainer, NULL, &copied));
    model = make_model(f.context);
    REFUSED(RNNP_ERR_STATE, f.context, "not closed", rnnp_trainer_adopt(f.trainer, model, &copied));
    rnnp_model_destroy(model);
    OK(rnnp_trainer_adopt(f.trainer, f.model, NULL));

    assert_int_equal(rnnp_trainer_model(NULL, &model), RNNP_ERR_ARG);
    assert_null(model);
    REFUSED(RNNP_ERR_ARG, f.context, "NULL", rnnp_trainer_model(f.trainer, NULL));
    assert_int_equal(rnnp_trainer_bytes(NULL, f.d.inputs, 2, &bytes), RNNP_ERR_ARG);
    REFUSED(RNNP_ERR_ARG, f.context, "NULL", rnnp_trainer_bytes(f.trainer, f.d.inputs, 2, NULL));
    REFUSED(RNNP_ERR_ARG, f.context, "1 inputs", rnnp_trainer_bytes(f.trainer, f.d.inputs, 1, &bytes));
    rnnp_trainer_destroy(NULL);
    end_batches(&f);
}

/* Adopting takes equal names of equal shapes, all or nothing. */
static void test_adopt(void **state)
{
    rnnp_context *context = context_of(1, NULL);
    rnnp_train_options options = default_options();
    graph g = begin(context, "batch"), other = begin(context, "batch"), bad = begin(context, "batch");
    float w[12] = {1, 2, 3}, v[12] = {4, 5, 6}, broken[12] = {7, NAN}, got[12];
    rnnp_value value;
    size_t copied = 9;

    (void)state;
    OK(rnnp_model_add_constant(g.model, "w", &(rnnp_tensor){RNNP_DTYPE_F32, 2, {4, 3}, .data = w}, &value));
    OK(rnnp_model_add_output(g.model, "y", node2(g.model, "MatMul", g.x, value)));
    OK(rnnp_model_close(g.model));
    OK(rnnp_model_add_constant(other.model, "w", &(rnnp_tensor){RNNP_DTYPE_F32, 2, {4, 3}, .data = v}, &value));
    OK(rnnp_model_add_output(other.model, "y",
                             node1(other.model, "Tanh", node2(other.model, "MatMul", other.x, value))));
    OK(rnnp_model_close(other.model));
    OK(rnnp_model_add_constant(bad.model, "w", &(rnnp_tensor){RNNP_DTYPE_F32, 2, {4, 3}, .data = broken}, &value));
    OK(rnnp_model_add_output(bad.model, "y", node2(bad.model, "MatMul", bad.x, value)));
    OK(rnnp_model_close(bad.model));

    rnnp_trainer *trainer = make_trainer(g.model, &options);
    OK(rnnp_trainer_adopt(trainer, other.model, &copied));
    assert_int_equal(copied, 1);
    OK(rnnp_trainer_get_parameter(trainer, 0, got));
    assert_memory_equal(got, v, sizeof v);
    REFUSED(RNNP_ERR_ARG, context, "element 1 of w is nan", rnnp_trainer_adopt(trainer, bad.model, &copied));
    OK(rnnp_trainer_get_parameter(trainer, 0, got));
    assert_memory_equal(got, v, sizeof v);
    rnnp_trainer_destroy(trainer);
    REFUSED(RNNP_ERR_ARG, context, "parameter w: element 1 is nan", rnnp_trainer_create(bad.model, &options, &trainer));
    rnnp_model_destroy(g.model);
    rnnp_model_destroy(other.model);
    rnnp_model_destroy(bad.model);
    rnnp_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_models),     cmocka_unit_test(test_released),   cmocka_unit_test(test_batches),
        cmocka_unit_test(test_diverged),   cmocka_unit_test(test_parameters), cmocka_unit_test(test_adopt),
        cmocka_unit_test(test_on_workers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
