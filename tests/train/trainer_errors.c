/* SPDX-License-Identifier: Apache-2.0
 *
 * What a trainer refuses, and that it is as before then.
 */
#include "trainer.h"

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
    FREED float *w = numbers((in + 1) * out, 3, 0.5f);
    rnnp_value y;

    OK(rnnp_model_add_dense(g->model, x, w, in, out, 0, w + in * out, NULL, &y));
    return y;
}

static rnnp_status create(graph *g, rnnp_value y, const rnnp_train_options *options)
{
    rnnp_trainer *trainer = (rnnp_trainer *)g;

    close_with(g->model, "y", y);
    const rnnp_status status = rnnp_trainer_create(g->model, options, &trainer);
    if (status != RNNP_OK) assert_null(trainer);
    rnnp_trainer_destroy(trainer);
    rnnp_model_destroy(g->model);
    return status;
}

TEST(test_models)
{
    OWNED(context) context = make_context(NULL, 1);
    rnnp_train_options options = default_options(), other = default_options();
    const int64_t axes[] = {0};
    graph g;

    g = begin(context, "batch");
    OK(create(&g, dense(&g, g.x, 4, 3), &options));

    g = begin(context, NULL);
    REFUSED(context, create(&g, dense(&g, g.x, 4, 3), &options), RNNP_ERR_SHAPE,
            "no input has a dimension with the symbol batch");
    g = begin(context, "rows");
    REFUSED(context, create(&g, dense(&g, g.x, 4, 3), &options), RNNP_ERR_SHAPE, "symbol batch");
    other.batch = "rows";
    g = begin(context, "rows");
    OK(create(&g, dense(&g, g.x, 4, 3), &other));

    g = begin(context, "batch"); /* a mean over the batch */
    const rnnp_attr keep = {.name = "keepdims", .kind = RNNP_ATTR_INT, .i = 1};
    const rnnp_attr mean[] = {{.name = "axes", .kind = RNNP_ATTR_INTS, .count = 1, .ints = axes}, keep};
    const rnnp_value y = dense(&g, g.x, 4, 3), m = node(g.model, "ReduceMean", &y, 1, mean, 2);
    REFUSED(context, create(&g, node2(g.model, "Sub", y, m), &options), RNNP_ERR_SHAPE, "mixes the rows");

    g = begin(context, "batch"); /* nothing but inputs */
    REFUSED(context, create(&g, node1(g.model, "Tanh", g.x), &options), RNNP_ERR_UNSUPPORTED, "nothing to train");

    g = begin(context, "batch"); /* no gradient */
    REFUSED(context, create(&g, node1(g.model, "Floor", dense(&g, g.x, 4, 3)), &options), RNNP_ERR_UNSUPPORTED,
            "Floor");
    g = begin(context, "batch"); /* but below the parameters it does no harm */
    OK(create(&g, dense(&g, node1(g.model, "Floor", g.x), 4, 3), &options));

    g = begin(context, "batch");
    other = default_options();
    other.output = 1;
    REFUSED(context, create(&g, dense(&g, g.x, 4, 3), &other), RNNP_ERR_ARG, "output 1");

    const float class_weights[] = {1, 1};
    other = default_options();
    other.class_weights = class_weights;
    other.n_classes = 2;
    g = begin(context, "batch");
    REFUSED(context, create(&g, dense(&g, g.x, 4, 3), &other), RNNP_ERR_SHAPE, "3 classes, but 2");

    const rnnp_attr axis0 = {.name = "axis", .kind = RNNP_ATTR_INT, .i = 1};
    g = begin(context, "batch"); /* [batch][1][4], softmax over the middle */
    const rnnp_value list = ints(g.model, (const int64_t[]){1}, 1);
    rnnp_value z = node2(g.model, "Unsqueeze", dense(&g, g.x, 4, 4), list);
    z = node(g.model, "Softmax", &z, 1, &axis0, 1);
    REFUSED(context, create(&g, z, &options), RNNP_ERR_UNSUPPORTED, "last axis");

    g = begin(context, "batch"); /* the batch is where classes should be */
    z = dense(&g, g.x, 4, 4);
    z = node1(g.model, "Transpose", z);
    REFUSED(context, create(&g, z, &options), RNNP_ERR_SHAPE, "last dimension");

    rnnp_trainer *trainer;
    assert_int_equal(rnnp_trainer_create(NULL, NULL, &trainer), RNNP_ERR_ARG);
    assert_null(trainer);
    g = begin(context, "batch");
    assert_int_equal(rnnp_trainer_create(g.model, NULL, NULL), RNNP_ERR_ARG);
    REFUSED(context, rnnp_trainer_create(g.model, NULL, &trainer), RNNP_ERR_STATE, "not closed");
    rnnp_model_destroy(g.model);
}

