# SPDX-License-Identifier: Apache-2.0
"""The index rules of operators that move elements, against a slow reference that follows the ONNX standard's text word
by word, for random attributes of every opset that changed them. A case runs with fixed and with dynamic dimensions,
folded, and with its index lists as inputs of the run.
"""
import itertools
import math
import random

from graph_cases import Case, Tensor, run

CASES = 600
FIXED, DYNAMIC, FOLDED, LISTS_AT_RUN = range(4)
RANDOM = random.Random()


def below(n):
    return RANDOM.randrange(n) if n > 0 else 0


def between(low, high):
    return RANDOM.randint(low, high)


def make(dims):
    """Elements tell where they come from."""
    return Tensor(RANDOM.choice(["f32", "i64", "u8", "i32"]), dims, range(math.prod(dims)))


def random_dims(least_rank, most_rank):
    return [0 if below(12) == 0 else between(1, 4) for _ in range(between(least_rank, most_rank))]


def list_of(values):
    small = all(-2**31 <= v < 2**31 for v in values)
    return Tensor(RANDOM.choice(["i64", "i32"]) if small else "i64", [len(values)], values)


def random_axis(rank):
    """An axis as an attribute says it, now and then wrong: then the axis itself is None."""
    axis = between(-rank - 2, rank + 1) if below(15) == 0 else between(-rank, rank - 1)
    return axis, axis % rank if -rank <= axis < rank else None


def picked(x, axis, source):
    """y, whose index along the axis is an entry of source."""
    dims = x.dims[:axis] + [len(source)] + x.dims[axis + 1:]
    return x.view(dims, lambda i: i[:axis] + (source[i[axis]],) + i[axis + 1:])


class Example:
    """One node; the inputs are data first, then index lists."""

    def __init__(self, op, opset, data, *lists, outputs=1, **attributes):
        self.op, self.opset, self.data, self.lists = op, opset, list(data), list(lists)
        self.attributes, self.outputs = attributes, outputs
        self.want = None            # what the outputs are; None: an error by the standard

    def add_list(self, since, name, values):
        """A list that was an attribute before opset `since`."""
        if self.opset < since:
            self.attributes[name] = list(values)
        else:
            self.lists.append(list_of(values))

    def texts(self):
        for mode in FIXED, DYNAMIC, FOLDED, LISTS_AT_RUN:
            case = Case()
            inputs = []
            for i, tensor in enumerate(self.data + self.lists):
                if tensor is None:
                    inputs.append(None)
                elif mode == FOLDED or (i >= len(self.data) and mode != LISTS_AT_RUN):
                    inputs.append(case.constant(tensor))
                else:
                    inputs.append(case.input(tensor, [mode == DYNAMIC] * len(tensor.dims)))
            names = case.node(self.op, inputs, self.opset, self.outputs, **self.attributes)
            for name, tensor in zip(names, self.want or [Tensor("f32", [], [0])] * self.outputs):
                case.output(name, tensor)
            # lists at run time may be refused where the shapes depend on them, and must not lead anywhere else
            yield case.text("refused" if self.want is None else "either" if mode == LISTS_AT_RUN else "right")


def slice_ends(start, end, step, dim):
    """ "All negative values in starts[i] and ends[i] have dims[axes[i]] added to them. Then start is clamped into the
    range [0, dims[axes[i]]] for positive stepping and [0, dims[axes[i]]-1] for negative stepping. [The end] for
    positive stepping is clamped to [0, dims[axes[i]]], while for negative stepping it is clamped to [-1,
    dims[axes[i]]-1]." """
    start, end = start + dim * (start < 0), end + dim * (end < 0)
    if step > 0:
        return range(min(max(start, 0), dim), min(max(end, 0), dim), step)
    return range(min(max(start, 0), dim - 1), min(max(end, -1), dim - 1), step) if dim else ()


def random_bound(dim):
    far = [-2**63, -2**63 + 1, -2**31, 2**31 - 1, 2**63 - 1, -1000, 1000]
    return RANDOM.choice(far) if below(5) == 0 else between(-2 * dim - 1, 2 * dim + 1)


def slice_case():
    x = make(random_dims(1, 4))
    rank, opset = len(x.dims), RANDOM.choice([7, 9, 10, 11, 12, 13, 22])
    n = below(rank + 1)
    with_axes, with_steps = n < rank or below(2), opset >= 10 and below(4)
    order = RANDOM.sample(range(rank), rank) if with_axes else range(rank)
    starts, ends, axes, steps, want = [], [], [], [], x
    for axis in order[:n]:
        starts.append(random_bound(x.dims[axis]))
        ends.append(random_bound(x.dims[axis]))
        axes.append(axis - rank * (opset >= 10 and below(2)))
        choices = [1, 1, 1, -1, -1, 2, -2, 3, -3, 7, -7, 2**63 - 1, -2**63, -2**31]
        steps.append(RANDOM.choice(choices) if with_steps else 1)
        want = picked(want, axis, slice_ends(starts[-1], ends[-1], steps[-1], x.dims[axis]))
    e = Example("Slice", opset, [x])
    e.want = [want]
    if n and below(40) == 0 and with_axes:
        axes[0] = RANDOM.choice([rank, -1 - rank])
        e.want = None
    e.add_list(10, "starts", starts)
    e.add_list(10, "ends", ends)
    if with_axes:
        e.add_list(10, "axes", axes)
    elif with_steps:
        e.lists.append(None)
    if with_steps:
        e.lists.append(list_of(steps))
    return e


