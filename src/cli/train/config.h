/* SPDX-License-Identifier: Apache-2.0
 *
 * What rnnpack train is told: an INI file of sections data, model, train, predict and search,
 * docs/reference/training.md.
 */
#ifndef RNNP_CLI_CONFIG_H
#define RNNP_CLI_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "rnnpack/train.h"
#include "text.h"

typedef enum data_format { DATA_WIDE, DATA_CSV, DATA_NPY, DATA_IDX, DATA_TOKENS, DATA_RECORDINGS } data_format;
typedef enum data_target {
    TARGET_LABEL,      /* a class per sequence */
    TARGET_NEXT,       /* features of a later step */
    TARGET_INPUT,      /* features of the step */
    TARGET_STEP_LABEL, /* a class per step */
    TARGET_LABELS,     /* several answers of yes or no per sequence */
    TARGET_VALUES      /* numbers per sequence */
} data_target;
typedef enum data_missing { MISSING_REFUSE, MISSING_CARRY, MISSING_MEAN, MISSING_ZERO } data_missing;
typedef enum data_labels { LABELS_TEXT, LABELS_NUMBER } data_labels;
typedef enum data_unit { UNIT_MILLIVOLT, UNIT_MICROVOLT, UNIT_VOLT } data_unit;
typedef enum data_annotations { ANNOTATIONS_NONE, ANNOTATIONS_POINTS, ANNOTATIONS_SPANS } data_annotations;
typedef enum data_future { FUTURE_REFUSE, FUTURE_DROP } data_future;
typedef enum data_shared { SHARED_REFUSE, SHARED_ALLOW } data_shared;
typedef enum data_clipped { CLIPPED_KEEP, CLIPPED_MISSING } data_clipped;
typedef enum time_unit { TIME_DAYS, TIME_HOURS, TIME_MINUTES, TIME_SECONDS } time_unit;
typedef enum train_score { SCORE_LOSS, SCORE_ACCURACY, SCORE_AUC, SCORE_F1, SCORE_R2 } train_score;

enum { CONFIG_LAYERS = 32, CONFIG_TEXT = 4096, CONFIG_CHOICES = 16, CONFIG_VARIABLES = 16, CONFIG_KEYS = 128 };

typedef enum calibrate_kind { CALIBRATE_NONE, CALIBRATE_TEMPERATURE, CALIBRATE_ISOTONIC } calibrate_kind;
typedef enum threshold_kind {
    THRESHOLD_NONE, /* the most probable class */
    THRESHOLD_GIVEN,
    THRESHOLD_YOUDEN,
    THRESHOLD_SENSITIVITY,
    THRESHOLD_SPECIFICITY,
    THRESHOLD_COST
} threshold_kind;

/* The number is the threshold, the share, or the cost of a missed case over that of a false alarm. */
typedef struct threshold_rule {
    threshold_kind kind;
    double number;
} threshold_rule;

/* One line of [model] layers, word by word. */
typedef struct layer_line {
    char text[CONFIG_TEXT];
} layer_line;

/* A variable of [search], written $name elsewhere: its choices, and which of them holds in this trial. */
typedef struct search_variable {
    char name[32];
    char choice[CONFIG_CHOICES][64];
    size_t n, at;
    int used;
} search_variable;

