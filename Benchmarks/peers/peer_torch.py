"""Times plain PyTorch: unfold and one product, Cholesky or eigh, stochastic gradient descent."""

from __future__ import annotations

import torch
from torch.nn import functional

import measurement
import reference
import torch_problems
from cases import DAMPING, DECAY, Case
from measurement import NotOffered, Steps, Work


def prepare(case: Case, method: str) -> Work | Steps:
    if case.kind == "step":
        if method != "default":
            raise NotOffered(f"--method {method} is for the inverse alone.")
        step = torch_problems.sgd_step(case)
        return Steps(lambda index: step(), period=10)
    values = torch.from_numpy(reference.data(case))
    if case.kind == "inverse":
        inverse = {"default": cholesky_inverse, "eigh": eigh_inverse}[method]
        return Work(lambda: inverse(values), matrix=lambda: inverse(values).numpy())
    if method != "default":
        raise NotOffered(f"--method {method} is for the inverse alone.")
    return factor(case, values)


def cholesky_inverse(matrix: torch.Tensor) -> torch.Tensor:
    damped = matrix.clone()
    damped.diagonal().add_(DAMPING)
    return torch.cholesky_inverse(torch.linalg.cholesky(damped))


def eigh_inverse(matrix: torch.Tensor) -> torch.Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors / (values + DAMPING)) @ vectors.T


def factor(case: Case, values: torch.Tensor) -> Work:
    def rows() -> torch.Tensor:
        if case.kind == "output-factor":
            return values.transpose(0, 1).flatten(1).T
        examples = values
        if case.kind == "input-factor":
            examples = functional.unfold(values, 3, padding=1).transpose(1, 2).flatten(0, 1)
        return torch.cat([examples, examples.new_ones(len(examples), 1)], dim=1)

    size = rows().shape[1]
    average = torch.zeros(size, size)

    def update() -> None:
        examples = rows()
        average.addmm_(examples.T, examples, beta=DECAY, alpha=(1 - DECAY) / len(examples))

    def matrix():
        average.zero_()
        update()
        return average.numpy()

    return Work(update, matrix)


if __name__ == "__main__":
    measurement.main(__doc__, prepare, ["default", "eigh"])
