"""64 settings of `digits-mlp` as lanes, against the same runs through a plain loop over torch.optim; ratios in one run.

The loop is what a person would write: one `nn.Module` and one `torch.optim.Adam` a setting, the same data, batch size,
number of steps and number of evaluations. Both sides take turns, `REPEATS` times; the median ratio is what counts.

    python benchmarks/lanes.py            # one thread each
    python benchmarks/lanes.py --trivial  # the overhead of 100 trivial cells, storage included
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable

import torch

import tendsto as tt

SETTINGS = tt.logspace(1e-4, 1.0, 8)
SEEDS, STEPS, RECORD, REPEATS = 8, 500, 2, 3


def lanes(processes: int = 1) -> None:
    tt.race("digits-mlp", ["adam"], steps=STEPS, seeds=SEEDS, tune={"lr": SETTINGS}, record=RECORD, processes=processes)


def loop(make: Callable[..., torch.optim.Optimizer], **settings: object) -> None:
    images, labels, test_images, test_labels = tt.problems.DigitsMLP().data
    loss = torch.nn.functional.cross_entropy
    for lr in SETTINGS:
        for seed in range(SEEDS):
            torch.manual_seed(seed)
            model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Tanh(), torch.nn.Linear(64, 10))
            optimizer = make(model.parameters(), lr=lr, **settings)
            for step in range(STEPS + 1):
                if step in (0, STEPS):
                    with torch.no_grad():
                        loss(model(images), labels), loss(model(test_images), test_labels)
                if step < STEPS:
                    batch = torch.randint(len(labels), (64,))
                    optimizer.zero_grad()
                    loss(model(images[batch]), labels[batch]).backward()
                    optimizer.step()


def seconds(run: Callable[[], None]) -> float:
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


def compare() -> None:
    torch.set_num_threads(1)
    # What is loaded or allocated on first use is outside the clock.
    tt.race("digits-mlp", ["adam"], steps=2, seeds=2)
    peers: dict[str, Callable[[], None]] = {
        "loop over torch.optim.Adam": lambda: loop(torch.optim.Adam),
        "loop over torch.optim.Adam(foreach=True)": lambda: loop(torch.optim.Adam, foreach=True),
        "loop over torch.optim.Adam(fused=True)": lambda: loop(torch.optim.Adam, fused=True),
    }
    took: dict[str, list[float]] = {name: [] for name in ("lanes", *peers)}
    for _ in range(REPEATS):
        took["lanes"].append(seconds(lanes))
        for name, run in peers.items():
            took[name].append(seconds(run))
    print(f"{len(SETTINGS) * SEEDS} runs of {STEPS} steps of digits-mlp, Adam, one thread, torch {torch.__version__}\n")
    print("| peer | times slower than lanes (median) | range |\n| --- | --- | --- |")
    for name in peers:
        ratios = [peer / ours for peer, ours in zip(took[name], took["lanes"], strict=True)]
        print(f"| {name} | {statistics.median(ratios):.2f} | {min(ratios):.2f} to {max(ratios):.2f} |")


def trivial() -> None:
    problem = tt.problems.Quadratic(dimension=2)
    tt.race(problem, {"sgd": tt.optim.SGDRule()}, steps=1, seeds=2)
    with tempfile.TemporaryDirectory() as folder:
        took = seconds(lambda: tt.race(problem, {"sgd": tt.optim.SGDRule()}, steps=1, seeds=100, store=folder))
        again = seconds(lambda: tt.race(problem, {"sgd": tt.optim.SGDRule()}, steps=1, seeds=100, store=folder))
    print(f"100 trivial cells: {took:.2f} s with storage, {again:.2f} s when all are kept")


if __name__ == "__main__":
    trivial() if "--trivial" in sys.argv else compare()
