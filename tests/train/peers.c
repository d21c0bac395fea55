/* SPDX-License-Identifier: Apache-2.0
 *
 * Trainers that train one model together: threads of this program stand for processes, and mailboxes for the network.
 * Any number of them gives the bits of one alone, and what fails in one fails in all.
 */
#include "network.h"
#include "trainer.h"

/* ---- Processes ---- */

typedef struct process {
    network *net;
    size_t rank, ranks, threads, rows, steps;
    const char *isa;
    int odd;            /* what is not as it should be with this one */
    rnnp_status status; /* of the first call that failed */
    char sentence[256]; /* of it */
    float *values;      /* [n] parameters afterwards, then gradients */
    size_t n;
    rnnp_train_result result;
    uint64_t sent;
} process;

enum {
    NOTHING = 0,
    BAD_TARGET,
    BAD_INPUT,
    ABSENT,
    OTHER_VERSION,
    OTHER_SEED,
    OTHER_RATE,
    OTHER_PULL,
    OTHER_VALUE,
    OTHER_ROWS
};

static rnnp_status note(process *p, const rnnp_context *context, rnnp_status status)
{
    if (p->status != RNNP_OK || status == RNNP_OK) return p->status;
    snprintf(p->sentence, sizeof p->sentence, "%s", rnnp_last_error(context));
    return p->status = status;
}

/* Rows of others are NaN: they are not read. */
static void hide_rows(const process *p, const rnnp_trainer *trainer, data *d)
{
    size_t from, to;
    rnnp_trainer_rows(trainer, p->rows, &from, &to);
    for (size_t r = 0; r < p->rows; r++) {
        if (r >= from && r < to) continue;
        for (size_t t = 0; t < STEPS; t++) d->x[(t * p->rows + r) * INPUT] = NAN;
        d->h0[r * HIDDEN] = NAN;
    }
}

static void change(const process *p, rnnp_trainer *trainer, data *d)
{
    float bias[4 * HIDDEN * 2] = {0};
    size_t from, to;
    rnnp_trainer_rows(trainer, p->rows, &from, &to);
    if (p->odd == BAD_TARGET) d->classes[3] = 77;
    if (p->odd == BAD_INPUT) d->x[from * INPUT] = INFINITY;
    if (p->odd == OTHER_RATE) rnnp_trainer_set_rate(trainer, 0.5f);
    if (p->odd == OTHER_PULL) rnnp_trainer_set_proximal(trainer, 0.5f);
    if (p->odd == OTHER_VALUE) rnnp_trainer_set_parameter(trainer, index_of(trainer, "LSTM", 3), bias);
}

static void *run_process(void *arg)
{
    process *p = arg;
    rnnp_train_options options = default_options();
    rnnp_optimizer adam;
    data *d = malloc(sizeof *d);
    station *s = calloc(1, sizeof *s);
    rnnp_optimizer_init(&adam, RNNP_OPTIMIZER_ADAM);
    adam.rate = 0.02f;
    options.optimizer = &adam;
    options.clip_norm = 0.1f;
    options.l2 = 0.01f;
    options.seed = p->odd == OTHER_SEED;
    if (p->odd == OTHER_ROWS) p->rows -= 1;
    *s = (station){.net = p->net, .rank = p->rank, .ranks = p->ranks};
    if (p->odd == OTHER_VERSION) s->version = "9.";
    setup set = set_up(p->threads, p->isa, 0.2f, &options);
    const rnnp_peers peers = peers_of(s);
    if (p->ranks && p->odd != ABSENT) note(p, set.context, rnnp_trainer_join(set.trainer, &peers));
    rnnp_trainer_freeze(set.trainer, index_of(set.trainer, "LSTM", 1), 1);
    for (size_t i = 0; i < p->steps && p->status == RNNP_OK && p->odd != ABSENT; i++) {
        const size_t rows = p->rows > 3 * i ? p->rows - 3 * i : p->rows;
        make_data(d, rows, (uint32_t)i + 1);
        if (i % 2) d->batch.weights = &d->weight;
        const size_t all = p->rows;
        p->rows = rows;
        hide_rows(p, set.trainer, d);
        if (i == 1) change(p, set.trainer, d);
        p->rows = all;
        p->result.struct_size = sizeof p->result;
        note(p, set.context, rnnp_trainer_step(set.trainer, &d->batch, &p->result));
    }
    p->sent = s->sent;
    if (p->status == RNNP_OK && p->odd != ABSENT) {
        size_t more;
        float *values = all_of(set.trainer, 0, &p->n), *gradient = all_of(set.trainer, 1, &more);
        p->values = malloc((p->n + more) * sizeof *values);
        memcpy(p->values, values, p->n * sizeof *values);
        memcpy(p->values + p->n, gradient, more * sizeof *values);
        p->n += more;
        free(values);
        free(gradient);
    }
    tear_down(&set);
    free(d);
    free(s);
    return NULL;
}

