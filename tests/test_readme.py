"""The README's Python runs as it stands; the race alone takes longer than a test may."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

BLOCKS = re.findall(r"```python\n(.*?)```", (Path(__file__).parents[1] / "README.md").read_text(), re.DOTALL)
BEGIN = "import tendsto as tt\nimport torch\nmodel = torch.nn.Linear(4, 2)\n"


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.strip().splitlines()[0][:40])
def test_a_block_runs(block: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    if "tt.race(" in block:
        block = block.replace("steps=500, seeds=10", "steps=3, seeds=2").replace("1, 9)", "1, 2)")
    exec(compile(BEGIN + block, "README.md", "exec"), {})
