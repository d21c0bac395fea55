# SPDX-License-Identifier: Apache-2.0
"""How far the quality of a classifier can be trusted: intervals, comparisons, decisions.

Rows that belong together, such as visits of a patient, are a cluster: ``cluster`` has a name for each row. Results
are the same bits on every host.

    found = rnnpack.metrics.delong(truth, score, cluster=patient)
    found.auc[0], found.intervals[0]
"""
from __future__ import annotations

from ctypes import byref, c_double
from dataclasses import dataclass
from typing import Any, Callable, Optional

import numpy as np

from . import _structs as S
from ._native import lib
from .arrays import F32, address, fitting
from .context import count, text
from .errors import BY_STATUS, ArgumentError, Error, ShapeError
from .ports import Array

__all__ = [
    "Areas", "Bootstrap", "Calibration", "bootstrap", "calibration", "decisions", "delong", "normal", "resample",
    "wilson",
]

SIZE = np.dtype(np.uintp)


def _check(status: int, sentence: str) -> None:
    if status:
        raise BY_STATUS.get(status, Error)(f"{text(lib.rnnp_status_string(status))}: {sentence}")


def _truth(truth: Any) -> Array:
    values = np.asarray(truth)
    if values.ndim != 1:
        raise ShapeError(f"truth has {values.ndim} dimensions, not 1")
    if not np.all((values == 0) | (values == 1)):
        raise ArgumentError("truth is 0 or 1 for each row")
    return values.astype(np.int32)


def _rows(value: Any, n: int, what: str) -> Array:
    array = fitting(value, F32, what)
    if array.shape != (n,):
        raise ShapeError(f"{what} has the shape {array.shape}; there are {n} rows")
    return array


def _clusters(cluster: Any, n: int) -> tuple[int, Optional[Array]]:
    """How many there are, and the number of each row's, in the order in which they come first."""
    if cluster is None:
        return 0, None
    names = np.asarray(cluster)
    if names.shape != (n,):
        raise ShapeError(f"cluster has the shape {names.shape}; there are {n} rows")
    _, first, inverse = np.unique(names, return_index=True, return_inverse=True)
    rank = np.empty(len(first), SIZE)
    rank[np.argsort(first)] = np.arange(len(first))
    return len(first), np.ascontiguousarray(rank[inverse.reshape(-1)])


def _place(array: Optional[Array]) -> Optional[int]:
    return None if array is None else address(array)


def normal(estimate: float, variance: float, confidence: float = 0.95) -> tuple[tuple[float, float], float]:
    """The interval of an estimate with this variance, and the two-sided p value of a true value of 0."""
    found, p = S.Interval(), c_double()
    _check(lib.rnnp_metrics_normal(estimate, variance, confidence, byref(found), byref(p)),
           "numbers are finite, the variance is not negative, and confidence is between 0 and 1")
    return (found.low, found.high), p.value


