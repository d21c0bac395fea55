/* SPDX-License-Identifier: Apache-2.0
 *
 * From the lines of [model] layers to a closed model.
 *
 *     embedding 64                            tokens alone: first line
 *     lstm 128 bidirectional                  lstm, gru, rnn HIDDEN [bidirectional | reverse] [sequences | last]
 *     gru 64 reset_before                     [reset_before] [relu | sigmoid | tanh (rnn)] [peepholes (lstm)] [clip=X]
 *     grud 64                                 first line, of values, masks and times since: GRU-D
 *     tlstm 64                                the same: time-aware LSTM
 *     attention 32                            over time: one vector, by weights that are trained
 *     dropout 0.5
 *     dense 3 softmax                         UNITS [an activation]
 *     pool max                                over time: mean, max, sum, last
 *     repeat                                  one vector back to all steps, for decoders
 *
 * A recurrent layer gives all its steps when the next layer over time needs them, or when it is the last one and the
 * target has steps.
 */
#ifndef RNNP_CLI_NETWORK_H
#define RNNP_CLI_NETWORK_H

#include "dataset.h"

/* Inputs: x [steps][batch][features] f32 or [steps][batch] i32 (tokens); lengths [batch] i32 when asked for. Output y.
 * The model scales x by means and deviations (NULL: not), and y of targets next and input back. Weights are zeros. */
typedef struct network {
    size_t features, vocabulary; /* one of them is 0 */
    int lengths;
    const float *means, *deviations;
    char *const *columns; /* [raw] channels of the data, which [model] embed names; NULL: it may not */
    size_t raw;           /* features without masks and times since */
    size_t targets;       /* columns of targets */
    /* Of values [targets]: the model's last nodes turn outputs back into the targets' units. A trainer is given a model
     * without these nodes, as its targets are scaled; asking then scales what it says. */
    const float *target_means, *target_deviations;
    const float *label_weights; /* [targets][2] of labels, weights of 0 and 1 in the loss; NULL: all 1 */
    int in_units;               /* the model's outputs are in the targets' units */

    /* of the model's output, by network_check */
    size_t outputs;    /* numbers of an item */
    int probabilities; /* it is a Softmax or a Sigmoid, not logits */
} network;

/* Whether a constant of this name scales x or y, and is not to be trained. */
int network_is_scaling(const char *name);

/* Whether the model answers the task: one f32 output, [batch][classes] (of two classes also [batch][1]) or
 * [batch][targets], or behind [steps] the same or [features]. Tells net about it. `name` is the model's in what is said
 * when it does not. */
int network_check(const rnnp_model *model, const char *name, const train_config *config, size_t classes, network *net);

/* Whether the last layer gives what the loss requires, insofar as the configuration tells; the number of classes is the
 * data's. */
int network_check_layers(const train_config *config);

int network_build(rnnp_context *context, const train_config *config, const network *net, rnnp_model **model);

#endif
