"""De-para on the page and on the command line: what people mapped is listed, and ended with a reason by who may."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert
from typer.testing import CliRunner

from malote.accounts import audit
from malote.accounts.roles import Role
from malote.app import Services
from malote.cli.main import assemble
from malote.database.engine import writing
from malote.database.quarantine_tables import accepted_issuer, payment_map, product_map
from tests.faces.console_support import csrf_of, signed_in, store
from tests.faces.test_console_in_portuguese import read, wrong

ISSUER = "11222333000181"
PATH = "/console/mappings"
SHOWN = {"kind": "product", "issuer": ISSUER, "code": "99817", "target": "1553"}


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    with store(tmp_path) as opened:
        with writing(opened.engine) as connection:
            row = {"issuer": ISSUER, "at": 1_790_000_000.0, "who": "maria"}
            connection.execute(insert(product_map).values(row | {"old_code": "99817", "new_code": "1553"}))
            connection.execute(insert(payment_map).values(row | {"old_code": "99", "new_code": "17"}))
            connection.execute(insert(accepted_issuer).values(row))
        yield opened


def test_the_page_lists_all_and_ends_one_as_it_was_shown(services: Services) -> None:
    with signed_in(services, Role.SUPORTE) as ana:
        page = ana.get(PATH).text
        for text in ("Produto 99817", "1553", "Forma de pagamento 99", "Emitente", "11.222.333/0001-81", "maria"):
            assert text in page
        assert wrong(read(page)) == []
        form = SHOWN | {"csrf": csrf_of(ana)}
        assert ana.post(f"{PATH}/end", data=form).status_code == 422, "why is asked for"
        assert ana.post(f"{PATH}/end", data=form | {"target": "1", "reason": "other"}).status_code == 422
        done = ana.post(f"{PATH}/end", data=form | {"reason": "não era este"})
        assert "O que foi lançado assim fica lançado" in done.text
        assert "Produto 99817" not in done.text
        (entry,) = audit.entries(services.engine, action="mapping_ended")
        assert (entry.actor, entry.reason) == ("ana", "não era este")


def test_who_may_not_sees_it_and_ends_nothing(services: Services) -> None:
    with signed_in(services, Role.OPERADOR, "otto") as otto:
        page = otto.get(PATH).text
        assert "Produto 99817" in page
        assert "Desfazer</summary>" not in page
        form = SHOWN | {"csrf": csrf_of(otto), "reason": "porque sim"}
        assert otto.post(f"{PATH}/end", data=form).status_code == 403
    assert len(services.quarantine.mappings()) == 3


def test_the_command_line_lists_and_ends_them_too(services: Services, tmp_path: Path) -> None:
    config = tmp_path / "malote.toml"
    config.write_text(f'home = {str(tmp_path)!r}\nlanguage = "en"\n'.replace("'", '"'), encoding="utf-8")

    def run(*words: str, code: int = 0) -> str:
        found = CliRunner().invoke(assemble(), ["rejected", *words, "--config", str(config)])
        assert found.exit_code == code, found.output
        return found.output

    assert {one["kind"] for one in json.loads(run("mappings", "--json"))} == {"product", "payment", "issuer"}
    assert "product 99817 → 1553" in run("mappings")
    run("unmap", "product", ISSUER, "1", "--reason", "none such", code=1)
    run("unmap", "till", ISSUER, "1", "--reason", "none such", code=2)
    assert "stays booked" in run("unmap", "product", ISSUER, "99817", "--reason", "it was another")
    assert "stays booked" in run("unmap", "issuer", ISSUER, "--reason", "not ours")
    assert [one.kind for one in services.quarantine.mappings()] == ["payment"]
