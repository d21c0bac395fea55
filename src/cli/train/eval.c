/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnpack eval: evaluates a trained model on data that it has not seen.
 */
#include <stdio.h>
#include <string.h>

#include "experiment.h"

/* Runs one batch through the model as it would be deployed. */
static int run_batch(void *user, rnnp_context *context, const rnnp_train_batch *given, rnnp_train_result *result)
{
    const rnnp_tensor *want = given->outputs;
    AUTO(run) *run = NULL;
    rnnp_tensor y = {0};
    *result = (rnnp_train_result){.struct_size = sizeof *result}; /* a model knows of no loss */
    TRY(cli_status(context, rnnp_run_create(user, given->inputs, given->n_inputs, &run)));
    TRY(cli_status(context, rnnp_run_output(run, 0, &y)));
    if (y.dtype != want->dtype || y.rank != want->rank || memcmp(y.shape, want->shape, y.rank * sizeof y.shape[0]) != 0)
        return cli_fail("the model's output is %s for a batch for which %s is expected",
                        cli_shape(y.rank, y.shape, NULL), cli_shape(want->rank, want->shape, NULL));
    return cli_status(context, rnnp_run_execute(run, given->inputs, given->n_inputs, given->outputs, 1));
}

int cli_eval(const cli_call *call)
{
    const char *const path = call->operands[0];
    char words[2 * CONFIG_TEXT];
    AUTO_TASK t = {.call = call, .path = call->config};
    AUTO(model) *model = NULL;
    AUTO(plan) *plan = NULL;
    AUTO_SCORES found = {0};
    snprintf(words, sizeof words, "%s.words", path);
    TRY(task_configure(&t, NULL));
    TRY(task_check_outputs(&t, NULL, 0, path));
    TRY(task_open(&t, t.config.format == DATA_TOKENS ? words : NULL, 0));
    TRY(cli_load(t.e.context, path, call, 1, &model));
    TRY(cli_status(t.e.context, rnnp_plan_create(model, NULL, &plan)));
    const int code = experiment_model(&t.e, model, path, call->roc != NULL, run_batch, plan, &found);
    if (code != CLI_OK) return code == FIT_DIVERGED ? CLI_FAILED : code;
    const dataset *set = t.e.test ? t.e.test : t.e.train;
    scores_print(&found, set, &t.config, t.e.test ? "test" : "training data");
    return task_write(&t, &found, set);
}
