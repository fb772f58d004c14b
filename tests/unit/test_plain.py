"""Texts from outside: nothing of them steers a terminal, forges a line or turns the direction of reading round."""

import io
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table

from malote.plain import LONGEST, clean, clean_lines
from malote.terminal import logs, output

HOSTILE = {
    "title": "\x1b]0;dono\x07nota",
    "title, 8 bits": "\x9d0;dono\x9cnota",
    "clear": "\x1b[2J\x1b[Hnota",
    "colours": "\x1b[31;1mnota\x1b[0m",
    "link": "\x1b]8;;http://x/\x1b\\nota\x1b]8;;\x1b\\",
    "reset": "\x1bcnota",
    "device": "\x1bP$q\x1b\\nota",
    "forged line": "nota\ncaixa1 · em dia",
    "carriage return": "nota\rok  ",
    "direction": "nota\u202elmx.evap",
    "isolate": "\u2066nota\u2069",
    "zero width": "no\u200bta",
    "separator": "nota\u2028forjada",
    "backspace": "nota\b\b\b\bok",
    "half": "nota\ud800",
    "tag": "nota\U000e0041",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_nothing_of_it_is_left(text: str) -> None:
    assert clean(text).isprintable()
    assert "nota" in clean(text).replace("\ufffd", "")
    assert "dono" not in clean(text)
    assert "2J" not in clean(text)


def test_what_people_write_stays_as_it_is() -> None:
    for text in ("Promoção 2 por 1 – R$ 9,90", "Ação nº 5 ½ «x»", "日本", "🙂", ""):
        assert clean(text) == text
    assert clean("R$\u00a09,90") == "R$ 9,90"
    assert clean_lines("a\n\tb\x1b[2J\n") == "a\n\tb\n"


def test_what_is_over_long_is_cut_and_says_so() -> None:
    assert len(clean("x" * 100_000)) == LONGEST
    assert clean("x" * 100_000).endswith("x…")


def test_what_is_cut_off_is_not_looked_at_and_no_character_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text of millions of marks that turn the direction round took a second."""
    looked: list[str] = []
    category = unicodedata.category

    def counted(character: str) -> str:
        looked.append(character)
        return category(character)

    monkeypatch.setattr("malote.plain.unicodedata.category", counted)
    hostile = "\u2067" * 50_000 + "\u200f"
    assert clean(hostile) == "\ufffd" * (LONGEST - 1) + "…"
    assert clean_lines(hostile) == "\ufffd" * 50_001
    assert len(looked) <= 3


@given(st.text(st.characters()))
def test_any_text_becomes_one_line_without_orders(text: str) -> None:
    cleaned = clean(text)
    assert cleaned.isprintable()
    assert clean(cleaned) == cleaned
    assert not any(unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp") for one in cleaned)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_every_way_to_the_terminal_cleans(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    output.say(text)
    assert capsys.readouterr().out.rstrip("\n").isprintable()
    file = io.StringIO()
    terminal = output.Terminal(file=file, force_terminal=False, width=60)
    table = Table(title=text)
    table.add_column(text)
    table.add_row(text)
    terminal.print(table)
    assert all(line.isprintable() for line in file.getvalue().split("\n"))
    file.seek(0)
    file.truncate()
    terminal.print(text, markup=False)
    assert file.getvalue().rstrip("\n").isprintable()


def test_what_stands_in_brackets_is_said_and_no_markup() -> None:
    file = io.StringIO()
    terminal = output.Terminal(file=file, force_terminal=False, width=60)
    table = Table()
    table.add_row("[erp_locked] say so in [fiscal.operations]")
    terminal.print(table)
    terminal.print("[settings_unusable]")
    assert all(f"[{word}]" in file.getvalue() for word in ("erp_locked", "fiscal.operations", "settings_unusable"))


def test_json_says_the_same_in_codes(capsys: pytest.CaptureFixture[str]) -> None:
    for text in (one for one in HOSTILE.values() if not any("\ud800" <= letter <= "\udfff" for letter in one)):
        output.print_json({"name": text})
        said = capsys.readouterr().out
        assert said.rstrip("\n").isprintable()
        assert json.loads(said) == {"name": text}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_log_line_is_one_line(text: str) -> None:
    event = logs._cleaned(None, "info", {"event": text, "detail": text, "number": 3, "traceback": f"a\n{text}"})
    assert str(event["event"]).isprintable()
    assert str(event["detail"]).isprintable()
    assert event["number"] == 3
    assert str(event["traceback"]).startswith("a\n")


@pytest.mark.parametrize(
    ("cents", "portuguese", "english"),
    [(123_450, "1.234,50", "1,234.50"), (5, "0,05", "0.05"), (-123_456_789, "-1.234.567,89", "-1,234,567.89")],
)
def test_amounts_have_the_points_of_their_language(cents: int, portuguese: str, english: str) -> None:
    assert (output.amount(cents, "pt"), output.amount(cents, "en")) == (portuguese, english)
