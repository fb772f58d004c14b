"""Posters that meet locks: the stop is named, other sales flow, and everything goes up by itself afterwards."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import msgspec
import pytest

from malote.accounts.audit import Actor
from malote.config import PostingSettings, StoreSettings
from malote.erp.factory import open_erp
from malote.erp.mapping import ErpTables
from malote.erp.profiles.profile import built_in
from malote.erp.sessions.errors import SessionsError
from malote.erp.sessions.factory import named, open_watch
from malote.fiscal.documents import Sale
from malote.locks.alarm import words
from malote.locks.lock_reports import Stoppage
from malote.locks.lock_service import Locks
from malote.posting.lookout import Lookout
from malote.posting.poster import Poster
from tests.engines.erp_support import Tables
from tests.engines.locks_support import DBA, People, tree_when
from tests.engines.posting_support import Shop, running, until
from tests.engines.sales import cancellation, item, posting, sale, supermarket

pytest_plugins = ["tests.engines.locks_fixtures"]
pytestmark = pytest.mark.postgresql

ACTOR = Actor("maria")
SETTINGS = PostingSettings(batch=100, idle_seconds=0.01, retry_first_seconds=0.05, retry_longest_seconds=2.0)
OTHER_STORE = "99888777000166"


@pytest.fixture
def tables(erp_address: str) -> Iterator[Tables]:
    opened = Tables(erp_address)
    yield opened
    opened.engine.dispose()


def poster(shop: Shop, program: str, *, lock_timeout: float = 1.0, batch: int = 100) -> Poster:
    """As the composition root makes one."""
    return Poster(
        shop.spool,
        shop.engine,
        lambda: open_erp(named(shop.erp_url, program), lock_timeout_seconds=lock_timeout),
        shop.kept.append,
        msgspec.structs.replace(SETTINGS, batch=batch),
        StoreSettings(),
        lookout=Lookout(open_watch(shop.erp_url), program),
    )


@contextmanager
def working(shop: Shop, count: int = 1, **changes: Any) -> Iterator[None]:
    with running(*(poster(shop, f"malote-test-{number}", **changes) for number in range(count))):
        yield


def stopped(locks: Locks, condition: Callable[[Stoppage], bool] = lambda _: True, seconds: float = 300) -> Stoppage:
    end = time.monotonic() + seconds
    while (found := locks.stoppage()) is None or not condition(found):
        assert time.monotonic() < end, found
        time.sleep(0.1)
    return found


def test_a_stop_is_named_and_after_the_kill_all_sales_go_up(
    shop: Shop, people: People, locks: Locks, tables: Tables
) -> None:
    holder = people.holding("LOCK TABLE stock IN EXCLUSIVE MODE", "fechamento do mês")
    with working(shop):
        shop.accept(*supermarket(120))
        found = stopped(locks, lambda one: bool(one.blocker.session))
        assert (found.blocker.session, found.blocker.user) == (holder.key, "gerente")
        assert (found.blocker.program, found.blocker.object) == ("fechamento do mês", "stock")
        assert (found.tills, found.whole, found.others) == ({"caixa1": 120}, True, 0)
        assert words(found, found.since + 185).startswith(
            f"Vendas paradas há 3 min: a sessão {holder.key} (gerente, fechamento do mês) segura a tabela stock; "
            "1 caixa, 120 vendas esperam"
        )
        # The first try may give up before anybody knows who holds it.
        until(lambda: any(one.reason and "session" in one.reason.facts for one in shop.documents()))
        reason = next(one.reason for one in shop.documents() if one.reason and "session" in one.reason.facts)
        assert reason.facts["session"] == holder.key
        assert reason.facts["detail"] == f"stock: {holder.key} (gerente, fechamento do mês)"
        tree = tree_when(locks, lambda tree: any(node.behind.sales == 120 for node in tree.roots))
        assert tree.roots[0].behind.tills == {"caixa1": 120}
        report = locks.kill_as(DBA, [tree.roots[0].identity], ACTOR, reason="vendas paradas")
        assert report.killed[0].outcome == "ended"
        until(lambda: shop.counted() == {"posted": 120})
    assert locks_free(locks)
    assert tables.counts()["sale"] == 120


def test_the_stop_is_known_before_the_first_try_is_given_up(shop: Shop, people: People, locks: Locks) -> None:
    holder = people.holding("LOCK TABLE stock IN EXCLUSIVE MODE")
    with working(shop, lock_timeout=60.0):
        shop.accept(*supermarket(10))
        found = stopped(locks)
        assert shop.counted() == {"posting": 10}
        assert (found.blocker.session, found.sales) == (holder.key, 10)
        holder.connection.rollback()
        until(lambda: shop.counted() == {"posted": 10})
    assert locks_free(locks)


def test_a_row_that_is_held_keeps_back_only_the_sales_that_need_it(
    shop: Shop, people: People, locks: Locks, tables: Tables
) -> None:
    people.run("INSERT INTO stock VALUES ('11222333000181', '666', 5)")
    holder = people.holding("UPDATE stock SET quantity = 0 WHERE product_code = '666'")
    needing = [sale(number, items=(item(product="666"),)) for number in range(1000, 1010)]
    others = supermarket(300)
    elsewhere = [sale(2000 + number, issuer=OTHER_STORE, items=(item(product="666"),)) for number in range(20)]
    with working(shop):
        shop.accept(*others[:150], *needing, *others[150:], *elsewhere)
        until(lambda: shop.counted() == {"posted": 320, "waiting": 10})
        wanted = {one.access_key: ("waiting", "erp_locked", holder.key) for one in needing}
        until(lambda: wanted == reasons_of(shop))
        found = stopped(locks, lambda one: not one.whole and one.tills == {"caixa1": 10})
        assert words(found, found.since + 5).startswith("Algumas vendas esperam há 5 s: a sessão")
        # The tree knows whom they wait for, though nobody waits in the ERP.
        tree = tree_when(locks, lambda tree: any(node.behind.tills == {"caixa1": 10} for node in tree.roots))
        assert [node.identity.key for node in tree.roots] == [holder.key]
        assert (tree.roots[0].marked, tree.roots[0].killable, tree.roots[0].waiters) == (True, True, 0)
        later = [sale(3000 + number) for number in range(50)]
        shop.accept(*later)
        until(lambda: shop.counted() == {"posted": 370, "waiting": 10})
        report = locks.kill_as(DBA, [tree.roots[0].identity], ACTOR, reason="vendas paradas")
        assert report.killed[0].outcome == "ended"
        until(lambda: shop.counted() == {"posted": 380})
    assert tables.counts()["sale"] == 380
    assert tables.stock()["666"] == 5 - sum(line.quantity for one in needing for line in one.items)


def test_a_cancellation_of_a_sale_whose_goods_are_held_keeps_nobody_else_back(
    shop: Shop, people: People, tables: Tables
) -> None:
    sold = sale(1000, items=(item(product="666"),))
    shop.accept(sold)
    with working(shop):
        until(lambda: shop.counted() == {"posted": 1})
        holder = people.holding("UPDATE stock SET quantity = 0 WHERE product_code = '666'")
        shop.accept(cancellation(sold), *supermarket(50))
        until(lambda: shop.counted() == {"posted": 51, "waiting": 1})
        holder.connection.rollback()
        until(lambda: shop.counted() == {"posted": 52})
    assert tables.cancelled() == [sold.access_key]


def test_two_holders_are_told_apart(shop: Shop, people: People, locks: Locks) -> None:
    people.run("INSERT INTO stock VALUES ('11222333000181', '1', 5), ('11222333000181', '2', 5)")
    first = people.holding("UPDATE stock SET quantity = 0 WHERE product_code = '1'", "p1")
    second = people.holding("UPDATE stock SET quantity = 0 WHERE product_code = '2'", "p2")
    with working(shop):
        shop.accept(*(sale(n, items=(item(product="1" if n % 3 else "2"),)) for n in range(1, 13)))
        expected = {first.key: 8, second.key: 4}
        tree = tree_when(locks, lambda one: {node.identity.key: node.behind.sales for node in one.roots} == expected)
        found = stopped(locks, lambda one: one.others == 1)
        assert (found.blocker.session, found.sales) == (first.key, 12)
        locks.kill_as(DBA, [node.identity for node in tree.roots], ACTOR, reason="vendas paradas")
        until(lambda: shop.counted() == {"posted": 12})


def test_three_posters_and_a_chain_of_five_blockers(shop: Shop, people: People, locks: Locks, tables: Tables) -> None:
    """One root after the other is ended; the last one holds what the sales need. Nothing lost, nothing twice."""
    people.run(*(f"INSERT INTO stock VALUES ('0', '{n}', 5)" for n in range(5)))
    chain = [people.holding(f"UPDATE stock SET quantity = 0 WHERE product_code = '{n}'", f"p{n}") for n in range(5)]
    chain[4].does("LOCK TABLE sale IN EXCLUSIVE MODE")
    for n in range(1, 5):
        chain[n].tries(f"UPDATE stock SET quantity = 0 WHERE product_code = '{n - 1}'")
    sold = supermarket(300)
    with working(shop, 3, batch=40):
        shop.accept(*sold)
        shop.accept(*sold[:60])
        found = stopped(locks, lambda one: one.sales == 360 and one.blocker.object == "sale")
        assert found.blocker.session == chain[0].key
        ended: list[str] = []
        while shop.counted() != {"posted": 360}:
            roots = [node for node in locks.tree_as(DBA).roots if node.killable]
            if roots and len(ended) < 5:
                locks.kill_as(DBA, [roots[0].identity], ACTOR, reason="vendas paradas")
                ended.append(roots[0].session.program)
            time.sleep(0.1)
            assert time.time() - found.since < 120
        assert ended == ["p0", "p1", "p2", "p3", "p4"]
    assert_booked_once(tables, sold)
    assert locks_free(locks)


def test_a_held_key_is_waited_for_too(shop: Shop, people: People, locks: Locks) -> None:
    """Somebody inserts the very sale by hand and doesn't finish: no row to read, and still a holder with a name."""
    sold = sale(1)
    holder = people.holding(
        "INSERT INTO posting_key (identity, content_hash, till, document_id)"
        f" VALUES ('{sold.access_key}', '\\x00', 'caixa9', 1)"
    )
    with working(shop):
        shop.accept(sold)
        found = stopped(locks, lambda one: bool(one.blocker.session))
        assert (found.blocker.session, found.blocker.object) == (holder.key, "posting_key")
        holder.connection.rollback()
        until(lambda: shop.counted() == {"posted": 1})


