"""Finished cells: list them, show one, remove what may go."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from tendsto.cli import screen
from tendsto.cli.race import STORE

EXAMPLE = """\
  tendsto runs list
  tendsto runs show 3fa9
  tendsto runs gc --older-than 30d
"""

StoreOption = Annotated[Path, typer.Option("--store", help="Folder of finished cells.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print as JSON.")]


def list_(
    store: StoreOption = Path(STORE),
    limit: Annotated[int, typer.Option(help="Show at most so many, newest first.", min=1)] = 20,
    json: JsonOption = False,
) -> int:
    """List the newest finished cells."""
    rows = _index(store)[::-1]
    if json:
        screen.show_json([_plain(row) for row in rows[:limit]])
        return 0
    if not rows:
        screen.show(f"There is no finished cell in {store}.")
        return 0
    shown = screen.table("cell", "finished", "what", "seed", "end", right=("seed",))
    for row in map(_plain, rows[:limit]):
        shown.add_row(
            row["key"][:8], row["finished"].replace("T", " ")[5:16], row["what"], str(row["seed"]), row["end"]
        )
    screen.show(shown)
    size = sum(row["bytes"] for row in rows)
    screen.show(f"{min(limit, len(rows))} of {len(rows)} cells in {store}, {screen.short(size)}B.")
    return 0


def show(
    key: Annotated[str, typer.Argument(help="The cell, or as much of its name as tells it.")],
    store: StoreOption = Path(STORE),
    json: JsonOption = False,
) -> int:
    """Show one finished cell: what it was, where it ran, how it ended."""
    rows = [row for row in _index(store) if row["key"].startswith(key.lower())]
    if not rows or not key:
        raise ValueError(f"no cell in {store} begins with {key!r}: `tendsto runs list` lists them")
    if len(rows) > 1:
        raise ValueError(f"{len(rows)} cells in {store} begin with {key!r}: give more of the name")
    from tendsto.store import Store

    record = Store(store).get(rows[0]["key"])
    if record is None:
        raise ValueError(f"the record of {rows[0]['key']} in {store} is damaged: run the same race again")
    # After a run has ended there is nothing but NaN.
    known = {name: array[array == array] for name, array in record.arrays.items()}
    last = {name: float(array[-1]) for name, array in known.items() if array.size}
    names_of = {f"values.{i}": name for i, name in enumerate(record.meta.get("values", []))}
    names_of |= {f"axes.{i}": name for i, name in enumerate(record.meta.get("axes", []))}
    final = {names_of.get(name, name): value for name, value in last.items()}
    row = _plain(rows[0])
    if json:
        screen.show_json({**row, "final": final, "meta": record.meta})
        return 0
    screen.show(row["key"], "")
    for name in ("what", "code", "seed", "end", "finished", "bytes"):
        if row.get(name) is not None:
            screen.show(f"{name + ':':<10}{row[name]}")
    for name, item in (record.meta.get("where") or {}).items():
        screen.show(f"{name + ':':<10}{item}")
    shown = screen.table("quantity", "last", right=("last",))
    for name, value in final.items():
        shown.add_row(name, f"{value:.6g}")
    screen.show("", shown)
    return 0


def gc(
    store: StoreOption = Path(STORE),
    older_than: Annotated[str | None, typer.Option(help="Also finished cells older than this: 30d, 12h.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    json: JsonOption = False,
) -> int:
    """Remove what may go.

    That is: damaged records, what killed writers left, and checkpoints of finished cells or 30 days old.
    """
    import warnings

    from tendsto.store import DamagedRecordWarning, Store

    _exists(store)
    opened, age = Store(store), None if older_than is None else _seconds(older_than)
    with warnings.catch_warnings():
        # Damage is what is looked for here, and told by what is removed.
        warnings.simplefilter("ignore", DamagedRecordWarning)
        found = opened.garbage(older_than=age)
        sizes = {path: path.stat().st_size for path in found if path.exists()}
        gone = found if dry_run else opened.remove(found)
    size = sum(sizes.get(path, 0) for path in gone)
    if json:
        screen.show_json({"removed": [] if dry_run else gone, "would_remove": found if dry_run else [], "bytes": size})
        return 0
    screen.show(*(str(path) for path in gone[:20]), *([f"... and {len(gone) - 20} more"] if len(gone) > 20 else []))
    files = "1 file" if len(gone) == 1 else f"{len(gone)} files"
    screen.show(f"{'Would remove' if dry_run else 'Removed'} {files} of {store}, {screen.short(size)}B.")
    return 0


COMMANDS = (
    ("list", list_, "  tendsto runs list --limit 5\n"),
    ("show", show, "  tendsto runs show 3fa9\n"),
    ("gc", gc, "  tendsto runs gc --older-than 30d --dry-run\n"),
)


def _index(store: Path) -> list[dict[str, Any]]:
    from tendsto.store import Store

    _exists(store)
    return Store(store).index()


def _exists(store: Path) -> None:
    if not store.is_dir():
        raise ValueError(f"there is no store in {str(store)!r}: a race makes one, and --store names another")


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    meta = row["meta"]
    end = meta.get("end")
    return {
        "key": row["key"],
        "finished": datetime.fromtimestamp(row["modified"]).isoformat(timespec="seconds"),
        "what": _what(meta),
        "code": meta.get("code"),
        "seed": meta.get("seed"),
        "end": "" if not end else f"{end[0]}" + ("" if end[1] is None else f" at {end[1]:g}"),
        "bytes": row["bytes"],
        "path": row["path"],
    }


def _what(meta: dict[str, Any]) -> str:
    """Return what a cell ran in a few words: method on problem, or the index of a limit."""
    found = meta.get("specification")
    if isinstance(found, dict) and "method" in found and "problem" in found:
        method, problem = (str(found[part].get("type", "?")).rpartition(".")[2] for part in ("method", "problem"))
        floats = {k: v for k, v in found["method"].items() if isinstance(v, float)}
        lr = f" lr={floats['lr']:g}" if "lr" in floats else ""
        return f"{method.removesuffix('Rule')}{lr} on {problem}"
    index = [name for name in meta if name not in ("loop", "seed", "seconds", "names")]
    return f"{meta.get('loop', 'cell')} " + ", ".join(f"{name}={meta[name]}" for name in index[:2])


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhdw])", text.strip())
    if match is None:
        raise ValueError(f"--older-than {text!r} is no age: write a number with s, m, h, d or w, such as 30d")
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}[match[2]]
