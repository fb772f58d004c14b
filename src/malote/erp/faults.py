"""Every error of a production database, told transient or permanent. By its code or class, never by its text.

Transient: nothing is wrong with the documents, and all of them wait. Permanent: one of them is at fault.
"""

import re
import sqlite3
from collections.abc import Mapping

import oracledb
import psycopg
import pymysql
from sqlalchemy import exc

from malote.erp.mariadb import faults as faults_mariadb
from malote.erp.oracle import faults as faults_oracle
from malote.erp.profiles.functions import UnmappedError
from malote.erp.profiles.queries import UnansweredError
from malote.erp.protocol import ErpError
from malote.erp.said import presentable
from malote.erp.values import OutOfRangeError

# By SQLSTATE, whole or by its class (the first two characters); the longest match decides.
_POSTGRESQL_TRANSIENT = {
    "08": "erp_away",  # connection
    "25006": "erp_away",  # a standby, while another server takes over
    "25P03": "erp_away",  # a session that stood idle too long
    "25P04": "erp_slow",  # transaction timeout
    "28": "erp_refused_login",
    "3D000": "erp_away",  # no such database
    "40": "erp_conflict",  # deadlock, serialization
    "42501": "erp_privilege",
    "53": "erp_away",  # memory, connections
    "53100": "erp_full",
    "55": "erp_conflict",  # an object being altered at this moment
    "55P03": "erp_locked",
    "57": "erp_away",  # shutdown, restart
    "57014": "erp_slow",  # statement timeout, or cancelled by a person
    "58": "erp_away",  # the server's disk
    "XX001": "erp_damaged",
    "XX002": "erp_damaged",
}
_POSTGRESQL_PERMANENT = {
    "22": "value_out_of_range",
    "22021": "erp_unencodable",  # a character that no text of the database can hold
    "22P05": "erp_unencodable",  # one that its encoding lacks
    "23": "erp_constraint",
    "3F000": "structure_outdated",  # schema
    "42P01": "structure_outdated",  # table
    "42703": "structure_outdated",  # column
    "42704": "structure_outdated",  # type, constraint
    "42P10": "structure_outdated",  # the unique key that ON CONFLICT needs
    "42883": "structure_outdated",  # function
    "42804": "structure_outdated",  # column of another type
}

# Classes of SQLSTATE that the server itself uses for what is wrong with a row or a statement.
_SERVERS_OWN = frozenset({"22", "23", "25", "40", "42", "53", "54", "55", "57", "58", "XX"})

_QUOTES = "\"'\u00ab\u00bb\u201c\u201d\u201e"

_SQLITE_TRANSIENT = {
    sqlite3.SQLITE_BUSY: "erp_locked",
    sqlite3.SQLITE_LOCKED: "erp_locked",
    sqlite3.SQLITE_PROTOCOL: "erp_locked",
    sqlite3.SQLITE_INTERRUPT: "erp_slow",
    sqlite3.SQLITE_FULL: "erp_full",
    sqlite3.SQLITE_IOERR: "erp_away",
    sqlite3.SQLITE_CANTOPEN: "erp_away",
    sqlite3.SQLITE_NOMEM: "erp_away",
    sqlite3.SQLITE_SCHEMA: "erp_conflict",
    sqlite3.SQLITE_READONLY: "erp_privilege",
    sqlite3.SQLITE_PERM: "erp_privilege",
    sqlite3.SQLITE_AUTH: "erp_privilege",
    sqlite3.SQLITE_CORRUPT: "erp_damaged",
    sqlite3.SQLITE_NOTADB: "erp_damaged",
}
_SQLITE_PERMANENT = {
    sqlite3.SQLITE_CONSTRAINT: "erp_constraint",
    sqlite3.SQLITE_TOOBIG: "value_out_of_range",
    sqlite3.SQLITE_MISMATCH: "value_out_of_range",
    sqlite3.SQLITE_RANGE: "structure_outdated",
    sqlite3.SQLITE_ERROR: "structure_outdated",  # or anything else: whoever asks looks what is missing
}


def classify(error: Exception, table: str = "") -> ErpError:
    """The ``ErpError`` that stands for ``error``; ``table`` is the one being written, where that is known.

    Raises ``error`` itself where it is a fault of the program, which must not pass for the ERP's.
    """
    cause = error.orig if isinstance(error, exc.StatementError) and error.orig is not None else error
    match cause:
        case ErpError():
            return cause
        case psycopg.Error():
            return _of_postgresql(cause, table)
        case oracledb.Error():
            return faults_oracle.classified(cause, table)
        case pymysql.Error():
            statement = error.statement if isinstance(error, exc.StatementError) else None
            return faults_mariadb.classified(cause, table, statement or "")
        case sqlite3.Error():
            return _of_sqlite(cause, table)
        case OutOfRangeError():
            return _permanent("value_out_of_range", table, cause.column)
        case UnmappedError():
            return _permanent("erp_unmapped", cause.column, cause.lookup)
        case UnansweredError():
            code = "erp_query_ambiguous" if cause.several else "erp_unmapped"
            return _spoken(
                code, _detail(cause.column, cause.query), {"table": table}, "" if cause.several else cause.said
            )
        case OverflowError():  # SQLite's driver, for an integer of more than 64 bits
            return _permanent("value_out_of_range", table, "an integer")
        case exc.TimeoutError():
            return ErpError("erp_away", transient=True, detail="no connection came free")
    raise error


