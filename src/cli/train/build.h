/* SPDX-License-Identifier: Apache-2.0
 *
 * What the readers share: a dataset that grows step by step.
 */
#ifndef RNNP_CLI_BUILD_H
#define RNNP_CLI_BUILD_H

#include "dataset.h"
#include "text.h"

typedef struct dataset_builder {
    dataset *set;
    const train_config *config;
    const char *path;
    text_list ids, labels, groups; /* one per sequence, or none at all */
    size_t n_steps;
    size_t room_first, room_steps, room_time;
} dataset_builder;

/* Memory at once, when the numbers are known. set->features comes first. */
int build_reserve(dataset_builder *b, size_t sequences, size_t steps);
/* A sequence begins; its id, label and group are texts, or NULL. */
int build_sequence(dataset_builder *b, const char *id, const char *label, const char *group);
/* A step of it: features numbers, or (set->features is 0) a token; time is looked at when timed. */
int build_step(dataset_builder *b, const float *x, int32_t token, int timed, double time);
/* Classes and groups become numbers, or it is given up; b is done with either way. */
int build_finish(dataset_builder *b, const dataset *like, int code);

/* Whether the text says that there is no value: see docs/reference/training.md. Numbers know some more such texts than
 * names do. */
int build_missing(const train_config *config, const char *text);
int build_nameless(const char *text);

/* One reader per format; they begin with an empty set. */
typedef int dataset_reader(const train_config *config, const char *path, const char *labels, const dataset *like,
                           vocabulary *words, int grow, dataset *set);
dataset_reader dataset_read_wide, dataset_read_csv, dataset_read_npy, dataset_read_idx, dataset_read_tokens;

#endif
