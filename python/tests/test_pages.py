# SPDX-License-Identifier: Apache-2.0
"""The tutorial prints what its page shows, and the Python blocks of the documentation run."""
import contextlib
import importlib.util
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import support

HAS_TORCH = importlib.util.find_spec("torch") is not None


class Pages(unittest.TestCase):
    def test_tutorial(self):
        folder = support.ROOT / "examples" / "python"
        (wanted,) = re.findall(r"```text\n(.*?)```", (folder / "README.md").read_text(), flags=re.S)
        done = subprocess.run([sys.executable, "-B", folder / "tutorial.py"], capture_output=True, text=True,
                              env={**os.environ, "PYTHONPATH": str(support.ROOT / "python")})
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = -1 if not HAS_TORCH else None
        self.assertEqual(done.stdout.splitlines()[:lines], wanted.splitlines()[:lines])

    def test_howto(self):
        page = (support.ROOT / "docs/howto/python.md").read_text()
        blocks = re.findall(r"```python\n(.*?)```", page, flags=re.S)
        self.assertGreater(len(blocks), 7)
        names, here = {}, os.getcwd()
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(support.ROOT / "examples/ecg/forecaster.onnx", folder)
            try:
                os.chdir(folder)
                for block in blocks:
                    if block.startswith("# needs torch") and not HAS_TORCH:
                        continue
                    with contextlib.redirect_stdout(io.StringIO()) as said:
                        exec(compile(block, "python.md", "exec"), names)
                self.assertIn("x", said.getvalue())  # the last one prints an error's sentence
                self.assertTrue(Path("small.rnnp").exists() and Path("model.onnx").exists())
            finally:
                os.chdir(here)


if __name__ == "__main__":
    support.main()
