# SPDX-License-Identifier: Apache-2.0
"""Models: loaded from ONNX or packed files, built, trained or quantised; immutable, and shared by threads."""
from __future__ import annotations

import os
import threading
from ctypes import byref, c_char_p, c_void_p, cast, pointer, string_at
from typing import TYPE_CHECKING, Any, Iterable, Iterator, Mapping, Optional, Union

import numpy as np

from . import _native, arrays
from . import _structs as S
from ._handles import Closable, Handle
from ._native import lib
from .context import Context, count, text
from .errors import ArgumentError, DtypeError, StateError, UnsupportedError
from .plan import Plan
from .ports import Names, Port, Result, ports

if TYPE_CHECKING:
    from .attribution import Attribution
    from .look import Bench, Inspection
    from .quantize import Quantized
    from .stream import Stream
    from .tune import Progress, Records

__all__ = ["Model", "load"]

PACKED_MAGIC = b"\x89RNP\r\n\x1a\n"
Path = Union[str, "os.PathLike[str]"]


def onnx_library() -> Any:
    if _native.onnx is None:
        raise UnsupportedError(f"librnnpack-onnx was not found: {_native.onnx_missing}")
    return _native.onnx


def packed_memory(data: Any) -> Any:
    """Copies bytes to an address that is a multiple of 64, where a packed model uses them in place."""
    raw = np.frombuffer(data, np.uint8)
    room = np.empty(raw.size + 64, np.uint8)
    start = -room.ctypes.data % 64
    held = room[start : start + raw.size]
    held[...] = raw
    return held


class Metadata(Mapping[str, str]):
    """Texts that travel with a model: in its files, and into what is made of it. Nothing is computed from them.

    A dict of its own, but for ``del``. No other thread may use the model while an entry is set.
    """

    def __init__(self, model: Model) -> None:
        self._model = model

    def __getitem__(self, key: str) -> str:
        value = lib.rnnp_model_metadata_find(self._model.handle.address, key.encode())
        if value is None:
            raise KeyError(key)
        return text(value)

    def __setitem__(self, key: str, value: str) -> None:
        if "\0" in key or "\0" in value:
            raise ArgumentError("metadata have no zero byte")
        handle = self._model.handle
        self._model.context.check(lib.rnnp_model_set_metadata(handle.address, key.encode(), value.encode()))

    def __iter__(self) -> Iterator[str]:
        key = c_char_p()
        for index in range(len(self)):
            lib.rnnp_model_metadata_get(self._model.handle.address, index, byref(key), None)
            yield text(key.value)

    def __len__(self) -> int:
        return int(lib.rnnp_model_metadata_count(self._model.handle.address))

    def __repr__(self) -> str:
        return f"<rnnpack.Metadata {dict(self)}>"


