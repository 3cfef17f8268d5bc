"""Are rates and verdicts calibrated? Coverage of the 95 % interval and false alarms on synthetic curves of known law.

    python benchmarks/rates.py                  the full tables, written to benchmarks/results/rates.md
    python benchmarks/rates.py --minutes 3      as much of them as 3 minutes allow; the next call goes on from there
    python benchmarks/rates.py --quick          the same in small, printed only

Finished cases are appended to benchmarks/results/rates.jsonl together with a digest of the code that they measure
(docstrings and comments left out), so a change of that code measures everything again.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import itertools
import json
import os
import sys
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path

import rates_cases
from rates_cases import EXPERIMENTS, FAMILIES, NOISES, TAILS, Counts
from scipy.stats import norm

import tendsto.core

RESULTS = Path(__file__).parent / "results"
CORE = ("rate", "rate_curve", "rate_families", "rate_choice", "verdict", "exceedance", "oscillation")

FEW = (
    ("power", "doubling"),
    ("power", "even"),
    ("linear", "even"),
    ("log-power", "doubling"),
    ("power-floor", "doubling"),
    ("exponential-floor", "even"),
    ("superlinear", "even"),
)


def plan(draws: int, quick: bool) -> list[tuple[object, ...]]:
    """All cases, the slow ones last."""
    less = max(draws // 10, 50)
    seconds = [("seconds", *c, 3) for c in itertools.product(FAMILIES, NOISES[:2])]
    covered = [("coverage", f, noise, s, p, draws) for p in (50, 1000, 10000) for f, noise, s in rows()]
    short = [
        ("few", *law, noise, s, p, less) for law in FEW for noise in NOISES for s in (5, 20) for p in (6, 8, 10, 12)
    ]
    told = [("verdicts", c, s, p, less) for c in TAILS for s in (5, 10, 20) for p in (100, 1000)]
    fast, slow = covered[: 2 * len(rows())], covered[2 * len(rows()) :]
    return [*seconds, *fast, *told, *short, *([] if quick else slow)]


def rows() -> list[tuple[str, str, int]]:
    return list(itertools.product(FAMILIES, NOISES[:2], (5, 10, 20)))


def digest() -> str:
    """Of the code measured and of the experiments, without docstrings and comments."""
    core = Path(next(iter(tendsto.core.__path__)))
    total = hashlib.sha256()
    for path in [Path(rates_cases.__file__), *(core / f"{name}.py" for name in CORE)]:
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
                body[:1] = [] if isinstance(body[0].value, ast.Constant) else body[:1]
        total.update(ast.dump(tree).encode())
    return total.hexdigest()[:16]


def measure(case: tuple[object, ...]) -> Counts:
    return EXPERIMENTS[str(case[0])](*case[1:])


def run(todo: list[tuple[object, ...]], workers: int, minutes: float, record: Path | None, code: str) -> list[Counts]:
    """Measure the cases in order, each appended to `record` as it ends; after `minutes` no new one begins."""
    deadline = time.monotonic() + 60 * minutes
    found: dict[int, Counts] = {}
    waiting: dict[Future[Counts], int] = {}
    queue = iter(range(len(todo)))
    with ProcessPoolExecutor(workers) as pool:
        while True:
            while len(waiting) < workers and time.monotonic() < deadline:
                position = next(queue, None)
                if position is None:
                    break
                waiting[pool.submit(measure, todo[position])] = position
            if not waiting:
                return [found[position] for position in sorted(found)]
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                position = waiting.pop(future)
                found[position] = future.result()
                line = json.dumps({"code": code, "case": todo[position], "counts": found[position]})
                print(line, flush=True)
                if record is not None:
                    with record.open("a") as stream:
                        stream.write(line + "\n")


def wilson(count: float, total: float) -> tuple[float, float]:
    """95 % score interval of a share (Wilson 1927)."""
    if total == 0:
        return 0.0, 1.0
    z = float(norm.ppf(0.975))
    share = count / total
    centre = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * (share * (1 - share) / total + z**2 / (4 * total**2)) ** 0.5
    return centre - half, centre + half


def percent(count: float, total: float, digits: int = 1) -> str:
    return f"{100 * count / total:.{digits}f} %" if total else "-"


Table = list[tuple[tuple[object, ...], Counts]]
ALARMS = ("violated (mean)", "violated (quantile)", "diverged")


def coverage_table(table: Table) -> list[str]:
    lines = [
        "| law | noise | seeds | points | coverage | Wilson 95 % | chosen | none | violated (mean) | "
        "violated (quantile) | diverged | ms a fit | outcome |",
        "|" + "---|" * 13,
    ]
    for (_, family, noise, seeds, points, draws), count in table:
        assert isinstance(draws, int)
        assert isinstance(seeds, int)
        covered, chosen = count.get("covered", 0), count.get("chosen", 0)
        low, high = wilson(covered, chosen)
        least, most = (0.93, 0.97) if seeds >= 10 else (0.90, 1.0)
        inside = chosen > 0 and least <= covered / chosen <= most
        quiet = all(count.get(alarm, 0) < 0.01 * draws for alarm in ALARMS)
        alarms = " | ".join(percent(count.get(alarm, 0), draws, 2) for alarm in ALARMS)
        lines.append(
            f"| {family} | {noise} | {seeds} | {points} | {percent(covered, chosen)} | {100 * low:.1f} to "
            f"{100 * high:.1f} | {percent(chosen, draws)} | {percent(count.get('none', 0), draws)} | {alarms} | "
            f"{1e3 * count['seconds'] / draws:.1f} | {'pass' if inside and quiet else '**fail**'} |"
        )
    return lines


def few_table(table: Table) -> list[str]:
    lines = [
        "| law | indices | noise | seeds | points | right | none | simpler law | of these named | other law | "
        "coverage if right |",
        "|" + "---|" * 11,
    ]
    for (_, family, grid, noise, seeds, points, draws), count in table:
        assert isinstance(draws, int)
        assert isinstance(family, str)
        right, none = count.get(family, 0), count.get("none", 0)
        simple = 0 if family in ("power", "linear") else count.get("power", 0) + count.get("linear", 0)
        other = draws - right - none - simple
        named = percent(count.get("named", 0), simple, 0)
        shares = " | ".join([*(percent(part, draws) for part in (right, none, simple)), named, percent(other, draws)])
        covered = percent(count.get("covered", 0), right) if right >= 0.1 * draws else "-"
        lines.append(f"| {family} | {grid} | {noise} | {seeds} | {points} | {shares} | {covered} |")
    return lines


def verdict_table(table: Table) -> list[str]:
    kinds = ("converging", "stalled", "oscillating", "diverged", "not enough evidence", "converged")
    lines = [f"| curve | right verdict | seeds | points | {' | '.join(kinds)} |", "|" + "---|" * (4 + len(kinds))]
    for (_, case, seeds, points, draws), count in table:
        assert isinstance(draws, int)
        assert isinstance(case, str)
        shares = " | ".join(
            f"**{percent(count.get(kind, 0), draws)}**" if kind == TAILS[case] else percent(count.get(kind, 0), draws)
            for kind in kinds
        )
        lines.append(f"| {case} | {TAILS[case]} | {seeds} | {points} | {shares} |")
    return lines


def report(results: Table, left: list[tuple[object, ...]]) -> str:
    """All tables in Markdown, and which cases are `left`."""
    of = {name: [(case, count) for case, count in results if case[0] == name] for name in EXPERIMENTS}
    table = coverage_table(of["coverage"])
    failed = [row for row in table[2:] if "**fail**" in row]
    slowest = max((count["seconds"] for _, count in of["seconds"]), default=float("nan"))
    totals = Counter[str]()
    for _, count in of["coverage"]:
        totals.update(count)
    rest = Counter(f"{case[0]} at {case[-2]} points" if case[0] == "coverage" else str(case[0]) for case in left)
    missing = ", ".join(f"{count} of {name}" for name, count in rest.items())
    return TEXT.format(
        draws=", ".join(sorted({f"{case[-1]:,}" for case, _ in of["coverage"]})),
        less=", ".join(sorted({f"{case[-1]:,}" for case, _ in of["few"]})),
        left=f"\n**Not yet measured: {missing}.**\n" if left else "",
        point=rates_cases.POINT_SD,
        run=rates_cases.RUN_SD,
        additive=rates_cases.ADDITIVE_SD,
        passed=len(table) - 2 - len(failed),
        rows=len(table) - 2,
        overall=percent(totals["covered"], totals["chosen"]),
        failures="\n".join([*table[:2], *failed]) if failed else "none",
        slowest=slowest,
        bound="pass" if slowest < 2 else "**fail**",
        coverage="\n".join(table),
        few="\n".join(few_table(of["few"])),
        verdicts="\n".join(verdict_table(of["verdicts"])),
    )


TEXT = """# Calibration of rates and verdicts

