"""What service managers are told is a command that there is, with options that it has."""

import configparser
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from typer.testing import CliRunner

from malote.cli.main import assemble
from malote.setup import units

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


# What the two units of the server may say otherwise: where it lies, as whom it runs; its home may be under /home.
OF_THE_PLACE = {
    "Description",
    "Documentation",
    "User",
    "Group",
    "ExecStart",
    "WorkingDirectory",
    "EnvironmentFile",
    "StateDirectory",
    "StateDirectoryMode",
    "ReadWritePaths",
    "ProtectHome",
}


def said(unit: str) -> set[tuple[str, str]]:
    lines = (line.partition("=") for line in unit.splitlines() if not line.startswith("#"))
    return {(name, value) for name, _, value in lines if value and name not in OF_THE_PLACE}


def test_the_unit_that_init_writes_is_the_one_of_the_package() -> None:
    made = units.unit("Loja", Path("/srv/loja/malote.toml"), python="/opt/python", user="malote")
    packaged = (PACKAGING / "systemd" / units.UNIT_NAME).read_text("utf-8")
    assert said(made) == said(packaged)
    assert ("RestartPreventExitStatus", "2") in said(made)
    assert "ProtectHome=read-only\n" in made
    assert "ProtectHome=yes\n" in packaged
