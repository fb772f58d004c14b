"""What a posting user must be granted: for each table the verbs that Malote's statements use, and nothing else."""

from collections.abc import Sequence

import msgspec

from malote.erp.mapping import ErpTables, MappedTable, plain
from malote.erp.profiles.profile import PARTS
from malote.erp.targets import STAMPED


class Grant(msgspec.Struct, frozen=True):
    """One privilege on one object: ``UPDATE`` of ``columns`` (all, where there are none) ``ON`` ``target``."""

    verb: str
    target: str  # quoted, with its schema: "sale", "SCHEMA vendas"; "" for a privilege on the whole system
    user: str  # quoted
    columns: tuple[str, ...] = ()  # quoted
    table: str = ""  # the bare name; "" for what is no table

    @property
    def statement(self) -> str:
        return _together([self]).removesuffix(";")


class Use(msgspec.Struct, frozen=True):
    """One verb that posting uses on a table; with ``columns`` where only those are changed."""

    table: str
    verb: str
    columns: tuple[str, ...] = ()
    schema: str = ""  # where it is in another than the others


USAGE = "USAGE"  # of a sequence


def uses(erp: ErpTables) -> list[Use]:
    """Every verb of Malote's statements, table by table."""
    found = [Use(erp.ledger_name, verb) for verb in ("SELECT", "INSERT", "UPDATE", "DELETE")]
    for part in (erp.sale, erp.item, erp.payment):
        if part:
            found += [Use(part.name, verb) for verb in ("SELECT", "INSERT")]
    # A sale that its authorised version completes or replaces is written anew under its key.
    found.append(Use(erp.sale.name, "UPDATE", _changed(erp.sale)))
    found += [Use(part.name, "DELETE") for part in (erp.item, erp.payment) if part]
    if erp.stock:
        found += [Use(erp.stock.name, verb) for verb in ("SELECT", "INSERT")]
        found.append(Use(erp.stock.name, "UPDATE", (plain(erp.stock.columns.quantity.name),)))
    found += [Use(part.name, "INSERT") for part in (erp.cancellation, erp.number_void) if part]
    # A reversal is undone when the sale is authorised after all; DELETE has to look for the key.
    if erp.cancellation:
        found += [Use(erp.cancellation.name, verb) for verb in ("SELECT", "DELETE")]
    return found + _ordinary(erp)


def _ordinary(erp: ErpTables) -> list[Use]:
    """What tables of ordinary design need besides."""
    if erp.state is None:
        return []
    found = [Use(plain(erp.state.name), verb) for verb in ("SELECT", "INSERT", "UPDATE", "DELETE")]
    if erp.note:
        found += [Use(erp.note.name, verb) for verb in ("SELECT", "INSERT", "DELETE")]
        found.append(Use(erp.note.name, "UPDATE", _changed(erp.note)))
    if erp.tax:
        found += [Use(erp.tax.name, verb) for verb in ("SELECT", "INSERT", "DELETE")]
    if erp.movement:
        found.append(Use(erp.movement.name, "INSERT"))
    named = (mapped.sequence for part in PARTS if (mapped := erp.profile.part(part)))
    found += [Use(sequence, USAGE) for sequence in named if sequence]
    granted = {("", use.table) for use in found if use.verb == "SELECT"}
    asked = {table for query in erp.profile.query.values() for table in query.tables()}
    return found + [Use(table, "SELECT", schema=schema) for schema, table in sorted(asked - granted)]


def statements(granted: Sequence[Grant]) -> list[str]:
    """SQL for the DBA, one statement for each object."""
    by_object: dict[str, list[Grant]] = {}
    for grant in granted:
        by_object.setdefault(grant.target, []).append(grant)
    return [_together(same) for same in by_object.values()]


def _together(same: Sequence[Grant]) -> str:
    verbs = [f"{one.verb} ({', '.join(one.columns)})" if one.columns else one.verb for one in same]
    where = f" ON {same[0].target}" if same[0].target else ""
    return f"GRANT {', '.join(verbs)}{where} TO {same[0].user};"


def _changed(sale: MappedTable) -> tuple[str, ...]:
    fixed, found = {"access_key", STAMPED}, sale.of_sale
    return tuple(
        target.column
        for target in sale.targets
        if not (found and target in found.targets)
        and target.compiled.fields
        and not any(field.name in fixed for field in target.compiled.fields)
    )
