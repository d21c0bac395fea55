/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <math.h>
#include <string.h>

void rnnp_train_options_init(rnnp_train_options *options)
{
    if (options)
        *options = (rnnp_train_options){.struct_size = sizeof *options,
                                        .loss = RNNP_LOSS_SPARSE,
                                        .batch = "batch",
                                        .math = RNNP_MATH_U35,
                                        .optimizer = {.kind = RNNP_OPTIMIZER_ADAM,
                                                      .rate = 1e-3f,
                                                      .rho = 0.99f,
                                                      .beta1 = 0.9f,
                                                      .beta2 = 0.999f,
                                                      .epsilon = 1e-8f}};
}

/* A number in [0, most], or in [0, 1) where most is 1. */
typedef struct range {
    const char *name;
    float value, most;
} range;

static rnnp_status check_ranges(const rnnp_context *context, const rnnp_train_options *o)
{
    const rnnp_optimizer *p = &o->optimizer;
    const range ranges[] = {
        {"label_smoothing", o->label_smoothing, 1},
        {"recurrent_dropout", o->recurrent_dropout, 1},
        {"l1", o->l1, INFINITY},
        {"l2", o->l2, INFINITY},
        {"clip_value", o->clip_value, INFINITY},
        {"clip_norm", o->clip_norm, INFINITY},
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

    if (o->loss == RNNP_LOSS_MSE && o->label_smoothing != 0)
        return rnnp_fail(context, RNNP_ERR_ARG, "train options: label_smoothing=%g, but MSE has no labels",
                         (double)o->label_smoothing);
    if (!o->class_weights) return RNNP_OK;
    if (o->loss == RNNP_LOSS_MSE)
        return rnnp_fail(context, RNNP_ERR_ARG, "train options: class_weights, but MSE has no classes");
    if (o->classes == 0 || (o->loss == RNNP_LOSS_BINARY && o->classes != 2))
        return rnnp_fail(context, RNNP_ERR_ARG, "train options: class_weights with classes=%zu%s", o->classes,
                         o->loss == RNNP_LOSS_BINARY ? ", but BINARY has 2" : "");
    for (size_t i = 0; i < o->classes; i++) {
        const float w = o->class_weights[i];

        if (!(w >= 0 && isfinite(w)))
            return rnnp_fail(context, RNNP_ERR_ARG, "train options: class_weights[%zu]=%g is not a finite number >= 0",
                             i, (double)w);
        most = w > most ? w : most;
    }
    return most > 0 ? RNNP_OK : rnnp_fail(context, RNNP_ERR_ARG, "train options: all class_weights are 0");
}

rnnp_status rnnp_train_options_check(const rnnp_context *context, const rnnp_train_options *given,
                                     rnnp_train_options *options)
{
    rnnp_train_options *o = options;
    rnnp_status status;

    rnnp_train_options_init(o);
    if (given) {
        if (given->struct_size < sizeof given->struct_size)
            return rnnp_fail(context, RNNP_ERR_ARG, "train options: struct_size is %zu", given->struct_size);
        memcpy(o, given, given->struct_size < sizeof *o ? given->struct_size : sizeof *o);
        o->struct_size = sizeof *o;
    }
    if (o->loss < RNNP_LOSS_MSE || o->loss > RNNP_LOSS_SPARSE)
        return rnnp_fail(context, RNNP_ERR_ARG, "train options: unknown loss %d", (int)o->loss);
    if (o->optimizer.kind < RNNP_OPTIMIZER_SGD || o->optimizer.kind > RNNP_OPTIMIZER_ADAMW)
        return rnnp_fail(context, RNNP_ERR_ARG, "train options: unknown optimizer %d", (int)o->optimizer.kind);
    if (o->math != RNNP_MATH_U35 && o->math != RNNP_MATH_U10 && o->math != RNNP_MATH_FAST)
        return rnnp_fail(context, RNNP_ERR_ARG, "train options: unknown math class %d", (int)o->math);
    if (!o->batch || !*o->batch)
        return rnnp_fail(context, RNNP_ERR_ARG, "train options: batch, the batch dimension's symbol, is %s",
                         o->batch ? "empty" : "NULL");
    if ((status = check_ranges(context, o)) != RNNP_OK) return status;
    return check_classes(context, o);
}
