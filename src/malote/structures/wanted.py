"""The wanted structure of each scope, declared once and versioned."""

import pkgutil
from functools import cache
from importlib import import_module

import msgspec

from malote import database
from malote.config import Settings
from malote.database.tables import metadata as store_metadata
from malote.erp.altering import Declared
from malote.erp.factory import tables_of
from malote.erp.grants import uses
from malote.erp.mapping import BUILT_IN, ErpTables
from malote.erp.profiles.profile import BUILT_IN as BUILT_IN_NAME
from malote.erp.protocol import ErpError
from malote.fiscal.documents import TOLD_LATER
from malote.schema.definition import Scope, Structure, StructureError, Table
from malote.schema.till_structure import TILL
from malote.structures.metadata import structure_of

STORE_VERSION = 1  # its migrations count for themselves
ERP_VERSION = 3  # 1 was that of 2025, before IBS and CBS; 2 had no taxes of one phase and no norm

_REFORM = ("reform_", "ibs", "cbs")
_LATER = TOLD_LATER | {"norm"}


def declared(scope: Scope, settings: Settings) -> Declared:
    """What is wanted of a scope by these settings. Raises ``StructureError`` with ``erp_profile_invalid``."""
    match scope:
        case "till":
            return Declared(TILL, frozenset(table.name for table in TILL.tables))
        case "store":
            return Declared(_store(), frozenset())
        case "erp":
            try:
                return erp_declared(tables_of(settings))
            except ErpError as error:
                raise StructureError(error.code, detail=error.detail) from error


def erp_declared(tables: ErpTables) -> Declared:
    """Malote's own tables, or those of another profile; of an ERP's tables only the ledger is Malote's to make."""
    structure = structure_of(tables.metadata, "erp", ERP_VERSION, fill_amounts=True)
    every = frozenset(table.name for table in structure.tables)
    own = every if tables.profile.name == BUILT_IN_NAME else frozenset({str(tables.ledger.name)})
    return Declared(structure, own, every - own, tuple(uses(tables)), tables.schema or "")


def erp_of_2025() -> Structure:
    """Last year's structure of Malote's own tables, without the groups of IBS and CBS: for tests and for the demo."""
    current = erp_declared(BUILT_IN).structure
    return msgspec.structs.replace(current, version=1, tables=tuple(_without_reform(table) for table in current.tables))


@cache
def _store() -> Structure:
    """All its tables, wherever under ``database`` they are declared and whatever is loaded by now."""
    for module in pkgutil.iter_modules(database.__path__):
        if module.name.endswith("tables"):
            import_module(f"{database.__name__}.{module.name}")
    return structure_of(store_metadata, "store", STORE_VERSION)


def _without_reform(table: Table) -> Table:
    kept = tuple(one for one in table.columns if not one.name.startswith(_REFORM) and one.name not in _LATER)
    return msgspec.structs.replace(table, columns=kept)
