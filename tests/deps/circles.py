# SPDX-License-Identifier: Apache-2.0
"""circles.py ROOT BUILD NM: files use one another in one direction in src/, autotune/, dispatch/ and kernels/.

A source and the header of the same name are one file here. A file uses another that it includes, or whose object defines
a symbol that its own object refers to. Files that reach one another in both directions are a circle, which is printed with the
uses that make it.
"""

import pathlib
import re
import subprocess
import sys

FOLDERS = ("src", "autotune", "dispatch", "kernels")


def stem(path):
    return re.sub(r"\.[ch]$", "", str(path))


def add_includes(root, uses):
    for folder in FOLDERS:
        for path in (root / folder).rglob("*.[ch]"):
            for name in re.findall(r'^ *# *include *"([^"]+)', path.read_text(), re.MULTILINE):
                target = (path.parent / name).resolve()
                if target.is_file() and target.is_relative_to(root):
                    uses.setdefault((stem(path.relative_to(root)), stem(target.relative_to(root))), set()).add(name)


def add_symbols(root, build, nm, uses):
    """Answers how many objects there were. Those whose source is gone do not count."""
    objects = {}
    for path in build.glob("CMakeFiles/*.dir/**/*.c.o"):
        source = "/".join(path.relative_to(build).parts[2:])[:-2]
        if source.startswith(FOLDERS) and (root / source).is_file():
            objects[str(path)] = stem(source)
    defined, wanted = {}, []
    symbols = subprocess.run([nm, "-A", *objects], check=True, capture_output=True, text=True).stdout
    for path, kind, symbol in re.findall(r"^(.*?):[\da-f ]* (\w) (\w+)$", symbols, re.MULTILINE):
        if kind == "U":
            wanted.append((objects[path], symbol))
        elif kind.isupper():
            defined.setdefault(symbol, set()).add(objects[path])
    for user, symbol in wanted:
        for used in defined.get(symbol, ()):
            uses.setdefault((user, used), set()).add(symbol)
    return len(objects)


def circles(uses):
    """Strongly connected components of more than one file (Tarjan)."""
    used_by, number, low, stack, found = {}, {}, {}, [], []
    for user, used in sorted(uses):
        used_by.setdefault(user, []).append(used)

    def visit(file):
        number[file] = low[file] = len(number)
        stack.append(file)
        for used in used_by.get(file, ()):
            if used not in number:
                visit(used)
                low[file] = min(low[file], low[used])
            elif used in stack:
                low[file] = min(low[file], number[used])
        if low[file] == number[file]:
            component = stack[stack.index(file) :]
            del stack[-len(component) :]
            if len(component) > 1:
                found.append(component)

    for file in used_by:
        if file not in number:
            visit(file)
    return found


def main():
    assert circles({"ab": 0, "bc": 0, "cb": 0, "cc": 0, "ca": 0, "cd": 0, "ed": 0, "ee": 0}) == [["a", "b", "c"]]
    root, build = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
    uses = {}
    add_includes(root, uses)
    objects = add_symbols(root, build, sys.argv[3], uses)
    if not uses or not objects:
        sys.exit(f"no uses or no objects: is {root} the source tree, and {build} its build?")
    print(f"{len(uses)} uses and {objects} objects looked at")
    found = circles(uses)
    for circle in found:
        print("\nA circle of", *sorted(circle))
        for (user, used), names in sorted(uses.items()):
            if user != used and {user, used} <= set(circle):
                print(f"    {user} -> {used}: {' '.join(sorted(names))}")
    sys.exit(len(found) > 0)


main()
