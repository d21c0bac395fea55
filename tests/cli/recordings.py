# SPDX-License-Identifier: Apache-2.0
"""recordings.py READER PROGRAM: files of every format of recordings, written here, and what READER reads of them.

The writers know the formats by their specifications and share nothing with the program. Values must be equal bit for bit:
physical values are computed in double precision and rounded to float32 once.
"""

import math
import os
import struct
import subprocess
import sys

try:
    import numpy as np
except ImportError:
    print("skipped: no numpy")
    sys.exit(77)
from recording_writers import (BITS, GDF_TYPES, any_samples, any_signal, gdf_signal, pack, random, work, write_atr, write_edf,
                               write_gdf, write_wfdb)

READER, PROGRAM = sys.argv[1:3]
EMULATOR = sys.argv[3:]
checks = 0

# ---- What the program reads ----


class Sequence:
    def __init__(self, head, lines):
        self.id, self.group, self.label, steps = head.split("\t")
        rows = [[float.fromhex(x) for x in line.split()] for line in lines[: int(steps)]]
        self.x = np.array(rows, dtype=np.float32)
        self.steps = int(steps)


class Reading:
    def __init__(self, text):
        lines = text.split("\n")
        self.rate, *self.columns = lines[0].split("\t")
        self.sequences, at = [], 1
        while at < len(lines) and lines[at]:
            sequence = Sequence(lines[at], lines[at + 1 :])
            self.sequences.append(sequence)
            at += 1 + sequence.steps


def call(name, keys, *test):
    config = work / "config.ini"
    usual = {} if "annotations" in keys or "label" in keys else {"target": "input"}
    lines = [f"{key} = {value}" for key, value in {**usual, **keys}.items()]
    loss = "mse" if "target" in {**usual, **keys} else "sparse"
    config.write_text(f"[data]\nformat = recordings\ntrain = {name}\n" + "\n".join(lines)
                      + f"\n[model]\nlayers = gru 2\n  dense 2\n[train]\nloss = {loss}\n")
    return subprocess.run([*EMULATOR, READER, config, *test], capture_output=True, text=True, errors="replace")


def read(name, *test, **keys):
    done = call(name, keys, *test)
    assert done.returncode == 0, f"{name} {keys}: {done.stderr}"
    return Reading(done.stdout)


def refused(name, *parts, **keys):
    """Each part stands in the sentence, which names the file."""
    global checks
    done = call(name, keys)
    assert done.returncode == 1 and not done.stdout, f"{name} {keys}: exit {done.returncode}\n{done.stdout[:300]}{done.stderr}"
    for part in parts:
        assert part in done.stderr, f"{name}: no '{part}' in: {done.stderr}"
    checks += 1


def same(got, want, what):
    global checks
    want = np.asarray(want, dtype=np.float32)
    assert got.shape == want.shape, f"{what}: {got.shape} instead of {want.shape}"
    wrong = ~((got == want) | (np.isnan(got) & np.isnan(want)))
    assert not wrong.any(), f"{what}: {wrong.sum()} differ, first at {np.argwhere(wrong)[0]}: {got[wrong][0]} {want[wrong][0]}"
    checks += 1


def test_wfdb_formats():
    for form in BITS:
        for signals in (1, 2, 3):
            for n in (1, 2, 3, 4, 5, 6, 7, 100):
                want = write_wfdb("w", form, any_samples(form, n, signals), gains=[3.25, 200, -17][:signals],
                                  baselines=[5, -7, 0][:signals], offset=[0, 0, 13][signals - 1])
                same(read("w.hea").sequences[0].x, want, f"format {form}, {n} samples of {signals} signals")
        want = write_wfdb("w", form, any_samples(form, 60, 2), counted=False)
        got = read("w").sequences[0].x
        # Without a number of samples bytes tell it: of 310 and 311 a last word may have room for another frame.
        same(got[:60], want, f"format {form} without a number of samples")
    x = any_samples(212, 40, 2)
    want = write_wfdb("w", 212, x, frames=4, rate=90)
    r = read("w.hea")
    same(r.sequences[0].x, want, "four samples in a frame")
    assert r.rate == "rate 360/1" and r.columns == ["signal 1 [mV]", "signal 2 [mV]"], (r.rate, r.columns)
    # A converter of fewer bits than the format: its ends are where the signal is clipped.
    x = np.clip(random.integers(-700, 700, (200, 2)), -512, 511)
    want = write_wfdb("w", 16, x, bits=10)
    same(read("w").sequences[0].x, want, "clipped kept")
    same(read("w", clipped="missing").sequences[0].x, np.where((x <= -512) | (x >= 511), np.nan, want), "clipped missing")


