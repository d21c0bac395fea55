/* SPDX-License-Identifier: Apache-2.0
 *
 * Sequences in memory, as files give them and as training needs them.
 *
 *   read_*.c    files of each format into a dataset; recordings: which ones (sources.c), what of them (select.c)
 *   prepare.c   windows, missing values, scaling
 *   split.c     parts of a dataset by sequence or by group
 *   leaks.c     what the training set and the test set share
 *   parts.c     ranks that train together (cli/group.h), each with the steps of some of the sequences
 */
#ifndef RNNP_CLI_DATASET_H
#define RNNP_CLI_DATASET_H

#include "../group_messages.h"
#include "../model.h"
#include "config.h"

/* What a part of x adds up to, where a file says what all of it should. */
typedef struct data_sum {
    int there;
    size_t head; /* bytes before x that count */
    uint32_t wanted, found;
    uint64_t bytes; /* that `found` is of */
} data_sum;

/* n sequences; the steps of all lie behind each other. Either x or tokens is NULL. What is large, x, tokens, before and
 * since, may be in parts, of which this process has one: neighbouring sequences. All else is whole. */
typedef struct dataset {
    size_t n, features;
    size_t *first;   /* [n + 1]: sequence i has the steps [first[i], first[i + 1]) */
    float *x;        /* [steps][features]; NaN: missing */
    int32_t *tokens; /* [steps], 0: unknown word */
    int borrowed;    /* x and tokens are those of another set */
    size_t *parts;   /* [ranks + 1]: rank k has x or tokens of sequences [parts[k], parts[k + 1]); NULL: all here */
    char *whole;     /* in parts: those of all sequences, where they are few (dataset_complete); or NULL */
    cli_group *ranks;
    uint64_t seen; /* in parts: a hash of what every rank has looked at of x or tokens, besides its part */
    data_sum sum;
    int32_t *label;      /* [n], or NULL */
    int32_t *step_label; /* [steps] of target step_label, -1: missing; or NULL */
    size_t targets;      /* columns of targets, each with a number per sequence */
    char **target_names; /* [targets] */
    float *y;            /* [n][targets], of labels 0 or 1; NaN: missing; NULL: all are */
    char **ids;          /* [n] names that the file gives to its sequences, or NULL; windows share their sequence's */
    size_t *group;       /* [n]: sequences of a group are never split; NULL: each is its own */
    size_t groups;
    char **group_names; /* [groups], or NULL where the file does not name them */
    size_t classes;     /* of labels; 0 without */
    char **class_names; /* [classes] */
    char **columns;     /* [features], or NULL */
    char **units;       /* [features] of the columns, or NULL */
    uint64_t rate[2];   /* steps a second as a fraction; 0: not known */
    double *time;       /* [steps], or NULL: one apart */
    size_t *start;      /* [n] or NULL: of windows, the steps of their sequence before them */
    float *before;      /* [n][features] or NULL: of windows, the last value before them in their sequence, or NaN */
    double *since;      /* [n][features] with before: when that was, on the clock of the window's steps */
} dataset;

/* The words of token files: token 0 stands for all others. */
typedef struct vocabulary {
    char **words; /* [size], words[0] = "" */
    size_t size;
} vocabulary;

/* Reads the file (npy, idx: and its labels) as config->format says. Fails with a sentence that names file, line and
 * column. `like` may be NULL; else its class names and columns must be those of the file, in its order (a test set).
 * words grows when grow is set: all words that occur `config->least` times or more. */
typedef struct data_source {
    const train_config *config;
    const char *path;
    const char *labels, *ids, *groups, *lengths; /* files of npy and idx; NULL: none, or in the data */
    const dataset *like;
    vocabulary *words;
    int grow;
    int undivided;    /* recordings: blocks are no groups of their own */
    cli_group *ranks; /* that have a part each; NULL: all of it is read */
    int counting;     /* of a reader: x and tokens are looked at, and nobody has them yet */
} data_source;

int dataset_read(const data_source *from, dataset *set);
/* The same, cut into windows or to a length as the configuration says, unless it is to stay whole; no sequence is an
 * error. */
int dataset_open(const data_source *from, int whole, dataset *set);
/* A copy in memory of its own; one that borrows x and tokens, which must outlive it. */
void dataset_copy(const dataset *set, dataset *copy);
void dataset_borrow(const dataset *set, dataset *copy);
void dataset_free(dataset *set);
void vocabulary_free(vocabulary *words);
/* Adds bytes to what all ranks have seen. */
void dataset_see(dataset *set, const void *bytes, size_t size);
/* A word and how often it occurs. */
typedef struct counted_word {
    char *word;
    uint64_t count;
} counted_word;

