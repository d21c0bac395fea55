# SPDX-License-Identifier: Apache-2.0
"""The public structs and enums of include/rnnpack/*.h.

python/tests/test_abi.py compiles a program against the headers and compares every size, offset and constant.
"""
from __future__ import annotations

from ctypes import (
    CFUNCTYPE, POINTER, Structure, c_char, c_char_p, c_double, c_float, c_int, c_int32, c_int64, c_size_t, c_uint32,
    c_uint64, c_void_p, sizeof,
)
from typing import Any

MAX_RANK = 8
DYNAMIC = -1
ALL_CPUS = c_size_t(-1).value

# Constants by their lower-case ends: ENUMS["RNNP_MATH"]["u35"] is RNNP_MATH_U35.
ENUMS: dict[str, dict[str, int]] = {
    "RNNP_MATH": {"u35": 0, "u10": 1, "fast": 2},
    "RNNP_DTYPE": {"f32": 1, "i32": 2, "i64": 3, "bool": 4, "u8": 5, "f64": 6, "f16": 7, "bf16": 8, "i8": 9},
    "RNNP_ATTR": {"int": 1, "float": 2, "string": 3, "ints": 4, "floats": 5, "strings": 6, "tensor": 7},
    "RNNP_WEIGHTS": {"f32": 0, "f16": 1, "bf16": 2, "s8": 3},
    "RNNP_WEIGHTS_PLACE": {"none": 0, "plan": 1, "file": 2},
    "RNNP_EFFORT": {"cached": 0, "none": 1},
    "RNNP_CELL": {"rnn": 1, "lstm": 2, "gru": 3},
    "RNNP_DIRECTION": {"forward": 0, "reverse": 1, "bidirectional": 2},
    "RNNP_ORDER": {"onnx": 0, "pytorch": 1, "keras": 2},
    "RNNP_GRU_RESET": {"after": 0, "before": 1},
    "RNNP_POOL": {"mean": 0, "max": 1, "sum": 2, "last": 3},
    "RNNP_LOSS": {"sparse": 0, "mse": 1, "binary": 2, "cross": 3, "mae": 4, "huber": 5},
    "RNNP_OPTIMIZER": {"sgd": 1, "rmsprop": 2, "adam": 3, "adamw": 4},
    "RNNP_SCHEDULE": {"constant": 0, "step": 1, "exponential": 2, "cosine": 3, "plateau": 4},
    "RNNP_ATTRIBUTION": {"integrated": 0, "gradient": 1, "occlusion": 2},
    "RNNP_SCORE": {"output": 0, "logit": 1, "probability": 2},
    "RNNP_LOG": {"info": 0, "warning": 1},
    "RNNP_RECORDS": {"path": 4096, "wait_ms": 10000},
}


class Sized(Structure):
    """A struct that begins with struct_size: set, and all other members 0 unless given."""

    def __init__(self, **members: Any) -> None:
        super().__init__(sizeof(type(self)), **members)


class Tensor(Structure):
    _fields_ = [("dtype", c_int), ("rank", c_size_t), ("shape", c_int64 * MAX_RANK), ("data", c_void_p)]


# Any: mypy takes what they decorate for untyped otherwise.
LogFn: Any = CFUNCTYPE(None, c_void_p, c_int, c_char_p)
WriteFn: Any = CFUNCTYPE(c_int, c_void_p, c_void_p, c_size_t)


class Allocator(Structure):
    _fields_ = [("user", c_void_p), ("alloc", c_void_p), ("free", c_void_p)]


class Parallel(Structure):
    _fields_ = [("user", c_void_p), ("threads", c_size_t), ("run", c_void_p)]


class ContextOptions(Sized):
    _fields_ = [
        ("struct_size", c_size_t), ("allocator", Allocator), ("parallel", Parallel), ("threads", c_size_t),
        ("max_isa", c_char_p), ("log", LogFn), ("log_user", c_void_p),
    ]


