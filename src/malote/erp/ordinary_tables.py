"""What tables of ordinary design are filled with that Malote's own lack: a row per tax, movements of stock; and the
table of Malote's own that tells what became of each sale, since theirs need not.
"""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table

from malote.erp.tables import sale_item
from malote.erp.values import Exact, KeyText, Money, Whole, Words, ZonedTime
from malote.fiscal.documents import Item, Taxes

Row = dict[str, Any]

# Of each tax: the fields of ``Taxes`` with its base, its rates and its amounts; several are added together.
TAXES: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "ICMS": ("icms_base", ("icms_rate",), ("icms_amount",)),
    "ICMSST": ("icms_substitution_base", (), ("icms_substitution_amount",)),
    "FCP": ("", (), ("poverty_fund_amount",)),
    "IPI": ("", (), ("ipi_amount",)),
    "ISS": ("", (), ("service_amount",)),
    "PIS": ("pis_base", ("pis_rate",), ("pis_amount",)),
    "COFINS": ("cofins_base", ("cofins_rate",), ("cofins_amount",)),
    "IBS": ("reform_base", ("ibs_state_rate", "ibs_city_rate"), ("ibs_state_amount", "ibs_city_amount")),
    "IBSUF": ("reform_base", ("ibs_state_rate",), ("ibs_state_amount",)),
    "IBSMUN": ("reform_base", ("ibs_city_rate",), ("ibs_city_amount",)),
    "CBS": ("reform_base", ("cbs_rate",), ("cbs_amount",)),
    "IS": ("", (), ("selective_amount",)),
    "ICMSMONO": ("", (), ("icms_single_phase_amount",)),
    "PISST": ("", (), ("pis_substitution_amount",)),
    "COFINSST": ("", (), ("cofins_substitution_amount",)),
    "IBSMONO": ("", (), ("ibs_single_phase_amount",)),
    "CBSMONO": ("", (), ("cbs_single_phase_amount",)),
}
USUAL_TAXES = tuple(name for name in TAXES if name not in ("IBSUF", "IBSMUN"))  # which are in IBS

OF_TAXES = {name for base, rates, amounts in TAXES.values() for name in (base, *rates, *amounts)}

OUT, IN = "out", "in"


def _of_item() -> tuple[Column[Any], ...]:
    return tuple(Column(column.name, column.type) for column in sale_item.columns)


_metadata = MetaData()
tax = Table(
    "tax",
    _metadata,
    *_of_item(),
    Column("tax", Words(8)),
    Column("base", Money),
    Column("rate", Exact(4)),
    Column("amount", Money),
)
movement = Table(
    "movement",
    _metadata,
    *_of_item(),
    Column("direction", Words(3)),  # "out" or "in"
    Column("moved", Exact(4)),  # the quantity, below zero where it goes out
    Column("at", ZonedTime),  # when it was sold, or cancelled
)


def state(metadata: MetaData, name: str, schema: str | None) -> Table:
    """What became of each booked sale, with the sale as it was booked: what is given back later is what was taken.

    ``sale_key`` is what the ERP calls it, as text; a consumer stands in ``document`` only where the ERP has one too.
    """
    return Table(
        name,
        metadata,
        Column("access_key", KeyText(44), primary_key=True),
        Column("sale_key", Words),
        Column("till", Words, nullable=False),
        Column("total", Money, nullable=False),
        Column("issued_at", ZonedTime, nullable=False),
        Column("protocol_number", Words),
        Column("protocol_status", Whole(Integer)),
        Column("protocol_at", ZonedTime),
        Column("cancelled_at", ZonedTime),
        Column("document", LargeBinary, nullable=False),
        schema=schema,
    )


def tax_rows(item: Item, fields: Row, wanted: tuple[str, ...]) -> Iterator[Row]:
    """A row for each tax that there is a base or an amount of."""
    for name in wanted:
        base_of, rates_of, amounts_of = TAXES[name]
        base = getattr(item.taxes, base_of) if base_of else None
        amount = _sum(item.taxes, amounts_of)
        rates = [rate for one in rates_of if (rate := getattr(item.taxes, one)) is not None]
        if amount or (base and (rates or not rates_of)):
            yield fields | {
                "tax": name,
                "base": base,
                "rate": sum(rates, Decimal()) if rates else None,
                "amount": amount,
            }


def movement_row(fields: Row, direction: str, at: datetime) -> Row:
    """One item's goods as they leave the shelf or come back; ``quantity`` is above zero either way."""
    quantity = fields["quantity"]
    return fields | {"direction": direction, "moved": -quantity if direction == OUT else quantity, "at": at}


def _sum(taxes: Taxes, names: tuple[str, ...]) -> int:
    return sum(int(getattr(taxes, name)) for name in names)
