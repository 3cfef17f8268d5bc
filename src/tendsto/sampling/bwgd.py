"""Bures-Wasserstein gradient descent, the baseline that takes a gradient step for the entropy as well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.registry import register
from tendsto.sampling.bures_wasserstein import spectrum
from tendsto.sampling.fb_gvi import FBGVI

__all__ = ["BWGD", "bwgd_step"]


def bwgd_step(mean: Tensor, cov: Tensor, gradient: Tensor, hessian: Tensor, lr: Any) -> tuple[Tensor, Tensor]:
    """Return mean and covariance after one step, given b = E grad V and A = E Hess V; all batched over leading axes.

    m <- m - lr b, and S <- M S M with M = I - lr (A - S^{-1}). A singular S has no gradient, and gives NaN.

    >>> zero, eye = torch.zeros(1, dtype=torch.float64), torch.eye(1, dtype=torch.float64)
    >>> [x.tolist() for x in bwgd_step(zero, 0.5 * eye, zero + 1.0, eye, 0.5)]
    [[-0.5], [[1.125]]]
    """
    size = torch.as_tensor(lr, dtype=mean.dtype)
    w, u = spectrum(cov)
    inverse = (u / torch.where(w > 0, w, torch.nan)[..., None, :]) @ u.mT
    m = torch.eye(cov.shape[-1], dtype=cov.dtype) - size[..., None, None] * (hessian - inverse)
    new = m @ cov @ m.mT
    return mean - size[..., None] * gradient, 0.5 * (new + new.mT)


@register("bwgd")
@dataclass(frozen=True)
class BWGD(FBGVI):
    """m <- m - lr b,  S <- M S M with M = I - lr (A - S^{-1}), b = E grad V and A = E Hess V.

    The gradient of the entropy is not Lipschitz: where S is small S^{-1} is large, and a step of 1/beta throws S far
    away. No step is certified here; lr = None is 1/beta all the same, for comparison with `FBGVI`.

    Raises:
        ValueError: lr is not above 0.

    Source: Lambert, Chewi, Bach, Bonnabel, Rigollet (2022, arXiv 2205.15902), section 3, there with one draw a step;
    recalled.

    >>> from tendsto.core.iterate import iterate
    >>> from tendsto.sampling import GaussianApproximation
    >>> round(float(iterate(BWGD(lr=0.1), GaussianApproximation(), steps=200).gap()[0, -1]), 6)
    0.0
    """

    certified: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.certified:
            raise ValueError("certified = True: no step of Bures-Wasserstein gradient descent is certified")

    def move(self, mean: Tensor, cov: Tensor, gradient: Tensor, hessian: Tensor, lr: Any) -> tuple[Tensor, Tensor]:
        return bwgd_step(mean, cov, gradient, hessian, lr)
