#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compares rnnpack with other libraries: script/bench peers.

Every peer is a separate process that runs one case at a time. In a round each case goes to all peers, one after
another, so that the times of a round are fractions of a second apart. On a shared machine a core is slow for minutes and
then fast again, so only times from the same moment can be compared. The order rotates from round to round. A peer that
is waiting is stopped (SIGSTOP), because the workers of some libraries spin after a call.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import machine
import records
import results
from peer_cases import CELLS, DEFAULT, FORMATS, FULL, GROUPS, MOST_FLOP, OVERHEAD, QUICK, Case, cases_of, count
from peer_programs import FOLDER, ISA_CAPS, PYTHON, Contender, PeerFailed, Program, blas_name, contenders
from records import OURS
from results import aligned

# ---- Measuring ------------------------------------------------------------------------------------


@dataclass
class Result:
    """The rounds of one case at one number of threads."""

    case: Case
    threads: int
    us: dict[str, list[float]] = field(default_factory=dict)
    us_min: dict[str, list[float]] = field(default_factory=dict)
    limit_us: list[float] = field(default_factory=list)
    max_error: dict[str, float] = field(default_factory=dict)
    max_ulp: dict[str, float] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)

    def add(self, name: str, answer: dict) -> None:
        self.us.setdefault(name, []).append(answer["us_median"])
        self.us_min.setdefault(name, []).append(answer["us_min"])
        if "max_ulp" in answer:
            self.max_ulp[name] = answer["max_ulp"]
        if "limit_us" in answer:
            self.limit_us.append(answer["limit_us"])
        # the other outputs are held against ours, which are those of weights in f32
        if name != OURS or self.case.group == "formats" or "max_ulp" in answer:
            self.max_error[name] = max(answer["max_error"], self.max_error.get(name, 0.0))

    def fail(self, name: str) -> None:
        self.failed.add(name)
        for figures in (self.us, self.us_min, self.max_error, self.max_ulp):
            figures.pop(name, None)

    def record(self) -> dict:
        return self.case.record(self.threads) | {
            "us": self.us,
            "us_min": self.us_min,
            "limit_us": self.limit_us,
            "max_error": self.max_error,
            "max_ulp": self.max_ulp,
        }


