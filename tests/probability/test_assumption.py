import pytest

from tendsto.probability import Assumption, require

HOLDS = Assumption("independence", "holds", "by construction")
UNKNOWN = Assumption("mixing", "unknown", "no finite sample decides it")
FAILS = Assumption("finite variance", "fails", "the tail index is 1.5")


def test_what_holds_or_is_unknown_passes_through():
    assert require("law", HOLDS, UNKNOWN) == (HOLDS, UNKNOWN)


def test_every_failure_is_named_with_its_witness():
    other = Assumption("connectedness", "fails", "vertex 3 is alone")
    with pytest.raises(ValueError, match=r"the law does not apply: finite variance fails: .* 1\.5; connectedness .* 3"):
        require("law", HOLDS, FAILS, UNKNOWN, other)


@pytest.mark.parametrize(("assumption", "said"), [(HOLDS, "independence holds:"), (UNKNOWN, "mixing is unknown:")])
def test_it_reads_as_a_sentence(assumption, said):
    assert str(assumption).startswith(said)
