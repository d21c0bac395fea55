# SPDX-License-Identifier: Apache-2.0
"""Inputs and outputs: their descriptions, and one call's arrays."""
from __future__ import annotations

from ctypes import addressof, byref, c_char, c_size_t, c_void_p
from dataclasses import dataclass
from functools import partial
from typing import Any, Callable, Optional, Sequence, Union

import numpy as np

from . import _structs as S
from .arrays import NAME, NUMPY, address, describe, fitting, writable
from .context import text
from .errors import ArgumentError, UnsupportedError

Array = np.ndarray[Any, Any]
_at: Any = c_char.from_buffer
Result = Any  # an array, or a tuple or dict of arrays: as the call was made


@dataclass(frozen=True)
class Port:
    """An input or output. ``shape`` has the name of a dimension, or None, where each run determines its size."""

    name: str
    dtype: str
    shape: tuple[Union[int, str, None], ...]

    @property
    def numpy_dtype(self) -> np.dtype[Any]:
        number = S.ENUMS["RNNP_DTYPE"][self.dtype]
        if number not in NUMPY:
            raise UnsupportedError(f"{self.name} is {self.dtype}, which NumPy does not have")
        return NUMPY[number]

    def __str__(self) -> str:
        return f"{self.name}  {self.dtype} [{', '.join('?' if size is None else str(size) for size in self.shape)}]"


def port(info: S.PortInfo) -> Port:
    shape = tuple(
        size if size != S.DYNAMIC else (text(symbol) if symbol else None)
        for size, symbol in zip(info.shape[: info.rank], info.symbol[: info.rank])
    )
    return Port(text(info.name), NAME.get(info.dtype, "unknown"), shape)


def ports(count: Callable[[int], int], info: Callable[..., int], model: int) -> tuple[Port, ...]:
    """Lists the inputs or outputs of a model."""
    found = []
    for index in range(count(model)):
        one = S.PortInfo()
        if info(model, index, byref(one)) == 0:
            found.append(port(one))
    return tuple(found)


class Names:
    """How the arrays of a call become the inputs of a model, and its outputs what the call returns."""

    __slots__ = ("inputs", "outputs", "dtypes", "single")

    def __init__(self, inputs: Sequence[Port], outputs: Sequence[Port]) -> None:
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)
        self.dtypes = tuple(one.numpy_dtype for one in inputs)
        self.single = len(self.inputs) == 1 and len(self.outputs) == 1

    def gather(self, given: tuple[Any, ...], named: dict[str, Any]) -> tuple[list[Array], bool]:
        """Returns the arrays in the model's order, and whether they came by name."""
        if len(given) == 1 and isinstance(given[0], (tuple, dict)):
            if isinstance(given[0], dict):
                named, given = {**given[0], **named}, ()
            else:
                given = given[0]
        if not named and len(given) == len(self.inputs):
            return [
                value if type(value) is np.ndarray and value.dtype is kind and value.flags.c_contiguous
                else fitting(value, kind, f"input {self.inputs[index].name!r}")
                for index, (value, kind) in enumerate(zip(given, self.dtypes))
            ], False
        by_name = bool(named) and not given
        wanted = [one.name for one in self.inputs]
        if len(given) > len(wanted):
            raise ArgumentError(f"{len(given)} inputs were given, but there are {len(wanted)}: {', '.join(wanted)}")
        values = dict(zip(wanted, given))
        for name, value in named.items():
            if name not in wanted:
                raise ArgumentError(f"the model has no input {name!r}; it has {', '.join(wanted) or 'none'}")
            if name in values:
                raise ArgumentError(f"input {name!r} was given twice")
            values[name] = value
        missing = [name for name in wanted if name not in values]
        if missing:
            raise ArgumentError(f"these inputs are missing: {', '.join(missing)}")
        return [fitting(values[name], kind, f"input {name!r}") for name, kind in zip(wanted, self.dtypes)], by_name

    def results(self, arrays: list[Array], by_name: bool) -> Result:
        if by_name:
            return {one.name: array for one, array in zip(self.outputs, arrays)}
        return arrays[0] if len(arrays) == 1 else tuple(arrays)

    def given_outputs(self, out: Any) -> list[Any]:
        """Returns what ``out`` holds for each output; None where the call shall make an array."""
        names = [one.name for one in self.outputs]
        if isinstance(out, dict):
            for name in out:
                if name not in names:
                    raise ArgumentError(f"the model has no output {name!r}; it has {', '.join(names)}")
            return [out.get(name) for name in names]
        given = list(out) if isinstance(out, (tuple, list)) else [out]
        if len(given) != len(names):
            raise ArgumentError(f"out has {len(given)} arrays, but the model has {len(names)} outputs")
        return given


