# SPDX-License-Identifier: Apache-2.0
"""exported.py DRIVER LIBRARY_FOLDER: trained models as ONNX files.

The driver loads each file again and compares bits with what the trainer gave. Where ONNX Runtime's shared library is
below LIBRARY_FOLDER (script/bench peers puts it there), the file must give close outputs there.
"""
import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "onnx"))

try:
    import numpy as np
    import readers
except ImportError as missing:
    print(f"skipped: {missing.name} is not installed (Debian: python3-numpy)")
    sys.exit(77)

import trained

MOST = 1e-5        # ONNX Runtime computes tanh and sigmoid in its own way


def main():
    library = readers.onnx_runtime_below(pathlib.Path(sys.argv[2]))
    runtime = readers.OnnxRuntime(library) if library else None
    failures = 0
    for training in trained.run_driver(sys.argv[1]):
        if not runtime:
            continue
        inputs = {name: training.batches[0][name] for name in ("x", "lengths")}
        expected = training.tensor("0.y")
        y = runtime.run(training.model("last"), {name: a for name, a in inputs.items() if a is not None},
                        {"y": expected})["y"]
        distance = float(np.max(np.abs(y - expected)))
        good = distance <= MOST
        failures += not good
        print(f"{training.name:14} ONNX Runtime {runtime.version}: off by {distance:.1e}{'' if good else '  FAILED'}")
    if not runtime:
        print("skipped: ONNX Runtime's library is not here (script/bench peers installs it)")
    return 1 if failures else 0


sys.exit(main())
