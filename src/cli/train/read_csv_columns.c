/* SPDX-License-Identifier: Apache-2.0 */
#include "read_csv_columns.h"

#include <stdlib.h>
#include <string.h>

const char *const csv_role_names[ROLES] = {"id", "time", "label", "group", "label_time"};

typedef struct csv_name {
    const char *name;
    size_t column;
} csv_name;

static int by_name(const void *a, const void *b)
{
    const csv_name *x = a, *y = b;
    const int order = strcmp(x->name, y->name);
    return order ? order : (x->column > y->column) - (x->column < y->column);
}

static int same_name(const void *a, const void *b)
{
    return strcmp(((const csv_name *)a)->name, ((const csv_name *)b)->name);
}

static const csv_name *search_header(const csv_reader *r, const char *name)
{
    const csv_name wanted = {name, 0};
    return bsearch(&wanted, r->names, r->header.n, sizeof wanted, same_name);
}

/* The column of this name, which must be the only one. */
static int find_column(const csv_reader *r, const char *name, const char *key, size_t *column)
{
    const csv_name *found = search_header(r, name), *other;
    if (!found) return csv_row_fault(r, "there is no column '%.80s' ([data] %s)", name, key);
    *column = found->column;
    other = found > r->names && same_name(found, found - 1) == 0 ? found - 1 : found + 1;
    if (other < r->names + r->header.n && same_name(found, other) == 0)
        return csv_row_fault(r, "columns %zu and %zu are both '%.80s' ([data] %s)",
                             (found < other ? found : other)->column + 1, (found < other ? other : found)->column + 1,
                             name, key);
    return CLI_OK;
}

static int find_roles(csv_reader *r)
{
    const train_config *c = r->b.from->config;
    const char *const names[ROLES] = {c->id, c->time, c->label, c->group, c->label_time};
    for (int k = 0; k < ROLES; k++) {
        r->role[k] = SIZE_MAX;
        /* Data to predict need neither labels nor groups. */
        if (r->b.from->like && (k == LABEL || k == GROUP) && !search_header(r, names[k])) continue;
        if (k == LABEL_TIME && r->b.from->like && r->role[LABEL] == SIZE_MAX && !search_header(r, names[k])) continue;
        if (*names[k] && find_column(r, names[k], csv_role_names[k], &r->role[k]) != CLI_OK) return CLI_FAILED;
    }
    return CLI_OK;
}

/* Data to predict need not have columns of targets. */
static int find_targets(csv_reader *r)
{
    const dataset *set = r->b.set;
    r->target = cli_alloc(set->targets + 1, sizeof *r->target);
    for (size_t k = 0; k < set->targets; k++) {
        r->target[k] = SIZE_MAX;
        if (r->b.from->like && !search_header(r, set->target_names[k])) continue;
        TRY(find_column(r, set->target_names[k], r->b.from->config->target == TARGET_LABELS ? "labels" : "values",
                        &r->target[k]));
        r->has_targets = 1;
    }
    return CLI_OK;
}

enum { NOT_CHOSEN, CHOSEN, TAKEN }; /* as a feature; taken for a role */

static int is_category(const csv_reader *r, const char *name)
{
    return text_listed(&r->b.from->config->categories, name);
}

/* Channels of categories are called COLUMN=TEXT; a column of such a name would be taken for one of them. */
static int refuse_like_text(const csv_reader *r, size_t column)
{
    const text_list *texts = &r->b.from->config->categories;
    const char *name = r->header.at[column];
    for (size_t i = 0; i < texts->n; i++) {
        const size_t n = strlen(texts->at[i]);
        if (strncmp(name, texts->at[i], n) == 0 && name[n] == '=')
            return csv_row_fault(r, "column %zu, '%.80s', has the name of a text of '%.80s' ([data] categories)",
                                 column + 1, name, texts->at[i]);
    }
    return CLI_OK;
}

static category *add_feature(csv_reader *r, size_t column)
{
    const int texts = is_category(r, r->header.at[column]);
    r->feature[r->n_raw] = column;
    r->category[r->n_raw] = texts ? cli_alloc(1, sizeof(category)) : NULL;
    return r->category[r->n_raw++];
}

