"""Numbers of documents and taxpayers as people type and paste them: with masks, blanks and small letters."""

import re
import unicodedata
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from malote.fiscal import access_key as keys
from malote.fiscal.cnpj import is_cnpj, is_cpf, is_right

_MASK = re.compile(r"[\s./\\\-\u00ad\u2010-\u2015\u2212\u200b-\u200f\u2060\ufeff]+")
_KEY_PREFIX = re.compile(r"(?:NFE|CFE)(?=[0-9])")
_DAY = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})")
_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ISO_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")
_MONTH = re.compile(r"([0-9]{1,2})/([0-9]{4})")
_DAY_AND_TIME = re.compile(r"([0-9]{1,2}/[0-9]{1,2}/[0-9]{4})[ T]+([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?")
_MONEY = re.compile(r"(?:R\$)?([0-9]{1,3}(?:\.[0-9]{3})+|[0-9]{1,12}),([0-9]{2})")
_ALL = "all"
_TODAY = ("today", "hoje")
_SHOWN = 40  # characters of what was typed


class TypedError(ValueError):
    """``detail`` names what was typed, as far as it fits, and the check digits it should have had where only they are
    wrong."""

    def __init__(self, text: str, expected: str = "") -> None:
        shown = "".join(one if one.isprintable() else "?" for one in text[:_SHOWN])
        self.detail = f"{shown} ({expected})" if expected else shown
        super().__init__(self.detail)


def plain(text: str) -> str:
    """Without mask and blanks, in capitals; digits of other alphabets become ours."""
    return _MASK.sub("", unicodedata.normalize("NFKC", text)).upper()


def taxpayer(text: str) -> str:
    """A CNPJ (14 characters) or, for producers, a CPF (11 digits). Raises ``TypedError``."""
    found = plain(text)
    if is_right(found):
        return found
    if is_cnpj(found) or is_cpf(found):
        raise TypedError(text, "DV")
    raise TypedError(text, "CNPJ, CPF")


def access_key(text: str) -> str | None:
    """An access key, pasted with blanks every four digits or as a document's Id; None for anything else."""
    found = _KEY_PREFIX.sub("", plain(text))
    return found if keys.is_well_formed(found) else None


def number(text: str) -> int | None:
    """A document's number, with or without dots between thousands and zeros before; None for anything else."""
    found = plain(text)
    return int(found) if found.isascii() and found.isdigit() and len(found) <= 9 else None


def day(text: str) -> date | None:
    """A day as ``27/11/2026`` or ``2026-11-27``; None for anything else."""
    word = unicodedata.normalize("NFKC", text).strip()
    try:
        if found := _DAY.fullmatch(word):
            return date(int(found[3]), int(found[2]), int(found[1]))
        return date.fromisoformat(word) if _ISO_DAY.fullmatch(word) else None
    except ValueError:
        return None


def month(text: str) -> str | None:
    """A month as ``11/2026`` or ``2026-11``: YYYY-MM; None for anything else."""
    word = unicodedata.normalize("NFKC", text).strip()
    found = _MONTH.fullmatch(word)
    iso = f"{found[2]}-{int(found[1]):02}" if found else word
    return iso if _ISO_MONTH.fullmatch(iso) and day(f"{iso}-01") else None


def moment(text: str, clock: tzinfo | None = None) -> datetime:
    """A time with zone, as ``27/11/2026 10:32``, as ISO 8601 has it, a day for its first moment, or "today".

    What says no zone is by ``clock``; None: this machine's. Raises ``TypedError``.
    """
    try:
        said = datetime.combine(datetime.now(clock), time()) if text.strip().lower() in _TODAY else _said(text)
        if said.tzinfo is None:
            said = said.replace(tzinfo=clock) if clock else said.astimezone()
        said.astimezone(UTC)  # which a year beyond the calendar's ends has none of
        return said
    except (ValueError, OverflowError, OSError) as error:
        raise TypedError(text) from error


def end(text: str, clock: tzinfo | None = None) -> datetime:
    """The end of a range, as ``moment``: what is before it counts. Who says a day, or "today", means all of it, so that
    it ends where the next one begins. Raises ``TypedError``."""
    whole = datetime.now(clock).date() if text.strip().lower() in _TODAY else day(text)
    try:
        return moment(text if whole is None else (whole + timedelta(days=1)).isoformat(), clock)
    except (TypedError, OverflowError) as error:
        raise TypedError(text) from error


def _said(text: str) -> datetime:
    """Raises ``ValueError``."""
    word = unicodedata.normalize("NFKC", text).strip()
    whole = day(word)
    if whole is not None:
        return datetime.combine(whole, time())
    found = _DAY_AND_TIME.fullmatch(word)
    if found and (of := day(found[1])):
        return datetime.combine(of, time(int(found[2]), int(found[3]), int(found[4] or 0)))
    return datetime.fromisoformat(word)


def cents(text: str) -> int | None:
    """An amount as ``R$ 1.234,56`` or ``1234,56``, in cents; None for anything else."""
    found = _MONEY.fullmatch("".join(unicodedata.normalize("NFKC", text).split()))
    return int(found[1].replace(".", "") + found[2]) if found else None


def since(text: str, clock: tzinfo | None = None) -> str:
    """From when on something counts: a day, a time, or "today", as ISO 8601 with zone; "" for "all".

    What says no zone is by ``clock``; None: this machine's. Raises ``TypedError``.
    """
    return "" if text.strip().lower() == _ALL else moment(text, clock).isoformat()


def lasting_since(text: str, clock: tzinfo | None = None) -> str:
    """``since`` of a setting, where "today" would be another day tomorrow. Raises ``TypedError``."""
    if text.strip().lower() in _TODAY:
        raise TypedError(text)
    return since(text or _ALL, clock)
