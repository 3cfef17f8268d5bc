"""The fused step: our compiled rules against torch's fused AdamW, a byte, and their peers; ratios in one run.

A step is bound by memory, so methods are compared a byte that they must move, in float32 entries. AdamW reads p, g, m
and v and writes p, m, v: 28 bytes an entry. A rule with sums over the tensor (a mask's mean, the lengths of channels)
has them to know before it moves anything: a pass that reads what the sums are of, and then the update's. `METHODS`
lists them all. For tensors that stay in cache the first pass is free, and the update's bytes would be the fairer
number; for those that do not, a pass that only reads is dearer a byte. All bytes are counted alike. For rules with such
a pass there is a second row, beside the same passes at torch's speed: its dot product for what is read alone, its fused
AdamW for the update, a byte each.

Peers are named in the table. pytorch-optimizer's AdamW is torch's own, with its defaults; it has no cautious AdamW, and
ADOPT(cautious=True), an Adam with the same slots and the same mask, stands in for it. HeavyBall compiles its steps too;
of the methods here it has AdamW and the cautious AdamW and SGD.

OASIS is measured without its products with the Hessian: the whole compiled step of a fixed size, with gradients and
drawn diagonals that are there already.

Muon, whose step is products of matrices, is measured on a 2048 x 2048 weight: ours iterates in float32 on a CPU,
torch's in bfloat16, which is slow there unless the CPU multiplies in bfloat16; and ours in bfloat16 as well.

    python benchmarks/step.py                                # all, which records the table
    python benchmarks/step.py --only AdamP "Cautious Lion"   # prints a part
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any
from unittest import mock

import pytorch_optimizer
import torch
from side_by_side import Row, ratios, report, take_turns

import tendsto as tt
from tendsto.optim.adgd import starting
from tendsto.optim.entrywise import Answers

Parameters = list[torch.nn.Parameter]
Step = Callable[[], object]
Make = Callable[[Parameters], Step]

TURNS, PLACEMENTS = 5, 3
WIDTH, LAYERS, VOCABULARY, CONTEXT = 384, 6, 256, 256
FUSED, READ = 28, 8
"""Bytes an entry of torch's fused AdamW, and of its dot product."""


@dataclass(frozen=True)
class Elementwise:
    """A rule, the bytes an entry that its passes read and write, and who else has it."""

    rule: tt.core.Rule
    moves: dict[str, int]
    peers: dict[str, Callable[[Parameters], torch.optim.Optimizer]] = field(default_factory=dict)
    faster: float = 1.0
    """How many times slower than the compiled rule pytorch-optimizer's is to be."""

    @property
    def bytes(self) -> int:
        return sum(self.moves.values())


def theirs(name: str, **settings: Any) -> Callable[[Parameters], torch.optim.Optimizer]:
    """An optimizer of pytorch-optimizer."""
    return lambda ps: getattr(pytorch_optimizer, name)(ps, weight_decay=0.01, **settings)


def heavyball(name: str, **settings: Any) -> Callable[[Parameters], torch.optim.Optimizer]:
    """An optimizer of HeavyBall, which is kept from taking the gradients away."""
    return lambda ps: getattr(importlib.import_module("heavyball"), name)(
        ps, weight_decay=0.01, consume_grad=False, **settings
    )


adamw, lion = tt.optim.AdamW.rule(), tt.optim.LionRule(weight_decay=0.01)
adamax, exadam = tt.optim.AdaMaxRule(weight_decay=0.01), tt.optim.EXAdamRule(weight_decay=0.01)
adamp, sgdp = tt.optim.AdamP.rule(weight_decay=0.01), tt.optim.SGDP.rule(weight_decay=0.01)
sgd = tt.optim.SGDRule(momentum=0.9, weight_decay=0.01)
cautious = tt.optim.Cautious.rule

PYTORCH_OPTIMIZER, HEAVYBALL, TORCH = "pytorch-optimizer", "HeavyBall", "torch"