def gather_case():
    x = make(random_dims(1, 3))
    attribute, axis = random_axis(len(x.dims))
    dim = x.dims[axis] if axis is not None else 1
    dims = random_dims(0, 2)
    entries = [between(-dim - 2, dim + 1) if below(60) == 0 else between(-dim, dim - 1) if dim else 0
               for _ in range(math.prod(dims))]
    index = Tensor(RANDOM.choice(["i64", "i32"]), dims, entries)
    e = Example("Gather", RANDOM.choice([7, 11, 13]), [x], index)
    if attribute != 0 or below(2):
        e.attributes["axis"] = attribute
    if axis is not None and all(-dim <= i < dim for i in entries):
        rank = len(dims)
        e.want = [x.view(x.dims[:axis] + dims + x.dims[axis + 1:],
                         lambda i: i[:axis] + (index[i[axis:axis + rank]] % dim,) + i[axis + rank:])]
    return e


def squeeze_case():
    dims = [1 if below(2) else dim for dim in random_dims(1, 4)]
    x, opset, everything = make(dims), RANDOM.choice([7, 11, 13, 21]), below(4) == 0
    out = [everything or below(2) if dim == 1 else not everything and below(30) == 0 for dim in dims]
    axes = [i - len(dims) * (opset >= 11 and below(2)) for i in range(len(dims)) if out[i]]
    RANDOM.shuffle(axes)
    e = Example("Squeeze", opset, [x])
    if all(dim == 1 for i, dim in enumerate(dims) if out[i]):
        e.want = [Tensor(x.dtype, [dim for i, dim in enumerate(dims) if not out[i]], x.values)]
    if not everything:
        e.add_list(13, "axes", axes)
    return e


def unsqueeze_case():
    x, n, opset = make(random_dims(0, 3)), between(1, 3), RANDOM.choice([7, 11, 13, 21])
    rank = len(x.dims) + n
    new = RANDOM.sample(range(rank), n)
    axes = [i - rank * (opset >= 11 and below(2)) for i in new]
    rest = iter(x.dims)
    e = Example("Unsqueeze", opset, [x])
    e.want = [Tensor(x.dtype, [1 if i in new else next(rest) for i in range(rank)], x.values)]
    if below(20) == 0:
        axes[0] = axes[1] if below(2) and n > 1 else rank
        e.want = None
    e.add_list(13, "axes", axes)
    return e