def test_wfdb_headers():
    x = random.integers(-30000, 30000, (30, 2))
    want = write_wfdb("w", 16, x, names=["MLII", "V5"], units=["uV", "mV"], gains=[2, 200])
    assert read("w").columns == ["MLII [mV]", "V5 [mV]"]
    same(read("w").sequences[0].x, np.stack([x[:, 0] / 2 / 1000, want[:, 1]], 1), "uV as mV")
    same(read("w", unit="uV").sequences[0].x, np.stack([x[:, 0] / 2, x[:, 1] / 200 * 1000], 1), "mV as uV")
    same(read("w", channels="V5").sequences[0].x, want[:, 1:], "one channel")
    got = read("w", channels="lead: /V[1-6]/, second: /ML.*|II/", unit="uV")
    assert got.columns == ["lead [uV]", "second [uV]"], got.columns
    same(got.sequences[0].x[:, 1], x[:, 0] / 2, "channels with names")
    # Two files, a signal without a file, a skew.
    (work / "a.dat").write_bytes(pack(16, x[:, :1], x[0, :1]))
    (work / "b.dat").write_bytes(pack(212, x[:, 1:] % 1000, x[0, 1:]))
    (work / "w.hea").write_text("w 3 250 30\na.dat 16:4\nb.dat 212 100\n~ 0 200/mmHg 0 0 0 0 0 ABP\n")
    got = read("w")
    late = np.append(x[4:, 0] / 200, [np.nan] * 4)
    same(got.sequences[0].x, np.stack([late, x[:, 1] % 1000 / 100, [np.nan] * 30], 1), "two files and none")
    assert got.columns[2] == "ABP [mmHg]"
    # Segments: the first tells the channels; one lacks a channel; one is a gap.
    one = write_wfdb("s1", 16, any_samples(16, 20, 2), names=["I", "II"])
    two = write_wfdb("s2", 212, any_samples(212, 10, 1), names=["II"], gains=[50])
    (work / "layout.hea").write_text("layout 2 250 0\n~ 0 200 16 0 0 0 0 I\n~ 0 200 16 0 0 0 0 II\n")
    (work / "many.hea").write_text("many/4 2 250 35\nlayout 0\ns1 20\n~ 5\ns2 10\n")
    want = np.full((35, 2), np.nan)
    want[:20], want[25:, 1:] = one, two
    same(read("many").sequences[0].x, want, "segments")
    same(read("many", unit="V").sequences[0].x, (want / 1000), "segments in V")


def test_wfdb_annotations():
    n = 5000
    want = write_wfdb("r", 16, random.integers(-1000, 1000, (n, 2)), rate=100, names=["I", "II"])
    samples = np.sort(random.choice(np.arange(1, n), 60, replace=False))
    samples[-20:] = np.sort(random.choice(np.arange(4000, n), 20, replace=False))
    samples[:40] = np.sort(random.choice(np.arange(1, 2500), 40, replace=False))
    signs = [str(s) for s in random.choice(list("NLVA~/r"), 60)]
    write_atr("r", [(0, "+", "(N"), *((int(s), t, "note" if s % 2 else None) for s, t in zip(samples, signs))])
    got = read("r", annotations="points", before=0.2, after=0.33)
    beats = [(s, t) for s, t in zip(samples, signs) if t != "~"]
    assert [s.label for s in got.sequences] == [t for _, t in beats]
    for sequence, (s, _) in zip(got.sequences, beats):
        rows = np.full((53, 2), np.nan)
        for k in range(53):
            if 0 <= s - 20 + k < n:
                rows[k] = want[s - 20 + k]
        same(sequence.x, rows, f"window around {s}")
        assert sequence.id == f"r@{s / 100:.3f}" and sequence.group == "r", (sequence.id, sequence.group)
    got = read("r", annotations="points", before=0.1, after=0, classes="normal: /[NLr]/, normal: /x/, V, noise: ~", block=10)
    name = {"N": "normal", "L": "normal", "r": "normal", "V": "V", "~": "noise"}
    chosen = [(s, name[t]) for s, t in zip(samples, signs) if t in name]
    assert [s.label for s in got.sequences] == [t for _, t in chosen]
    assert [s.group for s in got.sequences] == [f"r block {s // 1000}" for s, _ in chosen]
    assert all(s.steps == 10 for s in got.sequences)
    # Rhythms last until the next one.
    write_atr("r", [(100, "+", "(N"), (150, "N", None), (1100, "+", "(AFIB"), (3000, "+", "(N\0")])
    got = read("r", annotations="spans", classes="N: (N, AF: (AFIB")
    assert [(s.label, s.steps) for s in got.sequences] == [("N", 1000), ("AF", 1900), ("N", 2000)]
    same(got.sequences[1].x, want[1100:3000], "a span")
    got = read("r", annotations="spans", window=500, stride=500)
    assert [(s.label, s.steps) for s in got.sequences] == [("(N", 500)] * 2 + [("(AFIB", 500)] * 3 + [("(N", 500)] * 4
    # Times in another resolution than frames; intervals over 1023 and over 65535.
    write_atr("r", [(1000, "N", None), (70000, "V", None), (499000, "N", None)], resolution=10000)
    got = read("r", annotations="points", before=0, after=0.02)
    for sequence, s in zip(got.sequences, (10, 700, 4990)):
        same(sequence.x, want[s : s + 2], "time resolution")
    refused("r.hea", "r.atr: annotation 2 'N' from 50 s to 50 s is beyond the recording, which ends at 50 s",
            annotations="points", before=0.1, after=0.1) if write_atr("r", [(4999, "N", None), (5000, "N", None)]) is None else 0
    write_atr("r", [(20, "N", None), (10, "N", None)])
    refused("r", "r.atr: annotation 2: its time, sample 10, goes back by 10", annotations="points", before=0.1, after=0.1)
    write_atr("r", [(20, "N", None)], end=False)
    refused("r", "r.atr: annotation 1 is followed by the end of the file", annotations="points", before=0.1, after=0.1)
    (work / "r.atr").write_bytes(struct.pack("<HH", 1 << 10 | 5, 63 << 10 | 900) + b"abc")
    refused("r", "r.atr: annotation 1: its text of 900 bytes goes beyond the end of the file", annotations="points", before=1, after=1)
    (work / "r.atr").write_bytes(struct.pack("<HH", 59 << 10, 1))
    refused("r", "r.atr", "a skip that goes beyond the end", annotations="points", before=1, after=1)
    write_atr("r", [(20, "~", None)])
    refused("r", "no annotation is one of those that are meant", annotations="points", before=1, after=1)
    (work / "r.atr").unlink()
    refused("r", "r.atr: No such file", annotations="points", before=1, after=1)
    refused("r", "r.xyz: No such file", annotations="points", before=1, after=1, annotator="xyz")


