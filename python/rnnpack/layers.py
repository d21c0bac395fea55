# SPDX-License-Identifier: Apache-2.0
"""Recurrent layers from arrays, without a model: for programs that bring their own graph.

    lstm = rnnpack.layers.LSTM(w_ih, w_hh, b_ih, b_hh)              # PyTorch's names and order of gates
    y, (h, c) = lstm(x)                                             # x [steps][batch][input]

    gru = rnnpack.layers.GRU(*layer.get_weights(), order="keras")
    rnn = rnnpack.layers.RNN(W, R, B, order="onnx")                 # with ONNX's axis of directions, or without
"""
from __future__ import annotations

from ctypes import byref, c_size_t, c_void_p
from typing import Any, Optional, Sequence

import numpy as np

from . import _structs as S
from ._handles import Closable, Handle
from ._native import lib, plain
from ._recurrent import recurrent
from .arrays import F32, I32, address, fitting, shaped, writable
from .context import Context, constant
from .errors import ArgumentError, ShapeError, StateError
from .ports import Array

__all__ = ["GRU", "LSTM", "RNN"]

_forward = plain("rnnp_layer_forward")
MOST_SIZES = 16  # of calls for which a layer keeps a workspace


class _Bound:
    """The arguments and the workspace of calls of one size; used by one thread at a time."""

    __slots__ = ("args", "memory", "pointer")

    def __init__(self, context: Context, layer: int, steps: int, batch: int) -> None:
        size = c_size_t()
        context.check(lib.rnnp_layer_workspace_bytes(layer, steps, batch, byref(size)))
        self.memory = np.empty(size.value + 64, np.uint8)
        start = address(self.memory)
        self.args = S.LayerArgs(steps=steps, batch=batch, workspace=start + -start % 64)
        self.pointer = byref(self.args)


class Layer(Closable):
    """A recurrent layer. Any number of threads may call it at the same time.

    ``input``, ``hidden`` and ``dirs`` (1 or 2) are its sizes.
    """

    cell = ""

    def __init__(self, w: Any, r: Any, bias: Any = None, bias_r: Any = None, *,
                 reverse: Optional[Sequence[Any]] = None, direction: Optional[str] = None, order: str = "pytorch",
                 batch_first: bool = False, math: str = "u35", threads: int = 1, isa: Optional[str] = None,
                 **options: Any) -> None:
        """Packs the weights, which are copied.

        Args:
            w, r, bias, bias_r: f32, in the layout and order of gates that ``order`` names. G is the number of gates.

                * "pytorch": [G*hidden][input], [G*hidden][hidden], [G*hidden], [G*hidden]
                * "keras": [input][G*hidden], [hidden][G*hidden], [G*hidden] ([2][G*hidden] with reset_after)
                * "onnx": [G*hidden][input], [G*hidden][hidden], [2*G*hidden], each also with an axis of directions
                  in front
            reverse: the same arrays of the reverse direction, which make the layer bidirectional.
            direction: "forward", "reverse" or "bidirectional"; None: as many as there are weights.
            batch_first: x and y are [batch][steps][...] in place of [steps][batch][...].
            math: accuracy of tanh and sigmoid: "u35", "u10" or "fast".
            threads, isa: as for :func:`rnnpack.load`.
            options: reset (GRU: "after" as in PyTorch, or "before"), peephole (LSTM: [3*hidden]), activations, alpha,
                beta, clip, input_forget (LSTM).
        """
        given = [tuple(one for one in (w, r, bias, bias_r))]
        if reverse is not None:
            given.append(tuple(reverse))
        made = recurrent(self.cell, given, order=order, direction=direction, **options)
        self.context = Context.of(threads, isa)
        self._handle: Optional[Handle] = self.context.make(
            lib.rnnp_layer_create, lib.rnnp_layer_destroy, self.context.address, byref(made.options),
            byref(made.weights), constant("RNNP_MATH", math))
        self.input, self.hidden, self.dirs, self.batch_first = made.input, made.hidden, made.dirs, bool(batch_first)
        self._bound: dict[tuple[int, int], list[_Bound]] = {}

    def close(self) -> None:
        """Gives the layer's memory back, once no call uses it any more. Closing twice is allowed."""
        self._handle = None
        self._bound.clear()

    def _state(self, value: Any, batch: int, what: str) -> Optional[Array]:
        if value is None:
            return None
        array = fitting(value, F32, what)
        shape = (self.dirs, batch, self.hidden)
        if array.shape == shape or (self.dirs == 1 and array.shape == shape[1:]):
            return array
        raise ShapeError(f"{what} has shape {array.shape}, but {shape} is needed")

    def run(self, x: Any, h0: Any = None, c0: Any = None, lengths: Any = None, out: Any = None,
            wants_y: bool = True) -> tuple[Optional[Array], Array, Optional[Array]]:
        """Runs the layer and returns y, h and c; see :meth:`__call__`. y is None if it is not wanted."""
        if self._handle is None:
            raise StateError("this layer is closed")
        x = fitting(x, F32, "x")
        if x.ndim != 3 or x.shape[2] != self.input:
            axes = "[batch][steps]" if self.batch_first else "[steps][batch]"
            raise ShapeError(f"x has shape {x.shape}, but {axes}[{self.input}] is needed")
        steps, batch = (x.shape[1], x.shape[0]) if self.batch_first else x.shape[:2]
        wide = self.dirs * self.hidden
        h0, c0 = self._state(h0, batch, "h0"), self._state(c0, batch, "c0")
        if c0 is not None and self.cell != "lstm":
            raise ArgumentError("only an LSTM has c0")
        counts = None if lengths is None else shaped(lengths, I32, (batch,), "lengths")
        y: Optional[Array] = None
        if out is not None:
            y = writable(out, F32, (*x.shape[:2], wide), "out")
            for one in (x, h0, c0):
                if one is not None and np.may_share_memory(one, y):
                    raise ArgumentError("out overlaps an input")
        elif wants_y:
            y = np.empty((*x.shape[:2], wide), F32)
        h = np.empty((self.dirs, batch, self.hidden), F32)
        c = np.empty_like(h) if self.cell == "lstm" else None
        if not steps or not batch:
            return self._nothing(y, h, c, h0, c0)

        across = (self.input, steps * self.input, wide, steps * wide) if self.batch_first else (0, 0, 0, 0)
        self.execute(steps, batch, address(x), *across, *(
            None if one is None else address(one) for one in (y, h0, c0, h, c, counts)))
        return y, h, c

    def execute(self, steps: int, batch: int, x: int, x_step: int, x_row: int, y_step: int, y_row: int,
                y: Optional[int], h0: Optional[int], c0: Optional[int], h: Optional[int], c: Optional[int],
                lengths: Optional[int] = None) -> None:
        """Runs the layer on addresses, as ``rnnp_layer_args`` has them; nothing is checked here."""
        handle = self._handle
        if handle is None:
            raise StateError("this layer is closed")
        free = self._bound.get((steps, batch))
        try:
            bound = free.pop()  # type: ignore[union-attr]
        except (AttributeError, IndexError):
            bound = _Bound(self.context, handle.address, steps, batch)
            if len(self._bound) >= MOST_SIZES:
                self._bound.clear()
            free = self._bound.setdefault((steps, batch), [])
        args = bound.args
        args.x, args.x_step, args.x_row, args.lengths, args.h0, args.c0 = x, x_step, x_row, lengths, h0, c0
        args.y, args.y_step, args.y_row, args.h, args.c = y, y_step, y_row, h, c
        status = _forward(c_void_p(handle.address), bound.pointer)
        args.turn += 1
        free.append(bound)  # type: ignore[union-attr]
        if status:
            self.context.fail(status)

    @staticmethod
    def _nothing(y: Optional[Array], h: Array, c: Optional[Array], h0: Optional[Array], c0: Optional[Array],
                 ) -> tuple[Optional[Array], Array, Optional[Array]]:
        """No steps or no rows: states stay as they are."""
        h[...] = 0 if h0 is None else h0
        if c is not None:
            c[...] = 0 if c0 is None else c0
        return y, h, c

    def __repr__(self) -> str:
        closed = ", closed" if self._handle is None else ""
        return f"<rnnpack.layers.{type(self).__name__} {self.input} -> {self.dirs} x {self.hidden}{closed}>"


