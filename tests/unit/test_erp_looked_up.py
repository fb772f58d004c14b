"""What was looked up for a sale, behind its last field: earlier versions pass over it, and a later one finds it."""

from datetime import date
from decimal import Decimal

import msgspec
import pytest

from malote.erp.looked_up import LookedUp, WrittenLookups, attached, may_write, parted
from malote.erp.mapping import ErpTables
from malote.erp.profiles.profile import read
from malote.erp.profiles.queries import ProfileQuery
from malote.fiscal.documents import decode, encode
from tests.engines.ordinary_support import documented_profile
from tests.engines.sales import sale

SOLD = encode([sale(1)])
FOUND: LookedUp = {"item": {"mercadoria": ["12", None]}, "sale": {"filial": ["1"]}}


@pytest.mark.parametrize("found", [{}, FOUND, {"item": {"m": ["9" * 18] * 990}}, {"note": {"n": ["é" * 70_000]}}])
def test_what_is_attached_is_parted_again(found: LookedUp) -> None:
    kept = attached(SOLD, found)
    assert parted(kept) == (SOLD, found)
    assert decode(kept) == decode(SOLD)
    assert (kept == SOLD) == (not found)


def test_a_later_version_of_a_sale_with_more_fields_keeps_its_own() -> None:
    fields = [*msgspec.msgpack.decode(SOLD)[0], "a field of tomorrow"]
    later = msgspec.msgpack.encode([fields])
    assert parted(attached(later, FOUND)) == (later, FOUND)


def test_what_the_first_version_attached_is_parted_as_well() -> None:
    found: LookedUp = {"item": {"mercadoria": ["12", None]}}
    said = b"\x81\xa4item\x81\xaamercadoria\x92\xa212\xc0" + b"\x00\x00\x00\x17\xc1LU\xc1"
    (fields,) = msgspec.msgpack.decode(SOLD, type=list[list[msgspec.Raw]])
    before = b"\x91\xdc\x00\x18" + b"".join(map(bytes, fields)) + b"\xc6\x00\x00\x00\x1f" + said
    assert parted(before) == (SOLD, found)


@pytest.mark.parametrize(
    ("sql", "kept_from_it", "may"),
    [
        ("select nextval('sq') where :x is not null", True, True),
        ("select NEXT  VALUE for sq where :x is not null", True, True),
        ("select id from produto where ean = :x", False, False),
        ("select id from produto where coalesce(ean, plu) in (:x) and exists (select 1)", False, False),
        ("select `proximo`(:x)", False, True),
        ("select loja.trim (:x)", False, True),
        ("select proximo(:x)", True, False),
    ],
)
def test_a_query_that_might_write_is_known(sql: str, kept_from_it: bool, may: bool) -> None:
    assert may_write(ProfileQuery(sql, ["x"]), kept_from_it=kept_from_it) is may


@pytest.mark.parametrize("value", [Decimal("1.239"), date(2026, 3, 2)])
@pytest.mark.parametrize("as_columns", [True, False])
def test_what_a_column_may_hold_rounded_is_kept_only_where_the_database_compares(
    value: object, as_columns: bool
) -> None:
    mapped = ErpTables(read(documented_profile(), "example")).item
    assert mapped is not None
    (key,) = [one.key for one in mapped.inserted if one.compiled.asks]
    lookups = WrittenLookups(as_columns=as_columns)
    lookups.note("item", mapped.inserted, [{key: 12}, {key: Decimal(7)}, {key: value}], ["sale"] * 3)
    kept = ["12", "7", str(value)] if as_columns else ["12", "7"]
    assert lookups.of("sale") == {"item": {"mercadoria": kept}}
