"""Specifications: frozen dataclasses whose content is their key, and whose printout recreates them."""

from __future__ import annotations

import ast
import dataclasses
import functools
import hashlib
import importlib
import importlib.util
import inspect
import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

T = TypeVar("T")


def describe(value: Any) -> Any:
    """Return `value` as plain JSON data that determines it.

    Dataclasses become their qualified name and fields, arrays their dtype, shape and SHA-256, functions their
    qualified name and the SHA-256 of their source. Mappings are sorted, so order cannot matter.

    Raises:
        TypeError: a value whose content cannot be told from its name, such as an open file.

    >>> describe({"b": 1, "a": (2.5, None)})
    {'a': [2.5, None], 'b': 1}
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, list | tuple):
        return [describe(item) for item in value]  # type: ignore[reportUnknownVariableType]
    if isinstance(value, Mapping):
        return {str(name): describe(value[name]) for name in sorted(value, key=str)}  # type: ignore[reportUnknownVariableType]
    if isinstance(value, type):
        return {"class": qualified_name(value)}
    if dataclasses.is_dataclass(value):
        fields = {f.name: describe(getattr(value, f.name)) for f in dataclasses.fields(value) if f.init}
        return {"type": qualified_name(type(value)), **dict(sorted(fields.items()))}
    return _describe_numbers(value)


def _describe_numbers(value: Any) -> Any:
    """Describe a number of NumPy's, an array, a tensor, or a function."""
    if isinstance(value, np.generic):
        return describe(value.item())
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray):
        array = cast("npt.NDArray[Any]", value)
        digest = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
        return {"array": str(array.dtype), "shape": list(array.shape), "sha256": digest}
    if callable(value):
        # What a function has taken from around it determines it as much as its source.
        around: Mapping[str, Any] = inspect.getclosurevars(value).nonlocals if inspect.isfunction(value) else {}
        described = {"function": qualified_name(value), "sha256": _source_digest(value)}
        return {**described, "around": describe(around)} if around else described
    raise TypeError(
        f"{value!r} of type {type(value).__name__} cannot be part of a specification: "
        "use numbers, strings, arrays, functions or frozen dataclasses of them"
    )


def key(value: Any) -> str:
    """Return the SHA-256 of the description of `value`, in hex: the name under which a run is kept.

    >>> key({"a": 1, "b": 2}) == key({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(json.dumps(describe(value), sort_keys=True).encode()).hexdigest()


def code(value: Any) -> str:
    """Return Python source that recreates `value`, `import tendsto as tt` assumed.

    Only fields that differ from their default are printed.

    >>> from tendsto.problems import Quadratic
    >>> code(Quadratic(dimension=3))
    'tt.problems.Quadratic(dimension=3)'
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        shown = [
            f"{f.name}={code(getattr(value, f.name))}"
            for f in dataclasses.fields(value)
            if f.init and not _is_default(f, getattr(value, f.name))
        ]
        return f"{_public_name(type(value))}({', '.join(shown)})"
    if isinstance(value, tuple):
        items = [code(item) for item in value]  # type: ignore[reportUnknownVariableType]
        return f"({', '.join(items)}{',' if len(items) == 1 else ''})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k!r}: {code(v)}" for k, v in value.items()) + "}"  # type: ignore[reportUnknownVariableType]
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    if callable(value):
        return _public_name(value)
    return repr(value)


def replace(spec: T, **values: Any) -> T:
    """Return `spec` with fields replaced, looking into nested specifications for names that it lacks.

    Raises:
        ValueError: no specification inside has a field of that name.

    >>> from tendsto.optim import AdamW, Cautious
    >>> replace(Cautious.rule(AdamW.rule()), lr=0.5).base.lr
    0.5
    """
    return _replace(spec, values, check=True)


def substitute(spec: T, values: Mapping[str, Any]) -> T:
    """Like `replace`, without the checks of `__post_init__`: for tensors that stand for many values at once."""
    return _replace(spec, dict(values), check=False)


def fields_of(spec: Any) -> dict[str, Any]:
    """Return all settable fields of `spec` by name, those of nested specifications included, outer ones first."""
    own = {f.name: getattr(spec, f.name) for f in dataclasses.fields(spec) if f.init}
    nested = [fields_of(v) for v in own.values() if dataclasses.is_dataclass(v) and not isinstance(v, type)]
    return functools.reduce(lambda found, more: found | {k: v for k, v in more.items() if k not in found}, nested, own)


def _replace(spec: T, values: dict[str, Any], *, check: bool) -> T:
    if not values:
        return spec
    available = fields_of(spec)
    for name in values:
        if name not in available:
            settable = ", ".join(n for n, v in available.items() if not dataclasses.is_dataclass(v))
            raise ValueError(f"{type(spec).__name__} has no setting {name!r}; its settings are {settable}")
    own = {f.name: getattr(spec, f.name) for f in dataclasses.fields(spec) if f.init}  # type: ignore[reportArgumentType]
    direct = {name: value for name, value in values.items() if name in own}
    rest = {name: value for name, value in values.items() if name not in own}
    for name, inner in own.items():
        if rest and dataclasses.is_dataclass(inner) and not isinstance(inner, type):
            inside = {n: v for n, v in rest.items() if n in fields_of(inner)}
            if inside:
                direct[name] = _replace(inner, inside, check=check)
    if check:
        return dataclasses.replace(spec, **direct)  # type: ignore[reportArgumentType]
    copy = object.__new__(type(spec))
    for name, value in {**own, **direct}.items():
        object.__setattr__(copy, name, value)
    return copy


