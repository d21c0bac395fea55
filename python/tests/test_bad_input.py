# SPDX-License-Identifier: Apache-2.0
"""Whatever Python hands over, the answer is an exception and never a crash."""
import gc
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np

import support
from support import lstm_model, numbers, rnnpack, same_bits, weights


class Arrays(unittest.TestCase):
    def setUp(self):
        self.model = lstm_model()
        self.x = numbers(4, 2, 8)
        self.wanted = self.model(self.x)

    def tearDown(self):
        self.assertTrue(same_bits(self.model(self.x), self.wanted), "the model still works")

    def refused(self, error, *inputs, **named):
        for call in (self.model, self.model.plan(), self.model.stream(batch=2, steps=4).step):
            with self.assertRaises(error) as caught:
                call(*inputs, **named)
            self.assertTrue(str(caught.exception))

    def test_dtypes(self):
        for dtype in ("f8", "f2", ">f8", "i4", "u1", "?", "c8", "O", "S4", "U4", "M8[s]", "V4", "f4,f4"):
            with self.subTest(dtype=dtype):
                self.refused(TypeError, np.zeros((4, 2, 8), dtype))

    def test_things_that_are_no_array(self):
        for thing in (None, "text", b"bytes", object(), {1, 2}, [[1, 2], [3]], ["a"], [None], lambda: 0, 1 + 2j,
                      float, np.random, [object()]):
            with self.subTest(thing=thing):
                self.refused((TypeError, ValueError), thing)

    def test_shapes(self):
        for shape in ((), (8,), (4, 8), (4, 2, 7), (4, 2, 8, 1), (1,) * 12, (4, 0, 8), (0, 2, 8), (0,), (4, 2, 0)):
            with self.subTest(shape=shape):
                try:
                    y = self.model(np.zeros(shape, np.float32))
                    self.assertEqual(y.shape, (*shape[:2], 3))  # nothing to do is no mistake
                    self.assertEqual(y.size, 0)
                except rnnpack.Error:
                    pass
                with self.assertRaises(ValueError):
                    self.model.stream(batch=2, steps=4).step(np.zeros(shape, np.float32))

    def test_counts_and_names(self):
        x = self.x
        for inputs, named in (((), {}), ((x, x), {}), ((x,), {"x": x}), ((), {"z": x}), (((),), {}), (({},), {}),
                              (({"x": x, "z": x},), {}), (({1: x},), {}), ((x,), {"z": 1})):
            with self.subTest(inputs=len(inputs), named=list(named)):
                self.refused((ValueError, TypeError), *inputs, **named)

    def test_outputs(self):
        x, frozen = self.x, np.empty((4, 2, 3), np.float32)
        frozen.flags.writeable = False
        bad = (np.empty((4, 2, 3)), np.empty((4, 2, 2), "f4"), np.empty((4, 2, 6), "f4")[:, :, ::2], frozen,
               np.empty((4, 2, 3), ">f4"), np.empty((3, 2, 4), "f4").T, [1, 2], "text", bytearray(96), (), (1, 2),
               {"z": np.empty((4, 2, 3), np.float32)}, np.empty((4, 2, 3), object), 0)
        for out in bad:
            with self.subTest(out=type(out)):
                self.refused((ValueError, TypeError), x, out=out)
        shared = np.zeros(4 * 2 * 8 + 24, np.float32)
        for start in (0, 40, 63):
            self.refused(ValueError, shared[:64].reshape(4, 2, 8), out=shared[start : start + 24].reshape(4, 2, 3))
        self.model(shared[:64].reshape(4, 2, 8), out=shared[64:].reshape(4, 2, 3))

    def test_dlpack(self):
        class Bad:
            def __dlpack__(self, stream=None):
                return "no capsule"

            def __dlpack_device__(self):
                return (1, 0)

        class Elsewhere(Bad):
            def __dlpack_device__(self):
                return (2, 0)

        for thing in (Bad(), Elsewhere()):
            self.refused((TypeError, ValueError), thing)

    def test_indices(self):
        b = rnnpack.Builder()
        b.output("y", b.embedding(b.input("i", ["n"], "i64"), numbers(5, 3)))
        model = b.build()
        for index in (5, -6, 2**62, -(2**62)):
            with self.assertRaises(rnnpack.ArgumentError):
                model(np.array([0, index]))
        self.assertTrue(same_bits(model(np.array([4])), numbers(5, 3)[4:]))


