"""Streams of convex losses on a box: every round brings another loss, and what counts is the regret."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tendsto.core.problem import Constants, Problem
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.core.trace import Array, Trace
from tendsto.problems.data import breast_cancer
from tendsto.problems.once import once, once_property


class Stream(Problem):
    """Losses f_1, f_2, ... on the box [-radius, radius]^d; round t plays x_t, pays f_t(x_t) and then sees f_t.

    A run's losses depend on its seed and the round alone, whoever asks: so the best point in hindsight can be told when
    the run is over. The criterion is the mean loss over all that can come; every run starts at 0, and `project` is the
    projection onto the box. A subclass gives `hindsight`, `gradient_bound`, `dimension` and a field `radius`.
    """

    radius: Any

    def dimension(self) -> int:
        """Return d."""
        raise NotImplementedError(f"{type(self).__name__} does not say its dimension: define dimension()")

    def gradient_bound(self) -> float:
        """Return a bound on the entries of every gradient on the box."""
        raise NotImplementedError(f"{type(self).__name__} does not bound its gradients: define gradient_bound()")

    def hindsight(self, seed: int, rounds: Array) -> Array:
        """Return min over the box of f_1 + ... + f_T for every T in `rounds`, increasing, shape as `rounds`."""
        raise NotImplementedError(f"{type(self).__name__} has no best point in hindsight: define hindsight")

    def init(self, rng: Random) -> Tensor:
        return torch.zeros(self.dimension(), dtype=torch.float64)

    def random_start(self) -> bool:
        return False

    def project(self, x: Tensor, sample: Any = None) -> Tensor:
        """Return the point of the box nearest to `x`, in any metric that weighs coordinates separately."""
        return x.clamp(-self.radius, self.radius)

    def regret(self, trace: Trace) -> Trace:
        """Return `trace` with the regret R(T) = sum_{t <= T} f_t(x_t) - min_x sum_{t <= T} f_t(x), and R(T)/T first.

        The trace has to hold the method's "info.total loss", the sum of the losses that it paid.

        Raises:
            ValueError: it does not.
        """
        try:
            paid = trace["info.total loss"].copy()
        except KeyError as error:
            raise ValueError(f"regret needs the total loss of an online method ({error.args[0]})") from error
        paid[:, trace.index == 0] = 0.0
        rounds = trace.index[trace.index > 0]
        best = np.zeros_like(paid)
        best[:, trace.index > 0] = [self.hindsight(seed, rounds) for seed in trace.seeds]
        regret = paid - best
        values = {"average regret": regret / np.maximum(trace.index, 1), "regret": regret, **trace.values}
        return dataclasses.replace(trace, values=values, optimum=0.0)


def _world(rng: Random, step: Any) -> Random:
    """The source of what the world does in a round, whatever the purpose that it is asked for."""
    return dataclasses.replace(rng, step=step, path="stream")


@register("online-logistic")
@dataclass(frozen=True)
class OnlineLogistic(Stream):
    """f_t(x) = log(1 + exp(-y a . x)), (a, y) a row of the breast cancer data drawn afresh every round.

    Features are standardised, labels -1 or +1; there is no penalty, so the box is what bounds the points. Points are
    float64 tensors (30,).

    Raises:
        ValueError: `radius` is not positive.
        ImportError: scikit-learn, which ships the data, is not installed.

    >>> OnlineLogistic(radius=2.0).project(torch.tensor([3.0, -1.0])).tolist()
    [2.0, -1.0]
    """

    radius: float = 1.0

    criterion_name = "mean loss"

    def __post_init__(self) -> None:
        _check_radius(self.radius)

    @once_property
    def data(self) -> Tensor:
        """y_i a_i, shape (569, 30)."""
        features, labels = breast_cancer()
        return labels[:, None] * features

    def dimension(self) -> int:
        return self.data.shape[1]

    def gradient_bound(self) -> float:
        return float(self.data.abs().max())

    def sample(self, rng: Random) -> Tensor:
        return _world(rng, rng.step).integers("row", len(self.data), (1,))

    def value(self, x: Tensor, sample: Any = None) -> Tensor:
        rows = self.data if sample is None else self.data[sample]
        return torch.nn.functional.softplus(-(rows @ x)).mean()

    def value_and_gradient(self, x: Tensor, sample: Any = None) -> tuple[Tensor, Tensor]:
        # By hand, as a run asks for little else.
        rows = self.data if sample is None else self.data[sample]
        margins = rows @ x
        gradient = -(torch.sigmoid(-margins)[:, None] * rows).mean(dim=0)
        return torch.nn.functional.softplus(-margins).mean(), gradient

    def criterion(self, x: Tensor) -> Tensor:
        return self.value(x)

    def solution(self) -> Tensor:
        return torch.from_numpy(_least(self.radius)[0].copy())

    def optimum(self) -> float:
        return _least(self.radius)[1]

    def constants(self) -> Constants:
        largest = float(torch.linalg.eigvalsh(self.data.T @ self.data)[-1])
        return Constants(
            smooth=largest / (4 * len(self.data)), convex=True, lipschitz=float(self.data.norm(dim=1).max())
        )

    def hindsight(self, seed: int, rounds: Array) -> Array:
        last = int(rounds[-1])
        drawn = self.sample(Random(seed, torch.arange(1, last + 1))).numpy()[:, 0]
        found, x = np.zeros(len(rounds)), np.zeros(self.dimension())
        for i, total in enumerate(rounds):
            counts = np.bincount(drawn[: int(total)], minlength=len(self.data)).astype(np.float64)
            x, found[i] = _minimise(self.data.numpy(), counts, self.radius, x)
        return found


def _minimise(rows: Array, weights: Array, radius: float, x: Array) -> tuple[Array, float]:
    """Return the minimiser over the box of sum_i weights_i log(1 + exp(-rows_i . x)), and the minimum, from `x`."""
    from scipy.optimize import minimize
    from scipy.special import expit

    total = float(weights.sum())

    def mean(x: Array) -> tuple[float, Array]:
        margins = rows @ x
        return float(weights @ np.logaddexp(0, -margins)) / total, -(rows.T @ (weights * expit(-margins))) / total

    bounds = [(-radius, radius)] * len(x)
    options: Any = {"ftol": 1e-15, "gtol": 1e-10, "maxiter": 2000, "maxfun": 10_000}
    result = minimize(mean, x, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return result.x, float(result.fun) * total


@once
def _least(radius: float) -> tuple[Array, float]:
    data = OnlineLogistic(radius).data.numpy()
    x, value = _minimise(data, np.ones(len(data)), radius, np.zeros(data.shape[1]))
    return x, value / len(data)


@register("adam-counterexample")
@dataclass(frozen=True)
class AdamCounterexample(Stream):
    """f_t(x) = large x where t mod 3 = 1, else -x, on [-radius, radius]: the best point is -radius, for large > 2.

    Adam without long memory sees the large gradient rarely and scales it down when it does, so it walks the other way.

    shift: by how many rounds the sequence is moved on, 0 for the paper's; None draws it from the seed. Points are
    float64 tensors (1,).

    Raises:
        ValueError: `large` is not above 2, or `radius` not positive.

    Source: Reddi, Kale and Kumar, On the convergence of Adam and beyond (2018), Theorem 1.

    >>> problem = AdamCounterexample(shift=0)
    >>> [float(problem.sample(Random(0, t))) for t in (1, 2, 3, 4)]
    [3.0, -1.0, -1.0, 3.0]
    """

    large: float = 3.0
    radius: float = 1.0
    shift: int | None = None

    criterion_name = "mean loss"

    def __post_init__(self) -> None:
        _check_radius(self.radius)
        if not self.large > 2:
            raise ValueError(f"large = {self.large} does not outweigh the two small losses: use a number above 2")

    def dimension(self) -> int:
        return 1

    def gradient_bound(self) -> float:
        return self.large

    def _slope(self) -> float:
        return (self.large - 2) / 3

    def sample(self, rng: Random) -> Tensor:
        """The slope of the loss of this round."""
        still = torch.as_tensor(rng.step) * 0
        shift = self.shift
        if shift is None:
            shift = _world(rng, still).integers("shift", 3, (1,))[..., 0]
        turn = torch.as_tensor(rng.step) + torch.as_tensor(rng.seed) * 0 + shift
        return torch.where(turn % 3 == 1, self.large, -1.0).to(torch.float64)

    def value(self, x: Tensor, sample: Any = None) -> Tensor:
        return (self._slope() if sample is None else sample) * x[0]

    def value_and_gradient(self, x: Tensor, sample: Any = None) -> tuple[Tensor, Tensor]:
        slope = self._slope() if sample is None else sample
        return slope * x[0], slope * torch.ones_like(x)

    def criterion(self, x: Tensor) -> Tensor:
        return self.value(x)

    def metrics(self, x: Tensor) -> dict[str, Tensor]:
        return {"x": x[0]}

    def solution(self) -> Tensor:
        return torch.full((1,), -self.radius, dtype=torch.float64)

    def optimum(self) -> float:
        return -self.radius * self._slope()

    def constants(self) -> Constants:
        return Constants(convex=True, lipschitz=self.large, distance=self.radius)

    def hindsight(self, seed: int, rounds: Array) -> Array:
        slopes = self.sample(Random(seed, torch.arange(1, int(rounds[-1]) + 1))).numpy()
        return -self.radius * np.abs(np.cumsum(slopes)[rounds.astype(int) - 1])


def _check_radius(radius: float) -> None:
    if not 0 < radius < math.inf:
        raise ValueError(f"radius = {radius} makes no box: use a positive number")
