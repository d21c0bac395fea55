# SPDX-License-Identifier: Apache-2.0
"""Training on arrays: one seed gives one model, bit for bit, on every CPU and for any number of threads."""
from __future__ import annotations

import os
from ctypes import byref, c_float, c_size_t, create_string_buffer, pointer
from dataclasses import dataclass, field
from typing import Any, Callable, Optional, Sequence, Union

import numpy as np

from . import _structs as S
from ._handles import Closable, Handle
from ._native import lib
from .arrays import F32, address, fitting, imported, shape_of, shaped, tensor_of
from .context import Context, constant, count, text
from .errors import ArgumentError, DtypeError, ShapeError, StateError
from .model import Model
from .ports import Array, Names

__all__ = ["Epoch", "History", "Parameter", "Trainer", "fit", "schedule", "train"]

SPARSE = "sparse"
Path = Union[str, "os.PathLike[str]"]
OPTIMIZER = {"rate": 1e-3, "rho": 0.99, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}


@dataclass(frozen=True)
class Parameter:
    """A parameter of a trainer: what the model's nodes read and training changes."""

    name: str
    node: str
    op: str
    shape: tuple[int, ...]
    frozen: bool


@dataclass(frozen=True)
class Step:
    """What a step tells: the loss before the update, the sum of the weights of its rows, and the gradient's norm."""

    loss: float
    weight: float
    norm: float


def _optimizer(kind: str, options: dict[str, Any]) -> S.Optimizer:
    made = S.Optimizer(kind=constant("RNNP_OPTIMIZER", kind), **OPTIMIZER)
    for name, value in options.items():
        if name not in ("rate", "momentum", "nesterov", "rho", "beta1", "beta2", "epsilon", "decay"):
            raise ArgumentError(f"an optimizer has no {name!r}")
        setattr(made, name, value)
    return made


