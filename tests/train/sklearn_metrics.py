# SPDX-License-Identifier: Apache-2.0
"""sklearn_metrics.py PROGRAM: the metrics that rnnpack train and eval print, beside scikit-learn's of the predictions that
they write. (metrics.c holds the functions of metrics.h against their definitions: weights, ties, curves, bins, errors.)

Prints a table: metric, case, ours, scikit-learn's, difference. Exit status 77 without scikit-learn, 1 for a difference.

What scikit-learn leaves open is settled here: macro averages are over the classes that occur in the truth; where it
gives NaN (kappa of one class) ours is 0; its bins of calibration are (a, b] and ours [a, b), so numpy counts."""
import csv
import os
import re
import subprocess
import sys
import tempfile
import warnings

try:
    import numpy as np
    from sklearn import metrics
except ImportError as missing:
    print("skipped:", missing, "(Debian: python3-sklearn)")
    sys.exit(77)

BINS = 10
failures = 0
refused = "refused"


def row(metric, case, ours, theirs, bound=1e-12):
    """A line of the table; arrays as their largest difference."""
    global failures
    if isinstance(ours, str) or isinstance(theirs, str):
        same, text = ours == theirs, "0" if ours == theirs else "DIFFERS"
        a, b = str(ours), str(theirs)
    else:
        x, y = np.asarray(ours, float), np.asarray(theirs, float)
        d = float(np.max(np.abs(x - y), initial=0)) if x.shape == y.shape else np.inf
        same, text = d <= bound, f"{d:.1e}"
        a, b = (f"{x:.6f}", f"{y:.6f}") if x.ndim == 0 else (f"{x.size} numbers", f"{y.size} numbers")
    failures += not same
    print(f"{'' if same else 'DIFFERS: '}{metric:22} {case:34} {a:>12} {b:>12} {text:>8}")


def write_data(path, n, classes, seed, steps=7):
    draw = np.random.default_rng(seed)
    with open(path, "w") as f:
        for i in range(n):
            k = i % classes
            x = draw.normal((k - 0.5 * (classes - 1)) * 0.5, 1, steps)
            print(f"c{k}", *(f"{v:.4f}" for v in x), sep=",", file=f)


def config(folder, layers, data="", train=""):
    with open(f"{folder}/config.ini", "w") as f:
        f.write(f"[data]\ntrain = train.csv\n{data}[model]\nlayers =\n    {layers}\n[train]\nepochs = 4\nrate = 0.01\n{train}")


def run(program, *arguments):
    return subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout


def predictions(path):
    with open(path, newline="") as f:
        rows = list(csv.DictReader(f))
    names = [k[2:] for k in rows[0] if k.startswith("p_")]
    p = np.array([[float(r["p_" + k]) for k in names] for r in rows])
    return rows, names, p


def printed(text, name):
    found = re.findall(rf"{name} (-?[0-9.e+-]+|nan|inf)", text)
    return float(found[-1]) if found else refused


