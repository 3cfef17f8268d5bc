"""Latent attention (DeepSeek-V2, section 2.1) and top-k experts (section 2.2) of one window, token by token."""

import math

import numpy as np


def norm(h: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return (h - h.mean()) / np.sqrt(h.var() + 1e-5) * weight


def gelu(v: np.ndarray) -> np.ndarray:
    return np.array([0.5 * a * (1 + math.erf(a / math.sqrt(2))) for a in v])


def turn(v: np.ndarray, position: int) -> np.ndarray:
    half, out = len(v) // 2, v.copy()
    for j in range(half):
        angle = position * 10000.0 ** (-j / half)
        out[j] = v[j] * np.cos(angle) - v[j + half] * np.sin(angle)
        out[j + half] = v[j] * np.sin(angle) + v[j + half] * np.cos(angle)
    return out


def softmax(v: np.ndarray) -> np.ndarray:
    e = np.exp(v - v.max())
    return e / e.sum()


def logits(
    x: dict[str, np.ndarray], tokens: list[int], layers: int, heads: int, experts: int, active: int
) -> np.ndarray:
    stream = [x["embedding.weight"][t].copy() for t in tokens]
    for i in range(layers):
        w = {name.removeprefix(f"layer{i}."): v for name, v in x.items() if name.startswith(f"layer{i}.")}
        normed = [norm(h, w["norm1.weight"]) for h in stream]
        size, rotary = len(stream[0]) // heads, len(w["key_turned.weight"])
        for t in range(len(tokens)):
            outputs = []
            for a in range(heads):
                part, turned = slice(a * size, (a + 1) * size), slice(a * rotary, (a + 1) * rotary)
                q = (w["query.weight"] @ normed[t])[part]
                q_turned = turn((w["query_turned.weight"] @ normed[t])[turned], t)
                scores, values = [], []
                for s in range(t + 1):
                    c = w["latent.weight"] @ normed[s]
                    k_turned = turn(w["key_turned.weight"] @ normed[s], s)
                    scores.append((q @ (w["key.weight"] @ c)[part] + q_turned @ k_turned) / np.sqrt(size + rotary))
                    values.append((w["value.weight"] @ c)[part])
                outputs.append(softmax(np.array(scores)) @ np.array(values))
            stream[t] = stream[t] + w["mix.weight"] @ np.concatenate(outputs)
        for t in range(len(tokens)):
            h = norm(stream[t], w["norm2.weight"])
            p = softmax(w["router.weight"] @ h)
            y = w["shared.down.weight"] @ gelu(w["shared.up.weight"] @ h)
            for e in sorted(range(experts), key=lambda e: -p[e])[:active]:
                y = y + p[e] * (w[f"expert{e}.down.weight"] @ gelu(w[f"expert{e}.up.weight"] @ h))
            stream[t] = stream[t] + y
    return np.array([x["output.weight"] @ norm(h, x["norm.weight"]) for h in stream])
