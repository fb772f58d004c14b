"""Where everything of the demo is, its settings, and the programs it runs."""

import json
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx

from malote import durable
from malote.config import SettingsError, load
from malote.database.engine import open_database
from malote.database.migrations import migrate
from malote.demo import bench, login, postgres, price_list
from malote.demo.evidence import TillPlace
from malote.demo.guard import guarded
from malote.demo.issuers import SUPERMARKET, WHOLESALE
from malote.demo.pos import TillPlan
from malote.demo.processes import Program
from malote.rejection import Language
from malote.structures.last_year import make_outbox
from malote.tills.till import TillError, create_till, new_token
from malote.wire import PATH_HEALTH

DEFAULT_HOME = Path("demo-data")
_HOST = "127.0.0.1"
_START_SECONDS = 120.0  # of a machine on which thirty others wait for the processor
# Whoever drops a note without protocol into a folder wants to see what becomes of it.
_PATIENCE_HOURS = 0.1
_SOURCES = "cargas.toml"  # of the loads
# A hundred prices of the demo's 231 go to the tills by themselves; nearly all of them wait for a person.
_MOST_CHANGED_PERCENT = 50.0

Section = dict[str, object]


class HomeBusyError(Exception):
    """Another demo runs in this folder."""


class StoreNotStartedError(Exception):
    """The billing server does not answer; names its log."""


def plans(seed: int) -> tuple[TillPlan, ...]:
    """Two tills of a supermarket, and one of a company whose CNPJ holds letters."""
    return (
        TillPlan("caixa1", SUPERMARKET, 1, seed),
        TillPlan("caixa2", SUPERMARKET, 2, seed),
        TillPlan("caixa3", WHOLESALE, 3, seed),
    )


