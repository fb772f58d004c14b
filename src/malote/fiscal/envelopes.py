"""Finds the documents in a file, whatever is wrapped around them, and joins each with the authority's answer."""

from typing import Literal, NamedTuple

from lxml import etree

from malote.fiscal.problems import reject
from malote.fiscal.tree import LOCAL_NAMES, child_of, fields_of

Found = Literal["note", "event", "void", "sat", "sat_cancellation"]

_REQUESTS: dict[str, Found] = {
    "NFe": "note", "infNFe": "note", "evento": "event", "infEvento": "event", "inutNFe": "void", "infInut": "void",
    "CFe": "sat", "CFeCanc": "sat_cancellation",
}  # fmt: skip
_ANSWERS: dict[str, Found] = {"protNFe": "note", "retEvento": "event", "retInutNFe": "void"}
_BODY_OF_ANSWER = {"protNFe": "infProt", "retEvento": "infEvento", "retInutNFe": "infInut"}
_MOST_CONTAINERS = 5_000  # elements with others in them around the documents; fifty notes in their wrappers have 200


class Envelope(NamedTuple):
    """One document: what was asked, what was answered, or both. At least one of them is there."""

    kind: Found
    request: etree._Element | None
    answer: etree._Element | None
    others: tuple[etree._Element, ...] = ()  # further answers to the same; they should say the same


class CrowdedError(Exception):
    """There is more in a file than any file has, so that no more of it is looked at."""

    def __init__(self, code: str, found: int, limit: int) -> None:
        super().__init__(code)
        self.problem = reject(code, found=found, limit=limit)


def envelopes(root: etree._Element, max_depth: int, max_documents: int) -> list[Envelope]:
    """The documents under ``root``, container by container; wrappers may be nested to ``max_depth``.

    What this costs follows the number of containers and documents: raises ``CrowdedError`` when they are too many.
    """
    name = LOCAL_NAMES[root.tag]
    if name in _REQUESTS:
        return [Envelope(_REQUESTS[name], root, None)]
    if name in _ANSWERS:
        return [Envelope(_ANSWERS[name], None, root)]
    most = 2 * max_documents  # each may be there twice, as what was asked and as what was answered
    found: list[Envelope] = []
    looked_at = 0
    waiting = [(root, max_depth)]
    while waiting:
        container, depth = waiting.pop()
        looked_at += 1
        documents, further = _sorted(container, most)
        if len(documents) > most or len(found) > max_documents:
            raise CrowdedError("too_many_documents_in_file", max(len(found), len(documents)), max_documents)
        found += _joined(documents)
        if depth:
            waiting += [(child, depth - 1) for child in reversed(further)]
        if looked_at + len(waiting) > _MOST_CONTAINERS:
            raise CrowdedError("too_many_elements", looked_at + len(waiting), _MOST_CONTAINERS)
    if len(found) > max_documents:
        raise CrowdedError("too_many_documents_in_file", len(found), max_documents)
    return found


def _sorted(container: etree._Element, most: int) -> tuple[list[tuple[str, etree._Element]], list[etree._Element]]:
    """What is directly in ``container``: the documents with their names, and what may hold some in turn."""
    documents: list[tuple[str, etree._Element]] = []
    further: list[etree._Element] = []
    for child in container:
        name = LOCAL_NAMES[child.tag]
        if name in _REQUESTS or name in _ANSWERS:
            documents.append((name, child))
            if len(documents) > most:
                break
        elif len(child):
            further.append(child)
    return documents, further


def _joined(documents: list[tuple[str, etree._Element]]) -> list[Envelope]:
    """The requests, each with its answer, then the answers left over."""
    requests = [(_REQUESTS[name], one) for name, one in documents if name in _REQUESTS]
    answers = [(_ANSWERS[name], one) for name, one in documents if name in _ANSWERS]
    if len(requests) == len(answers) == 1 and requests[0][0] == answers[0][0]:
        return [Envelope(requests[0][0], requests[0][1], answers[0][1])]
    # Several side by side go together by key.
    by_key: dict[tuple[Found, str], list[etree._Element]] = {}
    for kind, answer in answers:
        by_key.setdefault((kind, _key_of_answer(answer)), []).append(answer)
    found = [_enveloped(kind, request, by_key.pop((kind, _key(kind, request)), [])) for kind, request in requests]
    if len(found) == 1 and found[0].answer is None:
        found = [_with_only_answer(found[0], by_key)]
    return found + [_enveloped(kind, None, left) for (kind, _), left in by_key.items()]


def _enveloped(kind: Found, request: etree._Element | None, answers: list[etree._Element]) -> Envelope:
    return Envelope(kind, request, answers[0] if answers else None, tuple(answers[1:]))


def _with_only_answer(lone: Envelope, left: dict[tuple[Found, str], list[etree._Element]]) -> Envelope:
    """A request that stands alone takes the one answer of its kind though its key differs: the checks will say so."""
    same = [key for key in left if key[0] == lone.kind]
    return _enveloped(lone.kind, lone.request, left.pop(same[0])) if len(same) == 1 else lone


def _key(kind: Found, request: etree._Element) -> str:
    """What tells one request from its siblings: the note's key; an event's key, type and sequence; a void's numbers."""
    if kind == "note":
        body = request if LOCAL_NAMES[request.tag] == "infNFe" else child_of(request, "infNFe")
        return "" if body is None else body.get("Id", "").strip().removeprefix("NFe")
    name = "infEvento" if kind == "event" else "infInut"
    body = request if LOCAL_NAMES[request.tag] == name else child_of(request, name)
    return "" if body is None else _signs(body)


def _key_of_answer(answer: etree._Element) -> str:
    name = LOCAL_NAMES[answer.tag]
    body = child_of(answer, _BODY_OF_ANSWER[name])
    if body is None:
        return ""
    return fields_of(body).get("chNFe", "") if name == "protNFe" else _signs(body)


def _signs(body: etree._Element) -> str:
    field = fields_of(body).get
    if LOCAL_NAMES[body.tag] == "infInut":
        return ":".join(field(name, "") for name in ("CNPJ", "mod", "serie", "nNFIni", "nNFFin"))
    return ":".join(field(name, "") for name in ("chNFe", "tpEvento", "nSeqEvento"))
