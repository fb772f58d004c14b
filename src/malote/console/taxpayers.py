"""Numbers of companies and people as screens show them: a company's whole, of a person's the middle alone."""

import re
from collections.abc import Mapping

_COMPANY = re.compile(r"([0-9A-Z]{2})([0-9A-Z]{3})([0-9A-Z]{3})([0-9A-Z]{4})([0-9]{2})")
_PERSON = re.compile(r"[0-9]{3}([0-9]{3})([0-9]{3})[0-9]{2}")
# Facts of a reason that may hold such a number, among other things.
_FACTS = frozenset({"issuer", "cnpj", "taxpayer", "expected", "found", "declared"})


def shown(number: str | None) -> str:
    """Such as 12.ABC.345/01DE-35 and ***.456.789-**; of what is neither, what it is."""
    if number is None:
        return "–"
    if company := _COMPANY.fullmatch(number):
        one, two, three, four, five = company.groups()
        return f"{one}.{two}.{three}/{four}-{five}"
    if person := _PERSON.fullmatch(number):
        return f"***.{person.group(1)}.{person.group(2)}-**"
    return number


def in_facts(facts: Mapping[str, str]) -> dict[str, str]:
    """A reason's facts, as they are to be read."""
    return {name: shown(value) if name in _FACTS else value for name, value in facts.items()}
