"""The engines a production database may run on, by the scheme of its address."""

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from malote.erp.postgresql import PostgresqlErp
from malote.erp.protocol import Erp, ErpError
from malote.erp.sqlite import SqliteErp

_ENGINES: dict[str, type[PostgresqlErp] | type[SqliteErp]] = {
    "postgresql": PostgresqlErp,
    "postgres": PostgresqlErp,
    "postgresql+psycopg": PostgresqlErp,
    "sqlite": SqliteErp,
}


def open_erp(url: str, *, lock_timeout_seconds: float, statement_timeout_seconds: float = 30.0) -> Erp:
    """The ERP at ``url``. Nothing is connected yet, so that an ERP which is away doesn't keep Malote from starting.

    Raises ``ErpError`` with ``erp_address_invalid`` for an address that no engine understands.
    """
    address = _address(url)
    engine = _ENGINES.get(address.drivername)
    if engine is None:
        raise _invalid(f"{address.drivername}: known are {', '.join(sorted(_ENGINES))}")
    return engine(
        address,
        lock_timeout_seconds=lock_timeout_seconds,
        statement_timeout_seconds=statement_timeout_seconds,
    )


def _address(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError as error:
        # The address may hold a password: it is not repeated.
        raise _invalid("not of the form postgresql://user@host/database or sqlite:///file") from error


def _invalid(detail: str) -> ErpError:
    return ErpError("erp_address_invalid", transient=False, detail=detail)
