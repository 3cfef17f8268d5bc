"""check_guarantee refuses what is no theorem."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from tendsto.core.trace import Array
from tendsto.testing import check_guarantee
from tendsto.theory import GDConvex


@dataclass(frozen=True, kw_only=True)
class Rising(GDConvex):
    """A bound that turns up again."""

    def formula(self, k: Array) -> Array:
        return 1 / (k + 1) + np.where(k > 20, 0.5, 0)


@dataclass(frozen=True, kw_only=True)
class WrongUnits(GDConvex):
    """L^2 instead of L."""

    def formula(self, k: Array) -> Array:
        return super().formula(k) * self.smooth


@dataclass(frozen=True, kw_only=True)
class OffByOne(GDConvex):
    """An inverse that is one too large."""

    def iterations(self, eps: float) -> int:
        return super().iterations(eps) + 1


@dataclass(frozen=True, kw_only=True)
class Careless(GDConvex):
    """No step is refused."""

    def __post_init__(self) -> None:
        if self.step_size is None:
            object.__setattr__(self, "step_size", self.step_advised())


@dataclass(frozen=True, kw_only=True)
class Silent(GDConvex):
    """No source."""

    source = ""


@pytest.mark.parametrize(
    ("cls", "sentence"),
    [
        (Rising, "Rising.bound increases after k = 20"),
        (WrongUnits, "changes its meaning with the units"),
        (OffByOne, r"OffByOne.iterations\(.*\) = .*, but .* is enough"),
        (Careless, "Careless accepts"),
        (Silent, "Silent does not say its source"),
    ],
)
def test_a_wrong_theorem_is_refused_in_a_sentence(cls: type[GDConvex], sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        check_guarantee(cls)
