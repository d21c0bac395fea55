# SPDX-License-Identifier: Apache-2.0
"""The wheel, installed by pip in a fresh virtual environment, works without any other file; so does the sdist.

Building the libraries from the sdist takes minutes, so that is done only where RNNPACK_TEST_SDIST is set.
"""
import importlib.util
import os
import subprocess
import sys
import tarfile
import tempfile
import unittest
import zipfile
from pathlib import Path

import support

LIBRARY = os.environ.get("RNNPACK_LIBRARY", "")
CLEAN = {name: value for name, value in os.environ.items()
         if name not in ("RNNPACK_LIBRARY", "PYTHONPATH") and not name.startswith("RNNPACK_TEST")}
USE = """
import numpy, pathlib, sys, rnnpack
b = rnnpack.Builder()
x = b.input("x", ["steps", "batch", 2])
b.output("y", b.lstm(x, input=2, hidden=4)[0])
model = b.build()
assert model(numpy.ones((3, 1, 2), numpy.float32)).shape == (3, 1, 4)
if rnnpack._native.onnx:
    assert rnnpack.load(model.to_bytes("onnx")).inputs == model.inputs
maps = pathlib.Path("/proc/self/maps").read_text()
loaded = {line.split()[-1] for line in maps.splitlines() if "librnnpack" in line or "libprotobuf-c" in line}
assert loaded and all(name.startswith(sys.prefix) for name in loaded), loaded
print(rnnpack.__version__, len(loaded))
"""


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, env=CLEAN, **options)
    if done.returncode:
        raise AssertionError(f"{command}\n{done.stdout}\n{done.stderr}")
    return done.stdout.strip()


@unittest.skipUnless(importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip"),
                     "venv is not there (Debian: python3-venv)")
@unittest.skipIf("LD_PRELOAD" in os.environ, "a sanitizer's library is not what a wheel holds")
class Wheel(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.made = run(support.ROOT / "script/wheel", "--libraries", LIBRARY, cls.folder.name).splitlines()

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def installed(self, file):
        """Installs a file in a fresh environment, and returns what the program there prints."""
        with tempfile.TemporaryDirectory() as place:
            run(sys.executable, "-m", "venv", "--system-site-packages", place)
            python = Path(place, "bin/python")
            run(python, "-m", "pip", "install", "--no-index", "--no-build-isolation", file, cwd=place)
            return run(python, "-c", USE, cwd=place)

    def test_wheel(self):
        with zipfile.ZipFile(self.made[0]) as archive:
            names = archive.namelist()
            record = archive.read(next(name for name in names if name.endswith("/RECORD"))).decode()
        self.assertEqual([line.split(",")[0] for line in record.splitlines()], names)
        self.assertIn("rnnpack/py.typed", names)
        self.assertRegex(Path(self.made[0]).name, r"^rnnpack-[\d.]+-py3-none-manylinux_2_\d+_\w+\.whl$")
        libraries = sum(name.startswith("rnnpack/lib/") for name in names)
        self.assertEqual(self.installed(self.made[0]), f"{support.rnnpack.__version__} {libraries}")

    def test_same_bytes(self):
        with tempfile.TemporaryDirectory() as folder:
            again = run(support.ROOT / "script/wheel", "--libraries", LIBRARY, folder).splitlines()
            for one, other in zip(again, self.made):
                self.assertEqual(Path(one).read_bytes(), Path(other).read_bytes(), one)

    def test_sdist(self):
        with tarfile.open(self.made[1]) as archive:
            names = {name.split("/", 1)[1] for name in archive.getnames()}
        for name in ("pyproject.toml", "PKG-INFO", "backend.py", "rnnpack/__init__.py", "source/CMakeLists.txt",
                     "source/kernels/isa.def", "source/include/rnnpack/model.h"):
            self.assertIn(name, names)
        self.assertFalse([name for name in names if "test" in name])
        if os.environ.get("RNNPACK_TEST_SDIST"):
            self.assertIn(support.rnnpack.__version__, self.installed(self.made[1]))


if __name__ == "__main__":
    support.main()
