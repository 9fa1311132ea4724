"""Medians over the rounds, ratios, and the table. Nothing here runs anything."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field
from typing import Any, Iterable, Sequence

# Stochastic gradient descent beside K-FAC steps: a yardstick, not a peer.
YARDSTICKS = {("torch", "step")}

HEADER = (
    "| case | who | wall, ms | CPU a core, ms | peer / ours, wall | peer / ours, CPU | step / SGD step | rounds |\n"
    "|---|---|---:|---:|---:|---:|---:|---:|"
)


@dataclass
class Row:
    """What one contestant showed in one case: a figure a round, or why there is none."""

    case: str
    name: str
    walls: list[float] = field(default_factory=list)
    cpus: list[float] = field(default_factory=list)
    sgds: list[float] = field(default_factory=list)
    failure: str | None = None

    def add(self, result: dict[str, Any]) -> None:
        self.walls.append(float(result["seconds"]))
        if result.get("cpu_seconds") is not None:
            self.cpus.append(float(result["cpu_seconds"]))
        if result.get("sgd_seconds") is not None:
            self.sgds.append(float(result["sgd_seconds"]))

    @property
    def wall(self) -> float | None:
        return median(self.walls)

    @property
    def cpu(self) -> float | None:
        """CPU seconds of all threads together."""
        return median(self.cpus)

    @property
    def over_sgd(self) -> float | None:
        return ratio(self.wall, median(self.sgds))

    @property
    def is_yardstick(self) -> bool:
        return (self.name, self.case.partition("/")[0]) in YARDSTICKS


def median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def ratio(numerator: float | None, denominator: float | None) -> float | None:
    return numerator / denominator if numerator is not None and denominator else None


def best(rows: Iterable[Row], ours: str) -> str | None:
    """The name of the fastest peer."""
    peers = [row for row in rows if row.name != ours and row.wall is not None and not row.is_yardstick]
    return min(peers, key=lambda row: row.wall).name if peers else None


def table(cases: Sequence[Sequence[Row]], ours: str, threads: int) -> str:
    """The rows of each case in Markdown, this project's first, the best peer's in bold."""
    lines = [HEADER]
    for rows in cases:
        own = next((row for row in rows if row.name == ours), None)
        fastest = best(rows, ours)
        for row in rows:
            lines.append(line(row, own, row.name == fastest, threads))
    return "\n".join(lines)


def line(row: Row, own: Row | None, is_best: bool, threads: int) -> str:
    name = f"**{row.name}**" if is_best else row.name
    if row.is_yardstick:
        name += " (SGD)"
    if row.wall is None:
        reason = (row.failure or "It was not run.").replace("|", "\\|")
        return f"| {row.case} | {name} | {reason} | | | | | {len(row.walls)} |"
    other = own if own is not None and own is not row else None
    cells = [
        milliseconds(row.wall),
        milliseconds(row.cpu / threads if row.cpu is not None else None),
        times(ratio(row.wall, other.wall) if other else None, is_best),
        times(ratio(row.cpu, other.cpu) if other else None, is_best),
        times(row.over_sgd),
        str(len(row.walls)),
    ]
    return f"| {row.case} | {name} | " + " | ".join(cells) + " |"


def milliseconds(seconds: float | None) -> str:
    return "–" if seconds is None else significant(1000 * seconds)


def times(value: float | None, is_best: bool = False) -> str:
    if value is None:
        return "–"
    return f"**{significant(value)}**" if is_best else significant(value)


def significant(value: float) -> str:
    """Three digits or, from 1,000 on, all before the point: 0.0123, 4.57, 1,234."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    value = float(f"{value:.3g}") if abs(value) < 1000 else value
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{decimals}f}"


def as_json(cases: Sequence[Sequence[Row]], ours: str) -> list[dict[str, Any]]:
    answer = []
    for rows in cases:
        own = next((row for row in rows if row.name == ours), None)
        fastest = best(rows, ours)
        for row in rows:
            answer.append(
                {
                    "case": row.case,
                    "name": row.name,
                    "seconds": row.wall,
                    "cpu_seconds": row.cpu,
                    "ratio": ratio(row.wall, own.wall) if own and own is not row else None,
                    "cpu_ratio": ratio(row.cpu, own.cpu) if own and own is not row else None,
                    "over_sgd": row.over_sgd,
                    "best": row.name == fastest,
                    "rounds": row.walls,
                    "cpu_rounds": row.cpus,
                    "failure": row.failure,
                }
            )
    return answer
