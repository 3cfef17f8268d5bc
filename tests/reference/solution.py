"""What a solution is like, by the definitions: dense Hessians, loops over entries and classes."""

import numpy as np


def sparsity(tensors: list[np.ndarray], share: float) -> float:
    small = total = 0
    for t in tensors:
        top = max(abs(v) for v in t.ravel())
        for v in t.ravel():
            small += abs(v) <= share * top
            total += 1
    return small / total


def effective_rank(matrix: np.ndarray) -> float:
    singular = np.linalg.svd(matrix, compute_uv=False)
    p = [s / singular.sum() for s in singular if s > 0]
    return float(np.exp(-sum(q * np.log(q) for q in p)))


def participation_ratio(features: np.ndarray) -> float:
    values = np.linalg.eigvalsh(np.cov(features.T))
    return float(values.sum() ** 2 / (values**2).sum())


def class_cosine(features: np.ndarray, labels: np.ndarray) -> float:
    means = [features[labels == c].mean(axis=0) for c in sorted(set(labels.tolist()))]
    pairs = [(a, b) for i, a in enumerate(means) for j, b in enumerate(means) if i != j]
    return float(np.mean([a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in pairs]))
