"""How fast averages of products of long-memory, heavy-tailed processes converge (Kouritzin and Paul, 2022)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tendsto.probability.assumption import Assumption, require

__all__ = ["MarcinkiewiczLaw", "product_rate"]


@dataclass(frozen=True)
class MarcinkiewiczLaw:
    """``n^{-1/p} Σ_{k≤n} (d_k - E d_k) -> 0`` almost surely for every ``p < largest_p``, with ``d_k = Π_r x_k^{(r)}``.

    ``x_k^{(r)} = Σ_l c_l^{(r)} ξ_{k-l}`` with ``sup |l|^{σ_r} |c_l^{(r)}| < ∞``, driven by the same innovations.

    decays: the σ_r in (1/2, 1], one a factor. tail: α of ``sup_t t^α P(|Π_r ξ^{(r)}| > t) < ∞``, above 1; for s copies
    of one process with innovations of tail a it is a / s. skewed: whether products of an odd number of factors, three
    or more, have a mean other than 0; one factor has none, two have one.

    The partial sums are of the order n to the ``exponent``, the larger of two that do not interact:

    - ``tail_exponent = 1 / min(α, 2)``, of the largest innovations;
    - ``memory_exponent = max(1/2, 1 - Σ_{r∈S} (σ_r - 1/2))`` over the sets S of factors whose complement has a mean
      other than 0: what these leave is long memory of the product of the factors in S.

    Source: Kouritzin and Paul, arXiv:2007.06083: model, range of p in (1, 2) and the decoupling; for two factors the
    formula (``p < min(2, α, 1/(2 - σ_1 - σ_2))``) is recalled, for more it is derived here.

    >>> law = MarcinkiewiczLaw((0.6, 0.6), tail=4.0)
    >>> law.limited_by, round(law.exponent, 3), round(law.largest_p, 3)
    ('memory', 0.8, 1.25)
    """

    decays: tuple[float, ...]
    tail: float = math.inf
    skewed: bool = True

    def __post_init__(self) -> None:
        if not self.decays:
            raise ValueError("no decay is given; a product has at least one factor")
        if any(not math.isfinite(s) for s in self.decays) or math.isnan(self.tail):
            raise ValueError(f"decays {self.decays} and tail {self.tail} are not all numbers")

    def assumptions(self) -> tuple[Assumption, ...]:
        """The hypotheses on decays and tail."""
        least, largest = min(self.decays), max(self.decays)
        inside = least > 0.5 and largest <= 1
        memory = "all are" if inside else f"{least if least <= 0.5 else largest} is outside"
        tail = f"the tail index is {self.tail:g}"
        return (
            Assumption("decay in (1/2, 1]", "holds" if inside else "fails", memory),
            Assumption("product tail above 1", "holds" if self.tail > 1 else "fails", tail),
        )

    @property
    def tail_exponent(self) -> float:
        require("Marcinkiewicz law", *self.assumptions())
        return 1 / min(self.tail, 2.0)

    @property
    def memory_exponent(self) -> float:
        require("Marcinkiewicz law", *self.assumptions())
        return max(0.5, max(1 - sum(self.decays[r] - 0.5 for r in s) for s in self.memory_sets()))

    @property
    def exponent(self) -> float:
        """Of the partial sums, in [1/2, 1). Raises ValueError where an assumption fails, as all that follow."""
        return max(self.tail_exponent, self.memory_exponent)

    @property
    def largest_p(self) -> float:
        """The supremum of the admissible p; the law is not claimed at it."""
        return 1 / self.exponent

    @property
    def limited_by(self) -> Literal["tail", "memory", "neither"]:
        """What keeps the exponent above 1/2, the larger one where both do."""
        if self.exponent == 0.5:
            return "neither"
        return "tail" if self.tail_exponent >= self.memory_exponent else "memory"

    def admits(self, p: float) -> bool:
        """Whether the law is claimed for this p. Raises ValueError for p not in [1, 2]."""
        if not 1 <= p <= 2:
            raise ValueError(f"p = {p} is not in [1, 2], the range of Marcinkiewicz laws")
        return p < self.largest_p

    def memory_sets(self) -> list[tuple[int, ...]]:
        """The sets S: not empty, and the factors outside S have a product of mean other than 0."""
        every = range(len(self.decays))
        sizes = [k for k in range(1, len(self.decays) + 1) if self._has_mean(len(self.decays) - k)]
        return [s for k in sizes for s in itertools.combinations(every, k)]

    def _has_mean(self, factors: int) -> bool:
        return factors % 2 == 0 or (self.skewed and factors >= 3)


def product_rate(
    decays: float | Sequence[float], tail: float = math.inf, factors: int = 1, *, skewed: bool = True
) -> MarcinkiewiczLaw:
    """The law for a product: ``decays`` one a factor, or one number for ``factors`` copies of the same process.

    tail: of the product of innovations. Raises ValueError where both a list and a number of copies are given.

    >>> product_rate(0.7, factors=3).exponent.__round__(3), product_rate(0.7, factors=2).exponent.__round__(3)
    (0.8, 0.6)
    >>> product_rate([0.4, 0.9]).exponent
    Traceback (most recent call last):
        ...
    ValueError: the Marcinkiewicz law does not apply: decay in (1/2, 1] fails: 0.4 is outside
    """
    if isinstance(decays, Sequence):
        if factors != 1:
            raise ValueError(f"{len(decays)} decays and {factors} copies were given; give one of them")
        return MarcinkiewiczLaw(tuple(decays), tail, skewed)
    if factors < 1 or factors != int(factors):
        raise ValueError(f"factors = {factors} make no product; an integer of at least 1 is needed")
    return MarcinkiewiczLaw((decays,) * int(factors), tail, skewed)
