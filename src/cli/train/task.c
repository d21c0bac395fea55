/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Configuration ---- */

/* The command line names files from where it is, the configuration from where that is. */
static int replace_name(char *into, size_t size, const char *option, const char *from)
{
    if (!from) return CLI_OK;
    const int n = snprintf(into, size, "%s", from);
    return n > 0 && (size_t)n < size ? CLI_OK : cli_fail("%s: the name is empty or too long", option);
}

int task_configure(task *t, const size_t *at)
{
    train_config *c = &t->config;
    const int code = config_read(t->path, at, c);

    if (code != CLI_OK) return code;
    if (c->folds > EXPERIMENT_FOLDS) return cli_fail("[train] folds: at most %d", EXPERIMENT_FOLDS);
    if (network_check_layers(c) != CLI_OK) return CLI_FAILED;
    if (t->seed != SIZE_MAX) c->seed = t->seed;
    if (replace_name(c->train, sizeof c->train, "--data", t->data) != CLI_OK ||
        replace_name(c->train_labels, sizeof c->train_labels, "--labels", t->labels) != CLI_OK ||
        replace_name(c->test, sizeof c->test, "--test", t->test) != CLI_OK)
        return CLI_FAILED;
    return replace_name(c->test_labels, sizeof c->test_labels, "--test-labels", t->test_labels);
}

/* ---- Data ---- */

static const char *place(const task *t, const char *name, int from_configuration, char *text, size_t size)
{
    if (from_configuration && *name) return config_path(&t->config, name, text, size);
    return name;
}

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
        "%s: sequence '%s' has %zu step%s; target next with horizon %zu needs more than %zu (too short: %zu "
        "of %zu sequences)",
        name, id, dataset_steps(set, first), dataset_steps(set, first) == 1 ? "" : "s", c->horizon, c->horizon, few,
        set->n);
}

static int read_set(task *t, const char *name, const char *labels, const dataset *like, int grow, dataset *set)
{
    const train_config *c = &t->config;
    const int code = dataset_read(c, name, *labels ? labels : NULL, like, &t->words, grow, set);

    if (code != CLI_OK) return code;
    const int whole = like && c->target == TARGET_NEXT; /* a forecaster is tested as it is used: from end to end */
    if ((c->window || c->longest) && !whole && dataset_cut(c, set) != CLI_OK) return CLI_FAILED;
    return set->n ? check_steps(c, set, name) : cli_fail("%s has no sequence that can be used", name);
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
    if (t->test_set.n) printf("; test set of %zu", t->test_set.n);
    putchar('\n');
}

/* A test set without labels is predicted in the classes of the training set. */
static int adopt_classes(const dataset *train, dataset *test)
{
    test->class_names = calloc(train->classes + 1, sizeof *test->class_names);
    for (; test->class_names && test->classes < train->classes; test->classes++)
        if (!(test->class_names[test->classes] = strdup(train->class_names[test->classes]))) break;
    return test->class_names && test->classes == train->classes ? CLI_OK : cli_fail("out of memory");
}

static int read_data(task *t, int grow)
{
    char names[4][2 * CONFIG_TEXT];
    const train_config *c = &t->config;
    const char *train = place(t, c->train, !t->data, names[0], sizeof names[0]);
    const char *train_labels = place(t, c->train_labels, !t->labels, names[1], sizeof names[1]);
    const char *test = place(t, c->test, !t->test, names[2], sizeof names[2]);
    const char *test_labels = place(t, c->test_labels, !t->test_labels, names[3], sizeof names[3]);

    if (read_set(t, train, train_labels, NULL, grow, &t->train) != CLI_OK) return CLI_FAILED;
    dataset like = t->train;
    if (c->target != TARGET_LABEL)
        like.classes = 0; /* labels are for judging alone: a test set may have some of its own */
    if (*test && read_set(t, test, test_labels, &like, 0, &t->test_set) != CLI_OK) return CLI_FAILED;
    if (c->target == TARGET_LABEL && !t->train.label) return cli_fail("%s has no labels", train);
    if (c->target == TARGET_LABEL && *test && !t->test_set.classes && adopt_classes(&t->train, &t->test_set) != CLI_OK)
        return CLI_FAILED;
    if (c->target == TARGET_LABEL && c->options.loss == RNNP_LOSS_BINARY && t->train.classes != 2)
        return cli_fail("loss binary is for two classes; %s has %zu", train, t->train.classes);
    return CLI_OK;
}

int task_open(task *t, const char *words, int for_checkpoint)
{
    int code = words ? vocabulary_read(&t->words, words) : CLI_OK;

    if (code == CLI_OK) code = read_data(t, words == NULL);
    if (code != CLI_OK) return code;
    const cli_host host = {.threads = t->threads == SIZE_MAX ? t->config.threads : t->threads, .isa = t->isa};
    if ((code = cli_context(&host, &t->e.context)) != CLI_OK) return code;
    t->e.config = &t->config;
    t->e.train = &t->train;
    t->e.test = t->test_set.n ? &t->test_set : NULL;
    t->e.vocabulary = t->train.tokens ? t->words.size : 0;
    t->e.lengths = lengths_vary(&t->train) || (t->test_set.n && lengths_vary(&t->test_set));
    t->e.quiet = t->quiet;
    t->e.data = for_checkpoint ? identity_of_data(&t->train, &t->words) : 0;
    if (!t->quiet) describe(t);
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
    char names[5][2 * CONFIG_TEXT];
    const train_config *c = &t->config;
    const char *inputs[7] = {t->path, more_input};
    const char *const data[] = {c->train, c->train_labels, c->test, c->test_labels, c->start};
    const int from_configuration[] = {!t->data, !t->labels, !t->test, !t->test_labels, 1};
    output_file all[8] = {{"--roc", t->roc, 0}, {"--predictions", t->predictions, 0}};

    for (size_t i = 0; i < 5; i++) inputs[2 + i] = place(t, data[i], from_configuration[i], names[i], sizeof names[i]);
    for (size_t i = 0; i < n_more; i++) all[2 + i] = more[i];
    return outputs_check(all, 2 + n_more, inputs, 7);
}

static int write_roc(const task *t, const scores *s)
{
    double *numbers = malloc((2 * s->n_points + 1) * sizeof *numbers);
    static const double diagonal[] = {0, 1};
    char name[64];

    if (!numbers) return cli_fail("out of memory");
    if (!s->n_points) {
        free(numbers);
        return cli_fail("--roc: there is no ROC curve without two classes that both occur");
    }
    for (size_t i = 0; i < s->n_points; i++) {
        numbers[i] = s->curve[i].fpr;
        numbers[s->n_points + i] = s->curve[i].tpr;
    }
    snprintf(name, sizeof name, "AUC %.4f", s->auc);
    const curve curves[] = {{name, numbers, numbers + s->n_points, s->n_points}, {"chance", diagonal, diagonal, 2}};
    const int code = curve_write(t->roc, t->path, "false positive rate", "true positive rate", curves, 2);
    free(numbers);
    return code;
}

int task_write(const task *t, const scores *s, const dataset *set)
{
    const int drawn = t->roc ? write_roc(t, s) : CLI_OK; /* one that fails does not keep back the other */
    const int written = t->predictions ? scores_write(s, &t->config, set, t->predictions) : CLI_OK;

    return drawn == CLI_OK ? written : drawn;
}