class Trainer(Closable):
    """Trains a model step by step. One thread at a time may use it.

    Args:
        model: the model to train; it stays as it is, and :meth:`model` makes a trained one.
        loss: of the outputs y and targets t.

            * "sparse": t holds classes, i32 or i64, in y's shape without its last axis
            * "cross": t holds distributions, in y's shape
            * "binary": t is between 0 and 1, in y's shape
            * "mse": (y - t)^2
            * "mae": abs(y - t)
            * "huber": a square up to huber_delta (default 1), a line beyond it

        optimizer: "adam", "adamw", "sgd" or "rmsprop".
        rate, momentum, nesterov, rho, beta1, beta2, epsilon, decay: of the optimizer.
        output: the name or index of the output that the loss is computed from.
        batch: the name of the dimension that is the batch.
        class_weights: f32 [classes].
        l1, l2, clip_value, clip_norm, label_smoothing, recurrent_dropout, recompute, seed, math, huber_delta: see
            train.h.
    """

    def __init__(self, model: Model, *, loss: str = SPARSE, optimizer: str = "adam", output: Union[str, int] = 0,
                 batch: str = "batch", class_weights: Any = None, l1: float = 0, l2: float = 0, clip_value: float = 0,
                 clip_norm: float = 0, label_smoothing: float = 0, recurrent_dropout: float = 0,
                 recompute: bool = False, seed: int = 0, math: str = "u35", huber_delta: float = 0,
                 **optimizer_options: Any) -> None:
        names = [one.name for one in model.outputs]
        if isinstance(output, str) and output not in names:
            raise ArgumentError(f"the model has no output {output!r}; it has {', '.join(names)}")
        options = S.TrainOptions(
            output=names.index(output) if isinstance(output, str) else count(output, "output"),
            loss=constant("RNNP_LOSS", loss), batch=batch.encode(), l1=l1, l2=l2, clip_value=clip_value,
            clip_norm=clip_norm, label_smoothing=label_smoothing, recurrent_dropout=recurrent_dropout,
            recompute=bool(recompute), seed=count(seed, "seed"), math=constant("RNNP_MATH", math),
            huber_delta=huber_delta,
        )
        options.optimizer = pointer(_optimizer(optimizer, optimizer_options))
        if class_weights is not None:
            held = shaped(class_weights, F32, (None,), "class_weights")
            options.class_weights, options.n_classes = address(held), held.size
        self.context: Context = model.context
        self._names: Names = model._names
        self._sparse = loss == SPARSE
        self._model = model.handle
        self._handle: Optional[Handle] = self.context.make(
            lib.rnnp_trainer_create, lib.rnnp_trainer_destroy, self._model.address, byref(options),
            parents=(self._model,))
        self.base_rate: float = optimizer_options.get("rate", OPTIMIZER["rate"])

    # ---- Life ----

    def _address(self) -> int:
        if self._handle is None:
            raise StateError("this trainer is closed")
        return self._handle.address

    def close(self) -> None:
        """Gives the trainer's memory back. Closing twice is allowed."""
        self._handle = None

    # ---- Steps ----

    def _batch(self, x: Any, target: Any, weights: Any) -> S.TrainBatch:
        arrays, _ = self._names.gather(x if isinstance(x, tuple) else (x,), {})
        batch = S.TrainBatch(n_inputs=len(arrays))
        batch.inputs = (S.Tensor * len(arrays))(*(tensor_of(one) for one in arrays))
        kept: list[Any] = [arrays]
        if target is not None:
            target = np.asarray(imported(target))
            wanted = F32 if not self._sparse else np.dtype(np.int64 if target.dtype.itemsize == 8 else np.int32)
            kept.append(fitting(target, wanted, "target"))
            batch.target = pointer(tensor_of(kept[-1]))
        if weights is not None:
            kept.append(fitting(weights, F32, "weights"))
            batch.weights = pointer(tensor_of(kept[-1]))
        batch.kept = kept
        return batch

    def _run(self, function: Any, batch: S.TrainBatch) -> Step:
        result = S.TrainResult()
        self.context.check(function(self._address(), byref(batch), byref(result)))
        return Step(result.loss, result.weight, result.norm)

    def step(self, x: Any, target: Any, weights: Any = None) -> Step:
        """Runs forward, backward and one update.

        Args:
            x: the inputs, as for a call of the model; a tuple or dict for several.
            target: as the loss requires.
            weights: f32, weights of rows or elements; 0 masks an element out.
        """
        return self._run(lib.rnnp_trainer_step, self._batch(x, target, weights))

    def backward(self, x: Any, target: Any, weights: Any = None) -> Step:
        """The same without the update: :meth:`gradient` then returns the gradients."""
        return self._run(lib.rnnp_trainer_backward, self._batch(x, target, weights))

    def evaluate(self, x: Any, target: Any, weights: Any = None) -> Step:
        """Runs forward alone, without dropout, and returns the loss."""
        return self._run(lib.rnnp_trainer_evaluate, self._batch(x, target, weights))

    def set_rate(self, rate: float) -> None:
        """Sets the learning rate from the next step on."""
        self.context.check(lib.rnnp_trainer_set_rate(self._address(), rate))

    @property
    def steps(self) -> int:
        """How many updates there have been."""
        return int(lib.rnnp_trainer_step_count(self._address()))

    # ---- Parameters ----

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        found, one = [], S.ParameterInfo()
        for index in range(lib.rnnp_trainer_parameter_count(self._address())):
            self.context.check(lib.rnnp_trainer_parameter_info(self._address(), index, byref(one)))
            found.append(Parameter(text(one.name), text(one.node), text(one.op), shape_of(one), bool(one.frozen)))
        return tuple(found)

    def _find(self, name: str) -> tuple[int, Parameter]:
        for index, one in enumerate(self.parameters):
            if one.name == name:
                return index, one
        raise ArgumentError(f"there is no parameter {name!r}")

    def _read(self, function: Any, name: str) -> Array:
        index, one = self._find(name)
        values = np.empty(one.shape, F32)
        self.context.check(function(self._address(), index, address(values)))
        return values

    def get(self, name: str) -> Array:
        """Returns a parameter's values."""
        return self._read(lib.rnnp_trainer_get_parameter, name)

    def gradient(self, name: str) -> Array:
        """Returns a parameter's gradient of the latest backward pass."""
        return self._read(lib.rnnp_trainer_get_gradient, name)

    def set(self, name: str, values: Any) -> None:
        """Sets a parameter's values; the optimizer's state stays as it is."""
        index, one = self._find(name)
        held = shaped(values, F32, one.shape, name)
        self.context.check(lib.rnnp_trainer_set_parameter(self._address(), index, address(held)))

    def freeze(self, name: str, frozen: bool = True) -> None:
        """Keeps steps from updating a parameter, or lets them again."""
        self.context.check(lib.rnnp_trainer_freeze(self._address(), self._find(name)[0], int(frozen)))

    def initialize(self, seed: int = 0) -> None:
        """Draws new values for all parameters that are not frozen, and resets the optimizer."""
        self.context.check(lib.rnnp_trainer_initialize(self._address(), count(seed, "seed")))

    def adopt(self, model: Model) -> int:
        """Copies the parameters that have the same name and shape in a model, and returns how many."""
        copied = c_size_t()
        self.context.check(lib.rnnp_trainer_adopt(self._address(), model.handle.address, byref(copied)))
        return copied.value

    # ---- Results ----

    def model(self) -> Model:
        """Makes a model with the present values of the parameters."""
        made = self.context.make(lib.rnnp_trainer_model, lib.rnnp_model_destroy, self._address(),
                                 parents=(self._model,))
        return Model(self.context, made)

    def save(self, path: Path, note: bytes = b"") -> None:
        """Writes a checkpoint: parameters, the optimizer's state, the number of steps, and a note."""
        data = create_string_buffer(note, max(len(note), 1))
        self.context.check(lib.rnnp_trainer_save_file(self._address(), os.fsencode(path), data, len(note)))

    def load(self, path: Path) -> bytes:
        """Restores a checkpoint of the same model and optimizer, and returns its note. Training goes on with the
        same bits."""
        room = c_size_t(1 << 20)
        note = create_string_buffer(room.value)
        self.context.check(lib.rnnp_trainer_load_file(self._address(), os.fsencode(path), note, byref(room)))
        return note.raw[: room.value]


