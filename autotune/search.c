/* SPDX-License-Identifier: Apache-2.0
 *
 * Successive halving over the candidates of one layer and shape. In a round every candidate that is left is timed once,
 * the default first; what counts is its time over the default's in the same round, so that a machine that is slow for a
 * second is slow for all. Beside each sample a fixed piece of work is timed: a sample during which the core was
 * contended is taken again. Of many candidates the luckiest looks best, so the winner must win once more, alone against the
 * default.
 */
#include "search.h"

#include "../src/context.h"
#include "trial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A call that takes longer is shortened to fewer steps, but to no fewer than two input products' worth: a choice that is
 * fast for some steps is fast for more. */
static const double LONG_CALL_NS = 4e6;

/* The rest of the time is for the winner's second round of proofs. */
static const double SEARCH_SHARE = 0.8;

static const double SAMPLE_NS = 1e5, LEAST_GAIN = 0.03, TIE = 0.01, CONTENDED = 1.3;
enum { MOST_ROUNDS = 64, FINALISTS = 3, AGAIN = 3, WARM_UP_ROUNDS = 2 };

typedef struct candidate {
    rnnp_recurrent_choice choice;
    const rnnp_recurrent *layer;
    double cost_ns;
    size_t words, n, calls;            /* calls: in a sample */
    double ratio[MOST_ROUNDS], ns[MOST_ROUNDS];
    double score;                      /* median of the ratios */
} candidate;

typedef struct search {
    rnnp_context *context;
    rnnp_stand *stand;
    const rnnp_search_options *options;
    rnnp_search_result *result;
    candidate *all;                    /* [count]; the default is the first */
    size_t count, alive;
    double calibration;                /* the shortest seen */
    double start, scale;               /* scale: steps asked for over steps run */
    double until;                      /* seconds from the start that this part of the search may take */
} search;

static double elapsed(const search *s) { return rnnp_search_clock() - s->start; }

