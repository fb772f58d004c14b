"""Numbers in sentences, with what is counted."""

import re
from pathlib import Path

import malote
from malote import rejection
from malote.bilingual import filled

_HALF = re.compile(r"\w\((s|es|m|ão)\)")


def test_a_number_asks_for_the_form_of_what_is_counted() -> None:
    text = "{rows:linha foi lida|linhas foram lidas} de {name}"
    assert filled(text, rows=1, name="a") == "1 linha foi lida de a"
    assert filled(text, rows=0, name="a") == "0 linhas foram lidas de a"
    assert filled(text, rows="1.000", name="b|c") == "1.000 linhas foram lidas de b|c"
    assert rejection.cause("files_uncaptured", {"count": "1", "age": "2 h"}).startswith("1 arquivo na pasta do PDV")
    assert "None" not in rejection.cause("files_uncaptured", {})


def test_no_text_leaves_the_form_to_the_reader() -> None:
    told = [*Path(malote.__file__).parent.rglob("*.toml"), *Path(malote.__file__).parent.rglob("*.html")]
    assert {path.name for path in told if _HALF.search(path.read_text(encoding="utf-8"))} == set()
    quoted = re.compile(r'"[^"\n]*[a-zç]{3}\((s|es)\)[ ,.;:]')
    rooms = [
        path
        for room in ("cli", "till", "terminal", "demo")
        for path in Path(malote.__file__).parent.joinpath(room).rglob("*.py")
    ]
    assert [path.name for path in rooms if quoted.search(path.read_text(encoding="utf-8"))] == []
