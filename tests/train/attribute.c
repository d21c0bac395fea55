/* SPDX-License-Identifier: Apache-2.0
 *
 * Attributions: known values, completeness of many models, a signal that was planted and must be found, and the same
 * bits on every instruction set, for any number of threads and in any batch.
 */
#include "../isas.h"
#include "explain.h"

ONE_CONTEXT(2)

static explained e, other;

#define assert_near(got, want, most)                                                              \
    do {                                                                                          \
        const double got_ = (got), want_ = (want);                                                \
        if (!(fabs(got_ - want_) <= (most))) fail_msg("%s is %.9g, not %.9g", #got, got_, want_); \
    } while (0)

/* ---- Known values ---- */

/* y = x w: all methods give w_i (x_i - b_i). */
TEST(test_linear)
{
    OWNED(model) model = make_graph(context, "x: f32[batch,3]; w = f32[3,2]{1,-2, 0.5,4, 3,0}; y = MatMul(x, w); -> y");
    float x[] = {1, 2, 3, -4, 0.5f, 6}, b[] = {0.5f, 0, -1};
    const double w[3][2] = {{1, -2}, {0.5, 4}, {3, 0}};
    const rnnp_tensor in = {RNNP_DTYPE_F32, 2, {2, 3}, .data = x}, base = {RNNP_DTYPE_F32, 2, {1, 3}, .data = b};
    const size_t targets[] = {1, 0};

    for (int m = 0; m <= RNNP_ATTRIBUTION_OCCLUSION; m++) {
        rnnp_attribution_options o = method((rnnp_attribution_method)m);
        OK(explain(model, &o, &in, 1, &base, targets, &e));
        for (size_t r = 0; r < 2; r++) {
            double sum = 0;
            for (size_t i = 0; i < 3; i++) {
                const double want = w[i][targets[r]] * ((double)x[3 * r + i] - (double)b[i]);
                assert_near((double)e.a[0][3 * r + i], want, 1e-5);
                sum += want;
            }
            assert_near(e.rows[r].score - e.rows[r].baseline_score, sum, 1e-5);
            assert_near(e.rows[r].sum, sum, 1e-5);
            assert_int_equal(e.rows[r].target, targets[r]);
            assert_true(e.rows[r].complete);
        }
        assert_int_equal(e.rows[0].points, m == RNNP_ATTRIBUTION_INTEGRATED ? 16
                                           : m == RNNP_ATTRIBUTION_GRADIENT ? 1
                                                                            : 3);
    }
}

/* y = x0 x1 x2 from 0: integrated gives each a third of it, gradient times input and occlusion give each all of it. */
TEST(test_product)
{
    OWNED(model)
    model = make_graph(context, "x: f32[batch,3]; a, b, c = Split(x, axis=1); ab = Mul(a, b); y = Mul(ab, c); -> y");
    float x[] = {2, -3, 0.5f};
    const rnnp_tensor in = {RNNP_DTYPE_F32, 2, {1, 3}, .data = x};
    rnnp_attribution_options o = method(RNNP_ATTRIBUTION_INTEGRATED);

    o.points = 4; /* exact up to degree 7 */
    OK(explain(model, &o, &in, 1, NULL, NULL, &e));
    for (size_t i = 0; i < 3; i++) assert_near((double)e.a[0][i], -1, 1e-6);
    assert_true(e.rows[0].complete);
    assert_int_equal(e.rows[0].points, 4);
    o = method(RNNP_ATTRIBUTION_GRADIENT);
    OK(explain(model, &o, &in, 1, NULL, NULL, &e));
    for (size_t i = 0; i < 3; i++) assert_near((double)e.a[0][i], -3, 1e-6);
    assert_near(e.rows[0].residual, -6, 1e-5);
    assert_false(e.rows[0].complete);
    o = method(RNNP_ATTRIBUTION_OCCLUSION);
    OK(explain(model, &o, &in, 1, NULL, NULL, &e));
    for (size_t i = 0; i < 3; i++) assert_near((double)e.a[0][i], -3, 1e-6);
}

/* The quadrature: x^n from 0 has the integral of n x^(n-1), which four points have right to n - 1 = 7 and no more. */
TEST(test_quadrature)
{
    for (int n = 2; n <= 9; n++) {
        float x[] = {1};
        const rnnp_tensor in = {RNNP_DTYPE_F32, 2, {1, 1}, .data = x};
        rnnp_attribution_options o = method(RNNP_ATTRIBUTION_INTEGRATED);

        OWNED(model) model = make_graph(context, "x: f32[batch,1]; n = f32[1]{%d}; y = Pow(x, n); -> y", n);
        o.points = 4;
        OK(explain(model, &o, &in, 1, NULL, NULL, &e));
        if (n <= 8)
            assert_near(e.rows[0].sum, 1, 1e-6);
        else
            assert_true(fabs(e.rows[0].sum - 1) > 5e-6);
    }
}

/* A kink in the middle of a panel: points are doubled until the row is complete, or there are no more. */
TEST(test_points)
{
    OWNED(model) model = make_graph(context, "x: f32[batch,1]; c = f32[1]{-0.7}; s = Add(x, c); y = Relu(s); -> y");
    float x[] = {1, 0.1f};
    const rnnp_tensor in = {RNNP_DTYPE_F32, 2, {2, 1}, .data = x};
    rnnp_attribution_options o = method(RNNP_ATTRIBUTION_INTEGRATED);

    OK(explain(model, &o, &in, 1, NULL, NULL, &e));
    assert_true(e.rows[0].complete);
    assert_true(fabs(e.rows[0].residual) <= 0.01 * 0.3 + 1e-6);
    assert_int_equal(e.rows[1].points, 16); /* 0 all the way: decided row by row */
    assert_near(e.rows[1].sum, 0, 0);
    o.tolerance = 1e-7;
    o.most_points = 64;
    OK(explain(model, &o, &in, 1, NULL, NULL, &e));
    assert_int_equal(e.rows[0].points, 64);
    assert_false(e.rows[0].complete);
    assert_true(fabs(e.rows[0].residual) < 0.02);
}

/* Scores of one output: its elements, what its Softmax or Sigmoid reads, probabilities of logits. */
TEST(test_scores)
{
    OWNED(model) soft = make_graph(context, "x: f32[batch,3]; y = Softmax(x, axis=1); -> y");
    OWNED(model) logits = make_graph(context, "x: f32[batch,3]; y = Identity(x); -> y");
    OWNED(model) logs = make_graph(context, "x: f32[batch,3]; y = LogSoftmax(x, axis=1); -> y");
    OWNED(model) one = make_graph(context, "x: f32[batch,1]; y = Identity(x); -> y");
    float x[] = {0.25f, 2, -1, 300, 0, -800};
    const rnnp_tensor in = {RNNP_DTYPE_F32, 2, {2, 3}, .data = x}, first = {RNNP_DTYPE_F32, 2, {2, 1}, .data = x};
    const double sum = exp(0.25) + exp(2) + exp(-1), p = exp(2) / sum;
    rnnp_attribution_options o = method(RNNP_ATTRIBUTION_INTEGRATED);

    OK(explain(soft, &o, &in, 1, NULL, NULL, &e));
    assert_int_equal(e.rows[0].target, 1);
    assert_int_equal(e.rows[1].target, 0);
    assert_near(e.rows[0].score, p, 1e-6);
    assert_near(e.rows[0].baseline_score, 1.0 / 3, 1e-6);
    o.score = RNNP_SCORE_PROBABILITY;
    OK(explain(logits, &o, &in, 1, NULL, NULL, &other));
    assert_near(other.rows[0].score, p, 1e-12);
    for (size_t i = 0; i < 3; i++) assert_near((double)other.a[0][i], (double)e.a[0][i], 1e-6);
    OK(explain(logs, &o, &in, 1, NULL, NULL, &other));
    assert_near(other.rows[0].score, p, 1e-12);
    OK(explain(one, &o, &first, 1, NULL, NULL, &other));
    assert_near(other.rows[0].score, 1 / (1 + exp(-0.25)), 1e-12);
    assert_near(other.rows[1].score, 1 / (1 + exp(-2)), 1e-12);
    o.score = RNNP_SCORE_LOGIT;
    OK(explain(soft, &o, &in, 1, NULL, NULL, &e));
    assert_near(e.rows[0].score, 2, 0);
    assert_near((double)e.a[0][1], 2, 1e-6);
    assert_near((double)e.a[0][0], 0, 0);
    OK(explain(logits, &o, &in, 1, NULL, NULL, &e));
    assert_near(e.rows[1].score, 300, 0);
}

/* ---- Completeness ---- */

static const char *const models[] = {
    ("x: f32[steps,batch,3]; y = lstm[3,8](x); z = ReduceMean(y, axes={0}, keepdims=0); w = f32[8,4]~5; v = MatMul(z, "
     "w);"
     "p = Softmax(v, axis=1); -> p"),
    ("x: f32[steps,batch,3]; y = gru[3,8](x, both); -> y"),
    ("x: f32[batch,steps,3]; y = rnn[3,8](x, first); -> y"),
    ("x: f32[steps,batch,3]; y = gru[3,6]#2(x, before); z = lstm[6,5]#3(y, reverse); s = Sigmoid(z); -> s"),
    ("x: f32[batch,3,steps]; w = f32[4,3,3]~7*0.5; y = Conv(x, w); r = Relu(y); m = MaxPool(r, kernel_shape={2});"
     "g = ReduceMean(m, axes={2}, keepdims=0); -> g"),
};

TEST(test_completeness)
{
    FREED float *x = numbers(21 * 10 * 3, 5, 1.5f), *b = numbers(10 * 3, 6, 0.5f);
    double worst = 0;

    for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
        OWNED(model) model = make_graph(context, "%s", models[m]);
        const int first = strstr(models[m], "x: f32[batch") != NULL, ncw = strstr(models[m], "Conv") != NULL;
        const rnnp_tensor in = first ? ncw ? tensor3(x, 21, 3, 10) : tensor3(x, 21, 10, 3) : tensor3(x, 10, 21, 3);
        const rnnp_tensor base = first ? ncw ? tensor3(b, 1, 3, 10) : tensor3(b, 1, 10, 3) : tensor3(b, 10, 1, 3);
        for (int score = 0; score <= RNNP_SCORE_PROBABILITY; score++) {
            rnnp_attribution_options o = method(RNNP_ATTRIBUTION_INTEGRATED);
            o.score = (rnnp_score)score;
            OK(explain(model, &o, &in, 1, &base, NULL, &e));
            for (size_t r = 0; r < 21; r++) {
                const rnnp_attribution_row *row = &e.rows[r];
                const double difference = row->score - row->baseline_score;
                assert_true(row->complete);
                assert_near(row->residual, row->sum - difference, 1e-12);
                assert_near(sum_of(&e, &in, r, 21, first ? 30 : 3), row->sum, 1e-5 * (1 + fabs(row->sum)));
                assert_true(fabs(row->residual) <= 0.01 * fabs(difference) + row->rounding);
                assert_true(row->rounding < 1e-4);
                if (fabs(difference) > 1e-3) worst = fmax(worst, fabs(row->residual / difference));
            }
        }
    }
    print_message("largest residual of %zu models: %.2g %%\n", sizeof models / sizeof *models, 100 * worst);
    assert_true(worst <= 0.01);
}

