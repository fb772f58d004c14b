"""What the ERP says becomes a version: what changed, what is refused, what waits for a person."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine, select, update

from malote.database.engine import reading, writing
from malote.database.load_tables import load_hold, load_refusal, load_version
from malote.erp.profiles.load_sources import LoadColumn, LoadSource
from malote.erp.protocol import ErpError
from malote.loads import declarations, forgetting, published_rows
from malote.loads.row_rules import RULES
from malote.loads.versions import LoadError
from tests.engines.loads_support import PACKAGE, PRICE, PRODUCT, Erp, Shop, refused, store_beside_erp, with_columns

pytest_plugins = ("tests.engines.spool_fixtures",)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with store_beside_erp(tmp_path) as (engine, erp):
        yield Shop(engine, erp)


def test_the_first_version_has_all_and_the_next_only_what_changed(spool_engine: Engine, tmp_path: Path) -> None:
    shop = Shop(spool_engine, Erp(tmp_path / "erp.sqlite3"))
    first = shop.stage()
    assert (first.version, first.made) == (1, True)
    assert {one.entity: one.rows for one in first.entities} == {
        "product": 50,
        "package": 50,
        "price": 50,
        "operator": 1,
    }
    assert shop.rows("product")[0][:3] == ("1", "Produto 1", None)
    assert set(shop.prices().values()) == {"10.00"}, "of this store alone"
    again = shop.stage()
    assert (again.version, again.made) == (1, False), "where nothing changed there is no version"
    shop.erp.set_price(7, "12.50")
    found = {one.entity: one for one in shop.stage().entities}
    assert (found["price"].changed, found["price"].new, found["price"].gone) == (1, 0, 0)
    assert shop.prices()["7"] == "12.50"
    assert shop.prices(1)["7"] == "10.00", "what it was is known"
    assert (len(shop.rows("product", 1)), len(shop.rows("product", 2))) == (50, 50)
    shop.erp.do("DELETE FROM embalagem WHERE cod = 4")
    shop.erp.do("UPDATE produto SET ncm = '1' WHERE cod = 4")
    found = {one.entity: one for one in shop.stage().entities}
    assert (found["package"].gone, found["product"].refused, len(shop.rows("package"))) == (1, 1, 49)
    assert refused(shop) == {"product": "load_ncm_unknown"}
    shop.erp.connection.close()


def test_with_a_column_of_changes_only_those_are_read(shop: Shop) -> None:
    shop.erp.set_price(1, "11")
    shop.erp.set_price(2, "12")
    shop.stage()
    shop.erp.set_price(3, "13")
    report = shop.staged("price")
    assert (report.read, report.changed, report.whole) == (2, 1, False), "and what the overlap reads again"
    # One that was written before the newest that was read, and committed after it.
    shop.erp.do("UPDATE preco SET preco = 15, alterado = ? WHERE cod = 5 AND loja = 3", [(shop.erp.turn - 1,)])
    assert shop.staged("price").changed == 1
    # What never touched its column is found once all is compared.
    shop.erp.do("UPDATE preco SET preco = 16 WHERE cod = 6 AND loja = 3")
    assert shop.staged("price").changed == 0
    assert shop.staged("price", whole=True).changed == 1


def test_rows_go_where_all_are_compared_and_where_the_erp_says_so(shop: Shop) -> None:
    shop.stage()
    shop.erp.do("DELETE FROM embalagem WHERE cod = 4")
    assert shop.staged("package").gone == 1
    shop.erp.do("UPDATE preco SET excluido = 'S', alterado = 100 WHERE cod = 4 AND loja = 3")
    assert shop.staged("price").gone == 1
    assert "4" not in shop.prices()
    shop.erp.do("INSERT INTO preco VALUES (4, 3, 20, NULL, NULL, 110, 'N')")
    assert shop.staged("price").new == 1, "another row took its place"
    assert shop.prices()["4"] == "20.00"


def test_events_that_overlap_are_found_before_any_till_has_them(shop: Shop) -> None:
    shop.stage()
    event = "INSERT INTO preco VALUES (7, 3, ?, ?, ?, ?, 'N')"
    shop.erp.do(event, [(8, "2099-12-01T00:00:00", "2099-12-10T00:00:00", 10)])
    assert (shop.staged("price").new, refused(shop)) == (1, {})
    shop.erp.do(event, [(7, "2099-12-08T00:00:00", "2099-12-20T00:00:00", 20)])
    assert (shop.staged("price").refused, refused(shop)) == (1, {"price": "load_event_conflict"})
    assert len(shop.rows("price")) == 51
    with reading(shop.engine) as connection:
        (facts,) = connection.scalars(select(load_refusal.c.facts))
    assert "2099-12-08T00:00:00Z – 2099-12-20T00:00:00Z" in facts
    assert shop.staged("price", whole=True).refused == 1, "by whatever look"
    shop.erp.do("UPDATE preco SET de = '2099-12-10T00:00:00', alterado = 30 WHERE alterado = 20")
    shop.staged("price", whole=True)
    assert (refused(shop), len(shop.rows("price"))) == ({}, 52)


def test_a_new_row_with_the_key_of_one_that_did_not_change_is_seen(shop: Shop) -> None:
    shop.sources["package"] = msgspec.structs.replace(PACKAGE, changed="rowid", overlap=0)
    shop.stage()
    shop.erp.do("INSERT INTO embalagem VALUES ('7890000000008', 40)")
    assert (shop.staged("package").refused, refused(shop)) == (1, {"package": "load_key_twice"})
    assert ("7890000000008", "8") in {row[:2] for row in shop.rows("package")}


HELD = [
    ("DELETE FROM produto", "product", "load_would_empty"),
    ("DELETE FROM produto WHERE cod > 44", "product", "load_gone_many"),
    ("UPDATE preco SET preco = 1, alterado = 10 WHERE cod < 22", "price", "load_changed_many"),
    ("UPDATE produto SET descr = NULL WHERE cod < 7", "product", "load_refused_many"),
]


@pytest.mark.parametrize(("planted", "entity", "code"), HELD)
def test_what_changes_too_much_waits_for_a_person_and_the_others_go_on(
    shop: Shop, planted: str, entity: str, code: str
) -> None:
    shop.stage()
    before = shop.rows(entity)
    shop.erp.do(planted)
    shop.erp.do("UPDATE operador SET nome = 'Outra'")
    found = {one.entity: one for one in shop.stage().entities}
    assert (found[entity].code, found["operator"].code, found["operator"].changed) == (code, "", 1)
    assert found[entity].facts["rows"] == "50"
    assert shop.rows(entity) == before
    with writing(shop.engine) as connection:
        connection.execute(update(load_hold).values(confirmed_by="ana"))
    never = code if code == "load_would_empty" else ""
    assert shop.staged(entity).code == never, "an empty list is let through by nobody"
    with reading(shop.engine) as connection:
        assert len(connection.execute(select(load_hold)).all()) == bool(never)
    assert shop.rows(entity) != before or code in ("load_refused_many", never)


def test_a_person_confirms_what_was_shown_and_no_more(shop: Shop) -> None:
    shop.stage()
    shop.erp.do("DELETE FROM produto WHERE cod > 44")
    shop.stage()
    with writing(shop.engine) as connection:
        connection.execute(update(load_hold).values(confirmed_by="ana"))
    shop.erp.do("DELETE FROM produto WHERE cod > 40")
    assert shop.staged("product").code == "load_gone_many"
    assert len(shop.rows("product")) == 50


def test_a_look_at_what_changed_does_not_let_go_what_only_a_look_at_all_rows_finds(shop: Shop) -> None:
    shop.stage()
    shop.erp.do("DELETE FROM preco WHERE cod > 40")
    assert shop.staged("price", whole=True).code == "load_gone_many"
    for whole in (False, True):
        shop.staged("price", whole=whole)
        with reading(shop.engine) as connection:
            assert connection.execute(select(load_hold.c.code)).scalars().all() == ["load_gone_many"]
    shop.erp.do("INSERT INTO preco SELECT cod, 3, 10, NULL, NULL, 0, 'N' FROM produto WHERE cod > 40")
    shop.staged("price", whole=True)
    with reading(shop.engine) as connection:
        assert connection.execute(select(load_hold)).all() == []


def test_an_entity_that_cannot_be_read_holds_back_none_of_the_others(shop: Shop) -> None:
    shop.sources["product"] = with_columns(PRODUCT, unit="sem_coluna")
    report = shop.stage()
    assert {one.entity: one.code for one in report.entities if one.code} == {"product": "load_entity_unreadable"}
    assert len(shop.rows("price")) == 50


def test_an_erp_that_is_away_changes_nothing(shop: Shop) -> None:
    shop.stage()
    shop.erp.set_price(1, "99")
    shop.erp.url = "sqlite:////nowhere/erp.sqlite3"
    with pytest.raises(ErpError) as raised:
        shop.stage()
    assert raised.value.transient
    with reading(shop.engine) as connection:
        assert list(connection.scalars(select(load_version.c.id))) == [1]


def test_an_entity_declared_otherwise_is_read_anew(shop: Shop) -> None:
    shop.stage()
    shop.sources["product"] = with_columns(PRODUCT, shelf=LoadColumn("ncm", longest=20))
    report = shop.staged("product")
    assert (report.new, report.gone, report.rows) == (50, 0, 50)
    assert shop.rows("product")[0][-1] == "22021000"
    assert len(shop.rows("product", 1)[0]) == len(shop.rows("product")[0]) - 1


def test_an_entity_of_the_retailers_own(shop: Shop) -> None:
    columns = {"code": LoadColumn("cod", "integer"), "text": LoadColumn("descr", longest=200)}
    sql = "SELECT cod, descr FROM produto WHERE :outra = 'x' AND cod = 1"
    shop.sources = {"recipe": LoadSource(columns, sql=sql, key=["code"])}  # type: ignore[arg-type]
    assert shop.staged("recipe").rows == 1
    assert shop.rows("recipe") == [(1, "Produto 1")]


def test_what_differs_is_shown_without_what_is_personal_in_the_key_too(shop: Shop) -> None:
    columns = {"document": LoadColumn("cod", personal=True), "name": LoadColumn("nome", personal=True)}
    shop.sources = {"member": LoadSource(columns, table="operador", key=["document"])}  # type: ignore[arg-type]
    shop.stage()
    (found,) = published_rows.differences(shop.engine, 0, 1, None)
    assert (found.key, found.after) == (["•••"], {"document": "•••", "name": "•••"})
    shop.erp.do("UPDATE operador SET nome = 'Outra'")
    shop.stage()
    (found,) = published_rows.differences(shop.engine, 1, 2, None)
    assert (found.before, found.after) == ({"document": "•••", "name": "•••"}, {"document": "•••", "name": "••• ≠"})


def test_what_is_beyond_its_retention_goes_a_few_rows_at_a_time(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "_AT_ONCE", 2)
    shop.stage()
    for code in range(1, 6):
        shop.erp.set_price(code, "11")
    shop.stage()
    shop.erp.set_price(6, "12")
    shop.stage()
    newest, one_before = shop.rows("price"), shop.rows("price", 2)
    assert forgetting.forget(shop.engine, shop.clock.now) == 5
    assert forgetting.forget(shop.engine, shop.clock.now) == 0
    assert (shop.rows("price"), shop.rows("price", 2)) == (newest, one_before)


def test_a_dry_run_says_the_same_and_changes_nothing(shop: Shop) -> None:
    report = shop.stage(dry_run=True)
    assert (report.made, report.version, report.entities[0].new) == (True, 0, 50)
    with reading(shop.engine) as connection:
        assert connection.execute(select(load_version)).all() == []


def test_what_another_process_made_meanwhile_is_compared_with(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.stage()
    shop.erp.set_price(2, "22")
    real, others = shop.staging._compared, [1]

    def compared(*given: object) -> object:
        found = real(*given)  # type: ignore[arg-type]
        if others:
            others.pop()
            shop.erp.set_price(3, "33")
            Shop(shop.engine, shop.erp).stage("price")
        return found

    monkeypatch.setattr(shop.staging, "_compared", compared)
    assert shop.stage().made is False
    assert (shop.prices()["2"], shop.prices()["3"]) == ("22.00", "33.00")


@pytest.mark.parametrize(("names", "code"), [(("nada",), "load_entity_unknown"), ((), "load_no_sources")])
def test_what_there_is_nothing_of_is_said(shop: Shop, names: tuple[str, ...], code: str) -> None:
    shop.sources = shop.sources if names else {}
    with pytest.raises(LoadError, match=code):
        shop.stage(*names)


def test_times_without_a_zone_are_the_stores(shop: Shop) -> None:
    shop.sources = {"price": PRICE}
    shop.erp.do("UPDATE preco SET de = '2026-11-28 06:00:00', ate = '2026-11-29 00:00:00' WHERE cod = 1")
    shop.erp.do("UPDATE preco SET de = '0001-01-01', ate = '2026-11-29' WHERE cod = 2")
    shop.erp.do("UPDATE preco SET ate = '9999-12-31 23:59:59' WHERE cod = 3")
    shop.stage()
    spans = {str(row[0]): row[3:5] for row in shop.rows("price")}
    assert spans["1"] == ("2026-11-28T06:00:00Z", "2026-11-29T00:00:00Z")
    assert spans["2"] == ("0001-01-01T00:00:00Z", "2026-11-30T00:00:00Z"), "a day is valid until it is over"
    assert spans["3"] == ("1970-01-01T00:00:00Z", None), "what ends in the year 9999 has no end"


def test_every_built_in_entity_is_described() -> None:
    page = (Path(__file__).parents[2] / "docs" / "loads.md").read_text(encoding="utf-8")
    for name, one in declarations.built_in().items():
        assert f"| `{name}` | {', '.join(f'`{column}`' for column in one.key)} |" in page
        line = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
        groups = [column[:-1] for column in re.findall(r"`(\w+_…)`", line)]
        for column in one.columns:
            assert f"`{column.name}`" in line or any(column.name.startswith(group) for group in groups), column.name
        assert all(column.rule in RULES for column in one.columns if column.rule)
