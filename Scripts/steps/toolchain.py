"""Is there a Swift that can build this package, and a C++ standard library for the code that calls libtorch?"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from support import SetupError, run

MINIMUM = (6, 3)
INSTALL_SWIFT = "install Swift 6.3 or newer and put its usr/bin folder on the PATH"


def check(deps: Path) -> None:
    """Checks once for each Swift: the answer is kept in `.deps/toolchain`, since compiling takes half a second."""
    swift = shutil.which("swift")
    if swift is None:
        raise SetupError(f"Swift is not found: {INSTALL_SWIFT}.")
    executable = Path(swift).resolve()
    checked = f"{executable} {executable.stat().st_mtime_ns}\n"
    stamp = deps / "toolchain"
    if stamp.exists() and stamp.read_text() == checked:
        return
    check_cxx(resources=check_swift(swift))
    stamp.write_text(checked)


def check_swift(swift: str) -> Path:
    """Checks the version; returns the folder of the compiler's own resources, `usr/lib/swift`."""
    answer = run([swift, "-print-target-info"])
    try:
        information = json.loads(answer.stdout)
        version = information["compilerVersion"]
        resources = Path(information["paths"]["runtimeResourcePath"])
    except (ValueError, KeyError):
        raise SetupError(f"{swift} does not tell its version: {INSTALL_SWIFT}.") from None
    numbers = re.search(r"version (\d+)\.(\d+)", version)
    if numbers is None or tuple(map(int, numbers.groups())) < MINIMUM:
        raise SetupError(f"{swift} is too old ({version}): {INSTALL_SWIFT}.")
    return resources


def check_cxx(resources: Path) -> None:
    """Has the compiler that Swift brings, which builds the C++ target, read a header of the standard library."""
    compiler = resources.parent.parent / "bin" / "clang++"
    clang = str(compiler) if compiler.exists() else shutil.which("clang++")
    if clang is None:
        raise SetupError(f"Swift's own clang++ is not at {compiler}: {INSTALL_SWIFT}.")
    answer = run([clang, "-std=c++20", "-fsyntax-only", "-x", "c++", "-include", "concepts", "/dev/null"])
    if answer.returncode != 0:
        raise SetupError(
            f"{clang} finds no C++20 standard library: install its headers "
            "(libstdc++-12-dev or newer, or g++, on Debian and Ubuntu; libstdc++-devel on Fedora)."
        )
