"""Gradient descent run on the functions that are its worst, in numbers: what it attains there is its bound.

Each function has the name of a theorem and its constants; `k` is the number of steps done.
"""


def _descend(x: float, slope, lr: float, k: int) -> float:
    for _ in range(k):
        x = x - lr * slope(x)
    return x


def GDConvex(k, smooth, distance, step_size):
    """The Huber function whose kink the last point just reaches, and L x^2 / 2, both from x = D."""
    kink = distance / (2 * k * smooth * step_size + 1)
    x = _descend(distance, lambda y: smooth * kink, step_size, k)
    far = smooth * kink * x - smooth * kink**2 / 2
    y = _descend(distance, lambda y: smooth * y, step_size, k)
    return max(far, smooth * y * y / 2)


def _quadratics(k, smooth, strongly_convex, step_size):
    """The square of the factor by which k steps shrink x on h x^2 / 2, for the worse of h = mu and h = L."""
    return max(_descend(1.0, lambda y, h=h: h * y, step_size, k) ** 2 for h in (strongly_convex, smooth))


def GDStronglyConvex(k, smooth, strongly_convex, gap, step_size):
    return _quadratics(k, smooth, strongly_convex, step_size) * gap


def GDStronglyConvexDistance(k, smooth, strongly_convex, distance, step_size):
    return _quadratics(k, smooth, strongly_convex, step_size) * distance**2


def GDPolyakLojasiewicz(k, smooth, polyak_lojasiewicz, gap, step_size):
    """f falls by lr/2 ||grad||^2 >= lr mu (f - f*) in each step."""
    for _ in range(k):
        gap = gap - step_size * polyak_lojasiewicz * gap
    return gap


def GDSmooth(k, smooth, gap, step_size):
    """k + 1 falls of lr/2 ||grad||^2 each cannot exceed the gap."""
    return gap / sum(step_size / 2 for _ in range(k + 1))


def GDSmoothExact(k, smooth, gap, step_size):
    """Each of k steps falls by lr min(4 - h, 4 - h^2) / 4 ||grad||^2, and the last point is 1/(2L) ||grad||^2 above."""
    h = step_size * smooth
    return gap / (sum(step_size * min(4 - h, 4 - h * h) / 4 for _ in range(k)) + 1 / (2 * smooth))
