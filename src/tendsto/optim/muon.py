"""Muon: momentum orthogonalised by Newton-Schulz iterations for matrices, AdamW for all other tensors."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from tendsto.core import spec
from tendsto.core.registry import register
from tendsto.core.rule import Rule, Scalars, Slots
from tendsto.optim.adam import AdamRule
from tendsto.optim.settings import at_least_zero, average, one_of
from tendsto.optim.torch_optimizer import RuleOptimizer

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
SCALES = ("original", "rms", "none")
PRECISIONS = ("auto", "float32", "bfloat16")


def newton_schulz(
    matrix: Tensor,
    steps: int = 5,
    coefficients: tuple[float, float, float] = COEFFICIENTS,
    eps: float = 1e-7,
    precision: str = "auto",
) -> Tensor:
    """Return roughly the orthogonal factor P Q^T of a matrix P S Q^T, its singular values brought near 1.

    On the wide form X of matrix / (|matrix|_F + eps), `steps` times

        A = X X^T,   X <- a X + (b A + c A^2) X,

    which maps each singular value s to a s + b s^3 + c s^5. With the default coefficients five steps bring every s in
    [0.005, 1] into [0.68, 1.16]; it does not converge to 1, and smaller s stay smaller.

    Args:
        matrix: (m, n), real.
        precision: of the iteration; the result has the dtype of `matrix`. "auto" is float64 for a float64 matrix, else
            float32 on a CPU and bfloat16 on a GPU, where that is the fast precision. "bfloat16" moves the result by
            1 to 2 percent of its norm. On a CPU that multiplies in bfloat16 (avx512_bf16 or amx_bf16 among the
            flags of /proc/cpuinfo) it takes half the time of float32; on others it takes several times as long.

    Raises:
        ValueError: an unknown precision.

    Source: Jordan et al. 2024 (Muon), there with this eps; torch divides by max(|matrix|_F, eps).

    >>> s = torch.linalg.svdvals(newton_schulz(torch.diag(torch.tensor([3.0, 2.0, 1.0]))))
    >>> bool(((0.68 < s) & (s < 1.16)).all())
    True
    """
    a, b, c = coefficients
    x = matrix.to(_dtype(matrix, precision))
    if matrix.shape[-2] > matrix.shape[-1]:
        x = x.mT
    x = x / (x.square().sum().sqrt() + eps)
    for _ in range(steps):
        gram = x @ x.mT
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    if matrix.shape[-2] > matrix.shape[-1]:
        x = x.mT
    return x.to(matrix.dtype)


def _dtype(matrix: Tensor, precision: str) -> torch.dtype:
    one_of("precision", precision, PRECISIONS)
    if precision == "auto" and matrix.dtype == torch.float64:
        return torch.float64
    fast = precision == "bfloat16" or (precision == "auto" and matrix.device.type != "cpu")
    return torch.bfloat16 if fast else torch.float32


def polar(matrix: Tensor) -> Tensor:
    """Return the orthogonal factor P Q^T of a matrix (m, n) = P S Q^T exactly, by its singular value decomposition.

    It is the steepest direction in the spectral norm: <matrix, polar(matrix)> is the nuclear norm.

    >>> polar(torch.diag(torch.tensor([3.0, 0.5]))).round(decimals=5).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    return left @ right


ELSEWHERE = ("embed", "emb.", "wte", "wpe", "token", "position", "head", "output", "unembed", "classifier", "logits")
"""Fragments of names of embeddings and output layers, whose matrices are not hidden weights."""


