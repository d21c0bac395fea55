# SPDX-License-Identifier: Apache-2.0
"""Layers from arrays: every order, direction and shape beside the formulas, and the bits of the model API."""
import unittest

import numpy as np

import support
from support import numbers, reference, rnnpack, same_bits, weights, wrong_in_threads

LAYERS = {"rnn": rnnpack.layers.RNN, "lstm": rnnpack.layers.LSTM, "gru": rnnpack.layers.GRU}
# PyTorch's gates as places in the other orders.
ONNX = {"rnn": [0], "lstm": [0, 3, 1, 2], "gru": [1, 0, 2]}
KERAS = {"rnn": [0], "lstm": [0, 1, 2, 3], "gru": [1, 0, 2]}


def reordered(array, places):
    parts = np.split(array, len(places))
    return np.concatenate([parts[place] for place in places])


def in_order(cell, given, order):
    if order == "pytorch":
        return given
    w, r, bias, bias_r = (reordered(one, (ONNX if order == "onnx" else KERAS)[cell]) for one in given)
    if order == "onnx":
        return w, r, np.concatenate([bias, bias_r])
    if cell == "gru":
        return w.T.copy(), r.T.copy(), np.stack([bias, bias_r])
    return w.T.copy(), r.T.copy(), bias + bias_r


