# SPDX-License-Identifier: Apache-2.0
"""Makes PyTorch's recurrent modules faster where no gradients are wanted.

    import rnnpack.torch

    rnnpack.torch.optimize(model)       # nn.RNN, nn.LSTM, nn.GRU, their cells, and nn.Linear
    with torch.inference_mode():
        y = model(x)

The modules stay what they were: their parameters, state_dict, hooks and attributes do not change, and isinstance()
holds. Only their forward is another one. It runs PyTorch's own whenever gradients are wanted, or if the call is not
one for float32 on a CPU, in training with dropout, in tracing, and under autocast.

Weights are packed in the first call, and anew after they have changed: by an optimizer, load_state_dict, or any other
operation on the parameter itself. A write through ``parameter.data`` is not seen before the next ``train()``,
``eval()`` or :func:`refresh`.
"""
from __future__ import annotations

from typing import Any, Callable, Optional

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from . import layers
from .build import Builder
from .errors import UnsupportedError
from .model import Model
from .plan import Plan

__all__ = ["optimize", "refresh", "restore"]

KINDS: dict[str, type[layers.Layer]] = {"RNN": layers.RNN, "LSTM": layers.LSTM, "GRU": layers.GRU}
_Tensor, _Parameter, _F32, _STRIDED = torch.Tensor, nn.Parameter, torch.float32, torch.strided
_is_tracing, _is_autocast, _is_grad_enabled = (
    torch.jit.is_tracing, torch.is_autocast_cpu_enabled, torch.is_grad_enabled)
_is_compiling: Callable[[], bool] = getattr(getattr(torch, "compiler", None), "is_compiling", lambda: False)


class _Packed:
    """What rnnpack made of a module's parameters. A copy of the module makes its own."""

    __slots__ = ("math", "threads", "state")

    def __init__(self, math: str, threads: Optional[int]) -> None:
        self.math, self.threads = math, threads
        self.clear()

    def clear(self) -> None:
        # Parameters, aliases that keep their memory (so that nothing else can come to be at the same address),
        # versions, and what was made: set and read as one, because several threads may call a module.
        self.state: tuple[list[Any], list[Any], list[Any], Any] = [], [], [], None

    def __deepcopy__(self, _memo: Any) -> "_Packed":
        return _Packed(self.math, self.threads)

    def __reduce__(self) -> tuple[Any, ...]:
        return _Packed, (self.math, self.threads)

    def get(self, parameters: list[Any], make: Callable[[list[Any], str, int], Any]) -> Any:
        """Returns what make() makes of the parameters, from the last time if none of them has changed since; None if
        rnnpack cannot take them."""
        known, _, seen, made = self.state
        if made is not None and len(known) == len(parameters):
            for one, other, (place, version) in zip(parameters, known, seen):
                if one is not other or one.data_ptr() != place or one._version != version:
                    break
            else:
                return made
        self.clear()
        # Parametrised weights are new tensors in each call; those of inference mode do not tell when they change.
        if not all(type(one) is _Parameter and _is_plain(one) and not one.is_inference() for one in parameters):
            return None
        threads = torch.get_num_threads() if self.threads is None else self.threads
        made = make([one.detach().contiguous().numpy() for one in parameters], self.math, threads)
        versions = [(one.data_ptr(), one._version) for one in parameters]
        self.state = parameters, [one.detach() for one in parameters], versions, made
        return made


def _is_plain(x: Any) -> bool:
    return (type(x) is _Tensor or type(x) is _Parameter) and x.dtype is _F32 and x.is_cpu and x.layout is _STRIDED


def _may_run(*tensors: Any) -> bool:
    """Whether a call with these tensors is one for rnnpack, if no gradients are wanted."""
    for one in tensors:
        if one is not None and not _is_plain(one):
            return False
    return not (_is_tracing() or _is_autocast() or _is_compiling())


def _wants_gradients(*tensors: Any) -> bool:
    if _is_grad_enabled():
        for one in tensors:
            if one is not None and one.requires_grad:
                return True
    return False


