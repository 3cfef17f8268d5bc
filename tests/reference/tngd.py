"""Donatella et al., Thermodynamic natural gradient descent (2024), for softmax regression, every matrix written out."""

import numpy as np

Array = np.ndarray


def gauss_newton(w: Array, a: Array, labels: Array, l2: float) -> tuple[Array, Array]:
    """The matrix F (10 d, 10 d) and the gradient (10 d,) of the mean cross-entropy plus l2/2 |w|^2."""
    classes, d = w.shape
    logits = a @ w.T
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    curvature, gradient = l2 * np.eye(classes * d), l2 * w.flatten()
    for x, q, label in zip(a, p, labels, strict=True):
        jacobian = np.kron(np.eye(classes), x[None, :])
        curvature += jacobian.T @ (np.diag(q) - np.outer(q, q)) @ jacobian / len(a)
        gradient += jacobian.T @ (q - np.eye(classes)[label]) / len(a)
    return curvature, gradient


def tngd(
    w: Array, batches: list[tuple[Array, Array]], lr: float, damping: float, n_steps: int, dt: float, l2: float,
    warm_start: bool, delay: int,
) -> Array:  # fmt: skip
    """The noiseless device. Until there is a past, a delayed device is given the present."""
    points, gradients, device = [], [], None
    for k, (a, labels) in enumerate(batches):
        points.append(w.copy())
        gradients.append(gauss_newton(w, a, labels, l2)[1])
        then = k - delay if k >= delay else k
        curvature, _ = gauss_newton(points[then], a, labels, l2)
        target = gradients[then]
        matrix = curvature + damping * np.eye(len(target))
        x = device if warm_start and k > delay else target
        for _ in range(n_steps):
            x = x - dt * (matrix @ x - target)
        device = x
        w = w - lr * x.reshape(w.shape)
    return w