# ---- Whole trainings ----


def schedule(kind: str, rate: float, **options: Any) -> S.Schedule:
    """Makes a schedule of learning rates for :func:`train`.

    "constant"; "step" (factor 0.1, every 10 epochs); "exponential" (factor 0.95); "cosine" (least 0, epochs 100);
    "plateau" (factor 0.1, patience 10). All have least, and warmup in epochs.
    """
    number = constant("RNNP_SCHEDULE", kind)
    made = S.Schedule(kind=number, rate=rate, factor=0.95 if kind == "exponential" else 0.1, every=10, epochs=100,
                      patience=10)
    for name, value in options.items():
        if name not in ("factor", "least", "every", "epochs", "patience", "warmup"):
            raise ArgumentError(f"a schedule has no {name!r}")
        setattr(made, name, value)
    return made


@dataclass(frozen=True)
class Epoch:
    """What a callback is told after each epoch."""

    epoch: int
    loss: float  #: mean over the rows, each before its update
    validation: Optional[float]  #: loss on the validation data
    rate: float
    trainer: Trainer


@dataclass
class History:
    """The losses of each epoch."""

    loss: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    best: Optional[int] = None  #: epoch of the lowest validation loss, if there is validation


Callback = Callable[[Epoch], Optional[bool]]


def _axes(names: Names, arrays: Sequence[Array], batch: str) -> list[int]:
    axes = []
    for one in names.inputs:
        if batch not in one.shape:
            raise ShapeError(f"input {one.name!r} has no dimension {batch!r}")
        axes.append(one.shape.index(batch))
    rows = {array.shape[axis] for array, axis in zip(arrays, axes)}
    if len(rows) != 1 or 0 in rows:
        raise ShapeError(f"the inputs need the same number of rows, at least one, but have {sorted(rows)}")
    return axes


def _target_axis(model: Model, output: Union[str, int], batch: str) -> int:
    port = model.outputs[output] if isinstance(output, int) else next(
        one for one in model.outputs if one.name == output)
    if batch not in port.shape:
        raise ShapeError(f"output {port.name!r} has no dimension {batch!r}")
    return port.shape.index(batch)