def check_printed(case, text, path):
    """The last report of the output beside the predictions; what is printed has four digits, the loss five."""
    last = text[text.rindex(" sequences, "):]
    rows, names, p = predictions(path)
    truth = np.array([names.index(r["label"]) for r in rows])
    predicted = np.array([names.index(r["predicted"]) for r in rows])
    row("predicted", case, predicted, p.argmax(1))
    every, present, bound = np.arange(len(names)), np.unique(truth), 6e-5
    row("accuracy", case, printed(last, "accuracy"), metrics.accuracy_score(truth, predicted), bound)
    row("macro F1", case, printed(last, "macro F1"),
        metrics.f1_score(truth, predicted, labels=present, average="macro", zero_division=0), bound)
    kappa = metrics.cohen_kappa_score(truth, predicted, labels=every)
    row("kappa", case, printed(last, "kappa"), 0.0 if np.isnan(kappa) else kappa, bound)
    if "loss" in last.splitlines()[0]:
        loss = metrics.log_loss(truth, np.clip(p / p.sum(1, keepdims=True), 1e-12, 1), labels=every)
        row("loss (log loss)", case, printed(last, "loss"), loss, 6e-5 * max(1, loss))
    if len(names) == 2:
        one = len(present) < 2
        row("ROC AUC", case, printed(last, "ROC AUC"), refused if one else metrics.roc_auc_score(truth, p[:, 1]), bound)
        row("average precision", case, printed(last, "average precision"),
            refused if one else metrics.average_precision_score(truth, p[:, 1]), bound)
        row("Brier", case, printed(last, "Brier"), metrics.brier_score_loss(truth, p[:, 1], pos_label=1), bound)
        which = np.minimum((p[:, 1] * BINS).astype(int), BINS - 1)
        ece = sum(abs(np.sum(p[which == b, 1] - truth[which == b])) for b in range(BINS)) / len(truth)
        row("calibration error", case, printed(last, "calibration error"), ece, bound)
    else:
        row("Brier (numpy)", case, printed(last, "Brier"), ((p - np.eye(len(names))[truth]) ** 2).sum(1).mean(), bound)
    table = [line.split() for line in last.splitlines()[2:2 + len(names)]]
    row("confusion matrix", case, np.array([t[5:] for t in table], float),
        metrics.confusion_matrix(truth, predicted, labels=every))
    scores = metrics.precision_recall_fscore_support(truth, predicted, labels=every, zero_division=0)
    for i, name in enumerate(("precision", "recall", "f1", "support")):
        row(f"{name} per class", case, np.array([t[1 + i] for t in table], float), scores[i], bound)


def check_forecast(program, folder):
    config(folder, "gru 4\n    dense 1", "test = test.csv\ntarget = next\nhorizon = 2\n", "loss = mse\n")
    text = run(program, "train", f"{folder}/config.ini", "--predictions", f"{folder}/p.csv", "-o", f"{folder}/m.onnx")
    with open(f"{folder}/p.csv", newline="") as f:
        errors = [float(r["error"]) for r in csv.DictReader(f)]
    with open(f"{folder}/test.csv") as f:
        x = np.array([line.split(",")[1:] for line in f], np.float32).astype(float)
    case = "train, target next"
    row("mean squared error", case, printed(text, "mean squared error"), np.mean(errors), 1e-4)
    row("loss (MSE)", case, printed(text[text.rindex("test:"):], "loss"), np.mean(errors), 1e-4)
    still = metrics.mean_squared_error(x[:, 2:].ravel(), x[:, :-2].ravel())
    row("persistence", case, printed(text, "persistence"), still, 1e-4)
    text = run(program, "eval", f"{folder}/m.onnx", "--config", f"{folder}/config.ini")
    row("mean squared error", "eval, target next", printed(text, "mean squared error"), np.mean(errors), 1e-4)


def write_stays(path, first, n, seed):
    """Sequences with two numbers, two labels and a class per step; some of each are missing."""
    draw = np.random.default_rng(seed)
    stages = ("low", "mid", "high")
    with open(path, "w") as f:
        print("id,a,b,los,cost,died,again,stage", file=f)
        for i in range(first, first + n):
            u, w = draw.normal(size=2)
            los = f"{20 + 5 * u + draw.normal():.3f}" if draw.random() > 0.2 else ""
            again = int(w + draw.normal() > 0) if draw.random() > 0.2 else ""
            of_all = f"{los},{3000 + 900 * w + 300 * draw.normal():.1f},{int(u + draw.normal() > 0.8)},{again}"
            for _ in range(int(draw.integers(2, 7))):
                a, b = u + draw.normal() / 2, w + draw.normal() / 2
                stage = stages[int(a > -0.5) + int(a > 0.5)] if draw.random() > 0.2 else ""
                print(f"p{i},{a:.4f},{b:.4f},{of_all},{stage}", file=f)


