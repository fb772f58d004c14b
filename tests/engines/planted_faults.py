"""Troubles of a store, each with what names it and what puts it right; after the cure sales go up again."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from malote import __version__
from malote.app_console import console_services
from malote.database import room
from malote.findings import noted_findings
from malote.findings.noted_findings import NotedStanding
from malote.quarantine.quarantine_reports import Selection
from malote.spool import series_holds
from malote.spool.presence import LASTS_SECONDS
from malote.tills.contact import record_contact
from malote.tills.till import create_till, disable, enable, new_token
from malote.wire import Contact, FolderCount, TillTrouble
from tests.engines.quarantine_support import MARIA
from tests.engines.troubled_shop import Shop
from tests.unit.fiscal.notes import Line, build_note, key_of

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
    record_contact(
        shop.engine,
        other.id,
        Contact(__version__, datetime.fromtimestamp(shop.clock(), UTC), 0, 0),
        received_at=shop.clock(),
    )
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


def _sales_gone(shop: Shop) -> None:
    shop.sell()
    shop.post()
    _rename(shop, "", "_gone")


def _backup_restored(shop: Shop) -> None:
    view = shop.look()
    (first,) = [one for one in view.seen.structures if one.state == "gone"]
    assert (first.scope, first.named) == ("erp", ["payment", "sale"])
    assert view.procedure.current is None, "no button is pointed out"
    _rename(shop, "_gone", "")


def _rename(shop: Shop, old: str, new: str) -> None:
    for table in ("payment", "sale"):
        shop.erp(f"ALTER TABLE {table}{old} RENAME TO {table}{new}")


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


def _token_renewed_under_way(shop: Shop) -> None:
    """A contact that was let in with the old token is written down half a second after the renewal."""
    new_token(shop.engine, "caixa1", actor=MARIA)
    shop.on_till(last_contact_at=time.time() + 0.5)
    shop.clock.ahead += 90


def _back_in_time(shop: Shop) -> None:
    shop.clock.ahead -= 90
    shop.speak()


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
    "tables of sales gone": Fault("handed", "structures", "structure_sales_gone", _sales_gone, _backup_restored),
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
    "token revoked, a contact under way": Fault(
        "handed", "look", "till_token_renewed", _token_renewed_under_way, _back_in_time
    ),
    "till disabled": Fault(
        "person",
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
