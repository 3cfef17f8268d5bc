"""Rows H13 and H14 of the Handbook of Convergence Theorems (Garrigos and Gower), sums added up term by term.

Each function has the name of a theorem and its constants; `k` is the number of steps done, at least 1.
"""

import math


def PolyakLipschitz(k, lipschitz, distance):
    """k times the mean gap squared is at most G^2 D^2."""
    return math.sqrt(lipschitz**2 * distance**2 / k)


def PolyakSmooth(k, smooth_max, function_noise, distance):
    """The larger root of gap^2 <= a (gap + Delta), a = 2 L_max D^2 / k, is at most a + sqrt(a Delta)."""
    a = 2 * smooth_max * distance**2 / k
    return a + math.sqrt(a * function_noise)
