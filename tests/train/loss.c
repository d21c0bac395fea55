/* SPDX-License-Identifier: Apache-2.0
 *
 * Losses and their gradients against formulas in double, on every ISA with the same bits: extreme logits, smoothing,
 * class weights, masks, and bad targets.
 */
#include "src/train/loss.h"
#include "tests/isas.h"
#include "tests/model/build.h"

#include <float.h>

enum { MOST = 700 * 8 }; /* numbers of a case; more items and classes than a chunk has */

typedef struct loss_case {
    rnnp_loss kind;
    size_t n, k;
    float scale; /* of the outputs */
    float smoothing;
    int class_weights, weights; /* weights: some are 0 */
    rnnp_dtype dtype;           /* SPARSE */
} loss_case;

static const loss_case cases[] = {
    {RNNP_LOSS_MSE, 5, 3, 4, 0, 0, 0, RNNP_DTYPE_F32},
    {RNNP_LOSS_MSE, 7, 1, 1e4f, 0, 0, 1, RNNP_DTYPE_F32},
    {RNNP_LOSS_MAE, 5, 3, 4, 0, 0, 0, RNNP_DTYPE_F32},
    {RNNP_LOSS_MAE, 70, 1, 1e4f, 0, 0, 1, RNNP_DTYPE_F32},
    {RNNP_LOSS_HUBER, 5, 3, 4, 0, 0, 0, RNNP_DTYPE_F32}, /* differences on both sides of delta */
    {RNNP_LOSS_HUBER, 70, 9, 2, 0, 0, 1, RNNP_DTYPE_F32},
    {RNNP_LOSS_BINARY, 9, 1, 3, 0, 0, 0, RNNP_DTYPE_F32},
    {RNNP_LOSS_BINARY, 700, 1, 30, 0.1f, 1, 1, RNNP_DTYPE_F32},
    {RNNP_LOSS_BINARY, 16, 1, 1e4f, 0, 1, 0, RNNP_DTYPE_F32},
    {RNNP_LOSS_CROSS, 6, 5, 3, 0, 0, 0, RNNP_DTYPE_F32},
    {RNNP_LOSS_CROSS, 6, 5, 3, 0.2f, 1, 1, RNNP_DTYPE_F32},
    {RNNP_LOSS_CROSS, 4, 1030, 8, 0, 1, 1, RNNP_DTYPE_F32},
    {RNNP_LOSS_CROSS, 8, 4, 1e4f, 0.1f, 0, 0, RNNP_DTYPE_F32},
    {RNNP_LOSS_SPARSE, 11, 2, 3, 0, 0, 0, RNNP_DTYPE_I32},
    {RNNP_LOSS_SPARSE, 11, 7, 3, 0.1f, 1, 1, RNNP_DTYPE_I64},
    {RNNP_LOSS_SPARSE, 4, 1111, 20, 0, 0, 1, RNNP_DTYPE_I64},
    {RNNP_LOSS_SPARSE, 8, 4, 1e4f, 0, 0, 0, RNNP_DTYPE_I32},
    {RNNP_LOSS_SPARSE, 8, 4, 1e4f, 0.3f, 1, 0, RNNP_DTYPE_I32},
    {RNNP_LOSS_SPARSE, 3, 1, 5, 0, 0, 0, RNNP_DTYPE_I32},
    {RNNP_LOSS_SPARSE, 0, 3, 1, 0, 0, 0, RNNP_DTYPE_I32},
};

/* A case with its numbers; targets of all kinds. */
typedef struct numbers_of {
    rnnp_loss_spec spec;
    rnnp_loss_items items;
    float y[MOST], t[MOST], weight[MOST], class_weights[MOST];
    int32_t i32[MOST];
    int64_t i64[MOST];
} numbers_of;

