"""What can be certified of gradient flow on a deep linear generator from its first weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from tendsto.core.guarantee import Guarantee
from tendsto.core.trace import Array
from tendsto.sampling.deep_linear_generator import DeepLinearGenerator, imbalance

__all__ = ["BalancedFlow", "certificate", "deficiency_margin"]


@dataclass(frozen=True, kw_only=True)
class BalancedFlow(Guarantee):
    """Gradient flow on a deep linear generator of full rank from balanced weights: a bound along time.

    gap: L at the start, the optimum being 0. margin: c, below which no singular value of W(t) falls. depth: N. For one
    layer the bound is attained at every t.

    >>> flow = BalancedFlow(gap=1.0, margin=0.25, depth=2)
    >>> flow.rate, round(flow.bound(1.0), 6)
    (2.0, 0.135335)
    """

    gap: float
    margin: float
    depth: int

    method = "gd"
    assumes = ("gap",)
    statement = "L(W(t)) <= L(W(0)) exp(-4 N c^(2 - 2/N) t), c = l_n^(1/2) - L(W(0))^(1/2) > 0."
    proof = (
        "while W has rank n, dL/dW = 2 (I - T) W with T the optimal map, so |dL/dW|^2 = 4 E|x - T x|^2 = 4 L; balanced"
        " layers receive N sigma_min(W)^(2 - 2/N) times that at least; and sigma_min(W) is at least the distance from"
        " N(0, cov) to what has a lower rank, less L^(1/2), which decreases."
    )
    source = (
        "Brechet et al. (ICML 2023, arXiv 2303.03027) have a rate proportional to N c^(2 - 2/N); its constants were not"
        " found, and these are derived"
    )
    along = "time"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.margin > 0 or self.depth < 1:
            raise ValueError(f"margin = {self.margin} and depth = {self.depth} certify nothing: use a margin above 0")

    @property
    def rate(self) -> float:
        """4 N c^(2 - 2/N), per unit of time."""
        return 4 * self.depth * self.margin ** (2 - 2 / self.depth)

    def formula(self, k: Array) -> Array:
        return self.gap * math.e ** (-self.rate * k)


def deficiency_margin(problem: DeepLinearGenerator, x: Mapping[str, Tensor]) -> float:
    """Return c = (L* + l_k)^{1/2} - L(x)^{1/2}, where L* + l_k is the least loss that a rank below k allows.

    While the loss does not rise above L(x), the k-th singular value of W stays above c, where that is positive: L^{1/2}
    is a distance, and W is that singular value away from a lower rank.

    Raises:
        ValueError: a smoothed loss, whose ranks do not matter.

    Source: the name is that of Arora et al. (2019) and Brechet et al. (2023); this value is derived.

    >>> problem = DeepLinearGenerator((4.0, 1.0), widths=(2, 2))
    >>> deficiency_margin(problem, problem.solution())
    1.0
    """
    if problem.smoothing > 0:
        raise ValueError(f"smoothing = {problem.smoothing}: the smoothed loss has a gradient at every rank")
    values = torch.linalg.eigvalsh(problem.cov()).flip(0)
    start = max(0.0, float(problem.criterion(x)))
    return math.sqrt(float(values[problem.rank - 1 :].sum())) - math.sqrt(start)


def certificate(problem: DeepLinearGenerator, x: Mapping[str, Tensor]) -> BalancedFlow:
    """Return the bound that gradient flow from x obeys.

    Raises:
        ValueError: a rank k below n, where strict saddles lie below every loss that the margin asks for; weights that
            are not balanced; or a loss that does not rule out a lower rank.

    >>> problem = DeepLinearGenerator((4.0, 1.0), widths=(2, 2, 2))
    >>> round(certificate(problem, problem.solution()).margin, 6)
    1.0
    """
    n, margin = problem.widths[-1], deficiency_margin(problem, x)
    if problem.rank < n:
        raise ValueError(
            f"the least width {problem.rank} is below {n}: strict saddles of rank {problem.rank} lie below the losses"
            " of lower ranks, so no rate is certified"
        )
    off = float(imbalance(x))
    if off > 1e-9:
        raise ValueError(f"the weights are not balanced: W_(j+1)^T W_(j+1) - W_j W_j^T has an entry {off:.3g}")
    if not margin > 0:
        raise ValueError(
            f"the loss {float(problem.criterion(x)):.3g} does not rule out a rank below {n}: start with less than the"
            f" least eigenvalue {float(torch.linalg.eigvalsh(problem.cov())[0]):.3g}"
        )
    return BalancedFlow(gap=max(0.0, float(problem.criterion(x))), margin=margin, depth=len(problem.widths) - 1)
