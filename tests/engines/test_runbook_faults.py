"""Planted troubles: each is found by name, and cured by what the procedure names, or handed to whom it belongs to.

On one store with an SQLite ERP, one trouble after the other; what needs sessions of PostgreSQL and real processes is in
tests/faults. Every test leaves a store in which sales go up.
"""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from malote import app_building
from malote.runbook import document_counts
from malote.runbook.runbook_service import Runbook, View
from malote.tills import till
from tests.engines.planted_faults import FAULTS, PAIRS
from tests.engines.quarantine_support import MARIA
from tests.engines.troubled_shop import Shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app_building, "DRIFT_SECONDS", -1.0)  # nothing is remembered of a moment ago
        opened = Shop(tmp_path_factory.mktemp("shop"))
        yield opened
    opened.close()


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


@pytest.mark.parametrize("renewed", [False, True], ids=["a till falls silent", "its token is renewed"])
def test_no_end_is_told_before_the_till_was_heard_after_what_may_have_silenced_it(
    shop: Shop, renewed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(till, "time", SimpleNamespace(time=shop.clock))
    shop.speak()
    assert shop.look().procedure.verdict == "resolved"
    if renewed:
        till.new_token(shop.engine, "caixa1")
    else:
        shop.clock.ahead += document_counts.LISTENING_SECONDS + 1
    waits = shop.look()
    assert (waits.procedure.verdict, waits.procedure.steps[0].said) == ("going", "look_listening")
    assert waits.case is None, "no trouble is known of, and no procedure begun"
    shop.clock.ahead += document_counts.QUIET_SECONDS + 1
    assert {one.code for one in shop.look().seen.causes} == {"till_token_renewed" if renewed else "till_unheard"}
    shop.speak()
    assert shop.look().procedure.verdict == "resolved"


def test_where_a_procedure_stands_outlives_a_restart_and_its_end_has_a_proof(shop: Shop) -> None:
    FAULTS["structure behind"].plant(shop)
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
