# SPDX-License-Identifier: Apache-2.0
"""Exceptions: one for each status of the library, with its sentence.

Each is an :class:`Error`, and also the built-in exception that Python programs would expect for it.
"""
from __future__ import annotations

__all__ = [
    "Error", "ArgumentError", "ShapeError", "DtypeError", "OutOfMemoryError", "UnsupportedError", "FormatError",
    "FileError", "StateError", "LimitError",
]


class Error(Exception):
    """Any failure of the library or its binding; ``status`` is the library's number."""

    status = 0


class ArgumentError(Error, ValueError):
    """A number out of range, an unknown name, or a wrong number of arguments."""

    status = -1


class ShapeError(Error, ValueError):
    """Dimensions that do not match each other or the model."""

    status = -2


class DtypeError(Error, TypeError):
    """A dtype that does not match."""

    status = -3


class OutOfMemoryError(Error, MemoryError):
    """There is not enough memory."""

    status = -4


class UnsupportedError(Error, NotImplementedError):
    """Valid, but this version cannot do it."""

    status = -5


class FormatError(Error, ValueError):
    """A file that is damaged or of another kind."""

    status = -6


class FileError(Error, OSError):
    """The operating system refused; the sentence quotes its reason."""

    status = -7


class StateError(Error, RuntimeError):
    """A valid call at the wrong time, such as using a closed model."""

    status = -8


class LimitError(Error, ValueError):
    """A file asks for more than the limits of loading allow."""

    status = -9


BY_STATUS: dict[int, type[Error]] = {kind.status: kind for kind in Error.__subclasses__()}
