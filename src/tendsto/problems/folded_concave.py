"""Generalised linear models with a folded concave penalty: SCAD or MCP, sparse without the bias of the lasso."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from tendsto.core.problem import Constants, Problem
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.problems.once import once_property


@dataclass(frozen=True)
class FoldedConcave:
    """A penalty P(b) = lam |b| - c(b) of each coefficient, c convex and smooth: the l1 norm near 0, flat far out.

        SCAD (shape a > 2)   c'(b) = 0 for |b| <= lam;  sign(b) (|b| - lam) / (a - 1) up to a lam;  lam sign(b) beyond
        MCP (shape g > 1)    c'(b) = b / g for |b| <= g lam;  lam sign(b) beyond

    so c'' lies in [0, `curvature`], 1 / (a - 1) or 1 / g. shape: None is 3.7 for SCAD and 3 for MCP.

    Raises:
        ValueError: an unknown kind, lam below 0, or a shape that is too small.

    Source: Fan and Li (2001), eq. (2.7); Zhang (2010), eq. (2.1); the split: Yang, Asgharian, Bhatnagar 2020,
    arXiv 2009.10629.

    >>> mcp = FoldedConcave("mcp", 1.0)
    >>> mcp.value(torch.tensor([0.0, 1.5, 3.0, 100.0])).tolist()
    [0.0, 1.125, 1.5, 1.5]
    """

    kind: Literal["scad", "mcp"] = "scad"
    lam: float = 1.0
    shape: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in ("scad", "mcp"):
            raise ValueError(f"penalty {self.kind!r} is unknown: use 'scad' or 'mcp'")
        if not (math.isfinite(self.lam) and self.lam >= 0):
            raise ValueError(f"lam = {self.lam} is no penalty: use a finite number of at least 0")
        least = 2 if self.kind == "scad" else 1
        if self.shape is not None and not self.shape > least:
            raise ValueError(f"shape = {self.shape} of {self.kind} is too small: use a number above {least}")

    @property
    def a(self) -> float:
        """The shape, its default where none was given."""
        return self.shape if self.shape is not None else 3.7 if self.kind == "scad" else 3.0

    @property
    def curvature(self) -> float:
        """The largest second derivative of c."""
        return 1 / (self.a - 1) if self.kind == "scad" else 1 / self.a

    def concave_gradient(self, b: Tensor) -> Tensor:
        """Return c'(b)."""
        size = b.abs()
        if self.kind == "mcp":
            return b.sign() * (size / self.a).clamp(max=self.lam)
        return b.sign() * ((size - self.lam) / (self.a - 1)).clamp(0, self.lam)

    def value(self, b: Tensor) -> Tensor:
        """Return P(b), of the shape of b."""
        size, lam, a = b.abs(), self.lam, self.a
        if self.kind == "mcp":
            near = size.clamp(max=a * lam)
            return lam * near - near**2 / (2 * a)
        near = (size - lam).clamp(0, (a - 1) * lam)
        return lam * size.clamp(max=a * lam) - near**2 / (2 * (a - 1))


class PenalisedModel(Problem):
    """F(b) = f(b) + sum_j P(b_j), f the mean squared error over 2 or the mean logistic loss.

    The split that methods see is smooth + l1: `value` and `gradient` are those of f - sum_j c(b_j), which is not
    convex, `regulariser` is lam ||b||_1, and `prox` its soft threshold; `criterion` is their sum F. Points are float64
    tensors (d,). The metric "||G||^2" is the squared gradient mapping (b - prox(b - grad / L)) L, L = `smooth`.

    A subclass gives `design` (n, d), `response` (n,), in {0, 1} for "logistic", `penalty`, `model`, and `free`, how
    many of the last columns (an intercept) are not penalised.
    """

    design: Tensor
    response: Tensor
    penalty: FoldedConcave
    model: str = "gaussian"
    free: int = 0

    criterion_name = "F(b)"

    def offers(self) -> frozenset[str]:
        # The derivative of c has kinks.
        return super().offers() - {"hvp"}

    def init(self, rng: Random) -> Tensor:
        return torch.zeros(self.design.shape[1], dtype=torch.float64)

    def random_start(self) -> bool:
        return False

    def _penalised(self, b: Tensor) -> Tensor:
        return b[: len(b) - self.free]

    def _fit(self, b: Tensor) -> tuple[Tensor, Tensor]:
        """f and the derivative with respect to each prediction."""
        predicted, n = self.design @ b, len(self.response)
        if self.model == "gaussian":
            off = predicted - self.response
            return off @ off / (2 * n), off / n
        loss = torch.nn.functional.softplus(predicted) - self.response * predicted
        return loss.mean(), (torch.sigmoid(predicted) - self.response) / n

    def value_and_gradient(self, x: Tensor, sample: Any = None) -> tuple[Tensor, Tensor]:
        loss, slope = self._fit(x)
        b = self._penalised(x)
        concave = torch.nn.functional.pad(self.penalty.concave_gradient(b), (0, self.free))
        value = loss + self.penalty.value(b).sum() - self.penalty.lam * b.abs().sum()
        return value, self.design.T @ slope - concave

    def value(self, x: Tensor, sample: Any = None) -> Tensor:
        return self.value_and_gradient(x)[0]

    def gradient(self, x: Tensor, sample: Any = None) -> Tensor:
        return self.value_and_gradient(x)[1]

    def regulariser(self, x: Tensor) -> Tensor:
        return self.penalty.lam * self._penalised(x).abs().sum()

    def prox(self, x: Tensor, step_size: Any, sample: Any = None) -> Tensor:
        """argmin_y lam ||y||_1 + ||y - x||^2 / (2 step_size)."""
        b = self._penalised(x)
        soft = b.sign() * (b.abs() - step_size * self.penalty.lam).clamp(min=0)
        return torch.cat([soft, x[len(b) :]])

    def criterion(self, x: Tensor) -> Tensor:
        return self._fit(x)[0] + self.penalty.value(self._penalised(x)).sum()

    def mapping(self, x: Tensor) -> Tensor:
        """Return the gradient mapping (x - prox(x - grad / L)) L."""
        smooth = self.smooth
        return smooth * (x - self.prox(x - self.gradient(x) / smooth, 1 / smooth))

    def metrics(self, x: Tensor) -> Mapping[str, Tensor]:
        return {"||G||^2": (self.mapping(x) ** 2).sum(), "nonzeros": (self._penalised(x) != 0).double().sum()}

    @once_property
    def smooth(self) -> float:
        """L of the gradient of f - sum c: the larger of that of f and the curvature of c."""
        share = 1.0 if self.model == "gaussian" else 0.25
        largest = float(torch.linalg.matrix_norm(self.design, 2)) ** 2 * share / len(self.response)
        return max(largest, self.penalty.curvature)

    def constants(self) -> Constants:
        # F is at least 0, so its gap is at most F(x_0).
        start = torch.zeros(self.design.shape[1], dtype=torch.float64)
        return Constants(smooth=self.smooth, convex=False, gap=float(self.criterion(start)))


