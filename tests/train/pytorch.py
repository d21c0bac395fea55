# SPDX-License-Identifier: Apache-2.0
"""pytorch.py DRIVER [NAME...]: training beside PyTorch, from the same weights and with the same batches.

PyTorch trains each network twice, in float32 and in float64. Losses of 100 steps must agree with those of float32 to
1e-4 of the loss; the distances of both from float64 are printed beside, since they tell what float32 itself can do.
Final weights of a tensor must agree to 1e-3 of what training has changed in it (root mean square).
"""
import sys

try:
    import numpy as np
    import onnx
    import torch
    from onnx import numpy_helper
except ImportError as missing:
    print(f"skipped: {missing.name} is not installed (Debian: python3-torch, python3-onnx)")
    sys.exit(77)

import trained

MOST_LOSS, MOST_WEIGHTS = 1e-4, 1e-3
SPARSE, MSE, BINARY, CROSS, MAE, HUBER = range(6)

# PyTorch's gates as places in ONNX's order: LSTM i o f c to i f g o, GRU z r h to r z n.
GATES = {"rnn": [0], "lstm": [0, 2, 3, 1], "gru": [1, 0, 2]}
MODULES = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}


class SigmoidRNN(torch.nn.RNN):
    """The one activation that PyTorch's layer does not have: its parameters, and a loop."""

    def forward(self, x, lengths=None):
        h, outputs = x.new_zeros(x.shape[0], self.hidden_size), []
        for step in range(x.shape[1]):
            h = torch.sigmoid(x[:, step] @ self.weight_ih_l0.T + self.bias_ih_l0 + h @ self.weight_hh_l0.T
                              + self.bias_hh_l0)
            outputs.append(h)
        return torch.stack(outputs, 1), h[None]


class Layer(torch.nn.Module):
    """A recurrent layer; with `last` the state after each row's last step, directions side by side."""

    def __init__(self, name, cell, last, activation=None):
        super().__init__()
        self.name, self.cell, self.last, self.activation = name, cell, last, activation
        self.core = None

    def take(self, constants):
        """Makes the layer of the size that its weights have."""
        directions, rows, width = constants[self.name + ".W"].shape
        options = {"batch_first": True, "bidirectional": directions == 2}
        hidden = rows // len(GATES[self.cell])
        if self.activation == "sigmoid":
            self.core = SigmoidRNN(width, hidden, **options)
        elif self.cell == "rnn":
            self.core = torch.nn.RNN(width, hidden, nonlinearity=self.activation, **options)
        else:
            self.core = MODULES[self.cell](width, hidden, **options)
        with torch.no_grad():
            for name, values in self.weights(constants):
                getattr(self.core, name).copy_(torch.from_numpy(values.copy()))

    def weights(self, constants):
        """PyTorch's names with what ONNX's constants say."""
        gates = GATES[self.cell]
        for direction in range(constants[self.name + ".W"].shape[0]):
            ends = "_reverse" if direction else ""
            bias = constants[self.name + ".B"][direction].reshape(2, -1)
            for name, values in (("weight_ih", constants[self.name + ".W"][direction]),
                                 ("weight_hh", constants[self.name + ".R"][direction]),
                                 ("bias_ih", bias[0]), ("bias_hh", bias[1])):
                blocks = np.split(values, len(gates))
                yield f"{name}_l0{ends}", np.concatenate([blocks[gate] for gate in gates])

    def now(self):
        return self.core.named_parameters()

    def forward(self, x, lengths):
        if lengths is None:
            y, state = self.core(x)
        else:
            rows = torch.nn.utils.rnn
            packed = rows.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            y, state = self.core(packed)
            y = rows.pad_packed_sequence(y, batch_first=True, total_length=x.shape[1])[0]
        if not self.last:
            return y
        h = state[0] if self.cell == "lstm" else state
        return torch.cat(list(h), -1)


class Table(torch.nn.Module):
    """An embedding, or a dense layer: constants under PyTorch's names, maybe transposed."""

    def __init__(self, **constants):
        super().__init__()
        self.constants = constants
        self.core = None

    def take(self, constants):
        values = dict(self.weights(constants))
        rows, columns = values["weight"].shape
        self.core = torch.nn.Linear(columns, rows) if "bias" in values else torch.nn.Embedding(rows, columns)
        with torch.no_grad():
            for name, value in values.items():
                getattr(self.core, name).copy_(torch.from_numpy(value.copy()))

    def weights(self, constants):
        for name, constant in self.constants.items():
            yield name, constants[constant].T if constant.endswith(".kernel") else constants[constant]

    def now(self):
        return self.core.named_parameters()

    def forward(self, x, _):
        return self.core(x)


class Repeat(torch.nn.Module):
    """The same vector for every step."""

    def __init__(self, steps):
        super().__init__()
        self.steps = steps

    def take(self, constants):
        pass

    def weights(self, constants):
        return ()

    def now(self):
        return ()

    def forward(self, x, _):
        return x[:, None].expand(-1, self.steps, -1)


