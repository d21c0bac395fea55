/* SPDX-License-Identifier: Apache-2.0 */
#include "prepare.h"

#include <stdlib.h>

#include "../cli.h"

void prepare_create(prepare *p, const train_config *config, size_t features, const float *fill)
{
    *p = (prepare){.rule = {MISSING_CARRY, 0, 0, features}, .fill = fill};
    if (config && config->missing != MISSING_REFUSE)
        p->rule = (fill_rule){config->missing, config->mask, config->delta, features};
    p->channels = features * (size_t)(1 + p->rule.mask + p->rule.delta);
    p->last = cli_alloc(features, sizeof *p->last);
    p->seen = cli_alloc(features, sizeof *p->seen);
    prepare_begin(p);
}

void prepare_destroy(prepare *p)
{
    free(p->last);
    free(p->seen);
    *p = (prepare){0};
}

void prepare_begin(prepare *p)
{
    p->steps = 0;
    for (size_t k = 0; k < p->rule.features; k++) {
        p->last[k] = p->fill ? p->fill[k] : 0.0f;
        p->seen[k] = 0;
    }
}

void prepare_step(prepare *p, const float *x, float *y)
{
    for (size_t k = 0; k < p->rule.features; k++)
        dataset_fill_value(&p->rule, k, x[k], (double)p->steps, &p->last[k], &p->seen[k], y);
    p->steps++;
}
