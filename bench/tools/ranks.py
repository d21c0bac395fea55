#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long a training step takes on many ranks (docs/explanation/many-machines.md has the model in words).

    ranks.py table                  the page's table, from the costs below
    ranks.py measure PROGRAM        these costs on this host: CPU time of `rnnpack train` on one thread
    ranks.py overhead PROGRAM       two ranks of one thread beside one process of two threads, predicted and measured
    ranks.py network PROGRAM WIRE   steps over networks of the program rnnpack-wire, predicted and measured (as root)
"""

from __future__ import annotations

import math
import os
import re
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

SLICE_ROWS = 16
WORD_BYTES = 520  # what a rank says to all others after its slices (rnnp_outcome)
BACKWARD = 0.6  # part of a slice's time that the backward pass takes
ADD_SECONDS = 1.2e-9  # one element of one node added: 12 bytes at 10 GB/s
RANKS = (8, 64, 512)


@dataclass(frozen=True)
class Model:
    name: str
    hidden: int
    layers: int
    parameters: int
    slice_seconds: float  # 16 rows of 50 steps, forwards and backwards, on one core
    fixed_seconds: float  # packing the weights, norm, optimiser: once a step, on one core


@dataclass(frozen=True)
class Network:
    name: str
    bytes_per_second: float
    latency: float  # of a small message
    overhead: float  # of each message, at the rank that sends or receives it


MODELS = (
    Model("LSTM 64", 64, 1, 25_218, 1.27e-3, 0.19e-3),
    Model("2 x LSTM 256", 256, 2, 823_810, 35.4e-3, 3.1e-3),
    Model("3 x LSTM 512", 512, 3, 5_321_730, 252e-3, 20e-3),
)
NETWORKS = (Network("10 GbE", 1.1e9, 30e-6, 5e-6), Network("100 GbE", 11e9, 3e-6, 1e-6))
SHARED = Network("shared memory", 5e9, 1e-6, 1e-6)
# Of rnnpack-wire.
WIRES = (Network("100 MB/s, 0.1 ms", 1e8, 1e-4, 1e-5), Network("12.5 MB/s, 0.1 ms", 1.25e7, 1e-4, 1e-5),
         Network("100 MB/s, 1 ms", 1e8, 1e-3, 1e-5))


def nodes_of(slices: int, first: int, end: int) -> list[int]:
    """The nodes of the tree over all slices that the slices [first, end) add up to (src/train/tree.h): where each ends."""
    ends = []
    while first < end:
        level = (first & -first).bit_length() - 1 if first else slices.bit_length()
        while first + (1 << level) > end and not (end == slices and first + (1 << level) > slices):
            level -= 1
        first = min(first + (1 << level), end)
        ends.append(first)
    return ends


def compute(model: Model, batch: int, ranks: int, threads: int) -> float:
    slices = math.ceil(batch / SLICE_ROWS)
    return math.ceil(math.ceil(slices / ranks) / threads) * model.slice_seconds + model.fixed_seconds / min(threads, 4)


def left_of_nodes(model: Model, ends: list[int], slices: int, threads: int, cost: float) -> float:
    """How long messages of the nodes go on after the last slice; `cost` of one node's. Those of earlier nodes are sent
    while one thread runs later slices, those of a layer when the backward pass of the last slice has gone through."""
    ready = []
    for node, end in enumerate(ends):
        before = (slices - end) * model.slice_seconds if threads == 1 else 0
        for layer in range(model.layers):  # from the last one to the first
            within = BACKWARD * model.slice_seconds * (1 - (layer + 1) / model.layers)
            ready.append((-before - within, node))
    done = -math.inf
    for at, _ in sorted(ready):
        done = max(done, at) + cost / model.layers
    return max(done, 0.0)


def messages(model: Model, network: Network, batch: int, ranks: int, threads: int) -> float:
    """What they add to a step, but for what goes on while slices run."""
    if ranks == 1:
        return 0.0
    slices = math.ceil(batch / SLICE_ROWS)
    each = math.ceil(slices / ranks)
    words = math.ceil(math.log2(ranks)) * network.latency + (ranks - 1) * WORD_BYTES / network.bytes_per_second
    part = (4 * model.parameters * (ranks - 1) / ranks / network.bytes_per_second
            + 2 * (ranks - 1) * network.overhead)
    ends = max((nodes_of(slices, r * each, min(slices, (r + 1) * each)) for r in range(math.ceil(slices / each))),
               key=len)
    first = ends[-1] - each
    nodes = left_of_nodes(model, [end - first for end in ends], each, threads, part)
    return words + nodes + part + 2 * network.latency + len(ends) * model.parameters * ADD_SECONDS


def step(model: Model, network: Network, batch: int, ranks: int, threads: int) -> float:
    return compute(model, batch, ranks, threads) + messages(model, network, batch, ranks, threads)


def last_that_pays(model: Model, network: Network, batch: int, threads: int, gain: float = 1.25) -> int:
    """The largest power of two of ranks up to which each doubling makes the step shorter by this factor."""
    ranks = 1
    while ranks < 4096 and step(model, network, batch, ranks, threads) >= gain * step(model, network, batch, 2 * ranks,
                                                                                      threads):
        ranks *= 2
    return ranks


def time_text(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1e3 * seconds:.3g} ms"


def table() -> None:
    print("| model | batch | threads | network | 1 rank | " + " | ".join(f"{n} ranks" for n in RANKS)
          + " | pays up to |")
    print("|---|---|---|---|---|" + "---|" * (len(RANKS) + 1))
    for model in MODELS:
        for batch, threads in ((1024, 1), (8192, 1), (8192, 16)):
            for network in NETWORKS:
                alone = step(model, network, batch, 1, threads)
                cells = [f"{time_text(step(model, network, batch, n, threads))} "
                         f"({alone / step(model, network, batch, n, threads):.0f}x)" for n in RANKS]
                print(f"| {model.name} | {batch} | {threads} | {network.name} | {time_text(alone)} | "
                      + " | ".join(cells)
                      + f" | {last_that_pays(model, network, batch, threads)} |")


def write_data(folder: Path, rows: int) -> None:
    import numpy as np

    random = np.random.default_rng(0)
    np.save(folder / "x.npy", random.standard_normal((rows, 50, 32)).astype(np.float32))
    np.save(folder / "y.npy", random.integers(0, 2, rows).astype(np.int32))


def write_config(folder: Path, model: Model, batch: int, epochs: int) -> Path:
    config = folder / "config.ini"
    config.write_text("[data]\nformat=npy\ntrain=x.npy\ntrain_labels=y.npy\ntarget=label\n[model]\nlayers=\n"
                      + f"    lstm {model.hidden}\n" * model.layers + "    dense 2 softmax\n"
                      + f"[train]\nloss=sparse\nepochs={epochs}\nbatch={batch}\n")
    return config


def cpu_seconds(program: str, config: Path) -> float:
    spent = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([program, "train", str(config), "--threads", "1", "--quiet"], check=True,
                       stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(spent)


def measure(program: str) -> None:
    rows = 256
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_data(folder, rows)
        slices = rows // SLICE_ROWS
        for model in MODELS:
            epochs = max(1, round(0.05 / model.slice_seconds))
            large, small = ((cpu_seconds(program, write_config(folder, model, batch, 2 * epochs))
                             - cpu_seconds(program, write_config(folder, model, batch, epochs))) / epochs
                            for batch in (rows, SLICE_ROWS))
            fixed = (small - large) / (slices - 1)
            print(f"{model.name}: a slice {1e3 * (large - fixed) / slices:.3g} ms, once a step {1e3 * fixed:.3g} ms")


def seconds_of(command: list[str]) -> float:
    """What rnnpack train --mpi says of its steps."""
    out = subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    found = re.search(r"steps of ([0-9.]+) ms", out.stdout + out.stderr)
    assert found, out.stdout + out.stderr
    return 1e-3 * float(found.group(1))


def overhead(program: str) -> None:
    start = ["mpirun", "--allow-run-as-root", "--mca", "btl", "self,vader", "--mca", "hwloc_base_binding_policy", "none"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_data(folder, 256)
        for model in MODELS[:2]:
            for batch in (32, 256):
                config = write_config(folder, model, batch, max(1, round(0.2 / model.slice_seconds)) // 4 + 1)
                times: list[list[float]] = [[], []]
                for _ in range(9):
                    for spent, ranks, threads in zip(times, (1, 2), (2, 1)):
                        spent.append(seconds_of([*start, "-n", str(ranks), program, "train", str(config), "--threads",
                                                 str(threads), "--mpi"]))
                predicted = step(model, SHARED, batch, 2, 1) / step(model, SHARED, batch, 1, 2)
                ratios = sorted(two / one for one, two in zip(*times))
                print(f"| {model.name} | {batch} | {time_text(min(times[0]))} | {time_text(min(times[1]))} | "
                      f"{predicted:.3f} | {min(times[1]) / min(times[0]):.3f} | {ratios[len(ratios) // 2]:.3f} |", flush=True)


# ---- Over a network ----


def hosts_of(ranks: int) -> list[str]:
    return [f"rnnpack{os.getpid()}h{k}" for k in range(ranks)]


def seconds_of_step(program: str, config: Path, hosts: list[str]) -> float:
    """One rank on each host (network namespace) with one thread; what rnnpack train says of its steps."""
    agent = config.parent / "agent"
    agent.write_text('#!/bin/bash\nhost=rnnpack%dh$((${1##*.} - 1))\nshift\n'
                     'exec ip netns exec $host unshare --uts bash -c "hostname $host; $*"\n' % os.getpid())
    agent.chmod(0o755)
    options = {"btl": "self,tcp", "btl_tcp_if_include": "10.78.0.0/24", "oob_tcp_if_include": "10.78.0.0/24",
               **{f"btl_tcp_{name}": "4194304" for name in ("eager_limit", "rndv_eager_limit", "max_send_size")},
               "plm_rsh_agent": str(agent), "plm_rsh_no_tree_spawn": "1", "hwloc_base_binding_policy": "none"}
    command = ["ip", "netns", "exec", hosts[0], "unshare", "--uts", "bash", "-c", f'hostname {hosts[0]}; exec "$@"', "x",
               "mpirun", "--allow-run-as-root", "--host", ",".join(f"10.78.0.{k + 1}:1" for k in range(len(hosts))),
               "-n", str(len(hosts))]
    for key, value in options.items():
        command += ["--mca", key, value]
    command += [program, "train", str(config), "--threads", "1", "--mpi"]
    return seconds_of(command)


def network(programs: list[str], wire: str) -> None:
    """Ranks have a core each, if there are so many. Several programs (of other versions) run in turn."""
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_data(folder, 256)
        for ranks in (2, 4):
            hosts = hosts_of(ranks)
            try:
                for host in hosts:
                    subprocess.run(["ip", "netns", "add", host], check=True)
                    subprocess.run(["ip", "-n", host, "link", "set", "lo", "up"], check=True)
                for net in WIRES:
                    with subprocess.Popen([wire, str(net.latency), str(net.bytes_per_second), *hosts],
                                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
                        process.stdout.readline()
                        over_wire(programs, folder, hosts, net, max(1, ranks / cores))
                        process.stdin.close()
            finally:
                for host in hosts:
                    subprocess.run(["ip", "netns", "del", host], check=False)


def over_wire(programs: list[str], folder: Path, hosts: list[str], net: Network, shared: float) -> None:
    for model in MODELS[:2]:
        for slices in (len(hosts), 3 * len(hosts)):
            batch = SLICE_ROWS * slices
            config = write_config(folder, model, batch, max(1, round(0.4 / model.slice_seconds / 256 * batch / slices)))
            times: list[list[float]] = [[] for _ in programs]
            for _ in range(5):
                for spent, program in zip(times, programs):
                    spent.append(seconds_of_step(program, config, hosts))
            predicted = (shared * compute(model, batch, len(hosts), 1) + messages(model, net, batch, len(hosts), 1))
            print(f"| {model.name} | {len(hosts)} | {slices // len(hosts)} | {net.name} | {time_text(predicted)} | "
                  + " | ".join(time_text(min(spent)) for spent in times) + " |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["table"]:
        table()
    elif len(sys.argv) == 3 and sys.argv[1] == "measure":
        measure(sys.argv[2])
    elif len(sys.argv) == 3 and sys.argv[1] == "overhead":
        overhead(sys.argv[2])
    elif len(sys.argv) >= 4 and sys.argv[1] == "network":
        network(sys.argv[2:-1], sys.argv[-1])
    else:
        sys.exit(__doc__)
