"""A server that answers and refuses us isn't away: people look for a network that is fine."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from malote.erp.factory import open_erp
from malote.erp.protocol import ErpError
from tests.engines.posting_support import OwnServer, own_server

pytestmark = pytest.mark.postgresql


@pytest.fixture(scope="module")
def server() -> Iterator[OwnServer]:
    with own_server() as started:
        with psycopg.connect(started.url, autocommit=True) as connection:
            connection.execute("CREATE ROLE vendas LOGIN PASSWORD 'certa'")
            connection.execute("CREATE ROLE parada NOLOGIN")
            [place] = connection.execute("SHOW hba_file").fetchone() or [""]
            file = Path(str(place))
            connection.execute("CREATE ROLE fora LOGIN")
            connection.execute("CREATE ROLE lotada LOGIN CONNECTION LIMIT 0")
            file.write_text(
                "local all fora reject\nlocal all vendas scram-sha-256\n" + file.read_text(encoding="utf-8"),
                encoding="utf-8",
            )
            connection.execute("SELECT pg_reload_conf()")
        yield started


def refusal(server: OwnServer, user: str, password: str | None = None, database: str | None = None) -> ErpError:
    address = make_url(server.url).set(username=user, password=password)
    address = address.set(database=database or address.database)
    with (
        closing(open_erp(address.render_as_string(hide_password=False), lock_timeout_seconds=1)) as erp,
        pytest.raises(ErpError) as caught,
    ):
        erp.ledger(["x"])
    return caught.value


@pytest.mark.parametrize(
    ("user", "password", "code"),
    [
        ("vendas", "errada", "erp_refused_login"),
        ("vendas", None, "erp_refused_login"),
        ("parada", None, "erp_refused_login"),
        ("ninguem", None, "erp_refused_login"),
        ("fora", None, "erp_host_refused"),
        ("lotada", None, "erp_crowded"),
    ],
)
def test_who_is_refused(server: OwnServer, user: str, password: str | None, code: str) -> None:
    error = refusal(server, user, password)
    assert (error.code, error.transient) == (code, True)
    assert "errada" not in str(error.facts)
    if password or user != "vendas":
        assert user in error.detail


def test_a_database_that_is_not_there_is_no_refusal_of_the_user(server: OwnServer) -> None:
    error = refusal(server, "postgres", database="nenhum")
    assert (error.code, error.transient) == ("erp_database_refused", True)
    assert "nenhum" in error.detail


def test_nobody_there_is_away() -> None:
    with (
        closing(open_erp("postgresql://vendas@127.0.0.1:1/none", lock_timeout_seconds=1)) as erp,
        pytest.raises(ErpError) as caught,
    ):
        erp.ledger(["x"])
    assert caught.value.code == "erp_away"
