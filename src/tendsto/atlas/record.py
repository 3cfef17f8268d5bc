"""Recorded evidence: what measuring a paper's claims found, as JSON and pictures, with the sources it came from."""

from __future__ import annotations

import ast
import datetime
import functools
import hashlib
import importlib
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tendsto.core import spec
from tendsto.core.cell import Cell
from tendsto.core.iterate import iterate
from tendsto.core.limit import limit
from tendsto.core.measure import Measure
from tendsto.core.paper import Evidence, Finding, Lab, Paper
from tendsto.core.race import Race, race
from tendsto.core.random import Random
from tendsto.core.run import where
from tendsto.core.trace import Trace
from tendsto.engines.lanes import KINDS

_PACKAGE = Path(__file__).parents[1]
_LOOPS = (Cell, Trace, Random, Measure, Evidence, iterate, limit, race, *KINDS.values())


@dataclass
class Observed(Lab):
    """A lab that notes the source files of what runs in it: evidence is stale once one of them has changed."""

    seen: set[str] = field(default_factory=set[str])

    def race(self, problem: Any, methods: Any, **settings: Any) -> Race:
        result = super().race(problem, methods, **settings)
        self.seen |= spec.source_files([result.problem, *(entry.method for entry in result.entries)])
        return result

    def iterate(self, method: Any, problem: Any, **settings: Any) -> Trace:
        self.seen |= spec.source_files([method, problem])
        return super().iterate(method, problem, **settings)

    def limit(self, error: Any, **settings: Any) -> Trace:
        self.seen |= spec.source_files([error])
        return super().limit(error, **settings)


