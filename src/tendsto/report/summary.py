"""What a race says in words: who is ahead, by how much, with what interval, and what a reader must know first."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tendsto.core.measure import Measure
from tendsto.core.race import Entry, Race
from tendsto.core.trace import Array
from tendsto.report.figure import gap_label, seconds_note


@dataclass(frozen=True)
class Span:
    """The good range of one setting: the neighbouring values of the grid that reach the target, the tuned one included.

    edges: which ends of the grid it touches, so that it may be wider than was tried.
    """

    setting: str
    low: float
    high: float
    edges: tuple[str, ...]

    @property
    def decades(self) -> float:
        return math.log10(self.high / self.low)

    def __str__(self) -> str:
        least = "at least " if self.edges else ""
        if self.low == self.high:
            edge = ", at the grid's edge" if self.edges else ""
            return f"{self.setting} {self.low:.3g} only{edge}"
        width = f"{self.decades:.2g}"
        unit = "decade" if width == "1" else "decades"
        return f"{least}{width} {unit} ({self.setting} {self.low:.3g} to {self.high:.3g})"


@dataclass(frozen=True)
class Standing:
    """One method's place: its tuned entry, its final criterion (less the optimum where known), and how far behind.

    behind: how far its final criterion is from the best one's, paired by seed: the geometric mean of ratios where the
    optimum is known and no gap is 0, else the mean difference. Its interval is at 95 % for all comparisons with the
    best together (Bonferroni). None for the best itself.
    rose: whether it ended above where it began, and the best did not. Runs of which some blow up leave every mean
    difference in doubt, and yet it is no rival.
    """

    name: str
    entry: Entry
    final: Measure
    behind: Measure | None
    span: Span | None
    broken: int
    rose: bool = False

    @property
    def separated(self) -> bool:
        """Whether it is worse than the best beyond doubt."""
        if self.behind is None:
            return False
        return self.rose or self.behind.low > (1 if self.behind.unit else 0) or not math.isfinite(self.final.value)


def standings(race: Race) -> list[Standing]:
    """Return the methods of a race, the best first."""
    entries = sorted((race.tuned(name) for name in race.names), key=Entry.loss)
    best, best_rose = finals(entries[0]), _rose(entries[0])
    found: list[Standing] = []
    for entry in entries:
        values = finals(entry)
        confidence = 1 - 0.05 / max(1, len(entries) - 1)
        behind = None if entry is entries[0] else _behind(values, best, confidence, by_ratio(race))
        broken = sum(end.kind in ("diverged", "failed") for end in entry.trace.ends)
        rose = _rose(entry) and not best_rose
        found.append(Standing(entry.name, entry, Measure.mean(values), behind, span(race, entry.name), broken, rose))
    return found


def _rose(entry: Entry) -> bool:
    """Whether the mean criterion is above what it was at the start."""
    return entry.loss() > float(entry.trace[entry.trace.criterion][:, 0].mean())


def finals(entry: Entry) -> Array:
    """Return the final criterion of each run, less its optimum where that is known, inf where it diverged."""
    return entry.trace.final() - (entry.trace.optimum or 0.0)


def by_ratio(race: Race) -> bool:
    """Whether methods are compared by ratios: their gaps may be orders apart, where a mean difference sees one only."""
    tuned = [finals(race.tuned(name)) for name in race.names]
    return race.entries[0].trace.optimum is not None and all((values > 0).all() for values in tuned)


def _behind(values: Array, best: Array, confidence: float, ratio: bool) -> Measure:
    if not (np.isfinite(values).all() and np.isfinite(best).all()):
        return Measure(math.inf, -math.inf, math.inf, "", len(values))
    return (
        Measure.ratio(values / best, confidence=confidence)
        if ratio
        else Measure.mean(values - best, confidence=confidence)
    )


def swept(race: Race, name: str | None = None) -> list[str]:
    """Return the settings with two positive numbers or more in the grid: those that have a range in decades."""
    entries = race.entries if name is None else race.settings(name)
    return [key for key in race.tune if len({v for e in entries if (v := positive(e, key)) is not None}) >= 2]


def positive(entry: Entry, setting: str) -> float | None:
    """Return the value of a setting where it is a positive number, else None."""
    value = entry.settings.get(setting)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else None


def span(race: Race, name: str) -> Span | None:
    """Return the good range of a method's first swept setting, its other settings tuned; None where none is good."""
    settings, tuned, good = swept(race, name), race.tuned(name), race.good_range(name)
    if not settings or not any(entry is tuned for entry in good):
        return None
    key = settings[0]
    rest = {k: v for k, v in tuned.settings.items() if k != key}
    beside = [e for e in race.settings(name) if {k: v for k, v in e.settings.items() if k != key} == rest]
    line = sorted(((v, e) for e in beside if (v := positive(e, key)) is not None), key=lambda pair: pair[0])
    fits = [any(entry is found for found in good) for _, entry in line]
    at = [i for i, (_, entry) in enumerate(line) if entry is tuned]
    if not at:
        return None
    low = high = at[0]
    while low > 0 and fits[low - 1]:
        low -= 1
    while high < len(line) - 1 and fits[high + 1]:
        high += 1
    edges = tuple(n for n, touched in (("lowest", low == 0), ("highest", high == len(line) - 1)) if touched)
    return Span(key, line[low][0], line[high][0], edges)