def _pointer(x: Any) -> Optional[int]:
    return None if x is None else int(x.data_ptr())


# ---- Layers ----


def _make_layers(module: Any) -> Callable[[list[Any], str, int], list[layers.Layer]]:
    kind, per = KINDS[module.mode.split("_")[0]], 4 if module.bias else 2
    options: dict[str, Any] = {}
    if module.mode == "RNN_RELU":
        options["activations"] = ["Relu"] * (2 if module.bidirectional else 1)

    def make(arrays: list[Any], math: str, threads: int) -> list[layers.Layer]:
        parts = [arrays[at : at + per] for at in range(0, len(arrays), per)]
        step = 2 if module.bidirectional else 1
        return [kind(*parts[at], reverse=parts[at + 1] if step == 2 else None, math=math, threads=threads, **options)
                for at in range(0, len(parts), step)]

    return make


def _states(module: Any, hx: Any, batch: int, batched: bool) -> Optional[list[Any]]:
    """h0 and for an LSTM c0, each [layers*dirs][batch][hidden] and dense; None if they are not what PyTorch wants."""
    given = hx if module.mode == "LSTM" else (hx,)
    if hx is None:
        return [None, None]
    if not isinstance(given, (tuple, list)) or len(given) != (2 if module.mode == "LSTM" else 1):
        return None
    shape = (module.num_layers * (2 if module.bidirectional else 1), batch, module.hidden_size)
    states = []
    for one in given:
        if not _is_plain(one):
            return None
        one = one if batched or one.dim() != 2 else one.unsqueeze(1)
        if tuple(one.shape) != shape:
            return None
        states.append(one.contiguous())
    return [*states, None][:2]


def _forward(module: Any, made: list[layers.Layer], x: Any, states: list[Any], batch_first: bool, lengths: Any,
             ) -> tuple[Any, Any, Any]:
    """Runs all layers over x, whose axes of steps and batch come first. Returns y, h and c."""
    steps, batch = (x.shape[1], x.shape[0]) if batch_first else (x.shape[0], x.shape[1])
    dirs, hidden = made[0].dirs, made[0].hidden
    h = x.new_empty(len(made) * dirs, batch, hidden)
    c = torch.empty_like(h) if module.mode == "LSTM" else None
    bytes_ = 4 * dirs * batch * hidden  # of a layer's states
    wide = dirs * hidden
    y_step, y_row = (wide, steps * wide) if batch_first else (batch * wide, wide)
    for index, layer in enumerate(made):
        strides = x.stride()
        if strides[2] != 1 or strides[0] < 1 or strides[1] < 1:
            x = x.contiguous()
            strides = x.stride()
        y = x.new_empty(x.shape[0], x.shape[1], wide)
        x_step, x_row = (strides[1], strides[0]) if batch_first else (strides[0], strides[1])
        h0, c0, hn, cn = (None if one is None else one.data_ptr() + index * bytes_ for one in (*states, h, c))
        layer.execute(steps, batch, x.data_ptr(), x_step, x_row, y_step, y_row, y.data_ptr(), h0, c0, hn, cn,
                      _pointer(lengths))
        x = y
    return x, h, c


