/* SPDX-License-Identifier: Apache-2.0
 *
 * Quality of a classifier, and how far it can be trusted (metrics.h). An empty span of weights is all 1; without
 * clusters each row is alone.
 */
#ifndef RNNPACK_CPP_METRICS_HPP
#define RNNPACK_CPP_METRICS_HPP

#include "rnnpack/cpp/base.hpp"
#include "rnnpack/metrics.h"

RNNP_CPP_BEGIN

namespace detail {
/* Whether p has `each` elements for each row of truth, and weight one or none. */
inline bool fits(span<const float> p, size_t each, span<const int32_t> truth, span<const float> weight)
{
    return each && p.size() % each == 0 && p.size() / each == truth.size() &&
           (weight.empty() || weight.size() == truth.size());
}
} // namespace detail

/* Adds a batch p [n][classes] to a confusion matrix counts [classes][classes]. */
inline result<void> confusion(size_t classes, span<const float> p, span<const int32_t> truth, span<double> counts,
                              span<const float> weight = {})
{
    if (!detail::fits(p, classes, truth, weight) || counts.size() % classes || counts.size() / classes != classes)
        return detail::fail<void>(RNNP_ERR_SHAPE, "p, truth, weight and counts do not fit together");
    return detail::check(nullptr, rnnp_metrics_confusion(truth.size(), classes, p.data(), truth.data(),
                                                         weight.empty() ? nullptr : weight.data(), counts.data()));
}

struct class_report {
    std::vector<rnnp_class_metrics> classes;
    with_size<rnnp_summary_metrics> summary;
};
/* Evaluates a confusion matrix [classes][classes]. */
inline result<class_report> classes(size_t n, span<const double> counts)
{
    if (!n || counts.size() % n || counts.size() / n != n)
        return detail::fail<class_report>(RNNP_ERR_SHAPE, "counts has " + std::to_string(counts.size()) + " elements");
    class_report report;
    report.classes.resize(n);
    const rnnp_status status = rnnp_metrics_classes(n, counts.data(), report.classes.data(), &report.summary);
    return detail::value_of(nullptr, status, std::move(report));
}

struct ranking_report {
    double roc_auc = 0, average_precision = 0;
    std::vector<rnnp_curve_point> curve;
};
/* The ROC and precision-recall curves of scores, and the areas under them. */
inline result<ranking_report> ranking(span<const float> score, span<const int32_t> truth, span<const float> weight = {})
{
    if (!detail::fits(score, 1, truth, weight))
        return detail::fail<ranking_report>(RNNP_ERR_SHAPE, "score, truth and weight differ in size");
    ranking_report report;
    std::vector<size_t> scratch(2 * truth.size());
    report.curve.resize(truth.size() + 1);
    size_t points = 0;
    const rnnp_status status =
        rnnp_metrics_ranking(truth.size(), score.data(), truth.data(), weight.empty() ? nullptr : weight.data(),
                             scratch.data(), &report.roc_auc, &report.average_precision, report.curve.data(), &points);
    report.curve.resize(points);
    return detail::value_of(nullptr, status, std::move(report));
}

/* The Brier score: p [n] of class 1 for two classes, otherwise [n][classes]. */
inline result<double> brier(size_t classes, span<const float> p, span<const int32_t> truth,
                            span<const float> weight = {})
{
    if (!detail::fits(p, classes == 2 ? 1 : classes, truth, weight))
        return detail::fail<double>(RNNP_ERR_SHAPE, "p, truth and weight do not fit together");
    return detail::get<double>(nullptr, [&](double *d) {
        return rnnp_metrics_brier(truth.size(), classes, p.data(), truth.data(),
                                  weight.empty() ? nullptr : weight.data(), d);
    });
}

struct calibration_report {
    std::vector<rnnp_calibration_bin> bins;
    double ece = 0; /* expected calibration error */
};
/* The reliability diagram of class 1. */
inline result<calibration_report> calibration(size_t bins, span<const float> p, span<const int32_t> truth,
                                              span<const float> weight = {})
{
    if (!detail::fits(p, 1, truth, weight))
        return detail::fail<calibration_report>(RNNP_ERR_SHAPE, "p, truth and weight differ in size");
    calibration_report report;
    report.bins.resize(bins);
    const rnnp_status status =
        rnnp_metrics_calibration(truth.size(), bins, p.data(), truth.data(), weight.empty() ? nullptr : weight.data(),
                                 report.bins.data(), &report.ece);
    return detail::value_of(nullptr, status, std::move(report));
}

