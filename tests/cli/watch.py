# SPDX-License-Identifier: Apache-2.0
"""watch.py PROGRAM SOURCE_TREE: rnnpack watch on files, stdin, datagrams and a serial line, against scores and alarms that
are computed here from what rnnpack run gives for the whole signal."""

import http.client
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import time
import tty

try:
    import numpy as np
except ImportError:
    print("skipped: no numpy")
    sys.exit(77)
from recording_writers import random, work, write_wfdb

PROGRAM, TREE = sys.argv[1:3]
FORECASTER = f"{TREE}/examples/ecg/forecaster.onnx"
checks = 0
os.chdir(work)


def run(*arguments, stdin=b"", code=0):
    done = subprocess.run([PROGRAM, *map(str, arguments)], input=stdin, capture_output=True, timeout=120)
    assert done.returncode == code, f"{arguments}: exit {done.returncode}\n{done.stdout.decode()[-800:]}\n{done.stderr.decode()}"
    assert code or not done.stderr, done.stderr
    return done


def lines(text):
    return [json.loads(line) for line in text.decode().splitlines()]


def watch(model, source, *more, stdin=b""):
    return lines(run("watch", model, "--source", source, *more, stdin=stdin).stdout)


def refused(code, sentence, *arguments, stdin=b""):
    """The sentence is in what the call says, and the call prints nothing, or what it found before."""
    global checks
    done = run("watch", *arguments, stdin=stdin, code=code)
    assert sentence in done.stderr.decode(), f"{arguments}: no '{sentence}' in: {done.stderr.decode()}"
    assert not done.stdout or lines(done.stdout)[-1]["cause"] == "fault", done.stdout
    checks += 1


def only(events, *kinds):
    return [e for e in events if e["event"] in kinds]


def same(a, b):
    global checks
    checks += 1
    assert a == b, f"\n{a}\n{b}"


def scores(name="scores.csv"):
    with open(name) as f:
        next(f)
        return [float(line.split(",")[1]) if line.split(",")[1].strip() else None for line in f]


def close(a, b):
    """Scores are written with 9 digits."""
    global checks
    checks += 1
    assert len(a) == len(b), (len(a), len(b))
    for i, (x, y) in enumerate(zip(a, b)):
        assert (x is None) == (y is None) and (x is None or abs(x - y) <= 1e-8 * abs(y)), (i, x, y)


def csv(name, x):
    with open(name, "w") as f:
        for row in np.atleast_2d(x.T).T:
            f.write(",".join("nan" if np.isnan(v) else f"{v:.9g}" for v in row) + "\n")
    return name


# ---- The oracle ----


def forecasts(x):
    np.save("x.npy", x.astype("<f4").reshape(-1, 1, 1))
    run("run", FORECASTER, "--input", "ecg=x.npy", "--output", "forecast=y.npy")
    return np.load("y.npy").reshape(len(x), 8).astype(float)


def errors(x, keep):
    """Smoothed mean squared errors of all forecasts of each sample, None where there is none."""
    y, x, out, smoothed = forecasts(x), x.astype(np.float32).astype(float), [], None
    for t in range(len(x)):
        made = [(y[t - k, k - 1] - x[t]) ** 2 for k in range(1, 9) if t >= k]
        if made:
            error = sum(made) / len(made)
            smoothed = error if smoothed is None else keep * smoothed + (1 - keep) * error
        out.append(smoothed if made else None)
    return out


def alarms(score, on, off, least, refractory, first=0):
    """[onset, told, end, peak] of each; end None: not over."""
    found, quiet, t = [], 0, 0
    while t < len(score):
        if score[t] is None or score[t] < on or t < quiet:
            t += 1
            continue
        onset = t
        while t < len(score) and score[t] is not None and score[t] >= off:
            t += 1
        if t - onset >= max(least, 1):
            peak = max(range(onset, t), key=lambda i: (score[i], -i))
            found.append([first + onset, first + onset + max(least, 1) - 1, first + t if t < len(score) else None, first + peak])
            quiet = t + refractory
    return found


def told(events):
    """The same of what watch says."""
    out = {}
    for e in only(events, "alarm", "alarm_end"):
        if e["event"] == "alarm":
            out[e["alarm"]] = [e["onset_step"], e["step"], None, None]
        else:
            out[e["alarm"]][2:] = [e["step"] if e["cause"] == "score" else None, e["peak_step"]]
    return list(out.values())


