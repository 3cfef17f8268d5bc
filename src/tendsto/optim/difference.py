"""Products with the Hessian as differences of gradients, for the price of one gradient each."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tendsto.core.oracle import Oracle
from tendsto.core.problem import Problem
from tendsto.core.tree import leaves, tree_map
from tendsto.optim.closure_problem import ClosureProblem

PRODUCTS = ("exact", "difference")


class GradientDifferences(Oracle):
    """An oracle that answers `hvp` with a difference of two gradients on the same sample, and counts it as a gradient.

        H v  ~  (grad f(x + h v) - grad f(x)) / h,   h = eps^(1/3) max(1, |x|) / |v|

    with Euclidean norms over all entries and eps the rounding unit of the coarsest dtype of `x`. The gradient at the
    last `x` is kept, so that any number of products there and the gradient itself cost one gradient, and one more a
    product; `hvp`, by two backward passes, costs about as much as three.

    The error is (h / 2) D^3 f[v, v] + O(h^2), and rounding of the order of eps |grad f| / h. An h of the order of
    eps^(1/2) would balance the two. For signs v, though, v * D^3 f[v, v] is odd in v: its mean is 0, and an estimate of
    the diagonal is off by O(h^2) in the mean, which eps^(1/3) balances against rounding, as for central differences;
    what varies with v is small beside the variance of the estimate itself. Of a product on the tanh networks of the
    tests, 1e-5 is lost in float64 and 1e-2 in float32; on a quadratic, rounding alone, some 1e-10 in float64.

    Not for networks with kinks, such as ReLU: a unit that changes its sign between x and x + h v adds the jump of its
    gradient over h, a rare and huge number, where `hvp` sees nothing of the kink. Nor where gradients have fewer digits
    than the point's dtype holds, as under autocast or for half precision, which `declines_differences` refuses; nor
    with layers that draw otherwise than from torch's generators, or change when they are called, as BatchNorm's running
    averages do once more a product.

    Source: the formula is classical (Brown and Saad 1990 in Krylov methods, recalled); the power of eps derived here.

    >>> from tendsto.core.random import Random
    >>> from tendsto.problems import Quadratic
    >>> oracle = GradientDifferences(Oracle(Quadratic(dimension=2, smallest=1.0, largest=4.0), Random(0)))
    >>> x = oracle.init()
    >>> oracle.hvp(x, torch.ones_like(x)).round(decimals=6).tolist()
    [1.0, 4.0]
    >>> gradient = oracle.gradient(x)
    >>> dict(oracle.calls)
    {'gradient': 2}
    """

    def __init__(self, oracle: Oracle) -> None:
        offers = oracle.offers | {"hvp"}
        super().__init__(oracle.problem, oracle.rng, sample=oracle.sample, calls=oracle.calls, offers=offers)
        self._oracle = oracle
        self._at: Any = None
        self._here: Any = None

    def value_and_gradient(self, x: Any) -> Any:
        if x is not self._at:
            self._at, self._here = x, self._oracle.value_and_gradient(x)
        return self._here

    def gradient(self, x: Any) -> Any:
        return self._here[1] if x is self._at else self._oracle.gradient(x)

    def hvp(self, x: Any, v: Any) -> Any:
        here, h = self.value_and_gradient(x)[1], increment(x, v)
        there = self._oracle.gradient(tree_map(lambda _, p, d: torch.addcmul(p, h.to(p), d), x, v))
        return tree_map(lambda _, a, b: (b - a).div_(h.to(a.device)), here, there)


def increment(x: Any, v: Any) -> Tensor:
    """Return how far along `v` from `x` a gradient is compared, eps^(1/3) max(1, |x|) / |v|, a 0-d tensor.

    >>> increment(torch.zeros(4), torch.ones(4)) / torch.finfo(torch.float32).eps ** (1 / 3)
    tensor(0.5000)
    """
    eps = max(torch.finfo(leaf.dtype).eps for leaf in leaves(x))
    along = _norm(v)
    return eps ** (1 / 3) * _norm(x).clamp(min=1) / torch.where(along > 0, along, 1.0)


def _norm(tree: Any) -> Tensor:
    parts = [torch.linalg.vector_norm(leaf) for leaf in leaves(tree)]
    return torch.linalg.vector_norm(torch.stack([part.to(parts[0]) for part in parts]))


def answering(products: str, oracle: Oracle) -> Oracle:
    """Return an oracle whose `hvp` is "exact", which is the oracle itself, or a "difference" of gradients."""
    return GradientDifferences(oracle) if products == "difference" else oracle


def asks_for(products: str) -> tuple[str, ...]:
    """Return what a method asks for that needs gradients and products with the Hessian."""
    return ("gradient",) if products == "difference" else ("gradient", "hvp")


def declines_differences(products: str, problem: Problem) -> str | None:
    """Return why products as differences do not fit the parameters of a closure, or None where they do."""
    if products == "difference" and isinstance(problem, ClosureProblem):
        for name, p in problem.parameters.items():
            if p.dtype in (torch.float16, torch.bfloat16):
                return (
                    f"differences of gradients need float32 or float64, and {name!r} is {p.dtype}: use the exact ones"
                )
    return None
