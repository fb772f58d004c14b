"""Whether an answer in a file of its own is about the note in another one: by what it repeats, and the note signs."""

from malote.fiscal.encoding import to_utf8
from malote.fiscal.envelopes import CrowdedError, envelopes
from malote.fiscal.findings import is_another_digest
from malote.fiscal.note_rows import note_row
from malote.fiscal.problems import Problem
from malote.fiscal.reading_limits import Limits
from malote.fiscal.signatures import signs
from malote.fiscal.tree import parse

_LIMITS = Limits()


def is_of_another(raw: bytes, access_key: str, answered: str) -> bool:
    """Whether the note of this key in a file is truly signed, and over another digest than was ``answered`` (digVal).

    Only where both digests are whole, as within one file. Never raises.
    """
    decoded = to_utf8(raw)
    root = decoded if isinstance(decoded, Problem) else parse(decoded.content)
    if isinstance(root, Problem):
        return False
    try:
        found = envelopes(root, _LIMITS.max_depth, _LIMITS.max_documents)
    except CrowdedError:
        return False
    for kind, request, _, _ in found:
        if kind == "note" and request is not None:
            row = note_row(request, None)
            if row.head.identity.strip().removeprefix("NFe") == access_key:
                signed = row.signature.digest.strip()
                return is_another_digest(answered, signed) and signs(request, signed)
    return False
