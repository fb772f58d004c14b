"""What is guessed of tables, without a database: what nobody told is marked, a store by detours is found."""

import pytest

from malote.erp.suggesting.filling import SuggestedLine, lines
from malote.erp.suggesting.guessing import Tables, chosen
from malote.erp.suggesting.table_catalogue import (
    CatalogueColumn,
    CatalogueTable,
    Kind,
    TableCatalogue,
    meanings_of,
)


def column(name: str, kind: Kind = "integer", **more: object) -> CatalogueColumn:
    asked = {"length": None, "places": 0, "required": True, "made": False} | more
    return CatalogueColumn(name, kind, **asked)  # type: ignore[arg-type]


def table(name: str, key: tuple[str, ...], refers: dict[str, str], *columns: CatalogueColumn) -> CatalogueTable:
    """``refers``: by column, the table whose column of the same name it means."""
    return CatalogueTable(name, {one.name: one for one in columns}, key, {k: (v, k) for k, v in refers.items()})


def summarised(state: CatalogueColumn) -> Tables:
    """Sales that belong to a day's summary of a store, and name no store themselves."""
    made, key = column("id_cupom", made=True), column("chave_nfce", "text", length=44)
    amount = {"kind": "decimal", "places": 2}
    known = [
        table("loja", ("id_loja",), {}, column("id_loja"), column("cgc", "text", length=14)),
        table("mercadoria", ("cod_merc",), {}, column("cod_merc"), column("ean13", "text", length=14)),
        table("mapa_resumo", ("id_mapa",), {"id_loja": "loja"}, column("id_mapa", made=True), column("id_loja")),
        table(
            "cupom",
            ("id_cupom",),
            {"id_mapa": "mapa_resumo"},
            *(made, column("id_mapa"), column("sr_nfce", "text", length=3), key),
            *(column("dth_emissao", "clock"), column("vlr_cupom", **amount), state),  # type: ignore[arg-type]
        ),
        table(
            "cupom_item",
            ("id_cupom", "seq"),
            {"id_cupom": "cupom", "cod_merc": "mercadoria"},
            *(column("id_cupom"), column("seq"), column("cod_merc"), column("qtde", "decimal", places=3)),
        ),
        table(
            "saldo_estoque",
            ("id_loja", "cod_merc"),
            {"id_loja": "loja", "cod_merc": "mercadoria"},
            *(column("id_loja"), column("cod_merc"), column("saldo", "decimal", places=3)),
        ),
    ]
    return chosen(TableCatalogue({one.name: one for one in known}))


def told(tables: Tables, part: str, name: str) -> SuggestedLine:
    return next(one for one in lines(part, tables) if one.column == name)


@pytest.mark.parametrize(
    ("state", "value", "doubt"),
    [
        (column("sit", "text", length=1), "present(cancelled_at, 'C', 'A')", "state"),
        (column("sit", "text", values=("N", "C")), "present(cancelled_at, 'C', 'N')", ""),
        (column("sit", "text", values=("", "X")), "present(cancelled_at, 'X', '')", ""),
        (column("sit", "text", values=("B", "D")), "present(cancelled_at, 'C', 'A')", "state"),
        (
            column("sit", "text", meanings=(("N", "normal"), ("X", "cancelada"))),
            "present(cancelled_at, 'X', 'N')",
            "",
        ),
        (column("sit", "text", values=(" ", "X")), "present(cancelled_at, 'X', ' ')", ""),
        *(
            (column("sit", "text", meanings=meanings_of(comment)), "present(cancelled_at, 'C', ' ')", "")
            for comment in (
                "branco = normal, C = cancelada",
                "C: cancelada; em branco quando ativa",
                "' ' normal 'C' cancelada",
            )
        ),
        (column("sit"), "present(cancelled_at, 1, 0)", "state"),
        (column("sit", meanings=(("1", "ativa"), ("2", "cancelada"))), "present(cancelled_at, 2, 1)", ""),
        (column("cancelado", "flag"), "present(cancelled_at, true, false)", ""),
    ],
)
def test_a_state_that_nobody_told_is_marked(state: CatalogueColumn, value: str, doubt: str) -> None:
    found = told(summarised(state), "sale", state.name)
    assert (found.value, found.doubt) == (value, doubt)


@pytest.mark.parametrize("comment", ["Não deixar em branco", "Campo vazio não é aceito", "espaço", "A = ativa"])
def test_a_comment_that_only_speaks_of_blanks_says_no_value(comment: str) -> None:
    assert " " not in dict(meanings_of(comment))


def test_the_stock_of_a_store_that_the_sale_names_by_detours_is_found() -> None:
    tables = summarised(column("cancelado", "flag"))
    assert tables.parts["store"].name == "loja"
    assert [(one.column, one.value) for one in lines("stock", tables)] == [
        ("id_loja", "query('store', sale.issuer)"),
        ("cod_merc", "query('product', gtin, product_code)"),
        ("saldo", "places(quantity, 3)"),
    ]


def test_a_series_cut_to_two_letters_is_one() -> None:
    assert told(summarised(column("cancelado", "flag")), "sale", "sr_nfce").value == "text(series)"
