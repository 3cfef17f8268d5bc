"""Proximal gradient in numbers: each step 1/L lowers F by ||G||^2 / (2 L) at least, added up until the gap is spent.

Each function has the name of a theorem and its constants; `k` is the number of steps done.
"""


def ProximalGradientSmooth(k, smooth, gap):
    return gap / sum(1 / (2 * smooth) for _ in range(k + 1))


def NonconvexAcceleratedSmooth(k, smooth, distance, concave):
    """Ghadimi and Lan's two terms, for k + 1 points."""
    n = k + 1
    return smooth * distance**2 * (smooth / n**2 + concave) / n
