"""DCA in one dimension, f(x) = rho x^2 / 2 - c x on [0, 1] and g(x) = rho x^2 / 2: steps of c / rho to 1."""


def drift(c, rho, steps):
    points = [0.0]
    for _ in range(steps):
        points.append(min(1.0, points[-1] + c / rho))
    return points