/* Features stand in the order of the file. */
static int choose_features(csv_reader *r, unsigned char *state)
{
    const text_list *chosen = &r->b.from->config->features, *texts = &r->b.from->config->categories;
    size_t column;
    for (size_t f = 0; f < chosen->n; f++) {
        TRY(find_column(r, chosen->at[f], "features", &column));
        if (state[column] != NOT_CHOSEN)
            return config_blame(r->b.from->config, "data", "features", "features names '%.80s' twice", chosen->at[f]);
        state[column] = CHOSEN;
    }
    for (size_t f = 0; f < texts->n; f++) {
        TRY(find_column(r, texts->at[f], "categories", &column));
        if (state[column] != CHOSEN)
            return config_blame(r->b.from->config, "data", "categories",
                                "categories: '%.80s' is not one of the features", texts->at[f]);
    }
    for (size_t k = 0; k < r->header.n; k++) {
        if (state[k] != CHOSEN) continue;
        if (!*r->header.at[k])
            return csv_row_fault(r, "column %zu has no name; [data] features says which columns are meant", k + 1);
        TRY(find_column(r, r->header.at[k], "features: all others", &column));
        TRY(refuse_like_text(r, k));
        add_feature(r, k);
    }
    return CLI_OK;
}

/* The column that a channel of the training data is made of: COLUMN=TEXT of a column of categories. */
static const char *source_of(const csv_reader *r, const char *channel)
{
    const text_list *texts = &r->b.from->config->categories;
    for (size_t i = 0; i < texts->n; i++) {
        const size_t n = strlen(texts->at[i]);
        if (strncmp(channel, texts->at[i], n) == 0 && channel[n] == '=') return texts->at[i];
    }
    return channel;
}

/* A test set has the columns of the training data, in any order; channels are in the order of the training data. */
static int adopt_features(csv_reader *r, unsigned char *state)
{
    const dataset *like = r->b.from->like;
    size_t column;
    for (size_t f = 0; f < like->features;) {
        const char *name = source_of(r, like->columns[f]);
        if (!search_header(r, name))
            return csv_row_fault(r, "there is no column '%.80s', which the training data has", name);
        TRY(find_column(r, name, "features", &column));
        if (state[column] == TAKEN) /* metadata of a model that lie */
            return csv_row_fault(r, "column '%.80s' has two uses in the training data", name);
        state[column] = TAKEN;
        category *c = add_feature(r, column);
        f += c ? category_adopt(c, name, like->columns, f, like->features) : 1;
    }
    for (size_t k = 0; k < r->header.n && !r->b.from->config->features.n; k++)
        if (state[k] != TAKEN)
            return csv_row_fault(
                r,
                "column %zu is '%.80s', which the training data does not have; [data] features says which "
                "columns are meant",
                k + 1, r->header.at[k]);
    return CLI_OK;
}

static int find_features(csv_reader *r)
{
    const size_t n = r->header.n;
    FREED unsigned char *state = cli_alloc(n + 1, 1);
    r->feature = cli_alloc(n + 1, sizeof *r->feature);
    r->category = cli_alloc(n + 1, sizeof *r->category);
    memset(state, r->b.from->config->features.n ? NOT_CHOSEN : CHOSEN, n);
    for (int k = 0; k < ROLES; k++)
        if (r->role[k] != SIZE_MAX) state[r->role[k]] = TAKEN;
    for (size_t k = 0; k < r->b.set->targets; k++)
        if (r->target[k] != SIZE_MAX) state[r->target[k]] = TAKEN;
    TRY((r->b.from->like ? adopt_features : choose_features)(r, state));
    return r->n_raw ? CLI_OK : csv_row_fault(r, "there is no column of features");
}

int csv_read_header(csv_reader *r)
{
    const int got = table_next(&r->t);
    if (got != LINES_LINE)
        return got == LINES_END ? cli_fail("%s: the file is empty; a header is expected", r->b.from->path) : CLI_FAILED;
    r->names = cli_alloc(r->t.n + 1, sizeof *r->names);
    for (size_t k = 0; k < r->t.n; k++) text_add(&r->header, table_field(&r->t, k));
    for (size_t k = 0; k < r->t.n; k++) r->names[k] = (csv_name){r->header.at[k], k};
    qsort(r->names, r->t.n, sizeof *r->names, by_name);
    build_name_targets(r->b.from->config, r->b.set);
    TRY(find_roles(r));
    TRY(find_targets(r));
    return find_features(r);
}

void csv_free_columns(csv_reader *r)
{
    text_free(&r->header);
    free(r->names);
    for (size_t f = 0; f < r->n_raw; f++) {
        if (r->category[f]) category_free(r->category[f]);
        free(r->category[f]);
    }
    free(r->category);
    free(r->target);
    free(r->feature);
}
