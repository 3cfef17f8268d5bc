from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tendsto.cli import values
from tendsto.core.race import logspace


@given(st.lists(st.floats(-1e12, 1e12, allow_nan=False), min_size=1, max_size=6, unique_by=repr))
def test_a_list_of_numbers_is_read_back(numbers: list[float]) -> None:
    assert values.grids([f"lr={','.join(map(repr, numbers))}"]) == {"lr": numbers}


@given(st.floats(1e-9, 1e3), st.floats(1.01, 1e6), st.integers(2, 12))
def test_a_range_is_a_grid_of_equal_ratios(low: float, factor: float, points: int) -> None:
    try:
        expected = logspace(low, low * factor, points)
    except ValueError:
        return
    if len(set(expected)) == points:
        assert values.grid("lr", f"{low!r}:{low * factor!r}:{points}") == expected


@given(st.text(max_size=20))
def test_any_text_is_a_grid_or_a_sentence(text: str) -> None:
    try:
        assert values.grid("lr", text)
    except ValueError as error:
        assert "\n" not in str(error).replace(repr(text), "").replace(text, "")  # noqa: PT017


@pytest.mark.parametrize(
    ("item", "says"),
    [
        ("lr=", "the grid of 'lr' is empty"),
        ("lr=1:2", "low:high:points"),
        ("lr=a:b:3", "low:high:points"),
        ("lr=1:0.1:3", "use 0 < low <= high"),
        ("lr=0.1,0.1", "a value twice"),
        ("lr=nan", "not finite"),
        ("0.1,0.2", "is no grid"),
    ],
)
def test_a_malformed_grid_is_named(item: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        values.grids([item])


def test_a_value_takes_the_kind_of_the_default() -> None:
    assert isinstance(values.fitted("lr", 1, 0.1, "sgd"), float)
    assert isinstance(values.fitted("batch", 1e3, 64, "digits-mlp"), int)
    assert values.fitted("betas", "(0.5,0.9)", (0.9, 0.999), "adam") == (0.5, 0.9)
    for given_value, default in [(1.5, 64), ("fast", 0.1), (True, 0.1), (True, 64), (1, False), ((0.9,), (0.9, 0.99))]:
        if given_value is True and isinstance(default, float):
            continue
        with pytest.raises(ValueError, match="does not fit"):
            values.fitted("setting", given_value, default, "method")


def test_a_setting_given_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="'smooth' was given twice, as '1' and '2'"):
        values.assignments(["smooth=1", "smooth=2"])
