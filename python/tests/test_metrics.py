# SPDX-License-Identifier: Apache-2.0
"""Intervals and comparisons beside NumPy, SciPy and scikit-learn: DeLong's variance from all pairs, the bootstrap by
replaying its generator, coverage on simulated data."""
import unittest
import warnings

import support

import numpy as np
import rnnpack
from rnnpack import metrics

try:
    from scipy import stats
    from sklearn import metrics as theirs
except ImportError as missing:
    support.skip(f"{missing} (Debian: python3-scipy, python3-sklearn)")

F32 = np.float32
SETS = 20


def made(seed, n=120, patients=40):
    """Visits of patients, whose visits are alike: truth, scores of two models (with ties), patients."""
    draw = np.random.default_rng(seed)
    patient = draw.integers(0, patients, n)
    ill = draw.normal(size=patients)
    truth = (ill[patient] + draw.normal(size=n) > 0.5).astype(np.int32)
    truth[:4] = [0, 1, 0, 1]
    patient[:4] = [0, 1, 2, 3]
    scores = [1 / (1 + np.exp(-(1.5 * truth - 1 + ill[patient] + draw.normal(size=n) * s))) for s in (1, 2)]
    return truth, np.round(np.array(scores), 2).astype(F32), patient


def components(score, truth):
    """DeLong's, from all pairs."""
    x, y = score[truth == 1].astype(float), score[truth == 0].astype(float)
    psi = (x[:, None] > y[None, :]) + 0.5 * (x[:, None] == y[None, :])
    return psi.mean(), psi.mean(1), psi.mean(0)


def covariance(scores, truth, cluster):
    """Obuchowski (1997), sum by sum; without clusters DeLong (1988), where NumPy has the covariance."""
    found = [components(one, truth) for one in scores]
    m, n = (truth == 1).sum(), (truth == 0).sum()
    if cluster is None:
        return np.cov([v[1] for v in found]).reshape(2, 2) / m + np.cov([v[2] for v in found]).reshape(2, 2) / n
    names = np.unique(cluster)
    sums = np.zeros((2, 2, len(names)))
    for k, (area, ones, zeros) in enumerate(found):
        for i, name in enumerate(names):
            sums[k, 1, i] = (ones[cluster[truth == 1] == name] - area).sum()
            sums[k, 0, i] = (zeros[cluster[truth == 0] == name] - area).sum()
    i10 = len(np.unique(cluster[truth == 1]))
    i01 = len(np.unique(cluster[truth == 0]))
    s10 = i10 / ((i10 - 1) * m) * sums[:, 1] @ sums[:, 1].T
    s01 = i01 / ((i01 - 1) * n) * sums[:, 0] @ sums[:, 0].T
    s11 = len(names) / (len(names) - 1) * sums[:, 1] @ sums[:, 0].T
    return s10 / m + s01 / n + (s11 + s11.T) / (m * n)


