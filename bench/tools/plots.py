# SPDX-License-Identifier: Apache-2.0
"""Figures of the report as small SVG texts that live inside one HTML page.

matplotlib draws with the light colours of PALETTE; the finished SVG then names CSS variables instead, so that the
page's scheme (light, dark, print) colours the figures too. One unit of a figure is one CSS pixel.
"""

from __future__ import annotations

import html
import io
import math
import re
from dataclasses import dataclass

import matplotlib
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator
from matplotlib.transforms import Affine2D

# name: colour on a light page, colour on a dark page. The series colours stay apart for colour-blind eyes.
PALETTE = {
    "ink": ("#1b1f24", "#e6e9ed"),
    "muted": ("#5b6570", "#9aa5b1"),
    "rule": ("#d9dee4", "#353d47"),
    "paper": ("#fefefe", "#14181d"),
    "s0": ("#0072b2", "#56b4e9"),
    "s1": ("#d55e00", "#ff8c42"),
    "s2": ("#009473", "#35c99f"),
    "s3": ("#b5558f", "#e79bc8"),
    "s4": ("#a88400", "#efdc4a"),
    "s5": ("#7a5230", "#c79a6b"),
    "s6": ("#6a4fc4", "#ab9bff"),
    "s7": ("#6d757e", "#b3bcc6"),
}
SERIES = [name for name in PALETTE if re.fullmatch(r"s\d", name)]
MARKERS = [("o", "&#9679;"), ("s", "&#9632;"), ("^", "&#9650;"), ("D", "&#9670;"), ("v", "&#9660;")]

INK, MUTED, RULE, PAPER = (PALETTE[name][0] for name in ("ink", "muted", "rule", "paper"))

STYLE = {
    "svg.fonttype": "none",  # text stays text: small, sharp, searchable
    "svg.hashsalt": "rnnpack",
    "text.parse_math": False,  # names are data
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.labelcolor": MUTED,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.formatter.useoffset": False,
    "axes.formatter.limits": (-9, 9),
    "figure.facecolor": "none",
    "figure.dpi": 72,
    "savefig.dpi": 72,
    "grid.color": RULE,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "lines.linewidth": 1.6,
}
matplotlib.rcdefaults()
matplotlib.rcParams.update(STYLE)


@dataclass(frozen=True)
class Point:
    """A marker. series picks the colour, marker the shape; title is shown when the pointer rests on it."""

    x: float
    y: float
    title: str
    series: int = 0
    marker: int = 0


@dataclass(frozen=True)
class Line:
    """One series of a panel; name is in the legend, series < 0 is the dashed line of the limit."""

    name: str
    series: int
    x: list[float]
    y: list[float]


def colour(series: int) -> str:
    return PALETTE[SERIES[series % len(SERIES)]][0]


def marker(index: int) -> str:
    return MARKERS[index % len(MARKERS)][0]


def css_variables(scheme: int) -> str:
    return "".join(f"--{name}:{pair[scheme]};" for name, pair in PALETTE.items())


def legend(entries: list[tuple[str, int | None, int | None]]) -> str:
    """(text, series or None for grey, marker or None for a dashed line), as HTML so that it wraps on narrow screens."""
    items = []
    for text, series, shape in entries:
        tint = "muted" if series is None else SERIES[series % len(SERIES)]
        sign = "- -" if shape is None else MARKERS[shape % len(MARKERS)][1]
        items.append(f'<span><b style="color:var(--{tint})">{sign}</b> {html.escape(shorten(text, 40))}</span>')
    return f'<p class="legend">{" ".join(items)}</p>'


def number(value: float) -> str:
    """Two or three digits that count."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.{1 if value >= 10 else 2 if value >= 1 else 3}f}" if value >= 0.1 else f"{value:.2g}"


def duration(us: float) -> str:
    """A round time of an axis with its unit."""
    for unit, scale in (("s", 1e6), ("ms", 1e3), ("us", 1.0)):
        if us >= scale:
            return f"{us / scale:g} {unit}"
    return f"{us * 1e3:g} ns"


def shorten(text: str, length: int) -> str:
    """Cuts the middle: the ends of benchmark names tell them apart."""
    head = (length - 2) // 2
    return text if len(text) <= length else f"{text[:head]}..{text[len(text) - (length - 2 - head):]}"


def _figure(
    width: float, height: float, left: float, bottom: float, right: float = 8, top: float = 8
) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width / 72, height / 72))
    box = (left / width, bottom / height, (width - left - right) / width, (height - top - bottom) / height)
    return figure, figure.add_axes(box)


def _ticks(axis: Axis, values: list[float], labels: list[str]) -> None:
    axis.set_major_locator(FixedLocator(values))
    axis.set_major_formatter(FixedFormatter(labels))
    axis.set_minor_locator(NullLocator())


def _log_ticks(low: float, high: float) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ((1, 2, 5), (1, 3), (1,)):
        values = [step * 10.0**decade for decade in decades for step in steps if low <= step * 10.0**decade <= high]
        if len(values) <= 6:
            break
    return values or [low]


def _log_limits(values: list[float], margin: float) -> tuple[float, float]:
    low, high = math.log10(min(values)), math.log10(max(values))
    space = max((high - low) * margin, 0.1)
    return 10 ** (low - space), 10 ** (high + space)


def _compact(tag: re.Match) -> str:
    """One tag, shorter: a tenth of a pixel is enough; colours by name; fonts are the page's."""
    text = re.sub(r"-?\d+\.\d{2,}", lambda match: f"{float(match[0]):.1f}".removesuffix(".0"), " ".join(tag[0].split()))
    text = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size:\1px", text)
    for name, (light, _) in PALETTE.items():
        text = text.replace(light, f"var(--{name})")
    if text.startswith("<path"):
        text = re.sub(r" ?\b([MLQCz]) ?(?=[-\d\"])", r"\1", text)
    return re.sub(r"([:;]) ", r"\1", text)


