/* SPDX-License-Identifier: Apache-2.0
 *
 * Training: the loss falls, and gradients are those of the loss. (That bits depend on the batch alone, whatever the
 * threads, ISAs and recomputation, is told by matrix.c.)
 */
#include "trainer.h"

static void train(rnnp_trainer *trainer, const data *d, size_t steps)
{
    for (size_t i = 0; i < steps; i++) OK(rnnp_trainer_step(trainer, &d->batch, NULL));
}

TEST(test_learns)
{
    static const rnnp_optimizer_kind kinds[] = {RNNP_OPTIMIZER_SGD, RNNP_OPTIMIZER_RMSPROP, RNNP_OPTIMIZER_ADAM,
                                                RNNP_OPTIMIZER_ADAMW};
    static const float rates[] = {0.2f, 0.01f, 0.02f, 0.02f};
    data d;

    make_data(&d, 70, 5);
    for (size_t k = 0; k < 4; k++) {
        rnnp_train_options options = default_options();
        rnnp_train_result before = {.struct_size = sizeof before}, after = {.struct_size = sizeof after};

        optimizer.kind = kinds[k];
        optimizer.rate = rates[k];
        optimizer.momentum = kinds[k] == RNNP_OPTIMIZER_SGD ? 0.9f : 0.0f;
        optimizer.decay = kinds[k] == RNNP_OPTIMIZER_ADAMW ? 0.01f : 0.0f;
        DROPPED(tear_down) setup s = set_up(1, NULL, 0.2f, &options);
        OK(rnnp_trainer_evaluate(s.trainer, &d.batch, &before));
        train(s.trainer, &d, 120);
        OK(rnnp_trainer_evaluate(s.trainer, &d.batch, &after));
        assert_int_equal(rnnp_trainer_step_count(s.trainer), 120);
        assert_true(before.loss > 1.0);
        assert_true(after.loss < 0.35 * before.loss);
        assert_true(after.weight == 70.0);
    }
}

/* The tree of numerics.md over gradients of one slice each, for any number of slices. */
TEST(test_tree)
{
    rnnp_train_options options = default_options();
    DROPPED(tear_down) setup s = set_up(1, NULL, 0.2f, &options);
    enum { SLICES = 6 };
    float *part[SLICES + 1];
    size_t n = 0;
    data whole, one;

    for (size_t slices = 1; slices <= SLICES + 1; slices++) {
        const size_t rows = slices <= SLICES ? slices * 16 : 91; /* the last time a slice of 11 rows */

        /* masks are of places in the batch, so there must be none */
        OWNED(model) model = classifier(s.context, 0.0f);
        OWNED(trainer) trainer = make_trainer(model, &options);
        const size_t parts = (rows + 15) / 16;

        make_data(&whole, rows, 3);
        for (size_t p = 0; p < parts; p++) {
            const size_t mine = rows - p * 16 < 16 ? rows - p * 16 : 16;

            make_data(&one, mine, 3);
            for (size_t r = 0; r < mine; r++) {
                for (size_t t = 0; t < STEPS; t++)
                    memcpy(&one.x[(t * mine + r) * INPUT], &whole.x[(t * rows + p * 16 + r) * INPUT],
                           sizeof(float) * INPUT);
                memcpy(&one.h0[r * HIDDEN], &whole.h0[(p * 16 + r) * HIDDEN], sizeof(float) * HIDDEN);
                one.classes[r] = whole.classes[p * 16 + r];
            }
            OK(rnnp_trainer_backward(trainer, &one.batch, NULL));
            part[p] = all_of(trainer, 1, &n);
            for (size_t i = 0; i < n; i++) part[p][i] *= (float)mine;
        }
        for (size_t step = 1; step < parts; step *= 2) {
            for (size_t p = 0; p + step < parts; p += 2 * step) {
                for (size_t i = 0; i < n; i++) part[p][i] += part[p + step][i];
            }
        }
        OK(rnnp_trainer_backward(trainer, &whole.batch, NULL));
        FREED float *sum = all_of(trainer, 1, &n);
        if ((rows & (rows - 1)) == 0) { /* then scaling by 1 / rows commutes with all roundings */
            for (size_t i = 0; i < n; i++) part[0][i] /= (float)rows;
            assert_memory_equal(sum, part[0], n * sizeof *sum);
        } else {
            for (size_t i = 0; i < n; i++) assert_true(fabsf(sum[i] - part[0][i] / (float)rows) <= 1e-6f);
        }
        for (size_t p = 0; p < parts; p++) free(part[p]);
    }
}

