# SPDX-License-Identifier: Apache-2.0
"""Lines for autotune/defaults.def from tuning records: harvest.py RECORDS MICROARCHITECTURE.

Takes the records with a choice, and those without one within a factor of two of such a record in every size: else the
nearest-match rule would apply a neighbour's choice to a shape for which the default was measured to be as fast.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

LINE = re.compile(
    r"tune (?P<layer>\S+) (?P<precision>\S+) input=(?P<input>\d+) hidden=(?P<hidden>\d+) batch=(?P<batch>\d+) "
    r"steps=(?P<steps>\d+) threads=(?P<threads>\d+) : (?P<choice>.*?) ?: "
)
SIZES = ("input", "hidden", "batch", "steps")


def near(a: dict, b: dict) -> bool:
    same = all(a[name] == b[name] for name in ("layer", "precision", "threads"))
    return same and all(0.5 <= int(a[size]) / int(b[size]) <= 2 for size in SIZES)


def main() -> int:
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    records = [match.groupdict() for match in map(LINE.match, Path(sys.argv[1]).read_text().splitlines()) if match]
    chosen = [record for record in records if record["choice"].strip(": ")]
    for r in records:
        choice = r["choice"].strip(": ")
        if choice or any(near(r, c) for c in chosen):
            sizes = ", ".join(r[size] for size in SIZES)
            print(f'RNNP_DEFAULT("{sys.argv[2]}", "{r["layer"]}", "{r["precision"]}", {sizes}, {r["threads"]}, "{choice}")')
    return 0


if __name__ == "__main__":
    sys.exit(main())
