# SPDX-License-Identifier: Apache-2.0
"""The instruction sets of kernels/isa.def, lowest first: {name: (architecture, compiler flags)}."""

from __future__ import annotations

import re
from pathlib import Path

DEFINITIONS = Path(__file__).resolve().parents[2] / "kernels" / "isa.def"

ISAS = {
    name: (arch, flags.split())
    for name, arch, flags in re.findall(r'^RNNP_ISA\((\w+), *(\w+),.*"([^"]*)"\)$', DEFINITIONS.read_text(), re.M)
}
BASELINE = next(iter(ISAS))  # every CPU has it

# Rows of the variant table that are made for some CPUs, as part of a regular expression.
VECTORISED = f"({'|'.join(name for name in ISAS if name != BASELINE)})"
