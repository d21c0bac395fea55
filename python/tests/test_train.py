# SPDX-License-Identifier: Apache-2.0
"""Training on arrays: it learns, repeats bit by bit, goes on from a checkpoint, and its gradients are right."""
import tempfile
import unittest
from pathlib import Path

import numpy as np

import support
from support import numbers, rnnpack, same_bits


def classifier(threads=1, isa=None, hidden=16):
    """x [steps, batch, 2] -> logits [batch, 2]."""
    b = rnnpack.Builder(threads, isa)
    x = b.input("x", ["steps", "batch", 2])
    y, _, _ = b.lstm(x, input=2, hidden=hidden, last_step=True, name="body")
    b.output("y", b.dense(y, input=hidden, units=2, name="head"))
    return b.build()


def task(rows=96, seed=0):
    """Is the sum of the first column above 0?"""
    x = np.random.default_rng(seed).normal(size=(8, rows, 2)).astype(np.float32)
    return x, (x[:, :, 0].sum(0) > 0).astype(np.int32)


class Train(unittest.TestCase):
    def test_learns(self):
        x, t = task(256)
        told = []
        model, history = rnnpack.train(classifier(), x, t, epochs=25, batch_size=16, rates=0.02,
                                       validation=task(64, seed=1), callbacks=[told.append])
        self.assertEqual([one.epoch for one in told], list(range(25)))
        self.assertEqual(history.loss, [one.loss for one in told])
        self.assertLess(history.loss[-1], 0.3 * history.loss[0])
        x, t = task(200, seed=2)
        self.assertGreater((model(x).argmax(1) == t).mean(), 0.9)
        self.assertEqual(history.best, int(np.argmin(history.validation)))

    def test_repeats(self):
        x, t = task()
        made = [rnnpack.train(classifier(threads, isa), x, t, epochs=2, seed=5)[0].to_bytes("rnnp")
                for threads, isa in ((1, None), (1, None), (2, None))]
        self.assertEqual(made[0], made[1])
        self.assertEqual(made[0], made[2])
        models = [rnnpack.train(classifier(1, isa), x, t, epochs=2, seed=5)[0] for isa in (None, "generic")]
        self.assertTrue(same_bits(models[0](x), models[1](x)))
        other = rnnpack.train(classifier(), x, t, epochs=2, seed=6)[0]
        self.assertFalse(same_bits(models[0](x), other(x)))

    def test_schedules_and_stops(self):
        x, t = task()
        rates = []

        def tell(told):
            rates.append(told.rate)
            return len(rates) < 3

        _, history = rnnpack.train(classifier(), x, t, epochs=9, callbacks=[tell], optimizer="sgd", momentum=0.9,
                                   rates=rnnpack.schedule("step", 0.5, every=1, factor=0.5))
        np.testing.assert_allclose(rates, [0.5, 0.25, 0.125])
        self.assertEqual(len(history.loss), 3)

    def test_steps_and_gradients(self):
        x, t = task()
        with rnnpack.Trainer(classifier(), loss="sparse", optimizer="sgd", rate=0.1) as trainer:
            trainer.initialize(3)
            names = [one.name for one in trainer.parameters]
            self.assertIn("head.kernel", names)
            kernel = trainer.get("head.kernel")
            trainer.backward(x, t)
            gradient, moved, change = trainer.gradient("head.kernel"), kernel.copy(), 1e-2
            moved[3, 1] += change
            before = kernel.copy()
            before[3, 1] -= change
            losses = []
            for values in (moved, before):
                trainer.set("head.kernel", values)
                losses.append(trainer.evaluate(x, t).loss)
            self.assertAlmostEqual((losses[0] - losses[1]) / (2 * change), float(gradient[3, 1]), places=4)
            trainer.set("head.kernel", kernel)
            done = trainer.step(x, t)
            np.testing.assert_allclose(trainer.get("head.kernel"), kernel - 0.1 * gradient, atol=1e-6)
            self.assertEqual((trainer.steps, done.weight), (1, 96))
            trainer.freeze("head.kernel")
            frozen = trainer.get("head.kernel")
            trainer.step(x, t, np.ones(96, np.float32))
            self.assertTrue(same_bits(trainer.get("head.kernel"), frozen))
            trained = trainer.model()
        self.assertFalse(same_bits(trained(x), classifier()(x)))

    def test_checkpoint(self):
        x, t = task()
        one, other = (rnnpack.Trainer(classifier(), seed=4) for _ in range(2))
        one.initialize(1)
        one.step(x, t)
        with tempfile.TemporaryDirectory() as folder:
            one.save(Path(folder, "c"), b"epoch 1")
            self.assertEqual(other.load(Path(folder, "c")), b"epoch 1")
            with self.assertRaises(rnnpack.FileError):
                other.load(Path(folder, "none"))
        one.step(x, t), other.step(x, t)
        self.assertTrue(same_bits(one.get("body.R"), other.get("body.R")))
        third = rnnpack.Trainer(classifier())
        self.assertEqual(third.adopt(one.model()), len(third.parameters))
        self.assertTrue(same_bits(third.get("body.R"), one.get("body.R")))

    def test_bad_input(self):
        x, t = task()
        model = classifier()
        trainer = rnnpack.Trainer(model)
        bad = x.copy()
        bad[0, 0, 0] = np.nan
        for args in ((bad, t), (x, t[:-1]), (x, t + 5), (x, t.astype("f4")), (x, None), (x[:, :0], t[:0]),
                     (x, t, np.ones(5, np.float32)), (x, t.astype(object)), (x.astype("f8"), t), (x, "text")):
            with self.assertRaises((ValueError, TypeError)):
                trainer.step(*args)
        for options in ({"loss": "hinge"}, {"optimizer": "lion"}, {"output": "z"}, {"output": 7}, {"speed": 1},
                        {"rate": -1.0}, {"batch": "rows"}, {"class_weights": np.ones(2)}, {"label_smoothing": 2.0}):
            with self.subTest(options=options), self.assertRaises((ValueError, TypeError, rnnpack.Error)):
                rnnpack.Trainer(model, **options)
        for use in (lambda: trainer.get("none"), lambda: trainer.set("head.bias", numbers(3)),
                    lambda: trainer.gradient("head.bias"), lambda: trainer.set_rate(float("nan")),
                    lambda: rnnpack.train(model, x, t[:-1]), lambda: rnnpack.train(model, x, t, epochs=-1),
                    lambda: rnnpack.schedule("linear", 1), lambda: rnnpack.schedule("step", 1, speed=2),
                    lambda: rnnpack.train(model, x, t, batch="rows"), lambda: rnnpack.train(model, x[:, :0], t[:0])):
            with self.assertRaises(rnnpack.Error):
                use()
        trainer.close()
        with self.assertRaises(rnnpack.StateError):
            trainer.step(x, t)

        def stop(_):
            raise KeyError("stop")

        with self.assertRaises(KeyError):
            rnnpack.train(model, x, t, callbacks=[stop])


if __name__ == "__main__":
    support.main()
