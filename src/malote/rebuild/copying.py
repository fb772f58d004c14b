"""Copies what can be read of the damaged store database into the new one, and makes it agree with itself."""

import pkgutil
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from importlib import import_module
from pathlib import Path

from malote import database
from malote.batches import batches
from malote.database.tables import metadata
from malote.rebuild.reading import Row, TableReader, opened
from malote.rebuild.report import MissingDocument
from malote.sealing import PouchUnreadableError, unseal

# Counted anew, or of sessions that are over.
_LEFT_OUT = frozenset(
    {"tally", "book_day", "touched_day", "poster_session", "poster_sign", "user_session", "sign_in_attempt"}
)
_TALLIES = """
    INSERT INTO tally (till_id, state, reason_code, count, total)
    SELECT till_id, state, coalesce(reason_code, ''), count(*), coalesce(sum(total) FILTER (WHERE kind = 'sale'), 0)
    FROM document GROUP BY till_id, state, coalesce(reason_code, '')
"""
# The poster counts these days by its next looks.
_DAYS = """
    INSERT INTO touched_day (till_id, day, turn) SELECT DISTINCT till_id, substr(issued_at, 1, 10), 0
    FROM document WHERE kind = 'sale' AND issued_at LIKE '____-__-__T%'
"""
_AT_ONCE = 200
LARGEST_POUCH = 2**31  # bytes when opened: it was within the limits when it came
_OPEN = "('accepted', 'posting', 'waiting', 'rejected')"

_MISSING = f"""
    SELECT coalesce(till.name, '?'), file_name, state, access_key, series, number, total
    FROM document LEFT JOIN till ON till.id = till_id
    WHERE pouch_id NOT IN (SELECT id FROM pouch) AND state IN {_OPEN} ORDER BY document.id
"""  # noqa: S608 - a constant


_FORGET = f"DELETE FROM document WHERE pouch_id NOT IN (SELECT id FROM pouch) AND state IN {_OPEN}"  # noqa: S608
_OWNERS = "SELECT DISTINCT till_id FROM document UNION SELECT till_id FROM pouch"


class Copied:
    """Counts of what was done, by table."""

    def __init__(self) -> None:
        self.rows: Counter[str] = Counter()
        self.unreadable: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.missing: list[MissingDocument] = []
        self.tills_without_token: list[int] = []


def copy(old: Path, new: Path, now: float) -> Copied:
    """``new`` has the tables of this version, empty. Raises ``sqlite3.Error`` for trouble with the new one."""
    for module in pkgutil.iter_modules(database.__path__):
        if module.name.endswith("tables"):
            import_module(f"{database.__name__}.{module.name}")  # else their tables would be left out
    done = Copied()
    with closing(sqlite3.connect(new, isolation_level=None)) as target:
        target.execute("PRAGMA foreign_keys = OFF")
        target.execute("BEGIN")
        try:
            with opened(old) as source:
                for table in metadata.sorted_tables:
                    if table.name not in _LEFT_OUT:
                        _copy_table(source, target, table.name, [column.name for column in table.columns], done)
        except sqlite3.DatabaseError as error:
            if target.in_transaction and not done.rows:
                done.unreadable["*"] = 1  # not even its tables can be found
            elif not _of_old(error):
                raise
        _agree(target, done, now)
        target.execute("COMMIT")
    return done


def _of_old(error: sqlite3.DatabaseError) -> bool:
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _copy_table(
    source: sqlite3.Connection, target: sqlite3.Connection, table: str, columns: Sequence[str], done: Copied
) -> None:
    reader = TableReader(source, table, columns)
    names = ", ".join(f'"{name}"' for name in reader.columns)
    marks = ", ".join("?" * len(reader.columns))
    statement = f'INSERT OR IGNORE INTO "{table}" ({names}) VALUES ({marks})'  # noqa: S608 - our own tables' names
    # What a new database is born with gives way.
    target.execute(f'DELETE FROM "{table}"')  # noqa: S608
    rows = _whole(reader) if table == "pouch" else reader.rows()
    for some in batches(rows, _AT_ONCE):
        done.rows[table] += target.executemany(statement, some).rowcount
    if reader.unreadable:
        done.unreadable[table] = reader.unreadable


def _whole(reader: TableReader) -> Iterator[Row]:
    """Pouches whose bytes are still those that came: SQLite itself doesn't notice a byte that changed within them."""
    at = reader.columns.index("body") if "body" in reader.columns else None
    for row in reader.rows():
        try:
            if at is not None and row[at] is not None:
                unseal(row[at], None, max_size=LARGEST_POUCH)
        except PouchUnreadableError:
            reader.unreadable += 1
            continue
        yield row


def _agree(target: sqlite3.Connection, done: Copied, now: float) -> None:
    """No row belongs to one that is gone; what isn't settled and has lost its content is asked of its till again."""
    _tills(target, done, now)
    done.missing = [MissingDocument(*row) for row in target.execute(_MISSING)]
    done.dropped["document"] = target.execute(_FORGET).rowcount
    # What is settled keeps its row: the till asks what became of it.
    target.execute(
        "INSERT INTO pouch (id, till_id, received_at, pruned_at) SELECT pouch_id, min(till_id), min(accepted_at), ?"
        " FROM document WHERE pouch_id NOT IN (SELECT id FROM pouch) GROUP BY pouch_id",
        (now,),
    )
    # What was being booked is taken up by the next poster, as after any death; the ledger says whether it was.
    target.execute("UPDATE document SET lease_until = ? WHERE lease_until > ?", (now, now))
    target.execute("UPDATE document SET retry_at = ? WHERE retry_at > ?", (now, now))
    _orphans(target, done)
    target.execute(_TALLIES)
    target.execute(_DAYS)
    done.dropped = Counter({table: count for table, count in done.dropped.items() if count})


def _tills(target: sqlite3.Connection, done: Copied, now: float) -> None:
    """Each till that something belongs to is there, under its number, if without its name."""
    numbers = [row[0] for row in target.execute(_OWNERS)]
    known = {row[0] for row in target.execute("SELECT id FROM till")}
    for number in sorted(set(numbers) - known):
        name = f"recuperado-{number}"
        target.execute(
            "INSERT INTO till (id, name, name_key, label, token_hash, created_at) VALUES (?, ?, ?, '', x'', ?)",
            (number, name, name, now),
        )
        done.tills_without_token.append(number)


def _orphans(target: sqlite3.Connection, done: Copied) -> None:
    """Rows beside the documents that speak of one that is gone."""
    while orphans := {(table, number) for table, number, *_ in target.execute("PRAGMA foreign_key_check")}:
        for table, number in orphans:
            target.execute(f'DELETE FROM "{table}" WHERE rowid = ?', (number,))  # noqa: S608 - our own tables' names
            done.dropped[table] += 1
