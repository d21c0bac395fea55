/* SPDX-License-Identifier: Apache-2.0
 *
 * Packing by several threads: the bytes of a plan do not depend on who packed what.
 */
#include "../model/build.h"
#include "tests/bare_layer.h"
#include "src/cells/recurrent.h"
#include "src/graph/engine.h"

enum { HIDDEN = 150, INPUT = 70 }; /* neither fills its last panel on any ISA */

/* ---- A layer's block in parts ---- */

static void check_parts(const rnnp_recurrent *made, const rnnp_recurrent_source *source)
{
    static const size_t parts[] = {1, 2, 3, 7, 100};
    const size_t bytes = rnnp_recurrent_pack_bytes(made);
    char *block[2];

    for (size_t i = 0; i < 2; i++) {
        block[i] = aligned_alloc(64, (bytes + 63) / 64 * 64);
        assert_non_null(block[i]);
    }
    memset(block[0], 0xAA, bytes);
    rnnp_recurrent_pack(made, source, block[0], 0, 1);
    for (size_t n = 0; n < sizeof parts / sizeof parts[0]; n++) {
        memset(block[1], 0x55, bytes); /* a byte that nobody writes stays different */
        for (size_t i = parts[n]; i-- > 0;) rnnp_recurrent_pack(made, source, block[1], i, parts[n]);
        assert_memory_equal(block[0], block[1], bytes);
    }
    free(block[0]);
    free(block[1]);
}

TEST(test_parts)
{
    static const struct {
        rnnp_cell cell;
        int reset_after;
    } cells[] = {{RNNP_CELL_RNN, 0}, {RNNP_CELL_LSTM, 0}, {RNNP_CELL_GRU, 0}, {RNNP_CELL_GRU, 1}};
    static const size_t sizes[][2] = {{1, 1}, {3, 5}, {17, 33}, {INPUT, HIDDEN}};
    OWNED(context) context = make_context(NULL, 1);

    for (size_t c = 0; c < 4; c++) {
        for (size_t s = 0; s < 4; s++) {
            const size_t I = sizes[s][0], H = sizes[s][1], rows = 2 * rnnp_cell_of(cells[c].cell)->gates * H;
            rnnp_recurrent made =
                bare_layer(context, cells[c].cell, cells[c].reset_after, RNNP_DIRECTION_BIDIRECTIONAL, I, H);
            rnnp_recurrent_prepare(&made);
            FREED float *w = numbers(rows * I, 1, 1.0f), *r = numbers(rows * H, 2, 1.0f),
                        *b = numbers(2 * rows, 3, 1.0f);
            FREED float *p = numbers(6 * H, 4, 1.0f);

            check_parts(&made, &(rnnp_recurrent_source){
                                   .w = w, .r = r, .b = b, .p = cells[c].cell == RNNP_CELL_LSTM ? p : NULL});
            check_parts(&made, &(rnnp_recurrent_source){.w = w, .r = r});
        }
    }
}

/* ---- Plans ---- */

/* Layers of every kind that packs; large enough for a team. */
static rnnp_model *make_large(rnnp_context *context)
{
    layer l[] = {make_layer(RNNP_CELL_LSTM, INPUT, HIDDEN, RNNP_DIRECTION_BIDIRECTIONAL, 1),
                 make_layer(RNNP_CELL_GRU, 2 * HIDDEN, HIDDEN, RNNP_DIRECTION_FORWARD, 2),
                 make_layer(RNNP_CELL_GRU, HIDDEN, HIDDEN, RNNP_DIRECTION_FORWARD, 3)};
    FREED float *w = numbers(HIDDEN * HIDDEN, 4, 1.0f);
    rnnp_model *model = make_model(context);
    rnnp_value x = input3(model, "x", RNNP_DYNAMIC, RNNP_DYNAMIC, INPUT);

    l[2].options.reset = RNNP_GRU_RESET_BEFORE;
    for (size_t i = 0; i < 3; i++) {
        OK(rnnp_model_add_recurrent(model, &l[i].options, l[i].weights, x, RNNP_NONE, RNNP_NONE, RNNP_NONE, &x, NULL,
                                    NULL));
        free_layer(&l[i]);
    }
    OK(rnnp_model_add_dense(model, x, w, HIDDEN, HIDDEN, 0, w, "Relu", &x));
    OK(rnnp_model_add_dense(model, x, w, HIDDEN, 3, 1, w, NULL, &x));
    close_with(model, "y", x);
    return model;
}

