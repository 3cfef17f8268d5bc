"""Every card of the atlas is enrolled here by its file: a new one needs no line of test code."""

import pickle

import pytest

from tendsto.atlas import discover
from tendsto.core.paper import Lab
from tendsto.testing import check_paper

CLAIMS = [(key, claim.name) for key in discover.files() for claim in discover.paper(key).claims]


@pytest.mark.parametrize("key", discover.files())
def test_card_is_complete(key: str) -> None:
    check_paper(discover.paper(key), run=False)


@pytest.mark.parametrize(("key", "name"), CLAIMS)
def test_claim_and_control_walk_their_path(key: str, name: str) -> None:
    claim = next(claim for claim in discover.paper(key).claims if claim.name == name)
    finding = claim.run(Lab(scale="smoke"))
    assert not finding.error
    assert finding.evidence is not None
    assert finding.evidence.traces, "the claim has no picture: give its evidence a trace, such as a curve"
    for evidence in (finding.evidence, finding.control):
        assert evidence is not None
        assert all(part.what for part in evidence.parts), "a measured quantity is not said in words"
        assert pickle.dumps(evidence), "a claim that is measured in a process of its own sends its evidence"