class Lives(unittest.TestCase):
    def test_use_after_close(self):
        model = lstm_model()
        plan, stream, x = model.plan(), model.stream(), numbers(1, 1, 8)
        model(x), plan(x), stream.step(x)
        for one in (model, plan, stream):
            one.close()
            one.close()
            self.assertIn("closed", repr(one))
        uses = (lambda: model(x), model.plan, model.stream, model.inspect, model.bench, model.tune, model.quantize,
                lambda: model.save("/nowhere.onnx"), model.to_bytes, lambda: plan(x), plan.stream, plan.bench,
                lambda: plan.kernels, lambda: stream.step(x), stream.reset, stream.save, lambda: stream.load(b""),
                lambda: stream.reset(0), lambda: stream.step(x=x), lambda: plan(x=x))
        for use in uses:
            with self.assertRaises(rnnpack.StateError):
                use()
        with lstm_model() as model, model.plan() as plan, plan.stream() as stream:
            stream.step(x)

    def test_any_order(self):
        """What needs a thing keeps it alive, whatever is let go first."""
        x = numbers(1, 1, 8)
        model = lstm_model()
        stream = model.plan(isa="generic").stream()
        wanted = model(x)
        model.close()
        del model
        gc.collect()
        self.assertTrue(same_bits(stream.step(x), wanted))

    def test_cycles(self):
        """The collector finalizes the objects of a cycle in any order."""
        for _ in range(20):
            parts = [lstm_model()]
            parts += [parts[0].plan(isa="generic"), parts[0].stream(), rnnpack.Records()]
            parts.append(parts[1].stream())
            for order in (parts, parts[::-1]):
                holders = [type("Holder", (), {})() for _ in order]
                for holder, part, other in zip(holders, order, [*holders[1:], holders[0]]):
                    holder.part, holder.next = part, other
            del parts, order, holders, holder, part, other
            gc.collect()

    def test_failed_makers(self):
        model = lstm_model()
        wrong = (
            lambda: model.plan(math="exact"), lambda: model.plan(math=3), lambda: model.plan(isa="mmx"),
            lambda: model.plan(isa=7), lambda: model.plan(threads=-1), lambda: model.plan(threads=1 << 70),
            lambda: model.plan(threads=5000), lambda: model.plan(threads="two"), lambda: model.plan(batch=1.5),
            lambda: model.stream(batch=-1), lambda: model.stream(batch=1 << 62), lambda: model.stream(time_axis=9),
            lambda: model.stream(carried="all"), lambda: model.stream(carried=[("x", "nothing")]),
            lambda: model.bench(seconds=0), lambda: model.bench(seconds=float("nan")), lambda: model.tune(batch=[]),
            lambda: model.tune(seconds=-1), lambda: rnnpack.info(isa="mmx"), lambda: model.save("m.txt"),
            lambda: model.to_bytes("pt"),
        )
        for index, make in enumerate(wrong):
            with self.subTest(index=index), self.assertRaises(rnnpack.Error) as caught:
                make()
            self.assertTrue(str(caught.exception))


