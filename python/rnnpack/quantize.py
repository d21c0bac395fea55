# SPDX-License-Identifier: Apache-2.0
"""Weights in 8 or 16 bits, and what they cost."""
from __future__ import annotations

from ctypes import byref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Mapping

import numpy as np

from . import _structs as S
from ._native import lib
from .context import constant, text
from .model import Model

if TYPE_CHECKING:
    from ._handles import Handle
    from .context import Context

__all__ = ["LayerError", "OutputError", "Quantized"]


@dataclass(frozen=True)
class LayerError:
    """What became of a layer's weights. Errors are relative: to their root mean square, and to the largest."""

    name: str
    op: str
    weights: str
    parameters: int
    bytes_before: int
    bytes_after: int
    rms_error: float
    max_error: float


@dataclass(frozen=True)
class OutputError:
    """How far an output moved from that of the original model, on the data that was given."""

    name: str
    rms: float
    maximum: float


class Quantized(Model):
    """A model with other weights: ``layers`` tells what became of each, ``errors`` how far the outputs moved."""

    def __init__(self, context: "Context", handle: "Handle", layers: list[LayerError]) -> None:
        super().__init__(context, handle)
        self.layers = tuple(layers)
        self.errors: tuple[OutputError, ...] = ()


def quantize(model: Model, weights: str, *, data: Any, rules: Mapping[str, str], saturate: bool) -> Quantized:
    layers: list[LayerError] = []
    formats = {number: name for name, number in S.ENUMS["RNNP_WEIGHTS"].items()}

    @S.LayerFn
    def told(_user: Any, layer: Any) -> None:
        one = layer.contents
        layers.append(LayerError(text(one.name), text(one.op), formats.get(one.weights, "unknown"), one.parameters,
                                 one.bytes_before, one.bytes_after, one.rms_error, one.max_error))

    options = S.QuantizeOptions(weights=constant("RNNP_WEIGHTS", weights), saturate=bool(saturate), layer=told,
                                n_rules=len(rules))
    many = (S.QuantizeRule * max(len(rules), 1))()
    for rule, (pattern, format_) in zip(many, rules.items()):
        rule.pattern, rule.weights = str(pattern).encode(), constant("RNNP_WEIGHTS", format_)
    if rules:
        options.rules = many
    handle = model.context.make(lib.rnnp_model_quantize, lib.rnnp_model_destroy, model.handle.address, byref(options))
    made = Quantized(model.context, handle, layers)
    if data is not None:
        before, after = (one if isinstance(one, tuple) else tuple(one.values()) if isinstance(one, dict) else (one,)
                         for one in (model(data), made(data)))
        made.errors = tuple(
            OutputError(port.name, float(np.sqrt(np.mean(np.square(a - b, dtype=np.float64)))),
                        float(np.max(np.abs(a - b))))
            for port, b, a in zip(model.outputs, before, after) if b.dtype.kind == "f" and b.size
        )
    return made