METHODS: dict[str, Elementwise] = {
    "AdamW": Elementwise(
        adamw, {"p g m v, p m v": 28}, {PYTORCH_OPTIMIZER: theirs("AdamW"), HEAVYBALL: heavyball("AdamW")}, faster=5
    ),
    "AdaMax": Elementwise(
        adamax,
        {"p g m u, p m u": 28},
        {PYTORCH_OPTIMIZER: theirs("AdaMax"), TORCH: lambda ps: torch.optim.Adamax(ps, weight_decay=0.01)},
    ),
    "EXAdam": Elementwise(exadam, {"p g m v, p m v": 28}, {PYTORCH_OPTIMIZER: theirs("EXAdam")}, faster=10),
    "Lion": Elementwise(lion, {"p g m, p m": 20}, {PYTORCH_OPTIMIZER: theirs("Lion")}, faster=5),
    "random scaling": Elementwise(tt.optim.RSGDM.rule(weight_decay=0.01), {"p g m, p m": 20}),
    "AdamP": Elementwise(adamp, {"p g m v": 16, "p g m v, p m v": 28}, {PYTORCH_OPTIMIZER: theirs("AdamP")}, faster=10),
    "SGDP": Elementwise(sgdp, {"p g m": 12, "p g m, p m": 20}, {PYTORCH_OPTIMIZER: theirs("SGDP", momentum=0.9)}),
    "Cautious AdamW": Elementwise(
        cautious(adamw),
        {"g m": 8, "p g m v, p m v": 28},
        {PYTORCH_OPTIMIZER: theirs("ADOPT", cautious=True), HEAVYBALL: heavyball("AdamW", caution=True)},
        faster=5,
    ),
    # Weight decay that is added to the gradient has the sums look at p too.
    "Cautious AdaMax": Elementwise(cautious(adamax), {"p g m": 12, "p g m u, p m u": 28}),
    "Cautious EXAdam": Elementwise(cautious(exadam), {"g m": 8, "p g m v, p m v": 28}),
    "Cautious Lion": Elementwise(cautious(lion), {"g m": 8, "p g m, p m": 20}),
    "Cautious SGD": Elementwise(
        cautious(sgd), {"p g m": 12, "p g m, p m": 20}, {HEAVYBALL: heavyball("SGD", caution=True)}
    ),
    "Cautious AdamP": Elementwise(cautious(adamp), {"p g m v": 16, "p g m v ": 16, "p g m v, p m v": 28}),
}
"""What must be moved: a pass each, what it reads and, after the comma, what it writes."""


def gpt_shapes() -> list[tuple[int, ...]]:
    """Return the 73 shapes of a GPT with biases, its output layer tied to its embedding, positions not learned."""
    w = WIDTH
    block = [(3 * w, w), (3 * w,), (w, w), (w,), (4 * w, w), (4 * w,), (w, 4 * w), (w,), (w,), (w,), (w,), (w,)]
    return [(VOCABULARY, w), *block * LAYERS]


CASES = {"one tensor of 10^7": [(2500, 4000)], "73 tensors of a GPT": gpt_shapes()}


def step_of(make: Make, shapes: list[tuple[int, ...]]) -> Step:
    torch.manual_seed(0)
    parameters = [torch.nn.Parameter(torch.randn(shape)) for shape in shapes]
    for p in parameters:
        p.grad = torch.randn_like(p)
    return make(parameters)


def ours(rule: tt.core.Rule, compiled: bool) -> Make:
    return lambda ps: tt.optim.RuleOptimizer(ps, rule, compiled=compiled).step


def fused(parameters: Parameters) -> Step:
    return torch.optim.AdamW(parameters, weight_decay=0.01, fused=True).step


def dot_products(parameters: Parameters) -> Step:
    """A pass that only reads, two tensors at a time."""
    pairs = [(p.detach().view(-1), p.grad.view(-1)) for p in parameters if p.grad is not None]
    return lambda: [torch.dot(p, g) for p, g in pairs]


def in_turns(makes: dict[str, Make], shapes: list[tuple[int, ...]]) -> dict[str, list[float]]:
    """Return the seconds of the processor a step of each. Where tensors lie changes a ratio by a fifth: they move."""
    took: dict[str, list[float]] = {name: [] for name in makes}
    for _ in range(PLACEMENTS):
        runs = {name: step_of(make, shapes) for name, make in makes.items()}
        for name, found in take_turns(runs, TURNS, clock=time.process_time).items():
            took[name] += found
    return took


def elementwise(case: str, name: str) -> list[Row]:
    method = METHODS[name]
    makes: dict[str, Make] = {"fused": fused, "compiled": ours(method.rule, True), "eager": ours(method.rule, False)}
    here = {
        who: make for who, make in method.peers.items() if who != HEAVYBALL or importlib.util.find_spec("heavyball")
    }
    makes |= {who: lambda ps, make=make: make(ps).step for who, make in here.items()}
    *reading, updating = method.moves.values()
    makes |= {"dot products": dot_products} if reading else {}
    took = in_turns(makes, CASES[case])
    rows = [
        Row(
            f"{case}: {name}, compiled over torch's fused AdamW, a byte of {method.bytes} an entry",
            ratios(took["compiled"], took["fused"], FUSED / method.bytes),
            at_most=1.1,
        )
    ]
    if reading:
        passes = [
            sum(reading) / READ * d + updating / FUSED * f
            for d, f in zip(took["dot products"], took["fused"], strict=True)
        ]
        rows.append(
            Row(
                f"{case}: {name}, compiled over its passes at torch's speed",
                ratios(took["compiled"], passes),
                at_most=1.1,
            )
        )
    for who in here:
        least = method.faster if who == PYTORCH_OPTIMIZER else 1.0
        rows.append(Row(f"{case}: {name}, {who} over compiled", ratios(took[who], took["compiled"]), at_least=least))
        if who == PYTORCH_OPTIMIZER:
            rows.append(Row(f"{case}: {name}, {who} over eager", ratios(took[who], took["eager"]), at_least=1))
    return rows