def _svg(figure: Figure, prefix: str, label: str, titles: list[str]) -> str:
    """The figure as text: variables for colours, titles for the groups t0, t1, ..., ids that no other figure has."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    width, height = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text).groups()
    text = text[text.index(">") + 1 :]
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->|<style.*?</style>", "", text, flags=re.S)
    text = re.sub(r"<[^>]*>", _compact, text.replace("xlink:href", "href"))
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', text))

    def identify(match: re.Match) -> str:
        element, name, rest = match.groups()
        if title := re.fullmatch(r"t(\d+)", name):
            return f"<{element}{rest}><title>{html.escape(titles[int(title[1])])}</title>"
        return f'<{element} id="{prefix}-{name}"{rest}>' if name in used else f"<{element}{rest}>"

    text = re.sub(r'<(\w+) id="([^"]+)"([^>]*)>', identify, text)
    text = re.sub(r'(href="|url\()#', rf"\1#{prefix}-", text)
    text = re.sub(r">\s+<", "><", text)
    text = re.sub(r"<defs></defs>|<defs ?/>", "", text)
    return (
        f'<svg width="{width}" height="{height}" style="min-width:{0.75 * float(width):.0f}px" '
        f'viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{html.escape(label)}">{text}'
    ).strip()


def _plot_points(axes: Axes, points: list[Point], aside: float = 0) -> list[str]:
    """Draws them, each series `aside` pixels to the right of the one before, and returns the titles."""
    middle = (max(point.series for point in points) if points else 0) / 2
    for index, point in enumerate(points):
        (artist,) = axes.plot([point.x], [point.y], marker(point.marker), ms=6, clip_on=False)
        artist.set_transform(axes.transData + Affine2D().translate(aside * (point.series - middle), 0))
        artist.set(color=colour(point.series), markeredgecolor=PAPER, markeredgewidth=0.7, gid=f"t{index}")
    return [point.title for point in points]


def roofline(
    prefix: str, label: str, points: list[Point], roofs: list[tuple[str, float]], peaks: list[tuple[str, float]]
) -> str:
    """roofs: (level, GB/s); peaks: (ISA, GFLOP/s). Points: flop per byte against GFLOP/s."""
    width, height, left, bottom = 860, 460, 58, 44
    figure, axes = _figure(width, height, left, bottom, right=14)
    top = max([peak for _, peak in peaks] + [point.y for point in points])
    ridges = [top / roof for _, roof in roofs]
    room = min(ridges, default=1) / 2.5  # for the names of the slopes
    x_low, x_high = _log_limits([point.x for point in points] + ridges + [room], 0.08)
    y_low, y_high = _log_limits([point.y for point in points] + [top] + [roof * x_low for _, roof in roofs], 0.05)
    axes.set(xscale="log", yscale="log", xlim=(x_low, x_high), ylim=(y_low, y_high))
    axes.set(xlabel="arithmetic intensity, flop per byte", ylabel="GFLOP/s")
    angle = math.degrees(
        math.atan2((height - bottom - 8) / math.log10(y_high / y_low), (width - left - 14) / math.log10(x_high / x_low))
    )
    for level, roof in roofs:
        axes.plot([x_low, top / roof], [x_low * roof, top], color=MUTED, linewidth=1.2)
        axes.annotate(
            f"{level} {number(roof)} GB/s",
            (x_low, x_low * roof),
            xytext=(12, 12 * math.tan(math.radians(angle)) + 3),
            textcoords="offset points",
            rotation=angle,
            rotation_mode="anchor",
            color=MUTED,
            fontsize=9,
            bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 0.5},
        )
    for isa, peak in peaks:
        axes.plot(
            [min([peak / roof for _, roof in roofs], default=x_low), x_high], [peak, peak], color=INK, linewidth=1.2
        )
        axes.annotate(
            f"{isa} FMA {number(peak)} GFLOP/s",
            (x_high, peak),
            xytext=(-2, 3),
            textcoords="offset points",
            ha="right",
            fontsize=9,
        )
    for axis, limits in ((axes.xaxis, (x_low, x_high)), (axes.yaxis, (y_low, y_high))):
        ticks = _log_ticks(*limits)
        _ticks(axis, ticks, [f"{tick:g}" for tick in ticks])
    return _svg(figure, prefix, label, _plot_points(axes, points, aside=6))


def dots(prefix: str, label: str, rows: list[str], points: list[Point]) -> str:
    """Percent of the limit: one line per row, its points on it (y: the row's index from the top), a vertical line at 100."""
    left = 12 + 6 * max(len(row) for row in rows)
    figure, axes = _figure(left + 340, 52 + 17 * len(rows), left, 38, top=6, right=16)
    high = 1.04 * max([100] + [point.x for point in points])
    axes.set(xlim=(0, high), ylim=(len(rows) - 0.4, -0.6), xlabel="percent of limit")
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines["left"].set_visible(False)
    axes.axvline(100, color=INK, linewidth=1.2)
    return _svg(figure, prefix, label, _plot_points(axes, points))


def scaling(prefix: str, label: str, lines: list[Line], x_label: str) -> str:
    """Time against size, both logarithmic."""
    figure, axes = _figure(280, 200, 46, 34)
    for line in reversed(lines):  # the first on top
        if line.series < 0:
            axes.plot(line.x, line.y, color=INK, linewidth=1.2, dashes=(4, 2))
        else:
            axes.plot(line.x, line.y, color=colour(line.series), marker=marker(line.series), ms=4.5, clip_on=False)
    sizes = sorted({x for line in lines for x in line.x})
    times = [y for line in lines for y in line.y]
    axes.set(xscale="log", yscale="log", xlim=_log_limits(sizes, 0.05), ylim=_log_limits(times, 0.07))
    _ticks(axes.xaxis, sizes, [f"{size:g}" for size in sizes])
    ticks = _log_ticks(*axes.get_ylim())
    _ticks(axes.yaxis, ticks, [duration(tick) for tick in ticks])
    axes.set(xlabel=x_label)
    return _svg(figure, prefix, label, [])


def timeline(
    prefix: str, label: str, values: list[float], runs: list[str], titles: list[str], marks: dict[int, int]
) -> str:
    """Times over runs with the runs' short names below; marks: the runs from which on the time is another, and the
    series whose colour says so."""
    figure, axes = _figure(280, 170, 52, 52)
    axes.plot(range(len(values)), values, color=colour(0), linewidth=1.3)
    low, high = min(values), max(values)
    space = max(0.12 * (high - low), 0.06 * high - (high - low) / 2)  # noise of a percent must not fill the panel
    axes.set(ylim=(low - space, high + space), xlim=(-0.5, len(values) - 0.5), ylabel="us")
    for run, series in marks.items():
        axes.axvline(run - 0.5, color=colour(series), linewidth=1.2, dashes=(3, 2))
    shown = set(range(0, len(runs), math.ceil(len(runs) / 16)))
    if not marks.keys() <= shown:
        shown = {run for run in shown if all(abs(run - mark) > len(runs) / 20 for mark in marks)} | set(marks)
    axes.set_xticks(sorted(shown), [runs[run] for run in sorted(shown)], rotation=90, fontsize=8.5)
    points = [Point(run, value, title, marks.get(run, 0)) for run, (value, title) in enumerate(zip(values, titles))]
    return _svg(figure, prefix, label, _plot_points(axes, points))


def sparkline(values: list[float], marks: dict[int, int]) -> str:
    """A bare line for a table's cell, drawn by hand: hundreds of them must stay small."""
    low, high = min(values), max(values)
    scale = max(high - low, 0.1 * high)  # noise of a percent must not fill the box
    middle = (low + high) / 2

    def place(index: int) -> tuple[str, str]:
        y = 11 - 18 * (values[index] - middle) / scale
        return f"{3 + 114 * index / max(len(values) - 1, 1):.4g}", f"{y:.3g}"

    line = " ".join(",".join(place(index)) for index in range(len(values)))
    circles = []
    for index in sorted({len(values) - 1, *marks}):
        x, y = place(index)
        circles.append(f'<circle cx="{x}" cy="{y}" r="2.2" fill="var(--{SERIES[marks.get(index, 0)]})"/>')
    return (
        '<svg width="120" height="22" viewBox="0 0 120 22" aria-hidden="true">'
        f'<polyline points="{line}" fill="none" stroke="var(--s0)"/>{"".join(circles)}</svg>'
    )


def heat(ratio: float) -> tuple[str, str]:
    """Background and text of a heat map's cell: white at 1, blue above, orange below, full at a factor of 2."""
    position = max(-1.0, min(1.0, math.log2(ratio)))
    end = (5, 98, 160) if position > 0 else (190, 82, 0)
    mixed = [round(255 + (channel - 255) * abs(position)) for channel in end]
    luminance = sum(weight * channel for weight, channel in zip((0.299, 0.587, 0.114), mixed))
    return "#{:02x}{:02x}{:02x}".format(*mixed), "#000" if luminance > 140 else "#fff"
