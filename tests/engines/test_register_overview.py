"""The tills at a glance, and a till's documents: on both kinds of store database."""

from typing import Any

import pytest
from sqlalchemy import Engine, text

from malote.database.engine import reading
from malote.findings import lights as overview
from malote.findings.lights import TillsQuery
from malote.register import listing
from malote.register.listing import DocumentsQuery
from tests.engines.findings_support import NOW, add_documents, add_till

pytest_plugins = ["tests.engines.spool_fixtures"]

CAUSES: list[tuple[str, str, dict[tuple[str, str], int], dict[str, Any]]] = [
    ("erp_stopped", "stopped", {("waiting", "erp_locked"): 3, ("rejected", "items_sum"): 1}, {}),
    ("cut_off", "stopped", {("rejected", "items_sum"): 1}, {"last_contact_at": NOW - 3600, "pending": 2}),
    ("cut_off", "stopped", {}, {"last_contact_at": NOW - 3600, "pending": 2, "slowed_at": NOW}),
    ("slowed", "attention", {("rejected", "items_sum"): 1}, {"slowed_at": NOW - 600}),
    ("rejected", "attention", {("rejected", "items_sum"): 1}, {"slowed_at": NOW - 1000}),
    ("rejected", "attention", {("rejected", "items_sum"): 1, ("waiting", "sale_not_here"): 1}, {"shared_at": NOW}),
    ("refused", "attention", {}, {"refused": '[{"name":"x","size":1,"code":"file_too_large"}]'}),
    ("sharing", "attention", {("waiting", "folder_shared"): 1}, {"shared_at": NOW - 80_000, "shared_with": "caixa2"}),
    ("sharing", "attention", {("posted", ""): 1}, {"shared_at": NOW - 80_000, "shared_with": "caixa2"}),
    ("ok", "ok", {("posted", ""): 1}, {"shared_at": NOW - 90_000, "shared_with": "caixa2"}),
    ("waiting", "attention", {("waiting", "sale_not_here"): 1}, {}),
    ("skewed", "attention", {}, {"clock_skew_seconds": -900.0}),
    ("silent", "attention", {}, {"last_contact_at": NOW - 3600}),
    ("never", "attention", {}, {"last_contact_at": None, "pending": None}),
    ("ok", "ok", {("posted", ""): 9, ("discarded", "items_sum"): 1}, {"refused": "[]"}),
    ("ok", "ok", {("posted", ""): 9, ("waiting", "erp_locked"): 0}, {}),
    ("ok", "ok", {("accepted", ""): 4}, {}),
    ("ok", "ok", {("posted", ""): 1}, {"last_contact_at": None, "last_number": 7}),  # through the drop folder
    ("disabled", "disabled", {("rejected", "items_sum"): 1}, {"disabled_at": NOW - 60}),
]


@pytest.mark.parametrize(("cause", "light", "counts", "columns"), CAUSES)
def test_a_light_and_why(
    spool_engine: Engine, cause: str, light: str, counts: dict[tuple[str, str], int], columns: dict[str, Any]
) -> None:
    add_till(spool_engine, "caixa1", counts, **columns)
    found = overview.till_overview(spool_engine, "CAIXA1", now=NOW)
    assert found is not None
    assert (found.cause, found.light) == (cause, light)
    page = overview.tills(spool_engine, TillsQuery(), now=NOW)
    assert page.tills == [found]
    assert page.lights[found.light] == 1


def test_what_is_accepted_and_never_posted_stops_a_till(spool_engine: Engine) -> None:
    till_id = add_till(spool_engine, "caixa1", {("accepted", ""): 2})
    add_documents(spool_engine, till_id, [{"accepted_at": NOW - 600}, {"accepted_at": NOW - 1}])
    found = overview.till_overview(spool_engine, "caixa1", now=NOW)
    assert found is not None
    assert found.cause == "behind"
    assert found.oldest_pending_at == NOW - 600


def test_the_reason_behind_a_light_is_told(spool_engine: Engine) -> None:
    add_till(spool_engine, "a", {("waiting", "sale_not_here"): 1, ("waiting", "erp_locked"): 1})
    add_till(spool_engine, "b", {("waiting", "sale_not_here"): 1, ("rejected", "items_sum"): 1})
    add_till(spool_engine, "c", {("waiting", "sale_not_here"): 1})
    page = overview.tills(spool_engine, TillsQuery(sort="name"), now=NOW)
    assert [till.reason_code for till in page.tills] == ["erp_locked", "items_sum", "sale_not_here"]


