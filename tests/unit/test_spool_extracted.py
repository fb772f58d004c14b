"""The blob of a pouch's extracted documents."""

import pytest

from malote.spool.extracted import DamagedError, Extracted, extend, packed
from tests.engines.spool_support import cancellation, sale


def test_what_goes_in_comes_out() -> None:
    opened = Extracted(packed([sale(1), None, cancellation(1)]).blob)
    assert opened.document(0) == sale(1)
    assert opened.document(2) == cancellation(1)


@pytest.mark.parametrize("index", [1, 3])
def test_nothing_is_made_up(index: int) -> None:
    with pytest.raises(DamagedError):
        Extracted(packed([sale(1), None, cancellation(1)]).blob).document(index)


@pytest.mark.parametrize("damage", [b"", b"\0" * 40, packed([sale(1)]).blob[:-7]])
def test_a_damaged_blob_is_named(damage: bytes) -> None:
    with pytest.raises(DamagedError):
        Extracted(damage)


def test_extending_keeps_every_index() -> None:
    blob, _, first = extend(*packed([sale(1), None]), 2, [sale(2), sale(3)])
    opened = Extracted(blob)
    assert first == 2
    assert [opened.document(index) for index in (0, 2, 3)] == [sale(1), sale(2), sale(3)]


@pytest.mark.parametrize("lost", [None, b"\0" * 40])
def test_extending_what_is_lost_never_gives_one_document_for_another(lost: bytes | None) -> None:
    blob, digests, first = extend(lost, None, 2, [sale(9)])
    assert digests is None
    opened = Extracted(blob)
    assert (first, opened.document(2)) == (2, sale(9))
    for index in (0, 1):
        with pytest.raises(DamagedError):
            opened.document(index)


def test_a_form_that_somebody_changed_is_told_and_what_came_without_digest_is_believed() -> None:
    blob, digests = packed([sale(1), None, sale(2)])
    extended, more_digests, _ = extend(blob, digests, 3, [sale(3)])
    opened = Extracted(extended, more_digests)
    assert [opened.document(index) for index in (0, 2, 3)] == [sale(1), sale(2), sale(3)]
    other = Extracted(packed([sale(1), None, sale(9), sale(3)]).blob, digests)
    assert other.document(3) == sale(3), "an older program added it, and took no digest"
    with pytest.raises(DamagedError):
        other.document(2)
    assert Extracted(packed([sale(9)]).blob).document(0) == sale(9)
