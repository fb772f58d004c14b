"""The store database damaged under a running server, or gone without a backup: nothing more is acknowledged, a new one
is made in one step, and every sale is booked once."""

import json
import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.faults.test_erp_restored import House

pytestmark = pytest.mark.processes


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(tmp_path)
    assert made.run("erp", "create").returncode == 0
    with (made.till / "malote.toml").open("a", encoding="utf-8") as settings:
        settings.write("\nretry_first_seconds = 0.2\nretry_longest_seconds = 1.0\n")
    return made


def health(house: House) -> dict[str, Any]:
    lines = (house.home / "malote.toml").read_text(encoding="utf-8").splitlines()
    port = next(line.split("=")[1].strip() for line in lines if line.startswith("port"))
    try:
        reply = httpx.get(f"http://127.0.0.1:{port}/health", timeout=10)
    except httpx.HTTPError:
        return {}
    return {"code": reply.status_code, **reply.json()}


def till_status(house: House) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(house.run("till", "status", "--json", home=house.till).stdout)
    return said


def proven(house: House, count: int) -> bool:
    found = till_status(house)
    return bool(found["posted"] == count and found["pending"] == 0 and found["accepted"] == 0)


@pytest.mark.skipif(not os.environ.get("MALOTE_SOAK"), reason="a minute of a busy machine: make soak")
def test_a_store_overwritten_while_it_works_acknowledges_nothing_more_and_is_rebuilt(house: House) -> None:
    store = house.home / "store.sqlite3"
    with house.working():
        house.sell(range(1, 31))
        house.until(lambda: proven(house, 30))
        assert health(house)["code"] == 200
        with store.open("r+b") as file:
            size = store.stat().st_size
            for page in range(8, size // 4096, 2):
                file.seek(page * 4096)
                file.write(b"\xa5" * 4096)
        house.sell(range(31, 41))
        house.until(lambda: health(house).get("codes") == ["store_damaged"])
        house.until(lambda: till_status(house)["server"]["code"] == "store_damaged")
        refused = house.run("store", "rebuild")
        assert refused.returncode == 3, "the server works on it still"
    ended = house.run("store", "rebuild", "--json")
    assert ended.returncode in (0, 1), ended.stderr
    found = json.loads(ended.stdout)
    assert Path(found["aside"]).exists()
    assert found["unreadable"], "pages were overwritten"
    for token in found["tokens"]:
        _give(house, token["token"])
    with house.working():
        house.until(lambda: proven(house, 40))
        assert house.sold() == list(range(1, 41))


def test_a_store_that_is_gone_without_a_backup_is_made_anew_in_one_step(house: House) -> None:
    with house.working():
        house.sell(range(1, 11))
        house.until(lambda: proven(house, 10))
    for part in house.home.glob("store.sqlite3*"):
        part.unlink()
    house.sell(range(11, 16))
    ended = house.run("store", "rebuild", "--json", "--till", "caixa1")
    assert ended.returncode == 1, "tokens are to be taken to the tills"
    (token,) = json.loads(ended.stdout)["tokens"]
    assert token["till"] == "caixa1"
    trail = json.loads(house.run("audit", "list", "--json").stdout)
    assert [(one["action"], one["actor"][:4]) for one in trail] == [("store_rebuilt", "cli:"), ("till_created", "cli:")]
    assert house.run("audit", "verify").returncode == 0
    _give(house, token["token"])
    with house.working():
        house.until(lambda: proven(house, 15))
        assert house.sold() == list(range(1, 16))


def _give(house: House, token: str) -> None:
    path = house.till / "malote.toml"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text(
        "\n".join([line for line in lines if not line.startswith("token")] + [f'token = "{token}"']), "utf-8"
    )