static void make(const loss_case *c, numbers_of *a)
{
    const int sparse = c->kind == RNNP_LOSS_SPARSE;

    assert_true(c->n * c->k <= MOST);
    fill(a->y, c->n * c->k, 7, c->scale);
    fill(a->t, c->n * c->k, 11, 0.5f);
    fill(a->weight, c->n, 13, 2);
    fill(a->class_weights, c->kind == RNNP_LOSS_BINARY ? 2 : c->k, 17, 1);
    for (size_t i = 0; i < c->n; i++) {
        double sum = 0;

        a->i32[i] = (int32_t)(i * 5 % c->k);
        a->i64[i] = a->i32[i];
        a->weight[i] = a->weight[i] < 0 ? 0 : a->weight[i];
        for (size_t j = 0; j < c->k; j++) {
            float *t = &a->t[i * c->k + j];

            *t = rnnp_loss_of_numbers(c->kind) ? *t : *t + 0.5f < 0.2f ? 0 : *t + 0.5f;
            sum += (double)*t;
        }
        for (size_t j = 0; c->kind == RNNP_LOSS_CROSS && j < c->k; j++)
            a->t[i * c->k + j] = (float)((double)a->t[i * c->k + j] / sum * 1.0005); /* nearly a distribution */
        if (c->kind == RNNP_LOSS_BINARY && i % 3) a->t[i] = (float)(i % 3 - 1);
    }
    for (size_t j = 0; j < MOST; j++) a->class_weights[j] = fabsf(a->class_weights[j]) + 0.1f;
    a->spec = (rnnp_loss_spec){c->kind, c->smoothing, c->class_weights ? a->class_weights : NULL, c->k, 0.75f};
    a->items = (rnnp_loss_items){c->n, a->y, a->t, c->dtype, c->weights ? a->weight : NULL};
    if (sparse) a->items.target = c->dtype == RNNP_DTYPE_I64 ? (const void *)a->i64 : a->i32;
}

/* ---- The formulas of train.h, as they stand there ---- */

static double target(const numbers_of *a, size_t i, size_t j)
{
    return a->spec.kind == RNNP_LOSS_SPARSE ? (size_t)a->i32[i] == j : (double)a->t[i * a->spec.k + j];
}

static double item_weight(const numbers_of *a, size_t i)
{
    const double w = a->items.weight ? (double)a->weight[i] : 1, t = target(a, i, 0);
    double mean = 0;

    if (!a->spec.class_weights) return w;
    if (a->spec.kind == RNNP_LOSS_BINARY)
        return w * ((1 - t) * (double)a->class_weights[0] + t * (double)a->class_weights[1]);
    for (size_t j = 0; j < a->spec.k; j++) mean += target(a, i, j) * (double)a->class_weights[j];
    return w * mean;
}

static double item_loss(const numbers_of *a, size_t i, const double *y)
{
    const size_t k = a->spec.k;
    const double s = (double)a->spec.smoothing;
    double l = 0, sum = 0, most = y[0];

    for (size_t j = 0; rnnp_loss_of_numbers(a->spec.kind) && j < k; j++) {
        const double d = y[j] - target(a, i, j), delta = (double)a->spec.delta;

        l += (a->spec.kind == RNNP_LOSS_MSE   ? d * d
              : a->spec.kind == RNNP_LOSS_MAE ? fabs(d)
              : fabs(d) <= delta              ? 0.5 * d * d
                                              : delta * (fabs(d) - 0.5 * delta)) /
             (double)k;
    }
    if (rnnp_loss_of_numbers(a->spec.kind)) return l;
    if (a->spec.kind == RNNP_LOSS_BINARY) {
        const double t = (1 - s) * target(a, i, 0) + s / 2;
        const double log_p = y[0] > 0 ? -log1p(exp(-y[0])) : y[0] - log1p(exp(y[0]));
        const double log_not = y[0] > 0 ? -y[0] - log1p(exp(-y[0])) : -log1p(exp(y[0]));

        return -t * log_p - (1 - t) * log_not;
    }
    for (size_t j = 0; j < k; j++) most = fmax(most, y[j]);
    for (size_t j = 0; j < k; j++) sum += exp(y[j] - most);
    for (size_t j = 0; j < k; j++) l -= ((1 - s) * target(a, i, j) + s / (double)k) * ((y[j] - most) - log(sum));
    return l;
}

