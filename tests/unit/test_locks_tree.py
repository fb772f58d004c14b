"""The tree of who waits for whom, as a pure function."""

from msgspec.structs import replace

from malote.erp.sessions.protocol import ErpSession, SessionIdentity
from malote.locks.lock_reports import Behind
from malote.locks.session_tree import assemble
from malote.locks.tree import nodes
from malote.locks.waiting import NotedHolder, Recent, Waiting

BEGAN = "2026-11-24T08:00:00+00"
NOW = 1_795_507_200.0


def session(key: str, *blocked_by: str, age: float = 1.0, program: str = "p") -> ErpSession:
    return ErpSession(
        identity=identity(key),
        user="gerente",
        machine="",
        program=program,
        state="active",
        transaction_age=age,
        blocked_by=tuple(identity(one) for one in blocked_by),
    )


def identity(key: str) -> SessionIdentity:
    return SessionIdentity(key, BEGAN)


def shape(
    sessions: list[ErpSession], behind: dict[SessionIdentity, Behind] | None = None
) -> list[tuple[str, int, bool, int]]:
    return [(one.identity.key, one.depth, one.root, one.waiters) for one in nodes(sessions, behind or {})]


def test_a_chain_is_shown_from_its_root_down() -> None:
    assert shape([session("3", "2"), session("1"), session("2", "1")]) == [
        ("1", 0, True, 2),
        ("2", 1, False, 1),
        ("3", 2, False, 0),
    ]


def test_who_waits_for_two_stands_once_and_counts_for_both() -> None:
    assert shape([session("1", age=9), session("2"), session("3", "1", "2")]) == [
        ("1", 0, True, 1),
        ("3", 1, False, 0),
        ("2", 0, True, 1),
    ]


def test_what_blocks_most_sales_stands_first() -> None:
    behind = {identity("4"): Behind({"caixa1": 5})}
    assert [key for key, *_ in shape([session("1"), session("2", "1"), session("3"), session("4", "3")], behind)] == [
        "3",
        "4",
        "1",
        "2",
    ]


def test_sales_behind_count_all_the_way_up_by_till() -> None:
    behind = {identity("2"): Behind({"caixa1": 5}), identity("3"): Behind({"caixa1": 1, "caixa2": 2})}
    found = nodes([session("1"), session("2", "1"), session("3", "2")], behind)
    assert [one.behind.tills for one in found] == [
        {"caixa1": 6, "caixa2": 2},
        {"caixa1": 6, "caixa2": 2},
        {"caixa1": 1, "caixa2": 2},
    ]
    assert found[0].behind.sales == 8


def test_a_ring_has_one_head_and_no_end() -> None:
    found = shape([session("1", "3"), session("2", "1", age=5), session("3", "2"), session("4", "3")])
    assert found[0] == ("2", 0, True, 3)
    assert sorted(key for key, *_ in found) == ["1", "2", "3", "4"]
    assert sum(root for _, _, root, _ in found) == 1


def test_a_session_that_waits_for_itself_ends_too() -> None:
    assert [key for key, *_ in shape([session("1", "1")])] == ["1"]


def test_who_waits_for_a_session_that_is_gone_by_now_is_free() -> None:
    assert shape([session("2", "1")]) == [("2", 0, False, 0)]


def test_protected_roots_are_not_for_killing() -> None:
    protected = replace(session("1"), protection="wraparound")
    root, waiter = nodes([protected, session("2", "1")], {})
    assert (root.root, root.killable, root.killable_anyway) == (True, False, False)
    assert (waiter.root, waiter.killable, waiter.killable_anyway) == (False, False, True)


# ---- with what the spool knows ----


def noted(session: str, **changes: object) -> NotedHolder:
    return replace(NotedHolder(session, "gerente", "p", "stock", NOW), **changes)


def test_a_noted_holder_blocks_though_nobody_waits_right_now() -> None:
    tree = assemble("postgresql", [session("1")], Waiting({noted("1"): {"caixa1": 3}}, {}, {"caixa2": 4}), NOW)
    assert [(one.marked, one.root, one.killable, one.behind.tills) for one in tree.nodes] == [
        (True, True, True, {"caixa1": 3, "caixa2": 4})
    ]
    assert tree.unnamed.sales == 0


def test_a_later_session_with_a_noted_number_is_not_blamed() -> None:
    for other in (noted("1", since=NOW - 864_000), noted("1", user="outra"), noted("2")):
        tree = assemble("postgresql", [session("1")], Waiting({other: {"caixa1": 3}}, {}, {}), NOW)
        assert (tree.roots, tree.unnamed.tills) == ([], {"caixa1": 3}), other


def test_what_a_waiting_poster_has_in_its_hands_waits_too() -> None:
    poster = session("9", "1", program="malote-7-a")
    waits = Waiting({}, {"malote-7-a": {"caixa1": 10}, "malote-8-b": {"caixa2": 1}}, {"caixa1": 2})
    tree = assemble("postgresql", [session("1"), poster], waits, NOW)
    assert tree.roots[0].behind.tills == {"caixa1": 12}
    assert tree.unnamed.tills == {"caixa2": 1}


def test_what_is_in_line_is_nobodys_where_two_block() -> None:
    waits = Waiting({noted("1"): {"caixa1": 1}, noted("2"): {"caixa1": 2}}, {}, {"caixa1": 4})
    tree = assemble("postgresql", [session("1"), session("2")], waits, NOW)
    assert [one.behind.sales for one in tree.roots] == [2, 1]
    assert tree.unnamed.sales == 4


def test_a_holder_is_remembered_while_its_documents_are_being_tried() -> None:
    recent = Recent()
    before = Waiting({noted("1"): {"caixa1": 3}}, {}, {})
    assert recent.completed(before, NOW) == before
    trying = Waiting({}, {"malote-7-a": {"caixa1": 3}}, {})
    assert recent.completed(trying, NOW + 1).locked == before.locked
    assert recent.completed(Waiting({}, {}, {}), NOW + 1).locked == {}
    assert recent.completed(trying, NOW + 60) == trying
