#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""data.py FOLDER: short texts with a subject, from the package lists of this Debian machine (apt-cache dumpavail).

One text per source package: the one-line descriptions of its packages behind each other, in small letters, the first 40
words. So no two texts are of one source. The class is the section; what is in several of the sections is left out."""

import re
import subprocess
import sys
from pathlib import Path

SECTIONS = {"games", "sound", "fonts", "gnu-r"}
WORDS = 40


def main() -> None:
    listing = subprocess.run(["apt-cache", "dumpavail"], check=True, capture_output=True, text=True).stdout
    texts: dict[str, dict[str, None]] = {}  # descriptions of a source, each once, in their order
    sections: dict[str, set[str]] = {}
    for package in listing.split("\n\n"):
        field = dict(re.findall(r"^([\w-]+): (.*)$", package, re.MULTILINE))
        if not {"Package", "Section", "Description"} <= field.keys():
            continue
        source = field.get("Source", field["Package"]).split()[0]
        texts.setdefault(source, {})[field["Description"]] = None
        sections.setdefault(source, set()).add(field["Section"].split("/")[-1])
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    n = 0
    with open(folder / "texts.txt", "w", encoding="ascii") as file:
        for source in sorted(texts):
            words = re.findall("[a-z]+", " ".join(texts[source]).lower())[:WORDS]
            found = sections[source] & SECTIONS
            if len(found) == 1 and words:
                file.write(f"{found.pop()}\t{' '.join(words)}\n")
                n += 1
    print(f"{n} texts of {', '.join(sorted(SECTIONS))}")


main()
