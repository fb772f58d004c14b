"""What names a note: its key, number, issuer and times, from its header."""

from datetime import datetime
from typing import NamedTuple

from malote.fiscal.access_key import is_well_formed
from malote.fiscal.amounts import whole_number
from malote.fiscal.cnpj import is_cnpj, is_cpf
from malote.fiscal.findings import named, oddly_timed
from malote.fiscal.moments import read_moment
from malote.fiscal.note_fields import HeadRow
from malote.fiscal.problems import Problem, reject, warning

MODELS = ("65", "55")
_LAYOUTS = ("4.00", "3.10", "3.00", "2.00")


class NoteIdentity(NamedTuple):
    """What names a note."""

    key: str
    model: str
    issuer: str
    series: int
    number: int
    issued_at: datetime
    environment: int
    emission: int
    purpose: int
    direction: int


def identify(head: HeadRow, problems: list[Problem]) -> NoteIdentity | None:
    key = _key(head.identity, problems)
    model = model_of(head, problems)
    issuer = issuer_of(head.issuer, problems)
    series = _number("serie", head.series, 0, 999, problems)
    number = _number("nNF", head.number, 1, 999_999_999, problems)
    issued = issued_at(head, problems)
    environment = environment_of(head.environment, problems)
    if key is None or model is None or issuer is None or series is None or number is None:
        return None
    # What can't be told from a sale by them is none of the sales: a garbled code never stands for a normal note.
    purpose = _number("finNFe", head.purpose or "1", 1, 9, problems)
    direction = _number("tpNF", head.direction or "1", 0, 1, problems)
    if issued is None or environment is None or purpose is None or direction is None:
        return None
    emission = emission_of(head.emission, key)
    return NoteIdentity(key, model, issuer, series, number, issued, environment, emission, purpose, direction)


def bare_key(identity: str) -> str:
    return identity.strip().removeprefix("NFe")


def _key(identity: str, problems: list[Problem]) -> str | None:
    key = bare_key(identity)
    if is_well_formed(key):
        return key
    problems.append(reject("key_malformed", found=named(key)) if key else reject("key_missing"))
    return None


def model_of(head: HeadRow, problems: list[Problem]) -> str | None:
    if head.layout and head.layout not in _LAYOUTS:
        problems.append(reject("layout_unknown", found=named(head.layout)))
    model = head.model.strip() or bare_key(head.identity)[20:22]
    if model in MODELS:
        return model
    problems.append(reject("model_unknown", found=named(model)))
    return None


def issuer_of(issuer: str, problems: list[Problem]) -> str | None:
    if is_cnpj(issuer) or is_cpf(issuer):
        return issuer
    problems.append(reject("issuer_malformed", found=named(issuer)) if issuer else reject("issuer_missing"))
    return None


def _number(field: str, text: str, least: int, most: int, problems: list[Problem]) -> int | None:
    number = whole_number(text)
    if number is not None and least <= number <= most:
        return number
    problems.append(reject("number_invalid", field=field, found=named(text)))
    return None


def issued_at(head: HeadRow, problems: list[Problem]) -> datetime | None:
    moment = read_moment(head.issued, head.state)
    if moment is None:
        problems.append(reject("issue_time_invalid", found=named(head.issued)))
        return None
    if moment.assumed:
        problems.append(oddly_timed("dhEmi", head.issued, moment))
    return moment.at


def environment_of(text: str, problems: list[Problem]) -> int | None:
    if text in ("1", "2"):
        return int(text)
    problems.append(reject("environment_missing", found=named(text)))
    return None


def emission_of(text: str, key: str) -> int:
    """tpEmis; the key's where the body has none; 0 when neither says it."""
    digit = text if len(text) == 1 and text in "123456789" else key[34:35]
    return int(digit or "0")


def contingency_at(head: HeadRow, problems: list[Problem]) -> datetime | None:
    if not head.contingency_at:
        return None
    moment = read_moment(head.contingency_at, head.state)
    if moment is None:
        problems.append(warning("contingency_time_invalid", found=named(head.contingency_at)))
        return None
    if moment.assumed:
        problems.append(oddly_timed("dhCont", head.contingency_at, moment))
    return moment.at
