# SPDX-License-Identifier: Apache-2.0
"""Small whole models as exporters write them, with NumPy expectations in float64. Called by make_models.py."""
import math

import numpy as np

import oracle
from case import Case


def double(*arrays):
    return [a.astype(np.float64) for a in arrays]


def softmax(x, axis):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def log_softmax(x, axis):
    x = x - x.max(axis=axis, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=axis, keepdims=True))


def i64(*values):
    return np.array(values, np.int64)


def cell_weights(case, cell, inputs, hidden, directions=1, tag=""):
    """Adds W, R, B as constants; returns their names and arrays."""
    gates = oracle.GATES[cell]
    arrays = [case.uniform(directions, gates * hidden, inputs, scale=0.6),
              case.uniform(directions, gates * hidden, hidden, scale=0.6), case.uniform(directions, 2 * gates * hidden)]
    return [case.constant(f"{n}{tag}", a) for n, a in zip("WRB", arrays)], arrays


def unsqueeze(case, x, *axes):
    """By attribute or by input, as the opset says."""
    if case.opset < 13:
        return case.node("Unsqueeze", [x], axes=list(axes))
    return case.node("Unsqueeze", [x, case.constant(f"axes_{len(case.initializers)}", i64(*axes))])


def squeeze(case, x, *axes):
    if case.opset < 13:
        return case.node("Squeeze", [x], axes=list(axes))
    return case.node("Squeeze", [x, case.constant(f"axes_{len(case.initializers)}", i64(*axes))])


def classifier(folder, opset):
    """Embedding -> LSTM -> last hidden state -> Gemm -> Softmax, batch first."""
    case = Case(folder, f"embedding_classifier_{opset}", opset)
    table, ids = case.uniform(11, 5), case.random.integers(0, 11, (3, 6))
    w, b = case.uniform(4, 7), case.uniform(4)
    tokens = case.input("tokens", ids, ["batch", "steps"])
    x = case.node("Gather", [case.constant("table", table), tokens], axis=0)
    x = case.node("Transpose", [x], perm=[1, 0, 2])
    names, arrays = cell_weights(case, "LSTM", 5, 7)
    _, h = case.node("LSTM", [x, *names], ["", "h"], hidden_size=7)
    h = squeeze(case, h, 0)
    logits = case.node("Gemm", [h, case.constant("w", w), case.constant("b", b)], transB=1)
    p = case.node("Softmax", [logits], ["p"], axis=1)
    _, h, _ = oracle.recurrent("LSTM", table[ids].transpose(1, 0, 2), *arrays)
    case.output("p", softmax(h[0] @ double(w)[0].T + b, 1), ["batch", 4])
    case.save()


def merged_directions(folder, opset):
    """Y [steps][dirs][batch][hidden] -> [steps][batch][dirs * hidden] through Shape arithmetic, then MatMul."""
    case = Case(folder, f"merged_directions_{opset}", opset)
    x, w, b = case.uniform(5, 3, 4), case.uniform(12, 3), case.uniform(3)
    name = case.input("x", x, ["steps", "batch", 4])
    names, arrays = cell_weights(case, "GRU", 4, 6, directions=2)
    case.node("GRU", [name, *names], ["y", "h"], hidden_size=6, direction="bidirectional", linear_before_reset=1)
    y = case.node("Transpose", ["y"], perm=[0, 2, 1, 3])
    shape = case.node("Shape", [name])
    indices = [case.constant(f"index_{i}", np.array(i, np.int64)) for i in (0, 1)]
    sizes = [unsqueeze(case, case.node("Gather", [shape, index], axis=0), 0) for index in indices]
    shape = case.node("Concat", [*sizes, case.constant("rest", i64(-1))], axis=0)
    y = case.node("Reshape", [y, shape])
    case.node("Add", [case.node("MatMul", [y, case.constant("w", w)]), case.constant("b", b)], ["scores"])
    y, h, _ = oracle.recurrent("GRU", x, *arrays, direction="bidirectional", linear_before_reset=1)
    y = y.transpose(0, 2, 1, 3).reshape(5, 3, 12)
    case.output("scores", y @ double(w)[0] + b, ["steps", "batch", 3])
    case.output("h", h, [2, "batch", 6])
    case.save()


