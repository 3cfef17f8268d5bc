"""SCAD and MCP by integrating their published derivatives, one number at a time."""

from scipy.integrate import quad


def derivative(kind: str, t: float, lam: float, a: float) -> float:
    """P'(t) for t > 0: Fan and Li (2001), eq. (2.7), and Zhang (2010), eq. (2.1)."""
    if kind == "mcp":
        return max(lam - t / a, 0.0)
    return lam if t <= lam else max(a * lam - t, 0.0) / (a - 1)


def penalty(kind: str, b: float, lam: float, a: float) -> float:
    kinks = [lam, a * lam]
    size = abs(b)
    return quad(lambda t: derivative(kind, t, lam, a), 0, size, points=[k for k in kinks if k < size] or None)[0]