class Runner:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.peers: dict[str, dict] = {}
        self.left_out: dict[str, str] = {}
        self.lacking: list[str] = []
        self.troubles: list[str] = []
        self.uncapped: set[str] = set()
        self.refused: set[Case] = set()  # models that ours does not run

    def trouble(self, text: str) -> None:
        if text not in self.troubles:
            self.troubles.append(text)
            print(text, file=sys.stderr, flush=True)

    def leave_out(self, contender: Contender, reason: str) -> None:
        self.left_out[contender.name] = f"{reason}; to get it: {contender.hint}"

    def prepare(self, cases: list[Case]) -> None:
        """Weights and inputs, models for ONNX Runtime, and the outputs that all must agree with."""
        work = self.options.work
        work.mkdir(parents=True, exist_ok=True)
        lines = "".join(case.line() for case in cases)
        for what in ("weights", "models"):
            command = [PYTHON, str(FOLDER / "prepare.py"), "--dir", str(work), what]
            if self.options.models:
                command += ["--models", *(f"{name}={path}" for name, path in self.options.models.items())]
            done = subprocess.run(command, input=lines, text=True, stderr=subprocess.PIPE, check=False)
            if done.returncode == 2 and what == "models":
                self.left_out["onnxruntime"] = f"no models: {done.stderr.strip()}"
            elif done.returncode:
                raise PeerFailed(f"{work}: no {what}: {done.stderr.strip()}")
        ours = contenders(self.options)[0].start(1, work, "--write")
        try:
            for case in cases:
                if case.group == "activations":
                    continue  # these are held against double precision
                answer = ours.ask(case)
                if "error" in answer and case.group == "models":
                    self.trouble(f"{OURS}: {answer['error']}")
                    self.refused.add(case)
                elif "error" in answer:
                    raise PeerFailed(answer["error"])
        finally:
            ours.close()

    def team(self, threads: int, cases: list[Case]) -> Iterator[tuple[Contender, Program]]:
        wanted = {case.task for case in cases}
        for contender in contenders(self.options):
            if contender.name in self.left_out or not wanted & contender.tasks:
                continue
            try:
                program = contender.start(threads, self.options.work)
            except PeerFailed as error:
                if contender.name == OURS:
                    raise
                self.leave_out(contender, str(error))
                continue
            self.peers[contender.name] = {key: program.hello[key] for key in ("version", "settings")}
            if not contender.capped:
                self.uncapped.add(contender.name)
                self.peers[contender.name]["settings"] += f", not capped to {self.options.isa}"
            yield contender, program

    def run(self, threads: int, cases: list[Case]) -> list[Result]:
        measured = [Result(case, threads) for case in cases if case not in self.refused]
        team = dict(self.team(threads, cases))
        try:
            order = list(team)
            for turn in range(max((self.rounds(case) for case in cases), default=0)):
                now = [result for result in measured if turn < self.rounds(result.case)]
                tasks = {result.case.task for result in now}
                names = ", ".join(contender.name for contender in order if tasks & contender.tasks)
                where = f"{count(threads, 'thread')}, round {turn + 1}"
                print(f"{where}: {count(len(now), 'case')}, {names}", file=sys.stderr)
                for result in now:
                    for contender in order:
                        if result.case.task in contender.tasks and contender.name not in result.failed:
                            self.ask(team, contender, result)
                order = order[1:] + order[:1]
        finally:
            for program in team.values():
                program.close()
        return [result for result in measured if OURS in result.us]

    def rounds(self, case: Case) -> int:
        return max(self.options.rounds, case.least_rounds)

    def ask(self, team: dict[Contender, Program], contender: Contender, result: Result) -> None:
        """A peer that is wrong, or ends, loses the case; one that ended is started again for the next case."""
        if contender not in team:
            try:
                team[contender] = contender.start(result.threads, self.options.work)
            except PeerFailed as error:
                self.trouble(f"{contender.name} did not start again: {error}")
                result.fail(contender.name)
                return
        try:
            answer = team[contender].ask(result.case)
        except PeerFailed as error:
            del team[contender]
            answer = {"error": f"case {result.case.name}: {error}"}
        if "lacks" in answer:
            self.lacking.append(answer["lacks"])
            result.fail(contender.name)
        elif "error" in answer:
            self.trouble(f"{contender.name}: {answer['error']}")
            result.fail(contender.name)
        else:
            result.add(contender.name, answer)


# ---- Table ----------------------------------------------------------------------------------------


def at_best(result: Result) -> tuple[float | None, float | None]:
    """The fastest peer's shortest time over ours, and the limit's. Cores that are shared with other tenants slow every
    median down, in rounds of one and not of the other; the shortest of many times is free of it."""
    least = {name: min(times) for name, times in result.us_min.items()}
    ours = least.pop(OURS)
    limit = min(result.limit_us) / ours if result.limit_us else None
    return min(least.values()) / ours if least else None, limit


def time_of(result: Result, found: records.Case, name: str) -> str:
    """With the largest error where it was measured: speeds compare at known accuracy."""
    if name not in found.us:
        return "-"
    value = found.us[name] * result.case.scale
    text = f"{value:.1f}" if result.case.unit == "us" else f"{value:.3g}"
    return ", ".join([text, *filter(None, [found.accuracy.get(name)])])


