# SPDX-License-Identifier: Apache-2.0
"""As index_rules.py, for operators that pad, find and put elements by index, go along an axis, or multiply by an
equation.
"""
import itertools
import math

from graph_cases import Tensor, run
from index_rules import RANDOM, Example, all_texts, below, between, list_of, make, random_axis, random_dims


def indices(dims):
    return list(itertools.product(*map(range, dims)))


def filled(dtype, dims, value):
    """The tensor whose element at an index is value(index)."""
    return Tensor(dtype, dims, [value(index) for index in indices(dims)])


def replaced(index, axis, i):
    return index[:axis] + (i,) + index[axis + 1:]


def optional(e, key, value, default):
    if value != default or below(2):
        e.attributes[key] = value


# ---- Pad ----

def pad_source(mode, i, low, high):
    """Where an index beside [low, high) comes from, one reflection or turn after the other."""
    while not low <= i < high:
        if mode == "edge" or high - low == 1:
            return low if i < low else high - 1
        if mode == "wrap":
            i += (high - low) * (1 if i < low else -1)
        else:
            i = 2 * low - i if i < low else 2 * (high - 1) - i
    return i


def pad_case():
    x = make(random_dims(1, 3))
    rank, opset = len(x.dims), RANDOM.choice([7, 10, 11, 13, 18, 19, 21, 22])
    mode = RANDOM.choice(["constant", "constant", "reflect", "edge", "wrap"])
    axes = RANDOM.sample(range(rank), between(1, rank)) if opset >= 18 and below(2) else None
    chosen = range(rank) if axes is None else axes
    before, after = [0] * rank, [0] * rank
    for axis in chosen:
        if below(3):
            before[axis], after[axis] = between(-2, 5), between(-2, 5)
    pads = [before[axis] for axis in chosen] + [after[axis] for axis in chosen]
    constant = Tensor(x.dtype, [], [77]) if opset >= 11 and below(2) else None
    e = Example("Pad", opset, [x])
    dims = [dim + a + b for dim, a, b in zip(x.dims, before, after)]
    low = [max(0, -a) for a in before]
    high = [min(dim, dim + b) for dim, b in zip(x.dims, after)]
    empty = any(a >= b for a, b, dim in zip(low, high, dims) if dim > 0)
    right = min(dims) >= 0 and (mode != "wrap" or opset >= 19) and (mode == "constant" or not empty)
    if below(40) == 0:
        right = False
        pads.append(0)
    if right:
        def value(index):
            at = [i - a for i, a in zip(index, before)]
            if all(a <= i < b for i, a, b in zip(at, low, high)):
                return x[at]
            if mode == "constant":
                return constant.values[0] if constant else 0
            return x[[pad_source(mode, i, a, b) for i, a, b in zip(at, low, high)]]
        e.want = [filled(x.dtype, dims, value)]
    optional(e, "mode", mode, "constant")
    e.add_list(11, "pads", pads)
    if constant or axes:
        e.lists.append(constant)
    if axes:
        e.lists.append(list_of([axis - rank * below(2) for axis in axes]))
    return e


# ---- Elements by index ----

def random_entries(n, dim):
    """Indices of an axis, and whether all are right."""
    entries = [between(-dim - 2, dim + 1) if below(80) == 0 else between(-dim, dim - 1) if dim else 0 for _ in range(n)]
    return entries, all(-dim <= i < dim for i in entries)


def element_indices(x, axis):
    """Of the dimensions of x or smaller ones, with any number along the axis."""
    dims = [between(0, 4) if d == axis else dim if below(3) else below(dim + 1) for d, dim in enumerate(x.dims)]
    entries, right = random_entries(math.prod(dims), x.dims[axis])
    return Tensor(RANDOM.choice(["i64", "i32"]), dims, entries), right


def gather_elements_case():
    x = make(random_dims(1, 3))
    attribute, axis = random_axis(len(x.dims))
    index, right = element_indices(x, axis or 0)
    e = Example("GatherElements", RANDOM.choice([11, 13]), [x], index)
    optional(e, "axis", attribute, 0)
    if axis is not None and right:
        e.want = [filled(x.dtype, index.dims, lambda i: x[replaced(i, axis, index[i] % x.dims[axis])])]
    return e


REDUCTIONS = {"none": lambda a, b: b, "add": lambda a, b: a + b, "mul": lambda a, b: a * b, "max": max, "min": min}


def scattered(e, x, places, updates):
    """places: where each of the updates goes."""
    name = RANDOM.choice(list(REDUCTIONS)) if e.opset >= 16 else "none"
    elements = dict(zip(indices(x.dims), x.values))
    for place, update in zip(places, updates.values):
        elements[place] = REDUCTIONS[name](elements[place], update) % (256 if x.dtype == "u8" else 2**32)
    e.want = [Tensor(x.dtype, x.dims, elements.values())]
    if e.opset >= 16:
        optional(e, "reduction", name, "none")


