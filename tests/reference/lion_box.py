"""Liu et al., Distributed Lion (2024), phase I: one entry's distance from the box, step by step, at its largest."""


def largest_distances(start: float, lr: float, decay: float, steps: int) -> list[float]:
    """Return an entry's distances from |x| <= 1 / decay after 0, ..., `steps` steps, all workers pushing outward."""
    x, seen = 1 / decay + start, [start]
    for _ in range(steps):
        x = x - lr * (-1 + decay * x)
        seen.append(x - 1 / decay)
    return seen
