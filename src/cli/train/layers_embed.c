/* SPDX-License-Identifier: Apache-2.0
 *
 * [model] embed: what the first layer sees of x. The channels of an embedded column become its numbers; its masks and
 * times since are the same for all its texts, so one of each stays.
 */
#include "embeddings.h"
#include "layers.h"

#include <stdio.h>

typedef struct parts {
    rnnp_value *at;
    size_t n, width;
} parts;

/* Channels [from, to) as they are; none of them may be left out. */
static int keep(builder *b, size_t from, size_t to, parts *p)
{
    if (from == to) return CLI_OK;
    p->width += to - from;
    return layer_slice(b, b->y, from, to, &p->at[p->n++]);
}

static int embed(builder *b, const embedding *e, parts *p)
{
    char name[64];
    rnnp_value texts;
    snprintf(name, sizeof name, "embed.%s", e->column);
    TRY(layer_slice(b, b->y, e->first, e->first + e->n, &texts));
    TRY(layer_need_zeros(b, (double)e->n * (double)e->width));
    TRY(cli_status(b->context, rnnp_model_set_layer_name(b->model, name)));
    p->width += e->width;
    return cli_status(b->context,
                      rnnp_model_add_dense(b->model, texts, b->zeros, e->n, e->width, 0, NULL, NULL, &p->at[p->n++]));
}

/* A block of as many channels as the data have: values, then perhaps masks, then perhaps times since. */
static int add_block(builder *b, const embeddings *e, size_t block, parts *p)
{
    const size_t begin = block * b->net->raw;
    size_t at = begin;
    for (size_t i = 0; i < e->n; i++) {
        const size_t first = begin + e->at[i].first;
        TRY(keep(b, at, first + (block > 0), p));
        if (!block) TRY(embed(b, &e->at[i], p));
        at = first + e->at[i].n;
    }
    return keep(b, at, begin + b->net->raw, p);
}

int layer_embed_columns(builder *b)
{
    const rnnp_attr axis = {.name = "axis", .kind = RNNP_ATTR_INT, .i = -1};
    AUTO_EMBEDDINGS e = {0};
    if (!b->config->embed.n) return CLI_OK;
    TRY(embeddings_read(b->config, b->net->columns, b->net->raw, &e));
    const size_t blocks = b->net->features / b->net->raw;
    FREED rnnp_value *room = cli_alloc(blocks * (2 * e.n + 1), sizeof *room);
    parts p = {.at = room};
    for (size_t k = 0; k < blocks; k++) TRY(add_block(b, &e, k, &p));
    b->width = p.width;
    b->y = p.at[0];
    if (p.n == 1) return CLI_OK;
    b->y = 0; /* wanted */
    return cli_status(b->context,
                      rnnp_model_add_node(b->model, "Concat", LAYER_OPSET, NULL, p.at, p.n, &axis, 1, &b->y, 1));
}