def state_from_shape(folder, opset):
    """Initial states of the batch's size, as PyTorch exports them: Shape -> Gather -> Concat -> ConstantOfShape."""
    from onnx import numpy_helper
    case = Case(folder, f"state_from_shape_{opset}", opset)
    x = case.uniform(4, 2, 3)
    name = case.input("x", x, ["steps", "batch", 3])
    names, arrays = cell_weights(case, "LSTM", 3, 5)
    batch = case.node("Gather", [case.node("Shape", [name]), case.constant("one", np.array(1, np.int64))], axis=0)
    sizes = [case.constant("dirs", i64(1)), unsqueeze(case, batch, 0), case.constant("units", i64(5))]
    shape = case.node("Concat", sizes, axis=0)
    h0 = case.node("ConstantOfShape", [shape])
    c0 = case.node("ConstantOfShape", [shape], value=numpy_helper.from_array(np.array([0.25], np.float32), "value"))
    case.node("LSTM", [name, *names, "", h0, c0], ["y", "h", "c"], hidden_size=5)
    squeezed = squeeze(case, "y", 1)
    case.node("Identity", [squeezed], ["sequence"])
    y, h, c = oracle.recurrent("LSTM", x, *arrays, initial_h=np.zeros((1, 2, 5)), initial_c=np.full((1, 2, 5), 0.25))
    case.output("sequence", y[:, 0], ["steps", "batch", 5])
    case.output("h", h, [1, "batch", 5])
    case.output("c", c, [1, "batch", 5])
    case.save()


def stacked(folder):
    """Two layers, dropout between them, the last step taken by a negative Gather index."""
    case = Case(folder, "stacked_last_step", 13)
    x, w, b = case.uniform(6, 2, 3), case.uniform(5, 2), case.uniform(2)
    name = case.input("x", x, ["steps", "batch", 3])
    first, arrays_1 = cell_weights(case, "LSTM", 3, 4, tag="1")
    second, arrays_2 = cell_weights(case, "GRU", 4, 5, tag="2")
    case.node("LSTM", [name, *first], ["y1"], hidden_size=4)
    y = case.node("Dropout", [squeeze(case, "y1", 1)], ["dropped"])[0]
    case.node("GRU", [y, *second], ["y2"], hidden_size=5)
    last = case.node("Gather", [squeeze(case, "y2", 1), case.constant("last", np.array(-1, np.int64))], axis=0)
    scores = case.node("Gemm", [last, case.constant("w", w), case.constant("b", b)], alpha=0.5, beta=2.0)
    case.node("LogSoftmax", [scores], ["logp"], axis=-1)
    y1, _, _ = oracle.recurrent("LSTM", x, *arrays_1)
    y2, _, _ = oracle.recurrent("GRU", y1[:, 0], *arrays_2)
    case.output("logp", log_softmax(0.5 * (y2[-1, 0] @ double(w)[0]) + 2 * double(b)[0], 1), ["batch", 2])
    case.save()


def layer_norm(folder, opset):
    """ReduceMean, Sub, Pow, Sqrt, Div, Mul, Add; the axes are an input since opset 18."""
    case = Case(folder, f"layer_norm_{opset}", opset)
    x, scale, shift = case.uniform(3, 2, 19, scale=3), case.uniform(19), case.uniform(19)

    def mean(value):
        if opset < 18:
            return case.node("ReduceMean", [value], axes=[-1])
        return case.node("ReduceMean", [value, case.constant(f"axes_{len(case.initializers)}", i64(-1))])

    name = case.input("x", x, ["steps", "batch", 19])
    centred = case.node("Sub", [name, mean(name)])
    variance = mean(case.node("Pow", [centred, case.constant("two", np.float32(2))]))
    deviation = case.node("Sqrt", [case.node("Add", [variance, case.constant("eps", np.float32(1e-5))])])
    y = case.node("Div", [centred, deviation])
    y = case.node("Mul", [y, case.constant("scale", scale)])
    case.node("Add", [y, case.constant("shift", shift)], ["y"])
    x, scale, shift = double(x, scale, shift)
    centred = x - x.mean(-1, keepdims=True)
    variance = (centred ** 2).mean(-1, keepdims=True)
    case.output("y", centred / np.sqrt(variance + np.float64(np.float32(1e-5))) * scale + shift, ["steps", "batch", 19])
    case.save()


