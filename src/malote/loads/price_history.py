"""Which price had a product, at a till or in the newest version, now or at a moment: from the versions' history."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from malote.database.chunks import chunks
from malote.database.load_tables import load_version
from malote.load_format.entity import ALWAYS
from malote.loads import rows_by_code
from malote.loads.load_reports import PriceFound
from malote.loads.rows_by_code import CodeRow, CodeRows

NONE_CHOSEN: Mapping[str, int] = MappingProxyType({})


class PriceList(msgspec.Struct, frozen=True):
    """What a till had of prices, or of promotions: a version, and the keys of rows that are of another one."""

    version: int
    chosen: Mapping[str, int] = NONE_CHOSEN

    @property
    def versions(self) -> set[int]:
        return {self.version, *self.chosen.values()}


class Prices:
    """What some products cost, by some lists: a few questions for all of them."""

    def __init__(self, connection: Connection, products: Iterable[str], lists: Iterable[PriceList]) -> None:
        """``products``: codes, or barcodes of them."""
        versions = {version for one in lists for version in one.versions}
        wanted = set(products)
        self._rows = rows_by_code.find(connection, "price", wanted, versions)
        unknown = {one for one in wanted if not any(self._rows.at(one, version) for version in versions)}
        self._packages = rows_by_code.find(connection, "package", unknown, versions)
        meant = {self._meant(code, version) for code in unknown for version in versions}
        self._meant_rows = rows_by_code.find(connection, "price", meant, versions)

    def has(self, version: int) -> bool:
        """Whether the list of one of the versions is known here; its rows go with its retention."""
        return self._rows.has(version)

    def rows(self, product: str, wanted: PriceList) -> list[CodeRow]:
        """The product's rows of the list, by key, whenever they are valid."""
        found = of_list(self._rows, product, wanted)
        return found or of_list(self._meant_rows, self._meant(product, wanted.version), wanted)

    def _meant(self, code: str, version: int) -> str:
        """Of a code that has no price: the product whose barcode it is, or the one that it is with zeros before, which
        tills fill up with."""
        packed = next((str(one.values["product_code"]) for one in self._packages.at(code, version)), "")
        return packed or (code.lstrip("0") if code.isdigit() else "")


def of_list(rows: CodeRows, code: str, wanted: PriceList) -> list[CodeRow]:
    """Those of a product's rows that the list has, by key."""
    if not code:
        return []
    found = {one.key: one for one in rows.at(code, wanted.version) if one.key not in wanted.chosen}
    for version in set(wanted.chosen.values()):
        found |= {one.key: one for one in rows.at(code, version) if wanted.chosen.get(one.key) == version}
    return [found[key] for key in sorted(found)]


def prices(
    connection: Connection, product: str, version: int, moment: float, chosen: Mapping[str, int] = NONE_CHOSEN
) -> list[PriceFound]:
    """The product's rows of the price list at a version, valid or not at that moment. ``product``: its code, or a
    barcode of it. ``chosen``: keys of rows that are of another version than the rest."""
    wanted, at = PriceList(version, chosen), spelt(moment)
    rows = Prices(connection, [product], [wanted]).rows(product, wanted)
    made = _made_at(connection, {one.version_from for one in rows})
    forced = {one.key for one in in_force(rows, at)}
    return [
        PriceFound(_told(one.values), one.version_from, made.get(one.version_from), one.key in forced, one.is_put_off)
        for one in rows
    ]


def _told(values: Mapping[str, Any]) -> dict[str, Any]:
    """``valid_from`` None: it always was."""
    begins = values.get("valid_from")
    return {**values, "valid_from": None if begins is None or begins <= ALWAYS else begins}


def spelt(moment: float) -> str:
    """As the rows have it; ``moment``: seconds since the epoch."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def is_valid(values: Mapping[str, Any], at: str) -> bool:
    """``at``: as ``spelt``."""
    begins, ends = values.get("valid_from"), values.get("valid_until")
    return (begins is None or begins <= at) and (ends is None or at < ends)


def in_force(rows: Iterable[CodeRow], at: str) -> list[CodeRow]:
    """Of a product's prices those that a till sells at: of what is priced apart, the valid one that began last."""
    found: dict[tuple[object, ...], CodeRow] = {}
    for one in sorted(rows, key=lambda one: str(one.values["valid_from"])):
        if is_valid(one.values, at):
            found[one.values["unit"], one.values["region"]] = one
    return list(found.values())


def _made_at(connection: Connection, versions: Iterable[int]) -> dict[int, float]:
    found: dict[int, float] = {}
    for some in chunks(sorted(versions)):
        query = select(load_version.c.id, load_version.c.made_at).where(load_version.c.id.in_(some))
        found |= {row.id: row.made_at for row in connection.execute(query)}
    return found