def test_wfdb_refusals():
    def header(text, *parts, **keys):
        (work / "h.hea").write_text(text)
        refused("h.hea", *parts, **keys)

    (work / "h.dat").write_bytes(b"\0" * 100)
    header("", "h.hea: no line that describes the record")
    header("h 1 250 50\n", "h.hea: number of signals is 1, and 0 are described")
    header("h x 250\n", "h.hea:1: number of signals 'x' is not a number from 0 to 4096")
    header("h 99999999999 250\n", "h.hea:1: number of signals '99999999999' is not a number")
    header("h 1 0 50\nh.dat 16\n", "h.hea:1: sampling frequency '0' is not a number from 1e-09")
    header("h 1 -5 50\nh.dat 16\n", "h.hea:1: sampling frequency '-5'")
    header("h 1 1e99 50\nh.dat 16\n", "h.hea:1: sampling frequency '1e99'")
    header("h 1 9e6 50\nh.dat 16x100\n", "h.hea:2: 'signal 1' has 100 samples in each of 9e+06 frames a second: more than 10 MHz")
    header("h 1 250 51\nh.dat 16\n", "h.dat:", "h.hea promises 51 frames of 1 samples in format 16, which are 102 bytes; the file has 100")
    header("h 1 250 50\nh.dat 16+2\n", "promises 50 frames", "the file has 98 behind its offset")
    header("h 1 250 268435456\n~ 0\n", "'signal 1' has 268435456 samples, the files have 0")
    header("h 1 250 50\nh.dat 508\n", "h.hea:2: format 508 is not read; 8, 16")
    header("h 1 250 50\n../../etc/passwd 16\n", "h.hea:2: signal file '../../etc/passwd' is no file beside the header")
    header("h 1 250 50\n/etc/passwd 16\n", "h.hea:2: signal file '/etc/passwd'")
    header("h 1 250 50\nh.dat 16 200(5 16\n", "h.hea:2: the baseline has no closing bracket")
    header("h 1 250 50\nh.dat 16 200 99\n", "h.hea:2: resolution in bits '99' is not a number from 0 to 32")
    header("h 1 250 50\nh.dat 16 200 16 0 0 7 0 I\n", "h.hea: checksum of 'I' is 7 in the header and 0 by the samples of", "h.dat")
    header("h 1 250 50\nh.dat 16 1e-30 16 1\n", "is too large for a 32-bit number", scale="1e20")
    header("h 2 250 50\nh.dat 16\nh.dat 80\n", "h.hea:3: format and offset of 'h.dat' are not those of the signal before")
    header("h 1 250 50\nh.dat 16\nh.dat 16\n", "h.hea:3: a line behind the last signal")
    header("h/2 1 250 50\nh 25\nh 25\n", "h.hea: it is a segment of", "and has segments itself")
    header("h/2 1 250 50\nw 25\n", "h.hea: number of segments is 2, and 1 are described")
    header("h/1 1 250 50\n~ 50\n", "h.hea: the first segment, which tells the channels, is a gap")
    header("h 1 250\nnowhere.dat 16\n", "nowhere.dat: No such file")


# ---- EDF ----


def test_edf():
    for bits, name in ((16, "e.edf"), (24, "e.bdf")):
        plus = "EDF+" if bits == 16 else "BDF+"
        for kind in ("", plus + "C", plus + "D"):
            signals = [any_signal("ECG", 7, 25, bits, "mV"), any_signal("EEG Fpz-Cz", 7, 25, bits),
                       any_signal("Temp", 7, 25, bits, "C", -2000, 2047)]
            want = write_edf(name, signals, 0.25, kind, bits=bits)
            want[1] = want[1] / 1000
            got = read(name)
            same(got.sequences[0].x, np.stack(want, 1), f"{name} {kind}")
            assert got.rate == "rate 100/1" and got.columns == ["ECG [mV]", "EEG Fpz-Cz [mV]", "Temp [C]"], got.columns
            assert got.sequences[0].id == "e"
            same(read(name, channels="/E.G.*/").sequences[0].x, np.stack(want[:2], 1), "expression")
            clipped = [np.where((s[6] <= s[4]) | (s[6] >= s[5]), np.nan, w.reshape(7, 25)).reshape(-1) for s, w in zip(signals, want)]
            same(read(name, clipped="missing").sequences[0].x, np.stack(clipped, 1), f"{name} clipped")
    # A number of records that is not known; a pause between records; annotations that last; a beginning at 0.5 s.
    signal = any_signal("A", 6, 10)
    want = write_edf("e.edf", [signal], 1, "EDF+D", [0.5, 1.5, 2.5, 6.5, 7.5, 8.7], {0: [(0.5, 2, "Sleep stage W")],
                     2: [(3.0, 0, "spike"), (2.5, 5, "Sleep stage N1")], 5: [(9.1, 0, "spike")]}, records=-1)[0] / 1000
    full = np.full(92, np.nan)
    for k, at in enumerate((0, 10, 20, 60, 70, 82)):
        full[at : at + 10] = want[10 * k : 10 * k + 10]
    same(read("e.edf").sequences[0].x[:, 0], full, "discontinuous")
    got = read("e.edf", annotations="spans", classes="/Sleep stage .*/")
    assert [(s.label, s.steps, s.id) for s in got.sequences] == [("Sleep stage W", 20, "e@0.000"), ("Sleep stage N1", 50, "e@2.000")]
    same(got.sequences[1].x[:, 0], full[20:70], "a span over a pause")
    got = read("e.edf", annotations="points", before=0.5, after=1, classes="spike")
    assert [s.steps for s in got.sequences] == [15, 15]
    same(got.sequences[1].x[:, 0], np.append(full[81:], [np.nan] * 4), "an event at the end")
    # Triggers are no signal unless they are named.
    signals = [any_signal("A", 3, 8, 24), ("Status", "Boolean", -8388608, 8388607, -8388608, 8388607, random.integers(0, 9, (3, 8)))]
    write_edf("t.bdf", signals, bits=24)
    assert read("t.bdf").columns == ["A [mV]"]
    same(read("t.bdf", channels="Status").sequences[0].x[:, 0], signals[1][6].reshape(-1), "status")


