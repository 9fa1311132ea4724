"""The cases, as `kfac bench` names them: a kind, a slash, and the shape or the network."""

from __future__ import annotations

import re
from dataclasses import dataclass

NAMES = (
    "input-factor/256x32x28x28",
    "input-factor/64x256x14x14",
    "input-factor/32x512x7x7",
    "input-factor/256x64x28x28",
    "output-factor/256x64x28x28",
    "output-factor/64x256x14x14",
    "dense-factor/1000x1000",
    "dense-factor/1000x784",
    "inverse/577",
    "inverse/1153",
    "inverse/2305",
    "inverse/4609",
    "step/convnet",
    "step/resnet20",
    "step/autoencoder",
    "step/autoencoder-fractions",
)

# Shapes on which plain NumPy can tell quickly whether a peer computes the same matrix.
CHECKED_NAMES = ("input-factor/4x5x7x6", "output-factor/4x5x7x6", "dense-factor/20x7", "inverse/30")

KINDS = {"input-factor": 4, "output-factor": 4, "dense-factor": 2, "inverse": 1}
# By the names of their cases: with fractions, peers do what they do without.
NETWORKS = {
    "convnet": "convnet",
    "resnet20": "resnet20",
    "autoencoder": "autoencoder",
    "autoencoder-fractions": "autoencoder",
}

DAMPING = 1e-3
DECAY = 0.95


class CaseError(ValueError):
    """A name that is no case: the message is a sentence."""


@dataclass(frozen=True)
class Case:
    name: str
    kind: str
    shape: tuple[int, ...] = ()
    network: str = ""

    @staticmethod
    def named(name: str) -> Case:
        """Reads a name; shapes other than those of `NAMES` are cases too."""
        kind, _, rest = name.partition("/")
        if kind == "step" and rest in NETWORKS:
            return Case(name, kind, network=NETWORKS[rest])
        if kind in KINDS and re.fullmatch(r"[1-9]\d*(x[1-9]\d*)*", rest):
            shape = tuple(map(int, rest.split("x")))
            if len(shape) == KINDS[kind]:
                return Case(name, kind, shape=shape)
        raise CaseError(f"There is no case '{name}': the cases are {', '.join(NAMES)}, and the same with other shapes.")
