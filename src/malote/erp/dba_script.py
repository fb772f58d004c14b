"""What a DBA runs once: Malote's own tables in the ERP, and what the posting user may do. Connects to nothing."""

from sqlalchemy import Dialect
from sqlalchemy.schema import CreateTable

from malote.config import Settings
from malote.erp import structure
from malote.erp.address import parsed
from malote.erp.engines import open_configured
from malote.erp.grants import statements
from malote.erp.mapping import ErpTables
from malote.erp.mariadb.tables import created as made_on_mariadb
from malote.erp.oracle.engine import DIALECT as ORACLE
from malote.erp.postgresql.grants import DIALECT as POSTGRESQL


def script(settings: Settings, user: str = "") -> str:
    """SQL; "" where the database has no users (SQLite). ``user``: who posts; by default the address' own.

    Raises ``ErpError``.
    """
    erp = open_configured(settings)
    try:
        granted = statements(erp.grants(user or parsed(settings.erp_url).username or "malote"))
        match erp.engine:
            case "postgresql":
                schema = POSTGRESQL.identifier_preparer.quote(erp.tables.schema or "public")
                # Grants name the schema, and the tables must come into the same one.
                made = [f"SET search_path = {schema};", *_made(erp.tables, POSTGRESQL, if_not_exists=True)]
            case "oracle":
                made = _made(erp.tables, ORACLE, if_not_exists=False)  # which older ones don't understand
            case "mariadb":
                made = [f"{made_on_mariadb(one)};" for one in structure.wanted(erp.tables, everything=False)]
            case _:
                return ""
    finally:
        erp.close()
    return "\n\n".join(made) + "\n\n" + "\n".join(granted) + "\n"


def _made(tables: ErpTables, dialect: Dialect, *, if_not_exists: bool) -> list[str]:
    wanted = structure.wanted(tables, everything=False)
    made = (str(CreateTable(one, if_not_exists=if_not_exists).compile(dialect=dialect)) for one in wanted)
    return [f"{one.strip()};" for one in made]
