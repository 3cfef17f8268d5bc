"""The conformance suite: what every method, problem, theorem and paper must satisfy."""

from tendsto.testing.guarantee import check_guarantee as check_guarantee
