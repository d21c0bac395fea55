# SPDX-License-Identifier: Apache-2.0
"""Models built layer by layer."""
from __future__ import annotations

from ctypes import byref, c_char_p, c_float, c_int32, c_int64, pointer
from typing import Any, Optional, Sequence, Union

import numpy as np

from . import _structs as S
from ._handles import Handle
from ._native import lib
from ._recurrent import Recurrent, recurrent, zeros
from .arrays import F32, NUMBER, address, fitting, imported, shaped, tensor_of
from .context import Context, constant, count
from .errors import ArgumentError, DtypeError, ShapeError, StateError
from .model import Model

__all__ = ["Builder", "Value"]


class Value:
    """A value of a graph that is being built."""

    __slots__ = ("builder", "index")

    def __init__(self, builder: "Builder", index: int) -> None:
        self.builder, self.index = builder, index


class Builder:
    """Builds a model from layers.

        b = rnnpack.Builder()
        x = b.input("x", ["steps", "batch", 8])
        y, h, c = b.lstm(x, input=8, hidden=32)      # or weights=(w, r, bias, bias_r)
        b.output("y", b.dense(y, input=32, units=2))
        model = b.build()

    A layer without weights has zeros; :func:`rnnpack.train` or :meth:`Trainer.initialize` gives it values. ``name``
    identifies a layer's weights in files and to a trainer.
    """

    def __init__(self, threads: int = 1, isa: Optional[str] = None) -> None:
        self.context = Context.of(threads, isa)
        self._handle: Optional[Handle] = self.context.make(
            lib.rnnp_model_create, lib.rnnp_model_destroy, self.context.address)

    # ---- Values ----

    def _address(self) -> int:
        if self._handle is None:
            raise StateError("this builder has built its model")
        return self._handle.address

    def _index(self, value: Any, what: str = "x") -> int:
        if value is None:
            return -1
        if not isinstance(value, Value) or value.builder is not self:
            raise ArgumentError(f"{what} is a value of this builder, not {value!r}")
        return value.index

    def _add(self, function: Any, *arguments: Any) -> Value:
        out = c_int32()
        self.context.check(function(self._address(), *arguments, byref(out)))
        return Value(self, out.value)

    def _name(self, name: Optional[str]) -> None:
        self.context.check(lib.rnnp_model_set_layer_name(self._address(), None if name is None else name.encode()))

    def input(self, name: str, shape: Sequence[Union[int, str, None]], dtype: str = "f32") -> Value:
        """Adds an input. A name in ``shape``, or None, is a dimension that each run determines."""
        if len(shape) > S.MAX_RANK:
            raise ArgumentError(f"an input has at most {S.MAX_RANK} dimensions")
        sizes = (c_int64 * S.MAX_RANK)(*(one if isinstance(one, int) else S.DYNAMIC for one in shape))
        symbols = (c_char_p * S.MAX_RANK)(*(one.encode() if isinstance(one, str) else None for one in shape))
        return self._add(lib.rnnp_model_add_input, name.encode(), constant("RNNP_DTYPE", dtype), len(shape),
                         byref(sizes), byref(symbols))

    def constant(self, array: Any, name: Optional[str] = None) -> Value:
        """Adds a constant, which is copied."""
        given = np.asarray(imported(array))
        if given.dtype.newbyteorder("=") not in NUMBER:
            raise DtypeError(f"a constant of {given.dtype} is not possible")
        tensor = tensor_of(fitting(given, given.dtype.newbyteorder("="), "the constant"))
        return self._add(lib.rnnp_model_add_constant, None if name is None else name.encode(), byref(tensor))

    def output(self, name: str, value: Value) -> None:
        """Makes a value an output."""
        self.context.check(lib.rnnp_model_add_output(self._address(), name.encode(), self._index(value, "value")))

    def build(self) -> Model:
        """Checks the graph and returns the model; the builder is empty afterwards."""
        address_, handle = self._address(), self._handle
        assert handle is not None
        self._handle = None
        self.context.check(lib.rnnp_model_close(address_))
        return Model(self.context, handle)

    # ---- Layers ----

    def recurrent(self, cell: str, x: Value, weights: Any = None, *, input: int = 0, hidden: int = 0,
                  reverse: Any = None, lengths: Optional[Value] = None, h0: Optional[Value] = None,
                  c0: Optional[Value] = None, name: Optional[str] = None, order: str = "pytorch",
                  direction: str = "forward", **options: Any) -> tuple[Value, ...]:
        """Adds a layer ("rnn", "lstm" or "gru"), and returns y, h, and for an LSTM c.

        Args:
            x: f32 [steps][batch][input], or [batch][steps][input] with batch_first.
            weights: (w, r, bias, bias_r) as ``order`` says; None: zeros for ``input`` and ``hidden``.
            reverse: those of the other direction, which makes the layer bidirectional.
            lengths: i32 [batch], valid steps of each row.
            h0, c0: f32 [dirs][batch][hidden], initial states.
            options: reset, batch_first, last_step, activations, alpha, beta, clip, input_forget, peephole; see
                ``rnnp_recurrent_options``.
        """
        if weights is None:
            constant("RNNP_CELL", cell), constant("RNNP_ORDER", order)
            weights = zeros(cell, count(input, "input"), count(hidden, "hidden"), order)
            reverse = weights if direction == "bidirectional" else None
        both = [weights] if reverse is None else [weights, reverse]
        one: Recurrent = recurrent(cell, both, order=order,
                                   direction=None if direction == "forward" else direction, **options)
        self._name(name)
        outs = [c_int32() for _ in range(3 if cell == "lstm" else 2)]
        self.context.check(lib.rnnp_model_add_recurrent(
            self._address(), byref(one.options), byref(one.weights), self._index(x), self._index(lengths, "lengths"),
            self._index(h0, "h0"), self._index(c0, "c0"), byref(outs[0]), byref(outs[1]),
            byref(outs[2]) if cell == "lstm" else None))
        return tuple(Value(self, out.value) for out in outs)

    def lstm(self, x: Value, weights: Any = None, **options: Any) -> tuple[Value, Value, Value]:
        """Adds an LSTM; see :meth:`recurrent`. Returns y, h, c."""
        y, h, c = self.recurrent("lstm", x, weights, **options)
        return y, h, c

    def gru(self, x: Value, weights: Any = None, **options: Any) -> tuple[Value, Value]:
        """Adds a GRU; see :meth:`recurrent`. Returns y, h."""
        y, h = self.recurrent("gru", x, weights, **options)
        return y, h

    def rnn(self, x: Value, weights: Any = None, **options: Any) -> tuple[Value, Value]:
        """Adds a plain RNN; see :meth:`recurrent`. Returns y, h."""
        y, h = self.recurrent("rnn", x, weights, **options)
        return y, h

    def grud(self, x: Value, mask: Value, delta: Value, weights: Any, decay: Sequence[Any], *, mean: Any = None,
             lengths: Optional[Value] = None, h0: Optional[Value] = None, name: Optional[str] = None,
             reset: str = "before", **options: Any) -> tuple[Value, Value]:
        """Adds GRU-D (Che et al. 2018), for visits at irregular times; see ``rnnp_model_add_grud``. Returns y, h.

        Args:
            x: f32 [steps][batch][features]; where a value is missing, the last one that was there.
            mask: the same shape: 1 where the value is there, else 0.
            delta: the same shape: time since the value was there at an earlier step.
            weights: those of a GRU whose input is twice the features, as for :meth:`recurrent`.
            decay: input_decay [features], input_bias [features], hidden_decay [features][hidden] and hidden_bias
                [hidden].
            mean: f32 [features], what missing values fade to; None: 0.
            options: as for :meth:`recurrent`; ``reset`` is "before", as in the paper.
        """
        one = recurrent("gru", [weights], reset=reset, **options)
        if one.input % 2:
            raise ShapeError(f"the GRU's input is twice the features, not {one.input}")
        if len(decay) != 4:
            raise ArgumentError(f"decay has four arrays, not {len(decay)}")
        features = one.input // 2
        shapes = ((features,), (features,), (features, one.hidden), (one.hidden,), (features,))
        names = ("input_decay", "input_bias", "hidden_decay", "hidden_bias", "mean")
        held = [shaped(array, F32, shape, what) for array, shape, what in zip(decay, shapes, names)]
        if mean is not None:
            held.append(shaped(mean, F32, shapes[4], "mean"))
        given = S.GrudWeights(gru=one.weights[0])
        for what, array in zip(names, held):
            setattr(given, what, address(array))
        self._name(name)
        y, h = c_int32(), c_int32()
        self.context.check(lib.rnnp_model_add_grud(
            self._address(), byref(one.options), byref(given), self._index(x), self._index(mask, "mask"),
            self._index(delta, "delta"), self._index(lengths, "lengths"), self._index(h0, "h0"), byref(y), byref(h)))
        return Value(self, y.value), Value(self, h.value)

    def tlstm(self, x: Value, elapsed: Value, weights: Any, split: Any, split_bias: Any = None, *,
              lengths: Optional[Value] = None, h0: Optional[Value] = None, c0: Optional[Value] = None,
              name: Optional[str] = None, **options: Any) -> tuple[Value, Value, Value]:
        """Adds the time-aware LSTM (Baytas et al. 2017); see ``rnnp_model_add_tlstm``. Returns y, h, c.

        Args:
            elapsed: f32 [steps][batch][1], time since the step before, at least 0.
            weights: those of an LSTM, as for :meth:`recurrent`; others too are as there.
            split: f32 [hidden][hidden], tells the part of c apart that fades. split_bias: f32 [hidden], None: 0.
        """
        one = recurrent("lstm", [weights], **options)
        m = shaped(split, F32, (one.hidden, one.hidden), "split")
        bias = None if split_bias is None else shaped(split_bias, F32, (one.hidden,), "split_bias")
        self._name(name)
        outs = [c_int32() for _ in range(3)]
        self.context.check(lib.rnnp_model_add_tlstm(
            self._address(), byref(one.options), byref(one.weights), address(m),
            None if bias is None else address(bias), self._index(x), self._index(elapsed, "elapsed"),
            self._index(lengths, "lengths"), self._index(h0, "h0"), self._index(c0, "c0"), *map(byref, outs)))
        y, h, c = (Value(self, out.value) for out in outs)
        return y, h, c

    def attention(self, x: Value, w: Any, bias: Any, v: Any, *, lengths: Optional[Value] = None,
                  name: Optional[str] = None) -> Value:
        """Adds attention over time: the sum of the steps of x, f32 [steps][batch][input], weighted by the softmax over
        steps of tanh(x w + bias) v. w is f32 [input][width], bias and v [width]."""
        w = shaped(w, F32, (None, None), "w")
        rows, width = w.shape
        held, query = shaped(bias, F32, (width,), "bias"), shaped(v, F32, (width,), "v")
        self._name(name)
        return self._add(lib.rnnp_model_add_attention, self._index(x), rows, width, address(w), address(held),
                         address(query), self._index(lengths, "lengths"))

    def dense(self, x: Value, w: Any = None, bias: Any = None, *, input: int = 0, units: int = 0,
              transposed: bool = False, activation: Optional[str] = None, name: Optional[str] = None) -> Value:
        """Adds y = activation(x w + bias) over the last axis.

        Args:
            w: f32 [input][units], as in Keras, or [units][input], as in PyTorch, with ``transposed``; None: zeros for
                ``input`` and ``units``, and a bias.
            activation: an ONNX operator ("Relu", "Sigmoid", "Softmax", ...).
        """
        if w is None:
            w = np.zeros((count(input, "input"), count(units, "units")), np.float32)
            bias, transposed = np.zeros(w.shape[1], np.float32), False
        w = shaped(w, F32, (None, None), "w")
        rows, columns = w.shape[::-1] if transposed else w.shape
        held = None if bias is None else shaped(bias, F32, (columns,), "bias")
        self._name(name)
        return self._add(lib.rnnp_model_add_dense, self._index(x), address(w), rows, columns, int(transposed),
                         None if held is None else address(held), None if activation is None else activation.encode())

    def embedding(self, indices: Value, table: Any, name: Optional[str] = None) -> Value:
        """Adds a look-up of the rows of table, f32 [vocabulary][width], by i32 or i64 indices of any shape."""
        held = shaped(table, F32, (None, None), "table")
        self._name(name)
        return self._add(lib.rnnp_model_add_embedding, self._index(indices), address(held), *held.shape)

    def pool(self, x: Value, kind: str, axis: int) -> Value:
        """Adds pooling over one axis, which is removed: "mean", "max", "sum" or "last"."""
        return self._add(lib.rnnp_model_add_pool, self._index(x), constant("RNNP_POOL", kind), axis)

    def dropout(self, x: Value, rate: float) -> Value:
        """Adds dropout, which acts in training alone."""
        return self._add(lib.rnnp_model_add_dropout, self._index(x), rate)

    def activation(self, op: str, x: Value) -> Value:
        """Adds a unary operator without attributes by its ONNX name."""
        return self._add(lib.rnnp_model_add_activation, op.encode(), self._index(x))

    def softmax(self, x: Value, axis: int = -1) -> Value:
        """Adds softmax over one axis."""
        return self._add(lib.rnnp_model_add_softmax, self._index(x), axis)

    def node(self, op: str, inputs: Sequence[Optional[Value]], n_outputs: int = 1, *, opset: int = 17,
             name: Optional[str] = None, **attributes: Any) -> tuple[Value, ...]:
        """Adds an ONNX operator with the meaning that it has in an opset. Attributes are numbers, names, lists of
        them, or arrays."""
        ins = (c_int32 * max(len(inputs), 1))(*(self._index(one, "an input") for one in inputs))
        outs = (c_int32 * max(n_outputs, 1))()
        attrs = (S.Attr * max(len(attributes), 1))(*(_attribute(key, one) for key, one in attributes.items()))
        self.context.check(lib.rnnp_model_add_node(
            self._address(), op.encode(), opset, None if name is None else name.encode(), byref(ins), len(inputs),
            byref(attrs), len(attributes), byref(outs), n_outputs))
        return tuple(Value(self, one) for one in outs[:n_outputs])


def _attribute(name: str, value: Any) -> S.Attr:
    one = S.Attr(name=name.encode())
    listed = isinstance(value, (list, tuple))
    members = list(value) if listed else [value]
    if isinstance(value, np.ndarray):
        tensor = tensor_of(fitting(value, value.dtype.newbyteorder("="), name))
        one.kind, one.tensor = constant("RNNP_ATTR", "tensor"), pointer(tensor)
    elif all(isinstance(member, str) for member in members) and members:
        texts = [member.encode() for member in members]
        one.kind = constant("RNNP_ATTR", "strings" if listed else "string")
        one.s, one.strings, one.count = texts[0], (c_char_p * len(texts))(*texts), len(texts)
    elif all(isinstance(member, int) for member in members):
        one.kind = constant("RNNP_ATTR", "ints" if listed else "int")
        one.i, one.ints, one.count = (members or [0])[0], (c_int64 * max(len(members), 1))(*members), len(members)
    elif all(isinstance(member, (int, float)) for member in members):
        one.kind = constant("RNNP_ATTR", "floats" if listed else "float")
        one.f, one.floats, one.count = members[0], (c_float * len(members))(*members), len(members)
    else:
        raise ArgumentError(f"attribute {name!r} cannot be {value!r}")
    return one