class _Recurrent:
    """The forward of RNN, LSTM and GRU."""

    def forward(self, input: Any, hx: Any = None) -> Any:  # the names are PyTorch's
        module: Any = self
        usual: Any = getattr(super(), "forward")
        own = module._parameters
        parameters = [own.get(name) for group in module._all_weights for name in group]
        given = input.data if isinstance(input, PackedSequence) else input
        tensors = given, *(hx if isinstance(hx, (tuple, list)) else (hx,))
        if not _may_run(*tensors) or (module.training and module.dropout) or _wants_gradients(*tensors, *parameters):
            return usual(input, hx)
        made = module.__dict__["_rnnpack"].get(parameters, _make_layers(module))
        if made is None:
            return usual(input, hx)
        if isinstance(input, PackedSequence):
            return self._sequence(made, input, hx) or usual(input, hx)
        batched = given.dim() == 3
        if given.dim() not in (2, 3) or given.shape[-1] != module.input_size or not given.numel():
            return usual(input, hx)
        batch_first = module.batch_first and batched
        x = given if batched else given.unsqueeze(1)
        states = _states(module, hx, x.shape[0 if batch_first else 1], batched)
        if states is None:
            return usual(input, hx)  # which says what is wrong
        y, h, c = _forward(module, made, x, states, batch_first, None)
        if not batched:
            y, h, c = y.squeeze(1), h.squeeze(1), None if c is None else c.squeeze(1)
        return y, h if c is None else (h, c)

    def _sequence(self, made: list[layers.Layer], input: PackedSequence, hx: Any) -> Any:
        """A PackedSequence, whose rows are sorted by length; None if PyTorch shall do it."""
        module: Any = self
        if input.data.dim() != 2 or input.data.shape[1] != module.input_size:
            return None
        x, lengths = pad_packed_sequence(PackedSequence(input.data, input.batch_sizes))
        states = _states(module, hx, x.shape[1], True)
        if states is None:
            return None
        order, back = input.sorted_indices, input.unsorted_indices
        if order is not None:
            states = [None if one is None else one.index_select(1, order) for one in states]
        y, h, c = _forward(module, made, x, states, False, lengths.to(torch.int32))
        packed = pack_padded_sequence(y, lengths)
        if back is not None:
            h, c = h.index_select(1, back), None if c is None else c.index_select(1, back)
        return PackedSequence(packed.data, input.batch_sizes, order, back), h if c is None else (h, c)


# ---- Cells ----


def _make_cell(module: Any) -> Callable[[list[Any], str, int], layers.Layer]:
    kind = KINDS[type(module).__name__[: -len("Cell")]]
    relu = getattr(module, "nonlinearity", "tanh") == "relu"

    def make(arrays: list[Any], math: str, threads: int) -> layers.Layer:
        return kind(*arrays, math=math, threads=threads, activations=["Relu"] if relu else None)

    return make


