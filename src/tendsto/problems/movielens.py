"""Matrix factorisation of real ratings: MovieLens-100K."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from tendsto.core.problem import Constants
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.problems.classification import check_network
from tendsto.problems.data import movielens
from tendsto.problems.finite_sum import FiniteSum
from tendsto.problems.once import once_property

USERS, FILMS = 943, 1682
Point = dict[str, Tensor]


@register("movielens")
@dataclass(frozen=True)
class MovieLens(FiniteSum):
    """f = mean over ratings of (r - m - c_u - d_i - p_u . q_i)^2 / 2 + l2/2 (||p_u||^2 + ||q_i||^2 + c_u^2 + d_i^2).

    m is the mean rating. Every tenth of the 100,000 ratings is for testing; the metric is the test's root mean square
    error in stars. Points are dicts of float32 (or float64) tensors: "user.factors" (943, k), "user.bias" (943,),
    "film.factors" (1682, k), "film.bias" (1682,). The data are read where recbole installed them: research use, no
    redistribution (GroupLens).

    Raises:
        ValueError: a size below 1, a negative l2, or an unknown precision.
        ImportError: recbole, which ships the data, is not installed.

    Source: Koren, Bell, Volinsky, *Matrix factorization techniques for recommender systems* (2009), equation 5.

    >>> MovieLens(factors=4).init(Random(0))["film.factors"].shape
    torch.Size([1682, 4])
    """

    factors: int = 8
    l2: float = 0.02
    batch: int | None = 1024
    precision: str = "float32"

    criterion_name = "train loss"

    small: ClassVar[Mapping[str, Any]] = {"factors": 2, "batch": 64}

    def __post_init__(self) -> None:
        check_network(factors=self.factors, batch=self.batch, precision=self.precision)
        if self.l2 < 0:
            raise ValueError(f"l2 = {self.l2} rewards size: use a number of at least 0")

    @once_property
    def data(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Training pairs and ratings less their mean, test pairs and ratings less the same."""
        pairs, stars = movielens()
        test = torch.arange(len(stars)) % 10 == 9
        stars = (stars - stars[~test].mean()).to(getattr(torch, self.precision))
        return pairs[~test], stars[~test], pairs[test], stars[test]

    def size(self) -> int:
        return len(self.data[1])

    def init(self, rng: Random) -> Point:
        dtype = getattr(torch, self.precision)
        return {
            "user.factors": 0.1 * rng.normal("user", (USERS, self.factors), dtype),
            "user.bias": torch.zeros(USERS, dtype=dtype),
            "film.factors": 0.1 * rng.normal("film", (FILMS, self.factors), dtype),
            "film.bias": torch.zeros(FILMS, dtype=dtype),
        }

    def _errors(self, x: Point, pairs: Tensor, stars: Tensor) -> tuple[Tensor, Tensor]:
        """Errors and squared sizes of what predicts, each (m,)."""
        user, film = pairs[..., 0], pairs[..., 1]
        p, q = x["user.factors"][user], x["film.factors"][film]
        c, d = x["user.bias"][user], x["film.bias"][film]
        return stars - c - d - (p * q).sum(dim=-1), (p * p + q * q).sum(dim=-1) + c * c + d * d

    def losses(self, x: Point, which: Tensor | None) -> Tensor:
        pairs, stars = self.data[:2] if which is None else (self.data[0][which], self.data[1][which])
        errors, sizes = self._errors(x, pairs, stars)
        return 0.5 * errors**2 + 0.5 * self.l2 * sizes

    def metrics(self, x: Point) -> dict[str, Tensor]:
        return {"test RMSE": self._errors(x, *self.data[2:])[0].square().mean().sqrt()}

    def constants(self) -> Constants:
        return Constants(convex=False)
