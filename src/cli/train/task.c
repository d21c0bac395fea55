/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "embeddings.h"
#include "experiment.h"
#include "together.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Configuration ---- */

/* The command line names files from where it is, the configuration from where that is. */
static int name_file(const train_config *c, char into[CONFIG_TEXT], const char *option, const char *from)
{
    char joined[2 * CONFIG_TEXT];
    if (!from && *into) from = config_path(c, into, joined, sizeof joined);
    if (!from) return CLI_OK;
    const int n = snprintf(into, CONFIG_TEXT, "%s", from);
    return n > 0 && n < CONFIG_TEXT ? CLI_OK : cli_fail("%s: the name is empty or too long", option);
}

int task_configure(task *t, const size_t *at)
{
    const cli_call *const call = t->call;
    train_config *c = &t->config;
    TRY(config_read(t->path, at, c));
    if (c->folds > EXPERIMENT_FOLDS) return cli_fail("[train] folds: at most %d", EXPERIMENT_FOLDS);
    TRY(network_check_layers(c));
    AUTO_EMBEDDINGS embedded = {0};
    TRY(embeddings_read(c, NULL, 0, &embedded));
    if (call->seed != SIZE_MAX) c->seed = call->seed;
    if (call->data) c->train_ids[0] = c->train_groups[0] = c->train_lengths[0] = '\0'; /* which are of another file */
    if (call->test) c->test_ids[0] = c->test_groups[0] = c->test_lengths[0] = '\0';
    char *const further[] = {c->train_ids, c->train_groups, c->train_lengths,
                             c->test_ids,  c->test_groups,  c->test_lengths};
    for (size_t i = 0; i < COUNT(further); i++) TRY(name_file(c, further[i], "[data]", NULL));
    TRY(name_file(c, c->train, "--data", call->data));
    TRY(name_file(c, c->train_labels, "--labels", call->labels));
    TRY(name_file(c, c->test, "--test", call->test));
    return name_file(c, c->test_labels, "--test-labels", call->test_labels);
}

/* ---- Data ---- */

/* A forecast needs a step to start from and the one that it is of. */
static int check_steps(const train_config *c, const dataset *set, const char *name)
{
    size_t first = set->n, few = 0;
    for (size_t i = set->n; i-- > 0 && c->target == TARGET_NEXT;)
        if (dataset_steps(set, i) <= c->horizon) first = i, few++;
    if (!few) return CLI_OK;
    char number[32];
    snprintf(number, sizeof number, "%zu", first + 1);
    const char *id = dataset_id(set, first) ? dataset_id(set, first) : number;
    return cli_fail(
        "%s: sequence '%s' has %zu step%s; target = next with horizon %zu requires more than %zu (too short: %zu "
        "of %zu sequences)",
        name, id, dataset_steps(set, first), dataset_steps(set, first) == 1 ? "" : "s", c->horizon, c->horizon, few,
        set->n);
}

