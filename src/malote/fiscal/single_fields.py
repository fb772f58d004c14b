"""Which fields of events, voided numbers and answers may be there only once, by their paths (see ``paths``)."""

from typing import Annotated, NamedTuple

from malote.fiscal.envelopes import Envelope
from malote.fiscal.note_fields import ANSWER
from malote.fiscal.paths import Paths


class EventRow(NamedTuple):
    """From evento and retEvento."""

    environment: Annotated[str, "infEvento/tpAmb"]
    company: Annotated[str, "infEvento/CNPJ"]
    person: Annotated[str, "infEvento/CPF"]
    key: Annotated[str, "infEvento/chNFe"]
    at: Annotated[str, "infEvento/dhEvento"]
    event: Annotated[str, "infEvento/tpEvento"]
    sequence: Annotated[str, "infEvento/nSeqEvento"]
    sale_protocol: Annotated[str, "infEvento/detEvento/nProt"]
    reason: Annotated[str, "infEvento/detEvento/xJust"]
    substitute: Annotated[str, "infEvento/detEvento/chNFeRef"]
    status: Annotated[str, "infEvento/cStat"]
    registered_at: Annotated[str, "infEvento/dhRegEvento"]
    number: Annotated[str, "infEvento/nProt"]


class VoidRow(NamedTuple):
    """From inutNFe and retInutNFe."""

    environment: Annotated[str, "infInut/tpAmb"]
    year: Annotated[str, "infInut/ano"]
    company: Annotated[str, "infInut/CNPJ"]
    model: Annotated[str, "infInut/mod"]
    series: Annotated[str, "infInut/serie"]
    first: Annotated[str, "infInut/nNFIni"]
    last: Annotated[str, "infInut/nNFFin"]
    reason: Annotated[str, "infInut/xJust"]
    status: Annotated[str, "infInut/cStat"]
    at: Annotated[str, "infInut/dhRecbto"]
    number: Annotated[str, "infInut/nProt"]


_EVENT = Paths(EventRow)
_VOID = Paths(VoidRow)


def said_twice(envelope: Envelope) -> list[str]:
    """The fields that a document or its answers say in two ways. (Of a note and a CF-e their own rows tell.)"""
    kind, request, answer, others = envelope
    twice: list[str] = []
    answers = [answer, *others] if answer is not None else []
    match kind:
        case "event":
            _EVENT.row([] if request is None else [request], twice)
            _EVENT.row(answers, twice)
        case "void":
            _VOID.row([] if request is None else [request], twice)
            _VOID.row(answers, twice)
        case "note" if request is None or others:
            ANSWER.row(answers, twice)
    return twice
