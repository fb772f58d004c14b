"""What was signed and what was authorised: another digest is refused, an unprovable one told, none hides anything."""

import pytest

from tests.unit.fiscal.notes import build_note, key_of
from tests.unit.fiscal.support import codes, only, problems_of, signed_anew

NOTE = build_note()


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_a_signature_over_another_note_than_was_authorised_is_refused(algorithm: str) -> None:
    other = signed_anew(NOTE.decode(), algorithm)
    for _ in range(9):
        reading = only(other.encode())
        assert (codes(reading), reading.rejected) == (["digest_disagrees"], True)
        assert reading.problems[0].facts == {"key": key_of(NOTE)}
        assert reading.document is not None


def test_a_wrapper_with_namespaces_of_its_own_hides_nothing() -> None:
    other = signed_anew(NOTE.decode()).replace(
        "<nfeProc ", '<nfeProc xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    )
    assert problems_of(other.encode()) == ["digest_disagrees"]


def test_a_signature_that_is_not_over_the_content_proves_nothing_and_is_told() -> None:
    other = _with_another_digest(NOTE.decode())
    for _ in range(9):
        reading = only(other.encode())
        assert (codes(reading), reading.rejected) == (["digest_unproven"], False)


@pytest.mark.parametrize(
    ("found", "instead"),
    [
        ("<infNFe ", '<infNFe xmlns="foo" '),
        ("<infNFe ", '<infNFe xmlns:a="foo" '),
        ("<infNFe ", '<infNFe xmlns:a="foo" a:x="1" '),
        ("<nfeProc ", '<nfeProc xmlns:a="foo" '),
        ("<det ", '<det xmlns="foo" '),
        ("<infNFe ", "<infNFe " + "".join(f'a{number}="1" ' for number in range(30))),
    ],
)
def test_what_has_no_canonical_form_proves_nothing(found: str, instead: str) -> None:
    """A relative namespace has none: libxml2 raises, which `read` never does."""
    other = _with_another_digest(NOTE.decode()).replace(found, instead)
    assert problems_of(other.encode()) == ["digest_unproven"]


def _with_another_digest(text: str) -> str:
    start = text.index("<digVal>") + 8
    return text[:start] + ("A" if text[start] != "A" else "B") + text[start + 1 :]


@pytest.mark.parametrize("digest", ["", "...", "AAAA", "A" * 28, "=" * 28])
def test_a_digest_that_isnt_whole_says_nothing(digest: str) -> None:
    text = NOTE.decode()
    start, end = text.index("<digVal>") + 8, text.index("</digVal>")
    assert problems_of((text[:start] + digest + text[end:]).encode()) == []
