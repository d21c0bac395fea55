/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers without memory.
 */
#define _POSIX_C_SOURCE 200809L

#include "layers.h"

#include <ctype.h>
#include <string.h>

int layer_dense(builder *b)
{
    double units;
    TRY(layer_number(b, 1, LAYER_UNITS, &units));
    if (b->n_words > 3) return layer_wrong(b, "unknown word");
    TRY(layer_need_zeros(b, (double)b->width * units + units));
    TRY(layer_check(b,
                    rnnp_model_add_dense(b->model, b->y, b->zeros, b->width, (size_t)units, 0, b->zeros, NULL, &b->y)));
    b->width = (size_t)units;
    if (b->n_words < 3) return CLI_OK;
    b->words[2][0] = (char)toupper((unsigned char)b->words[2][0]); /* sigmoid is ONNX's Sigmoid */
    return layer_check(b, strcmp(b->words[2], "Softmax") == 0
                              ? rnnp_model_add_softmax(b->model, b->y, -1, &b->y)
                              : rnnp_model_add_activation(b->model, b->words[2], b->y, &b->y));
}

int layer_embedding(builder *b)
{
    double width;
    if (!b->net->vocabulary || b->line != 0) return layer_wrong(b, "an embedding is the first layer, of tokens");
    TRY(layer_number(b, 1, LAYER_UNITS, &width));
    TRY(layer_need_zeros(b, (double)b->net->vocabulary * width));
    b->width = (size_t)width;
    return layer_check(b, rnnp_model_add_embedding(b->model, b->x, b->zeros, b->net->vocabulary, b->width, &b->y));
}

int layer_dropout(builder *b)
{
    double rate;
    TRY(layer_number(b, 0, 0.99, &rate));
    return layer_check(b, rnnp_model_add_dropout(b->model, b->y, (float)rate, &b->y));
}

int layer_pool(builder *b)
{
    static const char *const pools[] = {
        [RNNP_POOL_MEAN] = "mean", [RNNP_POOL_MAX] = "max", [RNNP_POOL_SUM] = "sum", [RNNP_POOL_LAST] = "last"};
    if (!b->has_steps) return layer_wrong(b, "there are no steps here");
    if (b->lengths != RNNP_NONE)
        return layer_wrong(b, "sequences of different lengths cannot be pooled: padded steps would count");
    for (size_t i = 0; i < COUNT(pools); i++) {
        if (b->n_words != 2 || !pools[i] || strcmp(b->words[1], pools[i]) != 0) continue;
        b->has_steps = 0;
        return layer_check(b, rnnp_model_add_pool(b->model, b->y, (rnnp_pool)i, 0, &b->y));
    }
    return layer_wrong(b, "a pool is mean, max, sum or last");
}

/* [batch][width] to [steps][batch][width]: Expand to [steps, 1, 1], where steps are those of x. */
int layer_repeat(builder *b)
{
    static const int64_t zero[] = {0}, ones[] = {1, 1};
    rnnp_value shape, first, steps, rest, sizes, row;
    if (b->has_steps) return layer_wrong(b, "there are steps already");
    b->has_steps = 1;
    TRY(layer_constant(b, NULL, RNNP_DTYPE_I64, zero, 1, &first));
    TRY(layer_constant(b, NULL, RNNP_DTYPE_I64, ones, 2, &rest));
    TRY(layer_node(b, "Shape", b->x, RNNP_NONE, 0, &shape));
    TRY(layer_node(b, "Gather", shape, first, 1, &steps));
    TRY(layer_node(b, "Concat", steps, rest, 1, &sizes));
    TRY(layer_node(b, "Unsqueeze", b->y, first, 0, &row));
    return layer_node(b, "Expand", row, sizes, 0, &b->y);
}

int layer_attention(builder *b)
{
    double units;
    if (!b->has_steps) return layer_wrong(b, "there are no steps here");
    TRY(layer_number(b, 1, LAYER_UNITS, &units));
    if (b->n_words > 2) return layer_wrong(b, "unknown word");
    TRY(layer_need_zeros(b, (double)b->width * units + units));
    b->has_steps = 0;
    return layer_check(b, rnnp_model_add_attention(b->model, b->y, b->width, (size_t)units, b->zeros, b->zeros,
                                                   b->zeros, b->lengths, &b->y));
}
