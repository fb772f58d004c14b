"""An agent that runs beside the test, and the server it talks to."""

from pathlib import Path

from malote.config import TillSettings
from malote.till.agent import Agent
from tests.unit.till_support import Ears

WAIT_SECONDS = 30.0


def an_agent(tmp_path: Path, settings: TillSettings, ears: Ears | None = None) -> Agent:
    return Agent(tmp_path / "outbox.sqlite3", settings, "token", (ears or Ears()).voice)
