"""Exact resistances are those of Kirchhoff's theorem."""

from reference.resistance_network import resistance

__all__ = ["resistance"]
