/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "sources.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../recordings/recording.h"

static const char *const endings[] = {".hea", ".edf", ".bdf", ".gdf", ".EDF", ".BDF", ".GDF"};

/* The ending of a recording's name, or its end. */
static const char *ending(const char *name)
{
    const size_t n = strlen(name);
    for (size_t i = 0; i < COUNT(endings); i++)
        if (n > strlen(endings[i]) && strcmp(name + n - strlen(endings[i]), endings[i]) == 0)
            return name + n - strlen(endings[i]);
    return name + n;
}

/* path and name are taken over. */
static rec_source *add(rec_sources *s, char *path, char *name)
{
    cli_grow(&s->at, &s->room, s->n + 1, sizeof *s->at);
    name[ending(name) - name] = '\0';
    s->at[s->n] = (rec_source){.path = path, .name = name};
    return &s->at[s->n++];
}

static char *join(const char *folder, size_t length, const char *name, const char *end)
{
    const size_t size = length + strlen(name) + strlen(end) + 2;
    char *path = cli_alloc(size, 1);
    snprintf(path, size, "%.*s%s%s", (int)length, folder, name, end);
    return path;
}

/* The file, or the one with an ending behind the name, as records go by their names. */
static char *find(const char *folder, size_t length, const char *name)
{
    char *path = join(folder, *name == '/' ? 0 : length, name, "");
    for (size_t i = 0; i < COUNT(endings) && access(path, F_OK) != 0; i++) {
        char *longer = join(folder, *name == '/' ? 0 : length, name, endings[i]);
        if (access(longer, F_OK) == 0) return free(path), longer;
        free(longer);
    }
    return path;
}

/* ---- Folders ---- */

static int by_path(const void *a, const void *b)
{
    return strcmp(((const rec_source *)a)->path, ((const rec_source *)b)->path);
}

static int read_folder(const char *path, rec_sources *s)
{
    DIR *folder = opendir(path);
    if (!folder) return cli_fail("%s: %s", path, strerror(errno));
    FREED char *begin = join(path, strlen(path), "/", "");
    for (const struct dirent *entry; (entry = readdir(folder));)
        if (*ending(entry->d_name)) add(s, join(begin, strlen(begin), entry->d_name, ""), cli_copy(entry->d_name));
    closedir(folder);
    if (!s->n) return cli_fail("%s: the folder has no recordings (.hea, .edf, .bdf, .gdf)", path);
    qsort(s->at, s->n, sizeof *s->at, by_path);
    return CLI_OK;
}

/* ---- Lists ---- */

typedef struct list {
    const data_source *from;
    rec_sources *s;
    table t;
    size_t folder;       /* length of the name of the list's folder */
    size_t column[3], n; /* id, label and group: their columns, or SIZE_MAX; columns of the header */
    size_t *target;      /* those of targets */
} list;

enum { ID, LABEL, GROUP };

#define fault(l, ...) text_fail((l)->from->path, (l)->t.line, __VA_ARGS__)

/* The column of this name; SIZE_MAX where there is none and none is needed. */
static int find_column(const list *l, const char *name, const char *key, int optional, size_t *column)
{
    *column = SIZE_MAX;
    for (size_t i = 0; i < l->t.n; i++) {
        if (strcmp(table_field(&l->t, i), name) != 0) continue;
        if (*column != SIZE_MAX)
            return fault(l, "columns %zu and %zu are both '%.80s' ([data] %s)", *column + 1, i + 1, name, key);
        *column = i;
    }
    if (*column == SIZE_MAX && !optional) return fault(l, "there is no column '%.80s' ([data] %s)", name, key);
    return CLI_OK;
}

static int read_header(list *l)
{
    const train_config *c = l->from->config;
    const char *const names[] = {c->id, c->label, c->group}, *const keys[] = {"id", "label", "group"};
    const int got = table_next(&l->t);
    if (got != LINES_LINE) return got == LINES_END ? fault(l, "the list is empty; a header is expected") : CLI_FAILED;
    l->n = l->t.n;
    for (int k = 0; k < 3; k++) {
        l->column[k] = SIZE_MAX;
        if (*names[k]) TRY(find_column(l, names[k], keys[k], l->from->like && k != ID, &l->column[k]));
    }
    const text_list *targets = target_columns(c);
    const size_t n = targets ? targets->n : 0;
    l->target = cli_alloc(n + 1, sizeof *l->target);
    for (size_t k = 0; k < n; k++)
        TRY(find_column(l, targets->at[k], c->target == TARGET_LABELS ? "labels" : "values", l->from->like != NULL,
                        &l->target[k]));
    return CLI_OK;
}

