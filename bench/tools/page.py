# SPDX-License-Identifier: Apache-2.0
"""The report's style sheet and the pieces of HTML that its sections are made of."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

import plots

SLOWER, FASTER = 1, 2  # series of plots.py whose colours mark changes

STYLE = f"""
:root {{ color-scheme: light dark; {plots.css_variables(0)} }}
@media (prefers-color-scheme: dark) {{ @media not print {{ :root {{ {plots.css_variables(1)} }} }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }}
main {{ max-width: 1240px; margin: 0 auto; padding: 12px 16px 48px; }}
h1 {{ font-size: 1.6rem; margin: .4rem 0; }}
h2 {{ font-size: 1.3rem; margin: 2.2rem 0 .4rem; padding-top: .6rem; border-top: 2px solid var(--ink); }}
h3 {{ font-size: 1.08rem; margin: 1.8rem 0 .3rem; }}
h4 {{ font-size: .95rem; margin: 1rem 0 .3rem; }}
h1, h2, h3, td, th, p, figcaption, summary, li {{ overflow-wrap: anywhere; }}
p {{ max-width: 80ch; margin: .4rem 0; }}
a {{ color: var(--s0); }}
.note, figcaption, .legend {{ color: var(--muted); font-size: .85rem; }}
.legend {{ max-width: none; }}
.legend span {{ display: inline-block; margin-right: 1.1em; }}
.legend b {{ font-size: 1.1em; }}
.scroll {{ overflow-x: auto; margin: .5rem 0; }}
.scroll svg {{ display: block; max-width: 100%; height: auto; }}
.panels {{ display: grid; gap: 14px 18px; grid-template-columns: repeat(auto-fill, minmax(min(250px, 100%), 1fr)); }}
.panels svg {{ display: block; width: 100%; max-width: 380px; height: auto; }}
figure {{ margin: 0; min-width: 0; display: flex; flex-direction: column; justify-content: space-between; }}
figcaption b {{ color: var(--ink); font-weight: 600; }}
svg text {{ font-family: "DejaVu Sans", Verdana, sans-serif; }}
svg * {{ stroke-linejoin: round; stroke-linecap: butt; }}
table {{ border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }}
th, td {{ padding: 3px 9px; border-bottom: 1px solid var(--rule); text-align: right; vertical-align: top; }}
th {{ font-weight: 600; }}
tbody th, .plain td, .plain th, thead .name {{ text-align: left; }}
.numbers td, .numbers th {{ white-space: nowrap; }}
.numbers td.name {{ white-space: normal; min-width: 12.5em; text-align: left; }}
.facts th {{ width: 8.5em; color: var(--muted); font-weight: normal; }}
.facts td {{ text-align: left; }}
.heat td {{ text-align: center; border: 1px solid var(--paper); min-width: 3.6em; }}
.heat thead th {{ text-align: center; }}
.heat .name:first-child {{ position: sticky; left: 0; min-width: 0; white-space: nowrap; background: var(--paper); }}
.slower {{ color: var(--{plots.SERIES[SLOWER]}); font-weight: 600; }}
.faster {{ color: var(--{plots.SERIES[FASTER]}); font-weight: 600; }}
details {{ margin: .5rem 0; }}
summary {{ cursor: pointer; padding: 4px 0; }}
@media print {{
    .scroll {{ overflow: visible; }}
    .scroll svg {{ min-width: 0 !important; }}
    figure, tr {{ break-inside: avoid; }}
    h2, h3, h4 {{ break-after: avoid; }}
}}
"""


def text(value: object) -> str:
    return html.escape(str(value))


def name(value: str) -> str:
    """A benchmark's name; narrow screens break it after its parts."""
    return re.sub(r"([/_])", r"\1<wbr>", text(value))


def table(head: list[str], rows: list[list[str]], kind: str = "numbers") -> str:
    """Cells are HTML, or whole <td>s; the first of a row names it."""

    def cells(row: list[str], tag: str) -> str:
        first, *others = (cell if cell.startswith("<td") else f"<{tag}>{cell}</{tag}>" for cell in row)
        return first.replace(f"<{tag}>", f'<{tag} class="name">', 1) + "".join(others)

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    return (
        f'<div class="scroll"><table class="{kind}"><thead><tr>{cells(head, "th")}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def facts_table(facts: list[tuple[str, object]]) -> str:
    rows = "".join(f"<tr><th>{text(name)}</th><td>{text(value)}</td></tr>" for name, value in facts if value)
    return f'<table class="facts"><tbody>{rows}</tbody></table>'


def details(summary: str, body: str, is_open: bool) -> str:
    return f"<details{' open' if is_open else ''}><summary>{summary}</summary>{body}</details>"


def size(count: int) -> str:
    for unit, scale in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= scale:
            return f"{count / scale:g} {unit}"
    return f"{count} bytes" if count else ""


def short(record: dict) -> str:
    return str(record.get("revision") or "?")[:8] + ("+" if record.get("dirty") else "")


def day(record: dict) -> str:
    return str(record["date"])[:10] or "no date"


def distinct(values: Iterable) -> list:
    return list(dict.fromkeys(values))


def heat_cell(ratio: float, title: str) -> str:
    background, ink = plots.heat(ratio)
    return f'<td title="{text(title)}" style="background:{background};color:{ink}">{ratio:.2f}</td>'


def percent(step: float) -> str:
    return f"{100 * step:+.1f} %"
