/* SPDX-License-Identifier: Apache-2.0
 *
 * What is in the training set and in the test set alike: such a test is too good.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "dataset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOLD = 5 }; /* of names in a sentence */

/* ---- Groups and ids ---- */

/* The different ids or groups of a set's sequences, in order. */
static char **names_of(const dataset *set, int groups, size_t *n)
{
    text_list all = {.at = cli_alloc(set->n + 1, sizeof *all.at), .n = set->n};
    for (size_t i = 0; i < set->n; i++) all.at[i] = groups ? set->group_names[set->group[i]] : set->ids[i];
    char **names = build_distinct(&all, n);
    free(all.at);
    return names;
}

static int by_letter(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static int refuse_shared(const char *path, int groups, const dataset *train, const dataset *test)
{
    size_t n, n_test, n_shared = 0;
    FREED char **names = names_of(train, groups, &n), **tested = names_of(test, groups, &n_test);
    char list[TOLD * 90] = "";
    qsort(names, n, sizeof *names, by_letter);
    for (size_t i = 0; i < n_test; i++) {
        if (!bsearch(&tested[i], names, n, sizeof *names, by_letter)) continue;
        const size_t used = strlen(list);
        if (n_shared < TOLD) snprintf(list + used, sizeof list - used, "%s'%.80s'", n_shared ? ", " : "", tested[i]);
        n_shared++;
    }
    if (!n_shared) return CLI_OK;
    return cli_fail("%s: %zu of %zu %s %s in the training data, too, so the test is too good ([data] shared = allow "
                    "accepts it): %s%s",
                    path, n_shared, n_test, groups ? "groups" : "ids", n_shared == 1 ? "is" : "are", list,
                    n_shared > TOLD ? ", ..." : "");
}

/* ---- Sequences ---- */

typedef struct hashed {
    XXH128_hash_t hash; /* of so many bits that equal ones are equal steps */
    size_t row, bytes;
} hashed;

static int by_hash(const void *a, const void *b)
{
    const hashed *x = a, *y = b;
    const int order = XXH128_cmp(&x->hash, &y->hash);
    return order ? order : (x->row > y->row) - (x->row < y->row);
}

/* Of all sequences, each made where its steps are. */
static int hash_all(const dataset *set, hashed *all)
{
    for (size_t i = dataset_from(set); i < dataset_to(set); i++) {
        const size_t bytes = dataset_steps(set, i) * dataset_width(set);
        all[i] = (hashed){XXH3_128bits(dataset_at(set, i), bytes), i, bytes};
    }
    return dataset_gather(set, sizeof *all, all);
}

/* The first sequence of the training set (all, in order) with these very steps, or SIZE_MAX; with the same id it is no
 * news. */
static size_t find_twin(const dataset *train, const hashed *all, const dataset *test, const hashed *one)
{
    size_t low = 0, high = train->n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (XXH128_cmp(&all[middle].hash, &one->hash) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < train->n && XXH128_isEqual(all[low].hash, one->hash); low++) {
        const char *a = dataset_id(train, all[low].row), *b = dataset_id(test, one->row);
        if (all[low].bytes == one->bytes && !(a && b && strcmp(a, b) == 0)) return all[low].row;
    }
    return SIZE_MAX;
}

/* An id, or the number that predictions give a sequence without one. */
static const char *name_of(const dataset *set, size_t i, char text[96])
{
    if (dataset_id(set, i))
        snprintf(text, 96, "'%.80s'", dataset_id(set, i));
    else
        snprintf(text, 96, "%zu", i + 1);
    return text;
}

static int warn_of_twins(const char *path, const dataset *train, const dataset *test)
{
    FREED hashed *all = cli_alloc(train->n + 1, sizeof *all), *tested = cli_alloc(test->n + 1, sizeof *tested);
    char list[TOLD * 200] = "", name[96], twin[96];
    size_t n = 0;
    TRY(hash_all(train, all));
    TRY(hash_all(test, tested));
    qsort(all, train->n, sizeof *all, by_hash);
    for (size_t i = 0; i < test->n; i++) {
        const size_t row = find_twin(train, all, test, &tested[i]), used = strlen(list);
        if (row == SIZE_MAX) continue;
        if (n < TOLD)
            snprintf(list + used, sizeof list - used, "%s%s is %s", n ? ", " : "", name_of(test, i, name),
                     name_of(train, row, twin));
        n++;
    }
    if (n)
        cli_warn("%s: %zu of %zu sequences %s in the training data, too, number for number ([data] shared = allow "
                 "accepts it): %s%s",
                 path, n, test->n, n == 1 ? "is" : "are", list, n > TOLD ? ", ..." : "");
    return CLI_OK;
}

int leaks_check(const train_config *config, const char *path, const dataset *train, const dataset *test)
{
    if (config->shared == SHARED_ALLOW) return CLI_OK;
    if (train->group_names && test->group_names) TRY(refuse_shared(path, 1, train, test));
    if (train->ids && test->ids) TRY(refuse_shared(path, 0, train, test));
    return warn_of_twins(path, train, test);
}
