#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""hospitals.py RNNPACK VISITS.csv FOLDER [random | age]: federated against pooled and alone, by patients in five sites.

VISITS.csv is what data.py makes. Patients are dealt to five sites, at random or by age at the first visit (the
youngest fifth is site 1, ...), and to five folds. Each fold is predicted by models of the other four; the predictions of
all folds are put together, and rnnpack compare says how they differ, with intervals by patient. As five models alone do
not rank each other's patients, it also prints the area within each site, averaged over the sites, with intervals by
patient from 1,000 draws that are the same for all models."""

import csv
import random
import subprocess
import sys
from pathlib import Path

import numpy as np

SITES = FOLDS = 5
HERE = Path(__file__).parent


def deal(rows: list[dict], how: str) -> tuple[dict, dict]:
    """patient -> site, patient -> fold. Within a site, folds get patients with and without the outcome in turn."""
    age, ever = {}, {}
    for row in rows:
        age.setdefault(row["patient"], float(row["age"]))
        ever[row["patient"]] = max(ever.get(row["patient"], 0), int(row["outcome"]))
    order = sorted(age, key=int)
    random.Random(1).shuffle(order)
    if how == "age":
        order.sort(key=age.get)
    size = -(-len(order) // SITES)
    site = {patient: i // size + 1 if how == "age" else i % SITES + 1 for i, patient in enumerate(order)}
    fold = {}
    for k in range(1, SITES + 1):
        here = sorted((p for p in order if site[p] == k), key=lambda p: ever[p])
        fold |= {patient: i % FOLDS for i, patient in enumerate(here)}
    return site, fold


def write(path: Path, rows: list[dict], columns: list[str]) -> None:
    with open(path, "w", newline="") as file:
        out = csv.DictWriter(file, columns, lineterminator="\n")
        out.writeheader()
        out.writerows(rows)


def configure(folder: Path, name: str, keys: dict) -> Path:
    lines = (HERE / "hospitals.ini").read_text().splitlines()
    path = folder / f"{name}.ini"
    path.write_text("\n".join(line for line in lines if line.split(" = ")[0] not in keys)
                    + "".join(f"\n{key} = {value}" for key, value in keys.items()) + "\n")
    return path


# name: keys of [federate], and options. Pooled has the epochs of config.ini.
MODELS: dict[str, tuple[dict, list[str]]] = {
    "pooled": ({"rounds": 5}, ["--pooled"]),
    "alone": ({"rounds": 5}, ["--alone"]),
    "alone25": ({"rounds": 25}, ["--alone"]),
    "fedavg5": ({"rounds": 5}, []),
    "fedavg15": ({"rounds": 15}, []),
    "fedavg30": ({"rounds": 30}, []),
    "fedavg5x5": ({"rounds": 5, "local_epochs": 5}, []),
    "fedprox5x5": ({"rounds": 5, "local_epochs": 5, "proximal": 0.1}, []),
    "noise1": ({"rounds": 15, "clip": 1, "noise": 1}, []),
}


def predict(program: str, folder: Path, rows: list[dict], fold: dict, name: str) -> None:
    """Writes the predictions of all folds; a table that is there stays."""
    keys, options = MODELS[name]
    table: list[list[str]] = []
    if (folder / f"{name}.csv").exists():
        return
    for k in range(FOLDS):
        write(folder / "train.csv", [row for row in rows if fold[row["patient"]] != k], list(rows[0]))
        write(folder / "test.csv", [row for row in rows if fold[row["patient"]] == k], list(rows[0]))
        subprocess.run([program, "federate", "simulate", configure(folder, name, keys), "--site-column", "site",
                        "--data", folder / "train.csv", "--test", folder / "test.csv", "--seed", str(10 + k),
                        "--quiet", "--bootstrap", "0", "--predictions", folder / "part.csv", *options],
                       check=True, stdout=subprocess.DEVNULL)
        with open(folder / "part.csv", newline="") as file:
            table += list(csv.reader(file))[1 if k else 0:]
    with open(folder / f"{name}.csv", "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(table)


def auc(score: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> float:
    """Hanley and McNeil 1982, ties count half."""
    _, at = np.unique(score, return_inverse=True)
    one, zero = (np.bincount(at, weight * (truth == k)) for k in (1, 0))
    return float(one @ (np.cumsum(zero) - zero / 2) / (one.sum() * zero.sum()))


def within(folder: Path) -> None:
    """Areas within sites, averaged, and minus those of the pooled model."""
    tables = {}
    for name in MODELS:
        with open(folder / f"{name}.csv", newline="") as file:
            rows = sorted(csv.DictReader(file), key=lambda row: row["id"])
        tables[name] = np.array([float(row["p_1"]) for row in rows])
    truth = np.array([int(row["label"]) for row in rows])
    site = np.array([int(row["fold"]) for row in rows])
    patients, patient = np.unique([row["group"] for row in rows], return_inverse=True)
    random_numbers = np.random.Generator(np.random.Philox(1))
    draws = [np.ones(len(patients))]
    draws += [np.bincount(random_numbers.integers(0, len(patients), len(patients)), minlength=len(patients))
              for _ in range(1000)]
    found = {name: np.array([np.mean([auc(p[site == k], truth[site == k], d[patient][site == k])
                                      for k in range(1, SITES + 1)]) for d in draws]) for name, p in tables.items()}
    print("area within sites, averaged; minus pooled")
    for name, areas in found.items():
        low, high = np.quantile(areas[1:], (0.025, 0.975))
        difference = areas - found["pooled"]
        less, more = np.quantile(difference[1:], (0.025, 0.975))
        print(f"{name:12} {areas[0]:.4f} ({low:.4f} to {high:.4f})   "
              f"{difference[0]:+.4f} ({less:+.4f} to {more:+.4f})")


def main() -> None:
    program, visits, folder, how = sys.argv[1], sys.argv[2], Path(sys.argv[3]), (sys.argv[4:] or ["random"])[0]
    folder.mkdir(parents=True, exist_ok=True)
    with open(visits, newline="") as file:
        rows = list(csv.DictReader(file))
    site, fold = deal(rows, how)
    for row in rows:
        row["site"] = site[row["patient"]]
    for name in MODELS:
        predict(program, folder, rows, fold, name)
    pairs = [(name, "pooled") for name in MODELS if name != "pooled"]
    for a, b in [*pairs, ("fedavg15", "alone25"), ("fedprox5x5", "fedavg5x5")]:
        print(f"== {a} (A) and {b} (B)", flush=True)
        subprocess.run([program, "compare", folder / f"{a}.csv", folder / f"{b}.csv", "--quiet"], check=True)
    within(folder)


main()
