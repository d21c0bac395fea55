# SPDX-License-Identifier: Apache-2.0
"""Result files of rnnpack-bench (Google Benchmark's JSON) and the history (JSON lines): reading and writing."""

from __future__ import annotations

import json
import os
import re
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# What Google Benchmark appends to a name: /repeats:3, /min_time:0.005, /real_time, /manual_time, /threads:1 of its own
_SUFFIX = re.compile(r"/(repeats:\d+|min_time:[\d.]+|iterations:\d+|real_time|process_time|manual_time)$")
_MICROSECONDS = {"ns": 1e-3, "us": 1.0, "ms": 1e3, "s": 1e6}


class BadResult(Exception):
    """A file that is not what it should be; the message names the file and what is wrong."""


@dataclass(frozen=True)
class Sample:
    """One repetition of one benchmark. Times in microseconds per call."""

    us: float
    calibration: float
    limit_us: float
    bound: float
    flop: float
    bytes: float
    doubtful: bool = False  # the limit: more than the FMA peak was reached


@dataclass(frozen=True)
class Launch:
    """One run of rnnpack-bench: what it says of itself, and the samples of each benchmark."""

    context: dict
    samples: dict[str, list[Sample]]


def bare_name(name: str) -> str:
    while match := _SUFFIX.search(name):
        name = name[: match.start()]
    return name


def read_launch(path: str | os.PathLike) -> Launch:
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise BadResult(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise BadResult(f"{path}: not JSON: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("benchmarks"), list):
        raise BadResult(f"{path}: no list of benchmarks in it")
    samples: dict[str, list[Sample]] = {}
    for entry in document["benchmarks"]:
        if entry.get("run_type", "iteration") != "iteration" or "aggregate_name" in entry:
            continue
        name = bare_name(entry.get("run_name") or entry["name"])
        if entry.get("error_occurred"):
            reason = entry.get("error_message", "no reason given")
            if reason.startswith("skipped:"):
                continue
            raise BadResult(f"{path}: {name} failed: {reason}")
        try:
            us = float(entry["real_time"]) * _MICROSECONDS[entry["time_unit"]]
        except (KeyError, TypeError, ValueError) as error:
            raise BadResult(f"{path}: {name}: no time in it") from error
        if not 0 < us < float("inf"):
            raise BadResult(f"{path}: {name}: time {us} us is impossible")
        numbers = (float(entry.get(key, 0)) for key in ("calibration", "limit_us", "bound", "flop", "bytes"))
        samples.setdefault(name, []).append(Sample(us, *numbers, bool(entry.get("limit_doubtful", 0))))
    if not samples:
        raise BadResult(f"{path}: no benchmark in it")
    return Launch(document.get("context", {}), samples)


def summary(name: str, samples: list[Sample]) -> dict:
    """A benchmark's line in the history."""
    times = [s.us for s in samples]
    return {
        "name": name,
        "us": statistics.median(times),
        "spread": max(times) / min(times),
        "calibration": statistics.median(s.calibration for s in samples),
        "limit_us": statistics.median(s.limit_us for s in samples),
        "bound": int(samples[0].bound),
        "flop": samples[0].flop,
        "bytes": samples[0].bytes,
        "limit_doubtful": sum(s.doubtful for s in samples) * 2 > len(samples),
    }


def aligned(rows: list[list[str]], left: tuple[int, ...] = (0,)) -> Iterator[str]:
    """The lines of a table; columns of numbers end at one place, those of `left` begin there."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (text.ljust(w) if i in left else text.rjust(w) for i, (text, w) in enumerate(zip(row, widths)))
        yield "  ".join(cells).rstrip()


def accuracy(ulp: float, error: float) -> str:
    """Of a function. Where an absolute bound is what it keeps, ULP of tiny results say nothing: then the error
    relative to 1 + |y|."""
    return f"{ulp:.2g} ULP" if ulp < 100 else f"{error:.0e}"


def append_history(path: str | os.PathLike, record: dict) -> None:
    """One line, written at once: readers see all of it or nothing."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(record, separators=(",", ":"), sort_keys=True) + "\n"
    with open(path, "ab", buffering=0) as file:
        file.write(line.encode("utf-8"))


def read_history(path: str | os.PathLike) -> list[dict]:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise BadResult(f"{path}: {error.strerror}") from error
    records = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            raise BadResult(f"{path}:{number}: not JSON: {error}") from error
        if not isinstance(record, dict) or record.get("kind") not in ("run", "peers"):
            raise BadResult(f"{path}:{number}: neither a run nor a peers record")
        records.append(record)
    return records
