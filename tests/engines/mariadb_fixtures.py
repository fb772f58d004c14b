"""An ERP with a procedure of its own on a MariaDB. A plugin: name it in ``pytest_plugins``, don't import it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from malote.erp.protocol import Erp
from tests.engines import mariadb_support as mercadinho
from tests.engines.mariadb_sales import DAY, TABLES, Opened
from tests.engines.sales import sale


@pytest.fixture(scope="module")
def mercadinho_server() -> str:
    url = mercadinho.fresh_mariadb_url()
    mercadinho.create_mercadinho(url, [*DAY, sale()])
    mercadinho.open_mercadinho(url).close()
    return url


@pytest.fixture
def mercadinho_url(mercadinho_server: str) -> str:
    mercadinho.run(
        mercadinho_server,
        "SET foreign_key_checks = 0",
        *(f"DELETE FROM {table}" for table in TABLES),
        "UPDATE produto SET saldo = 0",
        *(f"DROP TRIGGER IF EXISTS {name}" for name in ("regra", "espera")),
    )
    return mercadinho_server


@pytest.fixture
def open_mercadinho(tmp_path: Path) -> Iterator[Opened]:
    made: list[Erp] = []

    def open_it(url: str, call: str = "", **limits: float) -> Erp:
        profile = mercadinho.PROFILE
        if call:
            profile = tmp_path / f"{len(made)}.toml"
            given = mercadinho.PROFILE.read_text(encoding="utf-8").replace("call importar_lote(:documents)", call)
            profile.write_text(given, encoding="utf-8")
        made.append(mercadinho.open_mercadinho(url, profile, **limits))
        return made[-1]

    yield open_it
    for erp in made:
        erp.close()


@pytest.fixture
def mercadinho_erp(mercadinho_url: str, open_mercadinho: Opened) -> Erp:
    return open_mercadinho(mercadinho_url)
