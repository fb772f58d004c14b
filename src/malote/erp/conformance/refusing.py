"""All or nothing, and errors told apart."""

from malote.erp.conformance.assertions import NotApplicableError, expect, same
from malote.erp.conformance.check import Check
from malote.erp.conformance.documents import cancellation, item, number_void, sale
from malote.erp.conformance.scene import Scene, of_erp
from malote.erp.profiles.profile import Part
from malote.erp.protocol import Result

# One column of each table that a sale needs; the ledger's are Malote's own, in every profile.
COLUMNS: tuple[tuple[Part, str], ...] = (("item", "cofins_amount"), ("sale", "consumer"), ("payment", "acquirer"))


def one_undoes_the_batch(scene: Scene) -> None:
    scene.refuse_product("666", "no_666")
    poison = sale(3, items=(item(1), item(2, product="666")), consumer="52998224725")
    error = scene.refusal(sale(1), cancellation(sale(1)), poison, number_void())
    same(of_erp(error), ("erp_constraint", False), "answer")
    expect("no_666" in str(error.facts).lower(), f"the rule is not named: {error.detail}")
    expect("52998224725" not in f"{error} {error.facts}", "the error repeats a consumer's number")
    expect(scene.empty(), "something of the batch was written")
    same(scene.post(sale(1), cancellation(sale(1)), number_void()), [Result.POSTED] * 3, "the others")


def lines_of_one_number(scene: Scene) -> None:
    if scene.tables.state is not None:
        raise NotApplicableError("the keys of the lines are the ERP's own")
    scene.part("item")
    same(of_erp(scene.refusal(sale(1, items=(item(1), item(1))))), ("erp_constraint", False), "answer")
    expect(scene.empty(), "something was written")


def missing_column_is_named(part: Part, field: str) -> Check:
    def act(scene: Scene) -> None:
        named = scene.drop_column(part, field)
        error = scene.refusal(sale(1))
        same((*of_erp(error), error.detail), ("structure_outdated", False, named), "answer")

    return Check(f"column_{part}", f"Coluna que falta é nomeada ({part})", f"A missing column is named ({part})", act)


def missing_table_concerns_few(scene: Scene) -> None:
    named = scene.drop_table("number_void")
    same(scene.post(sale(1), cancellation(sale(1))), [Result.POSTED] * 2, "others")
    error = scene.refusal(number_void())
    same((*of_erp(error), error.detail), ("structure_outdated", False, named), "answer")
    scene.erp.create_structure(everything=True)
    same(scene.post(number_void()), [Result.POSTED], "after it is there again")


CHECKS = (
    Check("rollback", "Uma venda recusada desfaz o lote", "One refused sale undoes the batch", one_undoes_the_batch),
    Check("constraint", "Regra do banco é reconhecida", "A rule of the database is told", lines_of_one_number),
    *(missing_column_is_named(part, field) for part, field in COLUMNS),
    Check(
        "table",
        "Tabela que falta só atinge quem precisa dela",
        "A missing table concerns only those that need it",
        missing_table_concerns_few,
    ),
)
