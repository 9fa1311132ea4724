"""libtorch: its headers and libraries, from the wheel `torch`, or from the folder that `LIBTORCH` names.

`.deps/venv` is a virtual environment with the wheel, and `.deps/libtorch` a link to the package inside it, which is
where the manifest looks. The link is made last and removed first: where it leads to a libtorch, that one is whole.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import sys
from pathlib import Path

from support import SetupError, remove, require_space, run, say, warn
from wheels import Pip, Wheel, explain

VERSION = "2.13.0"

NEEDED_FILES = [
    "include/ATen/core/Tensor.h",
    "lib/libtorch_cpu.dylib" if sys.platform == "darwin" else "lib/libtorch_cpu.so",
]
VERSION_HEADERS = ["include/torch/headeronly/version.h", "include/torch/csrc/api/include/torch/version.h"]


def set_up(deps: Path) -> None:
    # Empty is the same as unset, as in the manifest.
    given = os.environ.get("LIBTORCH", "")
    if given:
        check_given(given)
    elif missing_file(deps / "libtorch") or version_of(deps / "libtorch") != VERSION:
        install(deps)


def check_given(given: str) -> None:
    remedy = f"name the absolute path of a folder that holds libtorch {VERSION}, or unset LIBTORCH to have one set up"
    folder = Path(given)
    if not folder.is_absolute():
        raise SetupError(f"LIBTORCH is '{given}', which is not an absolute path: {remedy}.")
    missing = missing_file(folder)
    if missing:
        raise SetupError(f"LIBTORCH is '{given}', which holds no {missing}: {remedy}.")
    version = version_of(folder)
    if version is None or version.split(".")[:2] != VERSION.split(".")[:2]:
        warn(
            f"LIBTORCH is '{given}', which holds version {version or 'unknown'}: "
            f"this package is built and tested with {VERSION}."
        )


def missing_file(folder: Path) -> str | None:
    return next((name for name in NEEDED_FILES if not (folder / name).exists()), None)


def version_of(folder: Path) -> str | None:
    for header in VERSION_HEADERS:
        if (folder / header).exists():
            text = (folder / header).read_text()
            numbers = [re.search(rf"define TORCH_VERSION_{part} (\d+)", text) for part in ("MAJOR", "MINOR", "PATCH")]
            if all(numbers):
                return ".".join(number[1] for number in numbers if number)
    return None


def install(deps: Path) -> None:
    check_python()
    link, environment, temporary = deps / "libtorch", deps / "venv", deps / "tmp"
    for leftover in (link, environment, temporary):
        remove(leftover)
    require_space(deps, gigabytes=1, purpose="torch")
    temporary.mkdir()

    say("Creating a virtual environment in .deps/venv")
    created = run([sys.executable, "-m", "venv", environment])
    if created.returncode != 0:
        raise SetupError(f"python3 could not create a virtual environment: {explain(created.stdout)}")

    python = environment / "bin" / "python"
    pip = Pip(python, temporary=temporary, log=deps / "pip.log")
    say(f"Asking pip which build of torch {VERSION} it would install")
    wheel = pip.resolve(f"torch=={VERSION}")
    announce(wheel, deps)
    # The package needs the libraries of the wheel only, and what those load: nothing for the CPU, CUDA's own for CUDA.
    pip.install(f"torch=={wheel.version}", with_dependencies=not wheel.is_cpu_only)

    packages = run([python, "-c", "import sysconfig; print(sysconfig.get_path('platlib'))"]).stdout.strip()
    installed = Path(packages) / "torch"
    missing = missing_file(installed)
    if missing:
        raise SetupError(f"{wheel.file} holds no {missing}, so it is not a build of libtorch {VERSION} for C++.")
    remove(temporary)
    link.symlink_to(os.path.relpath(installed, deps))
    say(f"libtorch {wheel.version} is ready in .deps/libtorch")


def check_python() -> None:
    if sys.version_info < (3, 10):
        raise SetupError(
            f"Python {platform.python_version()} is too old for torch {VERSION}, which needs 3.10 or newer: "
            "name a newer one, as in 'make PYTHON=/path/to/python3'."
        )
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            raise SetupError(
                f"{sys.executable} has no module {module}, so it cannot create a virtual environment with pip: "
                "install it (python3-venv on Debian and Ubuntu)."
            )


def announce(wheel: Wheel, deps: Path) -> None:
    """Says what is coming before it comes, and that it will not fit where it will not."""
    if wheel.is_cpu_only:
        say(f"Installing torch {wheel.version}, CPU only: about 200 MB to download, 800 MB on disk")
    else:
        say(f"Installing torch {wheel.version} for GPUs: SEVERAL GIGABYTES to download, and up to 10 GB on disk.")
        say("    For the CPU build (about 200 MB) press Ctrl-C, set PIP_INDEX_URL, PIP_EXTRA_INDEX_URL or")
        say("    PIP_FIND_LINKS to the CPU wheels that PyTorch's install page names, and run it again.")
        require_space(deps, gigabytes=10, purpose="this build of torch")
