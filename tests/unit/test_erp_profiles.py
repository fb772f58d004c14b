"""Profiles: their language, what they refuse, and what becomes of a row."""

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateTable

from malote.erp import rows, tables
from malote.erp.mapping import BUILT_IN, ErpTables
from malote.erp.postgresql.copy_text import CopyText
from malote.erp.profiles import profile
from malote.erp.profiles.compiled import Compiled, ExpressionNames, UnmappedError
from malote.erp.profiles.errors import ProfileError
from malote.erp.profiles.functions import compiled
from malote.erp.profiles.profile import MappedPart, Profile, Written, built_in, load, read, shipped
from malote.erp.profiles.queries import ProfileQuery
from malote.erp.profiles.shapes import Shape
from malote.erp.profiles.showing import as_toml
from malote.erp.profiles.syntax import Call, Constant, ExpressionError, Field, parse
from malote.erp.values import OutOfRangeError
from tests.engines.sales import contingency, item, sale

AT = datetime(2026, 3, 2, 23, 30, 5, tzinfo=timezone(timedelta(hours=-3)))
SHAPES = {
    "words": Shape("text"),
    "amount": Shape("money"),
    "exact": Shape("decimal", places=4),
    "whole": Shape("integer"),
    "at": Shape("moment"),
    "yes": Shape("flag"),
}
LOOKUPS: dict[str, dict[str, str | int]] = {
    "shop": {"a": 1, "b": 2},
    "way": {"01": "DIN", "*": "OUT"},
    "same": {"a": "x", "b": "x"},
    "mixed": {"a": 1, "b": "x"},
    "none": {},
}


def made(text: str) -> Compiled:
    return compiled(parse(text), ExpressionNames(column="t.c", row=SHAPES, sale=SHAPES, lookups=LOOKUPS))


def value(text: str, **row: Any) -> Any:
    return made(text).value(row, {"words": "of the sale", "at": AT})


# ---- syntax ----


