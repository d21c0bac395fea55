# SPDX-License-Identifier: Apache-2.0
"""sklearn_decisions.py PROGRAM: what [predict] fits, carries in the model and applies, beside scikit-learn's ROC
curve and isotonic regression and SciPy's minimum of the likelihood, of the predictions that training writes.

Exit status 77 without scikit-learn or SciPy, 1 for a difference."""
import csv
import re
import subprocess
import sys
import tempfile

try:
    import numpy as np
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax
    from sklearn.isotonic import IsotonicRegression
    from sklearn.metrics import brier_score_loss, confusion_matrix, roc_curve
except ImportError as missing:
    print("skipped:", missing, "(Debian: python3-scipy, python3-sklearn)")
    sys.exit(77)

program = sys.argv[1]
failures = 0


def check(what, holds):
    global failures
    failures += not holds
    print(f"{'' if holds else 'DIFFERS: '}{what}")


def run(*arguments):
    return subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout


def write_data(path, n, classes, seed, labels=True):
    """Steps of noise around a mean of the class; three sequences to a patient."""
    draw = np.random.default_rng(seed)
    with open(path, "w") as f:
        print("id,patient,x" + (",class" if labels else ""), file=f)
        for i in range(n):
            k = draw.integers(classes)
            for value in draw.normal(0.4 * k, 1, 5):
                print(f"s{seed}.{i}", f"p{seed}.{i // 3}", f"{value:.4f}", *([f"c{k}"] if labels else []), sep=",", file=f)


def table(path):
    with open(path, newline="") as f:
        rows = list(csv.DictReader(f))
    names = [key[2:] for key in rows[0] if key.startswith("p_")]
    return rows, names, np.array([[float(row["p_" + name]) for name in names] for row in rows])


def z_of(p):
    return np.log(np.maximum(p.astype(np.float32).astype(float), 2.0**-24))


def calibration_of(kind, p, truth, positive):
    """A function of probabilities."""
    if kind == "temperature":
        z = z_of(p)
        best = minimize_scalar(lambda b: -log_softmax(b * z, axis=1)[np.arange(len(p)), truth].mean(),
                               bounds=(0.01, 100), method="bounded", options={"xatol": 1e-12}).x
        return lambda new: np.exp(log_softmax(best * z_of(new), axis=1))
    if kind == "isotonic":
        fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(p[:, positive], truth == positive)

        def calibrated(new):
            ours = fitted.predict(new[:, positive])
            return np.stack([1 - ours, ours][:: 1 if positive else -1], axis=1)

        return calibrated
    return lambda new: new


def threshold_of(rule, score, truth):
    """Points of scikit-learn's ROC curve, from the largest threshold down; the first one finds nobody."""
    fpr, tpr, at = roc_curve(truth, score, drop_intermediate=False)
    word, _, number = rule.partition(" ")
    if word == "youden":
        return at[1:][np.argmax(np.round((tpr - fpr)[1:], 12))]
    if word == "sensitivity":
        return at[np.argmax(np.round(tpr, 12) >= float(number))]
    if word == "specificity":
        return at[len(at) - 1 - np.argmax(np.round(1 - fpr, 12)[::-1] >= float(number))]
    if word == "cost":
        costs = float(number) * (1 - tpr) * truth.sum() + fpr * (~truth).sum()
        return at[np.argmin(np.round(costs, 9))]
    return float(rule)


def classes_of(p, positive, threshold):
    if threshold is None:
        return p.argmax(1)
    others = p.copy()
    others[:, positive] = -1
    return np.where(p[:, positive] >= threshold, positive, others.argmax(1))