def test_edf_refusals():
    signal = [any_signal("A", 4, 10), any_signal("B", 4, 20)]

    def bad(at, new, *parts, **keys):
        write_edf("b.edf", signal, 1, change={at: new})
        refused("b.edf", "b.edf: ", *parts, **keys)

    bad(252, b"0   ", "header: number of signals 0 is not from 1 to 4096")
    bad(252, b"9999", "header: number of signals 9999 is not from 1 to 4096")
    bad(252, b"3   ", "header: number of bytes in the header is 768; with 3 signals it is 1024")
    bad(236, b"5       ", "the header promises 5 data records of 60 bytes; the file has 4 and 0 bytes")
    bad(236, b"-7      ", "header: number of data records -7 is not from -1")
    bad(244, b"0       ", "header: the duration of a data record is 0, and signal 1 ('A') has samples")
    bad(244, b"-1      ", "header: duration of a data record -1 is not from 0")
    bad(244, b"1e-7    ", "header: signal 1 ('A') has 10 samples in 1e-07 s: more than 10 MHz")
    bad(244, b"nan     ", "header: duration of a data record 'nan' is not a number")
    fields = 256 + 2 * (16 + 80 + 8)
    bad(fields, b"77      ", "physical minimum and maximum 77") if signal[0][3] == 77 else None
    bad(fields, b"x       ", "header: physical minimum of signal 1 ('A') 'x' is not a number")
    bad(fields + 32, b"32768   ", "header: digital minimum of signal 1 ('A') 32768 is not from -32768 to 32767")
    bad(fields + 32, b"32767   ", "header: signal 1 ('A') has the digital minimum 32767 and the maximum 32767")
    bad(fields + 64 + 160, b"0       ", "header: number of samples in a record of signal 1 ('A') 0 is not from 1")
    bad(fields + 64 + 160, b"1e8     ", "header: number of samples in a record of signal 1 ('A') 1e8 is not from 1 to 6.71089e+07")
    bad(0, b"", "channel 'B' has 20 samples a second, others have 10; [data] rate makes them one")
    bad(0, b"", "there is no channel 'V9' ([data] channels); there are 'A', 'B'", channels="A, V9")
    bad(0, b"", "channel 'A' is chosen twice", channels="A, /./")
    bad(0, b"", "it has no annotations: it is no EDF+", annotations="points", before=1, after=1, rate=10)
    write_edf("b.edf", [any_signal("A", 4, 10)] * 2, 1)
    refused("b.edf", "b.edf: channels 1 and 2 are both 'A'")
    for size in (0, 8, 100, 255, 256, 700, 768, 800):
        write_edf("b.edf", signal, 1)
        (work / "b.edf").write_bytes((work / "b.edf").read_bytes()[:size])
        refused("b.edf", "b.edf: " if size else "b.edf")
    one = [any_signal("A", 3, 10)]
    for kind, onsets, part in (("EDF+C", [0, 1, 3], "data record 3 begins at 3 s; by the records before it and their duration of 1 s it is 2 s"),
                               ("EDF+D", [0, 1, 1.5], "data record 3 begins at 1.5 s", ),
                               ("EDF+D", [0, 1, 9e8], "channel 'A' has 30 samples, with gaps 9000000010"),
                               ("EDF+D", [0, 1, -4], "data record 3 begins at -4 s")):
        write_edf("b.edf", one, 1, kind, onsets)
        refused("b.edf", "b.edf: ", part)
    write_edf("b.edf", one, 1, "EDF+C", events={1: [(77, 0, "late")]})
    refused("b.edf", "b.edf: annotation 1 'late' from 77 s to 77 s is beyond the recording, which ends at 3 s",
            annotations="points", before=0.1, after=0.1)
    write_edf("b.edf", one, 1, "EDF+C", events={1: [(2, 5, "long")]})
    refused("b.edf", "annotation 1 'long' from 2 s to 7 s is beyond", annotations="spans")
    write_edf("b.edf", one, 1, "EDF+C", events={1: [(2, 0, "x")]})
    whole = (work / "b.edf").read_bytes()
    for old, new, part in ((b"+1\x14\x14", b"+1\x14z", "no empty text"), (b"+2\x14x\x14\0", b"+2 xx\0\0", "no end of the onset"),
                           (b"+2\x14x\x14", b"+2\x15yy", "no end of the duration"), (b"+2\x14x", b"?2\x14x", "this is no onset: '?2'"),
                           (b"+2\x14x\x14", b"+2\x14xxx", "no end of the text 'xx'")):
        assert whole.count(old) == 1, old
        (work / "b.edf").write_bytes(whole.replace(old, new[: len(old)]))
        refused("b.edf", "b.edf: annotations of data record 2: ", part)
    (work / "s.edf").write_bytes(b"\0" * 16 + b"SCPECG" + b"\0" * 30)
    refused("s.edf", "s.edf: SCP-ECG is not read")


# ---- GDF ----


