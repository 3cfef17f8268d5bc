"""Find the cards of papers by their files, without a list."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tendsto.core.paper import Paper

_FOLDER = Path(__file__).parent


def files() -> dict[str, str]:
    """Return the module of every card by the paper's key, without importing any.

    A card is a file in a family's folder, `atlas/FAMILY/KEY.py`, hyphens of the key written as underscores. Files that
    begin with an underscore are no cards.

    Raises:
        ValueError: two families have a card of the same key.
    """
    found: dict[str, str] = {}
    for path in sorted(_FOLDER.glob("*/*.py")):
        if path.stem.startswith("_"):
            continue
        key, module = path.stem.replace("_", "-"), f"tendsto.atlas.{path.parent.name}.{path.stem}"
        if key in found:
            raise ValueError(f"the key {key!r} is taken by {found[key]}: give {module} another name")
        found[key] = module
    return found


def paper(key: str) -> Paper:
    """Return the card of one paper, importing that file alone.

    Raises:
        ValueError: there is none, or its file holds no card of that key.
    """
    module = files().get(key)
    if module is None:
        raise ValueError(f"no paper is called {key!r}; known are {', '.join(files()) or 'none yet'}")
    from tendsto.core.paper import Paper

    card = getattr(importlib.import_module(module), "paper", None)
    if not isinstance(card, Paper) or card.key != key:
        raise ValueError(f"{module} must hold `paper = Paper(key={key!r}, ...)`: a card's file is named by its key")
    return card


def papers() -> dict[str, Paper]:
    """Return every card by key, family by family."""
    cards = [paper(key) for key in files()]
    return {card.key: card for card in sorted(cards, key=lambda card: (card.family, card.key))}
