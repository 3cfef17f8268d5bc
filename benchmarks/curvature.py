"""What a step of AdaHessian and OASIS costs on a small network, in gradient evaluations; ratios in one run.

A gradient evaluation is the loss and `torch.autograd.grad` of it on the same batch. The peer, where installed, is
`pytorch_optimizer.AdaHessian`, with the `backward(create_graph=True)` that it asks for. All take turns,
`REPEATS` times; the median ratio is what counts, of processor time, which others on the machine do not disturb.

    python benchmarks/curvature.py        # one thread
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable

import torch

import tendsto as tt

LIMIT = 2.2
WIDTH, BATCH, STEPS, REPEATS = 256, 256, 30, 9


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    layers = [torch.nn.Linear(64, WIDTH), torch.nn.Tanh(), torch.nn.Linear(WIDTH, WIDTH), torch.nn.Tanh()]
    return torch.nn.Sequential(*layers, torch.nn.Linear(WIDTH, 10))


def step_of(make: Callable[[torch.nn.Module], Callable[[Callable[[], torch.Tensor]], object]]) -> Callable[[], None]:
    """One step, on a model of its own."""
    model = network()
    images, labels, *_ = tt.problems.DigitsMLP().data
    inputs, targets = images[:BATCH], labels[:BATCH]
    step = make(model)
    return lambda: step(lambda: torch.nn.functional.cross_entropy(model(inputs), targets)) and None


def gradient(model: torch.nn.Module) -> Callable[[Callable[[], torch.Tensor]], object]:
    parameters = list(model.parameters())
    return lambda closure: torch.autograd.grad(closure(), parameters)


def peer(model: torch.nn.Module) -> Callable[[Callable[[], torch.Tensor]], object]:
    import pytorch_optimizer

    optimizer = pytorch_optimizer.AdaHessian(model.parameters(), lr=0.01)

    def step(closure: Callable[[], torch.Tensor]) -> None:
        optimizer.zero_grad(set_to_none=True)
        closure().backward(create_graph=True)
        optimizer.step()

    return step


def seconds(step: Callable[[], None]) -> float:
    begun = time.process_time()
    for _ in range(STEPS):
        step()
    return time.process_time() - begun


def main() -> None:
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message="Using backward")
    makes: dict[str, Callable[[torch.nn.Module], Callable[[Callable[[], torch.Tensor]], object]]] = {
        "gradient evaluation": gradient,
        "AdaHessian": lambda m: tt.optim.AdaHessian(m, lr=0.01).step,
        "AdaHessian, update_every=5": lambda m: tt.optim.AdaHessian(m, lr=0.01, update_every=5).step,
        "OASIS, fixed step": lambda m: tt.optim.OASIS(m, lr=0.01, alpha=1e-2, warmup_samples=1).step,
        "OASIS, adaptive step": lambda m: tt.optim.OASIS(m, alpha=1e-2, warmup_samples=1).step,
        "SGD of this library": lambda m: tt.optim.MethodOptimizer(m, tt.optim.SGD.rule(lr=0.01)).step,
    }
    try:
        import pytorch_optimizer as _

        makes["pytorch_optimizer.AdaHessian"] = peer
    except ImportError:
        pass
    steps = {name: step_of(make) for name, make in makes.items()}
    took: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        seconds(step)
    for _ in range(REPEATS):
        for name, step in steps.items():
            took[name].append(seconds(step))
    base = took.pop("gradient evaluation")
    print(f"64-{WIDTH}-{WIDTH}-10 network, batch {BATCH}, one thread, torch {torch.__version__}; limit {LIMIT}\n")
    print("| a step of | gradient evaluations (median) | range |\n| --- | --- | --- |")
    for name, times in took.items():
        ratios = [a / b for a, b in zip(times, base, strict=True)]
        print(f"| {name} | {statistics.median(ratios):.2f} | {min(ratios):.2f} to {max(ratios):.2f} |")


if __name__ == "__main__":
    main()
