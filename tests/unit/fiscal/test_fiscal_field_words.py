"""Names of fields in people's words."""

import msgspec
import pytest

from malote.fiscal import field_words
from malote.fiscal.documents import Item, Payment, Sale, Totals


@pytest.mark.parametrize(
    ("fields", "pt", "en"),
    [
        ("consumer, items", "consumidor, itens", "consumer, items"),
        (
            "payments[1].method, payments[1].amount, totals.icms, totals.total (+3)",
            "pagamento 1 (forma, valor), totais (ICMS, total) (+3)",
            "payment 1 (method, amount), totals (ICMS, total) (+3)",
        ),
        ("items[2].taxes.icms_base, -items[3]", "item 2 (impostos), item 3 (falta)", "item 2 (taxes), item 3 (gone)"),
        ("+payments[2]", "pagamento 2 (a mais)", "payment 2 (too much)"),
        ("vNF 1,00 ≠ 2,00", "vNF 1,00 ≠ 2,00", "vNF 1,00 ≠ 2,00"),
        ("", "", ""),
    ],
)
def test_fields_are_told_in_words(fields: str, pt: str, en: str) -> None:
    assert field_words.in_words(fields, "pt") == pt
    assert field_words.in_words(fields, "en") == en


def test_whatever_two_sales_may_differ_in_has_words() -> None:
    for name in Sale.__struct_fields__:
        told = field_words.in_words(name, "pt")
        assert "_" not in told, name
    for place, kind in (("items[1]", Item), ("payments[1]", Payment), ("totals", Totals)):
        for field in msgspec.structs.fields(kind):
            told = field_words.in_words(f"{place}.{field.name}", "pt")
            assert "[" not in told, field.name
            assert "_" not in told, field.name
