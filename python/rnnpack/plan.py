# SPDX-License-Identifier: Apache-2.0
"""Plans: a model prepared for this host, ready to be called and streamed."""
from __future__ import annotations

import threading
from ctypes import byref
from typing import TYPE_CHECKING, Any, Optional, Sequence

import numpy as np

from . import _structs as S
from ._handles import Closable, Handle
from ._native import lib, plain
from .arrays import tensor_of
from .context import Context, constant, count, text
from .errors import StateError
from .ports import Array, Call, Names, Result

if TYPE_CHECKING:
    from .look import Bench
    from .stream import Stream
    from .tune import Records

__all__ = ["Plan"]

MOST_SHAPES = 16  # for which a plan keeps the memory of runs
_execute = plain("rnnp_run_execute")


class _Run(Call):
    """A run and its tensors; used by one thread at a time."""

    __slots__ = ("handle",)

    def __init__(self, context: Context, plan: Handle, names: Names, arrays: Sequence[Array]) -> None:
        inputs = [tensor_of(array) for array in arrays]
        many = (S.Tensor * max(len(inputs), 1))(*inputs)
        self.handle = context.make(lib.rnnp_run_create, lib.rnnp_run_destroy, plan.address, byref(many), len(inputs),
                                   parents=(plan,))
        outputs = [S.Tensor() for _ in names.outputs]
        for index, tensor in enumerate(outputs):
            context.check(lib.rnnp_run_output(self.handle.address, index, byref(tensor)))
        super().__init__(_execute, self.handle.address, inputs, outputs)


class Plan(Closable):
    """A model prepared for this host: kernels chosen and weights packed. Made by :meth:`Model.plan`.

    Calling it is calling the model. Any number of threads may do so at the same time. The memory of a run is kept for
    the next call with arrays of the same shapes, for up to 16 combinations of shapes.
    """

    def __init__(self, context: Context, model: Handle, names: Names, *, math: str, threads: int,
                 records: "Optional[Records]", flush_denormals: bool, effort: str, batch: int, steps: int,
                 max_iterations: int) -> None:
        options = S.PlanOptions(
            math=constant("RNNP_MATH", math), threads=count(threads, "threads"), flush_denormals=bool(flush_denormals),
            effort=constant("RNNP_EFFORT", effort), batch=count(batch, "batch"), steps=count(steps, "steps"),
            max_iterations=count(max_iterations, "max_iterations"),
        )
        parents = [model]
        if records is not None:
            options.records = records.handle.address
            parents.append(records.handle)
            records.frozen = True
        self.context, self.records, self.math = context, records, math
        self._names = names
        self._handle: Optional[Handle] = context.make(
            lib.rnnp_plan_create, lib.rnnp_plan_destroy, model.address, byref(options), parents=tuple(parents))
        self._only = names.dtypes[0] if names.single else None
        self._runs: dict[tuple[Any, ...], list[_Run]] = {}
        self._lock = threading.Lock()

    # ---- Life ----

    @property
    def handle(self) -> Handle:
        if self._handle is None:
            raise StateError("this plan is closed")
        return self._handle

    def close(self) -> None:
        """Gives the plan's memory back, once no call and no stream uses it any more. Closing twice is allowed."""
        self._handle, self._only = None, None
        self._runs.clear()

    # ---- Running ----

    def __call__(self, *inputs: Any, out: Any = None, **named: Any) -> Result:
        """Runs the model once; see :meth:`Model.__call__`."""
        if len(inputs) == 1 and not named:
            x = inputs[0]
            if type(x) is np.ndarray and x.dtype is self._only:
                runs = self._runs.get(x.shape)
                try:
                    run = runs.pop()  # type: ignore[union-attr]
                except (AttributeError, IndexError):
                    pass
                else:
                    try:
                        status, y = run.one(x, out)
                        if status:
                            self.context.fail(status)
                        return y
                    except (TypeError, ValueError) as reason:
                        if hasattr(reason, "status"):
                            raise
                    finally:
                        runs.append(run)  # type: ignore[union-attr]
        return self._call(inputs, named, out)

    def _call(self, inputs: tuple[Any, ...], named: dict[str, Any], out: Any) -> Result:
        arrays, by_name = self._names.gather(inputs, named)
        runs, run = self.run_for(arrays)
        try:
            outputs = run.outputs_for(self._names, out, arrays)
            status = run(arrays, outputs)
            if status:
                self.context.fail(status)
        finally:
            runs.append(run)
        return self._names.results(outputs, by_name)

    def run_for(self, arrays: Sequence[Array]) -> tuple[list[_Run], _Run]:
        """Takes a free run for arrays of these shapes, or makes one; also returns the list where it belongs."""
        shapes: list[Any] = [one.shape for one in arrays]
        key: tuple[Any, ...] = shapes[0] if self._only is not None else tuple(shapes)
        runs = self._runs.get(key)
        if runs:
            try:
                return runs, runs.pop()
            except IndexError:  # another thread took it
                pass
        run = _Run(self.context, self.handle, self._names, arrays)
        with self._lock:
            if key not in self._runs and len(self._runs) >= MOST_SHAPES:
                self._runs.pop(next(iter(self._runs)))
            return self._runs.setdefault(key, []), run

    def execute(self, shape: tuple[int, ...], x: int, y: int) -> None:
        """Runs a model with one f32 input and one output on addresses; nothing is checked here."""
        runs = self._runs.get(shape)
        try:
            run = runs.pop()  # type: ignore[union-attr]
        except (AttributeError, IndexError):
            runs, run = self.run_for([np.empty(shape, np.float32)])
        run.ins[0].data, run.outs[0].data = x, y
        status = run.execute()
        runs.append(run)  # type: ignore[union-attr]
        if status:
            self.context.fail(status)

    def stream(self, batch: int = 1, steps: int = 0, **options: Any) -> "Stream":
        """Makes a stream; see :meth:`Model.stream`."""
        from .stream import Stream

        return Stream(self.context, self.handle, self._names, batch=batch, steps=steps, **options)

    def bench(self, batch: int = 1, steps: int = 100, seconds: float = 1.0, data: Any = None) -> "Bench":
        """Measures a call; see :meth:`Model.bench`."""
        from .look import bench

        return bench(self, batch, steps, seconds, data)

    # ---- Looking ----

    @property
    def kernels(self) -> tuple[str, ...]:
        """The name of each node's kernel; "" for a node that has none."""
        model = self.handle._parents[1]
        found = [lib.rnnp_plan_node_variant(self.handle.address, i)
                 for i in range(lib.rnnp_model_node_count(model.address))]
        return tuple(text(one) for one in found)

    def __repr__(self) -> str:
        if self._handle is None:
            return "<rnnpack.Plan, closed>"
        return f"<rnnpack.Plan on {self.context.info().isa}, math {self.math}>"