/* Gradients by parameters and inputs against differences of the loss, with everything on that changes it. */
TEST(test_gradient)
{
    rnnp_train_options options = default_options();
    static float dx[STEPS * MOST_ROWS * INPUT], dh[MOST_ROWS * HIDDEN], y[MOST_ROWS * CLASSES], h[MOST_ROWS * HIDDEN];
    rnnp_tensor d_inputs[2] = {{.data = dx}, {.data = dh}}, outputs[2] = {{.data = y}, {.data = h}};
    const float step = 0.01f;
    rnnp_train_result r = {.struct_size = sizeof r};
    size_t checked = 0;
    double square = 0;
    data d;

    make_data(&d, 35, 8);
    d.batch.weights = &d.weight;
    d.batch.d_inputs = d_inputs;
    d.batch.outputs = outputs;
    options.l2 = 0.05f;
    DROPPED(tear_down) setup s = set_up(2, NULL, 0.0f, &options);
    OK(rnnp_trainer_backward(s.trainer, &d.batch, &r));
    assert_int_equal(d_inputs[0].shape[1], 35);
    assert_int_equal(outputs[0].shape[0], 35);
    assert_int_equal(outputs[0].rank, 2);
    d.batch.d_inputs = d.batch.outputs = NULL;
    for (size_t i = 0; i < rnnp_trainer_parameter_count(s.trainer); i++) {
        const size_t n = elements_of(s.trainer, i);
        FREED float *p = malloc(n * sizeof *p), *g = malloc(n * sizeof *g);

        OK(rnnp_trainer_get_parameter(s.trainer, i, p));
        OK(rnnp_trainer_get_gradient(s.trainer, i, g));
        for (size_t k = 0; k < n; k++) square += (double)g[k] * (double)g[k];
        for (size_t k = 0; k < n; k += 5, checked++)
            assert_true(fabs(slope(s.trainer, &d.batch, &p[k], step, i, p) - (double)g[k]) < 2e-4);
    }
    assert_true(checked > 50);
    assert_true(fabs(sqrt(square) - r.norm) < 1e-9 * r.norm);
    for (size_t k = 0; k < STEPS * 35 * INPUT; k += 17)
        assert_true(fabs(slope(s.trainer, &d.batch, &d.x[k], step, 0, NULL) - (double)dx[k]) < 1e-4);
    for (size_t k = 0; k < 35 * HIDDEN; k += 17)
        assert_true(fabs(slope(s.trainer, &d.batch, &d.h0[k], step, 0, NULL) - (double)dh[k]) < 1e-4);
}

