"""Sincronizar: what is ordered, told to the till until it obeys, tried again on the server, and counted."""

import pytest
from sqlalchemy import select, update

from malote import rejection
from malote.accounts import audit
from malote.database.engine import writing
from malote.database.order_tables import till_order
from malote.database.tables import document
from malote.quarantine import synchronising
from malote.quarantine.candidates import curable_codes
from malote.quarantine.quarantine_reports import SyncOrder, SyncProgress
from malote.register import till_documents
from malote.tills import till as tills
from malote.tills.series import assign
from malote.tills.till import TillError, create_till
from tests.engines.quarantine_support import MARIA, House
from tests.engines.spool_support import rejected, waiting
from tests.unit.fiscal.notes import ISSUER, build_note

pytest_plugins = ("tests.engines.quarantine_fixtures",)


def ordered(house: House) -> int:
    (order,) = house.synchronisation.order(["caixa1"], MARIA)
    return order.id


def progress(house: House, order_id: int) -> SyncProgress:
    found = house.synchronisation.progress(order_id)
    assert found is not None
    return found


# ---- told to the till ----


def test_the_till_is_told_until_it_says_that_it_has_obeyed(house: House) -> None:
    house.contact()
    order = ordered(house)
    assert progress(house, order).stage == "offered"
    number = house.contact(obeyed=0)
    assert number > 0
    assert house.contact(obeyed=0) == number, "the reply was lost"
    assert house.contact(obeyed=12345) == number, "an order of another server"
    assert progress(house, order).stage == "offered"
    assert house.contact(obeyed=number) == 0
    assert progress(house, order).stage == "running"
    assert house.contact(obeyed=number) == 0


def test_after_a_restore_each_till_is_asked_once_for_what_this_server_never_heard_of(house: House) -> None:
    create_till(house.engine, "caixa2")
    assert house.synchronisation.after_restore() == 0, "nothing was restored"
    ordered(house)
    house.clock.ahead += 60
    with writing(house.engine) as connection:
        audit.record(connection, MARIA, audit.RESTORED, "server", now=house.clock())
    assert house.synchronisation.after_restore() == 2
    assert house.synchronisation.after_restore() == 0
    house.clock.ahead += 60
    ordered(house)
    assert house.synchronisation.after_restore() == 0


def test_an_agent_that_can_not_say_so_is_told_once(house: House) -> None:
    order = ordered(house)
    assert house.contact(obeyed=None) > 0
    assert house.contact(obeyed=None) == 0
    assert progress(house, order).stage == "running"


def test_another_till_is_told_nothing(house: House) -> None:
    other = create_till(house.engine, "caixa2")[0]
    ordered(house)
    assert house.contact(till=other) == 0


def test_a_newer_order_takes_the_place_of_an_older_one(house: House) -> None:
    first = ordered(house)
    second = ordered(house)
    assert progress(house, first).stage == "replaced"
    number = house.contact()
    assert house.scalar(select(till_order.c.id).where(till_order.c.number == number)) == second
    latest = house.synchronisation.latest("CAIXA1")
    assert latest is not None
    assert latest.order.id == second


def test_a_till_that_is_away_is_said_to_be(house: House) -> None:
    house.contact()
    spoke = house.clock()
    order = ordered(house)
    house.clock.ahead = 3600.0
    found = progress(house, order)
    assert found.stage == "offered"
    assert found.offline_since == pytest.approx(spoke, abs=60)
    house.contact()
    assert progress(house, order).offline_since is None


# ---- on the server ----


def test_what_waits_is_due_at_once(house: House) -> None:
    house.take(build_note(number=1))
    (leased,) = house.spool.lease("poster", 1, 60)
    house.spool.settle([waiting(leased, house.clock() + 3000)])
    assert house.spool.lease("poster", 1, 60) == []
    (order,) = house.synchronisation.order(["caixa1"], MARIA)
    assert (order.retried, order.replayed) == (1, 0)
    assert len(house.spool.lease("poster", 1, 60)) == 1


def test_what_may_be_cured_by_now_is_tried_again(house: House) -> None:
    one = house.refuse(build_note(number=2), "series_unassigned")
    unread = house.reject(b"<venda/>")
    assign(house.engine, house.till, ISSUER, "65", 1)
    (order,) = house.synchronisation.order(["caixa1"], MARIA)
    assert order.replayed == 1
    assert till_documents.document(house.spool.engine, one).state == "accepted"
    assert till_documents.document(house.spool.engine, unread).state == "rejected"
    assert house.whats(one) == ["rejected", "replayed"]


def test_what_stays_what_it_is_is_not_tried_again() -> None:
    codes = curable_codes()
    assert codes <= set(rejection.catalogue())
    assert {"series_unassigned", "erp_constraint", "structure_outdated", "issuer_unknown", "erp_refused"} <= codes
    assert not {"divergent_content", "test_environment", "xml_malformed", "items_sum", "denied"} & codes


