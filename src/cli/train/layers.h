/* SPDX-License-Identifier: Apache-2.0
 *
 * The lines of [model] layers while a model is built (network.h describes them).
 *
 *   network_build.c    the model around the layers, and the kinds of lines
 *   layers.c           what lines have in common
 *   layers_embed.c     columns of categories, before the first line
 *   layers_plain.c     dense, pooling, and what else has no memory
 *   layers_recurrent.c cells, and layers for irregular visits
 */
#ifndef RNNP_CLI_LAYERS_H
#define RNNP_CLI_LAYERS_H

#include "network.h"

enum { LAYER_WORDS = 8, LAYER_OPSET = 22, LAYER_UNITS = 1 << 20 };

struct builder;

/* What a line of layers may begin with. */
typedef struct layer_kind {
    const char *name;
    int (*add)(struct builder *b);
    int over_time; /* it needs every step of what comes before */
    /* of a cell */
    rnnp_cell cell;
    size_t gates;
    int peepholes;
    const char *second; /* function; "NONE" of a cell with one */
} layer_kind;

/* What the layers so far have come to. */
typedef struct builder {
    rnnp_context *context;
    rnnp_model *model;
    const train_config *config;
    const network *net;
    rnnp_value x, lengths, y;
    size_t width;  /* of y's last axis */
    int has_steps; /* y is [steps][batch][width], else [batch][width] */
    float *zeros;  /* enough for any weight of the current layer */
    size_t line;
    char words[LAYER_WORDS][64];
    size_t n_words;
    const layer_kind *kind;
    int needs_steps; /* what follows needs every step */
} builder;

/* ---- layers.c ---- */

/* b->words, of line b->line. */
int layer_split(builder *b);
/* Fails with a sentence that names the line. */
int layer_wrong(const builder *b, const char *what);
/* The context's sentence, with the line that it is about. */
int layer_check(const builder *b, rnnp_status status);
/* The number in the second word. */
int layer_number(const builder *b, double least, double most, double *value);
int layer_has_word(const builder *b, const char *word);
/* Zeros for the weights of the current layer. */
int layer_need_zeros(builder *b, double elements);
int layer_constant(builder *b, const char *name, rnnp_dtype dtype, const void *values, size_t n, rnnp_value *value);
/* A node with one input (second: RNNP_NONE) or two, and perhaps axis = 0. */
int layer_node(builder *b, const char *op, rnnp_value first, rnnp_value second, int has_axis, rnnp_value *y);

/* Numbers [from, to) of x's last axis. */
int layer_slice(builder *b, rnnp_value x, size_t from, size_t to, rnnp_value *y);

/* ---- layers_embed.c ---- */

/* Replaces the channels of embedded columns in b->y. */
int layer_embed_columns(builder *b);

/* ---- Each adds what its line says ---- */

typedef int layer_fn(builder *b);
layer_fn layer_dense, layer_embedding, layer_dropout, layer_pool, layer_repeat, layer_attention; /* layers_plain.c */
layer_fn layer_recurrent, layer_grud, layer_tlstm; /* layers_recurrent.c */

#endif