def group_table(measured: list[Result], uncapped: set[str]) -> Iterator[str]:
    names = list(dict.fromkeys(name for result in measured for name in result.us))
    unit = measured[0].case.unit
    heads = (f"{name}{'*' if name in uncapped else ''} {unit}" for name in names)
    rows = [["case", "threads", *heads, "best / ours", "of limit", "spread", "at best: best / ours", "of limit"]]
    ratios: dict[str, list[tuple[float, float]]] = {}
    for result in measured:
        found = records.case_of(result.record())
        least, share_at_best = at_best(result)
        ratio = found.ratios.get(found.best)
        if ratio and least:
            family = found.family if found.size else result.case.group
            ratios.setdefault(f"{family}, {found.column}, {found.group}", []).append((ratio, least))
        share = f"{found.percent:.0f}%" if result.limit_us else "-"
        cells = [f"{ratio:.2f}" if ratio else "-", share, f"{found.spread:.2f}"]
        cells += [f"{least:.2f}" if least else "-", f"{share_at_best:.0%}" if share_at_best else "-"]
        times = (time_of(result, found, name) for name in names)
        rows.append([result.case.name, str(result.threads), *times, *cells])
    yield from aligned(rows)
    if ratios:
        yield ""
        summary = [["geometric means over the sizes", "best / ours", "at best"]]
        for name, pairs in ratios.items():
            summary.append([name, *(f"{statistics.geometric_mean(values):.2f}" for values in zip(*pairs, strict=True))])
        yield from aligned(summary)
    yield ""


def table(measured: list[Result], uncapped: set[str], isa: str | None) -> Iterator[str]:
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in measured:
        groups.setdefault((result.case.group, result.case.unit), []).append(result)
    for group in groups.values():
        yield from group_table(group, uncapped)
    for name in sorted(uncapped):
        yield f"* {name} is not capped to {isa}: it has no switch for that"


# ---- Program --------------------------------------------------------------------------------------


def listed(convert: Callable[[str], int | str]) -> Callable[[str], tuple]:
    def parse(text: str) -> tuple:
        return tuple(dict.fromkeys(convert(part) for part in text.split(",")))

    return parse


