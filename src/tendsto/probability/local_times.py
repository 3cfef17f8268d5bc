"""Local times at the inverse local time of the root: exact laws, the walk itself, and the Gaussian field."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tendsto.core.random import Random
from tendsto.probability.assumption import Assumption, require
from tendsto.probability.resistance_network import ResistanceNetwork

__all__ = [
    "StarLimit",
    "gaussian_field",
    "inverse_laplace_functional",
    "local_time_cdf",
    "local_time_survival",
    "simulate_local_times",
]

Array = NDArray[np.float64]


def local_time_survival(level: ArrayLike, resistance: float, at: ArrayLike) -> Array:
    """``P(L_{τ_ℓ}(x) > b)`` at a vertex of resistance r to the root, when the root's local time reaches ℓ.

    The local time is a sum of Poisson(ℓ/r) independent exponentials of mean r, of law ``(r/2) χ'²_0(2ℓ/r)``, with an
    atom ``e^{-ℓ/r}`` at 0: at each vertex of any network, by Ray-Knight on a path. With N of law Poisson(ℓ/r) and M of
    law Poisson(b/r) it exceeds b exactly if N > M, which is the non-central χ² of two degrees of freedom, arguments
    exchanged: accurate far into the tail. level and at broadcast. Raises ValueError for ℓ ≤ 0 or r ≤ 0.

    >>> round(1 - local_time_survival(1.0, 0.5, 0.0).item(), 6) == round(math.exp(-2), 6)
    True
    """
    from scipy.stats import ncx2

    start, b = np.asarray(level, dtype=np.float64), np.asarray(at, dtype=np.float64)
    if not (start > 0).all() or not resistance > 0:
        raise ValueError(f"level {level} and resistance {resistance} must both be positive")
    found = ncx2.cdf(2 * start / resistance, 2, 2 * np.maximum(b, 0) / resistance)
    return np.where(b < 0, 1.0, found)


def local_time_cdf(level: ArrayLike, resistance: float, at: ArrayLike) -> Array:
    """``P(L_{τ_ℓ}(x) ≤ b)``, see `local_time_survival`; at b = 0 the atom.

    >>> local_time_cdf(1.0, 0.5, [-0.1, 100.0]).round(9)
    array([0., 1.])
    """
    return 1 - local_time_survival(level, resistance, at)


def inverse_laplace_functional(network: ResistanceNetwork, weights: ArrayLike, level: float) -> float:
    """``E exp(-Σ_y θ(y) L_{τ_ℓ}(y)) = exp(-ℓ (θ(ρ) + Σ_y c(ρ,y) (1 - h(y))))`` when the root's local time reaches ℓ.

    h is `ResistanceNetwork.laplace_functional` at the hitting time of the root; its excursions are a Poisson process.

    >>> network = ResistanceNetwork([(0, 1)])
    >>> round(inverse_laplace_functional(network, [0.0, 1.0], 2.0), 12) == round(math.exp(-2.0 * (1 - 0.5)), 12)
    True
    """
    if not level > 0:
        raise ValueError(f"level {level} must be positive")
    theta = np.asarray(weights, dtype=np.float64)
    h, row = network.laplace_functional(theta, network.root), network.adjacency[[network.root]].toarray()[0]
    return math.exp(-level * float(theta[network.root] + row @ (1 - h)))


def simulate_local_times(network: ResistanceNetwork, level: float, runs: int, rng: Random) -> Array:
    """Local times of all vertices when that of the root reaches `level`, by walking: (runs, V), exact in law.

    All runs walk at once, a jump at a time; about ``level · Σ c`` jumps a run are made. Raises ValueError for a level
    that is not positive, or runs < 1.

    >>> network = ResistanceNetwork([(0, 1), (1, 2)])
    >>> times = simulate_local_times(network, 1.0, 2000, Random(0, backend="numpy"))
    >>> bool((times[:, 0] == 1).all()), bool(abs(times[:, 2].mean() - 1) < 0.2)
    (True, True)
    """
    if not level > 0 or runs != int(runs) or runs < 1:
        raise ValueError(f"level = {level}, runs = {runs}: use a positive level and at least one run")
    draw = rng.generator("walk")
    bounds, targets = network.adjacency.indptr, network.adjacency.indices
    sums = np.concatenate([[0.0], np.cumsum(network.adjacency.data)])
    rates = sums[bounds[1:]] - sums[bounds[:-1]]
    times = np.zeros((int(runs), network.size))
    live, at = np.arange(int(runs)), np.full(int(runs), network.root)
    while live.size:
        # Local time gathered in a visit is exponential of rate Σ_y c(x,y): the measure cancels.
        times[live, at] += draw.exponential(size=live.size) / rates[at]
        done = (at == network.root) & (times[live, at] >= level)
        times[live[done], network.root] = level
        live, at = live[~done], at[~done]
        place = draw.uniform(sums[bounds[at]], sums[bounds[at + 1]])
        at = targets[np.clip(np.searchsorted(sums, place, side="right") - 1, bounds[at], bounds[at + 1] - 1)]
    return times


def gaussian_field(network: ResistanceNetwork, runs: int, rng: Random) -> Array:
    """Centred Gaussian fields with ``E(G_x - G_y)² = R(x, y)`` and G = 0 at the root: (runs, V).

    Their covariance is the Green function killed at the root. Isomorphism (Eisenbaum, Kaspi and others): with L at the
    inverse local time u of the root, independent of G, ``L + ½ G²`` and ``½ (G + √(2u))²`` have one law, as fields.

    >>> field = gaussian_field(ResistanceNetwork([(0, 1), (1, 2)]), 4000, Random(0, backend="numpy"))
    >>> bool(abs(field[:, 2].var() - 2) < 0.2), bool((field[:, 0] == 0).all())
    (True, True)
    """
    live = np.setdiff1d(np.arange(network.size), [network.root])
    factor = np.linalg.cholesky(network.green(network.root)[np.ix_(live, live)])
    field = np.zeros((runs, network.size))
    field[:, live] = rng.generator("field").standard_normal((runs, len(live))) @ factor.T
    return field


@dataclass(frozen=True)
class StarLimit:
    """Stars of N legs, each of resistance ``ε = scale (log N)^{-power}``, whose tips have vanishing measure.

    They converge to a point in every metric sense, where the local time is the root's, ℓ. The largest of the tips'
    local times has the law ``F(b)^N``, F the law at one tip, and goes to ``(√ℓ + √c)²`` with c = lim ε log N, which is
    `scale` for power 1 and 0 for a larger one. So local times converge uniformly exactly if power > 1; the metric
    entropy condition, which suffices, asks for power > 2.

    Source: counterexample derived; the condition of Noda (2023), arXiv:2305.13224, in its recalled form. Raises
    ValueError for power < 1 or scale ≤ 0.

    >>> star = StarLimit(power=1.0, scale=0.25)
    >>> star.largest_tip_limit(1.0), round(star.largest_tip_mean(1.0, 0.05), 2)
    (2.25, 1.99)
    >>> star.limit(1.0)
    Traceback (most recent call last):
        ...
    ValueError: the joint convergence of local times does not apply: metric entropy condition fails: at covering ...
    """

    power: float = 1.0
    scale: float = 0.25

    def __post_init__(self) -> None:
        if not self.power >= 1 or not 0 < self.scale < math.inf:
            raise ValueError(f"power {self.power}, scale {self.scale}: use a power of at least 1 and a positive scale")

    def log_legs(self, resistance: float) -> float:
        """``log N`` for legs of this resistance."""
        return (self.scale / resistance) ** (1 / self.power)

    def assumptions(self) -> tuple[Assumption, ...]:
        """The hypotheses under which local times converge jointly with the walk."""
        bounded = Assumption("non-explosion", "holds", "no two vertices are further apart than twice a leg")
        growth = 2 * self.scale ** (1 / self.power)
        exponent = f"{growth:.3g} ε^(-{1 / self.power:.3g}) - ε^-α"
        term = f"at covering radius ε = 2^-k the term N² exp(-2^(αk)) is exp({exponent})"
        if self.power > 2:
            witness = f"{term}, which vanishes for α between {1 / self.power:.3g} and 1/2"
            return (bounded, Assumption("metric entropy condition", "holds", witness))
        return (bounded, Assumption("metric entropy condition", "fails", f"{term}, which explodes for every α < 1/2"))

    def limit(self, level: float) -> float:
        """The limit of all local times, the root's; ValueError where a hypothesis fails."""
        require("joint convergence of local times", *self.assumptions())
        return level

    def largest_tip_limit(self, level: float) -> float:
        """``(√ℓ + √c)²``."""
        return (math.sqrt(level) + (math.sqrt(self.scale) if self.power == 1 else 0.0)) ** 2

    def largest_tip_cdf(self, level: float, resistance: float, at: ArrayLike) -> Array:
        """``P(max over tips ≤ b) = F(b)^N``, N real."""
        with np.errstate(divide="ignore"):
            return np.exp(_times(self.log_legs(resistance), np.log1p(-local_time_survival(level, resistance, at))))

    def largest_tip_mean(self, level: float, resistance: float) -> float:
        """``E max = ∫ (1 - F(b)^N) db``, by the trapezoidal rule on 20,000 intervals."""
        top = 4 * (math.sqrt(level) + math.sqrt(resistance * self.log_legs(resistance))) ** 2 + 40 * resistance
        b = np.linspace(0, top, 20_001)
        return float(np.trapezoid(1 - self.largest_tip_cdf(level, resistance, b), b))

    def largest_tip_sample(self, level: float, resistance: float, runs: int, rng: Random) -> Array:
        """The largest tip's local time in `runs` stars of round(N) legs, every tip drawn: (runs,)."""
        legs = round(math.exp(self.log_legs(resistance)))
        if legs > 10**7:
            raise ValueError(f"{legs:.3g} tips are too many to draw one by one; use a larger resistance")
        draw = rng.generator("tips")
        together = max(1, 10**6 // legs)
        found = np.empty(runs)
        for start in range(0, runs, together):
            size = (min(together, runs - start), legs)
            visits = draw.poisson(level / resistance, size)
            found[start : start + size[0]] = (resistance * draw.standard_gamma(visits)).max(axis=1)
        return found


def _times(log_count: float, logs: Any) -> Any:
    """``e^log_count · logs``; a probability that is not below 1 stays so, however many there are."""
    return np.where(logs == 0, 0.0, logs * math.exp(log_count))
