"""The tax authority's answers: one table of what they mean, and answers that come in files of their own."""

import pytest

from malote import rejection
from malote.fiscal import sefaz_answers
from malote.fiscal.documents import Answer
from malote.fiscal.reader import summary
from tests.unit.fiscal.notes import NAMESPACE, build_note, key_of
from tests.unit.fiscal.support import codes, only, problems_of, replaced, sale_in

NOTE = build_note()
KEY = key_of(NOTE)
OTHER = key_of(build_note(number=2))


def answer_of(note: bytes, root: str = "retConsReciNFe") -> bytes:
    text = note.decode()
    answer = text[text.index("<protNFe") : text.index("</protNFe>") + 10]
    return f'<{root} xmlns="{NAMESPACE}"><cStat>104</cStat>{answer}</{root}>'.encode()


def answer_in(raw: bytes) -> Answer:
    document = only(raw).document
    assert isinstance(document, Answer), only(raw).problems
    return document


@pytest.mark.parametrize(
    ("status", "meaning"),
    [(100, "authorised"), (150, "authorised"), (120, "authorised"), (101, "cancelled"), (151, "cancelled"),
     (155, "cancelled"), (218, "cancelled"), (420, "cancelled"), (102, "void"), (206, "void"), (110, "denied"),
     (205, "denied"), (301, "denied"), (302, "denied"), (303, "denied"), (204, "there"), (539, "elsewhere"),
     (562, "elsewhere"), (613, "elsewhere"), (494, "absent"),
     (241, "used"), (501, "late"), (220, "late"), (124, "recorded"),
     (573, "repeated"), (563, "repeated"), (217, "absent"), (103, "processing"), (105, "processing"), (656, "again"),
     (999, "again"), (108, "again"), (215, "schema"), (225, "schema"), (297, "certificate"), (703, "clock"),
     (230, "registration"), (464, "qr"), (610, "refused"), (1234, "refused")],
)  # fmt: skip
def test_what_each_answer_means(status: int, meaning: str) -> None:
    assert sefaz_answers.meaning(status) == meaning


def test_every_answer_that_has_to_be_told_has_its_words() -> None:
    catalogue = rejection.catalogue()
    for status, known in sefaz_answers.table().items():
        assert known.says, status
        assert not known.reason or known.reason in catalogue, status
    assert {known.meaning for known in sefaz_answers.table().values() if not known.reason} == {"authorised"}
    assert set(catalogue) >= sefaz_answers.CURED_BY_AUTHORISATION


@pytest.mark.parametrize("status", [100, 150, 120])
def test_what_authorises_a_note(status: int) -> None:
    assert sale_in(build_note(status=status)).authorised


def test_alerts_of_an_authorisation_are_kept() -> None:
    alert = "<cMsg>9001</cMsg><xMsg>Revise o grupo IBS</xMsg><cMsg>9002</cMsg><xMsg>Revise a CBS</xMsg></infProt>"
    raw = replaced(build_note(status=120), "</infProt>", alert)
    protocol = sale_in(raw).protocol
    assert protocol is not None
    assert protocol.status == 120
    assert protocol.alerts == (("9001", "Revise o grupo IBS"), ("9002", "Revise a CBS"))
    assert answer_in(answer_of(raw)).protocol == protocol


@pytest.mark.parametrize(
    ("status", "code"),
    [(204, "authority_has_it"), (539, "number_of_another_key"), (613, "number_of_another_key"),
     (217, "authority_has_it_not"), (215, "answer_schema"),
     (301, "denied"), (101, "note_cancelled"), (610, "protocol_status"), (206, "number_void_at_authority")],
)  # fmt: skip
def test_a_refused_note_says_what_the_answer_means(status: int, code: str) -> None:
    assert problems_of(build_note(status=status), "reject") == [code]


def test_who_is_told_204_is_told_to_fetch_and_never_to_transmit_again() -> None:
    entry = rejection.entry("authority_has_it")
    assert "consulte" in entry.remedy.pt.lower()
    assert "transmita" not in entry.remedy.pt.lower()


def test_539_names_the_other_key() -> None:
    said = f"Rejeicao: Duplicidade de NF-e com diferenca na Chave de Acesso [chNFe: {OTHER}][nRec:351000000000001]"
    raw = replaced(build_note(status=539), "Autorizado o uso da NF-e", said)
    (problem,) = only(raw).problems
    assert problem.facts["other"] == f" ({OTHER})"
    assert answer_in(answer_of(raw)).other_key == OTHER


