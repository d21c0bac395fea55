#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes torch/: models exported by PyTorch's torch.onnx.export, with expectations from the same module in float64.

Needs python3-torch (1.13) and python3-onnx. PyTorch's initial weights depend on its version; the committed files are
those of 1.13.
"""
import os
import warnings

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from case import save_tensors

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "torch")


class StackedLstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(4, 7, num_layers=2)

    def forward(self, x):
        y, (h, c) = self.lstm(x)
        return y, h, c


class BidirectionalGru(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(3, 5, num_layers=2, bidirectional=True)

    def forward(self, x):
        return self.gru(x)


class RnnWithState(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(3, 6, nonlinearity="relu", batch_first=True)

    def forward(self, x, h0):
        return self.rnn(x, h0)


class Packed(nn.Module):
    """Padded rows of different lengths, sorted by falling length as pack_padded_sequence wants them. The states are
    given because the exporter writes the traced batch size into those that a packed LSTM makes itself."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 5, bidirectional=True)

    def forward(self, x, lengths):
        zeros = x.new_zeros(2, x.size(1), 5)
        y, (h, _) = self.lstm(pack_padded_sequence(x, lengths), (zeros, zeros))
        y, _ = pad_packed_sequence(y)
        return y, h


class EmbeddingClassifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(13, 6)
        self.lstm = nn.LSTM(6, 8, batch_first=True, bidirectional=True)
        self.norm = nn.LayerNorm(16)
        self.head = nn.Linear(16, 3)

    def forward(self, tokens):
        y, _ = self.lstm(self.embedding(tokens))
        return torch.log_softmax(self.head(torch.relu(self.norm(y.mean(dim=1)))), dim=-1)


class Autoencoder(nn.Module):
    """The last hidden state, repeated, feeds the decoder."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.LSTM(3, 5, batch_first=True)
        self.decoder = nn.LSTM(5, 6, batch_first=True)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        _, (h, _) = self.encoder(x)
        repeated = h[-1].unsqueeze(1).repeat(1, x.size(1), 1)
        y, _ = self.decoder(repeated)
        reconstruction = self.head(y)
        return reconstruction, ((reconstruction - x) ** 2).mean(dim=(1, 2))


class GruLastStep(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(4, 9, num_layers=2, batch_first=True, dropout=0.3)
        self.head = nn.Sequential(nn.Linear(9, 7), nn.LeakyReLU(0.1), nn.Dropout(0.5), nn.Linear(7, 2),
                                  nn.Softmax(dim=1))

    def forward(self, x):
        y, _ = self.gru(x)
        return self.head(y[:, -1, :])


def as_double(value):
    return value.double() if value.is_floating_point() else value


def export(name, module, inputs, outputs, opset, example=None):
    """inputs: {name: (tensor, dynamic axes)}; outputs: {name: dynamic axes}. The model is traced with `example` tensors
    of other sizes where given, so that nothing of them may stick in the graph."""
    module.eval()
    tensors = tuple(t for t, _ in inputs.values())
    path = os.path.join(FOLDER, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, example or tensors, f"{path}.onnx", opset_version=opset, input_names=list(inputs),
                          output_names=list(outputs),
                          dynamic_axes={**{n: a for n, (_, a) in inputs.items()}, **outputs})
    with torch.no_grad():
        expected = module.double()(*(as_double(t) for t in tensors))
    expected = expected if isinstance(expected, tuple) else (expected,)
    save_tensors(f"{path}.pb", {n: t.numpy() for n, (t, _) in inputs.items()},
                 {n: t.numpy() for n, t in zip(outputs, expected)})


def main():
    os.makedirs(FOLDER, exist_ok=True)
    torch.manual_seed(7)
    time_first, batch_first, state = {0: "steps", 1: "batch"}, {0: "batch", 1: "steps"}, {1: "batch"}
    export("stacked_lstm", StackedLstm(), {"x": (torch.randn(6, 3, 4), time_first)},
           {"y": time_first, "h": state, "c": state}, 13, (torch.randn(4, 2, 4),))
    export("bidirectional_gru", BidirectionalGru(), {"x": (torch.randn(5, 3, 3), time_first)},
           {"y": time_first, "h": state}, 11, (torch.randn(4, 2, 3),))
    export("rnn_relu_with_state", RnnWithState(),
           {"x": (torch.randn(2, 5, 3), batch_first), "h0": (torch.randn(1, 2, 6), state)},
           {"y": batch_first, "h": state}, 14)
    export("packed_lstm", Packed(), {"x": (torch.randn(6, 4, 3), time_first),
                                     "lengths": (torch.tensor([6, 4, 4, 1]), {0: "batch"})},
           {"y": time_first, "h": state}, 13, (torch.randn(4, 2, 3), torch.tensor([4, 3])))
    export("embedding_classifier", EmbeddingClassifier(), {"tokens": (torch.randint(0, 13, (3, 7)), batch_first)},
           {"logp": {0: "batch"}}, 12, (torch.randint(0, 13, (2, 4)),))
    export("lstm_autoencoder", Autoencoder(), {"x": (torch.randn(2, 6, 3), batch_first)},
           {"reconstruction": batch_first, "error": {0: "batch"}}, 16, (torch.randn(3, 4, 3),))
    export("gru_last_step", GruLastStep(), {"x": (torch.randn(3, 6, 4), batch_first)}, {"p": {0: "batch"}}, 14,
           (torch.randn(2, 4, 4),))


if __name__ == "__main__":
    main()
