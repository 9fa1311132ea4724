#!/usr/bin/env bash
# Products in place whose operands share memory with the destination: silently wrong in torch 2.13.0.
#
# What one would expect: torch checks operations in place for operands that partly overlap the memory they write. Elementwise
# operations, copies and cumulative sums refuse such operands with an error, so matrix products in place (addmm_, addmv_,
# baddbmm_) should refuse them, too, or give the same as with a copied operand.
#
# What really happens: the products run without an error or a warning and give other numbers than with a copied operand, even
# where an operand is the very same view as the destination. Which numbers depends on the order in which the linked library
# computes, so that they differ between processors, and a test that passes on one may fail on another.
#
# Exits with 0 while that is so, with 1 when it changes. Needs python3 with venv and pip; installs into a temporary folder.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'setuptools==80.9.0' 'torch==2.13.0' 'numpy==2.4.6'

"$folder/venv/bin/python" - <<'PYTHON'
import sys

import torch

print("torch", torch.__version__, "on", torch.backends.cpu.get_cpu_capability())
torch.manual_seed(0)

# Each operation writes into a part of `d` and reads parts of `s`, which is the same matrix or a copy of it.
elementwise = {
    "add_": lambda d, s: d[1:].add_(s[:-1]),
    "copy_": lambda d, s: d[1:].copy_(s[:-1]),
    "lerp_": lambda d, s: d[1:].lerp_(s[:-1], 0.5),
    "addcmul_": lambda d, s: d[1:].addcmul_(s[:-1], s[:-1]),
}
products = {
    "addmm_, shifted views": lambda d, s: d[1:, 1:].addmm_(s[:-1, :-1], s[:-1, 1:]),
    "addmm_, the same view": lambda d, s: d[1:, 1:].addmm_(s[1:, 1:], s[1:, 1:]),
    "addmv_, a column of the matrix": lambda d, s: d[1:, 0].addmv_(s[1:, :-1], s[1:, 0]),
    "baddbmm_, shifted views": lambda d, s: d[None, 1:, 1:].baddbmm_(s[None, :-1, :-1], s[None, :-1, 1:]),
}
sizes = (4, 64, 512)


def outcome(operation, size):
    """'raises', 'right' or 'wrong', by comparison with a copied operand."""
    matrix = torch.rand(size + 1, size + 1, dtype=torch.float64) / size
    shared, apart = matrix.clone(), matrix.clone()
    operation(apart, matrix.clone())
    try:
        operation(shared, shared)
    except RuntimeError as error:
        assert "single memory location" in str(error), error
        return "raises"
    return "right" if torch.allclose(shared, apart, rtol=1e-9, atol=1e-12) else "wrong"


changed = []
for kind, operations, expected in (("elementwise", elementwise, "raises"), ("product", products, "wrong")):
    for name, operation in operations.items():
        outcomes = [outcome(operation, size) for size in sizes]
        print(f"{kind:12} {name:32}", *(f"{size}: {result:7}" for size, result in zip(sizes, outcomes)))
        holds = all(result == "raises" for result in outcomes) if expected == "raises" else (
            "wrong" in outcomes and "raises" not in outcomes
        )
        if not holds:
            changed.append(name)

if changed:
    print("This has changed for:", ", ".join(changed))
    sys.exit(1)
print("Elementwise operations refuse an operand that overlaps the destination; products take it and give wrong numbers.")
PYTHON
