# SPDX-License-Identifier: Apache-2.0
"""Attributions: which numbers of an input a model's answer came from."""
from __future__ import annotations

from ctypes import byref, c_size_t
from dataclasses import dataclass
from typing import Any, Optional, Union

import numpy as np

from . import _structs as S
from ._native import lib
from .arrays import F32, fitting, tensor_of
from .context import constant, count
from .errors import ArgumentError, ShapeError
from .ports import Array, Names

LARGEST = c_size_t(-1).value


@dataclass(frozen=True)
class Attribution:
    """What :meth:`Model.attribute` found. Arrays by row are float64, or bool and int64 where they say so."""

    values: Any  #: the attributions: an array in the input's shape; of several inputs a dict by name
    target: Array  #: int64 [rows]: the element of the output that was explained
    score: Array  #: [rows]: of the input
    baseline_score: Array  #: [rows]: of the baseline
    residual: Array  #: [rows]: sum of the attributions - (score - baseline_score)
    points: Array  #: int64 [rows]: gradients along the path; of occlusion windows
    complete: Array  #: bool [rows]: whether the residual is within the tolerance


def _targets(target: Any, rows: int) -> Any:
    values = [LARGEST] * rows if target is None else [
        count(int(one), "target") for one in np.broadcast_to(np.asarray(target), (rows,))]
    return (c_size_t * rows)(*values)


def _baselines(baseline: Any, names: Names, arrays: list[Array],
               rows_of: list[Optional[int]]) -> list[Optional[Array]]:
    """None: zeros. A number or an array is of the first input that is attributed; a dict names inputs."""
    wanted = [one.name for one, axis in zip(names.inputs, rows_of) if axis is not None]
    given = baseline if isinstance(baseline, dict) else {} if baseline is None else {wanted[0]: baseline}
    for name in given:
        if name not in wanted:
            raise ArgumentError(f"{name!r} is no input that is attributed; those are {', '.join(wanted)}")
    found: list[Optional[Array]] = []
    for one, array, axis in zip(names.inputs, arrays, rows_of):
        value = given.get(one.name)
        if value is None or axis is None:
            found.append(None)
        elif np.ndim(value) == 0:
            shape = tuple(1 if d == axis else size for d, size in enumerate(array.shape))
            found.append(np.full(shape, value, F32))
        else:
            found.append(fitting(value, F32, f"the baseline of {one.name!r}"))
    return found


def attribute(model: Any, x: Any, *, method: str = "integrated", target: Any = None, score: str = "output",
              baseline: Any = None, output: Union[str, int] = 0, batch: str = "batch", points: int = 0,
              most_points: int = 0, tolerance: float = 0.01, window: int = 0, time_axis: Optional[int] = None,
              math: str = "u35") -> Attribution:
    """See :meth:`Model.attribute`."""
    names: Names = model._names
    arrays, _ = names.gather(x if isinstance(x, tuple) else (x,), {})
    outputs = [one.name for one in model.outputs]
    if isinstance(output, str) and output not in outputs:
        raise ArgumentError(f"the model has no output {output!r}; it has {', '.join(outputs)}")
    options = S.AttributionOptions(
        method=constant("RNNP_ATTRIBUTION", method), score=constant("RNNP_SCORE", score), batch=batch.encode(),
        output=outputs.index(output) if isinstance(output, str) else count(output, "output"),
        points=count(points, "points"), most_points=count(most_points, "most_points"), tolerance=tolerance,
        window=count(window, "window"), time_axis=0 if time_axis is None else count(time_axis, "time_axis") + 1,
        math=constant("RNNP_MATH", math),
    )
    rows_of = [one.shape.index(batch) if batch in one.shape else None for one in names.inputs]
    attributed = [axis if array.dtype == F32 else None for axis, array in zip(rows_of, arrays)]
    made = model.context.make(lib.rnnp_attribution_create, lib.rnnp_attribution_destroy, model.handle.address,
                              byref(options), parents=(model.handle,))
    for one, array in zip(names.inputs, arrays):
        if array.ndim != len(one.shape):
            raise ShapeError(f"input {one.name!r} has {array.ndim} dimensions, not {len(one.shape)}")
    rows = next((array.shape[axis] for array, axis in zip(arrays, attributed) if axis is not None), 0)
    values = [None if axis is None else np.empty(array.shape, F32) for array, axis in zip(arrays, attributed)]
    bases = _baselines(baseline, names, arrays, attributed)
    found = (S.AttributionRow * rows)()

    def tensors(of: Any) -> Any:
        return (S.Tensor * len(arrays))(*(S.Tensor() if one is None else tensor_of(one) for one in of))

    asked = S.AttributionBatch(n_inputs=len(arrays))
    asked.inputs, asked.baselines, asked.attributions = tensors(arrays), tensors(bases), tensors(values)
    asked.targets, asked.rows = _targets(target, rows), found
    model.context.check(lib.rnnp_attribution_run(made.address, byref(asked)))
    columns = {name: np.array([getattr(one, name) for one in found], kind) for name, kind in (
        ("target", np.int64), ("score", np.float64), ("baseline_score", np.float64), ("residual", np.float64),
        ("points", np.int64), ("complete", np.bool_))}
    named = {one.name: array for one, array in zip(names.inputs, values) if array is not None}
    return Attribution(values=next(iter(named.values())) if len(named) == 1 else named, **columns)
