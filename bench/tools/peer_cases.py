# SPDX-License-Identifier: Apache-2.0
"""What script/bench peers measures: the cases of each group (bench/peers/peer.h has the form of their lines)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from itertools import chain, product, starmap
from typing import ClassVar

CELLS = {"lstm": 4, "gru": 3, "gru_lbr": 3, "rnn": 1}  # and their gates
FORMATS = {"lstm_s8": 8, "gru_s8": 8, "lstm_bf16": 16, "gru_bf16": 16, "gemm_s8": 8}  # and the bits of a weight
FUNCTIONS = ("tanh", "sigmoid", "exp", "log")
MATHS = ("u35", "u10", "fast")
FORMS = ("onnx", "packed")
TRAINED = ("lstm", "gru_lbr")
MOST_FLOP = 20e9  # per call, of training thrice as much; longer cases are left out

FULL = {
    "cells": (*CELLS, *FORMATS),
    "hidden": (64, 128, 256, 512, 1024),
    "batch": (1, 4, 16, 64),
    "steps": (1, 50),
    "widths": (64, 128, 256, 512),  # H of the products with n = 4 H, k = H
    "rows": (1, 2, 4, 8, 14, 16, 32, 64, 200, 800, 3200),
    "squares": (64, 128, 256, 512, 1024, 2048),
    "elements": (256, 4096, 65536),
    "wide_batch": (1, 3, 24),
    "wide_steps": (1, 37),
    "train_hidden": (128, 256),
    "train_batch": (32, 128),
    "train_steps": (50, 100),
    "channels": (64, 128, 256),
    "kernels": (3, 5, 9),
    "lengths": (100, 300, 1000),
    "conv_batch": (1, 16),
    "models": (),
}
QUICK = FULL | {
    "batch": (1, 16),
    "steps": (50,),
    "widths": (64, 256),
    "rows": (1, 16, 200),
    "squares": (512,),
    "elements": (4096,),
    "wide_batch": (3,),
    "wide_steps": (37,),
    "train_batch": (32,),
    "train_steps": (50,),
    "channels": (64, 256),
    "kernels": (3,),
    "lengths": (300,),
    "conv_batch": (1,),
}


# Hidden size, input, layers and directions of the group wide: sizes that nobody chose because a kernel likes them.
SHAPES = (
    (96, 96, 1, 1),
    (200, 200, 1, 1),
    (320, 320, 1, 1),
    (384, 384, 1, 1),
    (256, 40, 1, 1),
    (64, 512, 1, 1),
    (96, 96, 2, 1),
    (384, 384, 2, 1),
    (200, 200, 3, 1),
    (256, 40, 3, 1),
    (96, 96, 1, 2),
    (256, 40, 1, 2),
    (200, 200, 2, 2),
)


def count(n: int, noun: str) -> str:
    return f"{n} {noun}{'s' if n != 1 else ''}"


@dataclass(frozen=True)
class Case:
    """Times are shown in `unit`, of which a microsecond is `scale`. `label` and `own` make its name and its record."""

    group: ClassVar[str]
    label: ClassVar[str]
    own: ClassVar[dict]
    unit: ClassVar[str] = "us"
    scale: ClassVar[float] = 1.0
    least_rounds: ClassVar[int] = 1
    threaded: ClassVar[bool] = False  # else measured on one thread alone
    flop: ClassVar[float] = 0.0
    most_flop: ClassVar[float] = MOST_FLOP
    weights: ClassVar[int] = 0
    bits: ClassVar[int] = 32  # of a weight

    @property
    def word(self) -> str:
        """What stands for the cell in a case's line."""
        return self.cell

    @property
    def task(self) -> str:
        """What a peer can do or not."""
        return self.group

    @property
    def name(self) -> str:
        return self.label.format(self=self)

    def line(self) -> str:
        return "\t".join((self.name, self.word, *map(str, self.sizes))) + "\n"

    def record(self, threads: int) -> dict:
        shape = ({"input": self.hidden} if hasattr(self, "hidden") else {}) | self.own | asdict(self)
        return shape | {"threads": threads, "flop": self.flop, "weight_bytes": self.bits / 8 * self.weights}


