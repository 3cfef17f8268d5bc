"""A small transformer that reads English, one character at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from tendsto.core.problem import Constants
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.problems.classification import check_network, cross_entropies
from tendsto.problems.data import SYMBOLS, english
from tendsto.problems.finite_sum import FiniteSum
from tendsto.problems.once import once_property

Point = dict[str, Tensor]


def _text() -> str:
    return english()[1]


@register("char-lm")
@dataclass(frozen=True)
class CharLM(FiniteSum):
    """Next-character cross-entropy (nats) of a pre-norm causal transformer on Python's own language reference.

    The first nine tenths of the text are for training, cut into windows of `context` characters, each a term of the
    sum; a minibatch is `batch` of them drawn with replacement. The criterion is the loss over `evaluated` training
    windows, evenly spaced and fixed (all of them would cost more than a training run); the metric "test loss" is that
    over as many windows of the last tenth. With `characters` given, only so many from the beginning are used.

    Each layer: x += attention(norm(x)), x += W2 gelu(W1 norm(x)), width 4 `width` inside; learned positions, untied
    output. Points are dicts of float32 (or float64) tensors, "embedding.weight" (96, w), "position.weight"
    (context, w), "layer0.query.weight" (w, w), ..., "output.weight" (96, w).

    The text differs between Python's patch versions. Its SHA-256 is part of the specification, so that runs on
    different texts are kept apart, and a specification made with another text is refused.

    Raises:
        ValueError: a size below 1, a width that the heads do not divide, a text too short, or another text.

    Source: Vaswani et al., *Attention is all you need* (2017); norms first: Xiong et al., *On layer normalization in
    the transformer architecture* (2020).

    >>> problem = CharLM()
    >>> sum(p.numel() for p in problem.init(Random(0)).values())
    19552
    """

    width: int = 32
    layers: int = 1
    heads: int = 2
    context: int = 32
    batch: int | None = 16
    evaluated: int = 128
    characters: int | None = None
    precision: str = "float32"
    text_sha256: str = field(default_factory=_text)

    criterion_name = "train loss"

    small: ClassVar[Mapping[str, Any]] = {"width": 8, "context": 8, "characters": 2000, "batch": 4, "evaluated": 8}

    def __post_init__(self) -> None:
        sizes = {"width": self.width, "layers": self.layers, "heads": self.heads, "evaluated": self.evaluated}
        check_network(batch=self.batch, precision=self.precision, context=self.context, **sizes)
        if self.width % self.heads:
            raise ValueError(f"width = {self.width} is not divided by heads = {self.heads}: use a multiple")
        if self.characters is not None and self.characters < 20 * (self.context + 1):
            least = 20 * (self.context + 1)
            raise ValueError(f"characters = {self.characters} is too short for context = {self.context}: use {least}")
        if self.text_sha256 != _text():
            raise ValueError(
                f"this Python ships the text with SHA-256 {_text()}, not {self.text_sha256}: use the Python that the "
                "specification was made with, or leave text_sha256 out"
            )

    @once_property
    def data(self) -> tuple[Tensor, Tensor]:
        """Training windows and test windows, (n, context + 1) int64; neighbours share one character."""
        tokens = english()[0][: self.characters]
        cut = len(tokens) * 9 // 10

        def windows(part: Tensor) -> Tensor:
            return part.unfold(0, self.context + 1, self.context)

        return windows(tokens[:cut]), windows(tokens[cut:])

    @once_property
    def fixed(self) -> tuple[Tensor, Tensor]:
        """The windows of criterion and metric."""
        train, test = self.data
        return tuple(w[torch.linspace(0, len(w) - 1, min(self.evaluated, len(w))).long()] for w in (train, test))  # type: ignore[reportReturnType]

    def size(self) -> int:
        return len(self.data[0])

    def init(self, rng: Random) -> Point:
        dtype, w = getattr(torch, self.precision), self.width
        shapes = {"embedding.weight": (len(SYMBOLS), w), "position.weight": (self.context, w)}
        x = {name: 0.1 * rng.normal(name, shape, dtype) for name, shape in shapes.items()}
        for i in range(self.layers):
            matrices = {"query": (w, w), "key": (w, w), "value": (w, w), "mix": (w, w), "up": (4 * w, w)}
            for part, (rows, columns) in {**matrices, "down": (w, 4 * w)}.items():
                # What is added to the stream is scaled down, so that its variance does not grow with the depth.
                scale = (columns * (2 * self.layers if part in ("mix", "down") else 1)) ** -0.5
                x[f"layer{i}.{part}.weight"] = scale * rng.normal(f"layer{i}.{part}", (rows, columns), dtype)
            x[f"layer{i}.norm1.weight"] = torch.ones(w, dtype=dtype)
            x[f"layer{i}.norm2.weight"] = torch.ones(w, dtype=dtype)
        x["norm.weight"] = torch.ones(w, dtype=dtype)
        x["output.weight"] = rng.normal("output.weight", (len(SYMBOLS), w), dtype) / w**0.5
        return x

    def logits(self, x: Point, tokens: Tensor) -> Tensor:
        """Return the logits (m, context, 96) of the characters after each of `tokens` (m, context) int64."""
        f = torch.nn.functional
        stream = f.embedding(tokens, x["embedding.weight"]) + x["position.weight"]
        for i in range(self.layers):
            layer = f"layer{i}"
            stream = stream + self._attention(x, layer, self._norm(stream, x[f"{layer}.norm1.weight"]))
            inner = f.linear(self._norm(stream, x[f"{layer}.norm2.weight"]), x[f"{layer}.up.weight"])
            stream = stream + f.linear(f.gelu(inner), x[f"{layer}.down.weight"])
        return f.linear(self._norm(stream, x["norm.weight"]), x["output.weight"])

    def _norm(self, stream: Tensor, weight: Tensor) -> Tensor:
        return torch.nn.functional.layer_norm(stream, (self.width,)) * weight

    def _attention(self, x: Point, layer: str, stream: Tensor) -> Tensor:
        linear = torch.nn.functional.linear

        def heads(part: str) -> Tensor:
            return linear(stream, x[f"{layer}.{part}.weight"]).unflatten(-1, (self.heads, -1)).transpose(-2, -3)

        scores = heads("query") @ heads("key").transpose(-1, -2) / (self.width // self.heads) ** 0.5
        future = torch.ones(self.context, self.context, dtype=torch.bool).triu(1)
        weights = torch.softmax(scores.masked_fill(future, -torch.inf), dim=-1)
        return linear((weights @ heads("value")).transpose(-2, -3).flatten(-2), x[f"{layer}.mix.weight"])

    def _losses(self, x: Point, windows: Tensor) -> Tensor:
        return cross_entropies(self.logits(x, windows[:, :-1]), windows[:, 1:]).mean(dim=-1)

    def losses(self, x: Point, which: Tensor | None) -> Tensor:
        return self._losses(x, self.data[0] if which is None else self.data[0][which])

    def criterion(self, x: Point) -> Tensor:
        return self._losses(x, self.fixed[0]).mean()

    def metrics(self, x: Point) -> dict[str, Tensor]:
        return {"test loss": self._losses(x, self.fixed[1]).mean()}

    def constants(self) -> Constants:
        return Constants(convex=False)
