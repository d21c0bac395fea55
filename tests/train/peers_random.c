/* SPDX-License-Identifier: Apache-2.0
 *
 * Models, batches, numbers of processes and threads, frozen parameters and faults at random: the bits are those of one
 * process, and an error of one is the same error of all.
 */
#include "network.h"
#include "parameters.h"

enum { CASES = 40, STEPS = 4, LAYERS = 3, WORDS = 30, KINDS = 3, MOST_TIME = 40, MOST_WIDTH = 16, MOST_ROWS = 300 };

typedef struct step {
    size_t rows, time, bad_rank; /* bad_rank: its word is bad at first; SIZE_MAX: nobody's */
    uint32_t frozen;             /* bit i: parameter i */
} step;

typedef struct recipe {
    size_t seed, width, layers, ranks;
    int tied, recompute;
    float dropout;
    step step[STEPS];
} recipe;

typedef struct process {
    const recipe *recipe;
    network *net; /* NULL: alone */
    size_t rank, threads;
    int blind;
    rnnp_status failed[STEPS];
    char sentence[STEPS][128];
    float *values; /* [n] of all steps */
    size_t n;
} process;

static size_t pick(size_t *state, size_t n)
{
    *state = *state * 1664525 + 1013904223;
    return (*state & UINT32_MAX) / 64 % n;
}

static recipe make_recipe(size_t seed)
{
    static const size_t most[] = {20, 90, MOST_ROWS};
    size_t s = seed * 7919;
    recipe p = {.seed = seed, .width = 1 + pick(&s, MOST_WIDTH), .layers = 1 + pick(&s, LAYERS)};
    p.ranks = 1 + pick(&s, MOST_RANKS);
    p.tied = (int)pick(&s, 2);
    p.recompute = (int)pick(&s, 2);
    p.dropout = pick(&s, 2) ? 0.3f : 0.0f;
    for (size_t i = 0; i < STEPS; i++) {
        step *to = &p.step[i];
        *to = (step){1 + pick(&s, most[pick(&s, 3)]), 1 + pick(&s, MOST_TIME), SIZE_MAX, 0};
        if (pick(&s, 2)) to->frozen = (uint32_t)(pick(&s, 1 << 15) & pick(&s, 1 << 15));
        if (pick(&s, 3) == 0) to->bad_rank = pick(&s, p.ranks);
    }
    return p;
}

/* words [time][batch] -> table -> layers -> dense, Softmax. Tied: below the layers and above them the same weight,
 * once as a view, so that its gradient is final only in the end. */
static rnnp_model *random_model(const recipe *p, rnnp_context *context)
{
    static const int64_t shape[] = {RNNP_DYNAMIC, RNNP_DYNAMIC};
    static const char *const names[] = {"time", "batch"};
    const int64_t square[] = {(int64_t)p->width, (int64_t)p->width};
    rnnp_model *model = make_model(context);
    size_t s = p->seed, width = p->width;
    rnnp_value y, w;
    FREED float *table = numbers(WORDS * width, 1, 1.0f), *twice = numbers(width * width, 2, 0.4f);
    const rnnp_tensor weight = {RNNP_DTYPE_F32, 2, {square[0], square[1]}, .data = twice};
    OK(rnnp_model_add_input(model, "words", RNNP_DTYPE_I64, 2, shape, names, &y));
    OK(rnnp_model_add_embedding(model, y, table, WORDS, width, &y));
    OK(rnnp_model_add_constant(model, "twice", &weight, &w));
    if (p->tied) y = node1(model, "Tanh", node2(model, "MatMul", y, w));
    for (size_t i = 0; i < p->layers; i++) {
        static const rnnp_cell cells[] = {RNNP_CELL_RNN, RNNP_CELL_LSTM, RNNP_CELL_GRU};
        const int both = pick(&s, 2) && !p->tied;
        const rnnp_direction direction = both ? RNNP_DIRECTION_BIDIRECTIONAL : RNNP_DIRECTION_REVERSE;
        const size_t hidden = p->tied ? width : 1 + pick(&s, MOST_WIDTH);
        DROPPED(free_layer) layer l = make_layer(cells[pick(&s, 3)], width, hidden, direction, (uint32_t)i + 3);
        l.options.last_step = i + 1 == p->layers;
        y = add_layer(model, &l, y);
        width = hidden * directions_of(&l);
        if (p->dropout > 0) OK(rnnp_model_add_dropout(model, y, p->dropout, &y));
    }
    if (p->tied) y = node2(model, "MatMul", y, node2(model, "Reshape", w, ints(model, square, 2)));
    FREED float *dense = numbers((width + 1) * KINDS, 9, 0.5f);
    OK(rnnp_model_add_dense(model, y, dense, width, KINDS, 0, dense + width * KINDS, "Softmax", &y));
    close_with(model, "y", y);
    return model;
}

