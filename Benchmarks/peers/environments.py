"""The virtual environments of the peers, inside `.deps/peers`, made when they are first needed.

Where the wheels come from is pip's configuration (files, `PIP_INDEX_URL`, `PIP_FIND_LINKS`…).
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Iterator

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]


class EnvironmentFailure(Exception):
    """Something that the user can put right: the message is a sentence."""


def python_of(name: str) -> Path:
    """The Python of an environment, which is made anew where what it should hold has changed."""
    if sys.version_info < (3, 11):
        raise EnvironmentFailure("The peers need Python 3.11 or newer: name one by PYTHON=/path/to/python3.")
    requirements = HERE / f"requirements-{name}.txt"
    folder = REPOSITORY / ".deps" / "peers"
    folder.mkdir(parents=True, exist_ok=True)
    environment = folder.resolve() / name
    python, marker = environment / "bin" / "python", environment / "installed.txt"
    with exclusive_use(folder):
        if not (python.exists() and marker.exists() and marker.read_text() == requirements.read_text()):
            print(f"Making the environment of {name} in {environment}", file=sys.stderr, flush=True)
            make(environment, requirements)
            marker.write_text(requirements.read_text())
    return python


def make(environment: Path, requirements: Path) -> None:
    shutil.rmtree(environment, ignore_errors=True)
    python = environment / "bin" / "python"
    called([sys.executable, "-m", "venv", environment], "Python's venv")
    called([python, "-m", "pip", "install", "--no-input", "--quiet", "--requirement", requirements], "pip")


def called(command: list[str | Path], name: str) -> None:
    answer = subprocess.run(
        [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True,
    )
    if answer.returncode != 0:
        lines = [line for line in answer.stdout.splitlines() if line.strip()]
        errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR:")]
        raise EnvironmentFailure(f"{name} failed: {(errors or lines or ['it gave no message'])[-1]}")


@contextlib.contextmanager
def exclusive_use(folder: Path) -> Iterator[None]:
    """Keeps a second run that needs the same environments waiting."""
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
