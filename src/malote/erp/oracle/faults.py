"""Errors of Oracle and of its driver, by number. Parts of a message that may quote a document are never repeated."""

import re

import oracledb

from malote.erp.error_translation import by_number, speaker
from malote.erp.protocol import ErpError
from malote.erp.server_words import presentable

ERROR = oracledb.Error

_CODES: dict[str, tuple[int, ...]] = {
    # Not there, going down, coming up, the network.
    "erp_away": (
        *(28, 1012, 1033, 1034, 1041, 1089, 1090, 1092, 2396, 3113, 3114, 3135, 4030, 4031, 12152, 12153),
        *(12154, 12170, 12203, 12500, 12518, 12521, 12526, 12527, 12528, 12537),
        *(12541, 12543, 12545, 12547, 12560, 12570, 12571, 12583, 12606, 12609, 25401, 25402, 25408),
    ),
    "erp_read_only": (1456, 16000, 16456),  # a standby, a transaction that may only read
    "erp_crowded": (18, 20, 12516, 12519, 12520),
    "erp_database_refused": (12505, 12514),  # the listener knows no such database
    "erp_locked": (54, 2049, 4021, 30006),
    "erp_conflict": (60, 1555, 4020, 4061, 4068, 8176, 8177, 25404),
    "erp_slow": (40, 1013, 2393),
    "erp_full": (257, 1536, 1650, 1651, 1652, 1653, 1654, 1655, 1658, 1659, 1688, 1691, 1692, 19809, 30036),
    "erp_damaged": (376, 1110, 1115, 1578),
    "erp_refused_login": (1005, 1017, 1045, 28000, 28001, 28003),
    "erp_privilege": (1031, 1950, 41900),
    # From here on a document is at fault.
    # A table that is not there and one that may not be seen at all have the same number.
    "structure_outdated": (904, 913, 932, 942, 947, 2289, 4043, 6550),
    "erp_constraint": (1, 1400, 1407, 2091, 2290, 2291, 2292),
    # The server's own faults, for which the statement at hand is the best suspect.
    "erp_refused": (600, 7445),
    "value_out_of_range": (1401, 1426, 1438, 1455, 1461, 1722, 1830, 1839, 1841, 1843, 1861, 12899),
}
_DRIVER = {
    "DPY-4001": "erp_refused_login",  # no credentials
    "DPY-4024": "erp_slow",  # call timeout
}
# Of the driver: interface, programming and data errors. All others are about the connection.
_DRIVER_PERMANENT = ("DPY-2", "DPY-3", "DPY-4003", "DPY-4004", "DPY-4007", "DPY-8")

_BY_NUMBER = by_number(_CODES)
_NAME = re.compile(r"\"[\w$#]+\"(?:\.\"[\w$#]+\")*|\(([\w$#]+(?:\.[\w$#]+)?)\)")
_AFTERWARDS = re.compile(r"\n\s*(?:ORA-06512|ORA-04088|Help:|https?:)")
_RAISED = range(20_000, 21_000)  # what a procedure raises by
_NO_SUCH_ROW = 2291  # for a foreign key
_WITH_NAMES = {1, 904, 1400, 1407, 2290, 2291, 2292, 12899}


def classified(error: oracledb.Error, table: str, statement: str = "") -> ErpError:
    """The ``ErpError`` that stands for ``error``; ``table`` is the one being written, where that is known."""
    told = error.args[0] if error.args else None
    number, full_code = int(getattr(told, "code", 0) or 0), str(getattr(told, "full_code", "") or "")
    named = f"ORA-{number:05}" if number else full_code or type(error).__name__
    names = _names(str(told)) if number in _WITH_NAMES else []
    detail = ", ".join(part for part in (table, *names, named) if part)
    if number in _BY_NUMBER:
        reference = "".join(names[:1]).rpartition(".")[2] if number == _NO_SUCH_ROW else None
        return _spoken(_BY_NUMBER[number], detail, named, str(told), raised=False, reference=reference)
    if full_code.startswith("DPY-") and not full_code.startswith(_DRIVER_PERMANENT):
        return ErpError(_DRIVER.get(full_code, "erp_away"), detail=detail)
    return _spoken("erp_refused", detail, named, str(told), raised=number in _RAISED)


def _spoken(
    code: str, detail: str, named: str, message: str, *, raised: bool, reference: str | None = None
) -> ErpError:
    """With the database's own words: those before the stack of calls and the help pages."""
    spoken = _AFTERWARDS.split(message)[0].partition(":")[2].strip()
    said = presentable(spoken)
    facts = {"sqlstate": named, **({"said": said} | speaker(raised=raised) if said else {})}
    return ErpError(code, detail=detail, facts=facts, spoken=spoken, reference=reference)


def _names(message: str) -> list[str]:
    """Objects in the first line of a message: only there are they nothing but names."""
    first = message.partition("\n")[0]
    return [match[1] or match[0].replace('"', "") for match in _NAME.finditer(first)]
