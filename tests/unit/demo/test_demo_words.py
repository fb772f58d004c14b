import re
import string
from pathlib import Path

import malote.demo
from malote.cli import demo, demo_prices
from malote.demo.phrases import Phrase

SOURCES = [*Path(malote.demo.__file__).parent.glob("*.py"), Path(demo.__file__), Path(demo_prices.__file__)]


def facts(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_each_phrase_is_said_in_both_languages_with_the_same_facts() -> None:
    # Two phrases of the same words would be one: an Enum takes the second for another name of the first.
    assert len(Phrase.__members__) == len(list(Phrase))
    for phrase in Phrase:
        portuguese, english = phrase.value
        assert portuguese
        assert english
        assert facts(portuguese) == facts(english), phrase


def test_no_phrase_is_left_over() -> None:
    used = {name for source in SOURCES for name in re.findall(r"Phrase\.([A-Z_]+)", source.read_text("utf-8"))}
    assert used >= set(Phrase.__members__)


def test_a_phrase_in_each_language() -> None:
    assert Phrase.RESTARTED.say("pt", name="caixa1") == "caixa1 caiu e foi iniciado de novo"
    assert Phrase.RESTARTED.say("en", name="caixa1") == "caixa1 had died and was started again"
