# SPDX-License-Identifier: Apache-2.0
"""Attributions: known values, completeness, baselines and targets, the same bits, and what is refused."""
import unittest

import numpy as np

import support
from support import numbers, rnnpack, same_bits


def linear():
    b = rnnpack.Builder()
    x = b.input("x", ["batch", 3])
    w = np.array([[1, -2], [0.5, 4], [3, 0]], np.float32)
    b.output("y", b.dense(x, w, name="head"))
    return b.build(), w


def classifier(threads=1, isa=None):
    """x [steps, batch, 2] and how many steps count -> probabilities [batch, 3]."""
    b = rnnpack.Builder(threads, isa)
    x, n = b.input("x", ["steps", "batch", 2]), b.input("n", ["batch"], "i32")
    y, _ = b.gru(x, lengths=n, input=2, hidden=8, last_step=True, name="body")
    b.output("y", b.dense(y, input=8, units=3, name="head", activation="Softmax"))
    with rnnpack.Trainer(b.build()) as trainer:
        trainer.initialize(3)
        return trainer.model()


class Attribute(unittest.TestCase):
    def test_linear(self):
        model, w = linear()
        x, base = numbers(5, 3), numbers(1, 3)
        for method in ("integrated", "gradient", "occlusion"):
            found = model.attribute(x, method=method, target=1, baseline=base)
            np.testing.assert_allclose(found.values, (x - base) * w[:, 1], atol=1e-5)
            self.assertTrue(found.complete.all())
            self.assertEqual(found.values.dtype, np.float32)
        found = model.attribute(x, target=[0, 1, 0, 1, 0], baseline=0.5)
        np.testing.assert_allclose(found.values, (x - 0.5) * w.T[[0, 1, 0, 1, 0]], atol=1e-5)
        np.testing.assert_array_equal(model.attribute(x).target, model(x).argmax(1))
        np.testing.assert_allclose(model.attribute(x).score, model(x).max(1))
        np.testing.assert_allclose(model.attribute(x, target=0).baseline_score, model(np.zeros_like(x))[:, 0])

    def test_complete(self):
        model, x, n = classifier(), numbers(9, 6, 2), np.array([9, 1, 4, 9, 2, 7], np.int32)
        for score in ("output", "logit", "probability"):
            found = model.attribute((x, n), score=score)
            self.assertTrue(found.complete.all())
            difference = found.score - found.baseline_score
            np.testing.assert_allclose(found.values.sum((0, 2)), difference + found.residual, atol=1e-5)
            self.assertTrue((np.abs(found.residual) <= 0.01 * np.abs(difference) + 1e-5).all())
            for row, length in enumerate(n):
                self.assertFalse(found.values[length:, row].any())
        same = model.attribute({"x": x, "n": n}, baseline={"x": np.zeros_like(x)})
        self.assertTrue(same_bits(same.values, model.attribute((x, n)).values))

    def test_bits(self):
        x, n = numbers(9, 20, 2), np.full(20, 9, np.int32)
        want = classifier().attribute((x, n))
        for threads, isa in ((2, None), (1, "generic")):
            self.assertTrue(same_bits(classifier(threads, isa).attribute((x, n)).values, want.values))
        alone = classifier().attribute((np.ascontiguousarray(x[:, 3:4]), n[:1]))
        self.assertTrue(same_bits(alone.values, np.ascontiguousarray(want.values[:, 3:4])))

    def test_refused(self):
        model, _ = linear()
        x = numbers(4, 3)
        for error, words, options in (
                (rnnpack.ArgumentError, "target 2 of row 0", {"target": 2}),
                (rnnpack.ArgumentError, "no output 'z'", {"output": "z"}),
                (rnnpack.ArgumentError, "saliency", {"method": "saliency"}),
                (rnnpack.ArgumentError, "multiple of 4", {"points": 3}),
                (rnnpack.ArgumentError, "'z' is no input", {"baseline": {"z": 0}}),
                (rnnpack.ArgumentError, "element 0 is nan", {"baseline": float("nan")}),
                (rnnpack.ShapeError, "the baseline of input x", {"baseline": numbers(3, 3)}),
                (rnnpack.ShapeError, "symbol rows", {"batch": "rows"})):
            with self.subTest(words), self.assertRaisesRegex(error, words):
                model.attribute(x, **options)
        x[1, 2] = np.inf
        with self.assertRaisesRegex(rnnpack.ArgumentError, "row 1, element 2 of it is inf"):
            model.attribute(x)
        with self.assertRaisesRegex(rnnpack.UnsupportedError, "its weights are s8"):
            model.quantize("s8").attribute(numbers(4, 3))
        with self.assertRaises(rnnpack.ShapeError):
            model.attribute(numbers(4))


if __name__ == "__main__":
    support.main()
