"""Times kfac-jax: its curvature blocks, its inverse and its optimizer.

By default as it is installed. With --method explicit, its own `patches_moments_explicit` stands in for
`patches_moments`, which XLA runs hundreds of times slower than a product on a CPU.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Callable

import jax
import jax.numpy as jnp
import kfac_jax
import numpy as np
from kfac_jax._src import patches_second_moment

import jax_problems
import measurement
import reference
from cases import DAMPING, DECAY, Case
from measurement import NotOffered, Steps, Work


def prepare(case: Case, method: str) -> Work | Steps:
    if method == "explicit":
        if case.kind not in ("input-factor", "step") or case.network == "autoencoder":
            raise NotOffered("--method explicit is for convolutions alone.")
        patches_second_moment.patches_moments = patches_second_moment.patches_moments_explicit
    if case.kind == "step":
        return steps(case)
    values = reference.data(case)
    if case.kind == "inverse":
        return inverse(values)
    return {"input-factor": input_factor, "output-factor": output_factor, "dense-factor": dense_factor}[case.kind](
        values
    )


def inverse(values: np.ndarray) -> Work:
    matrix = jnp.asarray(values)
    invert = jax.jit(lambda matrix: kfac_jax.utils.psd_inv(matrix + DAMPING * jnp.eye(len(matrix))))
    compiled = invert.lower(matrix).compile()
    return Work(lambda: compiled(matrix).block_until_ready(), matrix=lambda: np.asarray(compiled(matrix)))


def input_factor(values: np.ndarray) -> Work:
    channels = values.shape[1]
    images = jnp.asarray(values.transpose(0, 2, 3, 1))
    block = convolution_block(images.shape, outputs=1)

    def in_channel_order(matrix: np.ndarray) -> np.ndarray:
        """From [row, column, channel] to [channel, row, column], the bias last."""
        order = np.arange(9 * channels).reshape(9, channels).T.ravel()
        order = np.append(order, 9 * channels)
        return matrix[np.ix_(order, order)]

    return averaged(block.compute_inputs_stats, images, 9 * channels + 1, in_channel_order)


def output_factor(values: np.ndarray) -> Work:
    gradients = jnp.asarray(values.transpose(0, 2, 3, 1))
    block = convolution_block((*gradients.shape[:3], 1), outputs=gradients.shape[3])
    return averaged(block.compute_outputs_stats, gradients, gradients.shape[3])


def dense_factor(values: np.ndarray) -> Work:
    """The block updates both factors at once; the other one is 1x1 here."""
    inputs = jnp.asarray(values)
    gradients = jnp.zeros((len(inputs), 1))
    block = only_block(
        lambda parameters, inputs: inputs @ parameters["w"] + parameters["b"],
        {"w": jnp.zeros((inputs.shape[1], 1)), "b": jnp.zeros(1)},
        inputs,
    )

    def update(state: Any, inputs: jax.Array) -> Any:
        estimation = SimpleNamespace(
            primals=SimpleNamespace(inputs=(inputs,)), tangents=SimpleNamespace(outputs=(gradients,))
        )
        return block.update_curvature_matrix_estimate(state, estimation, DECAY, 1.0, 1.0, len(inputs))

    start = block.init(jax.random.PRNGKey(0), set(), set(), False)
    return accumulated(update, start, inputs, lambda state: np.asarray(state.factors[0].value))


def averaged(
    compute: Callable[[jax.Array], jax.Array],
    values: jax.Array,
    size: int,
    ordered: Callable[[np.ndarray], np.ndarray] = lambda matrix: matrix,
) -> Work:
    """A factor with the running average that the blocks keep it in."""

    def update(average: Any, values: jax.Array) -> Any:
        average = average.copy()
        average.update(compute(values), DECAY, 1.0)
        return average

    start = kfac_jax.utils.WeightedMovingAverage.zeros_array((size, size), jnp.float32)
    return accumulated(update, start, values, lambda average: ordered(np.asarray(average.value)))


def accumulated(
    update: Callable[[Any, jax.Array], Any], start: Any, values: jax.Array, matrix: Callable[[Any], np.ndarray]
) -> Work:
    compiled = jax.jit(update).lower(start, values).compile()
    state = start

    def run() -> None:
        nonlocal state
        state = jax.block_until_ready(compiled(state, values))

    return Work(run, matrix=lambda: matrix(compiled(start, values)))


def convolution_block(shape: tuple[int, ...], outputs: int) -> Any:
    parameters = {"w": jnp.zeros((3, 3, shape[3], outputs)), "b": jnp.zeros(outputs)}
    return only_block(
        lambda parameters, images: jax_problems.convolution(images, parameters["w"]) + parameters["b"],
        parameters,
        jnp.zeros(shape),
    )


def only_block(network: Callable[[Any, jax.Array], jax.Array], parameters: Any, inputs: jax.Array) -> Any:
    """The block that kfac-jax makes of a network of one layer."""

    def loss(parameters: Any, inputs: jax.Array) -> jax.Array:
        outputs = network(parameters, inputs).reshape(len(inputs), -1)
        kfac_jax.register_squared_error_loss(outputs, jnp.zeros_like(outputs))
        return jnp.sum(outputs**2)

    estimator = kfac_jax.BlockDiagonalCurvature(loss)
    estimator.finalize((parameters, inputs))
    (block,) = estimator.blocks
    return block


def steps(case: Case) -> Steps:
    """Steps of the optimizer, from the second cycle on: the first begins with steps for the statistics alone."""
    task = jax_problems.problem(case)
    options, arguments = settings(case)
    optimizer = kfac_jax.Optimizer(
        jax.value_and_grad(task.loss), l2_reg=task.l2, num_burnin_steps=0, curvature_ema=DECAY, **options
    )
    period = options["inverse_update_period"]
    key = jax.random.PRNGKey(0)
    parameters = jax.tree_util.tree_map(jnp.copy, task.parameters)
    state = optimizer.init(parameters, key, task.batch)

    def step(index: int) -> None:
        nonlocal parameters, state
        state.step_counter = jnp.asarray(period + index, state.step_counter.dtype)
        parameters, state, _ = optimizer.step(parameters, state, key, batch=task.batch, **arguments)
        jax.block_until_ready((parameters, state))

    return Steps(step, period, plain=sgd_step(task), alike=case.network != "autoencoder")


def settings(case: Case) -> tuple[dict[str, Any], dict[str, Any]]:
    """The optimizer's options and the arguments of its steps; the autoencoder's are those of kfac-jax's example."""
    if case.network == "autoencoder":
        adaptive = {
            "use_adaptive_damping": True,
            "use_adaptive_learning_rate": True,
            "use_adaptive_momentum": True,
            "damping_adaptation_interval": 5,
            "damping_adaptation_decay": 0.95,
            "initial_damping": 150.0,
            "min_damping": 1e-5,
            "max_damping": 1000.0,
        }
        return {"inverse_update_period": 5, **adaptive}, {}
    options = {"inverse_update_period": 10, "estimation_mode": "fisher_gradients", "norm_constraint": 1e-2}
    return options, {"learning_rate": 3e-3, "momentum": 0.9, "damping": 1e-2}


def sgd_step(task: jax_problems.Problem) -> Callable[[], None]:
    parameters = task.parameters
    velocities = jax.tree_util.tree_map(jnp.zeros_like, parameters)

    @jax.jit
    def update(parameters: Any, velocities: Any, batch: jax_problems.Batch) -> tuple[Any, Any]:
        gradients = jax.grad(task.loss)(parameters, batch)
        velocities = jax.tree_util.tree_map(lambda old, new: 0.9 * old + new, velocities, gradients)
        return jax.tree_util.tree_map(lambda value, move: value - 1e-4 * move, parameters, velocities), velocities

    compiled = update.lower(parameters, velocities, task.batch).compile()

    def step() -> None:
        nonlocal parameters, velocities
        parameters, velocities = jax.block_until_ready(compiled(parameters, velocities, task.batch))

    return step


if __name__ == "__main__":
    measurement.main(__doc__, prepare, ["default", "explicit"])
