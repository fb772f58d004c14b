import socket
import tomllib
from pathlib import Path

import httpx
import pytest

from malote import config
from malote.database.engine import open_database
from malote.demo import postgres
from malote.demo import store as stores
from malote.demo.postgres import PostgresUnavailableError
from malote.demo.store import HomeBusyError, Store, StoreNotStartedError, erp_database
from malote.tills.till import list_tills
from tests.engines.spool_support import authenticated

ERP = "postgresql://postgres@/postgres?host=%2Ftmp%2Fan%20odd%20place"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    laid_out = Store(tmp_path / "loja da demonstração", "pt")
    laid_out.home.mkdir()
    laid_out.lay_out(ERP)
    return laid_out


def test_the_settings_are_what_malote_reads(store: Store) -> None:
    server = config.load(store.settings_path, {})
    assert server.erp_url == ERP
    assert server.database_url == store.database_url
    assert server.quarantine_path == store.rejected
    assert server.store.test_environment
    assert server.store.learn_series
    assert server.store.issuers == []
    assert not server.server.posting
    for till in store.tills:
        settings = config.load(store.till_home(till) / "malote.toml", {})
        assert settings.outbox_path == till.outbox
        assert settings.till.folder == str(till.folder)
        assert till.folder.is_dir()
        assert settings.till.server == store.address


def test_each_till_has_a_token_of_its_own(store: Store) -> None:
    engine = open_database(store.database_url)
    owners = [
        authenticated(engine, config.load(store.till_home(till) / "malote.toml", {}).till.token).name
        for till in store.tills
    ]
    assert owners == ["caixa1", "caixa2", "caixa3"] == [till.name for till in list_tills(engine)]
    engine.dispose()


def test_laying_out_again_keeps_tills_and_port(store: Store) -> None:
    before = store.address
    store.lay_out("sqlite:///other")
    assert store.address == before
    assert config.load(store.settings_path, {}).erp_url == "sqlite:///other"


def test_a_port_in_use_is_left_to_who_has_it(store: Store) -> None:
    port = config.load(store.settings_path, {}).server.port
    with socket.create_server(("127.0.0.1", port)):
        store.lay_out(ERP)
        assert config.load(store.settings_path, {}).server.port != port


def test_settings_that_someone_broke_are_written_anew(store: Store) -> None:
    store.settings_path.write_text("home = [")
    store.lay_out(ERP)
    assert tomllib.loads(store.settings_path.read_text("utf-8"))["erp"] == {"url": ERP}


def test_one_folder_holds_one_running_demo(tmp_path: Path) -> None:
    with Store(tmp_path, "pt").alone(), pytest.raises(HomeBusyError), Store(tmp_path, "pt").alone():
        pass
    with Store(tmp_path, "pt").alone():
        pass


def test_a_server_that_does_not_answer_is_said(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "_START_SECONDS", 0.2)
    with pytest.raises(StoreNotStartedError, match=r"server\.log"):
        store.wait_for_server()


def test_a_store_with_a_trouble_that_was_planted_before_it_stopped_starts_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(address: str, *, params: dict[str, str] | None = None, **_: object) -> httpx.Response:
        return httpx.Response(200 if params == {"of": "intake"} else 503)  # erp_ledger_short

    monkeypatch.setattr(httpx, "get", answer)
    monkeypatch.setattr(stores, "_START_SECONDS", 0.5)
    store.wait_for_server()


def test_programs_name_their_settings(store: Store) -> None:
    programs = store.programs()
    assert [program.name for program in programs] == ["server", "poster", "caixa1", "caixa2", "caixa3"]
    for program in programs:
        assert Path(program.arguments[-1]).is_file()


def test_without_postgresql_the_erp_is_sqlite_and_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable(folder: Path, runtime: Path) -> None:
        raise PostgresUnavailableError("not for this machine")

    monkeypatch.setattr(postgres, "start", unavailable)
    with erp_database(tmp_path) as (url, why):
        assert url == f"sqlite:///{tmp_path.as_posix()}/erp.sqlite3"
        assert why == "not for this machine"
