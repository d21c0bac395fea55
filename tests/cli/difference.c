/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors of outputs, decisions, and labels: against values that are computed by hand.
 */
#include "../test.h"
#undef FREED /* the program has its own */
#undef TRY
#include "../../src/cli/difference.h"
#include "../../src/cli/npy.h"

#include <unistd.h>

static rnnp_tensor matrix(const void *data, rnnp_dtype dtype, int64_t rows, int64_t columns)
{
    return (rnnp_tensor){dtype, 2, {rows, columns}, .const_data = data};
}

TEST(test_errors)
{
    enum { N = 2000 };
    static float before[N], after[N];
    const rnnp_tensor a = matrix(before, RNNP_DTYPE_F32, N / 4, 4), b = matrix(after, RNNP_DTYPE_F32, N / 4, 4);
    difference d = {.name = NULL};

    for (size_t i = 0; i < N; i++) before[i] = (float)(i % 4), after[i] = before[i] + (i % 2 ? 0.25f : -0.25f);
    after[3] = 5; /* the largest stays the largest */
    after[7] = 1;
    difference_measure(&a, &b, &d);
    assert_int_equal(d.n, N);
    assert_true(fabs(d.rms - sqrt((1998 * 0.0625 + 4 + 4) / N)) < 1e-12);
    assert_true(d.rms == difference_rms(&a, &b));
    assert_true(d.max == 2);
    assert_true(d.q999 == 0.25); /* two of two thousand are beyond */
    assert_int_equal(d.decisions, N / 4);
    assert_int_equal(d.changed, 1);
    after[0] = 3;
    d = (difference){.name = NULL};
    difference_measure(&a, &b, &d);
    assert_true(d.q999 == 2); /* now three are */
}

TEST(test_not_finite)
{
    const float before[] = {NAN, INFINITY, -INFINITY, 1}, same[] = {NAN, INFINITY, -INFINITY, 1},
                other[] = {NAN, INFINITY, INFINITY, 1}, lost[] = {NAN, INFINITY, -INFINITY, NAN};
    const rnnp_tensor a = matrix(before, RNNP_DTYPE_F32, 4, 1), b = matrix(same, RNNP_DTYPE_F32, 4, 1),
                      c = matrix(other, RNNP_DTYPE_F32, 4, 1), e = matrix(lost, RNNP_DTYPE_F32, 4, 1);

    assert_true(difference_rms(&a, &b) == 0);
    assert_true(isinf(difference_rms(&a, &c)));
    assert_true(isinf(difference_rms(&a, &e)));
    assert_true(isinf(difference_rms(&e, &a)));
}

/* Classes that a model decides itself, and no outputs at all. */
TEST(test_other_outputs)
{
    const int64_t before[] = {1, 2, 3, 4, 5, 6}, after[] = {1, 2, 4, 4, 5, 7};
    const rnnp_tensor a = matrix(before, RNNP_DTYPE_I64, 2, 3), b = matrix(after, RNNP_DTYPE_I64, 2, 3);
    const rnnp_tensor none = matrix(before, RNNP_DTYPE_F32, 0, 3);
    difference d = {.name = NULL}, empty = {.name = NULL};

    difference_measure(&a, &b, &d);
    assert_int_equal(d.decisions, 6);
    assert_int_equal(d.changed, 2);
    assert_true(d.rms == 0 && d.max == 0);
    difference_measure(&none, &none, &empty);
    assert_int_equal(empty.decisions, 0);
    assert_true(empty.rms == 0 && empty.q999 == 0 && empty.max == 0);
}

TEST(test_labels)
{
    const int32_t truth[] = {0, 1, 1, 0};
    const uint8_t three[] = {2, 0, 1};
    const float single[] = {0.1f, 0.4f, 0.9f, 0.6f}, logits[] = {-3, -1, 2, 1},
                pairs[] = {3, 0, 1, 0.5f, 0, 4, 0, 0.25f}, scores[] = {1, 2, 3, 3, 1, 2, 5, 1, 2};
    const rnnp_tensor labels = {RNNP_DTYPE_I32, 1, {4}, .const_data = truth},
                      classes = {RNNP_DTYPE_U8, 1, {3}, .const_data = three};
    const rnnp_tensor a = matrix(single, RNNP_DTYPE_F32, 4, 1), b = matrix(logits, RNNP_DTYPE_F32, 4, 1),
                      c = matrix(pairs, RNNP_DTYPE_F32, 4, 2), e = matrix(scores, RNNP_DTYPE_F32, 3, 3);
    const int32_t ones[] = {1, 1, 1, 1};
    const rnnp_tensor one_class = {RNNP_DTYPE_I32, 1, {4}, .const_data = ones};
    quality q;

    /* scores of class 1: 0.4 and 0.9; of class 0: 0.1 and 0.6. Three of four pairs are in order. */
    assert_int_equal(labels_measure(&labels, &a, &q), CLI_OK);
    assert_true(q.accuracy == 0.5 && q.auc == 0.75);
    assert_int_equal(labels_measure(&labels, &b, &q), CLI_OK);
    assert_true(q.accuracy == 0.5 && q.auc == 0.75);
    /* differences: -3, -0.5, 4, 0.25 */
    assert_int_equal(labels_measure(&labels, &c, &q), CLI_OK);
    assert_true(q.accuracy == 0.5 && q.auc == 0.75);
    assert_int_equal(labels_measure(&classes, &e, &q), CLI_OK);
    assert_true(fabs(q.accuracy - 2.0 / 3) < 1e-15 && isnan(q.auc));
    assert_int_equal(labels_measure(&one_class, &a, &q), CLI_OK);
    assert_true(q.accuracy == 0.5 && isnan(q.auc));
}

/* The first output that scores as many rows, and no other. */
TEST(test_output_of_labels)
{
    static const float numbers[12];
    static const int64_t truth[] = {0, 2, 1, 2}, bad[] = {0, 3, 1, 2};
    rnnp_tensor outputs[] = {matrix(truth, RNNP_DTYPE_I64, 4, 1), matrix(numbers, RNNP_DTYPE_F32, 2, 6),
                             matrix(numbers, RNNP_DTYPE_F32, 4, 3), matrix(numbers, RNNP_DTYPE_F32, 4, 1)};
    const cli_tensors t = {.outputs = outputs, .n_outputs = 4};
    const rnnp_tensor good = {RNNP_DTYPE_I64, 1, {4}, .const_data = truth},
                      wrong = {RNNP_DTYPE_I64, 1, {4}, .const_data = bad};
    char message[NPY_MESSAGE], path[] = "/tmp/rnnpack-labels-XXXXXX";
    rnnp_tensor labels = {.rank = 0};
    size_t output = 9;
    const int fd = mkstemp(path);

    assert_true(fd >= 0);
    close(fd);
    assert_true(npy_write(path, &good, message));
    assert_int_equal(labels_read(path, &t, &labels, &output), CLI_OK);
    assert_int_equal(output, 2);
    free(labels.data);
    labels.data = NULL;
    assert_true(npy_write(path, &wrong, message));
    assert_int_equal(labels_read(path, &t, &labels, &output), CLI_FAILED); /* 3 is no class of that output */
    free(labels.data);
    unlink(path);
}