/* The proximal term pulls back to where parameters were when it was set, and leaves no trace when it ends. */
TEST(test_proximal)
{
    rnnp_train_options options = default_options();
    rnnp_train_result with = {.struct_size = sizeof with}, without = with, plain = with;
    const float weight = 0.75f;
    double square = 0;
    size_t n, n_gradients;
    data d;

    make_data(&d, 35, 8);
    DROPPED(tear_down) setup a = set_up(2, NULL, 0.2f, &options), b = set_up(1, "generic", 0.2f, &options);
    OK(rnnp_trainer_freeze(a.trainer, 0, 1));
    FREED float *was = all_of(a.trainer, 0, &n);
    OK(rnnp_trainer_backward(a.trainer, &d.batch, &plain));
    OK(rnnp_trainer_set_proximal(a.trainer, weight));
    OK(rnnp_trainer_backward(a.trainer, &d.batch, &with)); /* still at the anchor */
    assert_memory_equal(&with, &plain, sizeof with);
    train(a.trainer, &d, 3);
    OK(rnnp_trainer_backward(a.trainer, &d.batch, &with));
    FREED float *now = all_of(a.trainer, 0, &n), *pulled = all_of(a.trainer, 1, &n_gradients);
    OK(rnnp_trainer_set_proximal(a.trainer, 0));
    OK(rnnp_trainer_backward(a.trainer, &d.batch, &without));
    FREED float *free_gradient = all_of(a.trainer, 1, &n_gradients);
    const size_t frozen = elements_of(a.trainer, 0);
    assert_int_equal(n_gradients, n - frozen);
    for (size_t i = 0; i < n_gradients; i++) {
        const float away = now[frozen + i] - was[frozen + i];
        assert_true(pulled[i] == free_gradient[i] + weight * away);
        square += (double)away * (double)away;
    }
    assert_true(square > 0 && fabs(with.loss - without.loss - (double)weight / 2 * square) < 1e-9);

    OK(rnnp_trainer_freeze(b.trainer, 0, 1)); /* other threads and kernels, the same bits; so is a new anchor */
    for (int k = 0; k < 2; k++) {
        OK(rnnp_trainer_set_proximal(b.trainer, weight));
        train(b.trainer, &d, k ? 2 : 3);
        if (k) OK(rnnp_trainer_set_proximal(a.trainer, weight));
        if (k) train(a.trainer, &d, 2);
        assert_same(a.trainer, b.trainer, 0);
    }
}

/* Losses of numbers with a weight for each element: what is masked may be anything, and the rest counts alone. */
TEST(test_element_weights)
{
    static const rnnp_loss losses[] = {RNNP_LOSS_MSE, RNNP_LOSS_MAE, RNNP_LOSS_HUBER};
    enum { ROWS = 35, N = ROWS * CLASSES };
    static float y[MOST_ROWS * CLASSES], h[MOST_ROWS * HIDDEN], t[N], w[N];
    rnnp_tensor outputs[2] = {{.data = y}, {.data = h}};
    const rnnp_tensor target = {RNNP_DTYPE_F32, 2, {ROWS, CLASSES}, .data = t},
                      weights = {RNNP_DTYPE_F32, 2, {ROWS, CLASSES}, .data = w};
    rnnp_train_result r = {.struct_size = sizeof r}, whole = r;
    data d;

    make_data(&d, ROWS, 8);
    d.batch.target = &target;
    for (size_t k = 0; k < sizeof losses / sizeof *losses; k++) {
        rnnp_train_options options = default_options();
        double sum = 0, weight = 0;
        size_t n;

        options.loss = losses[k];
        options.huber_delta = losses[k] == RNNP_LOSS_HUBER ? 0.3f : 0;
        DROPPED(tear_down) setup s = set_up(2, NULL, 0.0f, &options);
        fill(t, N, 5, 1.0f);
        for (size_t i = 0; i < N; i++) w[i] = 1;
        d.batch.weights = NULL;
        OK(rnnp_trainer_evaluate(s.trainer, &d.batch, &whole));
        d.batch.weights = &weights;
        OK(rnnp_trainer_evaluate(s.trainer, &d.batch, &r));
        assert_true(r.weight == N && whole.weight == ROWS && fabs(r.loss - whole.loss) < 1e-12);
        for (size_t i = 0; i < N; i += 3) w[i] = 0, t[i] = NAN;
        for (size_t i = 1; i < N; i += 3) w[i] = 0.5f;
        d.batch.outputs = outputs;
        OK(rnnp_trainer_backward(s.trainer, &d.batch, &r));
        d.batch.outputs = NULL;
        for (size_t i = 0; i < N; i++) {
            const double e = i % 3 ? fabs((double)y[i] - (double)t[i]) : 0, delta = (double)options.huber_delta;

            sum += (double)w[i] * (losses[k] == RNNP_LOSS_MSE   ? e * e
                                   : losses[k] == RNNP_LOSS_MAE ? e
                                   : e > delta                  ? delta * (e - delta / 2)
                                                                : e * e / 2);
            weight += (double)w[i];
        }
        assert_true(r.weight == weight && fabs(r.loss - sum / weight) < 1e-9);
        FREED float *g = all_of(s.trainer, 1, &n);
        FREED float *p = malloc(n * sizeof *p);
        OK(rnnp_trainer_get_parameter(s.trainer, 0, p));
        for (size_t i = 0; i < elements_of(s.trainer, 0); i += 5)
            assert_true(fabs(slope(s.trainer, &d.batch, &p[i], 0.001f, 0, p) - (double)g[i]) < 2e-4);
        t[1] = NAN;
        REFUSED(s.context, rnnp_trainer_backward(s.trainer, &d.batch, &r), RNNP_ERR_ARG,
                "target nan at 0 is not finite");
    }
}

