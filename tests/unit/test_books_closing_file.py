"""A POS's closing as CSV: what is read of it, and what is refused with its line."""

from datetime import date

import pytest

from malote.books.closing_file import LARGEST, MOST_LINES, ClosingError, parse

DAY = date(2026, 11, 27)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"caixa;dia;forma;valor\nCaixa1;27/11/2026;dinheiro;1.234,56\ncaixa1;2026-11-27;01;0,44\n", {"01": 123500}),
        (b"amount,method,day,till\n12.5,17,2026-11-27,caixa1\n\n-2,17,2026-11-27,caixa1\n", {"17": 1050}),
        ("\ufeffcaixa;dia;forma;valor;obs\ncaixa1;27/11/2026;Crédito;R$ 7,00;nada\n".encode(), {"03": 700}),
        ("caixa;dia;forma;valor\ncaixa1;27/11/2026;débito;1.234\n".encode("cp1252"), {"04": 123400}),
    ],
)
def test_what_people_write_is_read(content: bytes, found: dict[str, int]) -> None:
    assert parse(content) == {("caixa1", DAY): found}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"caixa1;27/11/2026;01", "fields"),
        (b";27/11/2026;01;1", "till"),
        (b"caixa1;31/02/2026;01;1", "day"),
        (b"caixa1;27/11/26;01;1", "day"),
        (b"caixa1;27/11/2026;fiado;1", "method"),
        (b"caixa1;27/11/2026;01;1e9", "amount"),
        (b"caixa1;27/11/2026;01;NaN", "amount"),
        (b"caixa1;27/11/2026;01;12.34,567", "amount"),
        (b"caixa1;27/11/2026;01;" + b"9" * 13, "amount"),
        (b"x" * 200 + b";27/11/2026;01;1", "fields"),
    ],
)
def test_a_line_that_is_none_is_named(line: bytes, problem: str) -> None:
    with pytest.raises(ClosingError) as caught:
        parse(b"caixa;dia;forma;valor\ncaixa1;27/11/2026;01;1,00\n" + line)
    assert (caught.value.line, caught.value.problem) == (3, problem)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "heading"),
        (b"caixa;caixa;dia;forma;valor\n", "heading"),
        (b"\0\0\0\0", "unreadable"),
        (b'caixa;dia;forma;valor\n"caixa1;27', "unreadable"),
        (b"a" * (LARGEST + 1), "too_large"),
        (b"\n" * (MOST_LINES + 2), "too_large"),
    ],
)
def test_what_is_no_closing_is_refused(content: bytes, problem: str) -> None:
    with pytest.raises(ClosingError) as caught:
        parse(content)
    assert caught.value.problem == problem
