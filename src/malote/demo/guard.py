"""Stops the demo's PostgreSQL when the demo was killed and could not do it: ``python -m malote.demo.guard FOLDER``.

The demo holds the other end of standard input; the system closes it when the demo is gone.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from malote.demo.postgres import Postgres


@contextmanager
def guarded(server: Postgres) -> Iterator[None]:
    """While the block lasts, the server will not outlive this process. Stops it at the end."""
    arguments = [sys.executable, "-m", __name__, str(server.folder), server.system_user or ""]
    # Out of reach of a Ctrl-C in the terminal.
    group = None if os.name == "nt" else 0
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, process_group=group):
        try:
            yield
        finally:
            server.stop()


def main() -> None:
    folder, system_user = sys.argv[1:]
    while os.read(sys.stdin.fileno(), 1):
        pass
    Postgres("", Path(folder), system_user or None).stop()


if __name__ == "__main__":
    main()