def size(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 65536")
    return int(text)


def one_of(known: Iterable[str], noun: str) -> Callable[[str], str]:
    def convert(text: str) -> str:
        if text not in known:
            raise argparse.ArgumentTypeError(f"unknown {noun} {text!r}; there are {', '.join(known)}")
        return text

    return convert


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= 10:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0 and up to 10")
    return value


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/bench peers", description=(__doc__ or "").split("\n")[0])
    add = parser.add_argument
    add("--quick", action="store_true", help="a sample of each group, 1 thread, 3 rounds: about 2 minutes")
    groups = f"of {', '.join(GROUPS)} (default all but wide)"
    add("--only", type=listed(one_of(GROUPS, "group")), metavar="G,G", help=groups)
    where = "default 1, and 2 where there are 2 CPUs: layers, wide, formats and training alone"
    add("--threads", type=listed(size), metavar="N,N", help=where)
    add("--rounds", type=size, metavar="N", help="default 5; a start has at least 9")
    cells = f"of layers and wide: {', '.join(CELLS)} (gru_lbr: reset after); of formats: {', '.join(FORMATS)}"
    add("--cells", type=listed(one_of((*CELLS, *FORMATS), "cell")), metavar="C,C", help=cells)
    for name, of in (
        ("hidden", "layers, formats"),
        ("batch", "layers, formats"),
        ("steps", "layers, formats"),
        ("wide-batch", "wide"),
        ("wide-steps", "wide"),
        ("train-hidden", "training"),
        ("train-batch", "training"),
        ("train-steps", "training"),
        ("widths", "gemm, formats: H of n = 4 H, k = H"),
        ("rows", "gemm, formats: m beside the widths"),
        ("squares", "gemm: m = n = k"),
        ("elements", "activations"),
        ("channels", "conv: in and out"),
        ("kernels", "conv"),
        ("lengths", "conv"),
        ("conv-batch", "conv"),
    ):
        add(f"--{name}", type=listed(size), metavar="N,N", help=of)
    models = "models: ONNX files, or folders of a model.onnx with its input_0.npy and so on; others have random inputs"
    add("--models", type=Path, nargs="+", default=[], metavar="FILE", help=models)
    add("--budget", type=seconds, default=0.03, metavar="S", help="seconds per case, peer and round (default 0.03)")
    add(
        "--limits",
        type=Path,
        metavar="FILE",
        help="of this machine, from `rnnpack bench --limits --json` (default: measured)",
    )
    add("--isa", choices=tuple(ISA_CAPS), help="cap every peer that can be; the table marks the others")
    add("--no-torch", dest="torch", action="store_false", help="leave PyTorch out")
    # script/bench builds with it, and the peer itself says its version
    own = "where a oneDNN of one's own is installed, version 2 or 3 (default: Debian's)"
    add("--onednn", metavar="PREFIX", help=own)
    add("--ort", default="libonnxruntime.so.1", metavar="LIB", help="ONNX Runtime's shared library")
    add("--provider", action="store_true", help="compare ONNX Runtime with and without rnnpack's execution provider")
    add("--blas", action="append", metavar="LIB", help="a BLAS, also several (default OpenBLAS and BLIS)")
    add("--work", type=Path, default=Path("build/bench/peers"), metavar="DIR", help="for weights, outputs and logs")
    add("-o", "--output", type=Path, default=Path("build/bench/peers.json"), metavar="FILE")
    add("--history", type=Path, default=Path("build/bench/history.jsonl"), metavar="FILE")
    add("--no-history", action="store_true", help="append nothing")
    add("--build", type=Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    cpus = len(os.sched_getaffinity(0))
    options.rounds = options.rounds or (3 if options.quick else 5)
    options.threads = options.threads or ((1,) if options.quick else (1, 2)[:cpus])
    if max(options.threads) > cpus:
        parser.error(f"--threads {max(options.threads)}: this process may use {count(cpus, 'CPU')}")
    named = {re.sub(r"[^\w.-]", "_", path.resolve().name.removesuffix(".onnx")): path for path in options.models}
    if len({OVERHEAD.name, *named}) <= len(options.models):
        parser.error(f"--models {' '.join(map(str, options.models))}: two of one name, or one called {OVERHEAD.name}")
    for path in options.models:
        if not (path / "model.onnx" if path.is_dir() else path).exists():
            parser.error(f"--models {path}: no such file, or a folder without model.onnx")
    options.models = named
    options.blas = options.blas or ["libopenblas.so.0", "libblis.so.4"]
    if len(set(map(blas_name, options.blas))) < len(options.blas):
        parser.error(f"--blas {' --blas '.join(options.blas)}: two of one name")
    return options


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    os.environ.update(ISA_CAPS.get(options.isa, {}).get(OURS, {}))  # for the machine's limits
    given = {key: getattr(options, key) for key in FULL if getattr(options, key)}
    grid = (QUICK if options.quick else FULL) | given
    plan = {threads: cases_of(options.only or DEFAULT, grid, threads) for threads in options.threads}
    every = list(dict.fromkeys(case for cases in plan.values() for case in cases))
    if not every:
        raise PeerFailed(
            f"no case left: not measured are {MOST_FLOP:.0e} flop a call (training: three times that) and, on 2 "
            "threads, all but layers, wide, formats and training"
        )
    rnnpack = options.build / "rnnpack"
    limits = json.loads(options.limits.read_text()) if options.limits else machine.limits(rnnpack)
    runner = Runner(options)
    runner.prepare(every)
    measured = [result for threads, cases in plan.items() for result in runner.run(threads, cases)]

    settings = {key: getattr(options, key) for key in ("threads", "only", "budget", "isa", "quick")}
    record = {
        "kind": "peers",
        "date": machine.now(),
        "machine": machine.machine(rnnpack),
        "limits": limits,
        "rounds": options.rounds,
        "settings": settings | {"troubles": runner.troubles, "left_out": runner.left_out},
        "peers": runner.peers,
        "cases": [result.record() for result in measured],
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    written = [str(options.output)]
    if not options.no_history:
        results.append_history(options.history, record | machine.revision())
        written.append(str(options.history))

    print("\n".join(table(measured, runner.uncapped, options.isa)))
    for name, facts in runner.peers.items():
        print(f"{name} {facts['version']}: {facts['settings']}")
    for name, reason in runner.left_out.items():
        print(f"{name} is left out: {reason}")
    for text in dict.fromkeys(runner.lacking):
        print(text)
    print(f"{count(len(measured), 'case')}, in {' and '.join(written)}")
    for text in runner.troubles:
        print(text, file=sys.stderr)
    return 1 if runner.troubles else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (PeerFailed, OSError, subprocess.CalledProcessError) as problem:
        print(f"script/bench peers: {problem}", file=sys.stderr)
        sys.exit(2)
