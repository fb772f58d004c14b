"""What a check finds. Its words are in ``malote.rejection``; here are only the code and the facts."""

from typing import Literal

import msgspec

Severity = Literal["reject", "keep", "warning"]  # keep: whole, and not to be booked


class Problem(msgspec.Struct, frozen=True):
    """One finding about one document.

    ``facts`` fill the placeholders of the code's texts: figures, field names, keys. Never a consumer's data.
    """

    code: str
    severity: Severity
    facts: dict[str, str] = {}


def reject(code: str, **facts: object) -> Problem:
    return Problem(code, "reject", {name: str(value) for name, value in facts.items()})


def keep(code: str, **facts: object) -> Problem:
    return Problem(code, "keep", {name: str(value) for name, value in facts.items()})


def warning(code: str, **facts: object) -> Problem:
    return Problem(code, "warning", {name: str(value) for name, value in facts.items()})
