# SPDX-License-Identifier: Apache-2.0
"""script/bench run: one launch of rnnpack-bench, kept as a file and as a line of the history."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import isas
import machine
import results

# What a run takes by default: every kernel this CPU would choose or could, and the layers that people ask about.
DEFAULT_FILTER = rf"^kernel/.*_{isas.VECTORISED}/|^(stream|model)/|^pack/.*/h(128|512)(/|$)|^layer/.*/b(1|16)/t50/"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="script/bench run", description=__doc__)
    parser.add_argument("--build", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--filter", default=DEFAULT_FILTER, help="benchmarks, a regular expression")
    parser.add_argument("--repetitions", type=int, default=9, help="in random order (default 9)")
    parser.add_argument("--min-time", type=float, default=0.003, help="seconds of each repetition (default 0.003)")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("build/bench/run.json"), help="Google Benchmark's JSON"
    )
    parser.add_argument("--history", type=Path, default=Path("build/bench/history.jsonl"))
    parser.add_argument("--no-history", action="store_true", help="append nothing")
    options = parser.parse_args(arguments)

    options.output.parent.mkdir(parents=True, exist_ok=True)
    rnnpack = options.build / "rnnpack"
    limits = machine.limits(rnnpack)
    command = [
        str(options.build / "bench" / "rnnpack-bench"),
        f"--benchmark_filter={options.filter}",
        f"--benchmark_repetitions={options.repetitions}",
        f"--benchmark_min_time={options.min_time}",
        "--benchmark_out_format=json",
        f"--benchmark_out={options.output}",
        "--benchmark_display_aggregates_only=true",
        "--benchmark_counters_tabular=true",
    ]
    code = subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode
    if code != 0:
        print(f"script/bench run: rnnpack-bench ended with code {code}", file=sys.stderr)
        return 2
    launch = results.read_launch(options.output)
    lines = [results.summary(name, samples) for name, samples in sorted(launch.samples.items())]
    print(f"{'benchmark':64} {'us':>10} {'spread':>7} {'% of limit':>10}")
    for line in lines:
        share = f"{100 * line['limit_us'] / line['us']:10.1f}" if line["limit_us"] else f"{'-':>10}"
        if line["limit_doubtful"]:
            share = f"{'unknown':>10}"  # the machine was busy beside the bursts that measure its peak
        print(f"{line['name']:64} {line['us']:10.3f} {line['spread']:7.2f} {share}")
    if not options.no_history:
        record = {
            "kind": "run",
            "date": machine.now(),
            **machine.revision(),
            "compiler": launch.context.get("compiler", ""),
            "flags": launch.context.get("flags", ""),
            "machine": machine.machine(rnnpack),
            "limits": limits,
            "benchmarks": lines,
        }
        results.append_history(options.history, record)
        print(f"{len(lines)} benchmarks, in {options.output} and {options.history}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (results.BadResult, OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"script/bench run: {error}")
