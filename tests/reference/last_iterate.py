"""The master inequality for the last iterate, summed as it is written.

Source: Liu and Zhou 2024, arXiv 2312.08531, Theorems 3.1 and 3.2; recalled, derived again in the dossier.
"""

from __future__ import annotations


def bound(lr: list[float], distance: float, second_moment: float, mu_f: float = 0.0, mu_h: float = 0.0) -> float:
    w = [1.0]
    for s in range(1, len(lr)):
        w.append(w[-1] * (1 + mu_h * lr[s - 1]) / (1 - mu_f * lr[s]))
    first = (1 - mu_f * lr[0]) * distance**2 / 2 / sum(a * b for a, b in zip(w, lr, strict=True))
    second = 0.0
    for t in range(len(lr)):
        second += w[t] * lr[t] ** 2 / sum(w[s] * lr[s] for s in range(t, len(lr)))
    return first + 2 * second_moment * second
