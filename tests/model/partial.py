# SPDX-License-Identifier: Apache-2.0
"""Shape arithmetic where some dimensions are dynamic: what does not depend on them is folded when the model is closed,
whatever lies between, and what does is right in every run. Small random graphs from Shape to a slice of weights.
"""
import random

from graph_cases import Case, Tensor, run

GRAPHS, MOST, ROWS, COLUMNS, RANK = 1500, 8, 12, 3, 4
CAST = {"f32": 1, "i32": 6, "i64": 7}
RANDOM = random.Random()


def below(n):
    return RANDOM.randrange(n)


class Vector:
    """Its elements for the shape that the run will have, and which of them no dynamic dimension reaches."""

    def __init__(self, name, dtype, elements):
        self.name, self.dtype, self.elements = name, dtype, elements    # elements: (number, is known)


class Graph:
    def __init__(self):
        self.case = Case()
        self.dims = [1 + below(3) for _ in range(RANK)]
        self.fixed = [bool(below(2)) for _ in range(RANK)]
        count = 1
        for dim in self.dims:
            count *= dim
        self.x = self.case.input(Tensor("f32", self.dims, [0] * count), [not fixed for fixed in self.fixed])

    def constant(self, dtype, n, low, high):
        values = [RANDOM.randint(low, high) for _ in range(n)]
        return Vector(self.case.constant(Tensor(dtype, [n], values)), dtype, [(v, True) for v in values])

    def shape(self):
        start, end = below(2) and below(RANK + 1), RANK if below(2) else below(RANK + 1)
        name = self.case.op("Shape", self.x, start=start - RANK * (start < RANK and below(2)),
                            end=end - RANK * (end < RANK and below(2)))
        return Vector(name, "i64", list(zip(self.dims, self.fixed))[start:end])

    # Each step makes a vector of one.

    def take(self, v):
        index = [below(len(v.elements)) for _ in range(1 + below(MOST // 2))]
        entries = [i - len(v.elements) * below(2) for i in index]
        return Vector(self.case.op("Gather", v.name, self.case.ints(*entries)), v.dtype, [v.elements[i] for i in index])

    def cut(self, v):
        n = len(v.elements)
        start = below(n)
        if below(2):
            end, step, kept = -n - 1, -1, v.elements[start::-1]
        else:
            end, step = start + 1 + below(n - start), 1 + below(2)
            kept = v.elements[start:end:step]
        lists = [self.case.ints(i) for i in (start, end, 0, step)]
        return Vector(self.case.op("Slice", v.name, *lists), v.dtype, kept)

    def joined(self, v):
        w = self.shape() if below(2) else self.constant(v.dtype, 1 + below(2), 0, 4)
        if len(v.elements) + len(w.elements) > MOST or v.dtype != w.dtype:
            return v
        return Vector(self.case.op("Concat", v.name, w.name, axis=0), v.dtype, v.elements + w.elements)

    def ranked(self, v):
        """There and back through another rank."""
        axes, everything = self.case.ints(0, 2), self.case.ints(-1)
        name = self.case.op("Unsqueeze", v.name, axes)
        name = self.case.op("Squeeze", name, axes) if below(2) else self.case.op("Reshape", name, everything)
        return Vector(name, v.dtype, v.elements)

    def cast(self, v):
        dtype = RANDOM.choice(list(CAST))
        return Vector(self.case.op("Cast", v.name, to=CAST[dtype]), dtype, v.elements)

    def computed(self, v):
        op, function = RANDOM.choice([("Add", lambda a, b: a + b), ("Sub", lambda a, b: a - b),
                                      ("Mul", lambda a, b: a * b), ("Max", max), ("Min", min),
                                      ("Div", lambda a, b: abs(a) // b * (-1 if a < 0 else 1))][:6 - (v.dtype == "f32")])
        w = self.constant(v.dtype, len(v.elements) if below(2) else 1, 1 if op == "Div" else -2, 3)
        return Vector(self.case.op(op, v.name, w.name), v.dtype,
                      [(function(a, w.elements[i % len(w.elements)][0]), known)
                       for i, (a, known) in enumerate(v.elements)])

    def chosen(self, v):
        """As expand() with -1 is exported: -1 says 1."""
        minus, other = self.constant(v.dtype, 1, -1, -1), self.constant(v.dtype, len(v.elements), 1, 5)
        name = self.case.op("Where", self.case.op("Equal", v.name, minus.name), other.name, v.name)
        return Vector(name, v.dtype, [(b if a == -1 else a, known)
                                      for (a, known), (b, _) in zip(v.elements, other.elements)])

    def text(self):
        """Rows of weights up to one element of a vector."""
        weights = Tensor("f32", [ROWS, COLUMNS], range(ROWS * COLUMNS))
        matrix, v = self.case.constant(weights), self.shape()
        for _ in range(below(7)):
            if v.elements:
                v = RANDOM.choice([self.take, self.cut, self.joined, self.joined, self.ranked, self.cast, self.computed,
                                   self.chosen])(v)
        if not v.elements:
            v = self.constant("i64", 1, 0, 4)
        k = below(len(v.elements))
        rows, known = v.elements[k]
        end = self.case.op("Gather", self.case.op("Cast", v.name, to=7), self.case.ints(k))
        zero = self.case.ints(0)
        n = min(max(rows + ROWS if rows < 0 else rows, 0), ROWS)
        self.case.output(self.case.op("Slice", matrix, zero, end, zero),
                         Tensor("f32", [n, COLUMNS], weights.values[:n * COLUMNS]))
        return self.case.text("right", 0 if known else -1)


def texts():
    for i in range(GRAPHS):
        RANDOM.seed(i)
        yield Graph().text()


if __name__ == "__main__":
    run(texts())
