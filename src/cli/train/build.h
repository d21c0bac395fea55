/* SPDX-License-Identifier: Apache-2.0
 *
 * What the readers share: a dataset that grows step by step.
 */
#ifndef RNNP_CLI_BUILD_H
#define RNNP_CLI_BUILD_H

#include "dataset.h"

typedef struct dataset_builder {
    dataset *set;
    const train_config *config;
    const char *path;
    char **labels, **groups;     /* [sequences] texts, or NULL entries */
    size_t n_steps;
    size_t room_steps, room_rows;
} dataset_builder;

/* Memory for `n` entries of `size` bytes at *p, which may move. 0 without memory. */
int build_grow(void *p, size_t *room, size_t n, size_t size);
char *build_text(const char *text, size_t length); /* a copy; NULL without memory */

char *build_class(const char *label); /* the same of numbers in their shortest form: 1.0000000e+00 is class 1 */

/* A sequence begins; its label and group are texts, or NULL. */
int build_sequence(dataset_builder *b, const char *label, const char *group);
/* A step of it: features numbers, or (set->features is 0) a token; time is looked at when timed. */
int build_step(dataset_builder *b, const float *x, int32_t token, int timed, float time);
/* Classes and groups become numbers, or it is given up; b is done with either way. */
int build_finish(dataset_builder *b, const dataset *like, int code);

/* One reader per format; they begin with an empty set. */
typedef int dataset_reader(const train_config *config, const char *path, const char *labels, const dataset *like,
                           vocabulary *words, int grow, dataset *set);
dataset_reader dataset_read_wide, dataset_read_csv, dataset_read_npy, dataset_read_idx, dataset_read_tokens;

#endif
