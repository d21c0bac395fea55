/* SPDX-License-Identifier: Apache-2.0
 *
 * driver FOLDER: trains every system for 100 steps and writes what others need to do the same: NAME.json (options,
 * shapes, losses), NAME.first.onnx and NAME.last.onnx (weights before and after), NAME.*.bin (batches, and what the
 * trained model gives for the first one).
 *
 * The file of the trained model is loaded again, and must give the bits of rnnp_trainer_evaluate. Exit status 1 if not.
 */
#include "systems.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rnnpack/onnx.h"

enum { BATCHES = 4, TRAIN_STEPS = 100, PATH = 512 };

static const size_t rows_of[BATCHES] = {33, 20, 33, 16};

/* What of rnnp_train_options differs from the defaults. */
typedef struct train_case {
    const char *name, *system;
    size_t shortest;          /* 0: no lengths */
    rnnp_optimizer optimizer; /* fields of 0: default */
    float label_smoothing, l1, l2, clip_value, clip_norm;
    int class_weights;
    rnnp_loss loss; /* 0: the system's */
    float huber_delta;
} train_case;

#define WITH(kind_, rate_) .optimizer.kind = RNNP_OPTIMIZER_##kind_, .optimizer.rate = rate_

static const train_case cases[] = {
    {"elman-relu", "elman-relu", WITH(ADAM, 0.005f)},
    {"elman-sigmoid", "elman-sigmoid", WITH(ADAM, 0.005f)},
    {"elman-tanh", "elman-tanh", WITH(ADAM, 0.005f)},
    {"text", "text", .shortest = 1, WITH(ADAM, 0.001f)},
    {"deep", "deep", WITH(ADAM, 0.002f)},
    {"binary", "binary", WITH(ADAM, 0.001f)},
    {"visits", "visits", .shortest = 1, WITH(ADAM, 0.001f)},
    {"autoencoder", "autoencoder", WITH(ADAM, 0.002f)},
    {"grud", "grud", .shortest = 1, WITH(ADAM, 0.002f)},
    {"grud-full", "grud", WITH(ADAM, 0.002f)},
    {"tlstm", "tlstm", .shortest = 1, WITH(ADAM, 0.002f)},
    {"tlstm-full", "tlstm", WITH(ADAM, 0.002f)},
    {"sgd", "elman-tanh", WITH(SGD, 0.05f), .l1 = 1e-4f, .l2 = 1e-3f},
    {"momentum", "binary", WITH(SGD, 0.05f), .optimizer.momentum = 0.9f, .optimizer.decay = 1e-3f},
    {"nesterov", "elman-tanh", .shortest = 3, WITH(SGD, 0.05f), .optimizer.momentum = 0.9f, .optimizer.nesterov = 1,
     .clip_norm = 0.1f},
    {"rmsprop", "deep", WITH(RMSPROP, 0.0005f), .clip_value = 0.01f},
    {"adamw", "autoencoder", WITH(ADAMW, 0.002f), .optimizer.decay = 0.05f, .clip_norm = 0.05f},
    {"decay", "text", .shortest = 1, WITH(ADAM, 0.001f), .optimizer.decay = 1e-3f, .label_smoothing = 0.1f},
    {"classes", "visits", .shortest = 1, WITH(ADAM, 0.001f), .optimizer.beta1 = 0.8f, .class_weights = 1},
    {"balanced", "binary", WITH(ADAM, 0.002f), .optimizer.epsilon = 1e-6f, .class_weights = 1,
     .label_smoothing = 0.05f},
    {"mae", "elman-tanh", WITH(SGD, 0.02f), .loss = RNNP_LOSS_MAE},
    {"huber", "elman-tanh", WITH(ADAM, 0.005f), .loss = RNNP_LOSS_HUBER, .huber_delta = 0.3f},
};

static const float class_weights[] = {0.5f, 2.0f, 1.0f, 0.25f, 3.0f};

