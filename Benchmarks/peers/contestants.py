"""Who is timed, and how each is run once for a case."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import environments

OURS = "swift-kfac"


@dataclass(frozen=True)
class Peer:
    """A script with its environment; `kinds` are the kinds of case that it offers."""

    name: str
    script: str
    environment: str
    kinds: tuple[str, ...]
    method: str = "default"
    networks: tuple[str, ...] = ("convnet", "resnet20", "autoencoder")

    def offers(self, kind: str, network: str) -> bool:
        return kind in self.kinds and (kind != "step" or network in self.networks)


FACTORS = ("input-factor", "output-factor", "dense-factor")

PEERS = (
    Peer("torch", "peer_torch.py", "torch", (*FACTORS, "inverse", "step")),
    Peer("torch-eigh", "peer_torch.py", "torch", ("inverse",), "eigh"),
    # ResNet-20 as kfac-jax is installed would take minutes a step.
    Peer(
        "kfac-jax", "peer_kfac_jax.py", "jax", (*FACTORS, "inverse", "step"), networks=("convnet", "autoencoder")
    ),
    Peer(
        "kfac-jax-explicit", "peer_kfac_jax.py", "jax", ("input-factor", "step"), "explicit", ("convnet", "resnet20")
    ),
    Peer("curvlinops", "peer_curvlinops.py", "torch", (*FACTORS, "inverse")),
    Peer("backpack", "peer_backpack.py", "torch", ("input-factor", "dense-factor", "inverse")),
    Peer("asdl", "peer_asdl.py", "torch", (*FACTORS, "inverse", "step"), networks=("convnet", "resnet20")),
    Peer("asdl-empirical", "peer_asdl.py", "torch", ("step",), "empirical"),
    Peer("kronfluence", "peer_kronfluence.py", "torch", (*FACTORS, "inverse")),
    Peer("singd", "peer_singd.py", "torch", ("step",)),
)


class Failure(Exception):
    """Why a run gave no figure, in a line."""


def run_peer(peer: Peer, case: str, repeats: int, timeout: float, check: bool = False) -> dict[str, Any]:
    """Runs a peer's script once and returns the JSON that it wrote."""
    try:
        python = environments.python_of(peer.environment)
    except environments.EnvironmentFailure as error:
        raise Failure(str(error)) from None
    arguments = ["--case", case, "--method", peer.method, "--repeats", str(repeats)]
    if check:
        arguments.append("--check")
    return called([python, "-B", environments.HERE / peer.script, *arguments], timeout)


def run_ours(tool: Path, case: str, timeout: float) -> dict[str, Any]:
    """Runs `kfac bench` once and returns the JSON that it wrote."""
    if not tool.exists():
        raise Failure(f"{tool} is not there: build it by 'swift build -c release'.")
    return called([tool, "bench", "--case", case], timeout)


def called(command: list[str | Path], timeout: float) -> dict[str, Any]:
    """Runs a command that writes JSON where `--json` says; a failure is the last line of what it said."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "results.json"
        try:
            answer = subprocess.run(
                [str(word) for word in [*command, "--json", file]],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=timeout,
                env=environment(),
            )
        except subprocess.TimeoutExpired:
            raise Failure(f"It took longer than {timeout:g} s.") from None
        except OSError as error:
            raise Failure(f"{command[0]} cannot be run: {error.strerror}.") from None
        if answer.returncode == 0 and file.exists():
            return json.loads(file.read_text())
    lines = [line.strip() for line in answer.stdout.splitlines() if line.strip()]
    raise Failure(lines[-1] if lines else f"It ended with status {answer.returncode} and without a word.")


def environment() -> dict[str, str]:
    """Threads that wait let others work, unless the user says otherwise: else waiting would count as CPU time."""
    return {"OMP_WAIT_POLICY": "passive", "TF_CPP_MIN_LOG_LEVEL": "2", "JAX_PLATFORMS": "cpu", **os.environ}


def timed_result(answer: dict[str, Any], case: str) -> dict[str, Any]:
    """The result of a case in a run's JSON, with the seconds it must have."""
    for result in answer.get("results", []):
        if result.get("case") == case and "seconds" in result:
            return result
    raise Failure(f"Its JSON has no seconds of {case}.")


def load() -> float:
    return os.getloadavg()[0]


def clock() -> float:
    return time.monotonic()
