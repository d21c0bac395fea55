# SPDX-License-Identifier: Apache-2.0
"""RNN, LSTM and GRU as the ONNX operator texts define them, in float64 and one step at a time.

Where the texts are silent: `clip` clamps what enters the gate activations (what ONNX Runtime does); steps past a row's
length give zeros in Y; final states are those after the row's last step, so a row of length 0 keeps its initial state.
"""
import numpy as np

GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}
DEFAULTS = {"RNN": ["Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"]}

# name -> (default alpha, default beta, function); None: takes none
ACTIVATIONS = {
    "Relu": (None, None, lambda x, a, b: np.maximum(x, 0)),
    "Tanh": (None, None, lambda x, a, b: np.tanh(x)),
    "Sigmoid": (None, None, lambda x, a, b: 1 / (1 + np.exp(-x))),
    "Affine": (1.0, 0.0, lambda x, a, b: a * x + b),
    "LeakyRelu": (0.01, None, lambda x, a, b: np.where(x >= 0, x, a * x)),
    "ThresholdedRelu": (1.0, None, lambda x, a, b: np.where(x > a, x, 0)),
    "ScaledTanh": (1.0, 1.0, lambda x, a, b: a * np.tanh(b * x)),
    "HardSigmoid": (0.2, 0.5, lambda x, a, b: np.clip(a * x + b, 0, 1)),
    "Elu": (1.0, None, lambda x, a, b: np.where(x >= 0, x, a * np.expm1(x))),
    "Softsign": (None, None, lambda x, a, b: x / (1 + np.abs(x))),
    "Softplus": (None, None, lambda x, a, b: np.logaddexp(x, 0)),
}


def activations(cell, directions, names, alpha, beta):
    """Functions [direction][gate]; each function that takes alpha (beta) consumes the next of the list."""
    names = names or DEFAULTS[cell] * directions
    alpha, beta = list(alpha or []), list(beta or [])
    functions = []
    for name in names:
        default_a, default_b, f = ACTIVATIONS[name]
        # Attributes are float32 in the file.
        a = default_a if default_a is None or not alpha else alpha.pop(0)
        b = default_b if default_b is None or not beta else beta.pop(0)
        a, b = (v if v is None else float(np.float32(v)) for v in (a, b))
        functions.append(lambda x, f=f, a=a, b=b: f(x, a, b))
    per_direction = len(DEFAULTS[cell])
    return [functions[d * per_direction:(d + 1) * per_direction] for d in range(directions)]


def rnn_step(x, h, c, w, r, wb, rb, p, f, clip, options):
    return f[0](clip(w @ x + r @ h + wb + rb)), c


def lstm_step(x, h, c, w, r, wb, rb, p, f, clip, options):
    zi, zo, zf, zc = np.split(w @ x + r @ h + wb + rb, 4)
    pi, po, pf = np.split(p, 3)
    i = f[0](clip(zi + pi * c))
    forget = 1 - i if options["input_forget"] else f[0](clip(zf + pf * c))
    c = forget * c + i * f[1](clip(zc))
    return f[0](clip(zo + po * c)) * f[2](c), c


def gru_step(x, h, c, w, r, wb, rb, p, f, clip, options):
    (wz, wr, wh), (rz, rr, rh) = np.split(w, 3), np.split(r, 3)
    (wbz, wbr, wbh), (rbz, rbr, rbh) = np.split(wb, 3), np.split(rb, 3)
    z = f[0](clip(wz @ x + rz @ h + wbz + rbz))
    reset = f[0](clip(wr @ x + rr @ h + wbr + rbr))
    if options["linear_before_reset"]:
        n = f[1](clip(wh @ x + wbh + reset * (rh @ h + rbh)))
    else:
        n = f[1](clip(wh @ x + wbh + rh @ (reset * h) + rbh))
    return (1 - z) * n + z * h, c


STEPS = {"RNN": rnn_step, "LSTM": lstm_step, "GRU": gru_step}


def recurrent(cell, x, w, r, b=None, sequence_lens=None, initial_h=None, initial_c=None, p=None, direction="forward",
              names=None, alpha=None, beta=None, clip=None, layout=0, input_forget=0, linear_before_reset=0):
    """Returns Y, Y_h, Y_c (Y_c of an LSTM) in the layout asked for."""
    double = lambda a, shape: np.zeros(shape) if a is None else np.asarray(a, np.float64)
    x = double(x, None)
    if layout:
        x = x.swapaxes(0, 1)
    steps, batch, _ = x.shape
    directions, gated, _ = w.shape
    hidden = gated // GATES[cell]
    w, r, b = double(w, None), double(r, None), double(b, (directions, 2 * gated))
    p = double(p, (directions, 3 * hidden))
    state_shape = (batch, directions, hidden) if layout else (directions, batch, hidden)
    h0, c0 = double(initial_h, state_shape), double(initial_c, state_shape)
    if layout:
        h0, c0 = h0.swapaxes(0, 1), c0.swapaxes(0, 1)
    lens = [steps] * batch if sequence_lens is None else sequence_lens
    clamp = (lambda z: z) if not clip else (lambda z: np.clip(z, -float(np.float32(clip)), float(np.float32(clip))))
    functions = activations(cell, directions, names, alpha, beta)
    options = {"input_forget": input_forget, "linear_before_reset": linear_before_reset}

    y, h_n, c_n = np.zeros((steps, directions, batch, hidden)), h0.copy(), c0.copy()
    for d in range(directions):
        backwards = direction == "reverse" or d == 1
        for row in range(batch):
            h, c = h0[d, row], c0[d, row]
            times = range(lens[row])
            for t in reversed(times) if backwards else times:
                h, c = STEPS[cell](x[t, row], h, c, w[d], r[d], b[d, :gated], b[d, gated:], p[d], functions[d], clamp,
                                   options)
                y[t, d, row] = h
            h_n[d, row], c_n[d, row] = h, c
    if layout:
        y, h_n, c_n = y.transpose(2, 0, 1, 3), h_n.swapaxes(0, 1), c_n.swapaxes(0, 1)
    return y, h_n, c_n
