"""A sale's fields where the ERP's tables are of ordinary design: also what its payments and items add up to."""

from malote.erp import rows
from malote.erp.ordinary_tables import Row
from malote.erp.profiles.of_sale import ITEM_COUNT, PAID
from malote.fiscal.documents import Sale


def sale_row(sale: Sale, till: str) -> Row:
    """Its fields, with what was paid by each method and how many items there are."""
    paid: dict[str, int] = {}
    for payment in sale.payments:
        method = payment.method or ""
        paid[method] = paid.get(method, 0) + payment.amount
    return rows.sale_row(sale, till) | {PAID: paid, ITEM_COUNT: len(sale.items)}
