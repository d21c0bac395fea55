# SPDX-License-Identifier: Apache-2.0
"""script/bench compare from its options to its exit code, with a program that invents its times."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import fake_bench

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench" / "tools"))
import compare  # noqa: E402

CPU = f"--cpu={min(os.sched_getaffinity(0))}"  # saves looking for a free one
NAMES = ["kernel/tanh_f32_u35_avx2/n16384", "kernel/gemm_f32_avx2/m16_n16", "layer/lstm/h64/b1/t50", "stream/gru/h64"]


def run(*arguments: str | Path) -> tuple[int, str, str]:
    """Exit code, output and errors of `script/bench compare`."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = compare.main([str(argument) for argument in arguments])
        except SystemExit as exit_:  # argparse
            code = int(exit_.code or 0)
    return code, out.getvalue(), err.getvalue()


class InFolder(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name).resolve()

    def program(self, name: str, *options: str, names: list[str] | None = None) -> Path:
        wanted = f"--names={','.join(NAMES if names is None else names)}"
        return fake_bench.install(self.folder / name, self.folder / "counter", wanted, *options)


class Programs(InFolder):
    def compare(self, base: Path, head: Path, *options: str | Path) -> tuple[int, str, str]:
        return run("--programs", base, head, CPU, *options)

    def test_same_program(self):
        program = self.program("a")
        result = self.folder / "result.json"
        code, out, err = self.compare(program, program, "--json", result)
        self.assertEqual((code, "0 slower, 0 unclear, 0 faster, 4 same" in out), (0, True), out + err)
        document = json.loads(result.read_text())
        self.assertEqual([row["verdict"] for row in document["benchmarks"]], ["same"] * 4)
        self.assertTrue(all(row["measure"].startswith("calibrated ") for row in document["benchmarks"]), "slow phases")
        self.assertNotIn("layer/", out)
        self.assertIn("pair 26 of 26", err)

    def test_slower_and_faster(self):
        head = self.program("b", f"--factor={NAMES[0]}=1.05", f"--factor={NAMES[3]}=0.9")
        code, out, err = self.compare(self.program("a"), head)
        self.assertEqual(code, 1, out + err)
        found = [line.split() for line in out.splitlines() if "kernel/" in line or "stream/" in line]
        self.assertEqual([(line[0], line[-1]) for line in found], [("slower", NAMES[0]), ("faster", NAMES[3])])
        self.assertAlmostEqual(float(found[0][1]), 1.05, delta=0.015)

    def test_small_slowdown_is_not_reported(self):
        head = self.program("b", f"--factor={NAMES[0]}=1.015")
        code, out, _ = self.compare(self.program("a"), head, "--pairs", "12", "--all")
        self.assertEqual(code, 0, out)
        self.assertEqual(sum("kernel/" in line for line in out.splitlines()), 2)

    def test_noise_is_unclear(self):
        program = self.program("a", "--noise=0.3", names=NAMES[:1])
        code, out, _ = self.compare(program, program)
        self.assertEqual((code, "1 unclear" in out, "narrow it" in out), (0, True, True), out)

    def test_only_in_one(self):
        base, head = self.program("a", names=NAMES[:2]), self.program("b", names=NAMES[1:3])
        code, out, _ = self.compare(base, head, "--pairs", "10")
        self.assertEqual(code, 0)
        self.assertIn(f"only in base: {NAMES[0]}\nonly in head: {NAMES[2]}\n", out)
        self.assertIn("1 benchmarks, 10 units", out)

    def test_filter_and_kept_launches(self):
        kept = self.folder / "kept" / "launches"
        program = self.program("a")
        code, _, _ = self.compare(program, program, "--filter", "^kernel/", "--pairs", "9", "--keep", kept)
        self.assertEqual((code, len(list(kept.iterdir()))), (0, 18))
        document = json.loads((kept / "009-head.json").read_text())
        self.assertEqual({entry["name"].split("/")[0] for entry in document["benchmarks"]}, {"kernel"})

    def test_interrupt_keeps_whole_pairs(self):
        program = self.program("a", "--fault=interrupt")
        code, out, err = self.compare(program, program)
        self.assertEqual((code, "stopped after 12 of 26 pairs" in err, "12 units" in out), (0, True, True), out + err)

    def test_interrupt_too_early(self):
        (self.folder / "counter").write_text("21")
        program = self.program("a", "--fault=interrupt")
        code, out, err = self.compare(program, program)
        self.assertEqual((code, "stopped too early: 10 pairs" in err), (2, True), out + err)

    def test_faults_name_program_and_reason(self):
        good = self.program("good")
        for fault, reasons in {
            "crash": ["exit code 3", "cannot set up lstm: no memory"],
            "signal": ["ended by signal 6"],
            "not-json": [".json: not JSON"],
            "nan": [NAMES[0], "nan us is impossible"],
        }.items():
            with self.subTest(fault):
                code, out, err = self.compare(good, self.program("bad", f"--fault={fault}"))
                self.assertEqual((code, out), (2, ""))
                for reason in reasons:
                    self.assertIn(reason, err)
        code, _, err = self.compare(good, self.folder / "none")
        self.assertEqual((code, "none: No such file" in err), (2, True), err)

    def test_refusals(self):
        program = self.program("a")
        for options, reason in {
            ("--pairs", "5"): "5 pairs can show nothing at alpha 0.01 among 4 benchmarks: 10 is the fewest, 26",
            ("--filter", "nothing"): "no benchmark that both programs have matches 'nothing'",
            ("--filter", "("): "not a regular expression",
            ("--cpu", "9999"): "CPU 9999 is not among those allowed",
            ("--alpha", "0"): "between 0 and 1",
            ("base",): "give BASE [HEAD] or --programs",
        }.items():
            with self.subTest(options):
                code, _, err = self.compare(program, program, *options)
                self.assertEqual((code, reason in err), (2, True), err)

    def test_cpus_are_as_before(self):
        before = os.sched_getaffinity(0)
        program = self.program("a")
        run("--programs", program, program, "--filter", NAMES[0], "--pairs", "8")
        self.assertEqual(os.sched_getaffinity(0), before)


