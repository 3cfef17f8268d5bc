"""tendsto: a convergence laboratory. Does a method converge, how fast, and does theory agree?"""

from __future__ import annotations

import importlib
from typing import Any

# Heavy modules load when first touched: `import tendsto` costs no torch.
_WHERE = {
    "iterate": "core.iterate",
    "limit": "core.limit",
    "race": "core.race",
    "Race": "core.race",
    "logspace": "core.race",
    "Measure": "core.measure",
    "Evidence": "core.paper",
    "Paper": "core.paper",
    "Problem": "core.problem",
    "Constants": "core.problem",
    "Declined": "core.problem",
    "Oracle": "core.oracle",
    "Method": "core.method",
    "Rule": "core.rule",
    "Random": "core.random",
    "Trace": "core.trace",
    "Rate": "core.rate",
    "fit_rate": "core.rate",
    "Verdict": "core.verdict",
    "register": "core.registry",
    "problem": "problems.user",
    "from_sklearn": "problems.user_logistic",
    "estimate_constants": "problems.estimate",
}
_PACKAGES = {
    name: name
    for name in (
        "core",
        "engines",
        "estimators",
        "games",
        "monitor",
        "optim",
        "probability",
        "problems",
        "sampling",
        "store",
        "testing",
        "theory",
    )
}
_PACKAGES["guarantees"] = "theory"

__all__ = [*_WHERE, *_PACKAGES]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(f"tendsto.{_WHERE[name]}"), name)
    if name in _PACKAGES:
        return importlib.import_module(f"tendsto.{_PACKAGES[name]}")
    raise AttributeError(f"tendsto has no {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
