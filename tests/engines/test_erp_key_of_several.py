"""A sale that the ERP calls by store, day and a running number together: lines with all three, on every engine."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from malote.erp.conformance.scratch import scratch_at
from malote.erp.conformance.suite import CHECKS, run
from malote.erp.profiles.errors import ProfileError
from malote.erp.profiles.profile import read
from malote.erp.protocol import GONE, Erp, Outcome, Result
from malote.fiscal.documents import Protocol, Sale
from tests.engines import mariadb_support
from tests.engines.erp_support import post
from tests.engines.ordinary_support import ROOT, day, expected_stock, open_ordinary
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url
from tests.engines.posting_support import nothing_leased, open_shop, until
from tests.engines.sales import cancellation, posting, postings

PROFILE = """
name = "por_dia"
[ledger]
table = "malote_chave"
[state]
table = "malote_venda"
[sale]
table = "venda"
key = ["loja", "dia", "seq"]
count = "seq"
[sale.columns]
loja = "query('loja', issuer)"
dia = "date(issued_at)"
chave = "access_key"
liquido = "total"
situacao = "present(cancelled_at, 'C', 'A')"
protocolo = "protocol_number"
[item]
table = "venda_item"
[item.columns]
loja = "sale_key('loja')"
dia = "sale_key('dia')"
seq = "sale_key('seq')"
item = "number"
codigo = "product_code"
qtd = "quantity"
[payment]
table = "venda_pago"
[payment.columns]
loja = "sale_key('loja')"
dia = "sale_key('dia')"
seq = "sale_key('seq')"
ordem = "number"
valor = "amount"
[movement]
table = "estoque_mov"
[movement.columns]
loja = "sale_key('loja')"
dia = "sale_key('dia')"
seq = "sale_key('seq')"
codigo = "product_code"
qtd = "moved"
[query.loja]
sql = "select loja from loja where cnpj = :cnpj"
values = ["cnpj"]
"""
TABLES = """
create table loja (loja int not null primary key, cnpj varchar(14) not null);
create table venda (loja int not null references loja (loja), dia date not null, seq int not null,
  chave char(44) not null unique, liquido numeric(12,2) not null, situacao char(1) not null,
  protocolo varchar(20), primary key (loja, dia, seq));
create table venda_item (loja int not null, dia date not null, seq int not null, item int not null, codigo varchar(14)
  not null, qtd numeric(12,4) not null, primary key (loja, dia, seq, item),
  foreign key (loja, dia, seq) references venda (loja, dia, seq));
create table venda_pago (loja int not null, dia date not null, seq int not null, ordem int not null, valor numeric(12,2)
  not null, primary key (loja, dia, seq, ordem), foreign key (loja, dia, seq) references venda (loja, dia, seq));
create table estoque_mov (loja int not null, dia date not null, seq int not null, codigo varchar(14) not null,
  qtd numeric(12,4) not null, foreign key (loja, dia, seq) references venda (loja, dia, seq));
