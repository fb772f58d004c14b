"""Replay in order and without doubles, and the history that tells of it."""

import sqlite3

import pytest

from malote.app_workers import build_poster
from malote.quarantine.history_text import WORDS, words
from malote.quarantine.quarantine_reports import Selection
from malote.register import till_documents
from malote.spool import history
from malote.spool.history import WHATS
from malote.tills.series import assign, series_of
from malote.tills.till import create_till
from tests.engines.quarantine_support import MARIA, House, OpenHouse, strict
from tests.engines.spool_support import rejected, waiting
from tests.unit.fiscal.notes import ISSUER, Line, build_note

pytest_plugins = ("tests.engines.quarantine_fixtures",)


def test_a_whole_cause_is_replayed_in_order_of_arrival(open_house: OpenHouse) -> None:
    house = strict(open_house)
    notes = [build_note(number=number) for number in (3, 1, 2)]
    ids = [house.reject(note) for note in notes]
    still = house.quarantine.replay(Selection(code="series_unassigned"), MARIA)
    assert still.replayed == []
    assert [(one.id, one.code) for one in still.refused] == [(one, "series_unassigned") for one in ids]
    assign(house.engine, house.till, ISSUER, "65", 1)
    report = house.quarantine.replay(Selection(ids=tuple(reversed(ids))), MARIA)
    assert (report.replayed, report.refused) == (ids, [])
    assert house.in_folder() == []
    leased = house.spool.lease("poster", 10, 60)
    assert [one.id for one in leased] == ids
    house.spool.release(leased)
    assert house.post() == 3


def test_a_replay_books_nothing_twice(open_house: OpenHouse) -> None:
    """The same sale came in other bytes meanwhile, and was posted: the replayed one is a duplicate."""
    house = strict(open_house)
    one = house.reject(build_note(number=1))
    assign(house.engine, house.till, ISSUER, "65", 1)
    house.take(build_note(number=1, signed=False))
    house.post()
    house.quarantine.replay(Selection((one,)), MARIA)
    house.post()
    stored = till_documents.document(house.spool.engine, one)
    assert (stored.state, stored.duplicate) == ("posted", True)


def test_a_replay_is_written_down(open_house: OpenHouse) -> None:
    house = strict(open_house)
    one = house.reject(build_note(number=1))
    house.quarantine.replay(Selection((one,)), MARIA)
    house.quarantine.replay(Selection((one,)), MARIA)
    (event,) = house.quarantine.history(one)
    assert (event.what, event.who, event.times) == ("judged", "maria", 2)
    assert event.reason is not None
    assert event.reason.code == "series_unassigned"
    assign(house.engine, house.till, ISSUER, "65", 1)
    house.quarantine.replay(Selection((one,)), MARIA)
    assert house.whats(one) == ["judged", "replayed"]
    (entry,) = house.audited("rejected_replayed")
    assert (entry.actor, entry.object, entry.after["documents"]) == ("maria", "till:caixa1", [str(one)])


def test_what_is_rejected_for_another_reason_now_says_so(open_house: OpenHouse) -> None:
    house = strict(open_house)
    one = house.reject(build_note(number=1))
    other = create_till(house.engine, "caixa2")[0]
    assign(house.engine, other, ISSUER, "65", 1)
    report = house.quarantine.replay(Selection((one,)), MARIA)
    assert report.refused[0].code == "series_of_another_till"
    stored = till_documents.document(house.spool.engine, one)
    assert stored.reason is not None
    assert stored.reason.code == "series_of_another_till"
    house.scan()
    sidecar = house.file_of(build_note(number=1)).with_suffix(".json").read_text("utf-8")
    assert '"series_of_another_till"' in sidecar
    assert house.quarantine.replay(Selection(code="series_unassigned"), MARIA).refused == []


def test_a_dry_run_of_a_replay_tries_nothing(house: House) -> None:
    one = house.reject(b"<venda/>")
    report = house.quarantine.replay(Selection((one, 77)), MARIA, dry_run=True)
    assert report.replayed == []
    assert [(refused.id, refused.code) for refused in report.refused] == [
        (77, "document_unknown"),
        (one, "root_unknown"),
    ]
    assert house.whats(one) == []


