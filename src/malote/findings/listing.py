"""All that is wrong now, of the whole store and of every till: what status, metrics and alerts tell."""

from sqlalchemy import Engine

from malote.database.engine import reading
from malote.findings import lights, till_findings
from malote.findings.kinds import Finding
from malote.findings.store_findings import store_findings
from malote.findings.store_wide import store_wide


def findings(engine: Engine, now: float) -> list[Finding]:
    """The store's own, then those of its tills by name, each the heaviest first. Raises ``StoreError``.

    What concerns the whole store is told once, and not of each till again. Costs as much as there are tills that
    aren't green, and a look at the figures of all.
    """
    with reading(engine) as connection:
        whole = store_wide(connection, now)
        # Without what is the store's: green are the tills that are so but for that.
        rows = lights.troubled_tills(connection, now)
        ages = till_findings.ages(connection, [row.id for row in rows])
        of_tills = till_findings.findings(connection, rows, None, ages, now)
        of_store = store_findings(connection, now)
    return [*whole, *of_store, *(one for row in rows for one in of_tills.get(row.id, []))]
