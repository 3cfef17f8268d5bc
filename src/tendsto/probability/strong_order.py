"""The strong order of the truncated Milstein scheme as a theorem: hypotheses in, order out (Liu, Wu and Zuo, 2023)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.polynomial import Polynomial

from tendsto.probability.assumption import Assumption, require

__all__ = ["MilsteinOrder"]

Function = Sequence[float] | Callable[[Any], Any]


@dataclass(frozen=True)
class MilsteinOrder:
    """Strong L^p order ``min(η_f, η_g, 1)`` of the truncated Milstein scheme, up to an arbitrarily small loss.

    Hypotheses on the coefficients in x, with ``c = (p - 1) / 2``:

    - Khasminskii's condition, ``x f(x) + c g(x)² ≤ K (1 + x²)``;
    - monotone differences, ``(x - y)(f(x) - f(y)) + c (g(x) - g(y))² ≤ K (x - y)²``;
    - Hölder continuity in time, exponents η_f and η_g in (0, 1], taken on your word.

    drift, diffusion: of a scalar equation, as coefficients of powers of x, lowest first; then both conditions are
    decided exactly (for differentiable functions the second is ``f' + c g'² ≤ K``, by Jensen's inequality). Or as
    functions: a search up to |x| = 10^6 can refute them, never prove them. The order carries over to the time-changed
    equation, as E has exponential moments.

    Raises ValueError for coefficients that are not finite, p < 2 or exponents outside (0, 1]. Source: Liu, Wu and Zuo,
    arXiv:2308.13999; the form of the hypotheses is recalled, the order inferred from the abstract.

    >>> MilsteinOrder(drift=(0, 1, 0, 0, 0, -2), diffusion=(0, 0, 0.7)).order()
    1.0
    >>> print(MilsteinOrder(drift=(0, 1, 0, 0, 0, 2), diffusion=(0, 0, 0.7)).assumptions()[0])
    Khasminskii's condition fails: at x = 1000 the left side is 2e+12 times 1 + x², and it grows like x^6
    """

    drift: Function
    diffusion: Function
    time_drift: float = 1.0
    time_diffusion: float = 1.0
    p: float = 2.0

    def __post_init__(self) -> None:
        for name in ("drift", "diffusion"):
            value = getattr(self, name)
            if not callable(value) and not (len(value) and np.isfinite(np.asarray(value, np.float64)).all()):
                raise ValueError(f"{name} {value!r} has no finite coefficients; powers of x, lowest first, are needed")
        if not (min(self.time_drift, self.time_diffusion) > 0 and max(self.time_drift, self.time_diffusion) <= 1):
            exponents = f"({self.time_drift}, {self.time_diffusion})"
            raise ValueError(f"Hölder exponents {exponents} are not in (0, 1]; give 1 for a smooth time dependence")
        if not 2 <= self.p < math.inf:
            raise ValueError(f"p = {self.p} is no moment of the theorem; a number from 2 on is needed")

    def assumptions(self) -> tuple[Assumption, ...]:
        """The hypotheses, each with its answer and witness."""
        exponents = f"exponents {self.time_drift:g} and {self.time_diffusion:g}, as given"
        time = Assumption("Hölder continuity in time", "holds", exponents)
        c = (self.p - 1) / 2
        if callable(self.drift) or callable(self.diffusion):
            f, g = _function(self.drift), _function(self.diffusion)
            return *_searched(f, g, c), time
        f, g, x = Polynomial(list(self.drift)), Polynomial(list(self.diffusion)), Polynomial([0, 1])
        growth = _bounded("Khasminskii's condition", x * f + c * g**2, 1 + x**2, "1 + x²")
        return growth, _bounded("monotone differences", f.deriv() + c * g.deriv() ** 2, Polynomial([1]), "1"), time

    def order(self) -> float:
        """The order. Raises ValueError where a hypothesis fails, with its witness."""
        require("strong order of the truncated Milstein scheme", *self.assumptions())
        return min(self.time_drift, self.time_diffusion, 1.0)


def _bounded(name: str, left: Polynomial, right: Polynomial, said: str) -> Assumption:
    """Whether left / right is bounded above on the line: a question to the leading term."""
    left = left.trim(1e-12 * float(np.abs(left.coef).max()))
    degree, lead = left.degree(), float(left.coef[-1])
    if degree > right.degree() and (degree % 2 or lead > 0):
        x = -1e3 if lead < 0 else 1e3
        value = float(left(x) / right(x))
        return Assumption(
            name, "fails", f"at x = {x:g} the left side is {value:.3g} times {said}, and it grows like x^{degree}"
        )
    turning = (left.deriv() * right - left * right.deriv()).roots()
    points = np.concatenate([[0.0], turning[np.abs(turning.imag) < 1e-9].real])
    values = left(points) / right(points)
    best = int(np.argmax(values))
    constant, where = float(values[best]), f"reached at x = {points[best]:.3g}"
    if degree == right.degree() and lead / right.coef[-1] > constant:
        constant, where = float(lead / right.coef[-1]), "approached as |x| grows"
    return Assumption(name, "holds", f"K = {constant:.4g}, {where}")


def _searched(f: Callable[[Any], Any], g: Callable[[Any], Any], c: float) -> tuple[Assumption, Assumption]:
    """Both conditions along |x| = 1, 10, ..., 10^6; for differences, between x and 1.01 x."""
    sizes = 10.0 ** np.arange(7)
    found = {"Khasminskii's condition": [], "monotone differences": []}
    for sign in (-1, 1):
        x, y = sign * sizes, 1.01 * sign * sizes
        found["Khasminskii's condition"].append((x * f(x) + c * g(x) ** 2) / (1 + x**2))
        found["monotone differences"].append(((x - y) * (f(x) - f(y)) + c * (g(x) - g(y)) ** 2) / (x - y) ** 2)
    growth, differences = (_answer(name, np.asarray(rows), sizes) for name, rows in found.items())
    return growth, differences


def _answer(name: str, quotients: Any, sizes: Any) -> Assumption:
    for sign, row in zip("-+", quotients, strict=True):
        last = row[-3:]
        if not np.isfinite(last).all() or (last[0] > 0 and (last[1:] > 2 * last[:-1]).all()):
            return Assumption(
                name, "fails", f"K would be {last[0]:.3g} at x = {sign}1e4 and {last[2]:.3g} at {sign}1e6"
            )
    most = np.unravel_index(int(np.argmax(quotients)), quotients.shape)
    place = f"x = {'-+'[most[0]]}{sizes[most[1]]:g}"
    return Assumption(name, "unknown", f"up to |x| = 1e6 the largest K seen is {quotients[most]:.3g}, at {place}")


def _function(given: Function) -> Callable[[Any], Any]:
    return given if callable(given) else Polynomial(list(given))