TEST(test_released)
{
    OWNED(context) context = make_context(NULL, 1);
    graph g = begin(context, "batch");
    rnnp_trainer *trainer;
    size_t bytes;

    close_with(g.model, "y", dense(&g, g.x, 4, 4096));
    OWNED(model) model = g.model;
    OWNED(plan) plan = make_plan(model);
    assert_non_null(plan);
    OK(rnnp_model_release_weights(model, &bytes));
    assert_true(bytes > 0);
    REFUSED(context, rnnp_trainer_create(model, NULL, &trainer), RNNP_ERR_STATE, "rnnp_model_release_weights");
}

/* ---- Batches ---- */

typedef struct fixture {
    setup s;
    rnnp_trainer *untouched;
    data d;
} fixture;

static void begin_batches(fixture *f)
{
    const rnnp_train_options options = default_options();

    f->s = set_up(2, NULL, 0.1f, &options);
    f->untouched = make_trainer(f->s.model, &options);
    make_data(&f->d, 40, 3);
    OK(rnnp_trainer_step(f->s.trainer, &f->d.batch, NULL));
    OK(rnnp_trainer_step(f->untouched, &f->d.batch, NULL));
}

static void end_batches(fixture *f)
{
    rnnp_trainer_destroy(f->untouched);
    tear_down(&f->s);
}

/* Refused by all three, nothing changed. */
static void refused(fixture *f, rnnp_status status, const char *words)
{
    rnnp_train_result r = {sizeof r, 7, 7, 7};

    REFUSED(f->s.context, rnnp_trainer_step(f->s.trainer, &f->d.batch, &r), status, words);
    REFUSED(f->s.context, rnnp_trainer_backward(f->s.trainer, &f->d.batch, &r), status, words);
    REFUSED(f->s.context, rnnp_trainer_evaluate(f->s.trainer, &f->d.batch, &r), status, words);
    assert_true(r.loss == 7 && r.weight == 7 && r.norm == 7);
    assert_int_equal(rnnp_trainer_step_count(f->s.trainer), 1);
    assert_same(f->s.trainer, f->untouched, 0);
    make_data(&f->d, 40, 3);
}