def philox(counter, key):
    """Philox4x32-10 of Salmon et al. (2011), written from the paper."""
    c, k = [int(x) for x in counter], [int(x) for x in key]
    for _ in range(10):
        a, b = c[0] * 0xD2511F53, c[2] * 0xCD9E8D57
        c = [(b >> 32) ^ c[1] ^ k[0], b & 0xFFFFFFFF, (a >> 32) ^ c[3] ^ k[1], a & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def replayed(cluster, seed, draw):
    """The weights of a draw, as metrics.h defines them."""
    names = list(dict.fromkeys(cluster.tolist()))
    drawn = dict.fromkeys(names, 0)
    for i in range(len(names)):
        bits = philox([i // 4, 4, draw & 0xFFFFFFFF, draw >> 32], [seed & 0xFFFFFFFF, seed >> 32])[i % 4]
        drawn[names[bits * len(names) >> 32]] += 1
    return np.array([drawn[name] for name in cluster.tolist()], F32)


# Patients with ovarian cancer (DeLong, DeLong and Clarke-Pearson 1988): albumin, total protein, K-G score, and whether
# surgery helped; the 43 of 49 without missing values, as SAS/STAT's documentation of PROC LOGISTIC has them.
OVARIAN = """
3.0 5.8 10 0  3.2 6.3 5 1  3.9 6.8 3 1  2.8 4.8 6 0  3.2 5.8 3 1  0.9 4.0 5 0  2.5 5.7 8 0  1.6 5.6 5 1  3.8 5.7 5 1
3.7 6.7 6 1  3.2 5.4 4 1  3.8 6.6 6 1  4.1 6.6 5 1  3.6 5.7 5 1  4.3 7.0 4 1  3.6 6.7 4 0  2.3 4.4 6 1  4.2 7.6 4 0
4.0 6.6 6 0  3.5 5.8 6 1  3.8 6.8 7 1  3.0 4.7 8 0  4.5 7.4 5 1  3.7 7.4 5 1  3.1 6.6 6 1  4.1 8.2 6 1  4.3 7.0 5 1
4.3 6.5 4 1  3.2 5.1 5 1  2.6 4.7 6 1  3.3 6.8 6 0  1.7 4.0 7 0  3.7 6.1 5 1  3.3 6.3 7 1  4.2 7.7 6 1  3.5 6.2 5 1
2.9 5.7 9 0  2.1 4.8 7 1  2.8 6.2 8 0  4.0 7.0 7 1  3.3 5.7 6 1  3.7 6.9 5 1  3.6 6.6 5 1
"""


class DeLong(unittest.TestCase):
    def test_published(self):
        albumin, protein, kg, helped = np.array(OVARIAN.split(), F32).reshape(-1, 4).T
        found = metrics.delong(helped.astype(np.int32), 10 - kg, albumin, protein)
        np.testing.assert_allclose(found.auc, [0.7258, 0.7366, 0.6478], atol=5e-5)
        np.testing.assert_allclose(np.sqrt(found.covariance.diagonal()), [0.1028, 0.0927, 0.1000], atol=5e-5)
        for model, want in ((1, (0.0108, -0.1761, 0.1976, 0.9102)), (2, (-0.0780, -0.2830, 0.1271, 0.4561))):
            d, (low, high), p = found.difference(model, 0)
            np.testing.assert_allclose((d, low, high, p), want, atol=6e-5)

    def test_all_pairs(self):
        for seed in range(SETS):
            truth, scores, patient = made(seed)
            for cluster in (None, patient, np.arange(len(truth))):
                found = metrics.delong(truth, *scores, cluster=cluster)
                want = covariance(scores, truth, cluster)
                np.testing.assert_allclose(found.auc, [theirs.roc_auc_score(truth, s) for s in scores], rtol=1e-13)
                np.testing.assert_allclose(found.covariance, want, rtol=1e-10, atol=1e-16)
                d, (low, high), p = found.difference()
                sd = np.sqrt(want[0, 0] + want[1, 1] - 2 * want[0, 1])
                np.testing.assert_allclose([low, high], stats.norm.interval(0.95, d, sd), rtol=1e-9)
                self.assertAlmostEqual(p, 2 * stats.norm.sf(abs(d) / sd), delta=1e-12)

    def test_clusters_matter(self):
        """Each row three times over tells no more than once, which clusters see and rows do not."""
        truth, scores, _ = made(3)
        name = np.repeat(np.arange(len(truth)), 3)
        once = metrics.delong(truth, *scores).covariance[0, 0]
        thrice = metrics.delong(np.repeat(truth, 3), *np.repeat(scores, 3, axis=1), cluster=name).covariance[0, 0]
        taken_for_rows = metrics.delong(np.repeat(truth, 3), *np.repeat(scores, 3, axis=1)).covariance[0, 0]
        self.assertAlmostEqual(thrice / once, 1, delta=0.02)
        self.assertAlmostEqual(taken_for_rows / once, 1 / 3, delta=0.02)

    def test_errors(self):
        truth, scores, patient = made(1)
        for wrong, sentence in (
                (lambda: metrics.delong(truth), "scores of one model"),
                (lambda: metrics.delong(truth, scores[0][1:]), "there are 120 rows"),
                (lambda: metrics.delong(truth + 1, scores[0]), "0 or 1"),
                (lambda: metrics.delong(truth * 0, scores[0]), "each class has two rows"),
                (lambda: metrics.delong(truth, np.full(120, np.nan, F32)), "no NaN"),
                (lambda: metrics.delong(truth, scores[0], cluster=truth), "two clusters"),
                (lambda: metrics.delong(truth, scores[0], cluster=patient[1:]), "there are 120 rows"),
                (lambda: metrics.delong(truth, scores[0], confidence=1).intervals, "confidence is between")):
            with self.assertRaises(rnnpack.Error) as said:
                wrong()
            self.assertIn(sentence, str(said.exception))


class Normal(unittest.TestCase):
    def test_beside_scipy(self):
        for confidence in (1e-6, 0.5, 0.9, 0.95, 0.99, 1 - 1e-6):
            (low, high), _ = metrics.normal(3, 4, confidence)
            np.testing.assert_allclose([low, high], stats.norm.interval(confidence, 3, 2), rtol=1e-11)
        for z in np.linspace(0, 36, 500):
            self.assertAlmostEqual(metrics.normal(z, 1)[1] / (2 * stats.norm.sf(z)), 1, delta=4e-12)
        self.assertEqual(metrics.normal(0, 0), ((0, 0), 1))
        self.assertEqual(metrics.normal(1, 0), ((1, 1), 0))

    def test_wilson(self):
        for n in (1, 7, 30, 1000):
            for k in {0, 1, n // 3, n}:
                want = stats.binomtest(k, n).proportion_ci(0.9, method="wilson")
                np.testing.assert_allclose(metrics.wilson(k / n, n, 0.9), [want.low, want.high], atol=1e-12)
        self.assertEqual(metrics.wilson(0, 0), (0, 1))
        for wrong in ((2, 3), (0.5, -1), (0.5, 3, 0)):
            self.assertRaises(rnnpack.ArgumentError, metrics.wilson, *wrong)


class Resamples(unittest.TestCase):
    def test_replayed(self):
        for seed, draw in ((0, 0), (1, 7), (2**40 + 3, 2**33 + 1)):
            _, _, patient = made(seed % 97)
            for cluster in (patient, np.arange(777)):
                np.testing.assert_array_equal(metrics.resample(len(cluster), cluster, seed=seed, draw=draw),
                                              replayed(cluster, seed, draw))
        np.testing.assert_array_equal(metrics.resample(9, seed=5, draw=2), replayed(np.arange(9), 5, 2))

    def test_uniform(self):
        drawn = sum(metrics.resample(50, draw=d).astype(float) for d in range(2000))
        self.assertEqual(drawn.sum(), 50 * 2000)
        self.assertGreater(stats.chisquare(drawn).pvalue, 1e-4)

    def test_percentile(self):
        """All metrics that the program prints, of weights that were drawn here."""
        def ece(truth, p, w):
            which = np.minimum((p.astype(float) * 10).astype(int), 9)
            return sum(abs(np.sum(w[which == b] * (p[which == b].astype(float) - truth[which == b])))
                       for b in range(10)) / w.sum()

        def macro(truth, p, w):
            return theirs.f1_score(truth, p > 0.5, labels=np.unique(truth[w > 0]), average="macro", sample_weight=w)

        kinds = {
            "auc": lambda t, p, w: theirs.roc_auc_score(t, p, sample_weight=w) if len(set(t[w > 0])) > 1 else np.nan,
            "ap": lambda t, p, w: theirs.average_precision_score(t, p, sample_weight=w),
            "accuracy": lambda t, p, w: theirs.accuracy_score(t, p > 0.5, sample_weight=w),
            "kappa": lambda t, p, w: theirs.cohen_kappa_score(t, p > 0.5, sample_weight=w),
            "macro F1": macro,
            "Brier": lambda t, p, w: theirs.brier_score_loss(t, p, sample_weight=w),
            "calibration": ece,
        }
        for seed in range(SETS):
            truth, (p, other), patient = made(seed)
            name, kind = list(kinds.items())[seed % len(kinds)]
            for what in (lambda w: kind(truth, p, w), lambda w: kind(truth, p, w) - kind(truth, other, w)):
                found = metrics.bootstrap(what, len(truth), patient, draws=24, seed=seed, confidence=0.9)
                values = np.array([what(replayed(patient, seed, d)) for d in range(24)])
                np.testing.assert_array_equal(found.replicates, values, name)
                np.testing.assert_allclose(found.interval, np.quantile(values, [0.05, 0.95]), rtol=1e-12)
                np.testing.assert_allclose(found.error, values.std(ddof=1), rtol=1e-10)
                side = min((values <= 0).sum(), (values >= 0).sum())
                self.assertAlmostEqual(found.p_value, min(1, 2 * (side + 1) / 25), delta=1e-14)

    def test_bca(self):
        """SciPy's formula over our replicates."""
        for seed in range(SETS):
            truth, (p, _), patient = made(seed)
            names = np.unique(patient)

            psi = (p[truth == 1, None] > p[None, truth == 0]) + 0.5 * (p[truth == 1, None] == p[None, truth == 0])

            def area(w):
                ones, zeros = w[truth == 1], w[truth == 0]
                return ones @ psi @ zeros / (ones.sum() * zeros.sum())

            found = metrics.bootstrap(area, len(truth), patient, draws=100, seed=seed, method="bca")
            values = found.replicates
            below = ((values < found.estimate).sum() + (values <= found.estimate).sum()) / 2 / 100
            z0 = stats.norm.ppf(below)
            left = np.array([area((patient != name).astype(F32)) for name in names])
            d = left.mean() - left
            a = (d**3).sum() / (6 * (d**2).sum()**1.5)
            z = stats.norm.ppf([0.025, 0.975])
            ends = stats.norm.cdf(z0 + (z0 + z) / (1 - a * (z0 + z)))
            np.testing.assert_allclose(found.interval, np.quantile(values, ends), rtol=1e-9)

    def test_not_defined(self):
        n = [0]

        def some(_w):
            n[0] += 1
            return np.nan if n[0] % 3 == 0 else 1.0 + n[0]

        found = metrics.bootstrap(some, 10, draws=30)
        self.assertEqual(found.used, np.isfinite(found.replicates).sum())
        self.assertLess(found.used, 30)
        for wrong in (dict(draws=1), dict(draws=0), dict(confidence=0), dict(method="bayes")):
            self.assertRaises(rnnpack.ArgumentError, metrics.bootstrap, lambda w: 1.0, 10, **wrong)
        self.assertRaises(rnnpack.ArgumentError, metrics.bootstrap, lambda w: np.nan, 10)

    def test_coverage(self):
        """Of 200 studies of 40 patients with 3 visits each, 95 % intervals by patient hold the true area in about as
        many, and those that take visits for independent in too few."""
        def study(draw, patients):
            ill = draw.normal(size=patients)
            patient = np.repeat(np.arange(patients), 3)
            truth = np.repeat(ill + draw.normal(size=patients) > 0, 3)
            return truth.astype(np.int32), (ill[patient] + 0.3 * draw.normal(size=3 * patients)).astype(F32), patient

        truth, score, _ = study(np.random.default_rng(1), 100000)
        true = theirs.roc_auc_score(truth, score)
        held = np.zeros(3)
        draw = np.random.default_rng(2)
        for _ in range(200):
            truth, score, patient = study(draw, 40)
            order = np.argsort(-score, kind="stable")
            truth, score, patient = truth[order], score[order], patient[order]

            def area(w):  # no ties here
                ones, zeros = w * truth, w * (1 - truth)
                return float((zeros * np.cumsum(ones)).sum() / (ones.sum() * zeros.sum()))

            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ends = [metrics.delong(truth, score, cluster=c).intervals[0] for c in (patient, None)]
                ends.append(metrics.bootstrap(area, len(truth), patient, draws=200).interval)
            held += [low <= true <= high for low, high in ends]
        self.assertGreaterEqual(held[0], 0.90 * 200)
        self.assertGreaterEqual(held[2], 0.90 * 200)
        self.assertLess(held[1], 0.85 * 200)


class Decisions(unittest.TestCase):
    def test_counted(self):
        thresholds = np.array([0, 0.01, 0.2, 0.5, 0.8, 0.999])
        for seed in range(SETS):
            truth, (p, _), _ = made(seed)
            found = metrics.decisions(p, truth, thresholds)
            for k, t in enumerate(thresholds):
                called = p.astype(float) >= t
                tn, fp, fn, tp = theirs.confusion_matrix(truth, called, labels=[0, 1]).ravel()
                with np.errstate(invalid="ignore"):
                    want = dict(tp=tp, fp=fp, tn=tn, fn=fn, sensitivity=tp / (tp + fn), specificity=tn / (tn + fp),
                                ppv=np.float64(tp) / (tp + fp), npv=np.float64(tn) / (tn + fn),
                                f1=2 * tp / (2 * tp + fp + fn),
                                net_benefit=(tp - fp * t / (1 - t)) / len(truth),
                                net_benefit_all=truth.mean() - (1 - truth.mean()) * t / (1 - t))
                for name, value in want.items():
                    np.testing.assert_allclose(found[name][k], value, atol=1e-12, err_msg=name)
        for wrong in (1.0, -0.1, np.nan):
            self.assertRaises(rnnpack.ArgumentError, metrics.decisions, p, truth, [wrong])
        self.assertRaises(rnnpack.ArgumentError, metrics.decisions, p * 2, truth, [0.5])

    def test_calibration(self):
        truth, (p, _), _ = made(5)
        found = metrics.calibration(p, truth, bins=5)
        for b in range(5):
            inside = np.minimum((p.astype(float) * 5).astype(int), 4) == b
            self.assertEqual(found.weight[b], inside.sum())
            np.testing.assert_allclose([found.low[b], found.high[b]], metrics.wilson(found.share[b], inside.sum()))
        self.assertRaises(rnnpack.ArgumentError, metrics.calibration, p, truth, bins=0)


if __name__ == "__main__":
    support.main()
