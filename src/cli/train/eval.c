/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnpack eval: a trained model on data that it has not seen.
 */
#include <stdio.h>
#include <string.h>

#include "task.h"

typedef struct runner {
    const rnnp_plan *plan;
    size_t n_outputs;
} runner;

/* One batch through the model as it would be deployed. */
static rnnp_status run_batch(void *user, const rnnp_train_batch *given, rnnp_train_result *result)
{
    const runner *r = user;
    rnnp_run *run = NULL;
    rnnp_status status = rnnp_run_create(r->plan, given->inputs, given->n_inputs, &run);

    *result = (rnnp_train_result){0}; /* a model knows of no loss */
    if (status == RNNP_OK)
        status = rnnp_run_execute(run, given->inputs, given->n_inputs, given->outputs, r->n_outputs);
    rnnp_run_destroy(run);
    return status;
}

static int evaluate(task *t, const char *path)
{
    char words[2 * CONFIG_TEXT];
    rnnp_model *model = NULL;
    rnnp_plan *plan = NULL;
    scores found = {0};
    int code = task_configure(t, NULL);

    snprintf(words, sizeof words, "%s.words", path);
    if (code == CLI_OK)
        code = task_open(t, t->config.format == DATA_TOKENS ? words : NULL);
    if (code != CLI_OK)
        return code;
    rnnp_status status = cli_load(t->e.context, path, &model);
    if (status == RNNP_OK)
        status = rnnp_plan_create(model, NULL, &plan);
    if (status != RNNP_OK)
        code = cli_fail_status(t->e.context, status);
    else if (rnnp_model_outputs(model) != 1)
        code = cli_fail("%s has %zu outputs; one is expected", path, rnnp_model_outputs(model));
    if (code == CLI_OK) {
        runner r = {plan, 1};

        code = experiment_model(&t->e, model, run_batch, &r, &found);
    }
    if (code == CLI_OK) {
        scores_print(&found, t->e.test ? t->e.test : t->e.train, &t->config, t->e.test ? "test" : "training data");
        code = task_write(t, &found);
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
    if (parsed != ARGS_OK)
        return parsed == ARGS_DONE ? CLI_OK : CLI_USAGE;
    if (!t.path) {
        cli_fail("eval: --config FILE.ini is missing; see rnnpack eval --help");
        return CLI_USAGE;
    }
    const int code = evaluate(&t, model);
    task_close(&t);
    return code;
}