TEST(test_batches)
{
    DROPPED(end_batches) fixture f;
    static float dx[STEPS * 40 * INPUT];
    rnnp_tensor d_inputs[2] = {{.data = dx}, {.data = NULL}};
    rnnp_train_result r = {.struct_size = sizeof r};

    begin_batches(&f);
#define BAD(change, status, words) (change, refused(&f, status, words))
    BAD(f.d.x[(3 * 40 + 39) * INPUT + 1] = NAN, RNNP_ERR_ARG, "input x: row 39, element 10 of it is nan"); /* step 3 */
    BAD(f.d.h0[8] = INFINITY, RNNP_ERR_ARG, "input h0: row 1, element 1 of it is inf");
    BAD(f.d.classes[17] = CLASSES, RNNP_ERR_ARG, "row 17");
    BAD(f.d.classes[0] = -1, RNNP_ERR_ARG, "row 0");
    BAD(f.d.batch.n_inputs = 1, RNNP_ERR_ARG, "1 inputs");
    BAD(f.d.inputs[1].shape[1] = 39, RNNP_ERR_SHAPE, "batch");
    BAD(f.d.inputs[0].dtype = RNNP_DTYPE_I32, RNNP_ERR_TYPE, "input x is i32");
    BAD(f.d.inputs[0].data = NULL, RNNP_ERR_ARG, "input x has no data");
    BAD(f.d.inputs[0].shape[1] = f.d.inputs[1].shape[1] = 0, RNNP_ERR_SHAPE, "0 rows");
    BAD(f.d.target.shape[0] = 39, RNNP_ERR_SHAPE, "target has shape [39], the loss of output y requires [40]");
    BAD(f.d.target.dtype = RNNP_DTYPE_F32, RNNP_ERR_TYPE, "target is f32");
    BAD(f.d.target.data = NULL, RNNP_ERR_ARG, "target has no data");
#define BAD_WEIGHT(change, status, words) (f.d.batch.weights = &f.d.weight, BAD(change, status, words))
    BAD_WEIGHT(f.d.weight.rank = 2, RNNP_ERR_SHAPE, "weights have shape");
    BAD_WEIGHT(f.d.weight.dtype = RNNP_DTYPE_I32, RNNP_ERR_TYPE, "weights are i32");
    BAD_WEIGHT(memset(f.d.weights, 0, sizeof f.d.weights), RNNP_ERR_ARG, "sum up to 0");
    BAD_WEIGHT(f.d.weights[3] = -1, RNNP_ERR_ARG, "row 3");

    f.d.batch.target = NULL;
    REFUSED(f.s.context, rnnp_trainer_step(f.s.trainer, &f.d.batch, &r), RNNP_ERR_ARG, "no target");
    OK(rnnp_trainer_evaluate(f.s.trainer, &f.d.batch, &r));
    f.d.batch.weights = &f.d.weight;
    REFUSED(f.s.context, rnnp_trainer_evaluate(f.s.trainer, &f.d.batch, &r), RNNP_ERR_ARG, "weights but no target");
    make_data(&f.d, 40, 3);
    f.d.batch.d_inputs = d_inputs;
    REFUSED(f.s.context, rnnp_trainer_evaluate(f.s.trainer, &f.d.batch, &r), RNNP_ERR_ARG, "no gradients");
    f.d.batch.d_inputs = NULL;
    REFUSED(f.s.context, rnnp_trainer_step(f.s.trainer, NULL, &r), RNNP_ERR_ARG, "batch is NULL");
    assert_int_equal(rnnp_trainer_step(NULL, &f.d.batch, &r), RNNP_ERR_ARG);
    assert_int_equal(rnnp_trainer_backward(NULL, &f.d.batch, &r), RNNP_ERR_ARG);
    assert_int_equal(rnnp_trainer_evaluate(NULL, &f.d.batch, &r), RNNP_ERR_ARG);

    OK(rnnp_trainer_step(f.s.trainer, &f.d.batch, NULL));
    OK(rnnp_trainer_step(f.untouched, &f.d.batch, NULL));
    assert_same(f.s.trainer, f.untouched, 0);
}

/* What grows beyond all bounds is said, and lost is nothing. */
TEST(test_diverged)
{
    DROPPED(end_batches) fixture f;
    float w[HIDDEN * CLASSES], bias[CLASSES] = {3.4e38f, 3.4e38f};
    rnnp_train_result r = {.struct_size = sizeof r};

    begin_batches(&f);
    const size_t dense_w = index_of(f.s.trainer, "MatMul", 1);
    for (size_t i = 0; i < HIDDEN * CLASSES; i++) w[i] = i % CLASSES == 0 ? 3e38f : i % CLASSES == 1 ? -3e38f : 0.0f;
    for (size_t i = 0; i < 2; i++) { /* whatever the sign of a row's features is, one of its logits is infinite */
        rnnp_trainer *trainer = i ? f.untouched : f.s.trainer;

        OK(rnnp_trainer_set_parameter(trainer, dense_w, w));
        OK(rnnp_trainer_set_parameter(trainer, index_of(trainer, "Add", 1), bias));
    }
    REFUSED(f.s.context, rnnp_trainer_step(f.s.trainer, &f.d.batch, &r), RNNP_ERR_STATE, "diverged");
    assert_int_equal(rnnp_trainer_step_count(f.s.trainer), 1);
    assert_same(f.s.trainer, f.untouched, 0);
    assert_int_equal(rnnp_trainer_get_gradient(f.s.trainer, dense_w, w), RNNP_ERR_STATE);
}