class Store:
    """A store laid out in ``home``. Laying it out again keeps what is there."""

    def __init__(self, home: Path, language: Language, seed: int = 1, *, last_year: bool = False) -> None:
        """``last_year``: ERP and tills begin with the structures of 2025."""
        self.last_year = last_year
        self.home = home.absolute()
        self.language = language
        self.settings_path = self.home / "malote.toml"
        self.logs = self.home / "logs"
        self.rejected = self.home / "rejeitados"
        self.erp_data = self.home / "erp"
        self.database_url = f"sqlite:///{(self.home / 'store.sqlite3').as_posix()}"
        self.tills = tuple(self._place(plan) for plan in plans(seed))
        self.console_password = ""  # of the user ``login.NAME``, once laid out

    def lay_out(self, erp_url: str) -> None:
        """Writes the settings of server and tills, and gives each till a token. Raises ``OSError``."""
        for folder in (self.logs, self.rejected, *(till.folder for till in self.tills)):
            folder.mkdir(parents=True, exist_ok=True)
        port = _port(self.settings_path)
        durable.write(self.settings_path, _toml(self._server_settings(port, erp_url)))
        durable.write(self.home / _SOURCES, price_list.sources())
        tokens = self._enrol()
        for till in self.tills:
            if self.last_year:
                make_outbox(till.outbox)
            path = self.till_home(till) / "malote.toml"
            durable.write(path, _toml(self._till_settings(till, port, tokens[till.plan.name])))

    @property
    def address(self) -> str:
        return f"http://{_HOST}:{load(self.settings_path, {}).server.port}"

    def programs(self) -> tuple[Program, ...]:
        """Everything a store runs, in the order of its start."""
        server = str(self.settings_path)
        return (
            Program(
                "server",
                ("serve", "--no-posting", "--config", server),
                {bench.VARIABLE: str(self.home / bench.FOLDER)},
            ),
            Program("poster", ("post", "--config", server)),
            *(self.agent(till) for till in self.tills),
        )

    def agent(self, till: TillPlace) -> Program:
        settings = str(self.till_home(till) / "malote.toml")
        return Program(till.plan.name, ("till", "run", "--config", settings))

    def till_home(self, till: TillPlace) -> Path:
        return till.outbox.parent

    def wait_for_server(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Returns once the server takes sales; does ``meanwhile`` between looks. What else is wrong, such as a trouble
        that was planted before the demo was stopped, is for people to see in it. Raises ``StoreNotStartedError``."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            meanwhile()
            try:
                if httpx.get(
                    self.address + PATH_HEALTH, params={"of": "intake"}, timeout=2, trust_env=False
                ).is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise StoreNotStartedError(str(self.logs / "server.log"))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keeps a second demo out of this folder. Raises ``HomeBusyError``."""
        self.home.mkdir(parents=True, exist_ok=True)
        # The system lets go of the lock when the process ends, however it ends.
        lock = sqlite3.connect(self.home / "demo.lock", isolation_level=None, timeout=0)
        with closing(lock):
            try:
                lock.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError as error:
                raise HomeBusyError(str(self.home)) from error
            yield

    def _place(self, plan: TillPlan) -> TillPlace:
        home = self.home / "caixas" / plan.name
        return TillPlace(plan, home / "xml", home / "pdv.sqlite3", home / "outbox.sqlite3")

    def _server_settings(self, port: int, erp_url: str) -> dict[str, object]:
        return {
            "home": ".",
            "language": self.language,
            "server": {"host": _HOST, "port": port, "posting": False},
            "store": {
                "name": "Loja de demonstração",
                "test_environment": True,
                "learn_series": True,
                "issuers": [],
                "authorisation_hours": _PATIENCE_HOURS,
                "sale_hours": _PATIENCE_HOURS,
            },
            "erp": {"url": erp_url},
            "loads": {"sources": _SOURCES, "look_seconds": 1.0, "most_changed_percent": _MOST_CHANGED_PERCENT},
            # Nobody wants to watch a demo wait.
            "posting": {"retry_first_seconds": 0.5, "retry_longest_seconds": 5.0},
        }

    def _till_settings(self, till: TillPlace, port: int, token: str) -> dict[str, object]:
        return {
            "home": ".",
            "language": self.language,
            "till": {
                "server": f"http://{_HOST}:{port}",
                "token": token,
                "folder": str(till.folder),
                "since": "all",
                "quiet_seconds": 0.3,
                "rescan_seconds": 3.0,
                "poll_seconds": 1.0,
                "retry_first_seconds": 0.5,
                "retry_longest_seconds": 5.0,
            },
        }

    def _enrol(self) -> dict[str, str]:
        """A fresh token for each till, which is created at the first start, and a way into the console."""
        engine = open_database(self.database_url)
        try:
            migrate(engine)
            self.console_password = login.renew(engine)
            tokens: dict[str, str] = {}
            for till in self.tills:
                name = till.plan.name
                try:
                    _, tokens[name] = create_till(engine, name, "PDV de demonstração")
                except TillError:
                    tokens[name] = new_token(engine, name)
            return tokens
        finally:
            engine.dispose()


@contextmanager
def erp_database(home: Path, *, prefer_sqlite: bool = False) -> Iterator[tuple[str, str]]:
    """The ERP's address while it runs, and why it can't be PostgreSQL ("" when it can)."""
    if prefer_sqlite:
        yield _sqlite_url(home), ""
        return
    try:
        server = postgres.start(home / "erp", home / "run")
    except postgres.PostgresUnavailableError as error:
        yield _sqlite_url(home), str(error)
        return
    with guarded(server):
        yield server.url, ""


def _sqlite_url(home: Path) -> str:
    return f"sqlite:///{(home / 'erp.sqlite3').as_posix()}"


def _port(settings_path: Path) -> int:
    """The port of before when it is still free, since people may have it open; otherwise any free one."""
    try:
        before = load(settings_path, {}).server.port
    except SettingsError:
        before = 0
    for wanted in (before, 0):
        try:
            with socket.create_server((_HOST, wanted)) as probe:
                return int(probe.getsockname()[1])
        except OSError:
            continue
    raise OSError("no free port")


def _toml_value(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _toml(values: dict[str, object]) -> bytes:
    """Settings as TOML: a JSON string, number, truth value or list of them is written alike there."""
    lines = ["# Written by the demo at every start."]
    sections = {name: value for name, value in values.items() if isinstance(value, dict)}
    lines += [f"{name} = {_toml_value(value)}" for name, value in values.items() if name not in sections]
    for section, settings in sections.items():
        lines += ["", f"[{section}]", *(f"{name} = {_toml_value(value)}" for name, value in settings.items())]
    return "\n".join([*lines, ""]).encode()
