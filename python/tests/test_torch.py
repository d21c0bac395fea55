# SPDX-License-Identifier: Apache-2.0
"""rnnpack.torch beside PyTorch: results, gradients, state_dict, every kind of input, and what is left to PyTorch."""
import copy
import io
import pickle
import unittest

import support

try:
    import torch
    from torch import nn
    from torch.nn.utils.rnn import pack_padded_sequence, pack_sequence
except ImportError:
    support.skip("PyTorch is not installed (Debian: python3-torch)")
import rnnpack
import rnnpack.torch as fast

MOST = 1e-5
KINDS = {"LSTM": nn.LSTM, "GRU": nn.GRU, "RNN": nn.RNN}


def flat(value):
    """All tensors of a result."""
    if isinstance(value, torch.Tensor):
        return [value]
    return [] if value is None else [one for part in value for one in flat(part)]


class Case(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(1)
        # What ran on rnnpack is counted, so that no test is passed by PyTorch itself.
        self.calls, self.packs = 0, 0
        layer, plan = rnnpack.layers.Layer, rnnpack.Plan
        for kind, name in ((layer, "execute"), (plan, "execute")):
            usual = getattr(kind, name)

            def counted(*arguments, usual=usual, **named):
                self.calls += 1
                return usual(*arguments, **named)

            setattr(kind, name, counted)
            self.addCleanup(setattr, kind, name, usual)

    def close(self, got, wanted):
        got, wanted = flat(got), flat(wanted)
        self.assertEqual(len(got), len(wanted))
        for one, other in zip(got, wanted):
            self.assertEqual((one.shape, one.dtype), (other.shape, other.dtype))
            self.assertLessEqual(float((one.double() - other.double()).abs().max()) if one.numel() else 0.0, MOST)

    def both(self, module, *inputs, calls=None):
        """Runs PyTorch, and then rnnpack, which must have been called."""
        module = module.eval()
        with torch.inference_mode():
            wanted = module(*inputs)
            fast.optimize(module)
            before = self.calls
            got = module(*inputs)
        if calls is None:
            self.assertGreater(self.calls, before)
        else:
            self.assertEqual(self.calls, before + calls)
        self.close(got, wanted)
        fast.restore(module)
        return got


class Layers(Case):
    def test_shapes(self):
        for name, kind in KINDS.items():
            for layers, both, first, bias in ((1, False, False, True), (1, True, True, True), (3, False, True, False),
                                              (2, True, False, True)):
                with self.subTest(kind=name, layers=layers, both=both, first=first, bias=bias):
                    module = kind(5, 7, num_layers=layers, bidirectional=both, batch_first=first, bias=bias)
                    x = torch.randn(6, 3, 5)
                    batch = 6 if first else 3
                    h = torch.randn(layers * (1 + both), batch, 7)
                    state = (h, torch.randn_like(h)) if name == "LSTM" else h
                    self.both(module, x, calls=layers)
                    self.both(module, x, state, calls=layers)
                    one = (h[:, 0], state[1][:, 0]) if name == "LSTM" else h[:, 0]
                    self.both(module, torch.randn(4, 5), one)  # without a batch
                    self.both(module, torch.randn(4, 5))
        self.both(nn.RNN(5, 7, nonlinearity="relu", bidirectional=True), torch.randn(6, 3, 5))

    def test_layouts(self):
        module = nn.LSTM(5, 7, batch_first=True)
        whole = torch.randn(4, 6, 10)
        for x in (whole[:, :, :5], whole[:, :, ::2], whole[:, ::2, :5], whole[::2, :, 5:], torch.randn(6, 4, 5).mT.mT,
                  torch.randn(5, 6, 4).permute(2, 1, 0), torch.randn(1, 6, 5).expand(4, 6, 5),
                  torch.randn(4, 1, 5).expand(4, 6, 5), torch.randn(6, 4, 5).transpose(0, 1)):
            self.both(module, x, calls=1)

    def test_packed_sequences(self):
        parts = [torch.randn(n, 5) for n in (3, 7, 1, 7)]
        padded = torch.randn(7, 4, 5)
        for name, kind in KINDS.items():
            for layers, both in ((1, False), (2, True)):
                module = kind(5, 6, num_layers=layers, bidirectional=both)
                h = torch.randn(layers * (1 + both), 4, 6)
                state = (h, torch.randn_like(h)) if name == "LSTM" else h
                for x in (pack_sequence(parts, enforce_sorted=False), pack_padded_sequence(padded, [7, 5, 5, 2]),
                          pack_padded_sequence(padded, [2, 7, 1, 3], enforce_sorted=False)):
                    for given in ((x,), (x, state)):
                        got = self.both(module, *given, calls=layers)[0]
                        self.assertTrue(torch.equal(got.batch_sizes, x.batch_sizes))
                        self.assertEqual(got.sorted_indices is None, x.sorted_indices is None)

    def test_cells(self):
        for kind in (nn.LSTMCell, nn.GRUCell, nn.RNNCell):
            for options in ({}, {"bias": False}, *([{"nonlinearity": "relu"}] if kind is nn.RNNCell else [])):
                module = kind(5, 7, **options)
                h = torch.randn(3, 7)
                state = (h, torch.randn(3, 7)) if kind is nn.LSTMCell else h
                self.both(module, torch.randn(3, 5), calls=1)
                self.both(module, torch.randn(3, 5), state, calls=1)
                self.both(module, torch.randn(5, 3).T, state, calls=1)
                if not (kind is nn.RNNCell and torch.__version__ < "1.12"):
                    self.both(module, torch.randn(5))

    def test_linear(self):
        for bias in (True, False):
            module = nn.Linear(5, 7, bias=bias)
            for x in (torch.randn(5), torch.randn(3, 5), torch.randn(2, 3, 5), torch.randn(5, 3).T):
                self.both(module, x, calls=1)

    def test_network(self):
        class Network(nn.Module):
            def __init__(self):
                super().__init__()
                self.first = nn.Linear(5, 8)
                self.body = nn.GRU(8, 12, num_layers=2, batch_first=True, dropout=0.5)
                self.last = nn.Linear(12, 3)

            def forward(self, x):
                return self.last(torch.relu(self.body(torch.relu(self.first(x)))[0]))

        module = Network()
        self.both(module, torch.randn(4, 9, 5), calls=4)
        with self.assertRaises(rnnpack.UnsupportedError):
            fast.optimize(nn.Sequential(nn.ReLU()))
        fast.optimize(module, linear=False)
        self.assertIs(type(module.first), nn.Linear)
        self.assertIs(type(module.body), fast.GRU)


class Changes(Case):
    def test_gradients(self):
        module, x = nn.LSTM(5, 7), torch.randn(4, 2, 5, requires_grad=True)
        module(x)[0].sum().backward()
        wanted = [one.grad.clone() for one in (x, *module.parameters())]
        x.grad = None
        module.zero_grad()
        fast.optimize(module)
        module(x)[0].sum().backward()
        self.assertEqual(self.calls, 0)
        for one, other in zip((x, *module.parameters()), wanted):
            self.assertTrue(torch.equal(one.grad, other))
        for one in module.parameters():
            one.requires_grad_(False)
        self.assertTrue(module(x)[0].requires_grad)  # for the input's sake
        self.assertEqual(self.calls, 0)
        self.assertFalse(module(x.detach())[0].requires_grad)
        self.assertEqual(self.calls, 1)

    def test_changed_weights(self):
        module, x = fast.optimize(nn.Sequential(nn.Linear(5, 5))), torch.randn(3, 5)
        module.append(fast.optimize(nn.GRUCell(5, 5)))
        plain = nn.Sequential(nn.Linear(5, 5), nn.GRUCell(5, 5))

        def check():
            with torch.no_grad():
                plain.load_state_dict(module.state_dict())
                before = self.calls
                self.close(module(x), plain(x))
                self.assertEqual(self.calls, before + 2)

        check()
        optimizer = torch.optim.SGD(module.parameters(), lr=0.5)
        module(x).sum().backward()
        optimizer.step()
        check()
        module.load_state_dict(nn.Sequential(nn.Linear(5, 5), nn.GRUCell(5, 5)).state_dict())
        check()
        with torch.no_grad():
            module[0].weight.add_(1)
            module[1].weight_hh[2, 3] = 5
        check()
        module[0].weight = nn.Parameter(torch.randn(5, 5))
        check()
        module[1].weight_ih.data = torch.randn(15, 5)
        check()
        module[1].weight_ih.data.mul_(2)
        fast.refresh(module)
        check()
        module[0].bias.data.mul_(2)
        module.eval()
        check()

    def test_state_dict_and_copies(self):
        module = nn.LSTM(5, 7, num_layers=2)
        before = {name: one.clone() for name, one in module.state_dict().items()}
        x = torch.randn(3, 2, 5)
        with torch.no_grad():
            wanted = module(x)
            fast.optimize(module)(x)
        after = module.state_dict()
        self.assertEqual(list(before), list(after))
        self.assertTrue(all(torch.equal(before[name], after[name]) for name in before))
        self.assertIsInstance(module, nn.LSTM)
        self.assertIn("rnnpack.LSTM(5, 7, num_layers=2)", repr(module))
        data = io.BytesIO()
        torch.save(module, data)
        data.seek(0)
        for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module)), torch.load(data)):
            self.assertIs(type(other), fast.LSTM)
            with torch.no_grad():
                calls = self.calls
                self.close(other(x), wanted)
                self.assertEqual(self.calls, calls + 2)
                other.weight_hh_l0.zero_()
                self.assertFalse(torch.equal(other(x)[0], module(x)[0]))
        self.assertIs(type(fast.restore(module)), nn.LSTM)
        self.assertNotIn("_rnnpack", vars(module))
        fast.optimize(fast.optimize(module))