static double *row_of(const numbers_of *a, size_t i, double *y)
{
    for (size_t j = 0; j < a->spec.k; j++) y[j] = (double)a->y[i * a->spec.k + j];
    return y;
}

/* ---- Tests ---- */

static void check_case(const loss_case *c, const rnnp_selection *select)
{
    static numbers_of a;
    static float dy[MOST];
    double y[MOST], sum = 1, weight = 2, alone = 3, expected = 0, expected_weight = 0;
    const float scale = 0.37f;

    make(c, &a);
    assert_int_equal(rnnp_loss_check(&a.spec, &a.items, select), c->n);
    for (size_t i = 0; i < c->n; i++) {
        expected_weight += item_weight(&a, i);
        expected += item_weight(&a, i) * item_loss(&a, i, row_of(&a, i, y));
    }
    rnnp_loss_add(&a.spec, &a.items, select, &sum, &weight);
    rnnp_loss_weight(&a.spec, &a.items, &alone);
    assert_true(fabs(weight - 2 - expected_weight) <= 1e-12 * expected_weight);
    assert_true(fabs(alone - 3 - expected_weight) <= 1e-12 * expected_weight);
    assert_true(fabs(sum - 1 - expected) <= 1e-6 * expected + 1e-15);

    memset(dy, 0xff, sizeof dy);
    rnnp_loss_back(&a.spec, &a.items, select, scale, dy);
    for (size_t i = 0; i < c->n; i++) {
        const double w = (double)scale * item_weight(&a, i);

        row_of(&a, i, y);
        for (size_t j = 0; j<c->k; j += c->k> 100 ? 97 : 1) {
            const double at = y[j], h = 1e-5 * (rnnp_loss_of_numbers(c->kind) ? (double)c->scale : 1);
            double up, down;

            y[j] = at + h;
            up = item_loss(&a, i, y);
            y[j] = at - h;
            down = item_loss(&a, i, y);
            y[j] = at;
            assert_true(fabs((double)dy[i * c->k + j] - w * (up - down) / (2 * h)) <=
                        1e-5 * w * (rnnp_loss_of_numbers(c->kind) ? (double)c->scale : 1));
        }
    }
}

TEST(test_formulas)
{
    for (size_t b = 0; b < build_isas(); b++) {
        OWNED(context) context = capped_context(NULL, build_isa(b), 1);

        for (size_t i = 0; context && i < sizeof cases / sizeof *cases; i++) check_case(&cases[i], &context->selection);
    }
}

TEST(test_same_bits)
{
    OWNED(context) generic = capped_context(NULL, build_isa(0), 1);
    static numbers_of a;
    static float first[MOST], dy[MOST];

    assert_non_null(generic);
    for (size_t b = 1; b < build_isas(); b++) {
        OWNED(context) context = capped_context(NULL, build_isa(b), 1);

        for (size_t i = 0; context && i < sizeof cases / sizeof *cases; i++) {
            double sums[2][2] = {{0}};

            make(&cases[i], &a);
            rnnp_loss_add(&a.spec, &a.items, &generic->selection, &sums[0][0], &sums[0][1]);
            rnnp_loss_add(&a.spec, &a.items, &context->selection, &sums[1][0], &sums[1][1]);
            assert_memory_equal(sums[0], sums[1], sizeof sums[0]);
            rnnp_loss_back(&a.spec, &a.items, &generic->selection, 0.1f, first);
            rnnp_loss_back(&a.spec, &a.items, &context->selection, 0.1f, dy);
            if (cases[i].n) assert_memory_equal(first, dy, cases[i].n * cases[i].k * sizeof *dy);
        }
    }
}

