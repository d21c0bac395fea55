/* SPDX-License-Identifier: Apache-2.0
 *
 * Successive halving over the candidates of one shape. In a round every candidate that is left is timed once,
 * the default first; what counts is its time over the default's in the same round, so that a machine that is slow for a
 * second is slow for all. Of many candidates the luckiest looks best, so the winner must win again, alone against the
 * default, also in other memory and by its shortest time.
 *
 * A core whose sibling thread is busy (on a rented machine with somebody else's work) takes a third to twice as long,
 * for a tenth of a millisecond or for seconds, and not by the same factor for every kernel. An empty loop before and
 * after each sample tells of it, and only samples of the same kind are compared.
 */
#include "search.h"

#include "../src/cells/weights.h"
#include "../src/clock.h"
#include "../src/context.h"
#include "trial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A call that takes longer than LONG is shortened to fewer steps, since a choice that is fast for some steps is fast
 * for more: to no fewer than one input product's worth, unless that takes longer than LONGEST. */
static const double LONG_CALL_NS = 4e6, LONGEST_CALL_NS = 20e6;

/* The rest of the time is for the winner's second round of proofs. */
static const double SEARCH_SHARE = 0.8;

/* What the cost model leaves out: real calls take longer, a sample begins with a short call that warms caches, the
 * clock and the calibration take their time, and workers need some to fall asleep. Weights are made up, and packed for
 * each of some layouts. */
static const double MODEL_SLACK = 1.5, WARM_UP = 1.25, SAMPLE_SECONDS = 1e-4, SLEEP_SECONDS = 5e-4;
static const double SECONDS_PER_WEIGHT_BYTE = 5e-9, SETUP_SECONDS = 1e-3;

static const double SAMPLE_NS = 1e5, LEAST_GAIN = 0.03, TIE = 0.01, SHARED_LOOP = 1.3;
enum { MOST_ROUNDS = 64, FINALISTS = 3, TRIES = 4, WARM_UP_ROUNDS = 2, PLACES = 3 };
enum { LEAST_CANDIDATES = 1 + FINALISTS, LEAST_STEPS = 4 };

/* Samples of a search: to verify one costs about as much; the rounds that count; the proofs, of two in each place. */
enum {
    LEAST_PROOF = PLACES * (2 * RNNP_SEARCH_LEAST_ROUNDS + 2),
    LEAST_SAMPLES = (2 + RNNP_SEARCH_LEAST_ROUNDS) * LEAST_CANDIDATES + LEAST_PROOF
};

typedef struct candidate {
    const char *choice;
    const rnnp_prepared *prepared;
    double cost_ns;
    size_t words, n, calls; /* calls: in a sample */
    double ratio[MOST_ROUNDS], ns[MOST_ROUNDS];
    double score; /* median of the ratios */
} candidate;

/* What the cores were while a sample was taken: alone at both ends, shared with a busy sibling at both, or neither. */
typedef enum sharing { ALONE, SHARED, MIXED } sharing;

typedef struct search {
    rnnp_stand *stand;
    const rnnp_search_options *options;
    rnnp_search_result *result;
    size_t threads;
    candidate *all; /* [count]; the default is the first */
    size_t count, alive;
    int stopped;
    double loop_ns;      /* of the empty loop, the shortest seen */
    double start, scale; /* scale: steps asked for over steps run */
    double until;        /* seconds from the start that this part of the search may take */
    double spare;        /* of these, what the rounds that are needed leave for samples taken again */
} search;

static double elapsed(const search *s) { return rnnp_clock() - s->start; }

static int is_over(search *s)
{
    double best = 1;

    for (size_t i = 1; i < s->alive; i++) {
        if (s->all[i].n && s->all[i].score < best) best = s->all[i].score;
    }
    if (!s->stopped) s->stopped = s->options->stop(s->options->user, 1 - best);
    return s->stopped || elapsed(s) >= s->until;
}

/* ---- Order ---- */

static int by_cost(const void *a, const void *b)
{
    const candidate *x = a, *y = b;

    return (x->cost_ns > y->cost_ns) - (x->cost_ns < y->cost_ns);
}