/* What follows from calling rows positive from each of some thresholds on. */
inline result<std::vector<rnnp_decision>> decisions(span<const float> p, span<const int32_t> truth,
                                                    span<const double> thresholds, span<const float> weight = {})
{
    if (!detail::fits(p, 1, truth, weight))
        return detail::fail<std::vector<rnnp_decision>>(RNNP_ERR_SHAPE, "p, truth and weight differ in size");
    std::vector<rnnp_decision> found(thresholds.size());
    const rnnp_status status =
        rnnp_metrics_decisions(truth.size(), p.data(), truth.data(), weight.empty() ? nullptr : weight.data(),
                               thresholds.size(), thresholds.data(), found.data());
    return detail::value_of(nullptr, status, std::move(found));
}

/* The interval of an estimate with this variance, and the two-sided p value of a true value of 0. */
struct normal_report {
    rnnp_interval interval = {0, 0};
    double p_value = 0;
};
inline result<normal_report> normal(double estimate, double variance, double confidence = 0.95)
{
    normal_report report;
    const rnnp_status status = rnnp_metrics_normal(estimate, variance, confidence, &report.interval, &report.p_value);
    return detail::value_of(nullptr, status, std::move(report));
}

/* Wilson's interval of a share of n rows. */
inline result<rnnp_interval> wilson(double share, double n, double confidence = 0.95)
{
    return detail::get<rnnp_interval>(nullptr,
                                      [&](rnnp_interval *at) { return rnnp_metrics_wilson(share, n, confidence, at); });
}

/* Rows that belong together: the cluster of each row, and how many clusters there are. */
struct clusters {
    span<const size_t> of = {};
    size_t count = 0;
};

struct areas_report {
    std::vector<double> auc, covariance; /* [models], [models][models] */
};
/* Areas under the ROC curves of models, scores [models][n], and their covariance. */
inline result<areas_report> delong(size_t models, span<const float> scores, span<const int32_t> truth, clusters by = {})
{
    const size_t n = truth.size();
    if (!models || scores.size() % models || scores.size() / models != n || (!by.of.empty() && by.of.size() != n))
        return detail::fail<areas_report>(RNNP_ERR_SHAPE, "scores, truth and clusters do not fit together");
    areas_report report;
    std::vector<size_t> scratch(2 * n);
    std::vector<double> work(models * (n + 2 * by.count));
    report.auc.resize(models);
    report.covariance.resize(models * models);
    const rnnp_status status =
        rnnp_metrics_delong(n, models, scores.data(), truth.data(), by.count, by.of.empty() ? nullptr : by.of.data(),
                            scratch.data(), work.data(), report.auc.data(), report.covariance.data());
    return detail::value_of(nullptr, status, std::move(report));
}

/* The weights of n rows in one draw of the bootstrap. */
inline result<std::vector<float>> resample(size_t n, uint64_t seed, uint64_t draw, clusters by = {})
{
    if (!by.of.empty() && by.of.size() != n)
        return detail::fail<std::vector<float>>(RNNP_ERR_SHAPE, "there is not one cluster for each row");
    std::vector<float> counts(by.count), weight(n);
    const rnnp_status status = rnnp_metrics_resample(n, by.count, by.of.empty() ? nullptr : by.of.data(), seed, draw,
                                                     counts.data(), weight.data());
    return detail::value_of(nullptr, status, std::move(weight));
}

/* The percentile interval of replicates; with a jackknife the BCa interval. */
inline result<rnnp_bootstrap> bootstrap(double estimate, span<const double> replicates, double confidence = 0.95,
                                        span<const double> jackknife = {})
{
    std::vector<double> scratch(replicates.size());
    return detail::get<rnnp_bootstrap>(nullptr, [&](rnnp_bootstrap *found) {
        return rnnp_metrics_bootstrap(estimate, replicates.size(), replicates.data(), jackknife.size(),
                                      jackknife.empty() ? nullptr : jackknife.data(), confidence, scratch.data(),
                                      found);
    });
}

RNNP_CPP_END
#endif
