from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import tendsto

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Start:
    """Start Python on a script of this folder, or on ``-c`` and code, with the same tendsto."""

    def start(*arguments: object) -> subprocess.Popen[str]:
        source = str(Path(tendsto.__file__).parents[1])
        command = [sys.executable, *map(str, arguments)]
        environment = os.environ | {"PYTHONPATH": source, "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            command,
            cwd=Path(__file__).parent,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start