def ecg(n, first=0):
    units = np.fromfile(f"{TREE}/examples/ecg/data/record208.i16", "<i2")[2 * first : 2 * (first + n)].astype(float)
    x = (units[0::2] + units[1::2]) / 400
    return np.round(x - np.median(x), 4)


RATE, KEEP = 180, 9 / 10  # --smooth 0.05 is 9 steps
RULES = ["--score", "error", "--smooth", "0.05", "--on", "0.1", "--off", "0.03", "--least", "0.02", "--refractory", "0.2"]
ON = [*RULES, "--rate", RATE]
STEPS = (0.1, 0.03, 4, 36)  # of RULES: 0.02 s are 4 steps
x = ecg(4000)
csv("x.csv", x)

# ---- Files: the same as a run of the whole, at one step or many, as text or bytes ----

expected = errors(x, KEEP)
events = watch(FORECASTER, "x.csv", *ON, "--scores", "scores.csv")
close(scores(), expected)
same(told(events), alarms(expected, *STEPS))
assert len(told(events)) > 15
first, last = events[0], events[-1]
same([first["event"], first["rate"], first["score"], first["on"], first["off"]], ["start", 180, "error", 0.1, 0.03])
same([last[k] for k in ("event", "step", "time", "cause", "steps", "missing", "gaps", "alarms", "alarm_on")],
     ["end", 4000, round(4000 / 180, 6), "end", 4000, 0, 0, len(told(events)), False])
for e in only(events, "alarm_end"):
    assert abs(e["duration"] - (e["step"] - e["onset_step"]) / 180) < 1e-6 and abs(e["time"] - e["step"] / 180) < 1e-6
    assert abs(e["peak"] - expected[e["peak_step"]]) < 1e-5 * e["peak"]
table = open("scores.csv").read()


def again(source, *more, stdin=b""):
    got = watch(FORECASTER, source, *ON, "--scores", "again.csv", *more, stdin=stdin)
    same([e for e in got[1:] if e["event"] not in ("behind", "caught_up")], events[1:])  # this machine may be slow
    same(open("again.csv").read(), table)


x.astype("<f4").tofile("x.f32")
again("x.csv", "--offline")
again("x.f32", "--format", "f32")
again("-", "--format", "f32", stdin=x.astype("<f4").tobytes())
again("-", "--channels", "ecg", stdin=b"time;ecg\r\n" + b"".join(b"%d; %.9g\r\n" % (i, v) for i, v in enumerate(x)))
again("x.csv", "--isa", "generic", "--queue", "1")
again("x.csv", "--speed", "1000x")

# An element of an output, without a rate: steps are told, and no times.
got = watch(FORECASTER, "x.csv", "--output", "forecast:3", "--on", "0.5", "--off", "-0.25", "--scores", "scores.csv")
y = forecasts(x)[:, 3]
close(scores(), list(y))
same(told(got), alarms(list(y), 0.5, -0.25, 0, 0))
assert not any("time" in e for e in got)
same(open("scores.csv").readline(), "step,score\n")

# ---- State: two halves go on as one ----

for name, part in (("a.csv", x[:1717]), ("b.csv", x[1717:])):
    csv(name, part)
halves = []
for name in ("a.csv", "b.csv"):
    halves += watch(FORECASTER, name, *ON, "--state", "state")[1:-1]
same(halves, [e for e in events[1:-1] if e.get("cause") != "end"])
refused(1, "state is the state of another model or of other options", FORECASTER, "--source", "x.csv", "--state", "state")
damaged = bytearray(open("state", "rb").read())
damaged[-9] ^= 1
open("damaged", "wb").write(damaged)
refused(1, "damaged is damaged", FORECASTER, "--source", "x.csv", *ON, "--state", "damaged")
refused(1, "x.f32 is no state of rnnpack watch", FORECASTER, "--source", "x.csv", *ON, "--state", "x.f32")
refused(1, "--state: x.csv is read by this command", FORECASTER, "--source", "x.csv", "--state", "x.csv")

# ---- Gaps ----

