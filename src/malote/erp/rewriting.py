"""A booked sale written anew under its key: the authorised version takes the place of the one before it.

The ledger's entry then tells the new content; the former one's hash stays in the ledger beside it.
"""

from sqlalchemy import Connection

from malote.erp import numbers, rows, statements
from malote.erp.connecting import classified
from malote.erp.mapping import ErpTables
from malote.erp.protocol import Posting
from malote.fiscal.documents import Sale


def former(access_key: str, content_hash: bytes) -> str:
    """The ledger's identity of a version that another one took the place of."""
    return f"former:{access_key}:{content_hash.hex()[:32]}"


def reverse(key: str) -> str:
    """The ledger's identity of a sale's being taken back."""
    return f"reverse:{key}"


def rewrite(connection: Connection, erp: ErpTables, sale: Sale, till: str, *, cancelled: bool) -> None:
    """Header, items and payments. ``cancelled``: whether it stays so."""
    header = rows.sale_row(sale, till)
    for table, lines in ((erp.item, rows.item_rows(sale)), (erp.payment, rows.payment_rows(sale))):
        if table is None:
            continue
        with classified(table.name):
            connection.execute(statements.remove_of_key(table), {"of_key": sale.access_key})
            if lines:
                connection.execute(statements.add(table), table.rows(lines, header))
    changed = dict(erp.sale.change(header if cancelled else header | {"cancelled_at": None}))
    changed.pop("access_key", None)
    with classified(erp.sale.name):
        connection.execute(statements.change_sale(erp, list(changed)), {"of_key": sale.access_key, **changed})


def rewrite_entry(connection: Connection, erp: ErpTables, posting: Posting, sale: Sale) -> None:
    """The ledger's entry tells the new content."""
    entry = {"content_hash": posting.content_hash, "till": posting.till, "document_id": posting.document_id}
    numbers.change_entry(connection, erp, sale.access_key, entry)
