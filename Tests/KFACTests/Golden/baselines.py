#!/usr/bin/env python3
"""Writes baselines.safetensors and baselines.json: parameters step by step under the first-order methods.

SGD, Adam, AdamW and Muon are PyTorch's own (Muon with its rounding to bfloat16 switched off). Shampoo and SOAP are
written here from the papers, and compared with the package pytorch_optimizer where that does the same.

    pip install torch==2.13.0 numpy safetensors && pip install --no-deps pytorch_optimizer==4.1.0
    python baselines.py
"""

import json
import math
import pathlib

import numpy as np
import pytorch_optimizer
import torch
from safetensors.numpy import save_file

STEPS = 12
# Matrices whose sides differ by one: the null space of a first second moment then has one direction, which is unique.
SHAPES = {"weight": (4, 3), "bias": (4,), "kernel": (3, 2, 2, 1), "wide": (4, 5)}

random = np.random.default_rng(17)
START = {name: random.standard_normal(shape) for name, shape in SHAPES.items()}
GRADIENTS = [
    {name: 0.3 * random.standard_normal(shape) + 0.2 for name, shape in SHAPES.items()} for _ in range(STEPS)
]


def rates(step):
    """The learning rate falls in a straight line: the schedules are tested on the way."""
    return 0.1 * (1 - step / 20)


def is_matrix(shape, view):
    return view == "matrix" and len(shape) > 2


def seen(x, view):
    """A parameter as the methods with a preconditioner for each axis see it."""
    return x.reshape(x.shape[0], -1) if is_matrix(x.shape, view) else x


def by_torch(make, view="matrix", only=None):
    """The parameters after each step of an optimiser of PyTorch."""
    names = only or list(SHAPES)
    parameters = {name: torch.nn.Parameter(torch.tensor(seen(START[name], view))) for name in names}
    optimizer = make(parameters)
    result = []
    for step, gradients in enumerate(GRADIENTS):
        for group in optimizer.param_groups:
            group["lr"] = rates(step) * group.get("factor", 1)
        for name, parameter in parameters.items():
            parameter.grad = torch.tensor(seen(gradients[name], view))
        optimizer.step()
        result.append({name: p.detach().numpy().reshape(SHAPES[name]).copy() for name, p in parameters.items()})
    return result


class Both:
    """Two optimisers of PyTorch as one."""

    def __init__(self, *optimizers):
        self.optimizers = optimizers
        self.param_groups = [group for optimizer in optimizers for group in optimizer.param_groups]

    def step(self):
        for optimizer in self.optimizers:
            optimizer.step()


def muon(parameters, adam_names, momentum, nesterov, scale, weight_decay):
    own = [p for name, p in parameters.items() if p.ndim > 1 and name not in adam_names]
    others = [p for name, p in parameters.items() if p.ndim == 1 or name in adam_names]
    matrices = torch.optim.Muon(
        own, lr=1, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay,
        adjust_lr_fn={"spectral": "original", "adam": "match_rms_adamw"}[scale])
    rest = torch.optim.AdamW(others, lr=1, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.05)
    rest.param_groups[0]["factor"] = 0.1
    return Both(matrices, rest)


def along(matrix, x, axis):
    """The product of a matrix with a tensor along one axis."""
    return np.moveaxis(np.tensordot(matrix, x, axes=(1, axis)), 0, axis)


def moment(x, axis):
    rows = np.moveaxis(x, axis, 0).reshape(x.shape[axis], -1)
    return rows @ rows.T