def flattened_softmax(folder):
    """Before opset 13 Softmax and LogSoftmax work on the matrix that `axis` cuts the tensor into."""
    case = Case(folder, "flattened_softmax", 11)
    x = case.uniform(3, 4, 5, scale=4)
    name = case.input("x", x)
    case.node("Softmax", [name], ["p"], axis=1)
    case.node("LogSoftmax", [name], ["logp"], axis=1)
    case.node("Softmax", [name], ["all"], axis=0)
    flat = double(x)[0].reshape(3, 20)
    case.output("p", softmax(flat, 1).reshape(x.shape))
    case.output("logp", log_softmax(flat, 1).reshape(x.shape))
    case.output("all", softmax(flat.reshape(1, 60), 1).reshape(x.shape))
    case.save()


def inner_softmax(folder):
    """From opset 13 on they work along one axis, here not the last."""
    case = Case(folder, "inner_softmax", 13)
    x = case.uniform(3, 4, 5, scale=4)
    name = case.input("x", x, [3, "length", 5])
    case.node("Softmax", [name], ["p"], axis=1)
    case.node("LogSoftmax", [name], ["logp"], axis=0)
    case.output("p", softmax(double(x)[0], 1), [3, "length", 5])
    case.output("logp", log_softmax(double(x)[0], 0), [3, "length", 5])
    case.save()


def attention(folder):
    """Attention pooling over the steps of a bidirectional layer, masked by Where."""
    case = Case(folder, "attention_pooling", 14)
    x, query, mask = case.uniform(5, 2, 3), case.uniform(8, 1), np.array([[1, 1], [1, 1], [1, 1], [1, 0], [0, 0]], bool)
    name, mask_name = case.input("x", x, ["steps", "batch", 3]), case.input("mask", mask, ["steps", "batch"])
    names, arrays = cell_weights(case, "LSTM", 3, 4, directions=2)
    case.node("LSTM", [name, *names], ["y"], hidden_size=4, direction="bidirectional")
    y = case.node("Reshape", [case.node("Transpose", ["y"], perm=[0, 2, 1, 3]), case.constant("shape", i64(0, 0, -1))])
    score = case.node("MatMul", [case.node("Tanh", [y]), case.constant("query", query)])
    score = case.node("Where", [unsqueeze(case, mask_name, 2), score, case.constant("low", np.float32(-1e4))])
    weight = case.node("Softmax", [score], axis=0)
    case.node("ReduceSum", [case.node("Mul", [weight, y]), case.constant("time", i64(0))], ["pooled"], keepdims=0)
    y, _, _ = oracle.recurrent("LSTM", x, *arrays, direction="bidirectional")
    y = y.transpose(0, 2, 1, 3).reshape(5, 2, 8)
    weight = softmax(np.where(mask[..., None], np.tanh(y) @ double(query)[0], -1e4), 0)
    case.output("pooled", (weight * y).sum(0), ["batch", 8])
    case.save()


def moves(folder):
    """Slice (negative start, step and end), Split, Concat, Expand, Tile, Clip."""
    case = Case(folder, "moves", 13)
    x = case.uniform(4, 6, 5)
    name = case.input("x", x, ["rows", 6, 5])
    c = case.constant
    back = case.node("Slice", [name, c("starts", i64(-1, 1)), c("ends", i64(np.iinfo(np.int64).min, 100)),
                               c("axes", i64(1, 2)), c("steps", i64(-2, 1))])
    case.node("Identity", [back], ["sliced"])
    case.node("Split", [name, c("sizes", i64(1, 3, 2))], ["a", "b", "c"], axis=1)
    case.node("Concat", ["c", "a", "b"], ["rotated"], axis=-2)
    clipped = case.node("Clip", ["a", c("low", np.float32(-0.3)), c("high", np.float32(0.5))])
    case.node("Expand", [clipped, c("three", i64(3, 1))], ["expanded"])
    case.node("Tile", [clipped, c("repeats", i64(1, 2, 2))], ["tiled"])
    a, b, last = np.split(double(x)[0], [1, 4], axis=1)
    low, high = (float(np.float32(v)) for v in (-0.3, 0.5))
    case.output("sliced", double(x)[0][:, ::-2, 1:], ["rows", 3, 4])
    case.output("rotated", np.concatenate([last, a, b], axis=1), ["rows", 6, 5])
    case.output("expanded", np.broadcast_to(np.clip(a, low, high), (4, 3, 5)), ["rows", 3, 5])
    case.output("tiled", np.tile(np.clip(a, low, high), (1, 2, 2)), ["rows", 2, 10])
    case.save()