Written by `benchmarks/rates.py`, {draws} draws a row of the first table. A draw is one experiment of `seeds` curves.
Noise: multiplicative, log sd {point} a point and {run} a run; additive, sd {additive} where the curve starts near 1.
{left}
## The 95 % interval and false alarms

Asked: coverage 93 to 97 % with 10 seeds or more, at least 90 % with 5; *violated* and *diverged* said falsely in under
1 %. **{passed} of {rows} rows pass**; all draws together are covered in {overall}.

Coverage is conditional: it counts the draws in which the law's family was chosen (*chosen*), since the interval is for
the parameter within that family. *none* is the share of "not enough evidence"; what remains chose another law. The
bound tested for a violation is the exact mean, or the exact 0.95 quantile, of the noisy curve at every k: the tightest
true one. A row passes if all four figures do; the Wilson interval tells how far the coverage is known.

{coverage}

Rows that fail:

{failures}

## Few points

Fewer than 48 points: an elaborate law (a floor, a logarithm, superlinear) is chosen only on strong evidence, and a law
that does not lead another as simple is not chosen at all. *none* is "not enough evidence". *simpler law* is power or
linear said of an elaborate truth: the price of that caution; `Rate.possible` then names the elaborate laws that fit
about as well or better, and *of these named* is how often the true one is among them. *other law* is an error. Index
32, 64, 128, ... (doubling) or 10, 20, 30, ... (even; 1, 2, 3, ... for superlinear of order 1.5). Noise as above;
half-normal is |error| of one run with no relation between indices, as `limit` records it. {less} draws a row.