static void run_all(process *p, size_t ranks, const process *like, double patience)
{
    pthread_t thread[MOST_RANKS];
    network net;
    open_network(&net, patience);
    for (size_t k = 0; k < ranks; k++) {
        const int odd = p[k].odd;
        p[k] = *like;
        p[k].odd = odd;
        p[k].net = &net;
        p[k].rank = k;
        p[k].ranks = ranks;
        assert_int_equal(pthread_create(&thread[k], NULL, run_process, &p[k]), 0);
    }
    for (size_t k = 0; k < ranks; k++) pthread_join(thread[k], NULL);
    close_network(&net);
}

/* ---- Tests ---- */

TEST(test_same_bits)
{
    static const size_t rows[] = {1, 16, 17, 50, 100}, counts[] = {1, 2, 3, 4, 5, 7, 8, 9};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        process alone = {.threads = 1, .rows = rows[r], .steps = 3};
        run_process(&alone);
        assert_int_equal(alone.status, RNNP_OK);
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            const size_t ranks = counts[c];
            const process like = {
                .threads = 1 + (c + r) % 2, .rows = rows[r], .steps = 3, .isa = c % 3 == 1 ? "generic" : NULL};
            process p[MOST_RANKS] = {{0}};
            run_all(p, ranks, &like, 20);
            for (size_t k = 0; k < ranks; k++) {
                assert_string_equal(p[k].sentence, "");
                assert_int_equal(p[k].n, alone.n);
                assert_memory_equal(p[k].values, alone.values, alone.n * sizeof *alone.values);
                assert_memory_equal(&p[k].result, &alone.result, sizeof alone.result);
                free(p[k].values);
            }
        }
        free(alone.values);
    }
}

/* Each element of the gradient that is not frozen travels to its owner and back, and little else. */
TEST(test_bytes)
{
    const process like = {.threads = 1, .rows = 64, .steps = 10};
    process p[MOST_RANKS] = {{0}};
    run_all(p, 4, &like, 20);
    const size_t frozen = 4 * HIDDEN * INPUT, live = (p[0].n - frozen) / 2; /* n counts values and gradients */
    for (size_t k = 0; k < 4; k++) {
        const double step = (double)p[k].sent / 10, least = 2 * 0.75 * 4 * (double)live;
        assert_true(step > 0.8 * least && step < 1.2 * least + 3 * 700);
        free(p[k].values);
    }
}

static void fails_everywhere(int odd, rnnp_status status, const char *words)
{
    const process like = {.threads = 1, .rows = 80, .steps = 3};
    process p[MOST_RANKS] = {{0}};
    p[2].odd = odd;
    const int goes_on = odd == ABSENT || odd == OTHER_VERSION; /* it notices nothing, or is not there */
    run_all(p, 4, &like, goes_on ? 0.3 : 20);
    for (size_t k = 0; k < 4; k++) {
        if (goes_on && k == 2) continue;
        if (!strstr(p[k].sentence, words)) fail_msg("rank %zu says: %s", k, p[k].sentence);
        assert_int_equal(p[k].status, status);
        free(p[k].values);
    }
}

TEST(test_failures)
{
    fails_everywhere(BAD_TARGET, RNNP_ERR_ARG, "rank 2: target: row 3");
    fails_everywhere(BAD_INPUT, RNNP_ERR_ARG, "rank 2: input x: row 64, element 0 of it is inf");
    fails_everywhere(ABSENT, RNNP_ERR_IO, "nobody answers");
    fails_everywhere(OTHER_VERSION, RNNP_ERR_STATE, "rank 2 has librnnpack 9.");
    fails_everywhere(OTHER_SEED, RNNP_ERR_STATE, "rank 2 has another penalty, clipping or dropout than rank 0");
    fails_everywhere(OTHER_RATE, RNNP_ERR_ARG, "after 1 steps rank 2 has another learning rate than rank 0");
    fails_everywhere(OTHER_PULL, RNNP_ERR_ARG, "after 1 steps rank 2 has another proximal weight than rank 0");
    fails_everywhere(OTHER_ROWS, RNNP_ERR_ARG, "after 0 steps rank 2 has another number of rows in the batch");
}

