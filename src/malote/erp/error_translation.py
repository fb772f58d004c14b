"""What an engine's own errors are made into: the ``ErpError`` that stands for them, in words that anybody may see."""

from collections.abc import Mapping, Sequence

from malote.erp.protocol import ErpError
from malote.erp.server_words import presentable


def spoken_error(
    code: str,
    detail: str,
    names: Mapping[str, str | None],
    spoken: str,
    quoted: Sequence[str] = (),
    *,
    raised: bool = True,
    reference: str | None = None,
) -> ErpError:
    """With the database's own words, as far as anybody may see them. ``raised``: a procedure, a trigger or a profile
    says them to people. ``reference`` as in ``ErpError``."""
    facts = {name: value for name, value in names.items() if value}
    said = presentable(spoken, known=facts.values())
    if said:
        facts |= {"said": said} | speaker(raised=raised)
    return ErpError(code, detail=detail, facts=facts, spoken=spoken, quoted=quoted, reference=reference)


def speaker(*, raised: bool) -> dict[str, str]:
    """As a fact: what the database says of its own is in its own language, and of use to who administers it."""
    return {} if raised else {"speaker": "database"}


def plain_error(code: str, *where: str) -> ErpError:
    """``where`` names what."""
    return ErpError(code, detail=detail_of(*where))


def detail_of(*parts: str | None) -> str:
    """Those of the names that are known."""
    return ", ".join(part for part in parts if part)


def by_number(codes: Mapping[str, tuple[int, ...]]) -> dict[int, str]:
    """Codes of the catalogue by a database's own numbers."""
    return {number: code for code, numbers in codes.items() for number in numbers}