static void near(double value, double expected) { assert_true(fabs(value - expected) <= 1e-6 * fabs(expected)); }

/* Where a loss by way of p would be 0, infinite or all rounding. */
TEST(test_extremes)
{
    OWNED(context) context = capped_context(NULL, NULL, 1);
    const rnnp_selection *select = &context->selection;
    const float sure[] = {20, 0, -1}, far[] = {1e4f, -1e4f, 0}, infinite[] = {0, -INFINITY, 1};
    const int32_t zero[] = {0}, one[] = {1};
    const float t1[] = {1}, t0[] = {0}, y40[] = {40}, y1e4[] = {-1e4f}, nan3[] = {0, NAN, 1};
    const rnnp_loss_spec sparse = {RNNP_LOSS_SPARSE, 0, NULL, 3, 0}, binary = {RNNP_LOSS_BINARY, 0, NULL, 1, 0};
    float dy[3];
    double l, w;

#define LOSS(spec, y, t, type) \
    (l = w = 0, rnnp_loss_add(&spec, &(rnnp_loss_items){1, y, t, type, NULL}, select, &l, &w), l)
    near(LOSS(sparse, sure, zero, RNNP_DTYPE_I32), log1p(exp(-20) + exp(-21)));
    assert_true(LOSS(sparse, far, zero, RNNP_DTYPE_I32) == 0);
    assert_true(LOSS(sparse, far, one, RNNP_DTYPE_I32) == 2e4);
    near(LOSS(sparse, infinite, zero, RNNP_DTYPE_I32), log1p(exp(1)));
    assert_true(isinf(LOSS(sparse, infinite, one, RNNP_DTYPE_I32)));
    assert_true(isnan(LOSS(sparse, nan3, zero, RNNP_DTYPE_I32)));
    near(LOSS(binary, y40, t1, RNNP_DTYPE_F32), exp(-40));
    assert_true(LOSS(binary, y40, t0, RNNP_DTYPE_F32) == 40);
    assert_true(LOSS(binary, y1e4, t0, RNNP_DTYPE_F32) == 0);
    assert_true(LOSS(binary, y1e4, t1, RNNP_DTYPE_F32) == 1e4);
    rnnp_loss_back(&sparse, &(rnnp_loss_items){1, far, one, RNNP_DTYPE_I32, NULL}, select, 1, dy);
    assert_true(dy[0] == 1 && dy[1] == -1 && dy[2] == 0);
}

/* What is masked may hold anything. */
TEST(test_masks)
{
    OWNED(context) context = capped_context(NULL, NULL, 1);
    const rnnp_selection *select = &context->selection;
    const float weight[] = {1, 0, 2}, y[] = {1, 2, NAN, INFINITY, 3, 5};
    const int64_t class[] = {0, INT64_MIN, 1};
    const float t[] = {0.25f, 0.75f, NAN, 7, 1, 0};

    for (int kind = RNNP_LOSS_SPARSE; kind <= RNNP_LOSS_HUBER; kind++) {
        const size_t k = kind == RNNP_LOSS_BINARY ? 1 : 2;
        const int has_classes = !rnnp_loss_of_numbers((rnnp_loss)kind);
        const float masked[] = {1, NAN, 2}, bt[] = {1, NAN, 0}, ones[] = {1, 1};
        const rnnp_loss_spec spec = {(rnnp_loss)kind, has_classes ? 0.1f : 0, has_classes ? ones : NULL, k, 1};
        rnnp_loss_items all = {3, k == 1 ? masked : y, k == 1 ? bt : t, RNNP_DTYPE_F32, weight}, unmasked;
        double l = 0, w = 0;
        float dy[6];

        if (kind == RNNP_LOSS_SPARSE) {
            all.target = class;
            all.target_dtype = RNNP_DTYPE_I64;
        }
        unmasked = all;
        unmasked.weight = NULL;
        assert_int_equal(rnnp_loss_check(&spec, &all, select), 3);
        assert_int_equal(rnnp_loss_check(&spec, &unmasked, select), 1);
        rnnp_loss_add(&spec, &all, select, &l, &w);
        assert_true(isfinite(l) && l > 0 && w == 3);
        rnnp_loss_back(&spec, &all, select, 1, dy);
        for (size_t j = 0; j < k; j++) assert_true(dy[k + j] == 0);
        assert_true(dy[0] != 0 && dy[2 * k] != 0);
    }
}

