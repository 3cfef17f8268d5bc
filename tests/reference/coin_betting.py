"""Orabona and Pal 2016, Corollary 5, for slopes of at most G: regret over T is that of the mean."""

import math


def regret_bound(G: float, D: float, w: float, T: int) -> float:
    regret = D * math.sqrt(T * math.log(1 + 24 * T**2 * D**2 / w**2)) + w
    return G * regret / T
