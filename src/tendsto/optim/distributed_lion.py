"""Distributed Lion: workers send the signs of their own Lion steps, a bit an entry, and their vote is the step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.core.rule import Rule
from tendsto.core.tree import join, split
from tendsto.optim.adam import adamw
from tendsto.optim.eager import working
from tendsto.optim.lion_messages import AGGREGATES, TIES, decision, downlink, uplink, width_of
from tendsto.optim.settings import at_least_zero, average, decay_rates, one_of
from tendsto.optim.torch_optimizer import gradient_of, real_view


@register("distributed-lion")
@dataclass(frozen=True)
class LionWorkers(Method):
    """Distributed Lion with all its workers in this process; what they would send is packed, counted and unpacked.

    Each of N workers draws its own sample and keeps its own momentum m_i, 0 at first; all share x:

        worker i:   send sign(b1 m_i + (1 - b1) g_i), a bit an entry;   m_i <- b2 m_i + (1 - b2) g_i
        server:     d = sign(sum of the signs) ("majority"), or their mean ("average")
        everyone:   x <- (1 - lr weight_decay) x - lr d

    The entries of x are one message, padded to whole bytes once. The paper's sign(0), at ties of votes, for even N, and
    at zeros of a direction, is none of the two that a bit says. `tie` chooses:

        "alternate"   +1 at every other entry and step, the default, which does not drift
        "minus"       -1, as the public code by a co-author has it, by which entries without a gradient drift
        "zero"        0, as the formulas have it, in two bits an entry up and down ("average": log2(2 N + 1) down)

    With N = 1 it is Lion, but for entries with direction 0, which only Lion and "zero" leave where they are. Weight
    decay makes it minimise under |x| <= 1 / weight_decay, see `tendsto.theory.LionBox`.

    State: "momenta" (N, n), n entries. The tensors of x share a dtype.
    Info: "bytes up" and "bytes down", over all links and steps so far.

    Source: Liu et al. 2024, arXiv 2404.00438, Algorithm 1; the width of the averaged answer is recalled.

    Raises:
        ValueError: a negative setting, betas outside [0, 1), fewer than one worker, an unknown aggregate or tie.

    >>> from tendsto.core.iterate import iterate
    >>> from tendsto.problems import Quadratic
    >>> trace = iterate(LionWorkers(lr=0.01, workers=3), Quadratic(dimension=20, noise=1.0), steps=10)
    >>> int(trace.final("info.bytes up")[0])  # 10 steps, 3 workers, 20 bits in 3 bytes
    90
    """

    lr: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.0
    workers: int = 4
    aggregate: str = "majority"
    tie: str = "alternate"

    def __post_init__(self) -> None:
        _check(self.lr, self.betas, self.weight_decay, self.aggregate, self.tie)
        if self.workers < 1:
            raise ValueError(f"workers = {self.workers} take no step: use a whole number of at least 1")

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        x, zero = oracle.init(), torch.zeros((), dtype=torch.float64)
        momenta = torch.zeros_like(join(x)).expand(self.workers, -1).clone()
        return {"x": x, "momenta": momenta, "up": zero, "down": zero.clone(), "step": zero.clone()}

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        x, step = state["x"], state["step"] + 1
        values, gradients = _gradients(oracle, x, self.workers)
        directions = average(state["momenta"], gradients, self.betas[0])
        momenta = average(state["momenta"], gradients, self.betas[1])
        flat = join(x)
        messages = uplink(directions, step, self.tie)
        answer = downlink(messages, flat.numel(), step, self.aggregate, self.tie)
        d = decision(answer, flat.numel(), self.workers, self.aggregate, flat.dtype, self.tie)
        flat = (1 - self.lr * self.weight_decay) * flat - self.lr * d
        up = state["up"] + messages.numel()
        down = state["down"] + self.workers * answer.numel()
        info = {"value": values.mean(), "bytes up": up, "bytes down": down}
        return {"x": split(flat, like=x), "momenta": momenta, "up": up, "down": down, "step": step}, info


@dataclass(frozen=True)
class ParameterServer(Method):
    """Workers send gradients and the server steps along their mean by any rule: what low-bit methods are compared with.

    Gradients go up, and the step comes down, as they are: 4 bytes an entry in float32.

    Info: "bytes up" and "bytes down", over all links and steps so far. State: that of the rule.

    Raises:
        ValueError: fewer than one worker. TypeError: `base` is no Rule.

    >>> from tendsto.core.iterate import iterate
    >>> from tendsto.optim import LionRule
    >>> from tendsto.problems import Quadratic
    >>> trace = iterate(ParameterServer(LionRule(lr=0.01), workers=3), Quadratic(dimension=20, noise=1.0), steps=10)
    >>> int(trace.final("info.bytes up")[0])  # 10 steps, 3 workers, 20 numbers of 8 bytes
    4800
    """

    base: Rule = field(default_factory=adamw)
    workers: int = 4

    def __post_init__(self) -> None:
        if not isinstance(self.base, Rule):
            raise TypeError(f"base = {self.base!r} is no Rule: use one such as tendsto.optim.AdamW.rule()")
        if self.workers < 1:
            raise ValueError(f"workers = {self.workers} take no step: use a whole number of at least 1")

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        base = self.base.init(oracle, rng)
        return {"x": base["x"], "base": base, "bytes": torch.zeros((), dtype=torch.float64)}

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        x = state["x"]
        values, gradients = _gradients(oracle, x, self.workers)
        known = _Known(values.mean(), split(gradients.mean(dim=0), like=x))
        base, info = self.base.step(state["base"], known, rng)  # type: ignore[arg-type]
        sent = state["bytes"] + gradients.numel() * gradients.element_size()
        return {"x": base["x"], "base": base, "bytes": sent}, {**info, "bytes up": sent, "bytes down": sent}


@register("parameter-server-lion")
def parameter_server_lion() -> ParameterServer:
    """Return Lion on the mean gradient of four workers."""
    from tendsto.optim.lion import LionRule

    return ParameterServer(LionRule())


@dataclass(frozen=True)
class _Known:
    """An oracle whose answer is already there."""

    value: Any
    gradient: Any

    def value_and_gradient(self, x: Any) -> tuple[Any, Any]:
        return self.value, self.gradient


def _gradients(oracle: Oracle, x: Any, workers: int) -> tuple[Tensor, Tensor]:
    """The loss and the gradient, as one vector, that each worker finds at x on a sample of its own; all at once."""
    rng, problem = oracle.rng.fork("workers"), oracle.problem
    samples = problem.sample(rng.at(rng.step * workers + torch.arange(workers)).fork("sample"))

    def one(sample: Any) -> tuple[Tensor, Tensor]:
        value, gradient = Oracle(problem, rng, sample=sample, calls=oracle.calls).value_and_gradient(x)
        return value, join(gradient)

    oracle.calls["gradient"] += workers - 1  # `one` is counted once
    if samples is None:
        value, gradient = one(None)
        return value.expand(workers), gradient.expand(workers, -1)
    return torch.func.vmap(one)(samples)


class DistributedLion(torch.optim.Optimizer):
    """Distributed Lion over `torch.distributed`: each process computes its own gradients and sends their Lion signs.

    The processes of `group` gather their messages at its first one and get its answer, a bit an entry each way
    ("majority"; two with tie="zero"), so gradients must not be averaged: leave DistributedDataParallel out, or use its
    `no_sync`. All start from the same parameters, given in the same order, and stay together. Without torch.distributed
    it runs alone, as Lion. Algorithm, ties and settings are those of `LionWorkers`.

    Every parameter is part of the message: one without a gradient counts as having a zero one. Momenta are float32 at
    least and differ between processes: each saves its own state_dict.

    Raises:
        ValueError: a setting out of its range. TypeError: a gradient is sparse.

    >>> weight = torch.nn.Parameter(torch.ones(2))
    >>> weight.grad = torch.tensor([1.0, -20.0])
    >>> optimizer = DistributedLion([weight], lr=0.25)
    >>> optimizer.step()
    >>> weight.tolist(), optimizer.bytes_up
    ([0.75, 1.25], 1)
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        aggregate: str = "majority",
        tie: str = "alternate",
        group: Any = None,
        maximize: bool = False,
    ) -> None:
        _check(lr, betas, weight_decay, aggregate, tie)
        self.aggregate, self.tie, self.group = aggregate, tie, group
        self.bytes_up = self.bytes_down = 0
        super().__init__(
            params, {"lr": lr, "betas": betas, "weight_decay": weight_decay, "maximize": maximize, "steps": 0}
        )

    def __getstate__(self) -> dict[str, Any]:
        kept = ("aggregate", "tie", "group", "bytes_up", "bytes_down")
        return {**super().__getstate__(), **{name: getattr(self, name) for name in kept}}

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """Take one step together with the other processes; `closure` evaluates this one's loss anew."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        steps = 1 + max(group["steps"] for group in self.param_groups)
        directions: list[Tensor] = []
        for group in self.param_groups:
            group["steps"] = steps
            directions += [self._direction(p, group).reshape(-1) for p in group["params"]]
        answer = self._vote(torch.cat(directions), steps)
        for group in self.param_groups:
            for p in group["params"]:
                x = working(real_view(p.detach()))
                d, answer = answer[: x.numel()].to(x.dtype).reshape(x.shape), answer[x.numel() :]
                real_view(p.detach()).copy_((1 - group["lr"] * group["weight_decay"]) * x - group["lr"] * d)
        return loss

    def _direction(self, p: Tensor, group: dict[str, Any]) -> Tensor:
        x, (b1, b2) = working(real_view(p.detach())), group["betas"]
        g = torch.zeros_like(x) if p.grad is None else working(real_view(gradient_of(p, type(self).__name__)))
        g = -g if group["maximize"] else g
        m = self.state[p].get("exp_avg", torch.zeros_like(x)).to(x.dtype)  # torch loads it in the parameter's dtype
        self.state[p]["exp_avg"] = average(m, g, b2)
        return average(m, g, b1)

    def _vote(self, direction: Tensor, step: int) -> Tensor:
        """Send the signs, and return the direction that all processes decided on."""
        import torch.distributed as dist

        entries, message = direction.numel(), uplink(direction, step, self.tie)
        together = dist.is_available() and dist.is_initialized()
        workers = dist.get_world_size(self.group) if together else 1
        server = not together or dist.get_rank(self.group) == 0
        first = dist.get_global_rank(self.group, 0) if together and self.group is not None else 0
        messages = [message]
        if together:
            messages = [torch.empty_like(message) for _ in range(workers)]
            dist.gather(message, messages if server else None, first, group=self.group)
        answer = message.new_empty(-(-entries * width_of(workers, self.aggregate, self.tie) // 8))
        if server:
            answer = downlink(torch.stack(messages), entries, step, self.aggregate, self.tie)
        if together:
            dist.broadcast(answer, first, group=self.group)
        self.bytes_up, self.bytes_down = self.bytes_up + message.numel(), self.bytes_down + answer.numel()
        return decision(answer, entries, workers, self.aggregate, torch.float64, self.tie)


def _check(lr: float, betas: tuple[float, float], weight_decay: float, aggregate: str, tie: str) -> None:
    at_least_zero(lr=lr, weight_decay=weight_decay)
    decay_rates(betas)
    one_of("aggregate", aggregate, AGGREGATES)
    one_of("tie", tie, TIES)
