"""The tax authority's answers in files of their own: about one note (infProt), about a lot, or about nothing sold."""

from lxml import etree

from malote.fiscal import sefaz_answers
from malote.fiscal.access_key import is_well_formed
from malote.fiscal.amounts import whole_number
from malote.fiscal.documents import Answer, Protocol
from malote.fiscal.findings import key_form, named, oddly_numbered
from malote.fiscal.moments import read_moment
from malote.fiscal.note_rows import alerts_of
from malote.fiscal.problems import Problem, keep, reject
from malote.fiscal.reading_result import Reading, named_by_key, unreadable
from malote.fiscal.tree import LOCAL_NAMES, child_of, fields_of

# Answers to a request as a whole. Those about notes have the notes' own answers in them, which are found first.
_REPLIES = frozenset({
    "retEnviNFe", "retConsReciNFe", "retConsSitNFe", "retEnvEvento", "retConsStatServ", "retConsCad", "retDistDFeInt",
})  # fmt: skip
# What a POS asks of the authority and saves beside its sales.
_QUESTIONS = frozenset({"consReciNFe", "consSitNFe", "consStatServ", "ConsCad", "distDFeInt"})


def read_answer(answer: etree._Element) -> Reading:
    """What a protNFe (or infProt) without its note says. Never raises."""
    body = answer if LOCAL_NAMES[answer.tag] == "infProt" else child_of(answer, "infProt")
    return _read(answer if body is None else body, alerts_of(answer), "answer_without_note")


def read_reply(root: etree._Element) -> Reading | None:
    """What a file says that holds no document, only the authority's reply or a question to it; None for any other."""
    name = LOCAL_NAMES[root.tag]
    if name in _QUESTIONS:
        return unreadable([keep("service_message", root=name)])
    packed = sum(LOCAL_NAMES[part.tag] == "docZip" for part in root.iter(etree.Element))
    if packed:
        return unreadable([reject("documents_packed", root=name, count=str(packed))])
    return _read(root, [], "service_message") if name in _REPLIES else None


def _read(body: etree._Element, alerts: list[tuple[str, str]], without_key: str) -> Reading:
    field = fields_of(body).get
    key = field("chNFe", "").strip()
    status = whole_number(field("cStat", "").strip())
    partial = named_by_key("answer", key)
    if not key and without_key == "service_message":
        return unreadable([keep(without_key, root=LOCAL_NAMES[body.tag], status=status or "–")], partial)
    problems = key_form(key)
    if status is None:
        problems.append(reject("answer_without_note", key=named(key)))
    if status is None or not is_well_formed(key):
        return unreadable(problems, partial)
    moment = read_moment(field("dhRecbto", ""), key[:2])
    at = moment.at if moment else None
    number = field("nProt", "").strip()
    authorised = sefaz_answers.meaning(status) == "authorised" and bool(number)
    document = Answer(
        key,
        status,
        Protocol(number, status, at, tuple(alerts)) if authorised else None,
        at,
        whole_number(field("tpAmb", "").strip()) or 1,
        number,
        field("digVal", "").strip(),
        sefaz_answers.other_key(field("xMotivo", "")),
    )
    if authorised:
        problems += oddly_numbered(number)
    return Reading(document, "answer", problems + _undecided(document), partial)


def _undecided(answer: Answer) -> list[Problem]:
    if sefaz_answers.meaning(answer.status) in sefaz_answers.UNDECIDED:
        return [
            keep(
                sefaz_answers.table()[answer.status].reason,
                status=answer.status,
                words=sefaz_answers.says(answer.status),
            )
        ]
    return []
