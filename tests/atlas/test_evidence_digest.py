"""Evidence is stale once what runs has changed, and by nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tendsto.atlas.record import _digest

SOURCE = '''"""A module."""

import math

LIMIT = 3  # steps
TEXT = """
# a line of a text
"""


def half(x):
    """Return half of x.

    >>> half(2)
    """
    # Exact in binary.
    return x / 2
'''


def _of(text: str, folder: Path) -> str:
    path = folder / "source.py"
    path.write_text(text)
    return _digest(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("A module.", "A module\nof two lines."),
        ("Return half of x.", "Halve x."),
        ("    # Exact in binary.\n", ""),
        ("    # Exact in binary.\n", "\n    # Exact.\n\n"),
        ("import math\n", "import math\n\n# Steps.\n"),
    ],
)
def test_words_alone_leave_evidence_as_it_is(old: str, new: str, tmp_path: Path) -> None:
    assert old in SOURCE
    assert _of(SOURCE.replace(old, new), tmp_path) == _of(SOURCE, tmp_path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x / 2", "x / 3"),
        ("LIMIT = 3", "LIMIT = 4"),
        ("# a line of a text", "# of another"),
        ("    return", "    yield"),
    ],
)
def test_what_runs_makes_evidence_stale(old: str, new: str, tmp_path: Path) -> None:
    assert old in SOURCE
    assert _of(SOURCE.replace(old, new), tmp_path) != _of(SOURCE, tmp_path)


def test_a_source_that_is_gone_or_no_text_makes_evidence_stale(tmp_path: Path) -> None:
    assert _digest(tmp_path / "none.py") == ""
    (tmp_path / "library.so").write_bytes(b"\x7fELF\x96")
    assert _digest(tmp_path / "library.so") == ""
