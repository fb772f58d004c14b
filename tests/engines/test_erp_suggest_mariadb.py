"""A profile that was only guessed books a day into a MariaDB of foreign design."""

from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from malote.erp.factory import open_erp
from malote.erp.mapping import ErpTables
from malote.erp.profiles.profile import read
from malote.erp.suggesting.spelling import spelling_of
from malote.erp.suggesting.table_catalogue import look
from malote.erp.suggesting.writing import suggested
from tests.engines import mariadb_support as server
from tests.engines.ordinary_support import cents, day, expected_stock
from tests.engines.sales import cancellation, posting, postings

DESIGN = Path(__file__).parent / "erps" / "cupons.sql"
STANDS = """select cast(situacao as char), count(*), sum(valor_liquido)
            from cupons join cupons_nfce on cupom_id = cupons.id where hora_venda > '00:00' group by 1 order by 1"""


@pytest.fixture
def url() -> str:
    made = server.fresh_mariadb_url()
    server.run(made, *(one for one in DESIGN.read_text(encoding="utf-8").split("//") if one.strip()))
    return made


def test_a_guessed_profile_books_a_day_and_finds_goods_whatever_zeros_are_before_them(url: str) -> None:
    sold = day(20)
    goods = {item.product_code: item for sale in sold for item in sale.items}
    # Half of them are known by their barcode alone, of 14 digits.
    known = [
        (code if place % 2 else f"X{place}", line.gtin) for place, (code, line) in enumerate(sorted(goods.items()))
    ]
    with server.connected(url) as connection, connection.cursor() as cursor:
        insert = "insert into produtos (cod_interno, gtin, nome) values (%s, lpad(nullif(%s, ''), 14, '0'), 'p')"
        cursor.executemany(
            insert,
            [(one if gtin else code, gtin or "") for (one, gtin), code in zip(known, sorted(goods), strict=True)],
        )
    with closing(open_erp(url, lock_timeout_seconds=5)) as erp, erp.read_only() as connection:
        profile = suggested(look(connection, None), "guessed", "en", spelling_of(connection.dialect), lambda *_: 1)
    assert [line.partition(" ")[0] for line in profile.splitlines() if "  # ? " in line] == ["turno_id"]
    with closing(open_erp(url, lock_timeout_seconds=5, tables=ErpTables(read(profile, "guessed")))) as erp:
        erp.create_structure()
        assert erp.faults() == []
        assert {one.result for one in erp.post(postings(sold))} == {"posted"}
        assert [one.result for one in erp.post([posting(cancellation(sold[0]), document_id=99)])] == ["posted"]
    states = server.ask(url, STANDS)
    assert [(state, count) for state, count, _ in states] == [("ATIVO", 19), ("CANCELADO", 1)]
    assert sum((total for *_, total in states), Decimal()) == cents(sum(one.totals.total for one in sold))
    left = "select gtin, -saldo from estoque_saldos join produtos on produtos.id = produto_id where gtin is not null"
    by_barcode = {(goods[code].gtin or "").zfill(14): count for code, count in expected_stock(sold, sold[:1]).items()}
    assert all(by_barcode[gtin] == count for gtin, count in server.ask(url, left))
