"""DeepLinearGenerator: learn a product of matrices whose image of noise has a given covariance."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor

from tendsto.core.problem import Problem
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.problems.once import once_property
from tendsto.sampling.bures_wasserstein import checked, root
from tendsto.sampling.bures_wasserstein_loss import loss, loss_and_gradient, widened

__all__ = ["DeepLinearGenerator", "balanced", "end_to_end", "imbalance"]

Weights = Mapping[str, Tensor]


@register("deep-linear-generator")
@dataclass(frozen=True)
class DeepLinearGenerator(Problem):
    """Minimise W2^2(N(0, W W^T), N(0, cov)) over layers W_1, ..., W_N with W = W_N ... W_1, by `bw_loss`.

    The point is {"W1": (h_1, m), ..., "WN": (n, h_{N-1})} for widths (m, h_1, ..., h_{N-1}, n), float64; k, the least
    width, bounds the rank of W. The gradient of a layer is (W_N ... W_{j+1})^T G (W_{j-1} ... W_1)^T with G = dL/dW.

    rows: cov as a tuple of rows; eigenvalues alone may be given as a tuple of numbers, for a diagonal one.
    start: "gaussian" draws entries of layer j from N(0, scale^2 / its inputs); "balanced" draws W so and splits it with
    `balanced`. smoothing: tau >= 0; smooth: which covariance gets tau I, the "generator"'s or "both".

    The optimum is that of the best rank: sum over i <= k with l_i > tau of 0, and of (l_i^{1/2} - tau^{1/2})^2 over the
    others. Metrics: "||grad f||^2", and "imbalance", the largest entry of |W_{j+1}^T W_{j+1} - W_j W_j^T|.

    Raises:
        ValueError: a matrix that is no covariance, widths that do not fit it, or wrong settings.

    Source: Brechet, Papagiannouli, An, Montufar (ICML 2023, arXiv 2303.03027); which covariance gets tau is recalled.

    >>> problem = DeepLinearGenerator((4.0, 1.0), widths=(1, 1, 2))
    >>> best = {"W1": torch.eye(1).double(), "W2": torch.tensor([[2.0], [0.0]]).double()}
    >>> problem.optimum(), float(problem.value(best))
    (1.0, 1.0)
    """

    rows: tuple[float | tuple[float, ...], ...] = (3.0, 2.2, 1.6, 1.2, 0.9, 0.5)
    widths: tuple[int, ...] = (3, 3, 6)
    start: Literal["gaussian", "balanced"] = "gaussian"
    scale: float = 0.3
    smoothing: float = 0.0
    smooth: Literal["generator", "both"] = "generator"

    family = "sampling"
    criterion_name = "L(W)"
    small: ClassVar[Mapping[str, Any]] = {}

    def __post_init__(self) -> None:
        n = len(self.cov())
        checked(torch.zeros(n), self.cov())
        if len(self.widths) < 2 or self.widths[-1] != n or min(self.widths) < 1:
            raise ValueError(
                f"widths = {self.widths} make no covariance of size {n}: use (m, ..., {n}), each 1 or more"
            )
        if self.start not in get_args(Literal["gaussian", "balanced"]):
            raise ValueError(f"start = {self.start!r} is unknown: use 'gaussian' or 'balanced'")
        if self.smooth not in ("generator", "both"):
            raise ValueError(f"smooth = {self.smooth!r} is unknown: use 'generator' or 'both'")
        if not (self.scale > 0 and math.isfinite(self.scale)):
            raise ValueError(f"scale = {self.scale} starts at 0, where the loss has no gradient: use a number above 0")
        if not (self.smoothing >= 0 and math.isfinite(self.smoothing)):
            raise ValueError(f"smoothing = {self.smoothing} is no variance: use a number of at least 0")

    def cov(self) -> Tensor:
        """The covariance (n, n) that is to be reached, before smoothing."""
        given = torch.tensor(self.rows, dtype=torch.float64)
        return torch.diag(given) if given.ndim == 1 else given

    @property
    def rank(self) -> int:
        """k, the least width."""
        return min(self.widths)

    def init(self, rng: Random) -> dict[str, Tensor]:
        shapes = list(zip(self.widths[1:], self.widths[:-1], strict=True))
        if self.start == "balanced":
            w = rng.normal("W", (self.widths[-1], self.widths[0]), torch.float64)
            return _split(self.scale * w / self.widths[0] ** 0.5, self.widths)
        return {
            f"W{j}": self.scale / shape[1] ** 0.5 * rng.normal(f"W{j}", shape, torch.float64)
            for j, shape in enumerate(shapes, 1)
        }

    def value(self, x: Weights, sample: Any = None) -> Tensor:
        return loss(widened(end_to_end(x), self.smoothing), self._half, self._rank)

    def value_and_gradient(self, x: Weights, sample: Any = None) -> tuple[Tensor, dict[str, Tensor]]:
        value, wide = loss_and_gradient(widened(end_to_end(x), self.smoothing), self._half, self._rank)
        layers, slope = _layers(x), wide[:, : self.widths[0]]
        found: dict[str, Tensor] = {}
        for j in range(len(layers)):
            behind = _product(layers[:j], self.widths[0])
            ahead = _product(layers[j + 1 :], self.widths[j + 1])
            found[f"W{j + 1}"] = ahead.mT @ slope @ behind.mT
        return value, found

    def gradient(self, x: Weights, sample: Any = None) -> dict[str, Tensor]:
        return self.value_and_gradient(x, sample)[1]

    def hvp(self, x: Weights, v: Weights, sample: Any = None) -> dict[str, Tensor]:
        # Of the value rather than of the gradient in closed form, which is not differentiated through its SVD.
        return torch.func.vjp(lambda y: torch.func.grad(self.value)(y), dict(x))[1](dict(v))[0]

    def criterion(self, x: Weights) -> Tensor:
        return self.value_and_gradient(x)[0]

    def metrics(self, x: Weights) -> dict[str, Tensor]:
        slopes = self.gradient(x).values()
        return {"||grad f||^2": torch.stack([(g**2).sum() for g in slopes]).sum(), "imbalance": imbalance(x)}

    def optimum(self) -> float:
        return self._best[0]

    def solution(self) -> dict[str, Tensor]:
        return {name: w.clone() for name, w in self._best[1].items()}

    @once_property
    def _half(self) -> Tensor:
        return root(self._reached())

    @property
    def _rank(self) -> int:
        return self.rank if self.smoothing == 0 else self.widths[-1]

    def _reached(self) -> Tensor:
        more = self.smoothing if self.smooth == "both" else 0.0
        return self.cov() + more * torch.eye(self.widths[-1], dtype=torch.float64)

    @once_property
    def _best(self) -> tuple[float, dict[str, Tensor]]:
        values, vectors = (x.flip(-1) for x in torch.linalg.eigh(self._reached()))
        left = (values.clamp(min=0.0).sqrt() - self.smoothing**0.5) ** 2
        sizes = (values - self.smoothing).clamp(min=0.0).sqrt()
        sizes[self.rank :] = 0.0
        w = (vectors * sizes)[:, : self.rank]
        w = torch.cat([w, torch.zeros(len(w), self.widths[0] - self.rank, dtype=w.dtype)], -1)
        return float(left[sizes == 0].sum()), balanced(w, self.widths)


def end_to_end(x: Weights) -> Tensor:
    """Return W = W_N ... W_1, of shape (n, m).

    >>> end_to_end({"W1": torch.ones(2, 1), "W2": torch.ones(3, 2)}).tolist()
    [[2.0], [2.0], [2.0]]
    """
    return functools.reduce(lambda whole, w: w @ whole, _layers(x))


def imbalance(x: Weights) -> Tensor:
    """Return the largest entry of |W_{j+1}^T W_{j+1} - W_j W_j^T|, which gradient flow conserves; 0 for one layer.

    >>> float(imbalance({"W1": torch.ones(1, 1), "W2": 3 * torch.ones(1, 1)}))
    8.0
    """
    layers = _layers(x)
    pairs = zip(layers[1:], layers[:-1], strict=True)
    off = [(w.mT @ w - v @ v.mT).abs().amax() for w, v in pairs]
    return torch.stack([*off, torch.zeros_like(layers[0][0, 0])]).amax()


def balanced(w: Tensor, widths: tuple[int, ...]) -> dict[str, Tensor]:
    """Return layers of these widths with product w and W_{j+1}^T W_{j+1} = W_j W_j^T.

    With w = U D V^T of rank r they are W_1 = E D^{1/N} V^T, W_j = E D^{1/N} E^T and W_N = U D^{1/N} E^T, E the first r
    columns of an identity matrix.

    Raises:
        ValueError: widths that do not fit w, or with a layer narrower than its rank.

    >>> layers = balanced(8 * torch.eye(2, dtype=torch.float64), (2, 2, 2, 2))
    >>> bool((layers["W2"].abs() - 2 * torch.eye(2)).abs().max() < 1e-12), bool(imbalance(layers) < 1e-12)
    (True, True)
    """
    if len(widths) < 2 or tuple(w.shape) != (widths[-1], widths[0]):
        raise ValueError(f"a product of shape {tuple(w.shape)} cannot have the widths {widths}")
    r = int(torch.linalg.matrix_rank(w))
    if min(widths) < r:
        raise ValueError(f"widths {widths} are too narrow for a product of rank {r}: use at least its rank everywhere")
    return _split(w, widths)


def _split(w: Tensor, widths: tuple[int, ...]) -> dict[str, Tensor]:
    """Balanced layers of w, or of its best approximation where a width is less than its rank."""
    depth, r = len(widths) - 1, min(widths)
    u, d, vt = torch.linalg.svd(w, full_matrices=False)
    part = torch.diag(d[:r] ** (1 / depth))
    sides = [vt[:r].mT, *(torch.eye(h, r, dtype=w.dtype) for h in widths[1:-1]), u[:, :r]]
    return {f"W{j + 1}": sides[j + 1] @ part @ sides[j].mT for j in range(depth)}


def _layers(x: Weights) -> list[Tensor]:
    return [x[f"W{j}"] for j in range(1, len(x) + 1)]


def _product(layers: list[Tensor], size: int) -> Tensor:
    """The product of layers, the first one rightmost; the identity of this size for none."""
    whole = torch.eye(size, dtype=torch.float64)
    for w in layers:
        whole = w @ whole
    return whole
