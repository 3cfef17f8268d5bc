"""check_problem: what every problem must satisfy before a measurement on it means anything."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from tendsto.core import spec
from tendsto.core.problem import Problem
from tendsto.core.random import Random
from tendsto.core.tree import leaves
from tendsto.testing.points import batched, resolution, rows, shaped, spread_points, stacked, vector
from tendsto.testing.printed import check_printed, say

SAMPLES = 128
"""Stochastic gradients whose mean is compared with the exact gradient."""


def check_problem(problem: Problem) -> None:
    """Check that `problem` keeps its promises; return nothing.

    - Every float setting "precision" is raised to float64 first, so that differences are sharp.
    - The start is a function of the seed, and differs between seeds unless `random_start()` is False.
    - Criterion and metrics are finite scalars; no criterion is below the optimum; the solution attains it.
    - The gradient is that of `value`, by central differences; `hvp` is that of the gradient, and symmetric.
    - `prox` minimises r(y) + ||y - x||^2 / (2 step), against nearby and far points.
    - Stochastic gradients have the exact one as their mean, within five standard errors along random directions;
      `sample_gradients` average to the gradient of their sample.
    - No constant that is stated as exact is contradicted by sampled points.
    - Lanes give what single runs give, to 1e-9 relative in float64.
    - The printed specification evaluates to an equal problem with the same key.

    Raises:
        AssertionError: one of these fails; the message is a sentence with the figures.

    >>> from tendsto.problems import Quadratic
    >>> check_problem(Quadratic(dimension=4, noise=0.1))
    """
    check_printed(problem)
    if getattr(problem, "precision", "float64") != "float64":
        problem = spec.replace(problem, precision="float64")
    with torch.no_grad():
        _check_start(problem)
        points = spread_points(problem, 6)
        _check_criterion(problem, points)
        if "gradient" in problem.offers():
            _check_gradient(problem, points[:3])
            if "hvp" in problem.offers():
                _check_hvp(problem, points[:2])
            _check_unbiased(problem, points[0])
            _check_sample_gradients(problem, points[0])
            _check_constants(problem, points)
        if "prox" in problem.offers():
            _check_prox(problem, points[:3])
        if problem.lanes:
            _check_lanes(problem, points[:3])


def _check_start(problem: Problem) -> None:
    first, again, other = (vector(problem.init(Random(s, backend=problem.backend))) for s in (3, 3, 4))
    say(problem, np.array_equal(first, again), "its initial point differs between two calls with the same seed")
    say(problem, np.isfinite(first).all(), "its initial point is not finite")
    same = np.array_equal(first, other)
    if problem.random_start():
        say(problem, not same, "seeds 3 and 4 start at the same point: say so by random_start() returning False")
    else:
        say(problem, same, "seeds 3 and 4 start at different points, though random_start() is False")


def _check_criterion(problem: Problem, points: list[Any]) -> None:
    optimum = problem.optimum()
    for x in points:
        value = float(problem.criterion(x))
        say(problem, math.isfinite(value), f"the criterion is {value} near the initial point")
        for name, metric in problem.metrics(x).items():
            say(problem, math.isfinite(float(metric)), f"the metric {name!r} is {float(metric)} near the start")
        if optimum is not None:
            slack = 1e4 * resolution(x) * (1 + abs(optimum))
            say(problem, value >= optimum - slack, f"the criterion {value} is below the optimum {optimum}")
    solution = problem.solution()
    if solution is not None:
        at, slack = float(problem.criterion(solution)), 1e-10
        say(problem, optimum is not None, "a solution is known, but no optimum")
        gap = at - (optimum or 0.0)
        say(problem, abs(gap) <= slack * (1 + abs(at)), f"the solution has criterion {at}, the optimum is {optimum}")


def _directions(size: int, count: int, seed: int) -> list[np.ndarray]:
    normal = np.random.default_rng(seed).normal(size=(count, size))
    return list(normal / np.linalg.norm(normal, axis=1, keepdims=True))


def _step(x: Any) -> float:
    """The step of a central difference that balances truncation and rounding."""
    return resolution(x) ** (1 / 3) * (1 + float(np.abs(vector(x)).max()))


def _check_gradient(problem: Problem, points: list[Any]) -> None:
    if not hasattr(problem, "value"):
        return
    value: Any = problem.value  # type: ignore[reportAttributeAccessIssue]
    for x in points:
        base, h = vector(x), _step(x)
        gradient = vector(problem.gradient(x, None))
        tolerance = 100 * h * h * (1 + np.linalg.norm(gradient) + abs(float(value(x, None))))
        if "value_and_gradient" in problem.offers():
            first, second = problem.value_and_gradient(x, None)
            say(problem, np.allclose(gradient, vector(second)), "value_and_gradient gives another gradient")
            say(problem, np.isclose(float(first), float(value(x, None))), "value_and_gradient gives another value")
        # The gradient's own direction sees a wrong size that random directions miss in high dimension.
        own = [gradient / np.linalg.norm(gradient)] if gradient.any() else []
        for v in [*own, *_directions(base.size, 4, seed=1)]:
            up, down = (float(value(shaped(base + s * h * v, x), None)) for s in (1, -1))
            slope, told = (up - down) / (2 * h), float(gradient @ v)
            say(
                problem,
                abs(slope - told) <= tolerance,
                f"its gradient says slope {told:.9g} along a direction where differences of value say {slope:.9g}",
            )


def _check_hvp(problem: Problem, points: list[Any]) -> None:
    for x in points:
        base, h = vector(x), _step(x)
        u, v = _directions(base.size, 2, seed=2)
        hu, hv = (vector(problem.hvp(x, shaped(d, x), None)) for d in (u, v))
        up, down = (vector(problem.gradient(shaped(base + s * h * v, x), None)) for s in (1, -1))
        scale = 1 + np.linalg.norm(hv) + np.linalg.norm(up)
        error = float(np.linalg.norm((up - down) / (2 * h) - hv))
        say(problem, error <= 1000 * h * h * scale, f"hvp is {error:.3g} away from differences of the gradient")
        skew = abs(float(u @ hv - v @ hu))
        say(problem, skew <= 1e4 * resolution(x) * scale, f"hvp is not symmetric: u'Hv and v'Hu differ by {skew:.3g}")


def _drawn(problem: Problem, count: int) -> Any:
    seeds: Any = np.arange(count, dtype=np.uint64) if problem.backend == "numpy" else torch.arange(count)
    return problem.sample(Random(seeds, 5, backend=problem.backend).fork("check"))


def _pick(samples: Any, i: int) -> Any:
    if isinstance(samples, dict):
        return {name: _pick(part, i) for name, part in samples.items()}
    return None if samples is None else samples[i]


def _check_unbiased(problem: Problem, x: Any) -> None:
    samples = _drawn(problem, SAMPLES)
    if samples is None:
        return
    alone = problem.sample(Random(7, 5, backend=problem.backend).fork("check"))
    say(problem, np.array_equal(vector(alone), vector(_pick(samples, 7))), "a sample depends on what is drawn with it")
    exact = vector(problem.gradient(x, None))
    drawn = np.stack([vector(problem.gradient(x, _pick(samples, i))) for i in range(SAMPLES)])
    size = float(np.linalg.norm(exact)) + 1.0
    for v in _directions(exact.size, 8, seed=3):
        values = drawn @ v
        band = 5 * values.std(ddof=1) / math.sqrt(SAMPLES) + 1e4 * resolution(x) * size
        off = abs(float(values.mean() - exact @ v))
        say(
            problem,
            off <= band,
            f"the mean of {SAMPLES} stochastic gradients is {off:.3g} off the exact gradient along a direction where "
            f"five standard errors are {band:.3g}",
        )


def _check_sample_gradients(problem: Problem, x: Any) -> None:
    if "sample_gradients" not in problem.offers():
        return
    sample = problem.sample(Random(0, 5, backend=problem.backend).fork("check"))
    each: Any = problem.sample_gradients(x, sample)  # type: ignore[reportAttributeAccessIssue]
    mean = vector(_mean(each))
    gradient = vector(problem.gradient(x, sample))
    error = float(np.linalg.norm(mean - gradient))
    tolerance = 1e5 * resolution(x) * (1 + float(np.linalg.norm(gradient)))
    say(problem, error <= tolerance, f"sample_gradients average to {error:.3g} off the gradient of their sample")


def _mean(tree: Any) -> Any:
    return {k: _mean(v) for k, v in tree.items()} if isinstance(tree, dict) else tree.mean(0)


def _check_prox(problem: Problem, points: list[Any]) -> None:
    prox: Any = problem.prox  # type: ignore[reportAttributeAccessIssue]

    def part(y: Any) -> float:
        r = problem.regulariser(y)
        return float(problem.value(y, None) if r is None else r)  # type: ignore[reportAttributeAccessIssue]

    for x in points:
        base, rng = vector(x), np.random.default_rng(4)
        for step in (0.01, 1.0, 10.0):
            p = prox(x, step, None)
            center = vector(p)
            least = part(p) + float(((center - base) ** 2).sum()) / (2 * step)
            others = [center + s * rng.normal(size=base.size) for s in (1e-4, 1e-3, 0.01, 0.1, 1.0) for _ in range(10)]
            others += [center + s * (base - center) for s in (-0.1, -0.01, 0.01, 0.1, 1.0)]
            for other in others:
                value = part(shaped(other, x)) + float(((other - base) ** 2).sum()) / (2 * step)
                say(
                    problem,
                    value >= least - 1e3 * resolution(x) * (1 + abs(least)),
                    f"prox with step {step} reaches {least:.12g}, but another point reaches {value:.12g}",
                )


def _check_constants(problem: Problem, points: list[Any]) -> None:
    """No sampled pair of points contradicts a constant stated as exact; tolerance 1e-9 relative, or of the type."""
    told = problem.constants()
    known = {name: v for name, v in told.known().items() if name not in told.estimated}
    slack = 1 + max(1e-9, 1e4 * resolution(points[0]))
    _check_at_ends(problem, known, slack)
    solution = problem.solution()
    some = [*points, _steepest(problem, points[0])]
    some += [] if solution is None else [solution]
    value: Any = getattr(problem, "value", None)
    values = [float(value(x, None)) if value else 0.0 for x in some]
    gradients = [vector(problem.gradient(x, None)) for x in some]
    at = [vector(x) for x in some]
    for i in range(len(some)):
        size = float(np.linalg.norm(gradients[i]))
        bound = known.get("lipschitz", math.inf)
        say(problem, size <= bound * slack, f"a gradient has norm {size:.6g}, above lipschitz = {bound:.6g}")
        for j in range(len(some)):
            if i == j:
                continue
            move = at[j] - at[i]
            square = float(move @ move)
            tolerance = 1e4 * resolution(points[0]) * (1 + abs(values[i]) + abs(values[j]))
            if value:
                excess = values[j] - values[i] - float(gradients[i] @ move)
                _check_pair(problem, known, excess, square, tolerance)
            change = float(np.linalg.norm(gradients[j] - gradients[i]))
            limit = known.get("smooth", math.inf) * math.sqrt(square) * slack + tolerance
            say(problem, change <= limit, f"a gradient changes by {change:.6g}, which smooth allows {limit:.6g} for")
    _check_terms(problem, known, points[0], slack)


def _steepest(problem: Problem, x: Any) -> Any:
    """A point near x in the direction of greatest curvature, which random directions miss in high dimension."""
    base = vector(x)
    v = _directions(base.size, 1, seed=6)[0]
    if "hvp" in problem.offers():
        for _ in range(10):
            product = vector(problem.hvp(x, shaped(v, x), None))
            size = float(np.linalg.norm(product))
            v = product / size if size > 0 else v
    return shaped(base + 0.1 * v, x)


def _check_pair(problem: Problem, known: dict[str, Any], excess: float, square: float, tolerance: float) -> None:
    """`excess` is f(y) - f(x) - <grad f(x), y - x>, `square` is ||y - x||^2."""
    above = known.get("smooth", math.inf) / 2 * square + tolerance
    say(problem, excess <= above, f"f exceeds its tangent by {excess:.6g}; smooth allows {above:.6g}")
    if known.get("convex"):
        say(problem, excess >= -tolerance, f"f is {-excess:.6g} below its tangent, though said to be convex")
    if "strongly_convex" in known:
        below = known["strongly_convex"] / 2 * square - tolerance
        say(problem, excess >= below, f"f exceeds its tangent by {excess:.6g}; strongly_convex asks for {below:.6g}")


def _check_at_ends(problem: Problem, known: dict[str, Any], slack: float) -> None:
    """What is said about the initial point and about the solution."""
    start, solution, optimum = problem.init(Random(0, backend=problem.backend)), problem.solution(), problem.optimum()
    if "gap" in known and optimum is not None:
        gap = float(problem.criterion(start)) - optimum
        say(problem, gap <= known["gap"] * slack + 1e-12, f"it starts {gap:.9g} above the optimum, not {known['gap']}")
    if solution is None:
        return
    distance = float(np.linalg.norm(vector(start) - vector(solution)))
    if "distance" in known:
        say(
            problem, distance <= known["distance"] * slack, f"it starts at distance {distance}, not {known['distance']}"
        )
    if "noise" in known:
        samples, exact = _drawn(problem, SAMPLES), vector(problem.gradient(solution, None))
        squares = [
            float(((vector(problem.gradient(solution, _pick(samples, i))) - exact) ** 2).sum())
            for i in range(SAMPLES if samples is not None else 1)
        ]
        band = 5 * float(np.std(squares)) / math.sqrt(len(squares)) + 1e-12
        seen = float(np.mean(squares))
        say(
            problem,
            abs(seen - known["noise"]) <= band,
            f"the noise at the solution is {seen:.6g} +- {band:.2g}, not {known['noise']:.6g}",
        )


def _check_terms(problem: Problem, known: dict[str, Any], x: Any, slack: float) -> None:
    """Each term is looked at along the largest term gradient: for a loss of one product a_i . x, along a_i."""
    if "smooth_max" not in known or "sample_gradients" not in problem.offers():
        return
    each: Any = problem.sample_gradients  # type: ignore[reportAttributeAccessIssue]
    before = rows(each(x, None))
    sizes = np.linalg.norm(before, axis=1)
    for i in np.argsort(sizes)[-3:]:
        move = 0.1 * before[i] / max(float(sizes[i]), 1e-300)
        change = float(np.linalg.norm(rows(each(shaped(vector(x) + move, x), None)) - before, axis=1).max())
        limit = known["smooth_max"] * 0.1 * slack
        say(problem, change <= limit, f"a term's gradient changes by {change:.6g}; smooth_max allows {limit:.6g}")


def _check_lanes(problem: Problem, points: list[Any]) -> None:
    together = stacked(points)
    samples = _drawn(problem, len(points))
    tolerance = max(1e-9, 1e3 * resolution(points[0]))

    def compare(name: str, single: list[Any], many: Any) -> None:
        shapes = {tuple(np.shape(leaf)[:1]) for leaf in leaves(many)}
        say(
            problem,
            shapes == {(len(single),)},
            f"{name} of {len(single)} lanes has leading axes {shapes}, not one each",
        )
        for i, one in enumerate(single):
            want, got = vector(one), vector(_pick(many, i))
            error = float(np.linalg.norm(got - want)) / (1e-6 + float(np.linalg.norm(want)))
            say(problem, error <= tolerance, f"{name} as lane {i} differs from the run alone by {error:.3g} relative")

    compare("criterion", [problem.criterion(x) for x in points], batched(problem, problem.criterion)(together))
    metrics = batched(problem, problem.metrics)(together)
    for name in metrics:
        compare(f"metric {name!r}", [problem.metrics(x)[name] for x in points], metrics[name])
    for name in ("gradient", "operator"):
        if name in problem.offers():
            oracle = getattr(problem, name)
            single = [oracle(x, _pick(samples, i)) for i, x in enumerate(points)]
            compare(name, single, batched(problem, oracle)(together, samples))
    if "prox" in problem.offers():
        prox: Any = problem.prox  # type: ignore[reportAttributeAccessIssue]
        compare("prox", [prox(x, 0.5) for x in points], batched(problem, lambda x: prox(x, 0.5))(together))
