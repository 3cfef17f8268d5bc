import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from json import JSONEncoder
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tendsto as tt
from tendsto.core import spec
from tendsto.core.cell import Cell

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), values))
def test_order_cannot_matter(data: dict) -> None:
    assert spec.key(data) == spec.key(dict(reversed(data.items())))


@given(values, values)
def test_a_key_is_its_content(a: object, b: object) -> None:
    # By its text, for Python takes 0 and False for equal.
    assert (spec.key(a) == spec.key(b)) == (repr(spec.describe(a)) == repr(spec.describe(b)))


@given(st.floats(1e-9, 1e9), st.integers(1, 50))
def test_code_recreates_what_it_prints(lr: float, dimension: int) -> None:
    cell = Cell(tt.problems.Quadratic(dimension=dimension), tt.optim.SGDRule(lr=lr), seed=3, steps=7)
    again = eval(spec.code(cell), {"tt": tt})
    assert again == cell
    assert spec.key(again) == spec.key(cell)


def test_arrays_are_told_apart_by_content() -> None:
    assert spec.key(np.arange(3)) != spec.key(np.arange(3.0))
    assert spec.key(np.arange(3)) == spec.key(np.arange(3))


def test_a_changed_setting_changes_the_key_of_a_cell() -> None:
    cell = Cell(tt.problems.Quadratic(), tt.optim.SGDRule(), seed=0, steps=10)
    changed = [dataclasses.replace(cell, **change) for change in ({"seed": 1}, {"steps": 11}, {"record": 9})]
    assert len({c.key() for c in [cell, *changed]}) == 4


def test_replace_reaches_into_nested_specifications() -> None:
    @dataclass(frozen=True)
    class Outer:
        base: tt.optim.SGDRule
        lr_scale: float = 1.0

    outer = Outer(tt.optim.SGDRule(lr=0.1))
    assert spec.replace(outer, lr=0.5, lr_scale=2.0) == Outer(tt.optim.SGDRule(lr=0.5), 2.0)
    with pytest.raises(ValueError, match="has no setting 'lrr'; its settings are lr_scale, lr, momentum"):
        spec.replace(outer, lrr=1.0)


def test_what_has_no_content_is_refused() -> None:
    with pytest.raises(TypeError, match="cannot be part of a specification"):
        spec.key(object())


def test_what_a_function_has_taken_from_around_it_is_part_of_it() -> None:
    def made(power: float) -> Callable[[float], float]:
        return lambda n: n**power

    assert spec.key(made(1.0)) == spec.key(made(1.0))
    assert spec.key(made(1.0)) != spec.key(made(2.0))


def sources(*objects: object) -> set[str]:
    package = Path(tt.__file__).parent
    return {Path(path).relative_to(package).as_posix() for path in spec.source_files(objects)}


def test_sources_are_followed_into_what_they_import_but_not_into_the_loops_nor_to_neighbours() -> None:
    law = sources(tt.probability.ConnectivityThreshold())
    assert law == {f"probability/{name}.py" for name in ("connectivity", "geometric_graph", "geometry")}
    assert sources(tt.probability.kolmogorov) == {"probability/distance.py"}
    assert sources(functools.partial(tt.probability.kolmogorov, cdf=abs)) == {"probability/distance.py"}
    digits = sources(tt.problems.DigitsMLP())
    assert {"problems/digits.py", "problems/data.py", "core/problem.py"} <= digits
    assert not {"problems/__init__.py", "problems/lasso.py", "core/trace.py", "core/random.py"} & digits
    assert sources(Cell) == {"core/cell.py"}


def test_what_a_class_takes_from_another_package_is_not_followed_into() -> None:
    @dataclasses.dataclass(frozen=True)
    class Kept(JSONEncoder):
        lr: float = 0.1

    assert {Path(path).stem for path in spec.source_files([Kept()])} == {"test_spec"}


def test_an_edit_of_an_import_changes_the_key_and_one_for_type_checkers_alone_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    texts = {
        "__init__": "from mine.first import answer\n",
        "first": "from __future__ import annotations\nfrom typing import TYPE_CHECKING\nfrom . import second\n"
        "if TYPE_CHECKING:\n    from mine import types_only\ndef answer(n, rng):\n    return second.number / n\n",
        "second": "def f():\n    from .third import number\n    return number\nnumber = f()\n",
        "third": "number = 1\n",
        "types_only": "number = 1\n",
    }
    for name, text in texts.items():
        (tmp_path / "mine" / f"{name}.py").write_text(text)
    from mine import answer

    files = {Path(path).stem for path in spec.source_files([answer])}
    assert files == {"first", "second", "third"}

    def key(name: str) -> str:
        with (tmp_path / "mine" / f"{name}.py").open("a") as file:
            file.write("# edited\n")
        spec._file_digest.cache_clear()
        return spec.source_key([answer])

    before = spec.source_key([answer])
    assert key("types_only") == key("__init__") == before
    assert len({before, key("first"), key("second"), key("third")}) == 4
