/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RNNP_TRAIN_OPTIONS_H
#define RNNP_TRAIN_OPTIONS_H

#include "../context.h"
#include "rnnpack/train.h"

/* Copies the caller's options and optimiser, or the defaults for NULL; checks all that can be told without the model:
 * enums, ranges, class weights (finite, >= 0, one of them > 0, 2 for BINARY, none for MSE), and options that the
 * loss or the optimiser has no use for. RNNP_ERR_ARG with the option's name and value. Other pointers stay the
 * caller's. */
rnnp_status rnnp_train_options_check(const rnnp_context *context, const rnnp_train_options *given,
                                     rnnp_train_options *options, rnnp_optimizer *optimizer);

#endif
