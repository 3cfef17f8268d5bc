"""Products of linear processes that share their innovations, with their exact mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tendsto.probability.linear_process import LinearProcess
from tendsto.probability.product_rate import MarcinkiewiczLaw

__all__ = ["ProductProcess"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ProductProcess:
    """``d_k = Π_r x_k^{(r)}`` for two or three linear processes with the same innovations and the same cutoff.

    Its mean is that of the truncated processes, ``Σ_l Π_r c_l^{(r)} E ξ^s``; for four factors or more there are further
    terms, so these are refused. A sample mean in its place would hide the very error that is asked for.

    Raises ValueError for another number of factors, or for factors that differ in cutoff, sidedness or innovation.

    >>> process = ProductProcess((LinearProcess(0.7, cutoff=500),) * 2)
    >>> process.centred(100, np.random.default_rng(0)).shape
    (100,)
    """

    factors: tuple[LinearProcess, ...]

    def __post_init__(self) -> None:
        if len(self.factors) not in (2, 3):
            raise ValueError(f"{len(self.factors)} factors have no mean in closed form here; 2 or 3 are needed")
        if len({(f.cutoff, f.two_sided, f.innovation) for f in self.factors}) > 1:
            raise ValueError("the factors differ in cutoff, sidedness or innovation; they must share them")

    @property
    def mean(self) -> float:
        """``E d_k``; NaN where the innovations lack the moment."""
        moment = self.factors[0].innovation
        overlap = float(np.prod([f.coefficients for f in self.factors], axis=0).sum())
        return overlap * (moment.variance if len(self.factors) == 2 else moment.skewness)

    @property
    def law(self) -> MarcinkiewiczLaw:
        """The exponents that the theorem gives it."""
        innovation = self.factors[0].innovation
        decays = tuple(f.decay for f in self.factors)
        return MarcinkiewiczLaw(decays, innovation.tail / len(self.factors), skewed=innovation.skewness != 0)

    def centred(self, n: int, rng: np.random.Generator) -> Array:
        """``d_k - E d_k`` for k = 1, ..., n."""
        first = self.factors[0]
        innovations = first.innovation.sample((n + len(first.coefficients) - 1,), rng)
        series = {id(f): f.filtered(innovations) for f in self.factors}
        product = np.ones(n)
        for f in self.factors:
            product = product * series[id(f)]
        return product - self.mean
