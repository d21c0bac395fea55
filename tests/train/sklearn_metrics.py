# SPDX-License-Identifier: Apache-2.0
"""sklearn_metrics.py LIBRARY PROGRAM: every metric beside scikit-learn's, first the functions of the shared library on
random and degenerate rows, then what rnnpack train and eval print beside the predictions that they write.

Prints a table: metric, case, ours, scikit-learn's, difference. Exit status 77 without scikit-learn, 1 for a difference.

What scikit-learn leaves open is settled here: macro averages are over the classes that occur in the truth; where it
warns and gives a number (average precision of one class) or NaN (kappa of one class) ours is an error or 0, as
metrics.h says; bins of calibration are [a, b), scikit-learn's (a, b], so numpy counts where p lies on an edge, and where
there are weights, which it does not take."""
import ctypes
import csv
import os
import re
import subprocess
import sys
import tempfile
import warnings

try:
    import numpy as np
    from sklearn import calibration, metrics
except ImportError as missing:
    print("skipped:", missing, "(Debian: python3-sklearn)")
    sys.exit(77)

ERR_ARG = 1
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
        equal = x.shape == y.shape
        both = equal and np.array_equal(np.isinf(x), np.isinf(y))
        d = float(np.max(np.abs(np.where(np.isinf(x), 0, x) - np.where(np.isinf(y), 0, y)), initial=0)) if both else np.inf
        same, text = d <= bound, f"{d:.1e}"
        a, b = (f"{x:.6f}", f"{y:.6f}") if x.ndim == 0 else (f"{x.size} numbers", f"{y.size} numbers")
    failures += not same
    print(f"{'' if same else 'DIFFERS: '}{metric:22} {case:34} {a:>12} {b:>12} {text:>8}")


# ---- The library ----

class Summary(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t)] + [
        (n, ctypes.c_double) for n in ("accuracy", "precision", "recall", "f1", "kappa")
    ]


class OfClass(ctypes.Structure):
    _fields_ = [(n, ctypes.c_double) for n in ("precision", "recall", "f1", "support")]


class Point(ctypes.Structure):
    _fields_ = [(n, ctypes.c_double) for n in ("threshold", "tpr", "fpr", "precision")]


class Bin(ctypes.Structure):
    _fields_ = [(n, ctypes.c_double) for n in ("weight", "mean", "share")]


def pointer(array):
    return None if array is None else array.ctypes.data_as(ctypes.c_void_p)


class Rows:
    """f32 probabilities [n][classes], i32 truth, f32 weights or None, as the library wants them."""

    def __init__(self, p, truth, weight=None):
        self.p = np.ascontiguousarray(p, np.float32)
        self.truth = np.ascontiguousarray(truth, np.int32)
        self.weight = None if weight is None else np.ascontiguousarray(weight, np.float32)
        self.n, self.classes = self.p.shape
        self.score = np.ascontiguousarray(self.p[:, 1])
        self.given = pointer(self.p), pointer(self.truth), pointer(self.weight)
        self.given_score = (pointer(self.score),) + self.given[1:]
        self.sizes = ctypes.c_size_t(self.n), ctypes.c_size_t(self.classes)


def classes_of(lib, r):
    counts = np.zeros((r.classes, r.classes))
    if lib.rnnp_metrics_confusion(*r.sizes, *r.given, pointer(counts)):
        return None
    per, summary = (OfClass * r.classes)(), Summary(struct_size=ctypes.sizeof(Summary))
    assert lib.rnnp_metrics_classes(r.sizes[1], pointer(counts), per, ctypes.byref(summary)) == 0
    return counts, per, summary


def ranking_of(lib, r):
    scratch = np.zeros(2 * r.n + 1, np.uint64)
    auc, ap, points, n = ctypes.c_double(), ctypes.c_double(), (Point * (r.n + 1))(), ctypes.c_size_t()
    if lib.rnnp_metrics_ranking(r.sizes[0], *r.given_score, pointer(scratch), ctypes.byref(auc), ctypes.byref(ap), points,
                                ctypes.byref(n)):
        return None
    return auc.value, ap.value, [(q.threshold, q.tpr, q.fpr, q.precision) for q in points[:n.value]]


def brier_of(lib, r):
    value = ctypes.c_double()
    given = r.given_score if r.classes == 2 else r.given
    return refused if lib.rnnp_metrics_brier(*r.sizes, *given, ctypes.byref(value)) else value.value


def ece_of(lib, r):
    bins, value = (Bin * BINS)(), ctypes.c_double()
    if lib.rnnp_metrics_calibration(r.sizes[0], ctypes.c_size_t(BINS), *r.given_score, bins, ctypes.byref(value)):
        return None
    return value.value, [(b.weight, b.mean, b.share) for b in bins]


