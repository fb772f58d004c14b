"""Tables of ordinary design on the engines that write them by ordinary statements: SQLite, and MariaDB where one is."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from malote.erp.conformance.scratch import scratch_at
from malote.erp.conformance.suite import CHECKS, run
from malote.erp.mariadb.engine import MariadbErp
from malote.erp.plain_records import PlainRecords
from malote.erp.profiles.profile import read
from malote.erp.protocol import Erp, ErpError, Result
from tests.engines import mariadb_support
from tests.engines.erp_support import post
from tests.engines.ordinary_support import WITH_NOTE, day, documented_profile, goods, open_ordinary
from tests.engines.sales import cancellation, contingency, postings, protocol, sale

PROFILE = documented_profile().replace(" nulls last", "")  # which MariaDB doesn't know, and puts them there
NEVER: Any = None  # nothing is added to a stock here
CHOSEN = ("batch", "twice", "protocol", "cancelled_batch", "mended", "number_twice", "voids")


@pytest.fixture(scope="module", params=["sqlite", "mariadb"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{(tmp_path_factory.mktemp('erp') / 'erp.sqlite3').as_posix()}"
    return mariadb_support.fresh_mariadb_url()


@pytest.fixture(scope="module")
def books(server: str) -> Iterator[Engine]:
    """The ERP with its branch, ways of paying and goods; the tables that are written are of Malote's making here."""
    address = make_url(server)
    engine = create_engine(address.set(drivername="mysql+pymysql") if address.host else address)
    erp = open_ordinary(server, PROFILE)
    erp.create_structure(everything=True)
    erp.close()
    with engine.begin() as connection:
        for statement in (
            "create table filial (cod int primary key, inscricao varchar(18) not null)",
            "create table meio (cod int primary key, tpag char(2) not null)",
            "create table mercadoria (id int primary key, gtin varchar(14), plu varchar(20))",
            "insert into filial values (1, '11.222.333/0001-81')",
            "insert into meio values (1, '01'), (2, '03')",
        ):
            connection.execute(text(statement))
        known = [{"id": n, "gtin": f"789{n:010d}", "plu": str(10_000 + n)} for n in range(100)]
        connection.execute(text("insert into mercadoria values (:id, :gtin, :plu)"), known)
    yield engine
    engine.dispose()


@pytest.fixture
def erp(server: str, books: Engine) -> Iterator[Erp]:
    with books.begin() as connection:
        for table in ("cupom_tributo", "cupom_linha", "cupom_recebido", "estoque_mov", "cupom"):
            connection.execute(text(f"delete from {table}"))
        for table in ("malote_chave", "malote_venda"):
            connection.execute(text(f"delete from {table}"))
    opened = open_ordinary(server, PROFILE)
    yield opened
    opened.close()


def ask(books: Engine, statement: str) -> list[tuple[object, ...]]:
    with books.begin() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def test_a_day_is_booked_with_its_keys_and_look_ups(erp: Erp, books: Engine) -> None:
    sold = day(30)
    assert post(erp, *sold) == [Result.POSTED] * 30
    assert post(erp, *sold, first_id=100) == [Result.DUPLICATE] * 30
    assert post(erp, cancellation(sold[0]), first_id=200) == [Result.POSTED]
    lines = sum(len(one.items) for one in sold)
    assert ask(books, "select count(*) from cupom_linha l join cupom c on c.id = l.cupom") == [(lines,)]
    assert ask(books, "select count(distinct id) from cupom") == [(30,)]
    # Goods by their GTIN, and without one by their code; all of the first sale's came back.
    wrong = "select count(*) from cupom_linha l left join mercadoria m on m.id = l.mercadoria where m.id is null"
    assert ask(books, wrong) == [(0,)]
    back = "select count(*) from estoque_mov where sentido = 'E'"
    assert ask(books, back) == [(len(sold[0].items),)]
    assert ask(books, f"select estado from cupom where chave = '{sold[0].access_key}'") == [("C",)]


def test_what_the_erp_does_not_know_is_said_of_the_sale(erp: Erp) -> None:
    with pytest.raises(ErpError) as refused:
        post(erp, sale(5, items=[goods(3), goods(777, 2)]))
    assert (refused.value.code, refused.value.transient) == ("erp_unmapped", False)
    assert "10777" in refused.value.facts["said"]