class HostInfo(Sized):
    _fields_ = [
        ("struct_size", c_size_t), ("vendor", c_char * 16), ("brand", c_char * 64), ("family", c_uint32),
        ("model", c_uint32), ("stepping", c_uint32), ("features", c_uint64), ("l1d_bytes", c_size_t),
        ("l2_bytes", c_size_t), ("l3_bytes", c_size_t), ("line_bytes", c_size_t), ("l2_sharers", c_size_t),
        ("l3_sharers", c_size_t), ("cores", c_size_t), ("cpus", c_size_t), ("budget", c_size_t), ("isa", c_char_p),
        ("isa_reason", c_char_p), ("topology", c_char_p), ("threads", c_size_t),
    ]


class PortInfo(Sized):
    _fields_ = [
        ("struct_size", c_size_t), ("name", c_char_p), ("dtype", c_int), ("rank", c_size_t),
        ("shape", c_int64 * MAX_RANK), ("symbol", c_char_p * MAX_RANK),
    ]


class Attr(Structure):
    _fields_ = [
        ("name", c_char_p), ("kind", c_int), ("count", c_size_t), ("i", c_int64), ("f", c_float), ("s", c_char_p),
        ("ints", POINTER(c_int64)), ("floats", POINTER(c_float)), ("strings", POINTER(c_char_p)),
        ("tensor", POINTER(Tensor)),
    ]


class BoundInput(Structure):
    _fields_ = [("name", c_char_p), ("tensor", POINTER(Tensor)), ("number", c_double)]


class LoadOptions(Sized):
    _fields_ = [
        ("struct_size", c_size_t), ("max_bytes", c_size_t), ("max_work", c_uint64), ("max_nodes", c_size_t),
        ("compare_packed", c_int), ("directory", c_char_p), ("bound", POINTER(BoundInput)), ("n_bound", c_size_t),
        ("outputs", POINTER(c_char_p)), ("n_outputs", c_size_t), ("f64_as_f32", c_int),
    ]


class RecurrentWeights(Structure):
    _fields_ = [
        ("w", c_void_p), ("r", c_void_p), ("bias", c_void_p), ("bias_r", c_void_p), ("peephole", c_void_p),
    ]


class GrudWeights(Structure):
    _fields_ = [
        ("input_decay", c_void_p), ("input_bias", c_void_p), ("hidden_decay", c_void_p), ("hidden_bias", c_void_p),
        ("mean", c_void_p), ("gru", RecurrentWeights),
    ]


class RecurrentOptions(Sized):
    _fields_ = [
        ("struct_size", c_size_t), ("cell", c_int), ("input", c_size_t), ("hidden", c_size_t), ("direction", c_int),
        ("order", c_int), ("reset", c_int), ("batch_first", c_int), ("activations", c_char_p * 6),
        ("alpha", POINTER(c_float)), ("beta", POINTER(c_float)), ("clip", c_float), ("input_forget", c_int),
        ("last_step", c_int),
    ]


class QuantizeRule(Structure):
    _fields_ = [("pattern", c_char_p), ("weights", c_int)]


class QuantizedLayer(Sized):
    _fields_ = [
        ("struct_size", c_size_t), ("name", c_char_p), ("op", c_char_p), ("weights", c_int), ("parameters", c_size_t),
        ("bytes_before", c_size_t), ("bytes_after", c_size_t), ("rms_error", c_double), ("max_error", c_double),
    ]


LayerFn: Any = CFUNCTYPE(None, c_void_p, POINTER(QuantizedLayer))


class QuantizeOptions(Sized):
    _fields_ = [
        ("struct_size", c_size_t), ("weights", c_int), ("rules", POINTER(QuantizeRule)), ("n_rules", c_size_t),
        ("saturate", c_int), ("layer", LayerFn), ("user", c_void_p),
    ]


