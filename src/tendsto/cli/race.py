"""tendsto race."""

from __future__ import annotations

import dataclasses
import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tendsto.cli import CLAIM_FAILS, names, screen, values
from tendsto.cli.interrupt import interruptible
from tendsto.engines.chosen import ENGINES, using

if TYPE_CHECKING:
    from tendsto.core.method import Method
    from tendsto.core.race import Race

EXAMPLE = """\
  tendsto race digits-mlp --methods sgd,adamw --tune lr=1e-3:1:7 --report race.html
  tendsto race quadratic --methods all --set dimension=50 --target 1e-6
  tendsto race mine.csv --methods gd,nesterov --report race.html
  tendsto race --from race.toml
"""
STORE = ".tendsto"


def command(
    problem: Annotated[
        str | None,
        typer.Argument(
            metavar="[PROBLEM]",
            help="See `tendsto problems`; FILE.csv: logistic regression on it.",
            autocompletion=names.complete_names,
        ),
    ] = None,
    methods: Annotated[
        list[str] | None,
        typer.Option(
            "--methods",
            "-m",
            metavar="NAMES",
            help="Names with commas between them, or all.",
            autocompletion=names.complete_names,
        ),
    ] = None,
    family: Annotated[
        str | None, typer.Option(metavar="NAME", help="With --methods all: only those of this family.")
    ] = None,
    tune: Annotated[
        list[str] | None,
        typer.Option(
            "--tune",
            "-t",
            metavar="NAME=GRID",
            help="Grid of a setting, swept for every method: lr=1e-4:1:9 or lr=0.1,0.3.",
        ),
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Settings of the problem: batch=32.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(metavar="NUMBER", help="Iterations of each run.  [default: 1000]")
    ] = None,
    seeds: Annotated[
        str | None, typer.Option(metavar="SEEDS", help="How many, or which: 10 or 3,7,9.  [default: 5]")
    ] = None,
    target: Annotated[
        float | None,
        typer.Option(
            metavar="NUMBER", help="What the criterion is to reach.  [default: the worst tuned method's last]"
        ),
    ] = None,
    report: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the outcome as one HTML page.")] = None,
    store: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help=f"Folder of finished cells.  [default: {STORE}]")
    ] = None,
    processes: Annotated[
        int | None, typer.Option(metavar="NUMBER", help="How many share the cells.  [default: the cores]")
    ] = None,
    engine: Annotated[
        str | None, typer.Option(metavar="NAME", help="What runs them: pool, or ray.  [default: pool]")
    ] = None,
    from_: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="Read what is not given here from a TOML file.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> int:
    """Race methods on a problem: the same seeds, budget and tuning grid for all.

    Finished cells are kept, and how far long ones came: after Ctrl-C the same command resumes. Exit code 1 if every
    run of every method diverged.
    """
    given = {"problem": problem, "methods": methods, "family": family, "tune": tune, "set": set_, "steps": steps}
    given |= {"seeds": seeds, "target": target, "report": report, "store": store, "processes": processes}
    given |= {"engine": engine}
    entry = Entry.of({name: item for name, item in given.items() if item is not None}, _file(from_))
    result, bar = entry.run()
    page = None if entry.report is None else result.report(entry.report)
    if json:
        screen.show_json(_plain(result, page, entry.store))
    else:
        screen.show(*screen.folded(result.table()), *_remarks(result, bar, entry.store))
        if page:
            screen.show(f"The report is in {page}.")
    return CLAIM_FAILS if _diverged(result) else 0


