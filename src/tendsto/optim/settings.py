"""Checks of hyperparameters that several rules share, and the average that most of them keep."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def at_least_zero(**settings: float) -> None:
    """Raise ValueError where a setting is negative or NaN."""
    for name, value in settings.items():
        if not value >= 0:
            raise ValueError(f"{name} = {value} is not allowed: use a number of at least 0")


def decay_rates(betas: tuple[float, float]) -> None:
    """Raise ValueError unless `betas` are two numbers in [0, 1)."""
    if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
        raise ValueError(f"betas = {betas} is not allowed: use two numbers of at least 0 and below 1")


def one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Raise ValueError where `value` is none of the allowed words."""
    if value not in allowed:
        raise ValueError(f"{name} = {value!r} is unknown: use {' or '.join(repr(word) for word in allowed)}")


def average(old: Tensor, new: Tensor, beta: Any) -> Tensor:
    """Return beta * old + (1 - beta) * new, in one operation where beta is a Python number."""
    if isinstance(beta, float):
        return torch.lerp(old, new, 1 - beta)
    return old + (1 - beta) * (new - old)
