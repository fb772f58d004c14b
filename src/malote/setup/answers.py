"""What a store is asked before its first day, each answer checked as it is given."""

import re
from collections.abc import Callable
from datetime import datetime, time
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from malote import address
from malote.address import AddressError
from malote.explained_error import ExplainedError
from malote.fiscal import typed_input
from malote.fiscal.typed_input import TypedError
from malote.rejection import Language

Environment = Literal["production", "homologation"]

ZONE = "America/Sao_Paulo"  # unless somebody says otherwise
_PRODUCTION = ("production", "producao", "produção", "prod", "1")
_HOMOLOGATION = ("homologation", "homologacao", "homologação", "hom", "test", "teste", "2")
_TODAY = ("", "today", "hoje")
_LARGEST_PORT = 65535
_HIDDEN = "***"
_MAY_BE_ADDRESS = re.compile(r"://|@|(?:passw\w*|pwd|senha)\s*=", re.IGNORECASE)


class Answers(msgspec.Struct, frozen=True):
    """``issuers`` without masks; ``since`` ISO 8601 with zone, "" for all; ``erp_url`` "" for a file to try out."""

    language: Language = "pt"
    name: str = "Loja"
    issuers: tuple[str, ...] = ()
    erp_url: str = ""
    profile: str = ""
    environment: Environment = "production"
    zone: str = ZONE
    since: str = ""
    host: str = "127.0.0.1"
    port: int = 8470


class AnswerError(ExplainedError):
    """An answer can't be used."""

    def __init__(self, setting: str, detail: str, code: str = "answer_invalid") -> None:
        super().__init__(code, setting=setting, detail=detail, found=detail)


def words(setting: str) -> Callable[[str], str]:
    """For what may be any words, but not a database's address typed at the wrong question: raises ``AnswerError``."""

    def checked(text: str) -> str:
        if "://" in text:
            raise AnswerError(setting, _HIDDEN)
        return text.strip()

    return checked


def issuers(text: str) -> tuple[str, ...]:
    """CNPJs with blanks or commas between, with or without their masks. Raises ``AnswerError``."""
    try:
        return tuple(
            dict.fromkeys(typed_input.taxpayer(one) for one in text.replace(";", ",").replace(",", " ").split())
        )
    except TypedError as error:
        # Of all that was typed: a password with a blank in it stands in a piece of its own.
        hidden = _MAY_BE_ADDRESS.search(text)
        raise AnswerError("store.issuers", _HIDDEN if hidden else error.detail) from None


def environment(text: str) -> Environment:
    """Raises ``AnswerError``."""
    word = text.strip().lower()
    if word in _PRODUCTION:
        return "production"
    if word in _HOMOLOGATION:
        return "homologation"
    raise AnswerError("store.test_environment", shown(text))


def zone(text: str) -> str:
    """Raises ``AnswerError``."""
    name = text.strip() or ZONE
    try:
        ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise AnswerError("books.zone", shown(name)) from None
    return name


def since(text: str, of_zone: str, *, now: datetime | None = None) -> str:
    """A day, a time, "today" or "all" as the setting wants it: a day begins by the store's own clock.

    Raises ``AnswerError``.
    """
    here = ZoneInfo(of_zone)
    word = text.strip().lower()
    if word in _TODAY:
        today = (now or datetime.now(here)).astimezone(here).date()
        return datetime.combine(today, time(), here).isoformat()
    if word in ("all", "tudo"):
        return ""
    try:
        said = datetime.fromisoformat(text.strip())
    except ValueError:
        raise AnswerError("store.since", shown(text), "since_invalid") from None
    return (said if said.tzinfo else said.replace(tzinfo=here)).isoformat()


def erp_url(text: str) -> str:
    """Raises ``AnswerError``, which repeats nothing of an address."""
    url = text.strip()
    try:
        if url:
            address.check(url)
    except AddressError as error:
        raise AnswerError("erp.url", error.detail, "erp_address_invalid") from None
    return url


def port(text: str) -> int:
    """Raises ``AnswerError``."""
    word = text.strip()
    if word.isascii() and word.isdigit() and 0 < int(word) <= _LARGEST_PORT:
        return int(word)
    raise AnswerError("server.port", shown(word))


def shown(text: str) -> str:
    """What was typed, shortened; nothing of what may be a database's address, which holds a password."""
    return _HIDDEN if _MAY_BE_ADDRESS.search(text) else text.strip()[:40] or "?"