@dataclasses.dataclass
class Entry:
    """What was asked for, checked as far as that needs no torch."""

    problem: str
    methods: list[str]
    family: str | None = None
    tune: Mapping[str, list[Any]] = dataclasses.field(default_factory=dict[str, list[Any]])
    set: Mapping[str, Any] = dataclasses.field(default_factory=dict[str, Any])
    steps: int = 1000
    seeds: int | Sequence[int] = 5
    target: float | None = None
    report: Path | None = None
    store: Path = Path(STORE)
    processes: int = 0
    engine: str = "pool"

    @classmethod
    def of(cls, typed: Mapping[str, Any], file: Mapping[str, Any]) -> Entry:
        """Return what the command line and, where that is silent, a file ask for.

        Raises:
            ValueError: something is missing, misspelt or of the wrong kind.
        """
        given = {**file, **typed}
        if "problem" not in given:
            raise ValueError("name a problem, such as digits-mlp: `tendsto problems` lists them")
        if "methods" not in given and "family" not in given:
            raise ValueError("name methods, such as --methods sgd,adam: `tendsto methods` lists them")
        given["methods"] = _names(given.get("methods", ["all"]))
        for name in ("tune", "set"):
            if not isinstance(given.get(name, {}), Mapping | list | tuple):
                raise ValueError(
                    f"{name} = {given[name]!r} is no table of settings: use a [{name}] section of NAME = VALUE"
                )
        given["tune"] = _grids(given.get("tune", {}))
        chosen = given.get("set", {})
        given["set"] = chosen if isinstance(chosen, Mapping) else values.assignments(chosen)
        given["seeds"] = _seeds(given.get("seeds", 5))
        made = cls(**given)
        for name in ("steps", "processes"):
            _whole(name, getattr(made, name), least=0 if name == "processes" and "processes" not in given else 1)
        if made.engine not in ENGINES:
            raise ValueError(f"no engine is called {made.engine!r}: use {' or '.join(ENGINES)}")
        made.store = Path(made.store)
        if made.report is not None:
            made.report = Path(made.report)
            if not made.report.parent.is_dir():
                raise ValueError(f"the folder of the report {str(made.report)!r} does not exist: make it first")
        known = [] if names.is_data(made.problem) else [made.problem]
        names.check([*known, *(name for name in made.methods if name != "all")])
        return made

    def run(self) -> tuple[Race, screen.Screen]:
        """Race, with progress on the screen."""
        from tendsto.core import spec
        from tendsto.core.race import race

        problem = names.problem(self.problem)
        problem = spec.replace(problem, **values.settings(self.set, problem, self.problem))
        methods = self._methods()
        asked = {"steps": self.steps, "seeds": self.seeds, "tune": self._fitted(methods), "target": self.target}
        processes = self.processes or len(os.sched_getaffinity(0))
        with (
            interruptible(lambda: _kept(problem, methods, asked, self.store)),
            using(self.engine),
            screen.Screen(self.problem) as bar,
        ):
            return race(problem, methods, **asked, store=self.store, processes=processes, tell=bar), bar

    def _methods(self) -> dict[str, Method]:
        from tendsto.core import registry
        from tendsto.core.method import Method

        if "all" not in self.methods:
            made = {name: registry.make(name) for name in self.methods}
            for name, method in made.items():
                if not isinstance(method, Method):
                    raise ValueError(f"{name!r} is no method: `tendsto methods` lists them")
            return made
        made = registry.methods()
        if self.family is None:
            return made
        of_family = {name: method for name, method in made.items() if method.family == self.family}
        if not of_family:
            families = {method.family for method in made.values()}
            raise ValueError(f"no method is of the family {self.family!r}; {names.nearest(self.family, families)}")
        return of_family

    def _fitted(self, methods: Mapping[str, Method]) -> dict[str, list[Any]]:
        """Return the grid, its values as the kind of number that the methods' defaults are."""
        from tendsto.core.spec import fields_of

        fields = {name: fields_of(method) for name, method in methods.items()}
        every = {setting: value for own in fields.values() for setting, value in own.items()}
        for setting in self.tune:
            if setting not in every:
                raise ValueError(f"no method here has a setting {setting!r}; {names.nearest(setting, every)}")
        found: dict[str, list[Any]] = {}
        for setting, grid in self.tune.items():
            owner = next(name for name, own in fields.items() if setting in own)
            found[setting] = [values.fitted(setting, item, every[setting], owner) for item in grid]
        return found