/* What fails on a worker is said by the thread that called, whatever the number of threads: of the first bad row. */
TEST(test_on_workers)
{
    enum { ROWS = 80, WORDS = 5 };
    const int64_t shape[] = {RNNP_DYNAMIC};
    const char *const names[] = {"batch"};
    FREED float *table = numbers(WORDS * 4, 5, 0.5f);
    int64_t words[ROWS] = {0};
    int32_t classes[ROWS] = {0};

    words[35] = 100;
    words[ROWS - 1] = 200;
    for (size_t threads = 1; threads <= 5; threads++) {
        OWNED(context) context = make_context(NULL, threads);
        OWNED(model) model = make_model(context);
        graph g = {context, model, 0};
        const rnnp_train_options options = default_options();
        rnnp_value y;
        rnnp_train_result r = {.struct_size = sizeof r};

        OK(rnnp_model_add_input(model, "words", RNNP_DTYPE_I64, 1, shape, names, &g.x));
        OK(rnnp_model_add_embedding(model, g.x, table, WORDS, 4, &y));
        close_with(model, "y", dense(&g, y, 4, 3));
        OWNED(trainer) trainer = make_trainer(model, &options);
        const rnnp_tensor in = {RNNP_DTYPE_I64, 1, {ROWS}, .data = words},
                          target = {RNNP_DTYPE_I32, 1, {ROWS}, .data = classes};
        const rnnp_train_batch batch = {.struct_size = sizeof batch, .inputs = &in, .n_inputs = 1, .target = &target};
        for (int i = 0; i < 20; i++) {
            REFUSED(context, rnnp_trainer_get_parameter(trainer, 0, NULL), RNNP_ERR_ARG, "NULL");
            REFUSED(context, rnnp_trainer_step(trainer, &batch, &r), RNNP_ERR_ARG, "index 100");
            REFUSED(context, rnnp_trainer_evaluate(trainer, &batch, &r), RNNP_ERR_ARG, "index 100");
        }
    }
}

/* Whatever the format and the layer, and wherever it is: also below all that would be trained. */
TEST(test_formats)
{
    OWNED(context) context = make_context(NULL, 1);
    const rnnp_train_options options = default_options();
    OPTIONS(quantize, quantize);
    const char *const names[] = {"f16", "bf16", "s8"};
    const int64_t shape[] = {5, RNNP_DYNAMIC, 4};
    const char *const symbols[] = {NULL, "batch", NULL};
    FREED float *w = numbers(3 * 3 * (4 + 3 + 2), 3, 0.5f);
    const rnnp_recurrent_weights weights = {.w = w, .r = w + 36, .bias = w + 63};
    rnnp_recurrent_options gru;
    rnnp_value x, h, y;

    OWNED(model) model = make_model(context);
    OK(rnnp_model_add_input(model, "x", RNNP_DTYPE_F32, 3, shape, symbols, &x));
    rnnp_recurrent_options_init(&gru, RNNP_CELL_GRU, 4, 3);
    gru.last_step = 1;
    OK(rnnp_model_set_layer_name(model, "first"));
    OK(rnnp_model_add_recurrent(model, &gru, &weights, x, RNNP_NONE, RNNP_NONE, RNNP_NONE, &h, NULL, NULL));
    OK(rnnp_model_set_layer_name(model, "second"));
    OK(rnnp_model_add_dense(model, h, w, 3, 2, 0, NULL, NULL, &y));
    close_with(model, "y", y);
    for (size_t format = 0; format < 3; format++) {
        for (size_t i = 0; i < 2; i++) {
            const rnnp_quantize_rule rule = {i ? "first*" : "second*", RNNP_WEIGHTS_F32};
            rnnp_node_info node = {.struct_size = sizeof node};
            rnnp_trainer *trainer = (rnnp_trainer *)model;
            char sentence[256];

            quantize.weights = (rnnp_weights)(RNNP_WEIGHTS_F16 + format);
            quantize.rules = &rule;
            quantize.n_rules = 1;
            OWNED(model) quantized = NULL;
            OK(rnnp_model_quantize(model, &quantize, &quantized));
            OK(rnnp_model_node_info(quantized, find_node(quantized, i ? "MatMul" : "GRU", 0), &node));
            assert_int_equal(node.weights, quantize.weights);
            snprintf(sentence, sizeof sentence, "%s %s: its weights are %s", node.op, node.name, names[format]);
            REFUSED(context, rnnp_trainer_create(quantized, &options, &trainer), RNNP_ERR_UNSUPPORTED, sentence);
            assert_null(trainer);
            OK(rnnp_trainer_create(model, &options, &trainer));
            snprintf(sentence, sizeof sentence, "%s is %s, not f32", i ? "second.kernel" : "first.W",
                     format == 2 ? "i8" : names[format]);
            REFUSED(context, rnnp_trainer_adopt(trainer, quantized, NULL), RNNP_ERR_UNSUPPORTED, sentence);
            rnnp_trainer_destroy(trainer);
            OK(rnnp_model_node_info(quantized, find_node(quantized, i ? "GRU" : "MatMul", 0), &node));
            assert_int_equal(node.weights, RNNP_WEIGHTS_F32);
        }
    }
}

