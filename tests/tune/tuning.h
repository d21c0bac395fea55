/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of rnnp_tune share: small shapes, options, the record of a shape, a diary of progress. Shapes and
 * budgets are tiny: which choice wins is of no interest here.
 */
#ifndef RNNP_TESTS_TUNE_TUNING_H
#define RNNP_TESTS_TUNE_TUNING_H

#include "fixture.h"

enum { INPUT = 5, HIDDEN = 12, DATE = 1763712000 };

static const rnnp_shape small[] = {
    SHAPE(.cell = RNNP_CELL_LSTM, .input = INPUT, .hidden = HIDDEN, .batch = 1, .steps = 4),
    SHAPE(.cell = RNNP_CELL_GRU, .reset = RNNP_GRU_RESET_BEFORE, .direction = RNNP_DIRECTION_BIDIRECTIONAL,
          .input = INPUT, .hidden = HIDDEN, .batch = 2, .steps = 4),
    SHAPE(.cell = RNNP_CELL_RNN, .direction = RNNP_DIRECTION_REVERSE, .input = INPUT, .hidden = HIDDEN, .batch = 1,
          .steps = 1),
};

enum { SMALL = sizeof small / sizeof small[0] };

static inline rnnp_tune_options options_for(double seconds)
{
    OPTIONS(tune, o);

    o.seconds = seconds;
    o.now = DATE;
    return o;
}

static inline rnnp_record_key key_of(const rnnp_shape *s, size_t threads)
{
    rnnp_record_key key;

    rnnp_shape_key(s, threads, &key);
    return key;
}

/* The record of a shape on this host, or NULL. */
static inline const rnnp_record *record_of(const rnnp_context *context, const rnnp_records *set, const rnnp_shape *s,
                                           size_t threads)
{
    const rnnp_record_host host = host_of(context);
    const rnnp_record_key key = key_of(s, threads);
    rnnp_record_found found = {.struct_size = sizeof found};

    OK(rnnp_records_find(set, &host, &key, NULL, NULL, &found));
    return found.match == RNNP_MATCH_EXACT ? found.record : NULL;
}

/* Tunes, on one thread, until there is a record: on a busy machine a short budget may not do. */
static inline void tune_one(rnnp_context *context, const rnnp_shape *shape, rnnp_records *set)
{
    for (rnnp_tune_options o = options_for(0.2 * FEWER * FEWER); !record_of(context, set, shape, 1); o.seconds *= 2) {
        assert_true(o.seconds < 100);
        OK(rnnp_tune(context, shape, 1, &o, set));
    }
}

/* ---- Progress ---- */

typedef struct diary {
    const rnnp_shape *shapes;
    size_t n, calls, done, plain, measured, stop_at; /* stop_at: the call that says stop, from 1; 0: none */
    double share;
} diary;

static inline int keep_diary(void *user, const rnnp_tune_progress *p)
{
    diary *d = user;

    d->calls++;
    assert_int_equal(p->n_shapes, d->n);
    assert_true(p->shape < d->n);
    assert_memory_equal(p->what, &d->shapes[p->shape], sizeof *p->what);
    assert_true(p->share >= d->share && p->share <= 1);
    assert_true(p->gain >= 0 && p->gain < 1);
    d->share = p->share;
    if (p->record) {
        assert_int_equal(p->record->key.hidden, p->what->hidden);
        assert_int_equal(p->record->key.batch, p->what->batch);
        d->done++;
        d->measured += p->measured != 0;
        if (p->measured)
            assert_true(p->n_tried >= 1 && p->n_tried <= p->n_candidates);
        else
            assert_true(p->n_tried == 0 && p->n_candidates == 0);
    }
    d->plain += !p->record && p->n_candidates == 1;
    return d->stop_at && d->calls >= d->stop_at;
}

/* rnnp_tune of the diary's shapes, which is kept by its end. */
static inline void tune_diary(const rnnp_context *context, diary *d, rnnp_tune_options o, rnnp_records *set)
{
    o.progress = keep_diary;
    o.progress_user = d;
    OK(rnnp_tune(context, d->shapes, d->n, &o, set));
}

/* What a context can do with the words of a shape's record. */
static inline rnnp_choice_scope scope_of(const rnnp_context *context, const rnnp_shape *s)
{
    if (s->kind == RNNP_SHAPE_STACK) return (rnnp_choice_scope){.kind = s->kind};
    if (s->kind == RNNP_SHAPE_DENSE) return rnnp_product_scope(context, RNNP_FORMAT_f32, NULL); /* of no cell */
    const rnnp_recurrent l =
        bare_layer(context, s->cell, s->reset == RNNP_GRU_RESET_AFTER, s->direction, s->input, s->hidden);
    return rnnp_layer_scope(context, &l, NULL);
}

static inline void assert_sane(const rnnp_context *context, const rnnp_records *set, const rnnp_shape *s,
                               size_t threads)
{
    const rnnp_record *r = record_of(context, set, s, threads);
    rnnp_choice_scope scope = scope_of(context, s);
    char name[RNNP_RECORD_WORD], value[RNNP_RECORD_WORD];

    assert_non_null(r);
    for (size_t i = 0; rnnp_record_word(r->choice, i, name, value) == RNNP_OK; i++)
        assert_true(rnnp_choice_usable(&scope, name, value));
    assert_true(r->ns >= 1 && r->ns < 1000000000 && r->default_ns >= r->ns);
    assert_true(*r->choice ? r->ns < r->default_ns : r->ns == r->default_ns);
    assert_true(r->spread >= 0 && r->spread <= 100);
    assert_true(r->samples >= 1 && r->samples <= 64);
    assert_true(r->at >= DATE && r->at < DATE + 100);
}

#endif
