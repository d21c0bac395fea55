/* SPDX-License-Identifier: Apache-2.0 */
#include "federation.h"

#include <math.h>

static void put_numbers(payload *p, const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++) payload_put_number(p, x[i]);
}

static void get_numbers(payload *p, double *x, size_t n)
{
    for (size_t i = 0; i < n; i++) x[i] = payload_get_number(p);
}

/* From stage MEANS on; before, names are agreed on. */
void federation_put(const federation *f, payload *p)
{
    if (f->stage == STAGE_FILL) {
        agreement_put(&f->agreed, p);
        return;
    }
    payload_put(p, (uint64_t)f->stage);
    payload_put(p, f->round);
    payload_put_number(p, isnan(f->loss) ? -1 : f->loss);
    payload_put_number(p, f->sequences);
    put_numbers(p, f->class_counts, f->agreed.like.classes);
    put_numbers(p, f->fill, f->agreed.like.features);
    put_numbers(p, f->means, f->channels);
    put_numbers(p, f->counts, f->channels);
    put_numbers(p, f->squares, f->channels);
    put_numbers(p, f->targets, 2 * f->agreed.like.targets);
    put_numbers(p, f->target_squares, f->agreed.like.targets);
    decision_put(&f->decision, p);
    if (f->stage >= STAGE_ROUND) payload_put_bytes(p, f->parameters, f->n_parameters * sizeof *f->parameters);
}

static int get_parameters(federation *f, payload *p)
{
    payload_get_bytes(p, f->parameters, f->n_parameters * sizeof *f->parameters);
    for (size_t i = 0; i < f->n_parameters && !p->bad; i++) p->bad = !isfinite(f->parameters[i]);
    return p->bad ? CLI_OK : fit_copy(f->context, f->trainer, 0, 1, f->parameters, NULL);
}

static int may_follow(const federation *f, uint64_t stage, uint64_t round)
{
    const calibrate_kind calibrate = f->config->calibrate;
    if (stage < STAGE_MEANS || stage > STAGE_EVALUATE || round > f->config->rounds) return 0;
    if (stage == STAGE_TEMPERATURE && calibrate != CALIBRATE_TEMPERATURE) return 0;
    if (stage == STAGE_CASES && !decider_fits(f->config)) return 0;
    if (stage > STAGE_TEMPERATURE && calibrate == CALIBRATE_TEMPERATURE && !(f->decision.decider.temperature > 0))
        return 0;
    if (stage > STAGE_CASES && (calibrate == CALIBRATE_ISOTONIC) != (f->decision.decider.n_steps > 0)) return 0;
    return (stage > STAGE_ROUND) == (round == f->config->rounds) && (stage >= STAGE_ROUND || round == 0);
}

int federation_get(federation *f, payload *p, int *good)
{
    if (f->stage == STAGE_NAMES) {
        *good = agreement_get(&f->agreed, p) &&
                (target_is_class(f->config->target) ? f->agreed.like.classes > 1 : !f->agreed.like.classes);
        return *good ? federation_named(f) : CLI_OK;
    }
    const uint64_t stage = payload_get(p), round = payload_get(p);
    f->loss = payload_get_number(p);
    f->sequences = payload_get_number(p);
    get_numbers(p, f->class_counts, f->agreed.like.classes);
    get_numbers(p, f->fill, f->agreed.like.features);
    get_numbers(p, f->means, f->channels);
    get_numbers(p, f->counts, f->channels);
    get_numbers(p, f->squares, f->channels);
    get_numbers(p, f->targets, 2 * f->agreed.like.targets);
    get_numbers(p, f->target_squares, f->agreed.like.targets);
    decision_get(&f->decision, p);
    *good = !p->bad && may_follow(f, stage, round);
    if (!*good) return CLI_OK;
    f->stage = (federate_stage)stage;
    f->round = (size_t)round;
    if (f->stage >= STAGE_ROUND && !f->trainer) TRY(federation_build(f));
    if (f->stage >= STAGE_ROUND) TRY(get_parameters(f, p));
    *good = payload_whole(p);
    return CLI_OK;
}