# Up to 0.1 s are filled with the last value; more are a gap from there on.
holes = x.copy()
holes[500:518] = np.nan
holes[1000:1019] = np.nan
holes[2000:2600] = np.nan
csv("holes.csv", holes)
filled = holes.copy()
for i in range(1, len(filled)):
    filled[i] = filled[i - 1] if np.isnan(filled[i]) else filled[i]
parts = [(0, 1018), (1019, 2018), (2600, 4000)]  # steps that are taken
got = watch(FORECASTER, "holes.csv", *ON, "--gap-after", "0.1", "--scores", "scores.csv")
close(scores(), [s for a, b in parts for s in errors(filled[a:b], KEEP)])
same([(e["event"], e["step"], e.get("cause"), e.get("missing"), e.get("state")) for e in only(got, "gap", "gap_end")],
     [("gap", 1000, "missing", None, None), ("gap_end", 1019, None, 19, "reset"),
      ("gap", 2000, "missing", None, None), ("gap_end", 2600, None, 600, "reset")])
same(told(got), [a for p, q in parts for a in alarms(errors(filled[p:q], KEEP), *STEPS, first=p)])
same([got[-1][k] for k in ("step", "steps", "missing", "gaps")], [4000, 3417, 637, 2])
offline = watch(FORECASTER, "holes.csv", *ON, "--gap-after", "0.1", "--offline", "--scores", "again.csv")
same(offline[1:], got[1:])
same(open("again.csv").read(), open("scores.csv").read())

# Held: the model does not see the gap.
got = watch(FORECASTER, "holes.csv", *ON, "--gap-after", "0.1", "--gap", "hold", "--scores", "scores.csv")
kept = np.concatenate([filled[a:b] for a, b in parts])
close(scores(), errors(kept, KEEP))
same([e["state"] for e in only(got, "gap_end")], ["held", "held"])
assert only(got, "gap_end")[1]["seconds"] == round(600 / 180, 6)

# An alarm that a gap or the end cuts off.
loud = np.tile([3.0, -3.0], 300)
loud[300:500] = np.nan
csv("loud.csv", loud)
got = watch(FORECASTER, "loud.csv", *ON)
same([e["cause"] for e in only(got, "alarm_end")], ["gap", "end"])
same(only(got, "alarm_end")[0]["step"], 480)  # after a second of filled samples
assert only(watch(FORECASTER, "loud.csv", *ON, "--state", "loud.state"), "end")[0]["alarm_on"]

# ---- Recordings and recipes ----

digital = np.cumsum(random.integers(-40, 41, (4000, 2)), axis=0).clip(-2000, 2000)
digital[700:730, 0] = digital[3000:3400] = -2048  # no value
physical = write_wfdb("r", 212, digital, rate=360, names=["I", "MLII"], units=["mV", "uV"])
(work / "config.ini").write_text("""[data]
format = recordings
train = r.hea
target = next
horizon = 3
window = 100
stride = 100
channels = MLII, I
unit = uV
rate = 45
missing = carry
mask = yes
delta = yes
standardise = yes
[model]
layers =
    gru 4
    dense 6
[train]
epochs = 1
loss = mse
""")
run("train", "config.ini", "-o", "recipe.onnx", "--quiet")
got = watch("recipe.onnx", "r.hea", "--scores", "scores.csv", "--on", "1e-9")
same([got[0][k] for k in ("channels", "rate", "score")], [2, 45, "error"])
same([(e["event"], e["step"]) for e in only(got, "gap", "gap_end")], [("gap", 375), ("gap_end", 425)])
table = open("scores.csv").read()
physical = np.array(physical, dtype=np.float32).reshape(4000, 2)
for k in range(4000):
    for c in range(2):
        if digital[k, c] == -2048:
            physical[k, c] = np.nan