@register("muon")
@dataclass(frozen=True)
class MuonRule(Rule):
    """Orthogonalised momentum for the hidden matrices of a network.

    For a weight W (m, n), with B = 0 before the first step,

        B <- momentum B + (1 - momentum) G
        M  = (1 - momentum) G + momentum B, or B without nesterov
        W <- (1 - lr * weight_decay) W - lr * scale * NewtonSchulz(M)

    so the spectral norm of every move is about lr * scale. `scale` is sqrt(max(1, m/n)) ("original"),
    0.2 sqrt(max(m, n)) ("rms": moves of AdamW's size, so that its lr and weight decay can be reused) or 1 ("none").
    Tensors of more than two axes are reshaped to (m, rest).

    What is no hidden matrix goes to `fallback`, AdamW: vectors and scalars, complex tensors, and every tensor whose
    name, in lower case, contains one of `elsewhere` (embeddings and output layers; `()` leaves all matrices here).

    State: "momentum_buffer" B, of the shape of the tensor; `fallback`'s for the others.

    Source: Jordan et al. 2024, github.com/KellerJordan/Muon; Mehta et al. 2025, arXiv 2509.24406; "rms": Liu et al.
    2025, arXiv 2502.16982. Equal to `torch.optim.Muon` but for the precision: torch iterates in bfloat16 everywhere,
    as `precision="bfloat16"` does; `newton_schulz` says when that pays.

    Raises:
        ValueError: a negative setting, momentum of 1 or more, fewer than one step, an unknown scale or precision.

    >>> w, slots = MuonRule(lr=1.0).update(torch.zeros(2, 2), torch.eye(2), {"momentum_buffer": torch.zeros(2, 2)}, 1)
    >>> bool((w.diagonal() < -0.68).all())
    True
    """

    lr: float = 0.02
    momentum: float = 0.95
    weight_decay: float = 0.0
    nesterov: bool = True
    steps: int = 5
    scale: str = "original"
    eps: float = 1e-7
    elsewhere: tuple[str, ...] = ELSEWHERE
    fallback: Rule | None = field(
        default=AdamRule(lr=3e-4, betas=(0.9, 0.95), eps=1e-10, weight_decay=0.0, decoupled=True)
    )
    precision: str = "auto"

    def __post_init__(self) -> None:
        at_least_zero(lr=self.lr, momentum=self.momentum, weight_decay=self.weight_decay, eps=self.eps)
        if self.momentum >= 1:
            raise ValueError(f"momentum = {self.momentum} never takes in a gradient: use a number below 1")
        if self.steps < 1:
            raise ValueError(
                f"steps = {self.steps} orthogonalises nothing: use a whole number of at least 1, such as 5"
            )
        if isinstance(self.elsewhere, str):
            raise TypeError(f"elsewhere = {self.elsewhere!r} must be a tuple of fragments of names")
        one_of("scale", self.scale, SCALES)
        one_of("precision", self.precision, PRECISIONS)

    @property
    def flat(self) -> bool:
        return False

    def for_tensor(self, name: str, parameter: Tensor) -> Rule:
        """Return this rule without its fallback for a hidden matrix, and the fallback for the rest."""
        named = any(fragment in name.lower() for fragment in self.elsewhere)
        if self.fallback is not None and (parameter.ndim < 2 or parameter.is_complex() or named):
            return self.fallback
        return spec.substitute(self, {"fallback": None})

    def slots(self, parameter: Tensor) -> Slots:
        return {"momentum_buffer": torch.zeros_like(parameter)}

    def shrink(self) -> Any:
        return 1 - self.lr * self.weight_decay

    def move(self, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> tuple[Tensor, Slots]:
        buffer = average(slots["momentum_buffer"], gradient, self.momentum)
        mixed = average(gradient, buffer, 1 - self.momentum) if self.nesterov else buffer
        matrix = mixed.reshape(len(mixed), -1)
        orthogonal = newton_schulz(matrix, self.steps, eps=self.eps, precision=self.precision)
        move = self.lr * self._scale(*matrix.shape) * orthogonal
        return move.reshape(parameter.shape), {"momentum_buffer": buffer}

    def _scale(self, rows: int, columns: int) -> float:
        if self.scale == "original":
            return math.sqrt(max(1.0, rows / columns))
        return 0.2 * math.sqrt(max(rows, columns)) if self.scale == "rms" else 1.0


class Muon(RuleOptimizer, rule=MuonRule):
    """`MuonRule` as a torch optimizer that finds its groups by itself.

    Hidden matrices and the rest become parameter groups of their own, each with its lr for schedulers to move. What is
    a hidden matrix is told best from a model, `Muon.for_model(model)`; else from names,
    `Muon(model.named_parameters())`. Of tensors without names, `Muon(model.parameters())`, the first and the last
    matrix are taken for embedding and output layer where there are at least three, as modules list them in that order.
    A group with `"elsewhere": ()` is orthogonalised whole.

    >>> model = torch.nn.Sequential(torch.nn.Embedding(9, 4), torch.nn.Linear(4, 4), torch.nn.Linear(4, 9))
    >>> optimizer = Muon.for_model(model, lr=0.02)
    >>> [(len(group["params"]), group["lr"]) for group in optimizer.param_groups]
    [(4, 0.0003), (1, 0.02)]
    """

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        params = param_group.get("params")
        params = [params] if isinstance(params, Tensor) else list(params or [])
        matrices = [p for p in params if isinstance(p, Tensor) and p.ndim >= 2]
        unnamed = "elsewhere" not in param_group and "param_names" not in param_group
        if not unnamed or len(matrices) < 3 or len(params) != sum(isinstance(p, Tensor) for p in params):
            return super().add_param_group({**param_group, "params": params})
        ends = [p for p in params if p is matrices[0] or p is matrices[-1]]
        hidden = [p for p in params if p is not matrices[0] and p is not matrices[-1]]
        super().add_param_group({**param_group, "params": ends, "elsewhere": ("",)})
        return super().add_param_group({**param_group, "params": hidden})

    @classmethod
    def for_model(cls, model: torch.nn.Module, **settings: Any) -> Muon:
        """Return the optimizer of all parameters of `model`, told apart by its modules and names.

        To AdamW go embeddings, the last `Linear` in the order of registration, weights tied to either, and what the
        names say.
        """
        modules = list(model.modules())
        linear = [m for m in modules if isinstance(m, torch.nn.Linear)]
        kinds = (torch.nn.Embedding, torch.nn.EmbeddingBag)
        ends = [*(m.weight for m in modules if isinstance(m, kinds)), *(m.weight for m in linear[-1:])]
        named = list(model.named_parameters())
        outer = [(n, p) for n, p in named if p.ndim < 2 or any(p is end for end in ends)]
        inner = [(n, p) for n, p in named if not any(p is other for _, other in outer)]
        groups = [{"params": outer, "elsewhere": ("",)}, {"params": inner}]
        return cls([group for group in groups if group["params"]], **settings)
