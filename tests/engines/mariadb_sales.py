"""A day of sales for the ERP on a MariaDB, and what it then holds of it."""

from collections.abc import Callable
from decimal import Decimal

from malote.erp.protocol import Erp
from tests.engines import mariadb_support as mercadinho
from tests.engines.classico import paid_in_cash
from tests.engines.sales import supermarket

Opened = Callable[..., Erp]
DAY = [paid_in_cash(one, change=137) if place % 3 == 0 else one for place, one in enumerate(supermarket(40))]
TABLES = ("venda_item", "venda_pagamento", "venda", "malote_chave", "malote_sale")


def taken(url: str) -> dict[str, Decimal]:
    return dict(mercadinho.ask(url, "SELECT codigo, -saldo FROM produto WHERE saldo <> 0"))


def counts(url: str) -> list[int]:
    return [mercadinho.ask(url, f"SELECT count(*) FROM {table}")[0][0] for table in ("venda", "malote_sale")]