typedef struct train_config {
    /* [data] */
    data_format format;
    char train[CONFIG_TEXT], test[CONFIG_TEXT], train_labels[CONFIG_TEXT], test_labels[CONFIG_TEXT];
    char id[CONFIG_TEXT], time[CONFIG_TEXT], label[CONFIG_TEXT], group[CONFIG_TEXT];    /* csv: names of columns */
    char train_ids[CONFIG_TEXT], train_groups[CONFIG_TEXT], train_lengths[CONFIG_TEXT]; /* npy, idx: further files */
    char test_ids[CONFIG_TEXT], test_groups[CONFIG_TEXT], test_lengths[CONFIG_TEXT];
    char label_time[CONFIG_TEXT]; /* csv: the column of when the label was known */
    data_future future;           /* csv: visits after that */
    text_list features;           /* csv: names of columns; none: all others */
    text_list categories;         /* csv: those of them that are texts */
    time_unit time_unit;          /* csv: what dates are counted in */
    char separator;               /* wide, csv: ',' unless given; ' ' is any blank */
    char decimal;                 /* wide, csv: '.' or ',' */
    data_labels label_type;
    text_list missing_values; /* wide, csv: what else stands for no value */
    data_shared shared;       /* groups and ids of the training set in the test set */
    data_target target;
    text_list labels, values; /* csv, lists of recordings: columns of the targets of these names */
    size_t horizon;           /* next: how many steps ahead */
    size_t window, stride;    /* 0: whole sequences */
    data_missing missing;
    int mask, delta, standardise;
    double scale;   /* x is multiplied by it when read */
    size_t least;   /* tokens: occurrences a word needs */
    size_t longest; /* sequences are cut to their last so many steps; 0: not */
    /* recordings; a list of them may have columns id, label and group */
    text_list channels, classes; /* selectors (select.h) */
    char annotator[CONFIG_TEXT]; /* WFDB: the ending of annotation files */
    data_annotations annotations;
    data_unit unit; /* of voltages */
    data_clipped clipped;
    double rate;                  /* samples a second; 0: as recorded */
    double before, after;         /* points: seconds around each annotation */
    char background[CONFIG_TEXT]; /* target step_label: the class of steps without an annotation; empty: none */
    double block;                 /* seconds of a recording that are a group of their own; 0: all of it is one */

    /* [model] */
    layer_line layers[CONFIG_LAYERS];
    size_t n_layers;
    char start[CONFIG_TEXT]; /* a model whose parameters of equal name and shape are taken */
    text_list embed;         /* "COLUMN: WIDTH" of categories */
    text_list freeze;        /* parameters whose names begin with one of these texts */

    /* [train] */
    size_t epochs, batch, folds, patience, threads, seeds;
    uint64_t seed;
    double validation;          /* share of the training part */
    train_score score;          /* what early stopping and PLATEAU look at */
    int balanced;               /* class weights n / (classes * n of the class) */
    text_list class_weights;    /* "CLASS: factor" */
    rnnp_train_options options; /* without its optimiser */
    rnnp_optimizer optimizer;
    rnnp_schedule schedule;

    /* [predict] */
    threshold_rule threshold;
    calibrate_kind calibrate;
    char positive[CONFIG_TEXT]; /* the class that the threshold is of */
    /* [federate] */
    size_t rounds, local_epochs;
    float proximal;                    /* weight of the proximal term */
    int secure;                        /* updates are masked */
    double clip, noise, privacy_delta; /* of updates; noise is a multiple of clip, 0: none */
    char coordinator[CONFIG_TEXT];
    text_list sites; /* "NAME: key" */

    /* [search] */
    search_variable variables[CONFIG_VARIABLES];
    size_t n_variables, trials; /* 0 trials: all combinations */

    text_list data_lines;     /* of [data], but for files, as config_read_data() takes them */
    const char *path;         /* the caller's */
    size_t line[CONFIG_KEYS]; /* of each key, 0: not in the file; see config_line */
    char folder[CONFIG_TEXT]; /* of the file: other files are named relative to it */
} train_config;

/* ---- What a target is ---- */

