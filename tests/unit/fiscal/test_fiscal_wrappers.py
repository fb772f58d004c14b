"""Whatever is around the documents."""

from html import escape

import pytest

from malote.fiscal.reader import Limits, read, summary
from tests.unit.fiscal.notes import NAMESPACE, build_cancellation, build_note, build_void, key_of
from tests.unit.fiscal.support import codes, only, problems_of, sale_in

NOTE = build_note()
BARE = build_note(protocol=False, declaration="")


def inner(raw: bytes) -> str:
    """A file without its declaration."""
    return raw.decode().partition("?>")[2]


def soap(body: str, prefix: str = "soap") -> bytes:
    return (
        f'<?xml version="1.0" encoding="utf-8"?><{prefix}:Envelope xmlns:{prefix}="http://www.w3.org/2003/05/'
        f'soap-envelope"><{prefix}:Header/><{prefix}:Body><nfeDadosMsg xmlns="{NAMESPACE}/wsdl/NFeAutorizacao4">'
        f"{body}</nfeDadosMsg></{prefix}:Body></{prefix}:Envelope>"
    ).encode()


def batch(*notes: bytes) -> str:
    return (
        f'<enviNFe xmlns="{NAMESPACE}" versao="4.00"><idLote>1</idLote>{"".join(n.decode() for n in notes)}</enviNFe>'
    )


def test_a_batch_of_several_notes() -> None:
    notes = [build_note(number=number, protocol=False, declaration="") for number in range(1, 51)]
    readings = read(batch(*notes).encode())
    assert [summary(reading).number for reading in readings] == list(range(1, 51))
    assert all(reading.problems == [] for reading in readings)


def test_too_many_notes_in_one_file() -> None:
    notes = [build_note(number=number, protocol=False, declaration="") for number in range(1, 52)]
    reading = only(batch(*notes).encode())
    assert codes(reading) == ["too_many_documents_in_file"]
    assert reading.problems[0].facts == {"found": "51", "limit": "50"}
    assert len(read(batch(*notes).encode(), Limits(max_documents=60))) == 51


@pytest.mark.parametrize("prefix", ["soap", "env", "S"])
def test_soap(prefix: str) -> None:
    assert sale_in(soap(batch(BARE), prefix)) == sale_in(BARE)
    assert sale_in(soap(inner(NOTE), prefix)) == sale_in(NOTE)


def test_a_note_deep_in_wrappers() -> None:
    assert sale_in(b"<a>" * 40 + BARE + b"</a>" * 40) == sale_in(BARE)


def test_the_body_of_a_note_alone() -> None:
    body = BARE.decode()
    assert sale_in(body[body.index("<infNFe ") : body.index("</infNFe>") + 9].encode()) == sale_in(BARE)


def test_answers_go_to_their_notes_by_key() -> None:
    files = [inner(build_note(number=number)) for number in (1, 2)]
    notes = [file[file.index("<NFe") : file.index("</NFe>") + 6] for file in files]
    answers = [file[file.index("<protNFe") : file.index("</protNFe>") + 10] for file in files]
    raw = f'<nfeProc xmlns="{NAMESPACE}">{notes[0]}{notes[1]}{answers[1]}{answers[0]}</nfeProc>'
    readings = read(raw.encode())
    assert [summary(reading).authorised for reading in readings] == [True, True]
    assert all(reading.problems == [] for reading in readings)


@pytest.mark.parametrize(
    "raw", [b"<html><body>404</body></html>", b"<cteProc/>", b"<eSocial><evt/></eSocial>", b'<x:a xmlns:x="y"/>']
)
def test_xml_that_is_no_sale(raw: bytes) -> None:
    assert problems_of(raw) == ["root_unknown"]
    assert only(raw).kind is None


def test_documents_of_every_kind_in_one_file() -> None:
    raw = f"<all>{inner(NOTE)}{inner(build_cancellation(key_of(NOTE)))}{inner(build_void())}</all>"
    assert [reading.kind for reading in read(raw.encode())] == ["sale", "cancellation", "number_void"]


@pytest.mark.parametrize(
    ("joined", "count"),
    [
        (NOTE + build_note(number=2), 2),
        (inner(NOTE).encode() + b"\r\n\r\n" + build_note(number=2) + build_cancellation(key_of(NOTE)), 3),
        (BARE + BARE, 2),
    ],
)
def test_files_joined_are_counted_and_not_called_malformed(joined: bytes, count: int) -> None:
    reading = only(joined)
    [problem] = reading.problems
    assert (problem.code, problem.facts["count"]) == ("files_joined", str(count))
    assert reading.document is None
    assert summary(reading).access_key == key_of(NOTE)


@pytest.mark.parametrize("behind", [b"x", b"<a>", b"</nfeProc>", inner(NOTE).encode()[:-10], b"<?xml version='1.0'?>"])
def test_what_else_stands_behind_a_document_is_malformed(behind: bytes) -> None:
    assert codes(only(NOTE + behind)) == ["xml_malformed"]


@pytest.mark.parametrize(
    "body",
    [escape(inner(NOTE), quote=False), f"<![CDATA[{inner(NOTE).replace('<![CDATA[', '').replace(']]>', '')}]]>"],
    ids=["escaped", "cdata"],
)
def test_a_note_kept_as_text_is_told_as_such(body: str) -> None:
    [problem] = only(soap(body)).problems
    assert (problem.code, problem.facts["count"]) == ("document_kept_as_text", "1")