def test_draining_posts_around_a_held_row_and_says_what_waits(shop: Shop, people: People) -> None:
    people.run("INSERT INTO stock VALUES ('11222333000181', '666', 5)")
    people.holding("UPDATE stock SET quantity = 0 WHERE product_code = '666'")
    shop.accept(sale(1, items=(item(product="666"),)), *supermarket(150))
    with closing(poster(shop, "malote-test", batch=50)) as drained, pytest.raises(Exception, match="erp_locked"):
        drained.drain()
    assert shop.counted() == {"posted": 150, "waiting": 1}


def reasons_of(shop: Shop) -> dict[str | None, tuple[str, str, str]]:
    return {
        one.access_key: (one.state, one.reason.code, one.reason.facts["session"])
        for one in shop.documents()
        if one.reason
    }


def locks_free(locks: Locks) -> bool:
    until(lambda: locks.stoppage() is None)
    return True


def assert_booked_once(tables: Tables, sold: list[Sale]) -> None:
    counts = tables.counts()
    assert (counts["sale"], counts["posting_key"]) == (len(sold), len(sold))
    assert counts["sale_item"] == sum(len(one.items) for one in sold)
    expected: dict[str, Any] = {}
    for one in sold:
        for line in one.items:
            expected[line.product_code] = expected.get(line.product_code, 0) - line.quantity
    assert tables.stock() == expected


