"""Reads the rows of an entity from the ERP, in batches: all of them, or those that changed since a watermark.

Memory stays that of a batch. The ERP is only read, in one statement, so that all rows are of one moment.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from math import isfinite
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, column, false, func, literal, or_, quoted_name, select, table, text
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import FromClause

from malote.batches import batches
from malote.erp.profiles.load_sources import constant_of
from malote.load_format.digest import key_bytes
from malote.load_format.entity import Entity, Row, UnfitValueError, Value
from malote.loads import written_values
from malote.loads.declarations import Loaded
from malote.loads.row_rules import EMPTY_RULES, RULES, RowError
from malote.loads.spared_rows import beginning_of_thing
from malote.loads.watermarks import Watermark, earlier, later

BATCH = 1000
_ASKED_AT_ONCE = 200  # keys
_CHANGED, _GONE = "malote_changed", "malote_gone"
_FALSE = (None, 0, "", "0", "n", "f", "false", "no", "nao", "não")
_NO_BARCODE = "SEM GTIN"  # what the fiscal document has for it, and many a catalogue
_DAY = 10  # characters of a day as a text


class Read(msgspec.Struct, frozen=True):
    """A row: fit to be loaded, gone, or refused with the reason; none of it: it is no row, as that of a product without
    a barcode. ``values``: as they came."""

    values: tuple[Any, ...]
    row: Row | None = None
    gone: Row | None = None  # nothing but its key is right
    refused: UnfitValueError | RowError | None = None


class ErpRows:
    """The rows of one entity. ``zone`` is that of times that the ERP has without one."""

    def __init__(
        self, loaded: Loaded, parameters: Mapping[str, str | int], zone: tzinfo | None, now: float | None = None
    ) -> None:
        """``now``: what says that it changed long after that is no watermark, or all until then would be passed by."""
        self._loaded = loaded
        self._now = now
        self._parameters = parameters
        self._zone = zone
        self._rules = [
            (place, one.name, *RULES[one.rule]) for place, one in enumerate(loaded.columns) if one.rule in RULES
        ]
        self._needed = {one.name for one in loaded.columns if one.required}
        self._barcodes = [place for place, one in enumerate(loaded.columns) if one.no_row_without]
        self.watermark: Watermark | None = None  # the newest change among what was read

    def read(self, connection: Connection, since: Watermark | None) -> Iterator[list[Read]]:
        """In batches; where ``since`` is None, all rows. Raises the driver's errors."""
        statement = self._statement(connection, since)
        streamed = connection.execution_options(stream_results=True, yield_per=BATCH)
        width = len(self._loaded.columns)
        for rows in streamed.execute(statement, self._bound()).partitions(BATCH):
            yield [self._read(tuple(row), width) for row in rows]

    def open(self, connection: Connection) -> None:
        """Asks for no row: whether table, columns and right to read them are there. Raises the driver's errors."""
        connection.execute(self._statement(connection, None).where(false()), self._bound()).close()

    def sign(self, connection: Connection, since: Watermark) -> tuple[Any, ...]:
        """How many rows changed since, and the newest change. Raises the driver's errors."""
        since_then = self._statement(connection, since).subquery()
        changed = since_then.c[_CHANGED]
        return tuple(connection.execute(select(func.count(), func.max(changed)), self._bound()).one())

    def doubled(self, connection: Connection, given: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Of rows read alone, those whose key other rows of the ERP have too: as they came.

        A new row with a barcode that another product has is seen so, though that one didn't change.
        """
        places = [place for place in self._loaded.entity.key_places if self._is_column(place)]
        found: Counter[tuple[Any, ...]] = Counter()
        for some in batches(given if places else (), _ASKED_AT_ONCE):
            # Wider than these keys, and found by whatever index there is; which of them they are is told apart here.
            found.update(self._there(connection, places, [self._among(place, some) for place in places]))
        return [row for row in given if found[tuple(row[place] for place in places)] > 1]

    @property
    def tells_things_apart(self) -> bool:
        """Whether what the key begins with is a column of the ERP's."""
        return self._is_column(self._loaded.entity.key_places[0])

    def keys_beside(self, connection: Connection, given: Sequence[tuple[Any, ...]]) -> tuple[set[bytes], set[bytes]]:
        """Keys of all rows of the ERP's whose key begins as that of one of ``given``, which came alone; and of those
        whose key can't be read the beginnings, b"" where that can't either."""
        places = self._loaded.entity.key_places
        keys: set[bytes] = set()
        unread: set[bytes] = set()
        for some in batches(given, _ASKED_AT_ONCE):
            for found in self._there(connection, places, [self._among(places[0], some)]):
                by_place = dict(zip(places, found, strict=True))
                values = tuple(by_place.get(place) for place in range(len(self._loaded.columns)))
                key = self.key_of(values)
                if key is None:
                    unread.add(self.thing_of(values) or b"")
                else:
                    keys.add(key)
        return keys, unread

    def _there(
        self, connection: Connection, places: Sequence[int], among: Sequence[ColumnElement[bool]]
    ) -> Iterator[tuple[Any, ...]]:
        """What stands in the columns of ``places``, of all rows of the ERP's that are so and aren't marked as gone."""
        source = self._loaded.source
        flag: ColumnElement[Any] = column(source.gone) if source.gone else literal(None)
        columns = [self._column(self._loaded.sources[place]).label(f"c{place}") for place in places]
        statement = select(*columns, flag.label(_GONE)).select_from(self._from()).where(*among)
        if source.where:
            statement = statement.where(text(f"({source.where})"))
        for *values, gone in connection.execute(statement, self._bound()):
            if not _is_true(gone):
                yield tuple(values)

    def _among(self, place: int, rows: Sequence[tuple[Any, ...]]) -> ColumnElement[bool]:
        """That the column of ``place`` has what one of ``rows`` has there."""
        one, values = self._column(self._loaded.sources[place]), {row[place] for row in rows}
        there = one.in_(values - {None})
        return or_(there, one.is_(None)) if None in values else there

    def _is_column(self, place: int) -> bool:
        written = self._loaded.sources[place]
        return isinstance(written, str) and constant_of(written) is None

    @property
    def entity(self) -> Entity:
        return self._loaded.entity

    # ---- what is asked ----

    def _statement(self, connection: Connection, since: Watermark | None) -> Select[Any]:
        source = self._loaded.source
        wanted: list[ColumnElement[Any]] = [
            self._column(one).label(f"c{place}") for place, one in enumerate(self._loaded.sources)
        ]
        for name, label in ((source.changed, _CHANGED), (source.gone, _GONE)):
            wanted.append((column(name) if name else literal(None)).label(label))
        statement = select(*wanted).select_from(self._from())
        if source.where:
            statement = statement.where(text(f"({source.where})"))
        if since is not None:
            changed: ColumnElement[Any] = column(source.changed)
            condition = changed >= earlier(since, source.overlap)
            statement = statement.where(or_(condition, changed.is_(None)))
        return statement

    def _column(self, written: str | int | bool | None) -> ColumnElement[Any]:
        if not isinstance(written, str):
            return literal(written)
        constant = constant_of(written)
        return column(written) if constant is None else literal(constant)

    def _from(self) -> FromClause:
        source = self._loaded.source
        if source.sql:
            names = [one for one in self._loaded.sources if isinstance(one, str) and constant_of(one) is None]
            names += [one for one in (source.changed, source.gone) if one]
            return text(source.sql).columns(*(column(one) for one in dict.fromkeys(names))).subquery("malote_rows")
        schema, _, name = source.table.rpartition(".")
        return table(name, schema=quoted_name(schema, None) if schema else None)

    def _bound(self) -> dict[str, Any]:
        used = f"{self._loaded.source.sql} {self._loaded.source.where}"
        return {name: value for name, value in self._parameters.items() if f":{name}" in used}

    # ---- what comes ----

    def _read(self, values: tuple[Any, ...], width: int) -> Read:
        changed, gone = values[width:]
        self.watermark = later(self.watermark, changed, self._now)
        given = values[:width]
        try:
            if any(_is_blank(given[place]) or given[place] == _NO_BARCODE for place in self._barcodes):
                return Read(given)
            if _is_true(gone):
                return Read(given, gone=self._key_alone(given))
            row = self._loaded.entity.row(self._whole(given))
            self._judge(row)
        except (UnfitValueError, RowError) as error:
            return Read(given, refused=error)
        return Read(given, row=row)

    def _whole(self, values: Sequence[Any]) -> list[Any]:
        return [self._value(one, value) for one, value in zip(self._loaded.columns, values, strict=True)]

    def _value(self, declared: Any, value: Any) -> Any:
        if isinstance(value, bytes) or (isinstance(value, Decimal | float) and not isfinite(value)):
            raise UnfitValueError(
                "load_value_unfit",
                entity=self._loaded.entity.name,
                column=declared.name,
                kind=declared.kind,
                reason=type(value).__name__ if isinstance(value, bytes) else str(value),
            )
        value = written_values.plain(declared, value)
        if value is None or (value == "" and declared.kind != "text"):
            return declared.absent
        if declared.kind == "instant":
            return self._end(value) if declared.name == "valid_until" else self._moment(value)
        if declared.kind == "text" and self._is_needed(declared.name) and _is_blank(value):
            return declared.absent
        if declared.kind == "boolean" and isinstance(value, str):
            return _TRUTHS.get(value.strip(), value)
        return _plain_text(value) if declared.kind == "text" else value

    def _is_needed(self, name: str) -> bool:
        """Whether a blank is no value of a column: where one must be there, and of what names the thing."""
        return name in self._needed or name == self._loaded.entity.key[0]

    def _moment(self, value: Any) -> Any:
        try:
            moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
        except ValueError:
            return value  # the entity says what is wrong with it
        if moment.year in (MINYEAR, MAXYEAR):  # no zone leads beyond the calendar
            return moment.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC)
        if moment.tzinfo is not None:
            return moment
        return moment.replace(tzinfo=self._zone) if self._zone else moment.astimezone()

    def _end(self, value: Any) -> Any:
        """A day is valid until it is over; one in the last year of the calendar is what an ERP without an empty end
        has for it, and PostgreSQL's infinity."""
        is_day = isinstance(value, date) and not isinstance(value, datetime)
        day = str(value) if is_day or (isinstance(value, str) and len(value.strip()) == _DAY) else None
        try:
            ends = datetime.fromisoformat(day.strip() if day else str(value))
        except ValueError:
            return value  # the entity says what is wrong with it
        if ends.year == MAXYEAR:
            return None
        return self._moment(ends + timedelta(days=1) if day else ends)

    def key_of(self, values: Sequence[Any]) -> bytes | None:
        """The key of a row as it came; None where it has none."""
        try:
            return key_bytes(self._loaded.entity, self._key_alone(values))
        except UnfitValueError:
            return None

    def thing_of(self, values: Sequence[Any]) -> bytes | None:
        """What the key of a row begins with that has none, as it came; None where that can't be read either."""
        entity, place = self._loaded.entity, self._loaded.entity.key_places[0]
        kept = msgspec.structs.replace(entity, key=entity.key[:1], columns=(entity.columns[place],))
        try:
            (code,) = kept.row([self._value(self._loaded.columns[place], values[place])])
        except UnfitValueError:
            return None
        return beginning_of_thing(code)

    def _key_alone(self, values: Sequence[Any]) -> Row:
        entity, columns = self._loaded.entity, self._loaded.columns
        kept = msgspec.structs.replace(entity, columns=tuple(entity.columns[place] for place in entity.key_places))
        key = kept.row([self._value(columns[place], values[place]) for place in entity.key_places])
        by_place = dict(zip(entity.key_places, key, strict=True))
        return tuple(by_place.get(place) for place in range(len(entity.columns)))

    def _judge(self, row: Row) -> None:
        for place, name, code, keeps in self._rules:
            value = row[place]
            if value is None or (value == "" and not self._loaded.columns[place].required):
                self._judge_empty(place, name, row)
                continue
            if not keeps(value, self._by_column(row)):
                shown = "•••" if self._loaded.columns[place].personal else str(value)[:60]
                raise RowError(code, entity=self._loaded.entity.name, column=name, value=shown)

    def _judge_empty(self, place: int, name: str, row: Row) -> None:
        rule = EMPTY_RULES.get(self._loaded.columns[place].rule)
        if rule is None or self._loaded.sources[place] is None:
            return
        code, may_be_so = rule
        if not may_be_so(self._by_column(row)):
            raise RowError(code, entity=self._loaded.entity.name, column=name)

    def _by_column(self, row: Row) -> dict[str, Value]:
        return dict(zip((one.name for one in self._loaded.columns), row, strict=True))


def _is_true(flag: Any) -> bool:
    return (flag.strip().lower() if isinstance(flag, str) else flag) not in _FALSE


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _plain_text(value: Any) -> Any:
    """Without the blanks that a column of fixed width fills up with; a whole number as its digits."""
    if isinstance(value, str):
        return value.rstrip(" ")
    if isinstance(value, Decimal | float) and value == int(value):
        return int(value)
    return value


_TRUTHS = {"S": 1, "s": 1, "N": 0, "n": 0, "T": 1, "t": 1, "F": 0, "f": 0, "true": 1, "false": 0, "": None}
_TRUTHS |= {"1": 1, "0": 0, "Y": 1, "y": 1}
