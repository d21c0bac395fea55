/* SPDX-License-Identifier: Apache-2.0
 *
 * Models with lengths in a stream: each step's lengths say how many of its time steps a channel takes, and what comes
 * out is what a run over padded sequences gives. Lengths that mean anything else are refused with the reason.
 */
#include "../model/graph.h"
#include "rnnpack/train.h"

enum { STEPS = 8, BATCH = 4, INPUT = 3, HIDDEN = 6, CLASSES = 2 };

ONE_CONTEXT(1)

/* Two layers with lengths; a number per step, and classes of the last valid step. */
static rnnp_model *make_tagger(void)
{
    return make_graph(context, "x: f32[steps, batch, 3]; lengths: i32[batch]; a = lstm[3,6]#1(x, lengths);"
                               "y, h = gru[6,6]#2(a, lengths); p = Softmax(MatMul(h, f32[6,2]~3*0.5), axis=-1);"
                               "-> y, p");
}

typedef struct results {
    float y[STEPS * BATCH * HIDDEN], p[BATCH * CLASSES];
} results;

static void run_whole(const rnnp_plan *plan, const float *x, const int32_t *lengths, results *r)
{
    const rnnp_tensor in[] = {tensor3(x, STEPS, BATCH, INPUT), {RNNP_DTYPE_I32, 1, {BATCH}, .const_data = lengths}};
    rnnp_tensor out[] = {{.data = r->y}, {.data = r->p}};

    OWNED_NEW(run, run, plan, in, 2);
    OK(rnnp_run_execute(run, in, 2, out, 2));
}

/* What is left of a channel's sequence, of this call's steps. */
static int32_t left(int32_t length, size_t t, size_t steps)
{
    const int32_t rest = length - (int32_t)t;

    return rest < 0 ? 0 : rest > (int32_t)steps ? (int32_t)steps : rest;
}

/* Channels that have come to their end are now among the waiting, now of length 0. */
static void step_through(const rnnp_plan *plan, size_t steps, int waits, const float *x, const int32_t *lengths,
                         results *r)
{
    OWNED(stream) stream = make_stream(plan, BATCH, steps);

    memset(r, 0, sizeof *r);
    for (size_t t = 0; t < STEPS; t += steps) {
        int32_t now[BATCH];
        uint8_t active[BATCH];
        const rnnp_tensor in[] = {tensor3(x + t * BATCH * INPUT, (int64_t)steps, BATCH, INPUT),
                                  {RNNP_DTYPE_I32, 1, {BATCH}, .data = now}};
        rnnp_tensor out[] = {{.data = r->y + t * BATCH * HIDDEN}, {.data = r->p}};

        for (size_t b = 0; b < BATCH; b++) {
            now[b] = left(lengths[b], t, steps);
            active[b] = (uint8_t)(now[b] > 0 || t == 0);
            if (waits && !active[b]) now[b] = (int32_t)steps;
        }
        OK(waits ? rnnp_stream_step_rows(stream, active, in, 2, out, 2) : rnnp_stream_step(stream, in, 2, out, 2));
    }
}

static void compare(const rnnp_model *model)
{
    static const int32_t lengths[][BATCH] = {{8, 8, 8, 8}, {5, 0, 8, 3}, {1, 7, 2, 6}};
    FREED float *x = numbers(STEPS * BATCH * INPUT, 5, 1.0f);
    OWNED(plan) plan = make_plan(model);
    results whole, stepped;

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        run_whole(plan, x, lengths[i], &whole);
        for (size_t steps = 1; steps <= STEPS; steps *= 2) {
            for (int waits = 0; waits < 2; waits++) {
                step_through(plan, steps, waits, x, lengths[i], &stepped);
                assert_memory_equal(&stepped, &whole, sizeof whole);
            }
        }
    }
}

TEST(test_same_bits)
{
    OWNED(model) model = make_tagger();

    compare(model);
}

/* What a trainer makes of it streams as well. */
TEST(test_trained)
{
    enum { ROWS = 9 };
    OWNED(model) model = make_tagger(), *trained = NULL;
    OPTIONS(train, options);
    rnnp_train_result result = {.struct_size = sizeof result};
    FREED float *x = numbers(STEPS * ROWS * INPUT, 8, 1.0f);
    int32_t lengths[ROWS], classes[ROWS];
    const rnnp_tensor in[] = {tensor3(x, STEPS, ROWS, INPUT), {RNNP_DTYPE_I32, 1, {ROWS}, .data = lengths}};
    const rnnp_tensor target = {RNNP_DTYPE_I32, 2, {1, ROWS}, .data = classes};
    const rnnp_train_batch batch = {.struct_size = sizeof batch, .inputs = in, .n_inputs = 2, .target = &target};

    for (int32_t r = 0; r < ROWS; r++) {
        lengths[r] = 1 + r % STEPS;
        classes[r] = r % CLASSES;
    }
    options.output = 1;
    options.loss = RNNP_LOSS_SPARSE;
    OWNED_NEW(trainer, trainer, model, &options);
    for (int i = 0; i < 5; i++) OK(rnnp_trainer_step(trainer, &batch, &result));
    OK(rnnp_trainer_model(trainer, &trained));
    compare(trained);
}

TEST(test_out_of_range)
{
    OWNED(model) model = make_tagger();
    OWNED(plan) plan = make_plan(model);
    OWNED(stream) stream = make_stream(plan, BATCH, 2);
    float x[2 * BATCH * INPUT] = {0}, y[2 * BATCH * HIDDEN], p[BATCH * CLASSES];
    int32_t lengths[BATCH] = {2, 3, 1, 0};
    const rnnp_tensor in[] = {tensor3(x, 2, BATCH, INPUT), {RNNP_DTYPE_I32, 1, {BATCH}, .data = lengths}};
    rnnp_tensor out[] = {{.data = y}, {.data = p}};

    REFUSED(context, rnnp_stream_step(stream, in, 2, out, 2), RNNP_ERR_ARG, "sequence_lens[1] is 3, there are 2 steps");
    lengths[1] = -1;
    assert_int_equal(rnnp_stream_step(stream, in, 2, out, 2), RNNP_ERR_ARG);
}

/* ---- Lengths that are more than an input of recurrent layers ---- */

TEST(test_refused)
{
    static const char x[] = "x: f32[steps, batch, 3]; lengths: i32[batch]; n = Identity(lengths);";
    static const char *const cases[][3] = {
        {"x: f32[?,4,3];", "a, h = gru[3,6]#2(x, i32[4]{1, 2, 3, 4}); -> h", "has constant lengths of whole sequences"},
        {x, "a, h = gru[3,6]#2(x, Max(n, i32{1})); -> h", "computes the lengths of sequences, which must be an input"},
        {x, "a, h = gru[3,6]#2(x, n); -> y = Div(h, Unsqueeze(Cast(n, to=1), {1}))",
         "computes with the lengths of whole sequences"},
        {x, "a, h = gru[3,6]#2(x, n); -> h, n", "output n is the lengths of whole sequences"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        OWNED(model) model = make_graph(context, "%s%s", cases[i][0], cases[i][1]);
        OWNED(plan) plan = make_plan(model);
        OPTIONS(stream, options);
        rnnp_stream *stream;

        options.batch = BATCH;
        REFUSED(context, rnnp_stream_create(plan, &options, &stream), RNNP_ERR_UNSUPPORTED, cases[i][2]);
    }
}
