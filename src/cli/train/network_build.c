/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "layers.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static const layer_kind *find_kind(const char *line)
{
    size_t k = 0;
    while (k < COUNT(kinds) && !is_kind(line, kinds[k].name)) k++;
    return k < COUNT(kinds) ? &kinds[k] : NULL;
}

/* Whether what follows needs every step. */
static int needs_steps(const builder *b)
{
    for (size_t i = b->line + 1; i < b->config->n_layers; i++) {
        const layer_kind *kind = find_kind(b->config->layers[i].text);
        if (kind && kind->over_time) return 1;
        if (kind && strcmp(kind->name, "repeat") == 0) return 0;
    }
    return target_has_steps(b->config->target);
}

static int add_layer(builder *b)
{
    char name[96];
    TRY(layer_split(b));
    b->kind = find_kind(b->words[0]);
    if (!b->kind) {
        char known[256] = "no such layer; the layers are ";
        for (size_t k = 0; k < COUNT(kinds); k++) strcat(strcat(known, k ? ", " : ""), kinds[k].name);
        return layer_wrong(b, known);
    }
    if (b->net->vocabulary && b->line == 0 && strcmp(b->words[0], "embedding") != 0)
        return layer_wrong(b, "tokens require an embedding as the first layer");
    snprintf(name, sizeof name, "%zu.%s", b->line + 1, b->words[0]);
    TRY(layer_check(b, rnnp_model_set_layer_name(b->model, name)));
    b->needs_steps = needs_steps(b);
    return b->kind->add(b);
}

/* ---- The model ---- */

/* Constants of scaling have names, so that they are not trained. */
static int scale(builder *b)
{
    const network *net = b->net;
    rnnp_value mean, deviation;
    if (!net->means) return CLI_OK;
    TRY(layer_constant(b, "standardise.mean", RNNP_DTYPE_F32, net->means, net->features, &mean));
    TRY(layer_constant(b, "standardise.deviation", RNNP_DTYPE_F32, net->deviations, net->features, &deviation));
    TRY(layer_node(b, "Sub", b->y, mean, 0, &b->y));
    return layer_node(b, "Div", b->y, deviation, 0, &b->y);
}

static int scale_back(builder *b, const float *means, const float *deviations, size_t n)
{
    rnnp_value mean, deviation;
    if (!means) return CLI_OK;
    TRY(layer_constant(b, "restore.mean", RNNP_DTYPE_F32, means, n, &mean));
    TRY(layer_constant(b, "restore.deviation", RNNP_DTYPE_F32, deviations, n, &deviation));
    TRY(layer_node(b, "Mul", b->y, deviation, 0, &b->y));
    return layer_node(b, "Add", b->y, mean, 0, &b->y);
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
    TRY(scale(b));
    return layer_embed_columns(b);
}

static int build(builder *b)
{
    const data_target target = b->config->target;
    const int steps = target_has_steps(target);
    TRY(cli_status(b->context, rnnp_model_create(b->context, &b->model)));
    TRY(add_inputs(b));
    for (; b->line < b->config->n_layers; b->line++) TRY(add_layer(b));
    b->line--;
    if (b->has_steps != steps)
        return layer_wrong(b, steps ? "the target has steps, but this output has none"
                                    : "the target is of the whole sequence: use last, or pool");
    if (target_is_input(target) && b->width != b->net->features)
        return layer_wrong(b, "the output must have as many numbers as x has features");
    if (target_is_input(target)) TRY(scale_back(b, b->net->means, b->net->deviations, b->net->features));
    if (target_has_columns(target) && b->width != b->net->targets) {
        char text[96];
        snprintf(text, sizeof text, "the output must have one number for each of %zu targets", b->net->targets);
        return layer_wrong(b, text);
    }
    if (b->net->in_units) TRY(scale_back(b, b->net->target_means, b->net->target_deviations, b->net->targets));
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
