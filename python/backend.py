# SPDX-License-Identifier: Apache-2.0
"""Builds the wheel and the sdist with the standard library alone (PEP 517, PEP 427).

The wheel holds the package, the shared libraries, and libprotobuf-c, which the ONNX loader needs. Its tag names the
oldest glibc that has all the symbols they use. The sdist holds what building the libraries takes.

    python3 backend.py wheel|sdist FOLDER [--libraries BUILD]

--libraries takes the shared libraries of a folder in place of building them.
"""
from __future__ import annotations

import base64
import gzip
import hashlib
import io
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "source" if (HERE / "source").is_dir() else HERE.parent  # in an sdist; in the repository
PARTS = ["CMakeLists.txt", "LICENSE", "README.md", "autotune", "cmake", "dispatch", "include", "kernels", "src"]
LIBRARIES = ["librnnpack.so", "librnnpack-onnx.so"]
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same files give the same archive

METADATA = """Metadata-Version: 2.1
Name: rnnpack
Version: {version}
Summary: Recurrent networks on CPUs, with the same bits everywhere
License: Apache-2.0
Requires-Python: >=3.9
Requires-Dist: numpy>=1.22
Classifier: License :: OSI Approved :: Apache Software License
Classifier: Operating System :: POSIX :: Linux
Classifier: Typing :: Typed
Description-Content-Type: text/markdown

{readme}"""


def version() -> str:
    header = (SOURCE / "include/rnnpack/rnnpack.h").read_text()
    return ".".join(re.findall(r"#define RNNP_VERSION_\w+ (\d+)", header))


def metadata() -> str:
    return METADATA.format(version=version(), readme=(HERE / "README.md").read_text())


def modules() -> list[Path]:
    return sorted(one for one in (HERE / "rnnpack").rglob("*") if one.suffix in (".py", ".typed"))


# ---- Libraries ----


def build(folder: Path) -> Path:
    """Builds the libraries for any CPU of this architecture, without hwloc, and returns where they are."""
    options = ["-DCMAKE_BUILD_TYPE=Release", "-DRNNP_WITH_HWLOC=OFF", "-DCMAKE_SKIP_RPATH=ON"]
    options += [f"-DRNNP_BUILD_{part}=OFF" for part in ("TESTS", "BENCH", "EXAMPLES", "CLI")]
    cmake = os.environ.get("CMAKE", "cmake")
    tree, to = folder / "build", folder / "install"
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    subprocess.run([cmake, "-S", str(SOURCE), "-B", str(tree), *generator, *options], check=True, stdout=sys.stderr)
    targets = ["rnnpack"] if "RNNP_BUILD_ONNX:BOOL=OFF" in (tree / "CMakeCache.txt").read_text() else [
        "rnnpack", "rnnpack-onnx"]
    jobs = str(os.cpu_count() or 1)
    subprocess.run([cmake, "--build", str(tree), "--parallel", jobs, "--target", *targets], check=True,
                   stdout=sys.stderr)
    to.mkdir()
    for name in LIBRARIES[: len(targets)]:
        shutil.copy(tree / name, to / name)
    return to


def needed(library: Path) -> list[str]:
    said = subprocess.run(["readelf", "-d", str(library)], check=True, capture_output=True, text=True).stdout
    return re.findall(r"\(NEEDED\).*\[(.*)\]", said)


def bundle(libraries: Path, to: Path) -> None:
    """Copies the libraries under the names that they are loaded by, without debug information."""
    soname = ".".join(version().split(".")[:2])
    to.mkdir(parents=True)
    for name in LIBRARIES:
        if (libraries / name).exists():
            shutil.copy(libraries / name, to / f"{name}.{soname}")
    core = to / f"{LIBRARIES[0]}.{soname}"
    if not core.exists():
        raise SystemExit(f"{libraries} has no {LIBRARIES[0]}")
    for library in list(to.iterdir()):
        subprocess.run(["strip", "--strip-unneeded", str(library)], check=True)
        if "libprotobuf-c.so.1" in needed(library):
            said = subprocess.run(["ldd", str(library)], check=True, capture_output=True, text=True).stdout
            found = re.search(r"libprotobuf-c\.so\.1 => (\S+)", said)
            if found is None:
                raise SystemExit("libprotobuf-c.so.1 was not found")
            shutil.copy(found[1], to / "libprotobuf-c.so.1")


