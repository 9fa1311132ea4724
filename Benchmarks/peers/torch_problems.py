"""The networks of the `step` cases in PyTorch, as Sources/TorchNN/Models has them, each with a batch and its loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from cases import Case

L2 = 1e-5


@dataclass(frozen=True)
class Problem:
    """A network with its batch, its loss, a function of PyTorch's, and how often its inverses are renewed."""

    network: nn.Module
    inputs: Tensor
    targets: Tensor
    loss: Callable[..., Tensor]
    period: int
    weight_decay: float

    @property
    def batch_size(self) -> int:
        return len(self.inputs)

    def backward(self) -> None:
        """Computes the gradients of the loss, averaged over the batch and summed over the pixels."""
        self.network.zero_grad()
        (self.loss(self.network(self.inputs), self.targets, reduction="sum") / self.batch_size).backward()


def problem(case: Case) -> Problem:
    torch.manual_seed(20150319)
    if case.network == "autoencoder":
        images = torch.rand(1000, 784)
        loss = functional.binary_cross_entropy_with_logits
        return Problem(autoencoder(), images, images, loss, period=5, weight_decay=L2)
    network, shape = {"convnet": (convnet, (256, 1, 28, 28)), "resnet20": (resnet20, (128, 3, 32, 32))}[case.network]
    labels = torch.randint(10, (shape[0],))
    return Problem(network(), torch.randn(shape), labels, functional.cross_entropy, period=10, weight_decay=0.0)


def convnet() -> nn.Module:
    layers: list[nn.Module] = []
    for inputs, outputs in ((1, 32), (32, 64), (64, 128)):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(128 * 3 * 3, 10))


def autoencoder() -> nn.Module:
    sizes = (784, 1000, 500, 250, 30, 250, 500, 1000, 784)
    layers: list[nn.Module] = []
    for index, (inputs, outputs) in enumerate(zip(sizes, sizes[1:])):
        layers.append(nn.Linear(inputs, outputs))
        if outputs != 30 and index < len(sizes) - 2:
            layers.append(nn.Tanh())
    return nn.Sequential(*layers)


class ResidualBlock(nn.Module):
    """The basic block; where the shape changes, the shortcut is every second pixel and channels of zeros."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.convolution1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.normalization1 = nn.BatchNorm2d(outputs)
        self.convolution2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.normalization2 = nn.BatchNorm2d(outputs)
        self.added_channels, self.stride = outputs - inputs, stride

    def forward(self, inputs: Tensor) -> Tensor:
        inner = functional.relu(self.normalization1(self.convolution1(inputs)))
        shortcut = inputs
        if self.stride > 1:
            strided = inputs[:, :, :: self.stride, :: self.stride]
            shortcut = functional.pad(strided, (0, 0, 0, 0, 0, self.added_channels))
        return functional.relu(self.normalization2(self.convolution2(inner)) + shortcut)


def resnet20() -> nn.Module:
    blocks: list[nn.Module] = []
    inputs = 16
    for outputs in (16, 32, 64):
        for _ in range(3):
            blocks.append(ResidualBlock(inputs, outputs, stride=1 if inputs == outputs else 2))
            inputs = outputs
    first = [nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    return nn.Sequential(*first, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def sgd_step(case: Case) -> Callable[[], None]:
    """A step of stochastic gradient descent with momentum on a network of its own."""
    task = problem(case)
    optimizer = torch.optim.SGD(task.network.parameters(), lr=1e-4, momentum=0.9, weight_decay=task.weight_decay)

    def step() -> None:
        task.backward()
        optimizer.step()

    return step
