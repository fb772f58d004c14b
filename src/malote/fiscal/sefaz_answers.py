"""What the tax authority answers means: for the sale, for the till, and what to do (``sefaz_answers.toml``)."""

import re
import tomllib
from functools import cache
from importlib import resources
from typing import Literal

import msgspec

from malote.fiscal.access_key import is_well_formed
from malote.fiscal.documents import Answer
from malote.fiscal.problems import Problem, reject, warning

Meaning = Literal[
    "authorised", "cancelled", "denied", "void", "there", "elsewhere", "absent", "used", "late",
    "repeated", "processing", "recorded", "again",
    "schema", "certificate", "clock", "registration", "qr",
    "refused",  # whatever the table doesn't have
]  # fmt: skip

REFUSED = "protocol_status"

# In the place of a cStat, where it isn't the authority but a person who says that what is booked is no sale.
NO_SALE_STATUS = 0
NO_SALE_REASON = "booked_is_no_sale"

# A note that was refused for one of these is settled when its authorised version comes.
CURED_BY_AUTHORISATION = frozenset({
    "authority_has_it", "authority_has_it_not", "answer_again", "answer_schema", "answer_certificate", "answer_clock",
    "answer_registration", "answer_qr", REFUSED, "never_authorised", "number_of_another_key",
})  # fmt: skip

# Final: a file that brings such an answer is never booked, whatever is said of its note in other files. Another file of
# the note may be: the note as it was sent, with an authorising answer, or the authorised XML.
FINAL = frozenset({"denied", "number_void_at_authority"})

# So it is, for nothing is to come any more, when its number is voided.
SETTLED_BY_VOID = (CURED_BY_AUTHORISATION | {"number_void_at_authority"}) - {
    "never_authorised",
    "number_of_another_key",
}

# Of a void or an event: where a note has one of these, it says no more than that the note is refused.
_OF_OTHERS: frozenset[Meaning] = frozenset({"used", "late"})

# Decides nothing about a note: what it says is neither that it is authorised nor that it isn't.
UNDECIDED: frozenset[Meaning] = frozenset({"processing", "recorded", "again", "repeated"})

_KEY = re.compile(r"(?<![0-9A-Z])([0-9]{6}[A-Z0-9]{12}[0-9]{26})(?![0-9A-Z])")


class KnownStatus(msgspec.Struct, frozen=True):
    """One row of the table."""

    meaning: Meaning
    reason: str  # "" where there is nothing to tell
    says: str  # the official words, in short


class _Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    says: dict[str, str]
    reason: str = ""


@cache
def table() -> dict[int, KnownStatus]:
    """Every status that is known, in order."""
    text = resources.files("malote.fiscal").joinpath("sefaz_answers.toml").read_text(encoding="utf-8")
    groups = msgspec.convert(tomllib.loads(text), dict[Meaning, _Group])
    found = {
        int(status): KnownStatus(meaning, group.reason, said)
        for meaning, group in groups.items()
        for status, said in group.says.items()
    }
    return dict(sorted(found.items()))


def meaning(status: int) -> Meaning:
    known = table().get(status)
    return known.meaning if known else "refused"


def says(status: int) -> str:
    """The official words of a status, in short; a dash where the table doesn't have it."""
    known = table().get(status)
    return known.says if known else "–"


def refusal(status: int, text: str = "") -> Problem:
    """What is found about a note that has this answer, and isn't authorised by it. ``text`` is xMotivo.

    Where nothing was decided it is a warning: the note waits for another answer.
    """
    if status == NO_SALE_STATUS:
        return reject(NO_SALE_REASON)
    known = table().get(status)
    code = (known.reason if known and known.meaning not in _OF_OTHERS else REFUSED) or "protocol_empty"
    if code == "protocol_empty":
        return warning(code)
    found = warning if meaning(status) in UNDECIDED else reject
    other = other_key(text)
    return found(code, status=status, words=says(status), other=f" ({other})" if other else "")


def refusal_of(answer: Answer) -> Problem:
    """The same of an answer that came in a file of its own."""
    return refusal(answer.status, answer.other_key)


def other_key(text: str) -> str:
    """The key that an answer's words (xMotivo) name; "" where they name none."""
    named = _KEY.search(text)
    return named[1] if named and is_well_formed(named[1]) else ""
