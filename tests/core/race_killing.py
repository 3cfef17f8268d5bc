"""Kill a whole race with SIGKILL at random instants, and look after each: run as ``race_killing.py ROOT KILLS``.

Each race is forked from this process, which has imported everything already, and goes on in the folder that the one
before left behind. Prints counts as JSON.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

import tendsto as tt
from tendsto.core import checkpoint, race
from tendsto.store import Record, Store


@dataclass(frozen=True)
class Walk(tt.Problem):
    """A NumPy problem with a leading axis of runs."""

    backend = "numpy"
    lanes = "leading"

    def init(self, rng: tt.Random) -> np.ndarray:
        return 1 + rng.uniform("x", (300,))

    def criterion(self, x: np.ndarray) -> np.ndarray:
        return (x * x).sum(axis=-1)

    def gradient(self, x: np.ndarray, sample: object = None) -> np.ndarray:
        return 2 * x


@dataclass(frozen=True)
class Step(tt.Method):
    lr: float = 0.1
    lanes = "leading"

    def step(self, state: dict, oracle: tt.Oracle, rng: tt.Random) -> tuple[dict, dict]:
        kick = 0.01 * rng.normal("kick", (300,))
        return {"x": state["x"] - np.asarray(self.lr)[..., None] * oracle.gradient(state["x"]) + kick}, {}


@dataclass(frozen=True)
class Alone(Step):
    lanes = None


def run(store: Store) -> None:
    """Two races: lanes of torch, and of NumPy, and runs that are alone. A diverging setting is among them."""
    quadratic = tt.problems.Quadratic(dimension=20, smallest=0.1, noise=0.1)
    methods = {"sgd": tt.optim.SGDRule(), "adam": tt.optim.AdamRule()}
    race.race(quadratic, methods, steps=30, seeds=2, record=10, tune={"lr": [0.1, 0.3]}, store=store)
    walks = {"lanes": Step(), "alone": Alone()}
    race.race(Walk(), walks, steps=30, seeds=2, record=10, tune={"lr": [0.1, 1e9]}, store=store)


def report(root: Path, to: int) -> None:
    """Run in a child: say through a pipe which cells the store has told are finished, and what went on."""
    store = Store(root)
    put, load = Store.put_many, checkpoint.Saved.load

    def put_many(self: Store, records: Any) -> list[Path]:
        listed = list(records)
        paths = put(self, listed)
        os.write(to, "".join(f"cell {record.key}\n" for record in listed).encode())
        return paths

    def loaded(self: checkpoint.Saved) -> Any:
        found = load(self)
        if found:
            os.write(to, f"resumed {found[1].meta['step']}\n".encode())
        return found

    Store.put_many, checkpoint.Saved.load = put_many, loaded
    run(store)
    os.write(to, b"done\n")


def one(root: Path, wait: float) -> list[str]:
    """What a race reported before it was killed after `wait` seconds, unless it was done before."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reading)
            report(root, writing)
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    time.sleep(wait)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "a race failed"
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode().splitlines()
    return [*said, "killed"] if os.WIFSIGNALED(status) else said


def same(a: Record, b: Record) -> bool:
    """Equal to the bit, but for what depends on time."""
    seconds = f"axes.{a.meta['axes'].index('seconds')}"
    arrays = [{n: (v.dtype, v.shape, v.tobytes()) for n, v in r.arrays.items() if n != seconds} for r in (a, b)]
    metas = [{n: v for n, v in r.meta.items() if n != "finished"} for r in (a, b)]
    return arrays[0] == arrays[1] and metas[0] == metas[1]


def main(root: Path, kills: int) -> dict[str, int]:
    checkpoint.EVERY, checkpoint.SHARE = 0.02, 0.5
    generator = random.Random(0)
    whole = Store(root / "whole")
    run(Store(root / "warm"))
    begun = time.perf_counter()
    run(whole)
    seconds = time.perf_counter() - begun
    expected = {row["key"]: whole.get(row["key"]) for row in whole.index()}
    counts = dict.fromkeys(("kills", "resumed", "races", "between", "finished"), 0)
    for number in count():
        broken, finished = Store(root / f"{number}"), set[str]()
        while True:
            said = one(broken.root, generator.uniform(0, seconds * 1.2))
            finished |= {line.removeprefix("cell ") for line in said if line.startswith("cell ")}
            assert finished <= broken.keys(), "a finished cell was lost"
            assert not broken.damaged, f"damaged: {broken.damaged}"
            counts["resumed"] += any(line.startswith("resumed") and line != "resumed 0" for line in said)
            if "done" in said:
                break
            counts["kills"] += "killed" in said
            counts["between"] += 0 < len(broken.keys()) < len(expected)
        assert broken.keys() == expected.keys()
        for key, record in expected.items():
            again = broken.get(key)
            assert again is not None
            assert same(record, again), f"{record.meta['code']} came to another result"
        left = [path for path in broken.garbage() if path.suffix != ".tmp"]
        assert len(list(broken.checkpoints())) == len(left), "a checkpoint is left that nobody sweeps"
        counts["races"] += 1
        counts["finished"] += len(expected)
        if counts["kills"] >= kills:
            return counts


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))))
