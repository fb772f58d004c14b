"""``malote books send``: a period to a folder or a webhook, whole however often it is stopped."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from sqlalchemy import Engine, select, update
from typer.testing import CliRunner

from malote.app import Services, services_for
from malote.cli.main import assemble
from malote.config import load
from malote.consumers import sending
from malote.consumers.lines import SaleTold
from malote.database.engine import writing
from malote.database.tables import pouch as pouches
from malote.fiscal.documents import Cancellation, Document, Protocol, Sale
from malote.spool import retention
from malote.spool.extracted import Extracted, packed
from malote.tills.till import create_till
from tests.engines.spool_support import NOON, drop_pouch
from tests.faces import consumer_support as support
from tests.faces.webhook_support import Receiver, receiving


class Store(NamedTuple):
    home: Path

    def run(self, *words: str, status: int = 0) -> Any:
        options = [*words, "--config", str(self.home / "malote.toml"), "--json"]
        result = CliRunner().invoke(assemble(words[0]), options)
        assert result.exit_code == status, result.output
        return json.loads(result.stdout) if status < 2 else result.output

    def send(self, to: str, *words: str, status: int = 0) -> Any:
        return self.run(
            "books", "send", "--to", to, "--from", "2026-11-20", "--until", "2026-11-21", *words, status=status
        )

    def lines(self, day: str, till: str) -> list[SaleTold]:
        text = (self.home / "out" / "linhas" / day / f"{till}.jsonl").read_bytes()
        return [msgspec.json.decode(line, type=SaleTold, strict=True) for line in text.splitlines()]


def sale(number: int, day: int) -> Sale:
    one = support.sale_like_the_example(number, "12345678909")
    return msgspec.structs.replace(one, issued_at=one.issued_at + timedelta(days=day - 20))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two tills; sales of the 19th to the 22nd, one of them cancelled two days later."""
    (tmp_path / "malote.toml").write_text('language = "en"\n[consumers]\nprivate_addresses = true\n', encoding="utf-8")
    with services_for(load(tmp_path / "malote.toml", {})) as services:
        one, two = (create_till(services.engine, name)[0] for name in ("caixa1", "caixa2"))
        support.book(services, one, [sale(number, day) for number, day in enumerate((19, 20, 20, 21, 22), 1)])
        support.book(services, two, [sale(11, 20)])
        protocol = Protocol("136", 135, NOON)
        key = sale(2, 20).access_key
        support.book(services, one, [Cancellation(key, "110111", 1, "", NOON, 1, "135", protocol, "Desistência")])
        support.refuse(services, one, [sale(6, 20)])
    return Store(tmp_path)


def test_a_period_to_a_folder(store: Store) -> None:
    store.run("consumers", "add", "disk", "--folder", str(store.home / "out"), "--personal")
    planned = store.send("disk", "--dry-run")
    assert (planned["found"], planned["total"], planned["sent"]) == (5, 4 * 1298, 0)
    assert not (store.home / "out").exists()
    assert "sales_sent_again" not in str(store.run("audit", "list")), "nothing was sent"
    assert store.send("disk")["sent"] == 5
    (entry,) = (one for one in store.run("audit", "list") if one["action"] == "sales_sent_again")
    assert (entry["object"], entry["after"]["since"], entry["after"]["till"]) == ("consumer:disk", "2026-11-20", "")
    told = store.lines("2026-11-20", "caixa1")
    assert [(one.number, one.state) for one in told] == [(2, "cancelled"), (3, "booked"), (None, "cancelled")]
    assert [one.number for one in store.lines("2026-11-20", "caixa2")] == [11]
    assert told[0].consumer == "12345678909"
    assert [one.number for one in store.lines("2026-11-21", "caixa1")] == [4]
    assert sorted(path.name for path in (store.home / "out" / "linhas").iterdir()) == ["2026-11-20", "2026-11-21"]
    files = sorted(path.name for path in (store.home / "out" / "xml" / "2026-11-20" / "caixa1").iterdir())
    assert files[0].startswith(sale(2, 20).access_key)
    assert len(files) == 3
    (entry,) = store.run("consumers", "log", "disk")
    assert (entry["what"], entry["count"]) == ("sent_again", 5)
    assert entry["detail"] == {"from": "2026-11-20", "until": "2026-11-21"}