def launch_of(values: dict[str, list[tuple[float, float]]]) -> compare.Launch:
    """From time and calibration of each repetition."""
    samples = {name: [compare.Sample(us, gauge, 0, 0, 0, 0) for us, gauge in of] for name, of in values.items()}
    return compare.Launch({}, samples)


class Analysis(unittest.TestCase):
    def test_changed_calibration_hides_nothing(self):
        """Kernel and calibration both 5 % slower: normalised, nothing would be seen."""
        noise = [1 + 0.002 * (i * 7 % 13) for i in range(20)]
        base = [launch_of({"kernel/x": [(10 * n, 100 / n)]}) for n in noise]
        head = [launch_of({"kernel/x": [(10.5 * n, 95.238 / n)]}) for n in reversed(noise)]
        result = compare.analyse_pairs(list(zip(base, head)), compare.Settings())
        self.assertEqual([(row.verdict, row.measure) for row in result.rows], [("slower", "median")])
        self.assertIn("the calibration differs", result.notes[0])

    def test_missing_calibration_means_raw(self):
        base = [launch_of({"a/b": [(1 + 0.001 * i, 0)]}) for i in range(20)]
        head = [launch_of({"a/b": [(1.01, float("nan"))]})] * 20
        result = compare.analyse_pairs(list(zip(base, head)), compare.Settings())
        self.assertEqual([row.measure for row in result.rows], ["median"])

    def test_busy_machine_means_minimum(self):
        """Most repetitions are disturbed; the fastest of each launch tell of 4 % more work."""
        disturbed = [(3.1, 2.0, 1.0, 1.7, 4.0), (1.0, 1.1, 1.0, 1.0, 1.0), (2.2, 1.5, 3.9, 1.0, 1.3), (1.0, 5, 6, 7, 8)]

        def side(work: float, shift: int) -> list[compare.Launch]:
            noise = [1 + 0.001 * ((i + shift) * 7 % 13) for i in range(20)]
            times = [disturbed[(i + shift) * 5 % 3 + shift] for i in range(20)]
            return [launch_of({"a/b": [(work * n * t, 0) for t in of]}) for n, of in zip(noise, times)]

        result = compare.analyse_pairs(list(zip(side(10.0, 0), side(10.4, 1))), compare.Settings())
        self.assertEqual([(row.verdict, row.measure) for row in result.rows], [("slower", "minimum")])

    def test_contexts_are_compared(self):
        one = compare.Launch({"compiler": "gcc 12", "isa": "avx2"}, {})
        other = compare.Launch({"compiler": "clang 14", "isa": "avx2"}, {})
        self.assertEqual(compare.context_notes(one, other), ["compiler differs: base gcc 12, head clang 14"])