@dataclass(frozen=True)
class Measured:
    """The findings of a paper's claims, one a claim, the seconds that each took, and the source files of what ran."""

    paper: Paper
    scale: str
    findings: tuple[Finding, ...]
    seconds: tuple[float, ...]
    seen: frozenset[str]

    def plain(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return {
            "paper": self.paper.key,
            "title": self.paper.title,
            "scale": self.scale,
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "seconds": round(sum(self.seconds), 3),
            "where": {**where(), "cores": os.cpu_count(), "threads": os.environ.get("OMP_NUM_THREADS", "")},
            "sources": sources(self.paper, self.seen),
            "claims": [_claim(f, s) for f, s in zip(self.findings, self.seconds, strict=True)],
        }


def write(measured: Measured, folder: Path) -> Path:
    """Write `folder/KEY.json`, and `folder/KEY/CLAIM.svg` for every claim that has traces; return the former's path.

    Raises:
        ValueError: not all claims were measured, or not at full scale.
    """
    paper = measured.paper
    if measured.scale != "full" or len(measured.findings) < len(paper.claims):
        raise ValueError(f"evidence of {paper.key!r} is whole and at full scale: measure all of its claims so")
    plain = measured.plain()
    for finding, claim in zip(measured.findings, plain["claims"], strict=True):
        picture = f"{paper.key}/{claim['name']}.svg"
        text = _picture(finding)
        claim["picture"] = None if text is None else picture
        if text is None:
            (folder / picture).unlink(missing_ok=True)
        else:
            _replace(folder / picture, text)
    path = folder / f"{paper.key}.json"
    _replace(path, json.dumps(_finite(plain), indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    return path


def read(key: str, folder: Path) -> dict[str, Any] | None:
    """Return the recorded evidence of a paper, None where there is none.

    Raises:
        ValueError: the file does not hold evidence.
    """
    path = folder / f"{key}.json"
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(
            f"{path} is not JSON ({error}): record it again with `tendsto check {key} --record`"
        ) from error
    if not isinstance(found, dict) or not {"paper", "date", "sources", "claims"} <= set(found):
        raise ValueError(f"{path} holds no evidence: record it again with `tendsto check {key} --record`")
    return found


def changed(recorded: Mapping[str, Any], paper: Paper) -> list[str]:
    """Return the sources that evidence came from and that are not any more what they were, or that it does not name."""
    missing = [name for name in sources(paper) if name not in recorded["sources"]]
    return sorted([name for name, digest in recorded["sources"].items() if _digest(_place(name)) != digest] + missing)


def status(paper: Paper, folder: Path) -> dict[str, Any]:
    """Return what is known of a paper: what implements it, and what its recorded evidence says."""
    recorded = read(paper.key, folder)
    outcomes = {claim["name"]: claim for claim in recorded["claims"]} if recorded else {}
    return {
        "key": paper.key,
        "title": paper.title,
        "year": paper.year,
        "family": paper.family,
        "link": paper.link,
        "provides": [_name(item) for item in paper.provides],
        "cross_checked": cross_checked(paper),
        "claims": [
            {
                "name": claim.name,
                "sentence": claim.sentence,
                "outcome": outcomes.get(claim.name, {}).get("outcome"),
                "reason": outcomes.get(claim.name, {}).get("reason"),
            }
            for claim in paper.claims
        ],
        "date": recorded["date"] if recorded else None,
        "stale": changed(recorded, paper) if recorded else [],
    }


def cross_checked(paper: Paper) -> bool | None:
    """Whether each file that implements the paper has a literal reference that it is tested against; None if unknown.

    References are in the tests, which an installed package does not carry.
    """
    references = _PACKAGE.parents[1] / "tests" / "reference"
    if not references.is_dir():
        return None
    known = {path.stem for path in references.rglob("*.py")}
    owners = [item if hasattr(item, "__qualname__") else type(item) for item in paper.provides]
    files = {item.__module__.rpartition(".")[2] for item in owners}
    return bool(files) and files <= known


def sources(paper: Paper, seen: Iterable[str] = ()) -> dict[str, str]:
    """Return a SHA-256 of every source that can change a paper's evidence, by path within the package.

    Docstrings, lines of comment and blank lines change no number, and are left out. The sources are the card, the
    objects that it provides, what was seen to run, what these import, and the loops.
    """
    own = spec.source_files([*(claim.measure for claim in paper.claims), *paper.provides, *_LOOPS])
    return {name: _digest(_place(name)) for name in sorted(_names(own.union(seen)))}


def _names(files: Iterable[str]) -> set[str]:
    paths = map(Path, files)
    return {path.relative_to(_PACKAGE).as_posix() if path.is_relative_to(_PACKAGE) else str(path) for path in paths}


def _place(name: str) -> Path:
    return _PACKAGE / name


def _digest(path: Path) -> str:
    try:
        return _digest_of(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return ""


@functools.cache
def _digest_of(text: str) -> str:
    return hashlib.sha256("\n".join(_that_runs(text)).encode()).hexdigest()


def _that_runs(text: str) -> Iterator[str]:
    """Yield the lines of a module that can change what it computes."""
    told, quoted = set[int](), set[int]()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            told.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        elif isinstance(node, ast.Constant | ast.JoinedStr):
            quoted.update(range(node.lineno + 1, (node.end_lineno or node.lineno) + 1))
    for number, line in enumerate(text.split("\n"), 1):
        if number not in told and (number in quoted or (line.strip() and not line.lstrip().startswith("#"))):
            yield line.rstrip()


def _name(item: Any) -> str:
    return spec.qualified_name(item) if hasattr(item, "__qualname__") else spec.code(item)


def _claim(finding: Finding, seconds: float) -> dict[str, Any]:
    claim = finding.claim
    traces = [] if finding.evidence is None else list(finding.evidence.traces.values())
    return {
        "name": claim.name,
        "sentence": claim.sentence,
        "paper_reports": claim.paper_reports,
        "outcome": finding.outcome,
        "reason": finding.reason,
        "seconds": round(seconds, 3),
        "seeds": sorted({seed for trace in traces for seed in trace.seeds}),
        "evidence": _evidence(finding.evidence),
        "control": {"sentence": claim.control_sentence, **(_evidence(finding.control) or {})},
    }


def _evidence(evidence: Evidence | None) -> dict[str, Any] | None:
    if evidence is None:
        return None
    return {
        "outcome": evidence.outcome,
        "parts": [
            {
                "what": part.what,
                "value": part.measure.value,
                "low": part.measure.low,
                "high": part.measure.high,
                "unit": part.measure.unit,
                "runs": part.measure.runs,
                "at_least": part.at_least,
                "at_most": part.at_most,
            }
            for part in evidence.parts
        ],
        "figures": {name: _figure(value) for name, value in evidence.figures.items()},
    }


def _figure(value: Any) -> Any:
    if isinstance(value, Measure):
        return {"value": value.value, "low": value.low, "high": value.high, "unit": value.unit, "runs": value.runs}
    if isinstance(value, Mapping):
        return {str(name): _figure(item) for name, item in value.items()}
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_figure(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _finite(value: Any) -> Any:
    """Return plain data in which numbers that are not finite are texts, as JSON has none of them."""
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _picture(finding: Finding) -> str | None:
    """Return the picture of a claim's traces, those of its control beside them; None where it has none."""
    if finding.evidence is None or not finding.evidence.traces:
        return None
    controls = {} if finding.control is None else finding.control.traces
    traces = {**finding.evidence.traces, **{f"control: {name}": trace for name, trace in controls.items()}}
    # Named, not imported: the atlas lies below the report, and asks it only when evidence is written.
    return importlib.import_module("tendsto.report").trace_svg(traces, title=finding.claim.sentence)


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