/* Scores are what a run gives, bit by bit. */
TEST(test_scores_of_runs)
{
    OWNED(model) model = make_graph(context, "%s", models[1]);
    OWNED(plan) plan = make_plan(model);
    FREED float *x = numbers(10 * 21 * 3, 5, 1.5f);
    const rnnp_tensor in = tensor3(x, 10, 21, 3);
    DROPPED(free_outputs) produced o = run_plan(plan, &in, 1);
    const float *y = o.out[0].data;
    const rnnp_attribution_options options = method(RNNP_ATTRIBUTION_OCCLUSION);

    OK(o.status);
    OK(explain(model, &options, &in, 1, NULL, NULL, &e));
    for (size_t r = 0; r < 21; r++) {
        const size_t target = e.rows[r].target, at = (target / 16 * 21 + r) * 16 + target % 16;
        assert_true(e.rows[r].score == (double)y[at]);
        for (size_t k = 0; k < 10 * 16; k++) assert_true(y[(k / 16 * 21 + r) * 16 + k % 16] <= y[at]);
    }
}

/* ---- Occlusion ---- */

/* A window is one channel for some steps; its elements share what the score loses. */
TEST(test_windows)
{
    OWNED(model)
    model = make_graph(context, "x: f32[batch,steps,2]; y = ReduceSum(x, {1,2}, keepdims=0); -> y");
    float x[14];
    const rnnp_tensor in = tensor3(x, 1, 7, 2);
    rnnp_attribution_options o = method(RNNP_ATTRIBUTION_OCCLUSION);

    for (size_t i = 0; i < 14; i++) x[i] = (float)(i + 1);
    o.window = 3;
    OK(explain(model, &o, &in, 1, NULL, NULL, &e));
    assert_int_equal(e.rows[0].points, 6); /* of steps 0-2, 3-5 and 6, in two channels */
    for (size_t t = 0; t < 7; t++) {
        for (size_t c = 0; c < 2; c++) {
            const double want = t == 6 ? 13 + (double)c : 2 * (double)(t / 3 * 3 + 1) + 1 + (double)c;
            assert_near((double)e.a[0][2 * t + c], want, 1e-4);
        }
    }
    o.window = 100; /* all steps of a channel */
    OK(explain(model, &o, &in, 1, NULL, NULL, &e));
    assert_int_equal(e.rows[0].points, 2);
    assert_near((double)e.a[0][0], 7, 1e-4);
    assert_near((double)e.a[0][1], 8, 1e-4);
    o.window = 2;
    o.time_axis = RNNP_AXIS(2); /* as if the two channels were steps */
    OK(explain(model, &o, &in, 1, NULL, NULL, &e));
    assert_int_equal(e.rows[0].points, 7);
    assert_near((double)e.a[0][0], 1.5, 1e-4);
}

