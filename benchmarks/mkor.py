"""MKOR's upkeep of its inverses against K-FAC's, one square layer a width, at the same frequency; ratios in one run.

An update is what each does every `update_every` steps for one layer: MKOR takes the mean input and output gradient and
changes both inverses by rank one; K-FAC averages both second moments and inverts them. A whole step is ten steps of
each method on a network of two such layers, one of them with the update, divided by ten: the products with the
inverses, which both need, are in it. The update of inverses that are kept in float16, half of the memory, is timed as
well: a CPU computes in float32 and rounds. Both take turns, `REPEATS` times; the least processor time of each counts,
since other processes only add to it.

    python benchmarks/mkor.py            # prints the table
    python benchmarks/mkor.py --write    # and writes benchmarks/results/mkor.md
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import tendsto as tt
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.optim.kfac import KFACMethod
from tendsto.optim.mkor import MKORMethod
from tendsto.problems.layer_tape import Layer

WIDTHS, BATCH, REPEATS = (128, 256, 512, 1024, 2048), 128, 5
RESULT = Path(__file__).parent / "results" / "mkor.md"


def seconds(run: Callable[[], Any]) -> float:
    begun = time.process_time()
    run()
    return time.process_time() - begun


def least(first: Callable[[], Any], second: Callable[[], Any], repeats: int) -> tuple[float, float]:
    first(), second()  # what is allocated on first use is outside the clock
    took = [(seconds(first), seconds(second)) for _ in range(repeats)]
    return min(a for a, _ in took), min(b for _, b in took)


def updates(width: int) -> tuple[float, float, float]:
    """Seconds of an update: MKOR, MKOR with inverses in float16, K-FAC."""
    rng = Random(0)
    a, s = (rng.normal(name, (BATCH, width), torch.float32) for name in ("a", "s"))
    layer = Layer("linear", "weight", None, lambda: a, s / BATCH, BATCH)
    mkor, kfac = MKORMethod(), KFACMethod()
    inverses, factors = mkor._inverses(None, layer, True), kfac._factors(None, layer)

    def by_kfac() -> Any:
        return kfac._inverses(kfac._factors(factors, layer))

    half = MKORMethod(precision="float16")
    halves = half._inverses(None, layer, True)
    repeats = 3 if width > 1000 else 2 * REPEATS
    ours, theirs = least(lambda: mkor._inverses(inverses, layer, True), by_kfac, repeats)
    ours_in_half, _ = least(lambda: half._inverses(halves, layer, True), lambda: None, repeats)
    return ours, ours_in_half, theirs


def steps(width: int) -> tuple[float, float]:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(width, width), torch.nn.Tanh(), torch.nn.Linear(width, width))
    data = (torch.randn(BATCH, width), torch.randn(BATCH, width))
    problem = tt.problem(model, torch.nn.functional.mse_loss, data, batch=None)

    def ten(method: Any) -> Callable[[], None]:
        def run() -> None:
            rng = Random(0)
            state = method.init(Oracle(problem, rng), rng)
            for k in range(1, 11):
                state, _ = method.step(state, Oracle(problem, rng.at(k)), rng)

        return run

    mkor, kfac = least(ten(MKORMethod()), ten(KFACMethod()), 2)
    return mkor / 10, kfac / 10


def main() -> None:
    torch.set_num_threads(1)
    lines = [
        "# MKOR against K-FAC",
        "",
        f"torch {torch.__version__}, {platform.machine()}, one thread, float32, batch {BATCH}, processor time in"
        f" milliseconds; load average at the start {os.getloadavg()[0]:.1f}. Both update every 10 steps.",
        "",
        "| width | MKOR update | in float16 | K-FAC update | ratio | MKOR step | K-FAC step | ratio |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    ours = []
    for width in WIDTHS:
        (mkor, half, kfac), (step, peer) = updates(width), steps(width)
        ours.append(mkor)
        lines.append(
            f"| {width} | {1e3 * mkor:.3f} | {1e3 * half:.3f} | {1e3 * kfac:.3f} | {kfac / mkor:.1f} "
            f"| {1e3 * step:.2f} | {1e3 * peer:.2f} | {peer / step:.2f} |"
        )
        print(lines[-1], flush=True)
    slope = np.polyfit(np.log(WIDTHS), np.log(ours), 1)[0]
    lines += ["", f"The update's time grows with the width to the power {slope:.2f} (fitted over all widths)."]
    print("\n".join(lines))
    if "--write" in sys.argv:
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
