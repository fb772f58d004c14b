"""Settings: file, environment, and what is said when they are wrong."""

import re
from pathlib import Path

import pytest

import malote
from malote.config import IntakeSettings, Settings, SettingsError, load
from malote.fiscal.reading_limits import LARGEST_DOCUMENT, Limits


def test_without_a_file_every_setting_has_its_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load(environment={})
    assert settings.server.port == Settings().server.port
    assert settings.home_path == tmp_path.resolve()


def test_the_home_folder_is_relative_to_the_file(tmp_path: Path) -> None:
    file = tmp_path / "malote.toml"
    file.write_text('home = "data"\n[store]\nname = "Loja 9"\n', encoding="utf-8")
    settings = load(file, {})
    assert settings.home_path == (tmp_path / "data").resolve()
    assert settings.store.name == "Loja 9"
    assert settings.database_url.startswith("sqlite:///")


def test_the_environment_wins_and_reads_lists_numbers_and_booleans(tmp_path: Path) -> None:
    file = tmp_path / "malote.toml"
    file.write_text("[server]\nport = 1\n", encoding="utf-8")
    environment = {
        "MALOTE_SERVER_PORT": "9000",
        "MALOTE_SERVER_POSTING": "false",
        "MALOTE_STORE_ISSUERS": "12ABC34501DE35, 0X0J92JY000196",
        "MALOTE_LANGUAGE": "en",
    }
    settings = load(file, environment)
    assert settings.server.port == 9000
    assert settings.server.posting is False
    assert settings.store.issuers == ["12ABC34501DE35", "0X0J92JY000196"]
    assert settings.language == "en"


@pytest.mark.parametrize("variable", ["MALOTE_ERP_URL", "MALOTE_DATABASE_URL"])
def test_an_address_left_empty_in_the_environment_is_no_file_to_try_out_with(tmp_path: Path, variable: str) -> None:
    file = tmp_path / "malote.toml"
    file.write_text('[erp]\nurl = "postgresql://malote@erp/retaguarda"\n', encoding="utf-8")
    with pytest.raises(SettingsError, match=variable):
        load(file, {variable: ""})


def test_a_bom_of_a_windows_editor_is_no_obstacle(tmp_path: Path) -> None:
    file = tmp_path / "malote.toml"
    file.write_bytes(b"\xef\xbb\xbf" + b'language = "en"\n')
    assert load(file, {}).language == "en"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[server]\nprot = 1\n", "prot"),
        ("[server]\nport = 'many'\n", "port"),
        ("language = 'fr'\n", "language"),
        ("[server\n", "malote.toml"),
        ('[loads]\nquiet_hours = "22-6"', "loads.quiet_hours: HH:MM-HH:MM"),
        ('[alerts]\nquiet_hours = "22:00-24:00"', "alerts.quiet_hours: HH:MM-HH:MM"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "malote.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=said):
        load(file, {})


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such settings file"):
        load(tmp_path / "absent.toml", {})


def test_a_file_of_an_older_version_still_starts_an_agent(tmp_path: Path) -> None:
    path = tmp_path / "malote.toml"
    path.write_text("[till]\nmax_document_bytes = 1000\nfolder = 'pos'\n", encoding="utf-8")
    assert load(path, {}).till.folder == "pos"


def test_one_size_limit_is_said_once() -> None:
    """Whatever asks how large a file may be asks one setting, which begins with one number."""
    source, bound = Path(malote.__file__).parent, r"(?<!ROWS = )\b5_?000_?000\b"  # of bytes, not of rows
    said = [path.name for path in source.rglob("*.py") if re.search(bound, path.read_text("utf-8"))]
    assert said == ["reading_limits.py"]
    assert IntakeSettings().max_document_bytes == Limits().max_bytes == LARGEST_DOCUMENT
    assert IntakeSettings(max_document_bytes=7).pouch_limits.document_bytes == 7


def test_agents_are_asked_for_less_than_is_taken() -> None:
    limits = IntakeSettings(max_documents=2000, max_pouch_bytes=64_000_000).pouch_limits
    assert (limits.files, limits.bytes) == (500, 8_000_000)
    assert IntakeSettings(max_documents=1, max_pouch_bytes=1).pouch_limits.files == 1
