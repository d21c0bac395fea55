/* SPDX-License-Identifier: Apache-2.0 */
#include "layers.h"

#include <stdlib.h>
#include <string.h>

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
    TRY(layer_constant(b, back ? "restore.mean" : "standardise.mean", RNNP_DTYPE_F32, net->means, net->features,
                       &mean));
    TRY(layer_constant(b, back ? "restore.deviation" : "standardise.deviation", RNNP_DTYPE_F32, net->deviations,
                       net->features, &deviation));
    TRY(layer_node(b, back ? "Mul" : "Sub", b->y, back ? deviation : mean, 0, &b->y));
    return layer_node(b, back ? "Add" : "Div", b->y, back ? mean : deviation, 0, &b->y);
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

static int build(builder *b)
{
    const int labels = b->config->target == TARGET_LABEL;
    TRY(cli_status(b->context, rnnp_model_create(b->context, &b->model)));
    TRY(add_inputs(b));
    for (; b->line < b->config->n_layers; b->line++) TRY(layer_add(b));
    b->line--;
    if (b->has_steps == labels)
        return layer_wrong(b, labels ? "a label is for the whole sequence: use last, or pool"
                                     : "the target has steps, but this output has none");
    if (!labels && b->width != b->net->features)
        return layer_wrong(b, "the output must have as many numbers as x has features");
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