def test_rows_are_found_under_other_names_too(people: People) -> None:
    people.run("CREATE SCHEMA loja", "GRANT USAGE ON SCHEMA loja TO gerente")
    elsewhere = ErpTables(built_in(), schema="loja", prefix="t_")
    with closing(open_erp(people.url, lock_timeout_seconds=5, tables=elsewhere)) as erp:
        erp.create_structure()
        erp.post([posting(sale(1, items=(item(product="666"),)), 1)])
    people.run("GRANT ALL ON ALL TABLES IN SCHEMA loja TO gerente")
    holder = people.holding("UPDATE loja.t_stock SET quantity = 0 WHERE product_code = '666'")
    watch = open_watch(people.url, elsewhere)
    assert watch is not None
    batch = [
        posting(sale(2, items=(item(product="666"), item(2, product="1"))), 2),
        posting(sale(3, items=(item(product="1"),)), 3),
        posting(cancellation(sale(1)), 4),
    ]
    with closing(watch):
        held = watch.held(batch)
        assert {number: (one.session, one.object) for number, one in held.items()} == {
            2: (holder.key, "t_stock"),
            4: (holder.key, "t_stock"),
        }
        holder.connection.rollback()
        assert watch.held(batch) == {}


def test_a_watch_waits_for_nothing_and_comes_back_after_a_loss(people: People) -> None:
    holder = people.holding("LOCK TABLE stock IN ACCESS EXCLUSIVE MODE")
    watch = open_watch(people.url)
    assert watch is not None
    with closing(watch):
        with pytest.raises(SessionsError) as away:
            watch.held([posting(sale(1), 1)])
        assert away.value.code == "erp_away"
        assert watch.look().waits == []
        people.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'malote-locks'",
            user="postgres",
        )
        with pytest.raises(SessionsError):
            watch.look()
        holder.connection.rollback()
        assert watch.held([posting(sale(1), 1)]) == {}


