# SPDX-License-Identifier: Apache-2.0
"""The weights of recurrent layers: arrays in the order and layout of ONNX, PyTorch or Keras, checked."""
from __future__ import annotations

from ctypes import c_char_p, c_float
from dataclasses import dataclass
from typing import Any, Optional, Sequence

import numpy as np

from . import _structs as S
from .arrays import F32, address, fitting, imported, shaped
from .context import constant
from .errors import ArgumentError, ShapeError
from .ports import Array

GATES = {"rnn": 1, "lstm": 4, "gru": 3}
Weights = Sequence[Any]  # w, r, and if there are: bias, bias_r


@dataclass
class Recurrent:
    """A layer's options and weights as the library takes them. ``kept`` are the arrays that they point to."""

    options: S.RecurrentOptions
    weights: Any
    kept: list[Any]
    input: int
    hidden: int
    dirs: int


def zeros(cell: str, input: int, hidden: int, order: str) -> tuple[Array, Array, Array]:
    """Weights for a layer that will be trained."""
    wide = GATES[cell] * hidden
    w, r = np.zeros((wide, input), np.float32), np.zeros((wide, hidden), np.float32)
    if order == "keras":
        return np.ascontiguousarray(w.T), np.ascontiguousarray(r.T), np.zeros(wide, np.float32)
    return w, r, np.zeros(2 * wide if order == "onnx" else wide, np.float32)


def _direction(cell: str, order: str, reset: str, given: Weights, peephole: Any,
               ) -> tuple[list[Optional[Array]], int, int]:
    """Returns w, r, bias, bias_r, peephole of one direction, checked, and the sizes of input and hidden."""
    if not 2 <= len(given) <= 4:
        raise ArgumentError(f"a direction has w, r, and up to two biases, but {len(given)} arrays were given")
    w, r, bias, bias_r = (*given, None, None)[:4]
    w, r = fitting(w, F32, "w"), fitting(r, F32, "r")
    if w.ndim != 2 or r.ndim != 2:
        raise ShapeError(f"w and r have two dimensions, but {w.shape} and {r.shape} were given")
    gates, across = GATES[cell], order == "keras"
    hidden, input_ = (r.shape[0], w.shape[0]) if across else (r.shape[1], w.shape[1])
    wide = gates * hidden
    w = shaped(w, F32, (input_, wide) if across else (wide, input_), "w")
    r = shaped(r, F32, (hidden, wide) if across else (wide, hidden), "r")
    if across and bias is not None and cell == "gru":
        bias = fitting(bias, F32, "bias")
        if bias.ndim == 2:  # reset_after: a row for each product
            if reset != "after":
                raise ArgumentError("a bias of two rows is that of reset_after=True, which is reset='after'")
            bias = shaped(bias, F32, (2, wide), "bias")
            bias, bias_r = np.array(bias[0]), np.array(bias[1])
    if bias is not None:
        bias = shaped(bias, F32, (2 * wide if order == "onnx" else wide,), "bias")
    if bias_r is not None:
        if order == "onnx":
            raise ArgumentError("ONNX has both biases in one array")
        bias_r = shaped(bias_r, F32, (wide,), "bias_r")
    if peephole is not None:
        if cell != "lstm":
            raise ArgumentError("only an LSTM has peepholes")
        peephole = shaped(peephole, F32, (3 * hidden,), "peephole")
    return [w, r, bias, bias_r, peephole], input_, hidden


def _split(given: Weights) -> list[list[Any]]:
    """ONNX's W, R, B [directions][...] as the arrays of each direction."""
    arrays = [None if one is None else np.asarray(imported(one)) for one in given]
    dirs = {one.shape[0] for one in arrays if one is not None}
    if len(dirs) != 1 or not dirs <= {1, 2}:
        raise ShapeError("W, R and B have one direction or two, the same number in all")
    return [[None if one is None else one[d] for one in arrays] for d in range(dirs.pop())]


def recurrent(cell: str, weights: Sequence[Weights], *, order: str = "pytorch", reset: str = "after",
              direction: Optional[str] = None, peephole: Any = None, activations: Optional[Sequence[str]] = None,
              alpha: Optional[Sequence[float]] = None, beta: Optional[Sequence[float]] = None, clip: float = 0.0,
              input_forget: bool = False, batch_first: bool = False, last_step: bool = False) -> Recurrent:
    """Checks the weights of one direction or two (forward, reverse) and says what the library shall make of them."""
    constant("RNNP_CELL", cell), constant("RNNP_ORDER", order)
    first = imported(weights[0][0]) if weights and len(weights[0]) else None
    peepholes = [peephole] if peephole is None or np.ndim(peephole) == 1 else list(peephole)
    if order == "onnx" and len(weights) == 1 and np.ndim(first) == 3:
        weights = _split(weights[0])
    if len(weights) not in (1, 2):
        raise ArgumentError(f"a layer has one direction or two, not {len(weights)}")
    if direction is None:
        direction = "bidirectional" if len(weights) == 2 else "forward"
    if (direction == "bidirectional") != (len(weights) == 2):
        raise ArgumentError(f"direction {direction!r} does not have the weights of {len(weights)}")
    peepholes = peepholes if len(peepholes) == len(weights) else peepholes * len(weights)
    found = [_direction(cell, order, reset, one, hole) for one, hole in zip(weights, peepholes)]
    arrays, (input_, hidden) = [one[0] for one in found], found[0][1:]
    if any(one[1:] != (input_, hidden) for one in found):
        raise ShapeError("both directions have the same sizes of input and hidden")
    many = (S.RecurrentWeights * len(arrays))()
    for one, given in zip(many, arrays):
        one.w, one.r, one.bias, one.bias_r, one.peephole = (None if a is None else address(a) for a in given)
    options = S.RecurrentOptions(
        cell=constant("RNNP_CELL", cell), input=input_, hidden=hidden, direction=constant("RNNP_DIRECTION", direction),
        order=constant("RNNP_ORDER", order), reset=constant("RNNP_GRU_RESET", reset), batch_first=bool(batch_first),
        clip=float(clip), input_forget=bool(input_forget), last_step=bool(last_step),
    )
    if activations is not None:
        if isinstance(activations, str) or not 1 <= len(activations) <= 6:
            raise ArgumentError("activations are a list of up to six names, as in ONNX")
        options.activations = (c_char_p * 6)(*(name.encode() for name in activations))
    for name, values in (("alpha", alpha), ("beta", beta)):
        if values is not None:
            six = (list(values) + 6 * [float("nan")])[:6]
            setattr(options, name, (c_float * 6)(*six))
    return Recurrent(options, many, arrays, input_, hidden, len(arrays))
