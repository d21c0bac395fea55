# SPDX-License-Identifier: Apache-2.0
"""Looking at a model: its graph, and how long a call takes."""
from __future__ import annotations

from ctypes import byref, c_size_t
from dataclasses import dataclass
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Iterator, Optional

import numpy as np

from . import _structs as S
from ._native import lib
from .arrays import fitting
from .context import count, text
from .errors import ArgumentError, Error
from .ports import Array, Port, port

if TYPE_CHECKING:
    from .model import Model
    from .plan import Plan

__all__ = ["Bench", "Inspection", "Node"]

WEIGHTS = {number: name for name, number in S.ENUMS["RNNP_WEIGHTS"].items()}
RECURRENT = ("RNN", "LSTM", "GRU")


@dataclass(frozen=True)
class Node:
    """A node of a graph."""

    name: str
    op: str
    inputs: tuple[str, ...]  #: names; "" for an absent one
    outputs: tuple[Port, ...]
    parameters: int
    weights: str  #: format of its weights
    bytes_per_step: int  #: weights that a recurrent layer reads in each step
    kernel: str  #: "" for a node that has none of its own
    note: str  #: a warning, or ""


@dataclass(frozen=True)
class Inspection:
    """What :meth:`Model.inspect` returns; printing it gives a table."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    nodes: tuple[Node, ...]
    parameters: int
    plan_bytes: int  #: of packed weights
    stream_multiple: Optional[int]  #: a stream's step takes this many time steps, or a multiple; None: no stream
    stream_reason: str  #: why it cannot be streamed, or ""

    def __str__(self) -> str:
        lines = [f"input    {one}" for one in self.inputs] + [f"output   {one}" for one in self.outputs]
        lines.append(f"{self.parameters} parameters, {self.plan_bytes} bytes of packed weights")
        lines.append(f"stream: {self.stream_reason or f'{self.stream_multiple} time steps a call, or a multiple'}")
        rows = [("operator", "output", "parameters", "weights", "kernel")]
        for node in self.nodes:
            shape = ", ".join("?" if size is None else str(size) for size in node.outputs[0].shape)
            rows.append((node.op, f"[{shape}]", str(node.parameters), node.weights if node.kernel else "-",
                         node.kernel or "-"))
        widths = [max(map(len, column)) for column in zip(*rows)]
        return "\n".join(lines + ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows])


def _nodes(model: int) -> Iterator[tuple[S.NodeInfo, tuple[str, ...], tuple[Port, ...]]]:
    for index in range(lib.rnnp_model_node_count(model)):
        info, one = S.NodeInfo(), S.PortInfo()
        lib.rnnp_model_node_info(model, index, byref(info))
        inputs, outputs = [], []
        for i in range(info.n_inputs):
            lib.rnnp_model_node_input_info(model, index, i, byref(one))
            inputs.append(text(one.name))
        for i in range(info.n_outputs):
            lib.rnnp_model_node_output_info(model, index, i, byref(one))
            outputs.append(port(one))
        yield info, tuple(inputs), tuple(outputs)


def inspect(model: "Model") -> Inspection:
    address = model.handle.address
    plan = model._default or model._default_plan()
    size, multiple, reason = c_size_t(), c_size_t(), ""
    model.context.check(lib.rnnp_plan_bytes(address, None, byref(size)))
    try:
        model.context.check(lib.rnnp_stream_multiple(plan.handle.address, None, byref(multiple)))
    except Error as error:
        reason = str(error)
    nodes = tuple(
        Node(text(info.name), text(info.op), inputs, outputs, info.parameters, WEIGHTS.get(info.weights, "unknown"),
             info.weight_bytes_per_step, kernel, text(info.note))
        for (info, inputs, outputs), kernel in zip(_nodes(address), plan.kernels)
    )
    return Inspection(model.inputs, model.outputs, nodes, model.parameters, size.value,
                      None if reason else multiple.value, reason)


# ---- Time ----


@dataclass(frozen=True)
class Bench:
    """Times of a call in seconds, without Python's part."""

    median: float
    minimum: float
    p99: float
    calls: int
    batch: int
    steps: int

    def __str__(self) -> str:
        return (f"batch {self.batch}, {self.steps} steps: median {1e6 * self.median:.3f} us, "
                f"min {1e6 * self.minimum:.3f} us, p99 {1e6 * self.p99:.3f} us of {self.calls} calls")


def names_batch(symbol: Any) -> bool:
    """Whether exporters call the batch so, as for the program's --batch."""
    return str(symbol).lower() in ("batch", "batch_size", "n", "b")


def example(plan: "Plan", batch: int, steps: int) -> list[Array]:
    """Pseudo-random inputs of this batch and number of steps; all steps are valid."""
    random = np.random.default_rng(1)
    model = plan.handle._parents[1].address
    lengths = {inputs[4] for info, inputs, _ in _nodes(model) if text(info.op) in RECURRENT and len(inputs) > 4}
    made: list[Array] = []
    for one, dtype in zip(plan._names.inputs, plan._names.dtypes):
        shape = [size if isinstance(size, int) else batch if names_batch(size) else steps for size in one.shape]
        if dtype.kind == "f":
            made.append(random.uniform(-1, 1, shape).astype(dtype))
        else:
            made.append(np.full(shape, steps if one.name in lengths else 0, dtype))
    return made


def bench(plan: "Plan", batch: int, steps: int, seconds: float, data: Any) -> Bench:
    if not 0 < seconds <= 3600:
        raise ArgumentError(f"seconds is {seconds}, which is out of range")
    batch, steps = count(batch, "batch") or 1, count(steps, "steps") or 1
    if data is None:
        arrays = [fitting(one, one.dtype, "input") for one in example(plan, batch, steps)]
    else:
        arrays, _ = plan._names.gather((data,), {})
    runs, run = plan.run_for(arrays)
    try:
        outputs = run.outputs_for(plan._names, None, arrays)
        plan.context.check(run(arrays, outputs))
        execute = run.execute
        times: list[int] = []
        end = perf_counter_ns() + int(1e9 * seconds)
        while not times or perf_counter_ns() < end:
            before = perf_counter_ns()
            execute()
            times.append(perf_counter_ns() - before)
    finally:
        runs.append(run)
    found = 1e-9 * np.sort(np.array(times))
    return Bench(float(np.median(found)), float(found[0]), float(np.quantile(found, 0.99)), len(times), batch, steps)