@dataclass(frozen=True)
class Layer(Case):
    """A layer whose input is as wide as its state."""

    cell: str
    hidden: int
    batch: int
    steps: int
    group = "layers"
    label = "{self.word}_h{self.hidden}_b{self.batch}_t{self.steps}"
    own = {"kind": "rnn", "layers": 1, "directions": 1}
    threaded = True

    @property
    def task(self) -> str:
        return self.word

    @property
    def sizes(self) -> tuple[int, ...]:
        return self.hidden, self.batch, self.steps

    @property
    def weights(self) -> int:
        gates = CELLS.get(self.cell) or CELLS[self.cell.split("_")[0]]
        return gates * self.hidden * 2 * self.hidden

    @property
    def flop(self) -> float:
        return 2.0 * self.weights * self.batch * self.steps


@dataclass(frozen=True)
class Stack(Layer):
    """Layers on one another, in one or two directions, the first of them on x of any width."""

    input: int
    layers: int
    directions: int
    group = "wide"
    label = "{self.cell}_h{self.hidden}_i{self.input}_l{self.layers}_d{self.directions}_b{self.batch}_t{self.steps}"
    own = {"kind": "rnn"}

    @property
    def sizes(self) -> tuple[int, ...]:
        return self.hidden, self.batch, self.steps, self.input, self.layers, self.directions

    @property
    def weights(self) -> int:
        widths = self.input + (self.layers - 1) * self.directions * self.hidden
        return self.directions * CELLS[self.cell] * self.hidden * (widths + self.layers * self.hidden)


@dataclass(frozen=True)
class Quantised(Layer):
    """That layer with weights in another format."""

    group = "formats"

    @property
    def bits(self) -> int:
        return FORMATS[self.cell]


@dataclass(frozen=True)
class Training(Layer):
    """A step of training that layer: forward, backward, Adam."""

    group = "training"
    own = Layer.own | {"kind": "training"}
    most_flop = 3 * MOST_FLOP

    @property
    def word(self) -> str:
        return f"train_{self.cell}"

    @property
    def flop(self) -> float:
        return 3 * super().flop


@dataclass(frozen=True)
class Product(Case):
    """m rows by n columns of depth k, on weights that may be prepared. Ours runs on the calling thread."""

    m: int
    n: int
    k: int
    group = cell = "gemm"
    label = "gemm_m{self.m}_n{self.n}_k{self.k}"
    own = {"kind": "gemm"}

    @property
    def sizes(self) -> tuple[int, int, int]:
        return self.m, self.n, self.k

    @property
    def weights(self) -> int:
        return self.n * self.k

    @property
    def flop(self) -> float:
        return 2.0 * self.m * self.weights


@dataclass(frozen=True)
class QuantisedProduct(Product):
    """x is quantised in the call."""

    group = "formats"
    cell = task = "gemm_s8"
    label = "gemm_s8_m{self.m}_n{self.n}_k{self.k}"
    own = Product.own | {"cell": cell}
    bits = FORMATS[cell]


@dataclass(frozen=True)
class Activation(Case):
    """A function over n elements. The class is ours; most peers have one function, whose accuracy is told."""

    function: str
    math: str
    n: int
    group = "activations"
    label = "{self.cell}_n{self.n}"
    own = {"kind": "activation"}
    unit = "ns/element"

    @property
    def scale(self) -> float:
        return 1e3 / self.n

    @property
    def cell(self) -> str:
        return f"{self.function}_{self.math}"

    @property
    def sizes(self) -> tuple[int, int, int]:
        return self.n, 1, 1


@dataclass(frozen=True)
class Start(Case):
    """A new process, from its start to the first output of a stack of LSTMs that it reads from a file."""

    form: str  # of our file; the peers read ONNX
    hidden: int = 256
    layers: int = 3
    steps: int = 50
    group = "start"
    label = "{self.cell}_lstm{self.layers}_h{self.hidden}_t{self.steps}"
    own = {"kind": "start", "cell": "lstm", "batch": 1, "directions": 1}
    unit = "ms"
    scale = 1e-3
    least_rounds = 9

    @property
    def cell(self) -> str:
        return f"start_{self.form}"

    @property
    def sizes(self) -> tuple[int, int, int]:
        return self.hidden, self.layers, self.steps

    @property
    def weights(self) -> int:
        return self.layers * CELLS["lstm"] * self.hidden * 2 * self.hidden

    @property
    def flop(self) -> float:
        return 2.0 * self.weights * self.steps


