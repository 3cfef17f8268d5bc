"""Problems of spectral risk: losses averaged with the worst weights that a penalty allows, on linear models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tendsto.core.problem import Constants, Problem
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.optim.settings import one_of
from tendsto.optim.spectral_risk import PENALTIES, RISKS, Order, sorted_weights, spectrum
from tendsto.problems.data import breast_cancer, diabetes
from tendsto.problems.once import once_property

Array = npt.NDArray[np.float64]
DATA = ("synthetic", "diabetes", "breast-cancer")


@dataclass(frozen=True)
class SpectralConstants(Constants):
    """Constants of a spectral risk. smooth_max: L of the losses alone; strongly_convex: mu, from the l2 term.

    terms: n. top_weight: sigma_n, the largest entry of the spectrum.

    >>> SpectralConstants(terms=4, top_weight=0.5).known()
    {'terms': 4, 'top_weight': 0.5}
    """

    terms: int | None = None
    top_weight: float | None = None


@register("spectral-risk")
@dataclass(frozen=True)
class SpectralRisk(Problem):
    """F(w) = max over q in P(sigma) of { q . l(w) - shift_cost D(q) } + (l2/2) ||w||^2, for a linear model's losses.

    data: "synthetic" (`terms` x `dimension` normal features, targets a_i . w_0 + `noise` times a normal number,
    ||w_0|| = 1) or "diabetes" (442 x 10) with l_i = (a_i . w - b_i)^2 / 2; "breast-cancer" (569 x 30, labels -1 or +1)
    with l_i = log(1 + exp(-b_i a_i . w)). risk, parameter: the spectrum, as in `spectrum`. l2: None for 1/n.

    Points are float64 arrays (..., d), and every run starts at 0. Oracles: `terms_at(w, i)`, losses and derivatives in
    a_i . w of the terms i (..., m); `features(i)`, a_i (..., m, d); `weights(losses, order)`, the worst q (..., m) for
    any m losses, with the spectrum for m, and their order; `prox_slope(w, i, size)`, the derivative at the proximal
    point, so that prox of `size` l_i at w is w - size slope a_i; `gradient(w)`. The optimum is solved by Newton's
    method with a generalised Hessian, and certified by ||grad F||^2 / (2 l2); it is not known without a shift cost.

    Raises:
        ValueError: unknown data, risk or penalty, sizes below 1, negative noise, l2 or shift cost.
        ImportError: scikit-learn, which ships the data, is not installed.

    Source: Mehta et al. (2024, arXiv 2310.13863), equation of the objective and section on experiments.

    >>> problem = SpectralRisk(terms=20, dimension=3, risk="extremile", parameter=2.0)
    >>> float(np.abs(problem.gradient(problem.solution())).max()) < 1e-9
    True
    """

    data: str = "synthetic"
    risk: str = "cvar"
    parameter: float = 0.5
    shift_cost: float = 1.0
    penalty: str = "chi2"
    l2: float | None = None
    terms: int = 100
    dimension: int = 8
    noise: float = 0.5
    data_seed: int = 0

    backend = "numpy"
    lanes = "leading"
    oracles = ("terms_at", "features", "weights", "prox_slope")
    criterion_name = "F(w)"
    small: ClassVar[Mapping[str, Any]] = {"terms": 70, "dimension": 3}

    def __post_init__(self) -> None:
        one_of("data", self.data, DATA)
        one_of("risk", self.risk, RISKS)
        one_of("penalty", self.penalty, PENALTIES)
        if self.terms < 1 or self.dimension < 1:
            raise ValueError(f"terms = {self.terms} and dimension = {self.dimension} must be whole numbers above 0")
        for name in ("noise", "shift_cost"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ValueError(f"{name} = {getattr(self, name)} is not allowed: use a number of at least 0")
        if self.l2 is not None and not self.l2 > 0:
            raise ValueError(f"l2 = {self.l2} is not allowed: use a number above 0, or None for 1/n")
        spectrum(self.risk, 1, self.parameter)

    @once_property
    def table(self) -> tuple[Array, Array]:
        """a (n, d) and b (n,)."""
        if self.data != "synthetic":
            a, b = diabetes() if self.data == "diabetes" else breast_cancer()
            return a.numpy(), b.numpy()
        rng = Random(self.data_seed, backend="numpy").fork("spectral-risk")
        a, planted = rng.normal("features", (self.terms, self.dimension)), rng.normal("planted", (self.dimension,))
        return a, a @ (planted / np.linalg.norm(planted)) + self.noise * rng.normal("noise", (self.terms,))

    @property
    def logistic(self) -> bool:
        return self.data == "breast-cancer"

    @once_property
    def sigma(self) -> Array:
        return spectrum(self.risk, self.size(), self.parameter)

    def size(self) -> int:
        """Return n, the number of terms."""
        return len(self.table[1])

    @property
    def mu(self) -> float:
        """The weight of ||w||^2 / 2."""
        return 1 / self.size() if self.l2 is None else self.l2

    def init(self, rng: Random) -> Array:
        return np.zeros((*np.shape(rng.seed), self.table[0].shape[1]))

    def random_start(self) -> bool:
        return False

    def _losses(self, margin: Array, b: Array) -> tuple[Array, Array]:
        """Losses and their derivatives in the margin a . w."""
        if self.logistic:
            return np.logaddexp(0, -b * margin), -b / (1 + np.exp(b * margin))
        return (margin - b) ** 2 / 2, margin - b

    def terms_at(self, w: Array, i: Any, sample: Any = None) -> tuple[Array, Array]:
        """Return l_i(w) and its derivative in a_i . w for i (..., m), or for all n terms where i is None."""
        a, b = self.table
        if i is None:
            return self._losses(w @ a.T, b)
        return self._losses((a[i] @ w[..., None])[..., 0], b[i])

    def _prox_slope(self, margin: Array, b: Array, c: Array) -> Array:
        """The s with s = l'(margin - c s): the derivative where l(m) + (m - margin)^2 / (2 c) is least."""
        return logistic_prox_slope(margin, b, c) if self.logistic else (margin - b) / (1 + c)

    def prox_slope(self, w: Array, i: Any, size: Any, sample: Any = None) -> Array:
        """Return l_i's derivative in a_i . w (..., m) at prox_{size l_i}(w), for i (..., m); size (..., 1) above 0."""
        a, b = self.table[0][i], self.table[1][i]
        return self._prox_slope((a @ w[..., None])[..., 0], b, size * (a * a).sum(axis=-1))

    def features(self, i: Any, sample: Any = None) -> Array:
        """Return a_i, shape (..., m, d); all of them where i is None."""
        return self.table[0] if i is None else self.table[0][i]

    def weights(self, losses: Array, order: Order | None, sample: Any = None) -> tuple[Array, Order]:
        """Return the worst q for losses (..., m), and their order; `order` is a guess of that, or None."""
        m = losses.shape[-1]
        sigma = self.sigma if m == self.size() else spectrum(self.risk, m, self.parameter)
        return sorted_weights(losses, sigma, self.shift_cost, self.penalty, order)[:2]

    def criterion(self, x: Array) -> Any:
        losses, _ = self.terms_at(x, None)
        (q, _), n = self.weights(losses, None), self.size()
        if self.penalty == "chi2":
            divergence = n * ((q - 1 / n) ** 2).sum(axis=-1)
        else:
            divergence = (q * np.log(np.where(q > 0, n * q, 1))).sum(axis=-1)
        return (q * losses).sum(axis=-1) - self.shift_cost * divergence + self.mu / 2 * (x * x).sum(axis=-1)

    def gradient(self, x: Array, sample: Any = None) -> Array:
        losses, slopes = self.terms_at(x, None)
        return (self.weights(losses, None)[0] * slopes) @ self.table[0] + self.mu * x

    def _hessian(self, w: Array) -> Array:
        """A generalised Hessian: q depends on the losses through l less its mean over each block."""
        a, n = self.table[0], self.size()
        losses, slopes = self.terms_at(w, None)
        q, order, blocks = sorted_weights(losses, self.sigma, self.shift_cost, self.penalty)
        curved = np.abs(slopes) * (1 - np.abs(slopes)) if self.logistic else np.ones(n)
        size = np.full(n, 1 / (2 * n * self.shift_cost)) if self.penalty == "chi2" else q / self.shift_cost
        g = (slopes[:, None] * a)[order]
        sizes = size[order][:, None]
        starts, lengths = blocks[:-1], np.diff(blocks)
        total = np.add.reduceat(sizes * g, starts, axis=0) / np.maximum(np.add.reduceat(sizes, starts, axis=0), 1e-300)
        within = g - np.repeat(total, lengths, axis=0)
        return (a.T * (q * curved)) @ a + (sizes * within).T @ within + self.mu * np.eye(a.shape[1])

    @once_property
    def _solved(self) -> tuple[Array, float]:
        w = np.zeros(self.table[0].shape[1])
        value, g = float(self.criterion(w)), self.gradient(w)
        for _ in range(300):
            if g @ g <= 2e-22 * self.mu * (1 + abs(value)):
                break
            move, size = np.linalg.solve(self._hessian(w), g), 1.0
            slope, before = float(g @ move), float(g @ g)
            while True:
                tried = w - size * move
                reached, new = float(self.criterion(tried)), self.gradient(tried)
                # Close to the optimum differences of F are rounding, and the gradient decides.
                falls = reached <= value - 1e-4 * size * slope
                if falls or size < 1e-12 or (reached <= value + 1e-14 * (1 + abs(value)) and new @ new < 0.9 * before):
                    break
                size /= 2
            w, value, g = tried, reached, new
        left = float(g @ g) / (2 * self.mu)
        if left > 1e-16 * (1 + abs(value)):
            raise ArithmeticError(f"{self} was not solved: F may be {left:g} above its optimum")
        return w, value

    def optimum(self) -> float | None:
        return self._solved[1] if self.shift_cost else None

    def solution(self) -> Array | None:
        return self._solved[0].copy() if self.shift_cost else None

    def metrics(self, x: Array) -> dict[str, Any]:
        return {"||x - x*||^2": ((x - self._solved[0]) ** 2).sum(axis=-1)} if self.shift_cost else {}

    def constants(self) -> SpectralConstants:
        curvature = 0.25 if self.logistic else 1.0
        solved = self._solved if self.shift_cost else None
        return SpectralConstants(
            smooth_max=curvature * float((self.table[0] ** 2).sum(axis=1).max()),
            strongly_convex=self.mu,
            convex=True,
            distance=float(np.linalg.norm(solved[0])) if solved else None,
            gap=float(self.criterion(np.zeros_like(solved[0]))) - solved[1] if solved else None,
            terms=self.size(),
            top_weight=float(self.sigma[-1]),
        )

    def lipschitz_within(self, radius: float) -> float:
        """Return G, a bound on the gradients of all losses where ||w|| <= radius."""
        a, b = self.table
        lengths = np.linalg.norm(a, axis=1)
        steepest = np.ones_like(b) if self.logistic else np.abs(b) + radius * lengths
        return float((steepest * lengths).max())


def logistic_prox_slope(margin: Array, b: Array, c: Array) -> Array:
    """Return s = -b / (1 + exp(b (margin - c s))), by Newton's method within a bracket.

    >>> s = logistic_prox_slope(np.array([2.0]), np.array([-1.0]), np.array([3.0]))
    >>> bool(abs(s - 1 / (1 + np.exp(-(2 - 3 * s))))[0] < 1e-15)
    True
    """
    start = b * margin
    low, high = start, start + c
    u = (low + high) / 2
    for _ in range(60):
        p = 1 / (1 + np.exp(u))
        left = u - start - c * p
        low, high = np.where(left < 0, u, low), np.where(left < 0, high, u)
        newton = u - left / (1 + c * p * (1 - p))
        following = np.where((newton >= low) & (newton <= high), newton, (low + high) / 2)
        if (np.abs(following - u) <= 1e-16 * (1 + np.abs(u))).all():
            break
        u = following
    return -b / (1 + np.exp(u))