/* ---- Lengths, several inputs ---- */

/* Steps behind a row's length are given nothing, an initial state has its own attributions, and lengths have none. */
TEST(test_lengths)
{
    static const char text[] =
        "x: f32[steps,batch,2]; n: i32[batch]; h: f32[1,batch,4]; y, l = gru[2,4](x, n, h); -> l";
    enum { ROWS = 5, TIME = 6 };
    OWNED(model) model = make_graph(context, "%s", text);
    FREED float *x = numbers(TIME * ROWS * 2, 3, 1), *h = numbers(ROWS * 4, 4, 0.5f);
    static float ax[TIME * ROWS * 2], ah[ROWS * 4];
    int32_t lengths[ROWS] = {6, 0, 3, 1, 5};
    const rnnp_tensor in[] = {
        tensor3(x, TIME, ROWS, 2), {RNNP_DTYPE_I32, 1, {ROWS}, .data = lengths}, tensor3(h, 1, ROWS, 4)};
    rnnp_tensor out[3] = {{.data = ax}, {.data = NULL}, {.data = ah}};
    rnnp_attribution_row rows[ROWS];

    for (int m = 0; m <= RNNP_ATTRIBUTION_OCCLUSION; m++) {
        const rnnp_attribution_options o = method((rnnp_attribution_method)m);
        OWNED_NEW(attribution, attribution, model, &o);
        const rnnp_attribution_batch batch = {
            .struct_size = sizeof batch, .inputs = in, .n_inputs = 3, .attributions = out, .rows = rows};
        OK(rnnp_attribution_run(attribution, &batch));
        assert_int_equal(out[2].rank, 3);
        for (size_t r = 0; r < ROWS; r++) {
            double sum = 0;
            for (size_t i = 0; i < TIME * 2; i++) {
                const float a = ax[(i / 2 * ROWS + r) * 2 + i % 2];
                if ((int32_t)i / 2 >= lengths[r]) assert_true(a == 0);
                if ((int32_t)i / 2 < lengths[r]) assert_true(a != 0);
                sum += (double)a;
            }
            for (size_t i = 0; i < 4; i++) sum += (double)ah[r * 4 + i];
            assert_near(sum, rows[r].sum, 1e-6);
            if (m == RNNP_ATTRIBUTION_INTEGRATED) assert_true(rows[r].complete);
        }
    }
}

