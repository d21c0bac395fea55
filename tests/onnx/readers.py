# SPDX-License-Identifier: Apache-2.0
"""readers.py RNNPACK CASES LIBRARY_FOLDER: what rnnpack writes, others read.

Every case is converted by the rnnpack program; the converted file must pass the ONNX project's checker and, where ONNX
Runtime's shared library is below LIBRARY_FOLDER (script/bench peers puts it there), give the case's outputs there.
"""
import ctypes
import pathlib
import platform
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import onnx
    from onnx import numpy_helper
except ImportError as missing:
    print(f"skipped: {missing.name} is not installed (Debian: python3-onnx)")
    sys.exit(77)

RELATIVE = ABSOLUTE = 1e-4        # ONNX Runtime computes tanh and sigmoid in its own way


class OnnxRuntime:
    """As much of the C API as running a model takes; a function is known by its place in the API's table."""

    PLACES = {"message": 2, "environment": 3, "session": 7, "run": 9, "options": 10, "wrap": 49, "data": 51,
              "count": 64, "type": 65, "memory": 69}
    TYPES = {"float32": 1, "uint8": 2, "int32": 6, "int64": 7, "bool": 9, "float64": 11}

    class Base(ctypes.Structure):
        _fields_ = [("get", ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_uint32)),
                    ("version", ctypes.CFUNCTYPE(ctypes.c_char_p))]

    def __init__(self, path):
        library = ctypes.CDLL(str(path))
        library.OrtGetApiBase.restype = ctypes.POINTER(self.Base)
        base = library.OrtGetApiBase().contents
        self.version = base.version().decode()
        self.table = ctypes.cast(base.get(11), ctypes.POINTER(ctypes.c_void_p))
        self.environment = self.make("environment", ctypes.c_int(4), b"rnnpack")
        self.options = self.make("options")
        self.memory = self.make("memory", ctypes.c_int(0), ctypes.c_int(0))

    def call(self, name, *arguments):
        function = ctypes.CFUNCTYPE(ctypes.c_void_p)(self.table[self.PLACES[name]])
        function.argtypes = None
        status = function(*arguments)
        if status:
            message = ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.c_void_p)(self.table[self.PLACES["message"]])
            raise RuntimeError(message(status).decode())

    def make(self, name, *arguments):
        made = ctypes.c_void_p()
        self.call(name, *arguments, ctypes.byref(made))
        return made

    def wrap(self, array):
        shape = (ctypes.c_int64 * array.ndim)(*array.shape)
        return self.make("wrap", self.memory, ctypes.c_void_p(array.ctypes.data), ctypes.c_size_t(array.nbytes), shape,
                         ctypes.c_size_t(array.ndim), ctypes.c_int(self.TYPES[array.dtype.name]))

    def run(self, path, inputs, outputs):
        """Inputs by name; outputs: names to arrays of the shape and, but for f64, the type expected."""
        def names(of):
            return (ctypes.c_char_p * len(of))(*[name.encode() for name in of])

        session = self.make("session", self.environment, str(path).encode(), self.options)
        arrays = [np.ascontiguousarray(array) for array in inputs.values()]
        values = (ctypes.c_void_p * len(inputs))(*[self.wrap(array).value for array in arrays])
        results = (ctypes.c_void_p * len(outputs))()
        self.call("run", session, None, names(inputs), values, ctypes.c_size_t(len(inputs)), names(outputs),
                  ctypes.c_size_t(len(outputs)), results)
        return {name: self.read(result, expected) for result, (name, expected) in zip(results, outputs.items())}

    def read(self, value, expected):
        dtype = np.dtype(np.float32) if expected.dtype == np.float64 else expected.dtype
        kind, count = self.make("type", ctypes.c_void_p(value)), ctypes.c_size_t()
        self.call("count", kind, ctypes.byref(count))
        if count.value != expected.size:
            raise RuntimeError(f"{count.value} elements where {expected.size} are expected")
        data = self.make("data", ctypes.c_void_p(value)).value
        raw = ctypes.string_at(data, dtype.itemsize * count.value) if count.value else b""
        return np.frombuffer(raw, dtype).reshape(expected.shape)


def tensors_of(path):
    graph = onnx.GraphProto()
    graph.ParseFromString(path.read_bytes())
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    return ({name[3:]: a for name, a in arrays.items() if name.startswith("in:")},
            {name[4:]: a for name, a in arrays.items() if name.startswith("out:")})


def compare(got, expected):
    for name, want in expected.items():
        if not np.allclose(got[name], want, rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True):
            raise RuntimeError(f"output {name} is off by {np.max(np.abs(got[name] - want))}")


def check(path, _):
    """The ONNX project's checker; Debian's knows opsets up to 17."""
    onnx.checker.check_model(onnx.load(str(path)))


def reader_of(runtime):
    def run(path, case):
        inputs, expected = tensors_of(case.with_suffix(".pb"))
        inputs = {port.name: inputs[port.name] for port in onnx.load(str(path)).graph.input if port.name in inputs}
        compare(runtime.run(path, inputs, expected), expected)

    return run


def try_reader(read, path, converted):
    """None, or why the reader does not take the case as it was either, which is no fault of what was written."""
    try:
        read(converted, path)
    except (RuntimeError, onnx.checker.ValidationError) as fault:
        try:
            read(path, path)
        except (RuntimeError, onnx.checker.ValidationError) as said:
            return str(said).splitlines()[0][:150]
        raise RuntimeError(fault) from fault
    return None


def onnx_runtime_below(folder):
    """Its library, or None."""
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), "none")
    return next(iter(sorted(folder.glob(f"**/linux/{machine}/libonnxruntime.so*"))), None)


def main():
    rnnpack, cases, libraries = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    library = onnx_runtime_below(libraries)
    readers = {f"onnx {onnx.__version__}": check}
    if library:
        runtime = OnnxRuntime(library)
        readers[f"ONNX Runtime {runtime.version}"] = reader_of(runtime)
    models, read, failures = sorted(cases.glob("*/*.onnx")), dict.fromkeys(readers, 0), 0
    with tempfile.TemporaryDirectory() as folder:
        converted = pathlib.Path(folder) / "model.onnx"
        for path in models:
            subprocess.run([rnnpack, "convert", path, "-o", converted], check=True, stdout=subprocess.PIPE)
            for name, reader in readers.items():
                try:
                    refused = try_reader(reader, path, converted)
                    read[name] += refused is None
                    if refused:
                        print(f"{path.name}: {name} does not take it, written by us or not: {refused}")
                except RuntimeError as error:
                    print(f"FAILED {path.name}: {name}: {error}")
                    failures += 1
    for name, count in read.items():
        print(f"{name} read {count} of {len(models)} models")
    if not library:
        print("skipped: ONNX Runtime's library is not here (script/bench peers installs it)")
    return 1 if failures or min(read.values()) < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
