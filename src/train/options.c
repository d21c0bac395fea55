/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include "../structs.h"
#include "loss.h"

#include <math.h>
#include <string.h>

/* A number in [0, most], or in [0, 1) where most is 1. */
typedef struct range {
    const char *name;
    float value, most;
} range;

static rnnp_status check_ranges(const rnnp_context *context, const rnnp_train_options *o, const rnnp_optimizer *p)
{
    const range ranges[] = {
        {"label_smoothing", o->label_smoothing, 1},
        {"recurrent_dropout", o->recurrent_dropout, 1},
        {"l1", o->l1, INFINITY},
        {"l2", o->l2, INFINITY},
        {"clip_value", o->clip_value, INFINITY},
        {"clip_norm", o->clip_norm, INFINITY},
        {"huber_delta", o->huber_delta, INFINITY},
        {"rate", p->rate, INFINITY},
        {"momentum", p->momentum, 1},
        {"rho", p->rho, 1},
        {"beta1", p->beta1, 1},
        {"beta2", p->beta2, 1},
        {"epsilon", p->epsilon, INFINITY},
        {"decay", p->decay, INFINITY},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (!(ranges[i].value >= 0 && ranges[i].value < ranges[i].most))
            return rnnp_fail(context, RNNP_ERR_ARG, "train options: %s=%g is not %s", ranges[i].name,
                             (double)ranges[i].value, ranges[i].most > 1 ? "a finite number >= 0" : "in [0, 1)");
    if (p->kind != RNNP_OPTIMIZER_SGD && p->epsilon == 0)
        return rnnp_fail(context, RNNP_ERR_ARG, "train options: epsilon is 0");
    if (p->kind != RNNP_OPTIMIZER_SGD && (p->momentum != 0 || p->nesterov))
        return rnnp_fail(context, RNNP_ERR_ARG, "train options: momentum=%g, nesterov=%d: these belong to SGD",
                         (double)p->momentum, p->nesterov);
    if (p->nesterov && p->momentum == 0)
        return rnnp_fail(context, RNNP_ERR_ARG, "train options: nesterov without momentum");
    return RNNP_OK;
}

static rnnp_status check_classes(const rnnp_context *context, const rnnp_train_options *o)
{
    float most = 0;
    const char *name = o->loss == RNNP_LOSS_MSE ? "MSE" : o->loss == RNNP_LOSS_MAE ? "MAE" : "HUBER";
    const int numbers = rnnp_loss_of_numbers(o->loss);
    if (numbers && o->label_smoothing != 0)
        return rnnp_fail(context, RNNP_ERR_ARG, "train options: label_smoothing=%g, but %s has no labels",
                         (double)o->label_smoothing, name);
    if (o->huber_delta != 0 && o->loss != RNNP_LOSS_HUBER)
        return rnnp_fail(context, RNNP_ERR_ARG, "train options: huber_delta=%g belongs to HUBER",
                         (double)o->huber_delta);
    if (!o->class_weights) return RNNP_OK;
    if (numbers) return rnnp_fail(context, RNNP_ERR_ARG, "train options: class_weights, but %s has no classes", name);
    if (o->n_classes == 0 || (o->loss == RNNP_LOSS_BINARY && o->n_classes != 2))
        return rnnp_fail(context, RNNP_ERR_ARG, "train options: class_weights with classes=%zu%s", o->n_classes,
                         o->loss == RNNP_LOSS_BINARY ? ", but BINARY has 2" : "");
    for (size_t i = 0; i < o->n_classes; i++) {
        const float w = o->class_weights[i];
        if (!(w >= 0 && isfinite(w)))
            return rnnp_fail(context, RNNP_ERR_ARG, "train options: class_weights[%zu]=%g is not a finite number >= 0",
                             i, (double)w);
        most = w > most ? w : most;
    }
    return most > 0 ? RNNP_OK : rnnp_fail(context, RNNP_ERR_ARG, "train options: all class_weights are 0");
}

rnnp_status rnnp_train_options_check(const rnnp_context *context, const rnnp_train_options *given,
                                     rnnp_train_options *o, rnnp_optimizer *optimizer)
{
    rnnp_status status = RNNP_STRUCT_READ(context, rnnp_train_options, given, o);
    if (status != RNNP_OK) return status;
    rnnp_optimizer_init(optimizer, RNNP_OPTIMIZER_ADAM);
    if (o->optimizer && (status = RNNP_STRUCT_READ(context, rnnp_optimizer, o->optimizer, optimizer)) != RNNP_OK)
        return status;
    o->optimizer = optimizer;
    if (!o->batch) o->batch = "batch";
    if ((unsigned)o->loss > RNNP_LOSS_HUBER)
        return rnnp_fail(context, RNNP_ERR_ARG, "train options: unknown loss %d", (int)o->loss);
    if (optimizer->kind < RNNP_OPTIMIZER_SGD || optimizer->kind > RNNP_OPTIMIZER_ADAMW)
        return rnnp_fail(context, RNNP_ERR_ARG, "train options: unknown optimizer %d", (int)optimizer->kind);
    if (o->math != RNNP_MATH_U35 && o->math != RNNP_MATH_U10 && o->math != RNNP_MATH_FAST)
        return rnnp_fail(context, RNNP_ERR_ARG, "train options: unknown math class %d", (int)o->math);
    if (!*o->batch)
        return rnnp_fail(context, RNNP_ERR_ARG, "train options: batch, the batch dimension's symbol, is empty");
    if ((status = check_ranges(context, o, optimizer)) != RNNP_OK) return status;
    if ((status = check_classes(context, o)) != RNNP_OK) return status;
    if (o->huber_delta == 0) o->huber_delta = 1;
    return RNNP_OK;
}
