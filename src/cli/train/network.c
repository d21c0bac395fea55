/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "network.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS = 8, OPSET = 22 };

/* What the layers so far have come to. */
typedef struct builder {
    rnnp_model *model;
    const train_config *config;
    const network *net;
    rnnp_value x, lengths, y;
    size_t width;  /* of y's last axis */
    int has_steps; /* y is [steps][batch][width], else [batch][width] */
    float *zeros;  /* enough for any weight of the layer at hand */
    size_t line;
    char words[WORDS][64];
    size_t n_words;
} builder;

static int wrong(const builder *b, const char *what)
{
    return cli_fail("[model] layers, line %zu '%s': %s", b->line + 1, b->config->layers[b->line].text, what);
}

/* The context's sentence, with the line that it is about. */
static int check(const builder *b, rnnp_context *context, rnnp_status status)
{
    return status == RNNP_OK ? CLI_OK : wrong(b, rnnp_last_error(context));
}

static int split_words(builder *b)
{
    char copy[CONFIG_TEXT], *next, *word;

    strcpy(copy, b->config->layers[b->line].text);
    b->n_words = 0;
    for (word = strtok_r(copy, " \t", &next); word; word = strtok_r(NULL, " \t", &next)) {
        if (b->n_words == WORDS || strlen(word) >= sizeof b->words[0]) return wrong(b, "too many words");
        strcpy(b->words[b->n_words++], word);
    }
    return CLI_OK;
}

/* The number in word `at`, at least `least`. */
static int number(const builder *b, size_t at, double least, double most, double *value)
{
    char *end = NULL;

    *value = at < b->n_words ? strtod(b->words[at], &end) : 0;
    return end && end != b->words[at] && !*end && *value >= least && *value <= most
               ? CLI_OK
               : wrong(b, "a number is missing or out of range");
}

static int has_word(const builder *b, const char *word)
{
    for (size_t i = 1; i < b->n_words; i++)
        if (strcmp(b->words[i], word) == 0) return 1;
    return 0;
}

static int need_zeros(builder *b, double elements)
{
    free(b->zeros);
    b->zeros = elements < 1e9 ? calloc((size_t)elements + 1, sizeof *b->zeros) : NULL;
    return b->zeros ? CLI_OK : wrong(b, "no memory for the weights");
}

/* ---- Layers ---- */

static int is_kind(const char *line, const char *kind)
{
    const size_t n = strlen(kind);

    return strncmp(line, kind, n) == 0 && (line[n] == '\0' || isspace((unsigned char)line[n]));
}

static int is_recurrent(const char *line)
{
    return is_kind(line, "lstm") || is_kind(line, "gru") || is_kind(line, "rnn");
}

/* Whether what follows wants every step. */
static int wants_steps(const builder *b)
{
    for (size_t i = b->line + 1; i < b->config->n_layers; i++) {
        const char *line = b->config->layers[i].text;

        if (is_recurrent(line) || is_kind(line, "pool")) return 1;
        if (is_kind(line, "repeat")) return 0;
    }
    return b->config->target != TARGET_LABEL;
}

static int recurrent_options(builder *b, rnnp_recurrent_options *o)
{
    static const struct {
        const char *word, *onnx;
    } functions[] = {{"relu", "Relu"}, {"sigmoid", "Sigmoid"}, {"tanh", "Tanh"}};
    double hidden;

    if (number(b, 1, 1, 1 << 20, &hidden) != CLI_OK) return CLI_FAILED;
    rnnp_recurrent_options_init(o,
                                b->words[0][0] == 'l'   ? RNNP_CELL_LSTM
                                : b->words[0][0] == 'g' ? RNNP_CELL_GRU
                                                        : RNNP_CELL_RNN,
                                b->width, (size_t)hidden);
    o->last_step = !wants_steps(b);
    for (size_t i = 2; i < b->n_words; i++) {
        const char *word = b->words[i];
        int known = 0;

        for (size_t k = 0; k < sizeof functions / sizeof functions[0] && o->cell == RNNP_CELL_RNN; k++) {
            if (strcmp(word, functions[k].word) == 0) {
                o->activations[0] = o->activations[1] = functions[k].onnx;
                known = 1;
            }
        }
        if (strcmp(word, "bidirectional") == 0 || strcmp(word, "reverse") == 0)
            o->direction = word[0] == 'b' ? RNNP_DIRECTION_BIDIRECTIONAL : RNNP_DIRECTION_REVERSE, known = 1;
        if (strcmp(word, "sequences") == 0 || strcmp(word, "last") == 0) o->last_step = word[0] == 'l', known = 1;
        if (strcmp(word, "reset_before") == 0 && o->cell == RNNP_CELL_GRU) o->reset = RNNP_GRU_RESET_BEFORE, known = 1;
        if (strcmp(word, "peepholes") == 0 && o->cell == RNNP_CELL_LSTM) known = 1;
        if (strncmp(word, "clip=", 5) == 0 && (o->clip = strtof(word + 5, NULL)) > 0) known = 1;
        if (!known) return wrong(b, "a word is not understood");
    }
    return CLI_OK;
}

