/* SPDX-License-Identifier: Apache-2.0
 *
 * What train and eval begin with: the configuration, with what the command line says over it, and the data that it
 * names.
 */
#ifndef RNNP_CLI_TASK_H
#define RNNP_CLI_TASK_H

#include "experiment.h"
#include "outputs.h"

typedef struct task {
    /* from the command line */
    const char *path, *data, *labels, *test, *test_labels, *roc, *predictions, *isa;
    size_t threads, seed; /* SIZE_MAX: the configuration's */
    int quiet;

    train_config config;
    dataset train, test_set;
    vocabulary words;
    experiment e;
} task;

#define TASK_OPTIONS(t)                                                                                              \
    {"--data", "FILE", "training data, instead of [data] train", ARG_TEXT, &(t).data},                               \
        {"--labels", "FILE", "its labels, where they have a file of their own", ARG_TEXT, &(t).labels},              \
        {"--test", "FILE", "test data, instead of [data] test", ARG_TEXT, &(t).test},                                \
        {"--test-labels", "FILE", "its labels", ARG_TEXT, &(t).test_labels},                                         \
        {"--roc", "FILE.svg", "picture of the ROC curve", ARG_TEXT, &(t).roc},                                       \
        {"--predictions", "FILE", "probabilities (errors, of number targets) of what was asked about, .csv or .npy", \
         ARG_TEXT, &(t).predictions},                                                                                \
        {"--seed", "N", "instead of [train] seed", ARG_SIZE, &(t).seed},                                             \
        {"--threads", "N", "size of the team; 0 takes the CPU budget (default: [train] threads)", ARG_SIZE,          \
         &(t).threads},                                                                                              \
        CLI_ISA_OPTION((t).isa),                                                                                     \
    {                                                                                                                \
        "--quiet", NULL, "print results alone", ARG_FLAG, &(t).quiet                                                 \
    }

/* The configuration, with the choices `at` of [search] (NULL: the first ones). */
int task_configure(task *t, const size_t *at);
/* Whether --roc, --predictions and up to six more files can be written (outputs_check); more_input, which may be NULL,
 * is read besides the configuration and its data. */
int task_check_outputs(const task *t, const output_file *more, size_t n_more, const char *more_input);
/* Data and context. With `words` the vocabulary is this file's, else that of the training data. */
int task_open(task *t, const char *words, int for_checkpoint);
void task_close(task *t);
/* Files that were asked for, about what was found of the set. */
int task_write(const task *t, const scores *s, const dataset *set);

#endif
