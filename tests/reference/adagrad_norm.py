"""AdaGrad-Norm (Ward, Wu and Bottou, 2019), Algorithm 1, line by line; a step's gradients are those of all tensors."""

import numpy as np


def adagrad_norm(x: np.ndarray, gradients: list[np.ndarray], lr: float, initial: float) -> np.ndarray:
    x, s = x.copy(), initial
    for g in gradients:
        s = s + (g**2).sum()
        x = x - lr * g / np.sqrt(s)
    return x
