#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""data.py FOLDER ECG5000_TRAIN.txt ECG5000_TEST.txt: UCR's ECG5000 as normal.npy (the beats of class 1 but for a fifth,
for training), test.npy (that fifth and all abnormal beats) and test_labels.npy (1: abnormal).

    data.py FOLDER NORMAL.npy TEST.npy LABELS.npy: the same from arrays [n][140] that are divided already.

Values are scaled so that normal training beats lie in [0, 1]; a step is 5 samples."""

import sys
from pathlib import Path

import numpy as np

SAMPLES = 5


def from_text(names: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    beats = np.concatenate([np.loadtxt(name, delimiter="," if "," in open(name).readline() else None) for name in names])
    label, x = beats[:, 0].astype(int), beats[:, 1:]
    normal = np.random.default_rng(0).permutation(x[label == 1])
    held = len(normal) // 5
    return normal[held:], np.concatenate([normal[:held], x[label != 1]]), np.arange(held + (label != 1).sum()) >= held


def main() -> None:
    folder, names = Path(sys.argv[1]), sys.argv[2:]
    normal, test, labels = (np.load(name) for name in names) if len(names) == 3 else from_text(names)
    least, most = normal.min(), normal.max()
    folder.mkdir(parents=True, exist_ok=True)
    for name, x in (("normal", normal), ("test", test)):
        np.save(folder / f"{name}.npy", ((x - least) / (most - least)).reshape(len(x), -1, SAMPLES).astype(np.float32))
    np.save(folder / "test_labels.npy", labels.astype(np.int32))
    print(f"{len(normal)} normal beats for training, {len(test)} for testing, {int(labels.sum())} of them abnormal")


main()
