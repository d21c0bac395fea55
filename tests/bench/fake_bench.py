# SPDX-License-Identifier: Apache-2.0
"""Stands in for rnnpack-bench: the same options and result file, times from a model of a bad machine.

Every launch has an effect of its own (heavy tails) and may fall in a slow phase, which the calibration sees; single
repetitions are outliers at times. `install` makes programs of it.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import re
import shlex
import stat
import sys
from pathlib import Path

SLOW_PHASE = 1.25
PHASE_LAUNCHES = 7  # every third phase of so many launches is slow


def install(program: Path, counter: Path, *options: str) -> Path:
    """Makes an executable; programs with the same counter share a machine and so its phases."""
    program.parent.mkdir(parents=True, exist_ok=True)
    command = shlex.join([sys.executable, "-S", "-E", os.path.abspath(__file__), f"--counter={counter}", *options])
    program.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="ascii")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


def student(source: random.Random, degrees: int = 3) -> float:
    return source.gauss(0, 1) / (source.gammavariate(degrees / 2, 2) / degrees) ** 0.5


def entries(names: list[str], factors: dict[str, float], repetitions: int, launch: int, noise: float) -> list[dict]:
    source = random.Random(launch)
    phase = SLOW_PHASE if launch // PHASE_LAUNCHES % 3 == 2 else 1.0
    out = []
    for name in names:
        own = 10.0 * factors.get(name, 1.0) * math.exp(noise * student(source)) * phase
        for index in range(repetitions):
            outlier = source.expovariate(5) if source.random() < 0.03 else 0.0
            name_and_repeats = f"{name}/repeats:{repetitions}"
            out.append(
                dict(
                    name=name_and_repeats, run_name=name_and_repeats, run_type="iteration", repetitions=repetitions,
                    repetition_index=index, real_time=own * (1 + noise * abs(source.gauss(0, 1)) + outlier),
                    time_unit="us", calibration=100.0 / phase * (1 + noise / 2 * source.gauss(0, 1)),
                )
            )  # fmt: skip
    return out


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--counter", type=Path, required=True)
    parser.add_argument("--names", required=True, help="separated by commas")
    parser.add_argument("--factor", action="append", default=[], metavar="NAME=FACTOR")
    parser.add_argument("--noise", type=float, default=0.01)
    parser.add_argument("--fault", choices=["none", "crash", "signal", "not-json", "nan", "interrupt"], default="none")
    parser.add_argument("--benchmark_filter", default=".")
    parser.add_argument("--benchmark_list_tests", default="false")
    parser.add_argument("--benchmark_repetitions", type=int, default=1)
    parser.add_argument("--benchmark_out", type=Path)
    options, _ = parser.parse_known_args()

    names = [name for name in options.names.split(",") if re.search(options.benchmark_filter, name)]
    if options.benchmark_list_tests == "true":
        print("\n".join(names))
        return 0
    launch = int(options.counter.read_text()) if options.counter.exists() else 0
    options.counter.write_text(str(launch + 1))
    if options.fault == "crash":
        print("cannot set up lstm: no memory", file=sys.stderr)
        return 3
    if options.fault == "signal":
        os.abort()
    if options.fault == "interrupt" and launch == 24:
        os.kill(os.getppid(), 2)
    factors = dict((text.split("=")[0], float(text.split("=")[1])) for text in options.factor)
    benchmarks = entries(names, factors, options.benchmark_repetitions, launch, options.noise)
    if options.fault == "nan":
        benchmarks[0]["real_time"] = float("nan")
    text = json.dumps({"context": {"isa": "fake"}, "benchmarks": benchmarks})
    options.benchmark_out.write_text(text[:40] if options.fault == "not-json" else text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
