"""The box of Lion's weight decay: the bound's own checks, where it is attained, and where it is violated."""

from __future__ import annotations

import numpy as np
import pytest
from reference.lion_box import largest_distances

from tendsto.core.trace import End, Trace
from tendsto.testing.guarantee import check_guarantee
from tendsto.theory import LionBox


def distances(decay: float, direction: float, steps: int = 50) -> Trace:
    """The distance of one entry from [-2, 2], moved by lr = 0.1 along a direction, from 5."""
    x, seen = 5.0, [3.0]
    for _ in range(steps):
        x = x - 0.1 * (direction + decay * x)
        seen.append(max(abs(x) - 2.0, 0.0))
    return Trace(np.arange(steps + 1.0), {"distance to the box": np.array([seen])}, (End("budget", steps),), (0,))


def test_it_behaves_as_a_theorem():
    check_guarantee(LionBox(lr=0.1, weight_decay=0.5, start=3.0))


def test_it_is_attained_where_the_direction_points_outward_and_holds_elsewhere():
    box = LionBox(lr=0.1, weight_decay=0.5, start=3.0)
    outward = distances(0.5, -1.0)
    wanted = largest_distances(3.0, 0.1, 0.5, 50)
    np.testing.assert_allclose(outward["distance to the box"][0], wanted, rtol=1e-12)
    np.testing.assert_allclose(box.bound(outward.index), wanted, rtol=1e-12)
    assert box.check(outward).holds
    assert box.check(distances(0.5, 0.3)).holds
    assert not box.check(distances(0.4, -1.0)).holds


def test_bad_settings_are_one_sentence():
    with pytest.raises(ValueError, match=r"weight_decay = 0.0 is no size"):
        LionBox(lr=0.1, weight_decay=0.0)
    with pytest.raises(ValueError, match=r"lr \* weight_decay = 1.2 shrinks"):
        LionBox(lr=0.6, weight_decay=2.0)