class NodeInfo(Sized):
    _fields_ = [
        ("struct_size", c_size_t), ("name", c_char_p), ("op", c_char_p), ("n_inputs", c_size_t),
        ("n_outputs", c_size_t), ("parameters", c_size_t), ("weight_bytes_per_step", c_size_t), ("note", c_char_p),
        ("weights", c_int),
    ]


class PlanOptions(Sized):
    _fields_ = [
        ("struct_size", c_size_t), ("math", c_int), ("threads", c_size_t), ("flush_denormals", c_int),
        ("effort", c_int), ("records", c_void_p), ("batch", c_size_t), ("steps", c_size_t),
        ("max_iterations", c_size_t),
    ]


class Carried(Structure):
    _fields_ = [("input", c_char_p), ("output", c_char_p)]


class StreamOptions(Sized):
    _fields_ = [
        ("struct_size", c_size_t), ("batch", c_size_t), ("steps", c_size_t), ("time_axis", c_int),
        ("carried", POINTER(Carried)), ("n_carried", c_size_t), ("inputs", POINTER(Tensor)), ("n_inputs", c_size_t),
    ]


class PackedOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("isas", POINTER(c_char_p)), ("n_isas", c_size_t)]


class RecordHost(Structure):
    _fields_ = [
        ("vendor", c_char * 48), ("family", c_uint64), ("model", c_uint64), ("stepping", c_uint64),
        ("isa", c_char * 48),
        ("features", c_char * 384), ("l1d_bytes", c_uint64), ("l2_bytes", c_uint64), ("l3_bytes", c_uint64),
        ("budget", c_uint64), ("kernels", c_uint64), ("version", c_char * 48),
    ]


class RecordKey(Structure):
    _fields_ = [
        ("layer", c_char * 48), ("precision", c_char * 48), ("input", c_uint64), ("hidden", c_uint64),
        ("batch", c_uint64), ("steps", c_uint64), ("threads", c_uint64),
    ]


class Record(Structure):
    _fields_ = [
        ("key", RecordKey), ("choice", c_char * 192), ("ns", c_uint64), ("default_ns", c_uint64), ("spread", c_double),
        ("samples", c_uint64), ("at", c_uint64),
    ]


class Shape(Sized):
    _fields_ = [
        ("struct_size", c_size_t), ("kind", c_int), ("cell", c_int), ("reset", c_int), ("direction", c_int),
        ("weights", c_int), ("input", c_size_t), ("hidden", c_size_t), ("batch", c_size_t), ("steps", c_size_t),
        ("n_layers", c_size_t),
    ]


class TuneProgress(Sized):
    _fields_ = [
        ("struct_size", c_size_t), ("shape", c_size_t), ("n_shapes", c_size_t), ("what", POINTER(Shape)),
        ("share", c_double), ("gain", c_double), ("record", POINTER(Record)), ("measured", c_int),
        ("n_candidates", c_size_t), ("n_tried", c_size_t),
    ]


TuneFn: Any = CFUNCTYPE(c_int, c_void_p, POINTER(TuneProgress))


class TuneOptions(Sized):
    _fields_ = [
        ("struct_size", c_size_t), ("seconds", c_double), ("threads", c_size_t), ("now", c_uint64), ("again", c_int),
        ("progress", TuneFn), ("progress_user", c_void_p),
    ]


class LayerArgs(Sized):
    _fields_ = [
        ("struct_size", c_size_t), ("steps", c_size_t), ("batch", c_size_t), ("x", c_void_p), ("x_step", c_size_t),
        ("x_row", c_size_t), ("lengths", c_void_p), ("h0", c_void_p), ("c0", c_void_p), ("y", c_void_p),
        ("y_step", c_size_t), ("y_row", c_size_t), ("y_dir", c_size_t), ("h", c_void_p), ("c", c_void_p),
        ("workspace", c_void_p), ("turn", c_size_t),
    ]


