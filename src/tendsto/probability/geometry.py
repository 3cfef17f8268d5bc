"""Planar domains that know the exact area which a ball around each of their points covers.

A domain answers four questions: its ``area``, its ``boundary`` length, how to ``sample`` uniform points, and how
``|B(x, r) ∩ A|`` is distributed for x uniform on A (``ball_areas``). The last one is all that a Poisson
approximation of isolated points needs, and it is exact up to quadrature for every r, not only for small ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Disc", "Domain", "Square", "Torus"]

Array = NDArray[np.float64]


class Domain(Protocol):
    """A compact planar set with the uniform law on it. Lengths are in one unit, areas in its square."""

    @property
    def area(self) -> float: ...

    @property
    def boundary(self) -> float:
        """Length of the boundary; 0 for a domain without one."""
        ...

    @property
    def diameter(self) -> float:
        """Largest distance between two points, in the domain's own metric."""
        ...

    @property
    def period(self) -> float | None:
        """Side of the periodic box in which distances are measured; None for the Euclidean plane."""
        ...

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """n independent uniform points, shape (n, 2)."""
        ...

    def ball_areas(self, r: ArrayLike) -> tuple[Array, Array]:
        """Areas ``|B(x, r) ∩ A|`` at quadrature nodes x and the nodes' probabilities; both of shape r.shape + (m,)."""
        ...


@dataclass(frozen=True)
class Disc:
    """Disc of the given radius; the default has area 1.

    ``|B(x, r) ∩ A|`` depends on ``|x|`` alone and is the area of a lens. Raises ValueError for a radius that is not
    positive and finite.

    >>> areas, weights = Disc().ball_areas(0.01)
    >>> bool(0.99 < areas @ weights / (3.141592653589793 * 0.01**2) < 1)     # the whole ball, nearly everywhere
    True
    """

    radius: float = 1 / math.sqrt(math.pi)

    def __post_init__(self) -> None:
        _positive("radius", self.radius)

    @property
    def area(self) -> float:
        return math.pi * self.radius**2

    @property
    def boundary(self) -> float:
        return 2 * math.pi * self.radius

    @property
    def diameter(self) -> float:
        return 2 * self.radius

    @property
    def period(self) -> None:
        return None

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        distance = self.radius * np.sqrt(rng.random(n))
        angle = 2 * math.pi * rng.random(n)
        return np.stack([distance * np.cos(angle), distance * np.sin(angle)], axis=1)

    def ball_areas(self, r: ArrayLike) -> tuple[Array, Array]:
        r = np.asarray(r, dtype=np.float64)[..., None]
        # Nearer to the centre than this the ball lies inside the disc, or the disc inside the ball.
        inner = np.clip(np.abs(self.radius - r), 0, self.radius)
        depth, weight = graded_nodes(96)
        distance = self.radius - depth * (self.radius - inner)
        areas = np.concatenate([np.minimum(math.pi * r**2, self.area), self._lens(distance, r)], axis=-1)
        weights = np.concatenate([inner**2, 2 * distance * (self.radius - inner) * weight], axis=-1)
        return areas, weights / self.radius**2

    def _lens(self, distance: Array, r: Array) -> Array:
        """Area common to the disc and a ball of radius r whose centre is at this distance from the disc's centre."""
        big, gap = self.radius, self.radius - distance
        # The chord through both intersection points cuts off these heights; as products they lose no digits.
        twice = 2 * np.maximum(distance, 1e-300)
        in_ball = np.clip((r + gap) * (big + distance - r) / twice, 0, 2 * r)
        in_disc = np.clip((r - gap) * (r + gap) / twice, 0, 2 * big)
        return np.minimum(_segment(in_ball, r) + _segment(in_disc, big), self.area)


