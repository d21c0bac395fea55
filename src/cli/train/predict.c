/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnpack predict: what a trained model says of new data, which it reads as its training did (recipe.h).
 */
#include "decider.h"
#include "experiment.h"
#include "recipe.h"

#include <stdio.h>
#include <string.h>

static int ask_model(const rnnp_model *model, const char *name, const recipe *r, const dataset *set,
                     rnnp_context *context, float *values, scores *found)
{
    train_config config = r->config;
    const experiment e = {.context = context, .config = &config, .train = set, .quiet = 1};
    network net = {.features = set->tokens ? 0 : set->features,
                   .vocabulary = set->tokens ? r->words.size : 0,
                   .lengths = rnnp_model_input_count(model) > 1,
                   .targets = set->targets,
                   .in_units = 1};
    AUTO(plan) *plan = NULL;
    AUTO_ROWS all = split_all(set);
    TRY(network_check(model, name, &r->config, set->classes, &net));
    TRY(cli_status(context, rnnp_plan_create(model, NULL, &plan)));
    if (values) config.target = TARGET_INPUT; /* forecasts of the last steps, too, whose truth is not there yet */
    const asking a = {&e, &net, set, &all, scores_of_plan, plan, values, NULL};
    const int code = scores_ask(found, &a);
    return code == FIT_DIVERGED ? CLI_FAILED : code;
}

int cli_predict(const cli_call *call)
{
    const char *const path = call->operands[0];
    const output_file output = {"-o", call->output, 0};
    const char *const inputs[] = {path, call->data};
    AUTO(context) *context = NULL;
    AUTO(model) *model = NULL;
    AUTO_RECIPE r = {0};
    dataset set __attribute__((cleanup(dataset_free))) = {0};
    AUTO_SCORES found = {0};
    AUTO_DECIDER d = {0};
    TRY(decider_check_option(call));
    TRY(outputs_check(&output, 1, inputs, COUNT(inputs)));
    TRY(cli_context(call->threads, call->isa, &context));
    TRY(cli_load(context, path, call, 1, &model));
    TRY(recipe_read(model, path, &r));
    TRY(decider_read(model, path, &d));
    TRY(recipe_data(&r, call->data, &set));
    const int numbers = target_is_input(r.config.target);
    FREED float *values = numbers ? cli_alloc(set.first[set.n] * set.features + 1, sizeof *values) : NULL;
    TRY(ask_model(model, path, &r, &set, context, values, &found));
    if (cli_given(call, "--threshold") && r.config.target != TARGET_LABEL)
        return cli_fail("--threshold: %s does not predict one class per sequence", path);
    if (cli_given(call, "--threshold")) TRY(decider_override(&d, call->threshold, &r.like, path));
    if (r.config.target == TARGET_LABEL) TRY(decider_apply(&d, &r.config, &r.like, &found));
    if (numbers) return forecasts_write(values, &r.config, &set, r.like.features, call->output);
    printf("%zu sequences, %zu %s\n", found.n, found.width,
           r.config.target == TARGET_LABELS   ? "labels"
           : r.config.target == TARGET_VALUES ? "values"
                                              : "classes");
    if (r.config.target == TARGET_LABEL) decider_print(&d);
    return predictions_write(&found, &r.config, &set, call->output);
}
