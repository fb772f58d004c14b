"""Clients that keep the server waiting: each has an end, and none of them costs a till its place."""

import asyncio
import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from malote.api import listening
from malote.api.application import create_app
from malote.app import services_for
from malote.config import ServerSettings, Settings
from malote.tills.till import create_till
from tests.faces.intake_support import PROTOCOL, Speaker, file
from tests.unit.fiscal.notes import build_note

PATIENCE = 300.0  # of a test, for what must happen at some time
IMPATIENT = ServerSettings(port=0, head_seconds=0.3, body_seconds=0.3, idle_seconds=0.3, slowest_bytes=1_000_000)
HALF_HEAD = b"POST /v1/documents HTTP/1.1\r\nHost: x\r\n"
FORM = b"POST /form HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"


@contextmanager
def listener(app: Any, server: ServerSettings) -> Iterator[tuple[str, int]]:
    """The application, really listening."""
    running = listening.server(app, Settings(language="en", server=server))
    running.config.timeout_graceful_shutdown = 1
    thread = threading.Thread(target=running.run)
    thread.start()
    try:
        deadline = time.monotonic() + PATIENCE
        while not running.started:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        host, port = running.servers[0].sockets[0].getsockname()
        yield host, port
    finally:
        running.should_exit = True
        thread.join()


async def reader(scope: Any, receive: Any, send: Any) -> None:
    """Reads the body, and says how long it was."""
    if scope["type"] == "lifespan":
        return
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message["body"]), message["more_body"]
    await answer(send, str(size).encode())


async def answer(send: Any, body: bytes) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