class Files(InFolder):
    def file(self, name: str, factor: float, repetitions: int, launch: int) -> Path:
        benchmarks = fake_bench.entries(NAMES, {NAMES[0]: factor}, repetitions, launch, 0.0001)
        path = self.folder / name
        path.write_text(json.dumps({"context": {}, "benchmarks": benchmarks}))
        return path

    def test_slower(self):
        code, out, err = run(self.file("a.json", 1.0, 20, 1), self.file("b.json", 1.1, 20, 2))
        self.assertEqual(code, 1, out + err)
        self.assertIn("1 slower, 0 unclear, 0 faster, 3 same", out)
        self.assertIn("from launch to launch", out)

    def test_too_few_repetitions(self):
        code, _, err = run(self.file("a.json", 1.0, 3, 1), self.file("b.json", 1.1, 3, 2))
        self.assertEqual(code, 2)
        self.assertIn("3 repetitions can show nothing at alpha 0.01 among 4 benchmarks: 6 are needed", err)

    def test_bad_files(self):
        good, bad = self.file("a.json", 1.0, 9, 1), self.folder / "bad.json"
        bad.write_text('{"benchmarks": [')
        code, _, err = run(good, bad)
        self.assertEqual((code, "bad.json: not JSON" in err), (2, True), err)
        code, _, err = run(good)
        self.assertEqual((code, "only be compared with another result file" in err), (2, True), err)


class Revisions(InFolder):
    """In a repository of its own, whose build copies the fake program into place."""

    def setUp(self) -> None:
        super().setUp()
        self.root = self.folder / "repository"
        (self.root / "bench").mkdir(parents=True)
        self.git("init", "--quiet")
        (self.root / ".gitignore").write_text("/build/\n")
        preset = {"name": "release", "generator": "Ninja", "binaryDir": "${sourceDir}/build/release"}
        (self.root / "CMakePresets.json").write_text(json.dumps({"version": 6, "configurePresets": [preset]}))
        self.commit("empty")
        self.script = fake_bench.install(self.root / "bench" / "fake", self.folder / "counter", f"--names={NAMES[0]}")
        (self.root / "bench" / "CMakeLists.txt").write_text("")
        (self.root / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.25)\nproject(fake LANGUAGES NONE)\n"
            "if(NOT RNNP_BUILD_BENCH OR RNNP_BUILD_TESTS OR RNNP_BUILD_EXAMPLES)\n  return()\nendif()\n"
            "add_custom_target(rnnpack-bench ${CMAKE_COMMAND} -E copy ${CMAKE_SOURCE_DIR}/bench/fake"
            " ${CMAKE_BINARY_DIR}/bench/rnnpack-bench)\n"
        )
        self.commit("bench")
        patch = mock.patch.object(compare, "ROOT", self.root)
        patch.start()
        self.addCleanup(patch.stop)

    def git(self, *arguments: str) -> None:
        identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
        subprocess.run(["git", "-C", str(self.root), *identity, *arguments], check=True, capture_output=True)

    def commit(self, subject: str) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", subject)

    def worktrees(self) -> list[Path]:
        return sorted((self.root / "build" / "bench" / "worktrees").glob("*"))

    def test_revision_against_work_tree_and_again(self):
        self.script.write_text(self.script.read_text().replace(" --names", f" --factor={NAMES[0]}=1.2 --names"))
        code, out, err = run("HEAD", CPU)
        self.assertEqual(code, 1, out + err)
        self.assertRegex(out, r"base HEAD \([0-9a-f]{12}\)\nhead work tree \([0-9a-f]+ with changes\)")
        (tree,) = self.worktrees()
        (tree / "build" / "mark").touch()
        self.commit("slower")
        code, out, err = run("HEAD~1", "HEAD", "--pairs", "12", CPU)
        self.assertEqual(code, 1, out + err)
        self.assertTrue((tree / "build" / "mark").exists(), "the built revision was not used again")
        self.assertEqual(len(self.worktrees()), 2)

    def test_lost_worktrees_are_made_again(self):
        with contextlib.redirect_stderr(io.StringIO()):
            compare.program_of_revision("HEAD")
            (tree,) = self.worktrees()
            (tree / ".git").unlink()
            self.git("worktree", "prune")
            self.assertTrue(compare.program_of_revision("HEAD")[1].exists())

    def test_failed_build_leaves_nothing(self):
        (self.root / "CMakeLists.txt").write_text('message(FATAL_ERROR "no such compiler")\n')
        self.commit("broken")
        code, _, err = run("HEAD", CPU)
        self.assertEqual((code, "no such compiler" in err, self.worktrees()), (2, True, []), err)

    def test_refused_revisions(self):
        for revision, reason in {
            "HEAD~1": "has no bench/CMakeLists.txt",
            "nowhere": "nowhere: neither a revision of this repository nor a result file",
        }.items():
            code, _, err = run(revision, CPU)
            self.assertEqual((code, reason in err), (2, True), err)


if __name__ == "__main__":
    unittest.main()
