"""Times SINGD: steps with dense, K-FAC-like preconditioners that are renewed at every step, without an inverse."""

from __future__ import annotations

import torch
from singd.optim.optimizer import SINGD

import measurement
import torch_problems
from cases import DAMPING, DECAY, Case
from measurement import NotOffered, Steps


def prepare(case: Case, method: str) -> Steps:
    if case.kind != "step":
        raise NotOffered("SINGD folds its statistics into the preconditioner: it keeps no factor and inverts none.")
    task = torch_problems.problem(case)
    optimizer = SINGD(
        task.network,
        lr=1e-4,
        momentum=0.9,
        damping=DAMPING,
        alpha1=0.0,
        weight_decay=task.weight_decay,
        T=1,
        lr_cov=1 - DECAY,
        kfac_like=True,
        warn_unsupported=False,
        normalize_lr_cov=True,
    )
    handled = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    others = [parameter for parameter in task.network.parameters() if id(parameter) not in handled]
    plain = torch.optim.SGD(others, lr=1e-4, momentum=0.9) if others else None

    def step(index: int) -> None:
        task.backward()
        optimizer.step()
        if plain is not None:
            plain.step()

    return Steps(step, task.period, plain=torch_problems.sgd_step(case))


if __name__ == "__main__":
    measurement.main(__doc__, prepare, ["default"])