def old_forms(folder):
    """Opset 9: Slice, Split, Clip, Squeeze and ReduceSum with attributes; Dropout with a ratio."""
    case = Case(folder, "old_forms", 9)
    x = case.uniform(4, 1, 6)
    name = case.input("x", x)
    case.node("Slice", [name], ["sliced"], axes=[0, 2], starts=[1, -4], ends=[9999, -1])
    case.node("Split", [name], ["left", "right"], axis=2, split=[2, 4])
    case.node("Clip", ["right"], ["clipped"], min=-0.25, max=0.75)
    case.node("Squeeze", ["left"], ["squeezed"], axes=[1])
    case.node("ReduceSum", [name], ["sum"], axes=[0, 2], keepdims=0)
    case.node("Dropout", [name], ["kept"], ratio=0.4)
    x = double(x)[0]
    case.output("sliced", x[1:, :, -4:-1])
    case.output("clipped", np.clip(x[..., 2:], -0.25, 0.75))
    case.output("squeezed", x[:, 0, :2])
    case.output("sum", x.sum((0, 2)))
    case.output("kept", x)
    case.save()


def functions(folder):
    """Elementwise functions with their attributes."""
    case = Case(folder, "functions", 14)
    x = case.uniform(3, 17, scale=4)
    name, d = case.input("x", x, ["rows", 17]), double(x)[0]
    table = {
        "Relu": {}, "Tanh": {}, "Sigmoid": {}, "LeakyRelu": {"alpha": 0.125}, "ThresholdedRelu": {"alpha": 0.5},
        "HardSigmoid": {"alpha": 0.25, "beta": 0.375}, "Elu": {"alpha": 0.75}, "Softsign": {}, "Softplus": {},
    }
    for op, attributes in table.items():
        _, _, f = oracle.ACTIVATIONS[op]
        case.node(op, [name], [op.lower()], **attributes)
        case.output(op.lower(), f(d, attributes.get("alpha"), attributes.get("beta")), ["rows", 17])
    for op, f in [("Exp", np.exp), ("Neg", np.negative), ("Abs", np.abs), ("Floor", np.floor), ("Ceil", np.ceil)]:
        case.node(op, [name], [op.lower()])
        case.output(op.lower(), f(d), ["rows", 17])
    positive = case.node("Abs", [name])
    case.node("Log", [positive], ["log"])
    case.node("Pow", [positive, case.constant("power", np.float32(1.7))], ["pow"])
    case.output("log", np.log(np.abs(d)), ["rows", 17])
    case.output("pow", np.abs(d) ** float(np.float32(1.7)), ["rows", 17])
    case.save()


