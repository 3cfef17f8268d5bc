"""The diagonal of a Hessian from products with it: Hutchinson's estimator, and the exact one for small problems."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.core.tree import join, leaves, split, tree_map
from tendsto.optim.difference import PRODUCTS, answering
from tendsto.optim.settings import one_of

DISTRIBUTIONS = ("rademacher", "normal")
DIAGONALS = ("hutchinson", "exact")


def hutchinson_diagonal(
    oracle: Oracle,
    x: Any,
    rng: Random,
    samples: int = 1,
    distribution: str = "rademacher",
    purpose: str = "probe",
    products: str = "exact",
) -> Any:
    """Return an unbiased estimate of the diagonal of the Hessian at `x`, shaped as `x`.

    The mean over `samples` independent z of z * (H z), entries of z of mean 0 and variance 1. Signs ("rademacher") have
    the least variance: entry i has sum_{j != i} H_ij^2, and 2 H_ii^2 more for "normal"; both over `samples`. It costs
    `samples` calls of the oracle's `hvp`.

    x: a tensor or a dict of them. purpose: names the draws. products: "exact", or "difference": H z is a difference of
    gradients, see `GradientDifferences`, which costs `samples` + 1 gradients and no `hvp`.

    Source: Bekas, Kokiopoulou, Saad, An estimator for the diagonal of a matrix (2007); the variances derived.

    Raises:
        ValueError: fewer than one sample, an unknown distribution or kind of product.

    >>> from tendsto.problems import Quadratic
    >>> problem = Quadratic(dimension=3, smallest=1.0, largest=9.0, spacing="even")
    >>> oracle = Oracle(problem, Random(0))
    >>> hutchinson_diagonal(oracle, oracle.init(), Random(1)).tolist()
    [1.0, 5.0, 9.0]
    """
    one_of("distribution", distribution, DISTRIBUTIONS)
    one_of("products", products, PRODUCTS)
    if samples < 1:
        raise ValueError(f"samples = {samples} estimates nothing: use a whole number of at least 1")
    oracle = answering(products, oracle)
    total: Any = None
    for i in range(samples):
        z = probe(rng, f"{purpose}/{i}", x, distribution)
        one = tree_map(lambda _, a, b: a * b, z, oracle.hvp(x, z))
        total = one if total is None else tree_map(lambda _, a, b: a + b, total, one)
    return tree_map(lambda _, a: a / samples, total) if samples > 1 else total


BITS = 31


def probe(rng: Random, purpose: str, x: Any, distribution: str = "rademacher") -> Any:
    """Return random numbers shaped as `x`, drawn for all of its tensors at once, signs from the bits of integers.

    >>> probe(Random(0), "z", torch.zeros(40)).abs().sum()
    tensor(40.)
    """
    n = sum(leaf.numel() for leaf in leaves(x))
    if distribution == "rademacher":
        flat = _signs(rng, purpose, n)
    else:
        flat = rng.normal(purpose, (n,), torch.float64)
    return tree_map(lambda _, z, leaf: z.to(leaf.dtype).to(leaf.device), split(flat, like=x), x)


def _signs(rng: Random, purpose: str, n: int) -> Tensor:
    """Return n signs in float32; by NumPy, quicker on few numbers, where they are not drawn for lanes."""
    count = -(-n // BITS)
    if isinstance(rng.seed, int) and isinstance(rng.step, int):
        words = Random(rng.seed, rng.step, rng.path, "numpy").integers(purpose, 2**BITS, (count,)).astype("<u4")
        bits = np.unpackbits(words.view(np.uint8).reshape(count, 4), axis=1, count=BITS, bitorder="little")
        return torch.from_numpy(bits.reshape(-1)[:n].view(np.int8)).mul_(2).sub_(1).float()
    words = rng.integers(purpose, 2**BITS, (count,)).to(torch.int32)
    bits = (words[:, None] >> torch.arange(BITS, dtype=torch.int32)) & 1
    return (bits * 2 - 1).reshape(-1)[:n].float()


def hessian_diagonal(oracle: Oracle, x: Any) -> Any:
    """Return the diagonal of the Hessian at `x` exactly, shaped as `x`, by one call of `hvp` for each entry.

    >>> from tendsto.problems import Quadratic
    >>> oracle = Oracle(Quadratic(dimension=2, smallest=1.0, largest=4.0), Random(0))
    >>> hessian_diagonal(oracle, oracle.init()).tolist()
    [1.0, 4.0]
    >>> oracle.calls["hvp"]
    2
    """
    size = sum(leaf.numel() for leaf in leaves(x))
    like = leaves(x)[0]
    units = torch.eye(size, dtype=like.dtype, device=like.device)
    entries = [join(oracle.hvp(x, split(unit, like=x)))[i] for i, unit in enumerate(units)]
    return tree_map(lambda _, d: d.clone(), split(torch.stack(entries), like=x))  # each a tensor of its own


def diagonal_of(kind: str, oracle: Oracle, x: Any, rng: Random, samples: int = 1, purpose: str = "probe") -> Any:
    """Return the diagonal of the Hessian at `x`, "hutchinson" or "exact"."""
    if kind == "exact":
        return hessian_diagonal(oracle, x)
    return hutchinson_diagonal(oracle, x, rng, samples, purpose=purpose)
