/* SPDX-License-Identifier: Apache-2.0
 *
 * Arrays: npy (x [n][steps][features] or [n][steps]) and idx, the format of the MNIST family, plain or gzipped (images
 * [n][rows][columns] of bytes, a row being a step). Labels, ids, groups and lengths [n] are arrays of their own, lines
 * of a text, or with x in one archive (npz).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"

enum { LABELS, IDS, GROUPS, LENGTHS, COLUMNS };
static const struct {
    const char *key, *members[2]; /* [data] train_KEY and test_KEY; of an archive */
    const char *one;
} columns[COLUMNS] = {
    [LABELS] = {"labels", {"y", "labels"}, "a label"},
    [IDS] = {"ids", {"ids", NULL}, "an id"},
    [GROUPS] = {"groups", {"groups", NULL}, "a group"},
    [LENGTHS] = {"lengths", {"lengths", NULL}, "a length"},
};

typedef struct reading {
    dataset_builder b;
    array x, column[COLUMNS];
    text_list texts[COLUMNS];   /* of the columns */
    const char *names[COLUMNS]; /* files, or members of an archive */
    size_t to;                  /* sequences of x before it are wanted */
} reading;

/* ---- Files ---- */

/* Where a member of an archive belongs; NULL: nowhere. */
static array *place_of(reading *r, const char *member)
{
    if (strcmp(member, "x.npy") == 0) return &r->x;
    for (int c = 0; c < COLUMNS; c++)
        for (int k = 0; k < 2 && columns[c].members[k]; k++) {
            const size_t n = strlen(columns[c].members[k]);
            if (strncmp(member, columns[c].members[k], n) == 0 && strcmp(member + n, ".npy") == 0) return &r->column[c];
        }
    return NULL;
}

static char *name_of(const archive *a, const archive_member *m)
{
    const size_t size = strlen(a->path) + strlen(m->name) + 16;
    char *name = cli_alloc(size, 1);
    snprintf(name, size, "%s: member '%s'", a->path, m->name);
    return name;
}

/* x is left in the archive where its sequences lie one behind the other; *stays says so. Of ranks each sums up its
 * part, later. */
static int leave_member(reading *r, const archive *a, const archive_member *m, int *stays)
{
    data_sum *sum = &r->b.set->sum;
    const array_place place = {a->path, m->at, m->size, &m->sum, !r->b.from->ranks};
    TRY(array_open_npy(&place, name_of(a, m), &r->x));
    *stays = !r->x.is.fortran;
    *sum = (data_sum){.head = m->size - rnnp_tensor_elements(&r->x.is.array) * r->x.is.item, .wanted = m->sum};
    sum->there = *stays && r->b.from->ranks;
    if (!*stays) array_free(&r->x);
    return CLI_OK;
}

static int take_member(reading *r, const archive *a, const archive_member *m)
{
    unsigned char *bytes;
    int stays = 0;
    array *to = place_of(r, m->name);
    if (!to) return cli_fail("%s: member '%s' is none of x, y (or labels), lengths, ids and groups", a->path, m->name);
    if (to->bytes) return cli_fail("%s: member '%s' and one before are both labels", a->path, m->name);
    if (to == &r->x && !m->packed) TRY(leave_member(r, a, m, &stays));
    if (!stays) TRY(archive_read(a, m, &bytes));
    if (!stays) TRY(array_take(to, name_of(a, m), bytes, m->size));
    to->packed = a->size;
    return array_is_bomb(to)
               ? cli_fail("%s: %zu bytes would become far more; if they really do, save them as .npy files", a->path,
                          a->size)
               : CLI_OK;
}

static int take_archive(reading *r, const char *path, const archive *a)
{
    for (size_t i = 0; i < a->n; i++) TRY(take_member(r, a, &a->at[i]));
    for (int c = 0; c < COLUMNS; c++)
        if (r->column[c].bytes && r->names[c])
            return cli_fail("%s has %s, and %s is named besides ([data] train_%s)", path, columns[c].key, r->names[c],
                            columns[c].key);
    return r->x.bytes ? CLI_OK
                      : cli_fail("%s: no member 'x.npy'; save the archive as np.savez(file, x=..., y=...)", path);
}

