"""H on all subsets, and h_L, from tables of F and G."""

from reference.set_function import extension


def best(f, g):
    """The least H, and a set that has it."""
    return min((f[s] - g[s], sorted(s)) for s in f)


def relaxed(f, g, x):
    return extension(f, x) - extension(g, x)
