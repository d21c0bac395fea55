#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""data.py PBCSEQ.csv FOLDER: samples from the Mayo Clinic's PBC visits (pbcseq of R's package survival).

A sample is what was known at one visit: that visit and all before it, never one after. Its outcome is death or transplant
within 3 years of it; visits after which a patient was followed for less without either are left out. Also fits a logistic
regression to the last visit of the same samples, in five folds by patient, as the baseline."""

import csv
import sys
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

YEARS = 3
NUMBERS = ["ascites", "hepato", "spiders", "edema", "bili", "chol", "albumin", "alk.phos", "ast", "platelet", "protime", "stage"]
SKEWED = {"bili", "chol", "alk.phos", "ast", "protime"}  # on a log scale


def number(row: dict, name: str) -> float:
    text = row[name]
    if text in ("", "NA"):
        return np.nan
    return float(np.log(float(text))) if name in SKEWED else float(text)


def visit(row: dict) -> list[float]:
    day = float(row["day"])
    fixed = [float(row["age"]) + day / 365.25, float(row["sex"] == "f")]
    return [day / 365.25, *fixed, *(number(row, name) for name in NUMBERS)]


def samples(rows: list[dict]) -> list[tuple[str, int, list[list[float]]]]:
    """(patient, outcome, visits so far) of every visit whose outcome is known."""
    found, patients = [], {}
    for row in rows:
        patients.setdefault(row["id"], []).append(row)
    for patient, visits in patients.items():
        for k, row in enumerate(visits):
            left = (float(row["futime"]) - float(row["day"])) / 365.25
            event = row["status"] != "0" and left <= YEARS
            if event or left >= YEARS:
                found.append((patient, int(event), [visit(r) for r in visits[: k + 1]]))
    return found


def auc(score: np.ndarray, truth: np.ndarray) -> float:
    order = np.concatenate([score[truth == 1], score[truth == 0]])
    ranks = np.empty(len(order))
    ranks[np.argsort(order)] = np.arange(1, len(order) + 1)
    n1, n0 = (truth == 1).sum(), (truth == 0).sum()
    return float((ranks[:n1].sum() - n1 * (n1 + 1) / 2) / (n1 * n0))


def logistic(found: list, folds: int = 5) -> float:
    """Out-of-fold AUC of a ridge-penalised logistic regression on the last visit, missing values at their mean."""
    x = np.array([visits[-1] for _, _, visits in found])
    y = np.array([outcome for _, outcome, _ in found])
    patients = sorted({patient for patient, _, _ in found}, key=int)
    fold = {patient: i % folds for i, patient in enumerate(patients)}
    of = np.array([fold[patient] for patient, _, _ in found])
    score = np.empty(len(y))
    for k in range(folds):
        kept = of != k
        mean, sd = np.nanmean(x[kept], 0), np.nanstd(x[kept], 0)
        z = np.nan_to_num((x - mean) / sd)
        z = np.column_stack([z, np.ones(len(z))])

        def loss(w: np.ndarray) -> float:
            m = z[kept] @ w
            return float(np.sum(np.logaddexp(0, m) - y[kept] * m) + 0.5 * np.sum(w[:-1] ** 2))

        score[~kept] = z[~kept] @ minimize(loss, np.zeros(z.shape[1]), method="BFGS").x
    return auc(score, y)


def main() -> None:
    with open(sys.argv[1], newline="") as file:
        found = samples(list(csv.DictReader(file)))
    folder = Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "visits.csv", "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["sample", "patient", "outcome", "year", "age", "female", *NUMBERS])
        for i, (patient, outcome, visits) in enumerate(found):
            for row in visits:
                out.writerow([i, patient, outcome, *("" if np.isnan(v) else f"{v:.6g}" for v in row)])
    events = sum(outcome for _, outcome, _ in found)
    print(f"{len(found)} samples of {len({p for p, _, _ in found})} patients, {events} with the outcome")
    print(f"logistic regression on the last visit: ROC AUC {logistic(found):.4f}")


main()