@dataclass(frozen=True)
class Convolution(Case):
    """Along one axis, with pads of (kernel - 1) / 2."""

    c_in: int
    c_out: int
    kernel: int
    stride: int
    groups: int
    length: int
    batch: int
    group = cell = "conv"
    label = (
        "conv_i{self.c_in}_o{self.c_out}_k{self.kernel}_s{self.stride}_g{self.groups}_l{self.length}_b{self.batch}"
    )
    own = {"kind": "conv"}

    @property
    def sizes(self) -> tuple[int, ...]:
        return self.c_in, self.c_out, self.kernel, self.stride, self.groups, self.length, self.batch

    @property
    def weights(self) -> int:
        return self.c_out * self.c_in // self.groups * self.kernel

    @property
    def flop(self) -> float:
        outputs = (self.length + (self.kernel - 1) // 2 * 2 - self.kernel) // self.stride + 1
        return 2.0 * self.weights * outputs * self.batch


@dataclass(frozen=True)
class Whole(Case):
    """A model from a file. Where its nodes are counted, the time is that of one."""

    model: str
    nodes: int = 0
    group = "models"
    cell = "model"
    label = "{self.model}"
    own = {"kind": "model"}
    sizes = ()

    @property
    def unit(self) -> str:
        return "us/node" if self.nodes else "us"

    @property
    def scale(self) -> float:
        return 1 / self.nodes if self.nodes else 1.0


OVERHEAD = Whole("overhead", 30)  # a chain of tiny nodes, of prepare.py


def layers(kind: type[Layer], known: Collection[str], grid: dict) -> Iterator[Layer]:
    cells = [cell for cell in grid["cells"] if cell in known]
    return starmap(kind, product(cells, grid["hidden"], grid["batch"], grid["steps"]))


def wide(grid: dict) -> Iterator[Stack]:
    """A single step of two directions is none: nobody streams a sequence from its end."""
    sizes = product((cell for cell in grid["cells"] if cell in CELLS), SHAPES, grid["wide_batch"], grid["wide_steps"])
    return (
        Stack(cell, hidden, batch, steps, width, layers, directions)
        for cell, (hidden, width, layers, directions), batch, steps in sizes
        if steps > 1 or directions == 1
    )


def formats(grid: dict) -> Iterator[Case]:
    widths = grid["widths"] if QuantisedProduct.cell in grid["cells"] else ()
    products = (QuantisedProduct(rows, 4 * width, width) for width, rows in product(widths, grid["rows"]))
    return chain(layers(Quantised, FORMATS.keys() - {QuantisedProduct.cell}, grid), products)


def convolutions(grid: dict) -> Iterator[Convolution]:
    """And two that are unlike those: one that has a group for each channel, and one of a first layer's few channels."""
    kinds = [(channels, channels, kernel, 1, 1) for channels, kernel in product(grid["channels"], grid["kernels"])]
    kinds += [(256, 256, 5, 1, 256), (1, 64, 16, 4, 1)]
    return (Convolution(*kind, *sizes) for kind in kinds for sizes in product(grid["lengths"], grid["conv_batch"]))


GROUPS = {
    "layers": lambda grid: layers(Layer, CELLS, grid),
    "wide": wide,
    "formats": formats,
    "training": lambda grid: (
        Training(cell, *sizes)
        for cell in TRAINED
        if cell in grid["cells"]
        for sizes in product(grid["train_hidden"], grid["train_batch"], grid["train_steps"])
    ),
    "gemm": lambda grid: chain(
        (Product(rows, 4 * width, width) for width, rows in product(grid["widths"], grid["rows"])),
        (Product(size, size, size) for size in grid["squares"]),
    ),
    "activations": lambda grid: starmap(Activation, product(FUNCTIONS, MATHS, grid["elements"])),
    "start": lambda _: map(Start, FORMS),
    "conv": convolutions,
    "models": lambda grid: chain((OVERHEAD,), map(Whole, grid["models"])),
}


DEFAULT = tuple(group for group in GROUPS if group != "wide")  # which takes as long as all layers


def cases_of(groups: tuple[str, ...], grid: dict, threads: int) -> list[Case]:
    """Ordered by model, as peers keep the weights of one."""
    found = dict.fromkeys(case for group in groups for case in GROUPS[group](grid))
    return [case for case in found if case.flop <= case.most_flop and (threads == 1 or case.threaded)]
