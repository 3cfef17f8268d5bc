"""What a solution is like, beside its loss: sparsity, sharpness, ranks, forgetting; to compare optimizers by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tendsto.core.problem import Problem
from tendsto.core.random import Random
from tendsto.core.trace import Array
from tendsto.core.tree import join, leaves, split
from tendsto.problems.estimate import power_iteration


def sparsity(x: Any, *, share: float = 0.01) -> float:
    """Return the share of entries that are at most `share` times the largest of their tensor, in absolute value.

    Raises:
        ValueError: a share outside [0, 1).

    >>> sparsity({"w": torch.tensor([1.0, 0.001, 0.0, -2.0])})
    0.5
    """
    if not 0 <= share < 1:
        raise ValueError(f"share = {share} is no share of the largest entry: use a number of at least 0 and below 1")
    small = [(leaf.abs() <= share * leaf.abs().max()).sum().item() for leaf in leaves(x)]
    return float(sum(small) / sum(leaf.numel() for leaf in leaves(x)))


def stable_rank(matrix: Tensor) -> float:
    """Return ||A||_F^2 / ||A||_2^2, between 1 and the rank; 0 for the zero matrix.

    >>> round(stable_rank(torch.diag(torch.tensor([2.0, 1.0]))), 4)
    1.25
    """
    singular = torch.linalg.svdvals(matrix.reshape(len(matrix), -1))
    top = float(singular[0])
    return float((singular**2).sum()) / top**2 if top > 0 else 0.0


def effective_rank(matrix: Tensor) -> float:
    """Return exp(entropy of the singular values divided by their sum); 0 for the zero matrix.

    Source: Roy and Vetterli 2007.

    >>> round(effective_rank(torch.eye(3)), 4)
    3.0
    """
    singular = torch.linalg.svdvals(matrix.reshape(len(matrix), -1))
    total = singular.sum()
    if total == 0:
        return 0.0
    p = singular / total
    return float(torch.exp(-torch.xlogy(p, p).sum()))


def participation_ratio(features: Tensor) -> float:
    """Return (sum of eigenvalues)^2 / (sum of their squares) of the covariance of features (samples, d), 1 to d.

    >>> round(participation_ratio(torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])), 4)
    2.0
    """
    centred = features - features.mean(dim=0)
    squares = torch.linalg.svdvals(centred) ** 2
    return float(squares.sum() ** 2 / (squares**2).sum())


def class_cosine(features: Tensor, labels: Tensor) -> float:
    """Return the mean cosine between the mean features of different classes; features (samples, d), labels (samples,).

    Raises:
        ValueError: fewer than two classes.

    >>> round(class_cosine(torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([0, 1])), 4)
    0.0
    """
    classes = labels.unique()
    if len(classes) < 2:
        raise ValueError(f"labels have {len(classes)} class: a cosine between classes needs at least two")
    means = torch.stack([features[labels == c].mean(dim=0) for c in classes])
    means = means / means.norm(dim=1, keepdim=True)
    cosines = means @ means.T
    n = len(classes)
    return float((cosines.sum() - cosines.trace()) / (n * (n - 1)))


def sharpness(problem: Problem, x: Any, *, sample: Any = None, iterations: int = 200) -> float:
    """Return the largest |eigenvalue| of the Hessian of a problem at x, by power iteration on Hessian-vector products.

    >>> from tendsto.problems import Quadratic
    >>> problem = Quadratic(dimension=3, smallest=1.0, largest=7.0)
    >>> round(sharpness(problem, problem.init(Random(0))), 3)
    7.0
    """
    flat = join(x) if isinstance(x, dict) else x.reshape(-1)

    def multiply(v: Tensor) -> Tensor:
        product = problem.hvp(x, split(v, like=x), sample)
        return join(product) if isinstance(product, dict) else product.reshape(-1)

    start = Random(0).fork("sharpness").normal("start", (len(flat),), flat.dtype)
    with torch.no_grad():
        return power_iteration(multiply, start, iterations=iterations, tolerance=1e-9)


def learned(accuracy: Array) -> float:
    """Return the mean accuracy on each task right after it was learned: the plasticity.

    accuracy: (tasks, tasks), row t after task t, column i on task i.

    >>> learned(np.array([[1.0, 0.0], [0.2, 0.8]]))
    0.9
    """
    return float(np.mean(np.diagonal(_square(accuracy))))


def retained(accuracy: Array) -> float:
    """Return the mean accuracy on all tasks but the last, after the last: what was not forgotten.

    >>> retained(np.array([[1.0, 0.0], [0.2, 0.8]]))
    0.2
    """
    return float(np.mean(_square(accuracy)[-1, :-1]))


def forgetting(accuracy: Array) -> float:
    """Return by how much the accuracy on a task, all but the last, fell from its best to the end, on average.

    Source: Chaudhry et al. 2018, Riemannian walk for incremental learning.

    >>> forgetting(np.array([[1.0, 0.0], [0.2, 0.8]]))
    0.8
    """
    table = _square(accuracy)
    return float(np.mean(table[:-1, :-1].max(axis=0) - table[-1, :-1]))


def _square(accuracy: Array) -> Array:
    table = np.asarray(accuracy, np.float64)
    if table.ndim != 2 or table.shape[0] != table.shape[1] or len(table) < 2:
        raise ValueError(f"accuracy has shape {table.shape}: use (tasks, tasks), at least 2, row t after task t")
    return table


def compare_solutions(
    solutions: Mapping[str, Any], measures: Mapping[str, Callable[[Any], float]]
) -> dict[str, dict[str, float]]:
    """Return every measure of every solution, by the solution's name; solutions should have equal losses.

    >>> compare_solutions({"a": torch.tensor([1.0, 0.0])}, {"sparsity": sparsity})
    {'a': {'sparsity': 0.5}}
    """
    return {name: {what: float(measure(x)) for what, measure in measures.items()} for name, x in solutions.items()}
