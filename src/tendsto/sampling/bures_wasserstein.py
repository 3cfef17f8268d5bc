"""Bures-Wasserstein geometry: distances, maps and geodesics between Gaussians, singular ones included.

Everything is computed from factors A with A A^T = S. A root of a product such as S0^{1/2} S1 S0^{1/2} would turn
rounding of 1e-16 in a zero eigenvalue into 1e-8, and a difference of traces would lose half of the digits of a small
distance; factors do neither.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

__all__ = [
    "bures_wasserstein_distance",
    "gaussian_kl",
    "optimal_map",
    "square_root",
    "wasserstein_geodesic",
]


def bures_wasserstein_distance(mean0: Any, cov0: Any, mean1: Any, cov1: Any) -> Tensor:
    """Return W2 between N(mean0, cov0) and N(mean1, cov1), not squared, of shape (...).

    ``W2^2 = |m0 - m1|^2 + tr S0 + tr S1 - 2 tr (S0^{1/2} S1 S0^{1/2})^{1/2}``, computed as |A0 - A1 Q|^2 with
    A_i A_i^T = S_i and Q the orthogonal matrix that makes it least. Means (..., d), covariances (..., d, d), float64,
    symmetric and positive semidefinite; leading axes broadcast. Eigenvalues below d eps times the largest count as 0.

    Raises:
        ValueError: shapes that do not fit, entries that are not finite, or a matrix that is no covariance.

    Source: Dowson and Landau (1982); as a least distance between factors: Bhatia, Jain, Lim (2019), Theorem 1.

    >>> zero, eye = torch.zeros(2, dtype=torch.float64), torch.eye(2, dtype=torch.float64)
    >>> float(bures_wasserstein_distance(zero, eye, zero + 1.0, 4 * eye))
    2.0
    """
    m0, s0 = checked(mean0, cov0)
    m1, s1 = checked(mean1, cov1)
    return squared_distance(m0, s0, m1, s1).sqrt()


def optimal_map(cov0: Any, cov1: Any) -> Tensor:
    """Return T (..., d, d) with T x ~ N(0, cov1) for x ~ N(0, cov0), at the least mean squared distance.

    For a nonsingular cov0, T = S0^{-1/2} (S0^{1/2} S1 S0^{1/2})^{1/2} S0^{-1/2}, symmetric. For a singular one T is 0
    on what N(0, cov0) does not reach, and need be neither symmetric nor the only one.

    Raises:
        ValueError: a matrix that is no covariance, or cov1 of a higher rank than cov0: no map makes more dimensions.

    Source: Gelbrich (1990), Theorem 2.1 for nonsingular cov0; the other case is derived from the factors.

    >>> optimal_map(torch.eye(2), 4 * torch.eye(2)).tolist()
    [[2.0, 0.0], [0.0, 2.0]]
    """
    s0, s1 = torch.broadcast_tensors(_checked(cov0), _checked(cov1))
    w0, w1 = spectrum(s0)[0], spectrum(s1)[0]
    short = (w0 > 0).sum(-1) < (w1 > 0).sum(-1)
    if short.any():
        at = short.nonzero()[0].tolist()
        raise ValueError(
            f"a covariance of rank {int((w0 > 0).sum(-1)[*at])} is to be carried to one of rank"
            f" {int((w1 > 0).sum(-1)[*at])}: no map makes more dimensions, so carry the second to the first"
        )
    w, u = spectrum(s0)
    inverse = torch.where(w > 0, w, 1.0).rsqrt() * (w > 0)
    return _aligned(s0, s1)[1] @ (u * inverse[..., None, :]).mT


def wasserstein_geodesic(mean0: Any, cov0: Any, mean1: Any, cov1: Any, t: Any) -> tuple[Tensor, Tensor]:
    """Return mean and covariance at t in [0, 1] of the shortest path between two Gaussians in W2.

    The factor moves on a straight line, A_t = (1 - t) A0 + t A1 Q, and S_t = A_t A_t^T; t broadcasts with the leading
    axes. Between singular covariances there may be several shortest paths, and this is one.

    Raises:
        ValueError: as for the distance, or t outside [0, 1].

    Source: McCann (1997), Example 1.7; with factors: derived.

    >>> mean, cov = wasserstein_geodesic(torch.zeros(1), torch.eye(1), torch.ones(1), 9 * torch.eye(1), 0.5)
    >>> mean.tolist(), cov.tolist()
    ([0.5], [[4.0]])
    """
    m0, s0 = checked(mean0, cov0)
    m1, s1 = checked(mean1, cov1)
    at = torch.as_tensor(t, dtype=torch.float64)
    if not ((at >= 0) & (at <= 1)).all():
        raise ValueError(f"t = {t} is not on the path: use numbers from 0 to 1")
    first, second = _aligned(s0, s1)
    between = torch.lerp(first, second, at[..., None, None])
    return torch.lerp(m0, m1, at[..., None]), between @ between.mT


def gaussian_kl(mean0: Any, cov0: Any, mean1: Any, cov1: Any) -> Tensor:
    """Return KL(N(mean0, cov0) || N(mean1, cov1)) of shape (...); inf where cov0 is singular.

    Half of |L^{-1} (m0 - m1)|^2 + sum_i (w_i - 1 - log w_i), L L^T = S1, w the eigenvalues of L^{-1} S0 L^{-T}: terms
    of one sign, so that nothing cancels.

    Raises:
        ValueError: as for the distance, or a singular cov1, against which the answer depends on what is meant.

    >>> zero, eye = torch.zeros(2, dtype=torch.float64), torch.eye(2, dtype=torch.float64)
    >>> float(gaussian_kl(zero, eye, zero + 1.0, eye))
    1.0
    """
    m0, s0 = checked(mean0, cov0)
    m1, s1 = checked(mean1, cov1)
    if (spectrum(s1)[0] <= 0).any():
        raise ValueError(
            f"the second covariance is singular, with least eigenvalue {float(torch.linalg.eigvalsh(s1).min()):.3g}:"
            " its law has no density, so no KL divergence is taken against it"
        )
    return kl(m0, s0, m1, s1)


def square_root(cov: Any) -> Tensor:
    """Return the symmetric positive semidefinite root (..., d, d); for a singular matrix, of the same rank as it.

    Raises:
        ValueError: a matrix that is no covariance.

    >>> square_root(torch.tensor([[4.0, 0.0], [0.0, 0.0]])).tolist()
    [[2.0, 0.0], [0.0, 0.0]]
    """
    return root(_checked(cov))


def root(cov: Tensor) -> Tensor:
    """The symmetric root, unchecked, so that it may run as lanes."""
    w, u = spectrum(cov)
    return (u * w.sqrt()[..., None, :]) @ u.mT


def spectrum(cov: Tensor) -> tuple[Tensor, Tensor]:
    """Return eigenvalues (..., d), ascending, and eigenvectors of a covariance; those that are rounding are 0.

    A matrix that is not finite has eigenvalues NaN, so that a run that overflows is told as such and raises nothing.
    """
    w, u = torch.linalg.eigh(_finite(0.5 * (cov + cov.mT)))
    largest = w[..., -1:].clamp(min=0.0)
    w = torch.where(w > cov.shape[-1] * torch.finfo(w.dtype).eps * largest, w, 0.0)
    return w + (0.0 * cov).sum((-1, -2))[..., None], u


def factor(cov: Tensor) -> Tensor:
    """Return A (..., d, d) with A A^T = cov, with columns of 0 where cov is singular."""
    w, u = spectrum(cov)
    return u * w.sqrt()[..., None, :]


def squared_distance(mean0: Tensor, cov0: Tensor, mean1: Tensor, cov1: Tensor) -> Tensor:
    """W2^2 between Gaussians, unchecked, so that it may run as lanes."""
    first, second = _aligned(cov0, cov1)
    return ((mean0 - mean1) ** 2).sum(-1) + ((first - second) ** 2).sum((-1, -2))


def kl(mean0: Tensor, cov0: Tensor, mean1: Tensor, cov1: Tensor) -> Tensor:
    """KL between Gaussians, unchecked, so that it may run as lanes."""
    w, u = spectrum(cov1)
    whitening = u / w.sqrt()[..., None, :]
    seen = spectrum(whitening.mT @ cov0 @ whitening)[0]
    move = (whitening.mT @ (mean0 - mean1)[..., None])[..., 0]
    return 0.5 * ((move**2).sum(-1) + (seen - 1 - torch.log1p(seen - 1)).sum(-1))


def checked(mean: Any, cov: Any, *, positive: bool = False) -> tuple[Tensor, Tensor]:
    """Return mean and covariance as float64 tensors.

    Raises:
        ValueError: they are no mean and covariance, or, where that is asked for, the covariance is singular.
    """
    m, s = torch.as_tensor(mean, dtype=torch.float64), _checked(cov, positive=positive)
    if m.ndim < 1 or m.shape[-1] != s.shape[-1]:
        raise ValueError(f"a mean of shape {tuple(m.shape)} does not fit a covariance of shape {tuple(s.shape)}")
    if not m.isfinite().all():
        raise ValueError(f"the mean {m.tolist()} is not finite")
    return m, s


def _checked(cov: Any, *, positive: bool = False) -> Tensor:
    s = torch.as_tensor(cov, dtype=torch.float64)
    if s.ndim < 2 or s.shape[-1] != s.shape[-2] or s.shape[-1] < 1:
        raise ValueError(f"a covariance has shape (..., d, d), not {tuple(s.shape)}")
    if not s.isfinite().all():
        raise ValueError("the covariance has entries that are not finite")
    size = float(s.abs().max())
    skew = float((s - s.mT).abs().max())
    if skew > 1e-10 * size:
        raise ValueError(f"the covariance is not symmetric: it and its transpose differ by {skew:.3g}")
    least = float(torch.linalg.eigvalsh(0.5 * (s + s.mT)).min())
    if least < -1e-10 * size or (positive and (spectrum(s)[0] <= 0).any()):
        needed = "positive definite" if positive else "positive semidefinite"
        raise ValueError(f"the covariance has the eigenvalue {least:.3g}: it must be {needed}")
    return s


def _aligned(cov0: Tensor, cov1: Tensor) -> tuple[Tensor, Tensor]:
    """Return A0 and A1 Q, A_i A_i^T = S_i, as near to each other as an orthogonal Q can bring them."""
    a0, a1 = factor(cov0), factor(cov1)
    cross = a1.mT @ a0
    # Columns that are 0 in both are matched with each other: it costs nothing, and leaves A1 Q = 0 where A0 = 0.
    both = ((a0**2).sum(-2) == 0) & ((a1**2).sum(-2) == 0)
    u, _, vt = torch.linalg.svd(_finite(cross + torch.diag_embed(both * (1 + cross.abs().amax((-1, -2)))[..., None])))
    return a0, a1 @ u @ vt


def _finite(matrix: Tensor) -> Tensor:
    """The matrix, or 0 where it has an entry that is not finite: decompositions raise on those."""
    ok = matrix.isfinite().all(-1).all(-1)[..., None, None]
    return torch.where(ok, matrix, 0.0)
