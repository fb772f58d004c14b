"""Of several reasons the heaviest is told first."""

from malote.rejection import by_weight, catalogue, weight


def test_every_code_has_a_weight() -> None:
    assert sorted(code for codes in by_weight() for code in codes) == sorted(catalogue())


def test_a_sale_in_doubt_weighs_more_than_what_somebody_must_mend_and_that_more_than_what_goes() -> None:
    order = ["void_of_booked", "erp_full", "series_unassigned", "items_sum", "not_authorised_yet"]
    weights = [weight(code) for code in order]
    assert weights == sorted(set(weights))
    assert weight("of_a_newer_version") >= weight("not_authorised_yet")
