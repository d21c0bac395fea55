#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# noisy.py DB NOISY.wav RECORDING.wav...: recordings one after the other, with white noise of DB less power than theirs.
import array
import random
import sys
import wave

samples = array.array("h")
for path in sys.argv[3:]:
    with wave.open(path) as file:
        params = file.getparams()
        samples.frombytes(file.readframes(file.getnframes()))
random.seed(17)
power = sum(v * v for v in samples) / len(samples)
deviation = (power / 10 ** (float(sys.argv[1]) / 10)) ** 0.5
noisy = array.array("h", (max(-32768, min(32767, round(v + random.gauss(0, deviation)))) for v in samples))
with wave.open(sys.argv[2], "wb") as file:
    file.setparams(params)
    file.writeframes(noisy.tobytes())
