"""The commands of the loads, as a person calls them."""

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from sqlalchemy import insert, select
from typer.testing import CliRunner

from malote.accounts import audit
from malote.accounts.audit import SYSTEM
from malote.cli.main import assemble
from malote.database.engine import reading, writing
from malote.database.load_tables import load_sale
from malote.database.order_tables import order_payload, till_order
from malote.load_format.wire import LoadOrder
from malote.loads import forgetting
from malote.terminal import store_clock
from malote.terminal.load_options import with_moments
from tests.engines.posting_support import until
from tests.faces.loads_fixtures import Place

pytest_plugins = ("tests.faces.loads_fixtures",)


def command(place: Place, *words: str, settings: Sequence[str] = ()) -> tuple[int, str]:
    config = place.home / "malote.toml"
    config.write_text(
        f'language = "en"\n[erp]\nurl = "{place.erp.url}"\n[loads]\nsources = "cargas.toml"\n'
        "parameters = { loja = 3 }\nleast_rows = 5\n" + "\n".join(settings),
        encoding="utf-8",
    )
    store_clock.unset()  # as in a process of its own
    result = CliRunner().invoke(assemble("loads"), ["loads", *words, "--config", str(config)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result.exit_code, result.stdout


def prices_of(place: Place, product: str) -> list[str]:
    """At the till, whenever they are valid."""
    return sorted(str(row[5]) for row in place.till.rows["price"].values() if row[0] == product)


def test_only_what_changed_within_a_time(place: Place) -> None:
    command(place, "run")
    place.till.follow()
    place.erp.set_price(7, "12.50")
    assert command(place, "run", "--dry-run", "--partial")[0] == 0
    made = [time.time()]
    for code in (8, 9):
        place.erp.set_price(code, "9")
        place.services.loads.staging.run(SYSTEM)
        made.append(time.time())
    first, second, third = (datetime.fromtimestamp(at, UTC).isoformat() for at in made)
    second = datetime.fromisoformat(second).astimezone().replace(tzinfo=None).isoformat()  # by the store's clock
    code, said = command(place, "run", "--partial", "--from", second, "--to", third, "--json")
    assert (code, json.loads(said)["tills"]) == (0, ["caixa1"])
    with reading(place.services.engine) as connection:
        last = select(till_order.c.payload_sha256).order_by(till_order.c.number.desc()).limit(1).scalar_subquery()
        payload = connection.scalars(select(order_payload.c.content).where(order_payload.c.sha256 == last)).one()
    items = msgspec.json.decode(payload, type=LoadOrder).items
    assert [one.key[0] for one in items["price"]] == ["9"]
    assert command(place, "run", "--from", third)[0] == 3, "nothing has"
    day = second[:10]
    assert command(place, "run", "--from", day, "--to", day, "--dry-run")[0] == 0, "to the day's end"
    assert command(place, "run", "--from", day, "--to", "9999-12-31")[0] == 2
    assert command(place, "run", "--from", "yesterday")[0] == 2
    for words in (
        ("--full", "--partial"),
        ("--to", third),
        ("--from", third, "--to", first),
        ("--from", "2999-01-01"),
        ("--from", first, "--item", "price=7"),
    ):
        assert command(place, "run", *words)[0] == 2


def test_prices_that_rise_wait_for_the_shelf(place: Place) -> None:
    command(place, "run")
    rule = ("rise_after_minutes = 60",)
    place.erp.set_price(7, "12.50")
    place.erp.set_price(8, "9")
    code, said = command(place, "run", settings=rule)
    assert (code, "price: 1 go up on the shelf first" in said) == (0, True)
    assert "price: 1; valid from" in command(place, "status", settings=rule)[1]
    said = command(place, "price", "7")[1]
    assert "since it goes up on the shelf first" in said
    assert said.index("→ R$ 10.00") < said.index("  R$ 12.50")
    assert "since it goes up on the shelf first" in command(place, "diff", "1", "2")[1]
    place.till.follow()
    assert prices_of(place, "7") == ["10.00", "12.50"], "staged ahead"
    assert prices_of(place, "8") == ["9.00"]
    assert command(place, "run", "--emergency", "--item", "price=7", settings=rule)[0] == 0

    def is_told() -> bool:
        """What was staged ahead goes with the newest version, which the server looks for twice a second."""
        place.till.follow()
        return prices_of(place, "7") == ["12.50"]

    until(is_told)
    assert "shelf" not in command(place, "price", "7")[1]


def test_the_commands(place: Place) -> None:
    assert command(place, "run", "--dry-run")[0] == 0
    code, said = command(place, "run", "--json")
    assert (code, json.loads(said)["staged"]["version"], json.loads(said)["tills"]) == (0, 1, ["caixa1"])
    place.till.follow()
    at = json.loads(command(place, "status", "--json")[1])["status"]["made_at"]
    place.erp.set_price(7, "12.50")
    assert command(place, "run")[0] == 0
    assert "R$ 12.50  (no beginning – no end)" in command(place, "price", "7")[1]
    (found,) = json.loads(command(place, "price", "7", "--json")[1])["prices"]
    assert (found["values"]["valid_from"], found["values"]["valid_until"]) == (None, None)
    assert "R$ 10.00" in command(place, "price", "7890000000007", "--till", "caixa1")[1], "which has it not yet"
    then = datetime.fromtimestamp(at + 0.001, UTC).isoformat()
    assert json.loads(command(place, "price", "7", "--at", then, "--json")[1])["version"] == 1
    code, said = command(place, "diff", "1", "2", "--json")
    assert [(one["entity"], one["before"]["price"], one["after"]["price"]) for one in json.loads(said)] == [
        ("price", "10.00", "12.50")
    ]
    assert json.loads(said)[0]["key"] == ["7", "", "", None]
    said = command(place, "diff", "1", "2")[1]
    assert ("price=12.50" in said, "1970" in said) == (True, False)
    code, said = command(place, "diff", "0", "1", "--limit", "1")
    assert (code, said.splitlines()[-1]) == (1, "1 and more: --limit")
    place.erp.do("DELETE FROM produto WHERE cod > 30")
    code, said = command(place, "run")
    assert (code, "load_gone_many" in said) == (1, True)
    assert command(place, "status")[0] == 1
    assert [command(place, "confirm", "product", "--reason", "closed")[0] for _ in range(2)] == [0, 3]
    place.erp.set_price(9, "-1")
    assert command(place, "run")[0] == 1
    code, said = command(place, "refused")
    assert (code, "load_value_negative" in said, "1970" in said) == (1, True, False)
    unknown = ("refused", "pruduct"), ("diff", "1", "2", "--entity", "pruduct")
    assert [command(place, *words)[0] for words in unknown] == [3, 3], "what nobody knows isn't said to be well"
    assert command(place, "price", "7", "--at", "9999-12-31T23:59-03:00")[0] == 2
    assert "30 6 * * 1" in command(place, "schedule", "--add", "30 6 * * 1", "--full")[1]
    assert [command(place, "schedule", "--add", cron)[0] for cron in ("never", " ")] == [3, 2]
    assert json.loads(command(place, "schedule", "--remove", "1", "--json")[1])["plans"] == []
    assert command(place, "rollout", "status")[1] == "No roll-out yet.\n"
    assert json.loads(command(place, "rollout", "start", "--dry-run", "--json")[1])["id"] == 0
    assert "Roll-out 1: under way, wave 1/1; in the queue 1" in command(place, "rollout", "start", "--full")[1]
    assert command(place, "rollout", "approve")[0] == 3
    assert json.loads(command(place, "rollout", "cancel", "--reason", "late", "--json")[1])["state"] == "cancelled"
    assert command(place, "rollout", "resume")[0] == 0
    assert "Roll-out 1: under way" in command(place, "status")[1]
    code, said = command(place, "rollout", "status", "1", "--json")
    assert (code, [one["state"] for one in json.loads(said)["tills"]]) == (0, ["pending"])
    trail = {one.action.removeprefix("load_") for one in audit.entries(place.services.engine)}
    wanted = "made ordered confirmed planned plan_removed rollout_started rollout_cancelled rollout_resumed"
    assert set(wanted.split()) <= trail


def test_one_step_back_and_its_end(place: Place) -> None:
    command(place, "run")
    place.till.follow()
    assert command(place, "rollback", "caixa1", "--reason", "wrong prices", "--yes")[0] == 3, "there was nothing before"
    place.erp.set_price(7, "12.50")
    command(place, "run")
    place.till.follow()
    assert command(place, "rollback", "caixa1", "--yes")[0] == 2, "without a reason"
    assert command(place, "rollback", "caixa1", "--reason", "wrong prices")[0] == 2, "nobody is there to be asked"
    assert (
        command(place, "rollback", "caixa1", "--reason", "wrong prices", "--until", "2020-01-01T00:00", "--yes")[0] == 3
    )
    code, said = command(place, "rollback", "caixa1", "--reason", "wrong region", "--dry-run", "--until", "hoje")
    assert (code, said) == (0, "caixa1 would go back from load 2 to 1; rows that change at most: price: 1.\n")
    reason = "wrong region, " * 35 + "end"
    code, said = command(place, "rollback", "caixa1", "--reason", reason, "--to", "1", "--yes", "--json")
    assert (code, json.loads(said)) == (
        0, [{"till": "caixa1", "back_from": 2, "version": 1, "rows": {"price": 1}}],
    )  # fmt: skip
    assert "caixa1 is to go back from load 2 to 1 as cli:" in command(place, "status")[1]
    place.till.follow()
    assert (prices_of(place, "7"), place.till.version) == (["10.00"], 1)
    said = " ".join(command(place, "run", "--full")[1].split())
    assert "caixa1 went back from load 2 to 1 as cli:" in said
    folded = f"reason: {reason[:79]}…; until released."
    assert folded in said
    assert folded in " ".join(command(place, "status")[1].split())
    assert json.loads(command(place, "status", "--json")[1])["status"]["tills"][0]["back"]["reason"] == reason
    assert "malote loads release TILL releases them." in said
    assert reason in " ".join(command(place, "release", "caixa1", "--dry-run")[1].split()), "who decides reads all"
    assert command(place, "release", "caixa1", "--yes")[0] == 0
    assert command(place, "release", "caixa1", "--yes")[0] == 3
    assert "until released" not in command(place, "status")[1]


def test_what_was_sold_otherwise_is_told_by_the_stores_clock(place: Place) -> None:
    with writing(place.services.engine) as connection:
        line = {"access_key": "3" * 44, "line": 1, "till_id": 1, "day": "2026-11-27", "product": "7", "quantity": "1"}
        sold = {"issued_at": "2026-11-28T01:24:00+00:00", "sold": "9.9", "listed": "10", "cents": -10, "version": 1}
        connection.execute(insert(load_sale).values(**line, **sold))
    code, said = command(place, "sales", settings=("[books]", 'zone = "America/Sao_Paulo"'))
    assert (code, "2026-11-27 22:24:00" in said) == (1, True)


def test_no_price_is_said_only_of_a_list_that_is_known(place: Place) -> None:
    assert "no load yet" in command(place, "price", "7", "--at", "2020-01-01")[1]
    command(place, "run")
    place.till.follow()
    assert "nobody knows" in command(place, "price", "7", "--till", "caixa1", "--at", "2020-01-01")[1]
    assert "had no price of this product" in command(place, "price", "no-such", "--till", "caixa1")[1]
    place.erp.set_price(7, "12.50")
    command(place, "run")
    forgetting.forget(place.services.engine, time.time() + 60)
    code, said = command(place, "price", "7", "--till", "caixa1")
    assert (code, "no longer kept here" in said) == (1, True)


def test_instants_within_a_text_are_told_by_the_stores_clock() -> None:
    store_clock.set_to("America/Manaus")
    said = with_moments("9, UN, 2026-12-05T03:00:00Z – 2026-12-31", "pt")
    assert said == "9, UN, 04/12/2026 23:00:00 – 2026-12-31"
