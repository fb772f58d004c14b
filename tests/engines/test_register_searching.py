"""A search in a till's rejected files: on both kinds of store database."""

from collections import Counter

import pytest
from sqlalchemy import Engine, event

from malote.database.engine import writing
from malote.register import listing
from malote.register.listing import DocumentsQuery
from tests.engines.findings_support import add_documents, add_till
from tests.engines.test_spool_plans import plan_of

pytest_plugins = ["tests.engines.spool_fixtures"]


def test_a_search_is_one_walk_however_many_reasons_there_are(spool_engine: Engine) -> None:
    till_id, other = add_till(spool_engine, "caixa1"), add_till(spool_engine, "caixa2")
    rejected = {"state": "rejected", "file_name": "Venda7.xml"}
    codes = ["items_sum"] * 5 + [f"reason_{number}" for number in range(20)]
    ids = add_documents(spool_engine, till_id, [rejected | {"reason_code": code} for code in codes])
    add_documents(spool_engine, other, [rejected | {"reason_code": "items_sum"}])
    add_documents(spool_engine, till_id, [{"state": "posted", "file_name": "venda7.xml"}, {"state": "rejected"}])
    asked: list[str] = []
    event.listen(spool_engine, "before_cursor_execute", lambda *heard: asked.append(heard[2]))
    found = listing.searched(spool_engine, "CAIXA1", DocumentsQuery(("rejected",), search="vEnda7", size=3))
    assert len([each for each in asked if "FROM" in each]) == 3
    assert list(found)[:2] == ["items_sum", "reason_0"]
    assert {code: one.count for code, one in found.items()} == Counter(codes)
    assert [each.id for each in found["items_sum"].documents] == ids[4:1:-1]
    one = listing.searched(spool_engine, "caixa1", DocumentsQuery(("rejected",), search="venda7", code="reason_3"))
    assert {code: each.count for code, each in one.items()} == {"reason_3": 1}
    assert listing.searched(spool_engine, "nobody", DocumentsQuery(("rejected",), search="venda7")) == {}


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("1.234", [0]),
        ("27/11/2026", [0]),
        ("2026-11-28", [1]),
        ("R$ 1.103,60", [1]),
        ("1103,60", [1]),
        ("35261111222333000181650010000000011570303816", [2]),
        ("NFe3526 1111 2223 3300 0181 6500 1000 0000 0115 7030 3816", [2]),
        ("VENDA3", [2]),
        ("9", []),
        ("31/02/2026", []),
    ],
)
@pytest.mark.parametrize("state", ["posted", "rejected"])
def test_what_people_look_for(spool_engine: Engine, state: str, search: str, found: list[int]) -> None:
    till_id, other = add_till(spool_engine, "caixa1"), add_till(spool_engine, "caixa2")
    sales: list[dict[str, object]] = [
        {"number": 1234, "issued_at": "2026-11-27T23:59:59-03:00", "total": 500, "file_name": "venda1.xml"},
        {"number": 12, "issued_at": "2026-11-28T00:00:00-03:00", "total": 110360, "file_name": "venda2.xml"},
        {"access_key": "35261111222333000181650010000000011570303816", "file_name": "venda3.xml"},
    ]
    rows = [{"kind": "sale", "state": state, **sale} for sale in sales]
    ids = add_documents(spool_engine, till_id, rows)
    add_documents(spool_engine, other, rows)
    page = listing.page(spool_engine, "caixa1", DocumentsQuery((state,), search=search))  # type: ignore[arg-type]
    assert [one.id for one in page.documents] == [ids[place] for place in found]


@pytest.mark.parametrize(
    ("search", "index"),
    [
        ("1234", "document_till_number"),
        ("27/11/2026", "document_till_issued"),
        ("35261111222333000181650010000000011570303816", "document_access_key"),
    ],
)
def test_a_search_in_what_was_sent_goes_by_an_index(spool_engine: Engine, search: str, index: str) -> None:
    till_id = add_till(spool_engine, "caixa1")
    add_documents(spool_engine, till_id, [{"kind": "sale", "state": "posted", "number": one} for one in range(200)])
    if spool_engine.dialect.name == "postgresql":  # as it does by itself, some time after so many have come
        with writing(spool_engine) as connection:
            connection.exec_driver_sql("ANALYZE document")
    assert index in plan_of(spool_engine, listing.statement(till_id, DocumentsQuery(("posted",), search=search)))


def test_a_name_is_looked_for_among_the_newest(spool_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST_WALKED", 3)
    till_id = add_till(spool_engine, "caixa1")
    ids = add_documents(spool_engine, till_id, [{"state": "posted", "file_name": "venda.xml"}] * 5)
    page = listing.page(spool_engine, "caixa1", DocumentsQuery(("posted",), search="venda"))
    assert [one.id for one in page.documents] == ids[:1:-1]
