"""The authorisation that a note brings along: the authority's answer, where it is this note's."""

from malote.fiscal import sefaz_answers
from malote.fiscal.access_key import is_well_formed
from malote.fiscal.amounts import printable, whole_number
from malote.fiscal.documents import TEST_ENVIRONMENT, Protocol
from malote.fiscal.findings import is_another_digest, named, oddly_numbered
from malote.fiscal.moments import read_moment
from malote.fiscal.note_header import bare_key
from malote.fiscal.note_rows import NoteRow
from malote.fiscal.problems import Problem, reject, warning

_WITH_ALERTS = 120
_MOST_ALERTS = 20


def has_another_digest(row: NoteRow) -> bool:
    """Whether the protocol is over another digest than the signature."""
    return row.answer is not None and is_another_digest(row.answer.digest, row.signature.digest)


def read_protocol(row: NoteRow, problems: list[Problem], resigned: bool) -> Protocol | None:
    """The authorisation, when the answer is one and is this note's."""
    answer = row.answer
    if answer is None:
        return None
    status = whole_number(answer.status)
    if status is None or not answer.key:
        problems.append(warning("protocol_empty"))
        return None
    own_key = bare_key(row.head.identity)
    if not is_well_formed(own_key):
        return None  # there is nothing that it could be the protocol of
    if answer.key != own_key:
        problems.append(reject("protocol_key_disagrees", found=named(answer.key)))
        return None
    if whole_number(answer.environment) == TEST_ENVIRONMENT != whole_number(row.head.environment):
        problems.append(warning("protocol_of_test", status=status))
        return None
    if sefaz_answers.meaning(status) == "authorised" and answer.number:
        moment = read_moment(answer.at, row.head.state)
        if has_another_digest(row):
            # A signature that isn't over this content either (shortened, redacted, written anew) proves nothing.
            problems.append(
                (reject if resigned else warning)("digest_disagrees" if resigned else "digest_unproven", key=own_key)
            )
        alerts = _alerts(row)
        if alerts or status == _WITH_ALERTS:
            # The codes alone: a message may quote the note.
            problems.append(warning("authorised_with_alerts", alerts=", ".join(named(code) for code, _ in alerts)))
        problems += oddly_numbered(answer.number)
        return Protocol(answer.number, status, moment.at if moment else None, alerts)
    problems.append(sefaz_answers.refusal(status, answer.text))
    return None


def _alerts(row: NoteRow) -> tuple[tuple[str, str], ...]:
    """What the authority wants mended (at most five alerts by the norm), told and kept with the protocol."""
    return tuple((printable(code), printable(message)) for code, message in row.alerts[:_MOST_ALERTS])
