"""The conformance suite: what every method, problem, theorem and paper must satisfy, a person's own as well as ours."""

from tendsto.testing.guarantee import check_guarantee as check_guarantee
from tendsto.testing.method import check_method as check_method
from tendsto.testing.method import check_rule as check_rule
from tendsto.testing.paper import check_paper as check_paper
from tendsto.testing.problem import check_problem as check_problem
