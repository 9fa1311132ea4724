"""Times BackPACK: the input factors of its KFAC extension, and its inverse of a Kronecker factor.

It has no optimizer, no bias column and no running average.
"""

from __future__ import annotations

import torch
from backpack.extensions import KFAC
from backpack.extensions.secondorder.hbp.conv2d import HBPConv2d
from backpack.extensions.secondorder.hbp.linear import HBPLinear
from backpack.utils.kroneckers import inv_kfacs
from torch import nn

import measurement
import reference
from cases import DAMPING, Case
from measurement import NotOffered, Work


def prepare(case: Case, method: str) -> Work:
    if case.kind == "step":
        raise NotOffered("BackPACK has no optimizer.")
    if case.kind == "output-factor":
        raise NotOffered("BackPACK sums the gradients over positions before it multiplies them: another matrix.")
    values = torch.from_numpy(reference.data(case))
    if case.kind == "inverse":
        return Work(
            lambda: inv_kfacs([values], shift=DAMPING), matrix=lambda: inv_kfacs([values], shift=DAMPING)[0].numpy()
        )
    if values.dim() == 2:
        layer, extension = nn.Linear(values.shape[1], 1), HBPLinear()
    else:
        layer, extension = nn.Conv2d(values.shape[1], 1, 3, padding=1), HBPConv2d()
    layer.input0 = values
    kfac = KFAC()
    return Work(
        lambda: extension._factors_from_input(kfac, layer),
        matrix=lambda: extension._factors_from_input(kfac, layer)[0].numpy(),
    )


if __name__ == "__main__":
    measurement.main(__doc__, prepare, ["default"])