{few}

## Verdicts told apart

The share of {less} draws in which each verdict was said; the right one is bold.

{verdicts}

## Seconds

The slowest fit of 100 seeds of 10,000 points took {slowest:.2f} s over all families and noises. Asked:
under 2 s: {bound}.
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--quick", action="store_true", help="100 draws, 50 and 1000 points, nothing written")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no case after this long; exit 3")
    options = parser.parse_args()
    cases = plan(100 if options.quick else options.draws, options.quick)
    code, record = digest(), RESULTS / "rates.jsonl"
    if options.quick:
        found = run(cases, options.workers, options.minutes, None, code)
        print(report(list(zip(cases, found, strict=False)), cases[len(found) :]))
        return 0
    RESULTS.mkdir(exist_ok=True)
    lines = [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []
    done = {json.dumps(line["case"]): line["counts"] for line in lines if line["code"] == code}
    todo = [case for case in cases if json.dumps(case) not in done]
    # Cases begin in order and all that began have ended.
    fresh = run(todo, options.workers, options.minutes, record, code)
    done |= {json.dumps(case): counts for case, counts in zip(todo, fresh, strict=False)}
    left = todo[len(fresh) :]
    results = [(case, done[json.dumps(case)]) for case in cases if case not in left]
    (RESULTS / "rates.md").write_text(report(results, left))
    print(f"written to {RESULTS / 'rates.md'}" + (f"; {len(left)} cases are left, call again to go on" if left else ""))
    return 3 if left else 0


if __name__ == "__main__":
    sys.exit(main())
