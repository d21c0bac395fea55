# SPDX-License-Identifier: Apache-2.0
"""Trains a small network on signals of its own making, streams it, makes it smaller, and gives it to PyTorch.

Every "# %%" begins a cell for editors that run a script as a notebook.
"""
# %% A signal with a question: does a channel hold one tone or two? Rows are channels, 64 steps each.
import tempfile
from pathlib import Path

import numpy as np

import rnnpack

STEPS = 64


def signals(rows, seed):
    random = np.random.default_rng(seed)
    time = np.arange(STEPS)[:, None]
    tone = np.sin(time * random.uniform(0.2, 0.4, rows) + random.uniform(0, 6, rows))
    other = np.sin(time * random.uniform(0.8, 1.2, rows) + random.uniform(0, 6, rows))
    classes = random.integers(0, 2, rows).astype(np.int32)
    x = tone + 0.5 * classes * other + 0.2 * random.normal(size=(STEPS, rows))
    return x.astype(np.float32)[:, :, None], classes


x, classes = signals(512, seed=0)
print(f"signals {x.shape}, of class 1: {classes.sum()}")

# %% A network, layer by layer. Its weights are zeros until it is trained.
b = rnnpack.Builder()
h, _ = b.gru(b.input("signal", ["steps", "batch", 1]), input=1, hidden=24, name="body")
b.output("scores", b.dense(h, input=24, units=2, name="head"))
network = b.build()
print(network)

# %% Training. The targets are classes of every step; the first half of a signal has not shown enough, so it has weight 0.
targets = np.repeat(classes[None], STEPS, axis=0)
weights = np.zeros(targets.shape, np.float32)
weights[STEPS // 2 :] = 1
x2, classes2 = signals(256, seed=1)


def tell(epoch):
    if epoch.epoch % 4 == 3:
        print(f"epoch {epoch.epoch + 1:2}: loss {epoch.loss:.3f}")


model, history = rnnpack.train(network, x, targets, weights=weights, epochs=12, batch_size=32, seed=1,
                               rates=rnnpack.schedule("cosine", 0.02, epochs=12), callbacks=[tell])

# %% A call takes a NumPy array and returns one. Nothing is copied on the way.
scores = model(x2)
accuracy = np.mean(scores[-1].argmax(1) == classes2)
print(f"scores {scores.shape}, accuracy on signals that it has not seen: {accuracy:.2f}")

# %% The same model as a stream of 256 channels: step by step, with the same bits.
stream = model.stream(batch=256)
stepped = np.stack([stream.step(x2[t : t + 1])[0] for t in range(STEPS)])
print(f"streamed, same bits: {stepped.tobytes() == scores.tobytes()}")

# %% Other instruction sets and threads give the same bits, too.
plain = model.plan(isa="generic", threads=2)
print(f"in plain C on two threads, same bits: {plain(x2).tobytes() == scores.tobytes()}")

# %% Weights in 8 bits, and what they cost on our data.
small = model.quantize("s8", data=x2)
before, after = (sum(getattr(layer, what) for layer in small.layers) for what in ("bytes_before", "bytes_after"))
agree = np.mean(small(x2)[-1].argmax(1) == scores[-1].argmax(1))
print(f"s8: {before} -> {after} bytes, scores move by {small.errors[0].rms:.3f} (rms), same decisions: {agree:.2f}")

# %% Files: ONNX for other programs, packed ones that are mapped into memory.
with tempfile.TemporaryDirectory() as folder:
    for name in ("model.onnx", "model.rnnp"):
        model.save(Path(folder, name))
        loaded = rnnpack.load(Path(folder, name))
        print(f"{name}: same bits: {loaded(x2).tobytes() == scores.tobytes()}")

# %% PyTorch's modules run on the same kernels where no gradients are wanted.
try:
    import torch

    import rnnpack.torch
except ImportError:
    print("PyTorch is not installed")
else:
    module = torch.nn.GRU(1, 24, num_layers=2)
    with torch.inference_mode():
        wanted, _ = module(torch.from_numpy(x2))
        got, _ = rnnpack.torch.optimize(module)(torch.from_numpy(x2))
    print(f"PyTorch: within 1e-5: {bool((got - wanted).abs().max() < 1e-5)}")
