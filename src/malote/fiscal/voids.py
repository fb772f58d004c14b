"""Voided numbers (inutilização): numbers of a series that will never be used."""

from collections.abc import Mapping
from datetime import datetime

from lxml import etree

from malote.fiscal import cnpj, sefaz_answers
from malote.fiscal.amounts import whole_number
from malote.fiscal.documents import NumberVoid, Protocol
from malote.fiscal.findings import named
from malote.fiscal.moments import read_moment
from malote.fiscal.problems import Problem, reject, warning
from malote.fiscal.reading_result import Reading, Summary, unreadable
from malote.fiscal.tree import LOCAL_NAMES, child_of, fields_of

_VOIDED = 102
_MODELS = ("65", "55")
_HIGHEST = 999_999_999


def read_void(request: etree._Element | None, answer: etree._Element | None) -> Reading:
    """The voided numbers that an inutNFe, a retInutNFe or both of them say. Never raises."""
    asked, given = _fields(request), _fields(answer)
    # The answer repeats what was asked, so that either is enough.
    fields = {**given, **asked}
    problems: list[Problem] = []
    at = _moment(given.get("dhRecbto", ""), fields.get("cUF", ""))
    protocol = None if answer is None else _protocol(asked, given, at, problems)
    document = _document(fields, at, protocol, problems)
    if document is not None:
        problems += _check(document)
        return Reading(document, "number_void", problems)
    partial = Summary(
        kind="number_void",
        model=fields.get("mod"),
        issuer=fields.get("CNPJ") or fields.get("CPF"),
        series=whole_number(fields.get("serie", "")),
        number=whole_number(fields.get("nNFIni", "")),
        last_number=whole_number(fields.get("nNFFin", "")),
        issued_at=at.isoformat() if at else None,
        authorised=protocol is not None,
    )
    return unreadable(problems, partial)


def _document(
    fields: Mapping[str, str], at: datetime | None, protocol: Protocol | None, problems: list[Problem]
) -> NumberVoid | None:
    numbers = {name: whole_number(fields.get(name, "")) for name in ("tpAmb", "ano", "serie", "nNFIni", "nNFFin")}
    issuer = fields.get("CNPJ") or fields.get("CPF", "")
    missing = [name for name, number in numbers.items() if number is None] + ([] if issuer else ["CNPJ"])
    if missing:
        problems.append(reject("void_incomplete", fields=", ".join(missing)))
        return None
    environment, year, series, first, last = (number or 0 for number in numbers.values())
    return NumberVoid(
        issuer,
        fields.get("mod", ""),
        series,
        year + 2000 if year < 100 else year,
        first,
        last,
        environment,
        fields.get("xJust", ""),
        protocol,
        at,
    )


def _check(void: NumberVoid) -> list[Problem]:
    problems: list[Problem] = []
    if void.model not in _MODELS:
        problems.append(reject("model_unknown", found=named(void.model)))
    if void.environment not in (1, 2):
        problems.append(reject("environment_missing", found=void.environment))
    if not cnpj.is_right(void.issuer):
        problems.append(reject("issuer_check_digit", found=named(void.issuer)))
    if not 1 <= void.first <= void.last <= _HIGHEST:
        problems.append(reject("void_range", first=void.first, last=void.last))
    return problems


def _protocol(
    asked: Mapping[str, str], given: Mapping[str, str], at: datetime | None, problems: list[Problem]
) -> Protocol | None:
    """The registration, when the answer is one and names the same numbers."""
    different = [name for name in ("CNPJ", "mod", "serie", "nNFIni", "nNFFin") if _differs(name, asked, given)]
    status = whole_number(given.get("cStat", ""))
    if different:
        problems.append(reject("void_answer_disagrees", fields=", ".join(different)))
    elif status is None:
        problems.append(warning("protocol_empty"))
    elif status != _VOIDED and not _stands(status, {**given, **asked}):
        problems.append(_refusal(status))
    else:
        if status != _VOIDED:
            # An equal request is registered: the numbers are void by that one.
            problems.append(warning("registered_before", status=status, words=sefaz_answers.says(status)))
        return Protocol(given.get("nProt", ""), status, at)
    return None


def _stands(status: int, fields: Mapping[str, str]) -> bool:
    """Whether the numbers are void by an earlier request: one of them, where there is only one."""
    if sefaz_answers.meaning(status) == "void":
        return whole_number(fields.get("nNFIni", "")) == whole_number(fields.get("nNFFin", ""))
    return sefaz_answers.meaning(status) == "repeated"


def _refusal(status: int) -> Problem:
    code = "number_used" if sefaz_answers.meaning(status) == "used" else "void_refused"
    return reject(code, status=status, words=sefaz_answers.says(status))


def _differs(name: str, asked: Mapping[str, str], given: Mapping[str, str]) -> bool:
    return bool(asked.get(name)) and bool(given.get(name)) and asked[name].lstrip("0") != given[name].lstrip("0")


def _moment(text: str, state: str) -> datetime | None:
    moment = read_moment(text, state)
    return moment.at if moment else None


def _fields(element: etree._Element | None) -> Mapping[str, str]:
    if element is None:
        return {}
    body = element if LOCAL_NAMES[element.tag] == "infInut" else child_of(element, "infInut")
    return {} if body is None else fields_of(body)
