from __future__ import annotations

import json

from terminal import Tendsto, refused

from tendsto.core import registry


def test_all_that_is_enrolled_is_listed(tendsto: Tendsto) -> None:
    for kind, known in [("problems", registry.problems()), ("methods", registry.methods())]:
        assert [row["name"] for row in json.loads(tendsto(f"{kind} --json").out)] == list(known)
        answer = tendsto(kind)
        assert max(map(len, answer.out.splitlines())) <= 80
        assert f"{len(known)} {kind}" in answer.out


def test_one_is_shown_with_its_settings(tendsto: Tendsto) -> None:
    answer = tendsto("problems quadratic")
    assert ["dimension", "100"] in [line.split() for line in answer.out.splitlines()]
    assert "in Python: tt.problems.Quadratic()" in answer.out
    assert ">>>" not in answer.out


def test_methods_say_whether_they_fit_a_problem(tendsto: Tendsto) -> None:
    rows = json.loads(tendsto("methods --problem quadratic --json").out)
    assert {row["name"]: row["declines"] for row in rows}["sgd"] is None


def test_names_of_another_kind_are_refused(tendsto: Tendsto) -> None:
    refused(tendsto("problems sgd"), "'sgd' is no problem")
    refused(tendsto("methods quadratic"), "'quadratic' is no method")
    refused(tendsto("methods sgdd"), "did you mean .*sgd")
    refused(tendsto("methods --problem adam"), "'adam' is no problem")
    refused(tendsto("methods --family opti"), "did you mean optim")
