"""Which products of the loads a refused line of a sale may mean: proposed to a person, and mapped by nobody else."""

import functools
import operator
import re
import unicodedata
from collections.abc import Sequence
from typing import Literal

from sqlalchemy import ColumnElement, Connection, Engine, Text, case, cast, func, select

from malote.database.engine import reading
from malote.database.load_tables import load_row
from malote.loads import entity_rows, published_rows, rows_by_code

MOST_ALIKE = 5  # proposed for their descriptions
_MOST_WORDS = 4  # of a line that are looked for, the longest
_LEAST_LETTERS = 3  # of such a word
_MOST_FOUND = 200  # rows that the database hands out, those with the most words first
_MOST_REMEMBERED = 200  # lines: a page that refreshes asks for the same one again and again

_PARTS = re.compile(r"[^\W_]+")

# A product's code, its description, and what led to it.
Proposed = tuple[str, str, Literal["barcode", "description"]]


class ProductProposals:
    """No index leads from words to products. The database passes over the newest version's once for a description, and
    only the best come out of it; what was found is remembered until a version changes the products."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._alike = functools.lru_cache(_MOST_REMEMBERED)(self._find_alike)

    def __call__(self, code: str, gtin: str, description: str) -> list[Proposed] | None:
        """What the line's barcode leads to, or its code where that is one; then those with most of the words of
        its description. None: no products are loaded. Raises ``StoreError``."""
        with reading(self._engine) as connection:
            version = entity_rows.newest_version(connection)
            entity_id, state = entity_rows.states_at(connection, version).get("product", (0, None))
            if state is None or not state.rows:
                return None
            found = _of_barcodes(connection, {gtin, code} - {""}, version)
        found += self._alike(entity_id, state.version, description.casefold())
        first: dict[str, Proposed] = {}
        for one in found:
            first.setdefault(one[0], one)
        return [one for one in first.values() if one[0] != code]

    def _find_alike(self, entity_id: int, version: int, description: str) -> list[Proposed]:
        words = _words(description)
        if not words:
            return []
        with reading(self._engine) as connection:
            entity = entity_rows.entity_of(connection, entity_id)
            contents = _with_words(connection, entity_id, version, words)
        rows = [published_rows.by_column(entity, published_rows.decoded(one)) for one in contents]
        told = {row["code"]: row["description"] for row in rows if row.get("active") is not False}
        lacking = {code: _lacking(words, text) for code, text in told.items()}
        alike = [code for code in told if len(words) - lacking[code] >= _least(words)]
        parts = _PARTS.findall(description)  # its size too
        alike.sort(key=lambda code: (lacking[code], _lacking(parts, told[code]), len(told[code]), code))
        return [(code, told[code], "description") for code in alike[:MOST_ALIKE]]


def _words(description: str) -> list[str]:
    """The longest words of a line, without sizes and numbers, which stand in every second description."""
    words = dict.fromkeys(one for one in _PARTS.findall(description) if one.isalpha() and len(one) >= _LEAST_LETTERS)
    return sorted(words, key=len, reverse=True)[:_MOST_WORDS]


def _least(words: Sequence[str]) -> int:
    return len(words) // 2 + 1


def _of_barcodes(connection: Connection, barcodes: set[str], version: int) -> list[Proposed]:
    """Of those that are products of this version; a barcode is the same number with zeros in front and without."""
    spelt = {one for code in barcodes for one in (code, code.lstrip("0"), code.zfill(13), code.zfill(14))}
    packages = rows_by_code.find(connection, "package", spelt, [version])
    codes = dict.fromkeys(row.values["product_code"] for one in sorted(spelt) for row in packages.at(one, version))
    products = rows_by_code.find(connection, "product", codes, [version])
    return [(code, row.values["description"], "barcode") for code in codes for row in products.at(code, version)]


def _with_words(connection: Connection, entity_id: int, version: int, words: Sequence[str]) -> list[bytes]:
    """Rows with most of the words, in any column."""
    text = _text(connection)
    shared: ColumnElement[int] = functools.reduce(
        operator.add, (case((text.ilike(_pattern(one)), 1), else_=0) for one in words)
    )
    query = (
        select(load_row.c.content)
        .where(load_row.c.entity_id == entity_id, published_rows.is_of(version), shared >= _least(words))
        .order_by(shared.desc(), load_row.c.key)
        .limit(_MOST_FOUND)
    )
    return [bytes(one) for one in connection.scalars(query)]


def _text(connection: Connection) -> ColumnElement[str]:
    if connection.dialect.name == "sqlite":
        return cast(load_row.c.content, Text)
    return func.convert_from(load_row.c.content, "UTF8")


def _pattern(word: str) -> str:
    """A letter with an accent stands for any: ERPs leave accents out, and SQLite tells é from É. One without stands for
    itself: any letter for every vowel would find half of the catalogue."""
    return "%" + "".join(one if one.isascii() else "_" for one in word) + "%"


def _lacking(words: Sequence[str], description: str) -> int:
    told = _plain(description)
    return sum(_plain(one) not in told for one in words)


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.casefold())
    return "".join(one for one in letters if not unicodedata.combining(one))
