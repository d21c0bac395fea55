/* SPDX-License-Identifier: Apache-2.0 */
#include "scoring.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rnnpack/kernels.h"

void scoring_create(scoring *s, double smooth)
{
    /* dt / (tau + dt) of a new score, the first-order low-pass filter by backward differences: no exponential. */
    s->keep = smooth / (smooth + 1);
    if (s->kind == SCORING_PROBABILITY) s->p = cli_alloc(s->classes, sizeof *s->p);
    if (s->kind == SCORING_ERROR) {
        s->many = s->width / s->features;
        s->room = s->ahead + s->many;
        s->past = cli_alloc(s->room * s->width, sizeof *s->past);
    }
    scoring_begin(s);
}

void scoring_destroy(scoring *s)
{
    free(s->p);
    free(s->past);
    *s = (scoring){0};
}

void scoring_begin(scoring *s)
{
    s->n = 0;
    s->begun = 0;
    s->smoothed = 0;
}

/* Of all classes, calibrated as predict does. Of two the model may give one number, for the second. */
static double probability(scoring *s, const float *y)
{
    float *p = s->p, *one = s->width == 1 ? p + 1 : p;
    if (!s->logits)
        memcpy(one, y, s->width * sizeof *y);
    else if (s->width == 1)
        rnnp_apply(s->context, RNNP_FUNCTION_SIGMOID, RNNP_MATH_U35, 1, y, one);
    else
        rnnp_softmax(s->context, RNNP_MATH_U35, 1, s->width, y, one);
    if (s->width == 1) p[0] = 1.0f - p[1];
    float of;
    decider_calibrate(s->decider, 1, s->classes, s->positive, &of, p);
    return (double)p[s->index];
}

static double forecast_error(scoring *s, const float *x, const float *y)
{
    const size_t F = s->features;
    double sum = 0;
    size_t made = 0;
    memcpy(s->past + s->n % s->room * s->width, y, s->width * sizeof *y);
    for (size_t k = 0; k < s->many && s->n >= s->ahead + k; k++, made++) {
        const float *forecast = s->past + (s->n - s->ahead - k) % s->room * s->width + k * F;
        for (size_t f = 0; f < F; f++) {
            const double wrong = (double)forecast[f] - (double)x[f];
            sum += wrong * wrong;
        }
    }
    return made ? sum / (double)(made * F) : NAN;
}

double scoring_step(scoring *s, const float *x, const float *y)
{
    const double score = s->kind == SCORING_OUTPUT        ? (double)y[s->index]
                         : s->kind == SCORING_PROBABILITY ? probability(s, y)
                                                          : forecast_error(s, x, y);
    s->n++;
    if (isnan(score)) return score;
    s->smoothed = s->begun ? s->keep * s->smoothed + (1 - s->keep) * score : score;
    s->begun = 1;
    return s->smoothed;
}