def test_gdf():
    for version, micro, milli in (("1.25", "\xb5V", "mV"), ("1.92", 4275, 4274), ("2.20", 4275, 4274), ("2.51", 4275, 4274)):
        for kind in GDF_TYPES:
            signals = [gdf_signal("ECG", 5, 6, kind, milli), gdf_signal("EEG Fpz-Cz", 5, 6, "i2", micro), gdf_signal("t", 5, 6, "u1", "C" if micro == "\xb5V" else 6048)]
            if version == "1.25" and kind[0] == "f":  # whole digital numbers
                signals[0] = (*signals[0][:4], -4, 250, *signals[0][6:])
            if kind in ("i8", "u8") and version == "1.25":
                signals[0] = (*signals[0][:4], 0, (1 << 62), *signals[0][6:])
            want = write_gdf("g.gdf", signals, version, (1, 2), more=0 if version != "1.25" else 73)
            want[1] = want[1] / 1000
            got = read("g.gdf")
            same(got.sequences[0].x, np.stack(want, 1), f"{version} {kind}")
            assert got.rate == "rate 12/1" and got.columns == ["ECG [mV]", "EEG Fpz-Cz [mV]", "t [C]"] and got.sequences[0].id == "g", (got.rate, got.columns)
            same(read("g.gdf", channels="/E.G.*/").sequences[0].x, np.stack(want[:2], 1), "expression")
    clipped = np.where((signals[1][6] <= -32768) | (signals[1][6] >= 32767), np.nan, want[1].reshape(5, 6)).reshape(-1)
    same(read("g.gdf", clipped="missing", channels="EEG Fpz-Cz").sequences[0].x[:, 0], clipped, "clipped")
    # Missing values of floating point; a number of records that is not known; a third header.
    x = random.normal(0, 1, (4, 8))
    x[1, 3:6] = np.nan
    write_gdf("n.gdf", [("a", 512, -1, 1, -1, 1, x, "f8")], records=-1, more=512)
    same(read("n.gdf").sequences[0].x[:, 0], x.reshape(-1), "NaN")
    for code, name in ((4256, "mV"), (3872, "mmHg"), (544, "%"), (4288, "Ohm"), (4291, "kOhm"), (2496, "Hz"), (1282, "hm"), (1216, "unit 1216"), (4267, "unit 4267"), (0, "")):
        write_gdf("n.gdf", [gdf_signal("a", 2, 4, unit=code)])
        assert read("n.gdf").columns == [f"a [{name}]"], (code, read("n.gdf").columns)
    for rate in (360, 49, 128, 1000, 0.3, 250.5):  # of records of one sample, in double precision
        write_gdf("n.gdf", [gdf_signal("a", 20, 1)], "2.51", (1, rate))
        got = read("n.gdf").rate.split()[1].split("/")
        assert int(got[0]) / int(got[1]) == rate, (rate, got)
    # Different rates, of which one is wanted.
    signals = [gdf_signal("slow", 60, 3), gdf_signal("fast", 60, 12)]
    want = write_gdf("r.gdf", signals, duration=(3, 5))
    refused("r.gdf", "r.gdf: channel 'fast' has 20 samples a second, others have 5")
    got = read("r.gdf", channels="fast")
    assert got.rate == "rate 20/1"
    same(got.sequences[0].x[:, 0], want[1] / 1000, "fast alone")
    assert read("r.gdf", rate=5).sequences[0].x.shape == (180, 2)


