"""The constraint that Lion's weight decay enforces: points outside its box come in at a geometric rate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from tendsto.core.guarantee import Guarantee
from tendsto.core.trace import Array


@dataclass(frozen=True, kw_only=True)
class LionBox(Guarantee):
    """Phase I of Lion and Distributed Lion: the distance from the box |x|_inf <= 1 / weight_decay contracts surely.

    x <- x - lr (d + weight_decay x) with any d in [-1, 1]^n, so it is so for every loss, noise, number of workers and
    way to aggregate, and for every distance made of a norm of the entries' own (max(|x_i| - 1 / weight_decay, 0))_i.
    The trace must record it as "distance to the box". It is not enrolled among the theorems that `find` offers: no
    constant of a problem enters.

    start: the distance of x_0.

    Raises:
        ValueError: a size that is not above 0, or lr * weight_decay of 1 or more.

    >>> LionBox(lr=0.1, weight_decay=1.0, start=2.0).bound(2)
    1.62
    """

    lr: float
    weight_decay: float
    start: float = 1.0

    method = "distributed-lion"
    assumes = ()
    measure = "distance to the box"
    tightness = "tight"
    statement = "dist(x_k) <= (1 - lr weight_decay)^k dist(x_0), and a point inside the box stays inside."
    proof = (
        "|x_i - lr (d_i + weight_decay x_i)| - 1/weight_decay <= (1 - lr weight_decay) (|x_i| - 1/weight_decay), as"
        " |d_i| <= 1; equality where d_i points outward."
    )
    source = "Liu et al. 2024, arXiv 2404.00438, Theorem 4.4 (its number recalled; derived again)"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("lr", "weight_decay", "start"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} = {getattr(self, name)} is no size: use a finite number above 0")
        if self.lr * self.weight_decay >= 1:
            raise ValueError(
                f"lr * weight_decay = {self.lr * self.weight_decay:g} shrinks points through 0: keep it below 1"
            )

    def settings(self) -> dict[str, Any]:
        return {"lr": self.lr, "weight_decay": self.weight_decay}

    def formula(self, k: Array) -> Array:
        return (1 - self.lr * self.weight_decay) ** k * self.start
