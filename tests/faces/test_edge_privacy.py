"""Files with consumers' data or keys are their owner's alone, whatever the umask, new ones and those that are there."""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url
from typer.testing import CliRunner

from malote import durable, private
from malote.app import open_services, services_for
from malote.app_workers import build_drop_folder
from malote.cli.main import assemble
from malote.cli.serve import tell_open_secrets
from malote.config import LocksSettings, Settings, load
from malote.erp.factory import open_configured
from malote.till import storage
from malote.till.agent import Agent
from malote.tills.till import create_till
from tests.faces.console_support import send
from tests.unit.fiscal.notes import build_note
from tests.unit.till_support import Ears, till_settings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such modes there")


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def open_to_others(home: Path) -> list[str]:
    """What in a home folder others may read, but for what is the POS's own."""
    everything = [path for path in sorted(home.rglob("*")) if mode(path) & 0o077]
    return [path.relative_to(home).as_posix() for path in everything if path.parent != home / "entrada"]


def test_what_is_new_is_closed(tmp_path: Path, umask: int) -> None:
    home = tmp_path / "home"
    with services_for(Settings(home=str(home))) as services:
        till = create_till(services.engine, "caixa1")[0]
        send(services, till, b"<broken", build_note())
        inbox = home / "entrada" / "caixa1"
        inbox.mkdir(parents=True)
        (inbox / "venda.xml").write_bytes(build_note(number=2))
        folder = build_drop_folder(services)
        folder.scan()
        folder.scan()
        with closing(open_configured(services.settings)) as erp:
            erp.create_structure()
        assert services.server_key
        assert (home / "signing.key").exists()
        assert (home / "erp.sqlite3").exists()
        assert list(home.glob("rejeitados/caixa1/*.xml"))
        assert [name for name in open_to_others(home) if name not in ("entrada", "entrada/caixa1/venda.xml")] == []
    assert not mode(home) & 0o007


