"""From what is seen to what is next: the table of the procedure."""

from typing import Any, NamedTuple

import msgspec
import pytest

from malote import rejection
from malote.accounts.roles import Permission, Role, permissions
from malote.findings.kinds import KINDS
from malote.runbook import step_texts
from malote.runbook.commands import command
from malote.runbook.ended import with_ticks
from malote.runbook.next_step import Procedure, decide, troubles
from malote.runbook.observations import (
    Cause,
    Marks,
    ObservedLock,
    ObservedStructure,
    OrdersUnderWay,
    RejectedGroup,
    Situation,
)
from malote.runbook.treatments import AREAS, BY_CODE, treatment

NOW = 1_800_000_000.0
CURRENT = [
    ObservedStructure("store", "current"),
    ObservedStructure("erp", "current"),
    ObservedStructure("till", "current"),
]
LOCK = ObservedLock(NOW - 60, "4711", "gerente", "retaguarda", "estoque", 0, 12, 340, whole=True)
BEHIND = [CURRENT[0], ObservedStructure("erp", "behind", 2, ["sale.cbs"]), CURRENT[2]]


def seen(**said: Any) -> Situation:
    """A till with which nothing is wrong, but for what is said."""
    plain: dict[str, Any] = {
        "at": NOW,
        "scope": "caixa1",
        "tills": 1,
        "disabled": False,
        "causes": [],
        "groups": [],
        "structures": CURRENT,
        "lock": None,
        "order": None,
        "at_till": 0,
        "pending": 0,
        "waiting": 0,
        "rejected": 0,
        "posted": 500,
        "posted_value": 0,
        "oldest": None,
    }
    return Situation(**(plain | said))


def cause(name: str, code: str, **facts: str) -> Cause:
    return Cause(name, code, 1, ["caixa1"], 3, 900, facts=facts)


def group(code: str, advice: Any, count: int = 2) -> RejectedGroup:
    return RejectedGroup(code, count, 1000, advice, "caixa1", 77)


def rejects(*groups: RejectedGroup) -> dict[str, Any]:
    return {"groups": list(groups), "rejected": sum(one.count for one in groups)}


def marks(*gone: str, **said: Any) -> Marks:
    at = {name: NOW - 60 + number for number, name in enumerate(gone)}
    return Marks(NOW - 100, "ana", seen=dict.fromkeys(gone, NOW - 90), gone=at, **said)


class Case(NamedTuple):
    verdict: str
    current: str  # the step, "" for none
    said: str
    seen: Situation
    marks: Marks | None = None


