"""What a step of AdaFisher costs on a small network, over a step of AdamW; ratios in one run.

A step is the loss, its gradient and the update. AdaFisher takes the diagonals of its factors anew every `update_every`
steps, 100 by default. No peer has it; pytorch-optimizer's AdaHessian, which looks at curvature at every step as
`update_every=1` does, is measured beside it.

    python benchmarks/adafisher.py        # one thread, seconds of the processor
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from importlib.metadata import version

import pytorch_optimizer
import torch
from side_by_side import Row, ratios, report, take_turns

import tendsto as tt

Closure = Callable[[], torch.Tensor]

TURNS, STEPS = 9, 100
WIDTHS, BATCH = (256, 1024), 256


def run(width: int, make: Callable[[torch.nn.Module], Callable[[Closure], object]]) -> Callable[[], object]:
    """A step, on a model of its own."""
    torch.manual_seed(0)
    layers = [torch.nn.Linear(64, width), torch.nn.Tanh(), torch.nn.Linear(width, width), torch.nn.Tanh()]
    model = torch.nn.Sequential(*layers, torch.nn.Linear(width, 10))
    images, labels, *_ = tt.problems.DigitsMLP().data
    inputs, targets = images[:BATCH].float(), labels[:BATCH]
    step = make(model)
    return lambda: step(lambda: torch.nn.functional.cross_entropy(model(inputs), targets))


def stepping(optimizer: torch.optim.Optimizer, create_graph: bool = False) -> Callable[[Closure], object]:
    """The usual step of a torch optimizer."""

    def step(closure: Closure) -> None:
        optimizer.zero_grad(set_to_none=True)
        closure().backward(create_graph=create_graph)
        optimizer.step()

    return step


def main() -> None:
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message="Using backward")
    makes: dict[str, Callable[[torch.nn.Module], Callable[[Closure], object]]] = {
        "AdamW, fused": lambda m: stepping(torch.optim.AdamW(m.parameters(), fused=True)),
        "AdamW": lambda m: stepping(torch.optim.AdamW(m.parameters())),
        "AdaFisher": lambda m: tt.optim.AdaFisher(m).step,
        "AdaFisher, update_every=1": lambda m: tt.optim.AdaFisher(m, update_every=1).step,
        "pytorch-optimizer's AdaHessian": lambda m: stepping(
            pytorch_optimizer.AdaHessian(m.parameters(), lr=1e-3), create_graph=True
        ),
    }
    rows: list[Row] = []
    for width in WIDTHS:
        runs = {name: run(width, make) for name, make in makes.items()}
        took = take_turns(runs, TURNS, STEPS, clock=time.process_time)
        case = f"64-{width}-{width}-10, batch {BATCH}"
        for name in ("AdaFisher", "AdaFisher, update_every=1"):
            for base in ("AdamW", "AdamW, fused"):
                rows.append(Row(f"{case}: {name} over {base}", ratios(took[name], took[base]), at_most=2))
        hessian = took["pytorch-optimizer's AdaHessian"]
        rows.append(
            Row(
                f"{case}: pytorch-optimizer's AdaHessian over AdaFisher, update_every=1",
                ratios(hessian, took["AdaFisher, update_every=1"]),
                at_least=1,
            )
        )
    notes = (
        f"Float32, torch {torch.__version__}, pytorch-optimizer {version('pytorch-optimizer')}. One thread, seconds of "
        "the processor. The targets are ours, not the paper's."
    )
    report("adafisher", "A step of AdaFisher", notes, rows)


if __name__ == "__main__":
    main()