def check_classes(case, r, ours):
    predicted = r.p.argmax(axis=1)
    every, present = np.arange(r.classes), np.unique(r.truth[r.weight > 0] if r.weight is not None else r.truth)
    given = {"sample_weight": r.weight}
    counts, per, s = ours
    row("confusion matrix", case, counts, metrics.confusion_matrix(r.truth, predicted, labels=every, **given), 1e-4)
    scores = metrics.precision_recall_fscore_support(r.truth, predicted, labels=every, zero_division=0, **given)
    for name, values in zip(("precision", "recall", "f1", "support"), scores):
        row(f"{name} per class", case, [getattr(c, name) for c in per], values, 1e-4 if name == "support" else 1e-7)
    means = metrics.precision_recall_fscore_support(r.truth, predicted, labels=present, average="macro",
                                                    zero_division=0, **given)
    for name, value in zip(("precision", "recall", "f1"), means):
        row(f"macro {name}", case, getattr(s, name), value, 1e-7)
    row("accuracy", case, s.accuracy, metrics.accuracy_score(r.truth, predicted, **given), 1e-7)
    row("balanced accuracy", case, s.recall, metrics.balanced_accuracy_score(r.truth, predicted, **given), 1e-7)
    kappa = metrics.cohen_kappa_score(r.truth, predicted, labels=every, **given)
    row("kappa", case, s.kappa, 0.0 if np.isnan(kappa) else kappa, 1e-6)


def check_ranking(case, r, ours):
    weight, given = r.weight, {"sample_weight": r.weight}
    with_weight = r.truth if weight is None else r.truth[weight > 0]
    if len(np.unique(with_weight)) < 2:
        try:
            theirs = "no error" if len(np.unique(r.truth)) == 2 else metrics.roc_auc_score(r.truth, r.score, **given)
        except ValueError:
            theirs = refused
        row("ROC AUC", case, refused if ours is None else "a number", refused if theirs == "no error" else theirs)
        return
    auc, ap, curve = ours
    row("ROC AUC", case, auc, metrics.roc_auc_score(r.truth, r.score, **given), 1e-7)
    row("average precision", case, ap, metrics.average_precision_score(r.truth, r.score, **given), 1e-7)
    keep = np.ones(r.n, bool) if weight is None else weight > 0
    left = {"sample_weight": None if weight is None else weight[keep]}
    fpr, tpr, threshold = metrics.roc_curve(r.truth[keep], r.score[keep], drop_intermediate=False, **left)
    threshold[0] = np.inf
    row("ROC curve", case, [q[1:3] for q in curve], np.stack([tpr, fpr], 1), 1e-6)
    row("thresholds", case, [q[0] for q in curve], threshold)
    precision, recall, _ = metrics.precision_recall_curve(r.truth[keep], r.score[keep], **left)
    # scikit-learn ends with (1, 0), and up to 1.2 drops thresholds beyond full recall.
    n = len(precision)
    row("precision-recall", case, [(q[3], q[1]) for q in curve[:n]], np.stack([precision, recall], 1)[::-1], 1e-6)


def check_probabilities(case, r, brier, ece):
    w = np.ones(r.n) if r.weight is None else r.weight.astype(float)
    p = r.p.astype(float)
    if r.classes > 2:
        row("Brier (numpy)", case, brier, float(np.average(((p - np.eye(r.classes)[r.truth]) ** 2).sum(1), weights=w)))
        return
    score = p[:, 1]
    row("Brier", case, brier, metrics.brier_score_loss(r.truth, score, sample_weight=r.weight, pos_label=1), 1e-7)
    edges = np.linspace(0, 1, BINS + 1)
    which = np.minimum((score * BINS).astype(int), BINS - 1)
    mass = np.bincount(which, w, BINS)
    if r.weight is None and not np.isin(score, edges).any():
        share, mean = calibration.calibration_curve(r.truth, score, n_bins=BINS)
        name = "calibration error"
    else:
        full = mass > 0
        share, mean = (np.bincount(which, w * x, BINS)[full] / mass[full] for x in (r.truth, score))
        name = "calibration (numpy)"
    value, bins = ece
    filled = [b for b in bins if b[0] > 0]
    row(name, case, value, float(np.sum(mass[mass > 0] * np.abs(mean - share)) / mass.sum()), 1e-9)
    row("reliability bins", case, [(b[1], b[2]) for b in filled], np.stack([mean, share], 1), 1e-9)


def check_all(lib, case, r):
    check_classes(case, r, classes_of(lib, r))
    check_probabilities(case, r, brier_of(lib, r), ece_of(lib, r) if r.classes == 2 else None)
    if r.classes == 2:
        check_ranking(case, r, ranking_of(lib, r))


def two(score, truth, weight=None):
    score = np.asarray(score, np.float32)
    return Rows(np.stack([1 - score, score], 1), truth, weight)


