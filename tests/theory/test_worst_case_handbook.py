"""The rows of the Handbook on momentum, subgradients and proximal maps, against solved worst cases (PEPit).

As in `test_worst_case`: expectations are over all paths of a sum of two terms, an instance of the theorem.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tendsto.core.guarantee import Guarantee
from tendsto.core.registry import guarantees
from tendsto.theory import (
    AdaGradNormSmooth,
    AdaHessianExact,
    ClippedExtragradientMonotone,
    ClippedSSTMConvex,
    CoinBettingRegret,
    DCADecrease,
    DCAMovement,
    FBGVIContraction,
    FBGVISublinear,
    FictitiousPlayConstant,
    FictitiousPlayDecreasing,
    FrankWolfeSelfConcordant,
    FrankWolfeSmooth,
    LastIterateLipschitz,
    LastIterateSmooth,
    OASISFixedPolyakLojasiewicz,
    OASISFixedSmooth,
    PolyakLipschitz,
    PolyakSmooth,
    ProjectedSubgradientBounded,
    ProjectedSubgradientStronglyConvex,
    ProspectLinear,
    ProximalGradientConvex,
    ProximalGradientSmooth,
    ProximalGradientStronglyConvex,
    ProximalPointConstant,
    ProximalPointDecreasing,
    ProximalPointStronglyConvex,
    SGDConvexDecreasingLonger,
    SGDConvexLonger,
    SGDMomentum,
    SGDNormTestSmooth,
    SGDSwitching,
    StochasticProximalGradientConvex,
    StochasticProximalGradientDecreasing,
    StochasticProximalGradientStronglyConvex,
    SubgradientConstant,
    SubgradientDecreasing,
)

from .test_worst_case import (
    CONVEX,
    FEW,
    GAP,
    L_MAX,
    MANY,
    MU,
    NOISE,
    D,
    L,
    pep,
    relative,
    sampled_gradients,
    schedules,
    solve,
)
from .test_worst_case import ROWS as FIRST
from .test_worst_case import functions as kinds

G = 1.3
proximal_step: Any = pytest.importorskip("PEPit.primitive_steps").proximal_step
linear_optimization_step: Any = pytest.importorskip("PEPit.primitive_steps").linear_optimization_step


def switching(row: Any, steps: int) -> float:
    """Before the switch the method is SGD with constant steps."""
    assert steps <= row.switch
    return sampled_gradients(row, steps)


def momentum(row: Any, steps: int) -> float:
    problem = pep.PEP()
    terms, total, solution = declared(problem, row, kinds.SmoothConvexFunction, {"L": L_MAX})
    x = problem.set_initial_point()
    problem.set_initial_condition((x - solution) ** 2 <= D**2)
    pairs = [(x, x)]
    for t in range(steps):
        weight = (t + 1) / 2
        moved = [(x, z - row.step_size * f.gradient(x)) for x, z in pairs for f in terms]
        pairs = [((weight * x + z) / (1 + weight), z) for x, z in moved]
    problem.set_performance_metric(sum(total(x) - total(solution) for x, _ in pairs) / len(pairs))
    return solve(problem)


def declared(problem: Any, row: Any, kind: Any, settings: dict[str, float]) -> tuple[list[Any], Any, Any]:
    """Two terms, their mean and its minimiser, with the noise there."""
    terms = [problem.declare_function(kind, **settings, reuse_gradient=True) for _ in range(2)]
    total = (terms[0] + terms[1]) / 2
    solution = total.stationary_point()
    if hasattr(row, "noise"):
        problem.add_constraint(sum(f.gradient(solution) ** 2 for f in terms) / 2 <= NOISE)
    return terms, total, solution


def measured(problem: Any, row: Any, steps: int, levels: list[list[list[Any]]], total: Any, solution: Any) -> float:
    """The mean over all paths of what the theorem bounds. levels: paths of 0, ..., `steps` steps."""
    if row.point == "average":
        weights = schedules(row, steps)[1]
        paths = levels[-2]
        means = [sum((w * p for w, p in zip(weights, path, strict=True)), 0 * path[0]) / sum(weights) for path in paths]
        problem.set_performance_metric(sum(total(mean) - total(solution) for mean in means) / len(means))
    else:
        problem.set_performance_metric(sum((p[-1] - solution) ** 2 for p in levels[-1]) / len(levels[-1]))
    return solve(problem)


def subgradient(row: Any, steps: int) -> float:
    """Steps along subgradients, projected where the theorem says so."""
    problem = pep.PEP()
    kind, settings = kinds.ConvexLipschitzFunction, {"M": G}
    if "strongly_convex" in row.assumes:
        kind, settings = kinds.StronglyConvexFunction, {"mu": MU}
    terms = [problem.declare_function(kind, **settings, reuse_gradient=True) for _ in range(2)]
    total = (terms[0] + terms[1]) / 2
    x = problem.set_initial_point()
    inside = None
    if "projected" in row.method:
        inside = problem.declare_function(kinds.ConvexIndicatorFunction, R=2 * D, center=x)
        solution = (total + inside).stationary_point()
    else:
        solution = total.stationary_point()
    problem.set_initial_condition((x - solution) ** 2 <= D**2)
    levels = [[[x]]]
    for size in schedules(row, steps)[0]:
        level = []
        for path in levels[-1]:
            if "strongly_convex" in row.assumes:
                problem.add_constraint(sum(f.gradient(path[-1]) ** 2 for f in terms) / 2 <= G**2)
            moved = [path[-1] - size * f.gradient(path[-1]) for f in terms]
            level += [[*path, p if inside is None else proximal_step(p, inside, 1)[0]] for p in moved]
        levels.append(level)
    return measured(problem, row, steps, levels, total, solution)


def proximal_gradient(row: Any, steps: int) -> float:
    """Exact gradients, and a regulariser of which nothing is known but convexity."""
    problem = pep.PEP()
    kind, settings = kinds.SmoothConvexFunction, {"L": L}
    if "strongly_convex" in row.assumes:
        kind, settings = kinds.SmoothStronglyConvexFunction, {"L": L, "mu": MU}
    smooth = problem.declare_function(kind, **settings)
    other = problem.declare_function(kinds.ConvexFunction)
    whole = smooth + other
    solution, x = whole.stationary_point(), problem.set_initial_point()
    problem.set_initial_condition((x - solution) ** 2 <= D**2)
    for _ in range(steps):
        x = proximal_step(x - row.step_size * smooth.gradient(x), other, row.step_size)[0]
    if row.measure == "gap":
        problem.set_performance_metric(whole(x) - whole(solution))
    else:
        problem.set_performance_metric((x - solution) ** 2)
    return solve(problem)


def gradient_mapping(row: Any, steps: int) -> float:
    """The smallest mapping of steps 1/L, where F falls by no more than the gap."""
    problem = pep.PEP()
    smooth = problem.declare_function(kinds.SmoothFunction, L=row.smooth, reuse_gradient=True)
    other = problem.declare_function(kinds.ConvexFunction)
    x = first = problem.set_initial_point()
    begun = smooth(first) + other(first)
    ended = begun
    for _ in range(steps + 1):
        new, _, value = proximal_step(x - smooth.gradient(x) / row.smooth, other, 1 / row.smooth)
        problem.set_performance_metric(row.smooth**2 * (x - new) ** 2)
        x, ended = new, smooth(new) + value
    problem.set_initial_condition(begun - ended <= row.gap)
    return solve(problem)


def stochastic_proximal_gradient(row: Any, steps: int) -> float:
    problem = pep.PEP()
    kind, settings = kinds.SmoothConvexFunction, {"L": L_MAX}
    if "strongly_convex" in row.assumes:
        kind, settings = kinds.SmoothStronglyConvexFunction, {"L": L_MAX, "mu": MU}
    terms = [problem.declare_function(kind, **settings) for _ in range(2)]
    total = (terms[0] + terms[1]) / 2
    other = problem.declare_function(kinds.ConvexFunction)
    whole = total + other
    solution, x = whole.stationary_point(), problem.set_initial_point()
    problem.add_constraint((terms[0].gradient(solution) - terms[1].gradient(solution)) ** 2 / 4 <= NOISE)
    problem.set_initial_condition((x - solution) ** 2 <= D**2)
    if "gap" in row.assumes:
        problem.add_constraint(whole(x) - whole(solution) <= GAP)
    levels = [[[x]]]
    for size in schedules(row, steps)[0]:
        level = [
            [*p, proximal_step(p[-1] - size * f.gradient(p[-1]), other, size)[0]] for p in levels[-1] for f in terms
        ]
        levels.append(level)
    return measured(problem, row, steps, levels, whole, solution)


def proximal_point(row: Any, steps: int) -> float:
    problem = pep.PEP()
    kind, settings = kinds.ConvexLipschitzFunction, {"M": G}
    if "strongly_convex_min" in row.assumes:
        kind, settings = kinds.StronglyConvexFunction, {"mu": MU}
    terms, total, solution = declared(problem, row, kind, settings)
    x = problem.set_initial_point()
    problem.set_initial_condition((x - solution) ** 2 <= D**2)
    levels = [[[x]]]
    for size in schedules(row, steps)[0]:
        levels.append([[*p, proximal_step(p[-1], f, size)[0]] for p in levels[-1] for f in terms])
    return measured(problem, row, steps, levels, total, solution)


def last_iterate(row: Any, steps: int) -> float:
    """The last point of a subgradient or gradient method with the steps of a schedule, without noise."""
    problem = pep.PEP()
    kind, settings = kinds.SmoothConvexFunction, {"L": L}
    if "lipschitz" in row.assumes:
        kind, settings = kinds.ConvexLipschitzFunction, {"M": G}
    function = problem.declare_function(kind, **settings)
    solution, x = function.stationary_point(), problem.set_initial_point()
    problem.set_initial_condition((x - solution) ** 2 <= D**2)
    for t in range(1, steps + 1):
        x = x - float(row.method_for().size(t)) * function.gradient(x)
    problem.set_performance_metric(function(x) - function(solution))
    return solve(problem)


def frank_wolfe(row: Any, steps: int) -> float:
    """Steps 2/(t+2) towards what a linear function is least at, on any set of the diameter."""
    problem = pep.PEP()
    function = problem.declare_function(kinds.SmoothConvexFunction, L=L)
    inside = problem.declare_function(kinds.ConvexIndicatorFunction, D=D)
    whole = function + inside
    solution, x = whole.stationary_point(), problem.set_initial_point()
    inside(x)
    for t in range(steps):
        v, _, _ = linear_optimization_step(function.gradient(x), inside)
        x = (1 - 2 / (t + 2)) * x + 2 / (t + 2) * v
    problem.set_performance_metric(function(x) - whole(solution))
    return solve(problem)


def difference_of_convex(row: Any, steps: int) -> float:
    """f - g, both strongly convex: f's subgradient at the next point is g's at this one."""
    problem = pep.PEP()
    f, g = (problem.declare_function(kinds.StronglyConvexFunction, mu=row.rho) for _ in range(2))
    x = problem.set_initial_point()
    slope, below = g.oracle(x)
    first = here = f(x) - below
    for _ in range(steps):
        following, value = pep.Point(), pep.Expression()
        f.add_point((following, slope, value))
        moved, x = following - x, following
        slope, below = g.oracle(x)
        there = value - below
        problem.set_performance_metric(here - there if isinstance(row, DCADecrease) else moved**2)
        here = there
    problem.set_initial_condition(first - here <= row.gap)
    return solve(problem)


def fictitious_play(row: Any, steps: int) -> float:
    """Steps towards what a linear function plus a convex one is least at; all that is seen within the diameter."""
    problem = pep.PEP()
    function, other = (
        problem.declare_function(kinds.SmoothConvexFunction, L=L),
        problem.declare_function(kinds.ConvexFunction),
    )
    whole = function + other
    solution, x = whole.stationary_point(), problem.set_initial_point()
    if hasattr(row, "gap"):
        problem.set_initial_condition(whole(x) - whole(solution) <= GAP)
    seen = [solution, x]
    for t in range(steps):
        v, _, _ = linear_optimization_step(function.gradient(x), other)
        seen.append(v)
        share = row.lr if hasattr(row, "lr") else 2 / (t + 2)
        x = (1 - share) * x + share * v
    for i, a in enumerate(seen):
        for b in seen[:i]:
            problem.add_constraint((a - b) ** 2 <= D**2)
    problem.set_performance_metric(whole(x) - whole(solution))
    return solve(problem)


ROUGH = {"lipschitz": G, "distance": D}
SUM = {"smooth_max": L_MAX, "noise": NOISE, "distance": D}
FIRM: list[Any] = [
    ProximalPointStronglyConvex(strongly_convex_min=MU, noise=NOISE, distance=D, step_size=s) for s in (0.2, 3.0)
]

ROWS: list[tuple[Any, tuple[int, ...], Callable[[Any, int], float]]] = [
    *((row, FEW, sampled_gradients) for row in relative(SGDConvexLonger, (0.1, 0.9), **CONVEX)),
    *((row, FEW, sampled_gradients) for row in relative(SGDConvexDecreasingLonger, (0.1, 0.9), **CONVEX)),
    (SGDSwitching(**SUM, strongly_convex=MU), FEW, switching),
    *((row, (1, 2, 3), momentum) for row in relative(SGDMomentum, (0.3,), **SUM)),
    *((SubgradientConstant(**ROUGH, horizon=n), (1, 2, 3), subgradient) for n in (1, 3, 100)),
    *((SubgradientDecreasing(**ROUGH, step_size=s), FEW, subgradient) for s in (0.1, 1.0, 5.0)),
    (ProjectedSubgradientBounded(**ROUGH), FEW, subgradient),
    (ProjectedSubgradientStronglyConvex(lipschitz=G, strongly_convex=MU), FEW, subgradient),
    *((row, MANY, proximal_gradient) for row in relative(ProximalGradientConvex, (0.3,), smooth=L, distance=D)),
    *(
        (row, (1, 2, 4), proximal_gradient)
        for row in relative(ProximalGradientStronglyConvex, (0.3, 0.9), smooth=L, strongly_convex=MU, distance=D)
    ),
    *(
        (row, FEW, stochastic_proximal_gradient)
        for kind in (StochasticProximalGradientConvex, StochasticProximalGradientDecreasing)
        for row in relative(kind, (0.1, 0.9), **SUM, gap=GAP)
    ),
    *(
        (row, FEW, stochastic_proximal_gradient)
        for row in relative(StochasticProximalGradientStronglyConvex, (0.3,), **SUM, strongly_convex=MU)
    ),
    (ProximalGradientSmooth(smooth=L, gap=GAP), (1, 2, 4), gradient_mapping),
    *((row, FEW, proximal_point) for row in FIRM),
    *(
        (kind(**constants, noise_max=0.0, distance=D, schedule=schedule, horizon=n), (n,), last_iterate)
        for kind, constants in ((LastIterateLipschitz, {"lipschitz": G}), (LastIterateSmooth, {"smooth": L}))
        for schedule in ("inverse-sqrt", "constant", "linear-decay")
        for n in (1, 3, 8)
    ),
    *((kind(rho=0.7, gap=GAP), (1, 2, 4), difference_of_convex) for kind in (DCADecrease, DCAMovement)),
    (FrankWolfeSmooth(smooth=L, diameter=D), (1, 2, 4, 8), frank_wolfe),
    *((FictitiousPlayConstant(smooth=L, diameter=D, gap=GAP, lr=s), FEW, fictitious_play) for s in (0.1, 0.5, 1.0)),
    (FictitiousPlayDecreasing(smooth=L, diameter=D), (1, 2, 4, 8), fictitious_play),
    *((ProximalPointConstant(**ROUGH, horizon=n), FEW, proximal_point) for n in (1, 3)),
    *((ProximalPointDecreasing(**ROUGH, step_size=s), FEW, proximal_point) for s in (0.3, 2.0)),
]

NOT_EXPRESSIBLE = {
    AdaGradNormSmooth: "its steps depend on norms of gradients, which performance estimation lacks",
    SGDNormTestSmooth: "its batches depend on the gradients drawn; with full ones it is gradient descent",
    AdaHessianExact: "its metric is the diagonal of a Hessian, which performance estimation lacks",
    OASISFixedPolyakLojasiewicz: "its metric is a diagonal, and performance estimation knows no coordinates",
    OASISFixedSmooth: "its metric is a diagonal, and performance estimation knows no coordinates",
    ClippedSSTMConvex: "clipping divides by the norm of a gradient, which performance estimation lacks",
    ClippedExtragradientMonotone: "clipping divides by the norm of a gradient, which performance estimation lacks",
    FBGVIContraction: "its points are Gaussian laws, and performance estimation knows Hilbert spaces alone",
    FBGVISublinear: "its points are Gaussian laws, and performance estimation knows Hilbert spaces alone",
    FrankWolfeSelfConcordant: "self-concordance is no class of functions that performance estimation has",
    CoinBettingRegret: "its points are products of sums of inner products, which performance estimation lacks",
    ProspectLinear: "its weights are a projection of losses, which performance estimation lacks",
    PolyakLipschitz: "its steps are quotients of function values and gradients, which performance estimation lacks",
    PolyakSmooth: "its steps are quotients of function values and gradients, which performance estimation lacks",
}


# The solver says so when it misses its own 1e-8; what is asked of it here is 1e-4.
@pytest.mark.filterwarnings("ignore:Solution may be inaccurate:UserWarning")
@pytest.mark.parametrize(
    ("row", "steps", "worst_case"),
    [(row, n, worst) for row, steps, worst in ROWS for n in steps],
    ids=lambda value: type(value).__name__ if isinstance(value, Guarantee) else None,
)
def test_bound_against_the_solved_worst_case(row: Any, steps: int, worst_case: Callable[..., float]) -> None:
    solved, bound = worst_case(row, steps), row.bound(steps)
    if row.tightness == "tight":
        assert bound == pytest.approx(solved, rel=1e-4)
    else:
        assert solved <= bound * (1 + 1e-5)
        assert solved > 0.01 * bound


def test_every_theorem_is_compared() -> None:
    compared = {type(row) for row, _, _ in (*FIRST, *ROWS)} | set(NOT_EXPRESSIBLE)
    theirs = {cls for cls in guarantees().values() if cls.__module__.startswith("tendsto.theory.")}
    theirs = {cls for cls in theirs if cls.tightness not in ("order-only", "asymptotic")}
    assert theirs == compared