def test_gdf_events():
    for version, rates in (("1.25", (0, 10)), ("1.93", (0, 10)), ("1.94", (0, 10)), ("2.51", (0, 10, 2.5))):
        for rate in rates:
            at = [round(t * (rate or 10)) + 1 for t in (2, 4, 4, 7.2)]
            events = [(at[0], 769, 0, 0), (at[1], 770, 1, round(2 * (rate or 10))), (at[2], 0x7FFF, 1, 7), (at[3], 770, 0, round(0.8 * (rate or 10)))]
            for mode in (1, 3, 5, 7):
                want = write_gdf("e.gdf", [gdf_signal("a", 10, 10)], version, events=events, mode=mode, rate=rate)[0] / 1000
                got = read("e.gdf", annotations="points", before=0.2, after=0.3, classes="left: 769, right: 770")
                assert [(s.label, s.id) for s in got.sequences] == [("left", "e@2.000"), ("right", "e@4.000"), ("right", "e@7.200")], [s.id for s in got.sequences]
                same(got.sequences[0].x[:, 0], want[18:23], f"{version} mode {mode}")
                if mode & 2:
                    got = read("e.gdf", annotations="spans", classes="/7.*/")
                    assert [(s.label, s.steps) for s in got.sequences] == [("770", 20), ("770", 8)]
    # Ends of their own: the last one that is open ends first; an event without an end is no span.
    events = [(11, 1, 0, 0), (21, 1, 0, 0), (26, 0x8001, 0, 0), (31, 2, 0, 0), (41, 0x8001, 0, 0), (51, 3, 0, 0), (61, 0x8002, 0, 0)]
    write_gdf("e.gdf", [gdf_signal("a", 10, 10)], events=events)
    assert [(s.label, s.steps, s.id) for s in read("e.gdf", annotations="spans").sequences] == [("1", 30, "e@1.000"), ("1", 5, "e@2.000"), ("2", 30, "e@3.000")]
    assert [s.label for s in read("e.gdf", annotations="points", before=0, after=0.1).sequences] == ["1", "1", "2", "3"]
    how = dict(annotations="points", before=0.1, after=0.1)
    one = [gdf_signal("a", 10, 10)]
    # Names of types in the header, behind a part of another kind.
    named = b"\2\3\0\0xyz" + b"\1\x0e\0\0" + b"\0spike\0\0wave\0\0"
    events = [(11, 1, 0, 0), (21, 2, 0, 0), (31, 3, 0, 0), (41, 4, 0, 0), (51, 769, 0, 0)]
    write_gdf("e.gdf", one, "2.51", events=events, parts=named, more=256)
    assert [s.label for s in read("e.gdf", **how).sequences] == ["spike", "2", "wave", "4", "769"]
    write_gdf("e.gdf", one, "2.51", events=events, parts=b"\1\xfd\0\0\0spike\0", more=256)
    refused("e.gdf", "e.gdf: header: part 1 has 253 bytes, and the header ends after 252", **how)
    write_gdf("e.gdf", one, "2.51", events=events[:1], parts=b"\1\xfc\0\0\0" + b"n" * 251, more=256)
    assert [s.label for s in read("e.gdf", **how).sequences] == ["1"]
    for events, mode, part in (([(101, 1, 0, 0)], 1, "annotation 1 '1' from 10 s to 10 s is beyond the recording, which ends at 10 s"),
                               ([(0, 1, 0, 0)], 1, "event 1 is at sample 0; they count from 1"),
                               ([(5, 0x8001, 0, 0)], 1, "event 1 ends one of type 1, and none has begun"),
                               ([(5, 1, 0, 0), (4, 0x8001, 0, 0)], 1, "event 1 of type 1 ends before it begins"),
                               ([(5, 1, 0, 0)], 0, "mode 0 is none of 1, 3, 5 and 7"), ([(5, 1, 0, 0)], 9, "mode 9 is none of 1, 3, 5 and 7")):
        write_gdf("e.gdf", one, events=events, mode=mode)
        refused("e.gdf", f"e.gdf: {'table of events: ' if mode in (0, 9) else ''}{part}", **how)
    write_gdf("e.gdf", one, events=[(5, 1, 0, 0)], tail=b"x")
    refused("e.gdf", "a table of 1 events has 14 bytes; the file has 15 behind the data records")
    write_gdf("e.gdf", one, events=[(5, 1, 0, 0)], rate=-2)
    refused("e.gdf", "table of events: its rate is -2 samples a second")
    write_gdf("e.gdf", one, tail=b"1234567")
    refused("e.gdf", "7 bytes behind the data records are no table of events")
    write_gdf("e.gdf", one)
    refused("e.gdf", "no annotation is one of those that are meant", **how)


def test_gdf_refusals():
    one = [gdf_signal("a", 3, 4)]

    def broken(part, signals=one, **keys):
        write_gdf("b.gdf", signals, **keys)
        refused("b.gdf", "b.gdf: " + part)

    broken("version '3.00' of GDF is not read; 1 and 2 are", version="3.00")
    broken("version '0.99' of GDF is not read", version="0.99")
    broken("version 'x.20' of GDF is not read", change={4: b"x"})
    broken("header: 0 signals; 1 to 4096 are read", change={252: b"\0\0"})
    broken("header: 5000 signals", change={252: struct.pack("<H", 5000)})
    broken("header: 4294967295 signals", version="1.25", change={252: b"\xff" * 4})
    broken("header: it says that it has 256 bytes; with 1 signals it has at least 512", change={184: b"\1\0"})
    broken("header: it says that it has 16776960 bytes;", change={184: b"\xff\xff"})
    broken("header: it says that it has 9223372036854775808 bytes;", version="1.25", change={184: b"\0" * 7 + b"\x80"})
    broken("header: the duration of a data record is 0 / 1 s", duration=(0, 1))
    broken("header: the duration of a data record is 1 / 0 s", duration=(1, 0))
    for duration in ((0, 1), (-1, 1), (math.nan, 1), (math.inf, 1), (math.pi, 1)):
        broken("header: the duration of a data record is ", duration=duration, version="2.51")
    broken("header: signal 1 ('a') has 4 samples in 1e-07 s: more than 10 MHz", duration=(1, 10000000))
    broken("header: 0 data records", records=0)
    broken("header: -2 data records", records=-2)
    broken("the header promises 4 data records of 8 bytes; the file has 3 and 0 bytes", records=4)
    broken("the header promises -1 data records of 8 bytes; the file has 3 and 1 bytes", records=-1, tail=b"x")
    broken("header: 9223372036854775808 data records", records=2**63 - 1)
    broken("header: signal 1 ('a') has samples of type 18, which is not read", change={256 + 220: b"\x12"})
    broken("header: signal 1 ('a') has samples of type 65539, which is not read", change={256 + 220: b"\3\0\1\0"})
    broken("header: signal 1 ('a') has no samples in a record", change={256 + 216: b"\0\0"})
    broken("header: a data record has more than 67108864 bytes", change={256 + 216: b"\xff" * 4})
    broken("header: signal 1 ('a') has the physical minimum 1 and the maximum 1", [(*one[0][:2], 1, 1, *one[0][4:])])
    broken("header: signal 1 ('a') has the physical minimum nan and the maximum 1", [(*one[0][:2], math.nan, 1, *one[0][4:])])
    broken("header: signal 1 ('a') has the digital minimum 5 and the maximum 5", [(*one[0][:4], 5, 5, *one[0][6:])])
    broken("header: signal 1 ('a') has the digital minimum 5 and the maximum 4", [(*one[0][:4], 5, 4, *one[0][6:])], version="1.25")
    write_gdf("b.gdf", one)
    whole = (work / "b.gdf").read_bytes()
    for n, part in ((100, "the header ends before byte 256"), (400, "it says that it has 512 bytes"), (515, "promises 3 data records"), (len(whole) - 1, "promises 3 data records")):
        (work / "b.gdf").write_bytes(whole[:n])
        refused("b.gdf", "b.gdf: ", part)


