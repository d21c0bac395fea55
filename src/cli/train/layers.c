/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "layers.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- A line ---- */

int layer_wrong(const builder *b, const char *what)
{
    return cli_fail("[model] layers, line %zu '%s': %s", b->line + 1, b->config->layers[b->line].text, what);
}

int layer_check(const builder *b, rnnp_status status)
{
    return status == RNNP_OK ? CLI_OK : layer_wrong(b, rnnp_last_error(b->context));
}

static int split_words(builder *b)
{
    char copy[CONFIG_TEXT], *next, *word;
    strcpy(copy, b->config->layers[b->line].text);
    b->n_words = 0;
    for (word = strtok_r(copy, " \t", &next); word; word = strtok_r(NULL, " \t", &next)) {
        if (b->n_words == LAYER_WORDS || strlen(word) >= sizeof b->words[0]) return layer_wrong(b, "too many words");
        strcpy(b->words[b->n_words++], word);
    }
    return CLI_OK;
}

int layer_number(const builder *b, double least, double most, double *value)
{
    char *end = NULL;
    *value = b->n_words > 1 ? strtod(b->words[1], &end) : 0;
    return end && end != b->words[1] && !*end && *value >= least && *value <= most
               ? CLI_OK
               : layer_wrong(b, "a number is missing or out of range");
}

int layer_has_word(const builder *b, const char *word)
{
    for (size_t i = 1; i < b->n_words; i++)
        if (strcmp(b->words[i], word) == 0) return 1;
    return 0;
}

int layer_need_zeros(builder *b, double elements)
{
    free(b->zeros);
    b->zeros = elements < 1e9 ? calloc((size_t)elements + 1, sizeof *b->zeros) : NULL;
    return b->zeros ? CLI_OK : layer_wrong(b, "no memory for the weights");
}

/* ---- Nodes ---- */

int layer_constant(builder *b, const char *name, rnnp_dtype dtype, const void *values, size_t n, rnnp_value *value)
{
    const rnnp_tensor tensor = {dtype, 1, {(int64_t)n}, .const_data = values};
    return layer_check(b, rnnp_model_add_constant(b->model, name, &tensor, value));
}

int layer_node(builder *b, const char *op, rnnp_value first, rnnp_value second, int has_axis, rnnp_value *y)
{
    const rnnp_attr axis = {.name = "axis", .kind = RNNP_ATTR_INT, .i = 0};
    const rnnp_value inputs[] = {first, second};
    *y = 0; /* wanted */
    return layer_check(b, rnnp_model_add_node(b->model, op, LAYER_OPSET, NULL, inputs, second == RNNP_NONE ? 1 : 2,
                                              &axis, (size_t)has_axis, y, 1));
}

/* ---- Kinds ---- */

static int is_kind(const char *line, const char *kind)
{
    const size_t n = strlen(kind);
    return strncmp(line, kind, n) == 0 && (line[n] == '\0' || isspace((unsigned char)line[n]));
}

static const layer_kind kinds[] = {
    {"embedding", layer_embedding, 0, 0, 0, 0, NULL}, {"dropout", layer_dropout, 0, 0, 0, 0, NULL},
    {"dense", layer_dense, 0, 0, 0, 0, NULL},         {"pool", layer_pool, 1, 0, 0, 0, NULL},
    {"repeat", layer_repeat, 0, 0, 0, 0, NULL},       {"attention", layer_attention, 1, 0, 0, 0, NULL},
    {"grud", layer_grud, 1, RNNP_CELL_GRU, 3, 0, ""}, {"tlstm", layer_tlstm, 1, RNNP_CELL_LSTM, 4, 0, ""},
#define RNNP_CELL(cell, name, states, peepholes, coupled, f, g, h, onnx, ...) \
    {#name, layer_recurrent, 1, RNNP_CELL_##cell, sizeof onnx - 1, peepholes, #g},
#include "../../../kernels/cells.def"
};

const layer_kind *layer_find_kind(const char *line)
{
    size_t k = 0;
    while (k < COUNT(kinds) && !is_kind(line, kinds[k].name)) k++;
    return k < COUNT(kinds) ? &kinds[k] : NULL;
}

int layer_needs_steps(const builder *b)
{
    for (size_t i = b->line + 1; i < b->config->n_layers; i++) {
        const layer_kind *kind = layer_find_kind(b->config->layers[i].text);
        if (kind && kind->over_time) return 1;
        if (kind && strcmp(kind->name, "repeat") == 0) return 0;
    }
    return b->config->target != TARGET_LABEL;
}

int layer_add(builder *b)
{
    char name[96];
    TRY(split_words(b));
    const layer_kind *kind = layer_find_kind(b->words[0]);
    if (!kind) {
        char known[256] = "no such layer; the layers are ";
        for (size_t k = 0; k < COUNT(kinds); k++) strcat(strcat(known, k ? ", " : ""), kinds[k].name);
        return layer_wrong(b, known);
    }
    if (b->net->vocabulary && b->line == 0 && strcmp(b->words[0], "embedding") != 0)
        return layer_wrong(b, "tokens require an embedding as the first layer");
    snprintf(name, sizeof name, "%zu.%s", b->line + 1, b->words[0]);
    TRY(layer_check(b, rnnp_model_set_layer_name(b->model, name)));
    return kind->add(b);
}