static rnnp_plan *make_plan_of(const rnnp_model *model, size_t threads)
{
    OPTIONS(plan, options);

    options.threads = threads;
    NEW(plan, plan, model, &options);
    return plan;
}

/* 1 when both plans have packed the same bytes for every node. */
static int same_bytes(const rnnp_plan *a, const rnnp_plan *b)
{
    size_t packed = 0;
    int same = 1;

    for (size_t n = 0; n < a->model->n_nodes; n++) {
        const size_t bytes = a->nodes[n].planned.pack_bytes;

        same &= !a->nodes[n].packed == !b->nodes[n].packed && !a->nodes[n].packed == !bytes;
        same = same && (!bytes || memcmp(a->nodes[n].packed, b->nodes[n].packed, bytes) == 0);
        packed += bytes;
    }
    return same && packed > 2 * 1024 * 1024;
}

/* A host's pool that runs its tasks one after the other, last one first, and counts. */
static void run_backwards(void *user, size_t n, void (*task)(void *arg, size_t i), void *arg)
{
    ++*(size_t *)user;
    while (n-- > 0) task(arg, n);
}

TEST(test_same_bytes)
{
    static const size_t threads[] = {1, 2, 3, 7};
    OPTIONS(context, options);
    rnnp_context *context[3];
    rnnp_model *model[3];
    size_t calls = 0;

    OK(rnnp_context_create(&options, &context[0]));
    options.threads = 7;
    OK(rnnp_context_create(&options, &context[1]));
    options.parallel = (rnnp_parallel){&calls, 7, run_backwards};
    OK(rnnp_context_create(&options, &context[2]));
    for (size_t i = 0; i < 3; i++) model[i] = make_large(context[i]);
    rnnp_plan *alone = make_plan(model[0]);
    for (size_t i = 1; i < 3; i++) {
        for (size_t t = 0; t < 4; t++) {
            OWNED(plan) plan = make_plan_of(model[i], threads[t]);

            assert_true(same_bytes(alone, plan));
            assert_int_equal(calls, i == 2 ? t : 0); /* one thread needs no pool */
        }
    }
    rnnp_plan_destroy(alone);
    for (size_t i = 0; i < 3; i++) {
        rnnp_model_destroy(model[i]);
        rnnp_context_destroy(context[i]);
    }
}

/* ---- Plans made by several threads at once: one gets the team ---- */

enum { MAKERS = 4, PLANS = 5 };

typedef struct maker {
    const rnnp_model *model;
    const rnnp_plan *want;
    int same;
} maker;

static void *make_plans(void *arg)
{
    maker *m = arg;

    m->same = 1;
    for (int i = 0; i < PLANS; i++) {
        OWNED(plan) plan = NULL;

        m->same &= rnnp_plan_create(m->model, NULL, &plan) == RNNP_OK && same_bytes(m->want, plan);
    }
    return NULL;
}

TEST(test_at_once)
{
    OWNED(context) context = make_context(NULL, 3);
    OWNED(model) model = make_large(context);
    OWNED(plan) want = make_plan_of(model, 1);
    maker makers[MAKERS];

    for (size_t i = 0; i < MAKERS; i++) makers[i] = (maker){.model = model, .want = want};
    on_threads(MAKERS, make_plans, makers, sizeof *makers);
    for (size_t i = 0; i < MAKERS; i++) assert_true(makers[i].same);
}
