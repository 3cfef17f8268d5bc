"""Law of the connectivity threshold of random geometric graphs, at finite n and in the limit (Penrose and Yang, 2025).

n uniform points in a planar domain A form the graph ``G(X, r)``. ``T_{n,k}`` is the smallest r that makes it
k-connected, ``U_{n,k}`` the smallest r that gives every vertex k neighbours; ``P(T = U) -> 1``. Throughout,
``M(r) = n π r² / |A|`` is the mean number of neighbours of a point far from the boundary.

What to use for what: ``finite_n_cdf`` predicts at the n that you have; ``limit`` is where the laws go, logarithmically
slowly, and is never a predictor (on a disc its Kolmogorov distance at n = 10^4 is near one half).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import root_scalar
from scipy.special import gammaincc, gammaln

from tendsto.probability.geometric_graph import connectivity_threshold, largest_link
from tendsto.probability.geometry import Disc, Domain, graded_nodes

__all__ = ["ConnectivityThreshold", "LimitLaw", "Thresholds", "radius_for_connectivity"]

Array = NDArray[np.float64]
Variant = Literal["corrected", "paper"]

# Elements of a temporary table of (radii, quadrature nodes): 8 MB, so that it stays in cache-friendly pieces.
_TABLE = 1_000_000


class Thresholds(NamedTuple):
    """Thresholds T_{n,k} and largest nearest-neighbour links U_{n,k}, in the domain's unit of length."""

    threshold: float | Array
    largest_link: float | Array


@dataclass(frozen=True)
class LimitLaw:
    """Two-component extreme-value law ``P(≤ β) = exp(-interior e^{-β} - boundary e^{-β/2})``.

    With ``boundary = 0`` it is a Gumbel law, with ``interior = 0`` a Gumbel law of scale 2.

    >>> LimitLaw(interior=1.0, boundary=0.0).cdf(0.0).round(4)
    np.float64(0.3679)
    """

    interior: float
    boundary: float

    def __post_init__(self) -> None:
        if min(self.interior, self.boundary) < 0 or self.interior + self.boundary == 0:
            raise ValueError(
                f"interior {self.interior} and boundary {self.boundary} define no law; "
                "two non-negative numbers, not both zero, are needed"
            )

    def cdf(self, beta: ArrayLike) -> Array:
        """Probability of at most ``beta`` (any shape)."""
        half = np.exp(-np.asarray(beta, dtype=np.float64) / 2)
        return np.exp(-self.interior * half**2 - self.boundary * half)

    def quantile(self, probability: ArrayLike) -> Array:
        """The β with ``cdf(β) = probability``, a quadratic equation in ``e^{-β/2}``; ValueError outside (0, 1)."""
        level = -np.log(_probabilities(probability))
        # The root is written without a difference, and holds for interior = 0 too.
        root = 2 * level / (self.boundary + np.sqrt(self.boundary**2 + 4 * self.interior * level))
        return -2 * np.log(root)


