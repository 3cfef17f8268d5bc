"""Traces: what is asked of them along an index that decreases, and of values too large to square."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from tendsto.core.trace import End, Trace

NOISE = np.exp(0.05 * np.random.default_rng(0).standard_normal((6, 12)))


def _trace(index: np.ndarray, values: np.ndarray) -> Trace:
    ends = tuple(End("budget", float(index[-1])) for _ in values)
    return Trace(index, {"error": values}, ends, tuple(range(len(values))), along="h")


@pytest.mark.parametrize("order", [0.5, 1.0, 2.0])
def test_a_mesh_has_the_order_that_its_inverse_has(order: float) -> None:
    mesh = 2.0 ** -np.arange(1.0, 13)
    trace = _trace(mesh, mesh**order * NOISE)
    inverse = _trace(1 / mesh, mesh**order * NOISE)
    assert trace.rate().order == inverse.rate().order
    low, high = trace.rate().interval
    assert low < order < high
    assert trace.verdict().kind == inverse.verdict().kind


def test_a_mesh_on_which_nothing_falls_has_no_rate() -> None:
    mesh = 2.0 ** -np.arange(1.0, 13)
    assert _trace(mesh, NOISE).rate().kind == "none"


@pytest.mark.parametrize("huge", [1e151, 1e300, np.inf])
def test_values_too_large_to_square_have_diverged_without_a_warning(huge: float) -> None:
    values = np.ones((3, 12))
    values[1, 5:] = huge
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert _trace(np.arange(1.0, 13), values).verdict().kind == "diverged"
