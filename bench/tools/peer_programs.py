# SPDX-License-Identifier: Apache-2.0
"""Cases, and the peers as running processes that answer one case at a time (bench/peers/peer.h)."""

from __future__ import annotations

import argparse
import ctypes
import functools
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "peers"
PYTHON = "/usr/bin/python3"  # the one that Debian's modules belong to
CELLS = {"lstm": 4, "gru": 3, "gru_lbr": 3, "rnn": 1}  # and their gates
GEMM_GATES = 4
EVERY_CELL = frozenset((*CELLS, "gemm"))

# What caps each library's instruction set. ONNX Runtime has no such switch.
ISA_CAPS = {
    "avx2": {
        "RNNPACK_MAX_ISA": "avx2",
        "DNNL_MAX_CPU_ISA": "AVX2",
        "ATEN_CPU_CAPABILITY": "avx2",
        "OPENBLAS_CORETYPE": "Haswell",
    },
    "avx512": {"RNNPACK_MAX_ISA": "avx512", "DNNL_MAX_CPU_ISA": "AVX512_CORE"},
}

START_SECONDS = 60
ANSWER_SECONDS = 120


@dataclass(frozen=True)
class Case:
    """A layer whose input is as wide as its state; or "gemm": `batch` rows by 4 * hidden columns, depth hidden."""

    cell: str
    hidden: int
    batch: int
    steps: int

    @property
    def name(self) -> str:
        if self.cell == "gemm":
            return f"gemm_m{self.batch}_n{GEMM_GATES * self.hidden}_k{self.hidden}"
        return f"{self.cell}_h{self.hidden}_b{self.batch}_t{self.steps}"

    @property
    def weights(self) -> int:
        if self.cell == "gemm":
            return GEMM_GATES * self.hidden**2
        return CELLS[self.cell] * self.hidden * 2 * self.hidden

    @property
    def flop(self) -> float:
        return 2.0 * self.weights * self.batch * self.steps

    def line(self) -> str:
        return "\t".join(map(str, (self.name, self.cell, self.hidden, self.batch, self.steps))) + "\n"

    def record(self, threads: int) -> dict:
        if self.cell == "gemm":
            shape = {"kind": "gemm", "m": self.batch, "n": GEMM_GATES * self.hidden, "k": self.hidden}
        else:
            shape = {"kind": "rnn", "cell": self.cell, "hidden": self.hidden, "input": self.hidden}
            shape |= {"batch": self.batch, "steps": self.steps, "layers": 1, "directions": 1}
        return shape | {"threads": threads, "flop": self.flop, "weight_bytes": 4.0 * self.weights}


class PeerFailed(Exception):
    """A peer that did not start, or that ended instead of answering; the message tells its last words."""


def in_child(cpus: set[int]) -> None:
    """No binding but of the process: workers of PyTorch's BLAS inherit the binding of a single thread."""
    os.sched_setaffinity(0, cpus)
    pr_set_pdeathsig = 1  # a stopped child would otherwise outlive us
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


class Program:
    """A running peer, stopped unless it is asked."""

    def __init__(self, command: Iterable[str], threads: int, log: Path) -> None:
        team = {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
        self.log = open(log, "w+", encoding="utf-8", errors="replace")
        try:
            self.process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.log,
                bufsize=0,
                env=os.environ | team,
                preexec_fn=functools.partial(in_child, set(sorted(os.sched_getaffinity(0))[:threads])),
            )
        except OSError as error:
            self.log.close()
            raise PeerFailed(f"{error.filename}: {error.strerror}") from error
        self.hello = self._answer(START_SECONDS)

    def ask(self, case: Case) -> dict:
        self.process.send_signal(signal.SIGCONT)
        try:
            self.process.stdin.write(case.line().encode())
        except BrokenPipeError:
            pass  # it has ended: there will be no answer either
        return self._answer(ANSWER_SECONDS)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.log.close()

    def _answer(self, seconds: float) -> dict:
        deadline = time.monotonic() + seconds
        output = self.process.stdout.fileno()
        text = b""
        while not text.endswith(b"\n"):
            ready, _, _ = select.select([output], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                self._fail(f"no answer in {seconds} s")
            piece = os.read(output, 1 << 16)
            if not piece:
                self._fail(None)
            text += piece
        self.process.send_signal(signal.SIGSTOP)
        try:
            return json.loads(text)
        except ValueError:
            self._fail(f"said {text!r}")

    def _fail(self, reason: str | None) -> None:
        if reason is None:
            code = self.process.wait()
            reason = f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
        self.log.seek(0)
        last_words = self.log.read().strip().splitlines()
        self.close()
        raise PeerFailed(": ".join([reason, *last_words[-1:]]))


@dataclass(frozen=True)
class Contender:
    """A library to run beside: its program, what it can do, and how to get it."""

    name: str
    command: tuple[str, ...]
    cells: frozenset[str]
    hint: str

    def start(self, threads: int, work: Path, *more: str) -> Program:
        return Program((*self.command, "--threads", str(threads), *more), threads, work / f"{self.name}.log")


def blas_name(library: str) -> str:
    return Path(library).name.split(".")[0].removeprefix("lib")


def contenders(options: argparse.Namespace) -> list[Contender]:
    """Ours first: the others are held against it."""
    data = ("--dir", str(options.work), "--budget", str(options.budget))

    def program(name: str, *more: str) -> tuple[str, ...]:
        return (str(options.build / "bench" / "peers" / f"bench-peer-{name}"), *data, *more)

    ort_hint = "npm install onnxruntime-node, then --ort with its libonnxruntime.so.1"
    torch = (PYTHON, str(FOLDER / "torch_peer.py"), *data)
    torch_cells = frozenset(("lstm", "gru_lbr", "rnn"))
    blas_hint = "apt-get install libopenblas0-pthread libblis4-pthread, or --blas with another library"
    found = [
        Contender("rnnpack", program("rnnpack"), EVERY_CELL, "build the target bench-peer-rnnpack"),
        Contender("onednn", program("onednn"), EVERY_CELL, "apt-get install libdnnl-dev, then build again"),
        Contender("onnxruntime", program("ort", "--library", options.ort), EVERY_CELL, ort_hint),
    ]
    if options.torch:
        found.append(Contender("torch", torch, torch_cells, "apt-get install python3-torch libopenblas0-pthread"))
    for library in options.blas:
        command = program("blas", "--library", library)
        found.append(Contender(blas_name(library), command, frozenset(("gemm",)), blas_hint))
    return found
