# SPDX-License-Identifier: Apache-2.0
"""Finds and opens the shared libraries, and declares their functions.

The libraries are taken from the first of these places:

1. the folder that the environment variable RNNPACK_LIBRARY names;
2. ``lib`` in this package, which a wheel fills;
3. wherever the system's loader finds them.
"""
from __future__ import annotations

import ctypes
import os
from ctypes import c_char_p, c_double, c_float, c_int, c_size_t, c_uint64, c_void_p
from pathlib import Path
from typing import Any, Optional

VERSION = "0.2"  # of the ABI: the libraries' SOVERSION

# The result, the function without rnnp_, and its arguments: p pointer, s string, z size_t, i int or enum, d double,
# f float, u uint64. A result v is none. python/tests/test_abi.py compares every line with the headers.
_CORE = """
s status_string i
s version
i context_create pp
v context_destroy p
s last_error p
i context_host pp
z feature_count
s feature_name z
z isa_count
s isa_name z
i model_create pp
v model_destroy p
i model_add_input psizppp
i model_add_constant pspp
i model_add_output psi
i model_add_node psispzpzpz
i model_close p
i model_set_layer_name ps
i model_add_recurrent ppp iiii ppp
i model_add_grud ppp iiiii pp
i model_add_tlstm ppppp iiiii ppp
i model_add_attention pi zz ppp i p
i model_add_dense pi pzz i p s p
i model_add_embedding pi pzz p
i model_add_pool piiip
i model_add_dropout pifp
i model_add_activation psip
i model_add_softmax piip
i model_quantize ppp
z model_input_count p
z model_output_count p
i model_input_info pzp
i model_output_info pzp
z model_constant_elements p
z model_metadata_count p
i model_metadata_get pzpp
s model_metadata_find ps
i model_set_metadata pss
z model_node_count p
i model_node_info pzp
i model_node_input_info pzzp
i model_node_output_info pzzp
i model_find_carried ppzp
i plan_bytes ppp
i plan_create ppp
v plan_destroy p
s plan_node_variant pz
i plan_node_place pz
i run_bytes ppzp
i run_create ppzp
v run_destroy p
i run_output pzp
i run_execute ppzpz
i stream_bytes ppp
i stream_multiple ppp
i stream_create ppp
v stream_destroy p
i stream_input pzp
i stream_output pzp
i stream_step ppzpz
i stream_step_rows pppzpz
v stream_reset p
i stream_reset_row pz
z stream_state_bytes p
i stream_save ppz
i stream_load ppz
z stream_row_state_bytes p
i stream_save_row pzpz
i stream_load_row pzpz
i packed_write pppp
i packed_write_file pps
i packed_is_file s
i packed_open_file pspp
i packed_open_memory ppzpp
i packed_verify p
i records_create pp
v records_destroy p
z records_count p
i records_get pzpp
i records_merge pp
i records_open_memory psszp
i records_open_file psp
i records_open_default pssp
i records_update psi
i records_write ppp
i records_own_file psis
i model_shapes ppzpzpzp
i tune ppzpp
i layer_create pppip
v layer_destroy p
i layer_workspace_bytes pzzp
i layer_forward pp
i trainer_create ppp
v trainer_destroy p
i trainer_step ppp
i trainer_backward ppp
i trainer_evaluate ppp
i trainer_set_rate pf
u trainer_step_count p
z trainer_parameter_count p
i trainer_parameter_info pzp
i trainer_get_parameter pzp
i trainer_set_parameter pzp
i trainer_get_gradient pzp
i trainer_freeze pzi
i trainer_initialize pu
i trainer_adopt ppp
i trainer_model pp
i trainer_save_file pspz
i trainer_load_file pspp
v train_order uuzp
i attribution_create ppp
v attribution_destroy p
i attribution_run pp
f schedule_rate pd
v schedule_score pd
i metrics_calibration zzppppp
i metrics_decisions zpppzpp
i metrics_normal dddpp
i metrics_wilson dddp
i metrics_delong zzppzppppp
i metrics_resample zzpuupp
i metrics_bootstrap dzpzpdpp
i calibration_fit_temperature zzpppp
i calibration_apply_temperature zzdpp
i calibration_fit_isotonic zpppppp
i calibration_apply_isotonic zpzpp
"""
_ONNX = """
i onnx_open_file pspp
i onnx_open_memory ppzpp
i onnx_write ppp
i onnx_write_file ps
"""
_TYPES: dict[str, Any] = {
    "p": c_void_p, "s": c_char_p, "z": c_size_t, "i": c_int, "d": c_double, "f": c_float, "u": c_uint64, "v": None,
}


def signatures(table: str) -> dict[str, tuple[str, str]]:
    """Returns the result and arguments, as letters, of each function of a table."""
    rows = (line.split() for line in table.strip().splitlines())
    return {f"rnnp_{name}": (result, "".join(arguments)) for result, name, *arguments in rows}


CORE, ONNX = signatures(_CORE), signatures(_ONNX)


def _folder() -> Optional[Path]:
    named = os.environ.get("RNNPACK_LIBRARY")
    if named:
        folder = Path(named)
        return folder if folder.is_dir() else folder.parent
    own = Path(__file__).parent / "lib"
    return own if own.is_dir() else None


def _open(folder: Optional[Path], name: str) -> ctypes.CDLL:
    file = f"lib{name}.so.{VERSION}"
    return ctypes.CDLL(str(folder / file) if folder else file)


def _declare(library: ctypes.CDLL, table: dict[str, tuple[str, str]]) -> None:
    for name, (result, arguments) in table.items():
        function = getattr(library, name)
        function.restype = _TYPES[result]
        function.argtypes = [_TYPES[letter] for letter in arguments]


folder = _folder()
try:
    # Any: functions of a library have no types that mypy could know.
    lib: Any = _open(folder, "rnnpack")
except OSError as reason:
    raise ImportError(
        f"librnnpack.so.{VERSION} was not found: {reason}. Install the library or a wheel, or let RNNPACK_LIBRARY "
        "name the folder that has it."
    ) from None
_declare(lib, CORE)

onnx: Any = None
onnx_missing = ""
try:
    if folder and (folder / "libprotobuf-c.so.1").exists():  # a wheel's own goes before the system's
        ctypes.CDLL(str(folder / "libprotobuf-c.so.1"))
    onnx = _open(folder, "rnnpack-onnx")
    _declare(onnx, ONNX)
except OSError as reason:
    onnx_missing = str(reason)


def plain(name: str) -> Any:
    """Returns a function without declared arguments, which takes ctypes objects as they are: the fastest."""
    return lib[name]
