"""What the child processes of the spool's tests do. They are started fresh and share nothing with the test."""

import os
import signal
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess

from sqlalchemy import Engine, event

from malote.database.engine import open_database
from malote.register import till_documents
from malote.spool.documents import Settlement
from malote.spool.sql_queue import Spool
from tests.engines.spool_support import START, body_of, file_of_sale

_context = get_context("forkserver")
_context.set_forkserver_preload(["tests.engines.spool_support"])


def start(target: object, *arguments: object) -> ForkServerProcess:
    process = _context.Process(target=target, args=arguments)  # type: ignore[arg-type]
    process.start()
    return process


def join(processes: list[ForkServerProcess]) -> list[int | None]:
    """Their exit codes, once all have ended."""
    for process in processes:
        process.join(120)
    return [process.exitcode for process in processes]


def courier(url: str, till_id: int, pouches: list[list[int]]) -> None:
    """Sends the pouches one after the other."""
    engine = open_database(url)
    spool = Spool(engine)
    for numbers in pouches:
        spool.accept(till_id, body_of(numbers), [file_of_sale(number) for number in numbers], received_at=START)
    engine.dispose()


def poster(url: str, owner: str, expected: int, log: str) -> None:
    """Leases and settles until ``expected`` documents are posted, by whomever. Writes its own ids into ``log``."""
    engine = open_database(url)
    spool = Spool(engine)
    mine: list[int] = []
    while sum(till.posted for till in till_documents.status(spool.engine, now=spool.clock())) < expected:
        leased = spool.lease(owner, 30, 60)
        if spool.settle([Settlement(one.id, one.lease, "posted") for one in leased]) == len(leased):
            mine += [one.id for one in leased]
    with open(log, "w", encoding="utf-8") as file:  # noqa: PTH123 - the child has no Path yet
        file.write(" ".join(map(str, mine)))
    engine.dispose()


def die_while_accepting(url: str, till_id: int, numbers: list[int], at_statement: int) -> None:
    """Is killed right before its n-th statement, the COMMIT included; ends well when there are fewer."""
    engine = open_database(url)
    _die_at(engine, at_statement)
    files = [file_of_sale(number) for number in numbers]
    Spool(engine).accept(till_id, body_of(numbers), files, received_at=START)


def die_while_settling(url: str, at_statement: int) -> None:
    """The same while posting what it can lease."""
    engine = open_database(url)
    spool = Spool(engine)
    leased = spool.lease("doomed", 100, 0.0)
    _die_at(engine, at_statement)
    spool.settle([Settlement(one.id, one.lease, "posted") for one in leased])


def _die_at(engine: Engine, at_statement: int) -> None:
    passed = 0

    def count(*_: object) -> None:
        nonlocal passed
        passed += 1
        if passed == at_statement:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(engine, "before_cursor_execute", count)
    event.listen(engine, "commit", count)
