"""Loads over real HTTP, at the server's side: what a till is ordered, by which files it gets there, and who may ask."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from malote import wire
from malote.api.loads import SENT_AT_ONCE
from malote.load_format.entity import ALWAYS
from malote.load_format.wire import (
    MOST_ITEMS,
    PATH_FILE,
    PATH_MANIFEST,
    PATH_NEWS,
    EntityState,
    LoadItem,
    LoadNews,
    LoadOrder,
    ManifestQuery,
)
from malote.loads import forgetting
from malote.loads.chosen_items import named
from malote.loads.merged_orders import both_of
from malote.loads.planning import Wanted
from malote.tills.till import create_till
from tests.faces.intake_support import Speaker, fault_of
from tests.faces.loads_fixtures import ANA, Place

pytest_plugins = ("tests.faces.loads_fixtures",)


def test_a_new_till_gets_all_and_then_what_changed(place: Place) -> None:
    till = place.till
    assert till.contact() is None, "while nothing was loaded"
    place.stage()
    assert {header.mode for header in till.follow()} == {"whole"}
    assert (till.version, len(till.rows["product"]), len(till.rows["price"])) == (1, 50, 50)
    assert till.contact() is None, "who has all is told nothing"
    place.erp.set_price(7, "12.50")
    place.erp.do("DELETE FROM embalagem WHERE cod = 3")
    place.stage()
    found = {(one.entity.name, one.mode, one.rows, one.after) for one in till.follow()}
    assert found == {("price", "changes", 1, 1), ("package", "changes", 1, 1)}
    assert till.rows["price"]["7", "", "", "1970-01-01T00:00:00Z"][5] == "12.50"
    state = place.services.loads.status().tills[0]
    assert (state.state, state.version, state.missing, state.differing) == ("current", 2, [], [])
    assert state.going is None


def test_a_till_that_was_off_catches_up_with_the_difference(place: Place) -> None:
    place.stage()
    place.till.follow()
    for turn in range(3):
        place.erp.set_price(7, f"{20 + turn}")
        place.stage()
    place.erp.set_price(8, "9")
    place.stage()
    (header,) = place.till.follow()
    assert (header.rows, header.after, header.version) == (2, 1, 5)
    for turn in range(3):  # it is off for longer than history and files are kept
        place.erp.set_price(9, f"{30 + turn}")
        place.stage()
    far = time.time() + 1
    place.services.loads.files.sweep(far)
    forgetting.forget(place.services.engine, far)
    (header,) = place.till.follow()
    assert (header.mode, header.rows, place.till.rows["price"]["9", "", "", ALWAYS][5]) == ("whole", 50, "32.00")
    assert place.services.loads.status().tills[0].state == "current"


def test_a_till_that_waits_for_news_hears_of_a_version_when_it_is_made(place: Place) -> None:
    def newest(known: int) -> int:
        reply = place.till.speaker.http.get(PATH_NEWS, params={"known": known})
        return msgspec.json.decode(reply.content, type=LoadNews).version

    assert newest(-1) == 0, "while nothing was loaded"
    with ThreadPoolExecutor(1) as waiting:
        heard = waiting.submit(newest, 0)
        with pytest.raises(TimeoutError):
            heard.result(1.0)
        place.stage()
        assert heard.result(60) == 1
    order = place.till.contact()
    assert order is not None, "whoever heard of it is told of it"


def test_a_file_is_whole_or_a_part_and_never_changes(place: Place) -> None:
    place.stage()
    order = place.till.contact()
    assert order is not None
    found = {one.entity: one for one in place.till.manifest(order.number).files}
    assert found == {one.entity: one for one in place.till.manifest(order.number).files}
    sha256 = found["product"].sha256
    whole = place.till.file(sha256)
    assert (len(whole.content), whole.headers["ETag"]) == (found["product"].bytes, f'"{sha256}"')
    assert "immutable" in whole.headers["Cache-Control"]
    rest = place.till.file(sha256, Range="bytes=100-")
    assert (rest.status_code, rest.content) == (206, whole.content[100:])
    assert rest.headers["Content-Range"] == f"bytes 100-{len(whole.content) - 1}/{len(whole.content)}"
    assert place.till.file(sha256, Range="bytes=10-19").content == whole.content[10:20]
    assert place.till.file(sha256, Range=f"bytes={len(whole.content)}-").status_code == 416
    assert place.till.file(sha256, **{"If-None-Match": f'"{sha256}"'}).status_code == 304
    other = place.till.file(sha256, Range="bytes=100-", **{"If-Range": '"another"'})
    assert other.content == whole.content
    assert os.name == "nt" or (place.home / "cargas").stat().st_mode & 0o077 == 0
    private = place.till.file(found["operator"].sha256).headers["Cache-Control"]
    assert private == "private, no-store", "no shared cache keeps what is a person's"
    (place.home / "cargas" / f"{sha256}.jsonl.zst").unlink()
    assert place.till.file(sha256).status_code == 404
    with pytest.MonkeyPatch.context() as swept_meanwhile:
        swept_meanwhile.setattr(Path, "is_file", lambda _: True)
        assert place.services.loads.files.find(sha256) is None
    assert place.till.manifest(order.number).files == list(found.values()), "made again, the same to the byte"
    assert place.till.file(sha256).content == whole.content


def test_a_till_that_reads_slowly_holds_few_replies_open_and_others_get_theirs(place: Place) -> None:
    path = PATH_FILE.format(sha256="a" * 64)
    (place.home / "cargas").mkdir()
    with (place.home / "cargas" / f"{'a' * 64}.jsonl.zst").open("wb") as file:
        file.truncate(64_000_000)  # more than any socket takes in advance
    _, token = create_till(place.services.engine, "caixa2")
    with ExitStack() as slow, Speaker(place.address, token) as other:
        for turn in range(SENT_AT_ONCE):
            headers = {"Range": f"bytes={turn}-"}
            reply = slow.enter_context(place.till.speaker.http.stream("GET", path, headers=headers))
            assert reply.status_code == 206
        refused = place.till.file("a" * 64, Range="bytes=0-9")
        fault_of(refused, 503, "server_busy")
        assert other.http.get(path, headers={"Range": "bytes=0-9"}).content == b"\0" * 10
    deadline = time.monotonic() + 60
    while place.till.file("a" * 64, Range="bytes=0-9").status_code != 206:
        assert time.monotonic() < deadline, "those that went away are counted no more"
        time.sleep(0.05)


@pytest.mark.parametrize("sha256", ["0" * 64, "..%2F..%2Fstore.sqlite3", "ABC"])
def test_nothing_else_is_a_file(place: Place, sha256: str) -> None:
    fault_of(place.till.file(sha256), 404, "not_found")


def test_only_tills_ask_and_only_for_orders_of_theirs(place: Place) -> None:
    place.stage()
    order = place.till.contact()
    assert order is not None
    sha256 = place.till.manifest(order.number).files[0].sha256
    with Speaker(place.address, "1.wrong") as stranger:
        fault_of(stranger.post(PATH_MANIFEST, ManifestQuery(order.number)), 401, "token_invalid")
        fault_of(stranger.http.get(PATH_FILE.format(sha256=sha256)), 401, "token_invalid")
    _, token = create_till(place.services.engine, "caixa2")
    with Speaker(place.address, token) as other:
        fault_of(other.post(PATH_MANIFEST, ManifestQuery(order.number)), 409, "load_order_over")
    fault_of(place.till.speaker.http.post(PATH_MANIFEST, content=b"{"), 400, "request_invalid")


def test_what_a_person_orders_joins_what_is_open(place: Place) -> None:
    loads = place.services.loads
    loads.orders._settings = msgspec.structs.replace(loads.orders._settings, automatic=False)
    place.stage()
    place.till.follow()
    place.erp.set_price(7, "70")
    place.erp.set_price(8, "80")
    place.stage()
    loads.order(Wanted(entities=["product"], anew=True), ANA)
    loads.order(Wanted(), ANA, items=named(place.services.engine, {"price": ["7"]}))
    order = place.till.contact()
    assert order is not None
    assert order.payload is not None
    said = msgspec.json.decode(order.payload, type=LoadOrder)
    assert (set(said.entities), said.anew) == ({"product"}, True)
    assert [one.key[0] for one in said.items["price"]] == ["7"]
    found = {one.entity: (one.mode, one.rows) for one in place.till.manifest(order.number).files}
    assert found == {"product": ("whole", 50), "price": ("items", 1)}


def test_in_quiet_hours_what_comes_by_changes_waits_for_no_entity_that_must_come_whole(place: Place) -> None:
    orders, till = place.services.loads.orders, place.till
    orders._settings, always = msgspec.structs.replace(orders._settings, quiet_hours="11:00-13:00"), orders._settings
    orders._now_in_store = lambda _: "12:00"
    place.stage()
    assert till.follow() != [], "a till that has nothing waits for no hours"
    del till.held["package"]
    assert till.contact() is None
    place.erp.set_price(7, "70")
    place.stage()
    assert [(one.entity.name, one.mode) for one in till.follow()] == [("price", "changes")]
    assert till.contact() is None
    place.services.loads.order(Wanted(entities=["package"]), ANA)
    first, again = till.contact(), till.contact()
    assert first is not None
    assert again is not None
    assert first.number == again.number, "what a person ordered is left as it is"
    orders._settings = always
    assert [(one.entity.name, one.mode) for one in till.follow()] == [("package", "whole")]


def test_rows_that_a_till_was_given_alone_are_known(place: Place) -> None:
    loads = place.services.loads
    loads.orders._settings = msgspec.structs.replace(loads.orders._settings, automatic=False)

    def prices() -> list[str]:
        found = [loads.price(code, till="caixa1").prices for code in ("7", "8", "7890000000007")]
        return [str(one.values["price"]) for (one,) in found]

    place.stage()
    place.till.follow()
    place.erp.set_price(7, "70")
    place.erp.set_price(8, "80")
    place.stage()
    loads.order(Wanted(), ANA, items=named(place.services.engine, {"price": ["7"]}))
    assert prices() == ["10.00", "10.00", "10.00"]
    assert [(one.mode, one.rows) for one in place.till.follow()] == [("items", 1)]
    assert prices() == ["70.00", "10.00", "70.00"]
    loads.order(Wanted(), ANA)
    assert {one.mode for one in place.till.follow()} == {"changes"}
    assert prices() == ["70.00", "80.00", "70.00"]


def test_two_orders_make_one_that_asks_for_both() -> None:
    old, new = EntityState(3, 5, "a"), EntityState(7, 6, "b")
    items = [LoadItem(("1",), "c"), LoadItem(("2",), "d")]
    first = LoadOrder(3, {"price": old, "tax": old}, anew=True, items={"product": items[:1], "package": items})
    second = LoadOrder(
        7, {"price": new, "package": new}, items={"product": [LoadItem(("1",), "e"), items[1]]}, emergency=True
    )
    assert both_of(first, second, dict) == LoadOrder(
        7,
        {"price": new, "tax": old, "package": new},
        anew=True,
        items={"product": [LoadItem(("1",), "e"), items[1]]},
        emergency=True,
    )
    assert both_of(second, first, dict).entities["price"] == new, "the newer state, whichever came first"


def test_more_items_than_an_order_may_name_are_their_entity_and_none_is_left_out() -> None:
    some = [LoadItem((str(number),), "c") for number in range(MOST_ITEMS + 200)]
    first, second = (LoadOrder(3, {}, items={"price": part}) for part in (some[:600], some[600:]))
    both = both_of(first, second, lambda: {"price": EntityState(7, 5000, "b")})
    assert (both.version, both.entities, both.items) == (7, {"price": EntityState(7, 5000, "b")}, {})


def test_a_till_with_other_rows_than_it_should_have_is_seen(place: Place) -> None:
    place.stage()
    place.till.follow()
    good = place.till.held["price"]
    place.till.held["price"] = wire.EntityHeld(good.version, "0" * 64)
    assert place.till.contact() is not None, "it is told to have them right"
    (state,) = place.services.loads.status().tills
    assert (state.differing, state.state) == (["price"], "behind")


def test_a_till_that_failed_is_told_again_later_and_one_taken_back_is_left(place: Place) -> None:
    place.stage()
    order = place.till.contact()
    assert order is not None
    place.till.progress = [wire.OrderProgress("load", order.number, "failed", code="till_disk_full")]
    assert place.till.contact() is None
    assert place.till.contact() is None
    (state,) = place.services.loads.status().tills
    assert (state.state, state.code) == ("failed", "till_disk_full")
    place.services.loads.order(Wanted(), ANA)
    place.till.follow()
    first = place.till.held["price"]
    place.erp.set_price(7, "70")
    place.stage()
    place.till.follow()
    place.till.version, place.till.held["price"] = 1, first
    assert place.till.contact(rolled_back_from=2) is None
    place.erp.set_price(7, "71")
    place.stage()
    assert place.till.contact(rolled_back_from=2) is None, "a newer version has the same in it"
    place.services.loads.back.release([place.services.loads.status().tills[0].till], ANA)
    assert place.till.contact(rolled_back_from=2) is not None