def split_case():
    x, n = make(random_dims(1, 3)), between(1, 4)
    attribute, axis = random_axis(len(x.dims))
    e = Example("Split", RANDOM.choice([7, 11, 13, 18, 22]), [x], outputs=n, axis=attribute)
    if axis is None:
        return e
    dim, right = x.dims[axis], True
    if below(2):                    # equal parts; with num_outputs the last may be smaller
        part = -(-dim // n)
        sizes = [part] * (n - 1) + [dim - part * (n - 1)]
        right = sizes[-1] >= 0 and (e.opset >= 18 or dim % n == 0)
        if e.opset >= 18:
            e.attributes["num_outputs"] = n
    else:
        cuts = sorted(between(0, dim) for _ in range(n - 1))
        sizes = [b - a for a, b in zip([0, *cuts], [*cuts, dim])]
        if below(15) == 0:
            sizes[-1] += 1 if below(2) else -1 - dim
            right = False
        e.add_list(13, "split", sizes)
    if right:
        e.want = [picked(x, axis, range(sum(sizes[:i]), sum(sizes[:i + 1]))) for i in range(n)]
    return e


def range_case():
    dtype = RANDOM.choice(["i64", "i32", "f32"])
    start, limit, delta = between(-20, 20), between(-20, 20), between(-6, 6)
    e = Example("Range", 11, [], *[Tensor(dtype, [], [v]) for v in (start, limit, delta)])
    if delta != 0 or (dtype == "f32" and limit < start):    # of floats, minus infinitely many are none
        values = range(start, limit, delta) if delta else []
        e.want = [Tensor(dtype, [len(values)], values)]
    return e


def expand_case():
    x, n = make(random_dims(0, 3)), below(5)
    rank = max(len(x.dims), n)
    own = [1] * (rank - len(x.dims)) + x.dims
    shape = [between(0, 4) if below(25) == 0 else 1 if below(2) else between(0, 3) if dim == 1 else dim
             for dim in own[rank - n:]]
    other = [1] * (rank - n) + shape
    e = Example("Expand", RANDOM.choice([8, 13]), [x], list_of(shape))
    if all(a == b or a == 1 or b == 1 for a, b in zip(own, other)):
        e.want = [x.view([b if a == 1 else a for a, b in zip(own, other)],
                         lambda i: [0 if a == 1 else k for a, k in zip(x.dims, i[rank - len(x.dims):])])]
    return e


def tile_case():
    x = make(random_dims(0, 3))
    repeats = [between(0, 3) for _ in x.dims]
    want = [x.view([a * b for a, b in zip(x.dims, repeats)], lambda i: [k % a for k, a in zip(i, x.dims)])]
    if below(20) == 0:
        want = None
        if repeats and below(2):
            repeats[0] = -1
        else:
            repeats.append(1)
    e = Example("Tile", RANDOM.choice([7, 13]), [x], list_of(repeats))
    e.want = want
    return e


def fill_case():
    shape = [-between(1, 3) if below(30) == 0 else below(4) for _ in range(below(5))]
    e = Example("ConstantOfShape", 9, [], Tensor("i64", [len(shape)], shape))
    if all(dim >= 0 for dim in shape):
        e.want = [Tensor("f32", shape, [0] * math.prod(shape))]
    return e


def reshape_case():
    """ "At most one dimension of the new shape can be -1 [...] inferred. A dimension could also be 0, in which case the
    actual dimension value is unchanged"; with allowzero it is 0. """
    x = make(random_dims(0, 3))
    shape, left = [], len(x.values)
    while len(shape) < 4 and (left != 1 or below(3) == 0):      # factors of the number of elements
        factor = RANDOM.choice([f for f in range(1, 5) if left % f == 0]) if left else 0
        shape.append(factor)
        left = left // factor if factor else 1
    if left > 1:
        shape.append(left)
    shape = [0 if i < len(x.dims) and dim == x.dims[i] and below(3) == 0 else dim for i, dim in enumerate(shape)]
    if shape and below(2):
        shape[below(len(shape))] = -1
    if shape and below(20) == 0:
        shape[below(len(shape))] = between(-2, 5)
    e = Example("Reshape", RANDOM.choice([7, 13, 14, 21]), [x], list_of(shape))
    allow_zero = e.opset >= 14 and below(3) == 0
    if allow_zero:
        e.attributes["allowzero"] = 1
    copies = [dim == 0 and not allow_zero for dim in shape]
    if min(shape, default=0) < -1 or shape.count(-1) > 1 or any(copies[len(x.dims):]):
        return e
    dims = [x.dims[i] if copies[i] else dim for i, dim in enumerate(shape)]
    known = math.prod(dim for dim in dims if dim != -1)
    if -1 in dims and known and len(x.values) % known == 0:
        dims[dims.index(-1)] = len(x.values) // known
    if -1 not in dims and math.prod(dims) == len(x.values):
        e.want = [Tensor(x.dtype, dims, x.values)]
    return e


def flatten_case():
    x, opset = make(random_dims(0, 4)), RANDOM.choice([7, 9, 11, 13])
    rank = len(x.dims)
    axis = rank + 1 if below(20) == 0 else between(-rank if opset >= 11 else 0, rank)
    e = Example("Flatten", opset, [x])
    if axis != 1 or below(2):
        e.attributes["axis"] = axis
    if axis <= rank:
        at = axis + rank * (axis < 0)
        e.want = [Tensor(x.dtype, [math.prod(x.dims[:at]), math.prod(x.dims[at:])], x.values)]
    return e


def transpose_case():
    x = make(random_dims(0, 4))
    perm = list(reversed(range(len(x.dims))))
    e = Example("Transpose", RANDOM.choice([7, 13]), [x])
    if below(4):
        RANDOM.shuffle(perm)
        if len(perm) > 1 and below(20) == 0:
            perm[0] = perm[1]
        e.attributes["perm"] = perm
    if sorted(perm) == list(range(len(perm))):
        e.want = [x.view([x.dims[p] for p in perm], lambda i: [i[perm.index(d)] for d in range(len(perm))])]
    return e


def concat_case():
    x = make(random_dims(1, 3))
    attribute, axis = random_axis(len(x.dims))
    parts = [x]
    for _ in range(between(0, 3)):
        part = make([below(4) if d == axis else dim for d, dim in enumerate(x.dims)])
        parts.append(Tensor(x.dtype, part.dims, part.values))
    e = Example("Concat", RANDOM.choice([11, 13]), parts, axis=attribute)
    if axis is not None:
        rows = [(part, i) for part in parts for i in range(part.dims[axis])]
        dims = x.dims[:axis] + [len(rows)] + x.dims[axis + 1:]
        e.want = [Tensor(x.dtype, dims, [rows[i[axis]][0][i[:axis] + (rows[i[axis]][1],) + i[axis + 1:]]
                                         for i in itertools.product(*map(range, dims))])]
    return e


def all_texts(*kinds):
    for make_case in kinds:
        errors = 0
        for i in range(CASES):
            RANDOM.seed(f"{make_case.__name__} {i}")
            example = make_case()
            errors += example.want is None
            yield from example.texts()
        assert 0 < errors < CASES / 2, f"{make_case.__name__}: {errors} errors"


if __name__ == "__main__":
    run(all_texts(slice_case, gather_case, squeeze_case, unsqueeze_case, split_case, range_case, expand_case, tile_case,
                  fill_case, reshape_case, flatten_case, transpose_case, concat_case))