def more_functions(folder):
    """Those that came with newer opsets, or that few models have."""
    case = Case(folder, "more_functions", 20)
    x, slope = case.uniform(3, 17, scale=4), case.uniform(17)
    name, (d, s) = case.input("x", x, ["rows", 17]), double(x, slope)
    alpha, gamma = 1.67326319217681884765625, 1.05070102214813232421875
    erf = np.vectorize(math.erf)
    table = [
        ("Erf", {}, erf(d)), ("Gelu", {}, d * (1 + erf(d / math.sqrt(2))) / 2),
        ("Gelu", {"approximate": "tanh"}, d * (1 + np.tanh(math.sqrt(2 / math.pi) * (d + 0.044715 * d**3))) / 2),
        ("HardSwish", {}, d * np.clip(d / 6 + 0.5, 0, 1)), ("Mish", {}, d * np.tanh(np.log1p(np.exp(d)))),
        ("Selu", {}, gamma * np.where(d > 0, d, alpha * np.expm1(d))),
        ("Selu", {"alpha": 0.5, "gamma": 2.0}, 2 * np.where(d > 0, d, np.expm1(d) / 2)),
        ("Celu", {"alpha": 0.5}, np.where(d > 0, d, np.expm1(d * 2) / 2)), ("Sin", {}, np.sin(d)),
        ("Cos", {}, np.cos(d)), ("Tan", {}, np.tan(d)), ("Atan", {}, np.arctan(d)), ("Sinh", {}, np.sinh(d)),
        ("Cosh", {}, np.cosh(d)), ("Asinh", {}, np.arcsinh(d)), ("IsNaN", {}, d != d), ("IsInf", {}, np.isinf(d)),
    ]
    for i, (op, attributes, y) in enumerate(table):
        case.node(op, [name], [f"{op}_{i}"], **attributes)
        case.output(f"{op}_{i}", y, ["rows", 17])
    case.node("PRelu", [name, case.constant("slope", slope)], ["prelu"])
    case.output("prelu", np.where(d < 0, d * s, d), ["rows", 17])
    small = case.node("Mul", [name, case.constant("quarter", np.float32(0.25))])
    for op, y in ("Asin", np.arcsin(d / 4)), ("Acos", np.arccos(d / 4)), ("Atanh", np.arctanh(d / 4)):
        case.node(op, [small], [op])
        case.output(op, y, ["rows", 17])
    case.node("Acosh", [case.node("Add", [case.node("Abs", [name]), case.constant("one", np.float32(1))])], ["Acosh"])
    case.output("Acosh", np.arccosh(1 + np.abs(x).astype(np.float32)).astype(np.float64), ["rows", 17])
    odd = np.array([np.nan, np.inf, -np.inf, 1], np.float32)
    case.input("odd", odd)
    for op, attributes, y in [("IsNaN", {}, odd != odd), ("IsInf", {}, np.isinf(odd)),
                              ("IsInf", {"detect_negative": 0}, odd == np.inf),
                              ("IsInf", {"detect_positive": 0}, odd == -np.inf)]:
        result = "_".join(["odd", op, *attributes])
        case.node(op, ["odd"], [result], **attributes)
        case.output(result, y)
    case.save()


def reductions(folder, opset):
    """Over the last axes, others and all; axes as an attribute or as an input."""
    case = Case(folder, f"reductions_{opset}", opset)
    x, n = case.uniform(3, 4, 21, scale=2), np.arange(-6, 6).reshape(3, 4)
    d = double(x)[0]
    names = {"x": case.input("x", x, ["a", 4, "b"]), "n": case.input("n", n)}
    positive = case.node("Abs", ["x"])
    table = {
        "ReduceProd": np.prod, "ReduceL1": lambda v, **k: np.abs(v).sum(**k),
        "ReduceL2": lambda v, **k: np.sqrt((v * v).sum(**k)), "ReduceSumSquare": lambda v, **k: (v * v).sum(**k),
        "ReduceLogSumExp": lambda v, **k: np.log(np.exp(v).sum(**k)),
        "ReduceLogSum": lambda v, **k: np.log(np.abs(v).sum(**k)),
    }

    def add(op, data, axes, keep, result, y):
        inputs, attributes = [data], {"keepdims": keep}
        if axes and opset < 18:
            attributes["axes"] = axes
        elif axes:
            inputs.append(case.constant(f"axes_{result}", i64(*axes)))
        case.node(op, inputs, [result], **attributes)
        case.output(result, y, [None] * y.ndim)

    for op, f in table.items():
        for i, (axes, keep) in enumerate([([-1], 0), ([0, 2], 1), ([1], 0), ([], 1)]):
            if op == "ReduceProd" and len(axes) != 1:
                continue
            y = f(d, axis=tuple(axes) or None, keepdims=bool(keep))
            add(op, positive if op == "ReduceLogSum" else "x", axes, keep, f"{op}_{i}", y)
    for op in "ReduceProd", "ReduceL1", "ReduceSumSquare":
        add(op, names["n"], [1], 0, f"{op}_whole", np.asarray(table[op](n, axis=1)).astype(np.int64))
    if opset >= 18:  # no axes: only what happens to each element
        for op in "ReduceL2", "ReduceSumSquare", "ReduceProd":
            case.node(op, ["x"], [f"{op}_noop"], noop_with_empty_axes=1)
        for op, y in ("ReduceL2", np.abs(d)), ("ReduceSumSquare", d * d), ("ReduceProd", d):
            case.output(f"{op}_noop", y, ["a", 4, "b"])
    case.save()


def normalised(d, axes, epsilon=1e-5):
    mean = d.mean(axis=axes, keepdims=True)
    inverse = 1 / np.sqrt(((d - mean) ** 2).mean(axis=axes, keepdims=True) + epsilon)
    return (d - mean) * inverse, mean, inverse


