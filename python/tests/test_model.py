# SPDX-License-Identifier: Apache-2.0
"""Loading, calling, planning and looking at models."""
import pickle
import tempfile
import threading
import timeit
import unittest
from pathlib import Path

import numpy as np

import support
from support import lstm_model, numbers, reference, rnnpack, same_bits, weights, wrong_in_threads


class Calls(unittest.TestCase):
    def test_values(self):
        model, x = lstm_model(), numbers(20, 3, 8)
        y, _, _ = reference("lstm", x, *weights("lstm", 8, 16))
        y = y @ numbers(16, 3) + numbers(3)
        np.testing.assert_allclose(model(x), y, atol=2e-6)
        self.assertGreaterEqual(model.parameters, 64 * (8 + 16 + 2) + 16 * 3 + 3)

    def test_forms(self):
        model = lstm_model(states=True)
        x, h, c = numbers(5, 2, 8), numbers(1, 2, 16, seed=1), numbers(1, 2, 16, seed=2)
        wanted = model(x, h, c)
        self.assertIsInstance(wanted, tuple)
        self.assertEqual([one.shape for one in wanted], [(5, 2, 3), (1, 2, 16), (1, 2, 16)])
        for got in (model((x, h, c)), model(x, h0=h, c0=c)):
            self.assertTrue(all(map(same_bits, got, wanted)))
        for got in (model({"x": x, "c0": c, "h0": h}), model(c0=c, x=x, h0=h)):
            self.assertEqual(list(got), ["y", "hn", "cn"])
            self.assertTrue(all(map(same_bits, got.values(), wanted)))

    def test_out(self):
        model = lstm_model(states=True)
        inputs = numbers(5, 2, 8), numbers(1, 2, 16), numbers(1, 2, 16, seed=1)
        wanted = model(*inputs)
        y = np.empty((5, 2, 3), np.float32)
        got = model(*inputs, out=(y, None, None))
        self.assertIs(got[0], y)
        self.assertTrue(all(map(same_bits, got, wanted)))
        self.assertIs(model(*inputs, out={"y": y})[0], y)
        one = lstm_model()
        wanted, y = one(inputs[0]), np.full((5, 2, 3), np.nan, np.float32)
        one(inputs[0])
        self.assertIs(one(inputs[0], out=y), y)
        self.assertTrue(same_bits(y, wanted))

    def test_a_batch_alone_and_together(self):
        model, x = lstm_model(), numbers(7, 4, 8)
        together = model(x)
        for row in range(4):
            self.assertTrue(same_bits(model(x[:, row : row + 1]), np.ascontiguousarray(together[:, row : row + 1])))

    def test_lists_and_layouts(self):
        model, x = lstm_model(), numbers(4, 2, 8)
        wanted = model(x)
        wide = np.zeros((4, 2, 16), np.float32)
        wide[:, :, ::2] = x
        frozen = x.copy()
        frozen.flags.writeable = False
        for given in (x.tolist(), np.asfortranarray(x), wide[:, :, ::2], x[::-1][::-1], x.astype(">f4"), frozen,
                      x.view(np.recarray)):
            self.assertTrue(same_bits(model(given), wanted))
        self.assertTrue(same_bits(model(frozen), wanted))  # now that there is a run for the shape

    def test_dlpack(self):
        model, x = lstm_model(), numbers(4, 2, 8)
        wanted = model(x)

        class Foreign:  # offers its elements by DLPack and nothing else
            def __dlpack__(self, stream=None):
                return x.__dlpack__()

            def __dlpack_device__(self):
                return x.__dlpack_device__()

        self.assertTrue(same_bits(model(Foreign()), wanted))
        self.assertTrue(same_bits(np.from_dlpack(model(x)), wanted))

    def test_many_shapes(self):
        model = lstm_model()
        plan = model.plan()
        for steps in (*range(1, 30), 1):
            self.assertEqual(plan(numbers(steps, 2, 8)).shape, (steps, 2, 3))
        self.assertLessEqual(len(plan._runs), 16)

    def test_threads_of_python(self):
        """Any number of threads may call one model, with equal and with different shapes."""
        inputs = [numbers(steps, 2, 8) for steps in (3, 3, 5, 5)]
        self.assertEqual(wrong_in_threads(lstm_model(), inputs, 200), [])

    def test_overhead(self):
        """A small call takes a few microseconds more than the C function; the bound is for busy machines."""
        plan, x, y = lstm_model().plan(), numbers(1, 1, 8), np.empty((1, 1, 3), np.float32)
        plan(x)
        _, run = plan.run_for([x])

        def best(call):
            return min(timeit.repeat(call, number=500, repeat=9)) / 500

        alone = best(run.execute)
        stream = lstm_model().stream()
        for call in (lambda: plan(x), lambda: plan(x, out=y), lambda: stream.step(x)):
            self.assertLess(best(call) - alone, 20e-6)

    def test_the_interpreter_is_free_during_a_call(self):
        """While a long call runs, another thread of Python gets further."""
        model, x, seen, done = lstm_model(hidden=128), numbers(20000, 4, 8), [0], threading.Event()

        def count():
            while not done.is_set():
                seen[0] += 1

        worker = threading.Thread(target=count)
        model(x[:1])
        worker.start()
        before = seen[0]
        model(x)  # one call: if it kept the interpreter, the other thread could not count
        within = seen[0] - before
        done.set()
        worker.join()
        self.assertGreater(within, 100)


