"""The laboratory's table has a row for every trouble, and every trouble that the support procedure is known for."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from malote import rejection
from malote.demo import laboratory_table
from malote.demo.laboratory_faults import FAULTS
from malote.demo.laboratory_table import PAIRS, TABLE, LaboratoryRow, LaboratoryRun, markdown

STEPS = {"structures", "structures_2"}


def test_every_trouble_has_its_row_and_what_names_it_is_known() -> None:
    assert set(TABLE) == set(FAULTS)
    assert {name for pair in PAIRS for name in pair} <= set(FAULTS)
    codes = {code for one in TABLE.values() for code in one.codes} - STEPS
    assert codes <= set(rejection.catalogue())


class Quick:
    """Of two troubles one hides the other: what is shown is pressed in the moment that it shows."""

    def __init__(self) -> None:
        self.left = ["structures", "erp_constraint"]
        self.pressed: list[str] = []
        self.shown: set[str] = set()

    def drawer(self, _till: str) -> Any:
        named = set(self.left[:1]) if len(self.left) != 1 else set()  # the second: to whoever presses alone
        return SimpleNamespace(named=named, verdict="person" if self.left else "resolved")

    def press(self, _till: str) -> str:
        if not self.left:
            return ""
        self.shown.add(self.left[0])
        self.pressed.append(f"cure {self.left.pop(0)}")
        return self.pressed[-1]


def test_of_two_at_once_one_may_hide_the_other_until_it_is_pressed_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused sale can't be told while it is refused for a column that is missing."""
    monkeypatch.setattr(laboratory_table, "_LOOK_SECONDS", 0.0)
    bench = SimpleNamespace(ask=lambda *_, **__: None)
    row = LaboratoryRun(cast("Any", bench), cast("Any", Quick())).try_out(("structure-erp", "reject"))
    assert row.found == ["structures", "erp_constraint"]
    assert (row.ended, row.passed) == ("resolved", True)


@pytest.mark.parametrize(
    ("said", "status", "passed"), [("resolved", 0, True), ("handed", 5, False), ("resolved", 1, False)]
)
def test_the_command_line_must_say_what_the_drawer_says(
    monkeypatch: pytest.MonkeyPatch, said: str, status: int, passed: bool
) -> None:
    monkeypatch.setattr(laboratory_table, "_LOOK_SECONDS", 0.0)
    bench = SimpleNamespace(ask=lambda *_, **__: None)
    tried = LaboratoryRun(cast("Any", bench), cast("Any", Quick()), lambda _scope: (said, status))
    row = tried.try_out(("structure-erp", "reject"))
    assert (row.doctor, row.passed) == (said, passed)


def test_the_table_says_what_failed() -> None:
    good = LaboratoryRow("reject", ["erp_constraint"], 2.4, "resolved", 11.0, ["cure"], recovered=True, passed=True)
    bad = LaboratoryRow("gap", [], 120.0, "support", 120.0, [], recovered=False, passed=False)
    lines = markdown([good, bad]).splitlines()
    assert lines[2] == "| reject | `erp_constraint` | cure | resolved | 2 s | 11 s |"
    assert lines[3] == "| gap | **not found** | –; then whoever it belongs to | **no:** support | 120 s | 120 s |"
