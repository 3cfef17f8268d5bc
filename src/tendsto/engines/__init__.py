"""Where cells run: lanes in this process, processes, Ray. Knows arrays and functions, none of the ten words."""

from __future__ import annotations

from tendsto.engines.chosen import share, using

__all__ = ["share", "using"]
