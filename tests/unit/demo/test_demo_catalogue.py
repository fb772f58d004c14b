from malote.demo.catalogue import gtin_check_digit, products


def test_a_supermarket_has_about_two_hundred_products_each_with_its_own_code() -> None:
    assert 200 <= len(products()) <= 260
    for name in ("code", "description"):
        assert len({getattr(product, name) for product in products()}) == len(products())


def test_every_gtin_has_the_right_check_digit() -> None:
    gtins = [product.gtin for product in products() if product.gtin]
    assert len(gtins) == len(set(gtins)) > 100
    for gtin in gtins:
        assert len(gtin) == 13
        assert gtin[-1] == gtin_check_digit(gtin[:12])


def test_the_check_digit_of_a_known_gtin() -> None:
    assert gtin_check_digit("400638133393") == "1"


def test_tax_codes_fit_together() -> None:
    for product in products():
        substituted = product.icms_status == "60"
        assert product.cfop == ("5405" if substituted else "5102"), product.code
        assert product.simples_status == ("500" if substituted else "102"), product.code
        assert (product.icms_rate > 0) == (product.icms_status == "00"), product.code
        assert (product.reform_status == "200") == (product.reform_reduction > 0), product.code
        assert len(product.ncm) == 8
        assert len(product.cest) in (0, 7)
        assert product.price > 0


def test_what_is_weighed_has_no_gtin() -> None:
    weighed = [product for product in products() if product.weighed]
    assert len(weighed) > 30
    assert not any(product.gtin for product in weighed)
