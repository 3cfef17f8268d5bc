"""Which theorems apply to what is known."""

from __future__ import annotations

import pytest

from tendsto.core.registry import guarantees
from tendsto.problems import Quadratic
from tendsto.theory import GDStronglyConvex, SGDStronglyConvex, find, missing


def names(found: list[object]) -> list[str]:
    return [type(g).__name__ for g in found]


def test_the_best_bound_on_the_gap_comes_first() -> None:
    found = find("gd", smooth=10.0, strongly_convex=0.1)
    assert found[0] == GDStronglyConvex(smooth=10.0, strongly_convex=0.1)
    assert names(find("gd", smooth=10.0, convex=True, measure="gap")) == ["GDConvex"]


def test_the_order_is_that_of_the_bounds_at_k() -> None:
    known = {"smooth": 10.0, "strongly_convex": 1e-4, "distance": 1.0, "measure": "gap"}
    assert names(find("nesterov", k=10, **known)) == ["NesterovConvex", "NesterovStronglyConvex"]
    assert names(find("nesterov", k=10_000, **known)) == ["NesterovStronglyConvex", "NesterovConvex"]


def test_a_problem_answers_for_itself_and_is_overruled_by_name() -> None:
    problem = Quadratic(smallest=0.2, largest=5.0, distance=3.0)
    assert find("gd", problem=problem, measure="||x - x*||^2")[0].bound(0) == 9.0
    assert find("gd", problem=problem, distance=1.0, measure="||x - x*||^2")[0].bound(0) == 1.0
    flat = Quadratic(smallest=0.0, largest=5.0, spacing="even")
    assert names(find("gd", problem=flat, measure="gap")) == ["GDConvex"]


def test_what_a_theorem_lacks_is_said() -> None:
    said = missing("gd", smooth=10.0)
    assert said["gd-convex"] == "needs convex"
    assert said["gd-strongly-convex"] == "needs strongly_convex"
    assert "gd-smooth" not in said
    assert missing("gd", smooth=10.0, convex=False)["gd-convex"] == "needs convex"
    assert "step size 0.15 exceeds 1/L = 0.1 for L = 10" in missing("gd", smooth=10.0, step_size=0.15)["gd-smooth"]


def test_no_noise_is_known_noise() -> None:
    assert SGDStronglyConvex(smooth_max=2.0, strongly_convex=1.0, noise=0.0) in find(
        "sgd", smooth_max=2.0, strongly_convex=1.0, noise=0.0
    )


def test_unknown_names_are_refused() -> None:
    known = ", ".join(sorted({cls.method for cls in guarantees().values()}))
    with pytest.raises(ValueError, match=f"no theorem here is about 'gdd'; there are some about {known}$"):
        find("gdd", smooth=1.0)
    assert {"gd", "nesterov", "sgd"} <= set(known.split(", "))
    with pytest.raises(ValueError, match="'smoothness' is no constant that theorems on 'gd' use; they use smooth, "):
        find("gd", smoothness=1.0)
