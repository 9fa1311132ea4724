#!/usr/bin/env python3
"""Writes kl_methods.safetensors and kl_methods.json: parameters step by step under KL-Shampoo and KL-SOAP.

Written from Lin, Lowe, Dangel, Eschenhagen, Xu & Grosse 2025, arXiv:2509.03378, with explicit inverse matrices in
place of eigenbases wherever the two are the same thing.

    pip install numpy safetensors
    python kl_methods.py
"""

import json
import pathlib

import numpy as np
from safetensors.numpy import save_file

STEPS = 12
# Matrices whose sides differ by one: the null space of a first second moment then has one direction, which is unique.
SHAPES = {"weight": (4, 3), "bias": (4,), "kernel": (3, 2, 2, 1), "wide": (4, 5)}

random = np.random.default_rng(18)
START = {name: random.standard_normal(shape) for name, shape in SHAPES.items()}
GRADIENTS = [
    {name: 0.3 * random.standard_normal(shape) + 0.2 for name, shape in SHAPES.items()} for _ in range(STEPS)
]


def rates(step):
    """The learning rate falls in a straight line: the schedules are tested on the way."""
    return 0.1 * (1 - step / 20)


def along(matrix, x, axis):
    """The product of a matrix with a tensor along one axis."""
    return np.moveaxis(np.tensordot(matrix, x, axes=(1, axis)), 0, axis)


def unfolded(x, axis):
    return np.moveaxis(x, axis, 0).reshape(x.shape[axis], -1)


class Adam:
    """Kingma & Ba 2015, for what has no basis."""

    def __init__(self, shape, settings):
        # The first gradient moves nothing, as where there are bases.
        self.settings, self.count = settings, -1
        self.mean, self.square = np.zeros(shape), np.zeros(shape)

    def __call__(self, g):
        s = self.settings
        if self.count < 0:
            self.count = 0
            return np.zeros_like(g)
        self.count += 1
        self.mean = s["beta1"] * self.mean + (1 - s["beta1"]) * g
        self.square = s["beta2"] * self.square + (1 - s["beta2"]) * g**2
        mean = self.mean / (1 - s["beta1"] ** self.count)
        return mean / (np.sqrt(self.square / (1 - s["beta2"] ** self.count)) + s["epsilon"])


class KL:
    """Algorithm 1 of the paper, with the step of the power method and the moving eigenvalues of its section 4."""

    def __init__(self, shape, axes, settings):
        self.axes, self.settings, self.count = axes, settings, 0
        self.shape = shape
        self.mean = np.zeros(shape)
        self.square = np.zeros(shape)
        self.values = {a: np.full(shape[a], settings["initial_eigenvalue"]) for a in axes}

    def others(self, axis):
        return np.prod(self.shape) / self.shape[axis]

    def turned(self, x, back=False):
        for axis in self.axes:
            x = along(self.bases[axis] if back else self.bases[axis].T, x, axis)
        return x

    def __call__(self, g):
        s = self.settings
        decay = s["moment_decay"]
        self.count += 1
        if self.count == 1:
            self.moments = {
                a: (1 - decay) * unfolded(g, a) @ unfolded(g, a).T / self.others(a) for a in self.axes}
            self.bases = {a: np.linalg.eigh(m)[1][:, ::-1] for a, m in self.moments.items()}
            return np.zeros_like(g)
        # The direction, with what was known before.
        if s["scaling"] == "eigenvalues":
            self.mean = s["beta1"] * self.mean + (1 - s["beta1"]) * g
            products = np.ones(self.shape)
            for axis in self.axes:
                products *= self.values[axis].reshape([-1 if a == axis else 1 for a in range(len(self.shape))])
            direction = self.turned(self.turned(self.mean) / (np.sqrt(products) + s["epsilon"]), back=True)
        else:
            # The mean stays in the parameter's axes here; only its squares live in a basis.
            self.mean = s["beta1"] * self.mean + (1 - s["beta1"]) * g
            self.square = s["beta2"] * self.square + (1 - s["beta2"]) * self.turned(g) ** 2
            direction = self.turned(self.turned(self.mean) / (np.sqrt(self.square) + s["epsilon"]), back=True)
        # Moments of gradients that the inverses along all other axes have whitened.
        inverses = {a: self.bases[a] @ np.diag(1 / self.values[a]) @ self.bases[a].T for a in self.axes}
        new = {}
        for axis in self.axes:
            whitened = g
            for other in self.axes:
                if other != axis:
                    whitened = along(inverses[other], whitened, other)
            new[axis] = unfolded(whitened, axis) @ unfolded(g, axis).T / self.others(axis)
        for axis in self.axes:
            self.moments[axis] = decay * self.moments[axis] + (1 - decay) * new[axis]
            bound = max(10, min(self.shape[axis], s["maximum_scale"]))
            diagonal = np.diag(self.bases[axis].T @ new[axis] @ self.bases[axis])
            self.values[axis] = np.maximum(decay * self.values[axis] + (1 - decay) * diagonal, bound**-2)
        if (self.count - 1) % s["period"] == 0:
            for axis in self.axes:
                self.bases[axis] = np.linalg.qr(self.moments[axis] @ self.bases[axis])[0]
        return direction


