/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums that are sent while the backward pass still runs; slices that fail when other processes count on them, and
 * messages that fail.
 */
#include "network.h"
#include "parameters.h"

enum { LAYERS = 3, WIDTH = 48, TIME = 40, KINDS = 5, WORDS = 100, MOST_RANKS_HERE = 4, STEPS = 3 };

/* words [steps][batch] -> table -> LSTMs -> dense, Softmax: all layers but the first are final early. Not so one weight
 * that is below the LSTMs and above them. */
static rnnp_model *text_model(rnnp_context *context)
{
    static const int64_t shape[] = {TIME, RNNP_DYNAMIC};
    static const char *const names[] = {NULL, "batch"};
    FREED float *table = numbers(WORDS * WIDTH, 1, 1.0f), *w = numbers((WIDTH + 1) * KINDS, 2, 0.5f);
    FREED float *twice = numbers(WIDTH * WIDTH, 6, 0.3f);
    const rnnp_tensor weight = {RNNP_DTYPE_F32, 2, {WIDTH, WIDTH}, .data = twice};
    rnnp_model *model = make_model(context);
    rnnp_value y, tied;
    OK(rnnp_model_add_input(model, "words", RNNP_DTYPE_I64, 2, shape, names, &y));
    OK(rnnp_model_add_embedding(model, y, table, WORDS, WIDTH, &y));
    OK(rnnp_model_add_constant(model, "twice", &weight, &tied));
    y = node2(model, "MatMul", y, tied);
    for (uint32_t i = 0; i < LAYERS; i++) {
        DROPPED(free_layer) layer lstm = make_layer(RNNP_CELL_LSTM, WIDTH, WIDTH, RNNP_DIRECTION_FORWARD, i + 3);
        lstm.options.last_step = i + 1 == LAYERS;
        y = add_layer(model, &lstm, y);
    }
    y = node2(model, "MatMul", y, tied);
    OK(rnnp_model_add_dense(model, y, w, WIDTH, KINDS, 0, w + WIDTH * KINDS, "Softmax", &y));
    OK(rnnp_model_add_output(model, "y", y));
    OK(rnnp_model_close(model));
    return model;
}

/* ---- Processes ---- */

typedef struct process {
    network *net; /* NULL: alone */
    size_t rank, ranks, threads, rows;
    int blind;    /* its transport has no test */
    int bad_word; /* in the second step, which is given again afterwards, as it should be */
    size_t cuts_at;
    int was_cut; /* its messages have failed: from then on it was alone */
    rnnp_status status[STEPS + 1];
    char sentence[256];
    float *values; /* [n] */
    size_t n, early;
} process;

static void fill_batch(const process *p, size_t step, int64_t *words, int32_t *kinds)
{
    for (size_t i = 0; i < TIME * p->rows; i++) words[i] = (int64_t)((i * 31 + step * 17) * (i + 7) % WORDS);
    for (size_t r = 0; r < p->rows; r++) kinds[r] = (int32_t)((r + step) % KINDS);
}

/* What is on its way may still be written to the trainer's memory. */
static void go_on_alone(process *p, rnnp_context *context, rnnp_trainer *trainer, const rnnp_train_batch *batch)
{
    assert_string_equal(rnnp_last_error(context), "the network is cut");
    REFUSED(context, rnnp_trainer_step(trainer, batch, NULL), RNNP_ERR_STATE,
            "messages of an earlier step have failed");
    REFUSED(context, rnnp_trainer_evaluate(trainer, batch, NULL), RNNP_ERR_STATE, "join the trainer again");
    OK(rnnp_trainer_join(trainer, NULL));
    p->was_cut = 1;
}

static void train(process *p, rnnp_context *context, rnnp_trainer *trainer)
{
    FREED int64_t *words = calloc(TIME * p->rows, sizeof *words);
    FREED int32_t *kinds = calloc(p->rows, sizeof *kinds);
    const rnnp_tensor in = {RNNP_DTYPE_I64, 2, {TIME, (int64_t)p->rows}, .data = words},
                      target = {RNNP_DTYPE_I32, 1, {(int64_t)p->rows}, .data = kinds};
    const rnnp_train_batch batch = {.struct_size = sizeof batch, .inputs = &in, .n_inputs = 1, .target = &target};
    size_t calls = 0;
    for (size_t step = 0; step < STEPS; step++) {
        size_t from, to;
        fill_batch(p, step, words, kinds);
        OK(rnnp_trainer_rows(trainer, p->rows, &from, &to));
        if (p->bad_word && calls == 1) words[(TIME - 1) * p->rows + from] = WORDS + 5;
        p->status[calls] = rnnp_trainer_step(trainer, &batch, NULL);
        if (p->status[calls] == RNNP_ERR_IO) {
            go_on_alone(p, context, trainer, &batch);
            p->status[calls] = rnnp_trainer_step(trainer, &batch, NULL);
        }
        if (p->status[calls++] == RNNP_OK) continue;
        snprintf(p->sentence, sizeof p->sentence, "%s", rnnp_last_error(context));
        if (calls != 2) return;
        step--;
    }
}

