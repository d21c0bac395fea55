#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes what the peers of peer.h read, for the case lines on stdin.

    weights     <cell>_h<hidden>.f32: W, R and bias in ONNX's layout and order, also of training;
                <cell>_h<hidden>_i<input>_l<layers>_d<directions>.f32: the W of all layers, R of all, biases of all;
                gemm_n<n>_k<k>.f32: W [n][k]; conv_i<in>_o<out>_k<kernel>_s<stride>_g<groups>.f32: W and bias as ONNX has
                them
                x.f32, of which each case takes the beginning
    models      one node each, for ONNX Runtime: <cell>_h<hidden>.onnx, whose weights lie in the .f32 file; of stacks a
                chain of nodes, whose y [T][D][B][H] becomes [T][B][D*H] as exporters write it;
                lstm_s8_h<hidden>.onnx, a DynamicQuantizeLSTM of the same weights, and gemm_s8_n<n>_k<k>.onnx, a
                DynamicQuantizeMatMul; gemm_n<n>_k<k>.onnx, a MatMul with a constant; tanh.onnx and so on
                start_h<hidden>_l<layers>.onnx: a stack of LSTMs with all weights in the file
                conv_*.onnx; and of whole models (--models) <id>.onnx, <id>.inputs and <id>.x.f32, the inputs'
                memory, each at whole cache lines. overhead.onnx is a chain of tiny nodes

