/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"

/* ---- Growing ---- */

int build_grow(void *p, size_t *room, size_t n, size_t size)
{
    void *old, *more;

    if (n <= *room)
        return 1;
    memcpy(&old, p, sizeof old);
    const size_t want = n + n / 2 + 64;
    if (want > SIZE_MAX / size || !(more = realloc(old, want * size)))
        return 0;
    memcpy(p, &more, sizeof more);
    *room = want;
    return 1;
}

char *build_text(const char *text, size_t length)
{
    char *copy = malloc(length + 1);

    if (copy) {
        memcpy(copy, text, length);
        copy[length] = '\0';
    }
    return copy;
}

char *build_class(const char *label)
{
    char text[32], *end;
    const double x = strtod(label, &end);

    snprintf(text, sizeof text, "%.9g", x);
    return end != label && !*end ? build_text(text, strlen(text)) : build_text(label, strlen(label));
}

int build_sequence(dataset_builder *b, const char *label, const char *group)
{
    dataset *set = b->set;
    size_t room[3] = {b->room_rows, b->room_rows, b->room_rows};

    if (!build_grow(&set->first, &room[0], set->n + 2, sizeof *set->first) ||
        !build_grow(&b->labels, &room[1], set->n + 2, sizeof *b->labels) ||
        !build_grow(&b->groups, &room[2], set->n + 2, sizeof *b->groups))
        return cli_fail("out of memory");
    b->room_rows = room[0];
    b->labels[set->n] = label ? build_class(label) : NULL;
    b->groups[set->n] = group ? build_text(group, strlen(group)) : NULL;
    set->first[set->n] = b->n_steps;
    set->first[++set->n] = b->n_steps;
    return (label && !b->labels[set->n - 1]) || (group && !b->groups[set->n - 1]) ? cli_fail("out of memory") : CLI_OK;
}

int build_step(dataset_builder *b, const float *x, int32_t token, int timed, float time)
{
    dataset *set = b->set;
    size_t room[2] = {b->room_steps, b->room_steps};
    const size_t width = set->features ? set->features : 1;
    const int grown = set->features ? build_grow(&set->x, &room[0], b->n_steps + 1, width * sizeof *set->x)
                                    : build_grow(&set->tokens, &room[0], b->n_steps + 1, sizeof *set->tokens);

    if (!grown || (timed && !build_grow(&set->time, &room[1], b->n_steps + 1, sizeof *set->time)))
        return cli_fail("out of memory");
    b->room_steps = room[0];
    if (set->features)
        memcpy(set->x + b->n_steps * width, x, width * sizeof *x);
    else
        set->tokens[b->n_steps] = token;
    if (timed)
        set->time[b->n_steps] = time;
    set->first[set->n] = ++b->n_steps;
    return CLI_OK;
}

/* ---- Classes and groups ---- */

/* Numbers by size before words by letter. */
static int by_value(const void *a, const void *b)
{
    const char *x = *(char *const *)a, *y = *(char *const *)b;
    char *end_x, *end_y;
    const double u = strtod(x, &end_x), v = strtod(y, &end_y);
    const int number_x = end_x != x && !*end_x, number_y = end_y != y && !*end_y;

    if (number_x && number_y && u != v)
        return u < v ? -1 : 1;
    return number_x != number_y ? number_y - number_x : strcmp(x, y);
}

/* The different texts in order; *n of them. The texts stay the caller's. */
static char **distinct(char *const *texts, size_t count, size_t *n)
{
    char **all = malloc((count + 1) * sizeof *all);

    *n = 0;
    if (!all)
        return NULL;
    memcpy(all, texts, count * sizeof *all);
    qsort(all, count, sizeof *all, by_value);
    for (size_t i = 0; i < count; i++)
        if (*n == 0 || by_value(&all[*n - 1], &all[i]) != 0)
            all[(*n)++] = all[i];
    return all;
}

static size_t find_text(char *const *sorted, size_t n, const char *text)
{
    char *const *found = bsearch(&text, sorted, n, sizeof *sorted, by_value);

    return found ? (size_t)(found - sorted) : SIZE_MAX;
}

static int number_classes(dataset_builder *b, const dataset *like)
{
    dataset *set = b->set;
    size_t n = 0;
    char **names = like ? like->class_names : distinct(b->labels, set->n, &n);

    if (like)
        n = like->classes;
    set->label = calloc(set->n + 1, sizeof *set->label);
    set->class_names = calloc(n + 1, sizeof *set->class_names);
    int code = (names || n == 0) && set->label && set->class_names ? CLI_OK : cli_fail("out of memory");
    for (size_t k = 0; k < n && code == CLI_OK; k++, set->classes++)
        if (!(set->class_names[k] = build_text(names[k], strlen(names[k]))))
            code = cli_fail("out of memory");
    for (size_t i = 0; i < set->n && code == CLI_OK; i++) {
        const size_t k = find_text(set->class_names, n, b->labels[i]);

        if (k == SIZE_MAX)
            code = cli_fail("%s: sequence %zu has class '%s', which the training data has not", b->path, i + 1,
                            b->labels[i]);
        else
            set->label[i] = (int32_t)k;
    }
    if (!like)
        free(names);
    return code;
}

static int number_groups(dataset_builder *b)
{
    dataset *set = b->set;
    size_t n = 0;
    char **names = distinct(b->groups, set->n, &n);

    set->group = calloc(set->n + 1, sizeof *set->group);
    int code = names && set->group ? CLI_OK : cli_fail("out of memory");
    for (size_t i = 0; i < set->n && code == CLI_OK; i++)
        set->group[i] = find_text(names, n, b->groups[i]);
    free(names);
    return code;
}

int build_finish(dataset_builder *b, const dataset *like, int code)
{
    dataset *set = b->set;

    if (code == CLI_OK && set->n && b->labels[0])
        code = number_classes(b, like && like->classes ? like : NULL);
    if (code == CLI_OK && set->n && b->groups[0])
        code = number_groups(b);
    for (size_t i = 0; i < set->n; i++) {
        free(b->labels[i]);
        free(b->groups[i]);
    }
    free(b->labels);
    free(b->groups);
    if (code != CLI_OK)
        dataset_free(set);
    return code;
}

/* ---- Whole sets ---- */

static void free_texts(char **texts, size_t n)
{
    for (size_t i = 0; texts && i < n; i++)
        free(texts[i]);
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
    free_texts(set->class_names, set->classes);
    free_texts(set->columns, set->features);
    *set = (dataset){0};
}

static void *copied(const void *from, size_t bytes, int *failed)
{
    void *to = from ? malloc(bytes + 1) : NULL;

    if (to)
        memcpy(to, from, bytes);
    *failed |= from && !to;
    return to;
}

static char **copied_texts(char *const *from, size_t n, int *failed)
{
    char **to = from ? calloc(n + 1, sizeof *to) : NULL;

    *failed |= from && !to;
    for (size_t i = 0; to && i < n; i++)
        *failed |= !(to[i] = build_text(from[i], strlen(from[i])));
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
    copy->class_names = copied_texts(set->class_names, set->classes, &failed);
    copy->columns = copied_texts(set->columns, set->features, &failed);
    if (!failed)
        return CLI_OK;
    dataset_free(copy);
    return cli_fail("out of memory");
}

size_t dataset_longest(const dataset *set)
{
    size_t longest = 0;

    for (size_t i = 0; i < set->n; i++)
        longest = dataset_steps(set, i) > longest ? dataset_steps(set, i) : longest;
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
    return readers[config->format](config, path, labels, like, words, grow, set);
}
