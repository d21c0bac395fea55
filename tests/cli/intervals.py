# SPDX-License-Identifier: Apache-2.0
"""intervals.py PROGRAM: the intervals that rnnpack train, eval and compare print, beside those of the same draws of
the bootstrap in Python over the predictions that they write; and the tables that compare refuses.

Prints a table: case, metric, interval, ours, difference. Exit status 77 without scikit-learn, 1 for a difference."""
import csv
import json
import os
import re
import subprocess
import sys
import tempfile

try:
    import numpy as np
    from sklearn import metrics
except ImportError as missing:
    print("skipped:", missing, "(Debian: python3-sklearn)")
    sys.exit(77)

DRAWS = 40
failures = 0


def check(case, name, ours, theirs, bound=6e-5):
    global failures
    d = float(np.max(np.abs(np.array(ours) - np.array(theirs))))
    failures += not d <= bound
    print(f"{'' if d <= bound else 'DIFFERS: '}{case:24} {name:20} {ours} {np.round(theirs, 4)} {d:.1e}")


def philox(counter, key):
    """Philox4x32-10 (Salmon et al. 2011), written from the paper."""
    c, k = list(counter), list(key)
    for _ in range(10):
        a, b = c[0] * 0xD2511F53, c[2] * 0xCD9E8D57
        c = [(b >> 32) ^ c[1] ^ k[0], b & 0xFFFFFFFF, (a >> 32) ^ c[3] ^ k[1], a & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def weights(clusters, draw, seed=0):
    """How often each row's cluster is drawn; clusters have numbers in the order in which they come first."""
    names = list(dict.fromkeys(clusters))
    drawn = dict.fromkeys(names, 0)
    for i in range(len(names)):
        drawn[names[philox([i // 4, 4, draw, 0], [seed, 0])[i % 4] * len(names) >> 32]] += 1
    return np.array([drawn[name] for name in clusters], float)


class Table:
    def __init__(self, path):
        with open(path, newline="") as f:
            self.rows = list(csv.DictReader(f))
        self.names = [k[2:] for k in self.rows[0] if k.startswith("p_")]
        self.clusters = [r["group"] or r["id"] for r in self.rows]
        if self.names:
            self.p = np.array([[np.float32(r["p_" + k]) for k in self.names] for r in self.rows])
            self.truth = np.array([self.names.index(r["label"]) for r in self.rows])
        else:
            self.error = np.array([float(r["error"]) for r in self.rows])

    def measure(self, w):
        """All metrics under weights."""
        if not self.names:
            return {"mean squared error": np.average(self.error, weights=w)}
        t, p, k = self.truth, self.p.astype(float), len(self.names)
        called = p.argmax(1)
        found = {
            "accuracy": metrics.accuracy_score(t, called, sample_weight=w),
            "macro F1": metrics.f1_score(t, called, labels=np.unique(t[w > 0]), average="macro", sample_weight=w,
                                         zero_division=0),
            "kappa": metrics.cohen_kappa_score(t, called, sample_weight=w),
        }
        if k > 2:
            return {**found, "Brier": np.average(((p - np.eye(k)[t]) ** 2).sum(1), weights=w)}
        p = p[:, 1]
        which = np.minimum((p * 10).astype(int), 9)
        hits = w[(t == 1) & (called == 1)].sum()
        return {
            **found, "sensitivity": hits / w[t == 1].sum(), "PPV": hits / w[called == 1].sum(),
            "specificity": w[(t == 0) & (called == 0)].sum() / w[t == 0].sum(),
            "ROC AUC": metrics.roc_auc_score(t, p, sample_weight=w),
            "average precision": metrics.average_precision_score(t, p, sample_weight=w),
            "Brier": np.average((p - t) ** 2, weights=w),
            "calibration error": sum(abs(np.sum((w * (p - t))[which == b])) for b in range(10)) / w.sum(),
        }


def interval(values, confidence):
    return np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])


def check_printed(case, text, path, confidence):
    table = Table(path)
    draws = [table.measure(weights(table.clusters, d)) for d in range(DRAWS)]
    text = text[text.rindex("intervals"):]
    for name, value in table.measure(np.ones(len(table.rows))).items():
        found = re.search(rf"^  {name} +([0-9.e-]+) +([0-9.e-]+) to ([0-9.e-]+)( .basic.)?$", text, re.M)
        ours = [float(x) for x in found.groups()[:3]] if found else [np.nan]
        low, high = interval([d[name] for d in draws], confidence)
        if name == "calibration error":  # the basic interval
            low, high = max(0, 2 * value - high), max(0, 2 * value - low)
        theirs = [value, low, high]
        check(case, name, ours, theirs, 6e-5 * max(1, abs(value)))
    heading = f"intervals: percentile bootstrap, {DRAWS} draws of {len(set(table.clusters))} "
    check(case, "heading", [0.0 if text.startswith(heading) else np.nan], [0])


def write_data(path, classes, seed, patients=30):
    """Visits of patients, of up to six steps."""
    draw = np.random.default_rng(seed)
    with open(path, "w") as f:
        print("visit,patient,outcome,x,y", file=f)
        for patient in range(patients):
            own = draw.normal()
            for visit in range(draw.integers(1, 4)):
                outcome = int(np.clip(np.floor(classes * (0.5 + 0.3 * own + 0.2 * draw.normal())), 0, classes - 1))
                for _ in range(6):
                    x = draw.normal(outcome * 0.4, 1, 2)
                    print(f"{patient}.{visit},P{patient},c{outcome},{x[0]:.4f},{x[1]:.4f}", file=f)


def run(program, *arguments, code=0):
    done = subprocess.run([program, *arguments], capture_output=True, text=True)
    if done.returncode != code:
        sys.exit(f"rnnpack {' '.join(arguments)} exited with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout if code == 0 else done.stderr


def config(hidden, classes=2, more="", train="folds = 3"):
    group = "group = patient\n" if "ungrouped" not in more else ""
    target = "label = outcome\n" if classes else "target = input\nlabel = outcome\n"
    last = f"gru {hidden}\n    dense {classes} softmax" if classes else f"gru {hidden} sequences\n    dense 2"
    loss = "" if classes else "loss = mse\n"
    return (f"[data]\nformat = csv\ntrain = data.csv\nid = visit\n{group}{target}features = x, y\n[model]\nlayers =\n"
            f"    {last}\n[train]\nepochs = 3\nrate = 0.02\n{loss}{train}\n")


def check_compared(case, program, a, b, confidence):
    found = json.loads(run(program, "compare", a, b, "--json", "--bootstrap", str(DRAWS), "--seed", "3",
                           "--confidence", str(confidence)))
    x, y = Table(a), Table(b)
    order = {r["id"]: i for i, r in enumerate(y.rows)}
    places = [order[r["id"]] for r in x.rows]
    draws = []
    for d in range(DRAWS):
        w = weights(x.clusters, d, seed=3)
        of_y = np.empty(len(w))
        of_y[places] = w
        draws.append((x.measure(w), y.measure(of_y)))
    one = x.measure(np.ones(len(places))), y.measure(np.ones(len(places)))
    if {m["metric"] for m in found["metrics"]} != set(one[0]):
        check(case, "metrics", [np.nan], [0])
    for m in found["metrics"]:
        name = m["metric"]
        values = np.array([p[name] - q[name] for p, q in draws])
        p = min(1, 2 * (min((values <= 0).sum(), (values >= 0).sum()) + 1) / (DRAWS + 1))
        check(case, name, [m["a"], m["b"], m["difference"], m["low"], m["high"], m["p"]],
              [one[0][name], one[1][name], one[0][name] - one[1][name], *interval(values, confidence), p], 2e-6)
    return found


def check_delong(case, found, a, b, confidence):
    """Obuchowski (1997) from all pairs; the interval by simulation-free normal quantiles."""
    from scipy import stats

    x, y = Table(a), Table(b)
    order = {r["id"]: i for i, r in enumerate(y.rows)}
    y.p = y.p[[order[r["id"]] for r in x.rows]]
    names = np.array(x.clusters)
    t = x.truth
    m, n = (t == 1).sum(), (t == 0).sum()
    sums, areas = [], []
    for p in (x.p[:, 1], y.p[:, 1]):
        psi = (p[t == 1, None] > p[None, t == 0]) + 0.5 * (p[t == 1, None] == p[None, t == 0])
        areas.append(psi.mean())
        sums.append([[(psi.mean(1 - k) - psi.mean())[names[t == 1 - k] == c].sum() for c in np.unique(names)]
                     for k in (0, 1)])
    s = np.array(sums)
    i10, i01, i = len(set(names[t == 1])), len(set(names[t == 0])), len(set(names))
    d = s[0] - s[1]
    variance = i10 / (i10 - 1) * (d[0] ** 2).sum() / m**2 + i01 / (i01 - 1) * (d[1] ** 2).sum() / n**2
    variance += 2 * i / (i - 1) * (d[0] * d[1]).sum() / (m * n)
    low, high = stats.norm.interval(confidence, areas[0] - areas[1], variance**0.5)
    p = 2 * stats.norm.sf(abs(areas[0] - areas[1]) / variance**0.5)
    check(case, "DeLong", [found["delong"][k] for k in ("a", "b", "low", "high", "p")], [*areas, low, high, p], 2e-6)


def check_undefined(program):
    """A share of nothing: draws without the only group that has cases have no sensitivity, and without calls no PPV."""
    head = "id,group,label,p_no,p_yes\n"
    rows = [(f"P{i // 2}", "yes" if i < 2 else "no", 0.4 if i == 0 else 0.1) for i in range(8)]
    for name, shift in (("few.csv", 0.2), ("none.csv", 0)):
        with open(name, "w") as f:
            f.write(head + "".join(f"{i},{g},{label},{1 - p - shift:.9g},{p + shift:.9g}\n"
                                   for i, (g, label, p) in enumerate(rows)))
    drawn = sum(weights([g for g, _, _ in rows], d)[0] > 0 for d in range(DRAWS))
    for b, names in (("few.csv", {"sensitivity", "specificity", "PPV"}), ("none.csv", {"sensitivity", "specificity"})):
        found = json.loads(run(program, "compare", "few.csv", b, "--json", "--bootstrap", str(DRAWS)))["metrics"]
        used = {m["metric"]: m["used"] for m in found if m["metric"] in ("sensitivity", "specificity", "PPV")}
        check(b, "what is defined", [0.0 if set(used) == names else np.nan], [0])
        check(b, "draws", [used[name] for name in sorted(names & {"sensitivity", "PPV"})],
              [drawn] * len(names & {"sensitivity", "PPV"}))


def check_refused(program, good):
    """Tables that are not what compare needs are refused with line and reason."""
    with open(good) as f:
        lines = f.read().splitlines()
    two = lines[2].split(",")

    def changed(column, value):
        return lines[:2] + [",".join(two[:column] + [value] + two[column + 1:])] + lines[3:]

    cases = [
        (lines[:1], "bad.csv has no rows"),
        ([], "bad.csv is empty"),
        (["id,group,fold"] + lines[1:], "bad.csv:1: there is no column 'label'"),
        (["a,group,fold,label,predicted,p_c0,p_c1"] + lines[1:], "bad.csv:1: there is no column 'id'"),
        (["id,group,id,label,predicted,p_c0,p_c1"] + lines[1:], "bad.csv:1: column 'id' is there twice"),
        (["id,group,fold,label,predicted,p_c0,p_c0"] + lines[1:], "bad.csv:1: column 'p_c0' is there twice"),
        (["id,p_c0,fold,label,predicted,x,p_c1"] + lines[1:], "bad.csv:1: the columns of probabilities are not side"),
        (["id,group,fold,label,predicted,p_c0,x"] + lines[1:], "bad.csv:1: there is one column of probabilities"),
        (["id,group,fold,label,predicted,x,y"] + lines[1:], "bad.csv:1: there are neither columns p_CLASS"),
        (lines[:2] + [lines[2] + ",1"] + lines[3:], "bad.csv:3: 8 fields; the header has 7"),
        (changed(0, ""), "bad.csv:3: the id is missing"),
        (changed(3, ""), "bad.csv:3: the label is missing"),
        (changed(3, "sick"), "bad.csv:3: the label 'sick' is no class"),
        (changed(5, "much"), "bad.csv:3: c0: 'much' is not a number"),
        (changed(5, "1.5"), "bad.csv:3: c0: '1.5' is not a probability"),
        (changed(5, "-0.1"), "bad.csv:3: c0: '-0.1' is not a probability"),
        (changed(1, ""), "bad.csv:3: this row has no group; the first has one"),
        (changed(1, "P99"), "bad.csv:3: the group of id"),
        (changed(3, "c0" if two[3] == "c1" else "c1"), "bad.csv:3: the label of id"),
        (changed(0, "99.9"), "is not in"),
        (lines + [lines[2]], "', once more, is not in"),
        (lines[:2] + lines[3:], f"good.csv:3: id '{two[0]}' is not in"),
        (lines[:2] + ['a"b'] + lines[3:], "bad.csv:3: column 1: a quote inside a field"),
        ([lines[0].replace("p_c1", "p_c2")] + [one.replace("c1", "c2") for one in lines[1:]], "predict other classes"),
    ]
    for text, sentence in cases:
        with open("bad.csv", "w") as f:
            f.write("".join(line + "\n" for line in text))
        said = run(program, "compare", "good.csv", "bad.csv", code=1)
        check("refused", sentence[:40], [0.0 if sentence in said else np.nan], [0])
    for options, sentence in ((["--confidence", "0"], "--confidence needs a number between 0 and 1"),
                              (["--confidence", "1"], "--confidence needs a number between 0 and 1"),
                              (["--bootstrap", "1"], "--bootstrap needs 0, or a number from 2"),
                              (["--bootstrap", "2000000"], "--bootstrap needs 0, or a number from 2"),
                              (["--interval", "bayes"], "--interval is percentile or bca, not 'bayes'")):
        said = run(program, "compare", "good.csv", "good.csv", *options, code=2)
        check("refused", sentence[:40], [0.0 if sentence in said else np.nan], [0])
    for operands, sentence in ((["good.csv"], "one is missing"), ([], "is missing"),
                               (["a", "b", "c"], "unexpected argument")):
        check("refused", sentence, [0.0 if sentence in run(program, "compare", *operands, code=2) else np.nan], [0])


def main():
    program = os.path.abspath(sys.argv[1])
    options = ["--bootstrap", str(DRAWS), "--confidence", "0.9", "--quiet"]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for case, classes, more in (("two classes", 2, ""), ("three classes", 3, ""), ("no groups", 2, "ungrouped"),
                                    ("numbers", 0, "")):
            write_data("data.csv", max(classes, 3 if not classes else 2), seed=classes + len(more))
            for name, hidden in (("a", 3), ("b", 5)):
                with open("config.ini", "w") as f:
                    f.write(config(hidden, classes, more))
                said = run(program, "train", "config.ini", "--predictions", f"{name}.csv", *options)
            check_printed(case, said, "b.csv", 0.9)
            with open("b.csv") as f:
                lines = f.read().splitlines()
            with open("b.csv", "w") as f:  # in another order, and with fewer columns
                f.write("\n".join(lines[:1] + lines[:0:-1]) + "\n")
            found = check_compared(case + ", compared", program, "a.csv", "b.csv", 0.8)
            if classes == 2:
                check_delong(case + ", compared", found, "a.csv", "b.csv", 0.8)
            text = run(program, "compare", "a.csv", "b.csv", "--bootstrap", "20", "--interval", "bca", "--quiet")
            check(case, "as text", [text.count("\n") > 3], [1])
            same = json.loads(run(program, "compare", "a.csv", "a.csv", "--json"))
            check(case, "with itself", [m["difference"] for m in same["metrics"]], [0] * len(same["metrics"]))
            check(case, "with itself", [m["p"] for m in same["metrics"]], [1] * len(same["metrics"]))
        with open("config.ini", "w") as f:
            f.write(config(3, 2, "", "validation = 0.3"))
        write_data("data.csv", 2, seed=9)
        run(program, "train", "config.ini", "-o", "m.onnx", "--bootstrap", "0", "--quiet")
        said = run(program, "eval", "m.onnx", "--config", "config.ini", "--predictions", "good.csv", *options)
        check_printed("eval", said, "good.csv", 0.9)
        said = run(program, "eval", "m.onnx", "--config", "config.ini", "--bootstrap", "0")
        check("eval", "no draws", [said.count("interval")], [0])
        check_refused(program, "good.csv")
        check_undefined(program)
        with open("steps.csv", "w") as f:  # of step_label; a step without a label is passed over
            f.write("id,group,fold,step,label,predicted,p_no,p_yes\n")
            f.write("".join(f"{i},,,{t},{('no', 'yes', '')[(i + t) % 3]},no,0.{(i * 7 + t * 3) % 9},0.5\n"
                            for i in range(9) for t in range(4)))
        said = run(program, "compare", "steps.csv", "steps.csv", "--quiet")
        check("steps", "rows", [0.0 if "24 rows of 9 ids" in said else np.nan], [0])
        run(program, "predict", "m.onnx", "--data", "data.csv", "-o", "new.csv")
        said = run(program, "compare", "new.csv", "good.csv", code=1)
        check("refused", "of predict", [0.0 if "new.csv:1: there is no column 'label'" in said else np.nan], [0])
    sys.exit(1 if failures else 0)


main()
