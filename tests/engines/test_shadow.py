"""Shadow mode: everything compared with what another system booked, to the cent, and nothing written to the ERP."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from sqlalchemy import text

from malote.books.shadow import report
from malote.business_day import BusinessCalendar
from malote.erp.protocol import Erp, ErpError, Result
from malote.erp.shadow import Shadow
from malote.fiscal.documents import Sale
from tests.engines.erp_support import Tables
from tests.engines.ordinary_support import Books, day, open_ordinary
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url
from tests.engines.posting_support import Shop, open_shop
from tests.engines.sales import cancellation, number_void, posting, postings, sale, supermarket

pytest_plugins = ["tests.engines.erp_fixtures"]

DAY = date(2026, 3, 2)
BUSINESS = BusinessCalendar(ZoneInfo("America/Sao_Paulo"))


def judged(shop: Shop, erp: Callable[[], Erp]) -> dict[str, tuple[str, str]]:
    """What became of each sale and cancellation."""
    with closing(shop.poster(erp=lambda: Shadow(erp()))) as poster:
        poster.drain()
    found = shop.documents()
    return {f"{one.kind} {one.access_key}": (one.state, one.reason.code if one.reason else "") for one in found}


@pytest.fixture
def url() -> Iterator[str]:
    made = fresh_postgresql_url()
    yield made
    discard_postgresql(made)


def test_on_every_engine_what_is_there_is_same_and_what_is_not_waits(
    tmp_path: Path, erp: Erp, erp_url: str, tables: Tables
) -> None:
    sold = supermarket(6)
    erp.post(postings(sold[:4]))
    before = tables.counts()
    other = msgspec.structs.replace(sold[3], totals=msgspec.structs.replace(sold[3].totals, total=1))
    with open_shop(tmp_path, erp_url) as shop:
        shop.accept(*sold[:3], other, *sold[4:], cancellation(sold[0]), number_void())
        found = judged(shop, shop.erp)
        assert [found[f"sale {one.access_key}"] for one in sold] == [
            *[("kept", "shadow_same")] * 3,
            ("kept", "shadow_differs"),
            *[("waiting", "shadow_missing")] * 2,
        ]
        assert found[f"cancellation {sold[0].access_key}"] == ("waiting", "shadow_not_cancelled")
        assert ("kept", "shadow_not_compared") in found.values()
        differs = next(one.reason for one in shop.documents() if one.reason and one.reason.code == "shadow_differs")
        assert differs.facts["total"] == "1"
        assert differs.facts["erp_total"] == str(sold[3].totals.total)
        assert "sale.total 0.01 ≠ " in differs.facts["fields"]
    assert tables.counts() == before


def test_the_database_itself_keeps_a_shadow_from_writing(erp: Erp, tables: Tables) -> None:
    sold = sale(1)
    erp.post([posting(sold)])
    before = tables.counts()
    shadow = Shadow(erp)
    for statement in (
        "DELETE FROM sale",
        "UPDATE sale SET total = 0",
        "INSERT INTO stock (issuer, product_code, quantity) VALUES ('1', '1', 1)",
    ):
        with pytest.raises(Exception, match=r"(?i)read-?only"), shadow.read_only() as connection:
            connection.execute(text(statement))
    for refused in (
        lambda: shadow.supersede(posting(sold)),
        lambda: shadow.rehearse(posting(sold)),
        lambda: shadow.enter_before([sold.access_key]),
        lambda: shadow.create_structure(),
    ):
        with pytest.raises(ErpError, match="shadow_mode"):
            refused()
    assert [one.result for one in shadow.post([posting(sold), posting(sale(2), document_id=2)])] == [
        Result.KEPT,
        Result.WAITS,
    ]
    assert tables.counts() == before


def old_system(url: str, sold: list[Sale], cancelled: list[Sale]) -> Books:
    """An ERP of ordinary design as another system filled it: there is nothing of Malote's in it."""
    books = Books(url)
    books.make()
    with closing(open_ordinary(url)) as erp:
        erp.create_structure()
        erp.post(postings(sold))
        erp.post([posting(cancellation(one), document_id=1000 + at) for at, one in enumerate(cancelled)])
    books.database.execute("drop table malote_chave, malote_venda")
    return books


@pytest.mark.postgresql
def test_a_day_of_an_erp_of_ordinary_design_to_the_cent(tmp_path: Path, url: str) -> None:
    sold = day(12)
    lost, unseen, dearer, later, weighed, undone = sold[:6]
    books = old_system(url, [one for one in sold if one is not lost], [sold[8]])
    for statement, key in (
        ("update cupom set liquido = liquido + 0.01 where chave = %s", dearer.access_key),
        ("update cupom set emitido = emitido + interval '1 minute' where chave = %s", later.access_key),
        ("update cupom_linha set qtd = qtd + 1 where ordem = 2 and cupom = (select id from cupom where chave = %s)",
         weighed.access_key),
        ("delete from cupom_tributo where cupom = (select id from cupom where chave = %s)", undone.access_key),
    ):  # fmt: skip
        books.database.execute(statement, (key,))  # type: ignore[arg-type, unused-ignore]
    rows = "select md5(string_agg(c::text, ';' order by id)) from cupom c"
    before = books.one(rows)
    with open_shop(tmp_path, url) as shop:
        shop.accept(*(one for one in sold if one is not unseen), cancellation(undone), cancellation(sold[8]))
        found = judged(shop, lambda: open_ordinary(url))
        assert found[f"sale {lost.access_key}"] == ("waiting", "shadow_missing")
        assert found[f"cancellation {undone.access_key}"] == ("waiting", "shadow_not_cancelled")
        assert found[f"cancellation {sold[8].access_key}"] == ("kept", "shadow_same")
        with closing(open_ordinary(url)) as erp:
            told = report(shop.engine, erp, BUSINESS, DAY)
            assert report(shop.engine, erp, BUSINESS, date(2026, 3, 3)).lines == []
    lines = {(line.what, line.access_key): line for line in told.lines}
    assert set(lines) == {
        ("missing", lost.access_key),
        ("extra", unseen.access_key),
        ("differs", dearer.access_key),
        ("differs", later.access_key),
        ("differs", weighed.access_key),
        ("not_cancelled", undone.access_key),
    }
    total = dearer.totals.total
    assert lines["differs", dearer.access_key].erp_total == total + 1
    assert lines["differs", dearer.access_key].fields == f"cupom.liquido {total / 100:.2f} ≠ {(total + 1) / 100:.2f}"
    assert lines["differs", later.access_key].fields.startswith("cupom.emitido 2026-03-02 ")
    assert lines["differs", weighed.access_key].fields.startswith("cupom_linha.qtd ")
    assert lines["extra", unseen.access_key].erp_total == unseen.totals.total
    assert (told.malote.count, told.malote.total) == (11, sum(one.totals.total for one in sold if one is not unseen))
    assert told.erp is not None
    assert (told.erp.count, told.erp.total) == (11, sum(one.totals.total for one in sold if one is not lost) + 1)
    assert told.same == 7
    # Nothing of Malote's came into the ERP, and no row of it was touched.
    assert books.one(rows) == before
    assert books.one("select count(*) from pg_tables where tablename like 'malote%'") == 0
    books.database.close()