class Call:
    """The tensors of one run or stream, bound to the function that executes it."""

    __slots__ = ("ins", "outs", "kinds", "execute", "_arrays")

    def __init__(self, function: Any, address: int, inputs: Sequence[S.Tensor], outputs: Sequence[S.Tensor],
                 active: Optional[c_void_p] = None) -> None:
        arrays = (S.Tensor * max(len(inputs), 1))(), (S.Tensor * max(len(outputs), 1))()
        for one, array in ((inputs, arrays[0]), (outputs, arrays[1])):
            for index, tensor in enumerate(one):
                describe(array[index], tensor.dtype, tensor.shape[: tensor.rank])
        self._arrays = arrays
        # These share the memory of the arrays that the library is given.
        self.ins = [arrays[0][index] for index in range(len(inputs))]
        self.outs = [arrays[1][index] for index in range(len(outputs))]
        self.kinds = [(tuple(one.shape[: one.rank]), NUMPY[one.dtype]) for one in outputs]
        # ctypes passes its own objects as they are, and converts nothing.
        first = (c_void_p(address),) if active is None else (c_void_p(address), active)
        self.execute: Callable[[], int] = partial(
            function, *first, byref(arrays[0]), c_size_t(len(inputs)), byref(arrays[1]), c_size_t(len(outputs))
        )

    def outputs_for(self, names: Names, out: Any, inputs: Sequence[Array]) -> list[Array]:
        """Makes the arrays of the outputs, or takes those that were given."""
        if out is None:
            return [np.empty(shape, dtype) for shape, dtype in self.kinds]
        arrays: list[Array] = []
        for one, (shape, dtype), given in zip(names.outputs, self.kinds, names.given_outputs(out)):
            what = f"output {one.name!r}"
            arrays.append(np.empty(shape, dtype) if given is None else writable(given, dtype, shape, what))
        ranges = [(address(array), array.nbytes) for array in (*inputs, *arrays)]  # all are dense
        for index in range(len(inputs), len(ranges)):
            start, size = ranges[index]
            if any(start < other + length and other < start + size for other, length in ranges[:index]):
                raise ArgumentError(f"output {names.outputs[index - len(inputs)].name!r} overlaps another array")
        return arrays

    def one(self, x: Array, y: Optional[Array]) -> tuple[int, Array]:
        """As a call of a model with one input and one output, for an x that is known to fit.

        Raises TypeError or ValueError before anything is done if x or y is not what can be used at once.
        """
        self.ins[0].data = start = addressof(_at(x))
        if y is None:
            y = np.empty(*self.kinds[0])
            self.outs[0].data = address(y)
        else:
            shape, dtype = self.kinds[0]
            if type(y) is not np.ndarray:
                raise TypeError
            self.outs[0].data = to = addressof(_at(y))
            if y.shape != shape or y.dtype is not dtype or start < to + y.nbytes and to < start + x.nbytes:
                raise ValueError
        return self.execute(), y

    def __call__(self, inputs: Sequence[Array], outputs: Sequence[Array]) -> int:
        try:  # as address() does, without its call for each array
            for tensor, array in zip(self.ins, inputs):
                tensor.data = addressof(_at(array))
            for tensor, array in zip(self.outs, outputs):
                tensor.data = addressof(_at(array))
        except (TypeError, ValueError):
            for tensor, array in zip((*self.ins, *self.outs), (*inputs, *outputs)):
                tensor.data = address(array)
        return self.execute()
