# SPDX-License-Identifier: Apache-2.0
"""Streams: the bits of a run, states that move, channels that wait, and one thread at a time."""
import threading
import unittest

import numpy as np

import support
from support import lstm_model, numbers, rnnpack, same_bits


class Streams(unittest.TestCase):
    def test_bits_of_a_run(self):
        model, x = lstm_model(), numbers(24, 3, 8)
        wanted = model(x)
        for steps in (1, 2, 8):
            stream = model.stream(batch=3, steps=steps)
            self.assertEqual([one.shape for one in stream.inputs], [(steps, 3, 8)])
            got = [stream.step(x[t : t + steps]) for t in range(0, 24, steps)]
            self.assertTrue(same_bits(np.concatenate(got), wanted))

    def test_out_and_names(self):
        model, x = lstm_model(), numbers(2, 1, 8)
        stream, wanted = model.stream(), model(x)
        y = np.empty((1, 1, 3), np.float32)
        self.assertIs(stream.step(x[:1], out=y), y)
        self.assertTrue(same_bits(y, wanted[:1]))
        self.assertTrue(same_bits(stream.step(x=x[1:])["y"], wanted[1:]))

    def test_states(self):
        model, x = lstm_model(), numbers(10, 2, 8)
        one, other = model.stream(batch=2), model.plan(isa="generic").stream(batch=2)
        for t in range(5):
            one.step(x[t : t + 1])
        state = one.save()
        other.load(state)
        row = one.save(row=1)
        self.assertEqual(other.save(), state)
        for t in range(5, 10):
            self.assertTrue(same_bits(one.step(x[t : t + 1]), other.step(x[t : t + 1])))
        one.reset()
        self.assertTrue(same_bits(one.step(x[:1]), model(x[:1])))
        one.load(row, row=0)
        self.assertEqual(one.save(row=0), row)
        one.reset(row=0)
        self.assertNotEqual(one.save(row=0), row)
        for wrong in (b"", state[:-1], 12):
            with self.assertRaises(rnnpack.ArgumentError):
                one.load(wrong)
        with self.assertRaises(rnnpack.FormatError):
            one.load(state[:-8] + b"12345678")
        with self.assertRaises(rnnpack.ArgumentError):
            one.save(row=2)
        with self.assertRaises(rnnpack.ArgumentError):
            one.reset(row=-1)

    def test_waiting_channels(self):
        model, x = lstm_model(), numbers(6, 2, 8)
        wanted = model(x)
        stream, y = model.stream(batch=2), np.full((1, 2, 3), 7, np.float32)
        stream.step(x[:1], active=[True, False], out=y)
        self.assertTrue(same_bits(y[:, :1].copy(), wanted[:1, :1].copy()))
        self.assertTrue((y[:, 1] == 7).all())
        fresh = stream.step(x[1:2], active=[True, False])
        self.assertTrue((fresh[:, 1] == 0).all())
        both = stream.step(np.stack([x[2:3, 0], x[:1, 1]], 1))
        self.assertTrue(same_bits(both, np.stack([wanted[2:3, 0], wanted[:1, 1]], 1)))

    def test_carried(self):
        model, x = lstm_model(states=True), numbers(6, 2, 8)
        zero = np.zeros((1, 2, 16), np.float32)
        wanted = model(x, zero, zero)[0]
        for pairs in ("auto", [("h0", "hn"), ("c0", "cn")]):
            stream = model.stream(batch=2, carried=pairs, time_axis=0)
            self.assertEqual([one.name for one in (*stream.inputs, *stream.outputs)], ["x", "y"])
            self.assertTrue(same_bits(np.concatenate([stream.step(x[t : t + 1]) for t in range(6)]), wanted))

    def test_refused(self):
        b = rnnpack.Builder()
        x = b.input("x", ["steps", "batch", 8])
        w = support.weights("gru", 8, 4)
        b.output("y", b.gru(x, w, reverse=w)[0])
        with self.assertRaisesRegex(rnnpack.UnsupportedError, "needs the whole sequence"):
            b.build().stream()
        stream = lstm_model().stream(batch=2)
        for wrong in (numbers(2, 2, 8), numbers(1, 1, 8), numbers(1, 2, 7), numbers(2, 8)):
            with self.assertRaises(rnnpack.ShapeError):
                stream.step(wrong)
        for active in ([True], [[True, False]]):
            with self.assertRaises(rnnpack.ShapeError):
                stream.step(numbers(1, 2, 8), active=active)

    def test_two_threads(self):
        """A stream that is in use refuses other threads, and does its work as if they had not been there."""
        model, steps = lstm_model(hidden=128), 4000
        stream, x = model.stream(steps=steps), numbers(steps, 1, 8)
        wanted, refused, go = model(x), [], threading.Event()

        def intrude():
            go.wait()
            for _ in range(1000):
                for use in (lambda: stream.step(x), stream.save, stream.reset, stream.close):
                    try:
                        use()
                    except rnnpack.StateError:
                        refused.append(use)
                if refused:
                    return

        # As if the owner were in a long step; test_storm has real ones.
        other = threading.Thread(target=intrude)
        other.start()
        stream._lock.acquire()
        go.set()
        other.join()
        stream._lock.release()
        self.assertEqual(len(refused), 4)
        self.assertTrue(same_bits(stream.step(x), wanted))

    def test_storm(self):
        """Threads that fight for one stream: every call works or is refused, and nothing else happens."""
        stream, x, worked, failures = lstm_model().stream(), numbers(1, 1, 8), [], []

        def fight():
            for _ in range(500):
                try:
                    stream.step(x)
                    worked.append(1)
                except rnnpack.StateError:
                    pass
                except BaseException as failure:
                    failures.append(failure)

        fighters = [threading.Thread(target=fight) for _ in range(4)]
        for one in fighters:
            one.start()
        for one in fighters:
            one.join()
        self.assertEqual(failures, [])
        self.assertTrue(worked)
        self.assertEqual(stream.step(x).shape, (1, 1, 3))


if __name__ == "__main__":
    support.main()
