"""The HTTP face when things go wrong behind it: always a named fault, never a detail of the inside."""

import errno
import shutil
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from sqlalchemy import Engine

from malote import app_workers, wire
from malote.api.admittance import Throttle
from malote.api.bodies import Room
from malote.api.faults import ApiRefusedError
from malote.app import Services, services_for
from malote.app_workers import _keep_running, build_poster, prune
from malote.config import IntakeSettings, RetentionSettings, Settings
from malote.database.errors import StoreError
from malote.register import contents, till_documents
from malote.register.startup_backlog import left_behind
from malote.spool import presence
from malote.spool.presence import PosterPresence
from malote.wire import FileReceipt
from tests.faces.intake_support import Speaker, fault_of, file, sealed, serving, settings_in, store_with_till
from tests.unit.fiscal.notes import build_note


@pytest.fixture
def house(tmp_path: Path) -> Iterator[tuple[Services, Speaker]]:
    with (
        store_with_till(settings_in(tmp_path / "home")) as (services, _, token),
        serving(services) as address,
        Speaker(address, token) as till,
    ):
        yield services, till


def post(till: Speaker, *contents: bytes) -> httpx.Response:
    body, headers = sealed([file(content) for content in contents])
    return till.http.post(wire.PATH_POUCHES, content=body, headers=headers)


