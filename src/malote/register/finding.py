"""One document among all of all tills, by what a person has at hand: its key, its number, its file's name."""

import re

from sqlalchemy import ColumnElement, Engine, Select, func, select
from sqlalchemy.engine import Row

from malote.database.engine import reading
from malote.database.tables import document as documents
from malote.database.tables import till as tills
from malote.register.documents import StoredDocument
from malote.register.till_documents import listed, stored

NEWEST = 50_000  # documents whose files' names are looked through
LEAST_NAME = 4  # characters of a file's name worth a look

_KEY = re.compile(r"[0-9A-Z]{44}")
_NUMBER = re.compile(r"(?:(\d{1,3})\s*/\s*)?(\d{1,9})")
_FILE = re.compile(r"\S*\.\w{2,4}|\S+_\S+|\S+-\S+\d{4}\S*")


def find(engine: Engine, wanted: str, limit: int = 8) -> list[StoredDocument]:
    """The newest first. A key may have blanks and "NFe" around it; a number its series before it: ``10/259731``.

    Costs a look into an index, whatever the history; of files' names only the newest are looked through. Raises
    ``StoreError``.
    """
    chosen = _chosen(wanted.strip())
    if chosen is None:
        return []
    query = listed().where(chosen).order_by(documents.c.id.desc()).limit(limit)
    with reading(engine) as connection:
        rows: list[Row[tuple[object, ...]]] = list(connection.execute(query).all())
    return [stored(row) for row in rows]


def key_of(wanted: str) -> str | None:
    """The access key in a text that is one."""
    found = re.sub(r"[\s.\-]", "", wanted).upper().removeprefix("NFE")
    return found if _KEY.fullmatch(found) else None


def _chosen(wanted: str) -> ColumnElement[bool] | None:
    key = key_of(wanted)
    if key is not None:
        return documents.c.access_key == key
    number = _NUMBER.fullmatch(wanted.replace(".", ""))
    if number is not None:
        # Till by till, so that the index of a till's numbers serves.
        chosen = documents.c.till_id.in_(_every_till()) & (documents.c.number == int(number.group(2)))
        return chosen & (documents.c.series == int(number.group(1))) if number.group(1) else chosen
    if len(wanted) >= LEAST_NAME and _FILE.fullmatch(wanted):
        newest = select(func.max(documents.c.id) - NEWEST).scalar_subquery()
        name = wanted.lower().replace("/", "//").replace("%", "/%").replace("_", "/_")
        return (documents.c.id > newest) & func.lower(documents.c.file_name).like(f"%{name}%", escape="/")
    return None


def _every_till() -> Select[int]:
    return select(tills.c.id)
