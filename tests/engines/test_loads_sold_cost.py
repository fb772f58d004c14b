"""What it costs to compare sold lines with the tills' lists: with the lines, and neither with list nor history."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, event

from malote import wire
from malote.database.engine import reading, writing
from malote.erp.profiles.load_sources import LoadSource
from malote.loads import entity_rows, price_history, published_rows, rows_by_code, sold_lines, tills_held
from malote.loads.price_history import PriceList
from malote.loads.sold_lines import ComparedSale
from malote.tills.till import create_till
from tests.engines.loads_support import PACKAGE, PRICE, Shop, store_beside_erp
from tests.engines.spool_support import NOON, sale

pytest_plugins = ("tests.engines.spool_fixtures",)

PROMOTION = LoadSource({"code": "cod", "product_code": "produto", "price": "preco"}, table="oferta")
TILL = 1


class Selling(Shop):
    def sold(self, number: int, code: str, price: str) -> ComparedSale:
        """A sale of one line, at noon."""
        made = sale(number, issued_at=NOON, items=1)
        item = msgspec.structs.replace(made.items[0], product_code=code, unit_price=Decimal(price))
        return ComparedSale(TILL, f"key{number}", msgspec.structs.replace(made, items=(item,)))

    def states(self, *lines: tuple[str, str]) -> list[str]:
        sales = [self.sold(number, *line) for number, line in enumerate(lines)]
        with reading(self.engine) as connection:
            return [one["state"] for one in sold_lines.compared(connection, sales)]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Selling]:
    """Its till had the first version until five minutes to noon, and then the second."""
    folder = tmp_path_factory.mktemp("shop")
    with store_beside_erp(folder, 30) as (engine, erp):
        erp.do("CREATE TABLE oferta (cod TEXT, produto TEXT, preco NUMERIC)")
        erp.do("INSERT INTO oferta VALUES ('O1', ?, 9)", [(str(code),) for code in range(1, 21)])
        made = Selling(engine, erp)
        made.sources = {"price": PRICE, "package": PACKAGE, "promotion": PROMOTION}
        create_till(engine, "caixa1")
        made.stage()
        erp.set_price(2, "11")
        made.stage()
        for version, minutes in ((1, 60), (2, 5)):
            with writing(engine) as connection:
                states = entity_rows.states_at(connection, version)
                held = {name: wire.EntityHeld(state.version, state.sha256) for name, (_, state) in states.items()}
                applied = int((NOON - timedelta(minutes=minutes)).timestamp())
                tills_held.note(connection, TILL, wire.LoadsHeld(version, applied, held), 0.0, NOON.timestamp())
        yield made


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    said: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith(("SELECT", "WITH")):
            said.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield said
    event.remove(engine, "before_cursor_execute", note)


def test_each_line_is_judged_by_its_own_product(shop: Selling) -> None:
    lines = {
        ("1", "10"): "right",
        ("1", "9"): "right",  # its promotion
        ("21", "9"): "differing",  # that of others
        ("2", "11"): "right",
        ("2", "10"): "right",  # scanned before the list came
        ("2", "12"): "differing",
        ("7890000000021", "10"): "right",  # sold under its barcode
        ("7890000000021", "12"): "differing",
        ("999", "10"): "unlisted",
        ("30", "10"): "right",
        ("3", "30"): "differing",
    }
    assert dict(zip(lines, shop.states(*lines), strict=True)) == lines


def test_as_many_questions_for_thirty_lines_as_for_two(shop: Selling) -> None:
    with counted(shop.engine) as few:
        shop.states(("1", "10"), ("7890000000021", "12"))
    with counted(shop.engine) as many:
        found = shop.states(*((str(code), "12") for code in range(1, 30)), ("7890000000021", "12"))
    assert found == ["differing"] * 30
    assert len(many) == len(few) <= 25, "\n".join(many)


_MANY = """
    INSERT INTO load_row SELECT 1, convert_to('["' || n || '","","",""]', 'UTF8'), 1, NULL, mod(n, 1024), '', ''
    FROM generate_series(1, 5000) AS n
"""


@pytest.mark.parametrize("count", [1, 3, rows_by_code.CODES_AT_ONCE])
def test_products_are_found_by_the_index(spool_engine: Engine, count: int) -> None:
    compiled = rows_by_code.query_of(count).compile(spool_engine)
    asked: dict[str, Any] = {"entity_id": 1, "first": 2, "last": 3}
    for number in range(count):
        begins, ends = rows_by_code.beginning(str(number))
        asked |= {f"begins_{number}": begins, f"ends_{number}": ends}
    given = compiled.construct_params(asked)
    is_sqlite = spool_engine.dialect.name == "sqlite"
    parameters: Any = tuple(given[name] for name in compiled.positiontup or ()) if is_sqlite else given
    with reading(spool_engine) as connection:
        if not is_sqlite:
            connection.exec_driver_sql("INSERT INTO load_entity VALUES (1, 'price', '', NULL, '', NULL, NULL)")
            connection.exec_driver_sql(_MANY)
            connection.exec_driver_sql("ANALYZE load_row")
        explain = "EXPLAIN QUERY PLAN" if is_sqlite else "EXPLAIN"
        plan = "\n".join(str(row[-1]) for row in connection.exec_driver_sql(f"{explain} {compiled}", parameters))
    if is_sqlite:
        assert plan.count("USING INDEX sqlite_autoindex_load_row_1 (entity_id=? AND key>? AND key<?)") == count, plan
    else:
        assert plan.count("Scan on load_row_key") + plan.count("Scan using load_row_key") == count, plan


def test_few_changes_are_found_by_their_versions(shop: Selling) -> None:
    with counted(shop.engine) as asked:
        assert len(list(published_rows.changed_keys(shop.engine, 1, 0, 1))) > 1
    with reading(shop.engine) as connection:
        plan = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked[-1]}", (1, 0, 1, 1, 0, 1, b"", 9, 0)).all())
    assert "load_row_from (entity_id=? AND version_from>? AND version_from<?)" in plan
    assert "load_row_to (entity_id=? AND version_to>? AND version_to<?)" in plan


def test_a_price_by_its_barcode_in_the_history(shop: Selling) -> None:
    with reading(shop.engine) as connection:
        lists = [PriceList(1), PriceList(2), PriceList(1, {'["2","","","1970-01-01T00:00:00Z"]': 2})]
        prices = price_history.Prices(connection, ["2", "7890000000002"], lists)
        found = [
            [row.values["price"] for row in prices.rows(code, one)] for code in ("2", "7890000000002") for one in lists
        ]
    assert found == [["10.00"], ["11.00"], ["11.00"]] * 2
