"""The blob of a pouch's extracted documents."""

import pytest

from malote.spool.extracted import DamagedError, Extracted, extend, extended_digests, pack, packed
from tests.engines.spool_support import cancellation, sale


def test_what_goes_in_comes_out() -> None:
    opened = Extracted(pack([sale(1), None, cancellation(1)]))
    assert opened.document(0) == sale(1)
    assert opened.document(2) == cancellation(1)


@pytest.mark.parametrize("index", [1, 3])
def test_nothing_is_made_up(index: int) -> None:
    with pytest.raises(DamagedError):
        Extracted(pack([sale(1), None, cancellation(1)])).document(index)


@pytest.mark.parametrize("damage", [b"", b"\0" * 40, pack([sale(1)])[:-7]])
def test_a_damaged_blob_is_named(damage: bytes) -> None:
    with pytest.raises(DamagedError):
        Extracted(damage)


def test_extending_keeps_every_index() -> None:
    blob, first = extend(pack([sale(1), None]), 2, [sale(2), sale(3)])
    opened = Extracted(blob)
    assert first == 2
    assert [opened.document(index) for index in (0, 2, 3)] == [sale(1), sale(2), sale(3)]


@pytest.mark.parametrize("lost", [None, b"\0" * 40])
def test_extending_what_is_lost_never_gives_one_document_for_another(lost: bytes | None) -> None:
    blob, first = extend(lost, 2, [sale(9)])
    opened = Extracted(blob)
    assert (first, opened.document(2)) == (2, sale(9))
    for index in (0, 1):
        with pytest.raises(DamagedError):
            opened.document(index)


def test_a_form_that_somebody_changed_is_told_and_what_came_without_digest_is_believed() -> None:
    blob, digests = packed([sale(1), None, sale(2)])
    extended, first = extend(blob, 3, [sale(3)])
    opened = Extracted(extended, extended_digests(digests, first, [sale(3)]))
    assert [opened.document(index) for index in (0, 2, 3)] == [sale(1), sale(2), sale(3)]
    other = Extracted(pack([sale(1), None, sale(9), sale(3)]), digests)
    assert other.document(3) == sale(3), "an older program added it, and took no digest"
    with pytest.raises(DamagedError):
        other.document(2)
    assert Extracted(pack([sale(9)])).document(0) == sale(9)
    assert extended_digests(None, 2, [sale(9)]) is None