# ---- Sets ----


def test_sets():
    folder = work / "folder"
    folder.mkdir()
    wants = {}
    for name in ("b", "a", "c"):
        wants[name] = write_edf(f"folder/{name}.edf", [any_signal("A", 3, 10)])[0] / 1000
    (folder / "notes.txt").write_text("nothing")
    got = read("folder")
    assert [s.id for s in got.sequences] == ["a", "b", "c"]
    for s in got.sequences:
        same(s.x[:, 0], wants[s.id], "of a folder")
    (work / "list").write_text("folder/c.edf\nfolder/a\n")
    assert [s.id for s in read("list").sequences] == ["folder/c", "folder/a"]
    (work / "list.csv").write_text("file,patient,sick\nfolder/c.edf,p1,yes\nfolder/a,p1,yes\nfolder/b.edf,p2,no\n")
    got = read("list.csv", id="file", group="patient", label="sick")
    assert [(s.group, s.label) for s in got.sequences] == [("p1", "yes"), ("p1", "yes"), ("p2", "no")]
    got = read("list.csv", work / "list.csv", id="file", group="patient", label="sick")
    assert [s.label for s in got.sequences] == ["yes", "yes", "no"]
    (work / "list").write_text("folder/c.edf\nfolder/c\n")
    refused("list", "list:2: 'folder/c' is in the list twice")
    (work / "list").write_text("folder/none\n")
    refused("list", "folder/none: No such file")
    refused("list.csv", "list.csv:1: there is no column 'age' ([data] group)", id="file", group="age", label="sick")
    (work / "empty").mkdir()
    refused("empty", "empty: the folder has no recordings")
    # What differs between recordings, or between training and test.
    write_edf("folder/d.edf", [any_signal("A", 3, 10, unit="mmHg")])
    refused("folder", "d.edf: channel 'A' is in 'mmHg', elsewhere in 'mV'")
    write_edf("folder/d.edf", [any_signal("A", 3, 12)])
    refused("folder", "d.edf: channel 'A' has 12 samples a second, others have 10; [data] rate makes them one")
    assert len(read("folder", rate=6).sequences[3].x) == 18
    write_edf("folder/d.edf", [any_signal("Z", 3, 10)])
    refused("folder", "d.edf: channel 1 is 'Z', elsewhere 'A'")
    done = call("folder/a.edf", {}, folder / "d.edf")
    assert done.returncode == 1 and "d.edf: channel 1 is 'Z', elsewhere 'A'" in done.stderr, done.stderr
    for keys, part in (({"channels": "/(/"}, "config.ini:5: channels: '/(/' is no regular expression"), ({"channels": ": A"}, "config.ini:5: channels: ': A'"),
                       ({"annotations": "points"}, "requires before and after"), ({"before": 1}, "before requires annotations = points"),
                       ({"block": 1}, "block requires annotations"), ({"group": "a"}, "[data] id, its column of recordings, is missing"),
                       ({"annotations": "spans", "label": "a", "id": "b"}, "label, a column of a list, is too many")):
        refused("folder", part, **keys)


# ---- Rates ----


def kaiser(x, up, down):
    """The filter of resample.c by numpy's functions, one sample after the other."""
    low = min(1, up / down)
    y = []
    for i in range(math.ceil(len(x) * up / down)):
        at = i * down / up
        k = np.arange(math.floor(at - 26 / low) - 2, math.ceil(at + 26 / low) + 3)
        d = (k - at) * low
        w = np.sinc(d) * np.where(np.abs(d) < 26, np.i0(7.857 * np.sqrt(np.maximum(0, 1 - (d / 26) ** 2))), 0)
        y.append(np.sum(w / w.sum() * x[np.clip(k, 0, len(x) - 1)]))
    return np.array(y)


def test_rates():
    for rate, new in ((360, 125), (100, 250), (128, 128), (500, 90), (50, 173), (250.5, 100.25), (1, 3)):
        x = np.cumsum(random.integers(-50, 51, (600, 1)), axis=0)
        want = write_wfdb("w", 32, x, rate=rate)[:, 0]
        got = read("w", rate=new).sequences[0].x[:, 0]
        ratio = np.array([new, rate]) * 4
        reference = kaiser(want, *ratio / math.gcd(int(ratio[0]), int(ratio[1]))) if new != rate else want
        assert len(got) == len(reference) and np.abs(got - reference).max() < 1e-6 * np.abs(want).max(), (rate, new, np.abs(got - reference).max())
    # A sine below the pass band's end stays itself, one beyond the stop band's begin vanishes.
    t = np.arange(4000) / 360
    for hertz, remains in ((5, 1), (40, 1), (56, 1), (69, 0), (100, 0), (170, 0)):
        write_wfdb("w", 32, np.rint(1e6 * np.sin(2 * np.pi * hertz * t)).astype(np.int64).reshape(-1, 1), gains=[1e6])
        (work / "w.hea").write_text((work / "w.hea").read_text().replace("w 1 250", "w 1 360"))
        got = read("w", rate=125).sequences[0].x[:, 0]
        at = np.arange(len(got)) / 125
        error = np.abs(got - remains * np.sin(2 * np.pi * hertz * at))[100:-100].max()
        assert error < 3e-4, (hertz, error)
    # A gap stays a gap of its length, and what is beside it keeps its bits of a signal that goes on as it was.
    x = np.full((3600, 1), 500)
    x[1000:1360] = -32768
    write_wfdb("w", 16, x)
    got = read("w", rate=125).sequences[0].x[:, 0]
    assert np.isnan(got).sum() == 180 and np.isnan(got[500:680]).all() and np.nanmax(np.abs(got - 2.5)) < 1e-6
    refused("w", "from 250 to 999.999999 samples a second: the two rates are not to each other as small whole numbers", rate=999.999999)


