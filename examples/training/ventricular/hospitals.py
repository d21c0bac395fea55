#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""hospitals.py RNNPACK FOLDER [SEEDS]: federated against pooled and alone, by records in five hospitals.

Trains every model below with the seeds 1, 2, ... (3) on the records of train.csv, whose columns random and burden say
which hospital a record is dealt to, and predicts the records of test.csv, which are of no hospital. rnnpack compare
says how each common model differs from the pooled one and from FedAvg. Then areas, sensitivity and positive predictive
value are averaged over the seeds, and for models alone over the hospitals, with intervals of 95 % from 1,000 draws of
the test records that are the same for all models. Tables of predictions go to FOLDER; what is there stays."""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
DEALS = "random", "burden"
DRAWS = 1000
METRICS = "ROC AUC", "sensitivity", "PPV"

# name: keys of [federate], and options. Pooled has the epochs of config.ini; alone20 has as many steps in a hospital
# as four rounds of five epochs.
MODELS: dict[str, tuple[dict, list[str]]] = {
    "pooled": ({"rounds": 4}, ["--pooled"]),
    "alone": ({"rounds": 4}, ["--alone"]),
    "alone20": ({"rounds": 20}, ["--alone"]),
    "fedavg16": ({"rounds": 16}, []),
    "fedavg4x5": ({"rounds": 4, "local_epochs": 5}, []),
    "fedprox4x5": ({"rounds": 4, "local_epochs": 5, "proximal": 0.1}, []),
    "fedprox4x5weak": ({"rounds": 4, "local_epochs": 5, "proximal": 0.01}, []),
}
PAIRS = [(name, "pooled") for name in MODELS if name.startswith("fed")] + [
    (name, "fedavg4x5") for name in ("fedavg16", "fedprox4x5", "fedprox4x5weak")]


def table(folder: Path, name: str, deal: str, seed: int) -> Path:
    """All data of one hospital are the same whatever the deal was."""
    return folder / f"{name}-{'random' if name == 'pooled' else deal}-{seed}.csv"


def predict(program: str, folder: Path, name: str, deal: str, seed: int) -> None:
    keys, options = MODELS[name]
    path = table(folder, name, deal, seed)
    if path.exists():
        return
    lines = (HERE / "config.ini").read_text().split("[federate]")[0]
    config = path.with_suffix(".ini")
    config.write_text(lines + "[federate]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items()))
    subprocess.run([program, "federate", "simulate", config, "--data", HERE / "train.csv", "--test", HERE / "test.csv",
                    "--site-column", deal, "--seed", str(seed), "--quiet", "--bootstrap", "0", "--predictions", path,
                    *options], check=True, stdout=subprocess.DEVNULL)


class Draws:
    """How often each record is drawn; the first draw has each once."""

    def __init__(self, path: Path):
        with open(path, newline="") as file:
            rows = list(csv.DictReader(file))
        self.ids = [row["id"] for row in rows]
        names, self.record = np.unique([row["group"] for row in rows], return_inverse=True)
        random_numbers = np.random.Generator(np.random.Philox(1))
        self.counts = np.array([np.ones(len(names))] + [
            np.bincount(random_numbers.integers(0, len(names), len(names)), minlength=len(names))
            for _ in range(DRAWS)])

    def measure(self, rows: list[dict]) -> np.ndarray:
        """[draws][metrics] of one model."""
        assert [row["id"] for row in rows] == self.ids
        p = np.array([float(row["p_ventricular"]) for row in rows])
        truth = np.array([row["label"] == "ventricular" for row in rows])
        called = np.array([row["predicted"] == "ventricular" for row in rows])
        per_record = [np.bincount(self.record, x, self.counts.shape[1]) for x in (truth, called, truth & called)]
        cases, calls, hits = (self.counts @ x for x in per_record)
        one, zero = ([np.sort(p[(self.record == r) & x]) for r in range(self.counts.shape[1])] for x in (truth, ~truth))
        won = np.array([[np.sum(np.searchsorted(b, a) + np.searchsorted(b, a, "right")) / 2 for b in zero]
                        for a in one])  # pairs of a ventricular beat of a record and another of a record, ties half
        pairs = np.outer([len(a) for a in one], [len(b) for b in zero])
        areas, all_pairs = (np.einsum("da,ab,db->d", self.counts, x, self.counts) for x in (won, pairs))
        with np.errstate(invalid="ignore"):  # without calls there is no predictive value
            return np.stack([areas / all_pairs, hits / cases, hits / calls], 1)


def models_of(path: Path) -> list[list[dict]]:
    """The rows of each model in the table: one, or that of each hospital."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    return [[row for row in rows if row["fold"] == fold] for fold in sorted({row["fold"] for row in rows})]


def text(x: np.ndarray, sign: str = "") -> str:
    low, high = np.nanquantile(x[1:], (0.025, 0.975))
    return f"{x[0]:{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})"


def report(folder: Path, seeds: range) -> None:
    draws = Draws(table(folder, "pooled", "random", 1))
    for deal in DEALS:
        of: dict[str, np.ndarray] = {}
        for name in MODELS:
            found = np.array([[draws.measure(rows) for rows in models_of(table(folder, name, deal, seed))]
                              for seed in seeds])  # [seeds][hospitals][draws][metrics]
            of[name] = np.nanmean(found, (0, 1))
            print(f"{deal} {name}: areas of the seeds", " ".join(f"{x:.3f}" for x in found[:, :, 0, 0].mean(1)),
                  "of the hospitals" if found.shape[1] > 1 else "",
                  " ".join(f"{x:.3f}" for x in found[:, :, 0, 0].mean(0) if found.shape[1] > 1), flush=True)
        for k, metric in enumerate(METRICS):
            for name, x in of.items():
                minus = "   ".join(f"minus {other} {text(x[:, k] - of[other][:, k], '+')}"
                                   for other in ("pooled", "alone20") if name != other)
                print(f"{deal:7} {metric:12} {name:15} {text(x[:, k])}   {minus}")


def main() -> None:
    program, folder, seeds = sys.argv[1], Path(sys.argv[2]), range(1, int((sys.argv[3:] or ["3"])[0]) + 1)
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        for deal in DEALS:
            for name in MODELS:
                predict(program, folder, name, deal, seed)
        for deal in DEALS:
            for a, b in PAIRS:
                print(f"== seed {seed}, {deal}: {a} (A) and {b} (B)", flush=True)
                subprocess.run([program, "compare", table(folder, a, deal, seed), table(folder, b, deal, seed),
                                "--quiet"], check=True)
    report(folder, seeds)


main()