physical[:, 0] *= np.float32(1)
microvolts = [(digital[:, 0] * 1000.0 / 200).astype(np.float32), physical[:, 1]]
microvolts[0][digital[:, 0] == -2048] = np.nan
stream = b"I,MLII\n" + b"".join(b"%.9g,%.9g\n" % (a, b) for a, b in zip(*microvolts))
online = watch("recipe.onnx", "-", "--rate", "360", "--scores", "scores.csv", "--on", "1e-9", stdin=stream)
same(online[1:], got[1:])
same(open("scores.csv").read(), table)
assert abs(online[0]["delay"] - 209 / 360) < 1e-9
got = watch("recipe.onnx", "r.hea", "--scores", "scores.csv", "--on", "1e-9", "--offline")
same(open("scores.csv").read(), table)
refused(2, "--resample: the model says its rate: 45", "recipe.onnx", "--source", "-", "--resample", "90")
refused(2, "--rate: a recording says its rate", "recipe.onnx", "--source", "r.hea", "--rate", "90")
refused(2, "--channels: the model says which channels of a recording it takes", "recipe.onnx", "--source", "r.hea", "--channels", "I")
refused(1, "does not say that it gives classes", "recipe.onnx", "--source", "r.hea", "--score", "probability")
refused(1, "stdin:1: there is no channel 'MLII'", "recipe.onnx", "--source", "-", stdin=b"I,II\n1,2\n")
got = watch(FORECASTER, "r.hea", "--channels", "MLII", "--resample", "180", "--score", "error")
same([got[0]["rate"], got[-1]["step"]], [180, 2000])
refused(1, "r.hea has 2 channels, the model takes 1; --channels says which", FORECASTER, "--source", "r.hea")

# Classes: after each step the probability of what came so far, which predict says of the whole.
rows = ["id,a,b,y"] + [f"{i},{(i * 7 + t) % 5 / 2},{(i % 3) * t % 4},{'lmn'[i % 3]}" for i in range(12) for t in range(9)]
(work / "rows.csv").write_text("\n".join(rows) + "\n")
(work / "config.ini").write_text("[data]\nformat = csv\ntrain = rows.csv\nid = id\nlabel = y\n"
                                 "[model]\nlayers =\n    gru 5\n    dense 3\n[train]\nepochs = 3\n")
run("train", "config.ini", "-o", "classes.onnx", "--quiet")
run("predict", "classes.onnx", "--data", "rows.csv", "-o", "predicted.csv")
head, *predicted = [line.split(",") for line in open("predicted.csv").read().splitlines()]
for i in (0, 5, 11):
    table = "b,a\n" + "".join("{2},{1}\n".format(*row.split(",")) for row in rows if row.startswith(f"{i},"))
    for name in "lmn":
        watch("classes.onnx", "-", "--target", name, "--scores", "scores.csv", stdin=table.encode())
        same(len(scores()), 9)
        close(scores()[-1:], [float(predicted[i][head.index(f"p_{name}")])])
refused(2, "--target says which of the 3 classes is watched", "classes.onnx", "--source", "-")
refused(2, "--target: the model has no class 'k'", "classes.onnx", "--source", "-", "--target", "k")
refused(1, "gives classes and no forecast", "classes.onnx", "--source", "-", "--score", "error")

# Calibrated as predict does, and of the class that it calls positive.
text = ("[data]\nformat = csv\ntrain = two.csv\nid = id\nlabel = y\n[model]\nlayers =\n    gru 5\n    dense 2\n"
        "[train]\nepochs = 3\nvalidation = 0.5\n[predict]\npositive = l\nthreshold = 0.3\n")
two = [row.replace(",n", ",l") for row in rows]
(work / "two.csv").write_text("\n".join(two) + "\n")
for how in ("temperature", "isotonic"):
    (work / "config.ini").write_text(f"{text}calibrate = {how}\n")
    run("train", "config.ini", "-o", "two.onnx", "--quiet")
    run("predict", "two.onnx", "--data", "two.csv", "-o", "predicted.csv")
    head, *predicted = [line.split(",") for line in open("predicted.csv").read().splitlines()]
    for i in (0, 4):
        table = "b,a\n" + "".join("{2},{1}\n".format(*row.split(",")) for row in rows if row.startswith(f"{i},"))
        watch("two.onnx", "-", "--scores", "scores.csv", stdin=table.encode())
        close(scores()[-1:], [float(predicted[i][head.index("p_l")])])

# Windows, of a model that reads them in both directions: what predict says of each.
(work / "config.ini").write_text("[data]\nformat = csv\ntrain = two.csv\nid = id\nlabel = y\nwindow = 4\nstride = 2\n"
                                 "[model]\nlayers =\n    gru 5 bidirectional\n    dense 1 sigmoid\n"
                                 "[train]\nloss = binary\nepochs = 3\n")