static int by_score(const void *a, const void *b)
{
    const candidate *x = a, *y = b;

    return (x->score > y->score) - (x->score < y->score);
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(const double *from, size_t n)
{
    double sorted[MOST_ROUNDS];

    memcpy(sorted, from, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_size);
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

static double least(const double *from, size_t n)
{
    double found = from[0];

    for (size_t i = 1; i < n; i++) found = from[i] < found ? from[i] : found;
    return found;
}

/* Median distance from the median. */
static double deviation(const double *from, size_t n)
{
    const double middle = median(from, n);
    double distance[MOST_ROUNDS];

    for (size_t i = 0; i < n; i++) distance[i] = fabs(from[i] - middle);
    return median(distance, n);
}

/* ---- Candidates ---- */

/* Takes over the candidates, cheapest first behind the default. */
static void order_candidates(search *s, const rnnp_candidate *list)
{
    for (size_t i = 0; i < s->count; i++) {
        s->all[i].choice = list[i].words;
        s->all[i].words = rnnp_record_word_count(list[i].words);
        s->all[i].cost_ns = list[i].cost_ns;
    }
    qsort(s->all + 1, s->count - 1, sizeof *s->all, by_cost);
}

/* Seconds of a sample with a call of so many nanoseconds. */
static double sample_seconds(double call_ns, size_t threads)
{
    const double ns = call_ns > SAMPLE_NS ? call_ns : SAMPLE_NS;

    return 1e-9 * ns * WARM_UP + SAMPLE_SECONDS + (threads > 1 ? SLEEP_SECONDS + RNNP_WARM_UP_SECONDS : 0);
}

/* How many candidates can be timed in as many rounds as count, in the time that is left; at least the default and
 * one. */
static size_t affordable(const search *s, double sample)
{
    const double rounds = (s->until - elapsed(s)) / (sample * RNNP_SEARCH_LEAST_ROUNDS);

    return rounds < 2 ? 2 : rounds < (double)s->count ? (size_t)rounds : s->count;
}

/* Prepares and verifies as many as a quarter of the time allows, or the least number; those with other bits are
 * dropped. */
static rnnp_status verify_candidates(search *s)
{
    const double seconds = s->options->seconds;
    size_t most = s->count;

    for (size_t i = 0; i < s->count && s->alive < most; i++) {
        const int late = elapsed(s) > seconds / 4 && s->alive >= LEAST_CANDIDATES;
        candidate c = s->all[i];
        double ns;

        if (i > 0 && (late || is_over(s))) break;
        c.prepared = rnnp_stand_prepare(s->stand, c.choice);
        if (!c.prepared && i == 0) return RNNP_ERR_MEMORY;
        if (!c.prepared) continue;
        s->result->tried++;
        if (!rnnp_stand_verify(s->stand, c.prepared, &ns)) {
            s->result->wrong++;
            continue;
        }
        if (ns < SAMPLE_NS) ns = rnnp_stand_time(s->stand, c.prepared, 1);
        c.calls = (size_t)(SAMPLE_NS / (ns + 1)) + 1;
        s->all[s->alive++] = c;
        if (i > 0) continue;
        const double sample = sample_seconds(ns, s->threads), proof = seconds - LEAST_PROOF * sample;
        s->until = proof < SEARCH_SHARE * seconds ? proof : SEARCH_SHARE * seconds;
        most = affordable(s, sample);
    }
    return RNNP_OK;
}

/* ---- Rounds ---- */

static int is_shared(search *s, double loop_ns)
{
    if (s->loop_ns == 0 || loop_ns < s->loop_ns) s->loop_ns = loop_ns;
    return loop_ns > SHARED_LOOP * s->loop_ns;
}

/* Taken again while the cores are not as wanted and there is time to spare. */
static double sample(search *s, const candidate *c, sharing wanted, sharing *got)
{
    for (int i = 1;; i++) {
        const double begin = elapsed(s), before = rnnp_stand_calibrate(s->stand);
        const double ns = rnnp_stand_time(s->stand, c->prepared, c->calls), after = rnnp_stand_calibrate(s->stand);
        const int first = is_shared(s, before), last = is_shared(s, after);

        *got = first != last ? MIXED : first ? SHARED : ALONE;
        s->spare -= i > 1 ? elapsed(s) - begin : 0;
        if (*got == wanted || i == TRIES || elapsed(s) - begin > s->spare) return ns;
    }
}

static void count(candidate *c, double ns, double ratio)
{
    c->ns[c->n] = ns;
    c->ratio[c->n] = ratio;
    c->n++;
    c->score = median(c->ratio, c->n);
}

/* While there is time to spare, samples that saw other cores than the default's of the same round do not count. */
static void run_rounds(search *s)
{
    size_t halve_at = WARM_UP_ROUNDS + 1, round = 0;
    const double begin = elapsed(s);

    s->spare = 0; /* until the first round has shown what one takes */
    while (round < MOST_ROUNDS) {
        sharing of_default, of_this;
        const double again = elapsed(s), reference = sample(s, &s->all[0], ALONE, &of_default);

        if (of_default == MIXED && s->spare > 0) {
            s->spare -= elapsed(s) - again;
            continue;
        }
        count(&s->all[0], reference, 1);
        for (size_t i = 1; i < s->alive; i++) {
            if (is_over(s)) return;
            const double ns = sample(s, &s->all[i], of_default, &of_this);
            if (of_this == of_default || s->spare <= 0) count(&s->all[i], ns, ns / reference);
        }
        if (round++ == 0) s->spare = s->until - begin - RNNP_SEARCH_LEAST_ROUNDS * (elapsed(s) - begin);
        if (round == halve_at && s->alive > FINALISTS + 1) {
            const size_t half = s->alive / 2;

            qsort(s->all + 1, s->alive - 1, sizeof *s->all, by_score);
            s->alive = 1 + (half > FINALISTS ? half : FINALISTS);
            halve_at += WARM_UP_ROUNDS;
        }
    }
}

/* The default, or a finalist that is faster beyond doubt. */
static const candidate *decide(search *s)
{
    const candidate *best = &s->all[0];

    qsort(s->all + 1, s->alive - 1, sizeof *s->all, by_score);
    for (size_t i = 1; i < s->alive; i++) {
        const candidate *c = &s->all[i];

        if (c->n < RNNP_SEARCH_LEAST_ROUNDS) continue;
        const double doubt = 3 * deviation(c->ratio, c->n), gain = 1 - c->score;
        const double best_gain = 1 - least(c->ns, c->n) / least(s->all[0].ns, s->all[0].n);
        if (gain <= LEAST_GAIN || gain <= doubt || best_gain <= LEAST_GAIN) continue;
        if (best == &s->all[0] || (c->score < best->score + TIE && c->words < best->words)) best = c;
    }
    return best;
}

/* Both that are left, anew in this stand: with its memory. */
static int move_to(search *s, rnnp_stand *stand)
{
    double ns;

    s->stand = stand;
    for (size_t i = 0; i < 2; i++) {
        s->all[i].prepared = rnnp_stand_prepare(stand, s->all[i].choice);
        if (!s->all[i].prepared) return 0;
        if (!rnnp_stand_verify(stand, s->all[i].prepared, &ns)) s->result->wrong++;
    }
    return 1;
}

/* Fresh rounds of the winner and the default in several places, as long as the winner wins; what the last ones say is
 * what counts. Nothing to do for the default. */
static void confirm(search *s, const rnnp_context *context, const rnnp_subject *run, const candidate *winner)
{
    rnnp_stand *place[PLACES] = {s->stand}; /* all are kept to the end, so that no two share memory */
    int wins = winner != &s->all[0];

    if (wins) s->all[1] = *winner;
    for (size_t i = 0; i < PLACES && wins; i++) {
        if (i > 0 && (rnnp_stand_create(context, run, &place[i]) != RNNP_OK || !move_to(s, place[i]))) {
            wins = 0;
            break;
        }
        s->all[0].n = s->all[1].n = 0;
        s->alive = 2;
        s->until = elapsed(s) + (s->options->seconds - elapsed(s)) / (double)(PLACES - i);
        run_rounds(s);
        wins = decide(s) != &s->all[0];
    }
    if (!wins) s->alive = 1;
    for (size_t i = 1; i < PLACES; i++) rnnp_stand_destroy(place[i]);
    s->stand = place[0];
}

static uint64_t whole_ns(double ns) { return ns < 1 ? 1 : ns > 1e15 ? (uint64_t)1e15 : (uint64_t)(ns + 0.5); }

static void report(search *s)
{
    rnnp_search_result *r = s->result;
    const candidate *best = decide(s), *standard = &s->all[0];

    memcpy(r->choice, best->choice, strlen(best->choice) + 1);
    r->samples = best->n;
    r->default_ns = r->ns = 1;
    if (standard->n == 0) return;
    r->default_ns = whole_ns(median(standard->ns, standard->n) * s->scale);
    r->ns = best == standard ? r->default_ns : whole_ns((double)r->default_ns * best->score);
    r->spread = best == standard ? deviation(standard->ns, standard->n) / median(standard->ns, standard->n)
                                 : deviation(best->ratio, best->n);
}

/* Steps to run in place of all. */
static size_t shortened(double call_ns, size_t batch, size_t steps)
{
    const size_t product = (RNNP_FAR_CHUNK_ROWS + batch - 1) / batch;
    const double step_ns = call_ns > 1 ? call_ns / (double)steps : 1 / (double)steps;
    double most = LONG_CALL_NS / step_ns;

    if (most < (double)product)
        most = (double)product * step_ns < LONGEST_CALL_NS ? (double)product : LONGEST_CALL_NS / step_ns;
    most = most < LEAST_STEPS ? LEAST_STEPS : most;
    return most < (double)steps ? (size_t)most : steps;
}

/* The subject as it is run. */
static rnnp_subject shorten(const rnnp_subject *subject)
{
    rnnp_subject run = *subject;

    run.shape.steps = shortened(rnnp_cost_ns(subject), subject->shape.batch, subject->shape.steps);
    return run;
}

double rnnp_search_need(const rnnp_subject *subject)
{
    const rnnp_subject run = shorten(subject);
    const double call_ns = MODEL_SLACK * rnnp_cost_ns(&run);
    const double input = (double)subject->shape.input, hidden = (double)subject->shape.hidden;
    double weights = input * hidden;

    for (size_t l = 0; l < subject->layers; l++) {
        const rnnp_recurrent *layer = &subject->layer[l];
        const double units =
            hidden * (double)rnnp_cell_of(layer->cell)->gates * (double)rnnp_directions(layer->direction);

        weights = (l ? weights : 0) + units * ((double)layer->input + hidden);
    }
    return SETUP_SECONDS +
           SECONDS_PER_WEIGHT_BYTE * (double)rnnp_format_bytes((rnnp_format)subject->shape.weights) * weights +
           LEAST_SAMPLES * sample_seconds(call_ns, subject->threads);
}

rnnp_status rnnp_search(const rnnp_context *context, const rnnp_subject *subject, const rnnp_search_options *options,
                        rnnp_search_result *result)
{
    const rnnp_subject run = shorten(subject);
    const size_t bytes = RNNP_CANDIDATES_MOST * (sizeof(candidate) + sizeof(rnnp_candidate));
    search s = {.options = options,
                .result = result,
                .threads = subject->threads,
                .start = rnnp_clock(),
                .scale = (double)subject->shape.steps / (double)run.shape.steps,
                .until = SEARCH_SHARE * options->seconds};
    rnnp_status status = RNNP_OK;

    *result = (rnnp_search_result){.ns = 1};
    s.all = rnnp_calloc(context, bytes);
    if (!s.all) return RNNP_ERR_MEMORY;
    rnnp_candidate *list = (rnnp_candidate *)(void *)(s.all + RNNP_CANDIDATES_MOST);
    s.count = result->candidates = rnnp_candidates(context, &run, list);
    if (s.count > 1 && (status = rnnp_stand_create(context, &run, &s.stand)) == RNNP_OK) {
        order_candidates(&s, list);
        if ((status = verify_candidates(&s)) == RNNP_OK && s.alive > 1) {
            run_rounds(&s);
            confirm(&s, context, &run, decide(&s));
            report(&s);
        }
    }
    rnnp_stand_destroy(s.stand);
    rnnp_free(context, s.all, bytes);
    return status;
}
