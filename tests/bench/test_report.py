# SPDX-License-Identifier: Apache-2.0
"""The report: what it says, what it is made of, and how a browser shows it."""

from __future__ import annotations

import copy
import html.parser
import io
import json
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import sample_history

try:
    import matplotlib.image
    import report
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

import records

CHROMIUM = shutil.which("chromium")
VOID = {"meta", "br", "wbr", "hr", "img", "link", "input"}
WIDTHS = (1280, 390)
HEIGHT = 6000


class Parser(html.parser.HTMLParser):
    """Refuses unbalanced tags; collects ids, references and the text of each element."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name == "id":
                self.ids.append(value or "")
            self.references += re.findall(r"url\(#([^)]+)\)", value or "")
            if name == "href":
                self.references.append((value or "").removeprefix("#"))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        expected = self.open.pop() if self.open else "nothing"
        if tag != expected:
            raise AssertionError(f"</{tag}> closes <{expected}> at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def parse(document: str) -> Parser:
    parser = Parser()
    parser.feed(document)
    parser.close()
    return parser


def text_of(document: str) -> str:
    return " ".join(" ".join(parse(document).texts).split())


class Folder(unittest.TestCase):
    page: str | None = None

    def setUp(self) -> None:
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.folder = Path(place.name)

    def render(self, history: list[dict], name: str = "report.html") -> str:
        source, output = self.folder / "history.jsonl", self.folder / name
        source.write_text("".join(json.dumps(record) + "\n" for record in history), encoding="utf-8")
        with redirect_stdout(io.StringIO()):
            self.assertEqual(report.main(["--history", str(source), "-o", str(output)]), 0)
        return output.read_text(encoding="utf-8")

    def whole(self) -> str:
        """The page of the sample history, rendered once for all tests."""
        if Folder.page is None:
            Folder.page = self.render(sample_history.sample_history())
        (self.folder / "report.html").write_text(Folder.page, encoding="utf-8")
        return Folder.page

    def refused(self, lines: str) -> str:
        """What is said of a bad history; an older page stays."""
        source, output = self.folder / "bad.jsonl", self.folder / "kept.html"
        source.write_text(lines, encoding="utf-8")
        output.write_text("older page", encoding="utf-8")
        said = io.StringIO()
        with redirect_stderr(said):
            self.assertEqual(report.main(["--history", str(source), "-o", str(output)]), 2)
        self.assertEqual(output.read_text(encoding="utf-8"), "older page")
        return said.getvalue()


class Page(Folder):
    @classmethod
    def setUpClass(cls) -> None:
        cls.history = sample_history.sample_history()

    def test_whole(self) -> None:
        document = self.whole()
        parsed = parse(document)
        self.assertEqual(parsed.open, [])
        self.assertEqual(len(parsed.ids), len(set(parsed.ids)))
        self.assertLessEqual(set(parsed.references), set(parsed.ids))
        self.assertNotRegex(document, r"https?:|//[a-z]|<script|<link|@import")
        self.assertLess(len(document.encode()), 3_000_000)
        self.assertEqual(document, self.render(copy.deepcopy(self.history), "again.html"))
        text = text_of(document)
        for heading in ("Roofline", "Elementwise kernels", "Time against size", "Speed-up", "Peers", "History"):
            self.assertEqual(document.count(f"<h3>{heading}</h3>"), 2, heading)
        self.assertIn("9 runs, 264 benchmarks, of which 1 became slower and 0 faster", text)
        self.assertIn(f"% time at {self.history[sample_history.SLOWED_AT]['revision'][:8]} avx2: gates of <two>", text)
        self.assertIn("blis is left out: not installed", text)
        self.assertRegex(text, r"[\d.]+, 5e-05 +[\d.]+, 3\.5 ULP")  # a function with an absolute bound, one with ULP
        self.assertIn("lstm, start from onnx, 1 thread, 3 layers: 1 case", text)
        self.assertNotIn("<two>", document)

    def test_parts(self) -> None:
        runs = [record for record in self.history if record["kind"] == "run"]
        peers = [record for record in self.history if record["kind"] == "peers"]
        for part, said in (
            ([], "The history is empty."),
            (runs[-1:], "There is one run so far"),
            (runs[:2], "2 runs"),
            (peers[:1], "No run of this machine"),
            ([{"kind": "run"}], "unknown machine"),
            ([{"kind": "peers", "machine": None, "cases": []}], "no comparison"),
        ):
            with self.subTest(said):
                self.assertIn(said, text_of(self.render(copy.deepcopy(part))))

    def test_strange_names(self) -> None:
        run = copy.deepcopy(self.history[8])
        run["subject"] = "<script>alert(1)</script>"
        strange = ["kernel/" + "long_" * 60 + "f32_avx2/n1", "kernel/$x_{y}$<b>&\"'_f32_avx2/#0072b2", "x"]
        run["benchmarks"] = [{"name": name, "us": 1.5, "flop": 3, "bytes": 4, "limit_us": 1} for name in strange]
        run["benchmarks"] += [{"name": "kernel/a<i>_f32_avx2/n", "us": 2, "limit_us": 1}]
        document = self.render([run, run])
        self.assertNotIn("<script", document)
        self.assertNotRegex(document, r"<[bi]>[&_]")
        for name in strange:
            self.assertIn(name.replace(" ", ""), "".join(parse(document).texts).replace(" ", ""))

    def test_many_kernels(self) -> None:
        runs = copy.deepcopy(self.history[:3])
        for run in runs:
            run["benchmarks"] = [
                {**entry, "name": f"{entry['name']}_{copy_}"} for entry in run["benchmarks"] for copy_ in range(3)
            ]
        self.assertLess(len(self.render(runs).encode()), 3_000_000)

    def test_bad_histories(self) -> None:
        run, case = {"kind": "run"}, {"cell": "lstm", "hidden": 64}
        for record, said in (
            ({"kind": "walk"}, "neither a run nor a peers record"),
            (run | {"benchmarks": [{"us": 1}]}, "a benchmark without a name"),
            (run | {"benchmarks": [{"name": "a/b", "us": "fast"}]}, "a/b: us: 'fast'"),
            (run | {"benchmarks": [{"name": "a/b", "us": 0}]}, "a/b: us: 0"),
            (run | {"benchmarks": [{"name": "a/b", "us": 1, "flop": float("nan")}]}, "a/b: flop: nan"),
            (run | {"machine": "mine"}, "machine: 'mine'"),
            ({"kind": "peers", "cases": [case]}, "a case without times"),
            ({"kind": "peers", "cases": [case | {"us": {"rnnpack": []}}]}, "[] are not the times"),
            ({"kind": "peers", "cases": [case | {"us": {}, "hidden": None}]}, "hidden of a case: None"),
            ({"kind": "peers", "cases": [{"kind": "activation", "us": {}}]}, "n of a case: None"),
            ({"kind": "peers", "cases": [case | {"us": {}, "max_ulp": {"x": "1"}}]}, "max_ulp of a case: '1'"),
        ):
            with self.subTest(said):
                message = self.refused(json.dumps(record))
                self.assertIn("bad.jsonl", message)
                self.assertIn(said, message)
        self.assertIn("not JSON", self.refused("{"))
        with redirect_stderr(io.StringIO()) as said_of_none:
            self.assertEqual(report.main(["--history", str(self.folder / "none.jsonl")]), 2)
        self.assertIn("none.jsonl", said_of_none.getvalue())


class Changes(unittest.TestCase):
    def steps(self, *us: float) -> list[tuple[int, bool, bool]]:
        return [(change.index, change.slower, change.confirmed) for change in records.changes_of(list(us))]

    def test_changes(self) -> None:
        self.assertEqual(self.steps(), [])
        self.assertEqual(self.steps(1, 2), [])  # one run before says nothing of the noise
        self.assertEqual(self.steps(1, 1, 1, 1.04, 1.04, 1.04), [])  # below the effect
        self.assertEqual(self.steps(1, 1, 1, 1.08, 1.08, 1.08), [(3, True, True)])
        self.assertEqual(self.steps(1, 1, 1, 0.9, 0.9, 0.9), [(3, False, True)])
        self.assertEqual(self.steps(1, 1, 1, 1.5, 1, 1, 1), [])  # an outlier
        self.assertEqual(self.steps(1, 1, 1, 1, 1.08), [(4, True, False)])  # the newest run alone
        self.assertEqual(self.steps(1, 1, 1, 1.2, 1.2, 1.2, 1, 1, 1), [(3, True, True), (6, False, True)])
        self.assertEqual(self.steps(1, 1.09, 0.95, 1.1, 1.0, 1.08, 0.94, 1.07), [])  # noise

    def test_normalised(self) -> None:
        """A slow phase of the core is no change, and a change within it is found."""
        rates = [100, 100, 100, 80, 80, 80]
        runs = [
            {"kind": "run", "benchmarks": [{"name": name, "us": us * 100 / rate, "calibration": rate}]}
            for name, late in (("same", 1.0), ("slower", 1.1))
            for us, rate in zip([1, 1, 1, late, late, late], rates)
        ]
        (machine,) = records.machines_of(runs, "history")
        series = {one.name: one for one in records.series_of(machine)}
        self.assertEqual(series["same"].changes, [])
        self.assertAlmostEqual(series["slower"].changes[0].step, 0.1)
        self.assertEqual(list(series), ["slower", "same"])


@unittest.skipUnless(CHROMIUM, "skipped: chromium is not installed")
class Browser(Folder):
    def chromium(self, *arguments: str) -> subprocess.CompletedProcess:
        command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        command += [f"--user-data-dir={self.folder / 'profile'}", "--enable-logging=stderr", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)

    def test_shown(self) -> None:
        document = self.whole()
        opened = document.replace("<details>", "<details open>")
        script = "document.title = [document.documentElement.scrollWidth, innerWidth]"
        wide = opened.replace("</body>", f"<script>{script}</script></body>")
        (self.folder / "wide.html").write_text(wide, encoding="utf-8")
        for width in WIDTHS:
            with self.subTest(width=width):
                # Chromium's own window is never narrower than 500: the page in a frame of the width is.
                frame = f'<iframe src="wide.html" style="width:{width}px;height:{HEIGHT}px;border:0"></iframe>'
                script = "onload = () => document.title = document.querySelector('iframe').contentDocument.title"
                (self.folder / "frame.html").write_text(f"{frame}<script>{script}</script>", encoding="utf-8")
                page = (self.folder / "frame.html").as_uri()
                dumped = self.chromium("--dump-dom", "--allow-file-access-from-files", page)
                self.assertIn(f"<title>{width},{width}</title>", dumped.stdout)
                self.assertNotIn("CONSOLE", dumped.stderr)
                self.picture(width)

    def picture(self, width: int) -> None:
        picture = self.folder / f"{width}.png"
        size = f"--window-size={width},{HEIGHT}"
        shot = self.chromium(f"--screenshot={picture}", size, (self.folder / "report.html").as_uri())
        self.assertNotIn("CONSOLE", shot.stderr)
        pixels = (255 * matplotlib.image.imread(picture)[:, :, :3]).astype("uint32")
        self.assertEqual(pixels.shape[:2], (HEIGHT, width))
        colours = pixels[:, :, 0] << 16 | pixels[:, :, 1] << 8 | pixels[:, :, 2]
        for third in range(3):
            part = colours[third * HEIGHT // 3 : (third + 1) * HEIGHT // 3]
            self.assertGreater(len(set(part.flat)), 100, f"third {third + 1} of the page is blank at {width}")


if __name__ == "__main__":
    unittest.main()
