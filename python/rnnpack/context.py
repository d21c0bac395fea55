# SPDX-License-Identifier: Apache-2.0
"""Contexts: an instruction set and a team of threads, shared by all models that ask for the same."""
from __future__ import annotations

import logging
import threading
import weakref
from ctypes import byref, c_void_p
from dataclasses import dataclass
from typing import Any, NoReturn, Optional

from . import _structs as S
from ._handles import Handle
from ._native import lib
from .errors import BY_STATUS, ArgumentError, Error

__all__ = ["Context", "Info", "info"]

logger = logging.getLogger("rnnpack")
logger.addHandler(logging.NullHandler())


def text(value: Optional[bytes]) -> str:
    """Returns a C string as str; NULL is "". Names from files need not be UTF-8."""
    return (value or b"").decode("utf-8", "backslashreplace")


def constant(enum: str, name: str) -> int:
    """Returns the number of an enum's constant, or says which names there are."""
    try:
        return S.ENUMS[enum][name]
    except (KeyError, TypeError):
        known = ", ".join(S.ENUMS[enum])
        raise ArgumentError(f"{name!r} is not one of {known}") from None


def count(value: Any, what: str) -> int:
    """Returns a size as int: whole, not negative, and within size_t."""
    try:
        number = int(value.__index__())
    except AttributeError:
        raise ArgumentError(f"{what} is a whole number, not {value!r}") from None
    if not 0 <= number < 1 << 63:
        raise ArgumentError(f"{what} is {number}, which is out of range")
    return number


@S.LogFn
def _log(_user: Any, level: int, message: bytes) -> None:
    logger.log(logging.WARNING if level else logging.INFO, "%s", text(message))


class Context:
    """The instruction set and the threads that models run on. Models of equal contexts share one."""

    _known: "weakref.WeakValueDictionary[tuple[int, Optional[str]], Context]" = weakref.WeakValueDictionary()
    _lock = threading.Lock()

    def __init__(self, threads: int = 1, isa: Optional[str] = None) -> None:
        self.threads, self.isa = threads, isa
        heard: list[str] = []

        @S.LogFn
        def hear(_user: Any, _level: int, message: bytes) -> None:
            heard.append(text(message))

        options = S.ContextOptions(threads=threads, max_isa=None if isa is None else isa.encode(), log=_log)
        out = c_void_p()
        status = lib.rnnp_context_create(byref(options), byref(out))
        if status:  # without a context there is no sentence but in the log
            options.log = hear
            lib.rnnp_context_create(byref(options), byref(out))
            raise BY_STATUS.get(status, Error)(heard[-1] if heard else text(lib.rnnp_status_string(status)))
        assert out.value is not None
        self.handle = Handle(out.value, lib.rnnp_context_destroy, keep=_log)

    @classmethod
    def of(cls, threads: int = 1, isa: Optional[str] = None) -> "Context":
        """Returns the context of so many threads (0: one per CPU that the process may use) under a cap."""
        threads = count(threads, "threads") or S.ALL_CPUS
        if isa is not None and not isinstance(isa, str):
            raise ArgumentError(f"isa is a name such as 'avx2', not {isa!r}")
        with cls._lock:
            found = cls._known.get((threads, isa))
            if found is None:
                found = cls._known[threads, isa] = cls(threads, isa)
            return found

    @property
    def address(self) -> int:
        return self.handle.address

    def fail(self, status: int) -> NoReturn:
        """Raises the exception of a status with this thread's sentence."""
        sentence = text(lib.rnnp_last_error(self.handle.address)) or text(lib.rnnp_status_string(status))
        raise BY_STATUS.get(status, Error)(sentence)

    def check(self, status: int) -> None:
        if status:
            self.fail(status)

    def make(self, function: Any, destroy: Any, *arguments: Any, parents: tuple[Handle, ...] = (), keep: Any = None,
             ) -> Handle:
        """Calls a function whose last argument receives an object, and returns its handle."""
        out = c_void_p()
        status = function(*arguments, byref(out))
        if status:
            self.fail(status)
        assert out.value is not None
        return Handle(out.value, destroy, self.handle, *parents, keep=keep)

    def info(self) -> "Info":
        host = S.HostInfo()
        self.check(lib.rnnp_context_host(self.address, byref(host)))
        names = [text(lib.rnnp_feature_name(i)) for i in range(lib.rnnp_feature_count())]
        return Info(
            version=text(lib.rnnp_version()), cpu=text(host.brand), isa=text(host.isa), reason=text(host.isa_reason),
            isas=tuple(text(lib.rnnp_isa_name(i)) for i in range(lib.rnnp_isa_count())),
            features=tuple(name for i, name in enumerate(names) if host.features >> i & 1),
            cores=host.cores, cpus=host.cpus, budget=host.budget, threads=host.threads,
            l1d_bytes=host.l1d_bytes, l2_bytes=host.l2_bytes, l3_bytes=host.l3_bytes,
        )


@dataclass(frozen=True)
class Info:
    """What :func:`info` tells: the library, the CPU, and what is used of it."""

    version: str
    cpu: str
    isa: str  #: highest instruction set in use
    reason: str  #: why
    isas: tuple[str, ...]  #: all that have kernels, on any architecture
    features: tuple[str, ...]  #: of the CPU
    cores: int
    cpus: int
    budget: int  #: CPUs that this process may use
    threads: int
    l1d_bytes: int
    l2_bytes: int
    l3_bytes: int

    def __str__(self) -> str:
        rows = {
            "rnnpack": self.version, "cpu": self.cpu or "unknown", "isa": f"{self.isa} ({self.reason})",
            "cores": f"{self.cores}, {self.cpus} logical CPUs, {self.budget} for this process",
            "caches": f"L1d {self.l1d_bytes >> 10} KiB, L2 {self.l2_bytes >> 10} KiB, L3 {self.l3_bytes >> 10} KiB",
        }
        return "\n".join(f"{name:8} {value}" for name, value in rows.items())


def info(threads: int = 1, isa: Optional[str] = None) -> Info:
    """Describes the library, this CPU, and what a context with so many threads under a cap uses of it."""
    return Context.of(threads, isa).info()