TEST(test_bad_targets)
{
    OWNED(context) context = capped_context(NULL, NULL, 1);
    const rnnp_selection *select = &context->selection;
    const float large_sum[] = {FLT_MAX, FLT_MAX};
    const float bad_weight[][2] = {{1, -1}, {1, NAN}, {1, INFINITY}};
    const struct {
        rnnp_loss kind;
        size_t k;
        float t[4];
        const char *words;
    } bad[] = {
        {RNNP_LOSS_MSE, 2, {1, 2, 3, NAN}, "target nan at 1 is not finite"},
        {RNNP_LOSS_MSE, 2, {1, 2, INFINITY, 0}, "target inf at 0 is not finite"},
        {RNNP_LOSS_MAE, 2, {1, 2, INFINITY, 0}, "target inf at 0 is not finite"},
        {RNNP_LOSS_HUBER, 2, {1, 2, 3, NAN}, "target nan at 1 is not finite"},
        {RNNP_LOSS_BINARY, 1, {1, 1.5f}, "target 1.5 at 0 is not in [0, 1]"},
        {RNNP_LOSS_BINARY, 1, {1, NAN}, "is not in [0, 1]"},
        {RNNP_LOSS_CROSS, 2, {0, 1, 1.25f, -0.25f}, "target 1.25 at 0 is not in [0, 1]"},
        {RNNP_LOSS_CROSS, 2, {0, 1, 0.5f, 0.25f}, "sum is 0.75 and not 1"},
    };
    const int32_t class[] = {0, 5}, negative[] = {4, -1};
    const int64_t large[] = {0, INT64_C(1) << 32};
    const void *classes[] = {class, negative, large};
    char text[128];

    assert_int_equal(rnnp_loss_check(&(rnnp_loss_spec){RNNP_LOSS_MSE, 0, NULL, 2, 0},
                                     &(rnnp_loss_items){1, NULL, large_sum, RNNP_DTYPE_F32, NULL}, select),
                     1);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const rnnp_loss_spec spec = {bad[i].kind, 0, NULL, bad[i].k, 1};
        const rnnp_loss_items items = {2, bad[i].t, bad[i].t, RNNP_DTYPE_F32, NULL};

        assert_int_equal(rnnp_loss_check(&spec, &items, select), 1);
        rnnp_loss_describe(&spec, &items, 1, text, sizeof text);
        assert_non_null(strstr(text, bad[i].words));
    }
    for (size_t i = 0; i < 3; i++) {
        const rnnp_loss_spec spec = {RNNP_LOSS_SPARSE, 0, NULL, 5, 0};
        const rnnp_loss_items items = {2, NULL, classes[i], i == 2 ? RNNP_DTYPE_I64 : RNNP_DTYPE_I32, NULL};
        const rnnp_loss_items weighted = {2, NULL, (const int32_t[]){0, 1}, RNNP_DTYPE_I32, bad_weight[i]};

        assert_int_equal(rnnp_loss_check(&spec, &items, select), 1);
        rnnp_loss_describe(&spec, &items, 1, text, sizeof text);
        assert_non_null(strstr(text, "is not in [0, 5)"));
        assert_int_equal(rnnp_loss_check(&spec, &weighted, select), 1);
        rnnp_loss_describe(&spec, &weighted, 1, text, sizeof text);
        assert_non_null(strstr(text, "is not a finite number >= 0"));
    }
}