def recompilations(name: str) -> Row:
    """Count what is compiled after the first step while lr, weight decay and betas move."""
    compiler = importlib.import_module("torch._inductor.compile_fx")
    parameters = [torch.nn.Parameter(torch.randn(shape)) for shape in [(30, 50), (70, 20), (40,)]]
    optimizer = tt.optim.RuleOptimizer(parameters, METHODS[name].rule, compiled=True)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    seen = list[int]()
    with mock.patch.object(compiler, "compile_fx_inner", wraps=compiler.compile_fx_inner) as compilation:
        for _ in range(6):
            for p in parameters:
                p.grad = torch.randn_like(p)
            optimizer.step()
            seen.append(compilation.call_count)
            schedule.step()
            for group in optimizer.param_groups:
                group["weight_decay"] *= 0.9
                if "betas" in group:
                    group["betas"] = tuple(0.99 * beta for beta in group["betas"])
    assert seen[0], "the first step has compiled nothing: nothing was measured"
    return Row(f"{name}: compilations after the first step, on a schedule", [seen[-1] - seen[0]], at_most=0)


@dataclass(frozen=True)
class Answered(tt.optim.OASISMethod):
    """OASIS whose oracle has answered already: the gradient and the drawn diagonal are there."""

    def init(self, oracle: Any, rng: Any) -> dict[str, Any]:
        x, zeros = oracle.init(), {n: torch.zeros_like(p) for n, p in oracle.problem.parameters.items()}
        ones = {n: torch.ones_like(p) for n, p in zeros.items()}
        return {"x": x, "diagonal": ones, "exp_avg": zeros, **starting(self.eta0, x)}

    def ask(self, state: dict[str, Any], oracle: Any, rng: Any) -> Answers:
        given = {name: p.grad for name, p in oracle.problem.parameters.items()}
        drawn = {name: p.drawn for name, p in oracle.problem.parameters.items()}
        return Answers(0.0, given, {"drawn": drawn}, {"eta": state["eta"], "theta": state["theta"]})


def oasis(case: str) -> list[Row]:
    def whole(parameters: Parameters) -> Step:
        for p in parameters:
            p.drawn = torch.randn_like(p).detach()  # type: ignore[attr-defined]
        optimizer = tt.optim.MethodOptimizer(parameters, Answered(lr=0.01, warmup_samples=1), compiled=True)
        return lambda: optimizer.step(lambda: None)

    took = in_turns({"fused": fused, "whole": whole}, CASES[case])
    # It reads p, g, the products, D and m, and writes p, D, m.
    what = f"{case}: OASIS of a fixed step without its products, compiled, over fused AdamW, a byte of 32 an entry"
    return [Row(what, ratios(took["whole"], took["fused"], FUSED / 32), at_most=1.1)]


def muon() -> list[Row]:
    torch.set_num_threads(2)
    # A group of hidden matrices for both: torch's takes no others.
    rule, weight = tt.optim.MuonRule(fallback=None), [(2048, 2048)]
    runs = {
        "ours": step_of(ours(rule, False), weight),
        "ours in bfloat16": step_of(ours(replace(rule, precision="bfloat16"), False), weight),
        "torch": step_of(lambda ps: torch.optim.Muon(ps, lr=0.02).step, weight),
    }
    took = take_turns(runs, 3)
    return [
        Row("2048 x 2048: Muon, torch over ours", ratios(took["torch"], took["ours"]), at_least=3),
        Row(
            "2048 x 2048: Muon, torch over ours in bfloat16",
            ratios(took["torch"], took["ours in bfloat16"]),
            at_least=0.9,
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=[*METHODS, "OASIS", "Muon"], help="methods; nothing is recorded")
    only = parser.parse_args().only
    wanted = only or [*METHODS, "OASIS", "Muon"]
    torch.set_num_threads(1)
    rows = [recompilations(name) for name in METHODS if name in wanted]
    for case in CASES:
        for name in METHODS:
            if name in wanted:
                rows += elementwise(case, name)
                print("measured", case, name, flush=True)
        rows += oasis(case) if "OASIS" in wanted else []
    rows += muon() if "Muon" in wanted else []
    if only:
        print(*rows, sep="\n")
        return
    capability = torch.backends.cpu.get_cpu_capability()
    has = {"bfloat16": torch.cpu._is_avx512_bf16_supported(), "AMX tiles": torch.cpu._is_amx_tile_supported()}
    units = ", ".join(f"{'with' if yes else 'without'} {name}" for name, yes in has.items())
    installed = importlib.util.find_spec("heavyball") is not None
    peer = f"HeavyBall {version('heavyball')}" if installed else "HeavyBall not installed and left out"
    notes = (
        f"Float32, torch {torch.__version__}, pytorch-optimizer {version('pytorch-optimizer')}, {peer}. One thread, "
        f"seconds of the processor; Muon two threads, seconds of the clock, on a CPU with {capability}, {units}: torch "
        "iterates it in bfloat16, ours in float32 where nothing else is said."
    )
    report("step", "The fused step", notes, rows)


if __name__ == "__main__":
    main()
