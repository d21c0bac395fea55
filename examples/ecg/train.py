#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the forecaster of the ECG example and writes forecaster.onnx.

The network sees one sample at a time (180 Hz, baseline removed) and says what the next AHEAD samples
will be. It is shown only stretches of the recording in which, by eye, the beats are normal, so what it
cannot foresee is what is unlike them. It gets no labels, no beat positions and no shape criterion.

Needs Debian's python3-torch, python3-onnx and python3-numpy; takes three to five minutes on one core.
"""
import pathlib

import numpy as np
import torch

AHEAD = 8        # forecast horizon in samples: 44 ms
HIDDEN = 32
LAYERS = 2
WINDOW = 360     # 2 s, of which the first WARM samples only warm up the state
WARM = 90
BATCH = 40
UPDATES = 360

# Seconds of the recording in which all beats look normal, chosen by eye. Nothing after 135.3 s is used, so
# the rest of the recording judges the network on beats it has not seen.
TRAIN = [(0, 14.8), (20, 23.4), (25.9, 36.4), (37.1, 38.5), (45.2, 46.9), (60.3, 61.9), (62.7, 67.9), (68.6, 70.5),
         (120, 125.6), (132, 135.3)]


def prepare(units):
    """Pairs averaged to 180 Hz, then a one-pole high-pass at 0.5 Hz; ecg.c does the same, causally."""
    x = (units[0::2].astype(np.float64) + units[1::2]) / 400.0
    keep = 1.0 - 2.0 * np.pi * 0.5 / 180.0
    y = np.empty_like(x)
    base = x[0]
    for i, v in enumerate(x):
        base = keep * base + (1.0 - keep) * v
        y[i] = v - base
    return np.clip(y, -4.0, 4.0).astype(np.float32)


class Forecaster(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = torch.nn.LSTM(1, HIDDEN, LAYERS)
        self.head = torch.nn.Linear(HIDDEN, AHEAD)

    def forward(self, x):                 # [steps, batch, 1] -> [steps, batch, AHEAD]
        return self.head(self.lstm(x)[0])


def error(net, x):
    """Mean squared error of the forecasts after the warm-up; x is [steps, batch]."""
    steps = x.shape[0] - AHEAD
    target = torch.stack([x[j + 1:j + 1 + steps] for j in range(AHEAD)], dim=2)
    return torch.mean((net(x[:steps, :, None]) - target)[WARM:] ** 2)


def main():
    here = pathlib.Path(__file__).resolve().parent
    torch.manual_seed(208)
    torch.set_num_threads(1)
    rng = np.random.default_rng(208)
    x = prepare(np.fromfile(here / "data" / "record208.i16", "<i2"))

    span = WINDOW + AHEAD
    starts = []
    for begin, end in TRAIN:              # the warm-up of a window may lie before its stretch
        first, last = max(0, int(begin * 180) - WARM), int(end * 180) - span
        starts.extend(range(first, max(last, first) + 1))
    starts = np.array(starts)

    net = Forecaster()
    adam = torch.optim.Adam(net.parameters(), lr=1e-3)
    slower = torch.optim.lr_scheduler.OneCycleLR(adam, max_lr=8e-3, total_steps=UPDATES)
    for update in range(1, UPDATES + 1):
        gain = rng.uniform(0.8, 1.25, size=BATCH)
        rows = [x[s:s + span] * g for s, g in zip(rng.choice(starts, BATCH), gain)]
        loss = error(net, torch.tensor(np.stack(rows, axis=1), dtype=torch.float32))
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        adam.step()
        slower.step()
        if update % 50 == 0:
            print(f"update {update}: mean squared error {loss.item():.5f} mV^2", flush=True)

    torch.onnx.export(net, torch.zeros(4, 2, 1), str(here / "forecaster.onnx"), opset_version=13,
                      input_names=["ecg"], output_names=["forecast"],
                      dynamic_axes={"ecg": {0: "steps", 1: "batch"}, "forecast": {0: "steps", 1: "batch"}})


if __name__ == "__main__":
    main()
