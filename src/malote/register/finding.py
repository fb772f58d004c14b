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

_KEY = re.compile(r"(?<!\d)\d{6}[0-9A-Z]{12}\d{26}(?!\d)")  # letters: of an issuer's number
_MASKS = ("", r"[\s.\-]", r"[\s.\-/]")  # what people and receipts set between a key's digits, the fewest first
_NUMBER = re.compile(r"(?:(\d{1,3})\s*/\s*)?(\d{1,9})")
_FILE = re.compile(r"\S*\.\w{2,4}|\S+_\S+|\S+-\S+\d{4}\S*")


def find(engine: Engine, wanted: str, limit: int = 8) -> list[StoredDocument]:
    """The newest first. A key may stand in any text (``key_of``), a number have its series before it: ``10/259731``.

    Costs a look into an index, whatever the history; of files' names only the newest are looked through. Raises
    ``StoreError``.
    """
    wanted = wanted.strip()
    with reading(engine) as connection:
        for chosen in (_by_key(wanted), _by_number(wanted), _by_file(wanted)):
            if chosen is None:
                continue
            query = listed().where(chosen).order_by(documents.c.id.desc()).limit(limit)
            rows: list[Row[tuple[object, ...]]] = list(connection.execute(query).all())
            if rows:
                return [stored(row) for row in rows]
    return []


def key_of(wanted: str) -> str | None:
    """The access key in a text: alone, masked, in a receipt's line, in the address of its QR code, in a file's name."""
    for mask in _MASKS:
        found = _KEY.search((re.sub(mask, "", wanted) if mask else wanted).upper())
        if found is not None:
            return found.group()
    return None


def _by_key(wanted: str) -> ColumnElement[bool] | None:
    key = key_of(wanted)
    return None if key is None else documents.c.access_key == key


def _by_number(wanted: str) -> ColumnElement[bool] | None:
    number = _NUMBER.fullmatch(wanted.replace(".", ""))
    if number is None:
        return None
    # Till by till, so that the index of a till's numbers serves.
    chosen = documents.c.till_id.in_(_every_till()) & (documents.c.number == int(number.group(2)))
    return chosen & (documents.c.series == int(number.group(1))) if number.group(1) else chosen


def _by_file(wanted: str) -> ColumnElement[bool] | None:
    if len(wanted) < LEAST_NAME or not _FILE.fullmatch(wanted):
        return None
    newest = select(func.max(documents.c.id) - NEWEST).scalar_subquery()
    name = wanted.lower().replace("/", "//").replace("%", "/%").replace("_", "/_")
    return (documents.c.id > newest) & func.lower(documents.c.file_name).like(f"%{name}%", escape="/")


def _every_till() -> Select[int]:
    return select(tills.c.id)
