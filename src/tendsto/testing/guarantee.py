"""check_guarantee: what every theorem must satisfy, whatever it is about."""

from __future__ import annotations

import dataclasses
import inspect
import math

import numpy as np

from tendsto.core.guarantee import Guarantee, SteppedGuarantee
from tendsto.core.problem import Constants
from tendsto.core.spec import describe

SAMPLE = Constants(
    smooth=10.0,
    smooth_max=15.0,
    strongly_convex=0.5,
    strongly_convex_min=0.2,
    convex=True,
    polyak_lojasiewicz=0.5,
    lipschitz=4.0,
    noise=2.0,
    noise_max=2.5,
    noise_power=1.5,
    noise_scale=1.2,
    function_noise=0.3,
    distance=3.0,
    gap=5.0,
)
"""Constants that are possible together, to make an example of a theorem from."""

ON_A_SET = {"diameter": 4.0, "self_concordance": 2.0, "self_concordance_order": 3.0}
"""What theorems on a feasible set need besides."""

OF_A_SPECTRUM = {"terms": 10, "top_weight": 0.3}
"""What theorems on a spectral risk need besides."""

# Exponents (a, b): the number scales as c^a s^b where f becomes c f and x becomes s x.
_SCALING = {
    "smooth": (1, -2),
    "smooth_max": (1, -2),
    "strongly_convex": (1, -2),
    "strongly_convex_min": (1, -2),
    "polyak_lojasiewicz": (1, -2),
    "lipschitz": (1, -1),
    "noise": (2, -2),
    "noise_max": (2, -2),
    "noise_scale": (1, -1),
    "function_noise": (1, 0),
    "distance": (0, 1),
    "gap": (1, 0),
    "diameter": (0, 1),
    # For nu = 3, as in `ON_A_SET`; in general (1 - nu/2, nu - 3).
    "self_concordance": (-0.5, 0),
    "self_concordance_order": (0, 0),
    "step_size": (-1, 2),
    "step_length": (0, 1),
    "rho": (1, -2),
    "initial": (2, -2),
    "||x - x*||^2": (0, 2),
    "||grad f||^2": (2, -2),
}
_KS = np.unique(np.concatenate([np.arange(60), np.geomspace(60, 1e7, 200)]).round())


def check_guarantee(guarantee: Guarantee | type[Guarantee]) -> None:
    """Raise AssertionError, in a sentence, unless `guarantee` behaves as a theorem should.

    Its bound is positive, does not increase, and says the same of a number as of an array; `iterations` is its exact
    inverse; bound and settings keep their meaning when the units of f and x change; inadmissible constants and step
    sizes are refused with a sentence that quotes them; `explain` names what is assumed and the source.

    A class is made with the constants of `SAMPLE`.

    >>> from tendsto.theory import GDConvex
    >>> check_guarantee(GDConvex(smooth=10.0))
    """
    made = example(guarantee) if isinstance(guarantee, type) else guarantee
    _check_words(made)
    _check_bound(made)
    _check_inverse(made)
    check_scaling(made, 3.7, 0.21)
    _check_refusals(made)


def example(cls: type[Guarantee]) -> Guarantee:
    """Return the theorem `cls` with the constants of `SAMPLE`.

    Raises:
        TypeError: it needs something else, so it must be made by hand.
    """
    known, names = SAMPLE.known() | ON_A_SET | OF_A_SPECTRUM, {f.name for f in dataclasses.fields(cls)}
    return cls(**{name: value for name, value in known.items() if name in names})


def _check_words(g: Guarantee) -> None:
    name = type(g).__name__
    for attribute in ("method", "statement", "proof", "source", "measure"):
        assert getattr(g, attribute, ""), f"{name} does not say its {attribute}"
    for attribute, allowed in [
        ("point", ("last", "best", "average")),
        ("tightness", ("tight", "upper", "order-only", "asymptotic")),
        ("mode", ("sure", "expectation", "high-probability")),
    ]:
        value = getattr(g, attribute)
        assert value in allowed, f"{name}.{attribute} = {value!r} is not one of {', '.join(allowed)}"
    text = g.explain()
    for word in (*(a.replace("_", " ") for a in g.assumes), g.source, g.statement):
        assert word in text, f"{name}.explain() does not mention {word!r}"
    assert inspect.getdoc(type(g)), f"{name} has no docstring"
    describe(g)