/* An evaluation has the bits of a run of the exported model; training outputs have dropout. */
TEST(test_export)
{
    rnnp_train_options options = default_options();
    static float y[MOST_ROWS * CLASSES], h[MOST_ROWS * HIDDEN], run_y[MOST_ROWS * CLASSES], run_h[MOST_ROWS * HIDDEN];
    rnnp_tensor outputs[2] = {{.data = y}, {.data = h}}, run_outputs[2] = {{.data = run_y}, {.data = run_h}};
    rnnp_node_info info = {.struct_size = sizeof info};
    int dropout = 0;
    data d;

    make_data(&d, 37, 8);
    DROPPED(tear_down) setup s = set_up(2, NULL, 0.2f, &options);
    OWNED(model) model = NULL;
    train(s.trainer, &d, 20);
    OK(rnnp_trainer_model(s.trainer, &model));
    OWNED(plan) plan = make_plan(model);
    OWNED_NEW(run, run, plan, d.inputs, 2);
    OK(rnnp_run_execute(run, d.inputs, 2, run_outputs, 2));
    d.batch.outputs = outputs;
    OK(rnnp_trainer_backward(s.trainer, &d.batch, NULL));
    assert_memory_equal(h, run_h, 37 * HIDDEN * sizeof *h);
    assert_true(memcmp(y, run_y, 37 * CLASSES * sizeof *y) != 0);
    d.batch.target = NULL;
    OK(rnnp_trainer_evaluate(s.trainer, &d.batch, NULL));
    assert_memory_equal(y, run_y, 37 * CLASSES * sizeof *y);
    assert_memory_equal(h, run_h, 37 * HIDDEN * sizeof *h);
    assert_int_equal(rnnp_model_node_count(model), rnnp_model_node_count(s.model));
    for (size_t n = 0; n < rnnp_model_node_count(model); n++) {
        OK(rnnp_model_node_info(model, n, &info));
        dropout += strcmp(info.op, "Dropout") == 0;
    }
    assert_int_equal(dropout, 1);

    /* what was exported can be adopted, and trained on */
    DROPPED(tear_down) setup other = set_up(1, NULL, 0.2f, &options);
    size_t copied;
    OK(rnnp_trainer_adopt(other.trainer, model, &copied));
    assert_int_equal(copied, rnnp_trainer_parameter_count(other.trainer));
    assert_same(other.trainer, s.trainer, 0);
    OWNED(trainer) again = make_trainer(model, &options);
    assert_int_equal(rnnp_trainer_parameter_count(again), rnnp_trainer_parameter_count(s.trainer));
    assert_same(again, s.trainer, 0);
}

