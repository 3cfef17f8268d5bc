"""Bounds against their literal transcriptions, sums added up term by term; minibatches against every batch."""

from __future__ import annotations

import dataclasses
import importlib
from types import ModuleType

import numpy as np
import pytest
from reference import clipped_restarts, minibatch

from tendsto.core.guarantee import Guarantee
from tendsto.core.registry import guarantees
from tendsto.testing.guarantee import example
from tendsto.theory import ClippedGDAOperator, FiniteSumConstants, RestartedClippedSSTMStronglyConvex

FILES = [
    "diagonal_metric",
    "gradient_descent",
    "nonconvex_composite",
    "proximal_gradient",
    "proximal_point",
    "stochastic_gradient",
    "stochastic_gradient_steps",
    "stochastic_polyak",
    "subgradient",
]
MODULES: dict[str, ModuleType] = {name: importlib.import_module(f"reference.{name}") for name in FILES}
ROWS = {
    cls: getattr(MODULES[file], cls.__name__, None)
    for cls in guarantees().values()
    if (file := cls.__module__.rpartition(".")[2]) in FILES
}


def started(cls: type[Guarantee]) -> Guarantee:
    """The sampled theorem, its initial size 1 where it may be left out."""
    g = example(cls)
    if g.scale and getattr(g, g.scale) is None:
        return dataclasses.replace(g, **{g.scale: 1.0})  # type: ignore[arg-type]
    return g


@pytest.mark.parametrize("cls", ROWS, ids=lambda cls: cls.__name__)
def test_bounds_are_the_literal_ones(cls: type[Guarantee]) -> None:
    literal = ROWS[cls]
    assert literal is not None, f"{cls.__name__} has no literal transcription"
    g = started(cls)
    constants = {f.name: getattr(g, f.name) for f in dataclasses.fields(g)}
    for k in (1, 2, 3, 10, 47, 300):
        assert g.bound(k) == pytest.approx(literal(k, **constants), rel=1e-11), k


@pytest.mark.parametrize("replacement", [False, True])
@pytest.mark.parametrize("batch", [1, 2, 3, 5])
def test_minibatch_constants_are_those_of_all_batches(batch: int, replacement: bool) -> None:
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=(5, 3))
    gradients -= gradients.mean(axis=0)
    rows = rng.normal(size=(5, 3))
    hessians = rows[:, :, None] * rows[:, None, :]
    largest = float((rows**2).sum(axis=1).max())
    smooth = float(np.linalg.eigvalsh(hessians.mean(axis=0))[-1])
    made = FiniteSumConstants(5, smooth, largest, float((gradients**2).sum(axis=1).mean()))
    smooth_b, noise_b = made.minibatch(batch, replacement=replacement)
    assert noise_b == pytest.approx(minibatch.variance(gradients, batch, replacement), rel=1e-12, abs=1e-15)
    # L_b bounds the expected smoothness, and is exact for a single term or, without replacement, for all.
    assert minibatch.smoothness(hessians, batch, replacement) <= smooth_b * (1 + 1e-12)


@pytest.mark.parametrize("k", [5, 100, 10_000])
@pytest.mark.parametrize("alpha", [1.3, 2.0])
def test_orders_of_clipped_rows_are_complexities_turned_over(k: int, alpha: float) -> None:
    noise = {"noise_power": alpha, "noise_scale": 0.3}
    known = {"smooth": 2.0, "strongly_convex": 0.5, "distance": 3.0, **noise}
    ours = RestartedClippedSSTMStronglyConvex(**known).bound(k)
    assert ours == pytest.approx(clipped_restarts.restarted(k, **known), rel=1e-9)
    known = {"smooth": 2.0, "distance": 3.0, **noise}
    assert ClippedGDAOperator(**known).bound(k) == pytest.approx(clipped_restarts.operator(k, **known), rel=1e-9)
