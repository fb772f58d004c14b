"""What the ERP's foreign keys found nothing for, as people are told it: which product of which line, which method."""

from collections.abc import Iterator, Mapping

from malote.bilingual import Bilingual, Language
from malote.erp.protocol import ErpError, MissingReference
from malote.fiscal import field_words
from malote.fiscal.documents import Document, Sale

MISSING = "erp_record_missing"
_MOST = 10  # that are named
# What may be a consumer's, or was typed by people: it is said to be absent, and never what it is.
_UNTOLD = frozenset({"consumer", "description", "contingency_reason", "authorisation", "access_key"})
_HIDDEN = "***"
_CPF_DIGITS = 11
_LANGUAGES: tuple[Language, ...] = ("pt", "en")


def facts_of(document: Document, error: ErpError, named: Mapping[str, str]) -> dict[str, str]:
    """``lacking`` in words, and the codes of the document (``products``, ``payments``) that a person may map; {} where
    the refusal isn't for want of a record, or it isn't known of which. ``named``: those that the database quoted, where
    nobody could look."""
    if error.reference is None or not isinstance(document, Sale):
        return {}
    told = list(dict.fromkeys(_told(document, one) for one in error.missing)) or list(_quoted(document, named))
    if not told:
        return {}
    codes = _codes(document, error) or named
    rest = f" (+{len(told) - _MOST})" if len(told) > _MOST else ""
    pt, en = (", ".join(one.of(language) for one in told[:_MOST]) + rest for language in _LANGUAGES)
    return {"lacking": pt, "lacking_en": en, **codes}


def _codes(sale: Sale, error: ErpError) -> dict[str, str]:
    """As the document has them, whatever they are mapped to."""
    products = [sale.items[one.place - 1].product_code for one in error.missing if _of_product(one)]
    payments = [sale.payments[one.place - 1].method for one in error.missing if _of_payment(one)]
    found = {"products": products, "payments": payments}
    return {name: ", ".join(dict.fromkeys(codes)) for name, codes in found.items() if codes}


def _of_product(one: MissingReference) -> str:
    """Its code, as it was sent; "" where it is none."""
    return _value_of("product_code", one) if one.part not in ("sale", "payment") else ""


def _of_payment(one: MissingReference) -> str:
    return _value_of("method", one) if one.part == "payment" else ""


def _value_of(field: str, one: MissingReference) -> str:
    return next((value for fields, value in one.values if field in fields and one.place), "")


def _told(sale: Sale, one: MissingReference) -> Bilingual[str]:
    if sent := _of_product(one):
        item = sale.items[one.place - 1]
        return _product(item.product_code, item.number, sent)
    if sent := _of_payment(one):
        return _payment(sale.payments[one.place - 1].method, sent)
    line = sale.items[one.place - 1].number if one.place and one.part != "payment" else 0
    pt, en = (" / ".join(_named(*each, one.table, language) for each in one.values) for language in _LANGUAGES)
    return Bilingual(f"{pt} (linha {line})", f"{en} (line {line})") if line else Bilingual(pt, en)


def _named(fields: frozenset[str], value: str, table: str, language: Language) -> str:
    """A constant of the profile, such as the ERP's number of this shop, is of no field: the table tells what it is."""
    hidden = bool(fields & _UNTOLD) or (fields == {"issuer"} and len(value) == _CPF_DIGITS)
    return f"{field_words.in_words(min(fields, default=table), language)} {_HIDDEN if hidden else value}"


def _product(code: str, line: int, sent: str = "") -> Bilingual[str]:
    """``sent``: what it is at the ERP, which may be mapped."""
    if sent and sent.lstrip("0") != code.lstrip("0"):
        return Bilingual(
            f"produto {sent} (linha {line}, no caixa {code})", f"product {sent} (line {line}, {code} at the till)"
        )
    return Bilingual(f"produto {code} (linha {line})", f"product {code} (line {line})")


def _payment(method: str, sent: str = "") -> Bilingual[str]:
    if sent and sent.lstrip("0") != method.lstrip("0"):
        return Bilingual(
            f"forma de pagamento {sent} (no caixa {method})", f"method of payment {sent} ({method} at the till)"
        )
    return Bilingual(f"forma de pagamento {method}", f"method of payment {method}")


def _quoted(sale: Sale, named: Mapping[str, str]) -> Iterator[Bilingual[str]]:
    products, payments = (named.get(name, "").split(", ") for name in ("products", "payments"))
    yield from (_product(one.product_code, one.number) for one in sale.items if one.product_code in products)
    yield from (_payment(method) for method in payments if method)
