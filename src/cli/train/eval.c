/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnpack eval: a trained model on data that it has not seen.
 */
#include <stdio.h>
#include <string.h>

#include "task.h"

/* One batch through the model as it would be deployed. */
static int run_batch(void *user, rnnp_context *context, const rnnp_train_batch *given, rnnp_train_result *result)
{
    const rnnp_plan *plan = user;
    const rnnp_tensor *want = given->outputs;
    rnnp_run *run = NULL;
    rnnp_tensor y = {0};
    rnnp_status status = rnnp_run_create(plan, given->inputs, given->n_inputs, &run);
    int same = 0;

    *result = (rnnp_train_result){.struct_size = sizeof *result}; /* a model knows of no loss */
    if (status == RNNP_OK) status = rnnp_run_output(run, 0, &y);
    if (status == RNNP_OK)
        same = y.dtype == want->dtype && y.rank == want->rank &&
               memcmp(y.shape, want->shape, y.rank * sizeof y.shape[0]) == 0;
    if (same) status = rnnp_run_execute(run, given->inputs, given->n_inputs, given->outputs, 1);
    rnnp_run_destroy(run);
    if (status != RNNP_OK) return cli_fail_status(context, status);
    if (!same) {
        char is[CLI_TEXT], expected[CLI_TEXT];

        return cli_fail("the model's output is %s for a batch for which %s is expected",
                        cli_shape_text(is, sizeof is, y.rank, y.shape, NULL),
                        cli_shape_text(expected, sizeof expected, want->rank, want->shape, NULL));
    }
    return CLI_OK;
}

static int evaluate(task *t, const char *path)
{
    char words[2 * CONFIG_TEXT];
    rnnp_model *model = NULL;
    rnnp_plan *plan = NULL;
    scores found = {0};
    int code = task_configure(t, NULL);

    snprintf(words, sizeof words, "%s.words", path);
    if (code == CLI_OK) code = task_check_outputs(t, NULL, 0, path);
    if (code == CLI_OK) code = task_open(t, t->config.format == DATA_TOKENS ? words : NULL, 0);
    if (code != CLI_OK) return code;
    rnnp_status status = cli_load(t->e.context, path, 1, &model);
    if (status == RNNP_OK) status = rnnp_plan_create(model, NULL, &plan);
    if (status != RNNP_OK) code = cli_fail_status(t->e.context, status);
    if (code == CLI_OK) code = experiment_model(&t->e, model, path, t->roc != NULL, run_batch, plan, &found);
    if (code == CLI_OK) {
        const dataset *set = t->e.test ? t->e.test : t->e.train;

        scores_print(&found, set, &t->config, t->e.test ? "test" : "training data");
        code = task_write(t, &found, set);
    }
    scores_free(&found);
    rnnp_plan_destroy(plan);
    rnnp_model_destroy(model);
    return code;
}

int cli_eval(int argc, char **argv)
{
    task t = {.threads = SIZE_MAX, .seed = SIZE_MAX};
    const char *model;
    const arg_option options[] = {
        {"--config", "FILE.ini", "the configuration that it was trained with: tells how data are read", ARG_TEXT,
         &t.path},
        TASK_OPTIONS(t),
    };
    const arg_command command = {"eval", "MODEL",
                                 "Tells how good a trained model is on [data] test, or on --test FILE. What was\n"
                                 "fitted to the training data besides the model (how missing values are filled) is\n"
                                 "fitted again.",
                                 options, sizeof options / sizeof options[0]};
    const args_result parsed = args_parse(&command, argc, argv, &model);
    if (parsed != ARGS_OK) return parsed == ARGS_DONE ? CLI_OK : CLI_USAGE;
    if (!t.path) {
        cli_fail("eval: --config FILE.ini is missing; see rnnpack eval --help");
        return CLI_USAGE;
    }
    const int code = evaluate(&t, model);
    task_close(&t);
    return code;
}
