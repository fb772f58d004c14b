"""Events of NFC-e and NF-e: cancellations (110111), those by substitution (110112), and all that change no booking.

A cancellation is booked. Any other event, known here or not, is kept beside its sale.
"""

from collections.abc import Mapping
from datetime import datetime

from lxml import etree
from msgspec.structs import replace

from malote.fiscal import cnpj, sefaz_answers
from malote.fiscal.access_key import is_well_formed
from malote.fiscal.amounts import whole_number
from malote.fiscal.documents import Cancellation, Event, Protocol
from malote.fiscal.findings import key_form, named, oddly_timed
from malote.fiscal.moments import read_moment
from malote.fiscal.note_header import environment_of
from malote.fiscal.problems import Problem, keep, reject, warning
from malote.fiscal.reading_result import Reading, Summary, named_by_key, unreadable
from malote.fiscal.tree import LOCAL_NAMES, child_of, fields_of

BY_SUBSTITUTION = "110112"
# Events that people may look for, by their official names. Others are kept just as well.
_NAMES = {
    "110001": "Cancelamento de evento", "110110": "Carta de Correção", "110130": "Comprovante de Entrega",
    "110131": "Cancelamento do Comprovante de Entrega", "110140": "EPEC", "110150": "Ator Interessado",
    "110192": "Insucesso na Entrega", "110300": "Vínculo de Pagamento", "110750": "Conciliação Financeira",
    "110751": "Cancelamento da Conciliação Financeira", "210200": "Confirmação da Operação",
    "210210": "Ciência da Operação", "210220": "Desconhecimento da Operação", "210240": "Operação não Realizada",
}  # fmt: skip
_TRANSPORT = {"chMDFe": "MDF-e", "chCTe": "CT-e"}
_EVENTS = ("110111", BY_SUBSTITUTION)
_DIGITS = 6  # of tpEvento
_REGISTERED = (135, 136, 155)  # 136 before the note itself reached the authority, 155 after the deadline
_MODELS = ("65", "55")


def read_event(request: etree._Element | None, answer: etree._Element | None) -> Reading:
    """The cancellation that an evento, a retEvento or both of them say. Never raises."""
    asked = _body(request)
    detail = {} if asked is None else _fields(child_of(asked, "detEvento"))
    wanted, given = _fields(asked), _fields(_body(answer))
    event = _type(wanted, given)
    key = (wanted.get("chNFe") or given.get("chNFe", "")).strip()
    other = next((name for field, name in _TRANSPORT.items() if wanted.get(field) or given.get(field)), None)
    if other is not None and not key:
        return unreadable([keep("event_of_transport", event=named(event), kind=other)])
    if not event and not key:
        return unreadable([reject("event_untyped", event="–"), *key_form(key)])  # of nothing, and beside nothing
    if event not in _EVENTS:
        return _beside(event, key, wanted, given, detail)
    problems = key_form(key)
    issuer = wanted.get("CNPJ") or wanted.get("CPF") or (key[6:20] if is_well_formed(key) else "")
    at = _moment(wanted.get("dhEvento") or given.get("dhRegEvento", ""), key[:2], problems)
    environment = environment_of(wanted.get("tpAmb") or given.get("tpAmb", ""), problems)
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


def _beside(
    event: str, key: str, wanted: Mapping[str, str], given: Mapping[str, str], detail: Mapping[str, str]
) -> Reading:
    """An event that changes no booking: never refused, whatever is wrong with it."""
    found: list[Problem] = key_form(key)
    at = _moment(wanted.get("dhEvento") or given.get("dhRegEvento", ""), key[:2], found)
    described = detail.get("descEvento") or given.get("xEvento", "")
    problems = [warning(one.code, **one.facts) for one in found]
    if not _is_type(event):
        # Perhaps a cancellation whose type was garbled: it isn't kept without a word.
        problems.append(warning("event_untyped", event=named(event) or "–"))
    problems.append(keep("event_beside_sale", event=named(event), words=_NAMES.get(event, "–")))
    partial = named_by_key("event", key)
    if not is_well_formed(key) or at is None:
        return unreadable(problems, partial)
    status, registered = whole_number(given.get("cStat", "")), read_moment(given.get("dhRegEvento", ""), key[:2])
    protocol = None
    if status in _REGISTERED:
        protocol = Protocol(given.get("nProt", ""), status, registered.at if registered else None)
    elif status is not None and sefaz_answers.meaning(status) not in sefaz_answers.UNDECIDED:
        problems.append(
            warning("event_not_registered", event=named(event), status=status, words=sefaz_answers.says(status))
        )
    document = Event(
        key,
        named(event),
        whole_number(wanted.get("nSeqEvento") or given.get("nSeqEvento", "")) or 1,
        wanted.get("CNPJ") or wanted.get("CPF") or key[6:20],
        at,
        whole_number(wanted.get("tpAmb") or given.get("tpAmb", "")) or 1,
        described,
        protocol,
        detail.get("xCorrecao") or detail.get("xJust", ""),
    )
    return Reading(document, "event", problems, partial)


def _type(wanted: Mapping[str, str], given: Mapping[str, str]) -> str:
    """tpEvento as it was asked, or as it was answered where that alone is one."""
    asked, answered = (fields.get("tpEvento", "").strip() for fields in (wanted, given))
    return answered if _is_type(answered) and not _is_type(asked) else asked or answered


def _is_type(event: str) -> bool:
    return len(event) == _DIGITS and event.isascii() and event.isdigit()


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
        meaning = sefaz_answers.meaning(status)
        if meaning in ("repeated", "cancelled"):
            # An equal request is registered: the note is cancelled, whatever became of this one.
            problems.append(warning("registered_before", status=status, words=sefaz_answers.says(status)))
        elif meaning in sefaz_answers.UNDECIDED:
            problems.append(sefaz_answers.refusal(status))
            return None
        else:
            code = "cancellation_late" if meaning == "late" else "event_refused"
            problems.append(reject(code, status=status, words=sefaz_answers.says(status)))
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
