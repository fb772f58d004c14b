"""What a statement shows: its shape, and nothing that somebody typed into it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from malote.erp.sessions.masking import LONGEST, masked


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        ("SELECT 1", "SELECT ?"),
        ("UPDATE t1 SET a = 'João', b = 12.50 WHERE c2 = -3", "UPDATE t1 SET a = '…', b = ? WHERE c2 = -?"),
        ("SELECT 'it''s', ''", "SELECT '…', '…'"),
        ("SELECT E'it\\'s 5', e'\\\\', B'01', x'FF', N'nome', U&'\\0041'", "SELECT " + ", ".join(["'…'"] * 6)),
        ("SELECT $$it's$$, $a$ $$ 1 $a$, $1, :nome, a::int", "SELECT '…', '…', $1, :nome, a::int"),
        ("SELECT q'[it's]', nq'{a}', Q'!b!' FROM dual", "SELECT '…', '…', '…' FROM dual"),
        ("SELECT a -- cpf 52998224725\nFROM t", "SELECT a FROM t"),
        ("SELECT /* senha /* 1 */ 'x' */ a", "SELECT a"),
        ('SELECT "Weird ""name", tab1.c$1 FROM "s"."t#2"', 'SELECT "Weird ""name", tab1.c$1 FROM "s"."t#2"'),
        ("a=1e5 OR b=.5 OR c=0x1F OR d=1_000", "a=? OR b=? OR c=? OR d=?"),
        ("  \n\tSELECT\r\n  a ", "SELECT a"),
        # What the server has cut in the middle.
        ("UPDATE t SET a = 'meio segred", "UPDATE t SET a = '…'"),
        ("SELECT $corpo$ meio segred", "SELECT '…'"),
        ("SELECT a /* meio segred", "SELECT a"),
        ("SELECT q'[meio segred", "SELECT '…'"),
        # It ends at the second or at the third quote, as the server is set: hidden to the end.
        ("SELECT 'c:\\', 'segredo' FROM t", "SELECT '…'"),
        ("SELECT a\x1b[31m", "SELECT a�[?"),
        ("", ""),
    ],
)
def test_literals_and_comments_are_hidden(sql: str, shown: str) -> None:
    assert masked(sql) == shown


def test_it_is_cut() -> None:
    shown = masked("SELECT " + ", ".join(f"column_{n}" for n in range(100)))
    assert len(shown) == LONGEST
    assert shown.endswith("…")


_SECRET = st.text(st.characters(categories=["L", "N"]), min_size=4, max_size=12).map(lambda text: f"zq{text}qz")


@given(
    _SECRET,
    st.sampled_from(["'{}'", "E'{}'", "E'\\'{}'", "$${}$$", "$t${}$t$", "-- {}\n", "/*{}*/", "q'[{}]'", "'a''{}'"]),
    st.text(max_size=20),
)
def test_no_literal_ever_shows(secret: str, form: str, after: str) -> None:
    assert secret not in masked(f"SELECT a FROM t WHERE b = {form.format(secret)} {after}")


@given(st.text(st.sampled_from("'\"$qEe-/*[]a1 \\\n"), max_size=60))
def test_whatever_it_is_given_it_ends_and_is_bounded(sql: str) -> None:
    assert len(masked(sql)) <= LONGEST
