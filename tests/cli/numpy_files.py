# SPDX-License-Identifier: Apache-2.0
"""numpy_files.py READER PROGRAM: arrays and archives as numpy writes them, and what READER reads of them; archives that
nobody honest writes, and the sentence about each; a training on an archive and on the same arrays in files.
"""

import io
import struct
import subprocess
import sys
import tempfile
import warnings
import zipfile
from pathlib import Path

try:
    import numpy as np
except ImportError:
    print("skipped: no numpy")
    sys.exit(77)

READER, PROGRAM = sys.argv[1:3]
EMULATOR = sys.argv[3:]
folder = tempfile.TemporaryDirectory()
work = Path(folder.name)
random = np.random.default_rng(5)
checks = 0


def call(train, keys, *test):
    lines = ["[data]", "format = npy", f"train = {train}", *(f"{k} = {v}" for k, v in keys.items())]
    lines += ["[model]", "layers = gru 2", "  dense 2"] + (["[train]", "loss = mse"] if "target" in keys else [])
    (work / "config.ini").write_text("\n".join(lines) + "\n")
    done = subprocess.run([*EMULATOR, READER, work / "config.ini", *test], capture_output=True, text=True, errors="replace")
    done.stderr = done.stderr.replace(f"{work}/", "")
    return done


def read(train, *test, **keys):
    """Sequences as (id, group, label, steps)."""
    done = call(train, keys, *test)
    assert done.returncode == 0, f"{train} {keys}: {done.stderr}"
    lines, found, at = done.stdout.split("\n"), [], 1
    while at < len(lines) and lines[at]:
        *names, steps = lines[at].split("\t")
        rows = [[float.fromhex(x) for x in line.split()] for line in lines[at + 1 : at + 1 + int(steps)]]
        found.append((*names, np.array(rows, dtype=np.float32)))
        at += 1 + int(steps)
    return found


def refused(train, sentence, **keys):
    global checks
    done = call(train, keys)
    assert done.returncode == 1 and not done.stdout, f"{train}: exit {done.returncode}\n{done.stdout[:200]}{done.stderr}"
    assert sentence in done.stderr, f"no '{sentence}' in '{done.stderr}'"
    checks += 1


def same(found, x, lengths=None):
    global checks
    x = x.reshape(*x.shape[:2], -1).astype(np.float64).astype(np.float32)
    assert len(found) == len(x)
    for i, (*_, steps) in enumerate(found):
        want = x[i, : lengths[i] if lengths is not None else None]
        assert steps.shape == want.shape and np.array_equal(steps, want, equal_nan=True), (i, steps, want)
    checks += 1


def save(name, x):
    np.save(work / name, x)
    return name


# ---- Arrays ----


def some(dtype, shape):
    if dtype == "b1":
        return random.integers(0, 2, shape).astype(bool)
    if dtype[0] == "f":
        x = random.normal(0, 100, shape)
        x.flat[0], x.flat[1] = np.nan, -0.0
        return x.astype(dtype)
    info = np.iinfo(dtype)
    x = random.integers(info.min, info.max, shape, dtype=dtype, endpoint=True)
    x.flat[0], x.flat[1] = info.min, info.max
    return x


def test_types():
    for dtype in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"):
        for order in "<>":
            for shape in ((3, 5), (2, 3, 4)):
                x = some(dtype, shape).astype(order + dtype)
                same(read(save("x.npy", x), target="input"), x)
                same(read(save("x.npy", np.asfortranarray(x)), target="input"), x)
    halves = np.arange(65536, dtype=np.uint16)[np.isfinite(np.arange(65536, dtype=np.uint16).view(np.float16))]
    same(read(save("x.npy", halves.view(np.float16).reshape(1, -1)), target="input"), halves.view(np.float16).reshape(1, -1))
    for x, dtype in ((np.ones((2, 2), complex), "<c16"), (np.array([["a", "b"]], object), "|O"), (np.ones((2, 2), np.longdouble), "<f16"),
                     (np.zeros((2, 2), "M8[s]"), "<M8[s]")):
        refused(save("x.npy", x), f"x.npy: dtype '{dtype}' is not one of f2 f4 f8", target="input")
    refused(save("x.npy", np.zeros((2, 2), [("a", "f4")])), "x.npy: the header's descr is not a plain dtype", target="input")
    refused(save("x.npy", np.array([["a"]])), "x.npy: it has texts ('<U1'); numbers are expected", target="input")
    refused(save("x.npy", np.zeros((0, 4))), "x.npy: it has no sequences", target="input")
    refused(save("x.npy", np.zeros((4, 0))), "is expected; this array has rank 2", target="input")
    refused(save("x.npy", np.zeros((2, 2, 2, 2))), "is expected; this array has rank 4", target="input")
    refused(save("x.npy", np.full((2, 3, 1), np.inf, np.float16)), "x.npy: [0][0][0] is infinite", target="input")


