"""What all peers' scripts share: their command line, the data, the clock and the JSON that they write.

A script hands `main` a function that prepares a case. Only what that function returns is timed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Sequence

import numpy as np

import reference
from cases import Case, CaseError
from machine import positive, threads

# Work that takes longer than this needs no second run to warm up: its first run counts.
LONG_SECONDS = 10.0
# Steps that reuse the inverses, timed for each that renews them.
STEPS_BETWEEN = 3


class NotOffered(Exception):
    """What the peer cannot do: the message is a sentence."""


@dataclass(frozen=True)
class Work:
    """A factor or an inverse: how to compute it, and the matrix that one computation from the start gives."""

    run: Callable[[], Any]
    matrix: Callable[[], np.ndarray] | None = None


@dataclass(frozen=True)
class Steps:
    """Training steps of one network.

    `step` takes a whole step and is told which of the cycle's `period` steps it is: the first, 0, renews the inverses.
    The others are alike, so that a few stand for all, unless `alike` says otherwise. `plain` takes a plain step of
    stochastic gradient descent in the same framework.
    """

    step: Callable[[int], Any]
    period: int
    plain: Callable[[], Any] | None = None
    alike: bool = True


@dataclass(frozen=True)
class Time:
    wall: float
    cpu: float


@dataclass
class Samples:
    """What was measured; the CPU seconds are those of all threads together."""

    walls: list[float] = field(default_factory=list)
    cpus: list[float] = field(default_factory=list)

    def add(self, time: Time) -> None:
        self.walls.append(time.wall)
        self.cpus.append(time.cpu)


def timed(work: Callable[[], Any]) -> Time:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Time(time.perf_counter() - wall, time.process_time() - cpu)


def sampled(work: Callable[[], Any], repeats: int) -> Samples:
    """Times the work after one run to warm up; where that takes long, it is the only sample."""
    samples = Samples()
    first = timed(work)
    if first.wall > LONG_SECONDS:
        samples.add(first)
        return samples
    for _ in range(repeats):
        samples.add(timed(work))
    return samples


def sampled_steps(steps: Steps, repeats: int) -> Samples:
    """Times the mean step over a cycle: one that renews the inverses and `period` - 1 that do not."""
    others = range(1, min(STEPS_BETWEEN + 1, steps.period) if steps.alike else steps.period)
    if timed(lambda: steps.step(0)).wall > LONG_SECONDS and steps.alike:
        repeats, others = 1, others[:1]
    else:
        for index in others:
            steps.step(index)

    samples = Samples()
    for _ in range(repeats):
        renewing, *reusing = [timed(lambda: steps.step(index)) for index in (0, *others)]
        samples.add(
            Time(
                mean_over_cycle(renewing.wall, [time.wall for time in reusing], steps.period),
                mean_over_cycle(renewing.cpu, [time.cpu for time in reusing], steps.period),
            )
        )
    return samples


def mean_over_cycle(renewing: float, others: Sequence[float], period: int) -> float:
    return (renewing + (period - 1) * statistics.mean(others)) / period


def result(case: Case, prepared: Work | Steps, repeats: int) -> dict[str, Any]:
    """Measures one case."""
    if isinstance(prepared, Work):
        return summary(case, sampled(prepared.run, repeats))
    answer = summary(case, sampled_steps(prepared, repeats))
    if prepared.plain is not None:
        answer["sgd_seconds"] = statistics.median(sampled(prepared.plain, 3 * repeats).walls)
    return answer


def summary(case: Case, samples: Samples) -> dict[str, Any]:
    return {
        "case": case.name,
        "seconds": statistics.median(samples.walls),
        "cpu_seconds": statistics.median(samples.cpus),
        "samples": samples.walls,
    }


def main(
    description: str,
    prepare: Callable[[Case, str], Work | Steps],
    methods: Sequence[str],
    arguments: Sequence[str] | None = None,
) -> None:
    """Runs a peer's script."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--case", required=True, metavar="NAME", help="what to time, such as inverse/1153")
    parser.add_argument("--method", choices=methods, default=methods[0], help=f"how (default: {methods[0]})")
    parser.add_argument("--repeats", type=positive, default=3, metavar="N", help="samples (default: 3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write (default: the terminal)")
    parser.add_argument(
        "--check", action="store_true", help="time nothing; compare the matrix with the plain one, on a small shape"
    )
    options = parser.parse_args(arguments)
    try:
        case = Case.named(options.case)
    except CaseError as error:
        parser.error(str(error))
    try:
        prepared = prepare(case, options.method)
    except NotOffered as refusal:
        raise SystemExit(f"{refusal}") from None

    load = os.getloadavg()[0]
    if options.check:
        answer = {"results": [reference.comparison(case, prepared.matrix)]}
    else:
        answer = {
            "machine": {"threads": threads(), "load": load},
            "results": [result(case, prepared, options.repeats)],
        }
    text = json.dumps(answer, indent=2)
    if options.json is None:
        print(text)
    else:
        options.json.write_text(text + "\n")
