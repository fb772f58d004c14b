from collections.abc import Iterator
from pathlib import Path

import pytest

from malote.till.books import DaySales, Gap, days, gaps
from malote.till.files import Answer, Refusal
from malote.till.outbox import Outbox
from malote.till.status import status
from tests.unit.till_support import captured, digest, sale_line


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(tmp_path / "outbox.sqlite3") as opened:
        yield opened


def test_adds_up_each_day_and_series(outbox: Outbox) -> None:
    lines = [sale_line(1, 100), sale_line(2, 250), sale_line(3, 5, day="2026-03-02"), sale_line(9, 7, series=2)]
    outbox.capture([captured(b"%d" % place, "", line) for place, line in enumerate(lines)], at=1.0)
    outbox.capture([captured(b"again, authorised", "", sale_line(1, 100))], at=2.0)
    assert list(days(outbox)) == [
        DaySales("2026-03-01", "11222333000181", "65", 1, 2, 350, 1, 2),
        DaySales("2026-03-01", "11222333000181", "65", 2, 1, 7, 9, 9),
        DaySales("2026-03-02", "11222333000181", "65", 1, 1, 5, 3, 3),
    ]


def test_of_two_contents_under_one_key_the_proven_one_counts(outbox: Outbox) -> None:
    outbox.capture([captured(b"true", "", sale_line(1, 100)), captured(b"false", "", sale_line(1, 999))], at=1.0)
    outbox.record([Answer(digest(b"true"), "posted"), Answer(digest(b"false"), "rejected", "divergent_content")], 2.0)
    (day,) = days(outbox)
    assert (day.count, day.total) == (1, 100)


def test_missing_numbers_minus_voided_ones(outbox: Outbox) -> None:
    voided = sale_line(5, kind="number_void", access_key=None, last_number=6, total=None)
    lines = [sale_line(1), sale_line(2), sale_line(4), voided, sale_line(9), sale_line(3, series=2)]
    outbox.capture([captured(b"%d" % place, "", line) for place, line in enumerate(lines)], at=1.0)
    assert list(gaps(outbox)) == [
        Gap("11222333000181", "65", 1, 3, 3),
        Gap("11222333000181", "65", 1, 7, 8),
    ]


def test_a_file_of_several_documents_counts_each(outbox: Outbox) -> None:
    outbox.capture([captured(b"three", "", sale_line(1, 1), sale_line(2, 2), sale_line(3, 3))], at=1.0)
    (day,) = days(outbox)
    assert (day.count, day.total) == (3, 6)


def test_status_tells_what_waits_and_what_a_person_must_see(outbox: Outbox) -> None:
    outbox.capture([captured(b"%d" % number, "", sale_line(number)) for number in range(1, 4)], at=50.0)
    outbox.record([Answer(digest(b"1"), "rejected", "items_missing", "no items")], at=60.0)
    outbox.refuse({"/pos/big.xml": Refusal("big.xml", 10**8, "file_too_large")}, at=60.0)
    found = status(outbox.path, now=110.0)
    assert found is not None
    assert (found.pending, found.counts.rejected, found.oldest_pending_seconds) == (2, 1, 60.0)
    assert found.last_sale is not None
    assert (found.last_sale.number, found.last_sale.total, found.last_sale.state) == (3, 1000, "captured")
    assert [(trouble.code, trouble.message) for trouble in found.troubles] == [("items_missing", "no items")]
    assert [refusal.code for refusal in found.refused] == ["file_too_large"]
    assert found.line is None


def test_status_of_no_outbox_is_none(tmp_path: Path) -> None:
    assert status(tmp_path / "nowhere.sqlite3", now=0.0) is None
