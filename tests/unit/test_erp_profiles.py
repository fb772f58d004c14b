"""Profiles: what they refuse, and what becomes of a row."""

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
from malote.erp.profiles.errors import ProfileError
from malote.erp.profiles.profile import MappedPart, Profile, Written, built_in, load, read, shipped
from malote.erp.profiles.queries import ProfileQuery
from malote.erp.profiles.shapes import Shape
from malote.erp.profiles.showing import as_toml
from tests.engines.sales import contingency, item, sale
from tests.unit.erp_profile_support import AT

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
