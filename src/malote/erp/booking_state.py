"""What became of each booked sale, where the ERP's tables need not tell: Malote's own table beside the ledger."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, bindparam, delete, insert, select, update

from malote.erp.looked_up import LookedUp, attached, parted
from malote.erp.ordinary_tables import Row
from malote.erp.profiles.compiled_expression import Row as Fields
from malote.fiscal.documents import Protocol, Sale, decode, encode

_STEP = 1000  # keys in one statement


class BookedState(msgspec.Struct, frozen=True):
    """A sale as it was booked, with the protocol that it has by now. ``key``: what the ERP calls it, "" for nothing;
    of several columns their values, as ``keys`` understands them. ``looked_up``: what queries found for it then."""

    sale: Sale
    key: str
    till: str
    looked_up: LookedUp = {}


def entry(
    sale: Sale, key: Any, till: str, protocol: Fields, *, with_consumer: bool, found: LookedUp | None = None
) -> Row:
    """A row of the table."""
    kept = sale if with_consumer else msgspec.structs.replace(sale, consumer="")
    return {
        "access_key": sale.access_key,
        "sale_key": "" if key is None else str(key),
        "till": till,
        "total": sale.totals.total,
        "issued_at": sale.issued_at,
        "document": attached(encode([kept]), found or {}),
        **protocol,
    }


def written_keys(values: Mapping[str, str]) -> str:
    """A key of several columns, by name, as the table keeps it."""
    return msgspec.json.encode(values).decode()


def keys(written: str) -> dict[str, str]:
    """What the table keeps of a key of several columns."""
    return msgspec.json.decode(written, type=dict[str, str]) if written else {}


def add(connection: Connection, state: Table, entries: Sequence[Row]) -> None:
    connection.execute(insert(state), entries)


def change(connection: Connection, state: Table, changed: Mapping[str, Row]) -> None:
    """Sets these fields (of all sales the same ones) by access key."""
    statement = update(state).where(state.c.access_key == bindparam("of_key"))
    values: dict[str, Any] = {name: bindparam(name) for name in next(iter(changed.values()))}
    ordered = [{"of_key": key, **fields} for key, fields in sorted(changed.items())]
    connection.execute(statement.values(values), ordered)


def remove(connection: Connection, state: Table, access_keys: Iterable[str]) -> None:
    connection.execute(delete(state).where(state.c.access_key == bindparam("of_key")), _of_keys(access_keys))


def _of_keys(access_keys: Iterable[str]) -> list[Row]:
    return [{"of_key": key} for key in sorted(access_keys)]


def kept(connection: Connection, state: Table, keys: Iterable[str]) -> dict[str, BookedState]:
    """Those of these sales that are booked, by access key."""
    ordered, found = sorted(set(keys)), {}
    for start in range(0, len(ordered), _STEP):
        some = select(state).where(state.c.access_key.in_(ordered[start : start + _STEP]))
        for row in connection.execute(some).mappings():
            found[row["access_key"]] = _kept(row)
    return found


def _kept(row: Any) -> BookedState:
    document, looked_up = parted(bytes(row["document"]))
    (sale,) = decode(document)
    assert isinstance(sale, Sale)  # noqa: S101 written by ``entry`` above
    status = row["protocol_status"]
    protocol = None if status is None else Protocol(row["protocol_number"] or "", status, row["protocol_at"])
    booked = msgspec.structs.replace(sale, protocol=protocol)
    return BookedState(booked, row["sale_key"] or "", row["till"], looked_up)


def numbers(connection: Connection, state: Table, keys: Sequence[str]) -> dict[str, str]:
    """What the ERP calls those of these sales that are booked, by access key."""
    asked = select(state.c.access_key, state.c.sale_key).where(state.c.access_key.in_(keys))
    return {key: number or "" for key, number in connection.execute(asked)}
