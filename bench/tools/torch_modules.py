# SPDX-License-Identifier: Apache-2.0
"""torch_modules.py [--threads N] [--seconds S]: what rnnpack.torch.optimize gains, module by module.

Each module runs as PyTorch's and as rnnpack's in turn, in rounds; the table has the median of the rounds, and how many
times longer PyTorch takes. RNNPACK_LIBRARY is the folder of the libraries.
"""
import argparse
import copy
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "python"))
import rnnpack.torch

ROUNDS = 7


def time_of(module, inputs, seconds):
    """Seconds of a call: the least of a burst."""
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        before = time.perf_counter()
        module(*inputs)
        best = min(best, time.perf_counter() - before)
    return best


def compare(module, inputs, seconds):
    fast = rnnpack.torch.optimize(copy.deepcopy(module))
    with torch.inference_mode():
        one, other = module(*inputs), fast(*inputs)
        while isinstance(one, tuple):
            one, other = one[0], other[0]
        difference = float((one - other).abs().max())
        for each in (module, fast):
            each(*inputs)
        times = np.array([[time_of(each, inputs, seconds) for each in (module, fast)] for _ in range(ROUNDS)])
    return np.median(times[:, 0]), np.median(times[:, 1]), np.median(times[:, 0] / times[:, 1]), difference


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.015, help="of one burst")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"PyTorch {torch.__version__}, rnnpack {rnnpack.__version__} on {rnnpack.info().isa}, "
          f"{options.threads} threads\n")
    print("| module | batch | steps | PyTorch us | rnnpack us | ratio | largest difference |\n|---|---|---|---|---|---|---|")
    for name in ("LSTM", "GRU"):
        for hidden in (64, 128, 256, 512):
            for batch in (1, 16):
                for steps in (1, 50):
                    module = getattr(nn, name)(hidden, hidden).eval()
                    row = compare(module, (torch.randn(steps, batch, hidden),), options.seconds)
                    print(f"| {name} {hidden} | {batch} | {steps} | {1e6 * row[0]:.1f} | {1e6 * row[1]:.1f} | "
                          f"{row[2]:.2f} | {row[3]:.1e} |", flush=True)
    for name, kind in (("LSTMCell", nn.LSTMCell), ("GRUCell", nn.GRUCell), ("Linear", nn.Linear)):
        for hidden in (64, 256):
            for batch in (1, 16, 800):
                if batch == 800 and name != "Linear":
                    continue
                row = compare(kind(hidden, hidden).eval(), (torch.randn(batch, hidden),), options.seconds)
                print(f"| {name} {hidden} | {batch} | - | {1e6 * row[0]:.1f} | {1e6 * row[1]:.1f} | {row[2]:.2f} | "
                      f"{row[3]:.1e} |", flush=True)


if __name__ == "__main__":
    main()
