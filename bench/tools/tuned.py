# SPDX-License-Identifier: Apache-2.0
"""Whether tuning keeps its promises: script/bench tuned.

rnnpack-tuned runs every shape of a file of records again, alternating between tuned, untuned and plain. This reads its
lines and sums them up: the gains, and how often tuned is slower than untuned by more than the allowed 3 %. With a second
file of records it also says how often the two differ by more.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from pathlib import Path

ALLOWED = 1.03


def mean(ratios: list[float]) -> float:
    return math.exp(sum(map(math.log, ratios)) / len(ratios))


def summary(rows: list[dict], other: bool) -> list[str]:
    tuned = [row["tuned"] for row in rows]
    chosen = [row for row in rows if row["choice"]]
    slower = [row for row in rows if row["tuned"] > ALLOWED]
    lines = [
        f"{len(rows)} shapes, {len(chosen)} of them with a choice other than the default",
        f"untuned / tuned: geometric mean {1 / mean(tuned):.3f}"
        + (f", {1 / mean([row['tuned'] for row in chosen]):.3f} where there is a choice" if chosen else ""),
        f"plain / tuned: geometric mean {mean([row['plain'] for row in rows]) / mean(tuned):.3f}",
        f"tuned slower than untuned by more than 3 %: {len(slower)} shapes, "
        f"{sum(bool(row['choice']) for row in slower)} of them with a choice",
    ]
    # Where nothing was chosen, tuned and untuned are the same code: what they differ by is noise.
    same = [row["tuned"] for row in rows if not row["choice"]]
    if same:
        apart = sum(not 1 / ALLOWED <= ratio <= ALLOWED for ratio in same)
        lines.append(f"the same code twice differs by more than 3 %: {apart} of {len(same)} shapes (noise)")
    if other:
        near = [row for row in rows if 1 / ALLOWED <= row["other"] / row["tuned"] <= ALLOWED]
        behind = [row for row in rows if row["tuned"] > row["other"] * ALLOWED]
        lines.append(
            f"within 3 % of the other records: {len(near)} of {len(rows)} shapes; slower by more: {len(behind)}"
        )
    for row in sorted(slower, key=lambda row: -row["tuned"])[:8]:
        lines.append(
            f"  {row['tuned']:.3f} {row['layer']} hidden {row['hidden']} batch {row['batch']} steps {row['steps']} "
            f"threads {row['threads']}: {row['choice'] or '(the default)'}"
        )
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(prog="script/bench tuned", description=__doc__)
    parser.add_argument("program", type=Path)
    parser.add_argument("records", type=Path)
    parser.add_argument("--seconds", type=float, default=0.3, help="per shape (default 0.3)")
    parser.add_argument("--every", type=int, default=1, help="only each N-th shape")
    parser.add_argument(
        "--other", type=Path, help="records to compare with, such as those of a second or longer tuning"
    )
    parser.add_argument("-o", "--output", type=Path, help="all lines, JSON")
    args = parser.parse_args()
    command = [args.program, args.records, str(args.seconds), str(args.every)] + ([args.other] if args.other else [])
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    rows = [json.loads(line) for line in run.stdout.splitlines()]
    if run.returncode or not rows:
        print(f"stopped after {len(rows)} shapes", file=sys.stderr)
        return 1
    same = rows.pop()["same"]
    if args.other:
        print(f"both files choose the same for {same} of {same + len(rows)} shapes")
    if not rows:
        print("nothing to measure")
        return 0
    if args.output:
        args.output.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    print("\n".join(summary(rows, args.other is not None)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
