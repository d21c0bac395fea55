# SPDX-License-Identifier: Apache-2.0
"""What train-driver wrote: options, batches and weights of a training."""
import json
import pathlib
import subprocess
import tempfile

import numpy as np

TYPES = {"f32": np.float32, "i32": np.int32, "i64": np.int64}


class Training:
    def __init__(self, path):
        self.name = path.stem
        self.folder = path.parent
        self.options = json.loads(path.read_text(encoding="ascii"))
        self.losses = self.options["losses"]
        self.batches = [self.batch(i) for i in range(int(self.options["batches"]))]

    def tensor(self, what):
        """None for one that there is not."""
        if what not in self.options:
            return None
        dtype, *shape = self.options[what]
        return np.fromfile(self.folder / f"{self.name}.{what}.bin", TYPES[dtype]).reshape(shape)

    def batch(self, i):
        return {what: self.tensor(f"{i}.{what}") for what in ("x", "lengths", "target", "weights")}

    def model(self, when):
        """Path of the model before ("first") or after training ("last")."""
        return self.folder / f"{self.name}.{when}.onnx"


def run_driver(driver):
    """Yields the trainings; their files live until the last one was taken."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([driver, folder], check=False, stdout=subprocess.PIPE, text=True)
        print(done.stdout, end="")
        if done.returncode:
            raise SystemExit(1)
        for path in sorted(pathlib.Path(folder).glob("*.json")):
            yield Training(path)
