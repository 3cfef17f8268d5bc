"""Curves for the pictures of claims."""

from __future__ import annotations

import numpy as np
import pytest

from tendsto.atlas.curve import curve
from tendsto.report import trace_svg


def test_one_row_is_one_run_and_several_are_as_many() -> None:
    one = curve("error", "width", range(3), [3.0, 2.0, 1.0])
    many = curve("error", "width", [1, 2, 4], np.ones((5, 3)), seeds=[0, 1, 2, 3, 4])
    assert (one.runs, many.runs, many.seeds) == (1, 5, (0, 1, 2, 3, 4))
    assert one.ends[0].at == 2.0
    assert "error against width of a, b" in trace_svg({"a": one, "b": many})


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="3 indices were said"):
        curve("error", "width", [1, 2, 4], [1.0, 2.0])
    with pytest.raises(ValueError, match="1 runs"):
        curve("error", "width", [1, 2], np.ones((2, 2)), seeds=[0])
