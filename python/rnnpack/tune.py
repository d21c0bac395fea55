# SPDX-License-Identifier: Apache-2.0
"""Tuning: measures once what is fastest on a host, and keeps it as records."""
from __future__ import annotations

import os
import time
from ctypes import POINTER, byref, c_char_p, c_size_t, c_void_p, cast, create_string_buffer, sizeof, string_at
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Iterable, Iterator, Optional, Union

from . import _structs as S
from ._handles import Handle
from ._native import lib
from .context import Context, count, text
from .errors import ArgumentError, StateError

if TYPE_CHECKING:
    from .model import Model

__all__ = ["Record", "Records", "State", "tune"]

Path = Union[str, "os.PathLike[str]"]


@dataclass(frozen=True)
class Record:
    """The fastest choice for a shape on a host. ``choice`` is "" if the default was fastest. Times are in seconds."""

    layer: str
    weights: str
    input: int
    hidden: int
    batch: int
    steps: int
    threads: int
    choice: str
    time: float
    default_time: float
    cpu: str

    @property
    def gain(self) -> float:
        """0.1 means a tenth less time than the default."""
        return 1 - self.time / self.default_time if self.default_time else 0.0


class Records:
    """A set of records. Iterating gives each as a :class:`Record`; printing gives the text of the file."""

    def __init__(self, context: Optional[Context] = None, _handle: Optional[Handle] = None) -> None:
        self.context = context or Context.of()
        self.handle = _handle or self.context.make(
            lib.rnnp_records_create, lib.rnnp_records_destroy, self.context.address)
        self.frozen = False  #: a plan uses the set, which must not change

    @classmethod
    def open(cls, path: Union[Path, None] = None, context: Optional[Context] = None) -> "Records":
        """Reads a file of records. None or "default": the first of the usual places that has one, if any."""
        context = context or Context.of()
        if path is None or path == "default":
            return cls(context, context.make(lib.rnnp_records_open_default, lib.rnnp_records_destroy, context.address,
                                             None, None))
        return cls(context, context.make(lib.rnnp_records_open_file, lib.rnnp_records_destroy, context.address,
                                         os.fsencode(path)))

    def within(self, context: Context) -> "Records":
        """Returns a copy for another context, which may change."""
        data = str(self).encode()
        return Records(context, context.make(lib.rnnp_records_open_memory, lib.rnnp_records_destroy, context.address,
                                             b"records", c_char_p(data), len(data)))

    def merge(self, other: "Records") -> None:
        """Adds the records of another set; of two for the same shape and host, the later one stays."""
        self._change()
        self.context.check(lib.rnnp_records_merge(self.handle.address, other.handle.address))

    def save(self, path: Optional[Path] = None) -> str:
        """Merges the set and a file, which both hold the records of both afterwards, and returns the file's name.

        None: this user's own file, which :meth:`open` and the program ``rnnpack`` read.
        """
        self._change()
        if path is None:
            room = create_string_buffer(S.ENUMS["RNNP_RECORDS"]["path"])
            self.context.check(lib.rnnp_records_own_file(self.context.address, None, 1, room))
            name = room.value
        else:
            name = os.fsencode(path)
        wait = S.ENUMS["RNNP_RECORDS"]["wait_ms"]
        self.context.check(lib.rnnp_records_update(self.handle.address, name, wait))
        return os.fsdecode(name)

    def _change(self) -> None:
        if self.frozen:
            raise StateError("a plan uses these records; change a copy: records.within(records.context)")

    def __len__(self) -> int:
        return int(lib.rnnp_records_count(self.handle.address))

    def __iter__(self) -> Iterator[Record]:
        for index in range(len(self)):
            host, record = POINTER(S.RecordHost)(), POINTER(S.Record)()
            self.context.check(lib.rnnp_records_get(self.handle.address, index, byref(host), byref(record)))
            one, key = record.contents, record.contents.key
            sizes = key.input, key.hidden, key.batch, key.steps, key.threads
            yield Record(text(key.layer), text(key.precision), *sizes, text(one.choice), 1e-9 * one.ns,
                         1e-9 * one.default_ns, text(host.contents.vendor))

    def __str__(self) -> str:
        parts: list[bytes] = []

        @S.WriteFn
        def write(_user: Any, data: int, size: int) -> int:
            parts.append(string_at(data, size))
            return 0

        self.context.check(lib.rnnp_records_write(self.handle.address, cast(write, c_void_p), None))
        return b"".join(parts).decode()

    def __repr__(self) -> str:
        return f"<rnnpack.Records, {len(self)} of them>"


@dataclass(frozen=True)
class State:
    """What a progress function is told. ``record_done`` is true once for each shape, when it has been measured."""

    shape: int
    n_shapes: int
    share: float  #: of the time budget that has passed
    gain: float  #: best of this shape so far
    record_done: bool


Progress = Callable[[State], Optional[bool]]


def _sizes(value: Union[int, Iterable[int]], what: str) -> Any:
    sizes = [value] if isinstance(value, int) else list(value)
    if not sizes:
        raise ArgumentError(f"there is no {what}")
    return (c_size_t * len(sizes))(*(count(one, what) for one in sizes))


def tune(model: "Model", batch: Union[int, Iterable[int]], steps: Union[int, Iterable[int]], *, seconds: float,
         threads: int, again: bool, records: Optional[Records], progress: Optional[Progress]) -> Records:
    """Measures a model's layers at every combination of a batch and a number of steps.

    Args:
        seconds: time budget for all shapes together.
        threads: that calls may use; 0: all of the model's context. Streams run on one thread.
        again: measure shapes that have a record, too.
        records: a set to add to; None: a new one.
        progress: told how far it is; tuning ends with what it has if it returns False.

    An exception in ``progress`` ends tuning and is raised.
    """
    context, handle = model.context, model.handle
    if records is not None and (records.context is not context or records.frozen):
        records = records.within(context)
    found = Records(context) if records is None else records
    batches, many_steps = _sizes(batch, "batch"), _sizes(steps, "steps")
    if not 0 < seconds <= 86400:
        raise ArgumentError(f"seconds is {seconds}, which is out of range")
    n = c_size_t()

    def shapes(room: Any, most: int) -> None:
        context.check(lib.rnnp_model_shapes(handle.address, byref(batches), len(batches), byref(many_steps),
                                            len(many_steps), room, most, byref(n)))

    shapes(None, 0)
    room = (S.Shape * max(n.value, 1))()
    room[0].struct_size = sizeof(S.Shape)
    shapes(byref(room), n.value)
    failures: list[BaseException] = []

    @S.TuneFn
    def tell(_user: Any, state: Any) -> int:
        if progress is None:
            return 0
        try:
            now = state.contents
            go_on = progress(State(now.shape, now.n_shapes, now.share, now.gain, bool(now.record)))
            return int(go_on is not None and not go_on)
        except BaseException as failure:  # an exception cannot pass through the library
            failures.append(failure)
            return 1

    options = S.TuneOptions(seconds=seconds, threads=count(threads, "threads"), now=int(time.time()),
                            again=bool(again), progress=tell)
    context.check(lib.rnnp_tune(context.address, byref(room), n.value, byref(options), found.handle.address))
    if failures:
        raise failures[0]
    return found
