"""Somebody changes the ERP behind Malote while it works: one byte, a row twice, a sale gone."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.troubles import TIMES, soak
from tests.faults.troubles.light import Light, Look, Told
from tests.faults.troubles.stage import Stage, now, told_of

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


def test_one_byte_changed(stage: Stage) -> None:
    """Of any column that says something of the sale, chosen by dice."""
    dice, told = random.Random(11), Told("one byte changed in the ERP")
    columns = [
        *(("sale_item", name) for name in ("product_code", "gtin", "description", "ncm", "cfop", "unit", "quantity")),
        *(("sale_item", name) for name in ("unit_price", "gross", "icms")),
        *(("payment", name) for name in ("method", "amount")),
        *(("sale", name) for name in ("series", "issuer", "total", "products")),
    ]
    with stage.working(), Light(stage.home) as light:
        for _ in range(TIMES):
            stage.sell_more(2)
            light.proven(stage.count)
            number = dice.randint(1, stage.count)
            table, column = dice.choice(columns)
            key = stage.ask(f"SELECT access_key FROM sale WHERE number = {number}")[0][0]
            [(before,)] = stage.ask(f"SELECT {column} FROM {table} WHERE access_key = '{key}'")
            after = _one_byte(before, dice)
            harmed = now()
            stage.change(f"UPDATE {table} SET {column} = ? WHERE access_key = ?", after, key)
            print(f"{table}.{column}: {before!r} → {after!r}", flush=True)
            first = light.until(differs(stage, number), f"{table}.{column} of {number} told")
            assert stage.run("books", "reconcile").returncode == 1
            light.go_on(5)
            cured = now()
            stage.change(f"UPDATE {table} SET {column} = ? WHERE access_key = ?", before, key)
            light.proven(stage.count)
            told_of(light, told, harmed, first, cured)
        stage.booked_right()
        stage.reconciled()
    told.close()


def _one_byte(value: Any, dice: random.Random) -> Any:
    if isinstance(value, str):
        place = dice.randrange(len(value))
        other = "7" if value[place] != "7" else "3"
        return value[:place] + other + value[place + 1 :]
    return (value or 0) + 1


def test_one_row_doubled(stage: Stage) -> None:
    """An item or a payment stands twice, under the next number."""
    told = Told("one row doubled in the ERP")
    with stage.working(), Light(stage.home) as light:
        for turn in range(TIMES):
            stage.sell_more(2)
            light.proven(stage.count)
            table, number = ("sale_item", "payment")[turn % 2], stage.count - turn % 2
            key = stage.ask(f"SELECT access_key FROM sale WHERE number = {number}")[0][0]
            names = [row[1] for row in stage.ask(f"PRAGMA table_info({table})")]
            values = ", ".join("2" if name == "number" else f'"{name}"' for name in names)
            harmed = now()
            stage.change(f"INSERT INTO {table} SELECT {values} FROM {table} WHERE access_key = ?", key)
            first = light.until(differs(stage, number), f"{table} of {number} doubled, told")
            light.go_on(5)
            cured = now()
            stage.change(f"DELETE FROM {table} WHERE access_key = ? AND number = 2", key)
            light.proven(stage.count)
            told_of(light, told, harmed, first, cured)
        stage.booked_right()
        stage.reconciled()
    told.close()


def test_a_sale_deleted(stage: Stage) -> None:
    """With its items or without, with its entry in the ledger or without: booked again once, the stock moved once."""
    told = Told("a sale deleted in the ERP")
    with stage.working(), Light(stage.home) as light:
        for turn in range(TIMES):
            stage.sell_more(2)
            light.proven(stage.count)
            number = stage.count - turn % 2
            key = stage.ask(f"SELECT access_key FROM sale WHERE number = {number}")[0][0]
            harmed = now()
            for table in ("sale", "sale_item", "payment"):
                stage.change(f"DELETE FROM {table} WHERE access_key = ?", key)
            whole = bool(turn % 3 == 2)
            if whole:
                stage.change("DELETE FROM posting_key WHERE identity LIKE '%' || ? || '%'", key)
                stage.change("UPDATE stock SET quantity = quantity + 10000")
            first = light.until(_lost(stage, number), f"{number} lost, told")
            assert first.till["light"] == "outside"
            assert f"{number}" in stage.run("books", "rebook", "--dry-run").stdout
            light.go_on(5)
            cured = now()
            again = stage.run("books", "rebook", "--yes", "--reason", "deleted by hand")
            assert again.returncode == 0, again.stdout + again.stderr
            light.proven(stage.count)
            assert stage.ask(f"SELECT 1 FROM sale WHERE access_key = '{key}'"), "green, and not in the ERP"
            told_of(light, told, harmed, first, cured)
        stage.booked_right()
        stage.reconciled()
    told.close()


def _lost(stage: Stage, number: int) -> Callable[[Look], bool]:
    def holds(look: Look) -> bool:
        finding = look.finding("outside_erp")
        return finding.get("count") == 1 and finding.get("value") == stage.cents(number)

    return holds
