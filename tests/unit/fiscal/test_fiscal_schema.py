"""The official schema's advice: exact about the place, silent about people."""

import pytest

from malote.fiscal import schema
from malote.fiscal.schema import SchemaFinding, findings
from tests.unit.fiscal.notes import BASKET, NAMESPACE, build_cancellation, build_note, build_void, key_of
from tests.unit.fiscal.sat import build_sat
from tests.unit.fiscal.support import replaced

NOTE = build_note(items=BASKET, consumer="11144477735")
KEY = key_of(NOTE)
BREAKS = "the value breaks the layout's"


@pytest.mark.parametrize(
    "raw",
    [
        NOTE,
        build_note(protocol=False),
        build_note(emission=9),
        build_note(model="55", issuer="12ABC34501DE35"),
        build_cancellation(KEY),
        build_cancellation(KEY, authorised=False),
        build_void(),
        build_void(authorised=False),
    ],
)
def test_valid_documents_have_none(raw: bytes) -> None:
    assert findings(raw) == []


@pytest.mark.parametrize(
    ("old", "new", "path", "message"),
    [
        ("<mod>65</mod>", "", "nfeProc/NFe/infNFe/ide/serie", "not expected here; expected: mod"),
        ("<cMunFG>3550308", "<cMunFG>x", "nfeProc/NFe/infNFe/ide/cMunFG", f"{BREAKS} pattern: '[0-9]{{7}}'"),
        ("<indTot>1", "<indTot>7", "nfeProc/NFe/infNFe/det[1]/prod/indTot", f"{BREAKS} enumeration: {{'0', '1'}}"),
        ("<ide>", "<ide>x", "nfeProc/NFe/infNFe/ide", "text between the elements"),
        ('<infNFe versao="4.00" ', "<infNFe ", "nfeProc/NFe/infNFe", "a required attribute is missing"),
    ],
)
def test_where_and_what(old: str, new: str, path: str, message: str) -> None:
    found = findings(replaced(NOTE, old, new))
    assert found == [SchemaFinding(1, path, message)]


def test_lines_are_the_file_s() -> None:
    raw = replaced(NOTE, "?><nfeProc", "?>\n<nfeProc").replace(b"<emit>", b"\n<emit>\n", 1)
    assert [finding.line for finding in findings(replaced(raw, "<CRT>3", "<CRT>9"))] == [4]


def test_a_note_in_its_envelope() -> None:
    bare = replaced(build_note(protocol=False, declaration=""), "<mod>65</mod>", "").decode()
    raw = f'<s:Envelope xmlns:s="x"><s:Body><m xmlns="{NAMESPACE}/wsdl">{bare}</m></s:Body></s:Envelope>'
    assert [finding.path for finding in findings(raw.encode())] == ["Envelope/Body/m/NFe/infNFe/ide/serie"]


@pytest.mark.parametrize("value", ["MARIA DA SILVA", "O'NEIL ' is not accepted", "11144477736", "maria@example.com"])
def test_no_value_is_quoted(value: str) -> None:
    for field in ("xNome", "CPF", "cMunFG", "vNF", "CRT", "xProd", "qCom", "indTot"):
        long_value = value * 20
        start, end = NOTE.index(f"<{field}>".encode()), NOTE.index(f"</{field}>".encode())
        raw = NOTE[: start + len(field) + 2] + long_value.encode() + NOTE[end:]
        found = findings(raw)
        assert found
        assert not any(value in finding.message or value in finding.path for finding in found)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<a/>",
        b"<a",
        b"\xff\xfe\x00",
        build_sat(),
        build_note(layout="3.10"),
        build_cancellation(KEY, event="110112", substitute=KEY),
        b"<!DOCTYPE a><NFe/>",
        b" " * 5_000_001,
    ],
)
def test_of_other_documents_nothing_is_said(raw: bytes) -> None:
    assert findings(raw) == []


def test_findings_are_bounded() -> None:
    raw = build_note(items=[*BASKET] * 20).replace(b"<indTot>1", b"<indTot>7")
    assert len(findings(raw)) == 50


def test_without_the_schemas_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "find_spec", lambda name: None)
    schema._schema.cache_clear()
    try:
        assert findings(replaced(NOTE, "<mod>65</mod>", "")) == []
    finally:
        schema._schema.cache_clear()
