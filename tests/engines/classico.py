"""An ERP of foreign design (``erps/classico.sql``), and the way into its own procedure (``erps/classico.toml``)."""

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from malote.erp.factory import open_erp
from malote.erp.mapping import ErpTables
from malote.erp.profiles.profile import load
from malote.erp.protocol import Erp
from malote.fiscal.documents import Payment, Sale

FOLDER = Path(__file__).parent / "erps"
PROFILE = FOLDER / "classico.toml"


def create(url: str, sold: Iterable[Sale]) -> None:
    """The ERP with the products of these sales."""
    products = {item.product_code: item for sale in sold for item in sale.items}
    with psycopg.connect(url) as connection:
        connection.execute((FOLDER / "classico.sql").read_bytes())
        for item in products.values():
            connection.execute(
                "insert into produto (ean, codigo_pdv, descricao) values (%s, %s, %s)",
                (item.gtin or None, item.product_code, item.description),
            )


def open_classico(url: str, profile: Path = PROFILE) -> Erp:
    erp = open_erp(url, lock_timeout_seconds=5, tables=ErpTables(load(str(profile))))
    erp.create_structure()
    return erp


def ask(url: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(statement.encode()).fetchall()


def paid_in_cash(sale: Sale, change: int) -> Sale:
    """The same sale, the first half of it by card, and more cash than the rest: so there is a change."""
    total = sale.totals.total
    paid = (Payment("03", total // 2), Payment("01", total - total // 2 + change))
    return msgspec.structs.replace(sale, payments=paid, change=change)


def money(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)


def expected_stock(sold: Iterable[Sale]) -> dict[str, Decimal]:
    """What left the shelf, by the till's code of the product."""
    left: dict[str, Decimal] = {}
    for sale in sold:
        for item in sale.items:
            left[item.product_code] = left.get(item.product_code, Decimal(0)) + item.quantity
    return left


LEFT = """select p.codigo_pdv, sum(case m.tipo when 'S' then m.qtd else -m.qtd end)
            from estoque_movimento m join produto p on p.id = m.produto_id group by 1"""
