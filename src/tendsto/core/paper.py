"""Paper, Claim and Evidence: what a paper says, and what measuring it found."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tendsto.core.iterate import iterate
from tendsto.core.limit import limit
from tendsto.core.measure import Measure
from tendsto.core.race import Race, race
from tendsto.core.run import Tell
from tendsto.core.trace import Trace
from tendsto.store import Store

Outcome = Literal["holds", "fails", "inconclusive"]


class Evidence:
    """What running a claim measured, against a threshold that was fixed beforehand.

    measure: a `Measure`, or a number where nothing is sampled.
    at_least, at_most: the threshold; give one or both. The claim holds where the whole interval clears it, fails where
    the whole interval misses it, and is inconclusive between.
    what: the quantity, in words. figures: other figures worth reading. traces: what a picture can be drawn from.

    >>> Evidence(Measure(1.2, 1.1, 1.3), at_least=1.05).outcome
    'holds'
    >>> Evidence(Measure(1.2, 1.0, 1.3), at_least=1.05).outcome
    'inconclusive'
    """

    def __init__(
        self,
        measure: Measure | float,
        *,
        at_least: float | None = None,
        at_most: float | None = None,
        what: str = "",
        figures: Mapping[str, Any] | None = None,
        traces: Mapping[str, Trace] | None = None,
    ):
        if at_least is None and at_most is None:
            raise ValueError("evidence without a threshold measures nothing: give at_least, at_most, or both")
        self.measure = measure if isinstance(measure, Measure) else Measure.exact(measure)
        self.at_least, self.at_most, self.what = at_least, at_most, what
        self.figures, self.traces = dict(figures or {}), dict(traces or {})
        self.parts: tuple[Evidence, ...] = (self,)

    @classmethod
    def every(
        cls, *parts: Evidence, figures: Mapping[str, Any] | None = None, traces: Mapping[str, Trace] | None = None
    ) -> Evidence:
        """Evidence of several thresholds that must all be cleared."""
        if not parts:
            raise ValueError("evidence of no parts measures nothing: give at least one")
        first = parts[0]
        joined = cls(first.measure, at_least=first.at_least, at_most=first.at_most, what=first.what)
        joined.parts = tuple(inner for part in parts for inner in part.parts)
        joined.figures = {k: v for part in parts for k, v in part.figures.items()} | dict(figures or {})
        joined.traces = {k: v for part in parts for k, v in part.traces.items()} | dict(traces or {})
        return joined

    @property
    def outcome(self) -> Outcome:
        outcomes = [part._own() for part in self.parts]
        return "fails" if "fails" in outcomes else "inconclusive" if "inconclusive" in outcomes else "holds"

    def _own(self) -> Outcome:
        m, low, high = self.measure, self.at_least, self.at_most
        if (low is None or m.low >= low) and (high is None or m.high <= high):
            return "holds"
        missed = (low is not None and m.high < low) or (high is not None and m.low > high)
        # A figure that is not a number clears no threshold, and is no ground for "inconclusive" either.
        return "fails" if missed or m.value != m.value else "inconclusive"

    def sentence(self) -> str:
        """The measured figures with their thresholds, in words."""
        return "; ".join(part._own_sentence() for part in self.parts)

    def _own_sentence(self) -> str:
        low = "" if self.at_least is None else f"at least {self.at_least:g}"
        high = "" if self.at_most is None else f"at most {self.at_most:g}"
        return f"{self.what or 'measured'}: {self.measure} ({' and '.join(filter(None, (low, high)))} was asked)"


@dataclass
class Lab:
    """What a claim runs in: the three loops, with the scale and the store of the occasion.

    scale: "smoke" walks the whole path in seconds; "full" gives the evidence.
    """

    scale: Literal["smoke", "full"] = "full"
    store: Store | None = None
    processes: int = 1
    tell: Tell | None = None

    def pick(self, *, full: Any, smoke: Any) -> Any:
        """Return the value for this scale."""
        return full if self.scale == "full" else smoke

    def race(self, problem: Any, methods: Any, **settings: Any) -> Race:
        """`tendsto.race`, kept in the lab's store."""
        return race(problem, methods, store=self.store, processes=self.processes, tell=self.tell, **settings)

    def iterate(self, method: Any, problem: Any, **settings: Any) -> Trace:
        """`tendsto.iterate`."""
        return iterate(method, problem, **settings)

    def limit(self, error: Any, *, along: Mapping[str, Sequence[float]], **settings: Any) -> Trace:
        """`tendsto.limit`, kept in the lab's store."""
        return limit(error, along=along, store=self.store, **settings)


Measurement = Callable[[Lab], Evidence]


@dataclass
class Claim:
    """One testable statement of one paper, with its control: the mechanism removed or reversed must not satisfy it."""

    sentence: str
    measure: Measurement
    paper_reports: str = ""
    minutes: float = 1.0
    control_sentence: str = ""
    control_measure: Measurement | None = None

    @property
    def name(self) -> str:
        return self.measure.__name__.replace("_", "-")

    def control(self, sentence: str) -> Callable[[Measurement], Measurement]:
        """Add the control: the same measurement with the mechanism removed or reversed."""

        def add(measure: Measurement) -> Measurement:
            self.control_sentence, self.control_measure = sentence, measure
            return measure

        return add

    def run(self, lab: Lab) -> Finding:
        """Measure the claim and its control.

        Raises:
            ValueError: the claim has no control.
        """
        if self.control_measure is None:
            raise ValueError(f"the claim {self.name!r} has no control: add one with @{self.measure.__name__}.control")
        try:
            evidence, control = self.measure(lab), self.control_measure(lab)
        except Exception as error:
            traceback.print_exc()
            return Finding(self, None, None, f"{type(error).__name__}: {error}")
        return Finding(self, evidence, control)


@dataclass(frozen=True)
class Finding:
    """The evidence of a claim beside that of its control, and what follows from both."""

    claim: Claim
    evidence: Evidence | None
    control: Evidence | None
    error: str = ""

    @property
    def outcome(self) -> Outcome:
        if self.evidence is None or self.control is None:
            return "fails"
        if self.evidence.outcome == "holds" and self.control.outcome == "holds":
            return "inconclusive"
        return self.evidence.outcome

    @property
    def reason(self) -> str:
        if self.evidence is None or self.control is None:
            return f"it did not run to the end: {self.error}"
        if self.evidence.outcome == "holds" and self.control.outcome == "holds":
            return f"{self.evidence.sentence()}; but its control satisfies it too: {self.control.sentence()}"
        return self.evidence.sentence()


@dataclass
class Paper:
    """The card of a paper: what it is, which public objects implement it, and its claims.

    note: what a reader should know first, such as where paper and code disagree.
    """

    key: str
    title: str
    year: int
    family: str
    provides: Sequence[Any]
    number: str = ""
    authors: str = ""
    arxiv: str = ""
    doi: str = ""
    note: str = ""
    claims: list[Claim] = field(default_factory=list[Claim])

    def claim(self, sentence: str, *, paper_reports: str = "", minutes: float = 1.0) -> Callable[[Measurement], Claim]:
        """Add a claim, measured by the decorated function of a `Lab`."""

        def add(measure: Measurement) -> Claim:
            made = Claim(sentence, measure, paper_reports, minutes)
            self.claims.append(made)
            return made

        return add

    @property
    def link(self) -> str:
        return (
            f"https://arxiv.org/abs/{self.arxiv}" if self.arxiv else f"https://doi.org/{self.doi}" if self.doi else ""
        )