static rnnp_train_options options_of(const train_case *c, const train_system *system)
{
    static rnnp_optimizer p;
    rnnp_train_options o;

    rnnp_train_options_init(&o);
    o.loss = c->loss ? c->loss : system->loss;
    o.huber_delta = c->huber_delta;
    rnnp_optimizer_init(&p, c->optimizer.kind);
    o.optimizer = &p;
    p.rate = c->optimizer.rate;
    p.momentum = c->optimizer.momentum;
    p.nesterov = c->optimizer.nesterov;
    p.decay = c->optimizer.decay;
    p.beta1 = c->optimizer.beta1 > 0 ? c->optimizer.beta1 : p.beta1;
    p.epsilon = c->optimizer.epsilon > 0 ? c->optimizer.epsilon : p.epsilon;
    o.label_smoothing = c->label_smoothing;
    o.l1 = c->l1;
    o.l2 = c->l2;
    o.clip_value = c->clip_value;
    o.clip_norm = c->clip_norm;
    if (c->class_weights) {
        o.class_weights = class_weights;
        o.n_classes = system->loss == RNNP_LOSS_BINARY ? 2 : system->classes;
    }
    return o;
}

/* ---- Files ---- */

static FILE *open_file(const char *folder, const char *name, const char *what, char path[PATH])
{
    must(NULL, snprintf(path, PATH, "%s/%s.%s", folder, name, what) < PATH ? RNNP_OK : RNNP_ERR_ARG, folder);
    FILE *file = fopen(path, "wb");

    must(NULL, file ? RNNP_OK : RNNP_ERR_IO, path);
    return file;
}

/* The tensor's bytes in FOLDER/NAME.WHAT.bin, and a line about it. */
static void write_tensor(FILE *json, const char *folder, const char *name, const char *what, const rnnp_tensor *tensor)
{
    const size_t bytes = tensor_bytes(tensor);
    char path[PATH], file_name[64];

    snprintf(file_name, sizeof file_name, "%s.bin", what);
    FILE *file = open_file(folder, name, file_name, path);
    must(NULL, fwrite(tensor->data, 1, bytes, file) == bytes && fclose(file) == 0 ? RNNP_OK : RNNP_ERR_IO, path);
    fprintf(json, "  \"%s\": [\"%s\"", what, rnnp_dtype_name(tensor->dtype));
    for (size_t d = 0; d < tensor->rank; d++) fprintf(json, ", %lld", (long long)tensor->shape[d]);
    fprintf(json, "],\n");
}

static void write_batch(FILE *json, const char *folder, const char *name, size_t at, const system_batch *m)
{
    static const char *const names[] = {"x", "lengths"};
    char what[32];

    for (size_t i = 0; i < m->batch.n_inputs; i++) {
        snprintf(what, sizeof what, "%zu.%s", at, names[i]);
        write_tensor(json, folder, name, what, &m->inputs[i]);
    }
    snprintf(what, sizeof what, "%zu.target", at);
    write_tensor(json, folder, name, what, &m->target);
    snprintf(what, sizeof what, "%zu.weights", at);
    if (m->batch.weights) write_tensor(json, folder, name, what, &m->weights);
}

static void write_options(FILE *json, const train_case *c, const rnnp_train_options *o)
{
    static const char *const kinds[] = {"", "sgd", "rmsprop", "adam", "adamw"};
    const struct {
        const char *name;
        double value;
    } numbers[] = {
        {"loss", o->loss},
        {"rate", o->optimizer->rate},
        {"momentum", o->optimizer->momentum},
        {"nesterov", o->optimizer->nesterov},
        {"rho", o->optimizer->rho},
        {"beta1", o->optimizer->beta1},
        {"beta2", o->optimizer->beta2},
        {"epsilon", o->optimizer->epsilon},
        {"decay", o->optimizer->decay},
        {"label_smoothing", o->label_smoothing},
        {"huber_delta", o->huber_delta},
        {"l1", o->l1},
        {"l2", o->l2},
        {"clip_value", o->clip_value},
        {"clip_norm", o->clip_norm},
        {"batches", BATCHES},
    };

    fprintf(json, "{ \"system\": \"%s\", \"optimizer\": \"%s\",\n  \"class_weights\": [", c->system,
            kinds[o->optimizer->kind]);
    for (size_t i = 0; i < o->n_classes; i++) fprintf(json, "%s%.17g", i ? ", " : "", (double)class_weights[i]);
    fprintf(json, "],\n");
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        fprintf(json, "  \"%s\": %.17g,\n", numbers[i].name, numbers[i].value);
}

