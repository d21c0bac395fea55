# SPDX-License-Identifier: Apache-2.0
"""What script/bench peers measures: the cases of each group (bench/peers/peer.h has the form of their lines)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

CELLS = {"lstm": 4, "gru": 3, "gru_lbr": 3, "rnn": 1}  # and their gates
FUNCTIONS = ("tanh", "sigmoid", "exp")
MATHS = ("u35", "fast")
FORMS = ("onnx", "packed")
TRAINED = ("lstm", "gru_lbr")
MOST_FLOP = 20e9  # per call, of training thrice as much; longer cases are left out

FULL = {
    "cells": tuple(CELLS),
    "hidden": (64, 128, 256, 512, 1024),
    "batch": (1, 4, 16, 64),
    "steps": (1, 50),
    "widths": (64, 128, 256, 512),  # H of the products with n = 4 H, k = H
    "rows": (1, 2, 4, 8, 14, 16, 32, 64, 200, 800, 3200),
    "squares": (64, 128, 256, 512, 1024, 2048),
    "elements": (256, 4096, 65536),
    "train_hidden": (128, 256),
    "train_batch": (32, 128),
    "train_steps": (50, 100),
}
QUICK = FULL | {
    "batch": (1, 16),
    "steps": (50,),
    "widths": (64, 256),
    "rows": (1, 16, 200),
    "squares": (512,),
    "elements": (4096,),
    "train_batch": (32,),
    "train_steps": (50,),
}


def count(n: int, noun: str) -> str:
    return f"{n} {noun}{'s' if n != 1 else ''}"


@dataclass(frozen=True)
class Case:
    """Times are shown in `unit`, of which a microsecond is `scale`."""

    group: ClassVar[str]
    unit: ClassVar[str] = "us"
    scale: ClassVar[float] = 1.0
    least_rounds: ClassVar[int] = 1
    threaded: ClassVar[bool] = False  # else measured on one thread alone
    flop: ClassVar[float] = 0.0
    most_flop: ClassVar[float] = MOST_FLOP
    weights: ClassVar[int] = 0  # floats

    @property
    def word(self) -> str:
        """What stands for the cell in a case's line."""
        return self.cell

    @property
    def task(self) -> str:
        """What a peer can do or not."""
        return self.group

    def line(self) -> str:
        return "\t".join((self.name, self.word, *map(str, self.sizes))) + "\n"

    def record(self, threads: int) -> dict:
        return self.shape | {"threads": threads, "flop": self.flop, "weight_bytes": 4.0 * self.weights}


@dataclass(frozen=True)
class Layer(Case):
    """A layer whose input is as wide as its state."""

    cell: str
    hidden: int
    batch: int
    steps: int
    group = "layers"
    threaded = True

    @property
    def task(self) -> str:
        return self.word

    @property
    def sizes(self) -> tuple[int, int, int]:
        return self.hidden, self.batch, self.steps

    @property
    def name(self) -> str:
        return f"{self.word}_h{self.hidden}_b{self.batch}_t{self.steps}"

    @property
    def family(self) -> str:
        return f"{self.word}, batch {self.batch}, {count(self.steps, 'step')}"

    @property
    def weights(self) -> int:
        return CELLS[self.cell] * self.hidden * 2 * self.hidden

    @property
    def flop(self) -> float:
        return 2.0 * self.weights * self.batch * self.steps

    @property
    def shape(self) -> dict:
        shape = {"kind": "rnn", "cell": self.cell, "hidden": self.hidden, "input": self.hidden}
        return shape | {"batch": self.batch, "steps": self.steps, "layers": 1, "directions": 1}


@dataclass(frozen=True)
class Training(Layer):
    """A step of training that layer: forward, backward, Adam."""

    group = "training"
    most_flop = 3 * MOST_FLOP

    @property
    def word(self) -> str:
        return f"train_{self.cell}"

    @property
    def flop(self) -> float:
        return 3 * super().flop

    @property
    def shape(self) -> dict:
        return super().shape | {"kind": "training"}