static int add_recurrent(builder *b, rnnp_context *context)
{
    rnnp_recurrent_options o;
    rnnp_recurrent_weights weights[2];

    if (!b->has_steps)
        return wrong(b, "there are no steps here; a layer before gives only the last one (sequences, or repeat)");
    if (recurrent_options(b, &o) != CLI_OK) return CLI_FAILED;
    const double gates = o.cell == RNNP_CELL_LSTM ? 4 : o.cell == RNNP_CELL_GRU ? 3 : 1;
    const double largest = (double)o.hidden * (double)(o.input > o.hidden ? o.input : o.hidden) + 2 * (double)o.hidden;
    if (need_zeros(b, gates * largest) != CLI_OK) return CLI_FAILED;
    for (int d = 0; d < 2; d++)
        weights[d] = (rnnp_recurrent_weights){.w = b->zeros,
                                              .r = b->zeros,
                                              .bias = b->zeros,
                                              .bias_r = b->zeros,
                                              .peephole = has_word(b, "peepholes") ? b->zeros : NULL};
    o.order = RNNP_ORDER_PYTORCH; /* two biases; zeros are the same in any order */
    b->has_steps = !o.last_step;
    b->width = o.hidden * (o.direction == RNNP_DIRECTION_BIDIRECTIONAL ? 2 : 1);
    return check(
        b, context,
        rnnp_model_add_recurrent(b->model, &o, weights, b->y, b->lengths, RNNP_NONE, RNNP_NONE, &b->y, NULL, NULL));
}

static int add_dense(builder *b, rnnp_context *context)
{
    double units;

    if (number(b, 1, 1, 1 << 20, &units) != CLI_OK) return CLI_FAILED;
    if (b->n_words > 3) return wrong(b, "a word is not understood");
    if (need_zeros(b, (double)b->width * units + units) != CLI_OK) return CLI_FAILED;
    rnnp_status status =
        rnnp_model_add_dense(b->model, b->y, b->zeros, b->width, (size_t)units, 0, b->zeros, NULL, &b->y);
    if (status == RNNP_OK && b->n_words == 3) {
        b->words[2][0] = (char)toupper((unsigned char)b->words[2][0]); /* sigmoid is ONNX's Sigmoid */
        status = strcmp(b->words[2], "Softmax") == 0 ? rnnp_model_add_softmax(b->model, b->y, -1, &b->y)
                                                     : rnnp_model_add_activation(b->model, b->words[2], b->y, &b->y);
    }
    b->width = (size_t)units;
    return check(b, context, status);
}

static int add_embedding(builder *b, rnnp_context *context)
{
    double width;

    if (!b->net->vocabulary || b->line != 0) return wrong(b, "an embedding is the first layer, of tokens");
    if (number(b, 1, 1, 1 << 20, &width) != CLI_OK || need_zeros(b, (double)b->net->vocabulary * width) != CLI_OK)
        return CLI_FAILED;
    b->width = (size_t)width;
    return check(b, context, rnnp_model_add_embedding(b->model, b->x, b->zeros, b->net->vocabulary, b->width, &b->y));
}

