"""Of several reasons the heaviest is told first; what they tell is written as its readers write it."""

import pytest

from malote.rejection import by_weight, catalogue, cause, weight, written


def test_every_code_has_a_weight() -> None:
    assert sorted(code for codes in by_weight() for code in codes) == sorted(catalogue())


def test_a_sale_in_doubt_weighs_more_than_what_somebody_must_mend_and_that_more_than_what_goes() -> None:
    order = ["void_of_booked", "erp_full", "series_unassigned", "items_sum", "not_authorised_yet"]
    weights = [weight(code) for code in order]
    assert weights == sorted(set(weights))
    assert weight("of_a_newer_version") >= weight("not_authorised_yet")


@pytest.mark.parametrize(
    ("code", "facts"),
    [
        ("items_sum", {"expected": "1.00", "found": "1025.90", "difference": "1024.90"}),
        ("payments_sum", {"expected": "1.00", "found": "0.90", "difference": "-0.10"}),
        ("header_disagrees", {"fields": "vProd 1.00 ≠ 2.00, vDesc 0.10 ≠ 0.00"}),
        ("payments_net_of_change", {"change": "5.00"}),
        ("change_implied", {"change": "5.00"}),
        ("difference_too_large", {"difference": "24.90", "limit": "0.10"}),
    ],
)
def test_money_has_a_comma_in_portuguese_and_a_point_in_english(code: str, facts: dict[str, str]) -> None:
    for value in facts.values():
        assert value in cause(code, facts, "en")
        spelt = written({"figure": value}, "pt")["figure"]
        assert (spelt if spelt != value else value.replace(".", ",")) in cause(code, facts, "pt")


@pytest.mark.parametrize("nothing", ["", "–"])
def test_what_a_note_refers_to_is_said_plainly(nothing: str) -> None:
    told = {"cfop": "5152", "refers": "3526"}
    assert cause("operation_transfer", told, "pt").endswith("Refere-se a: 3526.")
    assert cause("operation_transfer", told | {"refers": nothing}, "pt").endswith("Não se refere a nenhuma outra nota.")
    assert cause("operation_transfer", told | {"refers": nothing}, "en").endswith("It refers to no other note.")


def test_what_is_no_money_stands_as_it_was_said() -> None:
    assert "4.00" in cause("layout_unknown", {"found": "4.00"}, "pt")
