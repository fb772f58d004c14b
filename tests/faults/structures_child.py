"""Processes that end badly while a structure is applied: ``python -m tests.faults.structures_child WHAT …``.

``apply HOME ERP``: the server's side, as ``malote structures apply erp`` would. ``till killed|damaged``: the agent,
with its settings in the environment; it kills itself before a structure's commit, or finds the file damaged after it.
"""

import os
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

from malote.schema import till_update
from malote.schema.definition import Structure
from tests.engines.structures_support import ACTOR, structures_over


def main(what: str, *words: str) -> None:
    if what == "apply":
        with structures_over(Path(words[0]), words[1]) as (services, _):
            services.apply("erp", ACTOR)
        return
    if words[0] == "killed":
        till_update.complete = _killed
    else:
        till_update._prove_sound = _damaged
    from malote.cli.main import main as malote

    sys.argv = ["malote", "till", "run", *words[1:]]
    malote()


_complete = till_update.complete


def _killed(connection: sqlite3.Connection, structure: Structure, sha256: str = "", **others: Any) -> int:
    _complete(connection, structure, sha256, **others)
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def _damaged(connection: sqlite3.Connection) -> None:
    error = sqlite3.DatabaseError("quick_check")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    raise error


if __name__ == "__main__":
    main(*sys.argv[1:])