def test_an_expression_is_taken_apart() -> None:
    assert parse(" words ") == Field("words")
    assert parse("sale.at") == Field("at", of_sale=True)
    assert parse("'it''s'") == Constant("it's")
    assert parse("-3") == Constant(-3)
    assert parse("2.50") == Constant(Decimal("2.50"))
    assert parse("left( concat('a', whole) ,2)") == Call(
        "left", (Call("concat", (Constant("a"), Field("whole"))), Constant(2))
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a b",
        "a +",
        "1 + 1",
        "concat(",
        "concat(a",
        "concat(a,",
        "concat(a,)",
        "concat a)",
        "'open",
        "item.words",
        "a.b.c",
        "__import__('os')",
        "words.__class__",
        "lambda: 1",
        "a; b",
        "A",
        "(a)",
        "x" * 1001,
        "left(" * 12 + "a" + ",1)" * 12,
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        made(text)


# ---- functions ----


@pytest.mark.parametrize(
    ("text", "row", "expected"),
    [
        ("words", {"words": "x"}, "x"),
        ("sale.words", {}, "of the sale"),
        ("'NFCE'", {}, "NFCE"),
        ("concat(words, '-', whole)", {"words": "a", "whole": 7}, "a-7"),
        ("concat(words, whole)", {"words": None, "whole": None}, ""),
        ("cents(amount)", {"amount": 1234}, 1234),
        ("negate(amount)", {"amount": 1234}, -1234),
        ("negate(exact)", {"exact": Decimal("1.5")}, Decimal("-1.5")),
        ("places(exact, 2)", {"exact": Decimal("1.50")}, Decimal("1.50")),
        ("rounded(exact, 2)", {"exact": Decimal("1.005")}, Decimal("1.01")),
        ("rounded(amount, 1)", {"amount": 125}, Decimal("1.3")),
        ("left(words, 3)", {"words": "abcdef"}, "abc"),
        ("right(words, 3)", {"words": "abcdef"}, "def"),
        ("right(words, 0)", {"words": "abcdef"}, ""),
        ("integer(words)", {"words": "0042"}, 42),
        ("integer(words)", {"words": ""}, None),
        ("text(whole)", {"whole": 42}, "42"),
        ("date(at)", {"at": AT}, date(2026, 3, 2)),
        ("date(sale.at)", {}, date(2026, 3, 2)),
        ("clock(at)", {"at": AT}, datetime(2026, 3, 2, 23, 30, 5)),  # noqa: DTZ001 it has none on purpose
        ("hour(at)", {"at": AT}, 23),
        ("concat(year(at), month(at), day(at))", {"at": AT}, "202632"),
        ("date(at)", {"at": None}, None),
        ("lookup(words, 'shop')", {"words": "b"}, 2),
        ("lookup(words, 'way')", {"words": "99"}, "OUT"),
        ("lookup(words, 'shop')", {"words": ""}, None),
        ("scaled(exact, 3)", {"exact": Decimal("1.5")}, 1500),
        ("scaled(rounded(exact, 2), 2)", {"exact": Decimal("2.555")}, 256),
        ("with_comma(amount)", {"amount": 1250}, "12,50"),
        ("with_comma(amount)", {"amount": -5}, "-0,05"),
        ("with_point(places(exact, 3))", {"exact": Decimal(2)}, "2.000"),
        ("present(at, 'C', 'N')", {"at": AT}, "C"),
        ("present(at, 'C', 'N')", {"at": None}, "N"),
        ("present(words, words, '?')", {"words": ""}, "?"),
    ],
)
def test_what_an_expression_gives(text: str, row: dict[str, Any], expected: Any) -> None:
    found = value(text, **row)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    "text",
    [
        "nothing",
        "sale.nothing",
        "eval('1')",
        "cents(whole)",
        "cents(amount, 1)",
        "date(words)",
        "left(words)",
        "left(words, -1)",
        "left(words, whole)",
        "left(whole, 1)",
        "places(exact, 11)",
        "places(amount, 2)",
        "concat()",
        "concat(amount)",
        "present(at, 'C')",
        "present(at, 'C', 1)",
        "lookup(words, 'absent')",
        "lookup(words, words)",
        "lookup(amount, 'shop')",
        "lookup(words, 'mixed')",
        "lookup(words, 'none')",
        "integer(whole)",
        "negate(words)",
        "rounded(words, 2)",
    ],
)
def test_what_has_no_meaning_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        made(text)


def test_values_that_would_be_changed_are_refused_without_being_told() -> None:
    for text, row in (
        ("places(exact, 2)", {"exact": Decimal("1.234")}),
        ("scaled(exact, 2)", {"exact": Decimal("1.234")}),
        ("integer(words)", {"words": "52998224725x"}),
        ("integer(words)", {"words": "9" * 19}),
        ("integer(words)", {"words": "²"}),
        ("rounded(exact, 10)", {"exact": Decimal("1E+30")}),
    ):
        with pytest.raises(OutOfRangeError) as refused:
            value(text, **row)
        assert str(refused.value) == "t.c"
    with pytest.raises(UnmappedError) as unmapped:
        value("lookup(words, 'shop')", words="52998224725")
    assert (unmapped.value.column, unmapped.value.lookup) == ("t.c", "shop")
    assert "52998224725" not in str(unmapped.value)


@pytest.mark.parametrize(
    ("text", "given", "exact"),
    [
        ("words", "x", True),
        ("cents(amount)", 5, True),
        ("negate(amount)", 5, True),
        ("scaled(exact, 3)", Decimal("1.5"), True),
        ("with_comma(amount)", -1250, True),
        ("places(exact, 2)", Decimal("1.5"), True),
        ("text(whole)", 7, True),
        ("integer(words)", "7", False),
        ("lookup(words, 'shop')", "b", True),
    ],
)
def test_some_values_lead_back_to_their_field(text: str, given: Any, exact: bool) -> None:
    one = made(text)
    name = one.readable
    assert name is not None
    assert one.inverse is not None
    assert one.inverse(one.value({name: given}, {})) == given
    assert one.exact is exact


