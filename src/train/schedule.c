/* SPDX-License-Identifier: Apache-2.0 */
#include "../structs.h"
#include "../real.h"
#include "rnnpack/train.h"

#include <math.h>

/* x^t for x > 0 and t >= 0; whole powers by multiplication alone. */
static double power(double x, double t)
{
    const uint64_t whole = t < 0x1p53 ? (uint64_t)t : UINT64_C(1) << 53;
    const double rest = t < 0x1p53 ? t - (double)whole : 0;
    return rnnp_real_power(x, whole) * (rest > 0 ? rnnp_real_exp(rest * rnnp_real_log(x)) : 1);
}

static int makes_sense(const rnnp_schedule *s, double epoch)
{
    return epoch >= 0 && isfinite(epoch) && s->warmup >= 0 && isfinite(s->warmup) && s->rate >= 0 &&
           isfinite(s->rate) && s->least >= 0 && s->least <= s->rate && s->factor > 0 && isfinite(s->factor) &&
           (s->kind != RNNP_SCHEDULE_STEP || s->every > 0) && (s->kind != RNNP_SCHEDULE_COSINE || s->epochs > 0);
}

float rnnp_schedule_rate(const rnnp_schedule *schedule, double epoch)
{
    rnnp_schedule own;
    const rnnp_schedule *s = &own;
    double rate, t;
    if (!schedule || RNNP_STRUCT_READ(NULL, rnnp_schedule, schedule, &own) != RNNP_OK || !makes_sense(s, epoch))
        return NAN;
    rate = (double)s->rate;
    if (epoch < (double)s->warmup) return (float)(rate * (epoch / (double)s->warmup));
    t = epoch - (double)s->warmup;
    switch (s->kind) {
    case RNNP_SCHEDULE_CONSTANT: return s->rate;
    case RNNP_SCHEDULE_STEP: rate *= power((double)s->factor, floor(t / (double)s->every)); break;
    case RNNP_SCHEDULE_EXPONENTIAL: rate *= power((double)s->factor, t); break;
    case RNNP_SCHEDULE_COSINE:
        t /= (double)s->epochs;
        rate = (double)s->least + (rate - (double)s->least) * ((1 + rnnp_real_cos_pi(t < 1 ? t : 1)) / 2);
        break;
    case RNNP_SCHEDULE_PLATEAU: rate *= power((double)s->factor, (double)s->drops); break;
    default: return NAN;
    }
    return rate > (double)s->least ? (float)rate : s->least;
}

void rnnp_schedule_score(rnnp_schedule *schedule, double score)
{
    rnnp_schedule s;
    if (!schedule || RNNP_STRUCT_READ(NULL, rnnp_schedule, schedule, &s) != RNNP_OK) return;
    if (score < (s.scored ? s.best : INFINITY)) {
        s.best = score;
        s.scored = 1;
        s.waited = 0;
    } else if (++s.waited >= s.patience) {
        s.waited = 0;
        s.drops++;
    }
    RNNP_STRUCT_WRITE(NULL, rnnp_schedule, &s, schedule);
}