def test_what_was_there_is_closed_and_told(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with services_for(Settings(home=str(home))) as services:
        till = create_till(services.engine, "caixa1")[0]
        send(services, till, b"<broken")
    (home / "lixeira" / "caixa1").mkdir(parents=True)
    (home / "lixeira" / "caixa1" / "x.xml").write_bytes(b"<x/>")
    (home / "cargas").mkdir()
    (home / "cargas" / "operators.jsonl.zst").touch()
    (home / "erp.sqlite3").touch()
    (home / "entrada" / "caixa1" / "recebidos" / "2026-01-01").mkdir(parents=True)
    (home / "entrada" / "caixa1" / "recebidos" / "2026-01-01" / "x.xml").write_bytes(b"<x/>")
    for path in home.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    environment = {"MALOTE_HOME": str(home), "MALOTE_LANGUAGE": "en"}
    told = CliRunner().invoke(assemble(), ["status"], env=environment)
    assert "files_were_open" in told.stderr
    assert open_to_others(home) == ["entrada"]
    assert mode(home / "entrada" / "caixa1") == 0o755, "where the POS writes"
    again = CliRunner().invoke(assemble(), ["status"], env=environment)
    assert "files_were_open" not in again.stderr


def test_what_links_lead_to_is_left_alone(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x").touch()
    (outside / "x").chmod(0o644)
    folder = tmp_path / "rejeitados"
    folder.mkdir()
    folder.chmod(0o755)
    (folder / "link").symlink_to(outside / "x")
    (folder / "links").symlink_to(outside)
    assert private.close_home(tmp_path).mended == (folder,)
    assert mode(outside / "x") == 0o644


def test_a_link_in_the_place_of_a_folder_closes_nothing_else(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "recebidos").mkdir(parents=True)
    for path in (outside, outside / "recebidos"):
        path.chmod(0o755)
    home = tmp_path / "store"
    (home / "entrada" / "caixa1").mkdir(parents=True)
    (home / "entrada" / "caixa1" / "recebidos").symlink_to(outside)
    (home / "rejeitados").symlink_to(outside)
    assert private.close_home(home) == private.Closed()
    assert mode(outside) == 0o755


def test_the_tills_outbox_is_closed(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "till" / "outbox.sqlite3"
    ears = Ears()
    (tmp_path / "sales").mkdir()
    (tmp_path / "sales" / "1.xml").write_bytes(build_note())
    agent = Agent(path, till_settings(tmp_path / "sales", server="http://127.0.0.1:9"), "1.token", ears.voice)
    agent.drain(0.5)
    assert path.exists()
    assert open_to_others(path.parent) == []
    assert "files_were_open" not in ears.codes()
    path.chmod(0o644)
    agent.drain(0.1)
    assert mode(path) == 0o600
    assert ears.codes().count("files_were_open") == 1


def test_a_copy_of_the_outbox_is_as_closed_as_itself(tmp_path: Path, umask: int) -> None:
    with closing(storage.connect(tmp_path / "outbox.sqlite3")):
        assert open_to_others(tmp_path) == []
    durable.write(tmp_path / "any.json", b"{}")
    assert mode(tmp_path / "any.json") == 0o600


def test_the_store_database_of_an_address_is_closed_too(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "elsewhere.sqlite3"
    settings = Settings(home=str(tmp_path / "home"))
    settings = type(settings)(home=settings.home, database=type(settings.database)(url=f"sqlite:///{path}"))
    assert make_url(settings.database_url).database == str(path)
    open_services(settings).close()
    assert mode(path) == 0o600


def test_a_tills_token_that_others_can_read_is_closed_and_told(tmp_path: Path) -> None:
    (tmp_path / "sales").mkdir()
    token = tmp_path / "token.txt"
    token.write_text("1.token")
    token.chmod(0o644)
    ears = Ears()
    settings = till_settings(tmp_path / "sales", server="http://127.0.0.1:9", token_file="token.txt")
    Agent(tmp_path / "outbox.sqlite3", settings, "1.token", ears.voice).drain(0.1)
    assert mode(token) == 0o600
    assert ears.codes().count("files_were_open") == 1


SECRETS = {
    "password in an address": '[erp]\nurl = "postgresql://malote:s3cret@127.0.0.1:1/erp"\n',
    "password of the DBA": '[locks]\ndba_user = "dba"\ndba_password = "s3cret"\n',
    "whom to alert": '[alerts]\ntargets = "json://user:s3cret@127.0.0.1"\n',
}


@pytest.mark.parametrize("mode_given", [0o600, 0o640, 0o644, 0o604], ids=oct)
@pytest.mark.parametrize("secret", SECRETS)
def test_a_servers_settings_that_strangers_can_read_are_told_and_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], secret: str, mode_given: int
) -> None:
    """A group may read them: that is how a service does."""
    file = tmp_path / "malote.toml"
    file.write_text(SECRETS[secret], encoding="utf-8")
    file.chmod(mode_given)
    tell_open_secrets(load(file, {}), file)
    told = capsys.readouterr().err
    assert ("secret_open" in told) == bool(mode_given & 0o007)
    assert "s3cret" not in told
    assert mode(file) == mode_given


def test_settings_without_secrets_are_anybodys_to_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "malote.toml"
    file.write_text('[erp]\nurl = "postgresql://malote@127.0.0.1:1/erp"\n', encoding="utf-8")
    file.chmod(0o644)
    tell_open_secrets(load(file, {"MALOTE_LOCKS_DBA_PASSWORD": "s3cret"}), file)
    assert capsys.readouterr().err == ""


def test_a_password_file_that_strangers_can_read_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "dba").write_text("s3cret", encoding="utf-8")
    (tmp_path / "dba").chmod(0o644)
    tell_open_secrets(Settings(home=str(tmp_path), locks=LocksSettings(dba_password_file="dba")), None)
    assert "secret_open" in capsys.readouterr().err