CASES: dict[str, Case] = {
    "all is well": Case("resolved", "", "", seen()),
    "not heard lately": Case("going", "look", "look_listening", seen(listening=["caixa1"])),
    "not heard lately, beside what is known": Case(
        "handed", "", "", seen(listening=["caixa2"], causes=[cause("silent", "till_unheard")])
    ),
    "on its way for a moment": Case("resolved", "", "", seen(pending=4, oldest=NOW - 5)),
    "standing still, synchronise first": Case(
        "go", "synchronise", "synchronise_now", seen(pending=4, oldest=NOW - 600)
    ),
    "being synchronised": Case(
        "going",
        "synchronise",
        "synchronise_going",
        seen(pending=4, oldest=NOW - 600, order=OrdersUnderWay(NOW - 3, 1, 1)),
    ),
    "synchronised, and standing still for no known cause": Case(
        "support", "", "", seen(pending=4, oldest=NOW - 600, order=OrdersUnderWay(NOW - 90, 1, 0))
    ),
    "asked, and the till doesn't hear": Case(
        "handed", "", "", seen(at_till=4, oldest=NOW - 600, order=OrdersUnderWay(NOW - 90, 1, 1, silent=["caixa1"]))
    ),
    "rejects that would pass": Case("person", "rejected", "rejected_replay", seen(**rejects(group("x", "replay")))),
    "rejects that are elsewhere": Case("person", "rejected", "rejected_delete", seen(**rejects(group("x", "delete")))),
    "rejects that a person here cures, for a code": Case(
        "person", "rejected", "rejected_cure_code", seen(**rejects(group("erp_constraint", "cure")))
    ),
    "rejects that only the supplier cures": Case("handed", "", "", seen(**rejects(group("items_sum", "cure")))),
    "what can be done here comes before what can't": Case(
        "person", "rejected", "rejected_replay", seen(**rejects(group("items_sum", "cure", 90), group("x", "replay")))
    ),
    "copies of another till's sales, all booked for their own": Case(
        "resolved", "", "", seen(causes=[cause("sharing", "folder_shared", owner="caixa2")])
    ),
    "what another must do holds back no later step": Case(
        "person", "structures", "structures_behind", seen(**rejects(group("items_sum", "cure")), structures=BEHIND)
    ),
    "rejects cured: synchronise": Case("go", "synchronise", "synchronise_now", seen(pending=2), marks("rejected")),
    "rejects cured and all booked already": Case("resolved", "", "", seen(), marks("rejected")),
    "an outdated structure, its rejects a consequence": Case(
        "person",
        "structures",
        "structures_behind",
        seen(structures=BEHIND, **rejects(group("structure_outdated", "structures"))),
    ),
    "a structure that a person must decide about": Case(
        "handed",
        "",
        "",
        seen(structures=[ObservedStructure("erp", "conflict", 1, ["sale.total"], "column_type_differs")]),
    ),
    "a lock that is nobody's session": Case(
        "handed", "", "", seen(lock=msgspec.structs.replace(LOCK, session="prepared:fechamento"))
    ),
    "a structure being updated": Case(
        "going", "structures", "structures_running", seen(structures=[ObservedStructure("till", "running", 3)])
    ),
    "a roll-out that stopped": Case(
        "person",
        "structures",
        "structures_failed",
        seen(structures=[ObservedStructure("till", "failed", 3, ["caixa2"])]),
    ),
    "structures updated: synchronise again": Case(
        "go", "synchronise_2", "synchronise_now", seen(pending=2), marks("rejected", "structures")
    ),
    "a lock comes before rejects and structures": Case(
        "person",
        "locks",
        "locks_now",
        seen(lock=LOCK, structures=BEHIND, waiting=340, **rejects(group("x", "replay"))),
    ),
    "a lock is no fault of the poster": Case(
        "person", "locks", "locks_now", seen(lock=LOCK, causes=[cause("behind", "booking_behind")])
    ),
    "a lock whose documents wait": Case(
        "person", "locks", "locks_now", seen(lock=LOCK, causes=[cause("erp_stopped", "erp_locked")])
    ),
    "after the lock the structures, in their second place": Case(
        "person", "structures_2", "structures_behind", seen(structures=BEHIND), marks("locks")
    ),
    "after the lock synchronise": Case("go", "synchronise_3", "synchronise_now", seen(pending=2), marks("locks")),
    "after lock and synchronisation": Case(
        "resolved", "", "", seen(order=OrdersUnderWay(NOW - 9, 1, 0)), marks("locks", orders=4)
    ),
    "an ERP that is away stops all else": Case(
        "handed", "", "", seen(causes=[cause("store_wide", "erp_away")], pending=4, **rejects(group("x", "replay")))
    ),
    "a password that was changed": Case("handed", "", "", seen(causes=[cause("store_wide", "erp_refused_login")])),
    "an ERP that was restored": Case(
        "person", "look", "look_found_pending", seen(causes=[cause("outside", "outside_erp")], pending=4)
    ),
    "a till that is off": Case("handed", "", "", seen(causes=[cause("silent", "till_unheard")])),
    "one till off, another's rejects": Case(
        "person",
        "rejected",
        "rejected_replay",
        seen(scope="", causes=[cause("silent", "till_unheard")], **rejects(group("x", "replay"))),
    ),
    "what keeps no sale from going up": Case(
        "resolved", "", "", seen(causes=[cause("skewed", "clock_skewed"), cause("numbers", "numbers_missing")])
    ),
    "what passes by itself": Case("resolved", "", "", seen(causes=[cause("waiting", "not_authorised_yet")])),
    "deleted, and not in the ERP": Case(
        "person", "look", "look_found", seen(causes=[cause("deleted", "deleted_unbooked")])
    ),
    "an ERP that was away until somebody held it": Case(
        "person",
        "locks",
        "locks_now",
        seen(lock=msgspec.structs.replace(LOCK, witnessed=True), causes=[cause("store_wide", "erp_away")]),
    ),
    "an ERP that went away while somebody held it": Case(
        "handed", "", "", seen(lock=LOCK, causes=[cause("store_wide", "erp_away")])
    ),
    "a till that captured and doesn't send": Case(
        "go", "synchronise", "synchronise_now", seen(causes=[cause("unsent", "till_unsent")], at_till=3)
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_is_next(case: Case) -> None:
    found = decide(case.seen, case.marks)
    current = found.current
    told = ("", "") if current is None else (current.name, current.said)
    assert (found.verdict, *told) == (case.verdict, case.current, case.said), [
        (one.name, one.state, one.said) for one in found.steps
    ]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("role", Role)
def test_nobody_is_told_to_press_what_they_may_not(case: Case, role: Role) -> None:
    may = {one.value for one in permissions(role)}
    found = decide(case.seen, case.marks, may)
    for step in found.steps:
        assert step.state != "now" or step.press is None or step.press.permission in may
    missing = case.verdict in ("person", "go") and found.verdict not in ("person", "go")
    assert not missing or role is not Role.ADMINISTRADOR, "an administrator may all"


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("language", ["pt", "en"])
def test_every_step_has_words_and_no_blank_in_them(case: Case, language: Any) -> None:
    for step in decide(case.seen, case.marks).steps:
        said = step_texts.said(step, language)
        assert said.strip()
        assert "{" not in said
        assert command(step, case.seen) is not None


def test_unattended_is_only_what_deletes_alters_and_ends_nothing() -> None:
    said = {one.said for case in CASES.values() for one in decide(case.seen, case.marks).steps if one.unattended}
    assert said == {"synchronise_now"}


def test_what_suporte_may_not_do_is_handed_to_who_may() -> None:
    may = {one.value for one in permissions(Role.SUPORTE)}
    found = decide(seen(lock=LOCK), None, may)
    locks = next(one for one in found.steps if one.name == "locks")
    assert (locks.state, found.verdict) == ("handed", "handed")
    assert locks.press is not None
    assert locks.press.permission == "kill_session"


def test_a_disabled_till_is_enabled_by_who_manages_tills_and_handed_to_them_by_all_others() -> None:
    wrong = seen(causes=[cause("disabled", "till_disabled")])
    look = decide(wrong).steps[0]
    assert look.press is not None
    assert look.who == "administrator"  # suporte may not
    assert (look.state, look.press.page, look.press.marks) == (
        "now",
        "till-accounts?search=caixa1",
        ("enable caixa1",),
    )
    handed = decide(wrong, None, {one.value for one in permissions(Role.DBA)})
    assert (handed.verdict, handed.steps[0].state) == ("handed", "handed")


def test_nobody_is_told_that_all_is_booked_while_something_waits() -> None:
    def said(**figures: int) -> str:
        return next(one.said for one in decide(seen(**figures)).steps if one.name == "synchronise")

    assert (said(), said(waiting=2)) == ("synchronise_nothing", "synchronise_waiting")
    assert said(rejected=1) == "synchronise_rejected"


def test_steps_are_marked_while_they_have_something_to_do() -> None:
    wrong = seen(
        lock=LOCK, structures=BEHIND, causes=[cause("outside", "outside_erp")], **rejects(group("x", "replay"))
    )
    assert troubles(wrong) == {"look", "rejected", "structures", "locks"}
    assert troubles(seen(causes=[cause("skewed", "clock_skewed")])) == set()


def test_every_finding_has_a_treatment_and_only_known_ones_stop_all() -> None:
    for kind in KINDS:
        how = treatment(Cause(kind.name, kind.code))
        assert how.area in AREAS, kind.name
        assert how.press is None or how.press.permission in {one.value for one in Permission}
    assert not treatment(Cause("of_a_newer_version", "unheard_of")).holds


def test_the_table_speaks_of_codes_that_there_are() -> None:
    assert set(BY_CODE) <= set(rejection.catalogue())


def test_a_procedure_travels_as_it_is() -> None:
    found = decide(seen(lock=LOCK, structures=BEHIND))
    assert msgspec.json.decode(msgspec.json.encode(found), type=Procedure) == found


def test_a_prepared_transaction_is_handed_to_the_dba_with_what_to_run() -> None:
    step = next(
        one
        for one in decide(seen(lock=msgspec.structs.replace(LOCK, session="prepared:fechamento"))).steps
        if one.name == "locks"
    )
    assert (step.state, step.code, step.who, step.press) == ("handed", "session_prepared", "dba", None)
    assert "transação preparada fechamento (gerente)" in step_texts.said(step, "pt")
    assert command(step, seen()) == "ROLLBACK PREPARED 'fechamento';"


def test_what_is_pressed_next_stands_first_among_the_rejected_and_is_whoevers_who_looks() -> None:
    found = decide(seen(**rejects(group("divergent_content", "cure", 90), group("items_sum", "delete"))))
    step = next(one for one in found.steps if one.name == "rejected")
    assert [(one.code, one.advice) for one in step.groups] == [("items_sum", "delete"), ("divergent_content", "cure")]
    assert (step.code, step.who) == ("items_sum", "support")
    assert "lixeira" in step_texts.advice(step.groups[0], "pt")
    assert step_texts.advice(step.groups[1], "pt") == "", "the catalogue's remedy speaks"


def test_what_was_put_right_stays_ticked_while_the_end_is_shown() -> None:
    over = with_ticks(decide(seen(pending=3, oldest=NOW - 2)), marks("rejected", "locks"))
    assert over.verdict == "resolved"
    told = {one.name: (one.state, one.said) for one in over.steps}
    assert told["rejected"] == ("done", "rejected_cured")
    assert told["locks"] == ("done", "locks_cured")
    assert told["synchronise"] == told["synchronise_3"] == ("done", "synchronised")
    assert told["structures"] == ("skipped", "structures_current"), "it was never the cause"


def test_a_step_for_others_comes_with_a_text_to_hand_it_over_with() -> None:
    damaged = decide(seen(**rejects(group("file_damaged", "cure", 1))))
    step = next(one for one in damaged.steps if one.state == "handed")
    said = step_texts.message(step, "pt", "ERP", {"number": "2/78", "key": "3526"})
    assert said.startswith("Arquivo danificado: caixa caixa1, documento 2/78, chave 3526")
    assert "pela chave" in said
    away = decide(seen(causes=[cause("silent", "till_unheard")]))
    step = next(one for one in away.steps if one.state == "handed")
    assert "caixa1" in step_texts.message(step, "pt", "ERP", {})
    full = decide(seen(causes=[cause("uncaptured", "files_uncaptured"), cause("troubled", "till_disk_full")]))
    step = next(one for one in full.steps if one.state == "handed")
    assert (step.code, step.who, len(step.causes)) == ("till_disk_full", "operator", 2), "the disk keeps the files out"
    refused = decide(seen(causes=[cause("erp_stopped", "erp_refuses_all", detail="no partition for row")]))
    step = next(one for one in refused.steps if one.state == "handed")
    assert step_texts.message(step, "pt", "ERP", {}).endswith(
        "Detalhes técnicos: erp_refuses_all: no partition for row."
    )


def test_of_an_erp_that_cannot_be_asked_nobody_says_that_no_session_holds_it() -> None:
    unheard = [CURRENT[0], ObservedStructure("erp", "unknown", code="erp_away"), CURRENT[2]]
    steps = {one.name: one for one in decide(seen(structures=unheard), marks()).steps}
    assert (steps["locks"].state, steps["locks"].said) == ("skipped", "locks_unknown")
    assert (steps["structures"].state, steps["structures"].said) == ("skipped", "structures_unknown")
