#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes what the peers of peer.h read, for the case lines on stdin.

    weights     <cell>_h<hidden>.f32: W, R and bias in ONNX's layout and order
                x.f32, of which each case takes the beginning
    models      <cell>_h<hidden>.onnx, for ONNX Runtime: one node whose weights lie in the .f32 file

The outputs <case>.y.f32 come from `bench-peer-rnnpack --write`. All files are raw little-endian floats.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

GATES = {"rnn": 1, "gru": 3, "gru_lbr": 3, "lstm": 4, "gemm": 4}
OPERATOR = {"rnn": "RNN", "gru": "GRU", "gru_lbr": "GRU", "lstm": "LSTM", "gemm": "Gemm"}


class Model(NamedTuple):
    """What cases share weights by."""

    cell: str
    hidden: int

    @property
    def name(self) -> str:
        return f"{self.cell}_h{self.hidden}"

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of the weights, in the order in which they lie in the file."""
        rows = GATES[self.cell] * self.hidden
        if self.cell == "gemm":
            return {"w": (rows, self.hidden)}
        return {"w": (1, rows, self.hidden), "r": (1, rows, self.hidden), "bias": (1, 2 * rows)}


def uniform(seed: int, count: int) -> np.ndarray:
    """Floats in [-1, 1) from a counter, so that they are the same on every machine."""
    bits = np.random.Philox(key=seed).random_raw(count)
    return ((bits >> np.uint64(40)).astype("<f4") - np.float32(1 << 23)) / np.float32(1 << 23)


def write_weights(directory: Path, models: list[Model], longest: int) -> None:
    uniform(0, longest).tofile(directory / "x.f32")
    for model in models:
        count = sum(int(np.prod(shape)) for shape in model.shapes().values())
        seed = 1 + list(GATES).index(model.cell) + len(GATES) * model.hidden
        (uniform(seed, count) / np.float32(np.sqrt(model.hidden))).tofile(directory / f"{model.name}.f32")


def write_models(directory: Path, models: list[Model]) -> None:
    import onnx
    from onnx import TensorProto, helper

    for model in models:
        initializers = []
        offset = 0
        for name, shape in model.shapes().items():
            length = 4 * int(np.prod(shape))
            tensor = TensorProto(name=name, dims=shape, data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
            for key, value in {"location": f"{model.name}.f32", "offset": offset, "length": length}.items():
                tensor.external_data.add(key=key, value=str(value))
            initializers.append(tensor)
            offset += length
        if model.cell == "gemm":
            x_shape, y_shape = ["M", model.hidden], ["M", GATES["gemm"] * model.hidden]
            attributes = {"transB": 1}
        else:
            x_shape, y_shape = ["T", "B", model.hidden], ["T", 1, "B", model.hidden]
            attributes = {"hidden_size": model.hidden}
            if model.cell == "gru_lbr":
                attributes["linear_before_reset"] = 1
        graph = helper.make_graph(
            [helper.make_node(OPERATOR[model.cell], ["x", *model.shapes()], ["y"], **attributes)],
            model.name,
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, x_shape)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, y_shape)],
            initializers,
        )
        proto = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 14)])
        onnx.save(proto, str(directory / f"{model.name}.onnx"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("what", choices=("weights", "models"))
    options = parser.parse_args()
    models: dict[Model, None] = {}  # a set that keeps its order
    longest = 0
    for line in sys.stdin:
        _, cell, *sizes = line.split()
        hidden, batch, steps = map(int, sizes)
        models[Model(cell, hidden)] = None
        longest = max(longest, hidden * batch * steps)
    options.dir.mkdir(parents=True, exist_ok=True)
    if options.what == "weights":
        write_weights(options.dir, list(models), longest)
        return 0
    try:
        write_models(options.dir, list(models))
    except ImportError as error:
        print(f"{error} (python3-onnx)", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