def stays(program, folder, target, layers, data, train=""):
    """The report and the predictions of a model that was trained and one that was written."""
    config(folder, f"gru 6\n    {layers}", f"test = test.csv\nformat = csv\nid = id\nfeatures = a, b\ntarget = {target}\n{data}",
           train)
    files = [f"{folder}/{name}" for name in ("config.ini", "m.onnx", "p.csv")]
    for case, *call in (("train", "train", files[0], "-o", files[1], "--quiet"), ("eval", "eval", files[1], "--config", files[0])):
        text = run(program, *call, "--predictions", files[2])
        with open(files[2], newline="") as f:
            rows = list(csv.DictReader(f))
        yield case, text[text.rindex("test:"):].splitlines(), rows


def table_row(lines, k):
    return [np.nan if x == "-" else float(x) for x in lines[2 + k].split()[1:]]


def concordance(y, p):
    return 2 * np.cov(y, p, bias=True)[0, 1] / (y.var() + p.var() + (y.mean() - p.mean()) ** 2)  # Lin 1989


def check_values(program, folder):
    names, bound = ("los", "cost"), 6e-5
    for loss in ("mse", "mae", "huber"):
        for case, lines, rows in stays(program, folder, "values", "dense 2", "values = los, cost\n", f"loss = {loss}\n"):
            r2 = []
            for k, name in enumerate(names):
                known = [r for r in rows if r[name]]
                y, p = (np.array([float(r[of]) for r in known]) for of in (name, "predicted_" + name))
                ours, case_ = table_row(lines, k), f"{case}, {loss}, {name}"
                r2.append(metrics.r2_score(y, p))
                row("mean error (numpy)", case_, ours[0], (p - y).mean(), 1e-4 * abs(p - y).max())
                row("MAE", case_, ours[1], metrics.mean_absolute_error(y, p), 1e-4 * ours[1])
                row("RMSE", case_, ours[2], metrics.mean_squared_error(y, p) ** 0.5, 1e-4 * ours[2])
                row("R2", case_, ours[3], r2[-1], bound)
                row("Pearson (numpy)", case_, ours[4], np.corrcoef(y, p)[0, 1], bound)
                row("concordance (numpy)", case_, ours[5], concordance(y, p), bound)
                row("n", case_, ours[6], len(y))
            row("mean R2", f"{case}, {loss}", printed(lines[0], "mean R2"), np.mean(r2), bound)


def check_labels(program, folder):
    names, bound = ("died", "again"), 6e-5
    for end in ("dense 2", "dense 2 sigmoid"):
        for case, lines, rows in stays(program, folder, "labels", end, "labels = died, again\n"):
            y = np.array([[float(r[name]) if r[name] else np.nan for name in names] for r in rows])
            p = np.array([[float(r["p_" + name]) for name in names] for r in rows])
            known, macro = ~np.isnan(y), []
            for k in [*range(len(names)), None]:  # None: all labels as one
                t, q = (y[known], p[known]) if k is None else (y[known[:, k], k], p[known[:, k], k])
                scores = metrics.precision_recall_fscore_support(t, q > 0.5, labels=[1], zero_division=0)
                theirs = [metrics.roc_auc_score(t, q), metrics.average_precision_score(t, q), *(s[0] for s in scores[:3])]
                which = "micro" if k is None else names[k]
                ours = ([printed(lines[0], f"micro {m}") for m in ("ROC AUC", "average precision", "F1")] if k is None
                        else table_row(lines, k))
                row("ROC AUC", f"{case}, {end}, {which}", ours[0], theirs[0], bound)
                row("average precision", f"{case}, {end}, {which}", ours[1], theirs[1], bound)
                row("F1", f"{case}, {end}, {which}", ours[2 if k is None else 4], theirs[4], bound)
                if k is None:
                    continue
                macro.append(theirs)
                row("precision, recall", f"{case}, {end}, {which}", ours[2:4], theirs[2:4], bound)
                row("positive, n", f"{case}, {end}, {which}", ours[5:], [t.sum(), len(t)])
            for name, k in (("ROC AUC", 0), ("average precision", 1), ("F1", 4)):
                row(f"macro {name}", f"{case}, {end}", printed(lines[0], f"macro {name}"), np.mean([m[k] for m in macro]), bound)
            if case == "train":
                loss = metrics.log_loss(y[known], p[known])
                row("loss (log loss)", f"{case}, {end}", printed(lines[0], "loss"), loss, 6e-5 * max(1, loss))


