# SPDX-License-Identifier: Apache-2.0
"""Probabilities that mean what they say: fitted to cases that training has not seen, applied to others.

    calibrate = rnnpack.calibration.isotonic(validation_p, validation_truth)
    p = calibrate(model(x)[:, 1])

Results are the same bits on every host, and those of ``calibrate`` in the configuration of ``rnnpack train``.
"""
from __future__ import annotations

from ctypes import byref, c_double, c_size_t
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import _structs as S
from ._native import lib
from .arrays import F32, address, fitting
from .context import text
from .errors import BY_STATUS, Error, ShapeError
from .ports import Array

__all__ = ["Isotonic", "Temperature", "isotonic", "temperature"]


def _check(status: int, sentence: str) -> None:
    if status:
        raise BY_STATUS.get(status, Error)(f"{text(lib.rnnp_status_string(status))}: {sentence}")


def _truth(truth: Any, n: int) -> Array:
    labels = np.ascontiguousarray(truth, np.int32)
    if labels.shape != (n,):
        raise ShapeError(f"truth has the shape {labels.shape}; there are {n} rows")
    return labels


def _table(p: Any) -> Array:
    array = fitting(p, F32, "p")
    if array.ndim != 2:
        raise ShapeError(f"p has {array.ndim} dimensions, not 2: rows and classes")
    return array


@dataclass(frozen=True)
class Temperature:
    """softmax(log p / temperature) of probabilities [n][classes]."""

    temperature: float

    def __call__(self, p: Any) -> Array:
        given = _table(p)
        made = np.empty_like(given)
        _check(lib.rnnp_calibration_apply_temperature(*given.shape, self.temperature, address(given), address(made)),
               "there are two classes or more, and p is from 0 to 1")
        return made


@dataclass(frozen=True)
class Isotonic:
    """A function of the probability of class 1 that does not fall: constant from ``first`` to ``last`` of each step,
    a straight line between two steps."""

    first: Array  #: float32 [steps]
    last: Array
    value: Array  #: float64 [steps]
    weight: Array  #: rows that each step was fitted to
    _steps: Any = field(repr=False, compare=False)

    def __call__(self, p: Any) -> Array:
        given = fitting(p, F32, "p")
        made = np.empty_like(given)
        _check(lib.rnnp_calibration_apply_isotonic(len(self._steps), self._steps, given.size, address(given),
                                                   address(made)), "p is from 0 to 1")
        return made


def temperature(p: Any, truth: Any) -> Temperature:
    """Fits the temperature of the least negative log likelihood (Guo et al. 2017), from 0.01 to 100."""
    given, found = _table(p), c_double()
    labels = _truth(truth, len(given))
    _check(lib.rnnp_calibration_fit_temperature(*given.shape, address(given), address(labels), None, byref(found)),
           "there are rows, and two classes or more; p is from 0 to 1, and truth the number of a class")
    return Temperature(found.value)


def isotonic(p: Any, truth: Any) -> Isotonic:
    """Fits isotonic regression of truth, 0 or 1, on p, the probability of class 1 (Zadrozny and Elkan 2002)."""
    given = fitting(p, F32, "p").reshape(-1)
    n = len(given)
    labels, scratch = _truth(truth, n), np.empty(2 * n + 1, np.uintp)
    steps, count = (S.IsotonicStep * max(n, 1))(), c_size_t()
    _check(lib.rnnp_calibration_fit_isotonic(n, address(given), address(labels), None, address(scratch), steps,
                                             byref(count)), "there are rows, p is from 0 to 1, and truth is 0 or 1")
    kept = (S.IsotonicStep * count.value)(*steps[: count.value])
    columns = {name: np.array([getattr(one, name) for one in kept], F32 if name in ("first", "last") else None)
               for name, *_ in S.IsotonicStep._fields_}
    return Isotonic(**columns, _steps=kept)