def _of_postgresql(error: psycopg.Error, table: str) -> ErpError:
    state = error.sqlstate
    if state is None:
        return _without_state(error)
    diag = error.diag
    detail = _detail(diag.table_name or table, diag.column_name, diag.constraint_name, state)
    transient = _longest(_POSTGRESQL_TRANSIENT, state)
    code = transient or _longest(_POSTGRESQL_PERMANENT, state) or "erp_refused"
    names = {"table": diag.table_name or table, "column": diag.column_name, "constraint": diag.constraint_name}
    # The server's own DETAIL quotes the row; one that a procedure of the ERP wrote is meant for people.
    raised = state.startswith("P0") or state[:2] not in _SERVERS_OWN
    parts = (diag.message_primary, diag.message_detail if raised else None, diag.message_hint)
    spoken = " ".join(part for part in parts if part)
    return _spoken(code, detail, {**names, "sqlstate": state}, spoken, transient=bool(transient))


def _spoken(
    code: str, detail: str, names: Mapping[str, str | None], spoken: str, *, transient: bool = False
) -> ErpError:
    """With the database's own words, as far as anybody may see them."""
    facts = {name: value for name, value in names.items() if value}
    said = presentable(spoken, known=facts.values())
    return ErpError(
        code, transient=transient, detail=detail, facts=facts | ({"said": said} if said else {}), spoken=spoken
    )


def _without_state(error: psycopg.Error) -> ErpError:
    """The driver itself: no connection came about, or it broke. The server's own words are lost with it."""
    if isinstance(error, psycopg.errors.ConnectionTimeout):
        return ErpError("erp_away", transient=True, detail="connection timeout")
    if error.pgconn is not None and error.pgconn.needs_password:
        return ErpError("erp_refused_login", transient=True, detail="no password given")
    if isinstance(error, psycopg.DataError):
        # The driver's own refusal of a text, before the server saw it.
        return _permanent("erp_unencodable", type(error).__name__)
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        words = " ".join(str(error).split())
        code = "erp_refused_login" if _refused_us(error, words) else "erp_away"
        return ErpError(code, transient=True, detail=words)
    return _permanent("erp_refused", type(error).__name__)


def _refused_us(error: psycopg.Error, words: str) -> bool:
    """Whether the server answered, and about our user: a wrong password, one without LOGIN, one it doesn't know.

    Before a session exists the driver passes on words and no code. Their language is the server's, so that only what is
    the same in all of them counts: the severity of what ends a connection, and the user's name in quotes after it.
    """
    user = error.pgconn.user.decode(errors="replace") if error.pgconn is not None and error.pgconn.user else ""
    _, answered, told = words.partition("FATAL:")
    return bool(answered and user) and re.search(f"[{_QUOTES}]{re.escape(user)}[{_QUOTES}]", told) is not None


def _of_sqlite(error: sqlite3.Error, table: str) -> ErpError:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        # The driver's own refusal of a value or a use, before SQLite saw it.
        return _permanent("erp_refused", table, type(error).__name__)
    primary, name = code & 0xFF, error.sqlite_errorname
    if primary in _SQLITE_TRANSIENT:
        return ErpError(_SQLITE_TRANSIENT[primary], transient=True, detail=_detail(table, name))
    if primary == sqlite3.SQLITE_CONSTRAINT:
        # A trigger's RAISE speaks its own words; of its own rules SQLite names constraint, table and column.
        words = str(error)
        raised = name == "SQLITE_CONSTRAINT_TRIGGER"
        detail = _detail(table, name) if raised else _detail(table, words, name)
        return _spoken("erp_constraint", detail, {"table": table, "sqlstate": name}, words)
    return _permanent(_SQLITE_PERMANENT.get(primary, "erp_refused"), table, name)


def _permanent(code: str, *where: str) -> ErpError:
    return ErpError(code, transient=False, detail=_detail(*where))


def _detail(*parts: str | None) -> str:
    return ", ".join(part for part in parts if part)


def _longest(codes: dict[str, str], state: str) -> str | None:
    return codes.get(state) or codes.get(state[:2])