def test_columns():
    x = random.normal(0, 1, (4, 6, 2))
    save("x.npy", x)
    labels = ["sick", "well", "Ünwohl 山", "sick"]
    lengths = [6, 1, 3, 2]
    for write in (lambda a: save("y.npy", np.array(a)), lambda a: save("y.npy", np.array(a).astype(">U9")),
                  lambda a: (work / "y.txt").write_text("\n".join(map(str, a)) + "\n", encoding="utf-8") and "y.txt"):
        got = read("x.npy", train_labels=write(labels), train_lengths=save("n.npy", np.array(lengths, np.int16)),
                   train_ids=save("i.npy", np.array(["a", "b 2", "c", "d"], "S5")), train_groups=save("g.npy", np.array([7, 7, 9, 8])))
        same(got, x, lengths)
        assert [s[:3] for s in got] == [("a", "7", "sick"), ("b 2", "7", "well"), ("c", "9", "Ünwohl 山"), ("d", "8", "sick")], got
    (work / "n.txt").write_text("6\n1\n3\n2\n")
    same(read("x.npy", target="input", train_lengths="n.txt"), x, lengths)
    bad = dict(target="input")
    x[3, 2:] = np.nan  # what lies behind a sequence's end is not looked at
    save("x.npy", x)
    same(read("x.npy", **bad, train_lengths="n.txt"), x, lengths)
    refused("x.npy", "n.npy: a length for each of 4 sequences is expected; this array has 3", **bad, train_lengths=save("n.npy", np.ones(3, int)))
    refused("x.npy", "n.npy: a length for each of 4 sequences is expected; this array has 4", **bad, train_lengths=save("n.npy", np.ones((4, 1), int)))
    for n, text in ((0, "0"), (7, "7"), (-1, "-1"), (2.5, "2.5")):
        refused("x.npy", f"n.npy: sequence 2 has the length '{text}'; a whole number from 1 to 6 is expected", **bad, train_lengths=save("n.npy", np.array([1, n, 1, 1])))
    refused("x.npy", "n.npy: that of sequence 3 is not finite", **bad, train_lengths=save("n.npy", np.array([1, 2, np.nan, 1])))
    refused("x.npy", "i.npy: sequences 2 and 4 are both 'p1'; sequences of one patient have a group", **bad, train_ids=save("i.npy", np.array(["a", "p1", "b", "p1"])))
    refused("x.npy", "g.npy: a group is missing: sequence 3 has 'NA'", **bad, train_groups=save("g.npy", np.array(["a", "b", "NA", "b"])))
    refused("x.npy", "i.npy: that of sequence 1 is no text", **bad, train_ids=save("i.npy", np.array(["a\0b", "c", "d", "e"])))
    raw = bytearray((work / "i.npy").read_bytes())
    raw[-4:] = struct.pack("<I", 0xD800)
    (work / "i.npy").write_bytes(raw)
    refused("x.npy", "i.npy: that of sequence 1 is no text", **bad, train_ids="i.npy")
    (work / "n.txt").write_text("6\n1\n3\n")
    refused("x.npy", "n.txt: a length for each of 4 sequences is expected; there are 3 lines", **bad, train_lengths="n.txt")
    refused("x.npy", "gone.txt: No such file", **bad, train_ids="gone.txt")
    np.savez(work / "n.npz", lengths=lengths)
    refused("x.npy", "n.npz: an archive; only the data may be one", **bad, train_lengths="n.npz")


# ---- Archives ----