static int add_dropout(builder *b, rnnp_context *context)
{
    double rate;

    if (number(b, 1, 0, 0.99, &rate) != CLI_OK) return CLI_FAILED;
    return check(b, context, rnnp_model_add_dropout(b->model, b->y, (float)rate, &b->y));
}

static int add_pool(builder *b, rnnp_context *context)
{
    static const struct {
        const char *word;
        rnnp_pool pool;
    } pools[] = {{"mean", RNNP_POOL_MEAN}, {"max", RNNP_POOL_MAX}, {"sum", RNNP_POOL_SUM}, {"last", RNNP_POOL_LAST}};

    if (!b->has_steps || b->lengths != RNNP_NONE)
        return wrong(b, b->has_steps ? "sequences of different lengths cannot be pooled: padded steps would count"
                                     : "there are no steps here");
    for (size_t i = 0; i < sizeof pools / sizeof pools[0]; i++) {
        if (b->n_words == 2 && strcmp(b->words[1], pools[i].word) == 0) {
            b->has_steps = 0;
            return check(b, context, rnnp_model_add_pool(b->model, b->y, pools[i].pool, 0, &b->y));
        }
    }
    return wrong(b, "mean, max, sum or last");
}

static rnnp_status constant_i64(builder *b, const int64_t *values, size_t n, rnnp_value *value)
{
    const rnnp_tensor tensor = {RNNP_DTYPE_I64, 1, {(int64_t)n}, .const_data = values};

    return rnnp_model_add_constant(b->model, NULL, &tensor, value);
}

static rnnp_status node(builder *b, const char *op, const rnnp_value *inputs, size_t n, const rnnp_attr *attrs,
                        size_t n_attrs, rnnp_value *y)
{
    rnnp_value out = 0;
    const rnnp_status status = rnnp_model_add_node(b->model, op, OPSET, NULL, inputs, n, attrs, n_attrs, &out, 1);

    if (status == RNNP_OK) *y = out;
    return status;
}

/* [batch][width] to [steps][batch][width]: Expand to [steps, 1, 1], where steps are those of x. */
static int add_repeat(builder *b, rnnp_context *context)
{
    static const int64_t zero[] = {0}, ones[] = {1, 1};
    const rnnp_attr axis = {.name = "axis", .kind = RNNP_ATTR_INT, .i = 0};
    rnnp_value shape = RNNP_NONE, steps[2], parts[2], expand[2], first = RNNP_NONE;
    rnnp_status status;

    if (b->has_steps) return wrong(b, "there are steps already");
    if ((status = node(b, "Shape", &b->x, 1, NULL, 0, &shape)) == RNNP_OK &&
        (status = constant_i64(b, zero, 1, &steps[1])) == RNNP_OK &&
        (steps[0] = shape, status = node(b, "Gather", steps, 2, &axis, 1, &parts[0])) == RNNP_OK &&
        (status = constant_i64(b, ones, 2, &parts[1])) == RNNP_OK &&
        (status = node(b, "Concat", parts, 2, &axis, 1, &expand[1])) == RNNP_OK &&
        (status = constant_i64(b, zero, 1, &first)) == RNNP_OK &&
        (status = node(b, "Unsqueeze", (rnnp_value[]){b->y, first}, 2, NULL, 0, &expand[0])) == RNNP_OK)
        status = node(b, "Expand", expand, 2, NULL, 0, &b->y);
    b->has_steps = 1;
    return check(b, context, status);
}

static const struct {
    const char *kind;
    int (*add)(builder *b, rnnp_context *context);
} kinds[] = {
    {"embedding", add_embedding}, {"lstm", add_recurrent}, {"gru", add_recurrent}, {"rnn", add_recurrent},
    {"dropout", add_dropout},     {"dense", add_dense},    {"pool", add_pool},     {"repeat", add_repeat},
};

/* ---- The model ---- */

int network_is_scaling(const char *name)
{
    return strncmp(name, "standardise.", 12) == 0 || strncmp(name, "restore.", 8) == 0;
}