run("train", "config.ini", "-o", "windows.onnx", "--quiet")
run("predict", "windows.onnx", "--data", "two.csv", "-o", "predicted.csv")
head, *predicted = [line.split(",") for line in open("predicted.csv").read().splitlines()]
for i in (0, 4):
    samples = ["{2},{1}\n".format(*row.split(",")) for row in rows if row.startswith(f"{i},")]
    p = [float(row[head.index("p_m")]) for row in predicted if row[0] == str(i)]
    same(len(p), 3)  # steps 3, 5 and 7 of 9
    got = watch("windows.onnx", "-", "--every", "2", "--scores", "scores.csv", "--on", "0", stdin="".join(["b,a\n", *samples]).encode())
    close(scores(), p)
    same([line.split(",")[0] for line in open("scores.csv").readlines()[1:]], ["3", "5", "7"])
    same([got[1]["step"], got[-1]["steps"]], [3, 9])
    (work / "w.state").unlink(missing_ok=True)
    both = []
    for part in (samples[:4], samples[4:]):
        watch("windows.onnx", "-", "--every", "2", "--scores", "scores.csv", "--state", "w.state",
              stdin="".join(["b,a\n", *part]).encode())
        both += scores()
    close(both, p)
refused(1, "runs backwards in time", "windows.onnx", "--source", "-")
refused(2, "--window is for --every", "windows.onnx", "--source", "-", "--window", "4")
refused(2, "--every needs --window", FORECASTER, "--source", "-", "--every", "4")
refused(2, "--every takes a probability or an output, and no error", FORECASTER, "--source", "-", "--every", "4", "--window", "4", "--score", "error")
refused(2, "--carry is for streams, and --every for windows", FORECASTER, "--source", "-", "--every", "4", "--carry", "a=b")
refused(2, "--output: the model has no output 'z'", FORECASTER, "--source", "-", "--every", "4", "--window", "4", "--output", "z")

# ---- What is wrong is said ----

BIDIRECTIONAL = f"{TREE}/tests/data/onnx/torch/bidirectional_gru.onnx"
refused(1, "runs backwards in time, so it needs the whole sequence", BIDIRECTIONAL, "--source", "-")
refused(2, "--source FILE is missing", FORECASTER)
refused(1, "none.csv: No such file", FORECASTER, "--source", "none.csv")
refused(2, "--speed is real, full or a factor such as 4x, not 'fast'", FORECASTER, "--source", "x.csv", "--speed", "fast")
refused(2, "--speed is for files and recordings; - has its own", FORECASTER, "--source", "-", "--speed", "real")
refused(2, "--speed needs to know how many samples a second has", FORECASTER, "--source", "x.csv", "--speed", "4x")
refused(2, "--smooth needs to know how many samples a second has", FORECASTER, "--source", "x.csv", "--smooth", "1")
refused(2, "--format is csv or f32, not 'raw'", FORECASTER, "--source", "-", "--format", "raw")
refused(2, "--format is for files and stdin", FORECASTER, "--source", "udp://127.0.0.1:0", "--format", "f32")
refused(2, "--offline is for files and recordings", FORECASTER, "--source", "-", "--offline")
refused(2, "--score is output, probability or error, not 'loss'", FORECASTER, "--source", "-", "--score", "loss")
refused(2, "--output: the model has no output 'y'", FORECASTER, "--source", "-", "--output", "y")
refused(2, "--output: there is no element 8; the output has 8", FORECASTER, "--source", "-", "--output", "forecast:8")
refused(2, "--output forecast is for --score output", FORECASTER, "--source", "-", "--output", "forecast", "--score", "error")
refused(2, "--target a is for --score probability", FORECASTER, "--source", "-", "--target", "a")
refused(2, "--off is for alarms; --on says when one begins", FORECASTER, "--source", "-", "--off", "1")
refused(2, "--off 2 is above --on 1", FORECASTER, "--source", "-", "--on", "1", "--off", "2")
refused(2, "--gap is reset or hold, not 'stop'", FORECASTER, "--source", "-", "--gap", "stop")
refused(2, "--rate needs a number above 0", FORECASTER, "--source", "-", "--rate", "0")
refused(2, "--channels has 2 names, the model takes 1 channels", FORECASTER, "--source", "-", "--channels", "a,b")
refused(1, "the two rates are not to each other as small whole numbers",
        FORECASTER, "--source", "-", "--rate", "999.999999937", "--resample", "100.0000007")