class Optimizer(Sized):
    _fields_ = [
        ("struct_size", c_size_t), ("kind", c_int), ("rate", c_float), ("momentum", c_float), ("nesterov", c_int),
        ("rho", c_float), ("beta1", c_float), ("beta2", c_float), ("epsilon", c_float), ("decay", c_float),
    ]


class TrainOptions(Sized):
    _fields_ = [
        ("struct_size", c_size_t), ("output", c_size_t), ("loss", c_int), ("label_smoothing", c_float),
        ("class_weights", c_void_p), ("n_classes", c_size_t), ("batch", c_char_p), ("optimizer", POINTER(Optimizer)),
        ("l1", c_float), ("l2", c_float), ("clip_value", c_float), ("clip_norm", c_float),
        ("recurrent_dropout", c_float), ("recompute", c_int), ("seed", c_uint64), ("math", c_int),
        ("threads", c_size_t), ("huber_delta", c_float),
    ]


class TrainBatch(Sized):
    _fields_ = [
        ("struct_size", c_size_t), ("inputs", POINTER(Tensor)), ("n_inputs", c_size_t), ("target", POINTER(Tensor)),
        ("weights", POINTER(Tensor)), ("outputs", POINTER(Tensor)), ("d_inputs", POINTER(Tensor)),
    ]


class TrainResult(Sized):
    _fields_ = [("struct_size", c_size_t), ("loss", c_double), ("weight", c_double), ("norm", c_double)]


class ParameterInfo(Sized):
    _fields_ = [
        ("struct_size", c_size_t), ("name", c_char_p), ("node", c_char_p), ("op", c_char_p), ("input", c_size_t),
        ("rank", c_size_t), ("shape", c_int64 * MAX_RANK), ("frozen", c_int),
    ]


class Schedule(Sized):
    _fields_ = [
        ("struct_size", c_size_t), ("kind", c_int), ("rate", c_float), ("factor", c_float), ("least", c_float),
        ("every", c_size_t), ("epochs", c_size_t), ("patience", c_size_t), ("warmup", c_float), ("best", c_double),
        ("scored", c_size_t), ("waited", c_size_t), ("drops", c_size_t),
    ]


class AttributionOptions(Sized):
    _fields_ = [
        ("struct_size", c_size_t), ("method", c_int), ("score", c_int), ("output", c_size_t), ("batch", c_char_p),
        ("points", c_size_t), ("most_points", c_size_t), ("tolerance", c_double), ("window", c_size_t),
        ("time_axis", c_int), ("math", c_int), ("threads", c_size_t),
    ]


class AttributionRow(Structure):
    _fields_ = [
        ("target", c_size_t), ("score", c_double), ("baseline_score", c_double), ("sum", c_double),
        ("residual", c_double), ("rounding", c_double), ("points", c_size_t), ("complete", c_int),
    ]


class AttributionBatch(Sized):
    _fields_ = [
        ("struct_size", c_size_t), ("inputs", POINTER(Tensor)), ("n_inputs", c_size_t), ("baselines", POINTER(Tensor)),
        ("targets", POINTER(c_size_t)), ("attributions", POINTER(Tensor)), ("rows", POINTER(AttributionRow)),
    ]


class CalibrationBin(Structure):
    _fields_ = [(name, c_double) for name in ("weight", "mean", "share")]


class Decision(Structure):
    _fields_ = [(name, c_double) for name in (
        "threshold", "tp", "fp", "tn", "fn", "sensitivity", "specificity", "ppv", "npv", "f1", "net_benefit",
        "net_benefit_all")]


class IsotonicStep(Structure):
    _fields_ = [("first", c_float), ("last", c_float), ("value", c_double), ("weight", c_double)]


class Interval(Structure):
    _fields_ = [("low", c_double), ("high", c_double)]


class Bootstrap(Structure):
    _fields_ = [("interval", Interval), ("error", c_double), ("p_value", c_double), ("used", c_size_t)]
