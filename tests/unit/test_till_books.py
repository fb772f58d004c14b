import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from malote import wire
from malote.till.book_answers import TillWitness
from malote.till.books import OwnBooks
from malote.till.outbox import Outbox
from malote.till.outbox_records import CaptureRefusal, DocumentLine, FileAnswer
from malote.till.status import status
from tests.unit.till_support import captured, digest, sale_line


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(tmp_path / "outbox.sqlite3") as opened:
        yield opened


def books(outbox: Outbox, known: int = 0, **rule: str) -> OwnBooks:
    """After the server said which days it has, and by which rule."""
    own = OwnBooks(outbox)
    own.heed(reply(known, **rule))
    return own


def reply(known: int | None, zone: str = "", begins: str = "00:00") -> wire.ContactReply:
    rule = wire.BusinessDay(zone, begins)
    return wire.ContactReply("1", datetime(2026, 3, 1, tzinfo=UTC), "caixa1", 0.0, books=known, business_day=rule)


def told(own: OwnBooks) -> dict[str, tuple[int, int]]:
    return {one.day: (one.count, one.total) for one in own.to_tell()}


def sold(outbox: Outbox, *lines: DocumentLine, name: str = "") -> None:
    contents = [f"{name}{line.access_key}{line.kind}{line.total}".encode() for line in lines]
    outbox.capture([captured(content, "", line) for content, line in zip(contents, lines, strict=True)], at=1.0)


def test_each_day_is_counted_by_key_summed_and_digested(outbox: Outbox) -> None:
    sold(outbox, sale_line(1, 100), sale_line(2, 250), sale_line(3, 5, day="2026-03-02"))
    sold(outbox, sale_line(1, 100), name="authorised ")
    lines = f"{1:044d} booked 100\n{2:044d} booked 250\n"
    first, second = books(outbox).to_tell()
    assert (first.day, first.count, first.total) == ("2026-03-01", 2, 350)
    assert first.sha256 == hashlib.sha256(lines.encode()).hexdigest()
    assert (second.day, second.count, second.total) == ("2026-03-02", 1, 5)


def test_only_what_the_server_lacks_is_told_and_a_lost_reply_tells_it_again(outbox: Outbox) -> None:
    sold(outbox, sale_line(1, 100), sale_line(2, 1, day="2026-03-02"))
    own = books(outbox)
    both = own.to_tell()
    assert own.to_tell() == both, "nobody said that it came"
    newest = max(one.turn for one in both)
    assert not own.heed(reply(newest)), "nothing is to be told soon"
    assert own.to_tell() == []
    sold(outbox, sale_line(3, 7))
    own.heed(reply(newest))
    assert told(own) == {"2026-03-01": (2, 107)}


def test_a_server_that_takes_nothing_is_not_hurried_and_an_older_one_told_nothing(outbox: Outbox) -> None:
    sold(outbox, sale_line(1, 100))
    own = OwnBooks(outbox)
    assert own.heed(reply(0))
    assert not own.heed(reply(0))
    own.heed(reply(None))
    assert own.to_tell() == []


def test_a_server_that_was_restored_or_knew_another_outbox_is_told_all(outbox: Outbox) -> None:
    sold(outbox, sale_line(1, 100), sale_line(2, 1, day="2026-03-02"))
    own = books(outbox)
    own.heed(reply(2))
    assert own.to_tell() == []
    own.heed(reply(1))
    assert told(own) == {"2026-03-02": (1, 1)}
    own.heed(reply(50))
    assert told(own) == {"2026-03-01": (1, 100), "2026-03-02": (1, 1)}
    assert all(one.turn > 50 for one in own.to_tell())


def test_a_cancellation_among_the_files_changes_the_day_of_its_sale(outbox: Outbox) -> None:
    key = "35260311222333000181650010000000011000000017"
    sold(outbox, sale_line(1, 100, access_key=key))
    own = books(outbox)
    own.heed(reply(1))
    sold(outbox, DocumentLine(kind="cancellation", access_key=key, issued_at="2026-03-01T10:20:00-03:00"))
    own.heed(reply(1))
    (day,) = own.to_tell()
    assert day.sha256 == hashlib.sha256(f"{key} cancelled 100\n".encode()).hexdigest()


def test_what_the_server_answers_changes_nothing(outbox: Outbox) -> None:
    sold(outbox, sale_line(1, 100))
    before = books(outbox).to_tell()
    outbox.record(
        [FileAnswer(sha256, "rejected", "items_missing") for (sha256,) in outbox.rows("SELECT sha256 FROM file")], 2
    )
    assert books(outbox).to_tell() == before


