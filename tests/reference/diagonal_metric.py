"""Descent in a diagonal metric, the fall of one step added up step by step.

Each function has the name of a theorem and its constants; `k` is the number of steps done.
"""

import math


def AdaHessianExact(k, smooth, strongly_convex, gap, hessian_power, lr):
    """f falls by lr mu / L^power (f - f*) in each step."""
    for _ in range(k):
        gap -= lr * strongly_convex / smooth**hessian_power * gap
    return gap


def _largest(smooth, dimension):
    return smooth if dimension is None else math.sqrt(dimension) * smooth


def OASISFixedPolyakLojasiewicz(k, smooth, gap, floor, dimension, lr, polyak_lojasiewicz):
    for _ in range(k):
        gap -= lr * polyak_lojasiewicz / _largest(smooth, dimension) * gap
    return gap


def OASISFixedSmooth(k, smooth, gap, floor, dimension, lr):
    return gap / sum(lr / (2 * _largest(smooth, dimension)) for _ in range(k + 1))
