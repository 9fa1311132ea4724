"""Times curvlinops: the hooks of its KFACLinearOperator, and the inverse of KFACInverseLinearOperator.

It has no optimizer. Its matrices are sums over the batches of a data set, not running averages.
"""

from __future__ import annotations

import numpy as np
import torch
from curvlinops import KFACInverseLinearOperator, KFACLinearOperator
from torch import Tensor, nn

import measurement
import reference
from cases import DAMPING, Case
from measurement import NotOffered, Work

LAYER = "0"


def prepare(case: Case, method: str) -> Work:
    if case.kind == "step":
        raise NotOffered("curvlinops has no optimizer.")
    values = torch.from_numpy(reference.data(case))
    if case.kind == "inverse":
        return inverse(values)
    layer = nn.Linear(values.shape[1], 1) if values.dim() == 2 else nn.Conv2d(values.shape[1], 1, 3, padding=1)
    operator = kfac(layer, batch_size=len(values))

    if case.kind == "output-factor":
        factors = operator._gradient_covariances

        def update() -> None:
            operator._accumulate_gradient_covariance(values, layer, LAYER)
    else:
        factors = operator._input_covariances

        def update() -> None:
            operator._hook_accumulate_input_covariance(layer, (values,), LAYER)

    def matrix() -> np.ndarray:
        factors.clear()
        update()
        return factors[LAYER].numpy()

    return Work(update, matrix)


def kfac(layer: nn.Module, batch_size: int) -> KFACLinearOperator:
    """The operator of a network of one layer; the data beside it are only looked at when it is made."""
    model = nn.Sequential(layer)
    inputs = layer.in_features if isinstance(layer, nn.Linear) else layer.in_channels
    return KFACLinearOperator(
        model,
        nn.MSELoss(reduction="sum"),
        list(model.parameters()),
        [(torch.zeros(1, inputs), torch.zeros(1, 1))],
        check_deterministic=False,
        num_per_example_loss_terms=1,
        separate_weight_and_bias=False,
        num_data=batch_size,
    )


def inverse(values: Tensor) -> Work:
    operator = kfac(nn.Linear(len(values) - 1, 1), batch_size=1)
    inverter = KFACInverseLinearOperator(operator, damping=DAMPING, cache=False)

    def invert() -> Tensor:
        return inverter._compute_inverse_factors(values, None)[0]

    return Work(invert, matrix=lambda: invert().numpy())


if __name__ == "__main__":
    measurement.main(__doc__, prepare, ["default"])
