# SPDX-License-Identifier: Apache-2.0
"""`script/bench selftest`: is `script/bench compare` right on this machine, now?

Compares rnnpack-bench with itself, which must give no alarm, and by turns with rnnpack-bench-slow, where one kernel
does 5 % more work: it must be found in 19 of 20 comparisons and nothing else blamed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench" / "tools"))
import compare  # noqa: E402
from results import BadResult  # noqa: E402

FOUND_SHARE = 0.95
SLOWED = "kernel/tanh_f32_u35_{isa}/"
KINDS = [  # arithmetic, caches, small calls, whole layers, and models
    SLOWED,
    "kernel/(tanh_f32_u10|exp_f32_u35|sigmoid_f32_u35|softmax_f32_u35|add_f32)_{isa}/",
    "kernel/(lstm|gru)_step_f32_block_{isa}/rows(1|16)_hidden128",
    "layer/(lstm|gru_lbr)/h64/b1/t50/threads1",
    "stream/lstm/h128",
    "pack/gru/h64",
]


def isa_of(program: Path, settings: compare.Settings) -> str:
    with tempfile.TemporaryDirectory(prefix="rnnpack-selftest-") as folder:
        return compare.launch(program, settings, Path(folder) / "launch.json").context["isa"]


def alarms(base: Path, head: Path, settings: compare.Settings) -> dict[str, compare.Row]:
    result = compare.analyse_pairs(compare.measure(base, head, settings), settings)
    unclear = ", ".join(f"{row.name} ({row.low:.3f} .. {row.high:.3f})" for row in result.of("unclear"))
    if unclear:
        print(f"  unclear: {unclear}")
    return {row.name: row for row in result.rows if row.verdict in ("slower", "faster")}


def run(options: argparse.Namespace) -> bool:
    normal = options.build / "bench" / "rnnpack-bench"
    slow = options.build / "tests" / "bench" / "rnnpack-bench-slow"
    isa = isa_of(normal, compare.Settings(filter="kernel/tanh_f32_u35", repetitions=1))
    slowed = SLOWED.format(isa=isa)
    pattern = options.filter or "^(" + "|".join(KINDS).format(isa=isa) + ")"
    settings = compare.Settings(filter=pattern, pairs=options.pairs)
    names = compare.benchmarks_of(normal, pattern)
    if not any(name.startswith(slowed) for name in names):
        raise compare.Refusal(f"--filter {pattern!r} leaves the slowed kernel out: {slowed}")
    print(f"{len(names)} benchmarks; slowed: {slowed}")

    false_alarms = found = blamed = 0
    for number in range(1, options.runs + 1):
        began = time.monotonic()
        same = alarms(normal, normal, settings)
        other = alarms(normal, slow, settings)
        hit = [row for name, row in other.items() if name.startswith(slowed) and row.verdict == "slower"]
        wrong = [name for name in other if not name.startswith(slowed)]
        false_alarms += bool(same)
        found += bool(hit)
        blamed += bool(wrong)
        size = ", ".join(f"{row.ratio:.3f}" for row in hit) or "not found"
        print(f"run {number} of {options.runs}: slowed kernel {size}, {time.monotonic() - began:.0f} s", flush=True)
        for name, row in [*same.items(), *((name, other[name]) for name in wrong)]:
            print(f"  false alarm: {name} {row.verdict} {row.ratio:.3f} ({row.low:.3f} .. {row.high:.3f})")
    print(f"the same program twice: {false_alarms} of {options.runs} comparisons with an alarm (0 allowed)")
    print(f"slowed kernel: found in {found} of {options.runs} ({FOUND_SHARE:.0%} needed)")
    print(f"others blamed: in {blamed} of {options.runs} (0 allowed)")
    return false_alarms == 0 and blamed == 0 and found >= FOUND_SHARE * options.runs


def main() -> int:
    parser = argparse.ArgumentParser(prog="script/bench selftest", description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", type=Path, required=True, help="build folder with both programs")
    parser.add_argument("--runs", type=compare.positive, default=20, help="comparisons of each kind (%(default)s)")
    parser.add_argument("--pairs", type=compare.positive, help="pairs of launches (as the benchmarks ask for)")
    parser.add_argument("--filter", type=compare.pattern, help="benchmarks instead of the dozen chosen")
    try:
        return 0 if run(parser.parse_args()) else 1
    except (compare.Refusal, BadResult, OSError) as error:
        print(f"script/bench selftest: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("script/bench selftest: stopped", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
