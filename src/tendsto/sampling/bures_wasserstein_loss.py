"""The squared Bures-Wasserstein distance between N(0, W W^T) and N(0, cov), as a loss of W, and its critical points."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.sampling.bures_wasserstein import checked, root

__all__ = ["CriticalPoint", "bw_loss", "bw_loss_gradient", "critical_points", "polar"]


def bw_loss(w: Tensor, cov: Any, *, smoothing: float = 0.0, rank: int | None = None) -> Tensor:
    """Return L(W) = W2^2(N(0, W W^T + smoothing I), N(0, cov)) for W (n, m) and a covariance (n, n).

    For smoothing 0 that is |W|^2 + tr cov - 2 |cov^{1/2} W|_*. Smoothing by tau stands a block tau^{1/2} I beside W,
    and removes the points of lower rank, at which L has no gradient. rank: a bound on the rank of W, where one is
    known. Differentiable twice, with closed forms that do not mind equal singular values.

    Raises:
        ValueError: a matrix that is no covariance, shapes that do not fit, or smoothing below 0.

    Source: Brechet, Papagiannouli, An, Montufar (ICML 2023, arXiv 2303.03027), section 2; that the smoothing belongs to
    the generator's covariance is recalled.

    >>> float(bw_loss(torch.eye(2, dtype=torch.float64), torch.diag(torch.tensor([4.0, 1.0]))))
    1.0
    """
    wide, half = _widened(w, _half(cov), smoothing)
    return loss(wide, half, _rank(wide, smoothing, rank))


def bw_loss_gradient(w: Tensor, cov: Any, *, smoothing: float = 0.0, rank: int | None = None) -> Tensor:
    """Return dL/dW = 2 (W - cov^{1/2} P) of shape (n, m), P = `polar` of cov^{1/2} W, for `bw_loss`.

    >>> bw_loss_gradient(3 * torch.eye(1, dtype=torch.float64), torch.eye(1)).tolist()
    [[4.0]]
    """
    wide, half = _widened(w, _half(cov), smoothing)
    return loss_and_gradient(wide, half, _rank(wide, smoothing, rank))[1][:, : w.shape[1]]


def polar(x: Tensor, rank: int) -> Tensor:
    """Return P = U V^T over the `rank` largest singular values of X = U D V^T (n, m), those that are rounding left out.

    It is the gradient of the nuclear norm. Its derivative along H, where the singular values beyond stay 0, is
    ``U [(K - K^T) / (d_i + d_j)] V^T + (I - U U^T) H V D^{-1} V^T + U D^{-1} U^T H (I - V V^T)`` with K = U^T H V:
    symmetric as a map of H, so that it serves backward too, and finite where singular values are equal.

    >>> polar(torch.tensor([[0.0, 2.0], [3.0, 0.0]], dtype=torch.float64), 2).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    return _Polar.apply(x, rank)  # type: ignore[reportReturnType]


@dataclass(frozen=True)
class CriticalPoint:
    """A critical point of the loss over matrices of rank k. indices: J, eigenvalues counted from 0, the largest first.

    w: (n, k) with W W^T = U_J diag(l_J) U_J^T; so is W Q for every orthogonal Q. value: sum_{i not in J} l_i.
    strict_saddle: True for all but J = {0, ..., k-1}, the global minimum.
    """

    indices: tuple[int, ...]
    w: Tensor
    value: float
    strict_saddle: bool