insert into loja values (7, '11222333000181')
"""
CHOSEN = ("batch", "cancelled_batch", "mended", "protocol")


@pytest.fixture(scope="module", params=["sqlite", "mariadb", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    match request.param:
        case "sqlite":
            yield f"sqlite:///{(tmp_path_factory.mktemp('erp') / 'erp.sqlite3').as_posix()}"
        case "mariadb":
            yield mariadb_support.fresh_mariadb_url()
        case _:
            url = fresh_postgresql_url()
            yield url
            discard_postgresql(url)


@pytest.fixture(scope="module")
def books(server: str) -> Iterator[Engine]:
    address = make_url(server)
    driver = {"mariadb": "mysql+pymysql", "postgresql": "postgresql+psycopg"}.get(address.drivername)
    engine = create_engine(address.set(drivername=driver) if driver else address)
    statements = TABLES.replace("numeric(12,2)", "int").replace("numeric(12,4)", "int") if not driver else TABLES
    with engine.begin() as connection:
        for statement in statements.strip().split(";\n"):
            connection.execute(text(statement))
    with closing(open_ordinary(server, PROFILE)) as erp:
        erp.create_structure()
    yield engine
    engine.dispose()


@pytest.fixture
def erp(server: str, books: Engine) -> Iterator[Erp]:
    tables = ("venda_item", "venda_pago", "estoque_mov", "venda", "malote_chave", "malote_venda")
    with books.begin() as connection:
        for table in tables:
            connection.execute(text(f"delete from {table}"))
    with closing(open_ordinary(server, PROFILE)) as opened:
        yield opened


def ask(books: Engine, statement: str) -> list[tuple[Any, ...]]:
    with books.begin() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def change(books: Engine, statement: str) -> None:
    with books.begin() as connection:
        connection.execute(text(statement))


def test_a_day_is_numbered_one_after_the_other_and_its_lines_say_whose_they_are(erp: Erp, books: Engine) -> None:
    assert erp.faults() == []
    sold = day(30)
    assert post(erp, *sold[:20]) == [Result.POSTED] * 20
    assert post(erp, *sold, first_id=100) == [Result.DUPLICATE] * 20 + [Result.POSTED] * 10
    assert post(erp, cancellation(sold[25]), first_id=200) == [Result.POSTED]
    assert ask(books, "select count(distinct seq), min(seq), max(seq), count(*) from venda") == [(30, 1, 30, 30)]
    lines = "select count(*) from venda v join {} x on x.loja = v.loja and x.dia = v.dia and x.seq = v.seq"
    assert ask(books, lines.format("venda_item")) == [(sum(len(one.items) for one in sold),)]
    assert ask(books, lines.format("venda_pago")) == [(sum(len(one.payments) for one in sold),)]
    assert ask(books, "select chave from venda where situacao = 'C'") == [(sold[25].access_key,)]
    back = ask(books, "select m.seq, count(*) from estoque_mov m where qtd > 0 group by m.seq")
    assert back == [
        (ask(books, f"select seq from venda where chave = '{sold[25].access_key}'")[0][0], len(sold[25].items))
    ]


def test_what_somebody_changed_is_found_and_what_is_gone_is_written_again(erp: Erp, books: Engine) -> None:
    sold = day(6)
    booked = postings(sold)
    assert {one.result for one in erp.post(booked)} == {Result.POSTED}
    assert erp.departures(booked, []) == {}
    seq = {one.access_key: ask(books, f"select seq from venda where chave = '{one.access_key}'")[0][0] for one in sold}
    change(books, f"update venda set liquido = liquido + 1 where seq = {seq[sold[0].access_key]}")
    change(books, f"delete from venda_item where item = 2 and seq = {seq[sold[1].access_key]}")
    for table in ("venda_item", "venda_pago", "estoque_mov", "venda"):
        change(books, f"delete from {table} where seq = {seq[sold[2].access_key]}")
    assert erp.departures(booked, []) == {1: ["total"], 2: ["-items"], 3: [GONE]}
    there = {row.access_key: row.total for row in erp.sales([one.access_key for one in sold])}
    assert set(there) == {one.access_key for one in sold} - {sold[2].access_key}
    assert there[sold[0].access_key] != sold[0].totals.total


def test_the_authorised_version_takes_the_place_of_what_was_booked_before(erp: Erp, books: Engine) -> None:
    from msgspec.structs import replace

    offline: Sale = replace(day(1)[0], emission=9, protocol=None)
    authorised = replace(offline, protocol=Protocol("135260000000001", 100, offline.issued_at))
    assert post(erp, offline) == [Result.POSTED]
    assert post(erp, authorised, first_id=2)[0] is not Result.DIVERGENT
    assert ask(books, "select seq, protocolo from venda") == [(1, "135260000000001")]


@pytest.mark.parametrize("code", CHOSEN)
def test_verify_proves_it_in_its_scratch_place(server: str, books: Engine, code: str) -> None:
    scratch = scratch_at(server, read(PROFILE, "example"))
    try:
        run(next(check for check in CHECKS if check.code == code), scratch)
    finally:
        scratch.remove()


def test_two_posters_count_one_after_the_other(server: str, erp: Erp, books: Engine) -> None:
    if server.startswith("sqlite"):
        pytest.skip("it has one writer at a time anyway")
    sold = day(40)
    found: list[list[Outcome]] = []

    def book(sales: list[Sale], first: int) -> None:
        with closing(open_ordinary(server, PROFILE)) as other:
            found.append(other.post([posting(one, first + at) for at, one in enumerate(sales)]))

    posters = [threading.Thread(target=book, args=(sold[at::4], at * 100 + 1)) for at in range(4)]
    for one in posters:
        one.start()
    for one in posters:
        one.join()
    assert {one.result for some in found for one in some} == {Result.POSTED}
    assert ask(books, "select count(distinct seq), max(seq), count(*) from venda") == [(40, 40, 40)]


@pytest.mark.postgresql
def test_what_a_trigger_or_a_default_numbers_is_taken_from_the_database() -> None:
    url = fresh_postgresql_url()
    with psycopg.connect(url, autocommit=True) as database:
        database.execute(TABLES.encode())
        database.execute(
            b"create function proximo() returns trigger language plpgsql as $$ begin if new.seq is null then"
            b" select coalesce(max(seq), 100) + 1 into new.seq from venda where dia = new.dia; end if;"
            b" return new; end $$;"
            b"create trigger antes before insert on venda for each row execute function proximo()"
        )
        with closing(open_ordinary(url, PROFILE.replace('count = "seq"\n', ""))) as erp:
            erp.create_structure()
            assert erp.faults() == []
            assert post(erp, *day(3)) == [Result.POSTED] * 3
        owned = "select seq, count(*) from venda_item join venda using (loja, dia, seq) group by seq order by seq"
        assert [seq for seq, _ in database.execute(owned.encode())] == [101, 102, 103]
    discard_postgresql(url)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (('key = ["loja", "dia", "seq"]', 'key = ["loja"]'), "names each of two or more"),
        (('count = "seq"', 'count = "loja"'), "no line of its own"),
        (("seq = \"sale_key('seq')\"\nitem", "seq = \"sale_key('sequ')\"\nitem"), "loja"),
        (("seq = \"sale_key('seq')\"\nordem", "seq = 1\nordem"), "sale_key"),
        (('key = ["loja", "dia", "seq"]', 'key = "seq"'), "count is for a key of several"),
    ],
)
def test_a_key_that_could_not_work_is_refused(changed: tuple[str, str], why: str) -> None:
    from malote.erp.mapping import ErpTables

    with pytest.raises(ProfileError, match=why):
        ErpTables(read(PROFILE.replace(*changed), "example"))


@pytest.mark.processes
@pytest.mark.postgresql
@pytest.mark.skipif(not os.environ.get("MALOTE_SOAK"), reason="twenty seconds of dying posters: make soak")
def test_killed_at_every_step_each_sale_has_one_number_and_is_there_once(tmp_path: Path) -> None:
    url = fresh_postgresql_url()
    profile = tmp_path / "por_dia.toml"
    profile.write_text(PROFILE, encoding="utf-8")
    with psycopg.connect(url, autocommit=True) as database, open_shop(tmp_path, url, time.time) as shop:
        database.execute(TABLES.encode())
        with closing(open_ordinary(url, PROFILE)) as erp:
            erp.create_structure()
        sold = day(80)
        shop.accept(*sold)
        shop.accept(*(cancellation(one) for one in sold[::10]), *sold[:15])

        def poster(where: str, at: int) -> int:
            command = [sys.executable, "-m", "tests.engines.posting_child", shop.store_url, url, where, str(at)]
            run = subprocess.run([*command, str(profile)], cwd=ROOT, timeout=300, check=False, capture_output=True)
            return run.returncode

        for where, at in (("before", 2), ("after", 1), ("settled", 1), ("before", 1)):
            until(lambda: nothing_leased(shop))
            assert poster(where, at) != 0, f"it did not die {where} batch {at}"

        def finished() -> bool:
            assert poster("never", 0) == 0
            return shop.counted() == {"posted": 80 + 8 + 15}

        until(finished, seconds=300)
        asked = b"select count(*), count(distinct (loja, dia, seq)), max(seq), count(*) filter (where situacao = 'C')"
        assert database.execute(asked + b" from venda").fetchone() == (80, 80, 80, 8)
        moved = database.execute(b"select codigo, -sum(qtd) from estoque_mov group by codigo").fetchall()
        assert dict(moved) == expected_stock(sold, sold[::10])
    discard_postgresql(url)
