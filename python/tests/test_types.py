# SPDX-License-Identifier: Apache-2.0
"""mypy --strict finds no fault in the package, as Python 3.9 has its types, and no line is longer than 119 columns."""
import importlib.util
import subprocess
import sys
import tempfile
import unittest

import support


class Types(unittest.TestCase):
    @unittest.skipUnless(importlib.util.find_spec("mypy"), "mypy is not installed (Debian: mypy)")
    def test_mypy(self):
        with tempfile.TemporaryDirectory() as cache:
            done = subprocess.run([sys.executable, "-m", "mypy", f"--cache-dir={cache}"], capture_output=True,
                                  text=True, cwd=support.ROOT / "python")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_lines(self):
        for file in sorted((support.ROOT / "python").rglob("*.py")):
            lines = file.read_text().splitlines()
            self.assertTrue(any("SPDX-License-Identifier: Apache-2.0" in line for line in lines[:3]), file)
            self.assertLess(len(lines), 400, file)
            self.assertEqual([line for line in lines if len(line) > 119 or line != line.rstrip()], [], file)


if __name__ == "__main__":
    support.main()