refused(1, "stdin:3: 'x' is not a number", FORECASTER, "--source", "-", stdin=b"1\n2\nx\n3\n")
refused(1, "stdin:2: more numbers; 1 are expected", FORECASTER, "--source", "-", stdin=b"1\n2,3\n")
refused(1, "stdin:1: the line is longer than 65535 bytes", FORECASTER, "--source", "-", stdin=b"1" * 70000)
refused(1, "stdin: it ends in the middle of a sample", FORECASTER, "--source", "-", "--format", "f32", stdin=b"12345")
refused(1, "/dev/null: is not a serial line", FORECASTER, "--source", "serial:/dev/null")
refused(1, "none: No such file", FORECASTER, "--source", f"serial:{work}/none")
refused(2, "12345 is no speed of serial lines", FORECASTER, "--source", "serial:/dev/null:12345")
refused(2, "--source serial: needs a device", FORECASTER, "--source", "serial::9600")
for wrong in ("127.0.0.1", "localhost:9000", "127.0.0.1:65536", "127.0.0.256:1", "127.0.0.1:"):
    refused(2, "--source udp:// needs an address and a port", FORECASTER, "--source", f"udp://{wrong}")
refused(1, "--scores: none/scores.csv cannot be written", FORECASTER, "--source", "x.csv", "--scores", "none/scores.csv")
refused(2, "--on needs a number from -1000000 to 1000000, not '-'", FORECASTER, "--source", "x.csv", "--on=-")

# ---- Speed ----

begun = time.monotonic()
watch(FORECASTER, csv("short.csv", x[:91]), "--rate", "180", "--speed", "real")
assert 0.5 <= time.monotonic() - begun < 60
checks += 1

# ---- What goes on until it is told to stop ----