def test_archives():
    x = random.normal(0, 1, (5, 7, 3)).astype(np.float32)
    lengths, y, ids, groups = [7, 3, 1, 5, 2], np.array([2, 0, 1, 1, 0]), np.array(["a", "b", "c", "d", "é"]), np.array([b"p", b"p", b"q", b"r", b"q"])
    for write in (np.savez, np.savez_compressed):
        for label in ("y", "labels"):
            write(work / "all.npz", x=x, **{label: y}, lengths=lengths, ids=ids, groups=groups)
            got = read("all.npz")
            same(got, x, lengths)
            assert [s[:3] for s in got] == [("a", "p", "2"), ("b", "p", "0"), ("c", "q", "1"), ("d", "r", "1"), ("é", "q", "0")]
        write(work / "x.npz", x=x)
        same(read("x.npz", target="input"), x)
        save("y.npy", y)
        assert [s[2] for s in read("x.npz", train_labels="y.npy")] == list("20110")
    same(read("all.npz", work / "x.npz"), x)
    refused("all.npz", "all.npz has labels, and ", train_labels="y.npy")
    np.savez(work / "b.npz", x=x, y=y, labels=y)
    refused("b.npz", "b.npz: member 'labels.npy' and one before are both labels")
    np.savez(work / "b.npz", x=x, length=lengths)
    refused("b.npz", "b.npz: member 'length.npy' is none of x, y (or labels), lengths, ids and groups")
    np.savez(work / "b.npz", y=y)
    refused("b.npz", "b.npz: no member 'x.npy'")
    np.savez(work / "b.npz", x=x, y=y[1:])
    refused("b.npz", "b.npz: member 'y.npy': a label for each of 5 sequences is expected; this array has 4")
    with zipfile.ZipFile(work / "b.npz", "w") as z:
        z.writestr("x.npy", b"no array")
    refused("b.npz", "b.npz: member 'x.npy': not a .npy file")
    (work / "b.npz").write_bytes(b"PK\5\6" + bytes(18))
    refused("b.npz", "b.npz: no member 'x.npy'")
    # A comment at the end, and a member whose sizes stand behind it, as writers to pipes make them.
    with zipfile.ZipFile(work / "b.npz", "w", zipfile.ZIP_DEFLATED) as z:
        z.comment = b"PK\5\6 is no end" * 3
        z.writestr("x.npy", npy(x))
    same(read("b.npz", target="input"), x)

    class Pipe(io.RawIOBase):
        def __init__(self):
            self.bytes = b""

        def writable(self):
            return True

        def write(self, b):
            self.bytes += bytes(b)
            return len(b)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("x.npy", npy(x))
    (work / "b.npz").write_bytes(pipe.bytes)
    same(read("b.npz", target="input"), x)


def npy(x):
    file = io.BytesIO()
    np.save(file, x)
    return file.getvalue()


