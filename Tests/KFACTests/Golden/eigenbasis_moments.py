#!/usr/bin/env python3
"""Writes eigenbasis_moments.safetensors and .json: parameters step by step under moments in the eigenbasis of K-FAC.

From the formulas alone: PyTorch gives the gradients of small networks in double precision, and numpy does the rest, with
all matrices dense.

    pip install torch==2.13.0 numpy safetensors
    python eigenbasis_moments.py
"""

import json
import pathlib

import numpy as np
import torch
from safetensors.numpy import save_file

STEPS = 24
torch.set_default_dtype(torch.float64)


def rates(step):
    return 0.03 * (1 - step / 30)


class Layer:
    """The rows that the factors of a layer's groups average, and its gradient as a matrix for each group."""

    def __init__(self, kind, names, groups=1):
        self.kind, self.names, self.groups = kind, names, groups

    def rows(self, x, g):
        """Inputs and output gradients of each group, [rows, features]."""
        ones = lambda a: np.concatenate([a, np.ones((len(a), 1))], 1) if len(self.names) > 1 else a
        if self.kind == "linear":
            return [(ones(x), g)]
        if self.kind == "embedding":
            return [(np.eye(7)[x.reshape(-1)], g.reshape(-1, g.shape[-1]))]
        if self.kind == "convolution":
            size = x.shape[1] // self.groups, g.shape[1] // self.groups
            result = []
            for group in range(self.groups):
                xs = x[:, group * size[0]:(group + 1) * size[0]]
                gs = g[:, group * size[1]:(group + 1) * size[1]]
                result.append((ones(patches(xs)), gs.transpose(0, 2, 3, 1).reshape(-1, size[1])))
            return result
        return [(x.transpose(0, 2, 3, 1).reshape(-1, x.shape[1]), patches(g))]

    def matrices(self, tensors):
        """Weight and bias as one matrix for each group, [rows, columns]."""
        columns = [tensors[name].reshape(len(tensors[name]), -1) for name in self.names]
        return np.split(np.concatenate(columns, 1), self.groups)

    def tensors(self, matrices, shapes):
        whole = np.concatenate(matrices)
        result = {self.names[0]: whole[:, :int(np.prod(shapes[self.names[0]][1:]))].reshape(shapes[self.names[0]])}
        if len(self.names) > 1:
            result[self.names[1]] = whole[:, -1]
        return result

    def sides(self, a, g):
        """The bases of the rows and of the columns of the matrix."""
        return (a, g) if self.kind in ["transposed", "embedding"] else (g, a)


def patches(x):
    """The 2 x 2 patches of images, [images * positions, channels * 4]."""
    n, c, h, w = x.shape
    rows = [x[:, :, i:i + 2, j:j + 2].reshape(n, c * 4) for i in range(h - 1) for j in range(w - 1)]
    return np.concatenate(rows)


def dense(p, x, seen):
    h = seen("first", x, torch.nn.functional.linear(x, p["first.weight"], p["first.bias"])).tanh()
    return seen("second", h, torch.nn.functional.linear(h, p["second.weight"], p["second.bias"]))


MAP = torch.tensor(np.random.default_rng(5).standard_normal((1, 3, 4, 4)))


def images(p, x, seen):
    f = torch.nn.functional
    h = seen("first", x, f.conv2d(x, p["first.weight"], p["first.bias"])).tanh()
    h = seen("grouped", h, f.conv2d(h, p["grouped.weight"], p["grouped.bias"], groups=2)).tanh()
    h = seen("transposed", h, f.conv_transpose2d(h, p["transposed.weight"])).tanh()
    return (h * MAP).sum((2, 3))


def tokens(p, x, seen):
    h = seen("embedding", x, p["embedding.weight"][x])
    h = (h * p["norm.weight"] + p["norm.bias"]).tanh() * p["gain"]
    h = h.mean(1)
    return seen("output", h, h @ p["output.weight"].T)


NETWORKS = {
    "dense": (
        dense, lambda r: r.standard_normal((12, 4)),
        {"first.weight": (5, 4), "first.bias": (5,), "second.weight": (3, 5), "second.bias": (3,)},
        {"first": Layer("linear", ["first.weight", "first.bias"]),
         "second": Layer("linear", ["second.weight", "second.bias"])}),
    "images": (
        images, lambda r: r.standard_normal((8, 2, 5, 5)),
        {"first.weight": (4, 2, 2, 2), "first.bias": (4,), "grouped.weight": (4, 2, 2, 2), "grouped.bias": (4,),
         "transposed.weight": (4, 3, 2, 2)},
        {"first": Layer("convolution", ["first.weight", "first.bias"]),
         "grouped": Layer("convolution", ["grouped.weight", "grouped.bias"], groups=2),
         "transposed": Layer("transposed", ["transposed.weight"])}),
    "tokens": (
        tokens, lambda r: r.integers(0, 7, (10, 3)),
        {"embedding.weight": (7, 4), "norm.weight": (4,), "norm.bias": (4,), "gain": (4,), "output.weight": (3, 4)},
        {"embedding": Layer("embedding", ["embedding.weight"]), "output": Layer("linear", ["output.weight"])}),
}


def eigenvectors(matrix, is_diagonal):
    if is_diagonal:
        return np.eye(len(matrix))
    values, vectors = np.linalg.eigh(matrix)
    gap = np.diff(values).min() / values.max()
    assert gap > 1e-9, f"the basis is not unique: {values}"
    return vectors


def grows(step, schedule):
    """Whether a basis is due because there were twice as many steps as at the last one."""
    kind, period, _ = schedule
    return kind == "growing" and step + 1 in [3 * 2**k for k in range(20) if 3 * 2**k <= period]


