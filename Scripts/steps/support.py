"""What the steps share: how they speak, fail, and run and remove things."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Mapping, Sequence


class SetupError(Exception):
    """Something that the user can put right: the message is a sentence that says what and how."""


def say(line: str) -> None:
    print(line, flush=True)


def warn(sentence: str) -> None:
    print(f"setup: warning: {sentence}", file=sys.stderr, flush=True)


def run(
    command: Sequence[str | Path],
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    speaking: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Runs a command with English messages; its output is kept, or goes to the terminal where it is `speaking`.

    Open files are inherited, the set-up's lock among them.
    """
    output = None if speaking else subprocess.PIPE
    return subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=None if speaking else subprocess.STDOUT,
        text=True,
        errors="replace",
        close_fds=False,
        cwd=folder,
        env={**os.environ, "LC_ALL": "C.UTF-8", **(environment or {})},
    )


def remove(path: Path) -> None:
    """Removes a file, a link or a folder with all it holds, or nothing where there is nothing."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def require_space(folder: Path, gigabytes: float, purpose: str) -> None:
    free = shutil.disk_usage(folder).free / 1e9
    if free < gigabytes:
        raise SetupError(
            f"The disk that holds {folder} has {free:.1f} GB free and {purpose} needs {gigabytes} GB: "
            "free some space and run it again."
        )


def last_line(text: str, prefix: str = "") -> str:
    """The last line that begins with `prefix`, without it; else the last line of all."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    matching = [line[len(prefix) :].strip() for line in lines if line.startswith(prefix)]
    return (matching or lines or ["no message"])[-1].rstrip(".")