def test_of_several_reasons_the_heaviest_is_told(spool_engine: Engine) -> None:
    rejected = {("rejected", code): 5 for code in ("duplicate_item", "items_sum")}
    add_till(spool_engine, "a", rejected | {("rejected", "number_supersedes"): 1})
    add_till(spool_engine, "b", {("waiting", "number_contested"): 9, ("waiting", "erp_privilege"): 1})
    add_till(spool_engine, "c", {("posted", ""): 9, ("posted", "number_twice"): 1})
    page = overview.tills(spool_engine, TillsQuery(sort="name"), now=NOW)
    told = [(till.cause, till.reason_code) for till in page.tills]
    assert told == [("rejected", "number_supersedes"), ("erp_stopped", "erp_privilege"), ("flagged", "number_twice")]


def test_no_till_is_none(spool_engine: Engine) -> None:
    assert overview.till_overview(spool_engine, "nobody", now=NOW) is None
    assert overview.tills(spool_engine, TillsQuery(page=7), now=NOW).tills == []
    assert overview.refused_files(spool_engine, "nobody") == []


@pytest.fixture
def street(spool_engine: Engine) -> Engine:
    """Seven tills, every light among them."""
    add_till(spool_engine, "caixa1", {("rejected", "items_sum"): 2, ("posted", ""): 5}, label="Padaria")
    add_till(spool_engine, "caixa2", {("waiting", "erp_locked"): 4}, last_contact_at=NOW - 60)
    add_till(spool_engine, "caixa3", {("accepted", ""): 1}, pending=3, last_issued_at="2026-11-20T10:00:00-03:00")
    add_till(spool_engine, "caixa4", {("rejected", "items_sum"): 7}, agent_version="0.2.0")
    add_till(spool_engine, "Quiosque_1", {("posted", ""): 1}, label="Açougue 100%")
    add_till(spool_engine, "quiosque2", label="açougue", last_issued_at="2026-11-21T10:00:00-03:00")
    add_till(spool_engine, "velho", disabled_at=NOW)
    return spool_engine


def names(engine: Engine, **query: Any) -> list[str]:
    return [till.name for till in overview.tills(engine, TillsQuery(**query), now=NOW).tills]


def test_the_worst_come_first(street: Engine) -> None:
    assert names(street)[:3] == ["caixa2", "caixa1", "caixa4"]
    assert names(street)[-1] == "velho"


@pytest.mark.parametrize(
    ("sort", "descending", "first"),
    [
        ("name", False, "caixa1"),
        ("name", True, "velho"),
        ("rejected", True, "caixa4"),
        ("waiting", True, "caixa2"),
        ("pending", True, "caixa3"),
        ("sale", True, "quiosque2"),
        ("contact", False, "caixa2"),
        ("version", True, "caixa4"),
        ("light", True, "velho"),
    ],
)
def test_any_column_sorts(street: Engine, sort: str, descending: bool, first: str) -> None:
    assert names(street, sort=sort, descending=descending)[0] == first
    assert len(names(street, sort=sort, descending=descending)) == 7


def test_the_search_is_in_names_and_labels_and_knows_no_wildcards(street: Engine) -> None:
    assert sorted(names(street, search="QUIOSQUE")) == ["Quiosque_1", "quiosque2"]
    assert names(street, search=" padaria ") == ["caixa1"]
    assert names(street, search="100%") == ["Quiosque_1"]
    assert names(street, search="e_1") == ["Quiosque_1"]
    assert names(street, search="%") == ["Quiosque_1"]
    assert names(street, search="'; --") == []


def test_a_light_filters_and_its_count_is_of_all_that_was_searched(street: Engine) -> None:
    page = overview.tills(street, TillsQuery(search="caixa", light="attention"), now=NOW)
    assert [till.name for till in page.tills] == ["caixa1", "caixa4"]
    assert page.lights == {"outside": 0, "stopped": 1, "attention": 2, "ok": 1, "disabled": 0}
    assert page.matching == 2
    assert overview.matching_tills(street, TillsQuery(search="caixa", light="attention"), now=NOW) == [
        "caixa1",
        "caixa4",
    ]
    assert len(overview.matching_tills(street, TillsQuery(), now=NOW)) == 6, "the disabled one has nothing to do"


