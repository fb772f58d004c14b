"""An order at a till whose agent is killed: it goes on with what it had taken, without the server."""

import hashlib
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from malote import wire
from malote.till.outbox import Outbox
from tests.counting_at_the_till import counted
from tests.faults.orders_child import orders_over
from tests.unit.structures_till_support import KEY

pytestmark = pytest.mark.processes
ROOT = Path(__file__).parents[2]


def _order(number: int, payload: str) -> wire.Order:
    order = wire.Order("count", number, hashlib.sha256(payload.encode()).hexdigest(), "", payload=payload)
    return msgspec.structs.replace(order, signature=KEY.sign(wire.order_statement(3, order)))


def test_killed_again_and_again_it_comes_to_its_end_once(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite3"
    with Outbox(path) as outbox:
        reply = wire.ContactReply("9", datetime.now(UTC), "caixa1", 0.0, server_key=KEY.public)
        assert orders_over(outbox).heed(msgspec.structs.replace(reply, orders=[_order(5, "100")]))
    # More often than an order may break off that gets no further.
    for steps in (7, 1, 20, 9):
        child = subprocess.run(
            [sys.executable, "-m", "tests.faults.orders_child", path, str(steps)], cwd=ROOT, check=False
        )
        assert child.returncode != 0
    with Outbox(path) as outbox:
        assert counted(outbox) == list(range(1, 38))
        orders = orders_over(outbox)
        while orders.busy:
            orders.step()
        assert counted(outbox) == list(range(1, 101))
        (said,) = orders.said()
        assert (said.number, said.state, said.done, said.total) == (5, "done", 100, 100)
        assert orders.heed(msgspec.structs.replace(reply, orders=[_order(4, "1000")]))
        assert [one.code for one in orders.said()] == ["", "order_old"]
        assert not orders.busy
