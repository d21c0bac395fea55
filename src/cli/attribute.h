/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnpack attribute: why a model gave what it gave.
 *
 *   attribute_command.c the command; what was found, on stdout
 *   attribute.c         what was found, and names
 *   attribute_data.c    inputs from .npy files, rows, baselines, names
 *   train/attribute.c   the same as the model or a configuration of a training says
 *   attribute_csv.c, attribute_html.c   files
 */
#ifndef RNNP_CLI_ATTRIBUTE_H
#define RNNP_CLI_ATTRIBUTE_H

#include "model.h"
#include "rnnpack/attribute.h"

CLI_END(attribution)

enum { ATTRIBUTE_METHODS = 3 };

/* Where rows, steps and channels of an input are. All dimensions besides rows and steps are channels. */
typedef struct input_axes {
    int rows, time; /* -1: none */
    size_t steps, channels;
    int attributed; /* f32, with rows */
} input_axes;

typedef struct reasons {
    rnnp_context *context;
    rnnp_model *model;
    const char *batch; /* symbol of the batch dimension */
    int time_axis;     /* RNNP_AXIS of all inputs; 0: found */

    cli_tensors t;          /* inputs: of the rows that are explained */
    rnnp_tensor *baselines; /* [n_inputs], of one row; data NULL: zeros */
    input_axes *axes;       /* [n_inputs] */
    size_t rows, main;      /* main: the input that names, baselines of files and pictures are of */
    size_t *number;         /* [rows] in the file, from 0 */
    int32_t *lengths;       /* [rows], or NULL: steps of main that count */
    double *time;           /* [rows][steps of main], or NULL */
    char **ids;             /* [rows], or NULL */
    char **channels;        /* [channels of main], or NULL */
    size_t n_channels;
    size_t *merged, n_merged; /* [channels of main]: the column that a channel becomes a part of; NULL: nothing does */
    float *part;              /* what a value of the channel counts in the column's */
    char **columns;           /* [n_merged] */
    char **classes;           /* or NULL */
    size_t n_classes;

    size_t n_methods;
    rnnp_attribution_method method[ATTRIBUTE_METHODS];
    rnnp_tensor *a[ATTRIBUTE_METHODS];              /* [n_inputs] */
    rnnp_attribution_row *found[ATTRIBUTE_METHODS]; /* [rows] */
    double tolerance;
    const char *score, *path;
    size_t output;
} reasons;

/* Element number of a row's step and channel. */
size_t reasons_place(const reasons *r, size_t input, const rnnp_tensor *tensor, size_t row, size_t step,
                     size_t channel);
/* Attribution of method m. */
double reasons_of(const reasons *r, size_t m, size_t input, size_t row, size_t step, size_t channel);
double reasons_value(const reasons *r, size_t input, size_t row, size_t step, size_t channel);
double reasons_baseline(const reasons *r, size_t input, size_t step, size_t channel);
/* Sum over the steps of a channel; magnitudes: of their magnitudes. */
double reasons_sum(const reasons *r, size_t m, size_t input, size_t row, size_t channel, int magnitudes);
size_t reasons_steps(const reasons *r, size_t input, size_t row);
/* "c3" where a channel has no name, "row 7" where a row has none; they hold like cli_plain's. */
const char *reasons_channel(const reasons *r, size_t input, size_t channel);
const char *reasons_row(const reasons *r, size_t row);
const char *reasons_class(const reasons *r, size_t target);
const char *reasons_method(rnnp_attribution_method method);

/* ---- attribute_data.c ---- */

/* Which input has which axes; t.inputs have their shapes. */
void reasons_find_axes(reasons *r);
/* --data of .npy files. */
int reasons_read(reasons *r, const cli_call *call);
/* Keeps the rows that the text says ("0,4-7", ids, "all"); NULL: the first ten. */
int reasons_choose(reasons *r, const char *text);
/* --baseline; the mean is of all rows that were read, so this comes before the choice. */
int reasons_set_baseline(reasons *r, const char *text);
void reasons_close(reasons *r);

/* Channels that are parts of one column become one, with the sum of their attributions. */
void reasons_merge(reasons *r);

/* ---- train/attribute.c ---- */

/* --data of any other kind, as the model says (recipe.h). */
int reasons_from_recipe(reasons *r, const cli_call *call);
/* As --config says. */
int reasons_configure(reasons *r, const cli_call *call);

/* ---- Files ---- */

int reasons_write_csv(const reasons *r, const char *path);
int reasons_write_html(const reasons *r, const char *path);

#endif