def small(x, dims):
    return Tensor(x.dtype, dims, [below(7) for _ in range(math.prod(dims))])


def scatter_elements_case():
    x = make(random_dims(1, 3))
    attribute, axis = random_axis(len(x.dims))
    index, right = element_indices(x, axis or 0)
    updates = small(x, index.dims)
    e = Example(*RANDOM.choice([("Scatter", 9), ("ScatterElements", 11), ("ScatterElements", 18)]), [x], index, updates)
    optional(e, "axis", attribute, 0)
    if axis is not None and right:
        scattered(e, x, [replaced(i, axis, index[i] % x.dims[axis]) for i in indices(index.dims)], updates)
    return e


def tuple_indices(x, batch):
    n = between(1, len(x.dims) - batch)
    dims = x.dims[:batch] + random_dims(0, 2) + [n]
    right, entries = True, []
    for _ in range(math.prod(dims[:-1])):
        for dim in x.dims[batch:batch + n]:
            entry, is_right = random_entries(1, dim)
            entries += entry
            right = right and is_right
    return Tensor(RANDOM.choice(["i64", "i32"]), dims, entries), n, right


def gather_nd_case():
    x = make(random_dims(1, 4))
    opset = RANDOM.choice([11, 12, 13])
    batch = below(len(x.dims)) if opset >= 12 else 0
    index, n, right = tuple_indices(x, batch)
    e = Example("GatherND", opset, [x], index)
    if opset >= 12:
        optional(e, "batch_dims", batch, 0)
    rank = len(index.dims) - 1

    def value(i):
        chosen = [index[i[:rank] + (k,)] % x.dims[batch + k] for k in range(n)]
        return x[list(i[:batch]) + chosen + list(i[rank:])]
    if right:
        e.want = [filled(x.dtype, index.dims[:-1] + x.dims[batch + n:], value)]
    return e


def scatter_nd_case():
    x = make(random_dims(1, 3))
    index, n, right = tuple_indices(x, 0)
    updates = small(x, index.dims[:-1] + x.dims[n:])
    e = Example("ScatterND", RANDOM.choice([11, 16, 18]), [x], index, updates)
    if right:
        rank = len(index.dims) - 1
        scattered(e, x, [tuple(index[i[:rank] + (k,)] % x.dims[k] for k in range(n)) + i[rank:]
                         for i in indices(updates.dims)], updates)
    if below(40) == 0:
        e.want, e.lists[1] = None, Tensor(x.dtype, [1] + updates.dims, updates.values)
    return e


def one_hot_case():
    depth, opset = below(5), RANDOM.choice([9, 11])
    dims = random_dims(0, 2)
    index = Tensor(RANDOM.choice(["i64", "i32", "f32"]), dims, [between(-depth - 1, depth + 1) for _ in indices(dims)])
    attribute, axis = random_axis(len(dims) + 1)
    values = Tensor(RANDOM.choice(["f32", "i64", "u8"]), [2], [3, 8])
    e = Example("OneHot", opset, [index], Tensor("i64", [], [depth]), values)
    optional(e, "axis", attribute, -1)

    def value(i):
        at = index[i[:axis] + i[axis + 1:]]
        return values.values[(at + depth * (opset >= 11 and at < 0)) == i[axis]]
    if axis is not None:
        e.want = [filled(values.dtype, dims[:axis] + [depth] + dims[axis:], value)]
    return e


# ---- Along an axis ----

def top_k_case():
    dims = random_dims(1, 3)
    x = Tensor(RANDOM.choice(["f32", "i64", "i32", "u8"]), dims, [below(6) for _ in indices(dims)])
    attribute, axis = random_axis(len(dims))
    opset = RANDOM.choice([7, 10, 11])
    dim = dims[axis or 0]
    k = dim + 1 if below(15) == 0 else between(0, dim)
    e = Example("TopK", opset, [x], outputs=2)
    optional(e, "axis", attribute, -1)
    if opset < 10:
        e.attributes["k"] = k
    else:
        e.lists.append(Tensor("i64", [1], [k]))
    largest = opset < 11 or bool(below(2))
    if opset >= 11:
        optional(e, "largest", int(largest), 1)

    def first(index):
        line = [x[replaced(index, axis, i)] for i in range(dim)]
        return sorted(range(dim), key=lambda i: (-line[i] if largest else line[i], i))[index[axis]]
    if axis is not None and k <= dim:
        out = dims[:axis] + [k] + dims[axis + 1:]
        e.want = [filled(x.dtype, out, lambda i: x[replaced(i, axis, first(i))]), filled("i64", out, first)]
    return e