def archive(*members, method=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that occur twice
        with zipfile.ZipFile(file, "w", method) as z:
            for name, data in members:
                z.writestr(name, data)
    return bytearray(file.getvalue())


def put(raw, at, form, *values):
    raw = bytearray(raw)
    struct.pack_into(form, raw, at, *values)
    return raw


def test_hostile_archives():
    def hostile(raw, sentence):
        (work / "h.npz").write_bytes(raw)
        refused("h.npz", f"h.npz: {sentence}", target="input")

    x = npy(random.normal(0, 1, (4, 5)))
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        good = archive(("x.npy", x), ("ids.npy", npy(np.arange(4))), method=method)
        first = good.index(b"PK\1\2")
        second, end = good.index(b"PK\1\2", first + 4), good.index(b"PK\5\6")
        (work / "h.npz").write_bytes(good)
        assert len(read("h.npz", target="input")) == 4
        for n in [*range(4, 60), *range(60, len(good), 7)]:
            hostile(good[:n], "a zip archive without its end: it is cut off")
        for at, form, value, sentence in (
            (end + 4, "<H", 1, "a part of an archive of several files"),
            (end + 8, "<H", 3, "a part of an archive of several files"),
            (end + 8, "<HH", (3, 3), "entry 3 of its directory is damaged"),
            (end + 8, "<HH", (1, 1), "its directory is longer than its 1 entries"),
            (end + 8, "<HH", (33, 33), "33 members; at most 32 are read"),
            (end + 8, "<HH", (65535, 65535), "an archive beyond 4 GiB (zip64)"),
            (end + 12, "<I", 0xFFFFFFFF, "an archive beyond 4 GiB (zip64)"),
            (end + 12, "<I", 60, "its directory is not where its end says"),
            (end + 16, "<I", first - 1, "its directory is not where its end says"),
            (end + 16, "<I", 0xFFFFFFF0, "its directory is not where its end says"),
            (first, "<I", 0, "entry 1 of its directory is damaged"),
            (first + 8, "<H", 1, "member 'x.npy' is encrypted"),
            (first + 10, "<H", 12, "member 'x.npy' is compressed by method 12; stored and deflated ones are read"),
            (first + 28, "<H", 60000, "entry 1 of its directory is damaged"),
            (first + 28, "<H", 0, "the name of member 1 is empty, or longer than 63 characters"),
            (first + 42, "<I", 7, "member 'x.npy' is not where the directory says"),
            (first + 42, "<I", first + 1, "member 'x.npy' is not where the directory says"),
            (first + 42, "<I", 0xFFFFFFFF, "member 'x.npy' is beyond 4 GiB; save it as a .npy file"),
            (26, "<H", 60000, "member 'x.npy' is cut off"),
            (28, "<H", 60000, "member 'x.npy' is cut off"),
            (30, "<B", ord("z"), "member 'x.npy' is described in two ways"),
            (8, "<H", 9, "member 'x.npy' is described in two ways"),
            (second + 42, "<I", 0, "member 'ids.npy' is described in two ways"),
            (first + 16, "<I", 1, "member 'x.npy' is damaged: its checksum differs"),
        ):
            hostile(put(good, at, form, *(value if isinstance(value, tuple) else (value,))), sentence)
        packed = struct.unpack_from("<I", good, first + 20)[0]
        longer = put(good, first + 20, "<I", packed + 20)
        if method == zipfile.ZIP_STORED:
            hostile(longer, "member 'x.npy' is stored, and has two sizes")
            hostile(put(longer, first + 24, "<I", packed + 20), "member 'ids.npy' overlaps another one")
            hostile(put(good, 34 + 40, "<B", good[74] ^ 1), "member 'x.npy' is damaged: its checksum differs")
        else:
            hostile(longer, "member 'ids.npy' overlaps another one")
            hostile(put(good, first + 20, "<I", packed - 4), "member 'x.npy' is damaged: it does not unpack to its size")
            hostile(put(good, first + 24, "<I", len(x) + 1), "member 'x.npy' is damaged: it does not unpack to its size")
            hostile(put(good, first + 24, "<I", len(x) - 1), "member 'x.npy' is damaged: it does not unpack to its size")
            hostile(put(good, first + 20, "<I", 60000), "member 'x.npy' is cut off")
    hostile(archive(("x.npy", x), ("x.npy", x)), "member 'x.npy' occurs twice")
    hostile(archive(("x" * 64, x)), "the name of member 1 is empty, or longer than 63 characters")
    hostile(archive(("../x.npy", x)), "member '../x.npy' is none of x")
    hostile(archive(("x.npy", x), method=zipfile.ZIP_BZIP2), "member 'x.npy' is compressed by method 12")
    # A bomb; two members that are one (Fifield 2019); bytes that become gigabytes of sequences.
    zeros = archive(("x.npy", npy(np.zeros((10, 4000000), np.float32))), method=zipfile.ZIP_DEFLATED)
    hostile(zeros, "member 'x.npy': ")
    assert len(zeros) < 200000
    zeros = archive(("x.npy", npy(np.zeros((16000000, 1), np.uint8))), method=zipfile.ZIP_DEFLATED)
    hostile(zeros, f"{len(zeros)} bytes would become far more; if they really do, save them as .npy files")
    good = archive(("x.npy", x), ("y.npy", x))
    second = good.index(b"PK\1\2", good.index(b"PK\1\2") + 4)
    twice = put(put(good, second + 42, "<I", 0), second + 46, "<B", ord("x"))
    hostile(twice, "member 'x.npy' occurs twice")
    # Any byte may be anything.
    good = archive(("x.npy", x), ("ids.npy", npy(np.arange(4))), method=zipfile.ZIP_DEFLATED)
    for at in random.choice(len(good), 60, replace=False):
        (work / "h.npz").write_bytes(put(good, int(at), "<B", good[at] ^ int(random.integers(1, 256))))
        done = call("h.npz", {"target": "input"})
        assert done.returncode in (0, 1) and (done.returncode == 0 or done.stderr), (at, done)


# ---- The program ----


def program(*arguments):
    done = subprocess.run([*EMULATOR, PROGRAM, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, f"{arguments}: {done.stderr}"
    return done.stdout


def test_training():
    n, y = 24, np.arange(24) % 2
    lengths = 3 + np.arange(24) % 5
    x = random.normal(0, 0.3, (n, 8, 2)) + y[:, None, None]
    x[np.arange(8)[None] >= lengths[:, None]] = 1e6
    ids, groups = np.array([f"s{i}" for i in range(n)]), np.array([f"p{i // 2}" for i in range(n)])
    np.savez_compressed(work / "train.npz", x=x, y=np.where(y, "sick", "well"), lengths=lengths, ids=ids, groups=groups)
    np.savez(work / "new.npz", x=x[:7] + 0.01, lengths=lengths[:7], ids=np.char.add("new ", ids[:7]))
    for name, a in (("x", x), ("y", np.where(y, "sick", "well")), ("n", lengths), ("i", ids), ("g", groups)):
        save(f"{name}.npy", a)
    keys = ("labels", "y"), ("lengths", "n"), ("ids", "i"), ("groups", "g")
    tail = "standardise = yes\n[model]\nlayers =\n  gru 4\n  dense 2\n[train]\nepochs = 8\nrate = 0.03\nvalidation = 0.25\nbalanced = yes\nclass_weights = sick: 2\n"
    (work / "one.ini").write_text("[data]\nformat = npy\ntrain = train.npz\n" + tail)
    (work / "many.ini").write_text("[data]\nformat = npy\ntrain = x.npy\n" + "".join(f"train_{k} = {f}.npy\n" for k, f in keys) + tail)
    for name in ("one", "many"):
        program("train", work / f"{name}.ini", "-o", work / f"{name}.onnx", "--quiet", "--predictions", work / f"{name}.csv")
    assert (work / "one.onnx").read_bytes() == (work / "many.onnx").read_bytes()
    assert (work / "one.csv").read_bytes() == (work / "many.csv").read_bytes()
    held = [line.split(",")[:2] for line in (work / "one.csv").read_text().split("\n")[1:-1]]
    assert len(held) == 6 and all(held.count([i, g]) == 1 and g == groups[list(ids).index(i)] for i, g in held), held
    program("predict", work / "one.onnx", "--data", work / "new.npz", "-o", work / "new.csv")
    rows = (work / "new.csv").read_text().split("\n")
    assert rows[0] == "id,predicted,p_sick,p_well" and rows[1].startswith("new s0,well,"), rows[:2]
    assert [r.split(",")[1] for r in rows[1:8]] == ["well", "sick"] * 3 + ["well"], rows
    # What the command line replaces has no further files: those of the configuration are of other data.
    gone = "".join(f"{part}{key} = gone.npy\n" for part in ("train", "test") for key in ("", "_ids", "_groups", "_lengths"))
    (work / "gone.ini").write_text("[data]\nformat = npy\n" + gone + tail)
    np.savez(work / "other.npz", x=x[:4] + 2, y=np.where(y[:4], "sick", "well"), lengths=lengths[:4])
    program("train", work / "gone.ini", "--data", work / "train.npz", "--test", work / "other.npz", "-o", work / "gone.onnx", "--quiet")
    assert (work / "gone.onnx").read_bytes() == (work / "one.onnx").read_bytes()
    np.savez(work / "test.npz", x=x[:4] + 1, y=np.where(y[:4], "sick", "well"), ids=["t0", "t1", "t2", "t3"], groups=["p0", "q1", "q2", "p3"])
    done = subprocess.run([*EMULATOR, PROGRAM, "eval", work / "one.onnx", "--config", work / "one.ini", "--test", work / "test.npz"], capture_output=True, text=True)
    assert done.returncode == 1 and "test.npz: 2 of 4 groups are in the training data, too" in done.stderr, done


for name, test in list(globals().items()):
    if name.startswith("test_"):
        test()
print(f"{checks} checks")