class _Cell:
    """The forward of RNNCell, LSTMCell and GRUCell."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        module: Any = self
        usual: Any = getattr(super(), "forward")
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")[: 4 if module.bias else 2]
        parameters = [module._parameters.get(name) for name in names]
        lstm = isinstance(module, nn.LSTMCell)
        states = [*(hx if lstm and hx is not None else (hx, None) if not lstm else ()), None, None][:2]
        if not _may_run(input, *states) or input.dim() not in (1, 2) or input.shape[-1] != module.input_size or (
                _wants_gradients(input, *states, *parameters)):
            return usual(input, hx)
        shape = (*input.shape[:-1], module.hidden_size)
        if not input.numel() or any(one is not None and tuple(one.shape) != shape for one in states):
            return usual(input, hx)
        layer: Optional[layers.Layer] = module.__dict__["_rnnpack"].get(parameters, _make_cell(module))
        if layer is None:
            return usual(input, hx)
        x, states = input.contiguous(), [None if one is None else one.contiguous() for one in states]
        h = x.new_empty(shape)
        c = x.new_empty(shape) if lstm else None
        layer.execute(1, x.shape[0] if x.dim() == 2 else 1, x.data_ptr(), 0, 0, 0, 0, None,
                      *map(_pointer, (*states, h, c)))
        return h if c is None else (h, c)


# ---- Linear ----


def _make_linear(arrays: list[Any], math: str, threads: int) -> Plan:
    b = Builder(threads)
    x = b.input("x", ["rows", arrays[0].shape[1]])
    b.output("y", b.dense(x, arrays[0], arrays[1] if len(arrays) > 1 else None, transposed=True))
    model: Model = b.build()
    return model.plan()


class _Linear:
    """The forward of Linear."""

    def forward(self, input: Any) -> Any:
        module: Any = self
        own = module._parameters
        parameters = [own.get("weight")] if own.get("bias", module) is None else [own.get("weight"), own.get("bias")]
        plan: Optional[Plan] = None
        if _may_run(input) and not _wants_gradients(input, *parameters) and input.dim() and input.numel() and (
                input.shape[-1] == module.in_features):
            plan = module.__dict__["_rnnpack"].get(parameters, _make_linear)
        if plan is None:
            return getattr(super(), "forward")(input)
        x = input if input.is_contiguous() else input.contiguous()
        y = x.new_empty(*input.shape[:-1], module.out_features)
        plan.execute((x.numel() // module.in_features, module.in_features), x.data_ptr(), y.data_ptr())
        return y


# ---- Modules ----


def _fast(base: Any, forward: Any) -> Any:
    """The class that a module of class ``base`` becomes."""

    def train(self: Any, mode: bool = True) -> Any:
        self.__dict__["_rnnpack"].clear()
        return base.train(self, mode)

    def name(self: Any) -> str:
        return f"rnnpack.{base.__name__}"

    return type(base.__name__, (forward, base), {"train": train, "_get_name": name, "__module__": __name__})


RNN = _fast(nn.RNN, _Recurrent)
LSTM = _fast(nn.LSTM, _Recurrent)
GRU = _fast(nn.GRU, _Recurrent)
RNNCell = _fast(nn.RNNCell, _Cell)
LSTMCell = _fast(nn.LSTMCell, _Cell)
GRUCell = _fast(nn.GRUCell, _Cell)
Linear = _fast(nn.Linear, _Linear)
_FAST: dict[Any, Any] = {fast.__mro__[2]: fast for fast in (RNN, LSTM, GRU, RNNCell, LSTMCell, GRUCell, Linear)}
_USUAL: dict[Any, Any] = {fast: usual for usual, fast in _FAST.items()}


def optimize(module: Any, *, math: str = "u35", threads: Optional[int] = None, linear: bool = True,
             partial: bool = False) -> Any:
    """Lets the recurrent modules of a module, and its Linear modules, run rnnpack where no gradients are wanted.

    Args:
        module: changed in place, and returned. :func:`restore` undoes it.
        math: accuracy of tanh and sigmoid: "u35", "u10" or "fast".
        threads: of a call; None: as many as PyTorch has when the weights are packed. Results do not depend on it.
        linear: Linear modules, too.
        partial: leave a module alone that rnnpack cannot run, in place of refusing all.

    Raises:
        UnsupportedError: there is a module that rnnpack cannot run, or none that it can. Nothing has changed.
    """
    found = [one for one in module.modules() if type(one) in _FAST and (linear or type(one) is not nn.Linear)]
    for name, one in module.named_modules():
        if type(one) in _FAST and getattr(one, "proj_size", None):
            if not partial:
                raise UnsupportedError(
                    f"{name or 'the module'}: an LSTM with proj_size={one.proj_size} has another product in every "
                    "step, which rnnpack does not have; partial=True leaves it to PyTorch")
            found.remove(one)
    if not found and not any(type(one) in _USUAL for one in module.modules()):
        raise UnsupportedError("there is no RNN, LSTM, GRU, cell or Linear in this module that rnnpack can run")
    for one in found:
        one.__dict__["_rnnpack"] = _Packed(math, threads)
        one.__class__ = _FAST[type(one)]
    return module


def restore(module: Any) -> Any:
    """Undoes :func:`optimize`: the module and what is in it run PyTorch alone."""
    for one in module.modules():
        if type(one) in _USUAL:
            one.__class__ = _USUAL[type(one)]
            del one.__dict__["_rnnpack"]
    return module


def refresh(module: Any) -> Any:
    """Packs the weights anew in the next call, after they were changed through ``parameter.data``."""
    for one in module.modules():
        if type(one) in _USUAL:
            one.__dict__["_rnnpack"].clear()
    return module