class Files(unittest.TestCase):
    def test_damaged(self):
        data = lstm_model().to_bytes("rnnp")
        for n in (0, 1, 8, 9, 100, len(data) - 1):
            with self.assertRaises(rnnpack.Error):
                rnnpack.load(data[:n])
        for at in range(0, len(data), max(len(data) // 40, 1)):
            broken = bytearray(data)
            broken[at] ^= 0x55
            try:
                rnnpack.load(broken)(numbers(1, 1, 8))
            except rnnpack.Error as error:
                self.assertTrue(str(error))

    def test_sources(self):
        with tempfile.TemporaryDirectory() as folder:
            empty = Path(folder, "empty")
            empty.write_bytes(b"")
            for source, error in ((Path(folder, "none"), OSError), (folder, OSError), (empty, rnnpack.Error),
                                  (7, rnnpack.ArgumentError), (None, rnnpack.ArgumentError), ("a\0b", ValueError),
                                  (b"nonsense", rnnpack.Error), ("", OSError)):
                with self.subTest(source=source), self.assertRaises(error) as caught:
                    rnnpack.load(source)
                self.assertTrue(str(caught.exception))
            with self.assertRaises(rnnpack.FileError):
                lstm_model().save(Path(folder, "none", "m.rnnp"))
            with self.assertRaises(rnnpack.Error):
                rnnpack.Records.open(Path(folder, "none"))


class Builders(unittest.TestCase):
    def test_weights(self):
        good = weights("lstm", 8, 4)
        b = rnnpack.Builder()
        x = b.input("x", ["steps", "batch", 8])
        w, r, bias, bias_r = good
        for wrong in ((), (w,), (w, r[:, :3]), (w.T, r), (w[:-1], r), (w, r, bias[:-1]), (w, r, bias, bias_r[:-1]),
                      (w.astype("f8"), r), (w[0], r), (None, r), (w, r, "bias"), (w, r, bias, bias_r, bias)):
            with self.assertRaises((rnnpack.Error)):
                b.lstm(x, wrong)
        for options in ({"order": "caffe"}, {"activations": "Tanh"}, {"activations": ["Nothing"]}, {"peephole": w},
                        {"direction": "up"}, {"direction": "bidirectional"}, {"reverse": weights("lstm", 8, 5)}):
            with self.assertRaises(rnnpack.Error):
                b.lstm(x, good, **options)
        with self.assertRaises(rnnpack.Error):
            b.recurrent("qrnn", x, good)
        with self.assertRaises(rnnpack.Error):
            b.dense(x, numbers(8, 3), numbers(4))
        other = rnnpack.Builder()
        with self.assertRaises(rnnpack.ArgumentError):
            other.lstm(x, good)
        y, _, _ = b.lstm(x, good)
        b.output("y", y)
        model = b.build()
        self.assertEqual(model(numbers(2, 1, 8)).shape, (2, 1, 4))
        with self.assertRaises(rnnpack.StateError):
            b.build()
        with self.assertRaises(rnnpack.StateError):
            b.output("z", y)

    def test_nodes(self):
        b = rnnpack.Builder()
        x = b.input("x", ["n", 4])
        for op, options in (("Nothing", {}), ("Softmax", {"axis": "one"}), ("Softmax", {"axis": object()}),
                            ("Relu", {"opset": 99}), ("Relu", {"wrong": 1}), ("Softmax", {"axis": [[1]]})):
            with self.subTest(op=op, options=options), self.assertRaises(rnnpack.Error):
                b.node(op, [x], **options)
        with self.assertRaises(rnnpack.Error):
            b.input("y", [1] * 20)
        with self.assertRaises(rnnpack.Error):
            b.constant(np.zeros(3, complex))
        b.output("y", b.dense(x, numbers(5, 2)))
        with self.assertRaises(rnnpack.ShapeError):
            b.build()


ENDS = """
import support, threading
from support import lstm_model, numbers
model = lstm_model(hidden=64, threads=2)
stream, x = model.stream(steps=200), numbers(200, 1, 8)
cycle = [model, stream]
cycle.append(cycle)
started = threading.Semaphore(0)
def work(call):
    call(x)
    started.release()
    while True:
        call(x)
for call in (model, model, stream.step):
    threading.Thread(target=work, args=(call,), daemon=True).start()
for _ in range(3):
    started.acquire()
print("end")
"""

FORK = """
import os, support
from support import lstm_model, numbers, same_bits
model, x = lstm_model(hidden=64, threads=2), numbers(20, 4, 8)
wanted = model(x)
child = os.fork()
if child == 0:
    os._exit(0 if same_bits(model(x), wanted) else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
print("end")
"""


class Processes(unittest.TestCase):
    def end_well(self, code, times=1):
        for _ in range(times):
            done = subprocess.run([sys.executable, "-B", "-X", "faulthandler", "-c", code], capture_output=True,
                                  text=True, timeout=250, cwd=Path(__file__).parent,
                                  env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)})
            self.assertEqual((done.returncode, done.stdout.strip()), (0, "end"), done.stderr)
            self.assertNotIn("Traceback", done.stderr)

    def test_shutdown(self):
        """The interpreter ends while daemon threads are inside calls, and models are in a cycle."""
        self.end_well(ENDS, times=3)

    def test_fork(self):
        self.end_well(FORK)

    def test_without_the_library(self):
        done = subprocess.run([sys.executable, "-B", "-c", "import rnnpack"], capture_output=True, text=True,
                              env={**os.environ, "PYTHONPATH": str(support.ROOT / "python"),
                                   "RNNPACK_LIBRARY": "/nowhere/at/all"})
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("RNNPACK_LIBRARY", done.stderr.splitlines()[-1])


if __name__ == "__main__":
    support.main()
