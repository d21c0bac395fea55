# SPDX-License-Identifier: Apache-2.0
"""NumPy arrays as tensors of the library: without a copy where dtype and layout fit."""
from __future__ import annotations

from ctypes import addressof, c_char
from typing import Any, Optional, Sequence, Union

import numpy as np

from . import _structs as S
from .errors import ArgumentError, DtypeError, ShapeError

NUMPY: dict[int, np.dtype[Any]] = {
    S.ENUMS["RNNP_DTYPE"][name]: np.dtype(kind)
    for name, kind in {
        "f32": np.float32, "i32": np.int32, "i64": np.int64, "bool": np.bool_, "u8": np.uint8, "f64": np.float64,
        "f16": np.float16, "i8": np.int8,
    }.items()
}
NUMBER = {kind: number for number, kind in NUMPY.items()}
NAME = {number: name for name, number in S.ENUMS["RNNP_DTYPE"].items()}
F32, I32 = np.dtype(np.float32), np.dtype(np.int32)
_at: Any = c_char.from_buffer  # Any: NumPy 1.24 does not say that an array is a buffer


def address(array: np.ndarray[Any, Any]) -> int:
    """Returns where a dense array's elements are. Faster than array.ctypes.data, which makes objects."""
    try:
        return addressof(_at(array))
    except (TypeError, ValueError):  # read-only, or without elements
        return int(array.ctypes.data)


def imported(value: Any) -> Any:
    """Takes an array of another library by DLPack, without a copy, or by whatever NumPy knows."""
    if isinstance(value, np.ndarray):
        return value
    if hasattr(value, "__dlpack__") and not isinstance(value, np.generic):
        try:
            return np.from_dlpack(value)
        except (BufferError, TypeError, ValueError, RuntimeError) as reason:
            if not hasattr(value, "__array__"):
                raise DtypeError(f"DLPack: {reason}") from None
    return value


def fitting(value: Any, dtype: np.dtype[Any], what: str) -> np.ndarray[Any, Any]:
    """Returns a dense array of a dtype in this machine's byte order.

    An array is used in place if it is all that, and copied if only its layout or byte order differs. Its dtype is not
    converted, because that changes values. What has no dtype (numbers, lists) is converted.
    """
    value = imported(value)
    try:
        if not hasattr(value, "dtype"):
            array = np.array(value)
            if array.dtype == object:
                raise DtypeError(f"{what} holds Python objects or rows of different lengths")
            if array.size and not np.can_cast(array.dtype, dtype, "same_kind"):
                raise DtypeError(f"{what} is {dtype.name}, but {array.dtype.name} was given")
            return np.ascontiguousarray(array, dtype).reshape(array.shape)
        array = np.asarray(value)
    except (ValueError, RuntimeError, TypeError, OverflowError) as reason:
        if isinstance(reason, DtypeError):
            raise
        raise DtypeError(f"{what} cannot be an array: {reason}") from None
    if array.dtype.newbyteorder("=") != dtype:
        raise DtypeError(
            f"{what} is {dtype.name}, but {array.dtype} was given; convert it with .astype(numpy.{dtype.name})"
        )
    if array.flags.c_contiguous and array.dtype.isnative:
        return array.view(np.ndarray) if type(array) is not np.ndarray else array
    return np.array(array, dtype, order="C", copy=True, subok=False)


def shaped(value: Any, dtype: np.dtype[Any], shape: Sequence[Optional[int]], what: str) -> np.ndarray[Any, Any]:
    """As fitting(), and of a shape in which None stands for any size."""
    array = fitting(value, dtype, what)
    if array.ndim != len(shape) or any(want is not None and want != have for want, have in zip(shape, array.shape)):
        wanted = ", ".join("any" if want is None else str(want) for want in shape)
        raise ShapeError(f"{what} has shape {array.shape}, but [{wanted}] is needed")
    return array


def writable(value: Any, dtype: np.dtype[Any], shape: Sequence[int], what: str) -> np.ndarray[Any, Any]:
    """Returns an array that results can be written to in place."""
    array = imported(value)
    if not isinstance(array, np.ndarray):
        raise DtypeError(f"{what} is an array to write to, not {type(value).__name__}")
    if array.dtype != dtype or not array.dtype.isnative:
        raise DtypeError(f"{what} is {dtype.name}, but {array.dtype} was given")
    if array.shape != tuple(shape):
        raise ShapeError(f"{what} has shape {tuple(shape)}, but {array.shape} was given")
    if not array.flags.c_contiguous or not array.flags.writeable:
        raise ArgumentError(f"{what} must be dense, in C order and writable")
    return array


def describe(tensor: S.Tensor, dtype: int, shape: Sequence[int]) -> None:
    """Writes dtype and shape into a tensor."""
    if len(shape) > S.MAX_RANK:
        raise ShapeError(f"an array has {len(shape)} dimensions; {S.MAX_RANK} is the most")
    tensor.dtype, tensor.rank = dtype, len(shape)
    for axis, size in enumerate(shape):
        tensor.shape[axis] = size


def tensor_of(array: np.ndarray[Any, Any]) -> S.Tensor:
    """Returns a tensor of a dense array, which must be kept alive beside it."""
    tensor = S.Tensor()
    describe(tensor, NUMBER[array.dtype], array.shape)
    tensor.data = address(array)
    tensor.array = array
    return tensor


def shape_of(tensor: Union[S.Tensor, S.ParameterInfo]) -> tuple[int, ...]:
    return tuple(tensor.shape[: tensor.rank])
