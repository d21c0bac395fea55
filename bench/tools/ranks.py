#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long a training step takes on many ranks (docs/explanation/many-machines.md has the model in words).

    ranks.py table             the page's table, from the costs below
    ranks.py measure PROGRAM   these costs on this host: CPU time of `rnnpack train` on one thread
"""

from __future__ import annotations

import math
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

SLICE_ROWS = 16
WORD_BYTES = 576  # what a rank says to all others in a step (rnnp_word)
ADD_SECONDS = 1.2e-9  # one element of one node added: 12 bytes at 10 GB/s
RANKS = (8, 64, 512)


@dataclass(frozen=True)
class Model:
    name: str
    hidden: int
    layers: int
    parameters: int
    slice_seconds: float  # 16 rows of 50 steps, forwards and backwards, on one core
    fixed_seconds: float  # packing the weights, norm, optimiser: once a step, on one core


@dataclass(frozen=True)
class Network:
    name: str
    bytes_per_second: float
    latency: float  # of a small message
    overhead: float  # of each message, at the rank that sends or receives it


MODELS = (
    Model("LSTM 64", 64, 1, 25_218, 1.27e-3, 0.19e-3),
    Model("2 x LSTM 256", 256, 2, 823_810, 35.4e-3, 3.1e-3),
    Model("3 x LSTM 512", 512, 3, 5_321_730, 252e-3, 20e-3),
)
NETWORKS = (Network("10 GbE", 1.1e9, 30e-6, 5e-6), Network("100 GbE", 11e9, 3e-6, 1e-6))


def nodes_of(slices: int, first: int, end: int) -> int:
    """How many nodes of the tree over all slices the slices [first, end) add up to (src/train/tree.h)."""
    nodes = 0
    while first < end:
        level = (first & -first).bit_length() - 1 if first else slices.bit_length()
        while first + (1 << level) > end and not (end == slices and first + (1 << level) > slices):
            level -= 1
        first += 1 << level
        nodes += 1
    return nodes


def compute(model: Model, batch: int, ranks: int, threads: int) -> float:
    slices = math.ceil(batch / SLICE_ROWS)
    return math.ceil(math.ceil(slices / ranks) / threads) * model.slice_seconds + model.fixed_seconds / min(threads, 4)


def messages(model: Model, network: Network, batch: int, ranks: int) -> float:
    if ranks == 1:
        return 0.0
    slices = math.ceil(batch / SLICE_ROWS)
    each = math.ceil(slices / ranks)
    nodes = max(nodes_of(slices, r * each, min(slices, (r + 1) * each)) for r in range(math.ceil(slices / each)))
    words = math.ceil(math.log2(ranks)) * network.latency + (ranks - 1) * WORD_BYTES / network.bytes_per_second
    part = 4 * model.parameters * (ranks - 1) / ranks / network.bytes_per_second
    return (words + 2 * network.latency + (nodes + 1) * (part + 2 * (ranks - 1) * network.overhead)
            + nodes * model.parameters * ADD_SECONDS)


def step(model: Model, network: Network, batch: int, ranks: int, threads: int) -> float:
    return compute(model, batch, ranks, threads) + messages(model, network, batch, ranks)


def last_that_pays(model: Model, network: Network, batch: int, threads: int, gain: float = 1.25) -> int:
    """The largest power of two of ranks up to which each doubling makes the step shorter by this factor."""
    ranks = 1
    while ranks < 4096 and step(model, network, batch, ranks, threads) >= gain * step(model, network, batch, 2 * ranks,
                                                                                      threads):
        ranks *= 2
    return ranks


def time_text(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1e3 * seconds:.3g} ms"


def table() -> None:
    print("| model | batch | threads | network | 1 rank | " + " | ".join(f"{n} ranks" for n in RANKS)
          + " | pays up to |")
    print("|---|---|---|---|---|" + "---|" * (len(RANKS) + 1))
    for model in MODELS:
        for batch, threads in ((1024, 1), (8192, 1), (8192, 16)):
            for network in NETWORKS:
                alone = step(model, network, batch, 1, threads)
                cells = [f"{time_text(step(model, network, batch, n, threads))} "
                         f"({alone / step(model, network, batch, n, threads):.0f}x)" for n in RANKS]
                print(f"| {model.name} | {batch} | {threads} | {network.name} | {time_text(alone)} | "
                      + " | ".join(cells)
                      + f" | {last_that_pays(model, network, batch, threads)} |")


def cpu_seconds(program: str, folder: Path, model: Model, batch: int, epochs: int) -> float:
    config = folder / "config.ini"
    config.write_text("[data]\nformat=npy\ntrain=x.npy\ntrain_labels=y.npy\ntarget=label\n[model]\nlayers=\n"
                      + f"    lstm {model.hidden}\n" * model.layers + "    dense 2 softmax\n"
                      + f"[train]\nloss=sparse\nepochs={epochs}\nbatch={batch}\n")
    spent = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([program, "train", str(config), "--threads", "1", "--quiet"], check=True,
                       stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(spent)


def measure(program: str) -> None:
    import numpy as np

    rows = 256
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "x.npy", random.standard_normal((rows, 50, 32)).astype(np.float32))
        np.save(folder / "y.npy", random.integers(0, 2, rows).astype(np.int32))
        slices = rows // SLICE_ROWS
        for model in MODELS:
            epochs = max(1, round(0.05 / model.slice_seconds))
            large, small = ((cpu_seconds(program, folder, model, batch, 2 * epochs)
                             - cpu_seconds(program, folder, model, batch, epochs)) / epochs
                            for batch in (rows, SLICE_ROWS))
            fixed = (small - large) / (slices - 1)
            print(f"{model.name}: a slice {1e3 * (large - fixed) / slices:.3g} ms, once a step {1e3 * fixed:.3g} ms")


if __name__ == "__main__":
    if sys.argv[1:] == ["table"]:
        table()
    elif len(sys.argv) == 3 and sys.argv[1] == "measure":
        measure(sys.argv[2])
    else:
        sys.exit(__doc__)