def normalisations(folder, opset):
    case = Case(folder, f"normalisations_{opset}", opset)
    x, scale, bias, mean, var = case.uniform(2, 6, 19, scale=3), *(case.uniform(6) for _ in range(4))
    wide, last, flat = case.uniform(6, 19), case.uniform(19), case.uniform(5, 6)
    constants = {"scale": scale, "bias": bias, "mean": mean, "var": np.abs(var), "wide": wide, "last": last}
    for name, array in constants.items():
        case.constant(name, array)
    case.input("x", x, ["batch", 6, "steps"])
    case.input("flat", flat, ["rows", 6])
    d, s, b, m, w, l, f = double(x, scale, bias, mean, wide, last, flat)
    v = np.abs(var).astype(np.float64)
    column = [a[:, None] for a in (s, b, m, v)]

    def add(op, inputs, y, dims, results=None, **attributes):
        results = results or [f"y{len(case.outputs)}"]
        case.node(op, inputs, results, **attributes)
        for result, array in zip(results, y):
            if result:
                case.output(result, array, dims)

    batch = ["scale", "bias", "mean", "var"]
    y = (d - column[2]) / np.sqrt(column[3] + 1e-5) * column[0] + column[1]
    add("BatchNormalization", ["x", *batch], [y], ["batch", 6, "steps"])
    y = (f - m) / np.sqrt(v + 0.25) * s + b
    add("BatchNormalization", ["flat", *batch], [y], ["rows", 6], epsilon=0.25, momentum=0.5)
    y = normalised(d, 2, 0.125)[0] * column[0] + column[1]
    add("InstanceNormalization", ["x", "scale", "bias"], [y], ["batch", 6, "steps"], epsilon=0.125)
    for p, axis in (1, 1), (2, -1):
        y = d / (np.abs(d).sum(axis=axis, keepdims=True) if p == 1 else np.sqrt((d * d).sum(axis=axis, keepdims=True)))
        add("LpNormalization", ["x"], [y], ["batch", 6, "steps"], axis=axis, p=p)
    y, mean, inverse = normalised(d, 2)
    add("LayerNormalization", ["x", "last"], [y * l], ["batch", 6, "steps"])
    add("LayerNormalization", ["x", "wide", "last"], [y * w + l, None, inverse], [None] * 3, ["out", "", "inverse"],
        axis=2)
    y, mean, inverse = normalised(d, (1, 2), 0.0625)
    add("LayerNormalization", ["x", "wide", "wide"], [y * w + w, mean, inverse], [None] * 3, ["layer", "m", "i"], axis=-2,
        epsilon=0.0625)
    if opset >= 21:
        y = normalised(d.reshape(2, 3, -1), 2)[0].reshape(d.shape) * column[0] + column[1]
        add("GroupNormalization", ["x", "scale", "bias"], [y], ["batch", 6, "steps"], num_groups=3)
    case.save()


def decisions(folder):
    """Comparisons, logic, Cast and ArgMax: results that must match exactly."""
    case = Case(folder, "decisions", 13)
    x, y = case.uniform(4, 5), case.uniform(1, 5)
    a, b = case.input("x", x, ["rows", 5]), case.input("y", y)
    greater, less = case.node("Greater", [a, b]), case.node("Less", [a, case.constant("half", np.float32(0.5))])
    case.node("And", [greater, less], ["both"])
    case.node("Not", [greater], ["not"])
    case.node("ArgMax", [a], ["class"], axis=1, keepdims=0)
    case.node("Cast", ["class"], ["class32"], to=6)
    case.node("Cast", [case.node("Cast", ["both"], to=1)], ["count"], to=7)
    case.node("Where", ["both", a, b], ["picked"])
    both = (x > y) & (x < 0.5)
    case.output("both", both, ["rows", 5])
    case.output("not", ~(x > y), ["rows", 5])
    case.output("class", x.argmax(1), ["rows"])
    case.output("class32", x.argmax(1).astype(np.int32), ["rows"])
    case.output("count", both.astype(np.int64), ["rows", 5])
    case.output("picked", np.where(both, x, y).astype(np.float64), ["rows", 5])
    case.save()