class _Simple(Layer):
    def __call__(self, x: Any, h0: Any = None, lengths: Any = None, *, out: Any = None) -> tuple[Array, Array]:
        """Runs the layer over a sequence.

        Args:
            x: f32 [steps][batch][input], or [batch][steps][input] with batch_first.
            h0: f32 [dirs][batch][hidden]; None: zeros. Without the first axis if there is one direction.
            lengths: i32 [batch], valid steps of each row; None: all.
            out: an array for y.

        Returns:
            y [steps][batch][dirs*hidden], directions side by side, 0 past a row's length; and h [dirs][batch][hidden].
        """
        y, h, _ = self.run(x, h0, None, lengths, out)
        assert y is not None
        return y, h


class RNN(_Simple):
    """A plain recurrent layer; see :class:`Layer`."""

    cell = "rnn"


class GRU(_Simple):
    """A layer of gated recurrent units; see :class:`Layer`."""

    cell = "gru"


class LSTM(Layer):
    """A layer of long short-term memory; see :class:`Layer`."""

    cell = "lstm"

    def __call__(self, x: Any, state: Any = None, lengths: Any = None, *, out: Any = None,
                 ) -> tuple[Array, tuple[Array, Array]]:
        """Runs the layer over a sequence.

        Args:
            x: f32 [steps][batch][input], or [batch][steps][input] with batch_first.
            state: (h0, c0), each f32 [dirs][batch][hidden]; None: zeros. Without the first axis if there is one
                direction.
            lengths: i32 [batch], valid steps of each row; None: all.
            out: an array for y.

        Returns:
            y [steps][batch][dirs*hidden], directions side by side, 0 past a row's length; and (h, c), each
            [dirs][batch][hidden].
        """
        if state is not None and (not isinstance(state, (tuple, list)) or len(state) != 2):
            raise ArgumentError("the state of an LSTM is (h0, c0)")
        h0, c0 = (None, None) if state is None else state
        y, h, c = self.run(x, h0, c0, lengths, out)
        assert y is not None and c is not None
        return y, (h, c)
