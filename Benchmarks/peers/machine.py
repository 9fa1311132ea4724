"""What the peers' scripts and the one that runs them share; it needs no package."""

from __future__ import annotations

import argparse
import os


def threads() -> int:
    """The cores that this process may use; `taskset` takes some away."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def positive(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of at least 1")
    return int(text)
