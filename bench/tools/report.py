# SPDX-License-Identifier: Apache-2.0
"""script/bench report: one HTML page from the history, without scripts, links or fonts from elsewhere.

The same history gives the same bytes. Snapshots (roofline, peers) show each machine's newest run and newest comparison
with the peers; the history shows all runs. records.py says how times are normalised and what a change is.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import plots
from page import (
    FASTER,
    SLOWER,
    STYLE,
    day,
    details,
    distinct,
    facts_table,
    heat_cell,
    name,
    percent,
    short,
    size,
    table,
    text,
)
from plots import Line, Point, number, shorten
from records import EFFECT, OURS, Case, Machine, Series, case_of, machines_of, series_of
from results import BadResult, read_history

PANELS = 24  # full panels of the history; further benchmarks are lines of a table
FARTHEST = 12


def levels(machine: Machine, read: list[dict], threads: int) -> list[tuple[str, float]]:
    """The best bandwidth of the footprints that live in each cache and no smaller one. Each core has its own L1, L2."""
    l1, l2, l3 = threads * machine.cache("l1d"), threads * machine.cache("l2"), machine.cache("l3")
    bounds = [("L1", 0, l1), ("L2", l1, l2), ("L3", max(l1, l2), l3), ("memory", max(l1, l2, l3), math.inf)]
    if not l1:
        bounds = [("read", 0, math.inf)]
    found = []
    for level, low, high in bounds:
        rates = [entry["gbps"] for entry in read if low < entry["bytes"] <= high and entry["gbps"]]
        if rates:
            found.append((level, max(rates)))
    return found


def limits_table(machine: Machine) -> str:
    def shown(value: float | None) -> str:
        return number(value) if value else "-"

    teams = [
        (team, isa, dict(levels(machine, isa.get("read") or [], int(team.get("threads") or 1))))
        for team in machine.limits
        for isa in team.get("isas") or []
    ]
    if not teams:
        return '<p class="note">No limits were recorded for this machine.</p>'
    reads = distinct(level for _, _, roofs in teams for level in roofs)
    head = ["ISA", "threads", "FMA GFLOP/s", "VNNI GOP/s", *(f"{level} GB/s" for level in reads)]
    rows = [
        [text(isa.get("isa", "?")), text(team.get("threads", "?"))]
        + [shown(isa.get(key)) for key in ("fma_gflops", "vnni_gops")]
        + [shown(roofs.get(level)) for level in reads]
        + [shown(team.get(key)) for key in ("barrier_ns", "clock_ghz", "timer_ns")]
        for team, isa, roofs in teams
    ]
    return table(head + ["barrier ns", "clock GHz", "timer ns"], rows)


def told(records: list[dict]) -> str:
    """The newest of the records in words."""
    if not records:
        return ""
    last = records[-1]
    uncommitted = " with uncommitted changes" if last.get("dirty") else ""
    subject = f": {last['subject']}" if last.get("subject") else ""
    return f"{str(last.get('revision') or '?')[:12]}{uncommitted}{subject} ({day(last)}; {len(records)} in the history)"


def header(machine: Machine) -> str:
    facts, build = machine.facts, (machine.runs or machine.peers)[-1]
    caches = [(level, size(machine.cache(key))) for level, key in (("L1d", "l1d"), ("L2", "l2"), ("L3", "l3"))]
    return facts_table(
        [
            ("CPU", f"{facts.get('cpu', 'unknown')}, {facts.get('cores', '?')} cores, ISA {facts.get('isa', '?')}"),
            ("caches", ", ".join(f"{level} {bytes_}" for level, bytes_ in caches if bytes_)),
            ("kernel", facts.get("kernel")),
            ("fingerprint", machine.key),
            ("newest run", told(machine.runs)),
            ("newest peers", told(machine.peers)),
            ("compiler", build.get("compiler")),
            ("flags", build.get("flags")),
        ]
    ) + limits_table(machine)


# <op>_f32[_<math class>][_<tile or schedule>]_<ISA>
KERNEL = re.compile(r"kernel/(?P<op>.+?_f32(?:_(?:u35|u10|fast))?)(?:_.+)?_(?P<isa>[^_/]+)/.+")


def kernels_of(run: dict) -> list[tuple[dict, str, str]]:
    """The kernels of a run with their op and ISA."""
    found = []
    for entry in run["benchmarks"]:
        if entry["name"].startswith("kernel/"):
            match = KERNEL.fullmatch(entry["name"])
            found.append((entry, match["op"] if match else entry["name"].split("/")[1], match["isa"] if match else "?"))
    return found


def reached(entry: dict) -> float:
    """Percent of the limit; 0 when none is stated."""
    return 100 * (entry.get("limit_us") or 0) / entry["us"]


def kernel_title(entry: dict) -> str:
    parts = [entry["name"].removeprefix("kernel/"), f"{number(entry['us'])} us"]
    if entry.get("flop"):
        parts.append(f"{number(entry['flop'] / entry['us'] / 1e3)} GFLOP/s")
    if reached(entry):
        parts.append(f"{reached(entry):.0f} % of its limit")
    return ", ".join(parts)


def roofline(machine: Machine, prefix: str) -> str:
    kernels = [(e, op, isa) for e, op, isa in kernels_of(machine.runs[-1]) if e.get("flop") and e.get("bytes")]
    if not kernels:
        return "<h3>Roofline</h3><p>The newest run has no kernel that states its arithmetic and its bytes.</p>"
    single = min(machine.limits, key=lambda team: team.get("threads") or 1, default={})
    measured = {isa for _, _, isa in kernels}
    known = [isa for isa in single.get("isas") or [] if isa.get("fma_gflops") and isa.get("isa") in measured]
    widest = max(known, key=lambda isa: isa["fma_gflops"], default={})
    peaks = [(isa["isa"], isa["fma_gflops"]) for isa in known]
    ops = sorted({op for _, op, _ in kernels})
    isas = sorted(measured, key=lambda isa: (-dict(peaks).get(isa, 0), isa))
    points = [
        Point(e["flop"] / e["bytes"], e["flop"] / e["us"] / 1e3, kernel_title(e), ops.index(op), isas.index(isa))
        for e, op, isa in kernels
    ]
    figure = plots.roofline(
        f"{prefix}-roof",
        "roofline of the kernels",
        points,
        levels(machine, widest.get("read") or [], int(single.get("threads") or 1)),
        peaks,
    )
    key = [(op, index, 0) for index, op in enumerate(ops)] + [(isa, None, index) for index, isa in enumerate(isas)]
    far = sorted(
        (entry for entry, _, isa in kernels if isa == isas[0] and reached(entry)),
        key=lambda entry: (reached(entry), entry["name"]),
    )
    rows = [
        [
            name(entry["name"].removeprefix("kernel/")),
            number(entry["us"]),
            number(entry["limit_us"]),
            f"{reached(entry):.0f} %",
            number(entry["flop"] / entry["us"] / 1e3),
            number(entry["bytes"] / entry["us"] / 1e3),
        ]
        for entry in far[:FARTHEST]
    ]
    return (
        "<h3>Roofline</h3><p>Each kernel of the newest run, one thread. Bytes are the weights that a call reads. The "
        "slopes are measured read bandwidths, the horizontal lines measured FMA peaks. Marks of the same intensity "
        "stand side by side, by op. Rest the pointer on a mark for its name.</p>"
        f'{plots.legend(key)}<div class="scroll">{figure}</div>'
        + (
            f"<h4>Farthest from their limit ({text(isas[0])})</h4>"
            + table(["kernel", "us", "limit us", "of limit", "GFLOP/s", "GB/s"], rows)
            if far
            else ""
        )
    )


def elementwise(machine: Machine, prefix: str) -> str:
    kernels = [(entry, op, isa) for entry, op, isa in kernels_of(machine.runs[-1]) if not entry.get("flop")]
    bounded = [kernel for kernel in kernels if reached(kernel[0])]
    if not bounded:
        return ""
    best = {op: max(reached(entry) for entry, name, _ in bounded if name == op) for _, op, _ in bounded}
    ops = sorted(best, key=lambda op: (-best[op], op))
    isas = sorted({isa for _, _, isa in bounded})
    points = [
        Point(reached(e), ops.index(op), kernel_title(e), isas.index(isa), isas.index(isa)) for e, op, isa in bounded
    ]
    missing = len(kernels) - len(bounded)
    figure = plots.dots(f"{prefix}-elementwise", "elementwise kernels", [shorten(op, 34) for op in ops], points)
    return (
        "<h3>Elementwise kernels</h3><p>Reading the bytes in and out at full bandwidth would be 100 percent. The best "
        "op comes first. Functions that compute much cannot come near."
        f"{f' {missing} state no limit.' if missing else ''}</p>"
        f'{plots.legend([(isa, index, index) for index, isa in enumerate(isas)])}<div class="scroll">{figure}</div>'
    )


def peer_names(cases: list[Case]) -> list[str]:
    """Ours first: everywhere the same order, hence colour and marker."""
    return sorted({peer for case in cases for peer in case.us}, key=lambda peer: (peer != OURS, peer))


def scaling_panel(cases: list[Case], names: list[str], identity: str) -> str:
    """Cases that differ in size alone."""
    cases = sorted(cases, key=lambda case: case.size)
    bounded = [case for case in cases if case.limit_us > 0]
    lines = [Line("limit", -1, [case.size for case in bounded], [case.limit_us for case in bounded])]
    for index, peer in enumerate(names):
        timed = [case for case in cases if peer in case.us]
        lines.append(Line(peer, index, [case.size for case in timed], [case.us[peer] for case in timed]))
    one = cases[0]
    label = f"time against {one.axis}, {one.family}, {one.column}, {one.group}"
    figure = plots.scaling(identity, label, [line for line in lines if line.x], one.axis)
    return f"<figure><figcaption>{text(one.column)}</figcaption>{figure}</figure>"


def grouped(cases: list[Case], key: Callable[[Case], Any]) -> dict[Any, list[Case]]:
    """In the order in which the keys appear."""
    groups: dict[Any, list[Case]] = {}
    for case in cases:
        groups.setdefault(key(case), []).append(case)
    return groups


def scaling(cases: list[Case], prefix: str) -> str:
    names = peer_names(cases)
    blocks = []
    for group, members in grouped([case for case in cases if case.size], lambda case: case.group).items():
        body = []
        for family, relatives in grouped(members, lambda case: case.family).items():
            panels = [
                scaling_panel(row, names, f"{prefix}-scaling{len(blocks)}-{len(body)}-{index}")
                for index, row in enumerate(grouped(relatives, lambda case: case.column).values())
            ]
            body.append(f'<h4>{text(family)}</h4><div class="panels">{"".join(panels)}</div>')
        blocks.append(details(text(group), "".join(body), not blocks))
    key = [(peer, index, index) for index, peer in enumerate(names)] + [("limit", None, None)]
    return (
        "<h3>Time against size</h3><p>Medians of the rounds, both axes logarithmic; the dashed line is "
        f"the time that the machine's limits allow.</p>{plots.legend(key)}{''.join(blocks)}"
    )


def speed_up(case: Case | None) -> str:
    if not case:
        return "<td></td>"
    title = f"{case.best} {number(case.us[case.best])} us, {OURS} {number(case.us[OURS])} us"
    return heat_cell(case.ratios[case.best], title)


def heat_maps(cases: list[Case]) -> str:
    """One table per group and kind of size: recurrent cells share theirs, products and functions have their own."""
    compared = [case for case in cases if case.best]
    tables = []
    for (group, axis), members in grouped(compared, lambda case: (case.group, case.axis)).items():
        columns = distinct(case.column for case in members)
        found = {(case.family, case.size, case.column): case for case in members}
        rows = [
            [text(f"{family} {hidden or ''}")] + [speed_up(found.get((family, hidden, column))) for column in columns]
            for family, hidden in distinct((case.family, case.size) for case in members)
        ]
        head = [axis] + [text(column).replace(", ", ",<br>") for column in columns]
        tables.append(f"<h4>{text(group)}</h4>{table(head, rows, 'heat numbers')}")
    if not tables:
        return ""
    return (
        f"<h3>Speed-up</h3><p>Time of the best peer over the time of {OURS}: above 1 (blue) {OURS} is faster, below 1 "
        f"(orange) the peer.</p>{''.join(tables)}"
    )


def peer_time(case: Case, peer: str) -> str:
    if peer not in case.us:
        return "-"
    return ", ".join([number(case.us[peer]), *([text(case.accuracy[peer])] if peer in case.accuracy else [])])


def peers_table(machine: Machine, cases: list[Case]) -> str:
    record = machine.peers[-1]
    versions = []
    for peer, about in sorted(record["peers"].items(), key=lambda item: (item[0] != OURS, item[0])):
        versions.append([text(peer), text(about.get("version", "?")), text(about.get("settings", ""))])
    settings = record["settings"]
    missing = [f"{peer} is left out: {reason}" for peer, reason in sorted((settings.get("left_out") or {}).items())]
    missing += [str(trouble) for trouble in settings.get("troubles") or []]
    blocks = []
    for (group, family), members in grouped(cases, lambda case: (case.group, case.family)).items():
        mine = sorted(members, key=lambda case: case.size)
        names = peer_names(mine)
        best = [case.ratios[case.best] for case in mine if case.best]
        said = f"{text(family)}, {text(group)}: {len(mine)} case{'s' if len(mine) > 1 else ''}"
        if best:
            mean = math.exp(sum(math.log(ratio) for ratio in best) / len(best))
            said += f", best peer / {OURS} {mean:.2f} (geometric mean), least {min(best):.2f}"
        rows = [
            [f"{case.size}, {text(case.column)}" if case.size else text(case.column)]
            + [peer_time(case, peer) for peer in names]
            + [heat_cell(case.ratios[case.best], case.best) if case.best else "-", text(case.best or "-")]
            + [f"{case.percent:.0f} %" if case.percent else "-", f"{case.spread:.2f}" if case.spread else "-"]
            + [f"{case.difference:.0e}" if case.difference else "-"]
            for case in mine
        ]
        head = [mine[0].axis] + [f"{text(peer)} us" for peer in names]
        head += ["ratio", "best peer", "of limit", "spread", "difference"]
        blocks.append(details(said, table(head, rows), not blocks))
    return (
        "<h3>Peers</h3><p>Medians over the rounds. Ratio: best peer over "
        f"{OURS}, the median of the rounds' ratios. Of limit: the share of {OURS}'s time that the machine's limits ask "
        "for. Spread: slowest over fastest round. Difference: the largest between the outputs; functions are held "
        "against double precision, and each time has its largest error beside it.</p>"
        + (table(["peer", "version", "settings"], versions, "plain") if versions else "")
        + "".join(f'<p class="note">{text(reason)}</p>' for reason in missing)
        + "".join(blocks)
    )


def change_text(one: Series) -> str:
    """The latest change in words, as HTML."""
    last = one.changes[-1]
    run = one.runs[last.index]
    subject = f" {run['subject']}" if run.get("subject") else ""
    doubt = "" if last.confirmed else ", newest run only"
    kind = "slower" if last.slower else "faster"
    return f'<span class="{kind}">{percent(last.step)} time</span> at {text(short(run))}{text(subject)}{doubt}'


def marks(one: Series) -> dict[int, int]:
    return {change.index: SLOWER if change.slower else FASTER for change in one.changes}


def panel(one: Series, identity: str) -> str:
    titles = [
        f"{short(run)} {run.get('subject') or ''}: {number(us)} us ({day(run)})" for run, us in zip(one.runs, one.us)
    ]
    hashes = [short(run) for run in one.runs]
    figure = plots.timeline(identity, f"{one.name} over runs", one.us, hashes, titles, marks(one))
    told = f"<br>{change_text(one)}" if one.changes else ""
    return f"<figure><figcaption><b>{name(one.name)}</b>{told}</figcaption>{figure}</figure>"


def line(one: Series) -> list[str]:
    return [
        name(one.name),
        plots.sparkline(one.us, marks(one)),
        str(len(one.us)),
        number(one.us[-1]),
        percent(one.us[-1] / one.us[0] - 1),
        change_text(one) if one.changes else "-",
    ]


def history(machine: Machine, prefix: str) -> str:
    """Full panels for all benchmarks when they are few, else for those that changed; a folded table for the rest."""
    series, runs = series_of(machine), len(machine.runs)
    changed = [one for one in series if one.changes]
    full = series if len(series) <= PANELS else changed[:PANELS]
    if runs < 2:
        full = []
    slower = sum(one.changes[-1].slower for one in changed)
    said = (
        f"{runs} runs, {len(series)} benchmarks, of which {slower} became slower and {len(changed) - slower} faster: "
        f"their latest step that stays and is more than {100 * EFFECT:.0f} % and three times the noise. Microseconds, "
        "normalised by the calibration measured beside each sample. A + after a revision: with uncommitted changes."
        if runs > 1
        else "There is one run so far: nothing to compare with."
    )
    panels = "".join(panel(one, f"{prefix}-history{index}") for index, one in enumerate(full))
    rest = [line(one) for one in series[len(full) :]]
    head = ["benchmark", "over runs", "runs", "newest us", "since first", "change"]
    return (
        f"<h3>History</h3><p>{said}</p>"
        + (f'<div class="panels">{panels}</div>' if panels else "")
        + (details(f"{len(rest)} {'further ' if full else ''}benchmarks", table(head, rest), False) if rest else "")
    )


def section(machine: Machine, index: int) -> str:
    prefix = f"m{index}"
    name = machine.facts.get("cpu") or "unknown machine"
    parts = [
        f'<h2 id="{prefix}">{text(name)} <small class="note">{text(machine.facts.get("isa", ""))}</small></h2>',
        header(machine),
    ]
    if machine.runs:
        parts += [roofline(machine, prefix), elementwise(machine, prefix)]
    else:
        parts.append("<p>No run of this machine is in the history, only comparisons with the peers.</p>")
    cases = [case_of(case) for case in machine.peers[-1]["cases"]] if machine.peers else []
    if cases:
        parts += [scaling(cases, prefix), heat_maps(cases), peers_table(machine, cases)]
    else:
        parts.append("<h3>Peers</h3><p>The history has no comparison with other libraries on this machine.</p>")
    if machine.runs:
        parts.append(history(machine, prefix))
    return "\n".join(parts)


def document(machines: list[Machine]) -> str:
    links = "".join(
        f'<li><a href="#m{index}">{text(machine.facts.get("cpu") or "unknown machine")}</a> '
        f'<span class="note">{text(machine.facts.get("isa", ""))}, {text(machine.key)}</span></li>'
        for index, machine in enumerate(machines)
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>rnnpack benchmarks</title><style>{STYLE}</style></head>\n<body><main><h1>rnnpack benchmarks</h1>"
        + (f"<ul>{links}</ul>" if len(machines) > 1 else "")
        + (
            "\n".join(section(machine, index) for index, machine in enumerate(machines))
            or "<p>The history is empty.</p>"
        )
        + "</main></body></html>\n"
    )


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="script/bench report", description=__doc__.splitlines()[0])
    default = Path(__file__).resolve().parents[2] / "build" / "bench" / "history.jsonl"
    parser.add_argument("--history", type=Path, default=default, help="JSON lines (build/bench/history.jsonl)")
    parser.add_argument("-o", "--output", type=Path, help="the page (report.html beside the history)")
    options = parser.parse_args(arguments)
    output = options.output or options.history.with_name("report.html")
    try:
        content = document(machines_of(read_history(options.history), options.history))
        unfinished = output.with_name(output.name + ".part")
        unfinished.write_text(content, encoding="utf-8")
        unfinished.replace(output)
    except BadResult as error:
        print(f"report: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"report: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    print(f"{output}: {len(content.encode()) / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
