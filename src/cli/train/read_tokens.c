/* SPDX-License-Identifier: Apache-2.0
 *
 * Texts: one sequence a line, its label, a tab, and words between blanks; data to predict may have words alone, if the
 * first line has no tab. The vocabulary is what occurs in the training
 * data config->least times or more, most frequent first; token 0 stands for every other word, and pads.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataset.h"

static int by_word(const void *a, const void *b)
{
    return strcmp(((const counted_word *)a)->word, ((const counted_word *)b)->word);
}

static int by_count(const void *a, const void *b)
{
    const counted_word *x = a, *y = b;
    return x->count != y->count ? (x->count < y->count ? 1 : -1) : strcmp(x->word, y->word);
}

typedef void text_fn(void *user, const char *label, char *text);

typedef struct texts {
    text_fn *fn;
    void *user;
    int labels; /* 1: before each text, 0: none, -1: as the first line says */
} texts;

static int text_line(void *user, line_reader *lines)
{
    texts *t = user;
    char *tab = strchr(lines->line, '\t');
    if (!lines->line[strspn(lines->line, " \t")]) return CLI_OK;
    if (t->labels < 0) t->labels = tab != NULL;
    if (!t->labels) {
        t->fn(t->user, NULL, lines->line);
        return CLI_OK;
    }
    if (!tab) return text_fail(lines->path, lines->number, "no tab follows the label");
    *tab = '\0';
    const char *label = text_trim(lines->line);
    if (build_nameless(label))
        return text_fail(lines->path, lines->number, "'%s' is not a label: it stands for a missing value", label);
    if (!tab[1 + strspn(tab + 1, " \t")]) return text_fail(lines->path, lines->number, "no word follows the label");
    t->fn(t->user, label, tab + 1);
    return CLI_OK;
}

/* Calls fn for each text. */
static int each_text(const char *path, int labels, text_fn *fn, void *user)
{
    return lines_each(path, text_line, &(texts){fn, user, labels});
}

/* ---- The vocabulary ---- */

typedef struct counting {
    counted_word *all;
    size_t n, room, most; /* most: before equal ones become one */
} counting;

/* So there is memory for a few times the different words, however long the text is. */
static void merge_words(counting *c)
{
    size_t m = 0;
    if (c->n) qsort(c->all, c->n, sizeof *c->all, by_word);
    for (size_t i = 0; i < c->n; i++) {
        if (m && strcmp(c->all[m - 1].word, c->all[i].word) == 0) {
            c->all[m - 1].count += c->all[i].count;
            free(c->all[i].word);
        } else
            c->all[m++] = c->all[i];
    }
    c->n = m;
    c->most = 2 * m + (1 << 16);
}

static void count_words(void *user, const char *label, char *text)
{
    counting *c = user;
    char *next, *word;
    (void)label;
    for (word = strtok_r(text, " \t", &next); word; word = strtok_r(NULL, " \t", &next)) {
        if (c->n >= c->most) merge_words(c);
        cli_grow(&c->all, &c->room, c->n + 1, sizeof *c->all);
        c->all[c->n++] = (counted_word){cli_copy(word), 1};
    }
}

void vocabulary_of_counts(vocabulary *words, counted_word *all, size_t n, size_t least)
{
    FREED counted_word *different = cli_alloc(n + 1, sizeof *different);
    size_t m = 0;
    if (n) qsort(all, n, sizeof *all, by_word);
    for (size_t i = 0; i < n; i++) {
        if (m && strcmp(different[m - 1].word, all[i].word) == 0)
            different[m - 1].count += all[i].count;
        else
            different[m++] = all[i];
    }
    if (m) qsort(different, m, sizeof *different, by_count);
    words->words = cli_alloc(m + 1, sizeof *words->words);
    words->words[words->size++] = cli_copy("");
    for (size_t i = 0; i < m && different[i].count >= least; i++)
        words->words[words->size++] = cli_copy(different[i].word);
}

static int grow_vocabulary(const train_config *config, const char *path, vocabulary *words)
{
    counting c = {0};
    const int code = each_text(path, 1, count_words, &c);
    vocabulary_of_counts(words, c.all, code == CLI_OK ? c.n : 0, config->least);
    for (size_t i = 0; i < c.n; i++) free(c.all[i].word);
    free(c.all);
    return code;
}

void vocabulary_free(vocabulary *words)
{
    for (size_t i = 0; i < words->size; i++) free(words->words[i]);
    free(words->words);
    *words = (vocabulary){0};
}

int vocabulary_write(const vocabulary *words, const char *path)
{
    FILE *file = fopen(path, "w");
    for (size_t i = 1; file && i < words->size; i++) fprintf(file, "%s\n", words->words[i]);
    return text_finish(file, path);
}

typedef struct growing {
    vocabulary *words;
    size_t room;
} growing;

static int add_word(void *user, line_reader *lines)
{
    growing *g = user;
    cli_grow(&g->words->words, &g->room, g->words->size + 1, sizeof *g->words->words);
    g->words->words[g->words->size++] = cli_copy(lines->line);
    return CLI_OK;
}

int vocabulary_read(vocabulary *words, const char *path)
{
    growing g = {words, 0};
    char none[] = "";
    *words = (vocabulary){0};
    add_word(&g, &(line_reader){.line = none});
    const int code = lines_each(path, add_word, &g);
    if (code != CLI_OK) vocabulary_free(words);
    return code;
}

/* ---- Sequences ---- */

typedef struct reading {
    dataset_builder b;
    counted_word *sorted; /* word -> token, by word */
    size_t n;
} reading;

static void take_text(void *user, const char *label, char *text)
{
    reading *r = user;
    char *next, *word;
    build_sequence(&r->b, NULL, label, NULL);
    for (word = strtok_r(text, " \t", &next); word; word = strtok_r(NULL, " \t", &next)) {
        const counted_word key = {word, 0}, *found = bsearch(&key, r->sorted, r->n, sizeof *r->sorted, by_word);
        build_step(&r->b, NULL, found ? (int32_t)found->count : 0, 0, 0);
    }
}

int dataset_read_tokens(const data_source *from, dataset *set)
{
    const vocabulary *words = from->words;
    if (from->grow) TRY(grow_vocabulary(from->config, from->path, from->words));
    FREED counted_word *sorted = cli_alloc(words->size + 1, sizeof *sorted);
    reading r = {.b = {.set = set, .from = from}, .sorted = sorted};

    for (size_t i = 1; i < words->size; i++) sorted[r.n++] = (counted_word){words->words[i], i};
    if (r.n) qsort(sorted, r.n, sizeof *sorted, by_word);
    return build_finish(&r.b, each_text(from->path, from->like ? -1 : 1, take_text, &r));
}
