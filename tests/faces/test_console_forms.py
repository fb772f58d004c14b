"""A form is read once its sender is known and may, no further than its limit, in time that follows its length."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from malote.accounts.roles import Role
from malote.app import Services
from malote.console import forms
from tests.faces.console_support import create_user, csrf_of, enter, new_application, send, signed_in, store, till

FORM = "application/x-www-form-urlencoded"
BODIES = {
    "announced": {b"content-length": b"8000000"},
    "chunked": {b"transfer-encoding": b"chunked"},
    "less than it is": {b"content-length": b"10"},
}
PAGES = [
    "/console/synchronise",
    "/console/tills/caixa1/act/delete",
    "/console/documents/1/protocol",
    "/console/users",
    "/console/locks/kill",
    "/console/load-manager/tills/update",
    "/console/password",
]


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    with store(tmp_path) as opened:
        yield opened


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient[Litestar]]:
    """Somebody who has signed in where one document was rejected, for forms of which none is done."""
    with store(tmp_path_factory.mktemp("refusing")) as opened:
        send(opened, till(opened), b"<broken")
        with signed_in(opened) as visiting:
            yield visiting


class Sender:
    """A client that sends a body without end, and counts how much of it was taken."""

    def __init__(self, app: Litestar, piece: bytes = b"&a" * 32_000) -> None:
        self._app = app
        self._piece = piece
        self.taken = 0

    def post(self, path: str, headers: dict[bytes, bytes], cookie: str = "") -> int:
        """The status of the answer."""
        return asyncio.run(self._post(path, headers | ({b"cookie": cookie.encode()} if cookie else {})))

    async def _post(self, path: str, headers: dict[bytes, bytes]) -> int:
        statuses: list[int] = []

        async def receive() -> dict[str, Any]:
            self.taken += len(self._piece)
            return {"type": "http.request", "body": self._piece, "more_body": True}

        async def answer(message: Any) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(b"host", b"testserver"), *headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("testserver", 80),
            "scheme": "http",
            "http_version": "1.1",
            "root_path": "",
            "asgi": {"version": "3.0"},
            "state": {},
        }
        await self._app(scope, receive, answer)  # type: ignore[arg-type]
        return statuses[0]


def cookie_of(client: TestClient[Litestar]) -> str:
    return f"malote_session={client.cookies['malote_session']}"


@pytest.mark.parametrize("headers", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_read_of_a_body_from_nobody(
    client: TestClient[Litestar], path: str, headers: dict[bytes, bytes]
) -> None:
    for kind in (FORM, "multipart/form-data; boundary=x"):
        sender = Sender(client.app)
        assert sender.post(path, headers | {b"content-type": kind.encode()}) == 401
        assert sender.taken == 0


@pytest.mark.parametrize("path", [path for path in PAGES if path != "/console/password"])
def test_nothing_is_read_of_a_body_from_somebody_who_may_not(services: Services, path: str) -> None:
    with signed_in(services, Role.CONSULTA) as client:
        for headers in BODIES.values():
            sender = Sender(client.app)
            sent = headers | {b"content-type": FORM.encode(), b"content-length": b"8000000"}
            assert sender.post(path, sent, cookie_of(client)) == 403
            assert sender.taken == 0


@pytest.mark.parametrize("path", [*PAGES, "/console/sign-in", "/console/preferences"])
def test_a_form_beyond_its_limit_is_refused_before_it_is_read(client: TestClient[Litestar], path: str) -> None:
    announced = Sender(client.app)
    headers = {b"content-type": FORM.encode()}
    assert announced.post(path, headers | {b"content-length": b"64001"}, cookie_of(client)) == 413
    assert announced.taken == 0
    for untold in ({b"transfer-encoding": b"chunked"}, {b"content-length": b"10"}):
        sender = Sender(client.app)
        assert sender.post(path, headers | untold, cookie_of(client)) == 413
        assert sender.taken <= 2 * 64_000


def test_a_form_that_carries_a_file_has_a_limit_of_its_own(services: Services) -> None:
    path, headers = "/console/documents/1/protocol", {b"content-type": b"multipart/form-data; boundary=x"}
    with signed_in(services) as client:
        announced = Sender(client.app)
        assert announced.post(path, headers | {b"content-length": b"5200000"}, cookie_of(client)) == 413
        assert announced.taken == 0
        sender = Sender(client.app)
        assert sender.post(path, headers | {b"transfer-encoding": b"chunked"}, cookie_of(client)) == 413
        assert 5_000_000 < sender.taken < 5_300_000


def test_what_a_till_sends_is_read_once_its_token_is_known(services: Services) -> None:
    for path in ("/v1/pouches", "/v1/documents", "/v1/receipts", "/v1/contact", "/v1/nothing"):
        for token in (b"", b"Bearer wrong", b"Basic eDp5"):
            app = new_application(services)
            for headers in BODIES.values():
                sender = Sender(app)
                sent = headers | {b"malote-protocol": b"1"} | ({b"authorization": token} if token else {})
                assert sender.post(path, sent) in (401, 404, 429)
                assert sender.taken == 0


def test_five_hundred_fields_and_no_more(services: Services) -> None:
    till(services)
    with signed_in(services) as client:
        csrf = csrf_of(client)
        most = f"csrf={csrf}" + "&selected=caixa1" * 499
        headers = {"Content-Type": FORM}
        assert client.post("/console/synchronise", content=most, headers=headers).status_code == 200
        refused = client.post("/console/synchronise", content=f"{most}&selected=caixa1", headers=headers)
        assert refused.status_code == 413
        assert "500" in refused.text


def test_the_costliest_forms_cost_as_much_as_their_length() -> None:
    """Processor time of the worst shapes within the limits, beside a plain form of the same length."""
    plain = cost(b"a=" + b"x" * 60_000)
    for worst in (b"a=" + b"%41" * 20_000, b"&a" * 499 + b"%" * 60_000, b"a=" + b"+" * 60_000, b"%C3" * 20_000):
        assert cost(worst) < max(20 * plain, 0.05)


def cost(body: bytes) -> float:
    began = time.process_time()
    for _ in range(5):
        forms.fields_of(body)
    return (time.process_time() - began) / 5


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--x--\r\n",
        b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--\r\n",
        b'--x\r\nContent-Disposition: form-data; name="a\xff"\r\n\r\n\xff\x00\r\n--x--\r\n',
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a\r\n\r\n1\r\n--x--\r\n',
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n',
        b'--x\r\nContent-Type: text/plain; charset=utf-7\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--',
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' * 30 + b"--x--\r\n",
        b"\xff\xfe" * 1000,
    ],
)
@pytest.mark.parametrize("boundary", ["x", "", '""', "\xff", "x" * 500])
def test_what_is_no_form_is_refused_and_no_fault_of_the_program(
    client: TestClient[Litestar], body: bytes, boundary: str
) -> None:
    headers: Any = {b"Content-Type": b"multipart/form-data; boundary=" + boundary.encode("latin-1")}
    headers[b"X-CSRF-Token"] = csrf_of(client).encode()
    answer = client.post("/console/documents/1/protocol", content=body, headers=headers)
    assert answer.status_code in (400, 422)


def test_a_new_user_may_change_the_password_and_nothing_else(services: Services) -> None:
    create_user(services, "nova", Role.ADMINISTRADOR, must_change_password=True)
    with signed_in(services, name="ana") as client:
        client.cookies.clear()
        assert enter(client, "nova").status_code == 303
        sender = Sender(client.app)
        sent = {b"content-type": FORM.encode(), b"content-length": b"100"}
        assert sender.post("/console/users", sent, cookie_of(client)) == 303
        assert sender.taken == 0
