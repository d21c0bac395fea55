# SPDX-License-Identifier: Apache-2.0
"""One case on disk: <name>.onnx, and <name>.pb with its tensors.

The .pb file is a serialised onnx.GraphProto that holds tensors only: "in:<name>" for each input of the model and
"out:<name>" for each output, the expected values in float64.
"""
import os
import zlib

import numpy as np
import onnx
from onnx import helper, numpy_helper

# What each opset was released with, but not below 4, before which every initializer must be an input too.
IR_VERSION = {7: 4, 8: 4, 9: 4, 10: 5, 11: 6, 12: 7, 13: 7, 14: 7}


def generator(name):
    """A stream of random numbers that depends on the case alone."""
    return np.random.default_rng(zlib.crc32(name.encode()))


def save_tensors(path, inputs, outputs):
    tensors = [numpy_helper.from_array(np.ascontiguousarray(a), f"in:{n}") for n, a in inputs.items()]
    tensors += [numpy_helper.from_array(np.ascontiguousarray(a), f"out:{n}") for n, a in outputs.items()]
    graph = onnx.GraphProto(initializer=tensors)
    with open(path, "wb") as f:
        f.write(graph.SerializeToString(deterministic=True))


class Case:
    """A model under construction together with the values of its inputs and outputs."""

    def __init__(self, folder, name, opset, ir_version=None):
        self.folder, self.name, self.opset = folder, name, opset
        self.ir_version = ir_version or IR_VERSION.get(opset, 8 if opset < 19 else 10)
        self.random = generator(name)
        self.nodes, self.initializers, self.inputs, self.outputs = [], [], [], []
        self.values, self.expected = {}, {}

    def uniform(self, *shape, scale=1.0):
        return (self.random.uniform(-1, 1, shape) * scale).astype(np.float32)

    def describe(self, name, array, dims):
        """dims may name dimensions that a run decides; None: those of the array."""
        dtype = onnx.mapping.NP_TYPE_TO_TENSOR_TYPE[array.dtype]
        return helper.make_tensor_value_info(name, dtype, list(array.shape) if dims is None else dims)

    def input(self, name, array, dims=None):
        self.inputs.append(self.describe(name, array, dims))
        self.values[name] = array
        return name

    def constant(self, name, array, also_input=False):
        array = np.asarray(array)
        self.initializers.append(numpy_helper.from_array(array, name))
        if also_input:  # before IR 4 every initializer is declared as an input too
            self.inputs.append(self.describe(name, array, None))
        return name

    def node(self, op, inputs, outputs=None, **attributes):
        """Adds a node; returns its only output or the list of them."""
        names = outputs or [f"{op.lower()}_{len(self.nodes)}"]
        self.nodes.append(helper.make_node(op, inputs, names, name=f"{op}_{len(self.nodes)}", **attributes))
        return names if outputs else names[0]

    def output(self, name, expected, dims=None):
        """expected is float64, or an integer or bool array that must match exactly."""
        expected = np.asarray(expected)
        described = expected.astype(np.float32) if expected.dtype == np.float64 else expected
        self.outputs.append(self.describe(name, described, dims))
        self.expected[name] = expected

    def save(self, external_data=False):
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, self.initializers)
        model = helper.make_model(graph, producer_name="rnnpack-tests", ir_version=self.ir_version,
                                  opset_imports=[helper.make_opsetid("", self.opset)])
        if self.opset <= onnx.defs.onnx_opset_version():
            onnx.checker.check_model(model, full_check=True)
        os.makedirs(self.folder, exist_ok=True)
        path = os.path.join(self.folder, self.name)
        if external_data:
            onnx.external_data_helper.convert_model_to_external_data(model, location=f"{self.name}.bin",
                                                                     size_threshold=0)
        if os.path.exists(f"{path}.bin"):
            os.remove(f"{path}.bin")  # the helper appends
        onnx.save_model(model, f"{path}.onnx")
        save_tensors(f"{path}.pb", self.values, self.expected)