@register("folded-concave-regression")
@dataclass(frozen=True)
class FoldedConcaveRegression(PenalisedModel):
    """Least squares with a folded concave penalty on drawn data: rows N(0, correlation^|i-j|), few true coefficients.

    `signals` of the coefficients, spread evenly, are +-`size` in turn; noise is N(0, noise^2); the penalty is
    `strength` times the least lam for which 0 is stationary. Every run starts at 0.

    Raises:
        ValueError: sizes below 1, more signals than features, correlation outside [0, 1), strength not in (0, 1).

    >>> problem = FoldedConcaveRegression(samples=50, features=20, signals=2)
    >>> bool(problem.criterion(problem.init(Random(0))) > problem.criterion(problem.truth))
    True
    """

    samples: int = 200
    features: int = 1000
    signals: int = 10
    size: float = 1.0
    correlation: float = 0.9
    noise: float = 0.5
    strength: float = 0.2
    kind: Literal["scad", "mcp"] = "scad"
    data_seed: int = 0

    small: ClassVar[Mapping[str, Any]] = {"samples": 20, "features": 12, "signals": 2}

    def __post_init__(self) -> None:
        if min(self.samples, self.features, self.signals) < 1 or self.signals > self.features:
            raise ValueError(
                f"samples = {self.samples}, features = {self.features}, signals = {self.signals} must be at least 1, "
                "and signals no more than features"
            )
        if not 0 <= self.correlation < 1 or not 0 < self.strength < 1:
            raise ValueError(
                f"correlation = {self.correlation} must be in [0, 1) and strength = {self.strength} in (0, 1)"
            )

    @once_property
    def truth(self) -> Tensor:
        """The coefficients that the data were drawn with."""
        b = torch.zeros(self.features, dtype=torch.float64)
        at = torch.linspace(0, self.features - 1, self.signals + 2).round().long()[1:-1]
        b[at] = self.size * (-1.0) ** torch.arange(self.signals, dtype=torch.float64)
        return b

    @once_property
    def _drawn(self) -> tuple[Tensor, Tensor]:
        rng = Random(self.data_seed).fork("folded-concave-regression")
        normal = rng.normal("rows", (self.samples, self.features), torch.float64)
        columns = [normal[:, 0]]
        for j in range(1, self.features):
            columns.append(self.correlation * columns[-1] + math.sqrt(1 - self.correlation**2) * normal[:, j])
        rows = torch.stack(columns, dim=1)
        return rows, rows @ self.truth + self.noise * rng.normal("noise", (self.samples,), torch.float64)

    @property
    def design(self) -> Tensor:  # type: ignore[reportIncompatibleVariableOverride]
        return self._drawn[0]

    @property
    def response(self) -> Tensor:  # type: ignore[reportIncompatibleVariableOverride]
        return self._drawn[1]

    @once_property
    def penalty(self) -> FoldedConcave:  # type: ignore[reportIncompatibleVariableOverride]
        rows, response = self._drawn
        return FoldedConcave(self.kind, self.strength * float((rows.T @ response).abs().max()) / self.samples)
