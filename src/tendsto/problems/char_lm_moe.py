"""A small decoder with latent attention and a mixture of experts that reads English, one character at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.problems.char_lm import CharLM, Point
from tendsto.problems.classification import cross_entropies
from tendsto.problems.data import SYMBOLS

Cache = list[tuple[Tensor, Tensor]]
"""For each layer the latents (t, rank) and the rotated shared keys (t, rotary) of the t tokens read so far."""


@register("char-lm-moe")
@dataclass(frozen=True)
class CharLMMoE(CharLM):
    """`CharLM` with multi-head latent attention (MLA) and, in the place of the inner layer, a mixture of experts.

    Attention: a token h keeps c = D h (`rank` numbers) and one key shared by all heads, rotated by its position
    (`rotary` numbers). Keys and values of the heads are made of c, and with q the query's two parts

        score = (q . k(c) + q_rotated . k_rotated) / sqrt(width / heads + rotary).

    So a decoder caches rank + rotary numbers a token and layer in the place of 2 `width`, see `cache_numbers`.

    Experts: y = shared(h) + sum over the `active` experts of largest p of p_e expert_e(h), with p = softmax(R h); each
    is W2 gelu(W1 h), 2 `width` wide. `balance` times experts sum_e f_e p_e, f_e the share of the window's tokens that
    expert e is active for over `active`, and p_e its mean probability in the window, is added to a window's loss, not
    to the criterion, so that experts are used alike. All experts are computed and masked: it is a model of training,
    not of the speed of sparse inference.

    Points are dicts as for `CharLM`, every expert's two matrices tensors of their own: "layer0.expert1.up.weight".

    Raises:
        ValueError: as `CharLM`; an odd `rotary`; more active experts than there are.

    Source: DeepSeek-V2 2024, arXiv 2405.04434, sections 2.1 and 2.2 (recalled); Mehta et al. 2025, arXiv 2509.24406,
    whose sizes are not known.

    >>> problem = CharLMMoE()
    >>> problem.cache_numbers(), 2 * problem.width * problem.layers
    (12, 64)
    """

    rank: int = 8
    rotary: int = 4
    experts: int = 4
    active: int = 2
    balance: float = 0.01

    small: ClassVar[Mapping[str, Any]] = {**CharLM.small, "rank": 3, "rotary": 2, "experts": 3, "active": 1}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rotary < 2 or self.rotary % 2 or self.rank < 1:
            raise ValueError(f"rotary = {self.rotary} must be even and at least 2, and rank = {self.rank} at least 1")
        if not 1 <= self.active <= self.experts or not self.balance >= 0:
            raise ValueError(
                f"active = {self.active} must be from 1 to experts = {self.experts}, and balance = {self.balance} at"
                " least 0"
            )

    def cache_numbers(self) -> int:
        """Return how many numbers a decoder keeps for each token it has read: (rank + rotary) * layers."""
        return (self.rank + self.rotary) * self.layers

    def init(self, rng: Random) -> Point:
        dtype, w, r = getattr(torch, self.precision), self.width, self.rank
        x: Point = {"embedding.weight": 0.1 * rng.normal("embedding.weight", (len(SYMBOLS), w), dtype)}
        turned = self.heads * self.rotary
        for i in range(self.layers):
            shapes = {"query": (w, w), "query_turned": (turned, w), "latent": (r, w), "key_turned": (self.rotary, w)}
            shapes |= {"key": (w, r), "value": (w, r), "mix": (w, w), "router": (self.experts, w)}
            for name in self._experts():
                shapes |= {f"{name}.up": (2 * w, w), f"{name}.down": (w, 2 * w)}
            for part, (rows, columns) in shapes.items():
                added = part == "mix" or part.endswith("down")
                scale = (columns * (2 * self.layers if added else 1)) ** -0.5
                x[f"layer{i}.{part}.weight"] = scale * rng.normal(f"layer{i}.{part}", (rows, columns), dtype)
            x[f"layer{i}.norm1.weight"] = torch.ones(w, dtype=dtype)
            x[f"layer{i}.norm2.weight"] = torch.ones(w, dtype=dtype)
        x["norm.weight"] = torch.ones(w, dtype=dtype)
        x["output.weight"] = rng.normal("output.weight", (len(SYMBOLS), w), dtype) / w**0.5
        return x

    def _experts(self) -> list[str]:
        return ["shared", *(f"expert{e}" for e in range(self.experts))]

    def logits(self, x: Point, tokens: Tensor) -> Tensor:
        return self._forward(x, tokens)[0]

    def _forward(self, x: Point, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits (m, context, 96) and the imbalance of the experts in each window, (m,)."""
        stream = torch.nn.functional.embedding(tokens, x["embedding.weight"])
        imbalance: Any = 0.0
        for i in range(self.layers):
            layer = f"layer{i}"
            normed = self._norm(stream, x[f"{layer}.norm1.weight"])
            stream = stream + self._attend(x, layer, normed, *self._kept(x, layer, normed, 0), 0)
            mixed, uneven = self._mixture(x, layer, self._norm(stream, x[f"{layer}.norm2.weight"]))
            stream, imbalance = stream + mixed, imbalance + uneven
        return torch.nn.functional.linear(self._norm(stream, x["norm.weight"]), x["output.weight"]), imbalance

    def decode(self, x: Point, token: Tensor, cache: Cache | None = None) -> tuple[Tensor, Cache]:
        """Read a token (0-d, int64) after those of `cache`; return the logits (96,) of the next, and the new cache."""
        stream = torch.nn.functional.embedding(token[None], x["embedding.weight"])
        kept: Cache = []
        for i in range(self.layers):
            layer = f"layer{i}"
            normed = self._norm(stream, x[f"{layer}.norm1.weight"])
            at = 0 if cache is None else len(cache[i][0])
            now = self._kept(x, layer, normed, at)
            if cache is not None:
                now = torch.cat([cache[i][0], now[0]]), torch.cat([cache[i][1], now[1]])
            kept.append(now)
            stream = stream + self._attend(x, layer, normed, *now, at)
            stream = stream + self._mixture(x, layer, self._norm(stream, x[f"{layer}.norm2.weight"]))[0]
        return torch.nn.functional.linear(self._norm(stream, x["norm.weight"]), x["output.weight"])[0], kept

    def _kept(self, x: Point, layer: str, stream: Tensor, first: int) -> tuple[Tensor, Tensor]:
        """Return what a decoder keeps of tokens: latents (..., t, rank) and rotated shared keys (..., t, rotary)."""
        linear = torch.nn.functional.linear
        key = linear(stream, x[f"{layer}.key_turned.weight"])
        return linear(stream, x[f"{layer}.latent.weight"]), self._turn(key, first)

    def _attend(self, x: Point, layer: str, stream: Tensor, latent: Tensor, turned: Tensor, first: int) -> Tensor:
        """Attention of the tokens of `stream`, the first of them at position `first`, to all that are kept."""
        linear, heads = torch.nn.functional.linear, self.heads

        def split(inputs: Tensor, part: str) -> Tensor:
            return linear(inputs, x[f"{layer}.{part}.weight"]).unflatten(-1, (heads, -1)).transpose(-2, -3)

        query = self._turn(split(stream, "query_turned"), first)
        scores = split(stream, "query") @ split(latent, "key").transpose(-1, -2)
        scores = (scores + query @ turned.unsqueeze(-3).transpose(-1, -2)) / (self.width / heads + self.rotary) ** 0.5
        here = first + torch.arange(stream.shape[-2])
        future = torch.arange(latent.shape[-2]) > here[:, None]
        weights = torch.softmax(scores.masked_fill(future, -torch.inf), dim=-1)
        return linear((weights @ split(latent, "value")).transpose(-2, -3).flatten(-2), x[f"{layer}.mix.weight"])

    def _turn(self, inputs: Tensor, first: int) -> Tensor:
        """Rotate pairs (j, j + rotary/2) of the last axis by position * 10000^(-2 j / rotary)."""
        half = self.rotary // 2
        at = first + torch.arange(inputs.shape[-2], dtype=inputs.dtype)
        angle = at[:, None] * 10000.0 ** (-torch.arange(half, dtype=inputs.dtype) / half)
        a, b = inputs[..., :half], inputs[..., half:]
        return torch.cat([a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()], dim=-1)

    def _mixture(self, x: Point, layer: str, stream: Tensor) -> tuple[Tensor, Tensor]:
        """Return the experts' mixture of (..., t, width), and the imbalance experts sum_e f_e p_e over the t tokens."""
        linear = torch.nn.functional.linear
        p = torch.softmax(linear(stream, x[f"{layer}.router.weight"]), dim=-1)
        least = p.topk(self.active, dim=-1).values[..., -1:]
        chosen = (p >= least).to(p.dtype)

        def expert(name: str) -> Tensor:
            inner = torch.nn.functional.gelu(linear(stream, x[f"{layer}.{name}.up.weight"]))
            return linear(inner, x[f"{layer}.{name}.down.weight"])

        parts = [expert(name) for name in self._experts()]
        mixed = parts[0] + (torch.stack(parts[1:], dim=-1) * (chosen * p)[..., None, :]).sum(dim=-1)
        shares = chosen.mean(dim=-2) / self.active
        return mixed, self.experts * (shares * p.mean(dim=-2)).sum(dim=-1)

    def losses(self, x: Point, which: Tensor | None) -> Tensor:
        windows = self.data[0] if which is None else self.data[0][which]
        logits, imbalance = self._forward(x, windows[:, :-1])
        return cross_entropies(logits, windows[:, 1:]).mean(dim=-1) + self.balance * imbalance