static void save(rnnp_context *context, const rnnp_trainer *trainer, const char *folder, const char *name,
                 const char *what, char path[PATH])
{
    rnnp_model *model;

    MUST(context, rnnp_trainer_model(trainer, &model));
    must(NULL, snprintf(path, PATH, "%s/%s.%s.onnx", folder, name, what) < PATH ? RNNP_OK : RNNP_ERR_ARG, folder);
    MUST(context, rnnp_onnx_write_file(model, path));
    rnnp_model_destroy(model);
}

/* ---- Training ---- */

/* 1 when the file's model gives the bits of *y. */
static int loaded_agrees(rnnp_context *context, const char *path, const system_batch *m, const rnnp_tensor *y)
{
    rnnp_model *model;
    rnnp_plan *plan;
    rnnp_run *run;
    rnnp_tensor out;

    MUST(context, rnnp_onnx_open_file(context, path, NULL, &model));
    MUST(context, rnnp_plan_create(model, NULL, &plan));
    MUST(context, rnnp_run_create(plan, m->inputs, m->batch.n_inputs, &run));
    MUST(context, rnnp_run_output(run, 0, &out));
    out.data = must_alloc(tensor_bytes(&out));
    MUST(context, rnnp_run_execute(run, m->inputs, m->batch.n_inputs, &out, 1));
    const int equal = tensor_bytes(&out) == tensor_bytes(y) && memcmp(out.data, y->data, tensor_bytes(y)) == 0;
    free(out.data);
    rnnp_run_destroy(run);
    rnnp_plan_destroy(plan);
    rnnp_model_destroy(model);
    return equal;
}

static int train(rnnp_context *context, const train_case *c, const char *folder)
{
    const train_system *system = find_system(c->system);
    const system_form form = {.shrink = 1, .shortest = c->shortest ? c->shortest : SYSTEM_STEPS};
    const rnnp_train_options options = options_of(c, system);
    rnnp_model *model = make_system(context, system, &form);
    rnnp_tensor y = {.data = must_alloc(SYSTEM_MOST_ROWS * SYSTEM_STEPS * system->classes * sizeof(float))};
    system_batch batches[BATCHES];
    rnnp_trainer *trainer;
    rnnp_train_result r = {.struct_size = sizeof r};
    char path[PATH];

    MUST(context, rnnp_trainer_create(model, &options, &trainer));
    MUST(context, rnnp_trainer_initialize(trainer, 1));
    save(context, trainer, folder, c->name, "first", path);
    FILE *json = open_file(folder, c->name, "json", path);
    write_options(json, c, &options);
    for (size_t i = 0; i < BATCHES; i++) {
        make_batch(&batches[i], system, &form, rows_of[i], (uint32_t)(7 * i + 3));
        write_batch(json, folder, c->name, i, &batches[i]);
    }
    fprintf(json, "  \"losses\": [");
    for (size_t s = 0; s < TRAIN_STEPS; s++) {
        must(context, rnnp_trainer_step(trainer, &batches[s % BATCHES].batch, &r), c->name);
        fprintf(json, "%s%.17g", s ? ", " : "", r.loss);
    }
    fprintf(json, "],\n");
    save(context, trainer, folder, c->name, "last", path);
    batches[0].batch.outputs = &y;
    MUST(context, rnnp_trainer_evaluate(trainer, &batches[0].batch, &r));
    write_tensor(json, folder, c->name, "0.y", &y);
    fprintf(json, "  \"evaluated\": %.17g }\n", r.loss);
    must(NULL, fclose(json) == 0 ? RNNP_OK : RNNP_ERR_IO, "fclose");
    const int equal = loaded_agrees(context, path, &batches[0], &y);
    if (!equal) printf("DIFFERS: %s: what %s gives is not what the trainer gave\n", c->name, path);
    for (size_t i = 0; i < BATCHES; i++) free_batch(&batches[i]);
    free(y.data);
    rnnp_trainer_destroy(trainer);
    rnnp_model_destroy(model);
    return equal;
}

int main(int argc, char **argv)
{
    const size_t n = sizeof cases / sizeof cases[0];
    size_t differences = 0;
    rnnp_context *context;

    if (argc != 2) {
        fprintf(stderr, "usage: driver FOLDER\n");
        return 2;
    }
    MUST(NULL, rnnp_context_create(NULL, &context));
    for (size_t i = 0; i < n; i++) differences += !train(context, &cases[i], argv[1]);
    rnnp_context_destroy(context);
    printf("%zu trained models saved and loaded, %zu differences\n", n, differences);
    return differences > 0;
}
