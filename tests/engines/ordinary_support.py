"""An ERP of ordinary design beside the profile that docs/erp-profiles.md gives as its example, and a day of notes."""

import re
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from malote.erp.factory import open_erp
from malote.erp.mapping import ErpTables
from malote.erp.profiles.profile import read
from malote.erp.protocol import Erp
from malote.fiscal.documents import Item, Payment, Sale, Taxes
from tests.engines.sales import item, sale

ROOT = Path(__file__).parents[2]
DESIGN = Path(__file__).with_name("ordinary_erp.sql")

# A table of notes beside the sales: each sale's key stands there, and there alone.
WITH_NOTE = """
name = "nota_ao_lado"
[ledger]
table = "nota_chave"
[state]
table = "nota_venda"
[sale]
table = "nota_cupom"
key = "id"
[sale.columns]
liquido = "total"
estado = "present(cancelled_at, 'C', 'A')"
[note]
table = "nota_fiscal"
[note.columns]
cupom = "sale.key"
chave = "access_key"
protocolo = "protocol_number"
serie = "series"
situacao = "present(cancelled_at, '101', '100')"
[item]
table = "nota_linha"
[item.columns]
cupom = "sale.key"
ordem = "number"
codigo = "product_code"
qtd = "quantity"
valor = "gross"
"""


def documented_profile() -> str:
    """The example of the documentation, word for word."""
    page = (ROOT / "docs" / "erp-profiles.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(name = \"comercio\".*?)```", page, re.DOTALL)
    return str(example)


def open_ordinary(url: str, profile: str = "") -> Erp:
    return open_erp(url, lock_timeout_seconds=5, tables=ErpTables(read(profile or documented_profile(), "example")))


class Books:
    """What the ERP has, as its own programs would read it."""

    def __init__(self, url: str) -> None:
        self.database = psycopg.connect(url, autocommit=True)

    def make(self) -> None:
        """The ERP as its maker installed it, with goods of every code that ``day`` sells."""
        self.database.execute(DESIGN.read_text(encoding="utf-8"))  # type: ignore[arg-type, unused-ignore]
        self.database.execute(
            "insert into mercadoria (gtin, plu, nome)"
            " select '789' || lpad(n::text, 10, '0'), (10000 + n)::text, 'p' || n from generate_series(0, 99) n"
        )

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        return self.database.execute(statement).fetchall()  # type: ignore[arg-type, unused-ignore]

    def ask_nothing(self, *statements: str) -> None:
        for statement in statements:
            self.database.execute(statement)  # type: ignore[arg-type, unused-ignore]

    def one(self, statement: str) -> Any:
        return self.ask(statement)[0][0]


def goods(number: int, place: int = 1, *, quantity: str = "2", discount: int = 0, **changes: Any) -> Item:
    """An item that the ERP knows, by its GTIN or by its code alone."""
    gtin = f"789{number:010d}" if number % 2 else ""
    made = item(place, product=str(10_000 + number), quantity=quantity, price="7.90", gtin=gtin)
    return msgspec.structs.replace(made, discount=discount, **changes)


def day(count: int = 60) -> list[Sale]:
    """Weighed goods, discounts, two ways of paying with change on the cash, and taxes of Simples without any base."""
    return [_sale(number) for number in range(1, count + 1)]


def _sale(number: int) -> Sale:
    lines = [
        goods(number % 40, 1),
        goods(40 + number % 30, 2, quantity=f"0.{number % 900 + 100}"),
        goods(number % 40, 3, quantity="1", discount=79),
    ]
    if number % 3 == 0:
        lines.append(goods(70, 4, taxes=Taxes(icms_origin="0", icms_status="102")))
    made = sale(number, items=lines)
    card = made.totals.total // 2
    paid = (Payment("03", card), Payment("01", made.totals.total - card + 150))
    return msgspec.structs.replace(made, payments=paid, change=150)


def cents(value: int) -> Decimal:
    return Decimal(value).scaleb(-2)


def expected_taxes(sales: Sequence[Sale]) -> dict[str, Decimal]:
    found: Counter[str] = Counter()
    for one in sales:
        for tax in (line.taxes for line in one.items):
            found["ICMS"] += tax.icms_amount
            found["PIS"] += tax.pis_amount
            found["COFINS"] += tax.cofins_amount
            found["IBS"] += tax.ibs_state_amount + tax.ibs_city_amount
            found["CBS"] += tax.cbs_amount
    return {name: cents(amount) for name, amount in found.items()}


def expected_stock(sales: Sequence[Sale], cancelled: Sequence[Sale] = ()) -> dict[str, Decimal]:
    """What left the shelf and did not come back, by the goods' code."""
    found: dict[str, Decimal] = {}
    for one in sales:
        for line in one.items:
            found[line.product_code] = found.get(line.product_code, Decimal()) + line.quantity
    for one in cancelled:
        for line in one.items:
            found[line.product_code] -= line.quantity
    return found


STOCK = """
    select plu, sum(case sentido when 'S' then qtd else -qtd end)
      from estoque_mov join mercadoria on mercadoria.id = estoque_mov.mercadoria group by plu
"""
