"""Somebody changes the ERP behind Malote while it works: one byte, a row twice, a sale gone."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.troubles import soak
from tests.faults.troubles.light import Light, Look
from tests.faults.troubles.series import Round, Series
from tests.faults.troubles.stage import Stage

pytestmark = soak


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def differs(stage: Stage, number: int) -> Callable[[Look], bool]:
    """Whether just this sale is told, with its value."""

    def holds(look: Look) -> bool:
        finding = look.finding("differs_in_erp")
        return not look.green and finding.get("count") == 1 and finding.get("value") == stage.cents(number)

    return holds


def ends(stage: Stage, light: Light, played: Round) -> None:
    """All is in the ERP as it was sold; and as long as it wasn't, no look was green."""
    played.still_wrong(stage.becomes_right())
    light.proven(stage.count)
    stage.booked_right()
    stage.reconciled()


COLUMNS = [
    *(("sale_item", name) for name in ("product_code", "gtin", "description", "ncm", "cfop", "unit", "quantity")),
    *(("sale_item", name) for name in ("unit_price", "gross", "icms")),
    *(("payment", name) for name in ("method", "amount")),
    *(("sale", name) for name in ("series", "issuer", "total", "products")),
]


def test_one_byte_changed(stage: Stage) -> None:
    """Of any column that says something of the sale, chosen by dice; put back by hand."""
    series = Series()
    with stage.working(), Light(stage.home) as light:
        for turn in series.turns():
            dice = random.Random(f"one byte {turn}")
            stage.sell_more(2)
            light.proven(stage.count)
            with series.playing(turn, light) as played:
                number, (table, column) = dice.randint(1, stage.count), dice.choice(COLUMNS)
                key = stage.key_of(number)
                [(before,)] = stage.ask(f"SELECT {column} FROM {table} WHERE access_key = '{key}'")
                after = _one_byte(before, dice)
                played.note = f"{table}.{column}: {before!r} → {after!r}"
                played.harm()
                stage.change(f"UPDATE {table} SET {column} = ? WHERE access_key = ?", after, key)
                played.tell(light.until(differs(stage, number), f"{table}.{column} of {number} told"))
                assert stage.named("books", "reconcile") == stage.worth([number])
                light.go_on(5)
                played.cure()
                stage.change(f"UPDATE {table} SET {column} = ? WHERE access_key = ?", before, key)
                ends(stage, light, played)


def _one_byte(value: Any, dice: random.Random) -> Any:
    if isinstance(value, str):
        place = dice.randrange(len(value))
        other = "7" if value[place] != "7" else "3"
        return value[:place] + other + value[place + 1 :]
    return (value or 0) + 1


def test_one_row_doubled(stage: Stage) -> None:
    """An item or a payment stands twice, under the next number; removed by hand."""
    series = Series()
    with stage.working(), Light(stage.home) as light:
        for turn in series.turns():
            stage.sell_more(2)
            light.proven(stage.count)
            with series.playing(turn, light) as played:
                table, number = ("sale_item", "payment")[turn % 2], stage.count - turn % 2
                key = stage.key_of(number)
                names = [row[1] for row in stage.ask(f"PRAGMA table_info({table})")]
                values = ", ".join("2" if name == "number" else f'"{name}"' for name in names)
                played.note = table
                played.harm()
                stage.change(f"INSERT INTO {table} SELECT {values} FROM {table} WHERE access_key = ?", key)
                played.tell(light.until(differs(stage, number), f"{table} of {number} doubled, told"))
                assert stage.named("books", "reconcile") == stage.worth([number])
                light.go_on(5)
                played.cure()
                stage.change(f"DELETE FROM {table} WHERE access_key = ? AND number = 2", key)
                ends(stage, light, played)


def test_a_sale_deleted(stage: Stage) -> None:
    """With its items or without, with its entry in the ledger or without: booked again once, the stock moved once."""
    series = Series()
    with stage.working(), Light(stage.home) as light, Light(stage.till, words="till status") as at_till:
        for turn in series.turns():
            stage.sell_more(2)
            light.proven(stage.count)
            with series.playing(turn, light) as played:
                number = stage.count - turn % 2
                played.harm()
                played.note = _delete(stage, number, whole=turn % 3 == 2)
                first = played.tell(light.until(_lost(stage, number), f"{number} lost, told"))
                assert first.till["light"] == "outside"
                assert stage.named("books", "rebook", "--dry-run") == stage.worth([number])
                played.tell_too(at_till)
                light.go_on(5)
                played.cure()
                again = stage.run("books", "rebook", "--yes", "--reason", "deleted by hand")
                assert again.returncode == 0, again.stdout + again.stderr
                ends(stage, light, played)


def _delete(stage: Stage, number: int, *, whole: bool) -> str:
    """``whole``: with its entry in the ledger and what it did to the stock. What was deleted."""
    key = stage.key_of(number)
    for table in ("sale", "sale_item", "payment"):
        stage.change(f"DELETE FROM {table} WHERE access_key = ?", key)
    if not whole:
        return "the sale alone"
    stage.change("DELETE FROM posting_key WHERE identity LIKE '%' || ? || '%'", key)
    stage.change("UPDATE stock SET quantity = quantity + 10000")
    return "with its entry in the ledger"


def _lost(stage: Stage, number: int) -> Callable[[Look], bool]:
    def holds(look: Look) -> bool:
        finding = look.finding("outside_erp")
        return finding.get("count") == 1 and finding.get("value") == stage.cents(number)

    return holds
