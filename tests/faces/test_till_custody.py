"""A till's word on the real wire: what it holds makes a deletion safe; a synchronisation reaches it once and surely."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from malote import wire
from malote.accounts.audit import Actor
from malote.app import Services
from malote.quarantine.quarantine_reports import Selection
from malote.register import till_documents
from malote.till.outbox import Outbox
from malote.till.server_client import ServerClient, ServerError
from tests.faces.intake_support import PROTOCOL, Speaker, fault_of, file, serving, settings_in, store_with_till
from tests.faces.till_courier_support import courier_on
from tests.unit.fiscal.notes import build_note
from tests.unit.till_support import Clock, captured, digest, till_settings

BAD = b"<venda>one</venda>"
MARIA = Actor("maria")


class Till:
    """An outbox and a courier at the door of a real server."""

    def __init__(self, folder: Path, services: Services, address: str, token: str) -> None:
        self.services = services
        self.outbox = Outbox(folder / "outbox.sqlite3")
        self.server = ServerClient(address, token)
        self.clock = Clock()
        self.rescans = 0
        self.settings = till_settings(folder, server=address, poll_seconds=1.0)
        self.begin()

    def begin(self) -> None:
        """A courier as after a restart of the agent."""
        self.courier = courier_on(self.clock, self.outbox, self.server, self.settings, ask_for_rescan=self.rescan)

    def rescan(self) -> None:
        self.rescans += 1

    def put(self, *contents: bytes) -> None:
        self.outbox.capture([captured(content) for content in contents], at=self.clock())

    def steps(self, count: int) -> None:
        for _ in range(count):
            self.clock.pass_by(max(self.courier.step(), 0.01))

    def grounds(self) -> list[str]:
        ids = tuple(one.id for one in till_documents.documents_of(self.services.engine))
        report = self.services.quarantine.delete(Selection(ids), MARIA, dry_run=True)
        return [one.grounds for one in report.deleted]


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Till]:
    with store_with_till(settings_in(tmp_path / "home")) as (services, _, token), serving(services) as address:
        opened = Till(tmp_path, services, address, token)
        with opened.outbox, opened.server:
            yield opened


def test_a_till_that_holds_a_rejected_file_says_so(till: Till) -> None:
    till.put(BAD, build_note(number=1))
    assert till.grounds() == []
    till.steps(10)
    assert till.grounds() == ["till"]
    till.services.quarantine.reconciler.scan()
    (one,) = [each.id for each in till_documents.documents_of(till.services.engine) if each.state == "rejected"]
    assert [each.id for each in till.services.quarantine.delete(Selection((one,)), MARIA).deleted] == [one]


def test_a_till_whose_copy_was_damaged_does_not(till: Till) -> None:
    till.put(BAD)
    till.steps(10)
    assert till.grounds() == ["till"]
    with till.outbox._writing() as connection:
        connection.execute("UPDATE file SET content = x'00'")
    till.steps(20)
    assert till.grounds() == []


def test_a_raw_post_vouches_for_nothing(till: Till) -> None:
    with Speaker(till.settings.server, "") as speaker:
        speaker.http.headers["Authorization"] = till.server._client.headers["Authorization"]
        speaker.http.post(wire.PATH_DOCUMENTS, content=BAD)
        speaker.post(wire.PATH_RECEIPTS, wire.ReceiptsQuery([digest(BAD).hex()]))
    assert till.grounds() == []


def test_an_agent_of_an_older_version_is_understood(till: Till) -> None:
    """It says nothing of what it holds, and nothing of orders."""
    till.put(BAD)
    till.steps(3)
    headers = PROTOCOL | {"Authorization": till.server._client.headers["Authorization"]}
    with httpx.Client(base_url=till.settings.server, headers=headers) as http:
        reply = http.post(wire.PATH_RECEIPTS, json={"files": [digest(BAD).hex()]})
        assert msgspec.json.decode(reply.content, type=wire.ReceiptsReply).receipts[0].state == "rejected"
        till.services.synchronisation.order(["caixa1"], MARIA)
        said = {"agent_version": "0.1", "clock": "2026-11-20T10:00:00-03:00", "pending": 0, "unproven": 0}
        first = msgspec.json.decode(http.post(wire.PATH_CONTACT, json=said).content, type=wire.ContactReply)
        second = msgspec.json.decode(http.post(wire.PATH_CONTACT, json=said).content, type=wire.ContactReply)
    assert (first.resend, second.resend) == (True, False)


@pytest.mark.parametrize("holding", [["xyz"], ["00"], [1], "all"])
def test_nonsense_about_what_is_held_is_refused(till: Till, holding: object) -> None:
    headers = PROTOCOL | {"Authorization": till.server._client.headers["Authorization"]}
    with httpx.Client(base_url=till.settings.server, headers=headers) as http:
        reply = http.post(wire.PATH_RECEIPTS, json={"files": [digest(BAD).hex()], "holding": holding})
    fault_of(reply, 400, "request_invalid")


def test_a_synchronisation_is_obeyed_once(till: Till) -> None:
    till.put(BAD, build_note(number=1))
    till.steps(10)
    (order,) = till.services.synchronisation.order(["caixa1"], MARIA)
    till.steps(10)
    assert till.rescans == 1
    progress = till.services.synchronisation.progress(order.id)
    assert progress is not None
    assert progress.stage == "running"
    assert progress.picked_up_at is not None
    till.begin()
    till.steps(10)
    assert till.rescans == 1, "the agent remembers it over a restart"


def test_an_order_whose_reply_was_lost_is_heard_the_next_time(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    till.steps(3)
    (order,) = till.services.synchronisation.order(["caixa1"], MARIA)
    real = till.server.contact

    def lost(contact: wire.Contact) -> wire.ContactReply:
        real(contact)
        monkeypatch.setattr(till.server, "contact", real)
        raise ServerError("unreachable", "server_unreachable", "cut")

    monkeypatch.setattr(till.server, "contact", lost)
    till.steps(20)
    assert till.rescans == 1
    progress = till.services.synchronisation.progress(order.id)
    assert progress is not None
    assert progress.picked_up_at is not None


def test_the_same_file_sent_again_changes_nothing(till: Till) -> None:
    till.put(BAD)
    till.steps(5)
    till.services.synchronisation.order(["caixa1"], MARIA)
    till.steps(10)
    assert len(till_documents.documents_of(till.services.engine)) == 1
    assert file(BAD).sha256.hex() == till_documents.documents_of(till.services.engine)[0].file_sha256
