"""The conformance suite: what every method, problem and theorem must satisfy, a person's own as well as ours."""

from tendsto.testing.problem import check_problem as check_problem
