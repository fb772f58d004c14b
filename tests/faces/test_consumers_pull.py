"""Consumers that pull: pages in order, one sale by its key, each with its own right."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec
import pytest

from malote import wire
from malote.api import sales
from malote.app import Services
from malote.consumers import accounts as consumers
from malote.consumers import example, log, pulling
from malote.consumers.lines import SaleTold
from malote.fiscal.documents import Cancellation, Protocol
from malote.spool import retention
from malote.spool.documents import Reason
from malote.tills.till import Till
from tests.engines.spool_support import NOON
from tests.faces import consumer_support as support
from tests.faces.intake_support import Speaker, fault_of, serving, settings_in, store_with_till


class Shop(NamedTuple):
    services: Services
    till: Till
    till_token: str
    address: str
    token: str


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A server that has booked three sales, cancelled one of them, and refused a fourth."""
    with store_with_till(settings_in(tmp_path_factory.mktemp("shop")), example.TILL) as (services, till, till_token):
        support.book(services, till, [support.EXAMPLE])
        support.book(services, till, [support.sale_like_the_example(number, "12345678909") for number in (2, 3)])
        support.book(services, till, [cancellation_of(2)])
        refused = support.sale_like_the_example(4)
        support.arrive(services, till, [refused], Reason("issuer_unknown", {"issuer": refused.issuer}))
        with serving(services) as address:
            yield Shop(services, till, till_token, address, support.pulling(services))


def cancellation_of(number: int) -> Cancellation:
    key = support.sale_like_the_example(number).access_key
    protocol = Protocol("136", 135, NOON)
    return Cancellation(key, "110111", 1, support.EXAMPLE.issuer, NOON, 1, "135", protocol, "Desistência")


def lines(reply: httpx.Response) -> list[dict[str, Any]]:
    assert reply.status_code == 200, reply.text
    assert reply.headers["Content-Type"].startswith(sales.JSON_LINES)
    return [json.loads(line) for line in reply.text.splitlines()]


def test_pages_tell_everything_once_and_in_order(shop: Shop) -> None:
    with support.client(shop.address, shop.token) as http:
        cursor, told = "", []
        while found := lines(reply := http.get(sales.PATH, params={"after": cursor, "limit": 2})):
            assert len(found) <= 2
            told += found
            cursor = reply.headers[sales.CURSOR_HEADER]
            assert cursor == found[-1]["cursor"]
        assert reply.headers[sales.CURSOR_HEADER] == cursor
        assert [(one["state"], one["kind"]) for one in told] == [
            ("booked", "sale"), ("booked", "sale"), ("booked", "sale"), ("cancelled", "cancellation"),
            ("rejected", "sale"),
        ]  # fmt: skip
        assert told[-1]["state_reason"]["code"] == "issuer_unknown"
        assert told[3]["access_key"] == told[1]["access_key"]
        # From any line on, as often as one likes.
        assert lines(http.get(sales.PATH, params={"after": told[1]["cursor"]})) == told[2:]


def test_every_line_is_as_described(shop: Shop) -> None:
    with support.client(shop.address, shop.token) as http:
        for line in http.get(sales.PATH).content.splitlines():
            told = msgspec.json.decode(line, type=SaleTold, strict=True)
            assert msgspec.json.encode(told) == line


def test_the_example_of_the_description_is_what_is_told(shop: Shop) -> None:
    with support.client(shop.address, shop.token) as http:
        described = http.get("/schema/openapi.json").json()["paths"]
        page = described[sales.PATH]["get"]["responses"]["200"]["content"][sales.JSON_LINES]
        expected = json.loads(page["examples"]["line"]["value"])
        own = ("cursor", "state_at")
        first, *_ = lines(http.get(sales.PATH, params={"limit": 1}))
        assert {**first, **{name: expected[name] for name in own}} == expected
        one = described[sales.PATH + "/{key}"]["get"]["responses"]["200"]["content"]["application/json"]
        expected = one["examples"]["sale"]["value"]
        found = http.get(f"{sales.PATH}/{expected['access_key']}").json()
        assert {**found, "state_at": expected["state_at"]} == expected
        assert set(page["schema"]["properties"]) == set(expected)


@pytest.mark.parametrize(("number", "state"), [(3, "booked"), (2, "cancelled"), (4, "rejected")])
def test_a_sale_by_its_key_as_it_stands_now(shop: Shop, number: int, state: str) -> None:
    key = support.sale_like_the_example(number).access_key
    with support.client(shop.address, shop.token) as http:
        found = http.get(f"{sales.PATH}/{key}").json()
        assert (found["kind"], found["state"], found["access_key"]) == ("sale", state, key)
        fault_of(http.get(f"{sales.PATH}/{support.sale_like_the_example(99).access_key}"), 404, "not_found")
        fault_of(http.get(f"{sales.PATH}/xyz"), 400, "request_invalid")


def test_the_consumer_of_a_sale_is_told_only_to_whom_may_know(shop: Shop) -> None:
    key = support.sale_like_the_example(3).access_key
    with support.client(shop.address, shop.token) as http:
        assert "12345678909" not in http.get(sales.PATH).text + http.get(f"{sales.PATH}/{key}").text
    with support.client(shop.address, support.pulling(shop.services, "crm", personal=True)) as http:
        assert http.get(sales.PATH).text.count("12345678909") == 2
        assert http.get(f"{sales.PATH}/{key}").json()["consumer"] == "12345678909"