@dataclass(frozen=True)
class Square:
    """The square ``[0, side]²``. Raises ValueError for a side that is not positive and finite.

    >>> areas, weights = Square().ball_areas(2.0)        # the ball covers the whole square wherever it is centred
    >>> bool(abs(areas - 1).max() < 1e-12)
    True
    """

    side: float = 1.0

    def __post_init__(self) -> None:
        _positive("side", self.side)

    @property
    def area(self) -> float:
        return self.side**2

    @property
    def boundary(self) -> float:
        return 4 * self.side

    @property
    def diameter(self) -> float:
        return math.sqrt(2) * self.side

    @property
    def period(self) -> None:
        return None

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        return self.side * rng.random((n, 2))

    def ball_areas(self, r: ArrayLike) -> tuple[Array, Array]:
        r = np.asarray(r, dtype=np.float64)[..., None]
        half = self.side / 2
        # By symmetry a quarter of the square suffices. Beyond the split a ball stops (r < half) or starts (r > half)
        # to be cut by the opposite sides, so the integrand is smooth on both sides of it only.
        split = np.where(r <= half, r, np.maximum(self.side - r, 0))
        depth, weight = graded_nodes(32)
        line = np.concatenate([split * depth, split + (half - split) * depth], axis=-1)
        length = np.concatenate([split * weight, (half - split) * weight], axis=-1) / half
        x, y = line[..., :, None], line[..., None, :]
        areas = _disc_in_rectangle(x, self.side - x, y, self.side - y, r[..., None])
        weights = length[..., :, None] * length[..., None, :]
        shape = (*r.shape[:-1], -1)
        return areas.reshape(shape), weights.reshape(shape)


@dataclass(frozen=True)
class Torus:
    """The flat torus ``[0, side)²`` with opposite sides identified: a domain without boundary.

    >>> areas, _ = Torus().ball_areas(0.1)
    >>> bool(abs(areas[0] - 3.141592653589793 * 0.01) < 1e-15)
    True
    """

    side: float = 1.0

    def __post_init__(self) -> None:
        _positive("side", self.side)

    @property
    def area(self) -> float:
        return self.side**2

    @property
    def boundary(self) -> float:
        return 0.0

    @property
    def diameter(self) -> float:
        return self.side / math.sqrt(2)

    @property
    def period(self) -> float:
        return self.side

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        return self.side * rng.random((n, 2))

    def ball_areas(self, r: ArrayLike) -> tuple[Array, Array]:
        r = np.asarray(r, dtype=np.float64)[..., None]
        half = np.full_like(r, self.side / 2)
        # Seen from its centre, a ball on the torus is a disc clipped to the square of points nearer to no other copy.
        return _disc_in_rectangle(half, half, half, half, r), np.ones_like(r)


def _positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} {value} is not a length; a positive finite number is needed")


@cache
def graded_nodes(count: int) -> tuple[Array, Array]:
    """Gauss-Legendre nodes and weights on [0, 1] after ``x = s²``: dense near 0, where ``exp(-n area)`` is largest."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    s = (nodes + 1) / 2
    graded = s**2, weights * s
    for array in graded:
        array.setflags(write=False)
    return graded


def _segment(height: Array, r: Array | float) -> Array:
    """Area that a chord cuts off a disc of radius r, up to this height above the chord, 0 <= height <= 2r."""
    # The floor makes a ball of radius 0 a point of area 0, not a division by 0.
    angle = 4 * np.arcsin(np.sqrt(np.minimum(height / np.maximum(2 * np.asarray(r), 1e-300), 1)))
    return np.square(r) / 2 * (angle - np.sin(angle))


def _disc_in_rectangle(left: Array, right: Array, down: Array, up: Array, r: Array) -> Array:
    """Area of ``B(0, r) ∩ [-left, right] × [-down, up]`` for non-negative arguments."""
    # Each quadrant is cut by its own two sides only.
    return sum(
        (_disc_in_quadrant(a, b, r) for a in (left, right) for b in (down, up)),
        start=np.zeros(np.broadcast_shapes(left.shape, right.shape, down.shape, up.shape, r.shape)),
    )


def _disc_in_quadrant(a: Array, b: Array, r: Array) -> Array:
    """Area of ``{0 <= u <= a, 0 <= v <= b, u² + v² <= r²}``."""
    a, b = np.minimum(a, r), np.minimum(b, r)
    cut = math.pi * r**2 / 4 - (_segment(r - a, r) + _segment(r - b, r)) / 2
    return np.where(a**2 + b**2 <= r**2, a * b, cut)