/* ---- A planted signal ---- */

enum { PLANTED_ROWS = 64, PLANTED_STEPS = 24, PLANTED_CHANNELS = 4, CHANNEL = 2, FROM = 10, TO = 14 };

/* Noise, and in one channel for some steps a level that decides the class. */
static void plant(float *x, int32_t *classes, uint32_t seed)
{
    fill(x, PLANTED_STEPS * PLANTED_ROWS * PLANTED_CHANNELS, seed, 1.0f);
    for (size_t r = 0; r < PLANTED_ROWS; r++) {
        classes[r] = (int32_t)(r * 7 % 13 % 2);
        for (size_t t = FROM; t < TO; t++)
            x[(t * PLANTED_ROWS + r) * PLANTED_CHANNELS + CHANNEL] += classes[r] ? 1.2f : -1.2f;
    }
}

TEST(test_planted)
{
    static float x[PLANTED_STEPS * PLANTED_ROWS * PLANTED_CHANNELS];
    int32_t classes[PLANTED_ROWS];
    OWNED(model)
    untrained =
        make_graph(context, "x: f32[steps,batch,4]; y = lstm[4,12](x, both);"
                            "m = ReduceMax(y, axes={0}, keepdims=0); w = f32[24,2]~5*0.1; v = MatMul(m, w); -> v");
    OWNED(model) model = NULL;
    rnnp_optimizer adam;
    OPTIONS(train, options);
    rnnp_train_result result = {.struct_size = sizeof result};
    const rnnp_tensor in = tensor3(x, PLANTED_STEPS, PLANTED_ROWS, PLANTED_CHANNELS);
    const rnnp_tensor target = {RNNP_DTYPE_I32, 1, {PLANTED_ROWS}, .data = classes};
    const rnnp_train_batch batch = {.struct_size = sizeof batch, .inputs = &in, .n_inputs = 1, .target = &target};

    rnnp_optimizer_init(&adam, RNNP_OPTIMIZER_ADAM);
    adam.rate = 0.02f;
    options.optimizer = &adam;
    OWNED_NEW(trainer, trainer, untrained, &options);
    OK(rnnp_trainer_initialize(trainer, 1));
    for (uint32_t step = 0; step < 150; step++) {
        plant(x, classes, step + 10);
        OK(rnnp_trainer_step(trainer, &batch, &result));
    }
    OK(rnnp_trainer_model(trainer, &model));
    plant(x, classes, 1); /* not seen */
    OK(rnnp_trainer_evaluate(trainer, &batch, &result));
    assert_true(result.loss < 0.2);
    for (int m = 0; m <= RNNP_ATTRIBUTION_OCCLUSION; m++) {
        rnnp_attribution_options o = method((rnnp_attribution_method)m);
        double inside = 0, channel = 0, all = 0;
        size_t found = 0;
        o.window = 1;
        OK(explain(model, &o, &in, 1, NULL, NULL, &e));
        for (size_t r = 0; r < PLANTED_ROWS; r++) {
            double best = 0;
            size_t at = 0;
            for (size_t i = 0; i < PLANTED_STEPS * PLANTED_CHANNELS; i++) {
                const size_t t = i / PLANTED_CHANNELS, c = i % PLANTED_CHANNELS;
                const double a = (double)e.a[0][(t * PLANTED_ROWS + r) * PLANTED_CHANNELS + c];
                all += fabs(a);
                channel += c == CHANNEL ? fabs(a) : 0;
                inside += c == CHANNEL && t >= FROM && t < TO ? fabs(a) : 0;
                if (a > best) {
                    best = a;
                    at = i;
                }
            }
            found += at % PLANTED_CHANNELS == CHANNEL && at / PLANTED_CHANNELS >= FROM && at / PLANTED_CHANNELS < TO;
            if (m == RNNP_ATTRIBUTION_INTEGRATED) assert_true(e.rows[r].complete);
        }
        print_message("method %d: the largest is in the planted place in %zu of %d rows; it has %.0f %% of all, its "
                      "channel %.0f %%\n",
                      m, found, PLANTED_ROWS, 100 * inside / all, 100 * channel / all);
        /* The place is 1/24 of all numbers. Gradients at the row itself are small where the model is sure. */
        if (m != RNNP_ATTRIBUTION_GRADIENT) {
            assert_true(found >= PLANTED_ROWS * 9 / 10);
            assert_true(inside > 0.3 * all);
            assert_true(channel > 0.6 * all);
        }
        assert_true(inside > 4 * all / 24 && found > PLANTED_ROWS * 7 / 10);
    }
}

