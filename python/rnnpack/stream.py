# SPDX-License-Identifier: Apache-2.0
"""Streams: a model stepped through time, whose recurrent state stays inside."""
from __future__ import annotations

import threading
from contextlib import contextmanager
from ctypes import byref, c_char_p, c_size_t, c_void_p, create_string_buffer, string_at
from typing import Any, Iterator, Optional, Sequence, Union

import numpy as np

from . import _structs as S
from ._handles import Closable, Handle
from ._native import lib, plain
from .arrays import address, shape_of, shaped
from .context import Context, count, text
from .errors import ArgumentError, ShapeError, StateError
from .ports import Call, Names, Port, Result

__all__ = ["Stream"]

_step, _step_rows = plain("rnnp_stream_step"), plain("rnnp_stream_step_rows")
Pairs = Sequence[tuple[str, str]]


def find_carried(context: Context, model: Handle) -> list[tuple[str, str]]:
    """Returns the pairs of an input and an output that look like one state; see ``rnnp_model_find_carried``."""
    n = c_size_t()
    context.check(lib.rnnp_model_find_carried(model.address, None, 0, byref(n)))
    pairs = (S.Carried * max(n.value, 1))()
    context.check(lib.rnnp_model_find_carried(model.address, byref(pairs), n.value, byref(n)))
    return [(text(pair.input), text(pair.output)) for pair in pairs[: n.value]]


