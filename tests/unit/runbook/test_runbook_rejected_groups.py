"""What is said of rejected documents that a person cures: which others go with the one that is opened."""

import pytest

from malote.runbook.observations import Advice, RejectedGroup
from malote.runbook.rejected_groups import CURE_SENTENCES, said_of
from malote.runbook.step_texts import sentences


@pytest.mark.parametrize(
    ("code", "count", "advice", "said"),
    [
        ("series_unassigned", 3, "cure", "rejected_cure"),
        ("issuer_unknown", 3, "cure", "rejected_cure"),
        ("erp_constraint", 3, "cure", "rejected_cure_code"),
        ("not_authorised_yet", 3, "cure", "rejected_cure_each"),
        ("erp_unencodable", 3, "cure", "rejected_cure_outside"),
        ("erp_constraint", 1, "cure", "rejected_cure_one"),
        ("items_sum", 3, "replay", "rejected_replay"),
        ("items_sum", 3, "delete", "rejected_delete"),
    ],
)
def test_which_others_go_along_is_said_as_it_is(code: str, count: int, advice: Advice, said: str) -> None:
    assert said_of(RejectedGroup(code, count, 0, advice, "caixa1", 1)) == said
    assert said in sentences()
    assert (said in CURE_SENTENCES) == (advice == "cure")
