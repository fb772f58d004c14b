"""Halving a batch down to its culprits."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from malote.erp.protocol import ErpError, Outcome, Posting, Result
from malote.fiscal.documents import NumberVoid
from malote.posting.bisect import post_in_parts

VOID = NumberVoid("1", "65", 1, 2026, 1, 1, 1, "", None)


def batch_of(count: int) -> list[Posting]:
    return [Posting(number, "caixa1", VOID, b"") for number in range(count)]


class FakeErp:
    """Books whatever isn't poison; counts how often it was asked."""

    def __init__(self, poison: set[int], *, lock_at: int | None = None) -> None:
        self.poison = poison
        self.lock_at = lock_at
        self.asked = 0
        self.booked: list[int] = []

    def post(self, batch: Sequence[Posting]) -> list[Outcome]:
        self.asked += 1
        ids = [posting.document_id for posting in batch]
        if self.lock_at in ids:
            raise ErpError("erp_locked", detail="stock")
        if self.poison & set(ids):
            raise ErpError("erp_constraint", detail="sale")
        self.booked += ids
        return [Outcome(one, Result.POSTED) for one in ids]


@given(st.integers(0, 70).flatmap(lambda size: st.tuples(st.just(size), st.sets(st.integers(0, max(0, size - 1))))))
def test_exactly_the_culprits_are_refused_and_all_others_booked_in_order(case: tuple[int, set[int]]) -> None:
    size, poison = case
    erp = FakeErp(poison)
    refused, seen = [], []
    for part, result in post_in_parts(erp.post, batch_of(size)):
        seen += [posting.document_id for posting in part]
        if isinstance(result, ErpError):
            refused += [posting.document_id for posting in part]
    assert seen == list(range(size))
    assert erp.booked == [number for number in range(size) if number not in poison]
    assert refused == [number for number in range(size) if number in poison]


def test_one_culprit_costs_little() -> None:
    erp = FakeErp({700})
    list(post_in_parts(erp.post, batch_of(1000)))
    assert erp.asked <= 2 * 10 + 1


@pytest.mark.parametrize("lock_at", [0, 5, 9])
def test_a_transient_error_ends_the_attempt_with_all_that_is_left(lock_at: int) -> None:
    erp = FakeErp({0} - {lock_at}, lock_at=lock_at)
    parts = list(post_in_parts(erp.post, batch_of(10)))
    part, error = parts[-1]
    assert isinstance(error, ErpError)
    assert error.transient
    left = [posting.document_id for posting in part]
    assert lock_at in left
    assert sorted(left) == left
    handled = [posting.document_id for parts_, _ in parts[:-1] for posting in parts_]
    assert sorted(handled + left) == list(range(10))


def test_a_transient_error_of_the_whole_batch_asks_once() -> None:
    erp = FakeErp(set(), lock_at=3)
    list(post_in_parts(erp.post, batch_of(10)))
    assert erp.asked == 1


def test_a_fault_of_the_program_comes_out() -> None:
    def broken(batch: Sequence[Posting]) -> list[Outcome]:
        raise KeyError

    with pytest.raises(KeyError):
        list(post_in_parts(broken, batch_of(4)))
