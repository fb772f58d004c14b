"""Every route, and requests that nobody means: never a fault of the program, never a hint to strangers."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from itertools import cycle
from pathlib import Path

import pytest
from litestar import Litestar

from malote.accounts.roles import Role, permissions
from malote.api.application import create_app
from malote.app import Services
from malote.app_console import console_services
from malote.console.router import console
from malote.tills.till import create_till
from tests import ready_stores
from tests.engines.postgres_support import discard_postgresql
from tests.faces.console_support import csrf_of, send, signed_in, store
from tests.faces.edge_support import Place, Raw, filled, places
from tests.unit.fiscal.notes import build_note

PLAIN = {"str": ["caixa1"], "int": ["1"], "path": ["console.js"]}
ODD = {
    "str": [
        "nobody",
        "%00",
        "a%00b",
        "%FF%FE",
        "%C3%A9",
        "%F0%9F%9B%92",
        "..",
        "..%2f..%2f",
        "%25",
        "a" * 5000,
        "%20",
        "'",
    ],
    "int": ["2", "0", "-1", "9223372036854775807", "9223372036854775808", "9" * 40, "9" * 5000, "1e3", "%D9%A1", "x"],
    "path": ["x", "%00", "..%2f..%2fetc", "%FF", "vendor", "a" * 5000, "console.js%00"],
}
HEADERS: list[tuple[bytes, bytes]] = [
    (b"hx-request", b"true"),
    (b"hx-request", b"\xff"),
    (b"accept", b"text/event-stream"),
    (b"accept", b"\xff/\xff;q=x, */*;q=nan"),
    (b"accept-language", b"pt;q=nan, en;q=inf, de;q=-1"),
    (b"accept-language", b";;;,,,=,q=" + b"x" * 3000),
    (b"accept-encoding", b"gzip;q=x, \xff"),
    (b"content-type", b"application/x-www-form-urlencoded; charset=none-such"),
    (b"content-type", b"multipart/form-data"),
    (b"content-type", b'multipart/form-data; boundary="'),
    (b"content-type", b"text/html; charset=utf-16"),
    (b"content-type", b"application/json; charset=\xff"),
    (b"content-type", b";;;="),
    (b"origin", b"http://[::1"),
    (b"origin", b"null"),
    (b"origin", b"\xff"),
    (b"host", b""),
    (b"host", b"[::1"),
    (b"host", b"a b\xff"),
    (b"referer", b"http://[/\xff"),
    (b"range", b"bytes=x-"),
    (b"if-none-match", b"\xff"),
    (b"x-forwarded-for", b"\xff, [::1, 1.2.3"),
    (b"x-forwarded-proto", b"gopher"),
    (b"x-csrf-token", b"\xff\xfe"),
    (b"malote-protocol", b"-1"),
    (b"malote-protocol", b"9" * 5000),
    (b"malote-protocol", b"\xb2"),
    (b"malote-pouch-sha256", b"\xff"),
    (b"malote-refresh", b"\xff"),
    (b"authorization", b"Bearer"),
    (b"authorization", b"Bearer \xff.\x00"),
    (b"authorization", b"Bearer " + b"." * 5000),
    (b"content-length", b"9999999999999999999999"),
]
ENDING = {b"host", b"content-length"}
Headers = dict[bytes, bytes]
COOKIES = [
    b"malote_theme=\xff; malote_language=\xff; malote_form=\xff",
    b"malote_session=\xff; =; ;;; a",
    b'malote_session="; malote_theme="light',
    b"malote_language=pt%00; malote_theme[]=1; malote_session=" + b"x" * 5000,
    b"$Version=1; $Path=/",
]
QUERIES = [
    b"page=99999999999999999999&before=99999999999999999999&number=99999999999999999999",
    b"page=-1&before=-1&size=0&search=&sort=%00&light=%FF&descending=2&show=%00&any=%00",
    b"search=%00&search=%FF%FE&code=%00&on=%00&user=%00&action=%00&till=%00&name=%00&next=%00",
    b"search=%25%5F%5C'%22%3B--&code=x'y&on=till:'&user=%F0%9F%9B%92&name=%2E%2E%2F",
    b"since=9999-12-31&until=0001-01-01&issuer=%00&model=x&series=-1",
    b"since=2026-02-30&until=x&issuer=12345678000195&model=65&series=99999999999999999999",
    b"next=http%3A%2F%2F%5B%3A%3A1&till=" + b"a" * 5000,
    b"&&&===&%&%zz&=&a&" + b"a=1&" * 2000,
    b"\xff\xfe=\xff",
]
BODIES = [
    (b"", b""),
    (b"application/x-www-form-urlencoded", b"\xff\xfe=%00&&&=&selected=%00&till=%FF&reason=%00&user=%00&password=%00"),
    (
        b"application/x-www-form-urlencoded",
        b"selected=-1&selected=x&selected=99999999999999999999&everything=1&code=%00",
    ),
    (b"application/x-www-form-urlencoded", b"name=%00&role=x&display_name=" + b"%F0%9F%9B%92" * 500 + b"&rollout=9e9"),
    (b"application/x-www-form-urlencoded", b"page=9999999999999999999&light=x&sort=x&tab=%00&back=http://[&next=//["),
    (b"application/x-www-form-urlencoded; charset=utf-16", b"a=1"),
    (b"application/x-www-form-urlencoded", b"a=1&" * 2000),
    (b"application/x-www-form-urlencoded", b"a" * 100_000),
    (b"multipart/form-data; boundary=x", b"--x\r\n\r\n--x--"),
    (b"application/json", b"[" * 50_000),
    (b"application/json", b'{"files": ["\\u0000", 1]}'),
    (
        b"application/json",
        b'{"agent_version": "\\ud800", "clock": "0001-01-01T00:00:00-23:59", "pending": 0, "unproven": 0}',
    ),
    (b"application/octet-stream", b"\x28\xb5\x2f\xfd" + b"\xff" * 100),
]


@pytest.fixture(params=["sqlite", "postgresql"])
def services(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Services]:
    url = ready_stores.postgresql_url() if request.param == "postgresql" else ""
    try:
        with store(tmp_path, url) as opened:
            sender = create_till(opened.engine, "caixa1")[0]
            send(opened, sender, build_note(), b"<broken")
            yield opened
    finally:
        if url:
            discard_postgresql(url)


def whole(services: Services) -> Litestar:
    """Its live pages end at once."""
    return create_app(services, pages=[console(console_services(services), stopping=lambda: True)])


def faults(app: Litestar, requests: Iterable[Raw], expected: set[int] | None = None) -> list[tuple[int, Raw]]:
    """Those that were not answered as expected: by default, those that made the program fail."""

    async def walk() -> list[tuple[int, Raw]]:
        found = [(await request.status(app), request) for request in requests]
        return [
            (status, one) for status, one in found if (status >= 500 if expected is None else status not in expected)
        ]

    return asyncio.run(walk())


@pytest.mark.parametrize("family", ["paths", "queries", "bodies"])
def test_no_input_is_odd_enough_to_be_the_programs_fault(services: Services, family: str) -> None:
    assert_no_fault(services, {"paths": odd_paths, "queries": odd_queries, "bodies": odd_bodies}[family])


@pytest.mark.parametrize("family", ["headers", "cookies"])
def test_no_browser_is_odd_enough_to_be_the_programs_fault(tmp_path: Path, family: str) -> None:
    with store(tmp_path) as services:
        send(services, create_till(services.engine, "caixa1")[0], build_note(), b"<broken")
        assert_no_fault(services, {"headers": odd_headers, "cookies": odd_cookies}[family])


def assert_no_fault(services: Services, odd: Callable[[Place, str, Headers], Iterator[Raw]]) -> None:
    """Of every route, for somebody who may do everything and for a till."""
    app = whole(services)
    token = create_till(services.engine, "caixa2")[1]
    with signed_in(services) as client:
        cookie = f"malote_session={client.cookies['malote_session']}".encode()
        known = {b"cookie": cookie, b"x-csrf-token": csrf_of(client).encode()}
        known |= {b"authorization": f"Bearer {token}".encode(), b"malote-protocol": b"1"}
        # Signing out would end the session that the others need.
        walked = [place for place in places(app) if place.path != "/console/sign-out"]
        requests = (one for place in walked for one in odd(place, next(filled(place.path, PLAIN)), known))
        assert faults(app, requests) == []
        assert client.get("/console/tills").status_code == 200, "the walk itself ended the session"


def odd_paths(place: Place, plain: str, known: Headers) -> Iterator[Raw]:
    for path in filled(place.path, ODD):
        yield Raw(place.method, path, headers=known)
    for method in ("GET", "POST", "PUT", "HEAD", "BREW"):
        yield Raw(method, plain, headers=known, body=b"x" if method == "PUT" else b"")


def odd_queries(place: Place, plain: str, known: Headers) -> Iterator[Raw]:
    for query in QUERIES:
        yield Raw(place.method, plain, query, known)


def odd_bodies(place: Place, plain: str, known: Headers) -> Iterator[Raw]:
    for kind, body in BODIES if place.method == "POST" else BODIES[1:2]:
        yield Raw(place.method, plain, headers={**known, b"content-type": kind} if kind else known, body=body)


def odd_headers(place: Place, plain: str, known: Headers) -> Iterator[Raw]:
    """A page takes many at once, each of another name; what may end a request before others are read comes alone."""
    parts: Iterator[Headers] = cycle([{}, {b"hx-request": b"true"}])
    page = place.method == "GET" and place.path.startswith("/console")
    together: dict[bytes, list[bytes]] = {}
    for name, value in HEADERS:
        if page and name not in ENDING:
            together.setdefault(name, []).append(value)
        else:
            yield Raw(place.method, plain, headers={**known, **next(parts), name: value})
    for turn in range(max(map(len, together.values()), default=0)):
        some = {name: values[turn] for name, values in together.items() if turn < len(values)}
        yield Raw(place.method, plain, headers={**known, **next(parts), **some})


def odd_cookies(place: Place, plain: str, known: Headers) -> Iterator[Raw]:
    for cookie in COOKIES:
        yield Raw(place.method, plain, headers={**known, b"cookie": cookie})
        yield Raw(place.method, plain, headers={**known, b"cookie": known[b"cookie"] + b"; " + cookie})


def test_every_page_answers_a_browser_that_asks_for_a_part_of_it(services: Services) -> None:
    """With ``HX-Request``, whether the page has such a part or not."""
    with signed_in(services) as client:
        for place in places(whole(services)):
            if place.method == "GET" and place.path.startswith("/console") and place.path != "/console/changes":
                for path in filled(place.path, PLAIN):
                    answer = client.get(path, headers={"HX-Request": "true"})
                    assert answer.status_code < 500, path
                    restored = {"HX-Request": "true", "HX-History-Restore-Request": "true"}
                    assert client.get(path, headers=restored).status_code < 500, path


# ---- permission comes before the look at the input ----


OWN = {"/console/password", "/console/sign-out", "/console/sign-in", "/console/preferences"}


def test_whatever_changes_something_says_who_may(services: Services) -> None:
    unsaid = [
        place.path
        for place in places(whole(services))
        if place.path.startswith("/console") and place.method == "POST" and place.needs is None
    ]
    assert set(unsaid) == OWN


# To whom most is closed meets it on PostgreSQL, which stores less than SQLite; that the same gate closes less to others
# is told by one database.
@pytest.mark.parametrize(
    ("services", "role"),
    [
        ("postgresql", Role.CONSULTA),
        ("sqlite", Role.OPERADOR),
        ("sqlite", Role.SUPORTE),
        ("sqlite", Role.DBA),
    ],
    indirect=["services"],
)
def test_who_may_not_learns_nothing_from_any_input(services: Services, role: Role) -> None:
    app = whole(services)
    with signed_in(services, role, "low") as client:
        known = {b"cookie": f"malote_session={client.cookies['malote_session']}".encode()}
        genuine = known | {b"x-csrf-token": csrf_of(client).encode()}
        closed = [place for place in places(app) if place.needs is not None and place.needs not in permissions(role)]
        assert closed
        assert faults(app, _asking(closed, known, genuine), {403, 404}) == []


def _asking(closed: list[Place], *known: dict[bytes, bytes]) -> Iterator[Raw]:
    senders = cycle(known)
    for place in closed:
        paths = [*filled(place.path, PLAIN), *filled(place.path, ODD)]
        for path in paths:
            yield Raw(place.method, path, headers=next(senders))
        for headers in known:
            for kind, body in BODIES:
                yield Raw(
                    place.method, paths[0], headers=headers | ({b"content-type": kind} if kind else {}), body=body
                )
            for query in QUERIES:
                yield Raw(place.method, paths[0], query, headers)


def test_the_last_copy_is_for_who_may_whatever_is_chosen(services: Services) -> None:
    with signed_in(services, Role.OPERADOR, "low") as client:
        csrf = csrf_of(client)
        for form in ({}, {"selected": "2"}, {"selected": "999"}, {"everything": "1"}, {"reason": "x" * 2000}):
            for till in ("caixa1", "nobody"):
                data = {"csrf": csrf, "last_copy": "1"} | form
                assert client.post(f"/console/tills/{till}/act/delete", data=data).status_code in (403, 404)


def test_a_stranger_learns_nothing_of_the_tills_api_from_any_input(services: Services) -> None:
    app = whole(services)
    places_of_tills = [place for place in places(app) if place.path.startswith("/v1/")]
    assert len(places_of_tills) >= 6
    headers = {b"malote-protocol": b"1", b"authorization": b"Bearer caixa1.wrong"}
    assert faults(app, _asking(places_of_tills, headers), {401, 404, 429}) == []