class Plans(unittest.TestCase):
    def test_same_bits(self):
        model, x = lstm_model(inputs=8, hidden=64), numbers(30, 4, 8)
        wanted = model(x)
        plans = [model.plan(threads=2), model.plan(isa="generic"), model.plan(threads=0, batch=4, steps=30),
                 model.plan(effort="none")]
        for isa in rnnpack.info().isas:
            try:
                plans.append(model.plan(isa=isa))
            except rnnpack.Error:
                continue
        for plan in plans:
            self.assertTrue(same_bits(plan(x), wanted), plan)
        self.assertFalse(same_bits(model.plan(math="fast")(x), wanted))

    def test_a_plan_outlives_its_model(self):
        model, x = lstm_model(), numbers(4, 1, 8)
        wanted, plan = model(x), model.plan(isa="generic")
        model.close()
        del model
        self.assertTrue(same_bits(plan(x), wanted))

    def test_kernels(self):
        kernels = lstm_model().plan(isa="generic").kernels
        self.assertTrue(any(name.startswith("lstm_step") and name.endswith("generic") for name in kernels), kernels)


class Files(unittest.TestCase):
    def test_round_trip(self):
        model, x = lstm_model(), numbers(6, 2, 8)
        wanted = model(x)
        with tempfile.TemporaryDirectory() as folder:
            for name in ("model.rnnp", "model.onnx"):
                with self.subTest(name=name):
                    if name.endswith("onnx") and not rnnpack._native.onnx:
                        self.skipTest("without librnnpack-onnx")
                    path = Path(folder, name)
                    model.save(path)
                    self.assertEqual(path.read_bytes(), model.to_bytes(name[-4:]))
                    for source in (path, str(path), path.read_bytes(), bytearray(path.read_bytes())):
                        loaded = rnnpack.load(source)
                        self.assertTrue(same_bits(loaded(x), wanted))
                        self.assertEqual(loaded.inputs, model.inputs)
        self.assertTrue(same_bits(pickle.loads(pickle.dumps(model))(x), wanted))

    def test_metadata(self):
        model = lstm_model()
        self.assertEqual((dict(model.metadata), len(model.metadata), "unit" in model.metadata), ({}, 0, False))
        wanted = {"author": "nobody", "unit": "\u00b5mol\n", "empty": ""}
        for key, value in wanted.items():
            model.metadata[key] = "before"
            model.metadata[key] = value
        self.assertEqual(model.metadata, wanted)
        self.assertEqual(list(model.metadata), list(wanted))
        self.assertIn("author", repr(model.metadata))
        with self.assertRaises(KeyError):
            model.metadata["other"]
        for wrong in (("", "text"), ("a\0b", "text"), ("key", "\0")):
            with self.assertRaises(rnnpack.ArgumentError):
                model.metadata[wrong[0]] = wrong[1]
        for kept in (model, model.quantize("f16"), pickle.loads(pickle.dumps(model))):
            for format in ("rnnp", "onnx") if rnnpack._native.onnx else ("rnnp",):
                self.assertEqual(rnnpack.load(kept.to_bytes(format)).metadata, wanted)

    def test_options(self):
        model = lstm_model(states=True)
        data = model.to_bytes("rnnp")
        x, h = numbers(6, 1, 8), numbers(1, 1, 16)
        bound = rnnpack.load(data, bind={"h0": h, "c0": np.zeros_like(h)}, outputs=["y"])
        self.assertEqual([one.name for one in bound.inputs], ["x"])
        self.assertTrue(same_bits(bound(x), model(x, h, np.zeros_like(h))[0]))
        for wrong in ({"bind": {"nothing": 1}}, {"outputs": ["nothing"]}, {"bind": {"h0": np.zeros((2, 2), "f4")}}):
            with self.assertRaises((rnnpack.ArgumentError, rnnpack.ShapeError)):
                rnnpack.load(data, **wrong)
        with self.assertRaises(rnnpack.LimitError):
            rnnpack.load(data, max_nodes=1)