def wilson(share: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a share of n independent rows."""
    found = S.Interval()
    _check(lib.rnnp_metrics_wilson(share, n, confidence, byref(found)),
           "share is from 0 to 1, n is not negative, and confidence is between 0 and 1")
    return found.low, found.high


@dataclass(frozen=True)
class Areas:
    """Areas under the ROC curves of models on the same rows."""

    auc: Array  #: float64 [models]
    covariance: Array  #: float64 [models][models]
    confidence: float

    @property
    def intervals(self) -> list[tuple[float, float]]:
        """Of each area; they may reach beyond 1 where rows are few."""
        return [normal(float(a), max(float(v), 0.0), self.confidence)[0]
                for a, v in zip(self.auc, self.covariance.diagonal())]

    def difference(self, a: int = 0, b: int = 1) -> tuple[float, tuple[float, float], float]:
        """The area of model a minus that of b, its interval, and the two-sided p value of none."""
        c = self.covariance
        variance = float(c[a, a] + c[b, b] - c[a, b] - c[b, a])
        d = float(self.auc[a] - self.auc[b])
        return (d, *normal(d, max(variance, 0.0), self.confidence))


def delong(truth: Any, *scores: Any, cluster: Any = None, confidence: float = 0.95) -> Areas:
    """Areas of models that scored the same rows, and their covariance: of independent rows as DeLong et al. (1988),
    of clusters as Obuchowski (1997)."""
    labels = _truth(truth)
    n = len(labels)
    if not scores:
        raise ArgumentError("give the scores of one model or more")
    given = np.stack([_rows(one, n, "a model's scores") for one in scores])
    clusters, of = _clusters(cluster, n)
    scratch, work = np.empty(2 * n + 1, SIZE), np.empty(len(scores) * (n + 2 * clusters) + 1)
    auc, covariance = np.empty(len(scores)), np.empty((len(scores), len(scores)))
    _check(lib.rnnp_metrics_delong(n, len(scores), address(given), address(labels), clusters, _place(of),
                                   address(scratch), address(work), address(auc), address(covariance)),
           "scores are no NaN, and each class has two rows or more (two clusters, if there are clusters)")
    return Areas(auc, covariance, confidence)


def resample(n: int, cluster: Any = None, *, seed: int = 0, draw: int = 0) -> Array:
    """The weights of rows in one draw of the bootstrap: how often each one's cluster was drawn. float32 [n]."""
    clusters, of = _clusters(cluster, count(n, "n"))
    return _resample(n, clusters, of, seed, draw)


def _resample(n: int, clusters: int, of: Optional[Array], seed: int, draw: int) -> Array:
    counts, weight = np.empty(clusters + 1, F32), np.empty(n, F32)
    _check(lib.rnnp_metrics_resample(n, clusters, _place(of), count(seed, "seed"), count(draw, "draw"),
                                     address(counts), address(weight)), "there are at most 2^24 clusters")
    return weight


@dataclass(frozen=True)
class Bootstrap:
    """What replicates say of an estimate."""

    estimate: float
    interval: tuple[float, float]
    error: float  #: the standard error
    p_value: float  #: two-sided, of a true value of 0
    used: int  #: replicates that are numbers
    replicates: Array  #: float64 [draws]


def bootstrap(metric: Callable[[Array], float], n: int, cluster: Any = None, *, draws: int = 1000, seed: int = 0,
              confidence: float = 0.95, method: str = "percentile") -> Bootstrap:
    """Intervals of any metric of n rows by resampling clusters.

    ``metric`` takes weights, float32 [n], and returns a number, or NaN where it is not defined. scikit-learn's metrics
    take weights as ``sample_weight``. Of two models it returns the difference: both are then weighted alike.
    ``method`` is ``"percentile"`` (Efron 1979) or ``"bca"`` (Efron 1987), which asks for the metric without each
    cluster, too.
    """
    if method not in ("percentile", "bca"):
        raise ArgumentError(f"{method!r} is not one of percentile, bca")
    clusters, of = _clusters(cluster, count(n, "n"))
    estimate = float(metric(np.ones(n, F32)))
    values = np.array([float(metric(_resample(n, clusters, of, seed, d))) for d in range(count(draws, "draws"))]
                      or [np.nan])
    left: Optional[Array] = None
    if method == "bca":
        names = np.arange(n) if of is None else of
        left = np.array([float(metric((names != one).astype(F32))) for one in np.unique(names)])
    scratch, found = np.empty(len(values)), S.Bootstrap()
    _check(lib.rnnp_metrics_bootstrap(estimate, len(values), address(values), 0 if left is None else len(left),
                                      _place(left), confidence, address(scratch), byref(found)),
           "the metric of all rows is a number, and so are two replicates or more; confidence is between 0 and 1")
    return Bootstrap(estimate, (found.interval.low, found.interval.high), found.error, found.p_value, found.used,
                     values)


def _table(rows: Any, kind: Any) -> dict[str, Array]:
    return {name: np.array([getattr(one, name) for one in rows]) for name, *_ in kind._fields_}


def decisions(p: Any, truth: Any, thresholds: Any) -> dict[str, Array]:
    """What follows from calling rows positive from a threshold on: a column for each of the fields of rnnp_decision
    (sensitivity, specificity, ppv, npv, f1, net_benefit, ...), a row for each threshold."""
    labels = _truth(truth)
    at = fitting(thresholds, np.dtype(np.float64), "thresholds").reshape(-1)
    found = (S.Decision * len(at))()
    _check(lib.rnnp_metrics_decisions(len(labels), address(_rows(p, len(labels), "p")), address(labels), None, len(at),
                                      address(at), found),
           "p is from 0 to 1, there are rows and thresholds, and thresholds are from 0 to below 1")
    return _table(found, S.Decision)


@dataclass(frozen=True)
class Calibration:
    """The reliability diagram of class 1. Arrays are float64 [bins]."""

    weight: Array  #: rows
    mean: Array  #: mean probability
    share: Array  #: share of class 1
    low: Array  #: Wilson's interval of the share
    high: Array
    ece: float  #: expected calibration error


def calibration(p: Any, truth: Any, bins: int = 10, confidence: float = 0.95) -> Calibration:
    """The reliability diagram of class 1 in bins of equal width, with intervals that take rows for independent."""
    labels = _truth(truth)
    found, ece = (S.CalibrationBin * count(bins, "bins"))(), c_double()
    _check(lib.rnnp_metrics_calibration(len(labels), bins, address(_rows(p, len(labels), "p")), address(labels), None,
                                        found, byref(ece)), "p is from 0 to 1, and there are rows and bins")
    table = _table(found, S.CalibrationBin)
    ends = np.array([wilson(share, weight, confidence) for share, weight in zip(table["share"], table["weight"])])
    return Calibration(**table, low=ends[:, 0], high=ends[:, 1], ece=ece.value)