def test_what_was_never_authorised_is_settled_once_its_authorised_version_is_posted(house: House) -> None:
    house.take(build_note(number=1, protocol=False))
    (leased,) = house.spool.lease("poster", 1, 60)
    house.spool.settle([rejected(leased, "never_authorised")])
    assert house.synchronisation.order(["caixa1"], MARIA)[0].replayed == 0
    house.take(build_note(number=1))
    house.post()
    assert house.synchronisation.order(["caixa1"], MARIA)[0].replayed == 0
    assert sorted(one.state for one in house.documents()) == ["kept", "posted"]


def test_a_dry_run_orders_nothing(house: House) -> None:
    refused = house.reject(b"<venda/>")
    with writing(house.engine) as connection:
        connection.execute(update(document).where(document.c.id == refused).values(reason_code="erp_constraint"))
    (order,) = house.synchronisation.order(["caixa1"], MARIA, dry_run=True)
    assert (order.id, order.replayed) == (0, 1)
    assert house.synchronisation.latest("caixa1") is None
    assert house.contact() == 0


def test_all_tills_are_those_that_are_enabled(house: House) -> None:
    create_till(house.engine, "caixa2")
    create_till(house.engine, "caixa3")
    tills.disable(house.engine, "caixa3")
    assert [one.till for one in house.synchronisation.order(None, MARIA)] == ["caixa1", "caixa2"]
    assert [entry.object for entry in house.audited("till_synchronised")] == ["till:caixa2", "till:caixa1"]
    with pytest.raises(TillError, match="till_disabled"):
        house.synchronisation.order(["caixa3"], MARIA)
    with pytest.raises(TillError, match="till_unknown"):
        house.synchronisation.order(["caixa1", "caixa9"], MARIA)


# ---- how far it got ----


def test_progress_from_the_order_to_its_end(house: House) -> None:
    house.take(build_note(number=1))
    house.post()
    house.contact()
    house.take(build_note(number=2))
    order = ordered(house)
    found = progress(house, order)
    assert (found.sent, found.pending, found.total, found.done) == (0, 1, 1, 0)
    house.contact(obeyed=house.contact())
    house.contact(obeyed=0, pending=2)
    house.take(build_note(number=3))
    house.post()
    found = progress(house, order)
    assert (found.stage, found.sent, found.at_till, found.total, found.done) == ("running", 2, 2, 4, 2)
    house.take(build_note(number=4), b"<venda/>")
    house.post()
    assert progress(house, order).stage == "running"
    house.clock.ahead = 11.0
    house.contact(obeyed=1, pending=0)
    found = progress(house, order)
    assert (found.stage, found.sent, found.total, found.done) == ("done", 3, 4, 4)
    assert (found.rejected, synchronising.words(found, "en")[:20]) == ({"root_unknown": 1}, "3 sent, 1 rejected: ")
    # What comes later is not of this order.
    house.take(build_note(number=5))
    house.post()
    assert progress(house, order) == found


def test_a_till_without_an_agent_is_done_when_the_server_is(house: House) -> None:
    house.take(build_note(number=1))
    order = ordered(house)
    assert progress(house, order).stage == "running"
    house.clock.ahead = 11.0
    assert progress(house, order).stage == "running", "one is pending"
    house.post()
    found = progress(house, order)
    assert (found.stage, found.agent, found.sent) == ("done", False, 1)


def test_the_end_is_noted_at_the_tills_sign_of_life(house: House) -> None:
    """Nobody looks at the screen: the result is kept all the same."""
    house.contact()
    order = ordered(house)
    house.contact(obeyed=house.contact())
    house.clock.ahead = 11.0
    house.contact(obeyed=1)
    assert house.scalar(select(till_order.c.ended_at).where(till_order.c.id == order)) is not None


def test_there_is_no_progress_of_no_order(house: House) -> None:
    assert house.synchronisation.progress(4711) is None
    assert house.synchronisation.latest("caixa1") is None
    assert house.synchronisation.latest("nobody") is None


# ---- in words ----


def said(language: rejection.Language, **counts: object) -> str:
    values = {
        "order": SyncOrder(1, "caixa1", "maria", 0.0, 0, 0),
        "stage": "done",
        "agent": True,
        "offline_since": None,
        "picked_up_at": None,
        "done_at": None,
        "total": 0,
        "done": 0,
        "sent": 0,
        "rejected": {},
        "waiting": {},
        "pending": 0,
        "at_till": 0,
    }
    return synchronising.words(SyncProgress(**(values | counts)), language)  # type: ignore[arg-type]


def test_the_result_is_a_sentence() -> None:
    assert said("pt", sent=312, rejected={"series_unassigned": 2}) == "312 enviadas, 2 rejeitadas: série sem caixa"
    assert said("pt", sent=1) == "1 enviada"
    assert said("en", sent=312, rejected={"erp_constraint": 1}) == "312 sent, 1 rejected: refused by a rule of the ERP"
    assert said("en", sent=0, waiting={"erp_locked": 5}).startswith("0 sent, 5 waiting: ")
    several = said("pt", sent=2, rejected={"erp_constraint": 1, "items_sum": 3}, waiting={"erp_away": 1})
    assert several.startswith("2 enviadas; 4 rejeitadas: ")
    assert " (3), " in several
    assert "; 1 em espera: " in several
    assert said("en", stage="running", sent=1, pending=2, at_till=3) == "1 sent, 5 on their way"