def test_pages_hold_everything_once(street: Engine) -> None:
    pages = [overview.tills(street, TillsQuery(sort="light", size=3, page=page), now=NOW) for page in (1, 2, 3)]
    assert [page.pages for page in pages] == [3, 3, 3]
    assert sorted(till.name for page in pages for till in page.tills) == sorted(names(street))
    beyond = overview.tills(street, TillsQuery(size=3, page=50), now=NOW)
    assert (beyond.page, beyond.tills) == (3, pages[2].tills)


def test_counts_are_of_the_till_itself(street: Engine) -> None:
    found = overview.till_overview(street, "caixa1", now=NOW)
    assert found is not None
    assert (found.rejected, found.posted, found.pending, found.waiting) == (2, 5, 0, 0)


def test_the_overview_walks_no_history(spool_engine: Engine) -> None:
    """The plan: documents are looked up in an index that begins with their state, and never scanned."""
    till_id = add_till(spool_engine, "caixa1", {("accepted", ""): 1})
    add_documents(spool_engine, till_id, [{}])
    statements = [
        overview.page_statement(TillsQuery(search="caixa", light="ok", sort="pending")).params(
            **overview.given(NOW, None, "caixa")
        ),
        listing.statement(till_id, DocumentsQuery(states=("accepted", "waiting"), before=10**9)),
    ]
    for statement in statements:
        plan = explain(spool_engine, statement)
        assert "document_state_till" in plan, plan
        for line in plan.splitlines():
            assert "SCAN document" not in line, plan
            assert "Seq Scan on document" not in line, plan


def explain(engine: Engine, statement: Any) -> str:
    compiled = statement.compile(engine, compile_kwargs={"literal_binds": True})
    sqlite = engine.dialect.name == "sqlite"
    with reading(engine) as connection:
        if not sqlite:
            # A table of one row is always read whole, unless that is made dear.
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        rows = connection.exec_driver_sql(f"EXPLAIN {'QUERY PLAN ' if sqlite else ''}{compiled}".replace("%", "%%"))
        return "\n".join(str(row[-1] if sqlite else row[0]) for row in rows)


def test_a_tills_documents_come_newest_first_page_by_page(spool_engine: Engine) -> None:
    till_id, other = add_till(spool_engine, "caixa1"), add_till(spool_engine, "caixa2")
    states = ["accepted", "waiting", "posted", "rejected"]
    ids = add_documents(spool_engine, till_id, [{"state": states[number % 4]} for number in range(40)])
    add_documents(spool_engine, other, [{"state": "accepted"}])
    open_ids = [each for number, each in enumerate(ids) if states[number % 4] in ("accepted", "waiting")]
    found, before = [], None
    while True:
        query = DocumentsQuery(states=("accepted", "posting", "waiting"), before=before, size=6)
        page = listing.page(spool_engine, "CAIXA1", query)
        found += [one.id for one in page.documents]
        if page.older is None:
            break
        before = page.older
    assert found == sorted(open_ids, reverse=True)
    assert listing.page(spool_engine, "nobody", DocumentsQuery(states=("posted",))).documents == []


def test_documents_are_found_by_reason_number_key_and_name(spool_engine: Engine) -> None:
    till_id = add_till(spool_engine, "caixa1", {("rejected", "items_sum"): 1, ("rejected", "xml_malformed"): 1})
    key = "3526050X0J92JY000196570010000006041448679011"
    one, two = add_documents(
        spool_engine,
        till_id,
        [
            {"state": "rejected", "reason_code": "items_sum", "number": 604, "access_key": key},
            {"state": "rejected", "reason_code": "xml_malformed", "file_name": "Nota_100%.xml"},
        ],
    )

    def found(**query: Any) -> list[int]:
        return [
            each.id for each in listing.page(spool_engine, "caixa1", DocumentsQuery(("rejected",), **query)).documents
        ]

    assert found(code="items_sum") == [one]
    assert found(search="604") == [one]
    assert found(search=key.lower()) == [one]
    assert found(search="nota_100%") == [two]
    assert found(search="%") == [two]
    assert found(search="9" * 30) == []
    reasons = listing.page(spool_engine, "caixa1", DocumentsQuery(("rejected",))).reasons
    assert reasons == {"items_sum": 1, "xml_malformed": 1}
