"""Cancellation events of NFC-e and NF-e (110111) and their cancellation by substitution (110112)."""

from collections.abc import Mapping
from datetime import datetime

from lxml import etree
from msgspec.structs import replace

from malote.fiscal import cnpj
from malote.fiscal.access_key import is_well_formed
from malote.fiscal.amounts import whole_number
from malote.fiscal.documents import Cancellation, Protocol
from malote.fiscal.findings import key_form, named, oddly_timed
from malote.fiscal.moments import read_moment
from malote.fiscal.problems import Problem, reject, warning
from malote.fiscal.readings import Reading, Summary, named_by_key, unreadable
from malote.fiscal.tree import LOCAL_NAMES, child_of, fields_of

BY_SUBSTITUTION = "110112"
_EVENTS = ("110111", BY_SUBSTITUTION)
_REGISTERED = (135, 136, 155)  # 136 before the note itself reached the authority, 155 after the deadline
_MODELS = ("65", "55")


def read_event(request: etree._Element | None, answer: etree._Element | None) -> Reading:
    """The cancellation that an evento, a retEvento or both of them say. Never raises."""
    asked = _body(request)
    detail = {} if asked is None else _fields(child_of(asked, "detEvento"))
    wanted, given = _fields(asked), _fields(_body(answer))
    event = wanted.get("tpEvento") or given.get("tpEvento", "")
    key = (wanted.get("chNFe") or given.get("chNFe", "")).strip()
    if event not in _EVENTS:
        return unreadable([reject("event_unsupported", event=named(event))], named_by_key(None, key))
    problems = key_form(key)
    issuer = wanted.get("CNPJ") or wanted.get("CPF") or (key[6:20] if is_well_formed(key) else "")
    at = _moment(wanted.get("dhEvento") or given.get("dhRegEvento", ""), key[:2], problems)
    environment = _environment(wanted.get("tpAmb") or given.get("tpAmb", ""), problems)
    protocol = None if answer is None else _protocol(given, key, problems)
    partial = _partial(key, issuer, at, environment, protocol)
    if not is_well_formed(key) or at is None or environment is None:
        return unreadable(problems, partial)
    cancellation = Cancellation(
        key,
        event,
        whole_number(wanted.get("nSeqEvento") or given.get("nSeqEvento", "")) or 1,
        issuer,
        at,
        environment,
        detail.get("nProt", ""),
        protocol,
        detail.get("xJust", ""),
        detail.get("chNFeRef", ""),
    )
    problems += _check(cancellation)
    return Reading(cancellation, "cancellation", problems, partial)


def _check(cancellation: Cancellation) -> list[Problem]:
    key, issuer = cancellation.access_key, cancellation.issuer
    problems: list[Problem] = []
    if key[20:22] not in _MODELS:
        problems.append(reject("model_unknown", found=key[20:22]))
    if key[6:20] != f"{issuer:0>14}":
        problems.append(reject("key_disagrees", fields=f"CNPJ {key[6:20]} ≠ {named(issuer)}"))
    elif not cnpj.is_right(issuer) and not cnpj.is_right(issuer.removeprefix("000")):
        problems.append(reject("issuer_check_digit", found=named(issuer)))
    if cancellation.event == BY_SUBSTITUTION and not is_well_formed(cancellation.substitute):
        problems.append(reject("substitute_missing", found=named(cancellation.substitute)))
    return problems


def _body(element: etree._Element | None) -> etree._Element | None:
    if element is None or LOCAL_NAMES[element.tag] == "infEvento":
        return element
    return child_of(element, "infEvento")


def _fields(element: etree._Element | None) -> Mapping[str, str]:
    return {} if element is None else fields_of(element)


def _moment(text: str, state: str, problems: list[Problem]) -> datetime | None:
    moment = read_moment(text, state)
    if moment is None:
        problems.append(reject("event_time_invalid", found=named(text)))
        return None
    if moment.assumed:
        problems.append(oddly_timed("dhEvento", text, moment))
    return moment.at


def _environment(text: str, problems: list[Problem]) -> int | None:
    if text in ("1", "2"):
        return int(text)
    problems.append(reject("environment_missing", found=named(text)))
    return None


def _protocol(given: Mapping[str, str], key: str, problems: list[Problem]) -> Protocol | None:
    """The registration of the event, when the answer is one and is this event's."""
    answered = given.get("chNFe", key).strip()
    status = whole_number(given.get("cStat", ""))
    if answered != key:
        problems.append(reject("protocol_key_disagrees", found=named(answered), key=named(key)))
        return None
    if status is None:
        problems.append(warning("protocol_empty"))
        return None
    if status not in _REGISTERED:
        problems.append(reject("event_refused", status=status))
        return None
    moment = read_moment(given.get("dhRegEvento", ""), key[:2])
    return Protocol(given.get("nProt", ""), status, moment.at if moment else None)


def _partial(key: str, issuer: str, at: datetime | None, environment: int | None, protocol: Protocol | None) -> Summary:
    return replace(
        named_by_key("cancellation", key),
        issuer=issuer or None,
        issued_at=at.isoformat() if at else None,
        environment=environment,
        authorised=protocol is not None,
    )
