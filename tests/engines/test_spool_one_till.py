"""To show one till, one till is read."""

from sqlalchemy import Engine, event

from malote.register import till_documents
from malote.spool.sql_queue import Spool
from malote.tills.till import Till

pytest_plugins = ("tests.engines.spool_fixtures",)


def test_the_status_of_one_till_asks_for_that_till_alone(
    spool_engine: Engine, spool: Spool, till_one: Till, till_two: Till
) -> None:
    asked: list[str] = []
    event.listen(spool_engine, "before_cursor_execute", lambda *arguments: asked.append(arguments[2]))
    assert [one.till for one in till_documents.status(spool.engine, till_two.id, now=spool.clock())] == ["caixa2"]
    looks = [one for one in asked if "FROM till" in one or "FROM tally" in one or "FROM open_sale" in one]
    assert len(looks) == 3
    assert all("WHERE" in one and ("till.id =" in one or "till_id =" in one) for one in looks)
    assert [one.till for one in till_documents.status(spool.engine, now=spool.clock())] == ["caixa1", "caixa2"]
    assert till_documents.status(spool.engine, 77, now=spool.clock()) == []