TEST(test_frozen)
{
    rnnp_train_options options = default_options();
    float before[4 * HIDDEN * INPUT], after[4 * HIDDEN * INPUT];
    data d;

    make_data(&d, 20, 8);
    DROPPED(tear_down) setup s = set_up(1, NULL, 0.2f, &options);
    const size_t w = index_of(s.trainer, "LSTM", 1);
    OK(rnnp_trainer_freeze(s.trainer, w, 1));
    OK(rnnp_trainer_get_parameter(s.trainer, w, before));
    train(s.trainer, &d, 3);
    OK(rnnp_trainer_get_parameter(s.trainer, w, after));
    assert_memory_equal(before, after, sizeof before);
    REFUSED(s.context, rnnp_trainer_get_gradient(s.trainer, w, after), RNNP_ERR_STATE, "frozen");
    const size_t n = rnnp_trainer_parameter_count(s.trainer);
    for (size_t i = 0; i < n; i++) OK(rnnp_trainer_freeze(s.trainer, i, 1));
    rnnp_train_result r = {.struct_size = sizeof r};
    OK(rnnp_trainer_step(s.trainer, &d.batch, &r));
    assert_true(r.norm == 0.0);
    OK(rnnp_trainer_freeze(s.trainer, w, 0));
    assert_int_equal(rnnp_trainer_get_gradient(s.trainer, w, after), RNNP_ERR_STATE);
    OK(rnnp_trainer_step(s.trainer, &d.batch, &r));
    assert_true(r.norm > 0.0);
    OK(rnnp_trainer_get_parameter(s.trainer, w, after));
    assert_true(memcmp(before, after, sizeof before) != 0);
}

/* Many shapes, more than there are tapes, in turns with what came before. */
TEST(test_shapes)
{
    rnnp_train_options options = default_options();
    DROPPED(tear_down) setup a = set_up(2, NULL, 0.2f, &options);
    data d;

    for (size_t turn = 0; turn < 2; turn++) {
        for (size_t rows = 1; rows < 42; rows += 3) {
            make_data(&d, rows, (uint32_t)rows);
            DROPPED(tear_down) setup fresh = set_up(1, NULL, 0.2f, &options);
            rnnp_train_result r = {.struct_size = sizeof r}, want = {.struct_size = sizeof want};

            OK(rnnp_trainer_evaluate(a.trainer, &d.batch, &r));
            OK(rnnp_trainer_evaluate(fresh.trainer, &d.batch, &want));
            assert_memory_equal(&r, &want, sizeof r);
            OK(rnnp_trainer_backward(a.trainer, &d.batch, &r));
            OK(rnnp_trainer_backward(fresh.trainer, &d.batch, &want));
            assert_memory_equal(&r, &want, sizeof r);
            assert_same(a.trainer, fresh.trainer, 1);
        }
    }
}

TEST(test_initialize)
{
    rnnp_train_options options = default_options();
    DROPPED(tear_down) setup a = set_up(1, NULL, 0.2f, &options), b = set_up(1, NULL, 0.2f, &options);
    float before[CLASSES], after[CLASSES];
    data d;

    make_data(&d, 20, 8);
    const size_t bias = index_of(a.trainer, "Add", 1);
    OK(rnnp_trainer_get_parameter(a.trainer, bias, before));
    OK(rnnp_trainer_freeze(a.trainer, bias, 1));
    train(a.trainer, &d, 3);
    OK(rnnp_trainer_initialize(a.trainer, 5));
    assert_int_equal(rnnp_trainer_step_count(a.trainer), 0);
    OK(rnnp_trainer_get_parameter(a.trainer, bias, after));
    assert_memory_equal(before, after, sizeof before);
    OK(rnnp_trainer_freeze(b.trainer, bias, 1));
    OK(rnnp_trainer_initialize(b.trainer, 5));
    assert_same(a.trainer, b.trainer, 0);
    train(a.trainer, &d, 3); /* the optimiser has forgotten what was before */
    train(b.trainer, &d, 3);
    assert_same(a.trainer, b.trainer, 0);
}