def due(step, schedule):
    _, period, initially = schedule
    return step < initially or step % period == 0 or grows(step, schedule)


def run(network, beta1=0.95, beta2=0.95, epsilon=1e-8, nesterov=True, cautious=False, weight_decay=0.0,
        statistics_period=1, schedule=("growing", 8, 0), decay=0.9):
    forward, draw, shapes, layers = NETWORKS[network]
    random = np.random.default_rng(23)
    theta = {name: 0.7 * random.standard_normal(shape) for name, shape in shapes.items()}
    others = [name for name in shapes if not any(name in layer.names for layer in layers.values())]
    record = {f"start_{name}": value.copy() for name, value in theta.items()}
    averages, bases, weight = {}, {}, 0.0
    # Each a list with a matrix for every group; parameters without factors have themselves for coordinates.
    means, squares = {}, {}
    for step in range(STEPS):
        x = draw(random)
        # A mask goes by the signs of all coordinates. Those along the one direction in which all logits are alike have
        # no gradient but rounding: with a mask, the loss is half the squared error.
        labels = random.standard_normal((len(x), 3)) if cautious else random.integers(0, 3, len(x))
        record[f"step{step}_inputs"], record[f"step{step}_labels"] = x, labels
        p = {name: torch.tensor(value, requires_grad=True) for name, value in theta.items()}
        seen = {}

        def remember(name, value, output):
            output.retain_grad()
            seen[name] = (value.detach().numpy(), output)
            return output

        logits = forward(p, torch.tensor(x), remember)
        labels = torch.tensor(labels)
        loss = (
            ((logits - labels)**2).sum() / (2 * len(x)) if cautious
            else torch.nn.functional.cross_entropy(logits, labels))
        loss.backward()
        gradients = {name: value.grad.numpy() for name, value in p.items()}

        if step % statistics_period == 0 or grows(step, schedule):
            new_weight = decay * weight + len(x)
            for name, layer in layers.items():
                value, output = seen[name]
                moments = [(a.T @ a / len(a), g.T @ g / len(g)) for a, g in layer.rows(value, output.grad.numpy())]
                old = averages.get(name, [(0.0, 0.0)] * layer.groups)
                averages[name] = [
                    tuple((decay * weight * o + len(x) * n) / new_weight for o, n in zip(olds, news))
                    for olds, news in zip(old, moments)]
            weight = new_weight
        if due(step, schedule):
            for name, layer in layers.items():
                new = [
                    layer.sides(eigenvectors(a, layer.kind == "embedding"), eigenvectors(g, False))
                    for a, g in averages[name]]
                if name in bases:
                    for group, ((u, v), (u0, v0)) in enumerate(zip(new, bases[name])):
                        r, c = u0.T @ u, v0.T @ v
                        means[name][group] = r.T @ means[name][group] @ c
                        squares[name][group] = (r * r).T @ squares[name][group] @ (c * c)
                bases[name] = new

        t = step + 1
        directions = {}
        units = [(name, layer.matrices(gradients), bases[name]) for name, layer in layers.items()]
        units += [(name, [gradients[name].reshape(-1, 1)], None) for name in others]
        for name, matrices, own in units:
            rotated = [u.T @ g @ v for g, (u, v) in zip(matrices, own)] if own else matrices
            zeros = [np.zeros_like(n) for n in rotated]
            means[name] = [beta1 * m + (1 - beta1) * n for m, n in zip(means.get(name, zeros), rotated)]
            squares[name] = [beta2 * s + (1 - beta2) * n**2 for s, n in zip(squares.get(name, zeros), rotated)]
            direction = []
            for m, s, n in zip(means[name], squares[name], rotated):
                ahead = (
                    (beta1 * m + (1 - beta1) * n) / (1 - beta1**(t + 1)) if nesterov else m / (1 - beta1**t))
                direction.append(ahead / (np.sqrt(s / (1 - beta2**t)) + epsilon))
            if cautious:
                masks = [(d * n > 0).astype(float) for d, n in zip(direction, rotated)]
                share = np.concatenate([mask.reshape(-1) for mask in masks]).mean()
                direction = [d * mask / max(share, 0.05) for d, mask in zip(direction, masks)]
            if own:
                direction = [u @ d @ v.T for d, (u, v) in zip(direction, own)]
                directions |= layers[name].tensors(direction, shapes)
            else:
                directions[name] = direction[0].reshape(shapes[name])
        for name in theta:
            theta[name] = (1 - rates(step) * weight_decay) * theta[name] - rates(step) * directions[name]
            record[f"step{step}_{name}"] = theta[name].copy()
    return record


CASES = {
    "dense": dict(network="dense"),
    "dense_cautious": dict(network="dense", cautious=True, weight_decay=0.5, statistics_period=2),
    "dense_plain": dict(
        network="dense", nesterov=False, beta1=0.9, beta2=0.99, epsilon=1e-3, schedule=("together", 4, 2)),
    "images": dict(network="images", statistics_period=2),
    "images_cautious": dict(network="images", cautious=True, schedule=("together", 5, 3)),
    "tokens": dict(network="tokens", schedule=("together", 3, 1)),
}


def main():
    tensors, meta = {"shared/map": MAP.numpy()}, {"shared": {"meta": {}}}
    for name, settings in CASES.items():
        tensors |= {f"{name}/{key}": np.ascontiguousarray(value) for key, value in run(**settings).items()}
        shapes = NETWORKS[settings["network"]][2]
        meta[name] = {"meta": {**settings, "names": list(shapes), "steps": STEPS}}
    folder = pathlib.Path(__file__).parent
    save_file(tensors, folder / "eigenbasis_moments.safetensors")
    (folder / "eigenbasis_moments.json").write_text(json.dumps({"cases": meta}, indent=1) + "\n")


if __name__ == "__main__":
    main()