def test_without_the_right_nothing_personal_is_written(store: Store) -> None:
    store.run("consumers", "add", "disk", "--folder", str(store.home / "out"))
    store.send("disk", "--till", "caixa2")
    assert [one.consumer for one in store.lines("2026-11-20", "caixa2")] == [""]
    assert not (store.home / "out" / "xml").exists()
    assert not (store.home / "out" / "linhas" / "2026-11-20" / "caixa1.jsonl").exists()


def test_killed_in_the_middle_it_goes_on(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.run("consumers", "add", "disk", "--folder", str(store.home / "out"), "--personal")
    with monkeypatch.context() as patched:

        def die(*_: Any) -> None:
            raise KeyboardInterrupt

        patched.setattr(sending, "_advance", die)  # written, and not noted
        result = CliRunner().invoke(
            assemble("books"),
            ["books", "send", "--to", "disk", "--from", "2026-11-20", "--until", "2026-11-21",
             "--config", str(store.home / "malote.toml")],
        )  # fmt: skip
        assert result.exit_code != 0
    assert not list((store.home / "out").rglob("*.tmp"))
    assert store.send("disk") | {"total": 0} == {
        "consumer": "disk", "found": 5, "total": 0, "pruned": 0, "sent_before": 0, "sent": 5,
        "damaged": [], "damaged_before": 0,
    }  # fmt: skip
    assert len(store.lines("2026-11-20", "caixa1")) == 3


def test_a_webhook_that_stops_gets_the_rest_later(store: Store) -> None:
    with receiving() as receiver:
        store.run("consumers", "add", "hook", "--webhook", receiver.url)
        _damage(store)
        receiver.answer = lambda one: 200 if len(receiver.received) < 3 else 503
        assert "webhook_refused" in store.send("hook", status=3)
        receiver.answer = lambda _: 200
        again = store.send("hook", status=1)
        assert (again["sent_before"], again["sent"]) == (2, 3)
        assert (again["damaged_before"], len(again["damaged"])) == (1, 1)
        assert _numbers(receiver) == [2, 3, None, None, 11, 4]  # the third was asked twice, under one id
        assert len(set(receiver.ids)) == 5
        # Ordered anew, it is another sending: who keeps ids would else take nothing.
        anew = store.send("hook", status=1)
        assert (anew["sent"], anew["damaged_before"], len(anew["damaged"])) == (5, 0, 2)
        assert len(set(receiver.ids)) == 10


def _numbers(receiver: Receiver) -> list[int | None]:
    return [one.told["number"] for one in receiver.received]


def test_what_left_the_server_is_told(store: Store) -> None:
    store.run("consumers", "add", "disk", "--folder", str(store.home / "out"), "--personal")
    _prune(store)
    sent = store.send("disk", status=1)
    assert sent["pruned"] == sent["found"] == 5
    assert not any(one.complete for one in store.lines("2026-11-20", "caixa1"))


def _damage(store: Store) -> None:
    """Sale 3 reads as another amount than the one that came, caixa2's file is another, the cancellation's is gone."""
    with services_for(load(store.home / "malote.toml", {})) as services:
        _damage_in(services.engine)


def _damage_in(engine: Engine) -> None:
    with writing(engine) as connection:
        held = {row.id: row for row in connection.execute(select(pouches).order_by(pouches.c.id))}
        first, second, third, *_ = held
        opened = Extracted(held[first].extracted)
        forms: list[Document | None] = [opened.document(place) for place in range(5)]
        for place, one in enumerate(forms):
            if isinstance(one, Sale) and one.number == 3:
                forms[place] = msgspec.structs.replace(one, totals=msgspec.structs.replace(one.totals, total=1))
        connection.execute(update(pouches).where(pouches.c.id == first).values(extracted=packed(forms).blob))
        connection.execute(update(pouches).where(pouches.c.id == second).values(body=b"another"))
    drop_pouch(engine, third)


def test_what_is_damaged_here_is_left_out_by_name(store: Store) -> None:
    store.run("consumers", "add", "disk", "--folder", str(store.home / "out"), "--personal")
    _damage(store)
    sent = store.send("disk", status=1)
    changed, cancelled, other = sent["damaged"]
    assert [(one["till"], one["number"], one["total"], one["what"]) for one in (changed, other)] == [
        ("caixa1", 3, 1298, ["line"]),
        ("caixa2", 11, 1298, ["file"]),
    ]
    assert (cancelled["access_key"], cancelled["what"]) == (sale(2, 20).access_key, ["line", "file"])
    assert changed["access_key"] == sale(3, 20).access_key
    told = {(one.kind, one.number): one.complete for one in store.lines("2026-11-20", "caixa1")}
    assert told == {("sale", 2): True, ("sale", 3): False, ("cancellation", None): False}
    (named,) = (one for one in store.lines("2026-11-20", "caixa1") if one.number == 3)
    assert (named.access_key, named.totals) == (sale(3, 20).access_key, None), "nothing that the damaged form says"
    assert not list((store.home / "out" / "xml" / "2026-11-20" / "caixa2").iterdir())
    said = store.run("consumers", "log", "disk")
    assert [(one["what"], one["count"]) for one in said] == [("sent_again", 5), ("left_out", 1), ("left_out", 2)]
    assert sale(3, 20).access_key in said[2]["detail"]["documents"]
    assert "12.98" in said[2]["detail"]["documents"]


def test_on_the_screen_each_stands_with_number_and_value(store: Store) -> None:
    with receiving() as receiver:
        store.run("consumers", "add", "hook", "--webhook", receiver.url)
        _damage(store)
        options = ["--to", "hook", "--from", "2026-11-20", "--until", "2026-11-21"]
        result = CliRunner().invoke(
            assemble("books"), ["books", "send", *options, "--config", str(store.home / "malote.toml")]
        )
        assert result.exit_code == 1
        key = sale(3, 20).access_key
        assert f"caixa1 · 2026-11-20 · 1/3 · {key} · R$ 12.98 · line not complete" in result.stdout
        assert "2: damaged here" in result.stdout
        assert [one.told["complete"] for one in receiver.received] == [True, False, False, True, True]
        assert [one["what"] for one in store.run("consumers", "log", "hook")][:2] == ["sent_again", "left_out"]


def test_a_day_s_export_names_what_is_not_in_it(store: Store) -> None:
    _damage(store)
    key = sale(11, 20).access_key
    told = store.run("books", "export", "2026-11-20", str(store.home / "day.zip"), status=1)
    (damaged,) = told["damaged"]
    assert (damaged["till"], damaged["access_key"], damaged["number"], damaged["total"]) == ("caixa2", key, 11, 1298)
    assert told["pruned"] == []
    _prune(store)
    options = [
        "books",
        "export",
        "2026-11-20",
        str(store.home / "again.zip"),
        "--config",
        str(store.home / "malote.toml"),
    ]
    said = CliRunner().invoke(assemble("books"), options)
    assert said.exit_code == 1
    assert "3: without the file, which left the server, R$ 38.94 [content_pruned]" in said.stdout
    assert f"caixa2 · 1/11 · {key} · R$ 12.98" in said.stdout


def _prune(store: Store) -> None:
    with services_for(load(store.home / "malote.toml", {})) as services:
        assert isinstance(services, Services)
        assert retention.prune(services.engine, 10**11, now=services.spool.clock()) > 0


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--to", "erp"), 2, "malote books rebook"),
        (("--to", "nobody"), 3, "consumer_unknown"),
        (("--to", "bi"), 3, "consumer_not_sent_to"),
        (("--to", "bi", "--till", "none"), 3, "till_unknown"),
        (("--to", "bi", "--from", "31/02/2026"), 2, "YYYY-MM-DD"),
    ],
)
def test_what_it_can_t_do_is_said(store: Store, words: tuple[str, ...], status: int, said: str) -> None:
    store.run("consumers", "add", "bi")
    given = ["--from", "2026-11-20", "--until", "2026-11-20", *words]
    assert said in store.run("books", "send", *given, status=status)
