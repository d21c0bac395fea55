/* SPDX-License-Identifier: Apache-2.0 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataset.h"

/* ---- Growing ---- */

/* The places are exact: growing would take half as much again. */
void build_reserve(dataset_builder *b, size_t sequences, size_t steps)
{
    dataset *set = b->set;
    set->first = cli_alloc(b->room_first = sequences + 2, sizeof *set->first);
    set->x = cli_alloc(b->room_steps = steps, set->features * sizeof *set->x);
}

void build_sequence(dataset_builder *b, const char *id, const char *label, const char *group)
{
    dataset *set = b->set;
    cli_grow(&set->first, &b->room_first, set->n + 2, sizeof *set->first);
    if (id) text_add(&b->ids, id);
    if (label) text_add(&b->labels, label);
    if (group) text_add(&b->groups, group);
    b->elsewhere = b->from->counting || !dataset_is_here(set, set->n);
    set->first[set->n] = b->n_steps;
    set->first[++set->n] = b->n_steps;
}

void dataset_see(dataset *set, const void *bytes, size_t size)
{
    set->seen = XXH3_64bits_withSeed(bytes, size, set->seen);
}

static void keep_step(dataset_builder *b, const float *x, int32_t token)
{
    dataset *set = b->set;
    const size_t width = set->features;
    if (width) {
        cli_grow(&set->x, &b->room_steps, b->n_here + 1, width * sizeof *set->x);
        memcpy(set->x + b->n_here * width, x, width * sizeof *x);
    } else {
        cli_grow(&set->tokens, &b->room_steps, b->n_here + 1, sizeof *set->tokens);
        set->tokens[b->n_here] = token;
    }
    b->n_here++;
}

void build_step(dataset_builder *b, const float *x, int32_t token, int timed, double time)
{
    dataset *set = b->set;
    if (!b->elsewhere)
        keep_step(b, x, token);
    else if (b->from->counting && set->features && x)
        dataset_see(set, x, set->features * sizeof *x);
    else if (b->from->counting && !set->features)
        dataset_see(set, &token, sizeof token);
    if (timed) {
        cli_grow(&set->time, &b->room_time, b->n_steps + 1, sizeof *set->time);
        set->time[b->n_steps] = time;
    }
    set->first[set->n] = ++b->n_steps;
}

void build_step_label(dataset_builder *b, int32_t number)
{
    dataset *set = b->set;
    cli_grow(&set->step_label, &b->room_step_label, b->n_steps, sizeof *set->step_label);
    set->step_label[b->n_steps - 1] = number;
}

void build_targets(dataset_builder *b, const float *y)
{
    dataset *set = b->set;
    cli_grow(&set->y, &b->room_y, set->n, set->targets * sizeof *set->y);
    memcpy(set->y + (set->n - 1) * set->targets, y, set->targets * sizeof *y);
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
    return (*text < '0' || *text > '9') && one_of(text, spellings, COUNT(spellings));
}

int build_missing(const train_config *config, const char *text)
{
    static const char *const more[] = {".", "-"};
    return build_nameless(text) || one_of(text, more, COUNT(more)) || text_listed(&config->missing_values, text);
}

const char *build_feature(const train_config *config, const char *text, float *x)
{
    const char *wrong = NULL;
    *x = NAN;
    if (!build_missing(config, text)) wrong = text_float(text, config->decimal, x);
    *x *= (float)config->scale;
    return wrong ? wrong : isinf(*x) ? "times scale is too large" : NULL;
}

/* ---- Targets ---- */

void build_name_targets(const train_config *config, dataset *set)
{
    const text_list *columns = target_columns(config);
    if (!columns) return;
    set->targets = columns->n ? columns->n : 1;
    set->target_names = columns->n ? cli_copies(columns->at, columns->n) : cli_copies((char *[]){"value"}, 1);
}

