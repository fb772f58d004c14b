"""``malote erp try``, ``profile check`` and ``verify`` with the ERP's own procedure, as an integrator meets them."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from tests.engines import classico
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url
from tests.engines.test_erp_cli import malote
from tests.unit.fiscal.notes import MORNING, build_cancellation, build_note, key_of

pytestmark = pytest.mark.postgresql
NOTE = build_note(payments=[("01", 3000)], change=410)


@pytest.fixture
def url() -> Iterator[str]:
    made = fresh_postgresql_url()
    classico.create(made, [])
    with psycopg.connect(made) as connection:
        connection.execute("insert into produto (codigo_pdv, descricao) values ('1001', 'CAFE')")
    yield made
    discard_postgresql(made)


@pytest.fixture
def folder(tmp_path: Path, url: str) -> Path:
    settings = f'language = "en"\n[erp]\nurl = "{url}"\nprofile = "{classico.PROFILE.as_posix()}"\n'
    (tmp_path / "malote.toml").write_text(settings, encoding="utf-8")
    (tmp_path / "nota.xml").write_bytes(NOTE)
    assert malote(tmp_path, "create").returncode == 0
    return tmp_path


def test_a_real_note_is_tried_and_nothing_stays(folder: Path, url: str) -> None:
    ended = malote(folder, "try", "nota.xml")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.splitlines()[0] == f"✔ {key_of(NOTE)}: would be booked, in the ERP: 1"
    assert "  venda_pagamento: +1 ~1" in ended.stdout.splitlines()
    assert "    id=1  venda_id=1  forma_id=1  valor=30.00  troco=4.10" in ended.stdout.splitlines()
    # What a trigger or the procedure wrote is there too, and Malote's own documents aren't.
    assert "estoque_movimento: +1" in ended.stdout
    assert "tipo=S  qtd=1.000  venda_id=1" in ended.stdout
    assert ended.stdout.splitlines()[-1] == "  All of it was taken back."
    assert classico.ask(url, "select (select count(*) from venda), (select count(*) from malote_sale)") == [(0, 0)]


def test_what_the_erp_would_refuse_is_said_in_its_words(folder: Path, url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("delete from produto")
    ended = malote(folder, "try", "nota.xml", "--json")
    assert ended.returncode == 1, ended.stdout + ended.stderr
    found = json.loads(ended.stdout)
    assert (found["result"], found["code"]) == ("refused", "erp_refused")
    assert found["facts"]["said"].startswith("produto sem cadastro: 1001")


def test_what_malote_would_not_book_is_not_handed_over(folder: Path) -> None:
    (folder / "cancelamento.xml").write_bytes(build_cancellation(key_of(NOTE)))
    assert "would wait: the ERP doesn't have its sale" in malote(folder, "try", "cancelamento.xml").stdout
    (folder / "errada.xml").write_bytes(NOTE[:3000])
    ended = malote(folder, "try", "errada.xml")
    assert (ended.returncode, ended.stdout[:2]) == (1, "✘ ")


def test_what_this_store_does_not_book_is_said(folder: Path) -> None:
    with (folder / "malote.toml").open("a", encoding="utf-8") as settings:
        settings.write('[store]\nsince = "2026-11-21T00:00:00-03:00"\n')
    ended = malote(folder, "try", "nota.xml")
    assert (ended.returncode, "[before_the_start]: 2026-11-21" in ended.stdout) == (1, True), ended.stdout
    (folder / "teste.xml").write_bytes(build_note(environment=2, issued_at=MORNING + timedelta(days=2)))
    ended = malote(folder, "try", "teste.xml", "--json")
    assert json.loads(ended.stdout)["code"] == "test_environment"


def test_the_profile_is_checked_against_the_database(folder: Path, url: str) -> None:
    ended = malote(folder, "profile", "check")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "post.call_void" in ended.stdout
    with psycopg.connect(url) as connection:
        connection.execute("drop function importar_venda(jsonb)")
        connection.execute("alter table venda rename situacao to estado")
    ended = malote(folder, "profile", "check", "--json")
    assert ended.returncode == 1
    faults = json.loads(ended.stdout)["faults"]
    assert [(one["kind"], one["table"]) for one in faults] == [
        ("call_unusable", "post.call"),
        ("call_unusable", "post.call_cancellation"),
    ]
    assert "importar_venda" in faults[0]["found"]
    assert "situacao" in faults[1]["found"]


def test_verify_calls_nothing_and_leaves_nothing(folder: Path, url: str) -> None:
    ended = malote(folder, "verify", "--json")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = json.loads(ended.stdout)
    assert (found["verified"], found["failed"]) == (True, 0)
    assert {one["code"] for one in found["findings"] if one["verdict"] == "passed"} >= {"batch", "number_twice"}
    assert classico.ask(url, "select (select count(*) from venda), (select count(*) from malote_sale)") == [(0, 0)]


def test_the_profile_is_shown_as_it_may_be_written(folder: Path) -> None:
    shown = malote(folder, "profile", "show")
    assert shown.returncode == 0
    (folder / "de-novo.toml").write_text(shown.stdout, encoding="utf-8")
    assert malote(folder, "profile", "show", "de-novo.toml").stdout == shown.stdout
    assert "importar_venda" in shown.stdout
