"""The fused step: our compiled rules against torch's fused AdamW, a byte, and pytorch-optimizer; ratios in one run.

A step is bound by memory, so methods are compared a byte that they must move, in float32 entries:

- AdamW reads p, g, m, v and writes p, m, v: 28 bytes an entry;
- Lion reads p, g, m and writes p, m: 20;
- Cautious AdamW has the mean of its mask to know before it moves anything: a pass that reads g and m, and then AdamW's:
  36. For tensors that stay in cache the first pass is free, and 28 would be the fairer number; 36 is used for both.

pytorch-optimizer's AdamW is torch's own, with its defaults; it has no cautious AdamW, and ADOPT(cautious=True), an Adam
with the same slots and the same mask, stands in for it.

Muon, whose step is products of matrices, is measured on a 2048 x 2048 weight: ours iterates in float32 on a CPU,
torch's in bfloat16, which is slow there unless the CPU multiplies in bfloat16; and ours in bfloat16 as well.

    python benchmarks/step.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version

import pytorch_optimizer
import torch
from side_by_side import Row, ratios, report, take_turns

import tendsto as tt

Make = Callable[[list[torch.nn.Parameter]], torch.optim.Optimizer]

TURNS, PLACEMENTS = 5, 3
WIDTH, LAYERS, VOCABULARY, CONTEXT = 384, 6, 256, 256
BYTES = {"AdamW": 28, "Lion": 20, "Cautious AdamW": 36}


def gpt_shapes() -> list[tuple[int, ...]]:
    """Return the 73 shapes of a GPT with biases, its output layer tied to its embedding, positions not learned."""
    w = WIDTH
    block = [(3 * w, w), (3 * w,), (w, w), (w,), (4 * w, w), (4 * w,), (w, 4 * w), (w,), (w,), (w,), (w,), (w,)]
    return [(VOCABULARY, w), *block * LAYERS]


def step_of(make: Make, shapes: list[tuple[int, ...]]) -> Callable[[], object]:
    torch.manual_seed(0)
    parameters = [torch.nn.Parameter(torch.randn(shape)) for shape in shapes]
    for p in parameters:
        p.grad = torch.randn_like(p)
    return make(parameters).step


def ours(rule: tt.core.Rule, compiled: bool) -> Make:
    return lambda ps: tt.optim.RuleOptimizer(ps, rule, compiled=compiled)


def elementwise() -> list[Row]:
    torch.set_num_threads(1)
    rules = {
        "AdamW": tt.optim.AdamW.rule(),
        "Lion": tt.optim.LionRule(weight_decay=0.01),
        "Cautious AdamW": tt.optim.Cautious.rule(tt.optim.AdamW.rule()),
    }
    peers: dict[str, Make] = {
        "AdamW": lambda ps: pytorch_optimizer.AdamW(ps, weight_decay=0.01),
        "Lion": lambda ps: pytorch_optimizer.Lion(ps, weight_decay=0.01),
        "Cautious AdamW": lambda ps: pytorch_optimizer.ADOPT(ps, weight_decay=0.01, cautious=True),
    }
    cases = {"one tensor of 10^7": [(10_000_000,)], "73 tensors of a GPT": gpt_shapes()}
    rows: list[Row] = []
    for case, shapes in cases.items():
        makes: dict[str, Make] = {"fused": lambda ps: torch.optim.AdamW(ps, weight_decay=0.01, fused=True)}
        for name, rule in rules.items():
            makes |= {f"{name} compiled": ours(rule, True), f"{name} eager": ours(rule, False), name: peers[name]}
        # Where tensors happen to lie in memory changes a ratio by a fifth: they are made anew.
        took: dict[str, list[float]] = {name: [] for name in makes}
        for _ in range(PLACEMENTS):
            runs = {name: step_of(make, shapes) for name, make in makes.items()}
            for name, found in take_turns(runs, TURNS, clock=time.process_time).items():
                took[name] += found
        for name in rules:
            compiled, eager, theirs = took[f"{name} compiled"], took[f"{name} eager"], took[name]
            share = BYTES["AdamW"] / BYTES[name]
            rows += [
                Row(
                    f"{case}: {name}, compiled over torch's fused, a byte",
                    ratios(compiled, took["fused"], share),
                    at_most=1.15,
                ),
                Row(f"{case}: {name}, pytorch-optimizer over compiled", ratios(theirs, compiled), at_least=5),
                Row(f"{case}: {name}, pytorch-optimizer over eager", ratios(theirs, eager), at_least=1),
            ]
    return rows


def muon() -> list[Row]:
    torch.set_num_threads(2)
    # A group of hidden matrices for both: torch's takes no others.
    rule, weight = tt.optim.MuonRule(fallback=None), [(2048, 2048)]
    runs = {
        "ours": step_of(ours(rule, False), weight),
        "ours in bfloat16": step_of(ours(replace(rule, precision="bfloat16"), False), weight),
        "torch": step_of(lambda ps: torch.optim.Muon(ps, lr=0.02), weight),
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
    rows = [*elementwise(), *muon()]
    capability = torch.backends.cpu.get_cpu_capability()
    has = {"bfloat16": torch.cpu._is_avx512_bf16_supported(), "AMX tiles": torch.cpu._is_amx_tile_supported()}
    units = ", ".join(f"{'with' if yes else 'without'} {name}" for name, yes in has.items())
    notes = (
        f"Float32, torch {torch.__version__}, pytorch-optimizer {version('pytorch-optimizer')}. One thread, seconds of "
        f"the processor; Muon two threads, seconds of the clock, on a CPU with {capability}, {units}: torch iterates "
        "it in bfloat16, ours in float32 where nothing else is said."
    )
    report("step", "The fused step", notes, rows)


if __name__ == "__main__":
    main()
