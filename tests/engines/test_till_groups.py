"""Tills in groups, the worst first, and what flowed in the last hour: on both kinds of store database."""

from typing import Any

from sqlalchemy import Engine, event, insert, text

from malote.console.verdict import Verdict, verdict
from malote.database.consumer_tables import feed
from malote.database.engine import writing
from malote.findings.kinds import Light, finding_of
from malote.findings.till_groups import GroupedTills, GroupsQuery, TillGroup, grouped, together
from malote.locks.lock_reports import Blocker, Stoppage
from malote.register.flow import FlowCounter
from tests.engines.findings_support import NOW, add_documents, add_till

pytest_plugins = ("tests.engines.quarantine_fixtures",)


def told(found: GroupedTills) -> list[tuple[str, int, int, int]]:
    return [(one.key, one.count, one.sales, len(one.some)) for one in found.groups]


def store_of(engine: Engine) -> None:
    """Thirty tills with one trouble, two with a heavier one, one with another, and two that are well."""
    for number in range(1, 31):
        add_till(engine, f"loja1-caixa{number:02}", {("rejected", "items_sum"): 1})
    for number in (1, 2):
        locked = add_till(engine, f"loja2-caixa{number}", {("waiting", "erp_locked"): number})
        add_documents(engine, locked, [{"state": "waiting", "reason_code": "erp_locked", "accepted_at": NOW - 600}])
    add_till(engine, "loja2-caixa3", {("rejected", "issuer_unknown"): 50})
    add_till(engine, "loja3-caixa1")
    add_till(engine, "sozinho")
    with writing(engine) as connection:
        connection.execute(text("UPDATE tally SET total = count * 1000"))


def test_tills_that_share_a_cause_are_one_line_and_the_worst_comes_first(spool_engine: Engine) -> None:
    store_of(spool_engine)
    found = grouped(spool_engine, GroupsQuery(), now=NOW)
    assert told(found) == [
        ("erp_stopped.erp_locked", 2, 3, 2),
        ("rejected.issuer_unknown", 1, 50, 1),
        ("rejected.items_sum", 30, 30, 0),  # too many to be shown unasked
        ("ok", 2, 0, 2),
    ]
    assert (found.groups[0].cents, found.groups[0].since) == (3000, NOW - 600)
    assert [one.name for one in found.groups[0].some] == ["loja2-caixa2", "loja2-caixa1"]
    assert found.lights == {"outside": 0, "stopped": 2, "attention": 31, "ok": 2, "disabled": 0}


def test_a_store_with_which_nothing_is_wrong_shows_its_tills_up_to_forty(spool_engine: Engine) -> None:
    for number in range(40):
        add_till(spool_engine, f"caixa{number}")
    assert told(grouped(spool_engine, GroupsQuery(), now=NOW)) == [("ok", 40, 0, 40)]
    add_till(spool_engine, "caixa40")
    assert told(grouped(spool_engine, GroupsQuery(), now=NOW)) == [("ok", 41, 0, 0)]


def test_a_group_opens_and_filters_leave_the_counts_of_all_lights(spool_engine: Engine) -> None:
    store_of(spool_engine)
    opened = grouped(spool_engine, GroupsQuery(open="rejected.items_sum", opened=7), now=NOW)
    assert ("rejected.items_sum", 30, 30, 7) in told(opened)
    found = grouped(spool_engine, GroupsQuery(light="ok"), now=NOW)
    assert told(found) == [("ok", 2, 0, 2)]
    assert found.lights["attention"] == 31
    found = grouped(spool_engine, GroupsQuery(search="CAIXA1"), now=NOW)
    assert told(found) == [("erp_stopped.erp_locked", 1, 1, 1), ("rejected.items_sum", 10, 10, 10), ("ok", 1, 0, 1)]


def test_tills_are_grouped_by_the_store_in_their_names_with_the_worst_light_of_each(spool_engine: Engine) -> None:
    store_of(spool_engine)
    found = grouped(spool_engine, GroupsQuery(by="store"), now=NOW)
    assert [(one.key, one.light, one.count, one.sales) for one in found.groups] == [
        ("loja2", "stopped", 3, 53),
        ("loja1", "attention", 30, 30),
        ("", "ok", 1, 0),
        ("loja3", "ok", 1, 0),
    ]
    assert grouped(spool_engine, GroupsQuery(by="store", groups=1), now=NOW).left == 3


