# SPDX-License-Identifier: Apache-2.0
"""Lines for autotune/defaults.def from tuning records: harvest.py MICROARCHITECTURE RECORDS...

Takes what independent tunings of one machine agree on: shapes for which all files have a choice, and of those choices the
words that are the same in all. Shapes within a factor of two of such a one in every size, for which some file says that
the default is as fast, are listed too, without words: else the nearest-match rule would apply a neighbour's choice there.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

LINE = re.compile(
    r"tune (?P<layer>\S+) (?P<precision>\S+) input=(?P<input>\d+) hidden=(?P<hidden>\d+) batch=(?P<batch>\d+) "
    r"steps=(?P<steps>\d+) threads=(?P<threads>\d+) : (?P<choice>(?:\S+=\S+ )*): "
)
SIZES = ("input", "hidden", "batch", "steps")
KEY = ("layer", "precision", *SIZES, "threads")


def read(path: str) -> dict[tuple, list[str]]:
    """The words of each shape's choice."""
    matches = filter(None, map(LINE.match, Path(path).read_text(encoding="utf-8").splitlines()))
    return {tuple(match[name] for name in KEY): match["choice"].split() for match in matches}


def near(a: tuple, b: tuple) -> bool:
    same = a[:2] == b[:2] and a[-1] == b[-1]
    return same and all(0.5 <= int(x) / int(y) <= 2 for x, y in zip(a[2:-1], b[2:-1]))


def agreed(files: list[dict[tuple, list[str]]]) -> dict[tuple, str]:
    """The words that all files have, of every shape that is in a file."""
    shapes = sorted({key for file in files for key in file}, key=lambda key: (key[0], key[-1], *map(int, key[2:-1])))
    common = {key: [word for word in files[0].get(key, []) if all(word in file.get(key, []) for file in files[1:])]
              for key in shapes}
    return {key: " ".join(words) for key, words in common.items()}


def main() -> int:
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    choices = agreed([read(path) for path in sys.argv[2:]])
    chosen = [key for key, words in choices.items() if words]
    for key, words in choices.items():
        if words or any(near(key, other) for other in chosen):
            layer, precision, *sizes, threads = key
            print(f'RNNP_DEFAULT("{sys.argv[1]}", "{layer}", "{precision}", {", ".join(sizes)}, {threads}, "{words}")')
    return 0


if __name__ == "__main__":
    sys.exit(main())