def _check_bound(g: Guarantee) -> None:
    name, values = type(g).__name__, g.bound(_KS)
    assert values.shape == _KS.shape, f"{name}.bound returns shape {values.shape} for {_KS.shape} indices"
    assert not np.isnan(values).any(), f"{name}.bound({_KS[np.isnan(values)][0]:g}) is not a number"
    assert (values >= 0).all(), f"{name}.bound({_KS[values < 0][0]:g}) is negative"
    rises = np.flatnonzero(values[1:] > values[:-1] * (1 + 1e-12))
    assert not rises.size, f"{name}.bound increases after k = {_KS[rises[0]]:g}"
    assert np.isfinite(values[-1]), f"{name}.bound is infinite however large k is"
    single = [g.bound(int(k)) for k in _KS[:70]]
    assert np.array_equal(single, values[:70]), f"{name}.bound of a number differs from that of an array"


def _check_inverse(g: Guarantee) -> None:
    name, values = type(g).__name__, g.bound(_KS)
    finite = values[np.isfinite(values) & (values > 0)]
    for eps in [*finite[[0, 1, 5, 30, 80]], *(finite[[0, 5, 30]] * 0.999), float(np.sqrt(finite[0] * finite[-1]))]:
        if eps <= finite[-1]:
            continue
        k = g.iterations(float(eps))
        assert g.bound(k) <= eps, f"{name}.bound({k}) = {g.bound(k):g} is above eps = {eps:g}, but iterations gave {k}"
        assert k == 0 or g.bound(k - 1) > eps, f"{name}.iterations({eps:g}) = {k}, but {k - 1} is enough"
    eps = float(finite[0]) * 1e-3
    tuned = g.for_accuracy(eps)
    assert tuned.bound(tuned.iterations(eps)) <= eps, f"{name}.for_accuracy({eps:g}) does not reach it"


def check_scaling(g: Guarantee, value: float, length: float) -> None:
    """Raise AssertionError unless the bound scales as it should where f becomes `value` f and x becomes `length` x."""
    if g.measure not in {"gap", *_SCALING}:
        return

    def factor(name: str) -> float:
        a, b = _SCALING.get(name, (0, 0))
        return value**a * length**b

    fields = {f.name: getattr(g, f.name) for f in dataclasses.fields(g)}
    scaled = type(g)(**{n: v * factor(n) if isinstance(v, float) else v for n, v in fields.items()})
    if g.scale and fields[g.scale] is None:
        # A bound relative to D or d_0 scales as if that were 1 in the new units.
        scaled = dataclasses.replace(scaled, **{g.scale: factor(g.scale)})  # type: ignore[reportArgumentType]
    want, got = g.bound(_KS) * factor(g.measure), scaled.bound(_KS)
    same = np.isclose(got, want, rtol=1e-6, atol=0) | (want < 1e-250) | (got == want)
    assert same.all(), (
        f"{type(g).__name__}.bound({_KS[~same][0]:g}) changes its meaning with the units:"
        f" {got[~same][0]:g} where f is {value} f and x is {length} x, instead of {want[~same][0]:g}"
    )


def _check_refusals(g: Guarantee) -> None:
    name, fields = type(g).__name__, {f.name for f in dataclasses.fields(g)}
    for constant in fields & set(_SCALING):
        for wrong in (-1.0, math.nan, math.inf):
            _refuses(g, {constant: wrong}, f"{name} accepts {constant} = {wrong}")
    if isinstance(g, SteppedGuarantee):
        largest, formula = g.step_limit()
        step = 1.01 * largest
        said = _refuses(g, {"step_size": step}, f"{name} accepts step size {step:g} above {formula} = {largest:g}")
        for word in (f"{step:g}", formula, f"{largest:g}"):
            assert word in said, f"{name} refuses a step size without saying {word!r}: {said}"
        _refuses(g, {"step_size": 0.0}, f"{name} accepts step size 0")


def _refuses(g: Guarantee, changes: dict[str, float], complaint: str) -> str:
    try:
        dataclasses.replace(g, **changes)  # type: ignore[reportArgumentType]
    except ValueError as error:
        return str(error)
    raise AssertionError(complaint)
