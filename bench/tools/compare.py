# SPDX-License-Identifier: Apache-2.0
"""`script/bench compare`: did a change make benchmarks slower? stats.py holds the test and its reasons."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import math
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Callable, Iterable, Iterator

import numpy as np

import isas
import stats
from results import BadResult, Launch, Sample, aligned, bare_name, read_launch

ROOT = Path(__file__).resolve().parents[2]
CMAKE_OPTIONS = ["-DRNNP_BUILD_TESTS=OFF", "-DRNNP_BUILD_EXAMPLES=OFF", "-DRNNP_BUILD_BENCH=ON"]
WORST_FIRST = ["slower", "unclear", "faster", "same"]
STDERR_LINES = 12
# What two revisions are compared by unless --filter says: some hundred benchmarks, in minutes. All take an hour.
CORE = (
    r"^kernel/((tanh|sigmoid|exp|softmax)_f32_u35|gemm_f32_[0-9x]+|[a-z_]+_step_f32_block|[a-z_]+_gates_f32)"
    rf"_{isas.VECTORISED}/"
    r"|^stream/|^layer/(lstm|gru)/h(64|256)/b(1|16)/t50/threads1(/|$)"
)


class Refusal(Exception):
    """Wrong use or a failed build or program: exit code 2, the message says all."""


@dataclass(frozen=True)
class Settings:
    filter: str = "."
    pairs: int | None = None  # None: what the number of benchmarks asks for
    repetitions: int = 16  # many and short: some are left alone even on a busy machine
    min_time: float = 0.001
    effect: float = 0.03
    alpha: float = 0.01
    cpu: int | None = None  # None: the least loaded one
    keep: Path | None = None  # where the launches' result files stay


@dataclass(frozen=True)
class Row:
    """One benchmark's result; ratio is head over base with its 90 % interval."""

    name: str
    verdict: str
    ratio: float
    low: float | None
    high: float | None
    p: float
    adjusted_p: float
    base_us: float
    head_us: float
    units: int
    measure: str


@dataclass
class Comparison:
    rows: list[Row]
    only_base: list[str] = field(default_factory=list)
    only_head: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def of(self, verdict: str) -> list[Row]:
        return [row for row in self.rows if row.verdict == verdict]


# ---- programs of revisions --------------------------------------------------------------------------------------


def git(*arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise Refusal(f"git {' '.join(arguments)}: {last_lines(done.stderr)}")
    return done.stdout.strip()


def last_lines(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-STDERR_LINES:])


