# SPDX-License-Identifier: Apache-2.0
"""report.py PROGRAM: pages, subgroups and learning curves of rnnpack train and eval. Pages are whole, safe and the
same for any number of threads, and subgroups and curves hold the numbers that other files and scikit-learn give.

Exit status 77 without scikit-learn, 1 for a difference."""
import csv
import html.parser
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

failures = 0


def check(what, holds):
    global failures
    failures += not holds
    print(f"{'ok' if holds else 'FAILED'}: {what}")


def run(program, *arguments, code=0):
    done = subprocess.run([program, *arguments], capture_output=True, text=True)
    if done.returncode != code:
        sys.exit(f"rnnpack {' '.join(arguments)} exited with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout if code == 0 else done.stderr


class Page(html.parser.HTMLParser):
    """Whether all tags are closed in order, and what there is of them."""

    VOID = {"meta"}

    def __init__(self, path):
        super().__init__()
        self.open, self.seen, self.headings, self.wrong, self.links, self.text = [], {}, [], [], [], []
        with open(path) as f:
            self.source = f.read()
        self.feed(self.source)
        self.close()
        self.wrong += self.open

    def handle_starttag(self, tag, attributes):
        self.seen[tag] = self.seen.get(tag, 0) + 1
        self.links += [value for name, value in attributes if name in ("src", "href", "xlink:href", "action", "data")]
        self.wrong += [name for name, _ in attributes if name.startswith("on")]
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "h2":
            self.headings.append("")

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        self.text.append(data)
        if self.open and self.open[-1] == "h2":
            self.headings[-1] += data


def write_data(path, classes, nasty="", patients=60):
    """Visits of patients of three wards; ages; gaps."""
    draw = np.random.default_rng(7)
    with open(path, "w", newline="") as f:
        out = csv.writer(f)
        out.writerow(["visit", "patient", "outcome", "ward" + nasty, "age", "x", "y" + nasty])
        for patient in range(patients):
            own, age = draw.normal(), draw.integers(20, 90)
            ward = "" if patient % 7 == 3 else "ABC"[patient % 3] + nasty
            for visit in range(draw.integers(1, 4)):
                outcome = int(np.clip(np.floor(classes * (0.5 + 0.3 * own + 0.2 * draw.normal())), 0, classes - 1))
                for _ in range(draw.integers(3, 7)):
                    x = draw.normal(outcome * 0.4, 1, 2)
                    first = "" if draw.random() < 0.1 else f"{x[0]:.4f}"
                    out.writerow([f"{patient}.{visit}", f"P{patient}", f"c{outcome}{nasty}", ward, age, first,
                                  f"{x[1]:.4f}"])


def write_config(name, classes, train, nasty="", data="data.csv", target="label"):
    layers = f"gru 4\n    dense {classes} softmax" if target == "label" else "gru 4 sequences\n    dense 2"
    loss = "" if target == "label" else "loss = mse\n"
    with open(name, "w") as f:
        f.write(f"; <not a tag>\n[data]\nformat = csv\ntrain = {data}\nid = visit\ngroup = patient\nlabel = outcome\n"
                f"target = {target}\nfeatures = x, y{nasty}\nmissing = carry\n[model]\nlayers =\n    {layers}\n"
                f"[train]\nepochs = 4\nrate = 0.02\n{loss}{train}\n")


def check_page(case, path, headings, pictures):
    page = Page(path)
    check(f"{case}: tags are closed {page.wrong[:3]}", not page.wrong)
    check(f"{case}: nothing from elsewhere, nothing that runs",
          not page.links and not {"script", "iframe", "link", "img", "object"} & set(page.seen) and
          not re.search(r"https?:|url\(|@import", page.source))
    check(f"{case}: sections {page.headings}", page.headings == headings)
    check(f"{case}: {page.seen.get('svg', 0)} pictures", page.seen.get("svg", 0) == pictures)
    check(f"{case}: no number is missing", "nan" not in page.source and "inf," not in page.source)
    check(f"{case}: light, dark and print",
          "prefers-color-scheme: dark" in page.source and "@media print" in page.source)
    return page


TWO = ["Metrics", "Ranking", "Calibration", "Thresholds"]
END = ["Learning curves", "Data", "Configuration", "What the intervals say"]


def check_two_classes(program):
    nasty = "<b>&'"
    write_data("data.csv", 2, nasty)
    write_config("config.ini", 2, "folds = 3", nasty)
    options = ["train", "config.ini", "--subgroups", "ward" + nasty, "--bootstrap", "50", "--quiet"]
    said = run(program, *options, "--report", "two.html", "--curves", "c.csv", "--predictions", "p.csv")
    page = check_page("two classes", "two.html", [*TWO, "Subgroups by ward" + nasty, "Folds", *END], 7)
    check("names are no markup", nasty not in page.source and f"c1{nasty}" in "".join(page.text))
    for k in ("accuracy", "sensitivity", "specificity", "PPV", "ROC AUC"):
        value = re.search(rf"^  {k} +([0-9.]+)", said, re.M)[1]
        check(f"the page has the {k} of the text, {value}", f">{value}<" in page.source)
    run(program, *options, "--report", "again.html", "--threads", "2", "--isa", "generic")
    with open("again.html") as f:
        check("other threads and instructions, the same page", f.read() == page.source)
    check_subgroups(said, "p.csv", nasty)
    check_curves(program, "c.csv")
    for hidden in ("127.0.0.1", os.uname().nodename, os.getcwd()):
        check(f"the page does not name {hidden}", hidden not in page.source or len(hidden) < 4)


def check_subgroups(said, predictions, nasty):
    """Numbers of each ward, of the rows that the table of predictions has."""
    ward = {}
    with open("data.csv", newline="") as f:
        for row in csv.DictReader(f):
            ward[row["visit"]] = row["ward" + nasty] or "(missing)"
    with open(predictions, newline="") as f:
        rows = list(csv.DictReader(f))
    text = said[said.index("  by ward"):]
    for name in sorted(set(ward.values())):
        mine = [r for r in rows if ward[r["id"]] == name]
        truth = np.array([r["label"].startswith("c1") for r in mine])
        p = np.array([float(r["p_c1" + nasty]) for r in mine])
        groups = len({r["group"] for r in mine})
        both = min(len({r["group"] for r, t in zip(mine, truth) if t == k}) for k in (0, 1))
        small = groups < 20 or both < 10
        line = next(one for one in text.splitlines() if one.startswith(f"  {name}"))
        numbers = re.findall(r"(?<![\w.])\d+(?:\.\d+)?", line.replace(name, ""))
        want = [groups, len(mine), truth.sum(), metrics.roc_auc_score(truth, p)]
        check(f"{name}: {want}", np.allclose([float(x) for x in numbers[:4]], want, atol=6e-5))
        check(f"{name}: Brier", f"{metrics.brier_score_loss(truth, p):.4f}" in line)
        check(f"{name}: small is {small}", ("(small)" in line) == small)


def check_curves(program, table):
    with open(table, newline="") as f:
        rows = list(csv.DictReader(f))
    check("curves: three folds of four epochs",
          [r["training"] for r in rows] == [f"fold {k}" for k in (1, 2, 3) for _ in range(4)])
    check("curves: nothing was held out", all(r["held_out_loss"] == "" for r in rows))
    write_config("config.ini", 2, "validation = 0.3\nscore = auc\nseeds = 2", "<b>&'")
    said = run(program, "train", "config.ini", "--curves", "c.json", "--report", "seeds.html")
    run(program, "train", "config.ini", "--curves", "c.csv", "--quiet")
    with open("c.json") as f:
        found = json.load(f)
    with open("c.csv", newline="") as f:
        rows = list(csv.DictReader(f))
    flat = [(f"seed {t['seed']}", e, t["best"]) for t in found["trainings"] for e in t["epochs"]]
    check("curves: JSON and CSV are the same", found["score"] == "auc" and len(flat) == len(rows) == 8 and all(
        r["training"] == name and int(r["epoch"]) == e["epoch"] and float(r["rate"]) == e["rate"] and
        float(r["loss"]) == e["loss"] and float(r["held_out_loss"]) == e["held_out_loss"] and
        float(r["held_out_auc"]) == e["held_out_score"] and int(r["best"]) == (best == e["epoch"])
        for r, (name, e, best) in zip(rows, flat)))
    losses = [float(x) for x in re.findall(r"^epoch +\d+  loss ([0-9.]+)", said, re.M)]
    check("curves: losses are those of the text", np.allclose(losses, [e["loss"] for _, e, _ in flat], atol=6e-6))
    page = check_page("seeds", "seeds.html", [*TWO, *END], 7)
    check("seeds: says that the epoch was chosen by these rows", "a little too good" in page.source)


def check_others(program):
    write_data("data.csv", 3)
    write_config("config.ini", 3, "folds = 2")
    run(program, "train", "config.ini", "-o", "m.onnx", "--report", "three.html", "--quiet", "--bootstrap", "20")
    check_page("three classes", "three.html", ["Metrics", "Ranking", "Folds", *END], 2)
    said = run(program, "eval", "m.onnx", "--config", "config.ini", "--report", "eval.html", "--subgroups", "age",
               "--bootstrap", "0", "--quiet")
    page = check_page("eval", "eval.html", ["Metrics", "Ranking", "Subgroups by age", *END[1:]], 2)
    check("eval: says that the model has seen the data", "which the model has seen" in page.source)
    check("eval: an age is one of four quarters", len(re.findall(r"^  \d+ to ", said, re.M)) == 4)
    check("eval: no draws, no interval", "% intervals" not in said and "standard error" not in page.source)
    write_config("config.ini", 0, "folds = 2", target="next")
    run(program, "train", "config.ini", "--report", "next.html", "--quiet", "--bootstrap", "20")
    page = check_page("numbers", "next.html", ["Metrics", "Errors", "Folds", *END], 2)
    check("numbers: have their error", "mean squared error" in page.source)
    write_config("config.ini", 3, "")
    run(program, "train", "config.ini", "--report", "none.html", "--quiet", "-o", "m.onnx")
    page = check_page("nothing held out", "none.html", END, 1)
    check("nothing held out: says so", "there are no metrics" in page.source)


def check_columns(program):
    """Values and labels in columns: the estimates are those of the table above them, and of scikit-learn."""
    draw = np.random.default_rng(3)
    with open("columns.csv", "w") as f:
        print("visit,patient,hb,ill,x", file=f)
        for i in range(80):
            level = draw.normal()
            hb = "" if i % 9 == 4 else f"{10 + level + 0.3 * draw.normal():.3f}"
            for _ in range(4):
                print(f"{i},P{i // 2},{hb},{int(level > 0.2)},{level + draw.normal():.3f}", file=f)
    for target, names, layer in (("values", "hb", "dense 1"), ("labels", "ill", "dense 1 sigmoid")):
        with open("columns.ini", "w") as f:
            f.write(f"[data]\nformat = csv\ntrain = columns.csv\nid = visit\ngroup = patient\ntarget = {target}\n"
                    f"{target} = {names}\nfeatures = x\nstandardise = yes\n[model]\nlayers =\n    gru 4\n    {layer}\n"
                    "[train]\n"
                    f"loss = {'mse' if target == 'values' else 'binary'}\nepochs = 8\nrate = 0.03\nfolds = 2\n")
        said = run(program, "train", "columns.ini", "--report", "columns.html", "--predictions", "c.csv", "--quiet",
                   "--bootstrap", "50")
        check_page(target, "columns.html", ["Targets", *END], 1)
        with open("c.csv", newline="") as f:
            rows = [r for r in csv.DictReader(f) if r[names]]
        found = {m[1]: [float(x) for x in m.groups()[1:]] for m in
                 re.finditer(rf"^  {names} +([A-Za-z0-9 ]+?) +([0-9.-]+)   ([0-9.-]+) to ([0-9.-]+)$", said, re.M)}
        y = np.array([float(r[names]) for r in rows])
        if target == "values":
            p = np.array([float(r["predicted_" + names]) for r in rows])
            want = {"mean error": np.mean(p - y), "MAE": metrics.mean_absolute_error(y, p),
                    "RMSE": metrics.mean_squared_error(y, p) ** 0.5, "R2": metrics.r2_score(y, p),
                    "Pearson": np.corrcoef(y, p)[0, 1],
                    "concordance": 2 * np.cov(y, p, ddof=0)[0, 1] / (y.var() + p.var() + (y.mean() - p.mean()) ** 2)}
        else:
            p = np.array([float(r["p_" + names]) for r in rows])
            want = {"ROC AUC": metrics.roc_auc_score(y, p), "average precision": metrics.average_precision_score(y, p),
                    "precision": metrics.precision_score(y, p > 0.5), "recall": metrics.recall_score(y, p > 0.5),
                    "F1": metrics.f1_score(y, p > 0.5)}
        check(f"{target}: metrics {sorted(found)}", set(found) == set(want))
        for name, value in want.items():
            at, low, high = found.get(name, [np.nan] * 3)
            check(f"{target}: {name} {value:.4f}, {low} to {high}", abs(at - value) < 6e-5 and low < high and
                  low - 0.05 < value < high + 0.05)
        check(f"{target}: of groups", "50 draws of 40 groups" in said)
        check(f"{target}: means", ("  mean  " in said) == (target == "values") and
              ("  macro  " in said) == ("  micro  " in said) == (target == "labels"))


def check_refused(program):
    write_config("config.ini", 3, "folds = 2")
    cases = [
        (["--subgroups", "wart"], "data.csv:1: there is no column 'wart'"),
        (["--subgroups", "patient"], "column 'patient' has 60 different texts; --subgroups takes at most 50"),
        (["--report", "none/page.html"], "--report: none/page.html cannot be written"),
        (["--report", "config.ini"], "--report: config.ini is read by this command"),
        (["--curves", "data.csv"], "--curves: ./data.csv is read by this command"),
        (["--curves", "c", "--report", "c"], "--report and --curves are one file"),
    ]
    for options, sentence in cases:
        said = run(program, "train", "config.ini", *options, code=1)
        check(f"refused: {sentence}", sentence.replace("./", "") in said.replace("./", ""))
    with open("wide.csv", "w") as f:
        f.write("".join(f"{i % 2},{i},{i + 1}\n" for i in range(20)))
    with open("wide.ini", "w") as f:
        f.write("[data]\ntrain = wide.csv\n[model]\nlayers = gru 2\n    dense 2\n[train]\nepochs = 1\nfolds = 2\n")
    said = run(program, "train", "wide.ini", "--subgroups", "x", code=1)
    check("refused: no table", "--subgroups names a column, which only [data] format = csv has" in said)


def main():
    program = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        check_two_classes(program)
        check_others(program)
        check_columns(program)
        check_refused(program)
    sys.exit(1 if failures else 0)


main()
