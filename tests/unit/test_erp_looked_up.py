"""What was looked up for a sale, behind its last field: earlier versions pass over it, and a later one finds it."""

import msgspec
import pytest

from malote.erp.looked_up import LookedUp, attached, may_write, parted
from malote.erp.profiles.queries import ProfileQuery
from malote.fiscal.documents import decode, encode
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