def test_what_somebody_changed_is_found(erp: Erp, books: Engine) -> None:
    sold = day(6)
    booked = postings(sold)
    assert {one.result for one in erp.post(booked)} == {Result.POSTED}
    assert erp.departures(booked, []) == {}
    keys = [one.access_key for one in sold]
    of = "(select id from cupom where chave = '{}')"
    with books.begin() as connection:
        for changed in (
            f"update cupom set liquido = liquido + 1 where chave = '{keys[0]}'",
            f"delete from cupom_linha where ordem = 2 and cupom = {of.format(keys[1])}",
            f"update cupom_recebido set troco = troco + 1 where meio = 1 and cupom = {of.format(keys[2])}",
            f"update cupom set estado = 'C' where chave = '{keys[3]}'",
            f"delete from cupom where chave = '{keys[4]}'",
            f"update cupom_linha set mercadoria = 90 where ordem = 1 and cupom = {of.format(keys[5])}",
        ):
            connection.execute(text(changed))
    found = erp.departures(booked, [])
    assert found == {
        1: ["total"],
        2: ["-items"],
        3: ["-payments", "+payments"],
        4: ["cancelled_at"],
        5: ["-"],
        6: ["-items", "+items"],
    }
    totals = {row.access_key: row.total for row in erp.sales(keys)}
    assert totals[keys[1]] == sold[1].totals.total
    assert totals[keys[0]] != sold[0].totals.total
    assert keys[4] not in totals


def test_a_changed_line_changes_what_a_range_of_keys_comes_to(erp: Erp, books: Engine) -> None:
    sold = day(4)
    assert set(post(erp, *sold)) == {Result.POSTED}
    whole = [(min(one.access_key for one in sold), max(one.access_key for one in sold))]
    before = erp.fingerprints(whole)
    if before is None:
        pytest.skip("nothing of the kind is written for this engine: the books read its rows")
    assert erp.fingerprints(whole) == before
    ask(books, "update cupom_linha set valor = valor + 1 where ordem = 2 returning 1")
    assert erp.fingerprints(whole) != before


def test_a_table_of_notes_beside_the_sales_is_written_changed_and_compared(server: str, books: Engine) -> None:
    offline, sold = contingency(20), day(3)
    authorised = msgspec.structs.replace(offline, protocol=protocol(20))
    with closing(open_ordinary(server, WITH_NOTE)) as erp:
        erp.create_structure(everything=True)
        assert post(erp, *sold, offline) == [Result.POSTED] * 4
        assert post(erp, cancellation(sold[0]), authorised, first_id=50) == [Result.POSTED, Result.PROTOCOL_ADDED]
        noted = "select chave, protocolo from nota_fiscal n join nota_cupom c on c.id = n.cupom where estado = 'A'"
        assert set(ask(books, noted)) == {
            (one.access_key, one.protocol.number if one.protocol else None) for one in (*sold[1:], authorised)
        }
        assert erp.departures(postings(sold), {sold[0].access_key}) == {}
        with books.begin() as connection:
            connection.execute(text(f"update nota_fiscal set serie = 9 where chave = '{sold[1].access_key}'"))
            connection.execute(text(f"delete from nota_fiscal where chave = '{sold[2].access_key}'"))
        assert erp.departures(postings(sold), {sold[0].access_key}) == {2: ["series"], 3: ["-note"]}


def test_numbers_are_drawn_from_a_sequence_in_few_round_trips(server: str, books: Engine) -> None:
    if server.startswith("sqlite"):
        pytest.skip("it has no sequences")
    with books.begin() as connection:
        connection.execute(text("create sequence `numeros do cupom`"))
        drawn = PlainRecords(connection, NEVER, MariadbErp.next_number).draw("numeros do cupom", 250)
    assert drawn == list(range(1, 251))


def test_a_query_that_cannot_run_is_a_fault(server: str, books: Engine) -> None:
    wrong = open_ordinary(server, PROFILE.replace("from meio where", "from meios where"))
    assert [(fault.kind, fault.table) for fault in wrong.faults() if fault.kind == "call_unusable"] == [
        ("call_unusable", "query.meio")
    ]
    wrong.close()


@pytest.mark.parametrize("code", CHOSEN)
def test_verify_proves_the_booking_in_its_scratch_place(server: str, code: str) -> None:
    scratch = scratch_at(server, read(PROFILE, "example"))
    try:
        run(next(check for check in CHECKS if check.code == code), scratch)
    finally:
        scratch.remove()
