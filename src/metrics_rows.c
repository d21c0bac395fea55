/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics_rows.h"

#include <math.h>

double rnnp_weight_sum(const float *weight, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) sum += rnnp_weight_of(weight, i);
    return sum;
}

int rnnp_rows_are_good(const int32_t *truth, const float *weight, size_t n, size_t classes)
{
    for (size_t i = 0; i < n; i++) {
        const double w = rnnp_weight_of(weight, i);

        if (truth[i] < 0 || (size_t)truth[i] >= classes || !(w >= 0 && isfinite(w))) return 0;
    }
    return 1;
}

int rnnp_are_probabilities(const float *p, size_t rows, size_t columns)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            if (!(p[i * columns + j] >= 0 && p[i * columns + j] <= 1)) return 0;
    return 1;
}

/* A bottom-up merge sort between the halves of scratch. */
const size_t *rnnp_rows_by_score(const float *score, size_t n, size_t *scratch)
{
    size_t *from = scratch, *to = scratch + n, sorted = n ? 1 : 0;

    for (size_t i = 0; i < n; i++) from[i] = i;
    while (sorted < n && score[sorted - 1] >= score[sorted]) sorted++;
    if (sorted == n) return from;
    for (size_t run = 1; run < n; run *= 2) {
        for (size_t left = 0; left < n; left += 2 * run) {
            const size_t middle = n - left < run ? n : left + run, end = n - middle < run ? n : middle + run;
            size_t a = left, b = middle;

            for (size_t i = left; i < end; i++)
                to[i] = b == end || (a < middle && score[from[a]] >= score[from[b]]) ? from[a++] : from[b++];
        }
        size_t *other = from;
        from = to;
        to = other;
    }
    return from;
}
