"""The rules as their file last had them, kept in the store database: whoever looks there needs no settings.

A file that can't be read, or has a fault, changes nothing: the rules before it go on, and the fault is told.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, delete, func, insert, or_, select, update

from malote.books.rules.file import OwnRule, RulesError, Written, compiled, load
from malote.books.rules.language import ConditionError
from malote.database.book_tables import book_day
from malote.database.consumer_tables import feed, feed_head
from malote.database.engine import reading, writing
from malote.database.rule_tables import own_rule, own_rule_finding, own_rule_walk

BACK_DAYS = 7  # that a new rule, or one of another condition, is asked about


class Walk(msgspec.Struct, frozen=True):
    """As ``own_rule_walk``."""

    file_sha256: str = ""
    fault_pt: str = ""
    fault_en: str = ""
    fault_since: float | None = None
    feed_to: int = 0
    empty_to: str = ""


def sync(engine: Engine, path: Path | None, today: date, now: float) -> list[str]:
    """Reads the file where it changed; ``path`` None: there are no rules. Faults in both languages, joined.

    Raises ``StoreError``.
    """
    known = walk(engine)
    if path is None:
        if known is not None and known.file_sha256:
            _replace(engine, known, [], "", today, now)
        return []
    try:
        rules, digest = load(path)
    except RulesError as error:
        told = ["; ".join(error.said("pt")), "; ".join(error.said("en"))]
        if known is None or [known.fault_pt, known.fault_en] != told:
            since = known.fault_since if known and known.fault_since else now
            _keep(engine, {"fault_pt": told[0], "fault_en": told[1], "fault_since": since})
        return told
    if known is None or known.file_sha256 != digest or known.fault_pt:
        _replace(engine, known or Walk(), rules, digest, today, now)
    return []


def walk(engine: Engine) -> Walk | None:
    """None before any file was read. Raises ``StoreError``."""
    with reading(engine) as connection:
        row = connection.execute(select(*_WALK)).one_or_none()
    return None if row is None else Walk(*row)


_WALK = [own_rule_walk.c[name] for name in Walk.__struct_fields__]


def kept(connection: Connection) -> list[OwnRule]:
    """In the order of the file. What a newer version wrote and this one can't read is left out."""
    rules: list[OwnRule] = []
    for row in connection.execute(select(own_rule).order_by(own_rule.c.turn)):
        one = Written(row.name, row.of, row.condition, row.text, row.text_en, row.weight)
        try:
            rules.append(compiled(one))
        except ConditionError:
            continue
    return rules


def _replace(engine: Engine, known: Walk, rules: Sequence[OwnRule], digest: str, today: date, now: float) -> None:
    with writing(engine) as connection:
        before = {row.name: (row.of, row.condition) for row in connection.execute(select(own_rule))}
        after = {one.name: (one.written.of, one.written.when) for one in rules}
        gone = [name for name in before if after.get(name) != before[name]]
        fresh = [name for name in after if after[name] != before.get(name)]
        connection.execute(delete(own_rule_finding).where(own_rule_finding.c.rule.in_(gone)))
        connection.execute(delete(own_rule))
        rows = [_row(one, turn) for turn, one in enumerate(rules)]
        if rows:
            connection.execute(insert(own_rule), rows)
        values: dict[str, Any] = {"file_sha256": digest, "fault_pt": "", "fault_en": "", "fault_since": None}
        if fresh:
            values |= _look_back(connection, known, today, now)
        _write(connection, values)


def _row(one: OwnRule, turn: int) -> dict[str, Any]:
    said = one.written
    texts = {"text": said.text, "text_en": said.text_en, "condition": said.when}
    return {"name": said.name, "of": said.of, "weight": said.weight, "turn": turn, **texts}


def _look_back(connection: Connection, known: Walk, today: date, now: float) -> dict[str, Any]:
    """What happened since is asked about once more; what is older never."""
    first = today - timedelta(days=BACK_DAYS)
    older = book_day.c.day < first.isoformat()
    connection.execute(update(book_day).where(older, book_day.c.ruled_at.is_(None)).values(ruled_at=now))
    connection.execute(update(book_day).where(~older).values(ruled_at=None))
    since = or_(feed.c.at >= now - BACK_DAYS * 86_400.0, feed.c.number.is_(None))
    begins = connection.scalar(select(func.min(feed.c.number)).where(since))
    newest = int(connection.scalar(select(feed_head.c.number)) or 0)
    feed_to = newest if begins is None else int(begins) - 1
    empty_to = (first - timedelta(days=1)).isoformat()
    # Whoever was behind stays so.
    return {"feed_to": min(feed_to, known.feed_to) if known.file_sha256 else feed_to, "empty_to": empty_to}


def _keep(engine: Engine, values: dict[str, Any]) -> None:
    with writing(engine) as connection:
        _write(connection, values)


def _write(connection: Connection, values: dict[str, Any]) -> None:
    if not connection.execute(update(own_rule_walk).values(values)).rowcount:
        connection.execute(insert(own_rule_walk).values({"id": 1, **msgspec.structs.asdict(Walk()), **values}))
