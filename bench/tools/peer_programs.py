# SPDX-License-Identifier: Apache-2.0
"""The peers as running processes that answer one case at a time (bench/peers/peer.h)."""

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

from peer_cases import CELLS, FORMATS, TRAINED, Case

FOLDER = Path(__file__).resolve().parent.parent / "peers"
PYTHON = "/usr/bin/python3"  # the one that Debian's modules belong to

# What caps each library's instruction set; one that is not named here has no such switch. BLIS knows kernels by number.
ISA_CAPS = {
    "avx2": {
        "rnnpack": {"RNNPACK_MAX_ISA": "avx2"},
        "onednn": {"DNNL_MAX_CPU_ISA": "AVX2"},
        "onednn_blocked": {"DNNL_MAX_CPU_ISA": "AVX2"},
        "torch": {"ATEN_CPU_CAPABILITY": "avx2", "OPENBLAS_CORETYPE": "Haswell", "DNNL_MAX_CPU_ISA": "AVX2"},
        "openblas": {"OPENBLAS_CORETYPE": "Haswell"},
        "blis": {"BLIS_ARCH_TYPE": "3"},
        "libxsmm": {"LIBXSMM_TARGET": "hsw"},
        "sleef": {"PEERS_MAX_ISA": "avx2"},
        "libmvec": {"PEERS_MAX_ISA": "avx2"},
    },
    "avx512": {
        "rnnpack": {"RNNPACK_MAX_ISA": "avx512"},
        "onednn": {"DNNL_MAX_CPU_ISA": "AVX512_CORE"},
        "onednn_blocked": {"DNNL_MAX_CPU_ISA": "AVX512_CORE"},
        "sleef": {"PEERS_MAX_ISA": "avx512"},
        "libmvec": {"PEERS_MAX_ISA": "avx512"},
    },
}

START_SECONDS = 60
ANSWER_SECONDS = 120


class PeerFailed(Exception):
    """A peer that did not start, or that ended instead of answering; the message tells its last words."""


def in_child(cpus: set[int]) -> None:
    """No binding but of the process: workers of PyTorch's BLAS inherit the binding of a single thread."""
    os.sched_setaffinity(0, cpus)
    pr_set_pdeathsig = 1  # a stopped child would otherwise outlive us
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


class Program:
    """A running peer, stopped unless it is asked."""

    def __init__(self, command: Iterable[str], threads: int, log: Path, more: dict[str, str]) -> None:
        team = {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
        self.log = open(log, "w+", encoding="utf-8", errors="replace")
        try:
            self.process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.log,
                bufsize=0,
                env=os.environ | team | more,
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
    tasks: frozenset[str]
    hint: str
    isa: str | None = None

    @property
    def capped(self) -> bool:
        return self.isa is None or self.name in ISA_CAPS[self.isa]

    def start(self, threads: int, work: Path, *more: str) -> Program:
        cap = ISA_CAPS.get(self.isa, {}).get(self.name, {})
        return Program((*self.command, "--threads", str(threads), *more), threads, work / f"{self.name}.log", cap)


def blas_name(library: str) -> str:
    return Path(library).name.split(".")[0].removeprefix("lib")


def contenders(options: argparse.Namespace) -> list[Contender]:
    """Ours first: the others are held against it."""
    data = ("--dir", str(options.work), "--budget", str(options.budget))

    def program(name: str, *more: str) -> tuple[str, ...]:
        return (str(options.build / "bench" / "peers" / f"bench-peer-{name}"), *data, *more)

    cells, formats = frozenset(CELLS), frozenset(FORMATS)
    gemm, activations = frozenset(("gemm",)), frozenset(("activations",))
    training = frozenset(f"train_{cell}" for cell in TRAINED)
    conv, models = frozenset(("conv",)), frozenset(("start", "models"))
    most = cells | formats | gemm | activations | conv
    onednn_hint = "apt-get install libdnnl-dev, then build again, or --onednn with the folder of another"
    ort_hint = "npm install onnxruntime-node, then --ort with its libonnxruntime.so.1"
    blas_hint = "apt-get install libopenblas0-pthread libblis4-pthread, or --blas with another library"
    torch = (PYTHON, str(FOLDER / "torch_peer.py"), *data)
    found = [
        ("rnnpack", program("rnnpack"), most | models | training, "build the target bench-peer-rnnpack"),
        ("onednn", program("onednn"), most | training, onednn_hint),
        ("onednn_blocked", program("onednn", "--blocked"), conv, onednn_hint),
        ("onnxruntime", program("ort", "--library", options.ort), most | models, ort_hint),
        ("torch", torch, (cells - {"gru"}) | training, "apt-get install python3-torch libopenblas0-pthread"),
        *((blas_name(library), program("blas", "--library", library), gemm, blas_hint) for library in options.blas),
        ("libxsmm", program("xsmm"), gemm, "apt-get install libxsmm-dev, then build again"),
        ("sleef", program("vector", "--library", "libsleef.so.3"), activations, "apt-get install libsleef3"),
        ("libmvec", program("vector", "--library", "libmvec.so.1"), activations, "glibc 2.35 or later on x86-64"),
    ]
    if options.provider:
        provider = str((options.build / "librnnpack-ort.so").resolve())  # ONNX Runtime looks in its own folder
        with_ours = program("ort", "--library", options.ort, "--provider", provider)
        ort = next(fields for fields in found if fields[0] == "onnxruntime")
        found = [("rnnpack", with_ours, *ort[2:]), ort]
    return [Contender(*fields, options.isa) for fields in found if options.torch or fields[0] != "torch"]
