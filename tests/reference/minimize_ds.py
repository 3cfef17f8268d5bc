"""What an answer of DS minimisation must be, from a table of all subsets of {0, ..., n - 1}."""

from itertools import combinations


def local_gap(h: dict[frozenset[int], float], s: frozenset[int], n: int) -> float:
    """H(S) less the least value of a set that differs from S in one element; at most 0 at a local minimum."""
    return max(h[s] - h[s ^ {i}] for i in range(n))


def least(h: dict[frozenset[int], float], n: int) -> float:
    """The least value, over every subset in turn."""
    return min(h[frozenset(c)] for size in range(n + 1) for c in combinations(range(n), size))