@pytest.mark.parametrize(
    "text",
    [
        "left(words, 2)",
        "rounded(exact, 2)",
        "lookup(words, 'way')",
        "lookup(words, 'same')",
        "date(at)",
        "'x'",
        "sale.words",
    ],
)
def test_others_do_not(text: str) -> None:
    assert made(text).readable is None


# ---- profiles ----


def with_(part: str = "sale", **columns: Written) -> Profile:
    """The built-in profile, with these columns of one part in place of those that hold the same fields."""
    own = built_in()
    before = getattr(own, part)
    taken = {str(expression) for expression in columns.values()}
    kept = {name: expression for name, expression in before.columns.items() if expression not in taken}
    return msgspec.structs.replace(own, name="own", **{part: MappedPart(before.table, {**kept, **columns})})


def without(part: str, *fields: str) -> Profile:
    own = built_in()
    before = getattr(own, part)
    kept = {name: expression for name, expression in before.columns.items() if expression not in fields}
    return msgspec.structs.replace(own, name="own", **{part: MappedPart(before.table, kept)})


def test_the_built_in_profile_is_malotes_own_tables() -> None:
    for dialect in (postgresql.dialect(), sqlite.dialect()):  # type: ignore[no-untyped-call]
        for mine, own in zip(BUILT_IN.metadata.sorted_tables, tables.metadata.sorted_tables, strict=True):
            assert str(CreateTable(mine).compile(dialect=dialect)) == str(CreateTable(own).compile(dialect=dialect))
    assert BUILT_IN.complete
    assert BUILT_IN.left_out() == []


@pytest.mark.parametrize("name", ["", "malote", *shipped()])
def test_a_profile_can_be_shown_and_read_again(name: str) -> None:
    one = load(name)
    shown = as_toml(one)
    if one.name == "malote":
        with pytest.raises(ProfileError, match="built-in"):
            read(shown, "x")
        shown = shown.replace('"malote"', '"mine"', 1)
        one = msgspec.structs.replace(one, name="mine")
    assert read(shown, "x") == one


def test_a_file_is_taken_relative_to_home(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(as_toml(load("varejo")).replace('"varejo"', '"own"'), encoding="utf-8")
    assert load("own.toml", tmp_path).name == "own"


@pytest.mark.parametrize("name", ["absent", "absent.toml", "../varejo"])
def test_a_profile_that_is_not_there_is_said(name: str, tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=name.removeprefix("../")):
        load(name, tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "name = ",
        "name = 'x'",
        "name = 1",
        as_toml(load("varejo")) + "\n[unknown]\nx = 1\n",
        as_toml(load("varejo")).replace("nfc_capa", 'x"; DROP TABLE y'.replace('"', '\\"')),
        as_toml(load("varejo")).replace("chv_nfc =", "'bad;name' =", 1),
        as_toml(load("varejo")).replace("cod_dep = 1", "cod_dep = 1.5"),
    ],
)
def test_what_is_no_profile_is_said(text: str) -> None:
    with pytest.raises(ProfileError):
        read(text, "x.toml")


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (without("sale", "access_key"), "access_key"),
        (without("sale", "cancelled_at"), "cancelled_at"),
        (without("sale", "issuer"), "issuer"),
        (without("item", "product_code"), "product_code"),
        (without("stock", "quantity"), "quantity"),
        (without("stock", "product_code"), "product_code"),
        (without("payment", "access_key"), "access_key"),
        (with_(total="rounded(total, 2)"), "total"),
        (with_(x="concat(protocol_number, model)"), "come later"),
        (with_(x="present(cancelled_at, model, 'x')"), "come later"),
        (with_(x="date(posted_at)"), "default"),
        (with_("item", x="sale.protocol_number"), "protocol_number"),
        (with_("item", x="sale.cancelled_at"), "cancelled_at"),
        (with_("stock", x="sale.model"), "model"),
        (with_(x="model model"), "own: sale.x"),
    ],
)
def test_a_profile_that_could_not_work_is_refused(wrong: Profile, why: str) -> None:
    with pytest.raises(ProfileError, match=why):
        ErpTables(wrong)


