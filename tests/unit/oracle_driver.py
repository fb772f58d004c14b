"""A driver that records what it is asked, in place of an Oracle. It proves nothing about Oracle itself."""

from collections.abc import Callable, Sequence
from typing import Any, Self

import oracledb

Answer = Callable[[str, Any], list[tuple[Any, ...]]]


def nothing(sql: str, parameters: Any) -> list[tuple[Any, ...]]:
    return []


class Driver:
    """Stands for the database: hands out connections, and remembers every statement."""

    def __init__(self, answer: Answer = nothing) -> None:
        self.answer = answer
        self.asked: list[tuple[str, Any]] = []
        self.refused: Callable[[str, int, Any], Any] = lambda sql, place, row: None
        self.connections: list[Connection] = []
        self.events: list[str] = []
        self.arguments: dict[str, Any] = {}
        self.sizes: dict[str, Any] = {}
        self.given: str | None = None  # through every variable

    def connect(self, *_: Any, **arguments: Any) -> "Connection":
        self.arguments = arguments
        self.connections.append(Connection(self))
        return self.connections[-1]

    @property
    def statements(self) -> list[str]:
        return [sql for sql, _ in self.asked]


class Connection:
    version = "19.0.0.0.0"
    thin = True
    autocommit = False
    max_identifier_length = 128
    stmtcachesize = 20
    outputtypehandler: Any = None
    call_timeout = 0
    module = ""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def cursor(self) -> "Cursor":
        return Cursor(self._driver)

    def commit(self) -> None:
        self._driver.events.append("commit")

    def rollback(self) -> None:
        self._driver.events.append("rollback")

    def ping(self) -> None:
        pass

    def close(self) -> None:
        pass


class Variable:
    """A bind through which a block answers."""

    def __init__(self, value: str | None) -> None:
        self._value = value

    def getvalue(self) -> str | None:
        return self._value


class Cursor:
    arraysize = 100
    outputtypehandler: Any = None
    rowcount = 0
    description: Any = None

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._rows: list[tuple[Any, ...]] = []
        self._errors: list[Any] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def close(self) -> None:
        pass

    def setinputsizes(self, *_: Any, **sizes: Any) -> None:
        self._driver.sizes |= sizes

    def var(self, *_: Any, **__: Any) -> Any:
        return Variable(self._driver.given)

    def execute(self, sql: str, parameters: Any = None, **named: Any) -> None:
        parameters = parameters or named
        if sql == "SELECT 1.1 FROM DUAL":
            self._rows = [("1.1",)]
            return
        self._driver.asked.append((sql, parameters))
        self._rows = self._driver.answer(sql, parameters)
        if sql.lstrip().upper().startswith("SELECT"):
            width = len(self._rows[0]) if self._rows else sql.partition("FROM")[0].count(",") + 1
            self.description = [(f"C{place}", oracledb.STRING, 0, 0, 0, 0, True) for place in range(width)]

    def executemany(self, sql: str, rows: Sequence[Any], *, batcherrors: bool = False) -> None:
        self._driver.asked.append((sql, list(rows)))
        found = [self._driver.refused(sql, place, row) for place, row in enumerate(rows)]
        self._errors = [error for error in found if error is not None]
        if self._errors and not batcherrors:
            raise oracledb.DatabaseError(self._errors[0])

    def getbatcherrors(self) -> list[Any]:
        return self._errors

    def fetchone(self) -> tuple[Any, ...] | None:
        return self._rows.pop(0) if self._rows else None

    def fetchall(self) -> list[tuple[Any, ...]]:
        rows, self._rows = self._rows, []
        return rows

    def fetchmany(self, size: int = 100) -> list[tuple[Any, ...]]:
        return self.fetchall()


def error(number: int, message: str, offset: int = 0) -> Any:
    """What the driver has for ``ORA-<number>``."""
    from oracledb import errors

    return errors._Error(f"ORA-{number:05}: {message}", code=number, offset=offset)