static inline int target_has_steps(data_target t)
{
    return t == TARGET_NEXT || t == TARGET_INPUT || t == TARGET_STEP_LABEL;
}
/* One of several classes. */
static inline int target_is_class(data_target t) { return t == TARGET_LABEL || t == TARGET_STEP_LABEL; }
/* Features, which need no labels. */
static inline int target_is_input(data_target t) { return t == TARGET_NEXT || t == TARGET_INPUT; }
/* Numbers per sequence, one for each column. */
static inline int target_has_columns(data_target t) { return t == TARGET_LABELS || t == TARGET_VALUES; }
static inline int target_is_number(data_target t) { return target_is_input(t) || t == TARGET_VALUES; }
/* The columns of a target, or NULL. */
static inline const text_list *target_columns(const train_config *config)
{
    return config->target == TARGET_LABELS ? &config->labels : config->target == TARGET_VALUES ? &config->values : NULL;
}

/* Reads the file over what is in config, which is zeroed at first; variables stand for their choices `at` (all 0 when
 * at is NULL). Fails with "file:line: ...". Free it either way. */
int config_read(const char *path, const size_t *at, train_config *config);
/* A text of [data] lines over the defaults; `name` stands for a path in messages. Free it either way. */
int config_read_data(const char *name, const char *text, train_config *config);
/* The line of a key, or 0. */
size_t config_line(const train_config *config, const char *section, const char *name);
/* Fails with "file:line: ..." where the key is, "file: ..." where it is not. */
#define config_blame(config, section, name, ...) \
    text_fail((config)->path, config_line(config, section, name), __VA_ARGS__)
void config_free(train_config *config);
/* Joins a name from the file with its folder; absolute names stay. Returns `text`. */
const char *config_path(const train_config *config, const char *name, char *text, size_t size);

/* ---- config_check.c: what the values mean together ---- */

int config_check(const train_config *config);
/* Of [data] alone, but for its files. */
int config_check_data(const train_config *config);

/* ---- ini.c ---- */

/* One line of a value, or (name is NULL) the beginning of a section. A ; that is the first thing after the = stays:
 * whether it is a comment or the value depends on the key. */
typedef struct ini_value {
    const char *path, *section, *name;
    char *text; /* without blanks around it */
    size_t line;
    int more; /* goes on with the value of the line above */
} ini_value;

typedef int ini_fn(void *user, const ini_value *value);

/* Calls fn for each until one does not return CLI_OK. CLI_FAILED after a sentence that names file and line. */
int ini_read(const char *path, ini_fn *fn, void *user);
/* The same of a section of this name that a text holds. */
int ini_read_section(const char *name, const char *section, const char *text, ini_fn *fn, void *user);

/* Fails with "file:line: ...". */
#define config_fault(at, ...) text_fail((at)->path, (at)->line, __VA_ARGS__)

/* ---- config_keys.c ---- */

typedef enum key_kind {
    KEY_TEXT,
    KEY_SIZE,
    KEY_SEED,
    KEY_NUMBER,
    KEY_REAL,
    KEY_FLAG,
    KEY_WORD,
    KEY_SEPARATOR,
    KEY_DECIMAL,
    KEY_LIST,
    KEY_LAYERS,
    KEY_RULE
} key_kind;

/* Words of an enumeration, in the order of its values from `first` on. */
typedef struct key_words {
    int first;
    const char *at[8];
} key_words;

typedef struct ini_key {
    const char *section, *name;
    key_kind kind;
    size_t at, size;
    const key_words *words;
    double least, most; /* of numbers */
} ini_key;

/* The number of a key, CONFIG_KEYS when there is none of the name. */
size_t config_find_key(const char *section, const char *name);
const ini_key *config_key(size_t i); /* NULL past the last */
/* Whether it may have another value in each trial of a search. */
int config_key_varies(const ini_key *k);
/* "0.3", "youden", "sensitivity 0.95", "specificity 0.9" or "cost 5". Returns NULL, or what it is, when it is none. */
const char *config_read_rule(const char *text, threshold_rule *rule);
/* The same back. */
const char *config_rule_text(const threshold_rule *rule, char text[64]);
/* Puts the value into the configuration; lists grow. */
int config_read_key(train_config *c, const ini_value *at, const ini_key *k, const char *value);

#endif
