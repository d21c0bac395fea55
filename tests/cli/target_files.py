# SPDX-License-Identifier: Apache-2.0
"""target_files.py PROGRAM: annotations of recordings as labels of steps, targets in lists of recordings, and in arrays.

The recordings are written here (recording_writers.py), and which class each step has is computed here from the annotations;
the program's own is what its tables of predictions say."""

import csv
import shutil
import subprocess
import sys

try:
    import numpy as np
except ImportError:
    print("skipped: no numpy")
    sys.exit(77)
from recording_writers import any_signal, random, work, write_atr, write_edf, write_wfdb

PROGRAM = sys.argv[1]
RATE, N = 50, 1000
checks = 0


def run(*arguments, code=0):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == code, f"{arguments}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def configure(data, layers="gru 6\n    dense 2 softmax", train="epochs = 6\nrate = 0.02\n"):
    config = work / "config.ini"
    config.write_text(f"[data]\nformat = recordings\nstandardise = yes\n{data}[model]\nlayers =\n    {layers}\n[train]\n{train}")
    return config


def table(path):
    with open(path, newline="") as f:
        return list(csv.DictReader(f))


def same(got, want, what):
    global checks
    got, want = list(got), list(want)
    wrong = [i for i, (a, b) in enumerate(zip(got, want)) if a != b]
    assert len(got) == len(want) and not wrong, f"{what}: {len(got)} of {len(want)}, {[(i, got[i], want[i]) for i in wrong[:3]]}"
    checks += 1


def refused(sentence, data, *more, **keys):
    global checks
    said = run("train", configure(data, **keys), "--quiet", *more, code=1)
    assert sentence in said, f"no '{sentence}' in: {said}"
    checks += 1


def write_record(name, seed):
    """A rhythm that changes every few seconds, and is loud where it is (AFIB; beats every second."""
    draw = np.random.default_rng(seed)
    events, x = [(7, "+", "(N")], draw.normal(0, 40, (N, 1))
    for k, at in enumerate(range(150 + seed, N - 50, 150)):
        events.append((at, "+", "(N" if k % 2 else "(AFIB"))
    for (a, _, aux), (b, _, _) in zip(events, [*events[1:], (N, "", "")]):
        x[a:b] *= 8 if aux == "(AFIB" else 1
    beats = [(s, "V" if s % 3 == 0 else "N", None) for s in range(20 + seed, N, RATE)]
    write_wfdb(name, 16, x.astype(int), rate=RATE, names=["I"])
    write_atr(name, sorted(events + beats, key=lambda e: e[0]))
    return events, beats


def rhythm_of(events):
    want = [""] * N
    for (a, _, aux), (b, _, _) in zip(events, [*events[1:], (N, "", "")]):
        want[a:b] = [aux[1:]] * (b - a)
    return want


def beat_of(beats, before, after, background):
    want = [background] * N
    for at, sign, _ in beats:
        for s in range(max(at - before, 0), min(max(at + after, at + 1), N)):
            want[s] = sign
    return want


RHYTHMS = "annotations = spans\nclasses = N: (N, AFIB: (AFIB\ntarget = step_label\n"