/* The targets of a row; without any of their columns there are none. */
static int take_targets(const list *l, rec_source *source)
{
    const text_list *targets = target_columns(l->from->config);
    const size_t n = targets && l->target ? targets->n : 0;
    size_t there = 0;
    for (size_t k = 0; k < n; k++) there += l->target[k] != SIZE_MAX;
    if (!there) return CLI_OK;
    source->y = cli_alloc(n, sizeof *source->y);
    for (size_t k = 0; k < n; k++) {
        const char *text = l->target[k] == SIZE_MAX ? "" : table_field(&l->t, l->target[k]);
        const char *wrong = build_target(l->from->config, text, &source->y[k]);
        if (wrong) return fault(l, "column %zu (%.80s): '%.80s' %s", l->target[k] + 1, targets->at[k], text, wrong);
    }
    return CLI_OK;
}

/* A name without a header is the whole line. */
static int take_row(list *l)
{
    const int headed = *l->from->config->id != '\0';
    if (headed && l->t.n != l->n) return fault(l, "%zu columns, the header has %zu", l->t.n, l->n);
    if (!headed && l->t.n != 1)
        return fault(l, "%zu fields; without [data] id, a list has one recording in each line", l->t.n);
    const char *name = table_field(&l->t, headed ? l->column[ID] : 0);
    for (int k = ID; k <= GROUP && headed; k++)
        if (l->column[k] != SIZE_MAX && build_nameless(table_field(&l->t, l->column[k])))
            return fault(l, "column %zu is missing: '%s'", l->column[k] + 1, table_field(&l->t, l->column[k]));
    for (size_t i = 0; i < l->s->n; i++)
        if (strlen(l->s->at[i].name) == (size_t)(ending(name) - name) &&
            strncmp(l->s->at[i].name, name, strlen(l->s->at[i].name)) == 0)
            return fault(l, "'%.80s' is in the list twice", name);
    rec_source *source = add(l->s, find(l->from->path, l->folder, name), cli_copy(name));
    if (headed && l->column[LABEL] != SIZE_MAX) source->label = cli_copy(table_field(&l->t, l->column[LABEL]));
    if (headed && l->column[GROUP] != SIZE_MAX) source->group = cli_copy(table_field(&l->t, l->column[GROUP]));
    return take_targets(l, source);
}

static int read_list(const data_source *from, rec_sources *s)
{
    const char *slash = strrchr(from->path, '/');
    list l = {.from = from, .s = s, .folder = slash ? (size_t)(slash - from->path) + 1 : 0};
    int code = table_open(&l.t, from->path, from->config->separator), got = LINES_END;
    if (code == CLI_OK && *from->config->id) code = read_header(&l);
    while (code == CLI_OK && (got = table_next(&l.t)) == LINES_LINE) code = take_row(&l);
    table_close(&l.t);
    free(l.target);
    if (got == LINES_FAILED) return CLI_FAILED;
    return code == CLI_OK && !s->n ? cli_fail("%s: the list has no recordings", from->path) : code;
}

int sources_read(const data_source *from, rec_sources *s)
{
    struct stat about;
    FREED char *path = find("", 0, from->path);
    *s = (rec_sources){0};
    if (stat(path, &about) == 0 && S_ISDIR(about.st_mode)) return read_folder(path, s);
    const rec_kind kind = rec_kind_of(path);
    if (kind == REC_OTHER) return read_list(from, s);
    if (kind == REC_FAILED) return CLI_FAILED;
    const char *slash = strrchr(path, '/');
    add(s, cli_copy(path), cli_copy(slash ? slash + 1 : path));
    return CLI_OK;
}

void sources_free(rec_sources *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free(s->at[i].path);
        free(s->at[i].name);
        free(s->at[i].label);
        free(s->at[i].group);
        free(s->at[i].y);
    }
    free(s->at);
    *s = (rec_sources){0};
}