# ---- The program ----


def write_beats(name, seed, annotate=True):
    """A minute at 100 Hz: narrow beats up (N), wide ones down (V), noise."""
    draw = np.random.default_rng(seed)
    times = np.cumsum(draw.integers(60, 100, 70))
    times = times[times < 5900]
    signs = draw.choice(["N", "V"], len(times))
    x = draw.normal(0, 0.05, 6000)
    for t, sign in zip(times, signs):
        near = np.arange(6000) - t
        x += np.exp(-((near / 2) ** 2)) if sign == "N" else -0.8 * np.exp(-((near / 8) ** 2))
    write_wfdb(name, 212, np.rint(x * 500).astype(np.int64).reshape(-1, 1), rate=100, names=["MLII"], gains=[500])
    write_atr(name, list(zip(times.tolist(), signs.tolist(), [None] * len(times))))
    return times, signs


def run(*arguments):
    done = subprocess.run([*EMULATOR, PROGRAM, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
    return done.stdout


def test_train_and_eval():
    for k in range(4):
        write_beats(f"beats{k}", k)
    times, signs = write_beats("new", 9)
    (work / "records").write_text("".join(f"beats{k}\n" for k in range(4)))
    config = work / "beats.ini"
    config.write_text("[data]\nformat = recordings\ntrain = records\nannotations = points\nbefore = 0.2\nafter = 0.3\nrate = 50\n"
                      "missing = carry\nstandardise = yes\n[model]\nlayers =\n  gru 8\n  dense 2 softmax\n"
                      "[train]\nepochs = 8\nrate = 0.02\nbatch = 16\nvalidation = 0.25\n")
    said = run("train", config, "-o", work / "beats.onnx")
    assert "sequences of up to 25 steps, 1 feature, 2 classes" in said, said
    for isa in ("generic", "auto"):
        extra = ["--isa", isa] if isa != "auto" else []
        run("eval", work / "beats.onnx", "--config", config, "--test", work / "new.hea", "--predictions", work / f"{isa}.csv", *extra)
    rows = [line.split(",") for line in (work / "auto.csv").read_text().splitlines()]
    assert (work / "auto.csv").read_text() == (work / "generic.csv").read_text()
    assert [r[0] for r in rows[1:]] == [f"new@{t / 100:.3f}" for t in times] and rows[1][1] == "new"
    right = sum(r[3] == r[4] == s for r, s in zip(rows[1:], signs))
    assert right >= 0.95 * len(signs), f"{right} of {len(signs)} beats"


def test_sites():
    """Sites of a simulated federation are a column of the list, whatever blocks are; without it there are none."""
    done = subprocess.run([*EMULATOR, PROGRAM, "federate"], capture_output=True, text=True)
    if "simulate" not in done.stdout + done.stderr:
        print("test_sites skipped: the program has no federate")
        return
    for k in range(4):
        write_beats(f"beats{k}", k)
    times, signs = write_beats("new", 9)
    (work / "sites.csv").write_text("record,hospital\n" + "".join(f"beats{k},H{k % 2}\n" for k in range(4)))
    (work / "bare.csv").write_text("record\nbeats0\nbeats1\n")
    (work / "list.txt").write_text("beats0\nbeats1\n")
    (work / "outside.csv").write_text("record\nnew\n")
    config = work / "sites.ini"
    keys = ("format = recordings\nannotations = points\nbefore = 0.2\nafter = 0.3\nrate = 50\nmissing = carry\n"
            "standardise = yes\nblock = 10\n")

    def simulate(data, *more, ident="id = record\n", code=0, target=""):
        config.write_text(f"[data]\n{keys}{ident}{target}train = {data}\n[model]\nlayers =\n  gru 4\n  dense {3 if target else 2} softmax\n[train]\n"
                          "rate = 0.02\nvalidation = 0.25\n[federate]\nrounds = 2\nsecure = no\n")
        done = subprocess.run([*EMULATOR, PROGRAM, "federate", "simulate", config, "--site-column", "hospital", *more],
                              capture_output=True, text=True)
        assert done.returncode == code, f"{data}: {done.stdout}{done.stderr}"
        return done.stdout if code == 0 else done.stderr

    said = simulate("sites.csv")
    assert "2 sites, " in said and "site H0: " in said and "site H1: " in said and said.count("\nsite ") == 2, said
    for test in ("outside.csv", "new.hea"):
        said = simulate("sites.csv", "--test", work / test, "--predictions", work / "p.csv")
        assert f"\ntest: {len(times)} sequences" in said, said
        assert len((work / "p.csv").read_text().splitlines()) == len(times) + 1
    said = simulate("sites.csv", "--test", work / "outside.csv", target="target = step_label\nbackground = none\n")
    assert said.count("\nsite ") == 2 and "\ntest: " in said and " 3000 steps" in said, said
    said = simulate("bare.csv", code=1)
    assert "bare.csv: --site-column: there is no column 'hospital'" in said, said
    said = simulate("list.txt", ident="", code=1)
    assert "--site-column requires a list of recordings with columns, and [data] id" in said, said


for name, test in list(globals().items()):
    if name.startswith("test_"):
        test()
        print(f"{name}: all right")
print(f"{checks} checks")
for folder, _, files in os.walk(work, topdown=False):
    for file in files:
        os.unlink(os.path.join(folder, file))
    os.rmdir(folder)