/* Makes the vocabulary of all words that occur `least` times or more, the most frequent first, equals in the order of
 * letters. Counts of a word that is there several times add up. The words are copied; `all` is put in order. */
void vocabulary_of_counts(vocabulary *words, counted_word *all, size_t n, size_t least);
/* One word a line, as dataset_read numbers them. */
int vocabulary_write(const vocabulary *words, const char *path);
int vocabulary_read(vocabulary *words, const char *path);

/* The sequences that are here, all of them or a part: [from, to). */
static inline size_t dataset_from(const dataset *set) { return set->parts ? set->parts[set->ranks->peers.rank] : 0; }
static inline size_t dataset_to(const dataset *set)
{
    return set->parts ? set->parts[set->ranks->peers.rank + 1] : set->n;
}
static inline int dataset_is_here(const dataset *set, size_t i)
{
    return !set->parts || (i >= dataset_from(set) && i < dataset_to(set));
}
static inline size_t dataset_steps(const dataset *set, size_t i) { return set->first[i + 1] - set->first[i]; }
/* The steps of sequence i, which is here. */
static inline float *dataset_x(const dataset *set, size_t i)
{
    return set->x + (set->first[i] - set->first[dataset_from(set)]) * set->features;
}
static inline int32_t *dataset_tokens(const dataset *set, size_t i)
{
    return set->tokens + (set->first[i] - set->first[dataset_from(set)]);
}
/* The same of either kind, and how many bytes a step has. */
static inline size_t dataset_width(const dataset *set)
{
    return set->tokens ? sizeof *set->tokens : set->features * sizeof *set->x;
}
static inline const void *dataset_at(const dataset *set, size_t i)
{
    if (set->whole) return set->whole + set->first[i] * dataset_width(set);
    return set->tokens ? (const void *)dataset_tokens(set, i) : (const void *)dataset_x(set, i);
}
/* What the file calls sequence i, and its group; NULL where its format has no such name. They live as long as the set.
 */
static inline const char *dataset_id(const dataset *set, size_t i) { return set->ids ? set->ids[i] : NULL; }
static inline const char *dataset_group(const dataset *set, size_t i)
{
    return set->group_names ? set->group_names[set->group[i]] : NULL;
}
size_t dataset_longest(const dataset *set);
/* Whether there is a target to learn from sequence i; next and input always have one. */
int dataset_has_target(const train_config *config, const dataset *set, size_t i);
/* Data without labels are predicted in the classes of others. */
void dataset_adopt_classes(const dataset *from, dataset *set);

/* ---- prepare.c ---- */

/* Cuts each sequence into windows of config->window steps, config->stride apart; shorter rests are dropped. */
void dataset_cut(const train_config *config, dataset *set);
/* Mean and standard deviation [features] over the given sequences, in the order of the set, missing values left out; 0
 * and 1 where there is nothing, deviation 1 where nothing varies. All ranks call it. */
int dataset_scale(const dataset *set, const uint32_t *rows, size_t n, float *means, float *deviations);
/* What that is made of: the sum of one feature's values that are there, or (with mean) of their squared distances from
 * it, the mean first, so that nothing cancels; and how many there are. */
double dataset_sum(const dataset *set, const uint32_t *rows, size_t n, size_t feature, const double *mean,
                   double *count);
/* The same of a column of targets that are values. */
double dataset_sum_target(const dataset *set, const uint32_t *rows, size_t n, size_t target, const double *mean,
                          double *count);
/* How many answers of a label are 0, and how many 1. */
void dataset_count_answers(const dataset *set, const uint32_t *rows, size_t n, size_t target, double counts[2]);
/* Adds up sequences, or steps, of each class [classes]; missing ones do not count. */
void dataset_count_classes(const dataset *set, const uint32_t *rows, size_t n, double *counts);
float dataset_deviation(double squares, double count);
/* Fills NaN as config->missing says (carry: the value before, at the beginning the mean), and appends the channels that
 * were asked for: per feature 1 where it was there (mask), and the time since it was last there, since the
 * beginning where it never was (delta). No later step is looked at. MISSING_REFUSE: NaN is an error that names the
 * sequence, step and column. Of a set in parts it is about the sequences that are here. */
int dataset_fill(const train_config *config, dataset *set, const float *means);
/* One value x (NaN: missing) of feature k at the time `now`, into the channels `to` of its step. *last is what is
 * carried on, *since when the value was last there; both are brought up to date. */
typedef struct fill_rule {
    data_missing missing;
    int mask, delta;
    size_t features;
} fill_rule;
void dataset_fill_value(const fill_rule *rule, size_t k, float x, double now, float *last, double *since, float *to);

