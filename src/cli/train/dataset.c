/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"

/* ---- Growing ---- */

/* Room for exactly n entries, none of which are there yet. */
static int reserve(void *p, size_t *room, size_t n, size_t size)
{
    void *all = n < SIZE_MAX / size ? malloc(n * size + 1) : NULL;

    memcpy(p, &all, sizeof all);
    *room = all ? n : 0;
    return all != NULL;
}

int build_reserve(dataset_builder *b, size_t sequences, size_t steps)
{
    dataset *set = b->set;

    return reserve(&set->first, &b->room_first, sequences + 2, sizeof *set->first) &&
                   reserve(&set->x, &b->room_steps, steps, set->features * sizeof *set->x)
               ? CLI_OK
               : cli_fail("%s: no memory for %zu sequences of %zu steps in all", b->path, sequences, steps);
}

int build_sequence(dataset_builder *b, const char *id, const char *label, const char *group)
{
    dataset *set = b->set;

    if (!text_grow(&set->first, &b->room_first, set->n + 2, sizeof *set->first) || (id && !text_add(&b->ids, id)) ||
        (label && !text_add(&b->labels, label)) || (group && !text_add(&b->groups, group)))
        return cli_fail("out of memory");
    set->first[set->n] = b->n_steps;
    set->first[++set->n] = b->n_steps;
    return CLI_OK;
}

int build_step(dataset_builder *b, const float *x, int32_t token, int timed, double time)
{
    dataset *set = b->set;
    const size_t width = set->features ? set->features : 1;
    const int grown = set->features ? text_grow(&set->x, &b->room_steps, b->n_steps + 1, width * sizeof *set->x)
                                    : text_grow(&set->tokens, &b->room_steps, b->n_steps + 1, sizeof *set->tokens);

    if (!grown || (timed && !text_grow(&set->time, &b->room_time, b->n_steps + 1, sizeof *set->time)))
        return cli_fail("out of memory");
    if (set->features)
        memcpy(set->x + b->n_steps * width, x, width * sizeof *x);
    else
        set->tokens[b->n_steps] = token;
    if (timed) set->time[b->n_steps] = time;
    set->first[set->n] = ++b->n_steps;
    return CLI_OK;
}

/* ---- What is no value ---- */

static int one_of(const char *text, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(text, list[i]) == 0) return 1;
    return 0;
}

int build_nameless(const char *text)
{
    static const char *const spellings[] = {"",    "NA",  "N/A",  "na",   "n/a",  "NaN",
                                            "nan", "NAN", "null", "NULL", "None", "?"};

    return (*text < '0' || *text > '9') && one_of(text, spellings, sizeof spellings / sizeof spellings[0]);
}

int build_missing(const train_config *config, const char *text)
{
    static const char *const more[] = {".", "-"};

    return build_nameless(text) || one_of(text, more, sizeof more / sizeof more[0]) ||
           text_listed(&config->missing_values, text);
}

/* ---- Classes and groups ---- */

/* Numbers by size before words by letter. */
static int by_value(const void *a, const void *b)
{
    const char *x = *(char *const *)a, *y = *(char *const *)b;
    double u = 0, v = 0;
    const int number_x = !text_number(x, '.', &u), number_y = !text_number(y, '.', &v);

    if (number_x && number_y && u != v) return u < v ? -1 : 1;
    return number_x != number_y ? number_y - number_x : strcmp(x, y);
}

/* The different texts in order; *n of them. The texts stay the caller's. */
static char **distinct(const text_list *texts, size_t *n)
{
    char **all = malloc((texts->n + 1) * sizeof *all);

    *n = 0;
    if (!all) return NULL;
    memcpy(all, texts->at, texts->n * sizeof *all);
    qsort(all, texts->n, sizeof *all, by_value);
    for (size_t i = 0; i < texts->n; i++)
        if (*n == 0 || strcmp(all[*n - 1], all[i]) != 0) all[(*n)++] = all[i];
    return all;
}

static size_t find_text(char *const *sorted, size_t n, const char *text)
{
    char *const *found = bsearch(&text, sorted, n, sizeof *sorted, by_value);

    return found ? (size_t)(found - sorted) : SIZE_MAX;
}

