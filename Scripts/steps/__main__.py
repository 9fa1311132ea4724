"""Sets up what this package needs and does not contain: libtorch and Fashion-MNIST, inside `.deps`.

Every step skips what is already there, and writes what marks it as done last, so that a set-up that was
interrupted is simply run again.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import fcntl
import os
import sys
from pathlib import Path
from typing import Iterator

import fashion_mnist
import libtorch
import toolchain
from support import SetupError, say, warn

REPOSITORY = Path(__file__).resolve().parents[2]


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="Scripts/setup",
        description="Set up libtorch and Fashion-MNIST inside the folder .deps of this repository; skip what is there.",
        epilog="LIBTORCH=/absolute/path uses a libtorch of your own; PYTHON=/path/to/python3 another Python.",
    )
    parser.add_argument(
        "--require-data", action="store_true", help="fail, not only warn, where Fashion-MNIST cannot be fetched"
    )
    options = parser.parse_args()

    try:
        deps = dependencies_folder()
        with exclusive_use(deps):
            toolchain.check(deps)
            libtorch.set_up(deps)
            set_up_data(deps, required=options.require_data)
    except SetupError as error:
        return fail(str(error))
    except OSError as error:
        return fail(explanation(error))
    except KeyboardInterrupt:
        print("\nsetup: interrupted: run it again to start the unfinished step over.", file=sys.stderr)
        return 130
    return 0


def set_up_data(deps: Path, required: bool) -> None:
    try:
        fashion_mnist.set_up(deps, checksums=REPOSITORY / "Scripts" / "fashion-mnist.sha256")
    except SetupError as error:
        if required:
            raise
        warn(f"{error} Only 'make demo' needs it.")


def dependencies_folder() -> Path:
    folder = REPOSITORY / ".deps"
    folder.mkdir(exist_ok=True)
    return folder.resolve()


@contextlib.contextmanager
def exclusive_use(deps: Path) -> Iterator[None]:
    """Keeps other set-ups of the same folder waiting.

    The lock is inherited by the programs that the steps start: where this one is killed, the next set-up waits for
    a pip that is still writing, instead of working against it.
    """
    with open(deps / "lock", "w") as lock:
        os.set_inheritable(lock.fileno(), True)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another set-up of this folder to end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def explanation(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk that holds {REPOSITORY / '.deps'} is full: free some space and run it again."
    return f"{error.strerror}: {error.filename or REPOSITORY / '.deps'}."


def fail(sentence: str) -> int:
    print(f"setup: error: {sentence}", file=sys.stderr)
    return 1


sys.exit(main())
