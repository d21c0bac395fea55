# SPDX-License-Identifier: Apache-2.0
"""Calibration beside SciPy and scikit-learn."""
import unittest

import support

import numpy as np
import rnnpack
from rnnpack import calibration

try:
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax
    from sklearn.isotonic import IsotonicRegression
except ImportError as missing:
    support.skip(f"{missing} (Debian: python3-scipy, python3-sklearn)")

F32 = np.float32


def made(seed, n=300, classes=2, sharpness=3.0):
    """Overconfident probabilities, with the truth of milder ones."""
    draw = np.random.default_rng(seed)
    logits = draw.normal(size=(n, classes))
    chance = np.exp(log_softmax(logits, axis=1))
    truth = np.array([draw.choice(classes, p=row) for row in chance])
    p = np.exp(log_softmax(sharpness * logits, axis=1)).astype(F32)
    return p, truth


def loss(p, truth, temperature):
    z = np.log(np.maximum(p.astype(float), 2.0**-24)) / temperature
    return -log_softmax(z, axis=1)[np.arange(len(p)), truth].mean()


class Temperatures(unittest.TestCase):
    def test_beside_scipy(self):
        for seed in range(20):
            p, truth = made(seed, classes=2 + seed % 4, sharpness=0.3 + 0.4 * seed)
            found = calibration.temperature(p, truth)
            theirs = minimize_scalar(lambda b: loss(p, truth, 1 / b), bounds=(0.01, 100), method="bounded",
                                     options={"xatol": 1e-10})
            self.assertAlmostEqual(found.temperature * theirs.x, 1, delta=1e-5)
            z = np.log(np.maximum(p.astype(float), 2.0**-24)) / found.temperature
            np.testing.assert_allclose(found(p), np.exp(log_softmax(z, axis=1)), atol=1e-7)
            self.assertTrue((found(p).argmax(1) == p.argmax(1)).all())

    def test_ends(self):
        p = np.array([[0.9, 0.1], [0.2, 0.8], [1, 0]], F32)
        self.assertAlmostEqual(calibration.temperature(p, [0, 1, 0]).temperature, 0.01)
        self.assertAlmostEqual(calibration.temperature(p, [1, 0, 1]).temperature, 100)
        self.assertTrue((calibration.Temperature(2.0)([[1, 0]]) > 0).all())

    def test_refusals(self):
        p = np.array([[0.9, 0.1], [0.2, 0.8]], F32)
        for wrong in ((p, [0, 2]), (p, [-1, 0]), (p[:, :1], [0, 0]), (p * 2, [0, 1]), (p * np.nan, [0, 1]),
                      (p[:0], [])):
            with self.assertRaises(rnnpack.ArgumentError):
                calibration.temperature(*wrong)
        for wrong in (0, -1, np.inf, np.nan):
            with self.assertRaises(rnnpack.ArgumentError):
                calibration.Temperature(wrong)(p)
        with self.assertRaises(rnnpack.ShapeError):
            calibration.temperature(p, [0])
        with self.assertRaises(rnnpack.ShapeError):
            calibration.temperature(p[0], [0, 1])


class Isotonics(unittest.TestCase):
    def test_beside_sklearn(self):
        for seed in range(20):
            p, truth = made(seed, n=5 + 20 * seed)
            score = np.round(p[:, 1], 1 + seed % 4)  # with ties
            found = calibration.isotonic(score, truth)
            theirs = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(score.astype(float), truth)
            new = np.concatenate([np.linspace(0, 1, 1001), score]).astype(F32)
            np.testing.assert_allclose(found(new), theirs.predict(new.astype(float)), atol=1e-6)
            self.assertTrue((np.diff(found.value) > 0).all())
            self.assertEqual(found.weight.sum(), len(truth))

    def test_one_step(self):
        found = calibration.isotonic([0.2, 0.4, 0.6], [1, 1, 0])
        self.assertEqual((found.first.tolist(), found.last.tolist()), ([F32(0.2)], [F32(0.6)]))
        np.testing.assert_array_equal(found([0, 0.5, 1]), F32(2 / 3))

    def test_refusals(self):
        for wrong in (([0.1, np.nan], [0, 1]), ([0.1, 1.5], [0, 1]), ([0.1, 0.2], [0, 2]), ([], [])):
            with self.assertRaises(rnnpack.ArgumentError):
                calibration.isotonic(*wrong)
        found = calibration.isotonic([0.1, 0.9], [0, 1])
        with self.assertRaises(rnnpack.ArgumentError):
            found([np.nan])
        for change in ({"last": 0.95}, {"first": 0.2}, {"value": 1.5}, {"value": -1.0}):
            steps = calibration.isotonic([0.1, 0.9], [0, 1])._steps
            for name, value in change.items():
                setattr(steps[0], name, value)
            with self.assertRaises(rnnpack.ArgumentError):
                calibration.Isotonic(None, None, None, None, steps)([0.5])


if __name__ == "__main__":
    unittest.main()