class Live:
    """A program that runs, and its lines as they come."""

    def __init__(self, *arguments, stdin=subprocess.DEVNULL):
        self.process = subprocess.Popen([PROGRAM, "watch", *map(str, arguments)], stdin=stdin, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self.events, self.text = [], b""
        self.until("start")

    def until(self, kind, count=1, seconds=60):
        """Waits until there are so many lines of a kind. Returns the last of them."""
        end = time.monotonic() + seconds
        while len(only(self.events, kind)) < count:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
            assert ready, f"no {kind}: {self.events}"
            more = os.read(self.process.stdout.fileno(), 65536)
            assert more, f"it ended without {kind}: {self.events} {self.process.stderr.read()}"
            self.text += more
            *whole, self.text = self.text.split(b"\n")
            self.events += [json.loads(line) for line in whole]
        return only(self.events, kind)[count - 1]

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        rest, fault = self.process.communicate(timeout=60)
        self.events += lines(self.text + rest)
        assert self.process.returncode == 0 and not fault, (self.process.returncode, fault)
        same(self.events[-1]["cause"], number.name)
        return self.events[-1]


def udp(*more):
    live = Live(FORECASTER, "--source", "udp://127.0.0.1:0", *more)
    port = int(re.fullmatch(r"udp://127\.0\.0\.1:(\d+)", live.events[0]["source"])[1])
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    return live, lambda data: sender.sendto(data, ("127.0.0.1", port))


def datagram(number, samples, channels=1):
    return b"RNPS" + struct.pack("<IHH", number % 2**32, len(samples), channels) + np.asarray(samples, "<f4").tobytes()


def wait_steps(live, steps, count):
    """Until so many steps were taken, as SIGUSR1 tells."""
    for _ in range(600):
        live.process.send_signal(signal.SIGUSR1)
        if live.until("latency", count)["step"] >= steps:
            return count + 1
        count += 1
        time.sleep(0.02)
    raise AssertionError(f"not {steps} steps: {live.events[-1]}")


# Numbers begin anywhere and pass 2^32; what is lost is filled or a gap, what is late is left out.
FIRST = 2**32 - 100
live, send = udp("--score", "error", "--rate", "18", "--smooth", "0.5", "--gap-after", "1", "--scores", "scores.csv")
for begin in range(0, 400, 10):
    if begin not in (200, 300, 310):
        send(datagram(FIRST + begin, x[begin : begin + 10]))
send(datagram(FIRST + 200, x[200:210]))
send(datagram(FIRST + 400, x[400:410], 2))  # other channels than its size says
send(b"RNPS")
send(datagram(FIRST + 400, x[400:410]))
told_latency = wait_steps(live, 410, 1)
end = live.stop()
lost = x[:410].copy()
for a, b in ((200, 210), (300, 318)):
    lost[a:b] = lost[a - 1]
close(scores(), errors(lost[:318], KEEP) + errors(lost[320:], KEEP))
same([end[k] for k in ("step", "steps", "missing", "dropped", "garbled", "late")], [410, 408, 30, 0, 2, 1])
same([(e["event"], e["step"], e.get("cause"), e.get("missing")) for e in only(live.events, "gap", "gap_end")][:2],
     [("gap", 300, "lost", None), ("gap_end", 320, None, 20)])
latency = live.until("latency", told_latency - 1)
same([latency["steps"], sum(n for _, n in latency["buckets_us"])], [408, 408])
assert 0 < latency["p50_us"] <= latency["p99_us"] <= latency["p999_us"] <= latency["max_us"]

# A sender that begins anew; and silence, told when it begins, which the numbers then count.
live, send = udp("--rate", "1000", "--gap-after", "1")
send(datagram(5000, x[:10]))
for k in range(3):
    send(datagram(10 * k, x[:10]))
same(live.until("source")["state"], "restarted")
same(live.until("gap")["cause"], "silence")
send(datagram(30, x[:10]))
same([live.until("gap_end")[k] for k in ("missing", "state")], [0, "held"])
same(live.until("gap", 2)["cause"], "silence")
send(datagram(1540, x[:10]))
same([live.until("gap_end", 2)[k] for k in ("missing", "state")], [1500, "reset"])
wait_steps(live, 1540, 1)
same(live.stop(signal.SIGINT)["step"], 10 + 10 + 10 + 1510)

# Text, without numbers: what is garbled is missing, and silence is counted by the clock.
live, send = udp("--rate", "100", "--gap-after", "0.2", "--stats")
send(b"1\n2\nx\n3\n")
live.until("gap")
send(b"4")
gap = live.until("gap_end")
assert gap["state"] == "reset" and 19 <= gap["missing"] < 6000, gap
end = live.stop()
same([end["garbled"], end["steps"], end["step"]], [1, 5 + min(20, gap["missing"]), 5 + gap["missing"]])
same(live.events[-2]["event"], "latency")

# Without a rate nobody counts them: the state is reset all the same.
live, send = udp("--gap", "reset")
send(b"1\n2\n")
live.until("gap")
send(b"3\n")
same([live.until("gap_end")[k] for k in ("step", "missing", "state")], [2, 0, "reset"])
live.stop()

# ---- A serial line, which is drawn and comes back ----


def line():
    master, slave = pty.openpty()
    tty.setraw(slave)
    if os.path.lexists("line"):
        os.remove("line")
    os.symlink(os.ttyname(slave), "line")
    return master, slave


master, slave = line()
live = Live(FORECASTER, "--source", f"serial:{work}/line:9600", "--rate", "100", "--gap-after", "5", "--scores", "scores.csv")
os.write(master, b"99\n1 \n2\r\nnonsense\n\n3\n")  # the first may be the end of a line
count = wait_steps(live, 4, 1)
os.close(slave)
os.close(master)
os.remove("line")
assert live.until("source")["state"] == "closed"
master, slave = line()
same(live.until("source", 2), {"event": "source", "step": 4, "time": 0.04, "state": "opened"})
os.write(master, b"99\n4\n")
wait_steps(live, 5, count)
end = live.stop()
same([end["garbled"], end["steps"], end["missing"]], [1, 5, 1])
os.close(slave)
os.close(master)
taken = [float(v) for v in forecasts(np.array([1.0, 2, 2, 3, 4]))[:, 0]]
close(scores(), taken)

# ---- The page ----


def ask(port, path="/", method="GET", **heads):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    c.request(method, path, headers=heads)
    r = c.getresponse()
    return r.status, r.read(), r.headers


if b"without libmicrohttpd" in subprocess.run([PROGRAM, "watch", FORECASTER, "--source", "x.csv", "--http", "0"],
                                              capture_output=True).stderr:
    refused(1, "--http: this rnnpack was built without libmicrohttpd, so it has no page", FORECASTER, "--source", "x.csv",
            "--http", "0")
    print("without the page")
else:
    live = Live(FORECASTER, "--source", "-", *ON, "--http", "0", "--channels", "MLII", "--gap-after", "0.1", stdin=subprocess.PIPE)
    live.process.stdin.write(b"".join(open("holes.csv", "rb").readlines()[:2605]))  # and it stays open
    live.process.stdin.flush()
    page = live.events[0]["page"]
    port = int(re.fullmatch(r"http://127\.0\.0\.1:(\d+)/", page)[1])
    status, body, heads = ask(port)
    same([status, body], [200, open(f"{TREE}/src/cli/watch/page.html", "rb").read()])
    assert "default-src 'none'" in heads["Content-Security-Policy"] and not heads["Access-Control-Allow-Origin"]
    live.until("gap_end")
    for _ in range(600):  # the numbers come some time after the events
        data = json.loads(ask(port, "/data?from=0&event=0")[1])
        if data["step"] == 2605:
            break
        time.sleep(0.05)
    same(data["channels"], ["MLII"])
    same(data["events"][:9], live.events[:9])  # the start among them
    assert data["step"] == 2605 and data["gaps"] >= 2 and data["latency"]["p50_us"] > 0, (data["step"], data["latency"])
    same([data["buckets"][0][0], data["buckets"][-1][0]], [0, 2604])
    for step, score, low, high in data["buckets"]:
        assert abs(low - filled[step]) < 1e-5 and low == high
        assert step >= 500 or (score is None) == (step == 0) and (not step or abs(score - expected[step]) < 1e-4), step
    more = json.loads(ask(port, f"/data?from={data['next']}&event={data['next_event']}")[1])
    assert more["next"] >= data["next"] and all(b[0] > data["buckets"][-1][0] for b in more["buckets"])
    same(json.loads(ask(port, "/data?from=99999999999999999999&event=x")[1])["buckets"], [])
    same(ask(port, "/", "HEAD")[:2], (200, b""))
    same(ask(port, Host="localhost")[0], 200)
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", "localhost:x", ""):
        same(ask(port, "/data", Host=host)[:2], (403, b"this page is for 127.0.0.1 and localhost\n"))
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        same(ask(port, "/data", method)[:2], (405, b"this page is to look at\n"))
    same(ask(port, "/../watch")[:2], (404, b"there is / and /data\n"))
    if os.path.exists("/proc/net/tcp"):
        listening = [line.split()[1] for line in open("/proc/net/tcp") if line.split()[3] == "0A"]
        same([a for a in listening if a.endswith(f":{port:04X}")], [f"0100007F:{port:04X}"])
    refused(1, f"--http {port}: Address already in use", FORECASTER, "--source", "x.csv", "--http", str(port))
    live.stop()
    refused(2, "--http needs a port up to 65535, not 65536", FORECASTER, "--source", "x.csv", "--http", "65536")

# ---- Stdin that stops for a while, and stdout that nobody reads ----

live = Live(FORECASTER, "--source", "-", "--rate", "100", "--gap-after", "0.2", stdin=subprocess.PIPE)
live.process.stdin.write(b"1\n2\n")
live.process.stdin.flush()
same(live.until("gap")["cause"], "silence")
live.process.stdin.write(b"3\n")
live.process.stdin.close()
live.process.stdin = None
same([live.until("gap_end")[k] for k in ("missing", "state")], [0, "held"])  # a pipe loses nothing
same(live.until("end")["steps"], 3)
live.process.wait(60)
with open("/dev/full", "w") as full:
    done = subprocess.run([PROGRAM, "watch", FORECASTER, "--source", "x.csv", "--rate", "180", "--speed", "real"], stdout=full,
                          stderr=subprocess.PIPE, timeout=60)
same(done.returncode, 1)
assert b"the results were not written" in done.stderr
print(checks, "checks")
