"""What an engine's own errors are made into: the ``ErpError`` that stands for them, in words that anybody may see."""

from collections.abc import Mapping

from malote.erp.protocol import ErpError
from malote.erp.server_words import presentable


def spoken_error(
    code: str, detail: str, names: Mapping[str, str | None], spoken: str, *, transient: bool = False
) -> ErpError:
    """With the database's own words, as far as anybody may see them."""
    facts = {name: value for name, value in names.items() if value}
    said = presentable(spoken, known=facts.values())
    return ErpError(
        code, transient=transient, detail=detail, facts=facts | ({"said": said} if said else {}), spoken=spoken
    )


def permanent(code: str, *where: str) -> ErpError:
    """A document is at fault; ``where`` names what."""
    return ErpError(code, transient=False, detail=detail_of(*where))


def detail_of(*parts: str | None) -> str:
    """Those of the names that are known."""
    return ", ".join(part for part in parts if part)


def by_number(
    transient: Mapping[str, tuple[int, ...]], permanent: Mapping[str, tuple[int, ...]]
) -> dict[int, tuple[str, bool]]:
    """Codes of the catalogue with whether they are transient, by a database's own numbers."""
    found = {number: (code, True) for code, numbers in transient.items() for number in numbers}
    return found | {number: (code, False) for code, numbers in permanent.items() for number in numbers}