class Caller:
    """A client that says what it likes."""

    def __init__(self, place: tuple[str, int]) -> None:
        self.socket = socket.create_connection(place, timeout=PATIENCE)

    def __enter__(self) -> "Caller":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def say(self, words: bytes) -> "Caller":
        self.socket.sendall(words)
        return self

    def drips(self) -> bool:
        """Says a little now and then; whether the server ended it."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                self.say(b"x")
            except ConnectionError:
                return True
            time.sleep(0.02)
        return False

    def listen_for(self, words: bytes) -> bool:
        """Whether the server says that, as the connection goes on."""
        heard = b""
        while words not in heard:
            piece = self.socket.recv(65_536)
            if not piece:
                return False
            heard += piece
        return True

    def heard(self) -> bytes:
        """All that comes, until the server ends it."""
        pieces = []
        try:
            while piece := self.socket.recv(65_536):
                pieces.append(piece)
        except ConnectionError:
            pass
        return b"".join(pieces)


@pytest.mark.parametrize(
    "words",
    [b"", b"G", HALF_HEAD, HALF_HEAD + b"X: " + b"y" * 1000, FORM % 100, FORM % 100 + b"a=1"],
    ids=["nothing", "a letter", "half a head", "a long head", "no body", "half a body"],
)
def test_what_stops_coming_is_told_so_and_ended(words: bytes) -> None:
    with listener(reader, IMPATIENT) as place, Caller(place) as caller:
        heard = caller.say(words).heard()
    assert heard.startswith(b"HTTP/1.1 408 ")
    assert b"request_invalid" in heard
    assert b"stopped coming" in heard


def test_what_drips_is_ended_too() -> None:
    with listener(reader, IMPATIENT) as place:
        for words in (HALF_HEAD + b"X: ", FORM % 10_000_000):
            with Caller(place) as caller:
                assert caller.say(words).drips()


def test_a_slow_line_may_take_longer_than_a_slow_client() -> None:
    patient = ServerSettings(port=0, body_seconds=0.2, slowest_bytes=1)
    with listener(reader, patient) as place, Caller(place) as caller:
        caller.say(FORM % 3000)
        for _ in range(3):
            caller.say(b"x" * 1000)
            time.sleep(0.3)
        assert caller.listen_for(b"HTTP/1.1 200 ")


def test_an_idle_connection_is_closed_and_one_in_use_serves_several_requests() -> None:
    with listener(reader, IMPATIENT) as place, Caller(place) as caller:
        for _ in range(3):
            caller.say(FORM % 3 + b"a=1")
            assert caller.listen_for(b"\r\n\r\n3")
        assert caller.heard() == b""


CHUNKED = b"POST /form HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_a_body_in_tiny_chunks_is_refused_and_one_in_ordinary_ones_is_not() -> None:
    with listener(reader, ServerSettings(port=0)) as place:
        with Caller(place) as caller:
            caller.say(CHUNKED + b"3e8\r\n" + b"x" * 1000 + b"\r\n" + (b"3e8\r\n" + b"x" * 1000 + b"\r\n") * 2000)
            assert caller.say(b"0\r\n\r\n").listen_for(b"\r\n\r\n2001000")
        with Caller(place) as caller:
            with contextlib.suppress(ConnectionError):
                caller.say(CHUNKED)
                for _ in range(1000):
                    caller.say(b"1\r\nx\r\n" * 1000)
            assert b"too small chunks" in caller.heard()


def test_a_reply_that_nobody_reads_is_given_up() -> None:
    ended = threading.Event()

    async def generous(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(500):
            await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})
        await send({"type": "http.response.body"})

    async def watched(scope: Any, receive: Any, send: Any) -> None:
        await generous(scope, receive, send)
        if scope["type"] != "lifespan":
            ended.set()

    with listener(watched, IMPATIENT) as place, Caller(place) as caller:
        caller.say(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert ended.wait(PATIENCE)
        assert len(caller.heard()) < 50_000_000


def test_a_refusal_is_heard_while_the_body_is_still_being_sent() -> None:
    """Closed with bytes unread, the connection would be reset, and the till would not know why."""

    async def refusing(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await answer(send, b"no till has this token")

    with listener(refusing, ServerSettings(port=0)) as place, Caller(place) as caller:
        caller.say(FORM % 4_000_000 + b"x" * 4_000_000)
        heard = caller.heard()
    assert heard.endswith(b"no till has this token")
    assert b"connection: close" in heard.lower()


def test_beyond_the_limit_a_503_says_so_and_nobody_served_is_lost() -> None:
    began, let_go = threading.Semaphore(0), threading.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return
        began.release()
        while not let_go.is_set():
            await asyncio.sleep(0.01)
        await answer(send, b"served")

    few = ServerSettings(port=0, connections=3, connections_for_tills=0)
    with listener(slow, few) as place, ExitStack() as stack:
        served = [stack.enter_context(Caller(place)).say(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(3)]
        for _ in served:
            assert began.acquire(timeout=PATIENCE)
        with Caller(place) as caller:
            heard = caller.say(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").heard()
        assert heard.startswith(b"HTTP/1.1 503 ")
        assert b"server_busy" in heard
        assert b"Retry-After: " in heard
        let_go.set()
        for each in served:
            assert each.listen_for(b"served")


def test_a_till_gets_in_while_hundreds_of_requests_never_end(tmp_path: Path) -> None:
    few = ServerSettings(port=0, connections=50, connections_per_address=40)
    with services_for(Settings(home=str(tmp_path), server=few)) as services, ExitStack() as stack:
        _, token = create_till(services.engine, "caixa1")
        host, port = stack.enter_context(listener(create_app(services), few))
        half_open = [stack.enter_context(Caller((host, port))).say(HALF_HEAD) for _ in range(300)]
        with Speaker(f"http://{host}:{port}", token) as till:
            for number in range(1, 6):
                assert till.send([file(build_note(number=number))])[0].state == "accepted"
        told = [each.heard() for each in half_open[:250]]
    assert all(each.startswith(b"HTTP/1.1 503 ") for each in told)


@pytest.mark.processes
@pytest.mark.skipif(sys.platform == "win32", reason="no limit of descriptors there")
def test_a_till_gets_in_with_few_descriptors(tmp_path: Path) -> None:
    """300 half-open connections, and a process that may have 256 files open."""
    import resource

    with services_for(Settings(home=str(tmp_path))) as services:
        _, token = create_till(services.engine, "caixa1")
    command = [sys.executable, "-c", "from malote.cli.main import main; main()", "serve", "--port", "0"]
    with (
        (tmp_path / "serve.log").open("w", encoding="utf-8") as log,
        subprocess.Popen(
            command,
            env={**os.environ, "MALOTE_HOME": str(tmp_path), "MALOTE_LANGUAGE": "en"},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256)),
        ) as process,
        ExitStack() as stack,
    ):
        stack.callback(process.kill)
        assert process.stdout is not None
        found = re.search(r"http://(\S+):(\d+)", process.stdout.readline())
        assert found
        for _ in range(300):
            stack.enter_context(Caller((found.group(1), int(found.group(2))))).say(HALF_HEAD)
        headers = PROTOCOL | {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=found.group(), headers=headers, timeout=PATIENCE) as till:
            for number in range(1, 6):
                reply = till.post("/v1/documents", content=build_note(number=number))
                assert reply.json()["state"] == "accepted"
    assert "Too many open files" not in (tmp_path / "serve.log").read_text(encoding="utf-8")