@pytest.mark.parametrize("status", [103, 105, 124, 656, 999, 108])
def test_a_note_about_which_nothing_was_decided_waits_for_another_answer(status: int) -> None:
    raw = build_note(status=status)
    assert not only(raw).rejected
    assert not sale_in(raw).authorised
    assert codes(only(raw), "warning") == [sefaz_answers.table()[status].reason]


@pytest.mark.parametrize("root", ["retEnviNFe", "retConsReciNFe", "retConsSitNFe", "soap"])
def test_an_answer_in_a_file_of_its_own(root: str) -> None:
    reading = only(answer_of(NOTE, root))
    assert reading.problems == []
    answer = answer_in(answer_of(NOTE, root))
    assert (answer.access_key, answer.status, answer.number) == (KEY, 100, "135260000000001")
    assert answer.protocol == sale_in(NOTE).protocol
    assert answer.digest
    assert (summary(reading).kind, summary(reading).access_key, summary(reading).number) == ("answer", KEY, 1)


def test_an_answer_that_refuses_is_one_too() -> None:
    answer = answer_in(answer_of(build_note(status=204)))
    assert (answer.status, answer.authorised) == (204, False)


@pytest.mark.parametrize("status", [103, 105, 124, 999])
def test_an_answer_that_decides_nothing_is_kept(status: int) -> None:
    reading = only(answer_of(build_note(status=status)))
    assert codes(reading, "keep") == [sefaz_answers.table()[status].reason]
    assert not reading.rejected


def test_an_answer_without_its_number_authorises_nothing() -> None:
    raw = replaced(answer_of(NOTE), "<nProt>135260000000001</nProt>", "")
    assert not answer_in(raw).authorised


def test_a_look_up_that_finds_nothing_says_so_of_its_key() -> None:
    raw = f'<retConsSitNFe xmlns="{NAMESPACE}"><tpAmb>1</tpAmb><cStat>217</cStat><chNFe>{KEY}</chNFe></retConsSitNFe>'
    answer = answer_in(raw.encode())
    assert (answer.access_key, answer.status) == (KEY, 217)


@pytest.mark.parametrize(
    "raw",
    [
        b"<retEnviNFe><cStat>103</cStat><infRec><nRec>351000000000001</nRec></infRec></retEnviNFe>",
        b"<retConsReciNFe><cStat>105</cStat></retConsReciNFe>",
        b"<retConsStatServ><cStat>107</cStat></retConsStatServ>",
        b"<consSitNFe><chNFe>1</chNFe></consSitNFe>",
        b"<consReciNFe><nRec>1</nRec></consReciNFe>",
    ],
)
def test_questions_and_replies_about_no_note_are_kept(raw: bytes) -> None:
    reading = only(raw)
    assert codes(reading) == ["service_message"]
    assert not reading.rejected


def test_a_reply_with_packed_documents_does_not_pass_for_one_with_none() -> None:
    reading = only(
        b"<retDistDFeInt><cStat>138</cStat><loteDistDFeInt>"
        b"<docZip NSU='1'>H4sI</docZip></loteDistDFeInt></retDistDFeInt>"
    )
    assert codes(reading) == ["documents_packed"]
    assert reading.rejected


@pytest.mark.parametrize("emission", [9, 4])
@pytest.mark.parametrize("model", ["65", "55"])
def test_contingency_notes_of_both_models_are_sales_before_their_authorisation(model: str, emission: int) -> None:
    raw = build_note(model=model, emission=emission, protocol=False)
    raw = replaced(raw, "<tpImp>4", "<tpImp>6") if model == "55" else raw
    assert problems_of(raw, "reject") == []
    assert sale_in(raw).bookable


def test_model_55_at_the_till_with_its_qr_code() -> None:
    extra = "<infNFeSupl><qrCode>https://x/qr?p=1</qrCode><urlChave>https://x</urlChave></infNFeSupl><Signature"
    raw = replaced(replaced(build_note(model="55"), "<tpImp>4", "<tpImp>6"), "<Signature", extra)
    assert problems_of(raw) == []
    assert sale_in(raw).authorised
