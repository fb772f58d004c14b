"""``malote init``: what it asks, what it writes, and that a second run goes on where the first was stopped."""

import stat
from datetime import datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from malote import durable
from malote.cli.main import assemble
from malote.config import load
from malote.setup import answers, settings_file, units
from malote.setup.answers import AnswerError, Answers

APP = assemble("init")


def run(arguments: list[str], input: str | None = None) -> Result:
    return CliRunner().invoke(APP, ["init", *arguments], input=input)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("MALOTE_ERP_URL", "MALOTE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_the_file_gives_back_what_was_answered(tmp_path: Path) -> None:
    told = Answers(
        language="en",
        name='Loja "1" \\ # \x7f é',
        issuers=("11222333000181", "12ABC34501DE35"),
        erp_url="postgresql://malote:p%40ss@host/db",
        profile="my.toml",
        environment="homologation",
        since="2026-11-27T00:00:00-03:00",
        host="0.0.0.0",  # noqa: S104
        port=9000,
    )
    (tmp_path / "malote.toml").write_text(settings_file.text(told), encoding="utf-8")
    found = load(tmp_path / "malote.toml", {})
    assert (found.language, found.store.name, tuple(found.store.issuers)) == (told.language, told.name, told.issuers)
    assert (found.erp.url, found.erp.profile, found.store.since) == (told.erp_url, told.profile, told.since)
    assert (found.store.test_environment, found.books.zone) == (True, "America/Sao_Paulo")
    assert (found.server.host, found.server.port, found.home_path) == (told.host, told.port, tmp_path)


def test_today_begins_by_the_clock_of_the_store() -> None:
    now = datetime.fromisoformat("2026-11-28T01:30:00+00:00")
    assert answers.since("hoje", "America/Sao_Paulo", now=now) == "2026-11-27T00:00:00-03:00"
    assert answers.since("2026-01-05", "America/Manaus") == "2026-01-05T00:00:00-04:00"
    assert answers.since("tudo", "UTC") == ""
    with pytest.raises(AnswerError):
        answers.since("ontem", "UTC")


def test_nobody_is_asked_and_all_is_made(folder: Path) -> None:
    address = "postgresql://malote:s3cret@erp.example/prod"
    ended = run(["--yes", "--language", "en", "--issuers", "11.222.333/0001-81", "--erp-url", address])
    assert ended.exit_code == 0, ended.output
    for name in ("malote.toml", "store.sqlite3", "malote-server.service", "erp-dba.sql", "primeiro-acesso.txt"):
        assert (folder / name).exists(), name
    assert stat.S_IMODE((folder / "malote.toml").stat().st_mode) == 0o600
    script = (folder / "erp-dba.sql").read_text(encoding="utf-8")
    assert "CREATE TABLE IF NOT EXISTS posting_key" in script
    assert "GRANT SELECT, INSERT, UPDATE, DELETE ON public.posting_key TO malote;" in script
    password = (folder / "primeiro-acesso.txt").read_text(encoding="utf-8").split("password ")[1].split()[0]
    for secret in (password, "s3cret"):
        assert secret not in ended.output
        assert secret not in script + (folder / "malote-server.service").read_text(encoding="utf-8")


def test_an_answer_that_cannot_be_used_writes_nothing(folder: Path) -> None:
    for wrong in (["--issuers", "123"], ["--environment", "prd"], ["--port", "x"], ["--zone", "Mars"]):
        ended = run(["--yes", *wrong])
        assert ended.exit_code == 2, wrong
        assert "answer_invalid" in ended.output
    assert list(folder.iterdir()) == []


def test_a_person_is_asked_again_and_may_stop_before_anything_is_written(folder: Path) -> None:
    stopped = run([], input="en\nShop\n123\n")
    assert stopped.exit_code == 1
    assert "answer_invalid" in stopped.output
    assert list(folder.iterdir()) == []
    answered = "en\nShop\n123\n11222333000181\n2\n\n2026-11-01\n\n\n\n\n"
    ended = run([], input=answered)
    assert ended.exit_code == 0, ended.output
    found = load(folder / "malote.toml", {})
    assert (found.store.name, found.store.issuers, found.store.test_environment) == ("Shop", ["11222333000181"], True)
    assert found.store.since == "2026-11-01T00:00:00-03:00"


@pytest.mark.parametrize(
    "what", ["language", "name", "issuers", "environment", "zone", "since", "profile", "host", "port"]
)
def test_an_address_typed_at_the_wrong_question_is_not_repeated(folder: Path, what: str) -> None:
    ended = run(["--yes", f"--{what}", "postgresql://malote:s3cret, w0rd@erp.example/prod"])
    assert (ended.exit_code, list(folder.iterdir())) == (2, [])
    assert "s3cret" not in ended.output
    assert "w0rd" not in ended.output


@pytest.mark.parametrize("typed", ["malote/s3cret@erp", "host=erp password = s3cret"])
def test_other_forms_of_an_address_are_not_repeated_either(typed: str) -> None:
    for checked in (answers.issuers, answers.environment, answers.zone, answers.port):
        with pytest.raises(AnswerError) as refused:
            checked(typed)
        assert "s3cret" not in str(refused.value.facts)


def test_a_settings_file_is_never_overwritten(folder: Path) -> None:
    mine = '# mine\nlanguage = "en"\n'
    (folder / "malote.toml").write_text(mine, encoding="utf-8")
    ended = run(["--yes", "--name", "Other"])
    assert ended.exit_code == 0, ended.output
    assert (folder / "malote.toml").read_text(encoding="utf-8") == mine
    assert "stays as it is" in ended.output
    assert "change nothing in it" in ended.output


def test_stopped_anywhere_it_goes_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = durable.write
    flags = ["--yes", "--language", "en", "--erp-url", "postgresql://malote@erp.example/prod"]
    for at in ("malote.toml", "primeiro-acesso.txt", "malote-server.service", "erp-dba.sql"):

        def dying(path: Path, content: bytes, at: str = at) -> None:
            if path.name == at:
                raise KeyboardInterrupt
            write(path, content)

        monkeypatch.setattr(durable, "write", dying)
        assert run(flags).exit_code != 0
        assert not (folder / at).exists()
    monkeypatch.setattr(durable, "write", write)
    ended = run(flags)
    assert ended.exit_code == 0, ended.output
    for name in ("malote.toml", "store.sqlite3", "malote-server.service", "erp-dba.sql"):
        assert (folder / name).exists(), name
    # Its password was lost on the way: how to get another is told.
    assert "malote user password administrador --generate" in ended.output


def test_sql_of_other_settings_is_not_left_for_a_dba(folder: Path) -> None:
    run(["--yes", "--erp-url", "postgresql://malote@erp.example/prod"])
    assert (folder / "erp-dba.sql").exists()
    settings = (folder / "malote.toml").read_text(encoding="utf-8").replace('profile = ""', 'profile = "absent.toml"')
    (folder / "malote.toml").write_text(settings, encoding="utf-8")
    assert run([]).exit_code == 0
    assert not (folder / "erp-dba.sql").exists()


def test_an_address_in_the_environment_is_no_service_s_yet(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service booked into a trial file beside it, and the tills let go of the sales."""
    monkeypatch.setenv("MALOTE_ERP_URL", "postgresql://malote:s3cret@erp.example/prod")
    ended = run(["--yes", "--language", "en"])
    assert "MALOTE_ERP_URL=address into" in ended.output.replace("\n  ", " ")
    assert f"EnvironmentFile=-{folder}/malote.env" in (folder / "malote-server.service").read_text(encoding="utf-8")
    (folder / "malote.env").write_text("MALOTE_ERP_URL=x", encoding="utf-8")
    assert "MALOTE_ERP_URL=address into" not in run(["--yes"]).output


def test_a_unit_has_odd_paths_in_quotes() -> None:
    made = units.unit("Loja\n[Install]", Path('/srv/100% "loja"/malote.toml'), python="/opt/python", user="malote")
    assert 'ExecStart="/opt/python" -m malote serve --config "/srv/100%% \\"loja\\"/malote.toml"' in made
    assert made.count("\n[Install]\n") == 1
