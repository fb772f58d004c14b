"""The record of the troubles: a series is right only if every round was played, and right; a cut-off line is none."""

from pathlib import Path

import pytest
from rich.console import Console

from tests.faults.troubles import __main__ as troubles
from tests.faults.troubles import records
from tests.faults.troubles.records import RoundRecord

RIGHT = RoundRecord(turn=0, right=True, seconds=41.0, told_after=12.0, looks=30, widest=1.5, load=8.0)
WRONG = RoundRecord(turn=1, right=False, seconds=7.0, error="AssertionError: green")


@pytest.mark.parametrize(
    ("rounds", "right"), [([RIGHT, RIGHT], True), ([RIGHT, WRONG], False), ([RIGHT], False), ([], False)]
)
def test_a_series_is_right_if_each_round_was_played_and_right(rounds: list[RoundRecord], right: bool) -> None:
    assert records.all_right({"clock-set": [RIGHT, RIGHT], "store-lost": rounds}, 2) is right


def test_what_was_cut_off_while_it_was_written_is_played_again(tmp_path: Path) -> None:
    file = tmp_path / "troubles" / "clock-set.jsonl"
    assert records.read(file) == []
    for one in (RIGHT, WRONG):
        records.append(file, one)
    with file.open("ab") as stream:
        stream.write(b'{"turn":2,"ri')
    assert records.read(file) == [RIGHT, WRONG]
    records.append(file, RIGHT)
    assert records.read(file) == [RIGHT, WRONG, RIGHT]


def test_the_table_shows_each_round_and_what_was_not_played() -> None:
    console = Console(width=160)
    with console.capture() as captured:
        console.print(records.drawn({"clock-set": [RIGHT, WRONG], "store-lost": []}, 3))
    lines = captured.get().splitlines()
    clock, store = (next(line for line in lines if name in line) for name in ("clock-set", "store-lost"))
    assert [cell.strip() for cell in clock.split("│")[1:-1]][:5] == ["clock-set", "1 of 3", "41", "✗ 7", "–"]
    assert "not measured" in store


@pytest.mark.parametrize(("status", "rounds"), [(1, [False, False]), (2, []), (-9, [])])
def test_what_fails_outside_of_a_round_is_wrong_and_what_is_interrupted_is_played_again(
    status: int, rounds: list[bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(troubles, "_run", lambda *_: status)
    troubles.play("clock-set", tmp_path / "clock-set.jsonl", 2)
    assert [one.right for one in records.read(tmp_path / "clock-set.jsonl")] == rounds
