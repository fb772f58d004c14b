"""``malote check``: each thing that is wrong is told with its cure, and the exit status says whether any is."""

import json
import socket
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url
from typer.testing import CliRunner

from malote import rejection
from malote.check_result import secret, writable
from malote.cli.main import assemble
from malote.config import StoreSettings
from malote.database.engine import open_database
from malote.erp.factory import open_erp
from malote.register.documents import TillStatus
from malote.rejection import Language
from malote.setup import environment
from malote.setup.server_check import LITTLE_ROOM, NO_ROOM, disk
from malote.spool.presence import PosterPresence
from tests.engines.mariadb_support import fresh_mariadb_url, run
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url

APP = assemble("check")
INIT = assemble("init")


def status(**changes: Any) -> TillStatus:
    counts = dict.fromkeys(("pending", "waiting", "posted", "rejected", "discarded"), 0)
    heard = ("contact_at", "series", "number", "issued_at")
    told = ("agent_version", "clock_skew_seconds", "till_pending", "till_unproven")
    nothing = dict.fromkeys((*(f"last_{name}" for name in heard), *told))
    known: dict[str, Any] = {
        "till": "caixa1",
        "label": "",
        "disabled": False,
        **counts,
        "waiting_reasons": {},
        "rejected_reasons": {},
        **nothing,
        "till_refused": [],
    }
    return TillStatus(**(known | changes))


def checked(folder: Path, *more: str) -> tuple[int, dict[str, Any]]:
    ended = CliRunner().invoke(APP, ["check", "--json", "-c", str(folder / "malote.toml"), *more])
    assert ended.stdout, ended.stderr
    return ended.exit_code, {one["what"]: one for one in json.loads(ended.stdout)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    arguments = ["--yes", "--language", "en", "--issuers", "11222333000181", "--port", str(free_port())]
    ended = CliRunner().invoke(INIT, ["init", "-c", str(tmp_path / "malote.toml"), *arguments])
    assert ended.exit_code == 0, ended.output
    return tmp_path


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_homologation_notes_in_a_production_store_name_the_setting() -> None:
    tills = [status(rejected=18, rejected_reasons={"test_environment": 18})]
    found = {one.what: one for one in environment.examine(StoreSettings(issuers=["11222333000181"]), tills)}
    assert (found["environment"].verdict, found["environment"].code) == ("wrong", "environment_rejects")
    assert found["environment"].facts == {"count": "18"}
    assert found["start"].code == "start_open"
    test_store = environment.examine(StoreSettings(test_environment=True, since="2026-11-27"), tills)
    assert [one.code for one in test_store] == ["environment_is_test", "issuers_any", ""]


def test_issuers_and_series_are_counted_whether_rejected_or_waiting() -> None:
    tills = [
        status(rejected_reasons={"issuer_unknown": 2, "series_of_another_till": 1, "items_sum": 5}),
        status(waiting_reasons={"series_asked": 3}, posted=1),
    ]
    found = {one.what: one for one in environment.examine(StoreSettings(issuers=["11222333000181"]), tills)}
    assert found["issuers"].facts == {"count": "2", "known": "11222333000181"}
    assert found["series"].facts == {"count": "4"}
    assert found["environment"].verdict == found["start"].verdict == "right"


def test_a_new_store_is_right_but_for_its_tills(folder: Path) -> None:
    status, found = checked(folder)
    assert status == 0
    assert {what for what, one in found.items() if one["verdict"] == "warned"} == {"erp", "tills"}
    assert (found["erp"]["code"], found["profile"]["verdict"]) == ("erp_for_trial", "right")  # a file took the sales
    assert "malote till create" in found["tills"]["remedy"]
    assert not {one["verdict"] for one in found.values()} & {"wrong"}


def test_what_is_wrong_is_told_with_its_cure(folder: Path) -> None:
    settings = (folder / "malote.toml").read_text(encoding="utf-8")
    port = int(settings.split("port = ")[1].split()[0])
    broken = settings.replace('url = ""', 'url = "postgresql://malote:s3cret@127.0.0.1:1/none"')
    (folder / "malote.toml").write_text(broken, encoding="utf-8")
    (folder / "malote.toml").chmod(0o644)
    with socket.create_server(("127.0.0.1", port)):
        status, found = checked(folder)
    assert status == 1
    assert found["settings"]["code"] == "secret_open"
    assert (found["erp"]["code"], found["profile"]["verdict"]) == ("erp_away", "skipped")
    assert found["port"]["code"] == "server_answers"
    assert found["poster"]["code"] == "poster_absent"
    assert "s3cret" not in json.dumps(found)


def test_a_poster_that_is_kept_from_booking_is_named(folder: Path) -> None:
    engine = open_database(f"sqlite:///{(folder / 'store.sqlite3').as_posix()}")
    poster = PosterPresence(engine, owner="malote-1")
    poster.renew("erp_slow", {"detail": "57014"})
    found = checked(folder)[1]["poster"]
    assert (found["verdict"], found["code"], found["facts"]) == ("warned", "erp_slow", {"detail": "57014"})
    poster.renew()
    assert checked(folder)[1]["poster"]["verdict"] == "right"
    engine.dispose()


@pytest.mark.postgresql
def test_a_database_that_refuses_writing_is_named_and_in_shadow_mode_it_need_not_be_written(folder: Path) -> None:
    url = fresh_postgresql_url()
    with closing(open_erp(url, lock_timeout_seconds=5)) as erp:
        erp.create_structure()
    with psycopg.connect(url, autocommit=True) as database:
        database.execute(f'alter database "{make_url(url).database}" set default_transaction_read_only = on'.encode())
    file = folder / "malote.toml"
    file.write_text(file.read_text(encoding="utf-8").replace('url = ""', f'url = "{url}"'), encoding="utf-8")
    status, found = checked(folder)
    assert (status, found["erp"]["verdict"], found["erp"]["code"]) == (1, "wrong", "erp_read_only")
    assert (found["profile"]["verdict"], found["grants"]["verdict"]) == ("right", "right")
    file.write_text(file.read_text(encoding="utf-8").replace("[store]", "[store]\nshadow = true"), encoding="utf-8")
    _, found = checked(folder)
    assert found["erp"]["verdict"] == "right"
    discard_postgresql(url)


def test_a_mariadb_with_malotes_own_tables_is_right(folder: Path) -> None:
    url = fresh_mariadb_url()
    erp = open_erp(url, lock_timeout_seconds=5)
    erp.create_structure()
    settings = (folder / "malote.toml").read_text(encoding="utf-8")
    (folder / "malote.toml").write_text(settings.replace('url = ""', f'url = "{url}"'), encoding="utf-8")
    _, found = checked(folder)
    assert (found["erp"]["verdict"], found["profile"]["verdict"]) == ("right", "right")
    # Who may do what isn't looked at on this engine, which is nothing wrong.
    assert (found["grants"]["verdict"], found["grants"]["code"]) == ("skipped", "structure_engine_unsupported")
    # A number that holds more than yes and no is no flag.
    run(url, "ALTER TABLE sale_item MODIFY in_total SMALLINT NOT NULL")
    assert [(one.kind, one.column) for one in erp.faults()] == [("column_mistyped", "in_total")]
    erp.close()


def test_a_folder_without_a_store_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "malote.toml").write_text('language = "en"\n', encoding="utf-8")
    ended = CliRunner().invoke(APP, ["check", "-c", str(tmp_path / "malote.toml")])
    assert ended.exit_code == 3
    assert "store_missing" in ended.stderr
    assert [one.name for one in tmp_path.iterdir()] == ["malote.toml"]


