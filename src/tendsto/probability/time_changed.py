"""Milstein-type schemes for time-changed SDEs with super-linear coefficients (Liu, Wu and Zuo, 2023).

``dX = f(E_t, X) dE_t + g(E_t, X) dB_{E_t}``, E the inverse of a subordinator. By duality ``X_t = Y_{E_t}``, where
``dY = f(t, Y) dt + g(t, Y) dB``: Y is solved on an equidistant mesh in operational time, up to the clock's E.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tendsto.probability.clock import InverseSubordinator, whole_number

__all__ = ["Solution", "TimeChangedNoise", "Truncation", "solve_time_changed"]

Array = NDArray[np.float64]
Coefficient = Callable[[Any, Any], Any]
Scheme = Literal["truncated-milstein", "truncated-euler", "milstein", "euler"]
SCHEMES = ("truncated-milstein", "truncated-euler", "milstein", "euler")


@dataclass(frozen=True)
class Truncation:
    """Where coefficients are cut off: they are evaluated at ``π_Δ(x) = min(|x|, radius(Δ)) x/|x|``.

    ``radius(Δ) = φ^{-1}(h(Δ))`` with ``φ(u) = growth u^power``, which must dominate f, g and ∂g/∂x on |x| ≤ u for
    u ≥ 1, and ``h(Δ) = scale Δ^{-epsilon}``. Raises ValueError unless growth, power, scale > 0, 0 < epsilon ≤ 1/4 (the
    theorem asks that ``Δ^{1/4} h(Δ)`` be bounded).

    >>> round(Truncation(growth=3.0, power=5.0, scale=12.0).radius(2**-5), 3)
    1.569
    """

    growth: float
    power: float
    scale: float = 1.0
    epsilon: float = 0.25

    def __post_init__(self) -> None:
        if not (min(self.growth, self.power, self.scale) > 0 and 0 < self.epsilon <= 0.25):
            raise ValueError(f"{self} is no truncation; growth, power, scale > 0 and 0 < epsilon <= 1/4 are needed")

    def radius(self, dt: float) -> float:
        """``φ^{-1}(h(dt))``, which grows without bound as dt tends to 0."""
        return (self.scale * dt**-self.epsilon / self.growth) ** (1 / self.power)


@dataclass(frozen=True)
class TimeChangedNoise:
    """What drives a time-changed SDE: for each path the clock's time, and a Brownian path up to it.

    mesh: δ, of clock and Brownian paths. horizon: T. counts: shape (paths,), ``E_δ(T) / δ``. brownian: B at 0, δ, ...,
    up to the largest of them, shape (points, paths), or (points, paths, channels) for a vector of Brownian motions.

    All solutions on one noise are coupled, whatever their step. ``E_δ`` itself is below E by up to δ, so X_T is met
    with an error of order δ^{1/2}: take δ well below dt.

    >>> one = TimeChangedNoise(mesh=0.5, horizon=1.0, counts=np.array([2]), brownian=np.array([[0.0], [0.3], [0.1]]))
    >>> one.elapsed
    array([1.])
    """

    mesh: float
    horizon: float
    counts: NDArray[np.int64]
    brownian: Array

    @classmethod
    def sample(
        cls,
        clock: InverseSubordinator | None,
        horizon: float,
        mesh: float,
        paths: int,
        rng: np.random.Generator,
        *,
        channels: int | None = None,
    ) -> TimeChangedNoise:
        """Draw it. Without a clock E_T = T, an ordinary SDE.

        Raises ValueError for a mesh that does not divide the horizon, or fewer than 1 path or channel.

        >>> from tendsto.probability.clock import InverseStable
        >>> noise = TimeChangedNoise.sample(InverseStable(0.8), 0.5, 2**-6, 10, np.random.default_rng(0))
        >>> noise.brownian.shape, float(noise.elapsed.max())
        ((72, 10), 1.109375)
        """
        steps = whole_number(horizon, mesh, "mesh", "horizon")
        if paths < 1 or (channels is not None and channels < 1):
            raise ValueError(f"{paths} paths and {channels} channels hold no noise; at least 1 of each is needed")
        if clock is None:
            counts = np.full(paths, steps)
        else:
            counts = np.rint(clock.sample(horizon, mesh, paths, rng) / mesh).astype(np.int64)
        shape = (paths,) if channels is None else (paths, channels)
        brownian = np.zeros((int(counts.max()) + 1, *shape))
        rng.standard_normal(out=brownian[1:])
        brownian *= math.sqrt(mesh)
        np.cumsum(brownian, axis=0, out=brownian)
        return cls(mesh, horizon, counts, brownian)

    @property
    def elapsed(self) -> Array:
        """Operational time ``E_δ(T)`` of each path."""
        return np.asarray(self.counts * self.mesh, np.float64)


@dataclass(frozen=True)
class Solution:
    """x: X_T, of shape (paths,) or (paths, d). truncated: the share of steps that began beyond the radius."""

    x: Array
    truncated: float

    @property
    def finite(self) -> NDArray[np.bool_]:
        """Which paths did not blow up, shape (paths,)."""
        return np.asarray(np.isfinite(self.x).reshape(len(self.x), -1).all(axis=1))


def solve_time_changed(
    f: Coefficient,
    g: Coefficient,
    x0: ArrayLike,
    noise: TimeChangedNoise,
    dt: float,
    *,
    dg: Coefficient | Literal["autograd"] | None = None,
    scheme: Scheme = "truncated-milstein",
    truncation: Truncation | None = None,
    random_times: np.random.Generator | None = None,
    partial_step: bool = True,
) -> Solution:
    """Solve ``dX = f(E_t, X) dE_t + g(E_t, X) dB_{E_t}``, ``X_0 = x0``, up to the noise's horizon.

    One step, with ``x̃ = π_Δ(x)`` (truncated schemes) or ``x̃ = x`` (plain ones, which blow up on super-linear
    coefficients) and the last term for Milstein only:

        x + f(t, x̃) Δ + g(t, x̃) ΔB + ½ g(t, x̃) ∂g/∂x(t, x̃) (ΔB² - Δ)

    f, g, dg: called as f(t, x), vectorised over paths. A scalar equation has x of shape (paths,) and so have f, g and
        dg. A system, where x0 has shape (d,), has x and f (paths, d), g (paths, d, channels) and, the last axis that of
        the derivative, dg (paths, d, channels, d); its noise must commute. t is a number, or broadcasts against x.
    dg: needed by Milstein schemes; "autograd" differentiates g, which must then take torch tensors.
    dt: Δ, a multiple of the noise's mesh that divides its horizon.
    truncation: needed by truncated schemes.
    random_times: where given, f is evaluated at a uniform time of each step, for drifts rough in time.
    partial_step: finish with a step of length ``E - ⌊E/Δ⌋Δ``; without it the error is of order Δ^{1/2} at best.

    Raises ValueError for a dt that does not fit, an x0 that is not finite, a missing dg or truncation, coefficients of
    a wrong shape or not finite at x0, or noise that does not commute. Source: Liu, Wu and Zuo, arXiv:2308.13999; the
    scheme is recalled, the partial step and the random times are not the paper's.

    >>> from tendsto.probability.clock import InverseStable
    >>> noise = TimeChangedNoise.sample(InverseStable(0.8), 0.5, 2**-8, 1000, np.random.default_rng(0))
    >>> solution = solve_time_changed(
    ...     lambda t, x: x - 2 * x**5, lambda t, x: 0.7 * x**2, 1.0, noise, 2**-4,
    ...     dg=lambda t, x: 1.4 * x, truncation=Truncation(growth=3.0, power=5.0, scale=12.0),
    ... )
    >>> bool(solution.finite.all())
    True
    """
    factor = whole_number(dt, noise.mesh, "the noise's mesh", "dt")
    whole_number(noise.horizon, dt, "dt", "horizon")
    start = np.asarray(x0, np.float64)
    if scheme not in SCHEMES:
        raise ValueError(f"scheme {scheme!r} is unknown; one of {', '.join(SCHEMES)} is needed")
    if start.ndim > 1 or start.size == 0 or not np.isfinite(start).all():
        raise ValueError(f"x0 = {x0} is no starting point; a finite number or vector is needed")
    if (noise.brownian.ndim == 3) != (start.ndim == 1):
        raise ValueError("a system needs noise with channels, and a scalar equation noise without")
    if scheme.startswith("truncated") and truncation is None:
        raise ValueError(f"{scheme} needs a truncation, such as Truncation(growth=3.0, power=5.0, scale=12.0)")
    if scheme.endswith("milstein") and dg is None:
        raise ValueError(f'{scheme} needs the derivative of g: give dg, or "autograd"')
    radius = truncation.radius(dt) if truncation and scheme.startswith("truncated") else math.inf
    slope = None if not scheme.endswith("milstein") else _autograd(g, start.ndim) if dg == "autograd" else dg
    step = _Step(f, g, slope, radius, random_times)

    full, paths = noise.counts // factor, len(noise.counts)
    longest_first = np.argsort(-full, kind="stable")
    active = np.searchsorted(-full[longest_first], -np.arange(int(full.max())), side="left")
    x = np.empty((paths, *start.shape))
    x[:] = start
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for name, coefficient in (("f", f), ("g", g), ("dg", slope)):
            if coefficient and not np.isfinite(np.asarray(coefficient(0.0, x))).all():
                raise ValueError(f"{name}(0, x0) is not finite at x0 = {x0}; start where the coefficients are defined")
        for i, n in enumerate(active):
            rows = longest_first[:n]
            increment = noise.brownian[(i + 1) * factor, rows] - noise.brownian[i * factor, rows]
            x[rows] = step(i * dt, x[rows], dt, increment)
        if partial_step:
            each = np.arange(paths)
            increment = noise.brownian[noise.counts, each] - noise.brownian[full * factor, each]
            ahead = (paths, *(1,) * start.ndim)
            rest = ((noise.counts - full * factor) * noise.mesh).reshape(ahead)
            x = step((full * dt).reshape(ahead), x, rest, increment)
    return Solution(x, step.beyond / max(1, step.taken))


class _Step:
    """One step of all paths, and a count of those that began beyond the radius."""

    def __init__(
        self, f: Coefficient, g: Coefficient, dg: Coefficient | None, radius: float, times: np.random.Generator | None
    ) -> None:
        self.f, self.g, self.dg, self.radius, self.times = f, g, dg, radius, times
        self.taken = self.beyond = 0

    def __call__(self, t: Any, x: Array, dt: Any, db: Array) -> Array:
        size = np.abs(x) if x.ndim == 1 else np.linalg.norm(x, axis=1, keepdims=True)
        outside = size > self.radius
        self.taken, self.beyond = self.taken + len(x), self.beyond + int(outside.sum())
        cut = np.where(outside, x * (self.radius / np.maximum(size, self.radius)), x) if outside.any() else x
        late = t if self.times is None else t + dt * self.times.random((len(x), *(1,) * (x.ndim - 1)))
        drift = _shaped(self.f(late, cut), x.shape, "f")
        spread = _shaped(self.g(t, cut), x.shape if x.ndim == 1 else (*x.shape, db.shape[1]), "g")
        if x.ndim == 1:
            x = x + drift * dt + spread * db
            return x if self.dg is None else x + self._scalar(t, cut, dt, db, spread)
        x = x + drift * dt + np.einsum("pij,pj->pi", spread, db)
        return x if self.dg is None else x + self._system(t, cut, dt, db, spread)

    def _scalar(self, t: Any, x: Array, dt: Any, db: Array, g: Array) -> Array:
        assert self.dg is not None
        return 0.5 * g * _shaped(self.dg(t, x), x.shape, "dg") * (db**2 - dt)

    def _system(self, t: Any, x: Array, dt: Any, db: Array, g: Array) -> Array:
        """``½ Σ_{jk} L^j g_k (ΔB_j ΔB_k - 1{j=k} Δ)``, ``L^j g_k = Σ_l g_{lj} ∂g_k/∂x_l``."""
        assert self.dg is not None
        slope = _shaped(self.dg(t, x), (*g.shape, x.shape[1]), "dg")
        mixed = np.einsum("plj,pikl->pijk", g, slope)
        gap = np.abs(mixed - mixed.swapaxes(2, 3)).max(initial=0.0)
        if gap > 1e-9 * np.abs(mixed).max(initial=0.0):
            raise ValueError(f"the noise does not commute: L^j g_k and L^k g_j differ by {gap:g}; use an Euler scheme")
        area = db[:, :, None] * db[:, None, :] - np.eye(db.shape[1]) * np.reshape(dt, (-1, 1, 1))
        return 0.5 * np.einsum("pijk,pjk->pi", mixed, area)


def _shaped(values: Any, shape: tuple[int, ...], name: str) -> Array:
    array = np.asarray(values, np.float64)
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        raise ValueError(f"{name} gave an array of shape {array.shape}; {shape} is needed") from None


def _autograd(g: Coefficient, ndim: int) -> Coefficient:
    """The derivative of g in x, by torch.func: elementwise for a scalar equation, a Jacobian for a system."""
    import torch

    def slope(t: Any, x: Array) -> Array:
        at = torch.tensor(x, dtype=torch.float64)
        if ndim == 0:
            time = torch.as_tensor(t, dtype=torch.float64)
            return torch.func.grad(lambda y: g(time, y).sum())(at).numpy()
        times = torch.as_tensor(t, dtype=torch.float64).expand(len(at), 1)
        one = torch.func.jacrev(lambda y, time: g(time[None], y[None])[0])
        return torch.func.vmap(one)(at, times).numpy()

    return slope
