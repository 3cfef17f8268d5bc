"""Linear processes and the mean of their products, with loops over lags.

Source: Kouritzin and Paul (2022), arXiv:2007.06083, the model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence


def coefficient(lag: int, decay: float, cutoff: int) -> float:
    """c_0 = 1, c_l = |l|^{-σ} up to the cutoff."""
    return 0.0 if abs(lag) > cutoff else 1.0 if lag == 0 else abs(lag) ** -decay


def linear(innovations: Callable[[int], float], n: int, decay: float, cutoff: int) -> list[float]:
    """x_k = Σ_l c_l ξ_{k-l}."""
    return [
        sum(coefficient(lag, decay, cutoff) * innovations(k - lag) for lag in range(-cutoff, cutoff + 1))
        for k in range(n)
    ]


def mean_of_product(decays: Sequence[float], cutoff: int, moments: Sequence[float]) -> float:
    """E Π_r x_k^{(r)} over all tuples of lags: independent innovations, moments E ξ^0, E ξ^1, E ξ^2, ..."""
    lags = range(-cutoff, cutoff + 1)

    def expand(chosen: tuple[int, ...], weight: float) -> float:
        if len(chosen) == len(decays):
            value = weight
            for lag in set(chosen):
                value *= moments[chosen.count(lag)]
            return value
        decay = decays[len(chosen)]
        return sum(expand((*chosen, lag), weight * coefficient(lag, decay, cutoff)) for lag in lags)

    return expand((), 1.0)