def test_a_dry_run_says_what_the_replay_then_does(open_house: OpenHouse) -> None:
    """Of nineteen, eighteen are homologation's still; and of two new series the till may learn one."""
    house = strict(open_house)
    rejected = [house.reject(build_note(number=number, environment=2)) for number in range(1, 19)]
    rejected += [house.reject(build_note(number=19)), house.reject(build_note(number=20, series=7))]
    learning = open_house(series_per_till=1)
    foreseen = learning.quarantine.replay(Selection(tuple(rejected)), MARIA, dry_run=True)
    assert series_of(learning.engine, learning.till) == []
    done = learning.quarantine.replay(Selection(tuple(rejected)), MARIA)
    assert (foreseen.replayed, foreseen.refused) == (done.replayed, done.refused)
    assert done.replayed == [rejected[18]]
    assert [one.code for one in done.refused] == ["test_environment"] * 18 + ["series_unassigned"]


# ---- history ----


def test_attempts_that_end_alike_are_one_line(house: House) -> None:
    house.take(build_note(number=1))
    for settle in (waiting, waiting, waiting):
        (leased,) = house.spool.lease("poster", 1, 60)
        house.spool.settle([settle(leased, 0.0)])
    (leased,) = house.spool.lease("poster", 1, 60)
    house.spool.settle([rejected(leased)])
    events = house.quarantine.history(leased.id)
    assert [(event.what, event.times) for event in events] == [("waiting", 1), ("rejected", 1)]


def test_a_history_is_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MOST_LINES", 4)
    one = house.reject(b"<venda/>")
    house.hold(b"<venda/>")
    for _ in range(4):
        house.quarantine.delete(Selection((one,)), MARIA)
        house.quarantine.restore(Selection((one,)), MARIA)
    assert house.whats(one) == ["deleted", "restored"] * 2


def test_everything_that_happens_has_its_words() -> None:
    assert set(WORDS) == set(WHATS)


def test_a_history_reads_as_sentences(house: House) -> None:
    one = house.reject(b"<venda/>")
    house.hold(b"<venda/>")
    house.quarantine.delete(Selection((one,)), MARIA)
    house.quarantine.restore(Selection((one,)), MARIA)
    house.quarantine.replay(Selection((one,)), MARIA)
    house.quarantine.replay(Selection((one,)), MARIA)
    events = house.quarantine.history(one)
    assert [words(event, "pt") for event in events][:2] == [
        "Apagado para a lixeira: o caixa tem o arquivo",
        "Restaurado da lixeira",
    ]
    assert words(events[2], "en").startswith("Read again and rejected: ")
    assert words(events[2], "en").endswith("(2 times)")


def test_a_poster_at_work_books_at_once_as_it_was_mapped_the_moment_before(house: House) -> None:
    """It books without a pause: what it would still remember refuses the sale again, as if nothing had been mapped."""
    for number in (1, 2):
        house.take(build_note(number=number, items=(Line(code="OLD"),)))
    refused = house.spool.lease("poster", 2, 60)
    house.spool.settle([rejected(one) for one in refused])
    house.scan()
    first, second = (one.id for one in refused)
    poster = build_poster(house.settings, house.services)
    try:
        house.take(build_note(number=3))
        assert poster.drain() == 1
        house.quarantine.map_product(first, "OLD", "NEW", MARIA)
        assert poster.drain() == 1
        (made,) = house.quarantine.mappings()
        house.quarantine.end_mapping(made.kind, made.issuer, made.code, made.target, MARIA, reason="it was another")
        house.quarantine.replay(Selection((second,)), MARIA)
        assert poster.drain() == 1
    finally:
        poster.close()
    with sqlite3.connect(house.settings.home_path / "erp.sqlite3") as erp:
        booked = [code for (code,) in erp.execute("SELECT product_code FROM sale_item")]
    assert sorted(booked) == sorted([Line().code, "NEW", "OLD"])
