"""Oracle: what a method may ask of a problem, and the only way it can. Every call is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from tendsto.core.problem import Declined, Problem
from tendsto.core.random import Random

_DRAW = object()


class Oracle:
    """One step's view of a problem.

    `oracle.gradient(x)` asks the problem's method of that name, with the sample of this step; any name that the problem
    offers will do. All calls within a step share one sample; `oracle.fresh(name)` gives an oracle with another,
    independent one. `calls` counts by name, and is shared by all oracles of a run. `offers` is what the problem offers,
    for a caller that makes many oracles of one problem and asked it once.

    Raises:
        Declined: the problem does not offer what is asked for.

    >>> from tendsto.problems import Quadratic
    >>> problem = Quadratic(dimension=2)
    >>> oracle = Oracle(problem, Random(0))
    >>> gradient = oracle.gradient(problem.init(Random(0)))
    >>> dict(oracle.calls)
    {'gradient': 1}
    """

    def __init__(
        self,
        problem: Problem,
        rng: Random,
        *,
        sample: Any = _DRAW,
        calls: Counter[str] | None = None,
        offers: frozenset[str] | None = None,
    ):
        self.problem = problem
        self.offers = problem.offers() if offers is None else offers
        self.rng = rng
        self.sample = problem.sample(rng.fork("sample")) if sample is _DRAW else sample
        self.calls: Counter[str] = Counter() if calls is None else calls

    def init(self) -> Any:
        """Return the problem's initial point. Free of charge."""
        return self.problem.init(self.rng.fork("init"))

    def fresh(self, purpose: str) -> Oracle:
        """Return an oracle with an independent sample, its calls counted with this one's."""
        return Oracle(self.problem, self.rng.fork(purpose), calls=self.calls, offers=self.offers)

    def on(self, sample: Any) -> Oracle:
        """Return an oracle that answers on `sample`, for methods that choose it: the size of a batch, say.

        >>> from tendsto.problems import Logistic
        >>> oracle = Oracle(Logistic(batch=4), Random(0))
        >>> len(oracle.on(oracle.rng.integers("more", 569, (10,))).sample_gradients(oracle.init()))
        10
        """
        return Oracle(self.problem, self.rng, sample=sample, calls=self.calls, offers=self.offers)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in self.offers:
            offered = ", ".join(sorted(self.offers)) or "nothing"
            raise Declined(f"{type(self.problem).__name__} does not offer {name!r}; it offers {offered}")
        answer = getattr(self.problem, name)

        def ask(*arguments: Any) -> Any:
            # What comes out of the same backward pass costs what the gradient costs.
            self.calls["gradient" if name in ("value_and_gradient", "layer_gradients") else name] += 1
            return answer(*arguments, self.sample)

        return ask
