"""Where constant steps end on |x| and on Huber's function: at 0, or in a cycle of two points, exactly."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class StepCycle:
    """What x <- x - lr f'(x) ends in: the points, in the order in which they are visited for ever after step `entered`.

    points: (0.0,) where it converges, which it may do in the limit only; else the two points of a cycle. amplitude:
    half their distance. mean_gap: the mean over time of f - f*.

    >>> StepCycle(points=(0.3, -0.1), mean_gap=0.2, entered=5).amplitude
    0.2
    """

    points: tuple[float, ...]
    mean_gap: float
    entered: int

    @property
    def converges(self) -> bool:
        return len(self.points) == 1

    @property
    def amplitude(self) -> float:
        return (max(self.points) - min(self.points)) / 2


def step_cycle(lr: float, start: float, *, slope: float = 1.0, smoothing: float = 0.0) -> StepCycle:
    """Return where gradient descent with the constant step `lr` ends on slope |x| (see `AbsoluteValue`) from `start`.

    With a = lr slope and d = `smoothing`: for a < 2d it converges to 0. Else steps in the linear pieces are a long, and
    in |x| < d they grow by the factor a/d - 1 > 1 until x leaves; as soon as x and x - a sign(x) lie on both sides of
    [-d, d] they are visited in turn for ever, in pieces where f'' = 0. Steps of exactly 2d from |x| <= d go between x
    and -x. Only starts that reach 0 exactly stay there, as they do in exact arithmetic: in floating point a start that
    is a multiple of a misses it by rounding.

    Raises:
        ValueError: lr or slope not above 0, a negative smoothing, or a start that is not finite.

    Source: derived; the examples are those of Kumar 2024, arXiv 2401.08426.

    >>> step_cycle(0.5, 1.25).points
    (0.25, -0.25)
    >>> step_cycle(0.5, 1.25, smoothing=0.3).converges
    True
    >>> step_cycle(0.5, 1.25, smoothing=0.1).mean_gap
    0.2
    """
    if not 0 < lr < math.inf or not 0 < slope < math.inf or not 0 <= smoothing < math.inf:
        raise ValueError(f"lr = {lr} and slope = {slope} must be above 0, and smoothing = {smoothing} not negative")
    if not math.isfinite(start):
        raise ValueError(f"start = {start} is no point: use a finite number")
    a, d = lr * slope, smoothing
    # The problem is odd: the size of x is followed, and its sign.
    size, sign, step = abs(start), math.copysign(1.0, start), 0
    while size > 0:
        if size >= d:
            # Whole steps within the linear piece, to its last one.
            far = math.floor((size - d) / a)
            size, step = size - far * a, step + far
            if size == 0:
                break
            if a - size >= d and size < a:
                return StepCycle((sign * size, sign * (size - a)), slope * (a - d) / 2, step)
            size, sign = abs(size - a), sign if size >= a else -sign
        elif a < 2 * d:
            return StepCycle((0.0,), 0.0, step)
        elif a == 2 * d:
            return StepCycle((sign * size, -sign * size), slope * size * size / (2 * d), step)
        else:
            size, sign = size * (a / d - 1), -sign
        step += 1
    return StepCycle((0.0,), 0.0, step)
