"""AdaFisher: momentum divided by a diagonal of Kronecker factors of the Fisher matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.core.tree import tree_map
from tendsto.optim.layered_closure import LayeredClosure
from tendsto.optim.method_optimizer import MethodOptimizer
from tendsto.optim.preconditioned import replaced
from tendsto.optim.settings import at_least_zero, average, one_of
from tendsto.problems.layer_tape import Layer
from tendsto.problems.layered import named

VARIANTS = ("paper", "official", "none")


def factor_diagonals(layer: Layer) -> tuple[Tensor, Tensor]:
    """Return the diagonals of the layer's Kronecker factors: mean a^2 (inputs,) and mean s^2 (outputs,).

    The gradients s are those of the loss as it is, a mean over the batch: see `scaled_to_unit`.

    >>> layer = Layer("linear", "w", None, lambda: torch.tensor([[1.0], [3.0]]), torch.tensor([[2.0], [0.0]]), 2)
    >>> factor_diagonals(layer)
    (tensor([5.]), tensor([2.]))
    """
    return layer.a.square().mean(dim=0), layer.s.square().mean(dim=0)


def scaled_to_unit(diagonal: Tensor) -> Tensor:
    """Return (x - min x) / (max x - min x + 1e-6), which no factor of the loss changes much; +-inf count as 1 and 0.

    >>> scaled_to_unit(torch.tensor([1.0, 2.0, 3.0])).round(decimals=4).tolist()
    [0.0, 0.5, 1.0]
    """
    x = torch.nan_to_num(diagonal, nan=float("nan"), posinf=1.0, neginf=0.0)
    return (x - x.min()) / (x.max() - x.min() + 1e-6)


@register("adafisher")
@dataclass(frozen=True)
class AdaFisherMethod(Method):
    """Adam with the Fisher matrix's diagonal, no root, in the second moment's place.

    For each layer, every `update_every` steps from the first on, with H and S its factors' diagonals brought to [0, 1],

        h <- gamma H + (1 - gamma) h,    s <- gamma S + (1 - gamma) s        (ones at first)

    and at every step, for an entry of output j and input k (the bias is the last input),

        F_jk = s_j h_k + damping,   m <- beta m + (1 - beta) g
        x <- x - lr ((m / (1 - beta^t)) / F + weight_decay x)  if decoupled (AdaFisherW),

    or with weight_decay x in g. gamma weights the *new* value, as in the paper. `variant`:

    - "paper": as above.
    - "official": the authors' code, whose average multiplies the old factor by 0.1 gamma and adds 0.01 gamma times the
      new one. Factors settle near 0.009, so F is the damping to within a tenth, and the optimizer is momentum SGD
      with learning rate lr / damping. Its convolution factor H is divided by the patch's length once more.
    - "none": F is the damping, which is that SGD.

    The least entry of each diagonal is sent to 0, so its weights move by 1 / damping. For normalisations the factors
    are those of the normalised values and of the gradients, channel by channel (ours). Parameters of no known layer are
    declined rather than given F = 1, as the code does.

    State: "m", shaped as the point; "factors": for each layer's weight "H" (inputs,) and "S" (outputs,); "step".

    Source: Martins Gomes et al. 2024, arXiv 2405.16397, Algorithm 1 (from a formalisation of its third version: as
    printed its indices cannot be followed), and github.com/AtlasAnalyticsLab/AdaFisher.

    Raises:
        ValueError: a negative setting, beta or gamma outside [0, 1], no damping, update_every below 1, unknown variant.
        Declined: the problem has layers that are not known.

    >>> import tendsto as tt
    >>> trace = tt.iterate(AdaFisherMethod(lr=0.01), tt.problems.DigitsMLP(hidden=8), steps=20)
    >>> bool(trace.final()[0] < trace["train loss"][0, 0])
    True
    """

    lr: float = 1e-3
    beta: float = 0.9
    damping: float = 1e-3
    gamma: float = 0.8
    update_every: int = 100
    weight_decay: float = 0.0
    decoupled: bool = False
    variant: str = "paper"

    asks: ClassVar[tuple[str, ...]] = ("gradient", "layer_gradients")
    lanes: ClassVar[str | None] = None

    def __post_init__(self) -> None:
        at_least_zero(lr=self.lr, weight_decay=self.weight_decay)
        if not 0 <= self.beta < 1 or not 0 <= self.gamma <= 1:
            raise ValueError(f"beta = {self.beta} and gamma = {self.gamma}: use beta in [0, 1) and gamma in [0, 1]")
        if not self.damping > 0:
            raise ValueError(f"damping = {self.damping} divides by zero: use a number above 0, such as 1e-3")
        if self.update_every < 1:
            raise ValueError(f"update_every = {self.update_every} never updates: use a whole number of at least 1")
        one_of("variant", self.variant, VARIANTS)

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        x = oracle.init()
        m = tree_map(lambda _, p: torch.zeros_like(p), x)
        return {"x": x, "m": m, "factors": {}, "step": torch.zeros((), dtype=torch.float64)}

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        x, step = state["x"], state["step"] + 1
        value, gradient, layers = oracle.layer_gradients(x)
        refresh = int(state["step"]) % self.update_every == 0
        factors = {
            layer.weight: self._factors(state["factors"].get(layer.weight), layer, refresh) for layer in layers.values()
        }
        fisher = self._fisher(x, layers, factors)
        if not self.decoupled:
            gradient = tree_map(lambda _, g, p: g + self.weight_decay * p, gradient, x)
        m = tree_map(lambda _, old, g: average(old, g, self.beta), state["m"], gradient)
        correction = self.lr / (1 - self.beta**step)
        shrink = 1 - self.lr * self.weight_decay if self.decoupled else 1.0
        new = tree_map(lambda _, p, mean, f: shrink * p - (correction * mean / f).to(p.dtype), x, m, fisher)
        sizes = torch.cat([f.flatten() for f in named(fisher).values()])
        info = {"value": value, "least Fisher entry": sizes.min(), "largest Fisher entry": sizes.max()}
        return {"x": new, "m": m, "factors": factors, "step": step}, info

    def _factors(self, old: dict[str, Tensor] | None, layer: Layer, refresh: bool) -> dict[str, Tensor]:
        if old is not None and not refresh:
            return old
        h, s = factor_diagonals(layer)
        if layer.kind == "convolution" and self.variant == "official":
            h = h / len(h)
        old = old or {"H": torch.ones_like(h), "S": torch.ones_like(s)}
        keep, take = (
            (0.1 * self.gamma, 0.01 * self.gamma) if self.variant == "official" else (1 - self.gamma, self.gamma)
        )
        return {side: keep * old[side] + take * scaled_to_unit(new) for side, new in (("H", h), ("S", s))}

    def _fisher(self, x: Any, layers: dict[str, Layer], factors: dict[str, dict[str, Tensor]]) -> Any:
        """F, shaped as the point."""
        leaves, parts = named(x), {}
        for layer in layers.values():
            h, s = factors[layer.weight]["H"], factors[layer.weight]["S"]
            if layer.kind == "scale":  # an output has its own input, and the ones of the bias
                width = len(s)
                matrix = s[:, None] * torch.stack(
                    [h[:width], h[-1].expand(width)][: 1 + (layer.bias is not None)], dim=1
                )
            else:
                matrix = torch.outer(s, h)
            matrix = torch.zeros_like(matrix) if self.variant == "none" else matrix
            parts |= layer.parts(matrix + self.damping, leaves)
        return replaced(x, parts)


class AdaFisher(MethodOptimizer, method=AdaFisherMethod):
    """`AdaFisherMethod` as a torch optimizer, whose step takes the loss, a mean over the batch, as a closure.

    >>> model = torch.nn.Linear(3, 1)
    >>> optimizer = AdaFisher(model, lr=1e-3)
    >>> loss = optimizer.step(lambda: model(torch.ones(4, 3)).square().mean())
    """

    problem = LayeredClosure


def _decoupled() -> AdaFisherMethod:
    return AdaFisherMethod(decoupled=True)


class AdaFisherW(MethodOptimizer, method=_decoupled):
    """`AdaFisher` with decoupled weight decay.

    >>> model = torch.nn.Linear(3, 1)
    >>> optimizer = AdaFisherW(model, lr=1e-3, weight_decay=0.1)
    >>> loss = optimizer.step(lambda: model(torch.ones(4, 3)).square().mean())
    """

    problem = LayeredClosure