def check_case(folder, classes, split, calibrate, rule, positive):
    case = f"{classes} classes, {split.strip()}, calibrate {calibrate}, threshold {rule} of c{positive}"
    lines = f"calibrate = {calibrate}\n" if calibrate else ""
    if rule:
        lines += f"threshold = {rule}\npositive = c{positive}\n"
    common = (f"[data]\nformat = csv\ntrain = train{classes}.csv\nid = id\nlabel = class\ngroup = patient\n"
              f"[model]\nlayers =\n    gru 4\n    dense {classes}\n[train]\nepochs = 3\nrate = 0.03\n{split}\n")
    with open(f"{folder}/config.ini", "w") as f:
        f.write(common + "[predict]\n" + lines)
    with open(f"{folder}/plain.ini", "w") as f:
        f.write(common)
    told = run("train", f"{folder}/config.ini", "-o", f"{folder}/m.onnx", "--predictions", f"{folder}/held.csv",
               "--quiet")
    run("train", f"{folder}/plain.ini", "-o", f"{folder}/plain.onnx", "--quiet")
    rows, names, held = table(f"{folder}/held.csv")
    truth = np.array([names.index(row["label"]) for row in rows])
    calibrated = calibration_of(calibrate, held, truth, positive)
    threshold = threshold_of(rule, calibrated(held)[:, positive], truth == positive) if rule else None

    patients = len({row["group"] for row in rows})
    if calibrate or not re.fullmatch("[0-9.]+", rule):
        check(f"{case}: what it was fitted to",
              f"fitted to {len(rows)} cases of {patients} groups" in told and
              f"{(truth == positive).sum()} of them 'c{positive}'" in told)
    run("predict", f"{folder}/plain.onnx", "--data", f"{folder}/new{classes}.csv", "-o", f"{folder}/plain.csv")
    run("predict", f"{folder}/m.onnx", "--data", f"{folder}/new{classes}.csv", "-o", f"{folder}/new.csv")
    raw, (new, _, p) = table(f"{folder}/plain.csv")[2], table(f"{folder}/new.csv")
    check(f"{case}: probabilities", np.abs(p - calibrated(raw)).max() < 2e-6)
    ours = np.array([names.index(row["predicted"]) for row in new])
    near = np.abs(p[:, positive] - threshold) < 1e-6 if rule else np.zeros(len(p), bool)
    same = ours == classes_of(p, positive, threshold)
    if calibrate == "isotonic" and rule:  # a step has many cases, and those on the threshold are of the class
        check(f"{case}: classes, {near.sum()} on the threshold", same[~near].all() and (ours[near] == positive).all())
    else:
        check(f"{case}: classes", same[~near].all() and near.sum() < 3)

    told = run("eval", f"{folder}/m.onnx", "--config", f"{folder}/config.ini", "--predictions", f"{folder}/known-p.csv",
               "--test", f"{folder}/known{classes}.csv", "--quiet")
    rows, _, p = table(f"{folder}/known-p.csv")
    truth = np.array([names.index(row["label"]) for row in rows])
    ours = np.array([names.index(row["predicted"]) for row in rows])
    confusion = [line.split()[-classes:] for line in told.splitlines() if re.match(r"  c\d ", line)]
    check(f"{case}: confusion of eval",
          np.array_equal(np.array(confusion, int), confusion_matrix(truth, ours)))
    if classes == 2 and calibrate:
        run("eval", f"{folder}/plain.onnx", "--config", f"{folder}/plain.ini", "--test", f"{folder}/known2.csv",
            "--predictions", f"{folder}/plain-p.csv", "--quiet")
        before = table(f"{folder}/plain-p.csv")[2]
        wanted = f"Brier {brier_score_loss(truth, p[:, 1]):.4f} ({brier_score_loss(truth, before[:, 1]):.4f} before)"
        check(f"{case}: {wanted}", wanted in told)


with tempfile.TemporaryDirectory() as work:
    for k in (2, 3):
        write_data(f"{work}/train{k}.csv", 240, k, 1)
        write_data(f"{work}/known{k}.csv", 90, k, 2)
        write_data(f"{work}/new{k}.csv", 90, k, 3, labels=False)
    folds, validation = "folds = 3", "validation = 0.4"
    check_case(work, 2, folds, "", "youden", 1)
    check_case(work, 2, validation, "", "sensitivity 0.9", 1)
    check_case(work, 2, folds, "", "specificity 0.9", 0)
    check_case(work, 2, folds, "", "cost 3", 1)
    check_case(work, 2, folds, "", "cost 0.001", 1)
    check_case(work, 2, validation, "", "0.3", 0)
    check_case(work, 2, validation, "temperature", "", 1)
    check_case(work, 2, folds, "isotonic", "youden", 1)
    check_case(work, 2, folds, "isotonic", "sensitivity 0.8", 0)
    check_case(work, 2, folds, "temperature", "specificity 0.8", 1)
    check_case(work, 3, folds, "temperature", "", 2)
    check_case(work, 3, validation, "temperature", "sensitivity 0.9", 1)
    check_case(work, 3, folds, "", "youden", 2)
sys.exit(1 if failures else 0)
