# SPDX-License-Identifier: Apache-2.0
"""A made-up history for the tests of the report: two machines, twelve runs, a comparison with the peers on each, and
one kernel that a commit makes 9 % slower. Nothing in it was measured; the same call gives the same history."""

from __future__ import annotations

import hashlib
import json
import math
import random
import sys

SLOWED = "kernel/lstm_step_f32_block_avx2/rows1_hidden128"
SLOWED_AT = 5  # run of the first machine
SUBJECT = 'avx2: gates of <two> panels & "one" pass'

CELLS = {"lstm": 4, "gru": 3, "gru_lbr": 3, "rnn": 1}
HIDDEN = (64, 128, 256, 512, 1024)
UNARY = {"exp": 5, "tanh": 9, "sigmoid": 8, "scaled_tanh": 10}  # times slower than moving the bytes
MATH = {"u35": 1.0, "u10": 2.4, "fast": 0.6}
PLAIN = dict(relu_f32=1.1, neg_f32=1.1, clip_f32=1.2, add_f32=1.2, mul_f32=1.2, div_f32=2.2, sqrt_f32=2.5)

MACHINES = (
    {"cpu": "AMD EPYC 7R13", "isas": {"generic": 3.1, "avx2": 103.8},
     "caches": (32768, 524288, 33554432), "read": (228, 112, 61, 14)},
    {"cpu": "Intel Xeon Platinum 8375C", "isas": {"generic": 2.9, "avx2": 96.0, "avx512": 181.0},
     "caches": (49152, 1310720, 56623104), "read": (390, 150, 38, 12)},
)  # fmt: skip


def machine_of(spec: dict) -> dict:
    l1, l2, l3 = spec["caches"]
    facts = dict(cpu=spec["cpu"], isa=list(spec["isas"])[-1], cores=2, l1d_bytes=l1, l2_bytes=l2, l3_bytes=l3)
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    return {**facts, "kernel": "6.1.0-18-amd64", "fingerprint": digest[:8]}


def read_rate(spec: dict, footprint: float) -> float:
    for size, rate in zip(spec["caches"], spec["read"]):
        if footprint <= size:
            return rate
    return spec["read"][-1]


def limits_of(spec: dict) -> list[dict]:
    def reads(threads: int) -> list[dict]:
        def rate(size: int) -> float:
            return read_rate(spec, size / threads) * threads * (0.97 + 0.03 * math.sin(size))

        return [{"bytes": size, "gbps": rate(size)} for size in (2**power for power in range(13, 29))]

    def isas(threads: int) -> list[dict]:
        return [
            {"isa": isa, "fma_gflops": fma * threads, "read": reads(threads),
             "vnni_gops": 4 * fma * threads if isa == "avx512" else None}
            for isa, fma in spec["isas"].items()
        ]  # fmt: skip

    return [
        dict(threads=n, isas=isas(n), barrier_ns=210.0 if n > 1 else None, timer_ns=22.0, clock_ghz=3.4)
        for n in (1, 2)
    ]


def entry(name: str, us: float, limit_us: float, bound: int, flop: float, size: float) -> dict:
    return dict(name=name, us=us, limit_us=limit_us, bound=bound, flop=flop, bytes=size)


def product(spec: dict, name: str, isa: str, flop: float, size: float, share: float) -> dict:
    by_flop, by_read = flop / spec["isas"][isa] / 1e3, size / read_rate(spec, size) / 1e3
    limit = max(by_flop, by_read)
    return entry(name, limit / share, limit, 1 if by_flop >= by_read else 2, flop, size)


