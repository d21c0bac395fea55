# SPDX-License-Identifier: Apache-2.0
"""The smallest comparison with every peer that is here: outputs agree, the result has its keys, faults are told."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ["RNNPACK_BUILD"])
TOOL = ROOT / "bench" / "tools" / "peers.py"
PREPARE = ROOT / "bench" / "peers" / "prepare.py"
RNN_KEYS = {"kind", "cell", "hidden", "input", "batch", "steps", "layers", "directions"}
GEMM_KEYS = {"kind", "m", "n", "k"}
COMMON_KEYS = {"threads", "flop", "weight_bytes", "us", "limit_us", "max_error"}
CASE = "lstm_h64_b2_t20\tlstm\t64\t2\t20\n"


def ort_library() -> str | None:
    """Where script/bench puts it, unless RNNPACK_ORT says another place."""
    found = sorted((ROOT / "build" / "bench" / "onnxruntime").rglob("linux/x64/libonnxruntime.so*"))
    return os.environ.get("RNNPACK_ORT") or (str(found[0]) if found else None)


class Peers(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def peers(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(TOOL), "--build", str(BUILD), "--work", str(self.folder / "work")]
        command += ["-o", str(self.folder / "peers.json"), "--history", str(self.folder / "history.jsonl")]
        command += ["--hidden", "64", "--steps", "20", "--threads", "1", "--rounds", "1", "--budget", "0.0005"]
        return subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=120, check=False)

    def program(self, name: str, *arguments: str, cases: str = CASE) -> subprocess.CompletedProcess[str]:
        command = [str(BUILD / "bench" / "peers" / f"bench-peer-{name}"), "--dir", str(self.folder), *arguments]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        return subprocess.run(
            command, input=cases, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    def prepare(self) -> None:
        command = [sys.executable, str(PREPARE), "--dir", str(self.folder), "weights"]
        subprocess.run(command, input=CASE, text=True, check=True)
        self.assertEqual(self.program("rnnpack", "--write").returncode, 0)

    def test_everyone_agrees(self) -> None:
        library = ort_library()
        run = self.peers("--batch", "2", *(("--ort", library) if library else ()))
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        record = json.loads((self.folder / "peers.json").read_text(encoding="utf-8"))
        self.assertLessEqual({"kind", "date", "machine", "limits", "rounds", "settings", "peers", "cases"}, set(record))
        self.assertEqual((record["kind"], record["rounds"], len(record["cases"])), ("peers", 1, 5))
        for case in record["cases"]:
            own = GEMM_KEYS if case["kind"] == "gemm" else RNN_KEYS
            self.assertEqual(set(case), own | COMMON_KEYS)
            self.assertEqual(len(case["limit_us"]), 1)
            self.assertEqual(set(case["us"]), {"rnnpack", *case["max_error"]})
            self.assertLessEqual(set(case["us"]), set(record["peers"]))
            self.assertTrue(all(len(times) == 1 and times[0] > 0 for times in case["us"].values()))
            self.assertTrue(all(0 <= error <= 1e-4 for error in case["max_error"].values()))
        lstm = next(case for case in record["cases"] if case.get("cell") == "lstm")
        self.assertEqual((lstm["flop"], lstm["weight_bytes"]), (2.0 * 4 * 64 * 128 * 20 * 2, 4.0 * 4 * 64 * 128))
        if library:
            self.assertIn("onnxruntime", lstm["us"])
        self.assertIn("lstm_h64_b2_t20", run.stdout)
        line = json.loads((self.folder / "history.jsonl").read_text(encoding="utf-8"))
        self.assertEqual(line["cases"], record["cases"])
        self.assertIn("revision", line)

    def test_missing_peers_are_named(self) -> None:
        run = self.peers(
            "--batch", "1", "--cells", "gemm", "--no-torch", "--ort", "/nowhere/libort.so", "--blas", "/nowhere/libx.so"
        )
        self.assertEqual(run.returncode, 0, run.stderr)
        for name, library in (("onnxruntime", "/nowhere/libort.so"), ("x", "/nowhere/libx.so")):
            lines = [line for line in run.stdout.splitlines() if line.startswith(f"{name} is left out: ")]
            self.assertEqual(len(lines), 1, run.stdout)
            self.assertIn(library, lines[0])
            self.assertIn("to get it: ", lines[0])

    def test_bad_options(self) -> None:
        for arguments, words in (
            (("--cells", "lstm,gnu"), "'gnu'"),
            (("--hidden", "0"), "'0'"),
            (("--threads", "60000"), "60000"),
            (("--hidden", "60000", "--cells", "rnn"), "no case left"),
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

    def test_files_and_cases_that_are_no_good(self) -> None:
        self.prepare()
        for cases, words in (
            ("a\tlstm\t64\t2\n", "not a case"),
            ("a\tlstm\t64\t2\t0\n", "size of 0"),
            ("a\tgnu\t64\t2\t20\n", "unknown cell gnu"),
            ("a\tgru\t64\t2\t20\n", "gru_h64.f32"),
            ("a\tlstm\t64\t2\t20\n", "a.y.f32"),
        ):
            run = self.program("rnnpack", "--budget", "0.0005", cases=cases + CASE)
            _, bad, good = map(json.loads, run.stdout.splitlines())
            self.assertIn(words, bad["error"])
            self.assertIn("us_median", good)
        run = self.program("rnnpack", "--threads")
        self.assertEqual(run.returncode, 2)
        self.assertIn("usage", run.stderr)

    def test_a_crash_costs_its_cases_only(self) -> None:
        """A build in which oneDNN's place is taken by a program that says hello and ends."""
        fake = self.folder / "build"
        (fake / "bench" / "peers").mkdir(parents=True)
        (fake / "rnnpack").symlink_to((BUILD / "rnnpack").resolve())
        for name in ("rnnpack", "blas"):
            (fake / "bench" / "peers" / f"bench-peer-{name}").symlink_to(
                (BUILD / "bench" / "peers" / f"bench-peer-{name}").resolve()
            )
        crash = fake / "bench" / "peers" / "bench-peer-onednn"
        hello = '{"peer": "onednn", "version": "0", "settings": "none"}'
        crash.write_text(
            f"#!/bin/sh\necho '{hello}'\nread -r line\necho out of luck >&2\nkill -ABRT $$\n", encoding="utf-8"
        )
        crash.chmod(0o755)
        run = self.peers("--build", str(fake), "--batch", "1", "--cells", "lstm,rnn", "--no-torch")
        self.assertEqual(run.returncode, 1, run.stderr)
        for case in ("lstm_h64_b1_t20", "rnn_h64_b1_t20"):
            self.assertIn(f"onednn: case {case}: ended by SIGABRT: out of luck", run.stderr)
        record = json.loads((self.folder / "peers.json").read_text(encoding="utf-8"))
        self.assertEqual([set(case["us"]) for case in record["cases"]], [{"rnnpack"}, {"rnnpack"}])


if __name__ == "__main__":
    unittest.main()
