"""Which product or method of payment it was that the ERP refused: what a person can map to another."""

from collections.abc import Iterable

from malote.erp.mapping import ErpTables, MappedTable
from malote.erp.protocol import ErpError
from malote.fiscal.documents import Document, Sale


def refused_codes(document: Document, error: ErpError, tables: ErpTables) -> dict[str, str]:
    """As facts of a reason, ``products`` and ``payments`` (tPag): of the values that were refused those which are codes
    of the document. Nothing else of them is kept, since they are a consumer's too."""
    if not error.quoted or not isinstance(document, Sale):
        return {}
    table = error.facts.get("table", "")
    of_payments = _is(tables.payment, table)
    # A product's stock may be refused as well as its line; two digits stand in many a column.
    products = [] if of_payments or _is(tables.sale, table) else [one.product_code for one in document.items]
    payments = [one.method for one in document.payments] if of_payments or not table else []
    return _named("products", products, error) | _named("payments", payments, error)


def _is(mapped: MappedTable | None, table: str) -> bool:
    return mapped is not None and table in (mapped.name, mapped.table.name)


def _named(fact: str, codes: Iterable[str], error: ErpError) -> dict[str, str]:
    refused = [code for code in dict.fromkeys(codes) if code in error.quoted]
    return {fact: ", ".join(refused)} if refused else {}
