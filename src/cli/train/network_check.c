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
static const char *misfit(const train_config *config, double units, const char *function)
{
    const int softmax = strcasecmp(function, "softmax") == 0, sigmoid = strcasecmp(function, "sigmoid") == 0;
    if (config->target == TARGET_LABELS)
        return softmax ? "labels require sigmoid or no activation: softmax is for one of several classes" : NULL;
    if (config->target == TARGET_VALUES)
        return *function ? "values require no activation at the end: outputs are scaled to the targets' units" : NULL;
    switch (config->options.loss) {
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
    if (target_is_input(config->target) || line == 0) return CLI_OK;
    const char *text = config->layers[line - 1].text;
    if (sscanf(text, "%15s %lf %63s", kind, &units, function) < 2 || strcmp(kind, "dense") != 0)
        return CLI_OK; /* what else can be wrong is found when the model is built, and with the data */
    const char *fault = misfit(config, units, function);
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

/* What a target's output counts in its last axis, for sentences. */
static const char *counted(data_target target)
{
    return target_is_class(target) ? "classes" : target_has_columns(target) ? "targets" : "features";
}

int network_check(const rnnp_model *model, const char *name, const train_config *config, size_t classes, network *net)
{
    const data_target target = config->target;
    const int steps = target_has_steps(target);
    const size_t rank = steps ? 3 : 2;
    rnnp_port_info y = {.struct_size = sizeof y};
    if (rnnp_model_output_count(model) != 1)
        return cli_fail("%s has %zu outputs; one is expected", name, rnnp_model_output_count(model));
    if (rnnp_model_output_info(model, 0, &y) != RNNP_OK || y.dtype != RNNP_DTYPE_F32 || y.rank != rank ||
        y.shape[rank - 1] == RNNP_DYNAMIC)
        return cli_fail("%s: output %s is %s %s; f32 [%sbatch, %s] is expected", name, y.name, rnnp_dtype_name(y.dtype),
                        cli_shape(y.rank, y.shape, y.symbol), steps ? "steps, " : "", counted(target));
    const size_t wanted = target_is_class(target) ? classes : target_has_columns(target) ? net->targets : net->features;
    net->outputs = (size_t)y.shape[rank - 1];
    net->probabilities = !target_is_number(target) && gives_probabilities(model);
    if (net->outputs == wanted || (target_is_class(target) && net->outputs == 1 && classes == 2)) return CLI_OK;
    return cli_fail("%s has %zu output%s per %s, the data has %zu %s", name, net->outputs, net->outputs == 1 ? "" : "s",
                    steps ? "step" : "sequence", wanted, counted(target));
}
