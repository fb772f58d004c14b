"""What every engine of the ERP must do, on a real database of each."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from malote.erp.engines import open_erp
from malote.erp.protocol import Erp, ErpError, Result
from malote.fiscal.documents import Item, Payment, Sale, Taxes
from tests.engines import sales
from tests.engines.erp_support import Tables, post, results
from tests.engines.sales import cancellation, contingency, item, number_void, postings, sale, supermarket

pytest_plugins = ["tests.engines.erp_fixtures"]

POSTED, DUPLICATE, DIVERGENT = Result.POSTED, Result.DUPLICATE, Result.DIVERGENT


# ---- a sale, once ----


def test_a_batch_is_booked_with_everything_in_it(erp: Erp, tables: Tables) -> None:
    batch = supermarket(25)
    assert set(post(erp, *batch)) == {POSTED}
    counts = tables.counts()
    assert (counts["sale"], counts["sale_item"], counts["payment"], counts["posting_key"]) == (25, 200, 50, 25)
    for one in batch:
        assert tables.sale(one.access_key) == one


def test_nothing_of_nothing_is_booked(erp: Erp, tables: Tables) -> None:
    assert erp.post([]) == []
    assert set(tables.counts().values()) == {0}


def test_every_field_survives_to_its_last_digit(erp: Erp, tables: Tables) -> None:
    amounts = iter(range(1, 1000))
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(Taxes):
        number = next(amounts)
        values[field.name] = {int: number, str: f"t{number}"}.get(field.type, Decimal(number).scaleb(-4))
    taxes = Taxes(**values)
    line = msgspec.structs.replace(
        item(7),
        quantity=Decimal("12345678901.2345"),
        unit_price=Decimal("12345678.0123456789"),
        gross=9_999_999_999_999_99,
        discount=11,
        freight=12,
        insurance=13,
        other=14,
        in_total=False,
        taxes=taxes,
    )
    totals = msgspec.structs.replace(
        sales.totals([line]), **{f.name: next(amounts) for f in msgspec.structs.fields(type(sales.totals([line])))}
    )
    one = contingency(
        1,
        items=(line,),
        authorised=True,
        totals=totals,
        layout="3.10",
        consumer="ESTRANGEIRO 1",
        payments=(Payment("99", 1, "01027058000191", "02", "A1", "VALE"), Payment("17", 2)),
    )
    assert post(erp, one) == [POSTED]
    assert tables.sale(one.access_key) == one


@pytest.mark.parametrize(
    "text", ["a\tb", "a\nb", "a\r\nb", "\\", "\\N", "\\.", "a\\tb", "é ç ã 中 🛒", "'; --", '"', "{},", "\x0b\x1f", " "]
)
def test_text_is_kept_as_it_is(erp: Erp, tables: Tables, text: str) -> None:
    one = sale(1, items=(item(1, product=text, description=text), item(2)), consumer=text)
    other = sale(2)
    assert post(erp, one, other) == [POSTED, POSTED]
    assert tables.sale(one.access_key) == one
    assert tables.sale(other.access_key) == other
    assert text in tables.stock()


def test_absent_values_stay_absent(erp: Erp, tables: Tables) -> None:
    one = sale(1, items=(item(gtin="", ncm="", product="", taxes=Taxes()),), payments=(), layout="")
    assert post(erp, one) == [POSTED]
    assert tables.sale(one.access_key) == one


@pytest.mark.parametrize("written", ["1E+2", "100", "1.50000000", "0E-4", "-3.5", "0.0001", "1E-4"])
def test_numbers_may_be_written_in_any_way(erp: Erp, tables: Tables, written: str) -> None:
    one = _with(sale(1), msgspec.structs.replace(item(), quantity=Decimal(written)))
    assert post(erp, one) == [POSTED]
    assert tables.sale(one.access_key).items[0].quantity == Decimal(written)
    assert tables.stock()["1001"] == -Decimal(written)


@pytest.mark.parametrize(
    "written", ["0.00001", "NaN", "Infinity", "1E+11", "123456789012.0", "1.00000000000000000000000000001"]
)
def test_a_number_that_would_be_changed_is_refused(erp: Erp, tables: Tables, written: str) -> None:
    wrong = msgspec.structs.replace(item(), quantity=Decimal(written))
    with pytest.raises(ErpError) as refused:
        erp.post(postings([sale(1), sale(2, items=(item(),), payments=()), _with(sale(3), wrong)]))
    assert (refused.value.code, refused.value.transient) == ("value_out_of_range", False)
    assert written not in refused.value.detail
    assert set(tables.counts().values()) == {0}


def test_an_amount_beyond_its_column_is_refused(erp: Erp, tables: Tables) -> None:
    one = sale(1)
    with pytest.raises(ErpError) as refused:
        post(erp, msgspec.structs.replace(one, totals=msgspec.structs.replace(one.totals, total=10**15)))
    assert refused.value.code == "value_out_of_range"
    assert set(tables.counts().values()) == {0}


def test_a_number_beyond_every_integer_is_refused(erp: Erp, tables: Tables) -> None:
    with pytest.raises(ErpError) as refused:
        post(erp, msgspec.structs.replace(sale(1), number=2**64 - 1))
    assert refused.value.code == "value_out_of_range"
    assert set(tables.counts().values()) == {0}


# ---- the same sale again ----


def test_the_same_sale_again_is_a_duplicate_however_often(erp: Erp, tables: Tables) -> None:
    one = sale(1)
    assert post(erp, one) == [POSTED]
    before = (tables.counts(), tables.stock())
    for first_id in (10, 20):
        assert post(erp, one, first_id=first_id) == [DUPLICATE]
    assert (tables.counts(), tables.stock()) == before


def test_a_document_that_meets_its_own_booking_was_posted_and_is_no_duplicate(erp: Erp, tables: Tables) -> None:
    batch = postings([sale(1), cancellation(sale(1)), number_void()])
    assert results(erp.post(batch)) == [POSTED] * 3
    before = (tables.counts(), tables.stock())
    assert results(erp.post(batch)) == [POSTED] * 3
    assert (tables.counts(), tables.stock()) == before


def test_twice_in_one_batch_the_first_is_booked_and_the_second_compared(erp: Erp, tables: Tables) -> None:
    other = sale(1, change=400)
    assert post(erp, sale(1), sale(1), other, sale(2)) == [POSTED, DUPLICATE, DIVERGENT, POSTED]
    assert tables.stock() == {"1001": Decimal(-4)}
    assert tables.sale(sale(1).access_key).change == 500


def test_other_content_under_a_key_is_divergent_and_changes_nothing(erp: Erp, tables: Tables) -> None:
    one = sale(1, items=(item(1), item(2)), consumer="52998224725")
    post(erp, one)
    cheaper = msgspec.structs.replace(
        one.items[1], gross=1, taxes=msgspec.structs.replace(one.items[1].taxes, pis_amount=9)
    )
    other = msgspec.structs.replace(one, items=(one.items[0], cheaper), consumer="11144477735")
    outcome = erp.post(postings([other], first_id=9))[0]
    assert outcome.result is DIVERGENT
    assert outcome.facts == {"fields": "consumer, items[2].gross, items[2].taxes.pis_amount"}
    assert tables.sale(one.access_key) == one
    assert tables.counts()["posting_key"] == 1


def test_many_differences_are_counted(erp: Erp) -> None:
    one = sale(1, items=[item(number) for number in range(1, 21)])
    post(erp, one)
    other = _with(one, *[msgspec.structs.replace(line, gross=1) for line in one.items])
    fields = erp.post(postings([other], first_id=9))[0].facts["fields"]
    assert fields.endswith("items[10].gross (+10)")


def test_the_same_sale_in_other_digits_is_a_duplicate(erp: Erp) -> None:
    post(erp, sale(1))
    line = msgspec.structs.replace(sale(1).items[0], quantity=Decimal("2.0000"), unit_price=Decimal("3.5"))
    elsewhere = _with(msgspec.structs.replace(sale(1), issued_at=sale(1).issued_at.astimezone(UTC)), line)
    assert post(erp, elsewhere, first_id=9) == [DUPLICATE]


def test_a_ledger_entry_whose_sale_was_archived_still_counts(erp: Erp, tables: Tables) -> None:
    post(erp, sale(1))
    tables.run("DELETE FROM sale", "DELETE FROM sale_item", "DELETE FROM payment")
    assert post(erp, sale(1), sale(1, change=1), first_id=9) == [DUPLICATE, DIVERGENT]
    assert tables.counts()["sale"] == 0


# ---- all or nothing ----


def test_one_refused_sale_undoes_the_batch(erp: Erp, tables: Tables) -> None:
    _refuse(erp, tables, product="666")
    poison = sale(3, items=(item(1), item(2, product="666")), consumer="52998224725")
    with pytest.raises(ErpError) as refused:
        post(erp, sale(1), cancellation(sale(1)), poison, number_void())
    assert (refused.value.code, refused.value.transient) == ("erp_constraint", False)
    assert "sale_item" in refused.value.detail
    assert "no_666" in refused.value.detail
    assert "52998224725" not in str(refused.value)
    assert set(tables.counts().values()) == {0}
    assert post(erp, sale(1), cancellation(sale(1)), number_void()) == [POSTED] * 3


def test_a_sale_that_the_erp_has_without_malote_is_refused_not_overwritten(erp: Erp, tables: Tables) -> None:
    post(erp, sale(1))
    tables.run("DELETE FROM posting_key")
    with pytest.raises(ErpError) as refused:
        post(erp, sale(1, change=1))
    assert refused.value.code == "erp_constraint"
    assert tables.sale(sale(1).access_key).change == 500


def test_two_lines_of_one_number_are_refused(erp: Erp, tables: Tables) -> None:
    with pytest.raises(ErpError) as refused:
        post(erp, sale(1, items=(item(1), item(1))))
    assert refused.value.code == "erp_constraint"
    assert set(tables.counts().values()) == {0}


@pytest.mark.parametrize("column", ["sale_item.cbs_amount", "sale.layout", "payment.brand", "posting_key.till"])
def test_a_missing_column_is_named(erp: Erp, tables: Tables, column: str) -> None:
    table, name = column.split(".")
    tables.run(f"ALTER TABLE {table} DROP COLUMN {name}")
    with pytest.raises(ErpError) as refused:
        post(erp, sale(1))
    assert (refused.value.code, refused.value.transient, refused.value.detail) == ("structure_outdated", False, column)


def test_a_missing_table_concerns_only_those_that_need_it(erp: Erp, tables: Tables) -> None:
    tables.run("DROP TABLE number_void")
    assert post(erp, sale(1), cancellation(sale(1))) == [POSTED, POSTED]
    with pytest.raises(ErpError) as refused:
        post(erp, number_void())
    assert (refused.value.code, refused.value.detail) == ("structure_outdated", "number_void")
    erp.create_structure()
    assert post(erp, number_void()) == [POSTED]


# ---- the books ----


def test_booked_sales_come_in_the_order_of_their_keys(erp: Erp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("malote.erp.connecting._STEP", 7)
    batch = [*supermarket(30), contingency(40)]
    post(erp, *batch, cancellation(batch[3]))
    found = list(erp.booked())
    assert [one.access_key for one in found] == sorted(one.access_key for one in batch)
    by_key = {one.access_key: one for one in found}
    for one in batch:
        seen = by_key[one.access_key]
        assert (seen.till, seen.total, seen.issued_at) == ("caixa1", one.totals.total, one.issued_at)
        assert seen.authorised == one.authorised
        assert seen.cancelled == (one is batch[3])
    assert all(before.access_key < after.access_key for before, after in pairwise(found))


def test_creating_the_structure_twice_changes_nothing(erp: Erp, tables: Tables) -> None:
    post(erp, sale(1))
    erp.create_structure()
    assert tables.counts()["sale"] == 1


def test_the_database_stamps_by_its_own_clock(erp: Erp, tables: Tables) -> None:
    from malote.erp.tables import posting_key
    from malote.erp.tables import sale as booked

    post(erp, sale(1))
    for column in (booked.c.posted_at, posting_key.c.posted_at):
        stamped = tables.ask(column.table.select().with_only_columns(column))[0][0]
        assert isinstance(stamped, datetime)
        assert stamped.tzinfo is not None
        assert abs((datetime.now(UTC) - stamped).total_seconds()) < 3600


@pytest.mark.parametrize("url", ["mysql://u:secret@h/d", "nonsense", "oracle+oracledb://x", ""])
def test_an_address_that_no_engine_understands_is_said(url: str) -> None:
    with pytest.raises(ErpError) as refused:
        open_erp(url, lock_timeout_seconds=1)
    assert refused.value.code == "erp_address_invalid"
    assert not re.search("secret", str(refused.value))


def _with(one: Sale, *lines: Item) -> Sale:
    return msgspec.structs.replace(one, items=lines)


def _refuse(erp: Erp, tables: Tables, product: str) -> None:
    """A rule of the ERP's own against one product."""
    if erp.engine == "postgresql":
        tables.run(f"ALTER TABLE sale_item ADD CONSTRAINT no_{product} CHECK (product_code <> '{product}')")
    else:
        tables.run(
            f"CREATE TRIGGER no_{product} BEFORE INSERT ON sale_item WHEN NEW.product_code = '{product}'"
            f" BEGIN SELECT RAISE(ABORT, 'no_{product}'); END"
        )
