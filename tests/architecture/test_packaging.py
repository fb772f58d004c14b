"""What service managers are told is a command that there is, with options that it has."""

import configparser
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from typer.testing import CliRunner

from malote.cli.main import assemble

PACKAGING = Path(__file__).parents[2] / "packaging"
UNITS = sorted(PACKAGING.glob("systemd/*.service"))
WINDOWS = sorted(PACKAGING.glob("windows/*.xml"))


def words_of(path: Path) -> list[str]:
    """The words after the program's name, up to the first option or path."""
    if path.suffix == ".xml":
        text = ElementTree.parse(path).findtext("arguments") or ""  # noqa: S314 - our own file
    else:
        unit = configparser.RawConfigParser(strict=False, comment_prefixes=("#",))
        unit.read(path, "utf-8")
        text = unit["Service"]["ExecStart"].partition("malote ")[2]
    return text.split()


@pytest.mark.parametrize("path", UNITS + WINDOWS, ids=lambda path: path.name)
def test_a_service_runs_a_command_that_there_is(path: Path) -> None:
    words = words_of(path)
    command = [word for word in words if word[0] not in "-/" and "\\" not in word]
    shown = CliRunner().invoke(assemble(words[0]), [*command, "--help"])
    assert shown.exit_code == 0, (path, words, shown.output)
    assert "--config" in words
    assert "--config" in shown.output


def test_there_are_services_for_all() -> None:
    assert {path.stem for path in UNITS} == {"malote-till", "malote-server", "malote-post", "malote-backup"}
    assert {path.stem for path in WINDOWS} == {"malote-till", "malote-server"}
