"""What is found wrong, with its weight, value and age: on both kinds of store database."""

import time
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import Engine, text

from malote import rejection
from malote.database import room
from malote.database.engine import writing
from malote.findings import lights, listing, noted_findings
from malote.findings.kinds import CAUSES, KINDS, LIGHTS, Finding
from malote.findings.lights import TillOverview
from malote.findings.noted_findings import NotedStanding
from malote.findings.store_wide import store_wide_of
from malote.quarantine.quarantine_reports import Selection
from malote.reconciliation import erp_memory
from malote.register import till_documents
from malote.register.change_marker import pulse
from malote.spool.deleted_unbooked import listed
from malote.spool.presence import LASTS_SECONDS, PosterPresence
from tests.engines.findings_support import NOW, add_documents, add_till
from tests.engines.quarantine_support import MARIA, House
from tests.unit.fiscal.notes import build_note

pytest_plugins = ("tests.engines.quarantine_fixtures",)

BAD = b"<venda>one</venda>"


def seen(engine: Engine, name: str = "caixa1", now: float = NOW) -> TillOverview:
    found = lights.till_overview(engine, name, now=now)
    assert found is not None
    return found


def told(engine: Engine, name: str = "caixa1", now: float = NOW) -> list[tuple[str, str, int, int, float | None]]:
    return [(one.name, one.code, one.count, one.value, one.since) for one in seen(engine, name, now).findings]


def test_the_kinds_stand_by_weight_and_every_light_has_a_run_of_them() -> None:
    assert all(one.weight > after.weight for one, after in pairwise(KINDS))
    order = [LIGHTS[cause] for cause in CAUSES]
    assert order == sorted(order, key=["outside", "stopped", "attention", "ok", "disabled"].index)
    assert {kind.code for kind in KINDS if kind.code} <= set(rejection.catalogue())


def test_all_that_is_wrong_is_told_the_heaviest_first_with_value_and_age(spool_engine: Engine) -> None:
    till_id = add_till(
        spool_engine,
        "caixa1",
        {("waiting", "sale_not_here"): 1, ("rejected", "items_sum"): 2, ("rejected", "structure_outdated"): 1},
        clock_skew_seconds=-900.0,
    )
    with writing(spool_engine) as connection:
        connection.execute(text("UPDATE tally SET total = count * 3209"))
    add_documents(
        spool_engine,
        till_id,
        [
            {"state": "rejected", "accepted_at": NOW - 70, "reason_code": "items_sum"},
            {"state": "waiting", "accepted_at": NOW - 90, "reason_code": "sale_not_here"},
        ],
    )
    assert told(spool_engine) == [
        ("structure", "structure_outdated", 1, 3209, NOW - 70),
        ("rejected", "items_sum", 2, 6418, NOW - 70),
        ("waiting", "sale_not_here", 1, 3209, NOW - 90),
        ("skewed", "clock_skewed", 0, 0, None),
    ]
    overview = seen(spool_engine)
    assert (overview.light, overview.cause, overview.oldest_unbooked_at) == ("stopped", "structure", NOW - 90)
    assert next((one.till, one.who) for one in listing.findings(spool_engine, NOW)) == ("caixa1", "dba")


def test_what_was_captured_and_does_not_come_is_no_green_light(spool_engine: Engine) -> None:
    add_till(spool_engine, "caixa1", pending=3, unsent_since=NOW - 299)
    assert (seen(spool_engine).light, seen(spool_engine).oldest_unsent_at) == ("ok", NOW - 299)
    assert told(spool_engine, now=NOW + 2) == [("unsent", "till_unsent", 3, 0, NOW - 299)]