static void *run_process(void *arg)
{
    process *p = arg;
    FREED station *s = calloc(1, sizeof *s);
    rnnp_train_options options;
    rnnp_train_options_init(&options);
    options.threads = p->threads;
    rnnp_context *context = make_context(NULL, p->threads);
    rnnp_model *model = text_model(context);
    rnnp_trainer *trainer;
    OK(rnnp_trainer_create(model, &options, &trainer));
    *s = (station){.net = p->net, .rank = p->rank, .ranks = p->ranks, .blind = p->blind, .cuts_at = p->cuts_at};
    const rnnp_peers peers = peers_of(s);
    if (p->net && rnnp_trainer_join(trainer, &peers) != RNNP_OK) {
        assert_string_equal(rnnp_last_error(context), "the network is cut");
        p->was_cut = 1;
    }
    train(p, context, trainer);
    p->values = all_of(trainer, 0, &p->n);
    p->early = s->last_look - s->first_look;
    rnnp_trainer_destroy(trainer);
    rnnp_model_destroy(model);
    rnnp_context_destroy(context);
    return NULL;
}

static void run_all(process *p, size_t ranks, const process *like)
{
    pthread_t thread[MOST_RANKS_HERE];
    network net;
    open_network(&net, 60);
    for (size_t k = 0; k < ranks; k++) {
        const int bad_word = p[k].bad_word;
        const size_t cuts_at = p[k].cuts_at;
        p[k] = *like;
        p[k].bad_word = bad_word;
        p[k].cuts_at = cuts_at;
        p[k].net = &net;
        p[k].rank = k;
        p[k].ranks = ranks;
        assert_int_equal(pthread_create(&thread[k], NULL, run_process, &p[k]), 0);
    }
    for (size_t k = 0; k < ranks; k++) pthread_join(thread[k], NULL);
    close_network(&net);
}

static process run_alone(size_t rows)
{
    process p = {.threads = 1, .rows = rows};
    run_process(&p);
    return p;
}

/* ---- Tests ---- */

/* One slice for each process; three, which are two nodes; several threads, of which one ends a node. */
TEST(test_early)
{
    static const struct {
        size_t ranks, threads, rows;
    } cases[] = {{2, 1, 32}, {2, 1, 96}, {3, 2, 176}, {2, 3, 160}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const process like = {.threads = cases[i].threads, .rows = cases[i].rows};
        process alone = run_alone(like.rows), p[MOST_RANKS_HERE] = {{0}};
        run_all(p, cases[i].ranks, &like);
        for (size_t k = 0; k < cases[i].ranks; k++) {
            for (size_t step = 0; step < STEPS; step++) assert_int_equal(p[k].status[step], RNNP_OK);
            assert_true(p[k].early > 0);
            assert_memory_equal(p[k].values, alone.values, alone.n * sizeof *alone.values);
            free(p[k].values);
        }
        free(alone.values);
    }
}

TEST(test_transport_without_test)
{
    const process like = {.threads = 2, .rows = 96, .blind = 1};
    process alone = run_alone(like.rows), p[MOST_RANKS_HERE] = {{0}};
    run_all(p, 4, &like);
    for (size_t k = 0; k < 4; k++) {
        assert_int_equal(p[k].early, 0);
        assert_memory_equal(p[k].values, alone.values, alone.n * sizeof *alone.values);
        free(p[k].values);
    }
    free(alone.values);
}

/* Which only its slices can tell. Nothing is lost: the same step, with a good word, goes on. */
TEST(test_slices_fail)
{
    const process like = {.threads = 1, .rows = 96};
    process alone = run_alone(like.rows);
    for (size_t bad = 0; bad < 3; bad++) {
        process p[MOST_RANKS_HERE] = {{0}};
        char words[64];
        p[bad].bad_word = 1;
        snprintf(words, sizeof words, "rank %zu: ", bad);
        run_all(p, 3, &like);
        for (size_t k = 0; k < 3; k++) {
            for (size_t call = 0; call <= STEPS; call++)
                assert_int_equal(p[k].status[call], call == 1 ? RNNP_ERR_ARG : RNNP_OK);
            assert_non_null(strstr(p[k].sentence, words));
            assert_non_null(strstr(p[k].sentence, "index 105"));
            assert_memory_equal(p[k].values, alone.values, alone.n * sizeof *alone.values);
            free(p[k].values);
        }
    }
    free(alone.values);
}

/* At any call, with and without test, also while slices fail: whoever notices goes on alone, to the same bits. */
TEST(test_messages_fail)
{
    process alone = run_alone(48);
    size_t cut = 1;
    for (size_t at = 1; cut; at += 1 + at / 3) {
        const process like = {.threads = 1, .rows = 48, .blind = at % 2 == 0};
        process p[MOST_RANKS_HERE] = {{0}};
        p[at % 3].cuts_at = at;
        p[at % 3].bad_word = at % 5 == 0;
        run_all(p, 3, &like);
        cut = 0;
        for (size_t k = 0; k < 3; k++) {
            cut += (size_t)p[k].was_cut;
            for (size_t step = 0; step < STEPS && at % 5; step++) assert_int_equal(p[k].status[step], RNNP_OK);
            assert_memory_equal(p[k].values, alone.values, alone.n * sizeof *alone.values);
            free(p[k].values);
        }
        if (at < 30) assert_true(cut > 0);
    }
    free(alone.values);
}