def test_a_page_that_asks_twice_has_the_tills_judged_once(spool_engine: Engine) -> None:
    store_of(spool_engine)
    queries = (GroupsQuery(by="store", search="loja2"), GroupsQuery(each=3, quiet=0, room=3), GroupsQuery(light="ok"))
    alone = [grouped(spool_engine, query, now=NOW) for query in queries]
    statements: list[str] = []
    event.listen(spool_engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    assert together(spool_engine, queries, now=NOW) == alone
    judgements = [one for one in statements if "judged.rank <" in one]
    assert len(judgements) == 1, statements


def test_the_verdict_is_about_the_heaviest_light_and_its_heaviest_cause(spool_engine: Engine) -> None:
    store_of(spool_engine)
    said = verdict(grouped(spool_engine, GroupsQuery(), now=NOW), None, NOW)
    assert (said.light, said.tills, said.every, said.sales, said.cents, said.since) == (
        "stopped",
        2,
        False,
        3,
        3000,
        NOW - 600,
    )
    assert said.way == "locks"
    assert (said.more_causes, said.more_tills) == (2, 31)


def test_a_structure_that_lacks_columns_stops_everybody_and_leads_to_the_load_manager(spool_engine: Engine) -> None:
    add_till(spool_engine, "caixa1", {("rejected", "structure_outdated"): 4})
    said = verdict(grouped(spool_engine, GroupsQuery(), now=NOW), None, NOW)
    assert (said.light, said.every, said.way) == ("stopped", True, "structures")


def test_a_lock_is_told_before_the_first_sale_has_given_up_and_a_calm_store_is_calm(spool_engine: Engine) -> None:
    assert verdict(grouped(spool_engine, GroupsQuery(), now=NOW), None, NOW) == Verdict("empty")
    add_till(spool_engine, "caixa1")
    calm = grouped(spool_engine, GroupsQuery(), now=NOW)
    assert verdict(calm, None, NOW).light == "ok"
    held = verdict(calm, Stoppage(NOW - 5, Blocker("4711", "", "", ""), 0, {"caixa1": 3}, whole=True), NOW)
    # Of the tills nothing is said: their lights beside it are green still.
    assert (held.light, held.tills, held.every, held.sales, held.way) == ("stopped", 0, False, 3, "locks")
    assert held.held


def test_what_cures_itself_asks_for_nobody_within_its_first_minute(spool_engine: Engine) -> None:
    one = add_till(spool_engine, "caixa1", {("waiting", "not_authorised_yet"): 1})
    waits = {"state": "waiting", "reason_code": "not_authorised_yet", "accepted_at": NOW - 5}
    add_documents(spool_engine, one, [waits])
    found = grouped(spool_engine, GroupsQuery(), now=NOW)
    said = verdict(found, None, NOW)
    assert (said.light, said.tills, said.under_way, said.first) == ("ok", 1, 1, None)
    later = verdict(found, None, NOW + 60)
    assert (later.light, later.sales, later.way) == ("attention", 1, "assistant")
    add_till(spool_engine, "caixa2", {("rejected", "items_sum"): 1})
    beside = verdict(grouped(spool_engine, GroupsQuery(), now=NOW), None, NOW)
    assert (beside.light, beside.tills, beside.more_causes) == ("attention", 1, 0)


def test_a_fresh_lock_is_told_before_what_only_asks_for_attention(spool_engine: Engine) -> None:
    add_till(spool_engine, "caixa1", {("rejected", "items_sum"): 2})
    found = grouped(spool_engine, GroupsQuery(), now=NOW)
    held = verdict(found, Stoppage(NOW - 5, Blocker("4711", "", "", ""), 0, {"caixa1": 3}, whole=True), NOW)
    assert (held.light, held.held, held.sales, held.way) == ("stopped", True, 3, "locks")
    assert (held.more_causes, held.more_tills) == (1, 1)


def test_an_erp_that_lost_sales_stops_all_tills_and_not_only_those_whose_sales_it_lost() -> None:
    lost = TillGroup("a", "outside", "outside_erp", 1, 31, 4271_60, NOW - 60, [])
    held = TillGroup("b", "erp_stopped", "erp_ledger_short", 2, 54, 8255_95, NOW - 240, [])
    lights: dict[Light, int] = {"outside": 1, "stopped": 2}
    for whole, told in (
        (finding_of("store_wide", "", "erp_ledger_short"), ("stopped", 3, True, 85, 12527_55, NOW - 240, "rebook")),
        (None, ("outside", 1, False, 31, 4271_60, NOW - 60, "rebook")),
    ):
        said = verdict(GroupedTills([lost, held], lights, 0, whole), None, NOW)
        assert (said.light, said.tills, said.every, said.sales, said.cents, said.since, said.way) == told


def test_a_refused_file_is_given_no_sale_that_is_only_on_its_way(spool_engine: Engine) -> None:
    add_till(spool_engine, "caixa1", {("rejected", "items_sum"): 1, ("accepted", ""): 20})
    with writing(spool_engine) as connection:
        connection.execute(text("UPDATE tally SET total = count * 1000"))
    group = grouped(spool_engine, GroupsQuery(), now=NOW).groups[0]
    assert (group.cause, group.sales, group.cents) == ("rejected", 1, 1000)
    assert group.some[0].not_in_erp == 21  # the till's own row says it all


def test_what_flowed_is_counted_by_minute_as_it_comes(spool_engine: Engine) -> None:
    one, two = add_till(spool_engine, "caixa1"), add_till(spool_engine, "caixa2")
    counter = FlowCounter(spool_engine)
    ids = add_documents(spool_engine, one, [{"accepted_at": at} for at in (NOW - 300, NOW - 300, NOW - 1)])
    add_documents(spool_engine, two, [{"accepted_at": NOW - 7200}, {"accepted_at": NOW - 61}])
    first = counter((one,), NOW)
    assert (sum(first.received), sum(first.of_till[one]), first.received[-2]) == (4, 3, 1)
    with writing(spool_engine) as connection:
        connection.execute(insert(feed), [_booked(ids[0], NOW - 200), _booked(ids[1], NOW - 200)])
    add_documents(spool_engine, two, [{"accepted_at": NOW}])
    later = counter((one, two), NOW + 1)
    assert (sum(later.received), sum(later.booked), sum(later.of_till[two])) == (5, 2, 2)
    assert counter((), NOW + 1).received == later.received  # nothing twice
    gone = counter((one,), NOW + 3900)
    assert (sum(gone.received), sum(gone.booked)) == (0, 0)


def _booked(document_id: int, at: float) -> dict[str, Any]:
    return {"document_id": document_id, "what": "booked", "code": None, "at": at}
