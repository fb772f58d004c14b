"""Every error of a production database as the ``ErpError`` that stands for it, by its code or class, never its text.

Transient: nothing is wrong with the documents, and all of them wait. Permanent: one of them is at fault. What the codes
of one database mean stands in its engine's folder.
"""

import sys
from collections.abc import Iterator
from types import ModuleType

from sqlalchemy import exc

from malote.erp.engine_loader import part_of
from malote.erp.error_translation import detail_of, plain_error, spoken_error
from malote.erp.profiles.compiled_expression import UnmappedError
from malote.erp.profiles.queries import UnansweredError
from malote.erp.protocol import ErpError
from malote.erp.values import OutOfRangeError
from malote.erp_engines import ENGINES


def raised() -> tuple[type[Exception], ...]:
    """All that a driver raises for the ERP's sake, and all that a document's values make impossible."""
    of_drivers = (faults.ERROR for faults in _loaded())
    return (exc.SQLAlchemyError, OutOfRangeError, UnmappedError, UnansweredError, OverflowError, *of_drivers)


def classify(error: Exception, table: str = "") -> ErpError:
    """The ``ErpError`` that stands for ``error``; ``table`` is the one being written, where that is known.

    Raises ``error`` itself where it is a fault of the program, which must not pass for the ERP's.
    """
    cause = error.orig if isinstance(error, exc.StatementError) and error.orig is not None else error
    match cause:
        case ErpError():
            return cause
        case OutOfRangeError():
            return plain_error("value_out_of_range", table, cause.column)
        case UnmappedError():
            return spoken_error(
                "erp_unmapped", detail_of(cause.column, cause.lookup), {"table": table}, "", cause.given
            )
        case UnansweredError():
            code = "erp_query_ambiguous" if cause.several else "erp_unmapped"
            words = "" if cause.several else cause.said
            return spoken_error(code, detail_of(cause.column, cause.query), {"table": table}, words, cause.given)
        case OverflowError():  # a driver's, for an integer of more than 64 bits
            return plain_error("value_out_of_range", table, "an integer")
        case exc.TimeoutError():
            return ErpError("erp_away", detail="no connection came free")
    statement = error.statement if isinstance(error, exc.StatementError) else None
    for faults in _loaded():
        if isinstance(cause, faults.ERROR):
            told: ErpError = faults.classified(cause, table, statement or "")
            return told
    raise error


def _loaded() -> Iterator[ModuleType]:
    """What is known of the engines whose drivers are loaded: no other can have raised anything."""
    return (part_of(engine.name, "faults") for engine in ENGINES if engine.driver in sys.modules)
