#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# make_model.py RNN_DATA.c MODEL.onnx: writes RNNoise's network, whose weights are whole numbers of 1/256 in
# src/rnn_data.c of its source (Debian: python3-onnx).
import re
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

source = open(sys.argv[1]).read()
weights, nodes = [], []


def array(name):
    body = re.search(name + r"\[\d+\] = \{(.*?)\}", source, re.DOTALL).group(1)
    return np.array(body.split(","), np.float32) / 256


def constant(name, values):
    weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
    return name


def node(op, inputs, outputs, **attributes):
    nodes.append(helper.make_node(op, inputs, outputs, **attributes))
    return outputs[0]


def dense(name, x, n_in, n_out, activation, output):
    w = constant(name + "_w", array(name + "_weights").reshape(n_in, n_out))
    b = constant(name + "_b", array(name + "_bias"))
    product = node("MatMul", [x, w], [name + "_m"])
    return node(activation, [node("Add", [product, b], [name + "_a"])], [output])


# A GRU whose candidate is ReLU and whose reset gate comes before the product, with its state as input and output. The
# source has input by gate and unit; its gates are in the order of ONNX: update, reset, candidate.
def gru(name, x, n_in, n, output):
    w = constant(name + "_W", array(name + "_weights").reshape(n_in, 3 * n).T[None])
    r = constant(name + "_R", array(name + "_recurrent_weights").reshape(n, 3 * n).T[None])
    b = constant(name + "_B", np.concatenate([array(name + "_bias"), np.zeros(3 * n, np.float32)])[None])
    y = node("GRU", [x, w, r, b, "", name + "_h"], [name + "_Y", name + "_hn"], hidden_size=n,
             activations=["Sigmoid", "Relu"], linear_before_reset=0)
    return node("Squeeze", [y, "axis"], [output])


def port(name, *shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


constant("axis", np.array([1], np.int64))
d = dense("input_dense", "features", 42, 24, "Tanh", "d")
v = gru("vad_gru", d, 24, 24, "v")
dense("vad_output", v, 24, 1, "Sigmoid", "vad")
n = gru("noise_gru", node("Concat", [d, v, "features"], ["noise_in"], axis=2), 90, 48, "n")
q = gru("denoise_gru", node("Concat", [v, n, "features"], ["denoise_in"], axis=2), 114, 96, "q")
dense("denoise_output", q, 96, 22, "Sigmoid", "gains")

states = (("vad_gru_h", 24), ("noise_gru_h", 48), ("denoise_gru_h", 96))
graph = helper.make_graph(
    nodes, "rnnoise",
    [port("features", "steps", "batch", 42)] + [port(h, 1, "batch", n) for h, n in states],
    [port("gains", "steps", "batch", 22), port("vad", "steps", "batch", 1)] +
    [port(h + "n", 1, "batch", n) for h, n in states], weights)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8,
                          doc_string="RNNoise, https://github.com/xiph/rnnoise, BSD-3-Clause (COPYING)")
onnx.checker.check_model(model)
onnx.save(model, sys.argv[2])