class Model(Closable):
    """A closed model. ``inputs`` and ``outputs`` are its ports, ``parameters`` how many numbers it has learned.

    Made by :func:`load`, :class:`Builder`, :func:`train` or :meth:`quantize`. Any number of threads may use it.
    """

    def __init__(self, context: Context, handle: Handle) -> None:
        self.context = context
        self._handle: Optional[Handle] = handle
        self.inputs: tuple[Port, ...] = ports(lib.rnnp_model_input_count, lib.rnnp_model_input_info, handle.address)
        self.outputs: tuple[Port, ...] = ports(lib.rnnp_model_output_count, lib.rnnp_model_output_info, handle.address)
        self.parameters: int = lib.rnnp_model_constant_elements(handle.address)
        self._names = Names(self.inputs, self.outputs)
        self._default: Optional[Plan] = None
        self._lock = threading.Lock()

    # ---- Life ----

    @property
    def handle(self) -> Handle:
        if self._handle is None:
            raise StateError("this model is closed")
        return self._handle

    def close(self) -> None:
        """Gives the model's memory back, once no plan and no stream of it is left. Closing twice is allowed."""
        self._handle, self._default = None, None

    @property
    def metadata(self) -> Metadata:
        """Texts that travel with the model, as a dict that can be changed."""
        return Metadata(self)

    def __repr__(self) -> str:
        if self._handle is None:
            return "<rnnpack.Model, closed>"
        return f"<rnnpack.Model ({', '.join(map(str, self.inputs))}) -> ({', '.join(map(str, self.outputs))})>"

    def __reduce__(self) -> tuple[Any, ...]:
        threads = 0 if self.context.threads == S.ALL_CPUS else self.context.threads
        return _restored, (self.to_bytes("rnnp"), threads, self.context.isa)

    # ---- Running ----

    def __call__(self, *inputs: Any, out: Any = None, **named: Any) -> Result:
        """Runs the model once.

        Args:
            inputs: the inputs in the model's order, or one tuple or dict of them. An array must have the input's
                dtype; one that is dense and in C order is used without a copy. Arrays of other libraries come by
                DLPack.
            out: an array, or a tuple or dict of them, to write the outputs to; None in a tuple makes a new one.
            named: inputs by name.

        Returns:
            One output as an array, several as a tuple, or as a dict if the inputs came by name.
        """
        plan = self._default or self._default_plan()
        return plan(*inputs, out=out, **named)

    def attribute(self, x: Any, *, method: str = "integrated", target: Any = None, score: str = "output",
                  baseline: Any = None, output: Union[str, int] = 0, batch: str = "batch", points: int = 0,
                  most_points: int = 0, tolerance: float = 0.01, window: int = 0, time_axis: Optional[int] = None,
                  math: str = "u35") -> Attribution:
        """Attributes a score of each row to the numbers of its inputs (docs/howto/explain.md).

        Args:
            x: the inputs, as for a call of the model; a tuple or dict for several. Attributed are those that are f32
                and have the dimension ``batch``.
            method: "integrated" (integrated gradients), "gradient" (gradient times input) or "occlusion".
            target: an element of the output's row, or one for each row; None: the largest of each row.
            score: "output", "logit" or "probability".
            baseline: a number, an array of one row or of as many as x, or a dict of these by input; None: zeros.
            output: the name or index of the output.
            batch: the name of the dimension that is the batch.
            points, most_points, tolerance, window, time_axis, math: see attribute.h. time_axis counts from 0.

        A row whose attributions do not sum up to the difference of the scores is not ``complete``: look at it before
        you believe them.
        """
        from .attribution import attribute

        return attribute(self, x, method=method, target=target, score=score, baseline=baseline, output=output,
                         batch=batch, points=points, most_points=most_points, tolerance=tolerance, window=window,
                         time_axis=time_axis, math=math)

    def _default_plan(self) -> Plan:
        with self._lock:
            handle = self.handle
            if self._default is None:
                self._default = self._plan(self.context, handle)
            return self._default

    @staticmethod
    def _arguments(**given: Any) -> dict[str, Any]:
        defaults = {"math": "u35", "threads": 0, "records": None, "flush_denormals": False, "effort": "cached",
                    "batch": 0, "steps": 0, "max_iterations": 0}
        return {**defaults, **given}

    def _plan(self, context: Context, handle: Handle, **given: Any) -> Plan:
        return Plan(context, handle, self._names, **self._arguments(**given))

    def plan(self, *, threads: Optional[int] = None, isa: Optional[str] = None, math: str = "u35",
             records: "Union[Records, Path, None]" = None, flush_denormals: bool = False, effort: str = "cached",
             batch: int = 0, steps: int = 0, max_iterations: int = 0) -> Plan:
        """Prepares the model: chooses kernels and packs weights. The bits of its outputs depend on ``math`` alone.

        Args:
            threads: how many threads a call may use; 0: one per CPU. None: as the model was loaded.
            isa: highest instruction set ("avx2"). None: as the model was loaded.
            math: accuracy of tanh, sigmoid, exp and log: "u35", "u10" or "fast".
            records: what :meth:`tune` found, or a file of records; "default" reads the first of the usual files.
            flush_denormals: flush denormals to zero, which changes bits.
            effort: "cached" uses records and the table that ships with the library; "none" uses rules alone.
            batch, steps: what will mostly be run, which decides how weights are packed; 0: unknown.
            max_iterations: of a loop; 0: 2**20.
        """
        from .tune import Records

        context, handle = self.context, self.handle
        if (threads is not None and (count(threads, "threads") or S.ALL_CPUS) != context.threads) or (
                isa is not None and isa != context.isa):
            other = context.threads if threads is None else threads
            context = Context.of(0 if other == S.ALL_CPUS else other, context.isa if isa is None else isa)
            handle = self._copy(context)
        if records is not None and (not isinstance(records, Records) or records.context is not context):
            records = records.within(context) if isinstance(records, Records) else Records.open(records, context)
        return self._plan(context, handle, math=math, records=records, flush_denormals=flush_denormals, effort=effort,
                          batch=batch, steps=steps, max_iterations=max_iterations)

    def _copy(self, context: Context) -> Handle:
        """Makes a copy of the model for another context, which its handle alone keeps."""
        held = packed_memory(self.to_bytes("rnnp"))
        return context.make(lib.rnnp_packed_open_memory, lib.rnnp_model_destroy, context.address,
                            arrays.address(held), held.size, None, keep=held)

    def stream(self, batch: int = 1, steps: int = 0, *, time_axis: Optional[int] = None, carried: Any = None,
               ) -> "Stream":
        """Makes a stream: the model stepped through time, with the same bits as a run over the whole sequence.

        Args:
            batch: channels that step together.
            steps: time steps per call; 0: as few as the model allows, which is 1 unless it has strides.
            time_axis: the axis of the first input that is time; None: found from the graph.
            carried: pairs (input, output) that are one state; "auto" takes those whose names tell.
        """
        return (self._default or self._default_plan()).stream(batch, steps, time_axis=time_axis, carried=carried)

    # ---- Measuring, tuning, quantising ----

    def bench(self, batch: int = 1, steps: int = 100, seconds: float = 1.0, data: Any = None) -> "Bench":
        """Measures a call on pseudo-random inputs of this batch and number of steps, or on ``data``."""
        return (self._default or self._default_plan()).bench(batch, steps, seconds, data)

    def inspect(self) -> "Inspection":
        """Describes the graph: ports, nodes, parameters, memory, and the kernel of each node. Print it."""
        from .look import inspect

        return inspect(self)

    def tune(self, batch: Union[int, Iterable[int]] = 1, steps: Union[int, Iterable[int]] = 100, *,
             seconds: float = 10.0, threads: int = 0, again: bool = False, records: "Optional[Records]" = None,
             progress: "Optional[Progress]" = None) -> "Records":
        """Measures which kernels and schedules are fastest here, and uses them in calls and new streams of this model.

        Speed changes, and bits never do. See :func:`rnnpack.tune.tune` for the arguments.
        """
        from .tune import tune

        found = tune(self, batch, steps, seconds=seconds, threads=threads, again=again, records=records,
                     progress=progress)
        plan = self.plan(records=found)
        with self._lock:
            self._default = plan
        return found

    def quantize(self, weights: str = "s8", *, data: Any = None, rules: Optional[Mapping[str, str]] = None,
                 saturate: bool = False) -> "Quantized":
        """Makes a copy with weights in "s8", "f16" or "bf16"; see :class:`rnnpack.quantize.Quantized`.

        Args:
            weights: the format of layers for which there is no rule.
            data: inputs, as for a call, to measure how far the outputs move.
            rules: formats by patterns of fnmatch for names of layers or weights; "f32" keeps a layer as it is.
            saturate: clamp weights beyond 65504 in "f16", which are otherwise refused.
        """
        from .quantize import quantize

        return quantize(self, weights, data=data, rules=rules or {}, saturate=saturate)

    # ---- Files ----

    def save(self, path: Path) -> None:
        """Writes the model: ``.onnx`` as ONNX, ``.rnnp`` as a packed file that is mapped into memory.

        The file is replaced as a whole: whatever happens, it is the old one or the complete new one.
        """
        name = os.fsencode(path)
        if name.endswith(b".onnx"):
            self.context.check(onnx_library().rnnp_onnx_write_file(self.handle.address, name))
        elif name.endswith(b".rnnp"):
            self.context.check(lib.rnnp_packed_write_file(self.handle.address, None, name))
        else:
            raise ArgumentError(f"{os.fsdecode(name)}: the name must end in .onnx or .rnnp")

    def to_bytes(self, format: str = "onnx") -> bytes:
        """Returns the bytes of the file that :meth:`save` would write: "onnx" or "rnnp"."""
        parts: list[bytes] = []

        @S.WriteFn
        def write(_user: Any, data: int, size: int) -> int:
            try:
                parts.append(string_at(data, size))
                return 0
            except BaseException:  # an exception cannot pass through the library
                return 1

        if format == "onnx":
            self.context.check(onnx_library().rnnp_onnx_write(self.handle.address, cast(write, c_void_p), None))
        elif format == "rnnp":
            self.context.check(lib.rnnp_packed_write(self.handle.address, None, cast(write, c_void_p), None))
        else:
            raise ArgumentError(f"{format!r} is not one of onnx, rnnp")
        return b"".join(parts)