@dataclass(frozen=True)
class Product(Case):
    """m rows by n columns of depth k, on weights that may be prepared. Ours runs on the calling thread."""

    m: int
    n: int
    k: int
    group = "gemm"
    cell = "gemm"

    @property
    def sizes(self) -> tuple[int, int, int]:
        return self.m, self.n, self.k

    @property
    def name(self) -> str:
        return f"gemm_m{self.m}_n{self.n}_k{self.k}"

    @property
    def family(self) -> str:
        return "gemm, squares" if self.m == self.n == self.k else f"gemm, m {self.m}"

    @property
    def weights(self) -> int:
        return self.n * self.k

    @property
    def flop(self) -> float:
        return 2.0 * self.m * self.weights

    @property
    def shape(self) -> dict:
        return {"kind": "gemm", "m": self.m, "n": self.n, "k": self.k}


@dataclass(frozen=True)
class Activation(Case):
    """A function over n elements. The class is ours; a peer has one function, whose accuracy is told."""

    function: str
    math: str
    n: int
    group = "activations"
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

    @property
    def name(self) -> str:
        return f"{self.cell}_n{self.n}"

    @property
    def family(self) -> str:
        return f"{self.function}, class {self.math}"

    @property
    def shape(self) -> dict:
        return {"kind": "activation", "function": self.function, "math": self.math, "n": self.n}


@dataclass(frozen=True)
class Start(Case):
    """A new process, from its start to the first output of a stack of LSTMs that it reads from a file."""

    form: str  # of our file; the peers read ONNX
    hidden: int = 256
    layers: int = 3
    steps: int = 50
    group = "start"
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
    def name(self) -> str:
        return f"{self.cell}_lstm{self.layers}_h{self.hidden}_t{self.steps}"

    @property
    def family(self) -> str:
        return f"start from {self.form}"

    @property
    def weights(self) -> int:
        return self.layers * CELLS["lstm"] * self.hidden * 2 * self.hidden

    @property
    def flop(self) -> float:
        return 2.0 * self.weights * self.steps

    @property
    def shape(self) -> dict:
        shape = {"kind": "start", "cell": "lstm", "form": self.form, "hidden": self.hidden, "input": self.hidden}
        return shape | {"batch": 1, "steps": self.steps, "layers": self.layers, "directions": 1}


def layers(grid: dict) -> Iterator[Case]:
    for cell in grid["cells"]:
        for hidden in grid["hidden"]:
            for steps in grid["steps"]:
                for batch in grid["batch"]:
                    yield Layer(cell, hidden, batch, steps)


def trainings(grid: dict) -> Iterator[Case]:
    for cell in (cell for cell in TRAINED if cell in grid["cells"]):
        for hidden in grid["train_hidden"]:
            for steps in grid["train_steps"]:
                for batch in grid["train_batch"]:
                    yield Training(cell, hidden, batch, steps)


def products(grid: dict) -> Iterator[Case]:
    for width in grid["widths"]:
        for rows in grid["rows"]:
            yield Product(rows, 4 * width, width)
    for size in grid["squares"]:
        yield Product(size, size, size)


def activations(grid: dict) -> Iterator[Case]:
    for function in FUNCTIONS:
        for math in MATHS:
            for elements in grid["elements"]:
                yield Activation(function, math, elements)


def starts(_: dict) -> Iterator[Case]:
    yield from map(Start, FORMS)


GROUPS = {"layers": layers, "training": trainings, "gemm": products, "activations": activations, "start": starts}


def cases_of(groups: tuple[str, ...], grid: dict, threads: int) -> list[Case]:
    """Ordered by model, as peers keep the weights of one."""
    found = dict.fromkeys(case for group in groups for case in GROUPS[group](grid))
    return [case for case in found if case.flop <= case.most_flop and (threads == 1 or case.threaded)]
