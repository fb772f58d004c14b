"""What makes a round of a trouble wrong: a green look before it is over, a red one without a word, a late word."""

from pathlib import Path

import pytest

from tests.faults.troubles import series
from tests.faults.troubles.light import Light, Look
from tests.faults.troubles.records import read
from tests.faults.troubles.series import Round, Series

TOLD = {"store": [{"code": "store_damaged"}]}


def look(at: float, *, green: bool = False, said: bool = True) -> Look:
    return Look(at, at + 0.5, 0 if green else 1, TOLD if said and not green else {}, "")


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> Light:
    """Looked at each second from 100 on; whoever asks for the time has the next of ``moments``."""
    made = Light(Path())
    made.looks = [look(100.0, green=True), *(look(float(at)) for at in range(101, 109)), look(109.0, green=True)]
    moments = iter([99.0, 107.0])
    monkeypatch.setattr(series, "now", lambda: next(moments))
    return made


def played(light: Light) -> Round:
    """Harmed at 99, told at 101, cured at 107."""
    one = Round(light)
    one.harm()
    one.tell(light.looks[1])
    one.cure()
    return one


def test_looks_since_it_was_told_until_it_is_over_are_counted(light: Light) -> None:
    one = played(light)
    one.judge()
    assert (one.delay, one.looks, one.widest) == (2.0, 6, 1.0)


def test_a_green_look_in_between_makes_it_wrong(light: Light) -> None:
    light.looks[4] = look(104.0, green=True)
    with pytest.raises(AssertionError, match=r"green 1 of 6 times, first 3\.0 s after"):
        played(light).judge()


def test_a_green_look_after_the_cure_and_before_the_erp_is_right_makes_it_wrong(light: Light) -> None:
    one = played(light)
    one.still_wrong(109.2)
    one.judge()
    one.still_wrong(110.0)
    with pytest.raises(AssertionError, match="green 1 of 9 times"):
        one.judge()


def test_red_without_a_word_is_wrong(light: Light) -> None:
    light.looks[4] = look(104.0, said=False)
    with pytest.raises(AssertionError, match="nothing said"):
        played(light).judge()


def test_told_after_five_minutes_is_wrong(light: Light) -> None:
    one = played(light)
    one.tell(look(400.0))
    with pytest.raises(AssertionError, match="told after 301 s"):
        one.judge()


def test_a_series_goes_on_behind_what_is_written_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALOTE_SOAK_TIMES", "3")
    monkeypatch.setenv("MALOTE_SOAK_RECORD", str(tmp_path / "record.jsonl"))
    with pytest.raises(ZeroDivisionError), Series().playing(0, Light(tmp_path)):
        raise ZeroDivisionError("the product's fault")
    assert [(one.turn, one.right, one.error) for one in read(tmp_path / "record.jsonl")] == [
        (0, False, "ZeroDivisionError: the product's fault")
    ]
    assert list(Series().turns()) == [1, 2]