class Own(torch.nn.Module):
    """A layer that PyTorch does not have: the constants of ONNX as they are, and the formulas."""

    ROLES = ()

    def __init__(self, name):
        super().__init__()
        self.name, self.values = name, None

    def take(self, constants):
        self.values = torch.nn.ParameterDict({role: torch.nn.Parameter(torch.from_numpy(values.copy()))
                                              for role, values in self.weights(constants)})

    def weights(self, constants):
        return [(role, constants[f"{self.name}.{role}"]) for role in self.ROLES]

    def now(self):
        return self.values.items()

    def active(self, x, lengths):
        """Which steps a row has, [batch][steps][1]."""
        lengths = torch.full((x.shape[0],), x.shape[1]) if lengths is None else lengths
        return (torch.arange(x.shape[1]) < lengths[:, None])[:, :, None]

    def gates(self, n, x, h):
        w = self.values
        hidden = w["R"].shape[2]
        bias = w["B"][0].reshape(2, -1).sum(0)
        return [x @ w["W"][0, i * hidden:(i + 1) * hidden].T + h[i] @ w["R"][0, i * hidden:(i + 1) * hidden].T
                + bias[i * hidden:(i + 1) * hidden] for i in range(n)]


class GRUD(Own):
    """Che et al. 2018, with ONNX's update gate (1 - z of the paper's)."""

    ROLES = ("input_decay", "input_bias", "hidden_decay", "hidden_bias", "mean", "W", "R", "B")

    def forward(self, x, lengths):
        w, active = self.values, self.active(x, lengths)
        x, mask, delta = x[..., :2], x[..., 2:4], x[..., 4:].abs()
        left = torch.exp(-torch.relu(delta * w["input_decay"] + w["input_bias"]))
        fade = torch.exp(-torch.relu(delta @ w["hidden_decay"] + w["hidden_bias"]))
        x = torch.cat([(x - w["mean"]) * (mask + (1 - mask) * left) + w["mean"], mask], -1)
        h, outputs = x.new_zeros(x.shape[0], w["R"].shape[2]), []
        for step in range(x.shape[1]):
            old = fade[:, step] * h
            update, reset, _ = self.gates(3, x[:, step], [old] * 3)
            update = torch.sigmoid(update)
            new = torch.tanh(self.gates(3, x[:, step], [old, old, torch.sigmoid(reset) * old])[2])
            new = (1 - update) * new + update * old
            h = torch.where(active[:, step], new, h)
            outputs.append(torch.where(active[:, step], new, torch.zeros_like(new)))
        return torch.stack(outputs, 1)


class Attention(Own):
    ROLES = ("kernel", "bias", "query")

    def forward(self, x, lengths):
        w = self.values
        score = torch.tanh(x @ w["kernel"] + w["bias"]) @ w["query"]
        score = score.masked_fill(~self.active(x, lengths), -1e30)
        return (torch.softmax(score, 1) * x).sum(1)


class TimeLSTM(Own):
    """Baytas et al. 2017; the state after each row's last step."""

    ROLES = ("W", "R", "B", "split", "split_bias")

    def forward(self, x, lengths):
        w, active = self.values, self.active(x, lengths)
        fade = 1 / torch.log(x[..., :1].abs() + float(np.float32(np.e)))
        h = c = x.new_zeros(x.shape[0], w["R"].shape[2])
        for step in range(x.shape[1]):
            part = torch.tanh(c @ w["split"][0].T + w["split_bias"])
            old = c - part + fade[:, step] * part
            i, o, f, g = self.gates(4, x[:, step], [h] * 4)
            new = torch.sigmoid(f) * old + torch.sigmoid(i) * torch.tanh(g)
            h = torch.where(active[:, step], torch.sigmoid(o) * torch.tanh(new), h)
            c = torch.where(active[:, step], new, c)
        return h


def head():
    return Table(weight="head.kernel", bias="head.bias")


SYSTEMS = {
    "elman-relu": lambda: [Layer("first", "rnn", False, "relu"), head()],
    "elman-sigmoid": lambda: [Layer("first", "rnn", False, "sigmoid"), head()],
    "elman-tanh": lambda: [Layer("first", "rnn", False, "tanh"), head()],
    "text": lambda: [Table(weight="words.table"), Layer("first", "lstm", False), Layer("second", "lstm", True), head()],
    "deep": lambda: [Layer("first", "lstm", False), Layer("second", "lstm", False), Layer("third", "lstm", True),
                     head()],
    "binary": lambda: [Layer("first", "lstm", False), Layer("second", "lstm", True), head()],
    "visits": lambda: [Layer("first", "gru", False), Layer("second", "gru", True), head()],
    "grud": lambda: [GRUD("first"), Attention("pool"), head()],
    "tlstm": lambda: [TimeLSTM("first"), head()],
    "autoencoder": lambda: [Layer("first", "lstm", True), Repeat(12), Layer("second", "lstm", False), head()],
}


def constants_of(path):
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(str(path)).graph.initializer}


def network_of(training, dtype):
    layers, constants = SYSTEMS[training.options["system"]](), constants_of(training.model("first"))
    for layer in layers:
        layer.take(constants)
    return torch.nn.ModuleList(layers).to(dtype)