def test_the_business_day_is_the_server_s_and_another_rule_counts_all_anew(outbox: Outbox) -> None:
    sold(outbox, sale_line(1, 100, issued_at="2026-03-02T01:30:00-03:00"), sale_line(2, 5, day="2026-03-02"))
    assert told(books(outbox)) == {"2026-03-02": (2, 105)}
    late = books(outbox, begins="03:00")
    assert told(late) == {"2026-03-01": (1, 100), "2026-03-02": (1, 5)}
    assert told(books(outbox, zone="Asia/Tokyo")) == {"2026-03-01": (0, 0), "2026-03-02": (2, 105)}


def test_a_zone_unknown_here_keeps_the_books_waiting_and_nothing_else(outbox: Outbox) -> None:
    sold(outbox, sale_line(1, 100))
    assert told(books(outbox, zone="Nowhere/Atlantis")) == {}


def test_counting_again_starts_at_the_day_s_own_first_file(outbox: Outbox) -> None:
    for day in range(1, 29):
        lines = [sale_line(day * 100 + number, 10, day=f"2026-03-{day:02d}") for number in range(20)]
        sold(outbox, *lines)
    own = books(outbox)
    own.heed(reply(28))
    read: list[str] = []
    outbox._connection.set_trace_callback(read.append)
    sold(outbox, sale_line(2899, 1, day="2026-03-28"))
    own.heed(reply(28))
    assert told(own) == {"2026-03-28": (21, 201)}
    assert any("file_id >= 541" in statement for statement in read), "not from the first file of all"


def test_a_file_of_several_documents_counts_each(outbox: Outbox) -> None:
    outbox.capture([captured(b"three", "", sale_line(1, 1), sale_line(2, 2), sale_line(3, 3))], at=1.0)
    assert told(books(outbox)) == {"2026-03-01": (3, 6)}


def test_status_tells_what_waits_and_what_a_person_must_see(outbox: Outbox) -> None:
    outbox.capture([captured(b"%d" % number, "", sale_line(number)) for number in range(1, 4)], at=50.0)
    outbox.record([FileAnswer(digest(b"1"), "rejected", "items_missing", "no items")], at=60.0)
    outbox.refuse({"/pos/big.xml": CaptureRefusal("big.xml", 10**8, "file_too_large")}, at=60.0)
    found = status(outbox.path, now=110.0)
    assert found is not None
    assert (found.pending, found.counts.rejected, found.oldest_pending_seconds) == (2, 1, 60.0)
    assert found.last_sale is not None
    assert (found.last_sale.number, found.last_sale.total, found.last_sale.state) == (3, 1000, "captured")
    assert [(trouble.code, trouble.message) for trouble in found.troubles] == [("items_missing", "no items")]
    assert [refusal.code for refusal in found.refused] == ["file_too_large"]
    assert found.line is None


def test_the_last_sale_is_the_one_issued_last_whenever_it_was_captured(outbox: Outbox) -> None:
    times = ["2026-03-02T23:30:00-04:00", "2026-03-03T00:10:00-03:00", "2026-03-01T10:00:00-03:00", "never", None]
    for number, issued_at in enumerate(times, 1):
        outbox.capture([captured(b"%d" % number, "", sale_line(number, issued_at=issued_at))], at=float(number))
    found = status(outbox.path, now=110.0)
    assert found is not None
    assert found.last_sale is not None
    assert found.last_sale.number == 1


def test_status_of_no_outbox_is_none(tmp_path: Path) -> None:
    assert status(tmp_path / "nowhere.sqlite3", now=0.0) is None


def test_the_till_answers_which_numbers_it_has_and_which_sales_a_day_has(outbox: Outbox) -> None:
    first = sale_line(1, 100)
    numbered = [
        msgspec.structs.replace(sale_line(n, 100), issuer="1" * 14, model="65", series=1, number=n) for n in (3, 5)
    ]
    sold(outbox, first, *numbered)
    own, witness = books(outbox), TillWitness(outbox)
    assert witness.told() is None, "nobody asked"
    span = wire.NumberRange("1" * 14, "65", 1, 2, 5)
    asked = msgspec.structs.replace(reply(0), asked=wire.Asked([span], "2026-03-01"))
    assert witness.heed(asked), "it is answered soon"
    told_ = witness.told()
    assert told_ is not None
    assert told_.numbers == [wire.NumbersTold(span, [3, 5])]
    assert told_.day is not None
    text = "".join(f"{line}\n" for line in told_.day.lines)
    (day,) = own.to_tell()
    assert hashlib.sha256(text.encode()).hexdigest() == day.sha256
    assert not witness.heed(asked), "the same again waits for its turn"
    witness.heed(reply(0))
    assert witness.told() is None
    witness.heed(msgspec.structs.replace(reply(0), asked=wire.Asked(day="2020-01-01")))
    assert witness.told() == wire.Told(), "a day that it knows nothing of"