def critical_points(cov: Any, k: int) -> list[CriticalPoint]:
    """Return the critical points of `bw_loss` over matrices (n, k) of rank k, up to rotation, the least loss first.

    Raises:
        ValueError: k outside 1 to n, a singular covariance, or one with equal eigenvalues, where they are no list.

    Source: Brechet et al. (2023), the theorem on critical points; recalled, and verified numerically.

    >>> [(p.indices, p.value) for p in critical_points(torch.diag(torch.tensor([3.0, 2.0, 1.0])), 2)]
    [((0, 1), 1.0), ((0, 2), 2.0), ((1, 2), 3.0)]
    """
    s = torch.as_tensor(cov, dtype=torch.float64)
    s = checked(torch.zeros(s.shape[-1]), s, positive=True)[1]
    n = len(s)
    if not 1 <= k <= n:
        raise ValueError(f"k = {k} is no rank of a matrix with {n} rows: use a whole number from 1 to {n}")
    values, vectors = (x.flip(-1) for x in torch.linalg.eigh(s))
    apart = float((values[:-1] - values[1:]).min()) if n > 1 else 1.0
    if not apart > 1e-9 * float(values[0]):
        raise ValueError(f"eigenvalues {values.tolist()} are not distinct: the critical points are no finite list then")
    found: list[CriticalPoint] = []
    for chosen in itertools.combinations(range(n), k):
        w = vectors[:, list(chosen)] * values[list(chosen)].sqrt()
        rest = sum(float(values[i]) for i in range(n) if i not in chosen)
        found.append(CriticalPoint(chosen, w, rest, chosen != tuple(range(k))))
    return sorted(found, key=lambda point: point.value)


def loss(wide: Tensor, half: Tensor, rank: int) -> Tensor:
    """L for a matrix that stands for W and its smoothing, half = cov^{1/2}; differentiable, unchecked."""
    x = half @ wide
    return (wide**2).sum() + (half**2).sum() - 2 * (polar(x, rank) * x).sum()


def loss_and_gradient(wide: Tensor, half: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """L and its gradient, unchecked; L as |W - cov^{1/2} P|^2 + tr cov (I - U U^T), where nothing cancels."""
    u, _, v = _decomposed(half @ wide, rank)
    off = wide - half @ u @ v.mT
    missed = half - u @ (u.mT @ half)
    return (off**2).sum() + (missed**2).sum(), 2 * off


def _half(cov: Any) -> Tensor:
    s = torch.as_tensor(cov, dtype=torch.float64)
    return root(checked(torch.zeros(s.shape[-1]), s)[1])


def _widened(w: Tensor, half: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
    if w.ndim != 2 or len(w) != len(half):
        raise ValueError(f"W of shape {tuple(w.shape)} does not make a covariance of shape {tuple(half.shape)}")
    if not smoothing >= 0:
        raise ValueError(f"smoothing = {smoothing} is no variance: use a number of at least 0")
    return widened(w, smoothing), half


def widened(w: Tensor, smoothing: float) -> Tensor:
    """W with smoothing^{1/2} I beside it."""
    return w if smoothing == 0 else torch.cat([w, smoothing**0.5 * torch.eye(len(w), dtype=w.dtype)], -1)


def _rank(wide: Tensor, smoothing: float, rank: int | None) -> int:
    full = min(wide.shape)
    return full if smoothing > 0 or rank is None else min(rank, full)


def _decomposed(x: Tensor, rank: int) -> tuple[Tensor, Tensor, Tensor]:
    """U (n, r), D (r,) and V (m, r); where a singular value is rounding, the column of U is 0."""
    u, d, vt = torch.linalg.svd(torch.where(x.isfinite().all(), x, 0.0), full_matrices=False)
    u, d, v = u[:, :rank], d[:rank], vt.mT[:, :rank]
    seen = d > max(x.shape[-2:]) * torch.finfo(d.dtype).eps * d[:1]
    return u * seen + (0.0 * x).sum(), torch.where(seen, d, 0.0), v


class _Polar(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, rank: int) -> Tensor:  # type: ignore[reportIncompatibleMethodOverride]
        u, _, v = _decomposed(x, rank)
        return u @ v.mT

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.save_for_backward(inputs[0])
        ctx.rank = inputs[1]

    @staticmethod
    def backward(ctx: Any, h: Tensor) -> tuple[Tensor, None]:  # type: ignore[reportIncompatibleMethodOverride]
        (x,) = ctx.saved_tensors
        u, d, v = _decomposed(x, ctx.rank)
        k = u.mT @ h @ v
        turned = u @ ((k - k.mT) / (d[:, None] + d)) @ v.mT
        tilted = (h @ v - u @ k) / d @ v.mT + u @ ((u.mT @ h - k @ v.mT) / d[:, None])
        return turned + tilted, None