def test_each_token_opens_its_own_doors_only(shop: Shop) -> None:
    with support.client(shop.address, shop.till_token) as http:
        fault_of(http.get(sales.PATH), 401, "token_invalid")
        fault_of(http.get(f"{sales.PATH}/xyz"), 401, "token_invalid")
    with support.client(shop.address, shop.token) as http:
        for path in ("/v1/status", wire.PATH_DOCUMENTS + "/00"):
            fault_of(http.get(path), 401, "token_invalid")
        fault_of(http.post(wire.PATH_DOCUMENTS, content=b"<x/>"), 401, "token_invalid")
    for wrong in ("c1.", "c1.x", shop.token[1:], "c" + "9" * 30 + ".x", shop.token[:-1]):
        with support.client(shop.address, wrong) as http:
            assert http.get(sales.PATH).status_code in (401, 429)


def test_a_revoked_consumer_and_an_old_token_get_nothing(shop: Shop) -> None:
    token = support.pulling(shop.services, "passing")
    with support.client(shop.address, token) as http:
        assert lines(http.get(sales.PATH))
        _, new = consumers.renew(shop.services.engine, "Passing")
        fault_of(http.get(sales.PATH), 401, "token_invalid")
    with support.client(shop.address, new) as http:
        assert lines(http.get(sales.PATH))
        consumers.revoke(shop.services.engine, "passing")
        fault_of(http.get(sales.PATH), 401, "token_invalid")


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("after=1-00000000", 409, "cursor_foreign"),
        ("after=999999999-00000000", 409, "cursor_foreign"),
        ("after=7", 400, "cursor_invalid"),
        ("after=%00", 400, "request_invalid"),
        ("after=" + "1" * 5000, 400, "request_invalid"),
        ("limit=0", 400, "request_invalid"),
        ("limit=-1", 400, "request_invalid"),
        ("limit=many", 400, "request_invalid"),
    ],
)
def test_what_is_no_question_gets_a_clear_answer(shop: Shop, query: str, status: int, code: str) -> None:
    with support.client(shop.address, shop.token) as http:
        fault_of(http.get(f"{sales.PATH}?{query}"), status, code)


def test_pages_are_bounded_in_lines_and_bytes(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    with support.client(shop.address, shop.token) as http:
        monkeypatch.setattr(pulling, "MOST_LINES", 3)
        assert len(lines(http.get(sales.PATH, params={"limit": 10**9}))) == 3
        # One line is always told, however large.
        monkeypatch.setattr(pulling, "LARGEST_PAGE", 10)
        assert len(lines(http.get(sales.PATH))) == 1


def test_it_is_noted_what_each_got(shop: Shop) -> None:
    with support.client(shop.address, support.pulling(shop.services, "noted")) as http:
        told = lines(http.get(sales.PATH, params={"limit": 2}))
        assert consumers.find(shop.services.engine, "noted").got == 0  # it may have been lost on the way
        http.get(sales.PATH, params={"after": told[-1]["cursor"], "limit": 1})
    found = consumers.find(shop.services.engine, "noted")
    assert found.got == 2
    assert [(one.what, one.first, one.last, one.count) for one in log.entries(shop.services.engine, found.id)] == [
        ("pulled", 1, 3, 3)
    ]


def test_what_left_the_server_is_told_by_what_identifies_it(tmp_path: Path) -> None:
    with store_with_till(settings_in(tmp_path / "home")) as (services, till, _):
        support.book(services, till, [support.EXAMPLE])
        assert retention.prune(services.engine, before=10**11, now=services.spool.clock()) == 1
        page = services.consumers.pull(consumers.find(services.engine, added(services)), "", 10)
        told = msgspec.json.decode(page.body, type=SaleTold)
    assert not told.complete
    assert (told.access_key, told.total, told.items, told.number) == (support.EXAMPLE.access_key, "12.98", [], 4711)


def added(services: Services) -> str:
    support.pulling(services)
    return "bi"


def test_tills_are_served_while_consumers_queue(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    inside, go_on, page = threading.Semaphore(0), threading.Event(), pulling.page

    def slowly(*asked: Any) -> pulling.Page:
        inside.release()
        assert go_on.wait(60)
        return page(*asked)

    monkeypatch.setattr(pulling, "page", slowly)
    tokens = [support.pulling(shop.services, f"slow{index}") for index in range(6)]
    with ThreadPoolExecutor(len(tokens)) as pool:
        asked = [pool.submit(ask, shop.address, token) for token in tokens]
        for _ in range(sales.PULLED_AT_ONCE):
            assert inside.acquire(timeout=60)
        with Speaker(shop.address, shop.till_token) as till:
            for _ in range(10):
                assert till.http.get("/v1/status").status_code == 200
        assert not inside.acquire(blocking=False)  # no third one is let in
        go_on.set()
        assert {one.result() for one in asked} == {200}


def ask(address: str, token: str) -> int:
    with support.client(address, token) as http:
        return http.get(sales.PATH).status_code


def test_the_description_is_for_people_too(shop: Shop) -> None:
    for token in (shop.token, shop.till_token):
        with support.client(shop.address, token) as http:
            page = http.get("/schema")
            assert page.status_code == 200
            assert page.headers["Content-Type"].startswith("text/html")
            assert "default-src 'none'" in page.headers["Content-Security-Policy"]
            assert "GET /v1/sales/{key}" in page.text
            assert "http://" not in page.text.replace(shop.address, "")
            assert "https://" not in page.text
    with httpx.Client(base_url=shop.address) as browser:
        asked = browser.get("/schema")
        assert asked.status_code == 401
        assert asked.headers["WWW-Authenticate"].startswith("Basic")
        assert browser.get("/schema", auth=("any", shop.token)).status_code == 200
        assert browser.get("/schema", auth=("any", "wrong")).status_code == 401
        # Nowhere else is a password taken.
        assert browser.get(sales.PATH, auth=("any", shop.token)).status_code == 401
