#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""data.py FOLDER: the same kinds of sequences in all formats, for data.sh.
data.py FOLDER MEGABYTES: an array of that size.
data.py peak N PROGRAM ARGUMENT...: as so many ranks; each must stay below 100 MB."""
import gzip
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np

work = Path(sys.argv[1])
PEAK = 100 << 10  # KiB
rng = np.random.default_rng(7)


def save_idx(path, array, opened=open):
    head = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    with opened(work / path, "wb") as f:
        f.write(head + array.astype(np.uint8).tobytes())


def arrays():
    n, steps, width = 230, 11, 3
    label = np.arange(n) % 2
    x = rng.normal(size=(n, steps, width)) + label[:, None, None] * np.linspace(-1, 1, steps)[None, :, None]
    x = x.astype(np.float32)
    gaps = np.where(rng.random(x.shape) < 0.1, np.nan, x).astype(np.float32)
    lengths = 5 + rng.integers(0, 7, n)
    groups = np.arange(n) // 3
    np.save(work / "x.npy", x)
    np.save(work / "fortran.npy", np.asfortranarray(x))
    np.save(work / "big.npy", x.astype(">f8"))
    np.save(work / "gaps.npy", gaps)
    np.save(work / "labels.npy", label)
    np.save(work / "lengths.npy", lengths)
    np.save(work / "groups.npy", groups)
    np.save(work / "values.npy", np.where(np.arange(n) % 7 == 0, np.nan, x.mean(axis=(1, 2)))[:, None])
    np.savez(work / "stored.npz", x=x, y=label, groups=groups)
    np.savez_compressed(work / "packed.npz", x=x, y=label, groups=groups)
    np.savez(work / "fortran.npz", x=np.asfortranarray(x), y=label)
    damaged = bytearray((work / "stored.npz").read_bytes())
    damaged[damaged.index(x[200, 4].tobytes())] ^= 1
    (work / "damaged.npz").write_bytes(damaged)
    bad = x.copy()
    bad[150, 3, 1] = np.nan
    np.save(work / "nan.npy", bad)
    bad[190, 2, 0] = np.inf
    np.save(work / "inf.npy", bad)
    images = np.clip(128 + 40 * x, 0, 255)
    save_idx("x.idx", images)
    save_idx("x.idx.gz", images, gzip.open)
    save_idx("labels.idx", label)
    np.save(work / "test.npy", np.concatenate([x[100:140], x[:3] + 1]))
    np.save(work / "test_labels.npy", np.concatenate([label[100:140], label[:3]]))


def tables():
    rows = ["patient,time,dose,kind,outcome,clinic"]
    for t in range(9):  # rows of a patient stand apart
        for i in range(90):
            if t >= 4 + i % 6:
                continue
            dose = "" if (i * 7 + t) % 11 == 0 else f"{(i % 2) * 0.5 + np.sin(i * 3.1 + t * t):.4f}"
            rows.append(f"p{i},{t * 1.5},{dose},{'abc'[(i + t) % 3]},{i % 2},c{i // 4}")
    (work / "visits.csv").write_text("\n".join(rows) + "\n")
    words = "fever cough pain none mild severe ache rash".split()
    lines = [f"{i % 2}\t" + " ".join(words[(i * (t + 2) + t * t + (i % 2) * 3) % len(words)] for t in range(4 + i % 5))
             for i in range(120)]
    (work / "notes.txt").write_text("\n".join(lines) + "\n")


def recordings():
    names = []
    for k in range(7):
        n = 600 + 50 * k
        t = np.arange(n)
        signals = np.stack([np.round(300 * np.sin(t * (0.05 + 0.02 * (k % 2)) + c)) for c in range(2)], 1).astype("<i2")
        signals[40 * k + 5, 1] = -32768  # missing
        (work / f"r{k}.dat").write_bytes(signals.tobytes())
        (work / f"r{k}.hea").write_text(f"r{k} 2 100 {n}\n" + "".join(
            f"r{k}.dat 16 200 16 0 {signals[0, c]} {signals[:, c].sum(dtype=np.int16)} 0 {name}\n" for c, name in enumerate(["I", "II"])))
        write_annotations(work / f"r{k}.atr", 45 + k, 11)
        names.append(f"r{k},{k % 2},patient{k // 2}")
    (work / "list.csv").write_text("recording,class,patient\n" + "\n".join(names) + "\n")


def write_annotations(path, every, n):
    """MIT format: the code times 1024 plus the samples since the one before."""
    words = [(1 if i % 3 else 5) << 10 | every for i in range(n)]
    path.write_bytes(np.array(words + [0], "<u2").tobytes())


def one_rank(command):
    """Runs as a rank and leaves how much memory it had at most."""
    status = subprocess.run(command, stdout=subprocess.DEVNULL).returncode
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    Path("peak." + os.environ["OMPI_COMM_WORLD_RANK"]).write_text(str(peak))
    return status


def all_ranks(n, command):
    run = subprocess.run(["mpirun", "-n", n, sys.executable, __file__, "rank", *command], stderr=subprocess.PIPE)
    peaks = [int(Path(f"peak.{k}").read_text()) for k in range(int(n))]
    print(f"peak of each rank: {', '.join(f'{p >> 10} MiB' for p in peaks)}")
    if run.returncode or max(peaks) > PEAK:
        sys.exit(run.stderr.decode() or "too much")


if sys.argv[1] == "peak":
    all_ranks(sys.argv[2], sys.argv[3:])
elif sys.argv[1] == "rank":
    sys.exit(one_rank(sys.argv[2:]))
elif len(sys.argv) > 2:
    rows = int(sys.argv[2]) * 250  # of 4000 bytes; zeros take no room on a disk
    np.lib.format.open_memmap(work / "large.npy", "w+", np.float32, (rows, 10, 100))
    np.save(work / "large_labels.npy", np.arange(rows) % 2)
else:
    arrays()
    tables()
    recordings()