/* ---- Parameters ---- */

TEST(test_parameters)
{
    DROPPED(end_batches) fixture f;
    float w[4 * HIDDEN * HIDDEN], was[4 * HIDDEN * HIDDEN];
    rnnp_train_options options = default_options();
    rnnp_parameter_info p = {.struct_size = sizeof p};
    rnnp_model *model;
    size_t copied, bytes;

    begin_batches(&f);
    const size_t n = rnnp_trainer_parameter_count(f.s.trainer), r = index_of(f.s.trainer, "LSTM", 2);
    assert_int_equal(n, 5);
    OK(rnnp_trainer_parameter_info(f.s.trainer, r, &p));
    assert_int_equal(p.rank, 3);
    assert_int_equal(p.shape[1], 4 * HIDDEN);
    assert_int_equal(p.shape[2], HIDDEN);
    assert_int_equal(p.frozen, 0);
    assert_non_null(p.name);
    assert_non_null(p.node);

    OK(rnnp_trainer_get_parameter(f.s.trainer, r, was));
    memcpy(w, was, sizeof w);
    w[5] = NAN;
    REFUSED(f.s.context, rnnp_trainer_set_parameter(f.s.trainer, r, w), RNNP_ERR_ARG, "element 5 is nan");
    OK(rnnp_trainer_get_parameter(f.s.trainer, r, w));
    assert_memory_equal(w, was, sizeof w);
    w[5] = 0.25f;
    OK(rnnp_trainer_set_parameter(f.s.trainer, r, w));
    OK(rnnp_trainer_get_parameter(f.s.trainer, r, was));
    assert_memory_equal(w, was, sizeof w);

    REFUSED(f.s.context, rnnp_trainer_get_parameter(f.s.trainer, n, w), RNNP_ERR_ARG, "parameter 5 of 5");
    REFUSED(f.s.context, rnnp_trainer_set_parameter(f.s.trainer, n, w), RNNP_ERR_ARG, "parameter 5 of 5");
    REFUSED(f.s.context, rnnp_trainer_get_gradient(f.s.trainer, n, w), RNNP_ERR_ARG, "parameter 5 of 5");
    REFUSED(f.s.context, rnnp_trainer_freeze(f.s.trainer, n, 1), RNNP_ERR_ARG, "parameter 5 of 5");
    REFUSED(f.s.context, rnnp_trainer_parameter_info(f.s.trainer, n, &p), RNNP_ERR_ARG, "parameter 5 of 5");
    REFUSED(f.s.context, rnnp_trainer_get_parameter(f.s.trainer, r, NULL), RNNP_ERR_ARG, "NULL");
    REFUSED(f.s.context, rnnp_trainer_set_parameter(f.s.trainer, r, NULL), RNNP_ERR_ARG, "NULL");
    REFUSED(f.s.context, rnnp_trainer_get_gradient(f.s.trainer, r, NULL), RNNP_ERR_ARG, "NULL");
    REFUSED(f.s.context, rnnp_trainer_parameter_info(f.s.trainer, r, NULL), RNNP_ERR_ARG, "NULL");
    assert_int_equal(rnnp_trainer_get_parameter(NULL, 0, w), RNNP_ERR_ARG);
    assert_int_equal(rnnp_trainer_set_parameter(NULL, 0, w), RNNP_ERR_ARG);
    assert_int_equal(rnnp_trainer_get_gradient(NULL, 0, w), RNNP_ERR_ARG);
    assert_int_equal(rnnp_trainer_freeze(NULL, 0, 1), RNNP_ERR_ARG);
    assert_int_equal(rnnp_trainer_parameter_info(NULL, 0, &p), RNNP_ERR_ARG);
    assert_int_equal(rnnp_trainer_initialize(NULL, 1), RNNP_ERR_ARG);
    assert_int_equal(rnnp_trainer_set_rate(NULL, 1), RNNP_ERR_ARG);
    assert_int_equal(rnnp_trainer_parameter_count(NULL), 0);
    assert_int_equal(rnnp_trainer_step_count(NULL), 0);
    REFUSED(f.s.context, rnnp_trainer_set_rate(f.s.trainer, NAN), RNNP_ERR_ARG, "nan");
    REFUSED(f.s.context, rnnp_trainer_set_rate(f.s.trainer, -1.0f), RNNP_ERR_ARG, "-1");
    REFUSED(f.s.context, rnnp_trainer_set_rate(f.s.trainer, INFINITY), RNNP_ERR_ARG, "inf");
    assert_int_equal(rnnp_trainer_set_proximal(NULL, 1), RNNP_ERR_ARG);
    REFUSED(f.s.context, rnnp_trainer_set_proximal(f.s.trainer, NAN), RNNP_ERR_ARG, "a proximal weight of nan");
    REFUSED(f.s.context, rnnp_trainer_set_proximal(f.s.trainer, -1.0f), RNNP_ERR_ARG, "a proximal weight of -1");
    REFUSED(f.s.context, rnnp_trainer_set_proximal(f.s.trainer, INFINITY), RNNP_ERR_ARG, "a proximal weight of inf");

    rnnp_trainer *fresh = make_trainer(f.s.model, &options);
    REFUSED(f.s.context, rnnp_trainer_get_gradient(fresh, r, w), RNNP_ERR_STATE, "no gradient");
    rnnp_trainer_destroy(fresh);

    assert_int_equal(rnnp_trainer_adopt(NULL, f.s.model, NULL), RNNP_ERR_ARG);
    REFUSED(f.s.context, rnnp_trainer_adopt(f.s.trainer, NULL, &copied), RNNP_ERR_ARG, "NULL");
    model = make_model(f.s.context);
    REFUSED(f.s.context, rnnp_trainer_adopt(f.s.trainer, model, &copied), RNNP_ERR_STATE, "not closed");
    rnnp_model_destroy(model);
    OK(rnnp_trainer_adopt(f.s.trainer, f.s.model, NULL));

    assert_int_equal(rnnp_trainer_model(NULL, &model), RNNP_ERR_ARG);
    assert_null(model);
    REFUSED(f.s.context, rnnp_trainer_model(f.s.trainer, NULL), RNNP_ERR_ARG, "NULL");
    assert_int_equal(rnnp_trainer_bytes(NULL, f.d.inputs, 2, &bytes), RNNP_ERR_ARG);
    REFUSED(f.s.context, rnnp_trainer_bytes(f.s.trainer, f.d.inputs, 2, NULL), RNNP_ERR_ARG, "NULL");
    REFUSED(f.s.context, rnnp_trainer_bytes(f.s.trainer, f.d.inputs, 1, &bytes), RNNP_ERR_ARG, "1 inputs");
    rnnp_trainer_destroy(NULL);
}

