"""Times kronfluence: its covariance tracker, and its eigendecomposition in float64. It has no optimizer."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import torch
from kronfluence.arguments import FactorArguments
from kronfluence.factor.eigen import perform_eigendecomposition
from kronfluence.module.conv2d import TrackedConv2d
from kronfluence.module.linear import TrackedLinear
from kronfluence.module.tracker.factor import CovarianceTracker
from kronfluence.utils.constants import (
    ACTIVATION_COVARIANCE_MATRIX_NAME,
    ACTIVATION_EIGENVALUES_NAME,
    ACTIVATION_EIGENVECTORS_NAME,
    GRADIENT_COVARIANCE_MATRIX_NAME,
    NUM_ACTIVATION_COVARIANCE_PROCESSED,
    NUM_GRADIENT_COVARIANCE_PROCESSED,
)
from kronfluence.utils.state import State
from torch import nn

import measurement
import reference
from cases import DAMPING, Case
from measurement import NotOffered, Work

LAYER = "layer"


def prepare(case: Case, method: str) -> Work:
    if case.kind == "step":
        raise NotOffered("kronfluence has no optimizer.")
    values = torch.from_numpy(reference.data(case))
    return inverse(values) if case.kind == "inverse" else factor(case, values)


def factor(case: Case, values: torch.Tensor) -> Work:
    channels = values.shape[1]
    if values.dim() == 2:
        module = TrackedLinear(LAYER, nn.Linear(channels, 1))
    else:
        module = TrackedConv2d(LAYER, nn.Conv2d(channels, channels, 3, padding=1))
    tracker = CovarianceTracker(module)
    of_outputs = case.kind == "output-factor"

    def update() -> None:
        if of_outputs:
            tracker._update_gradient_covariance_matrix(*module.get_flattened_gradient(values))
        else:
            tracker._update_activation_covariance_matrix(*module.get_flattened_activation(values))

    def matrix() -> np.ndarray:
        tracker.release_memory()
        update()
        name = GRADIENT_COVARIANCE_MATRIX_NAME if of_outputs else ACTIVATION_COVARIANCE_MATRIX_NAME
        return module.storage[name].numpy()

    return Work(update, matrix)


def inverse(values: torch.Tensor) -> Work:
    """The eigenvectors and eigenvalues that kronfluence keeps instead of an inverse."""
    count, other = torch.ones(1), torch.eye(1)
    factors = {
        ACTIVATION_COVARIANCE_MATRIX_NAME: {LAYER: values},
        NUM_ACTIVATION_COVARIANCE_PROCESSED: {LAYER: count},
        GRADIENT_COVARIANCE_MATRIX_NAME: {LAYER: other},
        NUM_GRADIENT_COVARIANCE_PROCESSED: {LAYER: count},
    }
    model = nn.Sequential()
    model.add_module(LAYER, TrackedLinear(LAYER, nn.Linear(1, 1)))
    state, settings = State(), FactorArguments(strategy="kfac")

    def decompose() -> dict[str, dict[str, torch.Tensor]]:
        with contextlib.redirect_stderr(io.StringIO()):
            return perform_eigendecomposition(factors, model, state, settings, disable_tqdm=True)

    def matrix() -> np.ndarray:
        answer = decompose()
        vectors = answer[ACTIVATION_EIGENVECTORS_NAME][LAYER]
        return ((vectors / (answer[ACTIVATION_EIGENVALUES_NAME][LAYER] + DAMPING)) @ vectors.T).numpy()

    return Work(decompose, matrix)


if __name__ == "__main__":
    measurement.main(__doc__, prepare, ["default"])
