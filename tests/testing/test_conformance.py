"""Everything that is registered is enrolled here: a new file of a family needs no line of test code."""

import pytest

from tendsto.core import registry
from tendsto.core.rule import Rule
from tendsto.testing import check_method, check_rule


@pytest.mark.parametrize("name", sorted(registry.methods()))
def test_every_method(name: str) -> None:
    method = registry.methods()[name]
    check_rule(method) if isinstance(method, Rule) else check_method(method)
