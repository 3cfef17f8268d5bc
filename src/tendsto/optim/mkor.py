"""MKOR: Kronecker-factored preconditioning whose inverses are kept up by rank-one updates."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.core.rule import Rule
from tendsto.optim.layered_closure import LayeredClosure
from tendsto.optim.method_optimizer import MethodOptimizer
from tendsto.optim.preconditioned import base_init, base_step, per_example, replaced, with_norm_of
from tendsto.optim.settings import one_of
from tendsto.optim.sgd import SGDRule
from tendsto.problems.layer_tape import Layer
from tendsto.problems.layered import named

VARIANTS = ("exact", "printed", "official")
HALVES = {"bfloat16": torch.bfloat16, "float16": torch.float16}
CLAMP = 100.0
"""The official code clamps entries of activations and gradients to this size."""


def rank_one_inverse(inverse: Tensor, v: Tensor, gamma: float, variant: str = "exact") -> Tensor:
    """Return the inverse P of a factor after the factor took in v v^T, in d^2 operations.

    "exact":    P <- P / gamma - (1 - gamma) / gamma^2 * P v v^T P / (1 + (1 - gamma) / gamma * v^T P v),
                the inverse of gamma P^{-1} + (1 - gamma) v v^T by Sherman and Morrison.
    "printed":  P <- gamma P + (1 - gamma) / (gamma^2 (1 + gamma (1 - gamma) v^T P v)) * P v v^T P,
                the paper's formula. It is not the inverse: it lengthens steps along v where the inverse shortens them.
    "official": P <- gamma P + (1 - gamma) I, then P <- P - P v v^T P / (1 + v^T P v), v clamped to +-100.

    Args:
        inverse: (d, d), symmetric. v: (d,).

    Source: MKOR, Mozaffari et al. 2023, arXiv 2306.01685; "official" as in its authors' code, where gamma is 0.95.

    >>> rank_one_inverse(torch.eye(2), torch.tensor([2.0, 0.0]), 0.5)
    tensor([[0.4000, 0.0000],
            [0.0000, 2.0000]])
    """
    if variant == "official":
        v = v.clamp(-CLAMP, CLAMP)
        inverse = gamma * inverse + (1 - gamma) * torch.eye(len(v), dtype=v.dtype, device=v.device)
        u = inverse @ v
        return _with_outer(inverse, -1 / (1 + v @ u), u)
    u = inverse @ v
    if variant == "printed":
        scale = (1 - gamma) / (gamma**2 * (1 + gamma * (1 - gamma) * (v @ u)))
        return _with_outer(inverse, scale, u, beta=gamma)
    scale = (1 - gamma) / gamma**2 / (1 + (1 - gamma) / gamma * (v @ u))
    return _with_outer(inverse, -scale, u, beta=1 / gamma)


def _with_outer(inverse: Tensor, scale: Tensor, u: Tensor, beta: float = 1.0) -> Tensor:
    """Return beta * inverse + scale * u u^T.

    Both sides are scaled alike, so that what is symmetric stays so to the last bit: the exact update multiplies what
    asymmetry there is by 1 / gamma, until after some hundreds the inverse is indefinite.
    """
    w = scale.abs().sqrt() * u
    return torch.addr(inverse, scale.sign() * w, w, beta=beta)


def stabilised(inverse: Tensor, threshold: float, zeta: float) -> Tensor:
    """Return zeta * inverse + (1 - zeta) I where its largest entry exceeds `threshold`, else the inverse as it is.

    Directions that no v excites grow like gamma^{-t} in the exact update; this keeps them bounded.

    >>> stabilised(torch.tensor([[20.0]]), threshold=10.0, zeta=0.5)
    tensor([[10.5000]])
    """
    if bool(inverse.abs().max() <= threshold):
        return inverse
    return zeta * inverse + (1 - zeta) * torch.eye(len(inverse), dtype=inverse.dtype, device=inverse.device)


def rounded_up(inverse: Tensor, dtype: torch.dtype) -> Tensor:
    """Return an inverse in 16 bits, with no direction shorter than it was: B with B - inverse positive semidefinite.

    Entries off the diagonal are rounded to the nearest number. Each one of the diagonal takes up what the others of its
    row were moved by, and is rounded upwards, so that B - inverse is diagonally dominant. Rounding to the nearest alone
    moves eigenvalues below about |inverse| / 1000 to either side of 0, and the next update then divides by what may be
    anything.

    Args:
        inverse: (d, d), symmetric or almost so; the answer is symmetric.

    >>> rounded_up(torch.tensor([[1.0, 0.5001], [0.5001, 0.26]]), torch.bfloat16)
    tensor([[1.0078, 0.5000],
            [0.5000, 0.2617]], dtype=torch.bfloat16)
    """
    inverse = (inverse + inverse.T) / 2
    half = inverse.to(dtype)
    moved = (half.to(inverse.dtype) - inverse).abs()
    least = inverse.diagonal() + moved.sum(dim=1) - moved.diagonal()
    near = least.to(dtype)
    above = torch.nextafter(near, torch.full_like(near, torch.inf))
    half.diagonal().copy_(torch.where(near.to(inverse.dtype) < least, above, near))
    return half


@register("mkor")
@dataclass(frozen=True)
class MKORMethod(Method):
    """Steps along L^{-1} G R^{-1}, with inverse factors that cost d^2 operations to keep up.

    For each linear or convolution layer with gradient G (outputs, inputs, the bias as one input more), every
    `update_every` steps from the first on,

        a = mean of inputs,  g = mean of output gradients of single examples
        L^{-1}, R^{-1} <- stabilised, then rank-one updated with g and a (see `stabilised`, `rank_one_inverse`)

    and at every step, with the inverses at hand,

        D = L^{-1} G R^{-1};  D |G| / |D| goes to `base` in the gradient's place.

    Other parameters' gradients go to `base` as they are. The rank-one factor is of the mean, not of the second moment:
    inputs of mean zero leave R^{-1} near the identity.

    State: `base`'s, and "inverses": for each layer's weight "L" (outputs, outputs) and "R" (inputs, inputs), the
    identity at first; "refreshes", how often they were updated. Runs alone, not in lanes.

    Source: Mozaffari et al. 2023, arXiv 2306.01685, Algorithm 1, and the first author's code. `variant` chooses the
    inverse update; the default is the exact inverse, which the paper's printed formula is not. `threshold` is ours:
    with "official" its own blend keeps inverses below the identity, so it never acts.

    precision: of the inverses as they are kept and of g and a as they would be sent. "auto" is the layer's, float32 at
        least; "bfloat16" and "float16" take half of the memory. The update itself and the products with G are computed
        in the layer's precision; the authors' code, float16 by default, computes the update in float16 too. "exact"
        is rounded by `rounded_up` (ours): to the nearest, inverses turn indefinite where v hardly changes from refresh
        to refresh. Use it where inverses fill the memory, float16 rather than bfloat16 (three bits more; numbers of v
        are cut at 65504). On a CPU an update takes longer.

    Raises:
        ValueError: gamma or zeta outside (0, 1), a threshold below 1, update_every below 1, an unknown variant or
            precision, or a threshold above 6000 with float16.
        Declined: the problem has layers that are not known.

    >>> import tendsto as tt
    >>> trace = tt.iterate(MKORMethod(SGDRule(lr=0.1, momentum=0.9)), tt.problems.DigitsMLP(hidden=8), steps=20)
    >>> bool(trace.final()[0] < trace["train loss"][0, 0])
    True
    """

    base: Rule = field(default=SGDRule(lr=0.1, momentum=0.9))
    gamma: float = 0.95
    update_every: int = 10
    zeta: float = 0.9
    threshold: float = 10.0
    variant: str = "exact"
    precision: str = "auto"

    asks: ClassVar[tuple[str, ...]] = ("gradient", "layer_gradients")
    lanes: ClassVar[str | None] = None

    def __post_init__(self) -> None:
        for name in ("gamma", "zeta"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} = {getattr(self, name)} is not allowed: use a number above 0 and below 1")
        if self.threshold < 1:
            raise ValueError(
                f"threshold = {self.threshold} is below the identity's entries: use at least 1, such as 10"
            )
        if self.update_every < 1:
            raise ValueError(f"update_every = {self.update_every} never updates: use a whole number of at least 1")
        one_of("variant", self.variant, VARIANTS)
        one_of("precision", self.precision, ("auto", *HALVES))
        if self.precision == "float16" and self.threshold > 6000:
            raise ValueError(f"threshold = {self.threshold} is too near float16's largest number: use at most 6000")

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        return {**base_init(self.base, oracle, rng), "inverses": {}, "refreshes": torch.zeros((), dtype=torch.float64)}

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        value, gradient, layers = oracle.layer_gradients(state["x"])
        refresh = int(state["step"]) % self.update_every == 0
        inverses = {
            layer.weight: self._inverses(state["inverses"].get(layer.weight), layer, refresh)
            for layer in layers.values()
            if layer.kind in ("linear", "convolution")
        }
        direction = preconditioned(gradient, layers, inverses)
        new, _ = base_step(self.base, state, value, direction, rng)
        refreshes = state["refreshes"] + float(refresh)
        return {**new, "inverses": inverses, "refreshes": refreshes}, {"value": value, "refreshes": refreshes}

    def _inverses(self, old: dict[str, Tensor] | None, layer: Layer, refresh: bool) -> dict[str, Tensor]:
        """The inverse factors of one layer, for this step."""
        if old is not None and not refresh:
            return old
        a, s = per_example(layer)
        means = {"L": s.mean(dim=0), "R": a.mean(dim=0)}
        old = old or {side: torch.eye(len(v), dtype=v.dtype, device=v.device) for side, v in means.items()}
        return {side: self._refreshed(old[side], v) for side, v in means.items()}

    def _refreshed(self, inverse: Tensor, v: Tensor) -> Tensor:
        """One inverse after it took in v, as it is kept."""
        half = HALVES.get(self.precision)
        if half is not None:
            largest = torch.finfo(half).max
            inverse, v = inverse.to(v.dtype), v.clamp(-largest, largest).to(half).to(v.dtype)
        new = rank_one_inverse(stabilised(inverse, self.threshold, self.zeta), v, self.gamma, self.variant)
        if half is None:
            return new
        return rounded_up(new, half) if self.variant == "exact" else new.to(half)


def preconditioned(gradient: Any, layers: dict[str, Layer], inverses: dict[str, dict[str, Tensor]]) -> Any:
    """Return the gradient with L^{-1} G R^{-1}, brought to the norm of G, for each layer that has inverses."""
    leaves, parts = named(gradient), {}
    for layer in layers.values():
        if layer.weight in inverses:
            matrix, inverse = layer.matrix(leaves), inverses[layer.weight]
            left, right = (inverse[side].to(matrix.dtype) for side in ("L", "R"))
            parts |= layer.parts(with_norm_of(left @ matrix @ right, matrix), leaves)
    return replaced(gradient, parts)


@register("mkor-hybrid")
@dataclass(frozen=True)
class MKORHybridMethod(Method):
    """MKOR until it no longer pays, then its base alone: MKOR-H.

    Between two refreshes the losses of the steps' samples are averaged to l; at a refresh

        r <- smoothing * r + (1 - smoothing) * (l_previous - l) / l_previous

    and where r stays below `ratio` times the largest r so far for `patience` refreshes in a row, the inverses are left
    for good and the gradient goes to `base` as it is.

    State: MKOR's, and "rate" (see the code), seven numbers.

    Source: Mozaffari et al. 2023, arXiv 2306.01685, describe the switch, "when the loss decreases no faster"; no
    formula was found in paper or code, so the one above is a reconstruction.

    Raises:
        ValueError: patience below 1, or a ratio or smoothing outside [0, 1).

    >>> import tendsto as tt
    >>> trace = tt.iterate(MKORHybridMethod(), tt.problems.DigitsMLP(hidden=8), steps=20)
    >>> float(trace["info.second order"][0, -1])
    1.0
    """

    mkor: MKORMethod = field(default=MKORMethod())
    ratio: float = 0.1
    patience: int = 5
    smoothing: float = 0.8

    asks: ClassVar[tuple[str, ...]] = ("gradient", "layer_gradients")
    lanes: ClassVar[str | None] = None

    def __post_init__(self) -> None:
        for name in ("ratio", "smoothing"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} = {getattr(self, name)} is not allowed: use a number of at least 0, below 1")
        if self.patience < 1:
            raise ValueError(f"patience = {self.patience} waits for nothing: use a whole number of at least 1")

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        names = ("total", "count", "last", "rate", "best", "low", "second")
        rate = {name: torch.zeros((), dtype=torch.float64) for name in names}
        return {**self.mkor.init(oracle, rng), "rate": {**rate, "second": torch.ones((), dtype=torch.float64)}}

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        rate = state["rate"]
        if rate["second"]:
            new, info = self.mkor.step(state, oracle, rng)
            rate = self._watch(rate, info["value"], refresh=bool(new["refreshes"] > state["refreshes"]))
        else:
            value, gradient = oracle.value_and_gradient(state["x"])
            new, info = base_step(self.mkor.base, state, value, gradient, rng)
            info = {**info, "refreshes": state["refreshes"]}
        return {**state, **new, "rate": rate}, {**info, "second order": rate["second"]}

    def _watch(self, rate: dict[str, Tensor], value: Tensor, refresh: bool) -> dict[str, Tensor]:
        """What is known of the loss's decrease, this step's loss included."""
        if refresh and rate["count"] > 0:
            rate = self._look(rate)
        return {**rate, "total": rate["total"] + value.double(), "count": rate["count"] + 1}

    def _look(self, rate: dict[str, Tensor]) -> dict[str, Tensor]:
        mean, none = rate["total"] / rate["count"], torch.zeros_like(rate["count"])
        if rate["last"] == 0:  # nothing to compare with yet
            return {**rate, "last": mean, "total": none, "count": none}
        fall = (rate["last"] - mean) / rate["last"]
        smooth = self.smoothing * rate["rate"] + (1 - self.smoothing) * fall
        best = torch.maximum(rate["best"], smooth)
        low = torch.where(smooth < self.ratio * best, rate["low"] + 1, none)
        second = torch.where(low >= self.patience, none, rate["second"])
        return {
            "total": none, "count": none, "last": mean, "rate": smooth, "best": best, "low": low, "second": second,
        }  # fmt: skip


class MKOR(MethodOptimizer, method=MKORMethod):
    """`MKORMethod` as a torch optimizer, whose step takes the loss, a mean over the batch, as a closure.

    >>> model = torch.nn.Linear(3, 1)
    >>> optimizer = MKOR(model, lr=0.1)
    >>> loss = optimizer.step(lambda: model(torch.ones(4, 3)).square().mean())
    >>> dict(optimizer.calls)
    {'gradient': 1}
    """

    problem = LayeredClosure


class MKORHybrid(MethodOptimizer, method=MKORHybridMethod):
    """`MKORHybridMethod` as a torch optimizer, whose step takes the loss, a mean over the batch, as a closure.

    >>> model = torch.nn.Linear(3, 1)
    >>> optimizer = MKORHybrid(model, lr=0.1)
    >>> loss = optimizer.step(lambda: model(torch.ones(4, 3)).square().mean())
    """

    problem = LayeredClosure
