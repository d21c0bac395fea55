# SPDX-License-Identifier: Apache-2.0
"""The smallest comparison with every peer that is here: outputs agree, the result has its keys, faults are told."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import sample_history

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ["RNNPACK_BUILD"])
TOOL = ROOT / "bench" / "tools" / "peers.py"
PREPARE = ROOT / "bench" / "peers" / "prepare.py"
RNN_KEYS = {"kind", "cell", "hidden", "input", "batch", "steps", "layers", "directions"}
OWN_KEYS = {
    "rnn": RNN_KEYS,
    "gemm": {"kind", "m", "n", "k"},
    "activation": {"kind", "function", "math", "n"},
    "start": RNN_KEYS | {"form"},
    "training": RNN_KEYS,
    "conv": {"kind", "c_in", "c_out", "kernel", "stride", "groups", "length", "batch"},
    "model": {"kind", "model", "nodes"},
}
BITS = {"lstm_s8": 8, "gru_s8": 8, "lstm_bf16": 16, "gru_bf16": 16, "gemm_s8": 8}
COMMON_KEYS = {"threads", "flop", "weight_bytes", "us", "us_min", "limit_us", "max_error", "max_ulp"}
LEAST_STARTS = 9
CASE = "lstm_h64_b2_t20\tlstm\t64\t2\t20\n"


def ort_library() -> str | None:
    """Where script/bench puts it, unless RNNPACK_ORT says another place."""
    found = sorted((ROOT / "build" / "bench" / "onnxruntime").rglob("linux/x64/libonnxruntime.so*"))
    return os.environ.get("RNNPACK_ORT") or (str(found[0]) if found else None)


class Peers(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def peers(self, *arguments: str, measured: bool = False) -> subprocess.CompletedProcess[str]:
        """With the machine's limits measured, which takes long where caches are large, or made up."""
        limits = self.folder / "limits.json"
        limits.write_text(json.dumps(sample_history.limits_of(sample_history.MACHINES[1])), encoding="utf-8")
        command = [sys.executable, str(TOOL), "--build", str(BUILD), "--work", str(self.folder / "work")]
        command += ["-o", str(self.folder / "peers.json"), "--history", str(self.folder / "history.jsonl")]
        command += ["--hidden", "64", "--steps", "20", "--threads", "1", "--rounds", "1", "--budget", "0.0005"]
        command += ["--widths", "64", "--rows", "14", "--squares", "48", "--elements", "256"]
        command += ["--channels", "24", "--kernels", "3", "--lengths", "50", "--conv-batch", "2"]
        command += ["--train-hidden", "48", "--train-batch", "20", "--train-steps", "7"]
        command += [] if measured else ["--limits", str(limits)]
        return subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=300, check=False)

    def program(self, name: str, *arguments: str, cases: str = CASE) -> subprocess.CompletedProcess[str]:
        command = [str(BUILD / "bench" / "peers" / f"bench-peer-{name}"), "--dir", str(self.folder), *arguments]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        return subprocess.run(
            command, input=cases, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    def prepare(self, case: str = CASE, *more: str, write: bool = True) -> None:
        for what in ("weights", *more):
            command = [sys.executable, str(PREPARE), "--dir", str(self.folder), what]
            subprocess.run(command, input=case, text=True, check=True)
        if write:
            self.assertEqual(self.program("rnnpack", "--write", cases=case).returncode, 0)

    def test_everyone_agrees(self) -> None:
        library = ort_library()
        measured = "RNNPACK_SAMPLE" not in os.environ
        run = self.peers("--batch", "2", *(("--ort", library) if library else ()), measured=measured)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        record = json.loads((self.folder / "peers.json").read_text(encoding="utf-8"))
        self.assertLessEqual({"kind", "date", "machine", "limits", "rounds", "settings", "peers", "cases"}, set(record))
        kinds = [case["kind"] for case in record["cases"]]
        self.assertEqual((record["kind"], record["rounds"]), ("peers", 1))
        last = 12 * ["activation"] + 2 * ["start"] + 3 * ["conv"] + ["model"]
        self.assertEqual(kinds, 8 * ["rnn"] + ["gemm"] + 2 * ["training"] + 2 * ["gemm"] + last)
        for case in record["cases"]:
            rounds = LEAST_STARTS if case["kind"] == "start" else 1
            own = OWN_KEYS[case["kind"]] | ({"cell"} if case.get("cell") in BITS else set())
            self.assertEqual(set(case), own | COMMON_KEYS)
            self.assertEqual(len(case["limit_us"]), 0 if case["kind"] == "model" else rounds)
            self.assertEqual(set(case["us"]), {"rnnpack", *case["max_error"]})
            self.assertEqual("rnnpack" in case["max_error"], case.get("cell") in BITS or case["kind"] == "activation")
            self.assertEqual(set(case["max_ulp"]), set(case["us"]) if case["kind"] == "activation" else set())
            self.assertLessEqual(set(case["us"]), set(record["peers"]))
            self.assertTrue(all(len(times) == rounds and min(times) > 0 for times in case["us"].values()))
            self.assertTrue(all(0 < min(case["us_min"][name]) <= min(times) for name, times in case["us"].items()))
            most = 1e-3 if case["kind"] == "model" else {8: 3e-2, 16: 1e-2}.get(BITS.get(case.get("cell")), 1e-4)
            self.assertTrue(all(0 <= error <= most for error in case["max_error"].values()))
            if case.get("math") in {"u35", "u10"}:
                self.assertLessEqual(case["max_ulp"]["rnnpack"], 3.5 if case["math"] == "u35" else 0.51)
                self.assertLess(case["max_error"]["rnnpack"], 1e-6)
        gemm = [(case["m"], case["n"], case["k"], case["flop"]) for case in record["cases"]
                if case["kind"] == "gemm" and "cell" not in case]  # fmt: skip
        self.assertEqual(gemm, [(14, 256, 64, 2.0 * 14 * 256 * 64), (48, 48, 48, 2.0 * 48**3)])
        convolutions = [(case["c_in"], case["c_out"], case["groups"], case["flop"], case["weight_bytes"])
                        for case in record["cases"] if case["kind"] == "conv"]  # fmt: skip
        for channels, weights, outputs in (((24, 24, 1), 24 * 24 * 3, 100), ((256, 256, 256), 256 * 5, 100),
                                           ((1, 64, 1), 64 * 16, 26)):  # fmt: skip
            self.assertEqual(convolutions.pop(0), (*channels, 2.0 * weights * outputs, 4 * weights))
        self.assertEqual(convolutions, [])
        lstm = next(case for case in record["cases"] if case.get("cell") == "lstm")
        self.assertEqual((lstm["flop"], lstm["weight_bytes"]), (2.0 * 4 * 64 * 128 * 20 * 2, 4.0 * 4 * 64 * 128))
        formats = [case for case in record["cases"] if case.get("cell") in BITS]
        self.assertEqual([case["cell"] for case in formats], list(BITS))
        for case in formats:
            weights = {"lstm": 4 * 64 * 128, "gru": 3 * 64 * 128, "gemm": 256 * 64}[case["cell"].split("_")[0]]
            self.assertEqual(case["weight_bytes"], BITS[case["cell"]] / 8 * weights)
            self.assertGreater(case["max_error"]["rnnpack"], 1e-4)  # the weights were rounded
            self.assertNotIn("torch", case["us"])
            self.assertEqual(
                "onnxruntime" in case["us"], library is not None and case["cell"] in ("lstm_s8", "gemm_s8")
            )
        self.assertEqual("ONNX Runtime has no gru in bf16" in run.stdout, library is not None)
        training = [case for case in record["cases"] if case["kind"] == "training"]
        self.assertEqual([(case["cell"], case["flop"]) for case in training],
                         [("lstm", 6.0 * 7 * 20 * 4 * 48 * 96), ("gru_lbr", 6.0 * 7 * 20 * 3 * 48 * 96)])  # fmt: skip
        self.assertTrue(all("onnxruntime" not in case["us"] for case in training))
        if library:
            others = [case for case in record["cases"] if case not in training and case not in formats]
            self.assertTrue(all(("onnxruntime" in case["us"]) == (case.get("math") != "u10") for case in others))
        exact = [set(case["us"]) for case in record["cases"] if case.get("math") == "u10"]
        self.assertEqual(exact, 4 * [{"rnnpack"} | {"sleef"} & set(record["peers"])])
        for words in ("lstm_h64_b2_t20", "gemm_m14_n256_k64", "tanh_fast_n256", "start_onnx_lstm3_h256_t50", " ULP",
                      "train_lstm_h48_b20_t7", "conv_i24_o24_k3_s1_g1_l50_b2", "us/node"):  # fmt: skip
            self.assertIn(words, run.stdout)
        line = json.loads((self.folder / "history.jsonl").read_text(encoding="utf-8"))
        self.assertEqual(line["cases"], record["cases"])
        self.assertIn("revision", line)

    def test_stacks_of_any_width_in_both_directions(self) -> None:
        """Only if they are asked for; each library computes them as the others do, and no part is left out."""
        library = ort_library()
        arguments = ("--only", "wide", "--cells", "gru_lbr,rnn", "--wide-batch", "3", "--wide-steps", "1,5")
        run = self.peers(*arguments, *(("--ort", library) if library else ()))
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        record = json.loads((self.folder / "peers.json").read_text(encoding="utf-8"))
        cases = record["cases"]
        names = {"rnnpack", *record["peers"]}
        self.assertEqual(len(cases), 2 * (2 * 10 + 3))
        for case in cases:
            self.assertEqual((case["kind"], set(case)), ("rnn", RNN_KEYS | COMMON_KEYS))
            self.assertEqual(set(case["us"]), names)
        (case,) = (case for case in cases if case["cell"] == "gru_lbr" and case["layers"] * case["directions"] == 4)
        weights = 2 * 3 * 200 * (200 + 200 + 400 + 200)
        self.assertEqual((case["weight_bytes"], case["flop"]), (4.0 * weights, 2.0 * weights * 3 * 5))
        self.assertIn("gru_lbr_h256_i40_l3_d1_b3_t1", run.stdout)
        self.assertIn("2 layers, 2 directions", run.stdout)

    def test_every_part_of_a_stack_is_checked(self) -> None:
        """Another state, or another weight of any layer and direction, makes another y."""
        case = "s\tlstm\t8\t2\t3\t5\t3\t2\n"
        self.prepare(case)
        self.assertEqual(len((self.folder / "s.y.f32").read_bytes()), 4 * 3 * 2 * 2 * 8)
        weights, states = "lstm_h8_i5_l3_d2.f32", 3 * 2 * 2 * 8
        w = 2 * 32 * (5 + 16 + 16)
        places = [(weights, 2 * 32 * 5 * layer) for layer in (0, 1)]
        places += [(weights, at) for at in (w - 1, w, w + 6 * 32 * 8 - 1, w + 6 * 32 * 8 + 6 * 64 - 1)]
        for name, place in (*places, ("x.f32", states - 1)):
            path = self.folder / name
            right = path.read_bytes()
            (value,) = struct.unpack_from("<f", right, 4 * place)
            path.write_bytes(right[: 4 * place] + struct.pack("<f", value + 1) + right[4 * place + 4 :])
            for peer in ("rnnpack", "onednn"):
                if (BUILD / "bench" / "peers" / f"bench-peer-{peer}").exists():
                    answer = json.loads(self.program(peer, cases=case).stdout.splitlines()[1])
                    self.assertIn("s: y[", answer.get("error", f"{peer} does not read {name} at {place}"))
            path.write_bytes(right)
        self.assertIn("us_median", self.program("rnnpack", "--budget", "0.0005", cases=case).stdout)

    def test_missing_peers_are_named(self) -> None:
        run = self.peers("--only", "gemm", "--no-torch", "--ort", "/nowhere/libort.so", "--blas", "/nowhere/libx.so")
        self.assertEqual(run.returncode, 0, run.stderr)
        for name, library in (("onnxruntime", "/nowhere/libort.so"), ("x", "/nowhere/libx.so")):
            lines = [line for line in run.stdout.splitlines() if line.startswith(f"{name} is left out: ")]
            self.assertEqual(len(lines), 1, run.stdout)
            self.assertIn(library, lines[0])
            self.assertIn("to get it: ", lines[0])

    def test_bad_options(self) -> None:
        for arguments, words in (
            (("--cells", "lstm,gnu"), "'gnu'"),
            (("--only", "layers,walks"), "unknown group 'walks'; there are layers, wide, formats, training"),
            (("--hidden", "0"), "'0'"),
            (("--threads", "60000"), "60000"),
            (("--hidden", "60000", "--only", "layers"), "no case left"),
            (("--models", "/nowhere/a.onnx"), "/nowhere/a.onnx: no such file"),
            (("--models", "/nowhere/a.onnx", "/anywhere/a.onnx"), "two of one name"),
            (("--models", "overhead.onnx"), "or one called overhead"),
        ):
            run = self.peers(*arguments)
            self.assertEqual(run.returncode, 2)
            self.assertIn(words, run.stderr)

    def test_a_wrong_result_is_refused(self) -> None:
        self.prepare()
        path = self.folder / "lstm_h64_b2_t20.y.f32"
        data = bytearray(path.read_bytes())
        data[400:404] = b"\x00\x00\x80\x3f"  # y[100] = 1: no LSTM gets there
        path.write_bytes(data)
        run = self.program("rnnpack")
        answer = json.loads(run.stdout.splitlines()[1])
        self.assertEqual(run.returncode, 1)
        self.assertNotIn("us_median", answer)
        self.assertIn("lstm_h64_b2_t20: y[100]", answer["error"])

    def test_other_formats_are_near_f32(self) -> None:
        """y is that of f32, which every program's own rounding must stay close to."""
        for cell in BITS:
            sizes = "3\t64\t32" if cell == "gemm_s8" else "32\t3\t5"
            case = f"q\t{cell}\t{sizes}\n"
            self.prepare(case)
            path = self.folder / "q.y.f32"
            right = path.read_bytes()
            for name in ("rnnpack", "onednn"):
                if not (BUILD / "bench" / "peers" / f"bench-peer-{name}").exists():
                    continue
                path.write_bytes(right)
                answer = json.loads(self.program(name, "--budget", "0.0005", cases=case).stdout.splitlines()[1])
                if "lacks" in answer:  # this CPU
                    self.assertEqual((name, set(answer)), ("onednn", {"case", "lacks"}))
                    continue
                self.assertTrue(1e-5 < answer["max_error"] < 3e-2, answer)
                (y,) = struct.unpack_from("<f", right, 400)
                path.write_bytes(right[:400] + struct.pack("<f", y + 0.06 * (1 + abs(y))) + right[404:])
                answer = json.loads(self.program(name, "--budget", "0.0005", cases=case).stdout.splitlines()[1])
                self.assertIn("q: y[100] is", answer["error"])

    def test_what_a_peer_lacks_is_no_fault(self) -> None:
        """A oneDNN without any of these cells loses them, and the run is as good as before."""
        fake = self.fake_build("rnnpack")
        hello = '{"peer": "onednn", "version": "0", "settings": "none"}'
        lacks = '{"case": "lstm_s8_h64_b1_t20", "lacks": "oneDNN has no lstm in s8 on this CPU"}'
        self.write_fake(fake, "onednn", f"echo '{hello}'\nwhile read -r line; do echo '{lacks}'; done\n")
        arguments = ("--only", "formats", "--cells", "lstm_s8", "--batch", "1", "--no-torch", "--ort", "/nowhere/x.so")
        run = self.peers("--build", str(fake), *arguments)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("oneDNN has no lstm in s8 on this CPU", run.stdout)
        record = json.loads((self.folder / "peers.json").read_text(encoding="utf-8"))
        self.assertEqual([set(case["us"]) for case in record["cases"]], [{"rnnpack"}])

    def test_files_and_cases_that_are_no_good(self) -> None:
        self.prepare()
        for cases, words in (
            ("a\tlstm\t64\t2\n", "not a case"),
            ("a\tlstm\t64\t2\t0\n", "size of 0"),
            ("a\tlstm\t64\t2\t20\t64\n", "not a case: lstm has 6 sizes"),
            ("a\tlstm\t64\t2\t20\t64\t1\t3\n", "3 directions, of two"),
            ("a\tlstm\t64\t2\t20\t40\t2\t1\n", "lstm_h64_i40_l2_d1.f32"),
            ("a\tlstm_s8\t64\t2\t20\t64\t1\t1\n", "not a case: lstm_s8 has 3 sizes"),
            ("a\tgnu\t64\t2\t20\n", "unknown cell gnu"),
            ("a\tlstm_s4\t64\t2\t20\n", "unknown cell lstm_s4"),
            ("a\ttrain_lstm_s8\t64\t2\t20\n", "unknown cell train_lstm_s8"),
            ("a\tlstm_s8\t64\t2\t20\n", "lstm_s8_h64.f32"),
            ("a\tgru\t64\t2\t20\n", "gru_h64.f32"),
            ("a\tlstm\t64\t2\t20\n", "a.y.f32"),
            ("a\tgemm\t2\t256\t64\n", "gemm_n256_k64.f32"),
            ("a\ttrain_rnn\t64\t2\t20\n", "unknown cell train_rnn"),
            ("a\ttrain_gru_lbr\t64\t2\t20\n", "gru_lbr_h64.f32"),
            ("a\ttanh_u9\t64\t1\t1\n", "unknown cell tanh_u9"),
            ("a\ttanh\t64\t1\t1\n", "unknown cell tanh"),
            ("a\tstart_onnx\t64\t3\t20\n", "gave no y: rnnpack: "),
            ("a\tconv\t4\t8\t3\t1\t1\t9\n", "not a case: conv has 7 sizes"),
            ("a\tconv\t4\t8\t3\t1\t3\t9\t1\n", "groups that do not divide"),
            ("a\tconv\t4\t8\t4\t1\t1\t1\t1\n", "or no output"),
            ("a\tconv\t4\t8\t3\t1\t2\t9\t1\n", "conv_i4_o8_k3_s1_g2.f32"),
            ("a\tmodel\t4\n", "model has 0 sizes"),
            ("a\tmodel\n", "a.inputs"),
        ):
            run = self.program("rnnpack", "--budget", "0.0005", cases=cases + CASE)
            _, bad, good = map(json.loads, run.stdout.splitlines())
            self.assertIn(words, bad["error"])
            self.assertIn("us_median", good)
        run = self.program("rnnpack", "--threads")
        self.assertEqual(run.returncode, 2)
        self.assertIn("usage", run.stderr)

    def model(self, name: str, shape: list) -> Path:
        """y = x * 2 + n, where n is a whole number, the second input of shape []; z = n."""
        import onnx
        from onnx import TensorProto, helper

        nodes = [
            helper.make_node("Cast", ["n"], ["f"], to=TensorProto.FLOAT),
            helper.make_node("Add", ["x", "x"], ["twice"]),
            helper.make_node("Add", ["twice", "f"], ["y"]),
            helper.make_node("Add", ["n", "n"], ["z"]),
        ]
        inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
        inputs.append(helper.make_tensor_value_info("n", TensorProto.INT64, []))
        outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)]
        outputs.append(helper.make_tensor_value_info("z", TensorProto.INT64, []))
        graph = helper.make_graph(nodes, "g", inputs, outputs)
        folder = self.folder / name
        folder.mkdir()
        model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 14)])
        onnx.save(model, str(folder / "model.onnx"))
        return folder

    def test_models_from_files(self) -> None:
        """Inputs of a folder, of several types; what rnnpack refuses, and a file whose inputs are not known."""
        import numpy

        given, missing = self.model("two words", [2, "L"]), self.model("missing", [2, 3])
        numpy.save(given / "input_0.npy", numpy.arange(10, dtype="<f4").reshape(2, 5))
        numpy.save(given / "input_1.npy", numpy.array(7, "<i8"))
        library = ort_library() or "/nowhere/libort.so"
        run = self.peers("--only", "models", "--ort", library, "--models", str(given))
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        cases = json.loads((self.folder / "peers.json").read_text(encoding="utf-8"))["cases"]
        self.assertEqual([case["model"] for case in cases], ["overhead", "two_words"])
        self.assertIn("two_words", run.stdout)
        work = self.folder / "work"
        self.assertEqual((work / "two_words.outputs").read_text(encoding="utf-8"), "y\t1\t2\t5\nz\t7\n")
        y = (work / "two_words.y.f32").read_bytes()
        self.assertEqual(struct.unpack_from("<10f", y), tuple(2.0 * x + 7 for x in range(10)))
        self.assertEqual(struct.unpack_from("<q", y, 64), (14,))
        for place, form, value, words in ((36, "<f", 25.1, "y[9] is 25, but should be 25.1 (the largest is 25.1)"),
                                          (64, "<q", 15, "z[0] is 14, but should be 15")):  # fmt: skip
            after = y[place + struct.calcsize(form) :]
            (work / "two_words.y.f32").write_bytes(y[:place] + struct.pack(form, value) + after)
            answer = self.program("rnnpack", "--dir", str(work), cases="two_words\tmodel\n").stdout.splitlines()[1]
            self.assertIn(words, json.loads(answer)["error"])
        run = self.peers("--only", "models", "--models", str(missing))
        self.assertEqual(run.returncode, 2, run.stdout)
        self.assertIn("input 'n' has an open size or is not f32: give a folder with input_1.npy", run.stderr)
        numpy.save(missing / "input_1.npy", numpy.array([7], "<i8"))
        run = self.peers("--only", "models", "--models", str(missing), "--ort", library)
        self.assertEqual(run.returncode, 1, run.stdout)
        self.assertIn("rnnpack: ", run.stderr)
        self.assertIn("1 case, ", run.stdout)

    def test_a_start_is_a_process(self) -> None:
        """Whose y is checked, and in which all that a peer needs is loaded anew."""
        case = "s\tstart_onnx\t16\t2\t5\n"
        self.prepare(case, "models")
        run = self.program("rnnpack", "--budget", "0.0005", cases=case)
        self.assertGreater(json.loads(run.stdout.splitlines()[1])["us_median"], 100)
        once = subprocess.run(
            [str(BUILD / "bench" / "peers" / "bench-peer-rnnpack"), "--dir", str(self.folder), "--once", case],
            capture_output=True, timeout=60, check=True,
        )  # fmt: skip
        self.assertEqual(once.stdout, (self.folder / "s.y.f32").read_bytes())
        (self.folder / "s.y.f32").write_bytes(b"\x00\x00\x80\x3f" * 5 * 16)
        answer = json.loads(self.program("rnnpack", cases=case).stdout.splitlines()[1])
        self.assertIn("s: y[0] is", answer["error"])

    def test_a_training_step_is_checked(self) -> None:
        """Loss, loss after an update, and gradient: of whatever is wrong the place is told."""
        case = "t\ttrain_lstm\t16\t5\t4\n"
        self.prepare(case)
        path = self.folder / "t.y.f32"
        right = path.read_bytes()
        y = struct.unpack(f"<{2 + 4 * 16 * 16}f", right)
        self.assertGreater(y[0] - y[1], 1e-3 * y[0])  # Adam makes the second loss smaller by more than the tolerance
        self.assertGreater(max(map(abs, y[2:])), 0.1)
        self.assertIn("us_median", self.program("rnnpack", "--budget", "0.0005", cases=case).stdout)
        for place in (0, 1, 2, len(y) - 1):
            wrong = struct.pack("<f", y[place] + 0.001 * (1 + abs(y[place])))
            path.write_bytes(right[: 4 * place] + wrong + right[4 * place + 4 :])
            answer = json.loads(self.program("rnnpack", cases=case).stdout.splitlines()[1])
            self.assertIn(f"t: y[{place}] is", answer["error"])

    def test_a_function_is_held_against_double_precision(self) -> None:
        """Ours in class fast is as far off as it may be, and no file says what is right."""
        self.prepare("f\ttanh_fast\t64\t1\t1\n", write=False)
        cases = "".join(f"{name}\t{name}\t64\t1\t1\n" for name in ("tanh_fast", "tanh_u35"))
        run = self.program("rnnpack", "--budget", "0.0005", cases=cases)
        _, fast, exact = map(json.loads, run.stdout.splitlines())
        self.assertTrue(1e-5 < fast["max_error"] < 5e-5, fast)
        self.assertTrue(100 < fast["max_ulp"], fast)
        self.assertTrue(1 < exact["max_ulp"] < 3.5, exact)

    def fake_build(self, *real: str) -> Path:
        """A build whose other programs are for the test to write."""
        fake = self.folder / "build"
        (fake / "bench" / "peers").mkdir(parents=True)
        (fake / "rnnpack").symlink_to((BUILD / "rnnpack").resolve())
        for name in real:
            program = fake / "bench" / "peers" / f"bench-peer-{name}"
            program.symlink_to((BUILD / "bench" / "peers" / program.name).resolve())
        return fake

    def write_fake(self, fake: Path, name: str, script: str) -> None:
        program = fake / "bench" / "peers" / f"bench-peer-{name}"
        program.write_text(f"#!/bin/sh\n{script}", encoding="utf-8")
        program.chmod(0o755)

    def test_a_cap_is_passed_on_or_told(self) -> None:
        """A oneDNN and a BLAS that say their cap; ONNX Runtime's place is taken by one that has none."""
        fake = self.fake_build("rnnpack")
        hello = '{"peer": "%s", "version": "0", "settings": "cap \'"$DNNL_MAX_CPU_ISA$OPENBLAS_CORETYPE"\'"}'
        answer = '{"case": "gemm_m14_n256_k64", "us_median": 9, "us_min": 8, "max_error": 0}'
        for name, peer in (("onednn", "onednn"), ("blas", "openblas"), ("ort", "onnxruntime")):
            self.write_fake(fake, name, f"echo '{hello % peer}'\nwhile read -r line; do echo '{answer}'; done\n")
        too_long = ("--squares", "14000")  # so that one case is left, the one of the answers
        arguments = ("--build", str(fake), "--only", "gemm", *too_long, "--blas", "libopenblas.so.0")
        run = self.peers(*arguments, "--isa", "avx2")
        self.assertEqual(run.returncode, 0, run.stderr)
        record = json.loads((self.folder / "peers.json").read_text(encoding="utf-8"))
        settings = {name: facts["settings"] for name, facts in record["peers"].items()}
        self.assertIn("isa avx2", settings.pop("rnnpack"))
        self.assertEqual(
            settings, {"onednn": "cap AVX2", "openblas": "cap Haswell", "onnxruntime": "cap , not capped to avx2"}
        )
        self.assertIn("onnxruntime* us", run.stdout)
        self.assertIn("* onnxruntime is not capped to avx2", run.stdout)
        self.assertNotIn("openblas*", run.stdout)
        self.assertEqual(record["settings"]["isa"], "avx2")
        self.assertNotIn("not capped", self.peers(*arguments).stdout)

    @unittest.skipIf("RNNPACK_SAMPLE" in os.environ, "configuring takes long")
    def test_a_onednn_of_ones_own(self) -> None:
        """It is taken from its folder alone, and forgotten when it is no longer asked for."""
        folder, own = self.folder / "configured", self.folder / "own"
        for name in ("include/oneapi/dnnl/dnnl.hpp", "lib/libdnnl.so"):
            (own / name).parent.mkdir(parents=True)
            (own / name).touch()
        for prefix, found in ((own, True), ("", False), ("/nowhere", None)):
            options = ["-DRNNP_BUILD_BENCH=ON", "-DRNNP_BUILD_TESTS=OFF", f"-DRNNP_ONEDNN={prefix}"]
            command = ["cmake", "-S", str(ROOT), "-B", str(folder), *options]
            run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
            self.assertEqual(run.returncode != 0, found is None, run.stderr)
            if found is None:
                self.assertIn("DNNL_INCLUDE_DIR", run.stderr)
                continue
            cache = (folder / "CMakeCache.txt").read_text(encoding="utf-8")
            for value in (f"DNNL_INCLUDE_DIR:PATH={own}/include", f"DNNL_LIBRARY:FILEPATH={own}/lib/libdnnl.so"):
                self.assertEqual(value in cache, found)

    def test_a_crash_costs_its_cases_only(self) -> None:
        """A build in which oneDNN's place is taken by a program that says hello and ends."""
        fake = self.fake_build("rnnpack", "blas")
        hello = '{"peer": "onednn", "version": "0", "settings": "none"}'
        self.write_fake(fake, "onednn", f"echo '{hello}'\nread -r line\necho out of luck >&2\nkill -ABRT $$\n")
        run = self.peers("--build", str(fake), "--batch", "1", "--only", "layers", "--cells", "lstm,rnn", "--no-torch")
        self.assertEqual(run.returncode, 1, run.stderr)
        for case in ("lstm_h64_b1_t20", "rnn_h64_b1_t20"):
            self.assertIn(f"onednn: case {case}: ended by SIGABRT: out of luck", run.stderr)
        record = json.loads((self.folder / "peers.json").read_text(encoding="utf-8"))
        self.assertEqual([set(case["us"]) for case in record["cases"]], [{"rnnpack"}, {"rnnpack"}])


if __name__ == "__main__":
    unittest.main()