class Left(Case):
    """What PyTorch does itself, with its own results and its own errors."""

    def usual(self, module, *inputs):
        with torch.no_grad():
            torch.manual_seed(3)
            wanted = module(*inputs)
            fast.optimize(module)
            torch.manual_seed(3)
            got = module(*inputs)
        self.assertEqual(self.calls, 0)
        self.assertTrue(all(torch.equal(one, other) for one, other in zip(flat(got), flat(wanted))))

    def test_other_types(self):
        self.usual(nn.LSTM(5, 7).double(), torch.randn(3, 2, 5).double())
        self.usual(nn.LSTM(5, 7, num_layers=2, dropout=0.5).train(), torch.randn(3, 2, 5))
        self.usual(nn.Linear(5, 7).to(torch.bfloat16), torch.randn(2, 5).to(torch.bfloat16))
        self.usual(nn.Linear(5, 7), torch.empty(0, 5))
        torch.set_default_dtype(torch.float64)
        self.addCleanup(torch.set_default_dtype, torch.float32)
        for module in (nn.Linear(5, 7), nn.GRU(5, 7), nn.LSTMCell(5, 7)):
            self.both(module.float(), torch.randn(3, 5).float())

    def test_parametrised(self):
        module = torch.nn.utils.weight_norm(nn.GRU(5, 7), "weight_hh_l0")
        self.usual(module, torch.randn(3, 2, 5))

    def test_tracing(self):
        module, x = fast.optimize(nn.Linear(5, 7)), torch.randn(2, 5)
        traced = torch.jit.trace(module, x, check_trace=False)
        self.assertEqual(self.calls, 0)
        self.assertTrue(torch.equal(traced(x + 1), fast.restore(module)(x + 1)))

    def test_proj_size(self):
        module = nn.Sequential(nn.LSTM(5, 8, proj_size=3), nn.Linear(3, 2))
        with self.assertRaisesRegex(rnnpack.UnsupportedError, "0: .*proj_size=3"):
            fast.optimize(module)
        self.assertIs(type(module[1]), nn.Linear)
        fast.optimize(module, partial=True)
        self.assertEqual([type(one) for one in module], [nn.LSTM, fast.Linear])

    def test_errors_are_pytorchs(self):
        for module, inputs in ((nn.LSTM(5, 7), (torch.randn(3, 2, 4),)), (nn.LSTM(5, 7), (torch.randn(3, 2, 5, 1),)),
                               (nn.GRU(5, 7), (torch.randn(3, 2, 5), torch.randn(1, 3, 7))),
                               (nn.LSTM(5, 7), (torch.randn(3, 2, 5), torch.randn(1, 2, 7))),
                               (nn.LSTM(5, 7), (torch.randn(3, 2, 5).double(),)), (nn.Linear(5, 7), (torch.randn(4),)),
                               (nn.LSTMCell(5, 7), (torch.randn(2, 4),)),
                               (nn.GRUCell(5, 7), (torch.randn(2, 2, 2, 5),)),
                               (nn.GRUCell(5, 7), (torch.randn(2, 5), torch.randn(3, 7))), (nn.GRU(5, 7), ("x",))):
            with torch.no_grad():
                with self.assertRaises(Exception) as usual:
                    module(*inputs)
                fast.optimize(module)
                with self.assertRaises(type(usual.exception)) as mine:
                    module(*inputs)
            self.assertEqual(str(mine.exception), str(usual.exception))
        self.assertEqual(self.calls, 0)


if __name__ == "__main__":
    support.main()