def _file(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not TOML: {error}") from error
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    known = [field.name for field in dataclasses.fields(Entry)]
    for name in read:
        if name not in known:
            raise ValueError(f"{path} has an unknown setting {name!r}; {names.nearest(name, known)}")
    kinds = {"problem": str, "family": str, "report": str, "store": str, "engine": str, "target": float | int}
    for name, kind in kinds.items():
        if name in read and not isinstance(read[name], kind):
            raise ValueError(f"{path} has {name} = {read[name]!r}: a {'text' if kind is str else 'number'} is needed")
    # Paths in a file are meant from where the file is.
    return {name: path.parent / item if name in ("report", "store") else item for name, item in read.items()}


def _names(given: str | Sequence[str]) -> list[str]:
    items = [given] if isinstance(given, str) else given
    if not isinstance(items, list | tuple) or not all(isinstance(item, str) for item in items):
        raise ValueError(f"methods = {given!r} are no names: write them as sgd,adam or ['sgd', 'adam']")
    listed = [name.strip() for item in items for name in item.split(",") if name.strip()]
    if not listed:
        raise ValueError("no method was named: give some, such as --methods sgd,adam")
    twice = next((name for name in listed if listed.count(name) > 1), None)
    if twice:
        raise ValueError(f"the method {twice!r} was given twice: give each once")
    return listed


def _grids(given: Any) -> dict[str, list[Any]]:
    if isinstance(given, Mapping):
        return {name: values.grid(name, g if isinstance(g, str | list) else [g]) for name, g in given.items()}
    return values.grids(given)


def _seeds(given: Any) -> int | list[int]:
    try:
        if isinstance(given, str) and "," in given:
            return [int(part) for part in given.split(",") if part.strip()]
        if isinstance(given, list):
            return [int(part) for part in given]
        return _whole("seeds", int(given))
    except (ValueError, TypeError):
        raise ValueError(
            f"seeds = {given!r} names no runs: give how many, such as 5, or which, such as 3,7,9"
        ) from None


def _whole(name: str, given: Any, least: int = 1) -> int:
    if not isinstance(given, int) or isinstance(given, bool) or given < least:
        raise ValueError(f"{name} = {given!r} is too little to run: use a whole number of at least 1")
    return given


class _Counted(Exception):
    """Carries a plan out of a race that is not to be run."""


class _Count:
    def plan(self, cells: int, kept: int, iterations: int) -> None:
        raise _Counted(cells, kept, iterations)

    def advance(self, iterations: int) -> None: ...


def _kept(problem: Any, methods: Any, asked: Mapping[str, Any], store: Path) -> str:
    """Say how many cells of a race are kept, by planning it once more."""
    from tendsto.core.race import race

    try:
        race(problem, methods, **asked, store=store, tell=_Count())
    except _Counted as counted:
        cells, kept, left = counted.args
        begun = (cells - kept) * asked["steps"] - left
        told = f"{kept} of {cells} cells are kept in {store}, "
        told += f"{begun:,} iterations of others are saved, " if begun else ""
        return f"{told}and the same command resumes"
    return f"finished cells are kept in {store}, and the same command resumes"


def _diverged(result: Race) -> bool:
    return all(end.kind in ("diverged", "failed") for entry in result.entries for end in entry.trace.ends)


def _remarks(result: Race, bar: screen.Screen, store: Path) -> list[str]:
    """Return what a reader should know beyond the table, a sentence each."""
    remarks: list[str] = []
    ends = [end for entry in result.entries for end in entry.trace.ends]
    if _diverged(result):
        before = all(not end.at for end in ends)
        hint = "the problem's data or starting point is at fault, no step was taken" if before else "try smaller steps"
        remarks.append(f"Every run of every method diverged: {ends[0].reason or 'no reason was recorded'}; {hint}.")
    elif result.given_target is not None:
        best = min((result.tuned(name) for name in result.names), key=lambda entry: entry.loss())
        if not any(hit < float("inf") for name in result.names for hit in result.hitting(name)):
            remarks.append(
                f"No method reached the target {result.target:g} within {result.steps:,} iterations: "
                f"the best, {best}, came to {best.loss():.3g}."
            )
    reasons: dict[str, list[str]] = {}
    for name, reason in result.declined.items():
        reasons.setdefault(reason, []).append(name)
    remarks += [f"Not run: {', '.join(who)}: {reason}." for reason, who in reasons.items()]
    again = f", {bar.kept} of them from before" if bar.kept else ""
    remarks.append(f"{bar.cells} cells are kept in {store}{again}.")
    return remarks


def _plain(result: Race, page: Path | None, store: Path) -> dict[str, Any]:
    from tendsto.core import spec
    from tendsto.core.measure import Measure

    def outcome(name: str) -> dict[str, Any]:
        tuned = result.tuned(name)
        final = Measure.mean(tuned.trace.final())
        return {
            "name": name,
            "code": spec.code(tuned.method),
            "settings": dict(tuned.settings),
            "final": {"mean": final.value, "low": final.low, "high": final.high},
            "ends": [
                {"seed": s, "kind": e.kind, "at": e.at} for s, e in zip(result.seeds, tuned.trace.ends, strict=True)
            ],
            "hitting": result.hitting(name),
            "expected_running_time": result.expected_running_time(name),
            "good_settings": [dict(entry.settings) for entry in result.good_range(name)],
            "tried": [{"settings": dict(e.settings), "final": e.loss()} for e in result.settings(name)],
        }

    first = result.entries[0].trace
    return {
        "problem": spec.code(result.problem),
        "criterion": first.criterion,
        "optimum": first.optimum,
        "steps": result.steps,
        "seeds": result.seeds,
        "tune": result.tune,
        "target": result.target,
        "methods": [outcome(name) for name in result.names],
        "declined": result.declined,
        "diverged": _diverged(result),
        "store": store,
        "report": page,
    }