def tag(folder: Path) -> str:
    """manylinux_2_Y: the newest version of glibc whose symbols the libraries need (PEP 600)."""
    most = 17  # the oldest that PEP 600 has a use for
    for library in folder.iterdir():
        said = subprocess.run(["readelf", "-V", str(library)], check=True, capture_output=True, text=True).stdout
        most = max([most, *(int(minor) for minor in re.findall(r"\bGLIBC_2\.(\d+)", said))])
    return f"py3-none-manylinux_2_{most}_{platform.machine()}"


# ---- Archives ----


def licences() -> dict[str, bytes]:
    found = {"LICENSE": (SOURCE / "LICENSE").read_bytes()}
    protobuf = Path("/usr/share/doc/libprotobuf-c1/copyright")
    if protobuf.exists():
        found["LICENSE.protobuf-c"] = protobuf.read_bytes()
    return found


def write_wheel(folder: Path, libraries: Path) -> Path:
    with tempfile.TemporaryDirectory() as scratch:
        bundled = Path(scratch, "lib")
        bundle(libraries, bundled)
        name, kind = f"rnnpack-{version()}", tag(bundled)
        info = f"{name}.dist-info"
        files = {f"rnnpack/{one.relative_to(HERE / 'rnnpack')}": one.read_bytes() for one in modules()}
        files.update({f"rnnpack/lib/{one.name}": one.read_bytes() for one in sorted(bundled.iterdir())})
        files.update({f"{info}/licenses/{file}": text for file, text in licences().items()})
        files[f"{info}/METADATA"] = metadata().encode()
        files[f"{info}/WHEEL"] = (
            f"Wheel-Version: 1.0\nGenerator: rnnpack\nRoot-Is-Purelib: false\nTag: {kind}\n").encode()
        rows = []
        for file, data in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            rows.append(f"{file},sha256={digest},{len(data)}")
        files[f"{info}/RECORD"] = ("\n".join([*rows, f"{info}/RECORD,,"]) + "\n").encode()
    path = folder / f"{name}-{kind}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, data in files.items():
            entry = zipfile.ZipInfo(file, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if "/lib/" in file else 0o644) << 16
            archive.writestr(entry, data)
    return path


def write_sdist(folder: Path) -> Path:
    name = f"rnnpack-{version()}"
    path = folder / f"{name}.tar.gz"
    files = {one.name: one.read_bytes() for one in (HERE / "pyproject.toml", HERE / "backend.py", HERE / "README.md")}
    files["PKG-INFO"] = metadata().encode()
    files.update({str(one.relative_to(HERE)): one.read_bytes() for one in modules()})
    for part in PARTS:
        whole = SOURCE / part
        for one in sorted(whole.rglob("*")) if whole.is_dir() else [whole]:
            if one.is_file() and "__pycache__" not in one.parts:
                files[f"source/{one.relative_to(SOURCE)}"] = one.read_bytes()
    with open(path, "wb") as file_, gzip.GzipFile("", "wb", fileobj=file_, mtime=0) as packed, tarfile.open(
            fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for file, data in files.items():
            entry = tarfile.TarInfo(f"{name}/{file}")
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
    return path


# ---- PEP 517 ----


def build_wheel(wheel_directory: str, config_settings: object = None, metadata_directory: object = None) -> str:
    with tempfile.TemporaryDirectory() as scratch:
        return write_wheel(Path(wheel_directory), build(Path(scratch))).name


def build_sdist(sdist_directory: str, config_settings: object = None) -> str:
    return write_sdist(Path(sdist_directory)).name


def main(arguments: list[str]) -> None:
    libraries = None
    if "--libraries" in arguments:
        at = arguments.index("--libraries")
        libraries = Path(arguments[at + 1])
        del arguments[at : at + 2]
    if len(arguments) != 2 or arguments[0] not in ("wheel", "sdist"):
        raise SystemExit(__doc__)
    folder = Path(arguments[1])
    folder.mkdir(parents=True, exist_ok=True)
    if arguments[0] == "sdist":
        print(write_sdist(folder))
    elif libraries:
        print(write_wheel(folder, libraries))
    else:
        print(folder / build_wheel(str(folder)))


if __name__ == "__main__":
    main(sys.argv[1:])
