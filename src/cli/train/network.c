/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "network.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS = 8, OPSET = 22, MOST_UNITS = 1 << 20 };

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
    char words[WORDS][64];
    size_t n_words;
} builder;

static int wrong(const builder *b, const char *what)
{
    return cli_fail("[model] layers, line %zu '%s': %s", b->line + 1, b->config->layers[b->line].text, what);
}

/* The context's sentence, with the line that it is about. */
static int check(const builder *b, rnnp_status status)
{
    return status == RNNP_OK ? CLI_OK : wrong(b, rnnp_last_error(b->context));
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

/* The number in the second word. */
static int number(const builder *b, double least, double most, double *value)
{
    char *end = NULL;
    *value = b->n_words > 1 ? strtod(b->words[1], &end) : 0;
    return end && end != b->words[1] && !*end && *value >= least && *value <= most
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

static const layer_kind *find_kind(const char *line);

static int has_reset(rnnp_cell cell)
{
    return 0
#define RNNP_PART(of, reset, ...) || (cell == RNNP_CELL_##of && strcmp(#reset, "ANY") != 0)
#include "../../../kernels/cells.def"
        ;
}

/* Whether what follows needs every step. */
static int needs_steps(const builder *b)
{
    for (size_t i = b->line + 1; i < b->config->n_layers; i++) {
        const layer_kind *kind = find_kind(b->config->layers[i].text);
        if (kind && kind->over_time) return 1;
        if (kind && strcmp(kind->name, "repeat") == 0) return 0;
    }
    return b->config->target != TARGET_LABEL;
}

/* Takes a word after the number of units. Returns whether it is known. */
static int recurrent_word(const char *word, const layer_kind *kind, rnnp_recurrent_options *o)
{
    static const char *const functions[][2] = {{"relu", "Relu"}, {"sigmoid", "Sigmoid"}, {"tanh", "Tanh"}};
    for (size_t k = 0; k < COUNT(functions) && strcmp(kind->second, "NONE") == 0; k++) {
        if (strcmp(word, functions[k][0]) != 0) continue;
        o->activations[0] = o->activations[1] = functions[k][1];
        return 1;
    }
    if (strcmp(word, "bidirectional") == 0)
        o->direction = RNNP_DIRECTION_BIDIRECTIONAL;
    else if (strcmp(word, "reverse") == 0)
        o->direction = RNNP_DIRECTION_REVERSE;
    else if (strcmp(word, "sequences") == 0 || strcmp(word, "last") == 0)
        o->last_step = word[0] == 'l';
    else if (strcmp(word, "reset_before") == 0 && has_reset(o->cell))
        o->reset = RNNP_GRU_RESET_BEFORE;
    else if (strncmp(word, "clip=", 5) == 0)
        return (o->clip = strtof(word + 5, NULL)) > 0;
    else
        return strcmp(word, "peepholes") == 0 && kind->peepholes;
    return 1;
}

static int add_recurrent(builder *b)
{
    const layer_kind *kind = find_kind(b->words[0]);
    rnnp_recurrent_options o;
    double hidden;
    if (!b->has_steps)
        return wrong(b, "there are no steps here: the layer before gives only its last one (use sequences, or repeat)");
    TRY(number(b, 1, MOST_UNITS, &hidden));
    rnnp_recurrent_options_init(&o, kind->cell, b->width, (size_t)hidden);
    o.last_step = !needs_steps(b);
    o.order = RNNP_ORDER_PYTORCH; /* two biases; zeros are the same in any order */
    for (size_t i = 2; i < b->n_words; i++)
        if (!recurrent_word(b->words[i], kind, &o)) return wrong(b, "unknown word");
    const double most = (double)(o.input > o.hidden ? o.input : o.hidden);
    TRY(need_zeros(b, (double)kind->gates * ((double)o.hidden * most + 2 * (double)o.hidden)));
    const float *z = b->zeros, *peephole = has_word(b, "peepholes") ? z : NULL;
    const rnnp_recurrent_weights one = {.w = z, .r = z, .bias = z, .bias_r = z, .peephole = peephole},
                                 weights[2] = {one, one};
    b->has_steps = !o.last_step;
    b->width = o.hidden * (o.direction == RNNP_DIRECTION_BIDIRECTIONAL ? 2 : 1);
    return check(
        b, rnnp_model_add_recurrent(b->model, &o, weights, b->y, b->lengths, RNNP_NONE, RNNP_NONE, &b->y, NULL, NULL));
}

static int add_dense(builder *b)
{
    double units;
    TRY(number(b, 1, MOST_UNITS, &units));
    if (b->n_words > 3) return wrong(b, "unknown word");
    TRY(need_zeros(b, (double)b->width * units + units));
    TRY(check(b, rnnp_model_add_dense(b->model, b->y, b->zeros, b->width, (size_t)units, 0, b->zeros, NULL, &b->y)));
    b->width = (size_t)units;
    if (b->n_words < 3) return CLI_OK;
    b->words[2][0] = (char)toupper((unsigned char)b->words[2][0]); /* sigmoid is ONNX's Sigmoid */
    return check(b, strcmp(b->words[2], "Softmax") == 0
                        ? rnnp_model_add_softmax(b->model, b->y, -1, &b->y)
                        : rnnp_model_add_activation(b->model, b->words[2], b->y, &b->y));
}

static int add_embedding(builder *b)
{
    double width;
    if (!b->net->vocabulary || b->line != 0) return wrong(b, "an embedding is the first layer, of tokens");
    TRY(number(b, 1, MOST_UNITS, &width));
    TRY(need_zeros(b, (double)b->net->vocabulary * width));
    b->width = (size_t)width;
    return check(b, rnnp_model_add_embedding(b->model, b->x, b->zeros, b->net->vocabulary, b->width, &b->y));
}

static int add_dropout(builder *b)
{
    double rate;
    TRY(number(b, 0, 0.99, &rate));
    return check(b, rnnp_model_add_dropout(b->model, b->y, (float)rate, &b->y));
}

static int add_pool(builder *b)
{
    static const char *const pools[] = {
        [RNNP_POOL_MEAN] = "mean", [RNNP_POOL_MAX] = "max", [RNNP_POOL_SUM] = "sum", [RNNP_POOL_LAST] = "last"};
    if (!b->has_steps) return wrong(b, "there are no steps here");
    if (b->lengths != RNNP_NONE)
        return wrong(b, "sequences of different lengths cannot be pooled: padded steps would count");
    for (size_t i = 0; i < COUNT(pools); i++) {
        if (b->n_words != 2 || !pools[i] || strcmp(b->words[1], pools[i]) != 0) continue;
        b->has_steps = 0;
        return check(b, rnnp_model_add_pool(b->model, b->y, (rnnp_pool)i, 0, &b->y));
    }
    return wrong(b, "a pool is mean, max, sum or last");
}

static int constant(builder *b, const char *name, rnnp_dtype dtype, const void *values, size_t n, rnnp_value *value)
{
    const rnnp_tensor tensor = {dtype, 1, {(int64_t)n}, .const_data = values};
    return check(b, rnnp_model_add_constant(b->model, name, &tensor, value));
}

static int node(builder *b, const char *op, rnnp_value first, rnnp_value second, int has_axis, rnnp_value *y)
{
    const rnnp_attr axis = {.name = "axis", .kind = RNNP_ATTR_INT, .i = 0};
    const rnnp_value inputs[] = {first, second};
    *y = 0; /* wanted */
    return check(b, rnnp_model_add_node(b->model, op, OPSET, NULL, inputs, second == RNNP_NONE ? 1 : 2, &axis,
                                        (size_t)has_axis, y, 1));
}

/* [batch][width] to [steps][batch][width]: Expand to [steps, 1, 1], where steps are those of x. */
static int add_repeat(builder *b)
{
    static const int64_t zero[] = {0}, ones[] = {1, 1};
    rnnp_value shape, first, steps, rest, sizes, row;
    if (b->has_steps) return wrong(b, "there are steps already");
    b->has_steps = 1;
    TRY(constant(b, NULL, RNNP_DTYPE_I64, zero, 1, &first));
    TRY(constant(b, NULL, RNNP_DTYPE_I64, ones, 2, &rest));
    TRY(node(b, "Shape", b->x, RNNP_NONE, 0, &shape));
    TRY(node(b, "Gather", shape, first, 1, &steps));
    TRY(node(b, "Concat", steps, rest, 1, &sizes));
    TRY(node(b, "Unsqueeze", b->y, first, 0, &row));
    return node(b, "Expand", row, sizes, 0, &b->y);
}

/* Numbers [from, to) of x's last axis. */
static int slice(builder *b, rnnp_value x, size_t from, size_t to, rnnp_value *y)
{
    const int64_t numbers[] = {(int64_t)from, (int64_t)to, -1};
    rnnp_value inputs[4] = {x};
    for (size_t i = 0; i < 3; i++) TRY(constant(b, NULL, RNNP_DTYPE_I64, &numbers[i], 1, &inputs[1 + i]));
    *y = 0; /* wanted */
    return check(b, rnnp_model_add_node(b->model, "Slice", OPSET, NULL, inputs, 4, NULL, 0, y, 1));
}

/* x of a layer for irregular visits: values, masks and times since, [data] missing = carry. */
static int visit_channels(builder *b, size_t *features, rnnp_value *mask, rnnp_value *delta)
{
    const train_config *c = b->config;
    const size_t F = *features = b->net->features / 3;
    if (b->line != 0 || c->missing != MISSING_CARRY || !c->mask || !c->delta)
        return wrong(b, "this is a first layer, of [data] missing = carry, mask = yes, delta = yes");
    TRY(slice(b, b->x, F, 2 * F, mask));
    return slice(b, b->x, 2 * F, 3 * F, delta);
}

static int visit_options(builder *b, rnnp_recurrent_options *o, size_t width)
{
    const layer_kind *kind = find_kind(b->words[0]);
    double hidden;
    TRY(number(b, 1, MOST_UNITS, &hidden));
    rnnp_recurrent_options_init(o, kind->cell, width, (size_t)hidden);
    o->last_step = !needs_steps(b);
    o->reset = RNNP_GRU_RESET_BEFORE;
    o->order = RNNP_ORDER_PYTORCH;
    for (size_t i = 2; i < b->n_words; i++)
        if (!recurrent_word(b->words[i], kind, o)) return wrong(b, "unknown word");
    const double H = hidden, most = (double)width > H ? (double)width : H;
    b->has_steps = !o->last_step;
    b->width = o->hidden;
    return need_zeros(b, (double)kind->gates * (H * most + 2 * H));
}

/* Times are scaled by their deviations, but not shifted, because 0 is none; the mean of standardised values is 0. */
static int add_grud(builder *b)
{
    static const float slow = 0.1f; /* a weight of 0 has no gradient: max(0, 0) */
    rnnp_recurrent_options o;
    rnnp_value mask, delta, values, deviation;
    size_t features;
    TRY(visit_channels(b, &features, &mask, &delta));
    TRY(slice(b, b->y, 0, features, &values));
    TRY(visit_options(b, &o, 2 * features));
    if (b->net->deviations) {
        TRY(constant(b, "standardise.since", RNNP_DTYPE_F32, b->net->deviations + 2 * features, features, &deviation));
        TRY(node(b, "Div", delta, deviation, 0, &delta));
    }
    FREED float *rates = cli_alloc(features, sizeof *rates);
    for (size_t i = 0; i < features; i++) rates[i] = slow;
    const float *z = b->zeros;
    const rnnp_grud_weights weights = {.input_decay = rates,
                                       .input_bias = z,
                                       .hidden_decay = z,
                                       .hidden_bias = z,
                                       .gru = {.w = z, .r = z, .bias = z, .bias_r = z}};
    return check(b,
                 rnnp_model_add_grud(b->model, &o, &weights, values, mask, delta, b->lengths, RNNP_NONE, &b->y, NULL));
}

/* The time since the visit before is the least of those since a value was there. */
static int add_tlstm(builder *b)
{
    static const int64_t last = -1;
    rnnp_recurrent_options o;
    rnnp_value mask, inputs[2] = {0}, elapsed = 0;
    size_t features;
    TRY(visit_channels(b, &features, &mask, &inputs[0]));
    TRY(constant(b, NULL, RNNP_DTYPE_I64, &last, 1, &inputs[1]));
    TRY(check(b, rnnp_model_add_node(b->model, "ReduceMin", OPSET, NULL, inputs, 2, NULL, 0, &elapsed, 1)));
    TRY(visit_options(b, &o, b->net->features));
    const float *z = b->zeros;
    const rnnp_recurrent_weights weights = {.w = z, .r = z, .bias = z, .bias_r = z};
    return check(b, rnnp_model_add_tlstm(b->model, &o, &weights, z, z, b->y, elapsed, b->lengths, RNNP_NONE, RNNP_NONE,
                                         &b->y, NULL, NULL));
}

static int add_attention(builder *b)
{
    double units;
    if (!b->has_steps) return wrong(b, "there are no steps here");
    TRY(number(b, 1, MOST_UNITS, &units));
    if (b->n_words > 2) return wrong(b, "unknown word");
    TRY(need_zeros(b, (double)b->width * units + units));
    b->has_steps = 0;
    return check(b, rnnp_model_add_attention(b->model, b->y, b->width, (size_t)units, b->zeros, b->zeros, b->zeros,
                                             b->lengths, &b->y));
}

static const layer_kind kinds[] = {
    {"embedding", add_embedding, 0, 0, 0, 0, NULL}, {"dropout", add_dropout, 0, 0, 0, 0, NULL},
    {"dense", add_dense, 0, 0, 0, 0, NULL},         {"pool", add_pool, 1, 0, 0, 0, NULL},
    {"repeat", add_repeat, 0, 0, 0, 0, NULL},       {"attention", add_attention, 1, 0, 0, 0, NULL},
    {"grud", add_grud, 1, RNNP_CELL_GRU, 3, 0, ""}, {"tlstm", add_tlstm, 1, RNNP_CELL_LSTM, 4, 0, ""},
#define RNNP_CELL(cell, name, states, peepholes, coupled, f, g, h, onnx, ...) \
    {#name, add_recurrent, 1, RNNP_CELL_##cell, sizeof onnx - 1, peepholes, #g},
#include "../../../kernels/cells.def"
};

static const layer_kind *find_kind(const char *line)
{
    size_t k = 0;
    while (k < COUNT(kinds) && !is_kind(line, kinds[k].name)) k++;
    return k < COUNT(kinds) ? &kinds[k] : NULL;
}

/* ---- The model ---- */

int network_is_scaling(const char *name)
{
    return strncmp(name, "standardise.", 12) == 0 || strncmp(name, "restore.", 8) == 0;
}

/* y = (y - means) / deviations, or back. Named, so that they are not trained. */
static int scale(builder *b, int back)
{
    const network *net = b->net;
    rnnp_value mean, deviation;
    if (!net->means) return CLI_OK;
    TRY(constant(b, back ? "restore.mean" : "standardise.mean", RNNP_DTYPE_F32, net->means, net->features, &mean));
    TRY(constant(b, back ? "restore.deviation" : "standardise.deviation", RNNP_DTYPE_F32, net->deviations,
                 net->features, &deviation));
    TRY(node(b, back ? "Mul" : "Sub", b->y, back ? deviation : mean, 0, &b->y));
    return node(b, back ? "Add" : "Div", b->y, back ? mean : deviation, 0, &b->y);
}

static int add_inputs(builder *b)
{
    static const char *const symbols[] = {"steps", "batch", NULL};
    const int64_t shape[] = {RNNP_DYNAMIC, RNNP_DYNAMIC, (int64_t)b->net->features};
    const int tokens = b->net->vocabulary > 0;
    TRY(cli_status(b->context, rnnp_model_add_input(b->model, "x", tokens ? RNNP_DTYPE_I32 : RNNP_DTYPE_F32,
                                                    tokens ? 2 : 3, shape, symbols, &b->x)));
    b->y = b->x;
    b->width = b->net->features;
    b->has_steps = 1;
    b->lengths = RNNP_NONE;
    if (b->net->lengths)
        TRY(cli_status(b->context,
                       rnnp_model_add_input(b->model, "lengths", RNNP_DTYPE_I32, 1, shape, symbols + 1, &b->lengths)));
    return scale(b, 0);
}

static int add_layer(builder *b)
{
    char name[96];
    TRY(split_words(b));
    const layer_kind *kind = find_kind(b->words[0]);
    if (!kind) {
        char known[256] = "no such layer; the layers are ";
        for (size_t k = 0; k < COUNT(kinds); k++) strcat(strcat(known, k ? ", " : ""), kinds[k].name);
        return wrong(b, known);
    }
    if (b->net->vocabulary && b->line == 0 && strcmp(b->words[0], "embedding") != 0)
        return wrong(b, "tokens require an embedding as the first layer");
    snprintf(name, sizeof name, "%zu.%s", b->line + 1, b->words[0]);
    TRY(check(b, rnnp_model_set_layer_name(b->model, name)));
    return kind->add(b);
}

static int build(builder *b)
{
    const int labels = b->config->target == TARGET_LABEL;
    TRY(cli_status(b->context, rnnp_model_create(b->context, &b->model)));
    TRY(add_inputs(b));
    for (; b->line < b->config->n_layers; b->line++) TRY(add_layer(b));
    b->line--;
    if (b->has_steps == labels)
        return wrong(b, labels ? "a label is for the whole sequence: use last, or pool"
                               : "the target has steps, but this output has none");
    if (!labels && b->width != b->net->features)
        return wrong(b, "the output must have as many numbers as x has features");
    if (!labels) TRY(scale(b, 1));
    TRY(cli_status(b->context, rnnp_model_add_output(b->model, "y", b->y)));
    return cli_status(b->context, rnnp_model_close(b->model));
}

int network_build(rnnp_context *context, const train_config *config, const network *net, rnnp_model **model)
{
    builder b = {.context = context, .config = config, .net = net};
    const int code = build(&b);
    free(b.zeros);
    if (code != CLI_OK) rnnp_model_destroy(b.model);
    *model = code == CLI_OK ? b.model : NULL;
    return code;
}