class Stream(Closable):
    """Steps a model through time. Made by :meth:`Model.stream`; one thread at a time may use it.

    ``inputs`` and ``outputs`` describe the arrays of one step.
    """

    def __init__(self, context: Context, plan: Handle, names: Names, *, batch: int = 1, steps: int = 0,
                 time_axis: Optional[int] = None, carried: Union[Pairs, str, None] = None) -> None:
        if carried == "auto":
            pairs: Pairs = find_carried(context, plan._parents[1])
        elif isinstance(carried, str):
            raise ArgumentError(f"carried is 'auto' or pairs of names, not {carried!r}")
        else:
            pairs = [(str(i), str(o)) for i, o in carried or ()]
        options = S.StreamOptions(batch=count(batch, "batch"), steps=count(steps, "steps"), n_carried=len(pairs))
        if time_axis is not None:
            options.time_axis = min(count(time_axis, "time_axis"), S.MAX_RANK) + 1
        many = (S.Carried * max(len(pairs), 1))(*(S.Carried(i.encode(), o.encode()) for i, o in pairs))
        if pairs:
            options.carried = many
        self._context = context
        handle = context.make(lib.rnnp_stream_create, lib.rnnp_stream_destroy, plan.address, byref(options),
                              parents=(plan,))
        hidden = {name for pair in pairs for name in pair}
        ins = self._tensors(handle, lib.rnnp_stream_input, sum(one.name not in hidden for one in names.inputs))
        outs = self._tensors(handle, lib.rnnp_stream_output, sum(one.name not in hidden for one in names.outputs))
        self.inputs = tuple(Port(one.name, one.dtype, shape_of(tensor)) for one, tensor
                            in zip((one for one in names.inputs if one.name not in hidden), ins))
        self.outputs = tuple(Port(one.name, one.dtype, shape_of(tensor)) for one, tensor
                             in zip((one for one in names.outputs if one.name not in hidden), outs))
        self.batch = options.batch or 1
        self._handle: Optional[Handle] = handle
        self._names = Names(self.inputs, self.outputs)
        self._call = Call(_step, handle.address, ins, outs)
        self._active = np.ones(self.batch, np.uint8)
        self._call_rows = Call(_step_rows, handle.address, ins, outs, c_void_p(address(self._active)))
        self._shapes = [shape_of(tensor) for tensor in ins]
        self._only = (self._names.dtypes[0], self._shapes[0]) if self._names.single else (None, None)
        self._lock = threading.Lock()

    def _tensors(self, handle: Handle, describe: Any, n: int) -> list[S.Tensor]:
        found = [S.Tensor() for _ in range(n)]
        for index, tensor in enumerate(found):
            self._context.check(describe(handle.address, index, byref(tensor)))
        return found

    # ---- Life ----

    @contextmanager
    def _held(self) -> Iterator[int]:
        """Keeps other threads out while the stream is in use, and tells its address."""
        if not self._lock.acquire(False):
            raise StateError("another thread is using this stream")
        try:
            if self._handle is None:
                raise StateError("this stream is closed")
            yield self._handle.address
        finally:
            self._lock.release()

    def close(self) -> None:
        """Gives the stream's memory back. Closing twice is allowed; closing during another thread's step is not."""
        if not self._lock.acquire(False):
            raise StateError("another thread is using this stream")
        self._handle, self._only = None, (None, None)
        self._lock.release()

    # ---- Steps ----

    def step(self, *inputs: Any, out: Any = None, active: Any = None, **named: Any) -> Result:
        """Consumes the next time steps, and returns the outputs.

        Args:
            inputs: as for :meth:`Model.__call__`, in the shapes of ``inputs``.
            out: arrays to write to, in place of new ones.
            active: bool [batch]; False for a channel that waits. Its state stays as it is, and its rows of the outputs
                are those of ``out``, or 0.
        """
        if len(inputs) == 1 and active is None and not named:
            x = inputs[0]
            dtype, shape = self._only
            if type(x) is np.ndarray and x.dtype is dtype and x.shape == shape:
                if not self._lock.acquire(False):
                    raise StateError("another thread is using this stream")
                try:
                    if self._handle is not None:
                        status, y = self._call.one(x, out)
                        if status:
                            self._context.fail(status)
                        return y
                except (TypeError, ValueError) as reason:
                    if hasattr(reason, "status"):
                        raise
                finally:
                    self._lock.release()
        return self._step(inputs, named, out, active)

    def _step(self, inputs: tuple[Any, ...], named: dict[str, Any], out: Any, active: Any) -> Result:
        with self._held():
            arrays, by_name = self._names.gather(inputs, named)
            for array, shape, one in zip(arrays, self._shapes, self.inputs):
                if array.shape != shape:
                    raise ShapeError(f"input {one.name!r} has shape {array.shape}, but a step takes {shape}")
            call = self._call
            if active is not None:
                call = self._call_rows
                self._active[...] = shaped(np.asarray(active, np.bool_), np.dtype(np.bool_), (self.batch,), "active")
            outputs = call.outputs_for(self._names, out, arrays)
            if active is not None:
                given = [None] * len(outputs) if out is None else self._names.given_outputs(out)
                for array, mine in zip(outputs, given):
                    if mine is None:
                        array[...] = 0
            status = call(arrays, outputs)
            if status:
                self._context.fail(status)
            return self._names.results(outputs, by_name)

    def reset(self, row: Optional[int] = None) -> None:
        """Resets all channels, or one, to the initial state of the model."""
        with self._held() as stream:
            if row is None:
                lib.rnnp_stream_reset(stream)
            else:
                self._context.check(lib.rnnp_stream_reset_row(stream, count(row, "row")))

    # ---- State ----

    def save(self, row: Optional[int] = None) -> bytes:
        """Returns the state of all channels, or of one. It is the same on every instruction set."""
        with self._held() as stream:
            if row is None:
                size = lib.rnnp_stream_state_bytes(stream)
                state = create_string_buffer(max(size, 1))
                self._context.check(lib.rnnp_stream_save(stream, state, size))
            else:
                size = lib.rnnp_stream_row_state_bytes(stream)
                state = create_string_buffer(max(size, 1))
                self._context.check(lib.rnnp_stream_save_row(stream, count(row, "row"), state, size))
            return string_at(state, size)

    def load(self, state: Any, row: Optional[int] = None) -> None:
        """Restores what :meth:`save` returned, in this or another stream of the same model."""
        try:
            held = bytes(memoryview(state))
        except TypeError:
            raise ArgumentError(f"a state is the bytes that save() returned, not {type(state).__name__}") from None
        with self._held() as stream:
            if row is None:
                self._context.check(lib.rnnp_stream_load(stream, c_char_p(held), len(held)))
            else:
                self._context.check(lib.rnnp_stream_load_row(stream, count(row, "row"), c_char_p(held), len(held)))

    def __repr__(self) -> str:
        if self._handle is None:
            return "<rnnpack.Stream, closed>"
        return f"<rnnpack.Stream of {self.batch} channels: {', '.join(map(str, self.inputs))}>"

