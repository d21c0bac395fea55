/* SPDX-License-Identifier: Apache-2.0
 *
 * Groups (patients) are lined up in an order drawn by lot, those of one label behind those of another, and dealt to the
 * parts by turns: so no group is in two parts, and labels have about the same share in all. A group's label is that of
 * its first sequence.
 */
#include <math.h>
#include <stdlib.h>

#include "dataset.h"
#include "rnnpack/train.h"

/* Place in the line of every sequence's group. */
static int line_up(const dataset *set, const row_list *from, uint64_t seed, size_t *turn)
{
    size_t groups = 0, placed = 0;

    for (size_t i = 0; i < from->n; i++) {
        const size_t g = set->group ? set->group[from->at[i]] : from->at[i];

        groups = g >= groups ? g + 1 : groups;
    }
    int32_t *label = malloc((groups + 1) * sizeof *label);
    size_t *of_group = malloc((groups + 1) * sizeof *of_group);
    uint32_t *order = malloc((groups + 1) * sizeof *order);
    if (label && of_group && order) {
        for (size_t g = 0; g < groups; g++) label[g] = -1; /* nobody */
        for (size_t i = from->n; i-- > 0;)
            label[set->group ? set->group[from->at[i]] : from->at[i]] = set->label ? set->label[from->at[i]] : 0;
        rnnp_train_order(seed, UINT64_C(1) << 32, groups, order);
        for (int32_t k = 0; k < (int32_t)(set->classes ? set->classes : 1); k++)
            for (size_t i = 0; i < groups; i++)
                if (label[order[i]] == k) of_group[order[i]] = placed++;
        for (size_t i = 0; i < from->n; i++) turn[i] = of_group[set->group ? set->group[from->at[i]] : from->at[i]];
    }
    const int code = label && of_group && order ? CLI_OK : cli_fail("out of memory");
    free(label);
    free(of_group);
    free(order);
    return code;
}

/* Whether a place in the line is held out: every parts-th from p on, or (parts is 0) a share, evenly spread. */
static int is_held(size_t turn, size_t parts, size_t p, double share)
{
    return parts ? turn % parts == p : floor((double)(turn + 1) * share) > floor((double)turn * share);
}

static int split(const dataset *set, const row_list *from, size_t parts, size_t p, double share, uint64_t seed,
                 row_list *kept, row_list *held)
{
    size_t *turn = calloc(from->n + 1, sizeof *turn);

    *kept = (row_list){malloc((from->n + 1) * sizeof *kept->at), 0};
    *held = (row_list){malloc((from->n + 1) * sizeof *held->at), 0};
    int code = turn && kept->at && held->at ? CLI_OK : cli_fail("out of memory");
    if (code == CLI_OK) code = line_up(set, from, seed, turn);
    for (size_t i = 0; i < from->n && code == CLI_OK; i++) {
        row_list *to = is_held(turn[i], parts, p, share) ? held : kept;

        to->at[to->n++] = from->at[i];
    }
    free(turn);
    return code;
}

int split_all(const dataset *set, row_list *all)
{
    *all = (row_list){malloc((set->n + 1) * sizeof *all->at), set->n};
    if (!all->at) return cli_fail("out of memory");
    for (size_t i = 0; i < set->n; i++) all->at[i] = (uint32_t)i;
    return CLI_OK;
}

static int by_number(const void *a, const void *b)
{
    const size_t x = *(const size_t *)a, y = *(const size_t *)b;

    return (x > y) - (x < y);
}

/* How many groups these sequences are of; SIZE_MAX without memory. */
static size_t count_groups(const dataset *set, const row_list *rows)
{
    size_t *all = set->group ? malloc((rows->n + 1) * sizeof *all) : NULL, n = 0;

    if (!set->group) return rows->n;
    if (!all) return SIZE_MAX;
    for (size_t i = 0; i < rows->n; i++) all[i] = set->group[rows->at[i]];
    qsort(all, rows->n, sizeof *all, by_number);
    for (size_t i = 0; i < rows->n; i++) n += i == 0 || all[i] != all[i - 1];
    free(all);
    return n;
}

/* Windows of a sequence are a group without a name. */
static const char *unit(const dataset *set) { return set->group_names ? "group" : "sequence"; }

int split_folds(const dataset *set, size_t parts, size_t p, uint64_t seed, row_list *kept, row_list *held)
{
    row_list all;
    int code = split_all(set, &all);
    const size_t groups = code == CLI_OK ? count_groups(set, &all) : 0;

    *kept = *held = (row_list){0};
    if (code == CLI_OK && groups < parts) /* before the first fold, not when one turns out to be empty */
        code = cli_fail("%zu folds need as many %ss; the training data has %zu", parts, unit(set), groups);
    if (code == CLI_OK) code = split(set, &all, parts, p, 0, seed, kept, held);
    free(all.at);
    return code;
}

int split_share(const dataset *set, const row_list *from, double share, uint64_t seed, row_list *kept, row_list *held)
{
    const int code = split(set, from, 0, 0, share, seed, kept, held);

    if (code != CLI_OK || (kept->n && (held->n || !(share > 0)))) return code;
    const size_t groups = count_groups(set, from);
    return cli_fail("[train] validation = %g of %zu %s%s %s", share, groups, unit(set), groups == 1 ? "" : "s",
                    kept->n ? "holds out nobody; it is rounded down" : "leaves nothing to train on");
}
