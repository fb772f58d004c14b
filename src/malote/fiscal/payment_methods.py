"""Methods of payment (tPag, and cMP of a CF-e): two digits, of which the authority adds new ones now and then.

The one table of them: what is known, what people call it, what the store's own rules and a POS's closing call it.
"""

import re
from collections.abc import Mapping, Sequence

import msgspec

from malote.bilingual import Language, Text
from malote.fiscal.findings import named
from malote.fiscal.problems import Problem, reject, warning

CASH = "01"
NO_PAYMENT = "90"
OTHER = "other"  # what rules call a method that they have no name for


class PaymentMethod(msgspec.Struct, frozen=True):
    """``norm`` brought it, in production from ``since`` on (YYYY-MM-DD; "" where that was not looked up). ``rule``: its
    field in the store's rules. ``words``: further names in closings, in small letters; both of ``name`` are
    understood."""

    name: Text
    rule: str = OTHER
    words: tuple[str, ...] = ()
    norm: str = "layout 4.00, field YA02"
    since: str = ""


# The schema takes any two digits. What says "public notes" was read in vendors' notes of the norm, not in the original.
METHODS: Mapping[str, PaymentMethod] = {
    CASH: PaymentMethod(Text("Dinheiro", "Cash"), "cash"),
    "02": PaymentMethod(Text("Cheque", "Cheque"), "cheque"),
    "03": PaymentMethod(Text("Cartão de crédito", "Credit card"), "credit", ("crédito", "credito", "credit")),
    "04": PaymentMethod(Text("Cartão de débito", "Debit card"), "debit", ("débito", "debito", "debit")),
    "05": PaymentMethod(Text("Crédito da loja", "Store credit")),
    "10": PaymentMethod(Text("Vale-alimentação", "Food voucher")),
    "11": PaymentMethod(Text("Vale-refeição", "Meal voucher")),
    "12": PaymentMethod(Text("Vale-presente", "Gift card")),
    "13": PaymentMethod(Text("Vale-combustível", "Fuel voucher")),
    "14": PaymentMethod(Text("Duplicata mercantil", "Trade bill")),
    "15": PaymentMethod(Text("Boleto", "Boleto")),
    "16": PaymentMethod(Text("Depósito", "Deposit"), norm="NT 2020.006"),
    "17": PaymentMethod(Text("PIX", "PIX"), "pix", norm="NT 2020.006"),
    "18": PaymentMethod(Text("Transferência", "Transfer"), norm="NT 2020.006"),
    "19": PaymentMethod(Text("Fidelidade", "Loyalty programme"), norm="NT 2020.006"),
    "20": PaymentMethod(Text("PIX estático", "Static PIX"), "pix", norm="NT 2023.004"),
    "21": PaymentMethod(Text("Crédito em loja", "Credit at the store"), norm="NT 2023.004"),
    "22": PaymentMethod(Text("Eletrônico não informado", "Electronic, not told"), norm="NT 2023.004"),
    "23": PaymentMethod(
        Text("PIX automático", "Automatic PIX"), "pix", norm="IT 2024.002 v1.11 (public notes)", since="2026-05-04"
    ),
    "24": PaymentMethod(
        Text("TEF, mesmo banco", "Within one bank"), norm="IT 2024.002 v1.11 (public notes)", since="2026-05-04"
    ),
    NO_PAYMENT: PaymentMethod(Text("Sem pagamento", "No payment")),
    "91": PaymentMethod(
        Text("Pagamento posterior", "Paid later"), norm="IT 2024.002 v1.10 (public notes)", since="2025-11-03"
    ),
    "99": PaymentMethod(Text("Outros", "Other")),
}  # fmt: skip
RULE_NAMES = (*dict.fromkeys(one.rule for one in METHODS.values() if one.rule != OTHER), OTHER)
_KNOWN = frozenset(METHODS)
_METHOD = re.compile("[0-9]{2}")


def method_name(code: str, language: Language) -> str:
    """What people call it; the code itself where the table doesn't have it."""
    method = METHODS.get(code)
    return method.name.of(language) if method else code


def method_code(word: str) -> str | None:
    """The code that a person means by two digits or a name of either language; None where it is neither."""
    return word if is_method(word) else _WORDS.get(word.lower())


_WORDS = {
    word.lower(): code for code, one in METHODS.items() for word in (one.name.pt, one.name.en, *one.words)
}  # fmt: skip


def is_method(code: str) -> bool:
    """Whether it is one by its form, known or not."""
    return _METHOD.fullmatch(code) is not None


def check_methods(methods: Sequence[str], field: str, problems: list[Problem]) -> bool:
    """Whether all are methods, known or not. Adds the first that is none, and those that nobody here knows."""
    unknown = set(methods) - _KNOWN
    if not unknown:
        return True
    wrong = next((method for method in methods if not is_method(method)), None)
    if wrong is not None:
        problems.append(reject("payment_method_invalid", field=field, found=named(wrong)))
        return False
    problems.append(warning("payment_method_unknown", field=field, found=", ".join(sorted(unknown))))
    return True
