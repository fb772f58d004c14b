"""A search in a till's rejected files: on both kinds of store database."""

from collections import Counter

from sqlalchemy import Engine, event

from malote.register import listing
from malote.register.listing import DocumentsQuery
from tests.engines.findings_support import add_documents, add_till

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
