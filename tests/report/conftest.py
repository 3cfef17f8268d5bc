"""Races made of drawn curves: every shape of outcome that a page must bear, in no time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from tendsto.core.race import Entry, Race
from tendsto.core.trace import End, Trace
from tendsto.optim import SGDRule
from tendsto.problems import Quadratic

MakeRace = Callable[..., Race]


def draw_trace(
    scale: float, *, seeds: int, power: float = 1.0, diverged: Sequence[int] = (), shift: float = 0.0, steps: int = 100
) -> Trace:
    """Return curves scale * (1 + k)^-power + shift, a little noisy; runs in `diverged` are NaN from the middle on."""
    index = np.arange(0.0, steps + 1, 2.0)
    noise = np.random.default_rng(int(1e6 * scale) % 1000).normal(size=(seeds, index.size))
    loss = scale * (1 + index) ** -power * np.exp(0.05 * noise) + shift
    loss[list(diverged), index.size // 2 :] = np.nan
    ends = tuple(End("diverged", steps / 2) if i in diverged else End("budget", steps) for i in range(seeds))
    seconds = np.tile(index, (seeds, 1)) * 1e-3 * (1 + scale)
    values = {"loss": loss, "accuracy": 1 - 0.5 / (1 + np.tile(index, (seeds, 1)))}
    axes = {"calls": np.tile(2 * index, (seeds, 1)), "seconds": seconds}
    return Trace(index, values, ends, tuple(range(seeds)), axes=axes, meta={"lanes": 8, "calls": {"gradient": 100}})


@pytest.fixture
def make_race() -> MakeRace:
    def make(
        scales: Mapping[str, float],
        *,
        seeds: int = 5,
        lrs: Sequence[float] = (0.01, 0.1, 1.0),
        diverged: Mapping[str, Sequence[int]] | None = None,
        shift: float = 0.0,
        target: float | None = None,
        optimum: float | None = None,
    ) -> Race:
        entries = []
        for name, scale in scales.items():
            for lr in lrs:
                trace = draw_trace(
                    scale * (1 + abs(np.log10(lr / 0.1))),
                    seeds=seeds,
                    diverged=(diverged or {}).get(name, ()),
                    shift=shift,
                )
                known = Trace(**{**vars(trace), "optimum": optimum})
                settings = {"lr": lr} if len(lrs) > 1 else {}
                entries.append(Entry(name, SGDRule(lr=lr), settings, known))
        tune = {"lr": list(lrs)} if len(lrs) > 1 else {}
        return Race(Quadratic(dimension=3), tuple(entries), tuple(range(seeds)), 100, tune, {}, target)

    return make