def benchmarks_of(spec: dict) -> list[dict]:
    """What an undisturbed run would give."""
    chance = random.Random(spec["cpu"])
    found = []
    for isa in spec["isas"]:
        for rows, hidden in ((1, 64), (1, 128), (1, 256), (16, 128), (16, 256)):
            for op, gates in (("lstm", 4), ("gru", 3), ("gru_reset", 1), ("gru_update", 2), ("rnn", 1)):
                weights = gates * hidden * hidden
                for schedule, loss in (("block", 1.0), ("panel", 0.93), ("split", 0.9)):
                    name = f"kernel/{op}_step_f32_{schedule}_{isa}/rows{rows}_hidden{hidden}"
                    share = loss * chance.uniform(0.62, 0.9)
                    found.append(product(spec, name, isa, 2.0 * rows * weights, 4.0 * weights, share))
        for m, n, k in ((1, 512, 128), (16, 512, 128), (200, 1024, 256)):
            for tile in ("6x16", "4x24"):
                name = f"kernel/gemm_f32_{tile}_{isa}/m{m}_n{n}_k{k}"
                found.append(product(spec, name, isa, 2.0 * m * n * k, 4.0 * n * k, chance.uniform(0.7, 0.95)))
        functions = {f"{f}_f32_{c}": slow * MATH[c] for f, slow in UNARY.items() for c in MATH} | PLAIN
        for op, slow in functions.items():
            size = 131072.0
            limit = size / read_rate(spec, size) / 1e3
            us = limit * slow * chance.uniform(1.0, 1.2) * (12 if isa == "generic" else 1)
            found.append(entry(f"kernel/{op}_{isa}/n16384", us, limit, 2, 0, size))
    for cell, gates in CELLS.items():
        for hidden in HIDDEN[:4]:
            size, best = 4.0 * gates * hidden * hidden, list(spec["isas"])[-1]
            found.append(product(spec, f"stream/{cell}/h{hidden}", best, size, 2 * size, 0.7))
            found.append(entry(f"pack/{cell}/h{hidden}", size / 4e3, 0, 0, 0, size))
            for batch in (1, 16):
                name = f"layer/{cell}/h{hidden}/b{batch}/t50/threads1"
                found.append(product(spec, name, best, 50.0 * batch * size, 2 * size, chance.uniform(0.6, 0.85)))
    return found


def commit(number: int, spec: dict) -> dict:
    return {
        "date": f"2025-{1 + number // 4:02d}-{3 + 7 * (number % 4):02d}T08:15:00+00:00",
        "revision": hashlib.sha1(f"commit {number}".encode()).hexdigest(),
        "dirty": False,
        "subject": SUBJECT if number == SLOWED_AT else f"kernels: step {number}",
        "compiler": "gcc 12.2.0",
        "flags": "-O3 -DNDEBUG -ffp-contract=off",
        "machine": machine_of(spec),
        "limits": limits_of(spec),
    }


def run_of(spec: dict, number: int, chance: random.Random) -> dict:
    """A slow phase of the core lengthens times and lowers the calibration alike."""
    benchmarks = []
    fma = list(spec["isas"].values())[-1]
    for clean in benchmarks_of(spec):
        phase = 1.2 if chance.random() < 0.1 else 1.0
        factor = phase * math.exp(chance.gauss(0, 0.008))
        if clean["name"] == SLOWED and number >= SLOWED_AT:
            factor *= 1.09
        measured = dict(us=clean["us"] * factor, spread=1 + abs(chance.gauss(0, 0.03)), calibration=fma / phase)
        benchmarks.append(clean | measured)
    return {"kind": "run", **commit(number, spec), "benchmarks": benchmarks}


def rounds(us: float, chance: random.Random) -> list[float]:
    skill = us * math.exp(chance.gauss(0, 0.12))
    return [skill * math.exp(chance.gauss(0, 0.015)) for _ in range(5)]


