/* SPDX-License-Identifier: Apache-2.0
 *
 * Texts: one sequence a line, its label, a tab, and words between blanks. The vocabulary is what occurs in the training
 * data config->least times or more, most frequent first; token 0 stands for every other word, and pads.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"

typedef struct counted {
    char *word;
    size_t count;
} counted;

static int by_word(const void *a, const void *b)
{
    return strcmp(((const counted *)a)->word, ((const counted *)b)->word);
}

static int by_count(const void *a, const void *b)
{
    const counted *x = a, *y = b;

    return x->count != y->count ? (x->count < y->count ? 1 : -1) : strcmp(x->word, y->word);
}

/* Calls fn for each line. */
static int each_line(const char *path, int (*fn)(void *user, char *line, size_t number), void *user)
{
    line_reader lines;
    int code = lines_open(&lines, path), got = LINES_END;

    while (code == CLI_OK && (got = lines_next(&lines)) == LINES_LINE) code = fn(user, lines.line, lines.number);
    lines_close(&lines);
    return got == LINES_FAILED ? CLI_FAILED : code;
}

typedef int text_fn(void *user, const char *label, char *text);

typedef struct texts {
    const char *path;
    text_fn *fn;
    void *user;
} texts;

static int text_line(void *user, char *line, size_t number)
{
    const texts *t = user;
    char *tab = strchr(line, '\t');

    if (!line[strspn(line, " \t")]) return CLI_OK;
    if (!tab) return cli_fail("%s:%zu: there is no tab behind the label", t->path, number);
    *tab = '\0';
    const char *label = text_trim(line);
    if (build_nameless(label)) return cli_fail("%s:%zu: '%s' is no label; it is missing", t->path, number, label);
    if (!tab[1 + strspn(tab + 1, " \t")]) return cli_fail("%s:%zu: there is no word behind the label", t->path, number);
    return t->fn(t->user, label, tab + 1);
}

/* Calls fn for each text. */
static int each_text(const char *path, text_fn *fn, void *user)
{
    return each_line(path, text_line, &(texts){path, fn, user});
}

/* ---- The vocabulary ---- */

typedef struct counting {
    counted *all;
    size_t n, room;
} counting;

static int count_words(void *user, const char *label, char *text)
{
    counting *c = user;
    char *next, *word;

    (void)label;
    for (word = strtok_r(text, " \t", &next); word; word = strtok_r(NULL, " \t", &next)) {
        if (!text_grow(&c->all, &c->room, c->n + 1, sizeof *c->all) || !(c->all[c->n].word = text_copy(word)))
            return cli_fail("out of memory");
        c->all[c->n++].count = 1;
    }
    return CLI_OK;
}

/* Equal words become one entry with their count; the rest is freed. */
static void merge(counting *c)
{
    size_t n = 0;

    if (c->n) qsort(c->all, c->n, sizeof *c->all, by_word);
    for (size_t i = 0; i < c->n; i++) {
        if (n && strcmp(c->all[n - 1].word, c->all[i].word) == 0) {
            c->all[n - 1].count++;
            free(c->all[i].word);
        } else {
            c->all[n++] = c->all[i];
        }
    }
    c->n = n;
}

static int grow_vocabulary(const train_config *config, const char *path, vocabulary *words)
{
    counting c = {0};
    int code = each_text(path, count_words, &c);

    merge(&c);
    if (c.n) qsort(c.all, c.n, sizeof *c.all, by_count);
    words->words = calloc(c.n + 2, sizeof *words->words);
    if (words->words && (words->words[0] = text_copy("")))
        words->size = 1;
    else if (code == CLI_OK)
        code = cli_fail("out of memory");
    for (size_t i = 0; i < c.n; i++) {
        if (code == CLI_OK && c.all[i].count >= config->least)
            words->words[words->size++] = c.all[i].word;
        else
            free(c.all[i].word);
    }
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

    if (!file) return cli_fail("%s: %s", path, strerror(errno));
    for (size_t i = 1; i < words->size; i++) fprintf(file, "%s\n", words->words[i]);
    const int failed = ferror(file);
    return fclose(file) != 0 || failed ? cli_fail("%s: %s", path, strerror(errno)) : CLI_OK;
}

typedef struct growing {
    vocabulary *words;
    size_t room;
} growing;

static int add_word(void *user, char *line, size_t number)
{
    growing *g = user;
    vocabulary *words = g->words;

    (void)number;
    if (!text_grow(&words->words, &g->room, words->size + 1, sizeof *words->words) ||
        !(words->words[words->size] = text_copy(line)))
        return cli_fail("out of memory");
    words->size++;
    return CLI_OK;
}

int vocabulary_read(vocabulary *words, const char *path)
{
    growing g = {words, 0};
    char none[] = "";

    *words = (vocabulary){0};
    int code = add_word(&g, none, 0);
    if (code == CLI_OK) code = each_line(path, add_word, &g);
    if (code != CLI_OK) vocabulary_free(words);
    return code;
}

/* ---- Sequences ---- */

typedef struct reading {
    dataset_builder b;
    counted *sorted; /* word -> token, by word */
    size_t n;
} reading;

static int take_text(void *user, const char *label, char *text)
{
    reading *r = user;
    char *next, *word;
    int code = build_sequence(&r->b, NULL, label, NULL);

    for (word = strtok_r(text, " \t", &next); word && code == CLI_OK; word = strtok_r(NULL, " \t", &next)) {
        const counted key = {word, 0}, *found = bsearch(&key, r->sorted, r->n, sizeof *r->sorted, by_word);

        code = build_step(&r->b, NULL, found ? (int32_t)found->count : 0, 0, 0);
    }
    return code;
}

int dataset_read_tokens(const train_config *config, const char *path, const char *labels, const dataset *like,
                        vocabulary *words, int grow, dataset *set)
{
    reading r = {.b = {.set = set, .config = config, .path = path}};
    int code = grow ? grow_vocabulary(config, path, words) : CLI_OK;

    (void)labels;
    if (code != CLI_OK) return code;
    r.sorted = malloc((words->size + 1) * sizeof *r.sorted);
    if (!r.sorted) return cli_fail("out of memory");
    for (size_t i = 1; i < words->size; i++) r.sorted[r.n++] = (counted){words->words[i], i};
    if (r.n) qsort(r.sorted, r.n, sizeof *r.sorted, by_word);
    code = each_text(path, take_text, &r);
    free(r.sorted);
    return build_finish(&r.b, like, code);
}
