"""Theorems in high probability on clipped methods, for noise of which a moment of order alpha in (1, 2] is finite."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tendsto.core.guarantee import Guarantee
from tendsto.core.registry import register
from tendsto.core.trace import Array

SADIEV = "Sadiev et al., High-Probability Bounds: the Case of Unbounded Variance (ICML 2023, arXiv 2302.00999)"
_CONTRACTS = (
    "||x_K - x*||^2 <= max(exp(-mu K / L) R^2, sigma^2 / (mu^2 K^(2(alpha-1)/alpha))) up to constants and logarithms."
)


@dataclass(frozen=True, kw_only=True)
class _HeavyTailed(Guarantee):
    noise_power: float
    noise_scale: float

    mode = "high-probability"
    proof = (
        "while the point stays in a ball, clipping makes the noise bounded, with a bias that the level keeps small;"
        " Bernstein's inequality for martingales bounds the sums, and so the point stays in the ball."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 < self.noise_power <= 2:
            raise ValueError(f"noise_power = {self.noise_power} cannot be alpha: use a number in (1, 2]")


@dataclass(frozen=True, kw_only=True)
class Clipped(_HeavyTailed):
    """horizon: K, for which step and level are chosen. beta: the probability with which a run may exceed the bound.

    The bound holds after `horizon` steps, and says nothing before.

    Raises:
        ValueError: alpha not in (1, 2], beta not in (0, 1), or a horizon below 1.
    """

    horizon: int = 10_000
    beta: float = 0.05

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.beta < 1:
            raise ValueError(f"beta = {self.beta} is no probability of failure: use a number in (0, 1), such as 0.05")
        if self.horizon < 1:
            raise ValueError(f"horizon = {self.horizon} is no number of steps: use a whole number of at least 1")

    @property
    def failure_probability(self) -> float:
        return self.beta

    def at_end(self) -> float:
        """Return the bound after `horizon` steps."""
        raise NotImplementedError(f"{type(self).__name__} has no bound: define at_end()")

    def formula(self, k: Array) -> Array:
        return np.where(k < self.horizon, np.inf, self.at_end())

    def for_accuracy(self, eps: float) -> Clipped:
        made = self
        while made.at_end() > eps:
            made = dataclasses.replace(made, horizon=2 * made.horizon)
        return made


@register("clipped-sstm-convex")
@dataclass(frozen=True, kw_only=True)
class ClippedSSTMConvex(Clipped):
    """f convex and L-smooth; the accelerated method. Its constants are those of the paper, and large.

    >>> g = ClippedSSTMConvex(smooth=1.0, distance=1.0, noise_power=2.0, noise_scale=0.0, horizon=10**6)
    >>> g.bound(10**6) < 1e-4
    True
    """

    smooth: float
    distance: float

    method = "clipped-sstm"
    assumes = ("smooth", "convex", "distance", "noise_power", "noise_scale")
    statement = (
        "with probability at least 1 - beta, f(y_K) - f* <= 6 a L R^2 / (K (K + 3)), R >= ||x_0 - x*||, with"
        " a = max(48600 A^2, 1800 sigma (K + 1) K^(1/alpha) A^((alpha-1)/alpha) / (L R)), A = log(4K/beta), and level"
        " R / (30 a_{k+1} A)."
    )
    source = f"{SADIEV}, clipped-SSTM, convex; recursion read, constants recalled"

    @property
    def logarithm(self) -> float:
        """A."""
        return math.log(4 * self.horizon / self.beta)

    @property
    def slowness(self) -> float:
        """a, by which steps are shorter than without noise."""
        power, end = self.noise_power, self.horizon
        noisy = 1800 * self.noise_scale * (end + 1) * end ** (1 / power) * self.logarithm ** ((power - 1) / power)
        return max(48_600 * self.logarithm**2, noisy / (self.smooth * self.distance))

    def settings(self) -> dict[str, Any]:
        level = self.distance / (30 * self.logarithm)
        return {"smooth": self.smooth, "slowness": self.slowness, "level": level}

    def at_end(self) -> float:
        return 6 * self.slowness * self.smooth * self.distance**2 / (self.horizon * (self.horizon + 3))


@register("clipped-extragradient-monotone")
@dataclass(frozen=True, kw_only=True)
class ClippedExtragradientMonotone(Clipped):
    """F monotone and L-Lipschitz; the restricted gap of the average. Its constants are those of the paper.

    >>> g = ClippedExtragradientMonotone(smooth=1.0, distance=1.0, noise_power=2.0, noise_scale=0.0, horizon=10**6)
    >>> round(g.bound(10**6), 4)
    0.0134
    """

    smooth: float
    distance: float

    method = "clipped-extragradient"
    runs = "averaged-clipped-extragradient"
    assumes = ("smooth", "distance", "noise_power", "noise_scale")
    measure = "restricted gap"
    point = "average"
    statement = (
        "with probability at least 1 - beta, Gap_R(mean of y_0 to y_K) <= 9 R^2 / (2 lr (K + 1)), with"
        " lr = min(1/(160 L A), 20^((2-alpha)/alpha) R / (10800^(1/alpha) (K+1)^(1/alpha) sigma A^((alpha-1)/alpha))),"
        " A = log(6 (K + 1)/beta), and level R / (20 lr A)."
    )
    source = f"{SADIEV}, clipped-SEG, monotone; recalled"

    @property
    def logarithm(self) -> float:
        """A."""
        return math.log(6 * (self.horizon + 1) / self.beta)

    @property
    def step_size(self) -> float:
        """lr."""
        power, end = self.noise_power, self.horizon + 1
        longest = 1 / (160 * self.smooth * self.logarithm)
        if self.noise_scale == 0:
            return longest
        noisy = 10_800 ** (1 / power) * end ** (1 / power) * self.noise_scale * self.logarithm ** ((power - 1) / power)
        return min(longest, 20 ** ((2 - power) / power) * self.distance / noisy)

    def settings(self) -> dict[str, Any]:
        return {"lr": self.step_size, "level": self.distance / (20 * self.step_size * self.logarithm)}

    def at_end(self) -> float:
        return 9 * self.distance**2 / (2 * self.step_size * (self.horizon + 1))


@dataclass(frozen=True, kw_only=True)
class _Order(_HeavyTailed):
    """A rate up to constants and logarithms: the larger of a part without noise and a part with it."""

    tightness = "order-only"

    @property
    def exponent(self) -> float:
        """(alpha - 1) / alpha: 1/2 where the variance is finite."""
        return (self.noise_power - 1) / self.noise_power

    def parts(self, k: Array) -> tuple[Array, Array]:
        """Return the part without noise and the part with it, at k >= 1."""
        raise NotImplementedError(f"{type(self).__name__} has no rate: define parts(k)")

    def formula(self, k: Array) -> Array:
        smooth, noisy = self.parts(np.maximum(k, 1.0))
        return np.where(k == 0, np.inf, np.maximum(smooth, noisy))


@dataclass(frozen=True, kw_only=True)
class _Ball(_Order):
    smooth: float
    distance: float

    point = "average"

    def parts(self, k: Array) -> tuple[Array, Array]:
        return self.smooth * self.distance**2 / k, self.noise_scale * self.distance / k**self.exponent


@dataclass(frozen=True, kw_only=True)
class _Contracting(_Order):
    smooth: float
    strongly_convex: float
    distance: float

    assumes = ("smooth", "strongly_convex", "distance", "noise_power", "noise_scale")
    measure = "||x - x*||^2"
    statement = _CONTRACTS

    def parts(self, k: Array) -> tuple[Array, Array]:
        decay = np.exp(-k * self.strongly_convex / self.smooth) * self.distance**2
        return decay, (self.noise_scale / self.strongly_convex) ** 2 / k ** (2 * self.exponent)


@register("clipped-sgd-convex")
@dataclass(frozen=True, kw_only=True)
class ClippedSGDConvex(_Ball):
    """f convex and L-smooth, the average.

    >>> round(ClippedSGDConvex(smooth=1.0, distance=1.0, noise_power=1.5, noise_scale=1.0).bound(1000), 3)
    0.1
    """

    method = "clipped-sgd"
    runs = "averaged-clipped-sgd"
    assumes = ("smooth", "convex", "distance", "noise_power", "noise_scale")
    statement = "f(xbar_K) - f* <= max(L R^2 / K, sigma R / K^((alpha-1)/alpha)) up to constants and logarithms."
    source = f"{SADIEV}, clipped-SGD, convex; recalled"


@register("clipped-sgd-smooth")
@dataclass(frozen=True, kw_only=True)
class ClippedSGDSmooth(_Order):
    """f L-smooth, convex or not, the smallest gradient.

    >>> ClippedSGDSmooth(smooth=1.0, gap=1.0, noise_power=2.0, noise_scale=1.0).bound(100)
    0.1
    """

    smooth: float
    gap: float

    method = "clipped-sgd"
    assumes = ("smooth", "gap", "noise_power", "noise_scale")
    measure = "||grad f||^2"
    point = "best"
    statement = (
        "the mean of ||grad f(x_k)||^2 is at most max(L Delta / K, sigma sqrt(L Delta) / K^((alpha-1)/alpha)) up to"
        " constants and logarithms, Delta = f(x_0) - inf f."
    )
    source = f"{SADIEV}, clipped-SGD, nonconvex; recalled"

    def parts(self, k: Array) -> tuple[Array, Array]:
        size = self.smooth * self.gap
        return size / k, self.noise_scale * math.sqrt(size) / k**self.exponent


@register("clipped-sgd-polyak-lojasiewicz")
@dataclass(frozen=True, kw_only=True)
class ClippedSGDPolyakLojasiewicz(_Order):
    """||grad f||^2 >= 2 mu (f - f*), the last point.

    >>> g = ClippedSGDPolyakLojasiewicz(smooth=1.0, polyak_lojasiewicz=1.0, gap=1.0, noise_power=2.0, noise_scale=1.0)
    >>> g.bound(100)
    0.01
    """

    smooth: float
    polyak_lojasiewicz: float
    gap: float

    method = "clipped-sgd"
    assumes = ("smooth", "polyak_lojasiewicz", "gap", "noise_power", "noise_scale")
    statement = (
        "f(x_K) - f* <= max(exp(-mu K / L) Delta, L sigma^2 / (mu^2 K^(2(alpha-1)/alpha))) up to constants and"
        " logarithms."
    )
    source = f"{SADIEV}, clipped-SGD under PL; recalled"

    def parts(self, k: Array) -> tuple[Array, Array]:
        mu = self.polyak_lojasiewicz
        noisy = self.smooth * (self.noise_scale / mu) ** 2 / k ** (2 * self.exponent)
        return np.exp(-k * mu / self.smooth) * self.gap, noisy


@register("clipped-sgd-strongly-convex")
@dataclass(frozen=True, kw_only=True)
class ClippedSGDStronglyConvex(_Contracting):
    """f quasi-strongly convex, the last point.

    >>> g = ClippedSGDStronglyConvex(smooth=1.0, strongly_convex=1.0, distance=1.0, noise_power=2.0, noise_scale=1.0)
    >>> g.bound(100)
    0.01
    """

    method = "clipped-sgd"
    source = f"{SADIEV}, clipped-SGD, quasi-strongly convex; recalled"


@register("clipped-extragradient-strongly-monotone")
@dataclass(frozen=True, kw_only=True)
class ClippedExtragradientStronglyMonotone(_Contracting):
    """F Lipschitz and quasi-strongly monotone with mu, the last point.

    >>> known = {"smooth": 1.0, "strongly_convex": 1.0, "distance": 1.0, "noise_power": 2.0, "noise_scale": 1.0}
    >>> ClippedExtragradientStronglyMonotone(**known).bound(100)
    0.01
    """

    method = "clipped-extragradient"
    source = f"{SADIEV}, clipped-SEG, quasi-strongly monotone; recalled"


@register("clipped-gda-star-cocoercive")
@dataclass(frozen=True, kw_only=True)
class ClippedGDAStarCocoercive(_Ball):
    """F monotone and star-cocoercive with constant L, the restricted gap of the average.

    >>> round(ClippedGDAStarCocoercive(smooth=1.0, distance=1.0, noise_power=1.5, noise_scale=1.0).bound(1000), 3)
    0.1
    """

    method = "clipped-gda"
    assumes = ("smooth", "distance", "noise_power", "noise_scale")
    measure = "restricted gap"
    statement = "Gap_R(xbar_K) <= max(L R^2 / K, sigma R / K^((alpha-1)/alpha)) up to constants and logarithms."
    source = f"{SADIEV}, clipped-SGDA, monotone star-cocoercive; recalled"


@register("clipped-gda-strongly-monotone")
@dataclass(frozen=True, kw_only=True)
class ClippedGDAStronglyMonotone(_Contracting):
    """F star-cocoercive with constant L and quasi-strongly monotone with mu, the last point.

    >>> known = {"smooth": 1.0, "strongly_convex": 1.0, "distance": 1.0, "noise_power": 2.0, "noise_scale": 1.0}
    >>> ClippedGDAStronglyMonotone(**known).bound(100)
    0.01
    """

    method = "clipped-gda"
    source = f"{SADIEV}, clipped-SGDA, quasi-strongly monotone; recalled"