/* Parameters are compared in the first step, and then every 64. */
TEST(test_parameters_differ)
{
    const process like = {.threads = 1, .rows = 20, .steps = 70};
    process p[MOST_RANKS] = {{0}};
    p[1].odd = OTHER_VALUE;
    run_all(p, 2, &like, 20);
    assert_non_null(strstr(p[0].sentence, "after 64 steps rank 1 has another value of some parameter than rank 0"));
    assert_int_equal(p[1].status, RNNP_ERR_ARG);
}

/* What fails for want of memory leaves the trainer as it was. */
TEST(test_memory)
{
    rnnp_train_options options = default_options();
    WATCHED heap = {0};
    OWNED(context) context = make_context(&heap, 1);
    OWNED(model) model = classifier(context, 0.2f);
    OWNED(trainer) trainer = make_trainer(model, &options), *alone = make_trainer(model, &options);
    station own = {.ranks = 1};
    const rnnp_peers peers = peers_of(&own);
    size_t failures = 0;
    data d;

    UNTIL_OK(heap, rnnp_trainer_join(trainer, &peers)) failures++;
    assert_int_equal(failures, 4);
    make_data(&d, 50, 3);
    OK(rnnp_trainer_step(alone, &d.batch, NULL));
    UNTIL_OK(heap, rnnp_trainer_step(trainer, &d.batch, NULL)) failures++;
    assert_true(failures > 3);
    assert_same(trainer, alone, 0);
}

/* ---- Late messages ---- */

enum { MOST_RECEIVES = 256 };

/* A transport to another process that says what this one says; one of its calls fails. */
typedef struct mirror {
    size_t calls, fails_at; /* 0: none */
    const void *said;
    size_t said_bytes, n;
    struct {
        void *to; /* NULL: it has ended */
        size_t bytes;
    } receives[MOST_RECEIVES];
} mirror;

static rnnp_status mirror_fails(mirror *m)
{
    assert_true(!m->fails_at || m->calls < m->fails_at);
    return ++m->calls == m->fails_at ? RNNP_ERR_IO : RNNP_OK;
}

static rnnp_status mirror_send(void *user, size_t to, size_t tag, const void *x, size_t bytes, size_t *request)
{
    mirror *m = user;
    (void)to, (void)tag;
    TRY(mirror_fails(m));
    m->said = x;
    m->said_bytes = bytes;
    *request = MOST_RECEIVES;
    return RNNP_OK;
}

static rnnp_status mirror_receive(void *user, size_t from, size_t tag, void *x, size_t bytes, size_t *request)
{
    mirror *m = user;
    (void)from, (void)tag;
    TRY(mirror_fails(m));
    assert_true(m->n < MOST_RECEIVES);
    m->receives[m->n].to = x;
    m->receives[m->n].bytes = bytes;
    *request = m->n++;
    return RNNP_OK;
}

static rnnp_status mirror_wait(void *user, size_t request)
{
    mirror *m = user;
    TRY(mirror_fails(m));
    if (request == MOST_RECEIVES) return RNNP_OK;
    memset(m->receives[request].to, 0, m->receives[request].bytes);
    if (m->said_bytes == m->receives[request].bytes) memcpy(m->receives[request].to, m->said, m->said_bytes);
    m->receives[request].to = NULL;
    return RNNP_OK;
}

static const char *mirror_reason(void *user) { return user ? "the mirror is broken" : NULL; }

/* After an error what was being received may still come, until the trainer is destroyed. */
TEST(test_late_messages)
{
    rnnp_train_options options = default_options();
    rnnp_status status = RNNP_ERR_IO;
    size_t joins = 0, steps = 0;
    data d, larger;
    make_data(&d, 50, 3);
    make_data(&larger, MOST_ROWS, 3);
    for (size_t at = 1; status != RNNP_OK; at++) {
        mirror m = {.fails_at = at};
        DROPPED(tear_down) setup s = set_up(1, NULL, 0.0f, &options);
        const rnnp_peers peers = {.struct_size = sizeof peers,
                                  .ranks = 2,
                                  .user = &m,
                                  .send = mirror_send,
                                  .receive = mirror_receive,
                                  .wait = mirror_wait,
                                  .reason = mirror_reason};
        const rnnp_status joined = rnnp_trainer_join(s.trainer, &peers);
        joins += joined != RNNP_OK;
        status = joined == RNNP_OK ? rnnp_trainer_step(s.trainer, &d.batch, NULL) : joined;
        steps += joined != status;
        if (status == RNNP_OK) continue;
        assert_int_equal(status, RNNP_ERR_IO);
        assert_says(s.context, "the mirror is broken");
        if (joined == RNNP_OK)
            REFUSED(s.context, rnnp_trainer_step(s.trainer, &larger.batch, NULL), RNNP_ERR_STATE, "have failed");
        else
            OK(rnnp_trainer_step(s.trainer, &larger.batch, NULL));
        for (size_t i = 0; i < m.n; i++)
            if (m.receives[i].to) memset(m.receives[i].to, 0xff, m.receives[i].bytes);
    }
    assert_int_equal(joins, 4);
    assert_true(steps > 20);
}