@pytest.mark.parametrize("code", ["store_away", "disk_full"])
def test_a_store_that_can_not_take_it_asks_for_another_try(
    house: tuple[Services, Speaker], monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    services, till = house

    def fail(*_: Any, **__: Any) -> list[FileReceipt]:
        raise StoreError(code, detail="SQLITE_SECRET")

    monkeypatch.setattr(services.spool, "accept", fail)
    reply = post(till, build_note(number=1))
    fault = fault_of(reply, 503, code)
    assert fault.transient
    assert int(reply.headers["Retry-After"]) > 0
    assert "SQLITE_SECRET" not in reply.text


def test_a_quarantine_on_a_full_disk_acknowledges_nothing(
    house: tuple[Services, Speaker], monkeypatch: pytest.MonkeyPatch
) -> None:
    services, till = house

    def full(_: object) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device", "/secret/path")

    monkeypatch.setattr(services.intake, "_keep", full)
    reply = post(till, build_note(number=1), b"no document")
    fault_of(reply, 503, "disk_full")
    assert "secret" not in reply.text
    assert till_documents.documents_of(services.engine) == []


def test_a_fault_of_the_program_tells_a_reference_and_nothing_else(
    house: tuple[Services, Speaker], monkeypatch: pytest.MonkeyPatch
) -> None:
    services, till = house
    secret = "consumer 123.456.789-09"

    def crash(*_: Any, **__: Any) -> list[FileReceipt]:
        raise RuntimeError(secret)

    monkeypatch.setattr(services.spool, "known", crash)
    with structlog.testing.capture_logs() as logs:
        fault = fault_of(post(till, build_note(number=1)), 500, "server_failed")
    assert fault.transient
    assert secret not in fault.detail
    (entry,) = [log for log in logs if log["event"] == "server_failed"]
    assert entry["reference"] in fault.detail
    assert entry["error"] == "RuntimeError"
    assert "crash" in entry["traceback"]
    assert secret not in str(logs)


def test_the_log_holds_no_document_and_no_token(house: tuple[Services, Speaker]) -> None:
    _, till = house
    with structlog.testing.capture_logs() as logs:
        post(till, build_note(number=1, consumer="12345678909"), b"no document")
        till.http.get("/v1/status", headers={"Authorization": "Bearer 1.secret"})
    written = str(logs)
    assert "took_in" in written
    for secret in ("12345678909", "1.secret", till.http.headers["Authorization"].split(".")[1], "<infNFe"):
        assert secret not in written


def test_a_store_that_vanishes_degrades_health_and_refuses_for_now(
    house: tuple[Services, Speaker], monkeypatch: pytest.MonkeyPatch
) -> None:
    services, till = house

    def away(*_: Any) -> dict[bytes, FileReceipt]:
        raise StoreError("store_away", detail="x")

    monkeypatch.setattr(services.spool, "known", away)
    monkeypatch.setattr(presence, "signs_in", away)
    for question in ("/health", "/health?of=intake"):
        reply = till.http.get(question)
        assert (reply.status_code, reply.json()) == (503, {"status": "degraded", "codes": ["store_away"]})
    fault_of(post(till, build_note(number=1)), 503, "store_away")


def test_a_server_started_anew_takes_the_place_of_the_sign_that_a_killed_one_left(
    house: tuple[Services, Speaker], monkeypatch: pytest.MonkeyPatch
) -> None:
    services, _ = house
    owners: list[str] = []

    def present(engine: Engine, owner: str) -> PosterPresence:
        owners.append(owner)
        return PosterPresence(engine, owner=owner)

    monkeypatch.setattr(app_workers, "PosterPresence", present)
    for place in ("127.0.0.1:8470", "127.0.0.1:8470", "127.0.0.1:8471", "", ""):
        with closing(build_poster(services.settings, services, place)):
            pass
    assert owners[0] == owners[1]
    assert len(set(owners)) == 4, "those of other addresses, and workers without one, are others"


def test_what_a_killed_server_was_booking_is_told_and_given_out_again_at_once(
    house: tuple[Services, Speaker],
) -> None:
    services, till = house
    post(till, build_note(number=1), build_note(number=2))
    with closing(build_poster(services.settings, services, "127.0.0.1:8470")) as killed:
        services.spool.lease(killed._owner, 1, 600)
    assert left_behind(services.engine) == (2, 5180, 1)
    with closing(build_poster(services.settings, services, "127.0.0.1:8471")):
        assert len(services.spool.lease("another", 10, 1)) == 1, "another server's is left alone"
    with closing(build_poster(services.settings, services, "127.0.0.1:8470")):
        assert [one.attempts for one in services.spool.lease("another", 10, 1)] == [1]


def test_wrong_tokens_are_slowed_down_and_right_ones_are_not(house: tuple[Services, Speaker]) -> None:
    _, till = house
    statuses = [
        till.http.get("/v1/status", headers={"Authorization": f"Bearer 1.{number}"}).status_code for number in range(25)
    ]
    assert statuses[:20] == [401] * 20
    assert statuses[20:] == [429] * 5
    reply = till.http.get("/v1/status", headers={"Authorization": "Bearer 1.x"})
    assert not fault_of(reply, 429, "token_invalid").transient, "a busy server would be another thing to mend"
    assert "Retry-After" in reply.headers
    assert till.http.get("/v1/status").status_code == 200


def test_a_throttle_forgets_after_its_window_and_remembers_few_addresses() -> None:
    now = 0.0
    throttle = Throttle(refusals=2, seconds=10, addresses=3, clock=lambda: now)
    assert [throttle.is_over("a") for _ in range(3)] == [False, False, True]
    assert not throttle.is_over("b")
    now = 11.0
    assert not throttle.is_over("a")
    for address in "bcdefg":
        throttle.is_over(address)
    assert len(throttle._counts) == 3


def test_bodies_that_do_not_fit_are_refused_for_now() -> None:
    room = Room(100)
    room.take(1, 60)
    with pytest.raises(ApiRefusedError) as caught:
        room.take(2, 60)
    assert caught.value.code == "server_busy"
    room.give_back(1, 60)
    room.take(2, 100)


def test_one_till_never_takes_all_the_room() -> None:
    room = Room(100, share=50)
    room.take(1, 50)
    with pytest.raises(ApiRefusedError):
        room.take(1, 1)
    room.take(2, 50)
    room.give_back(1, 50)
    room.take(1, 50)


def test_room_is_given_back_whatever_the_request_ended_in(house: tuple[Services, Speaker]) -> None:
    _, till = house
    for _ in range(40):
        # Together several times what there is room for.
        fault_of(till.http.post(wire.PATH_POUCHES, content=bytes(4_000_000)), 400, "request_invalid")
    assert post(till, build_note(number=1)).status_code == 200


# ---- what runs beside ----


def test_a_worker_that_fails_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("malote.app_workers.RESTART_SECONDS", 0.01)
    stop, runs = threading.Event(), []
    secret = "consumer's name"

    def worker(stop: threading.Event) -> None:
        runs.append(1)
        if len(runs) < 3:
            raise RuntimeError(secret)
        stop.set()

    with structlog.testing.capture_logs() as logs:
        _keep_running("worker", worker, stop)
    assert len(runs) == 3
    assert secret not in str(logs)


def test_pruning_keeps_what_is_not_proven(tmp_path: Path) -> None:
    settings = Settings(
        home=str(tmp_path / "home"),
        intake=IntakeSettings(drop_keep_days=0),
        retention=RetentionSettings(posted_days=0),
    )
    with store_with_till(settings) as (services, till, _):
        note = build_note(number=1)
        services.intake.take_files(till, [file(note)])
        day = settings.drop_path / "caixa1" / "recebidos" / "2020-01-01"
        day.mkdir(parents=True)
        (day / "venda.xml").write_bytes(note)
        prune(services)
        assert (day / "venda.xml").exists()
        assert contents.content(services.engine, till_documents.documents_of(services.engine)[0].id) == note


def test_closing_lets_go_of_the_database(tmp_path: Path) -> None:
    with services_for(settings_in(tmp_path / "home")) as services:
        till_documents.status(services.engine, now=services.spool.clock())
    shutil.rmtree(tmp_path / "home")