def figure_text(measure: Measure) -> str:
    """Return a figure with its interval, short enough for a table.

    >>> figure_text(Measure(1.2345, 1.1, 1.3, runs=5))
    '1.23 [1.1, 1.3]'
    """
    if not math.isfinite(measure.value):
        return "diverged" if measure.value > 0 else "none"
    unit = "×" if measure.unit == "x" else ""
    if not math.isfinite(measure.low) or not math.isfinite(measure.high):
        return f"{measure.value:.3g}{unit}"
    return f"{measure.value:.3g}{unit} [{measure.low:.3g}, {measure.high:.3g}]"


def settings_text(entry: Entry) -> str:
    """Return the tuned settings of a method, or what it ran with."""
    words = [f"{k} = {v:.3g}" if isinstance(v, float) else f"{k} = {v}" for k, v in entry.settings.items()]
    return ", ".join(words) or "as given"


def quantity(race: Race) -> str:
    """Return what is compared, in words."""
    return gap_label(race.entries[0].trace)


def gap_of_target(race: Race) -> float:
    """Return the target in the units of what is compared."""
    return race.target - (race.entries[0].trace.optimum or 0.0)


def answer(race: Race, ranked: list[Standing] | None = None) -> str:
    """Return the outcome in a few sentences: which method was best, by how much, or that none was."""
    ranked = standings(race) if ranked is None else ranked
    best, rest, seeds = ranked[0], ranked[1:], len(race.seeds)
    after = f"after {race.steps:,} iterations"
    if not math.isfinite(best.final.value):
        return f"No method came through: each diverged on at least one of {_seeds(seeds)} with every setting tried."
    level = f"{quantity(race)} = {figure_text(best.final)}"
    if not rest:
        interval = f"mean over {seeds} seeds and its 95 % interval" if seeds > 1 else "one seed, so no interval"
        return (
            f"{best.name} ended at {level} {after} ({interval}). It ran alone, so there is nothing to compare it with."
        )
    if seeds == 1:
        return (
            f"{best.name} ended lowest, at {level} {after}, but there was one seed: without a second run nothing "
            "separates the methods. Run at least 5 seeds before choosing one."
        )
    tied = [s for s in rest if not s.separated]
    if tied:
        beaten = [s.name for s in rest if s.separated]
        return (
            f"Nothing separates {best.name} from {_list([s.name for s in tied])}. {best.name} ended lowest, at {level} "
            f"{after}, but {_distance(tied[0], seeds)}, includes {_none(tied[0])}."
            + (f" Worse at 95 % confidence: {_list(beaten)}." if beaten else "")
        )
    return f"{best.name} ended lowest, at {level} {after}. {_lead(race, best, rest)}"


def _lead(race: Race, best: Standing, rest: list[Standing]) -> str:
    rivals = [s for s in rest if math.isfinite(s.final.value) and not s.rose]
    if not rivals:
        rose = " or ended above where it began" if any(s.rose for s in rest) else ""
        return f"Every other method diverged on at least one of {_seeds(len(race.seeds))}{rose}."
    second = rivals[0]
    words = (
        f"Next is {second.name} at {figure_text(second.final)}; {_distance(second, len(race.seeds))}, "
        f"excludes {_none(second)}."
    )
    speed = race.speedup(best.name, over=second.name)
    return f"{words} {_speed(best.name, second.name, speed)}" if math.isfinite(speed.high - speed.low) else words


