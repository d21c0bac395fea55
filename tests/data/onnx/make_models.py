#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes recurrent/ and graph/: small ONNX models with inputs and float64 expectations (needs python3-onnx, NumPy).

The expectations come from oracle.py and NumPy, not from a framework. All seeds are fixed: a second run writes the
same bytes. Opsets beyond those of the installed onnx are written without its checker.
"""
import itertools
import os

import numpy as np

import graphs
import oracle
from case import Case

HERE = os.path.dirname(os.path.abspath(__file__))
OPSETS = [7, 14, 22]
DIRECTIONS = ["forward", "reverse", "bidirectional"]
CELLS = {"rnn": ("RNN", {}), "lstm": ("LSTM", {}), "gru": ("GRU", {}), "gru_lbr": ("GRU", {"linear_before_reset": 1})}
LENGTHS = {"full": None, "sorted": [6, 5, 3, 1], "unsorted": [2, 6, 1, 4, 5], "zero_equal": [3, 0, 3, 6, 0]}
ALL = ("Y", "Y_h", "Y_c")


def recurrent(name, cell, direction="forward", opset=14, steps=6, batch=3, hidden=5, inputs=4, lens=None, bias=True,
              state=False, peephole=False, wanted=ALL, dynamic=False, weights="constant", external=False,
              ir_version=None, scale=None, **attributes):
    """weights: "constant", "run" (given at run time) or "declared" (initializers that are inputs too)."""
    case = Case(os.path.join(HERE, "recurrent"), name, opset, ir_version)
    directions, gates = 2 if direction == "bidirectional" else 1, oracle.GATES[cell]
    layout = attributes.get("layout", 0)
    batch = len(lens) if lens else batch

    def dims(*shape):
        return list(shape) if dynamic else None

    arguments, node_inputs = {}, []

    def add(key, array, dimensions=None, how="input"):
        """The next input of the node; an absent one when array is None."""
        arguments[key] = array
        if array is None:
            node_inputs.append("")
        elif how == "input":
            node_inputs.append(case.input(key, array, dimensions))
        else:
            node_inputs.append(case.constant(key, array, also_input=how == "declared"))

    how = {"constant": "constant", "run": "input", "declared": "declared"}[weights]
    size = scale or 1.2 / np.sqrt(hidden)
    sequence = (batch, steps) if layout else (steps, batch)
    names = ("batch", "steps") if layout else ("steps", "batch")
    state_shape = (batch, directions, hidden) if layout else (directions, batch, hidden)
    state_names = ("batch", directions, hidden) if layout else (directions, "batch", hidden)
    add("X", case.uniform(*sequence, inputs, scale=2), dims(*names, inputs))
    add("W", case.uniform(directions, gates * hidden, inputs, scale=size), how=how)
    add("R", case.uniform(directions, gates * hidden, hidden, scale=size), how=how)
    add("B", case.uniform(directions, 2 * gates * hidden, scale=0.5) if bias else None, how=how)
    add("sequence_lens", np.array(lens, np.int32) if lens else None, dims("batch"))
    add("initial_h", case.uniform(*state_shape) if state else None, dims(*state_names))
    if cell == "LSTM":
        add("initial_c", case.uniform(*state_shape, scale=2) if state else None, dims(*state_names))
        add("P", case.uniform(directions, 3 * hidden) if peephole else None, how=how)
    while not node_inputs[-1]:
        node_inputs.pop()

    outputs = [o if o in wanted else "" for o in (ALL if cell == "LSTM" else ALL[:2])]
    while not outputs[-1]:
        outputs.pop()
    given = {} if direction == "forward" else {"direction": direction}
    given.update(hidden_size=hidden, **attributes)
    case.node(cell, node_inputs, outputs, **given)

    for onnx_name, ours in [("activations", "names"), ("activation_alpha", "alpha"), ("activation_beta", "beta")]:
        if onnx_name in attributes:
            attributes[ours] = attributes.pop(onnx_name)
    w, r, x = arguments.pop("W"), arguments.pop("R"), arguments.pop("X")
    keywords = {"B": "b", "P": "p"}
    arguments = {keywords.get(k, k): v for k, v in arguments.items()}
    y = oracle.recurrent(cell, x, w, r, direction=direction, **arguments, **attributes)
    y_names = ("batch", "steps", directions, hidden) if layout else ("steps", directions, "batch", hidden)
    for output, expected, shape in zip(ALL, y, (y_names, state_names, state_names)):
        if output in outputs:
            case.output(output, expected, dims(*shape))
    case.save(external)


def systematic():
    """Every cell, direction and kind of lengths; the other features take turns."""
    subsets = itertools.cycle([ALL, ("Y",), ("Y_h",), ALL, ("Y", "Y_h"), ("Y", "Y_c"), ("Y_c", "Y_h"), ALL])
    opsets, hidden, inputs = (itertools.cycle(c) for c in (OPSETS, [5, 3, 7, 9, 8, 4, 6], [4, 1, 3, 6, 5]))
    states, biases, dynamics = (itertools.cycle(c) for c in ([0, 1, 1, 0, 1], [1, 1, 0], [0, 0, 1, 1]))
    kinds = itertools.product(CELLS.items(), DIRECTIONS, LENGTHS.items())
    for (tag, (cell, extra)), direction, (lens_tag, lens) in kinds:
        wanted = next(subsets)
        if cell != "LSTM" and wanted == ("Y_c", "Y_h"):
            wanted = ("Y_h",)
        recurrent(f"{tag}_{direction}_{lens_tag}", cell, direction, next(opsets), lens=lens, hidden=next(hidden),
                  inputs=next(inputs), state=next(states), bias=next(biases), dynamic=next(dynamics), wanted=wanted,
                  **extra)


def layouts():
    for tag, (cell, extra) in CELLS.items():
        recurrent(f"{tag}_layout1", cell, state=True, layout=1, hidden=7, dynamic=True, **extra)
        recurrent(f"{tag}_layout1_bidirectional", cell, "bidirectional", 22, lens=LENGTHS["unsorted"], state=True,
                  layout=1, hidden=3, **extra)


def lstm_options():
    recurrent("lstm_peephole", "LSTM", peephole=True, state=True, hidden=6, bias=False)
    recurrent("lstm_peephole_reverse", "LSTM", "reverse", 7, peephole=True, lens=LENGTHS["unsorted"], hidden=9)
    recurrent("lstm_peephole_bidirectional", "LSTM", "bidirectional", 22, peephole=True, state=True, layout=1)
    recurrent("lstm_input_forget", "LSTM", input_forget=1, state=True, hidden=7)
    recurrent("lstm_input_forget_peephole", "LSTM", "bidirectional", input_forget=1, peephole=True, state=True)
    recurrent("lstm_everything", "LSTM", "bidirectional", 22, input_forget=1, peephole=True, state=True, clip=0.6,
              lens=LENGTHS["zero_equal"], layout=1, hidden=7, activations=[
                  "HardSigmoid", "ScaledTanh", "Softsign", "Sigmoid", "Elu", "LeakyRelu"],
              activation_alpha=[0.25, 1.2, 0.7, 0.1], activation_beta=[0.45, 0.8])


def clips():
    for tag, (cell, extra) in CELLS.items():
        recurrent(f"{tag}_clip", cell, "bidirectional", clip=0.4, state=True, hidden=7, **extra)
    recurrent("lstm_clip_peephole", "LSTM", clip=0.7, peephole=True, state=True, opset=7)


def activations():
    numbers = {"Affine": ([0.6], [0.1]), "LeakyRelu": ([0.2], []), "ThresholdedRelu": ([0.3], []),
               "ScaledTanh": ([1.3], [0.7]), "HardSigmoid": ([0.3], [0.4]), "Elu": ([0.8], [])}
    for i, name in enumerate(oracle.ACTIVATIONS):
        alpha, beta = numbers.get(name, ([], []))
        lists = {k: v for k, v in [("activation_alpha", alpha), ("activation_beta", beta)] if v}
        recurrent(f"rnn_{name.lower()}", "RNN", opset=OPSETS[i % 3], hidden=3 + i % 7, state=True, scale=0.4,
                  activations=[name], **lists)
    for name in ("Affine", "LeakyRelu", "ThresholdedRelu", "HardSigmoid", "Elu"):
        recurrent(f"rnn_{name.lower()}_defaults", "RNN", hidden=4, scale=0.4, activations=[name])
    recurrent("rnn_two_activations", "RNN", "bidirectional", state=True, activations=["Relu", "Affine"],
              activation_alpha=[0.5], activation_beta=[-0.2], scale=0.4)
    recurrent("lstm_activations", "LSTM", "bidirectional", 22, state=True, scale=0.5, activations=[
        "HardSigmoid", "Softsign", "ScaledTanh", "Softplus", "LeakyRelu", "Tanh"],
        activation_alpha=[0.3, 0.9, 0.05], activation_beta=[0.4, 1.1])
    recurrent("lstm_relu", "LSTM", activations=["Sigmoid", "Relu", "Relu"], hidden=8, scale=0.4)
    for tag in ("gru", "gru_lbr"):
        recurrent(f"{tag}_activations", "GRU", "bidirectional", 7, state=True, scale=0.5, activations=[
            "HardSigmoid", "Elu", "Sigmoid", "ScaledTanh"], activation_alpha=[0.25, 0.6, 1.1],
            activation_beta=[0.5, 0.9], **CELLS[tag][1])
        recurrent(f"{tag}_relu", "GRU", "reverse", activations=["Sigmoid", "Relu"], scale=0.4, **CELLS[tag][1])


def sources_of_weights():
    recurrent("rnn_weights_at_run_time", "RNN", "bidirectional", 22, weights="run", state=True)
    recurrent("lstm_weights_at_run_time", "LSTM", weights="run", state=True, peephole=True, lens=LENGTHS["unsorted"])
    recurrent("gru_weights_at_run_time", "GRU", "reverse", 7, weights="run")
    recurrent("lstm_declared_initializers", "LSTM", opset=7, ir_version=3, weights="declared", state=True)
    recurrent("gru_external_data", "GRU", "bidirectional", external=True, state=True)


def edges():
    for tag, (cell, extra) in CELLS.items():
        recurrent(f"{tag}_one_of_each", cell, steps=1, batch=1, hidden=1, inputs=1, opset=22, **extra)
        recurrent(f"{tag}_one_step", cell, "bidirectional", steps=1, batch=2, hidden=8, state=True, wanted=("Y",),
                  **extra)
        recurrent(f"{tag}_one_row", cell, "bidirectional", steps=9, batch=1, hidden=9, dynamic=True, wanted=("Y_h",),
                  **extra)


def main():
    systematic()
    layouts()
    lstm_options()
    clips()
    activations()
    sources_of_weights()
    edges()
    graphs.write_all(os.path.join(HERE, "graph"))


if __name__ == "__main__":
    main()