/* ---- Processes ---- */

/* After those of the steps before. */
static void keep_values(process *p, const rnnp_trainer *trainer)
{
    size_t n;
    FREED float *values = all_of(trainer, 0, &n);
    p->values = realloc(p->values, (p->n + n) * sizeof *values);
    assert_non_null(p->values);
    memcpy(p->values + p->n, values, n * sizeof *values);
    p->n += n;
}

static void take_step(process *p, const rnnp_context *context, rnnp_trainer *trainer, size_t number)
{
    const step *s = &p->recipe->step[number];
    const size_t n = s->time * s->rows;
    FREED int64_t *words = malloc(n * sizeof *words);
    FREED int32_t *kinds = malloc(s->rows * sizeof *kinds);
    const rnnp_tensor in = {RNNP_DTYPE_I64, 2, {(int64_t)s->time, (int64_t)s->rows}, .data = words},
                      target = {RNNP_DTYPE_I32, 1, {(int64_t)s->rows}, .data = kinds};
    const rnnp_train_batch batch = {.struct_size = sizeof batch, .inputs = &in, .n_inputs = 1, .target = &target};
    size_t from, to;
    for (size_t i = 0; i < n; i++) words[i] = (int64_t)((i * 31 + number * 17) * (i + 7) % WORDS);
    for (size_t r = 0; r < s->rows; r++) kinds[r] = (int32_t)((r + number) % KINDS);
    for (size_t i = 0; i < rnnp_trainer_parameter_count(trainer); i++)
        OK(rnnp_trainer_freeze(trainer, i, (int)(s->frozen >> i & 1)));
    OK(rnnp_trainer_rows(trainer, s->rows, &from, &to));
    if (p->net && s->bad_rank != SIZE_MAX) {
        const int64_t good = words[n - s->rows + from % s->rows];
        const int mine = p->rank == s->bad_rank;
        if (mine && from < to) words[n - s->rows + from] = WORDS; /* slices tell */
        if (mine && from == to) kinds[0] = KINDS;                 /* it has none, so before them */
        p->failed[number] = rnnp_trainer_step(trainer, &batch, NULL);
        snprintf(p->sentence[number], sizeof p->sentence[number], "%s", rnnp_last_error(context));
        words[n - s->rows + from % s->rows] = good;
        kinds[0] = (int32_t)(number % KINDS);
    }
    OK(rnnp_trainer_step(trainer, &batch, NULL));
    keep_values(p, trainer);
}

static void *run_process(void *arg)
{
    process *p = arg;
    FREED station *s = calloc(1, sizeof *s);
    OPTIONS(train, options);
    options.threads = p->threads;
    options.recompute = p->recipe->recompute;
    options.recurrent_dropout = p->recipe->dropout;
    OWNED(context) context = make_context(NULL, p->threads);
    OWNED(model) model = random_model(p->recipe, context);
    OWNED_NEW(trainer, trainer, model, &options);
    *s = (station){.net = p->net, .rank = p->rank, .ranks = p->recipe->ranks, .blind = p->blind, .unsure = p->rank + 1};
    const rnnp_peers peers = peers_of(s);
    if (p->net) OK(rnnp_trainer_join(trainer, &peers));
    for (size_t i = 0; i < STEPS; i++) {
        take_step(p, context, trainer, i);
        assert_int_equal(s->open, 0);
    }
    return NULL;
}

TEST(test_random)
{
    for (size_t seed = 1; seed <= CASES; seed++) {
        const recipe of = make_recipe(seed);
        process alone = {.recipe = &of, .threads = 1}, p[MOST_RANKS];
        pthread_t thread[MOST_RANKS];
        network net;
        size_t luck = seed;
        run_process(&alone);
        open_network(&net, 60);
        for (size_t k = 0; k < of.ranks; k++) {
            p[k] = (process){.recipe = &of, .net = &net, .rank = k, .threads = 1 + pick(&luck, 3)};
            p[k].blind = pick(&luck, 4) == 0;
            assert_int_equal(pthread_create(&thread[k], NULL, run_process, &p[k]), 0);
        }
        for (size_t k = 0; k < of.ranks; k++) pthread_join(thread[k], NULL);
        close_network(&net);
        for (size_t k = 0; k < of.ranks; k++) {
            if (p[k].n != alone.n || memcmp(p[k].values, alone.values, alone.n * sizeof *alone.values) != 0)
                fail_msg("case %zu: rank %zu has other values", seed, k);
            for (size_t i = 0; i < STEPS; i++) {
                assert_int_equal(p[k].failed[i], of.step[i].bad_rank == SIZE_MAX ? RNNP_OK : RNNP_ERR_ARG);
                assert_string_equal(p[k].sentence[i], p[0].sentence[i]);
            }
            free(p[k].values);
        }
        free(alone.values);
    }
}
