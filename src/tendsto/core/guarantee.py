"""Guarantee: a theorem made executable. Named assumptions in, admissible settings and a bound at every k out."""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, overload

import numpy as np
import numpy.typing as npt

from tendsto.core.method import Method
from tendsto.core.trace import Array, Trace

if TYPE_CHECKING:
    from tendsto.core.exceedance import Exceedance

RECOMMENDED: Any = None
"""Stands for the setting that the theorem recommends; it is replaced by that number when the guarantee is made."""

SYMBOLS = {
    "smooth": "L",
    "smooth_max": "L_max",
    "strongly_convex": "mu",
    "strongly_convex_min": "mu_min",
    "polyak_lojasiewicz": "mu",
    "lipschitz": "G",
    "noise": "sigma^2",
    "noise_max": "sigma_max^2",
    "noise_power": "alpha",
    "noise_scale": "sigma",
    "function_noise": "Delta",
    "distance": "D",
    "gap": "d_0",
}
"""The letters that formulas use for `Constants`."""

_HORIZON = 2**53


@dataclass(frozen=True)
class Check:
    """What came of laying a guarantee over a trace.

    holds: False where the measured quantity is above the bound; None where the theorem promises an order only.
    at: the index of the first violation. slack: the smallest (bound - measured) / bound, negative where violated.
    tightness: the largest (mean measured) / bound. p_value: that of the test, where the theorem speaks of many runs.
    """

    holds: bool | None
    at: float | None
    slack: float
    tightness: float
    p_value: float
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Guarantee:
    """A theorem. A subclass is one theorem; its fields are the constants that it needs, then its settings.

    A subclass gives `formula(k)` and the class attributes below. It may be a theorem on a class of problems, or a
    certificate computed for one instance, whose fields are then what was computed.

    The initial size that the bound scales with (`scale`: the field "distance" or "gap") may be None: `bound` is then
    relative to it, and `check` takes it from the trace.

    Class attributes:
        method: the name by which a person looks for it, such as "gd". runs: the registered method that it is about,
            where that has another name.
        assumes: the `Constants` that must be known; "convex" must be true.
        measure: the quantity of a trace that is bounded; "gap" is the criterion less its optimum.
        point: of which answer: "last"; "best", the smallest at indices 0 to k; "average", where the method answers
            with the average that the theorem speaks of.
        tightness: "tight" where some instance attains the bound at every k, "upper", "order-only", "asymptotic".
        mode: "sure", "expectation" or "high-probability" (see `failure_probability`).
        statement, proof: the theorem in words and formulas, and the idea of its proof.
        source: paper, and what in this row is recalled or derived rather than read there.
        along: what k counts.
    """

    method: ClassVar[str]
    runs: ClassVar[str] = ""
    assumes: ClassVar[tuple[str, ...]]
    measure: ClassVar[str] = "gap"
    scale: ClassVar[Literal["distance", "gap", ""]] = ""
    point: ClassVar[Literal["last", "best", "average"]] = "last"
    tightness: ClassVar[Literal["tight", "upper", "order-only", "asymptotic"]] = "upper"
    mode: ClassVar[Literal["sure", "expectation", "high-probability"]] = "sure"
    statement: ClassVar[str]
    proof: ClassVar[str]
    source: ClassVar[str]
    along: ClassVar[str] = "iteration"

    def __post_init__(self) -> None:
        for name, symbol in SYMBOLS.items():
            value = getattr(self, name, None)
            positive = name in self.assumes and "noise" not in name
            if value is not None and not (math.isfinite(value) and (value > 0 or (value == 0 and not positive))):
                least = "above" if positive else "of at least"
                raise ValueError(f"{name} = {value} cannot be {symbol}: use a finite number {least} 0")
        for small, large in [("strongly_convex", "smooth"), ("polyak_lojasiewicz", "smooth"), ("smooth", "smooth_max")]:
            low, high = getattr(self, small, None), getattr(self, large, None)
            if low is not None and high is not None and low > high:
                raise ValueError(
                    f"{small} = {low:g} exceeds {large} = {high:g}: no function has {SYMBOLS[small]} > {SYMBOLS[large]}"
                )

    def formula(self, k: Array) -> Array:
        """Return the bound at each k >= 0; inf where the theorem says nothing yet. It must not increase with k."""
        raise NotImplementedError(f"{type(self).__name__} has no formula: define formula(k)")

    def settings(self) -> dict[str, Any]:
        """Return the settings of the method that the theorem is about, by name."""
        return {}

    def for_accuracy(self, eps: float) -> Guarantee:
        """Return this theorem with the settings that it recommends for reaching `eps`."""
        return self

    @property
    def failure_probability(self) -> float:
        """The probability with which a run may exceed a "high-probability" bound."""
        return 0.05

    @overload
    def bound(self, k: float) -> float: ...
    @overload
    def bound(self, k: npt.NDArray[Any]) -> Array: ...
    def bound(self, k: Any) -> Any:
        """Return the bound at k, a number or an array.

        Raises:
            ValueError: a negative k.

        >>> from tendsto.theory import GDConvex
        >>> GDConvex(smooth=10.0, distance=2.0).bound(12)
        0.8
        """
        at = np.asarray(k, np.float64)
        if (at < 0).any():
            raise ValueError(f"k = {at.min():g} is negative: a bound is asked for at k = 0, 1, 2, ...")
        with np.errstate(divide="ignore", over="ignore", under="ignore"):
            # Always of an array: powers of a single number are rounded otherwise.
            values = np.asarray(self.formula(np.atleast_1d(at)), np.float64) + np.zeros_like(np.atleast_1d(at))
        return float(values[0]) if at.ndim == 0 else values

    def iterations(self, eps: float) -> int:
        """Return the smallest k with bound(k) <= eps.

        Raises:
            ValueError: `eps` is not positive, or below what the bound ever reaches with these settings.
        """
        if not eps > 0:
            raise ValueError(f"eps = {eps} is no accuracy: use a number above 0")
        low, high = -1, 1
        while self.bound(high) > eps:
            low, high = high, 2 * high
            if high > _HORIZON:
                raise ValueError(
                    f"eps = {eps:g} is never reached: with these settings the bound stays above {self.bound(low):g}"
                )
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.bound(middle) <= eps else (middle, high)
        return high

    def method_for(self) -> Method:
        """Return the method that the theorem is about, with its settings.

        >>> from tendsto.theory import GDConvex
        >>> GDConvex(smooth=10.0).method_for().lr
        0.1
        """
        from tendsto.core.registry import make

        return make(self.runs or self.method, **self.settings())

    def measured(self, trace: Trace) -> Array:
        """Return the quantity that is bounded, shape (runs, points); inf after a run diverged.

        Raises:
            ValueError: it was not recorded.
        """
        if self.along != trace.along:
            raise ValueError(f"this theorem bounds along {self.along}, the trace was recorded along {trace.along}")
        values = _quantity(trace, self.measure)
        for run, end in enumerate(trace.ends):
            if end.kind == "diverged":
                values[run, np.isnan(values[run]) & (trace.index >= (end.at or 0))] = np.inf
        return np.fmin.accumulate(values, axis=1) if self.point == "best" else values

    def check(self, trace: Trace, *, level: float = 0.001, resolution: float = 1e-12) -> Check:
        """Lay this guarantee over `trace`.

        A "sure" bound is compared with every run; one in expectation with the mean over runs, by a one-sided test at
        `level`. What is below `resolution` times the initial value is rounding, and no violation.

        Raises:
            ValueError: the bounded quantity was not recorded, or too sparsely to tell the best so far.
        """
        from tendsto.core.exceedance import exceeds

        values = self.measured(trace)
        bound = self.started(trace).bound(trace.index)
        usable = np.isfinite(bound) & ~np.isnan(values).all(axis=0)
        if not usable.any():
            raise ValueError(f"the trace has no {self.measure} at an index where this theorem says something")
        floor = resolution * np.nanmax(np.abs(values[:, 0]))
        result = exceeds(
            values[:, usable],
            bound[usable] + floor,
            mode=self.mode,
            beta=self.failure_probability,
            level=level,
            rtol=1e-9,
        )
        if result.violated and self.point == "best" and (np.diff(trace.index) > 1).any():
            raise ValueError("the best so far is bounded, but not every index was recorded: use record = steps + 1")
        return self._told(trace.index[usable], result)

    def started(self, trace: Trace) -> Guarantee:
        """Return this guarantee with its `scale`, where it was left out, taken from a trace's first point."""
        if not self.scale or getattr(self, self.scale) is not None:
            return self
        quantity = {"distance": "||x - x*||^2", "gap": "gap"}[self.scale]
        if trace.index[0] != 0:
            raise ValueError(f"{self.scale} is not known, and the trace does not begin at 0: give {self.scale} = ...")
        try:
            largest = float(_quantity(trace, quantity)[:, 0].max())
        except ValueError as error:
            raise ValueError(f"{self.scale} is not known ({error}): give {self.scale} = ...") from error
        value = math.sqrt(largest) if self.scale == "distance" else largest
        return dataclasses.replace(self, **{self.scale: value})  # type: ignore[reportArgumentType]

    def explain(self) -> str:
        """Return the theorem in words: what it needs, what it says, why it is so, how sharp it is, whose it is."""
        known = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        values = [f"{SYMBOLS.get(n, n)} = {v:g} ({n})" for n, v in known.items() if isinstance(v, int | float)]
        assumed = " and ".join(name.replace("_", " ") for name in self.assumes) or "nothing"
        where = {"last": "the last point", "best": "the best of indices 0 to k", "average": "the average"}[self.point]
        return "\n".join(
            [
                f"{self.statement}",
                f"Assumes: {assumed}. Here {', '.join(values)}.",
                f"Bounds: {self.measure} of {where}, after k {self.along}s of {self.runs or self.method}; {self.mode}.",
                f"Why: {self.proof}",
                f"Sharpness: {self.tightness}. Source: {self.source}",
            ]
        )

    def _told(self, index: Array, result: Exceedance) -> Check:
        at = None if result.at is None else float(index[int(result.at)])
        name = f"{type(self).__name__}'s bound on {self.measure}"
        figures = result.slack, result.tightness, result.p_value
        if self.tightness in ("order-only", "asymptotic"):
            sentence = (
                f"{name} is {self.tightness}: no single value can violate it; compare its order with trace.rate()"
            )
            return Check(None, None, *figures, sentence)
        if at is not None:
            sentence = f"{name} is violated at {self.along} {at:g}: measured {1 - result.slack:.4g} times the bound"
            return Check(False, at, *figures, sentence)
        return Check(True, None, *figures, f"{name} holds: measured at most {result.tightness:.4g} times the bound")