/* An .npy file, or an archive of them. */
static int read_numpy(reading *r, const char *path)
{
    archive a;
    int code = archive_open(&a, path);
    if (code == CLI_OK)
        code = archive_is(a.bytes, a.size)
                   ? take_archive(r, path, &a)
                   : array_open_npy(&(array_place){path, 0, a.size, NULL, 0}, cli_copy(path), &r->x);
    archive_close(&a);
    return code;
}

static int add_line(void *texts, line_reader *lines)
{
    text_add(texts, text_trim(lines->line));
    return CLI_OK;
}

/* An array in a file of its own, or lines of a text. */
static int read_column(reading *r, int c, const char *path)
{
    unsigned char head[4] = {0};
    const char *why = NULL;
    FILE *f = cli_fopen(path, &why);
    if (!f) return cli_fail("%s: %s", path, why);
    const size_t n = fread(head, 1, sizeof head, f);
    fclose(f);
    if (archive_is(head, n)) return cli_fail("%s: an archive; only the data may be one, with its labels in it", path);
    if (n == 4 && memcmp(head, "\x93NUM", 4) == 0) return array_read_npy(path, &r->column[c]);
    return r->b.from->config->format == DATA_IDX && c == LABELS ? array_read_idx(path, &r->column[c])
                                                                : lines_each(path, add_line, &r->texts[c]);
}

static int read_files(reading *r)
{
    const data_source *from = r->b.from;
    const char *const paths[COLUMNS] = {from->labels, from->ids, from->groups, from->lengths};
    memcpy(r->names, paths, sizeof paths);
    TRY(from->config->format == DATA_IDX ? array_open_idx(from->path, &r->x) : read_numpy(r, from->path));
    for (int c = 0; c < COLUMNS; c++)
        if (paths[c]) TRY(read_column(r, c, paths[c]));
    return CLI_OK;
}

/* ---- Columns ---- */

static int check_x(const array *x)
{
    if (array_is_text(x)) return cli_fail("%s: it has texts ('%s'); numbers are expected", x->name, x->is.dtype);
    if (x->is.array.rank < 2 || x->is.array.rank > 3 || array_size(x, 1) == 0 || array_size(x, 2) == 0)
        return cli_fail("%s: [n][steps] or [n][steps][features] is expected; this array has rank %zu", x->name,
                        x->is.array.rank);
    return array_size(x, 0) ? CLI_OK : cli_fail("%s: it has no sequences", x->name);
}

/* Whether targets other than one class per sequence are [n][targets], [n] where there is one, or [n][steps]. */
static int check_targets(const reading *r)
{
    const array *a = &r->column[LABELS];
    const int steps = r->b.from->config->target == TARGET_STEP_LABEL;
    const size_t n = array_size(&r->x, 0), width = steps ? array_size(&r->x, 1) : r->b.set->targets;
    if (!a->bytes && r->names[LABELS])
        return cli_fail("%s: an array is expected; lines of a text are classes of sequences", r->names[LABELS]);
    if (!a->bytes) return CLI_OK;
    if (array_is_text(a)) return cli_fail("%s: it has texts ('%s'); numbers are expected", a->name, a->is.dtype);
    if (a->is.array.rank > 2 || a->is.array.rank < 1 || array_size(a, 0) != n || array_size(a, 1) != width)
        return cli_fail("%s: [%zu][%zu] is expected, %s; this array of rank %zu has %zu rows of %zu numbers", a->name,
                        n, width, steps ? "a class for each step" : "a number for each target", a->is.array.rank,
                        array_size(a, 0), array_size(a, 1));
    return CLI_OK;
}

