"""What lies in the drop folder and isn't taken in, as ``malote status`` says it; and a reader that has read enough."""

import pytest

from malote.cli.status import _show_findings
from malote.config import Settings
from malote.intake.dropped_files import DropFolderFinding
from malote.terminal.command import explained


def test_three_thousand_misplaced_files_are_a_few_lines(capsys: pytest.CaptureFixture[str]) -> None:
    misplaced = [DropFolderFinding("", f"nota{number}.xml", "file_misplaced") for number in range(3000)]
    _show_findings([*misplaced, DropFolderFinding("caixa1", "x.xml", "file_too_large")], "pt")
    printed = capsys.readouterr().out
    assert "nota0.xml, nota1.xml, nota2.xml e mais 2997" in printed
    assert "caixa1/x.xml" in printed
    assert len(printed.splitlines()) < 20


def test_a_reader_that_leaves_is_no_trouble_with_a_folder() -> None:
    with pytest.raises(BrokenPipeError), explained(Settings()):
        raise BrokenPipeError(32, "Broken pipe")