@dataclass(frozen=True)
class ConnectivityThreshold:
    """Law of T_{n,k} and U_{n,k} for n independent uniform points in a planar domain.

    - ``simulate``, ``sample``: exact replications of (T, U).
    - ``expected_isolated``: ``Λ_k(r) = (n/|A|) ∫_A Q(k, n|B(x,r)∩A|/|A|) dx``, ``Q(k,v) = Σ_{j<k} e^{-v} v^j/j!``, the
      expected number of points with fewer than k neighbours; ``finite_n_cdf`` is ``exp(-Λ_k(r))``.
    - ``centred``: ``M - log n - (2k-3) log log n`` (k ≥ 2) or ``M - log n`` (k = 1) on a domain with boundary,
      ``M - log n - (k-1) log log n`` on one without; its law tends to ``limit``.

    The abstract (arXiv and journal) prints the log log term with the opposite sign, under which the centred median
    diverges. ``variant="paper"`` gives that version; the default is the corrected one.

    Raises ValueError for k < 1. Source: M. D. Penrose and X. Yang, Annals of Applied Probability 35(6), 3906-3941
    (2025), arXiv:2406.00647: statement from the abstract; the constants are derived from Λ_k and confirmed by
    quadrature; the case without boundary is derived, not the paper's.

    >>> law = ConnectivityThreshold(Disc(), k=2)
    >>> threshold, link = law.simulate(200, np.random.default_rng(0))
    >>> threshold >= link
    True
    >>> law.limit
    LimitLaw(interior=1.0, boundary=1.5707963267948966)
    """

    domain: Domain = field(default_factory=Disc)
    k: int = 1

    def __post_init__(self) -> None:
        if self.k != int(self.k) or self.k < 1:
            raise ValueError(f"k = {self.k} is not a connectivity; k = 1, 2, ... is needed")

    def simulate(self, n: int, rng: np.random.Generator) -> Thresholds:
        """One replication of (T_{n,k}, U_{n,k}). Raises ValueError unless n > k."""
        points = self.domain.sample(n, rng)
        link = largest_link(points, self.k, period=self.domain.period)
        return Thresholds(connectivity_threshold(points, self.k, period=self.domain.period), link)

    def sample(self, n: int, repetitions: int, rng: np.random.Generator) -> Thresholds:
        """Independent replications, two vectors of length ``repetitions``."""
        pairs = np.array([self.simulate(n, rng) for _ in range(repetitions)]).reshape(-1, 2)
        return Thresholds(pairs[:, 0], pairs[:, 1])

    def sample_largest_link(self, n: int, repetitions: int, rng: np.random.Generator) -> Array:
        """Independent replications of U_{n,k} alone: a vector, several times faster than ``sample``."""
        period = self.domain.period
        return np.array([largest_link(self.domain.sample(n, rng), self.k, period=period) for _ in range(repetitions)])

    def expected_isolated(self, n: float, r: ArrayLike) -> Array:
        """``Λ_k(r)`` for radii of any shape: how many points of a Poisson sample of mean n have under k neighbours.

        >>> ConnectivityThreshold(Disc()).expected_isolated(1000, 0.05).round(3)
        np.float64(1.078)
        """
        radii = _radii(r)
        flat = radii.ravel()
        nodes = self.domain.ball_areas(np.ones(1))[0].shape[-1]
        values = np.empty_like(flat)
        for start in range(0, flat.size, max(1, _TABLE // nodes)):
            piece = slice(start, start + max(1, _TABLE // nodes))
            areas, weights = self.domain.ball_areas(flat[piece])
            values[piece] = n * (gammaincc(self.k, n * areas / self.domain.area) * weights).sum(axis=-1)
        return values.reshape(radii.shape)[()]

    def finite_n_cdf(self, n: float, r: ArrayLike) -> Array:
        """Poisson prediction ``P(U_{n,k} ≤ r) ≈ exp(-Λ_k(r))``, for radii of any shape; its error vanishes with n."""
        return np.exp(-self.expected_isolated(n, r))

    def corrected_cdf(self, n: float, r: ArrayLike) -> Array:
        """``P(T_{n,1} ≤ r) ≈ exp(-n e^{-M} (1 + π²/(4M)))``: counts isolated pairs too, which U does not see.

        Two points at distance s ≤ r cover an area near πr² + 2rs, and integrating over s gives π²/(4M) isolated pairs
        for each isolated point. For k = 1 on a domain without boundary only; raises ValueError elsewhere. Source:
        derived, not the paper's.
        """
        if self.k != 1 or self.domain.boundary > 0:
            raise ValueError(
                f"isolated pairs are counted for k = 1 on a domain without boundary, not k = {self.k} on {self.domain}"
            )
        mean_degree = self.mean_degree(n, r)
        # As r tends to 0 the factor is infinite and the probability 0.
        with np.errstate(divide="ignore"):
            return np.exp(-n * np.exp(-mean_degree) * (1 + math.pi**2 / (4 * mean_degree)))

    def mean_degree(self, n: float, r: ArrayLike) -> Array:
        """``M = n π r² / |A|``."""
        return n * math.pi * _radii(r) ** 2 / self.domain.area

    def centred(self, n: float, r: ArrayLike, variant: Variant = "corrected") -> Array:
        """``M(r) - log n - a log log n``, which tends in law to ``limit`` at r = T or U. ValueError for n < 3."""
        if n < 3:
            raise ValueError(f"n = {n} has no positive log log n; at least 3 points are needed")
        return self.mean_degree(n, r) - self._centre(math.log(n), variant)

    @property
    def limit(self) -> LimitLaw:
        """The law that ``centred`` tends to, for T and for U alike."""
        k, domain = self.k, self.domain
        factorial = math.factorial(k - 1)
        boundary = math.sqrt(math.pi) * domain.boundary / (math.sqrt(domain.area) * 2**k * factorial)
        if boundary == 0 or k == 1:
            return LimitLaw(1 / factorial, 0.0)
        return LimitLaw(1.0 if k == 2 else 0.0, boundary)

    def median(self, log_n: float, variant: Variant = "corrected") -> float:
        """Median of the centred U_{n,k} by ``Λ_k = log 2``, from log n, for n as large as 10^192 and beyond.

        Λ_k is taken in the log domain with the boundary seen as a half-plane: at distance zr from it a ball keeps
        ``r² (π/2 + asin z + z √(1-z²))``. Corners of a square are left out. Raises ValueError for log n < log 3.

        >>> round(ConnectivityThreshold(Disc(), k=2).median(192 * math.log(10)), 2)
        2.08
        """
        if not log_n >= math.log(3):
            raise ValueError(f"log n = {log_n} has no positive log log n; at least log 3 is needed")
        target = math.log(math.log(2))
        # The root lies where M is of the order log n; Λ decreases in M.
        high = 2 * log_n + 10 * self.k * (1 + math.log(log_n))
        solution = root_scalar(lambda m: self._log_isolated(log_n, m) - target, bracket=(1e-3, high), xtol=1e-10)
        return float(solution.root) - self._centre(log_n, variant)

    def _centre(self, log_n: float, variant: Variant) -> float:
        if variant not in ("corrected", "paper"):
            raise ValueError(f'variant {variant!r} is unknown; "corrected" or "paper" is needed')
        if self.domain.boundary == 0:
            return log_n + (self.k - 1) * math.log(log_n)
        coefficient = 0 if self.k == 1 else 2 * self.k - 3
        return log_n + (coefficient if variant == "corrected" else -coefficient) * math.log(log_n)

    def _log_isolated(self, log_n: float, mean_degree: float) -> float:
        """``log Λ_k`` at the radius where M = mean_degree, the boundary taken as straight."""
        # |∂A| r / |A|, the share of the points that are nearer to the boundary than r.
        strip = self.domain.boundary / math.sqrt(math.pi * self.domain.area) * math.sqrt(mean_degree)
        log_strip = math.log(strip) - log_n / 2 if strip > 0 else -math.inf
        z, weights = graded_nodes(200)
        covered = 0.5 + (np.arcsin(z) + z * np.sqrt(1 - z**2)) / math.pi
        near = np.logaddexp.reduce(self._log_poisson(mean_degree * covered) + np.log(weights))
        inside = math.log1p(-min(math.exp(log_strip), 1 - 1e-12)) + self._log_poisson(np.array(mean_degree))
        return log_n + float(np.logaddexp(inside, log_strip + near))

    def _log_poisson(self, v: Array) -> Array:
        """``log Q(k, v)``, where ``gammaincc`` itself would underflow."""
        j = np.arange(self.k)
        return np.logaddexp.reduce(j * np.log(v)[..., None] - gammaln(j + 1), axis=-1) - v


def radius_for_connectivity(n: int, probability: float, *, domain: Domain | None = None, k: int = 1) -> float:
    """Radius at which n uniform points form a k-connected graph with about this probability.

    Solves ``exp(-Λ_k(r)) = probability`` on the exact domain (default: the disc of area 1), so it includes the
    boundary, where a sensor network fails first. It is the radius at which no point has fewer than k neighbours: an
    isolated cluster can still disconnect the graph, so the graph's own probability is lower (for n = 1000 on the disc,
    measured: 0.30 at 0.5, 0.85 at 0.9, 0.988 at 0.99). Raises ValueError for a probability outside (0, 1) or n ≤ k.
    Source: as ConnectivityThreshold.

    >>> round(radius_for_connectivity(1000, 0.99), 4)
    0.0715
    """
    law = ConnectivityThreshold(Disc() if domain is None else domain, k)
    level = -math.log(float(_probabilities(probability)))
    if n <= k:
        raise ValueError(f"{n} points cannot be {k}-connected; at least {k + 1} are needed")
    diameter = law.domain.diameter
    if law.expected_isolated(n, diameter) > level:
        raise ValueError(
            f"the Poisson prediction for n = {n}, k = {k} stays below probability {probability} at every radius; "
            "more points are needed"
        )
    # The tolerance is absolute, and radii shrink like n^(-1/2).
    solution = root_scalar(
        lambda r: float(law.expected_isolated(n, r)) - level,
        bracket=(0.0, diameter),
        xtol=1e-12 * diameter / math.sqrt(n),
    )
    return float(solution.root)


def _probabilities(probability: ArrayLike) -> Array:
    array = np.asarray(probability, dtype=np.float64)
    if not ((array > 0) & (array < 1)).all():
        raise ValueError(f"probability {probability} is not strictly between 0 and 1")
    return array


def _radii(r: ArrayLike) -> Array:
    radii = np.asarray(r, dtype=np.float64)
    if not (radii >= 0).all():
        raise ValueError(f"radius {radii[~(radii >= 0)].flat[0]} is not a length; a non-negative number is needed")
    return radii
