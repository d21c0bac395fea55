# SPDX-License-Identifier: Apache-2.0
"""class_weights.py READER PROGRAM: one set of sequences in every format that training reads. [train] class_weights and
balanced make the same model of all of them, another one than without, and know the classes by the format's own names.
"""

import subprocess
import sys

try:
    import numpy as np
except ImportError:
    print("skipped: no numpy")
    sys.exit(77)
from recording_writers import random, work, write_edf

PROGRAM, EMULATOR = sys.argv[2], sys.argv[3:]

n, steps = 20, 6
y = (np.arange(n) % 4 == 0).astype(np.uint8)
x = np.clip(random.normal(100, 40, (n, steps)) + 60 * y[:, None], 0, 255).astype(np.uint8)
names = np.where(y, "sick", "well")

(work / "wide.csv").write_text("".join(f"{c},{','.join(map(str, row))}\n" for c, row in zip(names, x)))
(work / "long.csv").write_text("id,v,y\n" + "".join(f"s{i},{v},{names[i]}\n" for i in range(n) for v in x[i]))
np.save(work / "x.npy", x.astype(np.float16))
np.save(work / "y.npy", names)
np.savez_compressed(work / "all.npz", x=x, y=names)
for name, a in (("x.idx", x[:, :, None]), ("y.idx", y)):
    head = bytes([0, 0, 8, a.ndim]) + b"".join(int(s).to_bytes(4, "big") for s in a.shape)
    (work / name).write_bytes(head + a.tobytes())
(work / "words.txt").write_text("".join(f"{c}\t{' '.join(f'w{v // 64}' for v in row)}\n" for c, row in zip(names, x)))
(work / "list.csv").write_text("name,y\n" + "".join(f"r{i:02},{names[i]}\n" for i in range(n)))
for i in range(n):
    write_edf(f"r{i:02}.edf", [("A", "", 0, 255, 0, 255, x[i].reshape(1, steps))])

formats = {
    "wide": ["format = wide", "train = wide.csv"],
    "csv": ["format = csv", "train = long.csv", "id = id", "label = y"],
    "npy": ["format = npy", "train = x.npy", "train_labels = y.npy"],
    "npz": ["format = npy", "train = all.npz"],
    "idx": ["format = idx", "train = x.idx", "train_labels = y.idx"],
    "recordings": ["format = recordings", "train = list.csv", "id = name", "label = y"],
    "tokens": ["format = tokens", "train = words.txt"],
}


def train(form, *keys):
    """Probabilities of the sequences that are held out, or the sentence of a refusal."""
    data, layers = formats[form], ["  embedding 3"] if form == "tokens" else []
    scale = [] if form == "tokens" else ["scale = 0.0078125"]
    lines = ["[data]", *data, *scale, "[model]", "layers =", *layers, "  gru 3", "  dense 2", "[train]", "epochs = 4", "rate = 0.02", "validation = 0.3", *keys]
    (work / "c.ini").write_text("\n".join(lines) + "\n")
    done = subprocess.run([*EMULATOR, PROGRAM, "train", str(work / "c.ini"), "--quiet", "--predictions", str(work / "p.npy")],
                          capture_output=True, text=True)
    if done.returncode:
        return done.stderr
    return np.load(work / "p.npy")


for keys in ([], ["class_weights = sick: 5"], ["class_weights = sick: 5, well: 0.5"], ["balanced = yes"], ["balanced = yes", "class_weights = sick: 2"]):
    of_number = [k.replace("sick", "1").replace("well", "0") for k in keys]
    got = {form: train(form, *(of_number if form == "idx" else keys)) for form in formats}
    got["idx"] = got["idx"][:, ::-1]  # 0 is well, and sick comes before well
    for form, p in got.items():
        assert p.shape == (n, 2) and np.isfinite(p).any(), (form, p)
        # idx has its classes the other way round, and so other weights; the others have the same bits
        if form not in ("idx", "tokens"):
            assert np.array_equal(p, got["wide"], equal_nan=True), (form, keys)
    if keys:
        for form in formats:
            assert not np.array_equal(got[form], plain[form], equal_nan=True), f"{form}: {keys} change nothing"
            assert np.nanmean(got[form][:, 0]) > np.nanmean(plain[form][:, 0]), f"{form}: {keys} do not raise the rare class"
    else:
        plain = got
for form in formats:
    wrong = train(form, "class_weights = nobody: 2")
    assert "class_weights: there is no class 'nobody'" in wrong, (form, wrong)
print(f"{len(formats)} formats")
