"""Times ASDL (the package asdfghjkl): its layers' operations, its Cholesky inverse, its KfacGradientMaker."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.cuda import nvtx

import measurement
import reference
import torch_problems
from cases import DAMPING, DECAY, Case
from measurement import NotOffered, Steps, Work

# ASDL marks ranges for NVIDIA's profiler, which a PyTorch for the CPU refuses: they do nothing here.
nvtx.range_push = nvtx.range_pop = lambda *_: None

from asdl.matrices import FISHER_EMP, FISHER_MC  # noqa: E402
from asdl.operations.conv import Conv2d  # noqa: E402
from asdl.operations.linear import Linear  # noqa: E402
from asdl.precondition import KfacGradientMaker, PreconditioningConfig  # noqa: E402
from asdl.symmatrix import Kron  # noqa: E402
from asdl.utils import cholesky_inv  # noqa: E402


def prepare(case: Case, method: str) -> Work | Steps:
    if case.kind == "step":
        return steps(case, method)
    if method != "default":
        raise NotOffered(f"--method {method} is for the steps alone.")
    values = torch.from_numpy(reference.data(case))
    if case.kind == "inverse":
        return Work(
            lambda: cholesky_inv(values, damping=DAMPING), matrix=lambda: cholesky_inv(values, damping=DAMPING).numpy()
        )
    return factor(case, values)


def factor(case: Case, values: torch.Tensor) -> Work:
    """The factor as the operations compute it, into the running average as NaturalGradientMaker keeps it."""
    channels = values.shape[1]
    if values.dim() == 2:
        layer, operation = nn.Linear(channels, 1), Linear
    else:
        layer, operation = nn.Conv2d(channels, channels, 3, padding=1), Conv2d
    scale = (1 - DECAY) / len(values)

    def compute() -> Kron:
        if case.kind == "output-factor":
            matrix = operation.cov_kron_B(layer, operation.preprocess_out_grads(layer, values))
            return Kron(A=None, B=matrix.mul_(scale))
        rows = operation.extend_in_data(operation.preprocess_in_data(layer, values, None))
        return Kron(A=operation.cov_kron_A(layer, rows).mul_(scale), B=None)

    average = compute()

    def update() -> None:
        average.mul_(DECAY)
        average.__iadd__(compute())

    def matrix() -> np.ndarray:
        once = compute()
        return (once.A if once.A is not None else once.B).numpy()

    return Work(update, matrix)


def steps(case: Case, method: str) -> Steps:
    """Steps with new statistics each time; batch normalisation is left to plain gradient descent."""
    if case.network == "autoencoder" and method != "empirical":
        raise NotOffered("ASDL samples no targets for a Bernoulli loss: --method empirical takes the true ones.")
    task = torch_problems.problem(case)
    config = PreconditioningConfig(
        data_size=task.batch_size,
        damping=DAMPING,
        ema_decay=1 - DECAY,
        curvature_upd_interval=1,
        preconditioner_upd_interval=task.period,
        ignore_modules=[nn.BatchNorm2d],
    )
    maker = KfacGradientMaker(task.network, config, fisher_type=FISHER_MC if method == "default" else FISHER_EMP)
    optimizer = torch.optim.SGD(task.network.parameters(), lr=1e-4, momentum=0.9, weight_decay=task.weight_decay)

    def step(index: int) -> None:
        # The maker renews the inverses at multiples of the period.
        maker.state["step"] = index
        optimizer.zero_grad()
        outputs = maker.setup_model_call(task.network, task.inputs)
        maker.setup_loss_call(task.loss, outputs, task.targets)
        maker.forward_and_backward()
        optimizer.step()

    return Steps(step, task.period, plain=torch_problems.sgd_step(case))


if __name__ == "__main__":
    measurement.main(__doc__, prepare, ["default", "empirical"])
