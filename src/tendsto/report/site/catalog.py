"""Everything that the site shows, read once, and which page each thing has."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tendsto.atlas.discover import papers
from tendsto.atlas.record import changed, read
from tendsto.core import registry
from tendsto.core.paper import Paper


@dataclass(frozen=True)
class Catalog:
    """Papers with their evidence, and the registered objects by kind and name.

    objects: kind ("method", "problem", "theorem") to name to the object; a theorem is its class.
    evidence: recorded evidence by paper, only of those that have some. stale: sources changed since, by paper.
    """

    papers: dict[str, Paper]
    objects: dict[str, dict[str, Any]]
    evidence: dict[str, dict[str, Any]]
    stale: dict[str, list[str]]
    folder: Path

    @classmethod
    def load(cls, folder: Path) -> Catalog:
        cards = papers()
        recorded = {key: found for key in cards if (found := read(key, folder)) is not None}
        objects = {
            "method": dict(registry.methods()),
            "problem": dict(registry.problems()),
            "theorem": dict(registry.guarantees()),
        }
        return cls(
            cards, objects, recorded, {key: changed(found, cards[key]) for key, found in recorded.items()}, folder
        )

    @functools.cached_property
    def _pages(self) -> dict[Any, list[tuple[str, str]]]:
        """(kind, name) of the pages about each class or function, and about each module."""
        found: dict[Any, list[tuple[str, str]]] = {}
        for kind, of in self.objects.items():
            for name, made in of.items():
                for about in (owner_of(made), owner_of(made).__module__):
                    found.setdefault(about, []).append((kind, name))
        return found

    @functools.cached_property
    def _providers(self) -> dict[tuple[str, str], list[Paper]]:
        found: dict[tuple[str, str], list[Paper]] = {}
        for paper in self.papers.values():
            for page in dict.fromkeys(page for item in paper.provides for page in self.pages_of(item)):
                found.setdefault(page, []).append(paper)
        return found

    def pages_of(self, item: Any) -> list[tuple[str, str]]:
        """Return (kind, name) of the pages about a provided object: its own, else those of its file."""
        owner = owner_of(item)
        return self._pages.get(owner) or self._pages.get(owner.__module__, [])

    def providers(self, kind: str, name: str) -> list[Paper]:
        """Return the papers whose card provides this object."""
        return self._providers.get((kind, name), [])


def owner_of(item: Any) -> Any:
    """Return the class or function that documents an object."""
    return item if hasattr(item, "__qualname__") else type(item)
