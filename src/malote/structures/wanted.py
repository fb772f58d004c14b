"""The wanted structure of each scope, declared once and versioned."""

from functools import cache

import msgspec

import malote.database.account_tables
import malote.database.quarantine_tables
import malote.database.structure_tables  # noqa: F401 - of the same metadata, as those above
from malote.database.tables import metadata as store_metadata
from malote.erp.tables import metadata as erp_metadata
from malote.structures.form import Scope, Structure, Table
from malote.structures.metadata import structure_of
from malote.structures.till_structure import TILL

STORE_VERSION = 1  # its migrations count for themselves
ERP_VERSION = 2  # 1 was that of 2025, before the tax reform's IBS and CBS

_REFORM = ("reform_", "ibs", "cbs")


@cache
def wanted(scope: Scope) -> Structure:
    """What the databases of a scope should look like."""
    match scope:
        case "till":
            return TILL
        case "store":
            return structure_of(store_metadata, "store", STORE_VERSION)
        case "erp":
            return structure_of(erp_metadata, "erp", ERP_VERSION, fill_amounts=True)


def erp_of_2025() -> Structure:
    """Last year's structure of the ERP, without the groups of IBS and CBS: for tests and for the demo."""
    return msgspec.structs.replace(
        wanted("erp"), version=1, tables=tuple(_without_reform(table) for table in wanted("erp").tables)
    )


def _without_reform(table: Table) -> Table:
    kept = tuple(column for column in table.columns if not column.name.startswith(_REFORM))
    return msgspec.structs.replace(table, columns=kept)