def test_what_stops_the_store_stops_every_till(spool_engine: Engine) -> None:
    add_till(spool_engine, "caixa1", {("waiting", "erp_refuses_all"): 4})
    add_till(spool_engine, "caixa2", {("rejected", "items_sum"): 1})
    add_till(spool_engine, "velho", disabled_at=NOW)
    page = lights.tills(spool_engine, lights.TillsQuery(sort="name"), now=NOW)
    assert [(one.light, one.cause, one.reason_code) for one in page.tills] == [
        ("stopped", "store_wide", "erp_refuses_all"),
        ("stopped", "store_wide", "erp_refuses_all"),
        ("disabled", "disabled", None),
    ]
    assert [one.heaviest.count if one.heaviest else None for one in page.tills] == [4, 0, None]
    assert [(one.till, one.name) for one in listing.findings(spool_engine, NOW)] == [
        ("", "store_wide"),
        ("caixa1", "erp_stopped"),
        ("caixa2", "rejected"),
    ], "the store's own is told once"


def test_an_erp_that_is_away_is_told_though_nothing_waits(spool_engine: Engine) -> None:
    add_till(spool_engine, "caixa1")
    clock = [NOW]
    poster = PosterPresence(spool_engine, lambda: clock[0], "one")
    poster.renew("erp_locked")
    assert seen(spool_engine).light == "ok", "a lock is told of those who wait"
    clock[0] += 1
    poster.renew("erp_away", {"detail": "x"})
    clock[0] += 50
    poster.renew("erp_away", {"detail": "x"})
    assert told(spool_engine, now=NOW + 60) == [("store_wide", "erp_away", 0, 0, NOW + 1)], "since it began"
    poster.renew()
    assert seen(spool_engine, now=NOW + 60).light == "ok"