def cases_of(spec: dict) -> list[dict]:
    chance = random.Random(spec["cpu"] + " peers")
    fma = list(spec["isas"].values())[-1]
    cases = []
    for cell, gates in CELLS.items():
        for hidden in HIDDEN:
            for batch in (1, 4, 16, 64):
                for steps, threads in ((1, 1), (50, 1), (50, 2)):
                    weights = 2.0 * gates * hidden * hidden
                    flop = 2 * weights * batch * steps
                    limit = max(flop / fma / 1e3, steps * 4 * weights / read_rate(spec, 4 * weights) / 1e3) / threads
                    us = {"rnnpack": rounds(limit / 0.8 + 0.4, chance), "onednn": rounds(limit / 0.66 + 6, chance)}
                    us["onnxruntime"] = rounds(limit / 0.6 + 12, chance)
                    if cell != "gru":
                        us["torch"] = rounds(limit / 0.5 + 60, chance)
                    cases.append(
                        {"kind": "rnn", "cell": cell, "hidden": hidden, "input": hidden, "batch": batch, "steps": steps,
                         "layers": 1, "directions": 1, "threads": threads, "flop": flop, "weight_bytes": 4 * weights,
                         "us": us, "limit_us": [limit] * 5, "max_error": {"onednn": 2e-7, "onnxruntime": 3e-7}}
                    )  # fmt: skip
    for hidden in HIDDEN:
        for m in (1, 16, 200):
            flop = 2.0 * m * 4 * hidden * hidden
            limit = max(flop / fma / 1e3, 16.0 * hidden * hidden / read_rate(spec, 16 * hidden * hidden) / 1e3)
            us = {"rnnpack": rounds(limit / 0.85, chance), "onednn": rounds(limit / 0.83, chance)}
            us["openblas"] = rounds(limit / (0.9 if hidden > 256 else 0.7), chance)
            cases.append(
                {"kind": "gemm", "m": m, "n": 4 * hidden, "k": hidden, "threads": 1, "flop": flop,
                 "weight_bytes": 16.0 * hidden * hidden, "us": us, "limit_us": [limit] * 5,
                 "max_error": {"onednn": 1e-6}}
            )  # fmt: skip
    for function in ("tanh", "exp"):
        for n in (256, 4096):
            limit = 8.0 * n / read_rate(spec, 8.0 * n) / 1e3
            cases.append(
                {"kind": "activation", "function": function, "math": "fast", "n": n, "threads": 1, "flop": 0.0,
                 "weight_bytes": 0.0, "us": {"rnnpack": rounds(5 * limit, chance), "sleef": rounds(9 * limit, chance)},
                 "limit_us": [limit] * 5, "max_error": {"rnnpack": 5e-5, "sleef": 1e-7},
                 "max_ulp": {"rnnpack": 1.7e40, "sleef": 3.45}}
            )  # fmt: skip
    cases.append(
        {"kind": "start", "cell": "lstm", "form": "onnx", "hidden": 256, "input": 256, "batch": 1, "steps": 50,
         "layers": 3, "directions": 1, "threads": 1, "flop": 1.6e8, "weight_bytes": 6.3e6, "limit_us": [3e3] * 9,
         "us": {"rnnpack": [2.5e4] * 9, "onnxruntime": [6e4] * 9}, "max_error": {"onnxruntime": 2e-7}, "max_ulp": {}}
    )  # fmt: skip
    for c_in, c_out, stride, groups in ((64, 64, 1, 1), (128, 128, 1, 1), (256, 256, 1, 256), (1, 64, 4, 1)):
        flop = 2.0 * c_out * c_in / groups * 5 * 300
        us = {"rnnpack": rounds(flop / fma / 7e2, chance), "onednn_blocked": rounds(flop / fma / 8e2, chance)}
        cases.append(
            {"kind": "conv", "c_in": c_in, "c_out": c_out, "kernel": 5, "stride": stride, "groups": groups,
             "length": 300, "batch": 1, "threads": 1, "flop": flop, "weight_bytes": 4e4, "us": us,
             "limit_us": [flop / fma / 1e3] * 5, "max_error": {"onednn_blocked": 1e-6}, "max_ulp": {}}
        )  # fmt: skip
    for name, nodes in (("overhead", 30), ("denoiser", 0)):
        cases.append(
            {"kind": "model", "model": name, "nodes": nodes, "threads": 1, "flop": 0.0, "weight_bytes": 0.0,
             "us": {"rnnpack": [7.0] * 5, "onnxruntime": [21.0] * 5}, "limit_us": [],
             "max_error": {"onnxruntime": 2e-7}, "max_ulp": {}}
        )  # fmt: skip
    return cases


def peers_of(spec: dict, number: int) -> dict:
    versions = {"rnnpack": "0.1.0", "onednn": "2.6.0", "onnxruntime": "1.30.0", "torch": "1.13.1",
                "openblas": "0.3.21", "sleef": "3.5.1"}  # fmt: skip
    return {
        "kind": "peers",
        **commit(number, spec),
        "rounds": 5,
        "settings": {"quick": False, "left_out": {"blis": "not installed; to get it: a package"}, "troubles": []},
        "peers": {peer: {"version": version, "settings": "1 process"} for peer, version in versions.items()},
        "cases": cases_of(spec),
    }


def sample_history() -> list[dict]:
    chance = random.Random(2025)
    history = [run_of(MACHINES[0], number, chance) for number in range(9)]
    history += [run_of(MACHINES[1], number, chance) for number in range(6, 9)]
    history[-1]["dirty"] = True
    return history + [peers_of(spec, 8) for spec in MACHINES]


if __name__ == "__main__":
    for record in sample_history():
        json.dump(record, sys.stdout, sort_keys=True)
        print()
