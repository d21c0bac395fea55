#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""model.py ROOT: the model of a step's time (bench/tools/ranks.py) has the nodes that the library has, and the page has
its table."""

import contextlib
import io
import sys
from pathlib import Path

root = Path(sys.argv[1])
sys.path.insert(0, str(root / "bench/tools"))
import ranks  # noqa: E402


def nodes(slices, first, end):
    """As src/train/tree.h does: siblings join, and the last node rises where its sibling has no slice. Where each ends."""
    stack = []

    def join():
        while len(stack) > 1 and stack[-2][0] == stack[-1][0] and stack[-2][1] % 2 == 0:
            stack.pop()
            stack[-1] = (stack[-1][0] + 1, stack[-1][1] // 2)

    for s in range(first, end):
        stack.append((0, s))
        join()
    while stack and stack[-1][1] and stack[-1][1] % 2 == 0 and (stack[-1][1] + 1) << stack[-1][0] >= slices:
        stack[-1] = (stack[-1][0] + 1, stack[-1][1] // 2)
        join()
    return [min((index + 1) << level, end) for level, index in stack]


for slices in range(1, 40):
    for count in range(1, slices + 3):
        each = -(-slices // count)
        for r in range(count):
            first, end = min(slices, r * each), min(slices, (r + 1) * each)
            assert ranks.nodes_of(slices, first, end) == nodes(slices, first, end), (slices, first, end)

text = io.StringIO()
with contextlib.redirect_stdout(text):
    ranks.table()
assert text.getvalue() in (root / "docs/explanation/many-machines.md").read_text(), "the page has another table"

network = ranks.NETWORKS[0]
for model in ranks.MODELS:
    assert ranks.messages(model, network, 8192, 1, 1) == 0
    assert ranks.step(model, network, 8192, 2, 1) < ranks.step(model, network, 8192, 1, 1)
    late = ranks.left_of_nodes(model, [1], 1, 1, 2 * model.slice_seconds)  # all but the first layer's are sent early
    assert abs(late / model.slice_seconds - (2 - ranks.BACKWARD * (1 - 1 / model.layers))) < 1e-9
    last = ranks.last_that_pays(model, network, 8192, 1)
    assert ranks.step(model, network, 8192, 2 * last, 1) * 1.25 > ranks.step(model, network, 8192, last, 1)
print("nodes, table: ok")