def run(view="matrix", scaling="eigenvalues", beta1=0.9, beta2=0.95, moment_decay=None, epsilon=1e-8,
        initial_eigenvalue=0.1, maximum_scale=4000.0, weight_decay=0.0, period=3, maximum=100):
    settings = dict(
        scaling=scaling, beta1=beta1, beta2=beta2, moment_decay=beta2 if moment_decay is None else moment_decay,
        epsilon=epsilon, initial_eigenvalue=initial_eigenvalue, maximum_scale=maximum_scale, period=period)
    result = [dict() for _ in range(STEPS)]
    for name, initial in START.items():
        shape = (initial.shape[0], -1) if view == "matrix" and initial.ndim > 2 else initial.shape
        theta = initial.reshape(shape).copy()
        axes = [a for a in range(theta.ndim) if theta.ndim > 1 and theta.shape[a] <= maximum]
        rule = KL(theta.shape, axes, settings) if axes else Adam(theta.shape, settings)
        for step in range(STEPS):
            theta = theta - rates(step) * rule(GRADIENTS[step][name].reshape(theta.shape))
            if step > 0:
                theta = theta - rates(step) * weight_decay * theta
            result[step][name] = theta.reshape(SHAPES[name]).copy()
    return result


CASES = {
    "shampoo": dict(),
    "shampoo_axes": dict(view="axes", moment_decay=0.8, weight_decay=0.1, period=2, initial_eigenvalue=0.5),
    "shampoo_each_step": dict(period=1, epsilon=1e-2, initial_eigenvalue=1e-3, beta2=0.5),
    "shampoo_long_sides": dict(maximum=3, period=4),
    "soap": dict(scaling="meanSquares"),
    "soap_axes": dict(view="axes", scaling="meanSquares", moment_decay=0.8, weight_decay=0.1, period=2),
    "soap_long_sides": dict(scaling="meanSquares", maximum=4, period=4, epsilon=1e-3),
}


def main():
    tensors = {f"inputs/start_{name}": value for name, value in START.items()}
    for step, gradients in enumerate(GRADIENTS):
        tensors |= {f"inputs/step{step}_gradient_{name}": value for name, value in gradients.items()}
    meta = {"inputs": {"meta": {"names": list(SHAPES), "steps": STEPS}}}
    for name, settings in CASES.items():
        meta[name] = {"meta": settings}
        for step, parameters in enumerate(run(**settings)):
            tensors |= {f"{name}/step{step}_{parameter}": value for parameter, value in parameters.items()}
    folder = pathlib.Path(__file__).parent
    save_file({k: np.ascontiguousarray(v) for k, v in tensors.items()}, folder / "kl_methods.safetensors")
    (folder / "kl_methods.json").write_text(json.dumps({"cases": meta}, indent=1) + "\n")


if __name__ == "__main__":
    main()
