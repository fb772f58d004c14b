"""Names that strangers gave to files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from malote.intake.file_names import LONGEST, base_name


@pytest.mark.parametrize(
    ("given_name", "shown"),
    [
        ("venda.xml", "venda.xml"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\windows\\system.ini", "system.ini"),
        ("pasta/", "pasta"),
        ("", "?"),
        ("/", "?"),
        ("linha\nnova\x00\x1b[31m.xml", "linhanova[31m.xml"),
        ("‮lmx.adnev", "lmx.adnev"),
        ("caf\udce9.xml", "caf�.xml"),
        ("\ud800.xml", "�.xml"),
        ("promoção.xml", "promoção.xml"),
    ],
)
def test_a_name_is_shown_without_its_tricks(given_name: str, shown: str) -> None:
    assert base_name(given_name) == shown


@given(st.text(alphabet=st.characters(codec=None), max_size=400))
def test_whatever_the_name_it_can_be_written_and_shown(name: str) -> None:
    shown = base_name(name)
    assert 0 < len(shown) <= LONGEST
    assert shown.encode().decode() == shown
    assert "/" not in shown
    assert "\\" not in shown
