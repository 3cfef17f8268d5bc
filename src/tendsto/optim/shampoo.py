"""Shampoo: gradients preconditioned from both sides of a matrix."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tendsto.core.registry import register
from tendsto.core.rule import Rule, Scalars, Slots
from tendsto.optim.settings import at_least_zero
from tendsto.optim.torch_optimizer import RuleOptimizer


@register("shampoo")
@dataclass(frozen=True)
class ShampooRule(Rule):
    """Each matrix has a second moment of its rows and one of its columns.

    With L = eps I_m and R = eps I_n before the first step, for a gradient G (m, n)

        L <- L + G G^T,   R <- R + G^T G
        W <- W - lr * L^(-1/4) G R^(-1/4)

    or, with `decay` b below 1, L <- b L + (1 - b) G G^T, which does not let steps shrink for ever. Vectors are matrices
    of one row; tensors of more axes are reshaped to (m, rest). Roots by eigendecomposition, in the tensor's precision:
    for tensors of up to about a thousand rows and columns.

    State: "left" L (m, m), "right" R (n, n).

    Raises:
        ValueError: a negative lr, an eps that is not positive, or a decay outside (0, 1].

    Source: Gupta, Koren and Singer 2018, arXiv 1802.09568, Algorithm 1; the decay is common practice.

    >>> rule, x = ShampooRule(lr=0.1, eps=1e-9), torch.zeros(2, 2)
    >>> x, _ = rule.update(x, torch.diag(torch.tensor([3.0, -0.5])), rule.slots(x), 1)
    >>> [round(v, 4) for v in x.diagonal().tolist()]
    [-0.1, 0.1]
    """

    lr: float = 0.05
    eps: float = 1e-6
    decay: float = 1.0

    def __post_init__(self) -> None:
        at_least_zero(lr=self.lr)
        if not (self.eps > 0 and 0 < self.decay <= 1):
            raise ValueError(f"eps = {self.eps} must be above 0 and decay = {self.decay} above 0 and at most 1")

    @property
    def flat(self) -> bool:
        return False

    def slots(self, parameter: Tensor) -> Slots:
        m, n = _matrix(parameter).shape
        return {
            "left": self.eps * torch.eye(m, dtype=parameter.dtype, device=parameter.device),
            "right": self.eps * torch.eye(n, dtype=parameter.dtype, device=parameter.device),
        }

    def move(self, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> tuple[Tensor, Slots]:
        g = _matrix(gradient)
        new = 1.0 if self.decay == 1 else 1 - self.decay
        left = self.decay * slots["left"] + new * g @ g.mT
        right = self.decay * slots["right"] + new * g.mT @ g
        move = self.lr * self._root(left) @ g @ self._root(right)
        return move.reshape(parameter.shape), {"left": left, "right": right}

    def _root(self, moment: Tensor) -> Tensor:
        """Return moment^(-1/4), where an eigenvalue that rounding has brought below eps / 1000 is taken for that."""
        # What is not finite would be refused by eigh; it is to show in the parameter instead.
        seen = 1.0 + 0.0 * moment.sum()
        values, vectors = torch.linalg.eigh(torch.nan_to_num(moment, posinf=0.0, neginf=0.0))
        return seen * (vectors * values.clamp(min=1e-3 * self.eps) ** -0.25) @ vectors.mT


def _matrix(tensor: Tensor) -> Tensor:
    return tensor.reshape(1, -1) if tensor.ndim < 2 else tensor.reshape(len(tensor), -1)


class Shampoo(RuleOptimizer, rule=ShampooRule):
    """`ShampooRule` as a torch optimizer.

    >>> weight = torch.nn.Parameter(torch.zeros(2, 2))
    >>> weight.grad = torch.diag(torch.tensor([2.0, 1.0]))
    >>> Shampoo([weight], lr=0.1).step()
    >>> [round(v, 3) for v in weight.flatten().tolist()]
    [-0.1, 0.0, 0.0, -0.1]
    """
