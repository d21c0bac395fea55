# SPDX-License-Identifier: Apache-2.0
"""rnnpack: recurrent networks on CPUs, with the same bits everywhere.

    import rnnpack

    model = rnnpack.load("model.onnx")
    y = model(x)                        # a NumPy array, or a tuple or dict of them
    stream = model.stream(batch=8)
    y = stream.step(x)                  # the state stays in the stream

docs/howto/python.md has more.
"""
from . import calibration, layers, metrics
from ._native import lib as _lib
from .attribution import Attribution
from .build import Builder
from .context import Info, info
from .errors import (
    ArgumentError, DtypeError, Error, FileError, FormatError, LimitError, OutOfMemoryError, ShapeError, StateError,
    UnsupportedError,
)
from .look import Bench, Inspection, Node
from .model import Model, load
from .plan import Plan
from .ports import Port
from .quantize import Quantized
from .stream import Stream
from .training import Epoch, History, Trainer, fit, schedule, train
from .tune import Record, Records

__version__: str = _lib.rnnp_version().decode()
__all__ = [
    "ArgumentError", "Attribution", "Bench", "Builder", "DtypeError", "Epoch", "Error", "FileError", "FormatError",
    "History", "Info", "Inspection", "LimitError", "Model", "Node", "OutOfMemoryError", "Plan", "Port",
    "Quantized", "Record", "Records", "ShapeError", "StateError", "Stream", "Trainer", "UnsupportedError",
    "calibration", "fit", "info", "layers", "load", "metrics", "schedule", "train",
]
