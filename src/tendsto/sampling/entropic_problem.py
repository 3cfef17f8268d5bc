"""The minimisation of an entropic functional as a problem: over masses on nodes, and by particles."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from tendsto.core.problem import Problem
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.problems.polytope import SetConstants, project_simplex
from tendsto.sampling.entropic_examples import SineNetwork, TumourNetwork
from tendsto.sampling.entropic_functional import EntropicFunctional

__all__ = ["NodeMeasure", "ParticleMeasure", "tumour_particles"]


@register("sine-measure")
@dataclass(frozen=True)
class NodeMeasure(Problem):
    """min L over measures on the nodes of `functional`. The point is the masses, float64 (N,), which sum to 1.

    The criterion is L(mu), its optimum certified by the dual; the metric "duality gap" is L(mu) - D(g), at least
    L(mu) - min L, and needs no optimum. Oracles: `gibbs(mu)`, the masses of its proximal Gibbs measure;
    `duality_gap(mu)`. Every run starts at N(start, spread^2 I) on the nodes. Constants: `smooth` is b, that of the
    losses, `diameter` is 2 R, that of the neurons' range.

    Raises:
        ValueError: a spread not above 0.

    >>> problem = NodeMeasure()
    >>> mu = problem.init(Random(0))
    >>> bool(problem.duality_gap(mu) > problem.criterion(mu) - problem.optimum() > 0)
    True
    """

    functional: EntropicFunctional = field(default_factory=SineNetwork)
    start: float = 2.0
    spread: float = 0.5

    family = "sampling"
    criterion_name = "L"
    oracles = ("gibbs", "duality_gap")

    def __post_init__(self) -> None:
        if not 0 < self.spread < math.inf or not math.isfinite(self.start):
            raise ValueError(f"N({self.start}, {self.spread}^2) is no law: use finite numbers, the spread above 0")

    def init(self, rng: Random) -> Tensor:
        nodes, log_weights = self.functional.nodes()
        return (log_weights - ((nodes - self.start) ** 2).sum(-1) / (2 * self.spread**2)).softmax(-1)

    def random_start(self) -> bool:
        return False

    def project(self, x: Tensor, sample: Any = None) -> Tensor:
        """Return the nearest masses."""
        return project_simplex(x, 1.0)

    def gibbs(self, x: Tensor, sample: Any = None) -> Tensor:
        return self.functional.log_gibbs(self.functional.predictions(x))[0].exp()

    def duality_gap(self, x: Tensor, sample: Any = None) -> Tensor:
        return self.functional.duality_gap(x)

    def criterion(self, x: Tensor) -> Tensor:
        return self.functional.primal(x)

    def metrics(self, x: Tensor) -> dict[str, Tensor]:
        return {"duality gap": self.functional.duality_gap(x)}

    def optimum(self) -> float:
        return self.functional.optimum()

    def solution(self) -> Tensor:
        return self.functional.solution()

    def constants(self) -> SetConstants:
        gap = float(self.criterion(self.init(Random(0)))) - self.optimum()
        bound = self.functional.bound
        return SetConstants(
            smooth=self.functional.smooth, convex=True, gap=gap, diameter=None if bound is None else 2 * bound
        )


@register("sine-particles")
@dataclass(frozen=True)
class ParticleMeasure(Problem):
    """min L by a cloud. The point is {"particles": (M, p), "predictions": (n,)}, float64.

    "predictions" is what the method holds E_mu h(theta, x_i) to be: the cloud's own mean at the start, afterwards more
    exact than it where the method averages over rounds. The cloud is drawn from N(start, spread^2 I).

    The entropy of a cloud is not known, so the criterion is -D(g), g_i = l_i'(predictions_i), which is at least
    -min L, its optimum where integrals are exact. Metrics: the mean loss of the predictions, and the functional's
    report. Oracles: `outputs(theta)`, h of each particle (M, n); `slopes(f)`; `drift(theta, g)`, grad U_g (M, p).

    Raises:
        ValueError: fewer than one particle.

    >>> problem = ParticleMeasure(particles=10)
    >>> x = problem.init(Random(0))
    >>> x["particles"].shape, bool(problem.criterion(x) > problem.optimum())
    (torch.Size([10, 1]), True)
    """

    functional: EntropicFunctional = field(default_factory=lambda: SineNetwork(temperature=0.3, decay=0.1))
    particles: int = 1000

    family = "sampling"
    criterion_name = "-D"
    oracles = ("outputs", "slopes", "drift")
    small: ClassVar[Mapping[str, Any]] = {"particles": 6}

    def __post_init__(self) -> None:
        if self.particles < 1:
            raise ValueError(f"particles = {self.particles} is no cloud: use a whole number of at least 1")

    @property
    def temperature(self) -> float:
        return self.functional.temperature

    def init(self, rng: Random) -> dict[str, Tensor]:
        normal = rng.normal("particles", (self.particles, self.functional.dimension), torch.float64)
        particles = self.functional.spread * normal
        return {"particles": particles, "predictions": self.functional.unit(particles).mean(0)}

    def outputs(self, theta: Tensor, sample: Any = None) -> Tensor:
        return self.functional.unit(theta)

    def slopes(self, f: Tensor, sample: Any = None) -> Tensor:
        return self.functional.slopes(f)

    def drift(self, theta: Tensor, g: Tensor, sample: Any = None) -> Tensor:
        return self.functional.drift(theta, g)

    def criterion(self, x: dict[str, Tensor]) -> Tensor:
        return -self.functional.dual(x["predictions"])

    def metrics(self, x: dict[str, Tensor]) -> dict[str, Tensor]:
        loss = self.functional.losses(x["predictions"]).mean()
        return {"mean loss": loss, **self.functional.report(x["particles"])}

    def optimum(self) -> float | None:
        return -self.functional.optimum() if self.functional.exact else None


@register("tumour-particles")
def tumour_particles() -> ParticleMeasure:
    """Return the breast cancer network of `TumourNetwork`, 500 particles."""
    return ParticleMeasure(TumourNetwork(), particles=500)
