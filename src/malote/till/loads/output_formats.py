"""How rows of a load are written for a POS that reads files: CSV, JSON Lines, or lines of fixed width by a template."""

import csv
import io
import re
import string
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec

from malote.config.sections import LoadFileSettings
from malote.explained_error import ExplainedError
from malote.load_format.entity import Entity, Row

_SPEC = re.compile(r"([<>0])(\d{1,4})")  # left, right, or right with zeros before it; so many characters
_Text = Callable[[Row], str]
_Field = tuple[str, str, str, int, bool]  # literal, column, side, width, whether only its digits


class OutputError(ExplainedError):
    """The file can't be written so; facts: detail, what of it is wrong."""

    def __init__(self, detail: str) -> None:
        super().__init__("loads_file_unwritten", detail=detail)


def check(asked: LoadFileSettings) -> None:
    """Raises ``ValueError`` for what can't be meant, as far as it is known without the entity."""
    if asked.format == "fixed":
        fields = list(_fields(asked.template))
        if not any(name for _, name, _, _, _ in fields):
            raise ValueError("template: {column:<10}")
    elif asked.template:
        raise ValueError('template: format = "fixed"')


def lines(asked: LoadFileSettings, entity: Entity, rows: Iterable[Row]) -> Iterator[bytes]:
    """The file, line by line. Characters that its encoding lacks become ``?``. Raises ``OutputError``."""
    for line in _TEXTS[asked.format](asked, entity, rows):
        yield (line + asked.line_end).encode(asked.encoding, "replace")


def _csv(asked: LoadFileSettings, entity: Entity, rows: Iterable[Row]) -> Iterator[str]:
    places = _places(asked.columns, entity)
    text = io.StringIO()
    writer = csv.writer(text, delimiter=asked.separator, lineterminator="")
    for values in _and_then([entity.columns[place].name for place in places], rows, places, asked, entity):
        writer.writerow(values)
        yield text.getvalue()
        text.seek(0)
        text.truncate()


def _and_then(
    names: list[str], rows: Iterable[Row], places: list[int], asked: LoadFileSettings, entity: Entity
) -> Iterator[Sequence[str]]:
    yield names
    for row in rows:
        yield [_shown(row[place], entity.columns[place].kind, asked) for place in places]


def _json_lines(asked: LoadFileSettings, entity: Entity, rows: Iterable[Row]) -> Iterator[str]:
    places = _places(asked.columns, entity)
    names = [entity.columns[place].name for place in places]
    for row in rows:
        yield msgspec.json.encode(dict(zip(names, (row[place] for place in places), strict=True))).decode()


def _fixed(asked: LoadFileSettings, entity: Entity, rows: Iterable[Row]) -> Iterator[str]:
    parts = [_part(asked, entity, field) for field in _fields(asked.template)]
    for row in rows:
        yield "".join(part(row) for part in parts)


def _part(asked: LoadFileSettings, entity: Entity, field: _Field) -> _Text:
    literal, name, side, width, digits = field
    if not name:
        return lambda _row: literal
    (place,) = _places([name], entity)
    kind = entity.columns[place].kind

    def text(row: Row) -> str:
        value = _shown(row[place], kind, asked)
        if digits:
            value = ("-" if value.startswith("-") else "") + "".join(one for one in value if one.isdecimal())
        if side == "<":
            return literal + value[:width].ljust(width)
        if len(value) > width:
            raise OutputError(f"{name}: {len(value)} > {width}")
        return literal + (value.rjust(width) if side == ">" else value.zfill(width))

    return text


def _fields(template: str) -> Iterator[_Field]:
    """A last literal has no column. Raises ``ValueError``."""
    for literal, name, spec, conversion in string.Formatter().parse(template):
        if name is None:
            yield literal, "", "", 0, False
            continue
        found = _SPEC.fullmatch(spec or "")
        if found is None or not name.isidentifier() or conversion not in (None, "d"):
            raise ValueError(f"{{{name}:{spec}}}")
        yield literal, name, found[1], int(found[2]), conversion == "d"


def _places(names: Sequence[str], entity: Entity) -> list[int]:
    known = [column.name for column in entity.columns]
    missing = set(names) - set(known)
    if missing:
        raise OutputError(f"{entity.name}: {', '.join(sorted(missing))}")
    return [known.index(name) for name in names] or list(range(len(known)))


def _shown(value: Any, kind: str, asked: LoadFileSettings) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value).replace(".", asked.decimal) if kind == "decimal" else str(value)


_TEXTS = {"csv": _csv, "jsonl": _json_lines, "fixed": _fixed}
