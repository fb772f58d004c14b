"""The commands of the loads, as a person calls them."""

import json
from datetime import UTC, datetime

from typer.testing import CliRunner

from malote.accounts import audit
from malote.cli.main import assemble
from tests.faces.loads_fixtures import Place

pytest_plugins = ("tests.faces.loads_fixtures",)


def command(place: Place, *words: str) -> tuple[int, str]:
    config = place.home / "malote.toml"
    config.write_text(
        f'language = "en"\n[erp]\nurl = "{place.erp.url}"\n[loads]\nsources = "cargas.toml"\n'
        "parameters = { loja = 3 }\nleast_rows = 5\n",
        encoding="utf-8",
    )
    result = CliRunner().invoke(assemble("loads"), ["loads", *words, "--config", str(config)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result.exit_code, result.stdout


def test_the_commands(place: Place) -> None:
    assert command(place, "run", "--dry-run")[0] == 0
    code, said = command(place, "run", "--json")
    assert (code, json.loads(said)["staged"]["version"], json.loads(said)["tills"]) == (0, 1, ["caixa1"])
    place.till.follow()
    at = json.loads(command(place, "status", "--json")[1])["status"]["made_at"]
    place.erp.set_price(7, "12.50")
    assert command(place, "run")[0] == 0
    assert "R$ 12.50" in command(place, "price", "7")[1]
    assert "R$ 10.00" in command(place, "price", "7890000000007", "--till", "caixa1")[1], "which has it not yet"
    then = datetime.fromtimestamp(at + 0.001, UTC).isoformat()
    assert json.loads(command(place, "price", "7", "--at", then, "--json")[1])["version"] == 1
    code, said = command(place, "diff", "1", "2", "--json")
    assert [(one["entity"], one["before"]["price"], one["after"]["price"]) for one in json.loads(said)] == [
        ("price", "10.00", "12.50")
    ]
    assert "price=12.50" in command(place, "diff", "1", "2")[1]
    code, said = command(place, "diff", "0", "1", "--limit", "1")
    assert (code, said.splitlines()[-1]) == (1, "1 and more: --limit")
    place.erp.do("DELETE FROM produto WHERE cod > 30")
    code, said = command(place, "run")
    assert (code, "load_gone_many" in said) == (1, True)
    assert command(place, "status")[0] == 1
    assert command(place, "confirm", "product", "--reason", "closed")[0] == 0
    assert command(place, "confirm", "product")[0] == 3
    place.erp.set_price(9, "-1")
    assert command(place, "run")[0] == 1
    code, said = command(place, "refused")
    assert (code, "load_value_negative" in said) == (1, True)
    assert command(place, "refused", "pruduct")[0] == 3, "what nobody knows isn't said to be well"
    assert command(place, "diff", "1", "2", "--entity", "pruduct")[0] == 3
    assert command(place, "price", "7", "--at", "9999-12-31T23:59-03:00")[0] == 2
    assert "30 6 * * 1" in command(place, "schedule", "--add", "30 6 * * 1", "--full")[1]
    assert command(place, "schedule", "--add", "never")[0] == 3
    assert json.loads(command(place, "schedule", "--remove", "1", "--json")[1])["plans"] == []
    assert command(place, "rollout", "status")[1] == "No roll-out yet.\n"
    assert json.loads(command(place, "rollout", "start", "--dry-run", "--json")[1])["id"] == 0
    assert "Roll-out 1: under way, wave 1/1; in the queue 1" in command(place, "rollout", "start", "--full")[1]
    assert command(place, "rollout", "approve")[0] == 3
    assert json.loads(command(place, "rollout", "cancel", "--reason", "late", "--json")[1])["state"] == "cancelled"
    assert command(place, "rollout", "resume")[0] == 0
    code, said = command(place, "rollout", "status", "1", "--json")
    assert (code, [one["state"] for one in json.loads(said)["tills"]]) == (0, ["pending"])
    trail = {one.action for one in audit.entries(place.services.engine)}
    assert {"load_made", "load_ordered", "load_confirmed", "load_planned", "load_plan_removed"} <= trail
    assert {"load_rollout_started", "load_rollout_cancelled", "load_rollout_resumed"} <= trail
