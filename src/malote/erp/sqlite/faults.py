"""Errors of SQLite, by its codes. It has one for a missing table and for much else."""

import sqlite3

from malote.erp.error_translation import detail_of, plain_error, spoken_error
from malote.erp.protocol import ErpError

ERROR = sqlite3.Error

_CODES = {
    sqlite3.SQLITE_BUSY: "erp_locked",
    sqlite3.SQLITE_LOCKED: "erp_locked",
    sqlite3.SQLITE_PROTOCOL: "erp_locked",
    sqlite3.SQLITE_INTERRUPT: "erp_slow",
    sqlite3.SQLITE_FULL: "erp_full",
    sqlite3.SQLITE_IOERR: "erp_away",
    sqlite3.SQLITE_CANTOPEN: "erp_away",
    sqlite3.SQLITE_NOMEM: "erp_away",
    sqlite3.SQLITE_SCHEMA: "erp_conflict",
    sqlite3.SQLITE_READONLY: "erp_read_only",
    sqlite3.SQLITE_PERM: "erp_privilege",
    sqlite3.SQLITE_AUTH: "erp_privilege",
    sqlite3.SQLITE_CORRUPT: "erp_damaged",
    sqlite3.SQLITE_NOTADB: "erp_damaged",
    # From here on a document is at fault.
    sqlite3.SQLITE_CONSTRAINT: "erp_constraint",
    sqlite3.SQLITE_TOOBIG: "value_out_of_range",
    sqlite3.SQLITE_MISMATCH: "value_out_of_range",
    sqlite3.SQLITE_RANGE: "structure_outdated",
    sqlite3.SQLITE_ERROR: "structure_outdated",  # or anything else: whoever asks looks what is missing
}


def classified(error: sqlite3.Error, table: str, statement: str = "") -> ErpError:
    """The ``ErpError`` that stands for ``error``; ``table`` is the one being written, where that is known."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        # The driver's own refusal of a value or a use, before SQLite saw it.
        return plain_error("erp_refused", table, type(error).__name__)
    primary, name = code & 0xFF, error.sqlite_errorname
    if primary == sqlite3.SQLITE_CONSTRAINT:
        # A trigger's RAISE speaks its own words; of its own rules SQLite names constraint, table and column.
        words = str(error)
        raised = name == "SQLITE_CONSTRAINT_TRIGGER"
        detail = detail_of(table, name) if raised else detail_of(table, words, name)
        reference = "" if name == "SQLITE_CONSTRAINT_FOREIGNKEY" else None
        names = {"table": table, "sqlstate": name}
        return spoken_error("erp_constraint", detail, names, words, raised=raised, reference=reference)
    return plain_error(_CODES.get(primary, "erp_refused"), table, name)