/* y = (y - means) / deviations, or back. Named, so that they are not trained. */
static rnnp_status scale(builder *b, int back)
{
    const rnnp_tensor vectors[2] = {{RNNP_DTYPE_F32, 1, {(int64_t)b->net->features}, .const_data = b->net->means},
                                    {RNNP_DTYPE_F32, 1, {(int64_t)b->net->features}, .const_data = b->net->deviations}};
    rnnp_value constants[2];
    rnnp_status status;

    if (!b->net->means) return RNNP_OK;
    if ((status = rnnp_model_add_constant(b->model, back ? "restore.mean" : "standardise.mean", &vectors[0],
                                          &constants[0])) != RNNP_OK ||
        (status = rnnp_model_add_constant(b->model, back ? "restore.deviation" : "standardise.deviation", &vectors[1],
                                          &constants[1])) != RNNP_OK ||
        (status = node(b, back ? "Mul" : "Sub", (rnnp_value[]){b->y, constants[back]}, 2, NULL, 0, &b->y)) != RNNP_OK)
        return status;
    return node(b, back ? "Add" : "Div", (rnnp_value[]){b->y, constants[!back]}, 2, NULL, 0, &b->y);
}

static rnnp_status add_inputs(builder *b)
{
    static const char *const symbols[] = {"steps", "batch", NULL};
    const int64_t shape[] = {RNNP_DYNAMIC, RNNP_DYNAMIC, (int64_t)b->net->features};
    const int tokens = b->net->vocabulary > 0;
    rnnp_status status = rnnp_model_add_input(b->model, "x", tokens ? RNNP_DTYPE_I32 : RNNP_DTYPE_F32, tokens ? 2 : 3,
                                              shape, symbols, &b->x);

    b->y = b->x;
    b->width = b->net->features;
    b->has_steps = 1;
    b->lengths = RNNP_NONE;
    if (status == RNNP_OK && b->net->lengths)
        status = rnnp_model_add_input(b->model, "lengths", RNNP_DTYPE_I32, 1, shape, symbols + 1, &b->lengths);
    return status == RNNP_OK ? scale(b, 0) : status;
}

static int add_layers(builder *b, rnnp_context *context)
{
    for (b->line = 0; b->line < b->config->n_layers; b->line++) {
        char name[96];
        size_t k = 0;

        if (split_words(b) != CLI_OK) return CLI_FAILED;
        while (k < sizeof kinds / sizeof kinds[0] && strcmp(kinds[k].kind, b->words[0]) != 0) k++;
        if (k == sizeof kinds / sizeof kinds[0])
            return wrong(b, "no such layer; there are embedding, lstm, gru, rnn, dropout, dense, pool, repeat");
        if (b->net->vocabulary && b->line == 0 && strcmp(b->words[0], "embedding") != 0)
            return wrong(b, "tokens need an embedding first");
        snprintf(name, sizeof name, "%zu.%s", b->line + 1, b->words[0]);
        if (check(b, context, rnnp_model_set_layer_name(b->model, name)) != CLI_OK ||
            kinds[k].add(b, context) != CLI_OK)
            return CLI_FAILED;
    }
    b->line = b->config->n_layers - 1;
    return b->has_steps == (b->config->target != TARGET_LABEL)
               ? CLI_OK
               : wrong(b, b->has_steps ? "a label is for the whole sequence: last, or pool"
                                       : "the target has steps, this output none");
}

int network_build(rnnp_context *context, const train_config *config, const network *net, rnnp_model **model)
{
    builder b = {.config = config, .net = net};

    *model = NULL;
    rnnp_status status = rnnp_model_create(context, &b.model);
    if (status == RNNP_OK) status = add_inputs(&b);
    int code = status == RNNP_OK ? add_layers(&b, context) : cli_fail_status(context, status);
    if (code == CLI_OK) {
        if (config->target != TARGET_LABEL && b.width != net->features)
            code = wrong(&b, "the target has as many numbers as x has features");
        else if ((config->target != TARGET_LABEL && (status = scale(&b, 1)) != RNNP_OK) ||
                 (status = rnnp_model_add_output(b.model, "y", b.y)) != RNNP_OK ||
                 (status = rnnp_model_close(b.model)) != RNNP_OK)
            code = cli_fail_status(context, status);
    }
    free(b.zeros);
    if (code == CLI_OK)
        *model = b.model;
    else
        rnnp_model_destroy(b.model);
    return code;
}