def test_a_disk_without_room_is_green_nowhere(spool_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits is at the tills then, and nothing of it can be written down here."""
    add_till(spool_engine, "caixa1")
    monkeypatch.setattr(room, "LEAST_FREE", 1 << 62)
    here = spool_engine.dialect.name == "sqlite"
    assert seen(spool_engine).light == ("stopped" if here else "ok"), "a database server's disk isn't seen from here"
    assert [one[1] for one in told(spool_engine, now=NOW)] == (["disk_full"] if here else [])


def test_one_poster_that_books_is_enough(spool_engine: Engine) -> None:
    add_till(spool_engine, "caixa1")
    PosterPresence(spool_engine, lambda: NOW, "one").renew("erp_away")
    assert seen(spool_engine).light == "stopped"
    PosterPresence(spool_engine, lambda: NOW, "two").renew()
    assert seen(spool_engine).light == "ok"


def test_a_poster_that_died_stops_the_lights_and_one_that_was_stopped_does_not(spool_engine: Engine) -> None:
    later = NOW + LASTS_SECONDS + 1
    add_till(spool_engine, "caixa1", last_contact_at=later)
    poster = PosterPresence(spool_engine, lambda: NOW, "one")
    poster.renew()
    assert told(spool_engine, now=later) == [("store_wide", "poster_absent", 0, 0, NOW)]
    poster.close()
    assert seen(spool_engine, now=later).light == "ok"


def test_where_nobody_posts_is_told_how_many_wait_and_nothing_where_no_sign_of_life_has_room(
    spool_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = NOW + LASTS_SECONDS + 1
    counts = {("accepted", ""): 3, ("posted", ""): 5, ("waiting", "sale_not_here"): 1}
    add_till(spool_engine, "caixa1", counts, last_contact_at=later)
    PosterPresence(spool_engine, lambda: NOW, "one").renew()
    [absent] = store_wide_of(spool_engine, later)
    assert (absent.code, absent.count, absent.facts) == ("poster_absent", 4, {"count": "4"})
    monkeypatch.setattr(room, "LEAST_FREE", 1 << 62)
    here = spool_engine.dialect.name == "sqlite"
    assert [one.code for one in store_wide_of(spool_engine, later)] == ["disk_full" if here else "poster_absent"]


def test_what_was_booked_is_not_green_until_the_erp_was_compared(spool_engine: Engine) -> None:
    add_till(spool_engine, "caixa1", {("posted", ""): 4})
    add_till(spool_engine, "caixa2")
    erp_memory.doubt(spool_engine)
    assert told(spool_engine) == [("checking", "erp_unchecked", 0, 0, None)]
    assert seen(spool_engine).light == "attention"
    assert seen(spool_engine, "caixa2").light == "ok", "nothing of it is booked"
    before = pulse(spool_engine)
    erp: Any = _EmptyErp()
    erp_memory.look(spool_engine, erp, NOW - 1)
    assert pulse(spool_engine) != before, "open pages are told"
    assert seen(spool_engine).light == "ok"
    assert seen(spool_engine, now=NOW + erp_memory.STALE_SECONDS).cause == "checking", "nobody looks any more"
    assert seen(spool_engine, now=NOW - 3 * erp_memory.STALE_SECONDS).cause == "checking", "the clock was put back"


class _EmptyErp:
    """Nothing here has a document to ask about."""

    def fingerprints(self, ranges: object, numbered: object = None) -> None:
        return None


def test_findings_of_dear_looks_stand_until_the_next_look_of_their_kind(spool_engine: Engine) -> None:
    one, two = add_till(spool_engine, "caixa1"), add_till(spool_engine, "caixa2")
    noted_findings.note(spool_engine, "numbers", [one, two], {one: NotedStanding(2, 0, NOW - 5), two: NotedStanding(1)})
    noted_findings.note(spool_engine, "days", [one], {one: NotedStanding(1, 3209, NOW - 9)})
    assert told(spool_engine) == [
        ("numbers", "numbers_missing", 2, 0, NOW - 5),
        ("days", "day_divergent", 1, 3209, NOW - 9),
    ]
    noted_findings.note(spool_engine, "numbers", [one], {})
    assert [one[0] for one in told(spool_engine)] == ["days"]
    assert [one[0] for one in told(spool_engine, "caixa2")] == ["numbers"], "nobody looked at it again"


# ---- what was deleted ----


def deleted_of(house: House) -> list[Finding]:
    return [one for one in listing.findings(house.engine, time.time()) if one.name == "deleted"]


def refused_and_deleted(house: House, number: int = 1) -> int:
    note = build_note(number=number)
    one = house.refuse(note, "erp_constraint")
    house.hold(note)
    report = house.quarantine.delete(Selection((one,)), MARIA)
    assert [each.grounds for each in report.deleted] == ["till"]
    return one


def test_deleting_a_sale_is_not_booking_it_until_a_person_says_why(house: House) -> None:
    one = refused_and_deleted(house)
    stored = till_documents.document(house.spool.engine, one)
    (found,) = deleted_of(house)
    assert (found.till, found.count, found.value, found.light) == ("caixa1", 1, stored.total, "attention")
    assert stored.total
    done = house.quarantine.accept_unbooked("CAIXA1", None, MARIA, reason="venda de teste")
    assert (done.documents, done.total) == ([one], stored.total)
    assert deleted_of(house) == []
    (entry,) = house.audited("unbooked_accepted")
    assert (entry.object, entry.reason) == ("till:caixa1", "venda de teste")
    assert house.quarantine.accept_unbooked(None, None, MARIA, reason="outra vez").documents == []


def test_a_deleted_sale_that_is_restored_or_booked_after_all_is_not_missing(house: House) -> None:
    one, two = refused_and_deleted(house, 1), refused_and_deleted(house, 2)
    assert listed(house.engine, None) == [one, two]
    house.quarantine.restore(Selection((one,)), MARIA)
    assert listed(house.engine, None) == [two]
    house.take(build_note(number=2, signed=False))
    house.post()
    assert listed(house.engine, "caixa1") == [], "another file of its key was booked"


def test_what_the_erp_has_may_be_deleted_and_stays_green(house: House) -> None:
    house.take(build_note(number=1))
    house.post()
    one = house.refuse(build_note(number=1, signed=False), "erp_constraint")
    assert [each.grounds for each in house.quarantine.delete(Selection((one,)), MARIA).deleted] == ["erp"]
    assert deleted_of(house) == []


def test_what_could_not_be_read_may_have_been_a_sale(house: House) -> None:
    one = house.reject(BAD)
    house.quarantine.delete(Selection((one,)), MARIA, last_copy_reason="arquivo de teste")
    (found,) = deleted_of(house)
    assert (found.count, found.value) == (1, 0)
