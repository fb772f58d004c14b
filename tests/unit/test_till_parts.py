"""The small parts: back-off, voice, lock, settings."""

import ast
from pathlib import Path

import pytest

from malote import rejection
from malote import till as till_package
from malote.backoff import LONGEST_PATIENCE_SECONDS, Backoff
from malote.config import Settings, TillSettings
from malote.till.lock import AgentLock
from malote.till.setup import SetupError, prepare
from malote.till.storage import OutboxError
from tests.unit.till_support import Ears

WHOLE, HALF = 0.0, 1.0  # what the dice leave of a wait


def test_waits_twice_as_long_each_time_up_to_the_longest() -> None:
    backoff = Backoff(1.0, 10.0, dice=lambda: WHOLE)
    assert [backoff.next() for _ in range(6)] == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    backoff.reset()
    assert backoff.next() == 1.0


def test_the_dice_take_at_most_half_of_the_wait() -> None:
    assert Backoff(8.0, 10.0, dice=lambda: HALF).next() == 4.0
    assert Backoff(8.0, 10.0, dice=lambda: 0.5).next() == 6.0
    assert Backoff(8.0, 10.0, dice=lambda: HALF).slow() == 5.0


def test_respects_what_the_server_asks_for_within_reason() -> None:
    assert Backoff(1.0, 10.0, dice=lambda: WHOLE).next(30.0) == 30.0
    assert Backoff(1.0, 10.0, dice=lambda: WHOLE).next(1e9) == LONGEST_PATIENCE_SECONDS
    assert Backoff(4.0, 10.0, dice=lambda: WHOLE).next(0.0) == 4.0


def test_months_offline_do_not_overflow() -> None:
    backoff = Backoff(1.0, 120.0)
    backoff.attempts = 10**6
    assert backoff.next() <= 120.0


def test_says_a_trouble_once_and_once_more_when_it_is_over() -> None:
    ears = Ears()
    for attempt in range(3):
        ears.voice.trouble("server", "server_unreachable", detail=f"attempt {attempt}")
    ears.voice.trouble("server", "token_invalid")
    ears.voice.over("server")
    ears.voice.over("server")
    assert [(notice.about, notice.problem.code) for notice in ears.heard] == [
        ("begins", "server_unreachable"),
        ("begins", "token_invalid"),
        ("over", "token_invalid"),
    ]


def test_one_agent_per_outbox(tmp_path: Path) -> None:
    outbox = tmp_path / "outbox.sqlite3"
    with AgentLock(outbox):
        with pytest.raises(OutboxError) as raised:
            AgentLock(outbox)
        assert raised.value.code == "agent_running"
        with AgentLock(tmp_path / "other.sqlite3"):
            pass
    with AgentLock(outbox):
        pass


def settings(tmp_path: Path, **till: object) -> Settings:
    return Settings(home=str(tmp_path), till=TillSettings(**till))  # type: ignore[arg-type]


def test_paths_are_the_home_folders(tmp_path: Path) -> None:
    (tmp_path / "token.txt").write_text("\ufeffsecret\r\n", encoding="utf-8")
    setup = prepare(settings(tmp_path, folder="pos", token_file="token.txt", after_proof="move", moved_folder="done"))
    assert setup.token == "secret"
    assert setup.settings.folder == str(tmp_path / "pos")
    assert setup.settings.moved_folder == str(tmp_path / "done")
    assert setup.outbox == tmp_path / "outbox.sqlite3"


@pytest.mark.parametrize(
    ("till", "code", "setting"),
    [
        ({"token": "t"}, "settings_missing", "till.folder"),
        ({"folder": "pos"}, "settings_missing", "till.token"),
        ({"folder": "pos", "token": "t", "after_proof": "move"}, "settings_missing", "till.moved_folder"),
        ({"folder": "pos", "token_file": "nowhere"}, "setting_invalid", "till.token_file"),
        ({"folder": "pos", "token_file": "empty"}, "setting_invalid", "till.token_file"),
        ({"folder": "pos", "token": "t", "pouch_documents": 0}, "setting_invalid", "till.pouch_documents"),
        ({"folder": "pos", "token": "t", "poll_seconds": float("nan")}, "setting_invalid", "till.poll_seconds"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, till: dict[str, object], code: str, setting: str) -> None:
    (tmp_path / "empty").touch()
    with pytest.raises(SetupError) as raised:
        prepare(settings(tmp_path, **till))
    assert (raised.value.code, raised.value.facts["setting"]) == (code, setting)
    assert raised.value.facts["variable"] == f"MALOTE_{setting.upper().replace('.', '_')}"


# Which argument of a call is a code of the catalogue.
CODE_AT = {
    "OutboxError": 0,
    "OutboxDamagedError": 0,
    "SetupError": 0,
    "happened": 0,
    "trouble": 1,
    "ServerError": 1,
    "_refuse": 2,
    "Refusal": 2,
}


def uttered(source: Path) -> set[str]:
    codes = set[str]()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            place = CODE_AT.get(name)
            if place is not None and len(node.args) > place:
                code = node.args[place]
                if isinstance(code, ast.Constant) and isinstance(code.value, str):
                    codes.add(code.value)
    return codes


def test_every_code_that_the_till_utters_is_in_the_catalogue() -> None:
    sources = sorted(Path(till_package.__path__[0]).glob("*.py"))
    codes = set().union(*(uttered(source) for source in sources)) | {"content_damaged"}
    assert len(codes) > 10
    assert codes <= set(rejection.catalogue())
