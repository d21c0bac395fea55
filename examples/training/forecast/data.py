#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""data.py FOLDER [HORIZON]: the ECG of MIT-BIH record 208 (5 minutes at 360 Hz, from Debian's python3-scipy) as train.npy
(the first 4 minutes, in 16 pieces, so that some can be held out) and test.npy (the last minute), and what a linear model
makes of the last minute."""

import sys
from pathlib import Path

import numpy as np
import scipy.misc

ORDER = 32  # samples that the linear model sees
MINUTE = 60 * 360
PIECES = 16


def linear(train: np.ndarray, test: np.ndarray, horizon: int) -> float:
    """Mean squared error of the least-squares predictor from the last ORDER samples."""

    def rows(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        windows = np.lib.stride_tricks.sliding_window_view(x, ORDER)[: len(x) - ORDER + 1 - horizon]
        return np.column_stack([windows, np.ones(len(windows))]), x[ORDER - 1 + horizon :]

    a, b = rows(train)
    weights = np.linalg.lstsq(a, b, rcond=None)[0]
    a, b = rows(test)
    return float(np.mean((a @ weights - b) ** 2))


folder = Path(sys.argv[1])
horizon = int(sys.argv[2]) if len(sys.argv) > 2 else 8
with open(Path(scipy.misc.__file__).with_name("ecg.dat"), "rb") as file:
    ecg = np.load(file)["ecg"].astype(int)
ecg = (ecg - 1024) / 200  # millivolts
train, test = ecg[:-MINUTE], ecg[-MINUTE:]
folder.mkdir(parents=True, exist_ok=True)
np.save(folder / "train.npy", train.astype(np.float32).reshape(PIECES, -1))
np.save(folder / "test.npy", test.astype(np.float32)[None])
print(f"{horizon} samples ahead, mean squared error on the last minute (mV^2):")
print(f"  persistence            {np.mean((test[horizon:] - test[:-horizon]) ** 2):.6f}")
print(f"  linear, {ORDER} samples      {linear(train, test, horizon):.6f}")
