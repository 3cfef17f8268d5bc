"""check_printed: a specification that cannot be recreated from its printed form has no place in a record."""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any

import torch

from tendsto.core import spec


def say(subject: Any, ok: Any, sentence: str) -> None:
    """Raise an AssertionError that names the class of `subject` unless `ok`."""
    if not bool(ok):
        raise AssertionError(f"{type(subject).__name__}: {sentence}")


def check_printed(subject: Any) -> None:
    """Check that the printed form of a specification evaluates to an equal one with the same key."""
    cls = type(subject)
    say(subject, dataclasses.is_dataclass(subject), "it is no dataclass, so a run of it has no key")
    say(subject, "<locals>" not in cls.__qualname__, "it is defined inside a function; define it in a module")
    module = cls.__module__.partition(".")[0]
    names = {"tt": importlib.import_module("tendsto"), "torch": torch, module: importlib.import_module(module)}
    text = spec.code(subject)
    again = eval(text, names)
    say(subject, again == subject, f"its printed form {text} evaluates to another one")
    say(subject, spec.key(again) == spec.key(subject), f"its printed form {text} evaluates to one with another key")
