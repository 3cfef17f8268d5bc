"""Connectivity thresholds and expected isolated points, transcribed from their definitions without any cleverness.

Source: Penrose and Yang (2025), arXiv:2406.00647, definitions of T_{n,k} and U_{n,k}; Λ_k is the expected number of
points with fewer than k neighbours in a Poisson sample.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

Point = Sequence[float]


def distance(a: Point, b: Point, period: float | None = None) -> float:
    """Euclidean distance, or the distance on the torus of this period."""
    total = 0.0
    for x, y in zip(a, b, strict=True):
        difference = abs(x - y)
        if period is not None:
            difference = min(difference, period - difference)
        total += difference**2
    return math.sqrt(total)


def largest_link(points: Sequence[Point], k: int, period: float | None = None) -> float:
    """Largest distance from a point to its k-th nearest neighbour: sort all n - 1 distances of each point."""
    largest = 0.0
    for i, a in enumerate(points):
        others = sorted(distance(a, b, period) for j, b in enumerate(points) if j != i)
        largest = max(largest, others[k - 1])
    return largest


def longest_spanning_edge(points: Sequence[Point], period: float | None = None) -> float:
    """Longest edge of the minimum spanning tree, by Prim's algorithm over all n² distances."""
    outside = {j: distance(points[0], points[j], period) for j in range(1, len(points))}
    longest = 0.0
    while outside:
        nearest = min(outside, key=lambda j: outside[j])
        longest = max(longest, outside.pop(nearest))
        for j in outside:
            outside[j] = min(outside[j], distance(points[nearest], points[j], period))
    return longest


def connectivity_threshold(points: Sequence[Point], k: int, period: float | None = None) -> float:
    """The smallest pairwise distance r at which no removal of k - 1 points disconnects the graph G(points, r)."""
    n = len(points)
    for r in sorted(distance(a, b, period) for a, b in itertools.combinations(points, 2)):
        adjacent = [[distance(a, b, period) <= r for b in points] for a in points]
        if all(
            _connected(adjacent, set(range(n)) - set(removed)) for removed in itertools.combinations(range(n), k - 1)
        ):
            return r
    raise AssertionError("the complete graph is k-connected")


def _connected(adjacent: list[list[bool]], vertices: set[int]) -> bool:
    reached = {min(vertices)}
    for _ in vertices:
        reached |= {j for i in reached for j in vertices if adjacent[i][j]}
    return reached == vertices


def covered_area(
    x: float, y: float, r: float, slice_of_domain: Callable[[float], tuple[float, float]], slices: int
) -> float:
    """Area of ``B((x, y), r) ∩ A``: midpoint rule over the vertical slices of A, each an interval (low, high)."""
    area, width = 0.0, 2 * r / slices
    for i in range(slices):
        u = -r + (i + 0.5) * width
        half = math.sqrt(r**2 - u**2)
        low, high = slice_of_domain(x + u)
        area += max(0.0, min(y + half, high) - max(y - half, low)) * width
    return area


def disc_slice(radius: float) -> Callable[[float], tuple[float, float]]:
    def interval(u: float) -> tuple[float, float]:
        half = math.sqrt(max(0.0, radius**2 - u**2))
        return -half, half

    return interval


def square_slice(side: float) -> Callable[[float], tuple[float, float]]:
    return lambda u: (0.0, side) if 0 <= u <= side else (0.0, 0.0)


def few_neighbours(k: int, mean: float) -> float:
    """Q(k, v): a Poisson variable of mean v is less than k."""
    return sum(math.exp(-mean) * mean**j / math.factorial(j) for j in range(k))


def expected_isolated_disc(n: float, r: float, k: int, radius: float, cells: int, slices: int) -> float:
    """Λ_k on a disc, midpoint rule over the distance from the centre."""
    area, total, width = math.pi * radius**2, 0.0, radius / cells
    for i in range(cells):
        rho = (i + 0.5) * width
        mean = n * covered_area(rho, 0.0, r, disc_slice(radius), slices) / area
        total += few_neighbours(k, mean) * 2 * math.pi * rho * width
    return n / area * total


def expected_isolated_square(n: float, r: float, k: int, side: float, cells: int, slices: int) -> float:
    """Λ_k on a square, midpoint rule over a grid of its lower left quarter; the other three are its mirror images."""
    total, width = 0.0, side / 2 / cells
    for i in range(cells):
        for j in range(cells):
            x, y = (i + 0.5) * width, (j + 0.5) * width
            mean = n * covered_area(x, y, r, square_slice(side), slices) / side**2
            total += 4 * few_neighbours(k, mean) * width**2
    return n / side**2 * total