static int is_over(search *s, size_t done, size_t of)
{
    double best = 1;

    for (size_t i = 1; i < s->alive; i++) {
        if (s->all[i].n && s->all[i].score < best)
            best = s->all[i].score;
    }
    if (!s->result->stopped && s->options->stop && s->options->stop(s->options->user, done, of, 1 - best))
        s->result->stopped = 1;
    return s->result->stopped || elapsed(s) >= s->until;
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

/* Median distance from the median. */
static double deviation(const double *from, size_t n)
{
    const double middle = median(from, n);
    double distance[MOST_ROUNDS];

    for (size_t i = 0; i < n; i++)
        distance[i] = fabs(from[i] - middle);
    return median(distance, n);
}

/* ---- Candidates ---- */

static size_t count_words(const rnnp_recurrent_choice *choice)
{
    char words[RNNP_RECORD_CHOICE], name[RNNP_RECORD_WORD], value[RNNP_RECORD_WORD];
    size_t n = 0;

    rnnp_choice_print(choice, words);
    while (rnnp_record_word(words, n, name, value))
        n++;
    return n;
}

/* Fills in the candidates, cheapest first behind the default. */
static void list_candidates(search *s, const rnnp_machine *machine, const rnnp_recurrent *layer, size_t batch,
                            size_t steps, size_t threads, rnnp_recurrent_choice *choices)
{
    s->count = rnnp_candidates(s->context, layer, batch, steps, threads, choices);
    for (size_t i = 0; i < s->count; i++) {
        rnnp_recurrent prepared = *layer;

        prepared.choice = choices[i];
        rnnp_recurrent_prepare(&prepared);
        s->all[i].choice = choices[i];
        s->all[i].words = count_words(&choices[i]);
        s->all[i].cost_ns = rnnp_cost_ns(machine, &prepared, batch, steps, threads);
    }
    qsort(s->all + 1, s->count - 1, sizeof *s->all, by_cost);
    s->result->candidates = s->count;
}

/* Prepares and verifies as many as a quarter of the time allows; those with other bits are dropped. */
static rnnp_status verify_candidates(search *s)
{
    const size_t most = s->options->most ? s->options->most : s->count;

    for (size_t i = 0; i < s->count && s->alive < most; i++) {
        candidate c = s->all[i];

        if (i > 0 && (elapsed(s) > s->options->seconds / 4 || is_over(s, 0, s->count)))
            break;
        c.layer = rnnp_stand_prepare(s->stand, &c.choice);
        if (!c.layer && i == 0)
            return RNNP_ERR_MEMORY;
        if (!c.layer)
            continue;
        s->result->tried++;
        if (!rnnp_stand_verify(s->stand, c.layer)) {
            s->result->wrong++;
            continue;
        }
        c.calls = (size_t)(SAMPLE_NS / (rnnp_stand_time(s->stand, c.layer, 1) + 1)) + 1;
        s->all[s->alive++] = c;
    }
    return RNNP_OK;
}

/* ---- Rounds ---- */

static double sample(search *s, const candidate *c)
{
    double ns = 0;

    for (int i = 0; i < AGAIN; i++) {
        const double before = rnnp_stand_calibrate(s->stand);
        ns = rnnp_stand_time(s->stand, c->layer, c->calls);
        const double after = rnnp_stand_calibrate(s->stand), slower = before > after ? before : after;

        if (s->calibration == 0 || before < s->calibration)
            s->calibration = before;
        if (slower < CONTENDED * s->calibration || elapsed(s) >= s->until)
            break;
    }
    return ns;
}

static void run_rounds(search *s)
{
    size_t halve_at = WARM_UP_ROUNDS + 1;

    for (size_t round = 0; round < MOST_ROUNDS && !(round >= RNNP_SEARCH_LEAST_ROUNDS && s->alive == 1); round++) {
        double reference = 0;

        for (size_t i = 0; i < s->alive; i++) {
            candidate *c = &s->all[i];

            if ((i > 0 || s->alive == 1) && is_over(s, round, MOST_ROUNDS))
                return;
            const double ns = sample(s, c);
            reference = i == 0 ? ns : reference;
            c->ns[c->n] = ns;
            c->ratio[c->n] = reference > 0 ? ns / reference : 1;
            c->n++;
            c->score = median(c->ratio, c->n);
        }
        if (round + 1 == halve_at && s->alive > FINALISTS + 1) {
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

        if (c->n < RNNP_SEARCH_LEAST_ROUNDS)
            continue;
        const double doubt = 3 * deviation(c->ratio, c->n), gain = 1 - c->score;
        if (gain <= LEAST_GAIN || gain <= doubt)
            continue;
        if (best == &s->all[0] || (c->score < best->score + TIE && c->words < best->words))
            best = c;
    }
    return best;
}

/* Fresh rounds of the winner and the default; what they say is what counts. Nothing to do for the default. */
static void confirm(search *s, const candidate *winner)
{
    if (winner == &s->all[0])
        return;
    s->all[1] = *winner;
    s->all[0].n = s->all[1].n = 0;
    s->alive = 2;
    s->until = s->options->seconds;
    run_rounds(s);
}

static uint64_t whole_ns(double ns) { return ns < 1 ? 1 : ns > 1e15 ? (uint64_t)1e15 : (uint64_t)(ns + 0.5); }

static void report(search *s)
{
    rnnp_search_result *r = s->result;
    const candidate *best = decide(s), *standard = &s->all[0];

    rnnp_choice_print(&best->choice, r->choice);
    r->samples = best->n;
    r->default_ns = r->ns = 1;
    if (standard->n == 0)
        return;
    r->default_ns = whole_ns(median(standard->ns, standard->n) * s->scale);
    r->ns = best == standard ? r->default_ns : whole_ns((double)r->default_ns * best->score);
    r->spread = best == standard ? deviation(standard->ns, standard->n) / median(standard->ns, standard->n)
                                 : deviation(best->ratio, best->n);
}

/* Steps to run in place of all, and calls in a sample. */
static size_t shortened(double call_ns, size_t batch, size_t steps)
{
    const size_t least = batch >= 2 * RNNP_FAR_CHUNK_ROWS ? 4 : 2 * RNNP_FAR_CHUNK_ROWS / batch + 4;
    const double fits = (double)steps * LONG_CALL_NS / (call_ns > 1 ? call_ns : 1);

    if (fits >= (double)steps || steps <= 4)
        return steps;
    const size_t most = fits < 4 ? 4 : (size_t)fits;
    return most < least ? (least < steps ? least : steps) : most;
}

rnnp_status rnnp_search(rnnp_context *context, const rnnp_machine *machine, const rnnp_recurrent *layer, size_t batch,
                        size_t steps, size_t threads, const rnnp_search_options *options, rnnp_search_result *result)
{
    const size_t bytes = RNNP_CANDIDATES_MOST * (sizeof(candidate) + sizeof(rnnp_recurrent_choice));
    search s = {.context = context, .options = options, .result = result, .start = rnnp_search_clock()};
    rnnp_recurrent usual = *layer;
    rnnp_status status;

    *result = (rnnp_search_result){.ns = 1};
    s.all = rnnp_calloc(context, bytes);
    if (!s.all)
        return RNNP_ERR_MEMORY;
    rnnp_recurrent_prepare(&usual);
    const size_t run = shortened(rnnp_cost_ns(machine, &usual, batch, steps, threads), batch, steps);
    s.scale = (double)steps / (double)run;
    s.until = SEARCH_SHARE * options->seconds;
    list_candidates(&s, machine, layer, batch, run, threads, (rnnp_recurrent_choice *)(void *)(s.all + RNNP_CANDIDATES_MOST));
    status = rnnp_stand_create(context, layer, batch, run, threads, &s.stand);
    if (status == RNNP_OK && (status = verify_candidates(&s)) == RNNP_OK) {
        run_rounds(&s);
        confirm(&s, decide(&s));
        report(&s);
    }
    rnnp_stand_destroy(s.stand);
    rnnp_free(context, s.all, bytes);
    return status;
}
