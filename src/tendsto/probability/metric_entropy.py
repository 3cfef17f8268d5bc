"""Metric entropy in the resistance metric: covering numbers, and the condition under which local times converge."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tendsto.probability.assumption import Assumption, require
from tendsto.probability.resistance_network import ResistanceNetwork

__all__ = ["Covering", "LocalTimeLimit", "covering_number", "entropy_sum", "metric_entropy_condition"]

Array = NDArray[np.float64]


class Covering(NamedTuple):
    """A covering number between two proven bounds."""

    low: int
    high: int


def separated(distances: ArrayLike, radius: float, start: int = 0) -> list[int]:
    """Points more than `radius` apart, to which no further one can be added: each next one is the farthest.

    >>> separated([[0, 1, 2], [1, 0, 1], [2, 1, 0]], 1.0)
    [0, 2]
    """
    matrix = np.asarray(distances, dtype=np.float64)
    chosen, nearest = [start], matrix[start].copy()
    while nearest.max() > radius:
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, matrix[chosen[-1]])
    return chosen


def covering_number(network: ResistanceNetwork | ArrayLike, radius: float, *, within: float = math.inf) -> Covering:
    """Bounds on the least number of closed balls of this radius, centred in the set, that cover it.

    The set is the ball of radius `within` around the root, in the resistance metric. A greedy net, `radius` apart,
    covers; points that are more than 2·radius apart need a ball each. A matrix of distances may be given instead of a
    network, its first point being the root. Raises ValueError for a radius that is not positive.

    >>> covering_number(ResistanceNetwork([(0, 1), (0, 2), (0, 3)]), 0.5)
    Covering(low=3, high=4)
    """
    if not radius > 0:
        raise ValueError(f"radius {radius} covers nothing; use a positive number")
    if isinstance(network, ResistanceNetwork):
        distances, root = network.resistance_matrix(), network.root
    else:
        distances, root = np.asarray(network, dtype=np.float64), 0
    inside = np.flatnonzero(distances[root] <= within)
    part, start = distances[np.ix_(inside, inside)], int(np.flatnonzero(inside == root)[0])
    # Distances are computed: a hair's breadth keeps ties from counting twice on the wrong side.
    slack = 1e-9 * float(part.max() or 1.0)
    far = int(part[start].argmax())
    return Covering(len(separated(part, 2 * radius + slack, far)), len(separated(part, radius + slack, start)))


def entropy_sum(log_numbers: ArrayLike, alpha: float, first: int) -> float:
    """``Σ_{k≥first} N(2^{-k})² exp(-2^{αk})`` from log N(2^{-k}), k = first, first + 1, ...; infinite on overflow.

    >>> round(entropy_sum([0.0] * 60, 0.25, 0), 3)
    1.455
    """
    logs = np.asarray(log_numbers, dtype=np.float64)
    k = first + np.arange(logs.size)
    with np.errstate(over="ignore"):
        return float(np.exp(2 * logs - 2.0 ** (alpha * k)).sum())


def metric_entropy_condition(
    networks: Sequence[ResistanceNetwork],
    alpha: float,
    *,
    covering: tuple[float, float] | None = None,
    within: float = math.inf,
    finest: int = 12,
) -> Assumption:
    """Ask ``lim_m limsup_n Σ_{k≥m} N(B_n(ρ_n, r), R_n, 2^{-k})² exp(-2^{αk}) = 0`` of a sequence of networks.

    covering: (C, d) such that ``N(ε) ≤ C ε^{-d}`` for all ε ≤ 1 and *every* member of the sequence, those not given
    included; the user vouches for it. It implies the condition, and is held against the networks given: "holds", or
    "fails" with the network and radius where it is false. Without it the answer is "unknown", since finitely many
    members decide no limit; the witness says how the sums over k ≤ `finest` go along the sequence. within: r.

    Source: Noda (2023), arXiv:2305.13224; the form of the condition is recalled. Raises ValueError for α outside
    (0, 1/2), or no networks.

    >>> from tendsto.probability.network_models import path
    >>> metric_entropy_condition([path(10), path(20)], 0.25, covering=(2.0, 1.0)).answer
    'holds'
    >>> metric_entropy_condition([path(10), path(20)], 0.25).answer
    'unknown'
    """
    if not 0 < alpha < 0.5:
        raise ValueError(f"alpha = {alpha} is outside (0, 1/2), where the condition speaks")
    if not networks:
        raise ValueError("no networks were given; the condition speaks of a sequence")
    name = "metric entropy condition"
    sums: list[tuple[float, float]] = []
    for i, network in enumerate(networks):
        distances = network.resistance_matrix()
        order = np.concatenate([[network.root], np.delete(np.arange(network.size), network.root)])
        found = [covering_number(distances[np.ix_(order, order)], 2.0**-k, within=within) for k in range(finest + 1)]
        if covering is not None:
            for k, number in enumerate(found):
                if number.low > covering[0] * 2.0 ** (covering[1] * k):
                    said = f"network {i} needs at least {number.low} balls of radius 2^-{k}"
                    return Assumption(name, "fails", f"{said}, more than {covering[0]:g} ε^-{covering[1]:g}")
        low, high = (entropy_sum([math.log(n[side]) for n in found], alpha, 0) for side in (0, 1))
        sums.append((low, high))
    if covering is not None:
        witness = f"N(ε) ≤ {covering[0]:g} ε^-{covering[1]:g}, as vouched for, holds on the {len(sums)} networks given"
        return Assumption(name, "holds", witness)
    (a, b), (c, d) = sums[0], sums[-1]
    went = f"from [{a:.3g}, {b:.3g}] to [{c:.3g}, {d:.3g}]"
    return Assumption(
        name, "unknown", f"along the networks given the sum over k ≤ {finest} goes {went}; a bound decides"
    )


@dataclass(frozen=True)
class LocalTimeLimit:
    """The theorem that walks and their local times converge jointly, on a sequence of scaled networks.

    networks: members of the sequence, in order. covering: (C, d) with ``N(ε) ≤ C ε^{-d}`` for all members, vouched for.
    alpha: the exponent of the metric entropy condition. converges: whether the user vouches for the convergence of
    spaces, measures and roots (local Gromov-Hausdorff-vague), which finitely many members do not decide.

    Source: Noda (2023), arXiv:2305.13224, main theorem; statement from the abstract, entropy condition recalled.

    >>> from tendsto.probability.network_models import gasket
    >>> theorem = LocalTimeLimit([gasket(n, scaled=True) for n in (1, 2, 3)], covering=(3.0, 2.16), converges=True)
    >>> [a.answer for a in theorem.assumptions()]
    ['holds', 'holds', 'holds']
    """

    networks: Sequence[ResistanceNetwork]
    covering: tuple[float, float] | None = None
    alpha: float = 0.25
    converges: bool = False

    def assumptions(self) -> tuple[Assumption, ...]:
        """Convergence of spaces, non-explosion and metric entropy, each with its witness."""
        name = "spaces converge"
        space = Assumption(name, "holds", "vouched for") if self.converges else Assumption(name, "unknown", "not said")
        widest = max(float(network.resistance_matrix()[network.root].max()) for network in self.networks)
        # Of a bounded sequence of spaces nothing lies outside a large ball.
        answer, said = ("holds", "vouched for") if self.converges else ("unknown", "of the networks given")
        explosion = Assumption("non-explosion", answer, f"all vertices are within {widest:.4g} of the root, {said}")
        return (space, explosion, metric_entropy_condition(self.networks, self.alpha, covering=self.covering))

    def functionals(self, weights: Sequence[ArrayLike], killed: int | Sequence[int]) -> Array:
        """Exact ``E_ρ exp(-∫ θ dL_{τ_B})`` of each network, for its θ(x)μ(x): (networks,) or (networks, functionals).

        By the theorem they converge for continuous θ. Raises ValueError where a hypothesis fails.

        >>> from tendsto.probability.network_models import path
        >>> paths = [path(n) for n in (8, 16)]
        >>> LocalTimeLimit(paths).functionals([p.measure for p in paths], killed=[8]).shape
        (2,)
        """
        require("joint convergence of local times", *self.assumptions())
        found: list[Array] = []
        for network, of in zip(self.networks, weights, strict=True):
            table = np.atleast_2d(np.asarray(of, dtype=np.float64))
            values = [network.laplace_functional(row, killed)[network.root] for row in table]
            found.append(np.array(values) if np.ndim(of) == 2 else np.array(values[0]))
        return np.array(found)
