"""Planted troubles: each is found by name, and cured by what the procedure names, or handed to whom it belongs to.

On one store with an SQLite ERP, one trouble after the other; what needs sessions of PostgreSQL and real processes is in
tests/faults. Every test leaves a store in which sales go up.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace
from sqlalchemy import text, update

from malote import __version__, app_building
from malote.app_console import console_services
from malote.database import room
from malote.database.engine import writing
from malote.database.tables import till as tills
from malote.erp.factory import open_configured
from malote.findings import noted_findings
from malote.findings.noted_findings import NotedStanding
from malote.quarantine.quarantine_reports import Selection
from malote.reconciliation import erp_memory
from malote.runbook.runbook_service import Runbook, View
from malote.spool import series_holds
from malote.spool.presence import LASTS_SECONDS, PosterPresence
from malote.tills.contact import record_contact
from malote.tills.till import create_till, disable, enable, new_token
from malote.wire import Contact, FolderCount, TillTrouble
from tests.engines.quarantine_support import MARIA, House
from tests.unit.fiscal.notes import Line, build_note, key_of


class Shop(House):
    """A house whose ERP is there, and whose till spoke a moment ago."""

    def __init__(self, home: Path) -> None:
        super().__init__(home, test_environment=True, learn_series=True)
        erp = open_configured(self.settings)
        erp.create_structure()
        erp.close()
        self.number = 0
        self.least_free = room.LEAST_FREE
        parts = self.services.runbook.parts
        parts = replace(parts, clock=self.clock, synchronisation=self.synchronisation, quarantine=self.quarantine)
        self.runbook = Runbook(parts, self.services.jobs)
        self.speak()
        self.sell()
        self.post()

    def speak(self, ahead: float = 0.0, **said: Any) -> None:
        """A sign of life, with nothing wrong but what is said."""
        clock = _at(self.clock()) + timedelta(seconds=ahead)
        whole: dict[str, Any] = {
            "pending": 0,
            "unproven": 0,
            "synchronised": 0,
            "troubles": [],
            "folder": FolderCount(1, 1, 0),
        } | said
        record_contact(self.engine, self.till.id, Contact(__version__, clock, **whole), received_at=self.clock())

    def sell(self, **said: Any) -> bytes:
        self.number += 1
        note = build_note(number=self.number, **said)
        self.take(note)
        return note

    def look(self, scope: str = "caixa1", **said: Any) -> View:
        return self.runbook.view(scope, MARIA, **said)

    def on_till(self, **values: Any) -> None:
        with writing(self.engine) as connection:
            connection.execute(update(tills).where(tills.c.id == self.till.id).values(values))

    def poster_said(self, trouble: str, at: float | None = None) -> None:
        now = self.clock() if at is None else at
        PosterPresence(self.engine, lambda: now, "lançador").renew(trouble)

    def no_posters(self) -> None:
        with writing(self.engine) as connection:
            connection.execute(text("DELETE FROM poster_sign"))

    def erp(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.settings.home_path / "erp.sqlite3")) as connection:
            for one in statements:
                connection.execute(one)
            connection.commit()

    def compare(self) -> None:
        """The poster looks at the ERP."""
        erp = open_configured(self.settings)
        try:
            erp_memory.look(self.engine, erp, self.clock())
        finally:
            erp.close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app_building, "DRIFT_SECONDS", -1.0)  # nothing is remembered of a moment ago
        opened = Shop(tmp_path_factory.mktemp("shop"))
        yield opened
    opened.close()


Act = Callable[[Shop], object]


class Fault(NamedTuple):
    """``verdict`` while it lasts, ``step`` and ``code`` that name it, and what puts it right."""

    verdict: str
    step: str
    code: str
    plant: Act
    cure: Act


# ---- rejected files ----


def _fragment(shop: Shop) -> None:
    """All there is of a sale until the POS writes it anew."""
    shop.number += 1
    whole = build_note(number=shop.number)
    half = whole[: len(whole) // 2]
    shop.reject(half)
    shop.hold(half)


def _written_anew(shop: Shop) -> None:
    shop.take(build_note(number=shop.number))
    shop.post()
    _synchronised(shop)


def _wrong_sum(shop: Shop) -> None:
    shop.number += 1
    shop.reject(build_note(number=shop.number, total=100))


def _forced_out(shop: Shop) -> None:
    """Not the procedure's: the supplier's own cure, made short."""
    shop.quarantine.delete(Selection(None), MARIA, last_copy_reason="o fornecedor regravou a nota")
    shop.quarantine.accept_unbooked("caixa1", None, MARIA, reason="regravada com outro número")


def _divergent(shop: Shop) -> None:
    shop.sell()
    shop.post()
    other = build_note(number=shop.number, items=[Line(price="9.99")])
    shop.take(other)
    shop.post()
    shop.scan()


def _refused_product(shop: Shop) -> None:
    shop.number += 1
    shop.refuse(build_note(number=shop.number, items=[Line(code=f"7{shop.number}")]), "erp_constraint")


def _product_is_mapped(shop: Shop) -> None:
    group = next(one for one in shop.look().seen.groups if one.code == "erp_constraint")
    shop.quarantine.map_product(group.example, f"7{shop.number}", "1001", MARIA, reason="código novo")
    _synchronised(shop)


def _series_of_another(shop: Shop) -> None:
    """The other till sold its number 5 first; this one brings a number of the same series."""
    if not any(one.name == "caixa2" for one in shop.services.tills()):
        create_till(shop.engine, "caixa2")
    other = next(one for one in shop.services.tills() if one.name == "caixa2")
    shop.take(build_note(series=9, number=5), till=other)
    shop.post()
    record_contact(shop.engine, other.id, Contact(__version__, _at(shop.clock()), 0, 0), received_at=shop.clock())
    shop.take(build_note(series=9, number=6))
    series_holds.look(shop.engine, patience=0, now=shop.clock() + 1)
    shop.scan()


def _series_is_assigned(shop: Shop) -> None:
    shop.quarantine.assign_series(shop.look().seen.groups[0].example, MARIA, reason="caixa trocado")
    _synchronised(shop)


def _synchronised(shop: Shop) -> None:
    view = shop.runbook.go_on("caixa1", MARIA)
    assert view.procedure.verdict in ("going", "resolved", "go"), view.procedure
    shop.post()
    order = shop.synchronisation.latest("caixa1")
    if order is not None and order.stage != "done":
        shop.contact()
        number = shop.contact(obeyed=0)
        shop.clock.ahead += 11
        shop.contact(obeyed=number)
        shop.clock.ahead += 11
        shop.contact(obeyed=number)
    shop.speak()


def _deleted(shop: Shop) -> None:
    shop.number += 1
    note = build_note(number=shop.number)
    one = shop.refuse(note, "erp_constraint")
    shop.hold(note)
    shop.quarantine.delete(Selection((one,)), MARIA)


def _restored_and_replayed(shop: Shop) -> None:
    (newest, *_) = shop.quarantine.trash("caixa1").entries
    shop.quarantine.restore(Selection((newest.document.id,)), MARIA)
    shop.scan()
    shop.quarantine.replay(Selection((newest.document.id,)), MARIA)
    _synchronised(shop)


# ---- structures ----


def _column_gone(shop: Shop) -> None:
    shop.erp("ALTER TABLE sale DROP COLUMN freight")


def _structure_is_applied(shop: Shop) -> None:
    view = shop.look()
    first = next(one for one in view.seen.structures if one.state == "behind")
    assert (first.scope, first.named) == ("erp", ["sale.freight"])
    shop.services.structures.apply("erp", MARIA)


# ---- the ERP ----


def _erp_restored(shop: Shop) -> None:
    note = shop.sell()
    shop.post()
    shop.compare()
    key = key_of(note)
    tables = ("sale", "sale_item", "payment")
    shop.erp(
        f"DELETE FROM posting_key WHERE identity LIKE '%{key}%'",
        *(f"DELETE FROM {name} WHERE access_key = '{key}'" for name in tables),
    )
    shop.compare()


def _booked_again(shop: Shop) -> None:
    assert console_services(shop.services).books.rebook(MARIA, 1) == 1
    shop.post()
    shop.compare()
    _synchronised(shop)


# ---- what is told of tills and server ----


def _full(shop: Shop) -> None:
    shop.least_free, room.LEAST_FREE = room.LEAST_FREE, 1 << 62


def _room_again(shop: Shop) -> None:
    room.LEAST_FREE = shop.least_free


def _silent(shop: Shop) -> None:
    shop.on_till(last_contact_at=shop.clock() - 90)


def _token_renewed(shop: Shop) -> None:
    shop.on_till(last_contact_at=shop.clock() - 90)
    new_token(shop.engine, "caixa1", actor=MARIA)


def _troubled(code: str) -> Act:
    return lambda shop: shop.speak(troubles=[TillTrouble(code)])


FAULTS: dict[str, Fault] = {
    "fragment": Fault("handed", "rejected", "file_damaged", _fragment, _written_anew),
    "wrong sum": Fault("handed", "rejected", "items_sum", _wrong_sum, _forced_out),
    "divergent key": Fault("person", "rejected", "divergent_content", _divergent, _forced_out),
    "refused product": Fault("person", "rejected", "erp_constraint", _refused_product, _product_is_mapped),
    "a series of two tills": Fault(
        "person", "rejected", "series_of_another_till", _series_of_another, _series_is_assigned
    ),
    "deleted unbooked": Fault("person", "look", "deleted_unbooked", _deleted, _restored_and_replayed),
    "structure behind": Fault("person", "structures", "", _column_gone, _structure_is_applied),
    "ERP restored": Fault("person", "look", "outside_erp", _erp_restored, _booked_again),
    "ERP away": Fault("handed", "look", "erp_away", lambda shop: shop.poster_said("erp_away"), Shop.no_posters),
    "password changed": Fault(
        "handed", "look", "erp_refused_login", lambda shop: shop.poster_said("erp_refused_login"), Shop.no_posters
    ),
    "poster killed": Fault(
        "handed",
        "look",
        "poster_absent",
        lambda shop: shop.poster_said("", shop.clock() - LASTS_SECONDS - 1),
        Shop.no_posters,
    ),
    "disk full at the server": Fault("handed", "look", "disk_full", _full, _room_again),
    "disk full at the till": Fault(
        "handed",
        "look",
        "till_disk_full",
        lambda shop: shop.speak(troubles=[TillTrouble("till_disk_full")]),
        Shop.speak,
    ),
    "till off": Fault("handed", "look", "till_unheard", _silent, Shop.speak),
    "token revoked": Fault("handed", "look", "till_token_renewed", _token_renewed, Shop.speak),
    "till disabled": Fault(
        "handed",
        "look",
        "till_disabled",
        lambda shop: disable(shop.engine, "caixa1"),
        lambda shop: enable(shop.engine, "caixa1"),
    ),
    "wrong folder": Fault(
        "handed",
        "look",
        "folder_missing",
        lambda shop: shop.speak(troubles=[TillTrouble("folder_missing")]),
        Shop.speak,
    ),
    "files not captured": Fault(
        "handed", "look", "files_uncaptured", lambda shop: shop.speak(folder=FolderCount(9, 2, 7, 300.0)), Shop.speak
    ),
    "two agents, one folder": Fault(
        "resolved",
        "",
        "folder_shared",
        lambda shop: shop.on_till(shared_at=shop.clock(), shared_with="caixa9"),
        lambda shop: shop.on_till(shared_at=None, shared_with=None),
    ),
    "clock wrong": Fault("resolved", "", "clock_skewed", lambda shop: shop.speak(ahead=900), Shop.speak),
    "numbers missing": Fault(
        "resolved",
        "",
        "numbers_missing",
        lambda shop: noted_findings.note(shop.engine, "numbers", [shop.till.id], {shop.till.id: NotedStanding(2)}),
        lambda shop: noted_findings.note(shop.engine, "numbers", [shop.till.id], {}),
    ),
    "a day that doesn't match": Fault(
        "resolved",
        "",
        "day_divergent",
        lambda shop: noted_findings.note(shop.engine, "days", [shop.till.id], {shop.till.id: NotedStanding(1)}),
        lambda shop: noted_findings.note(shop.engine, "days", [shop.till.id], {}),
    ),
}
PAIRS = [
    ("wrong folder", "refused product"),
    ("structure behind", "refused product"),
    ("ERP away", "fragment"),
    ("clock wrong", "ERP restored"),
    ("disk full at the till", "structure behind"),
]


def found_in(view: View) -> set[str]:
    """All codes that the view names as a cause."""
    steps = {one.code for one in view.procedure.steps if one.state in ("now", "handed", "later")}
    return steps | {one.code for one in view.seen.causes} | {one.code for one in view.seen.groups}


@pytest.mark.parametrize("name", FAULTS)
def test_each_is_found_by_name_and_cured_or_rightly_handed_over(shop: Shop, name: str) -> None:
    fault = FAULTS[name]
    assert shop.look().procedure.verdict == "resolved", "sales go up before"
    fault.plant(shop)
    view = shop.look()
    assert view.procedure.verdict == fault.verdict
    assert fault.code in found_in(view) or not fault.code
    named = next((one for one in view.procedure.steps if one.state in ("now", "handed")), None)
    assert (named.name if named else "") == fault.step
    fault.cure(shop)
    after = shop.look()
    assert after.procedure.verdict == "resolved", after.procedure
    assert after.case is None or after.case.closed_at is not None


def test_where_a_procedure_stands_outlives_a_restart_and_its_end_has_a_proof(shop: Shop) -> None:
    _column_gone(shop)
    begun = shop.look()
    assert begun.case is not None
    again = Runbook(shop.runbook.parts, shop.services.jobs).view("caixa1", MARIA)
    assert again.case is not None
    assert (again.case.id, again.case.marks) == (begun.case.id, begun.case.marks)
    assert set(again.case.marks.seen) == {"structures"}
    shop.services.structures.apply("erp", MARIA)
    shop.sell()
    shop.post()
    ended = Runbook(shop.runbook.parts, shop.services.jobs).view("caixa1", MARIA)
    assert ended.ended is not None
    assert (ended.ended.posted, ended.ended.at_till, ended.ended.pending) == (1, 0, 0)
    assert [one.state for one in ended.procedure.steps if one.name == "structures"] == ["done"]
    assert shop.look().ended == ended.ended, "news for a while"


@pytest.mark.parametrize(("one", "two"), PAIRS)
def test_of_two_at_once_both_are_found_and_neither_hides_the_other(shop: Shop, one: str, two: str) -> None:
    FAULTS[two].plant(shop)
    FAULTS[one].plant(shop)
    view = shop.look()
    codes = {FAULTS[name].code for name in (one, two) if FAULTS[name].code}
    assert codes <= found_in(view)
    FAULTS[one].cure(shop)
    FAULTS[two].cure(shop)
    assert shop.look().procedure.verdict == "resolved"


def _at(seconds: float) -> Any:
    return datetime.fromtimestamp(seconds, UTC)
