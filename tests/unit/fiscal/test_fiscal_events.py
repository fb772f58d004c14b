from datetime import timedelta

import pytest

from malote.fiscal import sefaz_answers
from malote.fiscal.documents import Event, Protocol
from malote.fiscal.reader import read, summary
from tests.unit.fiscal.notes import ISSUER, MORNING, NAMESPACE, build_cancellation, build_note, key_of
from tests.unit.fiscal.support import cancellation_in, codes, only, problems_of, replaced

KEY = key_of(build_note())
OTHER = key_of(build_note(number=2))
EVENT = build_cancellation(KEY)


def part(raw: bytes, name: str) -> str:
    text = raw.decode()
    return text[text.index(f"<{name}") : text.index(f"</{name}>") + len(name) + 3]


def test_a_registered_cancellation() -> None:
    cancellation = cancellation_in(EVENT)
    assert (cancellation.access_key, cancellation.event, cancellation.sequence) == (KEY, "110111", 1)
    assert (cancellation.issuer, cancellation.at) == (ISSUER, MORNING + timedelta(minutes=5))
    assert (cancellation.environment, cancellation.sale_protocol) == (1, "135260000000001")
    assert cancellation.protocol == Protocol("135260000000777", 135, MORNING + timedelta(minutes=5))
    assert cancellation.reason == "CLIENTE DESISTIU DA COMPRA"
    assert problems_of(EVENT) == []


def test_its_summary_is_found_by_the_sale() -> None:
    seen = summary(only(EVENT))
    assert (seen.kind, seen.access_key, seen.model, seen.series, seen.number) == ("cancellation", KEY, "65", 1, 1)
    assert (seen.authorised, seen.issued_at) == (True, "2026-11-20T10:35:15-03:00")


@pytest.mark.parametrize("status", [135, 136, 155])
def test_what_registers_an_event(status: int) -> None:
    assert cancellation_in(build_cancellation(KEY, status=status)).authorised


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (501, "cancellation_late"),
        (220, "cancellation_late"),
        (494, "event_refused"),
        (574, "event_refused"),
        (100, "event_refused"),
    ],
)
def test_a_refused_event_cancels_nothing(status: int, code: str) -> None:
    reading = only(build_cancellation(KEY, status=status))
    assert codes(reading) == [code]
    assert reading.problems[0].facts == {"status": str(status), "words": sefaz_answers.says(status)}
    assert not cancellation_in(build_cancellation(KEY, status=status)).authorised


def test_a_request_alone_is_not_registered_yet() -> None:
    raw = build_cancellation(KEY, authorised=False)
    assert cancellation_in(raw).protocol is None
    assert problems_of(raw) == []


def test_requests_in_an_envelope() -> None:
    requests = [part(build_cancellation(key, authorised=False), "evento") for key in (KEY, OTHER)]
    readings = read(f'<envEvento xmlns="{NAMESPACE}"><idLote>1</idLote>{"".join(requests)}</envEvento>'.encode())
    assert [summary(reading).access_key for reading in readings] == [KEY, OTHER]


def test_the_answer_alone_is_enough() -> None:
    answer = part(EVENT, "retEvento")
    raw = f'<retEnvEvento xmlns="{NAMESPACE}"><cStat>128</cStat>{answer}</retEnvEvento>'.encode()
    cancellation = cancellation_in(raw)
    assert cancellation.authorised
    assert (cancellation.access_key, cancellation.issuer, cancellation.sale_protocol) == (KEY, ISSUER, "")


def test_by_substitution() -> None:
    raw = build_cancellation(KEY, event="110112", substitute=OTHER)
    cancellation = cancellation_in(raw)
    assert (cancellation.event, cancellation.substitute) == ("110112", OTHER)
    assert problems_of(raw) == []


def test_by_substitution_without_the_substitute() -> None:
    assert problems_of(build_cancellation(KEY, event="110112")) == ["substitute_missing"]


BESIDE = ["110110", "110001", "110140", "110150", "110300", "110750", "110751", "112110", "211110", "210200", "999999"]


@pytest.mark.parametrize("event", BESIDE)
@pytest.mark.parametrize("authorised", [True, False])
def test_events_that_cancel_nothing_are_kept_beside_their_sale(event: str, authorised: bool) -> None:
    reading = only(build_cancellation(KEY, event=event, authorised=authorised, sequence=2))
    assert codes(reading, "keep") == ["event_beside_sale"]
    assert codes(reading) == ["event_beside_sale"]
    found = reading.document
    assert isinstance(found, Event)
    assert (found.access_key, found.event, found.sequence, found.issuer) == (KEY, event, 2, ISSUER)
    assert found.authorised is authorised
    assert summary(reading).access_key == KEY


