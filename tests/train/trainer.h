/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of trainers share: a small LSTM classifier, batches for it, and trainers made and looked at.
 */
#ifndef RNNP_TESTS_TRAINER_H
#define RNNP_TESTS_TRAINER_H

#include "../model/build.h"
#include "parameters.h"
#include "rnnpack/train.h"

enum { STEPS = 5, INPUT = 3, HIDDEN = 7, CLASSES = 4, MOST_ROWS = 100 };

/* x [steps][batch][INPUT], h0 [1][batch][HIDDEN] -> LSTM -> Dropout -> dense, Softmax -> y [batch][CLASSES]; hidden
 * states as a second output. */
static inline rnnp_status build_classifier(rnnp_context *context, float dropout, rnnp_model **model)
{
    static const char *const x_names[] = {"steps", "batch", NULL}, *const h_names[] = {NULL, "batch", NULL};
    static const int64_t x_shape[] = {RNNP_DYNAMIC, RNNP_DYNAMIC, INPUT}, h_shape[] = {1, RNNP_DYNAMIC, HIDDEN};
    DROPPED(free_layer) layer lstm = make_layer(RNNP_CELL_LSTM, INPUT, HIDDEN, RNNP_DIRECTION_FORWARD, 1);
    FREED float *w = numbers((HIDDEN + 1) * CLASSES, 2, 0.5f);
    rnnp_value x, h0, y, h;

    lstm.options.last_step = 1;
    TRY(rnnp_model_create(context, model));
    TRY(rnnp_model_add_input(*model, "x", RNNP_DTYPE_F32, 3, x_shape, x_names, &x));
    TRY(rnnp_model_add_input(*model, "h0", RNNP_DTYPE_F32, 3, h_shape, h_names, &h0));
    TRY(rnnp_model_add_recurrent(*model, &lstm.options, lstm.weights, x, RNNP_NONE, h0, RNNP_NONE, &y, &h, NULL));
    TRY(rnnp_model_add_dropout(*model, y, dropout, &y));
    TRY(rnnp_model_add_dense(*model, y, w, HIDDEN, CLASSES, 0, w + HIDDEN * CLASSES, "Softmax", &y));
    TRY(rnnp_model_add_output(*model, "y", y));
    TRY(rnnp_model_add_output(*model, "h", h));
    return rnnp_model_close(*model);
}

static inline rnnp_model *classifier(rnnp_context *context, float dropout)
{
    rnnp_model *model;

    OK(build_classifier(context, dropout, &model));
    return model;
}

/* A batch whose class is told by the sums of the first two features. */
typedef struct data {
    float x[STEPS * MOST_ROWS * INPUT], h0[MOST_ROWS * HIDDEN], weights[MOST_ROWS];
    int32_t classes[MOST_ROWS];
    rnnp_tensor inputs[2], target, weight;
    rnnp_train_batch batch;
} data;

static inline void make_data(data *d, size_t rows, uint32_t seed)
{
    fill(d->x, STEPS * rows * INPUT, seed, 1.0f);
    fill(d->h0, rows * HIDDEN, seed + 1, 0.1f);
    for (size_t r = 0; r < rows; r++) {
        float sum[2] = {0, 0};

        for (size_t t = 0; t < STEPS; t++) {
            for (size_t k = 0; k < 2; k++) sum[k] += d->x[(t * rows + r) * INPUT + k];
        }
        d->classes[r] = (sum[0] > 0) + 2 * (sum[1] > 0);
        d->weights[r] = 0.5f + (float)(r % 3);
    }
    d->inputs[0] = tensor3(d->x, STEPS, (int64_t)rows, INPUT);
    d->inputs[1] = tensor3(d->h0, 1, (int64_t)rows, HIDDEN);
    d->target = (rnnp_tensor){RNNP_DTYPE_I32, 1, {(int64_t)rows}, .data = d->classes};
    d->weight = (rnnp_tensor){RNNP_DTYPE_F32, 1, {(int64_t)rows}, .data = d->weights};
    d->batch = (rnnp_train_batch){
        .struct_size = sizeof(rnnp_train_batch), .inputs = d->inputs, .n_inputs = 2, .target = &d->target};
}

static inline rnnp_trainer *make_trainer(const rnnp_model *model, const rnnp_train_options *options)
{
    NEW(trainer, trainer, model, options);
    return trainer;
}

static _Thread_local rnnp_optimizer optimizer; /* of default_options() */

static inline rnnp_train_options default_options(void)
{
    OPTIONS(train, options);

    rnnp_optimizer_init(&optimizer, RNNP_OPTIMIZER_ADAM);
    optimizer.rate = 0.02f;
    options.optimizer = &optimizer;
    return options;
}

/* The classifier, with a dropout layer of this rate, and a trainer of it. */
typedef struct setup {
    rnnp_context *context;
    rnnp_model *model;
    rnnp_trainer *trainer;
} setup;

static inline setup set_up(size_t threads, const char *isa, float dropout, const rnnp_train_options *options)
{
    setup s = {.context = capped_context(NULL, isa, threads)};

    s.model = classifier(s.context, dropout);
    s.trainer = make_trainer(s.model, options);
    return s;
}

static inline void tear_down(setup *s)
{
    rnnp_trainer_destroy(s->trainer);
    rnnp_model_destroy(s->model);
    rnnp_context_destroy(s->context);
}

static inline void assert_same(const rnnp_trainer *a, const rnnp_trainer *b, int gradients)
{
    size_t n, m;
    FREED float *x = all_of(a, gradients, &n), *y = all_of(b, gradients, &m);

    assert_int_equal(n, m);
    assert_memory_equal(x, y, n * sizeof *x);
}

/* The slope of the loss by *at, which is one of an input's numbers, or one of `values` of a parameter. */
static inline double slope(rnnp_trainer *trainer, const rnnp_train_batch *batch, float *at, float step,
                           size_t parameter, const float *values)
{
    const float was = *at;
    double loss[3] = {0};

    for (int side = -1; side <= 1; side += 2) {
        rnnp_train_result r = {.struct_size = sizeof r};

        *at = was + (float)side * step;
        if (values) OK(rnnp_trainer_set_parameter(trainer, parameter, values));
        OK(rnnp_trainer_evaluate(trainer, batch, &r));
        loss[side + 1] = r.loss;
    }
    *at = was;
    if (values) OK(rnnp_trainer_set_parameter(trainer, parameter, values));
    return (loss[2] - loss[0]) / (2 * (double)step);
}

static inline size_t index_of(const rnnp_trainer *trainer, const char *op, size_t input)
{
    rnnp_parameter_info p = {.struct_size = sizeof p};

    for (size_t i = 0; i < rnnp_trainer_parameter_count(trainer); i++) {
        OK(rnnp_trainer_parameter_info(trainer, i, &p));
        if (strcmp(p.op, op) == 0 && p.input == input) return i;
    }
    fail_msg("no %s with parameter %zu", op, input);
    return 0;
}

#endif
