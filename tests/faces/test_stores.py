"""``malote stores``: many servers at a glance; one that can't be looked at keeps none of the others away."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from malote.cli.main import assemble
from malote.config import load
from malote.database.opened import opened_store
from malote.tills.till import create_till

APP = assemble("stores")


def test_each_folder_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("loja1", "loja2", "loja3"):
        (tmp_path / name).mkdir()
    (tmp_path / "loja1" / "malote.toml").write_text('language = "en"\n[store]\nname = "One"\n', encoding="utf-8")
    (tmp_path / "loja2" / "malote.toml").write_text("[store]\nname = 'Two'\n", encoding="utf-8")
    (tmp_path / "loja3" / "malote.toml").write_text("[stor]\n", encoding="utf-8")
    with opened_store(load(tmp_path / "loja1" / "malote.toml", {})) as store:
        create_till(store.engine, "caixa1")
    monkeypatch.setenv("MALOTE_DATABASE_URL", "sqlite:////nowhere/at/all.sqlite3")
    ended = CliRunner().invoke(APP, ["stores", str(tmp_path), "--json"])
    assert ended.exit_code == 1, ended.output
    one, two, three = json.loads(ended.stdout)
    assert (one["name"], one["tills"], one["attention"], one["code"]) == ("One", 1, 1, "")
    assert (two["name"], two["code"]) == ("Two", "store_missing")
    assert three["code"] == "settings_unusable"
    assert not (tmp_path / "loja2" / "store.sqlite3").exists()
    shown = CliRunner().invoke(APP, ["stores", str(tmp_path / "loja1")])
    assert "One" in shown.stdout
    assert CliRunner().invoke(APP, ["stores", str(tmp_path / "loja3" / "..")]).exit_code == 1