/* ---- split.c ---- */

/* Sequence numbers. */
typedef struct row_list {
    uint32_t *at;
    size_t n;
} row_list;

static inline void rows_free(row_list *rows) { cli_free(&rows->at); }
#define AUTO_ROWS __attribute__((cleanup(rows_free))) row_list

/* Parts of all sequences, whole groups, labels in about the same shares in all; by seed. Part p of `parts` is *held,
 * the rest *kept. */
int split_folds(const dataset *set, size_t parts, size_t p, uint64_t seed, row_list *kept, row_list *held);
/* A part of `from` of about this share is held out, the same way. */
int split_share(const dataset *set, const row_list *from, double share, uint64_t seed, row_list *kept, row_list *held);
row_list split_all(const dataset *set);
/* Those of `from` that there is something to learn from. */
row_list split_known(const train_config *config, const dataset *set, const row_list *from);
/* How many groups these sequences are of. */
size_t split_groups(const dataset *set, const row_list *rows);

/* ---- leaks.c ---- */

/* Unless config->shared allows it, refuses a test set (of the file `path`) with groups or ids of the training set, and
 * says on stderr which of its sequences are sequences of the training set under other ids. */
int leaks_check(const train_config *config, const char *path, const dataset *train, const dataset *test);

/* ---- parts.c ---- */

/* Which rank has sequence i of a set in parts. */
size_t dataset_rank_of(const dataset *set, size_t i);
/* Deals out sequences, whose first steps are known, in parts of about as many steps. */
void dataset_deal(cli_group *ranks, const size_t *first, size_t n, dataset *set);
/* Whether the parts add up to what the file says. All ranks call it. */
int dataset_check_sum(const dataset *set, const char *path);
/* Of a set in parts: gives all ranks the steps of all sequences, if these are `most` bytes or fewer, and below 2 GiB.
 * Then rows of batches do not travel. */
int dataset_complete(dataset *set, double most);
/* What each rank knows of its sequences, `bytes` of each at all [n][bytes], to all ranks. */
int dataset_gather(const dataset *set, size_t bytes, void *all);

/* ---- dataset.c: what the readers share, a dataset that grows step by step ---- */

typedef struct dataset_builder {
    dataset *set;
    const data_source *from;
    text_list ids, labels, groups; /* one per sequence, or none at all */
    text_list step_classes;        /* as they come up; not where the training data says what they are */
    size_t n_steps, n_here;        /* those that this process has */
    int elsewhere;                 /* the sequence's steps are counted alone: another rank has them */
    size_t room_first, room_steps, room_time, room_step_label, room_y;
} dataset_builder;

/* Memory at once, when the numbers are known. set->features comes first. */
void build_reserve(dataset_builder *b, size_t sequences, size_t steps);
/* A sequence begins; its id, label and group are texts, or NULL. */
void build_sequence(dataset_builder *b, const char *id, const char *label, const char *group);
/* A step of it: features numbers, or (set->features is 0) a token; time is looked at when timed. x is looked at where
 * the sequence is here, or all is counted. */
void build_step(dataset_builder *b, const float *x, int32_t token, int timed, double time);
/* The number of a class of steps. NULL, or what is wrong. */
const char *build_step_class(dataset_builder *b, const char *text, int32_t *number);
/* That of the last step. */
void build_step_label(dataset_builder *b, int32_t number);
/* How many columns of targets there are, and their names; none unless the target has columns. */
void build_name_targets(const train_config *config, dataset *set);
/* The targets [set->targets] of the last sequence. */
void build_targets(dataset_builder *b, const float *y);
/* Reads a field of a target: a number, with target labels 0 or 1, or missing. NULL, or what is wrong with it. */
const char *build_target(const train_config *config, const char *text, float *y);
/* Classes and groups become numbers, or it is given up; b is done with either way. */
int build_finish(dataset_builder *b, int code);

/* Reads a field of features, missing or a number, times scale. NULL, or what is wrong with it. */
const char *build_feature(const train_config *config, const char *text, float *x);
/* Whether the text says that there is no value: see docs/reference/training.md. Numbers know some more such texts than
 * names do. */
int build_missing(const train_config *config, const char *text);
int build_nameless(const char *text);

/* The different texts in order, numbers by size before words by letter; *n of them. The texts stay the list's, the
 * array is the caller's. */
char **build_distinct(const text_list *texts, size_t *n);

/* One reader per format; they begin with an empty set. */
typedef int dataset_reader(const data_source *from, dataset *set);
dataset_reader dataset_read_wide, dataset_read_csv, dataset_read_arrays, dataset_read_tokens, dataset_read_recordings;

#endif
