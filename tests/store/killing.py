"""Kill a writer with SIGKILL at random instants, and look after each: run as ``killing.py ROOT KILLS``, prints JSON.

Each writer is forked from this process, which has imported the store already, so that a kill costs milliseconds. It
continues where the last one was cut off, and reports through a pipe what the store has told it is finished.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from itertools import count
from typing import NoReturn

import numpy as np
from cells import key_of, record_of

from tendsto.store import Store

LONG = key_of(-1)


def write_for_ever(root: str, report: int, start: int) -> NoReturn:
    store = Store(root)
    checkpoint = store.checkpoint(LONG)
    saved = checkpoint.get()
    step = 0 if saved is None else saved.meta["step"]
    for first in count(start, 4):
        cells = range(first, first + 4)
        with store.claim_many(map(key_of, cells)) as mine:
            new = [record_of(cell) for cell in cells if key_of(cell) in mine]
            for record in new[:2]:
                store.put(record)
                os.write(report, f"cell {record.meta['cell']}\n".encode())
            store.put_many(new[2:])
            for record in new[2:]:
                os.write(report, f"cell {record.meta['cell']}\n".encode())
        step += 1
        checkpoint.put({"step": step}, {"x": np.full(20_000, step)})
        os.write(report, f"step {step}\n".encode())
    raise AssertionError("count ended")


def kill_one(root: str, start: int, generator: random.Random, pace: float) -> tuple[list[str], int, float]:
    """What a writer reported before it was killed, the signal that ended it, and the seconds from report to report.

    It is killed at a random instant after a random number of reports, so the test means the same on a slow disk.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            write_for_ever(root, writing, start)
        finally:
            os._exit(1)
    os.close(writing)
    # A pipe keeps each of these short lines whole.
    received, wanted, began = b"", generator.randrange(6), time.perf_counter()
    while received.count(b"\n") < wanted and (more := os.read(reading, 4096)):
        received += more
    pace = (time.perf_counter() - began) / wanted if wanted else pace
    time.sleep(generator.uniform(0, pace))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as report:
        received += report.read()
    return received.decode().splitlines(), os.WTERMSIG(status), pace


def main(root: str, kills: int) -> dict[str, int]:
    generator, finished, step, pace = random.Random(0), set[int](), 0, 0.01
    counts = {"kills": 0, "torn": 0}
    for _ in range(kills):
        # The missing cells lie at the end: start a little before what is known to be finished.
        lines, ended_by, pace = kill_one(root, max([0, *finished]) // 4 * 4, generator, pace)
        counts["kills"] += ended_by == signal.SIGKILL
        new = {int(line.removeprefix("cell ")) for line in lines if line.startswith("cell ")}
        finished |= new
        step = max([step, *(int(line.removeprefix("step ")) for line in lines if line.startswith("step "))])
        store = Store(root)
        assert all(store.get(key_of(cell)) == record_of(cell) for cell in new), "a finished record was lost"
        saved = store.checkpoint(LONG).get()
        assert step == 0 or (saved is not None and saved.meta["step"] >= step), "a saved state was lost"
        assert saved is None or (saved.arrays["x"] == saved.meta["step"]).all(), "two states were mixed"
        # A killed writer's claims are free at once.
        following = [key_of(cell) for cell in range(max([0, *finished]) + 20)]
        with store.claim_many(key for key in following[-24:] if key not in store) as mine:
            assert mine == {key for key in following[-24:] if key not in store}, "a dead process holds a claim"
        leftovers = store.garbage() if counts["kills"] % 10 == 0 else []
        assert all(path.suffix == ".tmp" for path in leftovers), "a record was torn"
        counts["torn"] += len(store.remove(leftovers))
        assert not store.damaged, f"damaged: {store.damaged}"
    store = Store(root)
    keys = store.keys()
    assert {key_of(cell) for cell in finished} <= keys, "a finished record was lost"
    last = next(cell for cell in count() if key_of(cell) not in keys)
    assert not store.damaged
    assert not any(path.suffix == ".tmp" for path in store.garbage()), "leftovers remain"
    return counts | {"finished": len(finished), "recorded": len(keys), "gapless": last, "step": step}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]))))