def test_a_till_is_looked_at_by_itself(tmp_path: Path) -> None:
    pos = tmp_path / "pos"
    text = f'language = "en"\n[till]\nserver = "http://127.0.0.1:{free_port()}"\ntoken_file = "token"\nfolder = "pos"\n'
    (tmp_path / "malote.toml").write_text(text, encoding="utf-8")
    (tmp_path / "token").write_text("1.secret", encoding="utf-8")
    (tmp_path / "token").chmod(0o640)
    status, found = checked(tmp_path)
    assert status == 1
    told = {what: one["code"] for what, one in found.items() if one["code"]}
    assert told == {
        "till token": "secret_open",
        "till folder": "folder_missing",
        "till start": "not_looked_at",
        "till server": "server_unreachable",
    }
    pos.mkdir()
    for number in range(501):
        (pos / f"{number}.xml").write_text("<x/>", encoding="utf-8")
    _, found = checked(tmp_path)
    assert found["till start"]["code"] == "start_unsaid"
    assert not (tmp_path / "outbox.sqlite3").exists()


def test_room_and_folders(tmp_path: Path) -> None:
    assert disk(LITTLE_ROOM, tmp_path).verdict == "right"
    assert disk(LITTLE_ROOM - 1, tmp_path).verdict == "warned"
    assert disk(NO_ROOM - 1, tmp_path).verdict == "wrong"
    assert writable("folders", tmp_path).verdict == "right"
    assert list(tmp_path.iterdir()) == []
    assert writable("folders", tmp_path / "absent").code == "folder_unusable"
    assert secret("secrets", tmp_path / "absent", "till.token_file").code == "setting_invalid"


@pytest.mark.parametrize("language", ["pt", "en"])
def test_a_reject_that_a_setting_mends_names_it(language: Language) -> None:
    settings = {"test_environment": "store.test_environment", "issuer_unknown": "store.issuers"}
    settings |= {"series_unassigned": "store.learn_series", "series_asked": "store.series_per_till"}
    for code, setting in settings.items():
        assert setting in rejection.remedy(code, {}, language), code
        assert environment.MENDED_BY_SETTING[code]
