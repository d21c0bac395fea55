# SPDX-License-Identifier: Apache-2.0
"""The history as the report needs it: records per machine, benchmarks as series with their changes, peers as cases.

A time of a series is normalised by the calibration measured beside it, us * calibration / (the series' median
calibration): what the core would have needed at its usual speed.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from statistics import median

from results import BadResult, accuracy

OURS = "rnnpack"
EFFECT = 0.05  # a smaller step is not called a change
WINDOW = 3  # runs before and after a step that are looked at


@dataclass
class Machine:
    key: str
    facts: dict
    runs: list[dict] = field(default_factory=list)
    peers: list[dict] = field(default_factory=list)

    @property
    def newest(self) -> dict:
        return max((records[-1] for records in (self.runs, self.peers) if records), key=lambda record: record["date"])

    @property
    def limits(self) -> list[dict]:
        return self.newest["limits"]

    def cache(self, level: str) -> int:
        return int(float(self.facts.get(f"{level}_bytes") or 0))


@dataclass(frozen=True)
class Change:
    """From run `index` on the time is another: step is relative. A step at the newest run alone is not confirmed."""

    index: int
    step: float
    confirmed: bool

    @property
    def slower(self) -> bool:
        return self.step > 0


@dataclass(frozen=True)
class Series:
    """One benchmark over the runs of one machine."""

    name: str
    runs: list[dict]
    us: list[float]
    changes: list[Change]


SIZES = {"gemm": "k", "activation": "n", "conv": "c_out"}  # by kind; other cases have a hidden size, models have none


@dataclass(frozen=True)
class Case:
    """One case of the peers with medians over its rounds."""

    family: str  # cell, gemm, function, start, convolution or model
    axis: str  # what size is
    size: int  # 0: has none
    column: str
    group: str  # what sets whole tables apart: threads, layers, directions
    us: dict[str, float]
    ratios: dict[str, float]  # peer's time over ours, the median of the rounds' ratios
    limit_us: float
    percent: float
    spread: float
    difference: float
    accuracy: dict[str, str]  # of functions

    @property
    def best(self) -> str | None:
        return min(self.ratios, key=lambda peer: (self.us[peer], peer), default=None)


def amount(value: object, where: str, least: float = 0.0) -> None:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not least <= value < math.inf:
        raise BadResult(f"{where}: {value!r} is not a number from {least:g} on")


def check(record: dict, where: str) -> None:
    """What every later line relies on. A time below a femtosecond is none."""
    record["date"] = str(record.get("date") or "")
    for key, kind in (
        ("machine", dict),
        ("limits", list),
        ("settings", dict),
        ("peers", dict),
        ("benchmarks", list),
        ("cases", list),
    ):
        record[key] = record.get(key) or kind()
        if not isinstance(record[key], kind):
            raise BadResult(f"{where}: {key}: {record[key]!r} is not a {kind.__name__}")
    for entry in record["benchmarks"]:
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise BadResult(f"{where}: a benchmark without a name")
        amount(entry.get("us"), f"{where}: {entry['name']}: us", 1e-9)
        for key in ("calibration", "limit_us", "flop", "bytes"):
            amount(entry.get(key) or 0, f"{where}: {entry['name']}: {key}")
    for case in record["cases"]:
        if not isinstance(case, dict) or not isinstance(case.get("us"), dict):
            raise BadResult(f"{where}: a case without times")
        for key in ("hidden", "input", "batch", "steps", "layers", "directions", "threads", "m", "n", "k"):
            amount(case.get(key) or 0, f"{where}: {key} of a case")
        key = SIZES.get(case.get("kind"), "hidden")
        if case.get("kind") != "model":
            amount(case.get(key), f"{where}: {key} of a case", 1)
        for figures in ("max_error", "max_ulp"):
            for figure in (case.get(figures) or {}).values():
                amount(figure, f"{where}: {figures} of a case")
        for times in (*case["us"].values(), case.get("limit_us") or [1]):
            if not isinstance(times, list) or not times:
                raise BadResult(f"{where}: {times!r} are not the times of rounds")
            for time in times:
                amount(time, f"{where}: time of a round", 1e-9)


def machines_of(history: list[dict], path: str | os.PathLike) -> list[Machine]:
    machines: dict[str, Machine] = {}
    for number_of_record, record in enumerate(history, 1):
        check(record, f"{path}: record {number_of_record}")
        facts = record["machine"]
        key = str(facts.get("fingerprint") or "unknown")
        machine = machines.setdefault(key, Machine(key, facts))
        (machine.runs if record["kind"] == "run" else machine.peers).append(record)
    for machine in machines.values():
        machine.runs.sort(key=lambda record: record["date"])
        machine.peers.sort(key=lambda record: record["date"])
        machine.facts = machine.newest["machine"]
    return sorted(machines.values(), key=lambda machine: machine.newest["date"], reverse=True)


def changes_of(us: list[float]) -> list[Change]:
    """Steps that stay: the median of the runs after differs from the median of those before (up to WINDOW each, at
    least two before) by more than EFFECT and three times the noise, and none of those after is halfway back. The noise
    is the scaled median absolute deviation of the differences between neighbours, which a few steps do not move.
    """
    logs = [math.log(value) for value in us]
    steps = [after - before for before, after in zip(logs, logs[1:])]
    noise = 1.4826 * median(abs(step - median(steps)) for step in steps) / math.sqrt(2) if len(steps) > 2 else 0.0
    threshold = max(math.log1p(EFFECT), 3 * noise)
    found: list[Change] = []
    start = 0
    for index in range(2, len(logs)):
        if index - start < 2:
            continue
        before = median(logs[max(start, index - WINDOW) : index])
        after = [value - before for value in logs[index : index + WINDOW]]
        step = median(after)
        if abs(step) > threshold and all(math.copysign(1, step) * value > threshold / 2 for value in after):
            found.append(Change(index, math.expm1(step), len(after) > 1))
            start = index
    return found


def series_of(machine: Machine) -> list[Series]:
    """Those first whose latest change made them slower, then those that became faster, the largest step leading; the
    rest by name."""
    samples: dict[str, list[tuple[dict, dict]]] = {}
    for run in machine.runs:
        for entry in run["benchmarks"]:
            samples.setdefault(entry["name"], []).append((run, entry))
    series = []
    for name, pairs in samples.items():
        rates = [entry.get("calibration") or 0 for _, entry in pairs]
        usual = median(rates) if min(rates) > 0 else 0
        us = [entry["us"] * (rate / usual if usual else 1) for (_, entry), rate in zip(pairs, rates)]
        series.append(Series(name, [run for run, _ in pairs], us, changes_of(us)))

    def rank(one: Series) -> tuple[int, float, str]:
        if not one.changes:
            return 2, 0.0, one.name
        return int(not one.changes[-1].slower), -abs(one.changes[-1].step), one.name

    return sorted(series, key=rank)


def case_of(case: dict) -> Case:
    many = {key: int(case.get(key) or 1) for key in ("threads", "layers", "directions")}
    group = ", ".join(
        f"{count} {key if count > 1 else key[:-1]}" for key, count in many.items() if key == "threads" or count > 1
    )
    if case.get("kind") == "gemm":
        m, n, k = (int(case.get(key) or 0) for key in "mnk")
        family, axis, size = str(case.get("cell") or "gemm"), "k", k
        column = "squares" if m == n == k else f"m {m}, n {n // k}k" if n % k == 0 else f"m {m}, n {n}"
    elif case.get("kind") == "activation":
        family, axis, size = str(case.get("function")), "elements", int(case.get("n") or 0)
        column = f"class {case.get('math')}"
    elif case.get("kind") == "conv":
        kernel, stride, groups, length, batch = (
            int(case.get(key) or 1) for key in ("kernel", "stride", "groups", "length", "batch")
        )
        family, axis, size = "conv", "channels", int(case.get("c_out") or 0)
        if groups > 1:
            family += f", {groups} groups"
        if (channels := int(case.get("c_in") or size)) != size:
            family += f" of {channels}"
        column = f"kernel {kernel}, length {length}, batch {batch}" + (f", stride {stride}" if stride > 1 else "")
    elif case.get("kind") == "model":
        family, axis, size, column = str(case.get("model")), "model", 0, "batch 1"
    else:
        family, axis, size = str(case.get("cell")), "hidden size", int(case.get("hidden") or 0)
        if case.get("kind") == "start":
            family += f", start from {case.get('form')}"
        elif case.get("kind") == "training":
            family += ", training"
        steps = int(case.get("steps") or 1)
        column = f"batch {int(case.get('batch') or 1)}, {steps} step{'s' if steps > 1 else ''}"
        if (width := int(case.get("input") or size)) != size:
            column += f", input {width}"
    rounds = case["us"]
    us = {peer: median(times) for peer, times in rounds.items()}
    ours, limits = rounds.get(OURS, []), case.get("limit_us") or []
    ratios = {
        peer: median(b / a for a, b in zip(ours, times)) if len(times) == len(ours) else us[peer] / us[OURS]
        for peer, times in rounds.items()
        if ours and peer != OURS
    }
    ulp, errors = case.get("max_ulp") or {}, case.get("max_error") or {}
    return Case(
        family,
        axis,
        size,
        column,
        group,
        us,
        ratios,
        median(limits) if limits else 0.0,
        100 * median(limit / time for limit, time in zip(limits, ours)) if limits and ours else 0.0,
        max(ours) / min(ours) if ours else 0.0,
        max(errors.values(), default=0.0),
        {peer: accuracy(ulp[peer], errors.get(peer, 0.0)) for peer in ulp},
    )
