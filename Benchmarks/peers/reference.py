"""The data of the cases, and the matrices that plain NumPy makes of them, in float64."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from cases import DAMPING, Case


def data(case: Case) -> np.ndarray:
    """The input of a factor or an inverse, in float32: normal numbers, or the covariance of half as many as needed.

    Activations are shifted, so that the bias column is not lost among zeros.
    """
    generator = np.random.default_rng(20150319)
    if case.kind == "inverse":
        (size,) = case.shape
        rows = generator.standard_normal((size // 2, size), dtype=np.float32)
        return rows.T @ rows / np.float32(size // 2)
    values = generator.standard_normal(case.shape, dtype=np.float32)
    return values + np.float32(0.5) if case.kind != "output-factor" else values


def matrix(case: Case) -> np.ndarray:
    """The matrix of a case by plain NumPy: second moments averaged over examples and positions, with the bias last."""
    values = data(case).astype(np.float64)
    if case.kind == "inverse":
        return np.linalg.inv(values + DAMPING * np.eye(len(values)))
    rows = {"input-factor": patches, "output-factor": positions, "dense-factor": lambda rows: rows}[case.kind](values)
    if case.kind != "output-factor":
        rows = np.concatenate([rows, np.ones((len(rows), 1))], axis=1)
    return rows.T @ rows / len(rows)


def patches(images: np.ndarray) -> np.ndarray:
    """The patches of a 3x3 convolution with stride 1 and padding 1: [N·H·W, C·3·3]."""
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    return windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, 9 * images.shape[1])


def positions(gradients: np.ndarray) -> np.ndarray:
    return gradients.transpose(0, 2, 3, 1).reshape(-1, gradients.shape[1])


def comparison(case: Case, compute: Callable[[], np.ndarray] | None) -> dict[str, Any]:
    """Compares a peer's matrix with the plain one, up to a scale; a matrix without the bias column is compared as such.

    `error` is the difference's norm over the matrix's, after the scale that fits best.
    """
    if compute is None:
        return {"case": case.name, "error": None, "scale": None, "bias": None}
    expected, actual = matrix(case), np.asarray(compute(), dtype=np.float64)
    has_bias = case.kind in ("input-factor", "dense-factor")
    bias = actual.shape == expected.shape if has_bias else None
    if bias is False:
        expected = expected[:-1, :-1]
    if actual.shape != expected.shape:
        raise SystemExit(f"The matrix is {actual.shape}, and the plain one {expected.shape}.")
    scale = float(np.vdot(expected, actual) / np.vdot(expected, expected))
    error = float(np.linalg.norm(actual - scale * expected) / np.linalg.norm(scale * expected))
    return {"case": case.name, "error": error, "scale": scale, "bias": bias}
