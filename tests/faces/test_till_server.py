"""What the till makes of replies, whatever answers."""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from malote import wire
from malote.till.server_client import ServerClient, ServerError
from malote.till.setup import SetupError
from tests.faces.till_support import (
    FakeServer,
    Ledger,
    Trick,
    answer_twice,
    cut_short,
    drip,
    hang,
    lose_request,
    says,
    serving,
)

CONTACT = wire.Contact("1", datetime.now(UTC), 0, 0)


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    with serving(Ledger()) as server:
        yield server


@pytest.fixture
def server(fake: FakeServer) -> Iterator[ServerClient]:
    with ServerClient(fake.url, "token") as opened:
        yield opened


@pytest.fixture
def impatient(fake: FakeServer) -> Iterator[ServerClient]:
    with ServerClient(fake.url, "token", timeout=httpx.Timeout(0.3), reply_seconds=0.3) as opened:
        yield opened


def fault(code: str, *, transient: bool = False) -> wire.Fault:
    return wire.Fault(code, "Title", "detail", transient=transient)


@pytest.mark.parametrize(
    ("trick", "kind", "code"),
    [
        (lose_request, "unreachable", "server_unreachable"),
        (cut_short, "unreachable", "server_unreachable"),
        (says(200, b"<html>Log in to the hotel</html>"), "unreachable", "server_unreachable"),
        (says(200, b"\xff\xfe\x00"), "unreachable", "server_unreachable"),
        (says(200, b'{"unexpected": true}'), "unreachable", "server_unreachable"),
        (says(200, b"[" * 100_000), "unreachable", "server_unreachable"),
        (says(200, b'{"deep": ' + b"[" * 100_000), "unreachable", "server_unreachable"),
        (says(500, b'{"deep": ' + b"[" * 100_000), "failed", "server_failed"),
        (says(200, b""), "unreachable", "server_unreachable"),
        (says(204, b""), "unreachable", "server_unreachable"),
        (says(302, b"", Location="http://elsewhere/"), "unreachable", "server_unreachable"),
        (says(502, b"<html>Bad gateway</html>"), "unreachable", "server_unreachable"),
        (says(503, b"<html>Busy</html>"), "busy", "server_busy"),
        (says(503, fault("store_away", transient=True)), "busy", "store_away"),
        (says(503, fault("disk_full", transient=True)), "busy", "disk_full"),
        (says(503, fault("store_damaged")), "busy", "store_damaged"),
        (says(500, fault("server_failed", transient=True)), "failed", "server_failed"),
        (says(500, b"Internal Server Error"), "failed", "server_failed"),
        (says(401, fault("token_invalid")), "shut", "token_invalid"),
        (says(401, b""), "shut", "token_invalid"),
        (says(403, fault("till_disabled")), "shut", "till_disabled"),
        (says(426, fault("protocol_unsupported")), "shut", "protocol_unsupported"),
        (says(404, b"nginx"), "shut", "not_found"),
        (says(413, fault("pouch_too_large")), "content", "pouch_too_large"),
        (says(413, b"<html>nginx says no</html>"), "content", "body_too_large"),
        (says(422, fault("document_hash_mismatch")), "content", "document_hash_mismatch"),
        (says(422, fault("pouch_hash_mismatch", transient=True)), "busy", "pouch_hash_mismatch"),
        (says(400, fault("request_invalid")), "content", "request_invalid"),
        (says(400, b"<html>a proxy's opinion</html>"), "unreachable", "server_unreachable"),
        (says(429, fault("server_busy", transient=True)), "busy", "server_busy"),
    ],
)
def test_tells_failures_apart(fake: FakeServer, server: ServerClient, trick: Trick, kind: str, code: str) -> None:
    fake.ledger.play(wire.PATH_CONTACT, trick)
    with pytest.raises(ServerError) as raised:
        server.contact(CONTACT)
    assert (raised.value.kind, raised.value.code) == (kind, code)
    assert server.contact(CONTACT).till == "caixa1", "and the line works again afterwards"


@pytest.mark.parametrize("trick", [hang(1.0), drip(1000, 0.02)])
def test_a_reply_that_is_too_slow_is_no_reply(fake: FakeServer, impatient: ServerClient, trick: Trick) -> None:
    fake.ledger.play(wire.PATH_CONTACT, trick)
    with pytest.raises(ServerError) as raised:
        impatient.contact(CONTACT)
    assert (raised.value.kind, raised.value.code) == ("unreachable", "server_unreachable")
    while True:  # a busy machine may be too slow for it once more
        with contextlib.suppress(ServerError):
            assert impatient.contact(CONTACT).till == "caixa1", "and the line works again afterwards"
            return


def test_a_reply_given_twice_spoils_nothing(fake: FakeServer, server: ServerClient) -> None:
    fake.ledger.play(wire.PATH_CONTACT, answer_twice)
    answered = 0
    while answered < 3:
        try:
            assert server.contact(CONTACT).till == "caixa1"
            answered += 1
        except ServerError as error:
            # What was left over spoilt the connection. It is said as such, and the next question has a new one.
            assert error.code == "server_unreachable"  # noqa: PT017 either of the two may come
            assert server.contact(CONTACT).till == "caixa1"
            return


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("-5", 0.0),
        ("soon", None),
        ("9" * 5000, None),
        (format_datetime(datetime(2026, 1, 1, tzinfo=UTC), usegmt=True), 0.0),
    ],
)
def test_understands_retry_after(fake: FakeServer, server: ServerClient, written: str, seconds: float | None) -> None:
    fake.ledger.play(wire.PATH_CONTACT, says(503, b"", Retry_After=written))
    with pytest.raises(ServerError) as raised:
        server.contact(CONTACT)
    assert raised.value.retry_after == seconds


def test_understands_a_date_to_come(fake: FakeServer, server: ServerClient) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    fake.ledger.play(wire.PATH_CONTACT, says(503, b"", Retry_After=later))
    with pytest.raises(ServerError) as raised:
        server.contact(CONTACT)
    assert raised.value.retry_after is not None
    assert 3000 < raised.value.retry_after <= 3600


def test_no_server_at_all_is_unreachable(fake: FakeServer) -> None:
    with serving(Ledger()) as gone:
        address = gone.url
    with ServerClient(address, "token") as server, pytest.raises(ServerError) as raised:
        server.contact(CONTACT)
    assert raised.value.kind == "unreachable"


def test_every_request_names_its_version_and_token(fake: FakeServer, server: ServerClient) -> None:
    seen: dict[str, str | None] = {}

    def look(handler: Any, body: bytes) -> None:
        seen.update(dict(handler.headers))
        handler.reply(200, handler.truth(body))

    fake.ledger.play(wire.PATH_CONTACT, look)
    server.contact(CONTACT)
    assert seen["Authorization"] == "Bearer token"
    assert seen[wire.PROTOCOL_HEADER] == str(wire.PROTOCOL_VERSION)


@pytest.mark.parametrize(
    ("address", "token"),
    [
        ("", "t"),
        ("store", "t"),
        ("ftp://store", "t"),
        ("http://", "t"),
        ("http://[::1", "t"),
        ("http://a:b:c", "t"),
        ("http://store", "não"),
        ("http://store", "with space"),
        ("http://store", "with\nline"),
    ],
)
def test_an_address_or_token_that_cannot_be_used_is_told_at_once(address: str, token: str) -> None:
    with pytest.raises(SetupError):
        ServerClient(address, token)