/* Its texts, one per sequence. */
static int take_column(reading *r, int c)
{
    const array *a = &r->column[c];
    text_list *texts = &r->texts[c];
    const size_t n = array_size(&r->x, 0);
    if (a->bytes) r->names[c] = a->name;
    if (!r->names[c]) return CLI_OK;
    if (a->bytes && (a->is.array.rank != 1 || array_size(a, 0) != n))
        return cli_fail("%s: %s for each of %zu sequences is expected; this array has %zu", a->name, columns[c].one, n,
                        a->is.array.rank ? array_size(a, 0) : 0);
    if (a->bytes) TRY(array_texts(a, texts));
    if (texts->n != n)
        return cli_fail("%s: %s for each of %zu sequences is expected; there are %zu lines", r->names[c],
                        columns[c].one, n, texts->n);
    for (size_t i = 0; i < n; i++)
        if (build_nameless(texts->at[i]))
            return cli_fail("%s: %s is missing: sequence %zu has '%s'", r->names[c], columns[c].one, i + 1,
                            texts->at[i]);
    return CLI_OK;
}

static int by_letter(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* An id is of one sequence. */
static int check_ids(const reading *r)
{
    const text_list *ids = &r->texts[IDS];
    FREED char **sorted = cli_alloc(ids->n + 1, sizeof *sorted);
    size_t twin = 1, first = 0;
    if (ids->n) memcpy(sorted, ids->at, ids->n * sizeof *sorted);
    qsort(sorted, ids->n, sizeof *sorted, by_letter);
    while (twin < ids->n && strcmp(sorted[twin - 1], sorted[twin]) != 0) twin++;
    if (twin >= ids->n) return CLI_OK;
    while (strcmp(ids->at[first], sorted[twin]) != 0) first++;
    size_t second = first + 1;
    while (strcmp(ids->at[second], sorted[twin]) != 0) second++;
    return cli_fail("%s: sequences %zu and %zu are both '%.80s'; sequences of one patient have a group", r->names[IDS],
                    first + 1, second + 1, sorted[twin]);
}

/* Where each sequence's steps will begin: it has all of them, where nothing tells. */
static int take_lengths(const reading *r, size_t *first)
{
    const size_t n = array_size(&r->x, 0), steps = array_size(&r->x, 1);
    for (size_t i = 0; i < n; i++) {
        const char *text = r->texts[LENGTHS].n ? r->texts[LENGTHS].at[i] : NULL;
        double length = (double)steps;
        if (text &&
            (text_number(text, '.', &length) || length != floor(length) || length < 1 || length > (double)steps))
            return cli_fail("%s: sequence %zu has the length '%.80s'; a whole number from 1 to %zu is expected",
                            r->names[LENGTHS], i + 1, text, steps);
        first[i + 1] = first[i] + (size_t)length;
    }
    return CLI_OK;
}

/* ---- Sequences ---- */

/* Values, or labels; NaN is a missing one. */
static int take_targets(reading *r, size_t i)
{
    const array *a = &r->column[LABELS];
    const int labels = r->b.from->config->target == TARGET_LABELS;
    const size_t T = r->b.set->targets;
    FREED float *y = cli_alloc(T, sizeof *y);
    for (size_t k = 0; k < T; k++) {
        y[k] = (float)array_number(a, i, k, 0);
        if (isinf(y[k]) || (labels && !isnan(y[k]) && y[k] != 0 && y[k] != 1))
            return cli_fail("%s: [%zu][%zu] is %g%s", a->name, i, k, array_number(a, i, k, 0),
                            labels ? ", neither 0, 1 nor NaN" : ", no number of 32 bits");
    }
    build_targets(&r->b, y);
    return CLI_OK;
}

/* The class of the last step; NaN and negative numbers are missing ones. */
static int take_step_label(reading *r, size_t i, size_t t)
{
    const array *a = &r->column[LABELS];
    const double x = array_number(a, i, t, 0);
    char text[32];
    int32_t number = -1;
    text_shortest(x, a->is.array.dtype == RNNP_DTYPE_F32, text);
    const char *wrong = isinf(x) ? "is no class" : x >= 0 ? build_step_class(&r->b, text, &number) : NULL;
    if (wrong) return cli_fail("%s: [%zu][%zu]: '%s' %s", a->name, i, t, text, wrong);
    build_step_label(&r->b, number);
    return CLI_OK;
}

static int take_sequence(reading *r, size_t i, size_t steps, float *step)
{
    const data_target target = r->column[LABELS].bytes ? r->b.from->config->target : TARGET_LABEL;
    const size_t width = r->b.set->features;
    build_sequence(&r->b, NULL, NULL, NULL);
    if (target_has_columns(target)) TRY(take_targets(r, i));
    if (!r->b.elsewhere) TRY(array_load(&r->x, i, r->to));
    for (size_t t = 0; t < steps; t++) {
        for (size_t f = 0; f < width && !r->b.elsewhere; f++) {
            step[f] = (float)(array_number(&r->x, i, t, f) * r->b.from->config->scale);
            if (isinf(step[f]))
                return cli_fail("%s: [%zu][%zu][%zu] is infinite, or too large for a 32-bit number", r->x.name, i, t,
                                f);
        }
        build_step(&r->b, step, 0, 0, 0);
        if (target == TARGET_STEP_LABEL) TRY(take_step_label(r, i, t));
    }
    return CLI_OK;
}

/* Each rank has its part of x, and looks at some of the rest. */
static int share_out(reading *r, const size_t *first)
{
    dataset *const set = r->b.set;
    data_sum *sum = &set->sum;
    dataset_deal(r->b.from->ranks, first, array_size(&r->x, 0), set);
    r->to = dataset_to(set);
    TRY(array_see(&r->x, set));
    dataset_see(set, &sum->wanted, sizeof sum->wanted);
    return sum->there ? array_sum(&r->x, dataset_from(set) == 0 ? sum->head : 0, dataset_from(set), r->to, &sum->found,
                                  &sum->bytes)
                      : CLI_OK;
}

/* All arrays into the set. */
static int take(reading *r)
{
    const dataset *like = r->b.from->like;
    TRY(check_x(&r->x));
    const data_target target = r->b.from->config->target;
    build_name_targets(r->b.from->config, r->b.set);
    for (int c = 0; c < COLUMNS; c++)
        TRY(c == LABELS && target != TARGET_LABEL && !target_is_input(target) ? check_targets(r) : take_column(r, c));
    TRY(check_ids(r));
    const size_t n = array_size(&r->x, 0), width = array_size(&r->x, 2);
    if (like && like->features != width)
        return cli_fail("%s: %zu features, the training data has %zu", r->x.name, width, like->features);
    FREED float *step = cli_alloc(width, sizeof *step);
    FREED size_t *first = cli_alloc(n + 1, sizeof *first);
    dataset *const set = r->b.set;
    TRY(take_lengths(r, first));
    set->features = width;
    r->to = n;
    if (r->b.from->ranks) TRY(share_out(r, first));
    build_reserve(&r->b, n, first[r->to] - first[dataset_from(set)]);
    for (size_t i = 0; i < n; i++) TRY(take_sequence(r, i, first[i + 1] - first[i], step));
    text_list *const lists[] = {[LABELS] = &r->b.labels, [IDS] = &r->b.ids, [GROUPS] = &r->b.groups};
    for (int c = 0; c < LENGTHS; c++) {
        *lists[c] = r->texts[c];
        r->texts[c] = (text_list){0};
    }
    return CLI_OK;
}

int dataset_read_arrays(const data_source *from, dataset *set)
{
    reading r = {.b = {.set = set, .from = from}};
    int code = read_files(&r);
    if (code == CLI_OK) code = take(&r);
    array_free(&r.x);
    for (int c = 0; c < COLUMNS; c++) {
        array_free(&r.column[c]);
        text_free(&r.texts[c]);
    }
    return build_finish(&r.b, code);
}