def test_what_is_left_out_is_told() -> None:
    bare = msgspec.structs.replace(without("item", "cbs_rate", "gtin"), payment=None, number_void=None)
    made = ErpTables(bare)
    assert made.left_out() == ["item.gtin", "item.cbs_rate", "payment", "number_void"]
    assert not made.complete
    copied = ErpTables(msgspec.structs.replace(with_("item", x="sale.layout"), sale=without("sale", "layout").sale))
    assert "sale.layout" not in copied.left_out()


def test_a_change_sets_every_column_that_is_made_of_it() -> None:
    made = ErpTables(load("varejo"))
    cancelled = made.sale.change({"cancelled_at": AT})
    assert {made.sale.columns[key].name: value for key, value in cancelled.items()} == {
        "dth_cancel": AT,
        "situacao": "C",
    }
    assert "situacao" not in {made.sale.columns[key].name for key in made.sale.change(rows.protocol_row(None))}


# ---- rows, for INSERT and for COPY ----


def test_copy_and_insert_say_the_same() -> None:
    made = ErpTables(load("varejo"))
    one = contingency(1, items=(item(1, quantity="0.5"), item(2, product="é\t\\")), consumer="\n52998224725")
    inserted = rows.sales_with_lines(made, [(_posting(one), one)])
    copied = CopyText(made)
    lines = copied.lines(one, "caixa\t1")
    for (table, written), text, columns in zip(
        inserted,
        (lines.sale, lines.items, lines.payments),
        (copied.sale_columns, copied.item_columns, copied.payment_columns),
        strict=True,
    ):
        said = [dict(zip(columns, line.split("\t"), strict=True)) for line in text.removesuffix("\n").split("\n")]
        assert len(said) == len(written)
        for row, line in zip(written, said, strict=True):
            for target in table.inserted:
                assert line[target.column] == _as_copied(row[target.key], target.compiled.shape), target.column


def _posting(one: Any) -> Any:
    from tests.engines.sales import posting

    return posting(one, till="caixa\t1")


def _as_copied(value: Any, shape: Shape) -> str:
    if value is None:
        return ""
    match shape.kind:
        case "money":
            return f"{value}e-2"
        case "moment" | "date":
            return str(value.isoformat())
        case "text":
            return str(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
    return str(value)


def test_a_profile_of_plain_fields_costs_nothing_more() -> None:
    plain = CopyText(ErpTables(without("item", "cbs_single_phase_amount", "ibs_single_phase_amount")))
    full = CopyText(BUILT_IN)
    one = sale(1)
    assert full.lines(one, "c").sale == plain.lines(one, "c").sale
    assert full.lines(one, "c").items.startswith(plain.lines(one, "c").items.removesuffix("\n"))
    assert plain.item_columns == full.item_columns[:-2]


def test_shipped_profiles_are_whole() -> None:
    assert shipped() == ["varejo"]
    for name in shipped():
        assert load(name).name == name
        assert ErpTables(load(name)).profile.description
    assert profile.BUILT_IN not in shipped()


def test_which_tables_a_query_reads_whatever_they_are_called() -> None:
    sql = """with perto as (select 1) select a.id from "Cadastro Geral" . "Produto" a join Filial on true
             join matriz."Preço" on true join perto on true join unnest(array[1]) on true where a.codigo = :code"""
    assert ProfileQuery(sql, ["code"]).tables() == [
        ("", "filial"),
        ("Cadastro Geral", "Produto"),
        ("matriz", "Preço"),
    ]