/* x w, perhaps with an activation. */
static rnnp_model *product(rnnp_context *context, const float w[12], int activated)
{
    const graph g = begin(context, "batch");
    rnnp_value value, y;

    OK(rnnp_model_add_constant(g.model, "w", &(rnnp_tensor){RNNP_DTYPE_F32, 2, {4, 3}, .const_data = w}, &value));
    y = node2(g.model, "MatMul", g.x, value);
    close_with(g.model, "y", activated ? node1(g.model, "Tanh", y) : y);
    return g.model;
}

/* Adopting takes equal names of equal shapes, all or nothing. */
TEST(test_adopt)
{
    OWNED(context) context = make_context(NULL, 1);
    rnnp_train_options options = default_options();
    float w[12] = {1, 2, 3}, v[12] = {4, 5, 6}, broken[12] = {7, NAN}, got[12];
    OWNED(model) g = product(context, w, 0), *other = product(context, v, 1), *bad = product(context, broken, 0);
    size_t copied = 9;
    rnnp_trainer *none;

    OWNED(trainer) trainer = make_trainer(g, &options);
    OK(rnnp_trainer_adopt(trainer, other, &copied));
    assert_int_equal(copied, 1);
    OK(rnnp_trainer_get_parameter(trainer, 0, got));
    assert_memory_equal(got, v, sizeof v);
    REFUSED(context, rnnp_trainer_adopt(trainer, bad, &copied), RNNP_ERR_ARG, "element 1 of w is nan");
    OK(rnnp_trainer_get_parameter(trainer, 0, got));
    assert_memory_equal(got, v, sizeof v);
    REFUSED(context, rnnp_trainer_create(bad, &options, &none), RNNP_ERR_ARG, "parameter w: element 1 is nan");
}
