# SPDX-License-Identifier: Apache-2.0
"""Graphs and what they must give, for the program graph_cases: it reads them from its standard input, in the form that
Case writes.
"""
import itertools
import subprocess
import sys


class Tensor:
    """Integers in row-major order, whatever the type."""

    def __init__(self, dtype, dims, values):
        self.dtype, self.dims, self.values = dtype, list(dims), list(values)

    def __getitem__(self, index):
        at = 0
        for dim, i in zip(self.dims, index):
            at = at * dim + i
        return self.values[at]

    def view(self, dims, source):
        """The tensor of these dimensions whose element at an index is this one's at source(index)."""
        return Tensor(self.dtype, dims, [self[source(index)] for index in itertools.product(*map(range, dims))])

    def text(self, dynamic):
        dims = ["?" * dynamic[i] + str(dim) for i, dim in enumerate(self.dims)]
        return " ".join([self.dtype, str(len(dims)), *dims, *map(str, self.values)])


class Case:
    """One graph: RIGHT must run and give the outputs, REFUSED must not run, EITHER may do both."""

    def __init__(self):
        self.lines, self.count = [], 0

    def name(self):
        self.count += 1
        return f"v{self.count}"

    def value(self, kind, tensor, dynamic):
        name = self.name()
        self.lines.append(f"{kind} {name} {tensor.text(dynamic)}")
        return name

    def constant(self, tensor):
        return self.value("constant", tensor, [False] * len(tensor.dims))

    def ints(self, *values):
        return self.constant(Tensor("i64", [len(values)], values))

    def input(self, tensor, dynamic):
        return self.value("input", tensor, dynamic)

    def node(self, op, inputs, opset=17, outputs=1, **attributes):
        """The names of its outputs; a name of None among the inputs is absent."""
        names = [self.name() for _ in range(outputs)]
        words = [op, opset, len(inputs), *[name or "_" for name in inputs], outputs, *names, len(attributes)]
        for key, value in attributes.items():
            if isinstance(value, list):
                words += [key, "list", len(value), *value]
            else:
                words += [key, "text" if isinstance(value, str) else "int", value]
        self.lines.append(" ".join(["node", *map(str, words)]))
        return names

    def op(self, op, *inputs, **attributes):
        return self.node(op, inputs, **attributes)[0]

    def output(self, name, tensor):
        self.lines.append(f"output {name} {tensor.text([False] * len(tensor.dims))}")

    def text(self, verdict, nodes=-1):
        """nodes: how many must be left when the model is closed, -1 for any."""
        return "\n".join([f"case {verdict} {nodes}", *self.lines, "end\n"])


def run(cases):
    """Hands the texts to the program of the command line and ends with its status."""
    with subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, text=True) as program:
        try:
            for text in cases:
                program.stdin.write(text)
        except BrokenPipeError:
            pass
    sys.exit(program.returncode)
