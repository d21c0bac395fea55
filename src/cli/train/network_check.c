/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a network fits its task: its last layer and the loss, its output and the data.
 */
#define _POSIX_C_SOURCE 200809L

#include "network.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- The last layer and the loss ---- */

/* One number for yes and no, else one per class; and no function after them but the loss's own. */
static const char *misfit(rnnp_loss loss, double units, const char *function)
{
    const int softmax = strcasecmp(function, "softmax") == 0, sigmoid = strcasecmp(function, "sigmoid") == 0;
    switch (loss) {
    case RNNP_LOSS_BINARY:
        if (units > 1)
            return "loss = binary requires one output, the logit or (sigmoid) the probability of the second class";
        return softmax ? "loss = binary requires sigmoid or no activation: softmax of one number is always 1" : NULL;
    case RNNP_LOSS_CROSS:
    case RNNP_LOSS_SPARSE:
        if (units < 2) return "loss = sparse and cross require one output per class; with loss = binary one is enough";
        return sigmoid ? "loss = sparse and cross require softmax or no activation" : NULL;
    case RNNP_LOSS_MSE:
    case RNNP_LOSS_MAE:
    case RNNP_LOSS_HUBER: break;
    }
    return NULL;
}

int network_check_layers(const train_config *config)
{
    size_t line = config->n_layers;
    char kind[16], function[64] = "";
    double units;
    while (line > 0 && strncmp(config->layers[line - 1].text, "dropout", 7) == 0) line--;
    if (config->target != TARGET_LABEL || line == 0) return CLI_OK;
    const char *text = config->layers[line - 1].text;
    if (sscanf(text, "%15s %lf %63s", kind, &units, function) < 2 || strcmp(kind, "dense") != 0)
        return CLI_OK; /* what else can be wrong is found when the model is built, and with the data */
    const char *fault = misfit(config->options.loss, units, function);
    return fault ? cli_fail("[model] layers, line %zu '%s': %s", line, text, fault) : CLI_OK;
}

/* ---- The output and the data ---- */

int network_is_scaling(const char *name)
{
    return strncmp(name, "standardise.", 12) == 0 || strncmp(name, "restore.", 8) == 0;
}

/* Of a model with one output the last node makes it, but for renaming. */
static int gives_probabilities(const rnnp_model *model)
{
    rnnp_node_info info = {.struct_size = sizeof info};
    for (size_t i = rnnp_model_node_count(model); i-- > 0;) {
        if (rnnp_model_node_info(model, i, &info) != RNNP_OK) return 0;
        if (strcmp(info.op, "Identity") != 0) return strcmp(info.op, "Softmax") == 0 || strcmp(info.op, "Sigmoid") == 0;
    }
    return 0;
}

int network_check(const rnnp_model *model, const char *name, const train_config *config, size_t classes, network *net)
{
    const int labels = config->target == TARGET_LABEL;
    const size_t rank = labels ? 2 : 3;
    rnnp_port_info y = {.struct_size = sizeof y};
    if (rnnp_model_output_count(model) != 1)
        return cli_fail("%s has %zu outputs; one is expected", name, rnnp_model_output_count(model));
    if (rnnp_model_output_info(model, 0, &y) != RNNP_OK || y.dtype != RNNP_DTYPE_F32 || y.rank != rank ||
        y.shape[rank - 1] == RNNP_DYNAMIC)
        return cli_fail("%s: output %s is %s %s; f32 %s is expected", name, y.name, rnnp_dtype_name(y.dtype),
                        cli_shape(y.rank, y.shape, y.symbol), labels ? "[batch, classes]" : "[steps, batch, features]");
    net->outputs = (size_t)y.shape[rank - 1];
    net->probabilities = labels && gives_probabilities(model);
    if (labels && net->outputs != classes && !(net->outputs == 1 && classes == 2))
        return cli_fail("%s has %zu output%s per sequence, the data has %zu classes", name, net->outputs,
                        net->outputs == 1 ? "" : "s", classes);
    if (!labels && net->outputs != net->features)
        return cli_fail("%s has %zu output%s per step, the data has %zu features", name, net->outputs,
                        net->outputs == 1 ? "" : "s", net->features);
    return CLI_OK;
}