const char *build_target(const train_config *config, const char *text, float *y)
{
    *y = NAN;
    if (build_missing(config, text)) return NULL;
    const char *wrong = text_float(text, config->decimal, y);
    return wrong || config->target == TARGET_VALUES || *y == 0 || *y == 1 ? wrong : "is neither 0, 1 nor missing";
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

char **build_distinct(const text_list *texts, size_t *n)
{
    char **all = cli_alloc(texts->n + 1, sizeof *all);
    *n = 0;
    if (texts->n) memcpy(all, texts->at, texts->n * sizeof *all);
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

/* [data] label_type = number: classes are numbers by value, in their shortest form. */
static int shorten(dataset_builder *b, char **label)
{
    char text[32];
    double x;
    const char *wrong = text_number(*label, b->from->config->decimal, &x);
    if (wrong || fabs(x) > 9007199254740992.0)
        return cli_fail("%s: label '%.80s' %s, but [data] label_type = number", b->from->path, *label,
                        wrong ? wrong : "has more digits than a double holds");
    text_shortest(x, 0, text);
    free(*label);
    *label = cli_copy(text);
    return CLI_OK;
}

/* Whether it is a number that may be written in several ways. Codes with leading zeros are not. */
static int is_plain(const char *text, double *x)
{
    const char *s = text + (*text == '-' || *text == '+');
    return !text_number(text, '.', x) && !(s[0] == '0' && s[1] >= '0' && s[1] <= '9');
}

/* Names are texts, so 1 and 1.0 would be two: surely nobody means that. The names are sorted. */
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

/* Sorts only where an id may have a twin at all. */
static int check_ids(const dataset_builder *b)
{
    int written = 0;
    double x;
    size_t n;
    for (size_t i = 0; i < b->ids.n && !written; i++)
        written = strpbrk(b->ids.at[i], ".eE+") && is_plain(b->ids.at[i], &x);
    if (!written) return CLI_OK;
    FREED char **names = build_distinct(&b->ids, &n);
    return refuse_twins(b->from->path, "ids", names, n, write_alike);
}

const char *build_step_class(dataset_builder *b, const char *text, int32_t *number)
{
    enum { MOST = 1000 };
    const train_config *config = b->from->config;
    const dataset *like = b->from->like && b->from->like->classes ? b->from->like : NULL;
    const text_list *seen = &b->step_classes;
    char shortest[32];
    double x;
    *number = -1;
    if (config->label_type == LABELS_NUMBER) {
        const char *wrong = text_number(text, config->decimal, &x);
        if (wrong) return wrong;
        text_shortest(x, 0, shortest);
        text = shortest;
    }
    if (like) {
        const size_t k = find_text(like->class_names, like->classes, text);
        *number = (int32_t)k;
        return k == SIZE_MAX ? "is a class that the training data does not have" : NULL;
    }
    for (size_t k = 0; k < seen->n && *number < 0; k++)
        if (strcmp(seen->at[k], text) == 0) *number = (int32_t)k;
    if (*number >= 0) return NULL;
    if (seen->n == MOST) return "is one class too many: labels of steps have at most 1000";
    *number = (int32_t)seen->n;
    text_add(&b->step_classes, text);
    return NULL;
}

/* Numbers as they came up become those of the classes in order. */
static int sort_step_classes(dataset_builder *b)
{
    const dataset *like = b->from->like && b->from->like->classes ? b->from->like : NULL;
    dataset *set = b->set;
    FREED char **own = build_distinct(&b->step_classes, &set->classes);
    char **names = like ? like->class_names : own;
    FREED int32_t *rank = cli_alloc(b->step_classes.n + 1, sizeof *rank);
    if (like) set->classes = like->classes;
    TRY(refuse_twins(b->from->path, "labels", own, like ? 0 : set->classes,
                     "[data] label_type = number makes them one class"));
    set->class_names = cli_copies(names, set->classes);
    if (like) return CLI_OK;
    for (size_t k = 0; k < b->step_classes.n; k++)
        rank[k] = (int32_t)find_text(own, set->classes, b->step_classes.at[k]);
    for (size_t s = 0; s < b->n_steps; s++)
        if (set->step_label[s] >= 0) set->step_label[s] = rank[set->step_label[s]];
    return CLI_OK;
}

static int unknown_class(const dataset_builder *b, size_t i)
{
    const char *id = b->ids.n ? b->ids.at[i] : NULL;
    return cli_fail("%s: sequence %zu%s%.80s%s has class '%.80s', which the training data does not have", b->from->path,
                    i + 1, id ? " ('" : "", id ? id : "", id ? "')" : "", b->labels.at[i]);
}

static int number_classes(dataset_builder *b)
{
    const dataset *like = b->from->like && b->from->like->classes ? b->from->like : NULL;
    dataset *set = b->set;
    for (size_t i = 0; i < set->n && b->from->config->label_type == LABELS_NUMBER; i++)
        TRY(shorten(b, &b->labels.at[i]));
    FREED char **own = build_distinct(&b->labels, &set->classes);
    char **names = like ? like->class_names : own;
    if (like)
        set->classes = like->classes;
    else
        TRY(refuse_twins(b->from->path, "labels", names, set->classes,
                         "[data] label_type = number makes them one class"));
    set->class_names = cli_copies(names, set->classes);
    set->label = cli_alloc(set->n + 1, sizeof *set->label);
    for (size_t i = 0; i < set->n; i++) {
        const size_t k = find_text(names, set->classes, b->labels.at[i]);
        if (k == SIZE_MAX) return unknown_class(b, i);
        set->label[i] = (int32_t)k;
    }
    return CLI_OK;
}

static int number_groups(dataset_builder *b)
{
    dataset *set = b->set;
    FREED char **names = build_distinct(&b->groups, &set->groups);
    TRY(refuse_twins(b->from->path, "groups", names, set->groups, write_alike));
    set->group_names = cli_copies(names, set->groups);
    set->group = cli_alloc(set->n + 1, sizeof *set->group);
    for (size_t i = 0; i < set->n; i++) set->group[i] = find_text(names, set->groups, b->groups.at[i]);
    return CLI_OK;
}

int build_finish(dataset_builder *b, int code)
{
    dataset *set = b->set;
    /* A rank without a sequence knows of which kind the set is. */
    if (set->parts && !set->features && !set->tokens) set->tokens = cli_alloc(1, sizeof *set->tokens);
    if (set->parts && set->features && !set->x) set->x = cli_alloc(set->features, sizeof *set->x);
    if (code == CLI_OK) code = check_ids(b);
    if (code == CLI_OK && b->labels.n) code = number_classes(b);
    if (code == CLI_OK && set->step_label && !set->class_names) code = sort_step_classes(b);
    if (code == CLI_OK && b->groups.n) code = number_groups(b);
    if (code == CLI_OK) {
        set->ids = b->ids.at;
        b->ids = (text_list){0};
    }
    text_free(&b->ids);
    text_free(&b->labels);
    text_free(&b->groups);
    text_free(&b->step_classes);
    if (code != CLI_OK) dataset_free(set);
    return code;
}

/* ---- Whole sets ---- */

void dataset_free(dataset *set)
{
    free(set->first);
    if (!set->borrowed) free(set->x);
    if (!set->borrowed) free(set->tokens);
    free(set->parts);
    free(set->whole);
    free(set->label);
    free(set->step_label);
    free(set->y);
    free(set->start);
    free(set->group);
    free(set->time);
    free(set->before);
    free(set->since);
    cli_free_texts(set->ids, set->n);
    cli_free_texts(set->group_names, set->groups);
    cli_free_texts(set->class_names, set->classes);
    cli_free_texts(set->target_names, set->targets);
    cli_free_texts(set->columns, set->features);
    cli_free_texts(set->units, set->features);
    *set = (dataset){0};
}

static void *copied(const void *from, size_t n, size_t size)
{
    void *to = from ? cli_alloc(n + 1, size) : NULL;
    return to ? memcpy(to, from, n * size) : NULL;
}

void dataset_copy(const dataset *set, dataset *copy)
{
    const size_t steps = set->n ? set->first[set->n] : 0, F = set->features;
    const size_t from = dataset_from(set), here = dataset_to(set) - from;
    const size_t steps_here = set->n ? set->first[from + here] - set->first[from] : 0;
    *copy = *set;
    copy->borrowed = 0;
    copy->whole = NULL;
    copy->parts = set->parts ? copied(set->parts, set->ranks->peers.ranks + 1, sizeof *set->parts) : NULL;
    copy->first = copied(set->first, set->n + 1, sizeof *set->first);
    copy->x = copied(set->x, steps_here * F, sizeof *set->x);
    copy->tokens = copied(set->tokens, steps_here, sizeof *set->tokens);
    copy->label = copied(set->label, set->n, sizeof *set->label);
    copy->step_label = copied(set->step_label, steps, sizeof *set->step_label);
    copy->y = copied(set->y, set->n * set->targets, sizeof *set->y);
    copy->start = copied(set->start, set->n, sizeof *set->start);
    copy->group = copied(set->group, set->n, sizeof *set->group);
    copy->time = copied(set->time, steps, sizeof *set->time);
    copy->before = copied(set->before, here * F, sizeof *set->before);
    copy->since = copied(set->since, here * F, sizeof *set->since);
    copy->ids = cli_copies(set->ids, set->n);
    copy->group_names = cli_copies(set->group_names, set->groups);
    copy->class_names = cli_copies(set->class_names, set->classes);
    copy->target_names = cli_copies(set->target_names, set->targets);
    copy->columns = cli_copies(set->columns, F);
    copy->units = cli_copies(set->units, F);
}

void dataset_borrow(const dataset *set, dataset *copy)
{
    dataset rest = *set;
    rest.x = NULL;
    rest.tokens = NULL;
    dataset_copy(&rest, copy);
    copy->x = set->x;
    copy->tokens = set->tokens;
    copy->borrowed = 1;
}

size_t dataset_longest(const dataset *set)
{
    size_t longest = 0;
    for (size_t i = 0; i < set->n; i++) longest = dataset_steps(set, i) > longest ? dataset_steps(set, i) : longest;
    return longest;
}

int dataset_has_target(const train_config *config, const dataset *set, size_t i)
{
    int known = target_is_input(config->target) || (config->target == TARGET_LABEL && set->label);
    for (size_t s = set->first[i]; set->step_label && s < set->first[i + 1]; s++) known |= set->step_label[s] >= 0;
    for (size_t k = 0; set->y && k < set->targets; k++) known |= !isnan(set->y[i * set->targets + k]);
    return known;
}

void dataset_adopt_classes(const dataset *from, dataset *set)
{
    set->class_names = cli_copies(from->class_names, from->classes);
    set->classes = from->classes;
}
