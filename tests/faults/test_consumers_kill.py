"""A server that delivers to a webhook is killed in the middle, again and again: everything comes, in order."""

import itertools
import os
import signal
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import update

from malote.accounts.audit import SYSTEM
from malote.app import services_for
from malote.config import ConsumersSettings, Settings
from malote.consumers.accounts import WantedConsumer
from malote.database.consumer_tables import consumer
from malote.database.engine import writing
from malote.tills.till import create_till
from tests.faces import consumer_support as support
from tests.faces.test_intake_serve import server, wait_until
from tests.faces.webhook_support import Received, receiving

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(not os.environ.get("MALOTE_SOAK"), reason="half a minute for one kill: make soak"),
]

SALES = 120
KILLED_AT = (30,)  # deliveries, in all


def test_killed_while_it_delivers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALOTE_CONSUMERS_PRIVATE_ADDRESSES", "true")
    settings = Settings(home=str(tmp_path), consumers=ConsumersSettings(private_addresses=True))
    with receiving() as receiver:
        with services_for(settings) as services:
            till, _ = create_till(services.engine, "caixa1")
            services.consumers.add(WantedConsumer("hook", "webhook", receiver.url), SYSTEM)
            support.book(services, till, [support.sale_like_the_example(number) for number in range(1, SALES + 1)])
        running: list[subprocess.Popen[str]] = []
        count = itertools.count(1)

        def answer(_: Received) -> int:
            if next(count) in KILLED_AT:
                os.kill(running[-1].pid, signal.SIGKILL)
            return 200

        receiver.answer = answer
        for _ in KILLED_AT:
            with server(tmp_path, "--no-posting") as (process, _address):
                running.append(process)
                process.wait(120)
            _let_the_lease_run_out(settings)
        with server(tmp_path, "--no-posting"):
            wait_until(lambda: len({one.id for one in receiver.received}) == SALES)
    order = [one.told["number"] for one in receiver.received]
    # The first time that each came, they came in order.
    assert list(dict.fromkeys(order)) == list(range(1, SALES + 1))
    assert SALES < len(order) <= SALES + 50 * len(KILLED_AT)
    assert len({one.id for one in receiver.received}) == len({one.body for one in receiver.received}) == SALES


def _let_the_lease_run_out(settings: Settings) -> None:
    with services_for(settings) as services, writing(services.engine) as connection:
        connection.execute(update(consumer).values(lease_until=0.0))
