"""Losses of a margin m with a kink, and smooth ones, each with its derivative (0 at a kink), one number at a time."""

import math


def absolute(m, b):
    return abs(m - b)


def absolute_slope(m, b):
    return 0.0 if m == b else math.copysign(1, m - b)


def hinge(m, b):
    return max(0.0, 1 - b * m)


def hinge_slope(m, b):
    return -b if b * m < 1 else 0.0


def squared(m, b):
    return (m - b) ** 2 / 2


def squared_slope(m, b):
    return m - b


def logistic(m, b):
    return math.log(1 + math.exp(-b * m))


def logistic_slope(m, b):
    return -b / (1 + math.exp(b * m))