def test_the_banner_follows_the_queue(shop: Shop, people: People, locks: Locks) -> None:
    """Hundreds of documents still carry the first blocker's name; it has gone, and another one holds them up."""

    def left() -> int:
        return 150 - shop.counted().get("posted", 0)

    first = people.holding("LOCK TABLE stock IN EXCLUSIVE MODE", "p1")
    with working(shop):
        shop.accept(*supermarket(150))
        found = stopped(locks, lambda one: one.blocker.session == first.key and one.sales == 150)
        until(lambda: shop.reasons().count("erp_locked") >= 90)
        second = people.person("p2")
        queued = second.tries("LOCK TABLE stock IN EXCLUSIVE MODE")
        tree_when(locks, lambda tree: any(one.session.program == "p2" for one in tree.nodes))
        tree = tree_when(locks, lambda tree: bool(tree.roots))
        locks.kill_as(DBA, [tree.roots[0].identity], ACTOR, reason="vendas paradas")
        if queued.result(timeout=300) == "done":
            # Some may have gone through between the two; what is left waits behind the second, all of it.
            again = stopped(locks, lambda one: one.blocker.session == second.key and one.sales == left())
            assert again.since == found.since
            tree = tree_when(locks, lambda tree: any(one.behind.sales == left() for one in tree.roots))
            assert [one.identity.key for one in tree.roots] == [second.key]
        second.connection.rollback()
        until(lambda: shop.counted() == {"posted": 150})
    assert locks_free(locks)
