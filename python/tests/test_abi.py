# SPDX-License-Identifier: Apache-2.0
"""The bindings agree with the headers: sizes and offsets of structs, values of constants, arguments of functions."""
import ctypes
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import support
from rnnpack import _native, _structs

HEADERS = support.ROOT / "include" / "rnnpack"
SPECIAL = {"RecordKey": "rnnp_record_key", "Record": "rnnp_record"}


def c_name(struct):
    return "rnnp_" + re.sub(r"(?<!^)([A-Z])", r"_\1", struct.__name__).lower()


STRUCTS = [one for one in vars(_structs).values()
           if isinstance(one, type) and issubclass(one, ctypes.Structure) and hasattr(one, "_fields_")]
CONSTANTS = {f"{enum}_{name.upper()}": value for enum, names in _structs.ENUMS.items()
             for name, value in names.items()}


def answers():
    """Compiles and runs a program that prints what the headers say."""
    lines = ["#include <stdio.h>", "#include <stddef.h>"]
    lines += [f'#include "rnnpack/{header.name}"' for header in sorted(HEADERS.glob("*.h"))]
    lines.append("int main(void) {")
    for struct in STRUCTS:
        lines.append(f'printf("{c_name(struct)} %zu\\n", sizeof({c_name(struct)}));')
        for name, *_ in struct._fields_:
            where, size = f"offsetof({c_name(struct)}, {name})", f"sizeof((({c_name(struct)} *)0)->{name})"
            lines.append(f'printf("{c_name(struct)}.{name} %zu %zu\\n", {where}, {size});')
    for name in CONSTANTS:
        lines.append(f'printf("{name} %lld\\n", (long long){name});')
    lines += ['printf("RNNP_MAX_RANK %d\\n", RNNP_MAX_RANK);', "return 0; }"]
    with tempfile.TemporaryDirectory() as folder:
        source, program = Path(folder, "abi.c"), Path(folder, "abi")
        source.write_text("\n".join(lines))
        compiler = os.environ.get("RNNPACK_TEST_CC", "cc")
        subprocess.run([compiler, f"-I{HEADERS.parent}", source, "-o", program], check=True)
        out = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    return {line.split()[0]: [int(number) for number in line.split()[1:]] for line in out.splitlines()}


def letter(declaration):
    """The letter of _native's tables for a C type."""
    declaration = declaration.replace("const ", "").strip()
    if re.fullmatch(r"char \*\w*", declaration):
        return "s"
    if "*" in declaration or declaration.split()[0].endswith("_fn"):
        return "p"
    kind = declaration.split()[0]
    if kind == "void":
        return "v"
    return {"size_t": "z", "double": "d", "float": "f", "uint64_t": "u"}.get(kind, "i")


def prototypes():
    found = {}
    for header in HEADERS.glob("*.h"):
        code = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.S)
        for result, name, arguments in re.findall(r"RNNP_API\s+([\w\s]+?\*?)\s*\b(rnnp_\w+)\(([^)]*)\)\s*;", code):
            arguments = [" ".join(one.split()) for one in arguments.split(",") if one.strip() != "void"]
            found[name] = (letter(" ".join(result.split())), "".join(map(letter, arguments)))
    return found


class Abi(unittest.TestCase):
    @unittest.skipUnless(shutil.which(os.environ.get("RNNPACK_TEST_CC", "cc")), "no C compiler")
    def test_structs_and_constants(self):
        said = answers()
        self.assertGreater(len(STRUCTS), 30)
        for struct in STRUCTS:
            with self.subTest(struct=struct.__name__):
                self.assertEqual(said[c_name(struct)], [ctypes.sizeof(struct)])
                for name, *_ in struct._fields_:
                    field = getattr(struct, name)
                    self.assertEqual(said[f"{c_name(struct)}.{name}"], [field.offset, field.size], name)
        for name, value in CONSTANTS.items():
            self.assertEqual(said[name], [value], name)
        self.assertEqual(said["RNNP_MAX_RANK"], [_structs.MAX_RANK])

    def test_every_constant_of_an_enum_is_known(self):
        text = "".join(header.read_text() for header in HEADERS.glob("*.h"))
        code = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
        for body, name in re.findall(r"typedef enum \w+ \{(.*?)\} rnnp_(\w+);", code, flags=re.S):
            enum = f"RNNP_{name.removesuffix('_kind').removesuffix('_level').upper()}"
            if enum in _structs.ENUMS:
                members = set(re.findall(r"\bRNNP_\w+", body))
                self.assertEqual(members, {one for one in CONSTANTS if re.fullmatch(rf"{enum}_[A-Z0-9]+", one)}, enum)

    def test_functions(self):
        headers = prototypes()
        self.assertGreater(len(headers), 120)
        for name, signature in {**_native.CORE, **_native.ONNX}.items():
            with self.subTest(function=name):
                self.assertEqual(signature, headers[name])

    def test_statuses(self):
        from rnnpack import errors

        code = (HEADERS / "rnnpack.h").read_text()
        self.assertEqual({int(one) for one in re.findall(r"RNNP_ERR_\w+ = (-\d+)", code)}, set(errors.BY_STATUS))

    def test_version(self):
        self.assertTrue(support.rnnpack.__version__.startswith(_native.VERSION + "."))


if __name__ == "__main__":
    support.main()