#define FILE_OF(c, name) (*(c)->name ? (c)->name : NULL)
#define FILES_OF(c, set)                                                                \
    .path = (c)->set, .labels = FILE_OF(c, set##_labels), .ids = FILE_OF(c, set##_ids), \
    .groups = FILE_OF(c, set##_groups), .lengths = FILE_OF(c, set##_lengths)

int task_read_set(task *t, int testing, const dataset *like, int grow, dataset *set)
{
    const train_config *c = &t->config;
    const int whole = testing && c->target == TARGET_NEXT; /* a forecaster is tested as it is used: from end to end */
    const data_source training = {.config = c, FILES_OF(c, train), .like = like, .words = &t->words, .grow = grow},
                      test = {.config = c, FILES_OF(c, test), .like = like, .words = &t->words, .grow = grow};
    data_source from = testing ? test : training;
    from.ranks = t->e.group;
    cli_group_part(t->e.group);
    int code = dataset_open(&from, whole, set);
    if (code == CLI_OK) code = check_steps(c, set, from.path);
    TRY(cli_group_settle(t->e.group, code));
    TRY(together_read(t->e.group, testing ? "test data" : "training data", set, &t->words));
    cli_group_part(t->e.group);
    return cli_group_settle(t->e.group, dataset_check_sum(set, from.path));
}

/* Whether sequences differ in length, so that the model must be told. */
static int lengths_vary(const dataset *set)
{
    for (size_t i = 1; i < set->n; i++)
        if (dataset_steps(set, i) != dataset_steps(set, 0)) return 1;
    return 0;
}

static void describe(const task *t)
{
    printf("%zu sequences of up to %zu steps", t->train.n, dataset_longest(&t->train));
    if (t->train.tokens)
        printf(", %zu words", t->words.size);
    else
        printf(", %zu feature%s", t->train.features, t->train.features == 1 ? "" : "s");
    if (t->train.classes) printf(", %zu classes", t->train.classes);
    if (t->train.targets)
        printf(", %zu %s%s", t->train.targets, t->config.target == TARGET_LABELS ? "label" : "value",
               t->train.targets == 1 ? "" : "s");
    if (t->test_set.n) printf("; test set of %zu", t->test_set.n);
    putchar('\n');
}

/* Whether there is something to learn, unless others may have it (together). */
static int check_targets(const train_config *c, const dataset *set, int together)
{
    size_t known = together && c->target != TARGET_LABEL;
    for (size_t i = 0; i < set->n; i++) known += (size_t)dataset_has_target(c, set, i);
    if (!known) return cli_fail("%s has no %s", c->train, c->target == TARGET_VALUES ? "targets" : "labels");
    for (size_t k = 0; k < set->targets && !together; k++) {
        size_t i = 0;
        while (i < set->n && isnan(set->y[i * set->targets + k])) i++;
        if (i == set->n) return cli_fail("%s: target '%.80s' is missing everywhere", c->train, set->target_names[k]);
    }
    if (target_is_class(c->target) && c->options.loss == RNNP_LOSS_BINARY && set->classes != 2)
        return cli_fail("loss = binary requires two classes; %s has %zu", c->train, set->classes);
    return CLI_OK;
}

int task_read(task *t, const dataset *like_train, int grow)
{
    const train_config *c = &t->config;
    const int classes = target_is_class(c->target);
    TRY(task_read_set(t, 0, like_train, grow, &t->train));
    dataset like = t->train;
    if (!classes) like.classes = 0; /* labels are for judging alone: a test set may have some of its own */
    if (*c->test) TRY(task_read_set(t, 1, &like, 0, &t->test_set));
    if (classes && *c->test && !t->test_set.classes) dataset_adopt_classes(&t->train, &t->test_set);
    cli_group_part(t->e.group);
    return cli_group_settle(t->e.group, check_targets(c, &t->train, like_train != NULL));
}

int task_open(task *t, const char *words, int for_checkpoint)
{
    const cli_call *const call = t->call;
    if (words) TRY(vocabulary_read(&t->words, words));
    TRY(task_read(t, NULL, words == NULL));
    TRY(cli_context(call->threads == SIZE_MAX ? t->config.threads : call->threads, call->isa, &t->e.context));
    cli_group_part(t->e.group);
    TRY(cli_group_settle(t->e.group,
                         t->test_set.n ? leaks_check(&t->config, t->config.test, &t->train, &t->test_set) : CLI_OK));
    t->e.config = &t->config;
    t->e.train = &t->train;
    t->e.test = t->test_set.n ? &t->test_set : NULL;
    t->e.words = &t->words;
    t->e.lengths = lengths_vary(&t->train) || (t->test_set.n && lengths_vary(&t->test_set));
    t->e.quiet = t->call->quiet;
    if (for_checkpoint) TRY(identity_of_data(&t->train, &t->words, &t->e.data));
    if (!t->call->quiet) describe(t);
    return CLI_OK;
}

void task_close(task *t)
{
    dataset_free(&t->train);
    dataset_free(&t->test_set);
    vocabulary_free(&t->words);
    config_free(&t->config);
    rnnp_context_destroy(t->e.context);
}

/* ---- Files ---- */

int task_check_outputs(const task *t, const output_file *more, size_t n_more, const char *more_input)
{
    char start[2 * CONFIG_TEXT] = "";
    const train_config *c = &t->config;
    const char *const inputs[] = {t->path,        more_input,     c->train,       c->train_labels, c->test,
                                  c->test_labels, start,          c->train_ids,   c->train_groups, c->train_lengths,
                                  c->test_ids,    c->test_groups, c->test_lengths};
    output_file all[10] = {
        {"--roc", t->call->roc, 0}, {"--predictions", t->call->predictions, 0}, {"--report", t->call->report, 0}};
    if (*c->start) config_path(c, c->start, start, sizeof start);
    for (size_t i = 0; i < n_more; i++) all[3 + i] = more[i];
    return outputs_check(all, 3 + n_more, inputs, COUNT(inputs));
}

static int write_roc(const task *t, const scores *s)
{
    static const double diagonal[] = {0, 1};
    FREED double *numbers = cli_alloc(2 * s->n_points, sizeof *numbers);
    char name[64];
    if (!s->n_points) return cli_fail("--roc: a ROC curve requires two classes that both occur");
    for (size_t i = 0; i < s->n_points; i++) {
        numbers[i] = s->curve[i].fpr;
        numbers[s->n_points + i] = s->curve[i].tpr;
    }
    snprintf(name, sizeof name, "AUC %.4f", s->auc);
    const curve curves[] = {{name, numbers, numbers + s->n_points, s->n_points}, {"chance", diagonal, diagonal, 2}};
    return curve_write(t->call->roc, t->path, "false positive rate", "true positive rate", curves, 2);
}

int task_write(const task *t, const scores *s, const dataset *set)
{
    const int drawn = t->call->roc ? write_roc(t, s) : CLI_OK; /* one that fails does not keep back the other */
    const int written = t->call->predictions ? scores_write(s, &t->config, set, t->call->predictions) : CLI_OK;
    return drawn == CLI_OK ? written : drawn;
}
