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
    print(failures, "differences")
    sys.exit(failures > 0)


main()
