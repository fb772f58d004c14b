"""One statement of a profile's ``[post]``, run on whatever engine: with its values, and its answer as plain rows."""

from collections.abc import Mapping
from typing import Any, Protocol

from sqlalchemy import Connection, CursorResult

from malote.erp.mapping import ErpTables
from malote.erp.profiles.post import CALLS, Call, binds_of
from malote.erp.server_words import presentable

Answer = Mapping[str, Any]  # by the small name of the column

_MOST = 100_000  # rows of one answer


class Engine(Protocol):
    """What it asks of an engine."""

    tables: ErpTables

    def call(self, connection: Connection, statement: str, values: Mapping[str, str | None], most: int) -> list[Answer]:
        """Runs the statement as the profile has it with a value for each of its binds; at most so many rows of its
        answer. Raises what the driver raises."""
        ...

    def parsed(self, connection: Connection, statement: str) -> str:
        """What the database says against the statement, which is not run; "" for nothing, and where it isn't asked."""
        ...


def run(engine: Engine, connection: Connection, statement: str, values: Mapping[str, str]) -> list[Answer]:
    """The rows it gives, none where it gives nothing. Raises what the driver raises."""
    return engine.call(connection, statement, {name: values.get(name) or None for name in binds_of(statement)}, _MOST)


def answers(result: CursorResult[Any], most: int) -> list[Answer]:
    """What gives nothing (a function that returns void, too) isn't an answer."""
    if not result.returns_rows:
        return []
    found = [{name.lower(): value for name, value in row.items()} for row in result.mappings().fetchmany(most)]
    result.close()
    return [row for row in found if any(value not in (None, "") for value in row.values())]


def unusable(engine: Engine, connection: Connection) -> list[tuple[Call, str]]:
    """Statements that the database can't parse, with its words; nothing is run."""
    post = engine.tables.profile.post
    found: list[tuple[Call, str]] = []
    for which in CALLS:
        for statement in (post.statements(which) or []) if post else []:
            words = engine.parsed(connection, statement)
            if words:
                found.append((which, presentable(words)))
    return found
