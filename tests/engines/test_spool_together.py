"""Many at once: couriers, posters, threads, processes, and processes that die in the middle."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from malote.database.engine import reading
from malote.database.tables import document, pouch
from malote.register import till_documents
from malote.spool.documents import Settlement
from malote.spool.sql_queue import Spool
from malote.tills.till import Till
from tests.engines import spool_children as children
from tests.engines.spool_support import assert_tallies_true, posted, send_sales, sha256_of, states_of

pytest_plugins = ("tests.engines.spool_fixtures",)


def how_many_pouches(engine: Engine) -> int:
    with reading(engine) as connection:
        return connection.execute(select(func.count()).select_from(pouch)).scalar_one()


def test_two_couriers_with_the_same_files(spool: Spool, till_one: Till, spool_engine: Engine) -> None:
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: send_sales(spool, till_one, range(40)), range(8)))
    assert sum(not receipt.already_known for reply in replies for receipt in reply) == 40
    assert {receipt.state for reply in replies for receipt in reply} == {"accepted"}
    assert len(states_of(spool_engine)) == 40
    assert how_many_pouches(spool_engine) == 1
    assert_tallies_true(spool_engine)


def test_couriers_with_overlapping_pouches(spool: Spool, till_one: Till, spool_engine: Engine) -> None:
    pouches = [range(start, start + 30) for start in range(0, 100, 10)]
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda numbers: send_sales(spool, till_one, numbers), pouches * 2))
    with reading(spool_engine) as connection:
        distinct = select(func.count(func.distinct(document.c.file_sha256)), func.count())
        assert tuple(connection.execute(distinct).one()) == (120, 120)
    assert sorted(one.document.number for one in spool.lease("poster", 500, 60)) == list(range(120))  # type: ignore[union-attr]
    assert_tallies_true(spool_engine)


def test_posters_never_share_a_document(spool: Spool, till_one: Till, spool_engine: Engine) -> None:
    for start in range(0, 300, 100):
        send_sales(spool, till_one, range(start, start + 100))

    def post(owner: str) -> list[int]:
        done: list[int] = []
        while leased := spool.lease(owner, 17, 60):
            assert spool.settle([posted(one) for one in leased]) == len(leased)
            done += [one.id for one in leased]
        return done

    with ThreadPoolExecutor(4) as pool:
        ids = [document_id for done in pool.map(post, "abcd") for document_id in done]
    # A poster may have left early, when others held what there was.
    while leased := spool.lease("last", 100, 60):
        ids += [one.id for one in leased]
        spool.settle([posted(one) for one in leased])
    assert sorted(ids) == sorted(set(ids))
    assert len(ids) == 300
    assert till_documents.status(spool.engine, now=spool.clock())[0].posted == 300
    assert_tallies_true(spool_engine)


@pytest.mark.processes
def test_processes_of_couriers_and_posters(
    spool: Spool, till_one: Till, till_two: Till, spool_url: str, spool_engine: Engine, tmp_path: Path
) -> None:
    pouches = [list(range(start, start + 20)) for start in range(0, 200, 20)]
    logs = [tmp_path / f"poster{number}" for number in range(3)]
    couriers = [children.start(children.courier, spool_url, till.id, pouches) for till in (till_one, till_two) * 2]
    posters = [
        children.start(children.poster, spool_url, f"poster{number}", 400, str(log)) for number, log in enumerate(logs)
    ]
    assert children.join(couriers + posters) == [0] * 7
    ids = [int(one) for log in logs for one in log.read_text().split()]
    assert sorted(ids) == sorted(set(ids))
    assert len(ids) == 400
    assert states_of(spool_engine) == ["posted"] * 400
    assert_tallies_true(spool_engine)


@pytest.mark.processes
def test_killed_before_any_statement_of_accepting(
    spool: Spool, till_one: Till, spool_url: str, spool_engine: Engine
) -> None:
    hashes = [sha256_of(number) for number in range(5)]
    statement = 0
    while True:
        statement += 1
        process = children.start(children.die_while_accepting, spool_url, till_one.id, list(range(5)), statement)
        [exit_code] = children.join([process])
        if exit_code == 0:
            break
        assert exit_code == -signal.SIGKILL
        assert (how_many_pouches(spool_engine), states_of(spool_engine)) == (0, [])
        assert {receipt.state for receipt in spool.receipts(till_one.id, hashes)} == {"unknown"}
        assert_tallies_true(spool_engine)
        assert till_documents.status(spool.engine, now=spool.clock())[0].last_number is None
    assert statement > 8
    assert {receipt.state for receipt in spool.receipts(till_one.id, hashes)} == {"accepted"}


@pytest.mark.processes
def test_killed_before_any_statement_of_settling(
    spool: Spool, till_one: Till, spool_url: str, spool_engine: Engine
) -> None:
    send_sales(spool, till_one, range(5))
    statement = 0
    while True:
        statement += 1
        [exit_code] = children.join([children.start(children.die_while_settling, spool_url, statement)])
        if exit_code == 0:
            break
        assert exit_code == -signal.SIGKILL
        assert states_of(spool_engine) == ["posting"] * 5
        assert_tallies_true(spool_engine)
    assert statement > 4
    assert states_of(spool_engine) == ["posted"] * 5


def test_settling_while_the_same_keys_arrive(
    spool: Spool, till_one: Till, till_two: Till, spool_engine: Engine
) -> None:
    """Both wake what waits for the same keys, and both touch the tallies: neither may stop the other."""
    send_sales(spool, till_one, range(60))
    assert states_of(spool_engine) == ["accepted"] * 60
    leased = spool.lease("poster", 60, 60)
    waits = [Settlement(one.id, one.lease, "waiting", None, time.time() + 3600) for one in leased[::2]]
    spool.settle(waits)

    def settle() -> int:
        return spool.settle([posted(one) for one in leased[1::2]])

    def arrive() -> int:
        return len(send_sales(spool, till_two, range(60)))

    with ThreadPoolExecutor(2) as pool:
        settling, arriving = pool.submit(settle), pool.submit(arrive)
        assert (settling.result(), arriving.result()) == (30, 60)
    assert len(spool.lease("poster", 500, 60)) == 90
    assert_tallies_true(spool_engine)