/* ---- Gathering ---- */

typedef struct gathering {
    network *net;
    size_t rank, ranks;
    rnnp_status status;
    uint32_t all[MOST_RANKS][3];
} gathering;

static void *gather(void *arg)
{
    gathering *g = arg;
    station *s = calloc(1, sizeof *s);
    *s = (station){.net = g->net, .rank = g->rank, .ranks = g->ranks};
    const rnnp_peers peers = peers_of(s);
    rnnp_context *context = make_context(NULL, 1);
    for (uint32_t i = 0; i < 3; i++) g->all[g->rank][i] = (uint32_t)(100 * g->rank) + i;
    g->status = rnnp_peers_gather(context, &peers, sizeof g->all[0], g->all);
    rnnp_context_destroy(context);
    free(s);
    return NULL;
}

TEST(test_gather)
{
    for (size_t ranks = 1; ranks <= MOST_RANKS; ranks++) {
        gathering g[MOST_RANKS] = {{0}};
        pthread_t thread[MOST_RANKS];
        network net;
        open_network(&net, 20);
        for (size_t k = 0; k < ranks; k++) {
            g[k].net = &net;
            g[k].rank = k;
            g[k].ranks = ranks;
            assert_int_equal(pthread_create(&thread[k], NULL, gather, &g[k]), 0);
        }
        for (size_t k = 0; k < ranks; k++) pthread_join(thread[k], NULL);
        for (size_t k = 0; k < ranks; k++) {
            assert_int_equal(g[k].status, RNNP_OK);
            for (size_t of = 0; of < ranks; of++)
                for (size_t i = 0; i < 3; i++) assert_int_equal(g[k].all[of][i], 100 * of + i);
        }
        close_network(&net);
    }
}

/* ---- Arguments ---- */

TEST(test_arguments)
{
    rnnp_train_options options = default_options();
    DROPPED(tear_down) setup s = set_up(1, NULL, 0.0f, &options);
    station own = {.ranks = 1};
    rnnp_peers peers = peers_of(&own);
    size_t from, to;
    char byte;

    FAILS(rnnp_trainer_join(NULL, &peers), RNNP_ERR_ARG);
    OK(rnnp_trainer_join(s.trainer, &peers));
    OK(rnnp_trainer_join(s.trainer, NULL));
    peers.wait = NULL;
    REFUSED(s.context, rnnp_trainer_join(s.trainer, &peers), RNNP_ERR_ARG, "a function of rnnp_peers is NULL");
    peers = peers_of(&own);
    peers.rank = 1;
    REFUSED(s.context, rnnp_trainer_join(s.trainer, &peers), RNNP_ERR_ARG, "rank 1 of 1 processes");
    REFUSED(s.context, rnnp_peers_gather(s.context, &peers, 1, &byte), RNNP_ERR_ARG, "rank 1 of 1 processes");
    REFUSED(s.context, rnnp_peers_gather(s.context, NULL, 1, &byte), RNNP_ERR_ARG, "peers is NULL");
    REFUSED(s.context, rnnp_peers_gather(s.context, &peers, 1, NULL), RNNP_ERR_ARG, "all is NULL");
    REFUSED(s.context, rnnp_peers_gather(s.context, &peers, 0, &byte), RNNP_ERR_ARG, "bytes is 0");
    FAILS(rnnp_peers_gather(NULL, &peers, 1, &byte), RNNP_ERR_ARG);
    FAILS(rnnp_trainer_rows(NULL, 1, &from, &to), RNNP_ERR_ARG);
    REFUSED(s.context, rnnp_trainer_rows(s.trainer, 1, NULL, &to), RNNP_ERR_ARG, "from is NULL");
    REFUSED(s.context, rnnp_trainer_rows(s.trainer, 1, &from, NULL), RNNP_ERR_ARG, "to is NULL");
    OK(rnnp_trainer_rows(s.trainer, 35, &from, &to));
    assert_int_equal(from, 0);
    assert_int_equal(to, 35);
}
