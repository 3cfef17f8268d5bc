"""What a step of AdaHessian and OASIS costs on two networks, in gradient evaluations; ratios in one run.

A gradient evaluation is the loss and `torch.autograd.grad` of it on the same batch. Products with the Hessian are
exact, by two backward passes, or differences of gradients, by which a step is two gradient evaluations and what is
around them. The peer, where installed, is `pytorch_optimizer.AdaHessian`, with the `backward(create_graph=True)` that
it asks for. All take turns; the median ratio is what counts, of processor time, which others on the machine do not
disturb.

    python benchmarks/curvature.py        # one thread
"""

from __future__ import annotations

import importlib.util
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from side_by_side import Row, ratios, report, take_turns

import tendsto as tt

LIMIT = 2.2
BATCH, REPEATS = 256, 9
CASES = {"64-256-256-10": (256, 30), "64-1024-1024-10": (1024, 5)}
"""Networks by their width and the steps of a turn. A gradient of the first takes some 2 ms."""

Closure = Callable[[], torch.Tensor]
Make = Callable[[torch.nn.Module], Callable[[Closure], object]]


def network(width: int) -> torch.nn.Module:
    torch.manual_seed(0)
    layers = [torch.nn.Linear(64, width), torch.nn.Tanh(), torch.nn.Linear(width, width), torch.nn.Tanh()]
    return torch.nn.Sequential(*layers, torch.nn.Linear(width, 10))


def step_of(make: Make, width: int) -> Callable[[], object]:
    """One step, on a model of its own."""
    model = network(width)
    images, labels, *_ = tt.problems.DigitsMLP().data
    inputs, targets = images[:BATCH], labels[:BATCH]
    step = make(model)
    return lambda: step(lambda: torch.nn.functional.cross_entropy(model(inputs), targets))


def gradient(model: torch.nn.Module) -> Callable[[Closure], object]:
    parameters = list(model.parameters())
    return lambda closure: torch.autograd.grad(closure(), parameters)


def peer(model: torch.nn.Module) -> Callable[[Closure], object]:
    import pytorch_optimizer

    optimizer = pytorch_optimizer.AdaHessian(model.parameters(), lr=0.01)

    def step(closure: Closure) -> None:
        optimizer.zero_grad(set_to_none=True)
        closure().backward(create_graph=True)
        optimizer.step()

    return step


def adahessian(**settings: Any) -> Make:
    return lambda m: tt.optim.AdaHessian(m, lr=0.01, **settings).step


def oasis(**settings: Any) -> Make:
    return lambda m: tt.optim.OASIS(m, alpha=1e-2, warmup_samples=1, **settings).step


DIFFERENCE: dict[str, Any] = {"products": "difference"}
COMPILED: dict[str, Any] = {**DIFFERENCE, "compiled": True}

METHODS: dict[str, Make] = {
    "AdaHessian": adahessian(),
    "AdaHessian, update_every=5": adahessian(update_every=5),
    "AdaHessian, difference": adahessian(**DIFFERENCE),
    "AdaHessian, difference, compiled": adahessian(**COMPILED),
    "OASIS, fixed step": oasis(lr=0.01),
    "OASIS, fixed step, difference": oasis(lr=0.01, **DIFFERENCE),
    "OASIS, fixed step, difference, compiled": oasis(lr=0.01, **COMPILED),
    "OASIS, adaptive step": oasis(),
    "OASIS, adaptive step, reuse_gradient, difference": oasis(reuse_gradient=True, **DIFFERENCE),
}
AGAINST = ("AdaHessian", "AdaHessian, difference", "AdaHessian, difference, compiled")


def rows_of(case: str) -> list[Row]:
    width, steps = CASES[case]
    makes = {"gradient": gradient, **METHODS}
    if importlib.util.find_spec("pytorch_optimizer"):
        makes["peer"] = peer
    took = take_turns({n: step_of(make, width) for n, make in makes.items()}, REPEATS, steps, time.process_time)
    rows = [
        Row(f"{case}: {name}: a step in gradient evaluations", ratios(took[name], took["gradient"]), at_most=LIMIT)
        for name in METHODS
    ]
    for name in AGAINST if "peer" in took else ():
        what = f"{case}: pytorch-optimizer's AdaHessian over {name}"
        rows.append(Row(what, ratios(took["peer"], took[name]), at_least=1))
    return rows


def main() -> None:
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message="Using backward")
    rows = [row for case in CASES for row in rows_of(case)]
    notes = f"Tanh networks in float32, batch {BATCH}, one thread, seconds of the processor, torch {torch.__version__}."
    report("curvature", "The step of AdaHessian and OASIS", notes, rows)


if __name__ == "__main__":
    main()
