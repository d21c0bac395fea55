/* SPDX-License-Identifier: Apache-2.0 */
#include "prepare.h"

#include <math.h>
#include <stdlib.h>

#include "../cli.h"

void prepare_create(prepare *p, const train_config *config, size_t features, const float *fill)
{
    *p = (prepare){.features = features, .missing = MISSING_CARRY, .fill = fill};
    if (config && config->missing != MISSING_REFUSE) {
        p->missing = config->missing;
        p->mask = config->mask;
        p->delta = config->delta;
    }
    p->channels = features * (size_t)(1 + p->mask + p->delta);
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
    for (size_t k = 0; k < p->features; k++) {
        p->last[k] = p->fill ? p->fill[k] : 0.0f;
        p->seen[k] = 0;
    }
}

void prepare_step(prepare *p, const float *x, float *y)
{
    const size_t F = p->features;
    for (size_t k = 0; k < F; k++) {
        const int there = !isnan(x[k]);
        if (p->mask) y[F + k] = there ? 1.0f : 0.0f;
        if (p->delta) y[F * (size_t)(1 + p->mask) + k] = (float)((double)p->steps - (double)p->seen[k]);
        if (there) {
            p->last[k] = p->missing == MISSING_CARRY ? x[k] : p->last[k];
            p->seen[k] = p->steps;
        }
        y[k] = there ? x[k] : p->missing == MISSING_ZERO ? 0.0f : p->last[k];
    }
    p->steps++;
}