def _restored(data: bytes, threads: int, isa: Optional[str]) -> Model:
    return load(data, threads=threads, isa=isa)


def load(source: Any, *, threads: int = 1, isa: Optional[str] = None, bind: Optional[Mapping[str, Any]] = None,
         outputs: Optional[Iterable[str]] = None, f64_as_f32: bool = False, max_bytes: int = 0, max_work: int = 0,
         max_nodes: int = 0, compare_packed: bool = False, directory: Optional[Path] = None) -> Model:
    """Opens an ONNX or packed file.

    Args:
        source: a path, or the file's bytes.
        threads: of calls; 0: one per CPU that the process may use.
        isa: highest instruction set to use; None: the highest there is.
        bind: inputs that become constants, by name: an array, or a number for an input of one element.
        outputs: the names of the only outputs that are wanted.
        f64_as_f32: compute in f32 what the file computes in f64.
        max_bytes, max_work, max_nodes: what opening may cost, for files that are not trusted; 0: as the file's size
            suggests.
        compare_packed: packed files: check packed weights against the original ones.
        directory: of the external data of an ONNX file that is given as bytes.

    Raises:
        FileError: the file cannot be read.
        FormatError: it is damaged or of another kind.
        UnsupportedError: it has an operator or an attribute that the library does not know.
        LimitError: it asks for more than the limits allow.
    """
    context = Context.of(threads, isa)
    options = S.LoadOptions(
        max_bytes=count(max_bytes, "max_bytes"), max_work=count(max_work, "max_work"),
        max_nodes=count(max_nodes, "max_nodes"), compare_packed=bool(compare_packed), f64_as_f32=bool(f64_as_f32),
        directory=None if directory is None else os.fsencode(directory),
    )
    bound, _kept = _bound(bind or {})
    if bind:
        options.bound, options.n_bound = bound, len(bound)
    if outputs is not None:
        names = [outputs.encode()] if isinstance(outputs, str) else [name.encode() for name in outputs]
        options.outputs, options.n_outputs = (c_char_p * max(len(names), 1))(*names), len(names)
    destroy = lib.rnnp_model_destroy
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
        if data.startswith(PACKED_MAGIC):
            held = packed_memory(data)
            return Model(context, context.make(lib.rnnp_packed_open_memory, destroy, context.address,
                                               arrays.address(held), held.size, byref(options), keep=held))
        return Model(context, context.make(onnx_library().rnnp_onnx_open_memory, destroy, context.address,
                                           c_char_p(data), len(data), byref(options)))
    try:
        path = os.fsencode(source)
    except TypeError:
        raise ArgumentError(f"a model is a path or bytes, not {type(source).__name__}") from None
    if b"\0" in path:
        raise ArgumentError("a path has no zero byte")
    open_file = lib.rnnp_packed_open_file
    if not lib.rnnp_packed_is_file(path):
        open_file = onnx_library().rnnp_onnx_open_file
    return Model(context, context.make(open_file, destroy, context.address, path, byref(options)))


def _bound(bind: Mapping[str, Any]) -> tuple[Any, list[S.Tensor]]:
    """Returns the library's form of inputs that become constants, and what must be kept alive beside it."""
    many = (S.BoundInput * max(len(bind), 1))()
    kept = []
    for one, (name, value) in zip(many, bind.items()):
        one.name = name.encode()
        if isinstance(value, (bool, int, float)):
            one.number = float(value)
            continue
        array = np.asarray(arrays.imported(value))
        dtype = array.dtype.newbyteorder("=")
        if dtype not in arrays.NUMBER:
            raise DtypeError(f"{name!r} is {array.dtype}, which no input is")
        kept.append(arrays.tensor_of(arrays.fitting(array, dtype, repr(name))))
        one.tensor = pointer(kept[-1])
    return many, kept