/* ---- The same bits ---- */

TEST(test_bits)
{
    enum { ROWS = 37, TIME = 9, N = TIME * ROWS * 3 };
    FREED float *x = numbers(N, 5, 1.5f), *b = numbers(N, 6, 0.5f);
    const rnnp_tensor in = tensor3(x, TIME, ROWS, 3), base = tensor3(b, TIME, ROWS, 3);

    for (int m = 0; m <= RNNP_ATTRIBUTION_OCCLUSION; m++) {
        rnnp_attribution_options o = method((rnnp_attribution_method)m);
        o.score = RNNP_SCORE_PROBABILITY;
        o.tolerance = 1e-4; /* rows take different numbers of points */
        {
            OWNED(model) model = make_graph(context, "%s", models[0]);
            OK(explain(model, &o, &in, 1, &base, NULL, &e));
        }
        for (size_t isa = 0; build_isa(isa); isa++) {
            for (size_t threads = 1; threads <= 3; threads += 2) {
                OWNED(context) capped = capped_context(NULL, build_isa(isa), threads);
                OWNED(model) model = make_graph(capped, "%s", models[0]);
                OK(explain(model, &o, &in, 1, &base, NULL, &other));
                assert_memory_equal(e.a[0], other.a[0], N * sizeof *x);
                for (size_t r = 0; r < ROWS; r++) {
                    assert_true(memcmp(&e.rows[r].sum, &other.rows[r].sum, sizeof(double)) == 0);
                    assert_int_equal(e.rows[r].points, other.rows[r].points);
                }
            }
        }
        OWNED(model) model = make_graph(context, "%s", models[0]); /* every row alone */
        for (size_t r = 0; r < ROWS; r++) {
            float one[TIME * 3], one_b[TIME * 3];
            const rnnp_tensor in1 = tensor3(one, TIME, 1, 3), base1 = tensor3(one_b, TIME, 1, 3);
            for (size_t i = 0; i < TIME * 3; i++) {
                one[i] = x[(i / 3 * ROWS + r) * 3 + i % 3];
                one_b[i] = b[(i / 3 * ROWS + r) * 3 + i % 3];
            }
            OK(explain(model, &o, &in1, 1, &base1, NULL, &other));
            for (size_t i = 0; i < TIME * 3; i++)
                assert_true(memcmp(&other.a[0][i], &e.a[0][(i / 3 * ROWS + r) * 3 + i % 3], sizeof(float)) == 0);
            assert_int_equal(other.rows[0].points, e.rows[r].points);
        }
    }
}
