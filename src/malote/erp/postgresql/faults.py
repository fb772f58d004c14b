"""Errors of PostgreSQL and of its driver, by SQLSTATE. What a message quotes of a document is never repeated."""

import re

import psycopg

from malote.erp.error_translation import detail_of, plain_error, spoken_error
from malote.erp.protocol import ErpError

ERROR = psycopg.Error

# By SQLSTATE, whole or by its class (the first two characters); the longest match decides.
_CODES = {
    "08": "erp_away",  # connection
    "25006": "erp_read_only",  # a standby, or a user or a database that is set so
    "25P03": "erp_slow",  # a transaction that stood idle for longer than the DBA lets it
    "25P04": "erp_slow",  # transaction timeout
    "28": "erp_refused_login",
    "3D000": "erp_database_refused",  # there is none of that name
    "40": "erp_conflict",  # deadlock, serialization
    "42501": "erp_privilege",
    "53": "erp_away",  # memory
    "53300": "erp_crowded",  # connections
    "53100": "erp_full",
    "55": "erp_conflict",  # an object being altered at this moment
    "55P03": "erp_locked",
    "57": "erp_away",  # shutdown, restart
    "57P03": "erp_not_ready",  # starting up, shutting down, in recovery
    "57014": "erp_slow",  # statement timeout, or cancelled by a person
    "58": "erp_away",  # the server's disk
    "XX001": "erp_damaged",
    "XX002": "erp_damaged",
    # From here on a document is at fault.
    # What else is of class 22 (a division by zero, JSON that isn't any) is no value that is too large for a column.
    "22001": "value_out_of_range",  # a text that is too long
    "22003": "value_out_of_range",  # a number that is too large
    "22007": "value_out_of_range",  # no date
    "22008": "value_out_of_range",
    "22P02": "value_out_of_range",  # no number, no value of an enumeration
    "22P03": "value_out_of_range",
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

# What a server says before a session exists, in the languages of stores' servers; the file's name is one in all.
_BEFORE_A_SESSION = (
    (re.compile(r"\bpg_hba\.conf\b"), "erp_host_refused"),
    (
        re.compile(r"too many (?:clients|connections)|remaining connection slots|muitos clientes|muitas conexões"),
        "erp_crowded",
    ),
    (re.compile(r"the database system is|o sistema de banco de dados está"), "erp_not_ready"),
)

# Classes of SQLSTATE that the server itself uses for what is wrong with a row or a statement.
_SERVERS_OWN = frozenset({"22", "23", "25", "40", "42", "53", "54", "55", "57", "58", "XX"})

_NO_SUCH_ROW = "23503"  # for a foreign key, or one that others refer to

_QUOTES = "\"'\u00ab\u00bb\u201c\u201d\u201e"


def classified(error: psycopg.Error, table: str, statement: str = "") -> ErpError:
    """The ``ErpError`` that stands for ``error``; ``table`` is the one being written, where that is known."""
    state = error.sqlstate
    if state is None:
        return _without_state(error)
    diag = error.diag
    # Of a domain that forbids NULL the server names the domain alone.
    where = diag.column_name or diag.datatype_name
    detail = detail_of(diag.table_name or table, where, diag.constraint_name, state)
    code = _CODES.get(state) or _CODES.get(state[:2], "erp_refused")
    names = {"table": diag.table_name or table, "column": diag.column_name, "constraint": diag.constraint_name}
    # The server's own DETAIL quotes the row; one that a procedure of the ERP wrote is meant for people.
    raised = state.startswith("P0") or state[:2] not in _SERVERS_OWN
    parts = (diag.message_primary, diag.message_detail if raised else None, diag.message_hint)
    spoken = " ".join(part for part in parts if part)
    quoted = () if raised else _values(diag.message_detail or "")
    reference = diag.constraint_name or "" if state == _NO_SUCH_ROW else None
    return spoken_error(code, detail, {**names, "sqlstate": state}, spoken, quoted, raised=raised, reference=reference)


def _values(detail: str) -> list[str]:
    """What stands in brackets, in any language: ``Key (method)=(23) is not …``, ``Failing row contains (…, 23, …).``"""
    return [value for part in re.findall(r"\(([^()]*)\)", detail) for value in part.split(", ")]


def _without_state(error: psycopg.Error) -> ErpError:
    """The driver itself: no connection came about, or it broke. The server's own words are lost with it."""
    if isinstance(error, psycopg.errors.ConnectionTimeout):
        return ErpError("erp_away", detail="connection timeout")
    if error.pgconn is not None and error.pgconn.needs_password:
        return ErpError("erp_refused_login", detail="no password given")
    if isinstance(error, psycopg.DataError):
        # The driver's own refusal of a text, before the server saw it.
        return plain_error("erp_unencodable", type(error).__name__)
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        words = " ".join(str(error).split())
        return ErpError(_before_a_session(error, words), detail=words)
    return plain_error("erp_refused", type(error).__name__)


def _before_a_session(error: psycopg.Error, words: str) -> str:
    """Whether the server answered, and about whom: this machine, all who come now, our user (a wrong password, one
    without LOGIN, one it doesn't know) or the database (there is none, it takes nobody).

    Before a session exists the driver passes on words and no code. Their language is the server's: where its words are
    not known, what is the same in all languages counts, the severity of what ends a connection and a name in quotes
    after it.
    """
    _, _, told = words.partition("FATAL:")
    if known := next((code for said, code in _BEFORE_A_SESSION if said.search(told)), None):
        return known
    if error.pgconn is None:
        return "erp_away"
    if _names(error.pgconn.user, told):
        return "erp_refused_login"
    return "erp_database_refused" if _names(error.pgconn.db, told) else "erp_away"


def _names(name: bytes | None, words: str) -> bool:
    wanted = re.escape((name or b"").decode(errors="replace"))
    return bool(wanted) and re.search(rf"[{_QUOTES}]\s?{wanted}\s?[{_QUOTES}]", words) is not None