The outputs <case>.y.f32 come from `bench-peer-rnnpack --write`. All .f32 files are raw little-endian floats.
"""

from __future__ import annotations

import argparse
import platform
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import onnx

GATES = {"rnn": 1, "gru": 3, "gru_lbr": 3, "lstm": 4}
OPERATOR = {"rnn": "RNN", "gru": "GRU", "gru_lbr": "GRU", "lstm": "LSTM"}
FORMATS = ("s8", "bf16")  # of weights: lstm_s8
FUNCTION = {"tanh": "Tanh", "sigmoid": "Sigmoid", "exp": "Exp", "log": "Log"}


class Model(NamedTuple):
    """What cases share: a layer of a cell, or what is in its place (gemm, start, conv, a function), and its sizes."""

    cell: str
    a: int = 0
    b: int = 0
    more: tuple[int, ...] = ()  # of a convolution: kernel, stride, groups; of a stack: input, layers, directions

    @property
    def name(self) -> str:
        products = dict.fromkeys(("gemm", "gemm_s8"), "{cell}_n{a}_k{b}")
        convolution = "conv_i{a}_o{b}_k{more[0]}_s{more[1]}_g{more[2]}"
        forms = products | {"start": "start_h{a}_l{b}", "conv": convolution} | dict.fromkeys(FUNCTION, "{cell}")
        stack = "_i{more[0]}_l{more[1]}_d{more[2]}" if self.more else ""
        return forms.get(self.cell, "{cell}_h{a}" + stack).format(**self._asdict())

    @property
    def base(self) -> str:
        """The cell without the format of its weights."""
        base, _, end = self.cell.rpartition("_")
        return base if end in FORMATS else self.cell

    @property
    def seed(self) -> int:
        return 1 + zlib.crc32(self.name.encode())

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of the weights, in the order in which they lie in the file."""
        if self.base == "gemm":
            return {"w": (self.a, self.b)}
        if self.cell == "conv":
            kernel, _, groups = self.more
            return {"w": (self.b, self.a // groups, kernel), "bias": (self.b,)}
        return stack_shapes(GATES[self.base], self.a, *self.stack) if self.base in GATES else {}

    @property
    def stack(self) -> tuple[int, ...]:
        """Input, layers and directions of a layer."""
        return self.more or (self.a, 1, 1)

    def depth(self) -> int:
        """Products in each sum; of layers, of those with the state."""
        return self.a if self.base in GATES else int(np.prod(self.shapes()["w"][1 if self.cell == "conv" else -1 :]))


def stack_shapes(gates: int, hidden: int, width: int, layers: int, directions: int) -> dict[str, tuple[int, ...]]:
    rows, shapes = gates * hidden, {}
    for layer in range(layers):
        shapes[f"w{layer}"] = (directions, rows, directions * hidden if layer else width)
    shapes |= {f"r{layer}": (directions, rows, hidden) for layer in range(layers)}
    return shapes | {f"bias{layer}": (directions, 2 * rows) for layer in range(layers)}


def model_of(cell: str, a: int, b: int, c: int, *more: int) -> tuple[Model, int]:
    """And the length of the case's x."""
    kind = cell.split("_")[0]
    if kind == "conv":
        stride, groups, length, batch = more
        return Model(cell, a, b, (c, stride, groups)), a * length * batch
    if kind == "gemm":
        return Model(cell, b, c), a * c
    if kind == "start":
        return Model(kind, a, b), a * c
    if kind in FUNCTION:
        return Model(kind), a
    model = Model(cell.removeprefix("train_"), a, more=more)
    width, layers, directions = model.stack
    return model, max(b * c * width, layers * directions * b * a)  # initial states are its beginning


def uniform(seed: int, *shape: int) -> np.ndarray:
    """Floats in [-1, 1) from a counter, so that they are the same on every machine."""
    bits = np.random.Philox(key=seed).random_raw(int(np.prod(shape))).reshape(shape)
    return ((bits >> np.uint64(40)).astype("<f4") - np.float32(1 << 23)) / np.float32(1 << 23)


def write_weights(directory: Path, models: list[Model], longest: int) -> None:
    uniform(0, longest).tofile(directory / "x.f32")
    for model in models:
        if shapes := model.shapes():
            count = sum(int(np.prod(shape)) for shape in shapes.values())
            (uniform(model.seed, count) / np.float32(np.sqrt(model.depth()))).tofile(directory / f"{model.name}.f32")


def stack_nodes(cell: str, hidden: int, layers: int, directions: int, *, states: bool, join: bool) -> tuple:
    """Nodes and their constants. Between layers y [T][D][B][H] becomes [T][B][D*H], and the last one's if it is to."""
    from onnx import helper, numpy_helper

    attributes = {"hidden_size": hidden} | ({"linear_before_reset": 1} if cell == "gru_lbr" else {})
    attributes |= {"direction": "bidirectional"} if directions > 1 else {}
    nodes, value = [], "x"
    for layer in range(layers):
        joined = join or layer + 1 < layers
        end = "y" if layer + 1 == layers else f"x{layer + 1}"
        result = f"y{layer}" if joined else end
        more = ["", *[f"h{layer}"] * (2 if cell == "lstm" else 1)] if states else []
        inputs = [value, f"w{layer}", f"r{layer}", f"bias{layer}", *more]
        nodes.append(helper.make_node(OPERATOR[cell], inputs, [result], **attributes))
        if joined and directions > 1:
            nodes.append(helper.make_node("Transpose", [result], [f"t{layer}"], perm=[0, 2, 1, 3]))
            nodes.append(helper.make_node("Reshape", [f"t{layer}", "shape"], [end]))
        elif joined:
            nodes.append(helper.make_node("Squeeze", [result, "axis"], [end]))
        value = end
    constants = {"shape": [0, 0, -1]} if directions > 1 else {"axis": [1]}
    used = {name for node in nodes for name in node.input}
    found = [numpy_helper.from_array(np.array(c, "<i8"), name) for name, c in constants.items() if name in used]
    return nodes, found


def layer_graph(_: Path, model: Model) -> tuple:
    """Nodes, initializers, shape of x and of y."""
    from onnx import TensorProto

    width, layers, directions = model.stack
    nodes, initializers = stack_nodes(model.cell, model.a, layers, directions, states=True, join=directions > 1)
    offset = 0
    for name, shape in model.shapes().items():
        length = 4 * int(np.prod(shape))
        tensor = TensorProto(name=name, dims=shape, data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
        for key, value in {"location": f"{model.name}.f32", "offset": offset, "length": length}.items():
            tensor.external_data.add(key=key, value=str(value))
        initializers.append(tensor)
        offset += length
    y_shape = ["T", "B", directions * model.a] if directions > 1 else ["T", 1, "B", model.a]
    return nodes, initializers, ["T", "B", width], y_shape


def rounded(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """In s8, and scales: one for each output channel, as ours have. ONNX Runtime wants the weights transposed, and seven
    bits on an x86 without VNNI, where sums of two products saturate in 16 bits."""
    saturates = platform.machine() == "x86_64" and "vnni" not in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    scale = np.abs(values).max(axis=-1) / np.float32(63 if saturates else 127)
    q = np.rint(values / scale[..., None]).astype(np.int8)
    return np.ascontiguousarray(np.swapaxes(q, -1, -2)), scale


def quantised_graph(directory: Path, model: Model) -> tuple:
    from onnx import helper, numpy_helper

    shapes = model.shapes()
    data = np.fromfile(directory / f"{model.name}.f32", "<f4")
    parts = np.split(data, np.cumsum([int(np.prod(shape)) for shape in shapes.values()])[:-1])
    values = dict(zip(shapes, (part.reshape(shape) for part, shape in zip(parts, shapes.values())), strict=True))
    for name in ("w0", "r0"):
        q, scale = rounded(values[name])
        values |= {name: q, f"{name}_scale": scale, f"{name}_zero": np.zeros(scale.shape, np.int8)}
    inputs = ["x", "w0", "r0", "bias0", "", "h0", "h0", "", "w0_scale", "w0_zero", "r0_scale", "r0_zero"]
    node = helper.make_node("DynamicQuantizeLSTM", inputs, ["y"], domain="com.microsoft", hidden_size=model.a)
    initializers = [numpy_helper.from_array(value, name) for name, value in values.items()]
    return [node], initializers, ["T", "B", model.a], ["T", 1, "B", model.a]


def product_graph(directory: Path, model: Model) -> tuple:
    from onnx import helper, numpy_helper

    w = np.fromfile(directory / f"{model.name}.f32", "<f4").reshape(model.a, model.b)
    constant = numpy_helper.from_array(np.ascontiguousarray(w.T), "w")
    return [helper.make_node("MatMul", ["x", "w"], ["y"])], [constant], ["M", model.b], ["M", model.a]


def quantised_product_graph(directory: Path, model: Model) -> tuple:
    from onnx import helper, numpy_helper

    w = np.fromfile(directory / f"{model.name}.f32", "<f4").reshape(model.a, model.b)
    initializers = [numpy_helper.from_array(value, name) for value, name in zip(rounded(w), ("w", "scale"))]
    node = helper.make_node("DynamicQuantizeMatMul", ["x", "w", "scale"], ["y"], domain="com.microsoft")
    return [node], initializers, ["M", model.b], ["M", model.a]


def convolution_graph(directory: Path, model: Model) -> tuple:
    from onnx import helper, numpy_helper

    kernel, stride, groups = model.more
    shapes = model.shapes()
    w, bias = np.split(np.fromfile(directory / f"{model.name}.f32", "<f4"), [int(np.prod(shapes["w"]))])
    initializers = [numpy_helper.from_array(w.reshape(shapes["w"]), "w"), numpy_helper.from_array(bias, "bias")]
    pad = (kernel - 1) // 2
    node = helper.make_node("Conv", ["x", "w", "bias"], ["y"], pads=[pad, pad], strides=[stride], group=groups)
    return [node], initializers, ["B", model.a, "L"], ["B", model.b, "M"]


def function_graph(_: Path, model: Model) -> tuple:
    from onnx import helper

    return [helper.make_node(FUNCTION[model.cell], ["x"], ["y"])], [], ["N"], ["N"]


def stack_graph(_: Path, model: Model) -> tuple:
    from onnx import numpy_helper

    nodes, initializers = stack_nodes("lstm", model.a, model.b, 1, states=False, join=True)
    for number, (name, shape) in enumerate(stack_shapes(GATES["lstm"], model.a, model.a, model.b, 1).items()):
        weights = uniform(model.seed + number, *shape) / np.float32(np.sqrt(model.a))
        initializers.append(numpy_helper.from_array(weights, name))
    return nodes, initializers, ["T", 1, model.a], ["T", 1, model.a]


GRAPH = {
    "lstm_s8": quantised_graph,
    "gemm": product_graph,
    "gemm_s8": quantised_product_graph,
    "start": stack_graph,
    "conv": convolution_graph,
} | dict.fromkeys(FUNCTION, function_graph)


def write_models(directory: Path, models: list[Model]) -> None:
    import onnx
    from onnx import TensorProto, helper

    for model in models:
        if model.cell != model.base and model.cell not in GRAPH:
            continue  # neither ONNX nor its runtime has them
        nodes, initializers, x_shape, y_shape = GRAPH.get(model.cell, layer_graph)(directory, model)
        _, layers, directions = model.stack if model.base in OPERATOR else (0, 0, 0)
        inputs = {"x": x_shape} | {f"h{layer}": [directions, "B", model.a] for layer in range(layers)}
        graph = helper.make_graph(
            nodes,
            model.name,
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, y_shape)],
            initializers,
        )
        opsets = [helper.make_opsetid("", 14), helper.make_opsetid("com.microsoft", 1)]
        proto = helper.make_model(graph, ir_version=8, opset_imports=opsets)
        onnx.save(proto, str(directory / f"{model.name}.onnx"))


# ---- Whole models ---------------------------------------------------------------------------------


def chain() -> onnx.ModelProto:
    """Thirty nodes, on eight elements: what a node costs besides its work."""
    from onnx import TensorProto, helper, numpy_helper

    turned = [("Add", "row"), ("Transpose",), ("Tanh",), ("Reshape", "shape"), ("Mul", "row")]
    nodes, value = [], "x"
    for number in range(30):
        operator, *constants = turned[number % len(turned)]
        result = "y" if number == 29 else f"v{number}"
        nodes.append(helper.make_node(operator, [value, *constants], [result]))
        value = result
    row = numpy_helper.from_array(uniform(1, 1, 8), "row")
    shape = numpy_helper.from_array(np.array([1, 8], "<i8"), "shape")
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 8]) for name in "xy")
    graph = helper.make_graph(nodes, "overhead", [x], [y], [row, shape])
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 14)])


