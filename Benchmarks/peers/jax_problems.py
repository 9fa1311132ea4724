"""The networks of the `step` cases in plain JAX, images as [N, H, W, C], each with a batch and its registered loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable

import jax
import jax.numpy as jnp
import kfac_jax
import numpy as np

from cases import Case

L2 = 1e-5
Parameters = Any
Batch = tuple[jax.Array, jax.Array]


@dataclass(frozen=True)
class Problem:
    """Parameters, a batch, and the loss averaged over the batch, which tells kfac-jax of itself."""

    parameters: Parameters
    batch: Batch
    loss: Callable[[Parameters, Batch], jax.Array]
    l2: float


class Maker:
    """Makes parameters, of the size that PyTorch gives them."""

    def __init__(self) -> None:
        self.generator = np.random.default_rng(20150319)

    def weight(self, *shape: int) -> jax.Array:
        bound = 1 / np.sqrt(np.prod(shape[:-1]))
        return jnp.asarray(self.generator.uniform(-bound, bound, shape), jnp.float32)

    def layer(self, *shape: int) -> dict[str, jax.Array]:
        return {"w": self.weight(*shape), "b": jnp.zeros(shape[-1])}

    def normalized(self, *shape: int) -> dict[str, jax.Array]:
        return {"w": self.weight(*shape), "scale": jnp.ones(shape[-1]), "shift": jnp.zeros(shape[-1])}


def problem(case: Case) -> Problem:
    make = Maker()
    if case.network == "autoencoder":
        images = jnp.asarray(make.generator.random((1000, 784)), jnp.float32)
        return Problem(autoencoder_parameters(make), (images, images), pixel_loss, L2)
    shape = (256, 28, 28, 1) if case.network == "convnet" else (128, 32, 32, 3)
    images = jnp.asarray(make.generator.standard_normal(shape), jnp.float32)
    labels = jnp.asarray(make.generator.integers(10, size=shape[0]))
    parameters, network = {
        "convnet": (convnet_parameters, convnet),
        "resnet20": (resnet20_parameters, resnet20),
    }[case.network]
    return Problem(parameters(make), (images, labels), label_loss(network), 0.0)


def label_loss(network: Callable[[Parameters, jax.Array], jax.Array]) -> Callable[[Parameters, Batch], jax.Array]:
    def loss(parameters: Parameters, batch: Batch) -> jax.Array:
        logits = network(parameters, batch[0])
        kfac_jax.register_softmax_cross_entropy_loss(logits, batch[1])
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), batch[1][:, None], axis=1))

    return loss


def pixel_loss(parameters: Parameters, batch: Batch) -> jax.Array:
    logits = autoencoder(parameters, batch[0])
    kfac_jax.register_sigmoid_cross_entropy_loss(logits, batch[1])
    entropy = jnp.sum(jax.nn.softplus(logits) - batch[1] * logits, axis=1)
    squares = sum(jnp.sum(leaf**2) for leaf in jax.tree_util.tree_leaves(parameters))
    return jnp.mean(entropy) + L2 / 2 * squares


def convolution(images: jax.Array, weight: jax.Array, stride: int = 1) -> jax.Array:
    return jax.lax.conv_general_dilated(
        images, weight, (stride, stride), ((1, 1), (1, 1)), dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def convnet_parameters(make: Maker) -> Parameters:
    sizes = (1, 32, 64, 128)
    return {
        "convolutions": [make.layer(3, 3, inputs, outputs) for inputs, outputs in zip(sizes, sizes[1:])],
        "classifier": make.layer(128 * 3 * 3, 10),
    }


def convnet(parameters: Parameters, images: jax.Array) -> jax.Array:
    values = images
    for layer in parameters["convolutions"]:
        values = jax.nn.relu(convolution(values, layer["w"]) + layer["b"])
        values = jax.lax.reduce_window(values, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    values = values.reshape(values.shape[0], -1)
    return values @ parameters["classifier"]["w"] + parameters["classifier"]["b"]


def autoencoder_parameters(make: Maker) -> Parameters:
    sizes = (784, 1000, 500, 250, 30, 250, 500, 1000, 784)
    return [make.layer(inputs, outputs) for inputs, outputs in zip(sizes, sizes[1:])]


def autoencoder(parameters: Parameters, images: jax.Array) -> jax.Array:
    values = images
    for index, layer in enumerate(parameters):
        values = values @ layer["w"] + layer["b"]
        if layer["w"].shape[1] != 30 and index < len(parameters) - 1:
            values = jnp.tanh(values)
    return values


def resnet20_parameters(make: Maker) -> Parameters:
    blocks, inputs = [], 16
    for outputs in (16, 32, 64):
        for _ in range(3):
            blocks.append([make.normalized(3, 3, inputs, outputs), make.normalized(3, 3, outputs, outputs)])
            inputs = outputs
    return {"first": make.normalized(3, 3, 3, 16), "blocks": blocks, "classifier": make.layer(64, 10)}


def resnet20(parameters: Parameters, images: jax.Array) -> jax.Array:
    values = jax.nn.relu(normalized(images, parameters["first"]))
    for first, second in parameters["blocks"]:
        added = second["w"].shape[3] - first["w"].shape[2]
        stride = 2 if added else 1
        inner = normalized(jax.nn.relu(normalized(values, first, stride)), second)
        shortcut = jnp.pad(values[:, ::stride, ::stride], ((0, 0), (0, 0), (0, 0), (0, added)))
        values = jax.nn.relu(inner + shortcut)
    return jnp.mean(values, axis=(1, 2)) @ parameters["classifier"]["w"] + parameters["classifier"]["b"]


def normalized(values: jax.Array, layer: dict[str, jax.Array], stride: int = 1) -> jax.Array:
    """A convolution and batch normalisation by the batch's own moments; no running moments are kept."""
    outputs = convolution(values, layer["w"], stride)
    mean = jnp.mean(outputs, axis=(0, 1, 2))
    variance = jnp.mean((outputs - mean) ** 2, axis=(0, 1, 2))
    return (outputs - mean) * jax.lax.rsqrt(variance + 1e-5) * layer["scale"] + layer["shift"]
