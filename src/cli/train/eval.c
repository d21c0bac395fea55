/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnpack eval: evaluates a trained model on data that it has not seen.
 */
#include <stdio.h>
#include <string.h>

#include "../report/report.h"
#include "decider.h"
#include "experiment.h"
#include "recipe.h"

static int write_report(const task *t, const scores *found, const resampling *how, const subgroups *by,
                        const assessment *a)
{
    const char *const model = t->call->operands[0], *const slash = strrchr(model, '/');
    char title[CONFIG_TEXT];
    snprintf(title, sizeof title, "Evaluation of %s", slash ? slash + 1 : model);
    report r = {.title = title,
                .what = t->e.test ? "the test set" : "the training data, which the model has seen",
                .model = model,
                .t = t,
                .s = found,
                .set = t->e.test ? t->e.test : t->e.train,
                .a = a,
                .how = how,
                .by = by};
    return report_write(&r, t->call->report);
}

int cli_eval(const cli_call *call)
{
    const char *const path = call->operands[0];
    char words[2 * CONFIG_TEXT];
    AUTO_TASK t = {.call = call, .path = call->config};
    AUTO(model) *model = NULL;
    AUTO(plan) *plan = NULL;
    AUTO_SCORES found = {0};
    AUTO_SUBGROUPS by = {0};
    AUTO_ASSESSMENT a = {0};
    resampling how;
    AUTO_DECIDER d = {0};
    TRY(decider_check_option(call));
    snprintf(words, sizeof words, "%s.words", path);
    TRY(task_configure(&t, NULL));
    TRY(resampling_of(call, &how));
    TRY(task_check_outputs(&t, NULL, 0, path));
    TRY(task_open(&t, t.config.format == DATA_TOKENS ? words : NULL, 0));
    TRY(subgroups_read(&t.config, t.e.test ? t.config.test : t.config.train, call->subgroups,
                       t.e.test ? t.e.test : t.e.train, &by));
    TRY(cli_load(t.e.context, path, call, 1, &model));
    TRY(recipe_check_targets(model, path, &t.config, &t.train));
    TRY(decider_read(model, path, &d));
    TRY(cli_status(t.e.context, rnnp_plan_create(model, NULL, &plan)));
    const int code = experiment_model(&t.e, model, path, call->roc != NULL, scores_of_plan, plan, &found);
    if (code != CLI_OK) return code == FIT_DIVERGED ? CLI_FAILED : code;
    const dataset *set = t.e.test ? t.e.test : t.e.train;
    if (cli_given(call, "--threshold")) TRY(decider_override(&d, call->threshold, t.e.train, path));
    TRY(decider_apply(&d, &t.config, set, &found));
    decider_print(&d);
    scores_print(&found, set, &t.config, t.e.test ? "test" : "training data");
    assess(&t, &found, set, &how, &by, NULL, &a);
    const int written = task_write(&t, &found, set);
    const int reported = call->report ? write_report(&t, &found, &how, &by, &a) : CLI_OK;
    return written == CLI_OK ? reported : written;
}