def check_steps(program, folder):
    bound = 6e-5
    for end, train in (("dense 3 softmax", ""), ("dense 3", "loss = cross\n")):
        for case, lines, rows in stays(program, folder, "step_label", end, "label = stage\n", train):
            names = [k[2:] for k in rows[0] if k.startswith("p_")]
            known = [r for r in rows if r["label"]]
            truth, predicted = ([r[of] for r in known] for of in ("label", "predicted"))
            p = np.array([[float(r["p_" + name]) for name in names] for r in known])
            case_ = f"{case}, steps, {end}"
            row("steps", case_, printed(lines[0].replace(" steps", ""), "sequences,"), len(rows))
            row("accuracy", case_, printed(lines[0], "accuracy"), metrics.accuracy_score(truth, predicted), bound)
            row("macro F1", case_, printed(lines[0], "macro F1"), metrics.f1_score(truth, predicted, average="macro"), bound)
            row("kappa", case_, printed(lines[0], "kappa"), metrics.cohen_kappa_score(truth, predicted), bound)
            table = [line.split() for line in lines[2:2 + len(names)]]
            row("confusion matrix", case_, np.array([t[5:] for t in table], float),
                metrics.confusion_matrix(truth, predicted, labels=names))
            brier = ((p - (np.array(truth)[:, None] == names)) ** 2).sum(1).mean()
            row("Brier (numpy)", case_, printed(lines[0], "Brier"), brier, bound)
            if case == "train":
                loss = metrics.log_loss(truth, p / p.sum(1, keepdims=True), labels=names)
                row("loss (log loss)", case_, printed(lines[0], "loss"), loss, 6e-5 * max(1, loss))


def check_targets(program, folder):
    write_stays(f"{folder}/train.csv", 0, 80, 3)
    write_stays(f"{folder}/test.csv", 100, 50, 4)
    check_values(program, folder)
    check_labels(program, folder)
    check_steps(program, folder)


def check_program(program, folder):
    heads = (("softmax", 2, "dense 2 softmax", ""), ("logits", 2, "dense 2", ""),
             ("sigmoid", 2, "dense 1 sigmoid", "loss = binary\n"), ("one logit", 2, "dense 1", "loss = binary\n"),
             ("3 classes", 3, "dense 3 softmax", ""), ("3 classes, logits", 3, "dense 3", "loss = cross\n"))
    ini, table, model = (f"{folder}/{name}" for name in ("config.ini", "p.csv", "m.onnx"))
    for name, classes, dense, train in heads:

        def check(case, *arguments, data="", more=""):
            config(folder, f"gru 5\n    {dense}", data, train + more)
            check_printed(f"{case}, {name}", run(program, *arguments, "--predictions", table), table)

        for file, rows, kinds, seed in (("train", 60, classes, classes), ("test", 43, classes, 10 + classes),
                                        ("one", 1, classes, 5), ("absent", 12, 1, 6)):
            write_data(f"{folder}/{file}.csv", rows, kinds, seed)
        check("train", "train", ini, "-o", model, "--quiet", data="test = test.csv\n")
        for file in ("test", "one", "absent"):
            check(f"eval of {file}", "eval", model, "--config", ini, "--test", f"{folder}/{file}.csv")
        check("4 folds", "train", ini, "--quiet", more="folds = 4\n")
        check("held out", "train", ini, "--quiet", more="validation = 0.3\n")
    check_forecast(program, folder)


def main():
    warnings.simplefilter("ignore")
    print(f"{'metric':22} {'case':34} {'ours':>12} {'scikit-learn':>12} {'diff.':>8}")
    with tempfile.TemporaryDirectory() as folder:
        check_program(os.path.abspath(sys.argv[1]), folder)
        check_targets(os.path.abspath(sys.argv[1]), folder)
    print(failures, "differences")
    sys.exit(failures > 0)


main()