def input_of(value: onnx.ValueInfoProto, number: int, source: Path | None) -> np.ndarray:
    """The folder's, or random."""
    from onnx import TensorProto

    if source and (given := source / f"input_{number}.npy").exists():
        return np.load(given)
    tensor = value.type.tensor_type
    sizes = [dim.dim_value for dim in tensor.shape.dim]
    if tensor.elem_type != TensorProto.FLOAT or not all(sizes):
        where = f"{source}: " if source else ""
        sys.exit(f"{where}input {value.name!r} has an open size or is not f32: give a folder with input_{number}.npy")
    return uniform(number, *sizes)


def write_whole(directory: Path, name: str, source: Path | None) -> None:
    import onnx
    from onnx import numpy_helper

    line = 64
    file = source / "model.onnx" if source and source.is_dir() else source
    model = onnx.load(str(file)) if file else chain()
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    about, data = "", b""
    for number, value in enumerate(inputs):
        array = input_of(value, number, source)
        about += "\t".join(map(str, (value.name, numpy_helper.from_array(array).data_type, *array.shape))) + "\n"
        data += array.tobytes() + bytes(-array.nbytes % line)
    onnx.save(model, str(directory / f"{name}.onnx"))
    (directory / f"{name}.inputs").write_text(about, encoding="utf-8")
    (directory / f"{name}.x.f32").write_bytes(data)


def named(text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    return name, Path(path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("what", choices=("weights", "models"))
    parser.add_argument("--models", type=named, nargs="+", default=[], metavar="ID=FILE", help="or a folder")
    options = parser.parse_args()
    sources = dict(options.models)
    models: dict[Model, None] = {}  # a set that keeps its order
    wholes = []
    longest = 0
    for line in sys.stdin:
        name, cell, *sizes = line.split()
        if cell == "model":
            wholes.append(name)
            continue
        model, length = model_of(cell, *map(int, sizes))
        models[model] = None
        longest = max(longest, length)
    options.dir.mkdir(parents=True, exist_ok=True)
    if options.what == "weights":
        write_weights(options.dir, list(models), longest)
        return 0
    try:
        write_models(options.dir, list(models))
        for name in wholes:
            write_whole(options.dir, name, sources.get(name))
    except ImportError as error:
        print(f"{error} (python3-onnx)", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