static int copy_texts(char *const *from, size_t n, char ***to)
{
    if (!(*to = calloc(n + 1, sizeof **to))) return cli_fail("out of memory");
    for (size_t i = 0; i < n; i++)
        if (!((*to)[i] = text_copy(from[i]))) return cli_fail("out of memory");
    return CLI_OK;
}

/* [data] label_type = number: classes are numbers by value, in their shortest form. */
static int shorten(dataset_builder *b, char **label)
{
    char text[32];
    double x;
    const char *wrong = text_number(*label, b->config->decimal, &x);

    if (wrong || fabs(x) > 9007199254740992.0)
        return cli_fail("%s: label '%.80s' %s, but [data] label_type = number", b->path, *label,
                        wrong ? wrong : "has more digits than a double holds");
    text_shortest(x, 0, text);
    free(*label);
    return (*label = text_copy(text)) ? CLI_OK : cli_fail("out of memory");
}

/* A number that somebody may write in several ways. Codes with leading zeros are none. */
static int is_plain(const char *text, double *x)
{
    const char *s = text + (*text == '-' || *text == '+');

    return !text_number(text, '.', x) && !(s[0] == '0' && s[1] >= '0' && s[1] <= '9');
}

/* Names are texts, so 1 and 1.0 would be two: surely nobody means that. They are sorted. */
static int refuse_twins(const char *path, const char *what, char *const *names, size_t n, const char *remedy)
{
    const char *last = NULL;
    double before = 0, x;

    for (size_t k = 0; k < n; k++) {
        if (!is_plain(names[k], &x)) continue;
        if (last && x == before && (strpbrk(last, ".eE+") || strpbrk(names[k], ".eE+")))
            return cli_fail("%s: %s '%.80s' and '%.80s' are texts of the same number; %s", path, what, last, names[k],
                            remedy);
        last = names[k];
        before = x;
    }
    return CLI_OK;
}

static const char write_alike[] = "write it in one way";

/* Sorting is for files in which an id may have a twin at all. */
static int check_ids(const dataset_builder *b)
{
    int written = 0, code;
    double x;
    size_t n;

    for (size_t i = 0; i < b->ids.n && !written; i++)
        written = strpbrk(b->ids.at[i], ".eE+") && is_plain(b->ids.at[i], &x);
    if (!written) return CLI_OK;
    char **names = distinct(&b->ids, &n);
    code = names ? refuse_twins(b->path, "ids", names, n, write_alike) : cli_fail("out of memory");
    free(names);
    return code;
}

static int unknown_class(const dataset_builder *b, size_t i)
{
    const char *id = b->ids.n ? b->ids.at[i] : NULL;

    return cli_fail("%s: sequence %zu%s%.80s%s has class '%.80s', which the training data has not", b->path, i + 1,
                    id ? " ('" : "", id ? id : "", id ? "')" : "", b->labels.at[i]);
}

static int number_classes(dataset_builder *b, const dataset *like)
{
    dataset *set = b->set;
    size_t n = 0;
    int code = CLI_OK;

    for (size_t i = 0; i < set->n && code == CLI_OK && b->config->label_type == LABELS_NUMBER; i++)
        code = shorten(b, &b->labels.at[i]);
    char **names = like ? like->class_names : distinct(&b->labels, &n);
    if (like) n = like->classes;
    set->label = calloc(set->n + 1, sizeof *set->label);
    if (code == CLI_OK && (!names || !set->label)) code = cli_fail("out of memory");
    if (code == CLI_OK && !like)
        code = refuse_twins(b->path, "labels", names, n, "[data] label_type = number makes them one class");
    if (code == CLI_OK) {
        set->classes = n;
        code = copy_texts(names, n, &set->class_names);
    }
    for (size_t i = 0; i < set->n && code == CLI_OK; i++) {
        const size_t k = find_text(names, n, b->labels.at[i]);

        if (k == SIZE_MAX)
            code = unknown_class(b, i);
        else
            set->label[i] = (int32_t)k;
    }
    if (!like) free(names);
    return code;
}