class Looking(unittest.TestCase):
    def test_inspect(self):
        seen = lstm_model().inspect()
        self.assertEqual([str(one) for one in seen.inputs], ["x  f32 [steps, batch, 8]"])
        self.assertIn("LSTM", [node.op for node in seen.nodes])
        self.assertEqual(seen.stream_multiple, 1)
        for word in ("LSTM", "lstm_step", "parameters", "[steps, batch, 3]"):
            self.assertIn(word, str(seen))

    def test_info(self):
        info = rnnpack.info()
        self.assertEqual(info.version, rnnpack.__version__)
        self.assertIn(info.isa, info.isas)
        self.assertEqual(rnnpack.info(isa="generic").isa, "generic")

    def test_bench(self):
        seen = lstm_model().bench(batch=2, steps=10, seconds=0.02)
        self.assertGreater(seen.calls, 1)
        self.assertLessEqual(seen.minimum, seen.median)
        self.assertIn("batch 2, 10 steps", str(seen))
        self.assertGreater(lstm_model().bench(data=numbers(3, 2, 8), seconds=0.01).calls, 0)


class Formats(unittest.TestCase):
    def test_quantize(self):
        model, x = lstm_model(hidden=32), numbers(10, 2, 8)
        small = model.quantize("s8", data=x)
        self.assertEqual({layer.weights for layer in small.layers}, {"s8"})
        (error,) = small.errors
        self.assertAlmostEqual(error.maximum, float(np.abs(small(x) - model(x)).max()), places=6)
        self.assertTrue(0 < error.rms < error.maximum < 0.1)
        self.assertTrue(same_bits(small(x), small.plan(isa="generic")(x)))
        mixed = model.quantize("f16", rules={"head*": "f32"})
        self.assertEqual({layer.weights for layer in mixed.layers}, {"f16", "f32"})
        for wrong in ({"weights": "s4"}, {"rules": {"nothing*": "f32"}}):
            with self.assertRaises(rnnpack.ArgumentError):
                model.quantize(**wrong)

    def test_tune(self):
        model, x, told = lstm_model(hidden=64), numbers(20, 1, 8), []
        wanted = model(x)

        def tell(state):
            told.append(state)
            return not state.record_done

        records = model.tune(steps=20, seconds=3600, progress=tell)  # ends with the first record
        self.assertTrue(told)
        self.assertGreater(len(records), 0)
        self.assertEqual(len(list(records)), len(records))
        self.assertTrue(same_bits(model(x), wanted))
        with tempfile.TemporaryDirectory() as folder:
            copy = records.within(records.context)
            path = copy.save(Path(folder, "records"))
            again = rnnpack.Records.open(path)
            self.assertEqual(str(again), str(records))
            self.assertTrue(same_bits(model.plan(records=path)(x), wanted))
            self.assertTrue(same_bits(model.plan(records=again, isa="generic")(x), wanted))
        with self.assertRaises(rnnpack.StateError):
            records.merge(rnnpack.Records())

        def stop(_state):
            raise KeyError("stop")

        with self.assertRaises(KeyError):
            model.tune(seconds=3600, progress=stop)


if __name__ == "__main__":
    support.main()
