"""pip, as the set-up uses it: inside its own virtual environment, with the user's configuration.

Nothing here names an index: where wheels come from is pip's configuration (files, `PIP_INDEX_URL`, `PIP_FIND_LINKS`…).
"""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from support import SetupError, last_line, run


@dataclass(frozen=True)
class Wheel:
    """The build of a package that pip chose."""

    file: str
    version: str
    is_cpu_only: bool


@dataclass(frozen=True)
class Pip:
    python: Path
    temporary: Path
    log: Path

    def resolve(self, requirement: str) -> Wheel:
        """Asks pip which wheel it would install, without installing it.

        pip learnt to answer in 22.2, and in 23.3 to do it without downloading the wheel, so an older one first
        renews itself inside the virtual environment where it can.
        """
        import ensurepip  # Here, since it is missing where Debian's python3-venv is.

        self.log.unlink(missing_ok=True)
        bundled = numbers(ensurepip.version())
        if bundled < (23, 3):
            renewed = self.run(["install", "--quiet", "--upgrade", "pip>=23.3"]).returncode == 0
            if not renewed and bundled < (22, 2):
                raise SetupError(
                    f"pip {ensurepip.version()}, which this Python brings, is too old and could not be renewed inside "
                    ".deps/venv: check the network, or name a newer Python, as in 'make PYTHON=/path/to/python3'."
                )
        report = self.temporary / "report.json"
        # Why an index could not be read is only in the log.
        options = ["--dry-run", "--no-deps", "--quiet", "--only-binary=:all:", "--log", self.log]
        answer = self.run(["install", *options, "--report", report, requirement])
        if answer.returncode != 0:
            raise SetupError(explain(answer.stdout + (text_of(self.log) or "")))
        return chosen_wheel(json.loads(report.read_text()))

    def install(self, requirement: str, with_dependencies: bool) -> None:
        # Nobody imports the wheel's Python files, so they are not compiled either.
        options = ["--only-binary=:all:", "--no-compile", "--no-warn-script-location", "--log", self.log]
        if not with_dependencies:
            options.append("--no-deps")
        if self.run(["install", *options, requirement], speaking=True).returncode != 0:
            raise SetupError(explain(text_of(self.log) or ""))

    def run(self, arguments: list[str | Path], speaking: bool = False) -> subprocess.CompletedProcess[str]:
        return run(
            [self.python, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments],
            speaking=speaking,
            # Wheels are large for some systems' /tmp, and a configured `--user` does not go with a virtual environment.
            environment={"TMPDIR": str(self.temporary), "PIP_USER": "0"},
        )


def text_of(file: Path) -> str | None:
    return file.read_text(errors="replace") if file.exists() else None


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:2]))


def chosen_wheel(report: dict) -> Wheel:
    """Reads pip's report on a single package.

    A build for the CPU says so in its version (`2.13.0+cpu`) or asks for none of NVIDIA's libraries.
    """
    package = report["install"][0]
    metadata = package["metadata"]
    version = metadata["version"]
    local = version.partition("+")[2]
    accelerated = any(
        re.match(r"(nvidia|cuda)-", name) for name in metadata.get("requires_dist", [])
    ) and sys.platform.startswith("linux")
    return Wheel(
        file=package["download_info"]["url"].rpartition("/")[2],
        version=version,
        is_cpu_only=local == "cpu" if local else not accelerated,
    )


def explain(output: str) -> str:
    """Turns what pip printed when it failed into a sentence."""

    def says(pattern: str) -> bool:
        return re.search(pattern, output, re.IGNORECASE) is not None

    if says("No space left on device|Disk quota exceeded"):
        return "The disk is full: free some space and run it again."
    own = "or name a libtorch of your own by LIBTORCH."
    untrusted = re.search(r"repository located at (\S+) is not a trusted or secure host", output)
    if untrusted:
        return (
            f"pip does not trust its package index at {untrusted[1]}, as its address is no https:// one: change the "
            f"address, set PIP_TRUSTED_HOST={untrusted[1]}, {own}"
        )
    certificate = re.search(r"CERTIFICATE_VERIFY_FAILED\W+(?:certificate verify failed: )?([^(\n]*)", output)
    if certificate:
        return (
            f"pip does not trust the certificate of its package index ({certificate[1].strip(' :,')}): set PIP_CERT to "
            f"the certificates to trust, or PIP_TRUSTED_HOST to the index's host, {own}"
        )
    status = r"(?:401|403|407|429|5\d\d)\b"
    refusal = re.search(rf"(?:fetch URL \S+: |HTTP error )({status}[^\n]*?)(?: for url|$)", output, re.MULTILINE)
    if refusal:
        return (
            f"pip's package index refuses to answer ({refusal[1].strip(' :')}): check pip's configuration "
            f"('pip config list') and your access to it, {own}"
        )
    if says("connection broken by|connection error|Max retries exceeded|timed out|ProxyError|SSLError|SSL: "):
        return (
            "pip could not reach its package index: check the network and pip's configuration "
            f"('pip config list'), {own}"
        )
    if says("No matching distribution found"):
        libc = " ".join(platform.libc_ver()) or "another C library than glibc"
        system = f"{platform.system()} {platform.machine()}" + (f", {libc}" if sys.platform == "linux" else "")
        return (
            f"pip finds no wheel of torch for this machine ({system}, {platform.python_implementation()} "
            f"{platform.python_version()}): there are wheels for CPython 3.10 to 3.14 on 64-bit Linux (x86_64 and "
            "aarch64, glibc 2.28 or newer) and macOS 14 (arm64); name another Python, as in "
            "'make PYTHON=/path/to/python3', or a libtorch of your own by LIBTORCH."
        )
    return f"{last_line(output, prefix='ERROR:')}."
