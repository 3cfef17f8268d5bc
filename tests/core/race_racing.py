"""One of two processes that race for the same cells: run as ``race_racing.py STORE LOG METHODS``, prints a digest.

It says when everything is imported and waits for a line, so that both begin together; and it logs what it computes.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time

import tendsto as tt
from tendsto.core import run

if __name__ == "__main__":
    log = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    run_cells, begun = run.run_cells, []

    def logged(cells, *rest):
        # A batch takes a while, so the other process finds the first ones claimed.
        if not begun:
            time.sleep(1.0)
        begun.append(cells)
        os.write(log, "".join(f"{os.getpid()} {cell.key()}\n" for cell in cells).encode())
        return run_cells(cells, *rest)

    run.run_cells, run.WAIT = logged, 0.01
    problem = tt.problems.Quadratic(dimension=3)
    methods = {"sgd": tt.optim.SGDRule(), "adam": tt.optim.AdamRule(), "lion": tt.optim.LionRule()}
    # Whoever comes first claims all of its cells, so the two begin with different ones that overlap.
    first = {name: methods[name] for name in sys.argv[3].split(",")}
    print("ready", flush=True)
    sys.stdin.readline()
    for chosen in (first, methods):
        result = tt.race(problem, chosen, steps=20, seeds=4, tune={"lr": [0.1, 0.2]}, store=sys.argv[1])
    numbers = [entry.trace[name].tobytes() for entry in result.entries for name in (*entry.trace.values, "seconds")]
    print(hashlib.sha256(b"".join(numbers)).hexdigest())