def lengths_from_mask(folder):
    """sequence_lens computed in the graph: a padding mask, summed and cast."""
    case = Case(folder, "lengths_from_mask", 14)
    x, mask = case.uniform(6, 4, 3), (np.arange(6) < np.array([[6], [2], [5], [0]])).astype(np.int64)
    name, mask_name = case.input("x", x, ["steps", "batch", 3]), case.input("mask", mask, ["batch", "steps"])
    names, arrays = cell_weights(case, "GRU", 3, 5, directions=2)
    summed = case.node("ReduceSum", [mask_name, case.constant("axis", i64(1))], keepdims=0)
    lens = case.node("Cast", [summed], to=6)
    case.node("GRU", [name, *names, lens], ["y", "h"], hidden_size=5, direction="bidirectional")
    y, h, _ = oracle.recurrent("GRU", x, *arrays, direction="bidirectional", sequence_lens=mask.sum(1))
    case.output("y", y, ["steps", 2, "batch", 5])
    case.output("h", h, [2, "batch", 5])
    case.save()


def shifted(folder):
    """A shift by one step (Pad), a grouped dense layer (Einsum), the step that each length ends with (GatherElements),
    the best classes (TopK) and a mask of them (ScatterElements)."""
    case = Case(folder, "shifted_grouped_last", 18)
    x, lens, groups = case.uniform(3, 5, 6), i64(2, 5, 1), case.uniform(2, 3, 4)
    name, lens_name = case.input("x", x, ["batch", "steps", 6]), case.input("lens", lens, ["batch"])
    c = case.constant
    pads = case.node("Concat", [c("first", i64(1)), case.node("Neg", ["first"])], axis=0)
    earlier = case.node("Pad", [name, pads, "", c("time", i64(1))])
    case.node("CumSum", [earlier, c("along", np.array(1, np.int64))], ["sums"], exclusive=1)
    names, arrays = cell_weights(case, "GRU", 6, 6)
    case.node("GRU", [case.node("Transpose", [earlier], perm=[1, 0, 2]), *names], ["y", ""], hidden_size=6)
    y = case.node("Reshape", [case.node("Transpose", [squeeze(case, "y", 1)], perm=[1, 0, 2]),
                              c("split", i64(0, 0, 2, 3))])
    y = case.node("Einsum", [y, c("groups", groups)], equation="btgi, gih -> btgh")
    y = case.node("Reshape", [y, c("joined", i64(0, 0, 8))])
    index = case.node("Reshape", [case.node("Sub", [lens_name, c("one", i64(1))]), c("column", i64(-1, 1, 1))])
    last = case.node("GatherElements", [y, case.node("Expand", [index, c("row", i64(1, 1, 8))])], axis=1)
    last = case.node("Identity", [squeeze(case, last, 1)], ["last"])[0]
    case.node("TopK", [last, c("k", i64(3))], ["best", "class"])
    zeros = case.node("ConstantOfShape", [case.node("Shape", [last])])
    case.node("ScatterElements", [zeros, "class", "best"], ["mask"], axis=1, reduction="add")
    earlier = np.concatenate([np.zeros((3, 1, 6)), double(x)[0][:, :-1]], 1)
    y, _, _ = oracle.recurrent("GRU", earlier.transpose(1, 0, 2), *arrays)
    y = np.einsum("tbgi,gih->btgh", y[:, 0].reshape(5, 3, 2, 3), double(groups)[0]).reshape(3, 5, 8)
    last = y[np.arange(3), lens - 1]
    best = np.argsort(-last, 1)[:, :3]
    mask = np.zeros((3, 8))
    np.put_along_axis(mask, best, np.take_along_axis(last, best, 1), 1)
    case.output("sums", np.cumsum(earlier, 1) - earlier, ["batch", "steps", 6])
    case.output("last", last, ["batch", 8])
    case.output("best", np.take_along_axis(last, best, 1), ["batch", 3])
    case.output("class", best, ["batch", 3])
    case.output("mask", mask, ["batch", 8])
    case.save()


def write_all(folder):
    for opset in (11, 14, 22):
        classifier(folder, opset)
        merged_directions(folder, opset)
        state_from_shape(folder, opset)
    stacked(folder)
    for opset in (11, 17, 18):
        layer_norm(folder, opset)
    flattened_softmax(folder)
    inner_softmax(folder)
    attention(folder)
    moves(folder)
    shifted(folder)
    old_forms(folder)
    functions(folder)
    more_functions(folder)
    for opset in 13, 18:
        reductions(folder, opset)
    for opset in 17, 21:
        normalisations(folder, opset)
    decisions(folder)
    lengths_from_mask(folder)
