"""Errors of MariaDB, of MySQL and of their driver, by number. What a message quotes of a document is never repeated."""

import re

import pymysql

from malote.erp.error_translation import by_number, speaker
from malote.erp.mariadb.calls import REFUSED_IN_XA, EndsTransactionError
from malote.erp.protocol import ErpError
from malote.erp.server_words import presentable

ERROR = pymysql.Error

LOST = 2013  # the connection, while a statement ran
GONE = 1305  # a procedure, or a savepoint, that isn't there
TAKEN = 1062
DEADLOCK = "40001"  # the SQLSTATE by which the server says that it took everything back

_CODES: dict[str, tuple[int, ...]] = {
    # Not there, going down, no memory, a Galera node that isn't ready, a session that somebody ended, the network.
    "erp_away": (
        *(0, 1037, 1038, 1041, 1047, 1053, 1077, 1079, 1080, 1129, 1135, 1152, 1158, 1159, 1160, 1161),
        *(1184, 1637, 1927, 2002, 2003, 2005, 2006, 2012, 2013, 2014, 2055),
        *(1023, 1024, 1025, 1026, 1030),
    ),
    "erp_read_only": (1290, 1792, 1836),  # a replica, a server that was put so, a transaction that may only read
    "erp_crowded": (1040, 1203, 1226),
    "erp_database_refused": (1049,),
    "erp_locked": (1205,),
    "erp_conflict": (1020, 1213, REFUSED_IN_XA, 1402, 1412, 1568, 1613, 1614),
    "erp_slow": (1317, 1969, 3024),
    "erp_full": (1021, 1114),
    "erp_damaged": (1034, 1035, 1194, 1195, 1877, 1932),
    "erp_refused_login": (1045, 1130, 1251, 1524, 1698, 1820, 1862),
    "erp_privilege": (1044, 1142, 1143, 1227, 1370),
    # From here on a document is at fault.
    "structure_outdated": (1054, 1064, 1136, 1146, GONE, 1318),
    "erp_constraint": (1048, TAKEN, 1216, 1217, 1364, 1451, 1452, 1557, 1586, 1761, 1762, 3819, 4025),
    "value_out_of_range": (1264, 1265, 1292, 1366, 1367, 1406, 1411, 1690, 4038),
}
_BY_NUMBER = by_number(_CODES)
_BACKTICKS = re.compile(r"`([^`]+)`")
_IN_QUOTES = re.compile(r"'([\w$.]+)'")
# What stands in backticks is a name wherever it stands. In these the first thing in quotes is one as well; elsewhere it
# may be a value.
_NAME_FIRST = frozenset({1048, 1054, 1146, 1264, 1364, 1406})
_SIGNED = 2**16  # the driver reads the number with a sign

_NO_SUCH_ROW = frozenset({1216, 1452})  # for a foreign key
_CONSTRAINT = re.compile(r"CONSTRAINT `([^`]+)`")

_RAISED = "45000"  # what a procedure signals by


def classified(error: pymysql.Error, table: str, statement: str = "") -> ErpError:
    """The ``ErpError`` that stands for ``error``; ``table`` is the one being written, where that is known."""
    if isinstance(error, EndsTransactionError):
        return ErpError("structure_outdated", detail=str(error.args[0]))
    number, message = _number(error), str(error.args[1]) if len(error.args) > 1 else ""
    if number is None:
        # The driver's own refusal of a value or a use, or a connection it has closed itself.
        away = isinstance(error, pymysql.OperationalError | pymysql.InterfaceError)
        return ErpError("erp_away" if away else "erp_refused", detail=type(error).__name__)
    state = getattr(error, "sqlstate", None) or ""
    named = f"{number} ({state})" if state else str(number)
    detail = ", ".join(part for part in (table, *_names(number, message), named) if part)
    code = _BY_NUMBER.get(number, "erp_refused")
    if number == LOST and isinstance(error.__context__, TimeoutError):
        code = "erp_slow"  # the driver gave up waiting; the server may work on
    if number == GONE and "SAVEPOINT" in statement:
        # A deadlock took the whole transaction back, its savepoints with it.
        code = "erp_conflict"
    said = presentable(message)
    facts = {"sqlstate": state, "said": said, "table": table} | speaker(raised=state == _RAISED)
    spoken = "" if number < 1000 or 2000 <= number < 3000 else message  # the driver's own words are nobody's
    given = {name: fact for name, fact in facts.items() if fact}
    return ErpError(code, detail=detail, facts=given, spoken=spoken, reference=_reference(number, message))


def _reference(number: int, message: str) -> str | None:
    """As in ``ErpError``."""
    if number not in _NO_SUCH_ROW:
        return None
    found = _CONSTRAINT.search(message)
    return found[1] if found else ""


def _number(error: pymysql.Error) -> int | None:
    given = error.args[0] if error.args else None
    return given % _SIGNED if isinstance(given, int) else None


def _names(number: int, message: str) -> list[str]:
    found = [one for one in _BACKTICKS.findall(message) if one]
    quoted = _IN_QUOTES.search(message) if number in _NAME_FIRST else None
    return [*found, *([quoted[1]] if quoted else [])]