def fit(trainer: Trainer, model: Model, x: Any, target: Any, *, weights: Any = None, epochs: int = 1,
        batch_size: int = 32, validation: Optional[tuple[Any, ...]] = None,
        rates: Union[S.Schedule, float, None] = None, shuffle: bool = True, seed: int = 0,
        callbacks: Sequence[Callback] = (), output: Union[str, int] = 0, batch: str = "batch") -> History:
    """Runs epochs of a trainer over arrays; see :func:`train`. ``output`` and ``batch`` are the trainer's."""
    arrays, _ = model._names.gather(x if isinstance(x, tuple) else (x,), {})
    axes, to = _axes(model._names, arrays, batch), _target_axis(model, output, batch)
    rows = arrays[0].shape[axes[0]]
    targets = [np.asarray(imported(one)) for one in (target, weights) if one is not None]
    for one in targets:
        if one.dtype == object:
            raise DtypeError("targets are arrays of numbers")
        if one.ndim <= to or one.shape[to] != rows:
            raise ShapeError(f"there are {rows} rows, but the target or its weights have shape {one.shape}")
    size = count(batch_size, "batch_size") or rows
    plan = schedule("constant", trainer.base_rate) if rates is None else (
        rates if isinstance(rates, S.Schedule) else schedule("constant", rates))
    history, order = History(), np.arange(rows, dtype=np.uint32)
    per_epoch = -(-rows // size)
    for epoch in range(count(epochs, "epochs")):
        if shuffle:
            lib.rnnp_train_order(count(seed, "seed"), epoch, rows, address(order))
        total = weight = rate = 0.0
        for index, start in enumerate(range(0, rows, size)):
            chosen = order[start : start + size]
            rate = lib.rnnp_schedule_rate(byref(plan), epoch + index / per_epoch)
            trainer.set_rate(rate)
            part = tuple(array.take(chosen, axis) for array, axis in zip(arrays, axes))
            done = trainer.step(part, *(one.take(chosen, to) for one in targets))
            total, weight = total + done.loss * done.weight, weight + done.weight
        score = trainer.evaluate(*validation).loss if validation else None
        history.loss.append(total / weight)
        if score is not None:
            history.validation.append(score)
            if history.best is None or score < history.validation[history.best]:
                history.best = epoch
        lib.rnnp_schedule_score(byref(plan), history.loss[-1] if score is None else score)
        told = Epoch(epoch, history.loss[-1], score, float(c_float(rate).value), trainer)
        if any([one(told) is False for one in callbacks]):
            break
    return history


def train(model: Model, x: Any, target: Any, *, weights: Any = None, epochs: int = 10, batch_size: int = 32,
          validation: Optional[tuple[Any, ...]] = None, rates: Union[S.Schedule, float, None] = None,
          shuffle: bool = True, seed: int = 0, initialize: bool = True, callbacks: Sequence[Callback] = (),
          **options: Any) -> tuple[Model, History]:
    """Trains a model on arrays and returns the trained model and the losses of each epoch.

        model, history = rnnpack.train(model, x, classes, loss="sparse", epochs=20, validation=(x2, classes2))

    Args:
        x: the inputs of all rows; a tuple or dict for several. Rows are along the dimension that the model calls
            "batch".
        target, weights: of all rows, as the loss requires; rows are along the output's "batch".
        validation: (x, target) or (x, target, weights) that training does not see.
        rates: a :func:`schedule`, or a constant learning rate.
        seed: of the initial values, of the order of the rows, and of dropout.
        initialize: draw initial values; False goes on from the model's own.
        callbacks: told of each :class:`Epoch`; training ends if one returns False.
        options: of the :class:`Trainer`.

    With validation the returned model is that of the best epoch.
    """
    with Trainer(model, seed=seed, **options) as trainer:
        if initialize:
            trainer.initialize(seed)
        best: list[Any] = [None, None]

        def keep_best(told: Epoch) -> None:
            if told.validation is not None and (best[0] is None or told.validation < best[0]):
                best[:] = told.validation, told.trainer.model()

        history = fit(trainer, model, x, target, weights=weights, epochs=epochs, batch_size=batch_size,
                      validation=validation, rates=rates, shuffle=shuffle, seed=seed,
                      callbacks=(keep_best, *callbacks), output=options.get("output", 0),
                      batch=options.get("batch", "batch"))
        return best[1] or trainer.model(), history
