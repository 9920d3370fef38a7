"""What was measured as a table, as JSON and as a picture."""

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import Final

COLOURS: Final = {"ccx": "#2563eb", "mitmdump": "#f59e0b", "nginx": "#9ca3af"}
OTHER: Final = "#7c3aed"
LABELS: Final = 290
WIDTH: Final = 460
BAR: Final = 14
"""Pixels of the picture."""


@dataclass(frozen=True)
class Row:
    """One program in one scenario: medians over the rounds. ``cpu_ms``: of all its processes, for each answer."""

    scenario: str
    program: str
    rate: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float


def median_row(rows: Sequence[Row]) -> Row:
    """One row for the rounds of one program in one scenario."""
    numbers = ("rate", "p50_ms", "p99_ms", "cpu_ms")
    medians = {name: statistics.median(getattr(row, name) for row in rows) for name in numbers}
    return Row(rows[0].scenario, rows[0].program, **medians)


def table(rows: Iterable[Row]) -> str:
    """Markdown."""
    lines = [
        "| scenario | program | answers/s | p50 ms | p99 ms | CPU ms an answer |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        numbers = f"{row.rate:.0f} | {row.p50_ms:.2f} | {row.p99_ms:.2f} | {row.cpu_ms:.2f}"
        lines.append(f"| {row.scenario} | {row.program} | {numbers} |")
    return "\n".join(lines)


def as_json(rows: Iterable[Row]) -> str:
    return json.dumps([asdict(row) for row in rows], indent=1) + "\n"


def picture(rows: Sequence[Row], title: str) -> str:
    """SVG: a bar for each program's CPU time an answer, relative to the dearest of its scenario."""
    out, y = [f'<text x="8" y="20" font-weight="bold">{escape(title)}</text>'], 34
    for scenario in dict.fromkeys(row.scenario for row in rows):
        group = [row for row in rows if row.scenario == scenario]
        most = max(row.cpu_ms for row in group) or 1.0
        out.append(f'<text x="8" y="{y + 12}">{escape(scenario)}</text>')
        for row in group:
            length = max(1.0, row.cpu_ms / most * WIDTH)
            colour = COLOURS.get(row.program, OTHER)
            out.append(f'<rect x="{LABELS}" y="{y}" width="{length:.1f}" height="{BAR - 2}" fill="{colour}"/>')
            words = escape(f"{row.program} {row.cpu_ms:.2f} ms")
            out.append(f'<text x="{LABELS + length + 6:.1f}" y="{y + 10}" font-size="11">{words}</text>')
            y += BAR
        y += 8
    size = f'width="{LABELS + WIDTH + 180}" height="{y + 4}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12" fill="#111">'
    return "\n".join((head, '<rect width="100%" height="100%" fill="#fff"/>', *out, "</svg>")) + "\n"
