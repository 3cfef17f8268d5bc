"""Everything that the site shows, read once, and which page each thing has."""

from __future__ import annotations

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

    def pages_of(self, item: Any) -> list[tuple[str, str]]:
        """Return (kind, name) of the pages about a provided object: its own, else those of its file."""
        owner = owner_of(item)
        everything = [(kind, name, owner_of(made)) for kind, of in self.objects.items() for name, made in of.items()]
        own = [(kind, name) for kind, name, cls in everything if cls is owner]
        return own or [(kind, name) for kind, name, cls in everything if cls.__module__ == owner.__module__]

    def providers(self, kind: str, name: str) -> list[Paper]:
        """Return the papers whose card provides this object."""
        return [
            paper for paper in self.papers.values() if any((kind, name) in self.pages_of(x) for x in paper.provides)
        ]


def owner_of(item: Any) -> Any:
    """Return the class or function that documents an object."""
    return item if hasattr(item, "__qualname__") else type(item)