def test_spans():
    rhythms = {f"r{k}": rhythm_of(write_record(f"r{k}", k)[0]) for k in range(4)}
    (work / "list").write_text("r0\nr1\nr2\n")
    config = configure(f"train = list\ntest = r3\nwindow = 300\nstride = 300\n{RHYTHMS}")
    run("train", config, "-o", work / "m.onnx", "--predictions", work / "p.csv")
    rows = table(work / "p.csv")
    same((r["label"] for r in rows), rhythms["r3"], "rhythms, windows put together")
    same((int(r["step"]) for r in rows), range(1, N + 1), "steps")
    same((float(r["time"]) for r in rows), (s / RATE for s in range(N)), "times")
    same({(r["id"], r["group"]) for r in rows}, {("r3", "r3")}, "ids")
    known = [r for r in rows if r["label"]]
    assert sum(r["label"] == r["predicted"] for r in known) > 0.85 * len(known), "rhythms are not learnt"
    # The written model says the same on another ISA, and new recordings need no annotations.
    run("eval", work / "m.onnx", "--config", config, "--predictions", work / "e.csv", "--isa", "generic", "--threads", "1")
    same((work / "e.csv").read_text(), (work / "p.csv").read_text(), "eval")
    for end in ("hea", "dat"):
        shutil.copy(work / f"r3.{end}", work / f"new.{end}")
    (work / "new.hea").write_text((work / "r3.hea").read_text())
    run("predict", work / "m.onnx", "--data", work / "new", "-o", work / "new.csv")
    same(((r["step"], r["time"], r["p_N"]) for r in table(work / "new.csv")), ((r["step"], r["time"], r["p_N"]) for r in rows),
         "predict")
    # At another rate a step has the class of its time.
    run("train", configure(f"train = list\ntest = r3\nrate = 25\n{RHYTHMS}", train="epochs = 1\n"), "--predictions", work / "p.csv")
    events = write_record("r3", 3)[0]
    want = [""] * (N // 2)
    for (a, _, aux), (b, _, _) in zip(events, [*events[1:], (N, "", "")]):
        first, end = (int(np.floor(s / RATE * 25 + 0.5)) for s in (a, b))
        want[first:end] = [aux[1:]] * (end - first)
    same((r["label"] for r in table(work / "p.csv")), want, "rhythms at 25 Hz")


def test_points():
    beats = {f"b{k}": write_record(f"b{k}", 10 + k)[1] for k in range(3)}
    (work / "list").write_text("b0\nb1\n")
    for before, after, background in ((0, 0, "none"), (3, 5, "none"), (0.5, 0, ""), (30, 40, "")):
        config = configure(f"train = list\ntest = b2\nannotations = points\nbefore = {before / RATE}\nafter = {after / RATE}\n"
                           f"target = step_label\n" + (f"background = {background}\n" if background else ""),
                           f"gru 6\n    dense {3 if background else 2} softmax", "epochs = 1\nbalanced = yes\n")
        run("train", config, "--predictions", work / "p.csv")
        want = beat_of(beats["b2"], int(before + 0.5), after, background)
        same((r["label"] for r in table(work / "p.csv")), want, f"points {before} {after} {background}")


def test_blocks():
    events, _ = write_record("one", 5)
    config = configure(f"train = one\nblock = 3\n{RHYTHMS}", train="epochs = 1\nfolds = 3\n")
    run("train", config, "--predictions", work / "p.csv")
    rows = table(work / "p.csv")
    same((r["label"] for r in rows), rhythm_of(events), "blocks")
    same((int(r["step"]) for r in rows), range(1, N + 1), "steps of blocks")
    same((r["group"] for r in rows), (f"one block {s // (3 * RATE)}" for s in range(N)), "groups of blocks")
    folds = {(r["group"], r["fold"]) for r in rows}
    assert len(folds) == 7 and len({f for _, f in folds}) == 3, folds


def test_edf():
    signals = [any_signal("EEG", 12, 10)]
    for name in ("night0.edf", "night1.edf"):
        write_edf(name, signals, 1, "EDF+C", events={0: [(0, 4, "Sleep stage W")], 3: [(4, 5, "Sleep stage N1"), (10.5, 0, "noise")]})
    config = configure("train = night0.edf\ntest = night1.edf\nshared = allow\nannotations = spans\n"
                       "classes = wake: Sleep stage W, sleep: /Sleep stage N[1-3]/\ntarget = step_label\n", train="epochs = 1\n")
    run("train", config, "--predictions", work / "p.csv")
    same((r["label"] for r in table(work / "p.csv")), ["wake"] * 40 + ["sleep"] * 50 + [""] * 30, "sleep stages")


def test_lists():
    for k in range(8):
        x = random.normal(0, 20 + 20 * k, (60, 1)).astype(int)
        write_wfdb(f"l{k}", 16, x, rate=RATE, names=["I"])
    lines = [f"l{k},{40 + 5 * k if k != 3 else ''},{k % 2},{'' if k == 1 else int(k > 4)}" for k in range(8)]
    (work / "list.csv").write_text("record,age,af,mi\n" + "\n".join(lines) + "\n")
    (work / "new.csv").write_text("record\nl0\nl1\n")
    base = "train = list.csv\nid = record\n"
    for target, columns, names in (("values", "age", ["age"]), ("labels", "af, mi", ["af", "mi"])):
        config = configure(f"{base}target = {target}\n{target} = {columns}\n", f"gru 4\n    dense {len(names)}",
                           "epochs = 2\nfolds = 2\n")
        run("train", config, "-o", work / "m.onnx", "--predictions", work / "p.csv")
        rows = table(work / "p.csv")
        for i, name in ((0, "age"), (1, "af"), (2, "mi")):
            if name in names:
                same((r[name] for r in rows), (line.split(",")[1 + i] for line in lines), f"{name} of a list")
        run("predict", work / "m.onnx", "--data", work / "new.csv", "-o", work / "p.csv")
        assert len(table(work / "p.csv")) == 2
    refused("list.csv:1: there is no column 'sex' ([data] values)", f"{base}target = values\nvalues = sex\n", layers="gru 4\n    dense 1")
    refused("list.csv:2: column 2 (age): '40' is neither 0, 1 nor missing", f"{base}target = labels\nlabels = age\n", layers="gru 4\n    dense 1")
    refused("has no targets", "train = l0\nid = record\ntarget = values\nvalues = age\n", layers="gru 4\n    dense 1")


def test_arrays():
    n, steps = 40, 12
    x = random.normal(size=(n, steps, 2)).astype(np.float32)
    y = {"values": np.stack([5 * x[:, :, 0].mean(1) + 20, 100 * x[:, :, 1].mean(1)], 1),
         "labels": np.stack([x[:, :, 0].mean(1) > 0, x[:, :, 1].mean(1) > 0.2], 1).astype(np.float32),
         "step_label": (x[:, :, 0] > 0).astype(np.int64) + 1}
    y["values"][3, 1] = y["labels"][4, 0] = np.nan
    y["step_label"][5, 2:4] = -1
    head = {"values": "target = values\nvalues = a, b\n", "labels": "target = labels\nlabels = a, b\n",
            "step_label": "target = step_label\n"}

    def config(target, more="train = x.npy\ntrain_labels = y.npy\n", epochs=2):
        path = work / "config.ini"
        path.write_text(f"[data]\nformat = npy\n{more}{head[target]}[model]\nlayers =\n    gru 4\n    dense 2\n"
                        f"[train]\nepochs = {epochs}\nfolds = 2\n")
        return path

    np.save(work / "x.npy", x)
    for target, truth in y.items():
        np.save(work / "y.npy", truth)
        np.savez(work / "all.npz", x=x, y=truth)
        said = [run("train", config(target, *more), "-o", work / "m.onnx", "--predictions", work / "p.csv", "--bootstrap", "0",
                    "--quiet") for more in ((), ("train = all.npz\n",))]
        assert said[0] == said[1] and said[0], said
        rows = table(work / "p.csv")
        if target == "step_label":
            same((r["label"] for r in rows), (str(v) if v > 0 else "" for v in truth.reshape(-1)), "steps of an array")
        else:
            for k, name in enumerate("ab"):
                same((np.float32(r[name]) for r in rows if r[name]), np.float32(truth[:, k])[~np.isnan(truth[:, k])],
                     f"{target} of an array")
        run("predict", work / "m.onnx", "--data", work / "x.npy", "-o", work / "p.csv")
        assert len(table(work / "p.csv")) == (n * steps if target == "step_label" else n)
        np.save(work / "y.npy", truth[:, :1])
        said = run("train", config(target), code=1)
        assert f"y.npy: [40][{truth.shape[1]}] is expected, a " in said and "this array of rank 2 has 40 rows of 1 numbers" in said, said
    np.save(work / "y.npy", y["values"])
    said = run("train", config("labels"), code=1)
    assert "y.npy: [0][0] is " in said and "neither 0, 1 nor NaN" in said, said
    np.save(work / "y.npy", np.array([["a", "b"]] * n))
    assert "y.npy: it has texts ('<U1'); numbers are expected" in run("train", config("values"), code=1)
    (work / "y.npy").write_text("1\n" * n)
    assert "y.npy: an array is expected" in run("train", config("values"), code=1)


def test_refusals():
    write_record("r", 1)
    refused("recordings have labels of steps by [data] annotations", "train = r\ntarget = step_label\n")
    write_atr("r", [(0, "+", "(N"), (N, "N", None), (N + 20, "+", "(AFIB")])
    refused("is beyond the recording", f"train = r\n{RHYTHMS}")
    write_atr("r", [(20, "N", None)])
    refused("has no labels", f"train = r\n{RHYTHMS}")
    write_record("t", 2)
    refused("t.atr: 'V' is a class that the training data does not have",
            "train = r\ntest = t\nannotations = points\ntarget = step_label\nbackground = none\n")


for name, test in list(globals().items()):
    if name.startswith("test_"):
        test()
        print(f"{name}: all right")
print(f"{checks} checks")
shutil.rmtree(work)
