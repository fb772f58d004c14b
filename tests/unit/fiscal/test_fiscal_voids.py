import pytest

from malote.fiscal import sefaz_answers
from malote.fiscal.documents import Protocol, identity
from malote.fiscal.reader import summary
from tests.unit.fiscal.notes import ISSUER, MORNING, build_void
from tests.unit.fiscal.support import codes, only, problems_of, replaced, void_in

VOID = build_void()


@pytest.mark.parametrize("root", ["ProcInutNFe", "procInutNFe", "procinutNFe"])
def test_registered_voids(root: str) -> None:
    raw = build_void(root=root)
    void = void_in(raw)
    assert (void.issuer, void.model, void.series, void.year) == (ISSUER, "65", 1, 2026)
    assert (void.first, void.last, void.environment) == (10, 12, 1)
    assert void.protocol == Protocol("135260000000555", 102, MORNING)
    assert void.at == MORNING
    assert problems_of(raw) == []


def test_a_request_alone_is_not_registered_yet() -> None:
    void = void_in(build_void(authorised=False))
    assert (void.protocol, void.at) == (None, None)


def test_the_answer_alone_is_enough() -> None:
    answer = VOID[VOID.index(b"<retInutNFe") : VOID.index(b"</retInutNFe>") + 13]
    void = void_in(answer)
    assert void.authorised
    assert identity(void) == identity(void_in(VOID))


@pytest.mark.parametrize(("status", "code"), [(241, "number_used"), (256, "void_refused"), (999, "void_refused")])
def test_a_refused_void_is_none(status: int, code: str) -> None:
    reading = only(build_void(status=status))
    assert codes(reading) == [code]
    assert reading.problems[0].facts["words"] == sefaz_answers.says(status)
    assert reading.rejected
    assert not void_in(build_void(status=status)).authorised


def test_one_number_that_is_void_already_is_void() -> None:
    raw = build_void(first=10, last=10, status=256)
    assert void_in(raw).authorised
    assert codes(only(raw)) == ["registered_before"]


def test_an_answer_to_other_numbers() -> None:
    raw = VOID[: VOID.index(b"<retInutNFe")] + VOID[VOID.index(b"<retInutNFe") :].replace(b"<serie>1<", b"<serie>2<")
    assert problems_of(raw) == ["void_answer_disagrees"]
    assert not void_in(raw).authorised


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("<nNFIni>10", "<nNFIni>20", "void_range"),
        ("<nNFIni>10", "<nNFIni>0", "void_range"),
        ("<nNFIni>10", "<nNFIni>", "void_incomplete"),
        ("<ano>26", "<ano>xx", "void_incomplete"),
        ("<mod>65", "<mod>57", "model_unknown"),
        ("<tpAmb>1", "<tpAmb>3", "environment_missing"),
        ("<CNPJ>11222333000181", "<CNPJ>11222333000182", "issuer_check_digit"),
    ],
)
def test_what_is_wrong_with_a_void(old: str, new: str, code: str) -> None:
    raw = replaced(build_void(authorised=False), old, new)
    assert problems_of(raw) == [code]
    assert only(raw).rejected


def test_its_summary() -> None:
    seen = summary(only(VOID))
    assert (seen.kind, seen.access_key, seen.issuer, seen.series, seen.number) == ("number_void", None, ISSUER, 1, 10)
    broken = summary(only(replaced(build_void(authorised=False), "<ano>26", "<ano>xx")))
    assert (broken.kind, broken.issuer, broken.number) == ("number_void", ISSUER, 10)


def test_numbers_that_an_equal_request_voided_before_are_void() -> None:
    raw = build_void(status=563)
    assert void_in(raw).authorised
    assert codes(only(raw)) == ["registered_before"]