def library(path):
    lib = ctypes.CDLL(path)
    draw = np.random.default_rng(7)
    for seed in range(3):
        n = 211 + 50 * seed
        score, weight = draw.random(n), draw.random(n) * 2
        truth = (draw.random(n) < 0.3 + 0.4 * score).astype(int)
        check_all(lib, f"random {seed}", two(score, truth))
        check_all(lib, f"random {seed}, weights", two(score, truth, weight))
        check_all(lib, f"random {seed}, weights, fifth 0", two(score, truth, weight * (draw.random(n) > 0.2)))
        check_all(lib, f"random {seed}, ties", two(np.round(score * 8) / 8, truth))
        check_all(lib, f"random {seed}, ties, weights", two(np.round(score * 8) / 8, truth, weight))
    truth = (np.arange(40) % 3 == 0).astype(int)
    check_all(lib, "rare positives", two(draw.random(400), np.arange(400) % 100 == 7))
    check_all(lib, "perfect", two(truth, truth))
    check_all(lib, "perfectly wrong", two(1 - truth, truth))
    check_all(lib, "constant 0.3", two(np.full(40, 0.3), truth))
    check_all(lib, "constant 0.5 (all equal)", two(np.full(40, 0.5), truth))
    check_all(lib, "p is 0 or 1", two(draw.integers(0, 2, 40), truth))
    check_all(lib, "all of class 0", two(draw.random(30), np.zeros(30)))
    check_all(lib, "all of class 1", two(draw.random(30), np.ones(30)))
    check_all(lib, "class 1 without weight", two(draw.random(40), truth, 1 - truth))
    check_all(lib, "one row", two([0.8], [1]))
    check_all(lib, "one of each", two([0.8, 0.3], [0, 1]))
    for classes, n in ((3, 200), (7, 300)):
        p = draw.dirichlet(np.ones(classes), n)
        truth = np.array([draw.choice(classes, p=q) for q in 0.5 * p + 0.5 / classes])
        weight = draw.random(n)
        check_all(lib, f"{classes} classes", Rows(p, truth))
        check_all(lib, f"{classes} classes, weights", Rows(p, truth, weight))
        check_all(lib, f"{classes} classes, ties", Rows(np.round(p * 4) / 4, truth))
        check_all(lib, f"{classes} classes, the last absent", Rows(p, truth % (classes - 1)))
        check_all(lib, f"{classes} classes, all of one", Rows(p, np.ones(n)))
        check_all(lib, f"{classes} classes, one row", Rows(p[:1], truth[:1]))
    # Where there is no answer. scikit-learn refuses empty arrays and NaN, too.
    nothing, wrong = two([], []), two([0.2, np.nan, 0.7], [0, 1, 1])
    for case, r in (("no rows", nothing), ("NaN", wrong)):
        for name, function in (("ROC AUC", metrics.roc_auc_score), ("Brier", metrics.brier_score_loss)):
            try:
                theirs = str(function(r.truth, r.score))
            except ValueError:
                theirs = refused
            row(name, case, refused if (ranking_of(lib, r) is None and brier_of(lib, r) == refused) else "a number", theirs)
        row("calibration error", case, refused if ece_of(lib, r) is None else "a number", refused)
    row("confusion matrix", "NaN", refused if classes_of(lib, wrong) is None else "counts", refused)
    row("confusion matrix", "no rows", classes_of(lib, nothing)[0], np.zeros((2, 2)))


# ---- The program ----

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
    files = [f"{folder}/{name}" for name in ("config.ini", "p.csv", "m.onnx")]
    for name, classes, dense, train in heads:
        write_data(f"{folder}/train.csv", 60, classes, classes)
        write_data(f"{folder}/test.csv", 43, classes, 10 + classes)
        config(folder, f"gru 5\n    {dense}", "test = test.csv\n", train)
        text = run(program, "train", files[0], "--predictions", files[1], "-o", files[2], "--quiet")
        check_printed(f"train, {name}", text, files[1])
        text = run(program, "eval", files[2], "--config", files[0], "--predictions", files[1])
        check_printed(f"eval, {name}", text, files[1])
        write_data(f"{folder}/one.csv", 1, classes, 5)
        text = run(program, "eval", files[2], "--config", files[0], "--predictions", files[1], "--test", f"{folder}/one.csv")
        check_printed(f"eval, {name}, one row", text, files[1])
        write_data(f"{folder}/absent.csv", 12, 1, 6)
        text = run(program, "eval", files[2], "--config", files[0], "--predictions", files[1], "--test",
                   f"{folder}/absent.csv")
        check_printed(f"eval, {name}, all of class 0", text, files[1])
        config(folder, f"gru 5\n    {dense}", "", train + "folds = 4\n")
        text = run(program, "train", files[0], "--predictions", files[1], "--quiet")
        check_printed(f"4 folds, {name}", text, files[1])
        config(folder, f"gru 5\n    {dense}", "", train + "validation = 0.3\n")
        text = run(program, "train", files[0], "--predictions", files[1], "--quiet")
        check_printed(f"held out, {name}", text, files[1])
    check_forecast(program, folder)


def main():
    warnings.simplefilter("ignore")
    print(f"{'metric':22} {'case':34} {'ours':>12} {'scikit-learn':>12} {'diff.':>8}")
    library(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        check_program(os.path.abspath(sys.argv[2]), folder)
    print(failures, "differences")
    sys.exit(failures > 0)


main()
