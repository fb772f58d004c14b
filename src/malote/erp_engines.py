"""The databases that an ERP may run on: a line for each, and all else of it in the folder ``malote/erp/<name>/``."""

import msgspec


class RegisteredEngine(msgspec.Struct, frozen=True):
    """``name`` is its folder's and ``title`` what people call it; ``form``: how its address is written; ``driver``: the
    module of its driver; ``schemes``: how else an address may begin; ``places``: options of an address that may name
    the server instead."""

    name: str
    title: str
    form: str
    driver: str
    schemes: tuple[str, ...] = ()
    places: frozenset[str] = frozenset()

    @property
    def is_file(self) -> bool:
        """Whether its address names a file, and no server."""
        return ":///" in self.form


ENGINES = (
    RegisteredEngine(
        "postgresql",
        "PostgreSQL",
        "postgresql://user:password@host:5432/database",
        "psycopg",
        ("postgres", "postgresql+psycopg"),
        frozenset({"host", "hostaddr", "service"}),
    ),
    RegisteredEngine(
        "oracle",
        "Oracle",
        "oracle+oracledb://user:password@host:1521/?service_name=name",
        "oracledb",
        ("oracle+oracledb",),
    ),
    RegisteredEngine(
        "mariadb",
        "MariaDB",
        "mariadb://user:password@host:3306/database",
        "pymysql",
        ("mariadb+pymysql", "mysql", "mysql+pymysql"),
    ),
    RegisteredEngine("sqlite", "SQLite", "sqlite:///file", "sqlite3"),
)
NAMES = tuple(engine.name for engine in ENGINES)
BY_SCHEME = {scheme: engine for engine in ENGINES for scheme in (engine.name, *engine.schemes)}


def title_of(address: str) -> str:
    """What people call the engine of an address; "?" where it is none's."""
    engine = BY_SCHEME.get(address.partition(":")[0].lower())
    return engine.title if engine else "?"
