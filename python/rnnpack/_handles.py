# SPDX-License-Identifier: Apache-2.0
"""Ownership of native objects.

The library wants an object destroyed before what it was made from. Python's collector finalizes the objects of a
cycle in any order, so a handle counts who needs it: its Python object, and every handle made from it.
"""
from __future__ import annotations

from typing import Any, Callable, TypeVar

Owner = TypeVar("Owner", bound="Closable")


class Handle:
    """A native object. It is destroyed when neither Python nor an object that was made from it needs it.

    ``keep`` holds Python objects whose memory the native object reads.
    """

    __slots__ = ("address", "keep", "_destroy", "_parents", "_needs", "_once")

    def __init__(self, address: int, destroy: Callable[[int], Any], *parents: "Handle", keep: Any = None) -> None:
        self.address, self.keep = address, keep
        self._destroy, self._parents = destroy, parents
        # Appending to a list and popping from it are atomic, also without the interpreter's lock. A lock of ours would
        # not do: a collection may run finalizers on this thread at any time.
        self._needs, self._once = [None], [address]
        for parent in parents:
            parent._needs.append(None)

    def _release(self) -> None:
        self._needs.pop()
        if self._needs:
            return
        try:
            address = self._once.pop()
        except IndexError:
            return
        self._destroy(address)
        for parent in self._parents:
            parent._release()

    def __del__(self) -> None:
        self._release()


class Closable:
    """What owns a native object, and gives it back at the end of a ``with`` block."""

    __slots__ = ()

    def close(self) -> None:
        raise NotImplementedError

    def __enter__(self: Owner) -> Owner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
