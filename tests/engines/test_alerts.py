"""Alerts over a store database: told once whatever is restarted, bounded whatever hangs, no address kept anywhere."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine, select

from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.alerts.alert_service import Alerts
from malote.alerts.targets import AlertTarget, Sender, TargetsError, targets_of
from malote.config import AlertsSettings, Settings
from malote.database.alert_tables import alert_notice, alert_state
from malote.database.engine import reading
from tests.engines.findings_support import NOW, add_till

pytest_plugins = ("tests.engines.spool_fixtures",)

SECRET = "s3cr3t-t0k3n"
MARIA = Actor("maria", "")


class Post:
    """Takes messages, or refuses or hangs as a test says."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str, str]] = []
        self.works = True

    def __call__(self, target: AlertTarget, title: str, body: str) -> bool:
        if self.works:
            self.taken.append((target.kind, title, body))
        return self.works


class Office:
    def __init__(self, engine: Engine, home: Path, post: Post, **chosen: object) -> None:
        alerts = {"targets": f"json://boss:{SECRET}@127.0.0.1:9/", "grace_minutes": 0.0, **chosen}
        self.settings = msgspec.convert({"home": str(home), "language": "en", "alerts": alerts}, Settings)
        self.engine, self.post, self.now = engine, post, NOW
        self.restart()

    def restart(self) -> None:
        self.alerts = Alerts(self.engine, self.settings, lambda: self.now, Sender(5.0, self.post))


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def office(spool_engine: Engine, tmp_path: Path, post: Post) -> Office:
    add_till(spool_engine, "caixa1", {("rejected", "items_sum"): 2})
    add_till(spool_engine, "caixa2", {("rejected", "items_sum"): 1})
    return Office(spool_engine, tmp_path, post)


def test_a_cause_is_told_once_and_a_restart_repeats_nothing(office: Office, post: Post) -> None:
    assert office.alerts.step() == 1
    ((kind, title, body),) = post.taken
    assert kind == "json"
    assert title.startswith("Malote · Loja: ")
    assert "[items_sum]" in body
    assert "Tills: caixa1, caixa2" in body
    office.restart()
    office.now += 60
    assert office.alerts.step() == 0
    assert [(one.code, one.count, one.sent_at is not None) for one in office.alerts.told()] == [("items_sum", 3, True)]


def test_what_was_decided_and_not_sent_is_sent_after_a_restart(office: Office, post: Post) -> None:
    post.works = False
    assert office.alerts.step() == 0
    office.restart()
    post.works = True
    office.now += 10
    assert office.alerts.step() == 0, "not before its time"
    office.now += 60
    assert office.alerts.step() == 1
    assert len(post.taken) == 1


def test_a_target_that_hangs_is_cut_off_and_not_asked_again_while_it_hangs() -> None:
    released, tried = threading.Event(), []

    def hang(target: AlertTarget, title: str, body: str) -> bool:
        tried.append(title)
        return released.wait(60)

    sender = Sender(0.05, hang)
    target = AlertTarget("a", "json", 0.0, "json://x")
    assert sender(target, "one", "") is False
    assert sender(target, "two", "") is False
    assert tried == ["one"]
    released.set()


def test_no_address_is_kept_printed_or_logged(
    office: Office, capsys: pytest.CaptureFixture[str], spool_engine: Engine
) -> None:
    def fail(target: AlertTarget, title: str, body: str) -> bool:
        raise ValueError(target.address)

    office.alerts = Alerts(spool_engine, office.settings, lambda: NOW, Sender(5.0, fail))
    office.alerts.step()
    office.alerts.test(MARIA)
    said = capsys.readouterr()
    with reading(spool_engine) as connection:
        kept = repr([connection.execute(select(table)).all() for table in (alert_notice, alert_state)])
    for text in (said.out, said.err, kept, repr(office.settings), repr(office.alerts.targets())):
        assert SECRET not in text


def test_the_targets_come_from_a_file_too_each_with_its_step(tmp_path: Path) -> None:
    (tmp_path / "quem.txt").write_text("# the team\njson://a\n+30 tgram://token/chat\n", encoding="utf-8")
    chosen = AlertsSettings(targets="+5 json://b; ", targets_file="quem.txt")
    assert [(one.kind, one.after) for one in targets_of(chosen, tmp_path)] == [
        ("json", 0.0),
        ("json", 300.0),
        ("tgram", 1800.0),
    ]
    with pytest.raises(TargetsError) as caught:
        targets_of(AlertsSettings(targets=f"json {SECRET}"), tmp_path)
    assert SECRET not in str(caught.value)


def test_a_silence_stands_in_the_trail_and_is_kept(office: Office, post: Post, spool_engine: Engine) -> None:
    until = office.alerts.silence("items_sum", 2.0, MARIA, reason="known since Monday")
    assert until == NOW + 7200
    assert audit.entries(spool_engine, limit=1)[0].action == "alert_silenced"
    assert office.alerts.step() == 0
    office.now += 7201
    assert office.alerts.step() == 1


@pytest.fixture
def webhook() -> Iterator[tuple[str, list[bytes]]]:
    taken: list[bytes] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"json://127.0.0.1:{server.server_port}/", taken
    server.shutdown()
    server.server_close()


def test_a_message_arrives_at_a_real_webhook(
    spool_engine: Engine, tmp_path: Path, webhook: tuple[str, list[bytes]]
) -> None:
    pytest.importorskip("apprise")
    if spool_engine.dialect.name != "sqlite":
        pytest.skip("the way of a message doesn't depend on the store database")
    address, taken = webhook
    settings = msgspec.convert({"home": str(tmp_path), "alerts": {"targets": address}}, Settings)
    assert [done for _, done in Alerts(spool_engine, settings).test(MARIA)] == [True]
    assert audit.entries(spool_engine, limit=1)[0].action == "alerts_tested"
    (said,) = taken
    assert msgspec.json.decode(said)["title"] == "Malote · Loja: teste"