def shampoo(view, decay=None, ridge=("absolute", 1e-4), exponent=None, period=1, start=0, grafting=None, momentum=0.0,
            nesterov=False, weight_decay=0.0, maximum=100):
    """Gupta, Koren & Singer 2018, algorithms 1 and 2; vectors and sides that are too long by the diagonal."""
    result = [dict() for _ in range(STEPS)]
    for name, initial in START.items():
        theta = seen(initial, view).copy()
        axes = range(theta.ndim)
        moments = [np.zeros((n, n)) for n in theta.shape]
        roots = [None] * theta.ndim
        velocity, square = np.zeros_like(theta), np.zeros_like(theta)
        for step in range(STEPS):
            g = seen(GRADIENTS[step][name], view)
            for axis in axes:
                new = moment(g, axis)
                moments[axis] = moments[axis] + new if decay is None else decay * moments[axis] + (1 - decay) * new
            if step >= start and (step - start) % period == 0:
                for axis in axes:
                    m = moments[axis] / (1 if decay is None else 1 - decay ** (step + 1))
                    if theta.ndim == 1 or theta.shape[axis] > maximum:
                        m = np.diag(np.diag(m))
                    values, vectors = np.linalg.eigh(m)
                    values = np.maximum(values, 0)
                    values = values + (ridge[1] if ridge[0] == "absolute" else ridge[1] * values.max())
                    power = -1 / (2 * theta.ndim) if exponent is None else -exponent
                    roots[axis] = vectors @ np.diag(values ** power) @ vectors.T
            simple = g
            if grafting is not None and grafting[0] == "adam":
                _, beta2, epsilon = grafting
                square = beta2 * square + (1 - beta2) * g**2
                simple = g / (np.sqrt(square / (1 - beta2 ** (step + 1))) + epsilon)
            direction = simple
            if step >= start:
                direction = g
                for axis in axes:
                    direction = along(roots[axis], direction, axis)
                if grafting is not None:
                    direction = direction * np.linalg.norm(simple) / np.linalg.norm(direction)
            velocity = momentum * velocity + direction
            change = direction + momentum * velocity if nesterov else velocity
            theta = theta - rates(step) * weight_decay * theta - rates(step) * change
            result[step][name] = theta.reshape(SHAPES[name]).copy()
    return result


def soap(view, beta1=0.9, beta2=0.95, moment_decay=None, epsilon=1e-8, weight_decay=0.0, period=3, maximum=100,
         nesterov=False):
    """Vyas et al. 2024, algorithms 3 and 4; the first step finds the bases only. Nesterov's form after Dozat 2016."""
    moment_decay = beta2 if moment_decay is None else moment_decay
    result = [dict() for _ in range(STEPS)]
    for name, initial in START.items():
        theta = seen(initial, view).copy()
        axes = [a for a in range(theta.ndim) if theta.ndim > 1 and theta.shape[a] <= maximum]
        moments, bases = {}, {}
        mean, square = np.zeros_like(theta), np.zeros_like(theta)

        def turned(x, back):
            for axis in axes:
                x = along(bases[axis] if back else bases[axis].T, x, axis)
            return x

        for step in range(STEPS):
            g = seen(GRADIENTS[step][name], view)
            if step == 0:
                for axis in axes:
                    moments[axis] = (1 - moment_decay) * moment(g, axis)
                    bases[axis] = np.linalg.eigh(moments[axis])[1][:, ::-1]
                result[step][name] = theta.reshape(SHAPES[name]).copy()
                continue
            mean = beta1 * mean + (1 - beta1) * g
            square = beta2 * square + (1 - beta2) * turned(g, False) ** 2
            used = beta1 * mean + (1 - beta1) * g if nesterov else mean
            rate = rates(step) * math.sqrt(1 - beta2**step) / (1 - beta1 ** (step + 1 if nesterov else step))
            theta = theta - rate * turned(turned(used, False) / (np.sqrt(square) + epsilon), True)
            theta = theta - rates(step) * weight_decay * theta
            for axis in axes:
                moments[axis] = moment_decay * moments[axis] + (1 - moment_decay) * moment(g, axis)
            if step % period == 0:
                for axis in axes:
                    product = moments[axis] @ bases[axis]
                    order = np.argsort(-np.sum(bases[axis] * product, axis=0))
                    bases[axis] = np.linalg.qr(product[:, order])[0]
                    square = np.take(square, order, axis=axis)
            result[step][name] = theta.reshape(SHAPES[name]).copy()
    return result


def expect_same(ours, theirs, tolerance, names):
    for a, b in zip(ours, theirs):
        for name in names:
            np.testing.assert_allclose(a[name], b[name], rtol=tolerance, atol=tolerance, err_msg=name)


def compare_with_package():
    """The two methods written here against the package, where that does the same."""
    torch.set_default_dtype(torch.float64)
    # The package rounds some intermediate results to single precision; here it must not.
    single, torch.float32 = torch.float32, torch.float64
    matrices = ["weight", "kernel", "wide"]
    for view in ["matrix", "axes"]:
        theirs = by_torch(
            lambda p: pytorch_optimizer.Shampoo(list(p.values()), lr=1, matrix_eps=1e-4), view, matrices)
        expect_same(shampoo(view), theirs, 1e-9, matrices)
        for settings in [{}, {"weight_decay": 0.1, "period": 1}, {"moment_decay": 0.8, "maximum": 3}]:
            theirs = by_torch(
                lambda p: pytorch_optimizer.SOAP(
                    list(p.values()), lr=1, betas=(0.9, 0.95), shampoo_beta=settings.get("moment_decay"), eps=1e-8,
                    weight_decay=settings.get("weight_decay", 0.0), precondition_frequency=settings.get("period", 3),
                    max_precondition_dim=settings.get("maximum", 100)), view)
            expect_same(soap(view, **settings), theirs, 1e-9, SHAPES)
    torch.float32 = single