def build(source: Path, directory: Path, label: str) -> Path:
    print(f"building {label}", file=sys.stderr)
    configure = ["cmake", "--preset", "release", "-B", str(directory), *CMAKE_OPTIONS]
    for command in (configure, ["cmake", "--build", str(directory), "--target", "rnnpack-bench"]):
        done = subprocess.run(command, cwd=source, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise Refusal(f"{label}: {' '.join(command)} failed:\n{last_lines(done.stdout)}")
    return directory / "bench" / "rnnpack-bench"


def program_of_work_tree() -> tuple[str, Path]:
    if not (ROOT / "bench" / "CMakeLists.txt").exists():
        raise Refusal("the work tree has no bench/CMakeLists.txt")
    changed = " with changes" if git("status", "--porcelain") else ""
    label = f"work tree ({git('rev-parse', '--short', 'HEAD')}{changed})"
    return label, build(ROOT, ROOT / "build" / "bench" / "tree", label)


def program_of_revision(revision: str) -> tuple[str, Path]:
    """Checks the revision out and builds it beside the work tree; the next comparison finds both there."""
    try:
        commit = git("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
    except Refusal:
        raise Refusal(f"{revision}: neither a revision of this repository nor a result file") from None
    label = f"{revision} ({commit[:12]})"
    if not git("ls-tree", commit, "--", "bench/CMakeLists.txt"):
        raise Refusal(f"{label} has no bench/CMakeLists.txt: it is older than the benchmarks")
    tree = ROOT / "build" / "bench" / "worktrees" / commit[:12]
    git("worktree", "prune")
    if f"worktree {tree}" not in git("worktree", "list", "--porcelain").splitlines():
        shutil.rmtree(tree, ignore_errors=True)
        git("worktree", "add", "--detach", str(tree), commit)
    try:
        return label, build(tree, tree / "build" / "compare", label)
    except Refusal:
        git("worktree", "remove", "--force", str(tree))
        raise


# ---- launches ---------------------------------------------------------------------------------------------------


def least_loaded_cpu() -> int:
    def idle() -> dict[int, int]:
        lines = re.findall(r"^cpu(\d+) \d+ \d+ \d+ (\d+)", Path("/proc/stat").read_text(), re.MULTILINE)
        return {int(cpu): int(ticks) for cpu, ticks in lines}

    before = idle()
    time.sleep(0.3)
    after = idle()
    allowed = os.sched_getaffinity(0)
    return max(allowed, key=lambda cpu: (after.get(cpu, 0) - before.get(cpu, 0), cpu))  # CPU 0 has the interrupts


@contextlib.contextmanager
def pinned(cpu: int) -> Iterator[None]:
    """Programs inherit the CPU; this process only waits for them."""
    before = os.sched_getaffinity(0)
    if cpu not in before:
        raise Refusal(f"CPU {cpu} is not among those allowed here: {', '.join(map(str, sorted(before)))}")
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def call(program: Path, *options: str) -> str:
    command = [str(program), *options]
    try:
        # In a session of its own, Ctrl-C reaches only this process, which then ends the program itself.
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", start_new_session=True)
    except OSError as error:
        raise Refusal(f"{program}: {error.strerror}") from error
    if done.returncode != 0:
        how = f"ended by signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
        raise Refusal(f"{' '.join(command)}: {how}\n{last_lines(done.stderr)}".rstrip())
    return done.stdout


def benchmarks_of(program: Path, pattern: str) -> set[str]:
    listed = call(program, "--benchmark_list_tests=true", f"--benchmark_filter={pattern}")
    return {bare_name(line) for line in listed.splitlines() if "/" in line}


def launch(program: Path, settings: Settings, file: Path) -> Launch:
    call(
        program,
        f"--benchmark_filter={settings.filter}",
        f"--benchmark_repetitions={settings.repetitions}",
        f"--benchmark_min_time={settings.min_time}",
        "--benchmark_enable_random_interleaving=true",
        "--benchmark_format=json",
        f"--benchmark_out={file}",
        "--benchmark_out_format=json",
    )
    return read_launch(file)


def progress(done: int, total: int, began: float) -> None:
    if sys.stderr.isatty():
        left = (time.monotonic() - began) / done * (total - done)
        end = "\n" if done == total else ""
        print(f"\rpair {done} of {total}, {left / 60:.0f} min {left % 60:02.0f} s left ", end=end, file=sys.stderr)
    elif done * 4 // total != (done - 1) * 4 // total:
        print(f"pair {done} of {total}", file=sys.stderr)
    sys.stderr.flush()


def checked_pairs(benchmarks: int, settings: Settings) -> int:
    fewest = stats.fewest_pairs(benchmarks, settings.alpha)
    default = stats.default_pairs(benchmarks, settings.alpha)
    pairs = default if settings.pairs is None else settings.pairs
    if pairs < fewest:
        raise Refusal(
            f"{pairs} pairs can show nothing at alpha {settings.alpha:g} among {benchmarks} benchmarks:"
            f" {fewest} is the fewest, {default} the default"
        )
    return pairs


def measure(base: Path, head: Path, settings: Settings) -> list[tuple[Launch, Launch]]:
    """Launches both programs in pairs, a coin deciding which is first; Ctrl-C ends it early with whole pairs."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(pinned(least_loaded_cpu() if settings.cpu is None else settings.cpu))
        in_both = benchmarks_of(base, settings.filter) & benchmarks_of(head, settings.filter)
        if not in_both:
            raise Refusal(f"no benchmark that both programs have matches {settings.filter!r}")
        count = checked_pairs(len(in_both), settings)
        if settings.keep:
            settings.keep.mkdir(parents=True, exist_ok=True)
        place = settings.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rnnpack-compare-")))
        pairs: list[tuple[Launch, Launch]] = []
        began = time.monotonic()
        try:
            for number in range(1, count + 1):
                sides = [("base", base), ("head", head)]
                random.shuffle(sides)
                done = {side: launch(program, settings, place / f"{number:03}-{side}.json") for side, program in sides}
                pairs.append((done["base"], done["head"]))
                progress(number, count, began)
        except KeyboardInterrupt:
            fewest = stats.fewest_pairs(len(in_both), settings.alpha)
            print(f"\nstopped after {len(pairs)} of {count} pairs", file=sys.stderr)
            if len(pairs) < fewest:
                raise Refusal(f"stopped too early: {fewest} pairs are the fewest that can show anything") from None
    return pairs


# ---- from launches to verdicts ----------------------------------------------------------------------------------


def raw(sample: Sample) -> float:
    return sample.us


def normalised(sample: Sample) -> float:
    return sample.us * sample.calibration


def gauge(sample: Sample) -> float:
    return sample.calibration


Measure = Callable[[list[Sample]], float]

# What may stand for a launch. The calibrated ones need a calibration beside every sample.
RAW: dict[str, Measure] = {
    "median": lambda samples: statistics.median(map(raw, samples)),
    "minimum": lambda samples: min(map(raw, samples)),
}
CALIBRATED: dict[str, Measure] = {
    "calibrated median": lambda samples: statistics.median(map(normalised, samples)),
    "calibrated minimum": lambda samples: min(map(raw, samples)) * max(map(gauge, samples)),
}


def all_calibrated(samples: Iterable[Sample]) -> bool:
    return all(0 < sample.calibration < math.inf for sample in samples)


@dataclass(frozen=True)
class Finding:
    shift: stats.Shift
    base_us: float
    head_us: float
    units: int
    measure: str


def finish(findings: dict[str, Finding], settings: Settings) -> list[Row]:
    adjusted = stats.holm([finding.shift.p for finding in findings.values()])
    rows = []
    for (name, found), p in zip(findings.items(), adjusted):
        shift = found.shift
        low, high = (math.exp(end) if math.isfinite(end) else None for end in (shift.low, shift.high))
        verdict = stats.verdict(shift, p, settings.effect, settings.alpha)
        row = (math.exp(shift.estimate), low, high, shift.p, p, found.base_us, found.head_us, found.units)
        rows.append(Row(name, verdict, *row, found.measure))
    return sorted(rows, key=lambda row: (WORST_FIRST.index(row.verdict), -row.ratio))


SamplePairs = list[tuple[list[Sample], list[Sample]]]


def differences(pairs: SamplePairs, measure: Measure) -> np.ndarray:
    """Logarithm of head over base of each pair."""
    values = np.array([[measure(samples) for samples in pair] for pair in pairs])
    return np.log(values[:, 1] / values[:, 0])


def with_changed_gauge(samples: dict[str, SamplePairs], alpha: float) -> set[str]:
    """A calibration that itself differs between the programs would hide a regression or invent one."""

    def median_gauge(of: list[Sample]) -> float:
        return statistics.median(map(gauge, of))

    adjusted = stats.holm([stats.paired(differences(of, median_gauge)).p for of in samples.values()])
    return {name for name, p in zip(samples, adjusted) if p <= alpha}


def analyse_pairs(pairs: list[tuple[Launch, Launch]], settings: Settings) -> Comparison:
    base, head = (set().union(*(pair[side].samples for pair in pairs)) for side in (0, 1))
    samples: dict[str, SamplePairs] = {}
    for name in sorted(base & head):
        of = [(b.samples[name], h.samples[name]) for b, h in pairs if name in b.samples and name in h.samples]
        if of:
            samples[name] = of
    calibrated = {n: of for n, of in samples.items() if all_calibrated(s for pair in of for side in pair for s in side)}
    changed = with_changed_gauge(calibrated, settings.alpha)

    findings = {}
    for name, of in samples.items():
        measures = RAW | (CALIBRATED if name in calibrated and name not in changed else {})
        d = {measure: differences(of, function) for measure, function in measures.items()}
        best = stats.quietest(d)
        us = (statistics.median(RAW["median"](pair[side]) for pair in of) for side in (0, 1))
        findings[name] = Finding(stats.paired(d[best]), *us, len(of), best)
    notes = context_notes(pairs[0][0], pairs[0][1])
    if changed:
        notes.append(f"the calibration differs between the programs in {len(changed)} benchmarks: not used there")
    return Comparison(finish(findings, settings), sorted(base - head), sorted(head - base), notes)


def analyse_files(base: Launch, head: Launch, settings: Settings) -> Comparison:
    """Two launches: their repetitions are all there is, so what differs from launch to launch is not covered."""
    common = [name for name in sorted(base.samples) if name in head.samples and re.search(settings.filter, name)]
    if not common:
        raise Refusal(f"no benchmark that both files have matches {settings.filter!r}")
    fewest = stats.fewest_repetitions(len(common), settings.alpha)
    held = min(min(len(side.samples[name]) for side in (base, head)) for name in common)
    if held < fewest:
        raise Refusal(
            f"{held} repetitions can show nothing at alpha {settings.alpha:g} among {len(common)} benchmarks:"
            f" {fewest} are needed; repeat more, choose with --filter, or compare revisions"
        )
    findings = {}
    for name in common:
        sides = (base.samples[name], head.samples[name])
        values = {"raw": raw} | ({"calibrated": normalised} if all_calibrated(sides[0] + sides[1]) else {})
        logs = {kind: [np.log([value(s) for s in side]) for side in sides] for kind, value in values.items()}
        # Around the median of both sides in one: which side a sample is of plays no part in the choice.
        together = {kind: np.concatenate(of) for kind, of in logs.items()}
        best = stats.quietest({kind: both - np.median(both) for kind, both in together.items()})
        us = (RAW["median"](side) for side in sides)
        findings[name] = Finding(stats.unpaired(*logs[best]), *us, min(map(len, sides)), best)
    only = ([n for n in sorted(one.samples) if n not in other.samples] for one, other in ((base, head), (head, base)))
    note = "one launch each: what changes from launch to launch (placement of memory and code) is not covered"
    return Comparison(finish(findings, settings), *only, [note, *context_notes(base, head)])


def context_notes(base: Launch, head: Launch) -> list[str]:
    pairs = ((key, base.context.get(key), head.context.get(key)) for key in ("cpu", "isa", "compiler", "flags"))
    return [f"{key} differs: base {one}, head {other}" for key, one, other in pairs if one != other]


# ---- output -----------------------------------------------------------------------------------------------------


def table(rows: list[Row]) -> str:
    lines = [["", "ratio", "90 % interval", "p", "base us", "head us", "measure", "benchmark"]]
    for row in rows:
        interval = f"{row.low:.3f} .. {row.high:.3f}" if row.low and row.high else "none"
        numbers = (f"{row.ratio:.3f}", interval, f"{row.adjusted_p:.2g}", f"{row.base_us:.4g}", f"{row.head_us:.4g}")
        lines.append([row.verdict, *numbers, row.measure, row.name])
    return "\n".join(aligned(lines, left=(0, 6, 7)))


def print_comparison(result: Comparison, settings: Settings, show_all: bool) -> None:
    shown = [row for row in result.rows if show_all or row.verdict != "same"]
    if shown:
        print(table(shown))
    for name in result.only_base:
        print(f"only in base: {name}")
    for name in result.only_head:
        print(f"only in head: {name}")
    for note in result.notes:
        print(f"note: {note}")
    counts = ", ".join(f"{len(result.of(verdict))} {verdict}" for verdict in WORST_FIRST)
    units = sorted({row.units for row in result.rows})
    of = f"{units[0]}" if len(units) == 1 else f"{units[0]} to {units[-1]}"
    print(f"{len(result.rows)} benchmarks, {of} units each, effect {100 * settings.effect:g} %,", end=" ")
    print(f"alpha {settings.alpha:g}: {counts}")
    if result.of("unclear"):
        print("unclear: the interval reaches beyond the effect; more --pairs or --repetitions narrow it")


def write_json(file: Path, base: str, head: str, result: Comparison, settings: Settings) -> None:
    document = {
        "kind": "compare",
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "base": base,
        "head": head,
        "settings": {**asdict(settings), "keep": str(settings.keep) if settings.keep else None},
        "counts": Counter(row.verdict for row in result.rows),
        "benchmarks": [asdict(row) for row in result.rows],
        "only_base": result.only_base,
        "only_head": result.only_head,
        "notes": result.notes,
    }
    file.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")


# ---- command line -----------------------------------------------------------------------------------------------


def percent(text: str) -> float:
    value = float(text.removesuffix("%")) / 100
    if not 0 <= value < 10:
        raise argparse.ArgumentTypeError(f"{text}: from 0 to 1000 percent")
    return value


def chance(text: str) -> float:
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text}: a number between 0 and 1")
    return value


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}: 1 or more")
    return value


def pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text}: not a regular expression: {error}") from error
    return text


def parse(arguments: list[str] | None) -> argparse.Namespace:
    defaults = Settings()
    parser = argparse.ArgumentParser(
        prog="script/bench compare",
        description="Did benchmarks become slower? Exit code 0: no; 1: yes; 2: wrong use or failed build.",
    )
    add = parser.add_argument
    add("base", nargs="?", help="revision or result file")
    add("head", nargs="?", help="revision or result file (default: the work tree as it is)")
    add("--programs", nargs=2, type=Path, metavar=("BASE", "HEAD"), help="compare these built programs instead")
    add("--filter", type=pattern, metavar="REGEX", help="benchmarks to compare (revisions: the main ones; . for all)")
    add("--pairs", type=positive, help="pairs of launches (as the number of benchmarks asks for)")
    add("--repetitions", type=positive, default=defaults.repetitions, help="per launch (%(default)s)")
    add("--min-time", type=float, default=defaults.min_time, help="seconds per repetition (%(default)s)")
    add("--effect", type=percent, default=defaults.effect, metavar="PERCENT", help="smallest change reported (3)")
    add("--alpha", type=chance, default=defaults.alpha, help="chance of any false alarm (%(default)s)")
    add("--cpu", type=int, help="pin to this CPU (the least loaded)")
    add("--json", type=Path, metavar="FILE", help="write the result there")
    add("--keep", type=Path, metavar="DIR", help="keep the launches' result files there")
    add("--all", action="store_true", help="show benchmarks without change as well")
    options = parser.parse_args(arguments)
    if bool(options.programs) == bool(options.base):
        parser.error("give BASE [HEAD] or --programs BASE HEAD")
    if options.filter is None:
        is_revision = options.base and not Path(options.base).is_file()
        options.filter = CORE if is_revision else defaults.filter
    return options


def compare(options: argparse.Namespace, settings: Settings) -> tuple[str, str, Comparison]:
    """What is compared (two labels), and the result."""
    if options.programs:
        base, head = options.programs
        labels = (str(base), str(head))
    else:
        are_files = [Path(side).is_file() for side in (options.base, options.head) if side]
        if are_files == [True, True]:
            launches = (read_launch(options.base), read_launch(options.head))
            return options.base, options.head, analyse_files(*launches, settings)
        if any(are_files):
            raise Refusal("a result file can only be compared with another result file")
        base_label, base = program_of_revision(options.base)
        head_label, head = program_of_revision(options.head) if options.head else program_of_work_tree()
        labels = (base_label, head_label)
    return *labels, analyse_pairs(measure(base, head, settings), settings)


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    settings = Settings(**{name: getattr(options, name) for name in Settings.__dataclass_fields__})
    try:
        base, head, result = compare(options, settings)
        print(f"base {base}\nhead {head}")
        print_comparison(result, settings, options.all)
        if options.json:
            write_json(options.json, base, head, result, settings)
    except (Refusal, BadResult, OSError) as error:
        print(f"script/bench compare: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("script/bench compare: stopped", file=sys.stderr)
        return 2
    return 1 if result.of("slower") else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends the running launch and clears up, as Ctrl-C does
    sys.exit(main())