static int number_groups(dataset_builder *b)
{
    dataset *set = b->set;
    char **names = distinct(&b->groups, &set->groups);

    set->group = calloc(set->n + 1, sizeof *set->group);
    int code = names && set->group ? refuse_twins(b->path, "groups", names, set->groups, write_alike)
                                   : cli_fail("out of memory");

    if (code == CLI_OK) code = copy_texts(names, set->groups, &set->group_names);
    for (size_t i = 0; i < set->n && code == CLI_OK; i++)
        set->group[i] = find_text(names, set->groups, b->groups.at[i]);
    free(names);
    return code;
}

int build_finish(dataset_builder *b, const dataset *like, int code)
{
    dataset *set = b->set;

    if (code == CLI_OK) code = check_ids(b);
    if (code == CLI_OK && b->labels.n) code = number_classes(b, like && like->classes ? like : NULL);
    if (code == CLI_OK && b->groups.n) code = number_groups(b);
    if (code == CLI_OK) {
        set->ids = b->ids.at;
        b->ids = (text_list){0};
    }
    text_free(&b->ids);
    text_free(&b->labels);
    text_free(&b->groups);
    if (code != CLI_OK) dataset_free(set);
    return code;
}

/* ---- Whole sets ---- */

static void free_texts(char **texts, size_t n)
{
    for (size_t i = 0; texts && i < n; i++) free(texts[i]);
    free(texts);
}

void dataset_free(dataset *set)
{
    free(set->first);
    free(set->x);
    free(set->tokens);
    free(set->label);
    free(set->group);
    free(set->time);
    free(set->before);
    free(set->since);
    free_texts(set->ids, set->n);
    free_texts(set->group_names, set->groups);
    free_texts(set->class_names, set->classes);
    free_texts(set->columns, set->features);
    *set = (dataset){0};
}

static void *copied(const void *from, size_t bytes, int *failed)
{
    void *to = from ? malloc(bytes + 1) : NULL;

    if (to) memcpy(to, from, bytes);
    *failed |= from && !to;
    return to;
}

static char **copied_texts(char *const *from, size_t n, int *failed)
{
    char **to = NULL;

    *failed |= from && copy_texts(from, n, &to) != CLI_OK;
    return to;
}

int dataset_copy(const dataset *set, dataset *copy)
{
    const size_t steps = set->n ? set->first[set->n] : 0;
    int failed = 0;

    *copy = *set;
    copy->first = copied(set->first, (set->n + 1) * sizeof *set->first, &failed);
    copy->x = copied(set->x, steps * set->features * sizeof *set->x, &failed);
    copy->tokens = copied(set->tokens, steps * sizeof *set->tokens, &failed);
    copy->label = copied(set->label, set->n * sizeof *set->label, &failed);
    copy->group = copied(set->group, set->n * sizeof *set->group, &failed);
    copy->time = copied(set->time, steps * sizeof *set->time, &failed);
    copy->before = copied(set->before, set->n * set->features * sizeof *set->before, &failed);
    copy->since = copied(set->since, set->n * set->features * sizeof *set->since, &failed);
    copy->ids = copied_texts(set->ids, set->n, &failed);
    copy->group_names = copied_texts(set->group_names, set->groups, &failed);
    copy->class_names = copied_texts(set->class_names, set->classes, &failed);
    copy->columns = copied_texts(set->columns, set->features, &failed);
    if (!failed) return CLI_OK;
    dataset_free(copy);
    return cli_fail("out of memory");
}

size_t dataset_longest(const dataset *set)
{
    size_t longest = 0;

    for (size_t i = 0; i < set->n; i++) longest = dataset_steps(set, i) > longest ? dataset_steps(set, i) : longest;
    return longest;
}

int dataset_read(const train_config *config, const char *path, const char *labels, const dataset *like,
                 vocabulary *words, int grow, dataset *set)
{
    static dataset_reader *const readers[] = {
        [DATA_WIDE] = dataset_read_wide, [DATA_CSV] = dataset_read_csv,       [DATA_NPY] = dataset_read_npy,
        [DATA_IDX] = dataset_read_idx,   [DATA_TOKENS] = dataset_read_tokens,
    };

    *set = (dataset){0};
    if (labels && config->format != DATA_NPY && config->format != DATA_IDX)
        return cli_fail("%s: labels of this format stand in the data file; a file of labels is for npy and idx",
                        labels);
    return readers[config->format](config, path, labels, like, words, grow, set);
}
