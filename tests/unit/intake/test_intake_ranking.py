"""Which problem a rejected document is named after."""

import pytest

from malote import rejection
from malote.fiscal.problems import reject, warning
from malote.intake.ranking import most_telling


@pytest.mark.parametrize(
    ("codes", "told"),
    [
        (["items_sum", "key_disagrees"], "key_disagrees"),
        (["key_disagrees", "test_environment"], "test_environment"),
        (["test_environment", "operations_split"], "operations_split"),
        (["payments_sum", "items_sum"], "payments_sum"),
        (["items_sum", "amount_invalid"], "amount_invalid"),
        (["never_heard_of", "issuer_unknown"], "issuer_unknown"),
        (["never_heard_of"], "never_heard_of"),
    ],
)
def test_the_more_fundamental_problem_is_told(codes: list[str], told: str) -> None:
    found = most_telling([warning("key_missing"), *map(reject, codes)])
    assert found is not None
    assert found.code == told


def test_warnings_reject_nothing() -> None:
    assert most_telling([warning("key_missing")]) is None


def test_no_two_codes_have_the_same_rank() -> None:
    ranks = [one.rank for one in rejection.catalogue().values() if one.rank is not None]
    assert len(ranks) == len(set(ranks)) >= 29
