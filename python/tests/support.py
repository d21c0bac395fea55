# SPDX-License-Identifier: Apache-2.0
"""What the tests share: the package of this tree, models of their own, and the formulas of the cells in NumPy."""
import os
import sys
import threading
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if not os.environ.get("RNNPACK_TEST_INSTALLED"):
    sys.path.insert(0, str(ROOT / "python"))


def skip(reason):
    """Ends a whole test program with the reason why it cannot run."""
    if "pytest" in sys.modules:
        raise unittest.SkipTest(reason)
    print(f"skipped: {reason}")
    sys.exit(77)


try:
    import numpy as np
except ImportError:
    skip("NumPy is not installed (Debian: python3-numpy)")
import rnnpack

GATES = {"rnn": 1, "lstm": 4, "gru": 3}


def numbers(*shape, seed=0, scale=0.5):
    return np.random.default_rng([seed, *shape]).uniform(-scale, scale, shape).astype(np.float32)


def weights(cell, inputs, hidden, seed=0):
    """w, r, bias, bias_r in PyTorch's order."""
    wide = GATES[cell] * hidden
    return (numbers(wide, inputs, seed=seed), numbers(wide, hidden, seed=seed + 1), numbers(wide, seed=seed + 2),
            numbers(wide, seed=seed + 3))


def lstm_model(inputs=8, hidden=16, units=3, states=False, threads=1, isa=None):
    """x [steps, batch, inputs] -> y, and with states also h0, c0 -> hn, cn."""
    b = rnnpack.Builder(threads, isa)
    x = b.input("x", ["steps", "batch", inputs])
    given = {name: b.input(name, [1, "batch", hidden]) for name in ("h0", "c0") if states}
    y, h, c = b.lstm(x, weights("lstm", inputs, hidden), name="body", **given)
    b.output("y", b.dense(y, numbers(hidden, units), numbers(units), name="head"))
    if states:
        b.output("hn", h)
        b.output("cn", c)
    return b.build()


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def reference(cell, x, w, r, bias, bias_r, reverse=False, h=None, c=None):
    """A layer in float64, in PyTorch's order: y [steps][batch][hidden], h, c."""
    x, w, r, bias, bias_r = (one.astype(np.float64) for one in (x, w, r, bias, bias_r))
    hidden = r.shape[1]
    h = np.zeros((x.shape[1], hidden)) if h is None else h.astype(np.float64)
    c = np.zeros_like(h) if c is None else c.astype(np.float64)
    y = np.empty((*x.shape[:2], hidden))
    for t in reversed(range(len(x))) if reverse else range(len(x)):
        a, b = x[t] @ w.T + bias, h @ r.T + bias_r
        if cell == "rnn":
            h = np.tanh(a + b)
        elif cell == "lstm":
            i, f, g, o = np.split(a + b, 4, axis=1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        else:
            (ar, az, an), (br, bz, bn) = np.split(a, 3, axis=1), np.split(b, 3, axis=1)
            z = sigmoid(az + bz)
            h = (1 - z) * np.tanh(an + sigmoid(ar + br) * bn) + z * h
        y[t] = h
    return y, h, c


def same_bits(one, other):
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


def wrong_in_threads(function, inputs, rounds):
    """Calls function on each input again and again, each input in a thread of its own: the indices of those whose bits
    were once not those of a call alone."""
    wanted, wrong = [function(x) for x in inputs], []

    def work(index):
        for _ in range(rounds):
            if not same_bits(function(inputs[index]), wanted[index]):
                wrong.append(index)

    workers = [threading.Thread(target=work, args=(index,)) for index in range(len(inputs))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return wrong


def main():
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]], verbosity=1)
