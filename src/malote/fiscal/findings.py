"""Findings that documents of several kinds share, and what may be quoted of a file in them."""

import re
from collections.abc import Iterable

from malote.fiscal.access_key import check_digit, is_well_formed
from malote.fiscal.moments import Moment
from malote.fiscal.problems import Problem, reject, warning

_MOST_NAMES = 10
_PROTOCOL_NUMBER = re.compile("[0-9]{15}(?:[0-9]{2})?")
_DIGEST = re.compile("[A-Za-z0-9+/]{27}=|[A-Za-z0-9+/]{43}=")

# One word, or figures with spaces: nobody's name or address.
_QUOTABLE = re.compile(r"[A-Za-z0-9._/+:\-]{1,60}|[0-9][0-9 ./:+\-]{0,59}")


def named(text: str) -> str:
    """A short code, name, number or time as the file has it; of anything else only its length."""
    return text if _QUOTABLE.fullmatch(text) else f"({len(text)})"


def ambiguous(twice: Iterable[str]) -> Problem:
    """What a document says in two ways, by the names of the elements: nobody can tell which of them is true."""
    return reject("field_ambiguous", fields=", ".join(list(dict.fromkeys(map(named, twice)))[:_MOST_NAMES]))


def is_another_digest(answered: str, signed: str) -> bool:
    """Whether the authority authorised another note (digVal) than the one that is signed here (DigestValue).

    Only where both are whole: the base64 of 20 or 32 bytes. Portals and archives shorten them.
    """
    return answered != signed and bool(_DIGEST.fullmatch(answered)) and bool(_DIGEST.fullmatch(signed))


def oddly_timed(field: str, text: str, moment: Moment) -> Problem:
    """A time that was read though it isn't as the layout says."""
    code = "time_zone_assumed" if moment.assumed == "zone" else "time_form"
    return warning(code, field=field, found=named(text), read=moment.at.isoformat())


def oddly_numbered(protocol: str) -> list[Problem]:
    """The finding about an authorisation whose number (nProt) isn't 15 or 17 digits: no authority gave it so."""
    right = _PROTOCOL_NUMBER.fullmatch(protocol)
    return [] if right else [warning("protocol_number_odd", found=named(protocol))]


def key_digit(key: str) -> list[Problem]:
    """The finding about a well-formed key whose check digit is wrong."""
    digit = check_digit(key)
    return [] if key[-1] == digit else [reject("key_check_digit", key=key, expected=digit, found=key[-1])]


def key_form(key: str) -> list[Problem]:
    """The findings about a key, whatever it is."""
    if not key:
        return [reject("key_missing")]
    return key_digit(key) if is_well_formed(key) else [reject("key_malformed", found=named(key))]
