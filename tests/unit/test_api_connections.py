"""Who gets a connection where there are few, and who goes."""

import socket

import pytest
from structlog.testing import capture_logs

from malote.api.arrivals import ArrivalGate, Arrivals
from malote.api.connections import ConnectionLimits, HttpConnections
from malote.api.listening import limits_for
from malote.api.log_throttle import Seldom
from malote.config import ServerSettings


class Line:
    def __init__(self, connections: HttpConnections) -> None:
        self._connections = connections
        self.turned_away = False

    def turn_away(self) -> None:
        self.turned_away = True
        self._connections.leave(self)


class Door:
    """Connections that come from addresses."""

    def __init__(self, most: int, per_address: int, for_tills: int = 0, proxy: str = "") -> None:
        self.connections = HttpConnections(
            ConnectionLimits(most, per_address, for_tills), is_proxy=lambda address: address == proxy
        )

    def come(self, address: str, *, served: bool = False) -> Line | None:
        line = Line(self.connections)
        if not self.connections.enter(line, address):
            return None
        if served:
            self.connections.is_served(line)
        return line


def test_the_longest_waiting_makes_room() -> None:
    door = Door(most=3, per_address=3)
    first, second, third = door.come("a"), door.come("a"), door.come("a")
    assert first
    assert second
    assert third
    assert door.come("b")
    assert (first.turned_away, second.turned_away, third.turned_away) == (True, False, False)
    assert len(door.connections) == 3


def test_one_that_floods_pushes_out_its_own() -> None:
    door = Door(most=10, per_address=100)
    good = door.come("good")
    assert good
    for _ in range(50):
        assert door.come("bad")
    assert not good.turned_away
    assert door.connections.turned_away == 41


def test_an_address_has_its_own_limit_and_a_proxy_none() -> None:
    door = Door(most=100, per_address=2, proxy="proxy")
    lines = [door.come("a") for _ in range(5)]
    assert [line.turned_away for line in lines if line] == [True, True, True, False, False]
    assert not any(line.turned_away for line in [door.come("proxy") for _ in range(5)] if line)


def test_nobody_who_is_served_is_pushed_out() -> None:
    door = Door(most=2, per_address=2)
    assert door.come("a", served=True)
    second = door.come("a", served=True)
    assert second
    assert door.come("b") is None
    assert door.come("a") is None
    assert not second.turned_away
    door.connections.leave(second)
    assert door.come("b")


def test_the_last_places_are_for_addresses_of_tills() -> None:
    door = Door(most=4, per_address=4, for_tills=2)
    assert door.come("stranger", served=True)
    assert door.come("stranger", served=True)
    assert door.come("stranger") is None
    assert door.come("till") is None
    door.connections.is_a_tills("till")
    assert door.come("till", served=True)
    assert door.come("till", served=True)
    assert door.come("till") is None


def test_waiting_counts_from_when_it_began() -> None:
    door = Door(most=2, per_address=2)
    first, second = door.come("a", served=True), door.come("a")
    assert first
    assert second
    door.connections.waits(first)
    assert door.come("b")
    assert (first.turned_away, second.turned_away) == (False, True)


def test_those_turned_away_are_listened_to_in_small_numbers_only() -> None:
    connections = HttpConnections(ConnectionLimits(1, 1, 0, lingering=2))
    lines = [Line(connections) for _ in range(3)]
    assert [connections.may_linger(line) for line in lines] == [True, True, False]
    connections.leave(lines[0])
    assert connections.may_linger(lines[2])


def test_files_are_kept_back_for_the_databases() -> None:
    settings = ServerSettings()
    for descriptors in (64, 256, 1024, 65_536):
        limits, at_once = limits_for(settings, descriptors)
        assert at_once > 0
        assert limits.most + 3 * at_once + limits.lingering < descriptors
        assert limits.for_tills <= limits.most // 4
    assert limits_for(settings, None)[0].most == settings.connections


# ---- how often somebody may come ----


def test_an_address_that_comes_too_often_waits_and_the_others_dont() -> None:
    now = [0.0]
    arrivals = Arrivals(10, at_once=20, is_proxy=lambda address: address == "proxy", clock=lambda: now[0])
    assert sum(arrivals.admits("bad") for _ in range(1000)) == 20
    assert arrivals.admits("good")
    assert all(arrivals.admits("proxy") for _ in range(1000))
    now[0] = 1.05
    assert sum(arrivals.admits("bad") for _ in range(1000)) == 10
    now[0] = 1000.0
    assert sum(arrivals.admits("bad") for _ in range(1000)) == 20


def test_whoever_is_refused_at_the_gate_hears_so() -> None:
    with ArrivalGate(socket.create_server(("127.0.0.1", 0)), Arrivals(0.001, at_once=1), b"HTTP/1.1 503 busy") as gate:
        first, second = (socket.create_connection(gate.getsockname(), timeout=30) for _ in range(2))
        with first, second:
            gate.accept()[0].close()
            gate.setblocking(False)
            with pytest.raises(BlockingIOError):
                gate.accept()
            assert second.recv(100) == b"HTTP/1.1 503 busy"


def test_an_address_has_one_line_a_minute_with_a_count() -> None:
    now = [0.0]
    seldom = Seldom("refused", lambda: now[0])
    with capture_logs() as lines:
        for _ in range(1000):
            seldom.tell("bad", status=503)
        seldom.tell("other", status=503)
        seldom.catch_up()
        now[0] = 61.0
        seldom.catch_up()
        seldom.tell("bad", status=503)
        now[0] = 122.0
        seldom.catch_up()
        now[0] = 1000.0
        seldom.catch_up()
        seldom.tell("bad", status=503)
    told = [(line["address"], line.get("more", 0)) for line in lines]
    assert told == [("bad", 0), ("other", 0), ("bad", 999), ("bad", 1), ("bad", 0)]
