"""What a sale tells since the reader reads more of it: booked, and no divergence from what an older program booked."""

from msgspec.structs import replace

from malote.erp.protocol import Erp, Result
from malote.fiscal.documents import TOLD_LATER, Sale, Taxes, Totals
from tests.engines.erp_support import Tables
from tests.engines.sales import item, posting, sale, totals

pytest_plugins = ["tests.engines.erp_fixtures"]

TAXES = Taxes(
    icms_status="61", icms_single_phase_amount=130, pis_substitution_amount=25, cofins_substitution_amount=90,
    selective_amount=7, ibs_single_phase_amount=10, cbs_single_phase_amount=90,
)  # fmt: skip


def fuel() -> Sale:
    line = replace(item(1), taxes=TAXES)
    sums = replace(
        totals((line,)),
        icms_single_phase=130,
        selective=7,
        ibs_single_phase=10,
        cbs_single_phase=90,
        total_with_reform=99,
    )
    return replace(sale(1), items=(line,), totals=sums, norm="NT2025.002")


def test_taxes_of_one_phase_and_the_norm_are_booked(erp: Erp, tables: Tables) -> None:
    one = fuel()
    (outcome,) = erp.post([posting(one)])
    assert outcome.result is Result.POSTED
    booked = tables.sale(one.access_key)
    assert booked.items[0].taxes == TAXES
    assert booked.totals == one.totals
    assert booked.norm == "NT2025.002"


def test_what_an_older_program_booked_is_the_same_sale(erp: Erp, tables: Tables) -> None:
    one = fuel()
    erp.post([posting(one)])
    later_taxes = ", ".join(f"{name} = 0" for name in Taxes.__struct_fields__ if name in TOLD_LATER)
    later_sums = ", ".join(f"{name} = 0" for name in Totals.__struct_fields__ if name in TOLD_LATER)
    tables.run(f"UPDATE sale_item SET {later_taxes}", f"UPDATE sale SET {later_sums}, norm = NULL")
    other = replace(posting(one), document_id=77, content_hash=bytes(32))
    assert [one.result for one in erp.post([other])] == [Result.DUPLICATE]


def test_other_rules_make_no_other_sale(erp: Erp) -> None:
    one = fuel()
    erp.post([posting(one)])
    again = replace(posting(replace(one, norm="NT2026.008")), document_id=78)
    assert [one.result for one in erp.post([again])] == [Result.DUPLICATE]


def test_a_tax_that_was_booked_otherwise_is_another_content(erp: Erp) -> None:
    one = fuel()
    erp.post([posting(one)])
    line = replace(one.items[0], taxes=replace(TAXES, ibs_single_phase_amount=11))
    (outcome,) = erp.post([replace(posting(replace(one, items=(line,))), document_id=79)])
    assert outcome.result is Result.CORRECTED