@dataclass(frozen=True, kw_only=True)
class SteppedGuarantee(Guarantee):
    """A theorem on a method with a step size. A subclass gives `step_limit` and, where it is smaller, `step_advised`.

    Raises:
        ValueError: a step size that the theorem does not admit.

    >>> from tendsto.theory import GDConvex
    >>> GDConvex(smooth=10.0, step_size=0.5)
    Traceback (most recent call last):
    ValueError: step size 0.5 exceeds 2/L = 0.2 for L = 10
    """

    step_size: float = RECOMMENDED

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.step_size is RECOMMENDED:
            object.__setattr__(self, "step_size", self.step_advised())
        largest, formula = self.step_limit()
        # One unit in the last place is how users round 1/L, not an inadmissible step.
        if not 0 < self.step_size <= largest * (1 + 1e-12):
            problem = f"exceeds {formula} = {largest:g}" if self.step_size > 0 else "is not above 0"
            letters = {
                SYMBOLS[n]: n for n in self.assumes if n in SYMBOLS and SYMBOLS[n] in re.findall(r"\w+", formula)
            }
            values = ", ".join(f"{letter} = {getattr(self, name):g}" for letter, name in letters.items())
            raise ValueError(f"step size {self.step_size:g} {problem} for {values}")

    def step_limit(self) -> tuple[float, str]:
        """Return the largest admissible step size, and its formula in the letters of `SYMBOLS`."""
        raise NotImplementedError(f"{type(self).__name__} has no step limit: define step_limit()")

    def step_advised(self) -> float:
        """Return the step size that the theorem recommends."""
        return self.step_limit()[0]

    def settings(self) -> dict[str, Any]:
        return {"lr": self.step_size}


def _quantity(trace: Trace, name: str) -> Array:
    """Return a quantity of a trace, a copy of shape (runs, points).

    Raises:
        ValueError: it was not recorded, or its limit is not known.
    """
    if name == "gap":
        if trace.optimum is None:
            raise ValueError(f"the optimum of {trace.criterion!r} is not known, so its gap cannot be measured")
        return trace.gap().copy()
    try:
        return np.array(trace[name])
    except KeyError as error:
        raise ValueError(str(error.args[0])) from error


def unit(size: float | None) -> float:
    """Return an initial size, or 1 where it was left out and the bound is relative to it."""
    return 1.0 if size is None else size