CASES = {}


def case(name, method, parameters, **settings):
    CASES[name] = ({"method": method, **settings}, parameters)


def make_cases():
    for name, settings in {
        "sgd": dict(momentum=0.0, nesterov=False, weight_decay=0.0),
        "sgd_momentum": dict(momentum=0.9, nesterov=False, weight_decay=0.1),
        "sgd_nesterov": dict(momentum=0.8, nesterov=True, weight_decay=0.0),
        "sgd_nesterov_decay": dict(momentum=0.8, nesterov=True, weight_decay=0.1),
    }.items():
        case(name, "sgd", by_torch(lambda p: torch.optim.SGD(list(p.values()), lr=1, **settings)), **settings)
    for name, beta1, beta2, epsilon, decay in [
        ("adam", 0.9, 0.999, 1e-8, 0.0), ("adam_epsilon", 0.5, 0.8, 0.1, 0.0), ("adamw", 0.9, 0.95, 1e-6, 0.2)
    ]:
        case(
            name, "adam",
            by_torch(
                lambda p: torch.optim.AdamW(
                    list(p.values()), lr=1, betas=(beta1, beta2), eps=epsilon, weight_decay=decay)),
            beta1=beta1, beta2=beta2, epsilon=epsilon, weight_decay=decay)

    rounding, torch.Tensor.bfloat16 = torch.Tensor.bfloat16, torch.Tensor.clone
    for name, settings in {
        "muon": dict(momentum=0.95, nesterov=True, scale="spectral", weight_decay=0.0, adam_names=[]),
        "muon_decay": dict(momentum=0.9, nesterov=False, scale="adam", weight_decay=0.2, adam_names=["wide"]),
    }.items():
        case(name, "muon", by_torch(lambda p: muon(p, **settings)), **settings)
    torch.Tensor.bfloat16 = rounding

    for name, settings in {
        "shampoo_sum": dict(view="matrix"),
        "shampoo_axes": dict(view="axes", period=3, momentum=0.9, weight_decay=0.1),
        "shampoo_average": dict(
            view="matrix", decay=0.9, ridge=("relative", 1e-3), period=2, start=3, grafting=("sgd",), momentum=0.8,
            nesterov=True),
        "shampoo_adam": dict(
            view="axes", decay=0.95, ridge=("relative", 1e-6), period=4, start=2, grafting=("adam", 0.9, 1e-6),
            momentum=0.9),
        "shampoo_exponent": dict(view="matrix", decay=0.8, exponent=0.5, ridge=("absolute", 1e-2)),
        "shampoo_long_sides": dict(view="matrix", maximum=3, ridge=("relative", 1e-2), period=2),
    }.items():
        case(name, "shampoo", shampoo(**settings), **settings)
    for name, settings in {
        "soap": dict(view="matrix", beta1=0.95, beta2=0.95),
        "soap_axes": dict(view="axes", moment_decay=0.8, weight_decay=0.1, period=2),
        "soap_each_step": dict(view="matrix", period=1, epsilon=1e-3),
        "soap_long_sides": dict(view="matrix", maximum=3, period=4),
        "soap_nesterov": dict(view="matrix", nesterov=True, weight_decay=0.1, period=2),
        "soap_nesterov_axes": dict(view="axes", nesterov=True, beta1=0.95),
    }.items():
        case(name, "soap", soap(**settings), **settings)


def main():
    compare_with_package()
    make_cases()
    tensors = {f"inputs/start_{name}": value for name, value in START.items()}
    for step, gradients in enumerate(GRADIENTS):
        tensors |= {f"inputs/step{step}_gradient_{name}": value for name, value in gradients.items()}
    meta = {"inputs": {"meta": {"names": list(SHAPES), "steps": STEPS}}}
    for name, (settings, steps) in CASES.items():
        meta[name] = {"meta": settings}
        for step, parameters in enumerate(steps):
            tensors |= {f"{name}/step{step}_{parameter}": value for parameter, value in parameters.items()}
    folder = pathlib.Path(__file__).parent
    save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, folder / "baselines.safetensors")
    (folder / "baselines.json").write_text(json.dumps({"cases": meta}, indent=1) + "\n")


if __name__ == "__main__":
    main()