def optimizer_of(o, parameters):
    if o["optimizer"] == "sgd":
        return torch.optim.SGD(parameters, o["rate"], o["momentum"], weight_decay=o["decay"],
                               nesterov=o["nesterov"] != 0)
    if o["optimizer"] == "rmsprop":
        return torch.optim.RMSprop(parameters, o["rate"], o["rho"], o["epsilon"], o["decay"], o["momentum"])
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[o["optimizer"]]
    return kind(parameters, o["rate"], (o["beta1"], o["beta2"]), o["epsilon"], o["decay"])


def loss_of(o, y, batch):
    """train.h's sum(w l) / sum(w)."""
    target, classes, smoothing = batch["target"], o["class_weights"], o["label_smoothing"]
    each = torch.tensor(classes, dtype=y.dtype)
    functional = torch.nn.functional
    if o["loss"] == MSE:
        losses = ((y - target) ** 2).mean(-1)
        weights = torch.ones_like(losses)
    elif o["loss"] == MAE:
        losses = functional.l1_loss(y, target, reduction="none").mean(-1)
        weights = torch.ones_like(losses)
    elif o["loss"] == HUBER:
        losses = functional.huber_loss(y, target, reduction="none", delta=o["huber_delta"]).mean(-1)
        weights = torch.ones_like(losses)
    elif o["loss"] == BINARY:
        weights = each[target.long()] if classes else torch.ones_like(y)
        smooth = (1 - smoothing) * target + smoothing / 2
        losses = functional.binary_cross_entropy_with_logits(y, smooth, reduction="none")
    else:
        losses = functional.cross_entropy(y, target.long(), reduction="none", label_smoothing=smoothing)
        weights = each[target.long()] if classes else torch.ones_like(losses)
    if batch["weights"] is not None:
        weights = weights * batch["weights"]
    return (weights * losses).sum() / weights.sum()


def penalty_of(o, network):
    """Of weights, not of biases."""
    weights = [p for name, p in network.named_parameters() if "bias" not in name]
    return sum(o["l1"] * p.abs().sum() + o["l2"] / 2 * (p ** 2).sum() for p in weights)


def tensors(batch, dtype):
    def convert(array):
        if array is None:
            return None
        tensor = torch.from_numpy(array)
        return tensor.to(dtype) if tensor.is_floating_point() else tensor.long()

    return {name: convert(array) for name, array in batch.items()}


def train(training, dtype):
    """Losses and the network."""
    o, network = training.options, network_of(training, dtype)
    parameters = list(network.parameters())
    optimizer = optimizer_of(o, parameters)
    batches = [tensors(batch, dtype) for batch in training.batches]
    losses = []
    for step in range(len(training.losses)):
        batch = batches[step % len(batches)]
        optimizer.zero_grad()
        y = batch["x"]
        for layer in network:
            y = layer(y, batch["lengths"])
        loss = loss_of(o, y, batch) + penalty_of(o, network)
        loss.backward()
        if o["clip_norm"]:
            torch.nn.utils.clip_grad_norm_(parameters, o["clip_norm"])
        if o["clip_value"]:
            torch.nn.utils.clip_grad_value_(parameters, o["clip_value"])
        optimizer.step()
        losses.append(loss.item())
    return np.array(losses), network


def off(losses, others):
    return float(np.max(np.abs(losses - others) / np.abs(others)))


def weights_off(training, network):
    """The largest distance of a tensor's final weights, as a part of what training changed."""
    first, last = constants_of(training.model("first")), constants_of(training.model("last"))
    worst = 0.0
    for layer in network:
        ours, before = dict(layer.weights(last)), dict(layer.weights(first))
        for name, parameter in layer.now():
            theirs = parameter.detach().numpy().astype(np.float64)
            moved = np.linalg.norm(theirs - before[name])
            worst = max(worst, float(np.linalg.norm(theirs - ours[name]) / moved))
    return worst


def main():
    torch.set_num_threads(1)
    failures = 0
    print(f"PyTorch {torch.__version__}; largest distances of losses over all steps, and of final weights:")
    print(f"{'training':14} {'first':>9} {'last':>9} {'PyTorch':>9} {'float64':>9} {'PyTorch to float64':>19} "
          f"{'weights':>9}")
    for training in trained.run_driver(sys.argv[1]):
        if sys.argv[2:] and training.name not in sys.argv[2:]:
            continue
        ours = np.array(training.losses)
        single, network = train(training, torch.float32)
        double, _ = train(training, torch.float64)
        distance, weights = off(ours, single), weights_off(training, network)
        good = distance <= MOST_LOSS and weights <= MOST_WEIGHTS
        failures += not good
        print(f"{training.name:14} {ours[0]:9.5f} {ours[-1]:9.5f} {distance:9.1e} {off(ours, double):9.1e} "
              f"{off(single, double):19.1e} {weights:9.1e}{'' if good else '  FAILED'}", flush=True)
    return 1 if failures else 0


sys.exit(main())
