/* SPDX-License-Identifier: Apache-2.0
 *
 * What rnnpack attribute explains, read as the model says, or a configuration of a training.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../attribute.h"
#include "embeddings.h"
#include "experiment.h"
#include "recipe.h"

static void drop_batch(batch *b) { batch_free(b); }

/* The rows' tensors become the reasons' own. */
static int take_inputs(reasons *r, const batch *b, const char *path)
{
    cli_tensors_create(&r->t, r->model);
    r->axes = cli_alloc(r->t.n_inputs, sizeof *r->axes);
    if (b->n_inputs != r->t.n_inputs)
        return cli_fail("%s has %zu inputs; a model of rnnpack train has x and perhaps lengths", path, r->t.n_inputs);
    for (size_t i = 0; i < b->n_inputs; i++) {
        rnnp_port_info port = {.struct_size = sizeof port};
        rnnp_model_input_info(r->model, i, &port);
        if (port.dtype != b->inputs[i].dtype || port.rank != b->inputs[i].rank)
            return cli_fail("%s: input '%s' is %s %s, the data are %s %s", path, port.name, rnnp_dtype_name(port.dtype),
                            cli_shape(port.rank, port.shape, port.symbol), rnnp_dtype_name(b->inputs[i].dtype),
                            cli_shape(b->inputs[i].rank, b->inputs[i].shape, NULL));
        r->t.inputs[i] = b->inputs[i];
        r->t.inputs[i].data = cli_tensor_alloc(&b->inputs[i]);
        memcpy(r->t.inputs[i].data, b->inputs[i].data,
               rnnp_tensor_elements(&b->inputs[i]) * rnnp_dtype_bytes(b->inputs[i].dtype));
    }
    reasons_find_axes(r);
    return CLI_OK;
}

/* An output of one element is the probability of the second of two classes. */
static void name_one(reasons *r)
{
    rnnp_port_info port = {.struct_size = sizeof port};
    if (r->n_classes != 2 || rnnp_model_output_info(r->model, 0, &port) != RNNP_OK || port.shape[port.rank - 1] != 1)
        return;
    free(r->classes[0]);
    r->classes[0] = r->classes[1];
    r->classes[1] = NULL;
    r->n_classes = 1;
}

static void take_names(reasons *r, const train_config *config, const dataset *set)
{
    const size_t steps = r->axes[r->main].steps;
    r->ids = cli_copies(set->ids, set->n);
    r->n_channels = set->columns ? set->features : 0;
    r->channels = cli_copies(set->columns, r->n_channels);
    const int columns = target_has_columns(config->target);
    r->n_classes = columns ? set->targets : config->target == TARGET_LABEL ? set->classes : 0;
    r->classes = cli_copies(columns ? set->target_names : set->class_names, r->n_classes);
    if (!columns) name_one(r);
    r->lengths = cli_alloc(set->n, sizeof *r->lengths);
    if (set->time) r->time = cli_alloc(set->n * steps + 1, sizeof *r->time);
    for (size_t i = 0; i < set->n; i++) {
        r->lengths[i] = (int32_t)batch_steps(config, set, (uint32_t)i);
        for (size_t t = 0; set->time && t < (size_t)r->lengths[i]; t++)
            r->time[i * steps + t] = set->time[set->first[i] + t];
    }
}

/* The texts of an embedded column are one channel, whose value is the number of the text, from 1 on. Their masks are
 * equal, and so are their times since. */
/* `like` has the columns before they are filled. */
static int merge_columns(reasons *r, const train_config *config, const dataset *like, const dataset *set)
{
    const size_t raw = like->features, n = set->features;
    AUTO_EMBEDDINGS e = {0};
    if (!config->embed.n) return CLI_OK;
    TRY(embeddings_read(config, like->columns, raw, &e));
    r->merged = cli_alloc(n, sizeof *r->merged);
    r->part = cli_alloc(n, sizeof *r->part);
    r->columns = cli_alloc(n, sizeof *r->columns);
    for (size_t c = 0, i; c < n; c++) {
        const size_t k = c % raw;
        for (i = 0; i < e.n && !(k >= e.at[i].first && k < e.at[i].first + e.at[i].n); i++) {
        }
        const int later = i < e.n && k > e.at[i].first;
        const char *name = i < e.n ? e.at[i].column : set->columns[c],
                   *suffix = i < e.n && c >= raw ? strrchr(set->columns[c], ' ') : "";
        r->part[c] = c < raw && i < e.n ? (float)(k - e.at[i].first + 1) : later ? 0.0f : 1.0f;
        if (!later) {
            const size_t size = strlen(name) + strlen(suffix) + 1;
            r->columns[r->n_merged] = cli_alloc(size, 1);
            snprintf(r->columns[r->n_merged++], size, "%s%s", name, suffix);
        }
        r->merged[c] = r->n_merged - 1;
    }
    return CLI_OK;
}

static int check(const train_config *config, const cli_call *call)
{
    if (config->format == DATA_TOKENS)
        return cli_fail("tokens have no gradient: the model reads whole numbers, so there is nothing to attribute to");
    return config->embed.n && call->channels ? cli_misuse("--channels: columns of [model] embed go by their names")
                                             : CLI_OK;
}

/* The set, prepared, becomes the rows. */
static int take(reasons *r, const train_config *config, const dataset *like, const dataset *set, const char *path)
{
    AUTO_ROWS all = split_all(set);
    __attribute__((cleanup(drop_batch))) batch b = {0};
    const network net = {.lengths = rnnp_model_input_count(r->model) > 1};
    TRY(batch_fill(&b, config, &net, set, all.at, all.n));
    TRY(take_inputs(r, &b, path));
    take_names(r, config, set);
    return merge_columns(r, config, like, set);
}

int reasons_from_recipe(reasons *r, const cli_call *call)
{
    AUTO_RECIPE told = {0};
    __attribute__((cleanup(dataset_free))) dataset set = {0};
    if (call->arrays.n != 1) return cli_misuse("--data is given once, unless it is a .npy file for each input");
    TRY(recipe_read(r->model, call->operands[0], &told));
    TRY(check(&told.config, call));
    TRY(recipe_data(&told, call->arrays.at[0].value, &set));
    return take(r, &told.config, &told.like, &set, call->operands[0]);
}

int reasons_configure(reasons *r, const cli_call *call)
{
    cli_call as = *call; /* as eval would be told */
    AUTO_TASK t = {.call = &as, .path = call->config};
    __attribute__((cleanup(dataset_free))) dataset set = {0};
    if (call->arrays.n > 1) return cli_misuse("with --config, --data is given once");
    as.quiet = 1;
    as.seed = SIZE_MAX;
    as.test = call->arrays.n ? call->arrays.at[0].value : NULL;
    TRY(task_configure(&t, NULL));
    if (as.test) t.config.test_labels[0] = '\0'; /* which were of another file */
    t.config.shared = SHARED_ALLOW;              /* what is explained is not judged by it */
    TRY(check(&t.config, call));
    TRY(task_open(&t, NULL, 0));
    TRY(experiment_prepared(&t.e, &set));
    return take(r, &t.config, &t.train, &set, call->operands[0]);
}