def cumsum_case():
    dims = random_dims(1, 3)
    x = Tensor(RANDOM.choice(["f32", "i64", "i32"]), dims, [between(-4, 4) for _ in indices(dims)])
    attribute, axis = random_axis(len(dims))
    exclusive, reverse = below(2), below(2)
    e = Example("CumSum", RANDOM.choice([11, 14]), [x], Tensor(RANDOM.choice(["i64", "i32"]), [], [attribute]))
    optional(e, "exclusive", exclusive, 0)
    optional(e, "reverse", reverse, 0)

    def value(index):
        at = index[axis]
        added = range(at + exclusive, dims[axis]) if reverse else range(at + 1 - exclusive)
        return sum(x[replaced(index, axis, i)] for i in added)
    if axis is not None:
        e.want = [filled(x.dtype, dims, value)]
    return e


def reverse_case():
    x = make(random_dims(2, 4))
    time = below(2)
    steps, batch = x.dims[time], x.dims[1 - time]
    lengths = [steps + 1 if below(40) == 0 else between(0, steps) for _ in range(batch)]
    e = Example("ReverseSequence", 10, [x], Tensor("i64", [batch], lengths))
    if time or below(2):
        e.attributes = {"batch_axis": 1 - time, "time_axis": time}

    def value(index):
        t, length = index[time], lengths[index[1 - time]]
        return x[replaced(index, time, length - 1 - t if t < length else t)]
    if all(length <= steps for length in lengths):
        e.want = [filled(x.dtype, x.dims, value)]
    return e


def trilu_case():
    x = make(random_dims(1, 4))
    upper, k = below(2), RANDOM.choice([0, 0, 1, -1, 2, -3, 9, -9, 2**63 - 1, -2**63])
    e = Example("Trilu", RANDOM.choice([14, 22]), [x])
    optional(e, "upper", upper, 1)
    if k or below(2):
        e.lists.append(Tensor("i64", [], [k]))
    if len(x.dims) >= 2:
        e.want = [filled(x.dtype, x.dims, lambda i: x[i] if (i[-1] - i[-2] >= k if upper else i[-1] - i[-2] <= k) else 0)]
    return e


# ---- Einsum ----

def einsum_case():
    """Sums over everything that the result does not have, of the products of the operands."""
    sizes = {label: between(1, 4) if below(10) else 0 for label in "abcdeF"}
    n, with_ellipsis = between(1, 3), below(4) == 0
    behind = [between(1, 3) for _ in range(below(3))]
    terms, data, axes = [], [], []
    for _ in range(n):
        labels = [RANDOM.choice("abcdeF") for _ in range(between(0, 3))]
        dims = [1 if below(15) == 0 and labels.count(label) == 1 else sizes[label] for label in labels]
        if with_ellipsis and below(3):
            at, own = below(len(labels) + 1), below(len(behind) + 1)
            extra = [1 if below(5) == 0 else dim for dim in behind[len(behind) - own:]]
            names = [f"-{own - i}" for i in range(own)]
            terms.append("".join(labels[:at]) + "..." + "".join(labels[at:]))
            labels, dims = labels[:at] + names + labels[at:], dims[:at] + extra + dims[at:]
        else:
            terms.append("".join(labels))
        axes.append(labels)
        data.append(Tensor("f32", dims, [between(-3, 3) for _ in indices(dims)]))
    letters = sorted({label for labels in axes for label in labels if label.isalpha()})
    has_ellipsis = any("..." in term for term in terms)
    rank = max((sum(label[0] == "-" for label in labels) for labels in axes), default=0)
    names = [f"-{rank - i}" for i in range(rank)]
    equation = ",".join(terms)
    if below(3):
        kept = RANDOM.sample(letters, below(len(letters) + 1))
        at = below(len(kept) + 1)
        equation += "->" + "".join(kept[:at]) + "..." * has_ellipsis + "".join(kept[at:])
        result = kept[:at] + names + kept[at:]
    else:
        result = names + [label for label in letters if sum(labels.count(label) for labels in axes) == 1]
    e = Example("Einsum", 12, data)
    if below(20) == 0:
        equation += RANDOM.choice([",a", "->?", "..", "->a->", "->zz"])
    else:
        size = {label: 1 for labels in axes for label in labels}
        for labels, tensor in zip(axes, data):
            for label, dim in zip(labels, tensor.dims):
                size[label] = size[label] if dim == 1 else dim
        summed = [label for label in size if label not in result]

        def value(index):
            total = 0
            for rest in indices([size[label] for label in summed]):
                at = {**dict(zip(result, index)), **dict(zip(summed, rest))}
                term = 1
                for labels, tensor in zip(axes, data):
                    term *= tensor[[at[label] if dim != 1 else 0 for label, dim in zip(labels, tensor.dims)]]
                total += term
            return total
        if len(result) <= 8:
            e.want = [filled("f32", [size[label] for label in result], value)]
    e.attributes["equation"] = equation or "->"
    e.lists, e.data = e.data[1:], e.data[:1]
    return e


if __name__ == "__main__":
    run(all_texts(pad_case, gather_elements_case, scatter_elements_case, gather_nd_case, scatter_nd_case, one_hot_case,
                  top_k_case, cumsum_case, reverse_case, trilu_case, einsum_case))