class Layers(unittest.TestCase):
    def test_orders(self):
        x = numbers(9, 3, 5)
        for cell, kind in LAYERS.items():
            given = weights(cell, 5, 7)
            y, h, c = reference(cell, x, *given)
            for order in ("pytorch", "onnx", "keras"):
                with self.subTest(cell=cell, order=order):
                    layer = kind(*in_order(cell, given, order), order=order)
                    self.assertEqual((layer.input, layer.hidden, layer.dirs), (5, 7, 1))
                    got = layer(x)
                    np.testing.assert_allclose(got[0], y, atol=2e-6)
                    last = got[1] if cell == "lstm" else (got[1],)
                    np.testing.assert_allclose(last[0][0], h, atol=2e-6)
                    if cell == "lstm":
                        np.testing.assert_allclose(last[1][0], c, atol=2e-6)

    def test_directions(self):
        x = numbers(6, 2, 5)
        for cell, kind in LAYERS.items():
            one, other = weights(cell, 5, 4), weights(cell, 5, 4, seed=9)
            forward, back = reference(cell, x, *one), reference(cell, x, *other, reverse=True)
            np.testing.assert_allclose(kind(*other, direction="reverse")(x)[0], back[0], atol=2e-6)
            both = kind(*one, reverse=other)
            y, last = both(x)
            np.testing.assert_allclose(y, np.concatenate([forward[0], back[0]], 2), atol=2e-6)
            h = last[0] if cell == "lstm" else last
            np.testing.assert_allclose(h, np.stack([forward[1], back[1]]), atol=2e-6)
            stacked = [np.stack(pair) for pair in zip(in_order(cell, one, "onnx"), in_order(cell, other, "onnx"))]
            self.assertTrue(same_bits(kind(*stacked, order="onnx")(x)[0], y))

    def test_batch_first_states_lengths(self):
        x, given = numbers(6, 3, 5), weights("lstm", 5, 4)
        layer, turned = rnnpack.layers.LSTM(*given), rnnpack.layers.LSTM(*given, batch_first=True)
        h0, c0 = numbers(1, 3, 4, seed=5), numbers(1, 3, 4, seed=6)
        y, (h, c) = layer(x, (h0, c0))
        np.testing.assert_allclose(y, reference("lstm", x, *given, h=h0[0], c=c0[0])[0], atol=2e-6)
        other, states = turned(np.ascontiguousarray(x.swapaxes(0, 1)), (h0[0], c0[0]))
        self.assertTrue(same_bits(np.ascontiguousarray(other.swapaxes(0, 1)), y))
        self.assertTrue(same_bits(states[0], h) and same_bits(states[1], c))
        lengths = np.array([6, 0, 2], np.int32)
        short, (h, _) = layer(x, (h0, c0), lengths)
        for row, n in enumerate(lengths):
            self.assertTrue(same_bits(short[:n, row], y[:n, row]))
            self.assertFalse(short[n:, row].any())
            self.assertTrue(same_bits(h[0, row], y[n - 1, row] if n else h0[0, row]))
        z = np.empty_like(y)
        self.assertIs(layer(x, (h0, c0), out=z)[0], z)
        self.assertTrue(same_bits(z, y))

    def test_bits_of_a_model(self):
        x = numbers(12, 2, 8)
        for cell, kind in LAYERS.items():
            given = weights(cell, 8, 32)
            b = rnnpack.Builder()
            b.output("y", b.recurrent(cell, b.input("x", ["steps", "batch", 8]), given)[0])
            y = b.build()(x)
            self.assertTrue(same_bits(kind(*given)(x)[0], y))
            for isa in ("generic", None):
                self.assertTrue(same_bits(kind(*given, isa=isa, threads=2)(x)[0], y))
            layer, state, steps = kind(*given), None, []
            for t in range(12):
                step, state = layer(x[t : t + 1], state)
                steps.append(step)
            self.assertTrue(same_bits(np.concatenate(steps), y))

    def test_visits(self):
        features, steps, rng = 3, 6, np.random.default_rng(4)
        mask = (rng.random((steps, 2, features)) < 0.6).astype(np.float32)
        x, delta = numbers(steps, 2, features), rng.uniform(0, 3, mask.shape).astype(np.float32)
        given, mean = weights("gru", 2 * features, 5), numbers(features, seed=8)
        decay = (numbers(features), numbers(features, seed=2), numbers(features, 5, seed=3), numbers(5, seed=4))
        b = rnnpack.Builder()
        ins = [b.input(name, ["steps", "batch", features]) for name in ("x", "mask", "delta")]
        b.output("y", b.grud(*ins, given, decay, mean=mean, reset="after", name="visits")[0])
        y = b.build()(x, mask, delta)
        left = np.exp(-np.maximum(0, delta * decay[0] + decay[1]))
        inputs = np.concatenate([mean + (x - mean) * (mask + (1 - mask) * left), mask], 2)
        g, h = np.exp(-np.maximum(0, delta @ decay[2] + decay[3])), np.zeros((2, 5))
        for t in range(steps):
            h = reference("gru", inputs[t : t + 1], *given, h=g[t] * h)[1]
            np.testing.assert_allclose(y[t], h, atol=2e-6)

        lstm, split, bias = weights("lstm", features, 5), numbers(5, 5, seed=5), numbers(5, seed=6)
        b = rnnpack.Builder()
        ins = [b.input("x", ["steps", "batch", features]), b.input("elapsed", ["steps", "batch", 1])]
        y, _, c = b.tlstm(*ins, lstm, split, bias)
        b.output("y", y)
        b.output("c", c)
        y, last = b.build()(x, delta[:, :, :1].copy())
        h, c = np.zeros((2, 5)), np.zeros((2, 5))
        for t in range(steps):
            m = np.tanh(c @ split.T + bias)
            _, h, c = reference("lstm", x[t : t + 1], *lstm, h=h, c=c - m + m / np.log(np.e + delta[t, :, :1]))
            np.testing.assert_allclose(y[t], h, atol=2e-6)
        np.testing.assert_allclose(last[0], c, atol=4e-6)

        b, w, v = rnnpack.Builder(), numbers(features, 4, seed=7), numbers(4, seed=9)
        b.output("y", b.attention(b.input("x", ["steps", "batch", features]), w, bias[:4], v))
        score = np.exp(np.tanh(x @ w + bias[:4]) @ v)[:, :, None]
        np.testing.assert_allclose(b.build()(x), (x * score).sum(0) / score.sum(0), atol=2e-6)

    def test_visits_refused(self):
        b = rnnpack.Builder()
        x, given = b.input("x", ["steps", "batch", 3]), weights("gru", 6, 5)
        decay = (numbers(3), numbers(3), numbers(3, 5), numbers(5))
        lstm = weights("lstm", 3, 5)
        for add in (lambda: b.grud(x, x, x, given, decay[:3]), lambda: b.grud(x, x, x, weights("gru", 5, 5), decay),
                    lambda: b.grud(x, x, x, given, decay[::-1]), lambda: b.grud(x, x, x, lstm, decay),
                    lambda: b.grud(x, x, x, given, decay, mean=numbers(4)), lambda: b.grud(x, None, x, given, decay),
                    lambda: b.tlstm(x, x, lstm, numbers(5, 4)), lambda: b.tlstm(x, x, lstm, numbers(5, 5), numbers(4)),
                    lambda: b.tlstm(x, None, lstm, numbers(5, 5)),
                    lambda: b.attention(x, numbers(3, 4), numbers(3), numbers(4))):
            with self.assertRaises(rnnpack.Error):
                add()

    def test_options(self):
        x = numbers(5, 2, 3)
        w, r, bias, bias_r = weights("rnn", 3, 4)
        relu = rnnpack.layers.RNN(w, r, bias, bias_r, activations=["Relu"])(x)[0]
        h = np.zeros((2, 4))
        for t in range(5):
            h = np.maximum(x[t] @ w.T + bias + h @ r.T + bias_r, 0)
            np.testing.assert_allclose(relu[t], h, atol=2e-6)
        leaky = rnnpack.layers.RNN(w, r, activations=["LeakyRelu"], alpha=[0.5])(x)[0]
        self.assertTrue((leaky < 0).any())
        gates = weights("lstm", 3, 4)
        plain = rnnpack.layers.LSTM(*gates)(x)[0]
        for options in ({"peephole": numbers(12)}, {"clip": 0.1}, {"input_forget": True}, {"math": "fast"}):
            self.assertFalse(same_bits(rnnpack.layers.LSTM(*gates, **options)(x)[0], plain))
        units = weights("gru", 3, 4)
        self.assertFalse(same_bits(rnnpack.layers.GRU(*units)(x)[0], rnnpack.layers.GRU(*units, reset="before")(x)[0]))

    def test_threads(self):
        layer = rnnpack.layers.GRU(*weights("gru", 8, 16))
        inputs = [numbers(n, 2, 8) for n in (3, 3, 5)]
        self.assertEqual(wrong_in_threads(lambda x: layer(x)[0], inputs, 300), [])

    def test_bad_input(self):
        layer, x = rnnpack.layers.LSTM(*weights("lstm", 5, 4)), numbers(6, 3, 5)
        wanted = layer(x)[0]
        h = numbers(1, 3, 4)
        for inputs in ((numbers(6, 3, 4),), (numbers(6, 5),), (x.astype("f8"),), (x, h), (x, (h,)), (x, (h, h[:, :2])),
                       (x, None, [6, 6]), (x, None, [7, 1, 1]), (x, None, [-1, 1, 1]), (x, None, np.ones(3)),
                       (None,), ("x",), (x, (h.astype("f8"), h))):
            with self.assertRaises((ValueError, TypeError)):
                layer(*inputs)
        for out in (np.empty((6, 3, 5), np.float32), np.empty((6, 3, 4)), x, 3):
            with self.assertRaises((ValueError, TypeError)):
                layer(x, out=out)
        self.assertEqual(layer(np.empty((0, 3, 5), np.float32), (h, h))[1][0].tolist(), h.tolist())
        self.assertEqual(layer(np.empty((4, 0, 5), np.float32))[0].shape, (4, 0, 4))
        self.assertTrue(same_bits(layer(x)[0], wanted))
        layer.close()
        layer.close()
        with self.assertRaises(rnnpack.StateError):
            layer(x)
        for wrong in ({"bias": numbers(15)}, {"order": "caffe"}, {"math": "exact"}, {"reset": "never"},
                      {"direction": "bidirectional"}):
            with self.assertRaises(rnnpack.Error):
                rnnpack.layers.LSTM(*weights("lstm", 5, 4)[:2], **wrong)


if __name__ == "__main__":
    support.main()
