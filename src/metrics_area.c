/* SPDX-License-Identifier: Apache-2.0
 *
 * Areas under ROC curves of several models on the same rows, with their covariance. The structural components of
 * DeLong, DeLong and Clarke-Pearson (1988) come from one sort for each model (Sun and Xu 2014); rows of one cluster are
 * added up before they are squared (Obuchowski 1997).
 */
#include "rnnpack/metrics.h"

#include "metrics_rows.h"

#include <math.h>

/* The component of each row: the share of rows of the other class that it is on the right side of, ties counting half.
 * The mean over either class is the area. */
static double components(size_t n, const float *score, const int32_t *truth, const double all[2], size_t *scratch,
                         double *v)
{
    const size_t *row = rnnp_rows_by_score(score, n, scratch);
    double seen[2] = {0}, pairs = 0;

    for (size_t i = 0; i < n;) {
        const size_t begin = i;
        double tie[2] = {0};

        for (; i < n && score[row[i]] == score[row[begin]]; i++) tie[truth[row[i]]]++;
        for (size_t k = begin; k < i; k++)
            v[row[k]] = truth[row[k]] ? (all[0] - seen[0] - tie[0] / 2) / all[0] : (seen[1] + tie[1] / 2) / all[1];
        pairs += tie[0] * (seen[1] + tie[1] / 2);
        seen[0] += tie[0];
        seen[1] += tie[1];
    }
    return pairs / (all[0] * all[1]);
}

/* Components minus the area, added up over each cluster: sums[class][clusters]. */
static void add_up(size_t n, const int32_t *truth, const size_t *cluster, size_t clusters, const double *v, double area,
                   double *sums)
{
    for (size_t c = 0; c < 2 * clusters; c++) sums[c] = 0;
    for (size_t i = 0; i < n; i++) sums[(size_t)truth[i] * clusters + cluster[i]] += v[i] - area;
}

/* How many clusters have rows of class 0, of class 1, and of any; `marks` is work memory [clusters]. */
static void count_clusters(size_t n, const int32_t *truth, const size_t *cluster, size_t clusters, double *marks,
                           double counts[3])
{
    counts[0] = counts[1] = counts[2] = 0;
    for (size_t c = 0; c < clusters; c++) marks[c] = 0;
    for (size_t i = 0; i < n; i++) {
        const int mark = (int)marks[cluster[i]];

        marks[cluster[i]] = mark | (truth[i] ? 2 : 1);
    }
    for (size_t c = 0; c < clusters; c++) {
        const int mark = (int)marks[c];

        counts[0] += mark & 1;
        counts[1] += mark >> 1;
        counts[2] += mark != 0;
    }
}

/* Rows that are independent: S10 / M + S01 / N. */
static double of_rows(size_t n, const int32_t *truth, const double all[2], const double *v, const double *w,
                      const double areas[2])
{
    double s[2] = {0};

    for (size_t i = 0; i < n; i++) s[truth[i]] += (v[i] - areas[0]) * (w[i] - areas[1]);
    return s[1] / ((all[1] - 1) * all[1]) + s[0] / ((all[0] - 1) * all[0]);
}

/* Clusters that are independent: S10 / M + S01 / N + 2 S11 / (M N), where each S is that of sums over clusters. */
static double of_clusters(size_t clusters, const double all[2], const double counts[3], const double *v,
                          const double *w)
{
    double s[2] = {0}, both = 0;

    for (size_t c = 0; c < clusters; c++) {
        s[0] += v[c] * w[c];
        s[1] += v[clusters + c] * w[clusters + c];
        both += v[c] * w[clusters + c] + v[clusters + c] * w[c];
    }
    return counts[1] / (counts[1] - 1) * s[1] / (all[1] * all[1]) +
           counts[0] / (counts[0] - 1) * s[0] / (all[0] * all[0]) +
           (counts[2] > 1 ? counts[2] / (counts[2] - 1) : 0) * both / (all[0] * all[1]);
}

static int arguments_are_good(size_t n, size_t models, const float *scores, const int32_t *truth, size_t clusters,
                              const size_t *cluster)
{
    if (!models || !scores || !truth || !rnnp_rows_are_good(truth, NULL, n, 2)) return 0;
    for (size_t i = 0; i < models * n; i++)
        if (isnan(scores[i])) return 0;
    for (size_t i = 0; cluster && i < n; i++)
        if (cluster[i] >= clusters) return 0;
    return 1;
}

rnnp_status rnnp_metrics_delong(size_t n, size_t models, const float *scores, const int32_t *truth, size_t clusters,
                                const size_t *cluster, size_t *scratch, double *work, double *auc, double *covariance)
{
    double all[2] = {0}, counts[3] = {0};

    if (!scratch || !work || !auc || !covariance || !arguments_are_good(n, models, scores, truth, clusters, cluster))
        return RNNP_ERR_ARG;
    for (size_t i = 0; i < n; i++) all[truth[i]]++;
    counts[0] = all[0], counts[1] = all[1];
    if (cluster) count_clusters(n, truth, cluster, clusters, work, counts);
    if (counts[0] < 2 || counts[1] < 2) return RNNP_ERR_ARG;
    double *const sums = work + models * n;
    for (size_t m = 0; m < models; m++) {
        double *const v = work + m * n;

        auc[m] = components(n, scores + m * n, truth, all, scratch, v);
        if (cluster) add_up(n, truth, cluster, clusters, v, auc[m], sums + 2 * m * clusters);
    }
    for (size_t a = 0; a < models; a++)
        for (size_t b = 0; b < models; b++) {
            const double areas[2] = {auc[a], auc[b]};

            covariance[a * models + b] =
                cluster ? of_clusters(clusters, all, counts, sums + 2 * a * clusters, sums + 2 * b * clusters)
                        : of_rows(n, truth, all, work + a * n, work + b * n, areas);
        }
    return RNNP_OK;
}