@pytest.mark.parametrize(("status", "told"), [(580, True), (494, True), (135, False), (136, False), (573, False)])
def test_an_event_that_the_authority_did_not_register_says_so(status: int, told: bool) -> None:
    reading = only(build_cancellation(KEY, event="110110", status=status))
    assert codes(reading, "warning") == (["event_not_registered"] if told else [])
    assert codes(reading, "keep") == ["event_beside_sale"]


def test_an_event_beside_a_sale_is_never_refused_whatever_is_wrong_with_it() -> None:
    raw = build_cancellation(KEY, event="110110", status=573)
    assert not only(raw).rejected
    for old, new in (
        (f"<chNFe>{KEY}", "<chNFe>123"),
        ("<dhEvento>2026-11-20T10:35:15-03:00", "<dhEvento>agora"),
        ("<tpAmb>1", "<tpAmb>7"),
    ):
        broken = only(replaced(raw, old, new))
        assert not broken.rejected
        assert codes(broken, "keep") == ["event_beside_sale"]


@pytest.mark.parametrize("event", ["", "11011", "-1", "11011A", "1101111", "x" * 300])
def test_an_event_without_a_type_is_kept_and_told(event: str) -> None:
    raw = replaced(build_cancellation(KEY, authorised=False), "<tpEvento>110111", f"<tpEvento>{event}")
    reading = only(raw)
    assert (codes(reading, "warning"), codes(reading, "keep")) == (["event_untyped"], ["event_beside_sale"])
    assert not reading.rejected
    assert isinstance(reading.document, Event)
    assert len(reading.document.event) <= 60


def test_the_answer_tells_what_the_request_garbles() -> None:
    raw = replaced(build_cancellation(KEY), "<tpEvento>110111", "<tpEvento>11011")
    assert problems_of(raw) == []
    assert cancellation_in(raw).event == "110111"


@pytest.mark.parametrize(("field", "kind"), [("chMDFe", "MDF-e"), ("chCTe", "CT-e")])
def test_events_of_transport_say_so(field: str, kind: str) -> None:
    raw = build_cancellation(KEY).decode().replace("chNFe>", f"{field}>")
    reading = only(raw.encode())
    assert codes(reading) == ["event_of_transport"]
    assert reading.problems[0].facts == {"event": "110111", "kind": kind}
    assert not reading.rejected


@pytest.mark.parametrize("status", [573, 218, 420])
def test_a_cancellation_that_is_registered_already_stands(status: int) -> None:
    raw = build_cancellation(KEY, status=status)
    assert cancellation_in(raw).authorised
    assert [(one.severity, one.code) for one in only(raw).problems] == [("warning", "registered_before")]


def test_a_cancellation_that_is_still_being_processed_waits() -> None:
    raw = build_cancellation(KEY, status=105)
    assert not only(raw).rejected
    assert not cancellation_in(raw).authorised


def test_the_answer_to_another_event() -> None:
    raw = EVENT.replace(KEY.encode(), OTHER.encode())
    mixed = EVENT[: EVENT.index(b"<retEvento")] + raw[raw.index(b"<retEvento") :]
    assert problems_of(mixed) == ["protocol_key_disagrees"]
    assert not cancellation_in(mixed).authorised


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (f"<chNFe>{KEY}", "<chNFe>", "key_missing"),
        (f"<chNFe>{KEY}", "<chNFe>123", "key_malformed"),
        (f"<chNFe>{KEY}", f"<chNFe>{KEY[:-1]}{(int(KEY[-1]) + 1) % 10}", "key_check_digit"),
        ("<dhEvento>2026-11-20T10:35:15-03:00", "<dhEvento>agora", "event_time_invalid"),
        ("<tpAmb>1", "<tpAmb>7", "environment_missing"),
        (f"<CNPJ>{ISSUER}", "<CNPJ>12ABC34501DE35", "key_disagrees"),
    ],
)
def test_what_is_wrong_with_an_event(old: str, new: str, code: str) -> None:
    raw = replaced(build_cancellation(KEY, authorised=False), old, new)
    assert problems_of(raw) == [code]
    assert only(raw).rejected


def test_a_sat_s_sale_is_not_cancelled_by_an_event() -> None:
    assert "model_unknown" in problems_of(build_cancellation("35150708723218000186599000040190000215133408"))
