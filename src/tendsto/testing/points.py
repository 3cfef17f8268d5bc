"""Points of any kind as vectors, so that one check serves tensors, arrays and dicts of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from tendsto.core.problem import Problem
from tendsto.core.random import Random
from tendsto.core.tree import leaves, tree_map


def vector(point: Any) -> np.ndarray:
    """Return all numbers of a point as one float64 vector."""
    return np.concatenate([np.asarray(leaf, dtype=np.float64).ravel() for leaf in leaves(point)])


def shaped(values: np.ndarray, like: Any) -> Any:
    """Return the point, shaped and typed as `like`, whose vector is `values`."""
    at = 0

    def take(_: str, leaf: Any) -> Any:
        nonlocal at
        size = int(np.prod(leaf.shape))
        part, at = values[at : at + size].reshape(tuple(leaf.shape)), at + size
        return torch.as_tensor(part).to(leaf.dtype) if isinstance(leaf, torch.Tensor) else part.astype(leaf.dtype)

    return tree_map(take, like)


def resolution(point: Any) -> float:
    """Return the machine epsilon of the coarsest number type in a point."""
    kinds = [torch.finfo(x.dtype) if isinstance(x, torch.Tensor) else np.finfo(x.dtype) for x in leaves(point)]
    return max(float(kind.eps) for kind in kinds)


def stacked(points: list[Any]) -> Any:
    """Return points with one leading axis; None where all are None."""
    if points[0] is None:
        return None

    def stack(_: str, first: Any, *others: Any) -> Any:
        return torch.stack([first, *others]) if isinstance(first, torch.Tensor) else np.stack([first, *others])

    return tree_map(stack, points[0], *points[1:])


def batched(problem: Problem, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function` over a leading axis of its arguments, None left alone, as lanes would run it."""
    if problem.lanes == "leading":
        return function

    def run(*arguments: Any) -> Any:
        return torch.func.vmap(function, in_dims=tuple(None if a is None else 0 for a in arguments))(*arguments)

    return run


def spread_points(problem: Problem, count: int) -> list[Any]:
    """Return initial points moved by normal vectors of 0.3, 1 and 3 tenths of (1 + their root mean square) in turn.

    They are moved back into the feasible set by the problem's `project`, where it has one.
    """
    back: Any = problem.project if "project" in problem.offers() else lambda x: x  # type: ignore[reportAttributeAccessIssue]
    found: list[Any] = []
    for seed in range(count):
        x = problem.init(Random(seed, backend=problem.backend))
        values = vector(x)
        move = np.random.default_rng(seed).normal(size=values.size)
        scale = (0.03, 0.1, 0.3)[seed % 3] * (1 + float(np.sqrt((values**2).mean())))
        found.append(back(shaped(values + scale * move, x)))
    return found


def rows(tree: Any) -> np.ndarray:
    """Return a tree of arrays with a leading axis as one matrix, a row each."""
    parts = [rows(v) for v in tree.values()] if isinstance(tree, dict) else [np.asarray(tree)]
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)
