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

int layer_split(builder *b)
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

int layer_slice(builder *b, rnnp_value x, size_t from, size_t to, rnnp_value *y)
{
    const int64_t numbers[] = {(int64_t)from, (int64_t)to, -1};
    rnnp_value inputs[4] = {x};
    for (size_t i = 0; i < 3; i++) TRY(layer_constant(b, NULL, RNNP_DTYPE_I64, &numbers[i], 1, &inputs[1 + i]));
    *y = 0; /* wanted */
    return layer_check(b, rnnp_model_add_node(b->model, "Slice", LAYER_OPSET, NULL, inputs, 4, NULL, 0, y, 1));
}