def source_key(objects: Iterable[Any]) -> str:
    """Return a SHA-256 over the source files that can change the numbers of `objects`, see `source_files`."""
    digest = hashlib.sha256()
    for text in sorted(_file_digest(path) for path in source_files(objects)):
        digest.update(text.encode())
    return digest.hexdigest()


def source_files(objects: Iterable[Any]) -> set[str]:
    """Return the paths of the modules that can change the numbers of `objects`.

    These are the modules of functions and classes, of their bases in their own package or this one, and of nested
    specifications; and what those modules import, and so on, as long as it is of the same package, or of the families,
    theory or problems of this one. The loops are not followed into: they hold for everything, and who depends on them
    names them.
    """
    modules = {name for item in objects for name in _modules(item) if name.partition(".")[0] not in _FOREIGN}
    every = modules.union(*map(_imported, modules))
    return {path for name in every if (path := getattr(sys.modules.get(name), "__file__", None))}


_FOREIGN = frozenset({"torch", "numpy", "builtins", "functools", "typing", "abc", "dataclasses", "enum", "collections"})
_LOOPS = frozenset({"", "core", "store", "engines", "testing", "report", "cli"})


def _modules(item: Any) -> set[str]:
    if isinstance(item, functools.partial):
        return _modules(item.func).union(*(_modules(a) for a in (*item.args, *item.keywords.values())))  # type: ignore[reportUnknownArgumentType]
    own = {item.__module__} if callable(item) and isinstance(getattr(item, "__module__", None), str) else set[str]()
    return own | {cls.__module__ for cls in _classes(item)}


@functools.cache
def _imported(module: str) -> frozenset[str]:
    """Return the modules that `module` imports, and that these import, as far as `source_files` follows."""
    found, ahead = set[str](), [module]
    while ahead:
        new = _imports(ahead.pop()) - found
        found |= new
        ahead += new
    return frozenset(found)


@functools.cache
def _imports(module: str) -> frozenset[str]:
    path = getattr(sys.modules.get(module), "__file__", None)
    try:
        tree = ast.parse(Path(path or "").read_bytes())
    except (OSError, SyntaxError, ValueError):
        return frozenset()
    package = module if hasattr(sys.modules[module], "__path__") else module.rpartition(".")[0]
    found: set[str] = set()
    for node in _run(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if _followed(module, alias.name)}
        elif isinstance(node, ast.ImportFrom):
            name = "." * node.level + (node.module or "")
            source = importlib.util.resolve_name(name, package) if node.level else name
            if _followed(module, source):
                found |= {_owner(source, alias.name) for alias in node.names}
    return frozenset(name for name in found if _followed(module, name))


def _run(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk what runs: a name that only a type checker reads changes no number."""
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)):
            yield node
            yield from _run(node)


def _followed(module: str, imported: str) -> bool:
    own, (top, _, rest) = module.partition(".")[0], imported.partition(".")
    return rest.partition(".")[0] not in _LOOPS if top == "tendsto" else top == own


def _owner(source: str, name: str) -> str:
    """Return the module that defines what `from source import name` gives: a package only passes it on."""
    module = importlib.import_module(source)
    item = getattr(module, name, None)
    if not hasattr(module, "__path__"):
        return source
    if isinstance(item, ModuleType) or (item is None and importlib.util.find_spec(f"{source}.{name}")):
        return f"{source}.{name}"
    owner = getattr(item, "__module__", source)
    return owner if owner.startswith(f"{source}.") else source


def _classes(item: Any) -> set[type]:
    cls: type[Any] = item if isinstance(item, type) else type(item)
    # What a class takes from another package holds as that package's version does.
    found = {base for base in cls.__mro__ if _top(base) in ("tendsto", _top(cls))}
    if dataclasses.is_dataclass(item) and not isinstance(item, type):
        for f in dataclasses.fields(item):
            value = getattr(item, f.name)
            if dataclasses.is_dataclass(value):
                found |= _classes(value)
    return found


def _top(cls: type[Any]) -> str:
    return cls.__module__.partition(".")[0]


@functools.cache
def _file_digest(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _source_digest(function: Callable[..., Any]) -> str:
    try:
        text = inspect.getsource(function)
    except (OSError, TypeError):
        text = repr(getattr(getattr(function, "__code__", None), "co_code", function))
    return hashlib.sha256(text.encode()).hexdigest()


def qualified_name(item: Any) -> str:
    """Return module and name of a class or function, such as `tendsto.problems.quadratic.Quadratic`."""
    return f"{item.__module__}.{item.__qualname__}"


def _public_name(item: Any) -> str:
    """The shortest public path to `item`: the package that re-exports it rather than the file that defines it."""
    parts = item.__module__.split(".")
    if parts[0] != "tendsto":
        return qualified_name(item)
    for depth in range(1, len(parts) + 1):
        package = ".".join(parts[:depth])
        if getattr(importlib.import_module(package), item.__qualname__, None) is item:
            return ".".join(["tt", *parts[1:depth], item.__qualname__])
    return ".".join(["tt", *parts[1:], item.__qualname__])


def _is_default(f: dataclasses.Field[Any], value: Any) -> bool:
    if f.default is not dataclasses.MISSING:
        return type(f.default) is type(value) and bool(f.default == value)
    if f.default_factory is not dataclasses.MISSING:
        return bool(f.default_factory() == value)
    return False
