"""Problem: what is to be solved, immutable, and able to answer questions about itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from tendsto.core.random import Random

State = Any
Point = Any


class Declined(Exception):
    """A method and a problem do not fit; the message is the reason, in a sentence."""


@dataclass(frozen=True)
class Constants:
    """Numbers that theorems ask for. None means unknown, which is not the same as "does not hold".

    smooth: L, the Lipschitz constant of the gradient. strongly_convex: mu > 0. polyak_lojasiewicz: the PL constant.
    lipschitz: G, a bound on gradients. noise: sigma^2, the variance of the stochastic gradient at the solution.
    noise_max: the largest variance of the stochastic gradient anywhere. noise_power, noise_scale: alpha in (1, 2] and
    sigma, with E||noise||^alpha <= sigma^alpha anywhere, where the variance may be infinite.
    function_noise: Delta = inf f - E inf f_i, which is 0 where all terms have a common minimiser.
    smooth_max: the largest L of the terms of a finite sum. strongly_convex_min: the smallest mu of its terms.
    distance: D = ||x_0 - x*||. gap: f(x_0) - inf f.
    `estimated` names those that were measured by sampling rather than derived.

    >>> Constants(smooth=10.0, convex=True).known()
    {'smooth': 10.0, 'convex': True}
    """

    smooth: float | None = None
    smooth_max: float | None = None
    strongly_convex: float | None = None
    strongly_convex_min: float | None = None
    convex: bool | None = None
    polyak_lojasiewicz: float | None = None
    lipschitz: float | None = None
    noise: float | None = None
    noise_max: float | None = None
    noise_power: float | None = None
    noise_scale: float | None = None
    function_noise: float | None = None
    distance: float | None = None
    gap: float | None = None
    estimated: tuple[str, ...] = ()

    def known(self) -> dict[str, Any]:
        """Return the constants that are known, by name."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "estimated"}
        return {name: value for name, value in values.items() if value is not None}


class Problem:
    """What is to be solved. Subclasses are frozen dataclasses of the numbers that define them.

    A subclass gives `init` and `criterion`, and as many oracles as it can answer, each a method named as in `ORACLES`
    that takes the sample of the step as its last argument; for the sample None it answers exactly, which is the mean
    over samples. For torch problems `value` is enough: `gradient` and `hvp` follow by differentiation. All are pure
    functions of their arguments, so that they may be batched.

    A composite problem f + r has the smooth f as its `value`, r as its `regulariser`, and r's proximal map as `prox`.
    A point is a tensor, an array, or a dict of them.

    Class attributes:
        backend: "torch" or "numpy", the kind of arrays that points are made of.
        lanes: "vmap" where the oracles may run under `torch.func.vmap`, "leading" where they accept a leading axis of
            runs in every array, None where runs must be alone.
        stateful: True where the world behind the oracles keeps a state of its own (a simulator, an environment): an
            interrupted run starts over instead of going on from its checkpoint.
        oracles: names of oracles beyond the common ones in `ORACLES`, each a method that takes the sample last.
        family: the family that it belongs to.
        small: settings that make it small enough for the conformance suite to check in a moment.
    """

    backend: ClassVar[str] = "torch"
    lanes: ClassVar[str | None] = "vmap"
    stateful: ClassVar[bool] = False
    oracles: ClassVar[tuple[str, ...]] = ()
    family: ClassVar[str] = "optim"
    criterion_name: ClassVar[str] = "loss"
    small: ClassVar[Mapping[str, Any]] = {}

    def init(self, rng: Random) -> Point:
        """Return the initial point, drawn from `rng`."""
        raise NotImplementedError(f"{type(self).__name__} has no initial point: define init(rng)")

    def criterion(self, x: Point) -> Any:
        """Return the one quantity whose limit is asked for, a scalar, free of sampling noise."""
        raise NotImplementedError(f"{type(self).__name__} has no criterion: define criterion(x)")

    def optimum(self) -> float | None:
        """Return the limit of the criterion at a solution, or None where it is not known."""
        return None

    def solution(self) -> Point | None:
        """Return a point at which the criterion attains its optimum, or None where none is known."""
        return None

    def random_start(self) -> bool:
        """Say whether `init` depends on the seed: False where every run starts at the same point."""
        return True

    def regulariser(self, x: Point) -> Any:
        """Return r(x), the part of the criterion that `value` leaves out; None where there is none.

        `prox(x, step_size, sample)` is then the proximal map of r, and of `value` where there is none.
        """
        return None

    def metrics(self, x: Point) -> Mapping[str, Any]:
        """Return other quantities worth recording, scalars by name."""
        return {}

    def constants(self) -> Constants:
        """Return the constants that are known without running anything."""
        return Constants()

    def sample(self, rng: Random) -> Any:
        """Draw what the oracles of one step share (a minibatch, a noise vector); None for exact oracles.

        Must be written with draws of `rng` alone, so that it can be drawn for many runs and steps at once.
        """
        return None

    def offers(self) -> frozenset[str]:
        """Return the names of the oracles that this problem answers."""
        named = {name for name in (*ORACLES, *self.oracles) if callable(getattr(self, name, None))}
        # Without a value to differentiate, only what the problem defines itself is answered.
        return frozenset(named if hasattr(self, "value") else named - (DERIVED - _defined(self)))

    def gradient(self, x: Point, sample: Any = None) -> Point:
        """Return the gradient of `value`, shaped as `x`."""
        return self.value_and_gradient(x, sample)[1]

    def value_and_gradient(self, x: Point, sample: Any = None) -> tuple[Any, Point]:
        """Return value and gradient at once, for the price of a gradient."""
        import torch

        gradient, value = torch.func.grad_and_value(self.value)(x, sample)  # type: ignore[reportAttributeAccessIssue]
        return value, gradient

    def hvp(self, x: Point, v: Point, sample: Any = None) -> Point:
        """Return the product of the Hessian with `v`, shaped as `x`."""
        import torch

        # Reverse over reverse: the Hessian is symmetric, and forward mode warns when torch first loads it.
        return torch.func.vjp(lambda y: self.gradient(y, sample), x)[1](v)[0]  # type: ignore[reportAttributeAccessIssue]


ORACLES: tuple[str, ...] = (
    "value",
    "gradient",
    "value_and_gradient",
    "hvp",
    "sample_gradients",
    "operator",
    "prox",
    "lmo",
    "project",
    "score",
)
DERIVED: frozenset[str] = frozenset({"gradient", "value_and_gradient", "hvp"})


def _defined(problem: Problem) -> set[str]:
    """Return the oracles that the problem's own classes define."""
    return {name for cls in type(problem).__mro__ if cls is not Problem for name in vars(cls)}
