#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes record208.i16 from the copy of the recording that SciPy ships (Debian: python3-scipy)."""
import pathlib

import numpy as np
import scipy.misc

UNITS_PER_MILLIVOLT = 200.0

here = pathlib.Path(__file__).resolve().parent
units = np.round(scipy.misc.electrocardiogram() * UNITS_PER_MILLIVOLT).astype("<i2")
units.tofile(here / "record208.i16")
print(f"{units.size} samples, {units.min()} to {units.max()} units of 1/200 mV")