def _distance(standing: Standing, seeds: int) -> str:
    """Return how far a method is behind the best, in words that a verb follows."""
    assert standing.behind is not None
    kind = "ratio" if standing.behind.unit else "difference"
    return f"the {kind} of {standing.name} to it, {figure_text(standing.behind)} paired over {seeds} seeds"


def _none(standing: Standing) -> str:
    """Return the value at which a comparison says that there is no difference."""
    return "1" if standing.behind and standing.behind.unit else "0"


def _speed(first: str, second: str, speed: Measure) -> str:
    level = "To the level that both reach"
    if speed.low <= 1 <= speed.high:
        return f"{level}, neither is clearly faster: {second} took {figure_text(speed)} the iterations of {first}."
    if speed.value > 1:
        return f"{level}, {first} was faster: {second} took {figure_text(speed)} its iterations."
    inverse = Measure(1 / speed.value, 1 / speed.high, 1 / speed.low, "x", speed.runs)
    return f"{level}, {second} was faster though: {first} took {figure_text(inverse)} its iterations."


def _seeds(count: int) -> str:
    return "1 seed" if count == 1 else f"{count} seeds"


def _list(names: list[str]) -> str:
    if len(names) > 4:
        names = [*names[:3], f"{len(names) - 3} others"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def caveats(race: Race, ranked: list[Standing] | None = None) -> list[str]:
    """Return what a reader must know before believing the answer, a sentence each."""
    ranked = standings(race) if ranked is None else ranked
    found: list[str] = []
    counts = {name: len(race.settings(name)) for name in race.names}
    if max(counts.values()) > 1:
        found.append(
            f"Settings were chosen on the same {_seeds(len(race.seeds))} that are reported, by the final "
            f"{race.entries[0].trace.criterion}, so final values are a little optimistic for every method."
        )
    if len(set(counts.values())) > 1:
        sizes = sorted(set(counts.values()))
        told = [f"{_list([name for name, count in counts.items() if count == size])} {size}" for size in sizes]
        found.append(f"The methods did not have the same number of settings to choose from: {'; '.join(told)}.")
    found += _at_edges(race, ranked)
    broken = [f"{s.name} {s.broken} of {len(race.seeds)}" for s in ranked if s.broken]
    if broken:
        found.append(f"Runs that diverged even with the best setting found: {_list(broken)}.")
    rose = [s.name for s in ranked if s.rose and math.isfinite(s.final.value)]
    if rose:
        found.append(f"Ended above where they began, in the mean over seeds: {_list(rose)}.")
    if (first := _by_geometric_mean(ranked)) is not ranked[0]:
        found.append(
            f"By the geometric mean over seeds {first.name} would come first: single seeds decide the order of means."
        )
    if race.declined:
        found.append(f"Left out, because they do not fit the problem: {_list(list(race.declined))}.")
    if np.isfinite(race.target) and not any(np.isfinite(race.hitting(name)).any() for name in race.names):
        found.append(f"No run reached the target, a {quantity(race)} of {gap_of_target(race):.3g}.")
    if note := seconds_note([s.entry.trace for s in ranked]):
        found.append(note)
    return found


def _by_geometric_mean(ranked: list[Standing]) -> Standing:
    """Return the best by the geometric mean of final values; the best by the mean where not all are positive."""
    values = [finals(s.entry) for s in ranked]
    if len(values[0]) < 2 or not all((v > 0).all() for v in values):
        return ranked[0]
    return ranked[int(np.argmin([np.log(v).mean() for v in values]))]


def _at_edges(race: Race, ranked: list[Standing]) -> list[str]:
    words: list[str] = []
    for key in swept(race):
        values = [v for e in race.entries if (v := positive(e, key)) is not None]
        for end, which in ((min(values), "lowest"), (max(values), "highest")):
            names = [s.name for s in ranked if positive(s.entry, key) == end]
            if names:
                verb = "does" if len(names) == 1 else "do"
                words.append(
                    f"{_list(names)} {verb} best at the {which} {key} of the grid ({end:.3g}): "
                    "a wider grid could change the order."
                )
    return words


def grid_text(race: Race) -> str:
    """Return the grid that was swept, in words."""
    if not race.tune:
        return "none: every method ran as given"
    return "; ".join(f"{key} in {{{', '.join(_value(v) for v in values)}}}" for key, values in race.tune.items())


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
