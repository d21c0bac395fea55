# SPDX-License-Identifier: Apache-2.0
"""PyTorch as a peer: the same questions and answers as the programs beside it (peer.h). Its GRU resets after."""

from __future__ import annotations

import argparse
import gc
import json
import math
import re
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

TOLERANCE = 1e-4
BATCH_SECONDS = 200e-6
LEAST_SAMPLES, MOST_SAMPLES = 3, 1000

# Layer, and where each of its gates stands in ONNX's order. LSTM: input, forget, candidate, output; GRU: reset first.
CELLS = {"lstm": (torch.nn.LSTM, (0, 2, 3, 1)), "gru_lbr": (torch.nn.GRU, (1, 0, 2)), "rnn": (torch.nn.RNN, (0,))}


def load_layer(directory: Path, cell: str, hidden: int, *stack: int) -> torch.nn.Module:
    """stack: input, layers and directions, if they are told. The file has all W, then all R, then all biases."""
    make, order = CELLS[cell]
    name = f"{cell}_h{hidden}" + ("_i{}_l{}_d{}".format(*stack) if stack else "")
    width, layers, directions = stack or (hidden, 1, 1)
    layer = make(width, hidden, layers, bidirectional=directions > 1).eval()
    ends = [f"l{i}{end}" for i in range(layers) for end in ("", "_reverse")[:directions]]
    names = [f"weight_ih_{end}" for end in ends] + [f"weight_hh_{end}" for end in ends]
    names += [f"bias_{half}_{end}" for end in ends for half in ("ih", "hh")]
    data = np.fromfile(directory / f"{name}.f32", dtype="<f4")
    for parameter in (getattr(layer, name) for name in names):
        part, data = np.split(data, [parameter.numel()])
        sorted_gates = part.reshape(len(order), -1)[list(order)]
        parameter.data.copy_(torch.from_numpy(sorted_gates).reshape(parameter.shape))
    if data.size:
        raise ValueError(f"{name}.f32 has {data.size} floats too many")
    return layer


class Training:
    """A layer and its Adam; one call is a step. Its x wants a gradient, as under another layer."""

    def __init__(self, layer: torch.nn.Module, x: torch.Tensor) -> None:
        self.layer = layer.train()
        self.x = x.clone().requires_grad_()
        self.zeros = torch.zeros_like(x)
        self.adam = torch.optim.Adam(layer.parameters(), lr=1e-3)

    def __call__(self) -> torch.Tensor:
        self.adam.zero_grad(set_to_none=True)
        self.x.grad = None
        loss = torch.nn.functional.mse_loss(self.layer(self.x)[0], self.zeros)
        loss.backward()
        self.adam.step()
        return loss

    def check_values(self, order: tuple[int, ...]) -> np.ndarray:
        """The y of peer.h, of the two steps that this takes."""
        first = self().item()
        gradient = self.layer.weight_hh_l0.grad.numpy()
        gates = gradient.reshape(len(order), -1)[np.argsort(order)].reshape(-1).copy()
        second = self().item()
        return self.x.numel() * np.concatenate([[first, second], gates])


def measure(run: Callable[[], object], budget: float) -> tuple[list[float], int]:
    """Microseconds per call of each batch, and the number of calls; the rules are peer.cpp's."""

    def seconds(calls: int) -> float:
        start = time.perf_counter()
        for _ in range(calls):
            run()
        return time.perf_counter() - start

    call = seconds(1)
    least = 1 if call > budget else LEAST_SAMPLES
    spent = call
    while spent < budget / 5:
        call = seconds(1)
        spent += call
    inner = math.ceil(BATCH_SECONDS / max(call, 20e-9))
    samples: list[float] = []
    spent = 0.0
    while len(samples) < least or (spent < budget and len(samples) < MOST_SAMPLES):
        batch = seconds(inner)
        spent += batch
        samples.append(batch / inner * 1e6)
    return samples, len(samples) * inner


class TorchPeer:
    def __init__(self, directory: Path, budget: float) -> None:
        self.directory = directory
        self.budget = budget
        self.key: tuple[str | int, ...] | None = None
        self.layer: torch.nn.Module | None = None

    def answer(self, line: str) -> dict:
        name, cell, *sizes = line.split("\t")
        hidden, batch, steps, *stack = map(int, sizes)
        width, layers, directions = stack or (hidden, 1, 1)
        x = self.first_floats(steps, batch, width)
        wanted = np.fromfile(self.directory / f"{name}.y.f32", dtype="<f4")
        if cell.startswith("train_"):
            cell = cell.removeprefix("train_")
            training = Training(load_layer(self.directory, cell, hidden), x)
            return self.timed(name, training, training.check_values(CELLS[cell][1]), wanted)
        with torch.inference_mode():
            if self.key != (cell, hidden, *stack):
                self.layer, self.key = load_layer(self.directory, cell, hidden, *stack), (cell, hidden, *stack)
            state = self.first_floats(layers * directions, batch, hidden)
            states = (state, state) if cell == "lstm" else state
            y = self.layer(x, states)[0].numpy().reshape(-1)
            return self.timed(name, lambda: self.layer(x, states), y, wanted)

    def first_floats(self, *shape: int) -> torch.Tensor:
        data = np.fromfile(self.directory / "x.f32", dtype="<f4", count=math.prod(shape))
        return torch.from_numpy(data.reshape(shape))

    def timed(self, name: str, run: Callable[[], object], y: np.ndarray, wanted: np.ndarray) -> dict:
        error = np.abs(y - wanted) / (1 + np.abs(wanted))
        wrong = np.flatnonzero(~(error <= TOLERANCE))
        if wrong.size:
            i = wrong[0]
            return {"case": name, "error": f"case {name}: y[{i}] is {y[i]:g}, but {wanted[i]:g} in {name}.y.f32"}
        samples, calls = measure(run, self.budget)
        return {
            "case": name,
            "us_median": statistics.median(samples),
            "us_min": min(samples),
            "calls": calls,
            "max_error": float(error.max()),
        }


def settings() -> str:
    """The instruction set, and the BLAS that was loaded: the plain reference one makes PyTorch slow."""
    found = re.search(r"CPU capability usage: (\S+)", torch.__config__.show())
    loaded = re.findall(r"/(lib\w*blas\w*)[^/\n]*$", Path("/proc/self/maps").read_text(encoding="utf-8"), re.MULTILINE)
    blas = " ".join(sorted(set(loaded))) or "own BLAS"
    return f"isa {found[1].lower() if found else 'unknown'}, inference mode but for training, {blas}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--budget", type=float, default=0.03)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    gc.disable()
    print(json.dumps({"peer": "torch", "version": torch.__version__, "settings": settings()}), flush=True)
    peer = TorchPeer(options.dir, options.budget)
    status = 0
    for line in sys.stdin:
        try:
            answer = peer.answer(line.rstrip("\n"))
        except Exception as error:  # whatever it is, the other cases go on
            name = line.split("\t")[0]
            answer = {"case": name, "error": f"case {name}: {error}"}
        status |= "error" in answer
        print(json.dumps(answer), flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
