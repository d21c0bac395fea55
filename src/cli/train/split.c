/* SPDX-License-Identifier: Apache-2.0
 *
 * Groups (patients) are put in random order, one label after another, and dealt to the parts in turn: so no group is in
 * two parts, and each label has about the same share in all of them. A group's label is that of its first sequence.
 */
#include <math.h>
#include <stdlib.h>

#include "dataset.h"
#include "rnnpack/train.h"

static size_t group_of(const dataset *set, uint32_t row) { return set->group ? set->group[row] : row; }

/* The place in the line of every sequence's group. */
static void line_up(const dataset *set, const row_list *from, uint64_t seed, size_t *turn)
{
    size_t groups = 0, placed = 0;
    for (size_t i = 0; i < from->n; i++)
        if (group_of(set, from->at[i]) >= groups) groups = group_of(set, from->at[i]) + 1;
    FREED int32_t *label = cli_alloc(groups + 1, sizeof *label);
    FREED size_t *of_group = cli_alloc(groups + 1, sizeof *of_group);
    FREED uint32_t *order = cli_alloc(groups + 1, sizeof *order);
    for (size_t g = 0; g < groups; g++) label[g] = -1; /* nobody */
    for (size_t i = from->n; i-- > 0;) label[group_of(set, from->at[i])] = set->label ? set->label[from->at[i]] : 0;
    rnnp_train_order(seed, UINT64_C(1) << 32, groups, order);
    for (int32_t k = 0; k < (int32_t)(set->classes ? set->classes : 1); k++)
        for (size_t i = 0; i < groups; i++)
            if (label[order[i]] == k) of_group[order[i]] = placed++;
    for (size_t i = 0; i < from->n; i++) turn[i] = of_group[group_of(set, from->at[i])];
}

/* Whether a place in the line is held out: every parts-th from p on, or (parts is 0) a share, evenly spread. */
static int is_held(size_t turn, size_t parts, size_t p, double share)
{
    return parts ? turn % parts == p : floor((double)(turn + 1) * share) > floor((double)turn * share);
}

static void split(const dataset *set, const row_list *from, size_t parts, size_t p, double share, uint64_t seed,
                  row_list *kept, row_list *held)
{
    FREED size_t *turn = cli_alloc(from->n + 1, sizeof *turn);
    kept->at = cli_alloc(from->n + 1, sizeof *kept->at);
    held->at = cli_alloc(from->n + 1, sizeof *held->at);
    line_up(set, from, seed, turn);
    for (size_t i = 0; i < from->n; i++) {
        row_list *to = is_held(turn[i], parts, p, share) ? held : kept;
        to->at[to->n++] = from->at[i];
    }
}

row_list split_all(const dataset *set)
{
    const row_list all = {cli_alloc(set->n + 1, sizeof *all.at), set->n};
    for (size_t i = 0; i < set->n; i++) all.at[i] = (uint32_t)i;
    return all;
}

row_list split_known(const train_config *config, const dataset *set, const row_list *from)
{
    row_list known = {cli_alloc(from->n + 1, sizeof *known.at), 0};
    for (size_t i = 0; i < from->n; i++)
        if (dataset_has_target(config, set, from->at[i])) known.at[known.n++] = from->at[i];
    return known;
}

static int by_number(const void *a, const void *b)
{
    const size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

size_t split_groups(const dataset *set, const row_list *rows)
{
    FREED size_t *all = cli_alloc(rows->n + 1, sizeof *all);
    size_t n = 0;
    for (size_t i = 0; i < rows->n; i++) all[i] = group_of(set, rows->at[i]);
    qsort(all, rows->n, sizeof *all, by_number);
    for (size_t i = 0; i < rows->n; i++) n += i == 0 || all[i] != all[i - 1];
    return n;
}

/* Windows of a sequence are a group without a name. */
static const char *unit(const dataset *set) { return set->group_names ? "group" : "sequence"; }

int split_folds(const dataset *set, size_t parts, size_t p, uint64_t seed, row_list *kept, row_list *held)
{
    AUTO_ROWS all = split_all(set);
    const size_t groups = split_groups(set, &all);
    *kept = *held = (row_list){0};
    if (groups < parts) /* before the first fold, not when one turns out to be empty */
        return cli_fail("%zu folds need as many %ss; the training data has %zu", parts, unit(set), groups);
    split(set, &all, parts, p, 0, seed, kept, held);
    return CLI_OK;
}

int split_share(const dataset *set, const row_list *from, double share, uint64_t seed, row_list *kept, row_list *held)
{
    *kept = *held = (row_list){0};
    split(set, from, 0, 0, share, seed, kept, held);
    if (kept->n && (held->n || !(share > 0))) return CLI_OK;
    const size_t groups = split_groups(set, from);
    return cli_fail("[train] validation = %g of %zu %s%s %s", share, groups, unit(set), groups == 1 ? "" : "s",
                    kept->n ? "holds out none; it is rounded down" : "leaves nothing to train on");
}
